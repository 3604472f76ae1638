/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes over the wire, as pure functions: requests, the frames around them, and
 * what the only right answer to a request looks like.
 *
 *   TCP  transaction u16 | protocol u16 = 0 | length u16 | unit u8 | function u8 | data
 *   RTU  unit u8 | function u8 | data | CRC u16, low byte first
 *
 * (MODBUS Messaging on TCP/IP V1.0b, 3.1.3; MODBUS over Serial Line V1.02, 2.5.1.2;
 * functions: MODBUS Application Protocol V1.1b3, 6.1 to 6.6, 6.11, 6.12, 7.) Numbers
 * are sent high byte first where nothing else is said.
 *
 * An answer is right when transaction, protocol, length, unit, function, byte count
 * and checksum are what the request makes them, and for a write also the address and
 * what was written. Everything else is CORRUPT: nothing is guessed.
 */
#ifndef GW_MODBUS_FRAME_H
#define GW_MODBUS_FRAME_H

#include "drivers/modbus/transport.h"

enum gw_frame_kind { GW_FRAME_TCP, GW_FRAME_RTU };

#define GW_FRAME_PDU_MAX_BYTES 253
/* The longer of the two: TCP. */
#define GW_FRAME_MAX_BYTES 260
/* An RTU frame with an exception: unit, function, code, CRC. */
#define GW_FRAME_RTU_MIN_BYTES 5

/* A request, and with it its answer. */
struct gw_frame_request {
    uint8_t unit_id;
    uint8_t pdu[GW_FRAME_PDU_MAX_BYTES]; /* function and data */
    size_t pdu_bytes;
    size_t answer_bytes; /* PDU of the answer, if it is no exception */
    uint16_t count;      /* of what is read, 0 for a write */
    uint16_t transaction;
};

/* The request PDU of a read; `transaction` is 0 then. INVALID: no such request can
 * be made (count, address). */
enum gw_err gw_frame_ask_read(const struct gw_modbus_request *read,
                              struct gw_frame_request *ret_request);
/* The same for a write. INVALID: area, count, address, or unit 0. */
enum gw_err gw_frame_ask_write(const struct gw_modbus_write *write,
                               struct gw_frame_request *ret_request);
/* The frame that asks; how long it is. */
size_t gw_frame_put(enum gw_frame_kind kind, const struct gw_frame_request *request,
                    uint8_t ret_frame[static GW_FRAME_MAX_BYTES]);

/* How long the answer that starts with `start` is in all, as far as can be told, and
 * at least the length that tells more. 0: it cannot become the right answer. */
size_t gw_frame_wanted(enum gw_frame_kind kind, const struct gw_frame_request *request,
                       struct gw_bytes start);
/* Check a whole answer. CORRUPT; INVALID: a right exception, *ret_exception is its
 * code, never 0. */
enum gw_err gw_frame_check(enum gw_frame_kind kind, const struct gw_frame_request *request,
                           struct gw_bytes answer, unsigned *ret_exception);
/* Values of a checked answer to a read: words[request->count], bits as 0 or 1. */
void gw_frame_get_words(enum gw_frame_kind kind, const struct gw_frame_request *request,
                        struct gw_bytes answer, uint16_t *words);

/* Whether the last two bytes are the checksum of those before. */
bool gw_frame_has_crc(struct gw_bytes frame);

#endif
