/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/execute.h"

/* After a failure: is the connection still there, and safe for the next request? */
static bool settle(const struct gw_modbus_transport *transport, enum gw_err err) {
    if (err == GW_OK || err == GW_ERR_INVALID) {
        return true;
    }
    if (err != GW_ERR_NOCONN) {
        return transport->recover(transport->self) == GW_OK;
    }
    transport->disconnect(transport->self);
    return false;
}

/* Exceptions after which the unit has certainly not done it need no look. */
static bool is_refusal(enum gw_err err, unsigned exception) {
    return err == GW_ERR_INVALID && exception != 4 && exception != 5 && exception != 11
           && exception != GW_MODBUS_EXCEPTION_UNKNOWN;
}

static bool read_back(const struct gw_modbus_transport *transport,
                      const struct gw_modbus_job *job, bool is_connected,
                      struct gw_modbus_answer *answer) {
    if (!is_connected && transport->connect(transport->self)) {
        answer->read_err = GW_ERR_NOCONN;
        return false;
    }
    answer->read_err =
        transport->read(transport->self, &job->request, answer->words, &answer->read_exception);
    return settle(transport, answer->read_err);
}

static bool execute_write(const struct gw_modbus_transport *transport,
                          const struct gw_modbus_job *job, struct gw_modbus_answer *answer) {
    struct gw_modbus_write write = {.unit_id = job->request.unit_id,
                                    .area = job->request.area,
                                    .address = job->request.address,
                                    .count = job->request.count,
                                    .words = job->words,
                                    .is_multiple = job->is_multiple};
    answer->err = transport->write(transport->self, &write, &answer->exception);
    answer->was_sent = answer->err != GW_ERR_INVALID || answer->exception != 0;
    answer->read_err = GW_ERR_NOENT;
    bool is_connected = settle(transport, answer->err);
    if (job->reads_back && answer->was_sent && !is_refusal(answer->err, answer->exception)) {
        is_connected = read_back(transport, job, is_connected, answer);
    }
    return is_connected;
}

bool gw_modbus_execute(const struct gw_modbus_transport *transport,
                       const struct gw_clock *clock, const struct gw_modbus_job *job,
                       struct gw_modbus_answer *ret_answer) {
    int64_t began_mono_ms = gw_clock_mono_ms(clock);
    struct gw_modbus_answer answer = {0};
    bool is_connected = true;
    if (job->is_write) {
        is_connected = execute_write(transport, job, &answer);
    } else {
        answer.was_sent = true;
        answer.err =
            transport->read(transport->self, &job->request, answer.words, &answer.exception);
        is_connected = settle(transport, answer.err);
    }
    answer.took_ms = gw_clock_mono_ms(clock) - began_mono_ms;
    *ret_answer = answer;
    return is_connected;
}
