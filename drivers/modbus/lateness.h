/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How late reads begin against their due time: a small histogram that forgets. Pure.
 *
 * Percentiles are the upper edge of their class, so they never flatter. Whenever 4096
 * reads are counted all classes are halved, so that the past weighs less and less.
 */
#ifndef GW_MODBUS_LATENESS_H
#define GW_MODBUS_LATENESS_H

#include <stdint.h>

#define GW_LATENESS_CLASSES 24

struct gw_lateness {
    uint32_t counts[GW_LATENESS_CLASSES];
    uint32_t total;
    uint32_t max_ms, max_before_ms; /* of this count to 4096 and of the one before */
};

struct gw_lateness_figures {
    uint32_t p50_ms, p99_ms, max_ms;
};

/* A read began so much after it was due; less than 0 counts as 0. */
void gw_lateness_add(struct gw_lateness *lateness, int64_t late_ms);
/* All 0 if nothing was counted. */
struct gw_lateness_figures gw_lateness_get(const struct gw_lateness *lateness);

#endif
