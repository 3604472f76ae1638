/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the queue, and once a second: what linkd has got through, how full the
 * store is, who reads for too long. */
#include "drivers/collectd/collectd_internal.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "firmware/base/log.h"

#define STATE_TABLE_MAX_BYTES (16u << 20)
/* How long an issue of refused or evicted events outlives the last of them. */
#define LATELY_MS 10000
#define READERS_EVERY_MS 30000
#define READER_AGE_MAX_MS 60000

static const struct gw_str nothing = {0};

/* ---- opening ---- */

static struct gw_queue_options options_of(const struct gw_collectd *collectd) {
    const struct gw_config *config = collectd->config;
    struct gw_queue_options options = gw_queue_options_default();
    options.path = collectd->paths.queue;
    options.map_bytes = config->store.size_mb << 20;
    options.high_water_percent = config->store.high_water_percent;
    options.ring_percent = config->store.ring_percent;
    options.ring_ms = (int64_t) config->store.ring_hours * 3600 * 1000;
    options.write_budget_bytes_per_day = (uint64_t) config->store.write_budget_mb_per_day << 20;
    options.quarantine_max_bytes = config->store.quarantine_mb << 20;
    options.state_table_max_bytes = STATE_TABLE_MAX_BYTES;
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        options.classes[i].commit_wait_ms = config->classes[i].commit_wait_ms;
        options.classes[i].on_full = config->classes[i].on_full;
    }
    options.serial = gw_str_from_cstr(config->gateway.serial);
    options.site = gw_str_from_cstr(config->gateway.site);
    options.owner = gw_str_from_cstr(config->gateway.owner);
    options.zone = gw_str_from_cstr(config->gateway.zone);
    for (size_t i = 0; i < sizeof options.boot_id; i++) {
        options.boot_id[i] = collectd->boot_id[i];
    }
    options.clock = &collectd->clock;
    return options;
}

/* linkd lists its own epoch last: the newest word on this store. */
static struct gw_queue_witness read_witness(const struct gw_collectd *collectd) {
    struct gw_queue_progress progress[GW_QUEUE_MAX_EPOCHS];
    size_t count = 0;
    struct gw_queue_witness witness = {0};
    if (gw_queue_progress_read(collectd->paths.progress, progress, &count) || count == 0) {
        return witness;
    }
    witness.known = true;
    witness.epoch = progress[count - 1].epoch;
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        witness.heads[i] = progress[count - 1].heads[i];
    }
    return witness;
}

static void ring(void *context) {
    const struct gw_collectd *collectd = context;
    gw_doorbell_ring(collectd->doorbell_fd, collectd->paths.doorbell);
}

static void say_how_it_opened(struct gw_collectd *collectd) {
    const struct gw_queue_opening *opening = &collectd->opening;
    char epoch[GW_EPOCH_TEXT_LEN + 1];
    gw_queue_get_figures(collectd->queue, &collectd->figures);
    gw_epoch_format(collectd->figures.epoch, epoch);
    if (opening->origin != GW_QUEUE_SET_ASIDE) {
        gw_log_info(GW_COLLECTD_ROOM, "queue open epoch=%s origin=%s", epoch,
                    opening->origin == GW_QUEUE_CREATED ? "created" : "reopened");
        return;
    }
    gw_log_error(GW_COLLECTD_ROOM,
                 "queue could not be used and was set aside, a fresh epoch begins; "
                 "'gwctl queue salvage' brings back readable events and quarantine, not the "
                 "sources' state epoch=%s reason=\"%s\" path=%s",
                 epoch, opening->set_aside_reason, opening->set_aside_path);
    if (opening->unsalvaged_removed > 0) {
        gw_log_error(GW_COLLECTD_ROOM,
                     "older stores that nobody had salvaged were removed for want of room: %u",
                     opening->unsalvaged_removed);
    }
    gw_health_raise(collectd->health, GW_ISSUE_STORE_SET_ASIDE, nothing,
                    "%s: %s; salvage brings events and quarantine back, not the sources' state",
                    opening->set_aside_path, opening->set_aside_reason);
}

enum gw_err gw_collectd_open_queue(struct gw_collectd *collectd, struct gw_buf *errors) {
    struct gw_queue_options options = options_of(collectd);
    struct gw_queue_witness witness = read_witness(collectd);
    enum gw_err err =
        gw_queue_writer_open(&options, &witness, &collectd->opening, &collectd->queue);
    if (err) {
        gw_buf_printf(errors, "%s: the queue cannot be opened: %s\n", options.path,
                      err == GW_ERR_BUSY ? "another gw-collectd runs on it" : gw_err_name(err));
        return err;
    }
    err = gw_queue_reader_open_beside(collectd->queue, &collectd->reader);
    if (err) {
        gw_buf_printf(errors, "%s: no reader beside the writer: %s\n", options.path,
                      gw_err_name(err));
        return err;
    }
    err = gw_collectd_open_personal(collectd);
    if (err) {
        return err;
    }
    gw_queue_on_commit(collectd->queue, ring, collectd);
    say_how_it_opened(collectd);
    return GW_OK;
}

/* ---- progress ---- */

static void take_progress(struct gw_collectd *collectd) {
    struct stat status;
    if (stat(collectd->paths.progress, &status)) {
        return;
    }
    int64_t mtime_ns = (int64_t) status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    if (mtime_ns == collectd->watch.progress_mtime_ns) {
        return;
    }
    struct gw_queue_progress progress[GW_QUEUE_MAX_EPOCHS];
    size_t count = 0;
    enum gw_err err = gw_queue_progress_read(collectd->paths.progress, progress, &count);
    if (err) {
        gw_log_debug(GW_COLLECTD_ROOM, "progress not read err=%s", gw_err_name(err));
        return;
    }
    collectd->watch.progress_mtime_ns = mtime_ns;
    for (size_t i = 0; i < count; i++) {
        gw_queue_set_progress(collectd->queue, &progress[i]);
        if (gw_epoch_eq(progress[i].epoch, collectd->figures.epoch)) {
            for (int class = 0; class < GW_CLASS_COUNT; class ++) {
                collectd->watch.acked[class] = progress[i].acked[class];
            }
        }
    }
}

/* ---- the oldest that waits ---- */

static int64_t recorded_at(struct gw_collectd *collectd, enum gw_flow_class class,
                           uint64_t sequence) {
    struct gw_queue_read_request request = {.epoch_index = GW_EPOCH_INDEX_OWN,
                                            .class = class,
                                            .from = sequence,
                                            .max_events = 1,
                                            .max_bytes = GW_RECORD_MAX_BYTES};
    struct gw_queue_entry entry;
    size_t count = 0;
    gw_buf_clear(&collectd->record);
    enum gw_err err =
        gw_queue_read(collectd->reader, &request, &collectd->record, &entry, 1, &count);
    return err || count == 0 || entry.err ? 0 : entry.record.recorded_wall_ms;
}

static void find_oldest(struct gw_collectd *collectd) {
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        uint64_t acked = collectd->watch.acked[i];
        bool is_waiting = collectd->figures.classes[i].range.last > acked;
        collectd->oldest_wall_ms[i] =
            is_waiting ? recorded_at(collectd, (enum gw_flow_class) i, acked + 1) : 0;
    }
}

/* ---- issues ---- */

/* True while `total` has grown within LATELY_MS. */
static bool grew_lately(uint64_t total, uint64_t *seen, int64_t *grew_mono_ms,
                        int64_t now_mono_ms) {
    if (total > *seen) {
        *seen = total;
        *grew_mono_ms = now_mono_ms;
    }
    return *grew_mono_ms != 0 && now_mono_ms - *grew_mono_ms < LATELY_MS;
}

__attribute__((format(printf, 4, 5))) static void set_issue(struct gw_collectd *collectd,
                                                            enum gw_issue_code code,
                                                            bool is_open, const char *format,
                                                            ...) {
    if (!is_open) {
        gw_health_clear(collectd->health, code, nothing);
        return;
    }
    char detail[200];
    va_list arguments;
    va_start(arguments, format);
    (void) vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    gw_health_raise(collectd->health, code, nothing, "%s", detail);
}

static void settle_issues(struct gw_collectd *collectd, int64_t now_mono_ms) {
    const struct gw_queue_figures *figures = &collectd->figures;
    struct gw_collectd_store_watch *watch = &collectd->watch;
    uint64_t refused = 0, evicted = 0;
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        refused += figures->classes[i].refused;
        evicted += figures->classes[i].evicted;
    }
    uint64_t used_percent =
        figures->map_bytes > 0 ? figures->used_bytes * 100 / figures->map_bytes : 0;
    set_issue(collectd, GW_ISSUE_STORE_HIGH_WATER,
              used_percent >= collectd->config->store.high_water_percent,
              "%" PRIu64 " %% of %" PRIu64 " MiB are used", used_percent,
              figures->map_bytes >> 20);
    set_issue(collectd, GW_ISSUE_STORE_FULL,
              grew_lately(refused, &watch->refused, &watch->refused_mono_ms, now_mono_ms),
              "%" PRIu64 " refused since the start", refused);
    set_issue(collectd, GW_ISSUE_STORE_EVICTING,
              grew_lately(evicted, &watch->evicted, &watch->evicted_mono_ms, now_mono_ms),
              "%" PRIu64 " evicted since the start", evicted);
    set_issue(collectd, GW_ISSUE_STORE_WRITE_FAILED,
              grew_lately(figures->commit_failures, &watch->failures, &watch->failed_mono_ms,
                          now_mono_ms),
              "%" PRIu64 " commits failed since the start", figures->commit_failures);
    set_issue(collectd, GW_ISSUE_STORE_READER_STUCK,
              figures->oldest_reader_age_ms > READER_AGE_MAX_MS,
              "a reader has held the store for %" PRId64 " s",
              figures->oldest_reader_age_ms / 1000);
    if (figures->quarantine_count == 0) {
        gw_health_clear(collectd->health, GW_ISSUE_QUARANTINE, nothing);
    }
}

void gw_collectd_watch_queue(struct gw_collectd *collectd, int64_t now_mono_ms) {
    take_progress(collectd);
    if (now_mono_ms >= collectd->watch.next_readers_mono_ms) {
        (void) gw_queue_check_readers(collectd->queue);
        collectd->watch.next_readers_mono_ms = now_mono_ms + READERS_EVERY_MS;
    }
    gw_queue_get_figures(collectd->queue, &collectd->figures);
    find_oldest(collectd);
    settle_issues(collectd, now_mono_ms);
}
