/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk whose power can fail: an nbdkit plug-in over one file (`base`).
 *
 * A write is only pending: reads see it, the file does not have it. A flush (or
 * a write with FUA, which nbdkit turns into write and flush) applies everything
 * pending to the file, in order. At the cut each pending 512-byte sector of each
 * write survives with a probability of `keep` per cent, drawn from `seed`: what
 * was flushed is never lost, the rest is lost, kept, torn or, where a sector was
 * written twice, kept in its older form. The same writes and the same seed leave
 * the same disk.
 *
 * The power fails
 *   - when nbdkit ends (SIGTERM), or
 *   - inside a request: when the file `arm` appears, its number says how many
 *     more writes and flushes are taken. After that every request fails, as the
 *     machine is off. This finds instants that a clock hardly ever hits.
 * What the cut did is written to `report` (one JSON object) once it is done.
 */
#define NBDKIT_API_VERSION 2
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nbdkit-plugin.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_SERIALIZE_ALL_REQUESTS
#define SECTOR 512u

struct pending {
    struct pending *next;
    uint64_t offset;
    uint32_t length;
    char bytes[];
};

/* A plug-in is one disk; nbdkit's callbacks that matter have no context. */
static struct {
    char *base, *report, *arm;
    unsigned keep;
    uint64_t seed, random;
    int fd;
    bool is_off;
    uint64_t taken_until_cut; /* 0 = not armed */
    struct pending *first, **end;
    uint64_t writes, flushes;
    uint64_t pending_writes, pending_sectors, kept, lost, torn;
} disk = {.fd = -1, .end = &disk.first};

/* ---- options ---------------------------------------------------------------- */

static int set_path(char **path, const char *value) {
    *path = nbdkit_absolute_path(value);
    return *path ? 0 : -1;
}

static int take_option(const char *key, const char *value) {
    if (strcmp(key, "base") == 0) {
        return set_path(&disk.base, value);
    }
    if (strcmp(key, "report") == 0) {
        return set_path(&disk.report, value);
    }
    if (strcmp(key, "arm") == 0) {
        return set_path(&disk.arm, value);
    }
    if (strcmp(key, "keep") == 0) {
        return nbdkit_parse_unsigned(key, value, &disk.keep);
    }
    if (strcmp(key, "seed") == 0) {
        return nbdkit_parse_uint64_t(key, value, &disk.seed);
    }
    nbdkit_error("unknown option %s", key);
    return -1;
}

static int check_options(void) {
    if (!disk.base || !disk.report || !disk.arm || disk.keep > 100) {
        nbdkit_error("wanted: base=FILE report=FILE arm=FILE [keep=0..100] [seed=N]");
        return -1;
    }
    disk.random = disk.seed;
    disk.fd = open(disk.base, O_RDWR | O_CLOEXEC);
    if (disk.fd < 0) {
        nbdkit_error("%s: %m", disk.base);
    }
    return disk.fd < 0 ? -1 : 0;
}

/* ---- the file ----------------------------------------------------------------- */

static int put(const char *bytes, uint32_t length, uint64_t offset) {
    while (length > 0) {
        ssize_t done = pwrite(disk.fd, bytes, length, (off_t) offset);
        if (done <= 0) {
            nbdkit_error("%s: %m", disk.base);
            return -1;
        }
        bytes += done;
        offset += (uint64_t) done;
        length -= (uint32_t) done;
    }
    return 0;
}

static void drop_first(void) {
    struct pending *first = disk.first;
    disk.first = first->next;
    free(first);
    if (!disk.first) {
        disk.end = &disk.first;
    }
}

/* ---- the cut -------------------------------------------------------------------- */

/* splitmix64: good enough to choose sectors, and the same everywhere. */
static uint64_t draw(void) {
    disk.random += 0x9e3779b97f4a7c15u;
    uint64_t z = disk.random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* What survives of one write. */
static void cut_write(const struct pending *write) {
    uint64_t kept = 0;
    uint64_t sectors = 0;
    for (uint32_t at = 0; at < write->length; sectors++) {
        uint32_t length = SECTOR - (uint32_t) ((write->offset + at) % SECTOR);
        length = length < write->length - at ? length : write->length - at;
        if (draw() % 100 < disk.keep
            && put(write->bytes + at, length, write->offset + at) == 0) {
            kept++;
        }
        at += length;
    }
    disk.pending_writes++;
    disk.pending_sectors += sectors;
    disk.kept += kept;
    disk.lost += sectors - kept;
    disk.torn += kept > 0 && kept < sectors;
}

/* Under its name only when complete: whoever sees it may read it. */
static void report(bool in_request) {
    char aside[4096];
    snprintf(aside, sizeof(aside), "%s.new", disk.report);
    FILE *file = fopen(aside, "we");
    if (!file) {
        nbdkit_error("%s: %m", aside);
        return;
    }
    fprintf(file,
            "{\"seed\":%" PRIu64 ",\"keep\":%u,\"in_request\":%s,\"writes\":%" PRIu64
            ",\"flushes\":%" PRIu64 ",\"pending_writes\":%" PRIu64
            ",\"pending_sectors\":%" PRIu64 ",\"kept_sectors\":%" PRIu64
            ",\"lost_sectors\":%" PRIu64 ",\"torn_writes\":%" PRIu64 "}\n",
            disk.seed, disk.keep, in_request ? "true" : "false", disk.writes, disk.flushes,
            disk.pending_writes, disk.pending_sectors, disk.kept, disk.lost, disk.torn);
    if (fclose(file) != 0 || rename(aside, disk.report) != 0) {
        nbdkit_error("%s: %m", disk.report);
    }
}

static void cut(bool in_request) {
    if (disk.is_off) {
        return;
    }
    disk.is_off = true;
    while (disk.first) {
        cut_write(disk.first);
        drop_first();
    }
    report(in_request);
}

/* ---- requests ---------------------------------------------------------------------- */

static void look_whether_armed(void) {
    char text[32] = "";
    if (disk.taken_until_cut > 0 || access(disk.arm, F_OK) != 0) {
        return;
    }
    int fd = open(disk.arm, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0) {
        (void) nbdkit_parse_uint64_t("arm", text, &disk.taken_until_cut);
    }
    if (fd >= 0) {
        (void) close(fd);
    }
}

/* False once the power is off. Counts the request that may be the last. */
static bool has_power(void) {
    look_whether_armed();
    if (disk.taken_until_cut > 0 && --disk.taken_until_cut == 0) {
        cut(true);
    }
    if (disk.is_off) {
        nbdkit_set_error(EIO);
    }
    return !disk.is_off;
}

static void *open_disk(int readonly) {
    (void) readonly;
    return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t get_size(void *handle) {
    (void) handle;
    struct stat status;
    return fstat(disk.fd, &status) == 0 ? (int64_t) status.st_size : -1;
}

/* Also one that several connections may use: a flush of one is a flush of all. */
static int yes(void *handle) {
    (void) handle;
    return 1;
}

static int emulate_fua(void *handle) {
    (void) handle;
    return NBDKIT_FUA_EMULATE;
}

/* What the file has, and over it what is pending, the newest last. */
static int read_disk(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags) {
    (void) handle;
    (void) flags;
    if (disk.is_off || pread(disk.fd, buf, count, (off_t) offset) != (ssize_t) count) {
        nbdkit_set_error(EIO);
        return -1;
    }
    for (const struct pending *write = disk.first; write; write = write->next) {
        uint64_t from = write->offset > offset ? write->offset : offset;
        uint64_t write_end = write->offset + write->length;
        uint64_t to = write_end < offset + count ? write_end : offset + count;
        if (from < to) {
            memcpy((char *) buf + (from - offset), write->bytes + (from - write->offset),
                   to - from);
        }
    }
    return 0;
}

static int write_disk(void *handle, const void *buf, uint32_t count, uint64_t offset,
                      uint32_t flags) {
    (void) handle;
    (void) flags;
    struct pending *write = disk.is_off ? NULL : malloc(sizeof(*write) + count);
    if (!write) {
        nbdkit_set_error(disk.is_off ? EIO : ENOMEM);
        return -1;
    }
    *write = (struct pending){.offset = offset, .length = count};
    memcpy(write->bytes, buf, count);
    disk.writes++;
    *disk.end = write;
    disk.end = &write->next;
    /* The request in which the power fails is itself pending: it may be torn. */
    return has_power() ? 0 : -1;
}

static int flush_disk(void *handle, uint32_t flags) {
    (void) handle;
    (void) flags;
    if (!has_power()) {
        return -1;
    }
    disk.flushes++;
    while (disk.first) {
        if (put(disk.first->bytes, disk.first->length, disk.first->offset) != 0) {
            nbdkit_set_error(EIO);
            return -1;
        }
        drop_first();
    }
    return 0;
}

/* All connections are closed: nothing comes any more. */
static void power_off(void) {
    cut(false);
}

static struct nbdkit_plugin plugin = {
    .name = "cutdisk",
    .longname = "disk whose power can fail",
    .config = take_option,
    .config_complete = check_options,
    .open = open_disk,
    .get_size = get_size,
    .can_flush = yes,
    .can_multi_conn = yes,
    .can_fua = emulate_fua,
    .pread = read_disk,
    .pwrite = write_disk,
    .flush = flush_disk,
    .cleanup = power_off,
    .errno_is_preserved = 0,
};

NBDKIT_REGISTER_PLUGIN(plugin)
