/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings, from words to the handover. Most readings are what they were the time
 * before: they are compared as they came from the wire and not decoded at all.
 */
#include <string.h>

#include "drivers/modbus/poller_internal.h"
#include "drivers/modbus/scales.h"

static void put(struct gw_poller *poller, size_t point, const struct gw_point_value *value,
                int64_t time_wall_ms) {
    struct gw_modbus_reading reading = {
        .point = point, .value = *value, .time_wall_ms = time_wall_ms};
    gw_handover_put(poller->options.handover, &reading);
}

static void report(struct gw_poller *poller, size_t point, const struct gw_point_value *value) {
    const struct gw_config_point *config = &poller->options.points[point];
    struct gw_change *change = &poller->points[point].change;
    int64_t now_wall_ms = gw_clock_wall_ms(poller->options.clock);
    if (gw_change_take(change, config, value, poller_now(poller), now_wall_ms)) {
        put(poller, point, value, now_wall_ms);
    }
    int64_t held_mono_ms = gw_change_held_until(change, config);
    if (held_mono_ms < poller->held_mono_ms) {
        poller->held_mono_ms = held_mono_ms;
    }
}

void poller_report_bad(struct gw_poller *poller, size_t point) {
    poller->points[point].has_raw = false;
    gw_modbus_scales_take_bad(poller->options.scales, point);
    report(poller, point, &(struct gw_point_value){.good = false});
}

void poller_report_block_bad(struct gw_poller *poller, const struct gw_modbus_block *plan) {
    for (size_t i = 0; i < plan->points; i++) {
        poller_report_bad(poller, poller->order[plan->first + i]);
    }
    gw_modbus_scales_settle(poller->options.scales);
}

void poller_report_unit_bad(struct gw_poller *poller, uint8_t unit_id) {
    for (size_t i = 0; i < poller->options.count; i++) {
        if (poller->options.points[i].unit_id == unit_id) {
            poller_report_bad(poller, i);
        }
    }
    gw_modbus_scales_settle(poller->options.scales);
}

int64_t poller_report_overdue(struct gw_poller *poller, struct poller_block *block) {
    int64_t now_mono_ms = poller_now(poller);
    int64_t next_mono_ms = GW_NEVER_MS;
    for (size_t i = 0; i < block->plan.points; i++) {
        size_t index = poller->order[block->plan.first + i];
        const struct gw_change *change = &poller->points[index].change;
        int64_t silent_mono_ms = gw_change_silent_until(change, &poller->options.points[index]);
        if (!change->is_known || !change->last.good) {
            continue;
        }
        if (silent_mono_ms <= now_mono_ms) {
            poller_report_bad(poller, index);
        } else if (silent_mono_ms < next_mono_ms) {
            next_mono_ms = silent_mono_ms;
        }
    }
    gw_modbus_scales_settle(poller->options.scales);
    block->fresh_mono_ms = next_mono_ms;
    return next_mono_ms;
}

void poller_set_exception(struct gw_poller *poller, size_t point, unsigned exception) {
    if (poller->points[point].exception != exception) {
        poller->points[point].exception = exception;
        gw_handover_set_point_exception(poller->options.handover, point, exception);
    }
}

/* ---- what is held, what is forgotten ---- */

static void release(struct gw_poller *poller, size_t point, int64_t now_mono_ms) {
    int64_t held_wall_ms = 0;
    struct gw_point_value value =
        gw_change_release(&poller->points[point].change, now_mono_ms, &held_wall_ms);
    put(poller, point, &value, held_wall_ms);
}

static void forget_point(struct gw_poller *poller, size_t point) {
    if (poller->points[point].change.is_held) {
        release(poller, point, poller_now(poller));
    }
    gw_change_reset(&poller->points[point].change);
    poller->points[point].is_awaited = false;
}

void poller_forget(struct gw_poller *poller) {
    for (size_t i = 0; i < poller->options.count; i++) {
        forget_point(poller, i);
    }
}

void poller_await(struct gw_poller *poller, int unit_id) {
    for (size_t i = 0; i < poller->options.count; i++) {
        poller->points[i].is_awaited |=
            unit_id < 0 || poller->options.points[i].unit_id == unit_id;
    }
}

/* ---- words ---- */

/* True if the wire shows what it showed, and nothing else calls for a report. */
static bool is_as_before(const struct poller_point *point, const struct gw_config_point *config,
                         const uint16_t *words, size_t width, int64_t now_mono_ms) {
    return point->has_raw && point->change.is_known && !point->change.is_held
           && memcmp(point->raw, words, width * sizeof *words) == 0
           && now_mono_ms < gw_change_silent_until(&point->change, config);
}

static void note_too_large(struct gw_poller *poller, size_t index, const uint16_t *words,
                           size_t width) {
    if (poller->points[index].exception != GW_MODBUS_TOO_LARGE
        && width <= GW_MODBUS_NUMBER_WORDS) {
        gw_handover_set_point_words(poller->options.handover, index, words, width);
        poller_set_exception(poller, index, GW_MODBUS_TOO_LARGE);
    }
}

static void take_point(struct gw_poller *poller, size_t index, const uint16_t *words,
                       int64_t now_mono_ms) {
    const struct gw_config_point *config = &poller->options.points[index];
    struct poller_point *point = &poller->points[index];
    size_t width = gw_point_width(config);
    if (point->is_awaited) {
        forget_point(poller, index);
    }
    if (is_as_before(point, config, words, width, now_mono_ms)) {
        return;
    }
    struct gw_point_value value;
    /* A scale or range that does not fit is a fault of the point alone. */
    if (gw_point_decode(config, words, width, &value)) {
        value = (struct gw_point_value){.good = false};
        note_too_large(poller, index, words, width);
    } else {
        poller_set_exception(poller, index, 0);
    }
    report(poller, index, &value);
    point->has_raw = width <= POLLER_RAW_WORDS;
    if (point->has_raw) {
        memcpy(point->raw, words, width * sizeof *words);
    }
}

int64_t poller_take_words(struct gw_poller *poller, const struct gw_modbus_block *plan) {
    int64_t now_mono_ms = poller_now(poller);
    int64_t fresh_mono_ms = GW_NEVER_MS;
    for (size_t i = 0; i < plan->points; i++) {
        size_t index = poller->order[plan->first + i];
        const struct gw_config_point *config = &poller->options.points[index];
        if (poller->points[index].exception != GW_MODBUS_TOO_LARGE) {
            poller_set_exception(poller, index, 0); /* else decoding tells */
        }
        const uint16_t *words = poller->words + (config->address - plan->address);
        gw_modbus_scales_take(poller->options.scales, index, words);
        take_point(poller, index, words, now_mono_ms);
        int64_t silent_mono_ms = gw_change_silent_until(&poller->points[index].change, config);
        fresh_mono_ms = silent_mono_ms < fresh_mono_ms ? silent_mono_ms : fresh_mono_ms;
    }
    gw_modbus_scales_settle(poller->options.scales);
    return fresh_mono_ms;
}

/* ---- what was held long enough ---- */

void poller_release_held(struct gw_poller *poller) {
    int64_t now_mono_ms = poller_now(poller);
    if (now_mono_ms < poller->held_mono_ms) {
        return;
    }
    poller->held_mono_ms = GW_NEVER_MS;
    for (size_t i = 0; i < poller->options.count; i++) {
        struct gw_change *change = &poller->points[i].change;
        int64_t until_mono_ms = gw_change_held_until(change, &poller->options.points[i]);
        if (change->is_held && until_mono_ms <= now_mono_ms) {
            release(poller, i, now_mono_ms);
        } else if (until_mono_ms < poller->held_mono_ms) {
            poller->held_mono_ms = until_mono_ms;
        }
    }
}
