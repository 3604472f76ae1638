/* SPDX-License-Identifier: Apache-2.0 */
/* What has to be done again: intents of a former process are closed, never written; results
 * that could not be stored are. */
#include "drivers/modbus/write_internal.h"

/* An interrupted command's place is asked for so long, then it is closed without. */
#define RECOVERY_MS 15000
#define READ_MS 5000

/* ---- intents of a former process ---- */

static bool is_flying(void *context, struct gw_str id) {
    return writes_find_flight(context, id) != NULL;
}

static void on_reread(void *context, uint64_t token, const struct gw_modbus_answer *answer) {
    struct gw_modbus_writes *writes = context;
    struct write_flight *flight = writes_find_number(writes, token);
    if (!flight || flight->phase != FLIGHT_ASKING) {
        return;
    }
    if (answer->err && writes_now(writes) < flight->give_up_mono_ms) {
        flight->phase = FLIGHT_RECOVERING; /* the bus may not be connected yet */
        flight->next_mono_ms = writes_now(writes) + WRITES_RETRY_MS;
        return;
    }
    struct gw_modbus_ending ending;
    gw_modbus_judge_interrupted(&flight->record, writes_find_rule(writes, &flight->record),
                                answer, &ending);
    writes_end_flight(writes, flight, &ending);
}

/* Read the place of an interrupted command, never write it. */
static void reread(struct gw_modbus_writes *writes, struct write_flight *flight) {
    struct gw_modbus_job job = writes_job_of(&flight->record);
    flight->phase = FLIGHT_ASKING;
    flight->next_mono_ms = GW_NEVER_MS;
    bool is_there = flight->record.has_place && flight->record.word_count > 0
                    && writes_find_bus(writes, flight->record.bus);
    enum gw_err err =
        is_there ? writes->options.post(writes->options.context, flight->record.bus, &job,
                                        writes_now(writes) + READ_MS, on_reread, flight->number)
                 : GW_ERR_NOENT;
    if (err == GW_OK) {
        return;
    }
    if (err == GW_ERR_NOENT || writes_now(writes) >= flight->give_up_mono_ms) {
        struct gw_modbus_ending ending;
        gw_modbus_judge_interrupted(&flight->record, NULL, NULL, &ending);
        writes_end_flight(writes, flight, &ending);
        return;
    }
    flight->phase = FLIGHT_RECOVERING;
    flight->next_mono_ms = writes_now(writes) + WRITES_RETRY_MS;
}

static void find_intents(struct gw_modbus_writes *writes) {
    for (;;) {
        struct gw_modbus_record record;
        enum gw_err err =
            gw_modbus_record_find_intent(&writes->options.intake, is_flying, writes, &record);
        writes->recover_mono_ms =
            err == GW_ERR_NOENT ? GW_NEVER_MS : writes_now(writes) + WRITES_RETRY_MS;
        struct write_flight *flight = err ? NULL : writes_start_flight(writes);
        if (!flight) {
            return;
        }
        flight->record = record;
        flight->is_recovery = true;
        flight->give_up_mono_ms = writes_now(writes) + RECOVERY_MS;
        reread(writes, flight);
    }
}

int64_t gw_modbus_writes_next_mono_ms(const struct gw_modbus_writes *writes) {
    int64_t next_mono_ms = writes->recover_mono_ms;
    for (size_t i = 0; i < GW_MODBUS_WRITES_AT_ONCE; i++) {
        const struct write_flight *flight = &writes->flights[i];
        if (flight->phase != FLIGHT_UNUSED && flight->next_mono_ms < next_mono_ms) {
            next_mono_ms = flight->next_mono_ms;
        }
    }
    return writes->is_open ? next_mono_ms : GW_NEVER_MS;
}

void gw_modbus_writes_tick(struct gw_modbus_writes *writes) {
    int64_t now_mono_ms = writes_now(writes);
    if (!writes->is_open) {
        return;
    }
    if (now_mono_ms >= writes->recover_mono_ms) {
        find_intents(writes);
    }
    for (size_t i = 0; i < GW_MODBUS_WRITES_AT_ONCE; i++) {
        struct write_flight *flight = &writes->flights[i];
        if (flight->phase == FLIGHT_UNUSED || flight->next_mono_ms > now_mono_ms) {
            continue;
        }
        if (flight->phase == FLIGHT_STORING) {
            writes_store_result(writes, flight);
        } else if (flight->phase == FLIGHT_RECOVERING) {
            reread(writes, flight);
        }
    }
}
