/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child appends, acknowledges and trims, and tells through a pipe what was
 * completed; it is killed at every step, or at random moments. Whatever it was told
 * to be durable must be there afterwards, in order, without holes.
 *
 * Event n of the child has sequence n, so a number proves a place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/queue/queue_internal.h"
#include "tests/fakes/queue_fixture.h"

#define MAP_BYTES (UINT64_C(2) << 20)

static struct gw_queue_fixture fixture;

static int setup(void **state) {
    struct gw_queue_fixture *f = &fixture;
    gw_queue_fixture_init(f, MAP_BYTES);
    f->options.ring_ms = 0;
    f->options.ring_percent = 0;
    f->filling_bytes = 100;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_close(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    gw_queue_fixture_done(*state);
    return 0;
}

/* What the child says: one of these per completion or acknowledgement. */
struct said {
    uint64_t completed; /* this event is durable, or 0 */
    uint64_t acked;     /* everything up to here was acknowledged, or 0 */
};

struct child {
    struct gw_queue_fixture *f;
    int tell;
    uint64_t next;
    uint64_t completed;
    unsigned steps_left; /* dies at the store's step when this reaches 0 */
};

static void say(struct child *child, struct said said) {
    if (write(child->tell, &said, sizeof(said)) != (ssize_t) sizeof(said)) {
        _exit(3);
    }
}

static void completed(void *context, uint64_t token, enum gw_err err) {
    struct child *child = context;
    if (!err) {
        child->completed = token;
        say(child, (struct said){.completed = token});
    }
}

static enum gw_err die_at(void *self, enum gw_store_step step) {
    struct child *child = self;
    (void) step;
    if (--child->steps_left == 0) {
        (void) raise(SIGKILL);
    }
    return GW_OK;
}

static enum gw_err submit(struct child *child) {
    uint8_t bytes[1024];
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    struct gw_event_draft draft = gw_queue_fixture_draft(GW_CLASS_BUSINESS, child->next,
                                                         child->f->filling_bytes, &storage);
    struct gw_state_change change = {.key = gw_store_key_u64(&(uint64_t){1}),
                                     .value = gw_store_key_u64(&child->next)};
    struct gw_unit unit = {.events = &draft,
                           .event_count = 1,
                           .state_table = GW_STR("cursor"),
                           .changes = &change,
                           .change_count = 1,
                           .completed = completed,
                           .context = child,
                           .token = child->next};
    enum gw_err err = gw_intake_submit(&child->f->intake, &unit);
    child->next += err == GW_OK;
    return err;
}

/* Groups of 1 to 30, an acknowledgement now and then. */
static int work(struct child *child, unsigned groups) {
    struct gw_queue_fixture *f = child->f;
    struct gw_store_probe probe = {die_at, child};
    f->options.probe = child->steps_left ? &probe : NULL;
    if (gw_queue_fixture_open(f) || f->opening.origin != GW_QUEUE_REOPENED
        || gw_queue_mark_healthy(f->writer)) {
        return 1;
    }
    child->next = gw_queue_fixture_figures(f).classes[GW_CLASS_BUSINESS].range.last + 1;
    for (unsigned group = 0; group < groups; group++) {
        for (unsigned i = 0; i <= group * 7 % 30; i++) {
            enum gw_err err = submit(child);
            if (err && err != GW_ERR_FULL) {
                return 2;
            }
        }
        if (gw_queue_commit(f->writer)) {
            return 2;
        }
        if (group % 3 == 2 && child->completed > 20) {
            struct gw_queue_progress progress = gw_queue_fixture_progress(f);
            progress.acked[GW_CLASS_BUSINESS] = child->completed - 20;
            say(child, (struct said){.acked = child->completed - 20});
            gw_queue_set_progress(f->writer, &progress);
        }
    }
    _exit(0);
}

struct outcome {
    uint64_t completed, acked;
    bool killed;
};

static struct outcome listen_to_the_end(int pipe_end, pid_t pid, struct outcome outcome) {
    struct said said;
    while (read(pipe_end, &said, sizeof(said)) == (ssize_t) sizeof(said)) {
        outcome.completed = said.completed ? said.completed : outcome.completed;
        outcome.acked = said.acked ? said.acked : outcome.acked;
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    outcome.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    assert_true(outcome.killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    return outcome;
}

static pid_t start(struct gw_queue_fixture *f, unsigned steps, unsigned groups, int *ret_pipe) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void) fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
        (void) close(ends[0]);
        struct child child = {.f = f, .tell = ends[1], .steps_left = steps};
        _exit(work(&child, groups));
    }
    (void) close(ends[1]);
    *ret_pipe = ends[0];
    return pid;
}

/* All that was completed and not acknowledged is there, and what lies behind it is
 * whole too; the state written with the last event is that event's. */
static uint64_t check_after(struct gw_queue_fixture *f, const struct outcome *outcome) {
    static struct gw_queue_entry entries[2000];
    static uint8_t bytes[1 << 20];
    f->options.probe = NULL;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_REOPENED);
    struct gw_queue_range range = gw_queue_fixture_figures(f).classes[GW_CLASS_BUSINESS].range;
    assert_true(range.last >= outcome->completed);
    assert_true(range.first <= outcome->acked + 1);
    struct gw_queue_reader *reader = NULL;
    assert_int_equal(gw_queue_reader_open_beside(f->writer, &reader), GW_OK);
    for (uint64_t next = range.first; next <= range.last;) {
        struct gw_buf storage;
        gw_buf_init(&storage, bytes, sizeof(bytes));
        struct gw_queue_read_request request = {GW_EPOCH_INDEX_OWN, GW_CLASS_BUSINESS, next,
                                                2000, sizeof(bytes)};
        size_t count = 0;
        assert_int_equal(gw_queue_read(reader, &request, &storage, entries, 2000, &count),
                         GW_OK);
        assert_true(count > 0);
        for (size_t i = 0; i < count; i++, next++) {
            assert_int_equal(entries[i].err, GW_OK);
            assert_int_equal(entries[i].record.sequence, next);
            assert_int_equal(gw_queue_fixture_number(&entries[i].record), next);
        }
    }
    gw_queue_reader_close(reader);
    uint8_t state[16];
    struct gw_buf buf;
    gw_buf_init(&buf, state, sizeof(state));
    uint64_t key = 1, last = 0;
    enum gw_err err =
        f->intake.state_get(f->intake.self, GW_STR("cursor"), gw_store_key_u64(&key), &buf);
    assert_int_equal(err, range.last ? GW_OK : GW_ERR_NOENT);
    memcpy(&last, state, err ? 0 : sizeof(last));
    assert_int_equal(last, range.last);
    gw_queue_fixture_close(f);
    return range.last;
}

static void a_kill_at_any_step_of_the_store_loses_nothing_completed(void **state) {
    struct gw_queue_fixture *f = *state;
    struct outcome outcome = {0};
    unsigned killed = 0;
    for (unsigned step = 1; step <= 220; step++) {
        int pipe_end;
        pid_t pid = start(f, step, 6, &pipe_end);
        outcome = listen_to_the_end(pipe_end, pid, outcome);
        (void) close(pipe_end);
        killed += outcome.killed;
        (void) check_after(f, &outcome);
    }
    print_message("killed %u times\n", killed);
    assert_true(killed > 150);
}

static void kills_at_random_moments_lose_nothing_completed(void **state) {
    struct gw_queue_fixture *f = *state;
    struct outcome outcome = {0};
    uint64_t seed = 99, in_flight = 0;
    unsigned killed = 0;
    for (unsigned round = 0; round < 60; round++) {
        int pipe_end;
        pid_t pid = start(f, 0, 1000000, &pipe_end);
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        /* Not before it has begun; then some milliseconds, as long as it takes. */
        struct said first;
        assert_int_equal(read(pipe_end, &first, sizeof(first)), sizeof(first));
        (void) usleep((unsigned) (seed >> 40) % 20000);
        assert_int_equal(kill(pid, SIGKILL), 0);
        outcome = listen_to_the_end(pipe_end, pid, outcome);
        (void) close(pipe_end);
        killed += outcome.killed;
        uint64_t last = check_after(f, &outcome);
        in_flight += last > outcome.completed;
    }
    print_message("killed %u times, %llu of them with more committed than told\n", killed,
                  (unsigned long long) in_flight);
    assert_int_equal(killed, 60);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_kill_at_any_step_of_the_store_loses_nothing_completed),
        TEST(kills_at_random_moments_lose_nothing_completed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
