/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/policy/verdict.h"

/* Sets of enum values a row accepts. */
#define BIT(value) (1u << (unsigned) (value))
#define ANY 0xffu
#define YES BIT(true)
#define NO BIT(false)
#define CONTRACT BIT(GW_CONTENT_CONTRACT)
#define PROBLEM BIT(GW_CONTENT_PROBLEM)

struct verdict_row {
    uint16_t first_status, last_status;
    uint8_t content;        /* set of enum gw_answer_content */
    uint8_t echoes;         /* set of bool */
    uint8_t results;        /* set of enum gw_answer_results */
    uint8_t already_stored; /* set of bool */
    uint8_t ack_mode;       /* set of enum gw_ack_mode */
    enum gw_sink_action action;
};

#define RESULTS_NONE BIT(GW_RESULTS_NONE)
#define RESULTS_NAMED (BIT(GW_RESULTS_SOME) | BIT(GW_RESULTS_ALL))
#define RESULTS_ALL BIT(GW_RESULTS_ALL)
#define BY_STATUS BIT(GW_ACK_STATUS)

static const struct verdict_row verdict_rows[] = {
    /* no answer: time-out, refused, reset, TLS */
    {0, 0, ANY, ANY, ANY, ANY, ANY, GW_ACTION_RETRY},

    {200, 200, CONTRACT, YES, RESULTS_NONE, ANY, ANY, GW_ACTION_ACCEPT},
    {200, 200, CONTRACT, YES, RESULTS_NAMED, ANY, ANY, GW_ACTION_PER_EVENT},
    {200, 200, CONTRACT, ANY, RESULTS_ALL, ANY, ANY, GW_ACTION_PER_EVENT},
    {200, 299, ANY, ANY, ANY, ANY, BY_STATUS, GW_ACTION_ACCEPT},
    {200, 399, ANY, ANY, ANY, ANY, ANY, GW_ACTION_NO_ACK},

    {409, 409, CONTRACT | PROBLEM, YES, ANY, YES, ANY, GW_ACTION_ALREADY_STORED},
    {409, 409, ANY, ANY, ANY, ANY, ANY, GW_ACTION_RETRY},
    {400, 400, PROBLEM, ANY, ANY, ANY, ANY, GW_ACTION_BISECT},
    {422, 422, PROBLEM, ANY, ANY, ANY, ANY, GW_ACTION_BISECT},
    {413, 413, ANY, ANY, ANY, ANY, ANY, GW_ACTION_HALVE_BATCH},
    {401, 401, ANY, ANY, ANY, ANY, ANY, GW_ACTION_STOP_SINK},
    {403, 405, ANY, ANY, ANY, ANY, ANY, GW_ACTION_STOP_SINK},
    {410, 410, ANY, ANY, ANY, ANY, ANY, GW_ACTION_STOP_SINK},
    {415, 415, ANY, ANY, ANY, ANY, ANY, GW_ACTION_STOP_SINK},
    {408, 408, ANY, ANY, ANY, ANY, ANY, GW_ACTION_RETRY},
    {425, 425, ANY, ANY, ANY, ANY, ANY, GW_ACTION_RETRY},
    {429, 429, ANY, ANY, ANY, ANY, ANY, GW_ACTION_RETRY},
    /* nginx answers a bad client certificate with 400; the rest of 4xx is
     * likewise about how we ask, not about an event */
    {400, 499, ANY, ANY, ANY, ANY, ANY, GW_ACTION_CONFIG_FAULT},
};

static bool is_in(uint8_t set, unsigned value) {
    return (set & BIT(value)) != 0;
}

static bool row_matches(const struct verdict_row *row, const struct gw_answer *answer) {
    return answer->http_status >= row->first_status && answer->http_status <= row->last_status
           && is_in(row->content, answer->content) && is_in(row->echoes, answer->echoes)
           && is_in(row->results, answer->results)
           && is_in(row->already_stored, answer->already_stored)
           && is_in(row->ack_mode, answer->ack_mode);
}

enum gw_sink_action gw_verdict_action(const struct gw_answer *answer) {
    for (size_t i = 0; i < sizeof(verdict_rows) / sizeof(verdict_rows[0]); i++) {
        if (row_matches(&verdict_rows[i], answer)) {
            return verdict_rows[i].action;
        }
    }
    return GW_ACTION_RETRY; /* 1xx, 5xx and numbers HTTP does not have */
}

static const char *const action_names[GW_ACTION_COUNT] = {
    [GW_ACTION_ACCEPT] = "accept",
    [GW_ACTION_PER_EVENT] = "per_event",
    [GW_ACTION_ALREADY_STORED] = "already_stored",
    [GW_ACTION_BISECT] = "bisect",
    [GW_ACTION_CONFIG_FAULT] = "config_fault",
    [GW_ACTION_HALVE_BATCH] = "halve_batch",
    [GW_ACTION_STOP_SINK] = "stop_sink",
    [GW_ACTION_RETRY] = "retry",
    [GW_ACTION_NO_ACK] = "no_ack",
};

const char *gw_sink_action_name(enum gw_sink_action action) {
    return (unsigned) action < GW_ACTION_COUNT ? action_names[action] : "unknown";
}

enum gw_err gw_sink_action_parse(struct gw_str name, enum gw_sink_action *ret_action) {
    for (unsigned i = 0; i < GW_ACTION_COUNT; i++) {
        if (gw_str_eq(name, gw_str_from_cstr(action_names[i]))) {
            *ret_action = (enum gw_sink_action) i;
            return GW_OK;
        }
    }
    return GW_ERR_NOENT;
}

static const struct gw_disposition_rules disposition_rules[GW_DISPOSITION_COUNT] = {
    [GW_DISPOSITION_ACCEPTED] = {"accepted", true, true, false, false},
    [GW_DISPOSITION_DUPLICATE] = {"duplicate", true, true, false, false},
    /* The centre holds other content under this id: passing it without keeping
     * ours would lose an event in silence. */
    [GW_DISPOSITION_CONFLICT] = {"conflict", false, true, true, true},
    [GW_DISPOSITION_REJECTED] = {"rejected", false, true, true, true},
    [GW_DISPOSITION_RETRY] = {"retry", false, false, false, false},
};

const struct gw_disposition_rules *gw_disposition_find(enum gw_disposition disposition) {
    return &disposition_rules[disposition];
}

enum gw_err gw_disposition_parse(struct gw_str word, enum gw_disposition *ret_disposition) {
    for (unsigned i = 0; i < GW_DISPOSITION_COUNT; i++) {
        if (gw_str_eq(word, gw_str_from_cstr(disposition_rules[i].word))) {
            *ret_disposition = (enum gw_disposition) i;
            return GW_OK;
        }
    }
    return GW_ERR_NOENT;
}

static const bool retryable[GW_ERR_COUNT_] = {
    [GW_ERR_RETRY] = true, [GW_ERR_TIMEOUT] = true, [GW_ERR_NOCONN] = true,
    [GW_ERR_FULL] = true,  [GW_ERR_BUSY] = true,
};

bool gw_err_is_retryable(enum gw_err err) {
    return (unsigned) err < GW_ERR_COUNT_ && retryable[err];
}
