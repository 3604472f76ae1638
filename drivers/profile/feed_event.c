/* SPDX-License-Identifier: Apache-2.0 */
/* Observations as JSON: the data of an event (members sorted), and one line for a
 * person (the most telling first). */
#include "drivers/profile/feed.h"
#include "firmware/base/clock.h"

const char *gw_weight_state_name(enum gw_weight_state state) {
    static const char *const names[GW_WEIGHT_STATE_COUNT] = {
        [GW_WEIGHT_STABLE] = "stable", [GW_WEIGHT_DYNAMIC] = "dynamic",
        [GW_WEIGHT_OVER] = "over",     [GW_WEIGHT_UNDER] = "under",
        [GW_WEIGHT_ERROR] = "error",
    };
    return names[state];
}

const char *gw_weight_mode_name(enum gw_weight_mode mode) {
    static const char *const names[] = {
        [GW_MODE_UNKNOWN] = "",
        [GW_MODE_GROSS] = "gross",
        [GW_MODE_NET] = "net",
        [GW_MODE_TARE] = "tare",
    };
    return names[mode];
}

static const char *const remark_names[GW_REMARK_COUNT] = {
    "prefix_missing", "suffix_missing", "aim_missing", "gs_replaced",
    "unterminated",   "repeated",       "after_start", "high_resolution",
    "preset_tare",    "centre_of_zero", "calculated",  "time_unreadable",
};

/* ---- members ---- */

struct members {
    struct gw_buf *buf;
    bool has_any;
};

static void put_name(struct members *members, const char *name) {
    gw_buf_put_char(members->buf, members->has_any ? ',' : '{');
    gw_buf_put_json_str(members->buf, gw_str_from_cstr(name));
    gw_buf_put_char(members->buf, ':');
    members->has_any = true;
}

static void put_text(struct members *members, const char *name, struct gw_str text) {
    if (text.len > 0) {
        put_name(members, name);
        gw_buf_put_json_str(members->buf, text);
    }
}

static void put_number(struct members *members, const char *name, uint64_t number) {
    put_name(members, name);
    gw_buf_put_u64(members->buf, number);
}

static void put_remarks(struct members *members, unsigned remarks) {
    if (remarks == 0) {
        return;
    }
    put_name(members, "remarks");
    char before = '[';
    for (unsigned i = 0; i < GW_REMARK_COUNT; i++) {
        if ((remarks & (1U << i)) != 0) {
            gw_buf_put_char(members->buf, before);
            gw_buf_put_json_str(members->buf, gw_str_from_cstr(remark_names[i]));
            before = ',';
        }
    }
    gw_buf_put_char(members->buf, ']');
}

/* ---- bytes as text ---- */

static bool is_verbatim(struct gw_str text) {
    return gw_str_is_utf8(text) && gw_str_find(text, '\0', 0) == text.len;
}

/* One character of well-formed text inside a JSON string. */
static void put_character(struct gw_buf *buf, struct gw_str character) {
    unsigned char c = (unsigned char) character.ptr[0];
    if (c == '\\') {
        gw_buf_put_str(buf, GW_STR("\\\\\\\\")); /* ours, then JSON's */
    } else if (c == '"') {
        gw_buf_put_str(buf, GW_STR("\\\""));
    } else if (c < 0x20) {
        size_t from = buf->len;
        gw_buf_put_json_str(buf, character); /* "\n" or "\u00xx", in its quotes */
        struct gw_str quoted = gw_str_sub(gw_buf_str(buf), from, SIZE_MAX);
        char escape[8];
        size_t len = quoted.len > 2 ? quoted.len - 2 : 0;
        for (size_t i = 0; i < len; i++) {
            escape[i] = quoted.ptr[i + 1];
        }
        gw_buf_rewind(buf, from);
        gw_buf_put_str(buf, (struct gw_str){escape, len});
    } else {
        gw_buf_put_str(buf, character);
    }
}

static void put_escaped(struct gw_buf *buf, struct gw_str text) {
    static const char digits[] = "0123456789abcdef";
    gw_buf_put_char(buf, '"');
    for (size_t at = 0; at < text.len;) {
        struct gw_str rest = gw_str_sub(text, at, SIZE_MAX);
        size_t len = gw_str_utf8_len(rest);
        unsigned char c = (unsigned char) rest.ptr[0];
        if (len > 0 && c != '\0') {
            put_character(buf, gw_str_sub(rest, 0, len));
        } else {
            gw_buf_put_str(buf, GW_STR("\\\\x"));
            gw_buf_put_char(buf, digits[c >> 4]);
            gw_buf_put_char(buf, digits[c & 0x0f]);
            len = 1;
        }
        at += len;
    }
    gw_buf_put_char(buf, '"');
}

/* What the device sent, whatever bytes it is made of. */
static void put_sent(struct members *members, const char *name, struct gw_str text) {
    if (is_verbatim(text)) {
        put_text(members, name, text);
    } else {
        put_name(members, name);
        put_escaped(members->buf, text);
    }
}

static void put_encoding(struct members *members, const char *name, struct gw_str text) {
    if (!is_verbatim(text)) {
        put_text(members, name, GW_STR("escaped"));
    }
}

#define PUT_SENT(members, name, text)                                                          \
    do {                                                                                       \
        put_sent(members, name, text);                                                         \
        put_encoding(members, name "encoding", text);                                          \
    } while (0)

static struct gw_str raw_of(const struct gw_observed_item *item) {
    return gw_str_from_bytes(item->raw);
}

/* ---- data of events ---- */

static void put_parts(struct members *members, const struct gw_observed_item *item) {
    if (item->parts > 1) {
        put_number(members, "part", item->part);
        put_number(members, "parts", item->parts);
    }
}

static void put_scan(struct members *members, const struct gw_observed_item *item) {
    put_text(members, "aim", item->aim);
    PUT_SENT(members, "deviceeventid", item->event_id);
    put_parts(members, item);
    PUT_SENT(members, "raw", raw_of(item));
    put_remarks(members, item->remarks);
    if (item->repeat > 0) {
        put_number(members, "repeat", item->repeat);
    }
    PUT_SENT(members, "symbology", item->symbology);
}

static void put_weight(struct members *members, const struct gw_observed_item *item) {
    PUT_SENT(members, "detail", item->detail);
    PUT_SENT(members, "deviceeventid", item->event_id);
    put_text(members, "mode", gw_str_from_cstr(gw_weight_mode_name(item->mode)));
    PUT_SENT(members, "raw", raw_of(item));
    put_remarks(members, item->remarks);
    put_text(members, "state", gw_str_from_cstr(gw_weight_state_name(item->state)));
    put_text(members, "tare", item->tare);
    put_sent(members, "unit", item->unit);
    put_text(members, "unitcode", item->unit_code);
    put_encoding(members, "unitencoding", item->unit);
    put_text(members, "value", item->value);
}

static void put_condition(struct members *members, const struct gw_observed_item *item) {
    put_text(members, "condition", item->condition);
    PUT_SENT(members, "detail", item->detail);
    PUT_SENT(members, "raw", raw_of(item));
}

enum gw_err gw_feed_draft(const struct gw_observed_item *item,
                          const struct gw_feed_event *event, struct gw_buf *storage,
                          struct gw_event_draft *ret_draft) {
    static const struct {
        enum gw_event_type type;
        void (*put)(struct members *members, const struct gw_observed_item *item);
    } kinds[] = {
        [GW_OBSERVED_SCAN] = {GW_EVENT_SCAN_OBSERVED, put_scan},
        [GW_OBSERVED_WEIGHT] = {GW_EVENT_WEIGHT_MEASURED, put_weight},
        [GW_OBSERVED_CONDITION] = {GW_EVENT_DEVICE_CONDITION, put_condition},
    };
    if (item->kind == GW_UNDECODABLE) {
        return GW_ERR_INVALID;
    }
    if (gw_buf_failed(storage)) {
        return GW_ERR_FULL;
    }
    size_t before = storage->len;
    struct members members = {.buf = storage};
    kinds[item->kind].put(&members, item);
    gw_buf_put_char(storage, '}');
    bool is_full = gw_buf_failed(storage);
    struct gw_str data = gw_str_sub(gw_buf_str(storage), before, SIZE_MAX);
    if (is_full || data.len > GW_EVENT_DATA_MAX_BYTES) {
        gw_buf_rewind(storage, before);
        return is_full ? GW_ERR_FULL : GW_ERR_RANGE;
    }
    *ret_draft = (struct gw_event_draft){
        .type = kinds[item->kind].type,
        .class = event->class,
        .flags = event->flags,
        .time_wall_ms = item->time_wall_ms ? item->time_wall_ms : event->received_wall_ms,
        .device = event->device,
        .data = data,
    };
    return GW_OK;
}

/* ---- one line ---- */

static void show_scan(struct members *members, const struct gw_observed_item *item) {
    put_text(members, "aim", item->aim);
    PUT_SENT(members, "code", gw_str_from_bytes(item->code));
    PUT_SENT(members, "symbology", item->symbology);
    put_parts(members, item);
    if (item->repeat > 0) {
        put_number(members, "repeat", item->repeat);
    }
}

static void show_weight(struct members *members, const struct gw_observed_item *item) {
    put_text(members, "state", gw_str_from_cstr(gw_weight_state_name(item->state)));
    put_text(members, "value", item->value);
    PUT_SENT(members, "unit", item->unit);
    put_text(members, "unitcode", item->unit_code);
    put_text(members, "mode", gw_str_from_cstr(gw_weight_mode_name(item->mode)));
    put_text(members, "tare", item->tare);
    PUT_SENT(members, "detail", item->detail);
}

static void show_condition(struct members *members, const struct gw_observed_item *item) {
    put_text(members, "condition", item->condition);
    PUT_SENT(members, "detail", item->detail);
}

static void show_undecodable(struct members *members, const struct gw_observed_item *item) {
    put_text(members, "reason", item->detail);
    if (item->dropped_bytes > 0) {
        put_number(members, "droppedbytes", item->dropped_bytes);
    }
}

static void show_time(struct members *members, int64_t wall_ms) {
    if (wall_ms != 0) {
        put_name(members, "time");
        gw_buf_put_char(members->buf, '"');
        gw_time_put(members->buf, wall_ms);
        gw_buf_put_char(members->buf, '"');
    }
}

enum gw_err gw_feed_put_json(const struct gw_observed_item *item, struct gw_buf *buf) {
    static const struct {
        const char *name;
        void (*show)(struct members *members, const struct gw_observed_item *item);
    } kinds[] = {
        [GW_OBSERVED_SCAN] = {"scan", show_scan},
        [GW_OBSERVED_WEIGHT] = {"weight", show_weight},
        [GW_OBSERVED_CONDITION] = {"condition", show_condition},
        [GW_UNDECODABLE] = {"undecodable", show_undecodable},
    };
    if (gw_buf_failed(buf)) {
        return GW_ERR_FULL;
    }
    size_t before = buf->len;
    struct members members = {.buf = buf};
    put_text(&members, "kind", gw_str_from_cstr(kinds[item->kind].name));
    kinds[item->kind].show(&members, item);
    PUT_SENT(&members, "deviceeventid", item->event_id);
    show_time(&members, item->time_wall_ms);
    put_remarks(&members, item->remarks);
    PUT_SENT(&members, "raw", raw_of(item));
    gw_buf_put_char(buf, '}');
    if (gw_buf_failed(buf)) {
        gw_buf_rewind(buf, before);
        return GW_ERR_FULL;
    }
    return GW_OK;
}
