/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of personal codes against texts: the matcher agrees with one that tries
 * everything, and what it says of wholes, pieces and beginnings agrees with itself and
 * with the matcher of damaged texts; what fits does so with one character damaged.
 *
 * Input: one byte of length, the pattern, the text.
 */
#include <assert.h>
#include <stdint.h>

#include "firmware/base/buf.h"
#include "firmware/personal/pattern.h"

#define PATTERN_MAX 10
#define TEXT_MAX 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The definition, word for word. */
static bool slowly_fits(struct gw_str pattern, struct gw_str text) {
    if (pattern.len == 0) {
        return text.len == 0;
    }
    char sign = pattern.ptr[0];
    struct gw_str rest = gw_str_sub(pattern, 1, SIZE_MAX);
    if (sign == '*') {
        for (size_t i = 0; i <= text.len; i++) {
            if (slowly_fits(rest, gw_str_sub(text, i, SIZE_MAX))) {
                return true;
            }
        }
        return false;
    }
    if (text.len == 0) {
        return false;
    }
    char c = text.ptr[0];
    size_t len = 1;
    bool fits = c == sign;
    if (sign == '\\' && rest.len > 0) {
        fits = c == rest.ptr[0];
        rest = gw_str_sub(rest, 1, SIZE_MAX);
    } else if (sign == '?') {
        fits = true;
        len = gw_str_utf8_len(text) > 0 ? gw_str_utf8_len(text) : 1;
    } else if (sign == '#' || sign == '@') {
        fits = sign == '#' ? is_digit(c) : is_letter(c);
    }
    return fits && slowly_fits(rest, gw_str_sub(text, len, SIZE_MAX));
}

static size_t count_signs(struct gw_str pattern) {
    size_t count = 0;
    for (size_t i = 0; i < pattern.len; i++, count++) {
        if (pattern.ptr[i] == '\\' && i + 1 < pattern.len) {
            i++;
        } else if (pattern.ptr[i] == '*') {
            count--;
        }
    }
    return count;
}

/* The text is of single bytes. */
static void check_damaged(struct gw_str pattern, struct gw_str text, bool fits) {
    assert(gw_pattern_may_fit(pattern, text, GW_PATTERN_WHOLE) == fits);
    assert(gw_pattern_may_fit(pattern, text, GW_PATTERN_PIECE)
           == gw_pattern_occurs(pattern, text));
    assert(!gw_pattern_may_fit(pattern, text, GW_PATTERN_BEGINNING)
           || gw_pattern_begins(pattern, text));
    char storage[TEXT_MAX + 1];
    struct gw_buf buf;
    for (size_t i = 0; fits && i <= text.len; i++) {
        for (size_t lost = 0; lost <= 1 && i + lost <= text.len; lost++) {
            gw_buf_init(&buf, storage, sizeof storage);
            gw_buf_put_str(&buf, gw_str_sub(text, 0, i));
            gw_buf_put_char(&buf, GW_PATTERN_DAMAGE);
            gw_buf_put_str(&buf, gw_str_sub(text, i + lost, SIZE_MAX));
            assert((lost == 1 && count_signs(pattern) == 1)
                   || gw_pattern_may_fit(pattern, gw_buf_str(&buf), GW_PATTERN_WHOLE));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || data[0] > PATTERN_MAX || size - 1 < data[0]
        || size - 1 - data[0] > TEXT_MAX) {
        return 0;
    }
    struct gw_str pattern = {(const char *) data + 1, data[0]};
    struct gw_str text = {(const char *) data + 1 + data[0], size - 1 - data[0]};
    bool fits = gw_pattern_fits(pattern, text);
    /* A star may stop inside a character, ours never looks there twice: only texts of
     * single bytes are compared. */
    bool is_plain = true;
    for (size_t i = 0; i < text.len; i++) {
        is_plain = is_plain && (unsigned char) text.ptr[i] < 0x80;
    }
    assert(!is_plain || fits == slowly_fits(pattern, text));
    if (is_plain) {
        check_damaged(pattern, text, fits);
    }
    assert(!fits || gw_pattern_occurs(pattern, text));
    assert(!fits || gw_pattern_begins(pattern, text));
    for (size_t i = 0; fits && is_plain && i <= text.len; i++) {
        assert(gw_pattern_begins(pattern, gw_str_sub(text, 0, i)));
    }
    char head[GW_PATTERN_HEAD_MAX];
    size_t len = gw_pattern_head(pattern, head);
    assert(!fits
           || gw_str_starts_with(text, (struct gw_str){head, len < text.len ? len : text.len}));
    return 0;
}
