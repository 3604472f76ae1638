/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "firmware/base/crc32c.h"

static uint32_t bit_by_bit(uint32_t seed, const uint8_t *p, size_t len) {
    uint32_t crc = ~seed;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
        }
    }
    return ~crc;
}

static void published_check_values(void **state) {
    (void) state;
    uint8_t block[32];
    static const struct {
        uint8_t first;
        int step;
        uint32_t crc;
    } blocks[] = {/* RFC 3720, B.4 */
                  {0x00, 0, 0x8a9136aa},
                  {0xff, 0, 0x62a8ab43},
                  {0x00, 1, 0x46dd794e},
                  {0x1f, -1, 0x113fdb5c}};
    for (size_t i = 0; i < 4; i++) {
        for (int k = 0; k < 32; k++) {
            block[k] = (uint8_t) (blocks[i].first + k * blocks[i].step);
        }
        assert_int_equal(gw_crc32c(0, (struct gw_bytes){block, 32}), blocks[i].crc);
        assert_int_equal(gw_crc32c_portable(0, (struct gw_bytes){block, 32}), blocks[i].crc);
    }
    struct gw_bytes digits = gw_bytes_from_str(GW_STR("123456789"));
    assert_int_equal(gw_crc32c(0, digits), 0xe3069283);
    assert_int_equal(gw_crc32c_portable(0, digits), 0xe3069283);
    assert_int_equal(gw_crc32c(0, (struct gw_bytes){NULL, 0}), 0);
    assert_int_equal(gw_crc32c(77, (struct gw_bytes){NULL, 0}), 77);
}

static void both_ways_agree_at_every_length_and_alignment(void **state) {
    (void) state;
    uint8_t bytes[300];
    uint32_t x = 12345;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (uint8_t) (x >> 24);
    }
    for (size_t from = 0; from < 9; from++) {
        for (size_t len = 0; len + from <= sizeof(bytes); len++) {
            uint32_t expected = bit_by_bit(x, bytes + from, len);
            struct gw_bytes view = {bytes + from, len};
            assert_int_equal(gw_crc32c(x, view), expected);
            assert_int_equal(gw_crc32c_portable(x, view), expected);
        }
    }
}

static void every_table_entry_is_used_and_right(void **state) {
    (void) state;
    for (size_t at = 0; at < 8; at++) {
        for (int value = 0; value < 256; value++) {
            uint8_t bytes[8] = {0};
            bytes[at] = (uint8_t) value;
            assert_int_equal(gw_crc32c_portable(0, (struct gw_bytes){bytes, 8}),
                             bit_by_bit(0, bytes, 8));
        }
    }
}

static void pieces_continue_where_the_last_one_ended(void **state) {
    (void) state;
    static const char text[] = "the quick brown fox jumps over the lazy dog";
    struct gw_str all = GW_STR("the quick brown fox jumps over the lazy dog");
    uint32_t whole = gw_crc32c(0, gw_bytes_from_str(all));
    for (size_t cut = 0; cut < sizeof(text); cut++) {
        uint32_t crc = gw_crc32c(0, gw_bytes_from_str(gw_str_sub(all, 0, cut)));
        crc = gw_crc32c(crc, gw_bytes_from_str(gw_str_sub(all, cut, SIZE_MAX)));
        assert_int_equal(crc, whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_check_values),
        cmocka_unit_test(both_ways_agree_at_every_length_and_alignment),
        cmocka_unit_test(every_table_entry_is_used_and_right),
        cmocka_unit_test(pieces_continue_where_the_last_one_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
