/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "drivers/modbus/poller_internal.h"
#include "firmware/base/cleanup.h"

/* How long a probe waits for a gap between the reads. */
#define PATIENCE_MS 3000
/* A connection that we closed ourselves is opened again so often, so far apart, before that
 * it cannot be is an outage. */
#define REOPENINGS_MAX 4
#define REOPEN_MS 50

static const struct gw_backoff_limits bus_limits = {.base_ms = 500, .cap_ms = 30000};

GW_DEFINE_CLEANUP(struct gw_poller *, gw_poller_close, closep)

/* ---- life ---- */

static enum gw_err make_room(struct gw_poller *poller) {
    size_t count = poller->options.count + 1;
    poller->order = calloc(count, sizeof *poller->order);
    poller->blocks = calloc(count, sizeof *poller->blocks);
    poller->points = calloc(count, sizeof *poller->points);
    poller->plan = calloc(count, sizeof *poller->plan);
    poller->point_due_mono_ms = calloc(count, sizeof *poller->point_due_mono_ms);
    bool has_all = poller->order && poller->blocks && poller->points && poller->plan
                   && poller->point_due_mono_ms;
    return has_all ? GW_OK : GW_ERR_NOMEM;
}

enum gw_err gw_poller_open(const struct gw_poller_options *options,
                           struct gw_poller **ret_poller) {
    GW_CLEANUP(closep) struct gw_poller *poller = calloc(1, sizeof *poller);
    if (!poller) {
        return GW_ERR_NOMEM;
    }
    poller->options = *options;
    poller->held_mono_ms = GW_NEVER_MS;
    enum gw_err err = make_room(poller);
    if (!err) {
        err = poller_list_units(poller);
    }
    if (err) {
        return err;
    }
    int64_t now_mono_ms = poller_now(poller);
    poller->bus_retry_mono_ms = now_mono_ms;
    poller->window_mono_ms = now_mono_ms;
    for (size_t i = 0; i < options->count; i++) {
        poller->point_due_mono_ms[i] = now_mono_ms;
    }
    if (options->holes) {
        poller->holes = *options->holes;
    }
    poller_plan(poller);
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
    free(poller->points);
    free(poller->plan);
    free(poller->point_due_mono_ms);
    free(poller);
}

/* ---- the connection ---- */

void poller_publish_bus(struct gw_poller *poller) {
    const struct gw_modbus_transport *transport = &poller->options.transport;
    if (transport->figures) {
        transport->figures(transport->self, &poller->bus.wire);
    }
    /* What we closed ourselves and open again in a moment is no outage. */
    struct gw_modbus_bus_condition shown = poller->bus;
    shown.is_connected |= poller->is_reopening;
    gw_handover_set_bus(poller->options.handover, &shown);
}

void poller_bus_failed(struct gw_poller *poller) {
    poller->bus.is_connected = false;
    poller->is_reopening = false;
    poller->bus_retry_mono_ms =
        poller_now(poller) + poller_delay(&bus_limits, &poller->bus_backoff_ms);
    poller->bus_failures++;
    poller_publish_bus(poller);
    if (poller->bus_failures >= POLLER_FAILURES_TO_DOWN) {
        poller_bus_down(poller);
    }
}

/* Everything is read at once, but for what is refused. */
static void begin_anew(struct gw_poller *poller) {
    poller_await(poller, -1);
    int64_t now_mono_ms = poller_now(poller);
    for (size_t i = 0; i < poller->block_count; i++) {
        struct poller_block *block = &poller->blocks[i];
        if (block->due_mono_ms < now_mono_ms + GW_POLLER_PROBE_MS / 2) {
            block->due_mono_ms = now_mono_ms;
            block->has_phase = false;
        }
    }
}

/* Gateways that allow one connection may need a moment to notice that the last one is over:
 * then it is tried again soon. */
static bool may_reopen(struct gw_poller *poller, int64_t began_mono_ms) {
    int64_t now_mono_ms = poller_now(poller);
    bool was_refused = now_mono_ms - began_mono_ms <= REOPEN_MS;
    if (!poller->is_reopening || !was_refused || poller->reopenings >= REOPENINGS_MAX) {
        return false;
    }
    poller->reopenings++;
    poller->bus_retry_mono_ms = now_mono_ms + REOPEN_MS;
    return true;
}

void poller_connect(struct gw_poller *poller) {
    const struct gw_modbus_transport *transport = &poller->options.transport;
    int64_t began_mono_ms = poller_now(poller);
    enum gw_err err = transport->connect(transport->self);
    poller->busy_ms += poller_now(poller) - began_mono_ms;
    poller->bus.err = err;
    if (err
        && (began_mono_ms < poller->bus_retry_mono_ms || may_reopen(poller, began_mono_ms))) {
        poller_publish_bus(poller);
        return;
    }
    if (err) {
        poller_bus_failed(poller);
        return;
    }
    poller->bus.is_connected = true;
    poller_publish_bus(poller);
    if (!poller->is_reopening) {
        begin_anew(poller);
    }
    poller->is_reopening = false;
    poller->reopenings = 0;
}

static void connection_lost(struct gw_poller *poller, bool was_probe) {
    const struct gw_modbus_transport *transport = &poller->options.transport;
    transport->disconnect(transport->self);
    if (was_probe && poller->bus_failures == 0) {
        /* How some gateways say that a unit is not there: nobody else need suffer. */
        poller->bus.is_connected = false;
        poller->is_reopening = true;
    } else {
        poller_bus_failed(poller);
    }
}

void poller_recover(struct gw_poller *poller, enum gw_err err, bool was_probe) {
    const struct gw_modbus_transport *transport = &poller->options.transport;
    if (err == GW_ERR_NOCONN) {
        connection_lost(poller, was_probe);
        return;
    }
    int64_t began_mono_ms = poller_now(poller);
    err = transport->recover(transport->self);
    poller->busy_ms += poller_now(poller) - began_mono_ms;
    if (err == GW_ERR_NOCONN) {
        poller->bus.is_connected = false;
        poller->is_reopening = true;
    } else if (err) {
        poller_bus_failed(poller);
    }
}

/* ---- what next ---- */

/* Of the blocks that wait for their turn, or of those that are probes. */
struct candidate {
    struct poller_block *block; /* NULL = none */
    int64_t due_mono_ms;        /* when it may be read */
    int64_t wish_mono_ms;       /* when it wanted to be, whatever the budget says */
};

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static struct candidate candidate_of(struct gw_poller *poller, struct poller_block *block,
                                     bool is_probe) {
    int64_t wish_mono_ms =
        block->fresh_mono_ms < block->due_mono_ms ? block->fresh_mono_ms : block->due_mono_ms;
    wish_mono_ms = later(wish_mono_ms, block->retry_mono_ms);
    wish_mono_ms = later(wish_mono_ms, poller_unit_of(poller, block)->retry_mono_ms);
    int64_t due_mono_ms =
        is_probe ? later(wish_mono_ms, poller->probe_free_mono_ms) : wish_mono_ms;
    return (struct candidate){block, due_mono_ms, wish_mono_ms};
}

/* Of two that the budget has made wait, the one that has waited longest. */
static bool is_before(const struct candidate *a, const struct candidate *b) {
    return a->due_mono_ms < b->due_mono_ms
           || (a->due_mono_ms == b->due_mono_ms && a->wish_mono_ms < b->wish_mono_ms);
}

static void find_candidates(struct gw_poller *poller, struct candidate *ret_regular,
                            struct candidate *ret_probe) {
    *ret_regular = *ret_probe = (struct candidate){NULL, GW_NEVER_MS, GW_NEVER_MS};
    for (size_t i = 0; i < poller->block_count; i++) {
        struct poller_block *block = &poller->blocks[i];
        bool is_probe = poller_is_probe(poller, block);
        struct candidate candidate = candidate_of(poller, block, is_probe);
        struct candidate *best = is_probe ? ret_probe : ret_regular;
        if (is_before(&candidate, best)) {
            *best = candidate;
        }
    }
}

/* What to read next, and when. A probe that would make the next read late waits a
 * while for a gap that is wide enough: on a slow bus there is one soon. */
static struct poller_block *choose(struct gw_poller *poller, int64_t *ret_due_mono_ms) {
    struct candidate regular, probe;
    find_candidates(poller, &regular, &probe);
    if (!regular.block) {
        probe.due_mono_ms = probe.wish_mono_ms; /* nobody else wants the bus */
    } else if (probe.block) {
        int64_t begin_mono_ms = later(probe.due_mono_ms, poller_now(poller));
        int64_t cost_ms = poller_probe_cost(poller, poller_unit_of(poller, probe.block));
        bool fits = begin_mono_ms + cost_ms <= regular.due_mono_ms;
        probe.due_mono_ms += fits ? 0 : PATIENCE_MS;
    }
    bool is_probe = probe.block && probe.due_mono_ms < regular.due_mono_ms;
    *ret_due_mono_ms = is_probe ? probe.due_mono_ms : regular.due_mono_ms;
    return is_probe ? probe.block : regular.block;
}

/* Connect or read, at most one of it; when there is something to do again. */
static int64_t act(struct gw_poller *poller) {
    int64_t now_mono_ms = poller_now(poller);
    int64_t due_mono_ms = 0;
    if (!poller->bus.is_connected) {
        if (now_mono_ms < poller->bus_retry_mono_ms) {
            return poller->bus_retry_mono_ms;
        }
        poller_connect(poller);
        return poller->bus.is_connected ? now_mono_ms : poller->bus_retry_mono_ms;
    }
    struct poller_block *block = choose(poller, &due_mono_ms);
    if (block && due_mono_ms <= now_mono_ms) {
        poller_read_block(poller, block);
        (void) choose(poller, &due_mono_ms);
    }
    return poller->bus.is_connected ? due_mono_ms : poller->bus_retry_mono_ms;
}

int64_t gw_poller_step(struct gw_poller *poller) {
    if (gw_handover_take_resync(poller->options.handover)) {
        poller_forget(poller);
    }
    poller_release_held(poller);
    int64_t due_mono_ms = act(poller);
    poller_tell_figures(poller);
    return due_mono_ms < poller->held_mono_ms ? due_mono_ms : poller->held_mono_ms;
}
