/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud-link/uplink/track.h"

#include <string.h>

void gw_track_start(struct gw_track *track, bool known, uint64_t cursor) {
    bool fits = known && cursor <= track->range.last;
    uint64_t next = fits ? cursor + 1 : track->range.first;
    track->next = next > track->range.first ? next : track->range.first;
    track->sent = track->next - 1;
    track->saved_cursor = fits ? cursor : 0;
}

static void drop_held_below(struct gw_track *track, uint64_t sequence) {
    while (track->held_count > 0 && track->held[0].sequence < sequence) {
        gw_track_release(track, track->held[0].sequence);
    }
}

/* Sequences behind the head may come again with other events: what is known of the old
 * ones must not settle those. */
static void retreat(struct gw_track *track, uint64_t last) {
    while (track->held_count > 0 && track->held[track->held_count - 1].sequence > last) {
        track->held_count--;
    }
    if (track->next > last + 1) {
        track->next = last + 1;
        gw_track_stop_bisecting(track);
    }
    track->sent = track->sent < last ? track->sent : last;
}

uint64_t gw_track_set_range(struct gw_track *track, struct gw_queue_range range) {
    uint64_t skipped = 0;
    if (range.last < track->range.last) {
        retreat(track, range.last);
    }
    track->range = range;
    track->hole_outlived_look = track->hole_at != 0 && track->hole_at >= range.first;
    drop_held_below(track, range.first);
    if (track->next < range.first) {
        skipped = range.first - track->next;
        track->next = range.first;
        track->bad_slots = 0;
    }
    return skipped;
}

uint64_t gw_track_cursor(const struct gw_track *track) {
    return (track->held_count > 0 ? track->held[0].sequence : track->next) - 1;
}

uint64_t gw_track_backlog(const struct gw_track *track) {
    uint64_t ahead =
        track->range.last + 1 > track->next ? track->range.last + 1 - track->next : 0;
    return ahead + track->held_count;
}

/* Refusals it takes before an event can be guilty. */
static unsigned refusals_needed(enum gw_held_cause cause) {
    return cause == GW_HELD_SERVER_FAULT ? GW_TRACK_FAULT_REFUSALS : 1;
}

/* Accepted before the last refusal, refused often enough, accepted after. */
static bool is_guilty(const struct gw_held *held, uint64_t accepted) {
    return !held->is_given_up && held->accepted_at_refusal > 0
           && held->refusals >= refusals_needed(held->cause)
           && accepted > held->accepted_at_refusal;
}

static bool is_to_be_asked_again(const struct gw_held *held, uint64_t accepted) {
    return !held->is_given_up && accepted > held->accepted_at_refusal
           && !is_guilty(held, accepted);
}

/* Half of what holds the offender; the last one is always asked about alone. */
static uint64_t slots_to_try(uint64_t bad_slots) {
    return bad_slots > 1 ? bad_slots / 2 : bad_slots;
}

struct gw_plan gw_track_plan(const struct gw_track *track, uint64_t accepted) {
    for (unsigned i = 0; i < track->held_count; i++) {
        const struct gw_held *held = &track->held[i];
        if (held->is_given_up) {
            return (struct gw_plan){GW_PLAN_TOMBSTONE, held->sequence, 1};
        }
        if (is_to_be_asked_again(held, accepted)) {
            return (struct gw_plan){GW_PLAN_PROBE, held->sequence, 1};
        }
    }
    if (track->next > track->range.last || track->held_count == GW_TRACK_HELD_MAX) {
        return (struct gw_plan){GW_PLAN_NOTHING, 0, 0};
    }
    return (struct gw_plan){GW_PLAN_FORWARD, track->next, slots_to_try(track->bad_slots)};
}

void gw_track_settle(struct gw_track *track, uint64_t slots, uint64_t last) {
    if (slots == 0) {
        return;
    }
    if (track->next <= last) {
        track->next = last + 1; /* a trim may have been faster */
    }
    track->faults = 0;
    track->bad_slots = track->bad_slots > slots ? track->bad_slots - slots : 0;
}

void gw_track_bisect(struct gw_track *track, uint64_t first, uint64_t slots) {
    if (first == track->next) {
        track->bad_slots = slots;
    }
}

void gw_track_stop_bisecting(struct gw_track *track) {
    track->bad_slots = 0;
    track->faults = 0;
}

static void copy_text(struct gw_str text, char *dst, size_t dst_size) {
    size_t len = text.len < dst_size ? text.len : dst_size - 1;
    while (len < text.len && len > 0 && ((unsigned char) text.ptr[len] & 0xc0) == 0x80) {
        len--; /* not inside a UTF-8 sequence */
    }
    if (len > 0) {
        memcpy(dst, text.ptr, len);
    }
    dst[len] = '\0';
}

static void note_refusal(struct gw_held *held, enum gw_held_cause cause, uint64_t accepted,
                         struct gw_str code, struct gw_str detail) {
    if (held->cause != cause) {
        held->refusals = 0;
        held->cause = cause;
    }
    held->refusals++;
    held->accepted_at_refusal = accepted;
    copy_text(code, held->code, sizeof(held->code));
    copy_text(detail, held->detail, sizeof(held->detail));
}

enum gw_err gw_track_hold(struct gw_track *track, uint64_t sequence, enum gw_held_cause cause,
                          uint64_t accepted, struct gw_str code, struct gw_str detail) {
    if (sequence != track->next) {
        return GW_ERR_NOENT;
    }
    if (track->held_count == GW_TRACK_HELD_MAX) {
        return GW_ERR_FULL;
    }
    struct gw_held *held = &track->held[track->held_count++];
    *held = (struct gw_held){.sequence = sequence, .cause = cause};
    note_refusal(held, cause, accepted, code, detail);
    track->next++;
    gw_track_stop_bisecting(track);
    return GW_OK;
}

void gw_track_refuse_again(struct gw_track *track, uint64_t sequence, enum gw_held_cause cause,
                           uint64_t accepted, struct gw_str code, struct gw_str detail) {
    struct gw_held *held = gw_track_find_held(track, sequence);
    if (held) {
        note_refusal(held, cause, accepted, code, detail);
    }
}

void gw_track_release(struct gw_track *track, uint64_t sequence) {
    struct gw_held *held = gw_track_find_held(track, sequence);
    if (!held) {
        return;
    }
    size_t index = (size_t) (held - track->held);
    track->held_count--;
    memmove(held, held + 1, (track->held_count - index) * sizeof(*held));
}

void gw_track_forgive(struct gw_track *track) {
    for (unsigned i = 0; i < track->held_count; i++) {
        if (!track->held[i].is_given_up) {
            /* those behind it are sent again too, as tombstones where given up */
            track->next = track->held[i].sequence;
            track->held_count = i;
        }
    }
    gw_track_stop_bisecting(track);
}

struct gw_held *gw_track_find_held(struct gw_track *track, uint64_t sequence) {
    for (unsigned i = 0; i < track->held_count; i++) {
        if (track->held[i].sequence == sequence) {
            return &track->held[i];
        }
    }
    return NULL;
}

struct gw_held *gw_track_find_guilty(struct gw_track *track, uint64_t accepted) {
    for (unsigned i = 0; i < track->held_count; i++) {
        if (is_guilty(&track->held[i], accepted)) {
            return &track->held[i];
        }
    }
    return NULL;
}
