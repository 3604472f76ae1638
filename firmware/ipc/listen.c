/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket appears at its path complete: it is bound beside it, given its mode,
 * made to listen, and only then renamed. So nobody ever meets it with the mode
 * of the umask, nor one that refuses connections because listen(2) has not been
 * called yet. A crash before the rename leaves "<path>.new", which the next
 * start removes.
 */
#include "firmware/ipc/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "firmware/base/cleanup.h"
#include "firmware/ipc/ipc.h"

#define FIRST_INHERITED_FD 3 /* SD_LISTEN_FDS_START */
#define INHERITED_MAX 64
#define BACKLOG 16

enum gw_err gw_ipc_address(const char *path, struct sockaddr_un *ret_address) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    enum gw_err err =
        gw_str_copy(gw_str_from_cstr(path), address.sun_path, sizeof address.sun_path);
    if (err || path[0] == '\0') {
        return GW_ERR_RANGE;
    }
    *ret_address = address;
    return GW_OK;
}

void gw_ipc_widen(int fd) {
    int bytes = GW_IPC_FRAME_MAX + 4096; /* which the kernel doubles, socket(7) */
    (void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

/* Number of descriptors meant for this very process, 0 if there are none. */
static uint64_t inherited_count(void) {
    uint64_t pid = 0;
    uint64_t count = 0;
    if (gw_str_to_u64(gw_str_from_cstr(getenv("LISTEN_PID")), INT32_MAX, &pid)
        || pid != (uint64_t) getpid()) {
        return 0;
    }
    if (gw_str_to_u64(gw_str_from_cstr(getenv("LISTEN_FDS")), INHERITED_MAX, &count)) {
        return 0;
    }
    return count;
}

static bool is_unix_socket(int fd, int type) {
    struct sockaddr_un address;
    socklen_t address_len = sizeof address;
    int found = 0;
    socklen_t found_len = sizeof found;
    return getsockname(fd, (struct sockaddr *) &address, &address_len) == 0
           && address.sun_family == AF_UNIX
           && getsockopt(fd, SOL_SOCKET, SO_TYPE, &found, &found_len) == 0 && found == type;
}

static enum gw_err adopt(int fd, int type, int *ret_fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || !is_unix_socket(fd, type)) {
        return GW_ERR_INVALID;
    }
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        return gw_err_from_errno(errno);
    }
    *ret_fd = fd;
    return GW_OK;
}

enum gw_err gw_ipc_inherited(const char *name, int type, int *ret_fd) {
    uint64_t count = inherited_count();
    struct gw_str rest = gw_str_from_cstr(getenv("LISTEN_FDNAMES"));
    struct gw_str part;
    for (uint64_t i = 0; i < count && gw_str_split(&rest, ':', &part); i++) {
        if (gw_str_eq(part, gw_str_from_cstr(name))) {
            return adopt(FIRST_INHERITED_FD + (int) i, type, ret_fd);
        }
    }
    return GW_ERR_NOENT;
}

/* GW_OK when the path is free or stale; a stale file stays until the rename. */
static enum gw_err check_path(const struct sockaddr_un *address, int type) {
    struct stat found;
    if (lstat(address->sun_path, &found) != 0) {
        return errno == ENOENT ? GW_OK : gw_err_from_errno(errno);
    }
    if (!S_ISSOCK(found.st_mode)) {
        return GW_ERR_INVALID;
    }
    GW_CLEANUP(gw_closep) int probe = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe < 0) {
        return gw_err_from_errno(errno);
    }
    if (connect(probe, (const struct sockaddr *) address, sizeof *address) != 0
        && errno == ECONNREFUSED) {
        return GW_OK;
    }
    return GW_ERR_BUSY;
}

static enum gw_err remember_file(const struct sockaddr_un *aside, const char *path,
                                 struct gw_ipc_socket_file *ret_file) {
    struct stat made;
    if (lstat(aside->sun_path, &made) != 0) {
        return gw_err_from_errno(errno);
    }
    ret_file->device = made.st_dev;
    ret_file->inode = made.st_ino;
    return gw_str_copy(gw_str_from_cstr(path), ret_file->path, sizeof ret_file->path);
}

static enum gw_err bind_aside(const struct sockaddr_un *aside, int type, unsigned mode,
                              int *ret_fd) {
    GW_CLEANUP(gw_closep) int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return gw_err_from_errno(errno);
    }
    (void) unlink(aside->sun_path);
    if (bind(fd, (const struct sockaddr *) aside, sizeof *aside) != 0) {
        return gw_err_from_errno(errno);
    }
    if (chmod(aside->sun_path, (mode_t) mode) != 0
        || (type == SOCK_SEQPACKET && listen(fd, BACKLOG) != 0)) {
        int error_number = errno;
        (void) unlink(aside->sun_path);
        return gw_err_from_errno(error_number);
    }
    *ret_fd = fd;
    fd = -1;
    return GW_OK;
}

enum gw_err gw_ipc_bind(const char *path, int type, unsigned mode,
                        struct gw_ipc_socket_file *ret_file, int *ret_fd) {
    char aside_path[sizeof ret_file->path];
    struct gw_buf aside_text;
    gw_buf_init(&aside_text, aside_path, sizeof aside_path);
    (void) gw_buf_put_str(&aside_text, gw_str_from_cstr(path));
    (void) gw_buf_put_str(&aside_text, GW_STR(".new"));
    if (!gw_buf_put_char(&aside_text, '\0')) {
        return GW_ERR_RANGE;
    }
    struct sockaddr_un address;
    struct sockaddr_un aside;
    if (gw_ipc_address(path, &address) || gw_ipc_address(aside_path, &aside)) {
        return GW_ERR_RANGE;
    }
    enum gw_err err = check_path(&address, type);
    if (err) {
        return err;
    }
    GW_CLEANUP(gw_closep) int fd = -1;
    err = bind_aside(&aside, type, mode, &fd);
    if (err) {
        return err;
    }
    struct gw_ipc_socket_file file;
    err = remember_file(&aside, path, &file);
    if (!err && rename(aside_path, path) != 0) {
        err = gw_err_from_errno(errno);
    }
    if (err) {
        (void) unlink(aside_path);
        return err;
    }
    *ret_file = file;
    *ret_fd = fd;
    fd = -1;
    return GW_OK;
}

void gw_ipc_unbind(const struct gw_ipc_socket_file *file) {
    struct stat found;
    if (file->path[0] != '\0' && lstat(file->path, &found) == 0 && found.st_dev == file->device
        && found.st_ino == file->inode) {
        (void) unlink(file->path);
    }
}
