/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Modbus bus that is a table of registers and misbehaves by script. Time is the fake
 * clock's: an answer takes answer_ms, silence timeout_ms.
 *
 *     struct gw_fake_bus *bus = calloc(1, sizeof *bus);
 *     struct gw_modbus_transport transport = gw_fake_bus_transport(bus);
 *
 * All areas show the same registers; a bit is whether its register is not 0.
 */
#ifndef GW_TESTS_FAKES_FAKE_BUS_H
#define GW_TESTS_FAKES_FAKE_BUS_H

#include "drivers/modbus/transport.h"
#include "tests/fakes/fake_clock.h"

#define GW_FAKE_BUS_ADDRESSES 4096

struct gw_fake_bus {
    struct gw_fake_clock *clock; /* may be NULL: nothing takes time */
    int64_t answer_ms, timeout_ms;
    int64_t answer_ms_of[256]; /* more than answer_ms, of a unit */
    int64_t holds_ms; /* a silent unit keeps whoever is asked next waiting for so long */
    int64_t held_mono_ms;
    uint16_t registers[256][GW_FAKE_BUS_ADDRESSES];
    bool illegal[GW_FAKE_BUS_ADDRESSES];      /* no read may touch it: exception 2 */
    bool silent_at[GW_FAKE_BUS_ADDRESSES];    /* a read that touches it gets no answer */
    unsigned fault_at[GW_FAKE_BUS_ADDRESSES]; /* exception of a read that touches it */
    unsigned max_count;           /* more in one read is exception 3; 0 = no limit */
    unsigned exception[256];      /* of a unit, 0 = none */
    bool is_silent[256];          /* the unit never answers */
    unsigned loses[256];          /* every nth read of the unit is not answered */
    bool answers_wrong;           /* CORRUPT */
    struct gw_modbus_wrong wrong; /* what came then */
    struct gw_modbus_wrong shown; /* until it recovers */
    bool refuses_connections;
    bool closes_on_read;
    bool closes_for[256];    /* a read of the unit ends the connection */
    bool keeps_line;         /* recover drains instead of closing */
    enum gw_err recover_err; /* what recover says then */
    unsigned connects, disconnects, recovers, reads, writes, refused;
    unsigned reads_of[256];
    unsigned hurried;    /* reads with a time-out of their own */
    unsigned most_count; /* largest read ever asked for */
    struct gw_modbus_request last;
};

/* The seam; as long as `bus`. */
struct gw_modbus_transport gw_fake_bus_transport(struct gw_fake_bus *bus);

#endif
