/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firmware/gs1/gs1_rig.h"

#include <string.h>

static void bare_gtins_become_gtin_14(void **state) {
    (void) state;
    assert_valid("]E04006381333931", "(01)04006381333931");
    assert_valid("]E4"
                 "40123455",
                 "(01)00000040123455");
    assert_valid("]I1"
                 "19521234543210",
                 "(01)19521234543210");
    /* A UPC-A comes with a leading zero, from some readers without. */
    assert_valid("]E0"
                 "0036000291452",
                 "(01)00036000291452");
    assert_valid("]E0"
                 "036000291452",
                 "(01)00036000291452");
    const struct gw_gs1_scan *scan = scan_of("]E04006381333931");
    assert_int_equal(scan->kind, GW_GS1_GTIN);
    assert_string_equal(link_of(scan), "https://id.gs1.org/01/04006381333931");
    assert_string_equal(string_of(scan), "0104006381333931");
}

/* ISO/IEC 15420, zero suppression: which zeros a UPC-E leaves out. */
static void a_upc_e_is_expanded(void **state) {
    (void) state;
    assert_valid("]E0"
                 "01234505",
                 "(01)00012000003455");
    assert_valid("]E0"
                 "01234514",
                 "(01)00012100003454");
    assert_valid("]E0"
                 "01234523",
                 "(01)00012200003453");
    assert_valid("]E0"
                 "01234531",
                 "(01)00012300000451");
    assert_valid("]E0"
                 "01234543",
                 "(01)00012340000053");
    assert_valid("]E0"
                 "01234558",
                 "(01)00012345000058");
    assert_valid("]E0"
                 "12345670",
                 "(01)00123456000070");
    assert_wrong("]E0"
                 "01234506",
                 "check_digit", 3);
    assert_string_equal(why_of(scan_of("]E0"
                                       "01234506")),
                        "the code holds \"012000003456\", whose check digit would be 5");
    /* No UPC-E begins with another digit; an EAN-8 has an identifier of its own. */
    assert_wrong("]E0"
                 "40123455",
                 "too_short", 3);
    assert_wrong("]E3"
                 "01234505",
                 "too_short", 3);
}

static void what_is_no_gtin_is_named(void **state) {
    (void) state;
    assert_wrong("]E0"
                 "4006381333932",
                 "check_digit", 3);
    assert_string_equal(why_of(scan_of("]E0"
                                       "4006381333932")),
                        "the code holds \"4006381333932\", whose check digit would be 1");
    assert_wrong("]E0"
                 "40063813339",
                 "too_short", 3);
    assert_string_equal(why_of(scan_of("]E0"
                                       "40063813339")),
                        "the code has 11 characters, allowed are exactly 13");
    assert_wrong("]E0"
                 "40063813339311",
                 "too_long", 3);
    assert_wrong("]E0"
                 "",
                 "too_short", 3);
    assert_wrong("]E0"
                 "40063813339X1",
                 "bad_character", 14);
    assert_wrong("]E4"
                 "40123456",
                 "check_digit", 3);
    assert_wrong("]E4"
                 "4006381333931",
                 "too_long", 3);
    assert_wrong("]I1"
                 "19521234543211",
                 "check_digit", 3);
}

static void an_add_on_is_noted(void **state) {
    (void) state;
    assert_valid("]E3"
                 "9770317847001"
                 "05",
                 "(01)09770317847001");
    assert_int_equal(scan_of("]E3"
                             "9770317847001"
                             "05")
                         ->notes,
                     GW_GS1_NOTE_ADD_ON);
    assert_valid("]E3"
                 "9780345391803"
                 "50599",
                 "(01)09780345391803");
    assert_wrong("]E0"
                 "9770317847001"
                 "05",
                 "too_long", 3);
    assert_wrong("]E3"
                 "9770317847001"
                 "051",
                 "too_long", 3);
    assert_int_equal(scan_of("]E1"
                             "05")
                         ->kind,
                     GW_GS1_OTHER);
}

/* Weight and price labels of a shop: no GTIN, though the check digit is right. */
static void restricted_circulation_numbers_have_no_link(void **state) {
    (void) state;
    static const char *const restricted[] = {"]E0"
                                             "2012345001237",
                                             "]E0"
                                             "0212345678909",
                                             "]E0"
                                             "212345678909",
                                             "]E4"
                                             "20123451",
                                             "]E4"
                                             "00000017"};
    for (size_t i = 0; i < sizeof(restricted) / sizeof(restricted[0]); i++) {
        const struct gw_gs1_scan *scan = scan_of(restricted[i]);
        assert_string_equal(why_of(scan), "");
        assert_int_equal(scan->notes, GW_GS1_NOTE_RESTRICTED);
        assert_string_equal(link_of(scan), "none");
        assert_string_equal(identity_of(scan), "none");
    }
    assert_string_equal(urn_of(scan_of("]E0"
                                       "2012345001237")),
                        "urn:gangway:scan:ean-upc:2012345001237");
}

static void an_itf_of_another_length_is_an_ordinary_code(void **state) {
    (void) state;
    const struct gw_gs1_scan *scan = scan_of("]I1"
                                             "123456");
    assert_int_equal(scan->kind, GW_GS1_OTHER);
    assert_string_equal(urn_of(scan), "urn:gangway:scan:itf:123456");
    assert_int_equal(scan_of("]I0"
                             "19521234543210")
                         ->kind,
                     GW_GS1_OTHER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bare_gtins_become_gtin_14),
        cmocka_unit_test(a_upc_e_is_expanded),
        cmocka_unit_test(what_is_no_gtin_is_named),
        cmocka_unit_test(an_add_on_is_noted),
        cmocka_unit_test(restricted_circulation_numbers_have_no_link),
        cmocka_unit_test(an_itf_of_another_length_is_an_ordinary_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
