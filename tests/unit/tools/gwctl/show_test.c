/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "firmware/base/cleanup.h"
#include "tools/gwctl/show.h"

static void foreign_text_cannot_steer_the_terminal(void **state) {
    (void) state;
    static const struct {
        struct gw_str text;
        const char *shown;
    } cases[] = {
        {GW_STR("plain"), "plain"},
        {GW_STR(""), ""},
        {GW_STR("a\nb\tc"), "a\\x0ab\\x09c"},
        {GW_STR("\x1b[2J"), "\\x1b[2J"},
        {GW_STR("\x7f"), "\\x7f"},
        {GW_STR("\xc2\x9b"), "\\xc2\\x9b"}, /* C1: CSI in eight bits */
        {GW_STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xa6"),
         "\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xa6"},
        {GW_STR("\xff\xc3"), "\\xff\\xc3"},
        {GW_STR("\xc3"
                "a"),
         "\\xc3a"},
        {GW_STR("\\x1b"), "\\\\x1b"},
        {GW_STR("a\0b"), "a\\x00b"},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        char *shown = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&shown, &len);
        gw_gwctl_show_text(out, cases[i].text);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(shown, cases[i].shown);
        free(shown);
    }
}

static void durations_are_told_in_two_units(void **state) {
    (void) state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {-5, "0 ms"},
        {0, "0 ms"},
        {999, "999 ms"},
        {1000, "1 s"},
        {59999, "59 s"},
        {60000, "1 min 0 s"},
        {3599999, "59 min 59 s"},
        {3600000, "1 h 0 min"},
        {86399999, "23 h 59 min"},
        {86400000, "1 d 0 h"},
        {8640000000, "100 d 0 h"},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        char text[64];
        struct gw_buf buf;
        gw_buf_init(&buf, text, sizeof text - 1);
        assert_true(gw_gwctl_put_duration(&buf, cases[i].ms));
        text[buf.len] = '\0';
        assert_string_equal(text, cases[i].text);
    }
}

static void bytes_are_cut_not_rounded(void **state) {
    (void) state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1 KiB"},
        {1536, "1.5 KiB"},
        {10240, "10 KiB"},
        {10 * 1024 + 512, "10 KiB"},
        {1048575, "1023 KiB"},
        {UINT64_C(1) << 30, "1 GiB"},
        {UINT64_C(5) << 50, "5120 TiB"},
        {UINT64_MAX, "18446744073709551615 B"},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        char text[64];
        struct gw_buf buf;
        gw_buf_init(&buf, text, sizeof text - 1);
        assert_true(gw_gwctl_put_bytes(&buf, cases[i].bytes));
        text[buf.len] = '\0';
        assert_string_equal(text, cases[i].text);
    }
}

static void members_of_another_daemon_release_may_be_absent(void **state) {
    (void) state;
    struct gw_json_doc *doc = NULL;
    const struct gw_json_limits limits = {256, 4, GW_JSON_OBJECT};
    assert_int_equal(
        gw_json_parse(GW_STR("{\"a\":\"x\",\"n\":5,\"m\":-1}"), &limits, NULL, &doc), GW_OK);
    const struct gw_json *root = gw_json_root(doc);
    assert_true(gw_str_eq(gw_gwctl_text_of(root, "a"), GW_STR("x")));
    assert_int_equal(gw_gwctl_text_of(root, "n").len, 0);
    assert_int_equal(gw_gwctl_text_of(root, "z").len, 0);
    assert_int_equal(gw_gwctl_text_of(NULL, "a").len, 0);
    assert_int_equal(gw_gwctl_number_of(root, "n"), 5);
    assert_int_equal(gw_gwctl_number_of(root, "m"), 0);
    assert_int_equal(gw_gwctl_number_of(root, "a"), 0);
    assert_int_equal(gw_gwctl_number_of(NULL, "n"), 0);
    gw_json_close(doc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_text_cannot_steer_the_terminal),
        cmocka_unit_test(durations_are_told_in_two_units),
        cmocka_unit_test(bytes_are_cut_not_rounded),
        cmocka_unit_test(members_of_another_daemon_release_may_be_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
