/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gw_buf_init(struct gw_buf *buf, void *storage, size_t cap) {
    *buf = (struct gw_buf){.data = storage, .cap = cap};
}

enum gw_err gw_buf_open(struct gw_buf *buf, size_t cap) {
    void *storage = malloc(cap > 0 ? cap : 1);
    if (!storage) {
        return GW_ERR_NOMEM;
    }
    gw_buf_init(buf, storage, cap);
    return GW_OK;
}

void gw_buf_close(struct gw_buf *buf) {
    free(buf->data);
    *buf = (struct gw_buf){0};
}

void gw_buf_clear(struct gw_buf *buf) {
    gw_buf_rewind(buf, 0);
}

void gw_buf_rewind(struct gw_buf *buf, size_t len) {
    if (len < buf->len) {
        buf->len = len;
    }
    buf->failed = false;
}

bool gw_buf_failed(const struct gw_buf *buf) {
    return buf->failed;
}

size_t gw_buf_space(const struct gw_buf *buf) {
    return buf->cap - buf->len;
}

struct gw_str gw_buf_str(const struct gw_buf *buf) {
    return (struct gw_str){(const char *) buf->data, buf->len};
}

struct gw_bytes gw_buf_bytes(const struct gw_buf *buf) {
    return (struct gw_bytes){buf->data, buf->len};
}

static bool refuse(struct gw_buf *buf) {
    buf->failed = true;
    return false;
}

bool gw_buf_put(struct gw_buf *buf, struct gw_bytes bytes) {
    if (buf->failed || bytes.len > gw_buf_space(buf)) {
        return refuse(buf);
    }
    if (bytes.len > 0) {
        memcpy(buf->data + buf->len, bytes.ptr, bytes.len);
        buf->len += bytes.len;
    }
    return true;
}

bool gw_buf_put_str(struct gw_buf *buf, struct gw_str s) {
    return gw_buf_put(buf, gw_bytes_from_str(s));
}

bool gw_buf_put_char(struct gw_buf *buf, char c) {
    return gw_buf_put(buf, (struct gw_bytes){(const uint8_t *) &c, 1});
}

static bool put_decimal(struct gw_buf *buf, uint64_t value, bool negative) {
    uint8_t digits[21]; /* 20 digits of UINT64_MAX, or 19 and a sign */
    size_t at = sizeof(digits);
    do {
        digits[--at] = (uint8_t) ('0' + value % 10);
        value /= 10;
    } while (value > 0);
    if (negative) {
        digits[--at] = '-';
    }
    return gw_buf_put(buf, (struct gw_bytes){digits + at, sizeof(digits) - at});
}

bool gw_buf_put_u64(struct gw_buf *buf, uint64_t value) {
    return put_decimal(buf, value, false);
}

bool gw_buf_put_i64(struct gw_buf *buf, int64_t value) {
    uint64_t bits = (uint64_t) value;
    return put_decimal(buf, value < 0 ? 0 - bits : bits, value < 0);
}

/* What stands behind the backslash; 0 = no escape needed, 'u' = \u00XX. */
static const char escapes[256] = {
    [0 ... 7] = 'u', ['\b'] = 'b', ['\t'] = 't',      ['\n'] = 'n', [11] = 'u',
    ['\f'] = 'f',    ['\r'] = 'r', [14 ... 31] = 'u', ['"'] = '"',  ['\\'] = '\\',
};

static void put_escape(struct gw_buf *buf, unsigned char c) {
    static const char digits[] = "0123456789abcdef";
    char text[6] = {'\\', escapes[c], '0', '0', digits[c >> 4], digits[c & 15]};
    gw_buf_put(buf, (struct gw_bytes){(const uint8_t *) text, escapes[c] == 'u' ? 6 : 2});
}

bool gw_buf_put_json_str(struct gw_buf *buf, struct gw_str s) {
    size_t before = buf->len;
    gw_buf_put_char(buf, '"');
    size_t run = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char) s.ptr[i];
        if (escapes[c] == 0) {
            continue;
        }
        gw_buf_put_str(buf, gw_str_sub(s, run, i - run));
        put_escape(buf, c);
        run = i + 1;
    }
    gw_buf_put_str(buf, gw_str_sub(s, run, SIZE_MAX));
    gw_buf_put_char(buf, '"');
    if (buf->failed) {
        buf->len = before;
        return false;
    }
    return true;
}

/* vsnprintf wants room for a NUL that the buffer does not store: short pieces
 * go through a scratch array so that a piece may fill the buffer to the brim,
 * long ones need that one spare byte. */
bool gw_buf_printf(struct gw_buf *buf, const char *format, ...) {
    char scratch[256];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(scratch, sizeof(scratch), format, args);
    va_end(args);
    if (len < 0 || buf->failed) {
        return refuse(buf);
    }
    if ((size_t) len < sizeof(scratch)) {
        return gw_buf_put_str(buf, (struct gw_str){scratch, (size_t) len});
    }
    if ((size_t) len >= gw_buf_space(buf)) {
        return refuse(buf);
    }
    va_start(args, format);
    vsnprintf((char *) buf->data + buf->len, gw_buf_space(buf), format, args);
    va_end(args);
    buf->len += (size_t) len;
    return true;
}
