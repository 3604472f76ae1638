/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/sink_ids.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int setup(void **state) {
    *state = calloc(1, sizeof(struct gw_sink_ids));
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    struct gw_sink_ids *ids = *state;
    for (unsigned i = 0; i < GW_SINK_STREAMS; i++) {
        for (unsigned k = 0; ids->streams[i].clients && k < GW_SINK_CLIENTS; k++) {
            free(ids->streams[i].clients[k].seen);
        }
        free(ids->streams[i].clients);
    }
    free(ids);
    return 0;
}

static enum gw_sink_sight see(struct gw_sink_ids *ids, const char *id, bool sequence_is_new) {
    struct gw_sink_stream *stream = NULL;
    enum gw_sink_sight sight = gw_sink_see(ids, id, strlen(id), sequence_is_new, &stream);
    assert_true((stream == NULL) == (sight == GW_SINK_UNREADABLE));
    return sight;
}

static void an_id_is_new_once(void **state) {
    struct gw_sink_ids *ids = *state;
    assert_int_equal(see(ids, "main-0-1", true), GW_SINK_NEW);
    assert_int_equal(see(ids, "main-0-1", false), GW_SINK_REPEATED);
    assert_int_equal(see(ids, "main-0-1", true), GW_SINK_STORED_TWICE);
    assert_int_equal(ids->streams[0].unique, 1);
    assert_int_equal(ids->streams[0].repeated, 1);
    assert_int_equal(ids->streams[0].stored_twice, 1);
}

static void runs_and_clients_count_apart(void **state) {
    struct gw_sink_ids *ids = *state;
    assert_int_equal(see(ids, "main-0-1", true), GW_SINK_NEW);
    assert_int_equal(see(ids, "main-1-1", true), GW_SINK_NEW);
    assert_int_equal(see(ids, "mai-0-1", true), GW_SINK_NEW);
    assert_string_equal(ids->streams[1].run, "mai");
    assert_int_equal(ids->streams[0].unique, 2);
    assert_int_equal(ids->streams[1].unique, 1);
}

static void what_never_came_is_a_hole(void **state) {
    struct gw_sink_ids *ids = *state;
    (void) see(ids, "main-3-1", true);
    (void) see(ids, "main-3-2", true);
    (void) see(ids, "main-3-5", true);
    (void) see(ids, "main-4-2", true);
    assert_int_equal(ids->streams[0].highest_sum - ids->streams[0].unique, 3);
    assert_int_equal(ids->streams[0].order_errors, 0);
}

static void what_comes_late_is_no_hole_but_out_of_order(void **state) {
    struct gw_sink_ids *ids = *state;
    (void) see(ids, "main-3-1", true);
    (void) see(ids, "main-3-3", true);
    assert_int_equal(see(ids, "main-3-2", true), GW_SINK_NEW);
    assert_int_equal(ids->streams[0].order_errors, 1);
    assert_int_equal(ids->streams[0].highest_sum, ids->streams[0].unique);
}

static void devices_may_overtake_each_other_and_copies_may_come_late(void **state) {
    struct gw_sink_ids *ids = *state;
    (void) see(ids, "main-0-1", true);
    (void) see(ids, "main-1-1", true);
    (void) see(ids, "main-0-2", true);
    (void) see(ids, "main-0-1", false);
    assert_int_equal(ids->streams[0].order_errors, 0);
}

static void counters_of_any_size_are_kept_apart(void **state) {
    struct gw_sink_ids *ids = *state;
    char id[64];
    for (uint64_t counter = 1; counter <= 200000; counter++) {
        snprintf(id, sizeof(id), "main-7-%llu", (unsigned long long) counter);
        assert_int_equal(see(ids, id, true), GW_SINK_NEW);
    }
    assert_int_equal(see(ids, "main-7-65536", false), GW_SINK_REPEATED);
    assert_int_equal(see(ids, "main-7-100000000", true), GW_SINK_NEW);
    assert_int_equal(ids->streams[0].unique, 200001);
}

static void what_is_no_id_of_the_generator_is_counted_and_left_alone(void **state) {
    struct gw_sink_ids *ids = *state;
    static const char *const others[] = {"",
                                         "-",
                                         "--",
                                         "1-2",
                                         "-1-2",
                                         "main-1-",
                                         "main--2",
                                         "main-x-1",
                                         "main-1-0",
                                         "main-4096-1",
                                         "main-1-134217728",
                                         "main-1-99999999999999999999",
                                         "a-run-whose-name-is-much-longer-than-31-1-1",
                                         "4006381333931"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        assert_int_equal(see(ids, others[i], true), GW_SINK_UNREADABLE);
    }
    assert_int_equal(ids->unreadable, sizeof(others) / sizeof(*others));
    assert_int_equal(ids->streams[0].run[0], 0);
}

static void a_run_may_have_dashes(void **state) {
    struct gw_sink_ids *ids = *state;
    assert_int_equal(see(ids, "a-b-1-2", true), GW_SINK_NEW);
    assert_string_equal(ids->streams[0].run, "a-b");
}

static void too_many_runs_are_counted_as_unreadable(void **state) {
    struct gw_sink_ids *ids = *state;
    char id[64];
    for (unsigned i = 0; i < GW_SINK_STREAMS; i++) {
        snprintf(id, sizeof(id), "run%u-0-1", i);
        assert_int_equal(see(ids, id, true), GW_SINK_NEW);
    }
    assert_int_equal(see(ids, "another-0-1", true), GW_SINK_UNREADABLE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_id_is_new_once, setup, teardown),
        cmocka_unit_test_setup_teardown(runs_and_clients_count_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(what_never_came_is_a_hole, setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_late_is_no_hole_but_out_of_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            devices_may_overtake_each_other_and_copies_may_come_late, setup, teardown),
        cmocka_unit_test_setup_teardown(counters_of_any_size_are_kept_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(
            what_is_no_id_of_the_generator_is_counted_and_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_may_have_dashes, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_runs_are_counted_as_unreadable, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
