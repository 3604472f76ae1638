/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimal digits of a binary float (IEEE 754 binary16, 32 and 64). A whole number is
 * mantissa times a power of two, exactly: counters are kept in floats too. All others are
 * the shortest digits that read back the same, by the free-format algorithm of Steele and
 * White ("How to Print Floating-Point Numbers Accurately", 1990, known as Dragon4), in
 * integers of 384 bits: a float32 needs about 160, and a float64 of which a digit is left
 * in a struct gw_decimal about 300.
 *
 * The value is r / s. `above` and `below` (also over s) are the half gaps to the
 * neighbouring floats: digits are produced until what is left is smaller than
 * the gap, so any shorter text would be nearer to another float.
 */
#include <string.h>

#include "firmware/event/decimal.h"

#define WORDS 12
#define DIGITS_MAX 17 /* of a float64 that reads back the same */
/* 2^-241 is less than half of the 72nd place. */
#define EXPONENT_MIN (-241)
#define FACTOR_BITS_MAX 63

struct format {
    unsigned fraction_bits, exponent_bits;
};

static const struct format binary16 = {10, 5};
static const struct format binary32 = {23, 8};
static const struct format binary64 = {52, 11};

struct wide {
    uint32_t words[WORDS]; /* least first */
};

static struct wide wide_shifted(uint64_t value, unsigned bits) {
    struct wide result = {0};
    uint64_t low = (value & UINT32_MAX) << (bits % 32);
    uint64_t high = (value >> 32) << (bits % 32);
    result.words[bits / 32] = (uint32_t) low;
    uint64_t middle = (low >> 32) + high;
    result.words[bits / 32 + 1] = (uint32_t) middle;
    result.words[bits / 32 + 2] = (uint32_t) (middle >> 32);
    return result;
}

static void wide_times_ten(struct wide *number) {
    uint64_t carry = 0;
    for (size_t i = 0; i < WORDS; i++) {
        carry += (uint64_t) number->words[i] * 10;
        number->words[i] = (uint32_t) carry;
        carry >>= 32;
    }
}

static struct wide wide_sum(const struct wide *a, const struct wide *b) {
    struct wide sum;
    uint64_t carry = 0;
    for (size_t i = 0; i < WORDS; i++) {
        carry += (uint64_t) a->words[i] + b->words[i];
        sum.words[i] = (uint32_t) carry;
        carry >>= 32;
    }
    return sum;
}

static void wide_subtract(struct wide *a, const struct wide *b) {
    uint64_t borrow = 0;
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t word = (uint64_t) a->words[i] - b->words[i] - borrow;
        a->words[i] = (uint32_t) word;
        borrow = word >> 63;
    }
}

static int wide_compare(const struct wide *a, const struct wide *b) {
    for (size_t i = WORDS; i > 0; i--) {
        if (a->words[i - 1] != b->words[i - 1]) {
            return a->words[i - 1] < b->words[i - 1] ? -1 : 1;
        }
    }
    return 0;
}

struct ratio {
    struct wide r, s, above, below;
    bool inclusive; /* an even mantissa wins ties: the gap's end belongs to it */
};

/* r / s = mantissa / 2^down. Below a power of two the gap is half as wide. */
static struct ratio ratio_of(uint64_t mantissa, unsigned down, bool narrow_below) {
    unsigned extra = narrow_below;
    return (struct ratio){
        .r = wide_shifted(mantissa, 1 + extra),
        .s = wide_shifted(1, down + 1 + extra),
        .above = wide_shifted(1, extra),
        .below = wide_shifted(1, 0),
        .inclusive = mantissa % 2 == 0,
    };
}

static bool reaches(const struct ratio *ratio) {
    struct wide top = wide_sum(&ratio->r, &ratio->above);
    int order = wide_compare(&top, &ratio->s);
    return ratio->inclusive ? order >= 0 : order > 0;
}

static bool is_below_gap(const struct ratio *ratio) {
    int order = wide_compare(&ratio->r, &ratio->below);
    return ratio->inclusive ? order <= 0 : order < 0;
}

static void times_ten(struct ratio *ratio) {
    wide_times_ten(&ratio->r);
    wide_times_ten(&ratio->above);
    wide_times_ten(&ratio->below);
}

/* Scale so that the value is 0.d1 d2 d3... * 10^result with d1 > 0. */
static int normalise(struct ratio *ratio) {
    int power = 0;
    while (reaches(ratio)) {
        wide_times_ten(&ratio->s);
        power++;
    }
    for (;;) {
        struct ratio next = *ratio;
        times_ten(&next);
        if (reaches(&next)) {
            return power;
        }
        *ratio = next;
        power--;
    }
}

static unsigned next_digit(struct ratio *ratio) {
    unsigned digit = 0;
    times_ten(ratio);
    while (wide_compare(&ratio->r, &ratio->s) >= 0) {
        wide_subtract(&ratio->r, &ratio->s);
        digit++;
    }
    return digit;
}

/* Half to even, as printf does. */
static bool rounds_up(const struct ratio *ratio, unsigned digit) {
    struct wide twice = wide_sum(&ratio->r, &ratio->r);
    int order = wide_compare(&twice, &ratio->s);
    return order > 0 || (order == 0 && digit % 2 == 1);
}

/* At most `digits_max`, how many; true if they would not read back the same. */
static bool produce_digits(struct ratio *ratio, size_t digits_max,
                           char digits[static DIGITS_MAX], size_t *ret_count) {
    size_t count = 0;
    while (count < digits_max) {
        unsigned digit = next_digit(ratio);
        bool low = is_below_gap(ratio);
        bool high = reaches(ratio);
        bool up = high && (!low || rounds_up(ratio, digit));
        digits[count++] = (char) ('0' + digit + up);
        if (low || high) {
            *ret_count = count;
            return false;
        }
    }
    *ret_count = count;
    return true;
}

/* One more in the last place; how many digits are left, 0 = it is the next power of ten. */
static size_t count_up(char *digits, size_t count) {
    while (count > 0 && digits[count - 1] == '9') {
        count--;
    }
    if (count > 0) {
        digits[count - 1]++;
    }
    return count;
}

/* "<zeros>d1...dn<zeros>" with the point in its place, for the parser. */
static size_t write_text(struct gw_str digits, int power,
                         char text[static GW_DECIMAL_TEXT_MAX]) {
    size_t len = 0;
    int count = (int) digits.len;
    int first = power > 0 ? 0 : power - 1; /* digits before the first are zeros */
    int last = count > power ? count : power;
    for (int i = first; i < last; i++) {
        if (i == power) {
            text[len++] = '.';
        }
        text[len++] = i >= 0 && i < count ? digits.ptr[i] : '0';
    }
    return len;
}

/* Rounded to the last place where the digits do not end before. */
static enum gw_err from_ratio(struct ratio *ratio, struct gw_decimal *ret_number) {
    char digits[DIGITS_MAX];
    char text[GW_DECIMAL_TEXT_MAX];
    size_t count = 0;
    int power = normalise(ratio);
    int room = GW_DECIMAL_PLACES_MAX + power;
    if (room < 0) {
        return gw_decimal_parse(GW_STR("0"), ret_number);
    }
    bool is_cut =
        produce_digits(ratio, room < DIGITS_MAX ? (size_t) room : DIGITS_MAX, digits, &count);
    if (is_cut && rounds_up(ratio, count > 0 ? (unsigned) (digits[count - 1] - '0') : 0)) {
        count = count_up(digits, count);
        if (count == 0) {
            digits[count++] = '1';
            power++;
        }
    }
    while (count > 0 && digits[count - 1] == '0') {
        count--;
    }
    if (count == 0) {
        return gw_decimal_parse(GW_STR("0"), ret_number);
    }
    size_t len = write_text((struct gw_str){digits, count}, power, text);
    return gw_decimal_parse((struct gw_str){text, len}, ret_number);
}

static bool is_whole(uint64_t mantissa, int exponent) {
    return exponent >= 0 || mantissa == 0
           || (exponent > -FACTOR_BITS_MAX
               && (mantissa & ((UINT64_C(1) << -exponent) - 1)) == 0);
}

static enum gw_err from_whole(uint64_t mantissa, int exponent, struct gw_decimal *ret_number) {
    bool is_shorter = exponent < 0 && mantissa != 0;
    struct gw_decimal number =
        gw_decimal_from_u64(is_shorter ? mantissa >> -exponent : mantissa);
    enum gw_err err = GW_OK;
    while (!err && exponent > 0) {
        int bits = exponent < FACTOR_BITS_MAX ? exponent : FACTOR_BITS_MAX;
        struct gw_decimal factor = gw_decimal_from_u64(UINT64_C(1) << bits);
        err = gw_decimal_multiply(&number, &factor, &number);
        exponent -= bits;
    }
    if (!err) {
        *ret_number = number;
    }
    return err;
}

/* mantissa * 2^exponent. */
static enum gw_err from_parts(uint64_t mantissa, int exponent, bool narrow_below,
                              struct gw_decimal *ret_number) {
    if (is_whole(mantissa, exponent)) {
        return from_whole(mantissa, exponent, ret_number);
    }
    struct ratio ratio = ratio_of(mantissa, (unsigned) -exponent, narrow_below);
    return from_ratio(&ratio, ret_number);
}

static enum gw_err from_bits(uint64_t bits, const struct format *format,
                             struct gw_decimal *ret_number) {
    uint64_t hidden = UINT64_C(1) << format->fraction_bits;
    unsigned biased_max = (1u << format->exponent_bits) - 1;
    uint64_t fraction = bits & (hidden - 1);
    unsigned biased = (unsigned) (bits >> format->fraction_bits) & biased_max;
    if (biased == biased_max) {
        return GW_ERR_INVALID;
    }
    struct gw_decimal number = {0};
    int power_of_two = (int) (biased > 0 ? biased : 1) - (int) (biased_max / 2);
    if (power_of_two >= EXPONENT_MIN) {
        enum gw_err err = from_parts(biased > 0 ? fraction | hidden : fraction,
                                     power_of_two - (int) format->fraction_bits,
                                     fraction == 0 && biased > 1, &number);
        if (err) {
            return err;
        }
    }
    number.negative = bits >> (format->fraction_bits + format->exponent_bits) != 0;
    *ret_number = number;
    return GW_OK;
}

enum gw_err gw_decimal_from_float16(uint16_t bits, struct gw_decimal *ret_number) {
    return from_bits(bits, &binary16, ret_number);
}

enum gw_err gw_decimal_from_float32(float value, struct gw_decimal *ret_number) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return from_bits(bits, &binary32, ret_number);
}

enum gw_err gw_decimal_from_float64(double value, struct gw_decimal *ret_number) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return from_bits(bits, &binary64, ret_number);
}
