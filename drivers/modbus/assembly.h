/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer as its bytes come in, in whatever pieces. Pure.
 *
 * On RTU answers that come late (late.h), of any unit, may stand before the one that is
 * waited for; they are dropped.
 */
#ifndef GW_MODBUS_ASSEMBLY_H
#define GW_MODBUS_ASSEMBLY_H

#include "drivers/modbus/late.h"

/* Units of an RTU line are 1 to 247 (MODBUS over Serial Line V1.02, 2.2). */
#define GW_RTU_UNIT_MAX 247

struct gw_assembly {
    uint8_t bytes[2 * GW_FRAME_MAX_BYTES];
    size_t len;
};

/* What is waited for. */
struct gw_expectation {
    enum gw_frame_kind kind;
    const struct gw_frame_request *request;
    const struct gw_late *late; /* of each unit up to GW_RTU_UNIT_MAX; unused on TCP */
};

/* Look at what came. OK: it is the answer, as far as its length goes, and nothing
 * follows it; RETRY: more must come, there is room for it; CORRUPT. *ret_late is
 * increased by the late answers that were dropped. */
enum gw_err gw_assembly_look(struct gw_assembly *assembly,
                             const struct gw_expectation *expected, uint64_t *ret_late);

#endif
