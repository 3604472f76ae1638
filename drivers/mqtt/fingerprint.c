/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/fingerprint.h"

#include <endian.h>
#include <string.h>

/* Odd, with bits spread evenly: 2^64 / golden ratio, and a prime. */
#define FACTOR_A UINT64_C(0x9E3779B97F4A7C15)
#define FACTOR_B UINT64_C(0xD6E8FEB86659FD93)

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * FACTOR_A;
    return (hash ^ hash >> 32) * FACTOR_B;
}

/* Up to eight bytes as a number, the same on every machine. */
static uint64_t word_at(const uint8_t *bytes, size_t len) {
    uint64_t word = 0;
    memcpy(&word, bytes, len);
    return le64toh(word);
}

uint64_t gw_fingerprint(uint64_t seed, struct gw_bytes bytes) {
    uint64_t hash = mix(seed, bytes.len);
    size_t at = 0;
    for (; bytes.len - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        hash = mix(hash, word_at(bytes.ptr + at, sizeof(uint64_t)));
    }
    if (at < bytes.len) {
        hash = mix(hash, word_at(bytes.ptr + at, bytes.len - at));
    }
    return hash ^ hash >> 29;
}
