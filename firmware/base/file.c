/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crash order of a replace: the new content is complete and flushed under a
 * temporary name before the name is switched, and the switch is one rename(2).
 * Whatever instruction the power fails at, the path names either the whole old
 * or the whole new content. The temporary name is fixed ("<path>.new"), so a
 * crash leaves at most one stray file, which the next replace removes.
 */
#include "firmware/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"

static enum gw_err last_error(void) {
    return gw_err_from_errno(errno);
}

static enum gw_err write_all(int fd, struct gw_bytes content) {
    while (content.len > 0) {
        ssize_t n = write(fd, content.ptr, content.len);
        if (n < 0 && errno != EINTR) {
            return last_error();
        }
        if (n > 0) {
            content.ptr += n;
            content.len -= (size_t) n;
        }
    }
    return GW_OK;
}

static enum gw_err write_new_file(const char *path, struct gw_bytes content, mode_t mode,
                                  bool flush) {
    GW_CLEANUP(gw_closep)
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return last_error();
    }
    enum gw_err err = write_all(fd, content);
    if (err) {
        return err;
    }
    /* fchmod, not open's mode: the umask must not decide who reads it. */
    if (fchmod(fd, mode) != 0 || (flush && fsync(fd) != 0)) {
        return last_error();
    }
    return GW_OK;
}

static enum gw_err flush_folder_of(const char *path) {
    char folder[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (slash) {
        struct gw_str head = {path, slash == path ? 1 : (size_t) (slash - path)};
        enum gw_err err = gw_str_copy(head, folder, sizeof(folder));
        if (err) {
            return err;
        }
    }
    GW_CLEANUP(gw_closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        return last_error();
    }
    return GW_OK;
}

static enum gw_err replace(const char *path, struct gw_bytes content, mode_t mode, bool flush) {
    char aside[PATH_MAX];
    int len = snprintf(aside, sizeof(aside), "%s.new", path);
    if (len < 0 || (size_t) len >= sizeof(aside)) {
        return GW_ERR_RANGE;
    }
    (void) unlink(aside);
    enum gw_err err = write_new_file(aside, content, mode, flush);
    if (!err && rename(aside, path) != 0) {
        err = last_error();
    }
    if (err) {
        (void) unlink(aside);
        return err;
    }
    return flush ? flush_folder_of(path) : GW_OK;
}

enum gw_err gw_file_replace(const char *path, struct gw_bytes content, mode_t mode) {
    return replace(path, content, mode, true);
}

enum gw_err gw_file_replace_volatile(const char *path, struct gw_bytes content, mode_t mode) {
    return replace(path, content, mode, false);
}

/* The size is not asked for first: files in /proc and /sys report 0. */
static enum gw_err read_all(int fd, struct gw_buf *buf) {
    for (;;) {
        uint8_t beyond;
        size_t space = gw_buf_space(buf);
        ssize_t n = space > 0 ? read(fd, buf->data + buf->len, space) : read(fd, &beyond, 1);
        if (n == 0) {
            return GW_OK;
        }
        if (n < 0 && errno != EINTR) {
            return last_error();
        }
        if (n > 0 && space == 0) {
            return GW_ERR_FULL;
        }
        if (n > 0) {
            buf->len += (size_t) n;
        }
    }
}

enum gw_err gw_file_read(const char *path, struct gw_buf *buf) {
    GW_CLEANUP(gw_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return last_error();
    }
    size_t before = buf->len;
    enum gw_err err = read_all(fd, buf);
    if (err) {
        buf->len = before;
    }
    return err;
}

struct gw_installed gw_file_installed(const char *name) {
    struct gw_installed installed;
    char program[sizeof installed.path];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    program[len > 0 ? len : 0] = '\0';
    const char *slash = strrchr(program, '/');
    struct gw_buf path;
    gw_buf_init(&path, installed.path, sizeof installed.path - 1);
    if (slash) {
        gw_buf_put_str(&path, (struct gw_str){program, (size_t) (slash - program)});
        gw_buf_printf(&path, "/../share/gangway/%s", name);
    }
    if (!slash || gw_buf_failed(&path)) {
        gw_buf_init(&path, installed.path, sizeof installed.path - 1);
        gw_buf_printf(&path, "/usr/share/gangway/%s", name);
    }
    installed.path[path.len] = '\0';
    return installed;
}

static enum gw_err make_one(const char *path, mode_t mode) {
    if (mkdir(path, mode) == 0) {
        return chmod(path, mode) == 0 ? GW_OK : last_error();
    }
    int reason = errno;
    struct stat st;
    if (stat(path, &st) == 0) {
        return S_ISDIR(st.st_mode) ? GW_OK : GW_ERR_DUPLICATE;
    }
    return gw_err_from_errno(reason);
}

enum gw_err gw_file_make_folder(const char *path, mode_t mode) {
    char partial[PATH_MAX];
    enum gw_err err = gw_str_copy(gw_str_from_cstr(path), partial, sizeof(partial));
    if (err) {
        return GW_ERR_RANGE;
    }
    for (char *p = partial + 1; partial[0] && *p; p++) {
        if (*p != '/') {
            continue;
        }
        *p = 0;
        err = make_one(partial, mode);
        if (err) {
            return err;
        }
        *p = '/';
    }
    return make_one(partial, mode);
}
