/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/drivers/modbus/write_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum gw_err commit(void *context, const struct gw_modbus_write_audit *audit,
                          struct gw_unit *unit) {
    struct write_rig *rig = context;
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
        (void) snprintf(rig->audit_target, sizeof rig->audit_target, "%.*s",
                        GW_STR_ARG(audit->target));
        (void) snprintf(rig->audit_detail, sizeof rig->audit_detail, "%.*s",
                        GW_STR_ARG(audit->detail));
    }
    return err;
}

static bool takes_jobs(void *context, const char *bus) {
    struct write_rig *rig = context;
    assert_string_equal(bus, "plc1");
    return !rig->is_reopening;
}

static enum gw_err post(void *context, const char *bus, const struct gw_modbus_job *job,
                        int64_t deadline_mono_ms, gw_modbus_job_done *done, uint64_t token) {
    struct write_rig *rig = context;
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

void write_answer(struct write_rig *rig, const struct gw_modbus_answer *answered) {
    assert_true(rig->has_posted);
    rig->has_posted = false;
    rig->posted.done(rig->posted.context, rig->posted.token, answered);
}

void write_obey(struct write_rig *rig) {
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
    write_answer(rig, &answered);
}

static void on_done(void *context, uint64_t token,
                    const struct gw_modbus_write_result *result) {
    struct write_rig *rig = context;
    assert_int_equal(token, 77);
    rig->answers++;
    rig->last = *result;
    (void) snprintf(rig->data, sizeof rig->data, "%.*s", GW_STR_ARG(result->data));
}

static void start(struct write_rig *rig) {
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

void write_die_and_start(struct write_rig *rig) {
    gw_modbus_writes_close(rig->writes);
    rig->has_posted = false;
    rig->fail_commit = 0;
    start(rig);
}

int write_rig_setup(void **state) {
    struct write_rig *rig = calloc(1, sizeof *rig);
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

int write_rig_teardown(void **state) {
    struct write_rig *rig = *state;
    gw_modbus_writes_close(rig->writes);
    gw_health_close(rig->health);
    gw_fake_intake_close(rig->intake);
    free(rig);
    return 0;
}

struct gw_modbus_command write_command(const char *id, const char *name, const char *value) {
    return (struct gw_modbus_command){.id = gw_str_from_cstr(id),
                                      .bus = GW_STR("plc1"),
                                      .name = gw_str_from_cstr(name),
                                      .value = gw_str_from_cstr(value),
                                      .valid_ms = 5000,
                                      .actor = GW_STR("gwctl:root"),
                                      .via = GW_STR("control")};
}

enum gw_err write_submit(struct write_rig *rig, const struct gw_modbus_command *wanted) {
    struct gw_buf reason;
    gw_buf_init(&reason, rig->reason, sizeof rig->reason - 1);
    enum gw_err err = gw_modbus_writes_submit(rig->writes, wanted, on_done, rig, 77, &reason);
    rig->reason[reason.len] = '\0';
    return err;
}

enum gw_err write_value(struct write_rig *rig, const char *id, const char *name,
                        const char *value) {
    struct gw_modbus_command wanted = write_command(id, name, value);
    return write_submit(rig, &wanted);
}

unsigned write_results(const struct write_rig *rig, const char *id) {
    unsigned count = 0;
    for (size_t i = 0; i < rig->intake->committed; i++) {
        const struct gw_fake_unit *unit = &rig->intake->units[i];
        count += unit->has_event && unit->type == GW_EVENT_COMMAND_RESULT
                 && strcmp(unit->correlation, id) == 0;
    }
    return count;
}

void write_pass(struct write_rig *rig, int64_t ms) {
    gw_fake_clock_advance(&rig->fake, ms);
    gw_modbus_writes_tick(rig->writes);
}

bool write_says(const struct write_rig *rig, const char *text) {
    return strstr(rig->data, text) != NULL;
}
