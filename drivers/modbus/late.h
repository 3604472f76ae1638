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
 * silent about registers they do not have. Where no shorter read is left (a count of 1), or
 * the unit did not answer one, the request itself is the fence: with n answers still to
 * come, the answer to the n+1st asking was said after the first asking.
 *
 * A shape is forgotten GW_LATE_TIMEOUTS time-outs after its request. A unit, or a device
 * server before it, that holds an answer back for so long is configured with a time-out
 * that is an order of magnitude too short; against a lost frame, which never comes, memory
 * without an end would cost every later read a second request.
 *
 * Once an answer was seen to come late nothing is forgotten by time until a fence was
 * answered: such a unit may be one request behind for ever.
 */
#ifndef GW_MODBUS_LATE_H
#define GW_MODBUS_LATE_H

#include "drivers/modbus/frame.h"

#define GW_LATE_MAX 6
#define GW_LATE_TIMEOUTS 10
/* So many fences in a row without an answer: the unit is mute about short reads. */
#define GW_LATE_DEAF 2

struct gw_late {
    struct {
        uint8_t function;
        uint8_t answer_bytes; /* of the PDU */
        int64_t until_us;     /* when it is forgotten */
    } shapes[GW_LATE_MAX];    /* oldest first */
    uint8_t count;
    bool is_proven;         /* an answer did come late: nothing is forgotten by time */
    uint8_t deaf_to_fences; /* shorter reads in a row that were not answered */
};

/* The request was sent and given up. Of more than GW_LATE_MAX the oldest is forgotten. */
void gw_late_note(struct gw_late *late, const struct gw_frame_request *request,
                  int64_t until_us);
/* Forget what cannot come any more, by the clock of _note. */
void gw_late_forget(struct gw_late *late, int64_t now_us);
/* The unit answered something that no late answer fits. */
void gw_late_clear(struct gw_late *late);
/* Whether a late answer, or a late exception, could be taken for that of `request`. */
bool gw_late_needs_fence(const struct gw_late *late, const struct gw_frame_request *request);
/* How many late answers or exceptions could be taken for that of `request`, at most. */
unsigned gw_late_count(const struct gw_late *late, const struct gw_frame_request *request);
/* Whether a late answer, exceptions aside, has the shape of the one to `request`. */
bool gw_late_is_shape(const struct gw_late *late, const struct gw_frame_request *request);
/* `read` itself or its beginning: no late answer fits it but, if _needs_fence says so of
 * the fence as well, a late exception. False: there is none; repeat `read`. */
bool gw_late_fence(const struct gw_late *late, const struct gw_modbus_request *read,
                   struct gw_modbus_request *ret_fence);
/* How long the RTU frame of the unit that starts with `start`, a byte or more, is if it
 * is one of the late ones, as far as can be told; 0 if it is none. */
size_t gw_late_frame_bytes(const struct gw_late *late, struct gw_bytes start);

#endif
