/* SPDX-License-Identifier: Apache-2.0 */
/* Stream sockets of devices: what both TCP transports do alike. Of this room only. */
#ifndef GW_SERIAL_SOCKET_H
#define GW_SERIAL_SOCKET_H

#include <sys/socket.h>

#include "drivers/serial/transport.h"

/* "192.0.2.10:4001" or "[2001:db8::1]:4001", NUL-terminated. */
#define GW_SOCKET_NAME_BYTES 64

/* An address and a port as text (config rules let nothing else through). INVALID. */
enum gw_err gw_socket_parse(const char *address, uint16_t port, struct sockaddr_storage *ret,
                            socklen_t *ret_len);
/* Name of an address for people. */
void gw_socket_name(const struct sockaddr_storage *address,
                    char dst[static GW_SOCKET_NAME_BYTES]);
/* Same host, whatever the port; an IPv4 address seen through IPv6 is itself. */
bool gw_socket_is_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

/* A device that lost its power, or its cable, says nothing. After so long a silence it is
 * asked, again and again; when it has not answered for GW_SOCKET_GONE_MS the connection is
 * ended by the first question that is due then, 20 to 25 seconds behind its last word. What
 * was sent to it and is not acknowledged for GW_SOCKET_GONE_MS ends the connection too.
 * (tcp(7): TCP_USER_TIMEOUT overrides TCP_KEEPCNT; RFC 5482, 3.1 and 4.2.) */
#define GW_SOCKET_ASK_AFTER_S 10
#define GW_SOCKET_ASK_EVERY_S 5
#define GW_SOCKET_ASK_COUNT 3
#define GW_SOCKET_GONE_MS 20000
/* Watch a connection in this way, and send without delay. */
void gw_socket_watch_peer(int fd);

/* Read once, at most GW_TRANSPORT_TURN_BYTES, and hand on. RETRY when nothing was
 * there, NOCONN when the peer has ended or the line failed. */
enum gw_err gw_socket_receive(int fd, const struct gw_transport_owner *owner);
/* Send all or nothing counts: NOCONN. */
enum gw_err gw_socket_send(int fd, struct gw_bytes bytes);

#endif
