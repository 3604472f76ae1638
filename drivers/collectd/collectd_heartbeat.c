/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway says of itself: that it started and on what store, and once a
 * minute how it is. Members in sorted order: event data is canonical JSON. */
#include "drivers/collectd/collectd_internal.h"

#include "firmware/base/cleanup.h"
#include "firmware/base/log.h"

#define HEARTBEAT_MS 60000
/* So many issues are named; a gateway with more has been understood. */
#define ISSUES_MAX 32

/* The classes sorted by name, as canonical JSON wants them. */
static const enum gw_flow_class by_name[] = {GW_CLASS_AUDIT, GW_CLASS_BUSINESS, GW_CLASS_STATE,
                                             GW_CLASS_TELEMETRY};
_Static_assert(GW_ARRAY_LEN(by_name) == GW_CLASS_COUNT, "every class has its place");

static void put_name(struct gw_buf *buf, const char *name) {
    gw_buf_put_json_str(buf, gw_str_from_cstr(name));
    gw_buf_put_char(buf, ':');
}

static void put_text(struct gw_buf *buf, const char *name, struct gw_str text) {
    gw_buf_put_char(buf, ',');
    put_name(buf, name);
    gw_buf_put_json_str(buf, text);
}

/* ---- gateway.started ---- */

static void put_previous(struct gw_buf *buf, const struct gw_queue_opening *opening) {
    char epoch[GW_EPOCH_TEXT_LEN + 1];
    gw_epoch_format(opening->previous_epoch, epoch);
    put_text(buf, "previousepoch", gw_str_from_cstr(epoch));
    gw_buf_printf(buf, ",\"previousexact\":%s,\"previousheads\":{",
                  opening->previous_exact ? "true" : "false");
    for (size_t i = 0; i < GW_CLASS_COUNT; i++) {
        gw_buf_put_str(buf, i > 0 ? GW_STR(",") : GW_STR(""));
        put_name(buf, gw_flow_class_name(by_name[i]));
        gw_buf_printf(buf, "\"%llu\"",
                      (unsigned long long) opening->previous_heads[by_name[i]]);
    }
    gw_buf_put_char(buf, '}');
}

enum gw_err gw_collectd_tell_started(struct gw_collectd *collectd) {
    static const char *const origins[] = {[GW_QUEUE_REOPENED] = "reopened",
                                          [GW_QUEUE_CREATED] = "created",
                                          [GW_QUEUE_SET_ASIDE] = "set_aside"};
    const struct gw_queue_opening *opening = &collectd->opening;
    struct gw_buf *buf = &collectd->data;
    gw_buf_clear(buf);
    gw_buf_printf(buf, "{\"configrevision\":%llu",
                  (unsigned long long) collectd->config->revision);
    put_text(buf, "configrevisionhash", gw_str_from_cstr(collectd->config->hash));
    if (opening->origin != GW_QUEUE_REOPENED && opening->has_previous) {
        put_previous(buf, opening);
    }
    put_text(buf, "program", GW_STR("gw-collectd"));
    put_text(buf, "storeorigin", gw_str_from_cstr(origins[opening->origin]));
    if (opening->set_aside_reason[0] != '\0') {
        put_text(buf, "storereason", gw_str_from_cstr(opening->set_aside_reason));
    }
    put_text(buf, "version", gw_str_from_cstr(GW_VERSION));
    gw_buf_put_char(buf, '}');
    struct gw_event_draft draft = {
        .type = GW_EVENT_GATEWAY_STARTED,
        .class = gw_event_type_find(GW_EVENT_GATEWAY_STARTED)->default_class,
        .time_wall_ms = gw_clock_wall_ms(&collectd->clock),
        .device = GW_STR("gateway"),
        .data = gw_buf_str(buf),
    };
    struct gw_unit unit = {.events = &draft, .event_count = 1};
    return gw_collectd_commit_unit(collectd, &unit);
}

/* ---- gateway.heartbeat ---- */

static uint64_t waiting(const struct gw_collectd *collectd, enum gw_flow_class class) {
    uint64_t head = collectd->figures.classes[class].range.last;
    uint64_t acked = collectd->watch.acked[class];
    return head > acked ? head - acked : 0;
}

static uint64_t oldest_ms(const struct gw_collectd *collectd, enum gw_flow_class class) {
    int64_t oldest_wall_ms = collectd->oldest_wall_ms[class];
    int64_t age_ms = gw_clock_wall_ms(&collectd->clock) - oldest_wall_ms;
    return oldest_wall_ms == 0 || age_ms < 0 ? 0 : (uint64_t) age_ms;
}

typedef uint64_t class_figure(const struct gw_collectd *collectd, enum gw_flow_class class);

static void put_by_class(struct gw_collectd *collectd, const char *name, class_figure *figure) {
    struct gw_buf *buf = &collectd->data;
    put_name(buf, name);
    gw_buf_put_char(buf, '{');
    for (size_t i = 0; i < GW_CLASS_COUNT; i++) {
        gw_buf_put_str(buf, i > 0 ? GW_STR(",") : GW_STR(""));
        put_name(buf, gw_flow_class_name(by_name[i]));
        gw_buf_put_u64(buf, figure(collectd, by_name[i]));
    }
    gw_buf_put_char(buf, '}');
}

static void put_heads(struct gw_collectd *collectd) {
    struct gw_buf *buf = &collectd->data;
    gw_buf_put_str(buf, GW_STR(",\"heads\":{"));
    for (size_t i = 0; i < GW_CLASS_COUNT; i++) {
        gw_buf_put_str(buf, i > 0 ? GW_STR(",") : GW_STR(""));
        put_name(buf, gw_flow_class_name(by_name[i]));
        gw_buf_printf(buf, "\"%llu\"",
                      (unsigned long long) collectd->figures.classes[by_name[i]].range.last);
    }
    gw_buf_put_char(buf, '}');
}

static void put_issues(struct gw_collectd *collectd) {
    struct gw_buf *buf = &collectd->data;
    struct gw_issue_view issue;
    gw_buf_put_str(buf, GW_STR(",\"issues\":["));
    for (size_t i = 0; i < ISSUES_MAX && gw_health_issue_at(collectd->health, i, &issue); i++) {
        gw_buf_printf(buf, "%s{\"code\":%d", i > 0 ? "," : "", (int) issue.info->code);
        put_text(buf, "name", gw_str_from_cstr(issue.info->name));
        put_text(buf, "severity",
                 gw_str_from_cstr(gw_severity_name((int) issue.info->severity)));
        put_text(buf, "subject", issue.subject);
        gw_buf_put_char(buf, '}');
    }
    gw_buf_put_char(buf, ']');
}

static void put_heartbeat(struct gw_collectd *collectd, int64_t now_mono_ms) {
    struct gw_buf *buf = &collectd->data;
    gw_buf_clear(buf);
    gw_buf_put_char(buf, '{');
    put_by_class(collectd, "backlog", waiting);
    put_heads(collectd);
    put_issues(collectd);
    gw_buf_put_char(buf, ',');
    put_by_class(collectd, "oldestms", oldest_ms);
    put_text(buf, "program", GW_STR("gw-collectd"));
    gw_buf_printf(buf, ",\"uptimems\":%lld",
                  (long long) (now_mono_ms - collectd->opened_mono_ms));
    put_text(buf, "verdict",
             gw_str_from_cstr(gw_severity_name(gw_health_verdict(collectd->health))));
    put_text(buf, "version", gw_str_from_cstr(GW_VERSION));
    gw_buf_put_char(buf, '}');
}

enum gw_err gw_collectd_beat(struct gw_collectd *collectd, int64_t now_mono_ms) {
    int verdict = gw_health_verdict(collectd->health);
    if (now_mono_ms < collectd->next_heartbeat_mono_ms
        && verdict == collectd->heartbeat_verdict) {
        return GW_OK;
    }
    put_heartbeat(collectd, now_mono_ms);
    struct gw_collectd_event event = {.type = GW_EVENT_GATEWAY_HEARTBEAT,
                                      .data = gw_buf_str(&collectd->data)};
    /* A heartbeat that finds no room is no loss: the next one says the same. */
    enum gw_err err = gw_collectd_submit_event(collectd, &event);
    if (err) {
        gw_log_debug(GW_COLLECTD_ROOM, "heartbeat not stored err=%s", gw_err_name(err));
    }
    collectd->heartbeat_verdict = verdict;
    collectd->next_heartbeat_mono_ms = now_mono_ms + HEARTBEAT_MS;
    return err == GW_ERR_FATAL ? err : GW_OK;
}
