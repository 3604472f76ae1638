/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/frame.h"

#include <string.h>

/* Transaction, protocol, length; the length counts from the unit on. */
#define HEADER_BYTES 6
#define EXCEPTION_PDU_BYTES 2
#define EXCEPTION_BIT 0x80u

enum function {
    READ_COILS = 1,
    READ_DISCRETE_INPUTS = 2,
    READ_HOLDING_REGISTERS = 3,
    READ_INPUT_REGISTERS = 4,
    WRITE_COIL = 5,
    WRITE_REGISTER = 6,
    WRITE_COILS = 15,
    WRITE_REGISTERS = 16,
};

static void put_u16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t) (value >> 8);
    at[1] = (uint8_t) value;
}

static uint16_t get_u16(const uint8_t *at) {
    return (uint16_t) (at[0] << 8 | at[1]);
}

/* MODBUS over Serial Line V1.02, 6.2.2: polynomial 0xA001, start 0xFFFF. */
static uint16_t crc_of(const uint8_t *bytes, size_t len) {
    unsigned crc = 0xFFFF;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) ? crc >> 1 ^ 0xA001 : crc >> 1;
        }
    }
    return (uint16_t) crc;
}

bool gw_frame_has_crc(struct gw_bytes frame) {
    if (frame.len < 3) {
        return false;
    }
    uint16_t crc = crc_of(frame.ptr, frame.len - 2);
    return frame.ptr[frame.len - 2] == (crc & 0xFF) && frame.ptr[frame.len - 1] == crc >> 8;
}

/* ---- requests ---- */

static size_t bit_bytes(unsigned count) {
    return (count + 7) / 8;
}

static void start_pdu(struct gw_frame_request *request, enum function function,
                      uint16_t address, unsigned second) {
    request->pdu[0] = (uint8_t) function;
    put_u16(request->pdu + 1, address);
    put_u16(request->pdu + 3, second);
    request->pdu_bytes = 5;
}

enum gw_err gw_frame_ask_read(const struct gw_modbus_request *read,
                              struct gw_frame_request *ret_request) {
    static const enum function functions[] = {
        [GW_AREA_COIL] = READ_COILS,
        [GW_AREA_DISCRETE_INPUT] = READ_DISCRETE_INPUTS,
        [GW_AREA_INPUT_REGISTER] = READ_INPUT_REGISTERS,
        [GW_AREA_HOLDING_REGISTER] = READ_HOLDING_REGISTERS,
    };
    bool is_bits = gw_point_area_is_bits(read->area);
    unsigned most = is_bits ? GW_MODBUS_MAX_BITS : GW_MODBUS_MAX_REGISTERS;
    if (read->count < 1 || read->count > most || read->address + read->count > 65536) {
        return GW_ERR_INVALID;
    }
    *ret_request = (struct gw_frame_request){
        .unit_id = read->unit_id,
        .count = read->count,
        .answer_bytes = 2 + (is_bits ? bit_bytes(read->count) : 2u * read->count),
    };
    start_pdu(ret_request, functions[read->area], read->address, read->count);
    return GW_OK;
}

static void put_coils(struct gw_frame_request *request, const struct gw_modbus_write *write) {
    if (write->count == 1 && !write->is_multiple) {
        start_pdu(request, WRITE_COIL, write->address, write->words[0] ? 0xFF00 : 0);
        return;
    }
    start_pdu(request, WRITE_COILS, write->address, write->count);
    size_t bytes = bit_bytes(write->count);
    request->pdu[5] = (uint8_t) bytes;
    memset(request->pdu + 6, 0, bytes);
    for (size_t i = 0; i < write->count; i++) {
        unsigned bit = write->words[i] ? 1u << i % 8 : 0;
        request->pdu[6 + i / 8] = (uint8_t) (request->pdu[6 + i / 8] | bit);
    }
    request->pdu_bytes = 6 + bytes;
}

static void put_registers(struct gw_frame_request *request,
                          const struct gw_modbus_write *write) {
    if (write->count == 1 && !write->is_multiple) {
        start_pdu(request, WRITE_REGISTER, write->address, write->words[0]);
        return;
    }
    start_pdu(request, WRITE_REGISTERS, write->address, write->count);
    request->pdu[5] = (uint8_t) (2 * write->count);
    for (size_t i = 0; i < write->count; i++) {
        put_u16(request->pdu + 6 + 2 * i, write->words[i]);
    }
    request->pdu_bytes = 6 + 2u * write->count;
}

enum gw_err gw_frame_ask_write(const struct gw_modbus_write *write,
                               struct gw_frame_request *ret_request) {
    bool is_coil = write->area == GW_AREA_COIL;
    unsigned most = is_coil ? GW_MODBUS_MAX_WRITE_BITS : GW_MODBUS_MAX_WRITE_REGISTERS;
    if ((!is_coil && write->area != GW_AREA_HOLDING_REGISTER) || write->unit_id == 0
        || write->count < 1 || write->count > most || write->address + write->count > 65536) {
        return GW_ERR_INVALID;
    }
    *ret_request = (struct gw_frame_request){.unit_id = write->unit_id, .answer_bytes = 5};
    if (is_coil) {
        put_coils(ret_request, write);
    } else {
        put_registers(ret_request, write);
    }
    return GW_OK;
}

size_t gw_frame_put(enum gw_frame_kind kind, const struct gw_frame_request *request,
                    uint8_t ret_frame[static GW_FRAME_MAX_BYTES]) {
    size_t at = 0;
    if (kind == GW_FRAME_TCP) {
        put_u16(ret_frame, request->transaction);
        put_u16(ret_frame + 2, 0);
        put_u16(ret_frame + 4, (unsigned) request->pdu_bytes + 1);
        at = HEADER_BYTES;
    }
    ret_frame[at] = request->unit_id;
    memcpy(ret_frame + at + 1, request->pdu, request->pdu_bytes);
    at += 1 + request->pdu_bytes;
    if (kind == GW_FRAME_RTU) {
        uint16_t crc = crc_of(ret_frame, at);
        ret_frame[at] = (uint8_t) crc;
        ret_frame[at + 1] = (uint8_t) (crc >> 8);
        at += 2;
    }
    return at;
}

/* ---- answers ---- */

/* From the unit on. `rest` may be incomplete; 0 = not ours. */
static size_t wanted_pdu(const struct gw_frame_request *request, struct gw_bytes rest) {
    if (rest.len > 0 && rest.ptr[0] != request->unit_id) {
        return 0;
    }
    if (rest.len < 2) {
        return EXCEPTION_PDU_BYTES;
    }
    if (rest.ptr[1] == (request->pdu[0] | EXCEPTION_BIT)) {
        return EXCEPTION_PDU_BYTES;
    }
    bool is_read = request->count > 0;
    if (rest.ptr[1] != request->pdu[0]
        || (is_read && rest.len > 2 && rest.ptr[2] != request->answer_bytes - 2)) {
        return 0;
    }
    return request->answer_bytes;
}

static size_t wanted_tcp(const struct gw_frame_request *request, struct gw_bytes start) {
    uint8_t header[HEADER_BYTES];
    put_u16(header, request->transaction);
    put_u16(header + 2, 0);
    size_t known = start.len < 4 ? start.len : 4;
    if (known > 0 && memcmp(start.ptr, header, known) != 0) {
        return 0;
    }
    if (start.len < HEADER_BYTES) {
        return HEADER_BYTES + 1 + EXCEPTION_PDU_BYTES;
    }
    struct gw_bytes rest = {start.ptr + HEADER_BYTES, start.len - HEADER_BYTES};
    size_t pdu_bytes = wanted_pdu(request, rest);
    size_t length = get_u16(start.ptr + 4);
    if (pdu_bytes == 0 || (length != pdu_bytes + 1 && rest.len >= 2)
        || (length != 1 + EXCEPTION_PDU_BYTES && length != 1 + request->answer_bytes)) {
        return 0;
    }
    return HEADER_BYTES + length;
}

size_t gw_frame_wanted(enum gw_frame_kind kind, const struct gw_frame_request *request,
                       struct gw_bytes start) {
    if (kind == GW_FRAME_TCP) {
        return wanted_tcp(request, start);
    }
    size_t pdu_bytes = wanted_pdu(request, start);
    return pdu_bytes == 0 ? 0 : 1 + pdu_bytes + 2;
}

static struct gw_bytes pdu_of(enum gw_frame_kind kind, struct gw_bytes answer) {
    size_t before = kind == GW_FRAME_TCP ? HEADER_BYTES + 1 : 1;
    size_t behind = kind == GW_FRAME_TCP ? 0 : 2;
    return (struct gw_bytes){answer.ptr + before, answer.len - before - behind};
}

enum gw_err gw_frame_check(enum gw_frame_kind kind, const struct gw_frame_request *request,
                           struct gw_bytes answer, unsigned *ret_exception) {
    if (answer.len < GW_FRAME_RTU_MIN_BYTES
        || gw_frame_wanted(kind, request, answer) != answer.len
        || (kind == GW_FRAME_RTU && !gw_frame_has_crc(answer))) {
        return GW_ERR_CORRUPT;
    }
    struct gw_bytes pdu = pdu_of(kind, answer);
    if (pdu.ptr[0] & EXCEPTION_BIT) {
        if (pdu.ptr[1] == 0) {
            return GW_ERR_CORRUPT;
        }
        *ret_exception = pdu.ptr[1];
        return GW_ERR_INVALID;
    }
    /* A write is confirmed by its first five bytes. */
    bool is_write = request->count == 0;
    if (is_write && memcmp(pdu.ptr, request->pdu, request->answer_bytes) != 0) {
        return GW_ERR_CORRUPT;
    }
    return GW_OK;
}

static uint16_t get_bit(const uint8_t *values, size_t index) {
    return (uint16_t) (values[index / 8] >> index % 8 & 1);
}

void gw_frame_get_words(enum gw_frame_kind kind, const struct gw_frame_request *request,
                        struct gw_bytes answer, uint16_t *words) {
    const uint8_t *values = pdu_of(kind, answer).ptr + 2;
    bool is_bits = request->pdu[0] <= READ_DISCRETE_INPUTS;
    for (size_t i = 0; i < request->count; i++) {
        if (is_bits) {
            words[i] = get_bit(values, i);
        } else {
            words[i] = get_u16(values + 2 * i);
        }
    }
}
