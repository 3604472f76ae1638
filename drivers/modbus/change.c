/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/change.h"

#include "firmware/base/clock.h"

void gw_change_reset(struct gw_change *change) {
    change->is_known = false;
    change->is_held = false;
}

static void note_reported(struct gw_change *change, const struct gw_point_value *value,
                          int64_t now_mono_ms) {
    change->is_known = true;
    change->is_held = false;
    change->last = *value;
    change->reported_mono_ms = now_mono_ms;
}

bool gw_change_take(struct gw_change *change, const struct gw_config_point *point,
                    const struct gw_point_value *now, int64_t now_mono_ms,
                    int64_t now_wall_ms) {
    bool has_changed = !change->is_known || gw_point_has_changed(point, &change->last, now);
    bool is_early =
        change->is_known
        && now_mono_ms - change->reported_mono_ms < (int64_t) point->min_interval_ms;
    if (has_changed ? !is_early : now_mono_ms >= gw_change_silent_until(change, point)) {
        note_reported(change, now, now_mono_ms);
        return true;
    }
    change->is_held = has_changed;
    if (has_changed) {
        change->held = *now;
        change->held_wall_ms = now_wall_ms;
    }
    return false;
}

int64_t gw_change_held_until(const struct gw_change *change,
                             const struct gw_config_point *point) {
    return change->is_held ? change->reported_mono_ms + (int64_t) point->min_interval_ms
                           : GW_NEVER_MS;
}

struct gw_point_value gw_change_release(struct gw_change *change, int64_t now_mono_ms,
                                        int64_t *ret_wall_ms) {
    struct gw_point_value released = change->held;
    *ret_wall_ms = change->held_wall_ms;
    note_reported(change, &released, now_mono_ms);
    return released;
}

int64_t gw_change_silent_until(const struct gw_change *change,
                               const struct gw_config_point *point) {
    return change->is_known && point->max_silence_ms > 0
               ? change->reported_mono_ms + (int64_t) point->max_silence_ms
               : GW_NEVER_MS;
}
