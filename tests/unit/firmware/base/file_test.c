/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/base/file.h"

#define BYTES(literal) gw_bytes_from_str(GW_STR(literal))

struct folder {
    char path[64];
    char file[128]; /* path + "/state" */
};

static int make_folder(void **state) {
    struct folder *folder = calloc(1, sizeof(*folder));
    assert_non_null(folder);
    snprintf(folder->path, sizeof(folder->path), "/tmp/gw-test-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    snprintf(folder->file, sizeof(folder->file), "%s/state", folder->path);
    *state = folder;
    return 0;
}

static int remove_folder(void **state) {
    struct folder *folder = *state;
    char command[256];
    snprintf(command, sizeof(command), "chmod -R u+rwx %s && rm -rf %s", folder->path,
             folder->path);
    int answer = system(command);
    free(folder);
    return answer;
}

static void assert_file_holds(const char *path, struct gw_str expected) {
    char storage[256];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    assert_int_equal(gw_file_read(path, &buf), GW_OK);
    assert_true(gw_str_eq(gw_buf_str(&buf), expected));
}

static size_t count_entries(const char *path) {
    char command[256];
    snprintf(command, sizeof(command), "ls -A %s | wc -l", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    char line[32] = "";
    assert_non_null(fgets(line, sizeof(line), pipe));
    pclose(pipe);
    uint64_t count = 0;
    assert_int_equal(gw_str_to_u64(gw_str_trim(gw_str_from_cstr(line)), 1000, &count), GW_OK);
    return (size_t) count;
}

static void replace_creates_and_replaces_and_leaves_no_other_file(void **state) {
    struct folder *folder = *state;
    assert_int_equal(gw_file_replace(folder->file, BYTES("one"), 0600), GW_OK);
    assert_file_holds(folder->file, GW_STR("one"));
    assert_int_equal(gw_file_replace(folder->file, BYTES("second"), 0600), GW_OK);
    assert_file_holds(folder->file, GW_STR("second"));
    assert_int_equal(gw_file_replace_volatile(folder->file, BYTES(""), 0600), GW_OK);
    assert_file_holds(folder->file, GW_STR(""));
    assert_int_equal(count_entries(folder->path), 1);
}

static void the_mode_holds_whatever_the_umask(void **state) {
    struct folder *folder = *state;
    mode_t old = umask(0077);
    assert_int_equal(gw_file_replace(folder->file, BYTES("x"), 0664), GW_OK);
    umask(0);
    struct stat st;
    assert_int_equal(stat(folder->file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0664);
    assert_int_equal(gw_file_replace_volatile(folder->file, BYTES("x"), 0640), GW_OK);
    umask(old);
    assert_int_equal(stat(folder->file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void a_stray_file_of_a_crash_is_overcome(void **state) {
    struct folder *folder = *state;
    char stray[160];
    snprintf(stray, sizeof(stray), "%s.new", folder->file);
    FILE *file = fopen(stray, "w");
    assert_non_null(file);
    fputs("half of some", file);
    fclose(file);
    assert_int_equal(chmod(stray, 0), 0);
    assert_int_equal(gw_file_replace(folder->file, BYTES("whole"), 0600), GW_OK);
    assert_file_holds(folder->file, GW_STR("whole"));
    assert_int_equal(count_entries(folder->path), 1);
}

/* A link planted under the temporary name must not be written through. */
static void a_planted_link_is_not_followed(void **state) {
    struct folder *folder = *state;
    char victim[160], link_path[160];
    snprintf(victim, sizeof(victim), "%s/victim", folder->path);
    snprintf(link_path, sizeof(link_path), "%s.new", folder->file);
    assert_int_equal(gw_file_replace(victim, BYTES("precious"), 0600), GW_OK);
    assert_int_equal(symlink(victim, link_path), 0);
    assert_int_equal(gw_file_replace(folder->file, BYTES("new"), 0600), GW_OK);
    assert_file_holds(victim, GW_STR("precious"));
    assert_file_holds(folder->file, GW_STR("new"));
}

/* A file size limit makes write(2) fail in the middle, as a full disk does.
 * In a child, since the limit is the process's. */
static int replace_under_size_limit(const char *path) {
    (void) signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {1000, 1000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 100;
    }
    static uint8_t big[5000];
    return (int) gw_file_replace(path, (struct gw_bytes){big, sizeof(big)}, 0600);
}

static void a_failed_write_leaves_the_old_content_and_no_litter(void **state) {
    struct folder *folder = *state;
    assert_int_equal(gw_file_replace(folder->file, BYTES("old"), 0600), GW_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(replace_under_size_limit(folder->file));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), GW_ERR_FULL);
    assert_file_holds(folder->file, GW_STR("old"));
    assert_int_equal(count_entries(folder->path), 1);
}

static void a_failed_rename_leaves_no_litter(void **state) {
    struct folder *folder = *state;
    assert_int_equal(mkdir(folder->file, 0700), 0);
    enum gw_err err = gw_file_replace(folder->file, BYTES("new"), 0600);
    assert_int_not_equal(err, GW_OK);
    assert_int_equal(count_entries(folder->path), 1);
}

static void a_missing_folder_is_noent_and_a_long_path_range(void **state) {
    struct folder *folder = *state;
    char path[PATH_MAX + 8];
    snprintf(path, sizeof(path), "%s/missing/state", folder->path);
    assert_int_equal(gw_file_replace(path, BYTES("x"), 0600), GW_ERR_NOENT);
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = 0;
    assert_int_equal(gw_file_replace(path, BYTES("x"), 0600), GW_ERR_RANGE);
    assert_int_equal(gw_file_make_folder(path, 0700), GW_ERR_RANGE);
}

static void a_path_without_a_folder_is_in_the_current_one(void **state) {
    struct folder *folder = *state;
    char before[PATH_MAX];
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(folder->path), 0);
    enum gw_err err = gw_file_replace("plain", BYTES("x"), 0600);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(err, GW_OK);
    assert_int_equal(count_entries(folder->path), 1);
}

static void read_appends_and_refuses_what_does_not_fit(void **state) {
    struct folder *folder = *state;
    assert_int_equal(gw_file_replace(folder->file, BYTES("12345"), 0600), GW_OK);
    char storage[8];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    gw_buf_put_str(&buf, GW_STR("ab"));
    assert_int_equal(gw_file_read(folder->file, &buf), GW_OK);
    assert_true(gw_str_eq(gw_buf_str(&buf), GW_STR("ab12345")));
    assert_int_equal(gw_file_read(folder->file, &buf), GW_ERR_FULL);
    assert_true(gw_str_eq(gw_buf_str(&buf), GW_STR("ab12345")));
    gw_buf_rewind(&buf, 3);
    assert_int_equal(gw_file_read(folder->file, &buf), GW_OK);
    assert_int_equal(gw_buf_space(&buf), 0);
    gw_buf_rewind(&buf, 4);
    assert_int_equal(gw_file_read(folder->file, &buf), GW_ERR_FULL);
    assert_int_equal(buf.len, 4);
}

static void read_answers_for_what_is_no_file(void **state) {
    struct folder *folder = *state;
    char storage[8];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    assert_int_equal(gw_file_read(folder->file, &buf), GW_ERR_NOENT);
    assert_int_equal(gw_file_read(folder->path, &buf), GW_ERR_IO);
    assert_int_equal(buf.len, 0);
}

static void make_folder_makes_the_missing_part_only(void **state) {
    struct folder *folder = *state;
    char deep[160];
    snprintf(deep, sizeof(deep), "%s/a//b/c/", folder->path);
    assert_int_equal(chmod(folder->path, 0711), 0);
    mode_t old = umask(0077);
    assert_int_equal(gw_file_make_folder(deep, 0750), GW_OK);
    umask(old);
    struct stat st;
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0750);
    assert_int_equal(stat(folder->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0711);
    assert_int_equal(gw_file_make_folder(deep, 0700), GW_OK);
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0750);
}

static void make_folder_refuses_a_file_in_the_way(void **state) {
    struct folder *folder = *state;
    assert_int_equal(gw_file_replace(folder->file, BYTES("x"), 0600), GW_OK);
    assert_int_equal(gw_file_make_folder(folder->file, 0700), GW_ERR_DUPLICATE);
    char below[160];
    snprintf(below, sizeof(below), "%s/below", folder->file);
    assert_int_equal(gw_file_make_folder(below, 0700), GW_ERR_DUPLICATE);
    assert_int_not_equal(gw_file_make_folder("", 0700), GW_OK);
}

static void what_is_installed_lies_beside_the_folder_of_the_program(void **state) {
    (void) state;
    struct gw_installed found = gw_file_installed("profiles");
    struct stat profiles;
    assert_int_equal(stat(found.path, &profiles), 0);
    assert_true(S_ISDIR(profiles.st_mode));
    char name[sizeof found.path + 1];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_not_equal(stat(gw_file_installed(name).path, &profiles), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(replace_creates_and_replaces_and_leaves_no_other_file),
        TEST(the_mode_holds_whatever_the_umask),
        TEST(a_stray_file_of_a_crash_is_overcome),
        TEST(a_planted_link_is_not_followed),
        TEST(a_failed_write_leaves_the_old_content_and_no_litter),
        TEST(a_failed_rename_leaves_no_litter),
        TEST(a_missing_folder_is_noent_and_a_long_path_range),
        TEST(a_path_without_a_folder_is_in_the_current_one),
        TEST(read_appends_and_refuses_what_does_not_fit),
        TEST(read_answers_for_what_is_no_file),
        TEST(make_folder_makes_the_missing_part_only),
        TEST(make_folder_refuses_a_file_in_the_way),
        cmocka_unit_test(what_is_installed_lies_beside_the_folder_of_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
