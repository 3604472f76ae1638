/* SPDX-License-Identifier: Apache-2.0 */
/* A command from its taking to its result: what is allowed, time, what the unit says. */
#include "tests/unit/drivers/modbus/write_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- the ordinary way ---- */

static void a_command_is_stored_written_read_back_and_told(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "12.5"), GW_OK);
    assert_int_equal(rig->commits, 1);
    assert_int_equal(rig->audits, 1);
    assert_string_equal(rig->audit_outcome, "intent");
    assert_int_equal(rig->answers, 0);
    assert_true(rig->posted.job.is_write && rig->posted.job.reads_back);
    assert_false(rig->posted.job.is_multiple);
    assert_int_equal(rig->posted.deadline_mono_ms, rig->fake.mono_ms + 5000);
    write_obey(rig);
    assert_int_equal(rig->memory[10], 125);
    assert_int_equal(rig->commits, 2);
    assert_int_equal(rig->audits, 2);
    assert_string_equal(rig->audit_outcome, "done");
    assert_string_equal(rig->audit_target, "plc1.speed unit 1 holding_register 10");
    assert_string_equal(rig->audit_detail, "command c1 value 12.5 via control");
    assert_int_equal(rig->answers, 1);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_DONE);
    assert_true(rig->last.is_stored && !rig->last.is_repeated);
    assert_string_equal(rig->data,
                        "{\"action\":\"modbus.write\",\"actor\":\"gwctl:root\",\"address\":10,"
                        "\"area\":\"holding_register\",\"bus\":\"plc1\",\"commandid\":\"c1\","
                        "\"detail\":\"confirmed\",\"name\":\"speed\",\"outcome\":\"done\","
                        "\"readback\":\"12.5\",\"unitid\":1,\"value\":\"12.5\","
                        "\"via\":\"control\"}");
    assert_int_equal(write_results(rig, "c1"), 1);
    const struct gw_fake_unit *unit = &rig->intake->units[rig->intake->committed - 1];
    assert_string_equal(unit->device, "plc1.speed");
    assert_string_equal(unit->data, rig->data);
    assert_int_equal(unit->class, gw_event_type_find(GW_EVENT_COMMAND_RESULT)->default_class);
}

static void a_place_names_the_same_thing_as_a_name(void **state) {
    struct write_rig *rig = *state;
    struct gw_modbus_command wanted = write_command("c1", "", "1");
    wanted.has_place = true;
    wanted.unit_id = 2;
    wanted.area = GW_AREA_COIL;
    wanted.address = 5;
    assert_int_equal(write_submit(rig, &wanted), GW_OK);
    write_obey(rig);
    assert_true(write_says(rig, "\"name\":\"lamp\"")
                && write_says(rig, "\"outcome\":\"done\""));
    assert_int_equal(write_value(rig, "c1", "lamp", "1"), GW_OK);
    assert_true(rig->last.is_repeated);
    assert_int_equal(rig->wire_writes, 1);
}

static void the_same_id_again_is_answered_and_nothing_is_written(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "12.5"), GW_OK);
    write_obey(rig);
    char first[GW_MODBUS_RESULT_MAX_BYTES];
    memcpy(first, rig->data, sizeof first);
    for (int i = 0; i < 3; i++) {
        write_pass(rig, 5000);
        assert_int_equal(write_value(rig, "c1", "speed", "12.5"), GW_OK);
        assert_true(rig->last.is_repeated && rig->last.is_stored);
        assert_string_equal(rig->data, first);
        if (i == 1) {
            write_die_and_start(rig);
        }
    }
    assert_int_equal(rig->answers, 4);
    assert_int_equal(rig->wire_writes, 1);
    assert_int_equal(write_results(rig, "c1"), 1);
    assert_int_equal(rig->commits, 2);
}

static void the_same_id_for_something_else_is_a_conflict(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "12.5"), GW_OK);
    assert_int_equal(write_value(rig, "c1", "speed", "13"), GW_ERR_DUPLICATE);
    write_obey(rig);
    write_pass(rig, 5000);
    assert_int_equal(write_value(rig, "c1", "speed", "13"), GW_ERR_DUPLICATE);
    assert_non_null(strstr(rig->reason, "conflict"));
    assert_int_equal(write_value(rig, "c1", "lamp", "1"), GW_ERR_DUPLICATE);
    assert_int_equal(write_value(rig, "c1", "speed", "12.50"), GW_ERR_DUPLICATE);
    assert_int_equal(rig->wire_writes, 1);
    assert_int_equal(rig->answers, 1);
}

static void one_that_is_under_way_is_not_taken_again(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "12.5"), GW_OK);
    assert_int_equal(write_value(rig, "c1", "speed", "12.5"), GW_ERR_BUSY);
    write_obey(rig);
    assert_int_equal(rig->answers, 1);
}

/* ---- what is not allowed ---- */

static void what_is_not_in_the_list_is_refused_told_and_remembered(void **state) {
    struct write_rig *rig = *state;
    static const struct {
        const char *bus, *name, *value, *detail;
    } rows[] = {
        {"plc9", "speed", "1", "there is no such bus; there is: plc1, plc2"},
        {"plc1", "gate", "1",
         "not in the writes of the bus, which allow: speed, command, lamp"},
        {"plc2", "speed", "1", "not in the writes of the bus, which allow: none"},
        {"plc1", "speed", "100.1", "value: found 100.1, allowed: 0 to 100"},
        {"plc1", "speed", "1.23", "exactly"},
        {"plc1", "lamp", "2", "allowed: 0 or 1"},
        {"plc1", "speed", "fast", "a decimal number"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char id[8];
        (void) snprintf(id, sizeof id, "r%zu", i);
        struct gw_modbus_command wanted = write_command(id, rows[i].name, rows[i].value);
        wanted.bus = gw_str_from_cstr(rows[i].bus);
        assert_int_equal(write_submit(rig, &wanted), GW_OK);
        assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_REFUSED);
        assert_true(write_says(rig, rows[i].detail));
        assert_string_equal(rig->audit_outcome, "refused");
        assert_int_equal(write_results(rig, id), 1);
        assert_int_equal(write_submit(rig, &wanted), GW_OK);
        assert_true(rig->last.is_repeated);
        assert_int_equal(write_results(rig, id), 1);
    }
    assert_false(rig->has_posted);
    assert_int_equal(rig->wire_writes, 0);
}

static void a_name_and_a_place_that_disagree_are_refused(void **state) {
    struct write_rig *rig = *state;
    struct gw_modbus_command wanted = write_command("c1", "speed", "1");
    wanted.has_place = true;
    wanted.unit_id = 1;
    wanted.area = GW_AREA_HOLDING_REGISTER;
    wanted.address = 20;
    assert_int_equal(write_submit(rig, &wanted), GW_OK);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_REFUSED);
    assert_false(rig->has_posted);
}

static void what_is_no_command_is_turned_away_without_a_trace(void **state) {
    struct write_rig *rig = *state;
    struct gw_modbus_command good = write_command("c1", "speed", "1");
    for (int i = 0; i < 10; i++) {
        struct gw_modbus_command bad = good;
        switch (i) {
        case 0:
            bad.id = GW_STR("");
            break;
        case 1:
            bad.id = GW_STR("a b");
            break;
        case 2:
            bad.id = GW_STR("0123456789012345678901234567890123456789"
                            "0123456789012345678901234");
            break;
        case 3:
            bad.bus = GW_STR("plc\n1");
            break;
        case 4:
            bad.value = GW_STR("1\n2");
            break;
        case 5:
            bad.actor = GW_STR("");
            break;
        case 6:
            bad.actor = GW_STR("a\x01");
            break;
        case 7:
            bad.valid_ms = 0;
            break;
        case 8:
            bad.valid_ms = GW_MODBUS_VALID_MAX_MS + 1;
            break;
        default:
            bad.name = GW_STR("");
            break;
        }
        assert_int_equal(write_submit(rig, &bad), GW_ERR_SCHEMA);
        assert_true(rig->reason[0] != '\0');
    }
    assert_int_equal(rig->commits, 0);
    assert_int_equal(rig->answers, 0);
}

static void nothing_is_taken_while_the_buses_are_closed(void **state) {
    struct write_rig *rig = *state;
    gw_modbus_writes_hold(rig->writes);
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_ERR_BUSY);
    assert_int_equal(gw_modbus_writes_next_mono_ms(rig->writes), GW_NEVER_MS);
    gw_modbus_writes_set_buses(rig->writes, rig->buses, 2);
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK);
    write_obey(rig);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_DONE);
}

/* ---- time ---- */

static void a_bus_that_is_being_reopened_turns_its_commands_away(void **state) {
    struct write_rig *rig = *state;
    rig->is_reopening = true;
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_ERR_BUSY);
    assert_string_equal(rig->reason, "the bus is being reopened: ask again");
    assert_int_equal(rig->commits, 0);
    assert_int_equal(write_value(rig, "c2", "speed", "101"), GW_OK); /* never allowed */
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_REFUSED);
    rig->is_reopening = false;
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK);
    write_obey(rig);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_DONE);
    rig->is_reopening = true;
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK); /* its id is known */
    assert_true(rig->last.is_repeated);
    assert_int_equal(rig->wire_writes, 1);
}

/* The bus is now the second, the entry has another scale and is not read back. */
static void a_write_under_way_is_judged_by_the_entry_it_was_taken_under(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "1.5"), GW_OK);
    struct gw_config_write rules[] = {rig->rules[0]};
    rules[0].scale = "100";
    rules[0].read_back = false;
    rig->rules[0].scale = "gone"; /* as the document it was in */
    const struct gw_config_bus buses[] = {{.name = "plc2"},
                                          {.name = "plc1", .writes = rules, .write_count = 1}};
    gw_modbus_writes_set_buses(rig->writes, buses, 2);
    struct gw_modbus_answer answered = {.was_sent = true, .words = {14}};
    write_answer(rig, &answered);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_UNKNOWN);
    assert_non_null(strstr(rig->data, "\"readback\":\"1.4\""));
    write_pass(rig, 1000);
    assert_int_equal(write_value(rig, "c2", "speed", "100"), GW_OK); /* posted to "plc1" */
    write_obey(rig);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_DONE);
    assert_int_equal(rig->memory[10], 1);
    gw_modbus_writes_set_buses(rig->writes, rig->buses, 2);
}

static void an_expired_command_is_told_and_never_sent(void **state) {
    struct write_rig *rig = *state;
    struct gw_modbus_command wanted = write_command("c1", "speed", "1");
    wanted.valid_ms = 0;
    wanted.expires_wall_ms = rig->fake.wall_ms - 1;
    assert_int_equal(write_submit(rig, &wanted), GW_OK);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_EXPIRED);
    assert_int_equal(write_results(rig, "c1"), 1);
    assert_int_equal(rig->commits, 1);
    assert_string_equal(rig->audit_outcome, "expired");
    assert_false(rig->has_posted);
}

static void one_that_expires_while_its_intent_is_stored_is_not_sent(void **state) {
    struct write_rig *rig = *state;
    rig->commit_ms = 5000;
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK);
    assert_false(rig->has_posted);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_EXPIRED);
    assert_int_equal(write_results(rig, "c1"), 1);
}

static void expires_counts_from_wall_time(void **state) {
    struct write_rig *rig = *state;
    struct gw_modbus_command wanted = write_command("c1", "speed", "1");
    wanted.valid_ms = 0;
    wanted.expires_wall_ms = rig->fake.wall_ms + 2500;
    assert_int_equal(write_submit(rig, &wanted), GW_OK);
    assert_int_equal(rig->posted.deadline_mono_ms, rig->fake.mono_ms + 2500);
}

static void without_a_clock_expires_is_turned_away_and_valid_ms_is_not(void **state) {
    struct write_rig *rig = *state;
    struct gw_modbus_command wanted = write_command("c1", "speed", "1");
    rig->fake.quality = GW_CLOCK_UNSYNCHRONISED;
    wanted.valid_ms = 0;
    wanted.expires_wall_ms = rig->fake.wall_ms + 2500;
    assert_int_equal(write_submit(rig, &wanted), GW_ERR_DENIED);
    assert_non_null(strstr(rig->reason, "valid_ms"));
    assert_int_equal(rig->commits, 0);
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK);
    write_obey(rig);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_DONE);
}

static void no_command_lives_longer_than_an_hour(void **state) {
    struct write_rig *rig = *state;
    struct gw_modbus_command wanted = write_command("c1", "speed", "1");
    wanted.valid_ms = 0;
    wanted.expires_wall_ms = rig->fake.wall_ms + GW_MODBUS_VALID_MAX_MS + 1;
    assert_int_equal(write_submit(rig, &wanted), GW_ERR_RANGE);
    assert_int_equal(rig->commits, 0);
}

static void one_that_waited_too_long_for_the_bus_has_expired(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK);
    write_answer(rig, &(struct gw_modbus_answer){.err = GW_ERR_TIMEOUT});
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_EXPIRED);
    assert_true(write_says(rig, "not sent"));
}

static void writes_of_one_thing_keep_their_interval(void **state) {
    struct write_rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK);
    write_obey(rig);
    write_pass(rig, 999);
    assert_int_equal(write_value(rig, "c2", "speed", "2"), GW_ERR_BUSY);
    assert_non_null(strstr(rig->reason, "1000 ms"));
    assert_int_equal(write_results(rig, "c2"), 0);
    write_pass(rig, 1);
    assert_int_equal(write_value(rig, "c2", "speed", "2"), GW_OK);
    write_obey(rig);
    assert_int_equal(rig->wire_writes, 2);
}

static void what_is_written_counts_for_the_minute_too(void **state) {
    struct write_rig *rig = *state;
    for (int i = 0; i < GW_MODBUS_WRITES_PER_MINUTE; i++) {
        char id[8];
        (void) snprintf(id, sizeof id, "m%d", i);
        assert_int_equal(write_value(rig, id, "command", "1"), GW_OK);
        write_obey(rig);
        rig->intake->kept_count = 0;
        rig->intake->state_count = 0;
    }
    assert_int_equal(write_value(rig, "c2", "command", "1"), GW_ERR_BUSY);
    assert_int_equal(rig->wire_writes, GW_MODBUS_WRITES_PER_MINUTE);
}

static void more_than_sixty_a_minute_are_turned_away(void **state) {
    struct write_rig *rig = *state;
    for (int i = 0; i < GW_MODBUS_WRITES_PER_MINUTE; i++) {
        assert_int_equal(write_value(rig, "same", "nothing", "1"), GW_OK);
        /* The fake keeps few states: forget this id and make another one of it. */
        rig->intake->kept_count = 0;
        rig->intake->state_count = 0;
    }
    assert_int_equal(write_value(rig, "c2", "lamp", "1"), GW_ERR_BUSY);
    assert_non_null(strstr(rig->reason, "60 a minute"));
    write_pass(rig, 60000);
    assert_int_equal(write_value(rig, "c2", "lamp", "1"), GW_OK);
}

/* ---- what the unit says ---- */

struct verdict {
    struct gw_modbus_answer answer;
    enum gw_modbus_outcome outcome;
    const char *detail;
};

static void assert_verdicts(struct write_rig *rig, const char *name, const struct verdict *rows,
                            size_t count) {
    for (size_t i = 0; i < count; i++) {
        char id[8];
        (void) snprintf(id, sizeof id, "v%zu", i % 4);
        rig->intake->kept_count = 0;
        rig->intake->state_count = 0;
        write_pass(rig, 10000);
        assert_int_equal(write_value(rig, id, name, "5"), GW_OK);
        write_answer(rig, &rows[i].answer);
        if (rig->last.outcome != rows[i].outcome || !write_says(rig, rows[i].detail)) {
            fail_msg("row %zu: %s", i, rig->data);
        }
    }
}

#define READS(word) .words = {word}
#define UNREADABLE .read_err = GW_ERR_TIMEOUT

static void only_what_is_certain_is_called_done_or_failed(void **state) {
    struct write_rig *rig = *state;
    static const struct verdict rows[] = {
        {{.was_sent = true, READS(50)}, GW_MODBUS_WRITE_DONE, "confirmed"},
        {{.was_sent = true, READS(49)}, GW_MODBUS_WRITE_UNKNOWN, "\"readback\":\"4.9\""},
        {{.was_sent = true, UNREADABLE}, GW_MODBUS_WRITE_UNKNOWN, "could not be read back"},
        {{.was_sent = true, .err = GW_ERR_TIMEOUT, READS(50)},
         GW_MODBUS_WRITE_DONE,
         "it reads back as written"},
        {{.was_sent = true, .err = GW_ERR_TIMEOUT, READS(0)},
         GW_MODBUS_WRITE_UNKNOWN,
         "reads back differently"},
        {{.was_sent = true, .err = GW_ERR_TIMEOUT, UNREADABLE},
         GW_MODBUS_WRITE_UNKNOWN,
         "could not be read back"},
        {{.was_sent = true, .err = GW_ERR_NOCONN, .read_err = GW_ERR_NOCONN},
         GW_MODBUS_WRITE_UNKNOWN,
         "the connection was lost"},
        {{.was_sent = true, .err = GW_ERR_CORRUPT, READS(50)},
         GW_MODBUS_WRITE_DONE,
         "as written"},
        {{.was_sent = true, .err = GW_ERR_INVALID, .exception = 2, READS(0)},
         GW_MODBUS_WRITE_FAILED,
         "exception 2, illegal data address"},
        {{.was_sent = true, .err = GW_ERR_INVALID, .exception = 6, UNREADABLE},
         GW_MODBUS_WRITE_FAILED,
         "\"exception\":6"},
        {{.was_sent = true, .err = GW_ERR_INVALID, .exception = 4, READS(0)},
         GW_MODBUS_WRITE_UNKNOWN,
         "device failure"},
        {{.was_sent = true, .err = GW_ERR_INVALID, .exception = 5, READS(50)},
         GW_MODBUS_WRITE_DONE,
         "as written"},
        {{.was_sent = true, .err = GW_ERR_INVALID, .exception = 11, UNREADABLE},
         GW_MODBUS_WRITE_UNKNOWN,
         "gateway got no answer"},
        {{.err = GW_ERR_NOCONN}, GW_MODBUS_WRITE_FAILED, "no connection"},
        {{.err = GW_ERR_TIMEOUT, .is_known_down = true},
         GW_MODBUS_WRITE_FAILED,
         "does not answer polls"},
        {{.err = GW_ERR_INVALID}, GW_MODBUS_WRITE_FAILED, "no such request"},
        {{.err = GW_ERR_CORRUPT}, GW_MODBUS_WRITE_FAILED, "could not be made ready"},
        {{.err = GW_ERR_TIMEOUT}, GW_MODBUS_WRITE_EXPIRED, "time ran out"},
    };
    assert_verdicts(rig, "speed", rows, sizeof rows / sizeof rows[0]);
}

static void a_command_register_counts_by_its_confirmation(void **state) {
    struct write_rig *rig = *state;
    static const struct verdict rows[] = {
        {{.was_sent = true, READS(0)}, GW_MODBUS_WRITE_DONE, "not read back"},
        {{.was_sent = true, .err = GW_ERR_TIMEOUT},
         GW_MODBUS_WRITE_UNKNOWN,
         "no answer in time"},
        {{.was_sent = true, .err = GW_ERR_INVALID, .exception = 3},
         GW_MODBUS_WRITE_FAILED,
         "illegal data value"},
    };
    assert_verdicts(rig, "command", rows, sizeof rows / sizeof rows[0]);
    write_pass(rig, 10000);
    assert_int_equal(write_value(rig, "m", "command", "5"), GW_OK);
    assert_true(rig->posted.job.is_multiple);
    assert_false(rig->posted.job.reads_back);
}

static void an_uncertain_write_is_an_issue_until_one_is_done(void **state) {
    struct write_rig *rig = *state;
    struct gw_str subject = GW_STR("plc1.speed");
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    write_answer(rig, &(struct gw_modbus_answer){.was_sent = true, READS(49)});
    assert_true(gw_health_is_raised(rig->health, GW_ISSUE_MODBUS_WRITE_UNCERTAIN, subject));
    write_pass(rig, 2000);
    assert_int_equal(write_value(rig, "c2", "speed", "5"), GW_OK);
    write_obey(rig);
    assert_false(gw_health_is_raised(rig->health, GW_ISSUE_MODBUS_WRITE_UNCERTAIN, subject));
}

static void a_bus_that_takes_no_job_fails_the_command(void **state) {
    struct write_rig *rig = *state;
    rig->refuse_post = GW_ERR_BUSY;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_FAILED);
    assert_true(write_says(rig, "not sent"));
    assert_int_equal(write_results(rig, "c1"), 1);
}

#define RIG_TEST(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, write_rig_setup, write_rig_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_command_is_stored_written_read_back_and_told),
        RIG_TEST(a_place_names_the_same_thing_as_a_name),
        RIG_TEST(the_same_id_again_is_answered_and_nothing_is_written),
        RIG_TEST(the_same_id_for_something_else_is_a_conflict),
        RIG_TEST(one_that_is_under_way_is_not_taken_again),
        RIG_TEST(what_is_not_in_the_list_is_refused_told_and_remembered),
        RIG_TEST(a_name_and_a_place_that_disagree_are_refused),
        RIG_TEST(what_is_no_command_is_turned_away_without_a_trace),
        RIG_TEST(nothing_is_taken_while_the_buses_are_closed),
        RIG_TEST(a_bus_that_is_being_reopened_turns_its_commands_away),
        RIG_TEST(a_write_under_way_is_judged_by_the_entry_it_was_taken_under),
        RIG_TEST(an_expired_command_is_told_and_never_sent),
        RIG_TEST(expires_counts_from_wall_time),
        RIG_TEST(without_a_clock_expires_is_turned_away_and_valid_ms_is_not),
        RIG_TEST(no_command_lives_longer_than_an_hour),
        RIG_TEST(one_that_waited_too_long_for_the_bus_has_expired),
        RIG_TEST(writes_of_one_thing_keep_their_interval),
        RIG_TEST(one_that_expires_while_its_intent_is_stored_is_not_sent),
        RIG_TEST(what_is_written_counts_for_the_minute_too),
        RIG_TEST(more_than_sixty_a_minute_are_turned_away),
        RIG_TEST(only_what_is_certain_is_called_done_or_failed),
        RIG_TEST(a_command_register_counts_by_its_confirmation),
        RIG_TEST(an_uncertain_write_is_an_issue_until_one_is_done),
        RIG_TEST(a_bus_that_takes_no_job_fails_the_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
