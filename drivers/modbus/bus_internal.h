/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside a bus. bus.c opens, ends and shows it; bus_submit.c makes events of readings;
 * bus_condition.c makes issues of conditions; bus_holes.c keeps what was learned.
 */
#ifndef GW_MODBUS_BUS_INTERNAL_H
#define GW_MODBUS_BUS_INTERNAL_H

#include "drivers/modbus/bus.h"
#include "drivers/modbus/pending.h"
#include "drivers/modbus/scales.h"
#include "drivers/modbus/worker.h"
#include "firmware/base/arena.h"

/* Readings on their way from the worker, and as many taken from there that are in no
 * commit yet while the bus runs: four of each point, but not fewer than this and not
 * more than that. */
#define BUS_READINGS_MIN 64
#define BUS_READINGS_MAX 1024
#define BUS_RETRY_MS 200
/* Readings taken before the loop gets its turn again. */
#define BUS_TAKE_MAX 500

struct bus_point {
    struct gw_str device;
    struct gw_point_value before; /* last one submitted */
    bool has_before;
    unsigned exception; /* of which an issue is raised */
    int64_t last_wall_ms;
    uint64_t events;
};

struct bus_unit {
    char subject[160];                         /* "<bus>/<unit id>" */
    struct gw_modbus_unit_condition condition; /* of which issues are raised */
};

/* What must not be read, and its place in the store. */
struct bus_holes {
    struct gw_modbus_holes known;
    uint8_t fingerprint[32]; /* of the configuration */
    bool is_dirty;           /* not what is stored */
    bool is_storing;
    int64_t store_mono_ms; /* not before */
    uint8_t value[GW_MODBUS_HOLES_MAX_BYTES];
};

struct gw_modbus_bus {
    struct gw_modbus_bus_options options;
    struct gw_arena arena; /* copies of the configuration */
    struct gw_str name;
    struct gw_config_point *configs;
    struct bus_point *points;
    size_t point_count;
    struct bus_unit *units;
    size_t unit_count;
    struct gw_modbus_wire *wire;
    bool is_line; /* a serial one */
    struct gw_modbus_jobs *jobs;
    struct gw_poller *poller;
    struct gw_handover *handover;
    struct gw_modbus_scales *scales; /* NULL = none */
    struct gw_modbus_worker *worker;
    struct gw_pending pending;
    size_t max_pending;
    struct bus_holes holes;
    bool is_stalled;       /* full of what waits for a commit */
    int64_t cut_mono_ms;   /* of a stop: until then a write may end by itself; 0 = none asked */
    bool is_cut;           /* the wire */
    bool has_ended;        /* the worker */
    int64_t retry_mono_ms; /* GW_NEVER_MS = the worker's bell is enough */
    bool was_connected;
    uint64_t slips;       /* known of */
    int64_t slip_mono_ms; /* the newest, while its issue stands; else 0 */
    int64_t since_wall_ms;
    uint64_t events;
    uint64_t *stored, *refused, *commits_failed;
    uint8_t data[GW_POINT_DATA_MAX_BYTES];
};

static inline int64_t bus_now(const struct gw_modbus_bus *bus) {
    return gw_clock_mono_ms(bus->options.clock);
}

/* ---- bus_submit.c ---- */

/* Submit what waits and what the worker has, up to BUS_TAKE_MAX readings; no more than
 * max_pending wait for a commit then. */
void bus_take_readings(struct gw_modbus_bus *bus, size_t max_pending);
/* What was read and is in no commit will not be any more. */
void bus_tell_left(struct gw_modbus_bus *bus);

/* ---- bus_condition.c ---- */

/* Raise and clear issues by what the worker found. */
void bus_settle_conditions(struct gw_modbus_bus *bus);
void bus_clear_issues(struct gw_modbus_bus *bus);

/* ---- bus_holes.c ---- */

/* What was learned under this very configuration; what was learned under another one
 * is to be forgotten. */
void bus_load_holes(struct gw_modbus_bus *bus, const struct gw_config_bus *config);
/* What the worker has learned. */
void bus_take_holes(struct gw_modbus_bus *bus);
/* Submit it if it is time; `now` whether it is or not. */
void bus_store_holes(struct gw_modbus_bus *bus, bool now);
/* When that wants to run. */
int64_t bus_holes_next_mono_ms(const struct gw_modbus_bus *bus);

#endif
