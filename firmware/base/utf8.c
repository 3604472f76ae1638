/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "firmware/base/str.h"

/* Well-formed sequences by first byte (Unicode 15, table 3-7): the second byte
 * has limits of its own, which is what excludes overlong forms, surrogates and
 * values above U+10FFFF. */
struct lead {
    uint8_t first_min, first_max, len, second_min, second_max;
};
static const struct lead leads[] = {
    {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf}, {0xe1, 0xec, 3, 0x80, 0xbf},
    {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf}, {0xf0, 0xf0, 4, 0x90, 0xbf},
    {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

static size_t sequence_len(const uint8_t *p, size_t left) {
    for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
        const struct lead *lead = &leads[i];
        if (p[0] < lead->first_min || p[0] > lead->first_max) {
            continue;
        }
        if (left < lead->len || p[1] < lead->second_min || p[1] > lead->second_max) {
            return 0;
        }
        for (size_t k = 2; k < lead->len; k++) {
            if ((p[k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return lead->len;
    }
    return 0;
}

size_t gw_str_utf8_len(struct gw_str s) {
    if (s.len == 0) {
        return 0;
    }
    const uint8_t *p = (const uint8_t *) s.ptr;
    return p[0] < 0x80 ? 1 : sequence_len(p, s.len);
}

bool gw_str_is_utf8(struct gw_str s) {
    const uint8_t *p = (const uint8_t *) s.ptr;
    size_t i = 0;
    while (i < s.len) {
        uint64_t eight;
        if (s.len - i >= sizeof(eight)) {
            memcpy(&eight, p + i, sizeof(eight));
            if ((eight & 0x8080808080808080U) == 0) {
                i += sizeof(eight);
                continue;
            }
        }
        if (p[i] < 0x80) {
            i++;
            continue;
        }
        size_t len = sequence_len(p + i, s.len - i);
        if (len == 0) {
            return false;
        }
        i += len;
    }
    return true;
}
