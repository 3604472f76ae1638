/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "drivers/serial/hotplug.h"
#include "drivers/serial/source_internal.h"
#include "firmware/base/cleanup.h"

#define REASON_BYTES 512

GW_DEFINE_CLEANUP(struct gw_feeds *, gw_feeds_close, closep)

/* ---- time ---- */

static void on_hotplug(void *context) {
    struct gw_feeds *feeds = context;
    for (size_t i = 0; i < feeds->count; i++) {
        const struct gw_transport *transport = &feeds->sources[i].transport;
        if (transport->self && transport->ops->look) {
            transport->ops->look(transport->self);
        }
    }
}

void gw_feeds_tick(struct gw_feeds *feeds) {
    int64_t now_mono_ms = gw_clock_mono_ms(feeds->options.clock);
    for (size_t i = 0; i < feeds->count && !feeds->is_stopped; i++) {
        source_tick(&feeds->sources[i], now_mono_ms);
    }
}

int64_t gw_feeds_next_mono_ms(const struct gw_feeds *feeds) {
    int64_t next = GW_NEVER_MS;
    for (size_t i = 0; i < feeds->count && !feeds->is_stopped; i++) {
        int64_t wanted = source_next_mono_ms(&feeds->sources[i]);
        next = wanted < next ? wanted : next;
    }
    return next;
}

bool gw_feeds_profiles_have_changed(const struct gw_feeds *feeds) {
    for (size_t i = 0; i < feeds->count; i++) {
        if (source_profile_has_changed(&feeds->sources[i])) {
            return true;
        }
    }
    return false;
}

/* ---- commands ---- */

static enum gw_err refuse_unknown(const struct gw_feeds *feeds, struct gw_str device,
                                  struct gw_buf *reason) {
    (void) gw_buf_printf(reason, "device: found \"%.*s\", the feeds are: ",
                         GW_STR_ARG(gw_str_sub(device, 0, 64)));
    for (size_t i = 0; i < feeds->count; i++) {
        (void) gw_buf_printf(reason, "%s%s", i == 0 ? "" : ", ", feeds->sources[i].device);
    }
    return GW_ERR_NOENT;
}

enum gw_err gw_feeds_command(struct gw_feeds *feeds, const struct gw_feed_command *command,
                             struct gw_buf *reason) {
    for (size_t i = 0; i < feeds->count; i++) {
        if (gw_str_eq(command->device, gw_str_from_cstr(feeds->sources[i].device))) {
            return source_command(&feeds->sources[i], command, reason);
        }
    }
    return refuse_unknown(feeds, command->device, reason);
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
    const struct source *source = &feeds->sources[index];
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
        .waiting = gw_backlog_count(&source->backlog),
        .is_held = source->is_held,
    };
    return true;
}

/* ---- life ---- */

static void open_counters(struct gw_feeds *feeds) {
    struct gw_health *health = feeds->options.health;
    feeds->counter_stored = gw_health_counter(health, "feeds.stored");
    feeds->counter_refused = gw_health_counter(health, "feeds.refused");
    feeds->counter_undecodable = gw_health_counter(health, "feeds.undecodable");
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

static enum gw_err open_sources(struct gw_feeds *feeds) {
    feeds->sources = calloc(feeds->options.count + 1, sizeof *feeds->sources);
    if (!feeds->sources) {
        return GW_ERR_NOMEM;
    }
    for (size_t i = 0; i < feeds->options.count; i++) {
        feeds->count++;
        enum gw_err err = source_open(&feeds->sources[i], feeds, &feeds->options.configs[i]);
        if (err) {
            return err;
        }
    }
    return GW_OK;
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
        err = open_sources(feeds);
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
        source_stop(&feeds->sources[i]);
    }
}

void gw_feeds_close(struct gw_feeds *feeds) {
    if (!feeds) {
        return;
    }
    gw_feeds_stop(feeds);
    for (size_t i = 0; i < feeds->count; i++) {
        source_close(&feeds->sources[i]);
    }
    gw_hotplug_close(feeds->hotplug);
    gw_tcp_doors_close(feeds->doors);
    gw_buf_close(&feeds->data);
    gw_buf_close(&feeds->reason);
    free(feeds->sources);
    free(feeds);
}
