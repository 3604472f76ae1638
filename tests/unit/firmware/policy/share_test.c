/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/policy/share.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define REQUEST_BYTES 100000

static void make_shares(struct gw_share shares[GW_CLASS_COUNT], uint64_t backlog) {
    memset(shares, 0, sizeof(struct gw_share) * GW_CLASS_COUNT);
    for (unsigned i = 0; i < GW_CLASS_COUNT; i++) {
        shares[i].backlog = backlog;
        shares[i].in_flight_max = 1;
        shares[i].floor_percent =
            gw_flow_class_defaults((enum gw_flow_class) i)->link_floor_percent;
    }
}

/* One request at a time; bytes_of gives the size of a class's requests. */
static void serve(struct gw_share_ledger *ledger, const struct gw_share *shares,
                  const uint64_t bytes_of[static GW_CLASS_COUNT], unsigned rounds,
                  uint64_t served[static GW_CLASS_COUNT]) {
    for (unsigned i = 0; i < rounds; i++) {
        enum gw_flow_class class;
        assert_int_equal(gw_share_choose(ledger, shares, &class), GW_OK);
        gw_share_charge(ledger, shares, class, bytes_of[class]);
        served[class] += bytes_of[class];
    }
}

static const uint64_t even_requests[GW_CLASS_COUNT] = {REQUEST_BYTES, REQUEST_BYTES,
                                                       REQUEST_BYTES, REQUEST_BYTES};

static uint64_t percent_of(const uint64_t served[static GW_CLASS_COUNT],
                           enum gw_flow_class class) {
    uint64_t total = 0;
    for (unsigned i = 0; i < GW_CLASS_COUNT; i++) {
        total += served[i];
    }
    return served[class] * 100 / total;
}

static void business_goes_first_on_a_quiet_link(void **state) {
    (void) state;
    struct gw_share shares[GW_CLASS_COUNT];
    struct gw_share_ledger ledger = {0};
    make_shares(shares, 10);
    enum gw_flow_class class = GW_CLASS_AUDIT;
    assert_int_equal(gw_share_choose(&ledger, shares, &class), GW_OK);
    assert_int_equal(class, GW_CLASS_BUSINESS);
}

static void nothing_is_chosen_that_has_no_backlog_or_may_not_send(void **state) {
    (void) state;
    struct gw_share shares[GW_CLASS_COUNT];
    struct gw_share_ledger ledger = {0};
    make_shares(shares, 0);
    enum gw_flow_class class = GW_CLASS_AUDIT;
    assert_int_equal(gw_share_choose(&ledger, shares, &class), GW_ERR_NOENT);
    assert_int_equal(class, GW_CLASS_AUDIT);
    make_shares(shares, 10);
    shares[GW_CLASS_BUSINESS].in_flight = 1;
    shares[GW_CLASS_AUDIT].backlog = 0;
    shares[GW_CLASS_STATE].in_flight_max = 0;
    assert_int_equal(gw_share_choose(&ledger, shares, &class), GW_OK);
    assert_int_equal(class, GW_CLASS_TELEMETRY);
    shares[GW_CLASS_TELEMETRY].in_flight = 1;
    assert_int_equal(gw_share_choose(&ledger, shares, &class), GW_ERR_NOENT);
}

static void with_all_backlogged_everyone_gets_the_floor_and_business_the_rest(void **state) {
    (void) state;
    struct gw_share shares[GW_CLASS_COUNT];
    struct gw_share_ledger ledger = {0};
    uint64_t served[GW_CLASS_COUNT] = {0};
    make_shares(shares, 1000);
    serve(&ledger, shares, even_requests, 10000, served);
    assert_in_range(percent_of(served, GW_CLASS_BUSINESS), 74, 76);
    assert_in_range(percent_of(served, GW_CLASS_STATE), 9, 11);
    assert_in_range(percent_of(served, GW_CLASS_TELEMETRY), 9, 11);
    assert_in_range(percent_of(served, GW_CLASS_AUDIT), 4, 6);
}

static void shares_are_of_bytes_not_of_requests(void **state) {
    (void) state;
    struct gw_share shares[GW_CLASS_COUNT];
    struct gw_share_ledger ledger = {0};
    uint64_t served[GW_CLASS_COUNT] = {0};
    const uint64_t bytes_of[GW_CLASS_COUNT] = {[GW_CLASS_BUSINESS] = 5000,
                                               [GW_CLASS_STATE] = 20000,
                                               [GW_CLASS_TELEMETRY] = 4000000,
                                               [GW_CLASS_AUDIT] = 1000};
    make_shares(shares, 1000);
    serve(&ledger, shares, bytes_of, 200000, served);
    assert_in_range(percent_of(served, GW_CLASS_BUSINESS), 73, 77);
    assert_in_range(percent_of(served, GW_CLASS_TELEMETRY), 9, 12);
    assert_in_range(percent_of(served, GW_CLASS_AUDIT), 4, 6);
}

static void business_that_comes_back_is_served_at_once(void **state) {
    (void) state;
    struct gw_share shares[GW_CLASS_COUNT];
    struct gw_share_ledger ledger = {0};
    uint64_t served[GW_CLASS_COUNT] = {0};
    make_shares(shares, 1000);
    shares[GW_CLASS_BUSINESS].backlog = 0;
    serve(&ledger, shares, even_requests, 1000, served);
    shares[GW_CLASS_BUSINESS].backlog = 1;
    enum gw_flow_class class;
    assert_int_equal(gw_share_choose(&ledger, shares, &class), GW_OK);
    assert_int_equal(class, GW_CLASS_BUSINESS);
}

static void a_class_that_was_idle_is_owed_nothing_for_that_time(void **state) {
    (void) state;
    struct gw_share shares[GW_CLASS_COUNT];
    struct gw_share_ledger ledger = {0};
    uint64_t served[GW_CLASS_COUNT] = {0};
    make_shares(shares, 0);
    shares[GW_CLASS_BUSINESS].backlog = 1000;
    serve(&ledger, shares, even_requests, 1000, served);
    shares[GW_CLASS_TELEMETRY].backlog = 1000;
    memset(served, 0, sizeof(served));
    serve(&ledger, shares, even_requests, 20, served);
    assert_in_range(served[GW_CLASS_TELEMETRY] / REQUEST_BYTES, 1, 4);
}

static void using_an_idle_link_is_not_held_against_a_class(void **state) {
    (void) state;
    struct gw_share shares[GW_CLASS_COUNT];
    struct gw_share_ledger ledger = {0};
    uint64_t served[GW_CLASS_COUNT] = {0};
    make_shares(shares, 0);
    shares[GW_CLASS_TELEMETRY].backlog = 1000;
    serve(&ledger, shares, even_requests, 1000, served);
    assert_int_equal(served[GW_CLASS_TELEMETRY], 1000 * REQUEST_BYTES);
    shares[GW_CLASS_BUSINESS].backlog = 1000;
    memset(served, 0, sizeof(served));
    serve(&ledger, shares, even_requests, 40, served);
    assert_in_range(served[GW_CLASS_TELEMETRY] / REQUEST_BYTES, 3, 6);
}

static void floors_of_zero_or_too_much_still_give_everybody_something(void **state) {
    (void) state;
    struct gw_share shares[GW_CLASS_COUNT];
    struct gw_share_ledger ledger = {0};
    uint64_t served[GW_CLASS_COUNT] = {0};
    make_shares(shares, 1000);
    for (unsigned i = 0; i < GW_CLASS_COUNT; i++) {
        shares[i].floor_percent = i == GW_CLASS_AUDIT ? 0 : 100;
    }
    serve(&ledger, shares, even_requests, 10000, served);
    for (unsigned i = 0; i < GW_CLASS_COUNT; i++) {
        assert_true(served[i] > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(business_goes_first_on_a_quiet_link),
        cmocka_unit_test(nothing_is_chosen_that_has_no_backlog_or_may_not_send),
        cmocka_unit_test(with_all_backlogged_everyone_gets_the_floor_and_business_the_rest),
        cmocka_unit_test(shares_are_of_bytes_not_of_requests),
        cmocka_unit_test(business_that_comes_back_is_served_at_once),
        cmocka_unit_test(a_class_that_was_idle_is_owed_nothing_for_that_time),
        cmocka_unit_test(using_an_idle_link_is_not_held_against_a_class),
        cmocka_unit_test(floors_of_zero_or_too_much_still_give_everybody_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
