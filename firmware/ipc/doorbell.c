/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/socket.h>

#include "firmware/base/cleanup.h"
#include "firmware/ipc/ipc.h"
#include "firmware/ipc/listen.h"

/* More than a socket's buffer ever holds: a bound for the loop below. */
#define DRAIN_MAX 4096

enum gw_err gw_doorbell_open(const char *path, int *ret_fd) {
    enum gw_err err = gw_ipc_inherited("doorbell", SOCK_DGRAM, ret_fd);
    if (err != GW_ERR_NOENT) {
        return err;
    }
    struct gw_ipc_socket_file file;
    return gw_ipc_bind(path, SOCK_DGRAM, 0660, &file, ret_fd);
}

void gw_doorbell_drain(int fd) {
    char byte;
    for (unsigned i = 0; i < DRAIN_MAX; i++) {
        if (recv(fd, &byte, sizeof byte, MSG_DONTWAIT) < 0 && errno != EINTR) {
            return;
        }
    }
}

enum gw_err gw_doorbell_ringer(int *ret_fd) {
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return gw_err_from_errno(errno);
    }
    *ret_fd = fd;
    return GW_OK;
}

void gw_doorbell_ring(int fd, const char *path) {
    struct sockaddr_un address;
    if (gw_ipc_address(path, &address)) {
        return;
    }
    (void) sendto(fd, "!", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *) &address,
                  sizeof address);
}
