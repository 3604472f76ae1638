/* SPDX-License-Identifier: Apache-2.0 */
/* Letters: what became of events that were not simply accepted. */
#include <string.h>

#include "cloud-link/uplink/state.h"
#include "firmware/base/cleanup.h"
#include "firmware/event/render.h"

#define HOUR_MS 3600000

/* ---- counting ---- */

static bool count_letter(void *context, const struct gw_letter_key *key,
                         const struct gw_letter *letter) {
    struct gw_uplink *uplink = context;
    uplink->letters++;
    uplink->conflicts += letter->verdict == GW_LETTER_CONFLICT;
    uplink->lanes[key->class].letters_due += letter->retry_due;
    return true;
}

enum gw_err gw_uplink_count_letters(struct gw_uplink *uplink) {
    struct gw_letter_key from = {.sink = uplink->name};
    enum gw_err err = gw_link_store_each_letter(uplink->store, &from, count_letter, uplink);
    if (err) {
        return err;
    }
    if (uplink->letters > uplink->conflicts) {
        gw_health_raise(uplink->health, GW_ISSUE_DEAD_LETTERS, uplink->name,
                        "%llu from before this start",
                        (unsigned long long) (uplink->letters - uplink->conflicts));
    }
    if (uplink->conflicts > 0) {
        gw_health_raise(uplink->health, GW_ISSUE_UPLINK_CONFLICT, uplink->name,
                        "%llu from before this start", (unsigned long long) uplink->conflicts);
    }
    return GW_OK;
}

static void clear_when_gone(struct gw_uplink *uplink) {
    if (uplink->letters == uplink->conflicts) {
        gw_health_clear(uplink->health, GW_ISSUE_DEAD_LETTERS, uplink->name);
    }
    if (uplink->conflicts == 0) {
        gw_health_clear(uplink->health, GW_ISSUE_UPLINK_CONFLICT, uplink->name);
    }
}

bool gw_uplink_may_give_up(struct gw_uplink *uplink, uint64_t more) {
    int64_t now = gw_uplink_now(uplink);
    if (now - uplink->hour_began_mono_ms >= HOUR_MS) {
        uplink->hour_began_mono_ms = now;
        uplink->last_hour_letters = 0;
    }
    return uplink->last_hour_letters + more <= uplink->sink->dead_letters_per_hour;
}

/* ---- writing ---- */

/* The event's own text, as it went out; empty if the queue has it no more. */
static void render_event(struct gw_uplink *uplink, const struct gw_track *track,
                         uint64_t sequence, struct gw_letter *letter) {
    struct gw_batch_scratch *scratch = &uplink->scratch;
    struct gw_queue_read_request read = {
        .epoch_index = track->epoch_index,
        .class = track->class,
        .from = sequence,
        .max_events = 1,
        .max_bytes = scratch->storage.cap,
    };
    size_t count = 0;
    gw_buf_clear(&scratch->storage);
    gw_buf_clear(&uplink->event);
    enum gw_err err = uplink->source.read(uplink->source.self, &read, &scratch->storage,
                                          scratch->entries, 1, &count);
    const struct gw_queue_entry *entry = scratch->entries;
    if (err || count == 0 || entry->err || entry->record.sequence != sequence) {
        return;
    }
    const struct gw_event_type_info *type = gw_event_type_find(entry->record.type);
    letter->type = gw_str_from_cstr(type ? type->name : NULL);
    err = gw_event_render(&entry->record, &entry->context, &uplink->event);
    if (!err) {
        letter->event = gw_buf_str(&uplink->event);
    }
}

struct existence {
    const struct gw_letter_key *key;
    bool *ret_is_there;
};

static bool note_existence(void *context, const struct gw_letter_key *key,
                           const struct gw_letter *letter) {
    (void) letter;
    const struct existence *existence = context;
    *existence->ret_is_there = key->sequence == existence->key->sequence
                               && key->class == existence->key->class
                               && gw_epoch_eq(key->epoch, existence->key->epoch);
    return false;
}

/* Whether there is one already; leaves the texts of other letters alone. */
static bool exists(struct gw_uplink *uplink, const struct gw_letter_key *key) {
    bool is_there = false;
    enum gw_err err = gw_link_store_each_letter(uplink->store, key, note_existence,
                                                &(struct existence){key, &is_there});
    return !err && is_there;
}

/* ---- no room ---- */

#define NO_ROOM_LOOK_MS 60000

static void note_no_room(struct gw_uplink *uplink, const struct gw_letter_key *key) {
    uplink->no_room_until_mono_ms = gw_uplink_now(uplink) + NO_ROOM_LOOK_MS;
    gw_health_raise(uplink->health, GW_ISSUE_DEAD_LETTERS_FULL, GW_STR("link"),
                    "%s %llu of sink %s cannot be kept as a dead letter; %llu are kept for it",
                    gw_flow_class_name(key->class), (unsigned long long) key->sequence,
                    uplink->sink->name, (unsigned long long) uplink->letters);
}

/* A letter went: classes that wait for the room try at once. */
static void note_room(struct gw_uplink *uplink) {
    if (!gw_health_is_raised(uplink->health, GW_ISSUE_DEAD_LETTERS_FULL, GW_STR("link"))
        || !gw_link_store_has_room(uplink->store)) {
        return;
    }
    gw_health_clear(uplink->health, GW_ISSUE_DEAD_LETTERS_FULL, GW_STR("link"));
    for (unsigned class = 0; class < GW_CLASS_COUNT && uplink->no_room_until_mono_ms;
         class ++) {
        uplink->lanes[class].not_before_mono_ms = gw_uplink_now(uplink);
        uplink->lanes[class].delay_ms = 0;
    }
    uplink->no_room_until_mono_ms = 0;
}

enum gw_err gw_uplink_put_letter(struct gw_uplink *uplink, const struct gw_letter_key *key,
                                 const struct gw_track *track, struct gw_letter *letter) {
    bool is_new = !exists(uplink, key);
    letter->time_wall_ms = gw_clock_wall_ms(uplink->clock);
    if (track && letter->verdict != GW_LETTER_CORRUPT) {
        render_event(uplink, track, key->sequence, letter);
    }
    enum gw_err err = gw_link_store_put_letter(uplink->store, key, letter);
    if (err == GW_ERR_FULL) {
        note_no_room(uplink, key);
    }
    if (err) {
        return err;
    }
    uplink->pending.letters += is_new;
    uplink->pending.conflicts += is_new && letter->verdict == GW_LETTER_CONFLICT;
    uplink->pending.given_up += is_new && letter->verdict != GW_LETTER_CORRUPT;
    return GW_OK;
}

enum gw_err gw_uplink_begin_letters(struct gw_uplink *uplink) {
    uplink->pending = (struct gw_letter_tally){0};
    return gw_link_store_begin(uplink->store);
}

enum gw_err gw_uplink_end_letters(struct gw_uplink *uplink, enum gw_err err) {
    if (err) {
        gw_link_store_abort(uplink->store);
        return err;
    }
    err = gw_link_store_commit(uplink->store);
    if (err) {
        return err;
    }
    uplink->letters += uplink->pending.letters;
    uplink->conflicts += uplink->pending.conflicts;
    uplink->last_hour_letters += uplink->pending.given_up;
    return GW_OK;
}

/* A change of one letter, committed. */
static enum gw_err commit_letter(struct gw_uplink *uplink, const struct gw_letter_key *key,
                                 const struct gw_track *track, struct gw_letter *letter) {
    enum gw_err err = gw_uplink_begin_letters(uplink);
    if (err) {
        return err;
    }
    return gw_uplink_end_letters(uplink, gw_uplink_put_letter(uplink, key, track, letter));
}

/* A letter read before, changed and written back as it stands. */
static enum gw_err rewrite_letter(struct gw_uplink *uplink, const struct gw_letter_key *key,
                                  const struct gw_letter *letter) {
    enum gw_err err = gw_link_store_begin(uplink->store);
    if (err) {
        return err;
    }
    err = gw_link_store_put_letter(uplink->store, key, letter);
    if (err) {
        gw_link_store_abort(uplink->store);
        return err;
    }
    return gw_link_store_commit(uplink->store);
}

static enum gw_err drop_letter(struct gw_uplink *uplink, const struct gw_letter_key *key,
                               enum gw_letter_verdict verdict) {
    enum gw_err err = gw_link_store_begin(uplink->store);
    if (err) {
        return err;
    }
    err = gw_link_store_del_letter(uplink->store, key);
    if (err) {
        gw_link_store_abort(uplink->store);
        return err;
    }
    err = gw_link_store_commit(uplink->store);
    if (err) {
        return err;
    }
    uplink->letters -= uplink->letters > 0;
    uplink->conflicts -= verdict == GW_LETTER_CONFLICT && uplink->conflicts > 0;
    clear_when_gone(uplink);
    note_room(uplink);
    return GW_OK;
}

/* ---- slots that go out as tombstones ---- */

static enum gw_err note_corrupt(struct gw_lane *lane, const struct gw_letter_key *key,
                                struct gw_letter *ret_letter) {
    struct gw_uplink *uplink = lane->uplink;
    struct gw_letter letter = {.verdict = GW_LETTER_CORRUPT,
                               .code = GW_STR("corrupt"),
                               .detail = GW_STR("the stored record cannot be read")};
    enum gw_err err = commit_letter(uplink, key, NULL, &letter);
    if (err) {
        return err;
    }
    gw_health_raise(uplink->health, GW_ISSUE_STORE_RECORD_CORRUPT, uplink->name,
                    "%s %llu cannot be read from the queue", gw_flow_class_name(key->class),
                    (unsigned long long) key->sequence);
    *ret_letter = letter;
    return GW_OK;
}

enum gw_err gw_lane_tombstone(void *context, uint64_t sequence, bool is_corrupt,
                              struct gw_str *ret_reason, int64_t *ret_time_wall_ms,
                              bool *ret_is_one) {
    struct gw_lane *lane = context;
    struct gw_uplink *uplink = lane->uplink;
    struct gw_letter_key key = gw_uplink_key(uplink, lane->epoch, lane->class, sequence);
    struct gw_letter letter;
    gw_buf_clear(&uplink->letter);
    enum gw_err err = gw_link_store_get_letter(uplink->store, &key, &uplink->letter, &letter);
    if (err == GW_ERR_NOENT && is_corrupt) {
        err = note_corrupt(lane, &key, &letter);
    }
    if (err == GW_ERR_NOENT) {
        *ret_is_one = false;
        return GW_OK;
    }
    if (err) {
        return err;
    }
    *ret_is_one = is_corrupt || letter.is_tombstone;
    *ret_reason = is_corrupt ? GW_STR("corrupt") : GW_STR("dead_letter");
    *ret_time_wall_ms = letter.time_wall_ms;
    return GW_OK;
}

/* ---- judging suspects ---- */

static enum gw_err give_up(struct gw_uplink *uplink, struct gw_track *track,
                           struct gw_held *held) {
    bool is_fault = held->cause == GW_HELD_SERVER_FAULT;
    struct gw_letter letter = {
        .verdict = is_fault ? GW_LETTER_SERVER_FAULT : GW_LETTER_REFUSED,
        .is_tombstone = true,
        .code = gw_str_from_cstr(held->code),
        .detail = is_fault ? GW_STR("refused by server fault") : gw_str_from_cstr(held->detail),
    };
    struct gw_letter_key key =
        gw_uplink_key(uplink, track->epoch, track->class, held->sequence);
    enum gw_err err = commit_letter(uplink, &key, track, &letter);
    if (err) {
        return err;
    }
    held->is_given_up = true;
    if (track->marked_until < held->sequence) {
        track->marked_until = held->sequence;
    }
    gw_health_raise(uplink->health, GW_ISSUE_DEAD_LETTERS, uplink->name, "%s %llu: %s",
                    gw_flow_class_name(track->class), (unsigned long long) held->sequence,
                    held->code);
    return GW_OK;
}

static void judge_track(struct gw_uplink *uplink, struct gw_track *track) {
    struct gw_held *held;
    while ((held = gw_track_find_guilty(track, uplink->accepted))) {
        if (!gw_uplink_may_give_up(uplink, 1)) {
            if (uplink->pace.state != GW_SINK_STOPPED) {
                gw_uplink_note_error(uplink,
                                     "the centre refused more than %u events in an hour",
                                     uplink->sink->dead_letters_per_hour);
                gw_uplink_stop(uplink, GW_ISSUE_UPLINK_STOPPED, 0);
            }
            return;
        }
        enum gw_err err = give_up(uplink, track, held);
        if (err && err != GW_ERR_FULL) {
            gw_health_raise(uplink->health, GW_ISSUE_STORE_WRITE_FAILED, GW_STR("link"),
                            "link store: %s", gw_err_name(err));
        }
        if (err) {
            return;
        }
    }
}

void gw_uplink_judge(struct gw_uplink *uplink) {
    if (uplink->no_room_until_mono_ms > gw_uplink_now(uplink)) {
        return; /* the guilty stay held: nothing is given up that is not kept */
    }
    for (size_t i = 0; i < GW_QUEUE_MAX_EPOCHS; i++) {
        for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
            if (uplink->tracks[i][class].held_count > 0) {
                judge_track(uplink, &uplink->tracks[i][class]);
            }
        }
    }
}

/* ---- letters a person wants sent again ---- */

struct due {
    enum gw_flow_class class;
    bool is_found;
    struct gw_epoch epoch;
    uint64_t sequence;
};

static bool is_due(void *context, const struct gw_letter_key *key,
                   const struct gw_letter *letter) {
    struct due *due = context;
    if (key->class == due->class && letter->retry_due) {
        due->is_found = true;
        due->epoch = key->epoch;
        due->sequence = key->sequence;
    }
    return !due->is_found;
}

enum gw_err gw_uplink_find_due_letter(struct gw_uplink *uplink, enum gw_flow_class class,
                                      struct gw_epoch *ret_epoch, uint64_t *ret_sequence) {
    struct gw_letter_key from = {.sink = uplink->name};
    struct due due = {.class = class};
    enum gw_err err = gw_link_store_each_letter(uplink->store, &from, is_due, &due);
    if (err) {
        return err;
    }
    if (!due.is_found) {
        return GW_ERR_NOENT;
    }
    *ret_epoch = due.epoch;
    *ret_sequence = due.sequence;
    return GW_OK;
}

static enum gw_err read_letter(struct gw_uplink *uplink, const struct gw_letter_key *key,
                               struct gw_letter *ret_letter) {
    gw_buf_clear(&uplink->letter);
    return gw_link_store_get_letter(uplink->store, key, &uplink->letter, ret_letter);
}

enum gw_err gw_lane_close_letter(struct gw_lane *lane, bool is_taken, struct gw_str code,
                                 struct gw_str detail) {
    struct gw_uplink *uplink = lane->uplink;
    struct gw_letter_key key =
        gw_uplink_key(uplink, lane->epoch, lane->class, lane->batch.first);
    struct gw_letter letter;
    enum gw_err err = read_letter(uplink, &key, &letter);
    if (err) {
        return err;
    }
    if (is_taken) {
        err = drop_letter(uplink, &key, letter.verdict);
    } else {
        letter.retry_due = false;
        letter.code = code.len > 0 ? code : letter.code;
        letter.detail = detail.len > 0 ? detail : letter.detail;
        letter.time_wall_ms = gw_clock_wall_ms(uplink->clock);
        err = rewrite_letter(uplink, &key, &letter);
    }
    if (!err) {
        lane->letters_due -= lane->letters_due > 0;
    }
    return err;
}

enum gw_err gw_uplink_letter_retry(struct gw_uplink *uplink, const struct gw_letter_key *key) {
    struct gw_letter letter;
    enum gw_err err = read_letter(uplink, key, &letter);
    if (err) {
        return err;
    }
    if (letter.event.len == 0) {
        return GW_ERR_INVALID;
    }
    if (letter.retry_due) {
        return GW_OK;
    }
    letter.retry_due = true;
    err = rewrite_letter(uplink, key, &letter);
    if (err) {
        return err;
    }
    uplink->lanes[key->class].letters_due++;
    return GW_OK;
}

enum gw_err gw_uplink_letter_drop(struct gw_uplink *uplink, const struct gw_letter_key *key) {
    struct gw_letter letter;
    enum gw_err err = read_letter(uplink, key, &letter);
    if (err) {
        return err;
    }
    const struct gw_track *track = gw_uplink_find_track(uplink, key->epoch, key->class);
    if (letter.is_tombstone && track && gw_track_cursor(track) < key->sequence) {
        return GW_ERR_BUSY; /* the centre would get the event after all */
    }
    struct gw_lane *lane = &uplink->lanes[key->class];
    if (lane->in_flight && lane->job == GW_JOB_LETTER && lane->batch.first == key->sequence
        && gw_epoch_eq(lane->epoch, key->epoch)) {
        return GW_ERR_BUSY;
    }
    err = drop_letter(uplink, key, letter.verdict);
    if (!err && letter.retry_due) {
        lane->letters_due -= lane->letters_due > 0;
        lane->asked = (struct gw_asked){0};
    }
    return err;
}
