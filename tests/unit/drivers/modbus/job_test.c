/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/job.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/fakes/fake_clock.h"

#define TOLD_MAX 64

struct rig {
    struct gw_fake_clock fake;
    struct gw_clock clock;
    struct gw_loop *loop;
    struct gw_modbus_jobs *jobs;
    struct {
        uint64_t token;
        struct gw_modbus_answer answer;
    } told[TOLD_MAX];
    size_t told_count;
    bool posts_again; /* from inside a completion */
};

static const struct gw_modbus_job a_job = {
    .request = {.unit_id = 3, .area = GW_AREA_HOLDING_REGISTER, .address = 7, .count = 1}};

static void on_done(void *context, uint64_t token, const struct gw_modbus_answer *answer) {
    struct rig *rig = context;
    assert_true(rig->told_count < TOLD_MAX);
    rig->told[rig->told_count].token = token;
    rig->told[rig->told_count++].answer = *answer;
    if (rig->posts_again) {
        rig->posts_again = false;
        (void) !gw_modbus_jobs_post(rig->jobs, &a_job, GW_NEVER_MS, on_done, rig, token + 100);
    }
}

static enum gw_err post(struct rig *rig, uint64_t token, int64_t wait_ms) {
    return gw_modbus_jobs_post(rig->jobs, &a_job, rig->fake.mono_ms + wait_ms, on_done, rig,
                               token);
}

static void turn(struct rig *rig) {
    assert_int_equal(gw_loop_wait(rig->loop, &rig->clock, rig->fake.mono_ms), GW_OK);
}

static void work(struct rig *rig, uint16_t word) {
    struct gw_modbus_job job;
    struct gw_modbus_answer answer = {.was_sent = true, .words = {word}};
    assert_true(gw_modbus_jobs_take(rig->jobs, &job));
    assert_int_equal(job.request.unit_id, 3);
    assert_true(job.deadline_mono_ms > rig->fake.mono_ms);
    gw_modbus_jobs_finish(rig->jobs, &answer);
}

static int setup(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    rig->clock = gw_fake_clock_init(&rig->fake);
    assert_int_equal(gw_loop_open(8, &rig->loop), GW_OK);
    assert_int_equal(gw_modbus_jobs_open(rig->loop, &rig->clock, &rig->jobs), GW_OK);
    *state = rig;
    return 0;
}

static int teardown(void **state) {
    struct rig *rig = *state;
    gw_modbus_jobs_close(rig->jobs);
    gw_loop_close(rig->loop);
    free(rig);
    return 0;
}

static void a_job_is_answered_on_the_loop(void **state) {
    struct rig *rig = *state;
    assert_int_equal(post(rig, 5, 1000), GW_OK);
    work(rig, 42);
    assert_int_equal(rig->told_count, 0);
    turn(rig);
    assert_int_equal(rig->told_count, 1);
    assert_int_equal(rig->told[0].token, 5);
    assert_int_equal(rig->told[0].answer.words[0], 42);
    assert_true(rig->told[0].answer.was_sent);
    turn(rig);
    assert_int_equal(rig->told_count, 1);
}

static void the_oldest_goes_first_and_the_bell_rings_while_there_are_more(void **state) {
    struct rig *rig = *state;
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(post(rig, i, 1000), GW_OK);
    }
    for (uint16_t i = 0; i < 3; i++) {
        struct pollfd bell = {.fd = gw_modbus_jobs_work_fd(rig->jobs), .events = POLLIN};
        assert_int_equal(poll(&bell, 1, 0), 1);
        work(rig, i);
    }
    struct pollfd bell = {.fd = gw_modbus_jobs_work_fd(rig->jobs), .events = POLLIN};
    assert_int_equal(poll(&bell, 1, 0), 0);
    turn(rig);
    assert_int_equal(rig->told_count, 3);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(rig->told[i].token, i);
        assert_int_equal(rig->told[i].answer.words[0], i);
    }
}

static void one_that_waited_too_long_was_never_sent(void **state) {
    struct rig *rig = *state;
    struct gw_modbus_job job;
    assert_int_equal(post(rig, 1, 500), GW_OK);
    assert_int_equal(gw_modbus_jobs_next_mono_ms(rig->jobs), rig->fake.mono_ms + 500);
    gw_fake_clock_advance(&rig->fake, 499);
    gw_modbus_jobs_tick(rig->jobs);
    assert_int_equal(rig->told_count, 0);
    gw_fake_clock_advance(&rig->fake, 1);
    assert_false(gw_modbus_jobs_take(rig->jobs, &job));
    gw_modbus_jobs_tick(rig->jobs);
    assert_int_equal(rig->told_count, 1);
    assert_int_equal(rig->told[0].answer.err, GW_ERR_TIMEOUT);
    assert_false(rig->told[0].answer.was_sent);
    assert_false(gw_modbus_jobs_take(rig->jobs, &job));
    assert_int_equal(gw_modbus_jobs_next_mono_ms(rig->jobs), GW_NEVER_MS);
}

static void a_younger_one_in_time_goes_before_an_old_one_that_is_late(void **state) {
    struct rig *rig = *state;
    assert_int_equal(post(rig, 1, 10), GW_OK);
    assert_int_equal(post(rig, 2, 1000), GW_OK);
    gw_fake_clock_advance(&rig->fake, 20);
    work(rig, 2);
    turn(rig);
    assert_int_equal(rig->told_count, 2);
    assert_int_equal(rig->told[0].token, 2);
    assert_int_equal(rig->told[0].answer.err, GW_OK);
    assert_int_equal(rig->told[1].answer.err, GW_ERR_TIMEOUT);
}

static void one_under_way_is_not_given_up(void **state) {
    struct rig *rig = *state;
    struct gw_modbus_job job;
    struct gw_modbus_answer answer = {.err = GW_ERR_TIMEOUT, .was_sent = true};
    assert_int_equal(post(rig, 1, 100), GW_OK);
    assert_true(gw_modbus_jobs_take(rig->jobs, &job));
    gw_fake_clock_advance(&rig->fake, 100000);
    gw_modbus_jobs_tick(rig->jobs);
    turn(rig);
    assert_int_equal(rig->told_count, 0);
    gw_modbus_jobs_finish(rig->jobs, &answer);
    turn(rig);
    assert_int_equal(rig->told_count, 1);
    assert_true(rig->told[0].answer.was_sent);
}

static void ending_completes_everything_once(void **state) {
    struct rig *rig = *state;
    assert_int_equal(post(rig, 1, 1000), GW_OK);
    assert_int_equal(post(rig, 2, 1000), GW_OK);
    work(rig, 9);
    rig->posts_again = true;
    gw_modbus_jobs_end(rig->jobs);
    assert_int_equal(rig->told_count, 2);
    assert_int_equal(rig->told[0].answer.err, GW_OK);
    assert_int_equal(rig->told[1].answer.err, GW_ERR_NOCONN);
    assert_false(rig->told[1].answer.was_sent);
    assert_int_equal(post(rig, 3, 1000), GW_ERR_NOCONN);
    gw_modbus_jobs_end(rig->jobs);
    turn(rig);
    assert_int_equal(rig->told_count, 2);
}

static void stopping_leaves_the_worker_what_it_has_and_gives_it_no_more(void **state) {
    struct rig *rig = *state;
    struct gw_modbus_job job = a_job;
    struct gw_modbus_answer answer = {.was_sent = true};
    assert_int_equal(post(rig, 1, 1000), GW_OK);
    assert_int_equal(post(rig, 2, 1000), GW_OK);
    assert_true(gw_modbus_jobs_take(rig->jobs, &job));
    assert_false(gw_modbus_jobs_stop(rig->jobs)); /* it only reads */
    gw_modbus_jobs_finish(rig->jobs, &answer);
    assert_false(gw_modbus_jobs_take(rig->jobs, &job));
    assert_int_equal(post(rig, 3, 1000), GW_ERR_NOCONN);
    gw_modbus_jobs_end(rig->jobs);
    assert_int_equal(rig->told_count, 2);
    assert_int_equal(rig->told[0].answer.err, GW_OK);
    assert_int_equal(rig->told[1].answer.err, GW_ERR_NOCONN);
    assert_false(rig->told[1].answer.was_sent);
}

static void what_waits_when_stopping_is_told_by_the_tick(void **state) {
    struct rig *rig = *state;
    struct gw_modbus_job job;
    assert_int_equal(post(rig, 1, 1000), GW_OK);
    assert_int_equal(post(rig, 2, 1000), GW_OK);
    assert_true(gw_modbus_jobs_take(rig->jobs, &job));
    (void) gw_modbus_jobs_stop(rig->jobs);
    assert_true(gw_modbus_jobs_next_mono_ms(rig->jobs) <= rig->fake.mono_ms);
    gw_modbus_jobs_tick(rig->jobs);
    assert_int_equal(rig->told_count, 1);
    assert_int_equal(rig->told[0].token, 2);
    assert_int_equal(rig->told[0].answer.err, GW_ERR_NOCONN);
    assert_false(rig->told[0].answer.was_sent);
    assert_int_equal(gw_modbus_jobs_next_mono_ms(rig->jobs), GW_NEVER_MS);
}

static void a_write_under_way_is_told_when_stopping(void **state) {
    struct rig *rig = *state;
    struct gw_modbus_job job = a_job;
    job.is_write = true;
    assert_int_equal(gw_modbus_jobs_post(rig->jobs, &job, GW_NEVER_MS, on_done, rig, 1), GW_OK);
    assert_true(gw_modbus_jobs_take(rig->jobs, &job));
    assert_true(gw_modbus_jobs_stop(rig->jobs));
    struct gw_modbus_answer answer = {.was_sent = true};
    gw_modbus_jobs_finish(rig->jobs, &answer);
    assert_false(gw_modbus_jobs_stop(rig->jobs));
    assert_false(gw_modbus_jobs_stop(NULL));
}

/* It cannot happen while the worker keeps its word; then nobody may say "not sent". */
static void one_taken_and_never_answered_counts_as_sent(void **state) {
    struct rig *rig = *state;
    struct gw_modbus_job job;
    assert_int_equal(post(rig, 1, 1000), GW_OK);
    assert_true(gw_modbus_jobs_take(rig->jobs, &job));
    gw_modbus_jobs_end(rig->jobs);
    assert_int_equal(rig->told_count, 1);
    assert_true(rig->told[0].answer.was_sent);
    assert_int_equal(rig->told[0].answer.err, GW_ERR_NOCONN);
    assert_int_not_equal(rig->told[0].answer.read_err, GW_OK);
}

static void the_mailbox_is_bounded_and_a_completion_makes_room(void **state) {
    struct rig *rig = *state;
    for (uint64_t i = 0; i < GW_MODBUS_JOBS_MAX; i++) {
        assert_int_equal(post(rig, i, 1000), GW_OK);
    }
    assert_int_equal(post(rig, 99, 1000), GW_ERR_BUSY);
    work(rig, 0);
    assert_int_equal(post(rig, 99, 1000), GW_ERR_BUSY);
    rig->posts_again = true;
    turn(rig);
    assert_int_equal(post(rig, 99, 1000), GW_ERR_BUSY);
    work(rig, 1);
    turn(rig);
    assert_int_equal(post(rig, 99, 1000), GW_OK);
}

static void counts_that_no_answer_can_carry_are_refused(void **state) {
    struct rig *rig = *state;
    struct gw_modbus_job job = a_job;
    job.request.count = 0;
    assert_int_equal(gw_modbus_jobs_post(rig->jobs, &job, GW_NEVER_MS, on_done, rig, 1),
                     GW_ERR_RANGE);
    job.request.count = GW_MODBUS_JOB_WORDS + 1;
    assert_int_equal(gw_modbus_jobs_post(rig->jobs, &job, GW_NEVER_MS, on_done, rig, 1),
                     GW_ERR_RANGE);
}

/* ---- with a thread, for the thread sanitizer ---- */

#define THREAD_JOBS 2000

static void *serve(void *argument) {
    struct gw_modbus_jobs *jobs = argument;
    for (unsigned served = 0; served < THREAD_JOBS;) {
        struct pollfd bell = {.fd = gw_modbus_jobs_work_fd(jobs), .events = POLLIN};
        (void) poll(&bell, 1, 1000);
        struct gw_modbus_job job;
        if (gw_modbus_jobs_take(jobs, &job)) {
            struct gw_modbus_answer answer = {.words = {job.words[0]}};
            gw_modbus_jobs_finish(jobs, &answer);
            served++;
        }
    }
    return NULL;
}

struct count {
    unsigned done;
    bool is_wrong;
};

static void on_counted(void *context, uint64_t token, const struct gw_modbus_answer *answer) {
    struct count *count = context;
    count->done++;
    count->is_wrong |= answer->err != GW_OK || answer->words[0] != (uint16_t) token;
}

static void every_job_gets_its_own_answer_from_another_thread(void **state) {
    struct rig *rig = *state;
    struct gw_clock clock = gw_clock_system();
    struct gw_modbus_jobs *jobs = NULL;
    struct count count = {0};
    pthread_t thread;
    assert_int_equal(gw_modbus_jobs_open(rig->loop, &clock, &jobs), GW_OK);
    assert_int_equal(pthread_create(&thread, NULL, serve, jobs), 0);
    unsigned posted = 0;
    while (count.done < THREAD_JOBS) {
        struct gw_modbus_job job = a_job;
        job.words[0] = (uint16_t) posted;
        if (posted < THREAD_JOBS
            && !gw_modbus_jobs_post(jobs, &job, GW_NEVER_MS, on_counted, &count, posted)) {
            posted++;
            continue;
        }
        assert_int_equal(gw_loop_wait(rig->loop, &clock, gw_clock_mono_ms(&clock) + 1000),
                         GW_OK);
    }
    (void) pthread_join(thread, NULL);
    assert_false(count.is_wrong);
    gw_modbus_jobs_close(jobs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_is_answered_on_the_loop, setup, teardown),
        cmocka_unit_test_setup_teardown(
            the_oldest_goes_first_and_the_bell_rings_while_there_are_more, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_waited_too_long_was_never_sent, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_younger_one_in_time_goes_before_an_old_one_that_is_late, setup, teardown),
        cmocka_unit_test_setup_teardown(one_under_way_is_not_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(ending_completes_everything_once, setup, teardown),
        cmocka_unit_test_setup_teardown(
            stopping_leaves_the_worker_what_it_has_and_gives_it_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(what_waits_when_stopping_is_told_by_the_tick, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_write_under_way_is_told_when_stopping, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_taken_and_never_answered_counts_as_sent, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_mailbox_is_bounded_and_a_completion_makes_room,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(counts_that_no_answer_can_carry_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_job_gets_its_own_answer_from_another_thread,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
