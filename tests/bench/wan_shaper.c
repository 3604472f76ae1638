/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wan_shaper: a TCP relay that looks like a poor WAN, so that a bench on one
 * machine can say what the gateway does behind one.
 *
 *   wan_shaper --listen PORT --target PORT [options, see option_rows]
 *
 * Both ports are on 127.0.0.1. It is up while it runs: before and after,
 * connections are refused. SIGTERM resets what is open and ends it.
 *
 * What it does, with the defaults of the bench:
 *   delay     50 ms each way: 100 ms of round trip. A new connection costs one
 *             round trip before anything is read from it (SYN, SYN+ACK).
 *   rate      2 Mbit/s each way, shared by all connections, counted with 52 bytes
 *             of IP and TCP header for each packet of at most 1,448 bytes.
 *   queue     64 KiB before each lane, first in first out, as in a cheap router:
 *             who sends little waits behind who sends much, up to a quarter of a
 *             second. Connections that have something are let in packet by packet
 *             in turn, which is what TCP's congestion control tends towards.
 *   window    256 KiB for each connection and direction, over all of queue, link
 *             and what the receiver has not taken: when it is full nothing more is
 *             read, so a slow consumer holds its producer as TCP does, and memory
 *             is bounded.
 *   resets    in each second of its life a connection is reset at both ends with a
 *             chance of 1 %; what is under way is lost, in both directions, and
 *             nobody is told how much of it had arrived.
 *   stalls    about every two minutes nothing moves for 30 s; connections stay
 *             open, new ones are taken in silence, nothing is lost.
 *
 * What it does not do: lose packets (TCP would hide the loss and be slower for
 * it), slow start, ACKs on the way back. A reset by one end is passed on at once,
 * not after the delay. Waits are rounded up to a millisecond.
 *
 * Repeatable: stalls are a function of the seed and of time since the start, the
 * life of a connection is one of the seed and of its number. wan_link.h has the
 * arithmetic and its tests.
 *
 * One thread, edge-triggered epoll: `readable` and `writable` remember what the
 * kernel said once, so that a connection held back by the link costs nothing.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"
#include "tests/bench/options.h"
#include "tests/bench/wan_link.h"

#define CONNECTIONS 64U
#define FLIGHTS 16384U /* packets on a lane; a power of two */
#define NS_PER_MS INT64_C(1000000)
#define STATS_NS (200 * NS_PER_MS)

/* ---- options ---------------------------------------------------------------- */

struct options {
    uint64_t listen, target, rtt_ms, kbit_per_s, queue_kib, window_kib, reset_per_mille;
    uint64_t stall_ms, stall_every_ms, seed;
    const char *stats;
};

static const struct gw_option_row option_rows[] = {
    {"listen", GW_OPTION_NUMBER, offsetof(struct options, listen), 65535, "port"},
    {"target", GW_OPTION_NUMBER, offsetof(struct options, target), 65535, "port"},
    {"rtt-ms", GW_OPTION_NUMBER, offsetof(struct options, rtt_ms), 60000, "[100]"},
    {"kbit-per-s", GW_OPTION_NUMBER, offsetof(struct options, kbit_per_s), 10000000,
     "each way [2000]"},
    {"queue-kib", GW_OPTION_NUMBER, offsetof(struct options, queue_kib), 1024,
     "before each lane [64]"},
    {"window-kib", GW_OPTION_NUMBER, offsetof(struct options, window_kib), 16384,
     "of a connection [256]"},
    {"reset-per-mille", GW_OPTION_NUMBER, offsetof(struct options, reset_per_mille), 1000,
     "chance of a connection in each second [10]"},
    {"stall-ms", GW_OPTION_NUMBER, offsetof(struct options, stall_ms), 3600000, "[30000]"},
    {"stall-every-ms", GW_OPTION_NUMBER, offsetof(struct options, stall_every_ms), 86400000,
     "mean, 0 = none [120000]"},
    {"seed", GW_OPTION_NUMBER, offsetof(struct options, seed), UINT64_MAX, "[1]"},
    {"stats", GW_OPTION_TEXT, offsetof(struct options, stats), 0,
     "file, replaced five times a second"},
};

static bool parse_options(int argc, char **argv, struct options *options) {
    return gw_options_parse(option_rows, GW_ARRAY_LEN(option_rows), argc, argv, options)
           && options->listen > 0 && options->target > 0 && options->kbit_per_s > 0
           && options->window_kib > 0;
}

/* ---- state ---------------------------------------------------------------------- */

enum end { NEAR, FAR, ENDS };            /* NEAR has connected to us */
enum direction { UP, DOWN, DIRECTIONS }; /* UP: from NEAR to FAR */

/* Bytes of one direction of a connection: out <= arrived <= in <= out + window. */
struct pipe {
    uint8_t *ring;
    uint64_t in, arrived, out; /* read, over the link, written; since the start */
    bool source_ended;         /* its end was read and put on the lane */
    bool end_arrived;
    bool end_done; /* and was passed on */
};

struct connection;

/* What epoll knows. */
struct side {
    struct connection *connection;
    int fd; /* -1 = none (yet) */
    bool readable, writable;
};

struct connection {
    bool is_used;
    uint32_t generation;
    bool is_open;     /* the round trip of its opening is over */
    int64_t open_ns;  /* link time */
    int64_t reset_ns; /* link time */
    struct side sides[ENDS];
    struct pipe pipes[DIRECTIONS];
};

/* A packet under way. */
struct flight {
    int64_t arrive_ns; /* link time */
    uint32_t connection, generation;
    uint32_t bytes;
    bool is_end;
};

struct lane {
    struct gw_wan_lane link;
    struct flight flights[FLIGHTS];
    uint64_t first, count;
    uint32_t turn; /* connection that may send next */
};

struct shaper {
    struct options options;
    size_t window;
    int epoll_fd, listener;
    bool can_accept;
    struct gw_wan_time time;
    struct lane lanes[DIRECTIONS];
    struct connection connections[CONNECTIONS];
    uint64_t opened, refused, resets, peer_resets, held_max, lost_bytes;
    int64_t stats_ns;
};

static atomic_int stopping;

static void on_signal(int number) {
    (void) number;
    atomic_store(&stopping, 1);
}

static int64_t read_ns(clockid_t id) {
    struct timespec now;
    (void) clock_gettime(id, &now);
    return (int64_t) now.tv_sec * GW_WAN_NS_PER_S + now.tv_nsec;
}

static enum end source_of(enum direction direction) {
    return direction == UP ? NEAR : FAR;
}

static enum end sink_of(enum direction direction) {
    return direction == UP ? FAR : NEAR;
}

/* ---- connections ------------------------------------------------------------------ */

static struct sockaddr_in local_address(uint64_t port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t) port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static void abort_fd(int fd) {
    struct linger linger = {.l_onoff = 1};
    (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    (void) close(fd);
}

/* Its flights stay on the lanes and are dropped when they arrive. */
static void end_connection(struct shaper *shaper, struct connection *connection, bool abort) {
    for (unsigned i = 0; i < ENDS; i++) {
        struct pipe *pipe = &connection->pipes[i];
        shaper->lost_bytes += pipe->in - pipe->out;
        free(pipe->ring);
        *pipe = (struct pipe){0};
        if (connection->sides[i].fd >= 0 && abort) {
            abort_fd(connection->sides[i].fd);
        } else if (connection->sides[i].fd >= 0) {
            (void) close(connection->sides[i].fd);
        }
        connection->sides[i] = (struct side){.connection = connection, .fd = -1};
    }
    connection->is_used = false;
    connection->generation++;
}

static void on_peer_reset(struct shaper *shaper, struct connection *connection) {
    shaper->peer_resets++;
    end_connection(shaper, connection, true);
}

static bool watch(struct shaper *shaper, struct side *side) {
    int one = 1;
    (void) setsockopt(side->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | (uint32_t) EPOLLET,
                                .data.ptr = side};
    return epoll_ctl(shaper->epoll_fd, EPOLL_CTL_ADD, side->fd, &event) == 0;
}

static struct connection *find_free(struct shaper *shaper) {
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        if (!shaper->connections[i].is_used) {
            return &shaper->connections[i];
        }
    }
    return NULL;
}

static int64_t lifetime_ns(const struct shaper *shaper) {
    const struct options *o = &shaper->options;
    return gw_wan_lifetime_ns(o->seed, shaper->opened, (unsigned) o->reset_per_mille);
}

static bool take_connection(struct shaper *shaper, struct connection *connection, int fd) {
    int64_t now = shaper->time.link_ns, life = lifetime_ns(shaper);
    connection->is_used = true;
    connection->is_open = false;
    connection->open_ns = now + (int64_t) shaper->options.rtt_ms * NS_PER_MS;
    connection->reset_ns = life == GW_WAN_NEVER_NS ? life : now + life;
    connection->sides[NEAR].fd = fd;
    shaper->opened++;
    for (unsigned i = 0; i < DIRECTIONS; i++) {
        connection->pipes[i].ring = malloc(shaper->window);
        if (!connection->pipes[i].ring) {
            return false;
        }
    }
    return watch(shaper, &connection->sides[NEAR]);
}

static void accept_all(struct shaper *shaper) {
    int fd = -1;
    while ((fd = accept4(shaper->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = find_free(shaper);
        if (!connection) {
            shaper->refused++;
            abort_fd(fd);
        } else if (!take_connection(shaper, connection, fd)) {
            end_connection(shaper, connection, true);
        }
    }
    shaper->can_accept = false;
}

/* The opening has crossed the link both ways: now the far end hears of it. */
static void open_far(struct shaper *shaper, struct connection *connection) {
    struct side *far = &connection->sides[FAR];
    struct sockaddr_in address = local_address(shaper->options.target);
    connection->is_open = true;
    far->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (far->fd < 0
        || (connect(far->fd, (struct sockaddr *) &address, sizeof(address)) != 0
            && errno != EINPROGRESS)
        || !watch(shaper, far)) {
        shaper->refused++;
        end_connection(shaper, connection, true);
    }
}

static void keep_times(struct shaper *shaper) {
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct connection *connection = &shaper->connections[i];
        if (connection->is_used && connection->reset_ns <= shaper->time.link_ns) {
            shaper->resets++;
            end_connection(shaper, connection, true);
        } else if (connection->is_used && !connection->is_open
                   && connection->open_ns <= shaper->time.link_ns) {
            open_far(shaper, connection);
        }
    }
}

/* ---- onto the lanes ------------------------------------------------------------------ */

static void put_flight(struct shaper *shaper, enum direction direction,
                       const struct connection *connection, size_t bytes) {
    struct lane *lane = &shaper->lanes[direction];
    struct flight *flight = &lane->flights[(lane->first + lane->count++) % FLIGHTS];
    *flight = (struct flight){
        .arrive_ns = gw_wan_lane_put(&lane->link, shaper->time.link_ns, bytes),
        .connection = (uint32_t) (connection - shaper->connections),
        .generation = connection->generation,
        .bytes = (uint32_t) bytes,
        .is_end = bytes == 0,
    };
}

static size_t smallest(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Read at most one packet from the pipe's source. False: there was none. */
static bool admit_packet(struct shaper *shaper, struct connection *connection,
                         enum direction direction) {
    struct pipe *pipe = &connection->pipes[direction];
    struct side *source = &connection->sides[source_of(direction)];
    size_t held = (size_t) (pipe->in - pipe->out), at = (size_t) (pipe->in % shaper->window);
    size_t space = smallest(shaper->window - held, shaper->window - at);
    if (!connection->is_used || !connection->is_open || !source->readable || pipe->source_ended
        || space == 0) {
        return false;
    }
    ssize_t n = recv(source->fd, pipe->ring + at, smallest(space, GW_WAN_PACKET_BYTES), 0);
    if (n < 0) {
        source->readable = errno == EINTR;
        if (errno != EAGAIN && errno != EINTR) {
            on_peer_reset(shaper, connection);
        }
        return false;
    }
    pipe->in += (uint64_t) n;
    pipe->source_ended = n == 0;
    shaper->held_max =
        held + (size_t) n > shaper->held_max ? held + (size_t) n : shaper->held_max;
    put_flight(shaper, direction, connection, (size_t) n);
    return true;
}

static bool has_room(const struct shaper *shaper, const struct lane *lane) {
    return lane->count < FLIGHTS && gw_wan_lane_has_room(&lane->link, shaper->time.link_ns);
}

/* One packet of each connection in turn, until the queue is full or nothing waits. */
static void admit(struct shaper *shaper, enum direction direction) {
    struct lane *lane = &shaper->lanes[direction];
    for (unsigned idle = 0; idle < CONNECTIONS && has_room(shaper, lane);) {
        struct connection *connection = &shaper->connections[lane->turn];
        lane->turn = (lane->turn + 1) % CONNECTIONS;
        idle = admit_packet(shaper, connection, direction) ? 0 : idle + 1;
    }
}

/* ---- off the lanes -------------------------------------------------------------------- */

static void close_if_done(struct shaper *shaper, struct connection *connection) {
    if (connection->pipes[UP].end_done && connection->pipes[DOWN].end_done) {
        end_connection(shaper, connection, false);
    }
}

static void pass_end(struct shaper *shaper, struct connection *connection,
                     enum direction direction) {
    struct pipe *pipe = &connection->pipes[direction];
    if (pipe->end_arrived && !pipe->end_done && pipe->out == pipe->arrived) {
        pipe->end_done = true;
        (void) shutdown(connection->sides[sink_of(direction)].fd, SHUT_WR);
        close_if_done(shaper, connection);
    }
}

/* Write what has arrived, as far as the sink takes it. */
static void flush(struct shaper *shaper, struct connection *connection,
                  enum direction direction) {
    struct pipe *pipe = &connection->pipes[direction];
    struct side *sink = &connection->sides[sink_of(direction)];
    while (connection->is_used && sink->writable && pipe->out < pipe->arrived) {
        size_t at = (size_t) (pipe->out % shaper->window);
        size_t bytes = smallest((size_t) (pipe->arrived - pipe->out), shaper->window - at);
        ssize_t n = send(sink->fd, pipe->ring + at, bytes, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            sink->writable = false;
        } else if (n < 0 && errno != EINTR) {
            on_peer_reset(shaper, connection);
        }
        pipe->out += n > 0 ? (uint64_t) n : 0;
    }
    if (connection->is_used && sink->writable) {
        pass_end(shaper, connection, direction);
    }
}

static void arrive(struct shaper *shaper, enum direction direction) {
    struct lane *lane = &shaper->lanes[direction];
    while (lane->count > 0) {
        const struct flight *flight = &lane->flights[lane->first % FLIGHTS];
        if (flight->arrive_ns > shaper->time.link_ns) {
            break;
        }
        struct connection *connection = &shaper->connections[flight->connection];
        lane->first++;
        lane->count--;
        if (connection->is_used && connection->generation == flight->generation) {
            connection->pipes[direction].arrived += flight->bytes;
            connection->pipes[direction].end_arrived |= flight->is_end;
            flush(shaper, connection, direction);
        }
    }
}

/* ---- the loop --------------------------------------------------------------------------- */

static void on_event(struct shaper *shaper, struct side *side, uint32_t events) {
    struct connection *connection = side->connection;
    if (side->fd < 0) {
        return; /* ended by an event before this one */
    }
    if (events & EPOLLERR) {
        on_peer_reset(shaper, connection);
        return;
    }
    side->readable |= (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0;
    side->writable |= (events & EPOLLOUT) != 0;
    if (events & EPOLLOUT) {
        flush(shaper, connection, side == &connection->sides[FAR] ? UP : DOWN);
    }
}

static bool is_waiting_for_room(const struct shaper *shaper, enum direction direction) {
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        const struct connection *connection = &shaper->connections[i];
        const struct pipe *pipe = &connection->pipes[direction];
        if (connection->is_used && connection->is_open && !pipe->source_ended
            && connection->sides[source_of(direction)].readable
            && pipe->in - pipe->out < shaper->window) {
            return true;
        }
    }
    return false;
}

static void sooner(int64_t *at_ns, int64_t other_ns) {
    *at_ns = other_ns < *at_ns ? other_ns : *at_ns;
}

/* Link time of whatever is due next. */
static int64_t next_due_ns(const struct shaper *shaper) {
    int64_t due_ns = GW_WAN_NEVER_NS;
    for (unsigned i = 0; i < DIRECTIONS; i++) {
        const struct lane *lane = &shaper->lanes[i];
        if (lane->count > 0) {
            sooner(&due_ns, lane->flights[lane->first % FLIGHTS].arrive_ns);
        }
        if (lane->count < FLIGHTS && is_waiting_for_room(shaper, (enum direction) i)) {
            sooner(&due_ns, gw_wan_lane_room_ns(&lane->link));
        }
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        const struct connection *connection = &shaper->connections[i];
        if (connection->is_used) {
            sooner(&due_ns, connection->reset_ns);
            sooner(&due_ns, connection->is_open ? GW_WAN_NEVER_NS : connection->open_ns);
        }
    }
    return due_ns;
}

static int timeout_ms(const struct shaper *shaper) {
    int64_t now = read_ns(CLOCK_MONOTONIC);
    int64_t wake = gw_wan_time_wake_ns(&shaper->time, next_due_ns(shaper));
    sooner(&wake, now + STATS_NS);
    return wake > now ? (int) ((wake - now + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

static void run_round(struct shaper *shaper) {
    struct epoll_event events[64];
    int n = epoll_wait(shaper->epoll_fd, events, GW_ARRAY_LEN(events), timeout_ms(shaper));
    gw_wan_time_advance(&shaper->time, read_ns(CLOCK_MONOTONIC));
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr) {
            on_event(shaper, events[i].data.ptr, events[i].events);
        } else {
            shaper->can_accept = true;
        }
    }
    keep_times(shaper);
    arrive(shaper, UP);
    arrive(shaper, DOWN);
    admit(shaper, UP);
    admit(shaper, DOWN);
    /* last: a slot taken now has no event of its predecessor left in this round */
    if (shaper->can_accept) {
        accept_all(shaper);
    }
}

/* ---- figures ------------------------------------------------------------------------------
 */

static void put_lane(FILE *file, const char *name, const struct gw_wan_lane *link) {
    fprintf(file, "\"%s\":{\"packets\":%llu,\"payload_bytes\":%llu,\"wire_bytes\":%llu},", name,
            (unsigned long long) link->packets, (unsigned long long) link->payload_bytes,
            (unsigned long long) link->wire_bytes);
}

/* [begin, end] of each stall as wall time in ns. */
static void put_stalls(FILE *file, const struct gw_wan_time *time) {
    int64_t to_wall_ns = read_ns(CLOCK_REALTIME) - read_ns(CLOCK_MONOTONIC);
    fprintf(file, "\"stall_times_ns\":[");
    for (uint64_t i = 0; i < time->stalls && i < GW_WAN_STALLS_KEPT; i++) {
        long long begin = (long long) (time->begins_ns[i] + to_wall_ns);
        fprintf(file, "%s[%lld,%lld]", i ? "," : "", begin, begin + (long long) time->stall_ns);
    }
    fprintf(file, "]}\n");
}

static void write_stats(const struct shaper *shaper) {
    char beside[512];
    snprintf(beside, sizeof(beside), "%s.new", shaper->options.stats);
    FILE *file = fopen(beside, "w");
    if (!file) {
        return;
    }
    fprintf(file, "{");
    put_lane(file, "up", &shaper->lanes[UP].link);
    put_lane(file, "down", &shaper->lanes[DOWN].link);
    fprintf(file,
            "\"connections\":%llu,\"refused\":%llu,\"resets\":%llu,\"peer_resets\":%llu,"
            "\"lost_bytes\":%llu,\"held_max_bytes\":%llu,\"stalls\":%llu,\"is_stalled\":%s,",
            (unsigned long long) shaper->opened, (unsigned long long) shaper->refused,
            (unsigned long long) shaper->resets, (unsigned long long) shaper->peer_resets,
            (unsigned long long) shaper->lost_bytes, (unsigned long long) shaper->held_max,
            (unsigned long long) shaper->time.stalls,
            shaper->time.is_stalled ? "true" : "false");
    put_stalls(file, &shaper->time);
    (void) fclose(file);
    (void) rename(beside, shaper->options.stats);
}

static void keep_stats(struct shaper *shaper) {
    int64_t now = read_ns(CLOCK_MONOTONIC);
    if (shaper->options.stats && now >= shaper->stats_ns) {
        shaper->stats_ns = now + STATS_NS;
        write_stats(shaper);
    }
}

/* ---- start and end --------------------------------------------------------------------------
 */

static bool listen_on(struct shaper *shaper) {
    struct sockaddr_in address = local_address(shaper->options.listen);
    int one = 1;
    shaper->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    shaper->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void) setsockopt(shaper->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    struct epoll_event event = {.events = EPOLLIN | (uint32_t) EPOLLET};
    return bind(shaper->listener, (struct sockaddr *) &address, sizeof(address)) == 0
           && listen(shaper->listener, CONNECTIONS) == 0
           && epoll_ctl(shaper->epoll_fd, EPOLL_CTL_ADD, shaper->listener, &event) == 0;
}

static void open_link(struct shaper *shaper) {
    const struct options *o = &shaper->options;
    shaper->window = (size_t) o->window_kib * 1024;
    for (unsigned i = 0; i < DIRECTIONS; i++) {
        shaper->lanes[i].link = (struct gw_wan_lane){
            .bytes_per_s = o->kbit_per_s * 1000 / 8,
            .delay_ns = (int64_t) o->rtt_ms * NS_PER_MS / 2,
            .queue_bytes = o->queue_kib * 1024,
        };
    }
    for (unsigned i = 0; i < CONNECTIONS * ENDS; i++) {
        struct connection *connection = &shaper->connections[i / ENDS];
        connection->sides[i % ENDS] = (struct side){.connection = connection, .fd = -1};
    }
    gw_wan_time_start(&shaper->time, o->seed, (int64_t) o->stall_ms * NS_PER_MS,
                      (int64_t) o->stall_every_ms * NS_PER_MS, read_ns(CLOCK_MONOTONIC));
}

static void close_all(struct shaper *shaper) {
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        if (shaper->connections[i].is_used) {
            end_connection(shaper, &shaper->connections[i], true);
        }
    }
    (void) close(shaper->listener);
    (void) close(shaper->epoll_fd);
}

int main(int argc, char **argv) {
    static struct shaper shaper = {.options = {.rtt_ms = 100,
                                               .kbit_per_s = 2000,
                                               .queue_kib = 64,
                                               .window_kib = 256,
                                               .reset_per_mille = 10,
                                               .stall_ms = 30000,
                                               .stall_every_ms = 120000,
                                               .seed = 1}};
    if (!parse_options(argc, argv, &shaper.options)) {
        gw_options_complain("wan_shaper", option_rows, GW_ARRAY_LEN(option_rows));
        return 2;
    }
    struct sigaction action = {.sa_handler = on_signal};
    (void) sigaction(SIGTERM, &action, NULL);
    (void) sigaction(SIGINT, &action, NULL);
    open_link(&shaper);
    if (!listen_on(&shaper)) {
        perror("wan_shaper: listen");
        return 1;
    }
    while (!atomic_load(&stopping)) {
        run_round(&shaper);
        keep_stats(&shaper);
    }
    close_all(&shaper);
    if (shaper.options.stats) {
        write_stats(&shaper);
    }
    return 0;
}
