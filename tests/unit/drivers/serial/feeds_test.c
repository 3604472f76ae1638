/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds end to end: real sockets and pseudo-terminals, a clock that stands still. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "drivers/serial/socket.h"
#include "drivers/serial/transport.h"
#include "firmware/base/cleanup.h"
#include "tests/unit/drivers/serial/feeds_rig.h"

static struct feeds_rig rig;

static int begin(void **state) {
    (void) state;
    feeds_rig_begin(&rig);
    return 0;
}

static int end(void **state) {
    (void) state;
    feeds_rig_end(&rig);
    return 0;
}

static void a_scanner_we_connect_to_is_heard(void **state) {
    (void) state;
    uint16_t port = feeds_rig_free_port();
    int listener = feeds_rig_listen(port);
    feeds_rig_add(&rig, "scanner-1", GW_FEED_TCP_CLIENT)->port = port;
    feeds_rig_open(&rig);
    int device = feeds_rig_accept(&rig, listener);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_write(device, "4006381333931\rAB");
    feeds_rig_write(device, "C-1\r");
    feeds_rig_wait_units(&rig, 2);
    feeds_rig_expect(&rig, 0, "\"raw\":\"4006381333931\"");
    feeds_rig_expect(&rig, 1, "\"raw\":\"ABC-1\"");
    assert_string_equal(rig.intake->units[0].device, "scanner-1");
    struct gw_feed_figures figures = feeds_rig_figures(&rig, 0);
    assert_int_equal(figures.bytes, 20);
    assert_int_equal(figures.observations, 2);
    assert_int_equal(figures.waiting, 2);
    gw_fake_intake_commit(rig.intake, GW_OK);
    assert_int_equal(feeds_rig_figures(&rig, 0).waiting, 0);
    assert_int_equal(feeds_rig_figures(&rig, 0).stored, 2);
    (void) close(device);
    (void) close(listener);
}

static void a_lost_connection_is_an_issue_until_it_is_back(void **state) {
    (void) state;
    uint16_t port = feeds_rig_free_port();
    feeds_rig_add(&rig, "scanner-1", GW_FEED_TCP_CLIENT)->port = port;
    feeds_rig_open(&rig);
    feeds_rig_wait_state(&rig, 0, "absent");
    feeds_rig_turn(&rig);
    feeds_rig_turn(&rig);
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DOWN, "scanner-1"));
    int listener = feeds_rig_listen(port);
    gw_fake_clock_advance(&rig.fake_clock, 60000);
    int device = feeds_rig_accept(&rig, listener);
    feeds_rig_wait_state(&rig, 0, "open");
    assert_false(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DOWN, "scanner-1"));
    /* What was begun is not a code. */
    feeds_rig_write(device, "12345");
    feeds_rig_turn(&rig);
    (void) close(device);
    feeds_rig_wait_state(&rig, 0, "absent");
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DOWN, "scanner-1"));
    gw_fake_clock_advance(&rig.fake_clock, 60000);
    device = feeds_rig_accept(&rig, listener);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_write(device, "67\r");
    size_t before = rig.intake->pending;
    feeds_rig_wait_units(&rig, before + 1);
    feeds_rig_expect(&rig, before, "\"raw\":\"67\"");
    (void) close(device);
    (void) close(listener);
}

static void a_device_connects_to_us_and_strangers_are_turned_away(void **state) {
    (void) state;
    uint16_t port = feeds_rig_free_port();
    static const char *first[] = {"127.0.0.2"}, *second[] = {"127.0.0.3"};
    struct gw_config_feed *config = feeds_rig_add(&rig, "scanner-2", GW_FEED_TCP_SERVER);
    config->port = port;
    config->peers = first;
    config->peer_count = 1;
    config = feeds_rig_add(&rig, "scanner-3", GW_FEED_TCP_SERVER);
    config->port = port;
    config->peers = second;
    config->peer_count = 1;
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int device_2 = feeds_rig_connect(port, 2), device_3 = feeds_rig_connect(port, 3);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_wait_state(&rig, 1, "open");
    feeds_rig_write(device_3, "THREE\r");
    feeds_rig_wait_units(&rig, 1);
    feeds_rig_write(device_2, "TWO\r");
    feeds_rig_wait_units(&rig, 2);
    assert_string_equal(rig.intake->units[0].device, "scanner-3");
    assert_string_equal(rig.intake->units[1].device, "scanner-2");
    int stranger = feeds_rig_connect(port, 4);
    feeds_rig_turn(&rig);
    char byte;
    assert_true(recv(stranger, &byte, 1, 0) <= 0);
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_TURNED_AWAY, "scanner-3")
                || feeds_rig_has_issue(&rig, GW_ISSUE_FEED_TURNED_AWAY, "scanner-2"));
    (void) close(stranger);
    (void) close(device_2);
    (void) close(device_3);
}

static void a_device_that_connects_anew_is_heard_beside_its_old_connection(void **state) {
    (void) state;
    uint16_t port = feeds_rig_free_port();
    feeds_rig_add(&rig, "scanner-2", GW_FEED_TCP_SERVER)->port = port;
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int old = feeds_rig_connect(port, 1);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_write(old, "A\r");
    feeds_rig_wait_units(&rig, 1);
    feeds_rig_write(old, "B\r"); /* not read yet when the new one comes */
    int fresh = feeds_rig_connect(port, 1);
    feeds_rig_write(fresh, "C\r");
    feeds_rig_turn(&rig);
    gw_fake_clock_advance(&rig.fake_clock, 1000);
    feeds_rig_wait_units(&rig, 2);
    gw_fake_clock_advance(&rig.fake_clock, 1000);
    feeds_rig_wait_units(&rig, 3);
    feeds_rig_expect(&rig, 1, "\"B\"");
    feeds_rig_expect(&rig, 2, "\"C\"");
    (void) close(old);
    (void) close(fresh);
}

/* The connection waits in the kernel's queue; the loop must not turn for it. */
static void a_door_without_descriptors_pauses_for_a_second(void **state) {
    (void) state;
    uint16_t port = feeds_rig_free_port();
    feeds_rig_add(&rig, "scanner-2", GW_FEED_TCP_SERVER)->port = port;
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int device = feeds_rig_connect(port, 1);
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = (rlim_t) device, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    feeds_rig_turn(&rig);
    assert_int_equal(gw_feeds_next_mono_ms(rig.feeds) - gw_clock_mono_ms(&rig.clock), 1000);
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DENIED, "scanner-2"));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    feeds_rig_turn(&rig);
    assert_string_not_equal(feeds_rig_figures(&rig, 0).state, "open");
    gw_fake_clock_advance(&rig.fake_clock, 1000);
    feeds_rig_wait_state(&rig, 0, "open");
    assert_false(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DENIED, "scanner-2"));
    (void) close(device);
}

static void a_flood_of_connections_is_bounded(void **state) {
    (void) state;
    uint16_t port = feeds_rig_free_port();
    feeds_rig_add(&rig, "scanner-2", GW_FEED_TCP_SERVER)->port = port;
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int fds[60];
    size_t count = 0, answered = 0;
    for (; count < 52; count++) {
        fds[count] = feeds_rig_connect(port, 1);
        assert_int_equal(shutdown(fds[count], SHUT_WR), 0);
        feeds_rig_turn(&rig);
    }
    for (int i = 0; i < 20; i++) {
        feeds_rig_turn(&rig);
    }
    for (size_t i = 0; i < count; i++) {
        char byte;
        answered += recv(fds[i], &byte, 1, MSG_DONTWAIT) == 0;
    }
    assert_int_equal(answered, 50); /* a second; the others stand in the kernel */
    gw_fake_clock_advance(&rig.fake_clock, 1000);
    for (int i = 0; i < 5; i++) {
        feeds_rig_turn(&rig);
    }
    for (size_t i = 0; i < count; i++) {
        char byte;
        assert_int_equal(recv(fds[i], &byte, 1, MSG_DONTWAIT), 0);
        (void) close(fds[i]);
    }
}

static void a_serial_line_is_opened_read_and_opened_again_when_it_is_back(void **state) {
    (void) state;
    char pts[64], link[GW_TEMP_PATH_BYTES];
    int master = feeds_rig_open_pty(pts);
    gw_temp_path(&rig.folder, "line", link);
    struct gw_config_feed *config = feeds_rig_add(&rig, "scanner-4", GW_FEED_SERIAL);
    config->path = link;
    feeds_rig_open(&rig);
    feeds_rig_wait_state(&rig, 0, "absent");
    feeds_rig_turn(&rig);
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DOWN, "scanner-4"));
    assert_int_equal(symlink(pts, link), 0);
    feeds_rig_wait_state(&rig, 0, "open"); /* by inotify: the clock stands still */
    feeds_rig_write(master, "]C1010\x1d\r");
    feeds_rig_wait_units(&rig, 1);
    feeds_rig_expect(&rig, 0, "\"raw\":\"]C1010\\u001d\"");
    (void) close(master);
    feeds_rig_wait_state(&rig, 0, "absent");
    assert_int_equal(unlink(link), 0);
    master = feeds_rig_open_pty(pts);
    assert_int_equal(symlink(pts, link), 0);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_write(master, "AGAIN\r");
    feeds_rig_wait_units(&rig, 2);
    feeds_rig_expect(&rig, 1, "\"raw\":\"AGAIN\"");
    (void) close(master);
}

static void two_feeds_cannot_have_one_line(void **state) {
    (void) state;
    char pts[64];
    int master = feeds_rig_open_pty(pts);
    feeds_rig_add(&rig, "scanner-4", GW_FEED_SERIAL)->path = pts;
    feeds_rig_add(&rig, "scanner-5", GW_FEED_SERIAL)->path = pts;
    feeds_rig_open(&rig);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_wait_state(&rig, 1, "denied");
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DENIED, "scanner-5"));
    assert_false(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DENIED, "scanner-4"));
    (void) close(master);
}

static void a_profile_that_cannot_be_used_costs_the_others_nothing(void **state) {
    (void) state;
    uint16_t port = feeds_rig_free_port();
    feeds_rig_profile(&rig, "broken", "{\"name\":\"broken\",\"colour\":1}");
    struct gw_config_feed *config = feeds_rig_add(&rig, "bad", GW_FEED_TCP_SERVER);
    config->profile = "broken";
    config->port = port;
    feeds_rig_add(&rig, "missing", GW_FEED_TCP_SERVER)->profile = "no-such-profile";
    feeds_rig_add(&rig, "good", GW_FEED_TCP_SERVER)->port = port;
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_PROFILE, "bad"));
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_PROFILE, "missing"));
    assert_string_equal(feeds_rig_figures(&rig, 0).state, "faulty");
    int device = feeds_rig_connect(port, 1);
    feeds_rig_wait_state(&rig, 2, "open");
    feeds_rig_write(device, "OK\r");
    feeds_rig_wait_units(&rig, 1);
    (void) close(device);
}

/* ---- peers that vanish (tests/system/test_dead_peers.py lets them) ---- */

static void assert_is_watched(int own_end) {
    const struct {
        int level, name, value;
    } promised[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, GW_SOCKET_ASK_AFTER_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, GW_SOCKET_ASK_EVERY_S},
        {IPPROTO_TCP, TCP_KEEPCNT, GW_SOCKET_ASK_COUNT},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, GW_SOCKET_GONE_MS},
    };
    assert_true(own_end >= 0);
    for (size_t i = 0; i < GW_ARRAY_LEN(promised); i++) {
        int value = -1;
        socklen_t len = sizeof value;
        assert_int_equal(getsockopt(own_end, promised[i].level, promised[i].name, &value, &len),
                         0);
        assert_int_equal(value, promised[i].value);
    }
}

static void a_connection_is_watched_for_a_device_that_vanishes(void **state) {
    (void) state;
    uint16_t port = feeds_rig_free_port(), door = feeds_rig_free_port();
    int listener = feeds_rig_listen(port);
    feeds_rig_add(&rig, "scanner-1", GW_FEED_TCP_CLIENT)->port = port;
    feeds_rig_add(&rig, "scanner-2", GW_FEED_TCP_SERVER)->port = door;
    feeds_rig_open(&rig);
    int first = feeds_rig_accept(&rig, listener), second = feeds_rig_connect(door, 1);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_wait_state(&rig, 1, "open");
    assert_is_watched(feeds_rig_own_end(first));
    assert_is_watched(feeds_rig_own_end(second));
    (void) close(first);
    (void) close(second);
    (void) close(listener);
}

/* ---- what a device sends twice ---- */

static void open_reader(int *ret_device) {
    feeds_rig_profile(&rig, "reader",
                      "{\"name\":\"reader\",\"title\":\"t\",\"kind\":\"scanner\","
                      "\"decode\":\"json\",\"sources\":[\"none\"],"
                      "\"json\":{\"code\":\"/c\",\"event_id\":\"/id\",\"time\":\"/t\"}}");
    uint16_t port = feeds_rig_free_port();
    struct gw_config_feed *config = feeds_rig_add(&rig, "reader-1", GW_FEED_TCP_SERVER);
    config->port = port;
    config->profile = "reader";
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    *ret_device = feeds_rig_connect(port, 1);
    feeds_rig_wait_state(&rig, 0, "open");
}

static void say(int device, const char *text) {
    feeds_rig_write(device, text);
    for (int i = 0; i < 4; i++) {
        feeds_rig_turn(&rig);
    }
}

static void what_a_device_sends_again_with_its_event_id_is_stored_once(void **state) {
    (void) state;
    int device;
    open_reader(&device);
    say(device, "{\"id\":\"E-1\",\"c\":\"A\"}\n{\"id\":\"E-1\",\"c\":\"A\"}\n");
    say(device, "{\"id\":\"E-2\",\"c\":\"A\"}\n{\"c\":\"B\"}\n{\"c\":\"B\"}\n");
    assert_int_equal(rig.intake->pending, 4);
    assert_int_equal(feeds_rig_figures(&rig, 0).duplicates, 1);
    /* Not what it means, if something else is in it. */
    say(device, "{\"id\":\"E-1\",\"c\":\"C\"}\n");
    say(device, "{\"id\":\"E-1\",\"c\":\"A\",\"t\":\"2026-11-23T07:14:00Z\"}\n");
    assert_int_equal(rig.intake->pending, 6);
    assert_int_equal(rig.intake->units[3].flags, 0);
    assert_int_equal(rig.intake->units[4].flags, GW_EVENT_POSSIBLE_DUPLICATE);
    assert_int_equal(rig.intake->units[5].flags, GW_EVENT_POSSIBLE_DUPLICATE);
    /* Also after a commit that failed: what is known is kept until it is stored. */
    gw_fake_intake_commit(rig.intake, GW_ERR_IO);
    say(device, "{\"id\":\"E-1\",\"c\":\"A\"}\n");
    gw_fake_clock_advance(&rig.fake_clock, 200);
    feeds_rig_turn(&rig);
    gw_fake_intake_commit(rig.intake, GW_OK);
    assert_int_equal(rig.intake->committed, 6);
    assert_int_equal(feeds_rig_figures(&rig, 0).duplicates, 2);
    assert_int_equal(feeds_rig_figures(&rig, 0).refused, 0);
    (void) close(device);
}

static void event_ids_are_known_for_a_while_only(void **state) {
    (void) state;
    int device;
    open_reader(&device);
    char text[64];
    for (unsigned i = 0; i < 130; i++) {
        (void) snprintf(text, sizeof text, "{\"id\":%u,\"c\":\"A\"}\n", i % 65);
        say(device, text);
    }
    assert_int_equal(feeds_rig_figures(&rig, 0).duplicates, 0); /* 64 are */
    for (unsigned i = 0; i < 64; i++) {
        (void) snprintf(text, sizeof text, "{\"id\":%u,\"c\":\"A\"}\n", i + 1);
        say(device, text);
    }
    assert_int_equal(feeds_rig_figures(&rig, 0).duplicates, 64);
    (void) close(device);
}

/* ---- while the queue refuses ---- */

static void what_the_queue_refuses_waits_and_tcp_is_held_back(void **state) {
    (void) state;
    uint16_t port = feeds_rig_free_port();
    feeds_rig_add(&rig, "scanner-2", GW_FEED_TCP_SERVER)->port = port;
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int device = feeds_rig_connect(port, 1);
    feeds_rig_wait_state(&rig, 0, "open");
    rig.intake->accept = 0;
    rig.intake->submit_err = GW_ERR_FULL;
    char code[16];
    for (int i = 0; i < 600; i++) {
        (void) snprintf(code, sizeof code, "C%04d\r", i);
        feeds_rig_write(device, code);
        feeds_rig_turn(&rig);
    }
    struct gw_feed_figures figures = feeds_rig_figures(&rig, 0);
    assert_true(figures.is_held);
    assert_true(figures.waiting < 256);
    assert_int_equal(figures.refused, 0);
    rig.intake->accept = -1;
    for (int i = 0; i < 100; i++) {
        gw_fake_clock_advance(&rig.fake_clock, 200);
        feeds_rig_turn(&rig);
        gw_fake_intake_commit(rig.intake, GW_OK);
    }
    assert_int_equal(rig.intake->committed, 600);
    for (size_t i = 0; i < 600; i++) {
        (void) snprintf(code, sizeof code, "\"C%04zu\"", i);
        feeds_rig_expect(&rig, i, code);
    }
    assert_int_equal(feeds_rig_figures(&rig, 0).refused, 0);
    (void) close(device);
}

static void what_cannot_be_held_back_is_refused_with_a_count(void **state) {
    (void) state;
    char pts[64];
    int master = feeds_rig_open_pty(pts);
    feeds_rig_add(&rig, "scanner-4", GW_FEED_SERIAL)->path = pts;
    feeds_rig_open(&rig);
    feeds_rig_wait_state(&rig, 0, "open");
    rig.intake->accept = 0;
    rig.intake->submit_err = GW_ERR_FULL;
    for (int i = 0; i < 300; i++) {
        feeds_rig_write(master, "CODE\r");
        while (feeds_rig_figures(&rig, 0).observations < (uint64_t) i + 1) {
            feeds_rig_turn(&rig);
        }
    }
    struct gw_feed_figures figures = feeds_rig_figures(&rig, 0);
    assert_int_equal(figures.waiting, 256);
    assert_int_equal(figures.refused, 44);
    assert_int_equal(rig.refused[GW_FEED_REFUSED_FULL], 44);
    rig.intake->accept = -1;
    gw_fake_clock_advance(&rig.fake_clock, 200);
    feeds_rig_turn(&rig);
    gw_fake_intake_commit(rig.intake, GW_OK);
    assert_int_equal(rig.intake->committed, 256);
    (void) close(master);
}

static void what_a_failed_commit_held_is_submitted_again_in_order(void **state) {
    (void) state;
    uint16_t port = feeds_rig_free_port();
    feeds_rig_add(&rig, "scanner-2", GW_FEED_TCP_SERVER)->port = port;
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int device = feeds_rig_connect(port, 1);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_write(device, "A\rB\rC\r");
    feeds_rig_wait_units(&rig, 3);
    gw_fake_intake_commit(rig.intake, GW_ERR_IO);
    assert_int_equal(rig.intake->committed, 0);
    gw_fake_clock_advance(&rig.fake_clock, 200);
    feeds_rig_turn(&rig);
    gw_fake_intake_commit(rig.intake, GW_OK);
    assert_int_equal(rig.intake->committed, 3);
    feeds_rig_expect(&rig, 0, "\"A\"");
    feeds_rig_expect(&rig, 1, "\"B\"");
    feeds_rig_expect(&rig, 2, "\"C\"");
    (void) close(device);
}

static void what_is_not_stored_at_the_end_is_told(void **state) {
    (void) state;
    uint16_t port = feeds_rig_free_port();
    feeds_rig_add(&rig, "scanner-2", GW_FEED_TCP_SERVER)->port = port;
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int device = feeds_rig_connect(port, 1);
    feeds_rig_wait_state(&rig, 0, "open");
    rig.intake->accept = 0;
    rig.intake->submit_err = GW_ERR_FULL;
    feeds_rig_write(device, "A\rB\r");
    while (feeds_rig_figures(&rig, 0).observations < 2) {
        feeds_rig_turn(&rig);
    }
    gw_feeds_stop(rig.feeds);
    gw_feeds_close(rig.feeds);
    rig.feeds = NULL;
    assert_int_equal(rig.refused[GW_FEED_REFUSED_STOPPED], 2);
    (void) close(device);
}

/* ---- devices that misbehave ---- */

/* No clock is asked: in each turn of the loop who babbles is read once, and not more than
 * a turn's worth; what its neighbour said is taken in the turn in which it is there. */
static void
a_babbling_device_has_one_read_of_each_turn_and_its_neighbour_the_next(void **state) {
    (void) state;
    char pts[64];
    int master = feeds_rig_open_pty(pts);
    assert_int_equal(fcntl(master, F_SETFL, O_NONBLOCK), 0);
    uint16_t ports[] = {feeds_rig_free_port(), 0};
    feeds_rig_add(&rig, "babbler", GW_FEED_TCP_SERVER)->port = ports[0];
    feeds_rig_add(&rig, "line", GW_FEED_SERIAL)->path = pts;
    ports[1] = feeds_rig_free_port();
    feeds_rig_add(&rig, "neighbour", GW_FEED_TCP_SERVER)->port = ports[1];
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int babbler = feeds_rig_connect(ports[0], 1), neighbour = feeds_rig_connect(ports[1], 1);
    for (size_t i = 0; i < 3; i++) {
        feeds_rig_wait_state(&rig, i, "open");
    }
    char noise[4000];
    memset(noise, 'x', sizeof noise);
    uint64_t read_before[2] = {0}, turns_with_noise = 0;
    for (unsigned turn = 0; turn < 100; turn++) {
        (void) !send(babbler, noise, sizeof noise, MSG_DONTWAIT);
        if (turn % 20 == 0) {
            (void) !write(master, noise, sizeof noise); /* as much as it takes at the moment */
        }
        feeds_rig_write(neighbour, "CODE\r");
        feeds_rig_turn(&rig);
        for (size_t i = 0; i < 2; i++) {
            uint64_t bytes = feeds_rig_figures(&rig, i).bytes;
            assert_true(bytes - read_before[i] <= GW_TRANSPORT_TURN_BYTES);
            turns_with_noise += i == 0 && bytes > read_before[i];
            read_before[i] = bytes;
        }
        assert_int_equal(feeds_rig_figures(&rig, 2).observations, turn + 1);
    }
    assert_true(turns_with_noise >= 99); /* it had something to say all the time */
    assert_true(read_before[1] > 0);
    (void) close(master);
    (void) close(babbler);
    (void) close(neighbour);
}

static void frames_nobody_understands_go_to_the_quarantine_and_become_an_issue(void **state) {
    (void) state;
    uint16_t port = feeds_rig_free_port();
    feeds_rig_add(&rig, "scanner-2", GW_FEED_TCP_SERVER)->port = port;
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int device = feeds_rig_connect(port, 1);
    feeds_rig_wait_state(&rig, 0, "open");
    char noise[1001];
    memset(noise, 'x', sizeof noise - 1);
    noise[1000] = '\0';
    for (int i = 0; i < 20; i++) { /* longer than any frame may be */
        feeds_rig_write(device, noise);
        feeds_rig_write(device, "\r");
        feeds_rig_turn(&rig);
    }
    for (int i = 0; i < 10; i++) {
        feeds_rig_turn(&rig);
    }
    struct gw_feed_figures figures = feeds_rig_figures(&rig, 0);
    assert_true(figures.undecodable >= 20);
    size_t quarantined = 0, said = 0;
    for (size_t i = 0; i < rig.intake->pending; i++) {
        quarantined += rig.intake->units[i].has_quarantine;
        said += rig.intake->units[i].has_event;
        assert_string_equal(rig.intake->units[i].device, "scanner-2");
    }
    assert_int_equal(quarantined, 5); /* a second at most: the rest is counted */
    assert_int_equal(said, 1);
    assert_int_equal(rig.refused[GW_FEED_REFUSED_INVALID], figures.undecodable - quarantined);
    gw_fake_clock_advance(&rig.fake_clock, 5000);
    feeds_rig_turn(&rig);
    assert_string_equal(feeds_rig_figures(&rig, 0).state, "babbling");
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_BABBLING, "scanner-2"));
    gw_fake_clock_advance(&rig.fake_clock, 5000);
    feeds_rig_turn(&rig);
    assert_false(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_BABBLING, "scanner-2"));
    (void) close(device);
}

static void a_device_that_sends_too_much_is_slowed_down_or_refused(void **state) {
    (void) state;
    uint16_t port = feeds_rig_free_port();
    char pts[64];
    int master = feeds_rig_open_pty(pts);
    struct gw_config_feed *config = feeds_rig_add(&rig, "tcp", GW_FEED_TCP_SERVER);
    config->port = port;
    config->max_per_second = 10;
    config = feeds_rig_add(&rig, "line", GW_FEED_SERIAL);
    config->path = pts;
    config->max_per_second = 10;
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int device = feeds_rig_connect(port, 1);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_wait_state(&rig, 1, "open");
    for (int i = 0; i < 30; i++) {
        feeds_rig_write(device, "T\r");
        feeds_rig_write(master, "L\r");
    }
    while (feeds_rig_figures(&rig, 1).observations < 30) {
        feeds_rig_turn(&rig);
    }
    assert_int_equal(feeds_rig_figures(&rig, 0).observations, 10);
    assert_true(feeds_rig_figures(&rig, 0).is_held);
    assert_int_equal(feeds_rig_figures(&rig, 0).refused, 0);
    assert_int_equal(feeds_rig_figures(&rig, 1).refused, 20);
    assert_int_equal(rig.refused[GW_FEED_REFUSED_RATE], 20);
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_DEVICE_RATE_LIMITED, "line"));
    for (int i = 0; i < 40; i++) {
        gw_fake_clock_advance(&rig.fake_clock, 100);
        feeds_rig_turn(&rig);
    }
    assert_int_equal(feeds_rig_figures(&rig, 0).observations, 30);
    (void) close(device);
    (void) close(master);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_scanner_we_connect_to_is_heard),
        TEST(a_lost_connection_is_an_issue_until_it_is_back),
        TEST(a_device_connects_to_us_and_strangers_are_turned_away),
        TEST(a_device_that_connects_anew_is_heard_beside_its_old_connection),
        TEST(a_door_without_descriptors_pauses_for_a_second),
        TEST(a_flood_of_connections_is_bounded),
        TEST(a_serial_line_is_opened_read_and_opened_again_when_it_is_back),
        TEST(two_feeds_cannot_have_one_line),
        TEST(a_profile_that_cannot_be_used_costs_the_others_nothing),
        TEST(a_connection_is_watched_for_a_device_that_vanishes),
        TEST(what_a_device_sends_again_with_its_event_id_is_stored_once),
        TEST(event_ids_are_known_for_a_while_only),
        TEST(what_the_queue_refuses_waits_and_tcp_is_held_back),
        TEST(what_cannot_be_held_back_is_refused_with_a_count),
        TEST(what_a_failed_commit_held_is_submitted_again_in_order),
        TEST(what_is_not_stored_at_the_end_is_told),
        TEST(a_babbling_device_has_one_read_of_each_turn_and_its_neighbour_the_next),
        TEST(frames_nobody_understands_go_to_the_quarantine_and_become_an_issue),
        TEST(a_device_that_sends_too_much_is_slowed_down_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
