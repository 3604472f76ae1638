/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/json/json.h"

static const char document[] =
    "{ \"a\" : { \"b\" : [ 10 , -2.50 , \"x,]}\\\"y\" , { \"c\" : null } ] , \"e\":{} },\n"
    "  \"\" : 1, \"m/n\" : 2, \"t~\" : 3, \"\\u0061b\" : true , \"s\\\"q\" : \"\\u00e4\","
    " \"arr\":[],\"big\":123456789012345678901234567890.10 ,\"last\":\"end\" }";

static void assert_finds(const char *pointer, const char *expected) {
    struct gw_str raw = {NULL, 0};
    enum gw_err err =
        gw_json_find_raw(gw_str_from_cstr(document), gw_str_from_cstr(pointer), &raw);
    if (!expected) {
        assert_int_equal(err, GW_ERR_NOENT);
        assert_null(raw.ptr);
        return;
    }
    if (err || !gw_str_eq(raw, gw_str_from_cstr(expected))) {
        fail_msg("'%s': %s '%.*s'", pointer, gw_err_name(err), GW_STR_ARG(raw));
    }
}

static void raw_text_is_found_by_pointer(void **state) {
    (void) state;
    struct gw_json_limits limits = {10000, 8, 0};
    assert_int_equal(gw_json_check(gw_str_from_cstr(document), &limits, NULL), GW_OK);
    assert_finds("/a/b/0", "10");
    assert_finds("/a/b/1", "-2.50");
    assert_finds("/a/b/2", "\"x,]}\\\"y\"");
    assert_finds("/a/b/3", "{ \"c\" : null }");
    assert_finds("/a/b/3/c", "null");
    assert_finds("/a/e", "{}");
    assert_finds("/", "1");
    assert_finds("/m~1n", "2");
    assert_finds("/t~0", "3");
    assert_finds("/ab", "true");
    assert_finds("/s\"q", "\"\\u00e4\"");
    assert_finds("/arr", "[]");
    assert_finds("/big", "123456789012345678901234567890.10");
    assert_finds("/last", "\"end\"");
    assert_finds("", document);
}

static void what_is_not_there_is_noent(void **state) {
    (void) state;
    assert_finds("/x", NULL);
    assert_finds("/a/x", NULL);
    assert_finds("/a/b/4", NULL);
    assert_finds("/a/b/00", NULL);
    assert_finds("/a/b/-", NULL);
    assert_finds("/a/b/-1", NULL);
    assert_finds("/a/b/99999999999999999999999", NULL);
    assert_finds("/a/b/0/x", NULL);
    assert_finds("/a/e/x", NULL);
    assert_finds("/arr/0", NULL);
    assert_finds("/last/0", NULL);
    assert_finds("/a/", NULL);
    assert_finds("a", NULL);
    assert_finds("/m/n", NULL);
    assert_finds("/t~", NULL);
    assert_finds("/t~2", NULL);
    assert_finds("/b", NULL);
    assert_finds("/A", NULL);
}

static void scalars_and_the_empty_text(void **state) {
    (void) state;
    struct gw_str raw = {NULL, 0};
    assert_int_equal(gw_json_find_raw(GW_STR(" 42 "), GW_STR(""), &raw), GW_OK);
    assert_true(gw_str_eq(raw, GW_STR("42")));
    assert_int_equal(gw_json_find_raw(GW_STR("42"), GW_STR("/a"), &raw), GW_ERR_NOENT);
    assert_int_equal(gw_json_find_raw(GW_STR(""), GW_STR(""), &raw), GW_ERR_NOENT);
    assert_int_equal(gw_json_find_raw((struct gw_str){NULL, 0}, GW_STR("/a"), &raw),
                     GW_ERR_NOENT);
    assert_true(gw_str_eq(raw, GW_STR("42")));
}

/* The promise for text that was not checked: nonsense at worst. */
static void damaged_text_is_not_read_beyond_its_end(void **state) {
    (void) state;
    static const char *const pointers[] = {"/a/b/3/c", "/last", "/a/b/2", "/s\"q", ""};
    size_t len = sizeof(document) - 1;
    for (size_t cut = 0; cut < len; cut++) {
        GW_CLEANUP(gw_freep) char *text = malloc(cut + 1);
        assert_non_null(text);
        memcpy(text, document, cut);
        for (size_t i = 0; i < GW_ARRAY_LEN(pointers); i++) {
            struct gw_str raw = {NULL, 0};
            enum gw_err err = gw_json_find_raw((struct gw_str){text, cut},
                                               gw_str_from_cstr(pointers[i]), &raw);
            assert_true(err == GW_ERR_NOENT
                        || (raw.ptr >= text && raw.ptr + raw.len <= text + cut));
        }
    }
}

static enum gw_err unescape(const char *raw, size_t cap, char *dst, size_t *ret_len) {
    struct gw_buf buf;
    gw_buf_init(&buf, dst, cap);
    enum gw_err err = gw_json_unescape(gw_str_from_cstr(raw), &buf);
    *ret_len = buf.len;
    return err;
}

static void strings_are_decoded_to_utf8(void **state) {
    (void) state;
    char text[64];
    size_t len = 0;
    assert_int_equal(unescape("\"\"", sizeof(text), text, &len), GW_OK);
    assert_int_equal(len, 0);
    assert_int_equal(unescape("\"plain \xc3\xa4\"", sizeof(text), text, &len), GW_OK);
    assert_int_equal(len, 8);
    assert_memory_equal(text, "plain \xc3\xa4", 8);
    assert_int_equal(unescape("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", sizeof(text), text, &len),
                     GW_OK);
    assert_int_equal(len, 8);
    assert_memory_equal(text, "\"\\/\b\f\n\r\t", 8);
    assert_int_equal(
        unescape("\"\\u0041\\u00e4\\u20AC\\ud83d\\ude00\\u0000!\"", sizeof(text), text, &len),
        GW_OK);
    assert_int_equal(len, 12);
    assert_memory_equal(text, "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\0!", 12);
    assert_int_equal(
        unescape("\"\\u001d\\u07ff\\u0800\\uffff\\udbff\\udfff\"", sizeof(text), text, &len),
        GW_OK);
    assert_int_equal(len, 13);
    assert_memory_equal(text, "\x1d\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf", 13);
}

static void what_is_no_string_is_not_decoded(void **state) {
    (void) state;
    static const char *const cases[] = {
        "",          "\"",       "a",        "42",      "null",    "\"a",
        "a\"",       "\"a\"b\"", "\"a\" ",   " \"a\"",  "\"\\x\"", "\"\\ud800\"",
        "\"\\u12\"", "\"a\nb\"", "\"\xff\"", "\"a\\\"", "\"\\\"",
    };
    char text[64];
    size_t len = 0;
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        if (unescape(cases[i], sizeof(text), text, &len) != GW_ERR_PARSE || len != 0) {
            fail_msg("%s", cases[i]);
        }
    }
}

static void a_string_that_does_not_fit_leaves_the_buffer(void **state) {
    (void) state;
    static const char *const cases[] = {"\"abcdef\"", "\"ab\\u0063def\"",
                                        "\"\\u00e4\\u00e4\\u00e4\""};
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        for (size_t cap = 0; cap < 8; cap++) {
            char text[8];
            size_t len = 0;
            enum gw_err err = unescape(cases[i], cap, text, &len);
            assert_int_equal(err, cap < 6 ? GW_ERR_FULL : GW_OK);
            assert_int_equal(len, cap < 6 ? 0 : 6);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_text_is_found_by_pointer),
        cmocka_unit_test(what_is_not_there_is_noent),
        cmocka_unit_test(scalars_and_the_empty_text),
        cmocka_unit_test(damaged_text_is_not_read_beyond_its_end),
        cmocka_unit_test(strings_are_decoded_to_utf8),
        cmocka_unit_test(what_is_no_string_is_not_decoded),
        cmocka_unit_test(a_string_that_does_not_fit_leaves_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
