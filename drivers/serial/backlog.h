/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device said, between its decoding and a commit: each entry stays until a
 * commit that holds it has succeeded. When a group fails, its entries are handed out
 * again in their old order.
 *
 *   first ..... submitted ..... pushed
 *   in a unit   to be submitted
 *
 * Completions come in submit order; those of a failed group may come inside the
 * submit of a later entry, which is in the next group then (gw_queue_intake):
 * gw_backlog_submitted notices and puts that entry first.
 *
 * Pure, two allocations at open. Of this room only.
 */
#ifndef GW_SERIAL_BACKLOG_H
#define GW_SERIAL_BACKLOG_H

#include "firmware/event/event.h"

/* An event, or bytes for the quarantine. Views live as long as the entry. */
struct gw_backlog_entry {
    bool is_event;
    enum gw_event_type type;
    enum gw_flow_class class;
    unsigned flags;
    int64_t time_wall_ms;
    struct gw_str text;  /* data of the event, or the reason */
    struct gw_bytes raw; /* for the quarantine; of an event subject, partition key, code */
    size_t raw_len;      /* of what was received, cut or not; of an event of its subject */
    size_t code_len;     /* of an event: of its code, the last in raw */
    uint64_t number;     /* inside: in the order of pushing */
};

struct gw_backlog {
    struct gw_backlog_entry *slots;
    size_t capacity;
    uint8_t *bytes;
    size_t byte_count, head; /* where the next bytes go */
    size_t used;             /* bytes of all entries */
    /* Positions; slot = position % capacity. */
    uint64_t first, told, submitted, pushed;
};

/* Room for so many entries and bytes. NOMEM. */
enum gw_err gw_backlog_open(struct gw_backlog *backlog, size_t capacity, size_t byte_count);
/* Release; harmless on a zeroed struct. */
void gw_backlog_close(struct gw_backlog *backlog);

/* Entries in it. */
size_t gw_backlog_count(const struct gw_backlog *backlog);
/* Some are in units whose completion has not come. */
bool gw_backlog_has_units(const struct gw_backlog *backlog);
/* Copy an entry in. FULL. */
enum gw_err gw_backlog_push(struct gw_backlog *backlog, const struct gw_backlog_entry *entry);
/* The oldest that is in no unit, NULL if all are; valid until the next call. */
const struct gw_backlog_entry *gw_backlog_next(struct gw_backlog *backlog);
/* The intake took what _next gave. */
void gw_backlog_submitted(struct gw_backlog *backlog);
/* Nothing can ever be made of what _next gave: it is dropped. */
void gw_backlog_drop(struct gw_backlog *backlog);
/* The completion of the oldest unit not told yet. */
void gw_backlog_completed(struct gw_backlog *backlog, enum gw_err err);

#endif
