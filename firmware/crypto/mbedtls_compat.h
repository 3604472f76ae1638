/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One spelling for mbedTLS 2.28 (Debian 12) and 3.6 (Debian 13), the 3.x one.
 * 2.28 keeps the plain hash names for functions that return void and puts the
 * checked ones under *_ret; 3.x has only checked ones, under the plain names.
 * 3.x made the members of its structs private and gave the key functions a
 * generator. Included by the .c files of this room only.
 */
#ifndef GW_CRYPTO_MBEDTLS_COMPAT_H
#define GW_CRYPTO_MBEDTLS_COMPAT_H

#include <mbedtls/oid.h>
#include <mbedtls/sha256.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#if MBEDTLS_VERSION_NUMBER < 0x02100000
#error "mbedTLS 2.16 or later is needed"
#elif MBEDTLS_VERSION_MAJOR < 3
#define GW_TLS_HAS_1_3 0
#define mbedtls_sha256_starts mbedtls_sha256_starts_ret
#define mbedtls_sha256_update mbedtls_sha256_update_ret
#define mbedtls_sha256_finish mbedtls_sha256_finish_ret
#define mbedtls_pk_parse_key(key, text, len, password, password_len, rng, rng_self)            \
    (mbedtls_pk_parse_key)(key, text, len, password, password_len)
#define mbedtls_pk_check_pair(public, private, rng, rng_self)                                  \
    (mbedtls_pk_check_pair)(public, private)
#define MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION
#define MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE MBEDTLS_ERR_SSL_NO_CIPHER_CHOSEN
#define mbedtls_ecp_keypair_get_group_id(pair) ((pair)->grp.id)
#else
#define MBEDTLS_ERR_SSL_NO_USABLE_CIPHERSUITE MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
#define GW_TLS_HAS_1_3 1
#else
#define GW_TLS_HAS_1_3 0
#endif
#endif

#endif
