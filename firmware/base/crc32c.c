/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Portable path: "slicing by 8" (M. Kounavis, F. Berry, 2005), eight tables
 * that give the CRC of a byte followed by 0 to 7 zero bytes. A CRC is linear
 * over XOR, so each table follows from its eight entries for single bits;
 * those 64 numbers stand below and the compiler makes the tables.
 */
#include "firmware/base/crc32c.h"

#include <string.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

/* clang-format off */
#define BIT(n, i, value) (((n) >> (i) & 1) ? (value) : 0u)
#define SLICE0(n) \
    (BIT(n, 0, 0xf26b8303u) ^ BIT(n, 1, 0xe13b70f7u) ^ BIT(n, 2, 0xc79a971fu) ^ BIT(n, 3, 0x8ad958cfu) \
     ^ BIT(n, 4, 0x105ec76fu) ^ BIT(n, 5, 0x20bd8edeu) ^ BIT(n, 6, 0x417b1dbcu) ^ BIT(n, 7, 0x82f63b78u))
#define SLICE1(n) \
    (BIT(n, 0, 0x13a29877u) ^ BIT(n, 1, 0x274530eeu) ^ BIT(n, 2, 0x4e8a61dcu) ^ BIT(n, 3, 0x9d14c3b8u) \
     ^ BIT(n, 4, 0x3fc5f181u) ^ BIT(n, 5, 0x7f8be302u) ^ BIT(n, 6, 0xff17c604u) ^ BIT(n, 7, 0xfbc3faf9u))
#define SLICE2(n) \
    (BIT(n, 0, 0xa541927eu) ^ BIT(n, 1, 0x4f6f520du) ^ BIT(n, 2, 0x9edea41au) ^ BIT(n, 3, 0x38513ec5u) \
     ^ BIT(n, 4, 0x70a27d8au) ^ BIT(n, 5, 0xe144fb14u) ^ BIT(n, 6, 0xc76580d9u) ^ BIT(n, 7, 0x8b277743u))
#define SLICE3(n) \
    (BIT(n, 0, 0xdd45aab8u) ^ BIT(n, 1, 0xbf672381u) ^ BIT(n, 2, 0x7b2231f3u) ^ BIT(n, 3, 0xf64463e6u) \
     ^ BIT(n, 4, 0xe964b13du) ^ BIT(n, 5, 0xd725148bu) ^ BIT(n, 6, 0xaba65fe7u) ^ BIT(n, 7, 0x52a0c93fu))
#define SLICE4(n) \
    (BIT(n, 0, 0x38116facu) ^ BIT(n, 1, 0x7022df58u) ^ BIT(n, 2, 0xe045beb0u) ^ BIT(n, 3, 0xc5670b91u) \
     ^ BIT(n, 4, 0x8f2261d3u) ^ BIT(n, 5, 0x1ba8b557u) ^ BIT(n, 6, 0x37516aaeu) ^ BIT(n, 7, 0x6ea2d55cu))
#define SLICE5(n) \
    (BIT(n, 0, 0xef306b19u) ^ BIT(n, 1, 0xdb8ca0c3u) ^ BIT(n, 2, 0xb2f53777u) ^ BIT(n, 3, 0x6006181fu) \
     ^ BIT(n, 4, 0xc00c303eu) ^ BIT(n, 5, 0x85f4168du) ^ BIT(n, 6, 0x0e045bebu) ^ BIT(n, 7, 0x1c08b7d6u))
#define SLICE6(n) \
    (BIT(n, 0, 0x68032cc8u) ^ BIT(n, 1, 0xd0065990u) ^ BIT(n, 2, 0xa5e0c5d1u) ^ BIT(n, 3, 0x4e2dfd53u) \
     ^ BIT(n, 4, 0x9c5bfaa6u) ^ BIT(n, 5, 0x3d5b83bdu) ^ BIT(n, 6, 0x7ab7077au) ^ BIT(n, 7, 0xf56e0ef4u))
#define SLICE7(n) \
    (BIT(n, 0, 0x493c7d27u) ^ BIT(n, 1, 0x9278fa4eu) ^ BIT(n, 2, 0x211d826du) ^ BIT(n, 3, 0x423b04dau) \
     ^ BIT(n, 4, 0x847609b4u) ^ BIT(n, 5, 0x0d006599u) ^ BIT(n, 6, 0x1a00cb32u) ^ BIT(n, 7, 0x34019664u))
#define FOUR(slice, n) slice(n), slice((n) + 1), slice((n) + 2), slice((n) + 3)
#define SIXTEEN(slice, n) \
    FOUR(slice, n), FOUR(slice, (n) + 4), FOUR(slice, (n) + 8), FOUR(slice, (n) + 12)
#define SIXTY_FOUR(slice, n) \
    SIXTEEN(slice, n), SIXTEEN(slice, (n) + 16), SIXTEEN(slice, (n) + 32), SIXTEEN(slice, (n) + 48)
#define TABLE(slice) \
    {SIXTY_FOUR(slice, 0), SIXTY_FOUR(slice, 64), SIXTY_FOUR(slice, 128), SIXTY_FOUR(slice, 192)}

static const uint32_t tables[8][256] = {
    TABLE(SLICE0), TABLE(SLICE1), TABLE(SLICE2), TABLE(SLICE3),
    TABLE(SLICE4), TABLE(SLICE5), TABLE(SLICE6), TABLE(SLICE7),
};
/* clang-format on */

/* Eight bytes as a little-endian number, whatever the machine's order. */
static uint64_t load_le64(const uint8_t *p) {
    uint64_t value;
    memcpy(&value, p, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

uint32_t gw_crc32c_portable(uint32_t seed, struct gw_bytes bytes) {
    uint32_t crc = ~seed;
    const uint8_t *p = bytes.ptr;
    size_t left = bytes.len;
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t v = load_le64(p) ^ crc;
        crc = tables[7][v & 255] ^ tables[6][v >> 8 & 255] ^ tables[5][v >> 16 & 255]
              ^ tables[4][v >> 24 & 255] ^ tables[3][v >> 32 & 255] ^ tables[2][v >> 40 & 255]
              ^ tables[1][v >> 48 & 255] ^ tables[0][v >> 56];
    }
    for (; left > 0; left--, p++) {
        crc = crc >> 8 ^ tables[0][(crc ^ *p) & 255];
    }
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware(uint32_t seed,
                                                                  struct gw_bytes bytes) {
    uint64_t crc = ~seed;
    const uint8_t *p = bytes.ptr;
    size_t left = bytes.len;
    for (; left >= 8; left -= 8, p += 8) {
        crc = __builtin_ia32_crc32di(crc, load_le64(p));
    }
    for (; left > 0; left--, p++) {
        crc = __builtin_ia32_crc32qi((uint32_t) crc, *p);
    }
    return ~(uint32_t) crc;
}

static bool has_hardware(void) {
    return __builtin_cpu_supports("sse4.2");
}
#elif defined(__aarch64__)
/* Written as assembler since the two compilers name the intrinsic differently
 * and one offers it only when the whole build targets ARMv8.1. */
static uint32_t crc32c_hardware(uint32_t seed, struct gw_bytes bytes) {
    uint32_t crc = ~seed;
    const uint8_t *p = bytes.ptr;
    size_t left = bytes.len;
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t eight = load_le64(p);
        __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(eight));
    }
    for (; left > 0; left--, p++) {
        uint32_t one = *p;
        __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(one));
    }
    return ~crc;
}

static bool has_hardware(void) {
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}
#else
static uint32_t crc32c_hardware(uint32_t seed, struct gw_bytes bytes) {
    return gw_crc32c_portable(seed, bytes);
}

static bool has_hardware(void) {
    return false;
}
#endif

uint32_t gw_crc32c(uint32_t seed, struct gw_bytes bytes) {
    if (has_hardware()) {
        return crc32c_hardware(seed, bytes);
    }
    return gw_crc32c_portable(seed, bytes);
}
