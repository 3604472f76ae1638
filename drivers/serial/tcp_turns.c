/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A feed has one stream, so one connection has the turn and the others wait, unread: what
 * they sent stands in the kernel. None is closed for another, for nobody can see from here
 * which of two is dead, and a socket that is closed throws away what it holds. The turn
 * passes when its owner
 *
 *   ended                                            that is how a connection for each scan
 *                                                    works: every one is read to its end
 *   was quiet for QUIET_MS between two frames        and another has sent something: a device
 *                                                    that came again without an end (power,
 *                                                    radio), or two devices on one feed
 *   was quiet for LONG_QUIET_MS                      and another has sent something (half a
 *                                                    frame is given up for it), or is newer:
 *                                                    a scale says nothing before it is asked
 *   let another wait for WAITED_MS                   between two frames
 *
 * Dead ones are noticed by the kernel (gw_socket_watch_peer) and go then. Two that both
 * send again and again are two devices: the owner is told. While the feed is held none is
 * read and no turn passes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "drivers/serial/tcp_internal.h"
#include "firmware/base/cleanup.h"

#define QUIET_MS 1000
#define LONG_QUIET_MS 5000
#define WAITED_MS 10000
/* Bytes that stood in the kernel for so long are not of this moment. */
#define LATE_MS 100

/* ---- connections ---- */

static void on_ready(void *context, int fd, unsigned events);
static void begin_next_turn(struct tcp_server *server);

int64_t tcp_now(const struct tcp_server *server) {
    return gw_clock_mono_ms(server->doors->clock);
}

void tcp_tell_closed(struct tcp_server *server, enum gw_transport_trouble trouble,
                     const char *what) {
    server->is_told = true;
    char detail[160];
    int len = snprintf(detail, sizeof detail, "%s: %s", server->door->name, what);
    server->owner.closed(server->owner.context, trouble, (struct gw_str){detail, (size_t) len});
}

static void tell_shared(const struct tcp_server *server, const struct sockaddr_storage *one,
                        const struct sockaddr_storage *other) {
    char names[2][GW_SOCKET_NAME_BYTES];
    gw_socket_name(one, names[0]);
    gw_socket_name(other, names[1]);
    server->owner.shared(server->owner.context, gw_str_from_cstr(names[0]),
                         gw_str_from_cstr(names[1]));
}

void tcp_drop_connection(struct connection *connection) {
    gw_loop_unwatch(connection->server->loop, connection->fd);
    (void) close(connection->fd);
    connection->fd = -1;
    if (connection->server->current == connection) {
        connection->server->current = NULL;
    }
}

static enum gw_err read_once(struct connection *connection) {
    struct tcp_server *server = connection->server;
    enum gw_err err = gw_socket_receive(connection->fd, &server->owner);
    if (err == GW_OK) {
        connection->heard_mono_ms = tcp_now(server);
        if (connection->has_lost_turn) {
            connection->has_lost_turn = false;
            tell_shared(server, &connection->peer, &server->before);
        }
    }
    return err;
}

/* As much as a socket can hold. */
void tcp_read_rest(struct connection *connection) {
    const unsigned reads_max = (8U << 20) / GW_TRANSPORT_TURN_BYTES;
    for (unsigned i = 0; i < reads_max; i++) {
        if (read_once(connection) != GW_OK) {
            return;
        }
    }
    connection->server->owner.dropped(connection->server->owner.context);
}

void tcp_end_turn(struct tcp_server *server, const char *why) {
    tcp_read_rest(server->current);
    tcp_drop_connection(server->current);
    tcp_tell_closed(server, GW_TRANSPORT_ABSENT, why);
    begin_next_turn(server);
}

/* It never had its turn. */
void tcp_refuse(struct tcp_server *server, int fd, const struct sockaddr_storage *peer) {
    int waiting = 0;
    (void) ioctl(fd, FIONREAD, &waiting);
    (void) close(fd);
    if (server->current) {
        tell_shared(server, peer, &server->current->peer);
    }
    if (waiting > 0) {
        server->owner.dropped(server->owner.context);
    }
}

/* The current one is read unless the feed is held; one that waits is watched until there is
 * something to read. Who is not watched is not told to be gone either: it is read later. */
static bool watch(struct connection *connection) {
    struct tcp_server *server = connection->server;
    bool is_current = server->current == connection;
    bool is_wanted = is_current ? !server->is_held : connection->ready_mono_ms == 0;
    if (!is_wanted) {
        gw_loop_unwatch(server->loop, connection->fd);
        return true;
    }
    return gw_loop_watch(server->loop, connection->fd, GW_LOOP_READ, on_ready, connection)
           == GW_OK;
}

void tcp_watch_current(struct tcp_server *server) {
    if (!watch(server->current)) {
        tcp_end_turn(server, "the loop has no room");
    }
}

static void on_ready(void *context, int fd, unsigned events) {
    (void) fd;
    (void) events;
    struct connection *connection = context;
    struct tcp_server *server = connection->server;
    if (server->current != connection) {
        connection->ready_mono_ms = tcp_now(server);
        (void) watch(connection);
    } else if (read_once(connection) == GW_ERR_NOCONN) {
        tcp_end_turn(server, errno == 0 ? "the device has closed the connection"
                                        : strerrordesc_np(errno));
    }
}

/* ---- turns ---- */

static void begin_turn(struct tcp_server *server, struct connection *connection) {
    int64_t now_mono_ms = tcp_now(server);
    char name[GW_SOCKET_NAME_BYTES];
    gw_socket_name(&connection->peer, name);
    bool has_waited =
        connection->ready_mono_ms != 0 && now_mono_ms - connection->ready_mono_ms >= LATE_MS;
    server->current = connection;
    server->is_told = true;
    connection->ready_mono_ms = 0;
    connection->heard_mono_ms = now_mono_ms;
    server->owner.opened(server->owner.context, gw_str_from_cstr(name));
    if (has_waited) {
        server->owner.waited(server->owner.context);
    }
    tcp_watch_current(server);
}

static void pass_turn(struct tcp_server *server, struct connection *next) {
    struct connection *old = server->current;
    server->before = old->peer;
    server->current = NULL;
    old->has_lost_turn = true;
    if (!watch(old)) {
        server->current = old;
        return; /* it cannot wait */
    }
    begin_turn(server, next);
}

bool tcp_is_waiting(const struct connection *connection) {
    return connection->fd >= 0 && connection->server->current != connection;
}

/* The loop may not have looked at it yet. */
static bool is_empty(const struct connection *connection) {
    int waiting = 0;
    return ioctl(connection->fd, FIONREAD, &waiting) == 0 && waiting == 0;
}

static bool comes_before(const struct connection *a, const struct connection *b) {
    return a->ready_mono_ms != b->ready_mono_ms ? a->ready_mono_ms < b->ready_mono_ms
                                                : a->number < b->number;
}

/* Who has waited longest with something to read. */
static struct connection *find_ready(const struct tcp_server *server) {
    struct connection *found = NULL;
    for (size_t i = 0; i < TCP_CONNECTIONS_MAX; i++) {
        struct connection *each = &server->connections[i];
        if (tcp_is_waiting(each) && each->ready_mono_ms != 0
            && (!found || comes_before(each, found))) {
            found = each;
        }
    }
    return found;
}

/* The newest of those that wait. */
static struct connection *find_newest(const struct tcp_server *server) {
    struct connection *found = NULL;
    for (size_t i = 0; i < TCP_CONNECTIONS_MAX; i++) {
        struct connection *each = &server->connections[i];
        found = tcp_is_waiting(each) && (!found || each->number > found->number) ? each : found;
    }
    return found;
}

/* Who is next when nobody has the turn. */
struct connection *tcp_find_next(const struct tcp_server *server) {
    for (size_t i = 0; i < TCP_CONNECTIONS_MAX; i++) {
        struct connection *each = &server->connections[i];
        if (tcp_is_waiting(each) && each->ready_mono_ms == 0 && !is_empty(each)) {
            each->ready_mono_ms = tcp_now(server);
        }
    }
    struct connection *ready = find_ready(server);
    return ready ? ready : find_newest(server);
}

static void begin_next_turn(struct tcp_server *server) {
    struct connection *next = tcp_find_next(server);
    if (next) {
        next->has_lost_turn = false; /* the one it lost it to has ended */
        begin_turn(server, next);
    }
}

int64_t tcp_find_turn(const struct tcp_server *server, struct connection **ret_next) {
    struct connection *newest = find_newest(server);
    if (!newest || !server->current || server->is_held) {
        *ret_next = newest;
        return newest && !server->current ? 0 : GW_NEVER_MS;
    }
    int64_t heard_mono_ms = server->current->heard_mono_ms;
    *ret_next = find_ready(server);
    if (*ret_next && server->owner.is_between(server->owner.context)) {
        return tcp_earlier(heard_mono_ms + QUIET_MS, (*ret_next)->ready_mono_ms + WAITED_MS);
    }
    if (!*ret_next && newest->number < server->current->number) {
        return GW_NEVER_MS;
    }
    *ret_next = *ret_next ? *ret_next : newest;
    return heard_mono_ms + LONG_QUIET_MS;
}

void tcp_settle_turn(struct tcp_server *server, int64_t now_mono_ms) {
    struct connection *next = NULL;
    if (now_mono_ms < tcp_find_turn(server, &next)) {
        return;
    }
    if (!server->current) {
        begin_next_turn(server);
        return;
    }
    if (now_mono_ms - server->current->heard_mono_ms < QUIET_MS) {
        tell_shared(server, &server->current->peer, &next->peer);
    }
    pass_turn(server, next);
}

struct connection *tcp_find_place(const struct tcp_server *server, int64_t now_mono_ms) {
    struct connection *quietest = NULL;
    for (size_t i = 0; i < TCP_CONNECTIONS_MAX; i++) {
        struct connection *each = &server->connections[i];
        if (each->fd < 0) {
            return each;
        }
        bool is_silent = each != server->current && each->ready_mono_ms == 0
                         && now_mono_ms - each->heard_mono_ms >= LONG_QUIET_MS
                         && is_empty(each);
        if (is_silent && (!quietest || each->heard_mono_ms < quietest->heard_mono_ms)) {
            quietest = each;
        }
    }
    return quietest;
}

void tcp_take_connection(struct tcp_server *server, int fd,
                         const struct sockaddr_storage *peer) {
    int64_t now_mono_ms = tcp_now(server);
    struct connection *place = tcp_find_place(server, now_mono_ms);
    if (!place) {
        tcp_refuse(server, fd, peer);
        return;
    }
    if (place->fd >= 0) {
        tcp_drop_connection(place);
    }
    gw_socket_watch_peer(fd);
    *place = (struct connection){.server = server,
                                 .fd = fd,
                                 .peer = *peer,
                                 .number = ++server->came,
                                 .heard_mono_ms = now_mono_ms};
    if (!server->current) {
        begin_turn(server, place);
    } else if (!watch(place)) {
        place->fd = -1;
        tcp_refuse(server, fd, peer);
    }
}
