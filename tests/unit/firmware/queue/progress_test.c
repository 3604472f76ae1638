/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "firmware/queue/queue.h"
#include "tests/fakes/temp_folder.h"

struct fixture {
    struct gw_temp_folder folder;
    char path[GW_TEMP_PATH_BYTES];
};

static struct fixture fixture;

static int setup(void **state) {
    gw_temp_folder_open(&fixture.folder);
    gw_temp_path(&fixture.folder, "progress", fixture.path);
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    gw_temp_folder_close(&((struct fixture *) *state)->folder);
    return 0;
}

static const struct gw_queue_progress sample[2] = {
    {{1, 0xdeadbeef}, {1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11, 12}},
    {{3, UINT64_MAX}, {0, 0, 0, 0}, {GW_SEQUENCE_MAX, 0, 0, 1}, {GW_SEQUENCE_MAX, 1, 2, 3}},
};

static void what_was_written_is_read_back(void **state) {
    struct fixture *f = *state;
    struct gw_queue_progress back[GW_QUEUE_MAX_EPOCHS] = {0};
    size_t count = 0;
    assert_int_equal(gw_queue_progress_write(f->path, sample, 2), GW_OK);
    assert_int_equal(gw_queue_progress_read(f->path, back, &count), GW_OK);
    assert_int_equal(count, 2);
    for (int i = 0; i < 2; i++) {
        assert_true(gw_epoch_eq(back[i].epoch, sample[i].epoch));
        assert_memory_equal(back[i].acked, sample[i].acked, sizeof(back[i].acked));
        assert_memory_equal(back[i].sent, sample[i].sent, sizeof(back[i].sent));
        assert_memory_equal(back[i].heads, sample[i].heads, sizeof(back[i].heads));
    }
    assert_int_equal(gw_queue_progress_write(f->path, sample, 0), GW_OK);
    assert_int_equal(gw_queue_progress_read(f->path, back, &count), GW_OK);
    assert_int_equal(count, 0);
}

static void a_full_list_fits_and_a_longer_one_is_invalid(void **state) {
    struct fixture *f = *state;
    struct gw_queue_progress list[GW_QUEUE_MAX_EPOCHS + 1];
    size_t count = 0;
    for (int i = 0; i <= GW_QUEUE_MAX_EPOCHS; i++) {
        list[i] = sample[1];
    }
    assert_int_equal(gw_queue_progress_write(f->path, list, GW_QUEUE_MAX_EPOCHS), GW_OK);
    assert_int_equal(gw_queue_progress_read(f->path, list, &count), GW_OK);
    assert_int_equal(count, GW_QUEUE_MAX_EPOCHS);
    assert_int_equal(gw_queue_progress_write(f->path, list, GW_QUEUE_MAX_EPOCHS + 1),
                     GW_ERR_INVALID);
}

static void no_file_is_noent(void **state) {
    struct fixture *f = *state;
    struct gw_queue_progress back[GW_QUEUE_MAX_EPOCHS];
    size_t count;
    assert_int_equal(gw_queue_progress_read(f->path, back, &count), GW_ERR_NOENT);
}

static void any_changed_or_missing_byte_is_noticed(void **state) {
    struct fixture *f = *state;
    struct gw_queue_progress back[GW_QUEUE_MAX_EPOCHS];
    size_t count = 77;
    assert_int_equal(gw_queue_progress_write(f->path, sample, 2), GW_OK);
    uint64_t size = gw_temp_file_size(f->path);
    for (uint64_t i = 0; i < size; i++) {
        for (unsigned bit = 0; bit < 8; bit += 3) {
            gw_temp_flip(f->path, i, (uint8_t) (1U << bit));
            enum gw_err err = gw_queue_progress_read(f->path, back, &count);
            /* An upper-case digit of the checksum itself is the same number. */
            if (err != GW_ERR_PARSE) {
                assert_true(i >= size - 9);
            }
            gw_temp_flip(f->path, i, (uint8_t) (1U << bit));
        }
    }
    for (uint64_t cut = 1; cut <= size; cut++) {
        assert_int_equal(truncate(f->path, (off_t) (size - cut)), 0);
        assert_int_equal(gw_queue_progress_read(f->path, back, &count), GW_ERR_PARSE);
    }
}

static void a_file_of_another_kind_is_a_parse_error(void **state) {
    struct fixture *f = *state;
    struct gw_queue_progress back[GW_QUEUE_MAX_EPOCHS];
    size_t count;
    FILE *file = fopen(f->path, "w");
    for (int i = 0; i < 5000; i++) {
        (void) fputs("crc32c 00000000\n", file);
    }
    (void) fclose(file);
    assert_int_equal(gw_queue_progress_read(f->path, back, &count), GW_ERR_PARSE);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_was_written_is_read_back),
        TEST(a_full_list_fits_and_a_longer_one_is_invalid),
        TEST(no_file_is_noent),
        TEST(any_changed_or_missing_byte_is_noticed),
        TEST(a_file_of_another_kind_is_a_parse_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
