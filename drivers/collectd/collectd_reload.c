/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reload: load, compare, restart what changed, and nothing else; the queue stays
 * open whatever happens. A document that cannot be used changes nothing: the
 * running one goes on and an issue names the first finding.
 *
 * Brokers that did not change keep their connection and are pointed to the new
 * document; those that changed are closed and opened anew: sessions at brokers
 * persist, so nothing is lost in between. Buses that changed are told to stop, and
 * reopened when they have: nobody waits for that (bus_set.h).
 *
 * Feeds go over to the new list by themselves; who is the same goes on
 * (gw_feeds_set_config).
 */
#include "drivers/collectd/collectd_internal.h"

#include <stdlib.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/log.h"

#define KEEP_GOOD_AFTER_MS 30000
/* Where the process lives: only a restart changes that. */
#define NEEDS_RESTART (GW_PART_PATHS | GW_PART_STORE | GW_PART_CLASSES)

GW_DEFINE_CLEANUP(struct gw_config *, gw_config_close, close_configp)

static void reject(struct gw_collectd *collectd, struct gw_str findings) {
    size_t line_end = gw_str_find(findings, '\n', 0);
    struct gw_str first = gw_str_sub(findings, 0, line_end);
    gw_health_raise(collectd->health, GW_ISSUE_CONFIG_REJECTED, (struct gw_str){0}, "%.*s",
                    GW_STR_ARG(first));
    gw_log_warning(GW_COLLECTD_ROOM,
                   "configuration rejected, the running one stays finding=\"%.*s\"",
                   GW_STR_ARG(first));
}

static enum gw_err check_identity(const struct gw_collectd *collectd,
                                  const struct gw_config *fresh, struct gw_buf *errors) {
    if (strcmp(fresh->gateway.serial, collectd->config->gateway.serial) != 0) {
        gw_buf_printf(errors, "gateway.serial: found %s, runs as %s: restart gw-collectd\n",
                      fresh->gateway.serial, collectd->config->gateway.serial);
        return GW_ERR_DENIED;
    }
    return GW_OK;
}

static void point_brokers(struct gw_collectd *collectd) {
    struct gw_broker_devices devices = gw_collectd_devices(collectd);
    for (size_t i = 0; i < collectd->broker_count; i++) {
        if (collectd->brokers[i]) {
            gw_broker_set_config(collectd->brokers[i], &collectd->config->brokers[i], &devices);
        }
    }
    if (collectd->ingress) {
        gw_ingress_set_config(collectd->ingress, &collectd->config->ingress, &devices);
    }
}

static void close_changed(struct gw_collectd *collectd, unsigned changed) {
    /* Sources are closed between commits only. */
    (void) !gw_queue_commit(collectd->queue);
    if (changed & GW_PART_BROKERS) {
        gw_collectd_close_brokers(collectd);
    }
    if (changed & GW_PART_INGRESS) {
        gw_collectd_close_ingress(collectd);
    }
    if (changed & GW_PART_BUSES) {
        gw_collectd_close_buses(collectd);
    }
}

static enum gw_err open_changed(struct gw_collectd *collectd, unsigned changed) {
    const struct gw_config_gateway *gateway = &collectd->config->gateway;
    enum gw_err err = GW_OK;
    if (changed & GW_PART_GATEWAY) {
        err = gw_queue_set_context(collectd->queue, gw_str_from_cstr(gateway->site),
                                   gw_str_from_cstr(gateway->owner),
                                   gw_str_from_cstr(gateway->zone));
    }
    if (!collectd->is_started) {
        return err; /* they are about to be opened, from the fresh document */
    }
    /* The set of buses looks for what differs by itself, and has to know the document. */
    enum gw_err opened = gw_collectd_open_sources(collectd, (changed & GW_COLLECTD_SOURCES)
                                                                | (unsigned) GW_PART_BUSES);
    return err ? err : opened;
}

/* From the second line on `fresh` is the configuration, whatever is answered. */
static enum gw_err apply(struct gw_collectd *collectd, struct gw_config *fresh,
                         struct gw_device_activity *activities, unsigned changed) {
    struct gw_config *old = collectd->config;
    close_changed(collectd, changed & ~(unsigned) GW_PART_BUSES);
    collectd->config = fresh;
    if (activities) {
        gw_collectd_free_activities(old, collectd->activities);
        collectd->activities = activities;
    } else {
        gw_collectd_open_profiles(fresh, collectd->activities);
    }
    gw_personal_set_config(collectd->personal, &fresh->personal);
    point_brokers(collectd);
    gw_collectd_point_writes(collectd);
    gw_config_close(old);
    enum gw_err err = open_changed(collectd, changed);
    collectd->fell_back = false;
    collectd->keep_good_mono_ms = gw_clock_mono_ms(&collectd->clock) + KEEP_GOOD_AFTER_MS;
    gw_health_clear(collectd->health, GW_ISSUE_CONFIG_REJECTED, (struct gw_str){0});
    gw_log_info(GW_COLLECTD_ROOM, "configuration applied revision=%llu changed=0x%x err=%s",
                (unsigned long long) fresh->revision, changed, gw_err_name(err));
    if (changed & NEEDS_RESTART) {
        gw_log_warning(GW_COLLECTD_ROOM,
                       "paths, store and classes take effect when gw-collectd is restarted");
    }
    return err;
}

static enum gw_err load(struct gw_collectd *collectd, struct gw_buf *errors,
                        struct gw_config **ret_fresh) {
    GW_CLEANUP(close_configp) struct gw_config *fresh = NULL;
    enum gw_err err = gw_config_load(collectd->options.config_path, errors, &fresh);
    if (!err) {
        err = check_identity(collectd, fresh, errors);
    }
    if (!err) {
        *ret_fresh = GW_TAKE(fresh);
    }
    return err;
}

enum gw_err gw_collectd_reload_parts(struct gw_collectd *collectd, struct gw_buf *errors,
                                     unsigned *ret_changed) {
    GW_CLEANUP(close_configp) struct gw_config *fresh = NULL;
    size_t before = errors->len;
    enum gw_err err = load(collectd, errors, &fresh);
    if (err) {
        reject(collectd, gw_str_sub(gw_buf_str(errors), before, SIZE_MAX));
        return err;
    }
    unsigned changed = gw_config_diff(collectd->config, fresh);
    if (collectd->feeds && gw_feeds_profiles_have_changed(collectd->feeds)) {
        changed |= GW_PART_FEEDS;
    }
    if (gw_bus_set_profiles_have_changed(collectd->buses)) {
        changed |= GW_PART_BUSES;
    }
    struct gw_device_activity *activities = NULL;
    if (changed & GW_PART_DEVICES) {
        activities = gw_collectd_make_activities(fresh);
        if (!activities) {
            return GW_ERR_NOMEM;
        }
    }
    err = apply(collectd, GW_TAKE(fresh), activities, changed);
    if (err) {
        gw_buf_printf(errors, "applied in part: %s\n", gw_err_name(err));
        return err;
    }
    *ret_changed = changed;
    return GW_OK;
}

enum gw_err gw_collectd_reload(struct gw_collectd *collectd, struct gw_buf *errors) {
    unsigned changed = 0;
    return gw_collectd_reload_parts(collectd, errors, &changed);
}
