/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two processors, one shape: the message schedule is four vectors of four words
 * that are replaced in turn, the state is two vectors. Each section gives the
 * vector type, loading a vector of big-endian words, four rounds, and the next
 * vector of the schedule; the block function below is the same for both.
 */
#include "firmware/crypto/sha256_hardware.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>

#define TARGET __attribute__((target("sha,sse4.1,ssse3")))
#define INLINE static inline __attribute__((always_inline)) TARGET

typedef __m128i vector;

/* Asking the processor takes longer than a digest (it traps in a virtual
 * machine), so the answer, which cannot change, is kept. 0 = not asked yet. */
bool gw_sha256_hardware_available(void) {
    static atomic_int answer;
    int known = atomic_load_explicit(&answer, memory_order_relaxed);
    if (known == 0) {
        unsigned a = 0, b = 0, c = 0, d = 0;
        bool sha = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
        bool sse41 = __get_cpuid(1, &a, &b, &c, &d) && (c >> 19 & 1) && (c >> 9 & 1);
        known = sha && sse41 ? 1 : -1;
        atomic_store_explicit(&answer, known, memory_order_relaxed);
    }
    return known > 0;
}

INLINE vector load_words(const void *p) {
    return _mm_loadu_si128((const __m128i *) p);
}

INLINE vector load_message(const uint8_t *p) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    return _mm_shuffle_epi8(load_words(p), swap);
}

INLINE vector add(vector a, vector b) {
    return _mm_add_epi32(a, b);
}

/* The instructions want the state as ABEF and CDGH, highest word first. */
INLINE void load_state(const uint32_t *state, vector *abef, vector *cdgh) {
    vector cdab = _mm_shuffle_epi32(load_words(state), 0xb1);
    vector efgh = _mm_shuffle_epi32(load_words(state + 4), 0x1b);
    *abef = _mm_alignr_epi8(cdab, efgh, 8);
    *cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
}

INLINE void store_state(uint32_t *state, vector abef, vector cdgh) {
    vector feba = _mm_shuffle_epi32(abef, 0x1b);
    vector dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *) state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *) (state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

INLINE void four_rounds(vector *abef, vector *cdgh, vector words) {
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, words);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(words, 0x0e));
}

INLINE vector next_words(vector m0, vector m1, vector m2, vector m3) {
    vector sum = _mm_add_epi32(_mm_sha256msg1_epu32(m0, m1), _mm_alignr_epi8(m3, m2, 4));
    return _mm_sha256msg2_epu32(sum, m3);
}

#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#include <arm_neon.h>
#include <sys/auxv.h>

#define TARGET
#define INLINE static inline __attribute__((always_inline))

typedef uint32x4_t vector;

bool gw_sha256_hardware_available(void) {
    return (getauxval(AT_HWCAP) & HWCAP_SHA2) != 0;
}

INLINE vector load_words(const void *p) {
    return vreinterpretq_u32_u8(vld1q_u8(p));
}

INLINE vector load_message(const uint8_t *p) {
    return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p)));
}

INLINE vector add(vector a, vector b) {
    return vaddq_u32(a, b);
}

INLINE void load_state(const uint32_t *state, vector *abcd, vector *efgh) {
    *abcd = load_words(state);
    *efgh = load_words(state + 4);
}

INLINE void store_state(uint32_t *state, vector abcd, vector efgh) {
    vst1q_u32(state, abcd);
    vst1q_u32(state + 4, efgh);
}

/* Assembler, since the intrinsics are offered only when the whole build targets
 * a processor that has the instructions. */
INLINE void four_rounds(vector *abcd, vector *efgh, vector words) {
    vector before = *abcd;
    __asm__(".arch_extension sha2\n\tsha256h %q0, %q1, %2.4s"
            : "+w"(*abcd)
            : "w"(*efgh), "w"(words));
    __asm__(".arch_extension sha2\n\tsha256h2 %q0, %q1, %2.4s"
            : "+w"(*efgh)
            : "w"(before), "w"(words));
}

INLINE vector next_words(vector m0, vector m1, vector m2, vector m3) {
    __asm__(".arch_extension sha2\n\tsha256su0 %0.4s, %1.4s" : "+w"(m0) : "w"(m1));
    __asm__(".arch_extension sha2\n\tsha256su1 %0.4s, %1.4s, %2.4s"
            : "+w"(m0)
            : "w"(m2), "w"(m3));
    return m0;
}

#else
#define GW_SHA256_NO_HARDWARE 1
#endif

#if defined(GW_SHA256_NO_HARDWARE)

bool gw_sha256_hardware_available(void) {
    return false;
}

void gw_sha256_hardware_blocks(uint32_t state[static 8], const uint8_t *blocks, size_t count) {
    (void) state;
    (void) blocks;
    (void) count;
}

#else

/* FIPS 180-4, 4.2.2: fractions of the cube roots of the first 64 primes. */
/* clang-format off */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
    0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
    0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
    0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};
/* clang-format on */

TARGET static void mix_block(vector state[2], const uint8_t *block) {
    vector before[2] = {state[0], state[1]};
    vector m0 = load_message(block), m1 = load_message(block + 16);
    vector m2 = load_message(block + 32), m3 = load_message(block + 48);
    for (int i = 0; i < 64; i += 16) {
        four_rounds(&state[0], &state[1], add(m0, load_words(constants + i)));
        m0 = next_words(m0, m1, m2, m3);
        four_rounds(&state[0], &state[1], add(m1, load_words(constants + i + 4)));
        m1 = next_words(m1, m2, m3, m0);
        four_rounds(&state[0], &state[1], add(m2, load_words(constants + i + 8)));
        m2 = next_words(m2, m3, m0, m1);
        four_rounds(&state[0], &state[1], add(m3, load_words(constants + i + 12)));
        m3 = next_words(m3, m0, m1, m2);
    }
    state[0] = add(state[0], before[0]);
    state[1] = add(state[1], before[1]);
}

TARGET void gw_sha256_hardware_blocks(uint32_t state[static 8], const uint8_t *blocks,
                                      size_t count) {
    vector halves[2];
    load_state(state, &halves[0], &halves[1]);
    for (size_t i = 0; i < count; i++) {
        mix_block(halves, blocks + i * GW_SHA256_BLOCK_BYTES);
    }
    store_state(state, halves[0], halves[1]);
}

#endif
