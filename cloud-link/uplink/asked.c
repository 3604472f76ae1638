/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person asks for: replays, and letters sent again.
 *
 * Nobody's events wait for it, so it must cost the live ones nothing but its turns:
 * it backs off by itself, and ends by itself. It ends after FAILURES_TO_CLOSE
 * failures in a row that are its own. A centre that is away or busy is not: such a
 * failure counts only if the centre took something else since the one before.
 */
#include <stdio.h>

#include "cloud-link/uplink/state.h"
#include "firmware/base/cleanup.h"

#define FAILURES_TO_CLOSE 5

enum gw_err gw_uplink_replay(struct gw_uplink *uplink, enum gw_flow_class class, uint64_t from,
                             uint64_t to, uint64_t *ret_events) {
    const struct gw_track *track = gw_uplink_own_track(uplink, class);
    struct gw_replay *replay = &uplink->lanes[class].replay;
    if (!track || from == 0 || from > to) {
        return track ? GW_ERR_RANGE : GW_ERR_NOENT;
    }
    if (replay->is_active) {
        return GW_ERR_BUSY;
    }
    /* what was never settled goes out by itself and is no replay */
    uint64_t settled = gw_track_cursor(track);
    uint64_t first = from > track->range.first ? from : track->range.first;
    uint64_t last = to < settled ? to : settled;
    if (first > last) {
        return GW_ERR_NOENT;
    }
    *replay =
        (struct gw_replay){.is_active = true, .epoch = track->epoch, .next = first, .to = last};
    if (uplink->lanes[class].letters_due == 0) {
        uplink->lanes[class].asked = (struct gw_asked){0};
    }
    *ret_events = last - first + 1;
    return GW_OK;
}

bool gw_lane_is_asked(const struct gw_lane *lane) {
    return lane->job == GW_JOB_REPLAY || lane->job == GW_JOB_LETTER;
}

/* ---- how it ends ---- */

void gw_lane_end_replay(struct gw_lane *lane, const char *reason) {
    struct gw_replay *replay = &lane->replay;
    (void) snprintf(replay->refusal, sizeof(replay->refusal), "ended at %llu: %.200s",
                    (unsigned long long) replay->next, reason);
    replay->is_active = false;
    lane->asked = (struct gw_asked){0};
}

void gw_lane_leave_out(struct gw_lane *lane, const char *reason) {
    struct gw_replay *replay = &lane->replay;
    replay->left_out++;
    (void) snprintf(replay->refusal, sizeof(replay->refusal), "%llu: %.200s",
                    (unsigned long long) lane->batch.first, reason);
    replay->max_slots = 0;
    gw_replay_move(replay, lane->batch.last + 1);
}

void gw_lane_close_asked(struct gw_lane *lane, struct gw_str code, struct gw_str detail) {
    if (lane->job == GW_JOB_REPLAY) {
        char reason[GW_UPLINK_ERROR_MAX];
        (void) snprintf(reason, sizeof(reason), "%.*s", GW_STR_ARG(detail));
        gw_lane_end_replay(lane, reason);
        return;
    }
    enum gw_err err = gw_lane_close_letter(lane, false, code, detail);
    if (err) {
        gw_lane_asked_back_off(lane, 0); /* still due */
        return;
    }
    lane->asked = (struct gw_asked){0};
}

/* ---- how it waits ---- */

void gw_lane_asked_back_off(struct gw_lane *lane, uint64_t retry_after_ms) {
    struct gw_backoff_limits limits = gw_backoff_limits_default();
    struct gw_asked *asked = &lane->asked;
    asked->delay_ms = gw_backoff_next(&limits, asked->delay_ms, gw_uplink_random(lane->uplink));
    asked->not_before_mono_ms = gw_uplink_now(lane->uplink)
                                + gw_backoff_with_retry_after(retry_after_ms, asked->delay_ms);
}

void gw_lane_asked_succeeded(struct gw_lane *lane) {
    lane->asked = (struct gw_asked){0};
}

void gw_lane_asked_failed(struct gw_lane *lane, const struct gw_asked_failure *failure) {
    struct gw_uplink *uplink = lane->uplink;
    struct gw_asked *asked = &lane->asked;
    (*uplink->failure_counter)++;
    asked->failures += failure->is_its_own || uplink->accepted > asked->accepted_before;
    asked->accepted_before = uplink->accepted;
    if (asked->failures >= FAILURES_TO_CLOSE) {
        gw_lane_close_asked(lane,
                            failure->code.len ? failure->code : GW_STR("not_acknowledged"),
                            gw_str_from_cstr(failure->text));
        return;
    }
    gw_lane_asked_back_off(lane, failure->retry_after_ms);
}

void gw_lane_asked_not_sent(struct gw_lane *lane, enum gw_err err) {
    struct gw_asked_failure failure = {.is_its_own =
                                           err != GW_ERR_BUSY && err != GW_ERR_NOCONN};
    if (lane->job == GW_JOB_REPLAY && err == GW_ERR_NOENT) {
        gw_lane_end_replay(lane, "the rest is not stored any more");
        return;
    }
    if (lane->job == GW_JOB_REPLAY && err == GW_ERR_SCHEMA) {
        gw_lane_end_replay(lane, lane->batch.unknown);
        return;
    }
    (void) snprintf(failure.text, sizeof(failure.text), "it could not be sent: %s",
                    gw_err_name(err));
    gw_lane_asked_failed(lane, &failure);
}

/* ---- what it would send ---- */

static bool find_replay_work(struct gw_lane *lane, struct gw_work *ret_work) {
    struct gw_replay *replay = &lane->replay;
    if (!replay->is_active) {
        return false;
    }
    struct gw_track *track = gw_uplink_find_track(lane->uplink, replay->epoch, lane->class);
    if (!track || track->range.first > replay->to) {
        gw_lane_end_replay(lane, "the rest is not stored any more");
        return false;
    }
    if (replay->next < track->range.first) {
        replay->next = track->range.first; /* trimmed meanwhile */
    }
    struct gw_plan plan = {GW_PLAN_FORWARD, replay->next, replay->max_slots};
    *ret_work = (struct gw_work){.job = GW_JOB_REPLAY, .track = track, .plan = plan};
    return true;
}

static bool find_letter_work(struct gw_lane *lane, struct gw_work *ret_work) {
    struct gw_work work = {.job = GW_JOB_LETTER};
    if (lane->letters_due == 0) {
        return false;
    }
    enum gw_err err = gw_uplink_find_due_letter(lane->uplink, lane->class, &work.letter_epoch,
                                                &work.letter_sequence);
    if (err) {
        lane->letters_due = 0;
        return false;
    }
    work.track = gw_uplink_find_track(lane->uplink, work.letter_epoch, lane->class);
    *ret_work = work;
    return true;
}

bool gw_lane_find_asked_work(struct gw_lane *lane, struct gw_work *ret_work) {
    if (lane->asked.not_before_mono_ms > gw_uplink_now(lane->uplink)) {
        return false;
    }
    return find_letter_work(lane, ret_work) || find_replay_work(lane, ret_work);
}

int64_t gw_lane_asked_next_mono_ms(const struct gw_lane *lane) {
    return lane->letters_due > 0 || lane->replay.is_active ? lane->asked.not_before_mono_ms
                                                           : GW_NEVER_MS;
}
