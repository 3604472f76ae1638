/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/collectd/refusals.h"

#include <string.h>

static struct gw_refusal *find(struct gw_refusals *refusals, struct gw_str device,
                               enum gw_flow_class class) {
    for (size_t i = 0; i < refusals->count; i++) {
        struct gw_refusal *row = &refusals->rows[i];
        if (row->class == class && gw_str_eq(gw_str_from_cstr(row->device), device)) {
            return row;
        }
    }
    return NULL;
}

static struct gw_refusal *take(struct gw_refusals *refusals, struct gw_str device,
                               enum gw_flow_class class, int64_t now_wall_ms) {
    struct gw_refusal *row = &refusals->rows[refusals->count];
    *row = (struct gw_refusal){.class = class, .since_wall_ms = now_wall_ms};
    if (gw_str_copy(device, row->device, sizeof row->device)) {
        memcpy(row->device, "gateway", sizeof "gateway");
    }
    refusals->count++;
    return row;
}

void gw_refusals_add(struct gw_refusals *refusals, struct gw_str device,
                     enum gw_flow_class class, uint64_t count, int64_t now_wall_ms) {
    static const struct gw_str gateway = {"gateway", sizeof "gateway" - 1};
    if (device.len == 0) {
        device = gateway;
    }
    refusals->total += count;
    struct gw_refusal *row = find(refusals, device, class);
    /* The last rows are kept for the gateway, one for each class. */
    if (!row && refusals->count >= GW_REFUSALS_MAX - GW_CLASS_COUNT) {
        device = gateway;
        row = find(refusals, device, class);
    }
    if (!row) {
        row = take(refusals, device, class, now_wall_ms);
    }
    row->count += count;
}

enum gw_err gw_refusal_put_data(const struct gw_refusal *refusal, struct gw_buf *buf) {
    size_t before = buf->len;
    gw_buf_put_str(buf, GW_STR("{\"class\":"));
    gw_buf_put_json_str(buf, gw_str_from_cstr(gw_flow_class_name(refusal->class)));
    gw_buf_put_str(buf, GW_STR(",\"count\":"));
    gw_buf_put_u64(buf, refusal->count);
    gw_buf_put_str(buf, GW_STR(",\"reason\":\"full\",\"since\":\""));
    gw_time_put(buf, refusal->since_wall_ms);
    gw_buf_put_str(buf, GW_STR("\"}"));
    if (gw_buf_failed(buf)) {
        gw_buf_rewind(buf, before);
        return GW_ERR_FULL;
    }
    return GW_OK;
}

void gw_refusals_remove(struct gw_refusals *refusals, size_t index) {
    refusals->rows[index] = refusals->rows[--refusals->count];
}
