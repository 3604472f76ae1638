/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue: the event log of one gateway, on one store, per flow class.
 *
 * Privilege is in the type: a process that holds a gw_queue_reader cannot
 * append, and only gw-collectd opens a gw_queue_writer.
 *
 * Store layout (tables of firmware/store):
 *   log.business log.state log.telemetry log.audit
 *                key u64 = epoch index (8 bits) | class (8) | sequence (48),
 *                value = record (event/record.h). Sequences of a class and
 *                epoch start at 1 and are contiguous; a tombstone stands at the
 *                first sequence of the range it replaces.
 *   context      u64 = epoch index << 32 | number -> context record
 *   epochs       u8 index -> epoch, created, predecessor; of salvaged ones their
 *                accounting too. The store's own epoch has index 255; salvaged
 *                epochs count up from 0.
 *   quarantine   u64 -> entry; 0 -> how many were evicted
 *   state.<name> the sources' own tables; values carry a CRC over key and value
 *   (root)       identity: format version, serial, partition id; start marker;
 *                books: accounting of the own epoch, part of every commit
 *
 * Crash order of an append: encode -> put into the open write transaction ->
 * commit (data flushed, then the meta page) -> completions -> doorbell. Before
 * the commit nothing is visible; after it everything of the group is. In-memory
 * sequences are taken back when a commit fails.
 *
 * Caveats: one writer per store in the whole machine. A reader must copy and
 * end its transaction before it touches the network: gw_queue_read does that. No
 * process may open the same store twice (gw_queue_reader_open in the writer's
 * process included): gw_queue_reader_open_beside is for that.
 */
#ifndef GW_QUEUE_QUEUE_H
#define GW_QUEUE_QUEUE_H

#include "firmware/event/record.h"
#include "firmware/intake/intake.h"
#include "firmware/store/store.h"

#define GW_EPOCH_INDEX_OWN 255
#define GW_QUEUE_MAX_EPOCHS 16 /* the own one and salvaged ones */

struct gw_queue_class_limits {
    uint32_t commit_wait_ms;
    enum gw_on_full on_full;
};

struct gw_queue_options {
    const char *path;                    /* folder of the store; created 0750 */
    uint64_t map_bytes;                  /* size of the store file, allocated at creation; on a
                                            disk without that room a half, quarter, ... of it */
    uint32_t high_water_percent;         /* of map_bytes; ring yields first, then classes */
    uint32_t ring_percent;               /* of map_bytes kept after acknowledgement */
    int64_t ring_ms;                     /* and for how long at most */
    uint64_t write_budget_bytes_per_day; /* 0 = no early commits */
    uint32_t group_max_events;           /* commit at once when a group is this large */
    uint32_t quarantine_max_bytes;
    uint32_t state_table_max_bytes; /* quota of each state.<name> */
    struct gw_queue_class_limits classes[GW_CLASS_COUNT];
    struct gw_str serial;
    struct gw_str site;
    struct gw_str owner;
    struct gw_str zone;
    uint8_t boot_id[16];
    struct gw_str partition_id; /* empty = file system and data file (a copy differs) */
    const struct gw_clock *clock;
    const struct gw_store_probe *probe; /* fault tests only; NULL */
};

/* Defaults for everything but path, serial, site, zone, boot_id and clock. */
struct gw_queue_options gw_queue_options_default(void);

/* First and last sequence of a class. Empty: last + 1 == first. */
struct gw_queue_range {
    uint64_t first;
    uint64_t last;
};

struct gw_queue_class_figures {
    struct gw_queue_range range;
    uint64_t bytes;
    int64_t oldest_recorded_wall_ms; /* 0 = empty */
    uint64_t appended;               /* since open */
    uint64_t refused;                /* since open */
    uint64_t evicted;                /* since open, events under tombstones */
    uint64_t trimmed;                /* since open */
};

struct gw_queue_figures {
    struct gw_epoch epoch;
    struct gw_queue_class_figures classes[GW_CLASS_COUNT];
    uint64_t map_bytes;
    uint64_t used_bytes;       /* own accounting: what admission goes by */
    uint64_t free_pages_bytes; /* what LMDB could still hand out */
    uint64_t commits;
    uint64_t commit_failures;
    uint64_t budget_left_bytes;
    uint64_t estimated_written_bytes; /* by commits since open */
    uint64_t quarantine_count, quarantine_bytes, quarantine_evicted;
    int64_t oldest_reader_age_ms; /* 0 = no reader inside a transaction */
};

/* How the last open went: what the gateway says about its own memory. */
enum gw_queue_origin {
    GW_QUEUE_REOPENED,  /* the same store as before */
    GW_QUEUE_CREATED,   /* no store was there */
    GW_QUEUE_SET_ASIDE, /* one was there and could not be used */
};

struct gw_queue_opening {
    enum gw_queue_origin origin;
    char set_aside_path[256]; /* where the unusable store was put, or "" */
    char set_aside_reason[160];
    unsigned unsalvaged_removed; /* older stores that had to go for want of room */
    /* What is known of the epoch before this one (created or set aside).
     * Heads from a readable old store are exact, else what `previous` said. */
    bool has_previous;
    bool previous_exact;
    struct gw_epoch previous_epoch;
    uint64_t previous_heads[GW_CLASS_COUNT];
};

/* What another witness (linkd's cursor file) last saw of this store: lets an
 * open notice a store that went back in time or vanished. */
struct gw_queue_witness {
    bool known;
    struct gw_epoch epoch;
    uint64_t heads[GW_CLASS_COUNT]; /* last sequences seen */
};

struct gw_queue_writer;
struct gw_queue_reader;

/* Open for appending; creates, or sets an unusable store aside under
 * "<path>.aside-<UTC time>" and starts a fresh epoch: it fails only if no store
 * can be made at all (FULL, DENIED, IO, NOMEM, BUSY when another writer lives).
 * A store is unusable if it does not open, is of a newer format, belongs to
 * another serial or partition id, is behind `witness`, or the start marker
 * counted GW_QUEUE_MAX_DEATHS starts without gw_queue_mark_healthy. */
#define GW_QUEUE_MAX_DEATHS 5
enum gw_err gw_queue_writer_open(const struct gw_queue_options *options,
                                 const struct gw_queue_witness *witness,
                                 struct gw_queue_opening *ret_opening,
                                 struct gw_queue_writer **ret_writer);
/* Commit what is pending (completions run), then release. NULL is allowed. */
void gw_queue_writer_close(struct gw_queue_writer *writer);
/* The start went well: reset the start marker (a commit of its own). The writer does
 * so itself after GW_QUEUE_HEALTHY_COMMITS commits: power that comes and goes must
 * not cost a store that works. */
#define GW_QUEUE_HEALTHY_COMMITS 16
enum gw_err gw_queue_mark_healthy(struct gw_queue_writer *writer);

/* The writer as the seam sources see; valid as long as the writer. When the open
 * group has reached group_max_events or failed, completions of units submitted
 * *earlier* run inside the submit of a later one. submit answers FATAL when the
 * store cannot be written any more until the process opens it anew. */
struct gw_intake gw_queue_intake(struct gw_queue_writer *writer);

/* When gw_queue_tick wants to run next, GW_NEVER_MS if nothing is pending. */
int64_t gw_queue_next_mono_ms(const struct gw_queue_writer *writer);
/* Until when it saves work to read nothing: a group is open that will be committed
 * then and hardly before, so nothing that arrives could be acknowledged earlier. At
 * most 10 ms ahead; 0 = do not rest. */
int64_t gw_queue_rest_mono_ms(const struct gw_queue_writer *writer);
/* Commit the open group if a deadline has passed, the group is large, or the
 * write budget allows not to wait; trims ride along. Returns what the commit
 * returned (completions have been told already). */
enum gw_err gw_queue_tick(struct gw_queue_writer *writer);
/* Commit now whatever is pending. */
enum gw_err gw_queue_commit(struct gw_queue_writer *writer);
/* Called after each successful commit that appended events: the doorbell. */
void gw_queue_on_commit(struct gw_queue_writer *writer, void (*ring)(void *context),
                        void *context);

/* Of one epoch: what every required sink has durably taken, and what has been
 * handed to a sink at all (tombstones coalesce only beyond `sent`). A reporter
 * that publishes lazily must publish `sent` ahead of what it hands out, never
 * behind: a tombstone that a sink has seen must not grow. */
struct gw_queue_progress {
    struct gw_epoch epoch;
    uint64_t acked[GW_CLASS_COUNT];
    uint64_t sent[GW_CLASS_COUNT];
    uint64_t heads[GW_CLASS_COUNT]; /* last sequences seen by the reporter */
};
/* Tell the writer; ignored if the store has no such epoch or a cursor is beyond
 * the head. Trimming happens in later commits (forced above high water); a
 * salvaged epoch that is acknowledged whole disappears. */
void gw_queue_set_progress(struct gw_queue_writer *writer,
                           const struct gw_queue_progress *progress);

/* The small file by which linkd publishes its progress, own epoch last. Write:
 * replaced atomically. Read: NOENT, PARSE (also on a wrong checksum). */
enum gw_err gw_queue_progress_write(const char *path, const struct gw_queue_progress *progress,
                                    size_t count);
enum gw_err gw_queue_progress_read(const char *path,
                                   struct gw_queue_progress ret_progress[GW_QUEUE_MAX_EPOCHS],
                                   size_t *ret_count);

/* New events carry the changed site facts from the next append on. */
enum gw_err gw_queue_set_context(struct gw_queue_writer *writer, struct gw_str site,
                                 struct gw_str owner, struct gw_str zone);

/* Figures as of the last commit; reads a few pages, for once a second or less. */
void gw_queue_get_figures(struct gw_queue_writer *writer, struct gw_queue_figures *ret_figures);
/* Clear reader slots of dead processes; number cleared. */
unsigned gw_queue_check_readers(struct gw_queue_writer *writer);

/* Quarantine, for gwctl and the page through collectd. */
struct gw_quarantine_view {
    uint64_t number;
    int64_t time_wall_ms;
    struct gw_str reason, topic, device;
    size_t topic_len; /* original length; topics are kept up to GW_QUARANTINE_TOPIC_MAX_BYTES */
    struct gw_bytes raw;
    size_t raw_len; /* original length */
    struct gw_bytes origin;
};
#define GW_QUARANTINE_TOPIC_MAX_BYTES 4096
/* False stops the listing. */
typedef bool gw_quarantine_each(void *context, const struct gw_quarantine_view *view);
/* Entries from `number` on; `each` returns false to stop. Views live during the
 * callback only. */
enum gw_err gw_queue_quarantine_list(struct gw_queue_writer *writer, uint64_t number,
                                     gw_quarantine_each *each, void *context);
enum gw_err gw_queue_quarantine_drop(struct gw_queue_writer *writer, uint64_t number);

/* Re-submit the readable records of a store that was set aside, under their
 * old ids, as closed older epochs of this store; holes up to the last known head
 * (of the old store, of `progress`, or of the opening that set it aside) become
 * tombstones with reason "corrupt". Records that `progress` (`count` epochs, NULL
 * if 0) says are acknowledged are left out. Entries of its quarantine come too, under
 * new numbers and without origin, as far as ours has room without evicting any. The
 * sources' state does not: sessions, windows and chains of the new store have begun
 * anew. Commits of its own; readers see an epoch when it is complete. A call that failed
 * half-way (FULL, IO) may be repeated. NOENT (no store there), CORRUPT (nothing readable),
 * SCHEMA (newer format), DUPLICATE (its epoch is here already), FULL. */
struct gw_queue_salvage_result {
    uint64_t recovered[GW_CLASS_COUNT];
    uint64_t lost[GW_CLASS_COUNT];
    uint64_t already_acked;
    uint64_t quarantine_recovered;
    uint64_t quarantine_left;    /* the quarantine is full: they stay where they are */
    uint64_t quarantine_damaged; /* entries that do not fit their CRC */
    uint64_t state_left;         /* entries of the sources' tables: they stay too */
};
enum gw_err gw_queue_salvage(struct gw_queue_writer *writer, const char *path,
                             const struct gw_queue_progress *progress, size_t count,
                             struct gw_queue_salvage_result *ret_result);

/* ---- stores that were set aside ---- */

#define GW_QUEUE_ASIDES_KEPT 3 /* the newest, whatever they are */
#define GW_QUEUE_ASIDES_MAX 32 /* looked at in one go */
struct gw_queue_aside {
    char path[256];
    uint64_t bytes;   /* on disk */
    bool is_salvaged; /* gw_queue_aside_mark was called */
};
/* Those of the store at `path`, oldest first; of more than GW_QUEUE_ASIDES_MAX the
 * oldest. Their number. */
size_t gw_queue_asides_list(const char *path,
                            struct gw_queue_aside ret_asides[GW_QUEUE_ASIDES_MAX]);
/* What was worth having has been taken over from the one at `aside`. IO, NOENT. */
enum gw_err gw_queue_aside_mark(const char *aside);
struct gw_queue_asides_pruned {
    unsigned salvaged, unsalvaged; /* how many were removed */
};
/* Remove what is not worth its room: salvaged ones but the newest
 * GW_QUEUE_ASIDES_KEPT; then, while all of them take more than `max_bytes`, the oldest
 * salvaged ones and at last the oldest of the others. The newest of all stays.
 * gw_queue_writer_open does so with half the disk before it makes a new store. */
struct gw_queue_asides_pruned gw_queue_asides_prune(const char *path, uint64_t max_bytes);
/* Half of the disk that `path` lies on; UINT64_MAX if it does not say. */
uint64_t gw_queue_asides_share(const char *path);

/* ---- reader ---- */

/* Open read-only. Asserts that this process has a slot in the store's reader
 * table, else FATAL (a read-only mount would let pages be recycled under us).
 * NOENT while there is no store yet; SCHEMA for a newer format. */
enum gw_err gw_queue_reader_open(const char *path, struct gw_queue_reader **ret_reader);
/* A reader in the writer's own process, on the writer's store; close it first.
 * At most two at once. */
enum gw_err gw_queue_reader_open_beside(struct gw_queue_writer *writer,
                                        struct gw_queue_reader **ret_reader);
/* Contexts it handed out go with it. NULL is allowed. */
void gw_queue_reader_close(struct gw_queue_reader *reader);
GW_DEFINE_CLEANUP(struct gw_queue_reader *, gw_queue_reader_close, gw_queue_reader_closep)

struct gw_queue_epoch_view {
    uint8_t index;
    struct gw_epoch epoch;
    struct gw_queue_range ranges[GW_CLASS_COUNT];
};
/* Epochs present, salvaged ones first, the store's own last. RETRY if the
 * store was replaced under us: close and open again. */
enum gw_err gw_queue_reader_epochs(struct gw_queue_reader *reader,
                                   struct gw_queue_epoch_view ret_epochs[GW_QUEUE_MAX_EPOCHS],
                                   size_t *ret_count);

struct gw_queue_read_request {
    uint8_t epoch_index;
    enum gw_flow_class class;
    uint64_t from; /* first sequence wanted */
    size_t max_events;
    size_t max_bytes; /* of stored records */
};
/* One record copied out of the map. */
struct gw_queue_entry {
    struct gw_record record; /* views into `storage` of the read */
    struct gw_event_context context;
    /* GW_OK; CORRUPT, or SCHEMA for a record that a newer release wrote: then only
     * class/sequence/epoch are set. */
    enum gw_err err;
    uint8_t newer_format; /* SCHEMA: the format found, of the record or its context */
};
/* Copy records from `from` on, appended to `storage`, and describe them in `entries`
 * (max_entries). One short transaction. ret_count 0 = nothing there yet.
 * A tombstone counts as one entry; it may begin below `from`. Sequences below the
 * class's first are skipped. Views of records live until `storage` is changed,
 * those of contexts as long as the reader. RETRY (the store was replaced: open
 * anew), NOENT (no such epoch), FULL (not one record fits `storage`), IO. */
enum gw_err gw_queue_read(struct gw_queue_reader *reader,
                          const struct gw_queue_read_request *request, struct gw_buf *storage,
                          struct gw_queue_entry *entries, size_t max_entries,
                          size_t *ret_count);

/* Called for each entry of a state table; false stops. Views live during the
 * callback only. */
typedef bool gw_queue_state_each(void *context, struct gw_bytes key, struct gw_bytes value);
/* Entries of the sources' state table `table` ("audit") as of the last commit, in
 * the order of their keys, in one read transaction: `each` must not wait for
 * anything. NOENT (no such table), RANGE (no name of a table), CORRUPT (an entry does not fit
 * its CRC; those before it were told), RETRY as above, IO. */
enum gw_err gw_queue_reader_state_each(struct gw_queue_reader *reader, struct gw_str table,
                                       gw_queue_state_each *each, void *context);

#endif
