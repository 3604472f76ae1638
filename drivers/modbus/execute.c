/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/execute.h"

/* Longer than any command may wait. */
#define SEND_MAX_MS INT32_MAX

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

/* Before the transport recovers. */
static void note_wrong(const struct gw_modbus_transport *transport,
                       struct gw_modbus_answer *answer) {
    if (transport->wrong && (answer->err == GW_ERR_CORRUPT || answer->err == GW_ERR_TIMEOUT)) {
        transport->wrong(transport->self, &answer->wrong);
    }
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

/* Milliseconds in which the write may still be sent, 0 = whenever. */
static int64_t time_left(const struct gw_modbus_job *job, int64_t now_mono_ms) {
    int64_t left_ms =
        job->deadline_mono_ms != 0 ? job->deadline_mono_ms - now_mono_ms : SEND_MAX_MS;
    return left_ms < SEND_MAX_MS ? left_ms : 0;
}

static bool is_over(const struct gw_modbus_job *job, const struct gw_clock *clock) {
    return job->deadline_mono_ms != 0 && gw_clock_mono_ms(clock) >= job->deadline_mono_ms;
}

/* Why a write was not sent, in words that cannot be taken for "no confirmation": a fence
 * that was not answered in time is no deadline. */
static enum gw_err why_unsent(const struct gw_modbus_job *job, const struct gw_clock *clock,
                              enum gw_err err) {
    if (err == GW_ERR_INVALID || err == GW_ERR_NOCONN) {
        return err;
    }
    return is_over(job, clock) ? GW_ERR_TIMEOUT : GW_ERR_CORRUPT;
}

static bool execute_write(const struct gw_modbus_transport *transport,
                          const struct gw_clock *clock, const struct gw_modbus_job *job,
                          struct gw_modbus_answer *answer) {
    answer->read_err = GW_ERR_NOENT;
    if (is_over(job, clock)) {
        answer->err = GW_ERR_TIMEOUT;
        return true;
    }
    struct gw_modbus_write write = {.unit_id = job->request.unit_id,
                                    .area = job->request.area,
                                    .address = job->request.address,
                                    .count = job->request.count,
                                    .words = job->words,
                                    .is_multiple = job->is_multiple,
                                    .send_within_ms = time_left(job, gw_clock_mono_ms(clock)),
                                    .was_sent = &answer->was_sent};
    answer->err = transport->write(transport->self, &write, &answer->exception);
    note_wrong(transport, answer);
    bool is_connected = settle(transport, answer->err);
    if (!answer->was_sent) {
        answer->err = why_unsent(job, clock, answer->err);
        return is_connected;
    }
    if (job->reads_back && !is_refusal(answer->err, answer->exception)) {
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
        is_connected = execute_write(transport, clock, job, &answer);
    } else {
        answer.was_sent = true;
        answer.err =
            transport->read(transport->self, &job->request, answer.words, &answer.exception);
        note_wrong(transport, &answer);
        is_connected = settle(transport, answer.err);
    }
    answer.took_ms = gw_clock_mono_ms(clock) - began_mono_ms;
    *ret_answer = answer;
    return is_connected;
}
