/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/protocol.h"

const struct gw_protocol *gw_protocol_find(enum gw_profile_decode decode) {
    static const struct gw_protocol *const protocols[GW_DECODE_COUNT] = {
        [GW_DECODE_MT_SICS] = &gw_protocol_mt_sics,
        [GW_DECODE_SMA] = &gw_protocol_sma,
        [GW_DECODE_NCI] = &gw_protocol_nci,
        [GW_DECODE_TOLEDO_8217] = &gw_protocol_toledo_8217,
        [GW_DECODE_TOLEDO_CONTINUOUS] = &gw_protocol_toledo_continuous,
        [GW_DECODE_SARTORIUS_SBI] = &gw_protocol_sartorius_sbi,
        [GW_DECODE_MODBUS] = &gw_protocol_points,
    };
    return protocols[decode];
}

void gw_scale_refuse(struct gw_scale_reading *reading, const char *reason) {
    reading->kind = GW_READING_REFUSED;
    reading->reason = reason;
}

void gw_scale_tell(struct gw_scale_reading *reading, const char *condition,
                   struct gw_str detail) {
    reading->kind = GW_READING_CONDITION;
    reading->condition = condition;
    reading->detail = detail;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool put(struct gw_scale_number *number, char c) {
    if (number->len == GW_SCALE_NUMBER_MAX) {
        return false;
    }
    number->text[number->len++] = c;
    return true;
}

static struct gw_str take_sign(struct gw_str text, bool *ret_negative) {
    *ret_negative = text.len > 0 && text.ptr[0] == '-';
    bool has_sign = *ret_negative || (text.len > 0 && text.ptr[0] == '+');
    return has_sign ? gw_str_trim(gw_str_sub(text, 1, text.len)) : text;
}

enum gw_err gw_scale_number_parse(struct gw_str padded, struct gw_scale_number *ret_number) {
    struct gw_scale_number number = {0};
    bool is_negative;
    struct gw_str text = take_sign(gw_str_trim(padded), &is_negative);
    bool has_digit = false;
    bool has_point = false;
    bool has_room = !is_negative || put(&number, '-');
    for (size_t i = 0; i < text.len && has_room; i++) {
        char c = text.ptr[i];
        if (is_digit(c)) {
            has_room = put(&number, c);
            has_digit = true;
        } else if ((c == '.' || c == ',') && !has_point) {
            has_point = true;
            has_room = (i > 0 || put(&number, '0')) && (i + 1 == text.len || put(&number, '.'));
        } else {
            return GW_ERR_PARSE;
        }
    }
    if (!has_room) {
        return GW_ERR_RANGE;
    }
    if (!has_digit) {
        return GW_ERR_PARSE;
    }
    *ret_number = number;
    return GW_OK;
}
