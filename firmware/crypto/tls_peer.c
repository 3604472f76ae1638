/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for a client's certificate beyond those of mbedTLS, which accepts one
 * without extendedKeyUsage, with anyExtendedKeyUsage and without a name. It looks
 * at keyUsage and at the curve too, but after this callback and without saying
 * what was wrong, and at the curve in TLS 1.2 only. */
#include <string.h>

#include "firmware/crypto/tls_internal.h"

static bool names_client_auth(const mbedtls_x509_crt *crt) {
    for (const mbedtls_x509_sequence *use = &crt->ext_key_usage; use; use = use->next) {
        if (use->buf.p && MBEDTLS_OID_CMP(MBEDTLS_OID_CLIENT_AUTH, &use->buf) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_other_curve(const mbedtls_x509_crt *crt) {
    return mbedtls_pk_can_do(&crt->pk, MBEDTLS_PK_ECKEY)
           && mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(crt->pk))
                  != MBEDTLS_ECP_DP_SECP256R1;
}

static bool is_printable(struct gw_str name) {
    for (size_t i = 0; i < name.len; i++) {
        if ((uint8_t) name.ptr[i] < 0x20 || name.ptr[i] == 0x7f) {
            return false;
        }
    }
    return gw_str_is_utf8(name);
}

/* Two names would let two readers see two devices. */
static bool find_only_name(const mbedtls_x509_crt *crt, struct gw_str *ret_name) {
    size_t found = 0;
    for (const mbedtls_x509_name *part = &crt->subject; part; part = part->next) {
        if (part->oid.p && MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &part->oid) == 0) {
            *ret_name = (struct gw_str){(const char *) part->val.p, part->val.len};
            found++;
        }
    }
    return found == 1 && ret_name->len > 0;
}

static uint32_t check_leaf(const mbedtls_x509_crt *crt, struct gw_tls_peer *ret_peer) {
    struct gw_str name = {0};
    uint32_t flags = 0;
    if (!names_client_auth(crt)) {
        flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
    }
    if (mbedtls_x509_crt_check_key_usage(crt, MBEDTLS_X509_KU_DIGITAL_SIGNATURE) != 0) {
        flags |= MBEDTLS_X509_BADCERT_KEY_USAGE;
    }
    if (has_other_curve(crt)) {
        flags |= MBEDTLS_X509_BADCERT_BAD_KEY;
    }
    if (!find_only_name(crt, &name) || !is_printable(name)
        || gw_str_copy(name, ret_peer->cn, sizeof(ret_peer->cn)) != GW_OK) {
        flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
    }
    return flags;
}

int gw_tls_peer_check(void *self, mbedtls_x509_crt *crt, int depth, uint32_t *flags) {
    struct gw_tls_stream *stream = self;
    if (depth == 0) {
        stream->peer = (struct gw_tls_peer){.valid_to = crt->valid_to};
        stream->resumed = false; /* whatever session the peer offered was not taken */
        *flags |= check_leaf(crt, &stream->peer);
    }
    stream->verify_flags |= *flags;
    if (*flags && !stream->reason[0]) {
        gw_tls_explain_certificate(stream, crt);
    }
    return 0;
}
