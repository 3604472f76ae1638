/* SPDX-License-Identifier: Apache-2.0 */
/* What others read: the progress file (collectd) and the status snapshot. */
#include <string.h>

#include "cloud-link/linkd/state.h"
#include "firmware/base/file.h"
#include "firmware/base/log.h"

#define ROOM "linkd"
/* As the cursors: soon when much moved, seldom when little did. */
#define MANY_EVENTS 1000
#define MANY_MS 1000
#define FEW_MS 5000
#define SNAPSHOT_LEAST_MS 10000
#define DAY_MS 86400000

/* ---- progress ---- */

/* What every required sink has; without one, what any sink has: somebody must
 * have taken an event before it may be trimmed. */
static void combine(const struct gw_linkd *linkd, const struct gw_queue_epoch_view *view,
                    struct gw_queue_progress *ret_progress) {
    struct gw_queue_progress progress = {.epoch = view->epoch};
    bool has_required = false;
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        progress.heads[class] = view->ranges[class].last;
    }
    for (size_t i = 0; i < linkd->sink_count; i++) {
        const struct gw_linkd_sink *sink = &linkd->sinks[i];
        uint64_t acked[GW_CLASS_COUNT] = {0}, sent[GW_CLASS_COUNT] = {0};
        (void) gw_uplink_get_progress(sink->uplink, view->epoch, acked, sent);
        bool is_first_required = sink->config->required && !has_required;
        for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
            uint64_t *so_far = &progress.acked[class];
            bool is_less = acked[class] < *so_far;
            if (is_first_required || (sink->config->required && is_less)
                || (!sink->config->required && !has_required && !is_less)) {
                *so_far = acked[class];
            }
            if (sent[class] > progress.sent[class]) {
                progress.sent[class] = sent[class];
            }
        }
        has_required = has_required || sink->config->required;
    }
    *ret_progress = progress;
}

static uint64_t moved(const struct gw_queue_progress *a, const struct gw_queue_progress *b) {
    uint64_t events = 0;
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        events += a->acked[class] - b->acked[class];
    }
    return events;
}

static bool is_due(const struct gw_linkd *linkd, const struct gw_queue_progress *progress,
                   size_t count) {
    bool is_same_shape = count == linkd->progress_count;
    if (is_same_shape && memcmp(progress, linkd->progress, count * sizeof(progress[0])) == 0) {
        return false;
    }
    uint64_t events = is_same_shape ? 0 : MANY_EVENTS;
    for (size_t i = 0; is_same_shape && i < count; i++) {
        events += moved(&progress[i], &linkd->progress[i]);
    }
    int64_t wait_ms = events >= MANY_EVENTS ? MANY_MS : FEW_MS;
    return gw_clock_mono_ms(linkd->clock) - linkd->progress_mono_ms >= wait_ms;
}

void gw_linkd_report_progress(struct gw_linkd *linkd, bool is_end) {
    struct gw_queue_progress progress[GW_QUEUE_MAX_EPOCHS];
    if (linkd->epoch_count == 0 || linkd->sink_count == 0) {
        return;
    }
    memset(progress, 0, sizeof(progress)); /* compared as bytes */
    for (size_t i = 0; i < linkd->epoch_count; i++) {
        combine(linkd, &linkd->epochs[i], &progress[i]);
    }
    if (!is_end && !is_due(linkd, progress, linkd->epoch_count)) {
        return;
    }
    linkd->progress_mono_ms = gw_clock_mono_ms(linkd->clock);
    enum gw_err err =
        gw_queue_progress_write(linkd->progress_path, progress, linkd->epoch_count);
    if (err) {
        gw_health_raise(linkd->health, GW_ISSUE_STORE_WRITE_FAILED, GW_STR("progress"),
                        "%s: %s", linkd->progress_path, gw_err_name(err));
        return;
    }
    gw_health_clear(linkd->health, GW_ISSUE_STORE_WRITE_FAILED, GW_STR("progress"));
    memcpy(linkd->progress, progress, sizeof(progress));
    linkd->progress_count = linkd->epoch_count;
}

/* ---- status ---- */

static void put_config(const struct gw_linkd *linkd, struct gw_buf *buf) {
    gw_buf_printf(buf, ",\"config\":{\"revision\":%llu,\"hash\":\"%s\",\"fell_back\":%s}",
                  (unsigned long long) linkd->config->revision, linkd->config->hash,
                  linkd->fell_back ? "true" : "false");
}

static void put_certificates(const struct gw_linkd *linkd, struct gw_buf *buf) {
    bool is_first = true;
    gw_buf_put_str(buf, GW_STR(",\"certificates\":["));
    for (size_t i = 0; i < linkd->sink_count; i++) {
        const struct gw_linkd_sink *sink = &linkd->sinks[i];
        if (!sink->certificate.is_known) {
            continue;
        }
        int64_t left_ms = sink->certificate.not_after_wall_ms - gw_clock_wall_ms(linkd->clock);
        gw_buf_put_str(buf, is_first ? GW_STR("{\"sink\":") : GW_STR(",{\"sink\":"));
        gw_buf_put_json_str(buf, gw_str_from_cstr(sink->config->name));
        gw_buf_put_str(buf, GW_STR(",\"cn\":"));
        gw_buf_put_json_str(buf, gw_str_from_cstr(sink->certificate.subject_cn));
        gw_buf_put_str(buf, GW_STR(",\"not_after\":\""));
        gw_time_put(buf, sink->certificate.not_after_wall_ms);
        gw_buf_printf(buf, "\",\"days\":%lld}", (long long) (left_ms / DAY_MS));
        is_first = false;
    }
    gw_buf_put_char(buf, ']');
}

static void put_sections(void *context, struct gw_buf *buf) {
    struct gw_linkd *linkd = context;
    put_config(linkd, buf);
    gw_buf_printf(buf, ",\"queue\":{\"open\":%s,\"epochs\":%zu}",
                  linkd->reader ? "true" : "false", linkd->epoch_count);
    gw_buf_put_str(buf, GW_STR(",\"sinks\":["));
    for (size_t i = 0; i < linkd->sink_count; i++) {
        if (i > 0) {
            gw_buf_put_char(buf, ',');
        }
        gw_uplink_put_status(linkd->sinks[i].uplink, buf);
    }
    gw_buf_put_char(buf, ']');
    put_certificates(linkd, buf);
}

enum gw_err gw_linkd_put_status(struct gw_linkd *linkd, struct gw_buf *buf) {
    return gw_health_put_snapshot(linkd->health, buf, put_sections, linkd);
}

void gw_linkd_write_snapshot(struct gw_linkd *linkd) {
    int64_t now = gw_clock_mono_ms(linkd->clock);
    gw_buf_clear(&linkd->sections);
    put_sections(linkd, &linkd->sections);
    bool is_same = gw_str_eq(gw_buf_str(&linkd->sections), gw_buf_str(&linkd->snapshot))
                   && linkd->snapshot_revision == gw_health_revision(linkd->health);
    if (is_same && now - linkd->snapshot_mono_ms < SNAPSHOT_LEAST_MS) {
        return;
    }
    gw_buf_clear(&linkd->snapshot);
    gw_buf_put_str(&linkd->snapshot, gw_buf_str(&linkd->sections));
    linkd->snapshot_revision = gw_health_revision(linkd->health);
    linkd->snapshot_mono_ms = now;
    gw_buf_clear(&linkd->sections);
    enum gw_err err = gw_linkd_put_status(linkd, &linkd->sections);
    if (!err) {
        err =
            gw_file_replace_volatile(linkd->status_path, gw_buf_bytes(&linkd->sections), 0644);
    }
    if (err) {
        gw_log_debug(ROOM, "snapshot was not written error=%s", gw_err_name(err));
    }
}
