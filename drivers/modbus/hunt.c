/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/hunt.h"

static const struct gw_config_point *point_at(const struct gw_modbus_hunt *hunt,
                                              size_t position) {
    return &hunt->points[hunt->order[position]];
}

static uint32_t end_of(const struct gw_config_point *point) {
    return (uint32_t) point->address + gw_modbus_point_width(point);
}

/* Points sorted by address may still overlap: end of the furthest. */
static uint32_t furthest_end(const struct gw_modbus_hunt *hunt, size_t low, size_t high) {
    uint32_t end = 0;
    for (size_t i = low; i < high; i++) {
        uint32_t point_end = end_of(point_at(hunt, i));
        end = point_end > end ? point_end : end;
    }
    return end;
}

/* How often the range can be cut, and the position before which the nth cut is. A clean
 * cut has no point on both sides; else one where a point begins must do. */
static size_t find_cut(const struct gw_modbus_hunt *hunt, size_t low, size_t high,
                       bool is_clean, size_t nth, size_t *ret_at) {
    uint32_t end = point_at(hunt, low)->address + (is_clean ? 0u : 1u);
    size_t count = 0;
    for (size_t i = low; i < high; i++) {
        const struct gw_config_point *point = point_at(hunt, i);
        if (i > low && point->address >= end) {
            *ret_at = count == nth ? i : *ret_at;
            count++;
        }
        uint32_t point_end = is_clean ? end_of(point) : point->address + 1u;
        end = point_end > end ? point_end : end;
    }
    return count;
}

static struct gw_modbus_block block_of(const struct gw_modbus_hunt *hunt, size_t low,
                                       size_t high) {
    struct gw_modbus_block block = hunt->block;
    block.address = point_at(hunt, low)->address;
    block.count = (uint16_t) (furthest_end(hunt, low, high) - block.address);
    block.first = low;
    block.points = high - low;
    return block;
}

/* The range was refused. True if that taught something. */
static bool enter(struct gw_modbus_hunt *hunt, size_t low, size_t high,
                  struct gw_modbus_holes *holes) {
    size_t cut = low;
    bool is_clean = find_cut(hunt, low, high, true, 0, &cut) > 0;
    size_t cuts = find_cut(hunt, low, high, is_clean, 0, &cut);
    if (cuts == 0 || hunt->depth == GW_MODBUS_HUNT_DEPTH) {
        struct gw_modbus_block block = block_of(hunt, low, high);
        struct gw_modbus_hole hole = gw_modbus_block_range(&block);
        /* What is known of it already explains it. */
        return !gw_modbus_holes_touch(holes, &hole) && gw_modbus_holes_add(holes, &hole);
    }
    (void) find_cut(hunt, low, high, is_clean, cuts / 2, &cut);
    size_t at = hunt->depth++;
    hunt->ranges[at].low = low;
    hunt->ranges[at].cut = cut;
    hunt->ranges[at].high = high;
    hunt->ranges[at].asked = 0;
    hunt->ranges[at].is_part_refused = false;
    return false;
}

/* Between the two halves, neither of which is refused alone. */
static bool learn_gap(const struct gw_modbus_hunt *hunt, size_t low, size_t cut,
                      struct gw_modbus_holes *holes) {
    uint32_t from = furthest_end(hunt, low, cut);
    uint32_t to = point_at(hunt, cut)->address;
    struct gw_modbus_hole hole = {.unit_id = hunt->block.unit_id,
                                  .area = (uint8_t) hunt->block.area,
                                  .address = (uint16_t) (from < to ? from : to),
                                  .count = (uint16_t) (from < to ? to - from : 0),
                                  .is_gap = true};
    return gw_modbus_holes_add(holes, &hole);
}

/* Leave the ranges that are done: whose halves explain the refusal, or that were asked
 * again. */
static void leave_done(struct gw_modbus_hunt *hunt) {
    while (hunt->depth > 0) {
        unsigned asked = hunt->ranges[hunt->depth - 1].asked;
        if (asked < 2 || (asked == 2 && !hunt->ranges[hunt->depth - 1].is_part_refused)) {
            return;
        }
        hunt->depth--;
    }
}

void gw_modbus_hunt_start(struct gw_modbus_hunt *hunt, const struct gw_modbus_block *block,
                          const struct gw_config_point *points, const size_t *order,
                          struct gw_modbus_holes *holes) {
    hunt->block = *block;
    hunt->points = points;
    hunt->order = order;
    hunt->depth = 0;
    (void) enter(hunt, block->first, block->first + block->points, holes);
}

bool gw_modbus_hunt_next(const struct gw_modbus_hunt *hunt, struct gw_modbus_block *ret_block) {
    if (hunt->depth == 0) {
        return false;
    }
    size_t at = hunt->depth - 1;
    size_t low = hunt->ranges[at].asked == 1 ? hunt->ranges[at].cut : hunt->ranges[at].low;
    size_t high = hunt->ranges[at].asked == 0 ? hunt->ranges[at].cut : hunt->ranges[at].high;
    *ret_block = block_of(hunt, low, high);
    return true;
}

bool gw_modbus_hunt_tell(struct gw_modbus_hunt *hunt, bool was_refused,
                         struct gw_modbus_holes *holes) {
    struct gw_modbus_block asked;
    if (!gw_modbus_hunt_next(hunt, &asked)) {
        return false;
    }
    size_t at = hunt->depth - 1;
    unsigned part = hunt->ranges[at].asked++;
    bool has_learned = false;
    if (was_refused && part == 2) {
        has_learned = learn_gap(hunt, hunt->ranges[at].low, hunt->ranges[at].cut, holes);
    } else if (was_refused) {
        hunt->ranges[at].is_part_refused = true;
        has_learned = enter(hunt, asked.first, asked.first + asked.points, holes);
    }
    leave_done(hunt);
    return has_learned;
}
