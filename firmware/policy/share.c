/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/policy/share.h"

/* What is left above the floors goes in this order. */
static const enum gw_flow_class by_rank[GW_CLASS_COUNT] = {GW_CLASS_BUSINESS, GW_CLASS_AUDIT,
                                                           GW_CLASS_STATE, GW_CLASS_TELEMETRY};

static bool may_send(const struct gw_share *share) {
    return share->backlog > 0 && share->in_flight < share->in_flight_max;
}

static bool is_below_floor(const struct gw_share *share, uint64_t total_bytes) {
    /* bytes are faded to seconds of one link: far below 2^57 */
    return share->recent_bytes * 100 < share->floor_percent * total_bytes;
}

enum gw_err gw_share_choose(const struct gw_share shares[static GW_CLASS_COUNT],
                            enum gw_flow_class *ret_class) {
    uint64_t total_bytes = 0;
    for (unsigned i = 0; i < GW_CLASS_COUNT; i++) {
        total_bytes += shares[i].recent_bytes;
    }
    bool found = false;
    enum gw_flow_class best = GW_CLASS_BUSINESS;
    for (unsigned i = 0; i < GW_CLASS_COUNT; i++) {
        enum gw_flow_class class = by_rank[i];
        if (!may_send(&shares[class])) {
            continue;
        }
        if (is_below_floor(&shares[class], total_bytes)) {
            *ret_class = class;
            return GW_OK;
        }
        if (!found) {
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

uint64_t gw_share_fade(uint64_t recent_bytes, uint64_t elapsed_ms) {
    uint64_t halvings = elapsed_ms / GW_SHARE_HALF_LIFE_MS;
    if (halvings >= 64) {
        return 0;
    }
    uint64_t bytes = recent_bytes >> halvings;
    uint64_t rest_ms = elapsed_ms % GW_SHARE_HALF_LIFE_MS;
    return bytes - bytes / (2 * (uint64_t) GW_SHARE_HALF_LIFE_MS) * rest_ms
           - bytes % (2 * (uint64_t) GW_SHARE_HALF_LIFE_MS) * rest_ms
                 / (2 * (uint64_t) GW_SHARE_HALF_LIFE_MS);
}
