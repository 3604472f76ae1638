/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SUBMIT: how gw-linkd puts its own facts into the queue. What it may submit is a
 * list: a process on the WAN must not be able to say what happened on the floor.
 *
 * The id makes it idempotent. Kept of the newest IDS_MAX entries, in the table
 * "audit":
 *
 *   "submitted:" id         -> u64 ordinal
 *   "order:" u64 ordinal    -> id
 *   "ordinal"               -> u64 of the newest
 *
 * in the same commit as the events and the audit entry.
 *
 * How much is bounded too: a process on the WAN that was taken over must not be able
 * to push the floor's events out of the store. Nobody but gw-linkd may submit, and it
 * does so rarely; the bursts are for a technician who drops dead letters.
 */
#include "drivers/collectd/collectd_internal.h"

#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/json/json.h"

#define IDS_MAX 4096
#define ID_MAX_BYTES 64
#define KEY_BYTES (16 + ID_MAX_BYTES)
#define EVENTS_MAX GW_COLLECTD_WITH_EVENTS_MAX

static const struct gw_allowance_limits entry_limits = {.burst = 600, .per_minute = 60};
static const struct gw_allowance_limits byte_limits = {.burst = 2u << 20,
                                                       .per_minute = 128u << 10};
/* Of the store, for one event or audit entry beside its data. */
#define ENTRY_BYTES 512

/* ---- the id ---- */

struct submission {
    struct gw_str id;
    uint64_t ordinal;
    char key[KEY_BYTES], order_key[KEY_BYTES], old_key[KEY_BYTES], old_order_key[KEY_BYTES];
    struct gw_buf key_buf, order_key_buf, old_key_buf, old_order_key_buf;
    uint8_t value[8];
    struct gw_state_change changes[5];
    size_t change_count;
    struct gw_event_draft events[EVENTS_MAX];
    size_t event_count;
};

static bool is_id(struct gw_str id) {
    if (id.len == 0 || id.len > ID_MAX_BYTES) {
        return false;
    }
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool is_plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_plain && !strchr("._:-", c)) {
            return false;
        }
    }
    return true;
}

static struct gw_bytes put_key(struct gw_buf *buf, char storage[static KEY_BYTES],
                               struct gw_str prefix, struct gw_str rest) {
    gw_buf_init(buf, storage, KEY_BYTES);
    gw_buf_put_str(buf, prefix);
    gw_buf_put_str(buf, rest);
    return gw_buf_bytes(buf);
}

static bool is_known(struct gw_collectd *collectd, struct gw_str id) {
    char key_storage[KEY_BYTES], value_storage[16];
    struct gw_buf key, value;
    gw_buf_init(&value, value_storage, sizeof value_storage);
    (void) put_key(&key, key_storage, GW_STR("submitted:"), id);
    return gw_collectd_get_state(collectd, gw_buf_str(&key), &value) == GW_OK;
}

static void add_change(struct submission *submission, struct gw_bytes key,
                       struct gw_bytes value) {
    submission->changes[submission->change_count++] =
        (struct gw_state_change){.key = key, .value = value};
}

/* The oldest id makes room. */
static void forget_oldest(struct gw_collectd *collectd, struct submission *submission) {
    uint8_t ordinal[8];
    char id_storage[ID_MAX_BYTES];
    struct gw_buf id;
    gw_collectd_encode_number(ordinal, submission->ordinal - IDS_MAX);
    struct gw_bytes order_key =
        put_key(&submission->old_order_key_buf, submission->old_order_key, GW_STR("order:"),
                (struct gw_str){(const char *) ordinal, 8});
    gw_buf_init(&id, id_storage, sizeof id_storage);
    if (gw_collectd_get_state(collectd, gw_str_from_bytes(order_key), &id)) {
        return;
    }
    add_change(submission, order_key, (struct gw_bytes){0});
    add_change(submission,
               put_key(&submission->old_key_buf, submission->old_key, GW_STR("submitted:"),
                       gw_buf_str(&id)),
               (struct gw_bytes){0});
}

static void remember_id(struct gw_collectd *collectd, struct submission *submission) {
    uint8_t newest[8] = {0};
    struct gw_buf value;
    gw_buf_init(&value, newest, sizeof newest);
    (void) !gw_collectd_get_state(collectd, GW_STR("ordinal"), &value);
    submission->ordinal = gw_collectd_decode_number(newest) + 1;
    gw_collectd_encode_number(submission->value, submission->ordinal);
    struct gw_bytes ordinal = {submission->value, 8};
    add_change(
        submission,
        put_key(&submission->key_buf, submission->key, GW_STR("submitted:"), submission->id),
        ordinal);
    add_change(submission,
               put_key(&submission->order_key_buf, submission->order_key, GW_STR("order:"),
                       gw_str_from_bytes(ordinal)),
               gw_bytes_from_str(submission->id));
    add_change(submission, gw_bytes_from_str(GW_STR("ordinal")), ordinal);
    if (submission->ordinal > IDS_MAX) {
        forget_oldest(collectd, submission);
    }
}

/* ---- events ---- */

static bool may_submit(enum gw_event_type type) {
    return type == GW_EVENT_GATEWAY_HEARTBEAT || type == GW_EVENT_COMMAND_RESULT
           || type == GW_EVENT_DEVICE_CONDITION;
}

/* Text member that may be absent. */
static enum gw_err get_optional(const struct gw_json *event, const char *name,
                                struct gw_str *ret_text) {
    const struct gw_json *member = gw_json_member(event, name);
    return member ? gw_json_get_str(member, ret_text) : GW_OK;
}

static enum gw_err get_time(const struct gw_json *event, const char *name,
                            int64_t *ret_wall_ms) {
    struct gw_str text = {0};
    enum gw_err err = get_optional(event, name, &text);
    if (err || text.len == 0) {
        return err;
    }
    return gw_time_parse(text, ret_wall_ms);
}

static enum gw_err get_type(const struct gw_json *event, struct gw_event_draft *draft) {
    struct gw_str name = {0};
    enum gw_err err = gw_json_get_str(gw_json_member(event, "type"), &name);
    if (!err) {
        err = gw_event_type_parse(name, &draft->type);
    }
    if (err) {
        return GW_ERR_SCHEMA;
    }
    if (!may_submit(draft->type)) {
        return GW_ERR_DENIED;
    }
    draft->class = gw_event_type_find(draft->type)->default_class;
    name = (struct gw_str){0};
    err = get_optional(event, "class", &name);
    if (!err && name.len > 0) {
        err = gw_flow_class_parse(name, &draft->class);
    }
    /* Business is never evicted: nobody but the floor may fill the store with it. */
    if (!err && draft->class == GW_CLASS_BUSINESS) {
        return GW_ERR_DENIED;
    }
    return err ? GW_ERR_SCHEMA : GW_OK;
}

static enum gw_err get_texts(const struct gw_json *event, struct gw_event_draft *draft) {
    const struct {
        const char *name;
        struct gw_str *text;
    } members[] = {
        {"device", &draft->device},
        {"subject", &draft->subject},
        {"partitionkey", &draft->partition_key},
        {"correlationid", &draft->correlation_id},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(members); i++) {
        enum gw_err err = get_optional(event, members[i].name, members[i].text);
        if (err) {
            return err;
        }
    }
    bool is_test = false;
    const struct gw_json *test = gw_json_member(event, "test");
    enum gw_err err = test ? gw_json_get_bool(test, &is_test) : GW_OK;
    draft->flags = is_test ? GW_EVENT_TEST : 0;
    return err;
}

static enum gw_err get_event(struct gw_collectd *collectd, const struct gw_json *event,
                             struct gw_event_draft *draft) {
    *draft = (struct gw_event_draft){.time_wall_ms = gw_clock_wall_ms(&collectd->clock),
                                     .device = GW_STR("gateway")};
    enum gw_err err = get_type(event, draft);
    if (!err) {
        err = get_texts(event, draft);
    }
    if (!err) {
        err = get_time(event, "time", &draft->time_wall_ms);
    }
    if (!err) {
        err = get_time(event, "expirytime", &draft->expiry_wall_ms);
    }
    size_t before = collectd->scratch.len;
    if (!err) {
        err = gw_json_put_canonical(gw_json_member(event, "data"), &collectd->scratch);
    }
    draft->data = gw_str_sub(gw_buf_str(&collectd->scratch), before, SIZE_MAX);
    return err ? err : gw_event_validate_draft(draft);
}

static enum gw_err get_events(const struct gw_collectd_request *request,
                              struct submission *submission) {
    const struct gw_json *events = gw_json_member(request->body, "events");
    gw_buf_clear(&request->collectd->scratch);
    if (!events) {
        return GW_OK;
    }
    if (gw_json_kind(events) != GW_JSON_ARRAY) {
        return GW_ERR_SCHEMA;
    }
    if (gw_json_count(events) > EVENTS_MAX) {
        return GW_ERR_RANGE;
    }
    for (const struct gw_json *event = gw_json_first(events); event;
         event = gw_json_next(event)) {
        enum gw_err err =
            get_event(request->collectd, event, &submission->events[submission->event_count]);
        if (err) {
            return err;
        }
        submission->event_count++;
    }
    return GW_OK;
}

static enum gw_err get_audit(const struct gw_json *body, struct gw_collectd_audit *audit) {
    const struct gw_json *object = gw_json_member(body, "audit");
    const struct {
        const char *name;
        struct gw_str *text;
    } members[] = {
        {"actor", &audit->actor},     {"action", &audit->action}, {"target", &audit->target},
        {"outcome", &audit->outcome}, {"detail", &audit->detail},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(members); i++) {
        enum gw_err err = get_optional(object, members[i].name, members[i].text);
        if (err) {
            return err;
        }
    }
    bool is_whole = audit->actor.len > 0 && audit->action.len > 0 && audit->outcome.len > 0;
    return is_whole ? GW_OK : GW_ERR_SCHEMA;
}

/* ---- how much ---- */

/* Roughly what it will take of the store. */
static uint64_t cost_of(const struct gw_collectd_request *request,
                        const struct submission *submission) {
    return request->collectd->scratch.len + (submission->event_count + 1) * ENTRY_BYTES;
}

static uint64_t entries_of(const struct submission *submission) {
    return submission->event_count > 0 ? submission->event_count : 1;
}

/* Answers the request itself if it is refused. */
static bool is_allowed(const struct gw_collectd_request *request,
                       const struct submission *submission) {
    struct gw_refusals *refusals = &request->collectd->refusals;
    int64_t now_mono_ms = gw_clock_mono_ms(&request->collectd->clock);
    int64_t entries_ms = gw_allowance_wait_ms(&refusals->submit_entries, &entry_limits,
                                              entries_of(submission), now_mono_ms);
    int64_t bytes_ms = gw_allowance_wait_ms(&refusals->submit_bytes, &byte_limits,
                                            cost_of(request, submission), now_mono_ms);
    int64_t wait_ms = entries_ms > bytes_ms ? entries_ms : bytes_ms;
    if (wait_ms == 0) {
        return true;
    }
    ++*gw_health_counter(request->collectd->health, "collectd.submits_refused");
    gw_collectd_refuse(request, GW_ERR_BUSY,
                       "too much submitted: allowed: %llu entries and %llu KiB a minute; "
                       "again in %lld ms",
                       (unsigned long long) entry_limits.per_minute,
                       (unsigned long long) byte_limits.per_minute >> 10, (long long) wait_ms);
    return false;
}

static void note_taken(const struct gw_collectd_request *request,
                       const struct submission *submission) {
    struct gw_refusals *refusals = &request->collectd->refusals;
    gw_allowance_take(&refusals->submit_entries, entries_of(submission));
    gw_allowance_take(&refusals->submit_bytes, cost_of(request, submission));
}

/* ---- the verb ---- */

static void answer(const struct gw_collectd_request *request, struct gw_str id,
                   bool is_duplicate) {
    struct gw_buf *buf = &request->collectd->answer;
    gw_buf_put_str(buf, GW_STR("{\"id\":"));
    gw_buf_put_json_str(buf, id);
    gw_buf_printf(buf, ",\"duplicate\":%s}", is_duplicate ? "true" : "false");
    gw_collectd_answer(request);
}

static enum gw_err store(const struct gw_collectd_request *request,
                         struct submission *submission, bool has_audit) {
    struct gw_unit unit = {
        .state_table = GW_COLLECTD_TABLE,
        .events = submission->events,
        .event_count = submission->event_count,
        .changes = submission->changes,
        .change_count = submission->change_count,
    };
    if (!has_audit) {
        return gw_collectd_commit_unit(request->collectd, &unit);
    }
    struct gw_collectd_audit audit = {0};
    enum gw_err err = get_audit(request->body, &audit);
    return err ? err : gw_collectd_audit(request->collectd, &audit, &unit);
}

void gw_collectd_verb_submit(const struct gw_collectd_request *request) {
    struct submission submission = {0};
    enum gw_err err = gw_collectd_get_text(request, "id", &submission.id);
    if (err || !is_id(submission.id)) {
        gw_collectd_refuse(request, GW_ERR_SCHEMA,
                           "id: allowed: 1 to %d of A-Z a-z 0-9 . _ : -", ID_MAX_BYTES);
        return;
    }
    if (is_known(request->collectd, submission.id)) {
        answer(request, submission.id, true);
        return;
    }
    bool has_audit = gw_json_member(request->body, "audit") != NULL;
    err = get_events(request, &submission);
    if (err) {
        gw_collectd_refuse(request, err, "events[%zu]: %s", submission.event_count,
                           err == GW_ERR_DENIED ? "this type may not be submitted"
                                                : gw_err_name(err));
        return;
    }
    if (submission.event_count == 0 && !has_audit) {
        gw_collectd_refuse(request, GW_ERR_SCHEMA, "found neither events nor audit");
        return;
    }
    if (!is_allowed(request, &submission)) {
        return;
    }
    remember_id(request->collectd, &submission);
    err = store(request, &submission, has_audit);
    if (err) {
        gw_collectd_refuse(request, err, "not stored: %s", gw_err_name(err));
        return;
    }
    note_taken(request, &submission);
    answer(request, submission.id, false);
}
