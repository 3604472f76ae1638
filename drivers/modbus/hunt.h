/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search for what a refused block must not read, by bisection. Pure: the caller
 * does the reading.
 *
 *   gw_modbus_hunt_start(&hunt, ...);              the block was refused
 *   while (gw_modbus_hunt_next(&hunt, &block))     what to read now
 *       gw_modbus_hunt_tell(&hunt, was_refused, holes);
 *
 * A range of points is cut at the middle one of the places where no point lies on both
 * sides (points that overlap: where one begins), and each half is read. A half that is refused
 * is searched in the same way; one that cannot be cut is a hole. If both halves can be read,
 * the whole range is asked for once more: refused again, the gap between the halves is a hole
 * (or, where there is no gap, a seam); else the device has changed its mind and nothing is
 * learned. So a hunt takes about three requests for each cut, and never learns from a single
 * refusal but for what cannot be cut.
 *
 * Depth is bounded by the binary logarithm of the number of points.
 */
#ifndef GW_MODBUS_HUNT_H
#define GW_MODBUS_HUNT_H

#include "drivers/modbus/plan.h"

#define GW_MODBUS_HUNT_DEPTH 16 /* 2^16 points */

struct gw_modbus_hunt {
    struct gw_modbus_block block; /* that was refused */
    const struct gw_config_point *points;
    const size_t *order;
    /* Refused ranges, each inside the one before; positions are those of `order`. */
    struct {
        size_t low, cut, high;
        unsigned asked; /* first half, second half, the whole again */
        bool is_part_refused;
    } ranges[GW_MODBUS_HUNT_DEPTH];
    size_t depth; /* 0 = over */
};

/* `block` was refused. What cannot be cut goes to `holes` at once: then the hunt is
 * over. `points` and `order` must stay as they are until it is. */
void gw_modbus_hunt_start(struct gw_modbus_hunt *hunt, const struct gw_modbus_block *block,
                          const struct gw_config_point *points, const size_t *order,
                          struct gw_modbus_holes *holes);
/* The read to try next; false when the hunt is over. */
bool gw_modbus_hunt_next(const struct gw_modbus_hunt *hunt, struct gw_modbus_block *ret_block);
/* What came of it. True if something was learned. */
bool gw_modbus_hunt_tell(struct gw_modbus_hunt *hunt, bool was_refused,
                         struct gw_modbus_holes *holes);

#endif
