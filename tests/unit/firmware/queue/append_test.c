/* SPDX-License-Identifier: Apache-2.0 */
/* Units into groups into commits: sequences, deadlines, completions, roll-back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "firmware/base/loop.h"
#include "firmware/queue/queue_internal.h"
#include "tests/fakes/queue_fixture.h"

#define MAP_BYTES (UINT64_C(8) << 20)

static struct gw_queue_fixture fixture;

static int setup(void **state) {
    gw_queue_fixture_init(&fixture, MAP_BYTES);
    assert_int_equal(gw_queue_fixture_open(&fixture), GW_OK);
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    gw_queue_fixture_done(*state);
    return 0;
}

struct gw_queue_class_figures figures_of(struct gw_queue_fixture *f, enum gw_flow_class class);
struct gw_queue_class_figures figures_of(struct gw_queue_fixture *f, enum gw_flow_class class) {
    return gw_queue_fixture_figures(f).classes[class];
}

/* Read `count` entries of a class beside the writer, all sound. */
static void assert_numbers(struct gw_queue_fixture *f, enum gw_flow_class class, uint64_t from,
                           uint64_t count, uint64_t first_number) {
    static uint8_t bytes[1 << 20];
    static struct gw_queue_entry entries[2000];
    struct gw_queue_reader *reader = NULL;
    assert_int_equal(gw_queue_reader_open_beside(f->writer, &reader), GW_OK);
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    struct gw_queue_read_request request = {.epoch_index = GW_EPOCH_INDEX_OWN,
                                            .class = class,
                                            .from = from,
                                            .max_events = 2000,
                                            .max_bytes = sizeof(bytes)};
    size_t got = 0;
    assert_int_equal(gw_queue_read(reader, &request, &storage, entries, 2000, &got), GW_OK);
    assert_int_equal(got, count);
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(entries[i].err, GW_OK);
        assert_int_equal(entries[i].record.sequence, from + i);
        assert_int_equal(gw_queue_fixture_number(&entries[i].record), first_number + i);
        assert_true(gw_str_eq(entries[i].context.serial, GW_STR("GW-0001")));
    }
    gw_queue_reader_close(reader);
}

static void sequences_of_each_class_start_at_one_and_are_contiguous(void **state) {
    struct gw_queue_fixture *f = *state;
    for (uint64_t i = 0; i < 300; i++) {
        enum gw_flow_class class = (enum gw_flow_class)(i % GW_CLASS_COUNT);
        assert_int_equal(gw_queue_fixture_submit(f, class, i), GW_OK);
    }
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        struct gw_queue_class_figures figures = figures_of(f, (enum gw_flow_class) i);
        assert_int_equal(figures.range.first, 1);
        assert_int_equal(figures.range.last, 75);
        assert_int_equal(figures.appended, 75);
    }
    gw_queue_fixture_append(f, GW_CLASS_AUDIT, 1000, 5);
    assert_numbers(f, GW_CLASS_AUDIT, 76, 5, 1000);
}

static void they_go_on_after_a_new_open_in_the_same_epoch(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 10);
    struct gw_epoch before = gw_queue_fixture_figures(f).epoch;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_REOPENED);
    assert_true(gw_epoch_eq(before, gw_queue_fixture_figures(f).epoch));
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 11, 10);
    assert_numbers(f, GW_CLASS_BUSINESS, 1, 20, 1);
}

static void nothing_is_visible_or_told_before_the_commit(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 1), GW_OK);
    assert_int_equal(f->told_count, 0);
    assert_int_equal(f->rings, 0);
    assert_int_equal(figures_of(f, GW_CLASS_BUSINESS).range.last, 0);
    assert_numbers(f, GW_CLASS_BUSINESS, 1, 0, 1);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_int_equal(f->told_count, 1);
    assert_int_equal(f->told_errs[0], GW_OK);
    assert_int_equal(f->rings, 1);
    assert_numbers(f, GW_CLASS_BUSINESS, 1, 1, 1);
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
    assert_int_equal(figures_of(f, GW_CLASS_TELEMETRY).range.last, 1);
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
    assert_numbers(f, GW_CLASS_BUSINESS, 1, 2, 1);
}

/* ---- failures of the store ---- */

struct failing {
    enum gw_store_step step;
    unsigned after; /* this many pass, then all fail */
    enum gw_err err;
};

static enum gw_err fail_after(void *self, enum gw_store_step step) {
    struct failing *failing = self;
    if (step != failing->step) {
        return GW_OK;
    }
    if (failing->after > 0) {
        failing->after--;
        return GW_OK;
    }
    return failing->err;
}

static void open_failing(struct gw_queue_fixture *f, struct failing *failing,
                         struct gw_store_probe *probe) {
    *failing = (struct failing){GW_STORE_BEGIN, UINT32_MAX, GW_ERR_IO};
    *probe = (struct gw_store_probe){fail_after, failing};
    f->options.probe = probe;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
}

static void sequences_are_taken_back_when_a_commit_fails(void **state) {
    struct gw_queue_fixture *f = *state;
    static struct failing failing; /* the teardown still asks it */
    static struct gw_store_probe probe;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 3);
    open_failing(f, &failing, &probe);
    uint64_t used = gw_queue_fixture_figures(f).used_bytes;
    f->told_count = 0;
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 100 + i), GW_OK);
    }
    failing = (struct failing){GW_STORE_COMMIT, 0, GW_ERR_FULL};
    assert_int_equal(gw_queue_commit(f->writer), GW_ERR_FULL);
    assert_int_equal(f->told_count, 20);
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(f->told_errs[i], GW_ERR_FULL);
    }
    assert_int_equal(figures_of(f, GW_CLASS_BUSINESS).range.last, 3);
    assert_int_equal(figures_of(f, GW_CLASS_BUSINESS).appended, 0);
    assert_int_equal(gw_queue_fixture_figures(f).used_bytes, used);
    assert_int_equal(gw_queue_fixture_figures(f).commit_failures, 1);
    failing.after = UINT32_MAX;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 4, 2);
    assert_numbers(f, GW_CLASS_BUSINESS, 1, 5, 1);
    f->options.probe = NULL;
}

static void a_failed_put_fails_the_group_and_refuses_the_unit(void **state) {
    struct gw_queue_fixture *f = *state;
    static struct failing failing; /* the teardown still asks it */
    static struct gw_store_probe probe;
    open_failing(f, &failing, &probe);
    f->told_count = 0;
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 1), GW_OK);
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_STATE, 1), GW_OK);
    failing = (struct failing){GW_STORE_PUT, 0, GW_ERR_IO};
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 2), GW_ERR_IO);
    assert_int_equal(f->told_count, 2);
    assert_int_equal(f->told_errs[0], GW_ERR_IO);
    assert_int_equal(f->told_errs[1], GW_ERR_IO);
    failing.after = UINT32_MAX;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 7, 1);
    assert_numbers(f, GW_CLASS_BUSINESS, 1, 1, 7);
    assert_int_equal(figures_of(f, GW_CLASS_STATE).range.last, 0);
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
    static struct failing failing; /* the teardown still asks it */
    static struct gw_store_probe probe;
    open_failing(f, &failing, &probe);
    uint8_t bytes[1024];
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    struct gw_event_draft draft = gw_queue_fixture_draft(GW_CLASS_BUSINESS, 1, 0, &storage);
    struct resubmit resubmit = {.f = f, .left = 30};
    resubmit.unit = (struct gw_unit){
        .events = &draft, .event_count = 1, .completed = submit_again, .context = &resubmit};
    assert_int_equal(gw_intake_submit(&f->intake, &resubmit.unit), GW_OK);
    failing = (struct failing){GW_STORE_COMMIT, 0, GW_ERR_IO};
    for (int i = 0; i < 10; i++) {
        assert_int_equal(gw_queue_commit(f->writer), GW_ERR_IO);
        assert_int_equal(resubmit.last, GW_ERR_IO);
    }
    failing.after = UINT32_MAX;
    for (int i = 0; i < 21; i++) {
        assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    }
    assert_int_equal(resubmit.told, 31);
    assert_int_equal(figures_of(f, GW_CLASS_BUSINESS).range.last, 21);
    f->options.probe = NULL;
}

/* ---- facts and state in one commit ---- */

static struct gw_bytes text(const char *s) {
    return gw_bytes_from_str(gw_str_from_cstr(s));
}

static enum gw_err submit_state(struct gw_queue_fixture *f, const char *table, const char *key,
                                const char *value) {
    struct gw_state_change change = {.key = text(key)};
    if (value) {
        change.value = text(value);
    }
    struct gw_unit unit = {
        .state_table = gw_str_from_cstr(table), .changes = &change, .change_count = 1};
    return gw_intake_submit(&f->intake, &unit);
}

static void assert_state(struct gw_queue_fixture *f, const char *table, const char *key,
                         const char *value) {
    uint8_t bytes[5000];
    struct gw_buf buf;
    gw_buf_init(&buf, bytes, sizeof(bytes));
    enum gw_err err =
        f->intake.state_get(f->intake.self, gw_str_from_cstr(table), text(key), &buf);
    assert_int_equal(err, value ? GW_OK : GW_ERR_NOENT);
    if (value) {
        assert_true(gw_str_eq(gw_buf_str(&buf), gw_str_from_cstr(value)));
    }
}

static void state_is_as_durable_as_the_events_of_its_unit(void **state) {
    struct gw_queue_fixture *f = *state;
    static struct failing failing; /* the teardown still asks it */
    static struct gw_store_probe probe;
    open_failing(f, &failing, &probe);
    assert_int_equal(submit_state(f, "mqtt", "a", "one"), GW_OK);
    assert_state(f, "mqtt", "a", NULL);
    failing = (struct failing){GW_STORE_COMMIT, 0, GW_ERR_IO};
    assert_int_equal(gw_queue_commit(f->writer), GW_ERR_IO);
    assert_state(f, "mqtt", "a", NULL);
    failing.after = UINT32_MAX;
    assert_int_equal(submit_state(f, "mqtt", "a", "two"), GW_OK);
    assert_int_equal(submit_state(f, "mqtt", "b", ""), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_state(f, "mqtt", "a", "two");
    assert_state(f, "mqtt", "b", "");
    f->options.probe = NULL;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_state(f, "mqtt", "a", "two");
    assert_int_equal(submit_state(f, "mqtt", "a", NULL), GW_OK);
    assert_int_equal(submit_state(f, "mqtt", "never", NULL), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_state(f, "mqtt", "a", NULL);
    assert_state(f, "modbus", "a", NULL);
}

static enum gw_err submit_two(struct gw_queue_fixture *f, const char *first_table,
                              const char *second_table, const char *value) {
    struct gw_state_change first = {.key = text("k"), .value = text(value)};
    struct gw_state_change second = {.key = text("k"), .value = text(value)};
    struct gw_unit unit = {.state_table = gw_str_from_cstr(first_table),
                           .changes = &first,
                           .change_count = 1,
                           .second_table = gw_str_from_cstr(second_table),
                           .second_changes = &second,
                           .second_change_count = 1};
    return gw_intake_submit(&f->intake, &unit);
}

static void two_tables_of_a_unit_are_changed_together_or_not_at_all(void **state) {
    struct gw_queue_fixture *f = *state;
    static struct failing failing; /* the teardown still asks it */
    static struct gw_store_probe probe;
    static char too_long[4097];
    memset(too_long, 'v', sizeof too_long - 1);
    open_failing(f, &failing, &probe);
    assert_int_equal(submit_two(f, "audit", "writes", "one"), GW_OK);
    failing = (struct failing){GW_STORE_COMMIT, 0, GW_ERR_IO};
    assert_int_equal(gw_queue_commit(f->writer), GW_ERR_IO);
    assert_state(f, "audit", "k", NULL);
    assert_state(f, "writes", "k", NULL);
    failing.after = UINT32_MAX;
    assert_int_equal(submit_two(f, "audit", "writes", "two"), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_state(f, "audit", "k", "two");
    assert_state(f, "writes", "k", "two");
    assert_int_equal(submit_two(f, "audit", "audit", "three"), GW_ERR_RANGE);
    assert_int_equal(submit_two(f, "audit", "Writes", "three"), GW_ERR_RANGE);
    f->options.probe = NULL;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_state(f, "writes", "k", "two");
}

static void the_second_table_is_held_to_its_own_quota(void **state) {
    struct gw_queue_fixture *f = *state;
    static char long_value[4001];
    memset(long_value, 'v', 4000);
    f->options.state_table_max_bytes = 6000;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(submit_two(f, "audit", "writes", long_value), GW_OK);
    assert_int_equal(submit_state(f, "writes", "another", long_value), GW_ERR_DENIED);
    struct gw_state_change small = {.key = text("s"), .value = text("s")};
    struct gw_state_change large = {.key = text("l"), .value = text(long_value)};
    struct gw_unit unit = {.state_table = GW_STR("audit"),
                           .changes = &small,
                           .change_count = 1,
                           .second_table = GW_STR("writes"),
                           .second_changes = &large,
                           .second_change_count = 1};
    assert_int_equal(gw_intake_submit(&f->intake, &unit), GW_ERR_DENIED);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_state(f, "audit", "s", NULL);
    assert_state(f, "writes", "k", long_value);
}

static void a_state_table_over_its_quota_is_denied_until_it_shrinks(void **state) {
    struct gw_queue_fixture *f = *state;
    static char long_value[4001];
    memset(long_value, 'v', 4000);
    f->options.state_table_max_bytes = 20000;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    const char *keys[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(submit_state(f, "window", keys[i], long_value), GW_OK);
    }
    assert_int_equal(submit_state(f, "window", "e", long_value), GW_ERR_DENIED);
    assert_int_equal(submit_state(f, "other", "e", long_value), GW_OK);
    assert_int_equal(submit_state(f, "window", "a", long_value), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(submit_state(f, "window", "e", long_value), GW_ERR_DENIED);
    assert_int_equal(submit_state(f, "window", "a", NULL), GW_OK);
    assert_int_equal(submit_state(f, "window", "e", long_value), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_state(f, "window", "e", long_value);
}

static void too_many_state_tables_are_denied(void **state) {
    struct gw_queue_fixture *f = *state;
    char name[8] = "t00";
    for (int i = 0; i < QUEUE_STATE_TABLES; i++) {
        name[1] = (char) ('0' + i / 10);
        name[2] = (char) ('0' + i % 10);
        assert_int_equal(submit_state(f, name, "k", "v"), GW_OK);
    }
    assert_int_equal(submit_state(f, "one-more", "k", "v"), GW_ERR_DENIED);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_state(f, "t23", "k", "v");
}

/* ---- quarantine ---- */

struct seen_quarantine {
    unsigned count;
    uint64_t first, last;
    size_t raw_len, raw_view_len;
    char reason[64];
};

static bool see_quarantine(void *context, const struct gw_quarantine_view *view) {
    struct seen_quarantine *seen = context;
    seen->first = seen->count ? seen->first : view->number;
    seen->last = view->number;
    seen->count++;
    seen->raw_len = view->raw_len;
    seen->raw_view_len = view->raw.len;
    assert_int_equal(gw_str_copy(view->reason, seen->reason, sizeof(seen->reason)), GW_OK);
    return true;
}

static enum gw_err submit_quarantine(struct gw_queue_fixture *f, size_t raw_len) {
    static uint8_t raw[80000];
    memset(raw, 0xee, sizeof(raw));
    struct gw_quarantine_entry entry = {
        .reason = GW_STR("invalid JSON"),
        .topic = GW_STR("floor/a"),
        .device = GW_STR("scanner-1"),
        .raw = {raw, raw_len},
        .raw_len = raw_len,
        .time_wall_ms = GW_FAKE_CLOCK_WALL_MS,
    };
    struct gw_unit unit = {.quarantine = &entry, .quarantine_count = 1};
    return gw_intake_submit(&f->intake, &unit);
}

static struct seen_quarantine list_quarantine(struct gw_queue_fixture *f, uint64_t from) {
    struct seen_quarantine seen = {0};
    assert_int_equal(gw_queue_quarantine_list(f->writer, from, see_quarantine, &seen), GW_OK);
    return seen;
}

static void quarantine_keeps_raw_bytes_and_reason(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_int_equal(submit_quarantine(f, 100), GW_OK);
    assert_int_equal(list_quarantine(f, 0).count, 0);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    struct seen_quarantine seen = list_quarantine(f, 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.raw_view_len, 100);
    assert_string_equal(seen.reason, "invalid JSON");
    assert_int_equal(submit_quarantine(f, 70000), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    seen = list_quarantine(f, 2);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.raw_len, 70000);
    assert_int_equal(seen.raw_view_len, 50000); /* a quarter of the quarantine */
}

struct seen_topic {
    char topic[GW_QUARANTINE_TOPIC_MAX_BYTES + 1];
    size_t topic_len, raw_len;
    uint8_t origin[8];
    size_t origin_len;
};

static bool see_topic(void *context, const struct gw_quarantine_view *view) {
    struct seen_topic *seen = context;
    assert_int_equal(gw_str_copy(view->topic, seen->topic, sizeof(seen->topic)), GW_OK);
    seen->topic_len = view->topic_len;
    seen->raw_len = view->raw.len;
    seen->origin_len = view->origin.len;
    memcpy(seen->origin, view->origin.ptr, view->origin.len);
    return true;
}

static void quarantine_keeps_long_topics_and_says_what_it_cut(void **state) {
    struct gw_queue_fixture *f = *state;
    static struct seen_topic seen;
    static char topic[6000];
    memset(topic, 't', sizeof(topic));
    static const size_t lens[] = {255, 256, 1000, GW_QUARANTINE_TOPIC_MAX_BYTES, 6000};
    for (size_t i = 0; i < GW_ARRAY_LEN(lens); i++) {
        struct gw_quarantine_entry entry = {.reason = GW_STR("odd"),
                                            .topic = {topic, lens[i]},
                                            .raw = {(const uint8_t *) "abc", 3},
                                            .raw_len = 3,
                                            .origin = {(const uint8_t *) "m12", 3}};
        struct gw_unit unit = {.quarantine = &entry, .quarantine_count = 1};
        assert_int_equal(gw_intake_submit(&f->intake, &unit), GW_OK);
        assert_int_equal(gw_queue_commit(f->writer), GW_OK);
        assert_int_equal(gw_queue_quarantine_list(f->writer, i + 1, see_topic, &seen), GW_OK);
        size_t kept =
            lens[i] < GW_QUARANTINE_TOPIC_MAX_BYTES ? lens[i] : GW_QUARANTINE_TOPIC_MAX_BYTES;
        assert_int_equal(strlen(seen.topic), kept);
        assert_int_equal(seen.topic_len, lens[i]);
        assert_int_equal(seen.raw_len, 3);
        assert_int_equal(seen.origin_len, 3);
        assert_memory_equal(seen.origin, "m12", 3);
    }
}

static void a_full_quarantine_drops_its_oldest_and_counts_them(void **state) {
    struct gw_queue_fixture *f = *state;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(submit_quarantine(f, 3000), GW_OK);
    }
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    struct gw_queue_figures figures = gw_queue_fixture_figures(f);
    assert_true(figures.quarantine_bytes <= 200000);
    assert_true(figures.quarantine_count > 40);
    assert_int_equal(figures.quarantine_evicted, 200 - figures.quarantine_count);
    struct seen_quarantine seen = list_quarantine(f, 0);
    assert_int_equal(seen.count, figures.quarantine_count);
    assert_int_equal(seen.last, 200);
    assert_int_equal(seen.first, 201 - figures.quarantine_count);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(gw_queue_fixture_figures(f).quarantine_evicted,
                     figures.quarantine_evicted);
}

static void a_quarantined_entry_can_be_dropped_once(void **state) {
    struct gw_queue_fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(submit_quarantine(f, 500), GW_OK);
    }
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_int_equal(gw_queue_quarantine_drop(f->writer, 2), GW_OK);
    assert_int_equal(gw_queue_quarantine_drop(f->writer, 2), GW_ERR_NOENT);
    assert_int_equal(gw_queue_quarantine_drop(f->writer, 0), GW_ERR_NOENT);
    assert_int_equal(list_quarantine(f, 0).count, 2);
    assert_int_equal(gw_queue_fixture_figures(f).quarantine_count, 2);
}

/* ---- tail ---- */

struct seen_tail {
    unsigned count;
    uint64_t first, last;
};

static void see_tail(void *context, struct gw_bytes origin, enum gw_flow_class class,
                     uint64_t sequence) {
    struct seen_tail *seen = context;
    assert_int_equal(class, GW_CLASS_BUSINESS);
    assert_int_equal(origin.len, 2);
    assert_int_equal(origin.ptr[0], 'm');
    seen->first = seen->count ? seen->first : sequence;
    seen->last = sequence;
    seen->count++;
}

static void the_tail_shows_origins_of_the_newest_records(void **state) {
    struct gw_queue_fixture *f = *state;
    uint8_t bytes[1024];
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    for (uint64_t i = 1; i <= 100; i++) {
        struct gw_event_draft draft = gw_queue_fixture_draft(GW_CLASS_BUSINESS, i, 0, &storage);
        uint8_t origin[2] = {i % 2 ? 'm' : 'x', (uint8_t) i};
        draft.origin = (struct gw_bytes){origin, sizeof(origin)};
        struct gw_unit unit = {.events = &draft, .event_count = 1};
        assert_int_equal(gw_intake_submit(&f->intake, &unit), GW_OK);
    }
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    struct seen_tail seen = {0};
    assert_int_equal(f->intake.tail(f->intake.self, text("m"), 20, see_tail, &seen), GW_OK);
    assert_int_equal(seen.count, 10);
    assert_int_equal(seen.first, 81);
    assert_int_equal(seen.last, 99);
    seen = (struct seen_tail){0};
    assert_int_equal(f->intake.tail(f->intake.self, text("m"), 1000000, see_tail, &seen),
                     GW_OK);
    assert_int_equal(seen.count, 50);
    seen = (struct seen_tail){0};
    assert_int_equal(f->intake.tail(f->intake.self, text("q"), 100, see_tail, &seen), GW_OK);
    assert_int_equal(seen.count, 0);
}

struct tail_order {
    char text[64];
    size_t len;
};

static void note_order(void *context, struct gw_bytes origin, enum gw_flow_class class,
                       uint64_t sequence) {
    struct tail_order *order = context;
    assert_true(class <= GW_CLASS_COUNT && sequence > 0);
    order->text[order->len++] = (char) origin.ptr[1];
}

static void submit_with_origin(struct gw_queue_fixture *f, enum gw_flow_class class,
                               char name) {
    uint8_t bytes[1024];
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    uint8_t origin[2] = {'m', (uint8_t) name};
    struct gw_event_draft draft;
    struct gw_quarantine_entry entry = {.reason = GW_STR("odd"),
                                        .time_wall_ms = f->fake.wall_ms,
                                        .origin = {origin, sizeof(origin)}};
    struct gw_unit unit = {.quarantine = &entry, .quarantine_count = 1};
    if (class != GW_CLASS_COUNT) {
        draft = gw_queue_fixture_draft(class, 1, 0, &storage);
        draft.origin = entry.origin;
        unit = (struct gw_unit){.events = &draft, .event_count = 1};
    }
    assert_int_equal(gw_intake_submit(&f->intake, &unit), GW_OK);
    gw_fake_clock_advance(&f->fake, 3);
}

static void the_tail_merges_classes_and_quarantine_as_they_came(void **state) {
    struct gw_queue_fixture *f = *state;
    static const enum gw_flow_class classes[] = {
        GW_CLASS_TELEMETRY, GW_CLASS_BUSINESS,  GW_CLASS_COUNT, GW_CLASS_STATE,
        GW_CLASS_BUSINESS,  GW_CLASS_TELEMETRY, GW_CLASS_COUNT, GW_CLASS_BUSINESS};
    for (size_t i = 0; i < GW_ARRAY_LEN(classes); i++) {
        submit_with_origin(f, classes[i], (char) ('a' + i));
    }
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    struct tail_order order = {0};
    assert_int_equal(f->intake.tail(f->intake.self, text("m"), 100, note_order, &order), GW_OK);
    assert_string_equal(order.text, "abcdefgh");
    order = (struct tail_order){0};
    assert_int_equal(f->intake.tail(f->intake.self, text("m"), 1, note_order, &order), GW_OK);
    assert_string_equal(order.text, "dfgh"); /* the newest of each */
}

static void a_step_of_the_clock_keeps_each_log_in_order(void **state) {
    struct gw_queue_fixture *f = *state;
    submit_with_origin(f, GW_CLASS_BUSINESS, 'a');
    submit_with_origin(f, GW_CLASS_STATE, 'b');
    submit_with_origin(f, GW_CLASS_BUSINESS, 'c');
    f->fake.wall_ms -= 3600000;
    submit_with_origin(f, GW_CLASS_BUSINESS, 'd');
    submit_with_origin(f, GW_CLASS_BUSINESS, 'e');
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    struct tail_order order = {0};
    assert_int_equal(f->intake.tail(f->intake.self, text("m"), 100, note_order, &order), GW_OK);
    assert_string_equal(order.text, "abcde");
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
    assert_numbers(f, GW_CLASS_BUSINESS, 605, 1, 9999);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(sequences_of_each_class_start_at_one_and_are_contiguous),
        TEST(they_go_on_after_a_new_open_in_the_same_epoch),
        TEST(nothing_is_visible_or_told_before_the_commit),
        TEST(each_class_waits_as_long_as_its_rules_say),
        TEST(the_earliest_deadline_takes_all_classes_along),
        TEST(an_urgent_unit_is_committed_by_the_next_tick),
        TEST(a_large_group_is_committed_at_once),
        TEST(completions_come_in_submit_order),
        TEST(the_write_budget_buys_early_commits_until_it_is_spent),
        TEST(early_commits_are_for_rare_events),
        TEST(without_a_budget_nothing_is_early),
        TEST(a_bad_unit_costs_its_neighbours_nothing),
        TEST(sequences_are_taken_back_when_a_commit_fails),
        TEST(a_failed_put_fails_the_group_and_refuses_the_unit),
        TEST(a_completion_may_submit_again),
        TEST(state_is_as_durable_as_the_events_of_its_unit),
        TEST(two_tables_of_a_unit_are_changed_together_or_not_at_all),
        TEST(the_second_table_is_held_to_its_own_quota),
        TEST(a_state_table_over_its_quota_is_denied_until_it_shrinks),
        TEST(too_many_state_tables_are_denied),
        TEST(quarantine_keeps_raw_bytes_and_reason),
        TEST(a_full_quarantine_drops_its_oldest_and_counts_them),
        TEST(a_quarantined_entry_can_be_dropped_once),
        TEST(the_tail_shows_origins_of_the_newest_records),
        TEST(the_tail_merges_classes_and_quarantine_as_they_came),
        TEST(a_step_of_the_clock_keeps_each_log_in_order),
        TEST(quarantine_keeps_long_topics_and_says_what_it_cut),
        TEST(changed_site_facts_hold_for_new_events_only),
        TEST(one_boot_uses_one_context_and_old_ones_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
