/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/policy/share.h"

/* Virtual bytes per byte at a weight of 100 %; keeps divisions exact enough. */
#define PRECISION 1000

/* Equal starts go in this order. */
static const enum gw_flow_class by_rank[GW_CLASS_COUNT] = {GW_CLASS_BUSINESS, GW_CLASS_AUDIT,
                                                           GW_CLASS_STATE, GW_CLASS_TELEMETRY};

static bool may_send(const struct gw_share *share) {
    return share->backlog > 0 && share->in_flight < share->in_flight_max;
}

static uint64_t weight_of(const struct gw_share shares[static GW_CLASS_COUNT],
                          enum gw_flow_class class) {
    uint32_t own = shares[class].floor_percent > 0 ? shares[class].floor_percent : 1;
    if (class != GW_CLASS_BUSINESS) {
        return own;
    }
    uint32_t others = 0;
    for (unsigned i = 0; i < GW_CLASS_COUNT; i++) {
        others += i == GW_CLASS_BUSINESS ? 0 : shares[i].floor_percent;
    }
    return others < 100 && 100 - others > own ? 100 - others : own;
}

/* A class that was idle starts now, not where it left off. */
static uint64_t start_of(const struct gw_share_ledger *ledger, enum gw_flow_class class) {
    return ledger->finish[class] > ledger->now ? ledger->finish[class] : ledger->now;
}

enum gw_err gw_share_choose(const struct gw_share_ledger *ledger,
                            const struct gw_share shares[static GW_CLASS_COUNT],
                            enum gw_flow_class *ret_class) {
    bool found = false;
    enum gw_flow_class best = GW_CLASS_BUSINESS;
    for (unsigned i = 0; i < GW_CLASS_COUNT; i++) {
        enum gw_flow_class class = by_rank[i];
        if (may_send(&shares[class])
            && (!found || start_of(ledger, class) < start_of(ledger, best))) {
            found = true;
            best = class;
        }
    }
    if (!found) {
        return GW_ERR_NOENT;
    }
    *ret_class = best;
    return GW_OK;
}

void gw_share_charge(struct gw_share_ledger *ledger,
                     const struct gw_share shares[static GW_CLASS_COUNT],
                     enum gw_flow_class class, uint64_t bytes) {
    uint64_t start = start_of(ledger, class);
    ledger->now = start;
    ledger->finish[class] = start + bytes * PRECISION / weight_of(shares, class);
}
