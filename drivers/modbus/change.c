/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/change.h"

void gw_change_reset(struct gw_change *change) {
    change->is_known = false;
}

bool gw_change_take(struct gw_change *change, const struct gw_config_point *point,
                    const struct gw_point_value *now, int64_t now_mono_ms) {
    bool is_silent_too_long =
        point->max_silence_ms > 0
        && now_mono_ms - change->reported_mono_ms >= (int64_t) point->max_silence_ms;
    if (change->is_known && !is_silent_too_long
        && !gw_point_has_changed(point, &change->last, now)) {
        return false;
    }
    *change =
        (struct gw_change){.is_known = true, .last = *now, .reported_mono_ms = now_mono_ms};
    return true;
}
