/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/threshold.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_threshold(const char *text, const char *value, const char *expected) {
    struct gw_threshold threshold;
    struct gw_decimal number;
    char storage[GW_DECIMAL_TEXT_MAX + 1];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage - 1);
    assert_int_equal(gw_threshold_parse(gw_str_from_cstr(text), &threshold), GW_OK);
    assert_int_equal(gw_decimal_parse(gw_str_from_cstr(value), &number), GW_OK);
    const struct gw_decimal result = gw_threshold_for(&threshold, &number);
    assert_true(gw_decimal_put(&buf, &result));
    storage[buf.len] = '\0';
    assert_string_equal(storage, expected);
}

static void divisions_are_counted_in_the_last_digit_that_was_sent(void **state) {
    (void) state;
    assert_threshold("20d", "12.34", "0.20");
    assert_threshold("20d", "-0.010", "0.020");
    assert_threshold("20d", "0.0", "2.0");
    assert_threshold("20d", "1500", "20");
    assert_threshold("1d", "0", "1");
    assert_threshold("9999d", "0.001", "9.999");
    assert_threshold("20d", "0.0000000000000000000000000000000000000000000001",
                     "0.0000000000000000000000000000000000000000000020");
}

static void a_number_is_what_it_is_however_many_digits_the_scale_sends(void **state) {
    (void) state;
    assert_threshold("0", "12.34", "0");
    assert_threshold("0.5", "12", "0.5");
    assert_threshold("00.050", "12.3", "0.050");
}

static void anything_else_is_refused(void **state) {
    (void) state;
    static const char *const texts[] = {"",     "d",   "0d",  "10000d", "1.5d", "-1d", "+1d",
                                        "20 d", "20D", "20e", "2%",     "-1",   ".5",  "5.",
                                        "1e3",  "d20", "dd",  "20dd",   "a",    "0x1"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct gw_threshold threshold;
        assert_int_equal(gw_threshold_parse(gw_str_from_cstr(texts[i]), &threshold),
                         GW_ERR_PARSE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(divisions_are_counted_in_the_last_digit_that_was_sent),
        cmocka_unit_test(a_number_is_what_it_is_however_many_digits_the_scale_sends),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
