/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud-link/uplink/answer.h"

#include <string.h>

#define ANSWER_MAX_DEPTH 8
#define PAUSE_MAX_MS 3600000
#define RATE_MAX INT64_C(1000000000)

/* ---- small things ---- */

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char) (c + ('a' - 'A')) : c;
}

/* "application/json; charset=utf-8" is application/json (RFC 9110, 8.3.1). */
static bool is_media_type(struct gw_str header, struct gw_str wanted) {
    struct gw_str type = gw_str_trim(gw_str_sub(header, 0, gw_str_find(header, ';', 0)));
    if (type.len != wanted.len) {
        return false;
    }
    for (size_t i = 0; i < type.len; i++) {
        if (lower(type.ptr[i]) != wanted.ptr[i]) {
            return false;
        }
    }
    return true;
}

static struct gw_str text_of(const struct gw_json *object, const char *name) {
    struct gw_str text = {0};
    enum gw_err err = gw_json_get_str(gw_json_member(object, name), &text);
    return err ? (struct gw_str){0} : text;
}

/* A whole number of at least 0, else false. */
static bool number_of(const struct gw_json *object, const char *name, uint64_t *ret_number) {
    int64_t number;
    enum gw_err err = gw_json_get_i64(gw_json_member(object, name), &number);
    if (err || number < 0) {
        return false;
    }
    *ret_number = (uint64_t) number;
    return true;
}

/* ---- the parts of a contract answer ---- */

static bool does_echo(const struct gw_json *root, struct gw_epoch epoch,
                      enum gw_flow_class class, const struct gw_batch *batch) {
    char epoch_text[GW_EPOCH_TEXT_LEN + 1];
    uint64_t last = 0;
    gw_epoch_format(epoch, epoch_text);
    return gw_str_eq(text_of(root, "epoch"), gw_str_from_cstr(epoch_text))
           && gw_str_eq(text_of(root, "class"), gw_str_from_cstr(gw_flow_class_name(class)))
           && number_of(root, "last", &last) && last == batch->last;
}

static bool says_already_stored(const struct gw_json *root) {
    return gw_str_eq(text_of(root, "code"), GW_STR("already_stored"));
}

/* The slot an id stands for. NOENT if it is not of this batch. */
static enum gw_err find_slot(const struct gw_json *result, const struct gw_batch *batch,
                             struct gw_epoch epoch, enum gw_flow_class class,
                             size_t *ret_slot) {
    struct gw_event_id id;
    enum gw_flow_class id_class;
    uint64_t sequence;
    struct gw_epoch id_epoch;
    enum gw_err err = gw_event_id_parse(text_of(result, "id"), &id);
    if (err) {
        return GW_ERR_NOENT;
    }
    err = gw_event_id_split(id, &id_class, &sequence, &id_epoch);
    if (err || id_class != class || !gw_epoch_eq(id_epoch, epoch)) {
        return GW_ERR_NOENT;
    }
    return gw_batch_find(batch, sequence, ret_slot);
}

/* Set the verdicts; false if the list cannot be trusted. */
static bool read_results(const struct gw_json *results, struct gw_epoch epoch,
                         enum gw_flow_class class, struct gw_batch *batch, size_t *ret_named) {
    size_t named = 0;
    for (const struct gw_json *result = gw_json_first(results); result;
         result = gw_json_next(result)) {
        size_t slot;
        enum gw_disposition disposition;
        enum gw_err err = find_slot(result, batch, epoch, class, &slot);
        if (err || batch->slots[slot].verdict != GW_SLOT_UNNAMED) {
            return false;
        }
        err = gw_disposition_parse(text_of(result, "status"), &disposition);
        if (err) {
            disposition = GW_DISPOSITION_RETRY;
        }
        batch->slots[slot].verdict = (uint8_t) disposition;
        named++;
    }
    *ret_named = named;
    return true;
}

static void forget_verdicts(struct gw_batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        batch->slots[i].verdict = GW_SLOT_UNNAMED;
    }
}

static void read_credit(const struct gw_json *credit, struct gw_credit *ret_credit) {
    uint64_t number;
    if (!credit || gw_json_kind(credit) != GW_JSON_OBJECT_KIND) {
        return;
    }
    ret_credit->is_given = true;
    if (number_of(credit, "max_events", &number)) {
        ret_credit->max_events = number;
    }
    if (number_of(credit, "max_rate", &number)) {
        ret_credit->max_rate = (uint32_t) (number < RATE_MAX ? number : RATE_MAX);
    }
    enum gw_err err =
        gw_flow_class_parse(text_of(credit, "pause_class"), &ret_credit->pause_class);
    if (!err && number_of(credit, "pause_s", &number) && number > 0) {
        ret_credit->has_pause = true;
        ret_credit->pause_ms =
            (uint32_t) (number < PAUSE_MAX_MS / 1000 ? number * 1000 : PAUSE_MAX_MS);
    }
}

static void read_contract(const struct gw_json *root, struct gw_epoch epoch,
                          enum gw_flow_class class, struct gw_batch *batch,
                          struct gw_reply *reply) {
    const struct gw_json *results = gw_json_member(root, "results");
    uint64_t contract = 0;
    size_t named = 0;
    if (!number_of(root, "contract", &contract) || contract != 1) {
        return;
    }
    if (results && gw_json_kind(results) != GW_JSON_ARRAY) {
        return;
    }
    if (!read_results(results, epoch, class, batch, &named)) {
        forget_verdicts(batch);
        return;
    }
    struct gw_answer *facts = &reply->facts;
    facts->content = GW_CONTENT_CONTRACT;
    facts->echoes = does_echo(root, epoch, class, batch);
    facts->results = named == 0              ? GW_RESULTS_NONE
                     : named == batch->count ? GW_RESULTS_ALL
                                             : GW_RESULTS_SOME;
    facts->already_stored = says_already_stored(root);
    read_credit(gw_json_member(root, "credit"), &reply->credit);
}

static void read_problem(const struct gw_json *root, struct gw_epoch epoch,
                         enum gw_flow_class class, const struct gw_batch *batch,
                         struct gw_reply *reply) {
    if (!gw_str_starts_with(text_of(root, "type"), GW_STR(GW_PROBLEM_PREFIX))) {
        return;
    }
    reply->facts.content = GW_CONTENT_PROBLEM;
    reply->facts.echoes = does_echo(root, epoch, class, batch);
    reply->facts.already_stored = says_already_stored(root);
    reply->code = text_of(root, "code");
    reply->detail = text_of(root, "detail");
    if (reply->detail.len == 0) {
        reply->detail = text_of(root, "title");
    }
}

void gw_reply_parse(const struct gw_http_answer *answer, enum gw_ack_mode ack_mode,
                    struct gw_epoch epoch, enum gw_flow_class class, struct gw_batch *batch,
                    struct gw_reply *ret_reply) {
    struct gw_reply reply = {.facts = {.http_status = answer->status, .ack_mode = ack_mode}};
    bool is_json = is_media_type(answer->content_type, GW_STR("application/json"));
    bool is_problem = is_media_type(answer->content_type, GW_STR("application/problem+json"));
    struct gw_json_limits limits = {
        .max_bytes = answer->body.len, .max_depth = ANSWER_MAX_DEPTH, .flags = GW_JSON_OBJECT};
    forget_verdicts(batch);
    if ((is_json || is_problem)
        && gw_json_parse(answer->body, &limits, NULL, &reply.doc) == GW_OK) {
        const struct gw_json *root = gw_json_root(reply.doc);
        if (is_json) {
            read_contract(root, epoch, class, batch, &reply);
        } else {
            read_problem(root, epoch, class, batch, &reply);
        }
    }
    *ret_reply = reply;
}

void gw_reply_close(struct gw_reply *reply) {
    if (reply->doc) {
        gw_json_close(reply->doc);
        reply->doc = NULL;
    }
}

enum gw_err gw_reply_each_result(const struct gw_reply *reply, const struct gw_batch *batch,
                                 gw_result_each *each, void *context) {
    const struct gw_json *results =
        reply->doc ? gw_json_member(gw_json_root(reply->doc), "results") : NULL;
    for (const struct gw_json *entry = gw_json_first(results); entry;
         entry = gw_json_next(entry)) {
        struct gw_event_id id;
        enum gw_flow_class class;
        struct gw_epoch epoch;
        uint64_t sequence;
        struct gw_result result = {.code = text_of(entry, "code"),
                                   .detail = text_of(entry, "detail")};
        enum gw_err err = gw_event_id_parse(text_of(entry, "id"), &id);
        if (err) {
            return err;
        }
        err = gw_event_id_split(id, &class, &sequence, &epoch);
        if (err) {
            return err;
        }
        err = gw_batch_find(batch, sequence, &result.slot);
        if (err) {
            return err;
        }
        err = each(context, &result);
        if (err) {
            return err;
        }
    }
    return GW_OK;
}
