/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small stored values: little-endian fields behind a CRC-32C of them. Of this
 * room only.
 *
 *     struct pack pack = pack_start(storage, sizeof(storage));
 *     pack_u64(&pack, number);
 *     struct gw_bytes sealed = pack_seal(&pack);
 *
 *     struct unpack unpack;
 *     if (!unpack_start(&unpack, bytes)) ... the checksum is wrong
 *     number = unpack_u64(&unpack);
 *     if (unpack.failed) ... too short
 */
#ifndef GW_QUEUE_PACK_H
#define GW_QUEUE_PACK_H

#include <endian.h>
#include <string.h>

#include "firmware/base/crc32c.h"

struct pack {
    uint8_t *data;
    size_t len, cap;
    bool failed;
};

static inline void pack_raw(struct pack *pack, const void *src, size_t len) {
    if (pack->failed || len > pack->cap - pack->len) {
        pack->failed = true;
        return;
    }
    if (len > 0) {
        memcpy(pack->data + pack->len, src, len);
    }
    pack->len += len;
}

static inline void pack_u8(struct pack *pack, uint8_t value) {
    pack_raw(pack, &value, sizeof(value));
}

static inline void pack_u16(struct pack *pack, uint16_t value) {
    value = htole16(value);
    pack_raw(pack, &value, sizeof(value));
}

static inline void pack_u32(struct pack *pack, uint32_t value) {
    value = htole32(value);
    pack_raw(pack, &value, sizeof(value));
}

static inline void pack_u64(struct pack *pack, uint64_t value) {
    value = htole64(value);
    pack_raw(pack, &value, sizeof(value));
}

/* Length in a byte, then the text; longer texts fail. */
static inline void pack_str(struct pack *pack, struct gw_str s) {
    pack->failed = pack->failed || s.len > UINT8_MAX;
    pack_u8(pack, (uint8_t) s.len);
    pack_raw(pack, s.ptr, s.len);
}

static inline struct pack pack_start(uint8_t *storage, size_t cap) {
    struct pack pack = {storage, 0, cap, false};
    pack_u32(&pack, 0);
    return pack;
}

static inline struct gw_bytes pack_seal(struct pack *pack) {
    uint32_t crc = htole32(gw_crc32c(0, (struct gw_bytes){pack->data + 4, pack->len - 4}));
    memcpy(pack->data, &crc, sizeof(crc));
    return (struct gw_bytes){pack->data, pack->len};
}

struct unpack {
    const uint8_t *at;
    size_t left;
    bool failed;
};

static inline const uint8_t *unpack_raw(struct unpack *unpack, size_t len) {
    static const uint8_t zeros[64];
    if (unpack->failed || len > unpack->left) {
        unpack->failed = true;
        return zeros; /* long enough for every field of fixed length */
    }
    const uint8_t *at = unpack->at;
    unpack->at += len;
    unpack->left -= len;
    return at;
}

static inline uint8_t unpack_u8(struct unpack *unpack) {
    return *unpack_raw(unpack, 1);
}

static inline uint16_t unpack_u16(struct unpack *unpack) {
    uint16_t value;
    memcpy(&value, unpack_raw(unpack, sizeof(value)), sizeof(value));
    return le16toh(value);
}

static inline uint32_t unpack_u32(struct unpack *unpack) {
    uint32_t value;
    memcpy(&value, unpack_raw(unpack, sizeof(value)), sizeof(value));
    return le32toh(value);
}

static inline uint64_t unpack_u64(struct unpack *unpack) {
    uint64_t value;
    memcpy(&value, unpack_raw(unpack, sizeof(value)), sizeof(value));
    return le64toh(value);
}

/* A view into the unpacked bytes. */
static inline struct gw_str unpack_str(struct unpack *unpack) {
    size_t len = unpack_u8(unpack);
    const uint8_t *at = unpack_raw(unpack, len);
    return unpack->failed ? (struct gw_str){0} : (struct gw_str){(const char *) at, len};
}

/* True if the checksum is right; false leaves a reader that yields zeros. */
static inline bool unpack_start(struct unpack *unpack, struct gw_bytes bytes) {
    *unpack = (struct unpack){bytes.ptr, bytes.len, false};
    uint32_t crc = unpack_u32(unpack);
    unpack->failed =
        unpack->failed || crc != gw_crc32c(0, (struct gw_bytes){bytes.ptr + 4, bytes.len - 4});
    return !unpack->failed;
}

#endif
