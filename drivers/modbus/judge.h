/* SPDX-License-Identifier: Apache-2.0 */
/* Why what came is not the answer. Pure. */
#ifndef GW_MODBUS_JUDGE_H
#define GW_MODBUS_JUDGE_H

#include "drivers/modbus/frame.h"
#include "drivers/modbus/wrong.h"

/* `came`: all that was received instead of the answer to `request`, or with it. On RTU a
 * unit, a function or a length is named only where a checksum vouches for it. NOTHING where
 * nothing came, or the right answer. */
struct gw_modbus_wrong gw_modbus_judge(enum gw_frame_kind kind,
                                       const struct gw_frame_request *request,
                                       struct gw_bytes came);

#endif
