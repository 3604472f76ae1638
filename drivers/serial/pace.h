/* SPDX-License-Identifier: Apache-2.0 */
/* How fast something may come: so many a second, a second's worth at once (generic
 * cell rate algorithm, ITU-T I.371, annex A). Pure. Of this room only. */
#ifndef GW_SERIAL_PACE_H
#define GW_SERIAL_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed but for the limit = nothing has come yet. */
struct gw_pace {
    uint32_t per_second; /* 0 = no limit */
    int64_t due_us;      /* when all that came would have come at an even pace */
};

/* True if as much has come as may: the next one is too much. */
bool gw_pace_is_over(const struct gw_pace *pace, int64_t now_mono_ms);
/* So many came. */
void gw_pace_take(struct gw_pace *pace, uint64_t count, int64_t now_mono_ms);
/* When it will be half a second under its limit again. */
int64_t gw_pace_ready_mono_ms(const struct gw_pace *pace);

#endif
