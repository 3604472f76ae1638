/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/json/text.h"

#include <string.h>

/* Four hex digits, or a number above 0xffff. */
static uint32_t read_hex4(const uint8_t *p, const uint8_t *end) {
    uint8_t bytes[2];
    if (end - p < 4 || gw_hex_parse((struct gw_str){(const char *) p, 4}, bytes, 2) != GW_OK) {
        return UINT32_MAX;
    }
    return (uint32_t) bytes[0] << 8 | bytes[1];
}

static size_t unicode_escape_len(const uint8_t *p, const uint8_t *end,
                                 uint32_t *ret_code_point) {
    uint32_t high = read_hex4(p + 2, end);
    if (high > 0xffff || (high >= 0xdc00 && high <= 0xdfff)) {
        return 0;
    }
    if (high < 0xd800 || high > 0xdfff) {
        *ret_code_point = high;
        return 6;
    }
    if (end - p < 12 || p[6] != '\\' || p[7] != 'u') {
        return 0;
    }
    uint32_t low = read_hex4(p + 8, end);
    if (low < 0xdc00 || low > 0xdfff) {
        return 0;
    }
    *ret_code_point = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return 12;
}

size_t gw_json_escape_len(const uint8_t *p, const uint8_t *end, uint32_t *ret_code_point) {
    static const char spelt[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    if (end - p < 2) {
        return 0;
    }
    if (p[1] == 'u') {
        return unicode_escape_len(p, end, ret_code_point);
    }
    const char *hit = memchr(spelt, p[1], sizeof(spelt) - 1);
    if (!hit) {
        return 0;
    }
    *ret_code_point = (uint32_t) meant[hit - spelt];
    return 2;
}

void gw_json_text_start(struct gw_json_text *text, struct gw_str inner) {
    const uint8_t *p = (const uint8_t *) inner.ptr;
    *text = (struct gw_json_text){.p = p, .end = p ? p + inner.len : p};
}

uint8_t gw_json_encode_utf8(uint32_t c, uint8_t dst[4]) {
    if (c < 0x80) {
        dst[0] = (uint8_t) c;
        return 1;
    }
    uint8_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (unsigned i = len - 1U; i > 0; i--) {
        dst[i] = (uint8_t) (0x80 | (c & 0x3f));
        c >>= 6;
    }
    static const uint8_t marks[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    dst[0] = (uint8_t) (marks[len] | c);
    return len;
}

static int next_escaped(struct gw_json_text *text) {
    uint32_t code_point = 0;
    size_t len = gw_json_escape_len(text->p, text->end, &code_point);
    if (len == 0) {
        text->p = text->end;
        return -1;
    }
    text->p += len;
    text->pending_len = gw_json_encode_utf8(code_point, text->pending);
    text->pending_at = 1;
    return text->pending[0];
}

int gw_json_text_next(struct gw_json_text *text) {
    if (text->pending_at < text->pending_len) {
        return text->pending[text->pending_at++];
    }
    if (text->p == text->end) {
        return -1;
    }
    return *text->p == '\\' ? next_escaped(text) : *text->p++;
}

/* UTF-8 bytes sort as code points; UTF-16 puts the surrogates, hence all code
 * points from U+10000 (lead bytes F0 to F4), before U+E000 to U+FFFF (EE, EF).
 * Those lead bytes are lifted above the others; no other byte is that high. */
static int utf16_rank(int byte) {
    return byte == 0xee || byte == 0xef ? byte + 0x10 : byte;
}

static int compare_escaped(struct gw_str a, struct gw_str b) {
    struct gw_json_text left, right;
    gw_json_text_start(&left, a);
    gw_json_text_start(&right, b);
    for (;;) {
        int x = gw_json_text_next(&left);
        int y = gw_json_text_next(&right);
        if (x != y) {
            return utf16_rank(x) - utf16_rank(y);
        }
        if (x < 0) {
            return 0;
        }
    }
}

int gw_json_plain_compare(struct gw_str a, struct gw_str b) {
    size_t common = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < common; i++) {
        if (a.ptr[i] != b.ptr[i]) {
            return utf16_rank((uint8_t) a.ptr[i]) - utf16_rank((uint8_t) b.ptr[i]);
        }
    }
    return (a.len > b.len) - (a.len < b.len);
}

static bool has_escape(struct gw_str inner) {
    return inner.len > 0 && memchr(inner.ptr, '\\', inner.len);
}

int gw_json_text_compare(struct gw_str a, struct gw_str b) {
    if (has_escape(a) || has_escape(b)) {
        return compare_escaped(a, b);
    }
    return gw_json_plain_compare(a, b);
}

uint64_t gw_json_text_key(struct gw_str inner) {
    struct gw_json_text text;
    gw_json_text_start(&text, inner);
    uint64_t key = 0;
    for (int i = 0; i < 8; i++) {
        int byte = gw_json_text_next(&text);
        key = key << 8 | (uint64_t) (byte < 0 ? 0 : byte);
    }
    return key;
}
