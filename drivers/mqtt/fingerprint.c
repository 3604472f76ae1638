/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/fingerprint.h"

uint64_t gw_fingerprint(uint64_t seed, struct gw_bytes bytes) {
    uint64_t hash = seed;
    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ bytes.ptr[i]) * UINT64_C(0x100000001b3);
    }
    /* A part's length counts, so ("ab","c") and ("a","bc") differ. */
    return (hash ^ bytes.len) * UINT64_C(0x100000001b3);
}
