/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's own chain verification runs first, inside our callback; our rules
 * only ever turn a yes into a no. Failing the callback makes OpenSSL send an
 * alert and end the handshake, so no application byte can follow.
 */
#include "cloud-link/peercheck/peercheck.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "firmware/base/cleanup.h"

#define HOST_BYTES 256
#define REASON_BYTES 320
#define NAME_BYTES 160

/* TLS 1.2 suites with forward secrecy and AEAD; TLS 1.3 has no others. */
#define TLS12_SUITES "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK:!SRP"

struct gw_peercheck {
    char host[HOST_BYTES];
    bool host_is_address;
    bool has_pin;
    uint8_t pin[GW_PEERCHECK_PIN_BYTES];
    char reason[REASON_BYTES];
};

static bool is_address(const char *host) {
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

enum gw_err gw_peercheck_open(const struct gw_peercheck_options *options,
                              struct gw_peercheck **ret_check) {
    if (options->host.len == 0
        || (options->pin.len != 0 && options->pin.len != GW_PEERCHECK_PIN_BYTES)) {
        return GW_ERR_INVALID;
    }
    GW_CLEANUP(gw_freep) struct gw_peercheck *check = calloc(1, sizeof(*check));
    if (!check) {
        return GW_ERR_NOMEM;
    }
    enum gw_err err = gw_str_copy(options->host, check->host, sizeof(check->host));
    if (err) {
        return GW_ERR_INVALID;
    }
    check->host_is_address = is_address(check->host);
    check->has_pin = options->pin.len != 0;
    if (check->has_pin) {
        memcpy(check->pin, options->pin.ptr, sizeof(check->pin));
    }
    *ret_check = GW_TAKE(check);
    return GW_OK;
}

void gw_peercheck_close(struct gw_peercheck *check) {
    free(check);
}

const char *gw_peercheck_reason(const struct gw_peercheck *check) {
    return check->reason;
}

void gw_peercheck_clear_reason(struct gw_peercheck *check) {
    check->reason[0] = '\0';
}

/* ---- the rules ---- */

/* Refuse with a reason; the first one of a handshake stands. */
static bool refuse(struct gw_peercheck *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool refuse(struct gw_peercheck *check, const char *format, ...) {
    if (check->reason[0] == '\0') {
        va_list arguments;
        va_start(arguments, format);
        (void) vsnprintf(check->reason, sizeof(check->reason), format, arguments);
        va_end(arguments);
    }
    return false;
}

/* The common name in bytes that are safe to print, or "(none)". */
static void common_name(const X509_NAME *name, char dst[NAME_BYTES]) {
    char text[NAME_BYTES];
    /* the older headers take a pointer without const, the call changes nothing */
    int len = X509_NAME_get_text_by_NID((X509_NAME *) name, NID_commonName, text, sizeof(text));
    if (len <= 0) {
        (void) snprintf(dst, NAME_BYTES, "(none)");
        return;
    }
    for (char *p = text; *p; p++) {
        if ((unsigned char) *p < 0x20 || (unsigned char) *p > 0x7e) {
            *p = '?';
        }
    }
    (void) snprintf(dst, NAME_BYTES, "%s", text);
}

static void free_names(GENERAL_NAMES **names) {
    GENERAL_NAMES_free(*names);
}

static bool rule_has_san(struct gw_peercheck *check, X509 *leaf) {
    GW_CLEANUP(free_names)
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    if (names && sk_GENERAL_NAME_num(names) > 0) {
        return true;
    }
    char cn[NAME_BYTES];
    common_name(X509_get_subject_name(leaf), cn);
    return refuse(check, "certificate has no subjectAltName, only CN=%s", cn);
}

/* First names of the certificate, for the person who has to find out why. */
static void list_names(X509 *leaf, char *dst, size_t dst_size) {
    GW_CLEANUP(free_names)
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    size_t used = 0;
    dst[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && used + 1 < dst_size; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        char text[64] = "another kind";
        if (name->type == GEN_DNS) {
            int len = ASN1_STRING_length(name->d.dNSName);
            (void) snprintf(text, sizeof(text), "DNS:%.*s", len < 56 ? len : 56,
                            (const char *) ASN1_STRING_get0_data(name->d.dNSName));
        } else if (name->type == GEN_IPADD) {
            int len = ASN1_STRING_length(name->d.iPAddress);
            (void) snprintf(text, sizeof(text), "IP:?");
            if (len == 4 || len == 16) {
                (void) inet_ntop(len == 4 ? AF_INET : AF_INET6,
                                 ASN1_STRING_get0_data(name->d.iPAddress), text + 3,
                                 sizeof(text) - 3);
            }
        }
        int n = snprintf(dst + used, dst_size - used, "%s%s", used ? ", " : "", text);
        used += n > 0 ? (size_t) n : 0;
    }
    for (char *p = dst; *p; p++) {
        if ((unsigned char) *p < 0x20 || (unsigned char) *p > 0x7e) {
            *p = '?';
        }
    }
}

static bool rule_name_matches(struct gw_peercheck *check, X509 *leaf) {
    int matches = check->host_is_address
                      ? X509_check_ip_asc(leaf, check->host, 0)
                      : X509_check_host(leaf, check->host, 0,
                                        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT
                                            | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
                                        NULL);
    if (matches == 1) {
        return true;
    }
    char names[NAME_BYTES];
    list_names(leaf, names, sizeof(names));
    return refuse(check, "certificate is not for %s%s, only for %s",
                  check->host_is_address ? "address " : "", check->host, names);
}

static bool rule_server_usage(struct gw_peercheck *check, X509 *leaf) {
    if (!(X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE)) {
        return refuse(check, "certificate has no extendedKeyUsage, serverAuth is needed");
    }
    if (!(X509_get_extended_key_usage(leaf) & XKU_SSL_SERVER)) {
        return refuse(check, "certificate's extendedKeyUsage does not name serverAuth");
    }
    return true;
}

static bool rule_leaf_is_no_ca(struct gw_peercheck *check, X509 *leaf) {
    if (X509_check_ca(leaf) != 0) {
        return refuse(check, "certificate is a CA certificate, a server certificate is needed");
    }
    return true;
}

static void free_openssl(unsigned char **der) {
    OPENSSL_free(*der);
}

static bool rule_pin(struct gw_peercheck *check, X509 *leaf) {
    if (!check->has_pin) {
        return true;
    }
    GW_CLEANUP(free_openssl) unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
    uint8_t digest[GW_PEERCHECK_PIN_BYTES];
    unsigned digest_len = 0;
    if (len <= 0
        || EVP_Digest(der, (size_t) len, digest, &digest_len, EVP_sha256(), NULL) != 1) {
        return refuse(check, "certificate's public key could not be read");
    }
    if (digest_len != sizeof(digest) || memcmp(digest, check->pin, sizeof(digest)) != 0) {
        return refuse(check, "certificate's public key is not the pinned one");
    }
    return true;
}

typedef bool rule(struct gw_peercheck *check, X509 *leaf);

static rule *const rules[] = {
    rule_has_san, rule_name_matches, rule_server_usage, rule_leaf_is_no_ca, rule_pin,
};

static bool refuse_chain(struct gw_peercheck *check, X509_STORE_CTX *store) {
    int error = X509_STORE_CTX_get_error(store);
    X509 *where = X509_STORE_CTX_get_current_cert(store);
    char subject[NAME_BYTES] = "(none)";
    char issuer[NAME_BYTES] = "(none)";
    if (where) {
        common_name(X509_get_subject_name(where), subject);
        common_name(X509_get_issuer_name(where), issuer);
    }
    return refuse(check, "%s: CN=%.100s, issued by CN=%.100s",
                  X509_verify_cert_error_string(error), subject, issuer);
}

/* SSL_CTX_set_cert_verify_callback: 1 = go on, 0 = end the handshake. */
static int verify(X509_STORE_CTX *store, void *context) {
    struct gw_peercheck *check = context;
    check->reason[0] = '\0';
    if (X509_verify_cert(store) <= 0) {
        (void) refuse_chain(check, store);
        if (X509_STORE_CTX_get_error(store) == X509_V_OK) {
            X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
        }
        return 0;
    }
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    for (size_t i = 0; i < GW_ARRAY_LEN(rules); i++) {
        if (!rules[i](check, leaf)) {
            X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
            return 0;
        }
    }
    return 1;
}

enum gw_err gw_peercheck_attach(struct gw_peercheck *check, void *ssl_ctx) {
    SSL_CTX *ctx = ssl_ctx;
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1
        || SSL_CTX_set_cipher_list(ctx, TLS12_SUITES) != 1) {
        return GW_ERR_FATAL;
    }
    (void) SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify, check);
    return GW_OK;
}
