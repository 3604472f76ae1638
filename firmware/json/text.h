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

/* First byte at or after p that is not plain inside a string: quote,
 * backslash, control, or not ASCII; `end` if there is none. */
const uint8_t *gw_json_skip_plain(const uint8_t *p, const uint8_t *end);

#endif
