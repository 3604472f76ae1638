/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which reads serve which points: a block is one request on the wire. Pure.
 *
 * Points of the same unit, area and period are merged while the gap between them is at
 * most max_gap registers (16 times as many bits) and the block keeps to what one answer
 * can carry: 125 registers or 2000 bits (MODBUS Application Protocol V1.1b3, 6.1 to
 * 6.4), or less where the bus allows less. A block never touches a hole nor goes across
 * a seam (holes.h), but for a point that lies in one: it is read alone.
 */
#ifndef GW_MODBUS_PLAN_H
#define GW_MODBUS_PLAN_H

#include "drivers/modbus/holes.h"
#include "drivers/profile/registers.h"

#define GW_MODBUS_MAX_REGISTERS 125
#define GW_MODBUS_MAX_BITS 2000

struct gw_modbus_block {
    uint8_t unit_id;
    enum gw_modbus_area area;
    uint16_t address;
    uint16_t count; /* registers or bits */
    uint32_t period_ms;
    size_t first; /* its points are order[first] ... order[first + points - 1] */
    size_t points;
};

struct gw_modbus_limits {
    uint32_t max_gap;
    uint32_t max_registers;              /* 0 = what Modbus allows */
    const struct gw_modbus_holes *holes; /* NULL = none known */
};

/* Plan reads for `count` points. `order` gets the points' indices sorted by block and
 * in it by address; at most `count` blocks go to `blocks`. Both are the caller's, `count`
 * long. Returns the number of blocks. */
size_t gw_modbus_plan(const struct gw_config_point *points, size_t count,
                      const struct gw_modbus_limits *limits, size_t *order,
                      struct gw_modbus_block *blocks);

/* Unit ids of the points, ascending, each once. Returns how many. */
size_t gw_modbus_list_units(const struct gw_config_point *points, size_t count,
                            uint8_t ret_ids[static 256]);
/* Registers or bits the point takes on the wire. */
uint16_t gw_modbus_point_width(const struct gw_config_point *point);
/* The range a block reads. */
struct gw_modbus_hole gw_modbus_block_range(const struct gw_modbus_block *block);

#endif
