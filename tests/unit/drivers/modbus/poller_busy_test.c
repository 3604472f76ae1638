/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that say "not now": of one block, of a unit behind a gateway; what is still true
 * meanwhile. */
#include "tests/unit/drivers/modbus/poller_rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SOUND, SICK }; /* the points of setup */

/* Two blocks of one unit; the second is at 100. */
static int setup(void **state) {
    int failed = poller_rig_setup(state);
    struct poller_rig *rig = *state;
    rig->points[SICK] = poller_point_at(1, 100);
    rig->count = 2;
    poller_rig_open(rig);
    poller_settle(rig);
    (void) poller_take_count(rig);
    return failed;
}

static struct gw_modbus_unit_condition unit_condition(struct poller_rig *rig) {
    struct gw_modbus_unit_condition condition;
    gw_handover_get_unit(rig->handover, 0, &condition);
    return condition;
}

/* Of the point, which must be bad all of those times. */
static unsigned count_bad(struct poller_rig *rig, size_t point) {
    struct gw_modbus_reading reading;
    unsigned count = 0;
    while (gw_handover_take(rig->handover, &reading)) {
        assert_int_equal(reading.point, point);
        assert_false(reading.value.good);
        count++;
    }
    return count;
}

static void assert_sick_block_alone_is_ill(struct poller_rig *rig, unsigned exception) {
    unsigned before = rig->bus.reads_of[1];
    rig->bus.fault_at[100] = exception;
    poller_run_for(rig, 60000, 100);
    /* 600 of the other, at its period; each 250 ms to 5 s of this one. */
    assert_in_range(rig->bus.reads_of[1] - before, 600 + 7, 600 + 60);
    assert_false(poller_unit_is_down(rig, 0));
    struct gw_modbus_unit_condition condition = unit_condition(rig);
    assert_int_equal(condition.fault, exception);
    assert_int_equal(condition.fault_area, GW_AREA_HOLDING_REGISTER);
    assert_int_equal(condition.fault_address, 100);
    assert_int_equal(count_bad(rig, SICK), 1);
    rig->bus.fault_at[100] = 0;
    poller_run_for(rig, 8100, 100); /* the longest delay, and of a probe */
    assert_int_equal(unit_condition(rig).fault, 0);
    struct gw_modbus_reading last;
    assert_int_equal(poller_take_all(rig, &last), 1);
    assert_int_equal(last.point, SICK);
    assert_true(last.value.good);
}

static void a_busy_block_leaves_the_others_of_its_unit_alone(void **state) {
    struct poller_rig *rig = *state;
    assert_sick_block_alone_is_ill(rig, 6);
    assert_int_equal(unit_condition(rig).lateness.max_ms, 0);
}

static void so_does_one_that_only_acknowledges(void **state) {
    assert_sick_block_alone_is_ill(*state, 5);
}

/* The unit keeps silent about it, and the gateway has its own word for that. */
static void so_does_one_that_a_gateway_gets_no_answer_for(void **state) {
    assert_sick_block_alone_is_ill(*state, 11);
}

static void busy_is_bad_when_it_was_said_five_times(void **state) {
    struct poller_rig *rig = *state;
    rig->bus.fault_at[100] = 6;
    for (unsigned times = 1; times <= 5; times++) {
        assert_int_equal(poller_take_count(rig), 0);
        assert_int_equal(unit_condition(rig).fault, 0);
        for (int i = 0; i < 1000 && rig->bus.refused < times; i++) {
            poller_run_for(rig, 10, 10);
        }
        assert_int_equal(rig->bus.refused, times);
    }
    assert_int_equal(count_bad(rig, SICK), 1);
    assert_int_equal(unit_condition(rig).fault, 6);
}

static void what_is_busy_from_the_first_day_is_bad_and_named(void **state) {
    struct poller_rig *rig = *state;
    rig->bus.fault_at[100] = 6;
    poller_rig_open(rig);
    poller_settle(rig);
    assert_int_equal(poller_take_count(rig), 1);
    poller_run_for(rig, 21000, 100);
    assert_int_equal(count_bad(rig, SICK), 1);
    assert_int_equal(unit_condition(rig).fault, 6);
    assert_false(poller_unit_is_down(rig, 0));
}

/* The last value is not as fresh as the configuration promises, so it is no value. */
static void a_busy_point_is_bad_once_it_has_been_silent_too_long(void **state) {
    struct poller_rig *rig = *state;
    rig->points[SICK].period_ms = 10000;
    rig->points[SICK].max_silence_ms = 15000;
    poller_rig_open(rig);
    poller_settle(rig);
    assert_int_equal(poller_take_count(rig), 2);
    poller_run_for(rig, 9900, 100);
    rig->bus.fault_at[100] = 6;
    poller_run_for(rig, 5000, 100);
    assert_int_equal(poller_take_count(rig), 0);
    poller_run_for(rig, 200, 100);
    assert_int_equal(count_bad(rig, SICK), 1);
    assert_int_equal(unit_condition(rig).fault, 0);
}

static void so_is_a_point_of_a_unit_out_of_reach(void **state) {
    struct poller_rig *rig = *state;
    rig->points[SICK].max_silence_ms = 700;
    poller_rig_open(rig);
    poller_settle(rig);
    assert_int_equal(poller_take_count(rig), 2);
    rig->bus.exception[1] = 10;
    poller_run_for(rig, 600, 100);
    assert_int_equal(poller_take_count(rig), 0);
    poller_run_for(rig, 200, 100);
    assert_int_equal(count_bad(rig, SICK), 1);
    assert_false(poller_unit_is_down(rig, 0));
}

static void a_unit_that_is_busy_as_a_whole_is_not_down(void **state) {
    struct poller_rig *rig = *state;
    rig->bus.exception[1] = 6;
    unsigned before = rig->bus.reads_of[1];
    poller_run_for(rig, 60000, 100);
    assert_false(poller_unit_is_down(rig, 0));
    assert_int_equal(unit_condition(rig).fault, 6);
    assert_int_equal(poller_take_count(rig), 2);
    assert_in_range(rig->bus.reads_of[1] - before, 2 * 7, 2 * 60);
    rig->bus.exception[1] = 0;
    poller_run_for(rig, 8100, 100);
    assert_int_equal(unit_condition(rig).fault, 0);
    assert_int_equal(poller_take_count(rig), 2);
}

static void a_unit_can_be_lost_while_one_of_its_blocks_is_ill(void **state) {
    struct poller_rig *rig = *state;
    rig->bus.fault_at[100] = 11;
    poller_run_for(rig, 60000, 100);
    assert_false(poller_unit_is_down(rig, 0));
    rig->bus.exception[1] = 11;
    poller_run_for(rig, 60000, 100);
    assert_true(poller_unit_is_down(rig, 0));
    assert_int_equal(unit_condition(rig).exception, 11);
    assert_int_equal(poller_take_count(rig), 2);
    rig->bus.exception[1] = 0;
    poller_run_for(rig, 40000, 100);
    assert_false(poller_unit_is_down(rig, 0));
    assert_int_equal(unit_condition(rig).fault, 11);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, setup, poller_rig_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_busy_block_leaves_the_others_of_its_unit_alone),
        RIG_TEST(so_does_one_that_only_acknowledges),
        RIG_TEST(so_does_one_that_a_gateway_gets_no_answer_for),
        RIG_TEST(busy_is_bad_when_it_was_said_five_times),
        RIG_TEST(what_is_busy_from_the_first_day_is_bad_and_named),
        RIG_TEST(a_busy_point_is_bad_once_it_has_been_silent_too_long),
        RIG_TEST(so_is_a_point_of_a_unit_out_of_reach),
        RIG_TEST(a_unit_that_is_busy_as_a_whole_is_not_down),
        RIG_TEST(a_unit_can_be_lost_while_one_of_its_blocks_is_ill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
