/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many Modbus TCP devices in one thread, cheap enough that a benchmark measures the
 * gateway: each listens on a port of its own, its units from 1 to `units` answer function 3,
 * every other unit is accepted and never answered. A device may be silent as a whole.
 *
 *   modbus_units --devices N --units N --silent N --period-ms N --change-ms N
 *
 * The ports are printed as one line of JSON, then it serves until SIGTERM and prints
 * how far from the period the requests of each living unit came ("jitter": the difference
 * between the time since the request before, on whatever connection, and the period;
 * "jitter_shared": of devices that were asked for a dead unit too). The first `silent`
 * devices never answer at all. Register 0 of each device grows by one each change-ms, the
 * others stay. SIGUSR1 forgets what was measured so far.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"
#include "tests/bench/histogram.h"
#include "tests/bench/options.h"

enum {
    DEVICES_MAX = 64,
    UNITS_MAX = 64,
    CONNECTIONS_MAX = 256,
    REQUEST_BYTES = 12,
    REGISTERS = 125
};

struct options {
    uint64_t devices, units, silent, period_ms, change_ms;
};

struct connection {
    int fd; /* 0 = free */
    unsigned device;
    size_t len;
    uint8_t request[REQUEST_BYTES];
};

struct jitter {
    struct gw_histogram histogram;
    int64_t max_us;
};

struct peer {
    struct options options;
    int epoll_fd;
    int listeners[DEVICES_MAX];
    struct connection connections[CONNECTIONS_MAX];
    struct jitter jitter, jitter_shared;         /* shared: device with a dead unit beside */
    int64_t last_us[DEVICES_MAX][UNITS_MAX + 1]; /* when it was asked before, 0 = not yet */
    bool has_dead_unit[DEVICES_MAX];
    uint64_t requests, unanswered;
};

static int64_t now_us(void) {
    struct timespec now;
    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* ---- serving ---- */

static void note_interval(struct peer *peer, struct connection *connection) {
    int64_t now = now_us();
    int64_t *last_us = &peer->last_us[connection->device][connection->request[6]];
    int64_t off_us = now - *last_us - (int64_t) peer->options.period_ms * 1000;
    off_us = off_us < 0 ? -off_us : off_us;
    if (*last_us != 0) {
        bool is_shared = peer->has_dead_unit[connection->device];
        struct jitter *jitter = is_shared ? &peer->jitter_shared : &peer->jitter;
        gw_histogram_add(&jitter->histogram, (uint64_t) off_us);
        jitter->max_us = off_us > jitter->max_us ? off_us : jitter->max_us;
    }
    *last_us = now;
}

static void answer(struct peer *peer, struct connection *connection) {
    uint8_t out[9 + 2 * REGISTERS];
    unsigned address = (unsigned) connection->request[8] << 8 | connection->request[9];
    unsigned count = (unsigned) connection->request[10] << 8 | connection->request[11];
    memcpy(out, connection->request, 8);
    if (connection->request[7] != 3 || count == 0 || count > REGISTERS) {
        out[5] = 3;
        out[7] |= 0x80;
        out[8] = 1;
        (void) !send(connection->fd, out, 9, MSG_NOSIGNAL);
        return;
    }
    out[4] = (uint8_t) ((3 + 2 * count) >> 8);
    out[5] = (uint8_t) (3 + 2 * count);
    out[8] = (uint8_t) (2 * count);
    for (unsigned i = 0; i < count; i++) {
        unsigned word = address + i;
        if (word == 0 && peer->options.change_ms > 0) {
            word = (unsigned) ((uint64_t) now_us() / 1000 / peer->options.change_ms);
        }
        out[9 + 2 * i] = (uint8_t) (word >> 8);
        out[10 + 2 * i] = (uint8_t) word;
    }
    (void) !send(connection->fd, out, 9 + 2 * count, MSG_NOSIGNAL);
}

static void take_request(struct peer *peer, struct connection *connection) {
    peer->requests++;
    uint8_t unit = connection->request[6];
    bool is_there = unit >= 1 && unit <= peer->options.units;
    if (!is_there || connection->device < peer->options.silent) {
        peer->unanswered++;
        peer->has_dead_unit[connection->device] |= !is_there;
        return;
    }
    note_interval(peer, connection);
    answer(peer, connection);
}

static void drop(struct connection *connection) {
    (void) close(connection->fd);
    *connection = (struct connection){0};
}

static void on_readable(struct peer *peer, struct connection *connection) {
    ssize_t got = recv(connection->fd, connection->request + connection->len,
                       REQUEST_BYTES - connection->len, MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            drop(connection);
        }
        return;
    }
    connection->len += (size_t) got;
    if (connection->len == REQUEST_BYTES) {
        connection->len = 0;
        take_request(peer, connection);
    }
}

/* ---- connections ---- */

static void watch(struct peer *peer, int fd, uint32_t tag) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = tag};
    if (epoll_ctl(peer->epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
        fail("epoll_ctl");
    }
}

static void on_connect(struct peer *peer, unsigned device) {
    int fd = accept4(peer->listeners[device], NULL, NULL, SOCK_CLOEXEC);
    for (unsigned i = 0; fd >= 0 && i < CONNECTIONS_MAX; i++) {
        if (peer->connections[i].fd == 0) {
            int on = 1;
            (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            peer->connections[i] = (struct connection){.fd = fd, .device = device};
            watch(peer, fd, DEVICES_MAX + i);
            return;
        }
    }
    if (fd >= 0) {
        (void) close(fd);
    }
}

static uint16_t open_listener(struct peer *peer, unsigned device) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *) &address, len) || listen(fd, 16)
        || getsockname(fd, (struct sockaddr *) &address, &len)) {
        fail("listen");
    }
    peer->listeners[device] = fd;
    watch(peer, fd, device);
    return ntohs(address.sin_port);
}

/* ---- life ---- */

static const struct gw_option_row option_rows[] = {
    {"devices", GW_OPTION_NUMBER, offsetof(struct options, devices), DEVICES_MAX, "[32]"},
    {"units", GW_OPTION_NUMBER, offsetof(struct options, units), UNITS_MAX, "of each [1]"},
    {"silent", GW_OPTION_NUMBER, offsetof(struct options, silent), DEVICES_MAX, "of them [1]"},
    {"period-ms", GW_OPTION_NUMBER, offsetof(struct options, period_ms), 3600000, "[100]"},
    {"change-ms", GW_OPTION_NUMBER, offsetof(struct options, change_ms), 3600000, "[1000]"},
};

static void print_jitter(const char *name, const struct jitter *jitter) {
    const struct gw_histogram *histogram = &jitter->histogram;
    printf("\"%s\":{\"count\":%llu,\"p50_us\":%llu,\"p99_us\":%llu,\"p999_us\":%llu,\"max_us\":"
           "%lld}",
           name, (unsigned long long) histogram->total,
           (unsigned long long) gw_histogram_percentile(histogram, 500),
           (unsigned long long) gw_histogram_percentile(histogram, 990),
           (unsigned long long) gw_histogram_percentile(histogram, 999),
           (long long) jitter->max_us);
}

static void print_figures(const struct peer *peer) {
    printf("{\"requests\":%llu,\"unanswered\":%llu,", (unsigned long long) peer->requests,
           (unsigned long long) peer->unanswered);
    print_jitter("jitter", &peer->jitter);
    printf(",");
    print_jitter("jitter_shared", &peer->jitter_shared);
    printf("}\n");
    (void) fflush(stdout);
}

static void forget(struct peer *peer) {
    memset(&peer->jitter, 0, sizeof peer->jitter);
    memset(&peer->jitter_shared, 0, sizeof peer->jitter_shared);
    peer->requests = 0;
    peer->unanswered = 0;
}

/* True if it is over. */
static bool on_signal(struct peer *peer, int fd) {
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR1) {
        forget(peer);
        return false;
    }
    return true;
}

static void serve(struct peer *peer, int signal_fd) {
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(peer->epoll_fd, events, 64, -1);
        for (int i = 0; i < count; i++) {
            uint32_t tag = events[i].data.u32;
            if (tag == UINT32_MAX) {
                if (on_signal(peer, signal_fd)) {
                    return;
                }
            } else if (tag < DEVICES_MAX) {
                on_connect(peer, tag);
            } else if (peer->connections[tag - DEVICES_MAX].fd != 0) {
                on_readable(peer, &peer->connections[tag - DEVICES_MAX]);
            }
        }
    }
}

int main(int argc, char **argv) {
    struct peer *peer = calloc(1, sizeof *peer);
    sigset_t signals;
    if (!peer) {
        fail("calloc");
    }
    peer->options = (struct options){
        .devices = 32, .units = 1, .silent = 1, .period_ms = 100, .change_ms = 1000};
    if (!gw_options_parse(option_rows, GW_ARRAY_LEN(option_rows), argc, argv, &peer->options)
        || peer->options.devices == 0) {
        gw_options_complain("modbus_units", option_rows, GW_ARRAY_LEN(option_rows));
        return 2;
    }
    peer->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    (void) sigemptyset(&signals);
    (void) sigaddset(&signals, SIGTERM);
    (void) sigaddset(&signals, SIGUSR1);
    (void) sigprocmask(SIG_BLOCK, &signals, NULL);
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    watch(peer, signal_fd, UINT32_MAX);
    printf("{\"ports\":[");
    for (unsigned i = 0; i < peer->options.devices; i++) {
        printf("%s%u", i > 0 ? "," : "", (unsigned) open_listener(peer, i));
    }
    printf("]}\n");
    (void) fflush(stdout);
    serve(peer, signal_fd);
    print_figures(peer);
    free(peer);
    return 0;
}
