/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modbus TCP on libmodbus: the only user of it.
 *
 * The library checks transaction id, function, unit and length of an answer;
 * what does not fit comes back as CORRUPT. It cannot tell a late answer from a
 * wrong one, so after a time-out or a corrupt answer the caller disconnects.
 * Error recovery of the library is off: it would sleep and reconnect by itself.
 *
 * The lock is for gw_modbus_tcp_interrupt alone: another thread may shut the socket
 * down, which ends a recv, but only while the descriptor is certain to be ours.
 */
#include "drivers/modbus/transport.h"

#include <errno.h>
#include <modbus.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "firmware/base/cleanup.h"

struct gw_modbus_tcp {
    modbus_t *modbus;
    uint32_t timeout_ms;
    pthread_mutex_t lock;
    bool is_connected; /* the two under the lock */
    bool is_interrupted;
    uint8_t bits[GW_MODBUS_MAX_BITS];
};

GW_DEFINE_CLEANUP(struct gw_modbus_tcp *, gw_modbus_tcp_close, closep)

static enum gw_err from_modbus_errno(int error_number, unsigned *ret_exception) {
    if (error_number > MODBUS_ENOBASE && error_number < MODBUS_ENOBASE + MODBUS_EXCEPTION_MAX) {
        *ret_exception = (unsigned) (error_number - MODBUS_ENOBASE);
        return GW_ERR_INVALID;
    }
    switch (error_number) {
    case EMBUNKEXC:
        *ret_exception = GW_MODBUS_EXCEPTION_UNKNOWN;
        return GW_ERR_INVALID;
    case ETIMEDOUT:
        return GW_ERR_TIMEOUT;
    case EMBBADCRC:
    case EMBBADDATA:
    case EMBBADEXC:
    case EMBMDATA:
    case EMBBADSLAVE:
        return GW_ERR_CORRUPT;
    default:
        return GW_ERR_NOCONN;
    }
}

/* For answers; the library takes it for a connect too. */
static int set_timeout(struct gw_modbus_tcp *tcp, uint32_t timeout_ms) {
    return modbus_set_response_timeout(tcp->modbus, timeout_ms / 1000,
                                       timeout_ms % 1000 * 1000);
}

enum gw_err gw_modbus_tcp_open(const char *host, uint16_t port, uint32_t timeout_ms,
                               struct gw_modbus_tcp **ret_tcp) {
    GW_CLEANUP(closep) struct gw_modbus_tcp *tcp = calloc(1, sizeof *tcp);
    if (!tcp) {
        return GW_ERR_NOMEM;
    }
    (void) pthread_mutex_init(&tcp->lock, NULL);
    tcp->timeout_ms = timeout_ms;
    char service[8];
    (void) snprintf(service, sizeof service, "%u", (unsigned) port);
    tcp->modbus = modbus_new_tcp_pi(host, service);
    if (!tcp->modbus) {
        return errno == ENOMEM ? GW_ERR_NOMEM : GW_ERR_INVALID;
    }
    (void) modbus_set_error_recovery(tcp->modbus, MODBUS_ERROR_RECOVERY_NONE);
    /* The byte time-out is per piece of an answer; with 0 the response time-out
     * holds for the whole of it. */
    if (set_timeout(tcp, timeout_ms) || modbus_set_byte_timeout(tcp->modbus, 0, 0)) {
        return GW_ERR_INVALID;
    }
    *ret_tcp = GW_TAKE(tcp);
    return GW_OK;
}

void gw_modbus_tcp_close(struct gw_modbus_tcp *tcp) {
    if (!tcp) {
        return;
    }
    if (tcp->modbus) {
        modbus_close(tcp->modbus);
        modbus_free(tcp->modbus);
    }
    (void) pthread_mutex_destroy(&tcp->lock);
    free(tcp);
}

void gw_modbus_tcp_interrupt(struct gw_modbus_tcp *tcp) {
    if (!tcp) {
        return;
    }
    (void) pthread_mutex_lock(&tcp->lock);
    tcp->is_interrupted = true;
    if (tcp->is_connected) {
        (void) shutdown(modbus_get_socket(tcp->modbus), SHUT_RDWR);
    }
    (void) pthread_mutex_unlock(&tcp->lock);
}

static bool is_interrupted(struct gw_modbus_tcp *tcp) {
    (void) pthread_mutex_lock(&tcp->lock);
    bool interrupted = tcp->is_interrupted;
    (void) pthread_mutex_unlock(&tcp->lock);
    return interrupted;
}

/* Under the lock, so that no interrupt falls between the two. */
static void set_connected(struct gw_modbus_tcp *tcp) {
    (void) pthread_mutex_lock(&tcp->lock);
    tcp->is_connected = true;
    if (tcp->is_interrupted) {
        (void) shutdown(modbus_get_socket(tcp->modbus), SHUT_RDWR);
    }
    (void) pthread_mutex_unlock(&tcp->lock);
}

static enum gw_err tcp_connect(void *self) {
    struct gw_modbus_tcp *tcp = self;
    if (is_interrupted(tcp)) {
        return GW_ERR_NOCONN;
    }
    bool is_long = tcp->timeout_ms > GW_MODBUS_CONNECT_MAX_MS;
    if (set_timeout(tcp, is_long ? GW_MODBUS_CONNECT_MAX_MS : tcp->timeout_ms)
        || modbus_connect(tcp->modbus) || set_timeout(tcp, tcp->timeout_ms)) {
        return errno == ETIMEDOUT ? GW_ERR_TIMEOUT : GW_ERR_NOCONN;
    }
    set_connected(tcp);
    return GW_OK;
}

static void tcp_disconnect(void *self) {
    struct gw_modbus_tcp *tcp = self;
    (void) pthread_mutex_lock(&tcp->lock);
    if (tcp->is_connected) {
        modbus_close(tcp->modbus);
        tcp->is_connected = false;
    }
    (void) pthread_mutex_unlock(&tcp->lock);
}

/* The late answer may still come: only another connection is certain not to have it. */
static enum gw_err tcp_recover(void *self) {
    tcp_disconnect(self);
    return GW_ERR_NOCONN;
}

static int read_bits(struct gw_modbus_tcp *tcp, const struct gw_modbus_request *request,
                     uint16_t *words) {
    int got =
        request->area == GW_AREA_COIL
            ? modbus_read_bits(tcp->modbus, request->address, request->count, tcp->bits)
            : modbus_read_input_bits(tcp->modbus, request->address, request->count, tcp->bits);
    for (int i = 0; i < got; i++) {
        words[i] = tcp->bits[i];
    }
    return got;
}

static enum gw_err tcp_read(void *self, const struct gw_modbus_request *request,
                            uint16_t *words, unsigned *ret_exception) {
    struct gw_modbus_tcp *tcp = self;
    if (modbus_set_slave(tcp->modbus, request->unit_id)) {
        /* 248 to 254 are reserved; the library refuses them. */
        *ret_exception = MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE;
        return GW_ERR_INVALID;
    }
    int got = -1;
    if (gw_point_area_is_bits(request->area)) {
        got = read_bits(tcp, request, words);
    } else if (request->area == GW_AREA_INPUT_REGISTER) {
        got = modbus_read_input_registers(tcp->modbus, request->address, request->count, words);
    } else {
        got = modbus_read_registers(tcp->modbus, request->address, request->count, words);
    }
    if (got == request->count) {
        return GW_OK;
    }
    return got >= 0 ? GW_ERR_CORRUPT : from_modbus_errno(errno, ret_exception);
}

static int write_coils(struct gw_modbus_tcp *tcp, const struct gw_modbus_write *write) {
    if (write->count == 1 && !write->is_multiple) {
        return modbus_write_bit(tcp->modbus, write->address, write->words[0] != 0);
    }
    for (size_t i = 0; i < write->count; i++) {
        tcp->bits[i] = write->words[i] != 0;
    }
    return modbus_write_bits(tcp->modbus, write->address, write->count, tcp->bits);
}

static int write_registers(struct gw_modbus_tcp *tcp, const struct gw_modbus_write *write) {
    if (write->count == 1 && !write->is_multiple) {
        return modbus_write_register(tcp->modbus, write->address, write->words[0]);
    }
    return modbus_write_registers(tcp->modbus, write->address, write->count, write->words);
}

static bool can_write(const struct gw_modbus_write *write) {
    bool is_coil = write->area == GW_AREA_COIL;
    unsigned most = is_coil ? GW_MODBUS_MAX_WRITE_BITS : GW_MODBUS_MAX_WRITE_REGISTERS;
    return (is_coil || write->area == GW_AREA_HOLDING_REGISTER) && write->unit_id != 0
           && write->count >= 1 && write->count <= most
           && write->address + write->count <= 65536;
}

static enum gw_err tcp_write(void *self, const struct gw_modbus_write *write,
                             unsigned *ret_exception) {
    struct gw_modbus_tcp *tcp = self;
    if (!can_write(write) || modbus_set_slave(tcp->modbus, write->unit_id)) {
        *ret_exception = 0;
        return GW_ERR_INVALID;
    }
    int done =
        write->area == GW_AREA_COIL ? write_coils(tcp, write) : write_registers(tcp, write);
    if (done == write->count) {
        return GW_OK;
    }
    return done >= 0 ? GW_ERR_CORRUPT : from_modbus_errno(errno, ret_exception);
}

struct gw_modbus_transport gw_modbus_tcp_transport(struct gw_modbus_tcp *tcp) {
    return (struct gw_modbus_transport){
        .connect = tcp_connect,
        .disconnect = tcp_disconnect,
        .read = tcp_read,
        .write = tcp_write,
        .recover = tcp_recover,
        .self = tcp,
    };
}
