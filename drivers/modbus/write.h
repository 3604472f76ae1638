/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Safe writes: commands that change something in a PLC, each at most once.
 *
 * Only what a bus's `writes` list allows is ever written. Steps of a command, each of
 * which may be the last one before the power fails:
 *
 *   check      form, id, allow-list, value, expiry, rate
 *   intent     committed: the command, with an entry of the audit chain
 *   write      once, on the wire, only after that commit
 *   read back  what the place shows now
 *   result     committed: the outcome, with one command.result event and an entry of the
 *              audit chain
 *
 * Why no command is written twice. Nothing is sent before its intent is durable, and an
 * intent that is found in the store is never sent: not by this process, which looks each id
 * up before it takes it, and not by the next one, which closes it as `interrupted` with
 * what the place shows then. A power cut between intent and write costs the write; one
 * between write and result costs the certainty, which `interrupted` says. The same id
 * again is answered with the stored result; with another bus, place or value it is a
 * conflict.
 *
 * How long an id is known: until GW_MODBUS_WRITES_KEPT newer ones were taken. No command
 * may wait longer than GW_MODBUS_VALID_MAX_MS, and not more than GW_MODBUS_WRITES_PER_MINUTE
 * are taken, so that an id is known for longer than its `expires` lets it live. A store that
 * had to be set aside has forgotten them; then `expires` alone protects.
 *
 * A stop, or a reload that changes the bus, lets a write under way end for
 * GW_MODBUS_STOP_WAIT_MS (bus.h); what is not over then is `unknown` and never repeated.
 *
 * What a restart remembers. The records say when each place was written last and how that
 * ended: min_interval_ms holds across a restart, and a place whose newest outcome is
 * uncertain is an issue again, until a write of it is done. Where nobody vouches for the
 * clock, the last write before a restart counts as one at the restart.
 *
 * Expiry. `valid_ms` counts from when the command is taken here. `expires` is wall time
 * and needs a clock that somebody vouches for: where nobody does, such a command is turned
 * away and may be sent again with `valid_ms`.
 *
 * A command is *taken* (it gets a result, an event and an entry in the audit chain) or
 * *turned away* with an error and without a trace: wrong form, conflict, too fast, too many
 * at once, the bus is being reopened, the store is full. Turned away means: nothing was and
 * will be written for it.
 *
 * Loop thread only.
 */
#ifndef GW_MODBUS_WRITE_H
#define GW_MODBUS_WRITE_H

#include "drivers/modbus/write_log.h"
#include "firmware/health/health.h"

/* Commands between intent and stored result. */
#define GW_MODBUS_WRITES_AT_ONCE 8
#define GW_MODBUS_WRITES_PER_MINUTE 60
#define GW_MODBUS_VALID_MAX_MS 3600000

struct gw_modbus_command {
    struct gw_str id;   /* 1 to 64 of A-Z a-z 0-9 . _ : - ; a UUID for example */
    struct gw_str bus;  /* name */
    struct gw_str name; /* of the entry in `writes`; empty: the place counts */
    bool has_place;     /* unit, area and address are given */
    uint8_t unit_id;
    enum gw_modbus_area area;
    uint16_t address;        /* wire address */
    struct gw_str value;     /* decimal text, as after scaling */
    int64_t expires_wall_ms; /* 0 = not given; exactly one of the two */
    int64_t valid_ms;
    struct gw_str actor; /* who asks: "gwctl:root", "page:anna" */
    struct gw_str via;   /* socket it came in by: "control", "status", "link" */
};

/* Of a command that was taken. */
struct gw_modbus_write_result {
    enum gw_modbus_outcome outcome;
    struct gw_str data; /* of its command.result event, during the call */
    bool is_repeated;   /* taken and answered before: nothing was done now */
    bool is_stored;     /* false: the store cannot be written; tried again each second */
};
/* Called once; `result` and its views live during the call. May submit again. */
typedef void gw_modbus_write_done(void *context, uint64_t token,
                                  const struct gw_modbus_write_result *result);

/* Who does it, for the audit chain. */
struct gw_modbus_write_audit {
    struct gw_str actor, target, outcome, detail;
};

struct gw_modbus_writes_options {
    struct gw_intake intake; /* for reading the state table */
    /* Make `unit` durable now, with an entry of the audit chain. OK means it is;
     * everything else that it is not. */
    enum gw_err (*commit)(void *context, const struct gw_modbus_write_audit *audit,
                          struct gw_unit *unit);
    /* Whether the bus of that name takes jobs now. NULL: always. */
    bool (*takes_jobs)(void *context, const char *bus);
    /* gw_modbus_jobs_post of the bus of that name; `done` gets the gw_modbus_writes as its
     * context. NOCONN: it takes none now. */
    enum gw_err (*post)(void *context, const char *bus, const struct gw_modbus_job *job,
                        int64_t deadline_mono_ms, gw_modbus_job_done *done, uint64_t token);
    void *context;
    const struct gw_clock *clock;
    struct gw_health *health;
};

struct gw_modbus_writes;

/* On hold: see _set_buses. Intents of a former process are closed from _tick. NOMEM;
 * IO if the table cannot be read. What lies behind a damaged record is not remembered. */
enum gw_err gw_modbus_writes_open(const struct gw_modbus_writes_options *options,
                                  struct gw_modbus_writes **ret_writes);
/* Free. What is under way stays an intent, and is `interrupted` at the next start: end the
 * buses before, which completes their jobs. NULL is allowed. */
void gw_modbus_writes_close(struct gw_modbus_writes *writes);
/* The buses are open, and this is what may be written from now on (the first time, places
 * of it that a former process left uncertain become issues); the array must live
 * until the next call or _hold. What is under way is not touched: it is judged by the entry
 * it was taken under. A bus that takes no jobs for a while turns its commands away. */
void gw_modbus_writes_set_buses(struct gw_modbus_writes *writes,
                                const struct gw_config_bus *buses, size_t count);
/* The buses are closed, their jobs completed: commands are turned away, intents wait. So it
 * begins. */
void gw_modbus_writes_hold(struct gw_modbus_writes *writes);

/* Take a command. OK: taken, `done` was or will be called once (unless the writes are
 * closed before). Else it is turned away, with a sentence appended to `reason`: SCHEMA,
 * RANGE (form), DUPLICATE (conflict), BUSY (too fast, too many, or still under way), DENIED
 * (`expires` without a clock), FULL, IO (intent not stored). */
enum gw_err gw_modbus_writes_submit(struct gw_modbus_writes *writes,
                                    const struct gw_modbus_command *command,
                                    gw_modbus_write_done *done, void *context, uint64_t token,
                                    struct gw_buf *reason);

/* When _tick wants to run next. */
int64_t gw_modbus_writes_next_mono_ms(const struct gw_modbus_writes *writes);
/* Close intents of a former process, store results that could not be stored. */
void gw_modbus_writes_tick(struct gw_modbus_writes *writes);

#endif
