/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "firmware/base/str.h"

static void every_byte_survives_the_round_trip(void **state) {
    (void) state;
    uint8_t bytes[256];
    for (int i = 0; i < 256; i++) {
        bytes[i] = (uint8_t) i;
    }
    char text[513];
    gw_hex_format((struct gw_bytes){bytes, sizeof(bytes)}, text);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "000102", 6);
    assert_memory_equal(text + 506, "fdfeff", 6);
    uint8_t back[256] = {0};
    assert_int_equal(gw_hex_parse(gw_str_from_cstr(text), back, sizeof(back)), GW_OK);
    assert_memory_equal(back, bytes, sizeof(bytes));
}

static void digits_of_either_case_are_read(void **state) {
    (void) state;
    uint8_t back[3] = {0};
    assert_int_equal(gw_hex_parse(GW_STR("aBCd09"), back, 3), GW_OK);
    assert_memory_equal(back, "\xab\xcd\x09", 3);
}

static void anything_else_is_refused_and_leaves_the_target(void **state) {
    (void) state;
    uint8_t back[2] = {7, 7};
    assert_int_equal(gw_hex_parse(GW_STR("abc"), back, 2), GW_ERR_PARSE);
    assert_int_equal(gw_hex_parse(GW_STR("abcde"), back, 2), GW_ERR_PARSE);
    assert_int_equal(gw_hex_parse(GW_STR("abcg"), back, 2), GW_ERR_PARSE);
    assert_int_equal(gw_hex_parse(GW_STR("ab/0"), back, 2), GW_ERR_PARSE);
    assert_int_equal(gw_hex_parse(GW_STR("ab:0"), back, 2), GW_ERR_PARSE);
    assert_int_equal(gw_hex_parse(GW_STR("ab@0"), back, 2), GW_ERR_PARSE);
    assert_int_equal(gw_hex_parse(GW_STR("ab`0"), back, 2), GW_ERR_PARSE);
    assert_int_equal(gw_hex_parse(GW_STR(""), back, 2), GW_ERR_PARSE);
    assert_memory_equal(back, "\x07\x07", 2);
    assert_int_equal(gw_hex_parse(GW_STR(""), back, 0), GW_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_survives_the_round_trip),
        cmocka_unit_test(digits_of_either_case_are_read),
        cmocka_unit_test(anything_else_is_refused_and_leaves_the_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
