/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to a scale on a real socket, with a clock that stands still. */
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

static struct {
    struct feeds_rig feeds;
    int listener, device;
    enum gw_err record_answers;
    unsigned recorded, done;
    enum gw_err err;
    enum gw_feed_outcome outcome;
    char said[128];
    char reason_storage[300];
    struct gw_buf reason;
} rig;

static int begin(void **state) {
    (void) state;
    memset(&rig, 0, sizeof rig);
    rig.listener = rig.device = -1;
    feeds_rig_begin(&rig.feeds);
    feeds_rig_profile(&rig.feeds, "scale",
                      "{\"name\":\"scale\",\"title\":\"t\",\"kind\":\"scale\","
                      "\"decode\":\"mt_sics\",\"sources\":[\"none\"],"
                      "\"poll\":{\"request\":\"SI\\r\\n\",\"period_ms\":200,"
                      "\"timeout_ms\":1000},"
                      "\"commands\":{\"tare\":\"T\\r\\n\",\"zero\":\"Z\\r\\n\"}}");
    return 0;
}

static int end(void **state) {
    (void) state;
    feeds_rig_end(&rig.feeds);
    if (rig.device >= 0) {
        (void) close(rig.device);
    }
    if (rig.listener >= 0) {
        (void) close(rig.listener);
    }
    return 0;
}

static void add_scale(const char *const *allowed, size_t count) {
    struct gw_config_feed *config = feeds_rig_add(&rig.feeds, "scale-1", GW_FEED_TCP_CLIENT);
    config->profile = "scale";
    config->port = feeds_rig_free_port();
    config->commands = (const char **) allowed;
    config->command_count = count;
    rig.listener = feeds_rig_listen(config->port);
}

static void connect_scale(void) {
    feeds_rig_open(&rig.feeds);
    feeds_rig_wait_state(&rig.feeds, 0, "open");
    rig.device = accept4(rig.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(rig.device >= 0);
}

/* The scale is told exactly this, and no more in a few rounds. */
static void expect_told(const char *text) {
    char told[64] = "";
    size_t len = 0;
    for (int i = 0; i < 50; i++) {
        feeds_rig_turn(&rig.feeds);
        ssize_t n = recv(rig.device, told + len, sizeof told - 1 - len, MSG_DONTWAIT);
        len += n > 0 ? (size_t) n : 0;
    }
    told[len] = '\0';
    assert_string_equal(told, text);
}

static void pass(int64_t ms) {
    gw_fake_clock_advance(&rig.feeds.fake_clock, ms);
}

static enum gw_err record(void *context) {
    (void) context;
    rig.recorded++;
    return rig.record_answers;
}

static void done(void *context, enum gw_feed_outcome outcome, enum gw_err err,
                 struct gw_str reason) {
    (void) context;
    rig.done++;
    rig.err = err;
    rig.outcome = outcome;
    assert_int_equal(gw_str_copy(reason, rig.said, sizeof rig.said), GW_OK);
    assert_int_equal(reason.len > 0, err != GW_OK);
}

static enum gw_err command(const char *device, const char *name) {
    const struct gw_feed_command asked = {.device = gw_str_from_cstr(device),
                                          .name = gw_str_from_cstr(name),
                                          .record = record,
                                          .done = done};
    gw_buf_init(&rig.reason, rig.reason_storage, sizeof rig.reason_storage);
    return gw_feeds_command(rig.feeds.feeds, &asked, &rig.reason);
}

static void assert_reason(const char *text) {
    if (!memmem(rig.reason.data, rig.reason.len, text, strlen(text))) {
        fail_msg("%.*s, wanted %s", GW_STR_ARG(gw_buf_str(&rig.reason)), text);
    }
}

static const char *const both[] = {"tare", "clear_tare"};

static void a_command_goes_out_once_between_two_polls(void **state) {
    (void) state;
    add_scale(both, 2);
    connect_scale();
    expect_told("SI\r\n");
    assert_int_equal(command("scale-1", "tare"), GW_OK);
    expect_told(""); /* the scale is about to answer */
    feeds_rig_write(rig.device, "S S   ");
    expect_told("");
    assert_int_equal(rig.recorded + rig.done, 0);
    feeds_rig_write(rig.device, "   0.00 kg\r\n");
    expect_told("T\r\n");
    assert_int_equal(rig.recorded, 1);
    pass(500);
    expect_told(""); /* the poll waits for the answer, and so does who asked */
    assert_int_equal(rig.done, 0);
    feeds_rig_write(rig.device, "T S     100.00 kg\r\n");
    expect_told("SI\r\n");
    assert_int_equal(rig.done, 1);
    assert_int_equal(rig.outcome, GW_FEED_COMMAND_DONE);
    assert_int_equal(rig.err, GW_OK);
    pass(300);
    feeds_rig_write(rig.device, "S S       0.00 kg\r\n");
    expect_told("SI\r\n");
    assert_int_equal(rig.recorded, 1);
    assert_int_equal(rig.done, 1);
    /* What it answered to the command is no weight, and not undecodable. */
    assert_int_equal(rig.feeds.intake->pending, 1);
    feeds_rig_expect(&rig.feeds, 0, "command_done");
    assert_int_equal(feeds_rig_figures(&rig.feeds, 0).undecodable, 0);
}

static void send_tare(void) {
    add_scale(both, 2);
    connect_scale();
    expect_told("SI\r\n");
    assert_int_equal(command("scale-1", "tare"), GW_OK);
    feeds_rig_write(rig.device, "S S       0.00 kg\r\n");
    expect_told("T\r\n");
    assert_int_equal(rig.done, 0);
}

static void what_a_scale_refuses_is_told_in_its_words(void **state) {
    (void) state;
    send_tare();
    feeds_rig_write(rig.device, "T I\r\n");
    expect_told("");
    assert_int_equal(rig.done, 1);
    assert_int_equal(rig.outcome, GW_FEED_COMMAND_REFUSED);
    assert_int_equal(rig.err, GW_ERR_DENIED);
    assert_string_equal(rig.said, "T I");
}

static void a_scale_that_does_not_say_was_sent_it(void **state) {
    (void) state;
    send_tare();
    pass(999);
    expect_told("");
    assert_int_equal(rig.done, 0);
    pass(1);
    expect_told("SI\r\n");
    assert_int_equal(rig.done, 1);
    assert_int_equal(rig.outcome, GW_FEED_COMMAND_SENT);
}

static void a_scale_that_is_lost_before_it_says_was_sent_it(void **state) {
    (void) state;
    send_tare();
    (void) close(rig.device);
    rig.device = -1;
    feeds_rig_wait_state(&rig.feeds, 0, "absent");
    assert_int_equal(rig.done, 1);
    assert_int_equal(rig.outcome, GW_FEED_COMMAND_SENT);
}

static void when_no_answer_comes_the_command_goes_out_in_place_of_the_next_poll(void **state) {
    (void) state;
    add_scale(both, 2);
    connect_scale();
    expect_told("SI\r\n");
    assert_int_equal(command("scale-1", "tare"), GW_OK);
    pass(999);
    expect_told("");
    pass(1);
    expect_told("T\r\n");
    pass(1000);
    expect_told("SI\r\n"); /* it did not answer that either */
}

static void without_a_record_nothing_is_sent(void **state) {
    (void) state;
    add_scale(both, 2);
    connect_scale();
    expect_told("SI\r\n");
    rig.record_answers = GW_ERR_IO;
    assert_int_equal(command("scale-1", "tare"), GW_OK);
    feeds_rig_write(rig.device, "S S       0.00 kg\r\n");
    expect_told("");
    assert_int_equal(rig.done, 1);
    assert_int_equal(rig.err, GW_ERR_IO);
    assert_int_equal(rig.outcome, GW_FEED_COMMAND_NOT_SENT);
    pass(200);
    expect_told("SI\r\n");
}

static void what_is_not_allowed_or_not_there_is_turned_away_with_what_is(void **state) {
    (void) state;
    add_scale(both, 2);
    connect_scale();
    assert_int_equal(command("scale-1", "zero"), GW_ERR_DENIED);
    assert_reason("found \"zero\", allowed by feeds[].commands: tare, clear_tare");
    assert_int_equal(command("scale-1", "clear_tare"), GW_ERR_NOENT);
    assert_reason("found \"clear_tare\", the profile \"scale\" has: tare, zero");
    assert_int_equal(command("scale-2", "tare"), GW_ERR_NOENT);
    assert_reason("found \"scale-2\", the feeds are: scale-1");
    assert_int_equal(command("scale-1", "tare"), GW_OK);
    assert_int_equal(command("scale-1", "tare"), GW_ERR_BUSY);
    assert_int_equal(rig.recorded + rig.done, 0);
}

static void nothing_is_allowed_by_default_and_nothing_to_a_keyboard(void **state) {
    (void) state;
    add_scale(NULL, 0);
    struct gw_config_feed *config = feeds_rig_add(&rig.feeds, "keys", GW_FEED_HID);
    config->path = "/nowhere";
    config->commands = (const char **) both;
    config->command_count = 2;
    connect_scale();
    assert_int_equal(command("scale-1", "tare"), GW_ERR_DENIED);
    assert_reason("allowed by feeds[].commands: none");
    assert_int_equal(command("keys", "tare"), GW_ERR_INVALID);
    assert_reason("found hid");
}

static void a_device_that_is_not_open_gets_none(void **state) {
    (void) state;
    add_scale(both, 2);
    (void) close(rig.listener);
    rig.listener = -1;
    feeds_rig_open(&rig.feeds);
    feeds_rig_wait_state(&rig.feeds, 0, "absent");
    assert_int_equal(command("scale-1", "tare"), GW_ERR_NOCONN);
    assert_reason("not open");
}

static void a_device_that_is_lost_first_is_told_of_and_not_told_later(void **state) {
    (void) state;
    add_scale(both, 2);
    connect_scale();
    expect_told("SI\r\n");
    assert_int_equal(command("scale-1", "tare"), GW_OK);
    (void) close(rig.device);
    feeds_rig_wait_state(&rig.feeds, 0, "absent");
    pass(60000);
    feeds_rig_wait_state(&rig.feeds, 0, "open");
    rig.device = accept4(rig.listener, NULL, NULL, SOCK_CLOEXEC);
    expect_told("SI\r\n");
    assert_int_equal(rig.recorded, 0);
    assert_int_equal(rig.done, 1);
    assert_int_equal(rig.err, GW_ERR_NOCONN);
}

static void what_waits_when_the_feeds_stop_is_not_sent(void **state) {
    (void) state;
    add_scale(both, 2);
    connect_scale();
    expect_told("SI\r\n");
    assert_int_equal(command("scale-1", "tare"), GW_OK);
    gw_feeds_stop(rig.feeds.feeds);
    assert_int_equal(rig.recorded, 0);
    assert_int_equal(rig.done, 1);
    assert_int_equal(rig.err, GW_ERR_NOCONN);
}

static void a_command_waits_over_the_change_of_another_feed(void **state) {
    (void) state;
    add_scale(both, 2);
    connect_scale();
    expect_told("SI\r\n");
    assert_int_equal(command("scale-1", "tare"), GW_OK);
    feeds_rig_add(&rig.feeds, "other", GW_FEED_SERIAL)->path = "/nowhere";
    assert_int_equal(feeds_rig_change(&rig.feeds), GW_OK);
    assert_int_equal(rig.done, 0);
    feeds_rig_write(rig.device, "S S       0.00 kg\r\n");
    expect_told("T\r\n");
    feeds_rig_write(rig.device, "T S       0.00 kg\r\n");
    expect_told("");
    assert_int_equal(rig.done, 1);
    assert_int_equal(rig.outcome, GW_FEED_COMMAND_DONE);
}

static void a_command_to_a_feed_that_changes_is_not_sent_and_told_of(void **state) {
    (void) state;
    add_scale(both, 2);
    connect_scale();
    expect_told("SI\r\n");
    assert_int_equal(command("scale-1", "tare"), GW_OK);
    rig.feeds.configs[0].command_count = 1;
    assert_int_equal(feeds_rig_change(&rig.feeds), GW_OK);
    assert_int_equal(rig.recorded, 0);
    assert_int_equal(rig.done, 1);
    assert_int_equal(rig.err, GW_ERR_NOCONN);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_command_goes_out_once_between_two_polls),
        TEST(what_a_scale_refuses_is_told_in_its_words),
        TEST(a_scale_that_does_not_say_was_sent_it),
        TEST(a_scale_that_is_lost_before_it_says_was_sent_it),
        TEST(when_no_answer_comes_the_command_goes_out_in_place_of_the_next_poll),
        TEST(without_a_record_nothing_is_sent),
        TEST(what_is_not_allowed_or_not_there_is_turned_away_with_what_is),
        TEST(nothing_is_allowed_by_default_and_nothing_to_a_keyboard),
        TEST(a_device_that_is_not_open_gets_none),
        TEST(a_device_that_is_lost_first_is_told_of_and_not_told_later),
        TEST(what_waits_when_the_feeds_stop_is_not_sent),
        TEST(a_command_waits_over_the_change_of_another_feed),
        TEST(a_command_to_a_feed_that_changes_is_not_sent_and_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
