/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/line.h"

#include <errno.h>
#include <fcntl.h>
#include <modbus.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"

#define US_PER_S 1000000
#define DATA_BITS 8
#define FIXED_SILENCE_BAUD 19200
#define FIXED_SILENCE_US 1750

struct gw_modbus_line {
    modbus_t *modbus;
    char *path;
    int guard_fd; /* holds the lock; -1 = closed */
};

GW_DEFINE_CLEANUP(struct gw_modbus_line *, gw_modbus_line_close, closep)

int64_t gw_modbus_character_us(const struct gw_config_bus *config) {
    int64_t bits = 1 + DATA_BITS + (config->parity == GW_BUS_PARITY_NONE ? 0 : 1)
                   + (int64_t) config->stop_bits;
    return (bits * US_PER_S + config->baud - 1) / config->baud;
}

int64_t gw_modbus_silence_us(const struct gw_config_bus *config) {
    return config->baud > FIXED_SILENCE_BAUD ? FIXED_SILENCE_US
                                             : (7 * gw_modbus_character_us(config) + 1) / 2;
}

enum gw_err gw_modbus_line_open(const struct gw_config_bus *config,
                                struct gw_modbus_line **ret_line) {
    static const char parities[] = {
        [GW_BUS_PARITY_NONE] = 'N', [GW_BUS_PARITY_EVEN] = 'E', [GW_BUS_PARITY_ODD] = 'O'};
    GW_CLEANUP(closep) struct gw_modbus_line *line = calloc(1, sizeof *line);
    if (!line) {
        return GW_ERR_NOMEM;
    }
    line->guard_fd = -1;
    line->path = strdup(config->line);
    if (!line->path) {
        return GW_ERR_NOMEM;
    }
    line->modbus = modbus_new_rtu(config->line, (int) config->baud, parities[config->parity],
                                  DATA_BITS, (int) config->stop_bits);
    if (!line->modbus) {
        return errno == ENOMEM ? GW_ERR_NOMEM : GW_ERR_INVALID;
    }
    *ret_line = GW_TAKE(line);
    return GW_OK;
}

void gw_modbus_line_close(struct gw_modbus_line *line) {
    if (!line) {
        return;
    }
    gw_modbus_line_detach(line);
    if (line->modbus) {
        modbus_free(line->modbus);
    }
    free(line->path);
    free(line);
}

static enum gw_err from_open_errno(int error_number) {
    switch (error_number) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case ENOTDIR:
        return GW_ERR_NOENT;
    case EACCES:
    case EPERM:
        return GW_ERR_DENIED;
    case EBUSY:
    case EWOULDBLOCK:
        return GW_ERR_BUSY;
    default:
        return GW_ERR_IO;
    }
}

/* Before the library opens the line: it sets speed and parity at once, under the hands
 * of whoever has it. */
static enum gw_err take_guard(struct gw_modbus_line *line) {
    line->guard_fd = open(line->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (line->guard_fd < 0) {
        return from_open_errno(errno);
    }
    if (!isatty(line->guard_fd)) {
        return GW_ERR_INVALID;
    }
    return flock(line->guard_fd, LOCK_EX | LOCK_NB) < 0 ? from_open_errno(errno) : GW_OK;
}

enum gw_err gw_modbus_line_attach(struct gw_modbus_line *line, int *ret_fd) {
    enum gw_err err = take_guard(line);
    if (!err && modbus_connect(line->modbus)) {
        err = errno == EBUSY ? GW_ERR_BUSY : GW_ERR_INVALID;
    }
    if (err) {
        gw_modbus_line_detach(line);
        return err;
    }
    int fd = modbus_get_socket(line->modbus);
    (void) ioctl(fd, TIOCEXCL);
    (void) tcflush(fd, TCIOFLUSH);
    *ret_fd = fd;
    return GW_OK;
}

void gw_modbus_line_detach(struct gw_modbus_line *line) {
    if (modbus_get_socket(line->modbus) >= 0) {
        (void) ioctl(modbus_get_socket(line->modbus), TIOCNXCL);
    }
    modbus_close(line->modbus);
    gw_closep(&line->guard_fd);
    line->guard_fd = -1;
}
