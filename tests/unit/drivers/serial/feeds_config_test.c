/* SPDX-License-Identifier: Apache-2.0 */
/* Another list of feeds: who is the same notices nothing, not even in the middle of a
 * code. The clock stands still: what needs another attempt does not come back. */
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

/* A feed that waits for its device, which connects from 127.0.0.`from`. */
static struct gw_config_feed *add_door(const char *id, uint16_t port) {
    struct gw_config_feed *config = feeds_rig_add(&rig, id, GW_FEED_TCP_SERVER);
    config->port = port;
    return config;
}

static void change(void) {
    assert_int_equal(feeds_rig_change(&rig), GW_OK);
    feeds_rig_turn(&rig);
}

static void swap(size_t a, size_t b) {
    struct gw_config_feed kept = rig.configs[a];
    rig.configs[a] = rig.configs[b];
    rig.configs[b] = kept;
}

static void assert_is_cut(int device) {
    char byte;
    ssize_t n = recv(device, &byte, 1, MSG_DONTWAIT);
    assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}

static uint64_t counter(const char *name) {
    return *gw_health_counter(rig.health, name);
}

/* ---- who stays ---- */

static void half_a_code_survives_the_change_of_another_feed(void **state) {
    (void) state;
    uint16_t port_a = feeds_rig_free_port(), port_b = feeds_rig_free_port();
    char pts[64];
    int listener = feeds_rig_listen(port_b), master = feeds_rig_open_pty(pts);
    add_door("a", port_a);
    feeds_rig_add(&rig, "b", GW_FEED_TCP_CLIENT)->port = port_b;
    feeds_rig_add(&rig, "c", GW_FEED_SERIAL)->path = pts;
    feeds_rig_open(&rig);
    int device_b = feeds_rig_accept(&rig, listener), device_a = feeds_rig_connect(port_a, 1);
    for (size_t i = 0; i < 3; i++) {
        feeds_rig_wait_state(&rig, i, "open");
    }
    feeds_rig_write(device_b, "FIRST\r40063");
    feeds_rig_write(master, "AB");
    feeds_rig_wait_bytes(&rig, 1, 11);
    feeds_rig_wait_bytes(&rig, 2, 2);
    struct gw_feed_figures before = feeds_rig_figures(&rig, 1);
    int own_end = feeds_rig_own_end(device_b);
    assert_true(own_end >= 0);
    gw_fake_clock_advance(&rig.fake_clock, 100);

    rig.configs[0].max_per_second = 7;
    change();
    assert_is_cut(device_a);
    assert_int_equal(feeds_rig_own_end(device_b), own_end);
    struct gw_feed_figures after = feeds_rig_figures(&rig, 1);
    assert_string_equal(after.state, "open");
    assert_int_equal(after.since_wall_ms, before.since_wall_ms);
    assert_int_equal(after.observations, 1);
    assert_int_equal(after.waiting, 1);
    feeds_rig_write(device_b, "81333931\r");
    feeds_rig_write(master, "C-1\r");
    feeds_rig_wait_units(&rig, 3);
    gw_fake_intake_commit(rig.intake, GW_OK);
    assert_int_equal(feeds_rig_figures(&rig, 1).stored, 2);
    assert_int_equal(feeds_rig_figures(&rig, 2).stored, 1);
    assert_int_equal(rig.intake->committed, 3);
    bool is_b_first = strcmp(rig.intake->units[1].device, "b") == 0;
    feeds_rig_expect(&rig, is_b_first ? 1 : 2, "\"raw\":\"4006381333931\"");
    feeds_rig_expect(&rig, is_b_first ? 2 : 1, "\"raw\":\"ABC-1\"");
    (void) close(device_a);
    (void) close(device_b);
    (void) close(listener);
    (void) close(master);
}

static void figures_follow_the_list_and_places_in_it_mean_nothing(void **state) {
    (void) state;
    add_door("a", feeds_rig_free_port());
    uint16_t port = add_door("b", feeds_rig_free_port())->port;
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int device = feeds_rig_connect(port, 1);
    feeds_rig_wait_state(&rig, 1, "open");
    int own_end = feeds_rig_own_end(device);
    feeds_rig_write(device, "HA");
    feeds_rig_wait_bytes(&rig, 1, 2);
    add_door("c", feeds_rig_free_port());
    swap(0, 1);
    swap(1, 2); /* b, c, a */
    change();
    assert_string_equal(feeds_rig_figures(&rig, 0).device.ptr, "b");
    assert_string_equal(feeds_rig_figures(&rig, 1).device.ptr, "c");
    assert_string_equal(feeds_rig_figures(&rig, 2).device.ptr, "a");
    struct gw_feed_figures none;
    assert_false(gw_feeds_get_figures(rig.feeds, 3, &none));
    assert_int_equal(feeds_rig_own_end(device), own_end);
    feeds_rig_write(device, "LF\r");
    feeds_rig_wait_units(&rig, 1);
    feeds_rig_expect(&rig, 0, "\"raw\":\"HALF\"");
    (void) close(device);
}

#define OWN_PROFILE(ends_with)                                                                 \
    "{\"name\":\"own\",\"title\":\"t\",\"kind\":\"scanner\",\"decode\":\"text\","              \
    "\"sources\":[\"none\"],\"framing\":{\"mode\":\"" ends_with "\"}}"

static void a_changed_profile_opens_its_own_feed_anew(void **state) {
    (void) state;
    uint16_t port_a = feeds_rig_free_port(), port_b = feeds_rig_free_port();
    feeds_rig_profile(&rig, "own", OWN_PROFILE("lf"));
    add_door("a", port_a)->profile = "own";
    add_door("b", port_b);
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int device_a = feeds_rig_connect(port_a, 1), device_b = feeds_rig_connect(port_b, 1);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_wait_state(&rig, 1, "open");
    int own_end = feeds_rig_own_end(device_b);
    change();
    assert_true(feeds_rig_own_end(device_a) >= 0); /* nothing is another one yet */
    feeds_rig_profile(&rig, "own", OWN_PROFILE("tab"));
    assert_true(gw_feeds_profiles_have_changed(rig.feeds));
    change();
    assert_false(gw_feeds_profiles_have_changed(rig.feeds));
    assert_is_cut(device_a);
    assert_int_equal(feeds_rig_own_end(device_b), own_end);
    (void) close(device_a);
    device_a = feeds_rig_connect(port_a, 1);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_write(device_a, "X\t");
    feeds_rig_wait_units(&rig, 1);
    feeds_rig_expect(&rig, 0, "\"raw\":\"X\"");
    (void) close(device_a);
    (void) close(device_b);
}

/* ---- what moves ---- */

static void a_line_moves_from_one_feed_to_another(void **state) {
    (void) state;
    char pts[64];
    int master = feeds_rig_open_pty(pts);
    feeds_rig_add(&rig, "new", GW_FEED_SERIAL)->path = "/nowhere";
    feeds_rig_add(&rig, "old", GW_FEED_SERIAL)->path = pts;
    feeds_rig_open(&rig);
    feeds_rig_wait_state(&rig, 1, "open");
    rig.configs[0].path = pts;
    rig.configs[1].path = "/nowhere";
    change();
    assert_string_equal(feeds_rig_figures(&rig, 0).state, "open");
    assert_string_equal(feeds_rig_figures(&rig, 1).state, "absent");
    assert_false(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DOWN, "new"));
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DOWN, "old"));
    feeds_rig_write(master, "MOVED\r");
    feeds_rig_wait_units(&rig, 1);
    assert_string_equal(rig.intake->units[0].device, "new");
    (void) close(master);
}

static void a_port_moves_from_one_feed_to_another(void **state) {
    (void) state;
    uint16_t port = feeds_rig_free_port();
    add_door("old", port);
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int device = feeds_rig_connect(port, 1);
    feeds_rig_wait_state(&rig, 0, "open");
    rig.configs[0].id = "new";
    rig.configs[0].address = "0.0.0.0"; /* another door, which the old one would block */
    change();
    assert_is_cut(device);
    (void) close(device);
    device = feeds_rig_connect(port, 1);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_write(device, "MOVED\r");
    feeds_rig_wait_units(&rig, 1);
    assert_string_equal(rig.intake->units[0].device, "new");
    (void) close(device);
}

static void a_door_that_two_share_stays_open_for_the_other(void **state) {
    (void) state;
    static const char *of_a[] = {"127.0.0.2", "127.0.0.4"}, *of_b[] = {"127.0.0.3"};
    uint16_t port = feeds_rig_free_port();
    struct gw_config_feed *config = add_door("a", port);
    config->peers = of_a;
    config->peer_count = 1;
    config = add_door("b", port);
    config->peers = of_b;
    config->peer_count = 1;
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int device_a = feeds_rig_connect(port, 2), device_b = feeds_rig_connect(port, 3);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_wait_state(&rig, 1, "open");
    feeds_rig_write(device_b, "HA");
    feeds_rig_wait_bytes(&rig, 1, 2);
    rig.configs[0].peer_count = 2;
    change();
    assert_is_cut(device_a);
    (void) close(device_a);
    /* The door told nobody that it is open: it was. */
    assert_string_equal(feeds_rig_figures(&rig, 0).state, "absent");
    assert_non_null(strstr(feeds_rig_figures(&rig, 0).detail.ptr, "waits for the device"));
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DOWN, "a"));
    assert_true(gw_feeds_next_mono_ms(rig.feeds) > gw_clock_mono_ms(&rig.clock));
    device_a = feeds_rig_connect(port, 4);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_write(device_b, "LF\r");
    feeds_rig_wait_units(&rig, 1);
    feeds_rig_expect(&rig, 0, "\"raw\":\"HALF\"");
    (void) close(device_a);
    (void) close(device_b);
}

static void a_device_that_is_named_now_leaves_the_feed_that_takes_everybody(void **state) {
    (void) state;
    static const char *of_b[] = {"127.0.0.3"};
    uint16_t port = feeds_rig_free_port();
    add_door("a", port);
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int device = feeds_rig_connect(port, 3);
    feeds_rig_wait_state(&rig, 0, "open");
    struct gw_config_feed *config = add_door("b", port);
    config->peers = of_b;
    config->peer_count = 1;
    change();
    assert_is_cut(device);
    (void) close(device);
    device = feeds_rig_connect(port, 3);
    feeds_rig_wait_state(&rig, 1, "open");
    feeds_rig_wait_state(&rig, 0, "absent");
    (void) close(device);
}

/* ---- who goes ---- */

static int open_one_with_two_codes(void) {
    uint16_t port = feeds_rig_free_port();
    add_door("a", port);
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int device = feeds_rig_connect(port, 1);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_write(device, "A\rB\r");
    for (int i = 0; i < 1000 && feeds_rig_figures(&rig, 0).observations < 2; i++) {
        feeds_rig_turn(&rig);
    }
    return device;
}

static void a_feed_that_goes_stays_until_its_units_are_committed(void **state) {
    (void) state;
    int device = open_one_with_two_codes();
    rig.count = 0;
    change();
    assert_is_cut(device);
    assert_int_equal(rig.intake->pending, 2);
    struct gw_feed_figures none;
    assert_false(gw_feeds_get_figures(rig.feeds, 0, &none));
    gw_fake_intake_commit(rig.intake, GW_OK);
    feeds_rig_turn(&rig);
    assert_int_equal(counter("feeds.stored"), 2);
    assert_int_equal(rig.refused[GW_FEED_REFUSED_STOPPED], 0);
    (void) close(device);
}

static void what_a_feed_that_goes_could_not_store_is_told(void **state) {
    (void) state;
    int device = open_one_with_two_codes();
    rig.configs[0].class = GW_CLASS_STATE; /* it goes, and another one comes */
    change();
    assert_int_equal(rig.refused[GW_FEED_REFUSED_STOPPED], 0);
    gw_fake_intake_commit(rig.intake, GW_ERR_IO);
    feeds_rig_turn(&rig);
    assert_int_equal(rig.refused[GW_FEED_REFUSED_STOPPED], 2);
    assert_int_equal(counter("feeds.refused"), 2);
    assert_int_equal(feeds_rig_figures(&rig, 0).refused, 0);
    (void) close(device);
}

static void what_the_queue_refuses_of_a_feed_that_goes_is_told_at_once(void **state) {
    (void) state;
    rig.intake->accept = 0;
    rig.intake->submit_err = GW_ERR_FULL;
    int device = open_one_with_two_codes();
    rig.count = 0;
    assert_int_equal(feeds_rig_change(&rig), GW_OK);
    assert_int_equal(rig.refused[GW_FEED_REFUSED_STOPPED], 2);
    (void) close(device);
}

static void the_end_comes_before_the_commit_of_a_feed_that_went(void **state) {
    (void) state;
    int device = open_one_with_two_codes();
    rig.count = 0;
    change();
    gw_feeds_stop(rig.feeds);
    gw_fake_intake_commit(rig.intake, GW_OK);
    gw_feeds_close(rig.feeds);
    rig.feeds = NULL;
    assert_int_equal(counter("feeds.stored"), 2);
    (void) close(device);
}

static void issues_of_a_feed_go_with_it_and_not_those_of_its_successor(void **state) {
    (void) state;
    feeds_rig_add(&rig, "a", GW_FEED_SERIAL)->path = "/nowhere";
    feeds_rig_add(&rig, "b", GW_FEED_SERIAL)->path = "/nowhere-else";
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DOWN, "a"));
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DOWN, "b"));
    rig.configs[1].profile = "no-such-profile";
    swap(0, 1);
    rig.count = 1;
    change();
    feeds_rig_turn(&rig);
    assert_false(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DOWN, "a"));
    assert_false(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DOWN, "b"));
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_PROFILE, "b"));
}

static void a_feed_that_cannot_be_opened_so_is_faulty_and_the_others_run(void **state) {
    (void) state;
    uint16_t port = feeds_rig_free_port();
    add_door("a", port);
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int device = feeds_rig_connect(port, 1);
    feeds_rig_wait_state(&rig, 0, "open");
    add_door("wrong", port)->address = "not an address";
    add_door("b", feeds_rig_free_port());
    swap(0, 1);
    struct gw_config_feed *slow = feeds_rig_add(&rig, "slow", GW_FEED_SERIAL);
    slow->path = "/nowhere";
    slow->baud = 14400;
    change();
    assert_string_equal(feeds_rig_figures(&rig, 0).device.ptr, "wrong");
    assert_string_equal(feeds_rig_figures(&rig, 0).state, "faulty");
    assert_non_null(strstr(feeds_rig_figures(&rig, 0).detail.ptr, "not an address"));
    assert_string_equal(feeds_rig_figures(&rig, 1).state, "open");
    assert_string_equal(feeds_rig_figures(&rig, 2).state, "absent");
    assert_string_equal(feeds_rig_figures(&rig, 3).state, "faulty");
    assert_non_null(strstr(feeds_rig_figures(&rig, 3).detail.ptr, "14400 baud"));
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_PROFILE, "wrong"));
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_PROFILE, "slow"));
    assert_false(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_PROFILE, "a"));
    char reason_storage[200];
    struct gw_buf reason;
    gw_buf_init(&reason, reason_storage, sizeof reason_storage);
    const char *names[] = {"tare"};
    rig.configs[0].commands = names;
    rig.configs[0].command_count = 1;
    change(); /* it is opened anew, and asked for something while it is faulty */
    const struct gw_feed_command tare = {.device = GW_STR("wrong"), .name = GW_STR("tare")};
    assert_int_equal(gw_feeds_command(rig.feeds, &tare, &reason), GW_ERR_NOCONN);
    (void) close(device);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(half_a_code_survives_the_change_of_another_feed),
        TEST(figures_follow_the_list_and_places_in_it_mean_nothing),
        TEST(a_changed_profile_opens_its_own_feed_anew),
        TEST(a_line_moves_from_one_feed_to_another),
        TEST(a_port_moves_from_one_feed_to_another),
        TEST(a_door_that_two_share_stays_open_for_the_other),
        TEST(a_device_that_is_named_now_leaves_the_feed_that_takes_everybody),
        TEST(a_feed_that_goes_stays_until_its_units_are_committed),
        TEST(what_a_feed_that_goes_could_not_store_is_told),
        TEST(what_the_queue_refuses_of_a_feed_that_goes_is_told_at_once),
        TEST(the_end_comes_before_the_commit_of_a_feed_that_went),
        TEST(issues_of_a_feed_go_with_it_and_not_those_of_its_successor),
        TEST(a_feed_that_cannot_be_opened_so_is_faulty_and_the_others_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
