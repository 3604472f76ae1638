/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/wan_link.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define S GW_WAN_NS_PER_S
/* Monotonic clocks do not begin at 0. */
#define START (5000 * S)
#define FULL_BYTES (GW_WAN_PACKET_BYTES + GW_WAN_HEADER_BYTES)

/* 1,500 bytes take 1 ms. */
static struct gw_wan_lane make_lane(void) {
    return (struct gw_wan_lane){
        .bytes_per_s = 1500000, .delay_ns = 50 * MS, .queue_bytes = 10 * FULL_BYTES};
}

/* ---- lanes ---- */

static void a_packet_on_an_idle_lane_arrives_after_its_own_time_and_the_delay(void **state) {
    (void) state;
    struct gw_wan_lane lane = make_lane();
    assert_int_equal(gw_wan_lane_put(&lane, 7 * S, GW_WAN_PACKET_BYTES), 7 * S + 51 * MS);
}

static void packets_leave_one_after_the_other_and_keep_their_order(void **state) {
    (void) state;
    struct gw_wan_lane lane = make_lane();
    for (int64_t i = 1; i <= 10; i++) {
        int64_t arrival = gw_wan_lane_put(&lane, 0, GW_WAN_PACKET_BYTES);
        assert_int_equal(arrival, (50 + i) * MS);
    }
}

static void a_pause_is_not_made_up_for(void **state) {
    (void) state;
    struct gw_wan_lane lane = make_lane();
    assert_int_equal(gw_wan_lane_put(&lane, 0, GW_WAN_PACKET_BYTES), 51 * MS);
    assert_int_equal(gw_wan_lane_put(&lane, 900 * MS, GW_WAN_PACKET_BYTES), 951 * MS);
    assert_int_equal(gw_wan_lane_put(&lane, 900 * MS, GW_WAN_PACKET_BYTES), 952 * MS);
}

static void headers_take_their_share_of_the_rate(void **state) {
    (void) state;
    struct gw_wan_lane lane = make_lane();
    for (int i = 0; i < 1000; i++) {
        (void) gw_wan_lane_put(&lane, 0, 98); /* 150 bytes: 0.1 ms */
    }
    assert_int_equal(lane.free_ns, 100 * MS);
    assert_int_equal(lane.payload_bytes, 98000);
    assert_int_equal(lane.wire_bytes, 150000);
    assert_int_equal(lane.packets, 1000);
}

static void the_queue_takes_what_was_promised_and_then_waits_for_one_to_leave(void **state) {
    (void) state;
    struct gw_wan_lane lane = make_lane();
    unsigned taken = 0;
    while (gw_wan_lane_has_room(&lane, 0) && taken < 100) {
        (void) gw_wan_lane_put(&lane, 0, GW_WAN_PACKET_BYTES);
        taken++;
    }
    assert_int_equal(taken, 10);
    assert_int_equal(gw_wan_lane_room_ns(&lane), MS);
    assert_false(gw_wan_lane_has_room(&lane, MS - 1));
    assert_true(gw_wan_lane_has_room(&lane, MS));
}

static void a_lane_kept_full_carries_exactly_its_rate(void **state) {
    (void) state;
    struct gw_wan_lane lane = make_lane();
    for (int64_t now = 0; now < 2 * S; now += 3 * MS) {
        while (gw_wan_lane_has_room(&lane, now)) {
            (void) gw_wan_lane_put(&lane, now, GW_WAN_PACKET_BYTES);
        }
    }
    uint64_t left = lane.wire_bytes - 10 * FULL_BYTES; /* the queue is still there */
    assert_in_range(left, 2 * lane.bytes_per_s - 10 * FULL_BYTES, 2 * lane.bytes_per_s);
}

/* ---- time ---- */

static void link_time_runs_with_real_time_between_stalls(void **state) {
    (void) state;
    struct gw_wan_time time;
    gw_wan_time_start(&time, 1, 30 * S, 0, START);
    gw_wan_time_advance(&time, START + 1000 * S);
    assert_int_equal(time.link_ns, 1000 * S);
    assert_int_equal(time.stalls, 0);
}

static void link_time_stands_still_for_the_whole_stall_and_loses_nothing(void **state) {
    (void) state;
    struct gw_wan_time time;
    gw_wan_time_start(&time, 1, 30 * S, 120 * S, START);
    int64_t first = time.next_stall_ns;
    assert_in_range(first, 60 * S, 180 * S);
    gw_wan_time_advance(&time, START + first - 1);
    assert_false(time.is_stalled);
    gw_wan_time_advance(&time, START + first + 10 * S);
    assert_true(time.is_stalled);
    assert_int_equal(time.link_ns, first);
    assert_int_equal(time.begins_ns[0], START + first);
    gw_wan_time_advance(&time, START + first + 30 * S + 5 * MS);
    assert_false(time.is_stalled);
    assert_int_equal(time.link_ns, first + 5 * MS);
    assert_int_equal(time.stalls, 1);
}

static void steps_of_any_size_lead_to_the_same_time(void **state) {
    (void) state;
    struct gw_wan_time coarse, fine;
    gw_wan_time_start(&coarse, 77, 30 * S, 120 * S, START);
    gw_wan_time_start(&fine, 77, 30 * S, 120 * S, START);
    gw_wan_time_advance(&coarse, START + 3600 * S);
    for (int64_t now = START; now <= START + 3600 * S; now += 100 * MS) {
        gw_wan_time_advance(&fine, now);
    }
    assert_int_equal(coarse.link_ns, fine.link_ns);
    assert_int_equal(coarse.stalls, fine.stalls);
    assert_memory_equal(coarse.begins_ns, fine.begins_ns, sizeof(coarse.begins_ns));
    assert_in_range(coarse.stalls, 14, 40); /* one in 90 to 210 s */
}

static void another_seed_stalls_at_other_times(void **state) {
    (void) state;
    struct gw_wan_time one, other;
    gw_wan_time_start(&one, 1, 30 * S, 120 * S, START);
    gw_wan_time_start(&other, 2, 30 * S, 120 * S, START);
    assert_int_not_equal(one.next_stall_ns, other.next_stall_ns);
}

static void waking_is_never_later_than_what_is_due_and_stops_at_stalls(void **state) {
    (void) state;
    struct gw_wan_time time;
    gw_wan_time_start(&time, 1, 30 * S, 120 * S, START);
    int64_t first = time.next_stall_ns;
    assert_int_equal(gw_wan_time_wake_ns(&time, 20 * S), START + 20 * S);
    assert_int_equal(gw_wan_time_wake_ns(&time, first + S), START + first);
    assert_int_equal(gw_wan_time_wake_ns(&time, GW_WAN_NEVER_NS), GW_WAN_NEVER_NS);
    gw_wan_time_advance(&time, START + first + S);
    assert_int_equal(gw_wan_time_wake_ns(&time, first + S), START + first + 30 * S);
    gw_wan_time_advance(&time, START + first + 32 * S);
    assert_int_equal(gw_wan_time_wake_ns(&time, S), START + first + 32 * S);
}

static void a_packet_under_way_is_late_by_the_whole_stall(void **state) {
    (void) state;
    struct gw_wan_time time;
    struct gw_wan_lane lane = make_lane();
    gw_wan_time_start(&time, 1, 30 * S, 120 * S, START);
    int64_t begin = START + time.next_stall_ns;
    gw_wan_time_advance(&time, begin - 20 * MS);
    int64_t arrival = gw_wan_lane_put(&lane, time.link_ns, GW_WAN_PACKET_BYTES);
    gw_wan_time_advance(&time, begin + 30 * S + 31 * MS - 1);
    assert_true(arrival > time.link_ns);
    gw_wan_time_advance(&time, begin + 30 * S + 31 * MS);
    assert_true(arrival <= time.link_ns);
}

/* ---- resets ---- */

static void one_per_cent_of_connection_seconds_end_in_a_reset(void **state) {
    (void) state;
    int64_t seconds = 0;
    for (uint64_t number = 0; number < 10000; number++) {
        int64_t life = gw_wan_lifetime_ns(42, number, 10);
        assert_int_equal(life % S, 0);
        assert_true(life >= S);
        seconds += life / S;
    }
    assert_in_range(seconds, 950000, 1050000); /* 10,000 resets in a million seconds */
}

static void a_life_depends_on_the_seed_and_the_number_only(void **state) {
    (void) state;
    unsigned same = 0;
    for (uint64_t number = 0; number < 100; number++) {
        int64_t life = gw_wan_lifetime_ns(7, number, 10);
        assert_int_equal(life, gw_wan_lifetime_ns(7, number, 10));
        same += life == gw_wan_lifetime_ns(8, number, 10);
        same += life == gw_wan_lifetime_ns(7, number + 1, 10);
    }
    assert_in_range(same, 0, 20);
}

static void without_a_chance_nothing_is_reset_and_with_certainty_everything_is(void **state) {
    (void) state;
    assert_int_equal(gw_wan_lifetime_ns(1, 1, 0), GW_WAN_NEVER_NS);
    assert_int_equal(gw_wan_lifetime_ns(1, 1, 1000), S);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_on_an_idle_lane_arrives_after_its_own_time_and_the_delay),
        cmocka_unit_test(packets_leave_one_after_the_other_and_keep_their_order),
        cmocka_unit_test(a_pause_is_not_made_up_for),
        cmocka_unit_test(headers_take_their_share_of_the_rate),
        cmocka_unit_test(the_queue_takes_what_was_promised_and_then_waits_for_one_to_leave),
        cmocka_unit_test(a_lane_kept_full_carries_exactly_its_rate),
        cmocka_unit_test(link_time_runs_with_real_time_between_stalls),
        cmocka_unit_test(link_time_stands_still_for_the_whole_stall_and_loses_nothing),
        cmocka_unit_test(steps_of_any_size_lead_to_the_same_time),
        cmocka_unit_test(another_seed_stalls_at_other_times),
        cmocka_unit_test(waking_is_never_later_than_what_is_due_and_stops_at_stalls),
        cmocka_unit_test(a_packet_under_way_is_late_by_the_whole_stall),
        cmocka_unit_test(one_per_cent_of_connection_seconds_end_in_a_reset),
        cmocka_unit_test(a_life_depends_on_the_seed_and_the_number_only),
        cmocka_unit_test(without_a_chance_nothing_is_reset_and_with_certainty_everything_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
