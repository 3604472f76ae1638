/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which values may be written where, and what goes over the wire for them. Pure.
 *
 * A value is decimal text. It is written only if it comes out exactly: what is written is
 * decoded again and must be the same number. Nothing is rounded.
 */
#ifndef GW_MODBUS_WRITE_VALUE_H
#define GW_MODBUS_WRITE_VALUE_H

#include "drivers/modbus/job.h"
#include "firmware/config/write_value.h"

/* Registers of the longest value. */
#define GW_MODBUS_WRITE_WORDS 4
/* Longest text of a value that is taken. */
#define GW_MODBUS_VALUE_MAX_BYTES GW_CONFIG_VALUE_MAX_BYTES

/* The entry of `bus` of that name, or that has the place; NULL if it is not allowed. */
const struct gw_config_write *gw_modbus_write_named(const struct gw_config_bus *bus,
                                                    struct gw_str name);
/* See gw_modbus_write_named. */
const struct gw_config_write *gw_modbus_write_at(const struct gw_config_bus *bus,
                                                 uint8_t unit_id, enum gw_modbus_area area,
                                                 uint16_t address);

/* Registers (1 for a coil) the value takes. */
uint16_t gw_modbus_write_width(const struct gw_config_write *write);

/* Is `value` allowed, and what are its words? *ret_words are those of
 * gw_modbus_write_width. PARSE (no decimal text), DENIED (not in the range or list), RANGE
 * (cannot be written exactly), each with a sentence appended to `reason`. */
enum gw_err gw_modbus_write_encode(const struct gw_config_write *write, struct gw_str value,
                                   struct gw_buf *reason,
                                   uint16_t ret_words[static GW_MODBUS_WRITE_WORDS]);

/* Append words that were read back as the value they are, or in hexadecimal where they are
 * no number of the type. FULL. */
enum gw_err gw_modbus_write_put_value(const struct gw_config_write *write,
                                      const uint16_t *words, struct gw_buf *buf);
/* Append words in hexadecimal, "0x000a 0x0001". */
void gw_modbus_put_words(struct gw_buf *buf, const uint16_t *words, size_t count);

#endif
