/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of an uplink; included by its own sources only. */
#ifndef GW_CLOUD_LINK_STATE_H
#define GW_CLOUD_LINK_STATE_H

#include "cloud-link/uplink/answer.h"
#include "cloud-link/uplink/pace.h"
#include "cloud-link/uplink/track.h"
#include "cloud-link/uplink/uplink.h"
#include "cloud-link/uplink/watch.h"
#include "firmware/policy/share.h"

#define GW_UPLINK_ERROR_MAX 256
#define GW_UPLINK_LATENCIES 256
/* A letter with all its texts. */
#define GW_UPLINK_LETTER_BYTES (GW_EVENT_MAX_BYTES + 2048)

/* In the link store: this outage has cost a process already. */
#define GW_UPLINK_MARK_RESTARTED GW_STR("restarted")

enum gw_job {
    GW_JOB_FORWARD,
    GW_JOB_PROBE,     /* a held event, alone */
    GW_JOB_TOMBSTONE, /* a held slot that was given up */
    GW_JOB_REPLAY,
    GW_JOB_LETTER, /* a letter's event again */
};

struct gw_replay {
    bool is_active;
    struct gw_epoch epoch;
    uint64_t next, to;
    uint64_t max_slots; /* 0 = no limit; halved down to an event that is refused */
    uint64_t rejected;  /* events of it that became letters */
    uint64_t left_out;  /* refused alone, this replay or the last one */
    char refusal[GW_UPLINK_ERROR_MAX]; /* "42: why" of the last one; "" = none */
};

/* On to `next`; beyond `to` it is over. */
static inline void gw_replay_move(struct gw_replay *replay, uint64_t next) {
    replay->next = next;
    replay->is_active = next <= replay->to;
}

/* Sequences of it still to be sent. */
static inline uint64_t gw_replay_left(const struct gw_replay *replay) {
    return replay->is_active ? replay->to - replay->next + 1 : 0;
}

/* The back-off of what a person asked for, letters and replay of a class together. */
struct gw_asked {
    int64_t not_before_mono_ms;
    uint32_t delay_ms;
    unsigned failures;        /* in a row, its own */
    uint64_t accepted_before; /* the sink's count at the last failure */
};

/* One class: what is in flight and how large the next batch may be. */
struct gw_lane {
    struct gw_uplink *uplink;
    enum gw_flow_class class;
    struct gw_batch batch; /* in flight, or the last one */
    bool in_flight;
    uint64_t ticket;
    enum gw_job job;
    struct gw_track *track; /* NULL: a letter of an epoch that is gone */
    struct gw_epoch epoch;
    size_t body_bytes;
    int64_t not_before_mono_ms; /* this class's own back-off */
    uint32_t delay_ms;
    int64_t paused_until_mono_ms;  /* the centre's wish */
    int64_t waiting_since_mono_ms; /* for the connection; -1 = does not wait */
    int64_t moved_mono_ms;         /* its cursor did, or there was nothing to move */
    bool is_standing;              /* and the issue is raised */
    uint64_t batch_events;
    size_t batch_bytes;
    unsigned turns;
    unsigned letters_due;
    struct gw_replay replay;
    struct gw_asked asked;
};

/* Letters put inside the open change of the link store: they count when it is
 * committed. */
struct gw_letter_tally {
    uint64_t letters, conflicts;
    uint64_t given_up; /* against dead_letters_per_hour */
};

struct gw_uplink {
    const struct gw_config_sink *sink;
    const struct gw_config_class *classes;
    struct gw_str name;
    struct gw_str serial;
    enum gw_ack_mode ack_mode;
    const struct gw_event_context *context;
    const struct gw_clock *clock;
    struct gw_transport transport;
    struct gw_uplink_source source;
    struct gw_link_store *store;
    struct gw_health *health;
    uint64_t (*random)(void *self);
    void *random_self;

    struct gw_pace pace;
    struct gw_watch watch;
    struct gw_lane lanes[GW_CLASS_COUNT];
    struct gw_track tracks[GW_QUEUE_MAX_EPOCHS][GW_CLASS_COUNT];
    uint64_t cap_events; /* what a 413 taught us; UINT64_MAX at first */
    size_t cap_bytes;
    unsigned taken_at_cap; /* batches that filled the cap, since it last changed */
    uint64_t accepted;     /* events the centre holds, since open */
    uint64_t last_hour_letters;
    int64_t hour_began_mono_ms;
    uint64_t letters, conflicts; /* conflicts are letters too */
    struct gw_letter_tally pending;
    int64_t no_room_until_mono_ms; /* a letter was FULL; 0 = there is room */
    struct gw_share_ledger share;
    int64_t wake_mono_ms;
    int64_t unsaved_since_mono_ms; /* -1 = saved */
    uint64_t unsaved_events;
    int64_t told_until_mono_ms; /* the centre asked for silence (Retry-After) */
    bool starts_at_once;
    bool is_marked_restarted; /* in the link store */
    bool restart_wanted;
    unsigned failures; /* in a row, of whatever kind */
    int64_t state_since_wall_ms;
    enum gw_sink_state shown_state;
    char error[GW_UPLINK_ERROR_MAX];
    uint64_t rate_accepted; /* at rate_mono_ms; for the rate of the status */
    int64_t rate_mono_ms;
    uint64_t rate_per_s;
    uint32_t latencies_ms[GW_UPLINK_LATENCIES];
    uint64_t latency_count;
    uint64_t *sent_counter, *accepted_counter, *request_counter, *failure_counter;

    struct gw_batch_scratch scratch;
    struct gw_buf text;   /* the batch being built; free between submits */
    struct gw_buf letter; /* texts of one letter */
    struct gw_buf event;  /* one rendered event */
    char url[1024];
    char token_value[2100];
    /* Kept ones of `known`. */
    struct gw_queue_progress known[GW_QUEUE_MAX_EPOCHS];
    size_t known_count;
};

static inline int64_t gw_uplink_now(const struct gw_uplink *uplink) {
    return gw_clock_mono_ms(uplink->clock);
}

static inline uint64_t gw_uplink_random(struct gw_uplink *uplink) {
    return uplink->random(uplink->random_self);
}

static inline struct gw_letter_key gw_uplink_key(const struct gw_uplink *uplink,
                                                 struct gw_epoch epoch,
                                                 enum gw_flow_class class, uint64_t sequence) {
    return (struct gw_letter_key){uplink->name, epoch, class, sequence};
}

/* tracks.c */
/* The track of (epoch, class), NULL if the queue has no such epoch. */
struct gw_track *gw_uplink_find_track(struct gw_uplink *uplink, struct gw_epoch epoch,
                                      enum gw_flow_class class);
/* Of the own epoch; NULL if there is none (yet). */
const struct gw_track *gw_uplink_own_track(const struct gw_uplink *uplink,
                                           enum gw_flow_class class);
uint64_t gw_uplink_backlog(const struct gw_uplink *uplink, enum gw_flow_class class);
/* The lane could not send for the track what only a newer release understands: the
 * track waits, and an issue says why. */
void gw_lane_note_unknown(struct gw_lane *lane, struct gw_track *track);
/* The track is understood (again), or gone. */
void gw_lane_clear_unknown(struct gw_lane *lane, struct gw_track *track);
/* "sink/class" into `text`: subject of issues of one class. */
struct gw_str gw_lane_subject(const struct gw_lane *lane, char text[static 128]);

/* standing.c: what to do when events wait and nothing moves */
void gw_uplink_watch(struct gw_uplink *uplink);
/* When gw_uplink_watch may have something to do. */
int64_t gw_uplink_watch_next_mono_ms(const struct gw_uplink *uplink);
/* Events of the class were settled. */
void gw_lane_moved(struct gw_lane *lane);

/* pump.c */
/* Start whatever requests may start; sets wake_mono_ms. */
void gw_uplink_pump(struct gw_uplink *uplink);
/* Give up what a lane has in flight. */
void gw_lane_cancel(struct gw_lane *lane);
/* This class waits before it tries again. */
void gw_lane_back_off(struct gw_lane *lane);

/* request.c */
/* Build the lane's batch for `job` and submit it. NOENT: there was nothing. */
struct gw_work {
    enum gw_job job;
    struct gw_track *track;
    struct gw_plan plan;
    uint64_t letter_sequence; /* GW_JOB_LETTER, with letter_epoch */
    struct gw_epoch letter_epoch;
};
enum gw_err gw_lane_send(struct gw_lane *lane, const struct gw_work *work, uint64_t max_events);

/* asked.c: replays and letters; none of this touches the back-off of live events */
/* Is the lane's job (in flight, or the last one) one of these? */
bool gw_lane_is_asked(const struct gw_lane *lane);
/* What is due of it now; false if nothing. */
bool gw_lane_find_asked_work(struct gw_lane *lane, struct gw_work *ret_work);
/* When to look again; GW_NEVER_MS = nothing is asked for. */
int64_t gw_lane_asked_next_mono_ms(const struct gw_lane *lane);
struct gw_asked_failure {
    bool is_its_own; /* not the centre's: counts towards closing it */
    uint64_t retry_after_ms;
    struct gw_str code; /* may be empty */
    char text[GW_UPLINK_ERROR_MAX];
};
/* It was not acknowledged: it waits, or is closed. */
void gw_lane_asked_failed(struct gw_lane *lane, const struct gw_asked_failure *failure);
/* It could not be built or submitted. */
void gw_lane_asked_not_sent(struct gw_lane *lane, enum gw_err err);
void gw_lane_asked_succeeded(struct gw_lane *lane);
void gw_lane_asked_back_off(struct gw_lane *lane, uint64_t retry_after_ms);
/* Not any more: the letter is kept and shows `code` and `detail`, the replay ends. */
void gw_lane_close_asked(struct gw_lane *lane, struct gw_str code, struct gw_str detail);
void gw_lane_end_replay(struct gw_lane *lane, const char *reason);
/* The one event in flight is left out of the replay. */
void gw_lane_leave_out(struct gw_lane *lane, const char *reason);

/* outcome.c */
/* The transport's answer to what a lane had in flight (a gw_http_done). */
void gw_lane_answered(void *context, const struct gw_http_answer *answer);

/* size.c */
/* The lane's batch was taken whole: larger or smaller ones from now on. */
void gw_lane_size_after_success(struct gw_lane *lane);
/* A slow link or a large answer: ask for less at once. */
void gw_lane_shrink(struct gw_lane *lane);
/* The lane's batch (of more than one slot) was larger than the centre allows. */
void gw_lane_learn_cap(struct gw_lane *lane);

/* settle.c */
/* Slots [0, count) of the lane's batch have their final verdict; letters are
 * committed first. `reply` (may be NULL) says what of each. */
enum gw_err gw_lane_settle(struct gw_lane *lane, size_t count, const struct gw_reply *reply);

/* How many of the first `count` slots come before one that needs a letter. */
size_t gw_lane_count_unkept(const struct gw_lane *lane, size_t count);

/* letters.c */
/* Count of letters, and of those due per class. */
enum gw_err gw_uplink_count_letters(struct gw_uplink *uplink);
/* May one more event be given up this hour? */
bool gw_uplink_may_give_up(struct gw_uplink *uplink, uint64_t more);
/* Begin a change of the link store that puts letters. */
enum gw_err gw_uplink_begin_letters(struct gw_uplink *uplink);
/* Commit it and count them; or, if putting failed with `err`, give it up. */
enum gw_err gw_uplink_end_letters(struct gw_uplink *uplink, enum gw_err err);
/* Put a letter with its event's text inside that change. */
enum gw_err gw_uplink_put_letter(struct gw_uplink *uplink, const struct gw_letter_key *key,
                                 const struct gw_track *track, struct gw_letter *letter);
/* Tombstones for slots, as gw_batch_request wants them; context is the lane. */
enum gw_err gw_lane_tombstone(void *context, uint64_t sequence, bool is_corrupt,
                              struct gw_str *ret_reason, int64_t *ret_time_wall_ms,
                              bool *ret_is_one);
/* The suspects whose guilt is proved become letters. */
void gw_uplink_judge(struct gw_uplink *uplink);
/* Next letter of the class a person wants sent again; NOENT. */
enum gw_err gw_uplink_find_due_letter(struct gw_uplink *uplink, enum gw_flow_class class,
                                      struct gw_epoch *ret_epoch, uint64_t *ret_sequence);
/* What became of the letter in flight: gone when taken, else kept, not due. */
enum gw_err gw_lane_close_letter(struct gw_lane *lane, bool is_taken, struct gw_str code,
                                 struct gw_str detail);

/* trouble.c: issues and stops */
void gw_uplink_note_error(struct gw_uplink *uplink, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void gw_uplink_raise(struct gw_uplink *uplink, enum gw_issue_code code);
/* Everything is well: clear what an answer of the centre disproves. */
void gw_uplink_clear_trouble(struct gw_uplink *uplink);
/* Stop and probe slowly; the error text must be set. */
void gw_uplink_stop(struct gw_uplink *uplink, enum gw_issue_code code, uint32_t at_least_ms);
/* The sink failed as a whole. */
void gw_uplink_fail(struct gw_uplink *uplink, enum gw_issue_code code, uint64_t retry_after_ms);

#endif
