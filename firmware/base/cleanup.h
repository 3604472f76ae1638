/* SPDX-License-Identifier: Apache-2.0 */
/* Release by scope: the house has no goto. */
#ifndef GW_BASE_CLEANUP_H
#define GW_BASE_CLEANUP_H

/* `GW_CLEANUP(gw_queue_reader_closep) struct gw_queue_reader *r = NULL;` */
#define GW_CLEANUP(function) __attribute__((cleanup(function)))

/* Defines `static inline void closep(type *p)` calling `close(*p)` if set. */
#define GW_DEFINE_CLEANUP(type, close, closep)                                                 \
    static inline void closep(type *p) {                                                       \
        if (*p) {                                                                              \
            close(*p);                                                                         \
        }                                                                                      \
    }

/* Value of `variable`, which is set to NULL: hands ownership out. */
#define GW_TAKE(variable)                                                                      \
    ({                                                                                         \
        __typeof__(variable) *gw_take_p_ = &(variable);                                        \
        __typeof__(variable) gw_take_v_ = *gw_take_p_;                                         \
        *gw_take_p_ = NULL;                                                                    \
        gw_take_v_;                                                                            \
    })

#define GW_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void gw_freep(void *p) {
    free(*(void **) p);
}

static inline void gw_closep(int *fd) {
    if (*fd >= 0) {
        (void) close(*fd);
    }
}

static inline void gw_fclosep(FILE **file) {
    if (*file) {
        (void) fclose(*file);
    }
}

#endif
