/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MT-SICS (Mettler Toledo Standard Interface Command Set, levels 0 and 1).
 *
 *   S S     100.00 g        stable          S I   cannot be executed at the moment
 *   S D     100.00 g        in motion       S L   parameter wrong
 *   S +                     overload        ES ET EL   syntax, transmission, logic error
 *   S -                     underload       I4 A "..." unasked: switched on or restarted
 *
 *   Z A, T S ... g, TAC A          zeroed, tared      Z I, T +, ...   refused
 *
 * One blank between the fields, the weight right-aligned in ten characters, lines
 * end with CR LF. SI, SIR, SR, SNR and the ...U commands answer with the letter S
 * too. (MT-SICS reference manual 11780711, 3.2 Response formats and 4.1.)
 */
#include "drivers/profile/protocol.h"

#include "firmware/base/cleanup.h"

static void sics_rule(const struct gw_profile *profile, struct gw_frame_rule *ret_rule) {
    (void) profile;
    *ret_rule = (struct gw_frame_rule){.ends = GW_END_LINE};
}

static struct gw_str take_word(struct gw_str *rest) {
    struct gw_str text = gw_str_trim(*rest);
    size_t end = gw_str_find(text, ' ', 0);
    *rest = gw_str_trim(gw_str_sub(text, end, text.len));
    return gw_str_sub(text, 0, end);
}

static void decode_weight(struct gw_str rest, struct gw_scale_reading *reading) {
    struct gw_str number = take_word(&rest);
    reading->unit = take_word(&rest);
    if (gw_scale_number_parse(number, &reading->number) || reading->unit.len == 0
        || rest.len > 0) {
        gw_scale_refuse(reading, "not \"<weight> <unit>\" behind the status");
    }
}

static void decode_status(struct gw_str status, struct gw_str rest,
                          struct gw_scale_reading *reading) {
    switch (status.len == 1 ? status.ptr[0] : '\0') {
    case 'S':
        decode_weight(rest, reading);
        break;
    case 'D':
        reading->state = GW_WEIGHT_DYNAMIC;
        decode_weight(rest, reading);
        break;
    case '+':
        reading->state = GW_WEIGHT_OVER;
        break;
    case '-':
        reading->state = GW_WEIGHT_UNDER;
        break;
    case 'I':
        gw_scale_tell(reading, "busy", GW_STR("the scale cannot execute this at the moment"));
        break;
    case 'L':
        gw_scale_tell(reading, "device_error", GW_STR("S L: parameter wrong"));
        break;
    default:
        gw_scale_refuse(reading, "unknown status behind S, known: S D + - I L");
    }
}

static bool is_upper_or_digit(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Answers to other commands: "Z A", "TA A 12.00 g", "I2 A ...". */
static bool is_answer(struct gw_str command, struct gw_str status) {
    if (command.len == 0 || command.len > 4 || status.len != 1) {
        return false;
    }
    for (size_t i = 0; i < command.len; i++) {
        if (!is_upper_or_digit(command.ptr[i]) && command.ptr[i] != '@') {
            return false;
        }
    }
    return gw_str_find(GW_STR("ABDILS+-"), status.ptr[0], 0) < 8;
}

/* Zero and tare, at once (...I) or when stable, and the tare by a number or none. */
static bool changes_the_scale(struct gw_str command) {
    static const char *const commands[] = {"Z", "ZI", "T", "TI", "TA", "TAC"};
    bool is_one = false;
    for (size_t i = 0; i < GW_ARRAY_LEN(commands); i++) {
        is_one |= gw_str_eq(command, gw_str_from_cstr(commands[i]));
    }
    return is_one;
}

/* A, S and D: done; I, L, + and -: not at this moment, not like this, out of range. */
static void tell_of_command(const struct gw_scale_frame *frame, struct gw_str status,
                            struct gw_scale_reading *reading) {
    bool is_done = gw_str_find(GW_STR("ASD"), status.ptr[0], 0) < 3;
    gw_scale_tell(reading, is_done ? "command_done" : "command_refused",
                  gw_str_trim(frame->content));
}

static bool is_error(struct gw_str command) {
    return gw_str_eq(command, GW_STR("ES")) || gw_str_eq(command, GW_STR("ET"))
           || gw_str_eq(command, GW_STR("EL"));
}

static void sics_decode(const struct gw_profile *profile, const struct gw_scale_frame *frame,
                        struct gw_scale_reading *ret_reading) {
    (void) profile;
    struct gw_str rest = frame->content;
    struct gw_str command = take_word(&rest);
    if (is_error(command) && rest.len == 0) {
        gw_scale_tell(ret_reading, "device_error", command);
        return;
    }
    struct gw_str status = take_word(&rest);
    if (gw_str_eq(command, GW_STR("S"))) {
        decode_status(status, rest, ret_reading);
    } else if (gw_str_eq(command, GW_STR("I4")) && gw_str_eq(status, GW_STR("A"))) {
        gw_scale_tell(ret_reading, "restarted", rest);
    } else if (is_answer(command, status) && changes_the_scale(command)) {
        tell_of_command(frame, status, ret_reading);
    } else if (is_answer(command, status)) {
        ret_reading->kind = GW_READING_NOTHING;
    } else {
        gw_scale_refuse(ret_reading, "not an answer of MT-SICS");
    }
}

const struct gw_protocol gw_protocol_mt_sics = {
    .rule = sics_rule, .decode = sics_decode, .frame_bytes = 20, .answers_commands = true};
