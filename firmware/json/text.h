/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of raw JSON strings, decoded byte by byte without a buffer.
 * Private to this room.
 *
 * "Inner" text is what stands between the quotes. These functions never read
 * beyond it, whatever it holds; malformed escapes end the text early, so that
 * only checked text gives meaningful answers.
 */
#ifndef GW_JSON_TEXT_H
#define GW_JSON_TEXT_H

#include <string.h>

#include "firmware/base/str.h"

struct gw_json_text {
    const uint8_t *p;
    const uint8_t *end;
    uint8_t pending[4]; /* bytes of the last escape not handed out yet */
    uint8_t pending_len;
    uint8_t pending_at;
};

/* Begin to read `inner`; it must outlive *text. */
void gw_json_text_start(struct gw_json_text *text, struct gw_str inner);
/* Next decoded UTF-8 byte, or -1 at the end. */
int gw_json_text_next(struct gw_json_text *text);
/* Order of two inner texts by UTF-16 code units of what they mean (RFC 8785,
 * 3.2.3); 0 means the same text in whatever spelling. */
int gw_json_text_compare(struct gw_str a, struct gw_str b);
/* The same order for plain UTF-8, where a backslash is a backslash. */
int gw_json_plain_compare(struct gw_str a, struct gw_str b);
/* First 8 decoded bytes as a big-endian number, zero-filled: a quick key. */
uint64_t gw_json_text_key(struct gw_str inner);

/* Length of the escape at p (2, 6, or 12 for a surrogate pair) with its code
 * point, or 0 if it is malformed or half a pair. */
size_t gw_json_escape_len(const uint8_t *p, const uint8_t *end, uint32_t *ret_code_point);

/* The 1 to 4 bytes of a code point that is no surrogate; their number. */
uint8_t gw_json_encode_utf8(uint32_t code_point, uint8_t dst[4]);

#define GW_JSON_ONES UINT64_C(0x0101010101010101)
#define GW_JSON_HIGHS UINT64_C(0x8080808080808080)

/* Marks bytes below `limit` (at most 0x80). A borrow may mark further bytes,
 * but only above a true hit, and only the lowest mark is used. */
static inline uint64_t gw_json_mark_below(uint64_t v, uint8_t limit) {
    return (v - GW_JSON_ONES * limit) & ~v & GW_JSON_HIGHS;
}

/* First byte at or after p that is not plain inside a string: quote,
 * backslash, control, or not ASCII; `end` if there is none. Inline because it
 * runs once per string, and strings are short. */
static inline const uint8_t *gw_json_skip_plain(const uint8_t *p, const uint8_t *end) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - p >= 8) {
        uint64_t v;
        memcpy(&v, p, sizeof(v));
        uint64_t marks = gw_json_mark_below(v, 0x20)
                         | gw_json_mark_below(v ^ GW_JSON_ONES * '"', 1)
                         | gw_json_mark_below(v ^ GW_JSON_ONES * '\\', 1) | (v & GW_JSON_HIGHS);
        if (marks) {
            return p + (__builtin_ctzll(marks) >> 3);
        }
        p += 8;
    }
#endif
    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') {
        p++;
    }
    return p;
}

#endif
