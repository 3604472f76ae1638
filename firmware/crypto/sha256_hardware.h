/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 by the processor's own instructions, where it has them: every event is
 * digested, and mbedTLS as Debian builds it does it in plain C, at a quarter of
 * the speed. Private to this room; sha256.c chooses.
 */
#ifndef GW_CRYPTO_SHA256_HARDWARE_H
#define GW_CRYPTO_SHA256_HARDWARE_H

#include "firmware/crypto/crypto.h"

#define GW_SHA256_BLOCK_BYTES 64

/* True if this processor has the instructions. Cheap after the first call. */
bool gw_sha256_hardware_available(void);
/* Mix `count` whole blocks into the state (eight words, FIPS 180-4, 6.2.2). Only
 * where available. */
void gw_sha256_hardware_blocks(uint32_t state[static 8], const uint8_t *blocks, size_t count);

/* Begin like gw_sha256_start, on the given way: the test compares the two. */
void gw_sha256_start_on(struct gw_sha256 *hash, bool hardware);

#endif
