/* SPDX-License-Identifier: Apache-2.0 */
/* An answer being worked on: shared by outcome.c (events that have to go out) and
 * outcome_asked.c (replays and letters). */
#ifndef GW_CLOUD_LINK_OUTCOME_H
#define GW_CLOUD_LINK_OUTCOME_H

#include "cloud-link/uplink/state.h"

struct gw_exchange {
    struct gw_lane *lane;
    struct gw_uplink *uplink;
    const struct gw_http_answer *answer;
    struct gw_reply reply;
};

/* What came back, as one line for a person. */
void gw_exchange_describe(const struct gw_exchange *x, const char *what,
                          char text[static GW_UPLINK_ERROR_MAX]);
/* What the answer's Retry-After asks for, 0 = nothing. */
uint64_t gw_exchange_retry_after_ms(const struct gw_exchange *x);
/* True if it speaks of the centre as a whole; other failures may be about one batch,
 * and then only its class waits. */
bool gw_exchange_is_about_the_centre(const struct gw_exchange *x);

/* Why the contiguous prefix of settled slots ends. */
enum gw_prefix_end {
    GW_PREFIX_WHOLE,
    GW_PREFIX_RETRY,
    GW_PREFIX_TOMBSTONE_REFUSED,
    GW_PREFIX_TOO_MANY, /* more given up than `may_give_up` allows */
};
/* Length of the prefix that is settled for good; unnamed slots get their verdict. */
enum gw_prefix_end gw_exchange_find_prefix(struct gw_exchange *x,
                                           bool (*may_give_up)(struct gw_lane *lane,
                                                               uint64_t more),
                                           size_t *ret_count);
/* The link store refused what has to be kept. */
void gw_exchange_note_store(struct gw_exchange *x, enum gw_err err);

/* outcome_asked.c: what an answer means for the replay or letter in flight. None of it
 * moves the back-off of a class or of the sink. */
void gw_asked_answered(struct gw_exchange *x);
/* There was no answer. */
void gw_asked_not_answered(struct gw_exchange *x);

#endif
