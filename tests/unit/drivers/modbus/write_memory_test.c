/* SPDX-License-Identifier: Apache-2.0 */
/* What the next process still knows: places that are uncertain, and when each was written. */
#include "tests/unit/drivers/modbus/write_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MISREAD (&(struct gw_modbus_answer){.was_sent = true, .words = {49}})

static bool is_raised(const struct write_rig *rig, const char *subject) {
    return gw_health_is_raised(rig->health, GW_ISSUE_MODBUS_WRITE_UNCERTAIN,
                               gw_str_from_cstr(subject));
}

/* A new process has a new list of issues. */
static void restart(struct write_rig *rig) {
    gw_health_clear(rig->health, GW_ISSUE_MODBUS_WRITE_UNCERTAIN, GW_STR("plc1.speed"));
    gw_health_clear(rig->health, GW_ISSUE_MODBUS_WRITE_UNCERTAIN, GW_STR("plc1.command"));
    gw_health_clear(rig->health, GW_ISSUE_MODBUS_WRITE_UNCERTAIN, GW_STR("plc1.lamp"));
    write_die_and_start(rig);
}

static void leave_uncertain(struct write_rig *rig, const char *id) {
    assert_int_equal(write_value(rig, id, "speed", "5"), GW_OK);
    write_answer(rig, MISREAD);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_UNKNOWN);
    write_pass(rig, 2000);
}

/* ---- issues ---- */

static void an_uncertain_write_is_an_issue_after_a_restart_until_one_is_done(void **state) {
    struct write_rig *rig = *state;
    leave_uncertain(rig, "c1");
    restart(rig);
    assert_true(is_raised(rig, "plc1.speed"));
    struct gw_issue_view issue;
    assert_true(gw_health_issue_at(rig->health, 0, &issue));
    assert_true(gw_str_eq(issue.detail, GW_STR("command c1, value 5: unknown")));
    assert_int_equal(write_value(rig, "c2", "speed", "5"), GW_OK);
    write_obey(rig);
    assert_false(is_raised(rig, "plc1.speed"));
    restart(rig);
    assert_false(is_raised(rig, "plc1.speed"));
}

static void an_interrupted_write_is_an_issue_after_every_restart(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    restart(rig);
    assert_false(is_raised(rig, "plc1.speed")); /* it is still an intent */
    write_pass(rig, 0);
    write_obey(rig);
    assert_true(is_raised(rig, "plc1.speed"));
    for (int i = 0; i < 3; i++) {
        restart(rig);
        assert_true(is_raised(rig, "plc1.speed"));
    }
}

static void what_was_never_sent_does_not_end_an_issue_over_a_restart(void **state) {
    struct write_rig *rig = *state;
    leave_uncertain(rig, "c1");
    assert_int_equal(write_value(rig, "c2", "speed", "101"), GW_OK);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_REFUSED);
    assert_int_equal(write_value(rig, "c3", "speed", "6"), GW_OK);
    write_answer(rig, &(struct gw_modbus_answer){.err = GW_ERR_NOCONN});
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_FAILED);
    restart(rig);
    assert_true(is_raised(rig, "plc1.speed"));
}

static void each_place_has_an_issue_of_its_own_over_a_restart(void **state) {
    struct write_rig *rig = *state;
    leave_uncertain(rig, "z1");
    assert_int_equal(write_value(rig, "a1", "command", "5"), GW_OK);
    write_answer(rig, &(struct gw_modbus_answer){.was_sent = true, .err = GW_ERR_TIMEOUT});
    assert_int_equal(write_value(rig, "m1", "lamp", "1"), GW_OK);
    write_obey(rig);
    restart(rig);
    assert_true(is_raised(rig, "plc1.speed"));
    assert_true(is_raised(rig, "plc1.command"));
    assert_false(is_raised(rig, "plc1.lamp"));
}

/* Whatever the ids, which is how the records are sorted. */
static void the_newest_of_a_place_counts_not_the_last_by_id(void **state) {
    struct write_rig *rig = *state;
    leave_uncertain(rig, "z1");
    assert_int_equal(write_value(rig, "a1", "speed", "5"), GW_OK);
    write_obey(rig);
    write_pass(rig, 2000);
    restart(rig);
    assert_false(is_raised(rig, "plc1.speed"));
    leave_uncertain(rig, "a0");
    restart(rig);
    assert_true(is_raised(rig, "plc1.speed"));
}

static void a_place_that_is_not_configured_any_more_is_no_issue(void **state) {
    struct write_rig *rig = *state;
    leave_uncertain(rig, "c1");
    rig->buses[0].write_count = 0;
    restart(rig);
    assert_false(is_raised(rig, "plc1.speed"));
    rig->buses[0].write_count = 3;
    restart(rig);
    assert_true(is_raised(rig, "plc1.speed"));
}

/* ---- intervals ---- */

static void the_interval_of_a_place_holds_over_a_restart(void **state) {
    struct write_rig *rig = *state;
    rig->rules[0].min_interval_ms = 60000;
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK);
    write_obey(rig);
    write_pass(rig, 20000);
    restart(rig);
    assert_int_equal(write_value(rig, "c2", "speed", "2"), GW_ERR_BUSY);
    assert_non_null(strstr(rig->reason, "60000 ms"));
    assert_int_equal(write_value(rig, "l", "lamp", "1"), GW_OK);
    write_obey(rig);
    write_pass(rig, 39999);
    assert_int_equal(write_value(rig, "c2", "speed", "2"), GW_ERR_BUSY);
    write_pass(rig, 1);
    assert_int_equal(write_value(rig, "c2", "speed", "2"), GW_OK);
}

static void an_intent_counts_for_the_interval_and_a_refusal_does_not(void **state) {
    struct write_rig *rig = *state;
    rig->rules[0].min_interval_ms = 60000;
    assert_int_equal(write_value(rig, "r1", "speed", "101"), GW_OK);
    restart(rig);
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK);
    restart(rig);
    assert_int_equal(write_value(rig, "c2", "speed", "2"), GW_ERR_BUSY);
}

/* A clock that was put back, or that nobody set, must not make two writes out of one. */
static void without_a_clock_to_trust_the_interval_begins_at_the_restart(void **state) {
    struct write_rig *rig = *state;
    rig->rules[0].min_interval_ms = 60000;
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK);
    write_obey(rig);
    for (int round = 0; round < 2; round++) {
        if (round == 0) {
            rig->fake.wall_ms -= 3600000;
        } else {
            rig->fake.wall_ms += 7200000;
            rig->fake.quality = GW_CLOCK_UNSYNCHRONISED;
        }
        restart(rig);
        write_pass(rig, 59999);
        assert_int_equal(write_value(rig, "c2", "speed", "2"), GW_ERR_BUSY);
    }
    write_pass(rig, 1);
    assert_int_equal(write_value(rig, "c2", "speed", "2"), GW_OK);
}

/* More places than one would think of: the ones that were written last count. */
static void hundreds_of_places_keep_their_interval(void **state) {
    enum { PLACES = 500 };
    static char names[PLACES][8];
    static struct gw_config_write rules[PLACES];
    struct write_rig *rig = *state;
    for (int i = 0; i < PLACES; i++) {
        (void) snprintf(names[i], sizeof names[i], "p%d", i);
        rules[i] = rig->rules[1];
        rules[i].name = names[i];
        rules[i].address = (uint16_t) i;
        rules[i].min_interval_ms = 86400000;
    }
    const struct gw_config_bus bus = {.name = "plc1", .writes = rules, .write_count = PLACES};
    gw_modbus_writes_set_buses(rig->writes, &bus, 1);
    for (int i = 0; i < PLACES; i++) {
        rig->intake->kept_count = rig->intake->state_count = 0; /* the fake keeps few */
        assert_int_equal(write_value(rig, "first", names[i], "1"), GW_OK);
        write_answer(rig, &(struct gw_modbus_answer){.was_sent = true});
        write_pass(rig, 1000);
    }
    for (int i = 0; i < PLACES; i++) {
        assert_int_equal(write_value(rig, "again", names[i], "1"), GW_ERR_BUSY);
    }
}

#define RIG_TEST(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, write_rig_setup, write_rig_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(an_uncertain_write_is_an_issue_after_a_restart_until_one_is_done),
        RIG_TEST(an_interrupted_write_is_an_issue_after_every_restart),
        RIG_TEST(what_was_never_sent_does_not_end_an_issue_over_a_restart),
        RIG_TEST(each_place_has_an_issue_of_its_own_over_a_restart),
        RIG_TEST(the_newest_of_a_place_counts_not_the_last_by_id),
        RIG_TEST(a_place_that_is_not_configured_any_more_is_no_issue),
        RIG_TEST(the_interval_of_a_place_holds_over_a_restart),
        RIG_TEST(an_intent_counts_for_the_interval_and_a_refusal_does_not),
        RIG_TEST(without_a_clock_to_trust_the_interval_begins_at_the_restart),
        RIG_TEST(hundreds_of_places_keep_their_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
