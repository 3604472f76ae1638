/* SPDX-License-Identifier: Apache-2.0 */
/* What a person asks for goes wrong: it costs the live events nothing, and ends. */
#include "tests/unit/cloud-link/uplink/rig.h"

#define HOUR_MS 3600000

static int open_with_history(void **state) {
    struct rig *rig = calloc(1, sizeof(*rig));
    rig_open(rig);
    set_head(rig, GW_CLASS_BUSINESS, 100);
    accept_all(rig);
    *state = rig;
    return 0;
}

static int close_it(void **state) {
    rig_close(*state);
    free(*state);
    return 0;
}

static void replay(struct rig *rig, uint64_t from, uint64_t to) {
    uint64_t events = 0;
    assert_int_equal(gw_uplink_replay(rig->uplink, GW_CLASS_BUSINESS, from, to, &events),
                     GW_OK);
    gw_uplink_tick(rig->uplink);
}

/* Business 101 is rejected and asked for again; its request is under way. */
static void letter(struct rig *rig) {
    char more[512];
    set_head(rig, GW_CLASS_BUSINESS, 101);
    (void) snprintf(more, sizeof(more), ",\"results\":[%s]",
                    result(rig, GW_CLASS_BUSINESS, 101, "rejected"));
    answer_contract(rig, 0, 200, more);
    struct gw_letter_key key = own_key(rig, GW_CLASS_BUSINESS, 101);
    assert_int_equal(gw_uplink_letter_retry(rig->uplink, &key), GW_OK);
    gw_uplink_tick(rig->uplink);
}

static bool is_replay(const struct rig *rig) {
    return strcmp(header(rig, 0, "Gangway-Replay"), "true") == 0;
}

static void refuse(struct rig *rig, unsigned status) {
    if (status == 0) {
        answer_fault(rig, 0, GW_HTTP_TIMED_OUT, "time-out");
    } else if (status == 200 || status == 400) { /* a portal, a proxy */
        answer_with(rig, 0, status, "text/html", "<html>welcome</html>");
    } else {
        answer_problem(rig, 0, status, "no");
    }
}

static const unsigned failures[] = {0, 200, 400, 401, 403, 404, 409, 415, 500, 502, 503};

static void live_events_leave_at_once(struct rig *rig, uint64_t head) {
    set_head(rig, GW_CLASS_BUSINESS, head);
    assert_int_equal(rig->transport.pending_count, 1);
    assert_false(is_replay(rig));
    assert_int_equal(header_number(rig, 0, "Gangway-Last"), head);
    accept(rig, 0);
}

static void whatever_a_replay_is_answered_live_events_leave_at_once(void **state) {
    struct rig *rig = *state;
    uint64_t head = 100;
    for (size_t i = 0; i < GW_ARRAY_LEN(failures); i++) {
        replay(rig, 1, 10);
        for (int tries = 0; tries < 4; tries++) {
            rig_wait_for_request(rig, 130000);
            assert_true(is_replay(rig));
            refuse(rig, failures[i]);
            live_events_leave_at_once(rig, ++head);
        }
        rig_wait_for_request(rig, 130000);
        refuse(rig, failures[i]); /* that was enough */
        rig_advance(rig, HOUR_MS);
        nothing_pending(rig);
        assert_non_null(strstr(status_text(rig), "\"replay_refusal\":\"ended at 1: "));
    }
    assert_false(is_raised(rig, GW_ISSUE_UPLINK_STOPPED));
    assert_false(is_raised(rig, GW_ISSUE_UPLINK_CONFIG));
    assert_false(is_raised(rig, GW_ISSUE_UPLINK_UNREACHABLE));
}

static void whatever_a_letter_is_answered_live_events_leave_at_once(void **state) {
    struct rig *rig = *state;
    struct gw_letter kept;
    uint64_t head = 101;
    letter(rig);
    struct gw_letter_key key = own_key(rig, GW_CLASS_BUSINESS, 101);
    for (size_t i = 0; i < GW_ARRAY_LEN(failures); i++) {
        for (int tries = 0; tries < 5; tries++) {
            rig_wait_for_request(rig, 130000);
            pending_is(rig, 0, "business", 101, 101);
            refuse(rig, failures[i]);
            live_events_leave_at_once(rig, ++head);
        }
        rig_advance(rig, HOUR_MS);
        nothing_pending(rig);
        assert_int_equal(find_letter(rig, 101, &kept), GW_OK);
        assert_false(kept.retry_due);
        assert_true(kept.event.len > 0 && kept.detail.len > 0);
        assert_int_equal(gw_uplink_letter_retry(rig->uplink, &key), GW_OK);
        gw_uplink_tick(rig->uplink);
    }
}

static void an_outage_does_not_end_a_replay(void **state) {
    struct rig *rig = *state;
    replay(rig, 1, 10);
    for (int i = 0; i < 20; i++) {
        rig_wait_for_request(rig, 130000);
        refuse(rig, i % 2 ? 503 : 0);
    }
    rig_wait_for_request(rig, 130000);
    pending_is(rig, 0, "business", 1, 10);
    accept(rig, 0);
    rig_advance(rig, HOUR_MS);
    nothing_pending(rig);
}

static void a_letter_due_longer_than_the_hourly_limit_allows_stops_nothing(void **state) {
    struct rig *rig = *state;
    struct gw_letter kept;
    char more[512];
    rig->sink.dead_letters_per_hour = 1;
    letter(rig); /* the limit is used up */
    (void) snprintf(more, sizeof(more), ",\"results\":[%s]",
                    result(rig, GW_CLASS_BUSINESS, 101, "rejected"));
    answer_contract(rig, 0, 200, more);
    assert_int_equal(find_letter(rig, 101, &kept), GW_OK);
    assert_false(kept.retry_due);
    assert_false(is_raised(rig, GW_ISSUE_UPLINK_STOPPED));
    live_events_leave_at_once(rig, 102);
}

static void a_replay_whose_events_are_refused_ends_and_leaves_the_hourly_limit(void **state) {
    struct rig *rig = *state;
    char more[1024];
    rig->sink.dead_letters_per_hour = 2;
    replay(rig, 1, 10);
    (void) snprintf(more, sizeof(more), ",\"results\":[%s,%s,%s]",
                    result(rig, GW_CLASS_BUSINESS, 2, "rejected"),
                    result(rig, GW_CLASS_BUSINESS, 3, "rejected"),
                    result(rig, GW_CLASS_BUSINESS, 4, "rejected"));
    answer_contract(rig, 0, 200, more);
    nothing_pending(rig);
    assert_non_null(strstr(status_text(rig), "\"replay_refusal\":\"ended at 4: "));
    assert_non_null(strstr(status_text(rig), "\"dead_letters\":2"));
    assert_false(is_raised(rig, GW_ISSUE_UPLINK_STOPPED));
    set_head(rig, GW_CLASS_BUSINESS, 102);
    (void) snprintf(more, sizeof(more), ",\"results\":[%s,%s]",
                    result(rig, GW_CLASS_BUSINESS, 101, "rejected"),
                    result(rig, GW_CLASS_BUSINESS, 102, "rejected"));
    answer_contract(rig, 0, 200, more);
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 102);
    assert_false(is_raised(rig, GW_ISSUE_UPLINK_STOPPED));
}

static void a_replay_follows_the_trim(void **state) {
    struct rig *rig = *state;
    replay(rig, 1, 50);
    refuse(rig, 503);
    gw_fake_queue_epoch(&rig->queue, GW_EPOCH_INDEX_OWN)->ranges[0].first = 40;
    rig_look(rig);
    rig_wait_for_request(rig, 5000);
    pending_is(rig, 0, "business", 40, 50);
    refuse(rig, 503);
    gw_fake_queue_epoch(&rig->queue, GW_EPOCH_INDEX_OWN)->ranges[0].first = 60;
    rig_look(rig);
    rig_advance(rig, HOUR_MS);
    nothing_pending(rig);
    assert_non_null(strstr(status_text(rig), "not stored any more"));
    replay(rig, 1, 100);
    pending_is(rig, 0, "business", 60, 100);
}

static void a_replay_of_what_is_not_there_ends_without_a_pause_of_the_class(void **state) {
    struct rig *rig = *state;
    replay(rig, 1, 50);
    refuse(rig, 503);
    /* trimmed after the last look: the read finds nothing of it */
    gw_fake_queue_epoch(&rig->queue, GW_EPOCH_INDEX_OWN)->ranges[0].first = 101;
    rig_advance(rig, 5000);
    nothing_pending(rig);
    live_events_leave_at_once(rig, 101);
    rig_advance(rig, HOUR_MS);
    nothing_pending(rig);
    assert_non_null(strstr(status_text(rig), "not stored any more"));
}

static void a_tombstone_that_reaches_beyond_a_replay_ends_it(void **state) {
    struct rig *rig = *state;
    gw_fake_queue_add_spot(&rig->queue, GW_FAKE_TOMBSTONE, GW_CLASS_BUSINESS, 5, 90);
    replay(rig, 1, 10);
    pending_is(rig, 0, "business", 1, 90);
    accept(rig, 0);
    nothing_pending(rig);
    assert_null(strstr(status_text(rig), "replay_left"));
    replay(rig, 1, 3);
}

static void a_bad_event_of_a_replay_is_left_out_and_five_in_a_row_end_it(void **state) {
    struct rig *rig = *state;
    replay(rig, 1, 16);
    while (header_number(rig, 0, "Gangway-Last") != 1) {
        refuse(rig, 422);
    }
    for (uint64_t i = 1; i <= 5; i++) {
        rig_wait_for_request(rig, 130000);
        while (header_number(rig, 0, "Gangway-Last") != i) {
            refuse(rig, 422);
        }
        pending_is(rig, 0, "business", i, i);
        refuse(rig, 422);
    }
    rig_advance(rig, HOUR_MS);
    nothing_pending(rig);
    assert_non_null(strstr(status_text(rig), "\"replay_left_out\":5"));
    live_events_leave_at_once(rig, 101);
}

#define ASKED(name) cmocka_unit_test_setup_teardown(name, open_with_history, close_it)

int main(void) {
    const struct CMUnitTest tests[] = {
        ASKED(whatever_a_replay_is_answered_live_events_leave_at_once),
        ASKED(whatever_a_letter_is_answered_live_events_leave_at_once),
        ASKED(an_outage_does_not_end_a_replay),
        ASKED(a_letter_due_longer_than_the_hourly_limit_allows_stops_nothing),
        ASKED(a_replay_whose_events_are_refused_ends_and_leaves_the_hourly_limit),
        ASKED(a_replay_follows_the_trim),
        ASKED(a_replay_of_what_is_not_there_ends_without_a_pause_of_the_class),
        ASKED(a_tombstone_that_reaches_beyond_a_replay_ends_it),
        ASKED(a_bad_event_of_a_replay_is_left_out_and_five_in_a_row_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
