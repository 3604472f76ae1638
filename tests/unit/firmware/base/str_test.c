/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "firmware/base/str.h"

#define assert_str(actual, literal) assert_true(gw_str_eq((actual), GW_STR(literal)))

static const struct gw_str null_view = {NULL, 0};

static void an_empty_view_may_be_null_everywhere(void **state) {
    (void) state;
    struct gw_str empty = gw_str_from_cstr(NULL);
    assert_null(empty.ptr);
    assert_int_equal(empty.len, 0);
    assert_true(gw_str_eq(empty, GW_STR("")));
    assert_true(gw_str_starts_with(empty, empty));
    assert_true(gw_str_ends_with(GW_STR("a"), empty));
    assert_false(gw_str_starts_with(empty, GW_STR("a")));
    assert_int_equal(gw_str_compare(empty, GW_STR("")), 0);
    assert_int_equal(gw_str_trim(empty).len, 0);
    assert_int_equal(gw_str_sub(empty, 0, 5).len, 0);
    assert_int_equal(gw_str_find(empty, 'a', 0), 0);
    assert_true(gw_str_is_utf8(empty));
    assert_int_equal(gw_str_utf8_len(empty), 0);
    char dst[1] = {'x'};
    assert_int_equal(gw_str_copy(empty, dst, sizeof(dst)), GW_OK);
    assert_int_equal(dst[0], 0);
}

static void comparison_is_by_bytes_with_the_shorter_first(void **state) {
    (void) state;
    assert_true(gw_str_compare(GW_STR("a"), GW_STR("b")) < 0);
    assert_true(gw_str_compare(GW_STR("ab"), GW_STR("a")) > 0);
    assert_true(gw_str_compare(GW_STR("a"), GW_STR("ab")) < 0);
    assert_int_equal(gw_str_compare(GW_STR("ab"), GW_STR("ab")), 0);
    assert_true(gw_str_compare(GW_STR("\xff"), GW_STR("a")) > 0);
    assert_false(gw_str_eq(GW_STR("ab"), GW_STR("aB")));
    assert_false(gw_str_eq(GW_STR("ab"), GW_STR("abc")));
    assert_true(gw_str_eq(GW_STR("a\0b"), GW_STR("a\0b")));
    assert_false(gw_str_eq(GW_STR("a\0b"), GW_STR("a\0c")));
}

static void prefixes_and_suffixes(void **state) {
    (void) state;
    assert_true(gw_str_starts_with(GW_STR("urn:x"), GW_STR("urn:")));
    assert_false(gw_str_starts_with(GW_STR("ur"), GW_STR("urn:")));
    assert_true(gw_str_ends_with(GW_STR("a.json"), GW_STR(".json")));
    assert_false(gw_str_ends_with(GW_STR("json"), GW_STR(".json")));
    assert_false(gw_str_ends_with(GW_STR("a.jsom"), GW_STR(".json")));
}

static void sub_is_clamped_to_the_view(void **state) {
    (void) state;
    struct gw_str s = GW_STR("abcdef");
    assert_str(gw_str_sub(s, 1, 2), "bc");
    assert_str(gw_str_sub(s, 4, 100), "ef");
    assert_str(gw_str_sub(s, 4, SIZE_MAX), "ef");
    assert_str(gw_str_sub(s, 6, 1), "");
    assert_str(gw_str_sub(s, SIZE_MAX, SIZE_MAX), "");
    assert_str(gw_str_sub(s, 0, 0), "");
}

static void trim_takes_white_space_from_both_ends_only(void **state) {
    (void) state;
    assert_str(gw_str_trim(GW_STR(" \t\r\n a b \r\n")), "a b");
    assert_str(gw_str_trim(GW_STR("  ")), "");
    assert_str(gw_str_trim(GW_STR("\v a")), "\v a");
}

static void find_starts_where_it_is_told(void **state) {
    (void) state;
    struct gw_str s = GW_STR("a/b/c");
    assert_int_equal(gw_str_find(s, '/', 0), 1);
    assert_int_equal(gw_str_find(s, '/', 1), 1);
    assert_int_equal(gw_str_find(s, '/', 2), 3);
    assert_int_equal(gw_str_find(s, '/', 4), 5);
    assert_int_equal(gw_str_find(s, '/', 99), 5);
    assert_int_equal(gw_str_find(GW_STR("a\0/"), '/', 0), 2);
}

static void split_hands_out_empty_parts_and_the_last_one(void **state) {
    (void) state;
    struct gw_str rest = GW_STR("a,,b,");
    struct gw_str part = null_view;
    assert_true(gw_str_split(&rest, ',', &part));
    assert_str(part, "a");
    assert_true(gw_str_split(&rest, ',', &part));
    assert_str(part, "");
    assert_true(gw_str_split(&rest, ',', &part));
    assert_str(part, "b");
    assert_true(gw_str_split(&rest, ',', &part));
    assert_str(part, "");
    part = GW_STR("untouched");
    assert_false(gw_str_split(&rest, ',', &part));
    assert_str(part, "untouched");
    assert_false(gw_str_split(&rest, ',', &part));
}

static void split_of_the_empty_text_gives_one_empty_part(void **state) {
    (void) state;
    struct gw_str rest = GW_STR("");
    struct gw_str part = GW_STR("x");
    assert_true(gw_str_split(&rest, ',', &part));
    assert_str(part, "");
    assert_false(gw_str_split(&rest, ',', &part));
}

static void copy_refuses_what_does_not_fit_and_leaves_the_target(void **state) {
    (void) state;
    char dst[4] = "xyz";
    assert_int_equal(gw_str_copy(GW_STR("abcd"), dst, sizeof(dst)), GW_ERR_FULL);
    assert_string_equal(dst, "xyz");
    assert_int_equal(gw_str_copy(GW_STR("a\0b"), dst, sizeof(dst)), GW_ERR_INVALID);
    assert_string_equal(dst, "xyz");
    assert_int_equal(gw_str_copy(GW_STR("abc"), dst, sizeof(dst)), GW_OK);
    assert_string_equal(dst, "abc");
    assert_int_equal(gw_str_copy(GW_STR(""), dst, 0), GW_ERR_FULL);
}

static void signed_numbers_keep_their_limits(void **state) {
    (void) state;
    static const struct {
        const char *text;
        int64_t min, max;
        enum gw_err err;
        int64_t value;
    } cases[] = {
        {"0", INT64_MIN, INT64_MAX, GW_OK, 0},
        {"-0", INT64_MIN, INT64_MAX, GW_OK, 0},
        {"00042", INT64_MIN, INT64_MAX, GW_OK, 42},
        {"9223372036854775807", INT64_MIN, INT64_MAX, GW_OK, INT64_MAX},
        {"9223372036854775808", INT64_MIN, INT64_MAX, GW_ERR_RANGE, 0},
        {"-9223372036854775808", INT64_MIN, INT64_MAX, GW_OK, INT64_MIN},
        {"-9223372036854775809", INT64_MIN, INT64_MAX, GW_ERR_RANGE, 0},
        {"18446744073709551616", INT64_MIN, INT64_MAX, GW_ERR_RANGE, 0},
        {"99999999999999999999999999", INT64_MIN, INT64_MAX, GW_ERR_RANGE, 0},
        {"99999999999999999999999x", INT64_MIN, INT64_MAX, GW_ERR_PARSE, 0},
        {"5", 1, 4, GW_ERR_RANGE, 0},
        {"0", 1, 4, GW_ERR_RANGE, 0},
        {"4", 1, 4, GW_OK, 4},
        {"1", 1, 4, GW_OK, 1},
        {"", INT64_MIN, INT64_MAX, GW_ERR_PARSE, 0},
        {"-", INT64_MIN, INT64_MAX, GW_ERR_PARSE, 0},
        {"+1", INT64_MIN, INT64_MAX, GW_ERR_PARSE, 0},
        {" 1", INT64_MIN, INT64_MAX, GW_ERR_PARSE, 0},
        {"1 ", INT64_MIN, INT64_MAX, GW_ERR_PARSE, 0},
        {"--1", INT64_MIN, INT64_MAX, GW_ERR_PARSE, 0},
        {"1.0", INT64_MIN, INT64_MAX, GW_ERR_PARSE, 0},
        {"0x10", INT64_MIN, INT64_MAX, GW_ERR_PARSE, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t value = 777;
        enum gw_err err =
            gw_str_to_i64(gw_str_from_cstr(cases[i].text), cases[i].min, cases[i].max, &value);
        if (err != cases[i].err || value != (err ? 777 : cases[i].value)) {
            fail_msg("case %zu '%s': %s %lld", i, cases[i].text, gw_err_name(err),
                     (long long) value);
        }
    }
}

static void unsigned_numbers_keep_their_limits(void **state) {
    (void) state;
    uint64_t value = 777;
    assert_int_equal(gw_str_to_u64(GW_STR("18446744073709551615"), UINT64_MAX, &value), GW_OK);
    assert_true(value == UINT64_MAX);
    value = 777;
    assert_int_equal(gw_str_to_u64(GW_STR("18446744073709551616"), UINT64_MAX, &value),
                     GW_ERR_RANGE);
    assert_int_equal(gw_str_to_u64(GW_STR("184467440737095516150"), UINT64_MAX, &value),
                     GW_ERR_RANGE);
    assert_int_equal(gw_str_to_u64(GW_STR("11"), 10, &value), GW_ERR_RANGE);
    assert_int_equal(gw_str_to_u64(GW_STR("-1"), UINT64_MAX, &value), GW_ERR_PARSE);
    assert_int_equal(gw_str_to_u64(GW_STR(""), UINT64_MAX, &value), GW_ERR_PARSE);
    assert_true(value == 777);
    assert_int_equal(gw_str_to_u64(GW_STR("00000000000000000042"), UINT64_MAX, &value), GW_OK);
    assert_true(value == 42);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_view_may_be_null_everywhere),
        cmocka_unit_test(comparison_is_by_bytes_with_the_shorter_first),
        cmocka_unit_test(prefixes_and_suffixes),
        cmocka_unit_test(sub_is_clamped_to_the_view),
        cmocka_unit_test(trim_takes_white_space_from_both_ends_only),
        cmocka_unit_test(find_starts_where_it_is_told),
        cmocka_unit_test(split_hands_out_empty_parts_and_the_last_one),
        cmocka_unit_test(split_of_the_empty_text_gives_one_empty_part),
        cmocka_unit_test(copy_refuses_what_does_not_fit_and_leaves_the_target),
        cmocka_unit_test(signed_numbers_keep_their_limits),
        cmocka_unit_test(unsigned_numbers_keep_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
