/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "firmware/base/buf.h"

#define assert_content(buf, literal) assert_true(gw_str_eq(gw_buf_str(buf), GW_STR(literal)))

static void pieces_are_appended_all_or_nothing(void **state) {
    (void) state;
    char storage[4];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    assert_true(gw_buf_put_str(&buf, GW_STR("ab")));
    assert_int_equal(gw_buf_space(&buf), 2);
    assert_false(gw_buf_put_str(&buf, GW_STR("cde")));
    assert_content(&buf, "ab");
}

static void after_the_first_refusal_even_a_piece_that_fits_is_refused(void **state) {
    (void) state;
    char storage[4];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    assert_false(gw_buf_put_str(&buf, GW_STR("abcde")));
    assert_true(gw_buf_failed(&buf));
    assert_false(gw_buf_put_char(&buf, 'x'));
    assert_false(gw_buf_put_u64(&buf, 1));
    assert_false(gw_buf_put_json_str(&buf, GW_STR("")));
    assert_false(gw_buf_printf(&buf, "x"));
    assert_content(&buf, "");
    gw_buf_clear(&buf);
    assert_false(gw_buf_failed(&buf));
    assert_true(gw_buf_put_str(&buf, GW_STR("abcd")));
    assert_content(&buf, "abcd");
}

static void rewind_drops_what_came_later_and_never_grows(void **state) {
    (void) state;
    char storage[8];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    gw_buf_put_str(&buf, GW_STR("abc"));
    size_t mark = buf.len;
    assert_false(gw_buf_put_str(&buf, GW_STR("123456789")));
    gw_buf_rewind(&buf, mark);
    assert_false(gw_buf_failed(&buf));
    gw_buf_put_str(&buf, GW_STR("de"));
    gw_buf_rewind(&buf, 4);
    assert_content(&buf, "abcd");
    gw_buf_rewind(&buf, 100);
    assert_content(&buf, "abcd");
}

static void numbers_at_their_limits(void **state) {
    (void) state;
    char storage[128];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    gw_buf_put_u64(&buf, 0);
    gw_buf_put_char(&buf, ' ');
    gw_buf_put_u64(&buf, UINT64_MAX);
    gw_buf_put_char(&buf, ' ');
    gw_buf_put_i64(&buf, INT64_MIN);
    gw_buf_put_char(&buf, ' ');
    gw_buf_put_i64(&buf, INT64_MAX);
    gw_buf_put_char(&buf, ' ');
    gw_buf_put_i64(&buf, -7);
    assert_content(&buf, "0 18446744073709551615 -9223372036854775808 9223372036854775807 -7");
}

static void json_strings_are_escaped_the_shortest_way(void **state) {
    (void) state;
    char storage[128];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    assert_true(gw_buf_put_json_str(&buf, GW_STR("a\"b\\c/\b\f\n\r\t\0\x1f\x7f\xc3\xa4")));
    assert_content(&buf, "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\xc3\xa4\"");
    gw_buf_clear(&buf);
    assert_true(gw_buf_put_json_str(&buf, (struct gw_str){NULL, 0}));
    assert_content(&buf, "\"\"");
}

static void a_json_string_that_does_not_fit_leaves_the_content(void **state) {
    (void) state;
    for (size_t cap = 0; cap < 16; cap++) {
        char storage[16];
        struct gw_buf buf;
        gw_buf_init(&buf, storage, cap);
        bool fits = gw_buf_put_json_str(&buf, GW_STR("ab\n\x01z"));
        assert_int_equal(fits, cap >= 13);
        assert_int_equal(buf.len, fits ? 13 : 0);
        assert_int_equal(gw_buf_failed(&buf), !fits);
    }
}

static void printf_may_fill_the_buffer_to_the_brim(void **state) {
    (void) state;
    char storage[6];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    assert_true(gw_buf_printf(&buf, "%s-%d", "abc", 42));
    assert_content(&buf, "abc-42");
    assert_false(gw_buf_printf(&buf, "%d", 1));
    assert_content(&buf, "abc-42");
}

static void printf_of_a_long_piece(void **state) {
    (void) state;
    char storage[1001];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, 1001);
    assert_true(gw_buf_printf(&buf, "%1000d", 7));
    assert_int_equal(buf.len, 1000);
    assert_int_equal(storage[999], '7');
    gw_buf_init(&buf, storage, 1000);
    assert_false(gw_buf_printf(&buf, "%1000d", 7));
    assert_int_equal(buf.len, 0);
    assert_true(gw_buf_failed(&buf));
}

static void an_opened_buffer_is_released_twice_without_harm(void **state) {
    (void) state;
    struct gw_buf buf = {0};
    gw_buf_close(&buf);
    assert_int_equal(gw_buf_open(&buf, 100), GW_OK);
    assert_int_equal(gw_buf_space(&buf), 100);
    gw_buf_close(&buf);
    gw_buf_close(&buf);
    assert_int_equal(gw_buf_space(&buf), 0);
    assert_false(gw_buf_put_char(&buf, 'x'));
    assert_int_equal(gw_buf_open(&buf, 0), GW_OK);
    gw_buf_close(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_appended_all_or_nothing),
        cmocka_unit_test(after_the_first_refusal_even_a_piece_that_fits_is_refused),
        cmocka_unit_test(rewind_drops_what_came_later_and_never_grows),
        cmocka_unit_test(numbers_at_their_limits),
        cmocka_unit_test(json_strings_are_escaped_the_shortest_way),
        cmocka_unit_test(a_json_string_that_does_not_fit_leaves_the_content),
        cmocka_unit_test(printf_may_fill_the_buffer_to_the_brim),
        cmocka_unit_test(printf_of_a_long_piece),
        cmocka_unit_test(an_opened_buffer_is_released_twice_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
