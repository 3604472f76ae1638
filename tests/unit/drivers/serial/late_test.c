/* SPDX-License-Identifier: Apache-2.0 */
/* Weights are of the moment in which they are read, or they have no number. */
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

#define SCALE                                                                                  \
    "{\"name\":\"scale\",\"title\":\"t\",\"kind\":\"scale\",\"decode\":\"mt_sics\","           \
    "\"sources\":[\"none\"],\"weight\":{\"report\":\"cycle\",\"rearm_below\":\"0\"}"

static struct feeds_rig rig;
static int device;

static int begin(void **state) {
    (void) state;
    feeds_rig_begin(&rig);
    device = -1;
    return 0;
}

static int end(void **state) {
    (void) state;
    feeds_rig_end(&rig);
    if (device >= 0) {
        (void) close(device);
    }
    return 0;
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

static struct gw_config_feed *add(const char *profile) {
    uint16_t port = feeds_rig_free_port();
    feeds_rig_profile(&rig, "scale", profile);
    struct gw_config_feed *config = feeds_rig_add(&rig, "scale-1", GW_FEED_TCP_SERVER);
    config->profile = "scale";
    config->port = port;
    return config;
}

static void connect_device(void) {
    feeds_rig_open(&rig);
    turns(1);
    device = feeds_rig_connect(rig.configs[0].port, 1);
    feeds_rig_wait_state(&rig, 0, "open");
}

static void refuse_all(void) {
    rig.intake->accept = 0;
    rig.intake->submit_err = GW_ERR_FULL;
}

static void take_all(void) {
    rig.intake->accept = -1;
    for (int i = 0; i < 20; i++) {
        gw_fake_clock_advance(&rig.fake_clock, 200);
        feeds_rig_turn(&rig);
        gw_fake_intake_commit(rig.intake, GW_OK);
    }
}

/* A load, and then it is gone. */
static void weigh(unsigned grams) {
    char text[64];
    (void) snprintf(text, sizeof text, "S S %u g\r\nS S 0 g\r\n", grams);
    feeds_rig_write(device, text);
    turns(2);
}

static size_t count_units(const char *part) {
    size_t count = 0;
    for (size_t i = 0; i < rig.intake->committed + rig.intake->pending; i++) {
        count += strstr(rig.intake->units[i].data, part) != NULL;
    }
    return count;
}

static void loads_behind_a_full_queue_have_no_numbers(void **state) {
    (void) state;
    add(SCALE "}");
    connect_device();
    feeds_rig_write(device, "S S 0 g\r\n");
    turns(2);
    refuse_all();
    for (unsigned i = 1; i <= 300; i++) {
        weigh(i);
    }
    assert_true(feeds_rig_figures(&rig, 0).is_held);
    size_t read_in_time = feeds_rig_figures(&rig, 0).waiting;
    pass_time(14000);
    take_all();
    weigh(5000);
    take_all();
    assert_int_equal(rig.intake->committed, 301);
    assert_int_equal(count_units("\"value\""), read_in_time + 1);
    assert_int_equal(count_units("\"late\""), 300 - read_in_time);
    assert_int_equal(count_units("\"value\":\"5000\""), 1);
    char last[32];
    (void) snprintf(last, sizeof last, "\"value\":\"%zu\"", read_in_time);
    feeds_rig_expect(&rig, read_in_time - 1, last);
    feeds_rig_expect(&rig, read_in_time, "\"state\":\"dynamic\"");
}

static void loads_above_the_rate_have_no_numbers_until_the_scale_pauses(void **state) {
    (void) state;
    add(SCALE "}")->max_per_second = 10;
    connect_device();
    feeds_rig_write(device, "S S 0 g\r\n");
    turns(2);
    for (unsigned i = 1; i <= 12; i++) {
        weigh(i);
    }
    assert_int_equal(count_units("\"value\""), 10);
    for (unsigned i = 0; i < 10; i++) {
        pass_time(200);
    }
    assert_int_equal(count_units("\"value\""), 10);
    assert_int_equal(count_units("\"late\""), 2);
    weigh(13);
    assert_int_equal(count_units("\"value\":\"13\""), 1);
}

static void a_scale_is_not_asked_while_it_is_held_back(void **state) {
    (void) state;
    add(SCALE ",\"poll\":{\"request\":\"SI\\r\\n\",\"period_ms\":200,\"timeout_ms\":1000}}");
    connect_device();
    turns(3);
    char asked[64];
    assert_int_equal(recv(device, asked, sizeof asked, MSG_DONTWAIT), 4);
    refuse_all();
    for (unsigned i = 0; !feeds_rig_figures(&rig, 0).is_held; i++) {
        assert_true(i < 300);
        weigh(i + 1);
    }
    while (recv(device, asked, sizeof asked, MSG_DONTWAIT) > 0) {
    }
    for (unsigned i = 0; i < 20; i++) {
        pass_time(1000);
    }
    assert_int_equal(recv(device, asked, sizeof asked, MSG_DONTWAIT), -1);
    take_all();
    assert_true(recv(device, asked, sizeof asked, MSG_DONTWAIT) >= 4);
}

/* The pause is ours, not the scanner's. */
static void half_a_code_is_not_cut_by_holding_the_device_back(void **state) {
    (void) state;
    struct gw_config_feed *config = add(SCALE "}");
    config->profile = FEEDS_RIG_SCANNER; /* half a second of silence ends a code */
    config->max_bytes_per_second = 100;
    connect_device();
    char text[256];
    memset(text, 'x', 200);
    (void) snprintf(text + 200, sizeof text - 200, "\r40063");
    feeds_rig_write(device, text);
    turns(2);
    feeds_rig_write(device, "81\r");
    assert_true(feeds_rig_figures(&rig, 0).is_held);
    for (unsigned i = 0; i < 10; i++) {
        pass_time(300);
    }
    assert_int_equal(rig.intake->pending, 2);
    feeds_rig_expect(&rig, 1, "{\"raw\":\"4006381\"}");
}

/* Another connection had the turn; this one's bytes stood in the kernel. */
static void what_waited_for_its_turn_has_no_number(void **state) {
    (void) state;
    add(SCALE "}");
    connect_device();
    weigh(1);
    assert_int_equal(count_units("\"value\":\"1\""), 1);
    int fresh = feeds_rig_connect(rig.configs[0].port, 1);
    feeds_rig_write(fresh, "S S 2 g\r\n");
    turns(3);
    pass_time(1000);
    assert_int_equal(count_units("\"late\""), 1);
    pass_time(10);
    feeds_rig_write(fresh, "S S 2 g\r\n");
    turns(3);
    assert_int_equal(count_units("\"value\":\"2\""), 1);
    (void) close(fresh);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(loads_behind_a_full_queue_have_no_numbers),
        TEST(loads_above_the_rate_have_no_numbers_until_the_scale_pauses),
        TEST(a_scale_is_not_asked_while_it_is_held_back),
        TEST(half_a_code_is_not_cut_by_holding_the_device_back),
        TEST(what_waited_for_its_turn_has_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
