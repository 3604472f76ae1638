/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/json/json.h"

static struct gw_json_error error;

static enum gw_err check(struct gw_str text, size_t max_bytes, unsigned max_depth,
                         unsigned flags) {
    struct gw_json_limits limits = {max_bytes, max_depth, flags};
    error = (struct gw_json_error){0};
    return gw_json_check(text, &limits, &error);
}

static enum gw_err check_flags(const char *text, unsigned flags) {
    return check(gw_str_from_cstr(text), 1 << 20, 64, flags);
}

static void size_is_limited_to_the_byte(void **state) {
    (void) state;
    assert_int_equal(check(GW_STR("[1,2]"), 5, 64, 0), GW_OK);
    assert_int_equal(check(GW_STR("[1,2]"), 4, 64, 0), GW_ERR_RANGE);
    assert_int_equal(error.offset, 4);
    assert_string_equal(error.reason, "too long");
    assert_int_equal(check((struct gw_str){NULL, 0}, 10, 64, 0), GW_ERR_PARSE);
    assert_int_equal(check(GW_STR("[1,2]"), SIZE_MAX, 64, 0), GW_OK);
}

static void depth_is_limited_to_the_level(void **state) {
    (void) state;
    assert_int_equal(check(GW_STR("1"), 100, 0, 0), GW_OK);
    assert_int_equal(check(GW_STR("[]"), 100, 0, 0), GW_ERR_RANGE);
    assert_int_equal(check(GW_STR("[]"), 100, 1, 0), GW_OK);
    assert_int_equal(check(GW_STR("{\"a\":[]}"), 100, 1, 0), GW_ERR_RANGE);
    assert_int_equal(error.offset, 5);
    assert_int_equal(check(GW_STR("{\"a\":[]}"), 100, 2, 0), GW_OK);
    assert_int_equal(check(GW_STR("[[],[],{}]"), 100, 2, 0), GW_OK);
}

static void depth_never_exceeds_the_houses_limit(void **state) {
    (void) state;
    static char text[200000];
    memset(text, '[', 100000);
    memset(text + 100000, ']', 100000);
    struct gw_str deep = {text + 100000 - 64, 128};
    assert_int_equal(check(deep, SIZE_MAX, UINT32_MAX, 0), GW_OK);
    struct gw_str deeper = {text + 100000 - 65, 130};
    assert_int_equal(check(deeper, SIZE_MAX, UINT32_MAX, 0), GW_ERR_RANGE);
    assert_int_equal(error.offset, 64);
    assert_int_equal(check((struct gw_str){text, 200000}, SIZE_MAX, UINT32_MAX, 0),
                     GW_ERR_RANGE);
    assert_int_equal(check((struct gw_str){text, 100000}, SIZE_MAX, 64, 0), GW_ERR_RANGE);
}

static void an_error_tells_offset_and_line(void **state) {
    (void) state;
    assert_int_equal(check_flags("{\n  \"a\": 1,\n  \"a\": 2\n}", 0), GW_ERR_PARSE);
    assert_int_equal(error.offset, 14);
    assert_int_equal(error.line, 3);
    assert_string_equal(error.reason, "duplicate member");
    assert_int_equal(check_flags("[1,x]", 0), GW_ERR_PARSE);
    assert_int_equal(error.offset, 3);
    assert_int_equal(error.line, 1);
    struct gw_json_limits limits = {100, 8, 0};
    assert_int_equal(gw_json_check(GW_STR("["), &limits, NULL), GW_ERR_PARSE);
}

/* {"<name>":0,...} with `count` members, each name made by `name_of`. */
static struct gw_str make_object(char *text, size_t size, int count,
                                 int (*number_of)(int, int)) {
    size_t len = 0;
    for (int i = 0; i < count; i++) {
        int n = snprintf(text + len, size - len, "%c\"member_%06d\":0", i == 0 ? '{' : ',',
                         number_of(i, count));
        assert_true(n > 0);
        len += (size_t) n;
    }
    assert_true(len + 2 < size);
    text[len++] = '}';
    return (struct gw_str){text, len};
}

static int rising(int i, int count) {
    (void) count;
    return i;
}

static int falling(int i, int count) {
    return count - i;
}

static int shuffled(int i, int count) {
    return i * 7919 % count;
}

/* The last member repeats the one in the middle. */
static int last_repeats(int i, int count) {
    return i == count - 1 ? shuffled((count - 1) / 2, count) : shuffled(i, count);
}

static void members_are_limited_and_repetition_is_found_in_any_order(void **state) {
    (void) state;
    static char text[100000];
    for (int count = 1; count <= 1024; count += count < 70 ? 1 : 53) {
        assert_int_equal(check(make_object(text, sizeof(text), count, rising), SIZE_MAX, 8, 0),
                         GW_OK);
        assert_int_equal(check(make_object(text, sizeof(text), count, falling), SIZE_MAX, 8, 0),
                         GW_OK);
        assert_int_equal(
            check(make_object(text, sizeof(text), count, shuffled), SIZE_MAX, 8, 0), GW_OK);
        enum gw_err err =
            check(make_object(text, sizeof(text), count, last_repeats), SIZE_MAX, 8, 0);
        assert_int_equal(err, count < 2 ? GW_OK : GW_ERR_PARSE);
    }
    assert_int_equal(check(make_object(text, sizeof(text), 1024, rising), SIZE_MAX, 8, 0),
                     GW_OK);
    assert_int_equal(check(make_object(text, sizeof(text), 1025, rising), SIZE_MAX, 8, 0),
                     GW_ERR_RANGE);
    assert_string_equal(error.reason, "too many members");
    assert_int_equal(
        check(make_object(text, sizeof(text), 1025, rising), SIZE_MAX, 8, GW_JSON_CANONICAL),
        GW_ERR_RANGE);
    assert_int_equal(
        check(make_object(text, sizeof(text), 1024, rising), SIZE_MAX, 8, GW_JSON_CANONICAL),
        GW_OK);
}

static void members_of_all_open_objects_are_limited_together(void **state) {
    (void) state;
    static char text[200000];
    char *p = text;
    for (int level = 0; level < 3; level++) {
        struct gw_str object = make_object(p, 60000, 1000, rising);
        /* Open again behind the last member's value. */
        p += object.len - 2;
    }
    memcpy(p, "0}}}", 4);
    struct gw_str nested = {text, (size_t) (p - text) + 4};
    assert_int_equal(check(nested, SIZE_MAX, 8, 0), GW_ERR_RANGE);
    assert_string_equal(error.reason, "too many members");
    /* The same number side by side is fine: closed objects do not count. */
    char *q = text;
    for (int i = 0; i < 3; i++) {
        *q++ = i == 0 ? '[' : ',';
        q += make_object(q, 60000, 1000, rising).len;
    }
    *q++ = ']';
    assert_int_equal(check((struct gw_str){text, (size_t) (q - text)}, SIZE_MAX, 8, 0), GW_OK);
}

static void comments_are_allowed_only_where_asked_for(void **state) {
    (void) state;
    static const char *const good[] = {
        "// c\n{}",
        "{} // c",
        "{}//",
        "/* c */ { /**/ \"a\" /*x*/ : /* \" */ 1 /***/ , // \"b\n \"c\": [ /*/*/ 1 ] }",
        "[\"// not one\", /* \xc3\xa4 */ \"/* nor this */\"]",
        "/*\n*/[]/**/",
    };
    static const char *const bad[] = {
        "/",
        "{} /",
        "/* {}",
        "/*/ {}",
        "[] /* open *",
        "{\"a\" / : 1}",
        "[1 # 2\n]",
        "// only a comment",
        "[] /* \xff */",
        "[/**/",
        "[1/**/2]",
        "tr/**/ue",
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(good); i++) {
        assert_int_equal(check_flags(good[i], GW_JSON_COMMENTS), GW_OK);
        assert_int_equal(check_flags(good[i], 0), GW_ERR_PARSE);
    }
    for (size_t i = 0; i < GW_ARRAY_LEN(bad); i++) {
        assert_int_equal(check_flags(bad[i], GW_JSON_COMMENTS), GW_ERR_PARSE);
    }
    assert_int_equal(check(GW_STR("[]// \0"), 100, 8, GW_JSON_COMMENTS), GW_ERR_PARSE);
    assert_int_equal(check_flags("{} // c", GW_JSON_COMMENTS | GW_JSON_OBJECT), GW_OK);
    assert_int_equal(check_flags("/* c */ []", GW_JSON_COMMENTS | GW_JSON_OBJECT),
                     GW_ERR_PARSE);
}

static void canonical_text_has_one_spelling(void **state) {
    (void) state;
    static const char *const good[] = {
        "{}",
        "[]",
        "null",
        "0",
        "-1",
        "9007199254740991",
        "-9007199254740991",
        "{\"a\":1,\"b\":{\"a\":[1,\"x\",true]},\"c\":null}",
        "{\"\":0,\"A\":1,\"a\":2,\"aa\":3,\"b\":4}",
        "[\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\x7f\xc3\xa4\"]",
        /* by UTF-16 code units U+1F600 (D83D) comes before U+FB33 */
        "{\"\xf0\x9f\x98\x80\":0,\"\xef\xac\xb3\":0}",
        ("{\"\\r\":0,\"1\":0,\"\xc2\x80\":0,\"\xc3\xb6\":0,\"\xe2\x82\xac\":0,"
         "\"\xf0\x9f\x98\x80\":0,\"\xef\xac\xb3\":0}"),
        "{\"a\":{\"z\":0},\"b\":{\"a\":0},\"c\":{\"b\":{\"a\":0}}}",
        "{\"a\\n\":0,\"a \":0}",
    };
    static const struct {
        const char *text;
        const char *reason;
    } bad[] = {
        {" {}", "unexpected character"},
        {"{} ", "text behind the value"},
        {"[1, 2]", "unexpected character"},
        {"{\"a\": 1}", "unexpected character"},
        {"{\"a\" :1}", "':' expected"},
        {"[1 ]", "',' or ']' expected"},
        {"{\"b\":1,\"a\":2}", "members are not sorted"},
        {"{\"a\":1,\"a\":2}", "duplicate member"},
        {"{\"aa\":1,\"a\":2}", "members are not sorted"},
        {"{\"\xef\xac\xb3\":0,\"\xf0\x9f\x98\x80\":0}", "members are not sorted"},
        {"{\"a \":0,\"a\\n\":0}", "members are not sorted"},
        {"{\"a\":{\"b\":0,\"a\":0}}", "members are not sorted"},
        {"{\"a\":0,\"c\":{\"d\":0},\"b\":0}", "members are not sorted"},
        {"1.0", "number is not a plain integer"},
        {"1e2", "number is not a plain integer"},
        {"-0", "negative zero"},
        {"9007199254740992", "integer beyond 2^53-1"},
        {"-9007199254740992", "integer beyond 2^53-1"},
        {"99999999999999999999999", "integer beyond 2^53-1"},
        {"[\"\\/\"]", "escape is not the shortest"},
        {"[\"\\u0041\"]", "escape is not the shortest"},
        {"[\"\\u000a\"]", "escape is not the shortest"},
        {"[\"\\u001F\"]", "escape is not the shortest"},
        {"[\"\\u00e4\"]", "escape is not the shortest"},
        {"[\"\\u007f\"]", "escape is not the shortest"},
        {"[\"\\ud83d\\ude00\"]", "escape is not the shortest"},
        {"[\"\\u0022\"]", "escape is not the shortest"},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(good); i++) {
        if (check_flags(good[i], GW_JSON_CANONICAL) != GW_OK) {
            fail_msg("%s: %s", good[i], error.reason);
        }
    }
    for (size_t i = 0; i < GW_ARRAY_LEN(bad); i++) {
        enum gw_err err = check_flags(bad[i].text, GW_JSON_CANONICAL);
        if (err == GW_OK || strcmp(error.reason, bad[i].reason) != 0) {
            fail_msg("%s: %s", bad[i].text, error.reason ? error.reason : "accepted");
        }
    }
    assert_int_equal(check_flags("9007199254740992", GW_JSON_CANONICAL), GW_ERR_RANGE);
    assert_int_equal(check_flags("-0", GW_JSON_CANONICAL), GW_ERR_PARSE);
}

static void numbers_of_63_characters_pass_and_longer_ones_do_not(void **state) {
    (void) state;
    char text[128];
    memset(text, '7', sizeof(text));
    assert_int_equal(check((struct gw_str){text, 63}, 1000, 8, 0), GW_OK);
    assert_int_equal(check((struct gw_str){text, 64}, 1000, 8, 0), GW_ERR_RANGE);
    assert_string_equal(error.reason, "number too long");
}

/* Special bytes at every offset within and across the words that are read at
 * once. */
static void special_bytes_are_seen_at_every_offset(void **state) {
    (void) state;
    static const char specials[] = {'"', '\\', '\n', 0, 0x1f, (char) 0x80, (char) 0xff};
    for (size_t len = 1; len < 40; len++) {
        GW_CLEANUP(gw_freep) char *text = malloc(len + 2);
        assert_non_null(text);
        memset(text, 0x20, len + 2);
        text[0] = text[len + 1] = '"';
        assert_int_equal(check((struct gw_str){text, len + 2}, 100, 8, 0), GW_OK);
        for (size_t at = 1; at <= len; at++) {
            for (size_t s = 0; s < sizeof(specials); s++) {
                text[at] = specials[s];
                enum gw_err err = check((struct gw_str){text, len + 2}, 100, 8, 0);
                assert_int_equal(err, GW_ERR_PARSE);
                /* A quote ends the string, and what is in the way is the last
                 * one; a backslash before the last one leaves none. */
                size_t place = specials[s] == '"'                 ? len + 1
                               : specials[s] == '\\' && at == len ? 0
                                                                  : at;
                assert_int_equal(error.offset, place);
            }
            text[at] = '~';
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(size_is_limited_to_the_byte),
        cmocka_unit_test(depth_is_limited_to_the_level),
        cmocka_unit_test(depth_never_exceeds_the_houses_limit),
        cmocka_unit_test(an_error_tells_offset_and_line),
        cmocka_unit_test(members_are_limited_and_repetition_is_found_in_any_order),
        cmocka_unit_test(members_of_all_open_objects_are_limited_together),
        cmocka_unit_test(comments_are_allowed_only_where_asked_for),
        cmocka_unit_test(canonical_text_has_one_spelling),
        cmocka_unit_test(numbers_of_63_characters_pass_and_longer_ones_do_not),
        cmocka_unit_test(special_bytes_are_seen_at_every_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
