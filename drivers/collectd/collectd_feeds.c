/* SPDX-License-Identifier: Apache-2.0 */
/* Scanners and scales that speak bytes: opened, closed, shown. */
#include "drivers/collectd/collectd_internal.h"

#include "drivers/profile/observe.h"
#include "drivers/profile/profile.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/log.h"

static void on_refused(void *context, struct gw_str device, enum gw_flow_class class,
                       enum gw_feed_refusal why, uint64_t count) {
    static const enum gw_refusal_reason reasons[] = {
        [GW_FEED_REFUSED_FULL] = GW_REFUSED_FULL,
        [GW_FEED_REFUSED_RATE] = GW_REFUSED_RATE,
        [GW_FEED_REFUSED_INVALID] = GW_REFUSED_INVALID,
        [GW_FEED_REFUSED_STOPPED] = GW_REFUSED_STOPPED,
    };
    struct gw_refused refused = {device, class, reasons[why], count};
    gw_collectd_count_refused(context, &refused);
}

/* None of them yet: those that cannot be made must not close the others. */
static enum gw_err make_feeds(struct gw_collectd *collectd) {
    const struct gw_feeds_options options = {
        .intake = collectd->intake,
        .loop = collectd->loop,
        .clock = &collectd->clock,
        .health = collectd->health,
        .refused = on_refused,
        .refused_context = collectd,
    };
    return gw_feeds_open(&options, &collectd->feeds);
}

enum gw_err gw_collectd_open_feeds(struct gw_collectd *collectd) {
    const struct gw_config *config = collectd->config;
    if (config->feed_count == 0) {
        gw_collectd_close_feeds(collectd);
        return GW_OK;
    }
    enum gw_err err = collectd->feeds ? GW_OK : make_feeds(collectd);
    return err ? err : gw_feeds_set_config(collectd->feeds, config->feeds, config->feed_count);
}

void gw_collectd_close_feeds(struct gw_collectd *collectd) {
    if (!collectd->feeds) {
        return;
    }
    gw_feeds_stop(collectd->feeds);
    (void) !gw_queue_commit(collectd->queue);
    gw_feeds_close(collectd->feeds);
    collectd->feeds = NULL;
}

/* ---- the quarantine ---- */

GW_DEFINE_CLEANUP(struct gw_observe_profile *, gw_observe_profile_close, profile_closep)

/* "serial:scale-1": no MQTT topic, for no filter of a device matches the feed's. */
static const struct gw_config_feed *find_feed(const struct gw_config *config,
                                              struct gw_str topic) {
    static const char *const transports[] = {
        [GW_FEED_SERIAL] = "serial:",
        [GW_FEED_HID] = "hid:",
        [GW_FEED_TCP_CLIENT] = "tcp_client:",
        [GW_FEED_TCP_SERVER] = "tcp_server:",
    };
    for (size_t i = 0; i < config->feed_count; i++) {
        const struct gw_config_feed *feed = &config->feeds[i];
        struct gw_str prefix = gw_str_from_cstr(transports[feed->transport]);
        if (gw_str_starts_with(topic, prefix)
            && gw_str_eq(gw_str_sub(topic, prefix.len, SIZE_MAX), gw_str_from_cstr(feed->id))) {
            return feed;
        }
    }
    return NULL;
}

enum gw_err gw_collectd_decode_feed_retry(struct gw_collectd *collectd,
                                          const struct gw_broker_retry *retry,
                                          struct gw_buf *reason,
                                          struct gw_observation *ret_observation) {
    const struct gw_config_feed *feed = find_feed(collectd->config, retry->topic);
    if (!feed) {
        return GW_ERR_NOENT;
    }
    if (retry->payload_len != retry->payload.len) {
        gw_buf_printf(reason, "only %zu of %zu bytes were kept", retry->payload.len,
                      retry->payload_len);
        return GW_ERR_RANGE;
    }
    GW_CLEANUP(profile_closep) struct gw_observe_profile *profile = NULL;
    struct gw_installed folder = gw_profile_folder();
    enum gw_err err = gw_observe_profile_open(folder.path, feed->profile, &profile);
    if (err) {
        return err;
    }
    const struct gw_config_device device = {.id = feed->id, .class = feed->class};
    const struct gw_observe_input input = {
        .device = &device,
        .profile = profile,
        .topic = retry->topic,
        .payload = retry->payload,
        .received_wall_ms = retry->received_wall_ms,
    };
    gw_buf_clear(&collectd->retry_storage);
    return gw_observe_payload(&input, &collectd->retry_storage, reason, ret_observation);
}

/* ---- the snapshot ---- */

static unsigned long long ull(uint64_t value) {
    return (unsigned long long) value;
}

static void put_time(struct gw_buf *buf, const char *name, int64_t wall_ms) {
    if (wall_ms != 0) {
        gw_buf_printf(buf, ",\"%s\":\"", name);
        gw_time_put(buf, wall_ms);
        gw_buf_put_char(buf, '"');
    }
}

static void put_detail(struct gw_buf *buf, struct gw_str detail) {
    gw_buf_put_str(buf, GW_STR(",\"detail\":"));
    gw_buf_put_json_str(buf, gw_str_is_utf8(detail) ? detail : GW_STR("?"));
}

void gw_collectd_put_feeds(const struct gw_collectd *collectd, struct gw_buf *buf) {
    gw_buf_put_str(buf, GW_STR(",\"feeds\":["));
    struct gw_feed_figures figures;
    for (size_t i = 0; collectd->feeds && gw_feeds_get_figures(collectd->feeds, i, &figures);
         i++) {
        gw_buf_put_str(buf, i > 0 ? GW_STR(",{\"name\":") : GW_STR("{\"name\":"));
        gw_buf_put_json_str(buf, figures.device);
        gw_buf_printf(buf, ",\"transport\":\"%s\",\"state\":\"%s\"", figures.transport,
                      figures.state);
        put_detail(buf, figures.detail);
        put_time(buf, "since", figures.since_wall_ms);
        put_time(buf, "last", figures.last_wall_ms);
        gw_buf_printf(buf,
                      ",\"bytes\":%llu,\"observations\":%llu,\"stored\":%llu,"
                      "\"refused\":%llu,\"undecodable\":%llu,\"waiting\":%zu,\"held\":%s}",
                      ull(figures.bytes), ull(figures.observations), ull(figures.stored),
                      ull(figures.refused), ull(figures.undecodable), figures.waiting,
                      figures.is_held ? "true" : "false");
    }
    gw_buf_put_char(buf, ']');
}
