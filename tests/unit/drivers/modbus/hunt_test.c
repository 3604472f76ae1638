/* SPDX-License-Identifier: Apache-2.0 */
/* The search for holes against a device of which the test knows everything. */
#include "drivers/modbus/hunt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POINTS_MAX 200
#define ADDRESSES 600

struct device {
    bool is_illegal[ADDRESSES];
    unsigned max_count; /* 0 = no limit */
    unsigned refuses;   /* so many more reads whatever they ask for */
    unsigned asked;
};

static struct gw_modbus_holes holes;
static struct gw_config_point points[POINTS_MAX];
static size_t order[POINTS_MAX];
static struct gw_modbus_block blocks[POINTS_MAX];
static struct gw_modbus_hunt hunt;

static struct gw_config_point point_at(unsigned address, enum gw_point_type type) {
    return (struct gw_config_point){.name = "p",
                                    .unit_id = 1,
                                    .area = GW_AREA_HOLDING_REGISTER,
                                    .address = (uint16_t) address,
                                    .type = type,
                                    .bit = GW_POINT_ALL_BITS,
                                    .period_ms = 100};
}

static bool refuses(struct device *device, const struct gw_modbus_block *block) {
    device->asked++;
    if (device->refuses > 0) {
        device->refuses--;
        return true;
    }
    for (unsigned i = 0; i < block->count; i++) {
        if (device->is_illegal[block->address + i]) {
            return true;
        }
    }
    return device->max_count > 0 && block->count > device->max_count;
}

/* Search the block, as the poller would; how many requests that took. */
static unsigned search(struct device *device, const struct gw_modbus_block *block) {
    struct gw_modbus_block part;
    device->asked = 0;
    gw_modbus_hunt_start(&hunt, block, points, order, &holes);
    while (gw_modbus_hunt_next(&hunt, &part)) {
        assert_true(part.points >= 1);
        assert_true(part.first >= block->first);
        assert_true(part.first + part.points <= block->first + block->points);
        assert_true(device->asked < 3000);
        (void) gw_modbus_hunt_tell(&hunt, refuses(device, &part), &holes);
    }
    return device->asked;
}

static size_t plan(size_t count) {
    struct gw_modbus_limits limits = {.max_gap = 120, .holes = &holes};
    return gw_modbus_plan(points, count, &limits, order, blocks);
}

static void a_hole_in_a_gap_is_found_and_verified(void **state) {
    (void) state;
    struct device device = {0};
    holes.count = 0;
    for (size_t i = 0; i < 16; i++) {
        points[i] = point_at((unsigned) (4 * i), GW_POINT_UINT16);
    }
    device.is_illegal[22] = true;
    assert_int_equal(plan(16), 1);
    assert_in_range(search(&device, &blocks[0]), 1, 14);
    assert_int_equal(holes.count, 1);
    assert_int_equal(holes.entries[0].address, 21);
    assert_int_equal(holes.entries[0].count, 3);
    assert_int_equal(plan(16), 2);
}

static void a_point_that_cannot_be_read_is_a_hole_of_its_own(void **state) {
    (void) state;
    struct device device = {0};
    holes.count = 0;
    for (size_t i = 0; i < 10; i++) {
        points[i] = point_at((unsigned) (2 * i), GW_POINT_UINT32);
    }
    device.is_illegal[9] = true;
    assert_int_equal(plan(10), 1);
    (void) search(&device, &blocks[0]);
    assert_int_equal(holes.count, 1);
    assert_int_equal(holes.entries[0].address, 8);
    assert_int_equal(holes.entries[0].count, 2);
    assert_int_equal(plan(10), 3);
}

static void a_limit_of_registers_becomes_seams(void **state) {
    (void) state;
    struct device device = {.max_count = 30};
    holes.count = 0;
    for (size_t i = 0; i < 100; i++) {
        points[i] = point_at((unsigned) i, GW_POINT_UINT16);
    }
    assert_int_equal(plan(100), 1);
    (void) search(&device, &blocks[0]);
    assert_int_equal(plan(100), 3);
    (void) search(&device, &blocks[1]);
    size_t planned = plan(100);
    assert_int_equal(planned, 4);
    for (size_t i = 0; i < planned; i++) {
        assert_true(blocks[i].count <= 30);
    }
}

static void a_device_that_changes_its_mind_teaches_nothing(void **state) {
    (void) state;
    struct device device = {0};
    holes.count = 0;
    for (size_t i = 0; i < 10; i++) {
        points[i] = point_at((unsigned) i, GW_POINT_UINT16);
    }
    assert_int_equal(plan(10), 1);
    assert_int_equal(search(&device, &blocks[0]), 3);
    assert_int_equal(holes.count, 0);
}

static void points_that_overlap_are_cut_where_one_begins(void **state) {
    (void) state;
    struct device device = {.max_count = 2};
    holes.count = 0;
    points[0] = point_at(150, GW_POINT_UINT32);
    points[1] = point_at(151, GW_POINT_UINT32);
    assert_int_equal(plan(2), 1);
    assert_int_equal(search(&device, &blocks[0]), 3);
    assert_int_equal(holes.count, 1);
    assert_int_equal(holes.entries[0].address, 151);
    assert_int_equal(holes.entries[0].count, 0);
    assert_int_equal(plan(2), 2);
}

/* Points with and without gaps, some overlapping; holes in them and between. */
static size_t draw(struct device *device) {
    size_t count = 2 + (size_t) rand() % 60;
    unsigned address = (unsigned) rand() % 20;
    for (size_t i = 0; i < count; i++) {
        points[i] = point_at(address, rand() % 3 ? GW_POINT_UINT16 : GW_POINT_FLOAT32);
        address += (unsigned) rand() % 5;
    }
    *device = (struct device){.max_count = rand() % 3 ? 0 : 2 + (unsigned) rand() % 30};
    for (int i = rand() % 8; i > 0; i--) {
        device->is_illegal[rand() % 200] = true;
    }
    return count;
}

static bool can_be_read(const struct device *device, const struct gw_config_point *point) {
    for (unsigned i = 0; i < gw_modbus_point_width(point); i++) {
        if (device->is_illegal[point->address + i]) {
            return false;
        }
    }
    return true;
}

/* Read all blocks; search the first that is refused and teaches something. */
static bool learn_more(struct device *device, size_t count) {
    size_t planned = plan(count);
    for (size_t i = 0; i < planned; i++) {
        size_t known = holes.count;
        if (refuses(device, &blocks[i])) {
            (void) search(device, &blocks[i]);
        }
        if (holes.count != known) {
            return true;
        }
    }
    return false;
}

static void everything_that_can_be_read_is_read_in_the_end(void **state) {
    (void) state;
    srand(77);
    for (int round = 0; round < 1500; round++) {
        struct device device;
        size_t count = draw(&device);
        holes.count = 0;
        int rounds = 0;
        while (learn_more(&device, count)) {
            assert_true(rounds++ < 100);
        }
        size_t planned = plan(count);
        for (size_t i = 0; i < planned; i++) {
            if (refuses(&device, &blocks[i])) {
                assert_int_equal(blocks[i].count,
                                 gw_modbus_point_width(&points[order[blocks[i].first]]));
                assert_false(can_be_read(&device, &points[order[blocks[i].first]]));
            }
        }
    }
}

static void a_thousand_points_stay_within_the_depth(void **state) {
    (void) state;
    static struct gw_config_point many[1024];
    static size_t many_order[1024];
    static struct gw_modbus_block many_blocks[1024];
    for (size_t i = 0; i < 1024; i++) {
        many[i] = point_at((unsigned) i, GW_POINT_BOOL);
        many[i].area = GW_AREA_COIL;
    }
    holes.count = 0;
    struct gw_modbus_limits limits = {.max_gap = 10, .holes = &holes};
    assert_int_equal(gw_modbus_plan(many, 1024, &limits, many_order, many_blocks), 1);
    gw_modbus_hunt_start(&hunt, &many_blocks[0], many, many_order, &holes);
    struct gw_modbus_block part;
    size_t deepest = 0;
    while (gw_modbus_hunt_next(&hunt, &part)) {
        deepest = hunt.depth > deepest ? hunt.depth : deepest;
        (void) gw_modbus_hunt_tell(&hunt, true, &holes);
    }
    assert_true(deepest <= 11);
    assert_true(holes.count >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hole_in_a_gap_is_found_and_verified),
        cmocka_unit_test(a_point_that_cannot_be_read_is_a_hole_of_its_own),
        cmocka_unit_test(a_limit_of_registers_becomes_seams),
        cmocka_unit_test(a_device_that_changes_its_mind_teaches_nothing),
        cmocka_unit_test(points_that_overlap_are_cut_where_one_begins),
        cmocka_unit_test(everything_that_can_be_read_is_read_in_the_end),
        cmocka_unit_test(a_thousand_points_stay_within_the_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
