/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/personal/pattern.h"

#include <string.h>

/* One sign of a pattern. */
struct sign {
    char kind; /* '#', '@', '?', '*', or '=' for the literal character */
    char literal;
    size_t len; /* in the pattern */
};

static struct sign sign_at(struct gw_str pattern, size_t at) {
    char c = pattern.ptr[at];
    if (c == '\\' && at + 1 < pattern.len) {
        return (struct sign){'=', pattern.ptr[at + 1], 2};
    }
    bool is_special = c == '#' || c == '@' || c == '?' || c == '*';
    return (struct sign){is_special ? c : '=', c, 1};
}

/* Length of the character of `text` at `at` that the sign takes, 0 = none. */
static size_t take(const struct sign *sign, struct gw_str text, size_t at) {
    char c = text.ptr[at];
    size_t len;
    switch (sign->kind) {
    case '#':
        return c >= '0' && c <= '9' ? 1 : 0;
    case '@':
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ? 1 : 0;
    case '?':
        len = gw_str_utf8_len(gw_str_sub(text, at, SIZE_MAX));
        return len > 0 ? len : 1;
    default:
        return c == sign->literal ? 1 : 0;
    }
}

struct options {
    bool may_start_anywhere, may_go_on, may_be_cut;
};

/* Backtracks to the last star only: what an earlier one took cannot matter. */
static bool match(struct gw_str pattern, struct gw_str text, struct options options) {
    size_t p = 0, t = 0;
    size_t star_p = options.may_start_anywhere ? 0 : SIZE_MAX, star_t = 0;
    for (;;) {
        bool is_end = p == pattern.len;
        if (is_end && (t == text.len || options.may_go_on)) {
            return true;
        }
        struct sign sign = is_end ? (struct sign){0} : sign_at(pattern, p);
        if (!is_end && sign.kind == '*') {
            p += sign.len;
            star_p = p;
            star_t = t;
            continue;
        }
        if (t == text.len) {
            return options.may_be_cut;
        }
        size_t taken = is_end ? 0 : take(&sign, text, t);
        if (taken > 0) {
            p += sign.len;
            t += taken;
        } else if (star_p != SIZE_MAX) {
            p = star_p;
            t = ++star_t;
        } else {
            return false;
        }
    }
}

bool gw_pattern_fits(struct gw_str pattern, struct gw_str text) {
    return match(pattern, text, (struct options){0});
}

bool gw_pattern_occurs(struct gw_str pattern, struct gw_str text) {
    return match(pattern, text,
                 (struct options){.may_start_anywhere = true, .may_go_on = true});
}

bool gw_pattern_begins(struct gw_str pattern, struct gw_str text) {
    return match(pattern, text, (struct options){.may_be_cut = true});
}

size_t gw_pattern_head(struct gw_str pattern, char dst[static GW_PATTERN_HEAD_MAX]) {
    size_t len = 0;
    for (size_t at = 0; at < pattern.len && len < GW_PATTERN_HEAD_MAX;) {
        struct sign sign = sign_at(pattern, at);
        if (sign.kind != '=') {
            break;
        }
        dst[len++] = sign.literal;
        at += sign.len;
    }
    return len;
}
