/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud-link/uplink/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cloud-link/uplink/watch.h"

#define T0 INT64_C(1000000)
/* The largest random number: delays at the upper end. */
#define HIGH UINT64_MAX

static void init(struct gw_pace *pace, int64_t now_mono_ms, uint32_t first_jitter_ms,
                 uint32_t rate, uint64_t random) {
    struct gw_pace_limits limits = {.first_jitter_ms = first_jitter_ms,
                                    .retry_max_ms = GW_BACKOFF_CAP_MS,
                                    .max_events_per_second = rate};
    gw_pace_init(pace, now_mono_ms, &limits, random);
}

static void the_first_attempt_of_a_process_is_spread(void **state) {
    (void) state;
    struct gw_pace pace;
    init(&pace, T0, 60000, 0, HIGH);
    assert_int_equal(pace.not_before_mono_ms, T0 + 60000);
    assert_false(gw_pace_may_send(&pace, T0 + 59999, 0));
    assert_true(gw_pace_may_send(&pace, T0 + 60000, 0));
    init(&pace, T0, 60000, 0, 0);
    assert_true(gw_pace_may_send(&pace, T0, 0));
    init(&pace, T0, 0, 0, HIGH);
    assert_true(gw_pace_may_send(&pace, T0, 0));
}

static void only_one_request_asks_whether_it_is_over(void **state) {
    (void) state;
    struct gw_pace pace;
    init(&pace, T0, 0, 0, 0);
    assert_false(gw_pace_may_send(&pace, T0, 1));
    gw_pace_succeed(&pace, T0);
    assert_true(gw_pace_may_send(&pace, T0, 3));
    gw_pace_fail(&pace, T0, 0, 0);
    assert_true(gw_pace_may_send(&pace, T0 + 600000, 0));
    assert_false(gw_pace_may_send(&pace, T0 + 600000, 1));
}

static void delays_grow_to_their_cap_and_start_over_after_success(void **state) {
    (void) state;
    struct gw_pace pace;
    init(&pace, T0, 0, 0, 0);
    uint32_t last = 0;
    for (int i = 0; i < 10; i++) {
        gw_pace_fail(&pace, T0, 0, HIGH);
        assert_true(pace.delay_ms >= last && pace.delay_ms <= GW_BACKOFF_CAP_MS);
        last = pace.delay_ms;
    }
    assert_int_equal(last, GW_BACKOFF_CAP_MS);
    gw_pace_succeed(&pace, T0);
    gw_pace_fail(&pace, T0, 0, HIGH);
    assert_int_equal(pace.delay_ms, 3 * GW_BACKOFF_BASE_MS);
}

static void the_longest_delay_is_configured(void **state) {
    (void) state;
    struct gw_pace pace;
    struct gw_pace_limits limits = {.retry_max_ms = 1000};
    gw_pace_init(&pace, T0, &limits, 0);
    for (int i = 0; i < 10; i++) {
        gw_pace_fail(&pace, T0, 0, HIGH);
        assert_in_range(pace.delay_ms, GW_BACKOFF_BASE_MS, 1000);
        assert_true(gw_pace_may_send(&pace, T0 + 1000, 0));
    }
    assert_int_equal(pace.delay_ms, 1000);
}

static void attempts_in_a_long_outage_are_spread_further(void **state) {
    (void) state;
    struct gw_pace pace;
    init(&pace, T0, 30000, 0, 0);
    gw_pace_fail(&pace, T0 + GW_PACE_LONG_OUTAGE_MS, 0, HIGH);
    assert_int_equal(pace.not_before_mono_ms, T0 + GW_PACE_LONG_OUTAGE_MS + pace.delay_ms);
    gw_pace_fail(&pace, T0 + GW_PACE_LONG_OUTAGE_MS + 1, 0, HIGH);
    assert_true(pace.not_before_mono_ms
                > T0 + GW_PACE_LONG_OUTAGE_MS + 1 + pace.delay_ms + 29000);
}

static void retry_after_holds_whatever_another_class_hears(void **state) {
    (void) state;
    struct gw_pace pace;
    init(&pace, 0, 0, 0, 0);
    gw_pace_fail(&pace, 1000, 60000, 1);
    gw_pace_succeed(&pace, 1500);
    assert_false(gw_pace_may_send(&pace, 60900, 0));
    gw_pace_fail(&pace, 2000, 0, 1);
    assert_false(gw_pace_may_send(&pace, 60900, 0));
    assert_true(gw_pace_may_send(&pace, 200000, 0));
}

static void retry_after_is_a_least_delay(void **state) {
    (void) state;
    struct gw_pace pace;
    init(&pace, T0, 0, 0, 0);
    gw_pace_fail(&pace, T0, 120000, 0);
    assert_true(pace.not_before_mono_ms >= T0 + 120000);
    gw_pace_fail(&pace, T0, UINT64_MAX, 0);
    assert_true(pace.not_before_mono_ms
                <= T0 + GW_BACKOFF_RETRY_AFTER_CAP_MS + GW_BACKOFF_CAP_MS);
}

static void a_stopped_sink_is_probed_slowly(void **state) {
    (void) state;
    struct gw_pace pace;
    init(&pace, T0, 0, 0, 0);
    gw_pace_stop(&pace, T0, 0, 0);
    assert_int_equal(pace.not_before_mono_ms, T0 + GW_BACKOFF_PROBE_BASE_MS);
    for (int i = 0; i < 5; i++) {
        gw_pace_stop(&pace, T0, 0, HIGH);
    }
    assert_int_equal(pace.not_before_mono_ms, T0 + GW_BACKOFF_PROBE_CAP_MS);
    gw_pace_hurry(&pace, T0 + 5);
    assert_true(gw_pace_may_send(&pace, T0 + 5, 0));
}

static void without_a_rate_there_is_no_limit(void **state) {
    (void) state;
    struct gw_pace pace;
    int64_t when = 0;
    init(&pace, T0, 0, 0, 0);
    assert_int_equal(gw_pace_allowance(&pace, T0, 100000, &when), UINT64_MAX);
    gw_pace_credit(&pace, 50, 0);
    assert_int_equal(gw_pace_allowance(&pace, T0, 100000, &when), 50);
    gw_pace_credit(&pace, 0, 0);
    assert_int_equal(gw_pace_allowance(&pace, T0, 100000, &when), UINT64_MAX);
}

/* Simulate a drain: events allowed within `ms`. */
static uint64_t drain(struct gw_pace *pace, int64_t from, int64_t ms) {
    uint64_t sent = 0;
    int64_t now = from;
    for (int i = 0; i < 100000 && now <= from + ms; i++) {
        int64_t when = now;
        uint64_t allowed = gw_pace_allowance(pace, now, 100000, &when);
        if (allowed == 0) {
            assert_true(when > now);
            now = when;
            continue;
        }
        gw_pace_spend(pace, allowed);
        sent += allowed;
    }
    return sent;
}

static void a_rate_bounds_the_drain(void **state) {
    (void) state;
    struct gw_pace pace;
    init(&pace, T0, 0, 50, 0);
    uint64_t sent = drain(&pace, T0, 10000);
    assert_in_range(sent, 500, 560);
}

static void the_smaller_of_two_rates_counts(void **state) {
    (void) state;
    struct gw_pace pace;
    init(&pace, T0, 0, 50, 0);
    gw_pace_credit(&pace, 0, 10);
    assert_in_range(drain(&pace, T0, 10000), 90, 115);
    gw_pace_credit(&pace, 0, 1000);
    (void) drain(&pace, T0 + 20000, 1000);
    assert_in_range(drain(&pace, T0 + 30000, 10000), 490, 560);
}

static void a_single_live_event_does_not_wait_for_a_full_quarter(void **state) {
    (void) state;
    struct gw_pace pace;
    int64_t when = 0;
    init(&pace, T0, 0, 100, 0);
    assert_int_equal(gw_pace_allowance(&pace, T0, 100, &when), 100);
    gw_pace_spend(&pace, 100);
    assert_int_equal(gw_pace_allowance(&pace, T0, 1, &when), 0);
    assert_int_equal(when, T0 + 10);
    assert_true(gw_pace_allowance(&pace, T0 + 10, 1, &when) >= 1);
}

/* ---- watch ---- */

static void standing_still_asks_for_connection_process_and_complaint(void **state) {
    (void) state;
    struct gw_watch watch;
    gw_watch_init(&watch, T0, 1000, false);
    assert_int_equal(gw_watch_check(&watch, T0 + 999), GW_WATCH_GO_ON);
    assert_int_equal(gw_watch_next_mono_ms(&watch), T0 + 1000);
    assert_int_equal(gw_watch_check(&watch, T0 + 1000), GW_WATCH_RECONNECT);
    assert_int_equal(gw_watch_check(&watch, T0 + 1001), GW_WATCH_GO_ON);
    assert_int_equal(gw_watch_check(&watch, T0 + 2000), GW_WATCH_RESTART);
    assert_int_equal(gw_watch_check(&watch, T0 + 9000), GW_WATCH_GO_ON);
    assert_int_equal(gw_watch_next_mono_ms(&watch), GW_NEVER_MS);
}

static void a_process_is_restarted_once_an_outage(void **state) {
    (void) state;
    struct gw_watch watch;
    gw_watch_init(&watch, T0, 1000, true);
    assert_int_equal(gw_watch_check(&watch, T0 + 1000), GW_WATCH_RECONNECT);
    assert_int_equal(gw_watch_check(&watch, T0 + 2000), GW_WATCH_COMPLAIN);
    gw_watch_progress(&watch, T0 + 3000);
    assert_false(watch.was_restarted);
    assert_int_equal(gw_watch_check(&watch, T0 + 4000), GW_WATCH_RECONNECT);
    assert_int_equal(gw_watch_check(&watch, T0 + 5000), GW_WATCH_RESTART);
}

static void a_centre_that_answers_is_not_cured_by_a_restart(void **state) {
    (void) state;
    struct gw_watch watch;
    gw_watch_init(&watch, T0, 1000, false);
    assert_int_equal(gw_watch_check(&watch, T0 + 1000), GW_WATCH_RECONNECT);
    gw_watch_answered(&watch, T0 + 1500);
    assert_int_equal(gw_watch_check(&watch, T0 + 2000), GW_WATCH_COMPLAIN);
}

static void progress_starts_the_watch_again(void **state) {
    (void) state;
    struct gw_watch watch;
    gw_watch_init(&watch, T0, 1000, false);
    gw_watch_progress(&watch, T0 + 900);
    assert_int_equal(gw_watch_check(&watch, T0 + 1800), GW_WATCH_GO_ON);
    assert_int_equal(gw_watch_check(&watch, T0 + 1900), GW_WATCH_RECONNECT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_attempt_of_a_process_is_spread),
        cmocka_unit_test(only_one_request_asks_whether_it_is_over),
        cmocka_unit_test(delays_grow_to_their_cap_and_start_over_after_success),
        cmocka_unit_test(the_longest_delay_is_configured),
        cmocka_unit_test(attempts_in_a_long_outage_are_spread_further),
        cmocka_unit_test(retry_after_is_a_least_delay),
        cmocka_unit_test(retry_after_holds_whatever_another_class_hears),
        cmocka_unit_test(a_stopped_sink_is_probed_slowly),
        cmocka_unit_test(without_a_rate_there_is_no_limit),
        cmocka_unit_test(a_rate_bounds_the_drain),
        cmocka_unit_test(the_smaller_of_two_rates_counts),
        cmocka_unit_test(a_single_live_event_does_not_wait_for_a_full_quarter),
        cmocka_unit_test(standing_still_asks_for_connection_process_and_complaint),
        cmocka_unit_test(a_process_is_restarted_once_an_outage),
        cmocka_unit_test(a_centre_that_answers_is_not_cured_by_a_restart),
        cmocka_unit_test(progress_starts_the_watch_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
