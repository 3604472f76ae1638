/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/event/decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct gw_decimal parsed(const char *text) {
    struct gw_decimal number;
    assert_int_equal(gw_decimal_parse(gw_str_from_cstr(text), &number), GW_OK);
    return number;
}

static void assert_decimal(const struct gw_decimal *number, const char *expected) {
    uint8_t storage[GW_DECIMAL_TEXT_MAX + 1] = {0};
    struct gw_buf buf;
    gw_buf_init(&buf, storage, GW_DECIMAL_TEXT_MAX);
    assert_true(gw_decimal_put(&buf, number));
    assert_string_equal((const char *) storage, expected);
}

static void only_digits_with_one_point_inside_are_decimal_text(void **state) {
    (void) state;
    const char *const good[] = {
        "0", "-0", "1", "007", "12.340", "-0.001", "123456789.987654321"};
    const char *const bad[] = {"",     "-",   ".",   "1.",   ".5",    "+1",
                               " 1",   "1 ",  "1e3", "1,5",  "0x1",   "--1",
                               "1.2.", "NaN", "-.5", "1.-2", "1.2.3", "١"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(gw_decimal_is_text(gw_str_from_cstr(good[i])));
    }
    struct gw_decimal untouched = {.places = 77};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(gw_decimal_is_text(gw_str_from_cstr(bad[i])));
        assert_int_equal(gw_decimal_parse(gw_str_from_cstr(bad[i]), &untouched), GW_ERR_PARSE);
    }
    assert_int_equal(untouched.places, 77);
}

static void writing_keeps_places_and_drops_leading_zeros(void **state) {
    (void) state;
    const char *const pairs[][2] = {{"0", "0"},
                                    {"-0", "0"},
                                    {"-0.00", "0.00"},
                                    {"007", "7"},
                                    {"12.340", "12.340"},
                                    {"-0.001", "-0.001"},
                                    {"0.5", "0.5"},
                                    {"1000000000.000000001", "1000000000.000000001"},
                                    {"999999999", "999999999"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct gw_decimal number = parsed(pairs[i][0]);
        assert_decimal(&number, pairs[i][1]);
    }
}

static void the_widest_number_survives_and_one_digit_more_is_out_of_range(void **state) {
    (void) state;
    char text[GW_DECIMAL_TEXT_MAX + 3] = "-";
    memset(text + 1, '9', 72);
    text[73] = '.';
    memset(text + 74, '8', 72);
    struct gw_decimal number = parsed(text);
    assert_decimal(&number, text);
    text[146] = '8';
    assert_int_equal(gw_decimal_parse(gw_str_from_cstr(text), &number), GW_ERR_RANGE);
    memset(text, '1', 73);
    text[73] = 0;
    assert_int_equal(gw_decimal_parse(gw_str_from_cstr(text), &number), GW_ERR_RANGE);
    text[0] = '0';
    assert_int_equal(gw_decimal_parse(gw_str_from_cstr(text), &number), GW_OK);
}

static void writing_into_a_full_buffer_says_so(void **state) {
    (void) state;
    uint8_t storage[3];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    struct gw_decimal number = parsed("1.23");
    assert_false(gw_decimal_put(&buf, &number));
    assert_int_equal(buf.len, 0);
}

static void scaling_is_exact_and_keeps_the_factors_places(void **state) {
    (void) state;
    const struct {
        int64_t value;
        const char *factor, *expected;
    } cases[] = {
        {123, "0.01", "1.23"},
        {120, "0.01", "1.20"},
        {5, "0.10", "0.50"},
        {-7, "0.001", "-0.007"},
        {7, "-0.001", "-0.007"},
        {0, "0.1", "0.0"},
        {65535, "1", "65535"},
        {4294967295, "0.1", "429496729.5"},
        {INT64_MIN, "1", "-9223372036854775808"},
        {INT64_MAX, "0.5", "4611686018427387903.5"},
        {123456789, "1000000000", "123456789000000000"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gw_decimal factor = parsed(cases[i].factor);
        struct gw_decimal value = gw_decimal_from_i64(cases[i].value);
        struct gw_decimal product;
        assert_int_equal(gw_decimal_multiply(&value, &factor, &product), GW_OK);
        assert_decimal(&product, cases[i].expected);
    }
}

static void a_product_that_does_not_fit_is_out_of_range(void **state) {
    (void) state;
    char big[73], small[75] = "0.";
    memset(big, '9', 72);
    big[72] = 0;
    memset(small + 2, '1', 72);
    small[74] = 0;
    struct gw_decimal a = parsed(big), b = parsed("10"), c = parsed(small), d = parsed("0.1");
    struct gw_decimal untouched = {.places = 77};
    assert_int_equal(gw_decimal_multiply(&a, &b, &untouched), GW_ERR_RANGE);
    assert_int_equal(gw_decimal_multiply(&c, &d, &untouched), GW_ERR_RANGE);
    assert_int_equal(gw_decimal_multiply(&a, &a, &untouched), GW_ERR_RANGE);
    assert_int_equal(untouched.places, 77);
    assert_int_equal(gw_decimal_multiply(&a, &c, &untouched), GW_OK);
}

static void differences_and_comparisons_are_by_value(void **state) {
    (void) state;
    const struct {
        const char *a, *b, *difference;
        int order;
    } cases[] = {
        {"1.0", "1.00", "0.00", 0},
        {"1", "2", "-1", -1},
        {"0.1", "0.3", "-0.2", -1},
        {"-1", "1", "-2", -1},
        {"1", "-1", "2", 1},
        {"-0", "0", "0", 0},
        {"0.00", "-0", "0.00", 0},
        {"-3", "-5.5", "2.5", 1},
        {"999999999.999999999", "-0.000000001", "1000000000.000000000", 1},
        {"1000000000", "0.000000001", "999999999.999999999", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gw_decimal a = parsed(cases[i].a), b = parsed(cases[i].b), difference;
        assert_int_equal(gw_decimal_compare(&a, &b), cases[i].order);
        assert_int_equal(gw_decimal_compare(&b, &a), -cases[i].order);
        assert_int_equal(gw_decimal_subtract(&a, &b, &difference), GW_OK);
        assert_decimal(&difference, cases[i].difference);
        struct gw_decimal expected = parsed(cases[i].difference);
        assert_int_equal(gw_decimal_compare(&difference, &expected), 0);
    }
}

static void a_difference_that_does_not_fit_is_out_of_range(void **state) {
    (void) state;
    char text[74];
    memset(text, '9', 72);
    text[72] = 0;
    struct gw_decimal a = parsed(text), b = parsed("-1"), difference;
    assert_int_equal(gw_decimal_subtract(&a, &b, &difference), GW_ERR_RANGE);
    struct gw_decimal zero = parsed("0");
    assert_true(gw_decimal_is_outside(&a, &b, &zero));
}

static void the_edge_of_a_dead_band_is_inside(void **state) {
    (void) state;
    struct gw_decimal a = parsed("10.00"), band = parsed("0.5"), zero = parsed("0");
    struct gw_decimal edge = parsed("10.5"), outside = parsed("9.499"), same = parsed("10");
    assert_false(gw_decimal_is_outside(&a, &edge, &band));
    assert_true(gw_decimal_is_outside(&a, &outside, &band));
    assert_false(gw_decimal_is_outside(&a, &same, &zero));
    assert_true(gw_decimal_is_outside(&a, &edge, &zero));
}

static void
floats_that_are_not_whole_get_their_shortest_text_whole_ones_are_exact(void **state) {
    (void) state;
    const struct {
        float value;
        const char *expected;
    } cases[] = {
        {0.0f, "0"},
        {-0.0f, "0"},
        {1.0f, "1"},
        {0.1f, "0.1"},
        {-12.34f, "-12.34"},
        {0.3f, "0.3"},
        {16777216.0f, "16777216"},
        {1e10f, "10000000000"},
        {123456.789f, "123456.79"},
        {3.4028235e38f, "340282346638528859811704183484516925440"},
        {1073741824.0f, "1073741824"},
        {-1073741824.0f, "-1073741824"},
        {8388607.5f, "8388607.5"},
        {1.1754944e-38f, "0.000000000000000000000000000000000000011754944"},
        {1e-45f, "0.000000000000000000000000000000000000000000001"},
        {9.5f, "9.5"},
        {33554432.0f, "33554432"},
        {8388608.0f, "8388608"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gw_decimal number;
        assert_int_equal(gw_decimal_from_float32(cases[i].value, &number), GW_OK);
        assert_decimal(&number, cases[i].expected);
    }
}

/* Significant digits printf needs to write `number` so that it reads as `value`. */
static unsigned digits_until(double number, float value) {
    char printed[64];
    unsigned precision = 0;
    do {
        precision++;
        snprintf(printed, sizeof(printed), "%.*g", (int) precision, number);
    } while (strtof(printed, NULL) != value);
    return precision;
}

/* True of a whole number, which is. */
static bool is_written_exactly(double value, const char *text) {
    char exact[330];
    snprintf(exact, sizeof(exact), "%.0f", value == 0 ? 0 : value);
    if (strtod(exact, NULL) != value) {
        return false;
    }
    assert_string_equal(text, exact);
    return true;
}

static void no_float_has_a_shorter_text_than_ours_and_ours_reads_back(void **state) {
    (void) state;
    uint32_t random = 12345;
    for (unsigned i = 0; i < 60000; i++) {
        random = random * 1664525u + 1013904223u;
        /* every exponent, and the powers of two whose gaps are uneven */
        uint32_t bits = i < 255 * 2 ? (i / 2) << 23 | (i % 2) : random;
        float value;
        memcpy(&value, &bits, sizeof(value));
        struct gw_decimal number;
        if (!isfinite(value)) {
            assert_int_equal(gw_decimal_from_float32(value, &number), GW_ERR_INVALID);
            continue;
        }
        assert_int_equal(gw_decimal_from_float32(value, &number), GW_OK);
        char text[GW_DECIMAL_TEXT_MAX + 1] = {0};
        struct gw_buf buf;
        gw_buf_init(&buf, text, GW_DECIMAL_TEXT_MAX);
        assert_true(gw_decimal_put(&buf, &number));
        assert_true(strtof(text, NULL) == value);
        if (is_written_exactly((double) value, text)) {
            continue;
        }

        unsigned theirs = digits_until((double) value, value);
        double ours = strtod(text, NULL);
        unsigned own = digits_until(ours, value);
        /* printf rounds to nearest, so it may need one digit more than the
         * shortest; where it does not, ours must be the same number. */
        assert_true(own <= theirs);
        char printed[64];
        snprintf(printed, sizeof(printed), "%.*g", (int) theirs, (double) value);
        assert_true(own < theirs || strtod(printed, NULL) == ours);
    }
}

static void assert_float64(double value, const char *expected) {
    struct gw_decimal number;
    assert_int_equal(gw_decimal_from_float64(value, &number), GW_OK);
    assert_decimal(&number, expected);
}

static void doubles_get_their_shortest_text(void **state) {
    (void) state;
    assert_float64(0.1, "0.1");
    assert_float64(-0.0, "0");
    assert_float64(1.0 / 3, "0.3333333333333333");
    assert_float64(123456789.123, "123456789.123");
    assert_float64(9007199254740993.0, "9007199254740992");
    assert_float64(4611686018427387904.0, "4611686018427387904");
    assert_float64(2251799813685249.5, "2251799813685249.5");
    assert_float64(5e-55, "0.0000000000000000000000000000000000000000000000000000005");
    assert_float64(1e71,
                   "100000000000000004188152556421145795899143386664033828314342771180699648");
    struct gw_decimal number;
    const double refused[] = {1.1e72, 1e73, 1e300, 1.7976931348623157e308};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(gw_decimal_from_float64(refused[i], &number), GW_ERR_RANGE);
    }
    assert_int_equal(gw_decimal_from_float64((double) NAN, &number), GW_ERR_INVALID);
    assert_int_equal(gw_decimal_from_float64((double) INFINITY, &number), GW_ERR_INVALID);
}

/* A 1 in that place behind the point. */
static const char *one_in_place(char text[static 80], unsigned place, const char *digits) {
    snprintf(text, 80, "0.%0*d%s", (int) place - 1, 0, digits);
    return text;
}

static void doubles_too_small_for_their_digits_are_rounded_to_the_last_place(void **state) {
    (void) state;
    char text[80];
    const double zeros[] = {5e-324, -5e-324, 1e-80, 2.2250738585072014e-308, 4.99e-73, 2.9e-73};
    for (size_t i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++) {
        assert_float64(zeros[i], "0");
    }
    assert_float64(5.01e-73, one_in_place(text, 72, "1"));
    assert_float64(5.6e-73, one_in_place(text, 72, "1"));
    assert_float64(1e-72, one_in_place(text, 72, "1"));
    assert_float64(1.4999e-72, one_in_place(text, 72, "1"));
    assert_float64(1.5001e-72, one_in_place(text, 72, "2"));
    assert_float64(9.7e-72, one_in_place(text, 71, "1"));
    assert_float64(9.97e-71, one_in_place(text, 70, "1"));
    assert_float64(1.2e-60, one_in_place(text, 60, "12"));
    assert_float64(1.2345678901234567e-60, one_in_place(text, 60, "1234567890123"));
    assert_float64(1.2000000000000006e-60, one_in_place(text, 60, "12"));
}

/* By printf, which is exact here; half to even does not come up. */
static void assert_rounded_to_the_last_place(double value, const char *text) {
    char theirs[90];
    int len = snprintf(theirs, sizeof(theirs), "%.72f", fabs(value));
    while (theirs[len - 1] == '0') {
        theirs[--len] = 0;
    }
    if (theirs[len - 1] == '.') {
        theirs[--len] = 0;
    }
    assert_string_equal(text + (text[0] == '-'), theirs);
}

static void no_double_has_a_shorter_text_than_ours_and_ours_reads_back(void **state) {
    (void) state;
    uint64_t random = 12345;
    unsigned taken = 0;
    for (unsigned i = 0; i < 20000; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        double value;
        memcpy(&value, &random, sizeof(value));
        struct gw_decimal number;
        if (!isfinite(value) || gw_decimal_from_float64(value, &number)) {
            assert_true(!isfinite(value) || fabs(value) > 1e71);
            continue;
        }
        taken++;
        char text[GW_DECIMAL_TEXT_MAX + 1] = {0};
        struct gw_buf buf;
        gw_buf_init(&buf, text, GW_DECIMAL_TEXT_MAX);
        assert_true(gw_decimal_put(&buf, &number));
        if (fabs(value) < 1e-50 && strtod(text, NULL) != value) {
            assert_true(fabs(value) < 1e-55);
            assert_rounded_to_the_last_place(value, text);
            continue;
        }
        assert_true(strtod(text, NULL) == value);
        if (is_written_exactly(value, text)) {
            continue;
        }
        char theirs[330];
        int precision = 1;
        do {
            snprintf(theirs, sizeof(theirs), "%.*g", precision++, value);
        } while (strtod(theirs, NULL) != value);
        char ours[330];
        snprintf(ours, sizeof(ours), "%.*g", precision - 1, strtod(text, NULL));
        assert_string_equal(ours, theirs);
    }
    assert_true(taken > 2000);
}

static double half_of(uint16_t bits) {
    int exponent = bits >> 10 & 31;
    double fraction = (bits & 1023) / 1024.0;
    double size = exponent == 0 ? ldexp(fraction, -14) : ldexp(1 + fraction, exponent - 15);
    return bits >> 15 ? -size : size;
}

/* All of them: ours is nearer to its half than to the neighbours, and no text with a
 * digit less is. */
static void every_half_reads_back_and_is_exact_or_shortest(void **state) {
    (void) state;
    for (uint32_t bits = 0; bits < 0x7c00; bits++) {
        struct gw_decimal number;
        assert_int_equal(gw_decimal_from_float16((uint16_t) bits, &number), GW_OK);
        char text[GW_DECIMAL_TEXT_MAX + 1] = {0};
        struct gw_buf buf;
        gw_buf_init(&buf, text, GW_DECIMAL_TEXT_MAX);
        assert_true(gw_decimal_put(&buf, &number));
        double value = half_of((uint16_t) bits);
        double below = bits > 0 ? half_of((uint16_t) (bits - 1)) : -half_of(1);
        double above = bits < 0x7bff ? half_of((uint16_t) (bits + 1)) : 65536;
        double low = (value + below) / 2, high = (value + above) / 2, ours = strtod(text, NULL);
        assert_true(bits % 2 == 0 ? ours >= low && ours <= high : ours > low && ours < high);
        unsigned digits = 0;
        for (const char *at = text; *at; at++) {
            digits += *at != '.' && (digits > 0 || *at != '0');
        }
        char shorter[330];
        if (is_written_exactly(value, text)) {
            continue;
        }
        snprintf(shorter, sizeof(shorter), "%.*e", digits > 1 ? (int) digits - 2 : 0, value);
        double theirs = strtod(shorter, NULL);
        assert_true(digits <= 1 || theirs < low || theirs > high
                    || (bits % 2 == 1 && (theirs == low || theirs == high)));
    }
    struct gw_decimal number;
    assert_int_equal(gw_decimal_from_float16(0x7c00, &number), GW_ERR_INVALID);
    assert_int_equal(gw_decimal_from_float16(0xfe00, &number), GW_ERR_INVALID);
    assert_int_equal(gw_decimal_from_float16(0x7bff, &number), GW_OK);
    assert_decimal(&number, "65504");
    assert_int_equal(gw_decimal_from_float16(0xae66, &number), GW_OK);
    assert_decimal(&number, "-0.1");
}

static void the_widest_integers_are_exact(void **state) {
    (void) state;
    struct gw_decimal number = gw_decimal_from_u64(UINT64_MAX);
    assert_decimal(&number, "18446744073709551615");
    number = gw_decimal_from_i64(INT64_MIN);
    assert_decimal(&number, "-9223372036854775808");
}

static void sums_are_exact_and_have_a_range(void **state) {
    (void) state;
    struct gw_decimal a = parsed("-40"), b = parsed("12.50"), sum;
    assert_int_equal(gw_decimal_add(&a, &b, &sum), GW_OK);
    assert_decimal(&sum, "-27.50");
    char text[74];
    memset(text, '9', 72);
    text[72] = 0;
    a = parsed(text);
    assert_int_equal(gw_decimal_add(&a, &b, &sum), GW_ERR_RANGE);
}

static void
a_product_with_too_many_places_is_rounded_half_to_even_if_that_is_wanted(void **state) {
    (void) state;
    char text[80];
    struct gw_decimal small = parsed(one_in_place(text, 71, "1")), product;
    const struct {
        const char *factor;
        const char *expected; /* in the 72nd place */
    } cases[] = {{"0.14", "1"}, {"0.15", "2"}, {"0.25", "2"},   {"0.2501", "3"},
                 {"0.35", "4"}, {"0.05", ""},  {"0.0501", "1"}, {"0.01", ""}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gw_decimal factor = parsed(cases[i].factor);
        assert_int_equal(gw_decimal_multiply(&small, &factor, &product), GW_ERR_RANGE);
        assert_int_equal(gw_decimal_multiply_rounded(&small, &factor, &product), GW_OK);
        bool is_zero = cases[i].expected[0] == 0;
        assert_decimal(&product, is_zero ? "0" : one_in_place(text, 72, cases[i].expected));
    }
    struct gw_decimal almost = parsed(one_in_place(text, 71, "9")), factor = parsed("0.99");
    assert_int_equal(gw_decimal_multiply_rounded(&almost, &factor, &product), GW_OK);
    assert_decimal(&product, one_in_place(text, 71, "89"));
    factor = parsed("1.10");
    almost = parsed("120");
    assert_int_equal(gw_decimal_multiply_rounded(&almost, &factor, &product), GW_OK);
    assert_decimal(&product, "132.00");
    memset(text, '9', 72);
    text[72] = 0;
    almost = parsed(text);
    assert_int_equal(gw_decimal_multiply_rounded(&almost, &factor, &product), GW_ERR_RANGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_digits_with_one_point_inside_are_decimal_text),
        cmocka_unit_test(writing_keeps_places_and_drops_leading_zeros),
        cmocka_unit_test(the_widest_number_survives_and_one_digit_more_is_out_of_range),
        cmocka_unit_test(writing_into_a_full_buffer_says_so),
        cmocka_unit_test(scaling_is_exact_and_keeps_the_factors_places),
        cmocka_unit_test(a_product_that_does_not_fit_is_out_of_range),
        cmocka_unit_test(
            a_product_with_too_many_places_is_rounded_half_to_even_if_that_is_wanted),
        cmocka_unit_test(differences_and_comparisons_are_by_value),
        cmocka_unit_test(a_difference_that_does_not_fit_is_out_of_range),
        cmocka_unit_test(the_edge_of_a_dead_band_is_inside),
        cmocka_unit_test(
            floats_that_are_not_whole_get_their_shortest_text_whole_ones_are_exact),
        cmocka_unit_test(no_float_has_a_shorter_text_than_ours_and_ours_reads_back),
        cmocka_unit_test(doubles_get_their_shortest_text),
        cmocka_unit_test(doubles_too_small_for_their_digits_are_rounded_to_the_last_place),
        cmocka_unit_test(no_double_has_a_shorter_text_than_ours_and_ours_reads_back),
        cmocka_unit_test(every_half_reads_back_and_is_exact_or_shortest),
        cmocka_unit_test(the_widest_integers_are_exact),
        cmocka_unit_test(sums_are_exact_and_have_a_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
