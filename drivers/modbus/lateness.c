/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/lateness.h"

#define HALVE_AT 4096

static const uint32_t edges_ms[GW_LATENESS_CLASSES] = {
    0,  1,  2,   3,   4,   6,   8,   10,   13,   16,   20,    30,
    40, 60, 100, 150, 250, 400, 600, 1000, 2000, 5000, 20000, UINT32_MAX};

static unsigned class_of(uint32_t late_ms) {
    unsigned class = 0;
    while (late_ms > edges_ms[class]) {
        class ++;
    }
    return class;
}

static void halve(struct gw_lateness *lateness) {
    lateness->total = 0;
    for (unsigned i = 0; i < GW_LATENESS_CLASSES; i++) {
        lateness->counts[i] /= 2;
        lateness->total += lateness->counts[i];
    }
    lateness->max_before_ms = lateness->max_ms;
    lateness->max_ms = 0;
}

void gw_lateness_add(struct gw_lateness *lateness, int64_t late_ms) {
    uint32_t late = late_ms < 0 ? 0 : late_ms > INT32_MAX ? INT32_MAX : (uint32_t) late_ms;
    if (lateness->total >= HALVE_AT) {
        halve(lateness);
    }
    lateness->counts[class_of(late)]++;
    lateness->total++;
    lateness->max_ms = late > lateness->max_ms ? late : lateness->max_ms;
}

/* Upper edge of the class that holds the read of that rank, from 1. */
static uint32_t edge_at(const struct gw_lateness *lateness, uint32_t rank, uint32_t max_ms) {
    uint32_t seen = 0;
    for (unsigned i = 0; i < GW_LATENESS_CLASSES; i++) {
        seen += lateness->counts[i];
        if (seen >= rank) {
            return edges_ms[i] < max_ms ? edges_ms[i] : max_ms;
        }
    }
    return max_ms;
}

struct gw_lateness_figures gw_lateness_get(const struct gw_lateness *lateness) {
    uint32_t max_ms =
        lateness->max_ms > lateness->max_before_ms ? lateness->max_ms : lateness->max_before_ms;
    if (lateness->total == 0) {
        return (struct gw_lateness_figures){0};
    }
    uint32_t total = lateness->total;
    return (struct gw_lateness_figures){
        .p50_ms = edge_at(lateness, (total + 1) / 2, max_ms),
        .p99_ms = edge_at(lateness, total - total / 100, max_ms),
        .max_ms = max_ms,
    };
}
