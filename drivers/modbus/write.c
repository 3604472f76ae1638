/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/write.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/modbus/write_internal.h"
#include "drivers/profile/registers.h"
#include "firmware/base/cleanup.h"

#define RETRY_MS 1000
/* An interrupted command's place is asked for so long, then it is closed without. */
#define RECOVERY_MS 15000
#define READ_MS 5000
#define MINUTE_MS 60000
/* Entries of `writes` whose last write is remembered for min_interval_ms. */
#define PACES 64

enum phase { UNUSED, ASKING, RECOVERING, STORING };

struct flight {
    enum phase phase;
    bool is_recovery;
    uint64_t number; /* tells a late answer from a later flight's */
    struct gw_modbus_record record;
    gw_modbus_write_done *done;
    void *context;
    uint64_t token;
    int64_t next_mono_ms, give_up_mono_ms;
};

/* When something was written last. */
struct pace {
    char bus[64], name[64];
    int64_t last_mono_ms;
};

struct gw_modbus_writes {
    struct gw_modbus_writes_options options;
    const struct gw_config_bus *buses;
    size_t bus_count;
    bool is_open; /* the buses take jobs */
    struct flight flights[GW_MODBUS_WRITES_AT_ONCE];
    uint64_t flown;
    uint64_t newest;         /* ordinal */
    int64_t recover_mono_ms; /* when to look for intents; GW_NEVER_MS = all closed */
    struct pace paces[PACES];
    size_t next_pace;
    unsigned minute_count;
    int64_t minute_mono_ms;
    uint64_t *done, *refused, *uncertain, *turned_away;
};

GW_DEFINE_CLEANUP(struct gw_modbus_writes *, gw_modbus_writes_close, closep)

static int64_t now_of(const struct gw_modbus_writes *writes) {
    return gw_clock_mono_ms(writes->options.clock);
}

/* ---- configuration ---- */

static const struct gw_config_bus *find_bus(const struct gw_modbus_writes *writes,
                                            const char *name, size_t *ret_index) {
    for (size_t i = 0; i < writes->bus_count; i++) {
        if (strcmp(writes->buses[i].name, name) == 0) {
            *ret_index = i;
            return &writes->buses[i];
        }
    }
    return NULL;
}

/* The entry a record was taken under, if it still says the same place. */
static const struct gw_config_write *find_rule(const struct gw_modbus_writes *writes,
                                               const struct gw_modbus_record *record,
                                               size_t *ret_bus) {
    const struct gw_config_bus *bus = find_bus(writes, record->bus, ret_bus);
    return bus && record->has_place
               ? gw_modbus_write_at(bus, record->unit_id, record->area, record->address)
               : NULL;
}

/* ---- flights ---- */

static struct flight *find_flight(struct gw_modbus_writes *writes, struct gw_str id) {
    for (size_t i = 0; i < GW_MODBUS_WRITES_AT_ONCE; i++) {
        struct flight *flight = &writes->flights[i];
        if (flight->phase != UNUSED && gw_str_eq(id, gw_str_from_cstr(flight->record.id))) {
            return flight;
        }
    }
    return NULL;
}

static struct flight *start_flight(struct gw_modbus_writes *writes) {
    for (size_t i = 0; i < GW_MODBUS_WRITES_AT_ONCE; i++) {
        if (writes->flights[i].phase == UNUSED) {
            writes->flights[i] =
                (struct flight){.number = ++writes->flown, .next_mono_ms = GW_NEVER_MS};
            return &writes->flights[i];
        }
    }
    return NULL;
}

/* ---- committing ---- */

static void put_device(const struct gw_modbus_record *record, char dst[static 130]) {
    bool is_named = record->name[0] != '\0' && record->has_place;
    (void) snprintf(dst, 130, "%s%s%s", is_named ? record->bus : "gateway", is_named ? "." : "",
                    is_named ? record->name : "");
}

/* Store the record; with its event once it has a result. */
static enum gw_err commit_record(struct gw_modbus_writes *writes,
                                 struct gw_modbus_record *record,
                                 const struct gw_modbus_write_audit *audit) {
    struct gw_modbus_record_changes changes;
    bool is_new = record->ordinal == 0;
    if (is_new) {
        record->ordinal = writes->newest + 1;
    }
    enum gw_err err =
        gw_modbus_record_store(&writes->options.intake, record, writes->newest, &changes);
    char device[130];
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
    if (err && is_new) {
        record->ordinal = 0;
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

static enum gw_err commit_audited(struct gw_modbus_writes *writes,
                                  struct gw_modbus_record *record, const char *outcome) {
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

static void tell(struct flight *flight, bool is_stored) {
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

static void note_outcome(struct gw_modbus_writes *writes,
                         const struct gw_modbus_record *record) {
    char subject[130];
    put_device(record, subject);
    struct gw_health *health = writes->options.health;
    switch (record->outcome) {
    case GW_MODBUS_WRITE_DONE:
        ++*writes->done;
        gw_health_clear(health, GW_ISSUE_MODBUS_WRITE_UNCERTAIN, gw_str_from_cstr(subject));
        break;
    case GW_MODBUS_WRITE_UNKNOWN:
    case GW_MODBUS_WRITE_INTERRUPTED:
        ++*writes->uncertain;
        gw_health_raise(health, GW_ISSUE_MODBUS_WRITE_UNCERTAIN, gw_str_from_cstr(subject),
                        "command %s, value %s: %s", record->id, record->value,
                        gw_modbus_outcome_name(record->outcome));
        break;
    default:
        ++*writes->refused;
        break;
    }
}

/* The result is made: store it, now or as soon as the store can be written. */
static void store_result(struct gw_modbus_writes *writes, struct flight *flight) {
    flight->phase = STORING;
    if (commit_record(writes, &flight->record, NULL)) {
        flight->next_mono_ms = now_of(writes) + RETRY_MS;
        tell(flight, false);
        return;
    }
    note_outcome(writes, &flight->record);
    /* The place is free before anybody is told: they may submit again. */
    struct flight copy = *flight;
    flight->phase = UNUSED;
    tell(&copy, true);
}

static void end_flight(struct gw_modbus_writes *writes, struct flight *flight,
                       const struct gw_modbus_ending *ending) {
    gw_modbus_put_result(&flight->record, ending);
    store_result(writes, flight);
}

static void end_plainly(struct gw_modbus_writes *writes, struct flight *flight,
                        enum gw_modbus_outcome outcome, const char *detail) {
    struct gw_modbus_ending ending = {.outcome = outcome};
    (void) gw_str_copy(gw_str_from_cstr(detail), ending.detail, sizeof ending.detail);
    end_flight(writes, flight, &ending);
}

/* ---- on the wire ---- */

static struct flight *find_number(struct gw_modbus_writes *writes, uint64_t number) {
    for (size_t i = 0; i < GW_MODBUS_WRITES_AT_ONCE; i++) {
        if (writes->flights[i].phase != UNUSED && writes->flights[i].number == number) {
            return &writes->flights[i];
        }
    }
    return NULL;
}

static void on_written(void *context, uint64_t token, const struct gw_modbus_answer *answer) {
    struct gw_modbus_writes *writes = context;
    struct flight *flight = find_number(writes, token);
    if (!flight || flight->phase != ASKING) {
        return;
    }
    size_t bus = 0;
    struct gw_modbus_ending ending;
    gw_modbus_judge_answer(&flight->record, find_rule(writes, &flight->record, &bus), answer,
                           &ending);
    end_flight(writes, flight, &ending);
}

static struct gw_modbus_job job_of(const struct gw_modbus_record *record) {
    struct gw_modbus_job job = {.request = {.unit_id = record->unit_id,
                                            .area = record->area,
                                            .address = record->address,
                                            .count = record->word_count}};
    memcpy(job.words, record->words, sizeof record->words);
    return job;
}

static void send_write(struct gw_modbus_writes *writes, struct flight *flight,
                       const struct gw_config_write *write, size_t bus,
                       int64_t deadline_mono_ms) {
    struct gw_modbus_job job = job_of(&flight->record);
    job.is_write = true;
    job.is_multiple = write->multiple;
    job.reads_back = write->read_back;
    flight->phase = ASKING;
    enum gw_err err = writes->options.post(writes->options.context, bus, &job, deadline_mono_ms,
                                           on_written, writes, flight->number);
    if (err) {
        end_plainly(writes, flight, GW_MODBUS_WRITE_FAILED,
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
                                           struct gw_modbus_record *record, size_t *ret_bus,
                                           struct gw_buf *detail) {
    const struct gw_config_bus *bus = find_bus(writes, record->bus, ret_bus);
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

static struct pace *find_pace(struct gw_modbus_writes *writes,
                              const struct gw_modbus_record *record) {
    for (size_t i = 0; i < PACES; i++) {
        struct pace *pace = &writes->paces[i];
        if (strcmp(pace->bus, record->bus) == 0 && strcmp(pace->name, record->name) == 0) {
            return pace;
        }
    }
    return NULL;
}

static void note_pace(struct gw_modbus_writes *writes, const struct gw_modbus_record *record) {
    struct pace *pace = find_pace(writes, record);
    if (!pace) {
        pace = &writes->paces[writes->next_pace];
        writes->next_pace = (writes->next_pace + 1) % PACES;
    }
    memcpy(pace->bus, record->bus, sizeof pace->bus);
    memcpy(pace->name, record->name, sizeof pace->name);
    pace->last_mono_ms = now_of(writes);
}

static bool is_too_early(struct gw_modbus_writes *writes, const struct gw_config_write *write,
                         const struct gw_modbus_record *record) {
    const struct pace *pace = find_pace(writes, record);
    return pace && now_of(writes) - pace->last_mono_ms < (int64_t) write->min_interval_ms;
}

static bool is_minute_full(struct gw_modbus_writes *writes) {
    int64_t now_mono_ms = now_of(writes);
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
        *ret_deadline_mono_ms = now_of(writes) + command->valid_ms;
        return GW_OK;
    }
    if (clock->quality(clock->self) != GW_CLOCK_SYNCHRONISED) {
        (void) gw_buf_put_str(reason, GW_STR("expires: nobody vouches for the gateway's clock "
                                             "at present, allowed: valid_ms"));
        return GW_ERR_DENIED;
    }
    int64_t left_ms = command->expires_wall_ms - gw_clock_wall_ms(clock);
    if (left_ms > GW_MODBUS_VALID_MAX_MS) {
        (void) gw_buf_put_str(reason, GW_STR("expires: allowed: up to an hour from now"));
        return GW_ERR_RANGE;
    }
    *ret_deadline_mono_ms = now_of(writes) + left_ms;
    return GW_OK;
}

/* ---- submit ---- */

/* An id that is in the store. */
static enum gw_err answer_known(struct gw_modbus_writes *writes,
                                const struct gw_modbus_record *known,
                                const struct gw_modbus_record *record, struct flight *asker,
                                struct gw_buf *reason) {
    if (!gw_modbus_record_is_same(known, record)) {
        return turn_away(writes, GW_ERR_DUPLICATE, reason,
                         "conflict: this id belongs to another command (bus, place or value)");
    }
    if (!known->has_result) {
        writes->recover_mono_ms = now_of(writes);
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
static enum gw_err take_unsent(struct gw_modbus_writes *writes, struct flight *flight,
                               enum gw_modbus_outcome outcome, struct gw_str detail,
                               struct gw_buf *reason) {
    struct gw_modbus_ending ending = {.outcome = outcome};
    (void) !gw_str_copy(gw_str_sub(detail, 0, sizeof ending.detail - 1), ending.detail,
                        sizeof ending.detail);
    gw_modbus_put_result(&flight->record, &ending);
    enum gw_err err = commit_audited(writes, &flight->record, gw_modbus_outcome_name(outcome));
    struct flight copy = *flight;
    flight->phase = UNUSED;
    if (err) {
        return turn_away(writes, err, reason, "the refusal could not be stored");
    }
    writes->minute_count++;
    note_outcome(writes, &copy.record);
    tell(&copy, true);
    return GW_OK;
}

static enum gw_err take(struct gw_modbus_writes *writes, struct flight *flight,
                        const struct gw_config_write *write, size_t bus,
                        int64_t deadline_mono_ms, struct gw_buf *reason) {
    enum gw_err err = commit_audited(writes, &flight->record, "intent");
    if (err) {
        flight->phase = UNUSED;
        return turn_away(writes, err, reason,
                         "nothing was written: the intent could not be stored");
    }
    writes->minute_count++;
    note_pace(writes, &flight->record);
    if (now_of(writes) >= deadline_mono_ms) {
        end_plainly(writes, flight, GW_MODBUS_WRITE_EXPIRED,
                    "not sent: its time ran out while the intent was stored");
        return GW_OK;
    }
    send_write(writes, flight, write, bus, deadline_mono_ms);
    return GW_OK;
}

/* Known ids, and what may not be taken now. OK: the rest decides; *ret_is_known if the
 * command was answered already. */
static enum gw_err look_up(struct gw_modbus_writes *writes,
                           const struct gw_modbus_record *record, struct flight *asker,
                           struct gw_buf *reason, bool *ret_is_known) {
    struct gw_modbus_record known;
    struct flight *under_way = find_flight(writes, gw_str_from_cstr(record->id));
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

/* The rest, with a place for it. */
static enum gw_err decide(struct gw_modbus_writes *writes,
                          const struct gw_modbus_command *command, struct flight *flight,
                          int64_t deadline_mono_ms, struct gw_buf *reason) {
    char storage[512];
    struct gw_buf detail;
    gw_buf_init(&detail, storage, sizeof storage);
    size_t bus = 0;
    const struct gw_config_write *write =
        allow(writes, command, &flight->record, &bus, &detail);
    if (!write) {
        return take_unsent(writes, flight, GW_MODBUS_WRITE_REFUSED, gw_buf_str(&detail),
                           reason);
    }
    if (now_of(writes) >= deadline_mono_ms) {
        return take_unsent(writes, flight, GW_MODBUS_WRITE_EXPIRED,
                           GW_STR("its time had run out when it came"), reason);
    }
    if (is_too_early(writes, write, &flight->record)) {
        flight->phase = UNUSED;
        (void) gw_buf_printf(reason, "too early: allowed: one write of \"%s\" each %u ms",
                             write->name, write->min_interval_ms);
        ++*writes->turned_away;
        return GW_ERR_BUSY;
    }
    return take(writes, flight, write, bus, deadline_mono_ms, reason);
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
    struct flight asker = {.done = done, .context = context, .token = token};
    copy_command(writes, command, &asker.record);
    size_t bus_index = 0;
    const struct gw_config_bus *bus = find_bus(writes, asker.record.bus, &bus_index);
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
    struct flight *flight = start_flight(writes);
    if (!flight) {
        return turn_away(writes, GW_ERR_BUSY, reason,
                         "too many commands are under way: ask again");
    }
    flight->phase = STORING;
    flight->record = asker.record;
    flight->done = done;
    flight->context = context;
    flight->token = token;
    return decide(writes, command, flight, deadline_mono_ms, reason);
}

/* ---- intents of a former process ---- */

static bool is_flying(void *context, struct gw_str id) {
    return find_flight(context, id) != NULL;
}

static void on_reread(void *context, uint64_t token, const struct gw_modbus_answer *answer) {
    struct gw_modbus_writes *writes = context;
    struct flight *flight = find_number(writes, token);
    if (!flight || flight->phase != ASKING) {
        return;
    }
    if (answer->err && now_of(writes) < flight->give_up_mono_ms) {
        flight->phase = RECOVERING; /* the bus may not be connected yet */
        flight->next_mono_ms = now_of(writes) + RETRY_MS;
        return;
    }
    size_t bus = 0;
    struct gw_modbus_ending ending;
    gw_modbus_judge_interrupted(&flight->record, find_rule(writes, &flight->record, &bus),
                                answer, &ending);
    end_flight(writes, flight, &ending);
}

/* Read the place of an interrupted command, never write it. */
static void reread(struct gw_modbus_writes *writes, struct flight *flight) {
    size_t bus = 0;
    struct gw_modbus_job job = job_of(&flight->record);
    flight->phase = ASKING;
    flight->next_mono_ms = GW_NEVER_MS;
    bool is_there = flight->record.has_place && flight->record.word_count > 0
                    && find_bus(writes, flight->record.bus, &bus);
    enum gw_err err = is_there ? writes->options.post(writes->options.context, bus, &job,
                                                      now_of(writes) + READ_MS, on_reread,
                                                      writes, flight->number)
                               : GW_ERR_NOENT;
    if (err == GW_OK) {
        return;
    }
    if (err == GW_ERR_NOENT || now_of(writes) >= flight->give_up_mono_ms) {
        struct gw_modbus_ending ending;
        gw_modbus_judge_interrupted(&flight->record, NULL, NULL, &ending);
        end_flight(writes, flight, &ending);
        return;
    }
    flight->phase = RECOVERING;
    flight->next_mono_ms = now_of(writes) + RETRY_MS;
}

static void find_intents(struct gw_modbus_writes *writes) {
    for (;;) {
        struct gw_modbus_record record;
        enum gw_err err =
            gw_modbus_record_find_intent(&writes->options.intake, is_flying, writes, &record);
        writes->recover_mono_ms = err == GW_ERR_NOENT ? GW_NEVER_MS : now_of(writes) + RETRY_MS;
        struct flight *flight = err ? NULL : start_flight(writes);
        if (!flight) {
            return;
        }
        flight->record = record;
        flight->is_recovery = true;
        flight->give_up_mono_ms = now_of(writes) + RECOVERY_MS;
        reread(writes, flight);
    }
}

int64_t gw_modbus_writes_next_mono_ms(const struct gw_modbus_writes *writes) {
    int64_t next_mono_ms = writes->recover_mono_ms;
    for (size_t i = 0; i < GW_MODBUS_WRITES_AT_ONCE; i++) {
        const struct flight *flight = &writes->flights[i];
        if (flight->phase != UNUSED && flight->next_mono_ms < next_mono_ms) {
            next_mono_ms = flight->next_mono_ms;
        }
    }
    return writes->is_open ? next_mono_ms : GW_NEVER_MS;
}

void gw_modbus_writes_tick(struct gw_modbus_writes *writes) {
    int64_t now_mono_ms = now_of(writes);
    if (!writes->is_open) {
        return;
    }
    if (now_mono_ms >= writes->recover_mono_ms) {
        find_intents(writes);
    }
    for (size_t i = 0; i < GW_MODBUS_WRITES_AT_ONCE; i++) {
        struct flight *flight = &writes->flights[i];
        if (flight->phase == UNUSED || flight->next_mono_ms > now_mono_ms) {
            continue;
        }
        if (flight->phase == STORING) {
            store_result(writes, flight);
        } else if (flight->phase == RECOVERING) {
            reread(writes, flight);
        }
    }
}

/* ---- life ---- */

enum gw_err gw_modbus_writes_open(const struct gw_modbus_writes_options *options,
                                  struct gw_modbus_writes **ret_writes) {
    GW_CLEANUP(closep) struct gw_modbus_writes *writes = calloc(1, sizeof *writes);
    if (!writes) {
        return GW_ERR_NOMEM;
    }
    writes->options = *options;
    writes->minute_mono_ms = now_of(writes);
    writes->recover_mono_ms = now_of(writes);
    writes->done = gw_health_counter(options->health, "modbus.writes_done");
    writes->refused = gw_health_counter(options->health, "modbus.writes_not_done");
    writes->uncertain = gw_health_counter(options->health, "modbus.writes_uncertain");
    writes->turned_away = gw_health_counter(options->health, "modbus.writes_turned_away");
    enum gw_err err = gw_modbus_record_newest(&options->intake, &writes->newest);
    if (err) {
        return err;
    }
    *ret_writes = GW_TAKE(writes);
    return GW_OK;
}

void gw_modbus_writes_close(struct gw_modbus_writes *writes) {
    free(writes);
}

void gw_modbus_writes_set_buses(struct gw_modbus_writes *writes,
                                const struct gw_config_bus *buses, size_t count) {
    writes->buses = buses;
    writes->bus_count = count;
    writes->is_open = true;
}

void gw_modbus_writes_hold(struct gw_modbus_writes *writes) {
    writes->buses = NULL;
    writes->bus_count = 0;
    writes->is_open = false;
}
