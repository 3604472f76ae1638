/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Nth operation of the store fails, for every N of a script that does all a
 * queue does. Whatever fails, afterwards: every unit was told exactly once and in
 * order, those told OK are stored and no others, sequences are contiguous, the
 * books agree with the logs, and the store takes events again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "firmware/queue/queue_internal.h"
#include "firmware/store/page.h"
#include "tests/fakes/queue_fixture.h"

#define MAP_BYTES (UINT64_C(512) << 10)

static struct gw_queue_fixture fixture;

struct torture {
    uint64_t count, fail_at, fail_until;
    enum gw_err err;
};

static enum gw_err fail_nth(void *self, enum gw_store_step step) {
    struct torture *torture = self;
    (void) step;
    torture->count++;
    bool fails = torture->count >= torture->fail_at && torture->count < torture->fail_until;
    return fails ? torture->err : GW_OK;
}

#define SCRIPT_UNITS 400

/* What became of each unit of the script. */
struct ledger {
    struct gw_queue_fixture *f;
    bool taken[SCRIPT_UNITS];
    unsigned told[SCRIPT_UNITS];
    enum gw_err err[SCRIPT_UNITS];
    uint64_t last_told;
    bool out_of_order;
};

static void completed(void *context, uint64_t token, enum gw_err err) {
    struct ledger *ledger = context;
    ledger->told[token]++;
    ledger->err[token] = err;
    ledger->out_of_order =
        ledger->out_of_order || (ledger->last_told && token <= ledger->last_told);
    ledger->last_told = token;
}

/* Unit n: an event that carries n, a state change, now and then bytes for the
 * quarantine. */
static void submit(struct ledger *ledger, uint64_t n) {
    uint8_t bytes[2048], raw[3000] = {1};
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    enum gw_flow_class class = n % 4 == 3 ? GW_CLASS_TELEMETRY : GW_CLASS_BUSINESS;
    struct gw_event_draft draft = gw_queue_fixture_draft(class, n, 900, &storage);
    struct gw_state_change change = {.key = gw_store_key_u64(&n),
                                     .value = gw_store_key_u64(&n)};
    struct gw_quarantine_entry entry = {
        .reason = GW_STR("torture"), .raw = {raw, sizeof(raw)}, .raw_len = sizeof(raw)};
    struct gw_unit unit = {.events = &draft,
                           .event_count = 1,
                           .state_table = n % 50 < 25 ? GW_STR("even") : GW_STR("odd"),
                           .changes = &change,
                           .change_count = 1,
                           .quarantine = &entry,
                           .quarantine_count = n % 10 == 0,
                           .completed = completed,
                           .context = ledger,
                           .token = n};
    ledger->taken[n] = gw_intake_submit(&ledger->f->intake, &unit) == GW_OK;
}

/* More than the store holds without evictions and trims. */
static void run_script(struct ledger *ledger) {
    struct gw_queue_fixture *f = ledger->f;
    struct gw_queue_progress progress = gw_queue_fixture_progress(f);
    gw_queue_set_progress(f->writer, &progress);
    for (uint64_t n = 1; n < SCRIPT_UNITS; n++) {
        submit(ledger, n);
        gw_fake_clock_advance(&f->fake, 4);
        enum gw_err err = gw_queue_tick(f->writer);
        if (n % 100 == 0 && n <= 200) {
            progress = gw_queue_fixture_progress(f);
            progress.acked[GW_CLASS_BUSINESS] = progress.heads[GW_CLASS_BUSINESS] / 2;
            gw_queue_set_progress(f->writer, &progress);
        }
        if (n % 120 == 0) {
            err = gw_queue_quarantine_drop(f->writer, n / 20);
        }
        if (n % 150 == 0) {
            err = gw_queue_mark_healthy(f->writer);
        }
        (void) err;
    }
}

static unsigned count_stored(struct gw_queue_fixture *f, const struct ledger *ledger,
                             enum gw_flow_class class) {
    static struct gw_queue_entry entries[SCRIPT_UNITS];
    static uint8_t bytes[2 << 20];
    struct gw_queue_range range = gw_queue_fixture_figures(f).classes[class].range;
    struct gw_queue_reader *reader = NULL;
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    assert_int_equal(gw_queue_reader_open_beside(f->writer, &reader), GW_OK);
    struct gw_queue_read_request request = {GW_EPOCH_INDEX_OWN, class, range.first,
                                            SCRIPT_UNITS, sizeof(bytes)};
    size_t count = 0;
    assert_int_equal(gw_queue_read(reader, &request, &storage, entries, SCRIPT_UNITS, &count),
                     GW_OK);
    uint64_t next = range.first, number_before = 0;
    unsigned events = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(entries[i].err, GW_OK);
        assert_int_equal(entries[i].record.sequence, next);
        next = entries[i].record.last_sequence + 1;
        if (!entries[i].record.is_tombstone) {
            uint64_t number = gw_queue_fixture_number(&entries[i].record);
            assert_true(number > number_before && number < SCRIPT_UNITS);
            assert_int_equal(ledger->err[number], GW_OK);
            number_before = number;
            events++;
        }
    }
    assert_int_equal(next, range.last + 1);
    gw_queue_reader_close(reader);
    return events;
}

static void check_invariants(struct ledger *ledger) {
    struct gw_queue_fixture *f = ledger->f;
    uint64_t ok[2] = {0, 0};
    assert_false(ledger->out_of_order);
    for (uint64_t n = 1; n < SCRIPT_UNITS; n++) {
        assert_int_equal(ledger->told[n], ledger->taken[n] ? 1 : 0);
        ok[n % 4 == 3] += ledger->told[n] && ledger->err[n] == GW_OK;
    }
    struct gw_queue_figures figures = gw_queue_fixture_figures(f);
    /* As many sequences were given as units heard OK. */
    assert_int_equal(figures.classes[GW_CLASS_BUSINESS].range.last, ok[0]);
    assert_int_equal(figures.classes[GW_CLASS_TELEMETRY].range.last, ok[1]);
    struct gw_queue_class_figures business = figures.classes[GW_CLASS_BUSINESS];
    assert_int_equal(count_stored(f, ledger, GW_CLASS_BUSINESS),
                     business.range.last - business.range.first + 1);
    (void) count_stored(f, ledger, GW_CLASS_TELEMETRY);
    uint8_t bytes[64];
    struct gw_buf buf;
    for (uint64_t n = 1; n < SCRIPT_UNITS; n++) {
        gw_buf_init(&buf, bytes, sizeof(bytes));
        struct gw_str table = n % 50 < 25 ? GW_STR("even") : GW_STR("odd");
        bool stored = ledger->told[n] && ledger->err[n] == GW_OK;
        assert_int_equal(f->intake.state_get(f->intake.self, table, gw_store_key_u64(&n), &buf),
                         stored ? GW_OK : GW_ERR_NOENT);
    }
}

struct run {
    uint64_t steps, evicted, trimmed, refused;
};

static struct run torture_once(struct torture *torture) {
    struct gw_queue_fixture *f = &fixture;
    static struct ledger ledger;
    struct gw_store_probe probe = {fail_nth, torture};
    gw_queue_fixture_init(f, MAP_BYTES);
    f->options.probe = &probe;
    f->options.ring_ms = 0;
    f->options.quarantine_max_bytes = 40000;
    uint64_t fail_at = torture->fail_at, width = torture->fail_until - torture->fail_at;
    torture->fail_at = UINT64_MAX;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    torture->count = 0;
    torture->fail_at = fail_at;
    torture->fail_until = fail_at + width;
    ledger = (struct ledger){.f = f};
    run_script(&ledger);
    struct gw_queue_figures figures = gw_queue_fixture_figures(f);
    struct run run = {.steps = torture->count,
                      .evicted = figures.classes[GW_CLASS_TELEMETRY].evicted,
                      .trimmed = figures.classes[GW_CLASS_BUSINESS].trimmed,
                      .refused = figures.classes[GW_CLASS_BUSINESS].refused};
    torture->fail_at = UINT64_MAX;
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    check_invariants(&ledger);
    assert_int_equal(gw_store_check_file(f->path), GW_OK);
    f->options.probe = NULL;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_REOPENED);
    check_invariants(&ledger);
    gw_queue_fixture_done(f);
    return run;
}

static void torture_with(enum gw_err err, uint64_t width, uint64_t stride) {
    struct torture torture = {.fail_at = UINT64_MAX - width, .fail_until = UINT64_MAX};
    struct run whole = torture_once(&torture);
    print_message("the script: %llu steps, %llu evicted, %llu trimmed, %llu refused\n",
                  (unsigned long long) whole.steps, (unsigned long long) whole.evicted,
                  (unsigned long long) whole.trimmed, (unsigned long long) whole.refused);
    assert_true(whole.evicted > 0 && whole.trimmed > 0 && whole.refused > 0);
    uint64_t steps = whole.steps;
    unsigned runs = 0;
    for (uint64_t n = 1; n <= steps; n += stride, runs++) {
        torture = (struct torture){.fail_at = n, .fail_until = n + width, .err = err};
        (void) torture_once(&torture);
    }
    print_message("%u runs\n", runs);
}

static void one_failing_step_anywhere_leaves_all_promises_kept(void **state) {
    (void) state;
    torture_with(GW_ERR_IO, 1, 7);
}

static void no_room_for_a_while_anywhere_leaves_all_promises_kept(void **state) {
    (void) state;
    torture_with(GW_ERR_FULL, 25, 31);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_failing_step_anywhere_leaves_all_promises_kept),
        cmocka_unit_test(no_room_for_a_while_anywhere_leaves_all_promises_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
