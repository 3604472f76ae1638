/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/pace.h"

#define SECOND_US 1000000
#define HALF_SECOND_MS 500
/* A clock is not believed to have stood for longer; also keeps sums small. */
#define COUNT_MAX (UINT64_C(1) << 32)

bool gw_pace_is_over(const struct gw_pace *pace, int64_t now_mono_ms) {
    return pace->per_second > 0 && pace->due_us - now_mono_ms * 1000 >= SECOND_US;
}

void gw_pace_take(struct gw_pace *pace, uint64_t count, int64_t now_mono_ms) {
    if (pace->per_second == 0) {
        return;
    }
    int64_t now_us = now_mono_ms * 1000;
    uint64_t counted = count < COUNT_MAX ? count : COUNT_MAX;
    pace->due_us = pace->due_us > now_us ? pace->due_us : now_us;
    pace->due_us += (int64_t) (counted * SECOND_US / pace->per_second);
}

int64_t gw_pace_ready_mono_ms(const struct gw_pace *pace) {
    return pace->due_us / 1000 - HALF_SECOND_MS;
}
