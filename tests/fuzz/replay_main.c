/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for libFuzzer in ordinary builds: runs the fuzz target over each
 * file of the given folders (or single files), in order of name, and prints how
 * many there were. None at all is a failure: a corpus that was moved away must
 * not look like a corpus that passed.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "firmware/base/buf.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"

#define INPUT_MAX_BYTES (4U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An allocation of the exact size lets the address sanitizer see a read of the
 * first byte behind the input. */
static int run_file(const char *path, struct gw_buf *buf) {
    gw_buf_clear(buf);
    enum gw_err err = gw_file_read(path, buf);
    if (err) {
        fprintf(stderr, "%s: %s\n", path, gw_err_name(err));
        return -1;
    }
    GW_CLEANUP(gw_freep) uint8_t *input = malloc(buf->len > 0 ? buf->len : 1);
    if (!input) {
        return -1;
    }
    for (size_t i = 0; i < buf->len; i++) {
        input[i] = buf->data[i];
    }
    (void) LLVMFuzzerTestOneInput(input, buf->len);
    return 1;
}

/* Number of inputs run, -1 on an error. */
static int run_folder(const char *folder, struct gw_buf *buf) {
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, alphasort);
    int inputs = count < 0 ? -1 : 0;
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        int len = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        struct stat st;
        if (inputs >= 0 && len > 0 && (size_t) len < sizeof(path) && stat(path, &st) == 0
            && S_ISREG(st.st_mode)) {
            int answer = run_file(path, buf);
            inputs = answer < 0 ? -1 : inputs + answer;
        }
        free(entries[i]);
    }
    free(entries);
    return inputs;
}

static int run_path(const char *path, struct gw_buf *buf) {
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        return -1;
    }
    return S_ISDIR(st.st_mode) ? run_folder(path, buf) : run_file(path, buf);
}

int main(int argc, char **argv) {
    GW_CLEANUP(gw_buf_close) struct gw_buf buf = {0};
    if (gw_buf_open(&buf, INPUT_MAX_BYTES) != GW_OK) {
        return 1;
    }
    int inputs = 0;
    for (int i = 1; i < argc; i++) {
        int answer = run_path(argv[i], &buf);
        if (answer < 0) {
            return 1;
        }
        inputs += answer;
    }
    printf("%d inputs\n", inputs);
    return inputs > 0 ? 0 : 1;
}
