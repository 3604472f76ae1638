/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shortest decimal digits of a binary float (IEEE 754 binary16, 32 and 64), exactly,
 * by the free-format algorithm of Steele and White ("How to Print Floating-Point
 * Numbers Accurately", 1990, known as Dragon4), in integers of 384 bits: a float32
 * needs about 160, and a float64 whose digits fit a struct gw_decimal about 320.
 *
 * The value is r / s. `above` and `below` (also over s) are the half gaps to the
 * neighbouring floats: digits are produced until what is left is smaller than
 * the gap, so any shorter text would be nearer to another float.
 */
#include <string.h>

#include "firmware/event/decimal.h"

#define WORDS 12
#define DIGITS_MAX 17 /* of a float64 that reads back the same */
/* Beyond 2^240 there are more than 72 digits before the point, below 2^-240 more than
 * 72 zeros behind it. */
#define EXPONENT_MAX 240

struct format {
    unsigned fraction_bits, exponent_bits;
    size_t digits_max; /* that read back the same */
};

static const struct format binary16 = {10, 5, 5};
static const struct format binary32 = {23, 8, 9};
static const struct format binary64 = {52, 11, DIGITS_MAX};

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

/* r / s = mantissa * 2^exponent. Below a power of two the gap is half as wide. */
static struct ratio ratio_of(uint64_t mantissa, int exponent, bool narrow_below) {
    unsigned up = exponent > 0 ? (unsigned) exponent : 0;
    unsigned down = exponent < 0 ? (unsigned) -exponent : 0;
    unsigned extra = narrow_below;
    return (struct ratio){
        .r = wide_shifted(mantissa, up + 1 + extra),
        .s = wide_shifted(1, down + 1 + extra),
        .above = wide_shifted(1, up + extra),
        .below = wide_shifted(1, up),
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

static size_t produce_digits(struct ratio *ratio, size_t digits_max,
                             char digits[static DIGITS_MAX]) {
    for (size_t count = 0;; count++) {
        unsigned digit = next_digit(ratio);
        bool low = is_below_gap(ratio);
        bool high = reaches(ratio);
        if (low || high || count + 1 == digits_max) {
            bool up = high && (!low || rounds_up(ratio, digit));
            digits[count] = (char) ('0' + digit + up);
            return count + 1;
        }
        digits[count] = (char) ('0' + digit);
    }
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

static enum gw_err from_ratio(struct ratio *ratio, size_t digits_max,
                              struct gw_decimal *ret_number) {
    char digits[DIGITS_MAX];
    char text[GW_DECIMAL_TEXT_MAX];
    int power = normalise(ratio);
    size_t count = produce_digits(ratio, digits_max, digits);
    if (power > GW_DECIMAL_PLACES_MAX || (int) count - power > GW_DECIMAL_PLACES_MAX) {
        return GW_ERR_RANGE;
    }
    size_t len = write_text((struct gw_str){digits, count}, power, text);
    return gw_decimal_parse((struct gw_str){text, len}, ret_number);
}

static enum gw_err from_bits(uint64_t bits, const struct format *format,
                             struct gw_decimal *ret_number) {
    uint64_t hidden = UINT64_C(1) << format->fraction_bits;
    unsigned biased_max = (1u << format->exponent_bits) - 1;
    uint64_t fraction = bits & (hidden - 1);
    unsigned biased = (unsigned) (bits >> format->fraction_bits) & biased_max;
    if (biased == biased_max) {
        return GW_ERR_RANGE;
    }
    struct gw_decimal number = {0};
    if (biased != 0 || fraction != 0) {
        int power_of_two = (int) (biased > 0 ? biased : 1) - (int) (biased_max / 2);
        if (power_of_two > EXPONENT_MAX || power_of_two < -EXPONENT_MAX) {
            return GW_ERR_RANGE;
        }
        struct ratio ratio =
            ratio_of(biased > 0 ? fraction | hidden : fraction,
                     power_of_two - (int) format->fraction_bits, fraction == 0 && biased > 1);
        enum gw_err err = from_ratio(&ratio, format->digits_max, &number);
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
