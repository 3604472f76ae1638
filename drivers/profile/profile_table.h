/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a profile, and what is asked of several of them together. Of this
 * room only. */
#ifndef GW_PROFILE_PROFILE_TABLE_H
#define GW_PROFILE_PROFILE_TABLE_H

#include "drivers/profile/profile.h"
#include "firmware/config/report.h"

/* The document itself; rows as in firmware/config/descriptor.h. Scope and restart
 * have no meaning here. */
extern const struct gw_config_group gw_profile_top;

/* Rules that a single row cannot state. `root` says what was written, `profile`
 * what was read; both may have findings already. Findings go to the report. */
void gw_profile_check(struct gw_config_report *report, const struct gw_json *root,
                      const struct gw_profile *profile);

#endif
