/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/drivers/serial/feeds_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "firmware/base/file.h"

#define WAIT_ROUNDS 200
#define ROUND_MS 25
#define OWN_ENDS 256

static int rig_grab_errno;

static int grab(int fd) {
    (void) fd;
    errno = rig_grab_errno;
    return rig_grab_errno == 0 ? 0 : -1;
}

static void on_refused(void *context, struct gw_str device, enum gw_flow_class class,
                       enum gw_feed_refusal why, uint64_t count) {
    (void) device;
    (void) class;
    struct feeds_rig *rig = context;
    rig->refused[why] += count;
}

void feeds_rig_profile(struct feeds_rig *rig, const char *name, const char *json) {
    char path[GW_TEMP_PATH_BYTES], file[64];
    (void) snprintf(file, sizeof file, "%s.json", name);
    assert_int_equal(gw_file_replace_volatile(gw_temp_path(&rig->folder, file, path),
                                              gw_bytes_from_str(gw_str_from_cstr(json)), 0644),
                     GW_OK);
}

void feeds_rig_begin(struct feeds_rig *rig) {
    memset(rig, 0, sizeof *rig);
    gw_temp_folder_open(&rig->folder);
    rig->clock = gw_fake_clock_init(&rig->fake_clock);
    assert_int_equal(gw_loop_open(32, &rig->loop), GW_OK);
    assert_int_equal(gw_health_open(&rig->clock, GW_STR("test"), 16, 32, &rig->health), GW_OK);
    rig->intake = gw_fake_intake_open();
    feeds_rig_profile(rig, FEEDS_RIG_SCANNER,
                      "{\"name\":\"scanner\",\"title\":\"t\",\"kind\":\"scanner\","
                      "\"decode\":\"text\",\"sources\":[\"none\"],"
                      "\"framing\":{\"mode\":\"cr\",\"idle_ms\":500,\"max_bytes\":256},"
                      "\"keyboard\":{\"layout\":\"us\"}}");
}

struct gw_config_feed *feeds_rig_add(struct feeds_rig *rig, const char *id,
                                     enum gw_feed_transport transport) {
    assert_true(rig->count < FEEDS_RIG_MAX);
    struct gw_config_feed *config = &rig->configs[rig->count++];
    *config = (struct gw_config_feed){.id = id,
                                      .profile = FEEDS_RIG_SCANNER,
                                      .transport = transport,
                                      .path = "",
                                      .usb_path = "",
                                      .usb_serial = "",
                                      .usb_product = "",
                                      .usb_name = "",
                                      .address = "127.0.0.1",
                                      .class = GW_CLASS_BUSINESS};
    return config;
}

void feeds_rig_open(struct feeds_rig *rig) {
    rig_grab_errno = rig->grab_errno;
    const struct gw_feeds_options options = {
        .configs = rig->configs,
        .count = rig->count,
        .intake = gw_fake_intake(rig->intake),
        .loop = rig->loop,
        .clock = &rig->clock,
        .health = rig->health,
        .refused = on_refused,
        .refused_context = rig,
        .profile_folder = rig->folder.path,
        .sys_root = rig->folder.path,
        .dev_root = rig->folder.path,
        .grab = grab,
    };
    assert_int_equal(gw_feeds_open(&options, &rig->feeds), GW_OK);
}

enum gw_err feeds_rig_change(struct feeds_rig *rig) {
    return gw_feeds_set_config(rig->feeds, rig->configs, rig->count);
}

void feeds_rig_end(struct feeds_rig *rig) {
    if (rig->feeds) {
        gw_feeds_stop(rig->feeds);
        gw_fake_intake_commit(rig->intake, GW_OK);
        gw_feeds_close(rig->feeds);
    }
    gw_fake_intake_close(rig->intake);
    gw_health_close(rig->health);
    gw_loop_close(rig->loop);
    gw_temp_folder_close(&rig->folder);
}

static void turn_within(struct feeds_rig *rig, int64_t wait_ms) {
    rig_grab_errno = rig->grab_errno;
    assert_int_equal(gw_loop_wait(rig->loop, &rig->clock, rig->fake_clock.mono_ms + wait_ms),
                     GW_OK);
    gw_feeds_tick(rig->feeds);
}

void feeds_rig_turn(struct feeds_rig *rig) {
    turn_within(rig, 0);
}

/* The kernel hands bytes of a terminal on by a thread of its own: wait for them. */
void feeds_rig_wait_units(struct feeds_rig *rig, size_t count) {
    for (int i = 0; i < WAIT_ROUNDS; i++) {
        if (rig->intake->committed + rig->intake->pending >= count) {
            return;
        }
        turn_within(rig, ROUND_MS);
    }
    fail_msg("only %zu units", rig->intake->committed + rig->intake->pending);
}

struct gw_feed_figures feeds_rig_figures(const struct feeds_rig *rig, size_t index) {
    struct gw_feed_figures figures = {0};
    assert_true(gw_feeds_get_figures(rig->feeds, index, &figures));
    return figures;
}

void feeds_rig_wait_bytes(struct feeds_rig *rig, size_t index, uint64_t bytes) {
    for (int i = 0; i < WAIT_ROUNDS && feeds_rig_figures(rig, index).bytes < bytes; i++) {
        turn_within(rig, ROUND_MS);
    }
    assert_int_equal(feeds_rig_figures(rig, index).bytes, bytes);
}

void feeds_rig_wait_state(struct feeds_rig *rig, size_t index, const char *state) {
    for (int i = 0; i < WAIT_ROUNDS; i++) {
        if (strcmp(feeds_rig_figures(rig, index).state, state) == 0) {
            return;
        }
        turn_within(rig, ROUND_MS);
    }
    fail_msg("feed %zu is %s, wanted %s: %s", index, feeds_rig_figures(rig, index).state, state,
             feeds_rig_figures(rig, index).detail.ptr);
}

void feeds_rig_expect(const struct feeds_rig *rig, size_t unit, const char *text) {
    assert_true(unit < rig->intake->committed + rig->intake->pending);
    const struct gw_fake_unit *found = &rig->intake->units[unit];
    const char *content = found->has_event ? found->data : found->reason;
    if (!strstr(content, text)) {
        fail_msg("unit %zu is %s, wanted %s", unit, content, text);
    }
}

bool feeds_rig_has_issue(const struct feeds_rig *rig, enum gw_issue_code code,
                         const char *subject) {
    return gw_health_is_raised(rig->health, code, gw_str_from_cstr(subject));
}

/* ---- peers ---- */

int feeds_rig_listen(uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    const struct timeval wait = {.tv_usec = 20000};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof address), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

int feeds_rig_accept(struct feeds_rig *rig, int listener) {
    for (int i = 0; i < 100; i++) {
        feeds_rig_turn(rig);
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            return fd;
        }
    }
    fail_msg("nobody connected");
    return -1;
}

uint16_t feeds_rig_free_port(void) {
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    int fd = feeds_rig_listen(0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &len), 0);
    (void) close(fd);
    return ntohs(address.sin_port);
}

int feeds_rig_connect(uint16_t port, unsigned from) {
    struct sockaddr_in own = {.sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(0x7f000000u + from)};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *) &own, sizeof own), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *) &address, sizeof address), 0);
    return fd;
}

int feeds_rig_own_end(int device) {
    struct sockaddr_in own, peer;
    socklen_t len = sizeof own;
    assert_int_equal(getsockname(device, (struct sockaddr *) &own, &len), 0);
    for (int fd = 0; fd < OWN_ENDS; fd++) {
        len = sizeof peer;
        if (getpeername(fd, (struct sockaddr *) &peer, &len) == 0 && len == sizeof peer
            && peer.sin_port == own.sin_port && peer.sin_addr.s_addr == own.sin_addr.s_addr) {
            return fd;
        }
    }
    return -1;
}

int feeds_rig_open_pty(char path[static 64]) {
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(grantpt(fd), 0);
    assert_int_equal(unlockpt(fd), 0);
    assert_int_equal(ptsname_r(fd, path, 64), 0);
    return fd;
}

void feeds_rig_write(int fd, const char *text) {
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
}
