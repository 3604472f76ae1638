/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serial line for Modbus RTU: opened, set up and ours alone. libmodbus sets speed,
 * parity and raw mode and puts back what was there; reading and writing is not left
 * to it (firmware/decisions/0015-modbus-wire.md).
 *
 * "Ours alone" is a lock of the file (flock, which other programs for serial lines
 * honour, and which a second bus of this process meets too, whatever the path is
 * called) and TIOCEXCL, which keeps everybody but root from opening it.
 */
#ifndef GW_MODBUS_LINE_H
#define GW_MODBUS_LINE_H

#include "firmware/config/config.h"

struct gw_modbus_line;

/* For the line of a bus with transport RTU; opens nothing yet. NOMEM, INVALID. */
enum gw_err gw_modbus_line_open(const struct gw_config_bus *config,
                                struct gw_modbus_line **ret_line);
/* NULL is allowed. */
void gw_modbus_line_close(struct gw_modbus_line *line);

/* Open the device; *ret_fd does not block and lives until _detach. NOENT: there is no
 * such device; DENIED; BUSY: somebody else has it; INVALID: it is no serial line;
 * IO. */
enum gw_err gw_modbus_line_attach(struct gw_modbus_line *line, int *ret_fd);
/* Close the device. Harmless if it is not open. */
void gw_modbus_line_detach(struct gw_modbus_line *line);

/* How long one character takes: start, 8 data, parity and stop bits, rounded up. */
int64_t gw_modbus_character_us(const struct gw_config_bus *config);
/* The silence that separates two frames: 3.5 characters, above 19200 bits a second
 * 1750 us (MODBUS over Serial Line V1.02, 2.5.1.1). */
int64_t gw_modbus_silence_us(const struct gw_config_bus *config);

#endif
