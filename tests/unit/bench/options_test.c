/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/options.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"

struct options {
    const char *name;
    uint64_t port;
    bool again;
};

static const struct gw_option_row rows[] = {
    {"name", GW_OPTION_TEXT, offsetof(struct options, name), 0, ""},
    {"port", GW_OPTION_NUMBER, offsetof(struct options, port), 65535, ""},
    {"again", GW_OPTION_FLAG, offsetof(struct options, again), 0, ""},
};

/* The words behind the name of the program. */
static bool parse(struct options *options, const char *first, const char *second) {
    char *argv[] = {"program", (char *) first, (char *) second, NULL};
    optind = 0; /* glibc: a new list of words */
    opterr = 0;
    return gw_options_parse(rows, GW_ARRAY_LEN(rows), second ? 3 : 2, argv, options);
}

static void each_option_fills_its_own_field(void **state) {
    (void) state;
    struct options options = {.name = "before", .port = 7};
    assert_true(parse(&options, "--port", "65535"));
    assert_int_equal(options.port, 65535);
    assert_string_equal(options.name, "before");
    assert_false(options.again);
    assert_true(parse(&options, "--name=x", "--again"));
    assert_int_equal(options.port, 65535);
    assert_string_equal(options.name, "x");
    assert_true(options.again);
}

static void what_is_no_option_is_refused(void **state) {
    (void) state;
    struct options options = {.port = 7};
    assert_false(parse(&options, "--port", "65536"));
    assert_false(parse(&options, "--port", "80x"));
    assert_false(parse(&options, "--port", ""));
    assert_false(parse(&options, "--port", NULL));
    assert_false(parse(&options, "--sport", "80"));
    assert_false(parse(&options, "--again=1", NULL));
    assert_false(parse(&options, "word", NULL));
    assert_int_equal(options.port, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_option_fills_its_own_field),
        cmocka_unit_test(what_is_no_option_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
