/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device connects to us. Who may is an allow-list of addresses; a connection
 * belongs to the feed whose list names its address (an empty list takes whoever is
 * named by no other). One connection a feed: a device that comes again has lost its
 * old connection, whatever we still see of it, so the newest one counts.
 *
 * Feeds come and go while a door stands open. One that names the address of a device which
 * is connected to another, by its empty list, has that connection cut: the device comes
 * again, to the feed that it belongs to now.
 *
 * A flood is bounded: so many connections are taken a turn and a second, what is too
 * much waits in the kernel's queue, which is short; strangers are closed at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/serial/socket.h"
#include "firmware/base/cleanup.h"

#define LISTEN_BACKLOG 8
#define ACCEPTS_PER_TURN 8
#define ACCEPTS_PER_SECOND 50
#define RETRY_MS 2000
#define WINDOW_MS 1000
#define PEERS_MAX 32

struct door;

struct tcp_server {
    struct gw_transport_owner owner;
    struct gw_loop *loop;
    struct gw_tcp_doors *doors;
    struct door *door;
    struct tcp_server *next; /* of the same door */
    struct sockaddr_storage peers[PEERS_MAX];
    size_t peer_count;
    int fd; /* of the connection, -1 = none */
    struct sockaddr_storage peer;
    bool is_held;
    bool is_told; /* how its door stands */
};

/* A listening socket. */
struct door {
    struct gw_tcp_doors *doors;
    struct door *next;
    struct sockaddr_storage address;
    socklen_t address_len;
    char name[GW_SOCKET_NAME_BYTES];
    int fd;
    bool is_paused;
    int64_t next_mono_ms; /* open again, or go on accepting */
    int64_t window_mono_ms;
    unsigned accepted; /* in the window */
    struct tcp_server *servers;
};

struct gw_tcp_doors {
    struct gw_loop *loop;
    const struct gw_clock *clock;
    struct door *first;
};

/* ---- connections ---- */

static void on_ready(void *context, int fd, unsigned events);

static void drop_connection(struct tcp_server *server) {
    if (server->fd >= 0) {
        gw_loop_unwatch(server->loop, server->fd);
        (void) close(server->fd);
        server->fd = -1;
    }
}

static void tell_closed(struct tcp_server *server, enum gw_transport_trouble trouble,
                        const char *what) {
    server->is_told = true;
    char detail[160];
    int len = snprintf(detail, sizeof detail, "%s: %s", server->door->name, what);
    server->owner.closed(server->owner.context, trouble, (struct gw_str){detail, (size_t) len});
}

static void end_connection(struct tcp_server *server, const char *why) {
    drop_connection(server);
    tell_closed(server, GW_TRANSPORT_ABSENT, why);
}

static void watch(struct tcp_server *server) {
    unsigned events = server->is_held ? 0 : GW_LOOP_READ;
    if (gw_loop_watch(server->loop, server->fd, events, on_ready, server)) {
        end_connection(server, "the loop has no room");
    }
}

static void on_ready(void *context, int fd, unsigned events) {
    struct tcp_server *server = context;
    if (server->is_held && !(events & GW_LOOP_HANGUP)) {
        return;
    }
    if (gw_socket_receive(fd, &server->owner) == GW_ERR_NOCONN) {
        end_connection(server, errno == 0 ? "the device has closed the connection"
                                          : strerrordesc_np(errno));
    }
}

static void begin_connection(struct tcp_server *server, int fd,
                             const struct sockaddr_storage *peer) {
    if (server->fd >= 0) {
        end_connection(server, "the device has connected anew");
    }
    char name[GW_SOCKET_NAME_BYTES];
    gw_socket_name(peer, name);
    gw_socket_watch_peer(fd);
    server->fd = fd;
    server->peer = *peer;
    server->is_told = true;
    watch(server);
    if (server->fd >= 0) {
        server->owner.opened(server->owner.context, gw_str_from_cstr(name));
    }
}

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

static bool may_accept(struct door *door, int64_t now_mono_ms) {
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
        if (server->fd < 0) {
            tell_closed(server, GW_TRANSPORT_DENIED, strerrordesc_np(error_number));
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
            begin_connection(server, accepted, &peer);
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
        tell_closed(server, is_open ? GW_TRANSPORT_ABSENT : GW_TRANSPORT_DENIED, why);
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
    if (!server->is_told && door->fd >= 0) {
        tell_closed(server, GW_TRANSPORT_ABSENT, waits);
    }
}

static int64_t next_mono_ms(const void *self) {
    const struct tcp_server *server = self;
    bool is_due = !server->is_told && server->door->fd >= 0;
    return is_due ? 0 : server->door->next_mono_ms;
}

static enum gw_err send_bytes(void *self, struct gw_bytes bytes) {
    struct tcp_server *server = self;
    if (server->fd < 0) {
        return GW_ERR_NOCONN;
    }
    enum gw_err err = gw_socket_send(server->fd, bytes);
    if (err) {
        end_connection(server, "a request could not be sent");
    }
    return err;
}

static bool hold(void *self, bool is_held) {
    struct tcp_server *server = self;
    if (server->is_held != is_held) {
        server->is_held = is_held;
        if (server->fd >= 0) {
            watch(server);
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

static void close_server(void *self) {
    struct tcp_server *server = self;
    drop_connection(server);
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

/* A device of this feed that another took, for nobody named it then. */
static void cut_from_others(const struct tcp_server *server) {
    for (struct tcp_server *other = server->door->servers; other; other = other->next) {
        if (other->fd >= 0 && other->peer_count == 0 && names_peer(server, &other->peer)) {
            end_connection(other, "the device is another feed's now");
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
    for (size_t i = 0; i < config->peer_count && i < PEERS_MAX; i++) {
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
    if (!server) {
        return GW_ERR_NOMEM;
    }
    server->owner = options->owner;
    server->loop = options->loop;
    server->doors = options->doors;
    server->fd = -1;
    enum gw_err err = parse_peers(server, options->config);
    if (!err) {
        err = join_door(server, options->config);
    }
    if (err) {
        return err;
    }
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
