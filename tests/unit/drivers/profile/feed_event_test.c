/* SPDX-License-Identifier: Apache-2.0 */
/* Observations as events: exact data, subject and partition key. */
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "drivers/profile/feed.h"

#define RECEIVED_MS INT64_C(1795418040123)

static struct gw_buf storage;

static int set_up(void **state) {
    (void) state;
    return gw_buf_open(&storage, GW_FEED_DATA_BYTES(70000)) == GW_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void) state;
    gw_buf_close(&storage);
    return 0;
}

static struct gw_event_draft draft_of(const struct gw_observed_item *item) {
    const struct gw_feed_event event = {
        .device = GW_STR("dock1"), .class = GW_CLASS_BUSINESS, .received_wall_ms = RECEIVED_MS};
    struct gw_event_draft draft = {0};
    assert_int_equal(gw_feed_draft(item, &event, &storage, &draft), GW_OK);
    assert_int_equal(gw_event_validate_draft(&draft), GW_OK);
    assert_true(gw_str_eq(draft.device, GW_STR("dock1")));
    return draft;
}

static void assert_text(struct gw_str text, const char *expected) {
    char copy[4096];
    assert_int_equal(gw_str_copy(text, copy, sizeof copy), GW_OK);
    assert_string_equal(copy, expected);
}

static struct gw_observed_item scan_of(const char *aim, const char *code, const char *raw) {
    return (struct gw_observed_item){
        .kind = GW_OBSERVED_SCAN,
        .raw = gw_bytes_from_str(gw_str_from_cstr(raw)),
        .aim = gw_str_from_cstr(aim),
        .code = gw_bytes_from_str(gw_str_from_cstr(code)),
        .part = 1,
        .parts = 1,
    };
}

static void an_ordinary_scan_is_raw_and_little_else(void **state) {
    (void) state;
    struct gw_observed_item item = scan_of("]C0", "ABC", "]C0ABC");
    struct gw_event_draft draft = draft_of(&item);
    assert_int_equal(draft.type, GW_EVENT_SCAN_OBSERVED);
    assert_int_equal(draft.time_wall_ms, RECEIVED_MS);
    assert_text(draft.data, "{\"aim\":\"]C0\",\"raw\":\"]C0ABC\"}");
    assert_int_equal(draft.subject.len, 0);
    assert_int_equal(draft.partition_key.len, 0);
}

static void an_sscc_is_subject_and_partition_key(void **state) {
    (void) state;
    struct gw_observed_item item =
        scan_of("]C1", "00340123450000000017", "]C100340123450000000017");
    struct gw_event_draft draft = draft_of(&item);
    assert_text(
        draft.data,
        "{\"aim\":\"]C1\",\"digitallink\":\"https://id.gs1.org/00/340123450000000017\","
        "\"gs1\":{\"elements\":[{\"ai\":\"00\",\"value\":\"340123450000000017\"}],"
        "\"kind\":\"element_string\",\"ok\":true},\"raw\":\"]C100340123450000000017\"}");
    assert_text(draft.subject, "https://id.gs1.org/00/340123450000000017");
    assert_text(draft.partition_key, "340123450000000017");
}

static void the_subject_names_the_object_and_the_link_says_all(void **state) {
    (void) state;
    struct gw_observed_item item = scan_of("]d2",
                                           "010400638133393110L1\x1d"
                                           "17261231",
                                           "]d2x");
    struct gw_event_draft draft = draft_of(&item);
    assert_text(draft.subject, "https://id.gs1.org/01/04006381333931/10/L1");
    assert_non_null(memmem(draft.data.ptr, draft.data.len, "/10/L1?17=261231\"", 17));
    assert_int_equal(draft.partition_key.len, 0);
    /* One behind the other: what keeps a draft may keep them as one. */
    assert_ptr_equal(draft.subject.ptr, draft.data.ptr + draft.data.len);
}

static void what_claims_to_be_gs1_and_is_not_says_why_and_is_kept(void **state) {
    (void) state;
    struct gw_observed_item item =
        scan_of("]C1", "00340123450000000018", "]C100340123450000000018");
    struct gw_event_draft draft = draft_of(&item);
    assert_text(draft.data,
                "{\"aim\":\"]C1\",\"gs1\":{\"elements\":[{\"ai\":\"00\",\"value\":"
                "\"340123450000000018\"}],\"kind\":\"element_string\",\"ok\":false,\"reason\":"
                "\"check_digit\",\"why\":\"(00) holds \\\"340123450000000018\\\", whose check "
                "digit would be 7\"},\"raw\":\"]C100340123450000000018\"}");
    assert_int_equal(draft.subject.len, 0);
    assert_int_equal(draft.partition_key.len, 0);
}

static void the_profile_decides_what_is_taken_for_gs1(void **state) {
    (void) state;
    struct gw_observed_item item = scan_of("", "0104006381333931", "0104006381333931");
    assert_int_equal(draft_of(&item).subject.len, 0);
    item.gs1 = GW_GS1_ALWAYS;
    assert_text(draft_of(&item).subject, "https://id.gs1.org/01/04006381333931");
    item = scan_of("]C1", "0104006381333931", "]C10104006381333931");
    item.gs1 = GW_GS1_NEVER;
    assert_text(draft_of(&item).data, "{\"aim\":\"]C1\",\"raw\":\"]C10104006381333931\"}");
}

static void bytes_that_are_no_text_are_escaped_and_it_is_said(void **state) {
    (void) state;
    const uint8_t raw[] = {'a', '\\', 0xff, 0x00, '"', '\n', 0xc3, 0xa9, 0x1d};
    struct gw_observed_item item = {
        .kind = GW_OBSERVED_SCAN, .raw = {raw, sizeof raw}, .code = {raw, sizeof raw}};
    assert_text(draft_of(&item).data,
                "{\"raw\":\"a\\\\\\\\\\\\xff\\\\x00\\\"\\n\xc3\xa9\\u001d\","
                "\"rawencoding\":\"escaped\"}");
    item.raw.len = 2; /* text: a backslash is a backslash */
    assert_text(draft_of(&item).data, "{\"raw\":\"a\\\\\"}");
}

static void everything_a_scan_can_have_stands_in_order(void **state) {
    (void) state;
    struct gw_observed_item item = scan_of("]C0", "A", "]C0A");
    item.event_id = GW_STR("e-1");
    item.part = 2;
    item.parts = 3;
    item.repeat = 4;
    item.remarks = GW_REMARK_REPEATED | GW_REMARK_GS_REPLACED;
    item.symbology = GW_STR("CODE128");
    item.time_wall_ms = 7;
    struct gw_event_draft draft = draft_of(&item);
    assert_text(draft.data, "{\"aim\":\"]C0\",\"deviceeventid\":\"e-1\",\"part\":2,\"parts\":3,"
                            "\"raw\":\"]C0A\",\"remarks\":[\"gs_replaced\",\"repeated\"],"
                            "\"repeat\":4,\"symbology\":\"CODE128\"}");
    assert_int_equal(draft.time_wall_ms, 7);
}

static void a_weight_has_its_number_unit_and_code(void **state) {
    (void) state;
    struct gw_observed_item item = {
        .kind = GW_OBSERVED_WEIGHT,
        .raw = gw_bytes_from_str(GW_STR("S S 100.00 \xb5g")),
        .state = GW_WEIGHT_STABLE,
        .mode = GW_MODE_NET,
        .value = GW_STR("100.00"),
        .unit = GW_STR("g"),
        .unit_code = GW_STR("GRM"),
        .tare = GW_STR("2.50"),
        .event_id = GW_STR("w"),
    };
    assert_text(
        draft_of(&item).data,
        "{\"deviceeventid\":\"w\",\"mode\":\"net\",\"raw\":\"S S 100.00 \\\\xb5g\","
        "\"rawencoding\":\"escaped\",\"state\":\"stable\",\"tare\":\"2.50\",\"unit\":\"g\","
        "\"unitcode\":\"GRM\",\"value\":\"100.00\"}");
    item.unit = GW_STR("\xb5g"); /* as some balances write micrograms */
    item.unit_code = (struct gw_str){0};
    item.tare = (struct gw_str){0};
    assert_text(draft_of(&item).data,
                "{\"deviceeventid\":\"w\",\"mode\":\"net\",\"raw\":\"S S 100.00 \\\\xb5g\","
                "\"rawencoding\":\"escaped\",\"state\":\"stable\",\"unit\":\"\\\\xb5g\","
                "\"unitencoding\":\"escaped\",\"value\":\"100.00\"}");
}

static void a_condition_has_its_word_and_what_was_sent(void **state) {
    (void) state;
    const struct gw_observed_item item = {
        .kind = GW_OBSERVED_CONDITION,
        .raw = gw_bytes_from_str(GW_STR("ES")),
        .condition = GW_STR("device_error"),
        .detail = GW_STR("ES"),
    };
    struct gw_event_draft draft = draft_of(&item);
    assert_int_equal(draft.type, GW_EVENT_DEVICE_CONDITION);
    assert_text(draft.data,
                "{\"condition\":\"device_error\",\"detail\":\"ES\",\"raw\":\"ES\"}");
}

static void what_is_too_large_leaves_the_storage_as_it_was(void **state) {
    (void) state;
    static uint8_t control[20000];
    const struct gw_feed_event event = {.device = GW_STR("d"), .received_wall_ms = 1};
    memset(control, 1, sizeof control);
    struct gw_observed_item item = {.kind = GW_OBSERVED_SCAN,
                                    .raw = {control, sizeof control},
                                    .code = {control, sizeof control}};
    struct gw_event_draft draft;
    gw_buf_put_char(&storage, 'x');
    assert_int_equal(gw_feed_draft(&item, &event, &storage, &draft), GW_ERR_RANGE);
    assert_int_equal(storage.len, 1);
    item.raw.len = item.code.len = 9000; /* six bytes each */
    for (size_t cap = 1; cap < 60000; cap += 997) {
        struct gw_buf small;
        gw_buf_init(&small, storage.data, cap);
        enum gw_err err = gw_feed_draft(&item, &event, &small, &draft);
        assert_true(err == GW_OK ? cap > 54000 : err == GW_ERR_FULL && small.len == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_ordinary_scan_is_raw_and_little_else, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_sscc_is_subject_and_partition_key, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_subject_names_the_object_and_the_link_says_all,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_claims_to_be_gs1_and_is_not_says_why_and_is_kept,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_profile_decides_what_is_taken_for_gs1, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_text_are_escaped_and_it_is_said,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(everything_a_scan_can_have_stands_in_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_weight_has_its_number_unit_and_code, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_condition_has_its_word_and_what_was_sent, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_large_leaves_the_storage_as_it_was, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
