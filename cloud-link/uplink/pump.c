/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who sends next. A class may start a request when it has something to send, has
 * none in flight and is neither backing off nor paused; while another class's
 * request is under way it first waits up to its linger for that connection.
 */
#include "cloud-link/uplink/state.h"
#include "firmware/policy/share.h"

/* Of this many requests of a class one goes to a salvaged epoch, and one to a
 * replay or letter, while the own epoch has a backlog. */
#define FLOOR_TURNS 4

static void wake_at(struct gw_uplink *uplink, int64_t mono_ms) {
    if (mono_ms < uplink->wake_mono_ms) {
        uplink->wake_mono_ms = mono_ms;
    }
}

void gw_lane_cancel(struct gw_lane *lane) {
    if (lane->in_flight) {
        lane->uplink->transport.cancel(lane->uplink->transport.self, lane->ticket);
        lane->in_flight = false;
        lane->track = NULL;
    }
}

void gw_lane_back_off(struct gw_lane *lane) {
    struct gw_backoff_limits limits = gw_backoff_limits_default();
    lane->delay_ms = gw_backoff_next(&limits, lane->delay_ms, gw_uplink_random(lane->uplink));
    lane->not_before_mono_ms = gw_uplink_now(lane->uplink) + lane->delay_ms;
}

/* ---- what a class would send ---- */

static bool find_held_work(struct gw_lane *lane, struct gw_work *ret_work) {
    for (size_t i = 0; i < GW_QUEUE_MAX_EPOCHS; i++) {
        struct gw_track *track = &lane->uplink->tracks[i][lane->class];
        if (!track->is_used) {
            continue;
        }
        struct gw_plan plan = gw_track_plan(track, lane->uplink->accepted);
        if (plan.kind == GW_PLAN_PROBE || plan.kind == GW_PLAN_TOMBSTONE) {
            enum gw_job job = plan.kind == GW_PLAN_PROBE ? GW_JOB_PROBE : GW_JOB_TOMBSTONE;
            *ret_work = (struct gw_work){.job = job, .track = track, .plan = plan};
            return true;
        }
    }
    return false;
}

static bool waits_for_newer_release(struct gw_uplink *uplink, const struct gw_track *track) {
    if (track->look_again_mono_ms <= gw_uplink_now(uplink)) {
        return false;
    }
    wake_at(uplink, track->look_again_mono_ms);
    return true;
}

/* The track with the highest (own) or lowest (salvaged) epoch index that has
 * something to send. */
static bool find_forward_work(struct gw_lane *lane, bool is_own, struct gw_work *ret_work) {
    for (size_t i = 0; i < GW_QUEUE_MAX_EPOCHS; i++) {
        struct gw_track *track = &lane->uplink->tracks[i][lane->class];
        if (!track->is_used || (track->epoch_index == GW_EPOCH_INDEX_OWN) != is_own) {
            continue;
        }
        if (track->is_unknown && waits_for_newer_release(lane->uplink, track)) {
            continue;
        }
        struct gw_plan plan = gw_track_plan(track, lane->uplink->accepted);
        if (plan.kind == GW_PLAN_FORWARD) {
            *ret_work = (struct gw_work){.job = GW_JOB_FORWARD, .track = track, .plan = plan};
            return true;
        }
    }
    return false;
}

/* While the sink is in trouble it is live events that ask whether it is over. */
static bool find_asked_turn(struct gw_lane *lane, struct gw_work *ret_work) {
    return lane->uplink->pace.state == GW_SINK_UP && gw_lane_find_asked_work(lane, ret_work);
}

/* The own epoch first: fresh business is worth most. The others get every
 * FLOOR_TURNS-th turn. */
static bool find_work(struct gw_lane *lane, struct gw_work *ret_work) {
    if (find_held_work(lane, ret_work)) {
        return true;
    }
    unsigned turn = lane->turns % FLOOR_TURNS;
    if (turn == FLOOR_TURNS - 1 && find_forward_work(lane, false, ret_work)) {
        return true;
    }
    if (turn == FLOOR_TURNS - 2 && find_asked_turn(lane, ret_work)) {
        return true;
    }
    return find_forward_work(lane, true, ret_work) || find_forward_work(lane, false, ret_work)
           || gw_lane_find_asked_work(lane, ret_work);
}

/* Events waiting in the class, for the share and the allowance. */
static uint64_t waiting(const struct gw_lane *lane) {
    return gw_uplink_backlog(lane->uplink, lane->class) + gw_replay_left(&lane->replay)
           + lane->letters_due;
}

/* ---- who may ---- */

struct gw_round {
    struct gw_work works[GW_CLASS_COUNT];
    struct gw_share shares[GW_CLASS_COUNT];
    enum gw_flow_class chosen;
};

static unsigned count_in_flight(const struct gw_uplink *uplink) {
    unsigned count = 0;
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        count += uplink->lanes[class].in_flight;
    }
    return count;
}

/* The lane's own reasons to wait, except the connection. */
static bool is_held_back(struct gw_lane *lane, int64_t now) {
    int64_t until = lane->not_before_mono_ms > lane->paused_until_mono_ms
                        ? lane->not_before_mono_ms
                        : lane->paused_until_mono_ms;
    if (until <= now) {
        return false;
    }
    wake_at(lane->uplink, until);
    return true;
}

static bool waits_for_connection(struct gw_lane *lane, int64_t now, unsigned in_flight) {
    if (in_flight == 0) {
        return false;
    }
    if (lane->waiting_since_mono_ms < 0) {
        lane->waiting_since_mono_ms = now;
    }
    int64_t until =
        lane->waiting_since_mono_ms + (int64_t) lane->uplink->classes[lane->class].linger_ms;
    if (until <= now) {
        return false;
    }
    wake_at(lane->uplink, until);
    return true;
}

static bool is_ready(struct gw_lane *lane, int64_t now, unsigned in_flight,
                     struct gw_work *ret_work) {
    int64_t asked = gw_lane_asked_next_mono_ms(lane);
    if (asked > now) {
        wake_at(lane->uplink, asked);
    }
    return !lane->in_flight && !is_held_back(lane, now) && find_work(lane, ret_work)
           && !waits_for_connection(lane, now, in_flight);
}

static enum gw_err choose(struct gw_uplink *uplink, int64_t now, unsigned in_flight,
                          struct gw_round *round) {
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        bool ready = is_ready(&uplink->lanes[class], now, in_flight, &round->works[class]);
        round->shares[class] = (struct gw_share){
            .backlog = ready,
            .in_flight_max = 1,
            .floor_percent = uplink->classes[class].link_floor_percent,
        };
    }
    return gw_share_choose(&uplink->share, round->shares, &round->chosen);
}

static void not_sent(struct gw_lane *lane, enum gw_err err) {
    if (gw_lane_is_asked(lane)) {
        gw_lane_asked_not_sent(lane, err);
    } else if (err == GW_ERR_SCHEMA && lane->job == GW_JOB_FORWARD) {
        gw_lane_note_unknown(lane, lane->track);
    } else {
        gw_lane_back_off(lane);
    }
}

/* False: nothing more can be started now. */
static bool start_one(struct gw_uplink *uplink, int64_t now) {
    struct gw_round round;
    unsigned in_flight = count_in_flight(uplink);
    if (!gw_pace_may_send(&uplink->pace, now, in_flight)) {
        wake_at(uplink, in_flight ? GW_NEVER_MS : uplink->pace.not_before_mono_ms);
        return false;
    }
    enum gw_err err = choose(uplink, now, in_flight, &round);
    if (err) {
        return false;
    }
    struct gw_lane *lane = &uplink->lanes[round.chosen];
    uint64_t waits = waiting(lane);
    uint64_t wanted = waits < lane->batch_events ? waits : lane->batch_events;
    int64_t when = GW_NEVER_MS;
    uint64_t allowance = gw_pace_allowance(&uplink->pace, now, wanted ? wanted : 1, &when);
    if (allowance == 0) {
        wake_at(uplink, when);
        return false;
    }
    lane->turns++;
    err = gw_lane_send(lane, &round.works[round.chosen], allowance);
    if (err) {
        not_sent(lane, err);
        return true;
    }
    gw_share_charge(&uplink->share, round.shares, round.chosen, lane->body_bytes);
    return true;
}

void gw_uplink_pump(struct gw_uplink *uplink) {
    int64_t now = gw_uplink_now(uplink);
    uplink->wake_mono_ms = GW_NEVER_MS;
    /* each round puts a lane in flight or makes it back off */
    while (start_one(uplink, now)) {
    }
}
