/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam below the poller: one bus, one request at a time, blocking.
 * Production: gw_modbus_wire_open. Tests: a table of registers.
 */
#ifndef GW_MODBUS_TRANSPORT_H
#define GW_MODBUS_TRANSPORT_H

#include "drivers/modbus/plan.h"
#include "drivers/modbus/wrong.h"

/* An exception code the library has no name for. */
#define GW_MODBUS_EXCEPTION_UNKNOWN 255u

struct gw_modbus_request {
    uint8_t unit_id;
    enum gw_modbus_area area;
    uint16_t address;
    uint16_t count;
    uint32_t timeout_ms; /* of this request; 0 = that of the bus */
};

/* Limits of one write: 123 registers, 1968 coils (V1.1b3, 6.11 and 6.12). */
#define GW_MODBUS_MAX_WRITE_REGISTERS 123
#define GW_MODBUS_MAX_WRITE_BITS 1968

/* One value of one address is FC 5 or 6, more are FC 15 or 16. */
struct gw_modbus_write {
    uint8_t unit_id;
    enum gw_modbus_area area; /* COIL or HOLDING_REGISTER */
    uint16_t address;
    uint16_t count;
    const uint16_t *words;  /* count; coils as 0 or 1 */
    bool is_multiple;       /* FC 15 or 16 even for one: some devices know no other */
    int64_t send_within_ms; /* not sent later than that after the call; 0 = no limit */
    bool *was_sent;         /* set to true before its first byte goes out; NULL is allowed */
};

/* What became of the requests, from the start on. */
struct gw_modbus_wire_figures {
    uint64_t requests;    /* sent, fences included */
    uint64_t given_up;    /* without a right answer */
    uint64_t fences;      /* of the requests */
    uint64_t late;        /* answers that came late and were known as such */
    uint64_t stray_bytes; /* thrown away besides */
    uint64_t slips;       /* the line was given a rest and something came: what was read since
                             the rest before may be the values of other places */
    uint64_t connects;
    uint64_t wrong[GW_WRONG_KINDS]; /* of what was given up: what came instead, by its kind */
};

struct gw_modbus_transport {
    /* NOCONN, TIMEOUT; NOENT: no such host or serial line; of a serial line also
     * DENIED: may not open it, BUSY: somebody else has it, INVALID: it is none, IO. */
    enum gw_err (*connect)(void *self);
    void (*disconnect)(void *self);
    /* Read into words[request->count]; bits as 0 or 1. NOCONN; TIMEOUT; CORRUPT
     * (an answer that does not fit the request); INVALID for a Modbus exception,
     * then *ret_exception is its code. `words` is undefined on errors. */
    enum gw_err (*read)(void *self, const struct gw_modbus_request *request, uint16_t *words,
                        unsigned *ret_exception);
    /* Write and wait for the confirmation, which repeats what was written. Errors as
     * _read; after TIMEOUT, CORRUPT and NOCONN it is not known whether the device
     * did it. INVALID with *ret_exception 0: no such request can be made (area,
     * count); nothing was sent. Unit 0 is refused like that: a broadcast is
     * confirmed by nobody. Only write->was_sent tells whether a failure came before the
     * write went out (the line could not be made ready, its time was over: TIMEOUT). */
    enum gw_err (*write)(void *self, const struct gw_modbus_write *write,
                         unsigned *ret_exception);
    /* After a time-out or an answer that does not fit: make certain that no byte
     * that still comes can be taken for the next answer. OK: the line was drained
     * and kept its silence, the next request may go out (RTU). NOCONN: the
     * connection was closed, connect again (TCP). Any other error: the line could
     * not be made safe; it was closed too. */
    enum gw_err (*recover)(void *self);
    /* What came instead of the answer to the last _read or _write, if that was CORRUPT, or a
     * TIMEOUT in the middle of it; kind NOTHING otherwise. May be NULL. */
    void (*wrong)(void *self, struct gw_modbus_wrong *ret_wrong);
    /* Figures of now; may be NULL. */
    void (*figures)(void *self, struct gw_modbus_wire_figures *ret_figures);
    void *self;
};

/* ---- the real ones ---- */

/*
 * A TCP connection, a serial line or RTU frames on a TCP connection, as the
 * configuration says. What they have in common:
 *
 * - Nothing unasked may be waiting when a request goes out: TCP connects anew then,
 *   RTU throws it away.
 * - An answer counts if it is the right one (frame.h) and nothing follows it.
 * - After a request was given up, TCP connects anew. An RTU unit is asked for
 *   something else first, the fence of late.h, also on a new connection: the serial side
 *   of a device server does not notice that; RTU over TCP keeps the connection and drains
 *   it, and connects anew when two requests in a row were given up.
 * - Before the first request of all an RTU line is quiet for a time-out: a unit may owe an
 *   answer to whoever asked before us.
 * - An RTU line that is never at rest is given one now and then, long enough for an answer:
 *   a unit that answers once too often, to anybody, would be one answer ahead for ever.
 * - A connection that the peer closed while nothing was under way is made anew
 *   without a word: PLCs close what is idle.
 *
 * On a serial line 3.5 characters of silence (1.75 ms above 19200 bits a second) are
 * kept before each request and awaited after each answer. The time-out is for the
 * answer to begin; what the line takes to carry the two frames is added.
 */
struct gw_modbus_wire;

/* Nobody waits longer for one address to answer a connect. */
#define GW_MODBUS_CONNECT_MAX_MS 2000
/* A line that is not quiet after this long is babbling: _recover closes it. */
#define GW_MODBUS_DRAIN_MAX_MS 1500

/* How often a busy RTU line is given its rest. */
#define GW_MODBUS_REST_EVERY_MS 10000

struct gw_modbus_wire_options {
    const struct gw_config_bus *config; /* copied as far as it is needed */
    uint32_t rest_every_ms;             /* GW_MODBUS_REST_EVERY_MS, shorter in tests */
    bool nobody_asked_before;           /* no quiet is needed before the first request */
};

/* The wire of a bus, not connected yet. Used by one thread at a time. NOMEM, IO, INVALID. */
enum gw_err gw_modbus_wire_open(const struct gw_modbus_wire_options *options,
                                struct gw_modbus_wire **ret_wire);
/* NULL is allowed. */
void gw_modbus_wire_close(struct gw_modbus_wire *wire);
/* For good: what is under way fails with NOCONN, so does everything later. At once,
 * but for a host name that is being looked up. From any thread. NULL is allowed. */
void gw_modbus_wire_interrupt(struct gw_modbus_wire *wire);
/* As the seam; valid as long as `wire`. */
struct gw_modbus_transport gw_modbus_wire_transport(struct gw_modbus_wire *wire);

#endif
