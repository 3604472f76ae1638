/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serial line. It is bound by what does not change (binding.h) or by a path such as
 * /dev/serial/by-id/..., looked up anew for each opening, so that two lines never
 * swap. It is ours alone while it is open (TIOCEXCL, flock); pulled out, it is opened
 * again when it comes back: at once when the watch on /dev tells (hotplug.h), else
 * within RETRY_MS.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "drivers/serial/binding.h"
#include "firmware/base/cleanup.h"
#include "firmware/config/speed.h"

#define RETRY_MS 1000

struct port {
    struct gw_transport_owner owner;
    struct gw_loop *loop;
    const struct gw_clock *clock;
    struct gw_binding binding;
    char path[GW_BINDING_PATH_BYTES]; /* what is open, or was tried */
    speed_t speed;
    tcflag_t size, parity, stop;
    bool has_rts_cts, has_xon_xoff;
    int fd;
    bool is_held;
    int64_t next_mono_ms; /* GW_NEVER_MS while open */
};

static void on_ready(void *context, int fd, unsigned events);

/* What flow control holds back would be waited for in close(2), half a minute long
 * (setserial(8), closing_wait). */
static void close_line(struct port *port) {
    gw_loop_unwatch(port->loop, port->fd);
    (void) tcflush(port->fd, TCOFLUSH);
    (void) close(port->fd);
    port->fd = -1;
}

static void fail(struct port *port, enum gw_transport_trouble trouble, const char *why) {
    if (port->fd >= 0) {
        close_line(port);
    }
    port->next_mono_ms = gw_clock_mono_ms(port->clock) + RETRY_MS;
    char detail[GW_BINDING_PATH_BYTES + 128];
    int len = snprintf(detail, sizeof detail, "%s: %s", port->path, why);
    port->owner.closed(port->owner.context, trouble, (struct gw_str){detail, (size_t) len});
}

static void fail_errno(struct port *port, int error_number) {
    bool is_absent = error_number == ENOENT || error_number == ENODEV || error_number == ENXIO
                     || error_number == EIO || error_number == ENOTDIR;
    fail(port, is_absent ? GW_TRANSPORT_ABSENT : GW_TRANSPORT_DENIED,
         error_number == EBUSY ? "another program has it" : strerrordesc_np(error_number));
}

/* ---- opening ---- */

/* Raw, as configured. A byte with a parity error is read as NUL (no IGNPAR, no
 * PARMRK), so that it spoils its frame instead of vanishing from it; a break is
 * nothing. */
static int set_line(const struct port *port) {
    struct termios line;
    memset(&line, 0, sizeof line);
    line.c_iflag =
        IGNBRK | (port->parity ? INPCK : 0) | (port->has_xon_xoff ? IXON | IXOFF : 0);
    line.c_cflag = CLOCAL | CREAD | port->size | port->parity | port->stop
                   | (port->has_rts_cts ? CRTSCTS : 0);
    /* XON and XOFF, where they mean anything (ECMA-48: DC1, DC3). */
    line.c_cc[VSTART] = 0x11;
    line.c_cc[VSTOP] = 0x13;
    line.c_cc[VMIN] = 0;
    line.c_cc[VTIME] = 0;
    if (cfsetispeed(&line, port->speed) != 0 || cfsetospeed(&line, port->speed) != 0) {
        return -1;
    }
    return tcsetattr(port->fd, TCSANOW, &line);
}

/* 0 or an errno. */
static int claim(struct port *port) {
    if (!isatty(port->fd)) {
        return ENOTTY;
    }
    if (flock(port->fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? EBUSY : errno;
    }
    if (ioctl(port->fd, TIOCEXCL) != 0 || set_line(port) != 0
        || tcflush(port->fd, TCIFLUSH) != 0) {
        return errno;
    }
    return 0;
}

static void watch(struct port *port) {
    if (gw_loop_watch(port->loop, port->fd, port->is_held ? 0 : GW_LOOP_READ, on_ready, port)) {
        fail(port, GW_TRANSPORT_DENIED, "the loop has no room");
    }
}

static void open_port(struct port *port) {
    enum gw_transport_trouble trouble = GW_TRANSPORT_ABSENT;
    const char *why = gw_binding_find(&port->binding, port->path, &trouble);
    if (why) {
        fail(port, trouble, why);
        return;
    }
    port->fd = open(port->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (port->fd < 0) {
        fail_errno(port, errno);
        return;
    }
    int error_number = claim(port);
    if (error_number != 0) {
        fail_errno(port, error_number);
        return;
    }
    port->next_mono_ms = GW_NEVER_MS;
    watch(port);
    if (port->fd >= 0) {
        port->owner.opened(port->owner.context, gw_str_from_cstr(port->path));
    }
}

/* ---- reading ---- */

static void on_ready(void *context, int fd, unsigned events) {
    struct port *port = context;
    if (port->is_held && !(events & GW_LOOP_HANGUP)) {
        return;
    }
    uint8_t bytes[GW_TRANSPORT_TURN_BYTES];
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n > 0) {
        port->owner.received(port->owner.context, (struct gw_bytes){bytes, (size_t) n});
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        fail(port, GW_TRANSPORT_ABSENT,
             errno == EIO || errno == ENXIO ? "pulled out" : strerrordesc_np(errno));
    } else if (events & GW_LOOP_HANGUP) {
        fail(port, GW_TRANSPORT_ABSENT, "pulled out");
    }
}

static void tick(void *self, int64_t now_mono_ms) {
    struct port *port = self;
    if (port->fd < 0 && now_mono_ms >= port->next_mono_ms) {
        open_port(port);
    }
}

static int64_t next_mono_ms(const void *self) {
    const struct port *port = self;
    return port->next_mono_ms;
}

static void look(void *self) {
    struct port *port = self;
    if (port->fd < 0) {
        port->next_mono_ms = 0;
    }
}

static enum gw_err send_bytes(void *self, struct gw_bytes bytes) {
    struct port *port = self;
    if (port->fd < 0) {
        return GW_ERR_NOCONN;
    }
    ssize_t n = write(port->fd, bytes.ptr, bytes.len);
    if (n == (ssize_t) bytes.len) {
        return GW_OK;
    }
    if (n >= 0 || errno == EAGAIN) {
        /* Held by flow control. Half a request must not go out before the next one. */
        (void) tcflush(port->fd, TCOFLUSH);
        return GW_ERR_RETRY;
    }
    fail(port, GW_TRANSPORT_ABSENT, strerrordesc_np(errno));
    return GW_ERR_NOCONN;
}

/* Without flow control the device goes on, and the kernel would drop what nobody
 * reads without telling. */
static bool hold(void *self, bool is_held) {
    struct port *port = self;
    if (!port->has_rts_cts && !port->has_xon_xoff) {
        return false;
    }
    if (port->is_held != is_held) {
        port->is_held = is_held;
        if (port->fd >= 0) {
            watch(port);
        }
    }
    return true;
}

static void close_port(void *self) {
    struct port *port = self;
    if (port->fd >= 0) {
        (void) ioctl(port->fd, TIOCNXCL);
        close_line(port);
    }
    free(port);
}

static const struct gw_transport_ops ops = {.tick = tick,
                                            .next_mono_ms = next_mono_ms,
                                            .look = look,
                                            .write = send_bytes,
                                            .hold = hold,
                                            .close = close_port};

/* ---- life ---- */

#define SPEED(number) {number, B##number},

static enum gw_err choose_speed(struct port *port, uint32_t baud) {
    static const struct {
        uint32_t baud;
        speed_t speed;
    } speeds[] = {GW_CONFIG_SPEEDS(SPEED, SPEED)};
    for (size_t i = 0; i < GW_ARRAY_LEN(speeds); i++) {
        if (speeds[i].baud == baud) {
            port->speed = speeds[i].speed;
            return GW_OK;
        }
    }
    return GW_ERR_INVALID;
}

static enum gw_err choose_line(struct port *port, const struct gw_profile_serial *line) {
    static const tcflag_t parities[] = {
        [GW_PARITY_NONE] = 0,
        [GW_PARITY_EVEN] = PARENB,
        [GW_PARITY_ODD] = PARENB | PARODD,
    };
    port->size = line->data_bits == 7 ? CS7 : CS8;
    port->stop = line->stop_bits == 2 ? CSTOPB : 0;
    port->parity = parities[line->parity];
    port->has_rts_cts = line->flow == GW_FLOW_RTS_CTS;
    port->has_xon_xoff = line->flow == GW_FLOW_XON_XOFF;
    return choose_speed(port, line->baud);
}

enum gw_err gw_transport_open_serial(const struct gw_transport_options *options,
                                     struct gw_transport *ret_transport) {
    GW_CLEANUP(gw_freep) struct port *port = calloc(1, sizeof *port);
    if (!port) {
        return GW_ERR_NOMEM;
    }
    port->owner = options->owner;
    port->loop = options->loop;
    port->clock = options->clock;
    port->fd = -1;
    enum gw_err err = gw_binding_init(&port->binding, options);
    if (!err) {
        err = choose_line(port, &options->line);
    }
    if (err) {
        return err;
    }
    *ret_transport = (struct gw_transport){&ops, GW_TAKE(port)};
    return GW_OK;
}
