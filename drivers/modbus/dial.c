/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "drivers/modbus/stream.h"
#include "firmware/base/cleanup.h"

GW_DEFINE_CLEANUP(struct addrinfo *, freeaddrinfo, free_addresses)

static enum gw_err wait_connected(int fd, uint32_t timeout_ms, int wake_fd) {
    struct pollfd fds[] = {{.fd = wake_fd, .events = POLLIN}, {.fd = fd, .events = POLLOUT}};
    int64_t end_us = gw_stream_now_us() + (int64_t) timeout_ms * 1000;
    int ready = -1;
    do {
        int64_t left_ms = (end_us - gw_stream_now_us() + 999) / 1000;
        ready = poll(fds, GW_ARRAY_LEN(fds), left_ms > 0 ? (int) left_ms : 0);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) {
        return GW_ERR_TIMEOUT;
    }
    int error_number = 0;
    socklen_t size = sizeof error_number;
    bool is_connected = ready > 0 && !fds[0].revents
                        && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &size) == 0
                        && error_number == 0;
    if (is_connected) {
        return GW_OK;
    }
    return error_number == ETIMEDOUT ? GW_ERR_TIMEOUT : GW_ERR_NOCONN;
}

static enum gw_err dial_address(const struct addrinfo *address, uint32_t timeout_ms,
                                int wake_fd, int *ret_fd) {
    GW_CLEANUP(gw_closep)
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return GW_ERR_NOCONN;
    }
    /* One small frame at a time: it must not wait for more. */
    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(fd, address->ai_addr, address->ai_addrlen) < 0) {
        enum gw_err err =
            errno == EINPROGRESS ? wait_connected(fd, timeout_ms, wake_fd) : GW_ERR_NOCONN;
        if (err) {
            return err;
        }
    }
    *ret_fd = fd;
    fd = -1;
    return GW_OK;
}

static bool is_woken(int wake_fd) {
    struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
    return poll(&wake, 1, 0) > 0;
}

enum gw_err gw_modbus_dial(const char *host, uint16_t port, uint32_t timeout_ms, int wake_fd,
                           int *ret_fd) {
    char service[8];
    (void) snprintf(service, sizeof service, "%u", (unsigned) port);
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    GW_CLEANUP(free_addresses) struct addrinfo *addresses = NULL;
    if (getaddrinfo(host, service, &wanted, &addresses) != 0) {
        return GW_ERR_NOENT;
    }
    enum gw_err err = GW_ERR_NOCONN;
    for (const struct addrinfo *at = addresses; at && !is_woken(wake_fd); at = at->ai_next) {
        err = dial_address(at, timeout_ms, wake_fd, ret_fd);
        if (!err) {
            return GW_OK;
        }
    }
    return err;
}
