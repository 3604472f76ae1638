/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "drivers/serial/hotplug.h"
#include "drivers/serial/source_internal.h"
#include "firmware/base/cleanup.h"

#define REASON_BYTES 512

GW_DEFINE_CLEANUP(struct gw_feeds *, gw_feeds_close, closep)

/* ---- time ---- */

static void on_hotplug(void *context) {
    struct gw_feeds *feeds = context;
    for (size_t i = 0; i < feeds->count; i++) {
        const struct gw_transport *transport = &feeds->sources[i]->transport;
        if (transport->self && transport->ops->look) {
            transport->ops->look(transport->self);
        }
    }
}

static void free_settled(struct gw_feeds *feeds) {
    for (struct source **at = &feeds->leaving; *at;) {
        struct source *source = *at;
        if (gw_backlog_has_units(&source->backlog)) {
            at = &source->next_leaving;
        } else {
            *at = source->next_leaving;
            source_close(source);
        }
    }
}

void gw_feeds_tick(struct gw_feeds *feeds) {
    free_settled(feeds);
    int64_t now_mono_ms = gw_clock_mono_ms(feeds->options.clock);
    for (size_t i = 0; i < feeds->count && !feeds->is_stopped; i++) {
        source_tick(feeds->sources[i], now_mono_ms);
    }
}

int64_t gw_feeds_next_mono_ms(const struct gw_feeds *feeds) {
    int64_t next = GW_NEVER_MS;
    for (size_t i = 0; i < feeds->count && !feeds->is_stopped; i++) {
        int64_t wanted = source_next_mono_ms(feeds->sources[i]);
        next = wanted < next ? wanted : next;
    }
    return next;
}

bool gw_feeds_profiles_have_changed(const struct gw_feeds *feeds) {
    for (size_t i = 0; i < feeds->count; i++) {
        if (source_profile_has_changed(feeds->sources[i])) {
            return true;
        }
    }
    return false;
}

static struct source *find_source(const struct gw_feeds *feeds, struct gw_str device) {
    for (size_t i = 0; i < feeds->count; i++) {
        if (gw_str_eq(device, gw_str_from_cstr(feeds->sources[i]->device))) {
            return feeds->sources[i];
        }
    }
    return NULL;
}

/* ---- commands ---- */

static enum gw_err refuse_unknown(const struct gw_feeds *feeds, struct gw_str device,
                                  struct gw_buf *reason) {
    (void) gw_buf_printf(reason, "device: found \"%.*s\", the feeds are: ",
                         GW_STR_ARG(gw_str_sub(device, 0, 64)));
    for (size_t i = 0; i < feeds->count; i++) {
        (void) gw_buf_printf(reason, "%s%s", i == 0 ? "" : ", ", feeds->sources[i]->device);
    }
    return GW_ERR_NOENT;
}

enum gw_err gw_feeds_command(struct gw_feeds *feeds, const struct gw_feed_command *command,
                             struct gw_buf *reason) {
    struct source *source = find_source(feeds, command->device);
    return source ? source_command(source, command, reason)
                  : refuse_unknown(feeds, command->device, reason);
}

/* ---- figures ---- */

static const char *state_of(const struct source *source) {
    static const char *const troubles[] = {
        [GW_TRANSPORT_ABSENT] = "absent",
        [GW_TRANSPORT_DENIED] = "denied",
        [GW_TRANSPORT_AMBIGUOUS] = "ambiguous",
    };
    if (!source->profile) {
        return "faulty";
    }
    if (!source->is_open) {
        return troubles[source->trouble];
    }
    return source->is_babbling ? "babbling" : source->is_silent ? "silent" : "open";
}

bool gw_feeds_get_figures(const struct gw_feeds *feeds, size_t index,
                          struct gw_feed_figures *ret_figures) {
    if (index >= feeds->count) {
        return false;
    }
    const struct source *source = feeds->sources[index];
    *ret_figures = (struct gw_feed_figures){
        .device = gw_str_from_cstr(source->device),
        .transport = source->transport_name,
        .state = state_of(source),
        .detail = gw_str_from_cstr(source->detail),
        .since_wall_ms = source->since_wall_ms,
        .last_wall_ms = source->last_wall_ms,
        .bytes = source->bytes,
        .observations = source->taken,
        .stored = source->stored,
        .refused = source->refused,
        .undecodable = source->undecodable,
        .duplicates = source->duplicates,
        .waiting = gw_backlog_count(&source->backlog),
        .is_held = source->is_held,
    };
    return true;
}

/* ---- another configuration ---- */

static bool is_wanted(const struct source *source, const struct gw_config_feed *configs,
                      size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(configs[i].id, source->device) == 0) {
            return source_is_as_configured(source, &configs[i]);
        }
    }
    return false;
}

/* What stays closes up, in its old order. */
static void stop_unwanted(struct gw_feeds *feeds, const struct gw_config_feed *configs,
                          size_t count) {
    struct source *gone = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < feeds->count; i++) {
        struct source *source = feeds->sources[i];
        if (is_wanted(source, configs, count)) {
            feeds->sources[kept++] = source;
        } else {
            source->next_leaving = gone;
            gone = source;
        }
    }
    feeds->count = kept;
    while (gone) {
        struct source *source = gone;
        gone = source->next_leaving;
        source_stop(source);
        source->next_leaving = feeds->leaving;
        feeds->leaving = source;
    }
}

/* All are stopped that have to before the first is opened: a device may move from one
 * feed to another. */
enum gw_err gw_feeds_set_config(struct gw_feeds *feeds, const struct gw_config_feed *configs,
                                size_t count) {
    GW_CLEANUP(gw_freep) struct source **sources = calloc(count + 1, sizeof(struct source *));
    if (!sources) {
        return GW_ERR_NOMEM;
    }
    stop_unwanted(feeds, configs, count);
    enum gw_err err = GW_OK;
    size_t placed = 0;
    for (size_t i = 0; i < count; i++) {
        struct source *source = find_source(feeds, gw_str_from_cstr(configs[i].id));
        if (!source) {
            enum gw_err failed = source_open(feeds, &configs[i], &source);
            err = failed ? failed : err;
        }
        if (source) {
            sources[placed++] = source;
        }
    }
    free(feeds->sources);
    feeds->sources = GW_TAKE(sources);
    feeds->count = placed;
    free_settled(feeds);
    return err;
}

/* ---- life ---- */

static void open_counters(struct gw_feeds *feeds) {
    struct gw_health *health = feeds->options.health;
    feeds->counter_stored = gw_health_counter(health, "feeds.stored");
    feeds->counter_refused = gw_health_counter(health, "feeds.refused");
    feeds->counter_undecodable = gw_health_counter(health, "feeds.undecodable");
    feeds->counter_duplicates = gw_health_counter(health, "feeds.device_duplicates");
    feeds->counter_failed = gw_health_counter(health, "feeds.commits_failed");
}

static enum gw_err open_parts(struct gw_feeds *feeds) {
    const struct gw_feeds_options *options = &feeds->options;
    enum gw_err err = gw_buf_open(&feeds->data, GW_FEED_DATA_BYTES(GW_PROFILE_FRAME_MAX_BYTES));
    if (!err) {
        err = gw_buf_open(&feeds->reason, REASON_BYTES);
    }
    if (!err) {
        err = gw_tcp_doors_open(options->loop, options->clock, &feeds->doors);
    }
    if (!err) {
        err = gw_hotplug_open(options->loop, options->dev_root, on_hotplug, feeds,
                              &feeds->hotplug);
    }
    return err;
}

enum gw_err gw_feeds_open(const struct gw_feeds_options *options, struct gw_feeds **ret_feeds) {
    GW_CLEANUP(closep) struct gw_feeds *feeds = calloc(1, sizeof *feeds);
    if (!feeds) {
        return GW_ERR_NOMEM;
    }
    feeds->options = *options;
    struct gw_feeds_options *own = &feeds->options;
    own->sys_root = own->sys_root ? own->sys_root : "/sys";
    own->dev_root = own->dev_root ? own->dev_root : "/dev";
    feeds->profiles = gw_profile_folder();
    own->profile_folder = own->profile_folder ? own->profile_folder : feeds->profiles.path;
    open_counters(feeds);
    enum gw_err err = open_parts(feeds);
    if (!err) {
        err = gw_feeds_set_config(feeds, options->configs, options->count);
    }
    if (err) {
        return err;
    }
    own->configs = NULL;
    *ret_feeds = GW_TAKE(feeds);
    return GW_OK;
}

void gw_feeds_stop(struct gw_feeds *feeds) {
    if (feeds->is_stopped) {
        return;
    }
    feeds->is_stopped = true;
    for (size_t i = 0; i < feeds->count; i++) {
        source_stop(feeds->sources[i]);
    }
}

void gw_feeds_close(struct gw_feeds *feeds) {
    if (!feeds) {
        return;
    }
    gw_feeds_stop(feeds);
    for (size_t i = 0; i < feeds->count; i++) {
        source_close(feeds->sources[i]);
    }
    while (feeds->leaving) {
        struct source *source = feeds->leaving;
        feeds->leaving = source->next_leaving;
        source_close(source);
    }
    gw_hotplug_close(feeds->hotplug);
    gw_tcp_doors_close(feeds->doors);
    gw_buf_close(&feeds->data);
    gw_buf_close(&feeds->reason);
    free(feeds->sources);
    free(feeds);
}
