/* SPDX-License-Identifier: Apache-2.0 */
/* What a store that was set aside gives back, and that damage anywhere in it never
 * ends in a crash or in content that was not stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "firmware/event/render.h"
#include "firmware/queue/queue_internal.h"
#include "tests/fakes/queue_fixture.h"

#define MAP_BYTES (UINT64_C(1) << 20)
#define BUSINESS_EVENTS 400
#define STATE_EVENTS 300
#define ACKED_BUSINESS 100

static struct gw_queue_fixture fixture;

/* A store with a backlog in two classes, a ring, a context for each hundred, and
 * one long event that stands on pages of its own. */
static void fill_store(struct gw_queue_fixture *f) {
    for (uint64_t n = 1; n <= BUSINESS_EVENTS; n += 50) {
        char site[4] = {'s', (char) ('0' + n / 100), 0, 0};
        assert_int_equal(
            gw_queue_set_context(f->writer, gw_str_from_cstr(site), GW_STR(""), GW_STR("UTC")),
            GW_OK);
        f->filling_bytes = 120;
        gw_queue_fixture_append(f, GW_CLASS_BUSINESS, n, 50);
        if (n <= STATE_EVENTS - 49) {
            f->filling_bytes = n == 101 ? 3000 : 10;
            gw_queue_fixture_append(f, GW_CLASS_STATE, n, 50);
        }
    }
    struct gw_queue_progress progress = gw_queue_fixture_progress(f);
    progress.acked[GW_CLASS_BUSINESS] = ACKED_BUSINESS;
    progress.sent[GW_CLASS_BUSINESS] = ACKED_BUSINESS;
    gw_queue_set_progress(f->writer, &progress);
}

static int setup(void **state) {
    struct gw_queue_fixture *f = &fixture;
    gw_queue_fixture_init(f, MAP_BYTES);
    f->options.partition_id = GW_STR("partition-1");
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    fill_store(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    gw_queue_fixture_done(*state);
    return 0;
}

/* Move the store to "aside" by hand and open a new one. */
static struct gw_queue_progress set_aside(struct gw_queue_fixture *f,
                                          char aside[static GW_TEMP_PATH_BYTES]) {
    struct gw_queue_progress progress = gw_queue_fixture_progress(f);
    progress.acked[GW_CLASS_BUSINESS] = ACKED_BUSINESS;
    gw_queue_fixture_close(f);
    gw_temp_path(&f->folder, "aside", aside);
    assert_int_equal(rename(f->path, aside), 0);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    return progress;
}

static struct gw_queue_epoch_view views[GW_QUEUE_MAX_EPOCHS];
static struct gw_queue_entry entries[1000];
static uint8_t bytes[2 << 20];

static size_t list_epochs(struct gw_queue_fixture *f) {
    struct gw_queue_reader *reader = NULL;
    size_t count = 0;
    assert_int_equal(gw_queue_reader_open_beside(f->writer, &reader), GW_OK);
    assert_int_equal(gw_queue_reader_epochs(reader, views, &count), GW_OK);
    gw_queue_reader_close(reader);
    return count;
}

struct seen {
    unsigned events, tombstones, buried, corrupt;
    unsigned old_sites; /* events with a context of fill_store() */
};

/* Read a class of an epoch whole. Every event must be the one that was stored, its
 * digest right for the context it comes with, and no sequence be left out. */
static struct seen check_class(struct gw_queue_reader *reader,
                               const struct gw_queue_epoch_view *view,
                               enum gw_flow_class class) {
    struct seen seen = {0};
    uint64_t next = view->ranges[class].first;
    while (next <= view->ranges[class].last) {
        struct gw_buf storage;
        gw_buf_init(&storage, bytes, sizeof(bytes));
        struct gw_queue_read_request request = {view->index, class, next, 1000, sizeof(bytes)};
        size_t count = 0;
        assert_int_equal(gw_queue_read(reader, &request, &storage, entries, 1000, &count),
                         GW_OK);
        assert_true(count > 0);
        for (size_t i = 0; i < count; i++) {
            const struct gw_record *record = &entries[i].record;
            assert_int_equal(record->sequence, next);
            next = record->last_sequence + 1;
            seen.corrupt += entries[i].err == GW_ERR_CORRUPT;
            if (entries[i].err) {
                continue;
            }
            uint8_t digest[GW_DIGEST_BYTES];
            gw_event_digest(record, &entries[i].context, digest);
            assert_memory_equal(digest, record->digest, sizeof(digest));
            if (record->is_tombstone) {
                seen.tombstones++;
                seen.buried += (unsigned) (record->last_sequence - record->sequence + 1);
            } else {
                seen.events++;
                seen.old_sites += entries[i].context.site.ptr[0] == 's';
                assert_int_equal(gw_queue_fixture_number(record), record->sequence);
            }
        }
    }
    return seen;
}

static struct seen check_epoch_class(struct gw_queue_fixture *f, size_t slot,
                                     enum gw_flow_class class) {
    struct gw_queue_reader *reader = NULL;
    assert_int_equal(gw_queue_reader_open_beside(f->writer, &reader), GW_OK);
    struct seen seen = check_class(reader, &views[slot], class);
    gw_queue_reader_close(reader);
    return seen;
}

static void all_that_was_not_acknowledged_comes_back_under_its_old_ids(void **state) {
    struct gw_queue_fixture *f = *state;
    char aside[GW_TEMP_PATH_BYTES];
    struct gw_queue_progress acked = set_aside(f, aside);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 5);
    struct gw_queue_salvage_result result;
    assert_int_equal(gw_queue_salvage(f->writer, aside, &acked, 1, &result), GW_OK);
    assert_int_equal(result.recovered[GW_CLASS_BUSINESS], BUSINESS_EVENTS - ACKED_BUSINESS);
    assert_int_equal(result.recovered[GW_CLASS_STATE], STATE_EVENTS);
    assert_int_equal(result.already_acked, ACKED_BUSINESS);
    assert_int_equal(result.lost[GW_CLASS_BUSINESS] + result.lost[GW_CLASS_STATE], 0);
    assert_int_equal(list_epochs(f), 2);
    assert_true(gw_epoch_eq(views[0].epoch, acked.epoch));
    assert_int_equal(views[0].index, 0);
    assert_int_equal(views[0].ranges[GW_CLASS_BUSINESS].first, ACKED_BUSINESS + 1);
    assert_int_equal(views[0].ranges[GW_CLASS_BUSINESS].last, BUSINESS_EVENTS);
    assert_int_equal(check_epoch_class(f, 0, GW_CLASS_BUSINESS).events, 300);
    assert_int_equal(check_epoch_class(f, 0, GW_CLASS_STATE).events, STATE_EVENTS);
    assert_int_equal(check_epoch_class(f, 1, GW_CLASS_BUSINESS).events, 5);
    /* The old contexts came along. */
    assert_int_equal(check_epoch_class(f, 0, GW_CLASS_BUSINESS).old_sites, 300);
    assert_int_equal(check_epoch_class(f, 1, GW_CLASS_BUSINESS).old_sites, 0);
}

static void a_salvaged_epoch_that_is_acknowledged_whole_disappears(void **state) {
    struct gw_queue_fixture *f = *state;
    char aside[GW_TEMP_PATH_BYTES];
    struct gw_queue_progress acked = set_aside(f, aside);
    struct gw_queue_salvage_result result;
    uint64_t before = gw_queue_fixture_figures(f).used_bytes;
    assert_int_equal(gw_queue_salvage(f->writer, aside, &acked, 1, &result), GW_OK);
    acked.acked[GW_CLASS_BUSINESS] = BUSINESS_EVENTS;
    acked.acked[GW_CLASS_STATE] = STATE_EVENTS - 1;
    gw_queue_set_progress(f->writer, &acked);
    gw_queue_fixture_append(f, GW_CLASS_AUDIT, 1, 1);
    assert_int_equal(list_epochs(f), 2);
    assert_int_equal(check_epoch_class(f, 0, GW_CLASS_STATE).events, 1);
    acked.acked[GW_CLASS_STATE] = STATE_EVENTS;
    gw_queue_set_progress(f->writer, &acked);
    gw_queue_fixture_append(f, GW_CLASS_AUDIT, 2, 1);
    assert_int_equal(list_epochs(f), 1);
    assert_true(gw_queue_fixture_figures(f).used_bytes < before + 20000);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_REOPENED);
}

static void the_same_store_is_salvaged_once(void **state) {
    struct gw_queue_fixture *f = *state;
    char aside[GW_TEMP_PATH_BYTES];
    struct gw_queue_progress acked = set_aside(f, aside);
    struct gw_queue_salvage_result result;
    assert_int_equal(gw_queue_salvage(f->writer, aside, &acked, 1, &result), GW_OK);
    assert_int_equal(gw_queue_salvage(f->writer, aside, &acked, 1, &result), GW_ERR_DUPLICATE);
    assert_int_equal(gw_queue_salvage(f->writer, "/nowhere", &acked, 1, &result), GW_ERR_NOENT);
    assert_int_equal(gw_queue_salvage(f->writer, f->path, &acked, 1, &result),
                     GW_ERR_DUPLICATE);
    assert_int_equal(list_epochs(f), 2);
}

static void another_gateways_store_is_denied(void **state) {
    struct gw_queue_fixture *f = *state;
    char aside[GW_TEMP_PATH_BYTES];
    f->options.serial = GW_STR("GW-0002");
    (void) set_aside(f, aside);
    struct gw_queue_salvage_result result;
    assert_int_equal(gw_queue_salvage(f->writer, aside, NULL, 0, &result), GW_ERR_DENIED);
    assert_int_equal(list_epochs(f), 1);
    gw_queue_fixture_append(f, GW_CLASS_AUDIT, 1, 1);
}

static uint64_t find_in_file(const char *path, const char *needle, size_t len) {
    static uint8_t content[MAP_BYTES];
    FILE *file = fopen(path, "rb");
    size_t n = fread(content, 1, sizeof(content), file);
    (void) fclose(file);
    uint8_t *at = memmem(content, n, needle, len);
    assert_non_null(at);
    return (uint64_t) (at - content);
}

static void a_damaged_record_becomes_a_tombstone_that_says_corrupt(void **state) {
    struct gw_queue_fixture *f = *state;
    char aside[GW_TEMP_PATH_BYTES], data[GW_TEMP_PATH_BYTES];
    struct gw_queue_progress acked = set_aside(f, aside);
    gw_temp_path(&f->folder, "aside/data.mdb", data);
    gw_temp_flip(data, find_in_file(data, "\"n\":\"333\"", 9) + 6, 1);
    gw_temp_flip(data, find_in_file(data, "\"n\":\"334\"", 9) + 6, 1);
    struct gw_queue_salvage_result result;
    assert_int_equal(gw_queue_salvage(f->writer, aside, &acked, 1, &result), GW_OK);
    assert_int_equal(result.lost[GW_CLASS_BUSINESS], 2);
    assert_int_equal(list_epochs(f), 2);
    struct seen seen = check_epoch_class(f, 0, GW_CLASS_BUSINESS);
    assert_int_equal(seen.tombstones, 1);
    assert_int_equal(seen.buried, 2);
    assert_int_equal(seen.events, 298);
    assert_int_equal(entries[232].record.sequence, 333);
    assert_true(gw_str_ends_with(entries[232].record.data, GW_STR("\"corrupt\"}")));
}

/* What a reader saw of it beyond what the damaged file knows is a hole too. */
static void heads_that_only_the_reader_saw_become_tombstones(void **state) {
    struct gw_queue_fixture *f = *state;
    char aside[GW_TEMP_PATH_BYTES];
    struct gw_queue_progress acked = set_aside(f, aside);
    acked.heads[GW_CLASS_BUSINESS] = BUSINESS_EVENTS + 20;
    struct gw_queue_salvage_result result;
    assert_int_equal(gw_queue_salvage(f->writer, aside, &acked, 1, &result), GW_OK);
    assert_int_equal(result.lost[GW_CLASS_BUSINESS], 20);
    assert_int_equal(list_epochs(f), 2);
    assert_int_equal(views[0].ranges[GW_CLASS_BUSINESS].last, BUSINESS_EVENTS + 20);
    assert_int_equal(check_epoch_class(f, 0, GW_CLASS_BUSINESS).buried, 20);
}

/* The reader has forgotten the epoch, the opening that set it aside has not. */
static void heads_that_the_opening_was_told_become_tombstones(void **state) {
    struct gw_queue_fixture *f = *state;
    char aside[GW_TEMP_PATH_BYTES];
    struct gw_queue_progress before = gw_queue_fixture_progress(f);
    f->witness =
        (struct gw_queue_witness){.known = true,
                                  .epoch = before.epoch,
                                  .heads = {[GW_CLASS_BUSINESS] = BUSINESS_EVENTS + 20}};
    (void) set_aside(f, aside);
    assert_true(f->opening.has_previous);
    assert_int_equal(gw_queue_fixture_open(f),
                     GW_OK); /* and it is not forgotten by a restart */
    struct gw_queue_salvage_result result;
    assert_int_equal(gw_queue_salvage(f->writer, aside, NULL, 0, &result), GW_OK);
    assert_int_equal(result.lost[GW_CLASS_BUSINESS], 20);
    assert_int_equal(list_epochs(f), 2);
    assert_int_equal(check_epoch_class(f, 0, GW_CLASS_BUSINESS).buried, 20);
}

static void a_salvage_that_ran_out_of_room_goes_on_later(void **state) {
    struct gw_queue_fixture *f = *state;
    char aside[GW_TEMP_PATH_BYTES];
    struct gw_queue_progress acked = set_aside(f, aside);
    f->filling_bytes = 1500;
    uint64_t n = 0;
    for (enum gw_err err = GW_OK; !err; n++) {
        err = gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, n + 1);
        if (!err) {
            err = gw_queue_commit(f->writer);
        }
    }
    /* Leave room for a part of it. */
    struct gw_queue_progress own = gw_queue_fixture_progress(f);
    own.acked[GW_CLASS_BUSINESS] = 40;
    gw_queue_set_progress(f->writer, &own);
    struct gw_queue_salvage_result result;
    f->writer->options.ring_ms = 0;
    assert_int_equal(gw_queue_salvage(f->writer, aside, &acked, 1, &result), GW_ERR_FULL);
    assert_int_equal(list_epochs(f), 1); /* not to be seen yet */
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_REOPENED);
    gw_queue_fixture_ack_all(f);
    assert_int_equal(gw_queue_salvage(f->writer, aside, &acked, 1, &result), GW_OK);
    assert_int_equal(result.recovered[GW_CLASS_BUSINESS], 300);
    assert_int_equal(list_epochs(f), 2);
    assert_int_equal(check_epoch_class(f, 0, GW_CLASS_BUSINESS).events, 300);
    assert_int_equal(check_epoch_class(f, 0, GW_CLASS_STATE).events, STATE_EVENTS);
}

static void a_salvaged_epoch_survives_the_next_setting_aside(void **state) {
    struct gw_queue_fixture *f = *state;
    char aside[GW_TEMP_PATH_BYTES], again[GW_TEMP_PATH_BYTES];
    struct gw_queue_progress acked = set_aside(f, aside);
    struct gw_queue_salvage_result result;
    assert_int_equal(gw_queue_salvage(f->writer, aside, &acked, 1, &result), GW_OK);
    f->filling_bytes = 10;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 30);
    gw_queue_fixture_close(f);
    assert_int_equal(rename(f->path, gw_temp_path(&f->folder, "again", again)), 0);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(gw_queue_salvage(f->writer, again, NULL, 0, &result), GW_OK);
    assert_int_equal(list_epochs(f), 3);
    unsigned events = 0;
    for (size_t i = 0; i < 2; i++) {
        events += check_epoch_class(f, i, GW_CLASS_BUSINESS).events;
        events += check_epoch_class(f, i, GW_CLASS_STATE).events;
    }
    assert_int_equal(events, 300 + STATE_EVENTS + 30);
}

/* ---- damage anywhere ---- */

static uint64_t roll(uint64_t *seed, uint64_t bound) {
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % bound;
}

static void remove_folder(const char *path) {
    static const char *const names[] = {"data.mdb", "lock.mdb", "writer.lock"};
    for (size_t i = 0; i < 3; i++) {
        char name[300];
        (void) snprintf(name, sizeof(name), "%s/%s", path, names[i]);
        (void) unlink(name);
    }
    (void) rmdir(path);
}

struct tally {
    unsigned reopened, aside, whole, part, nothing;
};

/* Open what is there; read it, or salvage it if it had to be set aside. */
static void open_and_use(struct gw_queue_fixture *f, const struct gw_queue_progress *acked,
                         struct tally *tally) {
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    if (f->opening.origin == GW_QUEUE_REOPENED) {
        tally->reopened++;
        (void) list_epochs(f);
        struct seen business = check_epoch_class(f, 0, GW_CLASS_BUSINESS);
        struct seen state = check_epoch_class(f, 0, GW_CLASS_STATE);
        assert_int_equal(business.events + business.corrupt, BUSINESS_EVENTS);
        assert_int_equal(state.events + state.corrupt, STATE_EVENTS);
        assert_true(business.corrupt + state.corrupt <= 50); /* a context at most */
        gw_queue_fixture_append(f, GW_CLASS_BUSINESS, BUSINESS_EVENTS + 1, 3);
        gw_queue_fixture_ack_all(f);
        gw_queue_fixture_append(f, GW_CLASS_BUSINESS, BUSINESS_EVENTS + 4, 3);
        return;
    }
    assert_int_equal(f->opening.origin, GW_QUEUE_SET_ASIDE);
    tally->aside++;
    struct gw_queue_salvage_result result;
    enum gw_err err = gw_queue_salvage(f->writer, f->opening.set_aside_path, acked, 1, &result);
    if (err) {
        tally->nothing++;
        assert_true(err == GW_ERR_CORRUPT || err == GW_ERR_SCHEMA || err == GW_ERR_NOENT);
    } else {
        bool whole = result.recovered[0] == 300 && result.recovered[1] == STATE_EVENTS;
        tally->whole += whole;
        tally->part += !whole;
        /* Every sequence is accounted for: it came back or is known to be lost. */
        assert_int_equal(result.recovered[0] + result.lost[0], 300);
        assert_int_equal(result.recovered[1] + result.lost[1], STATE_EVENTS);
        assert_int_equal(list_epochs(f), 2);
        assert_int_equal(check_epoch_class(f, 0, GW_CLASS_BUSINESS).events,
                         result.recovered[0]);
        assert_int_equal(check_epoch_class(f, 0, GW_CLASS_STATE).events, result.recovered[1]);
    }
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 3);
    gw_queue_fixture_close(f);
    remove_folder(f->opening.set_aside_path);
}

static void damage_anywhere_is_survived(struct gw_queue_fixture *f, uint64_t seed,
                                        unsigned rounds, unsigned flips) {
    struct tally tally = {0};
    char sound[GW_TEMP_PATH_BYTES], data[GW_TEMP_PATH_BYTES];
    struct gw_queue_progress acked = gw_queue_fixture_progress(f);
    acked.acked[GW_CLASS_BUSINESS] = ACKED_BUSINESS;
    gw_queue_fixture_close(f);
    gw_temp_path(&f->folder, "queue/data.mdb", data);
    gw_temp_copy(f->path, gw_temp_path(&f->folder, "sound", sound));
    f->filling_bytes = 10;
    for (unsigned i = 0; i < rounds; i++) {
        remove_folder(f->path);
        gw_temp_copy(sound, f->path);
        uint64_t used = gw_temp_file_size(data) * 2 / 5;
        for (unsigned k = 0; k < flips; k++) {
            uint64_t offset = roll(&seed, used);
            offset = i % 3 == 0 ? offset / 4096 * 4096 + roll(&seed, 64) : offset;
            gw_temp_flip(data, offset, (uint8_t) (1 + roll(&seed, 255)));
        }
        open_and_use(f, &acked, &tally);
        gw_queue_fixture_close(f);
    }
    print_message("reopened %u, set aside %u: all back %u, part %u, nothing %u\n",
                  tally.reopened, tally.aside, tally.whole, tally.part, tally.nothing);
    assert_true(tally.aside > rounds / 50);
}

static void one_flipped_byte_anywhere_is_survived(void **state) {
    damage_anywhere_is_survived(*state, 1, 600, 1);
}

static void twenty_flipped_bytes_are_survived(void **state) {
    damage_anywhere_is_survived(*state, 2, 150, 20);
}

static void a_file_cut_anywhere_is_salvaged_up_to_there(void **state) {
    struct gw_queue_fixture *f = *state;
    struct tally tally = {0};
    char sound[GW_TEMP_PATH_BYTES], data[GW_TEMP_PATH_BYTES];
    struct gw_queue_progress acked = gw_queue_fixture_progress(f);
    acked.acked[GW_CLASS_BUSINESS] = ACKED_BUSINESS;
    gw_queue_fixture_close(f);
    gw_temp_path(&f->folder, "queue/data.mdb", data);
    gw_temp_copy(f->path, gw_temp_path(&f->folder, "sound", sound));
    f->filling_bytes = 10;
    for (off_t size = 100; size < 400000; size += 9001) {
        remove_folder(f->path);
        gw_temp_copy(sound, f->path);
        assert_int_equal(truncate(data, size), 0);
        open_and_use(f, &acked, &tally);
        gw_queue_fixture_close(f);
    }
    assert_true(tally.aside > 20);
    assert_true(tally.part + tally.whole > 10);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_that_was_not_acknowledged_comes_back_under_its_old_ids),
        TEST(a_salvaged_epoch_that_is_acknowledged_whole_disappears),
        TEST(the_same_store_is_salvaged_once),
        TEST(another_gateways_store_is_denied),
        TEST(a_damaged_record_becomes_a_tombstone_that_says_corrupt),
        TEST(heads_that_only_the_reader_saw_become_tombstones),
        TEST(heads_that_the_opening_was_told_become_tombstones),
        TEST(a_salvage_that_ran_out_of_room_goes_on_later),
        TEST(a_salvaged_epoch_survives_the_next_setting_aside),
        TEST(one_flipped_byte_anywhere_is_survived),
        TEST(twenty_flipped_bytes_are_survived),
        TEST(a_file_cut_anywhere_is_salvaged_up_to_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
