/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scans as GS1. Which elements must stand together is not judged here: a pallet label
 * has them in two bar codes, and an observation is one. Nothing is guessed: without
 * an AIM identifier a scan is GS1 only where the profile says so.
 */
#include "drivers/profile/feed_members.h"
#include "firmware/gs1/gs1.h"

bool gw_feed_read_gs1(const struct gw_observed_item *item, struct gw_buf *buf,
                      struct gw_gs1_scan *ret_scan) {
    size_t from = buf->len;
    if (item->kind != GW_OBSERVED_SCAN || item->gs1 == GW_GS1_NEVER) {
        return false;
    }
    gw_buf_put_str(buf, item->aim);
    gw_buf_put(buf, item->code);
    const struct gw_gs1_options options = {
        .assumed_aim = item->gs1 == GW_GS1_ALWAYS ? GW_STR("]C1") : (struct gw_str){0},
        .no_aim = item->no_aim,
        .association = GW_GS1_ACROSS_SCANS,
    };
    bool is_claimed = false;
    if (!gw_buf_failed(buf)) {
        gw_gs1_parse(gw_str_sub(gw_buf_str(buf), from, SIZE_MAX), &options, ret_scan);
        is_claimed = ret_scan->kind != GW_GS1_OTHER;
        if (!is_claimed) {
            gw_buf_rewind(buf, from);
        }
    }
    return is_claimed;
}

void gw_feed_put_link(struct gw_members *members, const struct gw_gs1_scan *scan) {
    struct gw_members before = *members;
    size_t from = members->buf->len;
    gw_members_put_name(members, "digitallink");
    gw_buf_put_char(members->buf, '"');
    if (!scan->ok || gw_gs1_put_digital_link(scan, GW_GS1_LINK_FULL, members->buf)) {
        *members = before;
        gw_buf_rewind(members->buf, from);
        return;
    }
    gw_buf_put_char(members->buf, '"'); /* a URI needs no escapes */
}

static void put_elements(struct gw_members *members, const struct gw_gs1_scan *scan) {
    struct gw_buf *buf = members->buf;
    gw_members_put_name(members, "elements");
    gw_buf_put_char(buf, '[');
    for (size_t i = 0; i < scan->element_count; i++) {
        const struct gw_gs1_element *element = &scan->elements[i];
        char ai[5];
        struct gw_members inner = {.buf = buf};
        gw_gs1_ai_format(element->ai, element->number, ai);
        if (i > 0) {
            gw_buf_put_char(buf, ',');
        }
        gw_members_put_text(&inner, "ai", gw_str_from_cstr(ai));
        gw_members_put_sent(&inner, "value", element->value);
        gw_buf_put_char(buf, '}');
    }
    gw_buf_put_char(buf, ']');
}

static void put_notes(struct gw_members *members, unsigned notes) {
    if (notes == 0) {
        return;
    }
    gw_members_put_name(members, "notes");
    char before = '[';
    for (; notes != 0; notes &= notes - 1) { /* the lowest goes */
        gw_buf_put_char(members->buf, before);
        gw_buf_put_json_str(members->buf, gw_str_from_cstr(gw_gs1_note_name(notes)));
        before = ',';
    }
    gw_buf_put_char(members->buf, ']');
}

static void put_why(struct gw_members *members, const struct gw_gs1_scan *scan) {
    char storage[512];
    struct gw_buf why;
    gw_buf_init(&why, storage, sizeof storage);
    gw_members_put_text(members, "reason",
                        gw_str_from_cstr(gw_gs1_reason_name(scan->why.reason)));
    if (!gw_gs1_put_why(scan, &why)) {
        gw_members_put_text(members, "why", gw_buf_str(&why));
    }
}

void gw_feed_put_gs1(struct gw_members *members, const struct gw_gs1_scan *scan) {
    struct gw_members inner = {.buf = members->buf};
    gw_members_put_name(members, "gs1");
    put_elements(&inner, scan);
    gw_members_put_text(&inner, "kind", gw_str_from_cstr(gw_gs1_kind_name(scan->kind)));
    put_notes(&inner, scan->notes);
    gw_members_put_name(&inner, "ok");
    gw_buf_put_str(members->buf, scan->ok ? GW_STR("true") : GW_STR("false"));
    if (!scan->ok) {
        put_why(&inner, scan);
    }
    gw_buf_put_char(members->buf, '}');
}
