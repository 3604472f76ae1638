/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections are slots of a fixed table: listener n owns the slots
 * [n * max, (n + 1) * max). A reply token names slot and generation; closing a
 * connection raises the generation, so a late answer finds nobody instead of
 * somebody else.
 *
 * Any answer may find its peer not reading and disconnect it, also while a
 * request of that very peer is being handled: whoever has called out to
 * on_request looks at the generation again before touching the slot.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "firmware/base/cleanup.h"
#include "firmware/ipc/ipc.h"
#include "firmware/ipc/listen.h"

#define NAME_BYTES 32
#define READS_PER_ROUND 8
#define ACCEPTS_PER_ROUND 8
#define LENGTH_BYTES sizeof(uint32_t)
#define ERROR_TEXT_BYTES 900

struct listener {
    struct gw_ipc_server *server;
    int fd;
    unsigned first_slot;
    char name[NAME_BYTES];
    struct gw_ipc_socket_file file;
};

struct gw_ipc_peer {
    struct listener *listener;
    int fd; /* -1 = free */
    uint32_t generation;
    struct gw_buf output; /* {u32 length, datagram}..., sent in order */
    size_t output_sent;   /* bytes of `output` that are gone */
};

struct gw_ipc_server {
    struct gw_loop *loop;
    gw_ipc_allowed *allowed;
    gw_ipc_request *on_request;
    void *context;
    unsigned max_connections;
    unsigned listener_count;
    struct listener listeners[GW_IPC_LISTENERS_MAX];
    struct gw_ipc_peer *peers;
    struct gw_buf input;
    struct gw_buf scratch;
};

static void disconnect(struct gw_ipc_peer *peer) {
    if (peer->fd < 0) {
        return;
    }
    gw_loop_unwatch(peer->listener->server->loop, peer->fd);
    (void) close(peer->fd);
    peer->fd = -1;
    peer->generation++;
    gw_buf_clear(&peer->output);
    peer->output_sent = 0;
}

static void on_peer_ready(void *context, int fd, unsigned events);

/* Answers first: a peer that does not take them is not asked for more. */
static void watch_peer(struct gw_ipc_peer *peer) {
    unsigned events = peer->output.len > 0 ? GW_LOOP_WRITE : GW_LOOP_READ;
    if (gw_loop_watch(peer->listener->server->loop, peer->fd, events, on_peer_ready, peer)) {
        disconnect(peer);
    }
}

static void flush_output(struct gw_ipc_peer *peer) {
    while (peer->output_sent < peer->output.len) {
        const uint8_t *at = peer->output.data + peer->output_sent;
        uint32_t len = 0;
        memcpy(&len, at, LENGTH_BYTES);
        ssize_t sent = send(peer->fd, at + LENGTH_BYTES, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)) {
            return;
        }
        if (sent < 0) {
            disconnect(peer);
            return;
        }
        peer->output_sent += LENGTH_BYTES + len;
    }
    gw_buf_clear(&peer->output);
    peer->output_sent = 0;
    watch_peer(peer);
}

static void refuse_protocol(struct gw_ipc_peer *peer, struct gw_bytes datagram) {
    struct gw_ipc_reply_to to = {
        .server = peer->listener->server,
        .slot = (unsigned) (peer - peer->listener->server->peers),
        .generation = peer->generation,
    };
    /* The id stands at the same place in every version. */
    memcpy(&to.request_id, datagram.ptr + 8, sizeof to.request_id);
    enum gw_err err =
        gw_ipc_answer_error(&to, GW_ERR_SCHEMA, "found protocol version %u, allowed: %u",
                            (unsigned) datagram.ptr[4], (unsigned) GW_IPC_VERSION);
    (void) err;
}

static void handle_request(struct gw_ipc_peer *peer, const struct gw_ipc_frame *frame) {
    struct gw_ipc_server *server = peer->listener->server;
    const char *name = peer->listener->name;
    if (server->allowed(gw_str_from_cstr(name), frame->verb)) {
        server->on_request(server->context, peer, name, frame);
        return;
    }
    struct gw_ipc_reply_to to = gw_ipc_reply_to(peer, frame);
    enum gw_err err = gw_ipc_answer_error(&to, GW_ERR_DENIED,
                                          "found verb %u, which may not be asked on socket %s",
                                          (unsigned) frame->verb, name);
    (void) err;
}

/* One request; false when the peer has nothing more or is gone. */
static bool read_request(struct gw_ipc_peer *peer) {
    struct gw_ipc_server *server = peer->listener->server;
    uint32_t generation = peer->generation;
    struct gw_ipc_frame frame;
    enum gw_err err = gw_ipc_receive(peer->fd, &server->input, &frame);
    if (err == GW_ERR_RETRY) {
        return false;
    }
    if (err == GW_ERR_SCHEMA) {
        refuse_protocol(peer, gw_buf_bytes(&server->input));
    } else if (err) {
        disconnect(peer);
    } else {
        handle_request(peer, &frame);
    }
    return peer->generation == generation && peer->output.len == 0;
}

static void on_peer_ready(void *context, int fd, unsigned events) {
    struct gw_ipc_peer *peer = context;
    if (peer->fd != fd) {
        return;
    }
    if (peer->output.len > 0) {
        flush_output(peer);
        if (events & GW_LOOP_HANGUP && peer->output.len > 0) {
            disconnect(peer);
        }
        return;
    }
    for (unsigned i = 0; i < READS_PER_ROUND; i++) {
        if (!read_request(peer)) {
            return;
        }
    }
}

static struct gw_ipc_peer *find_free_peer(struct listener *listener) {
    struct gw_ipc_server *server = listener->server;
    for (unsigned i = 0; i < server->max_connections; i++) {
        struct gw_ipc_peer *peer = &server->peers[listener->first_slot + i];
        if (peer->fd < 0) {
            return peer;
        }
    }
    return NULL;
}

static void on_connection(void *context, int fd, unsigned events) {
    (void) events;
    struct listener *listener = context;
    for (unsigned i = 0; i < ACCEPTS_PER_ROUND; i++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0) {
            return;
        }
        struct gw_ipc_peer *peer = find_free_peer(listener);
        if (!peer) {
            (void) close(accepted);
            continue;
        }
        gw_ipc_widen(accepted);
        peer->listener = listener;
        peer->fd = accepted;
        watch_peer(peer);
    }
}

static void close_peers(struct gw_ipc_server *server) {
    for (size_t i = 0; i < (size_t) server->max_connections * GW_IPC_LISTENERS_MAX; i++) {
        disconnect(&server->peers[i]);
        gw_buf_close(&server->peers[i].output);
    }
    free(server->peers);
}

void gw_ipc_server_close(struct gw_ipc_server *server) {
    if (!server) {
        return;
    }
    for (unsigned i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        gw_loop_unwatch(server->loop, listener->fd);
        (void) close(listener->fd);
        gw_ipc_unbind(&listener->file);
    }
    if (server->peers) {
        close_peers(server);
    }
    gw_buf_close(&server->input);
    gw_buf_close(&server->scratch);
    free(server);
}

GW_DEFINE_CLEANUP(struct gw_ipc_server *, gw_ipc_server_close, server_closep)

enum gw_err gw_ipc_server_open(struct gw_loop *loop, unsigned max_connections,
                               gw_ipc_allowed *allowed, gw_ipc_request *on_request,
                               void *context, struct gw_ipc_server **ret_server) {
    GW_CLEANUP(server_closep) struct gw_ipc_server *server = calloc(1, sizeof *server);
    if (!server) {
        return GW_ERR_NOMEM;
    }
    server->loop = loop;
    server->allowed = allowed;
    server->on_request = on_request;
    server->context = context;
    server->max_connections = max_connections;
    server->peers =
        calloc((size_t) max_connections * GW_IPC_LISTENERS_MAX, sizeof *server->peers);
    if (!server->peers) {
        return GW_ERR_NOMEM;
    }
    for (size_t i = 0; i < (size_t) max_connections * GW_IPC_LISTENERS_MAX; i++) {
        server->peers[i].fd = -1;
    }
    enum gw_err err = gw_buf_open(&server->input, GW_IPC_FRAME_MAX);
    if (err) {
        return err;
    }
    err = gw_buf_open(&server->scratch, GW_IPC_FRAME_MAX);
    if (err) {
        return err;
    }
    *ret_server = GW_TAKE(server);
    return GW_OK;
}

/* Output queues are large and rarely used: the pages of a big allocation are
 * not touched before the first answer that has to wait. */
static enum gw_err open_outputs(struct gw_ipc_server *server, unsigned first_slot) {
    for (unsigned i = 0; i < server->max_connections; i++) {
        struct gw_ipc_peer *peer = &server->peers[first_slot + i];
        if (peer->output.data) {
            continue;
        }
        enum gw_err err = gw_buf_open(&peer->output, GW_IPC_OUTPUT_MAX);
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

static enum gw_err open_listener(struct listener *listener, const char *path, unsigned mode) {
    enum gw_err err = gw_ipc_inherited(listener->name, SOCK_SEQPACKET, &listener->fd);
    if (err != GW_ERR_NOENT) {
        return err;
    }
    return gw_ipc_bind(path, SOCK_SEQPACKET, mode, &listener->file, &listener->fd);
}

enum gw_err gw_ipc_server_listen(struct gw_ipc_server *server, const char *path, unsigned mode,
                                 const char *peer_name) {
    if (server->listener_count == GW_IPC_LISTENERS_MAX) {
        return GW_ERR_FULL;
    }
    struct listener *listener = &server->listeners[server->listener_count];
    *listener = (struct listener){
        .server = server,
        .fd = -1,
        .first_slot = server->listener_count * server->max_connections,
    };
    if (gw_str_copy(gw_str_from_cstr(peer_name), listener->name, sizeof listener->name)) {
        return GW_ERR_RANGE;
    }
    enum gw_err err = open_outputs(server, listener->first_slot);
    if (err) {
        return err;
    }
    err = open_listener(listener, path, mode);
    if (err) {
        return err;
    }
    err = gw_loop_watch(server->loop, listener->fd, GW_LOOP_READ, on_connection, listener);
    if (err) {
        (void) close(listener->fd);
        gw_ipc_unbind(&listener->file);
        return err;
    }
    server->listener_count++;
    return GW_OK;
}

struct gw_ipc_reply_to gw_ipc_reply_to(struct gw_ipc_peer *peer,
                                       const struct gw_ipc_frame *request) {
    struct gw_ipc_server *server = peer->listener->server;
    return (struct gw_ipc_reply_to){
        .server = server,
        .slot = (unsigned) (peer - server->peers),
        .generation = peer->generation,
        .verb = request->verb,
        .request_id = request->request_id,
    };
}

static enum gw_err queue_frame(struct gw_ipc_peer *peer, const struct gw_ipc_frame *frame) {
    struct gw_buf *scratch = &peer->listener->server->scratch;
    gw_buf_clear(scratch);
    enum gw_err err = gw_ipc_encode(frame, scratch);
    if (err) {
        return err;
    }
    uint32_t len = (uint32_t) scratch->len;
    if (gw_buf_space(&peer->output) < LENGTH_BYTES + scratch->len) {
        disconnect(peer);
        return GW_ERR_FULL;
    }
    (void) gw_buf_put(&peer->output, (struct gw_bytes){(const uint8_t *) &len, LENGTH_BYTES});
    (void) gw_buf_put(&peer->output, gw_buf_bytes(scratch));
    watch_peer(peer);
    return GW_OK;
}

enum gw_err gw_ipc_answer(const struct gw_ipc_reply_to *to, enum gw_err status, unsigned flags,
                          struct gw_str body) {
    struct gw_ipc_server *server = to->server;
    struct gw_ipc_peer *peer = &server->peers[to->slot];
    if (peer->fd < 0 || peer->generation != to->generation) {
        return GW_ERR_NOCONN;
    }
    const struct gw_ipc_frame frame = {to->verb, status, flags, to->request_id, body};
    if (peer->output.len > 0) {
        return queue_frame(peer, &frame);
    }
    enum gw_err err = gw_ipc_send(peer->fd, &frame, &server->scratch);
    if (err == GW_ERR_RETRY) {
        return queue_frame(peer, &frame);
    }
    if (err && err != GW_ERR_RANGE) {
        disconnect(peer);
        return GW_ERR_NOCONN;
    }
    return err;
}

/* Cut inside a character by vsnprintf: take its beginning off as well. */
static struct gw_str whole_characters(struct gw_str text) {
    while (text.len > 0 && !gw_str_is_utf8(text)) {
        text.len--;
    }
    return text;
}

enum gw_err gw_ipc_answer_error(const struct gw_ipc_reply_to *to, enum gw_err status,
                                const char *format, ...) {
    char text[ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (len < 0 || status == GW_OK) {
        return GW_ERR_INVALID;
    }
    char storage[ERROR_TEXT_BYTES * 6 + 32]; /* every byte may become \u00XX */
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    (void) gw_buf_put_str(&body, GW_STR("{\"error\":"));
    (void) gw_buf_put_json_str(&body, whole_characters(gw_str_from_cstr(text)));
    (void) gw_buf_put_char(&body, '}');
    return gw_ipc_answer(to, status, 0, gw_buf_str(&body));
}
