/* SPDX-License-Identifier: Apache-2.0 */
/* Batches, cursors, classes, epochs, credit, replay: an uplink whose centre is
 * well. */
#include "tests/unit/cloud-link/uplink/rig.h"

static uint64_t pending_events(const struct rig *rig, size_t index) {
    return header_number(rig, index, "Gangway-Last")
           - header_number(rig, index, "Gangway-First") + 1;
}

static void an_event_at_rest_leaves_at_once_and_alone(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 1);
    pending_is(&rig, 0, "business", 1, 1);
    accept(&rig, 0);
    set_head(&rig, GW_CLASS_BUSINESS, 2);
    pending_is(&rig, 0, "business", 2, 2);
    rig_close(&rig);
}

static void one_request_of_a_class_is_in_flight_and_the_rest_gathers(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 1);
    for (uint64_t i = 2; i <= 20; i++) {
        set_head(&rig, GW_CLASS_BUSINESS, i);
        rig_advance(&rig, 50);
        assert_int_equal(rig.transport.pending_count, 1);
    }
    accept(&rig, 0);
    pending_is(&rig, 0, "business", 2, 20);
    rig_close(&rig);
}

static void batches_double_while_a_backlog_remains_and_rest_after(void **state) {
    (void) state;
    struct rig rig;
    static const uint64_t sizes[] = {500, 1000, 2000, 4000};
    rig_prepare(&rig);
    rig.sink.batch_events_max = 4000;
    rig.sink.batch_kib = 4096;
    rig_open_uplink(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 11600);
    for (size_t i = 0; i < GW_ARRAY_LEN(sizes); i++) {
        assert_int_equal(pending_events(&rig, 0), sizes[i]);
        accept(&rig, 0);
    }
    assert_int_equal(pending_events(&rig, 0), 4000);
    accept(&rig, 0);
    assert_int_equal(pending_events(&rig, 0), 100);
    accept(&rig, 0);
    set_head(&rig, GW_CLASS_BUSINESS, 13000);
    assert_int_equal(pending_events(&rig, 0), 500);
    rig_close(&rig);
}

static void batches_are_bounded_in_bytes_too(void **state) {
    (void) state;
    struct rig rig;
    rig_prepare(&rig);
    rig.sink.batch_kib = 16;
    rig_open_uplink(&rig);
    gw_fake_queue_add_spot(&rig.queue, GW_FAKE_LARGE, GW_CLASS_BUSINESS, 40, 55000);
    set_head(&rig, GW_CLASS_BUSINESS, 1000);
    assert_true(rig.transport.pending[0].body_len <= 16 * 1024 + 2);
    assert_true(pending_events(&rig, 0) < 40);
    while (header_number(&rig, 0, "Gangway-Last") < 40) {
        accept(&rig, 0);
    }
    /* an event larger than the limit goes alone */
    assert_true(body_holds(&rig, 0, "\"raw\":\"code 40 "));
    accept_all(&rig);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 1000);
    rig_close(&rig);
}

static void a_time_out_makes_batches_smaller(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 10000);
    uint64_t before = pending_events(&rig, 0);
    answer_fault(&rig, 0, GW_HTTP_TIMED_OUT, "");
    rig_wait_for_request(&rig, 5000);
    assert_in_range(pending_events(&rig, 0), before / 3, before / 2 + 1);
    for (int i = 0; i < 20; i++) {
        rig_wait_for_request(&rig, 700000);
        answer_fault(&rig, 0, GW_HTTP_TIMED_OUT, "");
    }
    rig_wait_for_request(&rig, 700000);
    assert_true(pending_events(&rig, 0) >= 5);
    rig_close(&rig);
}

static void classes_wait_their_linger_for_the_connection_then_open_one(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_AUDIT, 1);
    accept(&rig, 0); /* the sink is up */
    set_head(&rig, GW_CLASS_TELEMETRY, 1);
    pending_is(&rig, 0, "telemetry", 1, 1);
    set_head(&rig, GW_CLASS_BUSINESS, 1);
    assert_int_equal(rig.transport.pending_count, 1);
    rig_advance(&rig, rig.classes[GW_CLASS_BUSINESS].linger_ms);
    assert_int_equal(rig.transport.pending_count, 2);
    pending_is(&rig, 1, "business", 1, 1);
    set_head(&rig, GW_CLASS_STATE, 1);
    assert_int_equal(rig.transport.pending_count, 2);
    accept(&rig, 0);
    accept(&rig, 0);
    pending_is(&rig, 0, "state", 1, 1); /* the connection is free */
    rig_close(&rig);
}

static void every_class_with_a_backlog_gets_its_floor(void **state) {
    (void) state;
    struct rig rig;
    uint64_t served[GW_CLASS_COUNT] = {0};
    rig_prepare(&rig);
    rig.sink.batch_events = rig.sink.batch_events_max = 50;
    rig_open_uplink(&rig);
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        gw_fake_queue_set_head(&rig.queue, (enum gw_flow_class) class, 10000000);
    }
    rig_look(&rig);
    for (int i = 0; i < 300; i++) {
        enum gw_flow_class class;
        assert_int_equal(rig.transport.pending_count, 1);
        assert_int_equal(
            gw_flow_class_parse(gw_str_from_cstr(header(&rig, 0, "Gangway-Class")), &class),
            GW_OK);
        served[class] += pending_events(&rig, 0);
        accept(&rig, 0);
    }
    uint64_t total = served[0] + served[1] + served[2] + served[3];
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        uint64_t percent = served[class] * 100 / total;
        assert_true(percent + 3 >= rig.classes[class].link_floor_percent);
    }
    assert_true(served[GW_CLASS_BUSINESS] > served[GW_CLASS_TELEMETRY]);
    rig_close(&rig);
}

static void a_process_starts_with_jitter_and_one_request(void **state) {
    (void) state;
    struct rig rig;
    rig_prepare(&rig);
    rig.sink.first_jitter_ms = 60000;
    rig.random = UINT64_MAX;
    rig_open_uplink(&rig);
    gw_fake_queue_set_head(&rig.queue, GW_CLASS_STATE, 5);
    set_head(&rig, GW_CLASS_BUSINESS, 5);
    rig_advance(&rig, 59999);
    nothing_pending(&rig);
    rig_advance(&rig, 1);
    assert_int_equal(rig.transport.pending_count, 1);
    rig_advance(&rig, 60000);
    assert_int_equal(rig.transport.pending_count, 1);
    rig_close(&rig);
}

static void a_rate_limit_bounds_the_drain(void **state) {
    (void) state;
    struct rig rig;
    rig_prepare(&rig);
    rig.sink.max_events_per_second = 50;
    rig_open_uplink(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 100000);
    int64_t end = rig.fake_clock.mono_ms + 20000;
    while (rig.fake_clock.mono_ms < end) {
        if (rig.transport.pending_count > 0) {
            accept(&rig, 0);
        }
        rig_wait(&rig);
    }
    assert_in_range(acked(&rig, GW_CLASS_BUSINESS), 950, 1100);
    rig_close(&rig);
}

static void credit_of_the_answer_is_obeyed(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 5000);
    answer_contract(&rig, 0, 200, ",\"credit\":{\"max_events\":7}");
    assert_int_equal(pending_events(&rig, 0), 7);
    answer_contract(&rig, 0, 200, ",\"credit\":{\"max_events\":9,\"max_rate\":9}");
    nothing_pending(&rig); /* the bucket is empty */
    rig_wait_for_request(&rig, 1100);
    assert_in_range(pending_events(&rig, 0), 2, 9);
    accept(&rig, 0); /* without a credit: lifted */
    assert_true(pending_events(&rig, 0) > 100);
    rig_close(&rig);
}

static void a_paused_class_waits_and_the_others_go_on(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_TELEMETRY, 5);
    answer_contract(&rig, 0, 200, ",\"credit\":{\"pause_class\":\"telemetry\",\"pause_s\":30}");
    gw_fake_queue_set_head(&rig.queue, GW_CLASS_TELEMETRY, 9);
    set_head(&rig, GW_CLASS_BUSINESS, 1);
    pending_is(&rig, 0, "business", 1, 1);
    accept(&rig, 0);
    rig_advance(&rig, 29999);
    nothing_pending(&rig);
    rig_advance(&rig, 1);
    pending_is(&rig, 0, "telemetry", 6, 9);
    rig_close(&rig);
}

static void cursors_are_saved_lazily_and_a_crash_only_resends(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 10);
    accept(&rig, 0);
    rig_crash(&rig);
    pending_is(&rig, 0, "business", 1, 10); /* nothing was saved yet */
    accept(&rig, 0);
    rig_advance(&rig, 5000);
    set_head(&rig, GW_CLASS_BUSINESS, 12);
    accept(&rig, 0);
    rig_crash(&rig);
    pending_is(&rig, 0, "business", 11, 12);
    rig_close(&rig);
}

static void an_orderly_stop_saves_the_cursors(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 10);
    accept(&rig, 0);
    rig_restart(&rig);
    nothing_pending(&rig);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 10);
    rig_close(&rig);
}

static void a_saved_cursor_of_another_epoch_is_ignored(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 10);
    accept(&rig, 0);
    rig_restart(&rig);
    gw_fake_queue_epoch(&rig.queue, GW_EPOCH_INDEX_OWN)->epoch.low++;
    set_head(&rig, GW_CLASS_BUSINESS, 4);
    pending_is(&rig, 0, "business", 1, 4);
    rig_close(&rig);
}

static void a_head_that_falls_back_settles_no_event_to_come(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 4);
    accept(&rig, 0);
    set_head(&rig, GW_CLASS_BUSINESS, 10);
    pending_is(&rig, 0, "business", 5, 10);
    set_head(&rig, GW_CLASS_BUSINESS, 7);
    assert_int_equal(rig.transport.cancelled, 1);
    pending_is(&rig, 0, "business", 5, 7);
    accept(&rig, 0);
    set_head(&rig, GW_CLASS_BUSINESS, 2);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 2);
    set_head(&rig, GW_CLASS_BUSINESS, 3);
    pending_is(&rig, 0, "business", 3, 3);
    rig_close(&rig);
}

static void a_store_that_is_replaced_cancels_what_was_in_flight(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 10);
    gw_fake_queue_epoch(&rig.queue, GW_EPOCH_INDEX_OWN)->epoch.low++;
    set_head(&rig, GW_CLASS_BUSINESS, 3);
    assert_int_equal(rig.transport.cancelled, 1);
    pending_is(&rig, 0, "business", 1, 3);
    rig_close(&rig);
}

static void a_lost_link_store_begins_where_collectd_was_told(void **state) {
    (void) state;
    struct rig rig;
    rig_prepare(&rig);
    struct gw_queue_progress known = {
        .epoch = gw_fake_queue_epoch(&rig.queue, GW_EPOCH_INDEX_OWN)->epoch,
        .acked = {90, 0, 0, 0}};
    rig.options.known = &known;
    rig.options.known_count = 1;
    rig_open_uplink(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 100);
    pending_is(&rig, 0, "business", 91, 100);
    rig_close(&rig);
}

static void salvaged_epochs_drain_beside_the_own_one(void **state) {
    (void) state;
    struct rig rig;
    unsigned own = 0, salvaged = 0;
    rig_prepare(&rig);
    rig.sink.batch_events_max = 500;
    rig_open_uplink(&rig);
    gw_fake_queue_epoch(&rig.queue, 0)->ranges[GW_CLASS_BUSINESS] =
        (struct gw_queue_range){100, 100000};
    set_head(&rig, GW_CLASS_BUSINESS, 100000000);
    for (int i = 0; i < 40; i++) {
        if (strcmp(header(&rig, 0, "Gangway-Epoch"), "11122334455667700") == 0) {
            assert_non_null(strstr(header(&rig, 0, "Gangway-Heads"), "business=100000,"));
            salvaged++;
        } else {
            own++;
        }
        accept(&rig, 0);
    }
    assert_true(own > salvaged);
    assert_true(salvaged >= 8);
    rig_close(&rig);
}

static void a_salvaged_epoch_that_is_gone_is_forgotten(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    gw_fake_queue_epoch(&rig.queue, 0)->ranges[GW_CLASS_BUSINESS] =
        (struct gw_queue_range){7, 9};
    rig_look(&rig);
    pending_is(&rig, 0, "business", 7, 9);
    struct gw_epoch epoch = rig.queue.epochs[0].epoch;
    uint64_t cursors[GW_CLASS_COUNT], sent[GW_CLASS_COUNT];
    accept(&rig, 0);
    assert_true(gw_uplink_get_progress(rig.uplink, epoch, cursors, sent));
    assert_int_equal(cursors[GW_CLASS_BUSINESS], 9);
    rig.queue.epochs[0] = rig.queue.epochs[1];
    rig.queue.epoch_count = 1;
    rig_look(&rig);
    assert_false(gw_uplink_get_progress(rig.uplink, epoch, cursors, sent));
    rig_close(&rig);
}

static void sent_runs_ahead_of_acked(void **state) {
    (void) state;
    struct rig rig;
    uint64_t cursors[GW_CLASS_COUNT], sent[GW_CLASS_COUNT];
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 10);
    struct gw_epoch epoch = rig.queue.epochs[0].epoch;
    assert_true(gw_uplink_get_progress(rig.uplink, epoch, cursors, sent));
    assert_int_equal(cursors[GW_CLASS_BUSINESS], 0);
    assert_int_equal(sent[GW_CLASS_BUSINESS], 10);
    rig_close(&rig);
}

static void a_replay_sends_the_range_again_and_moves_no_cursor(void **state) {
    (void) state;
    struct rig rig;
    uint64_t events = 0;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 2000);
    accept_all(&rig);
    assert_int_equal(gw_uplink_replay(rig.uplink, GW_CLASS_BUSINESS, 100, 5000, &events),
                     GW_OK);
    assert_int_equal(events, 1901);
    assert_int_equal(gw_uplink_replay(rig.uplink, GW_CLASS_BUSINESS, 1, 2, &events),
                     GW_ERR_BUSY);
    gw_uplink_tick(rig.uplink);
    assert_string_equal(header(&rig, 0, "Gangway-Replay"), "true");
    assert_int_equal(header_number(&rig, 0, "Gangway-First"), 100);
    accept_all(&rig);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 2000);
    set_head(&rig, GW_CLASS_BUSINESS, 2001);
    pending_is(&rig, 0, "business", 2001, 2001);
    assert_string_equal(header(&rig, 0, "Gangway-Replay"), "");
    accept(&rig, 0);
    gw_fake_queue_epoch(&rig.queue, GW_EPOCH_INDEX_OWN)->ranges[0].first = 1500;
    rig_look(&rig);
    assert_int_equal(gw_uplink_replay(rig.uplink, GW_CLASS_BUSINESS, 1, 1499, &events),
                     GW_ERR_NOENT);
    assert_int_equal(gw_uplink_replay(rig.uplink, GW_CLASS_BUSINESS, 9, 8, &events),
                     GW_ERR_RANGE);
    rig_close(&rig);
}

static void a_replay_does_not_hold_live_events_back(void **state) {
    (void) state;
    struct rig rig;
    uint64_t events = 0;
    unsigned live = 0, replayed = 0;
    rig_prepare(&rig);
    rig.sink.batch_events_max = 500;
    rig_open_uplink(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 5000);
    accept_all(&rig);
    assert_int_equal(gw_uplink_replay(rig.uplink, GW_CLASS_BUSINESS, 1, 5000, &events), GW_OK);
    set_head(&rig, GW_CLASS_BUSINESS, 10000000);
    for (int i = 0; i < 12; i++) {
        bool is_replay = header(&rig, 0, "Gangway-Replay")[0] != '\0';
        replayed += is_replay;
        live += !is_replay;
        accept(&rig, 0);
    }
    assert_true(replayed >= 1 && live > replayed);
    rig_close(&rig);
}

static void a_letter_is_sent_again_and_goes_when_it_is_taken(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    char more[512];
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 3);
    (void) snprintf(more, sizeof(more), ",\"results\":[%s]",
                    result(&rig, GW_CLASS_BUSINESS, 2, "rejected"));
    answer_contract(&rig, 0, 200, more);
    struct gw_letter_key key = own_key(&rig, GW_CLASS_BUSINESS, 2);
    assert_int_equal(gw_uplink_letter_retry(rig.uplink, &key), GW_OK);
    rig_crash(&rig); /* asked for is asked for; the batch goes out again first */
    accept(&rig, 0);
    pending_is(&rig, 0, "business", 2, 2);
    assert_string_equal(header(&rig, 0, "Gangway-Replay"), "true");
    assert_true(body_holds(&rig, 0, "\"raw\":\"code 2 "));
    (void) snprintf(more, sizeof(more), ",\"results\":[%s]",
                    result(&rig, GW_CLASS_BUSINESS, 2, "rejected"));
    answer_contract(&rig, 0, 200, more);
    nothing_pending(&rig);
    assert_int_equal(find_letter(&rig, 2, &letter), GW_OK);
    assert_false(letter.retry_due);
    assert_int_equal(gw_uplink_letter_retry(rig.uplink, &key), GW_OK);
    gw_uplink_tick(rig.uplink);
    accept(&rig, 0);
    assert_int_equal(find_letter(&rig, 2, &letter), GW_ERR_NOENT);
    assert_int_equal(gw_uplink_letter_retry(rig.uplink, &key), GW_ERR_NOENT);
    nothing_pending(&rig);
    rig_close(&rig);
}

static void a_dropped_letter_is_gone(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    char more[512];
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 3);
    (void) snprintf(more, sizeof(more), ",\"results\":[%s]",
                    result(&rig, GW_CLASS_BUSINESS, 2, "rejected"));
    answer_contract(&rig, 0, 200, more);
    struct gw_letter_key key = own_key(&rig, GW_CLASS_BUSINESS, 2);
    assert_true(is_raised(&rig, GW_ISSUE_DEAD_LETTERS));
    assert_int_equal(gw_uplink_letter_drop(rig.uplink, &key), GW_OK);
    assert_int_equal(find_letter(&rig, 2, &letter), GW_ERR_NOENT);
    assert_false(is_raised(&rig, GW_ISSUE_DEAD_LETTERS));
    assert_int_equal(gw_uplink_letter_drop(rig.uplink, &key), GW_ERR_NOENT);
    rig_close(&rig);
}

static void standing_still_renews_the_connection_then_wants_a_restart(void **state) {
    (void) state;
    struct rig rig;
    rig_prepare(&rig);
    rig.sink.no_progress_s = 60;
    rig_open_uplink(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 3);
    rig_advance(&rig, 60000); /* the request never comes back */
    assert_int_equal(rig.transport.renewed, 1);
    assert_false(gw_uplink_wants_restart(rig.uplink));
    pending_is(&rig, 0, "business", 1, 3); /* tried again at once */
    rig_advance(&rig, 60000);
    assert_true(gw_uplink_wants_restart(rig.uplink));
    rig_crash(&rig);
    assert_true(is_raised(&rig, GW_ISSUE_UPLINK_NO_PROGRESS));
    rig_advance(&rig, 60000);
    rig_advance(&rig, 60000);
    assert_false(gw_uplink_wants_restart(rig.uplink)); /* once an outage */
    accept(&rig, 0);
    assert_false(is_raised(&rig, GW_ISSUE_UPLINK_NO_PROGRESS));
    rig_advance(&rig, 1);
    rig_restart(&rig); /* that outage is over and forgotten */
    assert_false(is_raised(&rig, GW_ISSUE_UPLINK_NO_PROGRESS));
    rig_close(&rig);
}

static void an_idle_uplink_is_healthy(void **state) {
    (void) state;
    struct rig rig;
    rig_prepare(&rig);
    rig.sink.no_progress_s = 60;
    rig_open_uplink(&rig);
    rig_look(&rig);
    for (int i = 0; i < 10; i++) {
        rig_advance(&rig, 30000);
    }
    assert_int_equal(rig.transport.renewed, 0);
    assert_false(gw_uplink_wants_restart(rig.uplink));
    rig_close(&rig);
}

static void a_stopped_sink_is_not_restarted(void **state) {
    (void) state;
    struct rig rig;
    rig_prepare(&rig);
    rig.sink.no_progress_s = 60;
    rig_open_uplink(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 3);
    answer_problem(&rig, 0, 403, "wrong_serial");
    for (int i = 0; i < 10; i++) {
        rig_advance(&rig, 30000);
        if (rig.transport.pending_count > 0) {
            answer_problem(&rig, 0, 403, "wrong_serial");
        }
    }
    assert_false(gw_uplink_wants_restart(rig.uplink));
    assert_true(is_raised(&rig, GW_ISSUE_UPLINK_NO_PROGRESS));
    rig_close(&rig);
}

static void a_centre_that_asks_for_a_long_silence_gets_it(void **state) {
    (void) state;
    struct rig rig;
    rig_prepare(&rig);
    rig.sink.no_progress_s = 60;
    rig_open_uplink(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 3);
    struct gw_http_answer answer = {
        .fault = GW_HTTP_ANSWERED, .text = "", .status = 503, .retry_after = GW_STR("600")};
    gw_fake_transport_answer(&rig.transport, 0, &answer);
    for (int i = 0; i < 59; i++) {
        rig_advance(&rig, 10000);
        nothing_pending(&rig);
        assert_false(gw_uplink_wants_restart(rig.uplink));
    }
    rig_wait_for_request(&rig, 20000);
    rig_close(&rig);
}

static void a_transport_that_takes_nothing_is_asked_again_later(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    rig.transport.refuse_with = GW_ERR_BUSY;
    set_head(&rig, GW_CLASS_BUSINESS, 3);
    nothing_pending(&rig);
    rig.transport.refuse_with = GW_OK;
    rig_wait_for_request(&rig, 3000);
    pending_is(&rig, 0, "business", 1, 3);
    rig_close(&rig);
}

static void reads_that_fail_are_tried_again_later(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    rig.queue.fail_with = GW_ERR_IO;
    set_head(&rig, GW_CLASS_BUSINESS, 3);
    nothing_pending(&rig);
    rig.queue.fail_with = GW_OK;
    rig_wait_for_request(&rig, 3000);
    pending_is(&rig, 0, "business", 1, 3);
    rig_close(&rig);
}

static void the_status_names_every_class_and_the_latency(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 3);
    accept(&rig, 0);
    set_head(&rig, GW_CLASS_BUSINESS, 5);
    gw_fake_clock_advance(&rig.fake_clock, 1000);
    const char *text = status_text(&rig);
    assert_non_null(strstr(text, "\"business\":{\"head\":5,\"acked\":3,\"sent\":5,"
                                 "\"backlog\":2,\"oldest_age_ms\":1005,\"in_flight\":2}"));
    assert_non_null(strstr(text, "\"latency_p50_ms\":5"));
    assert_non_null(strstr(text, "\"epoch\":\"111223344556677ff\""));
    assert_non_null(strstr(text, "\"audit\":{\"head\":0"));
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_at_rest_leaves_at_once_and_alone),
        cmocka_unit_test(one_request_of_a_class_is_in_flight_and_the_rest_gathers),
        cmocka_unit_test(batches_double_while_a_backlog_remains_and_rest_after),
        cmocka_unit_test(batches_are_bounded_in_bytes_too),
        cmocka_unit_test(a_time_out_makes_batches_smaller),
        cmocka_unit_test(classes_wait_their_linger_for_the_connection_then_open_one),
        cmocka_unit_test(every_class_with_a_backlog_gets_its_floor),
        cmocka_unit_test(a_process_starts_with_jitter_and_one_request),
        cmocka_unit_test(a_rate_limit_bounds_the_drain),
        cmocka_unit_test(credit_of_the_answer_is_obeyed),
        cmocka_unit_test(a_paused_class_waits_and_the_others_go_on),
        cmocka_unit_test(cursors_are_saved_lazily_and_a_crash_only_resends),
        cmocka_unit_test(an_orderly_stop_saves_the_cursors),
        cmocka_unit_test(a_saved_cursor_of_another_epoch_is_ignored),
        cmocka_unit_test(a_head_that_falls_back_settles_no_event_to_come),
        cmocka_unit_test(a_store_that_is_replaced_cancels_what_was_in_flight),
        cmocka_unit_test(a_lost_link_store_begins_where_collectd_was_told),
        cmocka_unit_test(salvaged_epochs_drain_beside_the_own_one),
        cmocka_unit_test(a_salvaged_epoch_that_is_gone_is_forgotten),
        cmocka_unit_test(sent_runs_ahead_of_acked),
        cmocka_unit_test(a_replay_sends_the_range_again_and_moves_no_cursor),
        cmocka_unit_test(a_replay_does_not_hold_live_events_back),
        cmocka_unit_test(a_letter_is_sent_again_and_goes_when_it_is_taken),
        cmocka_unit_test(a_dropped_letter_is_gone),
        cmocka_unit_test(standing_still_renews_the_connection_then_wants_a_restart),
        cmocka_unit_test(an_idle_uplink_is_healthy),
        cmocka_unit_test(a_stopped_sink_is_not_restarted),
        cmocka_unit_test(a_centre_that_asks_for_a_long_silence_gets_it),
        cmocka_unit_test(a_transport_that_takes_nothing_is_asked_again_later),
        cmocka_unit_test(reads_that_fail_are_tried_again_later),
        cmocka_unit_test(the_status_names_every_class_and_the_latency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
