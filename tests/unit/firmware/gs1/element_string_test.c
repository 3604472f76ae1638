/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firmware/gs1/gs1_rig.h"

#include <stdio.h>
#include <string.h>

static void elements_are_taken_apart_at_lengths_and_separators(void **state) {
    (void) state;
    assert_valid("]C100106141411234567897", "(00)106141411234567897");
    assert_valid("]C10109521234543213", "(01)09521234543213");
    assert_valid("]d201095212345432131725123110ABC123" GS "21456",
                 "(01)09521234543213(17)251231(10)ABC123(21)456");
    assert_valid("]Q3010952123454321310ABC123" GS "3103000195",
                 "(01)09521234543213(10)ABC123(3103)000195");
    assert_valid("]e00109521234543213392312345" GS "30"
                 "5",
                 "(01)09521234543213(3923)12345(30)5");
    assert_valid("]J1"
                 "8004"
                 "9521ABC",
                 "(8004)9521ABC");
}

static void an_element_knows_its_row_its_number_and_its_place(void **state) {
    (void) state;
    const struct gw_gs1_scan *scan = scan_of("]C10109521234543213310300019510A");
    assert_int_equal(scan->element_count, 3);
    assert_int_equal(scan->elements[0].at, 3);
    assert_int_equal(scan->elements[1].at, 19);
    assert_int_equal(scan->elements[2].at, 29);
    assert_int_equal(scan->elements[1].number, 3103);
    assert_int_equal(scan->elements[1].ai->first, 3100);
    assert_string_equal(scan->elements[1].ai->title, "NET WEIGHT (kg)");
    assert_ptr_equal(scan->elements[2].value.ptr, scan->code.ptr + 28);
    assert_int_equal(scan->elements[2].value.len, 1);
}

static void needless_separators_are_noted_not_refused(void **state) {
    (void) state;
    assert_valid("]C1" GS "010952123454321310A", "(01)09521234543213(10)A");
    assert_int_equal(scan_of("]C1" GS "010952123454321310A")->notes,
                     GW_GS1_NOTE_LEADING_SEPARATOR);
    assert_valid("]C10109521234543213" GS "10A", "(01)09521234543213(10)A");
    assert_int_equal(scan_of("]C10109521234543213" GS "10A")->notes,
                     GW_GS1_NOTE_NEEDLESS_SEPARATOR);
    assert_valid("]C1010952123454321310A" GS, "(01)09521234543213(10)A");
    assert_int_equal(scan_of("]C1010952123454321310A" GS)->notes,
                     GW_GS1_NOTE_TRAILING_SEPARATOR);
    assert_int_equal(scan_of("]C10109521234543213" GS)->notes, GW_GS1_NOTE_TRAILING_SEPARATOR);
}

static void a_value_that_is_not_there_is_named(void **state) {
    (void) state;
    assert_wrong("]C1", "empty", 3);
    assert_wrong("]C1" GS, "empty", 4);
    assert_wrong("]C1" GS GS "0109521234543213", "empty", 4);
    assert_wrong("]C1010952123454321310A" GS GS "21B", "empty", 23);
    assert_wrong("]C1010952123454321310" GS "21B", "empty", 21);
    assert_wrong("]C1010952123454321310", "empty", 21);
    assert_wrong("]C101", "empty", 5);
}

static void a_missing_separator_is_found_where_it_must_stand_at_the_latest(void **state) {
    (void) state;
    /* Count (37) has 8 digits at most; the SSCC behind it was swallowed. */
    assert_wrong("]C10209521234543213371200106141411234567897", "separator_missing", 29);
    const struct gw_gs1_scan *scan = scan_of("]C10209521234543213371200106141411234567897");
    assert_string_equal(why_of(scan),
                        "(37) goes on after 8 characters, which is all it may have: the "
                        "separator (GS) behind it is missing or was lost");
    assert_string_equal(scan->why.ai, "37");
    /* What stands before it is kept. */
    assert_string_equal(elements_of(scan), "(02)09521234543213");
    assert_wrong("]C110ABCDEFGHIJKLMNOPQRSTU", "separator_missing", 25);
    assert_wrong("]C1421276123456789X", "separator_missing", 18);
    /* Fixed length, but not predefined: the separator is needed. */
    assert_wrong("]C10109521234543213422276"
                 "10A",
                 "separator_missing", 25);
}

static void an_unknown_ai_ends_reading(void **state) {
    (void) state;
    assert_wrong("]C10109521234543213"
                 "3106000195"
                 "10A",
                 "unknown_ai", 19);
    const struct gw_gs1_scan *scan = scan_of("]C10109521234543213"
                                             "3106000195"
                                             "10A");
    assert_string_equal(elements_of(scan), "(01)09521234543213");
    assert_string_equal(why_of(scan),
                        "found \"3106\" where an application identifier must stand; GS1 "
                        "General Specifications Release 26.0 has none like it");
    assert_wrong("]C1HELLO", "unknown_ai", 3);
    assert_wrong("]C1"
                 "0",
                 "unknown_ai", 3);
    assert_wrong("]C1"
                 "05",
                 "unknown_ai", 3);
    assert_wrong("]C1"
                 "310",
                 "unknown_ai", 3);
    assert_wrong("]C1"
                 "\xc3\xa4",
                 "unknown_ai", 3);
}

static void lengths_are_checked(void **state) {
    (void) state;
    assert_wrong("]C1010952123454321", "too_short", 18);
    assert_string_equal(why_of(scan_of("]C1010952123454321")),
                        "(01) has 13 characters, allowed are exactly 14");
    assert_wrong("]C1010952123454321" GS "10A", "too_short", 18);
    assert_wrong("]C12539521234543", "too_short", 16);
    assert_string_equal(why_of(scan_of("]C12539521234543")),
                        "(253) has 10 characters, allowed are 13 to 30");
    /* An optional part is whole or not there: (7007) is YYMMDD or YYMMDDYYMMDD. */
    assert_wrong("]C101095212345432137007251231251", "too_short", 32);
    assert_valid("]C101095212345432137007251231", "(01)09521234543213(7007)251231");
    assert_valid("]C101095212345432137007251231260131", "(01)09521234543213(7007)251231260131");
    /* Nothing behind a value that is at its longest. */
    assert_valid("]C101095212345432131012345678901234567890",
                 "(01)09521234543213(10)12345678901234567890");
}

static void after_a_wrong_value_the_rest_is_still_read(void **state) {
    (void) state;
    const struct gw_gs1_scan *scan = scan_of("]C1010952123454321417251332"
                                             "10A b" GS "21C");
    assert_false(scan->ok);
    assert_string_equal(elements_of(scan), "(01)09521234543214(17)251332(10)A b(21)C");
    /* The first of the three is told. */
    assert_int_equal(scan->why.reason, GW_GS1_CHECK_DIGIT);
    assert_int_equal(scan->why.at, 5);
    assert_string_equal(why_of(scan),
                        "(01) holds \"09521234543214\", whose check digit would be 3");
}

static void characters_outside_the_set_are_shown(void **state) {
    (void) state;
    assert_wrong("]C1010952123454321310A#B", "bad_character", 22);
    assert_string_equal(why_of(scan_of("]C1010952123454321310A#B")),
                        "(10) holds \"#\", allowed are letters, digits and "
                        "!\"%&'()*+,-./:;<=>?_");
    assert_wrong("]C1010952123454321310A"
                 "\x7f",
                 "bad_character", 22);
    assert_string_equal(why_of(scan_of("]C1010952123454321310A"
                                       "\x01")),
                        "(10) holds \"<01>\", allowed are letters, digits and "
                        "!\"%&'()*+,-./:;<=>?_");
    assert_wrong("]C101095212345432X3", "bad_character", 17);
    assert_wrong("]C18010"
                 "9521a",
                 "bad_character", 11);
}

static void an_eci_in_front_is_stepped_over(void **state) {
    (void) state;
    assert_valid("]Q4\\0000260109521234543213", "(01)09521234543213");
    assert_int_equal(scan_of("]Q4\\0000260109521234543213")->elements[0].at, 10);
    assert_wrong("]Q4\\00002X0109521234543213", "unknown_ai", 3);
    assert_wrong("]Q4\\00002", "unknown_ai", 3);
}

static void more_elements_than_there_is_room_for_are_refused(void **state) {
    (void) state;
    char text[1024] = "]C1";
    size_t len = 3;
    for (int i = 0; i < GW_GS1_ELEMENTS_MAX; i++) {
        len += (size_t) snprintf(text + len, sizeof(text) - len, "99%02d" GS, i % 10);
    }
    const struct gw_gs1_scan *scan = scan_of(text);
    assert_int_equal(scan->element_count, GW_GS1_ELEMENTS_MAX);
    assert_int_equal(scan->why.reason, GW_GS1_REPEATED);
    (void) snprintf(text + len, sizeof(text) - len, "991");
    assert_wrong(text, "too_many", len);
    assert_string_equal(why_of(scan_of(text)), "more than 64 elements");
    assert_int_equal(scan_of(text)->element_count, GW_GS1_ELEMENTS_MAX);
}

static void a_scan_beyond_all_symbols_is_refused(void **state) {
    (void) state;
    static char text[GW_GS1_SCAN_BYTES_MAX + 2];
    memset(text, '9', sizeof(text) - 1);
    memcpy(text, "]C1", 3);
    assert_wrong(text, "too_long", GW_GS1_SCAN_BYTES_MAX);
    text[GW_GS1_SCAN_BYTES_MAX] = '\0';
    assert_wrong(text, "separator_missing", 95);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_are_taken_apart_at_lengths_and_separators),
        cmocka_unit_test(an_element_knows_its_row_its_number_and_its_place),
        cmocka_unit_test(needless_separators_are_noted_not_refused),
        cmocka_unit_test(a_value_that_is_not_there_is_named),
        cmocka_unit_test(a_missing_separator_is_found_where_it_must_stand_at_the_latest),
        cmocka_unit_test(an_unknown_ai_ends_reading),
        cmocka_unit_test(lengths_are_checked),
        cmocka_unit_test(after_a_wrong_value_the_rest_is_still_read),
        cmocka_unit_test(characters_outside_the_set_are_shown),
        cmocka_unit_test(an_eci_in_front_is_stepped_over),
        cmocka_unit_test(more_elements_than_there_is_room_for_are_refused),
        cmocka_unit_test(a_scan_beyond_all_symbols_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
