/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/policy/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct gw_backoff_limits limits = {.base_ms = 100, .cap_ms = 5000};

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed;
}

static void delays_stay_between_base_and_three_times_the_last(void **state) {
    (void) state;
    assert_int_equal(gw_backoff_next(&limits, 0, 0), 100);
    assert_int_equal(gw_backoff_next(&limits, 0, UINT64_MAX), 300);
    assert_int_equal(gw_backoff_next(&limits, 1000, 0), 100);
    assert_int_equal(gw_backoff_next(&limits, 1000, UINT64_MAX), 3000);
    assert_int_equal(gw_backoff_next(&limits, 5000, UINT64_MAX), 5000);
    assert_int_equal(gw_backoff_next(&limits, UINT32_MAX, UINT64_MAX), 5000);
    assert_int_equal(gw_backoff_next(&limits, 1000, UINT64_MAX / 2 + 1), 100 + 2901 / 2);
}

static void delays_grow_towards_the_cap_and_keep_spreading(void **state) {
    (void) state;
    uint64_t seed = 7;
    uint32_t delay = 0;
    uint64_t sum = 0;
    unsigned low = 0, high = 0;
    for (unsigned i = 0; i < 20000; i++) {
        delay = gw_backoff_next(&limits, delay, next_random(&seed));
        assert_in_range(delay, limits.base_ms, limits.cap_ms);
        sum += delay;
        low += delay < 1000;
        high += delay > 4000;
    }
    assert_in_range(sum / 20000, 1000, 3500);
    assert_true(low > 1000 && high > 1000);
}

static void the_first_attempt_is_spread_over_the_whole_window(void **state) {
    (void) state;
    assert_int_equal(gw_backoff_first(0, UINT64_MAX), 0);
    assert_int_equal(gw_backoff_first(60000, 0), 0);
    assert_int_equal(gw_backoff_first(60000, UINT64_MAX), 60000);
    assert_int_equal(gw_backoff_first(UINT32_MAX, UINT64_MAX), UINT32_MAX);
    unsigned buckets[10] = {0};
    uint64_t seed = 3;
    for (unsigned i = 0; i < 10000; i++) {
        buckets[gw_backoff_first(9999, next_random(&seed)) / 1000]++;
    }
    for (unsigned i = 0; i < 10; i++) {
        assert_in_range(buckets[i], 800, 1200);
    }
}

static void retry_after_is_a_lower_bound_with_a_cap(void **state) {
    (void) state;
    assert_int_equal(gw_backoff_with_retry_after(5000, 300), 5300);
    assert_int_equal(gw_backoff_with_retry_after(0, 300), 300);
    assert_int_equal(gw_backoff_with_retry_after(UINT64_MAX, 300),
                     GW_BACKOFF_RETRY_AFTER_CAP_MS + 300);
    assert_int_equal(gw_backoff_with_retry_after(UINT64_MAX, UINT32_MAX), UINT32_MAX);
}

static void retry_after_is_read_as_seconds_or_as_a_date(void **state) {
    (void) state;
    const int64_t now = INT64_C(784111777000); /* Sun, 06 Nov 1994 08:49:37 GMT */
    const struct {
        const char *value;
        uint64_t expected;
    } good[] = {
        {"120", 120000},
        {" 0 ", 0},
        {"Sun, 06 Nov 1994 08:50:37 GMT", 60000},
        {"Mon, 07 Nov 1994 08:49:37 GMT", 86400000},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
        {"Sat, 05 Nov 1994 08:49:37 GMT", 0},
        {"18446744073709551", UINT64_C(18446744073709551000)},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t ms = 1;
        assert_int_equal(
            gw_backoff_parse_retry_after(gw_str_from_cstr(good[i].value), now, &ms), GW_OK);
        assert_true(ms == good[i].expected);
    }
    const char *const bad[] = {"",
                               "soon",
                               "-1",
                               "1.5",
                               "12x",
                               "18446744073709552",
                               "Sun, 06 Nov 1994 08:49:37 CET",
                               "Sun, 31 Feb 1994 08:49:37 GMT",
                               "Sun, 06 Nuv 1994 08:49:37 GMT",
                               "Sun, 06 Nov 1994 25:49:37 GMT",
                               "Sun, 06-Nov-1994 08:49:37 GMT",
                               "Sunday, 06-Nov-94 08:49:37 GMT"};
    uint64_t untouched = 77;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(
            gw_backoff_parse_retry_after(gw_str_from_cstr(bad[i]), now, &untouched),
            GW_ERR_PARSE);
    }
    assert_int_equal(untouched, 77);
}

static void the_house_limits_are_sane(void **state) {
    (void) state;
    struct gw_backoff_limits normal = gw_backoff_limits_default();
    struct gw_backoff_limits probe = gw_backoff_limits_probe();
    assert_true(normal.base_ms > 0 && normal.base_ms < normal.cap_ms);
    assert_true(probe.base_ms >= normal.cap_ms && probe.base_ms < probe.cap_ms);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_stay_between_base_and_three_times_the_last),
        cmocka_unit_test(delays_grow_towards_the_cap_and_keep_spreading),
        cmocka_unit_test(the_first_attempt_is_spread_over_the_whole_window),
        cmocka_unit_test(retry_after_is_a_lower_bound_with_a_cap),
        cmocka_unit_test(retry_after_is_read_as_seconds_or_as_a_date),
        cmocka_unit_test(the_house_limits_are_sane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
