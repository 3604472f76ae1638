/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What could not be held back and was refused, until its loss record is stored: a
 * bounded table of (device, class, reason) -> how many since when. When the table
 * is full, what comes counts for "gateway": nothing goes uncounted. Pure.
 *
 * A record is told in three steps, so that a commit that fails costs nothing:
 * _begin notes what is about to be submitted, _end what became of it. What is
 * counted in between waits for the next record.
 */
#ifndef GW_COLLECTD_REFUSALS_H
#define GW_COLLECTD_REFUSALS_H

#include "drivers/collectd/allowance.h"
#include "firmware/event/event.h"

#define GW_REFUSALS_MAX 44
/* Words of the reason member; each also has rows of its own for "gateway". */
enum gw_refusal_reason {
    GW_REFUSED_FULL,    /* the store had no room */
    GW_REFUSED_FAILED,  /* its commit failed */
    GW_REFUSED_INVALID, /* no event can be made of it */
    GW_REFUSED_STOPPED, /* not stored when its source ended */
    GW_REFUSED_RATE,    /* more than its device may send */
    GW_REFUSED_REASONS
};

/* The word ("full", "store_failed", "invalid", "stopped", "rate_limited"). */
const char *gw_refusal_reason_name(enum gw_refusal_reason reason);

struct gw_refusal {
    char device[GW_EVENT_NAME_MAX_BYTES + 1];
    enum gw_flow_class class;
    enum gw_refusal_reason reason;
    uint64_t count;
    int64_t since_wall_ms;
    uint64_t telling;      /* of `count`: in the record under way */
    int64_t after_wall_ms; /* first one that is not; meaningful if there are any */
};

/* Zeroed = empty. */
struct gw_refusals {
    struct gw_refusal rows[GW_REFUSALS_MAX];
    size_t count;
    uint64_t total;
    bool is_telling; /* a record is under way */
    /* What gw-linkd may still submit: collectd_submit.c. */
    struct gw_allowance submit_entries, submit_bytes;
};

/* So many of a device (empty = unknown). */
struct gw_refused {
    struct gw_str device;
    enum gw_flow_class class;
    enum gw_refusal_reason reason;
    uint64_t count;
};
/* Count them. */
void gw_refusals_add(struct gw_refusals *refusals, const struct gw_refused *refused,
                     int64_t now_wall_ms);
/* Data of the capture.refused event of a row, canonical JSON. FULL. */
enum gw_err gw_refusal_put_data(const struct gw_refusal *refusal, struct gw_buf *buf);
/* The records of all rows, as they stand, were submitted. */
void gw_refusals_begin(struct gw_refusals *refusals);
/* They are stored (the rows that stand for nothing else go), or they are not. */
void gw_refusals_end(struct gw_refusals *refusals, bool is_stored);

#endif
