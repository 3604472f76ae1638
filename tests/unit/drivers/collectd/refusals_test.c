/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/collectd/refusals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct gw_refusals refusals;

static int setup(void **state) {
    (void) state;
    refusals = (struct gw_refusals){0};
    return 0;
}

static void add(const char *device, enum gw_flow_class class, enum gw_refusal_reason reason,
                uint64_t count, int64_t now_wall_ms) {
    struct gw_refused refused = {gw_str_from_cstr(device), class, reason, count};
    gw_refusals_add(&refusals, &refused, now_wall_ms);
}

static void one_row_per_device_and_class(void **state) {
    (void) state;
    add("s1", GW_CLASS_BUSINESS, GW_REFUSED_FULL, 1, 1000);
    add("s1", GW_CLASS_BUSINESS, GW_REFUSED_FULL, 2, 2000);
    add("s1", GW_CLASS_STATE, GW_REFUSED_FULL, 5, 3000);
    add("s2", GW_CLASS_BUSINESS, GW_REFUSED_FULL, 7, 4000);
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
        add(device, (enum gw_flow_class)(i % GW_CLASS_COUNT),
            (enum gw_refusal_reason)(i / 7 % GW_REFUSED_REASONS), 1, 1);
    }
    for (size_t i = 0; i < refusals.count; i++) {
        count += refusals.rows[i].count;
    }
    assert_true(refusals.count <= GW_REFUSALS_MAX);
    assert_int_equal(count, 500);
}

static void the_data_is_canonical(void **state) {
    (void) state;
    add("s1", GW_CLASS_BUSINESS, GW_REFUSED_FULL, 3, INT64_C(1795418040000));
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
    add("s1", GW_CLASS_BUSINESS, GW_REFUSED_FULL, 3, 1);
    char storage[20];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    assert_int_equal(gw_refusal_put_data(&refusals.rows[0], &buf), GW_ERR_FULL);
    assert_int_equal(buf.len, 0);
}

static void each_reason_has_a_row_and_its_word(void **state) {
    (void) state;
    add("s1", GW_CLASS_BUSINESS, GW_REFUSED_FULL, 3, 1);
    add("s1", GW_CLASS_BUSINESS, GW_REFUSED_FAILED, 4, 1);
    assert_int_equal(refusals.count, 2);
    char storage[256];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    assert_int_equal(gw_refusal_put_data(&refusals.rows[1], &buf), GW_OK);
    struct gw_str text = gw_buf_str(&buf);
    struct gw_str wanted = GW_STR("\"count\":4,\"reason\":\"store_failed\"");
    assert_true(gw_str_find(text, ',', 0) < text.len);
    assert_non_null(memmem(text.ptr, text.len, wanted.ptr, wanted.len));
}

static void a_record_that_is_stored_takes_out_what_it_told_and_no_more(void **state) {
    (void) state;
    add("s1", GW_CLASS_BUSINESS, GW_REFUSED_FULL, 3, 1);
    add("s2", GW_CLASS_BUSINESS, GW_REFUSED_FULL, 4, 1);
    gw_refusals_begin(&refusals);
    add("s2", GW_CLASS_BUSINESS, GW_REFUSED_FULL, 5, 70);
    add("s2", GW_CLASS_BUSINESS, GW_REFUSED_FULL, 1, 80);
    add("s3", GW_CLASS_STATE, GW_REFUSED_FULL, 6, 90);
    gw_refusals_end(&refusals, true);
    assert_int_equal(refusals.count, 2);
    assert_string_equal(refusals.rows[0].device, "s2");
    assert_int_equal(refusals.rows[0].count, 6);
    assert_int_equal(refusals.rows[0].since_wall_ms, 70);
    assert_string_equal(refusals.rows[1].device, "s3");
    assert_int_equal(refusals.rows[1].count, 6);
    assert_int_equal(refusals.rows[1].since_wall_ms, 90);
}

static void a_record_whose_commit_failed_takes_out_nothing(void **state) {
    (void) state;
    add("s1", GW_CLASS_BUSINESS, GW_REFUSED_FULL, 3, 1);
    gw_refusals_begin(&refusals);
    add("s1", GW_CLASS_BUSINESS, GW_REFUSED_FULL, 2, 50);
    gw_refusals_end(&refusals, false);
    assert_int_equal(refusals.count, 1);
    assert_int_equal(refusals.rows[0].count, 5);
    assert_int_equal(refusals.rows[0].since_wall_ms, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_row_per_device_and_class, setup),
        cmocka_unit_test_setup(a_full_table_counts_for_the_gateway, setup),
        cmocka_unit_test_setup(the_data_is_canonical, setup),
        cmocka_unit_test_setup(a_buffer_that_is_too_small_stays_as_it_was, setup),
        cmocka_unit_test_setup(each_reason_has_a_row_and_its_word, setup),
        cmocka_unit_test_setup(a_record_that_is_stored_takes_out_what_it_told_and_no_more,
                               setup),
        cmocka_unit_test_setup(a_record_whose_commit_failed_takes_out_nothing, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
