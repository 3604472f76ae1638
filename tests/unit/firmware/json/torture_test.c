/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * Torture: documents that must be accepted, documents that must be refused.
 * Each is checked as it stands, in an allocation of exactly its size so that
 * the sanitizer sees a read beyond it; accepted ones must then be parsed by
 * the library behind the scanner, and every truncation and every one-byte
 * change of them must at least be answered without harm.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/json/json.h"

/* Literals that may hold NUL bytes. */
#define DOC(literal)                                                                           \
    { "" literal, sizeof(literal) - 1 }

static const struct gw_json_limits limits = {.max_bytes = 1 << 20, .max_depth = 64};

static const struct gw_str accepted[] = {
    /* top values */
    DOC("{}"),
    DOC("[]"),
    DOC("null"),
    DOC("true"),
    DOC("false"),
    DOC("0"),
    DOC("-0"),
    DOC("\"\""),
    DOC("\"a\""),
    DOC(" [] "),
    DOC("\n\t\r [\n\t\r ] \n\t\r "),
    DOC("42 "),
    /* arrays */
    DOC("[1]"),
    DOC("[1,2]"),
    DOC("[ 1 , 2 ]"),
    DOC("[[]]"),
    DOC("[[],[[]],{}]"),
    DOC("[\"\"]"),
    DOC("[null,1,\"1\",{}]"),
    DOC("[1\n]"),
    DOC("[true,false,null]"),
    /* numbers */
    DOC("[0]"),
    DOC("[-1]"),
    DOC("[10]"),
    DOC("[1234567890]"),
    DOC("[0.0]"),
    DOC("[-0.0]"),
    DOC("[1.5]"),
    DOC("[0.00000001]"),
    DOC("[1e1]"),
    DOC("[1E1]"),
    DOC("[1e+1]"),
    DOC("[1e-1]"),
    DOC("[1E-01]"),
    DOC("[0e0]"),
    DOC("[0e+1]"),
    DOC("[-1.5e-3]"),
    DOC("[123e65]"),
    DOC("[1e9999]"),
    DOC("[-1e-9999]"),
    DOC("[123456789012345678901234567890]"),
    DOC("[0.1234567890123456789012345678901234567890123456789012345678901]"),
    /* objects */
    DOC("{\"a\":1}"),
    DOC("{\"a\":1,\"b\":2}"),
    DOC("{ \"a\" : 1 }"),
    DOC("{\"\":0}"),
    DOC("{\"a\":{\"a\":{\"a\":1}}}"),
    DOC("{\"a\":[{\"a\":1},{\"a\":2}]}"),
    DOC("{\"a\":1,\"A\":2}"),
    DOC("{\"b\":1,\"a\":2,\"c\":3,\"B\":4}"),
    DOC("{\"a\":{\"b\":1},\"b\":{\"a\":1}}"),
    DOC("{\"ab\":1,\"a\":2,\"abc\":3}"),
    DOC("{\"12345678\":1,\"123456789\":2,\"1234567\":3}"),
    DOC("{\"a\\u0062\":1,\"b\":2}"),
    DOC("{\"min\":-1.0e+28,\"max\":1.0e+28}"),
    DOC("{\"\\u00e4\":1,\"a\":2}"),
    /* strings */
    DOC("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
    DOC("[\"\\u0041\"]"),
    DOC("[\"\\u00Ff\"]"),
    DOC("[\"\\uD83D\\uDE00\"]"),
    DOC("[\"\\udbff\\udfff\"]"),
    DOC("[\"\\uFFFF\"]"),
    DOC("[\"\\uD7FF\\uE000\"]"),
    DOC("[\"\\\\u0000\"]"),
    DOC("[\"a\\u0001b\"]"),
    DOC("[\"\x7f\"]"),
    DOC("[\"\xc2\x80\"]"),
    DOC("[\"\xdf\xbf\"]"),
    DOC("[\"\xe0\xa0\x80\"]"),
    DOC("[\"\xe2\x82\xac\"]"),
    DOC("[\"\xed\x9f\xbf\xee\x80\x80\"]"),
    DOC("[\"\xef\xbf\xbf\"]"),
    DOC("[\"\xf0\x90\x80\x80\"]"),
    DOC("[\"\xf4\x8f\xbf\xbf\"]"),
    DOC("[\"\xe2\x80\xa8\"]"),
    DOC("[\"/* no comment */ // none\"]"),
    DOC("[\"asd \"]"),
    DOC("[\"{}[],:\"]"),
    DOC("[\"\xef\xbb\xbf\"]"),
    DOC("\"twelve bytes and more to fill a word or two\""),
};

static const struct gw_str refused[] = {
    /* nothing, or not enough */
    DOC(""),
    DOC(" "),
    DOC("\n"),
    DOC("["),
    DOC("{"),
    DOC("\""),
    DOC("[1"),
    DOC("[1,"),
    DOC("[[]"),
    DOC("{\"a\""),
    DOC("{\"a\":"),
    DOC("{\"a\":1"),
    DOC("{\"a\":1,"),
    DOC("[\"a"),
    DOC("[\"a\\"),
    DOC("[\"a\\\""),
    DOC("[\"\\u"),
    DOC("[\"\\u12"),
    DOC("[t"),
    DOC("tru"),
    DOC("nul"),
    DOC("fals"),
    DOC("-"),
    DOC("1."),
    DOC("1e"),
    DOC("1e+"),
    DOC("{\"a\":{"),
    DOC("[{"),
    DOC("[\"\xe2\x82"),
    DOC("[\"\xf0\x9f\x98"),
    /* too much */
    DOC("[] []"),
    DOC("[]]"),
    DOC("{}}"),
    DOC("1 2"),
    DOC("[1]x"),
    DOC("\"a\"\"b\""),
    DOC("nullx"),
    DOC("{} #"),
    DOC("[]\0"),
    DOC("true,"),
    DOC("[],"),
    DOC("{\"a\":1}\"b\""),
    /* commas and colons */
    DOC("[,]"),
    DOC("[,1]"),
    DOC("[1,]"),
    DOC("[1,,2]"),
    DOC("[1 2]"),
    DOC("[1;2]"),
    DOC("[1:2]"),
    DOC("[\"a\" \"b\"]"),
    DOC("{,}"),
    DOC("{\"a\":1,}"),
    DOC("{,\"a\":1}"),
    DOC("{\"a\":1,,\"b\":2}"),
    DOC("{\"a\":1 \"b\":2}"),
    DOC("{\"a\" 1}"),
    DOC("{\"a\",1}"),
    DOC("{\"a\"::1}"),
    DOC("{\"a\":}"),
    DOC("{:1}"),
    DOC("{\"a\":1:2}"),
    DOC("[1}"),
    DOC("{\"a\":1]"),
    DOC("]"),
    DOC("}"),
    DOC(","),
    DOC(":"),
    DOC("{\"a\":1;\"b\":2}"),
    DOC("{\"a\"=1}"),
    /* names */
    DOC("{a:1}"),
    DOC("{'a':1}"),
    DOC("{1:1}"),
    DOC("{null:1}"),
    DOC("{[]:1}"),
    DOC("{\"a\\x\":1}"),
    DOC("{\"a\\u0000\":1}"),
    DOC("{\"\\u0000\":1}"),
    DOC("{\"a\xff\":1}"),
    /* duplicates, plain and disguised */
    DOC("{\"a\":1,\"a\":1}"),
    DOC("{\"\":1,\"\":2}"),
    DOC("{\"b\":1,\"a\":2,\"b\":3}"),
    DOC("{\"a\":1,\"\\u0061\":2}"),
    DOC("{\"\\u0061\":1,\"a\":2}"),
    DOC("{\"a\":1,\"b\":{\"a\":1},\"a\":2}"),
    DOC("[{\"x\":[],\"x\":[]}]"),
    DOC("{\"\xc3\xa4\":1,\"\\u00e4\":2}"),
    DOC("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}"),
    DOC("{\"/\":1,\"\\/\":2}"),
    DOC("{\"\\n\":1,\"\\u000A\":2}"),
    DOC("{\"123456789\":1,\"123456780\":2,\"123456789\":3}"),
    DOC("{\"c\":1,\"b\":1,\"a\":1,\"e\":1,\"d\":1,\"b\":2}"),
    DOC("{\"a\":{\"b\":1,\"b\":2}}"),
    /* words */
    DOC("True"),
    DOC("TRUE"),
    DOC("nULL"),
    DOC("undefined"),
    DOC("NaN"),
    DOC("nan"),
    DOC("Infinity"),
    DOC("[-Infinity]"),
    DOC("[inf]"),
    DOC("[tru]"),
    DOC("[truth]"),
    DOC("[a]"),
    DOC("[truefalse]"),
    DOC("[nul]"),
    /* numbers */
    DOC("[01]"),
    DOC("[-01]"),
    DOC("[00]"),
    DOC("[-]"),
    DOC("[+1]"),
    DOC("[--1]"),
    DOC("[.5]"),
    DOC("[-.5]"),
    DOC("[1.]"),
    DOC("[1.e1]"),
    DOC("[1e]"),
    DOC("[1e+]"),
    DOC("[1e1.5]"),
    DOC("[1.2.3]"),
    DOC("[0x10]"),
    DOC("[1_000]"),
    DOC("[1,000.0,]"),
    DOC("[1a]"),
    DOC("[1-1]"),
    DOC("[- 1]"),
    DOC("[0 1]"),
    DOC("[1 .5]"),
    DOC("[0b1]"),
    DOC("[1e e]"),
    DOC("[1f]"),
    DOC("[\xef\xbc\x91]"),
    DOC("[1+2]"),
    DOC("[0e]"),
    DOC("[0.e1]"),
    DOC("[2.e3]"),
    DOC("[1234567890123456789012345678901234567890123456789012345678901234]"),
    DOC("[0.12345678901234567890123456789012345678901234567890123456789012]"),
    /* strings */
    DOC("['a']"),
    DOC("[a]"),
    DOC("[\"\n\"]"),
    DOC("[\"\t\"]"),
    DOC("[\"\0\"]"),
    DOC("[\"a\x1f\"]"),
    DOC("[\"\\a\"]"),
    DOC("[\"\\x41\"]"),
    DOC("[\"\\0\"]"),
    DOC("[\"\\'\"]"),
    DOC("[\"\\ \"]"),
    DOC("[\"\\\"]"),
    DOC("[\"\\U0041\"]"),
    DOC("[\"\\u\"]"),
    DOC("[\"\\u1\"]"),
    DOC("[\"\\u12\"]"),
    DOC("[\"\\u123\"]"),
    DOC("[\"\\u123g\"]"),
    DOC("[\"\\u 123\"]"),
    DOC("[\"\\u+123\"]"),
    DOC("[\"\\u-123\"]"),
    DOC("[\"\\uD800\"]"),
    DOC("[\"\\uDFFF\"]"),
    DOC("[\"\\uD800a\"]"),
    DOC("[\"\\uD800\\n\"]"),
    DOC("[\"\\uD800\\u0041\"]"),
    DOC("[\"\\uD800\\uD800\"]"),
    DOC("[\"\\uDC00\\uD800\"]"),
    DOC("[\"\\uD800\\u\"]"),
    DOC("[\"\\uD800\\\"]"),
    DOC("[\"\\\n\"]"),
    DOC("[\"\\\xc3\xa4\"]"),
    DOC("\"a\nb\""),
    DOC("[\"long enough to fill a word \x01\"]"),
    /* encoding */
    DOC("[\"\xff\"]"),
    DOC("[\"\x80\"]"),
    DOC("[\"\xbf\xbf\"]"),
    DOC("[\"\xc0\x80\"]"),
    DOC("[\"\xc1\xbf\"]"),
    DOC("[\"\xc3\"]"),
    DOC("[\"\xc3(\"]"),
    DOC("[\"\xe0\x80\x80\"]"),
    DOC("[\"\xe0\x9f\xbf\"]"),
    DOC("[\"\xe2\x82\"]"),
    DOC("[\"\xed\xa0\x80\"]"),
    DOC("[\"\xed\xbf\xbf\"]"),
    DOC("[\"\xf0\x80\x80\x80\"]"),
    DOC("[\"\xf0\x9f\x98\"]"),
    DOC("[\"\xf4\x90\x80\x80\"]"),
    DOC("[\"\xf5\x80\x80\x80\"]"),
    DOC("[\"\xf8\x88\x80\x80\x80\"]"),
    DOC("\xef\xbb\xbf[]"),
    DOC("\xef\xbb\xbf"),
    DOC("\xff\xfe[\0]\0"),
    DOC("\0[\0]"),
    DOC("[\xff]"),
    DOC("\xe4"),
    /* white space that is none, and comments */
    DOC("[\x0c]"),
    DOC("[\x0b]"),
    DOC("[\xc2\xa0]"),
    DOC("\xe2\x81\xa0[]"),
    DOC("[\0]"),
    DOC("[\x1a]"),
    DOC("[1]//"),
    DOC("[/**/1]"),
    DOC("/**/[]"),
    DOC("#\n[]"),
    DOC("[1/]"),
    DOC("/"),
    DOC("[] //"),
    DOC("{\"a\":/**/1}"),
    DOC("<null>"),
    DOC("[*]"),
    DOC("{\"a\":\"b\"}/**//"),
    DOC("(1)"),
};

/* The answer of the scanner, after making sure that the parser agrees: the one
 * thing it refuses beyond the scanner is a NUL inside a string value. */
static enum gw_err check_exact(struct gw_str doc, unsigned flags, struct gw_json_error *error) {
    GW_CLEANUP(gw_freep) char *copy = malloc(doc.len > 0 ? doc.len : 1);
    assert_non_null(copy);
    memcpy(copy, doc.ptr, doc.len);
    struct gw_str text = {copy, doc.len};
    struct gw_json_limits with_flags = limits;
    with_flags.flags = flags;
    enum gw_err err = gw_json_check(text, &with_flags, error);
    struct gw_json_doc *parsed = NULL;
    struct gw_json_error parse_error = {.reason = ""};
    enum gw_err parse_err = gw_json_parse(text, &with_flags, &parse_error, &parsed);
    assert_int_equal(parsed != NULL, parse_err == GW_OK);
    gw_json_close(parsed);
    if (parse_err != err) {
        assert_int_equal(err, GW_OK);
        assert_string_equal(parse_error.reason, "NUL in a string");
    }
    return err;
}

static void valid_documents_are_accepted_and_parsed(void **state) {
    (void) state;
    assert_true(GW_ARRAY_LEN(accepted) >= 60);
    for (size_t i = 0; i < GW_ARRAY_LEN(accepted); i++) {
        struct gw_json_error error = {.reason = "untouched"};
        enum gw_err err = check_exact(accepted[i], 0, &error);
        if (err != GW_OK || strcmp(error.reason, "untouched") != 0) {
            fail_msg("accepted[%zu] %.*s: %s: %s", i, GW_STR_ARG(accepted[i]), gw_err_name(err),
                     error.reason);
        }
    }
}

static void invalid_documents_are_refused_with_a_place_and_a_reason(void **state) {
    (void) state;
    assert_true(GW_ARRAY_LEN(refused) >= 120);
    for (size_t i = 0; i < GW_ARRAY_LEN(refused); i++) {
        struct gw_json_error error = {.offset = SIZE_MAX};
        enum gw_err err = check_exact(refused[i], 0, &error);
        if ((err != GW_ERR_PARSE && err != GW_ERR_RANGE) || error.offset > refused[i].len
            || error.line < 1 || !error.reason || error.reason[0] == 0) {
            fail_msg("refused[%zu] %.*s: %s", i, GW_STR_ARG(refused[i]), gw_err_name(err));
        }
    }
}

/* Whatever damage does to a document, scanner and parser agree about it. */
static void truncated_and_damaged_documents_do_no_harm(void **state) {
    (void) state;
    static const uint8_t damage[] = {0,   '"', '\\', '{', ']',  ',',
                                     'u', '0', '.',  'e', 0x80, 0xff};
    for (size_t i = 0; i < GW_ARRAY_LEN(accepted); i++) {
        char text[128];
        struct gw_str doc = {text, accepted[i].len};
        assert_true(doc.len <= sizeof(text));
        for (size_t cut = 0; cut < doc.len; cut++) {
            memcpy(text, accepted[i].ptr, doc.len);
            (void) check_exact((struct gw_str){text, cut}, 0, NULL);
            for (size_t d = 0; d < sizeof(damage); d++) {
                text[cut] = (char) damage[d];
                (void) check_exact(doc, 0, NULL);
            }
        }
    }
}

static void only_objects_are_accepted_where_objects_are_wanted(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(accepted); i++) {
        struct gw_str trimmed = gw_str_trim(accepted[i]);
        bool is_object = trimmed.ptr[0] == '{';
        assert_int_equal(check_exact(accepted[i], GW_JSON_OBJECT, NULL) == GW_OK, is_object);
    }
    assert_int_equal(check_exact((struct gw_str) DOC("  \n {}"), GW_JSON_OBJECT, NULL), GW_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_documents_are_accepted_and_parsed),
        cmocka_unit_test(invalid_documents_are_refused_with_a_place_and_a_reason),
        cmocka_unit_test(truncated_and_damaged_documents_do_no_harm),
        cmocka_unit_test(only_objects_are_accepted_where_objects_are_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
