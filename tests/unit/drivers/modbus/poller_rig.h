/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A poller on a bus without wire, at a clock that the test moves: the worker's loop in
 * the hand of the test.
 */
#ifndef GW_TESTS_UNIT_DRIVERS_MODBUS_POLLER_RIG_H
#define GW_TESTS_UNIT_DRIVERS_MODBUS_POLLER_RIG_H

#include "drivers/modbus/poller.h"
#include "tests/fakes/fake_bus.h"

#define POLLER_POINTS_MAX 64

struct poller_rig {
    struct gw_fake_bus bus;
    struct gw_fake_clock fake;
    struct gw_clock clock;
    struct gw_config_point points[POLLER_POINTS_MAX];
    size_t count;
    struct gw_modbus_holes holes; /* known beforehand */
    uint32_t max_gap, dead_share_percent, probe_max_ms;
    struct gw_handover *handover;
    struct gw_poller *poller;
};

/* A register of 16 bits, read each 100 ms. */
struct gw_config_point poller_point_at(uint8_t unit_id, uint16_t address);

/* Points: unit 1 at 0, 1 and 3 (one block), unit 2 at 0. */
int poller_rig_setup(void **state);
int poller_rig_teardown(void **state);
/* Close and open, with the points as they are now. */
void poller_rig_open(struct poller_rig *rig);

/* From now on what happens on the bus takes time. */
void poller_let_time_count(struct poller_rig *rig);
/* Let the clock go from one step to the next, as the worker does. */
void poller_live_for(struct poller_rig *rig, int64_t ms);
/* Step until nothing is due any more. */
void poller_settle(struct poller_rig *rig);
/* The clock goes on in steps of that size, and what is due then is done. */
void poller_run_for(struct poller_rig *rig, int64_t ms, int64_t step_ms);

/* Take the readings there are: how many, and the last of them. */
unsigned poller_take_all(struct poller_rig *rig, struct gw_modbus_reading *last);
unsigned poller_take_count(struct poller_rig *rig);
bool poller_unit_is_down(struct poller_rig *rig, size_t unit);

#endif
