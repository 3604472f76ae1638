/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share.
 *
 *   queue_open      open, create, close                 queue_judge   may it be used?
 *   queue_aside     setting aside                       queue_asides  what lies there
 *   queue_append    a unit into the open transaction    queue_group   commit, deadlines
 *   queue_account   cost, admission, figures            queue_books   accounting on disk
 *   queue_front     the oldest end of a class           queue_trim    progress, ring
 *   queue_evict     tombstones                          queue_state   sources' tables
 *   queue_quarantine, queue_salvage, queue_reader, queue_progress, queue_context,
 *   queue_zone, queue_tail
 *
 * The essay on crash order and invariants is in queue_group.c.
 */
#ifndef GW_QUEUE_QUEUE_INTERNAL_H
#define GW_QUEUE_QUEUE_INTERNAL_H

#include <limits.h>

#include "firmware/base/loop.h"
#include "firmware/queue/queue.h"
#include "firmware/store/store.h"

#define QUEUE_FORMAT_VERSION 1
#define QUEUE_STATE_TABLES 24
#define QUEUE_STATE_NAME_BYTES 33
#define QUEUE_MAX_TABLES (GW_CLASS_COUNT + 3 + QUEUE_STATE_TABLES + 1)
#define QUEUE_TEXT_BYTES 256
#define QUEUE_PARTITION_BYTES 128

/* ---- keys ---- */

static inline uint64_t queue_log_key(uint8_t epoch_index, enum gw_flow_class class,
                                     uint64_t sequence) {
    return (uint64_t) epoch_index << 56 | (uint64_t) class << 48 | sequence;
}

static inline uint64_t queue_key_sequence(uint64_t key) {
    return key & GW_SEQUENCE_MAX;
}

static inline bool queue_key_is_of(uint64_t key, uint8_t epoch_index,
                                   enum gw_flow_class class) {
    return key >> 48 == ((uint64_t) epoch_index << 8 | (uint64_t) class);
}

static inline uint64_t queue_context_key(uint8_t epoch_index, uint32_t number) {
    return (uint64_t) epoch_index << 32 | number;
}

/* The number of an 8-byte key (fewer bytes: the rest is zero). */
uint64_t queue_key_of(struct gw_bytes key);

/* ---- accounting ---- */

struct class_books {
    uint64_t first; /* empty: last + 1 */
    uint64_t last;
    uint64_t count; /* records, a tombstone is one */
    uint64_t bytes; /* as queue_cost() sees them */
};

enum epoch_state { EPOCH_OPEN = 1, EPOCH_FILLING = 2, EPOCH_CLOSED = 3 };

struct epoch_books {
    uint8_t index;
    uint8_t state;
    struct gw_epoch epoch;
    int64_t created_wall_ms;
    bool has_previous;
    bool previous_exact;
    struct gw_epoch previous_epoch;
    uint64_t previous_heads[GW_CLASS_COUNT];
    struct class_books classes[GW_CLASS_COUNT];
    bool changed; /* of a salvaged epoch: to be written with the next commit */
};

struct quarantine_books {
    uint64_t first; /* number of the oldest entry */
    uint64_t next;  /* number of the next one */
    uint64_t count;
    uint64_t bytes;
    uint64_t evicted;
};

/* All that a commit changes besides entries. Two of these: as committed, and as
 * the open transaction would leave it. Epoch 0 is the own one. */
struct books {
    size_t epoch_count;
    struct epoch_books epochs[GW_QUEUE_MAX_EPOCHS];
    struct quarantine_books quarantine;
    uint32_t next_context;
    uint64_t context_bytes;
    uint64_t state_bytes; /* sum over the state tables, not stored */
};

#define QUEUE_VALUE_MAX_BYTES 512
/* Encode into `dst` (QUEUE_VALUE_MAX_BYTES). */
struct gw_bytes queue_books_encode(const struct books *books, uint8_t *dst);
/* Into *books, which holds its epochs already. CORRUPT. */
enum gw_err queue_books_decode(struct gw_bytes bytes, struct books *books);
/* The same for one epoch; the caller sets ret_epoch->index before. CORRUPT. */
struct gw_bytes queue_epoch_encode(const struct epoch_books *epoch, uint8_t *dst);
enum gw_err queue_epoch_decode(struct gw_bytes bytes, struct epoch_books *ret_epoch);

struct queue_identity {
    uint32_t format;
    char serial[QUEUE_TEXT_BYTES];
    char partition_id[QUEUE_PARTITION_BYTES];
};
/* The same for the identity. */
struct gw_bytes queue_identity_encode(const struct queue_identity *identity, uint8_t *dst);
/* SCHEMA for a newer format (only `format` is set then), CORRUPT. */
enum gw_err queue_identity_decode(struct gw_bytes bytes, struct queue_identity *ret_identity);
/* The same for the start marker. */
struct gw_bytes queue_marker_encode(uint32_t deaths, uint8_t *dst);
enum gw_err queue_marker_decode(struct gw_bytes bytes, uint32_t *ret_deaths);

/* Names of the small values in the root table. */
struct gw_bytes queue_root_key(const char *name);
#define QUEUE_ROOT_IDENTITY "identity"
#define QUEUE_ROOT_MARKER "start"
#define QUEUE_ROOT_BOOKS "books"

struct queue_tables {
    struct gw_table root, logs[GW_CLASS_COUNT], context, epochs, quarantine;
};
extern const char *const queue_log_names[GW_CLASS_COUNT];
/* Open (create in a write transaction) all of them. NOENT, FULL, CORRUPT. */
enum gw_err queue_tables_open(struct gw_store_txn *txn, struct queue_tables *ret_tables);
/* Read own and salvaged epochs and the accounting. CORRUPT if anything is
 * missing. */
enum gw_err queue_books_read(struct gw_store_txn *txn, const struct queue_tables *tables,
                             struct books *ret_books);
/* Write what a commit changes. */
enum gw_err queue_books_write(struct gw_store_txn *txn, const struct queue_tables *tables,
                              struct books *books);
enum gw_err queue_epoch_write(struct gw_store_txn *txn, const struct queue_tables *tables,
                              const struct epoch_books *epoch);

/* ---- writer ---- */

struct queue_completion {
    gw_unit_completed *completed;
    void *context;
    uint64_t token;
    enum gw_err err;
};

/* Completions in submit order: [told, decided) wait to be told, [decided, pushed)
 * belong to the open group. Positions only grow; slot = position % capacity. */
struct queue_completions {
    struct queue_completion *slots;
    uint64_t capacity;
    uint64_t told, decided, pushed;
    bool telling;
};

struct queue_group {
    uint64_t units;
    uint64_t events;
    uint64_t bytes;           /* appended, accounted */
    int64_t deadline_mono_ms; /* of the earliest unit */
};

/* Arrivals, in windows of a second. */
struct queue_rate {
    int64_t began_mono_ms;
    uint64_t now, before;
};

struct queue_budget {
    uint64_t per_day;
    uint64_t left;
    int64_t filled_mono_ms;
};

struct queue_state_table {
    char name[QUEUE_STATE_NAME_BYTES];
    struct gw_table table;
    uint64_t bytes, committed_bytes;
    bool committed; /* exists beyond the open transaction */
};

struct queue_context {
    struct gw_event_context facts; /* views into the texts below */
    char serial[QUEUE_TEXT_BYTES], site[QUEUE_TEXT_BYTES], owner[QUEUE_TEXT_BYTES],
        zone[QUEUE_TEXT_BYTES];
    uint8_t encoded[GW_CONTEXT_MAX_BYTES];
    size_t encoded_len;
    uint32_t number;
    bool stored;  /* committed under `number` */
    bool written; /* put into the open transaction */
};

/* Offset of the site's zone, good for [from_wall_ms, until_wall_ms). */
struct queue_zone {
    uint8_t *file;
    size_t file_len;
    int64_t from_wall_ms, until_wall_ms;
    int16_t offset_min;
};

/* Of one epoch slot, as told by gw_queue_set_progress. */
struct queue_acks {
    bool known;
    uint64_t acked[GW_CLASS_COUNT];
    uint64_t sent[GW_CLASS_COUNT];
};

struct queue_counters {
    uint64_t appended[GW_CLASS_COUNT], refused[GW_CLASS_COUNT], evicted[GW_CLASS_COUNT],
        trimmed[GW_CLASS_COUNT];
    uint64_t commits, commit_failures, estimated_written_bytes;
};

#define QUEUE_TRACE_POOL 64

struct gw_queue_writer {
    struct gw_queue_options options; /* text views are not used after the open */
    struct gw_clock clock;
    char path[PATH_MAX];
    struct queue_identity identity;

    struct gw_store *store;
    struct queue_tables tables;
    struct gw_store_txn *txn; /* open while a group is */
    struct books committed, pending;

    struct queue_group group;
    struct queue_completions completions;
    struct queue_budget budget;
    struct queue_rate rate;
    struct queue_counters counters, pending_counters;
    int64_t committed_mono_ms; /* last successful commit */

    struct queue_context context;
    struct queue_zone zone;
    struct queue_acks acks[GW_QUEUE_MAX_EPOCHS]; /* see queue_acks_of() */

    struct queue_state_table states[QUEUE_STATE_TABLES];
    size_t state_count;

    uint32_t page_bytes;
    uint64_t map_bytes;
    uint64_t limit_bytes;   /* admission goes up to here */
    uint64_t reserve_bytes; /* at least this much of the map stays unused */
    uint64_t excess_bytes;  /* what LMDB uses beyond the own accounting */
    uint64_t excess_checked_at_bytes;
    int64_t excess_checked_mono_ms;
    int64_t readers_checked_mono_ms, readers_looked_mono_ms;

    bool trim_wanted;    /* progress moved, or a unit was refused */
    uint64_t trim_batch; /* records a trim may take; less after one failed */
    int64_t expiry_checked_mono_ms;

    uint64_t reader_txn; /* the oldest reader that lags, since when seen */
    int64_t reader_seen_mono_ms;
    bool reader_lags;

    uint32_t marker_deaths; /* as stored */
    bool healthy;

    void (*ring)(void *context);
    void *ring_context;

    size_t trace_used;
    struct gw_trace traces[QUEUE_TRACE_POOL];
    uint8_t record[GW_RECORD_MAX_BYTES];
};

/* Salvaged epochs have indexes 0 to GW_QUEUE_MAX_EPOCHS - 2. */
static inline struct queue_acks *queue_acks_of(struct gw_queue_writer *writer,
                                               uint8_t epoch_index) {
    return &writer->acks[epoch_index == GW_EPOCH_INDEX_OWN ? 0 : epoch_index + 1];
}

static inline struct epoch_books *queue_own(struct books *books) {
    return &books->epochs[0];
}

/* ---- queue_account.c ---- */

/* Bytes of the map that an entry of `len` bytes with an 8-byte key takes. */
uint64_t queue_cost(const struct gw_queue_writer *writer, size_t len);
/* The same for a key of `key_len` bytes. */
uint64_t queue_cost_keyed(const struct gw_queue_writer *writer, size_t key_len, size_t len);
/* Used by all, as the open transaction would leave it. */
uint64_t queue_used(const struct gw_queue_writer *writer);
/* Make room for `need` bytes, by the order of yielding. FULL, IO, CORRUPT; after
 * an error of the store the group has failed. */
enum gw_err queue_admit(struct gw_queue_writer *writer, uint64_t need);
/* Nearly as full as admission allows. */
bool queue_is_under_pressure(const struct gw_queue_writer *writer);
/* Compare the own accounting with LMDB's pages, now and then. */
void queue_check_excess(struct gw_queue_writer *writer, bool now);

/* ---- queue_group.c ---- */

/* The open transaction, begun if there is none. */
enum gw_err queue_begin(struct gw_queue_writer *writer);
/* Give up the open group: everything of it is taken back and its units are told
 * `err`. Returns err. */
enum gw_err queue_fail(struct gw_queue_writer *writer, enum gw_err err);
/* Commit the open transaction, if any, and tell. */
enum gw_err queue_commit(struct gw_queue_writer *writer);
/* A trim or eviction failed: try a smaller one next time. */
void queue_shrink_trim(struct gw_queue_writer *writer);
/* Not to be left open any longer. */
bool queue_group_is_large(const struct gw_queue_writer *writer);
/* One more unit can be taken. */
bool queue_completions_have_room(const struct gw_queue_writer *writer);
/* A unit was taken into the open group. */
void queue_group_add(struct gw_queue_writer *writer, const struct gw_unit *unit, uint64_t bytes,
                     int64_t wait_ms);

/* ---- queue_context.c ---- */

/* Take over site facts. RANGE, INVALID (nothing changed). */
enum gw_err queue_context_set(struct gw_queue_writer *writer, struct gw_str site,
                              struct gw_str owner, struct gw_str zone);
/* The same for the epoch, once it is known. */
enum gw_err queue_context_set_epoch(struct gw_queue_writer *writer, struct gw_epoch epoch);
/* Store the context under its number unless it is. */
enum gw_err queue_context_write(struct gw_queue_writer *writer);
/* Find the context among the stored ones, newest only. */
void queue_context_find(struct gw_queue_writer *writer, struct gw_store_txn *txn);
/* Drop contexts that no record names any more, if there are many. */
enum gw_err queue_context_prune(struct gw_queue_writer *writer);

/* ---- queue_zone.c ---- */

/* Release; harmless on a zeroed struct. */
void queue_zone_close(struct queue_zone *zone);
/* Load the rules of an IANA zone; an unknown one is UTC. */
void queue_zone_set(struct queue_zone *zone, struct gw_str name);
/* Minutes east of UTC at that time. */
int16_t queue_zone_offset_min(struct queue_zone *zone, int64_t wall_ms);

/* ---- queue_append.c ---- */

/* gw_intake.submit. */
enum gw_err queue_submit(void *self, const struct gw_unit *unit);
/* What the queue knows of a record made now. */
struct gw_record_stamp queue_stamp(struct gw_queue_writer *writer, struct gw_event_id id,
                                   int64_t wall_ms);

/* ---- queue_state.c, queue_tail.c, queue_quarantine.c ---- */

/* gw_intake.state_each. */
enum gw_err queue_state_each(void *self, struct gw_str table, gw_intake_state *each,
                             void *context);
/* gw_intake.state_get. */
enum gw_err queue_state_get(void *self, struct gw_str table, struct gw_bytes key,
                            struct gw_buf *buf);
/* Lengths, name, quota (DENIED), and what the changes will cost. */
enum gw_err queue_state_check(struct gw_queue_writer *writer, const struct gw_unit *unit,
                              uint64_t *ret_cost);
/* Into the open transaction, after the check. */
enum gw_err queue_state_write(struct gw_queue_writer *writer, const struct gw_unit *unit);
/* Find the tables of an open store and sum them up. */
enum gw_err queue_state_load(struct gw_queue_writer *writer);
/* Value behind the CRC of a stored entry. CORRUPT. */
enum gw_err queue_state_unseal(struct gw_bytes key, struct gw_bytes stored,
                               struct gw_bytes *ret_value);
/* gw_queue_reader_state_each inside a read transaction. */
enum gw_err queue_state_walk(struct gw_store_txn *txn, struct gw_str table,
                             gw_queue_state_each *each, void *context);
/* After a commit or a roll-back. */
void queue_state_settle(struct gw_queue_writer *writer, bool committed);

/* gw_intake.tail. */
enum gw_err queue_tail(void *self, struct gw_bytes prefix, size_t count, gw_intake_tail *each,
                       void *context);

/* Into the open transaction; the oldest entries make room. */
enum gw_err queue_quarantine_write(struct gw_queue_writer *writer,
                                   const struct gw_quarantine_entry *entry);
/* Take over an entry of another store, without its origin. FULL if that would need
 * room of ours; the open transaction is untouched then. */
enum gw_err queue_quarantine_adopt(struct gw_queue_writer *writer,
                                   const struct gw_quarantine_view *view, uint64_t *ret_cost);
/* False if the stored entry is damaged. Views into `value`. */
bool queue_quarantine_decode(uint64_t number, struct gw_bytes value,
                             struct gw_quarantine_view *ret_view);
/* What that will take. */
uint64_t queue_quarantine_cost(const struct gw_queue_writer *writer,
                               const struct gw_quarantine_entry *entry);

/* ---- queue_front.c: the oldest end of a class ---- */

struct front_record {
    uint64_t sequence, last;
    bool is_tombstone;
    size_t len;
    int64_t recorded_wall_ms, expiry_wall_ms;
    struct gw_bytes bytes; /* until the next change */
};

struct queue_front {
    struct gw_queue_writer *writer;
    struct gw_store_cursor *cursor;
    struct epoch_books *epoch;
    enum gw_flow_class class;
    bool at_end;   /* no record is left */
    bool kept_any; /* stepped over a record: the class still starts there */
    struct front_record record;
};

/* Stand on the oldest record, inside the open transaction. */
enum gw_err queue_front_open(struct gw_queue_writer *writer, struct epoch_books *epoch,
                             enum gw_flow_class class, struct queue_front *ret_front);
/* Step over the record; delete it. Then stand on the next or at_end. */
enum gw_err queue_front_keep(struct queue_front *front);
enum gw_err queue_front_drop(struct queue_front *front);
/* Always call: closes the cursor and moves the class's first sequence. */
void queue_front_close(struct queue_front *front);
/* What a record says of itself, without verifying it. */
struct front_record queue_front_peek(uint64_t key, struct gw_bytes bytes);

/* ---- queue_trim.c ---- */

/* Delete acknowledged records that the ring no longer wants; under pressure the
 * ring too. At most `max_records`. */
enum gw_err queue_trim(struct gw_queue_writer *writer, uint64_t max_records, bool with_ring,
                       uint64_t *ret_trimmed);
/* Records acknowledged and wanted by nobody, roughly. */
uint64_t queue_trim_waiting(const struct gw_queue_writer *writer);

/* ---- queue_evict.c ---- */

/* Bury the oldest records of an evictable class under a tombstone. *ret_freed 0:
 * nothing there to evict. */
enum gw_err queue_evict(struct gw_queue_writer *writer, uint64_t want_bytes,
                        uint64_t *ret_freed);
/* Bury expired telemetry at the oldest end. */
enum gw_err queue_expire(struct gw_queue_writer *writer, uint64_t max_records);
/* Number under which a salvaged epoch keeps a context for what this store adds. */
#define QUEUE_CONTEXT_ADDED UINT32_MAX
/* Put a tombstone for [first, last] of an epoch's class. */
enum gw_err queue_put_tombstone(struct gw_queue_writer *writer, struct epoch_books *epoch,
                                enum gw_flow_class class, uint64_t first, uint64_t last,
                                struct gw_str reason);

/* ---- queue_aside.c ---- */

/* What can be learned of a store that will not be used, without LMDB. */
void queue_aside_examine(const char *path, struct gw_queue_opening *opening);
/* Rename the store's folder; the new name into the opening. */
enum gw_err queue_aside_move(const char *path, int64_t wall_ms,
                             struct gw_queue_opening *opening);

/* ---- queue_judge.c ---- */

/* What an unusable store still tells about this gateway's past. */
enum queue_past {
    QUEUE_PAST_KNOWN,    /* it ended where its books say */
    QUEUE_PAST_MAY_MISS, /* it may have gone on elsewhere */
    QUEUE_PAST_FOREIGN,  /* it is another gateway's */
};

struct queue_verdict {
    const char *reason; /* NULL = usable */
    enum queue_past past;
};

/* Say so in *ret_verdict. Returns CORRUPT. */
enum gw_err queue_verdict_unusable(struct queue_verdict *ret_verdict, const char *reason,
                                   enum queue_past past);
/* Look at an open store, in a read transaction; fills writer->pending if it may be
 * used. NOENT: it never was used. CORRUPT: *verdict says why it may not be. */
enum gw_err queue_judge(struct gw_queue_writer *writer, const struct gw_queue_witness *witness,
                        struct gw_store_txn *txn, struct queue_verdict *verdict);

/* ---- queue_open.c ---- */

/* Number of `epoch` among the pending ones, or epoch_count. */
size_t queue_epoch_slot(const struct books *books, struct gw_epoch epoch);

#endif
