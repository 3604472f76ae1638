/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/scales.h"

#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "drivers/profile/feed.h"
#include "drivers/profile/stamp.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/loop.h"

#define LINE_BYTES 512
#define DETAIL_BYTES 512
#define SCALE_POINTS_MAX 20 /* status, weight, unit, tare and a bit each */
#define VALUE_BYTES 40
#define RETRY_MS 200
#define NEVER INT64_MAX

struct scale_point {
    size_t index;     /* of the bus */
    const char *name; /* in the profile */
    char value[VALUE_BYTES];
    int64_t read_mono_ms;
    bool is_read; /* since the last line */
};

/* The filter's answer to the line in hand. */
struct verdict {
    bool is_wanted;
    unsigned remarks;
    struct gw_str condition; /* static storage; empty: what the line says, by itself */
    size_t detail_len;
    char detail[DETAIL_BYTES]; /* of the condition */
};

struct scale {
    char id[GW_EVENT_NAME_MAX_BYTES + 1];
    enum gw_flow_class class;
    struct gw_profile *profile; /* NULL: it gives no weights */
    struct gw_profile_stamp stamp;
    struct gw_feed *filter;  /* of the worker: which lines are to be reported */
    struct gw_feed *decoder; /* of the loop: remembers nothing */
    struct scale_point points[SCALE_POINTS_MAX];
    size_t point_count;
    struct verdict verdict;
    /* loop */
    uint64_t events;
    int64_t last_wall_ms;
    bool has_weighed;
};

struct scale_line {
    size_t scale;
    int64_t time_wall_ms;
    size_t len;
    char text[LINE_BYTES];
    struct verdict verdict;
};

struct gw_modbus_scales {
    struct gw_modbus_scales_options options;
    struct scale *scales;
    size_t count;
    uint8_t *is_used; /* one for each point of the bus */
    int fd;
    pthread_mutex_t lock; /* of the lines */
    struct scale_line lines[GW_SCALES_LINES];
    size_t first, held;
    uint64_t dropped; /* no room; told by the loop */
    size_t dropped_scale;
    /* loop */
    bool is_under_way;
    int64_t retry_mono_ms;
    uint64_t *stored, *refused;
    struct gw_buf data;
    struct gw_event_draft draft;
    bool has_draft;
};

/* ---- lines ---- */

static void push_line(struct gw_modbus_scales *scales, const struct scale_line *line) {
    (void) pthread_mutex_lock(&scales->lock);
    if (scales->held == GW_SCALES_LINES) {
        scales->dropped++;
        scales->dropped_scale = line->scale;
    } else {
        scales->lines[(scales->first + scales->held) % GW_SCALES_LINES] = *line;
        scales->held++;
    }
    (void) pthread_mutex_unlock(&scales->lock);
    (void) !eventfd_write(scales->fd, 1);
}

static bool peek_line(struct gw_modbus_scales *scales, struct scale_line *ret_line) {
    (void) pthread_mutex_lock(&scales->lock);
    bool has_one = scales->held > 0;
    if (has_one) {
        *ret_line = scales->lines[scales->first];
    }
    (void) pthread_mutex_unlock(&scales->lock);
    return has_one;
}

static void pop_line(struct gw_modbus_scales *scales) {
    (void) pthread_mutex_lock(&scales->lock);
    scales->first = (scales->first + 1) % GW_SCALES_LINES;
    scales->held--;
    (void) pthread_mutex_unlock(&scales->lock);
}

/* ---- the worker ---- */

/* A condition is something only the filter knows: the decoder remembers nothing. */
static bool note_wanted(void *context, const struct gw_observed_item *item) {
    struct scale *scale = context;
    struct verdict *verdict = &scale->verdict;
    *verdict = (struct verdict){.is_wanted = true, .remarks = item->remarks};
    if (item->kind == GW_OBSERVED_CONDITION) {
        struct gw_str detail = gw_str_sub(item->detail, 0, sizeof verdict->detail);
        memcpy(verdict->detail, detail.ptr, detail.len);
        verdict->detail_len = detail.len;
        verdict->condition = item->condition;
    }
    return true;
}

static void set_value(struct scale_point *point, struct gw_str value, int64_t now_mono_ms) {
    if (gw_str_copy(value, point->value, sizeof point->value)) {
        (void) gw_str_copy(GW_STR("bad"), point->value, sizeof point->value);
    }
    point->read_mono_ms = now_mono_ms;
    point->is_read = true;
}

static void take(struct gw_modbus_scales *scales, size_t index, struct gw_str value) {
    int64_t now_mono_ms = gw_clock_mono_ms(scales->options.clock);
    for (size_t i = 0; i < scales->count; i++) {
        struct scale *scale = &scales->scales[i];
        for (size_t j = 0; j < scale->point_count; j++) {
            if (scale->points[j].index == index) {
                set_value(&scale->points[j], value, now_mono_ms);
            }
        }
    }
}

void gw_modbus_scales_take(struct gw_modbus_scales *scales, size_t point,
                           const uint16_t *words) {
    if (!scales || !scales->is_used[point]) {
        return;
    }
    const struct gw_config_point *config = &scales->options.points[point];
    char storage[GW_DECIMAL_TEXT_MAX + 1];
    struct gw_buf text;
    struct gw_point_value value;
    gw_buf_init(&text, storage, sizeof storage);
    bool is_good = gw_point_decode(config, words, gw_point_width(config), &value) == GW_OK
                   && value.good && !value.is_text && gw_decimal_put(&text, &value.number);
    take(scales, point, is_good ? gw_buf_str(&text) : GW_STR("bad"));
}

void gw_modbus_scales_take_bad(struct gw_modbus_scales *scales, size_t point) {
    if (scales && scales->is_used[point]) {
        take(scales, point, GW_STR("bad"));
    }
}

static bool is_complete(const struct scale *scale) {
    for (size_t i = 0; i < scale->point_count; i++) {
        if (!scale->points[i].is_read) {
            return false;
        }
    }
    return scale->point_count > 0;
}

/* "status=4 net=12.340 age=18"; the points are used up. */
static void write_line(struct scale *scale, struct gw_buf *buf) {
    int64_t oldest = INT64_MAX;
    int64_t newest = INT64_MIN;
    for (size_t i = 0; i < scale->point_count; i++) {
        struct scale_point *point = &scale->points[i];
        gw_buf_printf(buf, "%s%s=%s", i > 0 ? " " : "", point->name, point->value);
        oldest = point->read_mono_ms < oldest ? point->read_mono_ms : oldest;
        newest = point->read_mono_ms > newest ? point->read_mono_ms : newest;
        point->is_read = false;
    }
    if (newest > oldest) {
        gw_buf_printf(buf, " age=%lld", (long long) (newest - oldest));
    }
}

static void weigh(struct gw_modbus_scales *scales, size_t index) {
    struct scale *scale = &scales->scales[index];
    struct scale_line line = {.scale = index,
                              .time_wall_ms = gw_clock_wall_ms(scales->options.clock)};
    struct gw_buf buf;
    gw_buf_init(&buf, line.text, sizeof line.text);
    write_line(scale, &buf);
    scale->verdict.is_wanted = false;
    gw_feed_push_frame(scale->filter, gw_buf_bytes(&buf),
                       gw_clock_mono_ms(scales->options.clock));
    if (!scale->verdict.is_wanted) {
        return;
    }
    line.verdict = scale->verdict;
    if ((scale->verdict.remarks & GW_REMARK_AFTER_START) != 0) {
        gw_buf_put_str(&buf, GW_STR(" after_start=1"));
    }
    line.len = buf.len;
    push_line(scales, &line);
}

void gw_modbus_scales_settle(struct gw_modbus_scales *scales) {
    for (size_t i = 0; scales && i < scales->count; i++) {
        if (scales->scales[i].profile && is_complete(&scales->scales[i])) {
            weigh(scales, i);
        }
    }
}

/* ---- the loop ---- */

static void tell_refused(struct gw_modbus_scales *scales, size_t scale,
                         enum gw_modbus_refusal why, uint64_t count) {
    const struct gw_modbus_scales_options *options = &scales->options;
    *scales->refused += count;
    if (options->refused) {
        options->refused(options->refused_context, gw_str_from_cstr(scales->scales[scale].id),
                         scales->scales[scale].class, why, count);
    }
}

static void completed(void *context, uint64_t token, enum gw_err err) {
    struct gw_modbus_scales *scales = context;
    struct scale *scale = &scales->scales[token];
    scales->is_under_way = false;
    if (err) {
        scales->retry_mono_ms = gw_clock_mono_ms(scales->options.clock) + RETRY_MS;
        return;
    }
    pop_line(scales);
    scale->events++;
    ++*scales->stored;
    scales->retry_mono_ms = 0;
}

/* The decoder's sink, for the oldest line. */
static bool take_item(void *context, const struct gw_observed_item *item) {
    struct gw_modbus_scales *scales = context;
    struct scale_line line;
    if (!peek_line(scales, &line)) {
        return true;
    }
    struct scale *scale = &scales->scales[line.scale];
    const struct gw_feed_event event = {
        .device = gw_str_from_cstr(scale->id),
        .class = item->kind == GW_OBSERVED_CONDITION ? GW_CLASS_STATE : scale->class,
        .received_wall_ms = line.time_wall_ms};
    gw_buf_clear(&scales->data);
    scales->has_draft = !gw_feed_draft(item, &event, &scales->data, &scales->draft);
    if (item->kind != GW_OBSERVED_CONDITION) {
        scale->has_weighed = item->kind == GW_OBSERVED_WEIGHT && item->state != GW_WEIGHT_ERROR;
    }
    return true;
}

static void draft_line(struct gw_modbus_scales *scales, const struct scale_line *line) {
    const struct verdict *verdict = &line->verdict;
    const struct gw_bytes text = {(const uint8_t *) line->text, line->len};
    scales->has_draft = false;
    if (verdict->condition.len == 0) {
        gw_feed_push_frame(scales->scales[line->scale].decoder, text, 0);
        return;
    }
    const struct gw_observed_item item = {.kind = GW_OBSERVED_CONDITION,
                                          .raw = text,
                                          .condition = verdict->condition,
                                          .detail = {verdict->detail, verdict->detail_len}};
    (void) take_item(scales, &item);
}

static enum gw_err submit(struct gw_modbus_scales *scales, const struct scale_line *line) {
    draft_line(scales, line);
    if (!scales->has_draft) {
        return GW_ERR_SCHEMA;
    }
    const struct gw_unit unit = {.events = &scales->draft,
                                 .event_count = 1,
                                 .completed = completed,
                                 .context = scales,
                                 .token = line->scale};
    /* Before: the completion may come at once. */
    scales->is_under_way = true;
    enum gw_err err = gw_intake_submit(&scales->options.intake, &unit);
    scales->is_under_way = err ? false : scales->is_under_way;
    return err;
}

static void tell_dropped(struct gw_modbus_scales *scales) {
    (void) pthread_mutex_lock(&scales->lock);
    uint64_t dropped = scales->dropped;
    size_t scale = scales->dropped_scale;
    scales->dropped = 0;
    (void) pthread_mutex_unlock(&scales->lock);
    if (dropped > 0) {
        tell_refused(scales, scale, GW_MODBUS_REFUSED_FULL, dropped);
    }
}

void gw_modbus_scales_tick(struct gw_modbus_scales *scales) {
    struct scale_line line;
    if (!scales) {
        return;
    }
    tell_dropped(scales);
    int64_t now_mono_ms = gw_clock_mono_ms(scales->options.clock);
    while (!scales->is_under_way && now_mono_ms >= scales->retry_mono_ms
           && peek_line(scales, &line)) {
        enum gw_err err = submit(scales, &line);
        if (err == GW_ERR_RANGE || err == GW_ERR_SCHEMA || err == GW_ERR_PARSE) {
            pop_line(scales);
            tell_refused(scales, line.scale, GW_MODBUS_REFUSED_INVALID, 1);
        } else if (err) {
            scales->retry_mono_ms = now_mono_ms + RETRY_MS;
        } else {
            scales->scales[line.scale].last_wall_ms = line.time_wall_ms;
        }
    }
}

bool gw_modbus_scales_submit_rest(struct gw_modbus_scales *scales) {
    if (!scales) {
        return false;
    }
    scales->retry_mono_ms = 0;
    gw_modbus_scales_tick(scales);
    return scales->is_under_way;
}

int64_t gw_modbus_scales_next_mono_ms(const struct gw_modbus_scales *scales) {
    struct scale_line line;
    bool has_work =
        scales && !scales->is_under_way && peek_line((struct gw_modbus_scales *) scales, &line);
    return has_work ? scales->retry_mono_ms : NEVER;
}

static void on_bell(void *context, int fd, unsigned events) {
    (void) events;
    eventfd_t count;
    (void) !eventfd_read(fd, &count);
    gw_modbus_scales_tick(context);
}

bool gw_modbus_scales_profiles_have_changed(const struct gw_modbus_scales *scales) {
    for (size_t i = 0; scales && i < scales->count; i++) {
        if (gw_profile_stamp_is_old(&scales->scales[i].stamp)) {
            return true;
        }
    }
    return false;
}

bool gw_modbus_scales_figures(const struct gw_modbus_scales *scales, size_t index,
                              struct gw_modbus_point_figures *ret_figures) {
    if (!scales || index >= scales->count) {
        return false;
    }
    const struct scale *scale = &scales->scales[index];
    *ret_figures = (struct gw_modbus_point_figures){
        .device = gw_str_from_cstr(scale->id),
        .last_wall_ms = scale->last_wall_ms,
        .good = scale->has_weighed,
        .events = scale->events,
    };
    return true;
}

/* ---- life ---- */

/* Point `<prefix><name>` of the bus. */
static bool find_point(const struct gw_modbus_scales_options *options, const char *prefix,
                       const char *name, size_t *ret_index) {
    char wanted[2 * GW_EVENT_NAME_MAX_BYTES];
    (void) snprintf(wanted, sizeof wanted, "%s%s", prefix, name);
    for (size_t i = 0; i < options->config->point_count; i++) {
        if (strcmp(options->points[i].name, wanted) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static bool add_point(struct gw_modbus_scales *scales, struct scale *scale, const char *prefix,
                      const char *name) {
    size_t index = 0;
    if (name[0] == '\0') {
        return true;
    }
    for (size_t i = 0; i < scale->point_count; i++) {
        if (strcmp(scale->points[i].name, name) == 0) {
            return true;
        }
    }
    if (scale->point_count == SCALE_POINTS_MAX
        || !find_point(&scales->options, prefix, name, &index)) {
        return false;
    }
    scale->points[scale->point_count++] = (struct scale_point){.index = index, .name = name};
    scales->is_used[index] = 1;
    return true;
}

/* The first name that the bus does not have, NULL if it has all. */
static const char *add_points(struct gw_modbus_scales *scales, struct scale *scale,
                              const char *prefix) {
    const struct gw_profile_points *points = &scale->profile->modbus;
    const char *const names[] = {points->status, points->weight, points->unit, points->tare};
    for (size_t i = 0; i < GW_ARRAY_LEN(names); i++) {
        if (!add_point(scales, scale, prefix, names[i])) {
            return names[i];
        }
    }
    for (size_t i = 0; i < points->bit_count; i++) {
        if (!add_point(scales, scale, prefix, points->bits[i].point)) {
            return points->bits[i].point;
        }
    }
    return NULL;
}

/* 5.00 as a float is 5: its last digit says nothing of the division. */
static bool has_varying_digits(const struct gw_modbus_scales *scales,
                               const struct scale *scale) {
    const struct gw_profile *profile = scale->profile;
    bool is_float = false;
    for (size_t i = 0; i < scale->point_count; i++) {
        enum gw_point_type type = scales->options.points[scale->points[i].index].type;
        is_float |= strcmp(scale->points[i].name, profile->modbus.weight) == 0
                    && (type == GW_POINT_FLOAT16 || type == GW_POINT_FLOAT32
                        || type == GW_POINT_FLOAT64);
    }
    return is_float && profile->weight.report == GW_REPORT_CYCLE
           && gw_str_ends_with(gw_str_from_cstr(profile->weight.rearm_below), GW_STR("d"));
}

static enum gw_err open_feeds(struct gw_modbus_scales *scales, struct scale *scale) {
    const struct gw_feed_options filter = {.profile = scale->profile,
                                           .sink = note_wanted,
                                           .sink_context = scale,
                                           .now_mono_ms =
                                               gw_clock_mono_ms(scales->options.clock)};
    const struct gw_feed_options decoder = {.profile = scale->profile,
                                            .sink = take_item,
                                            .sink_context = scales,
                                            .stateless = true};
    enum gw_err err = gw_feed_open(&filter, &scale->filter);
    return err ? err : gw_feed_open(&decoder, &scale->decoder);
}

static void raise_fault(struct gw_modbus_scales *scales, const struct scale *scale,
                        const char *what) {
    gw_health_raise(scales->options.health, GW_ISSUE_FEED_PROFILE, gw_str_from_cstr(scale->id),
                    "bus \"%.*s\": %.300s", GW_STR_ARG(scales->options.bus_name), what);
}

/* A scale that cannot be used stays without points: it gives no weights. */
static enum gw_err open_scale(struct gw_modbus_scales *scales, struct scale *scale,
                              const struct gw_config_scale *config) {
    char storage[4096];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage - 1);
    (void) gw_str_copy(gw_str_from_cstr(config->id), scale->id, sizeof scale->id);
    scale->class = config->class;
    gw_profile_stamp_take(scales->options.profile_folder, config->profile, &scale->stamp);
    enum gw_err err = gw_profile_load(scales->options.profile_folder, config->profile, &errors,
                                      &scale->profile);
    storage[errors.len] = '\0';
    if (err == GW_ERR_NOMEM) {
        return err;
    }
    if (err || scale->profile->decode != GW_DECODE_MODBUS) {
        storage[strcspn(storage, "\n")] = '\0';
        raise_fault(scales, scale,
                    err ? storage
                        : "the profile's decode is not \"modbus\": its device has bytes");
        return GW_OK;
    }
    const char *missing = add_points(scales, scale, config->points_prefix);
    if (missing) {
        scale->point_count = 0;
        (void) snprintf(storage, sizeof storage, "the bus has no point \"%s%s\"",
                        config->points_prefix, missing);
        raise_fault(scales, scale, storage);
        return GW_OK;
    }
    if (has_varying_digits(scales, scale)) {
        scale->point_count = 0;
        raise_fault(scales, scale,
                    "weight.rearm_below of the profile is in divisions, but the point of the "
                    "weight is a float, which has none: copy the profile and give a number");
        return GW_OK;
    }
    err = open_feeds(scales, scale);
    if (err == GW_ERR_NOMEM) {
        return err;
    }
    if (err) {
        scale->point_count = 0;
        (void) snprintf(storage, sizeof storage, "no feed can be opened with its profile: %s",
                        gw_err_name(err));
        raise_fault(scales, scale, storage);
        return GW_OK;
    }
    gw_health_clear(scales->options.health, GW_ISSUE_FEED_PROFILE, gw_str_from_cstr(scale->id));
    return GW_OK;
}

GW_DEFINE_CLEANUP(struct gw_modbus_scales *, gw_modbus_scales_close, scales_closep)

static enum gw_err make_room(struct gw_modbus_scales *scales) {
    const struct gw_config_bus *config = scales->options.config;
    scales->scales = calloc(config->scale_count, sizeof *scales->scales);
    scales->is_used = calloc(config->point_count + 1, 1);
    if (!scales->scales || !scales->is_used
        || gw_buf_open(&scales->data, GW_FEED_DATA_BYTES(LINE_BYTES))) {
        return GW_ERR_NOMEM;
    }
    scales->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return scales->fd < 0
               ? GW_ERR_IO
               : gw_loop_watch(scales->options.loop, scales->fd, GW_LOOP_READ, on_bell, scales);
}

enum gw_err gw_modbus_scales_open(const struct gw_modbus_scales_options *options,
                                  struct gw_modbus_scales **ret_scales) {
    if (options->config->scale_count == 0) {
        *ret_scales = NULL;
        return GW_OK;
    }
    GW_CLEANUP(scales_closep) struct gw_modbus_scales *scales = calloc(1, sizeof *scales);
    if (!scales) {
        return GW_ERR_NOMEM;
    }
    scales->fd = -1;
    (void) pthread_mutex_init(&scales->lock, NULL);
    scales->options = *options;
    scales->stored = gw_health_counter(options->health, "modbus.stored");
    scales->refused = gw_health_counter(options->health, "modbus.replaced_or_refused");
    enum gw_err err = make_room(scales);
    for (size_t i = 0; !err && i < options->config->scale_count; i++) {
        scales->count = i + 1;
        err = open_scale(scales, &scales->scales[i], &options->config->scales[i]);
    }
    if (err) {
        return err;
    }
    scales->options.config = NULL;
    *ret_scales = GW_TAKE(scales);
    return GW_OK;
}

void gw_modbus_scales_close(struct gw_modbus_scales *scales) {
    struct scale_line line;
    if (!scales) {
        return;
    }
    while (peek_line(scales, &line)) {
        tell_refused(scales, line.scale, GW_MODBUS_REFUSED_STOPPED, 1);
        pop_line(scales);
    }
    if (scales->fd >= 0) {
        gw_loop_unwatch(scales->options.loop, scales->fd);
        (void) close(scales->fd);
    }
    for (size_t i = 0; i < scales->count; i++) {
        gw_health_clear(scales->options.health, GW_ISSUE_FEED_PROFILE,
                        gw_str_from_cstr(scales->scales[i].id));
        gw_feed_close(scales->scales[i].filter);
        gw_feed_close(scales->scales[i].decoder);
        gw_profile_close(scales->scales[i].profile);
    }
    gw_buf_close(&scales->data);
    free(scales->scales);
    free(scales->is_used);
    (void) pthread_mutex_destroy(&scales->lock);
    free(scales);
}
