/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/assembly.h"

#include <string.h>

/* How long the late frame is that the bytes start with; 0 if it is none. */
static size_t late_bytes(const struct gw_assembly *assembly,
                         const struct gw_expectation *expected) {
    if (expected->kind != GW_FRAME_RTU || assembly->len < 1
        || assembly->bytes[0] > GW_RTU_UNIT_MAX) {
        return 0;
    }
    struct gw_bytes bytes = {assembly->bytes, assembly->len};
    size_t len = gw_late_frame_bytes(&expected->late[bytes.ptr[0]], bytes);
    bool is_whole = bytes.len >= len;
    return is_whole && !gw_frame_has_crc((struct gw_bytes){bytes.ptr, len}) ? 0 : len;
}

enum gw_err gw_assembly_look(struct gw_assembly *assembly,
                             const struct gw_expectation *expected, uint64_t *ret_late) {
    for (;;) {
        size_t wanted = gw_frame_wanted(expected->kind, expected->request,
                                        (struct gw_bytes){assembly->bytes, assembly->len});
        if (wanted > 0 && assembly->len >= wanted) {
            return assembly->len == wanted ? GW_OK : GW_ERR_CORRUPT;
        }
        size_t late = wanted == 0 ? late_bytes(assembly, expected) : 0;
        if (wanted == 0 && late == 0) {
            return GW_ERR_CORRUPT;
        }
        if (late == 0 || late > assembly->len) {
            return GW_ERR_RETRY;
        }
        assembly->len -= late;
        memmove(assembly->bytes, assembly->bytes + late, assembly->len);
        (*ret_late)++;
    }
}
