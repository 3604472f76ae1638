/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and what follows from its outcome, as a table of outcomes.
 *
 * Blocks are planned anew when something was learned of holes; never while a hunt is
 * under way, whose positions would be wrong then.
 */
#include "drivers/modbus/poller_internal.h"

#include "firmware/base/cleanup.h"

/* A refused block waits so long for the hunt of another one to end. */
#define HUNT_WAIT_MS 500

static const struct gw_backoff_limits block_limits = {.base_ms = 1000, .cap_ms = 60000};

/* What a request came to, and for whom. */
struct outcome {
    struct poller_block *block;
    struct poller_unit *unit;
    struct gw_modbus_block asked; /* the block, or the part of it a hunt wants */
    int64_t began_mono_ms, took_ms;
    enum gw_err err;
    unsigned exception;
    bool was_probe; /* of one that is known not to answer */
};

/* ---- plan ---- */

static void keep_due_times(struct gw_poller *poller) {
    for (size_t i = 0; i < poller->block_count; i++) {
        const struct poller_block *block = &poller->blocks[i];
        for (size_t j = 0; j < block->plan.points; j++) {
            poller->point_due_mono_ms[poller->order[block->plan.first + j]] =
                block->due_mono_ms;
        }
    }
}

static int64_t earliest_due(const struct gw_poller *poller,
                            const struct gw_modbus_block *plan) {
    int64_t due_mono_ms = GW_NEVER_MS;
    for (size_t i = 0; i < plan->points; i++) {
        int64_t of_point = poller->point_due_mono_ms[poller->order[plan->first + i]];
        due_mono_ms = of_point < due_mono_ms ? of_point : due_mono_ms;
    }
    return due_mono_ms;
}

void poller_plan(struct gw_poller *poller) {
    const struct gw_poller_options *options = &poller->options;
    struct gw_modbus_limits limits = {.max_gap = options->max_gap,
                                      .max_registers = options->max_registers,
                                      .holes = &poller->holes};
    keep_due_times(poller);
    poller->must_plan = false;
    poller->block_count =
        gw_modbus_plan(options->points, options->count, &limits, poller->order, poller->plan);
    for (size_t i = 0; i < poller->block_count; i++) {
        poller->blocks[i] =
            (struct poller_block){.plan = poller->plan[i],
                                  .due_mono_ms = earliest_due(poller, &poller->plan[i]),
                                  .fresh_mono_ms = GW_NEVER_MS};
    }
    for (size_t i = 0; i < poller->unit_count; i++) {
        poller_gather_faults(poller, &poller->units[i]);
        poller_publish_unit(poller, &poller->units[i]);
    }
}

/* ---- time ---- */

static void schedule_next(struct gw_poller *poller, struct poller_block *block,
                          int64_t began_mono_ms) {
    int64_t now_mono_ms = poller_now(poller);
    uint32_t period_ms = block->plan.period_ms;
    block->fresh_mono_ms = GW_NEVER_MS;
    if (began_mono_ms < block->due_mono_ms) {
        return; /* a fresh read out of turn */
    }
    if (!block->has_phase) {
        block->has_phase = true;
        block->due_mono_ms = began_mono_ms + period_ms;
        if (period_ms > 0) {
            block->due_mono_ms -= poller->options.phase_ms % period_ms;
        }
        return;
    }
    block->due_mono_ms += period_ms;
    if (block->due_mono_ms < now_mono_ms) {
        block->due_mono_ms = now_mono_ms + period_ms;
    }
}

static bool is_hunted(const struct gw_poller *poller, const struct poller_block *block) {
    return poller->hunt.depth > 0 && &poller->blocks[poller->hunted] == block;
}

/* What a search in silence has taught so far was confirmed by nothing but silence. */
static void end_hunt(struct gw_poller *poller, struct poller_block *block) {
    if (is_hunted(poller, block)) {
        if (poller->hunts_in_silence) {
            poller->holes = poller->holes_before;
            poller->must_plan = poller->has_forgotten;
        }
        poller->hunt.depth = 0;
    }
}

/* In a hunt for what makes the device fall silent every request is a probe. */
static bool is_hunted_in_silence(const struct gw_poller *poller,
                                 const struct poller_block *block) {
    return is_hunted(poller, block) && poller->hunts_in_silence;
}

/* Whatever the answer was. */
static void note_answer(const struct gw_poller *poller, struct poller_block *block) {
    block->silences = is_hunted_in_silence(poller, block) ? POLLER_FAILURES_TO_DOWN : 0;
    block->busy = 0;
    block->retry_mono_ms = 0;
}

/* ---- doubt ---- */

/* One point of the block alone, each time the next one. */
static struct gw_modbus_block one_alone(const struct gw_poller *poller,
                                        const struct poller_block *block) {
    struct gw_modbus_block alone = block->plan;
    alone.first += block->silences / 2 % block->plan.points;
    alone.points = 1;
    const struct gw_config_point *point = &poller->options.points[poller->order[alone.first]];
    alone.address = point->address;
    alone.count = gw_modbus_point_width(point);
    return alone;
}

/* Whether one of its points is asked alone, to find out if the unit answers that. */
static bool is_doubted(const struct gw_poller *poller, const struct poller_block *block) {
    return block->is_doubted && !is_hunted(poller, block);
}

/* No answer again: every other time a point alone is asked. The delay does not grow
 * before each of them had its turn. */
static void doubt(struct gw_poller *poller, struct poller_block *block) {
    if (block->silences <= 2 * block->plan.points) {
        block->backoff_ms = 0;
    }
    block->is_doubted = !block->is_doubted && block->plan.points > 1;
    block->retry_mono_ms = poller_now(poller) + poller_delay(&block_limits, &block->backoff_ms);
}

/* ---- outcomes ---- */

/* A point in what was taken for a hole can be read after all. */
static void forget_hole(struct gw_poller *poller, const struct gw_modbus_block *read) {
    struct gw_modbus_hole range = gw_modbus_block_range(read);
    if (poller->holes.count > 0 && gw_modbus_holes_subtract(&poller->holes, &range)) {
        (void) gw_modbus_holes_subtract(&poller->holes_before, &range);
        bool may_be_undone = poller->hunt.depth > 0 && poller->hunts_in_silence;
        poller->must_plan = poller->has_forgotten = true;
        gw_handover_set_holes(poller->options.handover,
                              may_be_undone ? &poller->holes_before : &poller->holes);
    }
}

static void hunt_on(struct gw_poller *poller, const struct outcome *outcome, bool was_refused) {
    if (gw_modbus_hunt_tell(&poller->hunt, was_refused, &poller->holes)) {
        poller->must_plan = true;
    }
    outcome->block->due_mono_ms = poller_now(poller);
    note_answer(poller, outcome->block);
    if (poller->hunt.depth == 0 && poller->must_plan) {
        gw_handover_set_holes(poller->options.handover, &poller->holes);
    } else if (poller->hunt.depth == 0) {
        outcome->block->due_mono_ms += HUNT_WAIT_MS; /* the device changes its mind */
    }
}

static void clear_fault(struct gw_poller *poller, const struct outcome *outcome) {
    if (outcome->block->fault != 0) {
        outcome->block->fault = 0;
        poller_gather_faults(poller, outcome->unit);
    }
}

/* The block gets no answer, but a point of it alone did: something in it makes the
 * device fall silent where others refuse. */
static void start_hunt_in_silence(struct gw_poller *poller, struct poller_block *block,
                                  const struct gw_modbus_block *answered, unsigned silences) {
    if (poller->hunt.depth > 0) {
        block->silences = silences; /* the same point again, later */
        block->due_mono_ms = poller_now(poller) + HUNT_WAIT_MS;
        return;
    }
    poller->hunted = (size_t) (block - poller->blocks);
    poller->holes_before = poller->holes;
    poller->known_good = *answered;
    poller->checks_unit = poller->has_forgotten = false;
    gw_modbus_hunt_start(&poller->hunt, &block->plan, poller->options.points, poller->order,
                         &poller->holes);
    poller->hunts_in_silence = true;
    block->is_doubted = false;
    block->due_mono_ms = poller_now(poller);
    note_answer(poller, block);
}

static void on_answer(struct gw_poller *poller, const struct outcome *outcome) {
    struct poller_block *block = outcome->block;
    unsigned silences = block->silences;
    bool is_part =
        is_doubted(poller, block) && outcome->asked.count < outcome->block->plan.count;
    clear_fault(poller, outcome);
    poller_unit_answered(poller, outcome->unit);
    note_answer(poller, block);
    block->backoff_ms = 0;
    if (is_part) {
        (void) poller_take_words(poller, &outcome->asked);
        start_hunt_in_silence(poller, block, &outcome->asked, silences);
    } else if (is_hunted(poller, block)) {
        (void) poller_take_words(poller, &outcome->asked);
        bool was_check = poller->checks_unit;
        poller->checks_unit = false;
        poller->known_good = outcome->asked;
        hunt_on(poller, outcome, was_check);
    } else {
        block->is_doubted = false;
        schedule_next(poller, block, outcome->began_mono_ms);
        block->fresh_mono_ms = poller_take_words(poller, &outcome->asked);
    }
    forget_hole(poller, &outcome->asked);
}

static void name_points(struct gw_poller *poller, const struct gw_modbus_block *plan,
                        unsigned exception) {
    for (size_t i = 0; i < plan->points; i++) {
        poller_set_exception(poller, poller->order[plan->first + i], exception);
    }
}

/* It is refused as a whole, and cannot be cut. */
static void refuse_points(struct gw_poller *poller, const struct outcome *outcome) {
    name_points(poller, &outcome->block->plan, outcome->exception);
    poller_report_block_bad(poller, &outcome->block->plan);
    outcome->block->fresh_mono_ms = GW_NEVER_MS;
    outcome->block->due_mono_ms = poller_now(poller) + GW_POLLER_PROBE_MS;
}

static void start_hunt(struct gw_poller *poller, const struct outcome *outcome) {
    struct poller_block *block = outcome->block;
    size_t known = poller->holes.count;
    if (poller->hunt.depth > 0) {
        block->due_mono_ms = poller_now(poller) + HUNT_WAIT_MS;
        return;
    }
    poller->hunted = (size_t) (block - poller->blocks);
    poller->hunts_in_silence = false;
    poller->checks_unit = false;
    gw_modbus_hunt_start(&poller->hunt, &block->plan, poller->options.points, poller->order,
                         &poller->holes);
    if (poller->hunt.depth > 0) {
        block->due_mono_ms = poller_now(poller);
        return;
    }
    bool has_learned = poller->holes.count != known;
    if (has_learned) {
        poller->must_plan = true;
        gw_handover_set_holes(poller->options.handover, &poller->holes);
    }
    if (has_learned && block->plan.points > 1) {
        block->due_mono_ms = poller_now(poller); /* its points will be apart */
    } else {
        refuse_points(poller, outcome);
    }
}

/* 1 = illegal function: no point of this area can be read. */
static void on_refusal(struct gw_poller *poller, const struct outcome *outcome) {
    clear_fault(poller, outcome);
    poller_unit_answered(poller, outcome->unit);
    note_answer(poller, outcome->block);
    outcome->block->is_doubted = false;
    if (outcome->exception == 1) {
        end_hunt(poller, outcome->block);
        refuse_points(poller, outcome);
    } else if (is_hunted(poller, outcome->block)) {
        hunt_on(poller, outcome, true);
    } else {
        start_hunt(poller, outcome);
    }
}

static void blame_block(struct gw_poller *poller, const struct outcome *outcome) {
    outcome->block->fault = outcome->exception;
    poller_report_block_bad(poller, &outcome->block->plan);
    poller_gather_faults(poller, outcome->unit);
}

/* The block is left alone for a moment; the others of its unit know nothing of it. A point
 * with max_silence_ms does not keep its value longer than that. */
static void back_off(struct gw_poller *poller, const struct outcome *outcome) {
    struct poller_block *block = outcome->block;
    unsigned busy = block->busy + 1;
    note_answer(poller, block);
    block->busy = busy;
    block->is_doubted = false;
    schedule_next(poller, block, outcome->began_mono_ms);
    block->retry_mono_ms = poller_now(poller) + poller_busy_delay(&block->backoff_ms);
    if (busy >= POLLER_BUSY_TO_BAD) {
        blame_block(poller, outcome);
    } else {
        int64_t next_mono_ms = poller_report_overdue(poller, block);
        block->retry_mono_ms =
            next_mono_ms < block->retry_mono_ms ? next_mono_ms : block->retry_mono_ms;
    }
    outcome->unit->condition.failures++;
    poller_publish_unit(poller, outcome->unit);
}

static void on_busy(struct gw_poller *poller, const struct outcome *outcome) {
    end_hunt(poller, outcome->block);
    if (outcome->was_probe) {
        poller_charge(poller, outcome->took_ms);
    }
    poller_unit_answered(poller, outcome->unit);
    back_off(poller, outcome);
}

/* A gateway says so of the unit; but if other blocks of it were answered since it last said
 * so of this one, it is this one that the unit does not answer. */
static void on_out_of_reach(struct gw_poller *poller, const struct outcome *outcome) {
    struct poller_block *block = outcome->block;
    end_hunt(poller, block);
    if (outcome->was_probe) {
        poller_charge(poller, outcome->took_ms);
    }
    if (block->busy > outcome->unit->busy) {
        outcome->unit->condition.polls++;
        back_off(poller, outcome);
        return;
    }
    block->busy++;
    schedule_next(poller, block, outcome->began_mono_ms);
    poller_unit_out_of_reach(poller, outcome->unit, outcome->exception);
}

static void on_fault(struct gw_poller *poller, const struct outcome *outcome) {
    struct poller_block *block = outcome->block;
    end_hunt(poller, block);
    poller_unit_answered(poller, outcome->unit);
    note_answer(poller, block);
    block->is_doubted = false;
    schedule_next(poller, block, outcome->began_mono_ms);
    block->retry_mono_ms = poller_now(poller) + poller_delay(&block_limits, &block->backoff_ms);
    blame_block(poller, outcome);
    outcome->unit->condition.failures++;
    poller_publish_unit(poller, outcome->unit);
}

/* As expected of a part with a hole in it, or the unit has died meanwhile: what answered
 * last is asked before anything is learned. */
static void on_silent_part(struct gw_poller *poller, const struct outcome *outcome) {
    outcome->unit->condition.failures++;
    poller->checks_unit = true;
    outcome->block->due_mono_ms = poller_now(poller);
    poller_recover(poller, outcome->err, true);
    poller_charge(poller, poller_now(poller) - outcome->began_mono_ms);
}

/* Whether there is a block of the unit that is not known to be silent. */
static bool has_sound_block(const struct gw_poller *poller, const struct poller_unit *unit) {
    for (size_t i = 0; i < poller->block_count; i++) {
        const struct poller_block *block = &poller->blocks[i];
        if (block->plan.unit_id == unit->condition.unit_id
            && block->silences < POLLER_FAILURES_TO_DOWN) {
            return true;
        }
    }
    return false;
}

static void on_silence(struct gw_poller *poller, const struct outcome *outcome) {
    struct poller_block *block = outcome->block;
    struct poller_unit *unit = outcome->unit;
    bool was_suspect = block->silences >= POLLER_FAILURES_TO_DOWN;
    bool was_check = is_hunted_in_silence(poller, block) && poller->checks_unit;
    if (is_hunted_in_silence(poller, block) && !was_check && !unit->condition.is_down) {
        on_silent_part(poller, outcome);
        return;
    }
    end_hunt(poller, block);
    schedule_next(poller, block, outcome->began_mono_ms);
    unit->silences += was_check; /* the part before was silent for the same reason */
    block->silences++;
    if (block->silences >= POLLER_FAILURES_TO_DOWN) {
        poller_report_block_bad(poller, &block->plan);
        doubt(poller, block);
    }
    poller_unit_silent(poller, unit, outcome->err,
                       was_check || !was_suspect || !has_sound_block(poller, unit));
    if (block->silences >= POLLER_FAILURES_TO_DOWN && !block->is_doubted
        && !unit->condition.is_down) {
        name_points(poller, &block->plan, GW_MODBUS_NO_ANSWER);
    }
    poller_recover(poller, outcome->err, outcome->was_probe);
    if (outcome->was_probe || unit->is_probed || was_suspect) {
        poller_charge(poller, poller_now(poller) - outcome->began_mono_ms);
    }
}

/* What an exception is to us: MODBUS Application Protocol V1.1b3, section 7. */
typedef void on_outcome(struct gw_poller *poller, const struct outcome *outcome);
static on_outcome *const by_exception[] = {
    on_fault,        /* none: never looked up */
    on_refusal,      /* 1 illegal function */
    on_refusal,      /* 2 illegal data address */
    on_refusal,      /* 3 illegal data value */
    on_fault,        /* 4 server device failure */
    on_busy,         /* 5 acknowledge: it will take a while */
    on_busy,         /* 6 server device busy */
    on_fault,        /* 7 negative acknowledge, of old */
    on_fault,        /* 8 memory parity error */
    on_fault,        /* 9 not in use */
    on_out_of_reach, /* 10 gateway path unavailable */
    on_out_of_reach, /* 11 gateway target device failed to respond */
};

static on_outcome *outcome_of(const struct outcome *outcome) {
    if (!outcome->err) {
        return on_answer;
    }
    if (outcome->err != GW_ERR_INVALID) {
        return on_silence;
    }
    return outcome->exception < GW_ARRAY_LEN(by_exception) ? by_exception[outcome->exception]
                                                           : on_fault;
}

/* ---- reading ---- */

/* A read that had to wait for nothing but its turn. */
static bool is_punctual(const struct poller_block *block, const struct poller_unit *unit) {
    return block->has_phase && !unit->condition.is_down && block->retry_mono_ms == 0
           && unit->retry_mono_ms == 0;
}

static struct gw_modbus_block what_to_ask(const struct gw_poller *poller,
                                          const struct poller_block *block) {
    struct gw_modbus_block part;
    if (is_hunted(poller, block) && poller->checks_unit) {
        return poller->known_good;
    }
    if (is_hunted(poller, block) && gw_modbus_hunt_next(&poller->hunt, &part)) {
        return part;
    }
    return is_doubted(poller, block) ? one_alone(poller, block) : block->plan;
}

static void ask(struct gw_poller *poller, struct outcome *outcome) {
    const struct gw_modbus_transport *transport = &poller->options.transport;
    struct gw_modbus_request request = {.unit_id = outcome->asked.unit_id,
                                        .area = outcome->asked.area,
                                        .address = outcome->asked.address,
                                        .count = outcome->asked.count,
                                        .timeout_ms =
                                            poller_probe_timeout(poller, outcome->unit)};
    outcome->began_mono_ms = poller_now(poller);
    outcome->err =
        transport->read(transport->self, &request, poller->words, &outcome->exception);
    outcome->took_ms = poller_now(poller) - outcome->began_mono_ms;
    poller->busy_ms += outcome->took_ms;
    poller->bus.polls++;
    bool is_answered = !outcome->err || outcome->err == GW_ERR_INVALID;
    if (is_answered) {
        poller_learn_pace(poller, outcome->unit, outcome->took_ms);
    }
    if (outcome->unit->is_probed && request.timeout_ms == 0) {
        poller_note_whole_wait(poller, outcome->unit);
    }
}

void poller_read_block(struct gw_poller *poller, struct poller_block *block) {
    struct outcome outcome = {.block = block,
                              .unit = poller_unit_of(poller, block),
                              .asked = what_to_ask(poller, block)};
    outcome.was_probe = poller_is_probe(poller, block);
    bool is_regular = is_punctual(block, outcome.unit) && !is_hunted(poller, block);
    int64_t due_mono_ms =
        block->fresh_mono_ms < block->due_mono_ms ? block->fresh_mono_ms : block->due_mono_ms;
    ask(poller, &outcome);
    if (is_regular) {
        bool is_overrun = block->due_mono_ms + block->plan.period_ms < poller_now(poller);
        gw_lateness_add(&outcome.unit->lateness, outcome.began_mono_ms - due_mono_ms);
        poller->bus.overruns += is_overrun;
    }
    outcome_of (&outcome)(poller, &outcome);
    if (poller->must_plan && poller->hunt.depth == 0) {
        poller_plan(poller);
    }
    poller_publish_bus(poller);
}
