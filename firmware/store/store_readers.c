/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of readers, and what it costs.
 *
 * A page that a commit freed may be used again only when no reader stands on an
 * older transaction. LMDB shows the table as lines of text:
 * "<pid> <thread, hex> <transaction, or - when idle>".
 *
 * On a read-only mount LMDB opens without a lock file and without a slot, and the
 * writer recycles pages under such a reader: hence the assertion.
 */
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "firmware/store/store_internal.h"

struct reader_scan {
    pid_t own;
    bool own_found;
    bool any_active;
    uint64_t oldest;
};

static struct gw_str next_word(struct gw_str *rest) {
    size_t from = 0;
    while (from < rest->len && rest->ptr[from] == ' ') {
        from++;
    }
    size_t to = gw_str_find(*rest, ' ', from);
    struct gw_str word = gw_str_sub(*rest, from, to - from);
    *rest = gw_str_sub(*rest, to, rest->len - to);
    return word;
}

/* Head lines and remarks do not start with a number and are skipped. */
static int scan_line(const char *text, void *context) {
    struct reader_scan *scan = context;
    struct gw_str rest = gw_str_trim(gw_str_from_cstr(text));
    uint64_t pid, transaction;
    if (gw_str_to_u64(next_word(&rest), INT32_MAX, &pid)) {
        return 0;
    }
    scan->own_found = scan->own_found || (pid_t) pid == scan->own;
    (void) next_word(&rest);
    if (gw_str_to_u64(next_word(&rest), UINT64_MAX, &transaction)) {
        return 0;
    }
    if (!scan->any_active || transaction < scan->oldest) {
        scan->oldest = transaction;
    }
    scan->any_active = true;
    return 0;
}

static enum gw_err scan_readers(struct gw_store *store, struct reader_scan *ret_scan) {
    struct reader_scan scan = {.own = getpid()};
    int rc = mdb_reader_list(store->env, scan_line, &scan);
    if (rc < 0) {
        return GW_ERR_IO;
    }
    *ret_scan = scan;
    return GW_OK;
}

enum gw_err gw_store_assert_slot(struct gw_store *store) {
    struct gw_store_txn *txn;
    enum gw_err err = gw_store_begin(store, false, &txn);
    if (err) {
        return err;
    }
    struct reader_scan scan;
    err = scan_readers(store, &scan);
    gw_store_abort(txn);
    if (err) {
        return err;
    }
    return scan.own_found ? GW_OK : GW_ERR_FATAL;
}

enum gw_err gw_store_check_readers(struct gw_store *store, unsigned *ret_cleared) {
    int cleared = 0;
    int rc = mdb_reader_check(store->env, &cleared);
    if (rc) {
        return gw_store_err(rc);
    }
    *ret_cleared = (unsigned) cleared;
    return GW_OK;
}

enum gw_err gw_store_oldest_reader(struct gw_store *store, uint64_t *ret_txn) {
    struct reader_scan scan;
    enum gw_err err = scan_readers(store, &scan);
    if (err) {
        return err;
    }
    if (!scan.any_active) {
        return GW_ERR_NOENT;
    }
    *ret_txn = scan.oldest;
    return GW_OK;
}

enum gw_err gw_store_reader_lag(struct gw_store *store, uint64_t *ret_transactions) {
    uint64_t oldest;
    enum gw_err err = gw_store_oldest_reader(store, &oldest);
    if (err && err != GW_ERR_NOENT) {
        return err;
    }
    MDB_envinfo info;
    int rc = mdb_env_info(store->env, &info);
    if (rc) {
        return gw_store_err(rc);
    }
    bool behind = !err && oldest < info.me_last_txnid;
    *ret_transactions = behind ? info.me_last_txnid - oldest : 0;
    return GW_OK;
}

/* ---- figures ---- */

#define FREE_TABLE 0 /* LMDB's own table of free pages */

/* Pages that transaction N freed may be used again once every reader stands on a
 * transaction above N. */
static enum gw_err sum_free_pages(struct gw_store_txn *txn, uint64_t oldest,
                                  uint64_t *ret_reusable, uint64_t *ret_pinned) {
    GW_CLEANUP(gw_store_cursor_closep) struct gw_store_cursor *cursor = NULL;
    struct gw_table table = {.handle = FREE_TABLE, .integer_keys = true};
    enum gw_err err = gw_store_cursor_open(txn, table, &cursor);
    if (err) {
        return err;
    }
    struct gw_bytes key, value;
    uint64_t reusable = 0, pinned = 0, freed_by, count;
    err = gw_store_cursor_seek(cursor, GW_SEEK_FIRST, (struct gw_bytes){0}, &key, &value);
    while (!err) {
        if (value.len < sizeof(count)) {
            return GW_ERR_CORRUPT;
        }
        memcpy(&freed_by, key.ptr, sizeof(freed_by));
        memcpy(&count, value.ptr, sizeof(count));
        if (freed_by < oldest) {
            reusable += count;
        } else {
            pinned += count;
        }
        err = gw_store_cursor_seek(cursor, GW_SEEK_NEXT, (struct gw_bytes){0}, &key, &value);
    }
    if (err != GW_ERR_NOENT) {
        return err;
    }
    *ret_reusable = reusable;
    *ret_pinned = pinned;
    return GW_OK;
}

enum gw_err gw_store_get_figures(struct gw_store *store, struct gw_store_figures *ret_figures) {
    /* Asked before our own read transaction shows up in the table. */
    uint64_t oldest = UINT64_MAX;
    enum gw_err err = gw_store_oldest_reader(store, &oldest);
    if (err && err != GW_ERR_NOENT) {
        return err;
    }
    MDB_envinfo info;
    int rc = mdb_env_info(store->env, &info);
    if (rc) {
        return gw_store_err(rc);
    }
    struct gw_store_txn *txn;
    err = gw_store_begin(store, false, &txn);
    if (err) {
        return err;
    }
    uint64_t reusable, pinned;
    err = sum_free_pages(txn, oldest, &reusable, &pinned);
    gw_store_abort(txn);
    if (err) {
        return err;
    }
    *ret_figures = (struct gw_store_figures){
        .map_bytes = info.me_mapsize,
        .used_bytes = (info.me_last_pgno + 1) * store->page_bytes,
        .reusable_bytes = reusable * store->page_bytes,
        .pinned_bytes = pinned * store->page_bytes,
        .page_bytes = store->page_bytes,
        .last_txn = info.me_last_txnid,
    };
    return GW_OK;
}
