/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peercheck: who may be the centre. TLS rules beyond the library's defaults,
 * as OpenSSL callbacks; the only room that includes OpenSSL.
 *
 * The rules run inside the handshake, before a byte of a request leaves, and
 * none of them can be switched off:
 *   - the chain ends in a configured anchor and is valid today (RFC 5280)
 *   - the leaf carries a subjectAltName; a common name is never looked at
 *     (RFC 9525, section 2)
 *   - a host name matches a dNSName (a wildcard only as the whole left-most
 *     label), an IP address matches only an iPAddress entry
 *   - extendedKeyUsage is there and names serverAuth (anyExtendedKeyUsage does
 *     not count)
 *   - the leaf is no CA
 *   - if a pin is configured: SHA-256 of the leaf's SubjectPublicKeyInfo
 *   - TLS 1.2 or newer with an AEAD suite and forward secrecy; no renegotiation
 * CRL policy: none is checked in this version, neither by distribution point
 * nor by OCSP; a compromised server certificate is answered by a pin or by
 * another anchor.
 *
 * Caveat: a resumed session carries the verdict of the handshake it came from,
 * which was checked by these rules in the same process.
 * Threads: one thread per check.
 */
#ifndef GW_CLOUD_LINK_PEERCHECK_H
#define GW_CLOUD_LINK_PEERCHECK_H

#include "firmware/base/str.h"

#define GW_PEERCHECK_PIN_BYTES 32

struct gw_peercheck_options {
    struct gw_str host;  /* name or address as in the URL, without brackets */
    struct gw_bytes pin; /* empty = none, else GW_PEERCHECK_PIN_BYTES bytes */
};

struct gw_peercheck;

/* The options are copied. INVALID: no host, or a pin of another length. NOMEM. */
enum gw_err gw_peercheck_open(const struct gw_peercheck_options *options,
                              struct gw_peercheck **ret_check);
/* Every SSL_CTX it was attached to must be gone. NULL is allowed. */
void gw_peercheck_close(struct gw_peercheck *check);

/* Install the rules on `ssl_ctx` (an SSL_CTX *, as void so that callers need no
 * OpenSSL header). Call it last, after everybody else configured the context;
 * `check` must outlive the context. FATAL if the context refuses a rule: then
 * the connection must not be made. */
enum gw_err gw_peercheck_attach(struct gw_peercheck *check, void *ssl_ctx);

/* Why the last handshake was refused ("certificate has no subjectAltName, only
 * CN=centre.example"), empty if it was not refused by these rules. Valid until
 * the next handshake. */
const char *gw_peercheck_reason(const struct gw_peercheck *check);
/* Forget the reason: call it before a connection is tried. */
void gw_peercheck_clear_reason(struct gw_peercheck *check);

#endif
