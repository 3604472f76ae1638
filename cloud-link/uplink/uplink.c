/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud-link/uplink/uplink.h"

#include <stdio.h>
#include <string.h>

#include "cloud-link/uplink/state.h"
#include "firmware/base/cleanup.h"

/* Cursors are saved a second after the first unsaved event when many moved,
 * else after five: at one event a second a commit each would wear the flash. */
#define SAVE_MANY_EVENTS 1000
#define SAVE_MANY_MS 1000
#define SAVE_FEW_MS 5000
/* Bytes of an answer that names every event of a batch. */
#define ANSWER_BYTES_PER_EVENT 160
#define ANSWER_BYTES_LEAST 65536

size_t gw_uplink_max_body_bytes(const struct gw_config_sink *sink) {
    return (size_t) sink->batch_kib_max * 1024 + GW_EVENT_MAX_BYTES + 16;
}

size_t gw_uplink_max_answer_bytes(const struct gw_config_sink *sink) {
    return ANSWER_BYTES_LEAST + (size_t) sink->batch_events_max * ANSWER_BYTES_PER_EVENT;
}

/* ---- opening ---- */

static enum gw_err open_buffers(struct gw_uplink *uplink) {
    enum gw_err err = gw_batch_scratch_open(&uplink->scratch);
    if (err) {
        return err;
    }
    err = gw_buf_open(&uplink->text, gw_uplink_max_body_bytes(uplink->sink));
    if (err) {
        return err;
    }
    err = gw_buf_open(&uplink->letter, GW_UPLINK_LETTER_BYTES);
    if (err) {
        return err;
    }
    return gw_buf_open(&uplink->event, GW_EVENT_MAX_BYTES);
}

static enum gw_err open_lanes(struct gw_uplink *uplink) {
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        struct gw_lane *lane = &uplink->lanes[class];
        lane->uplink = uplink;
        lane->class = (enum gw_flow_class) class;
        lane->waiting_since_mono_ms = -1;
        lane->moved_mono_ms = gw_uplink_now(uplink);
        lane->batch_events = uplink->sink->batch_events;
        lane->batch_bytes = (size_t) uplink->sink->batch_kib * 1024;
        lane->batch.slot_max = uplink->sink->batch_events_max;
        lane->batch.slots = calloc(lane->batch.slot_max, sizeof(*lane->batch.slots));
        if (!lane->batch.slots) {
            return GW_ERR_NOMEM;
        }
    }
    return GW_OK;
}

static enum gw_err fill_texts(struct gw_uplink *uplink,
                              const struct gw_uplink_options *options) {
    struct gw_buf url, token;
    gw_buf_init(&url, uplink->url, sizeof(uplink->url));
    gw_buf_init(&token, uplink->token_value, sizeof(uplink->token_value));
    struct gw_str base = gw_str_from_cstr(options->sink->url);
    while (gw_str_ends_with(base, GW_STR("/"))) {
        base.len--;
    }
    gw_buf_put_str(&url, base);
    gw_buf_put_str(&url, GW_STR("/v1/events"));
    gw_buf_put_char(&url, '\0');
    if (options->token.len > 0) {
        gw_buf_put_str(&token, GW_STR("Bearer "));
        gw_buf_put_str(&token, options->token);
        gw_buf_put_char(&token, '\0');
    }
    return gw_buf_failed(&url) || gw_buf_failed(&token) ? GW_ERR_RANGE : GW_OK;
}

static uint64_t *counter(struct gw_uplink *uplink, const char *what) {
    char name[128];
    (void) snprintf(name, sizeof(name), "uplink.%.80s.%s", uplink->sink->name, what);
    return gw_health_counter(uplink->health, name);
}

static void take_options(struct gw_uplink *uplink, const struct gw_uplink_options *options) {
    uplink->sink = options->sink;
    uplink->classes = options->classes;
    uplink->name = gw_str_from_cstr(options->sink->name);
    uplink->serial = options->serial;
    uplink->ack_mode = options->ack_mode;
    uplink->context = options->context;
    uplink->clock = options->clock;
    uplink->transport = options->transport;
    uplink->source = options->source;
    uplink->store = options->store;
    uplink->health = options->health;
    uplink->starts_at_once = options->starts_at_once;
    uplink->random = options->random;
    uplink->random_self = options->random_self;
    uplink->known_count =
        options->known_count < GW_QUEUE_MAX_EPOCHS ? options->known_count : GW_QUEUE_MAX_EPOCHS;
    if (uplink->known_count > 0) {
        memcpy(uplink->known, options->known, uplink->known_count * sizeof(uplink->known[0]));
    }
    uplink->cap_events = UINT64_MAX;
    uplink->cap_bytes = SIZE_MAX;
    uplink->unsaved_since_mono_ms = -1;
    uplink->sent_counter = counter(uplink, "events_sent");
    uplink->accepted_counter = counter(uplink, "events_accepted");
    uplink->request_counter = counter(uplink, "requests");
    uplink->failure_counter = counter(uplink, "failures");
}

static enum gw_err start(struct gw_uplink *uplink) {
    int64_t now = gw_uplink_now(uplink);
    uint64_t restarted = 0;
    enum gw_err err = gw_link_store_get_mark(uplink->store, uplink->name,
                                             GW_UPLINK_MARK_RESTARTED, &restarted);
    if (err && err != GW_ERR_NOENT) {
        return err;
    }
    gw_watch_init(&uplink->watch, now, (int64_t) uplink->sink->no_progress_s * 1000,
                  restarted != 0);
    uplink->is_marked_restarted = restarted != 0;
    struct gw_pace_limits limits = {
        .first_jitter_ms = uplink->sink->first_jitter_ms,
        .retry_max_ms = uplink->sink->retry_max_ms,
        .max_events_per_second = uplink->sink->max_events_per_second,
    };
    gw_pace_init(&uplink->pace, now, &limits, gw_uplink_random(uplink));
    if (uplink->starts_at_once) {
        gw_pace_hurry(&uplink->pace, now);
    }
    uplink->hour_began_mono_ms = now;
    uplink->rate_mono_ms = now;
    uplink->wake_mono_ms = now;
    uplink->state_since_wall_ms = gw_clock_wall_ms(uplink->clock);
    if (restarted) {
        gw_uplink_note_error(uplink, "no progress, and a new process did not help");
        gw_uplink_raise(uplink, GW_ISSUE_UPLINK_NO_PROGRESS);
    }
    return gw_uplink_count_letters(uplink);
}

static void free_uplink(struct gw_uplink *uplink) {
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        free(uplink->lanes[class].batch.slots);
    }
    gw_batch_scratch_close(&uplink->scratch);
    gw_buf_close(&uplink->text);
    gw_buf_close(&uplink->letter);
    gw_buf_close(&uplink->event);
    free(uplink);
}

GW_DEFINE_CLEANUP(struct gw_uplink *, free_uplink, freep)

enum gw_err gw_uplink_open(const struct gw_uplink_options *options,
                           struct gw_uplink **ret_uplink) {
    GW_CLEANUP(freep) struct gw_uplink *uplink = calloc(1, sizeof(*uplink));
    if (!uplink) {
        return GW_ERR_NOMEM;
    }
    take_options(uplink, options);
    enum gw_err err = fill_texts(uplink, options);
    if (err) {
        return err;
    }
    err = open_buffers(uplink);
    if (err) {
        return err;
    }
    err = open_lanes(uplink);
    if (err) {
        return err;
    }
    err = start(uplink);
    if (err) {
        return err;
    }
    *ret_uplink = GW_TAKE(uplink);
    return GW_OK;
}

void gw_uplink_close(struct gw_uplink *uplink) {
    if (!uplink) {
        return;
    }
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        gw_lane_cancel(&uplink->lanes[class]);
    }
    enum gw_err err = gw_uplink_save(uplink);
    if (err) {
        /* what is not saved is sent again */
    }
    gw_uplink_clear_trouble(uplink);
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        gw_lane_moved(&uplink->lanes[class]); /* its issues must not outlive it */
        for (size_t i = 0; i < GW_QUEUE_MAX_EPOCHS; i++) {
            gw_lane_clear_unknown(&uplink->lanes[class], &uplink->tracks[i][class]);
        }
    }
    free_uplink(uplink);
}

/* ---- saving ---- */

static enum gw_err put_cursors(struct gw_uplink *uplink) {
    for (size_t i = 0; i < GW_QUEUE_MAX_EPOCHS * GW_CLASS_COUNT; i++) {
        const struct gw_track *track = &uplink->tracks[i / GW_CLASS_COUNT][i % GW_CLASS_COUNT];
        if (!track->is_used || gw_track_cursor(track) == track->saved_cursor) {
            continue;
        }
        struct gw_letter_key key = gw_uplink_key(uplink, track->epoch, track->class, 0);
        enum gw_err err = gw_link_store_put_cursor(uplink->store, &key, gw_track_cursor(track));
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

static void note_saved(struct gw_uplink *uplink) {
    for (size_t i = 0; i < GW_QUEUE_MAX_EPOCHS * GW_CLASS_COUNT; i++) {
        struct gw_track *track = &uplink->tracks[i / GW_CLASS_COUNT][i % GW_CLASS_COUNT];
        if (track->is_used) {
            track->saved_cursor = gw_track_cursor(track);
        }
    }
    uplink->unsaved_since_mono_ms = -1;
    uplink->unsaved_events = 0;
}

static enum gw_err write_cursors(struct gw_uplink *uplink) {
    enum gw_err err = gw_link_store_begin(uplink->store);
    if (err) {
        return err;
    }
    err = put_cursors(uplink);
    if (err) {
        gw_link_store_abort(uplink->store);
        return err;
    }
    return gw_link_store_commit(uplink->store);
}

enum gw_err gw_uplink_save(struct gw_uplink *uplink) {
    if (uplink->unsaved_since_mono_ms < 0) {
        return GW_OK;
    }
    enum gw_err err = write_cursors(uplink);
    if (err) {
        /* tried again after the usual time */
        uplink->unsaved_since_mono_ms = gw_uplink_now(uplink);
        gw_health_raise(uplink->health, GW_ISSUE_STORE_WRITE_FAILED, GW_STR("link"),
                        "link store: %s", gw_err_name(err));
        return err;
    }
    gw_health_clear(uplink->health, GW_ISSUE_STORE_WRITE_FAILED, GW_STR("link"));
    note_saved(uplink);
    return GW_OK;
}

static int64_t save_at(const struct gw_uplink *uplink) {
    if (uplink->unsaved_since_mono_ms < 0) {
        return GW_NEVER_MS;
    }
    return uplink->unsaved_since_mono_ms
           + (uplink->unsaved_events >= SAVE_MANY_EVENTS ? SAVE_MANY_MS : SAVE_FEW_MS);
}

/* ---- time ---- */

bool gw_uplink_wants_restart(const struct gw_uplink *uplink) {
    return uplink->restart_wanted;
}

void gw_uplink_tick(struct gw_uplink *uplink) {
    gw_uplink_watch(uplink);
    gw_uplink_judge(uplink);
    gw_uplink_pump(uplink);
    if (save_at(uplink) <= gw_uplink_now(uplink)) {
        enum gw_err err = gw_uplink_save(uplink);
        if (err) {
            return; /* the issue is raised; tried again later */
        }
    }
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t gw_uplink_next_mono_ms(const struct gw_uplink *uplink) {
    int64_t next = earlier(uplink->wake_mono_ms, save_at(uplink));
    return earlier(next, gw_uplink_watch_next_mono_ms(uplink));
}
