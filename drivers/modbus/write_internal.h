/* SPDX-License-Identifier: Apache-2.0 */
/* Of write*.c only. */
#ifndef GW_MODBUS_WRITE_INTERNAL_H
#define GW_MODBUS_WRITE_INTERNAL_H

#include "drivers/modbus/write.h"

/* What is known when a command ends. */
struct gw_modbus_ending {
    enum gw_modbus_outcome outcome;
    char detail[512];
    char readback[GW_DECIMAL_TEXT_MAX + 1]; /* "" = not read */
    unsigned exception;
};

/* Until a store or a bus that failed is asked again. */
#define WRITES_RETRY_MS 1000
/* Entries of `writes` whose last write is remembered for min_interval_ms: those that were
 * written last. */
#define WRITES_PACES 512

/* Of an entry's scale (firmware/config/table.c), with NUL. */
#define WRITES_SCALE_BYTES 33

enum write_phase { FLIGHT_UNUSED, FLIGHT_ASKING, FLIGHT_RECOVERING, FLIGHT_STORING };

struct write_flight {
    enum write_phase phase;
    bool is_recovery;
    uint64_t number; /* tells a late answer from a later flight's */
    struct gw_modbus_record record;
    /* The entry it was taken under: another configuration may come before its answer. */
    bool has_rule;
    struct gw_config_write rule; /* without the texts that are looked at before */
    char rule_scale[WRITES_SCALE_BYTES];
    gw_modbus_write_done *done;
    void *context;
    uint64_t token;
    int64_t next_mono_ms, give_up_mono_ms;
};

/* When something was written last. */
struct write_pace {
    char bus[64], name[64];
    int64_t last_mono_ms;
};

/* A write nobody is sure of. */
struct write_doubt {
    char bus[64], name[64];
    char id[GW_MODBUS_COMMAND_ID_MAX + 1];
    char value[GW_MODBUS_VALUE_MAX_BYTES + 1];
    enum gw_modbus_outcome outcome;
};

struct gw_modbus_writes {
    struct gw_modbus_writes_options options;
    const struct gw_config_bus *buses;
    size_t bus_count;
    bool is_open; /* the buses take jobs */
    struct write_flight flights[GW_MODBUS_WRITES_AT_ONCE];
    uint64_t flown;
    uint64_t newest;         /* ordinal */
    int64_t recover_mono_ms; /* when to look for intents; GW_NEVER_MS = all closed */
    struct write_pace paces[WRITES_PACES];
    size_t pace_count;
    struct write_doubt *doubts; /* of former processes, until the buses are known */
    size_t doubt_count;
    unsigned minute_count;
    int64_t minute_mono_ms;
    uint64_t *done, *refused, *uncertain, *turned_away;
};

static inline int64_t writes_now(const struct gw_modbus_writes *writes) {
    return gw_clock_mono_ms(writes->options.clock);
}

/* ---- write_store.c ---- */

/* The bus of that name, NULL if there is none. */
const struct gw_config_bus *writes_find_bus(const struct gw_modbus_writes *writes,
                                            const char *name);
/* The entry that says a record's place today. */
const struct gw_config_write *writes_find_rule(const struct gw_modbus_writes *writes,
                                               const struct gw_modbus_record *record);
/* By id, by number; NULL. */
struct write_flight *writes_find_flight(struct gw_modbus_writes *writes, struct gw_str id);
struct write_flight *writes_find_number(struct gw_modbus_writes *writes, uint64_t number);
/* A free one, NULL if all are under way; used once it has a phase. */
struct write_flight *writes_start_flight(struct gw_modbus_writes *writes);
/* Store a record, with its event once it has a result, and an entry of the audit chain. */
enum gw_err writes_commit(struct gw_modbus_writes *writes, struct gw_modbus_record *record);
/* Tell whoever waits, once. */
void writes_tell(struct write_flight *flight, bool is_stored);
/* Count it; raise or end the issue. */
void writes_note_outcome(struct gw_modbus_writes *writes,
                         const struct gw_modbus_record *record);
/* Store the result, now or as soon as the store can be written, and tell it. */
void writes_store_result(struct gw_modbus_writes *writes, struct write_flight *flight);
/* Make the result of what is known, and store it. */
void writes_end_flight(struct gw_modbus_writes *writes, struct write_flight *flight,
                       const struct gw_modbus_ending *ending);
void writes_end_plainly(struct gw_modbus_writes *writes, struct write_flight *flight,
                        enum gw_modbus_outcome outcome, const char *detail);
/* A read of the record's place; its words are those to write. */
struct gw_modbus_job writes_job_of(const struct gw_modbus_record *record);

/* The issue of a write nobody is sure of. */
void writes_raise_doubt(struct gw_modbus_writes *writes, const struct write_doubt *doubt);

/* ---- write_memory.c ---- */

/* Take out of the records what this process must know. NOMEM, IO. */
enum gw_err writes_remember(struct gw_modbus_writes *writes);
/* What is told of a record that is uncertain. */
struct write_doubt writes_doubt_of(const struct gw_modbus_record *record);
/* Raise what former processes left uncertain and the configuration still allows, once. */
void writes_raise_doubts(struct gw_modbus_writes *writes);
/* The record's place is written now. */
void writes_note_pace(struct gw_modbus_writes *writes, const struct gw_modbus_record *record);
bool writes_is_too_early(struct gw_modbus_writes *writes, const struct gw_config_write *write,
                         const struct gw_modbus_record *record);

/* ---- write_judge.c ---- */

/* Outcome of a command whose job was answered. `write` may be NULL (not in the
 * configuration any more). */
void gw_modbus_judge_answer(const struct gw_modbus_record *record,
                            const struct gw_config_write *write,
                            const struct gw_modbus_answer *answer,
                            struct gw_modbus_ending *ret_ending);
/* Outcome of an intent of a former process whose place was read, or could not be. */
void gw_modbus_judge_interrupted(const struct gw_modbus_record *record,
                                 const struct gw_config_write *write,
                                 const struct gw_modbus_answer *answer,
                                 struct gw_modbus_ending *ret_ending);
/* record->result: data of the command.result event. */
void gw_modbus_put_result(struct gw_modbus_record *record,
                          const struct gw_modbus_ending *ending);

/* The form of a command: what is no command at all. SCHEMA, RANGE with a sentence. */
enum gw_err gw_modbus_check_command(const struct gw_modbus_command *command,
                                    struct gw_buf *reason);

#endif
