/* SPDX-License-Identifier: Apache-2.0 */
/* The socket below a stream: never waits, never raises SIGPIPE. */
#include <errno.h>
#include <mbedtls/net_sockets.h>
#include <string.h>
#include <sys/socket.h>

#include "firmware/crypto/tls_internal.h"

#define RECORD_HANDSHAKE 0x16 /* ContentType handshake, RFC 8446, 5.1 */

static bool is_full_or_empty(int error_number) {
    return error_number == EAGAIN || error_number == EWOULDBLOCK;
}

/* What is left unsent is what mbedTLS still holds: it has one output buffer and
 * offers the rest of it each time. */
int gw_tls_wire_send(void *self, const unsigned char *bytes, size_t len) {
    struct gw_tls_wire *wire = self;
    ssize_t n;
    do {
        n = send(wire->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n >= 0) {
        wire->unsent = len - (size_t) n;
        return (int) n;
    }
    wire->unsent = len;
    if (is_full_or_empty(errno)) {
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    wire->error_number = errno;
    return MBEDTLS_ERR_NET_CONN_RESET;
}

/* The peer's first byte decides: a device that speaks MQTT to the TLS port shall
 * be told apart from a broken TLS library, and not after five bytes it may never
 * send. */
static int judge_first_byte(struct gw_tls_wire *wire, uint8_t byte) {
    wire->started = true;
    wire->first_byte = byte;
    wire->no_tls = byte != RECORD_HANDSHAKE;
    return wire->no_tls ? MBEDTLS_ERR_SSL_INVALID_RECORD : 0;
}

static int receive(struct gw_tls_wire *wire, uint8_t *dst, size_t cap) {
    ssize_t n;
    if (wire->budget == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ; /* level-triggered epoll comes back at once */
    }
    do {
        n = recv(wire->fd, dst, cap, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && is_full_or_empty(errno)) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    if (n < 0) {
        wire->error_number = errno;
        return MBEDTLS_ERR_NET_CONN_RESET;
    }
    wire->budget -= (size_t) n < wire->budget ? (size_t) n : wire->budget;
    if (n > 0 && !wire->started) {
        int bad = judge_first_byte(wire, dst[0]);
        if (bad) {
            return bad;
        }
    }
    return (int) n;
}

static void keep_last(struct gw_tls_wire *wire, const uint8_t *bytes, size_t len) {
    if (len >= sizeof(wire->last)) {
        memcpy(wire->last, bytes + len - sizeof(wire->last), sizeof(wire->last));
        return;
    }
    memmove(wire->last, wire->last + len, sizeof(wire->last) - len);
    memcpy(wire->last + sizeof(wire->last) - len, bytes, len);
}

int gw_tls_wire_recv(void *self, unsigned char *dst, size_t cap) {
    struct gw_tls_wire *wire = self;
    if (wire->ahead_used == wire->ahead_len) {
        bool direct = cap >= sizeof(wire->ahead);
        int n = receive(wire, direct ? dst : wire->ahead, direct ? cap : sizeof(wire->ahead));
        if (n <= 0) {
            return n;
        }
        if (direct) {
            keep_last(wire, dst, (size_t) n);
            return n;
        }
        wire->ahead_used = 0;
        wire->ahead_len = (size_t) n;
    }
    size_t left = wire->ahead_len - wire->ahead_used;
    size_t len = left < cap ? left : cap;
    memcpy(dst, wire->ahead + wire->ahead_used, len);
    wire->ahead_used += len;
    keep_last(wire, dst, len);
    return (int) len;
}
