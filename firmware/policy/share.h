/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which flow class may use the link next. Pure.
 *
 * Business goes first, but every class with a backlog gets at least its floor
 * of the bytes served recently: neither a backlog nor live data starves. A class
 * that was idle owes nothing and is owed at most what the recent past holds,
 * since the caller lets the served bytes fade (gw_share_fade).
 */
#ifndef GW_POLICY_SHARE_H
#define GW_POLICY_SHARE_H

#include "firmware/policy/flow_class.h"

/* Served bytes count half after this long. */
#define GW_SHARE_HALF_LIFE_MS 10000

struct gw_share {
    uint64_t backlog;       /* events waiting to be sent */
    unsigned in_flight;     /* requests of the class in flight */
    unsigned in_flight_max; /* 0: the class may not send now (paused) */
    uint64_t recent_bytes;  /* sent recently, requests in flight included */
    uint32_t floor_percent; /* guaranteed share */
};

/* The class that may send next. NOENT if none has a backlog it may send. */
enum gw_err gw_share_choose(const struct gw_share shares[static GW_CLASS_COUNT],
                            enum gw_flow_class *ret_class);
/* recent_bytes after `elapsed_ms` more: halves every GW_SHARE_HALF_LIFE_MS,
 * linear in between. Call it at most a few times a second. */
uint64_t gw_share_fade(uint64_t recent_bytes, uint64_t elapsed_ms);

#endif
