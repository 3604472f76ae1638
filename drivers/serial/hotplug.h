/* SPDX-License-Identifier: Apache-2.0 */
/* Something was plugged in or out: an inotify(7) watch on the folders of device
 * nodes. Only a hint that makes reopening prompt; whoever misses it looks by timer.
 * Of this room only. */
#ifndef GW_SERIAL_HOTPLUG_H
#define GW_SERIAL_HOTPLUG_H

#include "firmware/base/loop.h"

struct gw_hotplug;

/* Call `changed` from the loop when a node came or went, or its rights changed, in
 * `dev_root`, its input or its serial/by-id. Without inotify nothing is ever called.
 * NOMEM. */
enum gw_err gw_hotplug_open(struct gw_loop *loop, const char *dev_root,
                            void (*changed)(void *context), void *context,
                            struct gw_hotplug **ret_hotplug);
/* NULL is allowed. */
void gw_hotplug_close(struct gw_hotplug *hotplug);

#endif
