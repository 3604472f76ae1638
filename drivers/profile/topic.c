/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/topic.h"

#define TOPIC_MAX_BYTES 65535

static bool level_is_valid(struct gw_str level, bool is_last) {
    bool has_plus = gw_str_find(level, '+', 0) < level.len;
    bool has_hash = gw_str_find(level, '#', 0) < level.len;
    if (has_hash) {
        return level.len == 1 && is_last;
    }
    return !has_plus || level.len == 1;
}

bool gw_topic_filter_is_valid(struct gw_str filter) {
    if (filter.len == 0 || filter.len > TOPIC_MAX_BYTES || !gw_str_is_utf8(filter)
        || gw_str_find(filter, '\0', 0) < filter.len) {
        return false;
    }
    for (size_t from = 0; from <= filter.len;) {
        size_t end = gw_str_find(filter, '/', from);
        if (!level_is_valid(gw_str_sub(filter, from, end - from), end == filter.len)) {
            return false;
        }
        from = end + 1;
    }
    return true;
}

static bool is_char_at(struct gw_str s, size_t at, char c) {
    return at < s.len && s.ptr[at] == c;
}

bool gw_topic_matches(struct gw_str filter, struct gw_str topic) {
    if (is_char_at(topic, 0, '$')
        && (is_char_at(filter, 0, '+') || is_char_at(filter, 0, '#'))) {
        return false;
    }
    /* `f` and `t` stand at the first byte of a level; a position behind the
     * end means there is no such level. */
    size_t f = 0;
    size_t t = 0;
    while (f <= filter.len && t <= topic.len) {
        if (is_char_at(filter, f, '#')) {
            return true;
        }
        size_t f_end = gw_str_find(filter, '/', f);
        size_t t_end = gw_str_find(topic, '/', t);
        if (!is_char_at(filter, f, '+')
            && !gw_str_eq(gw_str_sub(filter, f, f_end - f), gw_str_sub(topic, t, t_end - t))) {
            return false;
        }
        f = f_end + 1;
        t = t_end + 1;
    }
    if (t > topic.len) { /* "a/#" also stands for "a" */
        return f > filter.len || is_char_at(filter, f, '#');
    }
    return false;
}
