/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/config/write_value.h"

#include <stdlib.h>
#include <string.h>

#include "firmware/event/decimal.h"

/* Products of a value and a scale have up to 38 digits. */
__extension__ typedef unsigned __int128 wide;
#define WIDE_DIGITS 38

/* ---- whole numbers ---- */

/* What an integer type holds: from -below to above. */
struct limits {
    uint64_t below, above;
};

static const struct limits *limits_of(enum gw_point_type type) {
    static const struct limits limits[GW_POINT_TYPE_COUNT] = {
        [GW_POINT_BOOL] = {0, 1},
        [GW_POINT_INT16] = {(uint64_t) INT16_MAX + 1, INT16_MAX},
        [GW_POINT_UINT16] = {0, UINT16_MAX},
        [GW_POINT_INT32] = {(uint64_t) INT32_MAX + 1, INT32_MAX},
        [GW_POINT_UINT32] = {0, UINT32_MAX},
        [GW_POINT_INT64] = {(uint64_t) INT64_MAX + 1, INT64_MAX},
        [GW_POINT_UINT64] = {0, UINT64_MAX},
    };
    return type < GW_POINT_TYPE_COUNT && limits[type].above > 0 ? &limits[type] : NULL;
}

/* A decimal as digits times a power of ten. */
struct digits {
    bool is_negative;
    wide mantissa;
    unsigned count;  /* digits of the mantissa */
    unsigned places; /* behind the point */
};

struct quotient {
    bool is_negative;
    wide magnitude;
};

static bool take_digits(struct gw_str text, struct digits *ret_digits) {
    struct digits digits = {0};
    bool is_behind_point = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '-') {
            digits.is_negative = true;
        } else if (c == '.') {
            is_behind_point = true;
        } else {
            digits.mantissa = digits.mantissa * 10 + (unsigned) (c - '0');
            digits.count += digits.mantissa > 0;
            digits.places += is_behind_point;
        }
        if (digits.count > WIDE_DIGITS) {
            return false;
        }
    }
    while (digits.places > 0 && digits.mantissa % 10 == 0) {
        digits.mantissa /= 10;
        digits.count -= digits.count > 0;
        digits.places--;
    }
    *ret_digits = digits;
    return true;
}

static bool scale_up(struct digits *digits, unsigned by) {
    if (digits->mantissa == 0) {
        return true;
    }
    if (digits->count + by > WIDE_DIGITS) {
        return false;
    }
    for (unsigned i = 0; i < by; i++) {
        digits->mantissa *= 10;
    }
    return true;
}

/* value / scale, which must come out even. */
static bool divide(struct gw_str value, const char *scale, struct quotient *ret_quotient) {
    struct digits number, factor;
    if (!take_digits(value, &number) || !take_digits(gw_str_from_cstr(scale), &factor)
        || factor.mantissa == 0) {
        return false;
    }
    bool fits = number.places < factor.places
                    ? scale_up(&number, factor.places - number.places)
                    : scale_up(&factor, number.places - factor.places);
    if (!fits || number.mantissa % factor.mantissa != 0) {
        return false;
    }
    *ret_quotient = (struct quotient){
        .is_negative = number.mantissa != 0 && number.is_negative != factor.is_negative,
        .magnitude = number.mantissa / factor.mantissa,
    };
    return true;
}

static const char *scale_of(const struct gw_config_write *write) {
    return write->type == GW_POINT_BOOL ? "1" : write->scale;
}

static bool whole_bits(const struct gw_config_write *write, struct gw_str value,
                       uint64_t *ret_bits) {
    const struct limits *limits = limits_of(write->type);
    struct quotient quotient;
    if (!limits || !divide(value, scale_of(write), &quotient)) {
        return false;
    }
    if (quotient.magnitude > (quotient.is_negative ? limits->below : limits->above)) {
        return false;
    }
    uint64_t magnitude = (uint64_t) quotient.magnitude;
    *ret_bits = quotient.is_negative ? (uint64_t) 0 - magnitude : magnitude;
    return true;
}

/* ---- floats ---- */

static bool is_float(const struct gw_config_write *write) {
    return write->type == GW_POINT_FLOAT32 || write->type == GW_POINT_FLOAT64;
}

/* The float nearest to the text, as bits and as the number a reader would see. */
static bool nearest(const struct gw_config_write *write, struct gw_str value,
                    uint64_t *ret_bits, struct gw_decimal *ret_number) {
    char text[GW_CONFIG_VALUE_MAX_BYTES + 1];
    if (gw_str_copy(value, text, sizeof text)) {
        return false;
    }
    if (write->type == GW_POINT_FLOAT64) {
        double real = strtod(text, NULL);
        memcpy(ret_bits, &real, sizeof real);
        return !gw_decimal_from_float64(real, ret_number);
    }
    float real = strtof(text, NULL);
    uint32_t bits = 0;
    memcpy(&bits, &real, sizeof bits);
    *ret_bits = bits;
    return !gw_decimal_from_float32(real, ret_number);
}

static bool float_bits(const struct gw_config_write *write, struct gw_str value,
                       const struct gw_decimal *wanted, uint64_t *ret_bits) {
    struct gw_decimal number;
    uint64_t bits = 0;
    if (!nearest(write, value, &bits, &number) || gw_decimal_compare(&number, wanted) != 0) {
        return false;
    }
    *ret_bits = bits;
    return true;
}

enum gw_err gw_config_write_bits(const struct gw_config_write *write, struct gw_str value,
                                 uint64_t *ret_bits) {
    struct gw_decimal number;
    if (value.len > GW_CONFIG_VALUE_MAX_BYTES || !gw_decimal_is_text(value)
        || gw_decimal_parse(value, &number)) {
        return GW_ERR_PARSE;
    }
    bool fits = is_float(write) ? float_bits(write, value, &number, ret_bits)
                                : whole_bits(write, value, ret_bits);
    return fits ? GW_OK : GW_ERR_RANGE;
}

/* ---- what fits ---- */

static void put_whole(const struct gw_config_write *write, struct gw_buf *buf) {
    const struct limits *limits = limits_of(write->type);
    struct gw_decimal scale, ends[2];
    if (!limits || gw_decimal_parse(gw_str_from_cstr(scale_of(write)), &scale)) {
        return;
    }
    ends[0] = gw_decimal_from_u64(limits->below);
    ends[0].negative = true;
    ends[1] = gw_decimal_from_u64(limits->above);
    if (gw_decimal_multiply(&ends[0], &scale, &ends[0])
        || gw_decimal_multiply(&ends[1], &scale, &ends[1])) {
        return;
    }
    bool is_turned = gw_decimal_compare(&ends[0], &ends[1]) > 0;
    (void) gw_decimal_put(buf, &ends[is_turned]);
    (void) gw_buf_put_str(buf, GW_STR(" to "));
    (void) gw_decimal_put(buf, &ends[!is_turned]);
    scale.negative = false;
    (void) gw_buf_put_str(buf, GW_STR(" in steps of "));
    (void) gw_decimal_put(buf, &scale);
}

void gw_config_write_put_held(const struct gw_config_write *write, struct gw_str value,
                              struct gw_buf *buf) {
    struct gw_decimal number;
    uint64_t bits = 0;
    if (!is_float(write)) {
        put_whole(write, buf);
    } else if (nearest(write, value, &bits, &number)) {
        (void) gw_decimal_put(buf, &number);
    }
}
