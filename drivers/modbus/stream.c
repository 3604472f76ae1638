/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define US_PER_S 1000000

int64_t gw_stream_now_us(void) {
    struct timespec now;
    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

/* `events` of the descriptor, 0 = only sleep. A hang-up counts as readable: what came
 * before it is still there, and the read that follows tells. */
static enum gw_err wait_for(const struct gw_stream *stream, short events, int64_t deadline_us) {
    struct pollfd fds[] = {{.fd = stream->wake_fd, .events = POLLIN},
                           {.fd = stream->fd, .events = events}};
    nfds_t count = events ? 2 : 1;
    for (;;) {
        int64_t left_us = deadline_us - gw_stream_now_us();
        left_us = left_us < 0 ? 0 : left_us;
        const struct timespec left = {.tv_sec = left_us / US_PER_S,
                                      .tv_nsec = left_us % US_PER_S * 1000};
        int ready = ppoll(fds, count, &left, NULL);
        if (ready < 0 && errno != EINTR) {
            return GW_ERR_NOCONN;
        }
        if (ready > 0) {
            return fds[0].revents ? GW_ERR_NOCONN : GW_OK;
        }
        if (left_us == 0) {
            return GW_ERR_TIMEOUT;
        }
    }
}

enum gw_err gw_stream_sleep_until(const struct gw_stream *stream, int64_t until_us) {
    enum gw_err err = wait_for(stream, 0, until_us);
    return err == GW_ERR_TIMEOUT ? GW_OK : GW_ERR_NOCONN;
}

static bool is_passing(int error_number) {
    return error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR;
}

/* A socket that was closed by the peer must not raise SIGPIPE. */
static ssize_t send_some(int fd, const uint8_t *bytes, size_t len) {
    ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
    return sent < 0 && errno == ENOTSOCK ? write(fd, bytes, len) : sent;
}

enum gw_err gw_stream_send(const struct gw_stream *stream, struct gw_bytes bytes,
                           int64_t deadline_us) {
    size_t at = 0;
    while (at < bytes.len) {
        ssize_t sent = send_some(stream->fd, bytes.ptr + at, bytes.len - at);
        if (sent < 0 && !is_passing(errno)) {
            return GW_ERR_NOCONN;
        }
        at += sent > 0 ? (size_t) sent : 0;
        enum gw_err err = at < bytes.len ? wait_for(stream, POLLOUT, deadline_us) : GW_OK;
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

enum gw_err gw_stream_receive(const struct gw_stream *stream, uint8_t *bytes, size_t size,
                              int64_t deadline_us, size_t *ret_len) {
    for (;;) {
        enum gw_err err = wait_for(stream, POLLIN, deadline_us);
        if (err) {
            return err;
        }
        ssize_t got = read(stream->fd, bytes, size);
        if (got > 0) {
            *ret_len = (size_t) got;
            return GW_OK;
        }
        if (got == 0 || !is_passing(errno)) {
            return GW_ERR_NOCONN;
        }
    }
}

enum gw_err gw_stream_drain(const struct gw_stream *stream, int64_t quiet_us,
                            int64_t longest_us, uint64_t *ret_bytes) {
    uint8_t bytes[512];
    size_t got = 0;
    int64_t end_us = gw_stream_now_us() + longest_us;
    for (;;) {
        int64_t now_us = gw_stream_now_us();
        if (now_us > end_us) {
            return GW_ERR_TIMEOUT;
        }
        enum gw_err err =
            gw_stream_receive(stream, bytes, sizeof bytes, now_us + quiet_us, &got);
        if (err) {
            return err == GW_ERR_TIMEOUT ? GW_OK : err;
        }
        if (ret_bytes) {
            *ret_bytes += got;
        }
    }
}
