/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/registers.h"

#include <string.h>

size_t gw_point_register_count(enum gw_point_type type) {
    static const uint8_t counts[GW_POINT_TYPE_COUNT] = {
        [GW_POINT_BOOL] = 1,    [GW_POINT_INT16] = 1,  [GW_POINT_UINT16] = 1,
        [GW_POINT_FLOAT16] = 1, [GW_POINT_BCD16] = 1,  [GW_POINT_INT32] = 2,
        [GW_POINT_UINT32] = 2,  [GW_POINT_BCD32] = 2,  [GW_POINT_FLOAT32] = 2,
        [GW_POINT_INT64] = 4,   [GW_POINT_UINT64] = 4, [GW_POINT_FLOAT64] = 4,
    };
    return counts[type];
}

size_t gw_point_width(const struct gw_config_point *point) {
    if (gw_point_area_is_bits(point->area)) {
        return 1;
    }
    return point->type == GW_POINT_STRING ? (point->length + 1u) / 2
                                          : gw_point_register_count(point->type);
}

bool gw_point_area_is_bits(enum gw_modbus_area area) {
    return area == GW_AREA_COIL || area == GW_AREA_DISCRETE_INPUT;
}

const char *gw_point_area_name(enum gw_modbus_area area) {
    static const char *const names[] = {
        [GW_AREA_COIL] = "coil",
        [GW_AREA_DISCRETE_INPUT] = "discrete_input",
        [GW_AREA_INPUT_REGISTER] = "input_register",
        [GW_AREA_HOLDING_REGISTER] = "holding_register",
    };
    return names[area];
}

struct gw_str gw_point_value_text(const struct gw_point_value *value) {
    return (struct gw_str){value->text, value->text_len};
}

/* ---- order ---- */

static bool swaps_bytes(enum gw_word_order order) {
    return order == GW_ORDER_BADC || order == GW_ORDER_DCBA;
}

/* Where on the wire the word of significance `rank` is, 0 being the most significant.
 * `count` is a power of two. */
static size_t wire_index(enum gw_word_order order, size_t rank, size_t count) {
    static const uint8_t flips[GW_ORDER_COUNT] = {[GW_ORDER_CDAB] = 3,
                                                  [GW_ORDER_DCBA] = 3, /* reversed */
                                                  [GW_ORDER_CDABGHEF] = 1,
                                                  [GW_ORDER_EFGHABCD] = 2};
    return (rank ^ flips[order]) & (count - 1);
}

static uint16_t word_at(const uint16_t *words, enum gw_word_order order, size_t index) {
    uint16_t word = words[index];
    uint16_t swapped = (uint16_t) (word << 8 | word >> 8);
    return swaps_bytes(order) ? swapped : word;
}

/* Up to four registers as one number. */
static uint64_t assemble(const uint16_t *words, size_t count, enum gw_word_order order) {
    uint64_t bits = 0;
    for (size_t rank = 0; rank < count; rank++) {
        bits = bits << 16 | word_at(words, order, wire_index(order, rank, count));
    }
    return bits;
}

/* ---- numbers ---- */

static enum gw_err from_float32(uint32_t bits, struct gw_decimal *ret_number) {
    float real;
    memcpy(&real, &bits, sizeof(real));
    return gw_decimal_from_float32(real, ret_number);
}

static double float64_of(uint64_t bits) {
    double real;
    memcpy(&real, &bits, sizeof(real));
    return real;
}

static enum gw_err from_bcd(uint64_t bits, struct gw_decimal *ret_number) {
    int64_t number = 0;
    for (int shift = 28; shift >= 0; shift -= 4) {
        unsigned digit = (unsigned) (bits >> shift) & 15;
        if (digit > 9) {
            return GW_ERR_INVALID;
        }
        number = number * 10 + digit;
    }
    *ret_number = gw_decimal_from_i64(number);
    return GW_OK;
}

static int64_t signed_of(enum gw_point_type type, uint64_t bits) {
    return type == GW_POINT_INT16   ? (int16_t) (uint16_t) bits
           : type == GW_POINT_INT32 ? (int32_t) (uint32_t) bits
                                    : (int64_t) bits;
}

/* INVALID for what is no number; RANGE for one that has too many digits. */
static enum gw_err number_of(enum gw_point_type type, uint64_t bits,
                             struct gw_decimal *ret_number) {
    switch (type) {
    case GW_POINT_INT16:
    case GW_POINT_INT32:
    case GW_POINT_INT64:
        *ret_number = gw_decimal_from_i64(signed_of(type, bits));
        return GW_OK;
    case GW_POINT_FLOAT16:
        return gw_decimal_from_float16((uint16_t) bits, ret_number);
    case GW_POINT_FLOAT32:
        return from_float32((uint32_t) bits, ret_number);
    case GW_POINT_FLOAT64:
        return gw_decimal_from_float64(float64_of(bits), ret_number);
    case GW_POINT_BCD16:
    case GW_POINT_BCD32:
        return from_bcd(bits, ret_number);
    default:
        *ret_number = gw_decimal_from_u64(bits);
        return GW_OK;
    }
}

/* `text` of a factor or summand; nothing stands for `neutral`. */
static enum gw_err parse_unless(const char *text, const char *neutral, bool *ret_is_given,
                                struct gw_decimal *ret_number) {
    *ret_is_given = text && text[0] != '\0' && strcmp(text, neutral) != 0;
    if (*ret_is_given && gw_decimal_parse(gw_str_from_cstr(text), ret_number)) {
        return GW_ERR_INVALID;
    }
    return GW_OK;
}

static enum gw_err scale_number(const struct gw_config_point *point,
                                struct gw_decimal *number) {
    struct gw_decimal scale, offset;
    bool has_scale = false, has_offset = false;
    enum gw_err err = parse_unless(point->scale, "1", &has_scale, &scale);
    if (!err) {
        err = parse_unless(point->offset, "0", &has_offset, &offset);
    }
    if (!err && has_scale) {
        err = gw_decimal_multiply_rounded(number, &scale, number);
    }
    if (!err && has_offset) {
        err = gw_decimal_add(number, &offset, number);
    }
    return err;
}

/* The device says by these bits that it has no value. */
static bool means_none(const struct gw_config_point *point, uint64_t bits, size_t count) {
    struct gw_str rest = gw_str_from_cstr(point->invalid ? point->invalid : ""), part;
    while (gw_str_split(&rest, ',', &part)) {
        uint8_t bytes[2 * 4];
        uint64_t none = 0;
        if (gw_hex_parse(gw_str_sub(part, 2, SIZE_MAX), bytes, 2 * count)) {
            continue;
        }
        for (size_t i = 0; i < 2 * count; i++) {
            none = none << 8 | bytes[i];
        }
        if (none == bits) {
            return true;
        }
    }
    return false;
}

static enum gw_err decode_number(const struct gw_config_point *point, const uint16_t *words,
                                 size_t count, struct gw_point_value *ret_value) {
    struct gw_point_value value = {0};
    uint64_t bits = assemble(words, count, point->order);
    enum gw_err err = means_none(point, bits, count)
                          ? GW_ERR_INVALID
                          : number_of(point->type, bits, &value.number);
    value.good = err != GW_ERR_INVALID;
    if (!err) {
        err = scale_number(point, &value.number);
    }
    if (err && value.good) {
        return err;
    }
    *ret_value = value;
    return GW_OK;
}

void gw_point_put_unscaled(const struct gw_config_point *point, const uint16_t *words,
                           struct gw_buf *buf) {
    struct gw_decimal number;
    uint64_t bits = assemble(words, gw_point_register_count(point->type), point->order);
    enum gw_err err = number_of(point->type, bits, &number);
    if (!err) {
        (void) gw_decimal_put(buf, &number);
    } else if (err == GW_ERR_RANGE) {
        (void) gw_buf_printf(buf, "%.15g", float64_of(bits));
    }
}

/* ---- bits and text ---- */

static bool bit_of(const struct gw_config_point *point, uint16_t word) {
    bool is_whole = gw_point_area_is_bits(point->area) || point->bit == GW_POINT_ALL_BITS;
    return is_whole ? word != 0 : (word >> (point->bit & 15) & 1) != 0;
}

/* No control characters, neither C0, DEL nor C1 (U+0080 to U+009F). */
static bool is_printable(struct gw_str text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char) text.ptr[i];
        bool is_c1 = c == 0xc2 && i + 1 < text.len && (unsigned char) text.ptr[i + 1] < 0xa0;
        if (c < 0x20 || c == 0x7f || is_c1) {
            return false;
        }
    }
    return gw_str_is_utf8(text);
}

static struct gw_point_value decode_text(const struct gw_config_point *point,
                                         const uint16_t *words) {
    struct gw_point_value value = {.is_text = true};
    size_t len = 0;
    for (; len < point->length && len < sizeof(value.text); len++) {
        uint16_t word = word_at(words, point->order, len / 2);
        char c = (char) (unsigned char) (len % 2 == 0 ? word >> 8 : word);
        if (c == '\0') {
            break;
        }
        value.text[len] = c;
    }
    while (len > 0 && value.text[len - 1] == ' ') {
        len--;
    }
    value.text_len = (uint8_t) len;
    value.good = is_printable(gw_point_value_text(&value));
    return value.good ? value : (struct gw_point_value){.good = false};
}

enum gw_err gw_point_decode(const struct gw_config_point *point, const uint16_t *words,
                            size_t count, struct gw_point_value *ret_value) {
    if (count != gw_point_width(point)) {
        return GW_ERR_INVALID;
    }
    if (gw_point_area_is_bits(point->area) || point->type == GW_POINT_BOOL) {
        *ret_value = (struct gw_point_value){
            .good = true, .number = gw_decimal_from_i64(bit_of(point, words[0]))};
        return GW_OK;
    }
    if (point->type == GW_POINT_STRING) {
        *ret_value = decode_text(point, words);
        return GW_OK;
    }
    return decode_number(point, words, count, ret_value);
}

/* ---- change ---- */

/* What a difference must exceed. A share that does not fit is no band. */
static struct gw_decimal band_of(const struct gw_config_point *point,
                                 const struct gw_decimal *before) {
    struct gw_str text = gw_str_from_cstr(point->dead_band);
    bool is_share = gw_str_ends_with(text, GW_STR("%"));
    struct gw_decimal band;
    if (gw_decimal_parse(is_share ? gw_str_sub(text, 0, text.len - 1) : text, &band)) {
        return gw_decimal_from_i64(0);
    }
    struct gw_decimal hundredth = gw_decimal_from_i64(0);
    if (is_share
        && (gw_decimal_parse(GW_STR("0.01"), &hundredth)
            || gw_decimal_multiply_rounded(&band, &hundredth, &band)
            || gw_decimal_multiply_rounded(before, &band, &band))) {
        return gw_decimal_from_i64(0);
    }
    return band;
}

bool gw_point_has_changed(const struct gw_config_point *point,
                          const struct gw_point_value *before,
                          const struct gw_point_value *now) {
    if (before->good != now->good) {
        return true;
    }
    if (!now->good) {
        return false;
    }
    if (now->is_text || before->is_text) {
        return now->is_text != before->is_text
               || !gw_str_eq(gw_point_value_text(before), gw_point_value_text(now));
    }
    struct gw_decimal band = band_of(point, &before->number);
    return gw_decimal_is_outside(&before->number, &now->number, &band);
}
