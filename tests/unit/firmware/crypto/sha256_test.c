/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/crypto/crypto.h"
#include "firmware/crypto/sha256_hardware.h"

static void assert_digest(const uint8_t digest[GW_SHA256_BYTES], const char *expected) {
    char text[2 * GW_SHA256_BYTES + 1];
    gw_hex_format((struct gw_bytes){digest, GW_SHA256_BYTES}, text);
    assert_string_equal(text, expected);
}

/* FIPS 180-2, appendix B, and the empty message. */
static void published_digests(void **state) {
    (void) state;
    uint8_t digest[GW_SHA256_BYTES];
    gw_sha256_of(gw_bytes_from_str(GW_STR("abc")), digest);
    assert_digest(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    gw_sha256_of((struct gw_bytes){NULL, 0}, digest);
    assert_digest(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    gw_sha256_of(
        gw_bytes_from_str(GW_STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
        digest);
    assert_digest(digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    struct gw_sha256 hash;
    gw_sha256_start(&hash);
    uint8_t thousand[1000];
    memset(thousand, 'a', sizeof(thousand));
    for (int i = 0; i < 1000; i++) {
        gw_sha256_update(&hash, (struct gw_bytes){thousand, sizeof(thousand)});
    }
    gw_sha256_finish(&hash, digest);
    assert_digest(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void pieces_of_any_size_give_the_digest_of_the_whole(void **state) {
    (void) state;
    uint8_t message[300];
    for (size_t i = 0; i < sizeof(message); i++) {
        message[i] = (uint8_t) (i * 7 + i / 13);
    }
    for (size_t len = 0; len <= sizeof(message); len++) {
        uint8_t whole[GW_SHA256_BYTES];
        gw_sha256_of((struct gw_bytes){message, len}, whole);
        for (size_t piece = 1; piece <= 130; piece += 43) {
            struct gw_sha256 hash;
            gw_sha256_start(&hash);
            for (size_t at = 0; at < len; at += piece) {
                size_t size = len - at < piece ? len - at : piece;
                gw_sha256_update(&hash, (struct gw_bytes){message + at, size});
            }
            uint8_t digest[GW_SHA256_BYTES];
            gw_sha256_finish(&hash, digest);
            assert_memory_equal(digest, whole, sizeof(whole));
        }
    }
}

static void digest_on(bool hardware, const uint8_t *message, size_t len, size_t cut,
                      uint8_t digest[GW_SHA256_BYTES]) {
    struct gw_sha256 hash;
    gw_sha256_start_on(&hash, hardware);
    gw_sha256_update(&hash, (struct gw_bytes){message, cut});
    gw_sha256_update(&hash, (struct gw_bytes){message + cut, len - cut});
    gw_sha256_finish(&hash, digest);
}

/* The processor's instructions against the vendor's C, where there are any. */
static void both_ways_agree_at_every_length_and_alignment(void **state) {
    (void) state;
    if (!gw_sha256_hardware_available()) {
        skip();
    }
    static uint8_t message[2000];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof(message); i++) {
        x = x * 1664525 + 1013904223;
        message[i] = (uint8_t) (x >> 24);
    }
    for (size_t len = 0; len < 400; len++) {
        for (size_t from = 0; from < 17; from += 4) {
            uint8_t own[GW_SHA256_BYTES], vendor[GW_SHA256_BYTES];
            digest_on(true, message + from, len, len / 3, own);
            digest_on(false, message + from, len, len / 3, vendor);
            assert_memory_equal(own, vendor, sizeof(own));
        }
    }
    for (size_t cut = 0; cut <= sizeof(message); cut += 7) {
        uint8_t own[GW_SHA256_BYTES], vendor[GW_SHA256_BYTES];
        digest_on(true, message, sizeof(message), cut, own);
        digest_on(false, message, sizeof(message), 0, vendor);
        assert_memory_equal(own, vendor, sizeof(own));
    }
}

static void assert_wiped(bool hardware) {
    struct gw_sha256 hash;
    memset(&hash, 0, sizeof(hash));
    gw_sha256_start_on(&hash, hardware);
    gw_sha256_update(&hash, gw_bytes_from_str(GW_STR("a secret in the block buffer")));
    uint8_t digest[GW_SHA256_BYTES];
    gw_sha256_finish(&hash, digest);
    struct gw_str rest = {(const char *) hash.opaque, sizeof(hash.opaque)};
    assert_null(memmem(rest.ptr, rest.len, "secret", 6));
}

static void the_state_is_wiped_when_finished(void **state) {
    (void) state;
    assert_wiped(false);
    if (gw_sha256_hardware_available()) {
        assert_wiped(true);
    }
}

static void two_running_digests_do_not_meet(void **state) {
    (void) state;
    struct gw_sha256 a, b;
    uint8_t of_a[GW_SHA256_BYTES], of_b[GW_SHA256_BYTES], expected[GW_SHA256_BYTES];
    gw_sha256_start(&a);
    gw_sha256_start(&b);
    gw_sha256_update(&a, gw_bytes_from_str(GW_STR("ab")));
    gw_sha256_update(&b, gw_bytes_from_str(GW_STR("xyz")));
    gw_sha256_update(&a, gw_bytes_from_str(GW_STR("c")));
    gw_sha256_finish(&b, of_b);
    gw_sha256_finish(&a, of_a);
    gw_sha256_of(gw_bytes_from_str(GW_STR("abc")), expected);
    assert_memory_equal(of_a, expected, sizeof(expected));
    gw_sha256_of(gw_bytes_from_str(GW_STR("xyz")), expected);
    assert_memory_equal(of_b, expected, sizeof(expected));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_digests),
        cmocka_unit_test(pieces_of_any_size_give_the_digest_of_the_whole),
        cmocka_unit_test(both_ways_agree_at_every_length_and_alignment),
        cmocka_unit_test(the_state_is_wiped_when_finished),
        cmocka_unit_test(two_running_digests_do_not_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
