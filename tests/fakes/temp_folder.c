/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/temp_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(int done, const char *what, const char *path) {
    if (!done) {
        perror(what);
        (void) fprintf(stderr, "%s failed for %s\n", what, path);
        abort();
    }
}

void gw_temp_folder_open(struct gw_temp_folder *folder) {
    (void) snprintf(folder->path, sizeof(folder->path), "/tmp/gw-test-XXXXXX");
    must(mkdtemp(folder->path) != NULL, "mkdtemp", folder->path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void) st;
    (void) type;
    (void) ftw;
    return remove(path);
}

void gw_temp_folder_close(struct gw_temp_folder *folder) {
    (void) nftw(folder->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *gw_temp_path(const struct gw_temp_folder *folder, const char *name,
                         char dst[static GW_TEMP_PATH_BYTES]) {
    int len = snprintf(dst, GW_TEMP_PATH_BYTES, "%s/%s", folder->path, name);
    must(len > 0 && len < GW_TEMP_PATH_BYTES, "gw_temp_path", name);
    return dst;
}

void gw_temp_flip(const char *path, uint64_t offset, uint8_t mask) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte = 0;
    must(fd >= 0 && pread(fd, &byte, 1, (off_t) offset) == 1, "pread", path);
    byte ^= mask;
    must(pwrite(fd, &byte, 1, (off_t) offset) == 1, "pwrite", path);
    (void) close(fd);
}

uint64_t gw_temp_file_size(const char *path) {
    struct stat st;
    must(stat(path, &st) == 0, "stat", path);
    return (uint64_t) st.st_size;
}

static void copy_file(const char *from, const char *to) {
    static char chunk[1 << 16];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    must(in >= 0 && out >= 0, "open", from);
    ssize_t n;
    while ((n = read(in, chunk, sizeof(chunk))) > 0) {
        must(write(out, chunk, (size_t) n) == n, "write", to);
    }
    must(n == 0, "read", from);
    (void) close(in);
    (void) close(out);
}

void gw_temp_copy(const char *from, const char *to) {
    struct stat st;
    must(stat(from, &st) == 0, "stat", from);
    if (!S_ISDIR(st.st_mode)) {
        copy_file(from, to);
        return;
    }
    must(mkdir(to, 0750) == 0, "mkdir", to);
    DIR *dir = opendir(from);
    must(dir != NULL, "opendir", from);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_type == DT_REG) {
            char a[PATH_MAX], b[PATH_MAX];
            (void) snprintf(a, sizeof(a), "%s/%s", from, entry->d_name);
            (void) snprintf(b, sizeof(b), "%s/%s", to, entry->d_name);
            copy_file(a, b);
        }
    }
    (void) closedir(dir);
}
