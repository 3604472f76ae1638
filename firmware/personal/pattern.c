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

bool gw_pattern_has_head(struct gw_str pattern) {
    char head[GW_PATTERN_HEAD_MAX];
    return gw_pattern_head(pattern, head) >= GW_PATTERN_HEAD_MIN;
}

/* ---- texts with damage ---- */

#define SIGNS_MAX 128
#define NOT_REACHED (-1)

/* All ways at once to fit what came so far: for each place in the pattern the most
 * signs that were seen on a way there. */
struct walk {
    struct sign signs[SIGNS_MAX];
    size_t count, needed;
    size_t head; /* 0 = none to speak of */
    bool may_start_anywhere;
    size_t top; /* the last place that was reached: mostly near the beginning */
    int16_t seen[SIGNS_MAX + 1];
};

static void reach(struct walk *walk, size_t p, int value) {
    if (value > walk->seen[p]) {
        walk->seen[p] = (int16_t) value;
        walk->top = p > walk->top ? p : walk->top;
    }
}

static void pass_stars(struct walk *walk) {
    for (size_t p = 0; p <= walk->top && p < walk->count; p++) {
        if (walk->signs[p].kind == '*') {
            reach(walk, p + 1, walk->seen[p]);
        }
    }
}

static bool begin_walk(struct walk *walk, struct gw_str pattern, enum gw_pattern_part part) {
    size_t counted = 0;
    *walk = (struct walk){.may_start_anywhere = part == GW_PATTERN_PIECE};
    for (size_t at = 0; at < pattern.len; at += walk->signs[walk->count++].len) {
        if (walk->count == SIGNS_MAX) {
            return false;
        }
        walk->signs[walk->count] = sign_at(pattern, at);
        counted += walk->signs[walk->count].kind != '*';
    }
    char head[GW_PATTERN_HEAD_MAX];
    walk->head = gw_pattern_has_head(pattern) ? gw_pattern_head(pattern, head) : 0;
    walk->needed = (counted + 1) / 2;
    for (size_t p = 1; p <= walk->count; p++) {
        walk->seen[p] = NOT_REACHED;
    }
    pass_stars(walk);
    return true;
}

/* From the last sign to the first, so that one mark is one sign at a time. */
static void pass_damage(struct walk *walk, int most) {
    for (int i = 0; i < most; i++) {
        size_t end = walk->top < walk->count ? walk->top + 1 : walk->count;
        for (size_t p = end; p-- > 0;) {
            bool leaves_head_unseen =
                p < walk->head && p + 1 == walk->head && walk->seen[p] == 0;
            if (walk->signs[p].kind != '*' && !leaves_head_unseen) {
                reach(walk, p + 1, walk->seen[p]);
            }
        }
        pass_stars(walk);
    }
}

/* A byte that goes on with a character which "?" took belongs to it. */
static void pass_byte(struct walk *walk, char c) {
    struct gw_str byte = {&c, 1};
    bool goes_on = ((unsigned char) c & 0xc0U) == 0x80U;
    int16_t last = NOT_REACHED; /* of the place before, as it was */
    size_t end = walk->top < walk->count ? walk->top + 1 : walk->count;
    walk->top = 0;
    for (size_t p = 0; p <= end; p++) {
        int16_t here = walk->seen[p];
        const struct sign *before = p > 0 ? &walk->signs[p - 1] : NULL;
        bool is_star = p < walk->count && walk->signs[p].kind == '*';
        bool stays = is_star || (goes_on && before && before->kind == '?');
        walk->seen[p] = NOT_REACHED;
        reach(walk, p, stays ? here : NOT_REACHED);
        if (before && before->kind != '*' && last != NOT_REACHED && take(before, byte, 0) > 0) {
            reach(walk, p, last + 1);
        }
        last = here;
    }
    if (walk->may_start_anywhere) {
        reach(walk, 0, 0);
    }
    pass_stars(walk);
}

static bool is_beginning(const struct walk *walk) {
    for (size_t p = 0; p <= walk->count; p++) {
        if (walk->seen[p] >= GW_PATTERN_HEAD_MIN) {
            return true;
        }
    }
    return false;
}

/* So many characters it may stand for, 0 = it is none. */
static int most_of(const struct walk *walk, char c) {
    if (c == GW_PATTERN_DAMAGE) {
        return GW_PATTERN_LOST_MAX;
    }
    return c == GW_PATTERN_BLANK || (c == GW_PATTERN_SEPARATOR && walk->head > 0) ? 1 : 0;
}

static bool is_through(const struct walk *walk) {
    return walk->seen[walk->count] != NOT_REACHED
           && (size_t) walk->seen[walk->count] >= walk->needed;
}

bool gw_pattern_may_fit(struct gw_str pattern, struct gw_str text, enum gw_pattern_part part) {
    struct walk walk;
    if (!begin_walk(&walk, pattern, part)) {
        return true;
    }
    for (size_t t = 0; t < text.len && !(part == GW_PATTERN_PIECE && is_through(&walk)); t++) {
        int most = most_of(&walk, text.ptr[t]);
        if (most > 0) {
            pass_damage(&walk, most);
        } else {
            pass_byte(&walk, text.ptr[t]);
        }
    }
    return is_through(&walk) || (part == GW_PATTERN_BEGINNING && is_beginning(&walk));
}
