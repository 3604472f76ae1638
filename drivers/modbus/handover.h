/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a bus worker to the loop: the only place of this room that two threads
 * share, and the only lock.
 *
 * Readings go through a bounded ring, oldest first. When the ring is full the
 * newest reading of each point waits in a slot of its own and is replaced by the
 * next: what a PLC signal was in between is lost then, and counted, but the
 * state at the end is right. A point with a waiting slot does not use the ring
 * until the slot is taken, so its readings stay in order.
 *
 * What the bus, its units and its points are like is not queued: the newest
 * word on it is kept and read when the loop wants it.
 *
 * Threads: _put and _set functions and _take_resync for the worker, the others for
 * the loop; open and close while there is no worker.
 */
#ifndef GW_MODBUS_HANDOVER_H
#define GW_MODBUS_HANDOVER_H

#include "drivers/modbus/holes.h"
#include "drivers/modbus/lateness.h"
#include "drivers/modbus/transport.h"
#include "drivers/profile/registers.h"

/* Instead of an exception: the unit answers, but not when this point is read. */
#define GW_MODBUS_NO_ANSWER 256u
/* Instead of an exception: what it shows, or that scaled, has more digits than a value may. */
#define GW_MODBUS_TOO_LARGE 257u

/* Registers of a number. */
#define GW_MODBUS_NUMBER_WORDS 4

struct gw_modbus_reading {
    size_t point; /* index into the bus's points */
    struct gw_point_value value;
    int64_t time_wall_ms;
    uint32_t replaced; /* older readings of the point this one stands for */
};

/* Condition of a unit as the worker sees it. */
struct gw_modbus_unit_condition {
    uint8_t unit_id;
    bool is_down;
    /* TIMEOUT, NOCONN, CORRUPT, RETRY (exception), or why the bus cannot be reached. */
    enum gw_err err;
    unsigned exception;           /* of the last failure, 0 = none */
    struct gw_modbus_wrong wrong; /* what came instead of an answer then */
    bool was_closed; /* NOCONN: the connection was there, and was closed when it was asked */
    /* The device says it is ill (exception 4, 8...) when this is read; 0 = it does not. */
    unsigned fault;
    enum gw_modbus_area fault_area;
    uint16_t fault_address;
    uint64_t polls;
    uint64_t failures;
    struct gw_lateness_figures lateness; /* of reads while the unit was up */
};

struct gw_modbus_bus_condition {
    bool is_connected;
    enum gw_err err; /* of the last attempt to connect, as the transport said it */
    uint64_t polls;
    uint64_t overruns; /* reads that came later than one period */
    /* Share of the last ten seconds in which somebody was waited for, and of that for
     * units that do not answer. */
    unsigned load_percent, dead_percent;
    struct gw_modbus_wire_figures wire;
};

/* Whether the two failures have different causes. */
bool gw_modbus_unit_fails_otherwise(const struct gw_modbus_unit_condition *before,
                                    const struct gw_modbus_unit_condition *now);

struct gw_handover;

/* For `points` points and `units` units, `capacity` readings in the ring. NOMEM, IO. */
enum gw_err gw_handover_open(size_t points, size_t units, size_t capacity,
                             struct gw_handover **ret_handover);
/* NULL is allowed. */
void gw_handover_close(struct gw_handover *handover);
/* Readable when there is something to take or a condition changed. */
int gw_handover_fd(const struct gw_handover *handover);

/* Worker: never blocks longer than the lock, never fails. */
void gw_handover_put(struct gw_handover *handover, const struct gw_modbus_reading *reading);
void gw_handover_set_unit(struct gw_handover *handover, size_t unit,
                          const struct gw_modbus_unit_condition *condition);
void gw_handover_set_bus(struct gw_handover *handover,
                         const struct gw_modbus_bus_condition *condition);
/* Exception 1 to 3 of a point that is read alone, or one of the above, 0 = none. */
void gw_handover_set_point_exception(struct gw_handover *handover, size_t point,
                                     unsigned exception);
/* What a point shows that is GW_MODBUS_TOO_LARGE: before that is set. `count` registers, at
 * most GW_MODBUS_NUMBER_WORDS. */
void gw_handover_set_point_words(struct gw_handover *handover, size_t point,
                                 const uint16_t *words, size_t count);
/* What was learned of holes; copied. */
void gw_handover_set_holes(struct gw_handover *handover, const struct gw_modbus_holes *holes);
/* True once after the loop asked for everything anew. */
bool gw_handover_take_resync(struct gw_handover *handover);

/* Loop. Empty the descriptor; call before taking. */
void gw_handover_drain_fd(struct gw_handover *handover);
/* Take the oldest reading; false if there is none. */
bool gw_handover_take(struct gw_handover *handover, struct gw_modbus_reading *ret_reading);
void gw_handover_get_unit(struct gw_handover *handover, size_t unit,
                          struct gw_modbus_unit_condition *ret_condition);
void gw_handover_get_bus(struct gw_handover *handover,
                         struct gw_modbus_bus_condition *ret_condition);
unsigned gw_handover_get_point_exception(struct gw_handover *handover, size_t point);
void gw_handover_get_point_words(struct gw_handover *handover, size_t point,
                                 uint16_t ret_words[static GW_MODBUS_NUMBER_WORDS]);
/* True once after the holes changed. */
bool gw_handover_take_holes(struct gw_handover *handover, struct gw_modbus_holes *ret_holes);
/* What was handed over got lost: let the worker report every point again. */
void gw_handover_ask_resync(struct gw_handover *handover);

#endif
