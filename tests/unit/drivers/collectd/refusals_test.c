/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/collectd/refusals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct gw_refusals refusals;

static int setup(void **state) {
    (void) state;
    refusals = (struct gw_refusals){0};
    return 0;
}

static void one_row_per_device_and_class(void **state) {
    (void) state;
    gw_refusals_add(&refusals, GW_STR("s1"), GW_CLASS_BUSINESS, 1, 1000);
    gw_refusals_add(&refusals, GW_STR("s1"), GW_CLASS_BUSINESS, 2, 2000);
    gw_refusals_add(&refusals, GW_STR("s1"), GW_CLASS_STATE, 5, 3000);
    gw_refusals_add(&refusals, GW_STR("s2"), GW_CLASS_BUSINESS, 7, 4000);
    assert_int_equal(refusals.count, 3);
    assert_int_equal(refusals.rows[0].count, 3);
    assert_int_equal(refusals.rows[0].since_wall_ms, 1000);
    assert_int_equal(refusals.total, 15);
}

static void a_full_table_counts_for_the_gateway(void **state) {
    (void) state;
    uint64_t count = 0;
    for (int i = 0; i < 500; i++) {
        char device[16];
        (void) snprintf(device, sizeof device, "d%d", i);
        gw_refusals_add(&refusals, gw_str_from_cstr(device),
                        (enum gw_flow_class)(i % GW_CLASS_COUNT), 1, 1);
    }
    for (size_t i = 0; i < refusals.count; i++) {
        count += refusals.rows[i].count;
    }
    assert_true(refusals.count <= GW_REFUSALS_MAX);
    assert_int_equal(count, 500);
}

static void the_data_is_canonical(void **state) {
    (void) state;
    gw_refusals_add(&refusals, GW_STR("s1"), GW_CLASS_BUSINESS, 3, INT64_C(1795418040000));
    char storage[256];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    assert_int_equal(gw_refusal_put_data(&refusals.rows[0], &buf), GW_OK);
    assert_true(gw_str_eq(gw_buf_str(&buf),
                          GW_STR("{\"class\":\"business\",\"count\":3,\"reason\":\"full\","
                                 "\"since\":\"2026-11-23T07:14:00.000Z\"}")));
    struct gw_event_draft draft = {.type = GW_EVENT_CAPTURE_REFUSED,
                                   .class = GW_CLASS_STATE,
                                   .time_wall_ms = 1,
                                   .device = GW_STR("s1"),
                                   .data = gw_buf_str(&buf)};
    assert_int_equal(gw_event_validate_draft(&draft), GW_OK);
}

static void a_buffer_that_is_too_small_stays_as_it_was(void **state) {
    (void) state;
    gw_refusals_add(&refusals, GW_STR("s1"), GW_CLASS_BUSINESS, 3, 1);
    char storage[20];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    assert_int_equal(gw_refusal_put_data(&refusals.rows[0], &buf), GW_ERR_FULL);
    assert_int_equal(buf.len, 0);
}

static void a_removed_row_makes_room(void **state) {
    (void) state;
    gw_refusals_add(&refusals, GW_STR("s1"), GW_CLASS_BUSINESS, 3, 1);
    gw_refusals_add(&refusals, GW_STR("s2"), GW_CLASS_BUSINESS, 4, 1);
    gw_refusals_remove(&refusals, 0);
    assert_int_equal(refusals.count, 1);
    assert_string_equal(refusals.rows[0].device, "s2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_row_per_device_and_class, setup),
        cmocka_unit_test_setup(a_full_table_counts_for_the_gateway, setup),
        cmocka_unit_test_setup(the_data_is_canonical, setup),
        cmocka_unit_test_setup(a_buffer_that_is_too_small_stays_as_it_was, setup),
        cmocka_unit_test_setup(a_removed_row_makes_room, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
