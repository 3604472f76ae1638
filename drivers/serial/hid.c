/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scanner that plays keyboard, by evdev. It is bound by the USB socket it is in, its
 * serial number, its product or its name (binding.h), and taken for ourselves alone
 * (EVIOCGRAB): what it types reaches no console and no other program while we run.
 * Without the grab nothing is read: a code typed into a log-in prompt as well is no
 * code that is safe with us.
 *
 * The kernel keeps some 64 events for us. When it had to drop some it says so
 * (SYN_DROPPED): a replacement character marks the place in the stream, and which keys
 * are held is forgotten.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "drivers/serial/binding.h"
#include "drivers/serial/hid_keys.h"
#include "drivers/serial/transport.h"
#include "firmware/base/cleanup.h"

#define RETRY_MS 1000
#define DENIED_RETRY_MS 5000
#define EVENTS_PER_TURN 64
#define TYPED_BYTES 2048

struct hid {
    struct gw_transport_owner owner;
    struct gw_loop *loop;
    const struct gw_clock *clock;
    const struct gw_profile_keyboard *keyboard;
    gw_hid_grab *grab;
    struct gw_binding binding;
    char path[GW_BINDING_PATH_BYTES]; /* what is open, or was tried */
    struct gw_hid_keys keys;
    bool is_skipping; /* until the next report: what stands before it is incomplete */
    int fd;
    int64_t next_mono_ms; /* GW_NEVER_MS while open */
};

static int grab_device(int fd) {
    return ioctl(fd, EVIOCGRAB, 1);
}

static bool has_caps_lock(int fd) {
    unsigned char leds[LED_MAX / 8 + 1] = {0};
    return ioctl(fd, EVIOCGLED(sizeof leds), leds) >= 0
           && (leds[LED_CAPSL / 8] >> LED_CAPSL % 8 & 1);
}

static void fail(struct hid *hid, enum gw_transport_trouble trouble, const char *why) {
    if (hid->fd >= 0) {
        gw_loop_unwatch(hid->loop, hid->fd);
        (void) close(hid->fd);
        hid->fd = -1;
    }
    hid->next_mono_ms = gw_clock_mono_ms(hid->clock)
                        + (trouble == GW_TRANSPORT_DENIED ? DENIED_RETRY_MS : RETRY_MS);
    char detail[GW_BINDING_PATH_BYTES + 128];
    int len = snprintf(detail, sizeof detail, "%s: %s", hid->path, why);
    hid->owner.closed(hid->owner.context, trouble, (struct gw_str){detail, (size_t) len});
}

/* ---- reading ---- */

static void hand_on(struct hid *hid, struct gw_buf *typed) {
    if (gw_buf_failed(typed)) {
        size_t len = typed->len;
        gw_buf_rewind(typed, len);
        gw_buf_put_str(typed, GW_HID_REPLACEMENT);
    }
    if (typed->len > 0) {
        hid->owner.received(hid->owner.context, gw_buf_bytes(typed));
    }
}

static void take_event(struct hid *hid, const struct input_event *event, struct gw_buf *typed) {
    if (event->type == EV_SYN && event->code == SYN_DROPPED) {
        hid->is_skipping = true;
        gw_hid_keys_init(&hid->keys, hid->keyboard, hid->keys.caps_lock);
        gw_buf_put_str(typed, GW_HID_REPLACEMENT);
    } else if (event->type == EV_SYN && event->code == SYN_REPORT) {
        hid->is_skipping = false;
    } else if (event->type == EV_KEY && !hid->is_skipping) {
        gw_hid_keys_take(&hid->keys, event->code, event->value, typed);
    }
}

static void on_ready(void *context, int fd, unsigned ready) {
    struct hid *hid = context;
    struct input_event events[EVENTS_PER_TURN];
    ssize_t n = read(fd, events, sizeof events);
    if (n <= 0 && !(n < 0 && (errno == EAGAIN || errno == EINTR))) {
        fail(hid, GW_TRANSPORT_ABSENT,
             n == 0 || errno == ENODEV ? "pulled out" : strerrordesc_np(errno));
        return;
    }
    if (n < 0) {
        if (ready & GW_LOOP_HANGUP) {
            fail(hid, GW_TRANSPORT_ABSENT, "pulled out");
        }
        return;
    }
    uint8_t storage[TYPED_BYTES];
    struct gw_buf typed;
    gw_buf_init(&typed, storage, sizeof storage - GW_HID_REPLACEMENT.len);
    for (size_t i = 0; i < (size_t) n / sizeof events[0]; i++) {
        take_event(hid, &events[i], &typed);
    }
    typed.cap = sizeof storage;
    hand_on(hid, &typed);
}

/* ---- opening ---- */

static bool claim(struct hid *hid) {
    if (hid->grab(hid->fd) == 0) {
        return true;
    }
    fail(hid, GW_TRANSPORT_DENIED,
         errno == EBUSY ? "another program has grabbed the keyboard"
                        : "the keyboard cannot be grabbed");
    return false;
}

static void open_hid(struct hid *hid) {
    enum gw_transport_trouble trouble = GW_TRANSPORT_ABSENT;
    const char *why = gw_binding_find(&hid->binding, hid->path, &trouble);
    if (why) {
        fail(hid, trouble, why);
        return;
    }
    hid->fd = open(hid->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (hid->fd < 0 && errno == EACCES) {
        hid->fd = open(hid->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    }
    if (hid->fd < 0) {
        bool is_absent = errno == ENOENT || errno == ENODEV || errno == ENXIO;
        fail(hid, is_absent ? GW_TRANSPORT_ABSENT : GW_TRANSPORT_DENIED,
             strerrordesc_np(errno));
        return;
    }
    if (!claim(hid)) {
        return;
    }
    hid->next_mono_ms = GW_NEVER_MS;
    hid->is_skipping = false;
    gw_hid_keys_init(&hid->keys, hid->keyboard, has_caps_lock(hid->fd));
    if (gw_loop_watch(hid->loop, hid->fd, GW_LOOP_READ, on_ready, hid)) {
        fail(hid, GW_TRANSPORT_DENIED, "the loop cannot watch it");
        return;
    }
    hid->owner.opened(hid->owner.context, gw_str_from_cstr(hid->path));
}

static void tick(void *self, int64_t now_mono_ms) {
    struct hid *hid = self;
    if (hid->fd < 0 && now_mono_ms >= hid->next_mono_ms) {
        open_hid(hid);
    }
}

static int64_t next_mono_ms(const void *self) {
    const struct hid *hid = self;
    return hid->next_mono_ms;
}

static void look(void *self) {
    struct hid *hid = self;
    if (hid->fd < 0) {
        hid->next_mono_ms = 0;
    }
}

static enum gw_err refuse_write(void *self, struct gw_bytes bytes) {
    (void) self;
    (void) bytes;
    return GW_ERR_INVALID;
}

static bool cannot_hold(void *self, bool is_held) {
    (void) self;
    (void) is_held;
    return false;
}

static void close_hid(void *self) {
    struct hid *hid = self;
    if (hid->fd >= 0) {
        gw_loop_unwatch(hid->loop, hid->fd);
        (void) close(hid->fd); /* ends the grab */
    }
    free(hid);
}

static const struct gw_transport_ops ops = {.tick = tick,
                                            .next_mono_ms = next_mono_ms,
                                            .look = look,
                                            .write = refuse_write,
                                            .hold = cannot_hold,
                                            .close = close_hid};

/* ---- life ---- */

enum gw_err gw_transport_open_hid(const struct gw_transport_options *options,
                                  struct gw_transport *ret_transport) {
    GW_CLEANUP(gw_freep) struct hid *hid = calloc(1, sizeof *hid);
    if (!hid) {
        return GW_ERR_NOMEM;
    }
    hid->owner = options->owner;
    hid->loop = options->loop;
    hid->clock = options->clock;
    hid->keyboard = options->keyboard;
    hid->grab = options->grab ? options->grab : grab_device;
    hid->fd = -1;
    enum gw_err err = gw_binding_init(&hid->binding, options);
    if (err) {
        return err;
    }
    *ret_transport = (struct gw_transport){&ops, GW_TAKE(hid)};
    return GW_OK;
}
