/* SPDX-License-Identifier: Apache-2.0 */
/* Little-endian integers at unaligned addresses, and text pieces that both the
 * digest and the rendering must write alike. Of this room only. */
#ifndef GW_EVENT_WIRE_H
#define GW_EVENT_WIRE_H

#include <endian.h>
#include <string.h>

#include "firmware/event/record.h"

static inline void gw_le_put_u16(uint8_t *dst, uint16_t value) {
    value = htole16(value);
    memcpy(dst, &value, sizeof(value));
}

static inline void gw_le_put_u32(uint8_t *dst, uint32_t value) {
    value = htole32(value);
    memcpy(dst, &value, sizeof(value));
}

static inline void gw_le_put_u64(uint8_t *dst, uint64_t value) {
    value = htole64(value);
    memcpy(dst, &value, sizeof(value));
}

static inline uint16_t gw_le_get_u16(const uint8_t *src) {
    uint16_t value;
    memcpy(&value, src, sizeof(value));
    return le16toh(value);
}

static inline uint32_t gw_le_get_u32(const uint8_t *src) {
    uint32_t value;
    memcpy(&value, src, sizeof(value));
    return le32toh(value);
}

static inline uint64_t gw_le_get_u64(const uint8_t *src) {
    uint64_t value;
    memcpy(&value, src, sizeof(value));
    return le64toh(value);
}

/* memcpy that allows the empty view's NULL pointer. */
static inline void gw_wire_copy(uint8_t *dst, const void *src, size_t len) {
    if (len > 0) {
        memcpy(dst, src, len);
    }
}

/* "urn:gangway:<serial>:<device>"; the device of a tombstone is the gateway. */
static inline void gw_event_put_source(struct gw_buf *buf, const struct gw_record *record,
                                       const struct gw_event_context *context) {
    gw_buf_put_str(buf, GW_STR("urn:gangway:"));
    gw_buf_put_str(buf, context->serial);
    gw_buf_put_char(buf, ':');
    gw_buf_put_str(buf, record->device);
}

/* The partition key a reader sees: an empty one means the device. */
static inline struct gw_str gw_event_partition_key(const struct gw_record *record) {
    return record->partition_key.len > 0 ? record->partition_key : record->device;
}

#endif
