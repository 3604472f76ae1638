/* SPDX-License-Identifier: Apache-2.0 */
/* A store that fails and a gateway that dies: never written twice, always told once. */
#include "tests/unit/drivers/modbus/write_rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- a store that fails ---- */

static void without_its_intent_nothing_is_written(void **state) {
    struct write_rig *rig = *state;
    rig->fail_commit = 1;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_ERR_IO);
    assert_false(rig->has_posted);
    assert_int_equal(rig->answers, 0);
    assert_int_equal(rig->audits, 0);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    write_obey(rig);
    assert_int_equal(rig->wire_writes, 1);
    assert_int_equal(write_results(rig, "c1"), 1);
}

static void a_result_that_cannot_be_stored_is_told_and_stored_later(void **state) {
    struct write_rig *rig = *state;
    write_pass(rig, 0);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    rig->fail_commit = 2;
    write_obey(rig);
    assert_int_equal(rig->answers, 1);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_DONE);
    assert_false(rig->last.is_stored);
    assert_int_equal(write_results(rig, "c1"), 0);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_ERR_BUSY);
    assert_int_equal(gw_modbus_writes_next_mono_ms(rig->writes), rig->fake.mono_ms + 1000);
    write_pass(rig, 1000);
    assert_int_equal(write_results(rig, "c1"), 1);
    assert_int_equal(rig->answers, 1);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    assert_true(rig->last.is_repeated);
    assert_int_equal(rig->wire_writes, 1);
}

/* ---- a gateway that dies ---- */

/* After the death at any step: the next process closes the command once, never writes it,
 * and answers its id. */
static void assert_closed_once(struct write_rig *rig, const char *outcome) {
    unsigned writes = rig->wire_writes;
    write_die_and_start(rig);
    for (int i = 0; i < 30 && write_results(rig, "c1") == 0; i++) {
        write_pass(rig, 1000);
        if (rig->has_posted) {
            assert_false(rig->posted.job.is_write);
            write_obey(rig);
        }
    }
    assert_int_equal(write_results(rig, "c1"), 1);
    write_pass(rig, 60000);
    assert_int_equal(write_results(rig, "c1"), 1);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    assert_true(rig->last.is_repeated);
    assert_string_equal(gw_modbus_outcome_name(rig->last.outcome), outcome);
    assert_int_equal(rig->wire_writes, writes);
    assert_true(rig->wire_writes <= 1);
}

static void death_between_intent_and_write_interrupts_the_command(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    assert_closed_once(rig, "interrupted");
    assert_true(write_says(rig, "reads differently")
                && write_says(rig, "\"readback\":\"0.0\""));
    assert_int_equal(rig->wire_writes, 0);
}

static void death_between_write_and_result_interrupts_the_command(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    rig->memory[10] = rig->posted.job.words[0];
    rig->wire_writes++;
    assert_closed_once(rig, "interrupted");
    assert_true(write_says(rig, "reads as it was to be written")
                && write_says(rig, "\"readback\":\"5.0\""));
}

static void death_while_the_result_cannot_be_stored_interrupts_the_command(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    rig->fail_commit = 2;
    write_obey(rig);
    assert_closed_once(rig, "interrupted");
}

static void death_after_the_result_changes_nothing(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    write_obey(rig);
    assert_closed_once(rig, "done");
}

static void death_again_and_again_while_it_is_being_closed_closes_it_once(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    for (int i = 0; i < 5; i++) {
        write_die_and_start(rig);
        write_pass(rig, 0);
        assert_true(rig->has_posted && !rig->posted.job.is_write);
    }
    assert_closed_once(rig, "interrupted");
}

static void an_interrupted_command_waits_for_its_bus_but_not_for_ever(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    write_die_and_start(rig);
    int asked = 0;
    for (int i = 0; i < 60 && write_results(rig, "c1") == 0; i++) {
        write_pass(rig, 500);
        if (rig->has_posted) {
            asked++;
            write_answer(rig, &(struct gw_modbus_answer){.err = GW_ERR_NOCONN});
        }
    }
    assert_true(asked > 5);
    assert_int_equal(write_results(rig, "c1"), 1);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_INTERRUPTED);
    assert_true(write_says(rig, "cannot be read now"));
    assert_int_equal(rig->wire_writes, 0);
}

static void an_interrupted_command_of_a_bus_that_is_gone_is_closed(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    write_die_and_start(rig);
    gw_modbus_writes_set_buses(rig->writes, rig->buses + 1, 1);
    write_pass(rig, 0);
    assert_int_equal(write_results(rig, "c1"), 1);
    assert_false(rig->has_posted);
}

static void one_of_a_former_process_is_turned_away_until_it_is_closed(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    write_die_and_start(rig);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_ERR_BUSY);
    assert_int_equal(write_value(rig, "c1", "speed", "6"), GW_ERR_DUPLICATE);
    write_pass(rig, 0);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_ERR_BUSY);
    write_obey(rig);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_INTERRUPTED);
}

/* Every commit fails once, and the gateway dies after each step: whatever is combined, the
 * unit is written at most once and the result is told once. */
static void no_combination_of_failures_writes_twice(void **state) {
    for (int fail = 0; fail <= 4; fail++) {
        for (int death = 0; death <= 3; death++) {
            struct write_rig *rig = *state;
            assert_int_equal(write_rig_teardown(state), 0);
            assert_int_equal(write_rig_setup(state), 0);
            rig = *state;
            rig->fail_commit = fail;
            enum gw_err err = write_value(rig, "c1", "speed", "5");
            if (!err && death != 1 && rig->has_posted) {
                write_obey(rig);
            }
            if (death == 2) {
                write_pass(rig, 1000);
            }
            if (death > 0) {
                write_die_and_start(rig);
            }
            for (int i = 0; i < 5; i++) {
                err = write_value(rig, "c1", "speed", "5");
                if (rig->has_posted) {
                    write_obey(rig);
                }
                write_pass(rig, 2000);
                if (rig->has_posted) {
                    write_obey(rig);
                }
            }
            assert_true(rig->wire_writes <= 1);
            assert_int_equal(write_results(rig, "c1"), 1);
            assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
            assert_true(rig->last.is_repeated);
        }
    }
}

#define RIG_TEST(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, write_rig_setup, write_rig_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(without_its_intent_nothing_is_written),
        RIG_TEST(a_result_that_cannot_be_stored_is_told_and_stored_later),
        RIG_TEST(death_between_intent_and_write_interrupts_the_command),
        RIG_TEST(death_between_write_and_result_interrupts_the_command),
        RIG_TEST(death_while_the_result_cannot_be_stored_interrupts_the_command),
        RIG_TEST(death_after_the_result_changes_nothing),
        RIG_TEST(death_again_and_again_while_it_is_being_closed_closes_it_once),
        RIG_TEST(an_interrupted_command_waits_for_its_bus_but_not_for_ever),
        RIG_TEST(an_interrupted_command_of_a_bus_that_is_gone_is_closed),
        RIG_TEST(one_of_a_former_process_is_turned_away_until_it_is_closed),
        RIG_TEST(no_combination_of_failures_writes_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
