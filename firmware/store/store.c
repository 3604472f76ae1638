/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions and single entries. */
#include "firmware/store/store_internal.h"

#include <string.h>

#include "firmware/store/page.h"

enum gw_err gw_store_probe_step(const struct gw_store *store, enum gw_store_step step) {
    return store->probe.before ? store->probe.before(store->probe.self, step) : GW_OK;
}

/* ---- transactions ---- */

static enum gw_err begin_write(struct gw_store *store, struct gw_store_txn **ret_txn) {
    struct gw_store_txn *txn = &store->writing;
    if (store->read_only) {
        return GW_ERR_DENIED;
    }
    if (txn->active) {
        return GW_ERR_BUSY;
    }
    enum gw_err err = gw_store_probe_step(store, GW_STORE_BEGIN);
    if (err) {
        return err;
    }
    MDB_txn *mdb = NULL;
    int rc = mdb_txn_begin(store->env, NULL, 0, &mdb);
    if (rc) {
        return gw_store_err(rc);
    }
    *txn = (struct gw_store_txn){.store = store, .mdb = mdb, .active = true, .write = true};
    *ret_txn = txn;
    return GW_OK;
}

/* Another process made the map larger: take over its size, which is possible
 * only while nothing is open here. */
static int adopt_map(struct gw_store *store) {
    for (size_t i = 0; i < GW_ARRAY_LEN(store->reading); i++) {
        if (store->reading[i].active) {
            return MDB_MAP_RESIZED;
        }
    }
    return mdb_env_set_mapsize(store->env, 0);
}

static int start_read(struct gw_store *store, MDB_txn **mdb) {
    return *mdb ? mdb_txn_renew(*mdb) : mdb_txn_begin(store->env, NULL, MDB_RDONLY, mdb);
}

static enum gw_err begin_read(struct gw_store *store, struct gw_store_txn **ret_txn) {
    for (size_t i = 0; i < GW_ARRAY_LEN(store->reading); i++) {
        struct gw_store_txn *txn = &store->reading[i];
        if (txn->active) {
            continue;
        }
        int rc = start_read(store, &txn->mdb);
        if (rc == MDB_MAP_RESIZED) {
            rc = adopt_map(store);
            rc = rc ? rc : start_read(store, &txn->mdb);
        }
        if (rc) {
            return gw_store_err(rc);
        }
        txn->store = store;
        txn->active = true;
        *ret_txn = txn;
        return GW_OK;
    }
    return GW_ERR_BUSY;
}

enum gw_err gw_store_begin(struct gw_store *store, bool write, struct gw_store_txn **ret_txn) {
    return write ? begin_write(store, ret_txn) : begin_read(store, ret_txn);
}

static void close_cursors(struct gw_store_txn *txn) {
    struct gw_store *store = txn->store;
    for (size_t i = 0; i < GW_ARRAY_LEN(store->cursors); i++) {
        if (store->cursors[i].txn == txn) {
            gw_store_cursor_close(&store->cursors[i]);
        }
    }
}

void gw_store_abort(struct gw_store_txn *txn) {
    close_cursors(txn);
    txn->active = false;
    txn->opened_table = false;
    if (txn->write) {
        mdb_txn_abort(txn->mdb);
    } else {
        mdb_txn_reset(txn->mdb);
    }
}

/* Only a commit keeps the handles of tables that were opened in it. */
static enum gw_err end_read(struct gw_store_txn *txn) {
    if (!txn->opened_table) {
        gw_store_abort(txn);
        return GW_OK;
    }
    close_cursors(txn);
    MDB_txn *mdb = GW_TAKE(txn->mdb);
    *txn = (struct gw_store_txn){0};
    return gw_store_err(mdb_txn_commit(mdb));
}

enum gw_err gw_store_commit(struct gw_store_txn *txn) {
    if (!txn->write) {
        return end_read(txn);
    }
    enum gw_err err = txn->failed;
    if (!err) {
        err = gw_store_probe_step(txn->store, GW_STORE_COMMIT);
    }
    if (err) {
        gw_store_abort(txn);
        return err;
    }
    close_cursors(txn);
    txn->active = false;
    return gw_store_err(mdb_txn_commit(txn->mdb));
}

/* ---- tables ---- */

/* LMDB takes the kind of keys from the stored table, not from the caller. */
static enum gw_err check_kind(struct gw_store_txn *txn, MDB_dbi dbi, bool integer_keys) {
    unsigned flags = 0;
    int rc = mdb_dbi_flags(txn->mdb, dbi, &flags);
    if (rc) {
        return gw_store_err(rc);
    }
    return flags == (integer_keys ? MDB_INTEGERKEY : 0) ? GW_OK : GW_ERR_CORRUPT;
}

enum gw_err gw_store_table(struct gw_store_txn *txn, const char *name, bool integer_keys,
                           struct gw_table *ret_table) {
    MDB_dbi dbi = 0;
    unsigned flags = (integer_keys ? MDB_INTEGERKEY : 0U)
                     | (txn->write && name ? (unsigned) MDB_CREATE : 0U);
    int rc = mdb_dbi_open(txn->mdb, name, flags, &dbi);
    if (rc) {
        return gw_store_err(rc);
    }
    enum gw_err err = check_kind(txn, dbi, integer_keys);
    if (err) {
        return err;
    }
    txn->opened_table = true;
    *ret_table = (struct gw_table){.handle = dbi, .integer_keys = integer_keys};
    return GW_OK;
}

/* ---- entries ---- */

static MDB_val to_val(struct gw_bytes bytes) {
    return (MDB_val){.mv_size = bytes.len, .mv_data = (void *) (uintptr_t) bytes.ptr};
}

/* A value either lies inside one page, or starts right behind the header of a run
 * of overflow pages, which says how long the run is. Pages that a write
 * transaction has touched stand on the heap at any address, so this is asked of
 * read transactions only; a writer relies on the check at open. It also needs the
 * file's pages to lie at multiples of their size, which a map grants only up to
 * the machine's page size. */
enum gw_err gw_store_view(const struct gw_store_txn *txn, const MDB_val *val,
                          struct gw_bytes *ret_view) {
    uintptr_t page_bytes = txn->store->page_bytes;
    uintptr_t offset = (uintptr_t) val->mv_data & (page_bytes - 1);
    uintptr_t room = page_bytes - offset;
    bool checked = !txn->write && txn->store->map_is_aligned;
    if (checked && offset == PAGE_HEADER_BYTES && val->mv_size > room) {
        const uint8_t *head = (const uint8_t *) val->mv_data - PAGE_HEADER_BYTES;
        uint32_t pages;
        memcpy(&pages, head + 12, sizeof(pages));
        room =
            gw_page_flags(head) == PAGE_OVERFLOW ? pages * page_bytes - PAGE_HEADER_BYTES : 0;
    }
    if (checked && val->mv_size > room) {
        return GW_ERR_CORRUPT;
    }
    *ret_view = (struct gw_bytes){val->mv_data, val->mv_size};
    return GW_OK;
}

enum gw_err gw_store_get(struct gw_store_txn *txn, struct gw_table table, struct gw_bytes key,
                         struct gw_bytes *ret_value) {
    MDB_val mdb_key = to_val(key), value;
    int rc = mdb_get(txn->mdb, table.handle, &mdb_key, &value);
    return rc ? gw_store_err(rc) : gw_store_view(txn, &value, ret_value);
}

/* Remember the first failed change: LMDB lets a transaction that lost a page go
 * on in some cases, and half a unit must never be committed. */
static enum gw_err changed(struct gw_store_txn *txn, int rc) {
    enum gw_err err = gw_store_err(rc);
    if (err && err != GW_ERR_NOENT && !txn->failed) {
        txn->failed = err;
    }
    return err;
}

static enum gw_err probe_change(struct gw_store_txn *txn, enum gw_store_step step) {
    enum gw_err err = txn->failed ? txn->failed : gw_store_probe_step(txn->store, step);
    txn->failed = err;
    return err;
}

static enum gw_err put(struct gw_store_txn *txn, struct gw_table table, struct gw_bytes key,
                       MDB_val *value, unsigned flags) {
    enum gw_err err = probe_change(txn, GW_STORE_PUT);
    if (err) {
        return err;
    }
    MDB_val mdb_key = to_val(key);
    int rc = mdb_put(txn->mdb, table.handle, &mdb_key, value, flags);
    /* With MDB_APPEND this says that the key was not the largest. */
    return changed(txn, rc == MDB_KEYEXIST ? MDB_CORRUPTED : rc);
}

enum gw_err gw_store_put(struct gw_store_txn *txn, struct gw_table table, struct gw_bytes key,
                         struct gw_bytes value) {
    MDB_val val = to_val(value);
    return put(txn, table, key, &val, 0);
}

enum gw_err gw_store_append(struct gw_store_txn *txn, struct gw_table table,
                            struct gw_bytes key, struct gw_bytes value) {
    MDB_val val = to_val(value);
    return put(txn, table, key, &val, MDB_APPEND);
}

enum gw_err gw_store_reserve(struct gw_store_txn *txn, struct gw_table table,
                             struct gw_bytes key, size_t len, bool append,
                             uint8_t **ret_value) {
    MDB_val val = {.mv_size = len};
    enum gw_err err = put(txn, table, key, &val, MDB_RESERVE | (append ? MDB_APPEND : 0U));
    if (err) {
        return err;
    }
    *ret_value = val.mv_data;
    return GW_OK;
}

enum gw_err gw_store_del(struct gw_store_txn *txn, struct gw_table table, struct gw_bytes key) {
    enum gw_err err = probe_change(txn, GW_STORE_DEL);
    if (err) {
        return err;
    }
    MDB_val mdb_key = to_val(key);
    return changed(txn, mdb_del(txn->mdb, table.handle, &mdb_key, NULL));
}

/* ---- cursors ---- */

enum gw_err gw_store_cursor_open(struct gw_store_txn *txn, struct gw_table table,
                                 struct gw_store_cursor **ret_cursor) {
    struct gw_store *store = txn->store;
    for (size_t i = 0; i < GW_ARRAY_LEN(store->cursors); i++) {
        struct gw_store_cursor *cursor = &store->cursors[i];
        if (cursor->txn) {
            continue;
        }
        int rc = mdb_cursor_open(txn->mdb, table.handle, &cursor->mdb);
        if (rc) {
            return gw_store_err(rc);
        }
        cursor->txn = txn;
        cursor->integer_keys = table.integer_keys;
        *ret_cursor = cursor;
        return GW_OK;
    }
    return GW_ERR_BUSY;
}

void gw_store_cursor_close(struct gw_store_cursor *cursor) {
    if (cursor->txn) {
        mdb_cursor_close(cursor->mdb);
        cursor->txn = NULL;
    }
}

enum gw_err gw_store_cursor_seek(struct gw_store_cursor *cursor, enum gw_store_seek seek,
                                 struct gw_bytes key, struct gw_bytes *ret_key,
                                 struct gw_bytes *ret_value) {
    static const MDB_cursor_op ops[] = {
        [GW_SEEK_FIRST] = MDB_FIRST,
        [GW_SEEK_LAST] = MDB_LAST,
        [GW_SEEK_AT_OR_AFTER] = MDB_SET_RANGE,
        [GW_SEEK_NEXT] = MDB_NEXT,
        [GW_SEEK_PREV] = MDB_PREV,
    };
    MDB_val mdb_key = to_val(key), value;
    int rc = mdb_cursor_get(cursor->mdb, &mdb_key, &value, ops[seek]);
    if (rc) {
        return gw_store_err(rc);
    }
    if (cursor->integer_keys && mdb_key.mv_size != sizeof(uint64_t)) {
        return GW_ERR_CORRUPT;
    }
    struct gw_bytes key_view, value_view;
    enum gw_err err = gw_store_view(cursor->txn, &mdb_key, &key_view);
    if (!err) {
        err = gw_store_view(cursor->txn, &value, &value_view);
    }
    if (err) {
        return err;
    }
    *ret_key = key_view;
    *ret_value = value_view;
    return GW_OK;
}

enum gw_err gw_store_cursor_del(struct gw_store_cursor *cursor) {
    enum gw_err err = probe_change(cursor->txn, GW_STORE_DEL);
    if (err) {
        return err;
    }
    return changed(cursor->txn, mdb_cursor_del(cursor->mdb, 0));
}
