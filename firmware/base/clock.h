/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, as a seam: production uses gw_clock_system(), tests a fake.
 *
 * Two kinds of time that must never be mixed, so they are named in every
 * variable: *_mono_ms runs evenly from an unspecified start and is what timers
 * use; *_wall_ms is UTC milliseconds since 1970 and is what events carry. Wall
 * time may jump.
 */
#ifndef GW_BASE_CLOCK_H
#define GW_BASE_CLOCK_H

#include "firmware/base/buf.h"

enum gw_clock_quality {
    GW_CLOCK_UNSYNCHRONISED = 0, /* nobody vouches for wall time */
    GW_CLOCK_SYNCHRONISED = 1,   /* the kernel says a time service disciplines it */
};

struct gw_clock {
    int64_t (*mono_ms)(void *self);
    int64_t (*wall_ms)(void *self);
    enum gw_clock_quality (*quality)(void *self);
    void *self;
};

/* The machine's clocks: CLOCK_BOOTTIME, CLOCK_REALTIME, adjtimex(2) status (at most
 * 100 ms old). Thread-safe. */
struct gw_clock gw_clock_system(void);

static inline int64_t gw_clock_mono_ms(const struct gw_clock *clock) {
    return clock->mono_ms(clock->self);
}

static inline int64_t gw_clock_wall_ms(const struct gw_clock *clock) {
    return clock->wall_ms(clock->self);
}

/* "No deadline": a monotonic time later than any other. */
#define GW_NEVER_MS INT64_MAX

/* Length of "2026-11-23T07:14:00.123Z" without NUL. */
#define GW_TIME_TEXT_LEN 24

/* RFC 3339 UTC with milliseconds; years 0000 to 9999, clamped. */
bool gw_time_put(struct gw_buf *buf, int64_t wall_ms);
/* Any RFC 3339 date-time (offset allowed) to UTC milliseconds; digits below a
 * millisecond are cut, a leap second 23:59:60Z is the next day's 00:00:00Z.
 * PARSE, RANGE (no such date or time, or outside years 0000 to 9999 in UTC). */
enum gw_err gw_time_parse(struct gw_str text, int64_t *ret_wall_ms);

#endif
