/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holes in the store: one entry per bus in a table of their own, behind a fingerprint of
 * the bus's configuration. Under another configuration they are forgotten, so that a
 * changed bus is probed anew. Written at most once a minute: a device that cannot make
 * up its mind must not wear out the flash.
 */
#include "drivers/modbus/bus_internal.h"

#define TABLE GW_STR("modbus.holes")
#define STORE_EVERY_MS 60000

static struct gw_bytes key_of(const struct gw_modbus_bus *bus) {
    return gw_bytes_from_str(bus->name);
}

void bus_load_holes(struct gw_modbus_bus *bus, const struct gw_config_bus *config) {
    struct bus_holes *holes = &bus->holes;
    const struct gw_intake *intake = &bus->options.intake;
    struct gw_buf value;
    gw_buf_init(&value, holes->value, sizeof holes->value);
    gw_config_bus_fingerprint(config, holes->fingerprint);
    enum gw_err err = intake->state_get(intake->self, TABLE, key_of(bus), &value);
    if (!err) {
        err = gw_modbus_holes_decode(gw_buf_bytes(&value), holes->fingerprint, &holes->known);
        holes->is_dirty = err != GW_OK;
    }
}

void bus_take_holes(struct gw_modbus_bus *bus) {
    if (gw_handover_take_holes(bus->handover, &bus->holes.known)) {
        bus->holes.is_dirty = true;
    }
}

static void on_stored(void *context, uint64_t token, enum gw_err err) {
    (void) token;
    struct gw_modbus_bus *bus = context;
    bus->holes.is_storing = false;
    if (err) {
        bus->holes.is_dirty = true;
    }
}

static enum gw_err submit(struct gw_modbus_bus *bus) {
    struct bus_holes *holes = &bus->holes;
    struct gw_state_change change = {.key = key_of(bus)};
    struct gw_buf value;
    gw_buf_init(&value, holes->value, sizeof holes->value);
    if (holes->known.count > 0) {
        enum gw_err err = gw_modbus_holes_encode(&holes->known, holes->fingerprint, &value);
        if (err) {
            return err;
        }
        change.value = gw_buf_bytes(&value);
    }
    struct gw_unit unit = {.state_table = TABLE,
                           .changes = &change,
                           .change_count = 1,
                           .completed = on_stored,
                           .context = bus};
    return gw_intake_submit(&bus->options.intake, &unit);
}

int64_t bus_holes_next_mono_ms(const struct gw_modbus_bus *bus) {
    return bus->holes.is_dirty && !bus->holes.is_storing ? bus->holes.store_mono_ms
                                                         : GW_NEVER_MS;
}

void bus_store_holes(struct gw_modbus_bus *bus, bool now) {
    struct bus_holes *holes = &bus->holes;
    if (!holes->is_dirty || holes->is_storing
        || (!now && bus_now(bus) < holes->store_mono_ms)) {
        return;
    }
    holes->store_mono_ms = bus_now(bus) + STORE_EVERY_MS;
    /* Before the submit: completions may run inside it. */
    holes->is_dirty = false;
    holes->is_storing = true;
    if (submit(bus)) {
        holes->is_dirty = true;
        holes->is_storing = false;
    }
}
