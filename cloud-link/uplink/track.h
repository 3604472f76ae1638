/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A track: how far one sink is in one (epoch, class) of the queue. Pure.
 *
 *      settled            held  settled       held       not sent yet
 *   ----------------------[ s ]--------------[ s ]-------|----------------> head
 *                     ^cursor                             ^next
 *
 * Everything below `next` is settled, except the few slots that are held. The
 * cursor is the contiguous prefix: it stands before the first held slot, and
 * only the cursor is ever stored or reported. A crash therefore forgets what is
 * held and settled beyond the cursor, and sends it again.
 *
 * A slot is held when the centre, asked about this event alone, refused the
 * request (or failed). It is a suspect until the centre has accepted another
 * event both before and after a refusal; only then is it the event's fault and
 * not the centre's or ours, and it becomes a dead letter: its slot goes out as a
 * tombstone and is settled when that is accepted.
 *
 * The way down to the event is bisection: `bad_slots` is the number of slots
 * from `next` on among which the offender is known to be.
 */
#ifndef GW_CLOUD_LINK_TRACK_H
#define GW_CLOUD_LINK_TRACK_H

#include "firmware/queue/queue.h"

#define GW_TRACK_HELD_MAX 8
#define GW_HELD_CODE_MAX 64
#define GW_HELD_DETAIL_MAX 256
/* A server that fails may do so by chance: asked twice about the event alone. */
#define GW_TRACK_FAULT_REFUSALS 2

enum gw_held_cause {
    GW_HELD_REFUSED,      /* 422 or 400 with our problem document */
    GW_HELD_SERVER_FAULT, /* 500 */
};

struct gw_held {
    uint64_t sequence;
    enum gw_held_cause cause;
    bool is_given_up; /* decided and recorded: goes out as a tombstone */
    unsigned refusals;
    /* The sink's count of accepted events at the last refusal. */
    uint64_t accepted_at_refusal;
    char code[GW_HELD_CODE_MAX];
    char detail[GW_HELD_DETAIL_MAX];
};

struct gw_track {
    bool is_used;
    uint8_t epoch_index;
    struct gw_epoch epoch;
    enum gw_flow_class class;
    struct gw_queue_range range; /* what the store has */
    uint64_t next;
    uint64_t sent;                          /* highest sequence handed to the sink at all */
    struct gw_held held[GW_TRACK_HELD_MAX]; /* by sequence */
    unsigned held_count;
    uint64_t bad_slots;         /* 0 = not bisecting */
    unsigned faults;            /* 500s in a row for the batch at `next` */
    uint64_t marked_until;      /* letters with tombstones may exist up to here */
    uint64_t saved_cursor;      /* as last committed to the link store */
    uint64_t hole_at;           /* nothing was stored there at the last read, 0 = none */
    bool hole_outlived_look;    /* and the range was looked at since */
    bool is_unknown;            /* at `next` stands what only a newer release understands */
    int64_t look_again_mono_ms; /* when to try it again */
};

enum gw_plan_kind {
    GW_PLAN_NOTHING,
    GW_PLAN_FORWARD,   /* from `sequence` on, at most `max_slots` slots (0 = no limit) */
    GW_PLAN_PROBE,     /* the held event once more, alone */
    GW_PLAN_TOMBSTONE, /* the held slot as a tombstone */
};

struct gw_plan {
    enum gw_plan_kind kind;
    uint64_t sequence;
    uint64_t max_slots;
};

/* Begin behind `cursor` if that lies inside what the store has had, else at the
 * oldest record. `known` is false when there is no cursor. */
void gw_track_start(struct gw_track *track, bool known, uint64_t cursor);
/* The store's range changed. What was trimmed under a sink that was too slow
 * cannot be sent any more: number of sequences skipped. A lower head (the store was put
 * back to an older state under its epoch, which no healthy one is) takes the track back
 * to it, as a restart would: the centre names a conflict where the old events differ. */
uint64_t gw_track_set_range(struct gw_track *track, struct gw_queue_range range);

/* Last sequence of the contiguous settled prefix, 0 = none. */
uint64_t gw_track_cursor(const struct gw_track *track);
/* Sequences that are not settled. */
uint64_t gw_track_backlog(const struct gw_track *track);
/* What to send next; `accepted` is the sink's count of accepted events. */
struct gw_plan gw_track_plan(const struct gw_track *track, uint64_t accepted);

/* `slots` slots up to `last` of the batch that began at `next` are settled. A trim
 * since then may have moved `next` beyond them: it never goes back. */
void gw_track_settle(struct gw_track *track, uint64_t slots, uint64_t last);
/* A batch of `slots` (> 1) slots from `first` on holds an offender. Nothing happens
 * if `first` is not `next` any more: the batch was trimmed while it was asked about. */
void gw_track_bisect(struct gw_track *track, uint64_t first, uint64_t slots);
/* Give the bisection up: it was not an event's fault. */
void gw_track_stop_bisecting(struct gw_track *track);

/* The event `sequence`, at `next`, was refused alone: hold it and go on. FULL if no
 * more can be held; NOENT if it is not at `next` any more (trimmed). Texts are cut. */
enum gw_err gw_track_hold(struct gw_track *track, uint64_t sequence, enum gw_held_cause cause,
                          uint64_t accepted, struct gw_str code, struct gw_str detail);
/* The held event was refused once more. */
void gw_track_refuse_again(struct gw_track *track, uint64_t sequence, enum gw_held_cause cause,
                           uint64_t accepted, struct gw_str code, struct gw_str detail);
/* The held slot is settled. */
void gw_track_release(struct gw_track *track, uint64_t sequence);
/* Nothing was accepted since these were held: it is not their fault. All
 * suspects are forgotten and sent again from the first on. */
void gw_track_forgive(struct gw_track *track);
/* NULL if it is not held. */
struct gw_held *gw_track_find_held(struct gw_track *track, uint64_t sequence);
/* A suspect whose guilt is proved by now, NULL if there is none. */
struct gw_held *gw_track_find_guilty(struct gw_track *track, uint64_t accepted);

#endif
