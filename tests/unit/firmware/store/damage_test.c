/* SPDX-License-Identifier: Apache-2.0 */
/* Flipped bits, cut files and foreign files: what the check must catch, what it
 * must let pass, and what can be read afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firmware/base/crc32c.h"
#include "firmware/store/page.h"
#include "firmware/store/store.h"
#include "tests/fakes/temp_folder.h"

#define MAP_BYTES (UINT64_C(1) << 20)
#define LOG_ENTRIES 700
#define NOTE_ENTRIES 60

/* Repeatable pseudo-random numbers (splitmix64), so that a failure can be run
 * again. */
struct dice {
    uint64_t state;
};

static uint64_t roll(struct dice *dice, uint64_t bound) {
    uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % bound;
}

struct fixture {
    struct gw_temp_folder folder;
    char path[GW_TEMP_PATH_BYTES]; /* the sound store */
    char file[GW_TEMP_PATH_BYTES];
    char copy[GW_TEMP_PATH_BYTES]; /* the one that gets hurt */
    char copy_file[GW_TEMP_PATH_BYTES];
};

static enum gw_err open_store(const char *path, bool read_only, struct gw_store **ret_store) {
    struct gw_store_options options = {
        .path = path, .map_bytes = MAP_BYTES, .max_tables = 8, .read_only = read_only};
    return gw_store_open(&options, ret_store);
}

/* A value that proves itself: CRC over key and rest, then the rest. */
static size_t make_value(uint64_t key, size_t len, uint8_t *dst) {
    struct dice dice = {key};
    for (size_t i = 4; i < len; i++) {
        dst[i] = (uint8_t) roll(&dice, 256);
    }
    uint32_t crc = gw_crc32c(0, gw_store_key_u64(&key));
    crc = gw_crc32c(crc, (struct gw_bytes){dst + 4, len - 4});
    memcpy(dst, &crc, sizeof(crc));
    return len;
}

static bool value_is_right(struct gw_bytes key, struct gw_bytes value) {
    if (key.len != 8 || value.len < 4) {
        return false;
    }
    uint32_t stored, crc = gw_crc32c(0, key);
    memcpy(&stored, value.ptr, sizeof(stored));
    return stored == gw_crc32c(crc, (struct gw_bytes){value.ptr + 4, value.len - 4});
}

static size_t value_len(uint64_t key) {
    return key % 37 == 0 ? 5000 + (size_t) key % 3000 : 20 + (size_t) (key * 7) % 400;
}

static void fill(struct gw_store *store) {
    static uint8_t value[16384];
    struct gw_table log = {0}, notes = {0};
    for (uint64_t key = 1; key <= LOG_ENTRIES;) {
        struct gw_store_txn *txn = NULL;
        assert_int_equal(gw_store_begin(store, true, &txn), GW_OK);
        assert_int_equal(gw_store_table(txn, "log", true, &log), GW_OK);
        assert_int_equal(gw_store_table(txn, "notes", false, &notes), GW_OK);
        for (int i = 0; i < 70; i++, key++) {
            struct gw_bytes bytes = {value, make_value(key, value_len(key), value)};
            assert_int_equal(gw_store_append(txn, log, gw_store_key_u64(&key), bytes), GW_OK);
            uint64_t note = key % NOTE_ENTRIES;
            bytes = (struct gw_bytes){value, make_value(note, 60, value)};
            assert_int_equal(gw_store_put(txn, notes, gw_store_key_u64(&note), bytes), GW_OK);
        }
        assert_int_equal(gw_store_commit(txn), GW_OK);
    }
    /* Make a free list with something in it. */
    for (uint64_t key = 1; key <= 200;) {
        struct gw_store_txn *txn = NULL;
        assert_int_equal(gw_store_begin(store, true, &txn), GW_OK);
        for (int i = 0; i < 50; i++, key++) {
            assert_int_equal(gw_store_del(txn, log, gw_store_key_u64(&key)), GW_OK);
        }
        assert_int_equal(gw_store_commit(txn), GW_OK);
    }
}

static int setup(void **state) {
    static struct fixture f;
    f = (struct fixture){0};
    gw_temp_folder_open(&f.folder);
    gw_temp_path(&f.folder, "sound", f.path);
    gw_temp_path(&f.folder, "sound/data.mdb", f.file);
    gw_temp_path(&f.folder, "copy", f.copy);
    gw_temp_path(&f.folder, "copy/data.mdb", f.copy_file);
    struct gw_store *store = NULL;
    assert_int_equal(open_store(f.path, false, &store), GW_OK);
    fill(store);
    gw_store_close(store);
    gw_temp_copy(f.path, f.copy);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    gw_temp_folder_close(&f->folder);
    return 0;
}

static uint64_t used_bytes(struct fixture *f) {
    struct gw_store *store = NULL;
    struct gw_store_figures figures;
    assert_int_equal(open_store(f->path, true, &store), GW_OK);
    assert_int_equal(gw_store_get_figures(store, &figures), GW_OK);
    gw_store_close(store);
    return figures.used_bytes;
}

/* Read all and delete all; count entries whose content proves itself. */
static unsigned use_all(struct gw_store *store) {
    unsigned right = 0;
    struct gw_store_txn *txn = NULL;
    struct gw_table table;
    assert_int_equal(gw_store_begin(store, true, &txn), GW_OK);
    enum gw_err err = gw_store_table(txn, "log", true, &table);
    struct gw_store_cursor *cursor = NULL;
    if (!err) {
        err = gw_store_cursor_open(txn, table, &cursor);
    }
    struct gw_bytes key = {0}, value;
    if (!err) {
        err = gw_store_cursor_seek(cursor, GW_SEEK_FIRST, key, &key, &value);
    }
    while (!err) {
        right += value_is_right(key, value);
        err = gw_store_cursor_del(cursor);
        if (!err) {
            err = gw_store_cursor_seek(cursor, GW_SEEK_NEXT, key, &key, &value);
        }
    }
    if (cursor) {
        gw_store_cursor_close(cursor);
    }
    err = gw_store_commit(txn);
    (void) err;
    return right;
}

static unsigned read_all(struct gw_store *store) {
    unsigned right = 0;
    struct gw_store_txn *txn = NULL;
    struct gw_table table;
    assert_int_equal(gw_store_begin(store, false, &txn), GW_OK);
    enum gw_err err = gw_store_table(txn, "log", true, &table);
    struct gw_store_cursor *cursor = NULL;
    if (!err) {
        err = gw_store_cursor_open(txn, table, &cursor);
    }
    struct gw_bytes key = {0}, value;
    if (!err) {
        err = gw_store_cursor_seek(cursor, GW_SEEK_FIRST, key, &key, &value);
    }
    while (!err) {
        right += value_is_right(key, value);
        err = gw_store_cursor_seek(cursor, GW_SEEK_NEXT, key, &key, &value);
    }
    gw_store_abort(txn);
    return right;
}

struct tally {
    unsigned right, wrong;
};

static bool count_salvaged(void *context, struct gw_str table, struct gw_bytes key,
                           struct gw_bytes value) {
    struct tally *tally = context;
    if (gw_str_eq(table, GW_STR("log"))) {
        tally->right += value_is_right(key, value);
        tally->wrong += !value_is_right(key, value);
    }
    return true;
}

static void a_sound_file_passes_and_is_salvaged_whole(void **state) {
    struct fixture *f = *state;
    struct tally tally = {0};
    assert_int_equal(gw_store_check_file(f->path), GW_OK);
    assert_int_equal(gw_store_salvage(f->path, count_salvaged, &tally), GW_OK);
    assert_int_equal(tally.right, LOG_ENTRIES - 200);
    assert_int_equal(tally.wrong, 0);
}

/* One bit anywhere: either the open says so, or all can be used without a crash
 * and at most one entry is not what it was. */
static void a_flipped_bit_is_caught_or_harmless(void **state) {
    struct fixture *f = *state;
    uint64_t used = used_bytes(f);
    struct dice dice = {2026};
    unsigned caught = 0, passed = 0;
    for (int i = 0; i < 3000; i++) {
        /* Half of them into the headers of pages, where it hurts. */
        uint64_t offset = roll(&dice, used);
        if (i % 2) {
            offset = offset / 4096 * 4096 + roll(&dice, 40);
        }
        uint8_t mask = (uint8_t) (1U << roll(&dice, 8));
        gw_temp_copy(f->file, f->copy_file);
        gw_temp_flip(f->copy_file, offset, mask);
        struct gw_store *store = NULL;
        enum gw_err err = open_store(f->copy, false, &store);
        if (err) {
            assert_true(err == GW_ERR_CORRUPT || err == GW_ERR_SCHEMA);
            caught++;
        } else {
            passed++;
            assert_in_range(read_all(store), LOG_ENTRIES - 201, LOG_ENTRIES - 200);
            assert_in_range(use_all(store), LOG_ENTRIES - 201, LOG_ENTRIES - 200);
            gw_store_close(store);
        }
    }
    print_message("flips caught %u, passed %u\n", caught, passed);
    assert_true(caught > 300);
    assert_true(passed > 500);
}

/* Bytes of whole blocks, as a dying flash returns them. */
static void a_lost_page_is_caught_and_costs_only_its_own(void **state) {
    struct fixture *f = *state;
    uint64_t pages = used_bytes(f) / 4096;
    unsigned caught = 0;
    for (uint64_t page = 0; page < pages; page++) {
        gw_temp_copy(f->file, f->copy_file);
        for (uint64_t i = 0; i < 4096; i += 3) {
            gw_temp_flip(f->copy_file, page * 4096 + i, 0x5a);
        }
        struct gw_store *store = NULL;
        enum gw_err err = open_store(f->copy, false, &store);
        caught += err != GW_OK;
        if (!err) {
            /* Inside a long value nothing can be seen; it costs that value. */
            assert_in_range(read_all(store), LOG_ENTRIES - 201, LOG_ENTRIES - 200);
        }
        gw_store_close(store);
        struct tally tally = {0};
        err = gw_store_salvage(f->copy, count_salvaged, &tally);
        if (page >= PAGE_ROOTS && !err) {
            assert_true(tally.wrong <= 1);
        }
    }
    assert_true(caught > pages / 3);
}

static bool count_log_or_orphan(void *context, struct gw_str table, struct gw_bytes key,
                                struct gw_bytes value) {
    struct tally *tally = context;
    if (table.len == 0 || gw_str_eq(table, GW_STR("log"))) {
        uint64_t number = 0;
        memcpy(&number, key.ptr, key.len < 8 ? key.len : 8);
        tally->right += value_is_right(key, value) && number > NOTE_ENTRIES;
    }
    return true;
}

/* The root of a tree is gone: its leaves are found as orphans. */
static void leaves_below_a_lost_branch_are_found(void **state) {
    struct fixture *f = *state;
    uint64_t pages = used_bytes(f) / 4096;
    unsigned lost_branches = 0;
    uint8_t page[4096], taken[4096];
    for (uint64_t number = PAGE_ROOTS; number < pages; number++) {
        gw_temp_copy(f->file, f->copy_file);
        FILE *file = fopen(f->copy_file, "rb");
        assert_int_equal(fseek(file, (long) number * 4096, SEEK_SET), 0);
        assert_int_equal(fread(page, sizeof(page), 1, file), 1);
        (void) fclose(file);
        if (gw_page_check(page, 4096, number, taken) || gw_page_flags(page) != PAGE_BRANCH) {
            continue;
        }
        gw_temp_flip(f->copy_file, number * 4096 + 3, 0xff);
        if (gw_store_check_file(f->copy) == GW_OK) {
            continue; /* a free page */
        }
        lost_branches++;
        struct tally tally = {0};
        assert_int_equal(gw_store_salvage(f->copy, count_log_or_orphan, &tally), GW_OK);
        assert_int_equal(tally.right, LOG_ENTRIES - 200);
    }
    assert_true(lost_branches > 0);
}

static void a_cut_file_is_corrupt_and_its_head_can_be_salvaged(void **state) {
    struct fixture *f = *state;
    uint64_t used = used_bytes(f);
    for (uint64_t size = 0; size < used; size += 4096 * 7 + 100) {
        gw_temp_copy(f->file, f->copy_file);
        assert_int_equal(truncate(f->copy_file, (off_t) size), 0);
        struct gw_store *store = NULL;
        enum gw_err err = open_store(f->copy, true, &store);
        assert_int_equal(err, size ? GW_ERR_CORRUPT : GW_ERR_NOENT);
        struct tally tally = {0};
        err = gw_store_salvage(f->copy, count_salvaged, &tally);
        assert_true(err == GW_OK || err == GW_ERR_NOENT || err == GW_ERR_CORRUPT);
        assert_int_equal(tally.wrong, 0);
    }
}

/* A root that claims to be older or newer than its turn would take the store back
 * in time by whole commits; LMDB alone would not notice. */
static void a_root_out_of_turn_is_caught(void **state) {
    struct fixture *f = *state;
    for (uint64_t root = 0; root < PAGE_ROOTS; root++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            gw_temp_copy(f->file, f->copy_file);
            gw_temp_flip(f->copy_file, root * 4096 + 144 + bit / 8, (uint8_t) (1U << bit % 8));
            assert_int_equal(gw_store_check_file(f->copy), GW_ERR_CORRUPT);
        }
    }
}

static void another_format_is_told_apart_from_damage(void **state) {
    struct fixture *f = *state;
    gw_temp_flip(f->copy_file, 20, 3);
    assert_int_equal(gw_store_check_file(f->copy), GW_ERR_CORRUPT);
    gw_temp_flip(f->copy_file, 4096 + 20, 3);
    assert_int_equal(gw_store_check_file(f->copy), GW_ERR_SCHEMA);
}

static void files_of_other_kinds_are_no_stores(void **state) {
    struct fixture *f = *state;
    struct gw_store *store = NULL;
    FILE *file = fopen(f->copy_file, "wb");
    for (int i = 0; i < 10000; i++) {
        (void) fputs("not a store\n", file);
    }
    (void) fclose(file);
    assert_int_equal(open_store(f->copy, false, &store), GW_ERR_CORRUPT);
    assert_int_equal(open_store(f->copy, true, &store), GW_ERR_CORRUPT);
    assert_int_equal(unlink(f->copy_file), 0);
    assert_int_equal(symlink("/dev/zero", f->copy_file), 0);
    assert_int_equal(open_store(f->copy, false, &store), GW_ERR_CORRUPT);
}

/* The check must never cry wolf: thousands of commits of every shape, aborted
 * ones among them, and a look at the file after each few. */
static void no_sound_store_is_ever_called_corrupt(void **state) {
    struct fixture *f = *state;
    static uint8_t value[70000];
    struct dice dice = {7};
    char path[GW_TEMP_PATH_BYTES];
    gw_temp_path(&f->folder, "busy", path);
    struct gw_store *store = NULL;
    struct gw_store_options options = {
        .path = path, .map_bytes = UINT64_C(16) << 20, .max_tables = 8};
    assert_int_equal(gw_store_open(&options, &store), GW_OK);
    struct gw_table tables[3] = {0};
    struct gw_store_txn *txn = NULL;
    assert_int_equal(gw_store_begin(store, true, &txn), GW_OK);
    assert_int_equal(gw_store_table(txn, "log", true, &tables[0]), GW_OK);
    assert_int_equal(gw_store_table(txn, "text", false, &tables[1]), GW_OK);
    assert_int_equal(gw_store_table(txn, "more", true, &tables[2]), GW_OK);
    assert_int_equal(gw_store_commit(txn), GW_OK);
    unsigned full = 0;
    for (int round = 0; round < 600; round++) {
        assert_int_equal(gw_store_begin(store, true, &txn), GW_OK);
        uint64_t changes = 1 + roll(&dice, 400);
        bool growing = round / 100 % 2 == 0;
        enum gw_err err = GW_OK;
        for (uint64_t i = 0; i < changes && !err; i++) {
            struct gw_table table = tables[roll(&dice, 3)];
            uint64_t key = roll(&dice, 3000);
            char text[40];
            int len = snprintf(text, sizeof(text), "%0*d", 1 + (int) (key % 30), (int) key);
            struct gw_bytes name = table.integer_keys
                                       ? gw_store_key_u64(&key)
                                       : (struct gw_bytes){(uint8_t *) text, (size_t) len};
            if (roll(&dice, 10) < (growing ? 7 : 2)) {
                uint64_t size = roll(&dice, 60) ? roll(&dice, 2500) : roll(&dice, 65000);
                err = gw_store_put(txn, table, name, (struct gw_bytes){value, size});
            } else {
                err = gw_store_del(txn, table, name);
                err = err == GW_ERR_NOENT ? GW_OK : err;
            }
        }
        if (roll(&dice, 10) == 0) {
            gw_store_abort(txn);
        } else {
            err = gw_store_commit(txn);
        }
        assert_true(err == GW_OK || err == GW_ERR_FULL);
        full += err == GW_ERR_FULL;
        if (round % 5 == 0) {
            assert_int_equal(gw_store_check_file(path), GW_OK);
        }
    }
    print_message("commits refused for room: %u\n", full);
    gw_store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sound_file_passes_and_is_salvaged_whole, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_flipped_bit_is_caught_or_harmless, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_page_is_caught_and_costs_only_its_own, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(leaves_below_a_lost_branch_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cut_file_is_corrupt_and_its_head_can_be_salvaged,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_root_out_of_turn_is_caught, setup, teardown),
        cmocka_unit_test_setup_teardown(another_format_is_told_apart_from_damage, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(files_of_other_kinds_are_no_stores, setup, teardown),
        cmocka_unit_test_setup_teardown(no_sound_store_is_ever_called_corrupt, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
