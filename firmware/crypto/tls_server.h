/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server side of TLS for a listener that is driven by epoll: no thread, no
 * wait, no socket of its own. The caller accepts, polls and closes; a stream
 * turns the bytes of one non-blocking socket into decrypted ones.
 *
 * The rules, none of which can be switched off:
 *   - TLS 1.2, and TLS 1.3 with mbedTLS 3.6 (2.28 has none)
 *   - ECDHE over P-256 or X25519 and AEAD suites only; no renegotiation, no
 *     compression, no early data
 *   - with `ca_file` a client certificate is required: chain to that CA alone
 *     (RFC 5280), valid at this moment, extendedKeyUsage present and naming
 *     clientAuth (anyExtendedKeyUsage does not count), exactly one common name:
 *     1 to 127 bytes of UTF-8 without control characters
 *   - no CRL and no OCSP: a device is revoked by its name, above this room
 *
 * Resumption: sessions live in a table of GW_TLS_SESSIONS_MAX entries of the
 * server, oldest out first. The client holds only a random 32-byte name of an
 * entry: the session id of TLS 1.2, the ticket of TLS 1.3 (RFC 8446, 4.6.1 allows
 * a database key). So there is no ticket key that would have to be rotated, and
 * a session ends with its entry: after GW_TLS_SESSION_LIFETIME_MS, when the
 * certificate it was made with runs out, or with the server. In TLS 1.3 each
 * resumption is a new ECDHE exchange and a new ticket.
 *
 * Sockets: use level-triggered epoll, set TCP_NODELAY (a handshake flight is
 * several sends). A stream reads ahead; after OK ask gw_tls_stream_has_pending
 * before waiting, since epoll does not know of bytes that were taken already.
 *
 * Memory: GW_TLS_STREAM_MEMORY_BYTES, measured and checked by the test
 * stream_memory_is_what_the_header_says (tls_stream_test.c). The two record buffers
 * of mbedTLS, whose size is part of how Debian builds it, are 33 kB of it, reading
 * ahead is 4 kB. It holds between the calls of a handshake too. The session table
 * is 2.2 MB of address space of which only entries in use touch memory. A process
 * with 1,000 streams and 1,000 sessions had 43 MB of anonymous memory (2.28.3).
 *
 * Cost, printed by the_cost_of_a_handshake_is_printed (tls_session_test.c, Release,
 * x86-64, P-256 on both sides): with mbedTLS 2.28.3 205 full handshakes per CPU
 * second and 16,000 resumed; with 3.6.6 390 and 23,000 in TLS 1.2, 350 and 1,070 in
 * TLS 1.3, whose resumption exchanges keys. So one call can take 5 ms: limit how
 * many full handshakes are under way, and how long (a stream has no clock).
 *
 * Threads: all calls of one server and its streams from one thread.
 */
#ifndef GW_CRYPTO_TLS_SERVER_H
#define GW_CRYPTO_TLS_SERVER_H

#include "firmware/base/buf.h"

/* Heap of one stream at rest, its certificate (P-256, 500 bytes) included; measured
 * 42,454 with mbedTLS 2.28.3, 43,086 (TLS 1.2) and 47,378 (TLS 1.3) with 3.6.6. */
#define GW_TLS_STREAM_MEMORY_BYTES (48U << 10)
#define GW_TLS_SESSIONS_MAX 1024
/* RFC 8446, 4.6.1 allows seven days; a day covers a night and a power cut. */
#define GW_TLS_SESSION_LIFETIME_MS (24LL * 60 * 60 * 1000)
/* Longest common name, without NUL. */
#define GW_TLS_CN_MAX_BYTES 127

struct gw_tls_server_options {
    const char *cert_file; /* PEM, own certificate first, then its issuers */
    const char *key_file;  /* PEM, not encrypted */
    const char *ca_file;   /* PEM; "" or NULL = no client certificate is asked for */
};

/* What the streams of one listener share. Outlives its streams. */
struct gw_tls_server;

/* Read the three files; the options are not kept. On an error `reason` says what
 * was found in which file. NOENT, DENIED, IO; PARSE: not PEM, no certificate, no
 * key; INVALID: the key is not the certificate's, or a file name is missing;
 * NOMEM; FATAL: the library's own generator does not start. */
enum gw_err gw_tls_server_open(const struct gw_tls_server_options *options,
                               struct gw_buf *reason, struct gw_tls_server **ret_server);
/* Keys and sessions are wiped. No stream may be left (asserted). NULL is allowed. */
void gw_tls_server_close(struct gw_tls_server *server);

/* One connection. */
struct gw_tls_stream;

/* `fd` is a connected, non-blocking stream socket that stays the caller's and
 * must outlive the stream. NOMEM. */
enum gw_err gw_tls_stream_open(struct gw_tls_server *server, int fd,
                               struct gw_tls_stream **ret_stream);
/* Say close_notify if that needs no wait, wipe and free. Does not close the
 * socket. NULL is allowed. */
void gw_tls_stream_close(struct gw_tls_stream *stream);

/* Go on with the handshake. OK: done (also when called again). RETRY: call again
 * when the socket is readable, or writable if gw_tls_stream_wants_write. Else it
 * is over and the reason says why: DENIED (certificate, version or suite is not
 * allowed), PARSE (these bytes are no TLS), NOCONN (the peer left, or refused us
 * with an alert), NOMEM. An alert to the peer was sent if that needed no wait.
 * Every later call on the stream gives the same error. */
enum gw_err gw_tls_stream_handshake(struct gw_tls_stream *stream);

/* Up to `cap` decrypted bytes, at least one with OK. RETRY, NOCONN (the end,
 * also one without close_notify; the reason tells which), PARSE (a record that
 * does not decrypt), INVALID (before the handshake is done, or cap is 0). */
enum gw_err gw_tls_stream_read(struct gw_tls_stream *stream, uint8_t *dst, size_t cap,
                               size_t *ret_len);
/* OK: *ret_len bytes are in the socket, at most one record (16 kB) per call.
 * RETRY: a record of them is sealed and waits for the socket; call again with
 * the same bytes, of which there may be more by now. NOCONN; INVALID (before
 * the handshake is done, or fewer bytes than what waits). Never raises SIGPIPE. */
enum gw_err gw_tls_stream_write(struct gw_tls_stream *stream, struct gw_bytes bytes,
                                size_t *ret_len);

/* A read can go on without the socket: epoll will not tell. False after RETRY. */
bool gw_tls_stream_has_pending(const struct gw_tls_stream *stream);
/* The last RETRY waits for the socket to be writable, not readable. */
bool gw_tls_stream_wants_write(const struct gw_tls_stream *stream);
/* Common name of the verified client certificate, also on a resumed session;
 * empty if none was asked for or the handshake is not done. Lives as long as
 * the stream. */
struct gw_str gw_tls_stream_peer_cn(const struct gw_tls_stream *stream);
/* The handshake resumed a session: no certificate was sent or verified again. */
bool gw_tls_stream_is_resumed(const struct gw_tls_stream *stream);
/* "TLSv1.2" or "TLSv1.3" once the handshake is done. Static storage. */
const char *gw_tls_stream_version(const struct gw_tls_stream *stream);
/* Why the stream failed: what was found and what is allowed, printable, one
 * line; "" if it did not. Lives as long as the stream. */
const char *gw_tls_stream_reason(const struct gw_tls_stream *stream);

#endif
