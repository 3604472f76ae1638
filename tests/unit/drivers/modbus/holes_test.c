/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/holes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct gw_modbus_holes holes;
static const uint8_t fingerprint[32] = {1, 2, 3};

static int forget(void **state) {
    (void) state;
    holes.count = 0;
    return 0;
}

static struct gw_modbus_hole hole(uint8_t unit_id, unsigned address, unsigned count) {
    return (struct gw_modbus_hole){unit_id, GW_AREA_INPUT_REGISTER, (uint16_t) address,
                                   (uint16_t) count, false};
}

static bool add(uint8_t unit_id, unsigned address, unsigned count) {
    struct gw_modbus_hole added = hole(unit_id, address, count);
    return gw_modbus_holes_add(&holes, &added);
}

static bool touches(unsigned address, unsigned count) {
    struct gw_modbus_hole range = hole(1, address, count);
    return gw_modbus_holes_touch(&holes, &range);
}

static bool subtract(unsigned address, unsigned count) {
    struct gw_modbus_hole range = hole(1, address, count);
    return gw_modbus_holes_subtract(&holes, &range);
}

static void a_hole_is_touched_from_its_first_to_its_last_address(void **state) {
    (void) state;
    assert_true(add(1, 10, 5));
    assert_false(add(1, 10, 5));
    assert_false(touches(0, 10));
    assert_true(touches(0, 11));
    assert_true(touches(14, 1));
    assert_false(touches(15, 100));
    assert_false(gw_modbus_holes_touch(
        &holes, &(struct gw_modbus_hole){1, GW_AREA_HOLDING_REGISTER, 10, 5, false}));
    assert_false(gw_modbus_holes_touch(
        &holes, &(struct gw_modbus_hole){2, GW_AREA_INPUT_REGISTER, 10, 5, false}));
}

static void a_seam_is_touched_by_what_goes_across_it_only(void **state) {
    (void) state;
    assert_true(add(1, 10, 0));
    assert_false(touches(0, 10));
    assert_false(touches(10, 10));
    assert_true(touches(9, 2));
}

static void the_last_address_is_in_reach(void **state) {
    (void) state;
    assert_true(add(1, 65535, 1));
    assert_true(touches(65535, 1));
    assert_true(touches(65530, 6));
    assert_false(touches(65530, 5));
    assert_true(subtract(65535, 1));
    assert_int_equal(holes.count, 0);
}

static void what_was_read_is_cut_out(void **state) {
    (void) state;
    assert_true(add(1, 10, 10));
    assert_true(add(1, 15, 0));
    assert_false(subtract(20, 5));
    assert_true(subtract(13, 2));
    assert_true(touches(12, 1));
    assert_false(touches(13, 2));
    assert_true(touches(15, 1));
    assert_true(touches(19, 1));
    assert_true(subtract(0, 100));
    assert_int_equal(holes.count, 1); /* a seam says nothing of its sides */
}

static void a_gap_leaves_a_seam_where_it_was(void **state) {
    (void) state;
    assert_true(gw_modbus_holes_add(
        &holes, &(struct gw_modbus_hole){1, GW_AREA_INPUT_REGISTER, 10, 4, true}));
    assert_true(subtract(12, 2));
    assert_true(subtract(10, 2));
    assert_int_equal(holes.count, 1);
    assert_false(touches(10, 4));
    assert_true(touches(9, 2));
}

static void too_many_holes_become_one_over_the_whole_area(void **state) {
    (void) state;
    assert_true(add(2, 7, 1));
    for (unsigned i = 0; i < GW_MODBUS_HOLES_MAX - 1; i++) {
        assert_true(add(1, 2 * i, 1));
    }
    assert_false(touches(5001, 1));
    assert_true(add(1, 5000, 1));
    assert_int_equal(holes.count, 2);
    assert_true(touches(5001, 1));
    assert_false(add(1, 6000, 1));
    assert_false(subtract(0, 5));
    assert_true(gw_modbus_holes_touch(
        &holes, &(struct gw_modbus_hole){2, GW_AREA_INPUT_REGISTER, 7, 1, false}));
    assert_true(add(2, 9, 1));
}

static void random_changes_agree_with_a_plain_set(void **state) {
    (void) state;
    static bool is_hole[300];
    memset(is_hole, 0, sizeof is_hole);
    srand(5);
    for (int step = 0; step < 3000; step++) {
        unsigned address = (unsigned) rand() % 280, count = 1 + (unsigned) rand() % 20;
        bool learns = rand() % 3 == 0;
        if (learns ? add(1, address, count) : subtract(address, count)) {
            for (unsigned i = address; i < address + count; i++) {
                is_hole[i] = learns;
            }
        }
        for (unsigned i = 0; i < 300; i++) {
            assert_int_equal(touches(i, 1), is_hole[i]);
        }
    }
}

static void they_survive_as_bytes_under_the_same_configuration_only(void **state) {
    (void) state;
    static struct gw_modbus_holes back;
    uint8_t storage[GW_MODBUS_HOLES_MAX_BYTES];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    assert_true(add(1, 10, 5));
    assert_true(gw_modbus_holes_add(&holes, &(struct gw_modbus_hole){255, 0, 65535, 0, true}));
    assert_int_equal(gw_modbus_holes_encode(&holes, fingerprint, &buf), GW_OK);
    assert_int_equal(gw_modbus_holes_decode(gw_buf_bytes(&buf), fingerprint, &back), GW_OK);
    assert_int_equal(back.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(back.entries[i].unit_id, holes.entries[i].unit_id);
        assert_int_equal(back.entries[i].area, holes.entries[i].area);
        assert_int_equal(back.entries[i].address, holes.entries[i].address);
        assert_int_equal(back.entries[i].count, holes.entries[i].count);
        assert_int_equal(back.entries[i].is_gap, holes.entries[i].is_gap);
    }
    uint8_t other[32] = {1, 2, 4};
    assert_int_equal(gw_modbus_holes_decode(gw_buf_bytes(&buf), other, &back), GW_ERR_NOENT);
    for (size_t len = 0; len < buf.len; len++) {
        struct gw_bytes cut = {storage, len};
        enum gw_err err = gw_modbus_holes_decode(cut, fingerprint, &back);
        assert_int_equal(err, len == 33 || len == 39 ? GW_OK : GW_ERR_CORRUPT);
    }
    storage[34] = GW_AREA_HOLDING_REGISTER + 1;
    assert_int_equal(gw_modbus_holes_decode(gw_buf_bytes(&buf), fingerprint, &back),
                     GW_ERR_CORRUPT);
    struct gw_buf small;
    gw_buf_init(&small, storage, 40);
    assert_int_equal(gw_modbus_holes_encode(&holes, fingerprint, &small), GW_ERR_FULL);
    assert_int_equal(small.len, 0);
}

static void as_many_as_there_can_be_fit_the_store(void **state) {
    (void) state;
    uint8_t storage[GW_MODBUS_HOLES_MAX_BYTES];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    for (unsigned i = 0; i < GW_MODBUS_HOLES_MAX; i++) {
        assert_true(add((uint8_t) (i % 200), 3 * i, 1));
    }
    assert_int_equal(gw_modbus_holes_encode(&holes, fingerprint, &buf), GW_OK);
    assert_true(buf.len <= 4096);
}

#define FRESH(test) cmocka_unit_test_setup(test, forget)

int main(void) {
    const struct CMUnitTest tests[] = {
        FRESH(a_hole_is_touched_from_its_first_to_its_last_address),
        FRESH(a_seam_is_touched_by_what_goes_across_it_only),
        FRESH(the_last_address_is_in_reach),
        FRESH(what_was_read_is_cut_out),
        FRESH(a_gap_leaves_a_seam_where_it_was),
        FRESH(too_many_holes_become_one_over_the_whole_area),
        FRESH(random_changes_agree_with_a_plain_set),
        FRESH(they_survive_as_bytes_under_the_same_configuration_only),
        FRESH(as_many_as_there_can_be_fit_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
