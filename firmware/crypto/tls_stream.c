/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing through mbedTLS without losing or doubling a byte.
 *
 * mbedTLS has one output buffer. When the socket does not take all of it,
 * mbedtls_ssl_write answers WANT_WRITE and expects the same call again: while
 * its buffer is not empty, a call only flushes and then claims to have written
 * whatever length it was given, and once it is empty, a call seals a new record.
 * Two things go wrong if one trusts that:
 *   - the retry comes with more bytes: they would be claimed, and never sent;
 *   - a read in between flushed the buffer (to make room for an alert), or left
 *     an alert in it: the retry would send a record twice, or none.
 * So the stream counts what the socket has not taken (wire.unsent, which is what
 * mbedTLS holds), and how many of the caller's bytes are sealed in it (sealed).
 */
#include <assert.h>
#include <mbedtls/platform_util.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/crypto/tls_internal.h"

static void free_stream(struct gw_tls_stream *stream) {
    mbedtls_ssl_free(&stream->ssl);
    mbedtls_platform_zeroize(stream, sizeof(*stream));
    free(stream);
}

GW_DEFINE_CLEANUP(struct gw_tls_stream *, free_stream, free_streamp)

enum gw_err gw_tls_stream_open(struct gw_tls_server *server, int fd,
                               struct gw_tls_stream **ret_stream) {
    GW_CLEANUP(free_streamp) struct gw_tls_stream *stream = calloc(1, sizeof(*stream));
    if (!stream) {
        return GW_ERR_NOMEM;
    }
    stream->server = server;
    stream->slot = GW_TLS_NO_SLOT;
    stream->wire.fd = fd;
    mbedtls_ssl_init(&stream->ssl);
    if (mbedtls_ssl_setup(&stream->ssl, &server->config) != 0) {
        return GW_ERR_NOMEM;
    }
    mbedtls_ssl_set_bio(&stream->ssl, &stream->wire, gw_tls_wire_send, gw_tls_wire_recv, NULL);
    mbedtls_ssl_set_verify(&stream->ssl, gw_tls_peer_check, stream);
    server->streams++;
    *ret_stream = GW_TAKE(stream);
    return GW_OK;
}

void gw_tls_stream_close(struct gw_tls_stream *stream) {
    if (!stream) {
        return;
    }
    if (stream->ready && !stream->failed) {
        bool other_first = stream->wire.unsent > 0;
        int code = mbedtls_ssl_close_notify(&stream->ssl);
        if (code == 0 && other_first) {
            (void) mbedtls_ssl_close_notify(&stream->ssl);
        }
    }
    assert(stream->server->streams > 0);
    stream->server->streams--;
    free_stream(stream);
}

/* The answer for any code of mbedTLS that is not success; final unless RETRY. */
static enum gw_err answer(struct gw_tls_stream *stream, int code) {
    stream->wants_write = code == MBEDTLS_ERR_SSL_WANT_WRITE;
    if (code == MBEDTLS_ERR_SSL_WANT_WRITE || code == MBEDTLS_ERR_SSL_WANT_READ) {
        return GW_ERR_RETRY;
    }
    stream->failed = gw_tls_stream_explain(stream, code);
    return stream->failed;
}

/* A resumed session was verified when it was made; only time has passed since. */
static enum gw_err finish_handshake(struct gw_tls_stream *stream) {
    if (!stream->server->asks_certificate) {
        stream->peer.cn[0] = 0;
    } else if (mbedtls_x509_time_is_past(&stream->peer.valid_to) || !stream->peer.cn[0]) {
        return answer(stream, MBEDTLS_ERR_X509_CERT_VERIFY_FAILED);
    }
    stream->ready = true;
    return GW_OK;
}

/* The one refusal of TLS 1.2 about which mbedTLS says nothing to the peer. */
static void tell_that_a_certificate_is_missing(struct gw_tls_stream *stream, int code) {
    if (code == MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE
        && strcmp(mbedtls_ssl_get_version(&stream->ssl), "TLSv1.2") == 0) {
        (void) mbedtls_ssl_send_alert_message(&stream->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                              MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE);
    }
}

enum gw_err gw_tls_stream_handshake(struct gw_tls_stream *stream) {
    if (stream->failed || stream->ready) {
        return stream->failed;
    }
    stream->wire.budget = GW_TLS_CALL_BYTES;
    stream->server->current = stream;
    int code = mbedtls_ssl_handshake(&stream->ssl);
    stream->server->current = NULL;
    tell_that_a_certificate_is_missing(stream, code);
    return code == 0 ? finish_handshake(stream) : answer(stream, code);
}

enum gw_err gw_tls_stream_read(struct gw_tls_stream *stream, uint8_t *dst, size_t cap,
                               size_t *ret_len) {
    if (stream->failed) {
        return stream->failed;
    }
    if (!stream->ready || cap == 0) {
        return GW_ERR_INVALID;
    }
    stream->wire.budget = GW_TLS_CALL_BYTES;
    int n = mbedtls_ssl_read(&stream->ssl, dst, cap);
    if (n <= 0) {
        return answer(stream, n == 0 ? MBEDTLS_ERR_SSL_CONN_EOF : n);
    }
    *ret_len = (size_t) n;
    return GW_OK;
}

/* Give the socket what mbedTLS holds. mbedTLS has no public call for that but a
 * write, which only flushes while its buffer is not empty; the byte it is given
 * is not looked at. */
static int flush(struct gw_tls_stream *stream) {
    if (stream->wire.unsent == 0) {
        return 0;
    }
    int code = mbedtls_ssl_write(&stream->ssl, (const unsigned char *) "", 1);
    return code < 0 ? code : 0;
}

static int seal(struct gw_tls_stream *stream, struct gw_bytes bytes) {
    int payload = mbedtls_ssl_get_max_out_record_payload(&stream->ssl);
    if (payload <= 0) {
        return payload < 0 ? payload : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
    }
    size_t len = bytes.len < (size_t) payload ? bytes.len : (size_t) payload;
    int code = mbedtls_ssl_write(&stream->ssl, bytes.ptr, len);
    if (code == MBEDTLS_ERR_SSL_WANT_WRITE) {
        stream->sealed = len;
    }
    return code;
}

enum gw_err gw_tls_stream_write(struct gw_tls_stream *stream, struct gw_bytes bytes,
                                size_t *ret_len) {
    if (stream->failed) {
        return stream->failed;
    }
    if (!stream->ready || bytes.len < stream->sealed) {
        return GW_ERR_INVALID;
    }
    int n = flush(stream);
    if (n == 0 && stream->sealed > 0) {
        n = (int) stream->sealed;
        stream->sealed = 0;
    } else if (n == 0 && bytes.len > 0) {
        n = seal(stream, bytes);
    }
    if (n < 0) {
        return answer(stream, n);
    }
    *ret_len = (size_t) n;
    return GW_OK;
}

bool gw_tls_stream_has_pending(const struct gw_tls_stream *stream) {
    return stream->ready && !stream->failed
           && (stream->wire.ahead_used < stream->wire.ahead_len
               || mbedtls_ssl_check_pending(&stream->ssl) != 0);
}

bool gw_tls_stream_wants_write(const struct gw_tls_stream *stream) {
    return stream->wants_write;
}

struct gw_str gw_tls_stream_peer_cn(const struct gw_tls_stream *stream) {
    return stream->ready ? gw_str_from_cstr(stream->peer.cn) : (struct gw_str){0};
}

bool gw_tls_stream_is_resumed(const struct gw_tls_stream *stream) {
    return stream->ready && stream->resumed;
}

const char *gw_tls_stream_version(const struct gw_tls_stream *stream) {
    return mbedtls_ssl_get_version(&stream->ssl);
}

const char *gw_tls_stream_reason(const struct gw_tls_stream *stream) {
    return stream->reason;
}
