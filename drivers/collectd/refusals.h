/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What could not be held back and was refused, until its loss record is stored: a
 * bounded table of (device, class) -> how many since when. When the table is full,
 * what comes counts for "gateway": nothing goes uncounted. Pure.
 */
#ifndef GW_COLLECTD_REFUSALS_H
#define GW_COLLECTD_REFUSALS_H

#include "firmware/event/event.h"

#define GW_REFUSALS_MAX 32

struct gw_refusal {
    char device[GW_EVENT_NAME_MAX_BYTES + 1];
    enum gw_flow_class class;
    uint64_t count;
    int64_t since_wall_ms;
};

/* Zeroed = empty. The last row is the one of "gateway". */
struct gw_refusals {
    struct gw_refusal rows[GW_REFUSALS_MAX];
    size_t count;
    uint64_t total;
};

/* Count; `device` may be empty (unknown). */
void gw_refusals_add(struct gw_refusals *refusals, struct gw_str device,
                     enum gw_flow_class class, uint64_t count, int64_t now_wall_ms);
/* Data of the capture.refused event of a row, canonical JSON. FULL. */
enum gw_err gw_refusal_put_data(const struct gw_refusal *refusal, struct gw_buf *buf);
/* The row's record is stored: take it out. `index` < count. */
void gw_refusals_remove(struct gw_refusals *refusals, size_t index);

#endif
