/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "firmware/crypto/crypto.h"
#include "firmware/crypto/mbedtls_compat.h"
#include "firmware/crypto/sha256_hardware.h"

struct own_state {
    uint32_t words[8];
    uint64_t total_bytes;
    uint8_t block[GW_SHA256_BLOCK_BYTES]; /* total_bytes % 64 of it are used */
};

struct running {
    bool hardware;
    union {
        struct own_state own;
        mbedtls_sha256_context vendor;
    };
};

_Static_assert(sizeof(struct running) <= sizeof((struct gw_sha256){0}.opaque),
               "the caller's storage is too small for this mbedTLS");
_Static_assert(_Alignof(struct running) <= 16, "alignment of the caller's storage");

static struct running *running_of(struct gw_sha256 *hash) {
    return (struct running *) (void *) hash->opaque;
}

/* The software implementation has no way to fail; one that does leaves no digest
 * to go on with, and a wrong one must not reach the disk. */
static void must(int answer) {
    if (answer != 0) {
        abort();
    }
}

void gw_sha256_start_on(struct gw_sha256 *hash, bool hardware) {
    /* FIPS 180-4, 5.3.3: fractions of the square roots of the first 8 primes. */
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    struct running *running = running_of(hash);
    running->hardware = hardware;
    if (hardware) {
        memcpy(running->own.words, start, sizeof(start));
        running->own.total_bytes = 0;
        return;
    }
    mbedtls_sha256_init(&running->vendor);
    must(mbedtls_sha256_starts(&running->vendor, 0));
}

void gw_sha256_start(struct gw_sha256 *hash) {
    gw_sha256_start_on(hash, gw_sha256_hardware_available());
}

static void own_update(struct own_state *own, struct gw_bytes bytes) {
    size_t used = own->total_bytes % GW_SHA256_BLOCK_BYTES;
    own->total_bytes += bytes.len;
    if (used > 0) {
        size_t gap = GW_SHA256_BLOCK_BYTES - used;
        size_t taken = bytes.len < gap ? bytes.len : gap;
        memcpy(own->block + used, bytes.ptr, taken);
        if (taken < gap) {
            return;
        }
        gw_sha256_hardware_blocks(own->words, own->block, 1);
        bytes.ptr += taken;
        bytes.len -= taken;
    }
    size_t blocks = bytes.len / GW_SHA256_BLOCK_BYTES;
    gw_sha256_hardware_blocks(own->words, bytes.ptr, blocks);
    size_t done = blocks * GW_SHA256_BLOCK_BYTES;
    memcpy(own->block, bytes.ptr + done, bytes.len - done);
}

/* FIPS 180-4, 5.1.1: a one bit, zeros, the length in bits as the last 8 bytes. */
static void own_finish(struct own_state *own, uint8_t *digest) {
    uint8_t tail[2 * GW_SHA256_BLOCK_BYTES] = {0};
    size_t used = own->total_bytes % GW_SHA256_BLOCK_BYTES;
    memcpy(tail, own->block, used);
    tail[used] = 0x80;
    size_t blocks = used < GW_SHA256_BLOCK_BYTES - 8 ? 1 : 2;
    uint64_t bits = own->total_bytes * 8;
    for (size_t i = 1; i <= 8; i++) {
        tail[blocks * GW_SHA256_BLOCK_BYTES - i] = (uint8_t) bits;
        bits >>= 8;
    }
    gw_sha256_hardware_blocks(own->words, tail, blocks);
    for (size_t i = 0; i < GW_SHA256_BYTES; i++) {
        digest[i] = (uint8_t) (own->words[i / 4] >> (24 - 8 * (i % 4)));
    }
    explicit_bzero(tail, sizeof(tail));
    explicit_bzero(own, sizeof(*own));
}

void gw_sha256_update(struct gw_sha256 *hash, struct gw_bytes bytes) {
    struct running *running = running_of(hash);
    if (bytes.len == 0) {
        return;
    }
    if (running->hardware) {
        own_update(&running->own, bytes);
        return;
    }
    must(mbedtls_sha256_update(&running->vendor, bytes.ptr, bytes.len));
}

void gw_sha256_finish(struct gw_sha256 *hash, uint8_t ret_digest[static GW_SHA256_BYTES]) {
    struct running *running = running_of(hash);
    if (running->hardware) {
        own_finish(&running->own, ret_digest);
        return;
    }
    must(mbedtls_sha256_finish(&running->vendor, ret_digest));
    mbedtls_sha256_free(&running->vendor);
}

void gw_sha256_of(struct gw_bytes bytes, uint8_t ret_digest[static GW_SHA256_BYTES]) {
    struct gw_sha256 hash;
    gw_sha256_start(&hash);
    gw_sha256_update(&hash, bytes);
    gw_sha256_finish(&hash, ret_digest);
}
