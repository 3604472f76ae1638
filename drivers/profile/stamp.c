/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/stamp.h"

#include <stdio.h>
#include <string.h>

static struct stat look(const char *path) {
    struct stat file;
    memset(&file, 0, sizeof file);
    if (stat(path, &file) != 0) {
        memset(&file, 0, sizeof file);
    }
    return file;
}

void gw_profile_stamp_take(const char *folder, const char *name,
                           struct gw_profile_stamp *ret_stamp) {
    bool is_path = strchr(name, '/') != NULL;
    (void) snprintf(ret_stamp->path, sizeof ret_stamp->path, "%s%s%s%s", is_path ? "" : folder,
                    is_path ? "" : "/", name, is_path ? "" : ".json");
    ret_stamp->file = look(ret_stamp->path);
}

bool gw_profile_stamp_is_old(const struct gw_profile_stamp *stamp) {
    struct stat now = look(stamp->path);
    const struct stat *then = &stamp->file;
    return now.st_ino != then->st_ino || now.st_size != then->st_size
           || now.st_mtim.tv_sec != then->st_mtim.tv_sec
           || now.st_mtim.tv_nsec != then->st_mtim.tv_nsec;
}
