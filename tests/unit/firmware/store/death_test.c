/* SPDX-License-Identifier: Apache-2.0 */
/* A writer that dies in the middle of its commit, while a reader keeps the lock
 * file in use: the next writer must see what that commit made durable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"
#include "firmware/store/store.h"
#include "tests/fakes/temp_folder.h"

/* Of the lock file (LMDB 0.9): magic and format, 4 bytes each, the readers' mutex,
 * then the number of the last transaction as readers see it. */
#define LOCK_TXN_OFFSET (8 + (off_t) sizeof(pthread_mutex_t))

struct fixture {
    struct gw_temp_folder folder;
    char path[GW_TEMP_PATH_BYTES];
    char lock[GW_TEMP_PATH_BYTES];
};

static enum gw_err open_store(const struct fixture *f, bool read_only,
                              struct gw_store **ret_store) {
    struct gw_store_options options = {
        .path = f->path, .map_bytes = 1u << 20, .max_tables = 4, .read_only = read_only};
    return gw_store_open(&options, ret_store);
}

static enum gw_err put_value(struct gw_store *store, uint64_t value) {
    struct gw_store_txn *txn = NULL;
    struct gw_table table;
    uint64_t key = 1;
    enum gw_err err = gw_store_begin(store, true, &txn);
    if (!err) {
        err = gw_store_table(txn, "t", true, &table);
    }
    if (!err) {
        err = gw_store_put(txn, table, gw_store_key_u64(&key), gw_store_key_u64(&value));
    }
    return err ? err : gw_store_commit(txn);
}

static uint64_t read_value(struct gw_store *store) {
    struct gw_store_txn *txn = NULL;
    struct gw_table table;
    struct gw_bytes value;
    uint64_t key = 1, number = 0;
    assert_int_equal(gw_store_begin(store, false, &txn), GW_OK);
    assert_int_equal(gw_store_table(txn, "t", true, &table), GW_OK);
    assert_int_equal(gw_store_get(txn, table, gw_store_key_u64(&key), &value), GW_OK);
    assert_int_equal(value.len, sizeof number);
    for (size_t i = 0; i < sizeof number; i++) {
        number |= (uint64_t) value.ptr[i] << (8 * i);
    }
    assert_int_equal(gw_store_commit(txn), GW_OK);
    return number;
}

/* As the lock file stands between the write of the meta page and the end of its
 * flush: the writer's lock held, the transaction number one behind. */
static void turn_back_txn(const struct fixture *f) {
    GW_CLEANUP(gw_closep) int fd = open(f->lock, O_RDWR | O_CLOEXEC);
    uint64_t number = 0;
    if (fd < 0 || pread(fd, &number, sizeof number, LOCK_TXN_OFFSET) != sizeof number) {
        _exit(4);
    }
    number--;
    if (pwrite(fd, &number, sizeof number, LOCK_TXN_OFFSET) != sizeof number) {
        _exit(5);
    }
}

static void die_in_commit(const struct fixture *f) {
    struct gw_store *store = NULL;
    struct gw_store_txn *txn = NULL;
    if (open_store(f, false, &store) || put_value(store, 1) || put_value(store, 2)) {
        _exit(2);
    }
    if (gw_store_begin(store, true, &txn)) {
        _exit(3);
    }
    turn_back_txn(f);
    _exit(0);
}

/* Holds the store open until `wait_fd` closes. */
static void keep_open(const struct fixture *f, int ready_fd, int wait_fd) {
    struct gw_store *store = NULL;
    char byte = 'r';
    if (open_store(f, false, &store)) {
        _exit(2);
    }
    gw_store_close(store);
    if (open_store(f, true, &store) || write(ready_fd, &byte, 1) != 1) {
        _exit(3);
    }
    _exit(read(wait_fd, &byte, 1) == 0 ? 0 : 4);
}

static void wait_for(pid_t child) {
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_commit_whose_writer_died_before_its_end_is_seen(void **state) {
    struct fixture *f = *state;
    int ready[2], hold[2];
    char byte = 0;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    pid_t reader = fork();
    if (reader == 0) {
        (void) close(hold[1]);
        keep_open(f, ready[1], hold[0]);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    pid_t writer = fork();
    if (writer == 0) {
        (void) close(hold[1]);
        die_in_commit(f);
    }
    wait_for(writer);

    struct gw_store *store = NULL;
    assert_int_equal(open_store(f, false, &store), GW_OK);
    assert_int_equal(read_value(store), 2);
    assert_int_equal(put_value(store, 3), GW_OK);
    assert_int_equal(read_value(store), 3);
    gw_store_close(store);

    (void) close(hold[1]);
    wait_for(reader);
    (void) close(hold[0]);
    (void) close(ready[0]);
    (void) close(ready[1]);
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (!f) {
        return -1;
    }
    gw_temp_folder_open(&f->folder);
    gw_temp_path(&f->folder, "s", f->path);
    gw_temp_path(&f->folder, "s/lock.mdb", f->lock);
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    gw_temp_folder_close(&f->folder);
    free(f);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_commit_whose_writer_died_before_its_end_is_seen,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
