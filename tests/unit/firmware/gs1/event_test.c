/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/gs1/event.h"

#include <string.h>

#include "tests/unit/firmware/gs1/gs1_rig.h"

static const char *members_of(const char *text) {
    static char storage[32768];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage) - 1);
    assert_int_equal(gw_gs1_put_event_members(scan_of(text), &buf), GW_OK);
    storage[buf.len] = '\0';
    return storage;
}

static void a_valid_scan_has_its_link_and_elements(void **state) {
    (void) state;
    assert_string_equal(
        members_of("]d20109521234543213"
                   "17251231"
                   "10A\"\x1d"
                   "21S"),
        "\"digitallink\":\"https://id.gs1.org/01/09521234543213/10/A%22/21/S?17=251231\","
        "\"gs1\":{\"elements\":[{\"ai\":\"01\",\"value\":\"09521234543213\"},"
        "{\"ai\":\"17\",\"value\":\"251231\"},{\"ai\":\"10\",\"value\":\"A\\\"\"},"
        "{\"ai\":\"21\",\"value\":\"S\"}],\"kind\":\"element_string\",\"ok\":true},");
    assert_string_equal(members_of("]E02012345001237"),
                        "\"gs1\":{\"elements\":[{\"ai\":\"01\",\"value\":\"02012345001237\"}],"
                        "\"kind\":\"gtin\",\"notes\":[\"restricted\"],\"ok\":true},");
}

static void a_wrong_scan_says_why(void **state) {
    (void) state;
    assert_string_equal(
        members_of("]C1" GS "0109521234543214"),
        "\"gs1\":{\"elements\":[{\"ai\":\"01\",\"value\":\"09521234543214\"}],"
        "\"kind\":\"element_string\",\"notes\":[\"leading_separator\"],\"ok\":false,"
        "\"why\":{\"ai\":\"01\",\"at\":6,\"code\":\"check_digit\",\"text\":\"(01) holds "
        "\\\"09521234543214\\\", whose check digit would be 3\"}},");
    assert_string_equal(members_of("]C1"),
                        "\"gs1\":{\"elements\":[],\"kind\":\"element_string\",\"ok\":false,"
                        "\"why\":{\"at\":3,\"code\":\"empty\",\"text\":\"the code has no "
                        "value\"}},");
}

static void an_ordinary_code_has_no_members(void **state) {
    (void) state;
    assert_string_equal(members_of("]A0HELLO"), "");
    assert_string_equal(members_of("4006381333931"), "");
}

static void bytes_that_are_no_utf_8_are_replaced(void **state) {
    (void) state;
    assert_non_null(strstr(members_of("]C110a\xff"
                                      "b\x01\xc3\xa4\xc3" GS "99x"),
                           "{\"ai\":\"10\",\"value\":\"a\xef\xbf\xbd"
                           "b\\u0001\xc3\xa4\xef\xbf\xbd\"}"));
    /* A value of predefined length may end within a character. */
    assert_non_null(strstr(members_of("]C1"
                                      "201\xc3\xa4"),
                           "{\"ai\":\"20\",\"value\":\"1\xef\xbf\xbd\"}"));
}

static void values_are_found_by_ai(void **state) {
    (void) state;
    const struct gw_gs1_scan *scan = scan_of("]C100106141411234567897"
                                             "3303000195");
    assert_true(gw_str_eq(gw_gs1_value_of(scan, GW_STR("00")), GW_STR("106141411234567897")));
    assert_true(gw_str_eq(gw_gs1_value_of(scan, GW_STR("3303")), GW_STR("000195")));
    assert_int_equal(gw_gs1_value_of(scan, GW_STR("3302")).len, 0);
    assert_int_equal(gw_gs1_value_of(scan, GW_STR("x")).len, 0);
    assert_int_equal(gw_gs1_value_of(scan_of("]C100106141411234567890"), GW_STR("00")).len, 0);
}

static void a_small_buffer_is_left_as_it_was(void **state) {
    (void) state;
    /* The last one's link is longer than all the rest. */
    static const char *const texts[] = {
        "]d20109521234543213"
        "10A",
        "]C1"
        "10\xff" GS "21A",
        "]C1"
        "8004"
        "9521A" GS "91"
        "%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%"
        "%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%"};
    for (size_t t = 0; t < 3; t++) {
        const struct gw_gs1_scan *scan = scan_of(texts[t]);
        char storage[1024];
        struct gw_buf buf;
        gw_buf_init(&buf, storage, sizeof(storage));
        assert_int_equal(gw_gs1_put_event_members(scan, &buf), GW_OK);
        size_t whole = buf.len;
        for (size_t cap = 0; cap < whole; cap++) {
            gw_buf_init(&buf, storage, cap + 1);
            assert_true(gw_buf_put_char(&buf, '{'));
            assert_int_equal(gw_gs1_put_event_members(scan, &buf), GW_ERR_FULL);
            assert_int_equal(buf.len, 1);
            assert_false(gw_buf_failed(&buf));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_valid_scan_has_its_link_and_elements),
        cmocka_unit_test(a_wrong_scan_says_why),
        cmocka_unit_test(an_ordinary_code_has_no_members),
        cmocka_unit_test(bytes_that_are_no_utf_8_are_replaced),
        cmocka_unit_test(values_are_found_by_ai),
        cmocka_unit_test(a_small_buffer_is_left_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
