/* SPDX-License-Identifier: Apache-2.0 */
/* What the tls_*.c files of this room share; nobody else includes it. */
#ifndef GW_CRYPTO_TLS_INTERNAL_H
#define GW_CRYPTO_TLS_INTERNAL_H

#include "firmware/crypto/mbedtls_compat.h"
#include "firmware/crypto/tls_server.h"

#define GW_TLS_REASON_BYTES 320
/* Read ahead: 15 records of a 200-byte event by one system call, where mbedTLS
 * alone asks twice per record. */
#define GW_TLS_AHEAD_BYTES 4096
/* What one call takes from the socket at most: records that carry nothing, such as
 * warning alerts, must not hold the listener's one thread as long as they come. */
#define GW_TLS_CALL_BYTES (64U << 10)
/* Content type, version, length, alert level, alert description: RFC 8446, 5.1
 * and 6. */
#define GW_TLS_ALERT_RECORD_BYTES 7

/* Who a session belongs to. */
struct gw_tls_peer {
    char cn[GW_TLS_CN_MAX_BYTES + 1];
    mbedtls_x509_time valid_to;
};

struct gw_tls_server {
    mbedtls_ssl_config config;
    mbedtls_x509_crt chain;
    mbedtls_x509_crt ca;
    mbedtls_pk_context key;
    struct gw_tls_sessions *sessions;
    /* The stream inside a handshake call: the session callbacks of mbedTLS know
     * the server only. */
    struct gw_tls_stream *current;
    bool asks_certificate;
    size_t streams;
};

/* What the socket side of a stream knows. */
struct gw_tls_wire {
    int fd;
    int error_number;   /* of the last send or recv that failed */
    bool no_tls;        /* the very first byte is not a handshake record's */
    bool started;       /* a byte came */
    uint8_t first_byte; /* of the connection */
    size_t budget;      /* bytes this call may still take */
    size_t unsent;      /* bytes of mbedTLS's output buffer the socket did not take */
    size_t ahead_used;
    size_t ahead_len;
    uint8_t last[GW_TLS_ALERT_RECORD_BYTES]; /* the bytes mbedTLS got last */
    uint8_t ahead[GW_TLS_AHEAD_BYTES];
};

struct gw_tls_stream {
    struct gw_tls_server *server;
    mbedtls_ssl_context ssl;
    enum gw_err failed; /* what every later call answers */
    bool ready;         /* the handshake is done */
    bool wants_write;
    bool resumed;
    size_t sealed; /* bytes of a record that a RETRY of write left behind */
    size_t slot;   /* of the session that is resumed, or GW_TLS_NO_SLOT */
    uint32_t verify_flags;
    struct gw_tls_peer peer;
    struct gw_tls_wire wire;
    char reason[GW_TLS_REASON_BYTES];
};

#define GW_TLS_NO_SLOT SIZE_MAX

/* tls_wire.c: the BIO. `self` is the stream's struct gw_tls_wire. */
int gw_tls_wire_send(void *self, const unsigned char *bytes, size_t len);
int gw_tls_wire_recv(void *self, unsigned char *dst, size_t cap);

/* tls_peer.c: called by mbedTLS for each certificate of a client's chain, the
 * leaf (depth 0) last. `self` is the stream. */
int gw_tls_peer_check(void *self, mbedtls_x509_crt *crt, int depth, uint32_t *flags);

/* tls_reason.c: what `code` of mbedTLS means for the caller; fills the reason. */
enum gw_err gw_tls_stream_explain(struct gw_tls_stream *stream, int code);
/* Text for what gw_tls_peer_check and mbedTLS found wrong with `crt`. */
void gw_tls_explain_certificate(struct gw_tls_stream *stream, const mbedtls_x509_crt *crt);

/* tls_sessions.c: an empty table. NOMEM. */
enum gw_err gw_tls_sessions_open(struct gw_tls_sessions **ret_sessions);
/* Wipe all secrets and free. NULL is allowed. */
void gw_tls_sessions_close(struct gw_tls_sessions *sessions);
/* Let the handshakes of `server` write to its table and resume from it. */
void gw_tls_sessions_attach(struct gw_tls_server *server);

/* getrandom(2) as mbedTLS wants it. */
int gw_tls_random(void *self, unsigned char *dst, size_t len);

#endif
