/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon. One round of its loop:
 *
 *   rest      at a middling rate: nothing read now could be acknowledged before the
 *             open group is committed, so it is read together then
 *   wait      descriptors that are ready are read: messages become units
 *   commit    gw_queue_tick: what is due becomes durable, completions run
 *   tell      brokers write the PUBACKs that are now due
 *   the rest  once a second: progress of linkd, figures, issues, heartbeat,
 *             clock, snapshot
 *
 * The order is the promise: nothing between "wait" and "commit" writes to a
 * device.
 */
#include "drivers/collectd/collectd_internal.h"

#include <stdlib.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "firmware/base/log.h"

/* Beside the connections of the front door. */
#define LOOP_FDS_OTHERS 1024
#define COUNTERS_MAX 96
#define ISSUES_MAX 64
/* A configuration is good when the daemon has lived with it; a store is, as soon as
 * it was opened, read and written for a while: power that comes and goes five times
 * within a start must not cost a store that works. */
#define CONFIG_GOOD_AFTER_MS 30000
#define STORE_HEALTHY_AFTER_MS 2000
#define SNAPSHOT_BYTES (1u << 20)
#define RUN_FOLDER_MODE 0755
#define STATE_FOLDER_MODE 0750

GW_DEFINE_CLEANUP(struct gw_collectd *, gw_collectd_close, closep)

/* ---- opening ---- */

static bool join(char *dst, size_t dst_size, const char *folder, const char *name) {
    int len = snprintf(dst, dst_size, "%s/%s", folder, name);
    return len > 0 && (size_t) len < dst_size;
}

static enum gw_err make_paths(struct gw_collectd *collectd) {
    const struct gw_config_paths *config = &collectd->config->paths;
    struct gw_collectd_paths *paths = &collectd->paths;
    const struct {
        char *dst;
        const char *folder, *name;
    } table[] = {
        {paths->queue, config->collect_state, "queue"},
        {paths->credentials, config->collect_state, "devices.credentials"},
        {paths->personal_key, config->collect_state, "personal.key"},
        {paths->progress, config->link_state, "progress"},
        {paths->doorbell, config->run, "linkd/doorbell"},
        {paths->status, config->run, "collectd/status.json"},
        {paths->link_socket, config->run, "collectd/link.sock"},
        {paths->status_socket, config->run, "collectd/status.sock"},
        {paths->control_socket, config->run, "collectd/control.sock"},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        if (!join(table[i].dst, sizeof paths->queue, table[i].folder, table[i].name)) {
            return GW_ERR_RANGE;
        }
    }
    char run[512];
    if (!join(run, sizeof run, config->run, "collectd")) {
        return GW_ERR_RANGE;
    }
    enum gw_err err = gw_file_make_folder(run, RUN_FOLDER_MODE);
    return err ? err : gw_file_make_folder(config->collect_state, STATE_FOLDER_MODE);
}

static void read_boot_id(struct gw_collectd *collectd) {
    char storage[64], hex[33] = "";
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    if (gw_file_read("/proc/sys/kernel/random/boot_id", &buf)) {
        return;
    }
    size_t len = 0;
    for (size_t i = 0; i < buf.len && len < 32; i++) {
        if (storage[i] != '-' && storage[i] != '\n') {
            hex[len++] = storage[i];
        }
    }
    (void) !gw_hex_parse((struct gw_str){hex, len}, collectd->boot_id, 16);
}

static enum gw_err load_config(struct gw_collectd *collectd, struct gw_buf *errors) {
    enum gw_err err = gw_config_load_generation(collectd->options.config_path, errors,
                                                &collectd->config, &collectd->fell_back);
    if (!err && collectd->fell_back) {
        struct gw_str findings = gw_buf_str(errors);
        struct gw_str first = gw_str_sub(findings, 0, gw_str_find(findings, '\n', 0));
        gw_health_raise(collectd->health, GW_ISSUE_CONFIG_REJECTED, (struct gw_str){0}, "%.*s",
                        GW_STR_ARG(first));
        gw_log_warning(GW_COLLECTD_ROOM,
                       "configuration rejected, the last good one runs finding=\"%.*s\"",
                       GW_STR_ARG(first));
    }
    return err;
}

static enum gw_err open_buffers(struct gw_collectd *collectd) {
    struct {
        struct gw_buf *buf;
        size_t bytes;
    } table[] = {
        {&collectd->record, GW_RECORD_MAX_BYTES},
        {&collectd->data, GW_EVENT_DATA_MAX_BYTES},
        {&collectd->answer, GW_IPC_BODY_MAX},
        {&collectd->scratch, 2 * GW_IPC_BODY_MAX},
        {&collectd->snapshot, SNAPSHOT_BYTES},
        {&collectd->retry_storage, GW_OBSERVE_STORAGE_BYTES},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        enum gw_err err = gw_buf_open(table[i].buf, table[i].bytes);
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

static void start_timers(struct gw_collectd *collectd) {
    int64_t now_mono_ms = gw_clock_mono_ms(&collectd->clock);
    collectd->opened_mono_ms = now_mono_ms;
    collectd->next_second_mono_ms = now_mono_ms;
    collectd->next_heartbeat_mono_ms = now_mono_ms;
    collectd->healthy_mono_ms = now_mono_ms + STORE_HEALTHY_AFTER_MS;
    collectd->keep_good_mono_ms =
        collectd->fell_back ? GW_NEVER_MS : now_mono_ms + CONFIG_GOOD_AFTER_MS;
    collectd->wall_minus_mono_ms = gw_clock_wall_ms(&collectd->clock) - now_mono_ms;
}

static enum gw_err open_core(struct gw_collectd *collectd) {
    enum gw_err err =
        gw_loop_open(LOOP_FDS_OTHERS + GW_COLLECTD_CONNECTIONS_MAX, &collectd->loop);
    if (!err) {
        err = gw_health_open(&collectd->clock, GW_STR("gw-collectd"), COUNTERS_MAX, ISSUES_MAX,
                             &collectd->health);
    }
    if (!err) {
        err = gw_doorbell_ringer(&collectd->doorbell_fd);
    }
    return err ? err : open_buffers(collectd);
}

static enum gw_err open_rest(struct gw_collectd *collectd, struct gw_buf *errors) {
    enum gw_err err = make_paths(collectd);
    if (err) {
        gw_buf_printf(errors, "paths: the folders cannot be made: %s\n", gw_err_name(err));
        return err;
    }
    read_boot_id(collectd);
    collectd->activities = gw_collectd_make_activities(collectd->config);
    if (!collectd->activities) {
        return GW_ERR_NOMEM;
    }
    err = gw_collectd_open_queue(collectd, errors);
    if (!err) {
        err = gw_collectd_load_chain(collectd);
    }
    if (!err) {
        err = gw_collectd_open_modbus(collectd);
    }
    if (!err) {
        err = gw_collectd_open_feed_commands(collectd);
    }
    if (!err) {
        err = gw_collectd_open_control(collectd, errors);
    }
    return err;
}

enum gw_err gw_collectd_open(const struct gw_collectd_options *options, struct gw_buf *errors,
                             struct gw_collectd **ret_collectd) {
    GW_CLEANUP(closep) struct gw_collectd *collectd = calloc(1, sizeof *collectd);
    if (!collectd) {
        return GW_ERR_NOMEM;
    }
    collectd->options = *options;
    collectd->clock = options->clock ? *options->clock : gw_clock_system();
    collectd->doorbell_fd = -1;
    collectd->unopened = GW_COLLECTD_SOURCES;
    enum gw_err err = open_core(collectd);
    if (!err) {
        err = load_config(collectd, errors);
    }
    if (!err) {
        err = open_rest(collectd, errors);
    }
    if (err) {
        return err;
    }
    start_timers(collectd);
    *ret_collectd = GW_TAKE(collectd);
    return GW_OK;
}

/* ---- ending ---- */

static void acknowledge_all(struct gw_collectd *collectd) {
    for (size_t i = 0; i < collectd->broker_count; i++) {
        if (collectd->brokers[i]) {
            gw_broker_tick(collectd->brokers[i]);
        }
    }
    if (collectd->ingress) {
        gw_ingress_tick(collectd->ingress);
    }
}

static void close_sources(struct gw_collectd *collectd) {
    if (!collectd->queue) {
        return;
    }
    (void) !gw_queue_commit(collectd->queue);
    acknowledge_all(collectd);
    gw_collectd_close_brokers(collectd);
    gw_collectd_close_ingress(collectd);
    gw_collectd_close_feeds(collectd);
    gw_collectd_close_buses(collectd);
    gw_collectd_flush_refusals(collectd, gw_clock_mono_ms(&collectd->clock));
}

void gw_collectd_close(struct gw_collectd *collectd) {
    if (!collectd) {
        return;
    }
    close_sources(collectd);
    gw_collectd_close_modbus(collectd);
    gw_collectd_close_feed_commands(collectd);
    if (collectd->server) {
        gw_ipc_server_close(collectd->server);
    }
    if (collectd->reader) {
        gw_queue_reader_close(collectd->reader);
    }
    gw_queue_writer_close(collectd->queue);
    gw_collectd_close_personal(collectd);
    gw_closep(&collectd->doorbell_fd);
    if (collectd->config) {
        gw_collectd_free_activities(collectd->config, collectd->activities);
    }
    struct gw_buf *bufs[] = {&collectd->record,  &collectd->data,     &collectd->answer,
                             &collectd->scratch, &collectd->snapshot, &collectd->retry_storage};
    for (size_t i = 0; i < GW_ARRAY_LEN(bufs); i++) {
        gw_buf_close(bufs[i]);
    }
    if (collectd->config) {
        gw_config_close(collectd->config);
    }
    if (collectd->health) {
        gw_health_close(collectd->health);
    }
    if (collectd->loop) {
        gw_loop_close(collectd->loop);
    }
    free(collectd);
}

/* ---- running ---- */

struct gw_loop *gw_collectd_loop(struct gw_collectd *collectd) {
    return collectd->loop;
}

static int64_t earlier(int64_t a_mono_ms, int64_t b_mono_ms) {
    return a_mono_ms < b_mono_ms ? a_mono_ms : b_mono_ms;
}

static int64_t next_mono_ms(const struct gw_collectd *collectd) {
    int64_t next =
        earlier(collectd->next_second_mono_ms, gw_queue_next_mono_ms(collectd->queue));
    for (size_t i = 0; i < collectd->broker_count; i++) {
        next = earlier(next, collectd->brokers[i] ? gw_broker_next_mono_ms(collectd->brokers[i])
                                                  : GW_NEVER_MS);
    }
    if (collectd->ingress) {
        next = earlier(next, gw_ingress_next_mono_ms(collectd->ingress));
    }
    next = earlier(next, gw_bus_set_next_mono_ms(collectd->buses));
    if (collectd->feeds) {
        next = earlier(next, gw_feeds_next_mono_ms(collectd->feeds));
    }
    return earlier(next, gw_collectd_modbus_next_mono_ms(collectd));
}

/* The sources wait until gateway.started is stored: it is the first event. */
static enum gw_err start_sources(struct gw_collectd *collectd) {
    if (collectd->is_started) {
        (void) !gw_collectd_open_sources(collectd, 0);
        return GW_OK;
    }
    enum gw_err err = gw_collectd_tell_started(collectd);
    if (err) {
        gw_log_warning(GW_COLLECTD_ROOM, "gateway.started not stored, trying again err=%s",
                       gw_err_name(err));
        return err == GW_ERR_FATAL ? err : GW_OK;
    }
    collectd->is_started = true;
    (void) !gw_collectd_open_sources(collectd, 0);
    return GW_OK;
}

static void settle_health(struct gw_collectd *collectd, int64_t now_mono_ms) {
    if (now_mono_ms >= collectd->healthy_mono_ms) {
        collectd->healthy_mono_ms = GW_NEVER_MS;
        enum gw_err err = gw_queue_mark_healthy(collectd->queue);
        gw_log_debug(GW_COLLECTD_ROOM, "marked healthy err=%s", gw_err_name(err));
    }
    if (now_mono_ms >= collectd->keep_good_mono_ms) {
        collectd->keep_good_mono_ms = GW_NEVER_MS;
        enum gw_err err = gw_config_keep_good(collectd->options.config_path);
        gw_log_debug(GW_COLLECTD_ROOM, "configuration kept err=%s", gw_err_name(err));
    }
}

static enum gw_err every_second(struct gw_collectd *collectd) {
    int64_t now_mono_ms = gw_clock_mono_ms(&collectd->clock);
    if (now_mono_ms < collectd->next_second_mono_ms) {
        return GW_OK;
    }
    collectd->next_second_mono_ms = now_mono_ms + GW_COLLECTD_SECOND_MS;
    if (collectd->unopened != 0) {
        enum gw_err err = start_sources(collectd);
        if (err) {
            return err;
        }
    }
    gw_collectd_watch_clock(collectd, now_mono_ms);
    gw_personal_tick(collectd->personal);
    gw_collectd_watch_queue(collectd, now_mono_ms);
    gw_collectd_flush_refusals(collectd, now_mono_ms);
    enum gw_err beaten = collectd->is_started ? gw_collectd_beat(collectd, now_mono_ms) : GW_OK;
    gw_issue_log_update(&collectd->issue_log, collectd->health);
    gw_collectd_write_status(collectd);
    settle_health(collectd, now_mono_ms);
    return beaten;
}

enum gw_err gw_collectd_round(struct gw_collectd *collectd, int64_t deadline_mono_ms) {
    int64_t rest_mono_ms = gw_queue_rest_mono_ms(collectd->queue);
    if (rest_mono_ms > 0) {
        gw_loop_rest(collectd->loop, &collectd->clock,
                     earlier(rest_mono_ms, earlier(deadline_mono_ms, next_mono_ms(collectd))));
    }
    enum gw_err err = gw_loop_wait(collectd->loop, &collectd->clock,
                                   earlier(deadline_mono_ms, next_mono_ms(collectd)));
    if (err) {
        return err;
    }
    err = gw_queue_tick(collectd->queue);
    if (err == GW_ERR_FATAL) {
        return err;
    }
    acknowledge_all(collectd);
    gw_bus_set_tick(collectd->buses);
    if (collectd->feeds) {
        gw_feeds_tick(collectd->feeds);
    }
    gw_collectd_tick_modbus(collectd);
    return every_second(collectd);
}

enum gw_err gw_collectd_run(struct gw_collectd *collectd) {
    while (!gw_loop_stopped(collectd->loop)) {
        enum gw_err err = gw_collectd_round(collectd, GW_NEVER_MS);
        if (err) {
            gw_log_error(GW_COLLECTD_ROOM, "stops: %s", gw_err_name(err));
            return err;
        }
    }
    return GW_OK;
}
