/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/judge.h"

#include <string.h>

/* Transaction, protocol, length. */
#define HEADER_BYTES 6
#define EXCEPTION_BIT 0x80u
/* Of unit, function and data. */
#define ADU_MIN_BYTES 3
/* Two frames one behind the other are looked for so far. */
#define PREFIX_MAX_BYTES 64

static unsigned get_u16(const uint8_t *at) {
    return (unsigned) at[0] << 8 | at[1];
}

static struct gw_modbus_wrong wrong_of(enum gw_modbus_wrong_kind kind, unsigned found,
                                       unsigned wanted) {
    return (struct gw_modbus_wrong){
        .kind = kind, .found = (uint16_t) found, .wanted = (uint16_t) wanted};
}

/* `adu`: unit, function and data, ADU_MIN_BYTES at least, of `len` that there should be. */
static struct gw_modbus_wrong judge_adu(const struct gw_frame_request *request,
                                        struct gw_bytes adu, size_t len) {
    unsigned function = adu.ptr[1] & ~EXCEPTION_BIT;
    bool is_exception = (adu.ptr[1] & EXCEPTION_BIT) != 0;
    bool is_write = request->count == 0;
    size_t wanted = 1 + (is_exception ? 2 : request->answer_bytes);
    if (adu.ptr[0] != request->unit_id) {
        return wrong_of(GW_WRONG_UNIT, adu.ptr[0], request->unit_id);
    }
    if (function != request->pdu[0]) {
        return wrong_of(GW_WRONG_FUNCTION, function, request->pdu[0]);
    }
    if (len != wanted
        || (!is_exception && !is_write && adu.ptr[2] != request->answer_bytes - 2)) {
        return wrong_of(GW_WRONG_LENGTH, 0, 0);
    }
    if (adu.len < len) {
        return wrong_of(GW_WRONG_CUT, 0, 0);
    }
    if (is_exception) {
        return wrong_of(adu.ptr[2] == 0 ? GW_WRONG_EXCEPTION : GW_WRONG_NOTHING, 0, 0);
    }
    bool is_other = is_write && memcmp(adu.ptr + 1, request->pdu, request->answer_bytes) != 0;
    return wrong_of(is_other ? GW_WRONG_CONTENT : GW_WRONG_NOTHING, 0, 0);
}

static struct gw_modbus_wrong judge_tcp(const struct gw_frame_request *request,
                                        struct gw_bytes came) {
    if (came.len >= 4 && get_u16(came.ptr + 2) != 0) {
        return wrong_of(GW_WRONG_PROTOCOL, 0, 0);
    }
    if (came.len >= 2 && get_u16(came.ptr) != request->transaction) {
        return wrong_of(GW_WRONG_TRANSACTION, get_u16(came.ptr), request->transaction);
    }
    if (came.len < HEADER_BYTES + ADU_MIN_BYTES) {
        return wrong_of(GW_WRONG_CUT, 0, 0);
    }
    size_t len = get_u16(came.ptr + 4);
    struct gw_bytes adu = {came.ptr + HEADER_BYTES, came.len - HEADER_BYTES};
    struct gw_modbus_wrong wrong = judge_adu(request, adu, len);
    bool is_right = wrong.kind == GW_WRONG_NOTHING;
    return is_right && adu.len > len ? wrong_of(GW_WRONG_BEHIND, 0, 0) : wrong;
}

static bool is_request(const struct gw_frame_request *request, struct gw_bytes came) {
    uint8_t frame[GW_FRAME_MAX_BYTES];
    size_t len = gw_frame_put(GW_FRAME_RTU, request, frame);
    return came.len >= len && memcmp(came.ptr, frame, len) == 0;
}

static bool is_frame(struct gw_bytes came, size_t len) {
    return len >= GW_FRAME_RTU_MIN_BYTES && len <= came.len
           && gw_frame_has_crc((struct gw_bytes){came.ptr, len});
}

/* How long the first frame is, 0 if there is none. Zeros behind a frame leave its checksum
 * right: first of all it has the length that it should. */
static size_t first_frame(struct gw_bytes came, size_t wanted) {
    if (is_frame(came, wanted)) {
        return wanted;
    }
    if (is_frame(came, came.len)) {
        return came.len;
    }
    size_t most = came.len < PREFIX_MAX_BYTES ? came.len : PREFIX_MAX_BYTES;
    for (size_t len = GW_FRAME_RTU_MIN_BYTES; len <= most; len++) {
        if (is_frame(came, len)) {
            return len;
        }
    }
    return 0;
}

static struct gw_modbus_wrong judge_rtu(const struct gw_frame_request *request,
                                        struct gw_bytes came) {
    size_t wanted = gw_frame_wanted(GW_FRAME_RTU, request, came);
    size_t len = first_frame(came, wanted);
    if (len > 0) {
        struct gw_bytes adu = {came.ptr, len - 2};
        struct gw_modbus_wrong wrong = judge_adu(request, adu, adu.len);
        if (wrong.kind == GW_WRONG_NOTHING && came.len > len) {
            wrong = wrong_of(GW_WRONG_BEHIND, 0, 0);
        }
        bool is_echo = wrong.kind != GW_WRONG_NOTHING && is_request(request, came);
        return is_echo ? wrong_of(GW_WRONG_REQUEST, 0, 0) : wrong;
    }
    bool is_cut = came.len < GW_FRAME_RTU_MIN_BYTES || came.len < wanted;
    return wrong_of(is_cut ? GW_WRONG_CUT : GW_WRONG_CRC, 0, 0);
}

struct gw_modbus_wrong gw_modbus_judge(enum gw_frame_kind kind,
                                       const struct gw_frame_request *request,
                                       struct gw_bytes came) {
    if (came.len == 0) {
        return wrong_of(GW_WRONG_NOTHING, 0, 0);
    }
    struct gw_modbus_wrong wrong =
        kind == GW_FRAME_TCP ? judge_tcp(request, came) : judge_rtu(request, came);
    gw_modbus_wrong_note(&wrong, came);
    return wrong;
}
