/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which device node a USB device has now, by what does not change when it is plugged
 * in again: the socket it is in, its serial number, its product. Read from sysfs
 * (Documentation/ABI/testing/sysfs-bus-usb of the kernel); no daemon is asked.
 * Of this room only.
 */
#ifndef GW_SERIAL_USB_H
#define GW_SERIAL_USB_H

#include "firmware/base/str.h"

#define GW_USB_NODE_BYTES 64

/* Empty text = any. All that are given must fit. */
struct gw_usb_match {
    const char *path;    /* socket: "1-1.4", or with its interface "1-1.4:1.0" */
    const char *serial;  /* serial number of the device (of the adapter); a Bluetooth
                            keyboard's address */
    const char *product; /* "05e0:1200" */
    const char *name;    /* of the input device, as /proc/bus/input/devices has it */
};

/* Node of the one device of `class` ("tty", "input") that fits: "ttyUSB0",
 * "event3". Of class input only keyboards count. NOENT; DUPLICATE when several
 * fit: then none is chosen; IO. */
enum gw_err gw_usb_find(const char *sys_root, const char *class,
                        const struct gw_usb_match *match,
                        char ret_node[static GW_USB_NODE_BYTES]);

#endif
