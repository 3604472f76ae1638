/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/base/base64.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_group(struct gw_buf *buf, const uint8_t *src, size_t len) {
    uint32_t bits = (uint32_t) src[0] << 16;
    if (len > 1) {
        bits |= (uint32_t) src[1] << 8;
    }
    if (len > 2) {
        bits |= src[2];
    }
    char text[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                    len > 1 ? alphabet[bits >> 6 & 63] : '=',
                    len > 2 ? alphabet[bits & 63] : '='};
    (void) gw_buf_put_str(buf, (struct gw_str){text, sizeof text});
}

bool gw_base64_put(struct gw_buf *buf, struct gw_bytes bytes) {
    size_t needed = (bytes.len + 2) / 3 * 4;
    if (gw_buf_failed(buf) || gw_buf_space(buf) < needed) {
        buf->failed = true;
        return false;
    }
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        put_group(buf, bytes.ptr + i, left < 3 ? left : 3);
    }
    return true;
}

static int value_of(char c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters, of which the last `padding` are '='. */
static bool parse_group(const char *text, unsigned padding, uint8_t ret_bytes[static 3]) {
    uint32_t bits = 0;
    for (unsigned i = 0; i < 4; i++) {
        int value = i < 4 - padding ? value_of(text[i]) : 0;
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t) value;
    }
    ret_bytes[0] = (uint8_t) (bits >> 16);
    ret_bytes[1] = (uint8_t) (bits >> 8);
    ret_bytes[2] = (uint8_t) bits;
    /* Left-over bits must be zero: one text for one value. */
    return (padding < 1 || ret_bytes[2] == 0) && (padding < 2 || ret_bytes[1] == 0);
}

enum gw_err gw_base64_parse(struct gw_str text, struct gw_buf *buf) {
    size_t start = buf->len;
    if (text.len % 4 != 0) {
        return GW_ERR_PARSE;
    }
    for (size_t i = 0; i < text.len; i += 4) {
        const char *group = text.ptr + i;
        bool is_last = i + 4 == text.len;
        unsigned padding = 0;
        if (is_last && group[3] == '=') {
            padding = group[2] == '=' ? 2 : 1;
        }
        uint8_t bytes[3];
        if (!parse_group(group, padding, bytes)) {
            gw_buf_rewind(buf, start);
            return GW_ERR_PARSE;
        }
        if (!gw_buf_put(buf, (struct gw_bytes){bytes, 3 - padding})) {
            gw_buf_rewind(buf, start);
            return GW_ERR_FULL;
        }
    }
    return GW_OK;
}
