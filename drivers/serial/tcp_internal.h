/* SPDX-License-Identifier: Apache-2.0 */
/* What tcp_server.c and tcp_turns.c share. Of these two only. */
#ifndef GW_SERIAL_TCP_INTERNAL_H
#define GW_SERIAL_TCP_INTERNAL_H

#include "drivers/serial/socket.h"

#define TCP_PEERS_MAX 32
#define TCP_CONNECTIONS_MAX 16 /* of a feed */

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
    struct sockaddr_storage peers[TCP_PEERS_MAX];
    size_t peer_count;
    struct connection *connections; /* TCP_CONNECTIONS_MAX of them */
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

static inline int64_t tcp_earlier(int64_t a_mono_ms, int64_t b_mono_ms) {
    return a_mono_ms < b_mono_ms ? a_mono_ms : b_mono_ms;
}

/* ---- tcp_turns.c ---- */

/* Of the clock of the doors. */
int64_t tcp_now(const struct tcp_server *server);
/* Tell the owner that it is not open, and what its door does. */
void tcp_tell_closed(struct tcp_server *server, enum gw_transport_trouble trouble,
                     const char *what);
/* Close it, whatever it holds. */
void tcp_drop_connection(struct connection *connection);
/* Hand over what has come by it; who sends on without end is told to have lost something. */
void tcp_read_rest(struct connection *connection);
/* Read the rest of the one that has the turn, close it, give the turn to the next. */
void tcp_end_turn(struct tcp_server *server, const char *why);
/* Close a connection that was accepted; what it had sent is told to be lost. */
void tcp_refuse(struct tcp_server *server, int fd, const struct sockaddr_storage *peer);
/* Read the one that has the turn, or stop, as `is_held` says. */
void tcp_watch_current(struct tcp_server *server);
/* A connection without the turn. */
bool tcp_is_waiting(const struct connection *connection);
/* Who gets the turn when it is free: NULL if nobody waits. */
struct connection *tcp_find_next(const struct tcp_server *server);
/* When the turn passes from its owner, and to whom; GW_NEVER_MS if to nobody. */
int64_t tcp_find_turn(const struct tcp_server *server, struct connection **ret_next);
/* Pass the turn if it is time. */
void tcp_settle_turn(struct tcp_server *server, int64_t now_mono_ms);
/* A free place for a connection, or that of one which waits without a word; else NULL. */
struct connection *tcp_find_place(const struct tcp_server *server, int64_t now_mono_ms);
/* A connection that was accepted for this feed. */
void tcp_take_connection(struct tcp_server *server, int fd,
                         const struct sockaddr_storage *peer);

#endif
