/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events wait, and nothing moves. The sink as a whole: any class that moves shows that
 * connection and centre are well, so only when all stand are they renewed
 * (cloud-link/uplink/watch.h). A class by itself: no new connection cures what holds
 * one class back, so all there is to do is to say so, under the class's own name. A
 * class the centre has paused stands because it was told to.
 */
#include "cloud-link/uplink/state.h"

/* As long as the watch of the sink takes to complain. */
#define LIMITS_TO_COMPLAIN 2

/* Events that could move: not those that wait for a newer release, of which an issue
 * tells already. */
static uint64_t movable(const struct gw_lane *lane) {
    uint64_t events = 0;
    for (size_t i = 0; i < GW_QUEUE_MAX_EPOCHS; i++) {
        const struct gw_track *track = &lane->uplink->tracks[i][lane->class];
        events += track->is_used && !track->is_unknown ? gw_track_backlog(track) : 0;
    }
    return events;
}

static bool is_to_move(const struct gw_lane *lane) {
    return lane->paused_until_mono_ms <= gw_uplink_now(lane->uplink) && movable(lane) > 0;
}

/* ---- one class ---- */

void gw_lane_moved(struct gw_lane *lane) {
    char subject[128];
    lane->moved_mono_ms = gw_uplink_now(lane->uplink);
    if (lane->is_standing) {
        lane->is_standing = false;
        gw_health_clear(lane->uplink->health, GW_ISSUE_UPLINK_NO_PROGRESS,
                        gw_lane_subject(lane, subject));
    }
}

static int64_t complain_at(const struct gw_lane *lane) {
    int64_t limit_ms = lane->uplink->watch.limit_ms;
    return limit_ms == 0 ? GW_NEVER_MS : lane->moved_mono_ms + LIMITS_TO_COMPLAIN * limit_ms;
}

static void watch_lane(struct gw_lane *lane) {
    struct gw_uplink *uplink = lane->uplink;
    char subject[128];
    if (!is_to_move(lane)) {
        gw_lane_moved(lane);
        return;
    }
    /* when all stand, one issue says it all */
    bool is_sink_well = gw_watch_is_moving(&uplink->watch);
    if (lane->is_standing || !is_sink_well || gw_uplink_now(uplink) < complain_at(lane)) {
        return;
    }
    lane->is_standing = true;
    gw_health_raise(uplink->health, GW_ISSUE_UPLINK_NO_PROGRESS, gw_lane_subject(lane, subject),
                    "%llu events of class %s wait while others are taken; last error: %s",
                    (unsigned long long) movable(lane), gw_flow_class_name(lane->class),
                    uplink->error[0] ? uplink->error : "none");
}

/* ---- the sink ---- */

static bool has_backlog(const struct gw_uplink *uplink) {
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        if (is_to_move(&uplink->lanes[class])) {
            return true;
        }
    }
    return false;
}

static void reconnect(struct gw_uplink *uplink) {
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        gw_lane_cancel(&uplink->lanes[class]);
    }
    uplink->transport.renew(uplink->transport.self);
}

static void set_restarted(struct gw_uplink *uplink, bool restarted) {
    enum gw_err err = gw_link_store_begin(uplink->store);
    if (!err) {
        err = gw_link_store_put_mark(uplink->store, uplink->name, GW_UPLINK_MARK_RESTARTED,
                                     restarted);
    }
    if (!err) {
        err = gw_link_store_commit(uplink->store);
    }
    if (err) {
        gw_link_store_abort(uplink->store);
    }
    uplink->is_marked_restarted = restarted;
}

static void watch_sink(struct gw_uplink *uplink) {
    int64_t now = gw_uplink_now(uplink);
    if (!has_backlog(uplink)) {
        gw_watch_progress(&uplink->watch, now);
    }
    if (uplink->is_marked_restarted && !uplink->watch.was_restarted) {
        set_restarted(uplink, false); /* that outage is over */
    }
    if (uplink->pace.state == GW_SINK_STOPPED || now < uplink->told_until_mono_ms) {
        gw_watch_answered(&uplink->watch, now); /* we know why, and a restart cures nothing */
    }
    switch (gw_watch_check(&uplink->watch, now)) {
    case GW_WATCH_GO_ON:
        break;
    case GW_WATCH_RECONNECT:
        reconnect(uplink);
        break;
    case GW_WATCH_RESTART:
        set_restarted(uplink, true);
        uplink->restart_wanted = true;
        gw_uplink_raise(uplink, GW_ISSUE_UPLINK_NO_PROGRESS);
        break;
    case GW_WATCH_COMPLAIN:
        gw_uplink_raise(uplink, GW_ISSUE_UPLINK_NO_PROGRESS);
        break;
    }
}

void gw_uplink_watch(struct gw_uplink *uplink) {
    watch_sink(uplink);
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        watch_lane(&uplink->lanes[class]);
    }
}

int64_t gw_uplink_watch_next_mono_ms(const struct gw_uplink *uplink) {
    int64_t next = gw_watch_next_mono_ms(&uplink->watch);
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        const struct gw_lane *lane = &uplink->lanes[class];
        bool is_waiting = !lane->is_standing && gw_watch_is_moving(&uplink->watch);
        if (is_waiting && complain_at(lane) < next) {
            next = complain_at(lane);
        }
    }
    return next;
}
