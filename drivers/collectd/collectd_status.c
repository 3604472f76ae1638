/* SPDX-License-Identifier: Apache-2.0 */
/* The snapshot, as ipc.h describes it: the same text for STATUS and status.json. */
#include "drivers/collectd/collectd_internal.h"

#include "firmware/base/crc32c.h"
#include "firmware/base/file.h"
#include "firmware/base/log.h"

/* Left free behind the list of devices, which alone can be long. */
#define DEVICES_RESERVE_BYTES 2048
/* A device not heard of for so long is "quiet". */
#define QUIET_AFTER_MS 3600000

static unsigned long long ull(uint64_t value) {
    return (unsigned long long) value;
}

static void put_time(struct gw_buf *buf, const char *name, int64_t wall_ms) {
    gw_buf_printf(buf, ",\"%s\":\"", name);
    gw_time_put(buf, wall_ms);
    gw_buf_put_char(buf, '"');
}

/* ---- queue ---- */

static void put_class(const struct gw_collectd *collectd, struct gw_buf *buf,
                      enum gw_flow_class class) {
    const struct gw_queue_class_figures *figures = &collectd->figures.classes[class];
    int64_t oldest_wall_ms = collectd->oldest_wall_ms[class];
    int64_t age_ms = gw_clock_wall_ms(&collectd->clock) - oldest_wall_ms;
    gw_buf_printf(
        buf,
        "\"%s\":{\"first\":%llu,\"last\":%llu,\"acked\":%llu,\"bytes\":%llu,"
        "\"oldest_age_ms\":%lld,\"appended\":%llu,\"refused\":%llu,"
        "\"evicted\":%llu,\"trimmed\":%llu}",
        gw_flow_class_name(class), ull(figures->range.first), ull(figures->range.last),
        ull(collectd->watch.acked[class]), ull(figures->bytes),
        oldest_wall_ms == 0 || age_ms < 0 ? 0LL : (long long) age_ms, ull(figures->appended),
        ull(figures->refused), ull(figures->evicted), ull(figures->trimmed));
}

static void put_queue(const struct gw_collectd *collectd, struct gw_buf *buf) {
    static const char *const origins[] = {[GW_QUEUE_REOPENED] = "reopened",
                                          [GW_QUEUE_CREATED] = "created",
                                          [GW_QUEUE_SET_ASIDE] = "set_aside"};
    const struct gw_queue_figures *figures = &collectd->figures;
    char epoch[GW_EPOCH_TEXT_LEN + 1];
    gw_epoch_format(figures->epoch, epoch);
    gw_buf_printf(buf,
                  ",\"queue\":{\"epoch\":\"%s\",\"origin\":\"%s\",\"map_bytes\":%llu,"
                  "\"used_bytes\":%llu,\"commits\":%llu,\"commit_failures\":%llu,"
                  "\"budget_left_bytes\":%llu,\"written_bytes\":%llu,"
                  "\"oldest_reader_age_ms\":%lld",
                  epoch, origins[collectd->opening.origin], ull(figures->map_bytes),
                  ull(figures->used_bytes), ull(figures->commits),
                  ull(figures->commit_failures), ull(figures->budget_left_bytes),
                  ull(figures->estimated_written_bytes),
                  (long long) figures->oldest_reader_age_ms);
    gw_buf_printf(buf, ",\"quarantine\":{\"count\":%llu,\"bytes\":%llu,\"evicted\":%llu}",
                  ull(figures->quarantine_count), ull(figures->quarantine_bytes),
                  ull(figures->quarantine_evicted));
    gw_buf_put_str(buf, GW_STR(",\"classes\":{"));
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        gw_buf_put_str(buf, i > 0 ? GW_STR(",") : GW_STR(""));
        put_class(collectd, buf, (enum gw_flow_class) i);
    }
    gw_buf_put_str(buf, GW_STR("}}"));
}

/* Stores that were set aside and lie there still. */
static void put_asides(const struct gw_collectd *collectd, struct gw_buf *buf) {
    struct gw_queue_aside asides[GW_QUEUE_ASIDES_MAX];
    size_t count = gw_queue_asides_list(collectd->paths.queue, asides);
    gw_buf_put_str(buf, GW_STR(",\"set_aside\":["));
    for (size_t i = 0; i < count; i++) {
        gw_buf_put_str(buf, i > 0 ? GW_STR(",{\"path\":") : GW_STR("{\"path\":"));
        gw_buf_put_json_str(buf, gw_str_from_cstr(asides[i].path));
        gw_buf_printf(buf, ",\"bytes\":%llu,\"salvaged\":%s}", ull(asides[i].bytes),
                      asides[i].is_salvaged ? "true" : "false");
    }
    gw_buf_put_char(buf, ']');
}

/* ---- sources ---- */

static void put_brokers(const struct gw_collectd *collectd, struct gw_buf *buf) {
    gw_buf_put_str(buf, GW_STR(",\"brokers\":["));
    for (size_t i = 0; i < collectd->broker_count; i++) {
        struct gw_broker_figures figures = {.name = collectd->config->brokers[i].name};
        if (collectd->brokers[i]) {
            gw_broker_get_figures(collectd->brokers[i], &figures);
        }
        const char *state = !collectd->brokers[i]   ? "not_open"
                            : figures.is_subscribed ? "connected"
                            : figures.refused       ? "refused"
                                                    : "connecting";
        gw_buf_put_str(buf, i > 0 ? GW_STR(",{\"name\":") : GW_STR("{\"name\":"));
        gw_buf_put_json_str(buf, gw_str_from_cstr(figures.name));
        gw_buf_printf(buf, ",\"state\":\"%s\"", state);
        put_time(buf, "since", figures.since_wall_ms);
        gw_buf_printf(buf, ",\"received\":%llu}", ull(figures.received));
    }
    gw_buf_put_char(buf, ']');
}

static void put_front_door(const struct gw_collectd *collectd, struct gw_buf *buf) {
    struct gw_ingress_figures figures = {0};
    if (collectd->ingress) {
        gw_ingress_get_figures(collectd->ingress, &figures);
    }
    gw_buf_printf(buf,
                  ",\"front_door\":{\"listeners\":%zu,\"listening\":%zu,\"connections\":%zu,"
                  "\"sessions\":%zu,\"received\":%llu}",
                  figures.listeners, figures.listening, figures.connections, figures.sessions,
                  ull(figures.received));
}

/* One element of "devices". */
struct device_line {
    struct gw_str id;
    const char *state;
    int64_t last_wall_ms;
    uint64_t events;
};

static bool put_device(struct gw_buf *buf, const struct device_line *line, bool is_first) {
    if (gw_buf_space(buf) < DEVICES_RESERVE_BYTES) {
        return false;
    }
    gw_buf_put_str(buf, is_first ? GW_STR("{\"id\":") : GW_STR(",{\"id\":"));
    gw_buf_put_json_str(buf, line->id);
    gw_buf_printf(buf, ",\"state\":\"%s\"", line->state);
    if (line->last_wall_ms != 0) {
        put_time(buf, "last", line->last_wall_ms);
    }
    gw_buf_printf(buf, ",\"events\":%llu}", ull(line->events));
    return true;
}

static const char *device_state(const struct gw_collectd *collectd,
                                const struct gw_device_activity *activity) {
    if (activity->last_wall_ms == 0) {
        return "unknown";
    }
    int64_t age_ms = gw_clock_wall_ms(&collectd->clock) - activity->last_wall_ms;
    return age_ms > QUIET_AFTER_MS ? "quiet" : "ok";
}

static void put_devices(const struct gw_collectd *collectd, struct gw_buf *buf) {
    size_t listed = 0, omitted = 0;
    gw_buf_put_str(buf, GW_STR(",\"devices\":["));
    for (size_t i = 0; i < collectd->config->device_count; i++) {
        const struct gw_device_activity *activity = &collectd->activities[i];
        struct device_line line = {
            .id = gw_str_from_cstr(collectd->config->devices[i].id),
            .state = device_state(collectd, activity),
            .last_wall_ms = activity->last_wall_ms,
            .events = activity->events,
        };
        put_device(buf, &line, listed == 0) ? listed++ : omitted++;
    }
    struct gw_bus_view bus;
    for (size_t i = 0; gw_bus_set_look(collectd->buses, i, &bus); i++) {
        struct gw_modbus_point_figures point;
        for (size_t j = 0; bus.bus && gw_modbus_bus_point_figures(bus.bus, j, &point); j++) {
            struct device_line line = {
                .id = point.device,
                .state = point.last_wall_ms == 0 ? "unknown"
                         : point.good            ? "ok"
                                                 : "faulty",
                .last_wall_ms = point.last_wall_ms,
                .events = point.events,
            };
            put_device(buf, &line, listed == 0) ? listed++ : omitted++;
        }
    }
    gw_buf_printf(buf, "],\"devices_omitted\":%zu", omitted);
}

/* ---- the whole ---- */

static void put_sections(void *context, struct gw_buf *buf) {
    const struct gw_collectd *collectd = context;
    gw_buf_printf(buf, ",\"config\":{\"revision\":%llu,\"hash\":\"%s\",\"fell_back\":%s}",
                  ull(collectd->config->revision), collectd->config->hash,
                  collectd->fell_back ? "true" : "false");
    put_queue(collectd, buf);
    put_asides(collectd, buf);
    put_brokers(collectd, buf);
    put_front_door(collectd, buf);
    gw_collectd_put_buses(collectd, buf);
    gw_collectd_put_feeds(collectd, buf);
    put_devices(collectd, buf);
}

enum gw_err gw_collectd_put_status(struct gw_collectd *collectd, struct gw_buf *buf) {
    gw_queue_get_figures(collectd->queue, &collectd->figures);
    return gw_health_put_snapshot(collectd->health, buf, put_sections, collectd);
}

/* CRC of what follows the time of day and the uptime. */
static uint32_t crc_of_content(struct gw_str text) {
    static const char verdict[] = "\"verdict\":";
    for (size_t i = 0; i + sizeof verdict <= text.len; i++) {
        if (gw_str_starts_with(gw_str_sub(text, i, SIZE_MAX), GW_STR("\"verdict\":"))) {
            return gw_crc32c(0, gw_bytes_from_str(gw_str_sub(text, i, SIZE_MAX)));
        }
    }
    return 0;
}

void gw_collectd_write_status(struct gw_collectd *collectd) {
    gw_buf_clear(&collectd->snapshot);
    if (gw_health_put_snapshot(collectd->health, &collectd->snapshot, put_sections, collectd)) {
        gw_log_debug(GW_COLLECTD_ROOM, "the snapshot does not fit bytes=%zu",
                     collectd->snapshot.cap);
        return;
    }
    uint32_t crc = crc_of_content(gw_buf_str(&collectd->snapshot));
    if (crc == collectd->snapshot_crc) {
        return;
    }
    enum gw_err err = gw_file_replace_volatile(collectd->paths.status,
                                               gw_buf_bytes(&collectd->snapshot), 0644);
    if (err) {
        gw_log_debug(GW_COLLECTD_ROOM, "snapshot not written err=%s", gw_err_name(err));
        return;
    }
    collectd->snapshot_crc = crc;
}
