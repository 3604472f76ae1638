/* SPDX-License-Identifier: Apache-2.0 */
/* Several processes at one store. Readers are children of the test, because one
 * process must not open a store twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/store/store.h"
#include "tests/fakes/temp_folder.h"

#define MAP_BYTES (UINT64_C(8) << 20)

struct fixture {
    struct gw_temp_folder folder;
    char path[GW_TEMP_PATH_BYTES];
    struct gw_store *store;
    struct gw_table table;
};

static enum gw_err open_store(const char *path, bool read_only, struct gw_store **ret_store) {
    struct gw_store_options options = {
        .path = path, .map_bytes = MAP_BYTES, .max_tables = 8, .read_only = read_only};
    return gw_store_open(&options, ret_store);
}

/* Keys 1..`count` all with the value `round`: a reader must see one round only. */
static void write_round(struct gw_store *store, uint64_t round, uint64_t count) {
    struct gw_store_txn *txn = NULL;
    struct gw_table table;
    assert_int_equal(gw_store_begin(store, true, &txn), GW_OK);
    assert_int_equal(gw_store_table(txn, "t", true, &table), GW_OK);
    for (uint64_t key = 1; key <= count; key++) {
        assert_int_equal(
            gw_store_put(txn, table, gw_store_key_u64(&key), gw_store_key_u64(&round)), GW_OK);
    }
    assert_int_equal(gw_store_commit(txn), GW_OK);
}

static int setup(void **state) {
    static struct fixture f;
    f = (struct fixture){0};
    gw_temp_folder_open(&f.folder);
    gw_temp_path(&f.folder, "queue", f.path);
    assert_int_equal(open_store(f.path, false, &f.store), GW_OK);
    write_round(f.store, 1, 500);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    gw_store_close(f->store);
    gw_temp_folder_close(&f->folder);
    return 0;
}

/* A child that does `work` and tells its answer by its exit status. */
struct child {
    pid_t pid;
    int ready; /* the child writes one byte when it stands where it should */
};

typedef int child_work(struct fixture *f, int ready);

static struct child start_child(struct fixture *f, child_work *work) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    (void) fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
        (void) close(ends[0]);
        _exit(work(f, ends[1]));
    }
    (void) close(ends[1]);
    return (struct child){pid, ends[0]};
}

static void wait_ready(struct child *child) {
    char byte;
    assert_int_equal(read(child->ready, &byte, 1), 1);
}

static int end_child(struct child *child) {
    int status = 0;
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    (void) close(child->ready);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void kill_child(struct child *child) {
    assert_int_equal(kill(child->pid, SIGKILL), 0);
    assert_int_equal(end_child(child), 128 + SIGKILL);
}

static int try_to_write(struct fixture *f, int ready) {
    struct gw_store *store = NULL;
    (void) ready;
    return (int) open_store(f->path, false, &store);
}

static void a_second_writer_is_turned_away(void **state) {
    struct fixture *f = *state;
    struct child child = start_child(f, try_to_write);
    assert_int_equal(end_child(&child), GW_ERR_BUSY);
    struct gw_store *again = NULL;
    assert_int_equal(open_store(f->path, false, &again), GW_ERR_BUSY);
}

static int hold_a_read(struct fixture *f, int ready) {
    struct gw_store *store = NULL;
    struct gw_store_txn *txn = NULL;
    if (open_store(f->path, true, &store) || gw_store_begin(store, false, &txn)) {
        return 1;
    }
    (void) !write(ready, "x", 1);
    (void) pause();
    return 0;
}

static void a_stuck_reader_shows_and_pins_pages_until_it_is_cleared(void **state) {
    struct fixture *f = *state;
    uint64_t lag = 99, oldest = 0;
    assert_int_equal(gw_store_oldest_reader(f->store, &oldest), GW_ERR_NOENT);
    struct child child = start_child(f, hold_a_read);
    wait_ready(&child);
    for (uint64_t round = 2; round <= 60; round++) {
        write_round(f->store, round, 500);
    }
    struct gw_store_figures stuck, freed;
    assert_int_equal(gw_store_reader_lag(f->store, &lag), GW_OK);
    assert_int_equal(lag, 59);
    assert_int_equal(gw_store_oldest_reader(f->store, &oldest), GW_OK);
    assert_int_equal(oldest, 1);
    assert_int_equal(gw_store_get_figures(f->store, &stuck), GW_OK);
    assert_true(stuck.pinned_bytes > 50 * (uint64_t) stuck.page_bytes);
    kill_child(&child);
    unsigned cleared = 0;
    assert_int_equal(gw_store_check_readers(f->store, &cleared), GW_OK);
    assert_int_equal(cleared, 1);
    assert_int_equal(gw_store_reader_lag(f->store, &lag), GW_OK);
    assert_int_equal(lag, 0);
    assert_int_equal(gw_store_get_figures(f->store, &freed), GW_OK);
    assert_int_equal(freed.pinned_bytes, 0);
    assert_true(freed.reusable_bytes >= stuck.pinned_bytes);
}

static int read_many_times(struct fixture *f, int ready) {
    struct gw_store *store = NULL;
    struct gw_store_txn *txn = NULL;
    struct gw_table table = {0};
    if (open_store(f->path, true, &store) || gw_store_begin(store, false, &txn)
        || gw_store_table(txn, "t", true, &table) || gw_store_commit(txn)) {
        return 1;
    }
    (void) !write(ready, "x", 1);
    uint64_t before = 0;
    for (int i = 0; i < 3000; i++) {
        uint64_t first = 0, seen;
        if (gw_store_begin(store, false, &txn)) {
            return 2;
        }
        for (uint64_t key = 1; key <= 500; key += 7) {
            struct gw_bytes value;
            if (gw_store_get(txn, table, gw_store_key_u64(&key), &value)) {
                return 3;
            }
            memcpy(&seen, value.ptr, sizeof(seen));
            first = first ? first : seen;
            if (seen != first || seen < before) {
                return 4;
            }
        }
        before = first;
        gw_store_abort(txn);
    }
    gw_store_close(store);
    return 0;
}

static void a_reader_under_load_sees_whole_rounds_only(void **state) {
    struct fixture *f = *state;
    struct child child = start_child(f, read_many_times);
    wait_ready(&child);
    for (uint64_t round = 2; round <= 300; round++) {
        write_round(f->store, round, 500);
    }
    assert_int_equal(end_child(&child), 0);
}

static int die_inside_a_write(struct fixture *f, int ready) {
    struct gw_store *store = NULL;
    struct gw_store_txn *txn = NULL;
    if (open_store(f->path, false, &store) || gw_store_begin(store, true, &txn)) {
        return 1;
    }
    (void) !write(ready, "x", 1);
    (void) pause();
    return 0;
}

/* The lock of a dead writer is recovered although a reader keeps the lock file
 * alive. */
static void a_writer_killed_inside_a_write_blocks_nobody(void **state) {
    struct fixture *f = *state;
    gw_store_close(f->store);
    f->store = NULL;
    struct child reader = start_child(f, hold_a_read);
    wait_ready(&reader);
    struct child writer = start_child(f, die_inside_a_write);
    wait_ready(&writer);
    kill_child(&writer);
    assert_int_equal(open_store(f->path, false, &f->store), GW_OK);
    write_round(f->store, 2, 500);
    kill_child(&reader);
}

static int read_through_a_read_only_mount(struct fixture *f, int ready) {
    struct gw_store *store = NULL;
    char seen[GW_TEMP_PATH_BYTES];
    gw_temp_path(&f->folder, "seen", seen);
    (void) ready;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
        || mkdir(seen, 0750) != 0 || mount(f->path, seen, NULL, MS_BIND, NULL) != 0
        || mount(NULL, seen, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) != 0) {
        return 77;
    }
    return (int) open_store(seen, true, &store);
}

static void a_reader_without_a_slot_is_fatal(void **state) {
    struct fixture *f = *state;
    struct child child = start_child(f, read_through_a_read_only_mount);
    int answer = end_child(&child);
    if (answer == 77) {
        print_message("skipped: no private mounts here\n");
        skip();
    }
    assert_int_equal(answer, GW_ERR_FATAL);
}

static int read_a_larger_map(struct fixture *f, int ready) {
    struct gw_store *store = NULL;
    struct gw_store_txn *txn = NULL;
    struct gw_table table;
    if (open_store(f->path, true, &store)) {
        return 1;
    }
    (void) !write(ready, "x", 1);
    char byte;
    (void) !read(STDIN_FILENO, &byte, 1);
    if (gw_store_begin(store, false, &txn) || gw_store_table(txn, "big", true, &table)) {
        return 2;
    }
    return 0;
}

static void a_map_made_larger_is_adopted_by_readers(void **state) {
    struct fixture *f = *state;
    int go[2];
    assert_int_equal(pipe(go), 0);
    assert_true(dup2(go[0], STDIN_FILENO) >= 0);
    /* Closed before the fork: the child would keep the writer's lock alive. */
    gw_store_close(f->store);
    f->store = NULL;
    struct child child = start_child(f, read_a_larger_map);
    wait_ready(&child);
    struct gw_store_options options = {
        .path = f->path, .map_bytes = 4 * MAP_BYTES, .max_tables = 8};
    assert_int_equal(gw_store_open(&options, &f->store), GW_OK);
    struct gw_store_txn *txn = NULL;
    struct gw_table table;
    static const uint8_t filling[4000];
    assert_int_equal(gw_store_begin(f->store, true, &txn), GW_OK);
    assert_int_equal(gw_store_table(txn, "big", true, &table), GW_OK);
    for (uint64_t key = 1; key <= 3000; key++) {
        assert_int_equal(gw_store_append(txn, table, gw_store_key_u64(&key),
                                         (struct gw_bytes){filling, sizeof(filling)}),
                         GW_OK);
    }
    assert_int_equal(gw_store_commit(txn), GW_OK);
    assert_int_equal(write(go[1], "x", 1), 1);
    assert_int_equal(end_child(&child), 0);
    (void) close(go[0]);
    (void) close(go[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_second_writer_is_turned_away, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stuck_reader_shows_and_pins_pages_until_it_is_cleared,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_under_load_sees_whole_rounds_only, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_writer_killed_inside_a_write_blocks_nobody, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_reader_without_a_slot_is_fatal, setup, teardown),
        cmocka_unit_test_setup_teardown(a_map_made_larger_is_adopted_by_readers, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
