/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "firmware/base/cleanup.h"

enum gw_err gw_socket_parse(const char *address, uint16_t port, struct sockaddr_storage *ret,
                            socklen_t *ret_len) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memset(ret, 0, sizeof *ret);
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
        memcpy(ret, &v4, sizeof v4);
        *ret_len = sizeof v4;
        return GW_OK;
    }
    if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1) {
        memcpy(ret, &v6, sizeof v6);
        *ret_len = sizeof v6;
        return GW_OK;
    }
    return GW_ERR_INVALID;
}

/* The four bytes of an IPv4 address, also where it is mapped into IPv6; else NULL. */
static const void *v4_of(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET) {
        return &((const struct sockaddr_in *) (const void *) address)->sin_addr;
    }
    const struct in6_addr *v6 =
        &((const struct sockaddr_in6 *) (const void *) address)->sin6_addr;
    return IN6_IS_ADDR_V4MAPPED(v6) ? &v6->s6_addr[12] : NULL;
}

void gw_socket_name(const struct sockaddr_storage *address,
                    char dst[static GW_SOCKET_NAME_BYTES]) {
    char host[INET6_ADDRSTRLEN] = "?";
    const void *v4 = v4_of(address);
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) (const void *) address;
    /* The port stands at the same place in both. */
    unsigned port = ntohs(v6->sin6_port);
    if (v4) {
        (void) inet_ntop(AF_INET, v4, host, sizeof host);
        (void) snprintf(dst, GW_SOCKET_NAME_BYTES, "%s:%u", host, port);
    } else {
        (void) inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        (void) snprintf(dst, GW_SOCKET_NAME_BYTES, "[%s]:%u", host, port);
    }
}

bool gw_socket_is_same_host(const struct sockaddr_storage *a,
                            const struct sockaddr_storage *b) {
    const void *v4_a = v4_of(a), *v4_b = v4_of(b);
    if (v4_a || v4_b) {
        return v4_a && v4_b && memcmp(v4_a, v4_b, sizeof(struct in_addr)) == 0;
    }
    return memcmp(&((const struct sockaddr_in6 *) (const void *) a)->sin6_addr,
                  &((const struct sockaddr_in6 *) (const void *) b)->sin6_addr,
                  sizeof(struct in6_addr))
           == 0;
}

void gw_socket_watch_peer(int fd) {
    const struct {
        int level, name, value;
    } table[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, GW_SOCKET_ASK_AFTER_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, GW_SOCKET_ASK_EVERY_S},
        {IPPROTO_TCP, TCP_KEEPCNT, GW_SOCKET_ASK_COUNT},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, GW_SOCKET_GONE_MS},
        {IPPROTO_TCP, TCP_NODELAY, 1},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        (void) setsockopt(fd, table[i].level, table[i].name, &table[i].value,
                          sizeof table[i].value);
    }
}

enum gw_err gw_socket_receive(int fd, const struct gw_transport_owner *owner) {
    uint8_t bytes[GW_TRANSPORT_TURN_BYTES];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? GW_ERR_RETRY : GW_ERR_NOCONN;
    }
    if (n == 0) {
        errno = 0;
        return GW_ERR_NOCONN;
    }
    owner->received(owner->context, (struct gw_bytes){bytes, (size_t) n});
    return GW_OK;
}

enum gw_err gw_socket_send(int fd, struct gw_bytes bytes) {
    ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n == (ssize_t) bytes.len ? GW_OK : GW_ERR_NOCONN;
}
