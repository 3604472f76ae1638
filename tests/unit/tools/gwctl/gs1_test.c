/* SPDX-License-Identifier: Apache-2.0 */
/* `gwctl gs1 parse`: one object for each line, whatever the line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/gs1/carrier.h"
#include "firmware/json/json.h"
#include "tools/gwctl/gs1.h"
#include "tools/gwctl/gwctl.h"

#define SSCC "\"]C100106141411234567897\""

/* The answers to `input`, to be freed; the status beside them. */
static char *answers_to(struct gw_bytes input, int *ret_status) {
    char *text = NULL;
    size_t len = 0;
    FILE *in = tmpfile();
    struct gw_gwctl ctl = {.out = open_memstream(&text, &len), .err = stderr};
    ctl.arguments.aim = "";
    assert_non_null(in);
    assert_non_null(ctl.out);
    assert_int_equal(fwrite(input.ptr, 1, input.len, in), input.len);
    rewind(in);
    *ret_status = gw_gwctl_gs1_parse_stream(&ctl, in);
    (void) fclose(in);
    assert_int_equal(fclose(ctl.out), 0);
    assert_int_equal(strlen(text), len);
    return text;
}

static size_t count_objects(const char *text) {
    static const struct gw_json_limits limits = {
        .max_bytes = GW_GWCTL_GS1_ANSWER_BYTES, .max_depth = 3, .flags = GW_JSON_OBJECT};
    struct gw_str rest = gw_str_from_cstr(text);
    struct gw_str line;
    size_t count = 0;
    while (rest.len > 0 && gw_str_split(&rest, '\n', &line)) {
        struct gw_json_error error;
        if (gw_json_check(line, &limits, &error)) {
            fail_msg("%s in %.*s", error.reason, GW_STR_ARG(line));
        }
        count++;
    }
    return count;
}

static void expect(struct gw_str input, int status, const char *const *parts, size_t count) {
    int found = -1;
    char *text = answers_to(gw_bytes_from_str(input), &found);
    assert_int_equal(count_objects(text), count);
    const char *at = text;
    for (size_t i = 0; i < count; i++) {
        const char *end = strchr(at, '\n');
        const char *part = strstr(at, parts[i]);
        if (!part || part > end) {
            fail_msg("no %s in line %zu of %s", parts[i], i, text);
        }
        at = end + 1;
    }
    assert_int_equal(found, status);
    free(text);
}

#define EXPECT(input, status, ...)                                                             \
    do {                                                                                       \
        const char *const parts[] = {__VA_ARGS__};                                             \
        expect(GW_STR(input), status, parts, sizeof parts / sizeof parts[0]);                  \
    } while (0)
#define GOOD "\"ok\":true"
#define NO_STRING "\"why\":\"not_json\""

static void each_line_has_its_object(void **state) {
    (void) state;
    EXPECT(SSCC "\n" SSCC "\n", GW_EXIT_DONE, GOOD, GOOD);
    EXPECT(SSCC "\r\n" SSCC "\r\n", GW_EXIT_DONE, GOOD, GOOD);
    EXPECT(SSCC "\n" SSCC, GW_EXIT_DONE, GOOD, GOOD);
    EXPECT("\n" SSCC "\n \n\r\n" SSCC, GW_EXIT_FAILED, NO_STRING, GOOD, NO_STRING, NO_STRING,
           GOOD);
    EXPECT("\"]C101\xff\xfe\"\n" SSCC "\n", GW_EXIT_FAILED, NO_STRING, GOOD);
}

static void a_nul_ends_no_line_and_hides_nothing(void **state) {
    (void) state;
    EXPECT("\0" SSCC "\n" SSCC "\n", GW_EXIT_FAILED, NO_STRING, GOOD);
    EXPECT(SSCC "\0rest\n" SSCC "\n", GW_EXIT_FAILED, NO_STRING, GOOD);
    EXPECT("\0\n\0", GW_EXIT_FAILED, NO_STRING, NO_STRING);
    EXPECT("\"]C100\\u000006141411234567897\"\n", GW_EXIT_DONE, "\"ok\":false,\"why\":\"bad");
}

static void no_input_has_no_answer(void **state) {
    (void) state;
    expect(GW_STR(""), GW_EXIT_DONE, NULL, 0);
}

/* A string of nines of that many bytes, quotes included, then a scan that is good. */
static void expect_long(size_t len, int status, const char *why) {
    char *bytes = malloc(len + sizeof SSCC);
    assert_non_null(bytes);
    memset(bytes, '9', len);
    bytes[0] = bytes[len - 1] = '"';
    memcpy(bytes + len, "\n" SSCC, sizeof SSCC);
    const char *const parts[] = {why, GOOD};
    expect((struct gw_str){bytes, len + sizeof SSCC}, status, parts, 2);
    free(bytes);
}

static void a_line_beyond_the_limit_is_one_object_that_says_so(void **state) {
    (void) state;
    expect_long(GW_GWCTL_GS1_LINE_BYTES, GW_EXIT_DONE, "more than any symbol can");
    expect_long(GW_GWCTL_GS1_LINE_BYTES + 1, GW_EXIT_FAILED,
                "a line of 65537 bytes, allowed: at most 65536");
    expect_long(200000, GW_EXIT_FAILED, "\"why\":\"too_long\"");
}

/* Deterministic, so that a failure comes back. */
static void any_bytes_have_as_many_objects_as_lines(void **state) {
    (void) state;
    static const char alphabet[] = "\"\"]C10\\u\n\r \t\0\x1d\xff{}";
    uint32_t seed = 5;
    for (unsigned round = 0; round < 2000; round++) {
        uint8_t bytes[64];
        size_t lines = 0;
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = (uint8_t) alphabet[(seed >> 8) % (sizeof alphabet - 1)];
            lines += bytes[i] == '\n';
        }
        lines += bytes[sizeof bytes - 1] != '\n';
        int status;
        char *text = answers_to((struct gw_bytes){bytes, sizeof bytes}, &status);
        assert_int_equal(count_objects(text), lines);
        free(text);
    }
}

/* Whether --aim takes it; the sentence if not, to be freed. */
static char *refusal_of(const char *aim) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = fopen("/dev/null", "w");
    FILE *err = open_memstream(&text, &len);
    char program[] = "gwctl", noun[] = "gs1", verb[] = "parse", option[] = "--aim";
    char help[] = "--help", value[8];
    (void) snprintf(value, sizeof value, "%s", aim);
    char *arguments[] = {program, noun, verb, option, value, help, NULL};
    int status = gw_gwctl_run(6, arguments, out, err);
    (void) fclose(out);
    assert_int_equal(fclose(err), 0);
    if (status == GW_EXIT_DONE) {
        free(text);
        return NULL;
    }
    assert_int_equal(status, GW_EXIT_USAGE);
    return text;
}

static void only_known_identifiers_are_assumed_and_the_others_hear_which(void **state) {
    (void) state;
    static const char *const unknown[] = {"]q9", "]N0", "]g1", "C1", "]C", "]C1x", "]C-", "]"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        char *text = refusal_of(unknown[i]);
        assert_non_null(text);
        const struct gw_gs1_carrier *carrier;
        const char *letters = strstr(text, "one of ");
        assert_non_null(letters);
        for (size_t row = 0; (carrier = gw_gs1_carrier_at(row)) && carrier->letter; row++) {
            assert_non_null(strchr(letters + strlen("one of "), carrier->letter));
        }
        free(text);
    }
    const struct gw_gs1_carrier *carrier;
    for (size_t row = 0; (carrier = gw_gs1_carrier_at(row)) && carrier->letter; row++) {
        const char aim[] = {']', carrier->letter, carrier->modifier ? carrier->modifier : '0',
                            0};
        assert_null(refusal_of(aim));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_has_its_object),
        cmocka_unit_test(a_nul_ends_no_line_and_hides_nothing),
        cmocka_unit_test(no_input_has_no_answer),
        cmocka_unit_test(a_line_beyond_the_limit_is_one_object_that_says_so),
        cmocka_unit_test(any_bytes_have_as_many_objects_as_lines),
        cmocka_unit_test(only_known_identifiers_are_assumed_and_the_others_hear_which),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
