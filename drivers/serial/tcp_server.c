/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device connects to us. Who may is an allow-list of addresses; a connection
 * belongs to the feed whose list names its address (an empty list takes whoever is
 * named by no other).
 *
 * A feed has one stream, so its connections take turns (tcp_turns.c).
 *
 * TCP_CONNECTIONS_MAX of them wait; a door whose feeds have no room left pauses, and the
 * kernel's queue fills up behind it. At a door of several feeds, where one may not keep the
 * others out, what finds no room is turned away, and told if it had sent anything. Connections
 * that wait without a word make room for new ones.
 *
 * Feeds come and go while a door stands open. One that names the address of a device which
 * is connected to another, by its empty list, has that connection cut: the device comes
 * again, to the feed that it belongs to now. Whatever ends a connection, what had come by it
 * is read first.
 *
 * A flood is bounded: so many connections are taken a turn and a second, what is too
 * much waits in the kernel's queue, which is short; strangers are closed at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/serial/tcp_internal.h"
#include "firmware/base/cleanup.h"

#define LISTEN_BACKLOG 8
#define ACCEPTS_PER_TURN 8
#define ACCEPTS_PER_SECOND 50
#define RETRY_MS 2000
#define WINDOW_MS 1000
#define NO_ROOM_MS 250

/* ---- the door ---- */

static bool names_peer(const struct tcp_server *server, const struct sockaddr_storage *peer) {
    for (size_t i = 0; i < server->peer_count; i++) {
        if (gw_socket_is_same_host(&server->peers[i], peer)) {
            return true;
        }
    }
    return false;
}

/* Whose device this is; NULL = nobody's. */
static struct tcp_server *find_server(const struct door *door,
                                      const struct sockaddr_storage *peer) {
    struct tcp_server *open_to_all = NULL;
    for (struct tcp_server *server = door->servers; server; server = server->next) {
        if (names_peer(server, peer)) {
            return server;
        }
        open_to_all = server->peer_count == 0 ? server : open_to_all;
    }
    return open_to_all;
}

static void turn_away(const struct door *door, int fd, const struct sockaddr_storage *peer) {
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void) close(fd);
    char name[GW_SOCKET_NAME_BYTES];
    gw_socket_name(peer, name);
    struct tcp_server *server = door->servers;
    if (server) {
        server->owner.turned_away(server->owner.context, gw_str_from_cstr(name));
    }
}

static void on_connection(void *context, int fd, unsigned events);

static void pause_door(struct door *door, bool is_paused) {
    door->is_paused = is_paused;
    (void) !gw_loop_watch(door->doors->loop, door->fd, is_paused ? 0 : GW_LOOP_READ,
                          on_connection, door);
}

static bool has_room(const struct door *door, int64_t now_mono_ms) {
    bool has_room = false;
    for (struct tcp_server *server = door->servers; server && !has_room;
         server = server->next) {
        has_room = tcp_find_place(server, now_mono_ms) != NULL;
    }
    return has_room;
}

static bool may_accept(struct door *door, int64_t now_mono_ms) {
    if (!has_room(door, now_mono_ms)) {
        door->next_mono_ms = now_mono_ms + NO_ROOM_MS;
        pause_door(door, true);
        return false;
    }
    if (now_mono_ms - door->window_mono_ms >= WINDOW_MS) {
        door->window_mono_ms = now_mono_ms;
        door->accepted = 0;
    }
    if (door->accepted < ACCEPTS_PER_SECOND) {
        return true;
    }
    door->next_mono_ms = door->window_mono_ms + WINDOW_MS;
    pause_door(door, true);
    return false;
}

/* Out of descriptors or memory: the connection stays in the kernel's queue, and the loop
 * would turn for it without end. */
static void note_no_room(struct door *door, int error_number, int64_t now_mono_ms) {
    if (error_number != EMFILE && error_number != ENFILE && error_number != ENOBUFS
        && error_number != ENOMEM) {
        return;
    }
    door->next_mono_ms = now_mono_ms + WINDOW_MS;
    pause_door(door, true);
    for (struct tcp_server *server = door->servers; server; server = server->next) {
        if (!server->current) {
            tcp_tell_closed(server, GW_TRANSPORT_DENIED, strerrordesc_np(error_number));
        }
    }
}

static void on_connection(void *context, int fd, unsigned events) {
    (void) events;
    struct door *door = context;
    int64_t now_mono_ms = gw_clock_mono_ms(door->doors->clock);
    for (unsigned i = 0; i < ACCEPTS_PER_TURN && may_accept(door, now_mono_ms); i++) {
        struct sockaddr_storage peer;
        memset(&peer, 0, sizeof peer);
        socklen_t len = sizeof peer;
        int accepted =
            accept4(fd, (struct sockaddr *) &peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0) {
            note_no_room(door, errno, now_mono_ms);
            return;
        }
        door->accepted++;
        struct tcp_server *server = find_server(door, &peer);
        if (server) {
            tcp_take_connection(server, accepted, &peer);
        } else {
            turn_away(door, accepted, &peer);
        }
    }
}

/* A listening socket, or -1 with errno. */
static int listen_on(const struct door *door) {
    int fd = socket(door->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (fd < 0) {
        return -1;
    }
    (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *) &door->address, door->address_len) != 0
        || listen(fd, LISTEN_BACKLOG) != 0) {
        int kept_errno = errno;
        (void) close(fd);
        errno = kept_errno;
        return -1;
    }
    return fd;
}

static const char waits[] = "waits for the device to connect";

static void open_door(struct door *door, int64_t now_mono_ms) {
    door->next_mono_ms = now_mono_ms + RETRY_MS;
    int fd = listen_on(door);
    if (fd >= 0
        && gw_loop_watch(door->doors->loop, fd, GW_LOOP_READ, on_connection, door) == GW_OK) {
        door->fd = fd;
        door->next_mono_ms = GW_NEVER_MS;
    } else if (fd >= 0) {
        (void) close(fd);
        errno = ENOMEM;
    }
    bool is_open = door->fd >= 0;
    const char *why = is_open ? waits : strerrordesc_np(errno);
    for (struct tcp_server *server = door->servers; server; server = server->next) {
        tcp_tell_closed(server, is_open ? GW_TRANSPORT_ABSENT : GW_TRANSPORT_DENIED, why);
    }
}

static void tick(void *self, int64_t now_mono_ms) {
    struct tcp_server *server = self;
    struct door *door = server->door;
    if (now_mono_ms >= door->next_mono_ms) {
        if (door->fd < 0) {
            open_door(door, now_mono_ms);
        } else {
            door->next_mono_ms = GW_NEVER_MS;
            pause_door(door, false);
        }
    }
    tcp_settle_turn(server, now_mono_ms);
    if (!server->is_told && door->fd >= 0) {
        tcp_tell_closed(server, GW_TRANSPORT_ABSENT, waits);
    }
}

static int64_t next_mono_ms(const void *self) {
    const struct tcp_server *server = self;
    struct connection *next = NULL;
    bool is_due = !server->is_told && server->door->fd >= 0;
    int64_t turn_mono_ms = tcp_find_turn(server, &next);
    return is_due ? 0 : tcp_earlier(server->door->next_mono_ms, turn_mono_ms);
}

static enum gw_err send_bytes(void *self, struct gw_bytes bytes) {
    struct tcp_server *server = self;
    if (!server->current) {
        return GW_ERR_NOCONN;
    }
    enum gw_err err = gw_socket_send(server->current->fd, bytes);
    if (err) {
        tcp_end_turn(server, "a request could not be sent");
    }
    return err;
}

static bool hold(void *self, bool is_held) {
    struct tcp_server *server = self;
    if (server->is_held != is_held) {
        server->is_held = is_held;
        if (server->current) {
            server->current->heard_mono_ms = tcp_now(server);
            tcp_watch_current(server);
        }
    }
    return true;
}

/* ---- life ---- */

static void close_door(struct door *door) {
    for (struct door **at = &door->doors->first; *at; at = &(*at)->next) {
        if (*at == door) {
            *at = door->next;
            break;
        }
    }
    if (door->fd >= 0) {
        gw_loop_unwatch(door->doors->loop, door->fd);
        (void) close(door->fd);
    }
    free(door);
}

/* All that has come is read, in the order in which it came. */
static void close_connections(struct tcp_server *server) {
    struct connection *each = server->current;
    for (; each || (each = tcp_find_next(server)); each = NULL) {
        if (!server->current && each->ready_mono_ms != 0) {
            char name[GW_SOCKET_NAME_BYTES];
            gw_socket_name(&each->peer, name);
            server->current = each;
            server->owner.opened(server->owner.context, gw_str_from_cstr(name));
            server->owner.waited(server->owner.context);
        }
        if (server->current) {
            tcp_read_rest(each);
        }
        tcp_drop_connection(each);
    }
}

static void close_server(void *self) {
    struct tcp_server *server = self;
    close_connections(server);
    struct door *door = server->door;
    for (struct tcp_server **at = &door->servers; *at; at = &(*at)->next) {
        if (*at == server) {
            *at = server->next;
            break;
        }
    }
    if (!door->servers) {
        close_door(door);
    }
    free(server->connections);
    free(server);
}

static const struct gw_transport_ops ops = {.tick = tick,
                                            .next_mono_ms = next_mono_ms,
                                            .write = send_bytes,
                                            .hold = hold,
                                            .close = close_server};

static struct door *find_door(const struct gw_tcp_doors *doors,
                              const struct sockaddr_storage *address, socklen_t len) {
    for (struct door *door = doors->first; door; door = door->next) {
        if (door->address_len == len && memcmp(&door->address, address, len) == 0) {
            return door;
        }
    }
    return NULL;
}

/* It waits between two frames, if it was ever read. */
static void move_connection(struct connection *from, struct tcp_server *to) {
    struct connection *place = tcp_find_place(to, tcp_now(to));
    gw_loop_unwatch(from->server->loop, from->fd);
    if (!place) {
        tcp_refuse(from->server, from->fd, &from->peer);
    } else {
        *place = *from;
        place->server = to;
        place->number = ++to->came;
        place->has_lost_turn = false;
        place->ready_mono_ms = 0; /* the tick will see */
    }
    from->fd = -1;
}

/* Devices of this feed that another took, for nobody named them then. */
static void cut_from_others(struct tcp_server *server) {
    for (struct tcp_server *other = server->door->servers; other; other = other->next) {
        for (size_t i = 0; other->peer_count == 0 && i < TCP_CONNECTIONS_MAX; i++) {
            struct connection *each = &other->connections[i];
            if (tcp_is_waiting(each) && names_peer(server, &each->peer)) {
                move_connection(each, server);
            }
        }
        if (other->peer_count == 0 && other->current
            && names_peer(server, &other->current->peer)) {
            tcp_end_turn(other, "the device is another feed's now");
        }
    }
}

static enum gw_err join_door(struct tcp_server *server, const struct gw_config_feed *config) {
    struct sockaddr_storage address;
    socklen_t len = 0;
    enum gw_err err = gw_socket_parse(config->address, config->port, &address, &len);
    if (err) {
        return err;
    }
    struct door *door = find_door(server->doors, &address, len);
    if (!door) {
        door = calloc(1, sizeof *door);
        if (!door) {
            return GW_ERR_NOMEM;
        }
        door->doors = server->doors;
        door->address = address;
        door->address_len = len;
        door->fd = -1;
        gw_socket_name(&address, door->name);
        door->next = server->doors->first;
        server->doors->first = door;
    }
    if (door->fd < 0) {
        door->next_mono_ms = 0; /* what kept it shut may be gone */
    }
    server->door = door;
    cut_from_others(server);
    server->next = door->servers;
    door->servers = server;
    return GW_OK;
}

static enum gw_err parse_peers(struct tcp_server *server, const struct gw_config_feed *config) {
    for (size_t i = 0; i < config->peer_count && i < TCP_PEERS_MAX; i++) {
        socklen_t len = 0;
        enum gw_err err = gw_socket_parse(config->peers[i], 0, &server->peers[i], &len);
        if (err) {
            return err;
        }
        server->peer_count++;
    }
    return GW_OK;
}

enum gw_err gw_transport_open_tcp_server(const struct gw_transport_options *options,
                                         struct gw_transport *ret_transport) {
    GW_CLEANUP(gw_freep) struct tcp_server *server = calloc(1, sizeof *server);
    GW_CLEANUP(gw_freep)
    struct connection *connections = calloc(TCP_CONNECTIONS_MAX, sizeof *connections);
    if (!server || !connections) {
        return GW_ERR_NOMEM;
    }
    server->owner = options->owner;
    server->loop = options->loop;
    server->doors = options->doors;
    for (size_t i = 0; i < TCP_CONNECTIONS_MAX; i++) {
        connections[i] = (struct connection){.server = server, .fd = -1};
    }
    server->connections = connections;
    enum gw_err err = parse_peers(server, options->config);
    if (!err) {
        err = join_door(server, options->config);
    }
    if (err) {
        return err;
    }
    (void) GW_TAKE(connections);
    *ret_transport = (struct gw_transport){&ops, GW_TAKE(server)};
    return GW_OK;
}

enum gw_err gw_tcp_doors_open(struct gw_loop *loop, const struct gw_clock *clock,
                              struct gw_tcp_doors **ret_doors) {
    struct gw_tcp_doors *doors = calloc(1, sizeof *doors);
    if (!doors) {
        return GW_ERR_NOMEM;
    }
    *doors = (struct gw_tcp_doors){.loop = loop, .clock = clock};
    *ret_doors = doors;
    return GW_OK;
}

void gw_tcp_doors_close(struct gw_tcp_doors *doors) {
    free(doors);
}
