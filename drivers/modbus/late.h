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
 *
 * A fence reads what is asked anyway, or the beginning of it, never more: many devices are
 * silent about registers they do not have. Where no shorter read is left (a count of 1),
 * where the unit did not answer one, or where more shapes were given up than are
 * remembered, the unit is asked once, and when it has answered the line must be quiet for
 * GW_LATE_QUIET_TIMEOUTS time-outs: a unit that answers again answers what it still owes one
 * after the other, so nothing is owed then. What remains is a unit that always takes longer
 * than that, and of which single registers only are read: its time-out is too short by far.
 *
 * Nothing is forgotten by time: a unit that was silent for an hour may begin with the
 * answer to what it was asked then.
 */
#ifndef GW_MODBUS_LATE_H
#define GW_MODBUS_LATE_H

#include "drivers/modbus/frame.h"

#define GW_LATE_MAX 8
#define GW_LATE_QUIET_TIMEOUTS 2
/* So many fences in a row without an answer: the unit is mute about short reads. */
#define GW_LATE_DEAF 2

struct gw_late {
    struct {
        uint8_t function;
        uint8_t answer_bytes; /* of the PDU */
    } shapes[GW_LATE_MAX];    /* each once */
    uint8_t count;
    bool has_more;          /* than are remembered: anything may come */
    uint8_t deaf_to_fences; /* shorter reads in a row that were not answered */
};

/* The request was sent and given up. Of more than GW_LATE_MAX shapes only that there were
 * more is remembered. */
void gw_late_note(struct gw_late *late, const struct gw_frame_request *request);
/* Nothing can come late any more. */
void gw_late_clear(struct gw_late *late);
/* Whether a late answer, or a late exception, could be taken for that of `request`. */
bool gw_late_needs_fence(const struct gw_late *late, const struct gw_frame_request *request);
/* Whether a late answer, exceptions aside, has the shape of the one to `request`. */
bool gw_late_is_shape(const struct gw_late *late, const struct gw_frame_request *request);
/* `read` itself or its beginning: no late answer fits it but, if _needs_fence says so of
 * the fence as well, a late exception. False: there is none; wait until the unit is quiet. */
bool gw_late_fence(const struct gw_late *late, const struct gw_modbus_request *read,
                   struct gw_modbus_request *ret_fence);
/* How long the RTU frame of the unit that starts with `start`, a byte or more, is if it
 * is one of the late ones, as far as can be told; 0 if it is none. */
size_t gw_late_frame_bytes(const struct gw_late *late, struct gw_bytes start);

#endif
