/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer came (or none): what to do is a table by action, the action is the
 * table of firmware/policy/verdict.h.
 */
#include <stdio.h>

#include "cloud-link/uplink/outcome.h"
#include "firmware/base/cleanup.h"

/* A request that fails this often in a row with 500 is taken apart. */
#define FAULTS_TO_ISOLATE 3

/* ---- no answer ---- */

static const enum gw_issue_code issue_of_fault[GW_HTTP_FAULT_COUNT] = {
    [GW_HTTP_UNREACHABLE] = GW_ISSUE_UPLINK_UNREACHABLE,
    [GW_HTTP_TIMED_OUT] = GW_ISSUE_UPLINK_UNREACHABLE,
    [GW_HTTP_PEER_CERTIFICATE] = GW_ISSUE_UPLINK_TLS,
    [GW_HTTP_OWN_CERTIFICATE] = GW_ISSUE_UPLINK_TLS,
    [GW_HTTP_TLS] = GW_ISSUE_UPLINK_TLS,
    [GW_HTTP_BAD_ANSWER] = GW_ISSUE_UPLINK_BAD_ANSWER,
};

static void not_answered(struct gw_exchange *x) {
    gw_uplink_note_error(x->uplink, "%s: %s", gw_http_fault_name(x->answer->fault),
                         x->answer->text);
    if (x->answer->fault == GW_HTTP_TIMED_OUT || x->answer->fault == GW_HTTP_BAD_ANSWER) {
        gw_lane_shrink(x->lane); /* a slow link or a large answer: ask for less at once */
    }
    gw_uplink_fail(x->uplink, issue_of_fault[x->answer->fault], 0);
}

/* ---- actions ---- */

void gw_exchange_describe(const struct gw_exchange *x, const char *what,
                          char text[static GW_UPLINK_ERROR_MAX]) {
    struct gw_str type = x->answer->content_type;
    if (x->reply.code.len > 0) {
        (void) snprintf(text, GW_UPLINK_ERROR_MAX, "%s: HTTP %u, %.*s: %.*s", what,
                        x->answer->status, GW_STR_ARG(x->reply.code),
                        GW_STR_ARG(x->reply.detail));
    } else {
        (void) snprintf(text, GW_UPLINK_ERROR_MAX, "%s: HTTP %u, %.*s", what, x->answer->status,
                        (int) (type.len < 80 ? type.len : 80),
                        type.len ? type.ptr : "no content type");
    }
}

static void note_status(struct gw_exchange *x, const char *what) {
    gw_exchange_describe(x, what, x->uplink->error);
}

uint64_t gw_exchange_retry_after_ms(const struct gw_exchange *x) {
    uint64_t ms = 0;
    enum gw_err err = gw_backoff_parse_retry_after(x->answer->retry_after,
                                                   gw_clock_wall_ms(x->uplink->clock), &ms);
    return err ? 0 : ms;
}

void gw_exchange_note_store(struct gw_exchange *x, enum gw_err err) {
    if (err == GW_ERR_FULL) {
        gw_uplink_note_error(x->uplink, "there is no room for another dead letter");
        return; /* the issue is raised already */
    }
    gw_uplink_note_error(x->uplink, "the link store could not be written: %s",
                         gw_err_name(err));
    gw_health_raise(x->uplink->health, GW_ISSUE_STORE_WRITE_FAILED, GW_STR("link"),
                    "link store: %s", gw_err_name(err));
}

/* `count` slots are settled; the rest of the batch has to go out again. */
static void taken(struct gw_exchange *x, size_t count) {
    struct gw_lane *lane = x->lane;
    size_t whole = lane->batch.count;
    enum gw_err err = gw_lane_settle(lane, count, &x->reply);
    if (err == GW_ERR_FULL) {
        gw_exchange_note_store(x, err);
        count = gw_lane_count_unkept(lane, count);
        err = gw_lane_settle(lane, count, &x->reply);
    }
    if (err) {
        gw_exchange_note_store(x, err);
        gw_lane_back_off(lane);
        return;
    }
    if (count > 0 || whole == 0) {
        gw_pace_succeed(&x->uplink->pace, gw_uplink_now(x->uplink));
        gw_uplink_clear_trouble(x->uplink);
    }
    if (count == whole) {
        lane->delay_ms = 0;
        gw_lane_size_after_success(lane);
        return;
    }
    lane->delay_ms = count > 0 ? 0 : lane->delay_ms;
    gw_lane_back_off(lane);
}

static void on_accept(struct gw_exchange *x) {
    for (size_t i = 0; i < x->lane->batch.count; i++) {
        x->lane->batch.slots[i].verdict = GW_DISPOSITION_ACCEPTED;
    }
    taken(x, x->lane->batch.count);
}

enum gw_prefix_end gw_exchange_find_prefix(struct gw_exchange *x,
                                           bool (*may_give_up)(struct gw_lane *lane,
                                                               uint64_t more),
                                           size_t *ret_count) {
    struct gw_batch *batch = &x->lane->batch;
    uint64_t given_up = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct gw_slot *slot = &batch->slots[i];
        *ret_count = i;
        if (slot->verdict == GW_SLOT_UNNAMED) {
            slot->verdict =
                x->reply.facts.echoes ? GW_DISPOSITION_ACCEPTED : GW_DISPOSITION_RETRY;
        }
        const struct gw_disposition_rules *rules =
            gw_disposition_find((enum gw_disposition) slot->verdict);
        if (!rules->advances_cursor) {
            return GW_PREFIX_RETRY;
        }
        if (slot->is_tombstone && rules->is_kept) {
            return GW_PREFIX_TOMBSTONE_REFUSED;
        }
        if (rules->is_kept && !may_give_up(x->lane, ++given_up)) {
            return GW_PREFIX_TOO_MANY;
        }
    }
    *ret_count = batch->count;
    return GW_PREFIX_WHOLE;
}

static bool may_give_up(struct gw_lane *lane, uint64_t more) {
    return gw_uplink_may_give_up(lane->uplink, more);
}

static void on_per_event(struct gw_exchange *x) {
    size_t count = 0;
    enum gw_prefix_end end = gw_exchange_find_prefix(x, may_give_up, &count);
    taken(x, count);
    if (end == GW_PREFIX_TOO_MANY) {
        gw_uplink_note_error(x->uplink, "the centre refused more than %u events in an hour",
                             x->uplink->sink->dead_letters_per_hour);
        gw_uplink_stop(x->uplink, GW_ISSUE_UPLINK_STOPPED, 0);
    } else if (end == GW_PREFIX_TOMBSTONE_REFUSED) {
        gw_uplink_note_error(x->uplink, "the centre refused a tombstone");
        gw_uplink_raise(x->uplink, GW_ISSUE_UPLINK_BAD_ANSWER);
    }
}

static void on_config_fault(struct gw_exchange *x) {
    note_status(x, "the request itself was refused");
    gw_uplink_stop(x->uplink, GW_ISSUE_UPLINK_CONFIG, 0);
}

static void on_stop_sink(struct gw_exchange *x) {
    note_status(x, "the centre refuses this gateway");
    gw_uplink_stop(x->uplink, GW_ISSUE_UPLINK_STOPPED, 0);
}

static void on_no_ack(struct gw_exchange *x) {
    note_status(x, "an answer without the contract's echo");
    gw_uplink_fail(x->uplink, GW_ISSUE_UPLINK_BAD_ANSWER, gw_exchange_retry_after_ms(x));
}

/* Nothing was accepted since suspects were taken aside: it is not the events. */
static bool is_all_unproved(const struct gw_exchange *x, const struct gw_track *track) {
    for (unsigned i = 0; i < track->held_count; i++) {
        if (x->uplink->accepted > track->held[i].accepted_at_refusal) {
            return false;
        }
    }
    return track->held_count > 0;
}

static void hold(struct gw_exchange *x, enum gw_held_cause cause) {
    struct gw_track *track = x->lane->track;
    enum gw_err err = gw_track_hold(track, x->lane->batch.first, cause, x->uplink->accepted,
                                    x->reply.code, x->reply.detail);
    if (err == GW_ERR_NOENT) {
        return; /* trimmed meanwhile: the answer is about nothing that can be sent */
    }
    bool is_full = err || track->held_count == GW_TRACK_HELD_MAX;
    if (is_full && is_all_unproved(x, track)) {
        gw_track_forgive(track);
        note_status(x, "the centre refuses every event");
        gw_uplink_stop(x->uplink, GW_ISSUE_UPLINK_STOPPED, 0);
    }
}

static void on_halve_batch(struct gw_exchange *x) {
    if (x->lane->batch.count > 1) {
        gw_lane_learn_cap(x->lane);
    } else {
        on_config_fault(x);
    }
}

static void bisect_forward(struct gw_exchange *x, enum gw_held_cause cause) {
    struct gw_lane *lane = x->lane;
    if (lane->batch.count > 1) {
        gw_track_bisect(lane->track, lane->batch.first, lane->batch.count);
    } else if (lane->batch.slots[0].is_tombstone) {
        on_config_fault(x); /* a tombstone cannot be given up */
    } else {
        hold(x, cause);
    }
}

static void on_bisect(struct gw_exchange *x) {
    struct gw_lane *lane = x->lane;
    note_status(x, "a batch was refused");
    if (lane->job == GW_JOB_FORWARD) {
        bisect_forward(x, GW_HELD_REFUSED);
    } else if (lane->job == GW_JOB_PROBE) {
        gw_track_refuse_again(lane->track, lane->batch.first, GW_HELD_REFUSED,
                              x->uplink->accepted, x->reply.code, x->reply.detail);
    } else {
        on_config_fault(x);
    }
}

bool gw_exchange_is_about_the_centre(const struct gw_exchange *x) {
    unsigned status = x->answer->status;
    return status == 408 || status == 425 || status == 429 || (status >= 502 && status <= 504)
           || x->answer->retry_after.len > 0;
}

static bool has_unproved_fault(const struct gw_exchange *x, const struct gw_track *track) {
    for (unsigned i = 0; i < track->held_count; i++) {
        if (track->held[i].cause == GW_HELD_SERVER_FAULT && !track->held[i].is_given_up
            && track->held[i].accepted_at_refusal == x->uplink->accepted) {
            return true;
        }
    }
    return false;
}

/* The same batch fails again and again while the centre is there: perhaps one
 * event of it is more than the centre can take. */
static void isolate(struct gw_exchange *x) {
    struct gw_lane *lane = x->lane;
    struct gw_track *track = lane->track;
    if (lane->job == GW_JOB_PROBE) {
        gw_track_refuse_again(track, lane->batch.first, GW_HELD_SERVER_FAULT,
                              x->uplink->accepted, GW_STR("server_fault"), x->reply.detail);
        return;
    }
    if (lane->job != GW_JOB_FORWARD) {
        return;
    }
    if (has_unproved_fault(x, track)) {
        gw_track_forgive(track); /* its neighbour fails too: an outage */
        return;
    }
    track->faults++;
    if (track->bad_slots > 0 || track->faults >= FAULTS_TO_ISOLATE) {
        x->reply.code = GW_STR("server_fault");
        bisect_forward(x, GW_HELD_SERVER_FAULT);
    }
}

static void on_retry(struct gw_exchange *x) {
    note_status(x, "the centre could not take it");
    if (gw_exchange_is_about_the_centre(x)) {
        gw_uplink_fail(x->uplink, GW_ISSUE_UPLINK_UNREACHABLE, gw_exchange_retry_after_ms(x));
        return;
    }
    x->uplink->failures++;
    (*x->uplink->failure_counter)++;
    gw_lane_back_off(x->lane);
    if (x->answer->status == 500) {
        isolate(x);
    }
    if (x->uplink->failures > 1) {
        gw_uplink_raise(x->uplink, GW_ISSUE_UPLINK_UNREACHABLE);
    }
}

static void (*const handlers[GW_ACTION_COUNT])(struct gw_exchange *x) = {
    [GW_ACTION_ACCEPT] = on_accept,
    [GW_ACTION_PER_EVENT] = on_per_event,
    [GW_ACTION_ALREADY_STORED] = on_accept,
    [GW_ACTION_BISECT] = on_bisect,
    [GW_ACTION_CONFIG_FAULT] = on_config_fault,
    [GW_ACTION_HALVE_BATCH] = on_halve_batch,
    [GW_ACTION_STOP_SINK] = on_stop_sink,
    [GW_ACTION_RETRY] = on_retry,
    [GW_ACTION_NO_ACK] = on_no_ack,
};

/* ---- the answer ---- */

static void obey_credit(struct gw_exchange *x) {
    const struct gw_credit *credit = &x->reply.credit;
    if (x->reply.facts.content != GW_CONTENT_CONTRACT) {
        return;
    }
    /* a credit holds until the next answer says something else */
    gw_pace_credit(&x->uplink->pace, credit->max_events, credit->max_rate);
    if (credit->has_pause) {
        x->uplink->lanes[credit->pause_class].paused_until_mono_ms =
            gw_uplink_now(x->uplink) + credit->pause_ms;
    }
}

static void answered(struct gw_exchange *x) {
    struct gw_lane *lane = x->lane;
    gw_watch_answered(&x->uplink->watch, gw_uplink_now(x->uplink));
    gw_health_clear(x->uplink->health, GW_ISSUE_UPLINK_TLS, x->uplink->name);
    gw_reply_parse(x->answer, x->uplink->ack_mode, lane->epoch, lane->class, &lane->batch,
                   &x->reply);
    obey_credit(x);
    if (gw_lane_is_asked(lane)) {
        gw_asked_answered(x);
    } else {
        handlers[gw_verdict_action(&x->reply.facts)](x);
    }
    gw_reply_close(&x->reply);
}

void gw_lane_answered(void *context, const struct gw_http_answer *answer) {
    struct gw_lane *lane = context;
    struct gw_exchange x = {.lane = lane, .uplink = lane->uplink, .answer = answer};
    lane->in_flight = false;
    if (lane->job == GW_JOB_FORWARD && answer->status != 500) {
        lane->track->faults = 0;
    }
    if (answer->fault == GW_HTTP_ANSWERED) {
        answered(&x);
    } else if (gw_lane_is_asked(lane)) {
        gw_asked_not_answered(&x);
    } else {
        not_answered(&x);
    }
}
