/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Safe writes with a store that fails and a gateway that dies at every step. The unit is a
 * table here that counts what is written to it: no command may be written twice.
 */
#include "drivers/modbus/write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_intake.h"

#define POSTED_MAX 32

struct rig {
    struct gw_fake_clock fake;
    struct gw_clock clock;
    struct gw_health *health;
    struct gw_fake_intake *intake;
    struct gw_modbus_writes *writes;
    struct gw_config_write rules[3];
    struct gw_config_bus buses[2];
    /* the store */
    int64_t commit_ms; /* a commit takes so long */
    int fail_commit;   /* the commit of that number fails, 0 = none */
    int commits;
    int audits;
    char audit_outcome[64];
    /* the bus */
    struct {
        struct gw_modbus_job job;
        gw_modbus_job_done *done;
        void *context;
        uint64_t token;
        int64_t deadline_mono_ms;
    } posted;
    bool has_posted, is_reopening;
    enum gw_err refuse_post;
    uint16_t memory[64];
    unsigned wire_writes, wire_reads;
    /* the asker */
    unsigned answers;
    struct gw_modbus_write_result last;
    char data[GW_MODBUS_RESULT_MAX_BYTES];
    char reason[600];
};

static enum gw_err commit(void *context, const struct gw_modbus_write_audit *audit,
                          struct gw_unit *unit) {
    struct rig *rig = context;
    struct gw_intake intake = gw_fake_intake(rig->intake);
    enum gw_err err = gw_intake_submit(&intake, unit);
    assert_int_equal(err, GW_OK);
    rig->commits++;
    gw_fake_clock_advance(&rig->fake, rig->commit_ms);
    err = rig->commits == rig->fail_commit ? GW_ERR_IO : GW_OK;
    gw_fake_intake_commit(rig->intake, err);
    if (!err && audit) {
        rig->audits++;
        (void) snprintf(rig->audit_outcome, sizeof rig->audit_outcome, "%.*s",
                        GW_STR_ARG(audit->outcome));
    }
    return err;
}

static bool takes_jobs(void *context, const char *bus) {
    struct rig *rig = context;
    assert_string_equal(bus, "plc1");
    return !rig->is_reopening;
}

static enum gw_err post(void *context, const char *bus, const struct gw_modbus_job *job,
                        int64_t deadline_mono_ms, gw_modbus_job_done *done, uint64_t token) {
    struct rig *rig = context;
    assert_string_equal(bus, "plc1");
    if (rig->refuse_post) {
        return rig->refuse_post;
    }
    assert_false(rig->has_posted);
    rig->has_posted = true;
    rig->posted.job = *job;
    rig->posted.done = done;
    rig->posted.context = rig->writes;
    rig->posted.token = token;
    rig->posted.deadline_mono_ms = deadline_mono_ms;
    return GW_OK;
}

/* The worker's answer to what was posted. */
static void answer(struct rig *rig, const struct gw_modbus_answer *answered) {
    assert_true(rig->has_posted);
    rig->has_posted = false;
    rig->posted.done(rig->posted.context, rig->posted.token, answered);
}

/* The unit does what it is told. */
static void obey(struct rig *rig) {
    struct gw_modbus_answer answered = {.was_sent = true};
    const struct gw_modbus_job *job = &rig->posted.job;
    uint16_t *place = &rig->memory[job->request.address];
    assert_true(rig->has_posted);
    size_t bytes = job->request.count * sizeof *place;
    if (job->is_write) {
        rig->wire_writes++;
        memcpy(place, job->words, bytes);
    } else {
        rig->wire_reads++;
    }
    memcpy(answered.words, place, bytes);
    answer(rig, &answered);
}

static void on_done(void *context, uint64_t token,
                    const struct gw_modbus_write_result *result) {
    struct rig *rig = context;
    assert_int_equal(token, 77);
    rig->answers++;
    rig->last = *result;
    (void) snprintf(rig->data, sizeof rig->data, "%.*s", GW_STR_ARG(result->data));
}

static void start(struct rig *rig) {
    struct gw_modbus_writes_options options = {.intake = gw_fake_intake(rig->intake),
                                               .commit = commit,
                                               .takes_jobs = takes_jobs,
                                               .post = post,
                                               .context = rig,
                                               .clock = &rig->clock,
                                               .health = rig->health};
    assert_int_equal(gw_modbus_writes_open(&options, &rig->writes), GW_OK);
    gw_modbus_writes_set_buses(rig->writes, rig->buses, 2);
}

/* kill -9, and the next start. */
static void die_and_start(struct rig *rig) {
    gw_modbus_writes_close(rig->writes);
    rig->has_posted = false;
    rig->fail_commit = 0;
    start(rig);
}

static int setup(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    rig->clock = gw_fake_clock_init(&rig->fake);
    rig->intake = gw_fake_intake_open();
    assert_int_equal(gw_health_open(&rig->clock, GW_STR("test"), 16, 16, &rig->health), GW_OK);
    rig->rules[0] = (struct gw_config_write){.name = "speed",
                                             .unit_id = 1,
                                             .area = GW_AREA_HOLDING_REGISTER,
                                             .address = 10,
                                             .type = GW_POINT_UINT16,
                                             .scale = "0.1",
                                             .min = "0",
                                             .max = "100",
                                             .min_interval_ms = 1000,
                                             .read_back = true};
    rig->rules[1] = (struct gw_config_write){.name = "command",
                                             .unit_id = 1,
                                             .area = GW_AREA_HOLDING_REGISTER,
                                             .address = 20,
                                             .type = GW_POINT_UINT16,
                                             .scale = "1",
                                             .min = "0",
                                             .max = "9",
                                             .multiple = true};
    rig->rules[2] = (struct gw_config_write){.name = "lamp",
                                             .unit_id = 2,
                                             .area = GW_AREA_COIL,
                                             .address = 5,
                                             .type = GW_POINT_BOOL,
                                             .scale = "1",
                                             .min = "",
                                             .max = "",
                                             .read_back = true};
    rig->buses[0] =
        (struct gw_config_bus){.name = "plc1", .writes = rig->rules, .write_count = 3};
    rig->buses[1] = (struct gw_config_bus){.name = "plc2"};
    start(rig);
    *state = rig;
    return 0;
}

static int teardown(void **state) {
    struct rig *rig = *state;
    gw_modbus_writes_close(rig->writes);
    gw_health_close(rig->health);
    gw_fake_intake_close(rig->intake);
    free(rig);
    return 0;
}

static struct gw_modbus_command command(const char *id, const char *name, const char *value) {
    return (struct gw_modbus_command){.id = gw_str_from_cstr(id),
                                      .bus = GW_STR("plc1"),
                                      .name = gw_str_from_cstr(name),
                                      .value = gw_str_from_cstr(value),
                                      .valid_ms = 5000,
                                      .actor = GW_STR("gwctl:root"),
                                      .via = GW_STR("control")};
}

static enum gw_err submit(struct rig *rig, const struct gw_modbus_command *wanted) {
    struct gw_buf reason;
    gw_buf_init(&reason, rig->reason, sizeof rig->reason - 1);
    enum gw_err err = gw_modbus_writes_submit(rig->writes, wanted, on_done, rig, 77, &reason);
    rig->reason[reason.len] = '\0';
    return err;
}

static enum gw_err write_value(struct rig *rig, const char *id, const char *name,
                               const char *value) {
    struct gw_modbus_command wanted = command(id, name, value);
    return submit(rig, &wanted);
}

/* command.result events in the store, and the outcome of the last one in rig->data. */
static unsigned results(const struct rig *rig, const char *id) {
    unsigned count = 0;
    for (size_t i = 0; i < rig->intake->committed; i++) {
        const struct gw_fake_unit *unit = &rig->intake->units[i];
        count += unit->has_event && unit->type == GW_EVENT_COMMAND_RESULT
                 && strcmp(unit->correlation, id) == 0;
    }
    return count;
}

static void pass(struct rig *rig, int64_t ms) {
    gw_fake_clock_advance(&rig->fake, ms);
    gw_modbus_writes_tick(rig->writes);
}

static bool says(const struct rig *rig, const char *text) {
    return strstr(rig->data, text) != NULL;
}

/* ---- the ordinary way ---- */

static void a_command_is_stored_written_read_back_and_told(void **state) {
    struct rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "12.5"), GW_OK);
    assert_int_equal(rig->commits, 1);
    assert_int_equal(rig->audits, 1);
    assert_string_equal(rig->audit_outcome, "intent");
    assert_int_equal(rig->answers, 0);
    assert_true(rig->posted.job.is_write && rig->posted.job.reads_back);
    assert_false(rig->posted.job.is_multiple);
    assert_int_equal(rig->posted.deadline_mono_ms, rig->fake.mono_ms + 5000);
    obey(rig);
    assert_int_equal(rig->memory[10], 125);
    assert_int_equal(rig->commits, 2);
    assert_int_equal(rig->answers, 1);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_DONE);
    assert_true(rig->last.is_stored && !rig->last.is_repeated);
    assert_string_equal(rig->data,
                        "{\"action\":\"modbus.write\",\"actor\":\"gwctl:root\",\"address\":10,"
                        "\"area\":\"holding_register\",\"bus\":\"plc1\",\"commandid\":\"c1\","
                        "\"detail\":\"confirmed\",\"name\":\"speed\",\"outcome\":\"done\","
                        "\"readback\":\"12.5\",\"unitid\":1,\"value\":\"12.5\","
                        "\"via\":\"control\"}");
    assert_int_equal(results(rig, "c1"), 1);
    const struct gw_fake_unit *unit = &rig->intake->units[rig->intake->committed - 1];
    assert_string_equal(unit->device, "plc1.speed");
    assert_string_equal(unit->data, rig->data);
    assert_int_equal(unit->class, gw_event_type_find(GW_EVENT_COMMAND_RESULT)->default_class);
}

static void a_place_names_the_same_thing_as_a_name(void **state) {
    struct rig *rig = *state;
    struct gw_modbus_command wanted = command("c1", "", "1");
    wanted.has_place = true;
    wanted.unit_id = 2;
    wanted.area = GW_AREA_COIL;
    wanted.address = 5;
    assert_int_equal(submit(rig, &wanted), GW_OK);
    obey(rig);
    assert_true(says(rig, "\"name\":\"lamp\"") && says(rig, "\"outcome\":\"done\""));
    assert_int_equal(write_value(rig, "c1", "lamp", "1"), GW_OK);
    assert_true(rig->last.is_repeated);
    assert_int_equal(rig->wire_writes, 1);
}

static void the_same_id_again_is_answered_and_nothing_is_written(void **state) {
    struct rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "12.5"), GW_OK);
    obey(rig);
    char first[GW_MODBUS_RESULT_MAX_BYTES];
    memcpy(first, rig->data, sizeof first);
    for (int i = 0; i < 3; i++) {
        pass(rig, 5000);
        assert_int_equal(write_value(rig, "c1", "speed", "12.5"), GW_OK);
        assert_true(rig->last.is_repeated && rig->last.is_stored);
        assert_string_equal(rig->data, first);
        if (i == 1) {
            die_and_start(rig);
        }
    }
    assert_int_equal(rig->answers, 4);
    assert_int_equal(rig->wire_writes, 1);
    assert_int_equal(results(rig, "c1"), 1);
    assert_int_equal(rig->commits, 2);
}

static void the_same_id_for_something_else_is_a_conflict(void **state) {
    struct rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "12.5"), GW_OK);
    assert_int_equal(write_value(rig, "c1", "speed", "13"), GW_ERR_DUPLICATE);
    obey(rig);
    pass(rig, 5000);
    assert_int_equal(write_value(rig, "c1", "speed", "13"), GW_ERR_DUPLICATE);
    assert_non_null(strstr(rig->reason, "conflict"));
    assert_int_equal(write_value(rig, "c1", "lamp", "1"), GW_ERR_DUPLICATE);
    assert_int_equal(write_value(rig, "c1", "speed", "12.50"), GW_ERR_DUPLICATE);
    assert_int_equal(rig->wire_writes, 1);
    assert_int_equal(rig->answers, 1);
}

static void one_that_is_under_way_is_not_taken_again(void **state) {
    struct rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "12.5"), GW_OK);
    assert_int_equal(write_value(rig, "c1", "speed", "12.5"), GW_ERR_BUSY);
    obey(rig);
    assert_int_equal(rig->answers, 1);
}

/* ---- what is not allowed ---- */

static void what_is_not_in_the_list_is_refused_told_and_remembered(void **state) {
    struct rig *rig = *state;
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
        struct gw_modbus_command wanted = command(id, rows[i].name, rows[i].value);
        wanted.bus = gw_str_from_cstr(rows[i].bus);
        assert_int_equal(submit(rig, &wanted), GW_OK);
        assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_REFUSED);
        assert_true(says(rig, rows[i].detail));
        assert_string_equal(rig->audit_outcome, "refused");
        assert_int_equal(results(rig, id), 1);
        assert_int_equal(submit(rig, &wanted), GW_OK);
        assert_true(rig->last.is_repeated);
        assert_int_equal(results(rig, id), 1);
    }
    assert_false(rig->has_posted);
    assert_int_equal(rig->wire_writes, 0);
}

static void a_name_and_a_place_that_disagree_are_refused(void **state) {
    struct rig *rig = *state;
    struct gw_modbus_command wanted = command("c1", "speed", "1");
    wanted.has_place = true;
    wanted.unit_id = 1;
    wanted.area = GW_AREA_HOLDING_REGISTER;
    wanted.address = 20;
    assert_int_equal(submit(rig, &wanted), GW_OK);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_REFUSED);
    assert_false(rig->has_posted);
}

static void what_is_no_command_is_turned_away_without_a_trace(void **state) {
    struct rig *rig = *state;
    struct gw_modbus_command good = command("c1", "speed", "1");
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
        assert_int_equal(submit(rig, &bad), GW_ERR_SCHEMA);
        assert_true(rig->reason[0] != '\0');
    }
    assert_int_equal(rig->commits, 0);
    assert_int_equal(rig->answers, 0);
}

static void nothing_is_taken_while_the_buses_are_closed(void **state) {
    struct rig *rig = *state;
    gw_modbus_writes_hold(rig->writes);
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_ERR_BUSY);
    assert_int_equal(gw_modbus_writes_next_mono_ms(rig->writes), GW_NEVER_MS);
    gw_modbus_writes_set_buses(rig->writes, rig->buses, 2);
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK);
    obey(rig);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_DONE);
}

/* ---- time ---- */

static void a_bus_that_is_being_reopened_turns_its_commands_away(void **state) {
    struct rig *rig = *state;
    rig->is_reopening = true;
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_ERR_BUSY);
    assert_string_equal(rig->reason, "the bus is being reopened: ask again");
    assert_int_equal(rig->commits, 0);
    assert_int_equal(write_value(rig, "c2", "speed", "101"), GW_OK); /* never allowed */
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_REFUSED);
    rig->is_reopening = false;
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK);
    obey(rig);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_DONE);
    rig->is_reopening = true;
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK); /* its id is known */
    assert_true(rig->last.is_repeated);
    assert_int_equal(rig->wire_writes, 1);
}

/* The bus is now the second, the entry has another scale and is not read back. */
static void a_write_under_way_is_judged_by_the_entry_it_was_taken_under(void **state) {
    struct rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "1.5"), GW_OK);
    struct gw_config_write rules[] = {rig->rules[0]};
    rules[0].scale = "100";
    rules[0].read_back = false;
    rig->rules[0].scale = "gone"; /* as the document it was in */
    const struct gw_config_bus buses[] = {{.name = "plc2"},
                                          {.name = "plc1", .writes = rules, .write_count = 1}};
    gw_modbus_writes_set_buses(rig->writes, buses, 2);
    struct gw_modbus_answer answered = {.was_sent = true, .words = {14}};
    answer(rig, &answered);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_UNKNOWN);
    assert_non_null(strstr(rig->data, "\"readback\":\"1.4\""));
    pass(rig, 1000);
    assert_int_equal(write_value(rig, "c2", "speed", "100"), GW_OK); /* posted to "plc1" */
    obey(rig);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_DONE);
    assert_int_equal(rig->memory[10], 1);
    gw_modbus_writes_set_buses(rig->writes, rig->buses, 2);
}

static void an_expired_command_is_told_and_never_sent(void **state) {
    struct rig *rig = *state;
    struct gw_modbus_command wanted = command("c1", "speed", "1");
    wanted.valid_ms = 0;
    wanted.expires_wall_ms = rig->fake.wall_ms - 1;
    assert_int_equal(submit(rig, &wanted), GW_OK);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_EXPIRED);
    assert_int_equal(results(rig, "c1"), 1);
    assert_int_equal(rig->commits, 1);
    assert_string_equal(rig->audit_outcome, "expired");
    assert_false(rig->has_posted);
}

static void one_that_expires_while_its_intent_is_stored_is_not_sent(void **state) {
    struct rig *rig = *state;
    rig->commit_ms = 5000;
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK);
    assert_false(rig->has_posted);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_EXPIRED);
    assert_int_equal(results(rig, "c1"), 1);
}

static void expires_counts_from_wall_time(void **state) {
    struct rig *rig = *state;
    struct gw_modbus_command wanted = command("c1", "speed", "1");
    wanted.valid_ms = 0;
    wanted.expires_wall_ms = rig->fake.wall_ms + 2500;
    assert_int_equal(submit(rig, &wanted), GW_OK);
    assert_int_equal(rig->posted.deadline_mono_ms, rig->fake.mono_ms + 2500);
}

static void without_a_clock_expires_is_turned_away_and_valid_ms_is_not(void **state) {
    struct rig *rig = *state;
    struct gw_modbus_command wanted = command("c1", "speed", "1");
    rig->fake.quality = GW_CLOCK_UNSYNCHRONISED;
    wanted.valid_ms = 0;
    wanted.expires_wall_ms = rig->fake.wall_ms + 2500;
    assert_int_equal(submit(rig, &wanted), GW_ERR_DENIED);
    assert_non_null(strstr(rig->reason, "valid_ms"));
    assert_int_equal(rig->commits, 0);
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK);
    obey(rig);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_DONE);
}

static void no_command_lives_longer_than_an_hour(void **state) {
    struct rig *rig = *state;
    struct gw_modbus_command wanted = command("c1", "speed", "1");
    wanted.valid_ms = 0;
    wanted.expires_wall_ms = rig->fake.wall_ms + GW_MODBUS_VALID_MAX_MS + 1;
    assert_int_equal(submit(rig, &wanted), GW_ERR_RANGE);
    assert_int_equal(rig->commits, 0);
}

static void one_that_waited_too_long_for_the_bus_has_expired(void **state) {
    struct rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK);
    answer(rig, &(struct gw_modbus_answer){.err = GW_ERR_TIMEOUT});
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_EXPIRED);
    assert_true(says(rig, "not sent"));
}

static void writes_of_one_thing_keep_their_interval(void **state) {
    struct rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "1"), GW_OK);
    obey(rig);
    pass(rig, 999);
    assert_int_equal(write_value(rig, "c2", "speed", "2"), GW_ERR_BUSY);
    assert_non_null(strstr(rig->reason, "1000 ms"));
    assert_int_equal(results(rig, "c2"), 0);
    pass(rig, 1);
    assert_int_equal(write_value(rig, "c2", "speed", "2"), GW_OK);
    obey(rig);
    assert_int_equal(rig->wire_writes, 2);
}

static void what_is_written_counts_for_the_minute_too(void **state) {
    struct rig *rig = *state;
    for (int i = 0; i < GW_MODBUS_WRITES_PER_MINUTE; i++) {
        char id[8];
        (void) snprintf(id, sizeof id, "m%d", i);
        assert_int_equal(write_value(rig, id, "command", "1"), GW_OK);
        obey(rig);
        rig->intake->kept_count = 0;
        rig->intake->state_count = 0;
    }
    assert_int_equal(write_value(rig, "c2", "command", "1"), GW_ERR_BUSY);
    assert_int_equal(rig->wire_writes, GW_MODBUS_WRITES_PER_MINUTE);
}

static void more_than_sixty_a_minute_are_turned_away(void **state) {
    struct rig *rig = *state;
    for (int i = 0; i < GW_MODBUS_WRITES_PER_MINUTE; i++) {
        assert_int_equal(write_value(rig, "same", "nothing", "1"), GW_OK);
        /* The fake keeps few states: forget this id and make another one of it. */
        rig->intake->kept_count = 0;
        rig->intake->state_count = 0;
    }
    assert_int_equal(write_value(rig, "c2", "lamp", "1"), GW_ERR_BUSY);
    assert_non_null(strstr(rig->reason, "60 a minute"));
    pass(rig, 60000);
    assert_int_equal(write_value(rig, "c2", "lamp", "1"), GW_OK);
}

/* ---- what the unit says ---- */

struct verdict {
    struct gw_modbus_answer answer;
    enum gw_modbus_outcome outcome;
    const char *detail;
};

static void assert_verdicts(struct rig *rig, const char *name, const struct verdict *rows,
                            size_t count) {
    for (size_t i = 0; i < count; i++) {
        char id[8];
        (void) snprintf(id, sizeof id, "v%zu", i % 4);
        rig->intake->kept_count = 0;
        rig->intake->state_count = 0;
        pass(rig, 10000);
        assert_int_equal(write_value(rig, id, name, "5"), GW_OK);
        answer(rig, &rows[i].answer);
        if (rig->last.outcome != rows[i].outcome || !says(rig, rows[i].detail)) {
            fail_msg("row %zu: %s", i, rig->data);
        }
    }
}

#define READS(word) .words = {word}
#define UNREADABLE .read_err = GW_ERR_TIMEOUT

static void only_what_is_certain_is_called_done_or_failed(void **state) {
    struct rig *rig = *state;
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
    struct rig *rig = *state;
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
    pass(rig, 10000);
    assert_int_equal(write_value(rig, "m", "command", "5"), GW_OK);
    assert_true(rig->posted.job.is_multiple);
    assert_false(rig->posted.job.reads_back);
}

static void an_uncertain_write_is_an_issue_until_one_is_done(void **state) {
    struct rig *rig = *state;
    struct gw_str subject = GW_STR("plc1.speed");
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    answer(rig, &(struct gw_modbus_answer){.was_sent = true, READS(49)});
    assert_true(gw_health_is_raised(rig->health, GW_ISSUE_MODBUS_WRITE_UNCERTAIN, subject));
    pass(rig, 2000);
    assert_int_equal(write_value(rig, "c2", "speed", "5"), GW_OK);
    obey(rig);
    assert_false(gw_health_is_raised(rig->health, GW_ISSUE_MODBUS_WRITE_UNCERTAIN, subject));
}

static void a_bus_that_takes_no_job_fails_the_command(void **state) {
    struct rig *rig = *state;
    rig->refuse_post = GW_ERR_BUSY;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_FAILED);
    assert_true(says(rig, "not sent"));
    assert_int_equal(results(rig, "c1"), 1);
}

/* ---- a store that fails ---- */

static void without_its_intent_nothing_is_written(void **state) {
    struct rig *rig = *state;
    rig->fail_commit = 1;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_ERR_IO);
    assert_false(rig->has_posted);
    assert_int_equal(rig->answers, 0);
    assert_int_equal(rig->audits, 0);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    obey(rig);
    assert_int_equal(rig->wire_writes, 1);
    assert_int_equal(results(rig, "c1"), 1);
}

static void a_result_that_cannot_be_stored_is_told_and_stored_later(void **state) {
    struct rig *rig = *state;
    pass(rig, 0);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    rig->fail_commit = 2;
    obey(rig);
    assert_int_equal(rig->answers, 1);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_DONE);
    assert_false(rig->last.is_stored);
    assert_int_equal(results(rig, "c1"), 0);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_ERR_BUSY);
    assert_int_equal(gw_modbus_writes_next_mono_ms(rig->writes), rig->fake.mono_ms + 1000);
    pass(rig, 1000);
    assert_int_equal(results(rig, "c1"), 1);
    assert_int_equal(rig->answers, 1);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    assert_true(rig->last.is_repeated);
    assert_int_equal(rig->wire_writes, 1);
}

/* ---- a gateway that dies ---- */

/* After the death at any step: the next process closes the command once, never writes it,
 * and answers its id. */
static void assert_closed_once(struct rig *rig, const char *outcome) {
    unsigned writes = rig->wire_writes;
    die_and_start(rig);
    for (int i = 0; i < 30 && results(rig, "c1") == 0; i++) {
        pass(rig, 1000);
        if (rig->has_posted) {
            assert_false(rig->posted.job.is_write);
            obey(rig);
        }
    }
    assert_int_equal(results(rig, "c1"), 1);
    pass(rig, 60000);
    assert_int_equal(results(rig, "c1"), 1);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    assert_true(rig->last.is_repeated);
    assert_string_equal(gw_modbus_outcome_name(rig->last.outcome), outcome);
    assert_int_equal(rig->wire_writes, writes);
    assert_true(rig->wire_writes <= 1);
}

static void death_between_intent_and_write_interrupts_the_command(void **state) {
    struct rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    assert_closed_once(rig, "interrupted");
    assert_true(says(rig, "reads differently") && says(rig, "\"readback\":\"0.0\""));
    assert_int_equal(rig->wire_writes, 0);
}

static void death_between_write_and_result_interrupts_the_command(void **state) {
    struct rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    rig->memory[10] = rig->posted.job.words[0];
    rig->wire_writes++;
    assert_closed_once(rig, "interrupted");
    assert_true(says(rig, "reads as it was to be written")
                && says(rig, "\"readback\":\"5.0\""));
}

static void death_while_the_result_cannot_be_stored_interrupts_the_command(void **state) {
    struct rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    rig->fail_commit = 2;
    obey(rig);
    assert_closed_once(rig, "interrupted");
}

static void death_after_the_result_changes_nothing(void **state) {
    struct rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    obey(rig);
    assert_closed_once(rig, "done");
}

static void death_again_and_again_while_it_is_being_closed_closes_it_once(void **state) {
    struct rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    for (int i = 0; i < 5; i++) {
        die_and_start(rig);
        pass(rig, 0);
        assert_true(rig->has_posted && !rig->posted.job.is_write);
    }
    assert_closed_once(rig, "interrupted");
}

static void an_interrupted_command_waits_for_its_bus_but_not_for_ever(void **state) {
    struct rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    die_and_start(rig);
    int asked = 0;
    for (int i = 0; i < 60 && results(rig, "c1") == 0; i++) {
        pass(rig, 500);
        if (rig->has_posted) {
            asked++;
            answer(rig, &(struct gw_modbus_answer){.err = GW_ERR_NOCONN});
        }
    }
    assert_true(asked > 5);
    assert_int_equal(results(rig, "c1"), 1);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_INTERRUPTED);
    assert_true(says(rig, "cannot be read now"));
    assert_int_equal(rig->wire_writes, 0);
}

static void an_interrupted_command_of_a_bus_that_is_gone_is_closed(void **state) {
    struct rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    die_and_start(rig);
    gw_modbus_writes_set_buses(rig->writes, rig->buses + 1, 1);
    pass(rig, 0);
    assert_int_equal(results(rig, "c1"), 1);
    assert_false(rig->has_posted);
}

static void one_of_a_former_process_is_turned_away_until_it_is_closed(void **state) {
    struct rig *rig = *state;
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    die_and_start(rig);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_ERR_BUSY);
    assert_int_equal(write_value(rig, "c1", "speed", "6"), GW_ERR_DUPLICATE);
    pass(rig, 0);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_ERR_BUSY);
    obey(rig);
    assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
    assert_int_equal(rig->last.outcome, GW_MODBUS_WRITE_INTERRUPTED);
}

/* Every commit fails once, and the gateway dies after each step: whatever is combined, the
 * unit is written at most once and the result is told once. */
static void no_combination_of_failures_writes_twice(void **state) {
    for (int fail = 0; fail <= 4; fail++) {
        for (int death = 0; death <= 3; death++) {
            struct rig *rig = *state;
            assert_int_equal(teardown(state), 0);
            assert_int_equal(setup(state), 0);
            rig = *state;
            rig->fail_commit = fail;
            enum gw_err err = write_value(rig, "c1", "speed", "5");
            if (!err && death != 1 && rig->has_posted) {
                obey(rig);
            }
            if (death == 2) {
                pass(rig, 1000);
            }
            if (death > 0) {
                die_and_start(rig);
            }
            for (int i = 0; i < 5; i++) {
                err = write_value(rig, "c1", "speed", "5");
                if (rig->has_posted) {
                    obey(rig);
                }
                pass(rig, 2000);
                if (rig->has_posted) {
                    obey(rig);
                }
            }
            assert_true(rig->wire_writes <= 1);
            assert_int_equal(results(rig, "c1"), 1);
            assert_int_equal(write_value(rig, "c1", "speed", "5"), GW_OK);
            assert_true(rig->last.is_repeated);
        }
    }
}

/* ---- records ---- */

static void a_record_reads_as_it_was_written(void **state) {
    (void) state;
    struct gw_modbus_record record = {.ordinal = 7,
                                      .id = "a-b",
                                      .bus = "plc1",
                                      .name = "speed",
                                      .has_place = true,
                                      .unit_id = 9,
                                      .area = GW_AREA_COIL,
                                      .address = 65535,
                                      .value = "-1.5",
                                      .word_count = 2,
                                      .words = {0x1234, 0xabcd},
                                      .actor = "page:anna",
                                      .via = "status",
                                      .time_wall_ms = 1795418040123,
                                      .has_result = true,
                                      .outcome = GW_MODBUS_WRITE_UNKNOWN,
                                      .result = "{\"a\":1}"};
    struct gw_modbus_record again = {0};
    char storage[GW_MODBUS_RECORD_MAX_BYTES];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    assert_int_equal(gw_modbus_record_format(&record, &buf), GW_OK);
    assert_int_equal(gw_modbus_record_parse(GW_STR("a-b"), gw_buf_str(&buf), &again), GW_OK);
    assert_true(gw_modbus_record_is_same(&record, &again));
    assert_int_equal(again.ordinal, 7);
    assert_int_equal(again.word_count, 2);
    assert_memory_equal(again.words, record.words, 4);
    assert_string_equal(again.actor, "page:anna");
    assert_string_equal(again.result, "{\"a\":1}");
    assert_int_equal(again.outcome, GW_MODBUS_WRITE_UNKNOWN);
    assert_int_equal(again.time_wall_ms, 1795418040123);
    for (size_t len = 0; len + 1 < buf.len; len++) {
        struct gw_str cut = gw_str_sub(gw_buf_str(&buf), 0, len);
        assert_true(gw_modbus_record_parse(GW_STR("a-b"), cut, &again) == GW_ERR_CORRUPT
                    || len + 9 > buf.len);
    }
    storage[0] = '2';
    assert_int_equal(gw_modbus_record_parse(GW_STR("a-b"), gw_buf_str(&buf), &again),
                     GW_ERR_CORRUPT);
}

static void the_oldest_record_makes_room(void **state) {
    struct rig *rig = *state;
    struct gw_intake intake = gw_fake_intake(rig->intake);
    struct gw_modbus_record record = {.ordinal = 1, .id = "first"};
    struct gw_modbus_record_changes changes;
    assert_int_equal(gw_modbus_record_store(&intake, &record, 0, &changes), GW_OK);
    assert_int_equal(changes.count, 3);
    struct gw_unit unit = {.state_table = GW_MODBUS_WRITES_TABLE,
                           .changes = changes.changes,
                           .change_count = changes.count};
    assert_int_equal(gw_intake_submit(&intake, &unit), GW_OK);
    gw_fake_intake_commit(rig->intake, GW_OK);
    record.ordinal = GW_MODBUS_WRITES_KEPT + 1;
    (void) snprintf(record.id, sizeof record.id, "new");
    assert_int_equal(gw_modbus_record_store(&intake, &record, GW_MODBUS_WRITES_KEPT, &changes),
                     GW_OK);
    assert_int_equal(changes.count, 5);
    assert_null(changes.changes[3].value.ptr);
    assert_null(changes.changes[4].value.ptr);
    assert_true(gw_str_eq(gw_str_from_bytes(changes.changes[4].key), GW_STR("c:first")));
    record.has_result = true;
    assert_int_equal(
        gw_modbus_record_store(&intake, &record, GW_MODBUS_WRITES_KEPT + 1, &changes), GW_OK);
    assert_int_equal(changes.count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_command_is_stored_written_read_back_and_told),
        TEST(a_place_names_the_same_thing_as_a_name),
        TEST(the_same_id_again_is_answered_and_nothing_is_written),
        TEST(the_same_id_for_something_else_is_a_conflict),
        TEST(one_that_is_under_way_is_not_taken_again),
        TEST(what_is_not_in_the_list_is_refused_told_and_remembered),
        TEST(a_name_and_a_place_that_disagree_are_refused),
        TEST(what_is_no_command_is_turned_away_without_a_trace),
        TEST(nothing_is_taken_while_the_buses_are_closed),
        TEST(a_bus_that_is_being_reopened_turns_its_commands_away),
        TEST(a_write_under_way_is_judged_by_the_entry_it_was_taken_under),
        TEST(an_expired_command_is_told_and_never_sent),
        TEST(expires_counts_from_wall_time),
        TEST(without_a_clock_expires_is_turned_away_and_valid_ms_is_not),
        TEST(no_command_lives_longer_than_an_hour),
        TEST(one_that_waited_too_long_for_the_bus_has_expired),
        TEST(writes_of_one_thing_keep_their_interval),
        TEST(one_that_expires_while_its_intent_is_stored_is_not_sent),
        TEST(what_is_written_counts_for_the_minute_too),
        TEST(more_than_sixty_a_minute_are_turned_away),
        TEST(only_what_is_certain_is_called_done_or_failed),
        TEST(a_command_register_counts_by_its_confirmation),
        TEST(an_uncertain_write_is_an_issue_until_one_is_done),
        TEST(a_bus_that_takes_no_job_fails_the_command),
        TEST(without_its_intent_nothing_is_written),
        TEST(a_result_that_cannot_be_stored_is_told_and_stored_later),
        TEST(death_between_intent_and_write_interrupts_the_command),
        TEST(death_between_write_and_result_interrupts_the_command),
        TEST(death_while_the_result_cannot_be_stored_interrupts_the_command),
        TEST(death_after_the_result_changes_nothing),
        TEST(death_again_and_again_while_it_is_being_closed_closes_it_once),
        TEST(an_interrupted_command_waits_for_its_bus_but_not_for_ever),
        TEST(an_interrupted_command_of_a_bus_that_is_gone_is_closed),
        TEST(one_of_a_former_process_is_turned_away_until_it_is_closed),
        TEST(no_combination_of_failures_writes_twice),
        TEST(a_record_reads_as_it_was_written),
        TEST(the_oldest_record_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
