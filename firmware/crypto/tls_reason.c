/* SPDX-License-Identifier: Apache-2.0 */
/* Why a connection was refused, in words an installer can act on. */
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/crypto/tls_internal.h"

#if GW_TLS_HAS_1_3
#define VERSIONS "TLS 1.2 and 1.3"
#else
#define VERSIONS "TLS 1.2"
#endif

static void begin(struct gw_tls_stream *stream, struct gw_buf *text) {
    gw_buf_init(text, stream->reason, sizeof(stream->reason) - 1);
}

/* A text that did not fit ends at its last piece that did. */
static void end(struct gw_tls_stream *stream, const struct gw_buf *text) {
    stream->reason[text->len] = 0;
}

static void set_reason(struct gw_tls_stream *stream, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void set_reason(struct gw_tls_stream *stream, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void) vsnprintf(stream->reason, sizeof(stream->reason), format, arguments);
    va_end(arguments);
}

/* ---- certificates ------------------------------------------------------- */

static const struct {
    uint32_t flags;
    const char *text;
} certificate_faults[] = {
    {MBEDTLS_X509_BADCERT_EXPIRED, "has expired"},
    {MBEDTLS_X509_BADCERT_FUTURE, "is not yet valid"},
    {MBEDTLS_X509_BADCERT_NOT_TRUSTED, "is not issued by a CA of ca_file"},
    {MBEDTLS_X509_BADCERT_EXT_KEY_USAGE, "has no extendedKeyUsage clientAuth"},
    {MBEDTLS_X509_BADCERT_KEY_USAGE, "has a keyUsage without digitalSignature"},
    {MBEDTLS_X509_BADCERT_CN_MISMATCH,
     "needs exactly one common name, 1 to 127 bytes of UTF-8 without control characters"},
    {MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK,
     "has a weak or unknown signature"},
    {MBEDTLS_X509_BADCERT_BAD_KEY, "has a key that is too short or not of curve P-256"},
};

static void put_dates(struct gw_buf *text, const mbedtls_x509_crt *crt) {
    const mbedtls_x509_time *from = &crt->valid_from;
    const mbedtls_x509_time *to = &crt->valid_to;
    gw_buf_printf(text, "; valid from %04d-%02d-%02d to %04d-%02d-%02d %02d:%02d:%02d UTC",
                  from->year, from->mon, from->day, to->year, to->mon, to->day, to->hour,
                  to->min, to->sec);
}

/* mbedTLS writes bytes outside of printable ASCII as ? or escaped. */
static void put_name(struct gw_buf *text, const char *what, const mbedtls_x509_name *name) {
    char printable[128];
    if (mbedtls_x509_dn_gets(printable, sizeof(printable), name) > 0) {
        gw_buf_printf(text, "%s %s", what, printable);
    }
}

void gw_tls_explain_certificate(struct gw_tls_stream *stream, const mbedtls_x509_crt *crt) {
    struct gw_buf text;
    begin(stream, &text);
    put_name(&text, "client certificate", &crt->subject);
    const char *joint = " ";
    for (size_t i = 0; i < GW_ARRAY_LEN(certificate_faults); i++) {
        if (stream->verify_flags & certificate_faults[i].flags) {
            gw_buf_printf(&text, "%s%s", joint, certificate_faults[i].text);
            joint = " and ";
        }
    }
    if (stream->verify_flags & (MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)) {
        put_dates(&text, crt);
    }
    if (stream->verify_flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) {
        put_name(&text, "; issued by", &crt->issuer);
        put_name(&text, ", allowed is", &stream->server->ca.subject);
    }
    end(stream, &text);
}

/* ---- the rest ----------------------------------------------------------- */

/* RFC 8446, 6.2: those a TLS client sends about its server. */
static const struct {
    uint8_t number;
    const char *text;
} alerts[] = {
    {40, "handshake_failure"},   {42, "bad_certificate"},     {43, "unsupported_certificate"},
    {44, "certificate_revoked"}, {45, "certificate_expired"}, {46, "certificate_unknown"},
    {47, "illegal_parameter"},   {48, "unknown_ca"},          {51, "decrypt_error"},
    {70, "protocol_version"},    {80, "internal_error"},      {90, "user_canceled"},
};

/* Only an alert that is not encrypted can be read here. */
static bool got_plain_alert(const struct gw_tls_wire *wire) {
    const uint8_t *last = wire->last;
    return last[0] == 0x15 && last[1] == 3 && last[3] == 0 && last[4] == 2;
}

static void explain_alert(struct gw_tls_stream *stream) {
    uint8_t number = stream->wire.last[6];
    for (size_t i = 0; got_plain_alert(&stream->wire) && i < GW_ARRAY_LEN(alerts); i++) {
        if (alerts[i].number == number) {
            set_reason(stream, "the client refused with the alert %s (%d)", alerts[i].text,
                       number);
            return;
        }
    }
    set_reason(stream, "the client refused with a fatal alert");
}

static void explain_no_tls(struct gw_tls_stream *stream) {
    uint8_t byte = stream->wire.first_byte;
    const char *guess = byte == 0x10                 ? " (MQTT CONNECT without TLS?)"
                        : byte >= 'A' && byte <= 'Z' ? " (HTTP without TLS?)"
                                                     : "";
    set_reason(stream, "the first byte is 0x%02x%s; allowed is a TLS ClientHello (0x16)", byte,
               guess);
}

static void explain_end(struct gw_tls_stream *stream) {
    set_reason(stream, "the peer closed the connection %s",
               stream->ready          ? "without close_notify"
               : stream->wire.started ? "in the middle of the handshake"
                                      : "before its ClientHello");
}

static void explain_reset(struct gw_tls_stream *stream) {
    set_reason(stream, "the connection broke: %s", strerrordesc_np(stream->wire.error_number));
}

static void explain_close(struct gw_tls_stream *stream) {
    set_reason(stream, "the peer closed the connection");
}

static void explain_no_certificate(struct gw_tls_stream *stream) {
    struct gw_buf text;
    begin(stream, &text);
    gw_buf_put_str(&text, GW_STR("the client has no certificate"));
    put_name(&text, "; required is one issued by", &stream->server->ca.subject);
    end(stream, &text);
}

static void explain_verify(struct gw_tls_stream *stream) {
    if (!stream->reason[0]) {
        set_reason(stream, "the client certificate of the resumed session has expired");
    }
}

static void explain_version(struct gw_tls_stream *stream) {
    set_reason(stream, "the client offers no version that is allowed: " VERSIONS);
}

static void explain_suite(struct gw_tls_stream *stream) {
    set_reason(stream, "nothing in common with the client; allowed are " VERSIONS
                       ", ECDHE over P-256 or X25519 with AES-GCM, AES-CCM or "
                       "CHACHA20-POLY1305, and signatures with SHA-256 or longer");
}

static void explain_memory(struct gw_tls_stream *stream) {
    set_reason(stream, "out of memory");
}

static const struct {
    int code;
    enum gw_err err;
    void (*explain)(struct gw_tls_stream *stream);
} meanings[] = {
    {MBEDTLS_ERR_SSL_CONN_EOF, GW_ERR_NOCONN, explain_end},
    {MBEDTLS_ERR_NET_CONN_RESET, GW_ERR_NOCONN, explain_reset},
    {MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY, GW_ERR_NOCONN, explain_close},
    {MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE, GW_ERR_NOCONN, explain_alert},
    {MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE, GW_ERR_DENIED, explain_no_certificate},
    {MBEDTLS_ERR_X509_CERT_VERIFY_FAILED, GW_ERR_DENIED, explain_verify},
    {MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION, GW_ERR_DENIED, explain_version},
    {MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE, GW_ERR_DENIED, explain_suite},
    {MBEDTLS_ERR_SSL_NO_USABLE_CIPHERSUITE, GW_ERR_DENIED, explain_suite},
    {MBEDTLS_ERR_SSL_ALLOC_FAILED, GW_ERR_NOMEM, explain_memory},
};

enum gw_err gw_tls_stream_explain(struct gw_tls_stream *stream, int code) {
    if (stream->verify_flags) {
        return GW_ERR_DENIED;
    }
    if (stream->wire.no_tls) {
        explain_no_tls(stream);
        return GW_ERR_PARSE;
    }
    /* Clients of mbedTLS 3.6 send this alert in the clear where TLS 1.3 wants it
     * encrypted, and the server's side of 3.6 cannot read it. */
    if (code == MBEDTLS_ERR_SSL_INVALID_MAC && !stream->ready
        && got_plain_alert(&stream->wire)) {
        code = MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE;
    }
    for (size_t i = 0; i < GW_ARRAY_LEN(meanings); i++) {
        if (meanings[i].code == code) {
            meanings[i].explain(stream);
            return meanings[i].err;
        }
    }
    char text[128];
    mbedtls_strerror(code, text, sizeof(text));
    set_reason(stream, "no valid TLS from the client: %s (-0x%04x)", text, (unsigned) -code);
    return GW_ERR_PARSE;
}
