/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes between a socket and a connection.
 *
 * All connections share one buffer to read into. Packets are taken apart in it; what
 * is left of a packet that is not complete is kept, in the connection's own 2 KiB or
 * in a place of the shared pool. As much is read as can be kept: with the pool used
 * up, a connection is read only as far as its own 2 KiB go.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/mqtt/ingress/ingress_internal.h"

static int64_t now_of(const struct gw_ingress *ingress) {
    return gw_clock_mono_ms(ingress->options.clock);
}

/* ---- what is kept ---- */

static uint8_t *large_at(const struct gw_ingress *ingress, uint32_t large) {
    return ingress->larges + (size_t) large * INGRESS_KEPT_BYTES;
}

static void drop_large(struct ingress_connection *connection) {
    if (connection->large != INGRESS_NOBODY) {
        connection->ingress->larges_free |= UINT64_C(1) << connection->large;
        connection->large = INGRESS_NOBODY;
    }
}

static bool take_large(struct ingress_connection *connection) {
    struct gw_ingress *ingress = connection->ingress;
    if (connection->large == INGRESS_NOBODY && ingress->larges_free != 0) {
        connection->large = (uint32_t) __builtin_ctzll(ingress->larges_free);
        ingress->larges_free &= ingress->larges_free - 1;
    }
    return connection->large != INGRESS_NOBODY;
}

static const uint8_t *kept_bytes(const struct ingress_connection *connection) {
    return connection->large != INGRESS_NOBODY
               ? large_at(connection->ingress, connection->large)
               : connection->small;
}

/* `rest` may lie where it is to be kept. */
static void keep(struct ingress_connection *connection, struct gw_bytes rest) {
    connection->kept_len = rest.len;
    if (rest.len <= INGRESS_SMALL_BYTES) {
        memmove(connection->small, rest.ptr, rest.len);
        drop_large(connection);
        return;
    }
    if (take_large(connection)) {
        memmove(large_at(connection->ingress, connection->large), rest.ptr, rest.len);
        return;
    }
    /* Cannot be: room_of reads no more than can be kept. */
    ingress_connection_fail(connection, (struct packet_fault){REASON_QUOTA, "no room"});
}

static size_t room_of(const struct ingress_connection *connection) {
    bool has_large =
        connection->large != INGRESS_NOBODY || connection->ingress->larges_free != 0;
    size_t most = has_large ? INGRESS_KEPT_BYTES : INGRESS_SMALL_BYTES;
    size_t room = most > connection->kept_len ? most - connection->kept_len : 0;
    return room < INGRESS_READ_BYTES ? room : INGRESS_READ_BYTES;
}

/* Take what stands at `bytes`, keep the rest. */
static void take(struct ingress_connection *connection, struct gw_bytes bytes) {
    size_t done = ingress_connection_take(connection, bytes);
    if (connection->phase == PHASE_CLOSING) {
        return;
    }
    keep(connection, (struct gw_bytes){bytes.ptr + done, bytes.len - done});
    bool is_partial = connection->kept_len > 0 || connection->skip_len > 0;
    if (!is_partial || done > 0) {
        connection->partial_mono_ms = 0;
    }
    if (is_partial && connection->partial_mono_ms == 0) {
        connection->partial_mono_ms = now_of(connection->ingress);
    }
}

static void take_kept(struct ingress_connection *connection) {
    if (connection->kept_len > 0 && ingress_connection_may_take(connection)) {
        take(connection, (struct gw_bytes){kept_bytes(connection), connection->kept_len});
    }
}

/* ---- reading ---- */

/* RETRY when there is nothing now. */
static enum gw_err receive_plain(int fd, uint8_t *dst, size_t cap, size_t *ret_len) {
    ssize_t n = recv(fd, dst, cap, MSG_DONTWAIT);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? GW_ERR_RETRY : GW_ERR_NOCONN;
    }
    *ret_len = (size_t) n;
    return n == 0 ? GW_ERR_NOCONN : GW_OK;
}

/* TLS gives a record at a time: take as many as there are. */
static enum gw_err receive_tls(struct gw_tls_stream *stream, uint8_t *dst, size_t cap,
                               size_t *ret_len) {
    size_t len = 0;
    enum gw_err err = GW_OK;
    while (!err && len < cap) {
        size_t n = 0;
        err = gw_tls_stream_read(stream, dst + len, cap - len, &n);
        len += err ? 0 : n;
    }
    *ret_len = len;
    return len > 0 ? GW_OK : err;
}

static void end(struct ingress_connection *connection) {
    connection->phase = PHASE_CLOSING;
}

static void read_some(struct ingress_connection *connection) {
    struct gw_ingress *ingress = connection->ingress;
    size_t room = room_of(connection), len = 0;
    if (room == 0 || !ingress_connection_may_take(connection)) {
        return;
    }
    memcpy(ingress->read_bytes, kept_bytes(connection), connection->kept_len);
    uint8_t *dst = ingress->read_bytes + connection->kept_len;
    enum gw_err err = connection->tls ? receive_tls(connection->tls, dst, room, &len)
                                      : receive_plain(connection->fd, dst, room, &len);
    if (err) {
        if (err != GW_ERR_RETRY) {
            end(connection);
        }
        return;
    }
    take(connection, (struct gw_bytes){ingress->read_bytes, connection->kept_len + len});
}

/* ---- writing ---- */

static enum gw_err transmit(struct ingress_connection *connection, struct gw_bytes bytes,
                            size_t *ret_len) {
    if (connection->tls) {
        return gw_tls_stream_write(connection->tls, bytes, ret_len);
    }
    ssize_t n = send(connection->fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? GW_ERR_RETRY : GW_ERR_NOCONN;
    }
    *ret_len = (size_t) n;
    return GW_OK;
}

/* Bytes stay where they are until all are sent: TLS wants the same ones again. */
static void flush(struct ingress_connection *connection) {
    struct gw_buf *out = &connection->out;
    while (connection->out_from < out->len) {
        size_t n = 0;
        enum gw_err err = transmit(connection,
                                   (struct gw_bytes){out->data + connection->out_from,
                                                     out->len - connection->out_from},
                                   &n);
        if (err == GW_ERR_RETRY) {
            if (connection->unread_mono_ms == 0) {
                connection->unread_mono_ms = now_of(connection->ingress);
            }
            return;
        }
        if (err) {
            end(connection);
            return;
        }
        connection->out_from += n;
        connection->unread_mono_ms = 0;
    }
    gw_buf_clear(out);
    connection->out_from = 0;
}

static void answer(struct ingress_connection *connection) {
    if (connection->phase == PHASE_FREE || connection->phase == PHASE_SHAKING) {
        return;
    }
    do {
        if (connection->phase != PHASE_CLOSING) {
            ingress_put_answers(connection);
        }
        flush(connection);
    } while (connection->out.len == 0 && connection->answered != connection->ready
             && connection->skip_len == 0 && connection->phase != PHASE_CLOSING);
}

/* ---- the loop ---- */

void ingress_wire_watch(struct ingress_connection *connection) {
    unsigned events = 0;
    if (connection->phase == PHASE_SHAKING) {
        events = gw_tls_stream_wants_write(connection->tls) ? GW_LOOP_WRITE : GW_LOOP_READ;
    } else {
        bool has_room = room_of(connection) > 0;
        bool reads = ingress_connection_may_take(connection) && has_room;
        if (!has_room) {
            connection->partial_mono_ms = now_of(connection->ingress); /* it is we */
        }
        events = (reads ? (unsigned) GW_LOOP_READ : 0u)
                 | (connection->out.len > 0 ? (unsigned) GW_LOOP_WRITE : 0u);
    }
    if (events == connection->watched) {
        return;
    }
    if (gw_loop_watch(connection->ingress->options.loop, connection->fd, events,
                      ingress_wire_ready, connection)) {
        end(connection);
        ingress_mark_ready(connection);
        return;
    }
    connection->watched = events;
}

static void shake_hands(struct ingress_connection *connection) {
    enum gw_err err = gw_tls_stream_handshake(connection->tls);
    if (!err) {
        connection->phase = PHASE_GREETING;
    } else if (err != GW_ERR_RETRY) {
        ingress_connection_fail(connection,
                                (struct packet_fault){REASON_NOT_AUTHORISED,
                                                      gw_tls_stream_reason(connection->tls)});
    }
}

static bool has_pending(const struct ingress_connection *connection) {
    return connection->tls && ingress_connection_may_take(connection)
           && gw_tls_stream_has_pending(connection->tls) && room_of(connection) > 0;
}

/* After anything happened: answers out, what was kept in, what is over away. */
static void settle(struct ingress_connection *connection) {
    answer(connection);
    take_kept(connection);
    if (has_pending(connection)) {
        ingress_mark_ready(connection); /* the loop will not tell of these bytes */
    }
    if (connection->phase == PHASE_CLOSING) {
        answer(connection);
        ingress_wire_release(connection);
        return;
    }
    ingress_wire_watch(connection);
}

void ingress_wire_settle(struct ingress_connection *connection) {
    if (has_pending(connection)) {
        read_some(connection);
    }
    settle(connection);
}

void ingress_wire_ready(void *context, int fd, unsigned events) {
    (void) fd;
    struct ingress_connection *connection = context;
    if (connection->phase == PHASE_SHAKING) {
        shake_hands(connection);
    }
    if ((events & (GW_LOOP_READ | GW_LOOP_HANGUP)) && connection->phase != PHASE_SHAKING) {
        read_some(connection);
    }
    if ((events & GW_LOOP_HANGUP)
        && (!ingress_connection_may_take(connection) || room_of(connection) == 0)) {
        end(connection); /* it is gone, and nothing of it is read now */
    }
    settle(connection);
}

/* ---- coming and going ---- */

/* Whoever connects and says nothing must not keep others out: the oldest goes. */
static void make_room(struct gw_ingress *ingress) {
    if (ingress->free_head != INGRESS_NOBODY) {
        return;
    }
    struct ingress_connection *oldest = NULL;
    for (uint32_t i = 0; i < ingress->connection_count; i++) {
        struct ingress_connection *connection = &ingress->connections[i];
        bool is_greeting =
            connection->phase == PHASE_SHAKING || connection->phase == PHASE_GREETING;
        if (is_greeting
            && (!oldest || connection->deadline_mono_ms < oldest->deadline_mono_ms)) {
            oldest = connection;
        }
    }
    if (oldest) {
        end(oldest);
        ingress_wire_release(oldest);
    }
}

static void set_options(int fd) {
    const int on = 1;
    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void) setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static void prepare(struct ingress_connection *connection, struct ingress_listener *listener,
                    int fd) {
    struct gw_ingress *ingress = connection->ingress;
    const struct ingress_connection fresh = {
        .ingress = ingress,
        .listener = listener,
        .fd = fd,
        .index = connection->index,
        .generation = connection->generation,
        .phase = listener->tls ? PHASE_SHAKING : PHASE_GREETING,
        .in_ready = connection->in_ready,
        .next_ready = connection->next_ready,
        .device = INGRESS_NOBODY,
        .small = connection->small,
        .large = INGRESS_NOBODY,
        .answers = connection->answers,
        .out = connection->out,
        .client_maximum_packet = UINT32_MAX,
        .heard_mono_ms = now_of(ingress),
        .deadline_mono_ms = now_of(ingress) + INGRESS_CONNECT_TIMEOUT_MS,
    };
    *connection = fresh;
    gw_buf_clear(&connection->out);
}

void ingress_wire_accept(struct ingress_listener *listener, int fd) {
    struct gw_ingress *ingress = listener->ingress;
    make_room(ingress);
    if (ingress->free_head == INGRESS_NOBODY) {
        (void) close(fd);
        gw_health_raise(ingress->options.health, GW_ISSUE_INGRESS_FULL, (struct gw_str){0},
                        "all %u connections are in use", (unsigned) ingress->connection_count);
        return;
    }
    struct ingress_connection *connection = &ingress->connections[ingress->free_head];
    ingress->free_head = connection->next_free;
    set_options(fd);
    prepare(connection, listener, fd);
    if (listener->tls && gw_tls_stream_open(listener->tls, fd, &connection->tls)) {
        end(connection);
        ingress_wire_release(connection);
        return;
    }
    ingress_wire_watch(connection);
}

void ingress_wire_release(struct ingress_connection *connection) {
    struct gw_ingress *ingress = connection->ingress;
    gw_loop_unwatch(ingress->options.loop, connection->fd);
    gw_tls_stream_close(connection->tls);
    connection->tls = NULL;
    (void) close(connection->fd);
    connection->fd = -1;
    ingress_leave_session(connection);
    drop_large(connection);
    if (connection->is_open) {
        ingress->open_count--;
    }
    connection->is_open = false;
    connection->phase = PHASE_FREE;
    connection->generation++;
    connection->kept_len = 0;
    connection->next_free = ingress->free_head;
    ingress->free_head = connection->index;
}
