/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to what a person asked for: a replay or a letter. */
#include <stdio.h>

#include "cloud-link/uplink/outcome.h"
#include "firmware/base/cleanup.h"

static void fail(struct gw_exchange *x, const char *what, bool is_its_own) {
    struct gw_asked_failure failure = {
        .is_its_own = is_its_own,
        .retry_after_ms = gw_exchange_retry_after_ms(x),
        .code = x->reply.code,
    };
    gw_exchange_describe(x, what, failure.text);
    gw_lane_asked_failed(x->lane, &failure);
}

static void taken(struct gw_exchange *x, size_t count) {
    struct gw_lane *lane = x->lane;
    size_t whole = lane->batch.count;
    if (count == 0) {
        fail(x, "the centre wants it again", true);
        return;
    }
    enum gw_err err = gw_lane_settle(lane, count, &x->reply);
    if (err) {
        gw_exchange_note_store(x, err);
        fail(x, "the link store could not be written", true);
        return;
    }
    gw_lane_asked_succeeded(lane);
    if (x->uplink->pace.state != GW_SINK_STOPPED) {
        gw_pace_succeed(&x->uplink->pace, gw_uplink_now(x->uplink)); /* the centre is there */
    }
    if (count == whole) {
        gw_lane_size_after_success(lane);
    } else if (lane->replay.is_active) {
        gw_lane_asked_back_off(lane, 0);
    }
}

static void on_accept(struct gw_exchange *x) {
    for (size_t i = 0; i < x->lane->batch.count; i++) {
        x->lane->batch.slots[i].verdict = GW_DISPOSITION_ACCEPTED;
    }
    taken(x, x->lane->batch.count);
}

/* A replay has a budget of its own: it must not use up that of live events. A letter
 * is given up already. */
static bool may_give_up(struct gw_lane *lane, uint64_t more) {
    return lane->job == GW_JOB_LETTER
           || lane->replay.rejected + more <= lane->uplink->sink->dead_letters_per_hour;
}

static void on_per_event(struct gw_exchange *x) {
    size_t count = 0;
    enum gw_prefix_end end = gw_exchange_find_prefix(x, may_give_up, &count);
    if (count > 0 || end == GW_PREFIX_RETRY) {
        taken(x, count);
    }
    if (end == GW_PREFIX_TOO_MANY) {
        gw_lane_end_replay(x->lane, "the centre refused too many events of it");
    } else if (end == GW_PREFIX_TOMBSTONE_REFUSED) {
        fail(x, "the centre refused a tombstone", true);
    }
}

/* Refused: a replay is halved down to the event, which is left out of it. */
static void refuse(struct gw_exchange *x, const char *what, struct gw_str code) {
    struct gw_lane *lane = x->lane;
    char text[GW_UPLINK_ERROR_MAX];
    gw_exchange_describe(x, what, text);
    if (lane->job == GW_JOB_LETTER) {
        struct gw_str detail = x->reply.detail;
        gw_lane_close_asked(lane, x->reply.code.len ? x->reply.code : code,
                            detail.len ? detail : gw_str_from_cstr(text));
    } else if (lane->batch.count > 1) {
        lane->replay.max_slots = lane->batch.count / 2;
    } else {
        gw_lane_leave_out(lane, text);
        if (lane->replay.is_active) {
            fail(x, what, true);
        }
    }
}

static void on_bisect(struct gw_exchange *x) {
    refuse(x, "refused", GW_STR("refused"));
}

static void on_halve_batch(struct gw_exchange *x) {
    if (x->lane->batch.count > 1) {
        gw_lane_learn_cap(x->lane);
    } else {
        refuse(x, "too large for the centre", GW_STR("too_large"));
    }
}

static void on_refused_request(struct gw_exchange *x) {
    fail(x, "the request was refused", true);
}

static void on_retry(struct gw_exchange *x) {
    fail(x, "the centre could not take it", !gw_exchange_is_about_the_centre(x));
}

static void on_no_ack(struct gw_exchange *x) {
    fail(x, "an answer without the contract's echo", true);
}

static void (*const handlers[GW_ACTION_COUNT])(struct gw_exchange *x) = {
    [GW_ACTION_ACCEPT] = on_accept,
    [GW_ACTION_PER_EVENT] = on_per_event,
    [GW_ACTION_ALREADY_STORED] = on_accept,
    [GW_ACTION_BISECT] = on_bisect,
    [GW_ACTION_CONFIG_FAULT] = on_refused_request,
    [GW_ACTION_HALVE_BATCH] = on_halve_batch,
    [GW_ACTION_STOP_SINK] = on_refused_request,
    [GW_ACTION_RETRY] = on_retry,
    [GW_ACTION_NO_ACK] = on_no_ack,
};

void gw_asked_answered(struct gw_exchange *x) {
    handlers[gw_verdict_action(&x->reply.facts)](x);
}

void gw_asked_not_answered(struct gw_exchange *x) {
    struct gw_asked_failure failure = {0};
    (void) snprintf(failure.text, sizeof(failure.text), "%s: %.200s",
                    gw_http_fault_name(x->answer->fault), x->answer->text);
    gw_lane_asked_failed(x->lane, &failure);
}
