/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/rate_limit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static unsigned taken(struct gw_rate_limit *limit, unsigned tries, int64_t now_mono_ms) {
    unsigned count = 0;
    for (unsigned i = 0; i < tries; i++) {
        count += gw_rate_limit_take(limit, now_mono_ms);
    }
    return count;
}

static void a_second_worth_may_come_at_once(void **state) {
    (void) state;
    struct gw_rate_limit limit;
    gw_rate_limit_init(&limit, 20, 5000);
    assert_int_equal(taken(&limit, 30, 5000), 20);
}

static void tokens_come_back_evenly(void **state) {
    (void) state;
    struct gw_rate_limit limit;
    gw_rate_limit_init(&limit, 20, 0);
    assert_int_equal(taken(&limit, 20, 0), 20);
    assert_int_equal(taken(&limit, 5, 49), 0);
    assert_int_equal(taken(&limit, 5, 50), 1);
    assert_int_equal(taken(&limit, 50, 550), 10);
}

static void a_long_silence_fills_the_bucket_once(void **state) {
    (void) state;
    struct gw_rate_limit limit;
    gw_rate_limit_init(&limit, 3, 0);
    assert_int_equal(taken(&limit, 3, 0), 3);
    assert_int_equal(taken(&limit, 10, INT64_MAX / 2), 3);
}

static void no_limit_means_no_limit(void **state) {
    (void) state;
    struct gw_rate_limit limit;
    gw_rate_limit_init(&limit, 0, 0);
    assert_int_equal(taken(&limit, 1000, 0), 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_worth_may_come_at_once),
        cmocka_unit_test(tokens_come_back_evenly),
        cmocka_unit_test(a_long_silence_fills_the_bucket_once),
        cmocka_unit_test(no_limit_means_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
