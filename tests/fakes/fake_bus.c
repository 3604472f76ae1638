/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/fake_bus.h"

static void spend(struct gw_fake_bus *bus, int64_t ms) {
    if (bus->clock && ms > 0) {
        gw_fake_clock_advance(bus->clock, ms);
    }
}

static enum gw_err fake_connect(void *self) {
    struct gw_fake_bus *bus = self;
    bus->connects++;
    return bus->refuses_connections ? GW_ERR_NOCONN : GW_OK;
}

static void fake_disconnect(void *self) {
    ((struct gw_fake_bus *) self)->disconnects++;
}

static enum gw_err fake_recover(void *self) {
    struct gw_fake_bus *bus = self;
    bus->shown = (struct gw_modbus_wrong){0};
    bus->recovers++;
    return bus->keeps_line ? bus->recover_err : GW_ERR_NOCONN;
}

static int64_t patience(const struct gw_fake_bus *bus,
                        const struct gw_modbus_request *request) {
    return request->timeout_ms > 0 ? (int64_t) request->timeout_ms : bus->timeout_ms;
}

/* The gateway is still busy with a unit that was silent; false if that takes too long. */
static bool is_served(struct gw_fake_bus *bus, const struct gw_modbus_request *request) {
    int64_t wait_ms = bus->clock ? bus->held_mono_ms - bus->clock->mono_ms : 0;
    bool is_in_time = wait_ms <= patience(bus, request);
    spend(bus, is_in_time ? wait_ms : patience(bus, request));
    return is_in_time;
}

static bool stays_silent(const struct gw_fake_bus *bus,
                         const struct gw_modbus_request *request) {
    unsigned loses = bus->loses[request->unit_id];
    for (size_t i = 0; i < request->count; i++) {
        if (bus->silent_at[request->address + i]) {
            return true;
        }
    }
    return bus->is_silent[request->unit_id]
           || (loses > 0 && bus->reads_of[request->unit_id] % loses == 0);
}

/* 0 = none. */
static unsigned exception_of(const struct gw_fake_bus *bus,
                             const struct gw_modbus_request *request) {
    if (bus->exception[request->unit_id] != 0) {
        return bus->exception[request->unit_id];
    }
    if (bus->max_count > 0 && request->count > bus->max_count) {
        return 3;
    }
    for (size_t i = 0; i < request->count; i++) {
        if (bus->fault_at[request->address + i] != 0) {
            return bus->fault_at[request->address + i];
        }
        if (bus->illegal[request->address + i]) {
            return 2;
        }
    }
    return 0;
}

static void note(struct gw_fake_bus *bus, const struct gw_modbus_request *request) {
    bus->reads++;
    bus->reads_of[request->unit_id]++;
    bus->hurried += request->timeout_ms > 0;
    bus->last = *request;
    bus->most_count = request->count > bus->most_count ? request->count : bus->most_count;
}

static enum gw_err fake_read(void *self, const struct gw_modbus_request *request,
                             uint16_t *words, unsigned *ret_exception) {
    struct gw_fake_bus *bus = self;
    note(bus, request);
    if (bus->closes_on_read || bus->closes_for[request->unit_id]) {
        return GW_ERR_NOCONN;
    }
    if (!is_served(bus, request)) {
        return GW_ERR_TIMEOUT;
    }
    int64_t answer_ms = bus->answer_ms + bus->answer_ms_of[request->unit_id];
    if (stays_silent(bus, request) || (bus->clock && answer_ms > patience(bus, request))) {
        bus->held_mono_ms = bus->clock ? bus->clock->mono_ms + bus->holds_ms : 0;
        spend(bus, patience(bus, request));
        return GW_ERR_TIMEOUT;
    }
    spend(bus, answer_ms);
    unsigned exception = exception_of(bus, request);
    if (exception != 0) {
        bus->refused++;
        *ret_exception = exception;
        return GW_ERR_INVALID;
    }
    for (size_t i = 0; i < request->count; i++) {
        uint16_t word = bus->registers[request->unit_id][request->address + i];
        words[i] = gw_point_area_is_bits(request->area) ? word != 0 : word;
    }
    bus->shown = bus->answers_wrong ? bus->wrong : bus->shown;
    return bus->answers_wrong ? GW_ERR_CORRUPT : GW_OK;
}

static enum gw_err fake_write(void *self, const struct gw_modbus_write *write,
                              unsigned *ret_exception) {
    struct gw_fake_bus *bus = self;
    bus->writes++;
    if (bus->is_silent[write->unit_id]) {
        spend(bus, bus->timeout_ms);
        return GW_ERR_TIMEOUT;
    }
    spend(bus, bus->answer_ms);
    if (bus->exception[write->unit_id] != 0) {
        *ret_exception = bus->exception[write->unit_id];
        return GW_ERR_INVALID;
    }
    for (size_t i = 0; i < write->count; i++) {
        bus->registers[write->unit_id][write->address + i] = write->words[i];
    }
    return GW_OK;
}

static void fake_wrong(void *self, struct gw_modbus_wrong *ret_wrong) {
    const struct gw_fake_bus *bus = self;
    *ret_wrong = bus->shown;
}

struct gw_modbus_transport gw_fake_bus_transport(struct gw_fake_bus *bus) {
    return (struct gw_modbus_transport){.connect = fake_connect,
                                        .disconnect = fake_disconnect,
                                        .read = fake_read,
                                        .write = fake_write,
                                        .recover = fake_recover,
                                        .wrong = fake_wrong,
                                        .self = bus};
}
