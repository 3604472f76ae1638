/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came instead of an answer, for whoever has to find out why: the frame says only
 * that it is not the right one. Nothing is decided by it.
 */
#ifndef GW_MODBUS_WRONG_H
#define GW_MODBUS_WRONG_H

#include "firmware/base/buf.h"

enum gw_modbus_wrong_kind {
    GW_WRONG_NOTHING,     /* nothing wrong came: maybe nothing at all */
    GW_WRONG_UNIT,        /* `found`: the unit id that answered */
    GW_WRONG_FUNCTION,    /* `found`: the function that was answered */
    GW_WRONG_LENGTH,      /* another length than was asked for */
    GW_WRONG_CRC,         /* no checksum where one could stand */
    GW_WRONG_TRANSACTION, /* `found`: its number */
    GW_WRONG_PROTOCOL,    /* no Modbus TCP at all */
    GW_WRONG_ECHO,        /* the adapter should have repeated the request, and did not */
    GW_WRONG_REQUEST,     /* the request itself came back */
    GW_WRONG_BEHIND,      /* something behind the right answer */
    GW_WRONG_EXCEPTION,   /* exception 0 */
    GW_WRONG_CONTENT,     /* another write is confirmed */
    GW_WRONG_CUT,         /* it broke off */
    GW_WRONG_BABBLE,      /* the line did not rest */
    GW_WRONG_KINDS,
};

#define GW_WRONG_BYTES 16

struct gw_modbus_wrong {
    enum gw_modbus_wrong_kind kind;
    uint16_t found, wanted;        /* of the kinds that say so */
    uint16_t len;                  /* of what came in all */
    uint8_t bytes[GW_WRONG_BYTES]; /* the first of it */
};

/* Keep the length and the first bytes of what came. */
void gw_modbus_wrong_note(struct gw_modbus_wrong *wrong, struct gw_bytes came);
/* "unit", "crc"...: a word for programs. Static storage. */
const char *gw_modbus_wrong_name(enum gw_modbus_wrong_kind kind);
/* Append what it did, as it stands behind "unit 7 ", with the first bytes: "answered as unit
 * 255 (7 bytes: ff 03 02 00 07 51 92)". Nothing for NOTHING. */
void gw_modbus_wrong_put(const struct gw_modbus_wrong *wrong, struct gw_buf *buf);

#endif
