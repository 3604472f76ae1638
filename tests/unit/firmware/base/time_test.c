/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "firmware/base/clock.h"

static const char *format(int64_t wall_ms) {
    static char text[GW_TIME_TEXT_LEN + 1];
    struct gw_buf buf;
    gw_buf_init(&buf, text, GW_TIME_TEXT_LEN);
    assert_true(gw_time_put(&buf, wall_ms));
    assert_int_equal(buf.len, GW_TIME_TEXT_LEN);
    return text;
}

static int64_t parse(const char *text) {
    int64_t wall_ms = INT64_MIN;
    enum gw_err err = gw_time_parse(gw_str_from_cstr(text), &wall_ms);
    if (err) {
        fail_msg("%s: %s", text, gw_err_name(err));
    }
    return wall_ms;
}

static void known_moments(void **state) {
    (void) state;
    assert_string_equal(format(0), "1970-01-01T00:00:00.000Z");
    assert_string_equal(format(1795418040123), "2026-11-23T07:14:00.123Z");
    assert_string_equal(format(951782400000), "2000-02-29T00:00:00.000Z");
    assert_string_equal(format(951868799999), "2000-02-29T23:59:59.999Z");
    assert_string_equal(format(4107542400000), "2100-03-01T00:00:00.000Z");
    assert_string_equal(format(4107542399999), "2100-02-28T23:59:59.999Z");
    assert_true(parse("2026-11-23T07:14:00.123Z") == 1795418040123);
}

static void times_before_1970_round_down(void **state) {
    (void) state;
    assert_string_equal(format(-1), "1969-12-31T23:59:59.999Z");
    assert_string_equal(format(-1000), "1969-12-31T23:59:59.000Z");
    assert_string_equal(format(-86400000), "1969-12-31T00:00:00.000Z");
    assert_true(parse("1969-12-31T23:59:59.999Z") == -1);
    assert_string_equal(format(-62167219200000), "0000-01-01T00:00:00.000Z");
    assert_true(parse("0000-01-01T00:00:00.000Z") == -62167219200000);
    assert_string_equal(format(parse("0000-02-29T12:00:00Z")), "0000-02-29T12:00:00.000Z");
}

static void years_beyond_four_digits_are_clamped(void **state) {
    (void) state;
    assert_string_equal(format(253402300799999), "9999-12-31T23:59:59.999Z");
    assert_string_equal(format(253402300800000), "9999-12-31T23:59:59.999Z");
    assert_string_equal(format(INT64_MAX), "9999-12-31T23:59:59.999Z");
    assert_string_equal(format(-62167219200001), "0000-01-01T00:00:00.000Z");
    assert_string_equal(format(INT64_MIN), "0000-01-01T00:00:00.000Z");
}

/* Every day of 9,999 years against the C library. */
static void every_day_agrees_with_the_c_library_and_comes_back(void **state) {
    (void) state;
    for (int64_t day = -719528; day <= 2932896; day++) {
        time_t seconds = (time_t) day * 86400 + 3723;
        struct tm tm;
        assert_non_null(gmtime_r(&seconds, &tm));
        char expected[64];
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT01:02:03.004Z", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday);
        int64_t wall_ms = (int64_t) seconds * 1000 + 4;
        const char *text = format(wall_ms);
        if (strcmp(text, expected) != 0 || parse(text) != wall_ms) {
            fail_msg("%s instead of %s", text, expected);
        }
    }
}

static void every_second_of_a_day_comes_back(void **state) {
    (void) state;
    for (int64_t second = 0; second < 86400; second++) {
        int64_t wall_ms = 1795392000000 + second * 1000 + second % 1000;
        assert_true(parse(format(wall_ms)) == wall_ms);
    }
}

static void a_full_buffer_takes_no_part_of_a_time(void **state) {
    (void) state;
    char storage[GW_TIME_TEXT_LEN];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, GW_TIME_TEXT_LEN - 1);
    assert_false(gw_time_put(&buf, 0));
    assert_int_equal(buf.len, 0);
    assert_true(gw_buf_failed(&buf));
}

static void all_spellings_of_rfc_3339_are_read(void **state) {
    (void) state;
    int64_t moment = parse("2026-11-23T07:14:00Z");
    assert_true(parse("2026-11-23t07:14:00z") == moment);
    assert_true(parse("2026-11-23T08:14:00+01:00") == moment);
    assert_true(parse("2026-11-22T23:14:00-08:00") == moment);
    assert_true(parse("2026-11-24T06:59:00+23:45") == moment);
    assert_true(parse("2026-11-23T07:14:00-00:00") == moment);
    assert_true(parse("2026-11-23T07:14:00.1Z") == moment + 100);
    assert_true(parse("2026-11-23T07:14:00.12Z") == moment + 120);
    assert_true(parse("2026-11-23T07:14:00.0009Z") == moment);
    assert_true(parse("2026-11-23T07:14:00.123999999999999999999Z") == moment + 123);
    assert_true(parse("2026-01-01T00:30:00+01:00") == parse("2025-12-31T23:30:00Z"));
}

static void a_leap_second_is_the_first_of_the_next_day(void **state) {
    (void) state;
    assert_true(parse("2016-12-31T23:59:60Z") == parse("2017-01-01T00:00:00Z"));
    assert_true(parse("2016-12-31T23:59:60.5Z") == parse("2017-01-01T00:00:00.5Z"));
    assert_true(parse("2017-01-01T00:59:60+01:00") == parse("2017-01-01T00:00:00Z"));
}

static void wrong_texts_are_refused_and_leave_the_target(void **state) {
    (void) state;
    static const struct {
        const char *text;
        enum gw_err err;
    } cases[] = {
        {"", GW_ERR_PARSE},
        {"2026-11-23", GW_ERR_PARSE},
        {"2026-11-23T07:14:00", GW_ERR_PARSE},
        {"2026-11-23T07:14Z", GW_ERR_PARSE},
        {"2026-11-23 07:14:00Z", GW_ERR_PARSE},
        {"2026-11-23T07:14:00.Z", GW_ERR_PARSE},
        {"2026-11-23T07:14:00,5Z", GW_ERR_PARSE},
        {"2026-11-23T07:14:00Z ", GW_ERR_PARSE},
        {" 2026-11-23T07:14:00Z", GW_ERR_PARSE},
        {"2026-11-23T07:14:00+0100", GW_ERR_PARSE},
        {"2026-11-23T07:14:00+01", GW_ERR_PARSE},
        {"2026-11-23T07:14:00+01:0", GW_ERR_PARSE},
        {"2026-11-23T7:14:00Z", GW_ERR_PARSE},
        {"26-11-23T07:14:00Z", GW_ERR_PARSE},
        {"+2026-11-23T07:14:00Z", GW_ERR_PARSE},
        {"-001-11-23T07:14:00Z", GW_ERR_PARSE},
        {"10000-01-01T00:00:00Z", GW_ERR_PARSE},
        {"20261123T071400Z", GW_ERR_PARSE},
        {"2026-1a-23T07:14:00Z", GW_ERR_PARSE},
        {"2026-00-23T07:14:00Z", GW_ERR_RANGE},
        {"2026-13-23T07:14:00Z", GW_ERR_RANGE},
        {"2026-11-00T07:14:00Z", GW_ERR_RANGE},
        {"2026-11-31T07:14:00Z", GW_ERR_RANGE},
        {"2026-02-29T07:14:00Z", GW_ERR_RANGE},
        {"1900-02-29T07:14:00Z", GW_ERR_RANGE},
        {"2026-11-23T24:00:00Z", GW_ERR_RANGE},
        {"2026-11-23T07:60:00Z", GW_ERR_RANGE},
        {"2026-11-23T07:14:61Z", GW_ERR_RANGE},
        {"2026-11-23T07:14:60Z", GW_ERR_RANGE},
        {"2026-11-23T23:59:60+01:00", GW_ERR_RANGE},
        {"2026-11-23T07:14:00+24:00", GW_ERR_RANGE},
        {"2026-11-23T07:14:00+01:60", GW_ERR_RANGE},
        {"0000-01-01T00:00:00+00:01", GW_ERR_RANGE},
        {"9999-12-31T23:59:59-00:01", GW_ERR_RANGE},
        {"9999-12-31T23:59:60Z", GW_ERR_RANGE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t wall_ms = 777;
        enum gw_err err = gw_time_parse(gw_str_from_cstr(cases[i].text), &wall_ms);
        if (err != cases[i].err || wall_ms != 777) {
            fail_msg("'%s': %s", cases[i].text, gw_err_name(err));
        }
    }
    assert_true(parse("2024-02-29T00:00:00Z") > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_moments),
        cmocka_unit_test(times_before_1970_round_down),
        cmocka_unit_test(years_beyond_four_digits_are_clamped),
        cmocka_unit_test(every_day_agrees_with_the_c_library_and_comes_back),
        cmocka_unit_test(every_second_of_a_day_comes_back),
        cmocka_unit_test(a_full_buffer_takes_no_part_of_a_time),
        cmocka_unit_test(all_spellings_of_rfc_3339_are_read),
        cmocka_unit_test(a_leap_second_is_the_first_of_the_next_day),
        cmocka_unit_test(wrong_texts_are_refused_and_leave_the_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
