/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of a TLS connection in one thread: our server stream on one end of a
 * socketpair, an mbedTLS client on the other. Included by tls_*_test.c only. */
#ifndef GW_TESTS_CRYPTO_TLS_FIXTURE_H
#define GW_TESTS_CRYPTO_TLS_FIXTURE_H

#define MBEDTLS_ALLOW_PRIVATE_ACCESS /* a forged session needs its secret changed */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#if MBEDTLS_VERSION_MAJOR >= 3
#include <psa/crypto.h>
#endif

#include "firmware/base/cleanup.h"
#include "firmware/base/random.h"
#include "firmware/crypto/tls_server.h"
#include "tests/fakes/test_pki.h"

#if MBEDTLS_VERSION_MAJOR >= 3 && defined(MBEDTLS_SSL_PROTO_TLS1_3)
#define HAS_TLS_1_3 1
#else
#define HAS_TLS_1_3 0
#endif

enum version { ANY_VERSION = 0, TLS_1_2 = 2, TLS_1_3 = 3 };

/* What a test wants of the client. */
struct client_wish {
    const char *certificate; /* "bad/expired": .crt and .key in the PKI; NULL = none */
    enum version version;
    const int *suites; /* NULL = the library's */
    bool only_p384;    /* knows no other curve */
    bool distrusts;    /* knows another CA than the server's */
    bool credulous;    /* takes any server */
    bool no_tickets;   /* TLS 1.2: session ids only */
    bool renegotiates; /* may ask for it */
};

struct client {
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_x509_crt ca;
    mbedtls_x509_crt chain;
    mbedtls_pk_context key;
    int fd;
    bool stutters; /* one byte, then a pause */
    bool paused;
    size_t budget; /* bytes it sends before it falls silent */
    size_t sent;
    int code; /* of the last handshake step */
};

struct pair {
    struct gw_tls_server *server;
    struct gw_tls_stream *stream;
    int fd; /* of the stream */
    struct client client;
    enum gw_err err; /* of the last step of our handshake */
};

static struct {
    bool limited;
    size_t room;      /* bytes it takes before EAGAIN */
    int error_number; /* what it answers instead */
} send_script;

/* send(2) of the server side: the linker takes this one for the room. */
ssize_t send(int fd, const void *bytes, size_t len, int flags) {
    if (!(flags & MSG_NOSIGNAL) || !(flags & MSG_DONTWAIT)) {
        abort();
    }
    if (send_script.error_number || (send_script.limited && send_script.room == 0)) {
        errno = send_script.error_number ? send_script.error_number : EAGAIN;
        return -1;
    }
    size_t part = send_script.limited && send_script.room < len ? send_script.room : len;
    ssize_t n = sendto(fd, bytes, part, flags, NULL, 0);
    send_script.room -= send_script.limited && n > 0 ? (size_t) n : 0;
    return n;
}

static inline int client_random(void *self, unsigned char *dst, size_t len) {
    (void) self;
    gw_random_bytes(dst, len);
    return 0;
}

/* sendto and recvfrom, since tests replace send and recv of the server side. */
static inline int client_send(void *self, const unsigned char *bytes, size_t len) {
    struct client *client = self;
    client->paused = client->stutters && !client->paused;
    if (client->paused || client->sent >= client->budget) {
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    size_t left = client->budget - client->sent;
    size_t part = client->stutters ? 1 : left < len ? left : len;
    ssize_t n = sendto(client->fd, bytes, part, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
    if (n >= 0) {
        client->sent += (size_t) n;
        return (int) n;
    }
    return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_NET_CONN_RESET;
}

static inline int client_recv(void *self, unsigned char *dst, size_t cap) {
    struct client *client = self;
    ssize_t n = recvfrom(client->fd, dst, client->stutters ? 1 : cap, MSG_DONTWAIT, NULL, NULL);
    if (n >= 0) {
        return (int) n;
    }
    return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_NET_CONN_RESET;
}

#if MBEDTLS_VERSION_MAJOR >= 3

static inline void client_configure(mbedtls_ssl_config *config,
                                    const struct client_wish *wish) {
    static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
                                      MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
    assert_int_equal(psa_crypto_init(), PSA_SUCCESS);
    if (wish->version == TLS_1_2) {
        mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
    } else if (wish->version == TLS_1_3) {
        mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_3);
    }
    if (wish->only_p384) {
        mbedtls_ssl_conf_groups(config, groups);
    }
#if HAS_TLS_1_3
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
}

#else

static inline void client_configure(mbedtls_ssl_config *config,
                                    const struct client_wish *wish) {
    static const mbedtls_ecp_group_id curves[] = {MBEDTLS_ECP_DP_SECP384R1,
                                                  MBEDTLS_ECP_DP_NONE};
    assert_int_not_equal(wish->version, TLS_1_3);
    if (wish->only_p384) {
        mbedtls_ssl_conf_curves(config, curves);
    }
}

#endif

static inline void client_load(struct client *client, struct gw_test_pki *pki,
                               const char *certificate) {
    char name[96];
    (void) snprintf(name, sizeof(name), "%s.crt", certificate);
    assert_int_equal(mbedtls_x509_crt_parse_file(&client->chain, gw_test_pki_path(pki, name)),
                     0);
    (void) snprintf(name, sizeof(name), "%s.key", certificate);
#if MBEDTLS_VERSION_MAJOR >= 3
    assert_int_equal(mbedtls_pk_parse_keyfile(&client->key, gw_test_pki_path(pki, name), NULL,
                                              client_random, NULL),
                     0);
#else
    assert_int_equal(mbedtls_pk_parse_keyfile(&client->key, gw_test_pki_path(pki, name), NULL),
                     0);
#endif
    assert_int_equal(mbedtls_ssl_conf_own_cert(&client->config, &client->chain, &client->key),
                     0);
}

static inline void client_open(struct client *client, struct gw_test_pki *pki,
                               const struct client_wish *wish, int fd) {
    *client = (struct client){.fd = fd, .budget = SIZE_MAX};
    mbedtls_ssl_init(&client->ssl);
    mbedtls_ssl_config_init(&client->config);
    mbedtls_x509_crt_init(&client->ca);
    mbedtls_x509_crt_init(&client->chain);
    mbedtls_pk_init(&client->key);
    assert_int_equal(mbedtls_ssl_config_defaults(&client->config, MBEDTLS_SSL_IS_CLIENT,
                                                 MBEDTLS_SSL_TRANSPORT_STREAM,
                                                 MBEDTLS_SSL_PRESET_DEFAULT),
                     0);
    mbedtls_ssl_conf_rng(&client->config, client_random, NULL);
    assert_int_equal(mbedtls_x509_crt_parse_file(
                         &client->ca, gw_test_pki_path(pki, wish->distrusts ? "bad/other-ca.crt"
                                                                            : "ca.crt")),
                     0);
    mbedtls_ssl_conf_ca_chain(&client->config, &client->ca, NULL);
    client_configure(&client->config, wish);
    mbedtls_ssl_conf_session_tickets(&client->config, !wish->no_tickets);
    mbedtls_ssl_conf_renegotiation(&client->config, wish->renegotiates);
    if (wish->credulous) {
        mbedtls_ssl_conf_authmode(&client->config, MBEDTLS_SSL_VERIFY_NONE);
    }
    if (wish->suites) {
        mbedtls_ssl_conf_ciphersuites(&client->config, wish->suites);
    }
    if (wish->certificate) {
        client_load(client, pki, wish->certificate);
    }
    assert_int_equal(mbedtls_ssl_setup(&client->ssl, &client->config), 0);
    assert_int_equal(mbedtls_ssl_set_hostname(&client->ssl, "localhost"), 0);
    mbedtls_ssl_set_bio(&client->ssl, client, client_send, client_recv, NULL);
}

static inline void client_close(struct client *client) {
    mbedtls_ssl_free(&client->ssl);
    mbedtls_ssl_config_free(&client->config);
    mbedtls_x509_crt_free(&client->ca);
    mbedtls_x509_crt_free(&client->chain);
    mbedtls_pk_free(&client->key);
    if (client->fd >= 0) {
        (void) close(client->fd);
    }
}

/* `ca` = NULL: no client certificate is asked for. */
static inline struct gw_tls_server *open_server(struct gw_test_pki *pki, const char *ca) {
    char storage[256] = {0};
    struct gw_buf reason;
    struct gw_tls_server *server = NULL;
    gw_buf_init(&reason, storage, sizeof(storage) - 1);
    struct gw_tls_server_options options = {.cert_file = gw_test_pki_path(pki, "server.crt"),
                                            .key_file = gw_test_pki_path(pki, "server.key"),
                                            .ca_file = ca ? gw_test_pki_path(pki, ca) : NULL};
    if (gw_tls_server_open(&options, &reason, &server) != GW_OK) {
        fail_msg("%.*s", GW_STR_ARG(gw_buf_str(&reason)));
    }
    return server;
}

/* Both ends of a socket, the stream on one, nothing yet on the other. */
static inline int open_stream(struct gw_tls_server *server, struct pair *ret_pair) {
    int ends[2];
    *ret_pair = (struct pair){.server = server};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
                     0);
    ret_pair->fd = ends[0];
    ret_pair->client.fd = -1;
    assert_int_equal(gw_tls_stream_open(server, ends[0], &ret_pair->stream), GW_OK);
    return ends[1];
}

static inline void open_pair(struct gw_tls_server *server, struct gw_test_pki *pki,
                             const struct client_wish *wish, struct pair *ret_pair) {
    int other_end = open_stream(server, ret_pair);
    client_open(&ret_pair->client, pki, wish, other_end);
}

/* The stream only: the client end stays as it is. */
static inline void close_stream(struct pair *pair) {
    gw_tls_stream_close(pair->stream);
    pair->stream = NULL;
    if (pair->fd >= 0) {
        (void) close(pair->fd);
        pair->fd = -1;
    }
}

static inline void close_pair(struct pair *pair) {
    close_stream(pair);
    client_close(&pair->client);
}

static inline bool is_waiting(int code) {
    return code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_WANT_WRITE;
}

/* In turn until both are done or one has failed. */
static inline void shake_hands(struct pair *pair) {
    struct client *client = &pair->client;
    client->code = MBEDTLS_ERR_SSL_WANT_READ;
    pair->err = GW_ERR_RETRY;
    for (int i = 0; i < 100000; i++) {
        if (is_waiting(client->code)) {
            client->code = mbedtls_ssl_handshake(&client->ssl);
        }
        if (pair->err == GW_ERR_RETRY) {
            pair->err = gw_tls_stream_handshake(pair->stream);
        }
        if (!is_waiting(client->code) && pair->err != GW_ERR_RETRY) {
            return;
        }
        if (pair->err != GW_OK && pair->err != GW_ERR_RETRY) {
            return;
        }
    }
    fail_msg("the handshake does not end: client -0x%04x, server %s", (unsigned) -client->code,
             gw_err_name(pair->err));
}

static inline void expect_connected(struct pair *pair) {
    shake_hands(pair);
    if (pair->err || pair->client.code) {
        fail_msg("server %s '%s', client -0x%04x", gw_err_name(pair->err),
                 gw_tls_stream_reason(pair->stream), (unsigned) -pair->client.code);
    }
}

static inline void expect_reason(const struct gw_tls_stream *stream, const char *part) {
    if (!strstr(gw_tls_stream_reason(stream), part)) {
        fail_msg("reason is '%s', expected '%s'", gw_tls_stream_reason(stream), part);
    }
}

/* The client writes all of it, whatever the socket takes at once. */
static inline void client_say(struct client *client, const void *bytes, size_t len) {
    size_t done = 0;
    while (done < len) {
        int n = mbedtls_ssl_write(&client->ssl, (const uint8_t *) bytes + done, len - done);
        assert_true(n > 0);
        done += (size_t) n;
    }
}

/* One read of the client. mbedTLS comes back without data for a ticket of TLS 1.3
 * and for an alert, though there is more to read. */
static inline int client_hear(struct client *client, void *dst, size_t cap) {
    int n = 0;
    for (int i = 0; i < 5; i++) {
        n = mbedtls_ssl_read(&client->ssl, dst, cap);
#if HAS_TLS_1_3
        if (n == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
            continue;
        }
#endif
        if (n != MBEDTLS_ERR_SSL_WANT_READ) {
            return n;
        }
    }
    return n;
}

static inline enum gw_err stream_write(struct pair *pair, const void *bytes, size_t len,
                                       size_t *ret_len) {
    return gw_tls_stream_write(pair->stream, (struct gw_bytes){bytes, len}, ret_len);
}

#endif
