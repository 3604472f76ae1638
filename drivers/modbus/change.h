/* SPDX-License-Identifier: Apache-2.0 */
/* When a reading of a point is worth an event. Pure: time comes in. */
#ifndef GW_MODBUS_CHANGE_H
#define GW_MODBUS_CHANGE_H

#include "drivers/profile/registers.h"

struct gw_change {
    bool is_known; /* a reading was reported since the last reset */
    struct gw_point_value last;
    int64_t reported_mono_ms;
};

/* After a (re)connection: the next reading is reported whatever it is. */
void gw_change_reset(struct gw_change *change);
/* True if `now` must be reported, which is then noted as done: the first one, a
 * change of quality, a difference outside the dead-band against the last
 * *reported* value, or max_silence_ms gone by since. */
bool gw_change_take(struct gw_change *change, const struct gw_config_point *point,
                    const struct gw_point_value *now, int64_t now_mono_ms);

#endif
