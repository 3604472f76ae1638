/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/pending.h"

#include <stdlib.h>

enum gw_err gw_pending_open(struct gw_pending *pending, size_t capacity) {
    struct gw_pending_reading *slots = calloc(capacity, sizeof *slots);
    if (!slots) {
        return GW_ERR_NOMEM;
    }
    *pending = (struct gw_pending){.slots = slots, .capacity = capacity};
    return GW_OK;
}

void gw_pending_close(struct gw_pending *pending) {
    free(pending->slots);
    *pending = (struct gw_pending){0};
}

static struct gw_pending_reading *slot_at(const struct gw_pending *pending, uint64_t position) {
    return &pending->slots[position % pending->capacity];
}

size_t gw_pending_count(const struct gw_pending *pending) {
    return (size_t) (pending->pushed - pending->first);
}

enum gw_err gw_pending_push(struct gw_pending *pending,
                            const struct gw_modbus_reading *reading) {
    if (gw_pending_count(pending) == pending->capacity) {
        return GW_ERR_FULL;
    }
    *slot_at(pending, pending->pushed++) = (struct gw_pending_reading){.reading = *reading};
    return GW_OK;
}

/* All that is in units is told, and the oldest of it failed: so did all of it. */
static void rewind_failed(struct gw_pending *pending) {
    if (pending->told == pending->submitted) {
        pending->told = pending->submitted = pending->first;
    }
}

struct gw_pending_reading *gw_pending_next(struct gw_pending *pending) {
    rewind_failed(pending);
    return pending->submitted == pending->pushed ? NULL : slot_at(pending, pending->submitted);
}

/* Put the one at `submitted` before all others. */
static void move_to_front(struct gw_pending *pending) {
    struct gw_pending_reading moved = *slot_at(pending, pending->submitted);
    for (uint64_t at = pending->submitted; at > pending->first; at--) {
        *slot_at(pending, at) = *slot_at(pending, at - 1);
    }
    *slot_at(pending, pending->first) = moved;
}

bool gw_pending_submitted(struct gw_pending *pending) {
    if (pending->told == pending->first) {
        pending->submitted++;
        return false;
    }
    move_to_front(pending);
    pending->told = pending->first;
    pending->submitted = pending->first + 1;
    return true;
}

void gw_pending_drop(struct gw_pending *pending) {
    move_to_front(pending);
    pending->first++;
    pending->told++;
    pending->submitted++;
}

void gw_pending_completed(struct gw_pending *pending, enum gw_err err) {
    pending->first += !err && pending->told == pending->first;
    pending->told++;
}

bool gw_pending_take(struct gw_pending *pending, struct gw_modbus_reading *ret_reading) {
    if (gw_pending_count(pending) == 0) {
        return false;
    }
    *ret_reading = slot_at(pending, pending->first++)->reading;
    pending->told = pending->submitted = pending->first;
    return true;
}
