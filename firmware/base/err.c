/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/base/err.h"

#include <errno.h>
#include <stddef.h>

#include "firmware/base/cleanup.h"

static const char *const err_names[GW_ERR_COUNT_] = {
    [GW_OK] = "ok",
    [GW_ERR_RETRY] = "retry",
    [GW_ERR_TIMEOUT] = "timeout",
    [GW_ERR_NOCONN] = "noconn",
    [GW_ERR_FULL] = "full",
    [GW_ERR_BUSY] = "busy",
    [GW_ERR_INVALID] = "invalid",
    [GW_ERR_PARSE] = "parse",
    [GW_ERR_SCHEMA] = "schema",
    [GW_ERR_RANGE] = "range",
    [GW_ERR_DENIED] = "denied",
    [GW_ERR_DUPLICATE] = "duplicate",
    [GW_ERR_NOENT] = "noent",
    [GW_ERR_CORRUPT] = "corrupt",
    [GW_ERR_IO] = "io",
    [GW_ERR_NOMEM] = "nomem",
    [GW_ERR_FATAL] = "fatal",
};

static const struct {
    int error_number;
    enum gw_err err;
} errno_table[] = {
    {0, GW_OK},
    {EAGAIN, GW_ERR_RETRY},
    {EINTR, GW_ERR_RETRY},
    {EINPROGRESS, GW_ERR_RETRY},
    {ENOBUFS, GW_ERR_RETRY},
    {ETIMEDOUT, GW_ERR_TIMEOUT},
    {ECONNREFUSED, GW_ERR_NOCONN},
    {ECONNRESET, GW_ERR_NOCONN},
    {ECONNABORTED, GW_ERR_NOCONN},
    {ENOTCONN, GW_ERR_NOCONN},
    {EPIPE, GW_ERR_NOCONN},
    {ENETDOWN, GW_ERR_NOCONN},
    {ENETUNREACH, GW_ERR_NOCONN},
    {EHOSTDOWN, GW_ERR_NOCONN},
    {EHOSTUNREACH, GW_ERR_NOCONN},
    {ENOSPC, GW_ERR_FULL},
    {EDQUOT, GW_ERR_FULL},
    {EFBIG, GW_ERR_FULL},
    {EMFILE, GW_ERR_FULL},
    {ENFILE, GW_ERR_FULL},
    {EBUSY, GW_ERR_BUSY},
    {EADDRINUSE, GW_ERR_BUSY},
    {ETXTBSY, GW_ERR_BUSY},
    {EINVAL, GW_ERR_INVALID},
    {EBADF, GW_ERR_INVALID},
    {EFAULT, GW_ERR_INVALID},
    {ENAMETOOLONG, GW_ERR_RANGE},
    {EMSGSIZE, GW_ERR_RANGE},
    {ERANGE, GW_ERR_RANGE},
    {EOVERFLOW, GW_ERR_RANGE},
    {EACCES, GW_ERR_DENIED},
    {EPERM, GW_ERR_DENIED},
    {EROFS, GW_ERR_DENIED},
    {EEXIST, GW_ERR_DUPLICATE},
    {ENOENT, GW_ERR_NOENT},
    {ENOTDIR, GW_ERR_NOENT},
    {ENOMEM, GW_ERR_NOMEM},
};

const char *gw_err_name(enum gw_err err) {
    if ((unsigned) err >= GW_ERR_COUNT_) {
        return "unknown";
    }
    return err_names[err];
}

enum gw_err gw_err_from_errno(int error_number) {
    for (size_t i = 0; i < GW_ARRAY_LEN(errno_table); i++) {
        if (errno_table[i].error_number == error_number) {
            return errno_table[i].err;
        }
    }
    return GW_ERR_IO;
}
