/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/decoding.h"
#include "firmware/event/decimal.h"

#define STABLE_WORD_DEFAULT "stable"
#define VALUE_MAX_BYTES 64

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

static bool eq_any_case(struct gw_str a, const char *lower_case) {
    struct gw_str b = gw_str_from_cstr(lower_case);
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != b.ptr[i]) {
            return false;
        }
    }
    return true;
}

/* UN/ECE Recommendation 20 common codes of what scales show. */
struct gw_str gw_observe_unit_code(struct gw_str unit) {
    static const char *const codes[][2] = {
        {"kg", "KGM"},  {"kgs", "KGM"}, {"g", "GRM"},   {"gr", "GRM"}, {"mg", "MGM"},
        {"t", "TNE"},   {"lb", "LBR"},  {"lbs", "LBR"}, {"oz", "ONZ"}, {"tn", "STN"},
        {"ct", "CTM"},  {"ozt", "APZ"}, {"dwt", "DWT"}, {"gn", "GRN"}, {"n", "NEW"},
        {"pcs", "H87"}, {"%", "P1"},
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (eq_any_case(unit, codes[i][0])) {
            return gw_str_from_cstr(codes[i][1]);
        }
    }
    return (struct gw_str){0};
}

/* States that scales name, beside the profile's stable word. Whatever is not
 * known here is motion: never a weight. */
static const char *state_of_word(struct gw_str word) {
    static const char *const words[][2] = {
        {"over", "over"},   {"overload", "over"},   {"overrange", "over"},
        {"under", "under"}, {"underload", "under"}, {"underrange", "under"},
        {"error", "error"}, {"fault", "error"},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (eq_any_case(word, words[i][0])) {
            return words[i][1];
        }
    }
    return "dynamic";
}

static enum gw_err decode_state(struct gw_decoding *decoding, const char **ret_state) {
    const struct gw_config_device *device = decoding->input->device;
    struct gw_str stable_word = gw_str_from_cstr(device->stable_word);
    if (gw_str_from_cstr(device->state_pointer).len == 0) {
        *ret_state = "stable";
        return GW_OK;
    }
    struct gw_member member;
    enum gw_err err = gw_decoding_require(decoding, device->state_pointer, &member);
    if (err) {
        return err;
    }
    struct gw_str word = member.raw;
    if (!gw_str_eq(word, GW_STR("true")) && !gw_str_eq(word, GW_STR("false"))) {
        err = gw_decoding_text(decoding, &member, GW_DECODING_TEXT_MAX_BYTES, &word);
        if (err) {
            return err;
        }
    }
    if (stable_word.len == 0) {
        stable_word = GW_STR(STABLE_WORD_DEFAULT);
    }
    *ret_state = gw_str_eq(word, stable_word) ? "stable" : state_of_word(word);
    return GW_OK;
}

/* Digits exactly as sent; spaces around them are the display's padding. */
static enum gw_err decode_value(struct gw_decoding *decoding, struct gw_str *ret_value) {
    struct gw_member member;
    enum gw_err err =
        gw_decoding_require(decoding, decoding->input->device->weight_pointer, &member);
    if (err) {
        return err;
    }
    struct gw_str text;
    err = gw_decoding_text(decoding, &member, VALUE_MAX_BYTES, &text);
    if (err) {
        return err;
    }
    text = gw_str_trim(text);
    if (!gw_decimal_is_text(text)) {
        return gw_decoding_refuse(decoding, member.pointer, member.raw, "decimal text");
    }
    *ret_value = text;
    return GW_OK;
}

static enum gw_err decode_unit(struct gw_decoding *decoding, struct gw_str *ret_unit) {
    struct gw_member member = gw_decoding_find(decoding, decoding->input->device->unit_pointer);
    return gw_decoding_text(decoding, &member, GW_DECODING_TEXT_MAX_BYTES, ret_unit);
}

struct weight {
    const char *state;
    struct gw_str value, unit; /* only when stable */
    struct gw_str detail;
};

/* A number without a unit is no weight. */
static enum gw_err decode_weight(struct gw_decoding *decoding, struct weight *weight) {
    struct gw_str value, unit;
    enum gw_err err = decode_state(decoding, &weight->state);
    if (err || !gw_str_eq(gw_str_from_cstr(weight->state), GW_STR("stable"))) {
        return err;
    }
    err = decode_value(decoding, &value);
    if (!err) {
        err = decode_unit(decoding, &unit);
    }
    if (err) {
        return err;
    }
    if (gw_str_trim(unit).len == 0) {
        weight->state = "error";
        weight->detail = GW_STR("no unit was sent where unit_pointer says");
    } else {
        weight->value = value;
        weight->unit = unit;
    }
    return GW_OK;
}

enum gw_err gw_decode_weight_json(struct gw_decoding *decoding) {
    struct weight weight = {0};
    enum gw_err err = gw_decoding_identity(decoding);
    if (!err) {
        err = decode_weight(decoding, &weight);
    }
    if (err) {
        return err;
    }
    err = gw_decoding_check_raw(decoding, decoding->text);
    if (err) {
        return err;
    }
    decoding->type = GW_EVENT_WEIGHT_MEASURED;
    gw_decoding_start_data(decoding);
    gw_decoding_put_optional(decoding, "detail", weight.detail);
    gw_decoding_put_optional(decoding, "deviceeventid", decoding->device_event_id);
    gw_decoding_put_text(decoding, "raw", decoding->text);
    gw_decoding_put_text(decoding, "state", gw_str_from_cstr(weight.state));
    gw_decoding_put_optional(decoding, "unit", weight.unit);
    gw_decoding_put_optional(decoding, "unitcode",
                             gw_observe_unit_code(gw_str_trim(weight.unit)));
    gw_decoding_put_optional(decoding, "value", weight.value);
    return GW_OK;
}

enum gw_err gw_decode_weight_text(struct gw_decoding *decoding) {
    gw_buf_put_str(decoding->reason,
                   GW_STR("a scale's text cannot be decoded: the device's payload is \"text\", "
                          "allowed for scales: \"json\""));
    return GW_ERR_SCHEMA;
}
