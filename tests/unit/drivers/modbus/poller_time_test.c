/* SPDX-License-Identifier: Apache-2.0 */
/* What time tells the poller: what the dead may cost, what comes late, what is lost. */
#include "tests/unit/drivers/modbus/poller_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static unsigned count_good(struct poller_rig *rig, size_t point) {
    struct gw_modbus_reading reading;
    unsigned count = 0;
    while (gw_handover_take(rig->handover, &reading)) {
        count += reading.point == point && reading.value.good;
    }
    return count;
}

static void a_unit_that_never_answered_is_down_after_one_time_out(void **state) {
    struct poller_rig *rig = *state;
    rig->bus.is_silent[2] = true;
    poller_settle(rig);
    assert_int_equal(rig->bus.reads_of[2], 1);
    assert_true(poller_unit_is_down(rig, 1));
}

/* Ten minutes; a dead unit costs a second each time it is asked. */
static void dead_units_take_their_share_of_the_bus_and_no_more(void **state) {
    struct poller_rig *rig = *state;
    for (uint8_t i = 0; i < 6; i++) {
        rig->points[i] = poller_point_at((uint8_t) (10 + i), 0);
        rig->bus.is_silent[10 + i] = i > 0;
    }
    rig->count = 6;
    poller_let_time_count(rig);
    poller_rig_open(rig);
    poller_live_for(rig, 10000);
    unsigned probes = 0;
    unsigned before[256];
    memcpy(before, rig->bus.reads_of, sizeof before);
    int64_t began_mono_ms = rig->fake.mono_ms;
    poller_live_for(rig, 600000);
    for (unsigned i = 11; i < 16; i++) {
        unsigned of_unit = rig->bus.reads_of[i] - before[i];
        assert_in_range(of_unit, 4, 8); /* each has its turn */
        probes += of_unit;
    }
    int64_t passed_ms = rig->fake.mono_ms - began_mono_ms;
    assert_true(probes * 1000 <= passed_ms * 5 / 100 + 1000);
    assert_true(probes * 1000 >= passed_ms * 4 / 100);
    /* What is left is the living one's: one read each 100 ms. */
    unsigned healthy = rig->bus.reads_of[10] - before[10];
    assert_true(healthy >= (unsigned) (passed_ms / 100) * 94 / 100);
    struct gw_modbus_bus_condition bus;
    gw_handover_get_bus(rig->handover, &bus);
    assert_in_range(bus.load_percent, 2, 15);
}

/* Two living units are read each ten seconds: a probe of a second fits in between. */
static void a_slow_bus_is_probed_between_its_reads(void **state) {
    struct poller_rig *rig = *state;
    for (size_t i = 0; i < 3; i++) {
        rig->points[i] = poller_point_at((uint8_t) (1 + i), 0);
        rig->points[i].period_ms = 10000;
    }
    rig->count = 3;
    poller_let_time_count(rig);
    poller_rig_open(rig);
    poller_live_for(rig, 60000);
    rig->bus.is_silent[3] = true;
    poller_live_for(rig, 60000); /* until it is down: that took two time-outs */
    unsigned before = rig->bus.reads_of[3];
    poller_live_for(rig, 40000000); /* until what was late then is forgotten */
    assert_true(rig->bus.reads_of[3] - before > 1000);
    for (size_t i = 0; i < 2; i++) {
        struct gw_modbus_unit_condition condition;
        gw_handover_get_unit(rig->handover, i, &condition);
        assert_true(condition.lateness.max_ms <= 2);
    }
}

/* The budget is for the living: where there are none, only the growing delay counts. */
static void a_bus_of_the_dead_is_probed_by_delay_alone(void **state) {
    struct poller_rig *rig = *state;
    rig->points[0] = poller_point_at(2, 0);
    rig->count = 1;
    rig->bus.is_silent[2] = true;
    poller_let_time_count(rig);
    rig->bus.timeout_ms = 5000;
    poller_rig_open(rig);
    poller_live_for(rig, 600000);
    assert_in_range(rig->bus.reads_of[2], 14, 60);
}

static void a_share_can_be_smaller(void **state) {
    struct poller_rig *rig = *state;
    rig->bus.is_silent[2] = true;
    rig->dead_share_percent = 1;
    poller_let_time_count(rig);
    poller_rig_open(rig);
    poller_live_for(rig, 1000000);
    assert_in_range(rig->bus.reads_of[2], 8, 11);
}

static void a_unit_that_loses_every_second_frame_is_down(void **state) {
    struct poller_rig *rig = *state;
    poller_let_time_count(rig);
    poller_live_for(rig, 1000);
    rig->bus.loses[2] = 2;
    poller_live_for(rig, 60000);
    unsigned before = rig->bus.reads_of[2];
    poller_live_for(rig, 600000);
    assert_true((rig->bus.reads_of[2] - before) * 500 < 60000);
    unsigned healthy = rig->bus.reads_of[1];
    poller_live_for(rig, 100000);
    assert_true(rig->bus.reads_of[1] - healthy > 900);
}

static void a_block_without_answer_does_not_take_its_unit_along(void **state) {
    struct poller_rig *rig = *state;
    rig->points[2].address = 40;
    poller_let_time_count(rig);
    poller_rig_open(rig);
    poller_live_for(rig, 1000);
    (void) count_good(rig, 0);
    rig->bus.silent_at[40] = true;
    unsigned before = rig->bus.reads;
    poller_live_for(rig, 600000);
    assert_false(poller_unit_is_down(rig, 0));
    /* Points 0 and 3 as before; the silent one within its share. */
    assert_true(rig->bus.reads - before > 11000);
    struct gw_modbus_reading last;
    assert_int_equal(poller_take_all(rig, &last), 1);
    assert_int_equal(last.point, 2);
    assert_false(last.value.good);
    rig->bus.silent_at[40] = false;
    poller_live_for(rig, 90000);
    assert_int_equal(count_good(rig, 2), 1);
}

/* Some gateways close the connection when a unit behind them is not there. */
static void a_unit_that_ends_the_connection_costs_the_others_nothing(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    rig->bus.closes_for[2] = true;
    poller_run_for(rig, 10000, 100);
    assert_true(poller_unit_is_down(rig, 1));
    assert_false(poller_unit_is_down(rig, 0));
    (void) poller_take_count(rig);
    unsigned healthy = rig->bus.reads_of[1], probes = rig->bus.reads_of[2];
    poller_run_for(rig, 120000, 100);
    assert_in_range(rig->bus.reads_of[2] - probes, 3, 60);
    assert_true(rig->bus.reads_of[1] - healthy >= 1199);
    assert_int_equal(poller_take_count(rig), 0);
    rig->bus.closes_for[2] = false;
    /* Its only block was silent for long: asked again after a minute and the three seconds
     * that a probe waits for a gap, at most. */
    poller_run_for(rig, 63100, 100);
    assert_false(poller_unit_is_down(rig, 1));
}

static void a_line_that_was_drained_needs_no_new_connection(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    rig->bus.keeps_line = true;
    rig->bus.is_silent[2] = true;
    unsigned connects = rig->bus.connects;
    poller_run_for(rig, 60000, 100);
    assert_true(rig->bus.recovers > 2);
    assert_int_equal(rig->bus.connects, connects);
    assert_int_equal(rig->bus.disconnects, 0);
}

static void a_line_that_cannot_be_drained_is_connected_anew_later(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    rig->bus.keeps_line = true;
    rig->bus.recover_err = GW_ERR_IO;
    rig->bus.answers_wrong = true;
    unsigned reads = rig->bus.reads;
    poller_run_for(rig, 10000, 100);
    assert_in_range(rig->bus.reads - reads, 3, 40);
    rig->bus.answers_wrong = false;
    poller_run_for(rig, 60000, 100);
    assert_false(poller_unit_is_down(rig, 0));
    assert_false(poller_unit_is_down(rig, 1));
}

static void a_wrong_answer_is_never_published(void **state) {
    struct poller_rig *rig = *state;
    poller_settle(rig);
    (void) poller_take_count(rig);
    rig->bus.answers_wrong = true;
    rig->bus.registers[1][0] = 9;
    poller_run_for(rig, 5000, 100);
    struct gw_modbus_reading reading;
    while (gw_handover_take(rig->handover, &reading)) {
        assert_false(reading.value.good);
    }
    assert_true(rig->bus.recovers >= 2);
}

static void what_is_read_on_time_is_not_late(void **state) {
    struct poller_rig *rig = *state;
    poller_let_time_count(rig);
    poller_live_for(rig, 60000);
    struct gw_modbus_unit_condition condition;
    gw_handover_get_unit(rig->handover, 0, &condition);
    assert_true(condition.lateness.p99_ms <= 2);
    rig->bus.answer_ms = 70;
    poller_live_for(rig, 60000);
    gw_handover_get_unit(rig->handover, 0, &condition);
    assert_true(condition.lateness.p99_ms >= 30);
    struct gw_modbus_bus_condition bus;
    gw_handover_get_bus(rig->handover, &bus);
    assert_true(bus.load_percent > 60);
}

#define RIG_TEST(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, poller_rig_setup, poller_rig_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_unit_that_never_answered_is_down_after_one_time_out),
        RIG_TEST(dead_units_take_their_share_of_the_bus_and_no_more),
        RIG_TEST(a_slow_bus_is_probed_between_its_reads),
        RIG_TEST(a_bus_of_the_dead_is_probed_by_delay_alone),
        RIG_TEST(a_share_can_be_smaller),
        RIG_TEST(a_unit_that_loses_every_second_frame_is_down),
        RIG_TEST(a_block_without_answer_does_not_take_its_unit_along),
        RIG_TEST(a_unit_that_ends_the_connection_costs_the_others_nothing),
        RIG_TEST(a_line_that_was_drained_needs_no_new_connection),
        RIG_TEST(a_line_that_cannot_be_drained_is_connected_anew_later),
        RIG_TEST(a_wrong_answer_is_never_published),
        RIG_TEST(what_is_read_on_time_is_not_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
