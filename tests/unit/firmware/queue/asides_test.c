/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the stores that were set aside stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/base/file.h"
#include "firmware/queue/queue.h"
#include "tests/fakes/queue_fixture.h"

#define ASIDE_BYTES 40960

static struct gw_queue_fixture fixture;
static struct gw_queue_aside asides[GW_QUEUE_ASIDES_MAX];

static int setup(void **state) {
    gw_queue_fixture_init(&fixture, UINT64_C(1) << 20);
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    gw_queue_fixture_done(*state);
    return 0;
}

/* One of day `day`, with a data file. */
static void make_aside(struct gw_queue_fixture *f, unsigned day, bool is_salvaged) {
    static const uint8_t content[ASIDE_BYTES] = {1};
    char path[GW_TEMP_PATH_BYTES + 64], data[GW_TEMP_PATH_BYTES + 96];
    (void) snprintf(path, sizeof(path), "%s.aside-202611%02uT071400Z", f->path, day);
    assert_int_equal(mkdir(path, 0750), 0);
    (void) snprintf(data, sizeof(data), "%s/data.mdb", path);
    assert_int_equal(gw_file_replace(data, (struct gw_bytes){content, sizeof(content)}, 0640),
                     GW_OK);
    if (is_salvaged) {
        assert_int_equal(gw_queue_aside_mark(path), GW_OK);
    }
}

/* Days of those that are there, "1 2s 4": s = salvaged. */
static const char *days(struct gw_queue_fixture *f) {
    static char text[128];
    size_t len = 0, count = gw_queue_asides_list(f->path, asides);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const char *day = strstr(asides[i].path, ".aside-202611") + strlen(".aside-202611");
        assert_true(asides[i].bytes >= ASIDE_BYTES);
        len += (size_t) snprintf(text + len, sizeof(text) - len, "%s%.2s%s", i > 0 ? " " : "",
                                 day, asides[i].is_salvaged ? "s" : "");
    }
    return text;
}

static void they_are_listed_oldest_first(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_string_equal(days(f), "");
    make_aside(f, 20, false);
    make_aside(f, 3, true);
    make_aside(f, 11, false);
    char other[GW_TEMP_PATH_BYTES];
    assert_int_equal(
        mkdir(gw_temp_path(&f->folder, "other.aside-20261101T071400Z", other), 0750), 0);
    assert_string_equal(days(f), "03s 11 20");
    (void) rmdir(other);
}

static void salvaged_ones_go_but_for_the_newest_three(void **state) {
    struct gw_queue_fixture *f = *state;
    for (unsigned day = 1; day <= 6; day++) {
        make_aside(f, day, day != 2);
    }
    struct gw_queue_asides_pruned pruned = gw_queue_asides_prune(f->path, UINT64_MAX);
    assert_string_equal(days(f), "02 04s 05s 06s");
    assert_int_equal(pruned.salvaged, 2);
    assert_int_equal(pruned.unsalvaged, 0);
}

static void unsalvaged_ones_stay_while_there_is_room(void **state) {
    struct gw_queue_fixture *f = *state;
    for (unsigned day = 1; day <= 9; day++) {
        make_aside(f, day, false);
    }
    assert_int_equal(gw_queue_asides_prune(f->path, UINT64_MAX).unsalvaged, 0);
    assert_string_equal(days(f), "01 02 03 04 05 06 07 08 09");
}

static void for_want_of_room_the_salvaged_go_first_then_the_oldest(void **state) {
    struct gw_queue_fixture *f = *state;
    for (unsigned day = 1; day <= 5; day++) {
        make_aside(f, day, day == 4);
    }
    (void) days(f);
    uint64_t each = asides[0].bytes;
    assert_int_equal(gw_queue_asides_prune(f->path, 4 * each + 1000).salvaged, 1);
    assert_string_equal(days(f), "01 02 03 05");
    assert_int_equal(gw_queue_asides_prune(f->path, 2 * each + 1000).unsalvaged, 2);
    assert_string_equal(days(f), "03 05");
    assert_int_equal(gw_queue_asides_prune(f->path, 0).unsalvaged, 1);
    assert_string_equal(days(f), "05"); /* the newest stays whatever it takes */
}

static void the_mark_does_not_keep_a_store_from_being_salvaged_again(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 10);
    gw_queue_fixture_close(f);
    char aside[GW_TEMP_PATH_BYTES + 64];
    (void) snprintf(aside, sizeof(aside), "%s.aside-20261101T071400Z", f->path);
    assert_int_equal(rename(f->path, aside), 0);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(gw_queue_aside_mark(aside), GW_OK);
    assert_int_equal(gw_queue_aside_mark(aside), GW_OK);
    struct gw_queue_salvage_result result;
    assert_int_equal(gw_queue_salvage(f->writer, aside, NULL, 0, &result), GW_OK);
    assert_int_equal(result.recovered[GW_CLASS_BUSINESS], 10);
}

static void a_store_that_is_set_aside_makes_the_oldest_salvaged_go(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_close(f);
    for (unsigned day = 1; day <= 4; day++) {
        make_aside(f, day, true);
    }
    char data[GW_TEMP_PATH_BYTES + 16];
    (void) snprintf(data, sizeof(data), "%s/data.mdb", f->path);
    assert_int_equal(truncate(data, 100), 0);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_SET_ASIDE);
    assert_int_equal(f->opening.unsalvaged_removed, 0);
    size_t count = gw_queue_asides_list(f->path, asides);
    assert_int_equal(count, GW_QUEUE_ASIDES_KEPT);
    assert_non_null(strstr(asides[0].path, "20261103"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(they_are_listed_oldest_first),
        TEST(salvaged_ones_go_but_for_the_newest_three),
        TEST(unsalvaged_ones_stay_while_there_is_room),
        TEST(for_want_of_room_the_salvaged_go_first_then_the_oldest),
        TEST(the_mark_does_not_keep_a_store_from_being_salvaged_again),
        TEST(a_store_that_is_set_aside_makes_the_oldest_salvaged_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
