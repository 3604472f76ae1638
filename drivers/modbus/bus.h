/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Modbus bus as a source: a worker thread polls (poller.h), the loop thread
 * makes events of what changed and submits them.
 *
 * State semantics: what a PLC shows can be read again, so nothing is held back
 * and no device waits for an acknowledgement. While the queue refuses, readings
 * wait (handover.h); beyond that the newest of each point replaces the older
 * ones, which are told to `refused`. What a failed commit held is submitted again
 * (pending.h). Whatever was read and is not stored when the bus is closed is told
 * to `refused` too.
 *
 * To end several buses without waiting for each: _stop all, then _drain all, commit,
 * _submit_rest of all and commit until nothing is left, _close all. To end one without
 * waiting at all: _stop, and go on with _tick until _has_ended; then _drain does not wait.
 *
 * What a device refuses to read is learned and kept in the store (holes.h). Requests on
 * demand go between the polls (job.h).
 */
#ifndef GW_MODBUS_BUS_H
#define GW_MODBUS_BUS_H

#include "drivers/modbus/handover.h"
#include "drivers/modbus/job.h"
#include "firmware/health/health.h"
#include "firmware/intake/intake.h"

enum gw_modbus_refusal {
    GW_MODBUS_REFUSED_FULL,    /* newer readings took their place while they waited */
    GW_MODBUS_REFUSED_INVALID, /* no event can be made of them */
    GW_MODBUS_REFUSED_STOPPED, /* not stored when the bus was closed */
};

/* `count` readings of `device` could not be kept: for a loss record. */
typedef void gw_modbus_refused(void *context, struct gw_str device, enum gw_flow_class class,
                               enum gw_modbus_refusal why, uint64_t count);

struct gw_modbus_bus_options {
    const struct gw_config_bus *config; /* copied */
    struct gw_intake intake;
    struct gw_loop *loop;
    const struct gw_clock *clock; /* also used by the worker: must be thread-safe */
    struct gw_health *health;
    gw_modbus_refused *refused; /* may be NULL */
    void *refused_context;
};

struct gw_modbus_bus;

/* A write under way may end by itself for so long after _stop. Then the wire is cut, and its
 * outcome is `unknown` unless the unit had refused it: what comes after this bus is not to
 * wait for one unit that is silent. It is never sent again. */
#define GW_MODBUS_STOP_WAIT_MS 2000

/* Start polling. Everything in `options` but the struct itself and the
 * configuration must outlive the bus. NOMEM, IO, INVALID. */
enum gw_err gw_modbus_bus_open(const struct gw_modbus_bus_options *options,
                               struct gw_modbus_bus **ret_bus);
/* Tell the worker to stop and shut its socket, unless it is writing just now; does not wait.
 * From then on _tick completes what waited on demand, and cuts the wire when a write had its
 * time. */
void gw_modbus_bus_stop(struct gw_modbus_bus *bus);
/* It was told to stop, and its worker uses nothing any more. The loop is woken when that
 * becomes true; looking up a host name may keep a worker for longer than the wire does. */
bool gw_modbus_bus_has_ended(const struct gw_modbus_bus *bus);
/* Wait for the worker, until GW_MODBUS_STOP_WAIT_MS after the first _stop and then as long
 * as worker.h says after the wire was cut; complete the requests on demand and submit
 * what it handed over. Commit then. */
void gw_modbus_bus_drain(struct gw_modbus_bus *bus);
/* Drained, and what it submitted is committed: submit what had to wait for that. True if
 * it is to be committed, and this called once more. */
bool gw_modbus_bus_submit_rest(struct gw_modbus_bus *bus);
/* Stop, if that was not done, and free. No unit of it may be uncommitted. NULL is
 * allowed. */
void gw_modbus_bus_close(struct gw_modbus_bus *bus);

/* Have the worker execute a request between two polls: gw_modbus_jobs_post. */
enum gw_err gw_modbus_bus_ask(struct gw_modbus_bus *bus, const struct gw_modbus_job *job,
                              int64_t deadline_mono_ms, gw_modbus_job_done *done, void *context,
                              uint64_t token);

/* When gw_modbus_bus_tick wants to run next. */
int64_t gw_modbus_bus_next_mono_ms(const struct gw_modbus_bus *bus);
/* Submit what the queue refused before; complete requests whose time is over. */
void gw_modbus_bus_tick(struct gw_modbus_bus *bus);

/* Whether the file of a profile of its scales is another one than when the bus was opened. */
bool gw_modbus_bus_profiles_have_changed(const struct gw_modbus_bus *bus);

struct gw_modbus_bus_figures {
    const char *name;
    bool is_connected;
    int64_t since_wall_ms; /* of is_connected */
    uint64_t polls;
    uint64_t overruns;
    uint64_t events;
    size_t units, units_down;
    unsigned load_percent, dead_percent; /* as in handover.h */
    struct gw_modbus_wire_figures wire;
    const struct gw_modbus_holes *holes; /* as long as the bus */
};
/* Figures of now. */
void gw_modbus_bus_get_figures(struct gw_modbus_bus *bus,
                               struct gw_modbus_bus_figures *ret_figures);
/* Unit number `index`, ascending by unit id; false behind the last. */
bool gw_modbus_bus_unit_figures(struct gw_modbus_bus *bus, size_t index,
                                struct gw_modbus_unit_condition *ret_condition);
/* Room for the text below. */
#define GW_MODBUS_FAILURE_MAX_BYTES 200
/* Append why the unit is down: "no answer in time", "answered as unit 255 (...)". */
void gw_modbus_bus_put_failure(const struct gw_modbus_bus *bus,
                               const struct gw_modbus_unit_condition *condition,
                               struct gw_buf *buf);
/* Device "<bus>.<point>" number `index`: id, last reading (0 = none), its
 * quality, events. False behind the last. */
struct gw_modbus_point_figures {
    struct gw_str device;
    int64_t last_wall_ms;
    bool good;
    uint64_t events;
};
/* See above; `device` lives as long as the bus. */
bool gw_modbus_bus_point_figures(const struct gw_modbus_bus *bus, size_t index,
                                 struct gw_modbus_point_figures *ret_figures);

#endif
