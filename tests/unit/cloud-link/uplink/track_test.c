/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud-link/uplink/track.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct gw_track track_of(uint64_t first, uint64_t last) {
    struct gw_track track = {.is_used = true, .range = {first, last}};
    gw_track_start(&track, false, 0);
    return track;
}

static void plan_is(const struct gw_track *track, uint64_t accepted, enum gw_plan_kind kind,
                    uint64_t sequence, uint64_t max_slots) {
    struct gw_plan plan = gw_track_plan(track, accepted);
    assert_int_equal(plan.kind, kind);
    assert_int_equal(plan.sequence, sequence);
    assert_int_equal(plan.max_slots, max_slots);
}

static void hold(struct gw_track *track, enum gw_held_cause cause, uint64_t accepted) {
    assert_int_equal(
        gw_track_hold(track, track->next, cause, accepted, GW_STR("code"), GW_STR("why")),
        GW_OK);
}

static void it_starts_behind_its_cursor_or_at_the_oldest_record(void **state) {
    (void) state;
    struct gw_track track = {.range = {5, 20}};
    gw_track_start(&track, true, 9);
    assert_int_equal(track.next, 10);
    gw_track_start(&track, false, 9);
    assert_int_equal(track.next, 5);
    gw_track_start(&track, true, 2); /* trimmed since */
    assert_int_equal(track.next, 5);
    gw_track_start(&track, true, 20);
    assert_int_equal(track.next, 21);
    assert_int_equal(gw_track_backlog(&track), 0);
}

static void a_cursor_beyond_the_head_is_ignored(void **state) {
    (void) state;
    struct gw_track track = {.range = {5, 20}};
    gw_track_start(&track, true, 21);
    assert_int_equal(track.next, 5);
}

static void a_head_that_falls_back_skips_no_event_to_come(void **state) {
    (void) state;
    struct gw_track track = track_of(1, 20);
    gw_track_settle(&track, 11, 11);
    hold(&track, GW_HELD_REFUSED, 1); /* 12 */
    hold(&track, GW_HELD_REFUSED, 1); /* 13 */
    gw_track_settle(&track, 7, 20);
    track.sent = 20;
    assert_int_equal(gw_track_set_range(&track, (struct gw_queue_range){1, 12}), 0);
    assert_int_equal(gw_track_cursor(&track), 11);
    assert_int_equal(track.held_count, 1);
    assert_int_equal(track.sent, 12);
    plan_is(&track, 1, GW_PLAN_NOTHING, 0, 0);
    (void) gw_track_set_range(&track, (struct gw_queue_range){1, 15});
    plan_is(&track, 1, GW_PLAN_FORWARD, 13, 0);
    assert_int_equal(gw_track_backlog(&track), 4);
}

static void a_tombstone_beyond_the_last_look_is_no_fallen_head(void **state) {
    (void) state;
    struct gw_track track = track_of(1, 20);
    gw_track_settle(&track, 20, 25); /* it has grown since the look */
    (void) gw_track_set_range(&track, (struct gw_queue_range){1, 20});
    assert_int_equal(track.next, 26);
    (void) gw_track_set_range(&track, (struct gw_queue_range){1, 30});
    plan_is(&track, 1, GW_PLAN_FORWARD, 26, 0);
}

static void an_empty_class_has_nothing_to_send(void **state) {
    (void) state;
    struct gw_track track = track_of(1, 0);
    assert_int_equal(gw_track_cursor(&track), 0);
    plan_is(&track, 0, GW_PLAN_NOTHING, 0, 0);
    assert_int_equal(gw_track_set_range(&track, (struct gw_queue_range){1, 3}), 0);
    plan_is(&track, 0, GW_PLAN_FORWARD, 1, 0);
}

static void settling_moves_the_cursor(void **state) {
    (void) state;
    struct gw_track track = track_of(1, 10);
    gw_track_settle(&track, 4, 4);
    assert_int_equal(gw_track_cursor(&track), 4);
    gw_track_settle(&track, 1, 8); /* a tombstone of four */
    assert_int_equal(gw_track_cursor(&track), 8);
    assert_int_equal(gw_track_backlog(&track), 2);
    gw_track_settle(&track, 0, 0);
    assert_int_equal(gw_track_cursor(&track), 8);
}

static void trimming_under_a_slow_sink_skips_what_is_gone(void **state) {
    (void) state;
    struct gw_track track = track_of(1, 10);
    assert_int_equal(gw_track_set_range(&track, (struct gw_queue_range){4, 12}), 3);
    assert_int_equal(track.next, 4);
    assert_int_equal(gw_track_set_range(&track, (struct gw_queue_range){4, 12}), 0);
}

static void an_answer_about_what_was_trimmed_meanwhile_decides_nothing(void **state) {
    (void) state;
    struct gw_track track = track_of(1, 10); /* 1..3 are in flight */
    assert_int_equal(gw_track_set_range(&track, (struct gw_queue_range){6, 12}), 5);
    gw_track_bisect(&track, 1, 3);
    plan_is(&track, 0, GW_PLAN_FORWARD, 6, 0);
    assert_int_equal(gw_track_hold(&track, 1, GW_HELD_REFUSED, 0, GW_STR("c"), GW_STR("d")),
                     GW_ERR_NOENT);
    assert_int_equal(track.held_count, 0);
    assert_int_equal(track.next, 6);
    gw_track_settle(&track, 3, 3);
    assert_int_equal(track.next, 6);
    assert_int_equal(gw_track_cursor(&track), 5);
}

static void bisection_halves_down_to_the_offender(void **state) {
    (void) state;
    /* slot 6 of 1..8 is bad */
    struct gw_track track = track_of(1, 8);
    gw_track_bisect(&track, 1, 8);
    plan_is(&track, 0, GW_PLAN_FORWARD, 1, 4);
    gw_track_settle(&track, 4, 4);
    plan_is(&track, 4, GW_PLAN_FORWARD, 5, 2);
    gw_track_bisect(&track, 5, 2);
    plan_is(&track, 4, GW_PLAN_FORWARD, 5, 1);
    gw_track_settle(&track, 1, 5);
    plan_is(&track, 5, GW_PLAN_FORWARD, 6, 1); /* asked about alone, not inferred */
    hold(&track, GW_HELD_REFUSED, 5);
    plan_is(&track, 5, GW_PLAN_FORWARD, 7, 0);
    assert_int_equal(gw_track_cursor(&track), 5);
}

static void the_cursor_stays_before_a_held_slot(void **state) {
    (void) state;
    struct gw_track track = track_of(1, 8);
    hold(&track, GW_HELD_REFUSED, 3);
    gw_track_settle(&track, 7, 8);
    assert_int_equal(gw_track_cursor(&track), 0);
    assert_int_equal(gw_track_backlog(&track), 1);
    gw_track_release(&track, 1);
    assert_int_equal(gw_track_cursor(&track), 8);
}

static void guilt_needs_an_acceptance_before_and_after(void **state) {
    (void) state;
    struct gw_track track = track_of(1, 8);
    hold(&track, GW_HELD_REFUSED, 3);
    assert_null(gw_track_find_guilty(&track, 3)); /* nothing after */
    assert_non_null(gw_track_find_guilty(&track, 4));
    track = track_of(1, 8);
    hold(&track, GW_HELD_REFUSED, 0); /* nothing before */
    assert_null(gw_track_find_guilty(&track, 4));
    plan_is(&track, 4, GW_PLAN_PROBE, 1, 1);
    gw_track_refuse_again(&track, 1, GW_HELD_REFUSED, 4, GW_STR("c"), GW_STR("d"));
    assert_null(gw_track_find_guilty(&track, 4));
    assert_non_null(gw_track_find_guilty(&track, 5));
}

static void a_server_fault_must_happen_twice_alone(void **state) {
    (void) state;
    struct gw_track track = track_of(1, 8);
    hold(&track, GW_HELD_SERVER_FAULT, 3);
    assert_null(gw_track_find_guilty(&track, 4));
    plan_is(&track, 4, GW_PLAN_PROBE, 1, 1);
    gw_track_refuse_again(&track, 1, GW_HELD_SERVER_FAULT, 4, GW_STR("c"), GW_STR("d"));
    assert_non_null(gw_track_find_guilty(&track, 5));
}

static void what_is_given_up_goes_out_as_a_tombstone_first(void **state) {
    (void) state;
    struct gw_track track = track_of(1, 8);
    hold(&track, GW_HELD_REFUSED, 3);
    gw_track_find_guilty(&track, 4)->is_given_up = true;
    assert_null(gw_track_find_guilty(&track, 5));
    plan_is(&track, 5, GW_PLAN_TOMBSTONE, 1, 1);
}

static void forgiving_goes_back_to_the_first_suspect(void **state) {
    (void) state;
    struct gw_track track = track_of(1, 20);
    gw_track_settle(&track, 4, 4);
    hold(&track, GW_HELD_REFUSED, 4); /* 5 */
    gw_track_find_held(&track, 5)->is_given_up = true;
    hold(&track, GW_HELD_REFUSED, 4); /* 6 */
    gw_track_settle(&track, 1, 7);
    hold(&track, GW_HELD_REFUSED, 4); /* 8 */
    gw_track_forgive(&track);
    assert_int_equal(track.held_count, 1);
    assert_int_equal(track.next, 6);
    assert_int_equal(gw_track_cursor(&track), 4);
}

static void no_more_than_a_few_are_held(void **state) {
    (void) state;
    struct gw_track track = track_of(1, 20);
    for (int i = 0; i < GW_TRACK_HELD_MAX; i++) {
        hold(&track, GW_HELD_REFUSED, 0);
    }
    assert_int_equal(
        gw_track_hold(&track, track.next, GW_HELD_REFUSED, 0, GW_STR(""), GW_STR("")),
        GW_ERR_FULL);
    plan_is(&track, 0, GW_PLAN_NOTHING, 0, 0);
}

static void long_texts_are_cut_between_characters(void **state) {
    (void) state;
    struct gw_track track = track_of(1, 20);
    char text[400];
    for (size_t i = 0; i + 1 < sizeof(text); i += 2) {
        text[i] = '\xc3';
        text[i + 1] = '\xa9';
    }
    struct gw_str view = {text, sizeof(text)};
    assert_int_equal(gw_track_hold(&track, 1, GW_HELD_REFUSED, 0, view, view), GW_OK);
    assert_true(gw_str_is_utf8(gw_str_from_cstr(track.held[0].code)));
    assert_true(gw_str_is_utf8(gw_str_from_cstr(track.held[0].detail)));
    assert_int_equal(gw_str_from_cstr(track.held[0].code).len, GW_HELD_CODE_MAX - 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_starts_behind_its_cursor_or_at_the_oldest_record),
        cmocka_unit_test(a_cursor_beyond_the_head_is_ignored),
        cmocka_unit_test(a_head_that_falls_back_skips_no_event_to_come),
        cmocka_unit_test(a_tombstone_beyond_the_last_look_is_no_fallen_head),
        cmocka_unit_test(an_empty_class_has_nothing_to_send),
        cmocka_unit_test(settling_moves_the_cursor),
        cmocka_unit_test(trimming_under_a_slow_sink_skips_what_is_gone),
        cmocka_unit_test(an_answer_about_what_was_trimmed_meanwhile_decides_nothing),
        cmocka_unit_test(bisection_halves_down_to_the_offender),
        cmocka_unit_test(the_cursor_stays_before_a_held_slot),
        cmocka_unit_test(guilt_needs_an_acceptance_before_and_after),
        cmocka_unit_test(a_server_fault_must_happen_twice_alone),
        cmocka_unit_test(what_is_given_up_goes_out_as_a_tombstone_first),
        cmocka_unit_test(forgiving_goes_back_to_the_first_suspect),
        cmocka_unit_test(no_more_than_a_few_are_held),
        cmocka_unit_test(long_texts_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
