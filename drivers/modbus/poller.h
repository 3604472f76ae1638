/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bus worker does, as a state machine: one step, at most one request.
 *
 * - A block is read when its period is over; the most overdue one goes first. A
 *   read that comes late does not make the next ones come in a burst.
 * - Time-out or corrupt answer: the connection is closed, since the late answer
 *   may still come. Two failures in a row make the unit "down": its points become
 *   quality bad and it is probed with growing delay, so that a dead unit costs
 *   the others at most one time-out per probe.
 * - Exceptions 1 to 3 are faults of the configuration. A block of several points
 *   is read point by point from then on (illegal data address or value); a point
 *   that is refused alone is bad and asked once a minute.
 * - Other exceptions (busy, device failure, gateway) count as failures of the
 *   unit, without closing the connection.
 * - After a reconnect, or when a unit comes back, every point is reported.
 *
 * Not thread-safe; blocks inside the transport.
 */
#ifndef GW_MODBUS_POLLER_H
#define GW_MODBUS_POLLER_H

#include "drivers/modbus/handover.h"
#include "drivers/modbus/transport.h"
#include "firmware/base/clock.h"

#define GW_POLLER_PROBE_MS 60000

struct gw_poller_options {
    const struct gw_config_point *points; /* must outlive the poller */
    size_t count;
    uint32_t max_gap;
    struct gw_modbus_transport transport;
    const struct gw_clock *clock;
    struct gw_handover *handover; /* units in the order of gw_modbus_list_units */
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

#endif
