/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "firmware/crypto/crypto.h"

#define BLOCK_BYTES 64 /* of SHA-256 */

/* RFC 2104, section 2: H(K XOR opad, H(K XOR ipad, text)). */
void gw_hmac_sha256(struct gw_bytes key, struct gw_bytes text,
                    uint8_t ret_digest[static GW_SHA256_BYTES]) {
    uint8_t block[BLOCK_BYTES] = {0}, inner[GW_SHA256_BYTES];
    if (key.len > BLOCK_BYTES) {
        gw_sha256_of(key, block);
    } else if (key.len > 0) {
        memcpy(block, key.ptr, key.len);
    }
    struct gw_sha256 hash;
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        block[i] ^= 0x36;
    }
    gw_sha256_start(&hash);
    gw_sha256_update(&hash, (struct gw_bytes){block, sizeof block});
    gw_sha256_update(&hash, text);
    gw_sha256_finish(&hash, inner);
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        block[i] ^= 0x36 ^ 0x5c;
    }
    gw_sha256_start(&hash);
    gw_sha256_update(&hash, (struct gw_bytes){block, sizeof block});
    gw_sha256_update(&hash, (struct gw_bytes){inner, sizeof inner});
    gw_sha256_finish(&hash, ret_digest);
    explicit_bzero(block, sizeof block);
    explicit_bzero(inner, sizeof inner);
}
