/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views: a pointer and a length, passed by value.
 *
 * A view owns nothing and is not NUL-terminated. It is valid as long as the
 * storage it points into; every function that returns one says whose that is.
 * struct gw_str is for text (UTF-8 unless said otherwise), struct gw_bytes for
 * raw bytes. A view of length 0 may have a NULL pointer.
 */
#ifndef GW_BASE_STR_H
#define GW_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/base/err.h"

struct gw_str {
    const char *ptr;
    size_t len;
};

struct gw_bytes {
    const uint8_t *ptr;
    size_t len;
};

/* View of a string literal; refuses pointers at compile time. */
#define GW_STR(literal) ((struct gw_str){"" literal, sizeof(literal) - 1})
/* printf pair for "%.*s". */
#define GW_STR_ARG(s) (int) (s).len, (s).ptr

/* View of a NUL-terminated string, NULL gives the empty view. */
struct gw_str gw_str_from_cstr(const char *cstr);
/* The same storage seen as bytes, or bytes seen as text (not validated). */
struct gw_bytes gw_bytes_from_str(struct gw_str s);
struct gw_str gw_str_from_bytes(struct gw_bytes b);

/* Same bytes. */
bool gw_str_eq(struct gw_str a, struct gw_str b);
/* True also for an empty prefix or suffix. */
bool gw_str_starts_with(struct gw_str s, struct gw_str prefix);
/* See gw_str_starts_with. */
bool gw_str_ends_with(struct gw_str s, struct gw_str suffix);
/* Order by bytes, shorter first on a common prefix; <0, 0, >0. */
int gw_str_compare(struct gw_str a, struct gw_str b);
/* s[from, from+len), clamped to s. Same lifetime as s. */
struct gw_str gw_str_sub(struct gw_str s, size_t from, size_t len);
/* s without leading and trailing space, tab, CR, LF. Same lifetime as s. */
struct gw_str gw_str_trim(struct gw_str s);
/* Index of the first `c` at or after `from`, or s.len. */
size_t gw_str_find(struct gw_str s, char c, size_t from);
/* Take the text before the next `separator` off the front of *rest. Returns
 * false when *rest is exhausted (ret_part untouched). "a,,b" has three parts. */
bool gw_str_split(struct gw_str *rest, char separator, struct gw_str *ret_part);
/* Copy into dst (dst_size bytes) and NUL-terminate. FULL if it does not fit or
 * INVALID if s holds a NUL; dst untouched then. */
enum gw_err gw_str_copy(struct gw_str s, char *dst, size_t dst_size);
/* Whole of s as a decimal integer in [min, max]; PARSE or RANGE otherwise. */
enum gw_err gw_str_to_i64(struct gw_str s, int64_t min, int64_t max, int64_t *ret_value);
enum gw_err gw_str_to_u64(struct gw_str s, uint64_t max, uint64_t *ret_value);
/* True if s is well-formed UTF-8 (RFC 3629: no surrogates, no overlong). */
bool gw_str_is_utf8(struct gw_str s);
/* Bytes of the well-formed sequence s begins with (1 to 4), 0 if there is none. */
size_t gw_str_utf8_len(struct gw_str s);

/* Lower-case hex of b into dst, which holds 2 * b.len + 1 bytes. */
void gw_hex_format(struct gw_bytes b, char *dst);
/* Exactly dst_size bytes from 2 * dst_size hex digits of either case. PARSE. */
enum gw_err gw_hex_parse(struct gw_str s, uint8_t *dst, size_t dst_size);

#endif
