/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a probe of a dead unit waits where it shares a TCP connection with living ones.
 *
 * A time-out is chosen for the worst answer that is still right, a second say; most answers
 * take milliseconds. While a probe waits nobody else is asked, so it waits for four times the
 * slowest answer of late only: of anybody on the bus, and of the unit when it was last heard.
 * That gives up too early on a unit that is slower than it or its neighbours ever were, so each
 * five minutes one probe of each unit waits for as long as any request.
 *
 * A gateway that serves one request at a time is still waiting for the dead unit when
 * we are not, and whoever is asked next pays for it. That is a slow answer: for the next
 * minute or two probes then wait for the whole time-out, or until the gateway says that it does
 * not reach the unit.
 *
 * Giving up ends the connection, as after any time-out, and a new one is made at once. On
 * RTU nothing of this is done: what is given up there has to be fenced off (late.h).
 */
#include "drivers/modbus/poller_internal.h"

#define PROBE_MIN_MS 50
#define TIMES_SLOWEST 4
#define WINDOW_MS 60000
#define WHOLE_MS 300000
/* The slowest answer of a unit is forgotten by so much of the difference with each answer. */
#define FORGET 32

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static bool has_living(const struct gw_poller *poller) {
    for (size_t i = 0; i < poller->unit_count; i++) {
        if (!poller->units[i].is_probed && poller->units[i].has_answered) {
            return true;
        }
    }
    return false;
}

uint32_t poller_probe_timeout(const struct gw_poller *poller, const struct poller_unit *unit) {
    int64_t now_mono_ms = poller_now(poller);
    int64_t max_ms = poller->options.probe_max_ms;
    int64_t slowest_ms = larger(poller->slowest_ms, poller->slowest_before_ms);
    int64_t timeout_ms = TIMES_SLOWEST * larger(slowest_ms, unit->slowest_ms);
    timeout_ms = larger(timeout_ms, PROBE_MIN_MS);
    bool is_whole = now_mono_ms >= unit->whole_mono_ms || timeout_ms >= max_ms;
    return unit->is_probed && !is_whole && has_living(poller) ? (uint32_t) timeout_ms : 0;
}

int64_t poller_probe_cost(const struct gw_poller *poller, const struct poller_unit *unit) {
    uint32_t timeout_ms = poller_probe_timeout(poller, unit);
    if (!unit->is_probed || timeout_ms > 0) {
        return timeout_ms > 0 ? timeout_ms : poller->probe_cost_ms;
    }
    return larger(poller->probe_cost_ms, poller->options.probe_max_ms);
}

void poller_note_whole_wait(struct gw_poller *poller, struct poller_unit *unit) {
    unit->whole_mono_ms = poller_now(poller) + WHOLE_MS;
}

void poller_learn_pace(struct gw_poller *poller, struct poller_unit *unit, int64_t took_ms) {
    int64_t now_mono_ms = poller_now(poller);
    if (now_mono_ms >= poller->slowest_until_mono_ms) {
        poller->slowest_before_ms = poller->slowest_ms;
        poller->slowest_ms = 0;
        poller->slowest_until_mono_ms = now_mono_ms + WINDOW_MS;
    }
    poller->slowest_ms = larger(poller->slowest_ms, took_ms);
    unit->slowest_ms =
        larger(took_ms, unit->slowest_ms - (unit->slowest_ms - took_ms) / FORGET);
}
