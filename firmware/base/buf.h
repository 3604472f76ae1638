/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte buffer that knows its maximum. It never grows: it is given its
 * storage (caller's array, arena or one allocation at open) and answers FULL
 * when that is used up, leaving the content as it was before the call.
 *
 * A writer of many pieces may ignore single answers and ask gw_buf_failed()
 * once at the end: the first FULL makes the buffer refuse all later pieces
 * until gw_buf_clear() or gw_buf_rewind().
 */
#ifndef GW_BASE_BUF_H
#define GW_BASE_BUF_H

#include <stdarg.h>

#include "firmware/base/str.h"

struct gw_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    bool failed;
};

/* Use `storage` of `cap` bytes; it must outlive the buffer. */
void gw_buf_init(struct gw_buf *buf, void *storage, size_t cap);
/* One heap allocation of `cap` bytes, for use at open only. NOMEM. */
enum gw_err gw_buf_open(struct gw_buf *buf, size_t cap);
/* Free what gw_buf_open allocated; harmless on a zeroed struct. */
void gw_buf_close(struct gw_buf *buf);

/* Drop all content and the failed mark. */
void gw_buf_clear(struct gw_buf *buf);
/* Drop everything after `len` (a former buf->len) and the failed mark. */
void gw_buf_rewind(struct gw_buf *buf, size_t len);
bool gw_buf_failed(const struct gw_buf *buf);
size_t gw_buf_space(const struct gw_buf *buf);
/* View of the content, valid until the next change of the buffer. */
struct gw_str gw_buf_str(const struct gw_buf *buf);
struct gw_bytes gw_buf_bytes(const struct gw_buf *buf);

/* Append; all or nothing. FULL. The answer may be ignored as said above, which
 * is why these return bool (true = appended), not gw_err. */
bool gw_buf_put(struct gw_buf *buf, struct gw_bytes bytes);
bool gw_buf_put_str(struct gw_buf *buf, struct gw_str s);
bool gw_buf_put_char(struct gw_buf *buf, char c);
bool gw_buf_put_u64(struct gw_buf *buf, uint64_t value);
bool gw_buf_put_i64(struct gw_buf *buf, int64_t value);
/* s as a JSON string with its quotes, escaped as RFC 8785 wants it: \" \\ \b \f
 * \n \r \t, other control characters as \u00xx in lower case, everything else
 * verbatim (s must be UTF-8). */
bool gw_buf_put_json_str(struct gw_buf *buf, struct gw_str s);
/* Pieces of 256 bytes and more need one spare byte behind them. */
bool gw_buf_printf(struct gw_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
