/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/personal/reading.h"

#include <string.h>

#include "firmware/personal/pattern.h"

struct reader {
    struct gw_str text;
    size_t at;
    struct gw_buf *storage;
    bool is_damaged;
};

static void put_damage(struct reader *reader) {
    gw_buf_put_char(reader->storage, GW_PATTERN_DAMAGE);
    reader->is_damaged = true;
}

/* EOT, TAB, LF, CR, FS, GS, RS, US */
static bool is_separator(uint32_t point) {
    return point == 0x04 || point == '\t' || point == '\n' || point == '\r'
           || (point >= 0x1c && point <= 0x1f);
}

static bool is_damage(uint32_t point) {
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xfffd
           || (point >= 0xd800 && point <= 0xdfff);
}

/* A character below U+10000: others are never damage and never escaped in one. */
static void put_point(struct reader *reader, uint32_t point) {
    struct gw_buf *storage = reader->storage;
    if (is_separator(point)) {
        gw_buf_put_char(storage, GW_PATTERN_SEPARATOR);
    } else if (is_damage(point)) {
        put_damage(reader);
    } else if (point < 0x80) {
        gw_buf_put_char(storage, (char) point);
    } else if (point < 0x800) {
        gw_buf_put_char(storage, (char) (0xc0U | point >> 6));
        gw_buf_put_char(storage, (char) (0x80U | (point & 0x3fU)));
    } else {
        gw_buf_put_char(storage, (char) (0xe0U | point >> 12));
        gw_buf_put_char(storage, (char) (0x80U | (point >> 6 & 0x3fU)));
        gw_buf_put_char(storage, (char) (0x80U | (point & 0x3fU)));
    }
}

/* ---- escapes ---- */

static bool take_hex(struct reader *reader, char letter, size_t digits, uint32_t *ret_value) {
    struct gw_str rest = gw_str_sub(reader->text, reader->at, 1 + digits);
    uint8_t bytes[2];
    if (rest.len != 1 + digits || rest.ptr[0] != letter
        || gw_hex_parse(gw_str_sub(rest, 1, digits), bytes, digits / 2)) {
        return false;
    }
    reader->at += rest.len;
    *ret_value = digits == 4 ? (uint32_t) bytes[0] << 8 | bytes[1] : bytes[0];
    return true;
}

/* Stands at a backslash. One that was escaped may begin the next escape. */
static void read_escape(struct reader *reader) {
    struct gw_str text = reader->text;
    uint32_t value = '\\';
    while (value == '\\') {
        while (reader->at < text.len && text.ptr[reader->at] == '\\') {
            reader->at++;
        }
        if (take_hex(reader, 'x', 2, &value)) {
            /* a byte of its own is no character */
            value = value < 0x80 ? value : 0;
        } else if (!take_hex(reader, 'u', 4, &value)) {
            break;
        }
    }
    char c = reader->at < text.len ? text.ptr[reader->at] : '\0';
    if (value != '\\') {
        put_point(reader, value);
    } else if (c != '\0' && strchr("bfnrt", c)) {
        gw_buf_put_char(reader->storage, GW_PATTERN_SEPARATOR);
        reader->at++;
    } else if (c == '"' || c == '/') {
        gw_buf_put_char(reader->storage, c);
        reader->at++;
    } else {
        gw_buf_put_char(reader->storage, '\\');
    }
}

/* ---- characters ---- */

static void read_character(struct reader *reader) {
    struct gw_str rest = gw_str_sub(reader->text, reader->at, SIZE_MAX);
    size_t len = gw_str_utf8_len(rest);
    uint8_t first = (uint8_t) rest.ptr[0];
    reader->at += len > 0 ? len : 1;
    if (len == 0) {
        put_damage(reader);
    } else if (len == 1) {
        put_point(reader, first);
    } else if (len == 2) {
        put_point(reader, (first & 0x1fU) << 6 | ((uint8_t) rest.ptr[1] & 0x3fU));
    } else if (len == 3 && memcmp(rest.ptr, "\xef\xbf\xbd", 3) == 0) {
        put_damage(reader);
    } else {
        gw_buf_put_str(reader->storage, gw_str_sub(rest, 0, len));
    }
}

enum gw_err gw_reading_make(struct gw_str text, struct gw_buf *storage,
                            struct gw_reading *ret_reading) {
    if (gw_buf_failed(storage) || gw_buf_space(storage) < text.len) {
        return GW_ERR_FULL;
    }
    size_t from = storage->len;
    struct reader reader = {.text = text, .storage = storage};
    while (reader.at < text.len) {
        if (text.ptr[reader.at] == '\\') {
            read_escape(&reader);
        } else {
            read_character(&reader);
        }
    }
    struct gw_str meant = gw_str_sub(gw_buf_str(storage), from, SIZE_MAX);
    *ret_reading =
        (struct gw_reading){.text = text,
                            .meant = meant,
                            .is_changed = reader.is_damaged || !gw_str_eq(text, meant),
                            .is_damaged = reader.is_damaged};
    return GW_OK;
}
