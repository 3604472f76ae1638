/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/base/crc32c.h"
#include "firmware/event/wire.h"
#include "firmware/queue/queue_internal.h"
#include "tests/fakes/queue_fixture.h"

#define MAP_BYTES (UINT64_C(16) << 20)
#define MAX_ENTRIES 500

static struct gw_queue_fixture fixture;

static int setup(void **state) {
    gw_queue_fixture_init(&fixture, MAP_BYTES);
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    gw_queue_fixture_done(*state);
    return 0;
}

struct reading {
    struct gw_queue_reader *reader;
    struct gw_queue_entry entries[MAX_ENTRIES];
    uint8_t bytes[1 << 20];
    struct gw_buf storage;
    size_t count;
};

static enum gw_err read_some(struct reading *r, enum gw_flow_class class, uint64_t from,
                             size_t max_events, size_t max_bytes) {
    gw_buf_init(&r->storage, r->bytes, sizeof(r->bytes));
    struct gw_queue_read_request request = {GW_EPOCH_INDEX_OWN, class, from, max_events,
                                            max_bytes};
    r->count = 0;
    return gw_queue_read(r->reader, &request, &r->storage, r->entries, MAX_ENTRIES, &r->count);
}

static struct reading reading;

static void limits_of_events_and_bytes_are_kept(void **state) {
    struct gw_queue_fixture *f = *state;
    struct reading *r = &reading;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 100);
    assert_int_equal(gw_queue_reader_open_beside(f->writer, &r->reader), GW_OK);
    assert_int_equal(read_some(r, GW_CLASS_BUSINESS, 1, 7, SIZE_MAX), GW_OK);
    assert_int_equal(r->count, 7);
    size_t one = r->storage.len / 7;
    assert_int_equal(read_some(r, GW_CLASS_BUSINESS, 1, 100, 5 * one + 10), GW_OK);
    assert_int_equal(r->count, 5);
    /* One record always comes, so that a reader cannot be stuck before a long one. */
    assert_int_equal(read_some(r, GW_CLASS_BUSINESS, 1, 100, 1), GW_OK);
    assert_int_equal(r->count, 1);
    gw_buf_init(&r->storage, r->bytes, 50);
    struct gw_queue_read_request request = {GW_EPOCH_INDEX_OWN, GW_CLASS_BUSINESS, 1, 10, 1000};
    size_t count = 99;
    assert_int_equal(
        gw_queue_read(r->reader, &request, &r->storage, r->entries, MAX_ENTRIES, &count),
        GW_ERR_FULL);
    assert_int_equal(count, 99);
    assert_int_equal(read_some(r, GW_CLASS_BUSINESS, 101, 100, 100000), GW_OK);
    assert_int_equal(r->count, 0);
    assert_int_equal(read_some(r, GW_CLASS_STATE, 1, 100, 100000), GW_OK);
    assert_int_equal(r->count, 0);
    request.epoch_index = 3;
    assert_int_equal(
        gw_queue_read(r->reader, &request, &r->storage, r->entries, MAX_ENTRIES, &count),
        GW_ERR_NOENT);
    gw_queue_reader_close(r->reader);
}

static void epochs_and_ranges_are_those_of_the_last_commit(void **state) {
    struct gw_queue_fixture *f = *state;
    struct gw_queue_epoch_view views[GW_QUEUE_MAX_EPOCHS];
    size_t count = 0;
    struct gw_queue_reader *reader = NULL;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_STATE, 1, 12);
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_STATE, 13), GW_OK);
    assert_int_equal(gw_queue_reader_open_beside(f->writer, &reader), GW_OK);
    assert_int_equal(gw_queue_reader_epochs(reader, views, &count), GW_OK);
    assert_int_equal(count, 1);
    assert_int_equal(views[0].index, GW_EPOCH_INDEX_OWN);
    assert_true(gw_epoch_eq(views[0].epoch, gw_queue_fixture_figures(f).epoch));
    assert_int_equal(views[0].ranges[GW_CLASS_STATE].first, 1);
    assert_int_equal(views[0].ranges[GW_CLASS_STATE].last, 12);
    assert_int_equal(views[0].ranges[GW_CLASS_BUSINESS].last, 0);
    gw_queue_reader_close(reader);
}

static void contexts_stay_valid_while_others_are_read(void **state) {
    struct gw_queue_fixture *f = *state;
    struct reading *r = &reading;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(gw_queue_reader_open_beside(f->writer, &r->reader), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 1);
    assert_int_equal(read_some(r, GW_CLASS_BUSINESS, 1, 1, 10000), GW_OK);
    struct gw_event_context first = r->entries[0].context;
    for (unsigned i = 0; i < 100; i++) {
        char site[8] = {'s', (char) ('0' + i / 10), (char) ('0' + i % 10), 0};
        assert_int_equal(
            gw_queue_set_context(f->writer, gw_str_from_cstr(site), GW_STR("o"), GW_STR("UTC")),
            GW_OK);
        gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 2 + i, 1);
        assert_int_equal(read_some(r, GW_CLASS_BUSINESS, 2 + i, 1, 10000), GW_OK);
        assert_true(gw_str_eq(r->entries[0].context.site, gw_str_from_cstr(site)));
    }
    assert_true(gw_str_eq(first.site, GW_STR("north")));
    assert_true(gw_str_eq(first.serial, GW_STR("GW-0001")));
    gw_queue_reader_close(r->reader);
}

/* ---- damage: keys are known, content is not believed ---- */

static uint64_t find_in_file(const char *path, const char *needle, size_t len) {
    static uint8_t content[MAP_BYTES];
    FILE *file = fopen(path, "rb");
    size_t n = fread(content, 1, sizeof(content), file);
    (void) fclose(file);
    uint8_t *at = memmem(content, n, needle, len);
    assert_non_null(at);
    return (uint64_t) (at - content);
}

static void a_damaged_record_is_one_corrupt_entry_and_reading_goes_on(void **state) {
    struct gw_queue_fixture *f = *state;
    struct reading *r = &reading;
    char data[GW_TEMP_PATH_BYTES + 16];
    (void) snprintf(data, sizeof(data), "%s/data.mdb", f->path);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1000, 100);
    gw_queue_fixture_close(f);
    gw_temp_flip(data, find_in_file(data, "\"n\":\"1041\"", 10) + 7, 1);
    assert_int_equal(gw_queue_reader_open(f->path, &r->reader), GW_OK);
    assert_int_equal(read_some(r, GW_CLASS_BUSINESS, 1, 200, SIZE_MAX), GW_OK);
    assert_int_equal(r->count, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(r->entries[i].err, i == 41 ? GW_ERR_CORRUPT : GW_OK);
        assert_int_equal(r->entries[i].record.sequence, i + 1);
        assert_int_equal(r->entries[i].record.class, GW_CLASS_BUSINESS);
        if (i != 41) {
            assert_int_equal(gw_queue_fixture_number(&r->entries[i].record), 1000 + i);
        }
    }
    gw_queue_reader_close(r->reader);
}

/* Something took records out of the log behind the books' back. */
static void missing_records_are_reported_one_by_one(void **state) {
    struct gw_queue_fixture *f = *state;
    struct reading *r = &reading;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 50);
    assert_int_equal(queue_begin(f->writer), GW_OK);
    for (uint64_t sequence = 20; sequence < 25; sequence++) {
        uint64_t key = queue_log_key(GW_EPOCH_INDEX_OWN, GW_CLASS_BUSINESS, sequence);
        assert_int_equal(
            gw_store_del(f->writer->txn, f->writer->tables.logs[0], gw_store_key_u64(&key)),
            GW_OK);
    }
    uint64_t key = queue_log_key(GW_EPOCH_INDEX_OWN, GW_CLASS_BUSINESS, 50);
    assert_int_equal(
        gw_store_del(f->writer->txn, f->writer->tables.logs[0], gw_store_key_u64(&key)), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_int_equal(gw_queue_reader_open_beside(f->writer, &r->reader), GW_OK);
    assert_int_equal(read_some(r, GW_CLASS_BUSINESS, 1, 200, SIZE_MAX), GW_OK);
    assert_int_equal(r->count, 50);
    for (size_t i = 0; i < 50; i++) {
        bool gone = (i >= 19 && i < 24) || i == 49;
        assert_int_equal(r->entries[i].err, gone ? GW_ERR_CORRUPT : GW_OK);
        assert_int_equal(r->entries[i].record.sequence, i + 1);
    }
    assert_int_equal(read_some(r, GW_CLASS_BUSINESS, 22, 2, SIZE_MAX), GW_OK);
    assert_int_equal(r->entries[0].record.sequence, 22);
    assert_int_equal(r->entries[1].record.sequence, 23);
    assert_int_equal(read_some(r, GW_CLASS_BUSINESS, 50, 2, SIZE_MAX), GW_OK);
    assert_int_equal(r->count, 1);
    assert_int_equal(r->entries[0].err, GW_ERR_CORRUPT);
    gw_queue_reader_close(r->reader);
}

static void a_lost_context_makes_its_records_corrupt(void **state) {
    struct gw_queue_fixture *f = *state;
    struct reading *r = &reading;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 3);
    assert_int_equal(queue_begin(f->writer), GW_OK);
    uint64_t key = queue_context_key(GW_EPOCH_INDEX_OWN, 1);
    assert_int_equal(
        gw_store_del(f->writer->txn, f->writer->tables.context, gw_store_key_u64(&key)), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_int_equal(gw_queue_reader_open_beside(f->writer, &r->reader), GW_OK);
    assert_int_equal(read_some(r, GW_CLASS_BUSINESS, 1, 10, SIZE_MAX), GW_OK);
    assert_int_equal(r->count, 3);
    assert_int_equal(r->entries[2].err, GW_ERR_CORRUPT);
    gw_queue_reader_close(r->reader);
}

/* Write `to` into byte 4 of a stored value and seal it again, as a newer release
 * would have. */
static void set_format(struct gw_queue_fixture *f, struct gw_table table, uint64_t key,
                       uint8_t to) {
    uint8_t bytes[1024];
    struct gw_bytes value;
    assert_int_equal(queue_begin(f->writer), GW_OK);
    assert_int_equal(gw_store_get(f->writer->txn, table, gw_store_key_u64(&key), &value),
                     GW_OK);
    assert_in_range(value.len, 5, sizeof(bytes));
    memcpy(bytes, value.ptr, value.len);
    bytes[4] = to;
    gw_le_put_u32(bytes, gw_crc32c(0, (struct gw_bytes){bytes + 4, value.len - 4}));
    assert_int_equal(gw_store_put(f->writer->txn, table, gw_store_key_u64(&key),
                                  (struct gw_bytes){bytes, value.len}),
                     GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
}

static void a_record_of_a_newer_release_is_schema_and_not_corrupt(void **state) {
    struct gw_queue_fixture *f = *state;
    struct reading *r = &reading;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 5);
    set_format(f, f->writer->tables.logs[GW_CLASS_BUSINESS],
               queue_log_key(GW_EPOCH_INDEX_OWN, GW_CLASS_BUSINESS, 3), 7);
    assert_int_equal(gw_queue_reader_open_beside(f->writer, &r->reader), GW_OK);
    assert_int_equal(read_some(r, GW_CLASS_BUSINESS, 1, 10, SIZE_MAX), GW_OK);
    assert_int_equal(r->count, 5);
    assert_int_equal(r->entries[1].err, GW_OK);
    assert_int_equal(r->entries[2].err, GW_ERR_SCHEMA);
    assert_int_equal(r->entries[2].newer_format, 7);
    assert_int_equal(r->entries[2].record.sequence, 3);
    assert_int_equal(r->entries[3].err, GW_OK);
    gw_queue_reader_close(r->reader);
}

static void a_context_of_a_newer_release_is_schema_and_not_corrupt(void **state) {
    struct gw_queue_fixture *f = *state;
    struct reading *r = &reading;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 2);
    set_format(f, f->writer->tables.context, queue_context_key(GW_EPOCH_INDEX_OWN, 1), 9);
    assert_int_equal(gw_queue_reader_open_beside(f->writer, &r->reader), GW_OK);
    assert_int_equal(read_some(r, GW_CLASS_BUSINESS, 1, 10, SIZE_MAX), GW_OK);
    assert_int_equal(r->count, 2);
    assert_int_equal(r->entries[0].err, GW_ERR_SCHEMA);
    assert_int_equal(r->entries[0].newer_format, 9);
    assert_int_equal(r->entries[1].err, GW_ERR_SCHEMA);
    gw_queue_reader_close(r->reader);
}

/* ---- the path ---- */

static void no_store_yet_is_noent(void **state) {
    struct gw_queue_fixture *f = *state;
    struct gw_queue_reader *reader = NULL;
    assert_int_equal(gw_queue_reader_open(f->path, &reader), GW_ERR_NOENT);
}

static void a_replaced_store_asks_for_a_new_open(void **state) {
    struct gw_queue_fixture *f = *state;
    struct reading *r = &reading;
    struct gw_queue_epoch_view views[GW_QUEUE_MAX_EPOCHS];
    size_t count;
    char aside[GW_TEMP_PATH_BYTES];
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 3);
    gw_queue_fixture_close(f);
    assert_int_equal(gw_queue_reader_open(f->path, &r->reader), GW_OK);
    assert_int_equal(gw_queue_reader_epochs(r->reader, views, &count), GW_OK);
    assert_int_equal(rename(f->path, gw_temp_path(&f->folder, "aside", aside)), 0);
    assert_int_equal(gw_queue_reader_epochs(r->reader, views, &count), GW_ERR_RETRY);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(gw_queue_reader_epochs(r->reader, views, &count), GW_ERR_RETRY);
    assert_int_equal(read_some(r, GW_CLASS_BUSINESS, 1, 10, SIZE_MAX), GW_ERR_RETRY);
    gw_queue_reader_close(r->reader);
}

/* ---- another process ---- */

#define LOAD_EVENTS 20000

static int follow_the_writer(const char *path) {
    struct reading *r = &reading;
    enum gw_err err = GW_ERR_NOENT;
    for (int i = 0; i < 10000 && err == GW_ERR_NOENT; i++) {
        err = gw_queue_reader_open(path, &r->reader);
        (void) usleep(err ? 1000 : 0);
    }
    if (err) {
        return 10 + (int) err;
    }
    uint64_t next = 1;
    while (next <= LOAD_EVENTS) {
        err = read_some(r, GW_CLASS_BUSINESS, next, MAX_ENTRIES, SIZE_MAX);
        if (err) {
            return 40 + (int) err;
        }
        for (size_t i = 0; i < r->count; i++) {
            const struct gw_record *record = &r->entries[i].record;
            if (r->entries[i].err || record->sequence != next
                || gw_queue_fixture_number(record) != next
                || !gw_str_eq(r->entries[i].context.site, GW_STR("north"))) {
                return 2;
            }
            next++;
        }
    }
    gw_queue_reader_close(r->reader);
    return 0;
}

/* Trims run behind the reader, so that pages are recycled under it all the time. */
static void a_reader_in_another_process_sees_whole_ordered_records(void **state) {
    struct gw_queue_fixture *f = *state;
    f->options.ring_ms = 0;
    f->options.ring_percent = 0;
    f->filling_bytes = 200;
    (void) fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
        _exit(follow_the_writer(f->path));
    }
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    for (uint64_t n = 1; n <= LOAD_EVENTS; n += 50) {
        gw_queue_fixture_append(f, GW_CLASS_BUSINESS, n, 50);
        gw_queue_fixture_append(f, GW_CLASS_STATE, n, 50);
        struct gw_queue_progress progress = gw_queue_fixture_progress(f);
        progress.acked[GW_CLASS_STATE] = progress.heads[GW_CLASS_STATE];
        gw_queue_set_progress(f->writer, &progress);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_stuck_reader_has_an_age(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 3);
    struct gw_store_txn *held = NULL;
    assert_int_equal(gw_store_begin(f->writer->store, false, &held), GW_OK);
    gw_fake_clock_advance(&f->fake, 5000);
    assert_int_equal(gw_queue_tick(f->writer), GW_OK);
    assert_int_equal(gw_queue_fixture_figures(f).oldest_reader_age_ms, 0);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 4, 3);
    for (int i = 0; i < 60; i++) {
        gw_fake_clock_advance(&f->fake, 1000);
        assert_int_equal(gw_queue_tick(f->writer), GW_OK);
    }
    assert_int_equal(gw_queue_fixture_figures(f).oldest_reader_age_ms, 59000);
    gw_store_abort(held);
    gw_fake_clock_advance(&f->fake, 1000);
    assert_int_equal(gw_queue_tick(f->writer), GW_OK);
    assert_int_equal(gw_queue_fixture_figures(f).oldest_reader_age_ms, 0);
}

/* Pinned pages count as used: the writer refuses instead of running into the map,
 * and accepts again when the reader is gone. */
static void a_stuck_reader_leads_to_full_not_to_failure(void **state) {
    struct gw_queue_fixture *f = *state;
    f->options.ring_ms = 0;
    f->options.ring_percent = 0;
    f->filling_bytes = 300;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 100);
    struct gw_store_txn *held = NULL;
    assert_int_equal(gw_store_begin(f->writer->store, false, &held), GW_OK);
    enum gw_err err = GW_OK;
    for (uint64_t n = 101; !err && n < 200000; n++) {
        err = gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, n);
        gw_fake_clock_advance(&f->fake, 3);
        assert_int_equal(gw_queue_tick(f->writer), GW_OK);
        gw_queue_fixture_ack_all(f);
        if (f->told_count > GW_FIXTURE_MAX_TOLD - 10) {
            f->told_count = 0;
        }
    }
    assert_int_equal(err, GW_ERR_FULL);
    assert_int_equal(gw_queue_fixture_figures(f).commit_failures, 0);
    gw_store_abort(held);
    for (int i = 0; i < 10; i++) {
        gw_fake_clock_advance(&f->fake, 2000);
        assert_int_equal(gw_queue_tick(f->writer), GW_OK);
        err = gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, 1);
    }
    assert_int_equal(err, GW_OK);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(limits_of_events_and_bytes_are_kept),
        TEST(epochs_and_ranges_are_those_of_the_last_commit),
        TEST(contexts_stay_valid_while_others_are_read),
        TEST(a_damaged_record_is_one_corrupt_entry_and_reading_goes_on),
        TEST(missing_records_are_reported_one_by_one),
        TEST(a_lost_context_makes_its_records_corrupt),
        TEST(a_record_of_a_newer_release_is_schema_and_not_corrupt),
        TEST(a_context_of_a_newer_release_is_schema_and_not_corrupt),
        TEST(no_store_yet_is_noent),
        TEST(a_replaced_store_asks_for_a_new_open),
        TEST(a_reader_in_another_process_sees_whole_ordered_records),
        TEST(a_stuck_reader_has_an_age),
        TEST(a_stuck_reader_leads_to_full_not_to_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
