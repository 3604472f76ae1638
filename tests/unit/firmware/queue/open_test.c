/* SPDX-License-Identifier: Apache-2.0 */
/* What stands at the path when the gateway starts, and what becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/queue/queue_internal.h"
#include "firmware/store/page.h"
#include "tests/fakes/queue_fixture.h"

#define MAP_BYTES (UINT64_C(4) << 20)

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

/* Copy the store to `name` and back, as a restore from a backup would do. */
static void save(struct gw_queue_fixture *f, const char *name) {
    char path[GW_TEMP_PATH_BYTES];
    gw_temp_copy(f->path, gw_temp_path(&f->folder, name, path));
}

static void remove_store(struct gw_queue_fixture *f) {
    static const char *const names[] = {"data.mdb", "lock.mdb", "writer.lock"};
    for (size_t i = 0; i < 3; i++) {
        char path[GW_TEMP_PATH_BYTES + 16];
        (void) snprintf(path, sizeof(path), "%s/%s", f->path, names[i]);
        (void) unlink(path);
    }
    assert_int_equal(rmdir(f->path), 0);
}

static void restore(struct gw_queue_fixture *f, const char *name) {
    char path[GW_TEMP_PATH_BYTES];
    remove_store(f);
    gw_temp_copy(gw_temp_path(&f->folder, name, path), f->path);
}

/* Something other than the last root write to change in the file. */
static void change_value(struct gw_queue_fixture *f, const char *key, struct gw_bytes value) {
    struct gw_store *store = NULL;
    struct gw_store_txn *txn = NULL;
    struct gw_table root;
    struct gw_store_options options = {
        .path = f->path, .map_bytes = MAP_BYTES, .max_tables = QUEUE_MAX_TABLES};
    assert_int_equal(gw_store_open(&options, &store), GW_OK);
    assert_int_equal(gw_store_begin(store, true, &txn), GW_OK);
    assert_int_equal(gw_store_table(txn, NULL, false, &root), GW_OK);
    assert_int_equal(gw_store_put(txn, root, queue_root_key(key), value), GW_OK);
    assert_int_equal(gw_store_commit(txn), GW_OK);
    gw_store_close(store);
}

static struct gw_epoch epoch_of(struct gw_queue_fixture *f) {
    return gw_queue_fixture_figures(f).epoch;
}

static void assert_set_aside(struct gw_queue_fixture *f, const char *reason_part) {
    assert_int_equal(f->opening.origin, GW_QUEUE_SET_ASIDE);
    if (!strstr(f->opening.set_aside_reason, reason_part)) {
        fail_msg("reason is '%s'", f->opening.set_aside_reason);
    }
    struct stat st;
    char data[300];
    (void) snprintf(data, sizeof(data), "%s/data.mdb", f->opening.set_aside_path);
    assert_int_equal(stat(data, &st), 0);
    assert_int_equal(gw_queue_fixture_figures(f).classes[0].range.last, 0);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 1);
}

static void a_new_store_has_an_epoch_and_no_past(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_int_equal(f->opening.origin, GW_QUEUE_CREATED);
    assert_false(f->opening.has_previous);
    assert_string_equal(f->opening.set_aside_path, "");
    struct gw_queue_figures figures = gw_queue_fixture_figures(f);
    assert_int_equal(figures.map_bytes, MAP_BYTES);
    assert_true(figures.epoch.low != 0);
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        assert_int_equal(figures.classes[i].range.first, 1);
        assert_int_equal(figures.classes[i].range.last, 0);
    }
}

static void a_second_writer_is_busy(void **state) {
    struct gw_queue_fixture *f = *state;
    struct gw_queue_writer *second = NULL;
    struct gw_queue_opening opening;
    assert_int_equal(gw_queue_writer_open(&f->options, NULL, &opening, &second), GW_ERR_BUSY);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 1);
}

static void bad_options_are_invalid_and_touch_nothing(void **state) {
    struct gw_queue_fixture *f = *state;
    struct gw_queue_writer *writer = NULL;
    struct gw_queue_opening opening;
    char path[GW_TEMP_PATH_BYTES];
    struct gw_queue_options options = f->options;
    options.path = gw_temp_path(&f->folder, "other", path);
    options.serial = GW_STR("");
    assert_int_equal(gw_queue_writer_open(&options, NULL, &opening, &writer), GW_ERR_INVALID);
    options.serial = GW_STR("no spaces please");
    assert_int_equal(gw_queue_writer_open(&options, NULL, &opening, &writer), GW_ERR_INVALID);
    assert_int_equal(access(path, F_OK), -1);
}

static void a_deleted_store_names_its_predecessor_from_the_witness(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 10);
    struct gw_epoch before = epoch_of(f);
    gw_queue_fixture_close(f);
    remove_store(f);
    f->witness =
        (struct gw_queue_witness){.known = true, .epoch = before, .heads = {8, 0, 0, 0}};
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_CREATED);
    assert_true(f->opening.has_previous);
    assert_false(f->opening.previous_exact);
    assert_true(gw_epoch_eq(f->opening.previous_epoch, before));
    assert_int_equal(f->opening.previous_heads[GW_CLASS_BUSINESS], 8);
    assert_false(gw_epoch_eq(epoch_of(f), before));
}

static void a_cloned_store_gets_a_new_epoch(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 10);
    struct gw_epoch before = epoch_of(f);
    gw_queue_fixture_close(f);
    f->options.serial = GW_STR("GW-0002");
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_set_aside(f, "serial");
    /* Another gateway's epoch is none of ours. */
    assert_false(f->opening.has_previous);
    assert_false(gw_epoch_eq(epoch_of(f), before));
}

static void a_copied_store_gets_a_new_epoch_with_heads_that_are_not_exact(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 10);
    struct gw_epoch before = epoch_of(f);
    gw_queue_fixture_close(f);
    save(f, "backup");
    restore(f, "backup");
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_set_aside(f, "copy");
    assert_true(f->opening.has_previous);
    assert_false(f->opening.previous_exact);
    assert_true(gw_epoch_eq(f->opening.previous_epoch, before));
    assert_int_equal(f->opening.previous_heads[GW_CLASS_BUSINESS], 10);
}

static void a_store_that_went_back_in_time_is_seen_by_the_witness(void **state) {
    struct gw_queue_fixture *f = *state;
    f->options.partition_id = GW_STR("partition-1");
    gw_queue_fixture_close(f);
    remove_store(f);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 10);
    struct gw_epoch before = epoch_of(f);
    gw_queue_fixture_close(f);
    save(f, "backup");
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 11, 5);
    gw_queue_fixture_close(f);
    restore(f, "backup");
    f->witness =
        (struct gw_queue_witness){.known = true, .epoch = before, .heads = {10, 0, 0, 0}};
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_REOPENED);
    f->witness.heads[GW_CLASS_BUSINESS] = 14;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_set_aside(f, "back in time");
    assert_true(f->opening.has_previous);
    assert_false(f->opening.previous_exact);
    assert_int_equal(f->opening.previous_heads[GW_CLASS_BUSINESS], 14);
}

static void a_newer_format_is_set_aside_untouched(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 10);
    struct gw_epoch before = epoch_of(f);
    gw_queue_fixture_close(f);
    struct queue_identity identity = {.format = QUEUE_FORMAT_VERSION + 1, .serial = "GW-0001"};
    uint8_t storage[QUEUE_VALUE_MAX_BYTES];
    change_value(f, QUEUE_ROOT_IDENTITY, queue_identity_encode(&identity, storage));
    save(f, "before");
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_set_aside(f, "newer release");
    /* The books of this format could be read all the same. */
    assert_true(f->opening.has_previous && f->opening.previous_exact);
    assert_true(gw_epoch_eq(f->opening.previous_epoch, before));
    char command[400], saved[GW_TEMP_PATH_BYTES];
    (void) snprintf(command, sizeof(command), "cmp -s %s %s/data.mdb",
                    gw_temp_path(&f->folder, "before/data.mdb", saved),
                    f->opening.set_aside_path);
    assert_int_equal(system(command), 0);
}

static void a_reader_of_a_newer_format_hears_schema(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_close(f);
    struct queue_identity identity = {.format = QUEUE_FORMAT_VERSION + 1};
    uint8_t storage[QUEUE_VALUE_MAX_BYTES];
    change_value(f, QUEUE_ROOT_IDENTITY, queue_identity_encode(&identity, storage));
    struct gw_queue_reader *reader = NULL;
    assert_int_equal(gw_queue_reader_open(f->path, &reader), GW_ERR_SCHEMA);
}

static void garbage_and_cut_files_are_set_aside(void **state) {
    struct gw_queue_fixture *f = *state;
    char data[GW_TEMP_PATH_BYTES + 16];
    (void) snprintf(data, sizeof(data), "%s/data.mdb", f->path);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 2000);
    gw_queue_fixture_close(f);
    assert_int_equal(truncate(data, 40000), 0);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_set_aside(f, "damaged");
    gw_queue_fixture_close(f);
    FILE *file = fopen(data, "w");
    (void) fputs("this is not a store, and it is longer than nothing", file);
    (void) fclose(file);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_set_aside(f, "damaged");
    /* Two in the same second get two names. */
    assert_true(strstr(f->opening.set_aside_path, ".aside-20261123T071400Z-2") != NULL);
}

static void damaged_books_set_the_store_aside(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 10);
    gw_queue_fixture_close(f);
    change_value(f, QUEUE_ROOT_BOOKS, gw_store_key_u64(&(uint64_t){7}));
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_set_aside(f, "accounting");
    assert_true(f->opening.has_previous);
    assert_false(f->opening.previous_exact);
}

static void books_at_odds_with_the_log_set_the_store_aside(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 10);
    struct books books = f->writer->committed;
    gw_queue_fixture_close(f);
    uint8_t storage[QUEUE_VALUE_MAX_BYTES];
    books.epochs[0].classes[GW_CLASS_BUSINESS].last = 9;
    books.epochs[0].classes[GW_CLASS_BUSINESS].count = 9;
    change_value(f, QUEUE_ROOT_BOOKS, queue_books_encode(&books, storage));
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_set_aside(f, "accounting");
}

/* ---- deaths ---- */

/* A child opens the store and dies without closing it. */
static void die_once(struct gw_queue_fixture *f, bool healthy) {
    gw_queue_fixture_close(f);
    (void) fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        enum gw_err err = gw_queue_fixture_open(f);
        if (!err && f->opening.origin == GW_QUEUE_REOPENED && healthy) {
            err = gw_queue_mark_healthy(f->writer);
        }
        _exit(err || f->opening.origin != GW_QUEUE_REOPENED);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void five_deaths_before_healthy_set_the_store_aside(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 10);
    struct gw_epoch before = epoch_of(f);
    for (int i = 0; i < GW_QUEUE_MAX_DEATHS; i++) {
        die_once(f, false);
    }
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_set_aside(f, "deaths");
    assert_true(f->opening.previous_exact);
    assert_true(gw_epoch_eq(f->opening.previous_epoch, before));
    assert_int_equal(f->opening.previous_heads[GW_CLASS_BUSINESS], 10);
}

static void a_healthy_start_forgives_former_deaths(void **state) {
    struct gw_queue_fixture *f = *state;
    for (int i = 0; i < GW_QUEUE_MAX_DEATHS - 1; i++) {
        die_once(f, false);
    }
    for (int i = 0; i < GW_QUEUE_MAX_DEATHS; i++) {
        die_once(f, true);
    }
    die_once(f, false);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_REOPENED);
}

static void an_orderly_close_is_no_death(void **state) {
    struct gw_queue_fixture *f = *state;
    for (int i = 0; i < 3 * GW_QUEUE_MAX_DEATHS; i++) {
        assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    }
    assert_int_equal(f->opening.origin, GW_QUEUE_REOPENED);
}

static void closing_commits_what_is_pending(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_TELEMETRY, 1), GW_OK);
    gw_queue_fixture_close(f);
    assert_int_equal(f->told_count, 1);
    assert_int_equal(f->told_errs[0], GW_OK);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(gw_queue_fixture_figures(f).classes[GW_CLASS_TELEMETRY].range.last, 1);
}

/* ---- little room ---- */

static void a_store_interrupted_before_its_first_commit_is_new(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_close(f);
    remove_store(f);
    struct gw_store *store = NULL;
    struct gw_store_options options = {
        .path = f->path, .map_bytes = MAP_BYTES, .max_tables = QUEUE_MAX_TABLES};
    assert_int_equal(gw_store_open(&options, &store), GW_OK);
    gw_store_close(store);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_CREATED);
}

/* The system refuses bytes beyond `bytes` of any file. */
static void limit_file_size(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void without_room_for_the_whole_map_a_smaller_store_is_made(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_close(f);
    remove_store(f);
    (void) signal(SIGXFSZ, SIG_IGN);
    limit_file_size(MAP_BYTES / 2 + 4096);
    enum gw_err err = gw_queue_fixture_open(f);
    limit_file_size(RLIM_INFINITY);
    assert_int_equal(err, GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_CREATED);
    assert_int_equal(gw_queue_fixture_figures(f).map_bytes, MAP_BYTES / 2);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 100);
    /* With room again the store grows to what it should be. */
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_REOPENED);
    assert_int_equal(gw_queue_fixture_figures(f).map_bytes, MAP_BYTES);
    assert_int_equal(gw_queue_fixture_figures(f).classes[0].range.last, 100);
}

/* Not an injected error: the system's own, in the middle of LMDB's flush. */
static void a_write_error_of_the_system_fails_its_group_only(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 10);
    (void) signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit = 0; limit < 100000; limit += 4096) {
        uint64_t before = f->told_count;
        uint64_t last = gw_queue_fixture_figures(f).classes[0].range.last;
        for (uint64_t i = 1; i <= 40; i++) {
            assert_int_equal(gw_queue_fixture_submit(f, GW_CLASS_BUSINESS, last + i), GW_OK);
        }
        limit_file_size(limit);
        enum gw_err err = gw_queue_commit(f->writer);
        limit_file_size(RLIM_INFINITY);
        assert_int_equal(f->told_count, before + 40);
        assert_int_equal(f->told_errs[f->told_count - 1], err);
        assert_int_equal(gw_queue_fixture_figures(f).classes[0].range.last,
                         err ? last : last + 40);
    }
    assert_true(gw_queue_fixture_figures(f).commit_failures > 5);
    uint64_t last = gw_queue_fixture_figures(f).classes[0].range.last;
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, last + 1, 10);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_REOPENED);
    assert_int_equal(gw_queue_fixture_figures(f).classes[0].range.last, last + 10);
}

/* A folder in which nothing can be made: the one case in which open fails. */
static void no_folder_no_start(void **state) {
    struct gw_queue_fixture *f = *state;
    gw_queue_fixture_close(f);
    struct gw_queue_options options = f->options;
    char path[GW_TEMP_PATH_BYTES];
    options.path = "/proc/gangway/queue";
    struct gw_queue_opening opening;
    assert_true(gw_queue_writer_open(&options, NULL, &opening, &f->writer) != GW_OK);
    FILE *file = fopen(gw_temp_path(&f->folder, "file", path), "w");
    (void) fclose(file);
    options.path = path;
    assert_true(gw_queue_writer_open(&options, NULL, &opening, &f->writer) != GW_OK);
    assert_null(f->writer);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_new_store_has_an_epoch_and_no_past),
        TEST(a_second_writer_is_busy),
        TEST(bad_options_are_invalid_and_touch_nothing),
        TEST(a_deleted_store_names_its_predecessor_from_the_witness),
        TEST(a_cloned_store_gets_a_new_epoch),
        TEST(a_copied_store_gets_a_new_epoch_with_heads_that_are_not_exact),
        TEST(a_store_that_went_back_in_time_is_seen_by_the_witness),
        TEST(a_newer_format_is_set_aside_untouched),
        TEST(a_reader_of_a_newer_format_hears_schema),
        TEST(garbage_and_cut_files_are_set_aside),
        TEST(damaged_books_set_the_store_aside),
        TEST(books_at_odds_with_the_log_set_the_store_aside),
        TEST(five_deaths_before_healthy_set_the_store_aside),
        TEST(a_healthy_start_forgives_former_deaths),
        TEST(an_orderly_close_is_no_death),
        TEST(closing_commits_what_is_pending),
        TEST(a_store_interrupted_before_its_first_commit_is_new),
        TEST(without_room_for_the_whole_map_a_smaller_store_is_made),
        TEST(a_write_error_of_the_system_fails_its_group_only),
        TEST(no_folder_no_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
