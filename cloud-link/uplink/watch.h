/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress watch. Health is the acknowledged cursor moving, not an open socket.
 * Pure. While there is a backlog and the cursor stands for `limit_ms`:
 *   a new connection -> the same time later a new process, once per outage and
 *   only if nothing was answered at all in that time -> the issue.
 */
#ifndef GW_CLOUD_LINK_WATCH_H
#define GW_CLOUD_LINK_WATCH_H

#include "firmware/base/loop.h"

enum gw_watch_order {
    GW_WATCH_GO_ON,
    GW_WATCH_RECONNECT,
    GW_WATCH_RESTART, /* the process */
    GW_WATCH_COMPLAIN,
};

struct gw_watch {
    int64_t limit_ms;
    int64_t since_mono_ms; /* of the last progress or order */
    int64_t answered_mono_ms;
    bool was_restarted; /* this outage has cost a process already */
    unsigned step;
};

/* limit_ms 0 = never act. was_restarted: this process was started by the watch of
 * the one before. */
void gw_watch_init(struct gw_watch *watch, int64_t now_mono_ms, int64_t limit_ms,
                   bool was_restarted);
/* The cursor moved, or there is nothing to send. */
void gw_watch_progress(struct gw_watch *watch, int64_t now_mono_ms);
/* The centre answered something. */
void gw_watch_answered(struct gw_watch *watch, int64_t now_mono_ms);
/* False once it has given an order since the last progress. */
bool gw_watch_is_moving(const struct gw_watch *watch);
/* What to do now; each order is given once. */
enum gw_watch_order gw_watch_check(struct gw_watch *watch, int64_t now_mono_ms);
/* When gw_watch_check may have something to say; GW_NEVER_MS = not by itself. */
int64_t gw_watch_next_mono_ms(const struct gw_watch *watch);

#endif
