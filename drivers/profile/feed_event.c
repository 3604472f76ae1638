/* SPDX-License-Identifier: Apache-2.0 */
/* Observations as events: the members of their data are sorted. */
#include <string.h>

#include "drivers/profile/feed_members.h"
#include "firmware/gs1/gs1.h"

/* ---- data of events ---- */

static void put_parts(struct gw_members *members, const struct gw_observed_item *item) {
    if (item->parts > 1) {
        gw_members_put_number(members, "part", item->part);
        gw_members_put_number(members, "parts", item->parts);
    }
}

static void put_scan(struct gw_members *members, const struct gw_observed_item *item,
                     const struct gw_gs1_scan *gs1) {
    gw_members_put_text(members, "aim", item->aim);
    gw_members_put_both(members, "deviceeventid", "deviceeventidencoding", item->event_id);
    if (gs1) {
        gw_feed_put_link(members, gs1);
        gw_feed_put_gs1(members, gs1);
    }
    put_parts(members, item);
    gw_members_put_both(members, "raw", "rawencoding", gw_str_from_bytes(item->raw));
    gw_members_put_remarks(members, item->remarks);
    if (item->repeat > 0) {
        gw_members_put_number(members, "repeat", item->repeat);
    }
    gw_members_put_both(members, "symbology", "symbologyencoding", item->symbology);
}

static void put_weight(struct gw_members *members, const struct gw_observed_item *item,
                       const struct gw_gs1_scan *gs1) {
    (void) gs1;
    gw_members_put_both(members, "detail", "detailencoding", item->detail);
    gw_members_put_both(members, "deviceeventid", "deviceeventidencoding", item->event_id);
    gw_members_put_text(members, "mode", gw_str_from_cstr(gw_weight_mode_name(item->mode)));
    gw_members_put_both(members, "raw", "rawencoding", gw_str_from_bytes(item->raw));
    gw_members_put_remarks(members, item->remarks);
    gw_members_put_text(members, "state", gw_str_from_cstr(gw_weight_state_name(item->state)));
    gw_members_put_text(members, "tare", item->tare);
    gw_members_put_sent(members, "unit", item->unit);
    gw_members_put_text(members, "unitcode", item->unit_code);
    gw_members_put_encoding(members, "unitencoding", item->unit);
    gw_members_put_text(members, "value", item->value);
}

static void put_condition(struct gw_members *members, const struct gw_observed_item *item,
                          const struct gw_gs1_scan *gs1) {
    (void) gs1;
    gw_members_put_text(members, "condition", item->condition);
    gw_members_put_both(members, "detail", "detailencoding", item->detail);
    gw_members_put_both(members, "raw", "rawencoding", gw_str_from_bytes(item->raw));
}

/* ---- what the draft says beside its data ---- */

/* "(00)": logistic units are what transfers are made of. */
static struct gw_str find_sscc(const struct gw_gs1_scan *gs1) {
    for (size_t i = 0; gs1->ok && i < gs1->element_count; i++) {
        if (gs1->elements[i].number == 0) {
            return gs1->elements[i].value;
        }
    }
    return (struct gw_str){0};
}

/* Where subject and partition key stand in the storage. */
struct besides {
    size_t subject_at, subject_len;
    size_t key_at, key_len;
    size_t code_at, code_len;
};

static struct besides put_besides(struct gw_buf *storage, const struct gw_gs1_scan *gs1) {
    struct besides besides = {.subject_at = storage->len};
    if (gs1 && gs1->ok && !gw_gs1_put_digital_link(gs1, GW_GS1_LINK_IDENTITY, storage)) {
        besides.subject_len = storage->len - besides.subject_at;
    }
    if (besides.subject_len > GW_EVENT_SUBJECT_MAX_BYTES) {
        gw_buf_rewind(storage, besides.subject_at);
        besides.subject_len = 0;
    }
    besides.key_at = storage->len;
    gw_buf_put_str(storage, gs1 ? find_sscc(gs1) : (struct gw_str){0});
    besides.key_len = storage->len - besides.key_at;
    return besides;
}

/* Views of the item end with it, drafts of one message wait for each other. */
static void put_code(struct gw_buf *storage, const struct gw_observed_item *item,
                     struct besides *besides) {
    besides->code_at = storage->len;
    if (!gw_str_eq(gw_str_from_bytes(item->code), gw_str_from_bytes(item->raw))) {
        gw_buf_put_str(storage, gw_str_from_bytes(item->code));
    }
    besides->code_len = storage->len - besides->code_at;
}

/* ---- drafts ---- */

static const struct {
    enum gw_event_type type;
    void (*put)(struct gw_members *members, const struct gw_observed_item *item,
                const struct gw_gs1_scan *gs1);
} kinds[] = {
    [GW_OBSERVED_SCAN] = {GW_EVENT_SCAN_OBSERVED, put_scan},
    [GW_OBSERVED_WEIGHT] = {GW_EVENT_WEIGHT_MEASURED, put_weight},
    [GW_OBSERVED_CONDITION] = {GW_EVENT_DEVICE_CONDITION, put_condition},
};

enum gw_err gw_feed_draft(const struct gw_observed_item *item,
                          const struct gw_feed_event *event, struct gw_buf *storage,
                          struct gw_event_draft *ret_draft) {
    if (item->kind == GW_UNDECODABLE) {
        return GW_ERR_INVALID;
    }
    if (gw_buf_failed(storage)) {
        return GW_ERR_FULL;
    }
    size_t before = storage->len;
    struct gw_gs1_scan gs1;
    bool has_gs1 = gw_feed_read_gs1(item, storage, &gs1);
    size_t data_at = storage->len; /* behind the text that was read */
    struct gw_members members = {.buf = storage};
    kinds[item->kind].put(&members, item, has_gs1 ? &gs1 : NULL);
    gw_buf_put_char(storage, '}');
    size_t data_len = storage->len - data_at;
    struct besides besides = put_besides(storage, has_gs1 ? &gs1 : NULL);
    put_code(storage, item, &besides);
    bool is_full = gw_buf_failed(storage);
    if (is_full || data_len > GW_EVENT_DATA_MAX_BYTES) {
        gw_buf_rewind(storage, before);
        return is_full ? GW_ERR_FULL : GW_ERR_RANGE;
    }
    size_t shift = data_at - before;
    memmove(storage->data + before, storage->data + data_at, storage->len - data_at);
    gw_buf_rewind(storage, storage->len - shift);
    struct gw_str all = gw_buf_str(storage);
    *ret_draft = (struct gw_event_draft){
        .type = kinds[item->kind].type,
        .class = event->class,
        .flags = event->flags,
        .time_wall_ms = item->time_wall_ms ? item->time_wall_ms : event->received_wall_ms,
        .device = event->device,
        .data = gw_str_sub(all, before, data_len),
        .subject = gw_str_sub(all, besides.subject_at - shift, besides.subject_len),
        .partition_key = gw_str_sub(all, besides.key_at - shift, besides.key_len),
        .code = gw_str_sub(all, besides.code_at - shift, besides.code_len),
    };
    return GW_OK;
}
