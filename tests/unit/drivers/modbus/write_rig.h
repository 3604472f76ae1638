/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Safe writes with a store that fails and a gateway that dies at every step. The unit is a
 * table here that counts what is written to it: no command may be written twice.
 */
#ifndef GW_TESTS_UNIT_DRIVERS_MODBUS_WRITE_RIG_H
#define GW_TESTS_UNIT_DRIVERS_MODBUS_WRITE_RIG_H

#include "drivers/modbus/write.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_intake.h"

struct write_rig {
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
    char audit_outcome[64], audit_target[200], audit_detail[200];
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

/* Bus "plc1" may be written at speed (unit 1), command (unit 1) and lamp (unit 2), bus "plc2"
 * nowhere. */
int write_rig_setup(void **state);
int write_rig_teardown(void **state);
/* kill -9, and the next start. */
void write_die_and_start(struct write_rig *rig);

/* A command on "plc1", valid for five seconds. */
struct gw_modbus_command write_command(const char *id, const char *name, const char *value);
enum gw_err write_submit(struct write_rig *rig, const struct gw_modbus_command *wanted);
enum gw_err write_value(struct write_rig *rig, const char *id, const char *name,
                        const char *value);
/* The worker's answer to what was posted. */
void write_answer(struct write_rig *rig, const struct gw_modbus_answer *answered);
/* The unit does what it is told. */
void write_obey(struct write_rig *rig);
void write_pass(struct write_rig *rig, int64_t ms);

/* command.result events in the store, and the outcome of the last one in rig->data. */
unsigned write_results(const struct write_rig *rig, const char *id);
/* Whether rig->data contains the text. */
bool write_says(const struct write_rig *rig, const char *text);

#endif
