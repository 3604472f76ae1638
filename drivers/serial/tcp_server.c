/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device connects to us. Who may is an allow-list of addresses; a connection
 * belongs to the feed whose list names its address (an empty list takes whoever is
 * named by no other).
 *
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
 *
 * So many connections wait; a door whose feeds have no room left pauses, and the kernel's
 * queue fills up behind it. At a door of several feeds, where one may not keep the others
 * out, what finds no room is turned away, and told if it had sent anything. Connections
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
#include <sys/ioctl.h>

#include "drivers/serial/socket.h"
#include "firmware/base/cleanup.h"

#define LISTEN_BACKLOG 8
#define ACCEPTS_PER_TURN 8
#define ACCEPTS_PER_SECOND 50
#define RETRY_MS 2000
#define WINDOW_MS 1000
#define NO_ROOM_MS 250
#define PEERS_MAX 32

#define CONNECTIONS_MAX 16 /* of a feed */
#define QUIET_MS 1000
#define LONG_QUIET_MS 5000
#define WAITED_MS 10000
/* Bytes that stood in the kernel for so long are not of this moment. */
#define LATE_MS 100

struct door;

struct connection {
    struct tcp_server *server;
    int fd; /* -1 = none */
    struct sockaddr_storage peer;
    uint64_t number;       /* in the order of coming */
    int64_t heard_mono_ms; /* its last byte, or when it came or got its turn */
    int64_t ready_mono_ms; /* it waits, and there is something to read since; 0 = nothing */
    bool has_lost_turn;    /* to another, alive */
};

struct tcp_server {
    struct gw_transport_owner owner;
    struct gw_loop *loop;
    struct gw_tcp_doors *doors;
    struct door *door;
    struct tcp_server *next; /* of the same door */
    struct sockaddr_storage peers[PEERS_MAX];
    size_t peer_count;
    struct connection *connections; /* CONNECTIONS_MAX of them */
    struct connection *current;     /* it has the turn */
    struct sockaddr_storage before; /* who had it before */
    uint64_t came;
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
static void begin_next_turn(struct tcp_server *server);

static int64_t now_of(const struct tcp_server *server) {
    return gw_clock_mono_ms(server->doors->clock);
}

static void tell_closed(struct tcp_server *server, enum gw_transport_trouble trouble,
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

static void drop_connection(struct connection *connection) {
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
        connection->heard_mono_ms = now_of(server);
        if (connection->has_lost_turn) {
            connection->has_lost_turn = false;
            tell_shared(server, &connection->peer, &server->before);
        }
    }
    return err;
}

/* What has come, as much as a socket can hold; who sends on without end is told to have
 * lost something. */
static void read_rest(struct connection *connection) {
    const unsigned reads_max = (8U << 20) / GW_TRANSPORT_TURN_BYTES;
    for (unsigned i = 0; i < reads_max; i++) {
        if (read_once(connection) != GW_OK) {
            return;
        }
    }
    connection->server->owner.dropped(connection->server->owner.context);
}

static void end_turn(struct tcp_server *server, const char *why) {
    read_rest(server->current);
    drop_connection(server->current);
    tell_closed(server, GW_TRANSPORT_ABSENT, why);
    begin_next_turn(server);
}

/* It never had its turn. */
static void refuse(struct tcp_server *server, int fd, const struct sockaddr_storage *peer) {
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

static void watch_current(struct tcp_server *server) {
    if (!watch(server->current)) {
        end_turn(server, "the loop has no room");
    }
}

static void on_ready(void *context, int fd, unsigned events) {
    (void) fd;
    (void) events;
    struct connection *connection = context;
    struct tcp_server *server = connection->server;
    if (server->current != connection) {
        connection->ready_mono_ms = now_of(server);
        (void) watch(connection);
    } else if (read_once(connection) == GW_ERR_NOCONN) {
        end_turn(server,
                 errno == 0 ? "the device has closed the connection" : strerrordesc_np(errno));
    }
}

/* ---- turns ---- */

static void begin_turn(struct tcp_server *server, struct connection *connection) {
    int64_t now_mono_ms = now_of(server);
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
    watch_current(server);
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

static bool is_waiting(const struct connection *connection) {
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
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *each = &server->connections[i];
        if (is_waiting(each) && each->ready_mono_ms != 0
            && (!found || comes_before(each, found))) {
            found = each;
        }
    }
    return found;
}

/* The newest of those that wait. */
static struct connection *find_newest(const struct tcp_server *server) {
    struct connection *found = NULL;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *each = &server->connections[i];
        found = is_waiting(each) && (!found || each->number > found->number) ? each : found;
    }
    return found;
}

/* Who is next when nobody has the turn. */
static struct connection *find_next(const struct tcp_server *server) {
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *each = &server->connections[i];
        if (is_waiting(each) && each->ready_mono_ms == 0 && !is_empty(each)) {
            each->ready_mono_ms = now_of(server);
        }
    }
    struct connection *ready = find_ready(server);
    return ready ? ready : find_newest(server);
}

static void begin_next_turn(struct tcp_server *server) {
    struct connection *next = find_next(server);
    if (next) {
        next->has_lost_turn = false; /* the one it lost it to has ended */
        begin_turn(server, next);
    }
}

static int64_t earlier(int64_t a_mono_ms, int64_t b_mono_ms) {
    return a_mono_ms < b_mono_ms ? a_mono_ms : b_mono_ms;
}

/* When the turn passes, and to whom; GW_NEVER_MS if nobody waits for it. */
static int64_t find_turn(const struct tcp_server *server, struct connection **ret_next) {
    struct connection *newest = find_newest(server);
    if (!newest || !server->current || server->is_held) {
        *ret_next = newest;
        return newest && !server->current ? 0 : GW_NEVER_MS;
    }
    int64_t heard_mono_ms = server->current->heard_mono_ms;
    *ret_next = find_ready(server);
    if (*ret_next && server->owner.is_between(server->owner.context)) {
        return earlier(heard_mono_ms + QUIET_MS, (*ret_next)->ready_mono_ms + WAITED_MS);
    }
    if (!*ret_next && newest->number < server->current->number) {
        return GW_NEVER_MS;
    }
    *ret_next = *ret_next ? *ret_next : newest;
    return heard_mono_ms + LONG_QUIET_MS;
}

static void settle_turn(struct tcp_server *server, int64_t now_mono_ms) {
    struct connection *next = NULL;
    if (now_mono_ms < find_turn(server, &next)) {
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

/* A place for one more; one that has waited without a word makes room. NULL: there is none. */
static struct connection *find_place(const struct tcp_server *server, int64_t now_mono_ms) {
    struct connection *quietest = NULL;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
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

static void take_connection(struct tcp_server *server, int fd,
                            const struct sockaddr_storage *peer) {
    int64_t now_mono_ms = now_of(server);
    struct connection *place = find_place(server, now_mono_ms);
    if (!place) {
        refuse(server, fd, peer);
        return;
    }
    if (place->fd >= 0) {
        drop_connection(place);
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
        refuse(server, fd, peer);
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

static bool has_room(const struct door *door, int64_t now_mono_ms) {
    bool has_room = false;
    for (struct tcp_server *server = door->servers; server && !has_room;
         server = server->next) {
        has_room = find_place(server, now_mono_ms) != NULL;
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
            take_connection(server, accepted, &peer);
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
    settle_turn(server, now_mono_ms);
    if (!server->is_told && door->fd >= 0) {
        tell_closed(server, GW_TRANSPORT_ABSENT, waits);
    }
}

static int64_t next_mono_ms(const void *self) {
    const struct tcp_server *server = self;
    struct connection *next = NULL;
    bool is_due = !server->is_told && server->door->fd >= 0;
    int64_t turn_mono_ms = find_turn(server, &next);
    return is_due ? 0 : earlier(server->door->next_mono_ms, turn_mono_ms);
}

static enum gw_err send_bytes(void *self, struct gw_bytes bytes) {
    struct tcp_server *server = self;
    if (!server->current) {
        return GW_ERR_NOCONN;
    }
    enum gw_err err = gw_socket_send(server->current->fd, bytes);
    if (err) {
        end_turn(server, "a request could not be sent");
    }
    return err;
}

static bool hold(void *self, bool is_held) {
    struct tcp_server *server = self;
    if (server->is_held != is_held) {
        server->is_held = is_held;
        if (server->current) {
            server->current->heard_mono_ms = now_of(server);
            watch_current(server);
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
    for (; each || (each = find_next(server)); each = NULL) {
        if (!server->current && each->ready_mono_ms != 0) {
            char name[GW_SOCKET_NAME_BYTES];
            gw_socket_name(&each->peer, name);
            server->current = each;
            server->owner.opened(server->owner.context, gw_str_from_cstr(name));
            server->owner.waited(server->owner.context);
        }
        if (server->current) {
            read_rest(each);
        }
        drop_connection(each);
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
    struct connection *place = find_place(to, now_of(to));
    gw_loop_unwatch(from->server->loop, from->fd);
    if (!place) {
        refuse(from->server, from->fd, &from->peer);
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
        for (size_t i = 0; other->peer_count == 0 && i < CONNECTIONS_MAX; i++) {
            struct connection *each = &other->connections[i];
            if (is_waiting(each) && names_peer(server, &each->peer)) {
                move_connection(each, server);
            }
        }
        if (other->peer_count == 0 && other->current
            && names_peer(server, &other->current->peer)) {
            end_turn(other, "the device is another feed's now");
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
    GW_CLEANUP(gw_freep)
    struct connection *connections = calloc(CONNECTIONS_MAX, sizeof *connections);
    if (!server || !connections) {
        return GW_ERR_NOMEM;
    }
    server->owner = options->owner;
    server->loop = options->loop;
    server->doors = options->doors;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
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
