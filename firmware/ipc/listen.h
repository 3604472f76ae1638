/* SPDX-License-Identifier: Apache-2.0 */
/* Bound AF_UNIX sockets: our own or systemd's. Inside the room only. */
#ifndef GW_IPC_LISTEN_H
#define GW_IPC_LISTEN_H

#include <sys/types.h>
#include <sys/un.h>

#include "firmware/base/buf.h"

/* The file a bound socket has in the file system; `path` empty = not ours. */
struct gw_ipc_socket_file {
    char path[sizeof(((struct sockaddr_un *) 0)->sun_path)];
    dev_t device;
    ino_t inode;
};

/* Address of `path`. RANGE if it does not fit. */
enum gw_err gw_ipc_address(const char *path, struct sockaddr_un *ret_address);

/* Room for two of the longest frames in the send buffer, whatever the machine's
 * default is; without it a long frame would be refused for ever (EMSGSIZE). */
void gw_ipc_widen(int fd);

/* Descriptor that systemd handed in under `name` (sd_listen_fds_with_names(3),
 * read from the environment by hand), made non-blocking and close-on-exec. It
 * must be an AF_UNIX socket of `type`. NOENT if there is none of that name,
 * INVALID if it is of another type. */
enum gw_err gw_ipc_inherited(const char *name, int type, int *ret_fd);

/* Bind a non-blocking socket of `type` at `path` with `mode`, which stands from
 * the first moment the path exists. A stale file is replaced. BUSY if somebody
 * answers there, INVALID if the path is no socket. A SOCK_SEQPACKET listens. */
enum gw_err gw_ipc_bind(const char *path, int type, unsigned mode,
                        struct gw_ipc_socket_file *ret_file, int *ret_fd);
/* Remove the file if it still is the one that bind made. */
void gw_ipc_unbind(const struct gw_ipc_socket_file *file);

#endif
