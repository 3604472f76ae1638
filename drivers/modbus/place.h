/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Areas and addresses as people write them. Pure.
 *
 * An address is one on the wire, from 0, or the number in a PLC's manual: five or six
 * digits, of which the first says the area (0 coil, 1 discrete input, 3 input register, 4
 * holding register) and the others count from 1. Text of that form is taken for the manual's
 * number: of the area it stands with, or else of another one, which is refused. A wire address
 * that looks like one is written in hexadecimal ("0x9c41").
 */
#ifndef GW_MODBUS_PLACE_H
#define GW_MODBUS_PLACE_H

#include "firmware/base/buf.h"
#include "firmware/config/config.h"

/* By name ("holding_register") or its short form ("coil", "discrete", "input",
 * "holding"). NOENT. */
enum gw_err gw_modbus_parse_area(struct gw_str text, enum gw_modbus_area *ret_area);
/* "40001", "400001", "0x0000" or "0" to a wire address. DENIED for the manual's number of
 * another area, PARSE, RANGE. */
enum gw_err gw_modbus_parse_address(struct gw_str text, enum gw_modbus_area area,
                                    uint16_t *ret_address);
/* Whether text of this form is a manual's number, and of which area. */
bool gw_modbus_is_notation(struct gw_str text, enum gw_modbus_area *ret_area);
/* Append what is wrong with an address that gw_modbus_parse_address does not take in `area`:
 * "found ..., allowed: ...". */
void gw_modbus_put_address_finding(struct gw_buf *buf, struct gw_str text,
                                   enum gw_modbus_area area);
/* Names as in the configuration: "uint32", "CDAB". Static storage. */
const char *gw_modbus_type_name(enum gw_point_type type);
const char *gw_modbus_order_name(enum gw_word_order order);
/* Append the manual's number of a wire address: five digits up to 9999, six beyond. */
void gw_modbus_put_notation(struct gw_buf *buf, enum gw_modbus_area area, uint16_t address);

#endif
