/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "firmware/base/str.h"

static void put_code_point(uint32_t c, uint8_t *dst, size_t *ret_len) {
    if (c < 0x80) {
        dst[0] = (uint8_t) c;
        *ret_len = 1;
    } else if (c < 0x800) {
        dst[0] = (uint8_t) (0xc0 | c >> 6);
        dst[1] = (uint8_t) (0x80 | (c & 63));
        *ret_len = 2;
    } else if (c < 0x10000) {
        dst[0] = (uint8_t) (0xe0 | c >> 12);
        dst[1] = (uint8_t) (0x80 | (c >> 6 & 63));
        dst[2] = (uint8_t) (0x80 | (c & 63));
        *ret_len = 3;
    } else {
        dst[0] = (uint8_t) (0xf0 | c >> 18);
        dst[1] = (uint8_t) (0x80 | (c >> 12 & 63));
        dst[2] = (uint8_t) (0x80 | (c >> 6 & 63));
        dst[3] = (uint8_t) (0x80 | (c & 63));
        *ret_len = 4;
    }
}

static void every_code_point_but_the_surrogates_is_accepted(void **state) {
    (void) state;
    for (uint32_t c = 0; c < 0x120000; c++) {
        uint8_t bytes[4];
        size_t len = 0;
        put_code_point(c, bytes, &len);
        struct gw_str s = {(const char *) bytes, len};
        bool expected = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
        if (gw_str_is_utf8(s) != expected || gw_str_utf8_len(s) != (expected ? len : 0)) {
            fail_msg("U+%04X", c);
        }
    }
}

static void overlong_forms_and_wrong_continuations_are_refused(void **state) {
    (void) state;
    static const char *const cases[] = {
        "\xc3(",
        "\xe2(\xac",
        "\xe2\x82(",
        "\xf0(\x98\x80",
        "\xf0\x9f(\x80",
        "\xf0\x9f\x98(",
        "\xe2\x82\xc3\xa4",
        "\xc0\x80",
        "\xc0\xaf",
        "\xc1\xbf",
        "\xe0\x80\xaf",
        "\xe0\x9f\xbf",
        "\xf0\x80\x80\xaf",
        "\xf0\x8f\xbf\xbf",
        "\xf8\x88\x80\x80\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xfe",
        "\xff",
        "\x80",
        "\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (gw_str_is_utf8(gw_str_from_cstr(cases[i]))) {
            fail_msg("case %zu", i);
        }
    }
}

/* Exact allocations: the sanitizer sees a read of the byte behind. */
static void a_sequence_cut_short_is_refused_at_any_offset(void **state) {
    (void) state;
    static const char *const wholes[] = {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t w = 0; w < 3; w++) {
        size_t whole_len = strlen(wholes[w]);
        for (size_t before = 0; before < 20; before++) {
            for (size_t cut = 1; cut <= whole_len; cut++) {
                char *text = malloc(before + cut);
                assert_non_null(text);
                memset(text, 'a', before);
                memcpy(text + before, wholes[w], cut);
                bool answer = gw_str_is_utf8((struct gw_str){text, before + cut});
                free(text);
                assert_int_equal(answer, cut == whole_len);
            }
        }
    }
}

static void a_wrong_byte_is_found_at_any_place_of_a_long_text(void **state) {
    (void) state;
    char text[64];
    for (size_t at = 0; at < sizeof(text); at++) {
        memset(text, 'a', sizeof(text));
        assert_true(gw_str_is_utf8((struct gw_str){text, sizeof(text)}));
        text[at] = (char) 0xff;
        assert_false(gw_str_is_utf8((struct gw_str){text, sizeof(text)}));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_but_the_surrogates_is_accepted),
        cmocka_unit_test(overlong_forms_and_wrong_continuations_are_refused),
        cmocka_unit_test(a_sequence_cut_short_is_refused_at_any_offset),
        cmocka_unit_test(a_wrong_byte_is_found_at_any_place_of_a_long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
