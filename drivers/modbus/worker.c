/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "firmware/base/cleanup.h"

/* Longest sleep: a resync that the loop asks for waits no longer than this. */
#define SLEEP_MAX_MS 1000

/* Enough for looking up a host name, which takes most. */
#define STACK_BYTES (256 * 1024)

struct gw_modbus_worker {
    pthread_t thread;
    bool is_started;
    int stop_fd;  /* readable = stop */
    int ended_fd; /* readable = it uses nothing any more */
    struct gw_poller *poller;
    struct gw_modbus_jobs *jobs; /* NULL = none */
    const struct gw_clock *clock;
};

GW_DEFINE_CLEANUP(struct gw_modbus_worker *, gw_modbus_worker_stop, stopp)

/* Until then, or until there is a job. True if told to stop meanwhile. */
static bool sleep_until(const struct gw_modbus_worker *worker, int64_t due_mono_ms) {
    int64_t left_ms = due_mono_ms - gw_clock_mono_ms(worker->clock);
    left_ms = left_ms < 0 ? 0 : left_ms > SLEEP_MAX_MS ? SLEEP_MAX_MS : left_ms;
    /* poll(2) passes over a negative descriptor. */
    struct pollfd bells[] = {
        {.fd = worker->stop_fd, .events = POLLIN},
        {.fd = worker->jobs ? gw_modbus_jobs_work_fd(worker->jobs) : -1, .events = POLLIN}};
    return poll(bells, GW_ARRAY_LEN(bells), (int) left_ms) > 0 && bells[0].revents != 0;
}

static bool is_stopped(const struct gw_modbus_worker *worker) {
    struct pollfd stop = {.fd = worker->stop_fd, .events = POLLIN};
    return poll(&stop, 1, 0) > 0;
}

/* One at most: jobs and polls take turns. */
static void execute_job(struct gw_modbus_worker *worker) {
    struct gw_modbus_job job;
    struct gw_modbus_answer answer;
    if (worker->jobs && gw_modbus_jobs_take(worker->jobs, &job)) {
        gw_poller_execute(worker->poller, &job, &answer);
        gw_modbus_jobs_finish(worker->jobs, &answer);
    }
}

static void *run(void *argument) {
    struct gw_modbus_worker *worker = argument;
    int64_t due_mono_ms = 0;
    while (!sleep_until(worker, due_mono_ms)) {
        execute_job(worker);
        if (is_stopped(worker)) {
            break; /* the job may have been a write for which the wire was left alone */
        }
        due_mono_ms = gw_poller_step(worker->poller);
    }
    (void) !eventfd_write(worker->ended_fd, 1);
    return NULL;
}

/* Signals are the loop thread's. */
static int start_thread(struct gw_modbus_worker *worker) {
    sigset_t all, before;
    pthread_attr_t attributes;
    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_attr_init(&attributes);
    if (!failed) {
        failed = pthread_attr_setstacksize(&attributes, STACK_BYTES);
        failed = failed ? failed : pthread_create(&worker->thread, &attributes, run, worker);
        (void) pthread_attr_destroy(&attributes);
    }
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

enum gw_err gw_modbus_worker_start(struct gw_poller *poller, struct gw_modbus_jobs *jobs,
                                   const struct gw_clock *clock,
                                   struct gw_modbus_worker **ret_worker) {
    GW_CLEANUP(stopp) struct gw_modbus_worker *worker = calloc(1, sizeof *worker);
    if (!worker) {
        return GW_ERR_NOMEM;
    }
    worker->poller = poller;
    worker->jobs = jobs;
    worker->clock = clock;
    worker->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    worker->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->stop_fd < 0 || worker->ended_fd < 0) {
        return GW_ERR_IO;
    }
    if (start_thread(worker)) {
        return GW_ERR_NOMEM;
    }
    worker->is_started = true;
    *ret_worker = GW_TAKE(worker);
    return GW_OK;
}

void gw_modbus_worker_signal(struct gw_modbus_worker *worker) {
    if (worker) {
        (void) !eventfd_write(worker->stop_fd, 1);
    }
}

int gw_modbus_worker_ended_fd(const struct gw_modbus_worker *worker) {
    return worker->ended_fd;
}

bool gw_modbus_worker_wait(struct gw_modbus_worker *worker, int64_t wait_ms) {
    if (!worker || !worker->is_started) {
        return true;
    }
    int64_t end_mono_ms = gw_clock_mono_ms(worker->clock) + wait_ms;
    for (;;) {
        int64_t left_ms = end_mono_ms - gw_clock_mono_ms(worker->clock);
        left_ms = left_ms < 0 ? 0 : left_ms > wait_ms ? wait_ms : left_ms;
        struct pollfd ended = {.fd = worker->ended_fd, .events = POLLIN};
        int ready = poll(&ended, 1, (int) left_ms);
        if (ready >= 0 || errno != EINTR) {
            return ready > 0;
        }
    }
}

void gw_modbus_worker_stop(struct gw_modbus_worker *worker) {
    if (!worker) {
        return;
    }
    if (worker->is_started) {
        gw_modbus_worker_signal(worker);
        (void) pthread_join(worker->thread, NULL);
    }
    gw_closep(&worker->stop_fd);
    gw_closep(&worker->ended_fd);
    free(worker);
}
