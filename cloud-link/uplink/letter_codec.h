/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and values of the link store as bytes. Pure. */
#ifndef GW_CLOUD_LINK_LETTER_CODEC_H
#define GW_CLOUD_LINK_LETTER_CODEC_H

#include "cloud-link/uplink/link_store.h"

#define GW_LETTER_KEY_MAX 400
#define GW_LETTER_HEADER_BYTES 24
#define GW_LETTER_VALUE_MAX                                                                    \
    (GW_LETTER_HEADER_BYTES + GW_LETTER_TYPE_MAX + GW_LETTER_CODE_MAX + GW_LETTER_DETAIL_MAX   \
     + GW_EVENT_MAX_BYTES)

/* Views of `dst`. A sink name longer than 255 bytes is cut. */
struct gw_bytes gw_letter_key_encode(const struct gw_letter_key *key,
                                     uint8_t dst[static GW_LETTER_KEY_MAX]);
struct gw_bytes gw_cursor_key_encode(const struct gw_letter_key *key,
                                     uint8_t dst[static GW_LETTER_KEY_MAX]);
struct gw_bytes gw_mark_key_encode(struct gw_str sink, struct gw_str name,
                                   uint8_t dst[static GW_LETTER_KEY_MAX]);
/* The sink's name is a view of `bytes`. CORRUPT. */
enum gw_err gw_letter_key_decode(struct gw_bytes bytes, struct gw_letter_key *ret_key);

/* Little-endian, version 1; number of bytes written:
 *   0 u8 version   1 u8 verdict   2 u8 flags: 1 is_tombstone, 2 retry_due
 *   3 u8 0         4 u16 type length   6 u16 code length   8 u16 detail length
 *  10 u16 0       12 u32 event length  16 i64 time  24 type, code, detail, event */
size_t gw_letter_encode(const struct gw_letter *letter,
                        uint8_t dst[static GW_LETTER_VALUE_MAX]);
/* Texts are views of `bytes`. CORRUPT; SCHEMA for a newer version. */
enum gw_err gw_letter_decode(struct gw_bytes bytes, struct gw_letter *ret_letter);

/* A key as opaque text for paging ("from"): hexadecimal of its bytes. */
bool gw_letter_key_put_text(const struct gw_letter_key *key, struct gw_buf *buf);
/* `storage` (GW_LETTER_KEY_MAX bytes) keeps what the key points to. PARSE. */
enum gw_err gw_letter_key_parse_text(struct gw_str text,
                                     uint8_t storage[static GW_LETTER_KEY_MAX],
                                     struct gw_letter_key *ret_key);
/* "rejected", "refused", ... Static storage. */
const char *gw_letter_verdict_name(enum gw_letter_verdict verdict);

#endif
