/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pace: when a sink may send, and how much. Pure; time and random numbers are
 * passed in.
 *
 * A failure that says something of the centre as a whole (no answer, 429, 503,
 * a stop) holds the whole sink: while it waits, one request at a time asks
 * whether it is over. The first attempt of a process, and every attempt once an
 * outage has lasted long, is spread over first_jitter_ms: ten thousand gateways
 * notice the end of an outage in the same second.
 */
#ifndef GW_CLOUD_LINK_PACE_H
#define GW_CLOUD_LINK_PACE_H

#include "firmware/base/loop.h"
#include "firmware/policy/backoff.h"

/* An outage of this length is a long one. */
#define GW_PACE_LONG_OUTAGE_MS 300000

enum gw_sink_state {
    GW_SINK_CONNECTING, /* nothing was answered yet */
    GW_SINK_UP,
    GW_SINK_WAITING, /* backing off after a failure */
    GW_SINK_STOPPED, /* somebody has to act; probed slowly */
    GW_SINK_STATE_COUNT
};
/* "connecting", "up", "waiting", "stopped". Static storage. */
const char *gw_sink_state_name(enum gw_sink_state state);

/* Of the configuration (firmware/config/config.h has the ranges). */
struct gw_pace_limits {
    uint32_t first_jitter_ms;       /* 0 = none */
    uint32_t retry_max_ms;          /* the longest wait after a failure */
    uint32_t max_events_per_second; /* 0 = no limit */
};

struct gw_pace {
    enum gw_sink_state state;
    int64_t not_before_mono_ms;
    int64_t told_wait_mono_ms; /* the centre's Retry-After: holds whatever another class
                                  hears meanwhile */
    int64_t last_ok_mono_ms;   /* or the start */
    uint32_t delay_ms;         /* the last one, input of the next */
    unsigned failures;         /* in a row */
    struct gw_pace_limits limits;
    /* token bucket in thousandths of an event; rate 0 = no limit */
    uint32_t credit_rate;
    int64_t filled_mono_ms;
    int64_t milli_tokens;
    uint64_t credit_max_events; /* of a batch; 0 = no limit */
};

/* Start as a new process: the first attempt is spread over first_jitter_ms. `limits`
 * is copied. */
void gw_pace_init(struct gw_pace *pace, int64_t now_mono_ms,
                  const struct gw_pace_limits *limits, uint64_t random);
/* The centre took something (or said it had): back to normal. */
void gw_pace_succeed(struct gw_pace *pace, int64_t now_mono_ms);
/* It failed; retry_after_ms is what it asked for, 0 = nothing. */
void gw_pace_fail(struct gw_pace *pace, int64_t now_mono_ms, uint64_t retry_after_ms,
                  uint64_t random);
/* Somebody has to act: probe slowly, at the earliest after at_least_ms. */
void gw_pace_stop(struct gw_pace *pace, int64_t now_mono_ms, uint32_t at_least_ms,
                  uint64_t random);
/* Try at once, whatever the state (a person changed something). */
void gw_pace_hurry(struct gw_pace *pace, int64_t now_mono_ms);

/* May a request start now, with `in_flight` others under way? */
bool gw_pace_may_send(const struct gw_pace *pace, int64_t now_mono_ms, unsigned in_flight);
/* What the answer said; 0 = no limit. */
void gw_pace_credit(struct gw_pace *pace, uint64_t max_events, uint32_t max_rate);
/* Events the next batch may hold (UINT64_MAX = any number) when `wanted` (> 0)
 * are waiting; 0 = wait until *ret_when_mono_ms. Under a rate limit a quarter of
 * a second is gathered, so that a drain is no train of tiny requests. */
uint64_t gw_pace_allowance(struct gw_pace *pace, int64_t now_mono_ms, uint64_t wanted,
                           int64_t *ret_when_mono_ms);
/* `events` were sent. */
void gw_pace_spend(struct gw_pace *pace, uint64_t events);

#endif
