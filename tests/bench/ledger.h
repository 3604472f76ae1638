/* SPDX-License-Identifier: Apache-2.0 */
/* A file of lines that is written in few, large, whole-line pieces. */
#ifndef GW_TESTS_BENCH_LEDGER_H
#define GW_TESTS_BENCH_LEDGER_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "firmware/base/buf.h"

struct gw_ledger {
    int fd; /* -1 = none wanted */
    struct gw_buf lines;
    bool failed; /* a write failed; nothing is written any more */
};

/* Open for appending; path NULL = no ledger. */
static inline bool gw_ledger_open(struct gw_ledger *ledger, const char *path) {
    ledger->fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
    return (!path || ledger->fd >= 0) && gw_buf_open(&ledger->lines, 1 << 16) == GW_OK;
}

static inline void gw_ledger_flush(struct gw_ledger *ledger) {
    const uint8_t *p = ledger->lines.data;
    size_t left = ledger->lines.len;
    while (left > 0 && !ledger->failed) {
        ssize_t n = write(ledger->fd, p, left);
        if (n < 0 && errno != EINTR) {
            perror("ledger");
            ledger->failed = true;
        }
        if (n > 0) {
            p += n;
            left -= (size_t) n;
        }
    }
    gw_buf_clear(&ledger->lines);
}

/* The buffer to put one line into, of at most `room` bytes; NULL without a file. */
static inline struct gw_buf *gw_ledger_line(struct gw_ledger *ledger, size_t room) {
    if (ledger->fd < 0) {
        return NULL;
    }
    if (gw_buf_space(&ledger->lines) < room) {
        gw_ledger_flush(ledger);
    }
    return &ledger->lines;
}

static inline void gw_ledger_close(struct gw_ledger *ledger) {
    if (ledger->fd >= 0) {
        (void) close(ledger->fd);
    }
    gw_buf_close(&ledger->lines);
}

#endif
