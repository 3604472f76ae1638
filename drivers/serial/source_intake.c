/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From observations to units. What cannot be stored now waits in the backlog; what has
 * no room there is refused, which only happens to devices that cannot be held back:
 * the others are stopped while there is room for a whole frame's observations.
 */
#include <stdio.h>
#include <string.h>

#include "drivers/serial/source_internal.h"

#define RETRY_MS 200
/* Free places below which a device is held back, and the share of the bytes. */
#define RESERVE (GW_FEED_BURST_MAX + 1)
#define BYTES_SHARE 4
/* Submitted before the loop gets its turn again. */
#define SUBMITS_MAX 500
/* A device babbles on: said once in so long. Each frame is in the quarantine, or
 * counted. */
#define BABBLING_SAID_MS 60000

static struct gw_str device_of(const struct source *source) {
    return gw_str_from_cstr(source->device);
}

void source_refuse(struct source *source, enum gw_feed_refusal why, uint64_t count) {
    const struct gw_feeds_options *options = &source->feeds->options;
    source->refused += count;
    *source->feeds->counter_refused += count;
    if (options->refused) {
        options->refused(options->refused_context, device_of(source), source->class, why,
                         count);
    }
}

bool source_is_full(const struct source *source) {
    const struct gw_backlog *backlog = &source->backlog;
    return gw_backlog_count(backlog) + RESERVE > backlog->capacity
           || backlog->used > backlog->byte_count / BYTES_SHARE;
}

/* ---- taking ---- */

static bool keep(struct source *source, const struct gw_backlog_entry *entry) {
    if (gw_backlog_push(&source->backlog, entry)) {
        source_refuse(source, GW_FEED_REFUSED_FULL, 1);
        return false;
    }
    return true;
}

/* A babbling device may not push everything else out of the quarantine. */
static void quarantine(struct source *source, const struct gw_observed_item *item,
                       struct gw_str reason) {
    int64_t now_mono_ms = gw_clock_mono_ms(source->feeds->options.clock);
    source->undecodable++;
    source->window_undecodable++;
    ++*source->feeds->counter_undecodable;
    if (gw_pace_is_over(&source->quarantined, now_mono_ms)) {
        source_refuse(source, GW_FEED_REFUSED_INVALID, 1);
        return;
    }
    gw_pace_take(&source->quarantined, 1, now_mono_ms);
    const struct gw_backlog_entry entry = {
        .time_wall_ms = gw_clock_wall_ms(source->feeds->options.clock),
        .text = reason,
        .raw = item->raw,
        .raw_len = item->raw.len + (size_t) item->dropped_bytes,
    };
    (void) keep(source, &entry);
}

static void take_event(struct source *source, const struct gw_observed_item *item) {
    struct gw_feeds *feeds = source->feeds;
    enum recent_answer before = recent_find(&source->recent, item);
    if (before == RECENT_KNOWN) {
        source->duplicates++;
        ++*feeds->counter_duplicates;
        return;
    }
    const struct gw_feed_event event = {
        .device = device_of(source),
        .class = item->kind == GW_OBSERVED_CONDITION ? GW_CLASS_STATE : source->class,
        .received_wall_ms = gw_clock_wall_ms(feeds->options.clock),
        .flags = before == RECENT_OTHER ? GW_EVENT_POSSIBLE_DUPLICATE : 0,
    };
    struct gw_event_draft draft;
    gw_buf_clear(&feeds->data);
    enum gw_err err = gw_feed_draft(item, &event, &feeds->data, &draft);
    if (err) {
        gw_buf_clear(&feeds->reason);
        gw_buf_printf(&feeds->reason, "not a valid event: %s", gw_err_name(err));
        quarantine(source, item, gw_buf_str(&feeds->reason));
        return;
    }
    const struct gw_backlog_entry entry = {
        .is_event = true,
        .type = draft.type,
        .class = draft.class,
        .flags = draft.flags,
        .time_wall_ms = draft.time_wall_ms,
        .text = draft.data,
        /* gw_feed_draft puts one behind the other */
        .raw = {(const uint8_t *) draft.subject.ptr,
                draft.subject.len + draft.partition_key.len + draft.code.len},
        .raw_len = draft.subject.len,
        .code_len = draft.code.len,
    };
    if (keep(source, &entry)) {
        recent_add(&source->recent, item);
    }
}

static void note_condition(struct source *source, const struct gw_observed_item *item) {
    if (item->kind != GW_OBSERVED_CONDITION) {
        source_note_silent(source, false);
    } else if (gw_str_eq(item->condition, GW_STR("silent"))) {
        source_note_silent(source, true);
    } else if (gw_str_eq(item->condition, GW_STR("answering"))) {
        source_note_silent(source, false);
    }
}

static bool is_said_already(struct source *source, const struct gw_observed_item *item,
                            int64_t now_mono_ms) {
    if (item->kind != GW_OBSERVED_CONDITION
        || !gw_str_eq(item->condition, GW_STR("babbling"))) {
        return false;
    }
    bool is_recent = source->babbling_said_mono_ms != 0
                     && now_mono_ms - source->babbling_said_mono_ms < BABBLING_SAID_MS;
    if (!is_recent) {
        source->babbling_said_mono_ms = now_mono_ms;
    }
    return is_recent;
}

bool source_take_item(void *context, const struct gw_observed_item *item) {
    struct source *source = context;
    int64_t now_mono_ms = gw_clock_mono_ms(source->feeds->options.clock);
    note_condition(source, item);
    source_note_answer(source, item);
    if (is_said_already(source, item, now_mono_ms)) {
        return true;
    }
    if (item->kind == GW_UNDECODABLE) {
        quarantine(source, item, item->detail);
    } else {
        source->taken++;
        source->window_taken++;
        source->last_wall_ms = gw_clock_wall_ms(source->feeds->options.clock);
        bool is_over = gw_pace_is_over(&source->observations, now_mono_ms);
        if (is_over) {
            source_note_over_rate(source);
        }
        if (is_over && !source->can_hold) {
            source_refuse(source, GW_FEED_REFUSED_RATE, 1);
        } else {
            gw_pace_take(&source->observations, 1, now_mono_ms);
            take_event(source, item);
        }
    }
    return source->is_forced || !source->can_hold
           || !(source_is_full(source) || gw_pace_is_over(&source->observations, now_mono_ms));
}

/* ---- submitting ---- */

static void completed(void *context, uint64_t token, enum gw_err err) {
    (void) token;
    struct source *source = context;
    gw_backlog_completed(&source->backlog, err);
    if (err) {
        ++*source->feeds->counter_failed;
        source->retry_mono_ms = gw_clock_mono_ms(source->feeds->options.clock) + RETRY_MS;
        return;
    }
    source->stored++;
    ++*source->feeds->counter_stored;
}

static enum gw_err submit(struct source *source, const struct gw_backlog_entry *entry) {
    /* of a quarantine entry meaningless, and not used */
    struct gw_str besides = gw_str_from_bytes(entry->raw);
    const struct gw_event_draft draft = {
        .type = entry->type,
        .class = entry->class,
        .flags = entry->flags,
        .time_wall_ms = entry->time_wall_ms,
        .device = device_of(source),
        .subject = gw_str_sub(besides, 0, entry->raw_len),
        .partition_key =
            gw_str_sub(besides, entry->raw_len, besides.len - entry->raw_len - entry->code_len),
        .code = gw_str_sub(besides, besides.len - entry->code_len, entry->code_len),
        .data = entry->text,
    };
    char topic[GW_EVENT_NAME_MAX_BYTES + 32];
    int len = snprintf(topic, sizeof topic, "%s:%s", source->transport_name, source->device);
    const struct gw_quarantine_entry undecodable = {
        .reason = entry->text,
        .topic = {topic, (size_t) len},
        .device = device_of(source),
        .raw = entry->raw,
        .raw_len = entry->raw_len,
        .time_wall_ms = entry->time_wall_ms,
    };
    struct gw_unit unit = {.completed = completed, .context = source};
    if (entry->is_event) {
        unit.events = &draft;
        unit.event_count = 1;
    } else {
        unit.quarantine = &undecodable;
        unit.quarantine_count = 1;
    }
    return gw_intake_submit(&source->feeds->options.intake, &unit);
}

static bool is_hopeless(enum gw_err err) {
    return err == GW_ERR_RANGE || err == GW_ERR_SCHEMA || err == GW_ERR_PARSE;
}

void source_submit(struct source *source, int64_t now_mono_ms) {
    for (unsigned i = 0; i < SUBMITS_MAX; i++) {
        const struct gw_backlog_entry *entry = gw_backlog_next(&source->backlog);
        if (!entry) {
            source->retry_mono_ms = GW_NEVER_MS;
            return;
        }
        enum gw_err err = submit(source, entry);
        if (!err) {
            gw_backlog_submitted(&source->backlog);
        } else if (is_hopeless(err)) {
            gw_backlog_drop(&source->backlog);
            source_refuse(source, GW_FEED_REFUSED_INVALID, 1);
        } else {
            source->retry_mono_ms = now_mono_ms + RETRY_MS;
            return;
        }
    }
    source->retry_mono_ms = now_mono_ms;
}
