/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firmware/gs1/gs1_rig.h"

#include <string.h>

#define GTIN "0109521234543213"
#define SSCC "00106141411234567897"

static void an_ai_that_needs_another_says_so(void **state) {
    (void) state;
    assert_wrong("]C110ABC", "association_missing", 3);
    assert_string_equal(why_of(scan_of("]C110ABC")),
                        "(10) needs (01) or (02) or (03) or (8006) or (8026)");
    assert_wrong("]C1" SSCC "3103000195", "association_missing", 23);
    assert_valid("]C1" GTIN "3103000195", "(01)09521234543213(3103)000195");
    assert_valid("]C1" SSCC "3303000195", "(00)106141411234567897(3303)000195");
    assert_wrong("]C1" GTIN "8030AB", "association_missing", 19);
    assert_string_equal(
        why_of(scan_of("]C1" GTIN "8030AB")),
        "(8030) needs (00) or (01)+(21) or (253) or (255) or (8003) or (8004) or "
        "(8006)+(21) or (8010)+(8011) or (8017) or (8018)");
    assert_valid("]C1" GTIN "21A" GS "8030AB", "(01)09521234543213(21)A(8030)AB");
    /* A group counts whole only. */
    assert_wrong("]C1"
                 "0309521234543213"
                 "21A" GS "8030AB",
                 "association_missing", 23);
}

static void one_of_each_list_is_needed(void **state) {
    (void) state;
    /* (37) needs the SSCC, and what it counts. */
    assert_valid("]C1" SSCC "0209521234543213"
                 "3712",
                 "(00)106141411234567897(02)09521234543213(37)12");
    assert_wrong("]C10209521234543213"
                 "3712",
                 "association_missing", 19);
    assert_string_equal(why_of(scan_of("]C10209521234543213"
                                       "3712")),
                        "(37) needs (00), and (02) or (8026)");
    assert_wrong("]C1" SSCC "3712", "association_missing", 23);
    /* (3922), a price of variable measure, needs the measure. */
    assert_wrong("]C1" GTIN "3922123", "association_missing", 19);
    assert_valid("]C1" GTIN "3922123" GS "3103000195",
                 "(01)09521234543213(3922)123(3103)000195");
    assert_valid("]C1" GTIN "3922123" GS "3155000195",
                 "(01)09521234543213(3922)123(3155)000195");
}

static void what_excludes_another_is_found_from_either_side(void **state) {
    (void) state;
    assert_wrong("]C1" GTIN "0209521234543213"
                 "3712" GS SSCC,
                 "association_invalid", 3);
    assert_string_equal(why_of(scan_of("]C1" GTIN "0209521234543213"
                                       "3712" GS SSCC)),
                        "(01) and (37) exclude each other");
    assert_wrong("]C1" GTIN "21A" GS "235B", "association_invalid", 19);
    assert_wrong("]C1" GTIN "235B" GS "21A", "association_invalid", 24);
    assert_wrong("]C1" GTIN "420123" GS "42127610115", "association_invalid", 19);
    /* One measure is given once, with one count of places. */
    assert_wrong("]C1" GTIN "3103000195"
                 "3102000019",
                 "association_invalid", 19);
    assert_string_equal(why_of(scan_of("]C1" GTIN "3103000195"
                                       "3102000019")),
                        "(3103) and (3102) exclude each other");
    assert_valid("]C1" GTIN "3103000195"
                 "3113000019",
                 "(01)09521234543213(3103)000195(3113)000019");
}

static void an_ai_twice_is_fine_with_one_value_only(void **state) {
    (void) state;
    assert_valid("]C1" GTIN "10A" GS GTIN "10A",
                 "(01)09521234543213(10)A(01)09521234543213(10)A");
    assert_int_equal(scan_of("]C1" GTIN "10A" GS GTIN)->notes, GW_GS1_NOTE_REPEATED);
    assert_wrong("]C1" GTIN "10A" GS "10B", "repeated", 23);
    assert_wrong("]C1" GTIN "3103000195"
                 "3103000196",
                 "repeated", 29);
    assert_string_equal(link_of(scan_of("]C1" GTIN "10A" GS GTIN "10A")),
                        "https://id.gs1.org/01/09521234543213/10/A");
}

/* General Specifications: a digital signature is over an instance. */
static void a_signed_key_must_have_its_serial_number(void **state) {
    (void) state;
    assert_valid("]C18003095213211234581" GS "8030AB", "(8003)095213211234581(8030)AB");
    assert_wrong("]C1800309521321123458" GS "8030AB", "association_missing", 3);
    assert_string_equal(why_of(scan_of("]C1800309521321123458" GS "8030AB")),
                        "(8003) needs its serial number");
    assert_wrong("]C12539521321123458" GS "8030AB", "association_missing", 3);
    assert_valid("]C12539521321123458X" GS "8030AB", "(253)9521321123458X(8030)AB");
}

static void across_scans_a_missing_partner_is_a_note(void **state) {
    (void) state;
    const struct gw_gs1_options options = {.association = GW_GS1_ACROSS_SCANS};
    const struct gw_gs1_scan *scan = scan_with("]C10209521234543213"
                                               "3712",
                                               &options);
    assert_true(scan->ok);
    assert_int_equal(scan->notes, GW_GS1_NOTE_INCOMPLETE);
    scan = scan_with("]C1" GTIN "10A", &options);
    assert_int_equal(scan->notes, 0);
    scan = scan_with("]C1" GTIN "3712", &options);
    assert_false(scan->ok);
    assert_int_equal(scan->why.reason, GW_GS1_ASSOCIATION_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ai_that_needs_another_says_so),
        cmocka_unit_test(one_of_each_list_is_needed),
        cmocka_unit_test(what_excludes_another_is_found_from_either_side),
        cmocka_unit_test(an_ai_twice_is_fine_with_one_value_only),
        cmocka_unit_test(a_signed_key_must_have_its_serial_number),
        cmocka_unit_test(across_scans_a_missing_partner_is_a_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
