/* SPDX-License-Identifier: Apache-2.0 */
/* State of a unit: as durable as its events, held to quotas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "firmware/queue/queue_internal.h"
#include "tests/unit/firmware/queue/append_rig.h"

static enum gw_err submit_state(struct gw_queue_fixture *f, const char *table, const char *key,
                                const char *value) {
    struct gw_state_change change = {.key = append_bytes(key)};
    if (value) {
        change.value = append_bytes(value);
    }
    struct gw_unit unit = {
        .state_table = gw_str_from_cstr(table), .changes = &change, .change_count = 1};
    return gw_intake_submit(&f->intake, &unit);
}

static void assert_state(struct gw_queue_fixture *f, const char *table, const char *key,
                         const char *value) {
    uint8_t bytes[5000];
    struct gw_buf buf;
    gw_buf_init(&buf, bytes, sizeof(bytes));
    enum gw_err err =
        f->intake.state_get(f->intake.self, gw_str_from_cstr(table), append_bytes(key), &buf);
    assert_int_equal(err, value ? GW_OK : GW_ERR_NOENT);
    if (value) {
        assert_true(gw_str_eq(gw_buf_str(&buf), gw_str_from_cstr(value)));
    }
}

static void state_is_as_durable_as_the_events_of_its_unit(void **state) {
    struct gw_queue_fixture *f = *state;
    static struct append_failing failing; /* the teardown still asks it */
    static struct gw_store_probe probe;
    append_open_failing(f, &failing, &probe);
    assert_int_equal(submit_state(f, "mqtt", "a", "one"), GW_OK);
    assert_state(f, "mqtt", "a", NULL);
    failing = (struct append_failing){GW_STORE_COMMIT, 0, GW_ERR_IO};
    assert_int_equal(gw_queue_commit(f->writer), GW_ERR_IO);
    assert_state(f, "mqtt", "a", NULL);
    failing.after = UINT32_MAX;
    assert_int_equal(submit_state(f, "mqtt", "a", "two"), GW_OK);
    assert_int_equal(submit_state(f, "mqtt", "b", ""), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_state(f, "mqtt", "a", "two");
    assert_state(f, "mqtt", "b", "");
    f->options.probe = NULL;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_state(f, "mqtt", "a", "two");
    assert_int_equal(submit_state(f, "mqtt", "a", NULL), GW_OK);
    assert_int_equal(submit_state(f, "mqtt", "never", NULL), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_state(f, "mqtt", "a", NULL);
    assert_state(f, "modbus", "a", NULL);
}

static enum gw_err submit_two(struct gw_queue_fixture *f, const char *first_table,
                              const char *second_table, const char *value) {
    struct gw_state_change first = {.key = append_bytes("k"), .value = append_bytes(value)};
    struct gw_state_change second = {.key = append_bytes("k"), .value = append_bytes(value)};
    struct gw_unit unit = {.state_table = gw_str_from_cstr(first_table),
                           .changes = &first,
                           .change_count = 1,
                           .second_table = gw_str_from_cstr(second_table),
                           .second_changes = &second,
                           .second_change_count = 1};
    return gw_intake_submit(&f->intake, &unit);
}

static void two_tables_of_a_unit_are_changed_together_or_not_at_all(void **state) {
    struct gw_queue_fixture *f = *state;
    static struct append_failing failing; /* the teardown still asks it */
    static struct gw_store_probe probe;
    static char too_long[4097];
    memset(too_long, 'v', sizeof too_long - 1);
    append_open_failing(f, &failing, &probe);
    assert_int_equal(submit_two(f, "audit", "writes", "one"), GW_OK);
    failing = (struct append_failing){GW_STORE_COMMIT, 0, GW_ERR_IO};
    assert_int_equal(gw_queue_commit(f->writer), GW_ERR_IO);
    assert_state(f, "audit", "k", NULL);
    assert_state(f, "writes", "k", NULL);
    failing.after = UINT32_MAX;
    assert_int_equal(submit_two(f, "audit", "writes", "two"), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_state(f, "audit", "k", "two");
    assert_state(f, "writes", "k", "two");
    assert_int_equal(submit_two(f, "audit", "audit", "three"), GW_ERR_RANGE);
    assert_int_equal(submit_two(f, "audit", "Writes", "three"), GW_ERR_RANGE);
    f->options.probe = NULL;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_state(f, "writes", "k", "two");
}

static void the_second_table_is_held_to_its_own_quota(void **state) {
    struct gw_queue_fixture *f = *state;
    static char long_value[4001];
    memset(long_value, 'v', 4000);
    f->options.state_table_max_bytes = 6000;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(submit_two(f, "audit", "writes", long_value), GW_OK);
    assert_int_equal(submit_state(f, "writes", "another", long_value), GW_ERR_DENIED);
    struct gw_state_change small = {.key = append_bytes("s"), .value = append_bytes("s")};
    struct gw_state_change large = {.key = append_bytes("l"),
                                    .value = append_bytes(long_value)};
    struct gw_unit unit = {.state_table = GW_STR("audit"),
                           .changes = &small,
                           .change_count = 1,
                           .second_table = GW_STR("writes"),
                           .second_changes = &large,
                           .second_change_count = 1};
    assert_int_equal(gw_intake_submit(&f->intake, &unit), GW_ERR_DENIED);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_state(f, "audit", "s", NULL);
    assert_state(f, "writes", "k", long_value);
}

static void a_state_table_over_its_quota_is_denied_until_it_shrinks(void **state) {
    struct gw_queue_fixture *f = *state;
    static char long_value[4001];
    memset(long_value, 'v', 4000);
    f->options.state_table_max_bytes = 20000;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    const char *keys[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(submit_state(f, "window", keys[i], long_value), GW_OK);
    }
    assert_int_equal(submit_state(f, "window", "e", long_value), GW_ERR_DENIED);
    assert_int_equal(submit_state(f, "other", "e", long_value), GW_OK);
    assert_int_equal(submit_state(f, "window", "a", long_value), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(submit_state(f, "window", "e", long_value), GW_ERR_DENIED);
    assert_int_equal(submit_state(f, "window", "a", NULL), GW_OK);
    assert_int_equal(submit_state(f, "window", "e", long_value), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_state(f, "window", "e", long_value);
}

static void too_many_state_tables_are_denied(void **state) {
    struct gw_queue_fixture *f = *state;
    char name[8] = "t00";
    for (int i = 0; i < QUEUE_STATE_TABLES; i++) {
        name[1] = (char) ('0' + i / 10);
        name[2] = (char) ('0' + i % 10);
        assert_int_equal(submit_state(f, name, "k", "v"), GW_OK);
    }
    assert_int_equal(submit_state(f, "one-more", "k", "v"), GW_ERR_DENIED);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_state(f, "t23", "k", "v");
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, append_setup, append_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(state_is_as_durable_as_the_events_of_its_unit),
        RIG_TEST(two_tables_of_a_unit_are_changed_together_or_not_at_all),
        RIG_TEST(the_second_table_is_held_to_its_own_quota),
        RIG_TEST(a_state_table_over_its_quota_is_denied_until_it_shrinks),
        RIG_TEST(too_many_state_tables_are_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
