/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/base/clock.h"

#include <sys/timex.h>
#include <time.h>

#define QUALITY_KEPT_MS 100

static int64_t read_ms(clockid_t id) {
    struct timespec now = {0};
    (void) clock_gettime(id, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* BOOTTIME, not MONOTONIC: a box that slept must not think its leases run. */
static int64_t system_mono_ms(void *self) {
    (void) self;
    return read_ms(CLOCK_BOOTTIME);
}

static int64_t system_wall_ms(void *self) {
    (void) self;
    return read_ms(CLOCK_REALTIME);
}

static enum gw_clock_quality ask_kernel(void) {
    struct timex state = {.modes = 0};
    int answer = adjtimex(&state);
    if (answer < 0 || answer == TIME_ERROR || (state.status & STA_UNSYNC) != 0) {
        return GW_CLOCK_UNSYNCHRONISED;
    }
    return GW_CLOCK_SYNCHRONISED;
}

/* Every event asks, the answer changes once in hours, and adjtimex(2) costs more
 * than all clocks together. What is kept belongs to the machine, not to a caller:
 * two daemons in one test cannot disturb each other by it. */
static enum gw_clock_quality system_quality(void *self) {
    (void) self;
    static _Thread_local struct {
        int64_t until_ms;
        enum gw_clock_quality quality;
    } kept;
    int64_t now = read_ms(CLOCK_MONOTONIC_COARSE);
    if (now >= kept.until_ms) {
        kept.quality = ask_kernel();
        kept.until_ms = now + QUALITY_KEPT_MS;
    }
    return kept.quality;
}

struct gw_clock gw_clock_system(void) {
    return (struct gw_clock){
        .mono_ms = system_mono_ms, .wall_ms = system_wall_ms, .quality = system_quality};
}
