/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/base/file.h"
#include "tests/unit/firmware/config/config_fixture.h"

struct fixture {
    char folder[32];
    char path[64];
    char good_path[64];
    struct gw_buf errors;
    char error_storage[4096];
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    (void) snprintf(f->folder, sizeof f->folder, "/tmp/gw-test-XXXXXX");
    if (!f || !mkdtemp(f->folder)) {
        return -1;
    }
    (void) snprintf(f->path, sizeof f->path, "%s/config.json", f->folder);
    (void) snprintf(f->good_path, sizeof f->good_path, "%s/config.last-good.json", f->folder);
    gw_buf_init(&f->errors, f->error_storage, sizeof f->error_storage);
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    (void) unlink(f->path);
    (void) unlink(f->good_path);
    int left = rmdir(f->folder);
    free(f);
    return left;
}

static void write_current(const struct fixture *f, const char *text) {
    assert_int_equal(gw_file_replace(f->path, gw_bytes_from_str(gw_str_from_cstr(text)), 0640),
                     GW_OK);
}

#define DOCUMENT(site) "{\"gateway\":{\"serial\":\"GW-1\",\"site\":\"" site "\"}}"

static void broken_document_falls_back_to_the_last_good_one(void **state) {
    struct fixture *f = *state;
    write_current(f, DOCUMENT("one"));
    struct gw_config *config = NULL;
    bool fell_back = true;
    assert_int_equal(gw_config_load_generation(f->path, &f->errors, &config, &fell_back),
                     GW_OK);
    assert_false(fell_back);
    char hash[65];
    memcpy(hash, config->hash, sizeof hash);
    gw_config_close(config);
    assert_int_equal(gw_config_keep_good(f->path), GW_OK);

    write_current(f, DOCUMENT(""));
    assert_int_equal(gw_config_load_generation(f->path, &f->errors, &config, &fell_back),
                     GW_OK);
    assert_true(fell_back);
    assert_string_equal(config->gateway.site, "one");
    assert_string_equal(config->hash, hash); /* of the document as it was written */
    gw_config_close(config);
    assert_true(gw_str_starts_with(gw_buf_str(&f->errors), GW_STR("gateway.site: found")));

    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(gw_config_load_generation(f->path, &f->errors, &config, &fell_back),
                     GW_OK);
    assert_true(fell_back);
    gw_config_close(config);
}

static void without_any_good_document_the_error_of_the_current_one_counts(void **state) {
    struct fixture *f = *state;
    struct gw_config *config = NULL;
    bool fell_back = false;
    assert_int_equal(gw_config_load_generation(f->path, &f->errors, &config, &fell_back),
                     GW_ERR_NOENT);
    write_current(f, "{");
    assert_int_equal(gw_config_load_generation(f->path, &f->errors, &config, &fell_back),
                     GW_ERR_PARSE);
    assert_null(config);
    assert_false(fell_back);
}

static void broken_document_is_never_kept_as_good(void **state) {
    struct fixture *f = *state;
    write_current(f, DOCUMENT(""));
    assert_int_equal(gw_config_keep_good(f->path), GW_ERR_SCHEMA);
    assert_int_equal(access(f->good_path, F_OK), -1);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(gw_config_keep_good(f->path), GW_ERR_NOENT);
}

static void same_document_is_not_written_again(void **state) {
    struct fixture *f = *state;
    write_current(f, DOCUMENT("one"));
    assert_int_equal(gw_config_keep_good(f->path), GW_OK);
    struct stat first;
    assert_int_equal(stat(f->good_path, &first), 0);
    assert_int_equal(gw_config_keep_good(f->path), GW_OK);
    struct stat second;
    assert_int_equal(stat(f->good_path, &second), 0);
    assert_int_equal(first.st_ino, second.st_ino);
    write_current(f, DOCUMENT("two"));
    assert_int_equal(gw_config_keep_good(f->path), GW_OK);
    assert_int_equal(stat(f->good_path, &second), 0);
    assert_int_not_equal(first.st_ino, second.st_ino);
}

/* Every single byte: flash that lost a bit must not become a configuration. */
static void changed_byte_of_the_last_good_document_is_noticed(void **state) {
    struct fixture *f = *state;
    write_current(f, DOCUMENT("one"));
    assert_int_equal(gw_config_keep_good(f->path), GW_OK);
    assert_int_equal(unlink(f->path), 0);
    char storage[512];
    struct gw_buf good;
    gw_buf_init(&good, storage, sizeof storage);
    assert_int_equal(gw_file_read(f->good_path, &good), GW_OK);
    for (size_t i = 0; i < good.len; i++) {
        good.data[i] ^= 1;
        assert_int_equal(gw_file_replace_volatile(f->good_path, gw_buf_bytes(&good), 0640),
                         GW_OK);
        good.data[i] ^= 1;
        struct gw_config *config = NULL;
        bool fell_back = false;
        gw_buf_clear(&f->errors);
        assert_int_equal(gw_config_load_generation(f->path, &f->errors, &config, &fell_back),
                         GW_ERR_NOENT);
        assert_null(config);
    }
    struct gw_bytes half = {good.data, good.len / 2};
    assert_int_equal(gw_file_replace_volatile(f->good_path, half, 0640), GW_OK);
    struct gw_config *config = NULL;
    bool fell_back = false;
    assert_int_equal(gw_config_load_generation(f->path, &f->errors, &config, &fell_back),
                     GW_ERR_NOENT);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(broken_document_falls_back_to_the_last_good_one),
        TEST(without_any_good_document_the_error_of_the_current_one_counts),
        TEST(broken_document_is_never_kept_as_good),
        TEST(same_document_is_not_written_again),
        TEST(changed_byte_of_the_last_good_document_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
