/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intake: the one interface by which sources submit.
 *
 * A source hands over a *unit*: events, changes of the source's own durable
 * state, bytes it could not decode, and a completion. Everything in a unit
 * becomes durable in one commit or not at all; so packet ids, windows, write
 * intents and cursors are exactly as durable as the events they belong to.
 *
 * Crash order: submit copies the unit into the open commit group; the
 * completion runs after the commit that holds it (err == GW_OK) or after the
 * group failed (err != GW_OK, nothing of the unit is stored). Only then may
 * the source tell its device. A source must never acknowledge earlier.
 *
 * Threads: loop thread only, like everything that holds state.
 */
#ifndef GW_INTAKE_INTAKE_H
#define GW_INTAKE_INTAKE_H

#include "firmware/event/event.h"

/* A put (value given) or delete (value.ptr NULL) in the source's own table. */
struct gw_state_change {
    struct gw_bytes key;   /* 1..255 bytes */
    struct gw_bytes value; /* at most 4,096 bytes; ptr NULL deletes the key */
};

/* Bytes that could not be decoded; kept with their reason for a technician. */
struct gw_quarantine_entry {
    struct gw_str reason; /* "invalid JSON: ..." names what was found */
    struct gw_str topic;  /* MQTT topic, bus or port it came in by */
    struct gw_str device; /* empty if unknown */
    struct gw_bytes raw;  /* cut at 65,536 bytes, original length kept */
    size_t raw_len;       /* original length */
    int64_t time_wall_ms;
    struct gw_bytes origin; /* as in the event draft */
};

/* Called once per submitted unit, in submit order, from the loop thread.
 * `context` and `token` are the unit's. It may submit again, but must not close
 * anything that is being committed. */
typedef void gw_unit_completed(void *context, uint64_t token, enum gw_err err);

struct gw_unit {
    struct gw_str state_table; /* the source's named table; empty = no changes */
    const struct gw_event_draft *events;
    size_t event_count;
    const struct gw_state_change *changes;
    size_t change_count;
    /* Changes of a second table, another one than the first; empty = none. For what must
     * be durable together with an entry of the audit chain. */
    struct gw_str second_table;
    const struct gw_state_change *second_changes;
    size_t second_change_count;
    const struct gw_quarantine_entry *quarantine;
    size_t quarantine_count;
    gw_unit_completed *completed; /* may be NULL */
    void *context;
    uint64_t token;
    /* Set for a unit that must not wait for its class's deadline (control
     * requests, start-up facts). */
    bool urgent;
};

/* Called for each stored record of the tail, in the order in which they were
 * recorded (queue_tail.c: how exact that is); see `tail`. Of a quarantined entry
 * `class` is GW_CLASS_COUNT and `sequence` its number. */
typedef void gw_intake_tail(void *context, struct gw_bytes origin, enum gw_flow_class class,
                            uint64_t sequence);

/* False ends the walk. */
typedef bool gw_intake_state(void *context, struct gw_bytes key, struct gw_bytes value);

/* The seam. Production: gw_queue_intake(). Tests: tests/fakes/fake_intake.h. */
struct gw_intake {
    /* Copy `unit` into the open group. On any error the unit is not taken, no
     * completion will come and the source keeps what it has:
     *   FULL     no room for this class now: withhold the acknowledgement
     *   RANGE, SCHEMA, PARSE  the unit itself is wrong: quarantine the bytes
     *   DENIED   the source's state table is over its quota
     *   IO, CORRUPT  the store failed; an issue is already raised */
    enum gw_err (*submit)(void *self, const struct gw_unit *unit);
    /* Read the value of `key` in `table` as of the last commit, appended to
     * `buf`. NOENT, FULL, IO. */
    enum gw_err (*state_get)(void *self, struct gw_str table, struct gw_bytes key,
                             struct gw_buf *buf);
    /* All entries of `table` as of the last commit, by key; none if there is no such
     * table. CORRUPT (at the first damaged one), IO. */
    enum gw_err (*state_each)(void *self, struct gw_str table, gw_intake_state *each,
                              void *context);
    /* Origins, where they start with `prefix`, among the newest `count` records of
     * each class and the newest `count` quarantined entries (start-up: rebuild the
     * window of redeliveries). IO, CORRUPT. */
    enum gw_err (*tail)(void *self, struct gw_bytes prefix, size_t count, gw_intake_tail *each,
                        void *context);
    void *self;
};

static inline enum gw_err gw_intake_submit(const struct gw_intake *intake,
                                           const struct gw_unit *unit) {
    return intake->submit(intake->self, unit);
}

#endif
