/* SPDX-License-Identifier: Apache-2.0 */
/* Observations as lines for a person: the most telling first. */
#include <string.h>

#include "drivers/profile/feed_members.h"
#include "firmware/base/clock.h"
#include "firmware/gs1/gs1.h"

static void show_scan(struct gw_members *members, const struct gw_observed_item *item) {
    gw_members_put_text(members, "aim", item->aim);
    gw_members_put_both(members, "code", "codeencoding", gw_str_from_bytes(item->code));
    gw_members_put_both(members, "symbology", "symbologyencoding", item->symbology);
    if (item->parts > 1) {
        gw_members_put_number(members, "part", item->part);
        gw_members_put_number(members, "parts", item->parts);
    }
    if (item->repeat > 0) {
        gw_members_put_number(members, "repeat", item->repeat);
    }
}

static void show_weight(struct gw_members *members, const struct gw_observed_item *item) {
    gw_members_put_text(members, "state", gw_str_from_cstr(gw_weight_state_name(item->state)));
    gw_members_put_text(members, "value", item->value);
    gw_members_put_both(members, "unit", "unitencoding", item->unit);
    gw_members_put_text(members, "unitcode", item->unit_code);
    gw_members_put_text(members, "mode", gw_str_from_cstr(gw_weight_mode_name(item->mode)));
    gw_members_put_text(members, "tare", item->tare);
    gw_members_put_both(members, "detail", "detailencoding", item->detail);
}

static void show_condition(struct gw_members *members, const struct gw_observed_item *item) {
    gw_members_put_text(members, "condition", item->condition);
    gw_members_put_both(members, "detail", "detailencoding", item->detail);
}

static void show_undecodable(struct gw_members *members, const struct gw_observed_item *item) {
    gw_members_put_text(members, "reason", item->detail);
    if (item->dropped_bytes > 0) {
        gw_members_put_number(members, "droppedbytes", item->dropped_bytes);
    }
}

static void show_time(struct gw_members *members, int64_t wall_ms) {
    if (wall_ms != 0) {
        gw_members_put_name(members, "time");
        gw_buf_put_char(members->buf, '"');
        gw_time_put(members->buf, wall_ms);
        gw_buf_put_char(members->buf, '"');
    }
}

static const struct {
    const char *name;
    void (*show)(struct gw_members *members, const struct gw_observed_item *item);
} kinds[] = {
    [GW_OBSERVED_SCAN] = {"scan", show_scan},
    [GW_OBSERVED_WEIGHT] = {"weight", show_weight},
    [GW_OBSERVED_CONDITION] = {"condition", show_condition},
    [GW_UNDECODABLE] = {"undecodable", show_undecodable},
};

static void put_line(const struct gw_observed_item *item, const struct gw_gs1_scan *gs1,
                     struct gw_buf *buf) {
    struct gw_members members = {.buf = buf};
    gw_members_put_text(&members, "kind", gw_str_from_cstr(kinds[item->kind].name));
    kinds[item->kind].show(&members, item);
    gw_members_put_both(&members, "deviceeventid", "deviceeventidencoding", item->event_id);
    show_time(&members, item->time_wall_ms);
    gw_members_put_remarks(&members, item->remarks);
    gw_members_put_both(&members, "raw", "rawencoding", gw_str_from_bytes(item->raw));
    if (gs1) {
        gw_feed_put_link(&members, gs1);
        gw_feed_put_gs1(&members, gs1);
    }
    gw_buf_put_char(buf, '}');
}

enum gw_err gw_feed_put_json(const struct gw_observed_item *item, struct gw_buf *buf) {
    if (gw_buf_failed(buf)) {
        return GW_ERR_FULL;
    }
    size_t before = buf->len;
    struct gw_gs1_scan gs1;
    bool has_gs1 = gw_feed_read_gs1(item, buf, &gs1);
    size_t line_at = buf->len; /* behind the text that was read */
    put_line(item, has_gs1 ? &gs1 : NULL, buf);
    if (gw_buf_failed(buf)) {
        gw_buf_rewind(buf, before);
        return GW_ERR_FULL;
    }
    size_t len = buf->len - line_at;
    memmove(buf->data + before, buf->data + line_at, len);
    gw_buf_rewind(buf, before + len);
    return GW_OK;
}
