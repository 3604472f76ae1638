/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the centre's answer means, as tables.
 *
 * The gateway believes nobody by default: a status code alone is an
 * acknowledgement only for sinks configured so, because captive portals answer
 * 200 and proxies answer 400. Rows are matched first to last; an answer that no
 * row names is never an acknowledgement and never a dead letter.
 */
#ifndef GW_POLICY_VERDICT_H
#define GW_POLICY_VERDICT_H

#include "firmware/base/str.h"

/* What the body of an answer turned out to be. */
enum gw_answer_content {
    GW_CONTENT_OTHER,    /* anything else: HTML, nothing, half an answer */
    GW_CONTENT_CONTRACT, /* application/json with "contract":1, whole and well-formed */
    GW_CONTENT_PROBLEM,  /* application/problem+json with a type of ours (GW_PROBLEM_PREFIX) */
};
#define GW_PROBLEM_PREFIX "urn:gangway:problem:"

enum gw_answer_results {
    GW_RESULTS_NONE, /* no `results` member, or an empty one */
    GW_RESULTS_SOME, /* some ids of the batch, none foreign */
    GW_RESULTS_ALL,  /* every id of the batch */
};

enum gw_ack_mode {
    GW_ACK_CONTRACT, /* the contract's echo is the acknowledgement */
    GW_ACK_STATUS,   /* a bare 2xx is (webhooks, foreign endpoints) */
};

struct gw_answer {
    unsigned http_status; /* 0: no answer at all (time-out, network, TLS) */
    enum gw_answer_content content;
    bool echoes; /* epoch, class and last sequence are those of the request */
    enum gw_answer_results results;
    bool already_stored; /* body says code "already_stored", as contract or problem */
    enum gw_ack_mode ack_mode;
};

enum gw_sink_action {
    GW_ACTION_ACCEPT,         /* every event of the batch is durably taken */
    GW_ACTION_PER_EVENT,      /* as `results` say; unnamed events are taken only
                                 if the answer echoes */
    GW_ACTION_ALREADY_STORED, /* success: an earlier request did it */
    GW_ACTION_BISECT,         /* split down to the event the centre refuses */
    GW_ACTION_CONFIG_FAULT,   /* issue, slow probe; never bisect or dead-letter */
    GW_ACTION_HALVE_BATCH,    /* too large: remember half the limit, send again;
                                 at one event: as CONFIG_FAULT */
    GW_ACTION_STOP_SINK,      /* issue, slow probe; never dead-letter */
    GW_ACTION_RETRY,          /* back off, obey Retry-After */
    GW_ACTION_NO_ACK,         /* a 2xx or 3xx that promises nothing: issue, back off */
    GW_ACTION_COUNT
};

/* Action for an answer. Pure; total: every input has an action. */
enum gw_sink_action gw_verdict_action(const struct gw_answer *answer);
/* "accept", "per_event", ... Static storage; "unknown" outside the enum. */
const char *gw_sink_action_name(enum gw_sink_action action);
/* The action of that name. NOENT. */
enum gw_err gw_sink_action_parse(struct gw_str name, enum gw_sink_action *ret_action);

/* What the centre says of one event. */
enum gw_disposition {
    GW_DISPOSITION_ACCEPTED,
    GW_DISPOSITION_DUPLICATE,
    GW_DISPOSITION_CONFLICT,
    GW_DISPOSITION_REJECTED,
    GW_DISPOSITION_RETRY,
    GW_DISPOSITION_COUNT
};

struct gw_disposition_rules {
    const char *word;     /* as in `results[].status` */
    bool is_success;      /* the centre holds this very event */
    bool advances_cursor; /* the cursor may pass it */
    bool is_kept;         /* kept by the sink: dead letter or conflict */
    bool raises_issue;
};

/* Rules of a disposition; static storage. `disposition` must be in range. */
const struct gw_disposition_rules *gw_disposition_find(enum gw_disposition disposition);
/* By word. NOENT for a word this build does not know: treat the event as
 * GW_DISPOSITION_RETRY, never as success. */
enum gw_err gw_disposition_parse(struct gw_str word, enum gw_disposition *ret_disposition);

/* True if the same call may pass later without anybody changing anything. */
bool gw_err_is_retryable(enum gw_err err);

#endif
