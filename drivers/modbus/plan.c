/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/plan.h"

#include <stdlib.h>

uint16_t gw_modbus_point_width(const struct gw_config_point *point) {
    return (uint16_t) gw_point_width(point);
}

size_t gw_modbus_list_units(const struct gw_config_point *points, size_t count,
                            uint8_t ret_ids[static 256]) {
    bool seen[256] = {false};
    for (size_t i = 0; i < count; i++) {
        seen[points[i].unit_id] = true;
    }
    size_t units = 0;
    for (size_t id = 0; id < 256; id++) {
        if (seen[id]) {
            ret_ids[units++] = (uint8_t) id;
        }
    }
    return units;
}

static int compare_u64(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

/* By what may share a block, then by address. */
static int compare_points(const void *left, const void *right, void *context) {
    const struct gw_config_point *points = context;
    const struct gw_config_point *a = &points[*(const size_t *) left];
    const struct gw_config_point *b = &points[*(const size_t *) right];
    uint64_t group_a = (uint64_t) a->unit_id << 40 | (uint64_t) a->area << 32 | a->period_ms;
    uint64_t group_b = (uint64_t) b->unit_id << 40 | (uint64_t) b->area << 32 | b->period_ms;
    int order = compare_u64(group_a, group_b);
    if (order == 0) {
        order = compare_u64(a->address, b->address);
    }
    return order != 0 ? order : compare_u64(*(const size_t *) left, *(const size_t *) right);
}

static bool is_same_group(const struct gw_modbus_block *block,
                          const struct gw_config_point *point) {
    return block->unit_id == point->unit_id && block->area == point->area
           && block->period_ms == point->period_ms;
}

static uint32_t size_limit(const struct gw_modbus_limits *limits, bool is_bits) {
    uint32_t registers =
        limits->max_registers > 0 ? limits->max_registers : GW_MODBUS_MAX_REGISTERS;
    registers = registers > GW_MODBUS_MAX_REGISTERS ? GW_MODBUS_MAX_REGISTERS : registers;
    return is_bits ? registers * 16 : registers; /* 125 registers are 2000 bits */
}
_Static_assert(GW_MODBUS_MAX_REGISTERS * 16 == GW_MODBUS_MAX_BITS, "see above");

struct gw_modbus_hole gw_modbus_block_range(const struct gw_modbus_block *block) {
    return (struct gw_modbus_hole){.unit_id = block->unit_id,
                                   .area = (uint8_t) block->area,
                                   .address = block->address,
                                   .count = block->count};
}

/* Take the point into the block if the rules allow it. */
static bool extend(struct gw_modbus_block *block, const struct gw_config_point *point,
                   const struct gw_modbus_limits *limits) {
    if (!is_same_group(block, point)) {
        return false;
    }
    bool is_bits = gw_point_area_is_bits(point->area);
    uint32_t end = (uint32_t) block->address + block->count;
    uint32_t gap = is_bits ? limits->max_gap * 16 : limits->max_gap;
    if (point->address > end && point->address - end > gap) {
        return false;
    }
    uint32_t point_end = (uint32_t) point->address + gw_modbus_point_width(point);
    uint32_t new_end = point_end > end ? point_end : end;
    if (new_end - block->address > size_limit(limits, is_bits)) {
        return false;
    }
    struct gw_modbus_block longer = *block;
    longer.count = (uint16_t) (new_end - block->address);
    longer.points++;
    struct gw_modbus_hole range = gw_modbus_block_range(&longer);
    bool is_same_range =
        point->address == block->address && gw_modbus_point_width(point) == block->count;
    if (!is_same_range && limits->holes && gw_modbus_holes_touch(limits->holes, &range)) {
        return false; /* what can be read must not share the fate of what cannot */
    }
    *block = longer;
    return true;
}

size_t gw_modbus_plan(const struct gw_config_point *points, size_t count,
                      const struct gw_modbus_limits *limits, size_t *order,
                      struct gw_modbus_block *blocks) {
    for (size_t i = 0; i < count; i++) {
        order[i] = i;
    }
    qsort_r(order, count, sizeof *order, compare_points, (void *) (uintptr_t) points);
    size_t block_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct gw_config_point *point = &points[order[i]];
        if (block_count > 0 && extend(&blocks[block_count - 1], point, limits)) {
            continue;
        }
        blocks[block_count++] = (struct gw_modbus_block){
            .unit_id = point->unit_id,
            .area = point->area,
            .address = point->address,
            .count = gw_modbus_point_width(point),
            .period_ms = point->period_ms,
            .first = i,
            .points = 1,
        };
    }
    return block_count;
}
