/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firmware/gs1/gs1_rig.h"

#include <string.h>

#include "firmware/gs1/check.h"
#include "firmware/gs1/parse.h"

/* The GS1 Barcode Syntax Dictionary, release 2026-01-27, which GS1 publishes
 * beside the General Specifications Release 26.0, has 224 entries; its ranges
 * ("3100-3105", "91-99") counted out they are 541 AIs. */
#define ROWS 224

static void ai_text(const struct gw_gs1_ai *ai, uint16_t number, char text[5]) {
    gw_gs1_ai_format(ai, number, text);
    assert_int_equal(strlen(text), ai->digits);
}

static void the_table_holds_every_ai_of_the_release(void **state) {
    (void) state;
    size_t rows = 0;
    size_t ais = 0;
    const struct gw_gs1_ai *ai;
    for (; (ai = gw_gs1_ai_at(rows)) != NULL; rows++) {
        assert_true(ai->first <= ai->last);
        ais += (size_t) (ai->last - ai->first) + 1;
    }
    assert_int_equal(rows, ROWS);
    assert_int_equal(ais, GW_GS1_AI_COUNT);
    assert_int_equal(GW_GS1_AI_COUNT, 541);
}

static void the_table_is_sorted_and_no_ai_begins_another(void **state) {
    (void) state;
    char before[5] = "";
    const struct gw_gs1_ai *ai;
    for (size_t i = 0; (ai = gw_gs1_ai_at(i)) != NULL; i++) {
        for (unsigned number = ai->first; number <= ai->last; number++) {
            char text[5];
            ai_text(ai, (uint16_t) number, text);
            assert_true(strcmp(before, text) < 0);
            assert_true(before[0] == '\0' || strncmp(before, text, strlen(before)) != 0);
            memcpy(before, text, sizeof(before));
        }
    }
}

static void each_ai_is_found_by_itself_and_with_a_value_behind_it(void **state) {
    (void) state;
    const struct gw_gs1_ai *ai;
    for (size_t i = 0; (ai = gw_gs1_ai_at(i)) != NULL; i++) {
        for (unsigned number = ai->first; number <= ai->last; number++) {
            char text[8];
            uint16_t found = UINT16_MAX;
            ai_text(ai, (uint16_t) number, text);
            assert_ptr_equal(gw_gs1_ai_named(gw_str_from_cstr(text), &found), ai);
            assert_int_equal(found, number);
            assert_int_equal(gw_gs1_ai_digits(gw_str_from_cstr(text)), ai->digits);
            memcpy(text + ai->digits, "9Z", 3);
            assert_ptr_equal(gw_gs1_ai_find(gw_str_from_cstr(text), &found), ai);
            assert_null(gw_gs1_ai_named(gw_str_from_cstr(text), &found));
        }
    }
}

static void all_other_numbers_are_no_ais(void **state) {
    (void) state;
    size_t found = 0;
    for (unsigned n = 0; n < 10000; n++) {
        char text[5] = {(char) ('0' + n / 1000), (char) ('0' + n / 100 % 10),
                        (char) ('0' + n / 10 % 10), (char) ('0' + n % 10)};
        for (size_t len = 1; len <= 4; len++) {
            uint16_t number = 0;
            bool last_of_len = strspn(text + len, "0") == 4 - len;
            found +=
                last_of_len && gw_gs1_ai_named((struct gw_str){text, len}, &number) != NULL;
        }
    }
    assert_int_equal(found, GW_GS1_AI_COUNT);
    const char *const none[] = {"",      "0",  "04", "23", "3106", "3989",
                                "8013X", "x1", "1x", "81", "811"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        uint16_t number = 12345;
        assert_null(gw_gs1_ai_named(gw_str_from_cstr(none[i]), &number));
        assert_int_equal(number, 12345);
    }
}

/* General Specifications, section 7.8.5: two first digits whose AIs have a length
 * that needs no separator, AI included. */
static void predefined_lengths_are_those_of_the_standard(void **state) {
    (void) state;
    static const uint8_t lengths[100] = {
        [0] = 20,  [1] = 16,  [2] = 16,  [3] = 16,  [4] = 18,  [11] = 8, [12] = 8, [13] = 8,
        [14] = 8,  [15] = 8,  [16] = 8,  [17] = 8,  [18] = 8,  [19] = 8, [20] = 4, [31] = 10,
        [32] = 10, [33] = 10, [34] = 10, [35] = 10, [36] = 10, [41] = 16};
    const struct gw_gs1_ai *ai;
    for (size_t i = 0; (ai = gw_gs1_ai_at(i)) != NULL; i++) {
        char text[5];
        ai_text(ai, ai->first, text);
        unsigned length = lengths[(text[0] - '0') * 10 + text[1] - '0'];
        assert_int_equal(ai->predefined, length > 0);
        if (length > 0) {
            assert_int_equal(gw_gs1_ai_min(ai), length - ai->digits);
            assert_int_equal(gw_gs1_ai_max(ai), length - ai->digits);
        }
    }
}

/* Each term of an association names AIs of the table. */
static void assert_terms(const char *text, const char *links) {
    for (const char *p = text; p && *p != '\0'; p++) {
        uint16_t first;
        uint16_t last;
        const char *start = p;
        gw_gs1_take_term(&p, &first, &last);
        bool known = false;
        const struct gw_gs1_ai *ai;
        for (size_t i = 0; (ai = gw_gs1_ai_at(i)) != NULL; i++) {
            known |= ai->first <= last && ai->last >= first && ai->digits == p - start;
        }
        assert_true(known);
        if (*p == '\0') {
            return;
        }
        assert_non_null(strchr(links, *p));
    }
}

static void every_row_is_well_formed(void **state) {
    (void) state;
    const struct gw_gs1_ai *ai;
    size_t keys = 0;
    for (size_t i = 0; (ai = gw_gs1_ai_at(i)) != NULL; i++) {
        assert_non_null(ai->title);
        assert_true(ai->parts[0].max > 0 && !ai->parts[0].optional);
        bool optional = false;
        for (size_t p = 0; p < GW_GS1_PARTS_MAX && ai->parts[p].max > 0; p++) {
            const struct gw_gs1_part *part = &ai->parts[p];
            assert_true(part->min > 0 && part->min <= part->max);
            /* What may be left out stands at the end, and so does what varies. */
            assert_true(part->optional || !optional);
            optional = part->optional;
            bool last = p + 1 == GW_GS1_PARTS_MAX || ai->parts[p + 1].max == 0;
            assert_true(part->min == part->max || last);
        }
        assert_terms(ai->requires, "+,;");
        assert_terms(ai->excludes, ",");
        assert_terms(ai->path, ",|");
        keys += ai->path != NULL;
    }
    /* Digital Link standard: URI Syntax, section 4.3, and (415), (402), (8006). */
    assert_int_equal(keys, 16);
}

static void formats_are_written_as_in_the_standard(void **state) {
    (void) state;
    static const char *const rows[][2] = {
        {"00", "N18"},          {"10", "X..20"},    {"3103", "N6"},
        {"253", "N13[+X..17]"}, {"421", "N3+X..9"}, {"8003", "N1+N13[+X..16]"},
        {"8010", "Y..30"},      {"8030", "Z..90"},  {"8008", "N6+N2[+N2][+N2]"},
        {"4330", "N6[+X1]"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint16_t number;
        char text[64] = "";
        struct gw_buf buf;
        gw_buf_init(&buf, text, sizeof(text) - 1);
        const struct gw_gs1_ai *ai = gw_gs1_ai_named(gw_str_from_cstr(rows[i][0]), &number);
        assert_non_null(ai);
        gw_gs1_ai_put_format(ai, &buf);
        assert_string_equal(text, rows[i][1]);
    }
}

static void every_check_and_set_has_a_name(void **state) {
    (void) state;
    for (enum gw_gs1_check c = GW_GS1_CHECK_MOD_10; c < GW_GS1_CHECK_COUNT_; c++) {
        assert_true(strlen(gw_gs1_check_name(c)) > 0);
        assert_int_not_equal(gw_gs1_check_reason(c), GW_GS1_VALID);
    }
    for (enum gw_gs1_set s = GW_GS1_SET_N; s <= GW_GS1_SET_Z; s++) {
        assert_true(strlen(gw_gs1_set_name(s)) > 0);
    }
}

/* 82, 39 and 64 characters, and 10 digits. */
static void the_character_sets_have_their_sizes(void **state) {
    (void) state;
    static const size_t sizes[] = {10, 82, 39, 64};
    for (enum gw_gs1_set set = GW_GS1_SET_N; set <= GW_GS1_SET_Z; set++) {
        size_t count = 0;
        for (unsigned c = 0; c < 256; c++) {
            char text = (char) c;
            count += gw_gs1_span(set, (struct gw_str){&text, 1}) == 1;
        }
        assert_int_equal(count, sizes[set]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_holds_every_ai_of_the_release),
        cmocka_unit_test(the_table_is_sorted_and_no_ai_begins_another),
        cmocka_unit_test(each_ai_is_found_by_itself_and_with_a_value_behind_it),
        cmocka_unit_test(all_other_numbers_are_no_ais),
        cmocka_unit_test(predefined_lengths_are_those_of_the_standard),
        cmocka_unit_test(every_row_is_well_formed),
        cmocka_unit_test(formats_are_written_as_in_the_standard),
        cmocka_unit_test(every_check_and_set_has_a_name),
        cmocka_unit_test(the_character_sets_have_their_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
