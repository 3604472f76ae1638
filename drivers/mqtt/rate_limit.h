/* SPDX-License-Identifier: Apache-2.0 */
/* Token bucket of one device. Behind a broker many devices share one connection,
 * so a device over its limit cannot be slowed alone and nothing of it may be
 * dropped: the bucket only tells, the source raises an issue. Pure. */
#ifndef GW_MQTT_RATE_LIMIT_H
#define GW_MQTT_RATE_LIMIT_H

#include "firmware/base/str.h"

struct gw_rate_limit {
    uint32_t per_second; /* 0 = no limit */
    int64_t tokens_milli;
    int64_t at_mono_ms;
};

/* Full bucket: one second's worth may come at once. */
void gw_rate_limit_init(struct gw_rate_limit *limit, uint32_t per_second, int64_t now_mono_ms);
/* Count one message; false if it is over the limit. */
bool gw_rate_limit_take(struct gw_rate_limit *limit, int64_t now_mono_ms);

#endif
