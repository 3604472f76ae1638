/* SPDX-License-Identifier: Apache-2.0 */
/* Readings to events, and what becomes of them. */
#include "drivers/modbus/bus_internal.h"

/* `token` is the point. */
static void completed(void *context, uint64_t token, enum gw_err err) {
    struct gw_modbus_bus *bus = context;
    gw_pending_completed(&bus->pending, err);
    if (err) {
        ++*bus->commits_failed;
        bus->retry_mono_ms = bus_now(bus) + BUS_RETRY_MS;
        return;
    }
    bus->events++;
    ++*bus->stored;
    bus->points[token].events++;
    if (bus->is_stalled) {
        bus->is_stalled = false;
        bus->retry_mono_ms = bus_now(bus);
    }
}

static void tell_refused(struct gw_modbus_bus *bus, size_t point, enum gw_modbus_refusal why,
                         uint64_t count) {
    *bus->refused += count;
    if (bus->options.refused) {
        bus->options.refused(bus->options.refused_context, bus->points[point].device,
                             bus->configs[point].class, why, count);
    }
}

/* What it stands for is told once it is certain that it stands for it. */
static void tell_replaced(struct gw_modbus_bus *bus, struct gw_modbus_reading *reading) {
    if (reading->replaced > 0) {
        tell_refused(bus, reading->point, GW_MODBUS_REFUSED_FULL, reading->replaced);
        reading->replaced = 0;
    }
}

static enum gw_err submit(struct gw_modbus_bus *bus, struct gw_pending_reading *pending) {
    const struct gw_modbus_reading *reading = &pending->reading;
    struct bus_point *point = &bus->points[reading->point];
    if (!pending->is_begun) {
        pending->is_begun = true;
        pending->has_before = point->has_before;
        pending->before = point->before;
    }
    struct gw_point_input input = {
        .point = &bus->configs[reading->point],
        .device = point->device,
        .before = pending->has_before ? &pending->before : NULL,
        .now = &reading->value,
        .time_wall_ms = reading->time_wall_ms,
    };
    struct gw_buf storage;
    gw_buf_init(&storage, bus->data, sizeof bus->data);
    struct gw_event_draft draft;
    enum gw_err err = gw_point_observe(&input, &storage, &draft);
    if (err) {
        return GW_ERR_RANGE;
    }
    struct gw_unit unit = {.events = &draft,
                           .event_count = 1,
                           .completed = completed,
                           .context = bus,
                           .token = reading->point};
    return gw_intake_submit(&bus->options.intake, &unit);
}

static void note_submitted(struct gw_modbus_bus *bus, const struct gw_modbus_reading *reading) {
    struct bus_point *point = &bus->points[reading->point];
    point->before = reading->value;
    point->has_before = true;
    point->last_wall_ms = reading->time_wall_ms;
    if (gw_pending_submitted(&bus->pending)) {
        /* Older readings come after this one: let every point speak once more, so
         * that the last word is the right one. */
        gw_handover_ask_resync(bus->handover);
    }
}

/* True if it is settled: in a unit, or nothing can ever be made of it. */
static bool settle(struct gw_modbus_bus *bus, struct gw_pending_reading *pending) {
    struct gw_modbus_reading reading = pending->reading;
    enum gw_err err = submit(bus, pending);
    if (!err) {
        tell_replaced(bus, &pending->reading);
        note_submitted(bus, &reading);
        return true;
    }
    if (err != GW_ERR_RANGE && err != GW_ERR_SCHEMA && err != GW_ERR_PARSE) {
        return false;
    }
    tell_replaced(bus, &pending->reading);
    tell_refused(bus, reading.point, GW_MODBUS_REFUSED_INVALID, 1);
    gw_pending_drop(&bus->pending);
    return true;
}

/* One more from the worker; false if there is none, or no room. */
static bool fetch(struct gw_modbus_bus *bus, size_t max_pending) {
    bus->is_stalled = gw_pending_count(&bus->pending) >= max_pending;
    struct gw_modbus_reading reading;
    return !bus->is_stalled && gw_handover_take(bus->handover, &reading)
           && !gw_pending_push(&bus->pending, &reading);
}

void bus_take_readings(struct gw_modbus_bus *bus, size_t max_pending) {
    for (unsigned i = 0; i < BUS_TAKE_MAX; i++) {
        struct gw_pending_reading *next = gw_pending_next(&bus->pending);
        if (!next && !fetch(bus, max_pending)) {
            bus->retry_mono_ms = GW_NEVER_MS;
            return;
        }
        if (next && !settle(bus, next)) {
            bus->retry_mono_ms = bus_now(bus) + BUS_RETRY_MS;
            return;
        }
    }
    bus->retry_mono_ms = bus_now(bus);
}

void bus_tell_left(struct gw_modbus_bus *bus) {
    struct gw_modbus_reading reading;
    while (gw_pending_take(&bus->pending, &reading)
           || (bus->handover && gw_handover_take(bus->handover, &reading))) {
        tell_refused(bus, reading.point, GW_MODBUS_REFUSED_STOPPED,
                     (uint64_t) reading.replaced + 1);
    }
}
