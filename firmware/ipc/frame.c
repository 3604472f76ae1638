/* SPDX-License-Identifier: Apache-2.0 */
/* The datagram's layout is drawn in ipc.h. */
#include "firmware/ipc/ipc.h"

static void put_le(uint8_t *dst, uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++) {
        dst[i] = (uint8_t) (value >> (8 * i));
    }
}

static uint64_t get_le(const uint8_t *src, unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = bytes; i > 0; i--) {
        value = value << 8 | src[i - 1];
    }
    return value;
}

enum gw_err gw_ipc_encode(const struct gw_ipc_frame *frame, struct gw_buf *buf) {
    if (frame->body.len > GW_IPC_BODY_MAX) {
        return GW_ERR_RANGE;
    }
    if (gw_buf_failed(buf) || gw_buf_space(buf) < GW_IPC_HEADER_BYTES + frame->body.len) {
        return GW_ERR_FULL;
    }
    uint8_t header[GW_IPC_HEADER_BYTES];
    put_le(header, GW_IPC_MAGIC, 4);
    header[4] = GW_IPC_VERSION;
    header[5] = (uint8_t) frame->verb;
    header[6] = (uint8_t) frame->status;
    header[7] = (uint8_t) frame->flags;
    put_le(header + 8, frame->request_id, 8);
    (void) gw_buf_put(buf, (struct gw_bytes){header, sizeof header});
    (void) gw_buf_put_str(buf, frame->body);
    return GW_OK;
}

enum gw_err gw_ipc_decode(struct gw_bytes datagram, struct gw_ipc_frame *ret_frame) {
    if (datagram.len < GW_IPC_HEADER_BYTES || datagram.len > GW_IPC_FRAME_MAX) {
        return GW_ERR_PARSE;
    }
    const uint8_t *header = datagram.ptr;
    if (get_le(header, 4) != GW_IPC_MAGIC) {
        return GW_ERR_PARSE;
    }
    if (header[4] != GW_IPC_VERSION) {
        return GW_ERR_SCHEMA;
    }
    if (header[6] >= GW_ERR_COUNT_) {
        return GW_ERR_PARSE;
    }
    *ret_frame = (struct gw_ipc_frame){
        .verb = (enum gw_ipc_verb) header[5],
        .status = (enum gw_err) header[6],
        .flags = header[7],
        .request_id = get_le(header + 8, 8),
        .body = {(const char *) header + GW_IPC_HEADER_BYTES,
                 datagram.len - GW_IPC_HEADER_BYTES},
    };
    return GW_OK;
}
