/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One feed: a transport and a profile. Bytes that are read are decoded at once, unless
 * the device is held back: then they wait in `rest`, and it is read no further.
 */
#include "drivers/serial/source_internal.h"

#include <stdlib.h>
#include <string.h>

#include "firmware/base/cleanup.h"

#define BACKLOG_ENTRIES 256
#define BACKLOG_BYTES ((size_t) 512 << 10)
#define QUARANTINED_PER_SECOND 5
#define ERRORS_BYTES 4096
/* Behind a time of holding back, what waited in the kernel and in the device comes at once
 * and in large pieces. It is over with a pause; a short one will do behind a piece that is no
 * larger than what a scale sends in some milliseconds. */
#define PAUSE_MS 100
#define SHORT_PAUSE_MS 10
#define SMALL_BYTES 256

static int64_t now_of(const struct source *source) {
    return gw_clock_mono_ms(source->feeds->options.clock);
}

/* ---- holding back ---- */

static void set_late(struct source *source, bool is_late) {
    source->is_late = is_late;
    gw_feed_set_late(source->feed, is_late);
}

static void hold(struct source *source, bool is_held, int64_t now_mono_ms) {
    source->is_held = is_held;
    source->fresh_mono_ms = now_mono_ms + PAUSE_MS;
    gw_feed_hold(source->feed, is_held, now_mono_ms);
    set_late(source, true);
    if (source->transport.self) {
        (void) source->transport.ops->hold(source->transport.self, is_held);
    }
}

/* May it be read, or must it be held back until it may? */
static void settle_hold(struct source *source, int64_t now_mono_ms) {
    bool is_over = gw_pace_is_over(&source->observations, now_mono_ms)
                   || gw_pace_is_over(&source->bytes_read, now_mono_ms);
    if (!source->can_hold) {
        return;
    }
    if (is_over && source->held_until_mono_ms == 0) {
        int64_t observations = gw_pace_ready_mono_ms(&source->observations);
        int64_t bytes = gw_pace_ready_mono_ms(&source->bytes_read);
        source->held_until_mono_ms = observations > bytes ? observations : bytes;
    }
    if (now_mono_ms >= source->held_until_mono_ms) {
        source->held_until_mono_ms = 0;
    }
    bool must_hold =
        source->held_until_mono_ms != 0 || source->rest_len > 0 || source_is_full(source);
    if (must_hold != source->is_held) {
        hold(source, must_hold, now_mono_ms);
    }
}

/* ---- decoding ---- */

static void decode_rest(struct source *source, int64_t now_mono_ms) {
    bool must_wait = source->held_until_mono_ms != 0 || source_is_full(source);
    if (source->rest_len == 0 || (must_wait && source->can_hold && !source->is_forced)) {
        return;
    }
    size_t taken = gw_feed_push(source->feed, (struct gw_bytes){source->rest, source->rest_len},
                                now_mono_ms);
    source->rest_len -= taken;
    memmove(source->rest, source->rest + taken, source->rest_len);
}

/* Everything that was read, whatever room there is: the rest of it is refused, with a
 * loss record. */
static void decode_all(struct source *source, int64_t now_mono_ms) {
    source->is_forced = true;
    source->held_until_mono_ms = 0;
    decode_rest(source, now_mono_ms);
    source->is_forced = false;
}

static void on_received(void *context, struct gw_bytes bytes) {
    struct source *source = context;
    int64_t now_mono_ms = now_of(source);
    source->bytes += bytes.len;
    gw_pace_take(&source->bytes_read, bytes.len, now_mono_ms);
    source->fresh_mono_ms = now_mono_ms + (bytes.len < SMALL_BYTES ? SHORT_PAUSE_MS : PAUSE_MS);
    if (bytes.len > SOURCE_REST_BYTES - source->rest_len) {
        decode_all(source, now_mono_ms);
    }
    memcpy(source->rest + source->rest_len, bytes.ptr, bytes.len);
    source->rest_len += bytes.len;
    decode_rest(source, now_mono_ms);
    source_submit(source, now_mono_ms);
    settle_hold(source, now_mono_ms);
}

static void end_stream(struct source *source) {
    int64_t now_mono_ms = now_of(source);
    decode_all(source, now_mono_ms);
    source->is_forced = true;
    gw_feed_end(source->feed, now_mono_ms);
    source->is_forced = false;
    source_submit(source, now_mono_ms);
}

static void on_opened(void *context, struct gw_str peer) {
    struct source *source = context;
    if (source->is_open) { /* by another connection, which has lost its turn */
        end_stream(source);
        source->command.is_cut_off = true;
    } else {
        gw_feed_end(source->feed, now_of(source)); /* time passed while nothing was open */
    }
    set_late(source, source->is_held);
    source_note_opened(source, peer);
    /* Not before it is open: only then the transport knows. */
    source->can_hold = source->transport.ops->hold(source->transport.self, source->is_held);
}

static void on_closed(void *context, enum gw_transport_trouble trouble, struct gw_str detail) {
    struct source *source = context;
    if (source->is_open) {
        end_stream(source);
    }
    source->command.is_cut_off = true;
    source_note_closed(source, trouble, detail);
}

static void on_turned_away(void *context, struct gw_str peer) {
    source_note_turned_away(context, peer);
}

static void on_shared(void *context, struct gw_str peer, struct gw_str other) {
    source_note_shared(context, peer, other);
}

static void on_waited(void *context) {
    struct source *source = context;
    source->fresh_mono_ms = now_of(source) + PAUSE_MS;
    set_late(source, true);
}

/* How many observations those bytes were, nobody knows. */
static void on_dropped(void *context) {
    source_refuse(context, GW_FEED_REFUSED_FULL, 1);
}

static bool is_between(void *context) {
    const struct source *source = context;
    return source->rest_len == 0 && gw_feed_free_mono_ms(source->feed) <= now_of(source);
}

/* ---- time ---- */

/* Behind so long a pause nothing waits any more: what had come by now was read before. */
static int64_t fresh_mono_ms(const struct source *source) {
    bool is_due = source->is_open && source->is_late && !source->is_held;
    return is_due ? source->fresh_mono_ms : GW_NEVER_MS;
}

static void poll_device(struct source *source, int64_t now_mono_ms) {
    struct gw_bytes request;
    if (source->is_open && gw_feed_request(source->feed, now_mono_ms, &request)) {
        (void) !source->transport.ops->write(source->transport.self, request);
    }
}

void source_tick(struct source *source, int64_t now_mono_ms) {
    if (now_mono_ms >= source->settle_mono_ms) {
        source_settle_issues(source, now_mono_ms);
    }
    if (source->retry_mono_ms <= now_mono_ms) {
        source_submit(source, now_mono_ms);
    }
    if (!source->transport.self) {
        return;
    }
    source->transport.ops->tick(source->transport.self, now_mono_ms);
    if (source->is_held) {
        settle_hold(source, now_mono_ms);
        decode_rest(source, now_mono_ms);
        source_submit(source, now_mono_ms);
        settle_hold(source, now_mono_ms);
    }
    if (now_mono_ms >= fresh_mono_ms(source)) {
        set_late(source, false);
    }
    source_tick_command(source, now_mono_ms);
    if (source->is_open && !source->is_held
        && gw_feed_next_mono_ms(source->feed) <= now_mono_ms) {
        gw_feed_tick(source->feed, now_mono_ms);
        poll_device(source, now_mono_ms);
        source_submit(source, now_mono_ms);
    }
}

static int64_t earlier(int64_t a_mono_ms, int64_t b_mono_ms) {
    return a_mono_ms < b_mono_ms ? a_mono_ms : b_mono_ms;
}

int64_t source_next_mono_ms(const struct source *source) {
    int64_t next = earlier(source->settle_mono_ms, source->retry_mono_ms);
    next = earlier(next, source_command_next_mono_ms(source));
    next = earlier(next, fresh_mono_ms(source));
    if (source->transport.self) {
        next = earlier(next, source->transport.ops->next_mono_ms(source->transport.self));
    }
    if (source->is_open && !source->is_held) {
        next = earlier(next, gw_feed_next_mono_ms(source->feed));
    }
    /* Held for want of room: the completions of a commit make some, and every commit
     * is followed by a tick. */
    return source->held_until_mono_ms != 0 ? earlier(next, source->held_until_mono_ms) : next;
}

/* ---- life ---- */

static struct gw_profile_serial line_of(const struct gw_config_feed *config,
                                        const struct gw_profile *profile) {
    static const struct gw_profile_serial lines[] = {
        [GW_FEED_LINE_8N1] = {.data_bits = 8, .stop_bits = 1, .parity = GW_PARITY_NONE},
        [GW_FEED_LINE_8E1] = {.data_bits = 8, .stop_bits = 1, .parity = GW_PARITY_EVEN},
        [GW_FEED_LINE_8O1] = {.data_bits = 8, .stop_bits = 1, .parity = GW_PARITY_ODD},
        [GW_FEED_LINE_8N2] = {.data_bits = 8, .stop_bits = 2, .parity = GW_PARITY_NONE},
        [GW_FEED_LINE_7N1] = {.data_bits = 7, .stop_bits = 1, .parity = GW_PARITY_NONE},
        [GW_FEED_LINE_7E1] = {.data_bits = 7, .stop_bits = 1, .parity = GW_PARITY_EVEN},
        [GW_FEED_LINE_7O1] = {.data_bits = 7, .stop_bits = 1, .parity = GW_PARITY_ODD},
        [GW_FEED_LINE_7N2] = {.data_bits = 7, .stop_bits = 2, .parity = GW_PARITY_NONE},
        [GW_FEED_LINE_7E2] = {.data_bits = 7, .stop_bits = 2, .parity = GW_PARITY_EVEN},
        [GW_FEED_LINE_7O2] = {.data_bits = 7, .stop_bits = 2, .parity = GW_PARITY_ODD},
    };
    static const enum gw_flow_control flows[] = {
        [GW_FEED_FLOW_NONE] = GW_FLOW_NONE,
        [GW_FEED_FLOW_RTS_CTS] = GW_FLOW_RTS_CTS,
        [GW_FEED_FLOW_XON_XOFF] = GW_FLOW_XON_XOFF,
    };
    struct gw_profile_serial line =
        config->line == GW_FEED_LINE_PROFILE ? profile->serial : lines[config->line];
    line.baud = config->baud != 0 ? config->baud : profile->serial.baud;
    line.flow =
        config->flow == GW_FEED_FLOW_PROFILE ? profile->serial.flow : flows[config->flow];
    return line;
}

/* What cannot be used is said, and costs the others nothing. */
static void raise_profile(struct source *source, struct gw_str finding) {
    struct gw_str first = gw_str_sub(finding, 0, gw_str_find(finding, '\n', 0));
    gw_health_raise(source->feeds->options.health, GW_ISSUE_FEED_PROFILE,
                    gw_str_from_cstr(source->device), "%.*s", GW_STR_ARG(first));
    (void) snprintf(source->detail, sizeof source->detail, "%.*s", GW_STR_ARG(first));
    gw_feed_close(source->feed);
    source->feed = NULL;
    gw_profile_close(source->profile);
    source->profile = NULL;
}

static struct stat look_at_profile(const struct source *source) {
    struct stat file;
    memset(&file, 0, sizeof file);
    if (stat(source->profile_path, &file) != 0) {
        memset(&file, 0, sizeof file);
    }
    return file;
}

bool source_profile_has_changed(const struct source *source) {
    struct stat now = look_at_profile(source);
    const struct stat *then = &source->profile_file;
    return now.st_ino != then->st_ino || now.st_size != then->st_size
           || now.st_mtim.tv_sec != then->st_mtim.tv_sec
           || now.st_mtim.tv_nsec != then->st_mtim.tv_nsec;
}

/* As gw_profile_load finds it. */
static void note_profile(struct source *source, const char *name) {
    bool is_path = strchr(name, '/') != NULL;
    (void) snprintf(source->profile_path, sizeof source->profile_path, "%s%s%s%s",
                    is_path ? "" : source->feeds->options.profile_folder, is_path ? "" : "/",
                    name, is_path ? "" : ".json");
    source->profile_file = look_at_profile(source);
}

static enum gw_err open_profile(struct source *source, const struct gw_config_feed *config) {
    char storage[ERRORS_BYTES];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage);
    note_profile(source, config->profile);
    enum gw_err err = gw_profile_load(source->feeds->options.profile_folder, config->profile,
                                      &errors, &source->profile);
    if (err == GW_ERR_NOMEM) {
        return err;
    }
    if (err) {
        source->profile = NULL;
        raise_profile(source, errors.len > 0 ? gw_buf_str(&errors)
                                             : gw_str_from_cstr(gw_err_name(err)));
        return GW_OK;
    }
    if (config->transport == GW_FEED_HID
        && source->profile->keyboard.layout == GW_LAYOUT_NONE) {
        raise_profile(source, GW_STR("it has no keyboard layout, which hid needs"));
        return GW_OK;
    }
    const struct gw_feed_options options = {.profile = source->profile,
                                            .sink = source_take_item,
                                            .sink_context = source,
                                            .now_mono_ms = now_of(source)};
    err = gw_feed_open(&options, &source->feed);
    if (err == GW_ERR_INVALID) {
        raise_profile(source, GW_STR("it is not for devices that speak bytes"));
        return GW_OK;
    }
    return err;
}

/* Neither the checker of the configuration nor that of the profile let it through; if one
 * of them does, this feed alone is not heard. */
static void raise_transport(struct source *source, const struct gw_config_feed *config,
                            const struct gw_profile_serial *line) {
    char storage[200];
    struct gw_buf finding;
    gw_buf_init(&finding, storage, sizeof storage);
    if (config->transport == GW_FEED_SERIAL || config->transport == GW_FEED_HID) {
        (void) gw_buf_printf(&finding, "%s cannot be opened so: ", source->transport_name);
        if (config->transport == GW_FEED_SERIAL) {
            (void) gw_buf_printf(&finding, "%u baud, ", (unsigned) line->baud);
        }
        (void) gw_buf_printf(&finding, "path \"%.60s\"", config->path);
    } else {
        (void) gw_buf_printf(&finding, "%s cannot be opened so: address \"%.60s\", %zu peers",
                             source->transport_name, config->address, config->peer_count);
    }
    raise_profile(source, gw_buf_str(&finding));
}

static enum gw_err open_transport(struct source *source, const struct gw_config_feed *config) {
    static const struct {
        const char *name;
        enum gw_err (*open)(const struct gw_transport_options *options,
                            struct gw_transport *ret_transport);
    } kinds[] = {
        [GW_FEED_SERIAL] = {"serial", gw_transport_open_serial},
        [GW_FEED_HID] = {"hid", gw_transport_open_hid},
        [GW_FEED_TCP_CLIENT] = {"tcp_client", gw_transport_open_tcp_client},
        [GW_FEED_TCP_SERVER] = {"tcp_server", gw_transport_open_tcp_server},
    };
    source->transport_name = kinds[config->transport].name;
    if (!source->profile) {
        return GW_OK;
    }
    const struct gw_feeds *feeds = source->feeds;
    const struct gw_transport_options options = {
        .config = config,
        .owner = {.opened = on_opened,
                  .received = on_received,
                  .closed = on_closed,
                  .turned_away = on_turned_away,
                  .shared = on_shared,
                  .waited = on_waited,
                  .dropped = on_dropped,
                  .is_between = is_between,
                  .context = source},
        .loop = feeds->options.loop,
        .clock = feeds->options.clock,
        .line = line_of(config, source->profile),
        .keyboard = &source->profile->keyboard,
        .sys_root = feeds->options.sys_root,
        .dev_root = feeds->options.dev_root,
        .grab = feeds->options.grab,
        .doors = feeds->doors,
    };
    enum gw_err err = kinds[config->transport].open(&options, &source->transport);
    if (err == GW_ERR_INVALID) {
        raise_transport(source, config, &options.line);
        return GW_OK;
    }
    return err;
}

bool source_is_as_configured(const struct source *source, const struct gw_config_feed *config) {
    uint8_t fingerprint[sizeof source->fingerprint];
    gw_config_feed_fingerprint(config, fingerprint);
    return memcmp(fingerprint, source->fingerprint, sizeof fingerprint) == 0
           && !source_profile_has_changed(source);
}

GW_DEFINE_CLEANUP(struct source *, source_close, closep)

enum gw_err source_open(struct gw_feeds *feeds, const struct gw_config_feed *config,
                        struct source **ret_source) {
    GW_CLEANUP(closep) struct source *source = calloc(1, sizeof *source);
    if (!source) {
        return GW_ERR_NOMEM;
    }
    source->feeds = feeds;
    gw_config_feed_fingerprint(config, source->fingerprint);
    source->class = config->class;
    source->observations.per_second = config->max_per_second;
    source->bytes_read.per_second = config->max_bytes_per_second;
    source->quarantined.per_second = QUARANTINED_PER_SECOND;
    source->retry_mono_ms = GW_NEVER_MS;
    source->since_wall_ms = gw_clock_wall_ms(feeds->options.clock);
    enum gw_err err =
        gw_str_copy(gw_str_from_cstr(config->id), source->device, sizeof source->device);
    if (err) {
        return GW_ERR_INVALID;
    }
    err = gw_backlog_open(&source->backlog, BACKLOG_ENTRIES, BACKLOG_BYTES);
    if (!err) {
        err = open_profile(source, config);
    }
    if (!err && source->profile && source_allow_commands(source, config)) {
        raise_profile(source, GW_STR("commands: a name is longer than 256 bytes"));
    }
    if (!err) {
        err = open_transport(source, config);
    }
    if (err) {
        return err;
    }
    *ret_source = GW_TAKE(source);
    return GW_OK;
}

void source_stop(struct source *source) {
    source_drop_command(source);
    if (source->transport.self) {
        source->transport.ops->close(source->transport.self);
        source->transport = (struct gw_transport){0};
    }
    if (source->is_open) {
        end_stream(source);
        source->is_open = false;
    } else {
        source_submit(source, now_of(source));
    }
    source_clear_issues(source);
}

void source_close(struct source *source) {
    if (!source) {
        return;
    }
    size_t left = gw_backlog_count(&source->backlog);
    if (left > 0) {
        source_refuse(source, GW_FEED_REFUSED_STOPPED, left);
    }
    gw_feed_close(source->feed);
    gw_profile_close(source->profile);
    gw_backlog_close(&source->backlog);
    free(source);
}
