/* SPDX-License-Identifier: Apache-2.0 */
/* The software was rolled back: the queue holds what only a newer release understands. */
#include "tests/unit/cloud-link/uplink/rig.h"

/* The issue of `subject`; fails if it is not raised. */
static const char *detail_of(const struct rig *rig, const char *subject) {
    static char text[256];
    struct gw_issue_view view;
    for (size_t i = 0; gw_health_issue_at(rig->health, i, &view); i++) {
        if (view.info->code == GW_ISSUE_STORE_RECORD_NEWER
            && gw_str_eq(view.subject, gw_str_from_cstr(subject))) {
            (void) snprintf(text, sizeof(text), "%.*s", GW_STR_ARG(view.detail));
            return text;
        }
    }
    fail_msg("no issue for %s", subject);
    return NULL;
}

static bool waits(const struct rig *rig, const char *subject) {
    return gw_health_is_raised(rig->health, GW_ISSUE_STORE_RECORD_NEWER,
                               gw_str_from_cstr(subject));
}

static const struct {
    enum gw_fake_spot_kind kind;
    uint64_t found;
    const char *detail;
} cases[] = {
    {GW_FAKE_NEWER, 7, "business 3: record format 7, this release reads up to 1;"},
    {GW_FAKE_RENDERER, 9, "business 3: renderer version 9, this release has 1;"},
    {GW_FAKE_TYPE, 60, "business 3: event type 60, this release knows numbers up to 53;"},
};

static void what_a_newer_release_wrote_waits_and_is_no_tombstone(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        struct rig rig;
        struct gw_letter letter;
        rig_prepare(&rig);
        rig.sink.no_progress_s = 60;
        rig_open_uplink(&rig);
        gw_fake_queue_add_spot(&rig.queue, cases[i].kind, GW_CLASS_BUSINESS, 3, cases[i].found);
        set_head(&rig, GW_CLASS_BUSINESS, 5);
        pending_is(&rig, 0, "business", 1, 2); /* what is before it goes */
        accept(&rig, 0);
        nothing_pending(&rig);
        assert_memory_equal(detail_of(&rig, "main/business"), cases[i].detail,
                            strlen(cases[i].detail));
        for (uint64_t head = 1; head <= 60; head++) {
            rig_advance(&rig, 10000);
            set_head(&rig, GW_CLASS_STATE, head); /* the others go on */
            pending_is(&rig, 0, "state", head, head);
            accept(&rig, 0);
        }
        nothing_pending(&rig);
        assert_int_equal(rig.transport.renewed, 0);
        assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 2);
        assert_int_equal(find_letter(&rig, 3, &letter), GW_ERR_NOENT);
        rig.queue.spot_count = 0; /* the software understands it again */
        rig_wait_for_request(&rig, 61000);
        pending_is(&rig, 0, "business", 3, 5);
        assert_false(waits(&rig, "main/business"));
        accept(&rig, 0);
        assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 5);
        rig_close(&rig);
    }
}

static void a_sink_that_has_nothing_else_is_not_restarted_for_it(void **state) {
    (void) state;
    struct rig rig;
    rig_prepare(&rig);
    rig.sink.no_progress_s = 60;
    rig_open_uplink(&rig);
    gw_fake_queue_add_spot(&rig.queue, GW_FAKE_NEWER, GW_CLASS_BUSINESS, 1, 2);
    set_head(&rig, GW_CLASS_BUSINESS, 5);
    for (int i = 0; i < 100; i++) {
        rig_advance(&rig, 5000);
        nothing_pending(&rig);
    }
    assert_int_equal(rig.transport.renewed, 0);
    assert_false(gw_uplink_wants_restart(rig.uplink));
    assert_true(waits(&rig, "main/business"));
    assert_true(rig.queue.reads < 20); /* it is looked at now and then */
    rig_restart(&rig);
    assert_true(waits(&rig, "main/business"));
    gw_uplink_close(rig.uplink);
    rig.uplink = NULL;
    assert_false(waits(&rig, "main/business"));
    rig_close(&rig);
}

static void another_epoch_of_the_class_goes_on(void **state) {
    (void) state;
    struct rig rig;
    rig_open(&rig);
    gw_fake_queue_epoch(&rig.queue, 0)->ranges[GW_CLASS_BUSINESS] =
        (struct gw_queue_range){7, 9};
    gw_fake_queue_add_spot(&rig.queue, GW_FAKE_NEWER, GW_CLASS_BUSINESS, 7, 2);
    rig.queue.spots[0].epoch_index = 0;
    rig_look(&rig);
    nothing_pending(&rig);
    assert_true(waits(&rig, "main/business"));
    set_head(&rig, GW_CLASS_BUSINESS, 5);
    pending_is(&rig, 0, "business", 1, 5);
    accept(&rig, 0);
    assert_true(waits(&rig, "main/business"));
    rig.queue.epochs[0] = rig.queue.epochs[1]; /* the other epoch is gone */
    rig.queue.epoch_count = 1;
    rig_look(&rig);
    assert_false(waits(&rig, "main/business"));
    rig_close(&rig);
}

static void a_replay_ends_before_it_and_says_so(void **state) {
    (void) state;
    struct rig rig;
    uint64_t events = 0;
    rig_open(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 9);
    accept(&rig, 0);
    gw_fake_queue_add_spot(&rig.queue, GW_FAKE_RENDERER, GW_CLASS_BUSINESS, 4, 2);
    assert_int_equal(gw_uplink_replay(rig.uplink, GW_CLASS_BUSINESS, 1, 9, &events), GW_OK);
    gw_uplink_tick(rig.uplink);
    pending_is(&rig, 0, "business", 1, 3);
    accept(&rig, 0);
    nothing_pending(&rig);
    assert_non_null(
        strstr(status_text(&rig), "\"replay_refusal\":\"ended at 4: renderer version 2"));
    assert_false(waits(&rig, "main/business"));
    set_head(&rig, GW_CLASS_BUSINESS, 10);
    pending_is(&rig, 0, "business", 10, 10);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_newer_release_wrote_waits_and_is_no_tombstone),
        cmocka_unit_test(a_sink_that_has_nothing_else_is_not_restarted_for_it),
        cmocka_unit_test(another_epoch_of_the_class_goes_on),
        cmocka_unit_test(a_replay_ends_before_it_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
