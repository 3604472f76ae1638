/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The centre's answer, taken apart. Pure: bytes in, facts out; what they mean is
 * the table in firmware/policy/verdict.h.
 *
 * Strict on purpose. An answer that names an id that was not sent, names one
 * twice, or is not whole JSON is no contract answer at all: content OTHER.
 */
#ifndef GW_CLOUD_LINK_ANSWER_H
#define GW_CLOUD_LINK_ANSWER_H

#include "cloud-link/http/transport.h"
#include "cloud-link/uplink/batch.h"
#include "firmware/json/json.h"

struct gw_credit {
    bool is_given;
    uint64_t max_events; /* 0 = not limited */
    uint32_t max_rate;   /* events a second, 0 = not limited */
    bool has_pause;
    enum gw_flow_class pause_class;
    uint32_t pause_ms;
};

struct gw_reply {
    struct gw_answer facts;
    struct gw_credit credit;
    struct gw_str code, detail; /* of a problem document; views into `doc` */
    struct gw_json_doc *doc;    /* NULL if the body is no JSON we look at */
};

/* `answer` to the request that carried `batch` of (epoch, class). Sets the
 * verdict of each named slot. Whatever comes, there is a reply: it never fails.
 * Close it with gw_reply_close. */
void gw_reply_parse(const struct gw_http_answer *answer, enum gw_ack_mode ack_mode,
                    struct gw_epoch epoch, enum gw_flow_class class, struct gw_batch *batch,
                    struct gw_reply *ret_reply);
void gw_reply_close(struct gw_reply *reply);

/* One element of `results`; texts are views into the reply's document. */
struct gw_result {
    size_t slot; /* index in the batch */
    struct gw_str code, detail;
};
/* Called for each element, in the answer's order. */
typedef enum gw_err gw_result_each(void *context, const struct gw_result *result);
/* First error of `each` ends the walk and is returned. */
enum gw_err gw_reply_each_result(const struct gw_reply *reply, const struct gw_batch *batch,
                                 gw_result_each *each, void *context);

#endif
