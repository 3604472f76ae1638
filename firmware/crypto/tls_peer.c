/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for a client's certificate beyond those of mbedTLS, which accepts one
 * without extendedKeyUsage, with anyExtendedKeyUsage and without a name. */
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

int gw_tls_peer_check(void *self, mbedtls_x509_crt *crt, int depth, uint32_t *flags) {
    struct gw_tls_stream *stream = self;
    if (depth == 0) {
        struct gw_str name = {0};
        struct gw_tls_peer peer = {.valid_to = crt->valid_to};
        if (!names_client_auth(crt)) {
            *flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
        }
        if (!find_only_name(crt, &name) || !is_printable(name)
            || gw_str_copy(name, peer.cn, sizeof(peer.cn)) != GW_OK) {
            *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
        }
        stream->peer = peer;
        stream->resumed = false; /* whatever the peer offered, it was not taken */
    }
    stream->verify_flags |= *flags;
    if (*flags && !stream->reason[0]) {
        gw_tls_explain_certificate(stream, crt);
    }
    return 0;
}
