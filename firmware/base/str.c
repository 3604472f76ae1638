/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/base/str.h"

#include <string.h>

struct gw_str gw_str_from_cstr(const char *cstr) {
    return (struct gw_str){cstr, cstr ? strlen(cstr) : 0};
}

struct gw_bytes gw_bytes_from_str(struct gw_str s) {
    return (struct gw_bytes){(const uint8_t *) s.ptr, s.len};
}

struct gw_str gw_str_from_bytes(struct gw_bytes b) {
    return (struct gw_str){(const char *) b.ptr, b.len};
}

/* memcmp must not see NULL, not even with length 0. */
static int compare_bytes(const char *a, const char *b, size_t len) {
    return len == 0 ? 0 : memcmp(a, b, len);
}

bool gw_str_eq(struct gw_str a, struct gw_str b) {
    return a.len == b.len && compare_bytes(a.ptr, b.ptr, a.len) == 0;
}

bool gw_str_starts_with(struct gw_str s, struct gw_str prefix) {
    return s.len >= prefix.len && compare_bytes(s.ptr, prefix.ptr, prefix.len) == 0;
}

bool gw_str_ends_with(struct gw_str s, struct gw_str suffix) {
    return s.len >= suffix.len
           && gw_str_eq(gw_str_sub(s, s.len - suffix.len, suffix.len), suffix);
}

int gw_str_compare(struct gw_str a, struct gw_str b) {
    size_t common = a.len < b.len ? a.len : b.len;
    int order = compare_bytes(a.ptr, b.ptr, common);
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

struct gw_str gw_str_sub(struct gw_str s, size_t from, size_t len) {
    if (from >= s.len) {
        return (struct gw_str){s.len > 0 ? s.ptr + s.len : s.ptr, 0};
    }
    size_t rest = s.len - from;
    return (struct gw_str){s.ptr + from, len < rest ? len : rest};
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct gw_str gw_str_trim(struct gw_str s) {
    while (s.len > 0 && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

size_t gw_str_find(struct gw_str s, char c, size_t from) {
    if (from >= s.len) {
        return s.len;
    }
    const char *hit = memchr(s.ptr + from, c, s.len - from);
    return hit ? (size_t) (hit - s.ptr) : s.len;
}

/* The exhausted state is the NULL view, so that a last empty part ("a,") is
 * still handed out once. */
bool gw_str_split(struct gw_str *rest, char separator, struct gw_str *ret_part) {
    if (!rest->ptr) {
        return false;
    }
    size_t at = gw_str_find(*rest, separator, 0);
    *ret_part = gw_str_sub(*rest, 0, at);
    if (at == rest->len) {
        *rest = (struct gw_str){NULL, 0};
    } else {
        *rest = gw_str_sub(*rest, at + 1, SIZE_MAX);
    }
    return true;
}

enum gw_err gw_str_copy(struct gw_str s, char *dst, size_t dst_size) {
    if (s.len >= dst_size) {
        return GW_ERR_FULL;
    }
    if (s.len > 0) {
        if (memchr(s.ptr, 0, s.len)) {
            return GW_ERR_INVALID;
        }
        memcpy(dst, s.ptr, s.len);
    }
    dst[s.len] = 0;
    return GW_OK;
}

/* Digits only, at least one; RANGE only after the grammar is known to be right. */
static enum gw_err parse_digits(struct gw_str s, uint64_t *ret_value) {
    if (s.len == 0) {
        return GW_ERR_PARSE;
    }
    uint64_t value = 0;
    bool overflow = false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned) (unsigned char) s.ptr[i] - '0';
        if (digit > 9) {
            return GW_ERR_PARSE;
        }
        overflow |= __builtin_mul_overflow(value, (uint64_t) 10, &value);
        overflow |= __builtin_add_overflow(value, (uint64_t) digit, &value);
    }
    if (overflow) {
        return GW_ERR_RANGE;
    }
    *ret_value = value;
    return GW_OK;
}

enum gw_err gw_str_to_u64(struct gw_str s, uint64_t max, uint64_t *ret_value) {
    uint64_t value = 0;
    enum gw_err err = parse_digits(s, &value);
    if (err) {
        return err;
    }
    if (value > max) {
        return GW_ERR_RANGE;
    }
    *ret_value = value;
    return GW_OK;
}

enum gw_err gw_str_to_i64(struct gw_str s, int64_t min, int64_t max, int64_t *ret_value) {
    bool negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t magnitude = 0;
    enum gw_err err = parse_digits(negative ? gw_str_sub(s, 1, SIZE_MAX) : s, &magnitude);
    if (err) {
        return err;
    }
    if (magnitude > (uint64_t) INT64_MAX + (negative ? 1U : 0U)) {
        return GW_ERR_RANGE;
    }
    /* Two's complement negation in unsigned arithmetic: INT64_MIN has no
     * positive counterpart. */
    int64_t value = (int64_t) (negative ? 0 - magnitude : magnitude);
    if (value < min || value > max) {
        return GW_ERR_RANGE;
    }
    *ret_value = value;
    return GW_OK;
}
