/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Modbus TCP server of a few lines on 127.0.0.1, in a thread of its own: one connection at
 * a time, reads of any register and writes of one (function 6). What it shows and how it
 * misbehaves is set while it runs.
 *
 *     struct gw_fake_plc plc = {0};
 *     gw_fake_plc_open(&plc);
 *     ... plc.port ...
 *     gw_fake_plc_close(&plc);
 */
#ifndef GW_TESTS_FAKES_FAKE_PLC_H
#define GW_TESTS_FAKES_FAKE_PLC_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define GW_FAKE_PLC_REGISTERS 64

struct gw_fake_plc {
    pthread_t thread;
    int listener;
    uint16_t port;
    atomic_bool stop, mute;
    atomic_bool hangs_up;        /* when it is asked */
    atomic_uint answers_as;      /* that unit; 0 = the one that was asked */
    atomic_bool swallows_writes; /* takes them, and never answers */
    atomic_uint illegal;         /* address no read may touch; 65536 = none */
    atomic_ushort registers[GW_FAKE_PLC_REGISTERS];
    atomic_uint swallowed; /* requests that got no answer */
    atomic_uint accepted;  /* connections so far */
    atomic_uint connected; /* now: 0 or 1 */
    atomic_uint written;   /* requests to write */
};

/* Serve on a port of its own. `plc` is zeroed, but for what it is to do. */
void gw_fake_plc_open(struct gw_fake_plc *plc);
/* End it, and the connection it has. */
void gw_fake_plc_close(struct gw_fake_plc *plc);

#endif
