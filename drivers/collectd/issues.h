/* SPDX-License-Identifier: Apache-2.0 */
/* One log line when an issue opens, one when it ends: what a technician reads in
 * the journal is what stands on the page. */
#ifndef GW_COLLECTD_ISSUES_H
#define GW_COLLECTD_ISSUES_H

#include "firmware/health/health.h"

#define GW_ISSUES_LOGGED_MAX 64

struct gw_logged_issue {
    enum gw_issue_code code;
    char subject[128];
    bool is_open; /* seen in the present pass */
};

/* Zeroed = nothing logged yet. */
struct gw_issue_log {
    uint64_t revision;
    size_t count;
    struct gw_logged_issue issues[GW_ISSUES_LOGGED_MAX];
};

/* Log what opened and ended since the last call; cheap if nothing did. */
void gw_issue_log_update(struct gw_issue_log *log, const struct gw_health *health);

#endif
