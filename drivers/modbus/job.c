/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/job.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "firmware/base/cleanup.h"

enum state { FREE, WAITING, TAKEN, ANSWERED };

struct place {
    enum state state;
    uint64_t number; /* of its post: the oldest goes first */
    int64_t deadline_mono_ms;
    gw_modbus_job_done *done;
    void *context;
    uint64_t token;
    struct gw_modbus_job job;
    struct gw_modbus_answer answer;
};

struct gw_modbus_jobs {
    pthread_mutex_t lock;
    struct place places[GW_MODBUS_JOBS_MAX]; /* under the lock */
    uint64_t posted;
    bool is_stopped;
    int work_fd, done_fd;
    struct gw_loop *loop;
    const struct gw_clock *clock;
};

GW_DEFINE_CLEANUP(struct gw_modbus_jobs *, gw_modbus_jobs_close, closep)

static void unlockp(pthread_mutex_t **lock) {
    (void) pthread_mutex_unlock(*lock);
}

/* Until the end of the scope. */
#define LOCK(jobs)                                                                             \
    (void) pthread_mutex_lock(&(jobs)->lock);                                                  \
    GW_CLEANUP(unlockp)                                                                        \
    pthread_mutex_t *held_ __attribute__((unused)) = &(jobs)->lock

static void ring(int fd) {
    /* EAGAIN: the counter is at its maximum, so the descriptor is readable. */
    (void) !eventfd_write(fd, 1);
}

static void drain(int fd) {
    eventfd_t count = 0;
    (void) !eventfd_read(fd, &count);
}

#define WHATEVER_DEADLINE INT64_MIN

/* Under the lock: the oldest place in `state` whose deadline is later than that, NULL if
 * there is none. */
static struct place *oldest(struct gw_modbus_jobs *jobs, enum state state,
                            int64_t after_mono_ms) {
    struct place *found = NULL;
    for (size_t i = 0; i < GW_MODBUS_JOBS_MAX; i++) {
        struct place *place = &jobs->places[i];
        if (place->state == state && place->deadline_mono_ms > after_mono_ms
            && (!found || place->number < found->number)) {
            found = place;
        }
    }
    return found;
}

/* ---- worker ---- */

int gw_modbus_jobs_work_fd(const struct gw_modbus_jobs *jobs) {
    return jobs->work_fd;
}

bool gw_modbus_jobs_take(struct gw_modbus_jobs *jobs, struct gw_modbus_job *ret_job) {
    int64_t now_mono_ms = gw_clock_mono_ms(jobs->clock);
    drain(jobs->work_fd);
    LOCK(jobs);
    struct place *next = jobs->is_stopped ? NULL : oldest(jobs, WAITING, now_mono_ms);
    if (!next) {
        return false;
    }
    next->state = TAKEN;
    *ret_job = next->job;
    ret_job->deadline_mono_ms = next->deadline_mono_ms;
    if (oldest(jobs, WAITING, now_mono_ms)) {
        ring(jobs->work_fd);
    }
    return true;
}

void gw_modbus_jobs_finish(struct gw_modbus_jobs *jobs, const struct gw_modbus_answer *answer) {
    LOCK(jobs);
    struct place *place = oldest(jobs, TAKEN, WHATEVER_DEADLINE);
    if (place) {
        place->answer = *answer;
        place->state = ANSWERED;
        ring(jobs->done_fd);
    }
}

/* ---- loop ---- */

enum gw_err gw_modbus_jobs_post(struct gw_modbus_jobs *jobs, const struct gw_modbus_job *job,
                                int64_t deadline_mono_ms, gw_modbus_job_done *done,
                                void *context, uint64_t token) {
    if (job->request.count == 0 || job->request.count > GW_MODBUS_JOB_WORDS) {
        return GW_ERR_RANGE;
    }
    LOCK(jobs);
    if (jobs->is_stopped) {
        return GW_ERR_NOCONN;
    }
    struct place *place = oldest(jobs, FREE, WHATEVER_DEADLINE);
    if (!place) {
        return GW_ERR_BUSY;
    }
    *place = (struct place){.state = WAITING,
                            .number = ++jobs->posted,
                            .deadline_mono_ms = deadline_mono_ms,
                            .done = done,
                            .context = context,
                            .token = token,
                            .job = *job};
    ring(jobs->work_fd);
    return GW_OK;
}

int64_t gw_modbus_jobs_next_mono_ms(struct gw_modbus_jobs *jobs) {
    LOCK(jobs);
    int64_t next_mono_ms = GW_NEVER_MS;
    for (size_t i = 0; i < GW_MODBUS_JOBS_MAX; i++) {
        const struct place *place = &jobs->places[i];
        int64_t due_mono_ms = jobs->is_stopped ? 0 : place->deadline_mono_ms;
        if (place->state == WAITING && due_mono_ms < next_mono_ms) {
            next_mono_ms = due_mono_ms;
        }
    }
    return next_mono_ms;
}

/* What can be told of a place nobody answered; false if it must wait. A worker answers
 * what it has taken before it ends: should one not have, nobody knows what was sent. */
static bool give_up(const struct gw_modbus_jobs *jobs, struct place *place, bool is_worker_gone,
                    int64_t now_mono_ms) {
    bool is_late = place->state == WAITING && place->deadline_mono_ms <= now_mono_ms;
    bool is_left =
        place->state == WAITING ? jobs->is_stopped : is_worker_gone && place->state == TAKEN;
    if (!is_late && !is_left) {
        return false;
    }
    place->answer = (struct gw_modbus_answer){.err = is_late ? GW_ERR_TIMEOUT : GW_ERR_NOCONN,
                                              .was_sent = place->state == TAKEN,
                                              .read_err = GW_ERR_NOCONN};
    return true;
}

/* Free a place that can be completed now; false if there is none. */
static bool release(struct gw_modbus_jobs *jobs, bool is_worker_gone, struct place *ret_place) {
    int64_t now_mono_ms = gw_clock_mono_ms(jobs->clock);
    LOCK(jobs);
    struct place *place = oldest(jobs, ANSWERED, WHATEVER_DEADLINE);
    for (size_t i = 0; i < GW_MODBUS_JOBS_MAX && !place; i++) {
        if (give_up(jobs, &jobs->places[i], is_worker_gone, now_mono_ms)) {
            place = &jobs->places[i];
        }
    }
    if (!place) {
        return false;
    }
    *ret_place = *place;
    place->state = FREE;
    return true;
}

static void complete(struct gw_modbus_jobs *jobs, bool is_worker_gone) {
    struct place place;
    while (release(jobs, is_worker_gone, &place)) {
        place.done(place.context, place.token, &place.answer);
    }
}

void gw_modbus_jobs_tick(struct gw_modbus_jobs *jobs) {
    complete(jobs, false);
}

static void on_done(void *context, int fd, unsigned events) {
    (void) events;
    drain(fd);
    complete(context, false);
}

/* ---- life ---- */

enum gw_err gw_modbus_jobs_open(struct gw_loop *loop, const struct gw_clock *clock,
                                struct gw_modbus_jobs **ret_jobs) {
    GW_CLEANUP(closep) struct gw_modbus_jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs) {
        return GW_ERR_NOMEM;
    }
    (void) pthread_mutex_init(&jobs->lock, NULL);
    jobs->clock = clock;
    jobs->work_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    jobs->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (jobs->work_fd < 0 || jobs->done_fd < 0) {
        return GW_ERR_IO;
    }
    enum gw_err err = gw_loop_watch(loop, jobs->done_fd, GW_LOOP_READ, on_done, jobs);
    if (err) {
        return err;
    }
    jobs->loop = loop;
    *ret_jobs = GW_TAKE(jobs);
    return GW_OK;
}

bool gw_modbus_jobs_stop(struct gw_modbus_jobs *jobs) {
    if (!jobs) {
        return false;
    }
    LOCK(jobs);
    jobs->is_stopped = true;
    const struct place *taken = oldest(jobs, TAKEN, WHATEVER_DEADLINE);
    return taken && taken->job.is_write;
}

void gw_modbus_jobs_end(struct gw_modbus_jobs *jobs) {
    if (jobs) {
        (void) gw_modbus_jobs_stop(jobs);
        complete(jobs, true);
    }
}

void gw_modbus_jobs_close(struct gw_modbus_jobs *jobs) {
    if (!jobs) {
        return;
    }
    gw_modbus_jobs_end(jobs);
    if (jobs->loop) {
        gw_loop_unwatch(jobs->loop, jobs->done_fd);
    }
    gw_closep(&jobs->work_fd);
    gw_closep(&jobs->done_fd);
    (void) pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}
