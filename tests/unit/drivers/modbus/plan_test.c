/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define POINTS_MAX 64

static struct gw_config_point point_at(enum gw_modbus_area area, uint16_t address,
                                       enum gw_point_type type) {
    return (struct gw_config_point){.name = "p",
                                    .unit_id = 1,
                                    .area = area,
                                    .address = address,
                                    .type = type,
                                    .scale = "1",
                                    .dead_band = "0",
                                    .period_ms = 100};
}

static size_t order[POINTS_MAX];
static struct gw_modbus_block blocks[POINTS_MAX];

static size_t planned(const struct gw_config_point *points, size_t count, uint32_t max_gap) {
    struct gw_modbus_limits limits = {.max_gap = max_gap};
    return gw_modbus_plan(points, count, &limits, order, blocks);
}

static void neighbours_become_one_block(void **state) {
    (void) state;
    struct gw_config_point points[] = {point_at(GW_AREA_HOLDING_REGISTER, 12, GW_POINT_INT16),
                                       point_at(GW_AREA_HOLDING_REGISTER, 10, GW_POINT_UINT32)};
    assert_int_equal(planned(points, 2, 0), 1);
    assert_int_equal(blocks[0].address, 10);
    assert_int_equal(blocks[0].count, 3);
    assert_int_equal(blocks[0].points, 2);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 0);
}

static void a_gap_is_bridged_up_to_the_limit_only(void **state) {
    (void) state;
    struct gw_config_point points[] = {point_at(GW_AREA_INPUT_REGISTER, 0, GW_POINT_INT16),
                                       point_at(GW_AREA_INPUT_REGISTER, 5, GW_POINT_INT16)};
    assert_int_equal(planned(points, 2, 4), 1);
    assert_int_equal(blocks[0].count, 6);
    assert_int_equal(planned(points, 2, 3), 2);
    assert_int_equal(blocks[1].address, 5);
}

static void a_block_never_exceeds_125_registers(void **state) {
    (void) state;
    struct gw_config_point points[] = {point_at(GW_AREA_HOLDING_REGISTER, 0, GW_POINT_INT16),
                                       point_at(GW_AREA_HOLDING_REGISTER, 123, GW_POINT_INT32)};
    assert_int_equal(planned(points, 2, 200), 1);
    assert_int_equal(blocks[0].count, 125);
    points[1].address = 124;
    assert_int_equal(planned(points, 2, 200), 2);
}

static void a_block_never_exceeds_2000_bits(void **state) {
    (void) state;
    struct gw_config_point points[] = {point_at(GW_AREA_COIL, 0, GW_POINT_BOOL),
                                       point_at(GW_AREA_COIL, 1999, GW_POINT_BOOL)};
    assert_int_equal(planned(points, 2, 125), 1);
    assert_int_equal(blocks[0].count, 2000);
    points[1].address = 2000;
    assert_int_equal(planned(points, 2, 125), 2);
}

static void units_areas_and_periods_are_never_mixed(void **state) {
    (void) state;
    struct gw_config_point points[] = {point_at(GW_AREA_HOLDING_REGISTER, 0, GW_POINT_INT16),
                                       point_at(GW_AREA_HOLDING_REGISTER, 1, GW_POINT_INT16),
                                       point_at(GW_AREA_INPUT_REGISTER, 1, GW_POINT_INT16),
                                       point_at(GW_AREA_HOLDING_REGISTER, 2, GW_POINT_INT16)};
    points[1].unit_id = 2;
    points[3].period_ms = 500;
    assert_int_equal(planned(points, 4, 50), 4);
}

static void points_may_overlap(void **state) {
    (void) state;
    struct gw_config_point points[] = {point_at(GW_AREA_HOLDING_REGISTER, 7, GW_POINT_UINT32),
                                       point_at(GW_AREA_HOLDING_REGISTER, 7, GW_POINT_UINT16)};
    assert_int_equal(planned(points, 2, 0), 1);
    assert_int_equal(blocks[0].count, 2);
    assert_int_equal(blocks[0].points, 2);
}

static void the_last_address_does_not_wrap(void **state) {
    (void) state;
    struct gw_config_point points[] = {
        point_at(GW_AREA_HOLDING_REGISTER, 0, GW_POINT_UINT16),
        point_at(GW_AREA_HOLDING_REGISTER, 65535, GW_POINT_UINT16)};
    assert_int_equal(planned(points, 2, 65535), 2);
}

static void a_bus_may_allow_less(void **state) {
    (void) state;
    struct gw_config_point points[] = {point_at(GW_AREA_HOLDING_REGISTER, 0, GW_POINT_INT16),
                                       point_at(GW_AREA_HOLDING_REGISTER, 31, GW_POINT_INT16)};
    struct gw_modbus_limits limits = {.max_gap = 100, .max_registers = 32};
    assert_int_equal(gw_modbus_plan(points, 2, &limits, order, blocks), 1);
    points[1].address = 32;
    assert_int_equal(gw_modbus_plan(points, 2, &limits, order, blocks), 2);
    points[0].area = points[1].area = GW_AREA_COIL;
    points[1].address = 511;
    assert_int_equal(gw_modbus_plan(points, 2, &limits, order, blocks), 1);
    points[1].address = 512;
    assert_int_equal(gw_modbus_plan(points, 2, &limits, order, blocks), 2);
}

static void no_block_goes_across_a_hole_or_a_seam(void **state) {
    (void) state;
    static struct gw_modbus_holes holes;
    struct gw_config_point points[] = {point_at(GW_AREA_HOLDING_REGISTER, 0, GW_POINT_INT16),
                                       point_at(GW_AREA_HOLDING_REGISTER, 1, GW_POINT_INT16),
                                       point_at(GW_AREA_HOLDING_REGISTER, 5, GW_POINT_INT16),
                                       point_at(GW_AREA_HOLDING_REGISTER, 6, GW_POINT_INT16)};
    struct gw_modbus_limits limits = {.max_gap = 100, .holes = &holes};
    holes.count = 0;
    assert_true(gw_modbus_holes_add(&holes, &(struct gw_modbus_hole){1, 3, 3, 1, true}));
    assert_int_equal(gw_modbus_plan(points, 4, &limits, order, blocks), 2);
    assert_int_equal(blocks[0].count, 2);
    assert_int_equal(blocks[1].address, 5);
    assert_true(gw_modbus_holes_add(&holes, &(struct gw_modbus_hole){1, 3, 1, 0, true}));
    assert_int_equal(gw_modbus_plan(points, 4, &limits, order, blocks), 3);
    assert_int_equal(blocks[0].count, 1);
    assert_int_equal(blocks[1].address, 1);
    assert_int_equal(blocks[1].count, 1);
    /* of another unit and another area */
    points[0].unit_id = points[1].unit_id = points[2].unit_id = points[3].unit_id = 2;
    assert_int_equal(gw_modbus_plan(points, 4, &limits, order, blocks), 1);
}

static bool covers(const struct gw_modbus_block *block, const struct gw_config_point *point) {
    return block->unit_id == point->unit_id && block->area == point->area
           && block->period_ms == point->period_ms && point->address >= block->address
           && point->address + gw_modbus_point_width(point) <= block->address + block->count;
}

static struct gw_config_point random_point(void) {
    enum gw_modbus_area area = (enum gw_modbus_area)(rand() % 4);
    struct gw_config_point point = point_at(
        area, (uint16_t) (rand() % 400),
        gw_point_area_is_bits(area) ? GW_POINT_BOOL
                                    : (enum gw_point_type)(rand() % GW_POINT_TYPE_COUNT));
    point.length = (uint8_t) (1 + rand() % GW_POINT_TEXT_MAX_BYTES);
    point.unit_id = (uint8_t) (rand() % 3);
    point.period_ms = rand() % 2 ? 100 : 1000;
    return point;
}

static void draw_holes(struct gw_modbus_holes *holes) {
    holes->count = 0;
    for (int i = rand() % 12; i > 0; i--) {
        struct gw_modbus_hole hole = {.unit_id = (uint8_t) (rand() % 3),
                                      .area = (uint8_t) (rand() % 4),
                                      .address = (uint16_t) (rand() % 400),
                                      .count = (uint16_t) (rand() % 3 ? rand() % 9 : 0)};
        (void) gw_modbus_holes_add(holes, &hole);
    }
}

/* What a block must be, whatever the points are. */
static void assert_block(const struct gw_modbus_block *block,
                         const struct gw_config_point *points,
                         const struct gw_modbus_limits *limits) {
    bool is_bits = gw_point_area_is_bits(block->area);
    assert_true(block->count >= 1);
    assert_true(block->count <= (is_bits ? 16 : 1) * limits->max_registers);
    struct gw_modbus_hole range = gw_modbus_block_range(block);
    if (gw_modbus_holes_touch(limits->holes, &range)) {
        const struct gw_config_point *first = &points[order[block->first]];
        assert_int_equal(block->count, gw_modbus_point_width(first));
    }
}

static void every_point_lies_once_in_the_block_that_lists_it(void **state) {
    (void) state;
    static struct gw_modbus_holes holes;
    srand(12);
    for (int round = 0; round < 2000; round++) {
        struct gw_config_point points[POINTS_MAX];
        bool seen[POINTS_MAX] = {false};
        size_t count = 1 + (size_t) rand() % POINTS_MAX;
        for (size_t i = 0; i < count; i++) {
            points[i] = random_point();
        }
        draw_holes(&holes);
        struct gw_modbus_limits limits = {.max_gap = (uint32_t) (rand() % 20),
                                          .max_registers = (uint32_t) (32 + rand() % 94),
                                          .holes = &holes};
        size_t blocks_planned = gw_modbus_plan(points, count, &limits, order, blocks);
        size_t listed = 0;
        for (size_t b = 0; b < blocks_planned; b++) {
            assert_int_equal(blocks[b].first, listed);
            assert_block(&blocks[b], points, &limits);
            for (size_t i = 0; i < blocks[b].points; i++, listed++) {
                assert_true(covers(&blocks[b], &points[order[listed]]));
                assert_false(seen[order[listed]]);
                seen[order[listed]] = true;
            }
        }
        assert_int_equal(listed, count);
    }
}

static void units_are_listed_once_and_in_order(void **state) {
    (void) state;
    struct gw_config_point points[] = {point_at(GW_AREA_COIL, 0, GW_POINT_BOOL),
                                       point_at(GW_AREA_COIL, 1, GW_POINT_BOOL),
                                       point_at(GW_AREA_COIL, 2, GW_POINT_BOOL)};
    points[0].unit_id = 17;
    points[1].unit_id = 3;
    points[2].unit_id = 17;
    uint8_t ids[256];
    assert_int_equal(gw_modbus_list_units(points, 3, ids), 2);
    assert_int_equal(ids[0], 3);
    assert_int_equal(ids[1], 17);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_become_one_block),
        cmocka_unit_test(a_gap_is_bridged_up_to_the_limit_only),
        cmocka_unit_test(a_block_never_exceeds_125_registers),
        cmocka_unit_test(a_block_never_exceeds_2000_bits),
        cmocka_unit_test(units_areas_and_periods_are_never_mixed),
        cmocka_unit_test(points_may_overlap),
        cmocka_unit_test(the_last_address_does_not_wrap),
        cmocka_unit_test(a_bus_may_allow_less),
        cmocka_unit_test(no_block_goes_across_a_hole_or_a_seam),
        cmocka_unit_test(every_point_lies_once_in_the_block_that_lists_it),
        cmocka_unit_test(units_are_listed_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
