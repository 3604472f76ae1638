/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/base/str.h"

void gw_hex_format(struct gw_bytes b, char *dst) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < b.len; i++) {
        dst[2 * i] = digits[b.ptr[i] >> 4];
        dst[2 * i + 1] = digits[b.ptr[i] & 15];
    }
    dst[2 * b.len] = 0;
}

/* 0 to 15, or 16 for anything else. */
static unsigned nibble(char c) {
    if (c >= '0' && c <= '9') {
        return (unsigned) (c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return (unsigned) (c - 'a' + 10);
    }
    if (c >= 'A' && c <= 'F') {
        return (unsigned) (c - 'A' + 10);
    }
    return 16;
}

enum gw_err gw_hex_parse(struct gw_str s, uint8_t *dst, size_t dst_size) {
    if (s.len != 2 * dst_size) {
        return GW_ERR_PARSE;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (nibble(s.ptr[i]) > 15) {
            return GW_ERR_PARSE;
        }
    }
    for (size_t i = 0; i < dst_size; i++) {
        dst[i] = (uint8_t) (nibble(s.ptr[2 * i]) << 4 | nibble(s.ptr[2 * i + 1]));
    }
    return GW_OK;
}
