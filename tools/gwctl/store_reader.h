/* SPDX-License-Identifier: Apache-2.0 */
/* A reader of the queue store, with errors in words. */
#ifndef GW_GWCTL_STORE_READER_H
#define GW_GWCTL_STORE_READER_H

#include "firmware/queue/queue.h"

struct gw_gwctl;

/* Reader of the configured store, which the caller closes; NULL after a sentence
 * on standard error. */
struct gw_queue_reader *gw_gwctl_open_reader(struct gw_gwctl *ctl);

#endif
