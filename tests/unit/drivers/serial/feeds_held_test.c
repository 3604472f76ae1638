/* SPDX-License-Identifier: Apache-2.0 */
/* A device that is held back in the middle of a code: its silence is ours. */
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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

/* A connected device that may send ten bytes a second, and has sent twenty. */
static int send_half_a_code(void) {
    uint16_t port = feeds_rig_free_port();
    struct gw_config_feed *config = feeds_rig_add(&rig, "scanner-1", GW_FEED_TCP_SERVER);
    config->port = port;
    config->max_bytes_per_second = 10;
    feeds_rig_open(&rig);
    feeds_rig_turn(&rig);
    int device = feeds_rig_connect(port, 1);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_write(device, "0123456789ABCDEFGHIJ");
    feeds_rig_wait_bytes(&rig, 0, 20);
    assert_true(feeds_rig_figures(&rig, 0).is_held);
    return device;
}

/* Time in steps that no tick of a living loop would miss. */
static void pass(unsigned steps_of_100_ms) {
    for (unsigned i = 0; i < steps_of_100_ms; i++) {
        gw_fake_clock_advance(&rig.fake_clock, 100);
        feeds_rig_turn(&rig);
    }
}

static void a_code_is_whole_though_its_device_was_held_back_in_the_middle_of_it(void **state) {
    (void) state;
    int device = send_half_a_code();
    feeds_rig_write(device, "KLM\r");
    pass(30); /* the hold is longer than the idle time of the profile */
    feeds_rig_wait_units(&rig, 1);
    feeds_rig_expect(&rig, 0, "\"raw\":\"0123456789ABCDEFGHIJKLM\"");
    assert_int_equal(rig.intake->pending, 1);
    (void) close(device);
}

static void silence_after_the_hold_ends_a_code_as_ever(void **state) {
    (void) state;
    int device = send_half_a_code();
    pass(60);
    feeds_rig_wait_units(&rig, 1);
    feeds_rig_expect(&rig, 0,
                     "\"raw\":\"0123456789ABCDEFGHIJ\",\"remarks\":[\"unterminated\"]");
    (void) close(device);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_code_is_whole_though_its_device_was_held_back_in_the_middle_of_it),
        TEST(silence_after_the_hold_ends_a_code_as_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
