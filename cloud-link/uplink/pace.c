/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud-link/uplink/pace.h"

#include "firmware/base/cleanup.h"

static const char *const state_names[GW_SINK_STATE_COUNT] = {
    [GW_SINK_CONNECTING] = "connecting",
    [GW_SINK_UP] = "up",
    [GW_SINK_WAITING] = "waiting",
    [GW_SINK_STOPPED] = "stopped",
};

const char *gw_sink_state_name(enum gw_sink_state state) {
    return (unsigned) state < GW_SINK_STATE_COUNT ? state_names[state] : "unknown";
}

void gw_pace_init(struct gw_pace *pace, int64_t now_mono_ms,
                  const struct gw_pace_limits *limits, uint64_t random) {
    *pace = (struct gw_pace){
        .state = GW_SINK_CONNECTING,
        .not_before_mono_ms = now_mono_ms + gw_backoff_first(limits->first_jitter_ms, random),
        .last_ok_mono_ms = now_mono_ms,
        .limits = *limits,
        .filled_mono_ms = now_mono_ms,
        .milli_tokens = (int64_t) limits->max_events_per_second * 1000,
    };
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

void gw_pace_succeed(struct gw_pace *pace, int64_t now_mono_ms) {
    pace->state = GW_SINK_UP;
    pace->last_ok_mono_ms = now_mono_ms;
    pace->not_before_mono_ms = later(now_mono_ms, pace->told_wait_mono_ms);
    pace->delay_ms = 0;
    pace->failures = 0;
}

void gw_pace_fail(struct gw_pace *pace, int64_t now_mono_ms, uint64_t retry_after_ms,
                  uint64_t random) {
    struct gw_backoff_limits limits = gw_backoff_limits_default();
    limits.cap_ms = pace->limits.retry_max_ms;
    pace->delay_ms = gw_backoff_next(&limits, pace->delay_ms, random);
    uint32_t delay_ms = gw_backoff_with_retry_after(retry_after_ms, pace->delay_ms);
    if (now_mono_ms - pace->last_ok_mono_ms > GW_PACE_LONG_OUTAGE_MS) {
        /* other bits of the number than gw_backoff_next uses */
        delay_ms += gw_backoff_first(pace->limits.first_jitter_ms, random << 32);
    }
    pace->state = GW_SINK_WAITING;
    pace->failures++;
    if (retry_after_ms > 0) {
        int64_t told = now_mono_ms + gw_backoff_with_retry_after(retry_after_ms, 0);
        pace->told_wait_mono_ms = later(told, pace->told_wait_mono_ms);
    }
    pace->not_before_mono_ms = later(now_mono_ms + delay_ms, pace->told_wait_mono_ms);
}

void gw_pace_stop(struct gw_pace *pace, int64_t now_mono_ms, uint32_t at_least_ms,
                  uint64_t random) {
    struct gw_backoff_limits limits = gw_backoff_limits_probe();
    bool again = pace->state == GW_SINK_STOPPED;
    pace->delay_ms = gw_backoff_next(&limits, again ? pace->delay_ms : 0, random);
    pace->state = GW_SINK_STOPPED;
    pace->failures++;
    pace->not_before_mono_ms =
        now_mono_ms + (pace->delay_ms > at_least_ms ? pace->delay_ms : at_least_ms);
}

void gw_pace_hurry(struct gw_pace *pace, int64_t now_mono_ms) {
    if (pace->not_before_mono_ms > now_mono_ms) {
        pace->not_before_mono_ms = now_mono_ms;
    }
}

bool gw_pace_may_send(const struct gw_pace *pace, int64_t now_mono_ms, unsigned in_flight) {
    return now_mono_ms >= pace->not_before_mono_ms
           && (pace->state == GW_SINK_UP || in_flight == 0);
}

void gw_pace_credit(struct gw_pace *pace, uint64_t max_events, uint32_t max_rate) {
    pace->credit_max_events = max_events;
    pace->credit_rate = max_rate;
}

static uint32_t rate_of(const struct gw_pace *pace) {
    uint32_t configured = pace->limits.max_events_per_second;
    if (configured == 0 || pace->credit_rate == 0) {
        return configured + pace->credit_rate;
    }
    return configured < pace->credit_rate ? configured : pace->credit_rate;
}

/* A bucket holds one second, so a drain begins with at most that at once. */
static void refill(struct gw_pace *pace, int64_t now_mono_ms, uint32_t rate) {
    int64_t full = (int64_t) rate * 1000;
    int64_t elapsed_ms = now_mono_ms - pace->filled_mono_ms;
    pace->filled_mono_ms = now_mono_ms;
    if (elapsed_ms >= 1000) {
        elapsed_ms = 1000;
        pace->milli_tokens = pace->milli_tokens < 0 ? pace->milli_tokens : 0;
    }
    pace->milli_tokens += elapsed_ms * (int64_t) rate;
    if (pace->milli_tokens > full) {
        pace->milli_tokens = full;
    }
}

uint64_t gw_pace_allowance(struct gw_pace *pace, int64_t now_mono_ms, uint64_t wanted,
                           int64_t *ret_when_mono_ms) {
    uint64_t limit = pace->credit_max_events ? pace->credit_max_events : UINT64_MAX;
    uint32_t rate = rate_of(pace);
    if (rate == 0) {
        return limit;
    }
    refill(pace, now_mono_ms, rate);
    uint64_t gather = rate >= 4 ? rate / 4 : 1;
    int64_t needed = (int64_t) (wanted < gather ? wanted : gather) * 1000;
    if (pace->milli_tokens < needed) {
        *ret_when_mono_ms = now_mono_ms + (needed - pace->milli_tokens + rate - 1) / rate;
        return 0;
    }
    uint64_t tokens = (uint64_t) (pace->milli_tokens / 1000);
    return tokens < limit ? tokens : limit;
}

void gw_pace_spend(struct gw_pace *pace, uint64_t events) {
    if (rate_of(pace) > 0) {
        pace->milli_tokens -= (int64_t) events * 1000;
    }
}
