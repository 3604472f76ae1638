/* SPDX-License-Identifier: Apache-2.0 */
/* Characters and parts of one value. */
#include "firmware/gs1/check.h"

#define N (1U << GW_GS1_SET_N)
#define X (1U << GW_GS1_SET_X)
#define Y (1U << GW_GS1_SET_Y)
#define Z (1U << GW_GS1_SET_Z)

/* Sets a character is in: General Specifications, section 7.11. */
static const uint8_t sets_of[256] = {
    ['0' ... '9'] = N | X | Y | Z,
    ['A' ... 'Z'] = X | Y | Z,
    ['a' ... 'z'] = X | Z,
    ['-'] = X | Y | Z,
    ['_'] = X | Z,
    ['/'] = X | Y,
    ['#'] = Y,
    ['!'] = X,
    ['"'] = X,
    ['%' ... ','] = X, /* % & ' ( ) * + , */
    ['.'] = X,
    [':' ... '?'] = X, /* : ; < = > ? */
};

size_t gw_gs1_span(enum gw_gs1_set set, struct gw_str text) {
    size_t len = text.len;
    /* Padding of base64. */
    for (int i = 0; set == GW_GS1_SET_Z && i < 2 && len > 1 && text.ptr[len - 1] == '='; i++) {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        if (!(sets_of[(uint8_t) text.ptr[i]] & (1U << set))) {
            return i;
        }
    }
    return text.len;
}

static bool check_part(const struct gw_gs1_part *part, struct gw_str text,
                       struct gw_gs1_finding *ret_why) {
    size_t good = gw_gs1_span(part->set, text);
    if (good < text.len) {
        ret_why->reason = GW_GS1_BAD_CHARACTER;
        ret_why->at = good;
        ret_why->found = gw_str_sub(text, good, 1);
        ret_why->character = gw_gs1_set_name(part->set);
        return false;
    }
    for (size_t i = 0; i < GW_GS1_CHECKS_MAX && part->checks[i] != GW_GS1_CHECK_NONE; i++) {
        if (!gw_gs1_check_passes(part->checks[i], text)) {
            ret_why->reason = gw_gs1_check_reason(part->checks[i]);
            ret_why->check = part->checks[i];
            ret_why->at = 0;
            ret_why->found = text;
            return false;
        }
    }
    return true;
}

static bool wrong_length(const struct gw_gs1_ai *ai, struct gw_str value,
                         struct gw_gs1_finding *ret_why) {
    ret_why->min = (uint16_t) gw_gs1_ai_min(ai);
    ret_why->max = (uint16_t) gw_gs1_ai_max(ai);
    bool too_long = value.len > ret_why->max;
    ret_why->reason = too_long ? GW_GS1_TOO_LONG : GW_GS1_TOO_SHORT;
    ret_why->at = too_long ? ret_why->max : value.len;
    ret_why->found = value;
    return false;
}

bool gw_gs1_check_value(const struct gw_gs1_ai *ai, struct gw_str value,
                        struct gw_gs1_finding *ret_why) {
    if (value.len < gw_gs1_ai_min(ai) || value.len > gw_gs1_ai_max(ai)) {
        return wrong_length(ai, value, ret_why);
    }
    size_t from = 0;
    for (size_t i = 0; i < GW_GS1_PARTS_MAX && ai->parts[i].max > 0; i++) {
        const struct gw_gs1_part *part = &ai->parts[i];
        struct gw_str text = gw_str_sub(value, from, part->max);
        if (part->optional && text.len == 0) {
            break;
        }
        if (text.len < part->min) {
            return wrong_length(ai, value, ret_why);
        }
        if (!check_part(part, text, ret_why)) {
            ret_why->at += from;
            return false;
        }
        from += text.len;
    }
    return true;
}
