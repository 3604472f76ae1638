/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a reading of a point is worth an event. Pure: time comes in.
 *
 * Reported is the first reading after a reset, a change of quality or text, a number
 * outside the dead-band against the last *reported* one, and any reading once
 * max_silence_ms have gone by. Two reports are at least min_interval_ms apart: what
 * comes sooner is held, and is what a later reading replaces or takes back; a caller
 * asks for it when gw_change_held_until is over.
 */
#ifndef GW_MODBUS_CHANGE_H
#define GW_MODBUS_CHANGE_H

#include "drivers/profile/registers.h"

struct gw_change {
    bool is_known; /* a reading was reported since the last reset */
    bool is_held;  /* `held` waits for the end of the interval */
    struct gw_point_value last;
    int64_t reported_mono_ms;
    struct gw_point_value held;
    int64_t held_wall_ms; /* when it was read */
};

/* After a (re)connection: the next reading is reported whatever it is. What is held
 * is forgotten; release it first. */
void gw_change_reset(struct gw_change *change);
/* True if `now`, read at now_wall_ms, must be reported, which is then noted as done. */
bool gw_change_take(struct gw_change *change, const struct gw_config_point *point,
                    const struct gw_point_value *now, int64_t now_mono_ms, int64_t now_wall_ms);
/* When what is held may be reported, GW_NEVER_MS if nothing is held. */
int64_t gw_change_held_until(const struct gw_change *change,
                             const struct gw_config_point *point);
/* Take what is held, whether the interval is over or not, and note it as reported.
 * Only when something is held. */
struct gw_point_value gw_change_release(struct gw_change *change, int64_t now_mono_ms,
                                        int64_t *ret_wall_ms);
/* When the point has been silent too long, GW_NEVER_MS if it may be. */
int64_t gw_change_silent_until(const struct gw_change *change,
                               const struct gw_config_point *point);

#endif
