/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed point: limb i holds nine digits of weight 10^(9 * (i - POINT)). A fixed
 * point far wider than any device's numbers makes every operation a plain loop
 * with nothing to normalise, and "does not fit" a carry that is left over.
 */
#include "firmware/event/decimal.h"

#define LIMB_BASE 1000000000u
#define LIMB_DIGITS 9
#define POINT (GW_DECIMAL_LIMBS / 2)

_Static_assert(POINT *LIMB_DIGITS == GW_DECIMAL_PLACES_MAX, "limbs hold what the header says");

static const uint32_t powers_of_ten[LIMB_DIGITS] = {1,      10,      100,      1000,     10000,
                                                    100000, 1000000, 10000000, 100000000};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static size_t count_digits(struct gw_str text, size_t from) {
    size_t count = 0;
    while (from + count < text.len && is_digit(text.ptr[from + count])) {
        count++;
    }
    return count;
}

/* Positions of the parts, if the text is of the form. */
static bool split_text(struct gw_str text, struct gw_str *ret_whole, struct gw_str *ret_part) {
    size_t at = text.len > 0 && text.ptr[0] == '-';
    size_t whole = count_digits(text, at);
    *ret_whole = gw_str_sub(text, at, whole);
    *ret_part = (struct gw_str){0};
    at += whole;
    if (whole == 0) {
        return false;
    }
    if (at == text.len) {
        return true;
    }
    *ret_part = gw_str_sub(text, at + 1, count_digits(text, at + 1));
    return text.ptr[at] == '.' && ret_part->len > 0 && at + 1 + ret_part->len == text.len;
}

bool gw_decimal_is_text(struct gw_str text) {
    struct gw_str whole, part;
    return split_text(text, &whole, &part);
}

/* Add `digit` at weight 10^power; the place is inside the limbs. */
static void add_digit(struct gw_decimal *number, int power, char digit) {
    unsigned place = (unsigned) (power + GW_DECIMAL_PLACES_MAX);
    number->limbs[place / LIMB_DIGITS] +=
        (uint32_t) (digit - '0') * powers_of_ten[place % LIMB_DIGITS];
}

enum gw_err gw_decimal_parse(struct gw_str text, struct gw_decimal *ret_number) {
    struct gw_str whole, part;
    if (!split_text(text, &whole, &part)) {
        return GW_ERR_PARSE;
    }
    while (whole.len > 1 && whole.ptr[0] == '0') {
        whole = gw_str_sub(whole, 1, SIZE_MAX);
    }
    if (whole.len > GW_DECIMAL_PLACES_MAX || part.len > GW_DECIMAL_PLACES_MAX) {
        return GW_ERR_RANGE;
    }
    struct gw_decimal number = {.negative = text.ptr[0] == '-', .places = (uint8_t) part.len};
    for (size_t i = 0; i < whole.len; i++) {
        add_digit(&number, (int) (whole.len - 1 - i), whole.ptr[i]);
    }
    for (size_t i = 0; i < part.len; i++) {
        add_digit(&number, -1 - (int) i, part.ptr[i]);
    }
    *ret_number = number;
    return GW_OK;
}

struct gw_decimal gw_decimal_from_u64(uint64_t value) {
    struct gw_decimal number = {0};
    for (size_t i = POINT; value > 0; i++) {
        number.limbs[i] = (uint32_t) (value % LIMB_BASE);
        value /= LIMB_BASE;
    }
    return number;
}

struct gw_decimal gw_decimal_from_i64(int64_t value) {
    struct gw_decimal number =
        gw_decimal_from_u64(value < 0 ? 0 - (uint64_t) value : (uint64_t) value);
    number.negative = value < 0;
    return number;
}

static bool is_zero(const struct gw_decimal *number) {
    for (size_t i = 0; i < GW_DECIMAL_LIMBS; i++) {
        if (number->limbs[i] != 0) {
            return false;
        }
    }
    return true;
}

/* The digit of weight 10^power. */
static char digit_at(const struct gw_decimal *number, int power) {
    unsigned place = (unsigned) (power + GW_DECIMAL_PLACES_MAX);
    return (char) ('0'
                   + number->limbs[place / LIMB_DIGITS] / powers_of_ten[place % LIMB_DIGITS]
                         % 10);
}

bool gw_decimal_put(struct gw_buf *buf, const struct gw_decimal *number) {
    char text[GW_DECIMAL_TEXT_MAX];
    size_t len = 0;
    if (number->negative && !is_zero(number)) {
        text[len++] = '-';
    }
    int power = GW_DECIMAL_PLACES_MAX - 1;
    while (power > 0 && digit_at(number, power) == '0') {
        power--;
    }
    for (; power >= 0; power--) {
        text[len++] = digit_at(number, power);
    }
    if (number->places > 0) {
        text[len++] = '.';
    }
    for (; power >= -number->places; power--) {
        text[len++] = digit_at(number, power);
    }
    return gw_buf_put_str(buf, (struct gw_str){text, len});
}

/* ---- arithmetic ---- */

static int compare_magnitude(const struct gw_decimal *a, const struct gw_decimal *b) {
    for (size_t i = GW_DECIMAL_LIMBS; i > 0; i--) {
        if (a->limbs[i - 1] != b->limbs[i - 1]) {
            return a->limbs[i - 1] < b->limbs[i - 1] ? -1 : 1;
        }
    }
    return 0;
}

int gw_decimal_compare(const struct gw_decimal *a, const struct gw_decimal *b) {
    bool a_negative = a->negative && !is_zero(a);
    bool b_negative = b->negative && !is_zero(b);
    if (a_negative != b_negative) {
        return a_negative ? -1 : 1;
    }
    int order = compare_magnitude(a, b);
    return a_negative ? -order : order;
}

/* |a| + |b| into `sum`; false if a carry is left over. */
static bool add_magnitude(const struct gw_decimal *a, const struct gw_decimal *b,
                          struct gw_decimal *sum) {
    uint32_t carry = 0;
    for (size_t i = 0; i < GW_DECIMAL_LIMBS; i++) {
        uint32_t limb = a->limbs[i] + b->limbs[i] + carry;
        carry = limb >= LIMB_BASE;
        sum->limbs[i] = carry ? limb - LIMB_BASE : limb;
    }
    return carry == 0;
}

/* |a| - |b| for |a| >= |b|. */
static void subtract_magnitude(const struct gw_decimal *a, const struct gw_decimal *b,
                               struct gw_decimal *difference) {
    uint32_t borrow = 0;
    for (size_t i = 0; i < GW_DECIMAL_LIMBS; i++) {
        uint32_t less = b->limbs[i] + borrow;
        borrow = a->limbs[i] < less;
        difference->limbs[i] = a->limbs[i] + (borrow ? LIMB_BASE : 0) - less;
    }
}

enum gw_err gw_decimal_subtract(const struct gw_decimal *a, const struct gw_decimal *b,
                                struct gw_decimal *ret_difference) {
    struct gw_decimal difference = {.places = a->places > b->places ? a->places : b->places};
    if (a->negative != b->negative) {
        difference.negative = a->negative;
        if (!add_magnitude(a, b, &difference)) {
            return GW_ERR_RANGE;
        }
    } else if (compare_magnitude(a, b) >= 0) {
        difference.negative = a->negative;
        subtract_magnitude(a, b, &difference);
    } else {
        difference.negative = !a->negative;
        subtract_magnitude(b, a, &difference);
    }
    *ret_difference = difference;
    return GW_OK;
}

enum gw_err gw_decimal_add(const struct gw_decimal *a, const struct gw_decimal *b,
                           struct gw_decimal *ret_sum) {
    struct gw_decimal opposite = *b;
    opposite.negative = !b->negative;
    return gw_decimal_subtract(a, &opposite, ret_sum);
}

/* Limb i of `product` has weight 10^(9 * (i - 2 * POINT)). */
static void multiply_magnitude(const struct gw_decimal *a, const struct gw_decimal *b,
                               uint32_t product[static 2 * GW_DECIMAL_LIMBS]) {
    for (size_t i = 0; i < GW_DECIMAL_LIMBS; i++) {
        uint64_t carry = 0;
        if (a->limbs[i] == 0) {
            continue; /* most limbs of most numbers */
        }
        for (size_t j = 0; j < GW_DECIMAL_LIMBS; j++) {
            carry += product[i + j] + (uint64_t) a->limbs[i] * b->limbs[j];
            product[i + j] = (uint32_t) (carry % LIMB_BASE);
            carry /= LIMB_BASE;
        }
        product[i + GW_DECIMAL_LIMBS] = (uint32_t) carry;
    }
}

/* One more in the last place if what stands below the kept limbs is more than half of it,
 * or half and the last digit odd. False if a carry is left over. */
static bool round_magnitude(const uint32_t *product, uint32_t *kept) {
    bool is_more = product[POINT - 1] > LIMB_BASE / 2;
    bool is_half = product[POINT - 1] == LIMB_BASE / 2;
    for (size_t i = 0; i + 1 < POINT && is_half; i++) {
        is_more |= product[i] != 0;
    }
    uint32_t carry = is_more || (is_half && kept[0] % 2 == 1);
    for (size_t i = 0; i < GW_DECIMAL_LIMBS && carry > 0; i++) {
        carry = kept[i] + 1 == LIMB_BASE;
        kept[i] = carry ? 0 : kept[i] + 1;
    }
    return carry == 0;
}

enum gw_err gw_decimal_multiply_rounded(const struct gw_decimal *a, const struct gw_decimal *b,
                                        struct gw_decimal *ret_product) {
    uint32_t product[2 * GW_DECIMAL_LIMBS] = {0};
    multiply_magnitude(a, b, product);
    unsigned places = (unsigned) a->places + b->places;
    bool has_more = places > GW_DECIMAL_PLACES_MAX;
    struct gw_decimal result = {.negative = a->negative != b->negative,
                                .places =
                                    (uint8_t) (has_more ? GW_DECIMAL_PLACES_MAX : places)};
    for (size_t i = 0; i < GW_DECIMAL_LIMBS; i++) {
        result.limbs[i] = product[i + POINT];
    }
    for (size_t i = POINT + GW_DECIMAL_LIMBS; i < 2 * GW_DECIMAL_LIMBS; i++) {
        if (product[i] != 0) {
            return GW_ERR_RANGE;
        }
    }
    if (!round_magnitude(product, result.limbs)) {
        return GW_ERR_RANGE;
    }
    while (has_more && result.places > 0 && digit_at(&result, -result.places) == '0') {
        result.places--;
    }
    *ret_product = result;
    return GW_OK;
}

enum gw_err gw_decimal_multiply(const struct gw_decimal *a, const struct gw_decimal *b,
                                struct gw_decimal *ret_product) {
    /* Where the places fit nothing stands below the kept limbs. */
    return a->places + b->places > GW_DECIMAL_PLACES_MAX
               ? GW_ERR_RANGE
               : gw_decimal_multiply_rounded(a, b, ret_product);
}

bool gw_decimal_is_outside(const struct gw_decimal *a, const struct gw_decimal *b,
                           const struct gw_decimal *band) {
    struct gw_decimal difference;
    if (gw_decimal_subtract(a, b, &difference)) {
        return true; /* too far apart to be written is outside any band */
    }
    return compare_magnitude(&difference, band) > 0;
}
