/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. */
#ifndef GW_STORE_STORE_INTERNAL_H
#define GW_STORE_STORE_INTERNAL_H

#include <limits.h>
#include <lmdb.h>
#include <sys/types.h>

#include "firmware/store/store.h"

_Static_assert(MDB_VERSION_MAJOR == 0 && MDB_VERSION_MINOR == 9,
               "page.h describes the file of LMDB 0.9");

struct gw_store_txn {
    struct gw_store *store;
    MDB_txn *mdb; /* of a reading slot: kept when idle, so its reader slot is too */
    bool active;
    bool write;
    bool opened_table;
    enum gw_err failed; /* first error of a change: only abort is left */
};

struct gw_store_cursor {
    struct gw_store_txn *txn; /* NULL = place is free */
    MDB_cursor *mdb;
    bool integer_keys;
};

struct gw_store {
    MDB_env *env;
    bool read_only;
    int lock_fd; /* of the writer's lock; -1 for a reader */
    uint32_t page_bytes;
    bool map_is_aligned; /* pages lie at multiples of their size */
    dev_t device;
    ino_t inode;
    struct gw_store_probe probe;
    struct gw_store_txn writing;
    struct gw_store_txn reading[GW_STORE_MAX_READS];
    struct gw_store_cursor cursors[GW_STORE_MAX_CURSORS];
    char path[PATH_MAX];
};

/* One of LMDB's or the system's numbers. */
enum gw_err gw_store_err(int rc);
/* Ask the seam. */
enum gw_err gw_store_probe_step(const struct gw_store *store, enum gw_store_step step);

/* writer.lock: an open-file-description lock, so it ends with the process and is
 * not dropped when somebody in this process closes another descriptor of it. */
enum gw_err gw_store_lock_writer(const char *folder, int *ret_fd);
/* Does another handle hold that lock? */
bool gw_store_writer_lives(const char *folder);

/* Own process has a slot in the reader table, else FATAL. */
enum gw_err gw_store_assert_slot(struct gw_store *store);

/* A view that LMDB returned, checked against the page it starts in. */
enum gw_err gw_store_view(const struct gw_store_txn *txn, const MDB_val *val,
                          struct gw_bytes *ret_view);

#endif
