/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of one RTU unit that may still come. Pure.
 *
 * An RTU answer carries no transaction id: when a request was given up, its late
 * answer fits the next request that asks for as many values by the same function,
 * though it is of another time or another address. Waiting does not help against a
 * unit that is slow enough. So the shape of what was given up is remembered (function
 * and length of the answer). A late answer of another shape than the one that is
 * waited for is known by it and thrown away. Before a request of the same function
 * the unit is asked for something whose answer no late one fits, the *fence*: a unit
 * answers one request after the other, so after the answer to the fence nothing older
 * can come.
 */
#ifndef GW_MODBUS_LATE_H
#define GW_MODBUS_LATE_H

#include "drivers/modbus/frame.h"

#define GW_LATE_MAX 6

struct gw_late {
    struct {
        uint8_t function;
        uint8_t answer_bytes; /* of the PDU */
    } shapes[GW_LATE_MAX];    /* oldest first */
    uint8_t count;
};

/* The request was sent and given up. Of more than GW_LATE_MAX the oldest is forgotten. */
void gw_late_note(struct gw_late *late, const struct gw_frame_request *request);
/* The unit answered something that no late answer fits. */
void gw_late_clear(struct gw_late *late);
/* Whether a late answer, or a late exception, could be taken for that of `request`. */
bool gw_late_needs_fence(const struct gw_late *late, const struct gw_frame_request *request);
/* A read like `read`, of more or fewer values: no late answer fits it but, if
 * _needs_fence says so of the fence as well, a late exception. There always is one. */
struct gw_modbus_request gw_late_fence(const struct gw_late *late,
                                       const struct gw_modbus_request *read);
/* How long the RTU frame of the unit that starts with `start`, a byte or more, is if it
 * is one of the late ones, as far as can be told; 0 if it is none. */
size_t gw_late_frame_bytes(const struct gw_late *late, struct gw_bytes start);

#endif
