/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Modbus device at the other end of a real wire, in a thread: a TCP connection on
 * 127.0.0.1 or a pseudo terminal. It answers each request as its script says, and
 * rightly behind the end of the script.
 *
 * What a register holds says where and when it was read: peer_value.
 */
#ifndef GW_TESTS_UNIT_DRIVERS_MODBUS_PEER_RIG_H
#define GW_TESTS_UNIT_DRIVERS_MODBUS_PEER_RIG_H

#include <pthread.h>
#include <stdatomic.h>

#include "drivers/modbus/frame.h"

enum peer_act {
    PEER_RIGHT,
    PEER_SILENT,
    PEER_LATE, /* keeps the answer and sends it before the next one that it sends */
    PEER_KEPT, /* that answer instead of the right one */
    PEER_EXCEPTION,
    PEER_LATE_EXCEPTION,
    PEER_WRONG_TRANSACTION,
    PEER_WRONG_PROTOCOL,
    PEER_WRONG_LENGTH,
    PEER_WRONG_UNIT,
    PEER_WRONG_FUNCTION,
    PEER_WRONG_COUNT,
    PEER_BAD_CRC,
    PEER_TRUNCATED,
    PEER_EXTRA,  /* a byte behind the answer, in the same write */
    PEER_TWICE,  /* the answer once more, in the same write */
    PEER_PIECES, /* byte by byte */
    PEER_HANG_UP /* instead of an answer */
};

#define PEER_SCRIPT_MAX 16

struct peer {
    enum gw_frame_kind kind;
    const enum peer_act *script; /* ended by the count */
    size_t script_count;
    atomic_bool hears_itself; /* the request comes back before the answer */
    int listener;             /* -1 on a line */
    uint16_t port;
    int master; /* of the pseudo terminal, -1 on TCP */
    int slave;
    char line[64];
    atomic_int connection;
    int stop_fd;
    pthread_t thread;
    atomic_uint connects, requests;
    atomic_uint only_address, only_count; /* silent about all other registers; 0 = none */
    atomic_uint generation;               /* part of every value, raised by the test */
    struct {
        uint8_t bytes[GW_FRAME_MAX_BYTES];
        size_t len;
    } kept, last; /* a late answer; the last request */
};

/* What the register shows in that generation. Bits: its lowest one. */
uint16_t peer_value(uint8_t unit_id, uint16_t address, unsigned generation);

/* Start on TCP: Modbus TCP, or RTU frames with kind RTU. */
void peer_start_tcp(struct peer *peer, enum gw_frame_kind kind, const enum peer_act *script,
                    size_t count);
/* Start on a line; its name is `line`. */
void peer_start_line(struct peer *peer, const enum peer_act *script, size_t count);
/* Hang up and end. */
void peer_stop(struct peer *peer);
/* Bytes that nobody asked for, now. */
void peer_say(struct peer *peer, const void *bytes, size_t len);

#endif
