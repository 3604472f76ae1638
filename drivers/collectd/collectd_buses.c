/* SPDX-License-Identifier: Apache-2.0 */
/* The buses in the snapshot, as ipc.h describes them. */
#include "drivers/collectd/collectd_internal.h"

/* Left free for what comes behind. */
#define RESERVE_BYTES 65536
#define HOLES_SHOWN 32

static unsigned long long ull(uint64_t value) {
    return (unsigned long long) value;
}

static void put_failure(const struct gw_modbus_bus *bus,
                        const struct gw_modbus_unit_condition *unit, struct gw_buf *buf) {
    char storage[GW_MODBUS_FAILURE_MAX_BYTES];
    struct gw_buf text;
    gw_buf_init(&text, storage, sizeof storage);
    gw_modbus_bus_put_failure(bus, unit, &text);
    gw_buf_put_str(buf, GW_STR(",\"detail\":"));
    gw_buf_put_json_str(buf, gw_buf_str(&text));
}

static void put_unit(const struct gw_modbus_bus *bus,
                     const struct gw_modbus_unit_condition *unit, struct gw_buf *buf) {
    gw_buf_printf(buf,
                  "{\"unit\":%u,\"state\":\"%s\",\"polls\":%llu,\"failures\":%llu,"
                  "\"late_p50_ms\":%u,\"late_p99_ms\":%u,\"late_max_ms\":%u",
                  (unsigned) unit->unit_id,
                  unit->is_down      ? "down"
                  : unit->fault != 0 ? "faulty"
                                     : "ok",
                  ull(unit->polls), ull(unit->failures), unit->lateness.p50_ms,
                  unit->lateness.p99_ms, unit->lateness.max_ms);
    if (unit->is_down) {
        put_failure(bus, unit, buf);
    }
    gw_buf_put_char(buf, '}');
}

/* None while the bus waits. */
static void put_units(struct gw_modbus_bus *bus, struct gw_buf *buf) {
    struct gw_modbus_unit_condition unit;
    size_t listed = 0, omitted = 0;
    gw_buf_put_str(buf, GW_STR(",\"unit_states\":["));
    for (size_t i = 0; bus && gw_modbus_bus_unit_figures(bus, i, &unit); i++) {
        if (gw_buf_space(buf) < RESERVE_BYTES) {
            omitted++;
            continue;
        }
        gw_buf_put_str(buf, listed > 0 ? GW_STR(",") : GW_STR(""));
        put_unit(bus, &unit, buf);
        listed++;
    }
    gw_buf_printf(buf, "],\"unit_states_omitted\":%zu", omitted);
}

/* Wire addresses. */
static void put_hole(struct gw_buf *buf, const struct gw_modbus_hole *hole) {
    gw_buf_printf(buf, "{\"unit\":%u,\"area\":\"%s\",", (unsigned) hole->unit_id,
                  gw_point_area_name((enum gw_modbus_area) hole->area));
    if (hole->count == 0) {
        gw_buf_printf(buf, "\"seam_before\":%u}", (unsigned) hole->address);
    } else {
        gw_buf_printf(buf, "\"first\":%u,\"last\":%u,\"gap\":%s}", (unsigned) hole->address,
                      (unsigned) hole->address + hole->count - 1u,
                      hole->is_gap ? "true" : "false");
    }
}

static void put_holes(struct gw_buf *buf, const struct gw_modbus_holes *holes) {
    size_t listed = 0;
    gw_buf_put_str(buf, GW_STR(",\"holes\":["));
    for (; listed < holes->count && listed < HOLES_SHOWN; listed++) {
        gw_buf_put_str(buf, listed > 0 ? GW_STR(",") : GW_STR(""));
        put_hole(buf, &holes->entries[listed]);
    }
    gw_buf_printf(buf, "],\"holes_omitted\":%zu", holes->count - listed);
}

/* Those that there were. */
static void put_wrong(struct gw_buf *buf, const struct gw_modbus_wire_figures *wire) {
    const char *before = "";
    gw_buf_put_str(buf, GW_STR(",\"wrong\":{"));
    for (enum gw_modbus_wrong_kind kind = GW_WRONG_NOTHING + 1; kind < GW_WRONG_KINDS; kind++) {
        if (wire->wrong[kind] > 0) {
            gw_buf_printf(buf, "%s\"%s\":%llu", before, gw_modbus_wrong_name(kind),
                          ull(wire->wrong[kind]));
            before = ",";
        }
    }
    gw_buf_put_char(buf, '}');
}

static void put_wire(struct gw_buf *buf, const struct gw_modbus_wire_figures *wire) {
    gw_buf_printf(buf,
                  ",\"wire\":{\"requests\":%llu,\"given_up\":%llu,\"fences\":%llu,"
                  "\"late\":%llu,\"stray_bytes\":%llu,\"slips\":%llu,\"connects\":%llu",
                  ull(wire->requests), ull(wire->given_up), ull(wire->fences), ull(wire->late),
                  ull(wire->stray_bytes), ull(wire->slips), ull(wire->connects));
    put_wrong(buf, wire);
    gw_buf_put_char(buf, '}');
}

static const char *state_name(const struct gw_bus_view *view, bool is_connected) {
    switch (view->state) {
    case GW_BUS_STOPPING:
        return "stopping";
    case GW_BUS_WAITING:
        return "waiting";
    default:
        return is_connected ? "connected" : "connecting";
    }
}

/* What keeps it from running as it is configured. */
static void put_detail(const struct gw_bus_view *view, struct gw_buf *buf) {
    if (view->state == GW_BUS_STOPPING) {
        gw_buf_put_str(buf, GW_STR(",\"detail\":\"it ends what it has under way\""));
    } else if (view->state == GW_BUS_WAITING && view->waits_for) {
        gw_buf_printf(buf, ",\"detail\":\"until bus %s has stopped\"", view->waits_for);
    } else if (view->state == GW_BUS_WAITING && view->opening) {
        gw_buf_printf(buf, ",\"detail\":\"it cannot be opened: %s\"",
                      gw_err_name(view->opening));
    }
}

static void put_bus(const struct gw_bus_view *view, struct gw_buf *buf) {
    static const struct gw_modbus_holes no_holes;
    struct gw_modbus_bus_figures figures = {.holes = &no_holes};
    if (view->bus) {
        gw_modbus_bus_get_figures(view->bus, &figures);
    }
    gw_buf_put_str(buf, GW_STR("{\"name\":"));
    gw_buf_put_json_str(buf, gw_str_from_cstr(view->name));
    gw_buf_printf(buf, ",\"state\":\"%s\",\"since\":\"",
                  state_name(view, figures.is_connected));
    gw_time_put(buf, view->state == GW_BUS_RUNS ? figures.since_wall_ms : view->since_wall_ms);
    gw_buf_printf(buf,
                  "\",\"polls\":%llu,\"overruns\":%llu,\"events\":%llu,\"units\":%zu,"
                  "\"units_down\":%zu,\"load_percent\":%u,\"dead_percent\":%u",
                  ull(figures.polls), ull(figures.overruns), ull(figures.events), figures.units,
                  figures.units_down, figures.load_percent, figures.dead_percent);
    put_detail(view, buf);
    put_wire(buf, &figures.wire);
    put_units(view->bus, buf);
    put_holes(buf, figures.holes);
    gw_buf_put_char(buf, '}');
}

void gw_collectd_put_buses(const struct gw_collectd *collectd, struct gw_buf *buf) {
    struct gw_bus_view view;
    gw_buf_put_str(buf, GW_STR(",\"buses\":["));
    for (size_t i = 0; gw_bus_set_look(collectd->buses, i, &view); i++) {
        gw_buf_put_str(buf, i > 0 ? GW_STR(",") : GW_STR(""));
        put_bus(&view, buf);
    }
    gw_buf_put_char(buf, ']');
}
