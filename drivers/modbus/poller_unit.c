/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of each unit, and what may be spent on those that do not answer.
 *
 * The score tells a unit that loses every second frame from one that lost a frame: it
 * gains 10 by a failure and loses 1 by an answer, so more than one failure in ten
 * answers drives it up to where the unit counts as down, whatever is in between.
 */
#include "drivers/modbus/poller_internal.h"

#include <stdlib.h>

#include "firmware/base/random.h"

#define SCORE_FAILURE 10
#define SCORE_DOWN 40
#define SCORE_MAX 60
#define FIGURES_MS 1000
#define WINDOW_MS 10000

static const struct gw_backoff_limits down_limits = {.base_ms = 1000, .cap_ms = 30000};
static const struct gw_backoff_limits busy_limits = {.base_ms = 250, .cap_ms = 5000};

int64_t poller_delay(const struct gw_backoff_limits *limits, uint32_t *backoff_ms) {
    uint64_t random = 0;
    gw_random_bytes(&random, sizeof random);
    *backoff_ms = gw_backoff_next(limits, *backoff_ms, random);
    return *backoff_ms;
}

enum gw_err poller_list_units(struct gw_poller *poller) {
    uint8_t ids[256];
    poller->unit_count =
        gw_modbus_list_units(poller->options.points, poller->options.count, ids);
    poller->units = calloc(poller->unit_count + 1, sizeof *poller->units);
    if (!poller->units) {
        return GW_ERR_NOMEM;
    }
    for (size_t i = 0; i < 256; i++) {
        poller->unit_index[i] = -1;
    }
    for (size_t i = 0; i < poller->unit_count; i++) {
        poller->unit_index[ids[i]] = (int16_t) i;
        poller->units[i].condition.unit_id = ids[i];
        poller_publish_unit(poller, &poller->units[i]);
    }
    return GW_OK;
}

void poller_publish_unit(struct gw_poller *poller, struct poller_unit *unit) {
    gw_handover_set_unit(poller->options.handover, (size_t) (unit - poller->units),
                         &unit->condition);
}

/* ---- answers and failures ---- */

/* All its blocks are due, as on the first day. */
static void welcome(struct gw_poller *poller, const struct poller_unit *unit) {
    int64_t now_mono_ms = poller_now(poller);
    poller_await(poller, unit->condition.unit_id);
    for (size_t i = 0; i < poller->block_count; i++) {
        struct poller_block *block = &poller->blocks[i];
        if (block->plan.unit_id == unit->condition.unit_id) {
            /* Those that were silent themselves are still under suspicion. */
            block->backoff_ms = 0;
            block->retry_mono_ms = 0;
            block->has_phase = false;
            /* What is refused keeps its minute. */
            if (block->due_mono_ms < now_mono_ms + GW_POLLER_PROBE_MS / 2) {
                block->due_mono_ms = now_mono_ms;
            }
        }
    }
}

void poller_unit_answered(struct gw_poller *poller, struct poller_unit *unit) {
    bool was_down = unit->condition.is_down;
    unit->has_answered = true;
    unit->is_probed = false;
    unit->silences = 0;
    unit->busy = 0;
    unit->score = unit->score > 0 ? unit->score - 1 : 0;
    unit->backoff_ms = 0;
    unit->retry_mono_ms = 0;
    unit->condition.is_down = false;
    unit->condition.polls++;
    poller->bus_failures = 0;
    poller->bus_backoff_ms = 0;
    if (was_down) {
        welcome(poller, unit);
    }
    poller_publish_unit(poller, unit);
}

static void take_down(struct gw_poller *poller, struct poller_unit *unit) {
    if (!unit->is_probed) {
        poller_note_whole_wait(poller, unit); /* which is how it was found out */
    }
    unit->condition.is_down = true;
    unit->is_probed = true;
    unit->retry_mono_ms = poller_now(poller) + poller_delay(&down_limits, &unit->backoff_ms);
    poller_report_unit_bad(poller, unit->condition.unit_id);
}

static void note_failure(struct poller_unit *unit, enum gw_err err, unsigned exception) {
    unit->condition.polls++;
    unit->condition.failures++;
    unit->condition.err = err;
    unit->condition.exception = exception;
}

/* Of the request before the transport recovers. */
static void note_what_came(const struct gw_poller *poller, struct poller_unit *unit,
                           enum gw_err err) {
    const struct gw_modbus_transport *transport = &poller->options.transport;
    unit->condition.wrong = (struct gw_modbus_wrong){0};
    unit->condition.was_closed = err == GW_ERR_NOCONN;
    if (transport->wrong && err != GW_ERR_NOCONN) {
        transport->wrong(transport->self, &unit->condition.wrong);
    }
}

void poller_unit_silent(struct gw_poller *poller, struct poller_unit *unit, enum gw_err err,
                        bool counts) {
    unsigned allowed = unit->has_answered ? POLLER_FAILURES_TO_DOWN : 1;
    note_failure(unit, err, 0);
    note_what_came(poller, unit, err);
    if (counts) {
        unit->silences++;
        unit->score += SCORE_FAILURE;
        unit->score = unit->score > SCORE_MAX ? SCORE_MAX : unit->score;
    }
    bool is_too_much = unit->silences >= allowed || unit->score >= SCORE_DOWN;
    if (unit->condition.is_down || (counts && is_too_much)) {
        take_down(poller, unit);
    }
    poller_publish_unit(poller, unit);
}

int64_t poller_busy_delay(uint32_t *backoff_ms) {
    return poller_delay(&busy_limits, backoff_ms);
}

/* No value of the unit is older than it may be; nor is it asked later than when the next one
 * would be. */
static void keep_honest(struct gw_poller *poller, struct poller_unit *unit) {
    for (size_t i = 0; i < poller->block_count; i++) {
        struct poller_block *block = &poller->blocks[i];
        if (block->plan.unit_id == unit->condition.unit_id) {
            int64_t next_mono_ms = poller_report_overdue(poller, block);
            unit->retry_mono_ms =
                next_mono_ms < unit->retry_mono_ms ? next_mono_ms : unit->retry_mono_ms;
        }
    }
}

void poller_unit_out_of_reach(struct gw_poller *poller, struct poller_unit *unit,
                              unsigned exception) {
    note_failure(unit, GW_ERR_RETRY, exception);
    unit->silences = 0;
    unit->busy++;
    if (unit->busy >= POLLER_BUSY_TO_BAD) {
        take_down(poller, unit);
    } else {
        unit->retry_mono_ms = poller_now(poller) + poller_busy_delay(&unit->backoff_ms);
        keep_honest(poller, unit);
    }
    poller_publish_unit(poller, unit);
}

void poller_bus_down(struct gw_poller *poller) {
    enum gw_err err = poller->bus.err ? poller->bus.err : GW_ERR_NOCONN;
    for (size_t i = 0; i < poller->unit_count; i++) {
        struct gw_modbus_unit_condition *condition = &poller->units[i].condition;
        struct gw_modbus_unit_condition down = *condition;
        down.is_down = true;
        down.err = err;
        down.exception = 0;
        down.wrong = (struct gw_modbus_wrong){0};
        down.was_closed = poller->bus.err == GW_OK;
        if (!condition->is_down || gw_modbus_unit_fails_otherwise(condition, &down)) {
            *condition = down;
            poller_publish_unit(poller, &poller->units[i]);
        }
    }
    for (size_t i = 0; i < poller->options.count; i++) {
        poller_report_bad(poller, i);
    }
}

void poller_gather_faults(struct gw_poller *poller, struct poller_unit *unit) {
    unsigned fault = 0;
    uint16_t address = 0;
    enum gw_modbus_area area = GW_AREA_COIL;
    for (size_t i = 0; i < poller->block_count && fault == 0; i++) {
        const struct poller_block *block = &poller->blocks[i];
        if (block->plan.unit_id == unit->condition.unit_id && block->fault != 0) {
            fault = block->fault;
            address = block->plan.address;
            area = block->plan.area;
        }
    }
    unit->condition.fault = fault;
    unit->condition.fault_address = address;
    unit->condition.fault_area = area;
}

/* ---- spending ---- */

void poller_charge(struct gw_poller *poller, int64_t cost_ms) {
    uint32_t share = poller->options.dead_share_percent > 0 ? poller->options.dead_share_percent
                                                            : GW_POLLER_DEAD_SHARE_PERCENT;
    int64_t free_mono_ms = poller_now(poller) + cost_ms * (100 - (int64_t) share) / share;
    poller->dead_ms += cost_ms;
    poller->probe_cost_ms = cost_ms;
    if (free_mono_ms > poller->probe_free_mono_ms) {
        poller->probe_free_mono_ms = free_mono_ms;
    }
}

static unsigned percent(int64_t part_ms, int64_t whole_ms) {
    return whole_ms <= 0 || part_ms <= 0 ? 0
           : part_ms >= whole_ms         ? 100
                                 : (unsigned) ((part_ms * 100 + whole_ms / 2) / whole_ms);
}

void poller_tell_figures(struct gw_poller *poller) {
    int64_t now_mono_ms = poller_now(poller);
    if (now_mono_ms < poller->figures_mono_ms) {
        return;
    }
    poller->figures_mono_ms = now_mono_ms + FIGURES_MS;
    for (size_t i = 0; i < poller->unit_count; i++) {
        struct poller_unit *unit = &poller->units[i];
        unit->condition.lateness = gw_lateness_get(&unit->lateness);
        poller_publish_unit(poller, unit);
    }
    int64_t window_ms = now_mono_ms - poller->window_mono_ms;
    if (window_ms >= WINDOW_MS) {
        poller->bus.load_percent = percent(poller->busy_ms, window_ms);
        poller->bus.dead_percent = percent(poller->dead_ms, window_ms);
        poller->busy_ms = 0;
        poller->dead_ms = 0;
        poller->window_mono_ms = now_mono_ms;
        poller_publish_bus(poller);
    }
}
