/* SPDX-License-Identifier: Apache-2.0 */
/* A TCP connection, made without blocking longer than said. */
#ifndef GW_MODBUS_DIAL_H
#define GW_MODBUS_DIAL_H

#include "firmware/base/str.h"

/* Connect to host:port, each address of the host for at most `timeout_ms`; ends at
 * once when `wake_fd` becomes readable, but for a name that is being looked up. The
 * descriptor does not block. TIMEOUT; NOCONN; NOENT: no such host. */
enum gw_err gw_modbus_dial(const char *host, uint16_t port, uint32_t timeout_ms, int wake_fd,
                           int *ret_fd);

#endif
