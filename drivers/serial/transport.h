/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transports: how the bytes of one device come in, and requests go out.
 *
 *   port.c        a serial line
 *   hid.c         a scanner that plays keyboard (evdev)
 *   tcp_client.c  we connect to the device
 *   tcp_server.c  the device connects to us
 *
 * All descriptors are non-blocking and watched by the one loop; nothing here waits.
 * A transport opens and reopens by itself, whenever its device is there; it tells its
 * owner what came and how it stands. Per turn of the loop it reads once, at most
 * GW_TRANSPORT_TURN_BYTES: a device that never stops gets a turn like every other.
 *
 * Of this room only, but for struct gw_config_feed.
 */
#ifndef GW_SERIAL_TRANSPORT_H
#define GW_SERIAL_TRANSPORT_H

#include "drivers/profile/profile.h"
#include "firmware/base/clock.h"
#include "firmware/base/loop.h"
#include "firmware/config/config.h"

#define GW_TRANSPORT_TURN_BYTES 2048

/* Why a transport is not open. */
enum gw_transport_trouble {
    GW_TRANSPORT_ABSENT,    /* not there, or nobody answers: tried again by itself */
    GW_TRANSPORT_DENIED,    /* there, but somebody else has it, or it may not be opened */
    GW_TRANSPORT_AMBIGUOUS, /* several fit, and none may be guessed */
};

/* Called from the loop thread. None of them may close the transport. */
struct gw_transport_owner {
    /* It is open; `peer` says what it was opened on. */
    void (*opened)(void *context, struct gw_str peer);
    /* Bytes came; valid during the call. */
    void (*received)(void *context, struct gw_bytes bytes);
    /* It is not open, or not any more; also told after each failed attempt. */
    void (*closed)(void *context, enum gw_transport_trouble trouble, struct gw_str detail);
    /* TCP server: somebody who may not was turned away. */
    void (*turned_away)(void *context, struct gw_str peer);
    /* TCP server, which has several connections of one feed take turns; each begins with
     * `opened`, without a `closed` before it if the last one still stands. */
    /* Two that are both alive send at the same time. */
    void (*shared)(void *context, struct gw_str peer, struct gw_str other);
    /* What comes next has waited for its turn. */
    void (*waited)(void *context);
    /* Bytes of the device were thrown away unread. */
    void (*dropped)(void *context);
    /* All that was received ends with a whole frame, and no answer is awaited. */
    bool (*is_between)(void *context);
    void *context;
};

struct gw_transport_ops {
    /* What is due: attempts to open, timers. */
    void (*tick)(void *self, int64_t now_mono_ms);
    /* When it wants its tick. */
    int64_t (*next_mono_ms)(const void *self);
    /* Something was plugged in or out: look at once. NULL = does not care. */
    void (*look)(void *self);
    /* Send a request. NOCONN when it is not open or does not take it whole; the
     * transport is closed then. INVALID where nothing can be sent. */
    enum gw_err (*write)(void *self, struct gw_bytes bytes);
    /* Stop reading, or go on: the device is slowed down by its flow control. False =
     * it cannot be held back, and reading goes on. While a TCP transport is held its end is
     * not noticed: what came before is read first. */
    bool (*hold)(void *self, bool is_held);
    /* Close and free; a TCP transport hands on first what has come. */
    void (*close)(void *self);
};

struct gw_transport {
    const struct gw_transport_ops *ops;
    void *self;
};

struct gw_tcp_doors;

/* Takes exclusive use of an input device; 0, or -1 with errno. */
typedef int gw_hid_grab(int fd);

struct gw_transport_options {
    const struct gw_config_feed *config; /* what is needed is copied */
    struct gw_transport_owner owner;
    struct gw_loop *loop;
    const struct gw_clock *clock;
    struct gw_profile_serial line;              /* serial: how it is set */
    const struct gw_profile_keyboard *keyboard; /* HID; must outlive the transport */
    const char *sys_root;                       /* "/sys" */
    const char *dev_root;                       /* "/dev" */
    gw_hid_grab *grab;                          /* NULL = EVIOCGRAB */
    struct gw_tcp_doors *doors;                 /* TCP server: listeners are shared */
};

/* Make a transport; it is opened by its first tick. NOMEM, INVALID (configuration). */
enum gw_err gw_transport_open_serial(const struct gw_transport_options *options,
                                     struct gw_transport *ret_transport);
enum gw_err gw_transport_open_hid(const struct gw_transport_options *options,
                                  struct gw_transport *ret_transport);
enum gw_err gw_transport_open_tcp_client(const struct gw_transport_options *options,
                                         struct gw_transport *ret_transport);
enum gw_err gw_transport_open_tcp_server(const struct gw_transport_options *options,
                                         struct gw_transport *ret_transport);

/* Listening sockets, shared by the feeds that name the same address and port. They
 * outlive the transports. NOMEM. */
enum gw_err gw_tcp_doors_open(struct gw_loop *loop, const struct gw_clock *clock,
                              struct gw_tcp_doors **ret_doors);
/* Close them; no transport may be left. NULL is allowed. */
void gw_tcp_doors_close(struct gw_tcp_doors *doors);

#endif
