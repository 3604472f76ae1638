/* SPDX-License-Identifier: Apache-2.0 */
/* A datagram from a peer: what decodes must encode to the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/ipc/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gw_ipc_frame frame;
    if (gw_ipc_decode((struct gw_bytes){data, size}, &frame)) {
        return 0;
    }
    static uint8_t storage[GW_IPC_FRAME_MAX];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    if (gw_ipc_encode(&frame, &buf) || buf.len != size || memcmp(storage, data, size) != 0) {
        abort();
    }
    return 0;
}
