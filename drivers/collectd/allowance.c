/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/collectd/allowance.h"

#define MINUTE_MS 60000

static void refill(struct gw_allowance *allowance, const struct gw_allowance_limits *limits,
                   int64_t now_mono_ms) {
    int64_t passed_ms = now_mono_ms - allowance->refilled_mono_ms;
    if (passed_ms <= 0 || allowance->used == 0) {
        allowance->refilled_mono_ms = now_mono_ms;
        return;
    }
    int64_t longest_ms = (int64_t) (limits->burst * MINUTE_MS / limits->per_minute) + MINUTE_MS;
    passed_ms = passed_ms < longest_ms ? passed_ms : longest_ms;
    uint64_t back = (uint64_t) passed_ms * limits->per_minute / MINUTE_MS;
    if (back > 0) { /* else fractions would get lost */
        allowance->used -= back < allowance->used ? back : allowance->used;
        allowance->refilled_mono_ms = now_mono_ms;
    }
}

int64_t gw_allowance_wait_ms(struct gw_allowance *allowance,
                             const struct gw_allowance_limits *limits, uint64_t amount,
                             int64_t now_mono_ms) {
    refill(allowance, limits, now_mono_ms);
    if (allowance->used + amount <= limits->burst) {
        return 0;
    }
    uint64_t missing = allowance->used + amount - limits->burst;
    return (int64_t) ((missing * MINUTE_MS + limits->per_minute - 1) / limits->per_minute);
}

void gw_allowance_take(struct gw_allowance *allowance, uint64_t amount) {
    allowance->used += amount;
}
