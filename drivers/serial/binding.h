/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a line or a keyboard is: the path that the configuration names, or the node that
 * the device has now which fits what the configuration says of it (usb.h). Of this room
 * only.
 */
#ifndef GW_SERIAL_BINDING_H
#define GW_SERIAL_BINDING_H

#include "drivers/serial/transport.h"

#define GW_BINDING_ROOT_BYTES 512
/* "/dev" and "/input/" and a node (GW_USB_NODE_BYTES). */
#define GW_BINDING_PATH_BYTES (GW_BINDING_ROOT_BYTES + 72)

struct gw_binding {
    bool is_keyboard;
    char sys_root[GW_BINDING_ROOT_BYTES], dev_root[GW_BINDING_ROOT_BYTES];
    char fixed_path[256];
    char usb_path[64], usb_serial[128], usb_product[16], usb_name[128];
};

/* Copy what is needed of the options. INVALID when a text is too long. */
enum gw_err gw_binding_init(struct gw_binding *binding,
                            const struct gw_transport_options *options);

/* Look for it now. NULL: `path` is what is to be opened. Else why there is nothing to be
 * opened, in words that live forever, and as trouble; `path` says what was looked for. */
const char *gw_binding_find(const struct gw_binding *binding,
                            char path[static GW_BINDING_PATH_BYTES],
                            enum gw_transport_trouble *ret_trouble);

#endif
