/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/late.h"

#include <string.h>

#define EXCEPTION_BIT 0x80u

void gw_late_note(struct gw_late *late, const struct gw_frame_request *request) {
    if (late->count == GW_LATE_MAX) {
        memmove(&late->shapes[0], &late->shapes[1], sizeof late->shapes - sizeof *late->shapes);
        late->count--;
    }
    late->shapes[late->count].function = request->pdu[0];
    late->shapes[late->count].answer_bytes = (uint8_t) request->answer_bytes;
    late->count++;
}

void gw_late_clear(struct gw_late *late) {
    late->count = 0;
}

bool gw_late_needs_fence(const struct gw_late *late, const struct gw_frame_request *request) {
    for (size_t i = 0; i < late->count; i++) {
        if (late->shapes[i].function == request->pdu[0]) {
            return true;
        }
    }
    return false;
}

static bool is_late_shape(const struct gw_late *late, const struct gw_frame_request *request) {
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
    return !gw_frame_ask_read(read, &request) && !is_late_shape(late, &request);
}

/* `count` values that are, or at least include, what `read` wants. */
static struct gw_modbus_request with_count(const struct gw_modbus_request *read,
                                           unsigned count) {
    struct gw_modbus_request changed = *read;
    changed.count = (uint16_t) count;
    if (read->address + count > 65536) {
        changed.address = (uint16_t) (65536 - count);
    }
    return changed;
}

struct gw_modbus_request gw_late_fence(const struct gw_late *late,
                                       const struct gw_modbus_request *read) {
    unsigned step = gw_point_area_is_bits(read->area) ? 8 : 1;
    for (unsigned i = 1; i <= GW_LATE_MAX + 1; i++) {
        unsigned less = read->count > i * step ? read->count - i * step : 0;
        struct gw_modbus_request fence = with_count(read, less);
        if (can_be_fence(late, &fence)) {
            return fence;
        }
        fence = with_count(read, read->count + i * step);
        if (can_be_fence(late, &fence)) {
            return fence;
        }
    }
    return *read; /* not reached: the loop has more shapes than `late` can hold */
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
