/* SPDX-License-Identifier: Apache-2.0 */
/* A link store that cannot be used any more is kept for a person to look at; a
 * fresh one begins where collectd was told. The dead letters in it are missed. */
#include <errno.h>
#include <stdio.h>

#include "cloud-link/linkd/state.h"
#include "firmware/base/log.h"

enum gw_err gw_linkd_set_store_aside(struct gw_linkd *linkd, const char *path) {
    char aside[GW_LINKD_PATH_BYTES + 32], time[GW_TIME_TEXT_LEN];
    struct gw_buf text;
    gw_buf_init(&text, time, sizeof(time));
    gw_time_put(&text, gw_clock_wall_ms(linkd->clock));
    (void) snprintf(aside, sizeof(aside), "%s.aside-%.*s", path, GW_STR_ARG(gw_buf_str(&text)));
    if (rename(path, aside) != 0) {
        return gw_err_from_errno(errno);
    }
    gw_log_error("linkd", "link store is corrupt, a fresh one begins aside=%s", aside);
    gw_health_raise(linkd->health, GW_ISSUE_STORE_SET_ASIDE, GW_STR("link"),
                    "the link store was corrupt and is at %s", aside);
    return gw_link_store_open(path, &linkd->store);
}
