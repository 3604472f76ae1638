/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/feed_members.h"

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
    "prefix_missing", "suffix_missing",  "aim_missing",     "gs_replaced", "unterminated",
    "repeated",       "after_start",     "high_resolution", "preset_tare", "centre_of_zero",
    "calculated",     "time_unreadable", "same_as_before",  "late",
};

/* ---- members ---- */

void gw_members_put_name(struct gw_members *members, const char *name) {
    gw_buf_put_char(members->buf, members->has_any ? ',' : '{');
    gw_buf_put_json_str(members->buf, gw_str_from_cstr(name));
    gw_buf_put_char(members->buf, ':');
    members->has_any = true;
}

void gw_members_put_text(struct gw_members *members, const char *name, struct gw_str text) {
    if (text.len > 0) {
        gw_members_put_name(members, name);
        gw_buf_put_json_str(members->buf, text);
    }
}

void gw_members_put_number(struct gw_members *members, const char *name, uint64_t number) {
    gw_members_put_name(members, name);
    gw_buf_put_u64(members->buf, number);
}

void gw_members_put_remarks(struct gw_members *members, unsigned remarks) {
    if (remarks == 0) {
        return;
    }
    gw_members_put_name(members, "remarks");
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

void gw_members_put_sent(struct gw_members *members, const char *name, struct gw_str text) {
    if (is_verbatim(text)) {
        gw_members_put_text(members, name, text);
    } else {
        gw_members_put_name(members, name);
        put_escaped(members->buf, text);
    }
}

void gw_members_put_encoding(struct gw_members *members, const char *name, struct gw_str text) {
    if (!is_verbatim(text)) {
        gw_members_put_text(members, name, GW_STR("escaped"));
    }
}

void gw_members_put_both(struct gw_members *members, const char *name, const char *encoding,
                         struct gw_str text) {
    gw_members_put_sent(members, name, text);
    gw_members_put_encoding(members, encoding, text);
}
