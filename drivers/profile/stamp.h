/* SPDX-License-Identifier: Apache-2.0 */
/* Which file a profile was loaded from, to see later whether another one stands there. */
#ifndef GW_PROFILE_STAMP_H
#define GW_PROFILE_STAMP_H

#include <stdbool.h>
#include <sys/stat.h>

struct gw_profile_stamp {
    char path[512];
    struct stat file; /* zeroed: there was none */
};

/* Look at the file of profile `name` (or path), as gw_profile_load finds it in `folder`.
 * Before it is loaded: what changes in between counts as a change then. */
void gw_profile_stamp_take(const char *folder, const char *name,
                           struct gw_profile_stamp *ret_stamp);
/* Whether it came, went or was replaced or written since then. */
bool gw_profile_stamp_is_old(const struct gw_profile_stamp *stamp);

#endif
