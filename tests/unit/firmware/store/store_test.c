/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/store/store.h"
#include "tests/fakes/temp_folder.h"

#define MAP_BYTES (UINT64_C(4) << 20)

struct fixture {
    struct gw_temp_folder folder;
    char path[GW_TEMP_PATH_BYTES];
    struct gw_store *store;
};

static enum gw_err reopen(struct fixture *f, bool read_only) {
    gw_store_close(f->store);
    f->store = NULL;
    struct gw_store_options options = {
        .path = f->path, .map_bytes = MAP_BYTES, .max_tables = 8, .read_only = read_only};
    return gw_store_open(&options, &f->store);
}

static int setup(void **state) {
    static struct fixture f;
    f = (struct fixture){0};
    gw_temp_folder_open(&f.folder);
    gw_temp_path(&f.folder, "queue", f.path);
    assert_int_equal(reopen(&f, false), GW_OK);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    gw_store_close(f->store);
    gw_temp_folder_close(&f->folder);
    return 0;
}

static struct gw_bytes bytes(const char *text) {
    return gw_bytes_from_str(gw_str_from_cstr(text));
}

static struct gw_store_txn *begin(struct fixture *f, bool write) {
    struct gw_store_txn *txn = NULL;
    assert_int_equal(gw_store_begin(f->store, write, &txn), GW_OK);
    return txn;
}

static struct gw_table table_of(struct gw_store_txn *txn, const char *name, bool integer_keys) {
    struct gw_table table = {0};
    assert_int_equal(gw_store_table(txn, name, integer_keys, &table), GW_OK);
    return table;
}

static void put(struct gw_store_txn *txn, struct gw_table table, const char *key,
                const char *value) {
    assert_int_equal(gw_store_put(txn, table, bytes(key), bytes(value)), GW_OK);
}

static void assert_value(struct gw_store_txn *txn, struct gw_table table, const char *key,
                         const char *value) {
    struct gw_bytes found;
    assert_int_equal(gw_store_get(txn, table, bytes(key), &found), GW_OK);
    assert_int_equal(found.len, strlen(value));
    assert_memory_equal(found.ptr, value, found.len);
}

static void what_was_committed_is_there_after_a_new_open(void **state) {
    struct fixture *f = *state;
    struct gw_store_txn *txn = begin(f, true);
    put(txn, table_of(txn, "a", false), "key", "value");
    assert_int_equal(gw_store_commit(txn), GW_OK);
    assert_int_equal(reopen(f, true), GW_OK);
    txn = begin(f, false);
    assert_value(txn, table_of(txn, "a", false), "key", "value");
    gw_store_abort(txn);
}

static void what_was_aborted_never_was(void **state) {
    struct fixture *f = *state;
    struct gw_store_txn *txn = begin(f, true);
    put(txn, table_of(txn, "a", false), "key", "value");
    gw_store_abort(txn);
    txn = begin(f, false);
    struct gw_table table;
    assert_int_equal(gw_store_table(txn, "a", false, &table), GW_ERR_NOENT);
    gw_store_abort(txn);
}

static void a_reader_beside_the_open_write_sees_the_last_commit(void **state) {
    struct fixture *f = *state;
    struct gw_store_txn *write = begin(f, true);
    struct gw_table table = table_of(write, "a", false);
    put(write, table, "key", "old");
    assert_int_equal(gw_store_commit(write), GW_OK);
    write = begin(f, true);
    put(write, table, "key", "new");
    struct gw_store_txn *read = begin(f, false);
    assert_value(read, table, "key", "old");
    assert_value(write, table, "key", "new");
    gw_store_abort(read);
    assert_int_equal(gw_store_commit(write), GW_OK);
    read = begin(f, false);
    assert_value(read, table, "key", "new");
    gw_store_abort(read);
}

static void a_table_opened_in_a_committed_read_stays_open(void **state) {
    struct fixture *f = *state;
    struct gw_store_txn *txn = begin(f, true);
    put(txn, table_of(txn, "a", false), "key", "value");
    assert_int_equal(gw_store_commit(txn), GW_OK);
    assert_int_equal(reopen(f, true), GW_OK);
    txn = begin(f, false);
    struct gw_table table = table_of(txn, "a", false);
    assert_int_equal(gw_store_commit(txn), GW_OK);
    txn = begin(f, false);
    assert_value(txn, table, "key", "value");
    gw_store_abort(txn);
}

static void the_root_table_keeps_small_values_beside_table_names(void **state) {
    struct fixture *f = *state;
    struct gw_store_txn *txn = begin(f, true);
    struct gw_table root = table_of(txn, NULL, false);
    put(txn, root, "books", "1");
    put(txn, table_of(txn, "a", false), "key", "value");
    assert_int_equal(gw_store_commit(txn), GW_OK);
    assert_int_equal(reopen(f, false), GW_OK);
    txn = begin(f, false);
    assert_value(txn, table_of(txn, NULL, false), "books", "1");
    gw_store_abort(txn);
}

static void integer_keys_are_walked_in_number_order_both_ways(void **state) {
    struct fixture *f = *state;
    struct gw_store_txn *txn = begin(f, true);
    struct gw_table table = table_of(txn, "log", true);
    for (uint64_t i = 1; i <= 1000; i++) {
        uint64_t number = i * 257;
        assert_int_equal(
            gw_store_append(txn, table, gw_store_key_u64(&number), gw_store_key_u64(&i)),
            GW_OK);
    }
    struct gw_store_cursor *cursor = NULL;
    assert_int_equal(gw_store_cursor_open(txn, table, &cursor), GW_OK);
    uint64_t from = 500 * 257 - 1, seen;
    struct gw_bytes key, value;
    assert_int_equal(gw_store_cursor_seek(cursor, GW_SEEK_AT_OR_AFTER, gw_store_key_u64(&from),
                                          &key, &value),
                     GW_OK);
    for (uint64_t i = 500; i <= 1000; i++) {
        memcpy(&seen, value.ptr, sizeof(seen));
        assert_int_equal(seen, i);
        enum gw_err err =
            gw_store_cursor_seek(cursor, GW_SEEK_NEXT, (struct gw_bytes){0}, &key, &value);
        assert_int_equal(err, i < 1000 ? GW_OK : GW_ERR_NOENT);
    }
    assert_int_equal(
        gw_store_cursor_seek(cursor, GW_SEEK_LAST, (struct gw_bytes){0}, &key, &value), GW_OK);
    assert_int_equal(
        gw_store_cursor_seek(cursor, GW_SEEK_PREV, (struct gw_bytes){0}, &key, &value), GW_OK);
    memcpy(&seen, key.ptr, sizeof(seen));
    assert_int_equal(seen, 999 * 257);
    gw_store_cursor_close(cursor);
    gw_store_abort(txn);
}

static void deleting_under_a_cursor_leads_to_the_entry_behind(void **state) {
    struct fixture *f = *state;
    struct gw_store_txn *txn = begin(f, true);
    struct gw_table table = table_of(txn, "log", true);
    for (uint64_t i = 1; i <= 300; i++) {
        assert_int_equal(gw_store_append(txn, table, gw_store_key_u64(&i), bytes("x")), GW_OK);
    }
    struct gw_store_cursor *cursor = NULL;
    assert_int_equal(gw_store_cursor_open(txn, table, &cursor), GW_OK);
    struct gw_bytes key, value;
    enum gw_err err =
        gw_store_cursor_seek(cursor, GW_SEEK_FIRST, (struct gw_bytes){0}, &key, &value);
    for (uint64_t i = 1; i <= 300; i++) {
        assert_int_equal(err, GW_OK);
        uint64_t seen;
        memcpy(&seen, key.ptr, sizeof(seen));
        assert_int_equal(seen, i);
        assert_int_equal(gw_store_cursor_del(cursor), GW_OK);
        err = gw_store_cursor_seek(cursor, GW_SEEK_NEXT, (struct gw_bytes){0}, &key, &value);
    }
    assert_int_equal(err, GW_ERR_NOENT);
    gw_store_cursor_close(cursor);
    assert_int_equal(gw_store_commit(txn), GW_OK);
}

static void appending_out_of_order_is_an_error_and_spoils_the_commit(void **state) {
    struct fixture *f = *state;
    struct gw_store_txn *txn = begin(f, true);
    struct gw_table table = table_of(txn, "log", true);
    uint64_t two = 2, one = 1;
    assert_int_equal(gw_store_append(txn, table, gw_store_key_u64(&two), bytes("x")), GW_OK);
    assert_int_equal(gw_store_append(txn, table, gw_store_key_u64(&one), bytes("x")),
                     GW_ERR_CORRUPT);
    assert_int_equal(gw_store_commit(txn), GW_ERR_CORRUPT);
    txn = begin(f, false);
    assert_int_equal(gw_store_table(txn, "log", true, &table), GW_ERR_NOENT);
    gw_store_abort(txn);
}

static void a_table_of_the_other_kind_of_keys_is_corrupt(void **state) {
    struct fixture *f = *state;
    struct gw_store_txn *txn = begin(f, true);
    (void) table_of(txn, "log", true);
    assert_int_equal(gw_store_commit(txn), GW_OK);
    assert_int_equal(reopen(f, false), GW_OK);
    txn = begin(f, true);
    struct gw_table table;
    assert_int_equal(gw_store_table(txn, "log", false, &table), GW_ERR_CORRUPT);
    gw_store_abort(txn);
}

static mode_t mode_of(struct fixture *f, const char *name) {
    char path[160];
    struct stat st;
    (void) snprintf(path, sizeof(path), "%s/%s", f->path, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void modes_do_not_depend_on_the_umask(void **state) {
    struct fixture *f = *state;
    gw_store_close(f->store);
    f->store = NULL;
    gw_temp_path(&f->folder, "other", f->path);
    mode_t before = umask(077);
    assert_int_equal(reopen(f, false), GW_OK);
    (void) umask(before);
    assert_int_equal(mode_of(f, "."), 0750);
    assert_int_equal(mode_of(f, "data.mdb"), 0640);
    assert_int_equal(mode_of(f, "lock.mdb"), 0660);
    assert_int_equal(mode_of(f, "writer.lock"), 0640);
}

static void the_file_is_allocated_whole_at_creation(void **state) {
    struct fixture *f = *state;
    char path[160];
    struct stat st;
    (void) snprintf(path, sizeof(path), "%s/data.mdb", f->path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, MAP_BYTES);
    assert_true((uint64_t) st.st_blocks * 512 >= MAP_BYTES);
}

/* What a power cut during creation leaves: the roots, no allocation. */
static void an_interrupted_allocation_is_completed_by_the_next_open(void **state) {
    struct fixture *f = *state;
    char path[160];
    (void) snprintf(path, sizeof(path), "%s/data.mdb", f->path);
    gw_store_close(f->store);
    f->store = NULL;
    assert_int_equal(truncate(path, 8192), 0);
    assert_int_equal(reopen(f, false), GW_OK);
    assert_int_equal(gw_temp_file_size(path), MAP_BYTES);
}

static void an_empty_data_file_is_a_new_store(void **state) {
    struct fixture *f = *state;
    char path[160];
    (void) snprintf(path, sizeof(path), "%s/data.mdb", f->path);
    gw_store_close(f->store);
    f->store = NULL;
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(reopen(f, true), GW_ERR_NOENT);
    assert_int_equal(reopen(f, false), GW_OK);
}

static void a_reader_of_nothing_hears_noent(void **state) {
    struct fixture *f = *state;
    gw_temp_path(&f->folder, "nowhere", f->path);
    assert_int_equal(reopen(f, true), GW_ERR_NOENT);
}

static void no_room_on_the_disk_is_full_and_leaves_nothing(void **state) {
    struct fixture *f = *state;
    gw_store_close(f->store);
    f->store = NULL;
    gw_temp_path(&f->folder, "huge", f->path);
    struct gw_store_options options = {
        .path = f->path, .map_bytes = UINT64_C(1) << 46, .max_tables = 8};
    enum gw_err err = gw_store_open(&options, &f->store);
    assert_true(err == GW_ERR_FULL || err == GW_ERR_RANGE || err == GW_ERR_NOMEM
                || err == GW_ERR_IO);
    char path[160];
    (void) snprintf(path, sizeof(path), "%s/data.mdb", f->path);
    assert_int_equal(access(path, F_OK), -1);
}

/* A small map filled to the brim: full is an answer, and the way back is open. */
static void a_full_map_says_full_and_can_be_emptied(void **state) {
    struct fixture *f = *state;
    static const uint8_t filling[1000];
    enum gw_err err = GW_OK;
    uint64_t last = 0;
    struct gw_table table;
    while (!err) {
        struct gw_store_txn *txn = begin(f, true);
        table = table_of(txn, "log", true);
        uint64_t number = last;
        for (int i = 0; i < 20 && !err; i++) {
            number++;
            err = gw_store_append(txn, table, gw_store_key_u64(&number),
                                  (struct gw_bytes){filling, sizeof(filling)});
        }
        if (err) {
            assert_int_equal(err, GW_ERR_FULL);
            assert_int_equal(gw_store_commit(txn), GW_ERR_FULL);
        } else {
            err = gw_store_commit(txn);
            assert_true(err == GW_OK || err == GW_ERR_FULL);
            last = err ? last : number;
        }
    }
    assert_true(last > 3000);
    struct gw_store_txn *txn = begin(f, true);
    uint64_t first = 1;
    assert_int_equal(gw_store_del(txn, table, gw_store_key_u64(&first)), GW_OK);
    assert_int_equal(gw_store_commit(txn), GW_OK);
}

static enum gw_err fail_now(void *self, enum gw_store_step step) {
    enum gw_store_step *which = self;
    return step == *which ? GW_ERR_IO : GW_OK;
}

static void an_injected_failure_of_a_put_is_repeated_by_the_commit(void **state) {
    struct fixture *f = *state;
    gw_store_close(f->store);
    f->store = NULL;
    enum gw_store_step step = GW_STORE_BEGIN;
    struct gw_store_probe probe = {fail_now, &step};
    struct gw_store_options options = {
        .path = f->path, .map_bytes = MAP_BYTES, .max_tables = 8, .probe = &probe};
    assert_int_equal(gw_store_open(&options, &f->store), GW_OK);
    struct gw_store_txn *txn = NULL;
    assert_int_equal(gw_store_begin(f->store, true, &txn), GW_ERR_IO);
    step = GW_STORE_PUT;
    txn = begin(f, true);
    struct gw_table table = table_of(txn, "a", false);
    assert_int_equal(gw_store_put(txn, table, bytes("k"), bytes("v")), GW_ERR_IO);
    step = GW_STORE_DEL;
    assert_int_equal(gw_store_put(txn, table, bytes("k"), bytes("v")), GW_ERR_IO);
    assert_int_equal(gw_store_commit(txn), GW_ERR_IO);
    step = GW_STORE_COMMIT;
    txn = begin(f, true);
    table = table_of(txn, "a", false);
    assert_int_equal(gw_store_put(txn, table, bytes("k"), bytes("v")), GW_OK);
    assert_int_equal(gw_store_commit(txn), GW_ERR_IO);
    txn = begin(f, false);
    assert_int_equal(gw_store_table(txn, "a", false, &table), GW_ERR_NOENT);
    gw_store_abort(txn);
}

static void figures_add_up(void **state) {
    struct fixture *f = *state;
    struct gw_store_txn *txn = begin(f, true);
    struct gw_table table = table_of(txn, "log", true);
    for (uint64_t i = 1; i <= 2000; i++) {
        assert_int_equal(
            gw_store_append(txn, table, gw_store_key_u64(&i), bytes("0123456789012345")),
            GW_OK);
    }
    assert_int_equal(gw_store_commit(txn), GW_OK);
    for (uint64_t i = 1; i <= 2000; i += 500) {
        txn = begin(f, true);
        for (uint64_t k = i; k < i + 500; k++) {
            assert_int_equal(gw_store_del(txn, table, gw_store_key_u64(&k)), GW_OK);
        }
        assert_int_equal(gw_store_commit(txn), GW_OK);
    }
    struct gw_store_figures figures;
    assert_int_equal(gw_store_get_figures(f->store, &figures), GW_OK);
    assert_int_equal(figures.map_bytes, MAP_BYTES);
    assert_int_equal(figures.last_txn, 5);
    assert_true(figures.reusable_bytes > 10 * (uint64_t) figures.page_bytes);
    assert_int_equal(figures.pinned_bytes, 0);
    assert_true(figures.used_bytes > figures.reusable_bytes);
    assert_true(figures.used_bytes < MAP_BYTES);
}

static void another_file_at_the_path_is_noticed(void **state) {
    struct fixture *f = *state;
    char aside[GW_TEMP_PATH_BYTES];
    gw_temp_path(&f->folder, "aside", aside);
    assert_int_equal(gw_store_check_path(f->store), GW_OK);
    assert_int_equal(rename(f->path, aside), 0);
    assert_int_equal(gw_store_check_path(f->store), GW_ERR_RETRY);
    gw_temp_copy(aside, f->path);
    assert_int_equal(gw_store_check_path(f->store), GW_ERR_RETRY);
}

static void a_copy_stands_in_another_place(void **state) {
    struct fixture *f = *state;
    char before[96], after[96], aside[GW_TEMP_PATH_BYTES];
    assert_int_equal(gw_store_place(f->store, before, sizeof(before)), GW_OK);
    assert_int_equal(reopen(f, false), GW_OK);
    assert_int_equal(gw_store_place(f->store, after, sizeof(after)), GW_OK);
    assert_string_equal(before, after);
    gw_store_close(f->store);
    f->store = NULL;
    gw_temp_path(&f->folder, "aside", aside);
    assert_int_equal(rename(f->path, aside), 0);
    gw_temp_copy(aside, f->path);
    assert_int_equal(reopen(f, false), GW_OK);
    assert_int_equal(gw_store_place(f->store, after, sizeof(after)), GW_OK);
    assert_string_not_equal(before, after);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_committed_is_there_after_a_new_open, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_was_aborted_never_was, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_beside_the_open_write_sees_the_last_commit,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_table_opened_in_a_committed_read_stays_open, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_root_table_keeps_small_values_beside_table_names,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(integer_keys_are_walked_in_number_order_both_ways,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(deleting_under_a_cursor_leads_to_the_entry_behind,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            appending_out_of_order_is_an_error_and_spoils_the_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_table_of_the_other_kind_of_keys_is_corrupt, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(modes_do_not_depend_on_the_umask, setup, teardown),
        cmocka_unit_test_setup_teardown(the_file_is_allocated_whole_at_creation, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_interrupted_allocation_is_completed_by_the_next_open,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_data_file_is_a_new_store, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_of_nothing_hears_noent, setup, teardown),
        cmocka_unit_test_setup_teardown(no_room_on_the_disk_is_full_and_leaves_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_full_map_says_full_and_can_be_emptied, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_injected_failure_of_a_put_is_repeated_by_the_commit,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(figures_add_up, setup, teardown),
        cmocka_unit_test_setup_teardown(another_file_at_the_path_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_stands_in_another_place, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
