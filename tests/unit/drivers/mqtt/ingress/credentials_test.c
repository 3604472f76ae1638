/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of devices: told once, checked, rotated, revoked, over restarts; and what
 * a disk that does not take the file must not change. */
#include "drivers/mqtt/ingress/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "firmware/base/file.h"
#include "tests/fakes/temp_folder.h"

#define S1 GW_STR("s1")
#define S2 GW_STR("s2")

struct rig {
    struct gw_temp_folder folder;
    char path[GW_TEMP_PATH_BYTES];
    char aside[GW_TEMP_PATH_BYTES]; /* the temporary name of the file */
    struct credentials *credentials;
    char secret[CREDENTIALS_SECRET_LEN + 1], other[CREDENTIALS_SECRET_LEN + 1];
};

static void reopen(struct rig *rig) {
    credentials_close(rig->credentials);
    rig->credentials = NULL;
    assert_int_equal(credentials_open(rig->path, &rig->credentials), GW_OK);
}

static int setup(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    gw_temp_folder_open(&rig->folder);
    gw_temp_path(&rig->folder, "devices", rig->path);
    gw_temp_path(&rig->folder, "devices.new", rig->aside);
    reopen(rig);
    *state = rig;
    return 0;
}

static int teardown(void **state) {
    struct rig *rig = *state;
    credentials_close(rig->credentials);
    gw_temp_folder_close(&rig->folder);
    free(rig);
    return 0;
}

static enum gw_err check(struct rig *rig, struct gw_str device, const char *secret) {
    return credentials_check(rig->credentials, device,
                             gw_bytes_from_str(gw_str_from_cstr(secret)));
}

/* A folder where the temporary file should be: no save can succeed, for root either. */
static void break_disk(struct rig *rig) {
    assert_int_equal(mkdir(rig->aside, 0700), 0);
}

static void mend_disk(struct rig *rig) {
    assert_int_equal(rmdir(rig->aside), 0);
}

static void put_file(const char *path, const char *text) {
    struct gw_str content = gw_str_from_cstr(text);
    assert_int_equal(gw_file_replace(path, gw_bytes_from_str(content), 0600), GW_OK);
}

/* ---- tests ---- */

static void a_secret_is_good_for_its_device_only(void **state) {
    struct rig *rig = *state;
    assert_int_equal(credentials_add(rig->credentials, S1, rig->secret), GW_OK);
    assert_int_equal(credentials_add(rig->credentials, S2, rig->other), GW_OK);
    assert_int_equal(strlen(rig->secret), CREDENTIALS_SECRET_LEN);
    assert_string_not_equal(rig->secret, rig->other);
    assert_int_equal(check(rig, S1, rig->secret), GW_OK);
    assert_int_equal(check(rig, S2, rig->secret), GW_ERR_DENIED);
    assert_int_equal(check(rig, GW_STR("s"), rig->secret), GW_ERR_DENIED);
    assert_int_equal(check(rig, GW_STR(""), rig->secret), GW_ERR_DENIED);
    assert_int_equal(check(rig, S1, ""), GW_ERR_DENIED);
    rig->secret[0] = rig->secret[0] == '0' ? '1' : '0';
    assert_int_equal(check(rig, S1, rig->secret), GW_ERR_DENIED);
}

static void secrets_outlive_a_restart(void **state) {
    struct rig *rig = *state;
    assert_int_equal(credentials_add(rig->credentials, S1, rig->secret), GW_OK);
    assert_int_equal(credentials_add(rig->credentials, S2, rig->other), GW_OK);
    reopen(rig);
    assert_int_equal(check(rig, S1, rig->secret), GW_OK);
    assert_int_equal(check(rig, S2, rig->other), GW_OK);
}

static void the_file_is_private_and_holds_no_secret(void **state) {
    struct rig *rig = *state;
    char bytes[1024] = "";
    struct gw_buf buf;
    struct stat st;
    assert_int_equal(credentials_add(rig->credentials, S1, rig->secret), GW_OK);
    assert_int_equal(stat(rig->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    gw_buf_init(&buf, bytes, sizeof bytes - 1);
    assert_int_equal(gw_file_read(rig->path, &buf), GW_OK);
    assert_non_null(strstr(bytes, "s1 "));
    assert_null(strstr(bytes, rig->secret));
}

static void a_device_has_one_secret_to_begin_with(void **state) {
    struct rig *rig = *state;
    assert_int_equal(credentials_add(rig->credentials, S1, rig->secret), GW_OK);
    assert_int_equal(credentials_add(rig->credentials, S1, rig->other), GW_ERR_DUPLICATE);
    assert_int_equal(check(rig, S1, rig->secret), GW_OK);
}

static void both_secrets_are_good_until_the_next_one_is_used(void **state) {
    struct rig *rig = *state;
    assert_int_equal(credentials_add(rig->credentials, S1, rig->secret), GW_OK);
    assert_int_equal(credentials_rotate(rig->credentials, S1, rig->other), GW_OK);
    reopen(rig);
    assert_int_equal(check(rig, S1, rig->secret), GW_OK);
    assert_int_equal(check(rig, S1, rig->other), GW_OK);
    assert_int_equal(check(rig, S1, rig->secret), GW_ERR_DENIED);
    reopen(rig);
    assert_int_equal(check(rig, S1, rig->secret), GW_ERR_DENIED);
    assert_int_equal(check(rig, S1, rig->other), GW_OK);
}

static void rotating_twice_replaces_the_next_secret(void **state) {
    struct rig *rig = *state;
    char third[CREDENTIALS_SECRET_LEN + 1];
    assert_int_equal(credentials_add(rig->credentials, S1, rig->secret), GW_OK);
    assert_int_equal(credentials_rotate(rig->credentials, S1, rig->other), GW_OK);
    assert_int_equal(credentials_rotate(rig->credentials, S1, third), GW_OK);
    assert_int_equal(check(rig, S1, rig->other), GW_ERR_DENIED);
    assert_int_equal(check(rig, S1, rig->secret), GW_OK);
    assert_int_equal(check(rig, S1, third), GW_OK);
}

static void what_is_revoked_stays_revoked(void **state) {
    struct rig *rig = *state;
    assert_int_equal(credentials_add(rig->credentials, S1, rig->secret), GW_OK);
    assert_int_equal(credentials_add(rig->credentials, S2, rig->other), GW_OK);
    assert_int_equal(credentials_revoke(rig->credentials, S1), GW_OK);
    assert_int_equal(check(rig, S1, rig->secret), GW_ERR_DENIED);
    reopen(rig);
    assert_int_equal(check(rig, S1, rig->secret), GW_ERR_DENIED);
    assert_int_equal(check(rig, S2, rig->other), GW_OK);
    assert_int_equal(credentials_revoke(rig->credentials, S1), GW_ERR_NOENT);
    assert_int_equal(credentials_rotate(rig->credentials, S1, rig->secret), GW_ERR_NOENT);
    assert_int_equal(credentials_add(rig->credentials, S1, rig->secret), GW_OK);
    assert_int_equal(check(rig, S1, rig->secret), GW_OK);
}

static void a_failed_save_leaves_everything_as_it_was(void **state) {
    struct rig *rig = *state;
    char unsaved[CREDENTIALS_SECRET_LEN + 1];
    assert_int_equal(credentials_add(rig->credentials, S1, rig->secret), GW_OK);
    assert_int_equal(credentials_add(rig->credentials, S2, rig->other), GW_OK);
    break_disk(rig);
    assert_int_not_equal(credentials_add(rig->credentials, GW_STR("s3"), unsaved), GW_OK);
    assert_int_equal(check(rig, GW_STR("s3"), unsaved), GW_ERR_DENIED);
    assert_int_not_equal(credentials_rotate(rig->credentials, S1, unsaved), GW_OK);
    assert_int_equal(check(rig, S1, unsaved), GW_ERR_DENIED);
    assert_int_equal(check(rig, S1, rig->secret), GW_OK);
    assert_int_not_equal(credentials_revoke(rig->credentials, S1), GW_OK);
    assert_int_not_equal(credentials_revoke(rig->credentials, S2), GW_OK);
    assert_int_equal(check(rig, S1, rig->secret), GW_OK);
    assert_int_equal(check(rig, S2, rig->other), GW_OK);
    mend_disk(rig);
    assert_int_equal(credentials_add(rig->credentials, GW_STR("s3"), unsaved), GW_OK);
    reopen(rig);
    assert_int_equal(check(rig, S1, rig->secret), GW_OK);
    assert_int_equal(check(rig, S2, rig->other), GW_OK);
    assert_int_equal(check(rig, GW_STR("s3"), unsaved), GW_OK);
}

static void a_next_secret_whose_use_cannot_be_noted_is_good_beside_the_old_one(void **state) {
    struct rig *rig = *state;
    assert_int_equal(credentials_add(rig->credentials, S1, rig->secret), GW_OK);
    assert_int_equal(credentials_rotate(rig->credentials, S1, rig->other), GW_OK);
    break_disk(rig);
    assert_int_equal(check(rig, S1, rig->other), GW_OK);
    assert_int_equal(check(rig, S1, rig->secret), GW_OK);
    mend_disk(rig);
    assert_int_equal(check(rig, S1, rig->other), GW_OK);
    assert_int_equal(check(rig, S1, rig->secret), GW_ERR_DENIED);
}

static void more_devices_than_the_table_began_with_are_kept(void **state) {
    struct rig *rig = *state;
    char secrets[150][CREDENTIALS_SECRET_LEN + 1];
    char device[16];
    for (unsigned i = 0; i < 150; i++) {
        (void) snprintf(device, sizeof device, "d%u", i);
        assert_int_equal(
            credentials_add(rig->credentials, gw_str_from_cstr(device), secrets[i]), GW_OK);
    }
    reopen(rig);
    for (unsigned i = 0; i < 150; i++) {
        (void) snprintf(device, sizeof device, "d%u", i);
        assert_int_equal(check(rig, gw_str_from_cstr(device), secrets[i]), GW_OK);
    }
}

/* ---- the file ---- */

static void every_flipped_bit_is_noticed(void **state) {
    struct rig *rig = *state;
    assert_int_equal(credentials_add(rig->credentials, S1, rig->secret), GW_OK);
    uint64_t size = gw_temp_file_size(rig->path);
    for (uint64_t at = 0; at < size; at++) {
        struct credentials *damaged = NULL;
        gw_temp_flip(rig->path, at, 1);
        assert_int_equal(credentials_open(rig->path, &damaged), GW_ERR_CORRUPT);
        assert_null(damaged);
        gw_temp_flip(rig->path, at, 1);
    }
    reopen(rig);
    assert_int_equal(check(rig, S1, rig->secret), GW_OK);
}

static void every_cut_file_is_noticed(void **state) {
    struct rig *rig = *state;
    assert_int_equal(credentials_add(rig->credentials, S1, rig->secret), GW_OK);
    uint64_t size = gw_temp_file_size(rig->path);
    while (size-- > 0) {
        struct credentials *damaged = NULL;
        assert_int_equal(truncate(rig->path, (off_t) size), 0);
        assert_int_equal(credentials_open(rig->path, &damaged), GW_ERR_CORRUPT);
    }
}

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void put_checked(struct rig *rig, const char *text) {
    char bytes[1024];
    struct gw_buf buf;
    gw_buf_init(&buf, bytes, sizeof bytes);
    assert_true(gw_buf_put_str(&buf, gw_str_from_cstr(text)));
    assert_true(gw_file_put_checksum(&buf));
    assert_int_equal(gw_file_replace(rig->path, gw_buf_bytes(&buf), 0600), GW_OK);
}

/* With a checksum that is right: written by somebody else. */
static void a_file_of_another_form_is_refused(void **state) {
    struct rig *rig = *state;
    static const char *const texts[] = {
        "",
        "gangway-credentials 2\n",
        "gangway-credentials 1\ns1\n",
        "gangway-credentials 1\n " DIGEST "\n",
        "gangway-credentials 1\ns1 0123\n",
        "gangway-credentials 1\ns1 " DIGEST " 01\n",
        "gangway-credentials 1\ns1 " DIGEST " " DIGEST " \n",
        "gangway-credentials 1\ns1 " DIGEST "\ns1 " DIGEST "\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct credentials *odd = NULL;
        put_checked(rig, texts[i]);
        if (credentials_open(rig->path, &odd) != GW_ERR_CORRUPT) {
            fail_msg("text %zu was taken", i);
        }
    }
    put_checked(rig, "gangway-credentials 1\ns1 " DIGEST " " DIGEST "\n");
    reopen(rig);
    assert_int_equal(credentials_add(rig->credentials, S1, rig->secret), GW_ERR_DUPLICATE);
}

/* Power went between writing the new file and the rename. */
static void what_a_power_cut_left_aside_is_not_read_and_not_in_the_way(void **state) {
    struct rig *rig = *state;
    assert_int_equal(credentials_add(rig->credentials, S1, rig->secret), GW_OK);
    put_file(rig->aside, "gangway-credentials 1\nhalf a li");
    reopen(rig);
    assert_int_equal(check(rig, S1, rig->secret), GW_OK);
    assert_int_equal(credentials_add(rig->credentials, S2, rig->other), GW_OK);
    assert_int_equal(access(rig->aside, F_OK), -1);
    reopen(rig);
    assert_int_equal(check(rig, S2, rig->other), GW_OK);
}

static void a_file_that_cannot_be_read_lets_nobody_in(void **state) {
    struct rig *rig = *state;
    struct credentials *none = NULL;
    assert_int_equal(mkdir(rig->path, 0700), 0);
    assert_int_not_equal(credentials_open(rig->path, &none), GW_OK);
    assert_null(none);
    assert_int_equal(rmdir(rig->path), 0);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_secret_is_good_for_its_device_only),
        RIG_TEST(secrets_outlive_a_restart),
        RIG_TEST(the_file_is_private_and_holds_no_secret),
        RIG_TEST(a_device_has_one_secret_to_begin_with),
        RIG_TEST(both_secrets_are_good_until_the_next_one_is_used),
        RIG_TEST(rotating_twice_replaces_the_next_secret),
        RIG_TEST(what_is_revoked_stays_revoked),
        RIG_TEST(a_failed_save_leaves_everything_as_it_was),
        RIG_TEST(a_next_secret_whose_use_cannot_be_noted_is_good_beside_the_old_one),
        RIG_TEST(more_devices_than_the_table_began_with_are_kept),
        RIG_TEST(every_flipped_bit_is_noticed),
        RIG_TEST(every_cut_file_is_noticed),
        RIG_TEST(a_file_of_another_form_is_refused),
        RIG_TEST(what_a_power_cut_left_aside_is_not_read_and_not_in_the_way),
        RIG_TEST(a_file_that_cannot_be_read_lets_nobody_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
