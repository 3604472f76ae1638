/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before trying again. Pure: the caller passes the random
 * number (gw_random_bytes of a uint64_t) and the previous delay.
 *
 * Two different needs. After a failure: decorrelated jitter, which grows about
 * threefold and never synchronises. After a long outage: full jitter already on
 * the *first* attempt, because all gateways notice the end of the outage at the
 * same moment.
 */
#ifndef GW_POLICY_BACKOFF_H
#define GW_POLICY_BACKOFF_H

#include "firmware/base/str.h"

/* Against a centre. */
#define GW_BACKOFF_BASE_MS 500u
#define GW_BACKOFF_CAP_MS 60000u
/* A sink that is stopped or misconfigured: probe, do not hammer. */
#define GW_BACKOFF_PROBE_BASE_MS 60000u
#define GW_BACKOFF_PROBE_CAP_MS 600000u
/* Nobody may silence a gateway for longer with one header. */
#define GW_BACKOFF_RETRY_AFTER_CAP_MS 3600000u

struct gw_backoff_limits {
    uint32_t base_ms; /* least delay, > 0 */
    uint32_t cap_ms;  /* greatest, >= base_ms */
};

/* The limits above as values. */
struct gw_backoff_limits gw_backoff_limits_default(void);
struct gw_backoff_limits gw_backoff_limits_probe(void);

/* Uniform in [base, 3 * previous], at most cap; previous_ms 0 = first failure. */
uint32_t gw_backoff_next(const struct gw_backoff_limits *limits, uint32_t previous_ms,
                         uint64_t random);
/* Uniform in [0, window_ms]: the first attempt after an outage. */
uint32_t gw_backoff_first(uint32_t window_ms, uint64_t random);
/* The delay when the answer also carried Retry-After: never earlier than asked
 * (capped as above), and the own jittered delay on top, so that gateways given
 * the same number do not come back together. */
uint32_t gw_backoff_with_retry_after(uint64_t retry_after_ms, uint32_t own_delay_ms);
/* Value of a Retry-After header (RFC 9110, 10.2.3: seconds or IMF-fixdate) as
 * milliseconds from `now_wall_ms`; a date in the past is 0. PARSE. */
enum gw_err gw_backoff_parse_retry_after(struct gw_str value, int64_t now_wall_ms,
                                         uint64_t *ret_ms);

#endif
