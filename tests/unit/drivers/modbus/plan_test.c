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

static void neighbours_become_one_block(void **state) {
    (void) state;
    struct gw_config_point points[] = {point_at(GW_AREA_HOLDING_REGISTER, 12, GW_POINT_INT16),
                                       point_at(GW_AREA_HOLDING_REGISTER, 10, GW_POINT_UINT32)};
    assert_int_equal(gw_modbus_plan(points, 2, 0, order, blocks), 1);
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
    assert_int_equal(gw_modbus_plan(points, 2, 4, order, blocks), 1);
    assert_int_equal(blocks[0].count, 6);
    assert_int_equal(gw_modbus_plan(points, 2, 3, order, blocks), 2);
    assert_int_equal(blocks[1].address, 5);
}

static void a_block_never_exceeds_125_registers(void **state) {
    (void) state;
    struct gw_config_point points[] = {point_at(GW_AREA_HOLDING_REGISTER, 0, GW_POINT_INT16),
                                       point_at(GW_AREA_HOLDING_REGISTER, 123, GW_POINT_INT32)};
    assert_int_equal(gw_modbus_plan(points, 2, 200, order, blocks), 1);
    assert_int_equal(blocks[0].count, 125);
    points[1].address = 124;
    assert_int_equal(gw_modbus_plan(points, 2, 200, order, blocks), 2);
}

static void a_block_never_exceeds_2000_bits(void **state) {
    (void) state;
    struct gw_config_point points[] = {point_at(GW_AREA_COIL, 0, GW_POINT_BOOL),
                                       point_at(GW_AREA_COIL, 1999, GW_POINT_BOOL)};
    assert_int_equal(gw_modbus_plan(points, 2, 125, order, blocks), 1);
    assert_int_equal(blocks[0].count, 2000);
    points[1].address = 2000;
    assert_int_equal(gw_modbus_plan(points, 2, 125, order, blocks), 2);
}

static void units_areas_and_periods_are_never_mixed(void **state) {
    (void) state;
    struct gw_config_point points[] = {point_at(GW_AREA_HOLDING_REGISTER, 0, GW_POINT_INT16),
                                       point_at(GW_AREA_HOLDING_REGISTER, 1, GW_POINT_INT16),
                                       point_at(GW_AREA_INPUT_REGISTER, 1, GW_POINT_INT16),
                                       point_at(GW_AREA_HOLDING_REGISTER, 2, GW_POINT_INT16)};
    points[1].unit_id = 2;
    points[3].period_ms = 500;
    assert_int_equal(gw_modbus_plan(points, 4, 50, order, blocks), 4);
}

static void points_may_overlap(void **state) {
    (void) state;
    struct gw_config_point points[] = {point_at(GW_AREA_HOLDING_REGISTER, 7, GW_POINT_UINT32),
                                       point_at(GW_AREA_HOLDING_REGISTER, 7, GW_POINT_UINT16)};
    assert_int_equal(gw_modbus_plan(points, 2, 0, order, blocks), 1);
    assert_int_equal(blocks[0].count, 2);
    assert_int_equal(blocks[0].points, 2);
}

static void the_last_address_does_not_wrap(void **state) {
    (void) state;
    struct gw_config_point points[] = {
        point_at(GW_AREA_HOLDING_REGISTER, 0, GW_POINT_UINT16),
        point_at(GW_AREA_HOLDING_REGISTER, 65535, GW_POINT_UINT16)};
    assert_int_equal(gw_modbus_plan(points, 2, 65535, order, blocks), 2);
}

static bool covers(const struct gw_modbus_block *block, const struct gw_config_point *point) {
    return block->unit_id == point->unit_id && block->area == point->area
           && block->period_ms == point->period_ms && point->address >= block->address
           && point->address + gw_modbus_point_width(point) <= block->address + block->count;
}

static void every_point_lies_in_the_block_that_lists_it(void **state) {
    (void) state;
    srand(12);
    for (int round = 0; round < 300; round++) {
        struct gw_config_point points[POINTS_MAX];
        size_t count = 1 + (size_t) rand() % POINTS_MAX;
        for (size_t i = 0; i < count; i++) {
            points[i] = point_at((enum gw_modbus_area)(rand() % 4), (uint16_t) (rand() % 400),
                                 (enum gw_point_type)(rand() % 6));
            points[i].unit_id = (uint8_t) (rand() % 3);
            points[i].period_ms = rand() % 2 ? 100 : 1000;
        }
        size_t planned = gw_modbus_plan(points, count, (uint32_t) (rand() % 20), order, blocks);
        size_t listed = 0;
        for (size_t b = 0; b < planned; b++) {
            assert_int_equal(blocks[b].first, listed);
            assert_true(blocks[b].count
                        <= (gw_point_area_is_bits(blocks[b].area) ? 2000 : 125));
            for (size_t i = 0; i < blocks[b].points; i++) {
                assert_true(covers(&blocks[b], &points[order[listed++]]));
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
        cmocka_unit_test(every_point_lies_in_the_block_that_lists_it),
        cmocka_unit_test(units_are_listed_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
