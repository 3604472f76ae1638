/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, RFC 3720 appendix B.4):
 * check value of "123456789" is 0xE3069283. */
#ifndef GW_BASE_CRC32C_H
#define GW_BASE_CRC32C_H

#include "firmware/base/str.h"

/* CRC of `bytes`, continuing from `seed` (0 at the start). Thread-safe. Uses
 * the processor's instruction where there is one, the same result elsewhere. */
uint32_t gw_crc32c(uint32_t seed, struct gw_bytes bytes);
/* The same by tables on any processor; the test compares the two. */
uint32_t gw_crc32c_portable(uint32_t seed, struct gw_bytes bytes);

#endif
