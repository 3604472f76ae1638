/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flash that tells: loaded by LD_PRELOAD into a daemon, it writes every write
 * and every flush of the store file (any path ending in "/data.mdb") into a
 * journal, in order. After a kill -9 the journal says what a power cut at that
 * instant would have left: everything before the last flush, and of the rest
 * whatever subset of sectors a test chooses (tests/fault/flash/image.py).
 *
 * Journal (GW_FLASH_JOURNAL), native byte order, entries of
 *   u32 kind: 1 write, 2 flush, 3 write that is flushed by itself (O_DSYNC),
 *             4 file size
 *   u32 length of the data behind the entry
 *   u64 offset (or the size)
 * The journal itself needs no flush: only the process dies, not the machine.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE = 1, FLUSH = 2, WRITE_THROUGH = 3, SIZE = 4 };

struct entry {
    uint32_t kind, length;
    uint64_t offset;
};

static int journal_fd = -1;

static void *real(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

static int watched(int fd) {
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 9 || memcmp(path + length - 9, "/data.mdb", 9) != 0) {
        return 0;
    }
    if (journal_fd < 0 && getenv("GW_FLASH_JOURNAL")) {
        journal_fd =
            open(getenv("GW_FLASH_JOURNAL"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    return journal_fd >= 0;
}

/* One writev, so that a kill cannot separate an entry from its data. */
static void note(enum kind kind, uint64_t offset, const struct iovec *parts, int count) {
    static ssize_t (*real_writev)(int, const struct iovec *, int);
    if (!real_writev) {
        real_writev = (ssize_t(*)(int, const struct iovec *, int)) real("writev");
    }
    struct entry entry = {.kind = kind, .offset = offset};
    struct iovec all[1025];
    for (int i = 0; i < count; i++) {
        all[i + 1] = parts[i];
        entry.length += (uint32_t) parts[i].iov_len;
    }
    all[0] = (struct iovec){&entry, sizeof entry};
    if (real_writev(journal_fd, all, count + 1) < 0) {
        abort();
    }
}

static enum kind kind_of(int fd) {
    return fcntl(fd, F_GETFL) & O_DSYNC ? WRITE_THROUGH : WRITE;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    ssize_t (*next)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t)) real("pwrite");
    ssize_t done = next(fd, bytes, length, offset);
    if (done > 0 && watched(fd)) {
        note(kind_of(fd), (uint64_t) offset, &(struct iovec){(void *) bytes, (size_t) done}, 1);
    }
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite(fd, bytes, length, offset);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    ssize_t (*next)(int, const void *, size_t) =
        (ssize_t(*)(int, const void *, size_t)) real("write");
    if (fd <= 2 || !watched(fd)) {
        return next(fd, bytes, length);
    }
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t done = next(fd, bytes, length);
    if (done > 0) {
        note(kind_of(fd), (uint64_t) offset, &(struct iovec){(void *) bytes, (size_t) done}, 1);
    }
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    ssize_t (*next)(int, const struct iovec *, int) =
        (ssize_t(*)(int, const struct iovec *, int)) real("writev");
    if (!watched(fd)) {
        return next(fd, parts, count);
    }
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t done = next(fd, parts, count);
    size_t wanted = 0;
    for (int i = 0; i < count; i++) {
        wanted += parts[i].iov_len;
    }
    if (done > 0 && (size_t) done == wanted) {
        note(kind_of(fd), (uint64_t) offset, parts, count);
    } else if (done > 0) {
        abort(); /* a short write of a local file: the journal would not tell the truth */
    }
    return done;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    ssize_t (*next)(int, const struct iovec *, int, off_t) =
        (ssize_t(*)(int, const struct iovec *, int, off_t)) real("pwritev");
    ssize_t done = next(fd, parts, count, offset);
    if (done > 0 && watched(fd)) {
        note(kind_of(fd), (uint64_t) offset, parts, count);
    }
    return done;
}

static int flush(int fd, const char *name) {
    int (*next)(int) = (int (*)(int)) real(name);
    int failed = next(fd);
    if (!failed && watched(fd)) {
        note(FLUSH, 0, NULL, 0);
    }
    return failed;
}

int fdatasync(int fd) {
    return flush(fd, "fdatasync");
}

int fsync(int fd) {
    return flush(fd, "fsync");
}

int ftruncate(int fd, off_t length) {
    int (*next)(int, off_t) = (int (*)(int, off_t)) real("ftruncate");
    int failed = next(fd, length);
    if (!failed && watched(fd)) {
        note(SIZE, (uint64_t) length, NULL, 0);
    }
    return failed;
}

int ftruncate64(int fd, off_t length) {
    return ftruncate(fd, length);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
    int (*next)(int, off_t, off_t) = (int (*)(int, off_t, off_t)) real("posix_fallocate");
    int failed = next(fd, offset, length);
    if (!failed && watched(fd)) {
        note(SIZE, (uint64_t) (offset + length), NULL, 0);
    }
    return failed;
}

int posix_fallocate64(int fd, off_t offset, off_t length) {
    return posix_fallocate(fd, offset, length);
}
