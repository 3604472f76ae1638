/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/fake_plc.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_MS 20
#define WRITE_ONE 6

static uint16_t get16(const uint8_t *src) {
    return (uint16_t) (src[0] << 8 | src[1]);
}

static bool touches(const struct gw_fake_plc *plc, unsigned address, unsigned count) {
    unsigned illegal = atomic_load(&plc->illegal);
    return illegal >= address && illegal < address + count;
}

static size_t put_read(const struct gw_fake_plc *plc, unsigned address, unsigned count,
                       uint8_t *out) {
    size_t len = 9;
    out[8] = (uint8_t) (2 * count);
    for (unsigned i = 0; i < count; i++) {
        uint16_t word = atomic_load(&plc->registers[(address + i) % GW_FAKE_PLC_REGISTERS]);
        out[len++] = (uint8_t) (word >> 8);
        out[len++] = (uint8_t) word;
    }
    return len;
}

static size_t do_write(struct gw_fake_plc *plc, const uint8_t *request, uint8_t *out) {
    atomic_fetch_add(&plc->written, 1);
    atomic_store(&plc->registers[get16(request + 8) % GW_FAKE_PLC_REGISTERS],
                 get16(request + 10));
    memcpy(out + 8, request + 8, 4);
    return 12;
}

static bool answer(struct gw_fake_plc *plc, int fd, const uint8_t *request) {
    uint8_t out[300];
    bool is_write = request[7] == WRITE_ONE;
    unsigned address = get16(request + 8), count = get16(request + 10);
    memcpy(out, request, 8);
    size_t len = 9;
    if (!is_write && touches(plc, address, count)) {
        out[7] |= 0x80;
        out[8] = 2;
    } else {
        len = is_write ? do_write(plc, request, out) : put_read(plc, address, count, out);
    }
    unsigned unit = atomic_load(&plc->answers_as);
    out[6] = unit > 0 ? (uint8_t) unit : out[6];
    out[4] = 0;
    out[5] = (uint8_t) (len - 6);
    if (atomic_load(&plc->mute) || (is_write && atomic_load(&plc->swallows_writes))) {
        atomic_fetch_add(&plc->swallowed, 1);
        return true;
    }
    return !atomic_load(&plc->hangs_up) && send(fd, out, len, MSG_NOSIGNAL) == (ssize_t) len;
}

static void serve(struct gw_fake_plc *plc, int fd) {
    uint8_t request[12];
    while (!atomic_load(&plc->stop)) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, LOOK_MS) <= 0) {
            continue;
        }
        if (recv(fd, request, sizeof request, MSG_WAITALL) != sizeof request
            || !answer(plc, fd, request)) {
            return;
        }
    }
}

static void *run(void *argument) {
    struct gw_fake_plc *plc = argument;
    while (!atomic_load(&plc->stop)) {
        struct pollfd ready = {.fd = plc->listener, .events = POLLIN};
        int fd = poll(&ready, 1, LOOK_MS) > 0 ? accept(plc->listener, NULL, NULL) : -1;
        if (fd >= 0) {
            atomic_fetch_add(&plc->accepted, 1);
            atomic_store(&plc->connected, 1);
            serve(plc, fd);
            (void) close(fd);
            atomic_store(&plc->connected, 0);
        }
    }
    return NULL;
}

static void must(bool is_done, const char *what) {
    if (!is_done) {
        perror(what);
        abort();
    }
}

void gw_fake_plc_open(struct gw_fake_plc *plc) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    atomic_store(&plc->illegal, 65536);
    plc->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(plc->listener, (struct sockaddr *) &address, sizeof address) == 0, "bind");
    must(listen(plc->listener, 4) == 0, "listen");
    must(getsockname(plc->listener, (struct sockaddr *) &address, &len) == 0, "getsockname");
    plc->port = ntohs(address.sin_port);
    must(pthread_create(&plc->thread, NULL, run, plc) == 0, "pthread_create");
}

void gw_fake_plc_close(struct gw_fake_plc *plc) {
    atomic_store(&plc->stop, true);
    must(pthread_join(plc->thread, NULL) == 0, "pthread_join");
    (void) close(plc->listener);
}
