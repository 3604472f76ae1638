/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/bus_internal.h"

#include <stdlib.h>

#include "drivers/profile/profile.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/random.h"

GW_DEFINE_CLEANUP(struct gw_modbus_bus *, gw_modbus_bus_close, closep)

static void on_handover(void *context, int fd, unsigned events) {
    (void) fd;
    (void) events;
    struct gw_modbus_bus *bus = context;
    gw_handover_drain_fd(bus->handover);
    bus_settle_conditions(bus);
    if (bus->retry_mono_ms == GW_NEVER_MS && !bus->is_stalled) {
        bus_take_readings(bus, bus->max_pending);
    }
}

/* The descriptor stays readable: once is enough. */
static void on_ended(void *context, int fd, unsigned events) {
    (void) events;
    struct gw_modbus_bus *bus = context;
    gw_loop_unwatch(bus->options.loop, fd);
    bus->has_ended = true;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static bool is_to_be_cut(const struct gw_modbus_bus *bus) {
    return bus->cut_mono_ms != 0 && !bus->is_cut && !bus->has_ended;
}

static void cut(struct gw_modbus_bus *bus) {
    bus->is_cut = true;
    gw_modbus_wire_interrupt(bus->wire);
}

int64_t gw_modbus_bus_next_mono_ms(const struct gw_modbus_bus *bus) {
    int64_t next_mono_ms = earlier(bus->retry_mono_ms, bus_holes_next_mono_ms(bus));
    next_mono_ms = earlier(next_mono_ms, is_to_be_cut(bus) ? bus->cut_mono_ms : GW_NEVER_MS);
    next_mono_ms = earlier(next_mono_ms, gw_modbus_scales_next_mono_ms(bus->scales));
    return earlier(next_mono_ms, gw_modbus_jobs_next_mono_ms(bus->jobs));
}

void gw_modbus_bus_tick(struct gw_modbus_bus *bus) {
    gw_modbus_jobs_tick(bus->jobs);
    bus_store_holes(bus, false);
    gw_modbus_scales_tick(bus->scales);
    if (bus->retry_mono_ms <= bus_now(bus)) {
        bus_take_readings(bus, bus->max_pending);
    }
    if (is_to_be_cut(bus) && bus_now(bus) >= bus->cut_mono_ms) {
        cut(bus);
    }
}

enum gw_err gw_modbus_bus_ask(struct gw_modbus_bus *bus, const struct gw_modbus_job *job,
                              int64_t deadline_mono_ms, gw_modbus_job_done *done, void *context,
                              uint64_t token) {
    return gw_modbus_jobs_post(bus->jobs, job, deadline_mono_ms, done, context, token);
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

static enum gw_err name_device(struct gw_modbus_bus *bus, struct bus_point *point,
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
            err = copy_text(bus, config->points[i].offset, &copy->offset);
        }
        if (!err) {
            err = copy_text(bus, config->points[i].dead_band, &copy->dead_band);
        }
        if (!err) {
            err = copy_text(bus, config->points[i].invalid, &copy->invalid);
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
    size_t per_point = sizeof(struct gw_config_point) + sizeof(struct bus_point) + 6 * per_text;
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

/* Buses of one gateway start together; their reads need not stay together. */
static uint32_t draw_phase(void) {
    uint32_t random = 0;
    gw_random_bytes(&random, sizeof random);
    return random;
}

static size_t room_for(size_t points) {
    size_t readings = 4 * points;
    return readings < BUS_READINGS_MIN   ? BUS_READINGS_MIN
           : readings > BUS_READINGS_MAX ? BUS_READINGS_MAX
                                         : readings;
}

static enum gw_err open_scales(struct gw_modbus_bus *bus, const struct gw_config_bus *config) {
    struct gw_installed folder = gw_profile_folder();
    const struct gw_modbus_scales_options options = {
        .config = config,
        .points = bus->configs,
        .bus_name = bus->name,
        .profile_folder = folder.path,
        .intake = bus->options.intake,
        .loop = bus->options.loop,
        .clock = bus->options.clock,
        .health = bus->options.health,
        .refused = bus->options.refused,
        .refused_context = bus->options.refused_context,
    };
    return gw_modbus_scales_open(&options, &bus->scales);
}

static enum gw_err start(struct gw_modbus_bus *bus, const struct gw_config_bus *config) {
    bus->max_pending = room_for(bus->point_count);
    bus->is_line = config->transport == GW_BUS_RTU;
    const struct gw_modbus_wire_options wire = {
        .config = config,
        .rest_every_ms = GW_MODBUS_REST_EVERY_MS,
    };
    enum gw_err err = gw_modbus_wire_open(&wire, &bus->wire);
    if (!err) {
        err = gw_handover_open(bus->point_count + 1, bus->unit_count + 1, bus->max_pending,
                               &bus->handover);
    }
    if (!err) {
        err = gw_pending_open(&bus->pending, 2 * bus->max_pending + bus->point_count + 1);
    }
    if (!err) {
        err = gw_modbus_jobs_open(bus->options.loop, bus->options.clock, &bus->jobs);
    }
    if (err) {
        return err;
    }
    err = open_scales(bus, config);
    if (err) {
        return err;
    }
    bus_load_holes(bus, config);
    struct gw_poller_options options = {
        .points = bus->configs,
        .count = bus->point_count,
        .max_gap = config->max_gap,
        .max_registers = config->max_registers,
        .dead_share_percent = config->dead_share_percent,
        .probe_max_ms = config->transport == GW_BUS_TCP ? config->timeout_ms : 0,
        .phase_ms = draw_phase(),
        .holes = &bus->holes.known,
        .transport = gw_modbus_wire_transport(bus->wire),
        .clock = bus->options.clock,
        .handover = bus->handover,
        .scales = bus->scales,
    };
    err = gw_poller_open(&options, &bus->poller);
    if (!err) {
        err = gw_loop_watch(bus->options.loop, gw_handover_fd(bus->handover), GW_LOOP_READ,
                            on_handover, bus);
    }
    if (!err) {
        err = gw_modbus_worker_start(bus->poller, bus->jobs, bus->options.clock, &bus->worker);
    }
    return err ? err
               : gw_loop_watch(bus->options.loop, gw_modbus_worker_ended_fd(bus->worker),
                               GW_LOOP_READ, on_ended, bus);
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

void gw_modbus_bus_stop(struct gw_modbus_bus *bus) {
    if (bus->cut_mono_ms == 0) {
        bus->cut_mono_ms = bus_now(bus) + GW_MODBUS_STOP_WAIT_MS;
    }
    gw_modbus_worker_signal(bus->worker);
    /* A write under way is let end, if it does so soon: its outcome would not be known
     * otherwise. */
    if (!gw_modbus_jobs_stop(bus->jobs)) {
        cut(bus);
    }
}

bool gw_modbus_bus_has_ended(const struct gw_modbus_bus *bus) {
    return bus->has_ended;
}

static void end_worker(struct gw_modbus_bus *bus) {
    if (bus->worker) {
        gw_loop_unwatch(bus->options.loop, gw_modbus_worker_ended_fd(bus->worker));
        gw_modbus_worker_stop(bus->worker);
        bus->worker = NULL;
        bus->has_ended = true;
    }
}

void gw_modbus_bus_drain(struct gw_modbus_bus *bus) {
    gw_modbus_bus_stop(bus);
    if (!gw_modbus_worker_wait(bus->worker, bus->cut_mono_ms - bus_now(bus))) {
        cut(bus);
    }
    end_worker(bus);
    gw_modbus_jobs_end(bus->jobs);
    bus_take_holes(bus);
    bus_store_holes(bus, true);
    size_t turns = bus->pending.capacity / BUS_TAKE_MAX + 2;
    for (size_t i = 0; i < turns; i++) {
        bus_take_readings(bus, bus->pending.capacity);
    }
    (void) gw_modbus_scales_submit_rest(bus->scales);
}

bool gw_modbus_bus_profiles_have_changed(const struct gw_modbus_bus *bus) {
    return gw_modbus_scales_profiles_have_changed(bus->scales);
}

bool gw_modbus_bus_submit_rest(struct gw_modbus_bus *bus) {
    return gw_modbus_scales_submit_rest(bus->scales);
}

void gw_modbus_bus_close(struct gw_modbus_bus *bus) {
    if (!bus) {
        return;
    }
    cut(bus);
    end_worker(bus);
    gw_modbus_jobs_close(bus->jobs);
    bus_tell_left(bus);
    if (bus->handover) {
        gw_loop_unwatch(bus->options.loop, gw_handover_fd(bus->handover));
    }
    bus_clear_issues(bus);
    gw_poller_close(bus->poller);
    gw_modbus_scales_close(bus->scales);
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
        down += bus->units[i].condition.is_down;
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
        .load_percent = condition.load_percent,
        .dead_percent = condition.dead_percent,
        .wire = condition.wire,
        .holes = &bus->holes.known,
    };
}

bool gw_modbus_bus_unit_figures(struct gw_modbus_bus *bus, size_t index,
                                struct gw_modbus_unit_condition *ret_condition) {
    if (index >= bus->unit_count) {
        return false;
    }
    gw_handover_get_unit(bus->handover, index, ret_condition);
    return true;
}

bool gw_modbus_bus_point_figures(const struct gw_modbus_bus *bus, size_t index,
                                 struct gw_modbus_point_figures *ret_figures) {
    if (index >= bus->point_count) {
        return gw_modbus_scales_figures(bus->scales, index - bus->point_count, ret_figures);
    }
    const struct bus_point *point = &bus->points[index];
    *ret_figures = (struct gw_modbus_point_figures){
        .device = point->device,
        .last_wall_ms = point->last_wall_ms,
        .good = point->has_before && point->before.good,
        .events = point->events,
    };
    return true;
}
