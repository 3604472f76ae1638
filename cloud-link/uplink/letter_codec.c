/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud-link/uplink/letter_codec.h"

#include <endian.h>
#include <string.h>

#define FORMAT_VERSION 1
#define FLAG_TOMBSTONE 1u
#define FLAG_RETRY_DUE 2u
/* epoch high, epoch low, class */
#define TRACK_BYTES 10
#define SEQUENCE_BYTES 8

/* ---- keys ---- */

static size_t put_text(uint8_t *dst, struct gw_str text) {
    size_t len = text.len <= UINT8_MAX ? text.len : UINT8_MAX;
    dst[0] = (uint8_t) len;
    if (len > 0) {
        memcpy(dst + 1, text.ptr, len);
    }
    return 1 + len;
}

static size_t put_be64(uint8_t *dst, uint64_t value) {
    uint64_t bytes = htobe64(value);
    memcpy(dst, &bytes, sizeof(bytes));
    return sizeof(bytes);
}

static uint64_t get_be64(const uint8_t *src) {
    uint64_t bytes;
    memcpy(&bytes, src, sizeof(bytes));
    return be64toh(bytes);
}

struct gw_bytes gw_cursor_key_encode(const struct gw_letter_key *key,
                                     uint8_t dst[static GW_LETTER_KEY_MAX]) {
    size_t len = put_text(dst, key->sink);
    dst[len++] = key->epoch.high;
    len += put_be64(dst + len, key->epoch.low);
    dst[len++] = (uint8_t) key->class;
    return (struct gw_bytes){dst, len};
}

struct gw_bytes gw_letter_key_encode(const struct gw_letter_key *key,
                                     uint8_t dst[static GW_LETTER_KEY_MAX]) {
    size_t len = gw_cursor_key_encode(key, dst).len;
    len += put_be64(dst + len, key->sequence);
    return (struct gw_bytes){dst, len};
}

struct gw_bytes gw_mark_key_encode(struct gw_str sink, struct gw_str name,
                                   uint8_t dst[static GW_LETTER_KEY_MAX]) {
    size_t len = put_text(dst, sink);
    size_t rest = name.len < GW_LETTER_KEY_MAX - len ? name.len : GW_LETTER_KEY_MAX - len;
    if (rest > 0) {
        memcpy(dst + len, name.ptr, rest);
    }
    return (struct gw_bytes){dst, len + rest};
}

enum gw_err gw_letter_key_decode(struct gw_bytes bytes, struct gw_letter_key *ret_key) {
    if (bytes.len < 1 || bytes.len != 1u + bytes.ptr[0] + TRACK_BYTES + SEQUENCE_BYTES) {
        return GW_ERR_CORRUPT;
    }
    const uint8_t *track = bytes.ptr + 1 + bytes.ptr[0];
    if (track[0] > 3 || track[9] >= GW_CLASS_COUNT) {
        return GW_ERR_CORRUPT;
    }
    *ret_key = (struct gw_letter_key){
        .sink = {(const char *) bytes.ptr + 1, bytes.ptr[0]},
        .epoch = {track[0], get_be64(track + 1)},
        .class = (enum gw_flow_class) track[9],
        .sequence = get_be64(track + TRACK_BYTES),
    };
    return GW_OK;
}

bool gw_letter_key_put_text(const struct gw_letter_key *key, struct gw_buf *buf) {
    uint8_t bytes[GW_LETTER_KEY_MAX];
    char text[2 * GW_LETTER_KEY_MAX + 1];
    struct gw_bytes encoded = gw_letter_key_encode(key, bytes);
    gw_hex_format(encoded, text);
    return gw_buf_put_str(buf, (struct gw_str){text, 2 * encoded.len});
}

enum gw_err gw_letter_key_parse_text(struct gw_str text,
                                     uint8_t storage[static GW_LETTER_KEY_MAX],
                                     struct gw_letter_key *ret_key) {
    size_t len = text.len / 2;
    if (text.len % 2 != 0 || len > GW_LETTER_KEY_MAX) {
        return GW_ERR_PARSE;
    }
    enum gw_err err = gw_hex_parse(text, storage, len);
    if (err) {
        return err;
    }
    err = gw_letter_key_decode((struct gw_bytes){storage, len}, ret_key);
    return err ? GW_ERR_PARSE : GW_OK;
}

/* ---- values ---- */

static const char *const verdict_names[] = {
    [GW_LETTER_REJECTED] = "rejected",
    [GW_LETTER_REFUSED] = "refused",
    [GW_LETTER_SERVER_FAULT] = "refused_by_server_fault",
    [GW_LETTER_CONFLICT] = "conflict",
    [GW_LETTER_CORRUPT] = "corrupt",
};

static bool is_verdict(unsigned verdict) {
    return verdict >= GW_LETTER_REJECTED && verdict <= GW_LETTER_CORRUPT;
}

const char *gw_letter_verdict_name(enum gw_letter_verdict verdict) {
    return is_verdict(verdict) ? verdict_names[verdict] : "unknown";
}

/* At most `max` bytes, not ending inside a UTF-8 sequence. */
static struct gw_str cut(struct gw_str text, size_t max) {
    if (text.len <= max) {
        return text;
    }
    size_t len = max;
    while (len > 0 && ((unsigned char) text.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    return (struct gw_str){text.ptr, len};
}

static void put_u16(uint8_t *dst, size_t value) {
    uint16_t bytes = htole16((uint16_t) value);
    memcpy(dst, &bytes, sizeof(bytes));
}

static size_t get_u16(const uint8_t *src) {
    uint16_t bytes;
    memcpy(&bytes, src, sizeof(bytes));
    return le16toh(bytes);
}

static void put_header(const struct gw_letter *letter, const struct gw_str texts[static 4],
                       uint8_t *dst) {
    uint32_t event_len = htole32((uint32_t) texts[3].len);
    uint64_t time = htole64((uint64_t) letter->time_wall_ms);
    memset(dst, 0, GW_LETTER_HEADER_BYTES);
    dst[0] = FORMAT_VERSION;
    dst[1] = (uint8_t) letter->verdict;
    dst[2] = (uint8_t) ((letter->is_tombstone ? FLAG_TOMBSTONE : 0)
                        | (letter->retry_due ? FLAG_RETRY_DUE : 0));
    put_u16(dst + 4, texts[0].len);
    put_u16(dst + 6, texts[1].len);
    put_u16(dst + 8, texts[2].len);
    memcpy(dst + 12, &event_len, sizeof(event_len));
    memcpy(dst + 16, &time, sizeof(time));
}

size_t gw_letter_encode(const struct gw_letter *letter,
                        uint8_t dst[static GW_LETTER_VALUE_MAX]) {
    bool fits = letter->event.len <= GW_EVENT_MAX_BYTES;
    struct gw_str texts[] = {
        cut(letter->type, GW_LETTER_TYPE_MAX), cut(letter->code, GW_LETTER_CODE_MAX),
        cut(letter->detail, GW_LETTER_DETAIL_MAX),
        fits ? letter->event : (struct gw_str){0}, /* half an event is none */
    };
    put_header(letter, texts, dst);
    size_t at = GW_LETTER_HEADER_BYTES;
    for (size_t i = 0; i < 4; i++) {
        if (texts[i].len > 0) {
            memcpy(dst + at, texts[i].ptr, texts[i].len);
            at += texts[i].len;
        }
    }
    return at;
}

enum gw_err gw_letter_decode(struct gw_bytes bytes, struct gw_letter *ret_letter) {
    if (bytes.len < GW_LETTER_HEADER_BYTES || !is_verdict(bytes.ptr[1])) {
        return GW_ERR_CORRUPT;
    }
    if (bytes.ptr[0] != FORMAT_VERSION) {
        return bytes.ptr[0] > FORMAT_VERSION ? GW_ERR_SCHEMA : GW_ERR_CORRUPT;
    }
    uint32_t event_len;
    uint64_t time;
    memcpy(&event_len, bytes.ptr + 12, sizeof(event_len));
    memcpy(&time, bytes.ptr + 16, sizeof(time));
    size_t lens[] = {get_u16(bytes.ptr + 4), get_u16(bytes.ptr + 6), get_u16(bytes.ptr + 8),
                     le32toh(event_len)};
    if (bytes.len != GW_LETTER_HEADER_BYTES + lens[0] + lens[1] + lens[2] + lens[3]) {
        return GW_ERR_CORRUPT;
    }
    struct gw_letter letter = {
        .verdict = (enum gw_letter_verdict) bytes.ptr[1],
        .is_tombstone = bytes.ptr[2] & FLAG_TOMBSTONE,
        .retry_due = bytes.ptr[2] & FLAG_RETRY_DUE,
        .time_wall_ms = (int64_t) le64toh(time),
    };
    struct gw_str *texts[] = {&letter.type, &letter.code, &letter.detail, &letter.event};
    const char *at = (const char *) bytes.ptr + GW_LETTER_HEADER_BYTES;
    for (size_t i = 0; i < 4; i++) {
        *texts[i] = (struct gw_str){at, lens[i]};
        at += lens[i];
    }
    *ret_letter = letter;
    return GW_OK;
}
