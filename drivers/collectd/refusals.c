/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/collectd/refusals.h"

#include <string.h>

/* Kept for the gateway, so that nothing goes uncounted. */
#define GATEWAY_ROWS ((size_t) GW_CLASS_COUNT * GW_REFUSED_REASONS)
_Static_assert(GATEWAY_ROWS < GW_REFUSALS_MAX, "devices have rows too");

const char *gw_refusal_reason_name(enum gw_refusal_reason reason) {
    static const char *const names[GW_REFUSED_REASONS] = {
        [GW_REFUSED_FULL] = "full",         [GW_REFUSED_FAILED] = "store_failed",
        [GW_REFUSED_INVALID] = "invalid",   [GW_REFUSED_STOPPED] = "stopped",
        [GW_REFUSED_RATE] = "rate_limited",
    };
    return reason < GW_REFUSED_REASONS ? names[reason] : "unknown";
}

static struct gw_refusal *find(struct gw_refusals *refusals, const struct gw_refused *refused) {
    for (size_t i = 0; i < refusals->count; i++) {
        struct gw_refusal *row = &refusals->rows[i];
        if (row->class == refused->class && row->reason == refused->reason
            && gw_str_eq(gw_str_from_cstr(row->device), refused->device)) {
            return row;
        }
    }
    return NULL;
}

static struct gw_refusal *take(struct gw_refusals *refusals, const struct gw_refused *refused,
                               int64_t now_wall_ms) {
    struct gw_refusal *row = &refusals->rows[refusals->count];
    *row = (struct gw_refusal){
        .class = refused->class, .reason = refused->reason, .since_wall_ms = now_wall_ms};
    if (gw_str_copy(refused->device, row->device, sizeof row->device)) {
        memcpy(row->device, "gateway", sizeof "gateway");
    }
    refusals->count++;
    return row;
}

void gw_refusals_add(struct gw_refusals *refusals, const struct gw_refused *refused,
                     int64_t now_wall_ms) {
    static const struct gw_str gateway = {"gateway", sizeof "gateway" - 1};
    struct gw_refused wanted = *refused;
    if (wanted.device.len == 0) {
        wanted.device = gateway;
    }
    refusals->total += wanted.count;
    struct gw_refusal *row = find(refusals, &wanted);
    if (!row && refusals->count >= GW_REFUSALS_MAX - GATEWAY_ROWS) {
        wanted.device = gateway;
        row = find(refusals, &wanted);
    }
    if (!row) {
        row = take(refusals, &wanted, now_wall_ms);
    }
    if (row->count == row->telling) {
        row->after_wall_ms = now_wall_ms;
    }
    row->count += wanted.count;
}

enum gw_err gw_refusal_put_data(const struct gw_refusal *refusal, struct gw_buf *buf) {
    size_t before = buf->len;
    gw_buf_put_str(buf, GW_STR("{\"class\":"));
    gw_buf_put_json_str(buf, gw_str_from_cstr(gw_flow_class_name(refusal->class)));
    gw_buf_put_str(buf, GW_STR(",\"count\":"));
    gw_buf_put_u64(buf, refusal->count);
    gw_buf_printf(buf, ",\"reason\":\"%s\",\"since\":\"",
                  gw_refusal_reason_name(refusal->reason));
    gw_time_put(buf, refusal->since_wall_ms);
    gw_buf_put_str(buf, GW_STR("\"}"));
    if (gw_buf_failed(buf)) {
        gw_buf_rewind(buf, before);
        return GW_ERR_FULL;
    }
    return GW_OK;
}

void gw_refusals_begin(struct gw_refusals *refusals) {
    refusals->is_telling = true;
    for (size_t i = 0; i < refusals->count; i++) {
        refusals->rows[i].telling = refusals->rows[i].count;
    }
}

void gw_refusals_end(struct gw_refusals *refusals, bool is_stored) {
    size_t kept = 0;
    refusals->is_telling = false;
    for (size_t i = 0; i < refusals->count; i++) {
        struct gw_refusal row = refusals->rows[i];
        if (is_stored && row.telling > 0) {
            row.count -= row.telling;
            row.since_wall_ms = row.after_wall_ms;
        }
        row.telling = 0;
        if (row.count > 0) {
            refusals->rows[kept++] = row;
        }
    }
    refusals->count = kept;
}
