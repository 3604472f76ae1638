/* SPDX-License-Identifier: Apache-2.0 */
/* Events wait and nothing moves: the sink, or one class of it. */
#include "tests/unit/cloud-link/uplink/rig.h"

static int open_watched(void **state) {
    struct rig *rig = calloc(1, sizeof(*rig));
    rig_prepare(rig);
    rig->sink.no_progress_s = 60;
    rig_open_uplink(rig);
    rig_look(rig);
    *state = rig;
    return 0;
}

static int close_it(void **state) {
    rig_close(*state);
    free(*state);
    return 0;
}

static bool stands(const struct rig *rig, const char *subject) {
    return gw_health_is_raised(rig->health, GW_ISSUE_UPLINK_NO_PROGRESS,
                               gw_str_from_cstr(subject));
}

/* For `ms`, the centre fails with business and takes the rest, of which there is
 * always more. */
static void serve_all_but_business(struct rig *rig, int64_t ms) {
    static uint64_t head;
    for (int64_t end = rig->fake_clock.mono_ms + ms; rig->fake_clock.mono_ms < end;) {
        set_head(rig, GW_CLASS_STATE, ++head);
        for (int i = 0; i < 10 && rig->transport.pending_count > 0; i++) {
            if (strcmp(header(rig, 0, "Gangway-Class"), "business") == 0) {
                answer_problem(rig, 0, 507, "full");
            } else {
                accept(rig, 0);
            }
        }
        rig_advance(rig, 5000);
    }
}

static void a_class_that_stands_while_others_move_has_an_issue_of_its_own(void **state) {
    struct rig *rig = *state;
    set_head(rig, GW_CLASS_BUSINESS, 3);
    serve_all_but_business(rig, 110000);
    assert_false(stands(rig, "main/business"));
    serve_all_but_business(rig, 20000);
    assert_true(stands(rig, "main/business"));
    assert_false(stands(rig, "main/state"));
    assert_false(stands(rig, "main"));
    assert_int_equal(rig->transport.renewed, 0); /* the connection is well */
    serve_all_but_business(rig, 600000);
    assert_true(stands(rig, "main/business"));
    assert_false(gw_uplink_wants_restart(rig->uplink));
    for (int i = 0; i < 20 && acked(rig, GW_CLASS_BUSINESS) < 3; i++) {
        rig_wait_for_request(rig, 130000);
        accept_all(rig);
    }
    assert_false(stands(rig, "main/business"));
}

static void when_all_stand_one_issue_says_so_and_then_the_rest_by_name(void **state) {
    struct rig *rig = *state;
    gw_fake_queue_set_head(&rig->queue, GW_CLASS_STATE, 3);
    set_head(rig, GW_CLASS_BUSINESS, 3);
    for (int i = 0; i < 40; i++) {
        rig_advance(rig, 5000);
        while (rig->transport.pending_count > 0) {
            answer_problem(rig, 0, 507, "full");
        }
    }
    assert_true(stands(rig, "main"));
    assert_false(stands(rig, "main/business"));
    assert_false(stands(rig, "main/state"));
    serve_all_but_business(rig, 300000);
    assert_false(stands(rig, "main"));
    assert_true(stands(rig, "main/business"));
    rig_restart(rig);
    assert_false(stands(rig, "main/business")); /* said anew if it is still so */
}

static void a_paused_class_neither_stands_nor_costs_a_connection(void **state) {
    struct rig *rig = *state;
    set_head(rig, GW_CLASS_TELEMETRY, 5);
    answer_contract(rig, 0, 200,
                    ",\"credit\":{\"pause_class\":\"telemetry\",\"pause_s\":1800}");
    set_head(rig, GW_CLASS_TELEMETRY, 9);
    for (int i = 0; i < 170; i++) {
        rig_advance(rig, 10000);
        nothing_pending(rig);
    }
    assert_int_equal(rig->transport.renewed, 0);
    assert_false(gw_uplink_wants_restart(rig->uplink));
    assert_false(stands(rig, "main"));
    assert_false(stands(rig, "main/telemetry"));
    rig_wait_for_request(rig, 110000);
    pending_is(rig, 0, "telemetry", 6, 9);
}

static void a_replay_that_is_taken_does_not_hide_that_events_stand(void **state) {
    struct rig *rig = *state;
    uint64_t events = 0;
    set_head(rig, GW_CLASS_STATE, 3);
    accept(rig, 0);
    set_head(rig, GW_CLASS_BUSINESS, 3);
    for (int i = 0; i < 60; i++) {
        rig_advance(rig, 5000);
        while (rig->transport.pending_count > 0) {
            answer_problem(rig, 0, 507, "full");
        }
    }
    assert_true(stands(rig, "main"));
    assert_int_equal(gw_uplink_replay(rig->uplink, GW_CLASS_STATE, 1, 3, &events), GW_OK);
    for (int i = 0; i < 100 && rig->transport.pending_count == 0; i++) {
        rig_wait(rig);
    }
    accept(rig, 0);
    assert_true(stands(rig, "main"));
}

#define WATCHED(name) cmocka_unit_test_setup_teardown(name, open_watched, close_it)

int main(void) {
    const struct CMUnitTest tests[] = {
        WATCHED(a_class_that_stands_while_others_move_has_an_issue_of_its_own),
        WATCHED(when_all_stand_one_issue_says_so_and_then_the_rest_by_name),
        WATCHED(a_paused_class_neither_stands_nor_costs_a_connection),
        WATCHED(a_replay_that_is_taken_does_not_hide_that_events_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
