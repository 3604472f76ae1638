/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which flow class may use the link next.
 *
 * Start-time fair queueing (Goyal, Vin, Cheng 1996) by bytes: each class has a
 * weight, its floor; business also has all that the other floors leave. While
 * all have a backlog each gets its weight of the bytes; what an idle class does
 * not use goes to the others without being held against them, and a class that
 * comes back is served at once but is owed nothing for the time it was idle. No
 * clock is involved, so fast and slow links behave alike.
 *
 * Pure: the ledger is the caller's, zeroed at the start.
 */
#ifndef GW_POLICY_SHARE_H
#define GW_POLICY_SHARE_H

#include "firmware/policy/flow_class.h"

struct gw_share {
    uint64_t backlog;       /* events waiting to be sent */
    unsigned in_flight;     /* requests of the class in flight */
    unsigned in_flight_max; /* 0: the class may not send now (paused) */
    uint32_t floor_percent; /* guaranteed share of the link, > 0 */
};

/* What each class has been served, weighed. Zeroed = nothing yet. */
struct gw_share_ledger {
    uint64_t now;                    /* virtual time: start of the last request */
    uint64_t finish[GW_CLASS_COUNT]; /* virtual end of each class's last request */
};

/* The class that may send next. NOENT if none has a backlog it may send. */
enum gw_err gw_share_choose(const struct gw_share_ledger *ledger,
                            const struct gw_share shares[static GW_CLASS_COUNT],
                            enum gw_flow_class *ret_class);
/* Enter a request of `bytes` that `class` sends now. */
void gw_share_charge(struct gw_share_ledger *ledger,
                     const struct gw_share shares[static GW_CLASS_COUNT],
                     enum gw_flow_class class, uint64_t bytes);

#endif
