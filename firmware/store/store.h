/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables and transactions on flash: the only room that knows LMDB.
 *
 * Always LMDB's default sync: a commit that returned GW_OK survives a power
 * cut at any later instruction. There is no option to weaken that.
 *
 * Caveats
 * - One process writes a store; others open it read-only. Opening the same
 *   path twice in one process is not allowed (LMDB's rule).
 * - A read transaction pins pages: begin, copy, end. Never across I/O.
 * - A write transaction that answered FULL or IO for a put can only be
 *   aborted.
 * - Views from get and cursors point into the map: valid until the transaction
 *   ends or, in a write transaction, until its next change.
 * - LMDB believes every byte it maps: a flipped bit is a crash or a loop, not an
 *   error. So the file is checked page by page with plain reads before LMDB sees
 *   it (store_check.c): by the writer at each open, by a reader if no writer
 *   lives. What the check lets pass LMDB can walk; whether the *values* are
 *   right is for the owner's checksum to say.
 * Threads: one thread per store handle.
 */
#ifndef GW_STORE_STORE_H
#define GW_STORE_STORE_H

#include "firmware/base/cleanup.h"
#include "firmware/base/str.h"

struct gw_store;
struct gw_store_txn;
struct gw_store_cursor;

/* A table of a store; small value, valid as long as the store is open. */
struct gw_table {
    unsigned handle;
    bool integer_keys;
};

/* A seam for fault tests: asked before each step that can fail on flash. What it
 * answers other than GW_OK is what the step answers, without having been tried.
 * Production passes NULL. */
enum gw_store_step { GW_STORE_BEGIN, GW_STORE_PUT, GW_STORE_DEL, GW_STORE_COMMIT };
struct gw_store_probe {
    enum gw_err (*before)(void *self, enum gw_store_step step);
    void *self;
};

struct gw_store_options {
    const char *path;   /* folder; for a writer created 0750 if missing */
    uint64_t map_bytes; /* writer: allocated at creation (FULL if the disk is) */
    unsigned max_tables;
    bool read_only;
    const struct gw_store_probe *probe; /* copied; NULL in production */
};

/* NOENT (reader, nothing there), CORRUPT (not a store, truncated, damaged pages),
 * SCHEMA (file of another LMDB format), FULL, BUSY (another process writes it),
 * DENIED, IO, NOMEM; FATAL for a reader without a slot in the reader table.
 * Reads the used part of the file once (see above). Data file 0640, lock file
 * 0660, writer.lock 0640, whatever the umask. */
enum gw_err gw_store_open(const struct gw_store_options *options, struct gw_store **ret_store);
/* Open transactions are aborted. NULL is allowed. */
void gw_store_close(struct gw_store *store);

/* One write transaction and GW_STORE_MAX_READS read transactions may be open at
 * once, the latter beside the former too (they see the last commit). BUSY beyond
 * that; RETRY; FATAL after a failed flush of the root page: the process must
 * open the store anew. */
#define GW_STORE_MAX_READS 4
enum gw_err gw_store_begin(struct gw_store *store, bool write, struct gw_store_txn **ret_txn);
/* Flush and make visible. On error nothing of it is stored; that of an earlier
 * put or delete of the transaction is repeated. The handle is gone either way.
 * FULL (map or disk), IO. */
enum gw_err gw_store_commit(struct gw_store_txn *txn);
/* Take everything back; ends a read transaction too. */
void gw_store_abort(struct gw_store_txn *txn);

/* Open table `name` (created in a write transaction if missing; NOENT in a
 * read one). Keys of an integer table are 8 bytes, host order (uint64_t). The
 * handle stays valid once that transaction was committed (a read transaction
 * too: gw_store_commit instead of gw_store_abort). Name NULL is the root table, which
 * holds the names of the others too: for a few small keys that change with every
 * commit, as they then cost no page of their own. FULL beyond max_tables, CORRUPT
 * if the table has the other kind of keys. */
enum gw_err gw_store_table(struct gw_store_txn *txn, const char *name, bool integer_keys,
                           struct gw_table *ret_table);

/* NOENT, CORRUPT (a view that leaves its page), IO. */
enum gw_err gw_store_get(struct gw_store_txn *txn, struct gw_table table, struct gw_bytes key,
                         struct gw_bytes *ret_value);
/* Insert or replace. `append`, here and below: the key is known to be behind the
 * last one of the table (pages then fill up; CORRUPT if it is not). FULL, IO. */
enum gw_err gw_store_put(struct gw_store_txn *txn, struct gw_table table, struct gw_bytes key,
                         struct gw_bytes value);
enum gw_err gw_store_append(struct gw_store_txn *txn, struct gw_table table,
                            struct gw_bytes key, struct gw_bytes value);
/* Reserve `len` bytes for a value to be written in place before the next
 * operation of the transaction. FULL, IO. */
enum gw_err gw_store_reserve(struct gw_store_txn *txn, struct gw_table table,
                             struct gw_bytes key, size_t len, bool append, uint8_t **ret_value);
/* NOENT, FULL (a delete needs pages too), IO. */
enum gw_err gw_store_del(struct gw_store_txn *txn, struct gw_table table, struct gw_bytes key);

/* Key of an integer table: the view points at *number. */
static inline struct gw_bytes gw_store_key_u64(const uint64_t *number) {
    return (struct gw_bytes){(const uint8_t *) number, sizeof *number};
}

enum gw_store_seek {
    GW_SEEK_FIRST,
    GW_SEEK_LAST,
    GW_SEEK_AT_OR_AFTER,
    GW_SEEK_NEXT,
    GW_SEEK_PREV
};

/* A cursor lives inside its transaction; close it before commit or abort. At most
 * GW_STORE_MAX_CURSORS at once (BUSY). */
#define GW_STORE_MAX_CURSORS 8
enum gw_err gw_store_cursor_open(struct gw_store_txn *txn, struct gw_table table,
                                 struct gw_store_cursor **ret_cursor);
/* Harmless when its transaction has ended already. */
void gw_store_cursor_close(struct gw_store_cursor *cursor);
/* Move; `key` is used by AT_OR_AFTER only. NOENT behind the ends. */
enum gw_err gw_store_cursor_seek(struct gw_store_cursor *cursor, enum gw_store_seek seek,
                                 struct gw_bytes key, struct gw_bytes *ret_key,
                                 struct gw_bytes *ret_value);
/* Delete the entry the cursor stands on; NEXT then gives the one behind it. */
enum gw_err gw_store_cursor_del(struct gw_store_cursor *cursor);

struct gw_store_figures {
    uint64_t map_bytes;
    uint64_t used_bytes;     /* pages ever used * page size */
    uint64_t reusable_bytes; /* pages on the free list that a next commit may take */
    uint64_t pinned_bytes;   /* pages on the free list that readers still hold */
    uint32_t page_bytes;
    uint64_t last_txn;
};
/* Figures as of the last commit; walks the free list, so not per event. */
enum gw_err gw_store_get_figures(struct gw_store *store, struct gw_store_figures *ret_figures);
/* Drop reader slots of dead processes. */
enum gw_err gw_store_check_readers(struct gw_store *store, unsigned *ret_cleared);
/* Transactions the slowest reader is behind the last commit; 0 = none held.
 * Cheap: one look at the reader table. */
enum gw_err gw_store_reader_lag(struct gw_store *store, uint64_t *ret_transactions);
/* The oldest transaction that a reader holds now (own read transactions count
 * too); NOENT if none is held. */
enum gw_err gw_store_oldest_reader(struct gw_store *store, uint64_t *ret_txn);
/* RETRY if another file stands at the store's path than the one opened. */
enum gw_err gw_store_check_path(const struct gw_store *store);
/* Text that changes when the store is copied or restored: id of the file system,
 * number and birth of the data file (the number alone is given again at once). At
 * least 96 bytes. */
enum gw_err gw_store_place(const struct gw_store *store, char *dst, size_t dst_size);

/* Are both roots of the file there and in turn? Then its newest state is the last
 * one that was committed, whatever other pages are damaged. NOENT, SCHEMA, CORRUPT,
 * NOMEM, IO. */
enum gw_err gw_store_check_roots(const char *path);

/* Walk what is readable of a store that cannot be opened, without LMDB: by plain
 * reads with every bound checked. First the tables by name in key order; damaged
 * pages cost their own entries only. Then, if the free list is whole, entries on
 * pages that are neither free nor reachable (their parent is damaged) with
 * `table` empty: what they are the caller must know by their content. Views live
 * during the call only; `each` returns false to stop. NOENT, SCHEMA, CORRUPT
 * (no root to start from: nothing was called), NOMEM, IO. */
#define GW_STORE_ROOT_NAME "." /* `table` of entries of the root table */
/* One entry; false stops the walk. */
typedef bool gw_store_salvaged(void *context, struct gw_str table, struct gw_bytes key,
                               struct gw_bytes value);
enum gw_err gw_store_salvage(const char *path, gw_store_salvaged *each, void *context);

/* For GW_CLEANUP. */
GW_DEFINE_CLEANUP(struct gw_store *, gw_store_close, gw_store_closep)
GW_DEFINE_CLEANUP(struct gw_store_cursor *, gw_store_cursor_close, gw_store_cursor_closep)

#endif
