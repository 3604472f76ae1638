/* SPDX-License-Identifier: Apache-2.0 */
/* Records, results and those who wait for them. */
#include "drivers/modbus/write_internal.h"

#include <stdio.h>
#include <string.h>

#include "drivers/profile/registers.h"

/* ---- configuration ---- */

const struct gw_config_bus *writes_find_bus(const struct gw_modbus_writes *writes,
                                            const char *name) {
    for (size_t i = 0; i < writes->bus_count; i++) {
        if (strcmp(writes->buses[i].name, name) == 0) {
            return &writes->buses[i];
        }
    }
    return NULL;
}

const struct gw_config_write *writes_find_rule(const struct gw_modbus_writes *writes,
                                               const struct gw_modbus_record *record) {
    const struct gw_config_bus *bus = writes_find_bus(writes, record->bus);
    return bus && record->has_place
               ? gw_modbus_write_at(bus, record->unit_id, record->area, record->address)
               : NULL;
}

/* ---- flights ---- */

struct write_flight *writes_find_flight(struct gw_modbus_writes *writes, struct gw_str id) {
    for (size_t i = 0; i < GW_MODBUS_WRITES_AT_ONCE; i++) {
        struct write_flight *flight = &writes->flights[i];
        if (flight->phase != FLIGHT_UNUSED
            && gw_str_eq(id, gw_str_from_cstr(flight->record.id))) {
            return flight;
        }
    }
    return NULL;
}

struct write_flight *writes_start_flight(struct gw_modbus_writes *writes) {
    for (size_t i = 0; i < GW_MODBUS_WRITES_AT_ONCE; i++) {
        if (writes->flights[i].phase == FLIGHT_UNUSED) {
            writes->flights[i] =
                (struct write_flight){.number = ++writes->flown, .next_mono_ms = GW_NEVER_MS};
            return &writes->flights[i];
        }
    }
    return NULL;
}

struct write_flight *writes_find_number(struct gw_modbus_writes *writes, uint64_t number) {
    for (size_t i = 0; i < GW_MODBUS_WRITES_AT_ONCE; i++) {
        if (writes->flights[i].phase != FLIGHT_UNUSED && writes->flights[i].number == number) {
            return &writes->flights[i];
        }
    }
    return NULL;
}

/* ---- committing ---- */

#define SUBJECT_BYTES 130

static void put_device(const struct gw_modbus_record *record, char dst[static SUBJECT_BYTES]) {
    bool is_named = record->name[0] != '\0' && record->has_place;
    (void) snprintf(dst, SUBJECT_BYTES, "%s%s%s", is_named ? record->bus : "gateway",
                    is_named ? "." : "", is_named ? record->name : "");
}

/* Store the record; with its event once it has a result. */
static enum gw_err commit_record(struct gw_modbus_writes *writes,
                                 struct gw_modbus_record *record,
                                 const struct gw_modbus_write_audit *audit) {
    struct gw_modbus_record_changes changes;
    if (record->ordinal == 0) {
        record->ordinal = writes->newest + 1;
    }
    enum gw_err err =
        gw_modbus_record_store(&writes->options.intake, record, writes->newest, &changes);
    char device[SUBJECT_BYTES];
    put_device(record, device);
    struct gw_event_draft event = {
        .type = GW_EVENT_COMMAND_RESULT,
        .class = gw_event_type_find(GW_EVENT_COMMAND_RESULT)->default_class,
        .time_wall_ms = gw_clock_wall_ms(writes->options.clock),
        .device = gw_str_from_cstr(device),
        .correlation_id = gw_str_from_cstr(record->id),
        .data = gw_str_from_cstr(record->result),
    };
    struct gw_unit unit = {.state_table = GW_MODBUS_WRITES_TABLE,
                           .events = &event,
                           .event_count = record->has_result ? 1 : 0,
                           .changes = changes.changes,
                           .change_count = changes.count};
    if (!err) {
        err = writes->options.commit(writes->options.context, audit, &unit);
    }
    if (!err && record->ordinal > writes->newest) {
        writes->newest = record->ordinal;
    }
    return err;
}

static void put_target(const struct gw_modbus_record *record, char dst[static 200]) {
    if (record->has_place) {
        (void) snprintf(dst, 200, "%s.%s unit %u %s %u", record->bus, record->name,
                        (unsigned) record->unit_id, gw_point_area_name(record->area),
                        (unsigned) record->address);
    } else {
        (void) snprintf(dst, 200, "%s.%s", record->bus, record->name);
    }
}

enum gw_err writes_commit(struct gw_modbus_writes *writes, struct gw_modbus_record *record) {
    const char *outcome =
        record->has_result ? gw_modbus_outcome_name(record->outcome) : "intent";
    char target[200], detail[200];
    put_target(record, target);
    (void) snprintf(detail, sizeof detail, "command %s value %s via %s", record->id,
                    record->value, record->via);
    struct gw_modbus_write_audit audit = {
        .actor = gw_str_from_cstr(record->actor),
        .target = gw_str_from_cstr(target),
        .outcome = gw_str_from_cstr(outcome),
        .detail = gw_str_from_cstr(detail),
    };
    return commit_record(writes, record, &audit);
}

/* ---- results ---- */

void writes_tell(struct write_flight *flight, bool is_stored) {
    struct gw_modbus_write_result result = {
        .outcome = flight->record.outcome,
        .data = gw_str_from_cstr(flight->record.result),
        .is_stored = is_stored,
    };
    gw_modbus_write_done *done = flight->done;
    flight->done = NULL;
    if (done) {
        done(flight->context, flight->token, &result);
    }
}

void writes_raise_doubt(struct gw_modbus_writes *writes, const struct write_doubt *doubt) {
    char subject[SUBJECT_BYTES];
    (void) snprintf(subject, sizeof subject, "%s.%s", doubt->bus, doubt->name);
    gw_health_raise(writes->options.health, GW_ISSUE_MODBUS_WRITE_UNCERTAIN,
                    gw_str_from_cstr(subject), "command %s, value %s: %s", doubt->id,
                    doubt->value, gw_modbus_outcome_name(doubt->outcome));
}

void writes_note_outcome(struct gw_modbus_writes *writes,
                         const struct gw_modbus_record *record) {
    char subject[SUBJECT_BYTES];
    struct write_doubt doubt;
    switch (record->outcome) {
    case GW_MODBUS_WRITE_DONE:
        ++*writes->done;
        put_device(record, subject);
        gw_health_clear(writes->options.health, GW_ISSUE_MODBUS_WRITE_UNCERTAIN,
                        gw_str_from_cstr(subject));
        break;
    case GW_MODBUS_WRITE_UNKNOWN:
    case GW_MODBUS_WRITE_INTERRUPTED:
        ++*writes->uncertain;
        doubt = writes_doubt_of(record);
        writes_raise_doubt(writes, &doubt);
        break;
    default:
        ++*writes->refused;
        break;
    }
}

/* The result is made: store it, now or as soon as the store can be written. */
void writes_store_result(struct gw_modbus_writes *writes, struct write_flight *flight) {
    flight->phase = FLIGHT_STORING;
    if (writes_commit(writes, &flight->record)) {
        flight->next_mono_ms = writes_now(writes) + WRITES_RETRY_MS;
        writes_tell(flight, false);
        return;
    }
    writes_note_outcome(writes, &flight->record);
    /* The place is free before anybody is told: they may submit again. */
    struct write_flight copy = *flight;
    flight->phase = FLIGHT_UNUSED;
    writes_tell(&copy, true);
}

void writes_end_flight(struct gw_modbus_writes *writes, struct write_flight *flight,
                       const struct gw_modbus_ending *ending) {
    gw_modbus_put_result(&flight->record, ending);
    writes_store_result(writes, flight);
}

void writes_end_plainly(struct gw_modbus_writes *writes, struct write_flight *flight,
                        enum gw_modbus_outcome outcome, const char *detail) {
    struct gw_modbus_ending ending = {.outcome = outcome};
    (void) gw_str_copy(gw_str_from_cstr(detail), ending.detail, sizeof ending.detail);
    writes_end_flight(writes, flight, &ending);
}

struct gw_modbus_job writes_job_of(const struct gw_modbus_record *record) {
    struct gw_modbus_job job = {.request = {.unit_id = record->unit_id,
                                            .area = record->area,
                                            .address = record->address,
                                            .count = record->word_count}};
    memcpy(job.words, record->words, sizeof record->words);
    return job;
}
