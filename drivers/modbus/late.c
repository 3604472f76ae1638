/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/late.h"

#define EXCEPTION_BIT 0x80u

void gw_late_note(struct gw_late *late, const struct gw_frame_request *request) {
    if (gw_late_is_shape(late, request)) {
        return;
    }
    if (late->count == GW_LATE_MAX) {
        late->has_more = true;
        return;
    }
    late->shapes[late->count].function = request->pdu[0];
    late->shapes[late->count].answer_bytes = (uint8_t) request->answer_bytes;
    late->count++;
}

void gw_late_clear(struct gw_late *late) {
    late->count = 0;
    late->has_more = false;
}

bool gw_late_needs_fence(const struct gw_late *late, const struct gw_frame_request *request) {
    bool needs = late->has_more;
    for (size_t i = 0; i < late->count; i++) {
        needs |= late->shapes[i].function == request->pdu[0];
    }
    return needs;
}

bool gw_late_is_shape(const struct gw_late *late, const struct gw_frame_request *request) {
    for (size_t i = 0; i < late->count; i++) {
        if (late->shapes[i].function == request->pdu[0]
            && late->shapes[i].answer_bytes == request->answer_bytes) {
            return true;
        }
    }
    return false;
}

static bool can_be_fence(const struct gw_late *late, const struct gw_modbus_request *read) {
    struct gw_frame_request request;
    return !gw_frame_ask_read(read, &request) && !gw_late_is_shape(late, &request);
}

bool gw_late_fence(const struct gw_late *late, const struct gw_modbus_request *read,
                   struct gw_modbus_request *ret_fence) {
    unsigned step = gw_point_area_is_bits(read->area) ? 8 : 1;
    struct gw_modbus_request fence = *read;
    if (late->has_more) {
        return false;
    }
    for (unsigned less = 0; less < read->count; less += step) {
        fence.count = (uint16_t) (read->count - less);
        if ((less == 0 || late->deaf_to_fences < GW_LATE_DEAF) && can_be_fence(late, &fence)) {
            *ret_fence = fence;
            return true;
        }
    }
    return false;
}

size_t gw_late_frame_bytes(const struct gw_late *late, struct gw_bytes start) {
    if (start.len < 2) {
        return late->count > 0 ? GW_FRAME_RTU_MIN_BYTES : 0;
    }
    for (size_t i = 0; i < late->count; i++) {
        uint8_t function = late->shapes[i].function;
        size_t answer_bytes = late->shapes[i].answer_bytes;
        if (start.ptr[1] == (function | EXCEPTION_BIT)) {
            return GW_FRAME_RTU_MIN_BYTES;
        }
        bool has_count = function <= 4 && start.len > 2;
        if (start.ptr[1] == function && (!has_count || start.ptr[2] == answer_bytes - 2)) {
            return 1 + answer_bytes + 2;
        }
    }
    return 0;
}
