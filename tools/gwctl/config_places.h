/* SPDX-License-Identifier: Apache-2.0 */
/* Modbus places of a configuration: their wire addresses, and what looks like a slip. */
#ifndef GW_TOOLS_GWCTL_CONFIG_PLACES_H
#define GW_TOOLS_GWCTL_CONFIG_PLACES_H

#include "tools/gwctl/gwctl.h"

/* A note on ctl->err for each address that is a number, and so is one on the wire, but looks
 * like one out of a manual. `path` is where `config` was read from. */
void gw_gwctl_note_addresses(struct gw_gwctl *ctl, const char *path,
                             const struct gw_config *config);
/* Every point and every entry of `writes` on ctl->out, with both numbers of its address. */
void gw_gwctl_show_places(struct gw_gwctl *ctl, const struct gw_config *config);
/* The same as members of a list of JSON objects. */
void gw_gwctl_put_places(struct gw_gwctl *ctl, const struct gw_config *config);

#endif
