/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of a write. The only `done` is one that reads back as written, or that was
 * confirmed where the configuration says that reading back means nothing. Whatever may have
 * reached the unit and is not certain is `unknown`: "failed" is a promise that nothing
 * happened, on which somebody may send a new command.
 */
#include <stdio.h>
#include <string.h>

#include "drivers/modbus/write_internal.h"
#include "drivers/profile/registers.h"

/* MODBUS Application Protocol V1.1b3, section 7. With these the unit, or a gateway in front
 * of it, may have done something: 4 failed while at it, 5 is still at it, 11 the gateway
 * passed it on and heard nothing. */
static bool may_be_done(unsigned exception) {
    return exception == 4 || exception == 5 || exception == 11
           || exception == GW_MODBUS_EXCEPTION_UNKNOWN;
}

static const char *exception_name(unsigned exception) {
    static const char *const names[] = {
        [1] = "illegal function",
        [2] = "illegal data address",
        [3] = "illegal data value",
        [4] = "device failure",
        [5] = "still at it",
        [6] = "busy",
        [8] = "memory parity error",
        [10] = "gateway path unavailable",
        [11] = "gateway got no answer from the unit",
    };
    const char *name = exception < sizeof names / sizeof names[0] ? names[exception] : NULL;
    return name ? name : "unknown";
}

static const char *what_failed(enum gw_err err) {
    switch (err) {
    case GW_ERR_TIMEOUT:
        return "no answer in time";
    case GW_ERR_NOCONN:
        return "the connection was lost";
    case GW_ERR_CORRUPT:
        return "an answer that does not fit";
    default:
        return gw_err_name(err);
    }
}

static void say(struct gw_modbus_ending *ending, enum gw_modbus_outcome outcome,
                const char *detail) {
    ending->outcome = outcome;
    (void) gw_str_copy(gw_str_from_cstr(detail), ending->detail, sizeof ending->detail);
}

static void put_readback(const struct gw_modbus_record *record,
                         const struct gw_config_write *write, const uint16_t *words,
                         struct gw_modbus_ending *ending) {
    struct gw_buf text;
    gw_buf_init(&text, ending->readback, sizeof ending->readback - 1);
    bool is_of_rule = write && gw_modbus_write_width(write) == record->word_count;
    if (!is_of_rule || gw_modbus_write_put_value(write, words, &text)) {
        gw_buf_clear(&text);
        gw_modbus_put_words(&text, words, record->word_count);
    }
    ending->readback[text.len] = '\0';
}

static bool reads_as_written(const struct gw_modbus_record *record,
                             const struct gw_modbus_answer *answer) {
    return memcmp(record->words, answer->words, record->word_count * sizeof(uint16_t)) == 0;
}

/* Nothing can have reached the unit. */
static void judge_unsent(const struct gw_modbus_answer *answer,
                         struct gw_modbus_ending *ending) {
    if (answer->is_known_down) {
        say(ending, GW_MODBUS_WRITE_FAILED,
            "not sent: the unit does not answer polls at present");
    } else if (answer->err == GW_ERR_TIMEOUT) {
        say(ending, GW_MODBUS_WRITE_EXPIRED, "not sent: its time ran out while it waited");
    } else if (answer->err == GW_ERR_INVALID) {
        say(ending, GW_MODBUS_WRITE_FAILED, "not sent: no such request can be made");
    } else if (answer->err == GW_ERR_CORRUPT) {
        say(ending, GW_MODBUS_WRITE_FAILED,
            "not sent: the line could not be made ready, a request before it was not answered");
    } else {
        say(ending, GW_MODBUS_WRITE_FAILED, "not sent: there is no connection to the bus");
    }
}

static void judge_readback(const struct gw_modbus_record *record,
                           const struct gw_modbus_answer *answer, const char *confirmation,
                           struct gw_modbus_ending *ending) {
    struct gw_buf detail;
    gw_buf_init(&detail, ending->detail, sizeof ending->detail - 1);
    bool is_confirmed = answer->err == GW_OK;
    if (answer->read_err) {
        ending->outcome = GW_MODBUS_WRITE_UNKNOWN;
        (void) gw_buf_printf(&detail, "%s; it could not be read back: %s", confirmation,
                             answer->read_exception ? exception_name(answer->read_exception)
                                                    : what_failed(answer->read_err));
    } else if (reads_as_written(record, answer)) {
        ending->outcome = GW_MODBUS_WRITE_DONE;
        (void) gw_buf_printf(&detail, "%s%s", confirmation,
                             is_confirmed ? "" : "; it reads back as written");
    } else {
        ending->outcome = GW_MODBUS_WRITE_UNKNOWN;
        (void) gw_buf_printf(&detail, "%s; it reads back differently", confirmation);
    }
    ending->detail[detail.len] = '\0';
}

void gw_modbus_judge_answer(const struct gw_modbus_record *record,
                            const struct gw_config_write *write,
                            const struct gw_modbus_answer *answer,
                            struct gw_modbus_ending *ret_ending) {
    struct gw_modbus_ending ending = {.exception = answer->exception};
    bool reads_back = !write || write->read_back;
    char confirmation[128];
    if (!answer->was_sent) {
        judge_unsent(answer, &ending);
        *ret_ending = ending;
        return;
    }
    if (answer->exception != 0) {
        (void) snprintf(confirmation, sizeof confirmation, "exception %u, %s",
                        answer->exception, exception_name(answer->exception));
    } else {
        (void) snprintf(confirmation, sizeof confirmation, "%s",
                        answer->err ? what_failed(answer->err) : "");
    }
    if (answer->exception != 0 && !may_be_done(answer->exception)) {
        say(&ending, GW_MODBUS_WRITE_FAILED, confirmation);
    } else if (reads_back) {
        judge_readback(record, answer, answer->err ? confirmation : "confirmed", &ending);
    } else {
        say(&ending, answer->err ? GW_MODBUS_WRITE_UNKNOWN : GW_MODBUS_WRITE_DONE,
            answer->err ? confirmation : "confirmed; not read back");
    }
    if (reads_back && !answer->read_err) {
        put_readback(record, write, answer->words, &ending);
    }
    *ret_ending = ending;
}

void gw_modbus_judge_interrupted(const struct gw_modbus_record *record,
                                 const struct gw_config_write *write,
                                 const struct gw_modbus_answer *answer,
                                 struct gw_modbus_ending *ret_ending) {
    struct gw_modbus_ending ending = {0};
    if (answer && !answer->err) {
        bool is_same = reads_as_written(record, answer);
        say(&ending, GW_MODBUS_WRITE_INTERRUPTED,
            is_same ? "the gateway stopped before the outcome was known; not repeated; the "
                      "place reads as it was to be written"
                    : "the gateway stopped before the outcome was known; not repeated; the "
                      "place reads differently");
        put_readback(record, write, answer->words, &ending);
    } else {
        say(&ending, GW_MODBUS_WRITE_INTERRUPTED,
            "the gateway stopped before the outcome was known; not repeated; the place "
            "cannot be read now");
    }
    *ret_ending = ending;
}

/* ---- data of the event, members in sorted order ---- */

static void put_text(struct gw_buf *buf, const char *name, const char *text) {
    if (text[0] != '\0') {
        (void) gw_buf_printf(buf, ",\"%s\":", name);
        (void) gw_buf_put_json_str(buf, gw_str_from_cstr(text));
    }
}

static void put_members(const struct gw_modbus_record *record,
                        const struct gw_modbus_ending *ending, const char *detail,
                        struct gw_buf *buf) {
    (void) gw_buf_put_str(buf, GW_STR("{\"action\":\"modbus.write\""));
    put_text(buf, "actor", record->actor);
    if (record->has_place) {
        (void) gw_buf_printf(buf, ",\"address\":%u,\"area\":\"%s\"", (unsigned) record->address,
                             gw_point_area_name(record->area));
    }
    put_text(buf, "bus", record->bus);
    put_text(buf, "commandid", record->id);
    put_text(buf, "detail", detail);
    if (ending->exception != 0) {
        (void) gw_buf_printf(buf, ",\"exception\":%u", ending->exception);
    }
    put_text(buf, "name", record->name);
    put_text(buf, "outcome", gw_modbus_outcome_name(ending->outcome));
    put_text(buf, "readback", ending->readback);
    if (record->has_place) {
        (void) gw_buf_printf(buf, ",\"unitid\":%u", (unsigned) record->unit_id);
    }
    put_text(buf, "value", record->value);
    put_text(buf, "via", record->via);
    (void) gw_buf_put_char(buf, '}');
}

void gw_modbus_put_result(struct gw_modbus_record *record,
                          const struct gw_modbus_ending *ending) {
    struct gw_buf buf;
    gw_buf_init(&buf, record->result, sizeof record->result - 1);
    put_members(record, ending, ending->detail, &buf);
    if (gw_buf_failed(&buf)) {
        gw_buf_clear(&buf);
        put_members(record, ending, "", &buf);
    }
    record->result[buf.len] = '\0';
    record->has_result = true;
    record->outcome = ending->outcome;
}

/* ---- the form of a command ---- */

static bool is_plain(struct gw_str text, const char *besides) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (c == '\0' || (!is_word && !strchr(besides, c))) {
            return false;
        }
    }
    return true;
}

static bool is_printable(struct gw_str text) {
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char) text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
            return false;
        }
    }
    return gw_str_is_utf8(text);
}

static bool fits(struct gw_str text, size_t min, size_t max) {
    return text.len >= min && text.len <= max;
}

enum gw_err gw_modbus_check_command(const struct gw_modbus_command *command,
                                    struct gw_buf *reason) {
    const struct {
        bool is_good;
        const char *allowed;
    } rules[] = {
        {fits(command->id, 1, GW_MODBUS_COMMAND_ID_MAX) && is_plain(command->id, "._:-"),
         "id: allowed: 1 to 64 of A-Z a-z 0-9 . _ : -, a UUID for example"},
        {fits(command->bus, 1, 63) && is_plain(command->bus, "._-"),
         "bus: allowed: the name of a bus"},
        {fits(command->name, 0, 63) && is_plain(command->name, "._-"),
         "name: allowed: the name of an entry of the bus's writes"},
        {command->name.len > 0 || command->has_place,
         "found neither name nor unit, area and address: one of the two says what is written"},
        {fits(command->value, 1, GW_MODBUS_VALUE_MAX_BYTES) && is_printable(command->value),
         "value: allowed: a decimal number as text, such as \"12.5\""},
        {fits(command->actor, 1, GW_MODBUS_ACTOR_MAX) && is_printable(command->actor),
         "actor: allowed: who asks, 1 to 128 bytes without control characters"},
        {(command->expires_wall_ms != 0) != (command->valid_ms != 0),
         "allowed: exactly one of expires (a time) and valid_ms (from now)"},
        {command->valid_ms >= 0 && command->valid_ms <= GW_MODBUS_VALID_MAX_MS,
         "valid_ms: allowed: 1 to 3600000"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (!rules[i].is_good) {
            (void) gw_buf_put_str(reason, gw_str_from_cstr(rules[i].allowed));
            return GW_ERR_SCHEMA;
        }
    }
    return GW_OK;
}
