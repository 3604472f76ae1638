/* SPDX-License-Identifier: Apache-2.0 */
/* What can be mistaken for another load: dust, tare, a line that was lost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/drivers/profile/feed_rig.h"

#define SCALE(decode, weight)                                                                  \
    "{\"name\":\"t\",\"title\":\"t\",\"kind\":\"scale\",\"decode\":\"" decode "\","            \
    "\"sources\":[\"t\"],\"weight\":{" weight "}}"

static size_t loads(const struct feed_rig *rig) {
    return feed_rig_count(rig, "\"state\":\"stable\"");
}

static size_t untold(const struct feed_rig *rig) {
    return feed_rig_count(rig, "\"condition\":\"load_not_removed\"");
}

static void push_grams(struct feed_rig *rig, const char *const *weights, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char line[64];
        (void) snprintf(line, sizeof line, "S S %s g\r\n", weights[i]);
        feed_rig_push(rig, line, (int64_t) i * 1000);
    }
}

#define PUSH(rig, ...)                                                                         \
    do {                                                                                       \
        static const char *const weights[] = {__VA_ARGS__};                                    \
        push_grams((rig), weights, sizeof weights / sizeof weights[0]);                        \
    } while (0)

/* ---- the threshold ---- */

static void dust_of_a_division_hides_no_load_as_shipped(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "mt-sics");
    PUSH(&rig, "0.00", "5.00", "0.01", "6.00", "0.01", "7.00", "0.20", "0.21");
    assert_int_equal(loads(&rig), 4);
    assert_int_equal(rig.taken, 4);
    feed_rig_restart(&rig);
    PUSH(&rig, "0.00", "0.01", "5.00", "0.01", "6.00");
    assert_int_equal(loads(&rig), 2);
    assert_int_equal(rig.taken, 2);
    feed_rig_close(&rig);
}

static void
a_load_that_hides_behind_another_is_told_once_a_cycle_with_the_remedy(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open_text(&rig, SCALE("mt_sics", "\"rearm_below\":\"0\""));
    PUSH(&rig, "0.00", "5.00", "0.01", "6.00", "0.01", "7.00");
    assert_int_equal(loads(&rig), 1);
    assert_int_equal(untold(&rig), 1);
    assert_int_equal(
        feed_rig_count(&rig, "\"detail\":\"0.01 g is not reported: it is not the load of "
                             "5.00 g, and nothing at or below weight.rearm_below (0, here 0) "
                             "was seen between them; raise it above what the empty scale "
                             "shows, or report by \\\"settle\\\" where loads are added\","
                             "\"raw\":\"S S 0.01 g\""),
        1);
    PUSH(&rig, "0.00", "5.00", "5.00", "5.01");
    assert_int_equal(loads(&rig), 2);
    assert_int_equal(untold(&rig), 2);
    feed_rig_close(&rig);
}

static void a_load_that_flickers_within_the_threshold_is_itself(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "mt-sics");
    PUSH(&rig, "0.00", "50.00", "50.20", "49.80", "50.00");
    assert_int_equal(rig.taken, 1);
    PUSH(&rig, "50.21");
    assert_int_equal(untold(&rig), 1);
    feed_rig_close(&rig);
}

static void a_value_must_stand_before_it_is_told_as_another(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open_text(&rig, SCALE("mt_sics", "\"settle_ms\":300"));
    feed_rig_push(&rig, "S S 0.00 g\r\nS S 5.00 g\r\n", 0);
    feed_rig_push(&rig, "S S 5.00 g\r\n", 300);
    feed_rig_push(&rig, "S S 3.00 g\r\n", 400); /* on its way down */
    feed_rig_push(&rig, "S S 0.00 g\r\n", 500);
    assert_int_equal(rig.taken, 1);
    feed_rig_close(&rig);
}

static void the_same_load_in_another_unit_is_no_other_load(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "mt-sics");
    feed_rig_push(&rig, "S S 0.00 g\r\nS S 500.00 g\r\nS S 0.50000 kg\r\nS S 0.50001 kg\r\n",
                  0);
    assert_int_equal(rig.taken, 1);
    feed_rig_push(&rig, "S S 0.80000 kg\r\n", 0);
    assert_int_equal(untold(&rig), 1);
    feed_rig_close(&rig);
}

static void neither_all_frames_nor_settling_knows_cycles(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open_text(&rig, SCALE("mt_sics", "\"report\":\"settle\""));
    PUSH(&rig, "0.00", "5.00", "6.00");
    assert_int_equal(rig.taken, 3);
    feed_rig_close(&rig);
    feed_rig_open_text(&rig, SCALE("mt_sics", "\"report\":\"all\""));
    PUSH(&rig, "0.00", "5.00", "6.00", "6.00");
    assert_int_equal(rig.taken, 4);
    feed_rig_close(&rig);
}

/* ---- tare ---- */

#define SMA(mode, weight) "\n 1" mode "  " weight "kg \r"
#define ZERO "     0.000"
#define FIVE "     5.000"

static void a_load_that_is_tared_and_shown_again_is_the_same_load(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "sma");
    feed_rig_push(&rig, SMA("G", ZERO) SMA("G", FIVE), 0);
    feed_rig_push(&rig, SMA("N", ZERO) SMA("N", "    -0.001") SMA("G", FIVE), 1);
    feed_rig_push(&rig, SMA("N", ZERO) SMA("G", "     5.001"), 2); /* and once more */
    assert_int_equal(loads(&rig), 1);
    assert_int_equal(rig.taken, 1);
    feed_rig_push(&rig, SMA("G", ZERO) SMA("G", FIVE), 3);
    assert_int_equal(loads(&rig), 2);
    feed_rig_close(&rig);
}

static void what_is_put_into_a_tared_container_is_a_load(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "sma");
    feed_rig_push(&rig, SMA("G", ZERO) SMA("G", FIVE) SMA("N", ZERO), 0);
    for (unsigned i = 0; i < 3; i++) {
        feed_rig_push(&rig, SMA("N", "     2.000") SMA("N", ZERO), 1);
    }
    assert_int_equal(feed_rig_count(&rig, "\"value\":\"2.000\""), 3);
    feed_rig_push(&rig, SMA("N", "     2.000") SMA("G", "     7.000"), 2); /* one load */
    assert_int_equal(feed_rig_count(&rig, "\"value\":\"2.000\""), 4);
    assert_int_equal(loads(&rig), 5);
    assert_int_equal(rig.taken, 5);
    feed_rig_close(&rig);
}

static void a_tared_load_that_is_lifted_and_put_back_is_another(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "sma");
    feed_rig_push(&rig, SMA("G", ZERO) SMA("G", FIVE) SMA("N", ZERO), 0);
    feed_rig_push(&rig, SMA("N", "    -5.000") SMA("N", ZERO) SMA("G", FIVE), 1);
    assert_int_equal(loads(&rig), 2);
    feed_rig_push(&rig, SMA("N", ZERO) SMA("G", ZERO) SMA("G", FIVE), 2);
    assert_int_equal(loads(&rig), 3);
    feed_rig_close(&rig);
}

#define CONTINUOUS(b, weight, tare) "\x02," b " " weight tare "\r"

static void where_the_tare_is_sent_gross_weights_are_compared(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "toledo-continuous");
    feed_rig_push(&rig, CONTINUOUS("0", "     0", "     0") CONTINUOUS("1", "   400", "   100"),
                  0); /* 4.00 net with a tare of 1.00 */
    assert_int_equal(loads(&rig), 1);
    feed_rig_push(&rig, CONTINUOUS("1", "     0", "   500") CONTINUOUS("0", "   500", "     0"),
                  1); /* tared once more, then cleared */
    assert_int_equal(rig.taken, 1);
    feed_rig_push(&rig, CONTINUOUS("0", "   900", "     0"), 2);
    assert_int_equal(untold(&rig), 1);
    feed_rig_push(&rig, CONTINUOUS("1", "     0", "   100") CONTINUOUS("1", "   400", "   100"),
                  3); /* goods out of their container, and in */
    assert_int_equal(loads(&rig), 2);
    feed_rig_push(&rig, CONTINUOUS("0", "   500", "     0"), 4); /* the same in gross */
    assert_int_equal(untold(&rig), 1);
    feed_rig_push(&rig, CONTINUOUS("1", "   600", "   100"), 5); /* more of them, in net */
    assert_int_equal(untold(&rig), 2);
    feed_rig_close(&rig);
}

/* ---- lines that are lost ---- */

static void
a_load_that_still_lies_there_when_the_line_is_back_is_said_to_be_the_same(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "mt-sics");
    PUSH(&rig, "0.00", "5.00");
    assert_int_equal(feed_rig_count(&rig, "remarks"), 0);
    for (unsigned i = 1; i <= 5; i++) {
        gw_feed_end(rig.feed, 10000);
        gw_feed_end(rig.feed, 10000); /* an attempt to connect that came to nothing */
        feed_rig_push(&rig, "S S 5.00 g\r\n", 10000);
        assert_int_equal(
            feed_rig_count(&rig, "\"remarks\":[\"after_start\",\"same_as_before\"]"), i);
    }
    gw_feed_end(rig.feed, 10000);
    feed_rig_push(&rig, "S S 6.00 g\r\n", 10000);
    assert_int_equal(feed_rig_count(&rig, "\"remarks\":[\"after_start\"]"), 1);
    assert_int_equal(loads(&rig), 7);
    feed_rig_close(&rig);
}

static void
a_load_of_the_same_weight_after_another_was_taken_off_is_not_the_same(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open(&rig, "mt-sics");
    PUSH(&rig, "0.00", "25.00", "0.00");
    gw_feed_end(rig.feed, 10000);
    feed_rig_push(&rig, "S S 25.00 g\r\n", 10000);
    assert_int_equal(feed_rig_count(&rig, "\"remarks\":[\"after_start\"]"), 1);
    gw_feed_end(rig.feed, 20000);
    feed_rig_push(&rig, "S S 0.00 g\r\nS S 25.00 g\r\n", 20000);
    assert_int_equal(feed_rig_count(&rig, "remarks"), 1);
    gw_feed_end(rig.feed, 30000);
    feed_rig_push(&rig, "S S 25.00 kg\r\n", 30000);
    assert_int_equal(feed_rig_count(&rig, "same_as_before"), 0);
    gw_feed_end(rig.feed, 40000);
    feed_rig_push(&rig, "S S 0.00 kg\r\n", 40000); /* taken off meanwhile */
    gw_feed_end(rig.feed, 50000);
    feed_rig_push(&rig, "S S 25.00 kg\r\n", 50000);
    assert_int_equal(feed_rig_count(&rig, "same_as_before"), 0);
    feed_rig_close(&rig);
}

static void by_settling_the_same_value_after_a_lost_line_is_said_to_be_the_same(void **state) {
    (void) state;
    struct feed_rig rig;
    feed_rig_open_text(&rig, SCALE("mt_sics", "\"report\":\"settle\""));
    PUSH(&rig, "5.00");
    assert_int_equal(feed_rig_count(&rig, "same_as_before"), 0);
    gw_feed_end(rig.feed, 1000);
    PUSH(&rig, "5.00", "6.00", "5.00");
    assert_int_equal(feed_rig_count(&rig, "same_as_before"), 1);
    assert_int_equal(rig.taken, 4);
    feed_rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dust_of_a_division_hides_no_load_as_shipped),
        cmocka_unit_test(a_load_that_hides_behind_another_is_told_once_a_cycle_with_the_remedy),
        cmocka_unit_test(a_load_that_flickers_within_the_threshold_is_itself),
        cmocka_unit_test(a_value_must_stand_before_it_is_told_as_another),
        cmocka_unit_test(the_same_load_in_another_unit_is_no_other_load),
        cmocka_unit_test(neither_all_frames_nor_settling_knows_cycles),
        cmocka_unit_test(a_load_that_is_tared_and_shown_again_is_the_same_load),
        cmocka_unit_test(what_is_put_into_a_tared_container_is_a_load),
        cmocka_unit_test(a_tared_load_that_is_lifted_and_put_back_is_another),
        cmocka_unit_test(where_the_tare_is_sent_gross_weights_are_compared),
        cmocka_unit_test(
            a_load_that_still_lies_there_when_the_line_is_back_is_said_to_be_the_same),
        cmocka_unit_test(a_load_of_the_same_weight_after_another_was_taken_off_is_not_the_same),
        cmocka_unit_test(by_settling_the_same_value_after_a_lost_line_is_said_to_be_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
