/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/pending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct gw_pending pending;

static int setup(void **state) {
    (void) state;
    assert_int_equal(gw_pending_open(&pending, 6), GW_OK);
    for (size_t i = 0; i < 5; i++) {
        struct gw_modbus_reading reading = {.point = i};
        assert_int_equal(gw_pending_push(&pending, &reading), GW_OK);
    }
    return 0;
}

static int teardown(void **state) {
    (void) state;
    gw_pending_close(&pending);
    return 0;
}

static size_t next_point(void) {
    struct gw_pending_reading *next = gw_pending_next(&pending);
    assert_non_null(next);
    return next->reading.point;
}

/* Submit the next ones, which must be these points. */
static void submit(size_t from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(next_point(), from + i);
        assert_false(gw_pending_submitted(&pending));
    }
}

static void complete(unsigned count, enum gw_err err) {
    for (unsigned i = 0; i < count; i++) {
        gw_pending_completed(&pending, err);
    }
}

static void what_is_stored_leaves(void **state) {
    (void) state;
    submit(0, 3);
    assert_int_equal(gw_pending_count(&pending), 5);
    complete(3, GW_OK);
    assert_int_equal(gw_pending_count(&pending), 2);
    submit(3, 2);
    assert_null(gw_pending_next(&pending));
}

static void a_full_one_says_so(void **state) {
    (void) state;
    struct gw_modbus_reading reading = {.point = 5};
    assert_int_equal(gw_pending_push(&pending, &reading), GW_OK);
    assert_int_equal(gw_pending_push(&pending, &reading), GW_ERR_FULL);
    submit(0, 1);
    complete(1, GW_OK);
    assert_int_equal(gw_pending_push(&pending, &reading), GW_OK);
}

static void a_failed_group_comes_again_in_order(void **state) {
    (void) state;
    submit(0, 2);
    complete(2, GW_OK);
    submit(2, 2);
    complete(2, GW_ERR_IO);
    submit(2, 3);
    complete(3, GW_ERR_IO);
    submit(2, 3);
    complete(3, GW_OK);
    assert_int_equal(gw_pending_count(&pending), 0);
}

/* The completions of 0 to 2 came while 3 was being submitted. */
static void a_group_that_fails_inside_a_submit_comes_behind_it(void **state) {
    (void) state;
    submit(0, 3);
    assert_int_equal(next_point(), 3);
    complete(3, GW_ERR_IO);
    assert_true(gw_pending_submitted(&pending));
    submit(0, 3);
    submit(4, 1);
    complete(5, GW_OK);
    assert_int_equal(gw_pending_count(&pending), 0);
}

static void what_nothing_can_be_made_of_is_dropped_alone(void **state) {
    (void) state;
    submit(0, 2);
    assert_int_equal(next_point(), 2);
    gw_pending_drop(&pending);
    submit(3, 1);
    complete(3, GW_ERR_IO);
    submit(0, 2);
    submit(3, 2);
    complete(4, GW_OK);
    assert_int_equal(gw_pending_count(&pending), 0);
}

static void the_rest_can_be_taken_out(void **state) {
    (void) state;
    struct gw_modbus_reading reading;
    submit(0, 2);
    complete(2, GW_ERR_IO);
    for (size_t i = 0; i < 5; i++) {
        assert_true(gw_pending_take(&pending, &reading));
        assert_int_equal(reading.point, i);
    }
    assert_false(gw_pending_take(&pending, &reading));
}

#define PENDING_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        PENDING_TEST(what_is_stored_leaves),
        PENDING_TEST(a_full_one_says_so),
        PENDING_TEST(a_failed_group_comes_again_in_order),
        PENDING_TEST(a_group_that_fails_inside_a_submit_comes_behind_it),
        PENDING_TEST(what_nothing_can_be_made_of_is_dropped_alone),
        PENDING_TEST(the_rest_can_be_taken_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
