/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/collectd/collectd_internal.h"
#include "drivers/profile/profile.h"

#include <stdlib.h>

#include "firmware/base/log.h"

/* Room for an issue that ends a while after the last refusal. */
#define REFUSED_SHOWN_MS 600000

void gw_collectd_count_refused(struct gw_collectd *collectd, const struct gw_refused *refused) {
    gw_refusals_add(&collectd->refusals, refused, gw_clock_wall_ms(&collectd->clock));
    collectd->refused_mono_ms = gw_clock_mono_ms(&collectd->clock);
    gw_health_raise(collectd->health, GW_ISSUE_CAPTURE_REFUSED, (struct gw_str){0},
                    "%llu observations that could not be held back were lost since the start",
                    (unsigned long long) collectd->refusals.total);
}

static void on_refused(void *context, struct gw_str device, enum gw_flow_class class,
                       uint64_t count) {
    struct gw_refused refused = {device, class, GW_REFUSED_FULL, count};
    gw_collectd_count_refused(context, &refused);
}

static void on_commit_failed(void *context, struct gw_str device, enum gw_flow_class class,
                             uint64_t count) {
    struct gw_refused refused = {device, class, GW_REFUSED_FAILED, count};
    gw_collectd_count_refused(context, &refused);
}

static void on_bus_refused(void *context, struct gw_str device, enum gw_flow_class class,
                           enum gw_modbus_refusal why, uint64_t count) {
    static const enum gw_refusal_reason reasons[] = {
        [GW_MODBUS_REFUSED_FULL] = GW_REFUSED_FULL,
        [GW_MODBUS_REFUSED_INVALID] = GW_REFUSED_INVALID,
        [GW_MODBUS_REFUSED_STOPPED] = GW_REFUSED_STOPPED,
    };
    struct gw_refused refused = {device, class, reasons[why], count};
    gw_collectd_count_refused(context, &refused);
}

/* An issue while `what` and its name are not open. */
static void note_opening(struct gw_collectd *collectd, const char *what, const char *name,
                         enum gw_err err) {
    char storage[300];
    struct gw_buf subject;
    gw_buf_init(&subject, storage, sizeof storage);
    gw_buf_printf(&subject, "%s%s", what, name);
    if (err) {
        gw_health_raise(collectd->health, GW_ISSUE_SOURCE_NOT_OPEN, gw_buf_str(&subject),
                        "it cannot be opened: %s", gw_err_name(err));
    } else {
        gw_health_clear(collectd->health, GW_ISSUE_SOURCE_NOT_OPEN, gw_buf_str(&subject));
    }
}

/* ---- brokers ---- */

struct gw_broker_devices gw_collectd_devices(const struct gw_collectd *collectd) {
    return (struct gw_broker_devices){.configs = collectd->config->devices,
                                      .activities = collectd->activities,
                                      .count = collectd->config->device_count};
}

void gw_collectd_open_profiles(const struct gw_config *config,
                               struct gw_device_activity *activities) {
    struct gw_installed folder = gw_profile_folder();
    for (size_t i = 0; i < config->device_count; i++) {
        const struct gw_config_device *device = &config->devices[i];
        struct gw_observe_profile *profile = NULL;
        if (device->profile[0] == '\0'
            || gw_observe_profile_open(folder.path, device->profile, &profile)) {
            continue;
        }
        struct gw_str fault = gw_observe_profile_fault(profile);
        if (fault.len > 0) {
            gw_log_error(GW_COLLECTD_ROOM, "its messages go to the quarantine device=%s %.*s",
                         device->id, GW_STR_ARG(fault));
        }
        gw_observe_profile_close(activities[i].profile);
        activities[i].profile = profile;
    }
}

struct gw_device_activity *gw_collectd_make_activities(const struct gw_config *config) {
    struct gw_device_activity *activities =
        calloc(config->device_count + 1, sizeof(struct gw_device_activity));
    if (activities) {
        gw_collectd_open_profiles(config, activities);
    }
    return activities;
}

void gw_collectd_free_activities(const struct gw_config *config,
                                 struct gw_device_activity *activities) {
    for (size_t i = 0; activities && i < config->device_count; i++) {
        gw_observe_profile_close(activities[i].profile);
    }
    free(activities);
}

static enum gw_err open_broker(struct gw_collectd *collectd, size_t index) {
    const struct gw_config_broker *config = &collectd->config->brokers[index];
    const struct gw_broker_options options = {
        .config = config,
        .devices = gw_collectd_devices(collectd),
        .intake = collectd->intake,
        .loop = collectd->loop,
        .clock = &collectd->clock,
        .health = collectd->health,
        .refused = on_refused,
        .commit_failed = on_commit_failed,
        .refused_context = collectd,
    };
    enum gw_err err = gw_broker_open(&options, &collectd->brokers[index]);
    note_opening(collectd, "broker ", config->name, err);
    return err;
}

enum gw_err gw_collectd_open_brokers(struct gw_collectd *collectd) {
    const struct gw_config *config = collectd->config;
    if (!collectd->brokers) {
        collectd->brokers = calloc(config->broker_count + 1, sizeof(struct gw_broker *));
        collectd->broker_count = collectd->brokers ? config->broker_count : 0;
    }
    note_opening(collectd, "brokers", "", collectd->brokers ? GW_OK : GW_ERR_NOMEM);
    enum gw_err err = collectd->brokers ? GW_OK : GW_ERR_NOMEM;
    for (size_t i = 0; i < collectd->broker_count; i++) {
        if (!collectd->brokers[i]) {
            enum gw_err failed = open_broker(collectd, i);
            err = err ? err : failed;
        }
    }
    return err;
}

void gw_collectd_close_brokers(struct gw_collectd *collectd) {
    for (size_t i = 0; i < collectd->broker_count; i++) {
        if (collectd->brokers[i]) {
            gw_broker_close(collectd->brokers[i]);
        } else {
            note_opening(collectd, "broker ", collectd->config->brokers[i].name, GW_OK);
        }
    }
    free(collectd->brokers);
    collectd->brokers = NULL;
    collectd->broker_count = 0;
}

/* ---- the front door ---- */

static void on_taken(void *context, struct gw_str topic, struct gw_bytes payload) {
    struct gw_collectd *collectd = context;
    for (size_t i = 0; i < collectd->broker_count; i++) {
        if (collectd->brokers[i]) {
            gw_broker_republish(collectd->brokers[i], topic, payload);
        }
    }
}

enum gw_err gw_collectd_open_ingress(struct gw_collectd *collectd) {
    const struct gw_config_ingress *config = &collectd->config->ingress;
    if (config->listener_count == 0 || collectd->ingress) {
        return GW_OK;
    }
    struct gw_ingress_options options = {
        .config = config,
        .devices = gw_collectd_devices(collectd),
        .credentials_path = collectd->paths.credentials,
        .intake = collectd->intake,
        .loop = collectd->loop,
        .clock = &collectd->clock,
        .health = collectd->health,
        .refused = on_refused,
        .commit_failed = on_commit_failed,
        .refused_context = collectd,
        .taken = on_taken,
        .taken_context = collectd,
    };
    return gw_ingress_open(&options, &collectd->ingress);
}

void gw_collectd_close_ingress(struct gw_collectd *collectd) {
    gw_ingress_close(collectd->ingress);
    collectd->ingress = NULL;
}

/* ---- buses ---- */

static enum gw_err commit_queue(void *context) {
    struct gw_collectd *collectd = context;
    return gw_queue_commit(collectd->queue);
}

static enum gw_err open_bus_set(struct gw_collectd *collectd) {
    const struct gw_bus_set_options options = {
        .intake = collectd->intake,
        .loop = collectd->loop,
        .clock = &collectd->clock,
        .health = collectd->health,
        .refused = on_bus_refused,
        .refused_context = collectd,
        .commit = commit_queue,
        .commit_context = collectd,
    };
    return gw_bus_set_open(&options, &collectd->buses);
}

enum gw_err gw_collectd_open_buses(struct gw_collectd *collectd) {
    const struct gw_config *config = collectd->config;
    enum gw_err err = collectd->buses ? GW_OK : open_bus_set(collectd);
    if (!err) {
        err = gw_bus_set_configure(collectd->buses, config->buses, config->bus_count);
    }
    if (err && collectd->buses) {
        gw_collectd_close_buses(collectd); /* it still has the old configuration */
    }
    gw_collectd_point_writes(collectd);
    return err;
}

void gw_collectd_close_buses(struct gw_collectd *collectd) {
    gw_bus_set_close(collectd->buses);
    collectd->buses = NULL;
    gw_collectd_hold_writes(collectd);
}

/* ---- all of them ---- */

enum gw_err gw_collectd_open_sources(struct gw_collectd *collectd, unsigned parts) {
    /* Feeds first: a port of theirs may be another's now. */
    static const struct {
        enum gw_config_part part;
        enum gw_err (*open)(struct gw_collectd *collectd);
        const char *name; /* NULL: it tells of each of its own */
    } table[] = {
        {GW_PART_FEEDS, gw_collectd_open_feeds, "feeds"},
        {GW_PART_BROKERS, gw_collectd_open_brokers, NULL},
        {GW_PART_INGRESS, gw_collectd_open_ingress, "front door"},
        {GW_PART_BUSES, gw_collectd_open_buses, "buses"},
    };
    enum gw_err first = GW_OK;
    parts |= collectd->unopened;
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        if ((parts & table[i].part) == 0) {
            continue;
        }
        enum gw_err err = table[i].open(collectd);
        if (table[i].name) {
            note_opening(collectd, table[i].name, "", err);
        }
        collectd->unopened &= ~(unsigned) table[i].part;
        collectd->unopened |= err ? (unsigned) table[i].part : 0u;
        first = first ? first : err;
    }
    return first;
}

/* ---- loss records ---- */

static void note_told(void *context, uint64_t token, enum gw_err err) {
    (void) token;
    struct gw_collectd *collectd = context;
    gw_refusals_end(&collectd->refusals, err == GW_OK);
}

/* Drafts of all rows, their data in collectd->data. */
static enum gw_err draft_refusals(struct gw_collectd *collectd,
                                  struct gw_event_draft drafts[static GW_REFUSALS_MAX]) {
    const struct gw_refusals *refusals = &collectd->refusals;
    gw_buf_clear(&collectd->data);
    for (size_t i = 0; i < refusals->count; i++) {
        size_t before = collectd->data.len;
        enum gw_err err = gw_refusal_put_data(&refusals->rows[i], &collectd->data);
        if (err) {
            return err;
        }
        drafts[i] = (struct gw_event_draft){
            .type = GW_EVENT_CAPTURE_REFUSED,
            .class = gw_event_type_find(GW_EVENT_CAPTURE_REFUSED)->default_class,
            .time_wall_ms = gw_clock_wall_ms(&collectd->clock),
            .device = gw_str_from_cstr(refusals->rows[i].device),
            .data = gw_str_sub(gw_buf_str(&collectd->data), before, SIZE_MAX),
        };
    }
    return GW_OK;
}

/* A row is taken out when the commit that holds its record has succeeded; else it
 * is told again in a second. */
static void tell_refusals(struct gw_collectd *collectd) {
    struct gw_event_draft drafts[GW_REFUSALS_MAX];
    if (draft_refusals(collectd, drafts)) {
        return;
    }
    struct gw_unit unit = {.events = drafts,
                           .event_count = collectd->refusals.count,
                           .completed = note_told,
                           .context = collectd};
    /* Before the submit: completions may run inside it. */
    gw_refusals_begin(&collectd->refusals);
    if (gw_intake_submit(&collectd->intake, &unit)) {
        gw_refusals_end(&collectd->refusals, false);
    }
}

void gw_collectd_flush_refusals(struct gw_collectd *collectd, int64_t now_mono_ms) {
    struct gw_refusals *refusals = &collectd->refusals;
    if (refusals->count > 0 && !refusals->is_telling) {
        tell_refusals(collectd);
    }
    if (refusals->count == 0 && collectd->refused_mono_ms != 0
        && now_mono_ms - collectd->refused_mono_ms > REFUSED_SHOWN_MS) {
        collectd->refused_mono_ms = 0;
        gw_health_clear(collectd->health, GW_ISSUE_CAPTURE_REFUSED, (struct gw_str){0});
    }
}
