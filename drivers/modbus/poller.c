/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/poller.h"

#include <stdlib.h>

#include "drivers/modbus/change.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/loop.h"
#include "firmware/base/random.h"
#include "firmware/policy/backoff.h"

/* One lost frame is weather, two in a row are a fault. */
#define FAILURES_TO_DOWN 2

static const struct gw_backoff_limits unit_limits = {.base_ms = 1000, .cap_ms = 30000};
static const struct gw_backoff_limits bus_limits = {.base_ms = 500, .cap_ms = 30000};

struct block {
    struct gw_modbus_block plan;
    int64_t due_mono_ms;
    bool is_gone; /* replaced by its points */
};

struct unit {
    struct gw_modbus_unit_condition condition;
    unsigned failures_in_a_row;
    uint32_t backoff_ms;
    int64_t retry_mono_ms;
};

struct point_state {
    struct gw_change change;
    unsigned exception;
};

struct gw_poller {
    struct gw_poller_options options;
    size_t *order;
    struct block *blocks; /* room for the plan and every point alone */
    size_t block_count;
    struct unit *units;
    size_t unit_count;
    uint8_t unit_index[256];
    struct point_state *states;
    struct gw_modbus_bus_condition bus;
    bool is_reopening; /* we closed it ourselves after a late or wrong answer */
    unsigned bus_failures_in_a_row;
    uint32_t bus_backoff_ms;
    int64_t bus_retry_mono_ms;
    uint16_t words[GW_MODBUS_MAX_BITS];
};

GW_DEFINE_CLEANUP(struct gw_poller *, gw_poller_close, closep)

static int64_t now_of(const struct gw_poller *poller) {
    return gw_clock_mono_ms(poller->options.clock);
}

static int64_t delay_after(const struct gw_backoff_limits *limits, uint32_t *backoff_ms) {
    uint64_t random = 0;
    gw_random_bytes(&random, sizeof random);
    *backoff_ms = gw_backoff_next(limits, *backoff_ms, random);
    return *backoff_ms;
}

static struct unit *unit_of(struct gw_poller *poller, const struct block *block) {
    return &poller->units[poller->unit_index[block->plan.unit_id]];
}

/* ---- life ---- */

static enum gw_err plan_blocks(struct gw_poller *poller) {
    const struct gw_poller_options *options = &poller->options;
    struct gw_modbus_block *plan = calloc(options->count + 1, sizeof *plan);
    if (!plan) {
        return GW_ERR_NOMEM;
    }
    poller->block_count =
        gw_modbus_plan(options->points, options->count, options->max_gap, poller->order, plan);
    int64_t now_mono_ms = now_of(poller);
    for (size_t i = 0; i < poller->block_count; i++) {
        poller->blocks[i] = (struct block){.plan = plan[i], .due_mono_ms = now_mono_ms};
    }
    free(plan);
    return GW_OK;
}

static enum gw_err list_units(struct gw_poller *poller) {
    uint8_t ids[256];
    poller->unit_count =
        gw_modbus_list_units(poller->options.points, poller->options.count, ids);
    poller->units = calloc(poller->unit_count + 1, sizeof *poller->units);
    if (!poller->units) {
        return GW_ERR_NOMEM;
    }
    for (size_t i = 0; i < poller->unit_count; i++) {
        poller->unit_index[ids[i]] = (uint8_t) i;
        poller->units[i].condition.unit_id = ids[i];
        gw_handover_set_unit(poller->options.handover, i, &poller->units[i].condition);
    }
    return GW_OK;
}

enum gw_err gw_poller_open(const struct gw_poller_options *options,
                           struct gw_poller **ret_poller) {
    GW_CLEANUP(closep) struct gw_poller *poller = calloc(1, sizeof *poller);
    if (!poller) {
        return GW_ERR_NOMEM;
    }
    poller->options = *options;
    poller->order = calloc(options->count + 1, sizeof *poller->order);
    poller->blocks = calloc(2 * options->count + 1, sizeof *poller->blocks);
    poller->states = calloc(options->count + 1, sizeof *poller->states);
    if (!poller->order || !poller->blocks || !poller->states) {
        return GW_ERR_NOMEM;
    }
    poller->bus_retry_mono_ms = now_of(poller);
    enum gw_err err = list_units(poller);
    if (!err) {
        err = plan_blocks(poller);
    }
    if (err) {
        return err;
    }
    *ret_poller = GW_TAKE(poller);
    return GW_OK;
}

void gw_poller_close(struct gw_poller *poller) {
    if (!poller) {
        return;
    }
    if (poller->bus.is_connected) {
        poller->options.transport.disconnect(poller->options.transport.self);
    }
    free(poller->order);
    free(poller->blocks);
    free(poller->units);
    free(poller->states);
    free(poller);
}

/* ---- readings ---- */

static void report(struct gw_poller *poller, size_t point, const struct gw_point_value *value) {
    const struct gw_config_point *config = &poller->options.points[point];
    struct gw_change *change = &poller->states[point].change;
    if (!gw_change_take(change, config, value, now_of(poller))) {
        return;
    }
    struct gw_modbus_reading reading = {
        .point = point,
        .value = *value,
        .time_wall_ms = gw_clock_wall_ms(poller->options.clock),
    };
    gw_handover_put(poller->options.handover, &reading);
}

static void report_bad(struct gw_poller *poller, size_t point) {
    report(poller, point, &(struct gw_point_value){.good = false});
}

static void set_exception(struct gw_poller *poller, size_t point, unsigned exception) {
    if (poller->states[point].exception != exception) {
        poller->states[point].exception = exception;
        gw_handover_set_point_exception(poller->options.handover, point, exception);
    }
}

static void report_unit_bad(struct gw_poller *poller, uint8_t unit_id) {
    for (size_t i = 0; i < poller->options.count; i++) {
        if (poller->options.points[i].unit_id == unit_id) {
            report_bad(poller, i);
        }
    }
}

/* So that the next reading of each of its points is reported. */
static void forget_unit(struct gw_poller *poller, uint8_t unit_id) {
    for (size_t i = 0; i < poller->options.count; i++) {
        if (poller->options.points[i].unit_id == unit_id) {
            gw_change_reset(&poller->states[i].change);
        }
    }
}

static void forget_all(struct gw_poller *poller) {
    for (size_t i = 0; i < poller->options.count; i++) {
        gw_change_reset(&poller->states[i].change);
    }
}

/* ---- the bus ---- */

static void publish_bus(struct gw_poller *poller) {
    gw_handover_set_bus(poller->options.handover, &poller->bus);
}

static void disconnect(struct gw_poller *poller) {
    poller->options.transport.disconnect(poller->options.transport.self);
    poller->bus.is_connected = false;
}

static void publish_unit(struct gw_poller *poller, const struct unit *unit) {
    gw_handover_set_unit(poller->options.handover, poller->unit_index[unit->condition.unit_id],
                         &unit->condition);
}

/* Nobody on this bus can be reached. */
static void bus_down(struct gw_poller *poller) {
    for (size_t i = 0; i < poller->unit_count; i++) {
        struct gw_modbus_unit_condition *condition = &poller->units[i].condition;
        if (!condition->is_down) {
            condition->is_down = true;
            condition->err = GW_ERR_NOCONN;
            condition->exception = 0;
            publish_unit(poller, &poller->units[i]);
        }
    }
    for (size_t i = 0; i < poller->options.count; i++) {
        report_bad(poller, i);
    }
}

static void bus_failed(struct gw_poller *poller) {
    poller->is_reopening = false;
    poller->bus_retry_mono_ms =
        now_of(poller) + delay_after(&bus_limits, &poller->bus_backoff_ms);
    poller->bus_failures_in_a_row++;
    publish_bus(poller);
    if (poller->bus_failures_in_a_row >= FAILURES_TO_DOWN) {
        bus_down(poller);
    }
}

static void connect_bus(struct gw_poller *poller) {
    const struct gw_modbus_transport *transport = &poller->options.transport;
    if (transport->connect(transport->self)) {
        bus_failed(poller);
        return;
    }
    poller->bus.is_connected = true;
    publish_bus(poller);
    if (poller->is_reopening) {
        poller->is_reopening = false;
        return;
    }
    forget_all(poller);
    int64_t now_mono_ms = now_of(poller);
    for (size_t i = 0; i < poller->block_count; i++) {
        if (poller->blocks[i].due_mono_ms < now_mono_ms + GW_POLLER_PROBE_MS / 2) {
            poller->blocks[i].due_mono_ms = now_mono_ms;
        }
    }
}

/* ---- units ---- */

static void unit_answered(struct gw_poller *poller, struct unit *unit) {
    bool was_down = unit->condition.is_down;
    unit->failures_in_a_row = 0;
    unit->backoff_ms = 0;
    unit->condition.is_down = false;
    unit->condition.polls++;
    poller->bus_failures_in_a_row = 0;
    poller->bus_backoff_ms = 0;
    publish_unit(poller, unit);
    if (was_down) {
        forget_unit(poller, unit->condition.unit_id);
    }
}

static void unit_failed(struct gw_poller *poller, struct unit *unit, enum gw_err err,
                        unsigned exception) {
    unit->condition.polls++;
    unit->condition.failures++;
    unit->condition.err = err;
    unit->condition.exception = exception;
    unit->failures_in_a_row++;
    if (unit->failures_in_a_row >= FAILURES_TO_DOWN) {
        unit->condition.is_down = true;
        unit->retry_mono_ms = now_of(poller) + delay_after(&unit_limits, &unit->backoff_ms);
        report_unit_bad(poller, unit->condition.unit_id);
    }
    publish_unit(poller, unit);
}

/* ---- blocks ---- */

static void schedule_next(struct gw_poller *poller, struct block *block) {
    int64_t now_mono_ms = now_of(poller);
    block->due_mono_ms += block->plan.period_ms;
    if (block->due_mono_ms < now_mono_ms) {
        poller->bus.overruns++;
        block->due_mono_ms = now_mono_ms + block->plan.period_ms;
    }
}

static void take_words(struct gw_poller *poller, const struct block *block) {
    for (size_t i = 0; i < block->plan.points; i++) {
        size_t index = poller->order[block->plan.first + i];
        const struct gw_config_point *point = &poller->options.points[index];
        const uint16_t *words = poller->words + (point->address - block->plan.address);
        struct gw_point_value value;
        /* A scale or range that does not fit is a fault of the point alone. */
        if (gw_point_decode(point, words, gw_modbus_point_width(point), &value)) {
            value = (struct gw_point_value){.good = false};
        }
        set_exception(poller, index, 0);
        report(poller, index, &value);
    }
}

/* Read point by point from now on: one of them, or a hole between, is refused. */
static void split(struct gw_poller *poller, struct block *block) {
    block->is_gone = true;
    struct gw_modbus_block plan = block->plan;
    for (size_t i = 0; i < plan.points; i++) {
        const struct gw_config_point *point =
            &poller->options.points[poller->order[plan.first + i]];
        struct gw_modbus_block single = plan;
        single.address = point->address;
        single.count = gw_modbus_point_width(point);
        single.first = plan.first + i;
        single.points = 1;
        poller->blocks[poller->block_count++] =
            (struct block){.plan = single, .due_mono_ms = block->due_mono_ms};
    }
}

static void refuse_block(struct gw_poller *poller, struct block *block, unsigned exception) {
    /* 1 = illegal function: no point of this area can be read. */
    if (exception != 1 && block->plan.points > 1) {
        split(poller, block);
        return;
    }
    for (size_t i = 0; i < block->plan.points; i++) {
        size_t index = poller->order[block->plan.first + i];
        set_exception(poller, index, exception);
        report_bad(poller, index);
    }
    block->due_mono_ms = now_of(poller) + GW_POLLER_PROBE_MS;
}

static void read_block(struct gw_poller *poller, struct block *block) {
    const struct gw_modbus_transport *transport = &poller->options.transport;
    struct gw_modbus_request request = {.unit_id = block->plan.unit_id,
                                        .area = block->plan.area,
                                        .address = block->plan.address,
                                        .count = block->plan.count};
    struct unit *unit = unit_of(poller, block);
    unsigned exception = 0;
    enum gw_err err = transport->read(transport->self, &request, poller->words, &exception);
    poller->bus.polls++;
    if (!err) {
        unit_answered(poller, unit);
        schedule_next(poller, block);
        take_words(poller, block);
    } else if (err == GW_ERR_INVALID && exception >= 1 && exception <= 3) {
        unit_answered(poller, unit);
        refuse_block(poller, block, exception);
    } else {
        schedule_next(poller, block);
        unit_failed(poller, unit, err == GW_ERR_INVALID ? GW_ERR_RETRY : err, exception);
        if (err != GW_ERR_INVALID) {
            disconnect(poller);
            poller->is_reopening = err != GW_ERR_NOCONN;
        }
        if (err == GW_ERR_NOCONN) {
            bus_failed(poller);
        }
    }
    publish_bus(poller);
}

/* ---- what next ---- */

static int64_t due_of(struct gw_poller *poller, const struct block *block) {
    const struct unit *unit = unit_of(poller, block);
    return unit->condition.is_down && unit->retry_mono_ms > block->due_mono_ms
               ? unit->retry_mono_ms
               : block->due_mono_ms;
}

static struct block *most_overdue(struct gw_poller *poller, int64_t *ret_due_mono_ms) {
    struct block *first = NULL;
    int64_t earliest = GW_NEVER_MS;
    for (size_t i = 0; i < poller->block_count; i++) {
        struct block *block = &poller->blocks[i];
        int64_t due = due_of(poller, block);
        if (!block->is_gone && due < earliest) {
            earliest = due;
            first = block;
        }
    }
    *ret_due_mono_ms = earliest;
    return first;
}

int64_t gw_poller_step(struct gw_poller *poller) {
    if (gw_handover_take_resync(poller->options.handover)) {
        forget_all(poller);
    }
    int64_t now_mono_ms = now_of(poller);
    int64_t due_mono_ms = 0;
    if (!poller->bus.is_connected) {
        if (now_mono_ms < poller->bus_retry_mono_ms) {
            return poller->bus_retry_mono_ms;
        }
        connect_bus(poller);
        return poller->bus.is_connected ? now_mono_ms : poller->bus_retry_mono_ms;
    }
    struct block *block = most_overdue(poller, &due_mono_ms);
    if (block && due_mono_ms <= now_mono_ms) {
        read_block(poller, block);
        (void) most_overdue(poller, &due_mono_ms);
    }
    if (!poller->bus.is_connected) {
        return poller->bus_retry_mono_ms;
    }
    return due_mono_ms;
}
