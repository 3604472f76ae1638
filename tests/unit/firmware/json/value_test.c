/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/json/json.h"

GW_DEFINE_CLEANUP(struct gw_json_doc *, gw_json_close, close_docp)

static struct gw_json_doc *parse_flags(const char *text, unsigned flags) {
    struct gw_json_limits limits = {100000, 64, flags};
    struct gw_json_error error = {.reason = "none"};
    struct gw_json_doc *doc = NULL;
    enum gw_err err = gw_json_parse(gw_str_from_cstr(text), &limits, &error, &doc);
    if (err) {
        fail_msg("%s: %s", text, error.reason);
    }
    return doc;
}

static struct gw_json_doc *parse(const char *text) {
    return parse_flags(text, 0);
}

static void kinds_and_values_come_out_as_written(void **state) {
    (void) state;
    GW_CLEANUP(close_docp)
    struct gw_json_doc *doc = parse("{\"s\":\"a\\u00e4\",\"n\":-42,\"t\":true,\"f\":false,"
                                    "\"z\":null,\"a\":[1,2,3],\"o\":{}}");
    const struct gw_json *root = gw_json_root(doc);
    assert_int_equal(gw_json_kind(root), GW_JSON_OBJECT_KIND);
    assert_int_equal(gw_json_count(root), 7);
    struct gw_str text;
    assert_int_equal(gw_json_get_str(gw_json_member(root, "s"), &text), GW_OK);
    assert_true(gw_str_eq(text, GW_STR("a\xc3\xa4")));
    int64_t number = 0;
    assert_int_equal(gw_json_get_i64(gw_json_member(root, "n"), &number), GW_OK);
    assert_true(number == -42);
    bool flag = false;
    assert_int_equal(gw_json_get_bool(gw_json_member(root, "t"), &flag), GW_OK);
    assert_true(flag);
    assert_int_equal(gw_json_get_bool(gw_json_member(root, "f"), &flag), GW_OK);
    assert_false(flag);
    assert_int_equal(gw_json_kind(gw_json_member(root, "z")), GW_JSON_NULL);
    assert_int_equal(gw_json_kind(gw_json_member(root, "a")), GW_JSON_ARRAY);
    assert_int_equal(gw_json_count(gw_json_member(root, "a")), 3);
    assert_int_equal(gw_json_count(gw_json_member(root, "o")), 0);
    assert_null(gw_json_member(root, "S"));
    assert_null(gw_json_member(gw_json_member(root, "a"), "x"));
    assert_null(gw_json_member(NULL, "x"));
}

static void a_value_of_another_kind_is_schema(void **state) {
    (void) state;
    GW_CLEANUP(close_docp) struct gw_json_doc *doc = parse("[\"1\",1,true]");
    const struct gw_json *string = gw_json_first(gw_json_root(doc));
    const struct gw_json *number = gw_json_next(string);
    const struct gw_json *boolean = gw_json_next(number);
    assert_null(gw_json_next(boolean));
    struct gw_str text = GW_STR("untouched");
    int64_t value = 777;
    bool flag = true;
    assert_int_equal(gw_json_get_i64(string, &value), GW_ERR_SCHEMA);
    assert_int_equal(gw_json_get_i64(boolean, &value), GW_ERR_SCHEMA);
    assert_int_equal(gw_json_get_i64(NULL, &value), GW_ERR_SCHEMA);
    assert_int_equal(gw_json_get_str(number, &text), GW_ERR_SCHEMA);
    assert_int_equal(gw_json_get_str(NULL, &text), GW_ERR_SCHEMA);
    assert_int_equal(gw_json_get_bool(number, &flag), GW_ERR_SCHEMA);
    assert_int_equal(gw_json_get_bool(NULL, &flag), GW_ERR_SCHEMA);
    assert_true(value == 777 && flag && gw_str_eq(text, GW_STR("untouched")));
}

static void only_integers_that_a_double_holds_exactly_are_given_out(void **state) {
    (void) state;
    static const struct {
        const char *text;
        enum gw_err err;
        int64_t value;
    } cases[] = {
        {"0", GW_OK, 0},
        {"-0", GW_OK, 0},
        {"1e2", GW_OK, 100},
        {"150e-1", GW_OK, 15},
        {"9007199254740991", GW_OK, 9007199254740991},
        {"-9007199254740991", GW_OK, -9007199254740991},
        {"9007199254740992", GW_ERR_RANGE, 0},
        {"9007199254740993", GW_ERR_RANGE, 0},
        {"-9007199254740992", GW_ERR_RANGE, 0},
        {"9223372036854775808", GW_ERR_RANGE, 0},
        {"1e400", GW_ERR_RANGE, 0},
        {"-1e400", GW_ERR_RANGE, 0},
        {"1.5", GW_ERR_RANGE, 0},
        {"-0.1", GW_ERR_RANGE, 0},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        GW_CLEANUP(close_docp) struct gw_json_doc *doc = parse(cases[i].text);
        int64_t value = 0;
        enum gw_err err = gw_json_get_i64(gw_json_root(doc), &value);
        if (err != cases[i].err || value != cases[i].value) {
            fail_msg("%s: %s %lld", cases[i].text, gw_err_name(err), (long long) value);
        }
    }
}

static void pointers_walk_the_tree(void **state) {
    (void) state;
    GW_CLEANUP(close_docp)
    struct gw_json_doc *doc = parse("{\"a\":{\"b\":[10,{\"c/d\":1,\"e~f\":2,\"\":3}]}}");
    const struct gw_json *root = gw_json_root(doc);
    static const struct {
        const char *pointer;
        int64_t value;
    } found[] = {{"/a/b/0", 10}, {"/a/b/1/c~1d", 1}, {"/a/b/1/e~0f", 2}, {"/a/b/1/", 3}};
    for (size_t i = 0; i < GW_ARRAY_LEN(found); i++) {
        int64_t value = 0;
        assert_int_equal(
            gw_json_get_i64(gw_json_pointer(root, gw_str_from_cstr(found[i].pointer)), &value),
            GW_OK);
        assert_true(value == found[i].value);
    }
    assert_ptr_equal(gw_json_pointer(root, GW_STR("")), root);
    static const char *const absent[] = {"/x", "/a/b/2", "/a/b/01",    "/a/b/x",     "/a/b/0/y",
                                         "a",  "/a/",    "/a/b/1/e~f", "/a/b/1/e~0", "/a/b/-"};
    for (size_t i = 0; i < GW_ARRAY_LEN(absent); i++) {
        assert_null(gw_json_pointer(root, gw_str_from_cstr(absent[i])));
    }
    assert_null(gw_json_pointer(NULL, GW_STR("/a")));
}

static void children_are_walked_in_their_order_with_names(void **state) {
    (void) state;
    GW_CLEANUP(close_docp) struct gw_json_doc *doc = parse("{\"z\":1,\"a\":2,\"m\":[5]}");
    char names[8] = "";
    size_t count = 0;
    for (const struct gw_json *c = gw_json_first(gw_json_root(doc)); c; c = gw_json_next(c)) {
        names[count++] = gw_json_name(c).ptr[0];
    }
    assert_string_equal(names, "zam");
    const struct gw_json *element = gw_json_first(gw_json_member(gw_json_root(doc), "m"));
    assert_int_equal(gw_json_name(element).len, 0);
    assert_int_equal(gw_json_name(NULL).len, 0);
    assert_null(gw_json_first(element));
    assert_null(gw_json_first(NULL));
    assert_int_equal(gw_json_count(NULL), 0);
}

static void comments_do_not_reach_the_parser_nor_touch_strings(void **state) {
    (void) state;
    GW_CLEANUP(close_docp)
    struct gw_json_doc *doc =
        parse_flags("// head\n{ /* one */ \"a//b\" : \"/* kept */ \\\" // \","
                    "\n\"c\":/**/1/*/ 2 /*/ } // tail",
                    GW_JSON_COMMENTS);
    struct gw_str text;
    assert_int_equal(gw_json_get_str(gw_json_member(gw_json_root(doc), "a//b"), &text), GW_OK);
    assert_true(gw_str_eq(text, GW_STR("/* kept */ \" // ")));
    int64_t value = 0;
    assert_int_equal(gw_json_get_i64(gw_json_member(gw_json_root(doc), "c"), &value), GW_OK);
    assert_true(value == 1);
}

static void the_document_outlives_its_text(void **state) {
    (void) state;
    char text[] = "{\"a\":\"value\"}";
    GW_CLEANUP(close_docp) struct gw_json_doc *doc = parse(text);
    memset(text, 'x', sizeof(text) - 1);
    struct gw_str value;
    assert_int_equal(gw_json_get_str(gw_json_member(gw_json_root(doc), "a"), &value), GW_OK);
    assert_true(gw_str_eq(value, GW_STR("value")));
}

/* cJSON's strings end at the first NUL: half a value would look like a whole. */
static void a_nul_in_a_value_is_checked_but_not_parsed(void **state) {
    (void) state;
    struct gw_str text = GW_STR("{\"a\":\"x\\u0000y\"}");
    struct gw_json_limits limits = {1000, 8, 0};
    struct gw_json_doc *doc = NULL;
    struct gw_json_error error = {0};
    assert_int_equal(gw_json_check(text, &limits, NULL), GW_OK);
    assert_int_equal(gw_json_parse(text, &limits, &error, &doc), GW_ERR_PARSE);
    assert_string_equal(error.reason, "NUL in a string");
    assert_int_equal(error.offset, 7);
    assert_null(doc);
    /* The room's private flags are not for callers. */
    limits.flags = ~0U & ~(unsigned) (GW_JSON_CANONICAL | GW_JSON_COMMENTS);
    assert_int_equal(gw_json_check(text, &limits, NULL), GW_OK);
}

static size_t allocations_left;

static void *allocate_or_fail(size_t size) {
    if (allocations_left == 0) {
        return NULL;
    }
    allocations_left--;
    return malloc(size);
}

/* The scanner said yes, so a library that says no is short of memory. */
static void a_failing_allocation_at_any_point_is_nomem(void **state) {
    (void) state;
    struct gw_str text = GW_STR("/**/{\"a\":[1,\"x\",{\"b\":null}],\"c\":\"\\u00e4\"}");
    struct gw_json_limits limits = {1000, 8, GW_JSON_COMMENTS};
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = allocate_or_fail, .free_fn = free});
    enum gw_err err = GW_ERR_NOMEM;
    size_t granted = 0;
    for (; err == GW_ERR_NOMEM && granted < 100; granted++) {
        allocations_left = granted;
        GW_CLEANUP(close_docp) struct gw_json_doc *doc = NULL;
        err = gw_json_parse(text, &limits, NULL, &doc);
        assert_int_equal(doc != NULL, err == GW_OK);
    }
    cJSON_InitHooks(NULL);
    assert_int_equal(err, GW_OK);
    assert_true(granted > 10);
}

static void kinds_have_names(void **state) {
    (void) state;
    assert_string_equal(gw_json_kind_name(GW_JSON_BOOL), "boolean");
    assert_string_equal(gw_json_kind_name(GW_JSON_OBJECT_KIND), "object");
    assert_string_equal(gw_json_kind_name((enum gw_json_kind) 99), "unknown");
    assert_int_equal(gw_json_kind(NULL), GW_JSON_NULL);
    gw_json_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_and_values_come_out_as_written),
        cmocka_unit_test(a_value_of_another_kind_is_schema),
        cmocka_unit_test(only_integers_that_a_double_holds_exactly_are_given_out),
        cmocka_unit_test(pointers_walk_the_tree),
        cmocka_unit_test(children_are_walked_in_their_order_with_names),
        cmocka_unit_test(comments_do_not_reach_the_parser_nor_touch_strings),
        cmocka_unit_test(the_document_outlives_its_text),
        cmocka_unit_test(a_nul_in_a_value_is_checked_but_not_parsed),
        cmocka_unit_test(a_failing_allocation_at_any_point_is_nomem),
        cmocka_unit_test(kinds_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
