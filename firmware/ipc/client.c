/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/random.h"
#include "firmware/ipc/ipc.h"
#include "firmware/ipc/listen.h"

static enum gw_err connect_error(int error_number) {
    switch (error_number) {
    case ECONNREFUSED:
    case EPROTOTYPE:
        return GW_ERR_NOCONN;
    default:
        return gw_err_from_errno(error_number);
    }
}

enum gw_err gw_ipc_connect(const char *path, int *ret_fd) {
    struct sockaddr_un address;
    enum gw_err err = gw_ipc_address(path, &address);
    if (err) {
        return err;
    }
    GW_CLEANUP(gw_closep)
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return gw_err_from_errno(errno);
    }
    if (connect(fd, (const struct sockaddr *) &address, sizeof address) != 0) {
        return connect_error(errno);
    }
    gw_ipc_widen(fd);
    *ret_fd = fd;
    fd = -1;
    return GW_OK;
}

enum gw_err gw_ipc_send(int fd, const struct gw_ipc_frame *frame, struct gw_buf *scratch) {
    gw_buf_clear(scratch);
    enum gw_err err = gw_ipc_encode(frame, scratch);
    if (err) {
        return err;
    }
    ssize_t sent = send(fd, scratch->data, scratch->len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
        return GW_OK;
    }
    return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN
               ? GW_ERR_NOCONN
               : gw_err_from_errno(errno);
}

enum gw_err gw_ipc_receive(int fd, struct gw_buf *storage, struct gw_ipc_frame *ret_frame) {
    gw_buf_clear(storage);
    if (storage->cap < GW_IPC_FRAME_MAX) {
        return GW_ERR_INVALID;
    }
    /* MSG_TRUNC: the real length is returned, so a datagram that is too long is
     * seen as such and not taken for its first part. */
    ssize_t got = recv(fd, storage->data, storage->cap, MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0) {
        return errno == ECONNRESET || errno == ENOTCONN ? GW_ERR_NOCONN
                                                        : gw_err_from_errno(errno);
    }
    if (got == 0) {
        return GW_ERR_NOCONN;
    }
    if ((size_t) got > storage->cap) {
        return GW_ERR_PARSE;
    }
    storage->len = (size_t) got;
    return gw_ipc_decode(gw_buf_bytes(storage), ret_frame);
}

/* Wait for `events` on fd until the deadline. RETRY also means "look again". */
static enum gw_err wait_ready(int fd, short events, const struct gw_clock *clock,
                              int64_t deadline_mono_ms) {
    int64_t left_ms = deadline_mono_ms - gw_clock_mono_ms(clock);
    if (left_ms <= 0) {
        return GW_ERR_TIMEOUT;
    }
    struct pollfd wanted = {.fd = fd, .events = events};
    int ready = poll(&wanted, 1, left_ms > INT32_MAX ? INT32_MAX : (int) left_ms);
    if (ready < 0 && errno != EINTR) {
        return gw_err_from_errno(errno);
    }
    return GW_OK;
}

enum gw_err gw_ipc_call(int fd, enum gw_ipc_verb verb, struct gw_str body, int timeout_ms,
                        struct gw_buf *storage, struct gw_ipc_frame *ret_reply) {
    struct gw_clock clock = gw_clock_system();
    int64_t deadline_mono_ms = gw_clock_mono_ms(&clock) + timeout_ms;
    struct gw_ipc_frame request = {.verb = verb, .body = body};
    gw_random_bytes(&request.request_id, sizeof request.request_id);

    enum gw_err err = gw_ipc_send(fd, &request, storage);
    while (err == GW_ERR_RETRY) {
        err = wait_ready(fd, POLLOUT, &clock, deadline_mono_ms);
        if (!err) {
            err = gw_ipc_send(fd, &request, storage);
        }
    }
    while (!err) {
        struct gw_ipc_frame reply;
        err = gw_ipc_receive(fd, storage, &reply);
        if (!err && reply.request_id == request.request_id) {
            *ret_reply = reply;
            return GW_OK;
        }
        if (!err || err == GW_ERR_RETRY) {
            err = wait_ready(fd, POLLIN, &clock, deadline_mono_ms);
        }
    }
    return err;
}
