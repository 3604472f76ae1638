/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ordinary answer (an echo, perhaps a credit) is read from the checked text
 * without allocating: it comes for every request. Only `results` and problem
 * documents are worth a tree.
 */
#include "cloud-link/uplink/answer.h"

#include <string.h>

#define ANSWER_MAX_DEPTH 8
#define PAUSE_MAX_MS 3600000
#define RATE_MAX UINT64_C(1000000000)
/* Longer than any text compared here. */
#define TEXT_MAX 64

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

/* Is the member at `pointer` this text? */
static bool is_text(struct gw_str body, struct gw_str pointer, const char *wanted) {
    char storage[TEXT_MAX];
    struct gw_buf buf;
    struct gw_str raw;
    gw_buf_init(&buf, storage, sizeof(storage));
    return gw_json_find_raw(body, pointer, &raw) == GW_OK
           && gw_json_unescape(raw, &buf) == GW_OK
           && gw_str_eq(gw_buf_str(&buf), gw_str_from_cstr(wanted));
}

/* A whole number of at least 0 at `pointer`, else false. */
static bool number_at(struct gw_str body, struct gw_str pointer, uint64_t *ret_number) {
    struct gw_str raw;
    return gw_json_find_raw(body, pointer, &raw) == GW_OK
           && gw_str_to_u64(raw, UINT64_MAX, ret_number) == GW_OK;
}

/* ---- the parts of a contract answer ---- */

static bool does_echo(struct gw_str body, struct gw_epoch epoch, enum gw_flow_class class,
                      const struct gw_batch *batch) {
    char epoch_text[GW_EPOCH_TEXT_LEN + 1];
    uint64_t last = 0;
    gw_epoch_format(epoch, epoch_text);
    return is_text(body, GW_STR("/epoch"), epoch_text)
           && is_text(body, GW_STR("/class"), gw_flow_class_name(class))
           && number_at(body, GW_STR("/last"), &last) && last == batch->last;
}

static bool says_already_stored(struct gw_str body) {
    return is_text(body, GW_STR("/code"), "already_stored");
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

static void read_pause(struct gw_str body, struct gw_credit *ret_credit) {
    uint64_t seconds;
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        if (is_text(body, GW_STR("/credit/pause_class"),
                    gw_flow_class_name((enum gw_flow_class) class))
            && number_at(body, GW_STR("/credit/pause_s"), &seconds) && seconds > 0) {
            ret_credit->has_pause = true;
            ret_credit->pause_class = (enum gw_flow_class) class;
            ret_credit->pause_ms =
                (uint32_t) (seconds < PAUSE_MAX_MS / 1000 ? seconds * 1000 : PAUSE_MAX_MS);
        }
    }
}

static void read_credit(struct gw_str body, struct gw_credit *ret_credit) {
    struct gw_str raw;
    uint64_t number;
    if (gw_json_find_raw(body, GW_STR("/credit"), &raw) != GW_OK) {
        return;
    }
    ret_credit->is_given = true;
    if (number_at(body, GW_STR("/credit/max_events"), &number)) {
        ret_credit->max_events = number;
    }
    if (number_at(body, GW_STR("/credit/max_rate"), &number)) {
        ret_credit->max_rate = (uint32_t) (number < RATE_MAX ? number : RATE_MAX);
    }
    read_pause(body, ret_credit);
}

/* The verdicts of `results`, if there are any; false if they cannot be trusted. */
static bool take_results(struct gw_str body, struct gw_epoch epoch, enum gw_flow_class class,
                         struct gw_batch *batch, struct gw_reply *reply) {
    struct gw_str raw;
    size_t named = 0;
    if (gw_json_find_raw(body, GW_STR("/results"), &raw) != GW_OK) {
        return true;
    }
    if (gw_json_parse(body,
                      &(struct gw_json_limits){body.len, ANSWER_MAX_DEPTH, GW_JSON_OBJECT},
                      NULL, &reply->doc)
        != GW_OK) {
        return false;
    }
    const struct gw_json *results = gw_json_member(gw_json_root(reply->doc), "results");
    if (gw_json_kind(results) != GW_JSON_ARRAY
        || !read_results(results, epoch, class, batch, &named)) {
        forget_verdicts(batch);
        return false;
    }
    reply->facts.results = named == 0              ? GW_RESULTS_NONE
                           : named == batch->count ? GW_RESULTS_ALL
                                                   : GW_RESULTS_SOME;
    return true;
}

static void read_contract(struct gw_str body, struct gw_epoch epoch, enum gw_flow_class class,
                          struct gw_batch *batch, struct gw_reply *reply) {
    uint64_t contract = 0;
    if (!number_at(body, GW_STR("/contract"), &contract) || contract != 1
        || !take_results(body, epoch, class, batch, reply)) {
        return;
    }
    reply->facts.content = GW_CONTENT_CONTRACT;
    reply->facts.echoes = does_echo(body, epoch, class, batch);
    reply->facts.already_stored = says_already_stored(body);
    read_credit(body, &reply->credit);
}

static void read_problem(struct gw_str body, struct gw_epoch epoch, enum gw_flow_class class,
                         const struct gw_batch *batch, struct gw_reply *reply) {
    if (gw_json_parse(body,
                      &(struct gw_json_limits){body.len, ANSWER_MAX_DEPTH, GW_JSON_OBJECT},
                      NULL, &reply->doc)
        != GW_OK) {
        return;
    }
    const struct gw_json *root = gw_json_root(reply->doc);
    if (!gw_str_starts_with(text_of(root, "type"), GW_STR(GW_PROBLEM_PREFIX))) {
        return;
    }
    reply->facts.content = GW_CONTENT_PROBLEM;
    reply->facts.echoes = does_echo(body, epoch, class, batch);
    reply->facts.already_stored = says_already_stored(body);
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
    if ((is_json || is_problem) && gw_json_check(answer->body, &limits, NULL) == GW_OK) {
        if (is_json) {
            read_contract(answer->body, epoch, class, batch, &reply);
        } else {
            read_problem(answer->body, epoch, class, batch, &reply);
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
