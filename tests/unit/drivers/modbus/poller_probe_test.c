/* SPDX-License-Identifier: Apache-2.0 */
/* A dead unit on a connection that it shares: how long its probes keep the others waiting. */
#include "tests/unit/drivers/modbus/poller_rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { UNITS = 32, DEAD = UNITS, TIMEOUT_MS = 1000, TO_BE_DOWN_MS = 10000, WHOLE_MS = 300000 };

/* 32 units behind one address, each read ten times a second, the last of them dead. */
static int setup(void **state) {
    int failed = poller_rig_setup(state);
    struct poller_rig *rig = *state;
    for (uint8_t i = 0; i < UNITS; i++) {
        rig->points[i] = poller_point_at((uint8_t) (1 + i), 0);
    }
    rig->count = UNITS;
    rig->bus.is_silent[DEAD] = true;
    rig->probe_max_ms = TIMEOUT_MS;
    poller_let_time_count(rig);
    poller_rig_open(rig);
    return failed;
}

static struct gw_modbus_bus_condition bus_condition(struct poller_rig *rig) {
    struct gw_modbus_bus_condition condition;
    gw_handover_get_bus(rig->handover, &condition);
    return condition;
}

/* Two units are enough: one that answers each 100 ms, one that is dead. */
static void leave_two(struct poller_rig *rig) {
    rig->points[1] = poller_point_at(DEAD, 0);
    rig->count = 2;
    poller_rig_open(rig);
}

static void the_living_keep_their_period_beside_a_dead_unit(void **state) {
    struct poller_rig *rig = *state;
    poller_live_for(rig, TO_BE_DOWN_MS);
    assert_true(poller_unit_is_down(rig, UNITS - 1));
    uint64_t overruns = bus_condition(rig).overruns;
    unsigned before = rig->bus.reads_of[1], probes = rig->bus.reads_of[DEAD];
    poller_live_for(rig, 200000);
    assert_true(rig->bus.reads_of[DEAD] - probes >= 5);
    assert_true(bus_condition(rig).overruns == overruns);
    assert_in_range(rig->bus.reads_of[1] - before, 1999, 2001);
    assert_in_range(bus_condition(rig).dead_percent, 0, 1);
}

static void what_we_close_ourselves_is_no_outage(void **state) {
    struct poller_rig *rig = *state;
    poller_live_for(rig, TO_BE_DOWN_MS);
    (void) poller_take_count(rig);
    unsigned recovers = rig->bus.recovers;
    for (int i = 0; i < 60000; i++) {
        gw_fake_clock_advance(&rig->fake, 1);
        (void) gw_poller_step(rig->poller);
        assert_true(bus_condition(rig).is_connected);
    }
    assert_true(rig->bus.recovers > recovers);
    assert_int_equal(poller_take_count(rig), 0);
}

/* It takes the gateway a moment to notice that the only connection it allows is over. */
static void a_moment_in_which_it_cannot_be_opened_again_is_none_either(void **state) {
    struct poller_rig *rig = *state;
    poller_live_for(rig, TO_BE_DOWN_MS);
    (void) poller_take_count(rig);
    unsigned recovers = rig->bus.recovers;
    for (int i = 0; i < 60000 && rig->bus.recovers == recovers; i++) {
        gw_fake_clock_advance(&rig->fake, 1);
        (void) gw_poller_step(rig->poller);
    }
    unsigned connects = rig->bus.connects;
    rig->bus.refuses_connections = true;
    poller_live_for(rig, 120);
    assert_in_range(rig->bus.connects - connects, 2, 3);
    assert_true(bus_condition(rig).is_connected);
    rig->bus.refuses_connections = false;
    unsigned before = rig->bus.reads_of[1];
    poller_live_for(rig, 1000);
    assert_in_range(rig->bus.reads_of[1] - before, 10, 11);
    assert_int_equal(poller_take_count(rig), 0);
    rig->bus.refuses_connections = true;
    poller_live_for(rig, 120000);
    assert_false(bus_condition(rig).is_connected);
    assert_true(poller_unit_is_down(rig, 0));
}

/* 400 ms are as right as 2: it is waited for as long as it took when it was there. */
static void a_unit_that_was_slow_is_waited_for_as_such(void **state) {
    struct poller_rig *rig = *state;
    rig->bus.is_silent[DEAD] = false;
    rig->bus.answer_ms_of[DEAD] = 150;
    leave_two(rig);
    poller_live_for(rig, 60000);
    rig->bus.is_silent[DEAD] = true;
    poller_live_for(rig, 150000);
    assert_true(poller_unit_is_down(rig, 1));
    assert_true(rig->bus.hurried > 0);
    rig->bus.is_silent[DEAD] = false;
    poller_live_for(rig, 64000);
    assert_false(poller_unit_is_down(rig, 1));
}

static void one_that_is_slower_than_all_that_is_known_is_found_later(void **state) {
    struct poller_rig *rig = *state;
    leave_two(rig);
    poller_live_for(rig, TO_BE_DOWN_MS);
    rig->bus.is_silent[DEAD] = false;
    rig->bus.answer_ms_of[DEAD] = 400;
    poller_live_for(rig, WHOLE_MS + 64000);
    assert_false(poller_unit_is_down(rig, 1));
}

static void whoever_was_heard_on_demand_is_waited_for(void **state) {
    struct poller_rig *rig = *state;
    leave_two(rig);
    poller_live_for(rig, TO_BE_DOWN_MS);
    rig->bus.is_silent[DEAD] = false;
    rig->bus.answer_ms_of[DEAD] = 200;
    struct gw_modbus_answer answer;
    struct gw_modbus_job job = {
        .request = {.unit_id = DEAD, .area = GW_AREA_HOLDING_REGISTER, .count = 1},
        .asks_dead_units = true};
    gw_poller_execute(rig->poller, &job, &answer);
    assert_int_equal(answer.err, GW_OK);
    poller_live_for(rig, 4000); /* a probe waits that long for a gap */
    assert_false(poller_unit_is_down(rig, 1));
}

/* It goes on waiting for the dead unit when we do not any more; nobody is served. */
static void where_a_gateway_waits_itself_nobody_hurries_it(void **state) {
    struct poller_rig *rig = *state;
    leave_two(rig);
    rig->bus.holds_ms = 500;
    poller_live_for(rig, WHOLE_MS);
    assert_in_range(rig->bus.hurried, 1, WHOLE_MS / 60000 + 1);
    assert_in_range(rig->bus.reads_of[DEAD], 5, 40);
    struct gw_modbus_unit_condition living;
    gw_handover_get_unit(rig->handover, 0, &living);
    assert_int_equal(living.failures, 0);
    rig->bus.holds_ms = 1600; /* longer than we wait, and nobody is told */
    poller_live_for(rig, WHOLE_MS);
    assert_false(poller_unit_is_down(rig, 0));
}

static void nobody_is_hurried_where_late_answers_have_no_number(void **state) {
    struct poller_rig *rig = *state;
    rig->probe_max_ms = 0;
    leave_two(rig);
    poller_live_for(rig, 60000);
    assert_int_equal(rig->bus.hurried, 0);
}

static void nor_where_nobody_else_is_there(void **state) {
    struct poller_rig *rig = *state;
    rig->bus.is_silent[1] = true;
    leave_two(rig);
    poller_live_for(rig, 60000);
    assert_int_equal(rig->bus.hurried, 0);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, setup, poller_rig_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_living_keep_their_period_beside_a_dead_unit),
        RIG_TEST(what_we_close_ourselves_is_no_outage),
        RIG_TEST(a_moment_in_which_it_cannot_be_opened_again_is_none_either),
        RIG_TEST(a_unit_that_was_slow_is_waited_for_as_such),
        RIG_TEST(one_that_is_slower_than_all_that_is_known_is_found_later),
        RIG_TEST(whoever_was_heard_on_demand_is_waited_for),
        RIG_TEST(where_a_gateway_waits_itself_nobody_hurries_it),
        RIG_TEST(nobody_is_hurried_where_late_answers_have_no_number),
        RIG_TEST(nor_where_nobody_else_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
