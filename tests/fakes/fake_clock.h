/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that only moves when a test moves it.
 *
 *     struct gw_fake_clock fake;
 *     struct gw_clock clock = gw_fake_clock_init(&fake);
 *     gw_fake_clock_advance(&fake, 250);
 *
 * Monotonic and wall time are separate numbers, so a test can let wall time
 * jump (set fake.wall_ms) while timers run evenly. The fields may be read and
 * set directly. Not thread-safe.
 */
#ifndef GW_TESTS_FAKES_FAKE_CLOCK_H
#define GW_TESTS_FAKES_FAKE_CLOCK_H

#include "firmware/base/clock.h"

/* Where a fresh fake stands: an hour of uptime, 2026-11-23T07:14:00.000Z. */
#define GW_FAKE_CLOCK_MONO_MS INT64_C(3600000)
#define GW_FAKE_CLOCK_WALL_MS INT64_C(1795418040000)

struct gw_fake_clock {
    int64_t mono_ms;
    int64_t wall_ms;
    enum gw_clock_quality quality;
    /* Added to both times after each reading of monotonic time; 0 at first. For
     * code that polls the clock until a deadline has passed. */
    int64_t step_ms;
};

/* Set to the start above, synchronised. The clock lives as long as *fake. */
struct gw_clock gw_fake_clock_init(struct gw_fake_clock *fake);
/* Move both times by `by_ms`. */
void gw_fake_clock_advance(struct gw_fake_clock *fake, int64_t by_ms);

#endif
