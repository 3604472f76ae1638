/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing.
 *
 * Order of a writer's open: folder -> writer's lock -> page check -> LMDB ->
 * modes -> allocation -> flush of file and folder. LMDB writes the two roots of a
 * new file without a flush; the flush here makes "created" a fact before anybody
 * is told. A store whose allocation was interrupted is completed by the next open.
 *
 * Caveat of LMDB's own lock file: it is held by POSIX record locks, which a
 * process loses when it closes *any* descriptor of that file. So nothing here
 * opens lock.mdb once LMDB has; modes are set by path.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "firmware/store/page.h"
#include "firmware/store/store_internal.h"

#define MAX_READERS 32
/* Left to the other programs when a store takes its blocks. */
#define DISK_RESERVE_BYTES (UINT64_C(8) << 20)
/* More than LMDB makes its lock file for so many readers. */
#define LOCK_FILE_BYTES 16384

enum gw_err gw_store_err(int rc) {
    static const struct {
        int rc;
        enum gw_err err;
    } table[] = {
        {MDB_SUCCESS, GW_OK},
        {MDB_KEYEXIST, GW_ERR_DUPLICATE},
        {MDB_NOTFOUND, GW_ERR_NOENT},
        {MDB_PAGE_NOTFOUND, GW_ERR_CORRUPT},
        {MDB_CORRUPTED, GW_ERR_CORRUPT},
        {MDB_INVALID, GW_ERR_CORRUPT},
        {MDB_CURSOR_FULL, GW_ERR_CORRUPT},
        {MDB_PAGE_FULL, GW_ERR_CORRUPT},
        {MDB_INCOMPATIBLE, GW_ERR_CORRUPT},
        {MDB_VERSION_MISMATCH, GW_ERR_SCHEMA},
        {MDB_MAP_FULL, GW_ERR_FULL},
        {MDB_TXN_FULL, GW_ERR_FULL},
        {MDB_DBS_FULL, GW_ERR_FULL},
        {MDB_READERS_FULL, GW_ERR_BUSY},
        {MDB_MAP_RESIZED, GW_ERR_RETRY},
        {MDB_BAD_VALSIZE, GW_ERR_INVALID},
        {MDB_BAD_TXN, GW_ERR_INVALID},
        {MDB_BAD_DBI, GW_ERR_INVALID},
        {MDB_BAD_RSLOT, GW_ERR_INVALID},
        {MDB_PANIC, GW_ERR_FATAL},
        {EINVAL, GW_ERR_INVALID},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        if (table[i].rc == rc) {
            return table[i].err;
        }
    }
    return rc > 0 ? gw_err_from_errno(rc) : GW_ERR_IO;
}

static enum gw_err path_in(const char *folder, const char *name, char dst[PATH_MAX]) {
    int len = snprintf(dst, PATH_MAX, "%s/%s", folder, name);
    return len < 0 || len >= PATH_MAX ? GW_ERR_RANGE : GW_OK;
}

/* ---- the writer's lock ---- */

enum gw_err gw_store_lock_writer(const char *folder, int *ret_fd) {
    char path[PATH_MAX];
    enum gw_err err = path_in(folder, "writer.lock", path);
    if (err) {
        return err;
    }
    GW_CLEANUP(gw_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
        return gw_err_from_errno(errno);
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        return errno == EAGAIN || errno == EACCES ? GW_ERR_BUSY : gw_err_from_errno(errno);
    }
    if (fchmod(fd, 0640) != 0) {
        return gw_err_from_errno(errno);
    }
    *ret_fd = fd;
    fd = -1;
    return GW_OK;
}

bool gw_store_writer_lives(const char *folder) {
    char path[PATH_MAX];
    if (path_in(folder, "writer.lock", path)) {
        return false;
    }
    GW_CLEANUP(gw_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* ---- environment ---- */

static enum gw_err create_env(const struct gw_store_options *options, MDB_env **ret_env) {
    MDB_env *env = NULL;
    int rc = mdb_env_create(&env);
    if (rc) {
        return gw_store_err(rc);
    }
    rc = mdb_env_set_maxdbs(env, options->max_tables);
    if (!rc) {
        rc = mdb_env_set_maxreaders(env, MAX_READERS);
    }
    if (!rc && !options->read_only) {
        rc = mdb_env_set_mapsize(env, options->map_bytes);
    }
    /* NOTLS: reader slots belong to transactions, so that a read transaction may
     * stand beside the open write transaction of the same thread. */
    if (!rc) {
        rc = mdb_env_open(env, options->path, MDB_NOTLS | (options->read_only ? MDB_RDONLY : 0),
                          0640);
    }
    if (rc) {
        mdb_env_close(env);
        return gw_store_err(rc);
    }
    *ret_env = env;
    return GW_OK;
}

static enum gw_err read_identity(struct gw_store *store) {
    int fd = -1;
    struct stat st;
    MDB_stat mdb;
    int rc = mdb_env_get_fd(store->env, &fd);
    if (!rc) {
        rc = mdb_env_stat(store->env, &mdb);
    }
    if (rc) {
        return gw_store_err(rc);
    }
    if (fstat(fd, &st) != 0) {
        return gw_err_from_errno(errno);
    }
    store->device = st.st_dev;
    store->inode = st.st_ino;
    store->page_bytes = mdb.ms_psize;
    store->map_is_aligned = mdb.ms_psize <= (unsigned long) sysconf(_SC_PAGESIZE);
    return GW_OK;
}

/* ---- writer ---- */

static enum gw_err set_modes(const char *folder) {
    char data[PATH_MAX], lock[PATH_MAX];
    enum gw_err err = path_in(folder, "data.mdb", data);
    if (!err) {
        err = path_in(folder, "lock.mdb", lock);
    }
    if (err) {
        return err;
    }
    bool done = chmod(data, 0640) == 0 && chmod(lock, 0660) == 0;
    return done ? GW_OK : gw_err_from_errno(errno);
}

/* Entries of a folder, and with "/.." that of the folder itself. */
static enum gw_err flush_folder(const char *folder) {
    GW_CLEANUP(gw_closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? GW_OK : gw_err_from_errno(errno);
}

/* Whether the disk has `bytes` and leaves others something to live on. Asking first
 * matters: posix_fallocate(3) may take what there is before it fails. */
static bool has_room(int fd, uint64_t bytes) {
    struct statvfs disk;
    return fstatvfs(fd, &disk) == 0
           && (uint64_t) disk.f_bavail * disk.f_frsize >= bytes + DISK_RESERVE_BYTES;
}

/* Blocks for the whole map, so that a full disk is found out now and not in the
 * middle of a shift. For a store that exists already it is only tried: it must
 * open on a full disk too. */
static enum gw_err allocate(struct gw_store *store, bool is_new) {
    MDB_envinfo info;
    struct stat st;
    int fd = -1;
    int rc = mdb_env_info(store->env, &info);
    if (!rc) {
        rc = mdb_env_get_fd(store->env, &fd);
    }
    if (rc || fstat(fd, &st) != 0) {
        return rc ? gw_store_err(rc) : gw_err_from_errno(errno);
    }
    if ((uint64_t) st.st_size >= info.me_mapsize) {
        return GW_OK;
    }
    int reason = has_room(fd, info.me_mapsize - (uint64_t) st.st_size)
                     ? posix_fallocate(fd, 0, (off_t) info.me_mapsize)
                     : ENOSPC;
    if (reason && is_new) {
        return gw_err_from_errno(reason);
    }
    if (fsync(fd) != 0) {
        return gw_err_from_errno(errno);
    }
    char parent[PATH_MAX];
    enum gw_err err = path_in(store->path, "..", parent);
    if (!err) {
        err = flush_folder(store->path);
    }
    if (err) {
        return err;
    }
    /* A parent we may not read was made by somebody else, long before. */
    err = flush_folder(parent);
    return err == GW_ERR_DENIED ? GW_OK : err;
}

static void remove_new_files(const char *folder) {
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char path[PATH_MAX];
    for (size_t i = 0; i < GW_ARRAY_LEN(names); i++) {
        if (!path_in(folder, names[i], path)) {
            (void) unlink(path);
        }
    }
}

/* A writer that was killed while its commit was being flushed leaves the new meta
 * page, but the transaction number in the lock file, by which readers choose their
 * meta page, is the old one. LMDB puts that right when the next writer takes over
 * the dead one's lock. Until then a read here would show the store before that
 * commit, and what a caller remembers of it would be one commit behind. */
static enum gw_err take_over_lock(struct gw_store *store) {
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (rc) {
        return gw_store_err(rc);
    }
    mdb_txn_abort(txn);
    return GW_OK;
}

/* LMDB maps its lock file with holes in it: on a full disk the first write into one is
 * a SIGBUS. So it has its blocks before; an existing one has them already. */
static enum gw_err reserve_lock_file(const char *folder) {
    char path[PATH_MAX];
    enum gw_err err = path_in(folder, "lock.mdb", path);
    if (err) {
        return err;
    }
    GW_CLEANUP(gw_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0660);
    if (fd < 0) {
        return gw_err_from_errno(errno);
    }
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, LOCK_FILE_BYTES) != 0 && errno == ENOSPC) {
        return GW_ERR_FULL;
    }
    return GW_OK; /* a file system that cannot reserve is as good as before */
}

static enum gw_err open_writer_env(struct gw_store *store,
                                   const struct gw_store_options *options, bool is_new) {
    enum gw_err err = reserve_lock_file(options->path);
    if (!err) {
        err = create_env(options, &store->env);
    }
    if (err) {
        return err;
    }
    err = take_over_lock(store);
    if (!err) {
        err = set_modes(options->path);
    }
    if (!err) {
        err = allocate(store, is_new);
    }
    if (!err) {
        err = read_identity(store);
    }
    unsigned cleared;
    return err ? err : gw_store_check_readers(store, &cleared);
}

static enum gw_err open_writer(struct gw_store *store, const struct gw_store_options *options) {
    enum gw_err err = gw_file_make_folder(options->path, 0750);
    if (err) {
        return err;
    }
    err = gw_store_lock_writer(options->path, &store->lock_fd);
    if (err) {
        return err;
    }
    err = gw_store_check_file(options->path);
    bool is_new = err == GW_ERR_NOENT;
    if (err && !is_new) {
        return err;
    }
    err = open_writer_env(store, options, is_new);
    if (err && is_new) {
        /* Nobody was told of it yet: do not leave half a store behind. */
        mdb_env_close(store->env);
        store->env = NULL;
        remove_new_files(options->path);
    }
    return err;
}

/* ---- reader ---- */

/* A living writer has checked the file, and changes it under our eyes. */
static enum gw_err check_unless_written(const char *folder) {
    if (gw_store_writer_lives(folder)) {
        return GW_OK;
    }
    enum gw_err err = gw_store_check_file(folder);
    bool raced = err == GW_ERR_CORRUPT && gw_store_writer_lives(folder);
    return raced ? GW_OK : err;
}

static enum gw_err check_exists(const char *folder) {
    char path[PATH_MAX];
    struct stat st;
    enum gw_err err = path_in(folder, "data.mdb", path);
    if (err) {
        return err;
    }
    if (stat(path, &st) != 0) {
        return gw_err_from_errno(errno);
    }
    return st.st_size == 0 ? GW_ERR_NOENT : GW_OK;
}

static enum gw_err open_reader(struct gw_store *store, const struct gw_store_options *options) {
    enum gw_err err = check_exists(options->path);
    if (!err) {
        err = check_unless_written(options->path);
    }
    if (!err) {
        err = create_env(options, &store->env);
    }
    if (!err) {
        err = read_identity(store);
    }
    return err ? err : gw_store_assert_slot(store);
}

/* ---- public ---- */

enum gw_err gw_store_open(const struct gw_store_options *options, struct gw_store **ret_store) {
    GW_CLEANUP(gw_store_closep) struct gw_store *store = calloc(1, sizeof(*store));
    if (!store) {
        return GW_ERR_NOMEM;
    }
    store->lock_fd = -1;
    store->read_only = options->read_only;
    if (options->probe) {
        store->probe = *options->probe;
    }
    enum gw_err err =
        gw_str_copy(gw_str_from_cstr(options->path), store->path, sizeof(store->path));
    if (err) {
        return GW_ERR_RANGE;
    }
    err = options->read_only ? open_reader(store, options) : open_writer(store, options);
    if (err) {
        return err;
    }
    *ret_store = GW_TAKE(store);
    return GW_OK;
}

void gw_store_close(struct gw_store *store) {
    if (!store) {
        return;
    }
    for (size_t i = 0; i < GW_ARRAY_LEN(store->cursors); i++) {
        gw_store_cursor_close(&store->cursors[i]);
    }
    if (store->writing.active) {
        mdb_txn_abort(store->writing.mdb);
    }
    for (size_t i = 0; i < GW_ARRAY_LEN(store->reading); i++) {
        if (store->reading[i].mdb) {
            mdb_txn_abort(store->reading[i].mdb);
        }
    }
    if (store->env) {
        mdb_env_close(store->env);
    }
    gw_closep(&store->lock_fd);
    free(store);
}

enum gw_err gw_store_check_path(const struct gw_store *store) {
    char path[PATH_MAX];
    struct stat st;
    enum gw_err err = path_in(store->path, "data.mdb", path);
    if (err) {
        return err;
    }
    bool same = stat(path, &st) == 0 && st.st_dev == store->device && st.st_ino == store->inode;
    return same ? GW_OK : GW_ERR_RETRY;
}

enum gw_err gw_store_place(const struct gw_store *store, char *dst, size_t dst_size) {
    char path[PATH_MAX];
    struct statfs fs;
    struct statx file;
    enum gw_err err = path_in(store->path, "data.mdb", path);
    if (err) {
        return err;
    }
    if (statfs(path, &fs) != 0
        || statx(AT_FDCWD, path, 0, STATX_BASIC_STATS | STATX_BTIME, &file) != 0) {
        return gw_err_from_errno(errno);
    }
    uint32_t id[2];
    _Static_assert(sizeof(id) == sizeof(fs.f_fsid), "f_fsid is two words on Linux");
    memcpy(id, &fs.f_fsid, sizeof(id));
    bool has_birth = file.stx_mask & STATX_BTIME;
    int len = snprintf(dst, dst_size, "fs-%08x%08x-inode-%llu-born-%lld.%09u", id[0], id[1],
                       (unsigned long long) file.stx_ino,
                       has_birth ? (long long) file.stx_btime.tv_sec : 0LL,
                       has_birth ? file.stx_btime.tv_nsec : 0U);
    return len < 0 || (size_t) len >= dst_size ? GW_ERR_FULL : GW_OK;
}
