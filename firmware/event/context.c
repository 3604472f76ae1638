/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A context record, little-endian, version 1:
 *
 *   0  u32 crc32c of bytes [4, length)
 *   4  u8  format version (1)
 *   5  u8  epoch, upper 2 bits
 *   6  u8  serial length      7  u8  site length
 *   8  u8  owner length       9  u8  zone length
 *  10  u64 epoch, lower 64 bits
 *  18  16  boot id
 *  34      serial, site, owner, zone
 *
 * Equal contexts encode to equal bytes: the store finds a context by its bytes.
 */
#include "firmware/base/crc32c.h"
#include "firmware/event/record.h"
#include "firmware/event/wire.h"

#define CONTEXT_FORMAT_VERSION 1
#define CONTEXT_HEADER_BYTES 34
#define SERIAL_MAX_BYTES 64

_Static_assert(CONTEXT_HEADER_BYTES + SERIAL_MAX_BYTES + 3 * GW_EVENT_NAME_MAX_BYTES
                   <= GW_CONTEXT_MAX_BYTES,
               "every context fits its record");

static bool is_serial(struct gw_str serial) {
    for (size_t i = 0; i < serial.len; i++) {
        char c = serial.ptr[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
              || c == '-')) {
            return false;
        }
    }
    return serial.len > 0 && serial.len <= SERIAL_MAX_BYTES;
}

static bool is_context_text(struct gw_str text) {
    return text.len <= GW_EVENT_NAME_MAX_BYTES && gw_str_is_utf8(text);
}

enum gw_err gw_context_encode(const struct gw_event_context *context, uint8_t *dst,
                              size_t dst_cap, size_t *ret_len) {
    if (!is_serial(context->serial) || !is_context_text(context->site)
        || !is_context_text(context->owner) || !is_context_text(context->zone)) {
        return GW_ERR_INVALID;
    }
    const struct gw_str parts[] = {context->serial, context->site, context->owner,
                                   context->zone};
    size_t len = CONTEXT_HEADER_BYTES;
    for (size_t i = 0; i < 4; i++) {
        len += parts[i].len;
    }
    if (len > dst_cap) {
        return GW_ERR_FULL;
    }
    dst[4] = CONTEXT_FORMAT_VERSION;
    dst[5] = context->epoch.high & 3;
    gw_le_put_u64(dst + 10, context->epoch.low);
    memcpy(dst + 18, context->boot_id, 16);
    uint8_t *at = dst + CONTEXT_HEADER_BYTES;
    for (size_t i = 0; i < 4; i++) {
        dst[6 + i] = (uint8_t) parts[i].len;
        gw_wire_copy(at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    gw_le_put_u32(dst, gw_crc32c(0, (struct gw_bytes){dst + 4, len - 4}));
    *ret_len = len;
    return GW_OK;
}

enum gw_err gw_context_decode(struct gw_bytes bytes, struct gw_event_context *ret_context) {
    if (bytes.len < CONTEXT_HEADER_BYTES || bytes.len > GW_CONTEXT_MAX_BYTES
        || gw_le_get_u32(bytes.ptr)
               != gw_crc32c(0, (struct gw_bytes){bytes.ptr + 4, bytes.len - 4})) {
        return GW_ERR_CORRUPT;
    }
    if (bytes.ptr[4] > CONTEXT_FORMAT_VERSION) {
        return GW_ERR_SCHEMA;
    }
    struct gw_str parts[4];
    size_t at = CONTEXT_HEADER_BYTES;
    for (size_t i = 0; i < 4; i++) {
        parts[i] = gw_str_sub(gw_str_from_bytes(bytes), at, bytes.ptr[6 + i]);
        at += bytes.ptr[6 + i];
    }
    if (bytes.ptr[4] == 0 || at != bytes.len || !is_serial(parts[0]) || bytes.ptr[5] > 3) {
        return GW_ERR_CORRUPT;
    }
    struct gw_event_context context = {
        .epoch = {.high = bytes.ptr[5], .low = gw_le_get_u64(bytes.ptr + 10)},
        .serial = parts[0],
        .site = parts[1],
        .owner = parts[2],
        .zone = parts[3],
    };
    memcpy(context.boot_id, bytes.ptr + 18, 16);
    *ret_context = context;
    return GW_OK;
}
