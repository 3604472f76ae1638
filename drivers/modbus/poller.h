/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bus worker does, as a state machine: one step, at most one request.
 *
 * - A block is read when its period is over, or sooner where a point has been silent
 *   for max_silence_ms; the most overdue one goes first. A read that comes late does not
 *   make the next ones come in a burst. Blocks get a phase by their first read, so that
 *   those of one period do not come all at once for ever.
 * - Time-out or wrong answer: the transport recovers, which may close the connection,
 *   since the late answer may still come. Two failures in a row (one, before the unit has
 *   ever answered) or many among few answers make the unit "down": its points become
 *   quality bad and it is probed with growing delay. All probes of a bus together may
 *   take dead_share_percent of its time: after one that cost a second, the next may not
 *   begin before 19 more are over (at 5 %), and it waits a while for a gap between the
 *   other reads. On TCP most of them do not wait for the whole time-out (poller_probe.c).
 * - A block that gets no answer while others of its unit do is under suspicion: it is
 *   a probe from then on and no word about its unit. Every other time one of its points
 *   is asked alone; if that is answered, the block is searched as if silence were a
 *   refusal, since there are devices that say nothing to an illegal address.
 * - Exceptions 1 to 3 are faults of the configuration. A block that is refused (2, 3) is
 *   searched (hunt.h) and planned anew around what was found (holes.h); what is refused
 *   alone is bad and asked once a minute.
 * - 5 and 6 are weather: the block is left alone for a moment, the others of its unit are
 *   read as before; five in a row are a fault of the device, as below. So are 10 and 11,
 *   by which a gateway says that it does not reach the unit: the unit is left alone, five
 *   in a row make it down; but if the unit answers meanwhile when other blocks are
 *   read, it is the block alone. Meanwhile no point keeps its value for longer than
 *   max_silence_ms: then it is bad.
 * - Others are faults the device itself reports: the points of the block are bad, and it
 *   is asked again with growing delay.
 * - After a reconnect, or when a unit comes back, the next reading of every point is
 *   reported. What was bad before and still is, is not reported again.
 * - A connection that ends when somebody else's request (_execute) is under way, or a
 *   probe, says nothing about the units that are polled.
 *
 * Not thread-safe; blocks inside the transport.
 */
#ifndef GW_MODBUS_POLLER_H
#define GW_MODBUS_POLLER_H

#include "drivers/modbus/handover.h"
#include "drivers/modbus/job.h"
#include "drivers/modbus/transport.h"
#include "firmware/base/clock.h"

#define GW_POLLER_PROBE_MS 60000
#define GW_POLLER_DEAD_SHARE_PERCENT 5

struct gw_modbus_scales;

struct gw_poller_options {
    const struct gw_config_point *points; /* must outlive the poller */
    size_t count;
    uint32_t max_gap;
    uint32_t max_registers;      /* 0 = what Modbus allows */
    uint32_t dead_share_percent; /* 0 = GW_POLLER_DEAD_SHARE_PERCENT */
    /* On TCP the time-out of the bus: probes of dead units wait less, by what the bus has
     * shown. 0 = as long as any request. */
    uint32_t probe_max_ms;
    uint32_t phase_ms; /* the second read of a block comes so much sooner, modulo its period */
    const struct gw_modbus_holes *holes; /* known from before, copied; NULL = none */
    struct gw_modbus_transport transport;
    const struct gw_clock *clock;
    struct gw_handover *handover;    /* units in the order of gw_modbus_list_units */
    struct gw_modbus_scales *scales; /* told of every reading; may be NULL */
};

struct gw_poller;

/* NOMEM. */
enum gw_err gw_poller_open(const struct gw_poller_options *options,
                           struct gw_poller **ret_poller);
/* Disconnect and free. NULL is allowed. */
void gw_poller_close(struct gw_poller *poller);
/* Connect or read whatever is most overdue; when the next step is due, on the
 * monotonic clock (maybe now). */
int64_t gw_poller_step(struct gw_poller *poller);
/* Execute one request on demand between two steps; connects first if need be. Never
 * fails: what came of it is in the answer. */
void gw_poller_execute(struct gw_poller *poller, const struct gw_modbus_job *job,
                       struct gw_modbus_answer *ret_answer);

#endif
