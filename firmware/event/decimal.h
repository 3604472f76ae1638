/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimal numbers as text: exact, without floating point and without heap.
 *
 * A weight or counter travels as the digits the device sent. Nothing here
 * rounds, what cannot be exact is RANGE; but for numbers so small that their digits
 * go beyond the 72nd place, where the function says so. A struct gw_decimal is a number of up
 * to 72 digits before and 72 after the point, with the count of places it was
 * written with ("1.20" has two and keeps them).
 *
 * Text form: -?[0-9]+(\.[0-9]+)?  No exponent, no plus sign, no spaces.
 * Leading zeros are allowed in text that comes in and never written.
 */
#ifndef GW_EVENT_DECIMAL_H
#define GW_EVENT_DECIMAL_H

#include "firmware/base/buf.h"

#define GW_DECIMAL_LIMBS 16 /* of nine digits, least first; half are the fraction */
#define GW_DECIMAL_PLACES_MAX 72
/* Longest text: sign, 72 digits, point, 72 digits. */
#define GW_DECIMAL_TEXT_MAX 146

struct gw_decimal {
    bool negative;  /* zero may be negative; it compares equal to zero */
    uint8_t places; /* digits after the point when written */
    uint32_t limbs[GW_DECIMAL_LIMBS];
};

/* True if `text` is of the form above; its length is not limited. */
bool gw_decimal_is_text(struct gw_str text);
/* PARSE; RANGE if it has more digits than fit. */
enum gw_err gw_decimal_parse(struct gw_str text, struct gw_decimal *ret_number);
/* Any 64-bit integer; places 0. */
struct gw_decimal gw_decimal_from_i64(int64_t value);
/* See gw_decimal_from_i64. */
struct gw_decimal gw_decimal_from_u64(uint64_t value);
/* A whole number exactly (2^30 is 1073741824); any other as the shortest decimal number
 * that is nearest to `value` and no other float ("%.9g" with the fewest digits that read
 * back the same). INVALID for NaN and infinities. */
enum gw_err gw_decimal_from_float32(float value, struct gw_decimal *ret_number);
/* The same for a float64 ("%.17g"). RANGE for more than 72 digits before
 * the point. Digits beyond the 72nd place are
 * rounded, half to even: what is smaller than half of it is 0. */
enum gw_err gw_decimal_from_float64(double value, struct gw_decimal *ret_number);
/* The same for the bits of an IEEE 754 binary16. */
enum gw_err gw_decimal_from_float16(uint16_t bits, struct gw_decimal *ret_number);
/* Append the text: no leading zeros, `places` digits after the point, no minus
 * sign on zero. False when the buffer is full. */
bool gw_decimal_put(struct gw_buf *buf, const struct gw_decimal *number);

/* a * b with the places of both together: 123 * 0.01 = 1.23, 120 * 0.01 = 1.20.
 * RANGE if it does not fit. */
enum gw_err gw_decimal_multiply(const struct gw_decimal *a, const struct gw_decimal *b,
                                struct gw_decimal *ret_product);
/* The same, rounded to the 72nd place, half to even, where it has more. RANGE if there are
 * more than 72 digits before the point. */
enum gw_err gw_decimal_multiply_rounded(const struct gw_decimal *a, const struct gw_decimal *b,
                                        struct gw_decimal *ret_product);
/* a + b with the greater number of places. RANGE if it does not fit. */
enum gw_err gw_decimal_add(const struct gw_decimal *a, const struct gw_decimal *b,
                           struct gw_decimal *ret_sum);
/* a - b with the greater number of places. RANGE if it does not fit. */
enum gw_err gw_decimal_subtract(const struct gw_decimal *a, const struct gw_decimal *b,
                                struct gw_decimal *ret_difference);
/* <0, 0, >0 by value: 1.0 equals 1.00. */
int gw_decimal_compare(const struct gw_decimal *a, const struct gw_decimal *b);
/* |a - b| > |band|: outside the dead-band. With a band of 0: a != b. */
bool gw_decimal_is_outside(const struct gw_decimal *a, const struct gw_decimal *b,
                           const struct gw_decimal *band);

#endif
