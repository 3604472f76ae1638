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

GW_DEFINE_CLEANUP(struct gw_json_doc *, gw_json_close, close_docp)

static struct gw_json_doc *parse(const char *text) {
    struct gw_json_limits limits = {1 << 20, 64, 0};
    struct gw_json_doc *doc = NULL;
    assert_int_equal(gw_json_parse(gw_str_from_cstr(text), &limits, NULL, &doc), GW_OK);
    return doc;
}

static void assert_canonical(const char *text, const char *expected) {
    GW_CLEANUP(close_docp) struct gw_json_doc *doc = parse(text);
    char storage[512];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    assert_int_equal(gw_json_put_canonical(gw_json_root(doc), &buf), GW_OK);
    if (!gw_str_eq(gw_buf_str(&buf), gw_str_from_cstr(expected))) {
        fail_msg("%s: %.*s", text, GW_STR_ARG(gw_buf_str(&buf)));
    }
    struct gw_json_limits limits = {1 << 20, 64, GW_JSON_CANONICAL};
    assert_int_equal(gw_json_check(gw_buf_str(&buf), &limits, NULL), GW_OK);
}

static void values_are_rewritten_to_their_one_spelling(void **state) {
    (void) state;
    assert_canonical(" { } ", "{}");
    assert_canonical("[ ]", "[]");
    assert_canonical("[ null , true , false , -0 , 1e2 , 42 ]", "[null,true,false,0,100,42]");
    assert_canonical("{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}");
    assert_canonical("{\"b\":{\"d\":[{\"y\":1,\"x\":2}],\"c\":0},\"\":[],\"a\":{}}",
                     "{\"\":[],\"a\":{},\"b\":{\"c\":0,\"d\":[{\"x\":2,\"y\":1}]}}");
    assert_canonical("[\"\\u0041\\/\\u000a\\u001F\\u007f\\u00e4\\ud83d\\ude00\\\"\"]",
                     "[\"A/\\n\\u001f\x7f\xc3\xa4\xf0\x9f\x98\x80\\\"\"]");
    assert_canonical("{\"aa\":1,\"a\":2,\"ab\":3,\"A\":4}",
                     "{\"A\":4,\"a\":2,\"aa\":1,\"ab\":3}");
}

/* RFC 8785, 3.2.3, the sorting example (values shortened). */
static void members_are_sorted_by_utf16_code_units(void **state) {
    (void) state;
    assert_canonical("{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,"
                     "\"\\u0080\":6,\"\\u00f6\":7}",
                     "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\xc3\xb6\":7,\"\xe2\x82\xac\":1,"
                     "\"\xf0\x9f\x98\x80\":5,\"\xef\xac\xb3\":3}");
}

static void numbers_without_a_canonical_form_are_schema_errors(void **state) {
    (void) state;
    static const char *const cases[] = {"1.5", "[1,9007199254740992]", "{\"a\":{\"b\":1e300}}"};
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        GW_CLEANUP(close_docp) struct gw_json_doc *doc = parse(cases[i]);
        char storage[64];
        struct gw_buf buf;
        gw_buf_init(&buf, storage, sizeof(storage));
        gw_buf_put_str(&buf, GW_STR("kept"));
        assert_int_equal(gw_json_put_canonical(gw_json_root(doc), &buf), GW_ERR_SCHEMA);
        assert_true(gw_str_eq(gw_buf_str(&buf), GW_STR("kept")));
    }
}

static void what_does_not_fit_leaves_the_content(void **state) {
    (void) state;
    static const char text[] = "{\"a\":[1,\"x\\ny\",true,null],\"b\":{}}";
    GW_CLEANUP(close_docp) struct gw_json_doc *doc = parse(text);
    size_t needed = sizeof(text) - 1;
    for (size_t cap = 0; cap <= needed; cap++) {
        GW_CLEANUP(gw_freep) char *storage = malloc(cap + 1);
        assert_non_null(storage);
        struct gw_buf buf;
        gw_buf_init(&buf, storage, cap);
        enum gw_err err = gw_json_put_canonical(gw_json_root(doc), &buf);
        assert_int_equal(err, cap < needed ? GW_ERR_FULL : GW_OK);
        assert_int_equal(buf.len, cap < needed ? 0 : needed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_rewritten_to_their_one_spelling),
        cmocka_unit_test(members_are_sorted_by_utf16_code_units),
        cmocka_unit_test(numbers_without_a_canonical_form_are_schema_errors),
        cmocka_unit_test(what_does_not_fit_leaves_the_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
