/* SPDX-License-Identifier: Apache-2.0 */
/* `gwctl profile feed`: a capture through a profile, one observation a line. */
#ifndef GW_GWCTL_PROFILE_FEED_H
#define GW_GWCTL_PROFILE_FEED_H

#include <stdio.h>

#include "drivers/profile/feed.h"

struct gw_gwctl;

/* Read `in` to its end and print what the profile makes of it to ctl->out. The
 * command's exit status. */
int gw_gwctl_feed_stream(struct gw_gwctl *ctl, const struct gw_profile *profile, FILE *in);

#endif
