/* SPDX-License-Identifier: Apache-2.0 */
/* What the modbus*.c of gwctl share. */
#ifndef GW_GWCTL_MODBUS_H
#define GW_GWCTL_MODBUS_H

#include "tools/gwctl/gwctl.h"

/* Ask for the registers of BUS UNIT AREA ADDRESS [COUNT], `otherwise` many without COUNT;
 * the caller closes the answer. NULL after a sentence. */
struct gw_json_doc *gw_gwctl_modbus_ask_read(struct gw_gwctl *ctl, uint64_t otherwise);
/* One line on what was read. */
void gw_gwctl_modbus_show_place(struct gw_gwctl *ctl, const struct gw_json *answer);

#endif
