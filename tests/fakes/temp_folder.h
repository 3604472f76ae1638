/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of one test's own, and what tests do to files in it. */
#ifndef GW_TESTS_FAKES_TEMP_FOLDER_H
#define GW_TESTS_FAKES_TEMP_FOLDER_H

#include <stddef.h>
#include <stdint.h>

#define GW_TEMP_PATH_BYTES 128

struct gw_temp_folder {
    char path[32]; /* "/tmp/gw-test-XXXXXX" */
};

/* Made empty; the test fails if that is not possible. */
void gw_temp_folder_open(struct gw_temp_folder *folder);
/* Removed with all it holds. */
void gw_temp_folder_close(struct gw_temp_folder *folder);
/* "<folder>/<name>" into `dst`, which is returned. */
const char *gw_temp_path(const struct gw_temp_folder *folder, const char *name,
                         char dst[static GW_TEMP_PATH_BYTES]);

/* XOR the byte at `offset` with `mask`. */
void gw_temp_flip(const char *path, uint64_t offset, uint8_t mask);
uint64_t gw_temp_file_size(const char *path);
/* Copy a file, or a folder of files. */
void gw_temp_copy(const char *from, const char *to);

#endif
