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
 * Threads: one thread per store handle.
 */
#ifndef GW_STORE_STORE_H
#define GW_STORE_STORE_H

#include "firmware/base/str.h"

struct gw_store;
struct gw_store_txn;
struct gw_store_cursor;

/* A table of a store; small value, valid as long as the store is open. */
struct gw_table {
    unsigned handle;
    bool integer_keys;
};

struct gw_store_options {
    const char *path;   /* folder; for a writer created 0750 if missing */
    uint64_t map_bytes; /* writer: allocated at creation (FULL if the disk is) */
    unsigned max_tables;
    bool read_only;
};

/* NOENT (reader, nothing there), CORRUPT (not a store, truncated), FULL, BUSY,
 * DENIED, IO, NOMEM; FATAL for a reader without a slot in the reader table.
 * Data file 0640, lock file 0660, whatever the umask. */
enum gw_err gw_store_open(const struct gw_store_options *options, struct gw_store **ret_store);
void gw_store_close(struct gw_store *store);

enum gw_err gw_store_begin(struct gw_store *store, bool write, struct gw_store_txn **ret_txn);
/* Flush and make visible. On error nothing of it is stored. The handle is gone
 * either way. FULL (map or disk), IO. */
enum gw_err gw_store_commit(struct gw_store_txn *txn);
void gw_store_abort(struct gw_store_txn *txn);

/* Open table `name` (created in a write transaction if missing; NOENT in a
 * read one). Keys of an integer table are 8 bytes, host order (uint64_t). The
 * handle stays valid after that transaction committed. */
enum gw_err gw_store_table(struct gw_store_txn *txn, const char *name, bool integer_keys,
                           struct gw_table *ret_table);

/* NOENT, CORRUPT, IO. */
enum gw_err gw_store_get(struct gw_store_txn *txn, struct gw_table table, struct gw_bytes key,
                         struct gw_bytes *ret_value);
enum gw_err gw_store_put(struct gw_store_txn *txn, struct gw_table table, struct gw_bytes key,
                         struct gw_bytes value);
/* Reserve `len` bytes for a value to be written in place before the next
 * operation of the transaction. `append`: the key is known to be the largest. */
enum gw_err gw_store_reserve(struct gw_store_txn *txn, struct gw_table table,
                             struct gw_bytes key, size_t len, bool append, uint8_t **ret_value);
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

/* A cursor lives inside its transaction; close it before commit or abort. */
enum gw_err gw_store_cursor_open(struct gw_store_txn *txn, struct gw_table table,
                                 struct gw_store_cursor **ret_cursor);
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
    uint64_t reusable_bytes; /* pages on the free list */
    uint32_t page_bytes;
    uint64_t last_txn;
};
/* Figures as of the last commit; walks the free list, so not per event. */
enum gw_err gw_store_get_figures(struct gw_store *store, struct gw_store_figures *ret_figures);
/* Drop reader slots of dead processes. */
enum gw_err gw_store_check_readers(struct gw_store *store, unsigned *ret_cleared);
/* Transactions the slowest reader is behind the last commit; 0 = none held. */
enum gw_err gw_store_reader_lag(struct gw_store *store, uint64_t *ret_transactions);

#endif
