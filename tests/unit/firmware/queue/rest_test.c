/* SPDX-License-Identifier: Apache-2.0 */
/* When a daemon may read nothing because nothing could be acknowledged earlier. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/fakes/queue_fixture.h"

static int setup(void **state) {
    struct gw_queue_fixture *f = calloc(1, sizeof *f);
    gw_queue_fixture_init(f, 16u << 20);
    f->options.write_budget_bytes_per_day = 0; /* no early commits */
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    gw_queue_fixture_done(*state);
    free(*state);
    return 0;
}

static void without_an_open_group_there_is_no_rest(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_int_equal(gw_queue_rest_mono_ms(f->writer), 0);
}

static void a_group_that_waits_for_its_class_is_rested_for(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 1), GW_OK);
    int64_t rest_ms = gw_queue_rest_mono_ms(f->writer);
    assert_int_equal(rest_ms, gw_queue_next_mono_ms(f->writer));
    gw_fake_clock_advance(&f->fake, 10);
    assert_int_equal(gw_queue_rest_mono_ms(f->writer), 0); /* it is due */
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
}

static void a_group_of_a_slow_class_does_not_hold_up_the_others(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_TELEMETRY, 1), GW_OK);
    assert_int_equal(gw_queue_rest_mono_ms(f->writer), 0);
}

static void many_events_are_committed_and_not_rested_for(void **state) {
    struct gw_queue_fixture *f = *state;
    for (uint64_t n = 1; n <= 256; n++) {
        assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, n), GW_OK);
    }
    assert_int_equal(gw_queue_rest_mono_ms(f->writer), 0);
    assert_int_equal(gw_queue_tick(f->writer), GW_OK); /* without waiting for a deadline */
    struct gw_queue_figures figures = gw_queue_fixture_figures(f);
    assert_int_equal(figures.classes[GW_CLASS_BUSINESS].range.last, 256);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(without_an_open_group_there_is_no_rest),
        TEST(a_group_that_waits_for_its_class_is_rested_for),
        TEST(a_group_of_a_slow_class_does_not_hold_up_the_others),
        TEST(many_events_are_committed_and_not_rested_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
