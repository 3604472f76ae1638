/* SPDX-License-Identifier: Apache-2.0 */
/* Each golden answer (tests/contract/v1/answers), as bytes, through the parser of the
 * uplink: facts, action, verdict of each event, how far it is taken, credit. The batch
 * is what the golden request names. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cloud-link/uplink/answer.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "firmware/json/json.h"
#include "firmware/policy/backoff.h"

#define ANSWERS GW_SOURCE_DIR "/tests/contract/v1/answers"
#define SLOTS 64

/* ---- reading the golden file ---- */

static const struct gw_json *at(const struct gw_json *golden, const char *pointer) {
    return gw_json_pointer(golden, gw_str_from_cstr(pointer));
}

static struct gw_str text_at(const struct gw_json *golden, const char *pointer) {
    struct gw_str text = {0};
    if (at(golden, pointer)) {
        assert_int_equal(gw_json_get_str(at(golden, pointer), &text), GW_OK);
    }
    return text;
}

/* 0 if absent. */
static uint64_t number_at(const struct gw_json *golden, const char *pointer) {
    int64_t number = 0;
    if (at(golden, pointer)) {
        assert_int_equal(gw_json_get_i64(at(golden, pointer), &number), GW_OK);
    }
    return (uint64_t) number;
}

static void says(const char *name, const char *what, struct gw_str found,
                 struct gw_str expected) {
    if (!gw_str_eq(found, expected)) {
        fail_msg("%s: %s is %.*s, expected %.*s", name, what, GW_STR_ARG(found),
                 GW_STR_ARG(expected));
    }
}

static void counts(const char *name, const char *what, uint64_t found, uint64_t expected) {
    if (found != expected) {
        fail_msg("%s: %s is %llu, expected %llu", name, what, (unsigned long long) found,
                 (unsigned long long) expected);
    }
}

/* ---- the request it answers ---- */

struct sent {
    struct gw_slot slots[SLOTS];
    struct gw_batch batch;
    struct gw_epoch epoch;
    enum gw_flow_class class;
    enum gw_ack_mode ack_mode;
};

static void read_request(const struct gw_json *golden, struct sent *sent) {
    *sent = (struct sent){.batch = {.first = number_at(golden, "/request/first"),
                                    .last = number_at(golden, "/request/last")}};
    sent->batch.slots = sent->slots;
    sent->batch.slot_max = SLOTS;
    sent->ack_mode = gw_str_eq(text_at(golden, "/ack_mode"), GW_STR("status"))
                         ? GW_ACK_STATUS
                         : GW_ACK_CONTRACT;
    assert_int_equal(gw_epoch_parse(text_at(golden, "/request/epoch"), &sent->epoch), GW_OK);
    assert_int_equal(gw_flow_class_parse(text_at(golden, "/request/class"), &sent->class),
                     GW_OK);
    for (const struct gw_json *id = gw_json_first(at(golden, "/request/ids")); id;
         id = gw_json_next(id)) {
        struct gw_str text;
        struct gw_event_id event_id;
        struct gw_slot slot = {.span = 1, .verdict = GW_SLOT_UNNAMED};
        enum gw_flow_class class;
        struct gw_epoch epoch;
        assert_int_equal(gw_json_get_str(id, &text), GW_OK);
        assert_int_equal(gw_event_id_parse(text, &event_id), GW_OK);
        assert_int_equal(gw_event_id_split(event_id, &class, &slot.sequence, &epoch), GW_OK);
        assert_true(sent->batch.count < SLOTS);
        sent->slots[sent->batch.count++] = slot;
    }
    sent->batch.events = sent->batch.count;
    assert_true(sent->batch.count > 0);
}

static struct gw_http_answer read_answer(const struct gw_json *golden) {
    struct gw_http_answer answer = {
        .text = "",
        .status = (unsigned) number_at(golden, "/answer/status"),
        .content_type = text_at(golden, "/answer/headers/Content-Type"),
        .retry_after = text_at(golden, "/answer/headers/Retry-After"),
        .body = text_at(golden, "/answer/body"),
    };
    answer.fault = answer.status ? GW_HTTP_ANSWERED : GW_HTTP_UNREACHABLE;
    return answer;
}

/* ---- what comes of it ---- */

static const char *const contents[] = {[GW_CONTENT_OTHER] = "other",
                                       [GW_CONTENT_CONTRACT] = "contract",
                                       [GW_CONTENT_PROBLEM] = "problem"};
static const char *const results[] = {
    [GW_RESULTS_NONE] = "none", [GW_RESULTS_SOME] = "some", [GW_RESULTS_ALL] = "all"};

static void check_facts(const char *name, const struct gw_json *golden,
                        const struct gw_answer *facts) {
    bool echoes, already_stored;
    assert_int_equal(gw_json_get_bool(at(golden, "/facts/echoes"), &echoes), GW_OK);
    assert_int_equal(gw_json_get_bool(at(golden, "/facts/already_stored"), &already_stored),
                     GW_OK);
    says(name, "content", gw_str_from_cstr(contents[facts->content]),
         text_at(golden, "/facts/content"));
    says(name, "results", gw_str_from_cstr(results[facts->results]),
         text_at(golden, "/facts/results"));
    counts(name, "echoes", facts->echoes, echoes);
    counts(name, "already_stored", facts->already_stored, already_stored);
}

/* As outcome.c reads a slot. */
static enum gw_disposition disposition_of(const struct gw_slot *slot,
                                          enum gw_sink_action action,
                                          const struct gw_answer *facts) {
    if (action != GW_ACTION_PER_EVENT) {
        return GW_DISPOSITION_ACCEPTED;
    }
    if (slot->verdict == GW_SLOT_UNNAMED) {
        return facts->echoes ? GW_DISPOSITION_ACCEPTED : GW_DISPOSITION_RETRY;
    }
    return (enum gw_disposition) slot->verdict;
}

/* `dispositions` names every id of the request, in any order. */
static void check_dispositions(const char *name, const struct gw_json *golden,
                               const struct sent *sent, enum gw_sink_action action,
                               const struct gw_answer *facts) {
    const struct gw_json *expected = at(golden, "/expected/dispositions");
    uint64_t taken_up_to = sent->batch.first - 1;
    bool is_prefix = true;
    for (size_t i = 0; i < sent->batch.count; i++) {
        const struct gw_slot *slot = &sent->slots[i];
        char id[GW_EVENT_ID_TEXT_LEN + 1];
        struct gw_str word = {0};
        enum gw_disposition wanted;
        enum gw_disposition found = disposition_of(slot, action, facts);
        gw_event_id_format(gw_event_id_make(sent->class, slot->sequence, sent->epoch), id);
        assert_int_equal(gw_json_get_str(gw_json_member(expected, id), &word), GW_OK);
        assert_int_equal(gw_disposition_parse(word, &wanted), GW_OK);
        counts(name, id, found, wanted);
        is_prefix = is_prefix && gw_disposition_find(found)->advances_cursor;
        taken_up_to = is_prefix ? slot->sequence : taken_up_to;
    }
    counts(name, "taken_up_to", taken_up_to, number_at(golden, "/expected/taken_up_to"));
}

static void check_credit(const char *name, const struct gw_json *golden,
                         const struct gw_credit *credit) {
    counts(name, "is_given", credit->is_given, at(golden, "/expected/credit") != NULL);
    counts(name, "max_events", credit->max_events,
           number_at(golden, "/expected/credit/max_events"));
    counts(name, "max_rate", credit->max_rate, number_at(golden, "/expected/credit/max_rate"));
    counts(name, "pause_ms", credit->pause_ms,
           number_at(golden, "/expected/credit/pause_s") * 1000);
    if (credit->has_pause) {
        says(name, "pause_class", gw_str_from_cstr(gw_flow_class_name(credit->pause_class)),
             text_at(golden, "/expected/credit/pause_class"));
    }
}

/* Returns the action. */
static enum gw_sink_action check_golden(const char *name, const struct gw_json *golden) {
    struct sent sent;
    struct gw_reply reply;
    read_request(golden, &sent);
    struct gw_http_answer answer = read_answer(golden);
    gw_reply_parse(&answer, sent.ack_mode, sent.epoch, sent.class, &sent.batch, &reply);
    enum gw_sink_action action = gw_verdict_action(&reply.facts);
    check_facts(name, golden, &reply.facts);
    says(name, "action", gw_str_from_cstr(gw_sink_action_name(action)),
         text_at(golden, "/expected/action"));
    bool is_settling = action == GW_ACTION_ACCEPT || action == GW_ACTION_PER_EVENT
                       || action == GW_ACTION_ALREADY_STORED;
    counts(name, "has dispositions", is_settling, at(golden, "/expected/dispositions") != NULL);
    if (is_settling) {
        check_dispositions(name, golden, &sent, action, &reply.facts);
    }
    check_credit(name, golden, &reply.credit);
    if (at(golden, "/expected/retry_after_ms")) {
        uint64_t ms = 0;
        assert_int_equal(gw_backoff_parse_retry_after(answer.retry_after, 0, &ms), GW_OK);
        counts(name, "retry_after_ms", ms, number_at(golden, "/expected/retry_after_ms"));
    }
    gw_reply_close(&reply);
    return action;
}

static void each_golden_answer_is_understood_as_the_contract_says(void **state) {
    (void) state;
    static const struct gw_json_limits limits = {
        .max_bytes = 1 << 20, .max_depth = 16, .flags = GW_JSON_OBJECT};
    struct dirent **entries = NULL;
    int found = scandir(ANSWERS, &entries, NULL, alphasort);
    unsigned seen[GW_ACTION_COUNT] = {0};
    struct gw_buf file;
    assert_true(found > 0);
    assert_int_equal(gw_buf_open(&file, 1 << 20), GW_OK);
    for (int i = 0; i < found; i++) {
        if (gw_str_ends_with(gw_str_from_cstr(entries[i]->d_name), GW_STR(".json"))) {
            char path[512];
            struct gw_json_doc *doc = NULL;
            (void) snprintf(path, sizeof(path), "%s/%s", ANSWERS, entries[i]->d_name);
            gw_buf_clear(&file);
            assert_int_equal(gw_file_read(path, &file), GW_OK);
            assert_int_equal(gw_json_parse(gw_buf_str(&file), &limits, NULL, &doc), GW_OK);
            seen[check_golden(entries[i]->d_name, gw_json_root(doc))]++;
            gw_json_close(doc);
        }
        free(entries[i]);
    }
    free(entries);
    gw_buf_close(&file);
    for (unsigned i = 0; i < GW_ACTION_COUNT; i++) {
        assert_true(seen[i] > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_golden_answer_is_understood_as_the_contract_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
