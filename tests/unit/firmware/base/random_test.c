/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "firmware/base/random.h"

static void bytes_differ_from_call_to_call(void **state) {
    (void) state;
    uint8_t a[32] = {0}, b[32] = {0};
    gw_random_bytes(a, sizeof(a));
    gw_random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}

/* More than the 256 bytes the kernel promises in one piece. */
static void long_requests_are_filled_to_the_end_and_not_beyond(void **state) {
    (void) state;
    static uint8_t big[100001];
    memset(big, 0, sizeof(big));
    gw_random_bytes(big, sizeof(big) - 1);
    size_t zeros = 0;
    for (size_t i = sizeof(big) - 65; i < sizeof(big) - 1; i++) {
        zeros += big[i] == 0;
    }
    assert_true(zeros < 32);
    assert_int_equal(big[sizeof(big) - 1], 0);
    gw_random_bytes(NULL, 0);
}

static void numbers_stay_below_the_bound_and_reach_all_of_it(void **state) {
    (void) state;
    unsigned seen[5] = {0};
    for (int i = 0; i < 2000; i++) {
        uint64_t value = gw_random_below(5);
        assert_true(value < 5);
        seen[value]++;
    }
    for (int i = 0; i < 5; i++) {
        assert_true(seen[i] > 200);
    }
    assert_true(gw_random_below(1) == 0);
    assert_true(gw_random_below(UINT64_MAX) < UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_differ_from_call_to_call),
        cmocka_unit_test(long_requests_are_filled_to_the_end_and_not_beyond),
        cmocka_unit_test(numbers_stay_below_the_bound_and_reach_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
