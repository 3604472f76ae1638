/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/gwctl/gwctl.h"
#include "tools/gwctl/output.h"

FILE *gw_gwctl_open_output(struct gw_gwctl *ctl) {
    const char *path = ctl->arguments.output;
    if (!path) {
        return ctl->out;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *stream = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!stream) {
        (void) gw_gwctl_fail(ctl, "%s cannot be made: %s", path, strerror(errno));
        if (fd >= 0) {
            (void) close(fd);
        }
    }
    return stream;
}

bool gw_gwctl_close_output(struct gw_gwctl *ctl, FILE *stream) {
    bool is_good = fflush(stream) == 0 && !ferror(stream);
    if (stream != ctl->out) {
        is_good = fclose(stream) == 0 && is_good;
    }
    if (!is_good) {
        (void) gw_gwctl_fail(ctl, "the output could not be written");
    }
    return is_good;
}

bool gw_gwctl_write_raw(struct gw_gwctl *ctl, struct gw_bytes content) {
    FILE *stream = gw_gwctl_open_output(ctl);
    if (!stream) {
        return false;
    }
    if (stream == ctl->out && fileno(stream) >= 0 && isatty(fileno(stream))) {
        (void) gw_gwctl_fail(ctl, "raw bytes are not written to a terminal: give --output");
        return false;
    }
    (void) fwrite(content.ptr, 1, content.len, stream);
    return gw_gwctl_close_output(ctl, stream);
}
