/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests on demand. They do not change what is known of units, but for one thing: a
 * unit that answers one is probed at once. Nor do they change what is known of the bus:
 * many gateways hang up on whoever asks for a unit that is not there, and a scan asks for
 * many. If the peer hangs up on everybody, the next poll will see it.
 */
#include "drivers/modbus/execute.h"
#include "drivers/modbus/poller_internal.h"

static struct poller_unit *polled_unit(struct gw_poller *poller, uint8_t unit_id) {
    int16_t index = poller->unit_index[unit_id];
    return index < 0 ? NULL : &poller->units[index];
}

static void refuse(struct gw_modbus_answer *ret_answer, enum gw_err err, bool is_known_down) {
    *ret_answer =
        (struct gw_modbus_answer){.err = err, .read_err = err, .is_known_down = is_known_down};
}

void gw_poller_execute(struct gw_poller *poller, const struct gw_modbus_job *job,
                       struct gw_modbus_answer *ret_answer) {
    struct poller_unit *unit = polled_unit(poller, job->request.unit_id);
    if (unit && unit->is_probed && !job->asks_dead_units) {
        refuse(ret_answer, GW_ERR_TIMEOUT, true);
        return;
    }
    if (!poller->bus.is_connected) {
        poller_connect(poller);
    }
    if (!poller->bus.is_connected) {
        refuse(ret_answer, GW_ERR_NOCONN, false);
        return;
    }
    if (!gw_modbus_execute(&poller->options.transport, poller->options.clock, job,
                           ret_answer)) {
        poller->bus.is_connected = false;
        poller->is_reopening = poller->bus_failures == 0;
    }
    poller->busy_ms += ret_answer->took_ms;
    if (unit && unit->is_probed && !ret_answer->err) {
        unit->retry_mono_ms = 0;
        unit->slowest_ms = ret_answer->took_ms; /* so long at least the probe will wait */
        poller->probe_free_mono_ms = poller_now(poller);
    } else if (unit && unit->is_probed && ret_answer->err != GW_ERR_INVALID) {
        poller_charge(poller, ret_answer->took_ms);
    }
}
