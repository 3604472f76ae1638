/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "firmware/event/event.h"

static struct gw_event_draft good_draft(void) {
    return (struct gw_event_draft){
        .type = GW_EVENT_SCAN_OBSERVED,
        .class = GW_CLASS_BUSINESS,
        .time_wall_ms = INT64_C(1795418040123),
        .device = GW_STR("dock-1.scanner_2"),
        .data = GW_STR("{\"raw\":\"1\"}"),
    };
}

static void a_plain_draft_is_valid(void **state) {
    (void) state;
    struct gw_event_draft draft = good_draft();
    assert_int_equal(gw_event_validate_draft(&draft), GW_OK);
    draft.subject = GW_STR("https://id.gs1.org/00/340123450000000016");
    draft.partition_key = GW_STR("Überführung \"7\"");
    draft.correlation_id = GW_STR("pack-17");
    draft.flags = GW_EVENT_TEST | GW_EVENT_POSSIBLE_DUPLICATE | GW_EVENT_RETAINED;
    assert_int_equal(gw_event_validate_draft(&draft), GW_OK);
}

static void a_device_is_named_by_few_characters(void **state) {
    (void) state;
    const char *const bad[] = {"a b", "a/b", "a:b", "ä", "a\"", "a\n"};
    struct gw_event_draft draft = good_draft();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        draft.device = gw_str_from_cstr(bad[i]);
        assert_int_equal(gw_event_validate_draft(&draft), GW_ERR_SCHEMA);
    }
    draft.device = (struct gw_str){0};
    assert_int_equal(gw_event_validate_draft(&draft), GW_ERR_RANGE);
    char name[129];
    memset(name, 'x', sizeof(name));
    draft.device = (struct gw_str){name, 128};
    assert_int_equal(gw_event_validate_draft(&draft), GW_OK);
    draft.device = (struct gw_str){name, 129};
    assert_int_equal(gw_event_validate_draft(&draft), GW_ERR_RANGE);
}

/* Each text member at its limit, beyond it, broken and with control characters. */
static void texts_are_bounded_utf8_without_control_characters(void **state) {
    (void) state;
    static char text[GW_EVENT_SUBJECT_MAX_BYTES + 1];
    memset(text, 'x', sizeof(text));
    struct gw_event_draft draft = good_draft();
    const struct {
        struct gw_str *member;
        size_t max;
    } members[] = {{&draft.subject, GW_EVENT_SUBJECT_MAX_BYTES},
                   {&draft.partition_key, GW_EVENT_NAME_MAX_BYTES},
                   {&draft.correlation_id, GW_EVENT_NAME_MAX_BYTES}};
    const struct gw_str bad[] = {GW_STR("a\nb"), GW_STR("\0"),       GW_STR("a\x7f"),
                                 GW_STR("\xff"), GW_STR("\xc2\x85"), GW_STR("a\xc3")};
    for (size_t i = 0; i < 3; i++) {
        *members[i].member = (struct gw_str){text, members[i].max};
        assert_int_equal(gw_event_validate_draft(&draft), GW_OK);
        *members[i].member = (struct gw_str){text, members[i].max + 1};
        assert_int_equal(gw_event_validate_draft(&draft), GW_ERR_RANGE);
        for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
            *members[i].member = bad[j];
            assert_int_equal(gw_event_validate_draft(&draft), GW_ERR_SCHEMA);
        }
        *members[i].member = GW_STR("\xc2\xa0 is no control character");
        assert_int_equal(gw_event_validate_draft(&draft), GW_OK);
    }
}

static void types_classes_and_flags_must_be_known(void **state) {
    (void) state;
    struct gw_event_draft draft = good_draft();
    draft.type = GW_EVENT_TOMBSTONE;
    assert_int_equal(gw_event_validate_draft(&draft), GW_ERR_SCHEMA);
    draft.type = (enum gw_event_type) 6;
    assert_int_equal(gw_event_validate_draft(&draft), GW_ERR_SCHEMA);
    draft = good_draft();
    draft.class = GW_CLASS_COUNT;
    assert_int_equal(gw_event_validate_draft(&draft), GW_ERR_SCHEMA);
    draft = good_draft();
    draft.flags = 8;
    assert_int_equal(gw_event_validate_draft(&draft), GW_ERR_SCHEMA);
}

static void only_telemetry_expires(void **state) {
    (void) state;
    struct gw_event_draft draft = good_draft();
    draft.expiry_wall_ms = 1;
    assert_int_equal(gw_event_validate_draft(&draft), GW_ERR_SCHEMA);
    draft.class = GW_CLASS_TELEMETRY;
    assert_int_equal(gw_event_validate_draft(&draft), GW_OK);
}

static void times_must_be_writable_and_origins_short(void **state) {
    (void) state;
    struct gw_event_draft draft = good_draft();
    const int64_t bad[] = {INT64_C(253402300800000), -INT64_C(62167219200001), INT64_MIN};
    for (size_t i = 0; i < 3; i++) {
        draft.time_wall_ms = bad[i];
        assert_int_equal(gw_event_validate_draft(&draft), GW_ERR_RANGE);
    }
    draft = good_draft();
    uint8_t origin[GW_EVENT_ORIGIN_MAX_BYTES + 1] = {0};
    draft.origin = (struct gw_bytes){origin, GW_EVENT_ORIGIN_MAX_BYTES};
    assert_int_equal(gw_event_validate_draft(&draft), GW_OK);
    draft.origin.len++;
    assert_int_equal(gw_event_validate_draft(&draft), GW_ERR_RANGE);
}

static void data_must_be_a_canonical_object(void **state) {
    (void) state;
    const char *const bad[] = {"",
                               "[]",
                               "1",
                               "{ }",
                               "{\"b\":1,\"a\":1}",
                               "{\"a\":1.5}",
                               "{\"a\":1e3}",
                               "{\"a\":1,\"a\":1}",
                               "{\"a\":9007199254740992}",
                               "{\"a\":\"\\u0041\"}",
                               "{\"a\":1}x",
                               "{\"a\":\"\xff\"}"};
    struct gw_event_draft draft = good_draft();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        draft.data = gw_str_from_cstr(bad[i]);
        assert_int_not_equal(gw_event_validate_draft(&draft), GW_OK);
    }
    draft.data = GW_STR("{\"a\":9007199254740991,\"b\":[-1,true,null,\"\\u001d\"]}");
    assert_int_equal(gw_event_validate_draft(&draft), GW_OK);
}

static void data_may_fill_its_limit_and_not_a_byte_more(void **state) {
    (void) state;
    struct gw_event_draft draft = good_draft();
    char *data = malloc(GW_EVENT_DATA_MAX_BYTES + 1);
    assert_non_null(data);
    for (size_t len = GW_EVENT_DATA_MAX_BYTES; len <= GW_EVENT_DATA_MAX_BYTES + 1; len++) {
        memset(data, 'x', len);
        memcpy(data, "{\"a\":\"", 6);
        memcpy(data + len - 2, "\"}", 2);
        draft.data = (struct gw_str){data, len};
        assert_int_equal(gw_event_validate_draft(&draft) == GW_OK,
                         len == GW_EVENT_DATA_MAX_BYTES);
    }
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_draft_is_valid),
        cmocka_unit_test(a_device_is_named_by_few_characters),
        cmocka_unit_test(texts_are_bounded_utf8_without_control_characters),
        cmocka_unit_test(types_classes_and_flags_must_be_known),
        cmocka_unit_test(only_telemetry_expires),
        cmocka_unit_test(times_must_be_writable_and_origins_short),
        cmocka_unit_test(data_must_be_a_canonical_object),
        cmocka_unit_test(data_may_fill_its_limit_and_not_a_byte_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
