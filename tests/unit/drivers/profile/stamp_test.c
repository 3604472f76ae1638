/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "firmware/base/file.h"
#include "tests/fakes/temp_folder.h"

struct place {
    struct gw_temp_folder folder;
    char path[GW_TEMP_PATH_BYTES];
};

static int setup(void **state) {
    static struct place place;
    gw_temp_folder_open(&place.folder);
    gw_temp_path(&place.folder, "scale.json", place.path);
    *state = &place;
    return 0;
}

static int teardown(void **state) {
    struct place *place = *state;
    gw_temp_folder_close(&place->folder);
    return 0;
}

static void put(const struct place *place, const char *text) {
    assert_int_equal(
        gw_file_replace(place->path, gw_bytes_from_str(gw_str_from_cstr(text)), 0644), GW_OK);
}

static void a_file_that_nobody_touched_is_the_same(void **state) {
    struct place *place = *state;
    struct gw_profile_stamp by_name, by_path;
    put(place, "{}");
    gw_profile_stamp_take(place->folder.path, "scale", &by_name);
    gw_profile_stamp_take("/nowhere", place->path, &by_path);
    assert_string_equal(by_name.path, place->path);
    assert_false(gw_profile_stamp_is_old(&by_name));
    assert_false(gw_profile_stamp_is_old(&by_path));
}

static void a_file_that_was_replaced_or_went_is_another_one(void **state) {
    struct place *place = *state;
    struct gw_profile_stamp stamp;
    put(place, "{}");
    gw_profile_stamp_take(place->folder.path, "scale", &stamp);
    put(place, "[]");
    assert_true(gw_profile_stamp_is_old(&stamp));
    gw_profile_stamp_take(place->folder.path, "scale", &stamp);
    assert_int_equal(unlink(place->path), 0);
    assert_true(gw_profile_stamp_is_old(&stamp));
}

static void a_file_that_was_not_there_and_comes_is_another_one(void **state) {
    struct place *place = *state;
    struct gw_profile_stamp stamp;
    gw_profile_stamp_take(place->folder.path, "scale", &stamp);
    assert_false(gw_profile_stamp_is_old(&stamp));
    put(place, "{}");
    assert_true(gw_profile_stamp_is_old(&stamp));
}

#define PLACE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        PLACE_TEST(a_file_that_nobody_touched_is_the_same),
        PLACE_TEST(a_file_that_was_replaced_or_went_is_another_one),
        PLACE_TEST(a_file_that_was_not_there_and_comes_is_another_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
