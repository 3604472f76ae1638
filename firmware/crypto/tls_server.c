/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/crypto/tls_server.h"

#include <assert.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/version.h>
#include <stdlib.h>
#include <string.h>
#if MBEDTLS_VERSION_MAJOR >= 3
#include <psa/crypto.h>
#endif

#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "firmware/base/random.h"
#include "firmware/crypto/tls_internal.h"

/* A chain of five RSA certificates is 10 kB; a file of this size is something else. */
#define PEM_FILE_MAX_BYTES (64U << 10)

/* Cheapest first; every one is AEAD with an ephemeral exchange. CCM is for small
 * devices that have nothing else, with its full tag only. */
static const int suites[] = {
#if GW_TLS_HAS_1_3
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
    MBEDTLS_TLS1_3_AES_128_CCM_SHA256,
#endif
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CCM,
    0,
};

int gw_tls_random(void *self, unsigned char *dst, size_t len) {
    (void) self;
    gw_random_bytes(dst, len);
    return 0;
}

/* ---- differences of 2.28 and 3.6 ---------------------------------------- */

#if MBEDTLS_VERSION_MAJOR < 3

static enum gw_err start_library(void) {
    return GW_OK;
}

static void restrict_protocol(mbedtls_ssl_config *config) {
    static const mbedtls_ecp_group_id curves[] = {
        MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_CURVE25519, MBEDTLS_ECP_DP_NONE};
    static const int hashes[] = {MBEDTLS_MD_SHA256, MBEDTLS_MD_SHA384, MBEDTLS_MD_SHA512,
                                 MBEDTLS_MD_NONE};
    mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_curves(config, curves);
    mbedtls_ssl_conf_sig_hashes(config, hashes);
}

#else

/* TLS 1.3 of 3.6 computes with the PSA functions. Called again it does nothing. */
static enum gw_err start_library(void) {
    return psa_crypto_init() == PSA_SUCCESS ? GW_OK : GW_ERR_FATAL;
}

static void restrict_protocol(mbedtls_ssl_config *config) {
    static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
                                      MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                      MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
    mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_groups(config, groups);
#if GW_TLS_HAS_1_3
    /* A resumption without a new exchange would have no forward secrecy. */
    mbedtls_ssl_conf_tls13_key_exchange_modes(
        config, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL
                    | MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL);
#endif
}

#endif

/* ---- files -------------------------------------------------------------- */

static void wipe_buf(struct gw_buf *file) {
    if (file->data) {
        mbedtls_platform_zeroize(file->data, file->cap);
    }
    gw_buf_close(file);
}

/* The PEM parsers want the NUL behind the text and count it. */
static enum gw_err read_pem(const char *path, struct gw_buf *file, struct gw_buf *reason) {
    enum gw_err err = gw_buf_open(file, PEM_FILE_MAX_BYTES + 1);
    if (err) {
        return err;
    }
    err = gw_file_read(path, file);
    if (err == GW_OK && !gw_buf_put_char(file, 0)) {
        err = GW_ERR_FULL;
    }
    if (err == GW_ERR_FULL) {
        gw_buf_printf(reason, "%s is larger than 64 kB, which no PEM file of this kind is",
                      path);
        return GW_ERR_PARSE;
    }
    if (err) {
        gw_buf_printf(reason, "%s cannot be read: %s", path, gw_err_name(err));
    }
    return err;
}

static enum gw_err load_certificates(const char *path, mbedtls_x509_crt *crt,
                                     struct gw_buf *reason) {
    GW_CLEANUP(wipe_buf) struct gw_buf file = {0};
    enum gw_err err = read_pem(path, &file, reason);
    if (err) {
        return err;
    }
    int left_over = mbedtls_x509_crt_parse(crt, file.data, file.len);
    if (left_over == 0) {
        return GW_OK;
    }
    if (left_over > 0) {
        gw_buf_printf(reason, "%s: %d of its certificates cannot be read", path, left_over);
    } else {
        gw_buf_printf(reason, "%s holds no certificate in PEM (-0x%04x)", path,
                      (unsigned) -left_over);
    }
    return GW_ERR_PARSE;
}

static enum gw_err load_key(const char *path, mbedtls_pk_context *key, struct gw_buf *reason) {
    GW_CLEANUP(wipe_buf) struct gw_buf file = {0};
    enum gw_err err = read_pem(path, &file, reason);
    if (err) {
        return err;
    }
    int code = mbedtls_pk_parse_key(key, file.data, file.len, NULL, 0, gw_tls_random, NULL);
    if (code != 0) {
        gw_buf_printf(reason, "%s holds no unencrypted private key in PEM (-0x%04x)", path,
                      (unsigned) -code);
        return GW_ERR_PARSE;
    }
    return GW_OK;
}

static enum gw_err load_own(struct gw_tls_server *server,
                            const struct gw_tls_server_options *options,
                            struct gw_buf *reason) {
    enum gw_err err = load_certificates(options->cert_file, &server->chain, reason);
    if (err) {
        return err;
    }
    err = load_key(options->key_file, &server->key, reason);
    if (err) {
        return err;
    }
    if (mbedtls_pk_check_pair(&server->chain.pk, &server->key, gw_tls_random, NULL) != 0) {
        gw_buf_printf(reason, "%s is not the key of %s", options->key_file, options->cert_file);
        return GW_ERR_INVALID;
    }
    return GW_OK;
}

/* ---- open and close ----------------------------------------------------- */

static enum gw_err configure(struct gw_tls_server *server) {
    mbedtls_ssl_config *config = &server->config;
    if (mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT)
            != 0
        || mbedtls_ssl_conf_own_cert(config, &server->chain, &server->key) != 0) {
        return GW_ERR_NOMEM;
    }
    mbedtls_ssl_conf_rng(config, gw_tls_random, NULL);
    mbedtls_ssl_conf_ciphersuites(config, suites);
    mbedtls_ssl_conf_renegotiation(config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
    mbedtls_ssl_conf_legacy_renegotiation(config, MBEDTLS_SSL_LEGACY_NO_RENEGOTIATION);
    restrict_protocol(config);
    mbedtls_ssl_conf_authmode(config, server->asks_certificate ? MBEDTLS_SSL_VERIFY_REQUIRED
                                                               : MBEDTLS_SSL_VERIFY_NONE);
    if (server->asks_certificate) {
        mbedtls_ssl_conf_ca_chain(config, &server->ca, NULL);
    }
    gw_tls_sessions_attach(server);
    return GW_OK;
}

static bool is_set(const char *path) {
    return path && path[0];
}

GW_DEFINE_CLEANUP(struct gw_tls_server *, gw_tls_server_close, close_serverp)

enum gw_err gw_tls_server_open(const struct gw_tls_server_options *options,
                               struct gw_buf *reason, struct gw_tls_server **ret_server) {
    if (!is_set(options->cert_file) || !is_set(options->key_file)) {
        gw_buf_printf(reason, "TLS needs a certificate file and a key file");
        return GW_ERR_INVALID;
    }
    GW_CLEANUP(close_serverp) struct gw_tls_server *server = calloc(1, sizeof(*server));
    if (!server) {
        return GW_ERR_NOMEM;
    }
    mbedtls_ssl_config_init(&server->config);
    mbedtls_x509_crt_init(&server->chain);
    mbedtls_x509_crt_init(&server->ca);
    mbedtls_pk_init(&server->key);
    server->asks_certificate = is_set(options->ca_file);
    enum gw_err err = start_library();
    if (err) {
        gw_buf_printf(reason, "the cryptographic library does not start");
        return err;
    }
    err = load_own(server, options, reason);
    if (err) {
        return err;
    }
    err = server->asks_certificate ? load_certificates(options->ca_file, &server->ca, reason)
                                   : GW_OK;
    if (err) {
        return err;
    }
    err = gw_tls_sessions_open(&server->sessions);
    if (err) {
        return err;
    }
    err = configure(server);
    if (err) {
        return err;
    }
    *ret_server = GW_TAKE(server);
    return GW_OK;
}

void gw_tls_server_close(struct gw_tls_server *server) {
    if (!server) {
        return;
    }
    assert(server->streams == 0);
    mbedtls_ssl_config_free(&server->config);
    mbedtls_pk_free(&server->key);
    mbedtls_x509_crt_free(&server->chain);
    mbedtls_x509_crt_free(&server->ca);
    gw_tls_sessions_close(server->sessions);
    free(server);
}
