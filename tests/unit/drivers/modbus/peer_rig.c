/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/drivers/modbus/peer_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

uint16_t peer_value(uint8_t unit_id, uint16_t address, unsigned generation) {
    return (uint16_t) ((unsigned) unit_id << 12 | (generation & 0xF) << 8 | (address & 0xFF));
}

/* ---- bytes ---- */

static int fd_of(const struct peer *peer) {
    return peer->master >= 0 ? peer->master : peer->connection;
}

static void send_bytes(const struct peer *peer, const void *bytes, size_t len) {
    const uint8_t *at = bytes;
    while (len > 0) {
        ssize_t sent = peer->master >= 0 ? write(peer->master, at, len)
                                         : send(peer->connection, at, len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return; /* the other side hung up */
        }
        at += sent > 0 ? sent : 0;
        len -= sent > 0 ? (size_t) sent : 0;
    }
}

void peer_say(struct peer *peer, const void *bytes, size_t len) {
    send_bytes(peer, bytes, len);
}

/* False: told to stop, or hung up. */
static bool receive_bytes(const struct peer *peer, uint8_t *bytes, size_t len) {
    size_t at = 0;
    while (at < len) {
        struct pollfd fds[] = {{.fd = peer->stop_fd, .events = POLLIN},
                               {.fd = fd_of(peer), .events = POLLIN}};
        (void) poll(fds, 2, -1);
        if (fds[0].revents) {
            return false;
        }
        ssize_t got = read(fd_of(peer), bytes + at, len - at);
        if (got <= 0) {
            return false;
        }
        at += (size_t) got;
    }
    return true;
}

/* ---- answers ---- */

static size_t put_values(const struct peer *peer, uint8_t unit_id, const uint8_t *asked,
                         uint8_t *pdu) {
    unsigned address = (unsigned) (asked[1] << 8 | asked[2]);
    unsigned count = (unsigned) (asked[3] << 8 | asked[4]);
    bool is_bits = asked[0] <= 2;
    pdu[0] = asked[0];
    pdu[1] = (uint8_t) (is_bits ? (count + 7) / 8 : 2 * count);
    memset(pdu + 2, 0, pdu[1]);
    for (unsigned i = 0; i < count; i++) {
        uint16_t value =
            peer_value(unit_id, (uint16_t) (address + i), atomic_load(&peer->generation));
        if (is_bits) {
            pdu[2 + i / 8] = (uint8_t) (pdu[2 + i / 8] | (value & 1u) << i % 8);
        } else {
            pdu[2 + 2 * i] = (uint8_t) (value >> 8);
            pdu[3 + 2 * i] = (uint8_t) value;
        }
    }
    return 2u + pdu[1];
}

/* The frame that answers, made by the code that makes requests. */
static size_t put_answer(const struct peer *peer, enum peer_act act, uint8_t *frame) {
    size_t header = peer->kind == GW_FRAME_TCP ? 6 : 0;
    const uint8_t *asked = peer->last.bytes + header + 1;
    struct gw_frame_request answer = {.unit_id = peer->last.bytes[header]};
    if (peer->kind == GW_FRAME_TCP) {
        answer.transaction = (uint16_t) (peer->last.bytes[0] << 8 | peer->last.bytes[1]);
    }
    if (act == PEER_EXCEPTION || act == PEER_LATE_EXCEPTION) {
        answer.pdu[0] = (uint8_t) (asked[0] | 0x80);
        answer.pdu[1] = 4;
        answer.pdu_bytes = 2;
    } else if (asked[0] <= 4) {
        answer.pdu_bytes = put_values(peer, answer.unit_id, asked, answer.pdu);
    } else {
        memcpy(answer.pdu, asked, 5);
        answer.pdu_bytes = 5;
    }
    answer.transaction = (uint16_t) (answer.transaction + (act == PEER_WRONG_TRANSACTION));
    answer.unit_id = (uint8_t) (answer.unit_id + (act == PEER_WRONG_UNIT));
    answer.pdu[0] = (uint8_t) (answer.pdu[0] ^ (act == PEER_WRONG_FUNCTION ? 7 : 0));
    if (act == PEER_WRONG_COUNT) {
        answer.pdu[1] = (uint8_t) (answer.pdu[1] - 2);
        answer.pdu_bytes -= 2;
    }
    size_t len = gw_frame_put(peer->kind, &answer, frame);
    frame[3] = (uint8_t) (frame[3] + (act == PEER_WRONG_PROTOCOL));
    frame[5] = (uint8_t) (frame[5] + (act == PEER_WRONG_LENGTH));
    frame[len - 1] = (uint8_t) (frame[len - 1] ^ (act == PEER_BAD_CRC ? 0x10 : 0));
    frame[len] = 0;
    return len;
}

static void keep(struct peer *peer, const uint8_t *frame, size_t len) {
    memcpy(peer->kept.bytes, frame, len);
    peer->kept.len = len;
}

static void send_answer(struct peer *peer, enum peer_act act) {
    uint8_t frame[2 * GW_FRAME_MAX_BYTES];
    size_t len = put_answer(peer, act, frame);
    if (act == PEER_LATE || act == PEER_LATE_EXCEPTION) {
        keep(peer, frame, len);
        return;
    }
    send_bytes(peer, peer->kept.bytes, peer->kept.len);
    peer->kept.len = 0;
    if (act == PEER_KEPT) {
        return;
    }
    size_t sent = act == PEER_TRUNCATED ? len / 2 : act == PEER_EXTRA ? len + 1 : len;
    if (act == PEER_TWICE) {
        memcpy(frame + len, frame, len);
        sent = 2 * len;
    }
    size_t piece = act == PEER_PIECES ? 1 : sent;
    for (size_t at = 0; at < sent; at += piece) {
        send_bytes(peer, frame + at, piece);
    }
}

/* ---- the thread ---- */

static bool receive_request(struct peer *peer) {
    uint8_t *bytes = peer->last.bytes;
    size_t header = peer->kind == GW_FRAME_TCP ? 6 : 0;
    if (!receive_bytes(peer, bytes, header + 6)) {
        return false;
    }
    bool is_long = bytes[header + 1] > 6;
    size_t rest = 0;
    if (is_long && !receive_bytes(peer, bytes + header + 6, 1)) {
        return false;
    }
    if (is_long) {
        rest = bytes[header + 6];
    }
    size_t at = header + 6 + is_long;
    rest += peer->kind == GW_FRAME_RTU ? 2 : 0;
    peer->last.len = at + rest;
    return rest == 0 || receive_bytes(peer, bytes + at, rest);
}

/* Silent where others would answer with an exception. */
static bool is_mute_about(struct peer *peer) {
    const uint8_t *asked = peer->last.bytes + (peer->kind == GW_FRAME_TCP ? 6 : 0) + 1;
    unsigned from = (unsigned) (asked[1] << 8 | asked[2]);
    unsigned count = (unsigned) (asked[3] << 8 | asked[4]);
    unsigned only = atomic_load(&peer->only_address), size = atomic_load(&peer->only_count);
    return size > 0 && asked[0] <= 4 && (from < only || from + count > only + size);
}

static void serve(struct peer *peer) {
    while (receive_request(peer)) {
        unsigned number = atomic_fetch_add(&peer->requests, 1);
        enum peer_act act = number < peer->script_count ? peer->script[number] : PEER_RIGHT;
        if (peer->hears_itself) {
            send_bytes(peer, peer->last.bytes, peer->last.len);
        }
        if (act == PEER_HANG_UP) {
            return;
        }
        if (act != PEER_SILENT && !is_mute_about(peer)) {
            send_answer(peer, act);
        }
    }
}

static void *run_tcp(void *argument) {
    struct peer *peer = argument;
    for (;;) {
        struct pollfd fds[] = {{.fd = peer->stop_fd, .events = POLLIN},
                               {.fd = peer->listener, .events = POLLIN}};
        (void) poll(fds, 2, -1);
        if (fds[0].revents) {
            return NULL;
        }
        peer->connection = accept(peer->listener, NULL, NULL);
        atomic_fetch_add(&peer->connects, 1);
        serve(peer);
        (void) close(peer->connection);
        peer->connection = -1;
    }
}

static void *run_line(void *argument) {
    serve(argument);
    return NULL;
}

/* ---- life ---- */

static void start(struct peer *peer, const enum peer_act *script, size_t count,
                  void *(*run)(void *) ) {
    peer->script = script;
    peer->script_count = count;
    peer->stop_fd = eventfd(0, EFD_CLOEXEC);
    assert_true(peer->stop_fd >= 0);
    assert_int_equal(pthread_create(&peer->thread, NULL, run, peer), 0);
}

void peer_start_tcp(struct peer *peer, enum gw_frame_kind kind, const enum peer_act *script,
                    size_t count) {
    bool hears_itself = atomic_load(&peer->hears_itself);
    memset(peer, 0, sizeof *peer);
    peer->kind = kind;
    peer->master = peer->slave = -1;
    atomic_store(&peer->connection, -1);
    atomic_store(&peer->hears_itself, hears_itself);
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    assert_int_equal(bind(peer->listener, (struct sockaddr *) &address, size), 0);
    assert_int_equal(listen(peer->listener, 8), 0);
    assert_int_equal(getsockname(peer->listener, (struct sockaddr *) &address, &size), 0);
    peer->port = ntohs(address.sin_port);
    start(peer, script, count, run_tcp);
}

void peer_start_line(struct peer *peer, const enum peer_act *script, size_t count) {
    bool hears_itself = atomic_load(&peer->hears_itself);
    memset(peer, 0, sizeof *peer);
    peer->kind = GW_FRAME_RTU;
    peer->listener = -1;
    atomic_store(&peer->connection, -1);
    atomic_store(&peer->hears_itself, hears_itself);
    struct termios raw = {0};
    cfmakeraw(&raw);
    assert_int_equal(openpty(&peer->master, &peer->slave, peer->line, &raw, NULL), 0);
    start(peer, script, count, run_line);
}

static void close_if_open(int fd) {
    if (fd >= 0) {
        (void) close(fd);
    }
}

void peer_stop(struct peer *peer) {
    assert_int_equal(eventfd_write(peer->stop_fd, 1), 0);
    (void) pthread_join(peer->thread, NULL);
    close_if_open(peer->connection);
    close_if_open(peer->listener);
    close_if_open(peer->slave);
    close_if_open(peer->master);
    (void) close(peer->stop_fd);
}
