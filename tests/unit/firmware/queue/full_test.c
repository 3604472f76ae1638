/* SPDX-License-Identifier: Apache-2.0 */
/* A full store, and the way back: who yields, in which order, and what stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "firmware/base/loop.h"
#include "firmware/queue/queue_internal.h"
#include "firmware/store/page.h"
#include "tests/fakes/queue_fixture.h"

#define MAP_BYTES (UINT64_C(4) << 20)

static struct gw_queue_fixture fixture;

static int setup(void **state) {
    gw_queue_fixture_init(&fixture, MAP_BYTES);
    fixture.options.ring_percent = 20;
    assert_int_equal(gw_queue_fixture_open(&fixture), GW_OK);
    fixture.filling_bytes = 300;
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    gw_queue_fixture_done(*state);
    return 0;
}

static struct gw_queue_class_figures of(struct gw_queue_fixture *f, enum gw_flow_class class) {
    return gw_queue_fixture_figures(f).classes[class];
}

/* Append until the class is refused; commits now and then. */
static uint64_t fill(struct gw_queue_fixture *f, enum gw_flow_class class) {
    enum gw_err err = GW_OK;
    uint64_t taken = 0;
    while (!err) {
        err = gw_queue_fixture_submit(f, class, taken);
        taken += err == GW_OK;
        if (taken % 40 == 0) {
            assert_int_equal(gw_queue_commit(f->writer), GW_OK);
        }
        assert_true(taken < 100000);
    }
    assert_int_equal(err, GW_ERR_FULL);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    return taken;
}

/* Tick as the loop would until the queue has no wish left. */
static void run_until_quiet(struct gw_queue_fixture *f) {
    for (int i = 0; i < 10000; i++) {
        int64_t next = gw_queue_next_mono_ms(f->writer);
        if (next == GW_NEVER_MS || next > f->fake.mono_ms + 1000) {
            return;
        }
        f->fake.mono_ms = next > f->fake.mono_ms ? next : f->fake.mono_ms;
        assert_int_equal(gw_queue_tick(f->writer), GW_OK);
    }
    fail_msg("the queue never comes to rest");
}

static bool is_empty(struct gw_queue_fixture *f, enum gw_flow_class class) {
    struct gw_queue_range range = of(f, class).range;
    return range.first == range.last + 1;
}

/* Acknowledge all and let new commits take the trims along, until all is gone. */
static void drain(struct gw_queue_fixture *f, enum gw_flow_class class) {
    gw_queue_fixture_ack_all(f);
    run_until_quiet(f);
    f->writer->options.ring_ms = 0;
    f->writer->options.ring_percent = 0;
    for (int i = 0; i < 1000 && !is_empty(f, class); i++) {
        gw_queue_fixture_ack_all(f);
        gw_fake_clock_advance(&f->fake, 100);
        gw_queue_fixture_append(f, GW_CLASS_AUDIT, 1, 1);
    }
    assert_true(is_empty(f, class));
    f->writer->options.ring_ms = f->options.ring_ms;
    f->writer->options.ring_percent = f->options.ring_percent;
}

static void a_filled_store_drains_to_empty_and_accepts_again(void **state) {
    struct gw_queue_fixture *f = *state;
    static const size_t lengths[] = {300, 40, 1400, 3000, 300, 700};
    uint64_t first_taken = 0;
    for (int round = 0; round < 12; round++) {
        f->filling_bytes = lengths[round % 6];
        uint64_t taken = fill(f, GW_CLASS_BUSINESS);
        if (round < 6) {
            first_taken = round == 0 ? taken : first_taken;
        } else if (round == 6) {
            assert_in_range(taken, first_taken * 95 / 100, first_taken * 105 / 100);
        }
        struct gw_queue_figures figures = gw_queue_fixture_figures(f);
        assert_true(figures.used_bytes > MAP_BYTES / 2);
        assert_true(figures.used_bytes <= f->writer->limit_bytes);
        assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 1), GW_ERR_FULL);
        assert_int_equal(figures.commit_failures, 0);
        drain(f, GW_CLASS_BUSINESS);
        assert_int_equal(gw_store_check_file(f->path), GW_OK);
    }
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_REOPENED);
}

/* Lengths at random waste most of the pages; still nothing but FULL is heard. */
static void mixed_lengths_never_run_into_the_map(void **state) {
    struct gw_queue_fixture *f = *state;
    uint64_t seed = 42;
    for (int round = 0; round < 4; round++) {
        enum gw_err err = GW_OK;
        for (uint64_t i = 0; !err; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            f->filling_bytes = (seed >> 33) % 3900;
            err = gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, i);
            gw_fake_clock_advance(&f->fake, 7);
            enum gw_err ticked = gw_queue_tick(f->writer);
            assert_int_equal(ticked, GW_OK);
        }
        assert_int_equal(err, GW_ERR_FULL);
        assert_int_equal(gw_queue_commit(f->writer), GW_OK);
        f->filling_bytes = 100;
        drain(f, GW_CLASS_BUSINESS);
    }
    assert_int_equal(gw_queue_fixture_figures(f).commit_failures, 0);
}

static void full_is_told_only_when_nobody_can_yield(void **state) {
    struct gw_queue_fixture *f = *state;
    f->writer->options.ring_percent = 90; /* else trims take most of the ring first */
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 1500);
    gw_queue_fixture_ack_all(f); /* 1,500 in the ring */
    gw_queue_fixture_append(f, GW_CLASS_TELEMETRY, 1, 1000);
    gw_fake_clock_advance(&f->fake, 1000);
    gw_queue_fixture_append(f, GW_CLASS_STATE, 1, 1000);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1501, 1000);
    /* First the ring goes, without a trace. */
    uint64_t n = 2501;
    while (of(f, GW_CLASS_TELEMETRY).evicted + of(f, GW_CLASS_STATE).evicted == 0) {
        assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, n++), GW_OK);
        if (n % 20 == 0) {
            assert_int_equal(gw_queue_commit(f->writer), GW_OK);
        }
        assert_true(n < 20000);
    }
    assert_int_equal(of(f, GW_CLASS_BUSINESS).trimmed, 1500);
    /* Then telemetry, which is older, then state; business is never evicted. */
    assert_true(of(f, GW_CLASS_TELEMETRY).evicted > 0);
    assert_int_equal(of(f, GW_CLASS_STATE).evicted, 0);
    uint64_t taken = fill(f, GW_CLASS_BUSINESS);
    assert_true(taken > 500);
    assert_true(of(f, GW_CLASS_TELEMETRY).evicted >= 990);
    assert_true(of(f, GW_CLASS_STATE).evicted >= 990);
    assert_int_equal(of(f, GW_CLASS_BUSINESS).evicted, 0);
    assert_true(of(f, GW_CLASS_BUSINESS).refused > 0);
    /* Both are gone but for one tombstone each, up to what is left at the head. */
    assert_int_equal(of(f, GW_CLASS_TELEMETRY).range.first, 1);
    assert_int_equal(of(f, GW_CLASS_TELEMETRY).range.last, 1000);
    assert_int_equal(gw_queue_fixture_figures(f).commit_failures, 0);
}

struct read_back {
    struct gw_queue_entry entries[3000];
    uint8_t bytes[2 << 20];
    size_t count;
};
static struct read_back read_back;

static struct read_back *read_class(struct gw_queue_fixture *f, enum gw_flow_class class,
                                    uint64_t from) {
    struct gw_queue_reader *reader = NULL;
    assert_int_equal(gw_queue_reader_open_beside(f->writer, &reader), GW_OK);
    struct gw_buf storage;
    gw_buf_init(&storage, read_back.bytes, sizeof(read_back.bytes));
    struct gw_queue_read_request request = {GW_EPOCH_INDEX_OWN, class, from, 3000,
                                            sizeof(read_back.bytes)};
    assert_int_equal(
        gw_queue_read(reader, &request, &storage, read_back.entries, 3000, &read_back.count),
        GW_OK);
    gw_queue_reader_close(reader);
    return &read_back;
}

/* The entries cover the sequences from `from` to the head without hole or overlap,
 * and every event is the one it should be. */
static uint64_t assert_covered(struct gw_queue_fixture *f, enum gw_flow_class class,
                               uint64_t from, unsigned *ret_tombstones) {
    struct read_back *r = read_class(f, class, from);
    uint64_t next = from;
    *ret_tombstones = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct gw_record *record = &r->entries[i].record;
        assert_int_equal(r->entries[i].err, GW_OK);
        assert_int_equal(record->sequence, next);
        *ret_tombstones += record->is_tombstone;
        if (!record->is_tombstone) {
            assert_int_equal(gw_queue_fixture_number(record), record->sequence);
        }
        next = record->last_sequence + 1;
    }
    return next - 1;
}

static void evict_by_filling(struct gw_queue_fixture *f, uint64_t *n, uint64_t until_evicted) {
    while (of(f, GW_CLASS_TELEMETRY).evicted < until_evicted) {
        assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_TELEMETRY, *n), GW_OK);
        *n += 1;
        if (*n % 50 == 0) {
            assert_int_equal(gw_queue_commit(f->writer), GW_OK);
        }
        assert_true(*n < 100000);
    }
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
}

static void report(struct gw_queue_fixture *f, uint64_t acked, uint64_t sent) {
    struct gw_queue_progress progress = gw_queue_fixture_progress(f);
    progress.acked[GW_CLASS_TELEMETRY] = acked;
    progress.sent[GW_CLASS_TELEMETRY] = sent;
    gw_queue_set_progress(f->writer, &progress);
}

static void a_tombstone_grows_until_a_sink_has_seen_it(void **state) {
    struct gw_queue_fixture *f = *state;
    uint64_t n = 1;
    unsigned tombstones;
    f->filling_bytes = 2000;
    report(f, 0, 0);
    evict_by_filling(f, &n, 3000);
    assert_int_equal(assert_covered(f, GW_CLASS_TELEMETRY, 1, &tombstones), n - 1);
    assert_int_equal(tombstones, 1);
    struct gw_record first = read_class(f, GW_CLASS_TELEMETRY, 1)->entries[0].record;
    assert_true(first.last_sequence >= 3000);
    /* A sink takes the tombstone: from here on it must not change. */
    uint64_t last = first.last_sequence;
    uint8_t digest[GW_DIGEST_BYTES];
    memcpy(digest, first.digest, sizeof(digest));
    report(f, 0, 1);
    evict_by_filling(f, &n, last + 1000);
    assert_int_equal(assert_covered(f, GW_CLASS_TELEMETRY, 1, &tombstones), n - 1);
    assert_int_equal(tombstones, 2);
    first = read_class(f, GW_CLASS_TELEMETRY, 1)->entries[0].record;
    assert_int_equal(first.last_sequence, last);
    assert_memory_equal(first.digest, digest, sizeof(digest));
    assert_int_equal(gw_queue_fixture_figures(f).commit_failures, 0);
}

static void before_anybody_reports_progress_no_tombstone_grows(void **state) {
    struct gw_queue_fixture *f = *state;
    uint64_t n = 1;
    unsigned tombstones, more;
    f->filling_bytes = 2000;
    evict_by_filling(f, &n, 100);
    assert_covered(f, GW_CLASS_TELEMETRY, 1, &tombstones);
    evict_by_filling(f, &n, of(f, GW_CLASS_TELEMETRY).evicted + 200);
    assert_int_equal(assert_covered(f, GW_CLASS_TELEMETRY, 1, &more), n - 1);
    assert_true(more > tombstones);
}

static void a_read_inside_a_buried_range_gets_its_tombstone(void **state) {
    struct gw_queue_fixture *f = *state;
    uint64_t n = 1;
    f->filling_bytes = 2000;
    report(f, 0, 0);
    evict_by_filling(f, &n, 500);
    struct read_back *r = read_class(f, GW_CLASS_TELEMETRY, 250);
    assert_true(r->entries[0].record.is_tombstone);
    assert_int_equal(r->entries[0].record.sequence, 1);
    assert_true(r->entries[0].record.last_sequence >= 500);
    assert_int_equal(r->entries[1].record.sequence, r->entries[0].record.last_sequence + 1);
}

static void expired_telemetry_is_buried_as_expired(void **state) {
    struct gw_queue_fixture *f = *state;
    uint8_t bytes[4096];
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    report(f, 0, 0);
    for (uint64_t i = 1; i <= 50; i++) {
        struct gw_event_draft draft =
            gw_queue_fixture_draft(GW_CLASS_TELEMETRY, i, 0, &storage);
        draft.expiry_wall_ms = i <= 30 ? f->fake.wall_ms + 60000 : 0;
        struct gw_unit unit = {.events = &draft, .event_count = 1};
        assert_int_equal(gw_intake_submit(&f->intake, &unit), GW_OK);
    }
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    gw_fake_clock_advance(&f->fake, 59000);
    gw_queue_fixture_append(f, GW_CLASS_AUDIT, 1, 1);
    assert_int_equal(of(f, GW_CLASS_TELEMETRY).evicted, 0);
    gw_fake_clock_advance(&f->fake, 2000);
    gw_queue_fixture_append(f, GW_CLASS_AUDIT, 2, 1);
    assert_int_equal(of(f, GW_CLASS_TELEMETRY).evicted, 30);
    struct read_back *r = read_class(f, GW_CLASS_TELEMETRY, 1);
    assert_int_equal(r->count, 21);
    assert_true(r->entries[0].record.is_tombstone);
    assert_int_equal(r->entries[0].record.last_sequence, 30);
    assert_true(gw_str_ends_with(r->entries[0].record.data, GW_STR("\"expired\"}")));
}

/* ---- ring and trim ---- */

static void the_ring_keeps_acknowledged_events_for_its_time(void **state) {
    struct gw_queue_fixture *f = *state;
    f->options.ring_ms = 3600000;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 100);
    gw_fake_clock_advance(&f->fake, 1800000);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 101, 100);
    gw_queue_fixture_ack_all(f);
    gw_queue_fixture_append(f, GW_CLASS_AUDIT, 1, 1);
    assert_int_equal(of(f, GW_CLASS_BUSINESS).range.first, 1);
    gw_fake_clock_advance(&f->fake, 1800000);
    gw_queue_fixture_append(f, GW_CLASS_AUDIT, 2, 1);
    assert_int_equal(of(f, GW_CLASS_BUSINESS).range.first, 101);
    assert_int_equal(of(f, GW_CLASS_BUSINESS).trimmed, 100);
}

static void the_ring_keeps_no_more_than_its_share(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 5000);
    gw_queue_fixture_ack_all(f);
    for (uint64_t i = 0; i < 5; i++) {
        gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 5001 + i, 1);
    }
    uint64_t bytes = of(f, GW_CLASS_BUSINESS).bytes;
    assert_in_range(bytes, MAP_BYTES * 18 / 100, MAP_BYTES * 21 / 100);
    assert_int_equal(of(f, GW_CLASS_BUSINESS).range.last, 5005);
}

static void a_record_from_the_future_does_not_hold_the_ring_for_ever(void **state) {
    struct gw_queue_fixture *f = *state;
    f->fake.wall_ms += INT64_C(400) * 86400000;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 10);
    f->fake.wall_ms -= INT64_C(400) * 86400000;
    gw_queue_fixture_ack_all(f);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 11, 1);
    assert_int_equal(of(f, GW_CLASS_BUSINESS).range.first, 11);
}

static void nothing_unacknowledged_is_ever_trimmed(void **state) {
    struct gw_queue_fixture *f = *state;
    f->options.ring_ms = 0;
    f->options.ring_percent = 0;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 100);
    struct gw_queue_progress progress = gw_queue_fixture_progress(f);
    progress.acked[GW_CLASS_BUSINESS] = 37;
    gw_queue_set_progress(f->writer, &progress);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 101, 1);
    assert_int_equal(of(f, GW_CLASS_BUSINESS).range.first, 38);
    unsigned tombstones;
    assert_int_equal(assert_covered(f, GW_CLASS_BUSINESS, 38, &tombstones), 101);
    assert_int_equal(tombstones, 0);
}

static void progress_beyond_the_head_or_of_another_epoch_is_ignored(void **state) {
    struct gw_queue_fixture *f = *state;
    f->options.ring_ms = 0;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 10);
    struct gw_queue_progress progress = gw_queue_fixture_progress(f);
    progress.acked[GW_CLASS_BUSINESS] = 11;
    gw_queue_set_progress(f->writer, &progress);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 11, 1);
    assert_int_equal(of(f, GW_CLASS_BUSINESS).range.first, 1);
    progress.acked[GW_CLASS_BUSINESS] = 5;
    progress.epoch.low ^= 1;
    gw_queue_set_progress(f->writer, &progress);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 12, 1);
    assert_int_equal(of(f, GW_CLASS_BUSINESS).range.first, 1);
}

static void trims_ride_along_in_bounded_steps(void **state) {
    struct gw_queue_fixture *f = *state;
    f->options.ring_ms = 0;
    f->options.ring_percent = 0;
    f->filling_bytes = 30;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 9000);
    gw_queue_fixture_ack_all(f);
    uint64_t commits = gw_queue_fixture_figures(f).commits;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 9001, 10);
    assert_int_equal(of(f, GW_CLASS_BUSINESS).range.first, 1 + 2000 + 20);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 9011, 1);
    assert_int_equal(of(f, GW_CLASS_BUSINESS).range.first, 1 + 2000 + 20 + 2000 + 2);
    assert_int_equal(gw_queue_fixture_figures(f).commits, commits + 2);
}

static void a_long_silence_with_much_to_trim_gets_commits_of_its_own(void **state) {
    struct gw_queue_fixture *f = *state;
    f->options.ring_ms = 0;
    f->options.ring_percent = 0;
    f->filling_bytes = 0;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 12500);
    gw_queue_fixture_ack_all(f);
    int64_t next = gw_queue_next_mono_ms(f->writer);
    assert_int_equal(next, f->fake.mono_ms + 60000);
    gw_fake_clock_advance(&f->fake, 59999);
    assert_int_equal(gw_queue_tick(f->writer), GW_OK);
    assert_int_equal(of(f, GW_CLASS_BUSINESS).range.first, 1);
    gw_fake_clock_advance(&f->fake, 1);
    assert_int_equal(gw_queue_tick(f->writer), GW_OK);
    assert_int_equal(of(f, GW_CLASS_BUSINESS).range.first, 2001);
}

static void progress_above_high_water_is_trimmed_at_once(void **state) {
    struct gw_queue_fixture *f = *state;
    uint64_t taken = fill(f, GW_CLASS_BUSINESS);
    assert_int_equal(gw_queue_next_mono_ms(f->writer), GW_NEVER_MS);
    struct gw_queue_progress progress = gw_queue_fixture_progress(f);
    progress.acked[GW_CLASS_BUSINESS] = taken / 2;
    gw_queue_set_progress(f->writer, &progress);
    assert_int_equal(gw_queue_next_mono_ms(f->writer), f->fake.mono_ms);
    run_until_quiet(f);
    assert_true(of(f, GW_CLASS_BUSINESS).range.first > 1);
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 1), GW_OK);
}

static void a_unit_larger_than_a_share_of_the_store_is_out_of_range(void **state) {
    struct gw_queue_fixture *f = *state;
    static struct gw_event_draft drafts[4000];
    uint8_t bytes[4096];
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    for (size_t i = 0; i < 4000; i++) {
        drafts[i] = gw_queue_fixture_draft(GW_CLASS_BUSINESS, 1, 300, &storage);
    }
    struct gw_unit unit = {.events = drafts, .event_count = 4000};
    assert_int_equal(gw_intake_submit(&f->intake, &unit), GW_ERR_RANGE);
    unit.event_count = 1000;
    assert_int_equal(gw_intake_submit(&f->intake, &unit), GW_OK);
}

/* A failing trim must not take the group's units down with it for ever. */
static enum gw_err refuse_deletes(void *self, enum gw_store_step step) {
    unsigned *left = self;
    if (step != GW_STORE_DEL || *left == 0) {
        return GW_OK;
    }
    *left -= 1;
    return GW_ERR_FULL;
}

static void a_failing_trim_shrinks_until_it_passes(void **state) {
    struct gw_queue_fixture *f = *state;
    static unsigned left; /* the store keeps the probe until the teardown */
    left = 0;
    struct gw_store_probe probe = {refuse_deletes, &left};
    f->options.probe = &probe;
    f->options.ring_ms = 0;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 500);
    gw_queue_fixture_ack_all(f);
    left = 3;
    uint64_t n = 501;
    unsigned failures = 0;
    while (of(f, GW_CLASS_BUSINESS).range.first == 1) {
        assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, n), GW_OK);
        enum gw_err err = gw_queue_commit(f->writer);
        failures += err != GW_OK;
        n += err == GW_OK;
        assert_true(failures < 10);
    }
    assert_int_equal(failures, 3);
    for (int i = 0; i < 12; i++) {
        gw_queue_fixture_append(f, GW_CLASS_BUSINESS, n++, 1);
    }
    assert_true(of(f, GW_CLASS_BUSINESS).range.first > 500);
    f->options.probe = NULL;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_filled_store_drains_to_empty_and_accepts_again),
        TEST(mixed_lengths_never_run_into_the_map),
        TEST(full_is_told_only_when_nobody_can_yield),
        TEST(a_tombstone_grows_until_a_sink_has_seen_it),
        TEST(before_anybody_reports_progress_no_tombstone_grows),
        TEST(a_read_inside_a_buried_range_gets_its_tombstone),
        TEST(expired_telemetry_is_buried_as_expired),
        TEST(the_ring_keeps_acknowledged_events_for_its_time),
        TEST(the_ring_keeps_no_more_than_its_share),
        TEST(a_record_from_the_future_does_not_hold_the_ring_for_ever),
        TEST(nothing_unacknowledged_is_ever_trimmed),
        TEST(progress_beyond_the_head_or_of_another_epoch_is_ignored),
        TEST(trims_ride_along_in_bounded_steps),
        TEST(a_long_silence_with_much_to_trim_gets_commits_of_its_own),
        TEST(progress_above_high_water_is_trimmed_at_once),
        TEST(a_unit_larger_than_a_share_of_the_store_is_out_of_range),
        TEST(a_failing_trim_shrinks_until_it_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
