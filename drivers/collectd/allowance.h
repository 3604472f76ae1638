/* SPDX-License-Identifier: Apache-2.0 */
/* How much of something may come in: a bucket that is full at first and fills
 * steadily. Pure: time comes in. */
#ifndef GW_COLLECTD_ALLOWANCE_H
#define GW_COLLECTD_ALLOWANCE_H

#include <stdint.h>

struct gw_allowance_limits {
    uint64_t burst; /* at once, and the most it holds */
    uint64_t per_minute;
};

/* Zeroed = full. */
struct gw_allowance {
    uint64_t used;
    int64_t refilled_mono_ms; /* up to here what came back is counted */
};

/* 0 if `amount` may come now, which must be at most limits->burst; else in how many
 * milliseconds. Takes nothing. */
int64_t gw_allowance_wait_ms(struct gw_allowance *allowance,
                             const struct gw_allowance_limits *limits, uint64_t amount,
                             int64_t now_mono_ms);
/* It came. */
void gw_allowance_take(struct gw_allowance *allowance, uint64_t amount);

#endif
