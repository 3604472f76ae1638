/* SPDX-License-Identifier: Apache-2.0 */
/* Units into groups into commits: sequences, deadlines, completions, roll-back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "firmware/queue/queue_internal.h"
#include "tests/unit/firmware/queue/append_rig.h"

static void sequences_of_each_class_start_at_one_and_are_contiguous(void **state) {
    struct gw_queue_fixture *f = *state;
    for (uint64_t i = 0; i < 300; i++) {
        enum gw_flow_class class = (enum gw_flow_class)(i % GW_CLASS_COUNT);
        assert_int_equal(gw_queue_fixture_submit(f, class, i), GW_OK);
    }
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        struct gw_queue_class_figures figures = append_figures(f, (enum gw_flow_class) i);
        assert_int_equal(figures.range.first, 1);
        assert_int_equal(figures.range.last, 75);
        assert_int_equal(figures.appended, 75);
    }
    gw_queue_fixture_append(f, GW_CLASS_AUDIT, 1000, 5);
    append_assert_numbers(f, GW_CLASS_AUDIT, 76, 5, 1000);
}

static void they_go_on_after_a_new_open_in_the_same_epoch(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 10);
    struct gw_epoch before = gw_queue_fixture_figures(f).epoch;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_REOPENED);
    assert_true(gw_epoch_eq(before, gw_queue_fixture_figures(f).epoch));
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 11, 10);
    append_assert_numbers(f, GW_CLASS_BUSINESS, 1, 20, 1);
}

static void nothing_is_visible_or_told_before_the_commit(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 1), GW_OK);
    assert_int_equal(f->told_count, 0);
    assert_int_equal(f->rings, 0);
    assert_int_equal(append_figures(f, GW_CLASS_BUSINESS).range.last, 0);
    append_assert_numbers(f, GW_CLASS_BUSINESS, 1, 0, 1);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_int_equal(f->told_count, 1);
    assert_int_equal(f->told_errs[0], GW_OK);
    assert_int_equal(f->rings, 1);
    append_assert_numbers(f, GW_CLASS_BUSINESS, 1, 1, 1);
}

static void each_class_waits_as_long_as_its_rules_say(void **state) {
    struct gw_queue_fixture *f = *state;
    static const int64_t waits[GW_CLASS_COUNT] = {10, 100, 2000, 10};
    assert_int_equal(gw_queue_next_mono_ms(f->writer), GW_NEVER_MS);
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        uint64_t before = f->told_count;
        assert_int_equal(gw_queue_fixture_submit(f, (enum gw_flow_class) i, 1), GW_OK);
        assert_int_equal(gw_queue_next_mono_ms(f->writer), f->fake.mono_ms + waits[i]);
        gw_fake_clock_advance(&f->fake, waits[i] - 1);
        assert_int_equal(gw_queue_tick(f->writer), GW_OK);
        assert_int_equal(f->told_count, before);
        gw_fake_clock_advance(&f->fake, 1);
        assert_int_equal(gw_queue_tick(f->writer), GW_OK);
        assert_int_equal(f->told_count, before + 1);
    }
}

static void the_earliest_deadline_takes_all_classes_along(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_TELEMETRY, 1), GW_OK);
    gw_fake_clock_advance(&f->fake, 50);
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 1), GW_OK);
    assert_int_equal(gw_queue_next_mono_ms(f->writer), f->fake.mono_ms + 10);
    gw_fake_clock_advance(&f->fake, 10);
    assert_int_equal(gw_queue_tick(f->writer), GW_OK);
    assert_int_equal(f->told_count, 2);
    assert_int_equal(gw_queue_fixture_figures(f).commits, 2); /* one of them the open's */
}

static enum gw_err submit_unit(struct gw_queue_fixture *f, const struct gw_unit *unit) {
    return gw_intake_submit(&f->intake, unit);
}

static void an_urgent_unit_is_committed_by_the_next_tick(void **state) {
    struct gw_queue_fixture *f = *state;
    uint8_t bytes[1024];
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    struct gw_event_draft draft = gw_queue_fixture_draft(GW_CLASS_TELEMETRY, 1, 0, &storage);
    struct gw_unit unit = {.events = &draft, .event_count = 1, .urgent = true};
    assert_int_equal(submit_unit(f, &unit), GW_OK);
    assert_int_equal(gw_queue_next_mono_ms(f->writer), f->fake.mono_ms);
    assert_int_equal(gw_queue_tick(f->writer), GW_OK);
    assert_int_equal(append_figures(f, GW_CLASS_TELEMETRY).range.last, 1);
}

static void a_large_group_is_committed_at_once(void **state) {
    struct gw_queue_fixture *f = *state;
    f->options.group_max_events = 50;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    for (uint64_t i = 0; i < 50; i++) {
        assert_int_equal(gw_queue_next_mono_ms(f->writer) > f->fake.mono_ms, true);
        assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_TELEMETRY, i), GW_OK);
    }
    assert_int_equal(gw_queue_next_mono_ms(f->writer), f->fake.mono_ms);
    assert_int_equal(f->told_count, 0);
    /* A source that does not let the loop tick: the next submit commits. */
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_TELEMETRY, 50), GW_OK);
    assert_int_equal(f->told_count, 50);
    assert_int_equal(gw_queue_tick(f->writer), GW_OK);
    assert_int_equal(f->told_count, 50);
}

static void completions_come_in_submit_order(void **state) {
    struct gw_queue_fixture *f = *state;
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(
            gw_queue_fixture_submit(f, (enum gw_flow_class)(i * 7 % GW_CLASS_COUNT), i), GW_OK);
    }
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_int_equal(f->told_count, 1000);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(f->told_tokens[i], i + 1);
    }
}

/* ---- write budget ---- */

static void the_write_budget_buys_early_commits_until_it_is_spent(void **state) {
    struct gw_queue_fixture *f = *state;
    /* An hour's share of 240 MB a day: 10 MB, about 480 commits of one event. */
    f->options.write_budget_bytes_per_day = 240000000;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    unsigned early = 0;
    for (uint64_t i = 0; i < 600; i++) {
        assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_TELEMETRY, i), GW_OK);
        uint64_t before = f->told_count;
        assert_int_equal(gw_queue_tick(f->writer), GW_OK);
        early += f->told_count > before;
        gw_fake_clock_advance(&f->fake, 5); /* 200/s: rare enough */
    }
    assert_in_range(early, 440, 490);
    assert_true(gw_queue_fixture_figures(f).budget_left_bytes < 25000);
    assert_true(gw_queue_next_mono_ms(f->writer) > f->fake.mono_ms);
    /* A quarter of an hour later a quarter of it is back. */
    gw_fake_clock_advance(&f->fake, 15 * 60 * 1000);
    assert_int_equal(gw_queue_tick(f->writer), GW_OK);
    assert_in_range(gw_queue_fixture_figures(f).budget_left_bytes, 2000000, 2600000);
    gw_fake_clock_advance(&f->fake, INT64_C(48) * 3600 * 1000);
    assert_int_equal(gw_queue_tick(f->writer), GW_OK);
    assert_int_equal(gw_queue_fixture_figures(f).budget_left_bytes, 10000000);
}

static unsigned early_commits_in_a_second(struct gw_queue_fixture *f, unsigned per_s) {
    unsigned early = 0;
    for (unsigned i = 0; i < per_s; i++) {
        uint64_t before = f->told_count;
        assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_TELEMETRY, i), GW_OK);
        assert_int_equal(gw_queue_tick(f->writer), GW_OK);
        early += f->told_count > before;
        if (i % (per_s / 100) == 0) {
            gw_fake_clock_advance(&f->fake, 10);
        }
    }
    return early;
}

static void early_commits_are_for_rare_events(void **state) {
    struct gw_queue_fixture *f = *state;
    f->options.write_budget_bytes_per_day = UINT64_C(100) << 30;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(early_commits_in_a_second(f, 200), 200);
    (void) early_commits_in_a_second(f, 3000);
    assert_in_range(early_commits_in_a_second(f, 3000), 0, 4); /* deadline, large group */
    gw_fake_clock_advance(&f->fake, 5000);
    assert_int_equal(early_commits_in_a_second(f, 200), 200);
}

static void without_a_budget_nothing_is_early(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 1), GW_OK);
    assert_int_equal(gw_queue_tick(f->writer), GW_OK);
    assert_int_equal(f->told_count, 0);
}

/* ---- bad units ---- */

static void a_bad_unit_costs_its_neighbours_nothing(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 1), GW_OK);
    uint8_t bytes[1024];
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    struct gw_event_draft drafts[2];
    drafts[0] = gw_queue_fixture_draft(GW_CLASS_BUSINESS, 2, 0, &storage);
    drafts[1] = drafts[0];
    drafts[1].data = GW_STR("{\"not\" : \"canonical\"}");
    struct gw_unit unit = {.events = drafts, .event_count = 2};
    assert_true(submit_unit(f, &unit) != GW_OK);
    drafts[1].data = drafts[0].data;
    drafts[1].device = GW_STR("");
    assert_int_equal(submit_unit(f, &unit), GW_ERR_RANGE);
    struct gw_state_change change = {.key = {NULL, 0}, .value = {NULL, 0}};
    unit = (struct gw_unit){
        .changes = &change, .change_count = 1, .state_table = GW_STR("window")};
    assert_int_equal(submit_unit(f, &unit), GW_ERR_RANGE);
    uint8_t key = 'k';
    change.key = (struct gw_bytes){&key, 1};
    unit.state_table = GW_STR("../etc");
    assert_int_equal(submit_unit(f, &unit), GW_ERR_RANGE);
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 2), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    append_assert_numbers(f, GW_CLASS_BUSINESS, 1, 2, 1);
}

/* ---- failures of the store ---- */

static void sequences_are_taken_back_when_a_commit_fails(void **state) {
    struct gw_queue_fixture *f = *state;
    static struct append_failing failing; /* the teardown still asks it */
    static struct gw_store_probe probe;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 3);
    append_open_failing(f, &failing, &probe);
    uint64_t used = gw_queue_fixture_figures(f).used_bytes;
    f->told_count = 0;
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 100 + i), GW_OK);
    }
    failing = (struct append_failing){GW_STORE_COMMIT, 0, GW_ERR_FULL};
    assert_int_equal(gw_queue_commit(f->writer), GW_ERR_FULL);
    assert_int_equal(f->told_count, 20);
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(f->told_errs[i], GW_ERR_FULL);
    }
    assert_int_equal(append_figures(f, GW_CLASS_BUSINESS).range.last, 3);
    assert_int_equal(append_figures(f, GW_CLASS_BUSINESS).appended, 0);
    assert_int_equal(gw_queue_fixture_figures(f).used_bytes, used);
    assert_int_equal(gw_queue_fixture_figures(f).commit_failures, 1);
    failing.after = UINT32_MAX;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 4, 2);
    append_assert_numbers(f, GW_CLASS_BUSINESS, 1, 5, 1);
    f->options.probe = NULL;
}

static void a_failed_put_fails_the_group_and_refuses_the_unit(void **state) {
    struct gw_queue_fixture *f = *state;
    static struct append_failing failing; /* the teardown still asks it */
    static struct gw_store_probe probe;
    append_open_failing(f, &failing, &probe);
    f->told_count = 0;
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 1), GW_OK);
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_STATE, 1), GW_OK);
    failing = (struct append_failing){GW_STORE_PUT, 0, GW_ERR_IO};
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 2), GW_ERR_IO);
    assert_int_equal(f->told_count, 2);
    assert_int_equal(f->told_errs[0], GW_ERR_IO);
    assert_int_equal(f->told_errs[1], GW_ERR_IO);
    failing.after = UINT32_MAX;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 7, 1);
    append_assert_numbers(f, GW_CLASS_BUSINESS, 1, 1, 7);
    assert_int_equal(append_figures(f, GW_CLASS_STATE).range.last, 0);
    f->options.probe = NULL;
}

/* A completion that submits the unit again, as a source does that got an error. */
struct resubmit {
    struct gw_queue_fixture *f;
    struct gw_unit unit;
    unsigned left, told;
    enum gw_err last;
};

static void submit_again(void *context, uint64_t token, enum gw_err err) {
    struct resubmit *resubmit = context;
    (void) token;
    resubmit->told++;
    resubmit->last = err;
    if (resubmit->left > 0) {
        resubmit->left--;
        assert_int_equal(gw_intake_submit(&resubmit->f->intake, &resubmit->unit), GW_OK);
    }
}

static void a_completion_may_submit_again(void **state) {
    struct gw_queue_fixture *f = *state;
    static struct append_failing failing; /* the teardown still asks it */
    static struct gw_store_probe probe;
    append_open_failing(f, &failing, &probe);
    uint8_t bytes[1024];
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    struct gw_event_draft draft = gw_queue_fixture_draft(GW_CLASS_BUSINESS, 1, 0, &storage);
    struct resubmit resubmit = {.f = f, .left = 30};
    resubmit.unit = (struct gw_unit){
        .events = &draft, .event_count = 1, .completed = submit_again, .context = &resubmit};
    assert_int_equal(gw_intake_submit(&f->intake, &resubmit.unit), GW_OK);
    failing = (struct append_failing){GW_STORE_COMMIT, 0, GW_ERR_IO};
    for (int i = 0; i < 10; i++) {
        assert_int_equal(gw_queue_commit(f->writer), GW_ERR_IO);
        assert_int_equal(resubmit.last, GW_ERR_IO);
    }
    failing.after = UINT32_MAX;
    for (int i = 0; i < 21; i++) {
        assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    }
    assert_int_equal(resubmit.told, 31);
    assert_int_equal(append_figures(f, GW_CLASS_BUSINESS).range.last, 21);
    f->options.probe = NULL;
}

/* ---- context ---- */

static void changed_site_facts_hold_for_new_events_only(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 1);
    assert_int_equal(gw_queue_set_context(f->writer, GW_STR("south"), GW_STR("acme"),
                                          GW_STR("America/New_York")),
                     GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 2, 1);
    static uint8_t long_site[200];
    memset(long_site, 'x', sizeof(long_site));
    assert_true(gw_queue_set_context(f->writer,
                                     (struct gw_str){(char *) long_site, sizeof(long_site)},
                                     GW_STR(""), GW_STR("UTC"))
                != GW_OK);
    struct gw_queue_reader *reader = NULL;
    assert_int_equal(gw_queue_reader_open_beside(f->writer, &reader), GW_OK);
    uint8_t bytes[4096];
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    struct gw_queue_entry entries[4];
    struct gw_queue_read_request request = {GW_EPOCH_INDEX_OWN, GW_CLASS_BUSINESS, 1, 4, 4096};
    size_t count = 0;
    assert_int_equal(gw_queue_read(reader, &request, &storage, entries, 4, &count), GW_OK);
    assert_int_equal(count, 2);
    assert_true(gw_str_eq(entries[0].context.site, GW_STR("north")));
    assert_int_equal(entries[0].record.zone_offset_min, 60);
    assert_true(gw_str_eq(entries[1].context.site, GW_STR("south")));
    assert_true(gw_str_eq(entries[1].context.owner, GW_STR("acme")));
    assert_int_equal(entries[1].record.zone_offset_min, -300);
    gw_queue_reader_close(reader);
}

static void one_boot_uses_one_context_and_old_ones_are_dropped(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 1);
    for (uint64_t i = 2; i < 5; i++) {
        assert_int_equal(gw_queue_fixture_open(f), GW_OK);
        gw_queue_fixture_append(f, GW_CLASS_BUSINESS, i, 1);
    }
    assert_int_equal(f->writer->committed.next_context, 2);
    for (unsigned i = 0; i < 600; i++) {
        char site[8] = {'s', (char) ('0' + i / 100), (char) ('0' + i / 10 % 10),
                        (char) ('0' + i % 10), 0};
        assert_int_equal(
            gw_queue_set_context(f->writer, gw_str_from_cstr(site), GW_STR(""), GW_STR("UTC")),
            GW_OK);
        gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 5 + i, 1);
    }
    uint64_t before = f->writer->committed.context_bytes;
    gw_queue_fixture_ack_all(f);
    f->options.ring_ms = 0;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_ack_all(f);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 9999, 1);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_true(f->writer->committed.context_bytes < before / 2 + 1000);
    append_assert_numbers(f, GW_CLASS_BUSINESS, 605, 1, 9999);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, append_setup, append_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(sequences_of_each_class_start_at_one_and_are_contiguous),
        RIG_TEST(they_go_on_after_a_new_open_in_the_same_epoch),
        RIG_TEST(nothing_is_visible_or_told_before_the_commit),
        RIG_TEST(each_class_waits_as_long_as_its_rules_say),
        RIG_TEST(the_earliest_deadline_takes_all_classes_along),
        RIG_TEST(an_urgent_unit_is_committed_by_the_next_tick),
        RIG_TEST(a_large_group_is_committed_at_once),
        RIG_TEST(completions_come_in_submit_order),
        RIG_TEST(the_write_budget_buys_early_commits_until_it_is_spent),
        RIG_TEST(early_commits_are_for_rare_events),
        RIG_TEST(without_a_budget_nothing_is_early),
        RIG_TEST(a_bad_unit_costs_its_neighbours_nothing),
        RIG_TEST(sequences_are_taken_back_when_a_commit_fails),
        RIG_TEST(a_failed_put_fails_the_group_and_refuses_the_unit),
        RIG_TEST(a_completion_may_submit_again),
        RIG_TEST(changed_site_facts_hold_for_new_events_only),
        RIG_TEST(one_boot_uses_one_context_and_old_ones_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
