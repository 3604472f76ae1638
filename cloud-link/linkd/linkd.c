/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud-link/linkd/linkd.h"

#include <stdio.h>
#include <string.h>

#include "cloud-link/linkd/state.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "firmware/base/log.h"

#define ROOM "linkd"
#define MAX_FDS 128
#define MAX_COUNTERS 64
#define MAX_ISSUES 64
#define SECOND_MS 1000
#define HOUR_MS 3600000
#define LETTER_BYTES (GW_EVENT_MAX_BYTES + 2048)
#define STATUS_BYTES GW_IPC_BODY_MAX

/* ---- opening ---- */

static void fill_paths(struct gw_linkd *linkd) {
    const struct gw_config_paths *paths = &linkd->config->paths;
    (void) snprintf(linkd->queue_path, GW_LINKD_PATH_BYTES, "%s/queue", paths->collect_state);
    (void) snprintf(linkd->progress_path, GW_LINKD_PATH_BYTES, "%s/progress",
                    paths->link_state);
    (void) snprintf(linkd->status_path, GW_LINKD_PATH_BYTES, "%s/linkd/status.json",
                    paths->run);
    (void) snprintf(linkd->collectd_path, GW_LINKD_PATH_BYTES, "%s/collectd/link.sock",
                    paths->run);
}

/* "3c9d...-..." without its dashes; zeroes if it cannot be read. */
static void read_boot_id(uint8_t ret_id[static 16]) {
    char text[64], digits[33];
    struct gw_buf buf;
    size_t count = 0;
    gw_buf_init(&buf, text, sizeof(text));
    enum gw_err err = gw_file_read("/proc/sys/kernel/random/boot_id", &buf);
    for (size_t i = 0; !err && i < buf.len && count < 32; i++) {
        if (text[i] != '-' && text[i] != '\n') {
            digits[count++] = text[i];
        }
    }
    if (err || gw_hex_parse((struct gw_str){digits, count}, ret_id, 16)) {
        memset(ret_id, 0, 16);
    }
}

static void fill_context(struct gw_linkd *linkd) {
    const struct gw_config_gateway *gateway = &linkd->config->gateway;
    linkd->context.serial = gw_str_from_cstr(gateway->serial);
    linkd->context.site = gw_str_from_cstr(gateway->site);
    linkd->context.owner = gw_str_from_cstr(gateway->owner);
    linkd->context.zone = gw_str_from_cstr(gateway->zone);
}

static enum gw_err open_config(struct gw_linkd *linkd, struct gw_buf *errors) {
    enum gw_err err = gw_config_load_generation(linkd->config_path, errors, &linkd->config,
                                                &linkd->fell_back);
    if (err) {
        return err;
    }
    if (linkd->fell_back) {
        struct gw_str found = gw_buf_str(errors);
        gw_log_warning(ROOM, "configuration was refused, the last good one runs");
        gw_health_raise(linkd->health, GW_ISSUE_CONFIG_REJECTED, GW_STR("config"), "%.*s",
                        (int) (found.len < 200 ? found.len : 200), found.ptr);
        gw_buf_clear(errors);
    }
    fill_paths(linkd);
    fill_context(linkd);
    read_boot_id(linkd->context.boot_id);
    return GW_OK;
}

static enum gw_err open_buffers(struct gw_linkd *linkd) {
    struct gw_buf *const buffers[] = {&linkd->snapshot, &linkd->sections, &linkd->answer};
    for (size_t i = 0; i < GW_ARRAY_LEN(buffers); i++) {
        enum gw_err err = gw_buf_open(buffers[i], STATUS_BYTES);
        if (err) {
            return err;
        }
    }
    enum gw_err err = gw_buf_open(&linkd->frame, GW_IPC_FRAME_MAX);
    if (err) {
        return err;
    }
    return gw_buf_open(&linkd->letter, LETTER_BYTES);
}

static enum gw_err make_folders(struct gw_linkd *linkd, struct gw_buf *errors) {
    char path[GW_LINKD_PATH_BYTES];
    (void) snprintf(path, sizeof(path), "%s/linkd", linkd->config->paths.run);
    enum gw_err err = gw_file_make_folder(path, 0755);
    if (err) {
        gw_buf_printf(errors, "%s cannot be made: %s\n", path, gw_err_name(err));
        return err;
    }
    err = gw_file_make_folder(linkd->config->paths.link_state, 0750);
    if (err) {
        gw_buf_printf(errors, "%s cannot be made: %s\n", linkd->config->paths.link_state,
                      gw_err_name(err));
    }
    return err;
}

/* What was reported before, for a link store that is new; no file is no error. */
static void read_progress(struct gw_linkd *linkd) {
    enum gw_err err =
        gw_queue_progress_read(linkd->progress_path, linkd->progress, &linkd->progress_count);
    if (err) {
        linkd->progress_count = 0;
    }
}

static enum gw_err open_store(struct gw_linkd *linkd, struct gw_buf *errors) {
    char path[GW_LINKD_PATH_BYTES];
    (void) snprintf(path, sizeof(path), "%s/link", linkd->config->paths.link_state);
    enum gw_err err = gw_link_store_open(path, &linkd->store);
    if (err == GW_ERR_CORRUPT) {
        err = gw_linkd_set_store_aside(linkd, path);
    }
    if (err) {
        gw_buf_printf(errors, "%s cannot be opened: %s\n", path, gw_err_name(err));
        return err;
    }
    read_progress(linkd);
    return GW_OK;
}

static void on_doorbell(void *context, int fd, unsigned events) {
    (void) events;
    struct gw_linkd *linkd = context;
    gw_doorbell_drain(fd);
    linkd->is_rung = true;
}

static enum gw_err open_doorbell(struct gw_linkd *linkd, struct gw_buf *errors) {
    char path[GW_LINKD_PATH_BYTES];
    (void) snprintf(path, sizeof(path), "%s/linkd/doorbell", linkd->config->paths.run);
    enum gw_err err = gw_doorbell_open(path, &linkd->doorbell_fd);
    if (err) {
        linkd->doorbell_fd = -1;
        gw_buf_printf(errors, "%s cannot be opened: %s\n", path, gw_err_name(err));
        return err;
    }
    return gw_loop_watch(linkd->loop, linkd->doorbell_fd, GW_LOOP_READ, on_doorbell, linkd);
}

static enum gw_err open_base(struct gw_linkd *linkd) {
    enum gw_err err = gw_loop_open(MAX_FDS, &linkd->loop);
    if (err) {
        return err;
    }
    err = gw_health_open(linkd->clock, GW_STR("gw-linkd"), MAX_COUNTERS, MAX_ISSUES,
                         &linkd->health);
    return err ? err : open_buffers(linkd);
}

typedef enum gw_err opening_step(struct gw_linkd *linkd, struct gw_buf *errors);

GW_DEFINE_CLEANUP(struct gw_linkd *, gw_linkd_close, closep)

enum gw_err gw_linkd_open(const struct gw_linkd_options *options, struct gw_buf *errors,
                          struct gw_linkd **ret_linkd) {
    /* sockets before sinks: a second process must not send anything */
    static opening_step *const steps[] = {open_config,     make_folders, open_doorbell,
                                          gw_linkd_listen, open_store,   gw_linkd_open_sinks};
    GW_CLEANUP(closep) struct gw_linkd *linkd = calloc(1, sizeof(*linkd));
    if (!linkd) {
        return GW_ERR_NOMEM;
    }
    linkd->config_path = options->config_path;
    linkd->own_clock = gw_clock_system();
    linkd->clock = options->clock ? options->clock : &linkd->own_clock;
    linkd->doorbell_fd = -1;
    linkd->audit.fd = -1;
    linkd->is_rung = true;
    enum gw_err err = open_base(linkd);
    for (size_t i = 0; i < GW_ARRAY_LEN(steps) && !err; i++) {
        err = steps[i](linkd, errors);
    }
    if (err) {
        return err;
    }
    gw_log_info(ROOM, "started version=%s sinks=%zu revision=%llu", GW_VERSION,
                linkd->sink_count, (unsigned long long) linkd->config->revision);
    *ret_linkd = GW_TAKE(linkd);
    return GW_OK;
}

static void close_buffers(struct gw_linkd *linkd) {
    gw_buf_close(&linkd->snapshot);
    gw_buf_close(&linkd->sections);
    gw_buf_close(&linkd->answer);
    gw_buf_close(&linkd->frame);
    gw_buf_close(&linkd->letter);
}

void gw_linkd_close(struct gw_linkd *linkd) {
    if (!linkd) {
        return;
    }
    if (linkd->sink_count > 0) {
        gw_linkd_report_progress(linkd, true);
    }
    gw_linkd_close_audit(linkd);
    gw_linkd_close_sinks(linkd);
    gw_ipc_server_close(linkd->server);
    if (linkd->doorbell_fd >= 0) {
        gw_loop_unwatch(linkd->loop, linkd->doorbell_fd);
        (void) close(linkd->doorbell_fd);
    }
    gw_queue_reader_close(linkd->reader);
    gw_link_store_close(linkd->store);
    gw_health_close(linkd->health);
    gw_loop_close(linkd->loop);
    gw_config_close(linkd->config);
    close_buffers(linkd);
    free(linkd);
}

/* ---- reload ---- */

static enum gw_err reject(struct gw_linkd *linkd, struct gw_buf *errors, enum gw_err err) {
    struct gw_str found = gw_buf_str(errors);
    gw_log_warning(ROOM, "configuration was refused, the old one runs on error=%s",
                   gw_err_name(err));
    gw_health_raise(linkd->health, GW_ISSUE_CONFIG_REJECTED, GW_STR("config"), "%.*s",
                    (int) (found.len < 200 ? found.len : 200), found.ptr ? found.ptr : "");
    return err;
}

/* The sinks hold views into the document they were opened with: it stays as long
 * as they do. Where nothing of theirs changed their connections go on. */
static enum gw_err change_config(struct gw_linkd *linkd, struct gw_config *config,
                                 unsigned changed, struct gw_buf *errors) {
    const unsigned parts_of_sinks = GW_PART_GATEWAY | GW_PART_CLASSES | GW_PART_SINKS;
    bool is_other = changed & parts_of_sinks;
    if (is_other) {
        gw_linkd_report_progress(linkd, true);
        gw_linkd_close_audit(linkd);
        gw_linkd_close_sinks(linkd);
    }
    if (linkd->config != linkd->sinks_config) {
        gw_config_close(linkd->config);
    }
    linkd->config = config;
    linkd->fell_back = false;
    gw_health_clear(linkd->health, GW_ISSUE_CONFIG_REJECTED, GW_STR("config"));
    if (!is_other) {
        return GW_OK;
    }
    linkd->is_reload = true;
    linkd->is_rung = true;
    fill_context(linkd);
    return gw_linkd_open_sinks(linkd, errors);
}

enum gw_err gw_linkd_reload_changed(struct gw_linkd *linkd, struct gw_buf *errors,
                                    unsigned *ret_changed) {
    struct gw_config *config = NULL;
    enum gw_err err = gw_config_load(linkd->config_path, errors, &config);
    if (err) {
        return reject(linkd, errors, err);
    }
    unsigned changed = gw_config_diff(linkd->config, config);
    if (changed & GW_PART_PATHS) {
        gw_config_close(config);
        gw_buf_put_str(errors, GW_STR("paths: they change with a new start only\n"));
        return reject(linkd, errors, GW_ERR_INVALID);
    }
    err = change_config(linkd, config, changed, errors);
    if (err) {
        /* the new document passed its check but cannot run, and the old is gone */
        linkd->is_broken = true;
        return err;
    }
    gw_log_info(ROOM, "configuration was loaded revision=%llu changed=0x%x",
                (unsigned long long) linkd->config->revision, changed);
    *ret_changed = changed;
    return GW_OK;
}

enum gw_err gw_linkd_reload(struct gw_linkd *linkd, struct gw_buf *errors) {
    unsigned changed;
    return gw_linkd_reload_changed(linkd, errors, &changed);
}

/* ---- rounds ---- */

struct gw_loop *gw_linkd_loop(struct gw_linkd *linkd) {
    return linkd->loop;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t next_mono_ms(const struct gw_linkd *linkd) {
    int64_t next = linkd->is_rung ? 0 : linkd->housekeeping_mono_ms;
    for (size_t i = 0; i < linkd->sink_count; i++) {
        next = earlier(next, gw_http_next_mono_ms(linkd->sinks[i].http));
        next = earlier(next, gw_uplink_next_mono_ms(linkd->sinks[i].uplink));
    }
    return next;
}

static void tick_sinks(struct gw_linkd *linkd) {
    for (size_t i = 0; i < linkd->sink_count; i++) {
        gw_uplink_tick(linkd->sinks[i].uplink);
    }
}

/* Once a second: the safety scan for a lost ring, and what others read. */
static void keep_house(struct gw_linkd *linkd) {
    int64_t now = gw_clock_mono_ms(linkd->clock);
    if (now < linkd->housekeeping_mono_ms) {
        return;
    }
    linkd->housekeeping_mono_ms = now + SECOND_MS;
    linkd->is_rung = true;
    gw_linkd_expire_audit(linkd);
    gw_linkd_expire_questions(linkd);
    if (linkd->certificates_mono_ms <= now) {
        linkd->certificates_mono_ms = now + HOUR_MS;
        gw_linkd_check_certificates(linkd);
    }
    gw_linkd_log_sinks(linkd);
    gw_linkd_report_progress(linkd, false);
    gw_linkd_write_snapshot(linkd);
}

enum gw_err gw_linkd_round(struct gw_linkd *linkd, int64_t deadline_mono_ms) {
    int64_t deadline = earlier(next_mono_ms(linkd), deadline_mono_ms);
    enum gw_err err = gw_loop_wait(linkd->loop, linkd->clock, deadline);
    if (err) {
        return err;
    }
    if (linkd->is_broken) {
        return GW_ERR_FATAL;
    }
    for (size_t i = 0; i < linkd->sink_count; i++) {
        gw_http_tick(linkd->sinks[i].http);
    }
    if (linkd->is_rung) {
        gw_linkd_look(linkd);
    }
    tick_sinks(linkd);
    keep_house(linkd);
    return GW_OK;
}

bool gw_linkd_wants_restart(const struct gw_linkd *linkd) {
    for (size_t i = 0; i < linkd->sink_count; i++) {
        if (gw_uplink_wants_restart(linkd->sinks[i].uplink)) {
            return true;
        }
    }
    return false;
}

int gw_linkd_run(struct gw_linkd *linkd) {
    while (!gw_loop_stopped(linkd->loop)) {
        enum gw_err err = gw_linkd_round(linkd, GW_NEVER_MS);
        if (err) {
            gw_log_error(ROOM, "loop failed, a new process will be started error=%s",
                         gw_err_name(err));
            return GW_LINKD_EXIT_RESTART;
        }
        if (gw_linkd_wants_restart(linkd)) {
            gw_log_error(ROOM, "no progress, a new process will be started");
            return GW_LINKD_EXIT_RESTART;
        }
    }
    gw_log_info(ROOM, "stopped");
    return 0;
}
