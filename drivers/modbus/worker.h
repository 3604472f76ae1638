/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of one bus: steps its poller until told to stop, and between two steps
 * executes one job, if any (job.h). */
#ifndef GW_MODBUS_WORKER_H
#define GW_MODBUS_WORKER_H

#include "drivers/modbus/job.h"
#include "drivers/modbus/poller.h"

struct gw_modbus_worker;

/* Start the thread; it alone uses `poller` and what that points to, but for the
 * handover, until _stop returns. `jobs` may be NULL. NOMEM, IO. */
enum gw_err gw_modbus_worker_start(struct gw_poller *poller, struct gw_modbus_jobs *jobs,
                                   const struct gw_clock *clock,
                                   struct gw_modbus_worker **ret_worker);
/* Tell it to stop; does not wait. NULL is allowed. */
void gw_modbus_worker_signal(struct gw_modbus_worker *worker);
/* Readable, and so it stays, once it uses nothing any more: _stop does not wait then. */
int gw_modbus_worker_ended_fd(const struct gw_modbus_worker *worker);
/* Wait until it has ended by itself, `wait_ms` at most. True if it has. NULL is allowed. */
bool gw_modbus_worker_wait(struct gw_modbus_worker *worker, int64_t wait_ms);
/* Tell it to stop, wait for what is under way, free it. NULL is allowed. After
 * gw_modbus_wire_interrupt that ends at once, but for a host name that is being looked
 * up. */
void gw_modbus_worker_stop(struct gw_modbus_worker *worker);

#endif
