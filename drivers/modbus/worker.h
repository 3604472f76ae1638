/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of one bus: steps its poller until told to stop. */
#ifndef GW_MODBUS_WORKER_H
#define GW_MODBUS_WORKER_H

#include "drivers/modbus/poller.h"

struct gw_modbus_worker;

/* Start the thread; it alone uses `poller` and what that points to, but for the
 * handover, until _stop returns. NOMEM, IO. */
enum gw_err gw_modbus_worker_start(struct gw_poller *poller, const struct gw_clock *clock,
                                   struct gw_modbus_worker **ret_worker);
/* Tell it to stop, wait for the request under way (at most the bus's time-out,
 * a name that is being looked up not counted), free it. NULL is allowed. */
void gw_modbus_worker_stop(struct gw_modbus_worker *worker);

#endif
