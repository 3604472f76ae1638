/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shortest decimal digits of a float32, exactly, by the free-format algorithm
 * of Steele and White ("How to Print Floating-Point Numbers Accurately", 1990,
 * known as Dragon4), in integers of 256 bits: a float32 needs at most about 160.
 *
 * The value is r / s. `above` and `below` (also over s) are the half gaps to the
 * neighbouring floats: digits are produced until what is left is smaller than
 * the gap, so any shorter text would be nearer to another float.
 */
#include <string.h>

#include "firmware/event/decimal.h"

#define WORDS 8
#define DIGITS_MAX 9 /* of a float32 that reads back the same */

struct wide {
    uint32_t words[WORDS]; /* least first */
};

static struct wide wide_shifted(uint32_t value, unsigned bits) {
    struct wide result = {0};
    uint64_t spread = (uint64_t) value << (bits % 32);
    result.words[bits / 32] = (uint32_t) spread;
    result.words[bits / 32 + 1] = (uint32_t) (spread >> 32);
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
static struct ratio ratio_of(uint32_t mantissa, int exponent, bool narrow_below) {
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

static size_t produce_digits(struct ratio *ratio, char digits[static DIGITS_MAX]) {
    for (size_t count = 0;; count++) {
        unsigned digit = next_digit(ratio);
        bool low = is_below_gap(ratio);
        bool high = reaches(ratio);
        if (low || high || count + 1 == DIGITS_MAX) {
            bool up = high && (!low || rounds_up(ratio, digit));
            digits[count] = (char) ('0' + digit + up);
            return count + 1;
        }
        digits[count] = (char) ('0' + digit);
    }
}

/* "<minus><zeros>d1...dn<zeros>" with the point in its place, for the parser. */
static size_t write_text(struct gw_str digits, int power, char text[static 64]) {
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

enum gw_err gw_decimal_from_float32(float value, struct gw_decimal *ret_number) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint32_t fraction = bits & 0x7fffff;
    int biased = (int) (bits >> 23 & 0xff);
    if (biased == 0xff) {
        return GW_ERR_RANGE;
    }
    struct gw_decimal number = {0};
    if (biased != 0 || fraction != 0) {
        uint32_t mantissa = biased > 0 ? fraction | 0x800000 : fraction;
        struct ratio ratio =
            ratio_of(mantissa, (biased > 0 ? biased : 1) - 150, fraction == 0 && biased > 1);
        char digits[DIGITS_MAX];
        char text[64];
        int power = normalise(&ratio);
        size_t count = produce_digits(&ratio, digits);
        size_t len = write_text((struct gw_str){digits, count}, power, text);
        enum gw_err err = gw_decimal_parse((struct gw_str){text, len}, &number);
        if (err) {
            return err;
        }
    }
    number.negative = bits >> 31 != 0;
    *ret_number = number;
    return GW_OK;
}
