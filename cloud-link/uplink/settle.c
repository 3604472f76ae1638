/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots with a final verdict. Crash order: letters (what was not accepted) are
 * committed, then the track moves in memory, then, lazily, the cursor is saved.
 * Dying in between sends the batch again; its answer writes the same letters.
 */
#include "cloud-link/uplink/state.h"

struct settling {
    struct gw_lane *lane;
    size_t count;
    /* of the last one of each kind, for the issues: raised when all are kept */
    struct gw_result rejected, conflict;
    bool has_rejected, has_conflict;
};

static void note_kept(struct settling *settling, const struct gw_result *result,
                      bool is_conflict) {
    if (is_conflict) {
        settling->conflict = *result;
        settling->has_conflict = true;
    } else {
        settling->rejected = *result;
        settling->has_rejected = true;
    }
}

static enum gw_err keep_letter(void *context, const struct gw_result *result) {
    struct settling *settling = context;
    struct gw_lane *lane = settling->lane;
    struct gw_uplink *uplink = lane->uplink;
    const struct gw_slot *slot = &lane->batch.slots[result->slot];
    if (result->slot >= settling->count || slot->is_tombstone
        || !gw_disposition_find((enum gw_disposition) slot->verdict)->is_kept) {
        return GW_OK;
    }
    bool is_conflict = slot->verdict == GW_DISPOSITION_CONFLICT;
    struct gw_letter letter = {
        .verdict = is_conflict ? GW_LETTER_CONFLICT : GW_LETTER_REJECTED,
        .code = result->code,
        .detail = result->detail,
    };
    struct gw_letter_key key = gw_uplink_key(uplink, lane->epoch, lane->class, slot->sequence);
    note_kept(settling, result, is_conflict);
    return gw_uplink_put_letter(uplink, &key, lane->track, &letter);
}

static void raise_kept(const struct gw_lane *lane, enum gw_issue_code code,
                       const struct gw_result *result) {
    gw_health_raise(lane->uplink->health, code, lane->uplink->name, "%s %llu: %.*s",
                    gw_flow_class_name(lane->class),
                    (unsigned long long) lane->batch.slots[result->slot].sequence,
                    GW_STR_ARG(result->code));
}

static bool is_kept(const struct gw_slot *slot) {
    return gw_disposition_find((enum gw_disposition) slot->verdict)->is_kept;
}

static size_t count_kept(const struct gw_batch *batch, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        kept += is_kept(&batch->slots[i]);
    }
    return kept;
}

size_t gw_lane_count_unkept(const struct gw_lane *lane, size_t count) {
    size_t unkept = 0;
    while (unkept < count && !is_kept(&lane->batch.slots[unkept])) {
        unkept++;
    }
    return unkept;
}

static enum gw_err keep_letters(struct gw_lane *lane, size_t count,
                                const struct gw_reply *reply) {
    struct settling settling = {.lane = lane, .count = count};
    if (!reply || count_kept(&lane->batch, count) == 0) {
        return GW_OK;
    }
    enum gw_err err = gw_uplink_begin_letters(lane->uplink);
    if (err) {
        return err;
    }
    err = gw_reply_each_result(reply, &lane->batch, keep_letter, &settling);
    if (lane->job == GW_JOB_REPLAY) {
        lane->uplink->pending.given_up = 0; /* a replay has a budget of its own */
    }
    err = gw_uplink_end_letters(lane->uplink, err);
    if (err) {
        return err;
    }
    if (settling.has_rejected) {
        raise_kept(lane, GW_ISSUE_DEAD_LETTERS, &settling.rejected);
    }
    if (settling.has_conflict) {
        raise_kept(lane, GW_ISSUE_UPLINK_CONFLICT, &settling.conflict);
    }
    return GW_OK;
}

/* ---- what it means for each kind of job ---- */

static void note_latency(struct gw_lane *lane) {
    struct gw_uplink *uplink = lane->uplink;
    int64_t ms = gw_clock_wall_ms(uplink->clock) - lane->batch.oldest_recorded_wall_ms;
    if (ms >= 0 && ms < UINT32_MAX) {
        uplink->latencies_ms[uplink->latency_count++ % GW_UPLINK_LATENCIES] = (uint32_t) ms;
    }
}

static void move_track(struct gw_lane *lane, size_t count) {
    struct gw_uplink *uplink = lane->uplink;
    const struct gw_slot *last = &lane->batch.slots[count - 1];
    gw_track_settle(lane->track, count, last->sequence + last->span - 1);
    lane->track->hole_at = 0;
    note_latency(lane);
    uplink->unsaved_events += count;
}

static enum gw_err take_result(void *context, const struct gw_result *result) {
    *(struct gw_result *) context = *result;
    return GW_OK;
}

static enum gw_err settle_letter(struct gw_lane *lane, const struct gw_reply *reply) {
    enum gw_disposition disposition = (enum gw_disposition) lane->batch.slots[0].verdict;
    struct gw_result result = {0};
    if (reply) {
        enum gw_err err = gw_reply_each_result(reply, &lane->batch, take_result, &result);
        if (err) {
            return err;
        }
    }
    return gw_lane_close_letter(lane, gw_disposition_find(disposition)->is_success, result.code,
                                result.detail);
}

static enum gw_err move_job(struct gw_lane *lane, size_t count, const struct gw_reply *reply) {
    const struct gw_slot *last = &lane->batch.slots[count - 1];
    switch (lane->job) {
    case GW_JOB_FORWARD:
        move_track(lane, count);
        break;
    case GW_JOB_PROBE:
    case GW_JOB_TOMBSTONE:
        gw_track_release(lane->track, lane->batch.first);
        lane->uplink->unsaved_events++;
        break;
    case GW_JOB_REPLAY:
        lane->replay.rejected += count_kept(&lane->batch, count);
        lane->replay.max_slots = 0;
        gw_replay_move(&lane->replay, last->sequence + last->span);
        break;
    case GW_JOB_LETTER:
        return settle_letter(lane, reply);
    }
    return GW_OK;
}

static void count_accepted(struct gw_lane *lane, size_t count) {
    uint64_t accepted = 0;
    for (size_t i = 0; i < count; i++) {
        const struct gw_slot *slot = &lane->batch.slots[i];
        accepted += !slot->is_tombstone
                    && gw_disposition_find((enum gw_disposition) slot->verdict)->is_success;
    }
    lane->uplink->accepted += accepted;
    *lane->uplink->accepted_counter += accepted;
}

enum gw_err gw_lane_settle(struct gw_lane *lane, size_t count, const struct gw_reply *reply) {
    struct gw_uplink *uplink = lane->uplink;
    if (count == 0) {
        return GW_OK;
    }
    enum gw_err err = lane->job == GW_JOB_LETTER ? GW_OK : keep_letters(lane, count, reply);
    if (err) {
        return err;
    }
    err = move_job(lane, count, reply);
    if (err) {
        return err;
    }
    count_accepted(lane, count);
    if (!gw_lane_is_asked(lane)) {
        gw_watch_progress(&uplink->watch, gw_uplink_now(uplink));
        gw_lane_moved(lane);
    }
    if (uplink->unsaved_since_mono_ms < 0) {
        uplink->unsaved_since_mono_ms = gw_uplink_now(uplink);
    }
    return GW_OK;
}
