/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware/base/base64.h"
#include "firmware/base/cleanup.h"

struct vector {
    struct gw_str plain;
    struct gw_str text;
};

/* RFC 4648 section 10, and both special characters. */
static const struct vector vectors[] = {
    {GW_STR(""), GW_STR("")},
    {GW_STR("f"), GW_STR("Zg==")},
    {GW_STR("fo"), GW_STR("Zm8=")},
    {GW_STR("foo"), GW_STR("Zm9v")},
    {GW_STR("foob"), GW_STR("Zm9vYg==")},
    {GW_STR("fooba"), GW_STR("Zm9vYmE=")},
    {GW_STR("foobar"), GW_STR("Zm9vYmFy")},
    {GW_STR("\xfb\xef\xff\xff"), GW_STR("++///w==")},
    {GW_STR("\0\0"), GW_STR("AAA=")},
};

static void vectors_of_the_standard_go_both_ways(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(vectors); i++) {
        char storage[32];
        struct gw_buf buf;
        gw_buf_init(&buf, storage, sizeof storage);
        assert_true(gw_base64_put(&buf, gw_bytes_from_str(vectors[i].plain)));
        assert_true(gw_str_eq(gw_buf_str(&buf), vectors[i].text));
        gw_buf_clear(&buf);
        assert_int_equal(gw_base64_parse(vectors[i].text, &buf), GW_OK);
        assert_true(gw_str_eq(gw_buf_str(&buf), vectors[i].plain));
    }
}

static void text_with_two_readings_or_none_is_refused(void **state) {
    (void) state;
    static const struct gw_str bad[] = {
        GW_STR("Z"),    GW_STR("Zg"),    GW_STR("Zg="),      GW_STR("Zh=="),
        GW_STR("Zm9="), GW_STR("Zg=a"),  GW_STR("Zg==Zg=="), GW_STR("===="),
        GW_STR("Zm-v"), GW_STR("Zm9\n"), GW_STR("=m9v"),     GW_STR("Zm9v Zg="),
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(bad); i++) {
        char storage[32];
        struct gw_buf buf;
        gw_buf_init(&buf, storage, sizeof storage);
        (void) gw_buf_put_char(&buf, 'x');
        assert_int_equal(gw_base64_parse(bad[i], &buf), GW_ERR_PARSE);
        assert_int_equal(buf.len, 1);
        assert_false(gw_buf_failed(&buf));
    }
}

static void full_buffer_is_left_as_it_was(void **state) {
    (void) state;
    char storage[7];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    assert_false(gw_base64_put(&buf, gw_bytes_from_str(GW_STR("foob"))));
    assert_int_equal(buf.len, 0);
    assert_true(gw_buf_failed(&buf));
    gw_buf_clear(&buf);
    assert_int_equal(gw_base64_parse(GW_STR("Zm9vYmFyZm9v"), &buf), GW_ERR_FULL);
    assert_int_equal(buf.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_the_standard_go_both_ways),
        cmocka_unit_test(text_with_two_readings_or_none_is_refused),
        cmocka_unit_test(full_buffer_is_left_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
