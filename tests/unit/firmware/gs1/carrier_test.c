/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firmware/gs1/gs1_rig.h"

#include <string.h>

struct row {
    const char *aim;
    enum gw_gs1_content content;
};

/* General Specifications, section 5.1.2, and ISO/IEC 15424. */
static void aim_identifiers_mean_what_the_standards_say(void **state) {
    (void) state;
    static const struct row rows[] = {
        {"]C1", GW_GS1_CONTENT_ELEMENTS},
        {"]e0", GW_GS1_CONTENT_ELEMENTS},
        {"]d2", GW_GS1_CONTENT_ELEMENTS},
        {"]Q3", GW_GS1_CONTENT_ELEMENTS},
        {"]J1", GW_GS1_CONTENT_ELEMENTS},
        {"]E0", GW_GS1_CONTENT_EAN_13},
        {"]E3", GW_GS1_CONTENT_EAN_13},
        {"]E4", GW_GS1_CONTENT_EAN_8},
        {"]I1", GW_GS1_CONTENT_ITF_14},
        {"]d1", GW_GS1_CONTENT_TEXT},
        {"]Q1", GW_GS1_CONTENT_TEXT},
        {"]J0", GW_GS1_CONTENT_TEXT},
        /* FNC1 in first position where GS1 does not use the symbology, or with ECI. */
        {"]Q4", GW_GS1_CONTENT_ELEMENTS},
        {"]d5", GW_GS1_CONTENT_ELEMENTS},
        {"]J4", GW_GS1_CONTENT_ELEMENTS},
        {"]z1", GW_GS1_CONTENT_ELEMENTS},
        {"]L3", GW_GS1_CONTENT_ELEMENTS},
        {"]O5", GW_GS1_CONTENT_ELEMENTS},
        /* FNC1 in second position is AIM's, not GS1's. */
        {"]C2", GW_GS1_CONTENT_OTHER},
        {"]Q5", GW_GS1_CONTENT_OTHER},
        {"]d3", GW_GS1_CONTENT_OTHER},
        {"]z2", GW_GS1_CONTENT_OTHER},
        {"]C0", GW_GS1_CONTENT_OTHER},
        {"]C4", GW_GS1_CONTENT_OTHER},
        {"]E1", GW_GS1_CONTENT_OTHER},
        {"]E2", GW_GS1_CONTENT_OTHER},
        {"]I0", GW_GS1_CONTENT_OTHER},
        {"]I3", GW_GS1_CONTENT_OTHER},
        {"]e1", GW_GS1_CONTENT_OTHER},
        {"]e2", GW_GS1_CONTENT_OTHER},
        {"]A0", GW_GS1_CONTENT_OTHER},
        {"]zC", GW_GS1_CONTENT_OTHER},
        {"]x9", GW_GS1_CONTENT_OTHER},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct gw_gs1_carrier *carrier =
            gw_gs1_carrier_find(gw_str_from_cstr(rows[i].aim));
        assert_non_null(carrier);
        assert_int_equal(carrier->content, rows[i].content);
    }
}

static void what_is_no_aim_identifier_has_no_carrier(void **state) {
    (void) state;
    const char *const none[] = {"", "]", "]C", "C1", "]]1", "]C]", "]1C", "]C ", "}C1", " ]C1"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_null(gw_gs1_carrier_find(gw_str_from_cstr(none[i])));
    }
}

static void each_row_of_the_table_can_be_reached_and_is_fit_for_a_urn(void **state) {
    (void) state;
    const struct gw_gs1_carrier *carrier;
    for (size_t i = 0; (carrier = gw_gs1_carrier_at(i)) != NULL; i++) {
        char aim[4] = {']', carrier->letter != 0 ? carrier->letter : 'q',
                       carrier->modifier != 0 ? carrier->modifier : '9'};
        assert_ptr_equal(gw_gs1_carrier_find(gw_str_from_cstr(aim)), carrier);
        assert_true(strlen(carrier->name) > 0);
        assert_int_equal(strspn(carrier->symbology, "abcdefghijklmnopqrstuvwxyz0123456789-"),
                         strlen(carrier->symbology));
    }
}

static void without_identifier_nothing_is_guessed(void **state) {
    (void) state;
    const char *const texts[] = {"0109521234543213", "4006381333931",
                                 "https://id.gs1.org/01/09521234543213", GS "0109521234543213"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const struct gw_gs1_scan *scan = scan_of(texts[i]);
        assert_false(scan->ok);
        assert_int_equal(scan->kind, GW_GS1_OTHER);
        assert_null(scan->carrier);
        assert_int_equal(scan->why.reason, GW_GS1_NOT_GS1);
        assert_int_equal(scan->element_count, 0);
        assert_string_equal(why_of(scan),
                            "no AIM identifier: nothing here says that it is GS1");
        assert_string_equal(link_of(scan), "none");
    }
}

static void the_caller_may_say_under_which_identifier_scans_stand(void **state) {
    (void) state;
    struct gw_gs1_options options = {.assumed_aim = GW_STR("]C1")};
    const struct gw_gs1_scan *scan = scan_with("0109521234543213", &options);
    assert_true(scan->ok);
    assert_int_equal(scan->notes, GW_GS1_NOTE_ASSUMED);
    assert_int_equal(scan->aim.len, 0);
    assert_string_equal(scan->carrier->name, "GS1-128");
    /* What a reader does say is believed. */
    scan = scan_with("]E04006381333931", &options);
    assert_true(scan->ok);
    assert_int_equal(scan->notes, 0);
    assert_string_equal(elements_of(scan), "(01)04006381333931");
    /* A Web address is no element string. */
    scan = scan_with("https://example.com/01/09521234543213/10/A", &options);
    assert_int_equal(scan->kind, GW_GS1_DIGITAL_LINK);
    assert_true(scan->ok);
    options.assumed_aim = GW_STR("]E0");
    scan = scan_with("4006381333931", &options);
    assert_string_equal(link_of(scan), "https://id.gs1.org/01/04006381333931");
    options.assumed_aim = GW_STR("nonsense");
    scan = scan_with("4006381333931", &options);
    assert_int_equal(scan->kind, GW_GS1_OTHER);
    assert_int_equal(scan->notes, 0);
}

static void a_reader_without_identifiers_may_send_what_looks_like_one(void **state) {
    (void) state;
    const struct gw_gs1_options options = {.no_aim = true};
    const struct gw_gs1_scan *scan = scan_with("]C10109521234543213", &options);
    assert_int_equal(scan->kind, GW_GS1_OTHER);
    assert_int_equal(scan->aim.len, 0);
    assert_int_equal(scan->code.len, 19);
}

static void identifier_and_code_are_views_of_the_scan(void **state) {
    (void) state;
    const struct gw_gs1_scan *scan = scan_of("]A0HELLO");
    assert_int_equal(scan->aim.len, 3);
    assert_memory_equal(scan->aim.ptr, "]A0", 3);
    assert_ptr_equal(scan->code.ptr, scan->aim.ptr + 3);
    assert_int_equal(scan->code.len, 5);
    assert_string_equal(why_of(scan), "Code 39: nothing here says that it is GS1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aim_identifiers_mean_what_the_standards_say),
        cmocka_unit_test(what_is_no_aim_identifier_has_no_carrier),
        cmocka_unit_test(each_row_of_the_table_can_be_reached_and_is_fit_for_a_urn),
        cmocka_unit_test(without_identifier_nothing_is_guessed),
        cmocka_unit_test(the_caller_may_say_under_which_identifier_scans_stand),
        cmocka_unit_test(a_reader_without_identifiers_may_send_what_looks_like_one),
        cmocka_unit_test(identifier_and_code_are_views_of_the_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
