/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "firmware/crypto/crypto.h"
#include "firmware/crypto/mbedtls_compat.h"

_Static_assert(sizeof(mbedtls_sha256_context) <= sizeof((struct gw_sha256){0}.opaque),
               "the caller's storage is too small for this mbedTLS");
_Static_assert(_Alignof(mbedtls_sha256_context) <= 16, "alignment of the caller's storage");

static mbedtls_sha256_context *context_of(struct gw_sha256 *hash) {
    return (mbedtls_sha256_context *) (void *) hash->opaque;
}

/* The software implementation has no way to fail; a hardware one that does
 * leaves no digest to go on with, and a wrong one must not reach the disk. */
static void must(int answer) {
    if (answer != 0) {
        abort();
    }
}

void gw_sha256_start(struct gw_sha256 *hash) {
    mbedtls_sha256_init(context_of(hash));
    must(mbedtls_sha256_starts(context_of(hash), 0));
}

void gw_sha256_update(struct gw_sha256 *hash, struct gw_bytes bytes) {
    if (bytes.len > 0) {
        must(mbedtls_sha256_update(context_of(hash), bytes.ptr, bytes.len));
    }
}

void gw_sha256_finish(struct gw_sha256 *hash, uint8_t ret_digest[static GW_SHA256_BYTES]) {
    must(mbedtls_sha256_finish(context_of(hash), ret_digest));
    mbedtls_sha256_free(context_of(hash));
}

void gw_sha256_of(struct gw_bytes bytes, uint8_t ret_digest[static GW_SHA256_BYTES]) {
    struct gw_sha256 hash;
    gw_sha256_start(&hash);
    gw_sha256_update(&hash, bytes);
    gw_sha256_finish(&hash, ret_digest);
}
