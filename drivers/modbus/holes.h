/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bus has taught us not to read, per unit and area. Pure.
 *
 * A hole is a range of addresses that the device refused to read (exception 2 or 3): a
 * point, or the gap between two that can be read, but not in one request. A gap without
 * an address is a seam, before its address. No block is planned across any (plan.h).
 *
 * Bounded: when there is no room, all that is known of one unit and area becomes one
 * hole over the whole of it, so that each of its points is read alone.
 */
#ifndef GW_MODBUS_HOLES_H
#define GW_MODBUS_HOLES_H

#include "firmware/base/buf.h"
#include "firmware/config/config.h"

#define GW_MODBUS_HOLES_MAX 512
/* Count of a hole that stands for the whole area. */
#define GW_MODBUS_HOLE_AREA UINT16_MAX
/* Enough for gw_modbus_holes_encode: stays below what a state table takes. */
#define GW_MODBUS_HOLES_MAX_BYTES (40 + 6 * GW_MODBUS_HOLES_MAX)

struct gw_modbus_hole {
    uint8_t unit_id;
    uint8_t area; /* enum gw_modbus_area */
    uint16_t address;
    uint16_t count;
    bool is_gap; /* never read across again, even if every address in it can be read */
};

struct gw_modbus_holes {
    size_t count;
    struct gw_modbus_hole entries[GW_MODBUS_HOLES_MAX];
};

/* Learn one; false if nothing is new. */
bool gw_modbus_holes_add(struct gw_modbus_holes *holes, const struct gw_modbus_hole *hole);
/* The range (unit, area, address, count) was read: what overlaps it is no hole any
 * more; of a gap a seam is left. Whole areas stay. False if nothing changed. */
bool gw_modbus_holes_subtract(struct gw_modbus_holes *holes, const struct gw_modbus_hole *read);
/* True if a read of the range would touch a hole or go across a seam. */
bool gw_modbus_holes_touch(const struct gw_modbus_holes *holes,
                           const struct gw_modbus_hole *range);

/* Append as bytes: version 1, the fingerprint of the configuration the holes were
 * learned under, then 6 bytes for each (unit, area, 128 added for a gap, address and
 * count big-endian).
 * FULL. */
enum gw_err gw_modbus_holes_encode(const struct gw_modbus_holes *holes,
                                   const uint8_t fingerprint[static 32], struct gw_buf *buf);
/* The opposite. CORRUPT; NOENT if they were learned under another configuration.
 * `ret_holes` is untouched on failure. */
enum gw_err gw_modbus_holes_decode(struct gw_bytes bytes, const uint8_t fingerprint[static 32],
                                   struct gw_modbus_holes *ret_holes);

#endif
