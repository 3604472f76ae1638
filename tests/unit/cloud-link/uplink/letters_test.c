/* SPDX-License-Identifier: Apache-2.0 */
/* Letters when the link store fails or is full: nothing counts that is not kept, and
 * nothing is acknowledged that has not been kept. */
#include "tests/unit/cloud-link/uplink/rig.h"

#define FILLER_FIRST 1000000

static void reject(struct rig *rig, uint64_t sequence) {
    char more[512];
    (void) snprintf(more, sizeof(more), ",\"results\":[%s]",
                    result(rig, GW_CLASS_BUSINESS, sequence, "rejected"));
    answer_contract(rig, 0, 200, more);
}

static void a_letter_whose_commit_fails_counts_for_nothing(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    rig_prepare(&rig);
    rig.sink.dead_letters_per_hour = 1;
    rig_open_uplink(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 3);
    rig.is_failing = true;
    for (unsigned i = 0; i < 4; i++) {
        rig.fails_at = i % 2 ? GW_STORE_COMMIT : GW_STORE_PUT;
        rig_wait_for_request(&rig, 130000);
        reject(&rig, 2);
        assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 0);
        assert_non_null(strstr(status_text(&rig), "\"dead_letters\":0"));
        assert_false(is_raised(&rig, GW_ISSUE_DEAD_LETTERS));
    }
    assert_true(gw_health_is_raised(rig.health, GW_ISSUE_STORE_WRITE_FAILED, GW_STR("link")));
    rig.is_failing = false;
    rig_wait_for_request(&rig, 130000);
    reject(&rig, 2); /* the hourly limit of one is not used up */
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 3);
    assert_int_equal(find_letter(&rig, 2, &letter), GW_OK);
    assert_non_null(strstr(status_text(&rig), "\"dead_letters\":1"));
    assert_true(is_raised(&rig, GW_ISSUE_DEAD_LETTERS));
    rig_close(&rig);
}

/* Letters of `bytes` from *next on until there is no room for another. */
static void fill(struct rig *rig, size_t bytes, uint64_t *next) {
    static char text[60000];
    enum gw_err err = GW_OK;
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < 100000 && !err; i++) {
        struct gw_letter_key key = own_key(rig, GW_CLASS_AUDIT, *next);
        struct gw_letter letter = {.verdict = GW_LETTER_REJECTED, .event = {text, bytes}};
        assert_int_equal(gw_link_store_begin(rig->store), GW_OK);
        err = gw_link_store_put_letter(rig->store, &key, &letter);
        assert_int_equal(gw_link_store_commit(rig->store), GW_OK);
        *next += !err;
    }
    assert_int_equal(err, GW_ERR_FULL);
}

/* A sink whose link store holds as many letters as it may: [FILLER_FIRST, result). */
static uint64_t open_full(struct rig *rig) {
    uint64_t next = FILLER_FIRST;
    rig_prepare(rig);
    fill(rig, 60000, &next);
    fill(rig, 1, &next);
    rig_open_uplink(rig);
    rig_look(rig);
    return next;
}

static bool is_full(const struct rig *rig) {
    return gw_health_is_raised(rig->health, GW_ISSUE_DEAD_LETTERS_FULL, GW_STR("link"));
}

static void drop(struct rig *rig, uint64_t sequence) {
    struct gw_letter_key key = own_key(rig, GW_CLASS_AUDIT, sequence);
    assert_int_equal(gw_uplink_letter_drop(rig->uplink, &key), GW_OK);
}

static void a_full_link_store_holds_one_class_and_loses_nothing(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    (void) open_full(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 10);
    reject(&rig, 7);
    assert_true(is_full(&rig));
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 6); /* what came before it is taken */
    for (int i = 0; i < 5; i++) {
        rig_wait_for_request(&rig, 130000);
        pending_is(&rig, 0, "business", 7, 10);
        reject(&rig, 7);
        assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 6);
    }
    assert_int_equal(find_letter(&rig, 7, &letter), GW_ERR_NOENT);
    set_head(&rig, GW_CLASS_STATE, 5); /* the others go on */
    accept(&rig, 0);
    assert_int_equal(acked(&rig, GW_CLASS_STATE), 5);
    for (uint64_t i = 0; i < 3; i++) {
        drop(&rig, FILLER_FIRST + i);
    }
    assert_false(is_full(&rig));
    gw_uplink_tick(rig.uplink);
    pending_is(&rig, 0, "business", 7, 10); /* at once */
    reject(&rig, 7);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 10);
    assert_int_equal(find_letter(&rig, 7, &letter), GW_OK);
    rig_close(&rig);
}

static void cursors_are_saved_and_letters_dropped_in_a_full_link_store(void **state) {
    (void) state;
    struct rig rig;
    uint64_t last = open_full(&rig);
    for (uint64_t i = 1; i <= 300; i++) {
        set_head(&rig, GW_CLASS_BUSINESS, i);
        set_head(&rig, GW_CLASS_STATE, i);
        accept_all(&rig);
        assert_int_equal(gw_uplink_save(rig.uplink), GW_OK);
    }
    rig_crash(&rig);
    nothing_pending(&rig);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 300);
    struct gw_letter_key key = own_key(&rig, GW_CLASS_AUDIT, last - 1);
    assert_int_equal(gw_uplink_letter_retry(rig.uplink, &key), GW_OK);
    gw_uplink_tick(rig.uplink);
    accept_all(&rig);
    for (uint64_t i = FILLER_FIRST; i < last - 1; i++) {
        drop(&rig, i);
    }
    assert_non_null(strstr(status_text(&rig), "\"dead_letters\":0"));
    rig_close(&rig);
}

static void a_guilty_event_stays_held_while_its_letter_has_no_room(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    (void) open_full(&rig);
    set_head(&rig, GW_CLASS_BUSINESS, 1);
    accept(&rig, 0);
    set_head(&rig, GW_CLASS_BUSINESS, 2);
    answer_problem(&rig, 0, 422, "schema");
    set_head(&rig, GW_CLASS_BUSINESS, 3);
    accept(&rig, 0);
    assert_true(is_full(&rig));
    rig_advance(&rig, 1000);
    nothing_pending(&rig);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 1);
    for (uint64_t i = 0; i < 3; i++) {
        drop(&rig, FILLER_FIRST + i);
    }
    gw_uplink_tick(rig.uplink);
    assert_int_equal(find_letter(&rig, 2, &letter), GW_OK);
    assert_true(body_holds(&rig, 0, "\"reason\":\"dead_letter\""));
    accept(&rig, 0);
    assert_int_equal(acked(&rig, GW_CLASS_BUSINESS), 3);
    rig_close(&rig);
}

static void an_unreadable_record_waits_while_its_letter_has_no_room(void **state) {
    (void) state;
    struct rig rig;
    struct gw_letter letter;
    (void) open_full(&rig);
    gw_fake_queue_add_spot(&rig.queue, GW_FAKE_CORRUPT, GW_CLASS_BUSINESS, 3, 3);
    set_head(&rig, GW_CLASS_BUSINESS, 5);
    pending_is(&rig, 0, "business", 1, 2); /* what is before it goes */
    accept(&rig, 0);
    nothing_pending(&rig);
    assert_true(is_full(&rig));
    for (uint64_t i = 0; i < 3; i++) {
        drop(&rig, FILLER_FIRST + i);
    }
    gw_uplink_tick(rig.uplink);
    pending_is(&rig, 0, "business", 3, 5);
    assert_int_equal(find_letter(&rig, 3, &letter), GW_OK);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_whose_commit_fails_counts_for_nothing),
        cmocka_unit_test(a_full_link_store_holds_one_class_and_loses_nothing),
        cmocka_unit_test(cursors_are_saved_and_letters_dropped_in_a_full_link_store),
        cmocka_unit_test(a_guilty_event_stays_held_while_its_letter_has_no_room),
        cmocka_unit_test(an_unreadable_record_waits_while_its_letter_has_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
