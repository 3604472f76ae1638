/* SPDX-License-Identifier: Apache-2.0 */
/* One job on the wire. Blocks; no state of its own. */
#ifndef GW_MODBUS_EXECUTE_H
#define GW_MODBUS_EXECUTE_H

#include "drivers/modbus/job.h"
#include "firmware/base/clock.h"

/* Execute `job` on a transport that is connected: a read, or one write and, if the job wants
 * it, reading back, for which it connects once more where the write lost the connection.
 * A write whose deadline has passed is not sent; that is looked at last when the line is
 * ready for it.
 * True if the transport is still connected afterwards. */
bool gw_modbus_execute(const struct gw_modbus_transport *transport,
                       const struct gw_clock *clock, const struct gw_modbus_job *job,
                       struct gw_modbus_answer *ret_answer);

#endif
