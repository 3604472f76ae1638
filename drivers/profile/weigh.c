/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From readings to weights that are reported.
 *
 * By cycle, a load is one event: the first value that is stable above the threshold
 * is reported, then nothing until the scale was seen at or below the threshold,
 * moving or at rest, or under zero (weigh_cycle.c). A load that lies there when the
 * feed begins is reported with a remark: it may have been reported before a restart,
 * and a weight twice is repaired more easily than one never. Where only the line was
 * lost, the feed knows what lay there, and says so too.
 *
 * Motion has no number, over and under range have none, and a number at or below
 * the threshold is no load: so "moving", 0 and -1 never meet.
 */
#include "drivers/profile/feed_internal.h"
#include "drivers/profile/observe.h"

static struct gw_str text_of(const struct gw_scale_number *number) {
    return (struct gw_str){number->text, number->len};
}

static enum gw_weight_report report_of(const struct gw_feed *feed) {
    return feed->options.report_all || feed->options.stateless
               ? GW_REPORT_ALL
               : feed->options.profile->weight.report;
}

/* By cycle it may have been taken off again: then the same value is a new load. */
static bool lies_there(const struct gw_feed *feed) {
    const struct gw_weighing *weighing = &feed->weighing;
    return weighing->has_reported
           && (!weighing->is_armed || report_of(feed) == GW_REPORT_SETTLE);
}

enum gw_err gw_feed_weighing_start(struct gw_feed *feed) {
    const struct gw_weighing *old = &feed->weighing;
    bool has_load = lies_there(feed);
    struct gw_weighing weighing = {
        .is_armed = true,
        .told_state = GW_WEIGHT_STABLE,
        .before = has_load ? old->reported : old->before,
        .has_before = has_load || old->has_before,
    };
    const char *threshold = feed->options.profile->weight.rearm_below;
    if (gw_threshold_parse(gw_str_from_cstr(threshold), &weighing.threshold)) {
        return GW_ERR_INVALID;
    }
    feed->weighing = weighing;
    return GW_OK;
}

/* What an observation holds beside its raw bytes: a number only when stable. */
static void emit_weight(struct gw_feed *feed, const struct gw_scale_reading *reading,
                        struct gw_observed_item *item) {
    item->kind = GW_OBSERVED_WEIGHT;
    item->state = reading->state;
    item->mode = reading->mode;
    item->remarks |= reading->remarks;
    item->detail = reading->detail;
    if (reading->state == GW_WEIGHT_STABLE) {
        item->value = text_of(&reading->number);
        item->unit = reading->unit;
        item->unit_code = gw_observe_unit_code(reading->unit);
        item->tare = text_of(&reading->tare);
    }
    gw_feed_emit(feed, item);
}

/* The value has stood long enough. */
static bool has_settled(struct gw_feed *feed, const struct gw_decimal *value) {
    struct gw_weighing *weighing = &feed->weighing;
    uint32_t settle_ms = feed->options.profile->weight.settle_ms;
    bool is_same =
        weighing->has_candidate && gw_decimal_compare(&weighing->candidate, value) == 0;
    if (!is_same) {
        weighing->candidate = *value;
        weighing->candidate_mono_ms = feed->now_mono_ms;
        weighing->has_candidate = true;
    }
    return feed->now_mono_ms - weighing->candidate_mono_ms >= settle_ms;
}

static void report_weight(struct gw_feed *feed, const struct gw_scale_reading *reading,
                          const struct gw_weighed *now, bool is_first,
                          struct gw_observed_item *item) {
    struct gw_weighing *weighing = &feed->weighing;
    bool is_as_before = weighing->has_before && gw_feed_is_same_weight(&weighing->before, now);
    item->remarks |= is_first ? (unsigned) GW_REMARK_AFTER_START : 0;
    item->remarks |= is_first && is_as_before ? (unsigned) GW_REMARK_SAME_AS_BEFORE : 0;
    weighing->has_before = false;
    weighing->reported = *now;
    weighing->has_reported = true;
    emit_weight(feed, reading, item);
}

static void take_stable_cycle(struct gw_feed *feed, const struct gw_scale_reading *reading,
                              const struct gw_weighed *now, struct gw_observed_item *item) {
    struct gw_weighing *weighing = &feed->weighing;
    if (gw_feed_note_empty(weighing, now)) {
        weighing->has_candidate = false;
    } else if (has_settled(feed, &now->value) && gw_feed_is_new_load(feed, now, item)) {
        report_weight(feed, reading, now, !weighing->has_seen_empty, item);
    }
}

static void take_stable_settle(struct gw_feed *feed, const struct gw_scale_reading *reading,
                               const struct gw_weighed *now, struct gw_observed_item *item) {
    struct gw_weighing *weighing = &feed->weighing;
    bool is_other = !weighing->has_reported
                    || gw_decimal_compare(&weighing->reported.value, &now->value) != 0;
    if (has_settled(feed, &now->value) && is_other) {
        report_weight(feed, reading, now, !weighing->has_reported, item);
    }
}

static void take_stable(struct gw_feed *feed, const struct gw_scale_reading *reading,
                        struct gw_observed_item *item) {
    struct gw_decimal value;
    feed->weighing.told_late = false;
    if (gw_decimal_parse(text_of(&reading->number), &value)) {
        gw_feed_refuse(feed, gw_str_from_bytes(item->raw), "a number without end");
        return;
    }
    const struct gw_weighed now = gw_feed_weighed(reading, &value);
    if (report_of(feed) == GW_REPORT_CYCLE) {
        take_stable_cycle(feed, reading, &now, item);
    } else {
        take_stable_settle(feed, reading, &now, item);
    }
}

/* It was so at some time: a load that nobody knew of is told, once, and its number waits
 * for a frame of this moment. */
static void take_late(struct gw_feed *feed, const struct gw_scale_reading *reading,
                      struct gw_observed_item *item) {
    struct gw_weighing *weighing = &feed->weighing;
    struct gw_scale_reading unknown = *reading;
    unknown.state = GW_WEIGHT_DYNAMIC;
    struct gw_decimal value;
    weighing->has_candidate = false;
    if (gw_decimal_parse(text_of(&reading->number), &value)) {
        gw_feed_refuse(feed, gw_str_from_bytes(item->raw), "a number without end");
        return;
    }
    const struct gw_weighed then = gw_feed_weighed(reading, &value);
    bool is_cycle = report_of(feed) == GW_REPORT_CYCLE;
    if (is_cycle && gw_feed_note_empty(weighing, &then)) {
        return;
    }
    bool is_known = is_cycle
                        ? !weighing->is_armed || weighing->has_tared
                        : weighing->has_reported
                              && gw_decimal_compare(&weighing->reported.value, &value) == 0;
    if (!is_known && !weighing->told_late) {
        weighing->told_late = true;
        emit_weight(feed, &unknown, item);
    }
}

/* In motion: only good for seeing that nothing lies there any more. */
static void take_dynamic(struct gw_feed *feed, const struct gw_scale_reading *reading) {
    struct gw_weighing *weighing = &feed->weighing;
    struct gw_decimal value;
    weighing->has_candidate = false;
    if (reading->number.len > 0 && !gw_decimal_parse(text_of(&reading->number), &value)) {
        const struct gw_weighed now = gw_feed_weighed(reading, &value);
        (void) gw_feed_note_empty(weighing, &now);
    }
}

/* Over, under, error: told when it begins, not with each frame. */
static void take_fault(struct gw_feed *feed, const struct gw_scale_reading *reading,
                       struct gw_observed_item *item) {
    struct gw_weighing *weighing = &feed->weighing;
    weighing->has_candidate = false;
    if (reading->state == GW_WEIGHT_UNDER) {
        gw_feed_remove_load(weighing);
    }
    if (weighing->told_state != reading->state) {
        weighing->told_state = reading->state;
        emit_weight(feed, reading, item);
    }
}

/* What was told is over when the scale is at rest again: at the edge of its range, or
 * busy between two readings in motion, it would else be told with every poll. */
static void forget_told(struct gw_weighing *weighing) {
    weighing->told_condition = NULL;
    weighing->told_state = GW_WEIGHT_STABLE;
}

static void take_weight(struct gw_feed *feed, const struct gw_scale_reading *reading,
                        struct gw_observed_item *item) {
    bool is_figure =
        reading->mode == GW_MODE_TARE || (reading->remarks & GW_REMARK_CALCULATED) != 0;
    bool is_late = feed->is_frame_late && item->time_wall_ms == 0;
    item->remarks |= is_late ? GW_REMARK_LATE : 0;
    if (report_of(feed) == GW_REPORT_ALL) {
        struct gw_scale_reading known = *reading;
        known.state =
            is_late && reading->state == GW_WEIGHT_STABLE ? GW_WEIGHT_DYNAMIC : reading->state;
        emit_weight(feed, &known, item);
    } else if (reading->state == GW_WEIGHT_STABLE) {
        forget_told(&feed->weighing);
        if (is_late && !is_figure) {
            take_late(feed, reading, item);
        } else if (!is_figure) { /* which is no load */
            take_stable(feed, reading, item);
        }
    } else if (reading->state != GW_WEIGHT_DYNAMIC) {
        take_fault(feed, reading, item);
    } else if (!is_figure) {
        take_dynamic(feed, reading);
    }
}

/* The same with every poll is told once. */
static void take_condition(struct gw_feed *feed, const struct gw_scale_reading *reading,
                           struct gw_observed_item *item) {
    struct gw_weighing *weighing = &feed->weighing;
    bool is_told = weighing->told_condition
                   && gw_str_eq(gw_str_from_cstr(weighing->told_condition),
                                gw_str_from_cstr(reading->condition));
    bool is_restart = gw_str_eq(gw_str_from_cstr(reading->condition), GW_STR("restarted"));
    if (is_told && !is_restart && report_of(feed) != GW_REPORT_ALL) {
        return;
    }
    weighing->told_condition = reading->condition;
    weighing->has_candidate = false;
    item->kind = GW_OBSERVED_CONDITION;
    item->condition = gw_str_from_cstr(reading->condition);
    item->detail = reading->detail;
    gw_feed_emit(feed, item);
}

/* A number without a unit is no weight. */
static void take_with_unit(struct gw_feed *feed, const struct gw_scale_reading *reading,
                           struct gw_observed_item *item) {
    struct gw_scale_reading checked = *reading;
    if (reading->state == GW_WEIGHT_STABLE && reading->unit.len == 0) {
        checked.state = GW_WEIGHT_ERROR;
        checked.detail = GW_STR("no unit was sent, and weight.unit of the profile names none");
    }
    take_weight(feed, &checked, item);
}

void gw_feed_weigh(struct gw_feed *feed, const struct gw_scale_reading *reading,
                   struct gw_observed_item *item) {
    switch (reading->kind) {
    case GW_READING_WEIGHT:
        take_with_unit(feed, reading, item);
        break;
    case GW_READING_CONDITION:
        take_condition(feed, reading, item);
        break;
    case GW_READING_NOTHING:
        break;
    case GW_READING_REFUSED:
        if (reading->condition) {
            struct gw_observed_item condition = {.raw = item->raw};
            take_condition(feed, reading, &condition);
        }
        gw_feed_refuse(feed, gw_str_from_bytes(item->raw), reading->reason);
        break;
    }
}

void gw_feed_take_reading(struct gw_feed *feed, const struct gw_frame *frame) {
    const struct gw_scale_frame parts = {frame->content, frame->trailer};
    struct gw_scale_reading reading = {.state = GW_WEIGHT_STABLE};
    struct gw_observed_item item = {.raw = gw_bytes_from_str(frame->content)};
    if (frame->content.len == 0) {
        return;
    }
    feed->protocol->decode(feed->options.profile, &parts, &reading);
    gw_feed_weigh(feed, &reading, &item);
}
