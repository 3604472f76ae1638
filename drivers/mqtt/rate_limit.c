/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/rate_limit.h"

void gw_rate_limit_init(struct gw_rate_limit *limit, uint32_t per_second, int64_t now_mono_ms) {
    *limit = (struct gw_rate_limit){.per_second = per_second,
                                    .tokens_milli = (int64_t) per_second * 1000,
                                    .at_mono_ms = now_mono_ms};
}

bool gw_rate_limit_take(struct gw_rate_limit *limit, int64_t now_mono_ms) {
    if (limit->per_second == 0) {
        return true;
    }
    int64_t full = (int64_t) limit->per_second * 1000;
    int64_t passed_ms = now_mono_ms - limit->at_mono_ms;
    /* per_second tokens a second are per_second thousandths a millisecond. */
    int64_t refill = passed_ms >= 1000 ? full : passed_ms * limit->per_second;
    int64_t tokens = limit->tokens_milli + refill;
    limit->tokens_milli = tokens > full ? full : tokens;
    limit->at_mono_ms = now_mono_ms;
    if (limit->tokens_milli < 1000) {
        return false;
    }
    limit->tokens_milli -= 1000;
    return true;
}
