/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings between the handover and a commit, oldest first: each stays until a
 * commit that holds it has succeeded. When a group fails, its readings are handed
 * out again in their old order; nothing that was taken from the worker is lost by
 * a store that failed for a while.
 *
 *   first ..... submitted ..... pushed
 *   in a unit   to be submitted
 *
 * Completions come in submit order; those of a failed group may come inside the
 * submit of a later reading, which is in the next group then (see
 * gw_queue_intake): gw_pending_submitted notices.
 *
 * Pure, one allocation at open. Loop thread only.
 */
#ifndef GW_MODBUS_PENDING_H
#define GW_MODBUS_PENDING_H

#include "drivers/modbus/handover.h"

struct gw_pending_reading {
    struct gw_modbus_reading reading;
    struct gw_point_value before; /* of the point, as of the first submit */
    bool has_before;
    bool is_begun; /* `before` was noted */
};

struct gw_pending {
    struct gw_pending_reading *slots;
    size_t capacity;
    /* Positions; slot = position % capacity. */
    uint64_t first, told, submitted, pushed;
};

/* Room for `capacity` readings. NOMEM. */
enum gw_err gw_pending_open(struct gw_pending *pending, size_t capacity);
/* Release; harmless on a zeroed struct. */
void gw_pending_close(struct gw_pending *pending);

/* Readings in it. */
size_t gw_pending_count(const struct gw_pending *pending);
/* Add the newest. FULL. */
enum gw_err gw_pending_push(struct gw_pending *pending,
                            const struct gw_modbus_reading *reading);
/* The oldest that is in no unit, NULL if all are; valid until the next call. */
struct gw_pending_reading *gw_pending_next(struct gw_pending *pending);
/* The intake took what _next gave. True if earlier ones failed meanwhile: they
 * will be stored behind it. */
bool gw_pending_submitted(struct gw_pending *pending);
/* Nothing can ever be made of what _next gave: it is dropped. */
void gw_pending_drop(struct gw_pending *pending);
/* The completion of the oldest unit not told yet. */
void gw_pending_completed(struct gw_pending *pending, enum gw_err err);
/* Take the oldest out, whatever became of it; false if there is none. Only while no
 * unit is under way. */
bool gw_pending_take(struct gw_pending *pending, struct gw_modbus_reading *ret_reading);

#endif
