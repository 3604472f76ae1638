/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that a device refuses or keeps silent about: the search, what it teaches. */
#include "tests/unit/drivers/modbus/poller_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_hole_is_learned_once_and_known_after_a_restart(void **state) {
    struct poller_rig *rig = *state;
    for (uint16_t i = 0; i < 20; i++) {
        rig->points[i] = poller_point_at(1, (uint16_t) (3 * i));
    }
    rig->count = 20;
    rig->bus.illegal[31] = true; /* between 30 and 33 */
    poller_rig_open(rig);
    poller_settle(rig);
    assert_int_equal(poller_take_count(rig), 20);
    assert_true(gw_handover_take_holes(rig->handover, &rig->holes));
    assert_int_equal(rig->holes.count, 1);
    assert_int_equal(rig->holes.entries[0].address, 31);
    assert_int_equal(rig->holes.entries[0].count, 2);
    unsigned before = rig->bus.reads;
    poller_run_for(rig, 1000, 100);
    assert_int_equal(rig->bus.reads - before, 20);
    assert_false(gw_handover_take_holes(rig->handover, &rig->holes));
    unsigned refused = rig->bus.refused;
    poller_rig_open(rig);
    poller_run_for(rig, 10000, 100);
    assert_int_equal(rig->bus.refused, refused);
}

static void a_device_that_allows_less_is_found_out(void **state) {
    struct poller_rig *rig = *state;
    for (uint16_t i = 0; i < 60; i++) {
        rig->points[i] = poller_point_at(1, i);
    }
    rig->count = 60;
    rig->bus.max_count = 16;
    poller_rig_open(rig);
    poller_run_for(rig, 1000, 100);
    assert_int_equal(poller_take_count(rig), 60);
    unsigned refused = rig->bus.refused, before = rig->bus.reads;
    poller_run_for(rig, 1000, 100);
    assert_int_equal(rig->bus.refused, refused);
    assert_int_equal(rig->bus.reads - before, 40);
}

static void a_refusal_that_passes_teaches_nothing(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    rig->bus.max_count = 3;
    gw_fake_clock_advance(&rig->fake, 100);
    (void) gw_poller_step(rig->poller);
    rig->bus.max_count = 0;
    poller_run_for(rig, 3000, 100);
    struct gw_modbus_holes holes;
    assert_false(gw_handover_take_holes(rig->handover, &holes));
    unsigned before = rig->bus.reads_of[1];
    poller_run_for(rig, 1000, 100);
    assert_int_equal(rig->bus.reads_of[1] - before, 10);
}

/* A hunt is under way and the unit falls silent: nothing is learned from that. */
static void a_hunt_ends_when_the_unit_falls_silent(void **state) {
    struct poller_rig *rig = *state;
    rig->bus.illegal[2] = true;
    (void) gw_poller_step(rig->poller); /* connect */
    (void) gw_poller_step(rig->poller); /* refused */
    rig->bus.is_silent[1] = true;
    poller_run_for(rig, 1000, 100);
    struct gw_modbus_holes holes;
    assert_false(gw_handover_take_holes(rig->handover, &holes));
    assert_true(poller_unit_is_down(rig, 0));
    rig->bus.is_silent[1] = false;
    poller_run_for(rig, 40000, 100);
    assert_true(gw_handover_take_holes(rig->handover, &holes));
    assert_int_equal(holes.count, 1);
    assert_int_equal(holes.entries[0].address, 2);
}

/* It has no word for "illegal data address": it says nothing at all. */
static void a_device_that_is_silent_about_holes_is_searched_too(void **state) {
    struct poller_rig *rig = *state;
    for (uint16_t i = 0; i < 20; i++) {
        rig->points[i] = poller_point_at(1, (uint16_t) (3 * i));
    }
    rig->points[20] = poller_point_at(2, 0);
    rig->count = 21;
    rig->bus.silent_at[31] = true; /* between 30 and 33 */
    rig->bus.silent_at[45] = true; /* a point */
    poller_let_time_count(rig);
    poller_rig_open(rig);
    poller_live_for(rig, 1500000);
    bool is_good[POLLER_POINTS_MAX] = {false};
    struct gw_modbus_reading reading;
    while (gw_handover_take(rig->handover, &reading)) {
        is_good[reading.point] = reading.value.good;
    }
    for (size_t i = 0; i < 21; i++) {
        assert_int_equal(is_good[i], i != 15);
    }
    assert_false(poller_unit_is_down(rig, 0));
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 15), GW_MODBUS_NO_ANSWER);
    assert_int_equal(gw_handover_get_point_exception(rig->handover, 14), 0);
    struct gw_modbus_holes holes;
    assert_true(gw_handover_take_holes(rig->handover, &holes));
    assert_int_equal(holes.count, 2);
    /* All of that within the share of the dead: the other unit kept its period. */
    assert_true(rig->bus.reads_of[2] > 15000 * 93 / 100);
    unsigned before = rig->bus.reads_of[1];
    poller_live_for(rig, 100000);
    assert_true(rig->bus.reads_of[1] - before > 2 * 900);
}

/* Step until so many reads were answered. */
static void live_for_answers(struct poller_rig *rig, unsigned answers) {
    unsigned until = rig->bus.reads - rig->bus.recovers + answers;
    for (int i = 0; i < 5000 && rig->bus.reads - rig->bus.recovers < until; i++) {
        int64_t due_mono_ms = gw_poller_step(rig->poller);
        if (due_mono_ms > rig->fake.mono_ms) {
            gw_fake_clock_advance(&rig->fake, due_mono_ms - rig->fake.mono_ms);
        }
    }
}

/* The search has begun, then the device is switched off. */
static void an_outage_in_a_search_teaches_nothing_and_is_told(void **state) {
    struct poller_rig *rig = *state;
    for (uint16_t i = 0; i < 20; i++) {
        rig->points[i] = poller_point_at(1, (uint16_t) (3 * i));
    }
    rig->count = 20;
    rig->bus.silent_at[31] = true; /* between 30 and 33 */
    poller_let_time_count(rig);
    struct gw_modbus_holes holes;
    unsigned searches = 0;
    for (unsigned answers = 1; answers <= 8; answers++) {
        rig->bus.is_silent[1] = false;
        poller_rig_open(rig);
        live_for_answers(rig, answers);
        if (gw_handover_take_holes(rig->handover, &holes)) {
            continue; /* it was over by then */
        }
        searches++;
        rig->bus.is_silent[1] = true;
        poller_live_for(rig, 8000);
        assert_true(poller_unit_is_down(rig, 0));
        assert_false(gw_handover_take_holes(rig->handover, &holes));
        struct gw_modbus_reading reading;
        bool is_good[POLLER_POINTS_MAX] = {false};
        while (gw_handover_take(rig->handover, &reading)) {
            is_good[reading.point] = reading.value.good;
        }
        for (size_t i = 0; i < 20; i++) {
            assert_false(is_good[i]);
        }
        rig->bus.is_silent[1] = false;
        poller_live_for(rig, 1500000);
        assert_true(gw_handover_take_holes(rig->handover, &holes));
        assert_int_equal(holes.count, 1);
        assert_int_equal(holes.entries[0].address, 31);
    }
    assert_true(searches >= 2);
}

static void a_unit_that_is_dead_teaches_nothing(void **state) {
    struct poller_rig *rig = *state;
    poller_let_time_count(rig);
    poller_live_for(rig, 10000);
    rig->bus.is_silent[1] = true;
    poller_live_for(rig, 1000000);
    rig->bus.is_silent[1] = false;
    poller_live_for(rig, 100000);
    struct gw_modbus_holes holes;
    assert_false(gw_handover_take_holes(rig->handover, &holes));
    assert_false(poller_unit_is_down(rig, 0));
    unsigned before = rig->bus.reads_of[1];
    poller_live_for(rig, 10000);
    assert_in_range(rig->bus.reads_of[1] - before, 95, 101);
}

static bool can_be_read(const struct poller_rig *rig, const struct gw_config_point *point) {
    for (unsigned i = 0; i < gw_modbus_point_width(point); i++) {
        if (rig->bus.illegal[point->address + i]) {
            return false;
        }
    }
    return rig->bus.max_count == 0 || gw_modbus_point_width(point) <= rig->bus.max_count;
}

static void draw_rig(struct poller_rig *rig) {
    static const enum gw_point_type types[] = {GW_POINT_BOOL,    GW_POINT_UINT16,
                                               GW_POINT_UINT16,  GW_POINT_FLOAT32,
                                               GW_POINT_FLOAT64, GW_POINT_BCD32};
    rig->count = 1 + (size_t) rand() % POLLER_POINTS_MAX;
    rig->max_gap = (uint32_t) rand() % 20;
    rig->holes.count = 0;
    memset(rig->bus.illegal, 0, sizeof rig->bus.illegal);
    for (size_t i = 0; i < rig->count; i++) {
        struct gw_config_point point =
            poller_point_at((uint8_t) (1 + rand() % 3), (uint16_t) (rand() % 250));
        point.type = types[rand() % 6];
        point.period_ms = rand() % 2 ? 100 : 500;
        rig->points[i] = point;
    }
    for (int i = rand() % 20; i > 0; i--) {
        rig->bus.illegal[rand() % 260] = true;
    }
    rig->bus.max_count = rand() % 3 ? 0 : 2 + (unsigned) rand() % 40;
}

/* Whatever the table and the device: what can be read is good, what cannot is named,
 * and then nothing is refused any more but one probe a minute of each such point. */
static void every_table_comes_to_rest_on_every_device(void **state) {
    struct poller_rig *rig = *state;
    srand(4);
    for (int round = 0; round < 150; round++) {
        draw_rig(rig);
        poller_rig_open(rig);
        poller_run_for(rig, 20000, 50);
        bool is_good[POLLER_POINTS_MAX] = {false};
        struct gw_modbus_reading reading;
        while (gw_handover_take(rig->handover, &reading)) {
            is_good[reading.point] = reading.value.good;
        }
        unsigned unreadable = 0;
        for (size_t i = 0; i < rig->count; i++) {
            bool can = can_be_read(rig, &rig->points[i]);
            assert_int_equal(is_good[i], can);
            assert_int_equal(gw_handover_get_point_exception(rig->handover, i) == 0, can);
            unreadable += !can;
        }
        unsigned refused = rig->bus.refused;
        poller_run_for(rig, 60000, 50);
        assert_true(rig->bus.refused - refused <= unreadable);
    }
}

static void every_table_comes_to_rest_on_every_silent_device(void **state) {
    struct poller_rig *rig = *state;
    srand(6);
    for (int round = 0; round < 8; round++) {
        draw_rig(rig);
        rig->bus.max_count = 0;
        poller_rig_open(rig);
        memcpy(rig->bus.silent_at, rig->bus.illegal, sizeof rig->bus.silent_at);
        bool is_readable[POLLER_POINTS_MAX];
        for (size_t i = 0; i < rig->count; i++) {
            is_readable[i] = can_be_read(rig, &rig->points[i]);
        }
        memset(rig->bus.illegal, 0, sizeof rig->bus.illegal);
        poller_run_for(rig, 3600000, 500);
        bool is_good[POLLER_POINTS_MAX] = {false};
        struct gw_modbus_reading reading;
        while (gw_handover_take(rig->handover, &reading)) {
            is_good[reading.point] = reading.value.good;
        }
        for (size_t i = 0; i < rig->count; i++) {
            assert_int_equal(is_good[i], is_readable[i]);
        }
    }
    memset(rig->bus.silent_at, 0, sizeof rig->bus.silent_at);
}

#define RIG_TEST(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, poller_rig_setup, poller_rig_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_hole_is_learned_once_and_known_after_a_restart),
        RIG_TEST(a_device_that_allows_less_is_found_out),
        RIG_TEST(a_refusal_that_passes_teaches_nothing),
        RIG_TEST(a_hunt_ends_when_the_unit_falls_silent),
        RIG_TEST(a_device_that_is_silent_about_holes_is_searched_too),
        RIG_TEST(an_outage_in_a_search_teaches_nothing_and_is_told),
        RIG_TEST(a_unit_that_is_dead_teaches_nothing),
        RIG_TEST(every_table_comes_to_rest_on_every_device),
        RIG_TEST(every_table_comes_to_rest_on_every_silent_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
