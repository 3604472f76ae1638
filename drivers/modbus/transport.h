/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam below the poller: one bus, one request at a time, blocking.
 * Production: gw_modbus_tcp_open (libmodbus). Tests: a table of registers.
 */
#ifndef GW_MODBUS_TRANSPORT_H
#define GW_MODBUS_TRANSPORT_H

#include "drivers/modbus/plan.h"

/* An exception code the library has no name for. */
#define GW_MODBUS_EXCEPTION_UNKNOWN 255u

struct gw_modbus_request {
    uint8_t unit_id;
    enum gw_modbus_area area;
    uint16_t address;
    uint16_t count;
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
    const uint16_t *words; /* count; coils as 0 or 1 */
    bool is_multiple;      /* FC 15 or 16 even for one: some devices know no other */
};

struct gw_modbus_transport {
    /* NOCONN, TIMEOUT. */
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
     * confirmed by nobody. */
    enum gw_err (*write)(void *self, const struct gw_modbus_write *write,
                         unsigned *ret_exception);
    /* After a time-out or an answer that does not fit: make certain that no byte
     * that still comes can be taken for the next answer. OK: the line was drained
     * and kept its silence, the next request may go out (RTU). NOCONN: the
     * connection was closed, connect again (TCP). Any other error: the line could
     * not be made safe; it was closed too. */
    enum gw_err (*recover)(void *self);
    void *self;
};

struct gw_modbus_tcp;

/* Nobody waits longer for one address to answer a connect. */
#define GW_MODBUS_CONNECT_MAX_MS 2000

/* A TCP connection to host:port, not opened yet. `host` is copied. Used by one
 * thread at a time. NOMEM, INVALID. */
enum gw_err gw_modbus_tcp_open(const char *host, uint16_t port, uint32_t timeout_ms,
                               struct gw_modbus_tcp **ret_tcp);
/* NULL is allowed. */
void gw_modbus_tcp_close(struct gw_modbus_tcp *tcp);
/* For good: a request under way fails soon, later ones at once. From any thread.
 * NULL is allowed. */
void gw_modbus_tcp_interrupt(struct gw_modbus_tcp *tcp);
/* As the seam; valid as long as `tcp`. */
struct gw_modbus_transport gw_modbus_tcp_transport(struct gw_modbus_tcp *tcp);

#endif
