/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sartorius SBI, lines of 16 or 22 characters with CR LF:
 *
 *   + 123.56 g            14 characters before CR LF
 *   N     + 123.56 g      an ID code of six first: 20 characters
 *   Stat        High      special codes: H HH High, L LL Low, C Cal., Err ###
 *
 * A blank unit means that the balance is not at rest. Digits in brackets are not
 * verified. ID codes N and N1 are net, G# gross, T1 and T2 tare; the others name
 * figures that were worked out, not weighed. (Sartorius FB, page 66 and LE2202S, page
 * 51, data output; Entris II, 22-character format; ME215S, page 135, ID codes. That
 * the unit stands only at rest: "no stability parameter" in the FB manual's table
 * of units.)
 */
#include "drivers/profile/protocol.h"

#define PLAIN_LEN 14
#define ID_LEN 6

static void sbi_rule(const struct gw_profile *profile, struct gw_frame_rule *ret_rule) {
    (void) profile;
    *ret_rule = (struct gw_frame_rule){.ends = GW_END_LINE};
}

static char fold(char c) {
    return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

/* `word` in lower case; with a star at its end, a beginning is enough. */
static bool is_word(struct gw_str text, const char *word) {
    struct gw_str want = gw_str_from_cstr(word);
    bool may_go_on = gw_str_ends_with(want, GW_STR("*"));
    want.len -= may_go_on ? 1 : 0;
    if (text.len < want.len || (text.len > want.len && !may_go_on)) {
        return false;
    }
    for (size_t i = 0; i < want.len; i++) {
        if (fold(text.ptr[i]) != want.ptr[i]) {
            return false;
        }
    }
    return true;
}

/* Words in the place of a weight. */
static bool decode_special(struct gw_str text, struct gw_scale_reading *reading) {
    static const struct {
        const char *word;
        enum gw_weight_state state;
    } words[] = {
        {"err*", GW_WEIGHT_ERROR},    {"app.er*", GW_WEIGHT_ERROR},
        {"dis.er*", GW_WEIGHT_ERROR}, {"prt.er*", GW_WEIGHT_ERROR},
        {"--", GW_WEIGHT_ERROR},      {"high", GW_WEIGHT_OVER},
        {"h", GW_WEIGHT_OVER},        {"hh", GW_WEIGHT_OVER},
        {"low", GW_WEIGHT_UNDER},     {"l", GW_WEIGHT_UNDER},
        {"ll", GW_WEIGHT_UNDER},
    };
    if (is_word(text, "c") || is_word(text, "cal.*")) {
        gw_scale_tell(reading, "busy", GW_STR("calibration or adjustment"));
        return true;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (is_word(text, words[i].word)) {
            reading->state = words[i].state;
            if (reading->state == GW_WEIGHT_ERROR) {
                reading->detail = text;
            }
            return true;
        }
    }
    return false;
}

/* Without its brackets, into `storage`; false if it does not fit or has none of
 * the digits a weight has. */
static bool take_number(struct gw_str *rest, struct gw_scale_reading *reading) {
    char storage[GW_SCALE_NUMBER_MAX];
    struct gw_buf digits;
    gw_buf_init(&digits, storage, sizeof storage);
    size_t at = 0;
    for (; at < rest->len; at++) {
        char c = rest->ptr[at];
        bool is_sign = (c == '+' || c == '-') && digits.len == 0;
        bool is_gap = c == ' '
                      && (digits.len == 0 || storage[digits.len - 1] == '+'
                          || storage[digits.len - 1] == '-');
        if (c == '[' || c == ']') {
            reading->remarks |= GW_REMARK_HIGH_RESOLUTION;
        } else if (is_sign || c == '.' || c == ',' || (c >= '0' && c <= '9')) {
            gw_buf_put_char(&digits, c);
        } else if (!is_gap) {
            break;
        }
    }
    *rest = gw_str_trim(gw_str_sub(*rest, at, rest->len));
    return gw_scale_number_parse(gw_buf_str(&digits), &reading->number) == GW_OK;
}

static void decode_weight(struct gw_str text, struct gw_scale_reading *reading) {
    struct gw_str rest = text;
    if (!take_number(&rest, reading) || rest.len > 3) {
        gw_scale_refuse(reading, "no weight with a unit of at most 3 characters");
        return;
    }
    reading->unit = rest;
    if (rest.len == 0) {
        reading->state = GW_WEIGHT_DYNAMIC;
    }
}

static void apply_id(struct gw_str id, struct gw_scale_reading *reading) {
    if (gw_str_eq(id, GW_STR("N")) || gw_str_eq(id, GW_STR("N1"))) {
        reading->mode = GW_MODE_NET;
    } else if (gw_str_starts_with(id, GW_STR("G"))) {
        reading->mode = GW_MODE_GROSS;
    } else if (gw_str_starts_with(id, GW_STR("T1")) || gw_str_starts_with(id, GW_STR("T2"))
               || gw_str_eq(id, GW_STR("T"))) {
        reading->mode = GW_MODE_TARE;
    } else if (id.len > 0 && !gw_str_eq(id, GW_STR("Stat"))) {
        reading->remarks |= GW_REMARK_CALCULATED;
    }
}

static void sbi_decode(const struct gw_profile *profile, const struct gw_scale_frame *frame,
                       struct gw_scale_reading *ret_reading) {
    (void) profile;
    struct gw_str content = frame->content;
    if (content.len > PLAIN_LEN + ID_LEN) {
        gw_scale_refuse(ret_reading, "longer than 20 characters before CR LF");
        return;
    }
    struct gw_str id = {0};
    if (content.len > PLAIN_LEN) {
        id = gw_str_trim(gw_str_sub(content, 0, ID_LEN));
        content = gw_str_sub(content, ID_LEN, PLAIN_LEN);
    }
    struct gw_str text = gw_str_trim(content);
    apply_id(id, ret_reading);
    if (text.len == 0) {
        ret_reading->kind = GW_READING_NOTHING;
    } else if (!decode_special(text, ret_reading)) {
        decode_weight(text, ret_reading);
    }
}

const struct gw_protocol gw_protocol_sartorius_sbi = {
    .rule = sbi_rule, .decode = sbi_decode, .frame_bytes = PLAIN_LEN + ID_LEN};
