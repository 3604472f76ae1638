/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests on demand: from the loop to a bus's worker and back.
 *
 * The mailbox has a few places. The loop posts a job; the worker takes the oldest
 * one between two polls, executes it (poller.h) and hands its answer back; the
 * completion runs on the loop thread. Each job is completed exactly once:
 *
 *   with its answer      the worker executed it, whatever came of it
 *   with TIMEOUT         its deadline passed while it waited; nothing was sent. A write
 *                        that was taken may still be answered so: connecting, or making
 *                        the line ready, took too long (execute.h)
 *   with NOCONN          the bus was told to stop while it waited; nothing was sent
 *
 * (`_stop` decides for each job at one moment whether the worker has it or never gets it.)
 *
 * A job the worker has taken is never given up: what it did is told when it is known,
 * which the transport's time-outs bound. So "nothing was sent" is a fact, on which safe
 * writes (write.h) rest.
 *
 * Threads: _take, _finish and _work_fd are the worker's; all others the loop's. The lock
 * is held for copies only.
 */
#ifndef GW_MODBUS_JOB_H
#define GW_MODBUS_JOB_H

#include "drivers/modbus/transport.h"
#include "firmware/base/loop.h"

#define GW_MODBUS_JOBS_MAX 8
/* Registers or bits of one job. */
#define GW_MODBUS_JOB_WORDS 125

struct gw_modbus_job {
    struct gw_modbus_request request; /* count: 1 to GW_MODBUS_JOB_WORDS */
    bool is_write;
    bool is_multiple;                    /* of a write: FC 15 or 16 even for one */
    bool reads_back;                     /* of a write: read the same place afterwards */
    bool asks_dead_units;                /* else a unit that is known to be down is not asked */
    int64_t deadline_mono_ms;            /* of its post, set by _take; 0 = none */
    uint16_t words[GW_MODBUS_JOB_WORDS]; /* of a write */
};

struct gw_modbus_answer {
    enum gw_err err; /* of the write, or of the read; as the transport says */
    unsigned exception;
    bool was_sent;        /* false: nothing of it can have reached the unit; err of a write:
                           * TIMEOUT its deadline passed, CORRUPT the line could not be made
                           * ready, NOCONN, INVALID */
    bool is_known_down;   /* not asked: the unit does not answer polls */
    enum gw_err read_err; /* of the read-back */
    unsigned read_exception;
    uint16_t words[GW_MODBUS_JOB_WORDS]; /* what was read, unless the read failed */
    struct gw_modbus_wrong wrong; /* what came instead, of the read or the write itself */
    int64_t took_ms;
};

/* On the loop thread; may post again. */
typedef void gw_modbus_job_done(void *context, uint64_t token,
                                const struct gw_modbus_answer *answer);

struct gw_modbus_jobs;

/* An empty mailbox whose answers are told from `loop`; both must outlive it. NOMEM,
 * IO, FULL (loop). */
enum gw_err gw_modbus_jobs_open(struct gw_loop *loop, const struct gw_clock *clock,
                                struct gw_modbus_jobs **ret_jobs);
/* _end, then free. NULL is allowed. */
void gw_modbus_jobs_close(struct gw_modbus_jobs *jobs);

/* Copy `job`. `done` is called later, exactly once, also if its deadline has passed
 * already. BUSY (no place left), NOCONN (stopped), RANGE (count). */
enum gw_err gw_modbus_jobs_post(struct gw_modbus_jobs *jobs, const struct gw_modbus_job *job,
                                int64_t deadline_mono_ms, gw_modbus_job_done *done,
                                void *context, uint64_t token);
/* When _tick wants to run next. */
int64_t gw_modbus_jobs_next_mono_ms(struct gw_modbus_jobs *jobs);
/* Complete what was answered, what waited too long and, once stopped, all that waited. */
void gw_modbus_jobs_tick(struct gw_modbus_jobs *jobs);
/* Take no more from anybody, nor give any to the worker; _tick completes what waits. True if a
 * write is under way: the wire must not be cut before the worker has ended by itself. NULL is
 * allowed. */
bool gw_modbus_jobs_stop(struct gw_modbus_jobs *jobs);
/* The worker is gone: complete everything and take no more. NULL is allowed. */
void gw_modbus_jobs_end(struct gw_modbus_jobs *jobs);

/* Worker: readable when there is a job. */
int gw_modbus_jobs_work_fd(const struct gw_modbus_jobs *jobs);
/* The oldest job whose deadline has not passed; false if there is none. It must be
 * finished before the next is taken. */
bool gw_modbus_jobs_take(struct gw_modbus_jobs *jobs, struct gw_modbus_job *ret_job);
/* The answer of the job that was taken. */
void gw_modbus_jobs_finish(struct gw_modbus_jobs *jobs, const struct gw_modbus_answer *answer);

#endif
