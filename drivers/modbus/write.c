/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/write.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/modbus/write_internal.h"
#include "firmware/base/cleanup.h"

#define MINUTE_MS 60000

GW_DEFINE_CLEANUP(struct gw_modbus_writes *, gw_modbus_writes_close, closep)

/* ---- on the wire ---- */

static void on_written(void *context, uint64_t token, const struct gw_modbus_answer *answer) {
    struct gw_modbus_writes *writes = context;
    struct write_flight *flight = writes_find_number(writes, token);
    if (!flight || flight->phase != FLIGHT_ASKING) {
        return;
    }
    struct gw_modbus_ending ending;
    gw_modbus_judge_answer(&flight->record, flight->has_rule ? &flight->rule : NULL, answer,
                           &ending);
    writes_end_flight(writes, flight, &ending);
}

static void keep_rule(struct write_flight *flight, const struct gw_config_write *write) {
    flight->rule = *write;
    flight->rule.name = flight->rule.min = flight->rule.max = "";
    flight->rule.values = NULL;
    flight->rule.value_count = 0;
    flight->rule.scale = flight->rule_scale;
    flight->has_rule =
        !gw_str_copy(gw_str_from_cstr(write->scale), flight->rule_scale, WRITES_SCALE_BYTES);
}

static void send_write(struct gw_modbus_writes *writes, struct write_flight *flight,
                       const struct gw_config_write *write, int64_t deadline_mono_ms) {
    struct gw_modbus_job job = writes_job_of(&flight->record);
    job.is_write = true;
    job.is_multiple = write->multiple;
    job.reads_back = write->read_back;
    keep_rule(flight, write);
    flight->phase = FLIGHT_ASKING;
    enum gw_err err = writes->options.post(writes->options.context, flight->record.bus, &job,
                                           deadline_mono_ms, on_written, flight->number);
    if (err) {
        writes_end_plainly(writes, flight, GW_MODBUS_WRITE_FAILED,
                           err == GW_ERR_BUSY ? "not sent: too much waits for this bus"
                                              : "not sent: the bus is closed");
    }
}

/* ---- checks of a command ---- */

static enum gw_err turn_away(struct gw_modbus_writes *writes, enum gw_err err,
                             struct gw_buf *reason, const char *sentence) {
    ++*writes->turned_away;
    (void) gw_buf_put_str(reason, gw_str_from_cstr(sentence));
    return err;
}

static void copy_command(const struct gw_modbus_writes *writes,
                         const struct gw_modbus_command *command,
                         struct gw_modbus_record *record) {
    *record = (struct gw_modbus_record){
        .has_place = command->has_place,
        .unit_id = command->has_place ? command->unit_id : 0,
        .area = command->has_place ? command->area : GW_AREA_COIL,
        .address = command->has_place ? command->address : 0,
        .time_wall_ms = gw_clock_wall_ms(writes->options.clock),
    };
    const struct {
        struct gw_str text;
        char *dst;
        size_t dst_size;
    } texts[] = {
        {command->id, record->id, sizeof record->id},
        {command->bus, record->bus, sizeof record->bus},
        {command->name, record->name, sizeof record->name},
        {command->value, record->value, sizeof record->value},
        {command->actor, record->actor, sizeof record->actor},
        {command->via, record->via, sizeof record->via},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(texts); i++) {
        /* The form was checked: they fit. */
        (void) !gw_str_copy(texts[i].text, texts[i].dst, texts[i].dst_size);
    }
}

/* The entry that allows it, and what the record does not say yet of the two ways to name
 * a place; NULL if nothing does. */
static const struct gw_config_write *settle_place(const struct gw_config_bus *bus,
                                                  const struct gw_modbus_command *command,
                                                  struct gw_modbus_record *record) {
    const struct gw_config_write *write =
        command->name.len > 0
            ? gw_modbus_write_named(bus, command->name)
            : gw_modbus_write_at(bus, command->unit_id, command->area, command->address);
    bool is_both = command->name.len > 0 && command->has_place;
    if (!write
        || (is_both
            && write
                   != gw_modbus_write_at(bus, command->unit_id, command->area,
                                         command->address))) {
        return NULL;
    }
    record->has_place = true;
    record->unit_id = write->unit_id;
    record->area = write->area;
    record->address = write->address;
    (void) !gw_str_copy(gw_str_from_cstr(write->name), record->name, sizeof record->name);
    return write;
}

static void put_names(const struct gw_modbus_writes *writes, const struct gw_config_bus *bus,
                      struct gw_buf *buf) {
    size_t count = bus ? bus->write_count : writes->bus_count;
    for (size_t i = 0; i < count; i++) {
        (void) gw_buf_printf(buf, "%s%s", i == 0 ? "" : ", ",
                             bus ? bus->writes[i].name : writes->buses[i].name);
    }
    if (count == 0) {
        (void) gw_buf_put_str(buf, GW_STR("none"));
    }
}

/* A command that is taken: what allows it, or why it is refused (text in `detail`). */
static const struct gw_config_write *allow(const struct gw_modbus_writes *writes,
                                           const struct gw_modbus_command *command,
                                           struct gw_modbus_record *record,
                                           struct gw_buf *detail) {
    const struct gw_config_bus *bus = writes_find_bus(writes, record->bus);
    if (!bus) {
        (void) gw_buf_put_str(detail, GW_STR("there is no such bus; there is: "));
        put_names(writes, NULL, detail);
        return NULL;
    }
    const struct gw_config_write *write = settle_place(bus, command, record);
    if (!write) {
        (void) gw_buf_put_str(detail, GW_STR("not in the writes of the bus, which allow: "));
        put_names(writes, bus, detail);
        return NULL;
    }
    uint16_t words[GW_MODBUS_WRITE_WORDS];
    if (gw_modbus_write_encode(write, command->value, detail, words)) {
        return NULL;
    }
    record->word_count = gw_modbus_write_width(write);
    memcpy(record->words, words, record->word_count * sizeof words[0]);
    return write;
}

/* ---- pace ---- */

static bool is_minute_full(struct gw_modbus_writes *writes) {
    int64_t now_mono_ms = writes_now(writes);
    if (now_mono_ms - writes->minute_mono_ms >= MINUTE_MS) {
        writes->minute_mono_ms = now_mono_ms;
        writes->minute_count = 0;
    }
    return writes->minute_count >= GW_MODBUS_WRITES_PER_MINUTE;
}

/* ---- expiry ---- */

/* On the monotonic clock. DENIED, RANGE. */
static enum gw_err deadline_of(const struct gw_modbus_writes *writes,
                               const struct gw_modbus_command *command, struct gw_buf *reason,
                               int64_t *ret_deadline_mono_ms) {
    const struct gw_clock *clock = writes->options.clock;
    if (command->expires_wall_ms == 0) {
        *ret_deadline_mono_ms = writes_now(writes) + command->valid_ms;
        return GW_OK;
    }
    if (clock->quality(clock->self) != GW_CLOCK_SYNCHRONISED) {
        (void) gw_buf_put_str(reason, GW_STR("expires: nobody vouches for the gateway's clock "
                                             "at present, allowed: valid_ms (gwctl: seconds, "
                                             "such as --expires 10)"));
        return GW_ERR_DENIED;
    }
    int64_t left_ms = command->expires_wall_ms - gw_clock_wall_ms(clock);
    if (left_ms > GW_MODBUS_VALID_MAX_MS) {
        (void) gw_buf_put_str(reason, GW_STR("expires: allowed: up to an hour from now"));
        return GW_ERR_RANGE;
    }
    *ret_deadline_mono_ms = writes_now(writes) + left_ms;
    return GW_OK;
}

/* ---- submit ---- */

/* An id that is in the store. */
static enum gw_err answer_known(struct gw_modbus_writes *writes,
                                const struct gw_modbus_record *known,
                                const struct gw_modbus_record *record,
                                struct write_flight *asker, struct gw_buf *reason) {
    if (!gw_modbus_record_is_same(known, record)) {
        return turn_away(writes, GW_ERR_DUPLICATE, reason,
                         "conflict: this id belongs to another command (bus, place or value)");
    }
    if (!known->has_result) {
        writes->recover_mono_ms = writes_now(writes);
        return turn_away(writes, GW_ERR_BUSY, reason,
                         "the gateway stopped while it was under way; it is being closed, ask "
                         "again with the same id");
    }
    struct gw_modbus_write_result result = {
        .outcome = known->outcome,
        .data = gw_str_from_cstr(known->result),
        .is_repeated = true,
        .is_stored = true,
    };
    asker->done(asker->context, asker->token, &result);
    return GW_OK;
}

/* Refused and expired commands: the first commit is the last. */
static enum gw_err take_unsent(struct gw_modbus_writes *writes, struct write_flight *flight,
                               enum gw_modbus_outcome outcome, struct gw_str detail,
                               struct gw_buf *reason) {
    struct gw_modbus_ending ending = {.outcome = outcome};
    (void) !gw_str_copy(gw_str_sub(detail, 0, sizeof ending.detail - 1), ending.detail,
                        sizeof ending.detail);
    gw_modbus_put_result(&flight->record, &ending);
    enum gw_err err = writes_commit(writes, &flight->record);
    struct write_flight copy = *flight;
    flight->phase = FLIGHT_UNUSED;
    if (err) {
        return turn_away(writes, err, reason, "the refusal could not be stored");
    }
    writes->minute_count++;
    writes_note_outcome(writes, &copy.record);
    writes_tell(&copy, true);
    return GW_OK;
}

static enum gw_err take(struct gw_modbus_writes *writes, struct write_flight *flight,
                        const struct gw_config_write *write, int64_t deadline_mono_ms,
                        struct gw_buf *reason) {
    enum gw_err err = writes_commit(writes, &flight->record);
    if (err) {
        flight->phase = FLIGHT_UNUSED;
        return turn_away(writes, err, reason,
                         "nothing was written: the intent could not be stored");
    }
    writes->minute_count++;
    writes_note_pace(writes, &flight->record);
    if (writes_now(writes) >= deadline_mono_ms) {
        writes_end_plainly(writes, flight, GW_MODBUS_WRITE_EXPIRED,
                           "not sent: its time ran out while the intent was stored");
        return GW_OK;
    }
    send_write(writes, flight, write, deadline_mono_ms);
    return GW_OK;
}

/* Known ids, and what may not be taken now. OK: the rest decides; *ret_is_known if the
 * command was answered already. */
static enum gw_err look_up(struct gw_modbus_writes *writes,
                           const struct gw_modbus_record *record, struct write_flight *asker,
                           struct gw_buf *reason, bool *ret_is_known) {
    struct gw_modbus_record known;
    struct write_flight *under_way = writes_find_flight(writes, gw_str_from_cstr(record->id));
    if (under_way) {
        bool is_same = gw_modbus_record_is_same(&under_way->record, record);
        return turn_away(
            writes, is_same ? GW_ERR_BUSY : GW_ERR_DUPLICATE, reason,
            is_same ? "it is under way: ask again with the same id"
                    : "conflict: this id belongs to another command (bus, place or value)");
    }
    enum gw_err err =
        gw_modbus_record_get(&writes->options.intake, gw_str_from_cstr(record->id), &known);
    if (!err) {
        *ret_is_known = true;
        return answer_known(writes, &known, record, asker, reason);
    }
    if (err != GW_ERR_NOENT) {
        return turn_away(writes, err, reason, "what is stored of this id cannot be read");
    }
    return is_minute_full(writes)
               ? turn_away(writes, GW_ERR_BUSY, reason,
                           "too many commands: allowed: 60 a minute on this gateway")
               : GW_OK;
}

static bool takes_jobs(const struct gw_modbus_writes *writes, const char *bus) {
    const struct gw_modbus_writes_options *options = &writes->options;
    return !options->takes_jobs || options->takes_jobs(options->context, bus);
}

/* The rest, with a place for it. */
static enum gw_err decide(struct gw_modbus_writes *writes,
                          const struct gw_modbus_command *command, struct write_flight *flight,
                          int64_t deadline_mono_ms, struct gw_buf *reason) {
    char storage[512];
    struct gw_buf detail;
    gw_buf_init(&detail, storage, sizeof storage);
    const struct gw_config_write *write = allow(writes, command, &flight->record, &detail);
    if (!write) {
        return take_unsent(writes, flight, GW_MODBUS_WRITE_REFUSED, gw_buf_str(&detail),
                           reason);
    }
    if (writes_now(writes) >= deadline_mono_ms) {
        return take_unsent(writes, flight, GW_MODBUS_WRITE_EXPIRED,
                           GW_STR("its time had run out when it came"), reason);
    }
    if (!takes_jobs(writes, flight->record.bus)) {
        flight->phase = FLIGHT_UNUSED;
        return turn_away(writes, GW_ERR_BUSY, reason, "the bus is being reopened: ask again");
    }
    if (writes_is_too_early(writes, write, &flight->record)) {
        flight->phase = FLIGHT_UNUSED;
        (void) gw_buf_printf(reason, "too early: allowed: one write of \"%s\" each %u ms",
                             write->name, write->min_interval_ms);
        ++*writes->turned_away;
        return GW_ERR_BUSY;
    }
    return take(writes, flight, write, deadline_mono_ms, reason);
}

enum gw_err gw_modbus_writes_submit(struct gw_modbus_writes *writes,
                                    const struct gw_modbus_command *command,
                                    gw_modbus_write_done *done, void *context, uint64_t token,
                                    struct gw_buf *reason) {
    enum gw_err err = gw_modbus_check_command(command, reason);
    if (err) {
        ++*writes->turned_away;
        return err;
    }
    if (!writes->is_open) {
        return turn_away(writes, GW_ERR_BUSY, reason, "the buses are not open yet: ask again");
    }
    struct write_flight asker = {.done = done, .context = context, .token = token};
    copy_command(writes, command, &asker.record);
    const struct gw_config_bus *bus = writes_find_bus(writes, asker.record.bus);
    if (bus) {
        (void) settle_place(bus, command, &asker.record);
    }
    bool is_known = false;
    err = look_up(writes, &asker.record, &asker, reason, &is_known);
    if (err || is_known) {
        return err;
    }
    int64_t deadline_mono_ms = 0;
    err = deadline_of(writes, command, reason, &deadline_mono_ms);
    if (err) {
        ++*writes->turned_away;
        return err;
    }
    struct write_flight *flight = writes_start_flight(writes);
    if (!flight) {
        return turn_away(writes, GW_ERR_BUSY, reason,
                         "too many commands are under way: ask again");
    }
    flight->phase = FLIGHT_STORING;
    flight->record = asker.record;
    flight->done = done;
    flight->context = context;
    flight->token = token;
    return decide(writes, command, flight, deadline_mono_ms, reason);
}

/* ---- life ---- */

enum gw_err gw_modbus_writes_open(const struct gw_modbus_writes_options *options,
                                  struct gw_modbus_writes **ret_writes) {
    GW_CLEANUP(closep) struct gw_modbus_writes *writes = calloc(1, sizeof *writes);
    if (!writes) {
        return GW_ERR_NOMEM;
    }
    writes->options = *options;
    writes->minute_mono_ms = writes_now(writes);
    writes->recover_mono_ms = writes_now(writes);
    writes->done = gw_health_counter(options->health, "modbus.writes_done");
    writes->refused = gw_health_counter(options->health, "modbus.writes_not_done");
    writes->uncertain = gw_health_counter(options->health, "modbus.writes_uncertain");
    writes->turned_away = gw_health_counter(options->health, "modbus.writes_turned_away");
    enum gw_err err = gw_modbus_record_newest(&options->intake, &writes->newest);
    err = err ? err : writes_remember(writes);
    if (err) {
        return err;
    }
    *ret_writes = GW_TAKE(writes);
    return GW_OK;
}

void gw_modbus_writes_close(struct gw_modbus_writes *writes) {
    if (writes) {
        free(writes->doubts);
    }
    free(writes);
}

void gw_modbus_writes_set_buses(struct gw_modbus_writes *writes,
                                const struct gw_config_bus *buses, size_t count) {
    writes->buses = buses;
    writes->bus_count = count;
    writes->is_open = true;
    writes_raise_doubts(writes);
}

void gw_modbus_writes_hold(struct gw_modbus_writes *writes) {
    writes->buses = NULL;
    writes->bus_count = 0;
    writes->is_open = false;
}
