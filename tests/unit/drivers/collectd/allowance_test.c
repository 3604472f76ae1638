/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/collectd/allowance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct gw_allowance_limits limits = {.burst = 100, .per_minute = 60};

static void the_burst_may_come_at_once_and_no_more(void **state) {
    (void) state;
    struct gw_allowance allowance = {0};
    assert_int_equal(gw_allowance_wait_ms(&allowance, &limits, 100, 5000000), 0);
    gw_allowance_take(&allowance, 60);
    assert_int_equal(gw_allowance_wait_ms(&allowance, &limits, 40, 5000000), 0);
    gw_allowance_take(&allowance, 40);
    assert_int_equal(gw_allowance_wait_ms(&allowance, &limits, 1, 5000000), 1000);
}

static void it_comes_back_steadily(void **state) {
    (void) state;
    struct gw_allowance allowance = {0};
    int64_t now_mono_ms = 5000000;
    assert_int_equal(gw_allowance_wait_ms(&allowance, &limits, 100, now_mono_ms), 0);
    gw_allowance_take(&allowance, 100);
    unsigned taken = 0;
    for (int i = 0; i < 60000; i += 10) { /* asked a hundred times a second */
        now_mono_ms += 10;
        if (gw_allowance_wait_ms(&allowance, &limits, 1, now_mono_ms) == 0) {
            gw_allowance_take(&allowance, 1);
            taken++;
        }
    }
    assert_int_equal(taken, 60);
}

static void a_long_silence_fills_it_once(void **state) {
    (void) state;
    struct gw_allowance allowance = {0};
    gw_allowance_take(&allowance, 100);
    assert_int_equal(gw_allowance_wait_ms(&allowance, &limits, 100, INT64_C(1) << 40), 0);
    gw_allowance_take(&allowance, 100);
    assert_true(gw_allowance_wait_ms(&allowance, &limits, 1, INT64_C(1) << 40) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_burst_may_come_at_once_and_no_more),
        cmocka_unit_test(it_comes_back_steadily),
        cmocka_unit_test(a_long_silence_fills_it_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
