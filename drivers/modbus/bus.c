/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/bus.h"

#include <stdlib.h>

#include "drivers/modbus/pending.h"
#include "drivers/modbus/worker.h"
#include "firmware/base/arena.h"
#include "firmware/base/cleanup.h"

#define RING_READINGS 1024
/* Taken from the ring and in no commit yet, while the bus runs. */
#define PENDING_READINGS 1024
#define RETRY_MS 200
/* Readings taken before the loop gets its turn again. */
#define TAKE_MAX 500

struct point {
    struct gw_str device;
    struct gw_point_value before; /* last one submitted */
    bool has_before;
    unsigned exception; /* of which an issue is raised */
    int64_t last_wall_ms;
    uint64_t events;
};

struct bus_unit {
    char subject[160]; /* "<bus>/<unit id>" */
    bool is_down;
};

struct gw_modbus_bus {
    struct gw_modbus_bus_options options;
    struct gw_arena arena; /* copies of the configuration */
    struct gw_str name;
    struct gw_config_point *configs;
    struct point *points;
    size_t point_count;
    struct bus_unit *units;
    size_t unit_count;
    struct gw_modbus_wire *wire;
    struct gw_poller *poller;
    struct gw_handover *handover;
    struct gw_modbus_worker *worker;
    struct gw_pending pending;
    bool is_stalled;       /* full of what waits for a commit */
    int64_t retry_mono_ms; /* GW_NEVER_MS = the worker's bell is enough */
    bool was_connected;
    int64_t since_wall_ms;
    uint64_t events;
    uint64_t *stored, *refused, *commits_failed;
    uint8_t data[GW_POINT_DATA_MAX_BYTES];
};

GW_DEFINE_CLEANUP(struct gw_modbus_bus *, gw_modbus_bus_close, closep)

/* ---- submitting ---- */

static int64_t now_of(const struct gw_modbus_bus *bus) {
    return gw_clock_mono_ms(bus->options.clock);
}

/* `token` is the point. */
static void completed(void *context, uint64_t token, enum gw_err err) {
    struct gw_modbus_bus *bus = context;
    gw_pending_completed(&bus->pending, err);
    if (err) {
        ++*bus->commits_failed;
        bus->retry_mono_ms = now_of(bus) + RETRY_MS;
        return;
    }
    bus->events++;
    ++*bus->stored;
    bus->points[token].events++;
    if (bus->is_stalled) {
        bus->is_stalled = false;
        bus->retry_mono_ms = now_of(bus);
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
    struct point *point = &bus->points[reading->point];
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
    struct point *point = &bus->points[reading->point];
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

static void take_readings(struct gw_modbus_bus *bus, size_t max_pending) {
    for (unsigned i = 0; i < TAKE_MAX; i++) {
        struct gw_pending_reading *next = gw_pending_next(&bus->pending);
        if (!next && !fetch(bus, max_pending)) {
            bus->retry_mono_ms = GW_NEVER_MS;
            return;
        }
        if (next && !settle(bus, next)) {
            bus->retry_mono_ms = now_of(bus) + RETRY_MS;
            return;
        }
    }
    bus->retry_mono_ms = now_of(bus);
}

/* ---- conditions ---- */

static const char *what_failed(const struct gw_modbus_unit_condition *condition) {
    switch (condition->err) {
    case GW_ERR_TIMEOUT:
        return "no answer in time";
    case GW_ERR_NOCONN:
        return "the connection was closed";
    case GW_ERR_CORRUPT:
        return "an answer that does not fit the request";
    default:
        return "exception";
    }
}

static void settle_unit(struct gw_modbus_bus *bus, size_t index) {
    struct bus_unit *unit = &bus->units[index];
    struct gw_modbus_unit_condition condition;
    gw_handover_get_unit(bus->handover, index, &condition);
    if (condition.is_down == unit->is_down) {
        return;
    }
    unit->is_down = condition.is_down;
    struct gw_str subject = gw_str_from_cstr(unit->subject);
    if (!unit->is_down) {
        gw_health_clear(bus->options.health, GW_ISSUE_MODBUS_UNIT_DOWN, subject);
    } else if (condition.exception != 0) {
        gw_health_raise(bus->options.health, GW_ISSUE_MODBUS_UNIT_DOWN, subject, "exception %u",
                        condition.exception);
    } else {
        gw_health_raise(bus->options.health, GW_ISSUE_MODBUS_UNIT_DOWN, subject, "%s",
                        what_failed(&condition));
    }
}

static void settle_point(struct gw_modbus_bus *bus, size_t index) {
    static const char *const names[] = {"", "illegal function", "illegal data address",
                                        "illegal data value"};
    struct point *point = &bus->points[index];
    unsigned exception = gw_handover_get_point_exception(bus->handover, index);
    if (exception == point->exception) {
        return;
    }
    point->exception = exception;
    const struct gw_config_point *config = &bus->configs[index];
    if (exception == 0) {
        gw_health_clear(bus->options.health, GW_ISSUE_MODBUS_CONFIG, point->device);
        return;
    }
    gw_health_raise(bus->options.health, GW_ISSUE_MODBUS_CONFIG, point->device,
                    "unit %u refuses %s %u: exception %u, %s", (unsigned) config->unit_id,
                    gw_point_area_name(config->area), (unsigned) config->address, exception,
                    exception < GW_ARRAY_LEN(names) ? names[exception] : "unknown");
}

static void settle_conditions(struct gw_modbus_bus *bus) {
    struct gw_modbus_bus_condition condition;
    gw_handover_get_bus(bus->handover, &condition);
    if (condition.is_connected != bus->was_connected) {
        bus->was_connected = condition.is_connected;
        bus->since_wall_ms = gw_clock_wall_ms(bus->options.clock);
    }
    for (size_t i = 0; i < bus->unit_count; i++) {
        settle_unit(bus, i);
    }
    for (size_t i = 0; i < bus->point_count; i++) {
        settle_point(bus, i);
    }
}

static void on_handover(void *context, int fd, unsigned events) {
    (void) fd;
    (void) events;
    struct gw_modbus_bus *bus = context;
    gw_handover_drain_fd(bus->handover);
    settle_conditions(bus);
    if (bus->retry_mono_ms == GW_NEVER_MS && !bus->is_stalled) {
        take_readings(bus, PENDING_READINGS);
    }
}

int64_t gw_modbus_bus_next_mono_ms(const struct gw_modbus_bus *bus) {
    return bus->retry_mono_ms;
}

void gw_modbus_bus_tick(struct gw_modbus_bus *bus) {
    if (bus->retry_mono_ms <= now_of(bus)) {
        take_readings(bus, PENDING_READINGS);
    }
}

/* ---- life ---- */

static enum gw_err copy_text(struct gw_modbus_bus *bus, const char *text,
                             const char **ret_copy) {
    struct gw_str copy;
    enum gw_err err = gw_arena_copy_str(&bus->arena, gw_str_from_cstr(text), &copy);
    if (!err) {
        *ret_copy = copy.ptr;
    }
    return err;
}

static enum gw_err name_device(struct gw_modbus_bus *bus, struct point *point,
                               const char *point_name) {
    char storage[2 * GW_EVENT_NAME_MAX_BYTES];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    gw_buf_put_str(&buf, bus->name);
    gw_buf_put_char(&buf, '.');
    gw_buf_put_str(&buf, gw_str_from_cstr(point_name));
    if (gw_buf_failed(&buf) || buf.len > GW_EVENT_NAME_MAX_BYTES) {
        return GW_ERR_INVALID;
    }
    return gw_arena_copy_str(&bus->arena, gw_buf_str(&buf), &point->device);
}

static enum gw_err copy_points(struct gw_modbus_bus *bus, const struct gw_config_bus *config) {
    for (size_t i = 0; i < config->point_count; i++) {
        struct gw_config_point *copy = &bus->configs[i];
        *copy = config->points[i];
        enum gw_err err = copy_text(bus, config->points[i].name, &copy->name);
        if (!err) {
            err = copy_text(bus, config->points[i].scale, &copy->scale);
        }
        if (!err) {
            err = copy_text(bus, config->points[i].dead_band, &copy->dead_band);
        }
        if (!err) {
            err = name_device(bus, &bus->points[i], copy->name);
        }
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

static size_t arena_bytes(const struct gw_config_bus *config) {
    size_t per_text = GW_EVENT_NAME_MAX_BYTES + 32;
    size_t per_point = sizeof(struct gw_config_point) + sizeof(struct point) + 4 * per_text;
    return (config->point_count + 1) * per_point + 256 * sizeof(struct bus_unit) + per_text;
}

static enum gw_err copy_config(struct gw_modbus_bus *bus, const struct gw_config_bus *config) {
    size_t bytes = arena_bytes(config);
    void *storage = malloc(bytes);
    if (!storage) {
        return GW_ERR_NOMEM;
    }
    gw_arena_init(&bus->arena, storage, bytes);
    enum gw_err err =
        gw_arena_copy_str(&bus->arena, gw_str_from_cstr(config->name), &bus->name);
    if (err) {
        return err;
    }
    bus->point_count = config->point_count;
    bus->configs =
        gw_arena_alloc(&bus->arena, (config->point_count + 1) * sizeof *bus->configs);
    bus->points = gw_arena_alloc(&bus->arena, (config->point_count + 1) * sizeof *bus->points);
    uint8_t ids[256];
    bus->unit_count = gw_modbus_list_units(config->points, config->point_count, ids);
    bus->units = gw_arena_alloc(&bus->arena, (bus->unit_count + 1) * sizeof *bus->units);
    if (!bus->configs || !bus->points || !bus->units) {
        return GW_ERR_NOMEM;
    }
    for (size_t i = 0; i < bus->unit_count; i++) {
        (void) snprintf(bus->units[i].subject, sizeof bus->units[i].subject, "%s/%u",
                        bus->name.ptr, (unsigned) ids[i]);
    }
    return copy_points(bus, config);
}

static enum gw_err start(struct gw_modbus_bus *bus, const struct gw_config_bus *config) {
    enum gw_err err = gw_modbus_wire_open(config, &bus->wire);
    if (!err) {
        err = gw_handover_open(bus->point_count + 1, bus->unit_count + 1, RING_READINGS,
                               &bus->handover);
    }
    if (!err) {
        err = gw_pending_open(&bus->pending,
                              PENDING_READINGS + RING_READINGS + bus->point_count + 1);
    }
    if (err) {
        return err;
    }
    struct gw_poller_options options = {
        .points = bus->configs,
        .count = bus->point_count,
        .max_gap = config->max_gap,
        .transport = gw_modbus_wire_transport(bus->wire),
        .clock = bus->options.clock,
        .handover = bus->handover,
    };
    err = gw_poller_open(&options, &bus->poller);
    if (!err) {
        err = gw_loop_watch(bus->options.loop, gw_handover_fd(bus->handover), GW_LOOP_READ,
                            on_handover, bus);
    }
    if (!err) {
        err = gw_modbus_worker_start(bus->poller, bus->options.clock, &bus->worker);
    }
    return err;
}

enum gw_err gw_modbus_bus_open(const struct gw_modbus_bus_options *options,
                               struct gw_modbus_bus **ret_bus) {
    GW_CLEANUP(closep) struct gw_modbus_bus *bus = calloc(1, sizeof *bus);
    if (!bus) {
        return GW_ERR_NOMEM;
    }
    bus->options = *options;
    bus->options.config = NULL;
    bus->retry_mono_ms = GW_NEVER_MS;
    bus->since_wall_ms = gw_clock_wall_ms(options->clock);
    bus->stored = gw_health_counter(options->health, "modbus.stored");
    bus->refused = gw_health_counter(options->health, "modbus.replaced_or_refused");
    bus->commits_failed = gw_health_counter(options->health, "modbus.commits_failed");
    enum gw_err err = copy_config(bus, options->config);
    if (!err) {
        err = start(bus, options->config);
    }
    if (err) {
        return err;
    }
    *ret_bus = GW_TAKE(bus);
    return GW_OK;
}

static void clear_issues(struct gw_modbus_bus *bus) {
    for (size_t i = 0; i < bus->unit_count; i++) {
        gw_health_clear(bus->options.health, GW_ISSUE_MODBUS_UNIT_DOWN,
                        gw_str_from_cstr(bus->units[i].subject));
    }
    for (size_t i = 0; i < bus->point_count; i++) {
        gw_health_clear(bus->options.health, GW_ISSUE_MODBUS_CONFIG, bus->points[i].device);
    }
}

void gw_modbus_bus_stop(struct gw_modbus_bus *bus) {
    gw_modbus_worker_signal(bus->worker);
    gw_modbus_wire_interrupt(bus->wire);
}

void gw_modbus_bus_drain(struct gw_modbus_bus *bus) {
    gw_modbus_bus_stop(bus);
    gw_modbus_worker_stop(bus->worker);
    bus->worker = NULL;
    size_t turns = bus->pending.capacity / TAKE_MAX + 2;
    for (size_t i = 0; i < turns; i++) {
        take_readings(bus, bus->pending.capacity);
    }
}

/* What was read and is in no commit will not be any more. */
static void tell_left(struct gw_modbus_bus *bus) {
    struct gw_modbus_reading reading;
    while (gw_pending_take(&bus->pending, &reading)
           || (bus->handover && gw_handover_take(bus->handover, &reading))) {
        tell_refused(bus, reading.point, GW_MODBUS_REFUSED_STOPPED,
                     (uint64_t) reading.replaced + 1);
    }
}

void gw_modbus_bus_close(struct gw_modbus_bus *bus) {
    if (!bus) {
        return;
    }
    gw_modbus_wire_interrupt(bus->wire);
    gw_modbus_worker_stop(bus->worker);
    tell_left(bus);
    if (bus->handover) {
        gw_loop_unwatch(bus->options.loop, gw_handover_fd(bus->handover));
    }
    clear_issues(bus);
    gw_poller_close(bus->poller);
    gw_handover_close(bus->handover);
    gw_pending_close(&bus->pending);
    gw_modbus_wire_close(bus->wire);
    free(bus->arena.data);
    free(bus);
}

/* ---- figures ---- */

void gw_modbus_bus_get_figures(struct gw_modbus_bus *bus,
                               struct gw_modbus_bus_figures *ret_figures) {
    struct gw_modbus_bus_condition condition;
    gw_handover_get_bus(bus->handover, &condition);
    size_t down = 0;
    for (size_t i = 0; i < bus->unit_count; i++) {
        down += bus->units[i].is_down;
    }
    *ret_figures = (struct gw_modbus_bus_figures){
        .name = bus->name.ptr,
        .is_connected = condition.is_connected,
        .since_wall_ms = bus->since_wall_ms,
        .polls = condition.polls,
        .overruns = condition.overruns,
        .events = bus->events,
        .units = bus->unit_count,
        .units_down = down,
    };
}

bool gw_modbus_bus_point_figures(const struct gw_modbus_bus *bus, size_t index,
                                 struct gw_modbus_point_figures *ret_figures) {
    if (index >= bus->point_count) {
        return false;
    }
    const struct point *point = &bus->points[index];
    *ret_figures = (struct gw_modbus_point_figures){
        .device = point->device,
        .last_wall_ms = point->last_wall_ms,
        .good = point->has_before && point->before.good,
        .events = point->events,
    };
    return true;
}
