/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the poller. poller.c decides what is next and holds the connection;
 * poller_block.c reads a block and draws the conclusions; poller_unit.c keeps what is
 * known of units and what may be spent on dead ones; poller_probe.c says how long a probe
 * waits; poller_report.c hands readings over; poller_job.c executes requests on demand.
 */
#ifndef GW_MODBUS_POLLER_INTERNAL_H
#define GW_MODBUS_POLLER_INTERNAL_H

#include "drivers/modbus/change.h"
#include "drivers/modbus/hunt.h"
#include "drivers/modbus/lateness.h"
#include "drivers/modbus/poller.h"
#include "firmware/policy/backoff.h"

/* One lost frame is weather, two in a row are a fault. */
#define POLLER_FAILURES_TO_DOWN 2
/* So many answers in a row that say "not now" are a fault. */
#define POLLER_BUSY_TO_BAD 5
/* Wire words that are compared before anything is decoded. */
#define POLLER_RAW_WORDS 4

struct poller_block {
    struct gw_modbus_block plan;
    int64_t due_mono_ms;   /* by its period */
    int64_t fresh_mono_ms; /* one of its points has been silent long enough then */
    int64_t retry_mono_ms; /* not before, after failures of its own */
    uint32_t backoff_ms;
    unsigned silences; /* requests in a row without an answer that fits */
    unsigned busy;     /* answers in a row that it is busy, or cannot be reached */
    unsigned fault;    /* the exception by which the device says it is ill, 0 = none */
    bool has_phase;
    bool is_doubted; /* silent as a whole: a point of it is asked alone */
};

struct poller_unit {
    struct gw_modbus_unit_condition condition;
    bool has_answered; /* ever */
    bool is_probed;    /* down by its own fault: what it costs is limited */
    unsigned silences; /* in a row */
    unsigned busy;     /* in a row: behind a gateway that cannot reach it */
    unsigned score;    /* rises fast by failures, falls slowly by answers */
    uint32_t backoff_ms;
    int64_t retry_mono_ms; /* not before; 0 = whenever */
    int64_t slowest_ms;    /* of its answers of late */
    int64_t whole_mono_ms; /* a probe waits for the whole time-out then */
    struct gw_lateness lateness;
};

struct poller_point {
    struct gw_change change;
    unsigned exception;
    bool is_awaited; /* its next reading is reported, whatever it is */
    bool has_raw;
    uint16_t raw[POLLER_RAW_WORDS]; /* what was on the wire when it was last decoded */
};

struct gw_poller {
    struct gw_poller_options options;
    size_t *order;
    struct poller_block *blocks;
    size_t block_count;
    struct poller_unit *units;
    size_t unit_count;
    int16_t unit_index[256]; /* -1 = no point of it is read */
    struct poller_point *points;
    /* what is not to be read */
    struct gw_modbus_holes holes;
    struct gw_modbus_hunt hunt;
    size_t hunted;         /* the block, while hunt.depth > 0 */
    bool hunts_in_silence; /* for what is not answered instead of what is refused */
    bool checks_unit;      /* a part was silent: next a range that is known to answer */
    struct gw_modbus_block known_good;
    bool has_forgotten;                  /* a hole, since the hunt began */
    struct gw_modbus_holes holes_before; /* a hunt in silence, which may teach nothing */
    bool must_plan;
    struct gw_modbus_block *plan; /* room for a plan */
    int64_t *point_due_mono_ms;   /* room for the due times while it is made */
    /* the connection */
    struct gw_modbus_bus_condition bus;
    bool is_reopening;     /* we closed it ourselves after a late or wrong answer */
    unsigned bus_failures; /* in a row */
    unsigned reopenings;   /* refused in a row */
    uint32_t bus_backoff_ms;
    int64_t bus_retry_mono_ms;
    /* what is spent */
    int64_t probe_free_mono_ms;            /* no probe of a dead unit before */
    int64_t probe_cost_ms;                 /* what the last one took */
    int64_t slowest_ms, slowest_before_ms; /* answers of this minute, and of the one before */
    int64_t slowest_until_mono_ms;
    int64_t busy_ms, dead_ms; /* since window_mono_ms */
    int64_t window_mono_ms, figures_mono_ms;
    int64_t held_mono_ms; /* when the first held reading may be reported */
    uint16_t words[GW_MODBUS_MAX_BITS];
};

static inline int64_t poller_now(const struct gw_poller *poller) {
    return gw_clock_mono_ms(poller->options.clock);
}

static inline struct poller_unit *poller_unit_of(struct gw_poller *poller,
                                                 const struct poller_block *block) {
    return &poller->units[poller->unit_index[block->plan.unit_id]];
}

/* Whether the block is known not to answer, and its time comes out of the share of those. */
static inline bool poller_is_probe(struct gw_poller *poller, const struct poller_block *block) {
    return poller_unit_of(poller, block)->is_probed
           || block->silences >= POLLER_FAILURES_TO_DOWN || block->busy >= POLLER_BUSY_TO_BAD;
}

/* The next delay, also kept in *backoff_ms. */
int64_t poller_delay(const struct gw_backoff_limits *limits, uint32_t *backoff_ms);

/* ---- poller.c ---- */

/* Try to connect; the time of the next attempt is kept if it fails. An attempt before its
 * time, for somebody who asks on demand, says nothing about the bus if it fails. */
void poller_connect(struct gw_poller *poller);
/* After TIMEOUT or CORRUPT: the transport recovers. After NOCONN: the connection is
 * gone, which is no news if a probe of a dead unit did it. */
void poller_recover(struct gw_poller *poller, enum gw_err err, bool was_probe);
/* The connection is gone, or cannot be had: the next attempt waits. */
void poller_bus_failed(struct gw_poller *poller);
/* Its condition to the loop. */
void poller_publish_bus(struct gw_poller *poller);

/* ---- poller_block.c ---- */

/* Plan all blocks by what is known of holes; due times are kept. */
void poller_plan(struct gw_poller *poller);
/* Read one block, or what the hunt wants of it. */
void poller_read_block(struct gw_poller *poller, struct poller_block *block);

/* ---- poller_unit.c ---- */

/* One entry for each unit of the points. NOMEM. */
enum gw_err poller_list_units(struct gw_poller *poller);
/* Its condition to the loop. */
void poller_publish_unit(struct gw_poller *poller, struct poller_unit *unit);
/* It answered, if only by an exception. */
void poller_unit_answered(struct gw_poller *poller, struct poller_unit *unit);
/* No answer that fits, after so long; `counts` unless the block alone is to blame. */
void poller_unit_silent(struct gw_poller *poller, struct poller_unit *unit, enum gw_err err,
                        bool counts);
/* Exception 10 or 11: a gateway cannot reach it. */
void poller_unit_out_of_reach(struct gw_poller *poller, struct poller_unit *unit,
                              unsigned exception);
/* When whoever said "not now" is asked again. */
int64_t poller_busy_delay(uint32_t *backoff_ms);
/* So much of the bus time went to somebody who does not answer. */
void poller_charge(struct gw_poller *poller, int64_t cost_ms);
/* Nobody on this bus can be reached. */
void poller_bus_down(struct gw_poller *poller);
/* Which exception the blocks of the unit report as their device's fault. */
void poller_gather_faults(struct gw_poller *poller, struct poller_unit *unit);
/* Once a second: lateness of each unit, load of the bus. */
void poller_tell_figures(struct gw_poller *poller);

/* ---- poller_probe.c ---- */

/* The time-out of the next probe of the unit, 0 = that of the bus. */
uint32_t poller_probe_timeout(const struct gw_poller *poller, const struct poller_unit *unit);
/* What the next probe of the unit, or of a block of it, may cost. */
int64_t poller_probe_cost(const struct gw_poller *poller, const struct poller_unit *unit);
/* One was given the whole time-out, or something else was. */
void poller_note_whole_wait(struct gw_poller *poller, struct poller_unit *unit);
/* An answer, an exception maybe, took so long. */
void poller_learn_pace(struct gw_poller *poller, struct poller_unit *unit, int64_t took_ms);
/* ---- poller_report.c ---- */

/* What poller->words hold of the block's points; when one of them must be read afresh. */
int64_t poller_take_words(struct gw_poller *poller, const struct gw_modbus_block *plan);
void poller_report_bad(struct gw_poller *poller, size_t point);
void poller_report_block_bad(struct gw_poller *poller, const struct gw_modbus_block *plan);
void poller_report_unit_bad(struct gw_poller *poller, uint8_t unit_id);
/* Of a block that should have been read by now: points that have been silent for
 * max_silence_ms are bad. When the next of the others will be, GW_NEVER_MS if none; the
 * block wants to be read then. */
int64_t poller_report_overdue(struct gw_poller *poller, struct poller_block *block);
void poller_set_exception(struct gw_poller *poller, size_t point, unsigned exception);
/* Report what was held long enough. */
void poller_release_held(struct gw_poller *poller);
/* The next reading of each point of the unit is reported, also if it is what it was; -1 = of
 * all units. That a point is bad is no reading: who has heard it is not told again. */
void poller_await(struct gw_poller *poller, int unit_id);
/* What was reported got lost: the next word on each point is reported, good or bad. */
void poller_forget(struct gw_poller *poller);

#endif
