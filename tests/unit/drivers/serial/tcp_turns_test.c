/* SPDX-License-Identifier: Apache-2.0 */
/* Several connections on one feed: each is read to its end, none is closed for another. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/drivers/serial/feeds_rig.h"

static struct feeds_rig rig;
static uint16_t port;

static int begin(void **state) {
    (void) state;
    feeds_rig_begin(&rig);
    port = feeds_rig_free_port();
    feeds_rig_add(&rig, "scanner-2", GW_FEED_TCP_SERVER)->port = port;
    return 0;
}

static int end(void **state) {
    (void) state;
    feeds_rig_end(&rig);
    return 0;
}

static void open_door(void) {
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
}

static void turns(int count) {
    for (int i = 0; i < count; i++) {
        feeds_rig_turn(&rig);
    }
}

static void pass_time(int64_t ms) {
    gw_fake_clock_advance(&rig.fake_clock, ms);
    turns(3);
}

/* Codes `from` to `to`, by a connection that is closed at once. */
static void send_and_close(unsigned from, unsigned to) {
    int device = feeds_rig_connect(port, 1);
    for (unsigned i = from; i < to; i++) {
        char code[32];
        (void) snprintf(code, sizeof code, "C%04u\r", i);
        feeds_rig_write(device, code);
    }
    (void) close(device);
}

static void expect_codes(size_t count) {
    assert_int_equal(rig.intake->committed + rig.intake->pending, count);
    for (size_t i = 0; i < count; i++) {
        char code[32];
        (void) snprintf(code, sizeof code, "\"C%04zu\"", i);
        feeds_rig_expect(&rig, i, code);
    }
    assert_int_equal(feeds_rig_figures(&rig, 0).refused, 0);
    assert_int_equal(feeds_rig_figures(&rig, 0).undecodable, 0);
}

static void expect_open(int device) {
    char byte;
    assert_int_equal(recv(device, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static void one_connection_a_scan_gives_every_scan(void **state) {
    (void) state;
    open_door();
    for (unsigned i = 0; i < 40; i++) {
        send_and_close(i, i + 1);
        if (i % 5 == 4) {
            turns(15);
        }
    }
    turns(20);
    expect_codes(40);
}

static void a_feed_that_is_held_reads_each_connection_to_its_end(void **state) {
    (void) state;
    open_door();
    rig.intake->accept = 0;
    rig.intake->submit_err = GW_ERR_FULL;
    for (unsigned i = 0; i < 4; i++) {
        send_and_close(i * 300, i * 300 + 300);
        turns(5);
    }
    assert_true(feeds_rig_figures(&rig, 0).is_held);
    rig.intake->accept = -1;
    for (int i = 0; i < 100; i++) {
        gw_fake_clock_advance(&rig.fake_clock, 200);
        feeds_rig_turn(&rig);
        gw_fake_intake_commit(rig.intake, GW_OK);
    }
    expect_codes(1200);
}

/* A reset behind data: what came before it is read all the same. */
static void a_feed_that_is_held_outlives_a_reset(void **state) {
    (void) state;
    open_door();
    rig.intake->accept = 0;
    rig.intake->submit_err = GW_ERR_FULL;
    int device = feeds_rig_connect(port, 1);
    for (unsigned i = 0; i < 3000; i++) {
        char code[32];
        (void) snprintf(code, sizeof code, "C%04u\r", i);
        feeds_rig_write(device, code);
    }
    turns(20);
    const struct linger at_once = {.l_onoff = 1};
    assert_int_equal(setsockopt(device, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    (void) close(device);
    turns(20);
    rig.intake->accept = -1;
    for (int i = 0; i < 100; i++) {
        gw_fake_clock_advance(&rig.fake_clock, 200);
        feeds_rig_turn(&rig);
        gw_fake_intake_commit(rig.intake, GW_OK);
    }
    expect_codes(3000);
}

static void two_that_send_at_once_take_turns_and_are_told_of(void **state) {
    (void) state;
    open_door();
    int devices[] = {feeds_rig_connect(port, 1), feeds_rig_connect(port, 2)};
    turns(3);
    for (unsigned i = 0; i < 20; i++) {
        char code[32];
        (void) snprintf(code, sizeof code, "C%04u\r", i);
        feeds_rig_write(devices[i % 2], code);
        pass_time(1000);
    }
    expect_codes(20);
    expect_open(devices[0]);
    expect_open(devices[1]);
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_SHARED, "scanner-2"));
    pass_time(600000);
    pass_time(6000);
    assert_false(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_SHARED, "scanner-2"));
    (void) close(devices[0]);
    (void) close(devices[1]);
}

static void who_never_pauses_gives_way_after_ten_seconds_between_two_codes(void **state) {
    (void) state;
    open_door();
    int busy = feeds_rig_connect(port, 1);
    turns(3);
    int other = feeds_rig_connect(port, 2);
    feeds_rig_write(other, "OTHER\r");
    for (unsigned i = 0; i < 40; i++) {
        feeds_rig_write(busy, "BU");
        pass_time(400);
        feeds_rig_write(busy, i < 35 ? "SY\rB" : "SY\r");
        pass_time(1);
    }
    size_t count = rig.intake->pending, others = 0;
    for (size_t i = 0; i < count; i++) {
        others += strstr(rig.intake->units[i].data, "\"OTHER\"") != NULL;
    }
    assert_int_equal(others, 1);
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_SHARED, "scanner-2"));
    for (size_t i = 0; i < count; i++) { /* and no code was cut for it */
        const char *data = rig.intake->units[i].data;
        assert_true(strstr(data, "OTHER") || strstr(data, "BUSY\"") || strstr(data, "BBUSY\""));
    }
    (void) close(busy);
    (void) close(other);
}

/* It lost its power and said nothing; its successor is heard when it has been quiet. */
static void an_old_connection_without_an_end_gives_way_to_the_new_one(void **state) {
    (void) state;
    open_door();
    int old = feeds_rig_connect(port, 1);
    turns(3);
    feeds_rig_write(old, "C0000\r");
    turns(3);
    int fresh = feeds_rig_connect(port, 1);
    feeds_rig_write(fresh, "C0001\r");
    pass_time(999);
    assert_int_equal(rig.intake->pending, 1);
    pass_time(1);
    assert_int_equal(rig.intake->pending, 2);
    feeds_rig_write(fresh, "C0002\r");
    turns(3);
    expect_codes(3);
    assert_false(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_SHARED, "scanner-2"));
    (void) close(old);
    (void) close(fresh);
}

static void
half_a_code_of_the_old_one_keeps_the_new_one_waiting_for_five_seconds(void **state) {
    (void) state;
    feeds_rig_profile(&rig, "patient",
                      "{\"name\":\"patient\",\"title\":\"t\",\"kind\":\"scanner\","
                      "\"decode\":\"text\",\"sources\":[\"none\"],"
                      "\"framing\":{\"mode\":\"cr\",\"max_bytes\":256}}");
    rig.configs[0].profile = "patient";
    open_door();
    int old = feeds_rig_connect(port, 1);
    turns(3);
    feeds_rig_write(old, "HAL");
    turns(3);
    int fresh = feeds_rig_connect(port, 1);
    feeds_rig_write(fresh, "FRESH\r");
    pass_time(4999);
    assert_int_equal(rig.intake->pending, 0);
    pass_time(1);
    assert_int_equal(rig.intake->pending, 2);
    assert_true(rig.intake->units[0].has_quarantine);
    feeds_rig_expect(&rig, 1, "\"raw\":\"FRESH\"");
    (void) close(old);
    (void) close(fresh);
}

/* Who is only spoken to when it is its turn gets it, without having said a word. */
static void a_scale_that_comes_again_is_polled_on_its_new_connection(void **state) {
    (void) state;
    feeds_rig_profile(&rig, "scale",
                      "{\"name\":\"scale\",\"title\":\"t\",\"kind\":\"scale\","
                      "\"decode\":\"mt_sics\",\"sources\":[\"none\"],"
                      "\"poll\":{\"request\":\"SI\\r\\n\",\"period_ms\":200,"
                      "\"timeout_ms\":1000}}");
    rig.configs[0].profile = "scale";
    open_door();
    int old = feeds_rig_connect(port, 1);
    turns(3);
    int fresh = feeds_rig_connect(port, 1);
    for (int i = 0; i < 6; i++) {
        pass_time(1000);
    }
    char asked[5] = "";
    assert_int_equal(recv(fresh, asked, sizeof asked - 1, MSG_DONTWAIT), 4);
    assert_string_equal(asked, "SI\r\n");
    (void) close(old);
    (void) close(fresh);
}

static void connections_without_a_word_make_room_for_a_new_one(void **state) {
    (void) state;
    open_door();
    int silent[16];
    for (size_t i = 0; i < 16; i++) {
        silent[i] = feeds_rig_connect(port, 1);
        turns(2);
    }
    pass_time(5000);
    int fresh = feeds_rig_connect(port, 1);
    feeds_rig_write(fresh, "C0000\r");
    turns(3);
    pass_time(5000);
    expect_codes(1);
    for (size_t i = 0; i < 16; i++) {
        (void) close(silent[i]);
    }
    (void) close(fresh);
}

static void more_than_can_wait_is_left_to_the_kernel(void **state) {
    (void) state;
    open_door();
    rig.intake->accept = 0;
    rig.intake->submit_err = GW_ERR_FULL;
    send_and_close(0, 300); /* it is held */
    turns(5);
    for (unsigned i = 0; i < 24; i++) {
        send_and_close(300 + i, 301 + i);
        turns(2);
    }
    assert_int_equal(feeds_rig_figures(&rig, 0).refused, 0);
    rig.intake->accept = -1;
    for (int i = 0; i < 100; i++) {
        gw_fake_clock_advance(&rig.fake_clock, 200);
        feeds_rig_turn(&rig);
        gw_fake_intake_commit(rig.intake, GW_OK);
    }
    expect_codes(324);
}

/* At a door of several feeds one of them may not keep the others out. */
static void what_finds_no_room_at_a_shared_door_is_told_and_counted(void **state) {
    (void) state;
    static const char *named[] = {"127.0.0.3"};
    struct gw_config_feed *config = feeds_rig_add(&rig, "scanner-3", GW_FEED_TCP_SERVER);
    config->port = port;
    config->peers = named;
    config->peer_count = 1;
    open_door();
    rig.intake->accept = 0;
    rig.intake->submit_err = GW_ERR_FULL;
    send_and_close(0, 300);
    turns(5);
    for (unsigned i = 0; i < 20; i++) {
        send_and_close(300 + i, 301 + i);
        turns(2);
    }
    assert_int_equal(feeds_rig_figures(&rig, 0).refused, 5); /* 16 wait, one of them is read */
    assert_int_equal(rig.refused[GW_FEED_REFUSED_FULL], 5);
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_SHARED, "scanner-2"));
    int neighbour = feeds_rig_connect(port, 3);
    feeds_rig_wait_state(&rig, 1, "open");
    (void) close(neighbour);
}

static void what_has_come_when_the_feeds_stop_is_read_first(void **state) {
    (void) state;
    open_door();
    int device = feeds_rig_connect(port, 1);
    turns(3);
    feeds_rig_write(device, "C0000\r");
    send_and_close(1, 3);
    send_and_close(3, 4);
    feeds_rig_turn(&rig); /* takes one read, and the others wait */
    gw_feeds_stop(rig.feeds);
    expect_codes(4);
    (void) close(device);
}

static void what_is_not_stored_of_it_is_counted(void **state) {
    (void) state;
    open_door();
    rig.intake->accept = 0;
    rig.intake->submit_err = GW_ERR_FULL;
    send_and_close(0, 1000);
    send_and_close(1000, 1100);
    turns(3);
    gw_feeds_stop(rig.feeds);
    gw_feeds_close(rig.feeds);
    rig.feeds = NULL;
    assert_int_equal(rig.refused[GW_FEED_REFUSED_STOPPED] + rig.refused[GW_FEED_REFUSED_FULL],
                     1100);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(one_connection_a_scan_gives_every_scan),
        TEST(a_feed_that_is_held_reads_each_connection_to_its_end),
        TEST(a_feed_that_is_held_outlives_a_reset),
        TEST(two_that_send_at_once_take_turns_and_are_told_of),
        TEST(who_never_pauses_gives_way_after_ten_seconds_between_two_codes),
        TEST(an_old_connection_without_an_end_gives_way_to_the_new_one),
        TEST(half_a_code_of_the_old_one_keeps_the_new_one_waiting_for_five_seconds),
        TEST(a_scale_that_comes_again_is_polled_on_its_new_connection),
        TEST(connections_without_a_word_make_room_for_a_new_one),
        TEST(more_than_can_wait_is_left_to_the_kernel),
        TEST(what_finds_no_room_at_a_shared_door_is_told_and_counted),
        TEST(what_has_come_when_the_feeds_stop_is_read_first),
        TEST(what_is_not_stored_of_it_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
