/* SPDX-License-Identifier: Apache-2.0 */
/* Events the centre cannot take: found, held aside, judged, given up or not. */
#include "tests/unit/cloud-link/uplink/rig.h"

/* A centre that refuses every request with one of `bad` in it, by `status`. */
struct centre {
    uint64_t bad[16];
    size_t bad_count;
    unsigned status;
    unsigned requests, tombstones;
};

static bool is_bad(const struct rig *rig, const struct centre *centre, size_t index) {
    for (size_t i = 0; i < centre->bad_count; i++) {
        char part[64];
        (void) snprintf(part, sizeof(part), "\"raw\":\"code %llu ",
                        (unsigned long long) centre->bad[i]);
        if (body_holds(rig, index, part)) {
            return true;
        }
    }
    return false;
}

/* Serve what is pending, and what follows, for `ms` of time. */
static void serve(struct rig *rig, struct centre *centre, int64_t ms) {
    int64_t end = rig->fake_clock.mono_ms + ms;
    for (int i = 0; i < 5000 && rig->fake_clock.mono_ms <= end; i++) {
        if (rig->transport.pending_count == 0) {
            int64_t next = gw_uplink_next_mono_ms(rig->uplink);
            if (next > end) {
                return;
            }
            rig_wait(rig);
            continue;
        }
        centre->requests++;
        centre->tombstones += body_holds(rig, 0, "\"reason\":\"dead_letter\"");
        if (is_bad(rig, centre, 0)) {
            answer_problem(rig, 0, centre->status, "schema");
        } else {
            accept(rig, 0);
        }
    }
}

static void a_poisonous_event_is_isolated_and_replaced_by_a_tombstone(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    struct centre centre = {.bad = {333}, .bad_count = 1, .status = 422};
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 1000);
    serve(&rig, &centre, 1000);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 1000);
    assert_int_equal(find_letter(&rig, 333, &letter), GW_OK);
    assert_int_equal(letter.verdict, GW_LETTER_REFUSED);
    assert_true(letter.is_tombstone);
    assert_true(gw_str_eq(letter.code, GW_STR("schema")));
    assert_true(gw_str_eq(letter.detail, GW_STR("because")));
    assert_true(is_raised(&rig, GW_ISSUE_DEAD_LETTERS));
    assert_int_equal(centre.tombstones, 1);
    assert_true(centre.requests < 30);
    assert_int_equal(find_letter(&rig, 332, &letter), GW_ERR_NOENT);
    assert_int_equal(find_letter(&rig, 334, &letter), GW_ERR_NOENT);
    rig_close(&rig);
}

static void a_400_with_our_problem_is_bisected_too(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    struct centre centre = {.bad = {1, 500}, .bad_count = 2, .status = 400};
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 500);
    serve(&rig, &centre, 1000);
    assert_int_equal(find_letter(&rig, 1, &letter), GW_OK);
    /* nothing was accepted after the last one yet: it is held, not given up */
    assert_int_equal(find_letter(&rig, 500, &letter), GW_ERR_NOENT);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 499);
    set_head(&rig, GW_CLASS_BUSINESS, 501);
    serve(&rig, &centre, 1000);
    assert_int_equal(find_letter(&rig, 500, &letter), GW_OK);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 501);
    rig_close(&rig);
}

static void an_acceptance_in_another_class_is_evidence_too(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    struct centre centre = {.bad = {5}, .bad_count = 1, .status = 422};
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 5);
    serve(&rig, &centre, 1000);
    assert_int_equal(find_letter(&rig, 5, &letter), GW_ERR_NOENT);
    set_head(&rig, GW_CLASS_STATE, 1);
    serve(&rig, &centre, 1000);
    assert_int_equal(find_letter(&rig, 5, &letter), GW_OK);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 5);
    rig_close(&rig);
}

static void a_suspect_that_is_taken_after_all_is_no_dead_letter(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    struct centre centre = {.bad = {1}, .bad_count = 1, .status = 422};
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 1);
    serve(&rig, &centre, 1000);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 0);
    centre.bad_count = 0;
    set_head(&rig, GW_CLASS_BUSINESS, 2); /* accepted: 1 is asked about again */
    serve(&rig, &centre, 1000);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 2);
    assert_int_equal(find_letter(&rig, 1, &letter), GW_ERR_NOENT);
    rig_close(&rig);
}

static void
a_centre_that_refuses_everything_stops_the_sink_without_a_dead_letter(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 10000);
    for (int i = 0; i < 500 && rig.transport.pending_count > 0; i++) {
        answer_problem(&rig, 0, 422, "schema");
    }
    nothing_pending(&rig);
    assert_true(is_raised(&rig, GW_ISSUE_UPLINK_STOPPED));
    assert_non_null(strstr(status_text(&rig), "\"dead_letters\":0"));
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 0);
    rig_wait_for_request(&rig, 600000);
    pending_is(&rig, 0, "business", 1, header_number(&rig, 0, "Gangway-Last"));
    accept_all(&rig);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 10000);
    assert_false(is_raised(&rig, GW_ISSUE_UPLINK_STOPPED));
    rig_close(&rig);
}

static void more_dead_letters_than_allowed_an_hour_stop_the_sink(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    char more[1024];
    rig_prepare(&rig);
    rig.sink.dead_letters_per_hour = 2;
    rig_open_uplink(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 10);
    (void) snprintf(more, sizeof(more), ",\"results\":[%s,%s,%s]",
                    result(&rig, GW_CLASS_BUSINESS, 8, "rejected"),
                    result(&rig, GW_CLASS_BUSINESS, 3, "rejected"),
                    result(&rig, GW_CLASS_BUSINESS, 5, "rejected"));
    answer_contract(&rig, 0, 200, more);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 7);
    assert_int_equal(find_letter(&rig, 5, &letter), GW_OK);
    assert_int_equal(find_letter(&rig, 8, &letter), GW_ERR_NOENT);
    assert_true(is_raised(&rig, GW_ISSUE_UPLINK_STOPPED));
    rig_advance(&rig, 30000);
    nothing_pending(&rig);
    /* an hour later it may go on */
    rig_advance(&rig, 3600000);
    pending_is(&rig, 0, "business", 8, 10);
    (void) snprintf(more, sizeof(more), ",\"results\":[%s]",
                    result(&rig, GW_CLASS_BUSINESS, 8, "rejected"));
    answer_contract(&rig, 0, 200, more);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 10);
    rig_close(&rig);
}

static void an_event_that_alone_makes_the_server_fail_is_given_up(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    struct centre centre = {.bad = {37}, .bad_count = 1, .status = 500};
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 100);
    serve(&rig, &centre, 600000);
    /* failed twice alone, its neighbours passed before; one more must pass after */
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 36);
    set_head(&rig, GW_CLASS_BUSINESS, 101);
    serve(&rig, &centre, 600000);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 101);
    assert_int_equal(find_letter(&rig, 37, &letter), GW_OK);
    assert_int_equal(letter.verdict, GW_LETTER_SERVER_FAULT);
    assert_true(gw_str_eq(letter.detail, GW_STR("refused by server fault")));
    assert_int_equal(centre.tombstones, 1);
    rig_close(&rig);
}

static void a_server_that_fails_for_all_gets_no_event_given_up(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 100);
    set_head(&rig, GW_CLASS_STATE, 3);
    for (int i = 0; i < 300; i++) {
        rig_wait_for_request(&rig, 130000);
        assert_true(header_number(&rig, 0, "Gangway-First") <= 2); /* never far ahead */
        answer_problem(&rig, 0, 500, "broken");
    }
    assert_false(is_raised(&rig, GW_ISSUE_UPLINK_STOPPED));
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 0);
    struct centre centre = {0};
    serve(&rig, &centre, 600000);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 100);
    assert_int_equal(acked(&rig, GW_CLASS_STATE), 3);
    assert_non_null(strstr(status_text(&rig), "\"dead_letters\":0"));
    rig_close(&rig);
}

static void five_hundred_three_is_never_taken_apart(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 100);
    for (int i = 0; i < 30; i++) {
        rig_wait_for_request(&rig, 130000);
        pending_is(&rig, 0, "business", 1, 100);
        answer_problem(&rig, 0, 503, "busy");
    }
    rig_close(&rig);
}

static void a_class_in_trouble_does_not_hold_the_others(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 100);
    answer_problem(&rig, 0, 500, "broken");
    nothing_pending(&rig);
    set_head(&rig, GW_CLASS_STATE, 1);
    pending_is(&rig, 0, "state", 1, 1);
    rig_close(&rig);
}

static void after_a_crash_the_given_up_slot_is_still_a_tombstone(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    struct centre centre = {.bad = {2}, .bad_count = 1, .status = 422};
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 4);
    for (int i = 0; i < 20 && find_letter(&rig, 2, &letter); i++) {
        if (is_bad(&rig, &centre, 0)) {
            answer_problem(&rig, 0, 422, "schema");
        } else {
            accept(&rig, 0);
        }
    }
    assert_int_equal(find_letter(&rig, 2, &letter), GW_OK);
    rig_crash(&rig); /* before the tombstone was taken; no cursor was ever saved */
    pending_is(&rig, 0, "business", 1, 4);
    assert_true(body_holds(&rig, 0, "\"reason\":\"dead_letter\""));
    assert_true(body_holds(&rig, 0, "{\"count\":1,\"first\":2,\"last\":2,"));
    assert_false(body_holds(&rig, 0, "\"raw\":\"code 2 "));
    assert_true(body_holds(&rig, 0, "\"raw\":\"code 3 "));
    accept(&rig, 0);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 4);
    rig_close(&rig);
}

static void a_refused_tombstone_is_never_given_up(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    gw_fake_queue_add_spot(&rig.queue, GW_FAKE_TOMBSTONE, GW_CLASS_BUSINESS, 1, 5);
    set_head(&rig, GW_CLASS_BUSINESS, 5);
    pending_is(&rig, 0, "business", 1, 5);
    answer_problem(&rig, 0, 422, "tombstone");
    assert_true(is_raised(&rig, GW_ISSUE_UPLINK_CONFIG));
    rig_wait_for_request(&rig, 600000);
    char more[256];
    (void) snprintf(more, sizeof(more), ",\"results\":[%s]",
                    result(&rig, GW_CLASS_BUSINESS, 1, "rejected"));
    answer_contract(&rig, 0, 200, more);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 0);
    assert_true(is_raised(&rig, GW_ISSUE_UPLINK_BAD_ANSWER));
    rig_wait_for_request(&rig, 600000);
    accept(&rig, 0);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 5);
    rig_close(&rig);
}

static void a_corrupt_record_goes_out_as_the_same_tombstone_each_time(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    rig_open(&rig);
    gw_fake_queue_add_spot(&rig.queue, GW_FAKE_CORRUPT, GW_CLASS_BUSINESS, 3, 3);
    set_head(&rig, GW_CLASS_BUSINESS, 5);
    pending_is(&rig, 0, "business", 1, 5);
    assert_true(
        body_holds(&rig, 0, "{\"count\":1,\"first\":3,\"last\":3,\"reason\":\"corrupt\"}"));
    assert_true(is_raised(&rig, GW_ISSUE_STORE_RECORD_CORRUPT));
    assert_int_equal(find_letter(&rig, 3, &letter), GW_OK);
    assert_int_equal(letter.verdict, GW_LETTER_CORRUPT);
    char *body = strdup(rig.transport.pending[0].body);
    answer_fault(&rig, 0, GW_HTTP_UNREACHABLE, "cut");
    rig_wait_for_request(&rig, 5000);
    assert_string_equal(rig.transport.pending[0].body, body);
    rig_crash(&rig);
    gw_fake_clock_advance(&rig.fake_clock, 100000);
    rig_wait_for_request(&rig, 5000);
    assert_string_equal(rig.transport.pending[0].body, body);
    free(body);
    accept(&rig, 0);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 5);
    rig_close(&rig);
}

static void a_hole_is_a_loss_only_if_it_outlives_a_look(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    gw_fake_queue_add_spot(&rig.queue, GW_FAKE_HOLE, GW_CLASS_BUSINESS, 3, 4);
    set_head(&rig, GW_CLASS_BUSINESS, 6);
    pending_is(&rig, 0, "business", 1, 2); /* ends before it */
    accept(&rig, 0);
    nothing_pending(&rig);
    rig_advance(&rig, 1000);
    nothing_pending(&rig);
    rig_look(&rig);
    rig_wait_for_request(&rig, 5000);
    pending_is(&rig, 0, "business", 3, 6);
    assert_true(
        body_holds(&rig, 0, "{\"count\":2,\"first\":3,\"last\":4,\"reason\":\"corrupt\"}"));
    rig_close(&rig);
}

static void records_trimmed_between_look_and_read_are_no_loss(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    rig_open(&rig);
    gw_fake_queue_set_head(&rig.queue, GW_CLASS_BUSINESS, 10);
    assert_int_equal(gw_uplink_set_epochs(rig.uplink, rig.queue.epochs, rig.queue.epoch_count),
                     GW_OK);
    gw_fake_queue_epoch(&rig.queue, GW_EPOCH_INDEX_OWN)->ranges[0].first = 5;
    gw_uplink_tick(rig.uplink);
    nothing_pending(&rig);
    rig_look(&rig);
    rig_wait_for_request(&rig, 5000);
    pending_is(&rig, 0, "business", 5, 10);
    assert_int_equal(find_letter(&rig, 1, &letter), GW_ERR_NOENT);
    assert_false(is_raised(&rig, GW_ISSUE_STORE_RECORD_CORRUPT));
    rig_close(&rig);
}

static void a_refusal_of_a_trimmed_event_does_not_hit_the_next_one(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    struct centre centre = {.status = 422};
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 1);
    accept(&rig, 0);
    set_head(&rig, GW_CLASS_BUSINESS, 2);
    pending_is(&rig, 0, "business", 2, 2);
    gw_fake_queue_epoch(&rig.queue, GW_EPOCH_INDEX_OWN)->ranges[0].first = 5;
    set_head(&rig, GW_CLASS_BUSINESS, 10);
    answer_problem(&rig, 0, 422, "schema");
    pending_is(&rig, 0, "business", 5, 10);
    serve(&rig, &centre, 1000);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 10);
    assert_int_equal(find_letter(&rig, 5, &letter), GW_ERR_NOENT);
    assert_int_equal(centre.tombstones, 0);
    rig_close(&rig);
}

static void a_tombstone_that_grew_is_sent_from_where_it_was_left(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_TELEMETRY, 4);
    accept(&rig, 0);
    gw_fake_queue_add_spot(&rig.queue, GW_FAKE_TOMBSTONE, GW_CLASS_TELEMETRY, 3, 9);
    set_head(&rig, GW_CLASS_TELEMETRY, 10);
    pending_is(&rig, 0, "telemetry", 5, 10);
    assert_true(
        body_holds(&rig, 0, "{\"count\":5,\"first\":5,\"last\":9,\"reason\":\"evicted\"}"));
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_poisonous_event_is_isolated_and_replaced_by_a_tombstone),
        cmocka_unit_test(a_400_with_our_problem_is_bisected_too),
        cmocka_unit_test(an_acceptance_in_another_class_is_evidence_too),
        cmocka_unit_test(a_suspect_that_is_taken_after_all_is_no_dead_letter),
        cmocka_unit_test(a_centre_that_refuses_everything_stops_the_sink_without_a_dead_letter),
        cmocka_unit_test(more_dead_letters_than_allowed_an_hour_stop_the_sink),
        cmocka_unit_test(an_event_that_alone_makes_the_server_fail_is_given_up),
        cmocka_unit_test(a_server_that_fails_for_all_gets_no_event_given_up),
        cmocka_unit_test(five_hundred_three_is_never_taken_apart),
        cmocka_unit_test(a_class_in_trouble_does_not_hold_the_others),
        cmocka_unit_test(after_a_crash_the_given_up_slot_is_still_a_tombstone),
        cmocka_unit_test(a_refused_tombstone_is_never_given_up),
        cmocka_unit_test(a_corrupt_record_goes_out_as_the_same_tombstone_each_time),
        cmocka_unit_test(a_hole_is_a_loss_only_if_it_outlives_a_look),
        cmocka_unit_test(records_trimmed_between_look_and_read_are_no_loss),
        cmocka_unit_test(a_refusal_of_a_trimmed_event_does_not_hit_the_next_one),
        cmocka_unit_test(a_tombstone_that_grew_is_sent_from_where_it_was_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
