/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/change.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct gw_config_point quiet_point = {
    .name = "p", .scale = "1", .dead_band = "2", .max_silence_ms = 0};

static bool take(struct gw_change *change, const struct gw_config_point *point, int64_t number,
                 int64_t now_mono_ms) {
    struct gw_point_value value = {.good = true, .number = gw_decimal_from_i64(number)};
    return gw_change_take(change, point, &value, now_mono_ms, 1000000 + now_mono_ms);
}

static bool take_bad(struct gw_change *change, int64_t now_mono_ms) {
    struct gw_point_value value = {.good = false};
    return gw_change_take(change, &quiet_point, &value, now_mono_ms, 1000000 + now_mono_ms);
}

static void the_first_value_is_always_reported(void **state) {
    (void) state;
    struct gw_change change = {0};
    assert_true(take(&change, &quiet_point, 0, 1));
    assert_false(take(&change, &quiet_point, 0, 2));
}

static void a_value_inside_the_dead_band_is_not_reported(void **state) {
    (void) state;
    struct gw_change change = {0};
    assert_true(take(&change, &quiet_point, 10, 1));
    assert_false(take(&change, &quiet_point, 12, 2));
    assert_true(take(&change, &quiet_point, 13, 3));
}

static void creeping_is_measured_against_the_reported_value(void **state) {
    (void) state;
    struct gw_change change = {0};
    assert_true(take(&change, &quiet_point, 10, 1));
    assert_false(take(&change, &quiet_point, 11, 2));
    assert_false(take(&change, &quiet_point, 12, 3));
    assert_true(take(&change, &quiet_point, 13, 4));
}

static void silence_ends_after_its_maximum(void **state) {
    (void) state;
    struct gw_config_point point = quiet_point;
    point.max_silence_ms = 1000;
    struct gw_change change = {0};
    assert_true(take(&change, &point, 10, 5000));
    assert_false(take(&change, &point, 10, 5999));
    assert_true(take(&change, &point, 10, 6000));
    assert_false(take(&change, &point, 10, 6001));
}

static void a_change_of_quality_is_reported_both_ways(void **state) {
    (void) state;
    struct gw_change change = {0};
    assert_true(take(&change, &quiet_point, 10, 1));
    assert_true(take_bad(&change, 2));
    assert_false(take_bad(&change, 3));
    assert_true(take(&change, &quiet_point, 10, 4));
}

static void after_a_reset_the_same_value_is_reported_again(void **state) {
    (void) state;
    struct gw_change change = {0};
    assert_true(take(&change, &quiet_point, 10, 1));
    gw_change_reset(&change);
    assert_true(take(&change, &quiet_point, 10, 2));
}

static const struct gw_config_point slow_point = {
    .name = "p", .scale = "1", .dead_band = "0", .min_interval_ms = 1000};

static void a_change_inside_the_interval_waits_for_its_end(void **state) {
    (void) state;
    struct gw_change change = {0};
    assert_true(take(&change, &slow_point, 1, 5000));
    assert_true(gw_change_held_until(&change, &slow_point) == GW_NEVER_MS);
    assert_false(take(&change, &slow_point, 2, 5400));
    assert_false(take(&change, &slow_point, 3, 5700));
    assert_int_equal(gw_change_held_until(&change, &slow_point), 6000);
    int64_t wall_ms = 0;
    struct gw_point_value released = gw_change_release(&change, 6000, &wall_ms);
    struct gw_decimal three = gw_decimal_from_i64(3);
    assert_int_equal(gw_decimal_compare(&released.number, &three), 0);
    assert_int_equal(wall_ms, 1005700);
    assert_false(change.is_held);
    assert_false(take(&change, &slow_point, 3, 6100));
    assert_true(take(&change, &slow_point, 4, 7000));
}

static void what_came_and_went_inside_the_interval_is_not_held(void **state) {
    (void) state;
    struct gw_change change = {0};
    assert_true(take(&change, &slow_point, 1, 5000));
    assert_false(take(&change, &slow_point, 2, 5400));
    assert_false(take(&change, &slow_point, 1, 5600));
    assert_true(gw_change_held_until(&change, &slow_point) == GW_NEVER_MS);
}

static void the_first_value_after_a_reset_waits_for_no_interval(void **state) {
    (void) state;
    struct gw_change change = {0};
    assert_true(take(&change, &slow_point, 1, 5000));
    gw_change_reset(&change);
    assert_true(take(&change, &slow_point, 1, 5001));
}

static void the_end_of_silence_is_known_beforehand(void **state) {
    (void) state;
    struct gw_config_point point = quiet_point;
    struct gw_change change = {0};
    point.max_silence_ms = 1000;
    assert_true(gw_change_silent_until(&change, &point) == GW_NEVER_MS);
    assert_true(take(&change, &point, 10, 5000));
    assert_int_equal(gw_change_silent_until(&change, &point), 6000);
    point.max_silence_ms = 0;
    assert_true(gw_change_silent_until(&change, &point) == GW_NEVER_MS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_value_is_always_reported),
        cmocka_unit_test(a_value_inside_the_dead_band_is_not_reported),
        cmocka_unit_test(creeping_is_measured_against_the_reported_value),
        cmocka_unit_test(silence_ends_after_its_maximum),
        cmocka_unit_test(a_change_of_quality_is_reported_both_ways),
        cmocka_unit_test(after_a_reset_the_same_value_is_reported_again),
        cmocka_unit_test(a_change_inside_the_interval_waits_for_its_end),
        cmocka_unit_test(what_came_and_went_inside_the_interval_is_not_held),
        cmocka_unit_test(the_first_value_after_a_reset_waits_for_no_interval),
        cmocka_unit_test(the_end_of_silence_is_known_beforehand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
