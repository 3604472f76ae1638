/* SPDX-License-Identifier: Apache-2.0 */
/* What queue_salvage.c (what is there), salvage_holes.c (what is not) and
 * salvage_quarantine.c share. */
#ifndef GW_QUEUE_SALVAGE_H
#define GW_QUEUE_SALVAGE_H

#include "firmware/queue/queue_internal.h"

/* Of one epoch of the old store, by its index there. */
struct salvage_epoch {
    bool has_epoch, has_books;
    struct epoch_books books;
};

struct salvage {
    struct gw_queue_writer *writer;
    const struct gw_queue_progress *progress;
    size_t progress_count;
    struct gw_queue_salvage_result result;
    struct salvage_epoch old[GW_QUEUE_MAX_EPOCHS]; /* 0 = its own, then its salvaged */
    uint64_t batch;
    uint64_t quarantine_done; /* of an earlier call: numbers up to here are taken over */
    bool has_quarantine_done;
    bool found_any;
    enum gw_err err; /* why the walk was stopped */
};

/* The slot that is being filled with `epoch`, made if there is none. DUPLICATE if
 * that epoch is complete here, or is our own; FULL if there are too many. */
enum gw_err salvage_epoch_for(struct salvage *salvage, struct gw_epoch epoch,
                              struct epoch_books **ret_books);
/* What the reader says of an old epoch; NULL if it says nothing. */
const struct gw_queue_progress *salvage_progress_of(const struct salvage *salvage,
                                                    struct gw_epoch epoch);
/* What of an old epoch is known to be acknowledged. */
uint64_t salvage_acked(const struct salvage *salvage, struct gw_epoch epoch,
                       enum gw_flow_class class);
/* Our own facts as a context of an old epoch, under `number`, unless there is one. */
enum gw_err salvage_put_context(struct salvage *salvage, struct epoch_books *epoch,
                                uint32_t number);
/* One more record of `bytes` was put: commit when the batch is large enough. */
enum gw_err salvage_next_batch(struct salvage *salvage, uint64_t bytes);
/* Slots for epochs of which nothing but the books was readable. */
enum gw_err salvage_add_lost(struct salvage *salvage);
/* One entry of the old quarantine. */
enum gw_err salvage_take_quarantined(struct salvage *salvage, uint64_t number,
                                     struct gw_bytes value);
/* Tombstones into all holes, then every filled epoch is closed. */
enum gw_err salvage_close(struct salvage *salvage);

#endif
