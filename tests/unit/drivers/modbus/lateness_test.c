/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/lateness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void add(struct gw_lateness *lateness, int64_t late_ms, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        gw_lateness_add(lateness, late_ms);
    }
}

static void nothing_counted_is_nothing_late(void **state) {
    (void) state;
    struct gw_lateness lateness = {0};
    struct gw_lateness_figures figures = gw_lateness_get(&lateness);
    assert_int_equal(figures.p50_ms + figures.p99_ms + figures.max_ms, 0);
}

static void percentiles_never_flatter(void **state) {
    (void) state;
    struct gw_lateness lateness = {0};
    add(&lateness, 0, 500);
    add(&lateness, 5, 480);
    add(&lateness, 18, 19);
    add(&lateness, 700, 1);
    struct gw_lateness_figures figures = gw_lateness_get(&lateness);
    assert_int_equal(figures.p50_ms, 0);
    assert_int_equal(figures.p99_ms, 20);
    assert_int_equal(figures.max_ms, 700);
}

static void no_percentile_is_above_the_maximum(void **state) {
    (void) state;
    struct gw_lateness lateness = {0};
    add(&lateness, 17, 10);
    add(&lateness, -5, 10);
    struct gw_lateness_figures figures = gw_lateness_get(&lateness);
    assert_int_equal(figures.p50_ms, 0);
    assert_int_equal(figures.p99_ms, 17);
    add(&lateness, INT64_MAX, 50);
    assert_int_equal(gw_lateness_get(&lateness).p99_ms, INT32_MAX);
}

static void the_past_is_forgotten(void **state) {
    (void) state;
    struct gw_lateness lateness = {0};
    add(&lateness, 1000, 4096);
    add(&lateness, 1, 40000);
    struct gw_lateness_figures figures = gw_lateness_get(&lateness);
    assert_int_equal(figures.p50_ms, 1);
    assert_int_equal(figures.p99_ms, 1);
    assert_int_equal(figures.max_ms, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_counted_is_nothing_late),
        cmocka_unit_test(percentiles_never_flatter),
        cmocka_unit_test(no_percentile_is_above_the_maximum),
        cmocka_unit_test(the_past_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
