/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1000

/* The one process-wide setting of the house, set once by main. */
static atomic_int log_level = GW_LOG_INFO;

void gw_log_set_level(enum gw_log_level level) {
    atomic_store(&log_level, (int) level);
}

/* vsnprintf answers the length it would have liked. */
static size_t add_len(size_t len, int added) {
    if (added < 0) {
        return len;
    }
    size_t sum = len + (size_t) added;
    return sum < LINE_MAX_BYTES - 1 ? sum : LINE_MAX_BYTES - 1;
}

/* A device's name with a line break in it must not forge a second line. */
static void blank_controls(char *line, size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char) line[i];
        if (c < 0x20 || c == 0x7f) {
            line[i] = '?';
        }
    }
}

void gw_log(enum gw_log_level level, const char *room, const char *format, ...) {
    if ((int) level > atomic_load_explicit(&log_level, memory_order_relaxed)) {
        return;
    }
    char line[LINE_MAX_BYTES + 1];
    size_t len = add_len(0, snprintf(line, LINE_MAX_BYTES, "<%d>%s: ", (int) level, room));
    va_list args;
    va_start(args, format);
    len = add_len(len, vsnprintf(line + len, LINE_MAX_BYTES - len, format, args));
    va_end(args);
    blank_controls(line, len);
    line[len++] = '\n';
    /* Nowhere to report a log that cannot be written. */
    ssize_t written = write(STDERR_FILENO, line, len);
    (void) written;
}
