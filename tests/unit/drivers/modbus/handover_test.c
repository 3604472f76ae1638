/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/handover.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct gw_modbus_reading reading(size_t point, int64_t number) {
    return (struct gw_modbus_reading){
        .point = point,
        .value = {.good = true, .number = gw_decimal_from_i64(number)},
        .time_wall_ms = number};
}

static void put(struct gw_handover *handover, size_t point, int64_t number) {
    struct gw_modbus_reading r = reading(point, number);
    gw_handover_put(handover, &r);
}

static bool is_readable(const struct gw_handover *handover) {
    struct pollfd fd = {.fd = gw_handover_fd(handover), .events = POLLIN};
    return poll(&fd, 1, 0) > 0;
}

static void expect(struct gw_handover *handover, size_t point, int64_t number,
                   uint32_t replaced) {
    struct gw_modbus_reading r;
    assert_true(gw_handover_take(handover, &r));
    assert_int_equal(r.point, point);
    assert_int_equal(r.time_wall_ms, number);
    assert_int_equal(r.replaced, replaced);
}

static int setup(void **state) {
    struct gw_handover *handover = NULL;
    if (gw_handover_open(4, 2, 3, &handover)) {
        return -1;
    }
    *state = handover;
    return 0;
}

static int teardown(void **state) {
    gw_handover_close(*state);
    return 0;
}

static void readings_come_out_in_order(void **state) {
    put(*state, 1, 10);
    put(*state, 0, 11);
    put(*state, 1, 12);
    expect(*state, 1, 10, 0);
    expect(*state, 0, 11, 0);
    expect(*state, 1, 12, 0);
    struct gw_modbus_reading r;
    assert_false(gw_handover_take(*state, &r));
}

static void a_put_makes_the_descriptor_readable(void **state) {
    assert_false(is_readable(*state));
    put(*state, 1, 10);
    assert_true(is_readable(*state));
    gw_handover_drain_fd(*state);
    assert_false(is_readable(*state));
}

static void beyond_the_bound_the_newest_value_of_a_point_replaces(void **state) {
    put(*state, 0, 1);
    put(*state, 0, 2);
    put(*state, 0, 3);
    put(*state, 0, 4);
    put(*state, 2, 5);
    put(*state, 0, 6);
    put(*state, 0, 7);
    expect(*state, 0, 1, 0);
    expect(*state, 0, 2, 0);
    expect(*state, 0, 3, 0);
    expect(*state, 0, 7, 2);
    expect(*state, 2, 5, 0);
}

static void a_waiting_point_does_not_overtake_itself(void **state) {
    put(*state, 0, 1);
    put(*state, 0, 2);
    put(*state, 0, 3);
    put(*state, 1, 4);
    expect(*state, 0, 1, 0);
    put(*state, 1, 5);
    put(*state, 2, 6);
    expect(*state, 0, 2, 0);
    expect(*state, 0, 3, 0);
    expect(*state, 2, 6, 0);
    expect(*state, 1, 5, 1);
}

static void conditions_are_the_newest_word(void **state) {
    struct gw_modbus_unit_condition down = {.unit_id = 7, .is_down = true, .failures = 3};
    gw_handover_set_unit(*state, 1, &down);
    assert_true(is_readable(*state));
    struct gw_modbus_unit_condition got;
    gw_handover_get_unit(*state, 1, &got);
    assert_true(got.is_down);
    assert_int_equal(got.unit_id, 7);
    gw_handover_set_point_exception(*state, 3, 2);
    assert_int_equal(gw_handover_get_point_exception(*state, 3), 2);
    assert_int_equal(gw_handover_get_point_exception(*state, 2), 0);
}

static void a_resync_is_taken_once(void **state) {
    assert_false(gw_handover_take_resync(*state));
    gw_handover_ask_resync(*state);
    assert_true(gw_handover_take_resync(*state));
    assert_false(gw_handover_take_resync(*state));
}

static void holes_are_taken_once_and_ring_the_bell(void **state) {
    static struct gw_modbus_holes holes, taken;
    assert_false(gw_handover_take_holes(*state, &taken));
    holes.count = 0;
    assert_true(gw_modbus_holes_add(&holes, &(struct gw_modbus_hole){1, 3, 7, 2, true}));
    gw_handover_set_holes(*state, &holes);
    assert_true(is_readable(*state));
    holes.count = 0;
    assert_true(gw_handover_take_holes(*state, &taken));
    assert_int_equal(taken.count, 1);
    assert_int_equal(taken.entries[0].address, 7);
    assert_false(gw_handover_take_holes(*state, &taken));
}

static void a_fault_of_a_device_rings_the_bell_and_figures_do_not(void **state) {
    struct gw_modbus_unit_condition condition = {.unit_id = 1, .lateness = {1, 2, 3}};
    gw_handover_set_unit(*state, 0, &condition);
    assert_false(is_readable(*state));
    condition.fault = 4;
    gw_handover_set_unit(*state, 0, &condition);
    assert_true(is_readable(*state));
}

#define THREAD_READINGS 20000

static void *produce(void *argument) {
    for (int64_t i = 1; i <= THREAD_READINGS; i++) {
        put(argument, (size_t) i % 4, i);
    }
    return NULL;
}

/* Per point times only go up, and what is missing was counted as replaced. */
static void two_threads_lose_nothing_uncounted(void **state) {
    pthread_t producer;
    assert_int_equal(pthread_create(&producer, NULL, produce, *state), 0);
    int64_t last[4] = {0};
    uint64_t seen = 0, replaced = 0;
    while (seen + replaced < THREAD_READINGS) {
        struct gw_modbus_reading r;
        struct pollfd fd = {.fd = gw_handover_fd(*state), .events = POLLIN};
        (void) poll(&fd, 1, 1000);
        gw_handover_drain_fd(*state);
        while (gw_handover_take(*state, &r)) {
            assert_true(r.time_wall_ms > last[r.point]);
            last[r.point] = r.time_wall_ms;
            seen++;
            replaced += r.replaced;
        }
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
    assert_int_equal(seen + replaced, THREAD_READINGS);
    for (size_t point = 0; point < 4; point++) {
        assert_true(last[point] > THREAD_READINGS - 4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(readings_come_out_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_put_makes_the_descriptor_readable, setup, teardown),
        cmocka_unit_test_setup_teardown(beyond_the_bound_the_newest_value_of_a_point_replaces,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_waiting_point_does_not_overtake_itself, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(conditions_are_the_newest_word, setup, teardown),
        cmocka_unit_test_setup_teardown(a_resync_is_taken_once, setup, teardown),
        cmocka_unit_test_setup_teardown(holes_are_taken_once_and_ring_the_bell, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_fault_of_a_device_rings_the_bell_and_figures_do_not,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(two_threads_lose_nothing_uncounted, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
