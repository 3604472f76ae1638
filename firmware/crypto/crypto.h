/* SPDX-License-Identifier: Apache-2.0 */
/* Digests and certificate facts: the only room that includes mbedTLS. Builds on
 * mbedTLS 2.28 (Debian 12) and 3.6 (Debian 13). */
#ifndef GW_CRYPTO_CRYPTO_H
#define GW_CRYPTO_CRYPTO_H

#include "firmware/base/str.h"

#define GW_SHA256_BYTES 32

/* A running SHA-256 in the caller's storage. */
struct gw_sha256 {
    _Alignas(16) unsigned char opaque[256];
};
/* Begin a digest; every start must be followed by a finish. */
void gw_sha256_start(struct gw_sha256 *hash);
/* Add the next bytes. */
void gw_sha256_update(struct gw_sha256 *hash, struct gw_bytes bytes);
/* Digest of all updates; the state is wiped. */
void gw_sha256_finish(struct gw_sha256 *hash, uint8_t ret_digest[static GW_SHA256_BYTES]);
/* All at once. */
void gw_sha256_of(struct gw_bytes bytes, uint8_t ret_digest[static GW_SHA256_BYTES]);

/* HMAC-SHA-256 (RFC 2104) of `text`; a key of any length. */
void gw_hmac_sha256(struct gw_bytes key, struct gw_bytes text,
                    uint8_t ret_digest[static GW_SHA256_BYTES]);

/* What health says about a certificate file (PEM or DER, first certificate). */
struct gw_certificate_facts {
    int64_t not_before_wall_ms;
    int64_t not_after_wall_ms;
    char subject_cn[128]; /* "" if the subject has none */
};
/* Read the first certificate of the file. Facts only: nothing is verified, and a
 * CN must not be trusted because of it. NOENT, DENIED, IO, NOMEM; PARSE if it is
 * no certificate (also: CN not UTF-8, with a NUL, or beyond 127 bytes). */
enum gw_err gw_certificate_read(const char *path, struct gw_certificate_facts *ret_facts);

#endif
