/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies beside the store: folders "<path>.aside-<UTC time>", each once the store.
 * Their names sort by time. One that was salvaged has a file "salvaged" in it.
 *
 * A store that nobody has salvaged may hold the only copy of acknowledged events, so
 * it goes last, and only for want of room; but it does go then: a gateway that cannot
 * make a store for what comes now loses more.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "firmware/base/file.h"
#include "firmware/queue/queue_internal.h"

#define MARK_NAME "salvaged"

static void close_dirp(DIR **dir) {
    if (*dir) {
        (void) closedir(*dir);
    }
}

static bool join(char *dst, size_t dst_size, const char *folder, const char *name) {
    int len = snprintf(dst, dst_size, "%s/%s", folder, name);
    return len > 0 && (size_t) len < dst_size;
}

/* ---- looking ---- */

static bool examine(struct gw_queue_aside *aside) {
    GW_CLEANUP(close_dirp) DIR *dir = opendir(aside->path);
    if (!dir) {
        return false;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        char path[PATH_MAX];
        struct stat st;
        if (join(path, sizeof(path), aside->path, entry->d_name) && !lstat(path, &st)
            && S_ISREG(st.st_mode)) {
            aside->bytes += (uint64_t) st.st_blocks * 512;
            aside->is_salvaged = aside->is_salvaged || strcmp(entry->d_name, MARK_NAME) == 0;
        }
    }
    return true;
}

/* Keep the list sorted and of the oldest. */
static void insert(struct gw_queue_aside *asides, size_t *count,
                   const struct gw_queue_aside *aside) {
    size_t at = *count;
    while (at > 0 && strcmp(asides[at - 1].path, aside->path) > 0) {
        at--;
    }
    if (at == GW_QUEUE_ASIDES_MAX) {
        return;
    }
    size_t moved = *count - at;
    if (*count == GW_QUEUE_ASIDES_MAX) {
        moved--;
    } else {
        ++*count;
    }
    memmove(&asides[at + 1], &asides[at], moved * sizeof(*asides));
    asides[at] = *aside;
}

size_t gw_queue_asides_list(const char *path,
                            struct gw_queue_aside ret_asides[GW_QUEUE_ASIDES_MAX]) {
    struct gw_str whole = gw_str_from_cstr(path);
    const char *slash = strrchr(path, '/');
    size_t folder_len = slash ? (size_t) (slash - path) : 0;
    char folder[PATH_MAX], prefix[NAME_MAX + 1];
    if (!slash || gw_str_copy(gw_str_sub(whole, 0, folder_len), folder, sizeof(folder))
        || snprintf(prefix, sizeof(prefix), "%s.aside-", slash + 1) >= (int) sizeof(prefix)) {
        return 0;
    }
    GW_CLEANUP(close_dirp) DIR *dir = opendir(folder[0] ? folder : "/");
    size_t count = 0;
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        struct gw_queue_aside aside = {0};
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0
            && join(aside.path, sizeof(aside.path), folder, entry->d_name) && examine(&aside)) {
            insert(ret_asides, &count, &aside);
        }
    }
    return count;
}

uint64_t gw_queue_asides_share(const char *path) {
    char folder[PATH_MAX];
    struct statvfs fs;
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t) (slash - path) : 0;
    if (gw_str_copy(gw_str_sub(gw_str_from_cstr(path), 0, len), folder, sizeof(folder))
        || statvfs(folder[0] ? folder : "/", &fs)) {
        return UINT64_MAX;
    }
    return (uint64_t) fs.f_blocks * fs.f_frsize / 2;
}

enum gw_err gw_queue_aside_mark(const char *aside) {
    char path[PATH_MAX];
    if (!join(path, sizeof(path), aside, MARK_NAME)) {
        return GW_ERR_RANGE;
    }
    return gw_file_replace(path, (struct gw_bytes){0}, 0640);
}

/* ---- removing ---- */

/* Of a store there are only files; anything else in the folder keeps it. */
static bool remove_aside(const struct gw_queue_aside *aside) {
    {
        GW_CLEANUP(close_dirp) DIR *dir = opendir(aside->path);
        const struct dirent *entry;
        while (dir && (entry = readdir(dir))) {
            char path[PATH_MAX];
            /* The mark goes last: a removal that was cut short goes on next time. */
            if (strcmp(entry->d_name, MARK_NAME) != 0
                && join(path, sizeof(path), aside->path, entry->d_name)) {
                (void) unlink(path); /* fails on "." and ".." */
            }
        }
    }
    char mark[PATH_MAX];
    if (join(mark, sizeof(mark), aside->path, MARK_NAME)) {
        (void) unlink(mark);
    }
    return rmdir(aside->path) == 0;
}

struct pruning {
    struct gw_queue_aside asides[GW_QUEUE_ASIDES_MAX];
    size_t count;
    uint64_t bytes;
    struct gw_queue_asides_pruned pruned;
};

/* The list is short: looked at anew for each that goes. */
static bool remove_oldest(struct pruning *pruning, size_t candidates, bool is_salvaged) {
    for (size_t i = 0; i < candidates; i++) {
        struct gw_queue_aside *aside = &pruning->asides[i];
        if (aside->is_salvaged != is_salvaged || !remove_aside(aside)) {
            continue;
        }
        pruning->bytes -= aside->bytes;
        pruning->pruned.salvaged += is_salvaged;
        pruning->pruned.unsalvaged += !is_salvaged;
        pruning->count--;
        memmove(aside, aside + 1, (pruning->count - i) * sizeof(*aside));
        return true;
    }
    return false;
}

struct gw_queue_asides_pruned gw_queue_asides_prune(const char *path, uint64_t max_bytes) {
    struct pruning pruning = {0};
    pruning.count = gw_queue_asides_list(path, pruning.asides);
    for (size_t i = 0; i < pruning.count; i++) {
        pruning.bytes += pruning.asides[i].bytes;
    }
    bool goes_on = true;
    while (goes_on && pruning.count > GW_QUEUE_ASIDES_KEPT) {
        goes_on = remove_oldest(&pruning, pruning.count - GW_QUEUE_ASIDES_KEPT, true);
    }
    goes_on = true;
    while (goes_on && pruning.count > 1 && pruning.bytes > max_bytes) {
        goes_on = remove_oldest(&pruning, pruning.count - 1, true)
                  || remove_oldest(&pruning, pruning.count - 1, false);
    }
    return pruning.pruned;
}
