/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The quarantine's verbs and the salvage of a store that was set aside.
 *
 * RETRY: event, audit entry and the key "retried:<number>" in one commit, then the
 * entry is removed, then the key. A crash in between leaves the entry with its
 * key, and the next RETRY only removes it: no second event. Readings whose own event
 * ids the door's windows hold with the same content are stored already: the others
 * are stored, and if there are none, the entry is only removed.
 */
#include "drivers/collectd/collectd_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/base/base64.h"
#include "firmware/base/cleanup.h"

#define PAGE_DEFAULT 50
#define PAGE_MAX 200
#define NUMBER_MAX (UINT64_C(1) << 53)
/* Left free in an answer that is a page: one more entry always fits before. */
#define PAGE_RESERVE_BYTES 32768
_Static_assert(6 * GW_QUARANTINE_TOPIC_MAX_BYTES + 6 * 2 * 256 < PAGE_RESERVE_BYTES,
               "the longest texts, every byte of them escaped");

/* ---- looking ---- */

static void put_text(struct gw_buf *buf, const char *name, struct gw_str text) {
    gw_buf_printf(buf, ",\"%s\":", name);
    gw_buf_put_json_str(buf, gw_str_is_utf8(text) ? text : GW_STR("?"));
}

static void put_entry(struct gw_buf *buf, const struct gw_quarantine_view *view) {
    gw_buf_printf(buf, "{\"number\":%llu,\"time\":\"", (unsigned long long) view->number);
    gw_time_put(buf, view->time_wall_ms);
    gw_buf_put_char(buf, '"');
    put_text(buf, "reason", view->reason);
    put_text(buf, "topic", view->topic);
    put_text(buf, "device", view->device);
    gw_buf_printf(buf, ",\"bytes\":%zu", view->raw_len);
}

struct page {
    struct gw_buf *buf;
    uint64_t max, count;
    uint64_t next;
};

static bool list_one(void *context, const struct gw_quarantine_view *view) {
    struct page *page = context;
    if (page->count == page->max || gw_buf_space(page->buf) < PAGE_RESERVE_BYTES) {
        page->next = view->number;
        return false;
    }
    gw_buf_put_str(page->buf, page->count > 0 ? GW_STR(",") : GW_STR(""));
    put_entry(page->buf, view);
    gw_buf_put_char(page->buf, '}');
    page->count++;
    return true;
}

void gw_collectd_verb_quarantine_list(const struct gw_collectd_request *request) {
    struct page page = {.buf = &request->collectd->answer, .max = PAGE_DEFAULT};
    uint64_t from = 0;
    enum gw_err err = gw_collectd_get_number(request, "from", NUMBER_MAX, &from);
    if (!err || err == GW_ERR_NOENT) {
        err = gw_collectd_get_number(request, "max", PAGE_MAX, &page.max);
    }
    if ((err && err != GW_ERR_NOENT) || page.max == 0) {
        gw_collectd_refuse(request, GW_ERR_SCHEMA, "from, max: allowed: numbers, max 1 to %d",
                           PAGE_MAX);
        return;
    }
    gw_buf_put_str(page.buf, GW_STR("{\"entries\":["));
    err = gw_queue_quarantine_list(request->collectd->queue, from, list_one, &page);
    if (err && err != GW_ERR_NOENT) {
        gw_collectd_refuse(request, err, "the quarantine cannot be read");
        return;
    }
    gw_buf_printf(page.buf, "],\"next\":%llu}", (unsigned long long) page.next);
    gw_collectd_answer(request);
}

/* ---- one entry, copied ---- */

struct copied_entry {
    uint64_t number;
    bool is_found;
    int64_t time_wall_ms;
    struct gw_str topic; /* in `scratch` */
    size_t topic_len;
    struct gw_bytes raw;
    size_t raw_len;
    uint8_t origin[GW_EVENT_ORIGIN_MAX_BYTES];
    size_t origin_len;
    struct gw_buf *scratch;
};

static bool copy_one(void *context, const struct gw_quarantine_view *view) {
    struct copied_entry *entry = context;
    if (view->number != entry->number) {
        return false;
    }
    struct gw_buf *buf = entry->scratch;
    gw_buf_clear(buf);
    gw_buf_put_str(buf, view->topic);
    gw_buf_put(buf, view->raw);
    entry->is_found = !gw_buf_failed(buf);
    entry->time_wall_ms = view->time_wall_ms;
    entry->topic = gw_str_sub(gw_buf_str(buf), 0, view->topic.len);
    entry->raw = (struct gw_bytes){buf->data + view->topic.len, view->raw.len};
    entry->topic_len = view->topic_len;
    entry->raw_len = view->raw_len;
    if (view->origin.len > 0 && view->origin.len <= sizeof entry->origin) {
        memcpy(entry->origin, view->origin.ptr, view->origin.len);
        entry->origin_len = view->origin.len;
    }
    return false;
}

/* The entry "number" of the body; answers the request itself if it cannot. */
static bool copy_entry(const struct gw_collectd_request *request, struct copied_entry *entry) {
    *entry = (struct copied_entry){.scratch = &request->collectd->scratch};
    if (gw_collectd_get_number(request, "number", NUMBER_MAX, &entry->number)) {
        gw_collectd_refuse(request, GW_ERR_SCHEMA, "number: allowed: the number of an entry");
        return false;
    }
    enum gw_err err =
        gw_queue_quarantine_list(request->collectd->queue, entry->number, copy_one, entry);
    if (err || !entry->is_found) {
        gw_collectd_refuse(request, err ? err : GW_ERR_NOENT, "no entry %llu in the quarantine",
                           (unsigned long long) entry->number);
        return false;
    }
    return true;
}

struct shown_entry {
    uint64_t number;
    bool is_found;
    struct gw_buf *buf;
};

static bool show_one(void *context, const struct gw_quarantine_view *view) {
    struct shown_entry *shown = context;
    if (view->number == shown->number) {
        shown->is_found = true;
        put_entry(shown->buf, view);
        gw_buf_put_str(shown->buf, GW_STR(",\"raw\":\""));
        gw_base64_put(shown->buf, view->raw);
        gw_buf_put_str(shown->buf, GW_STR("\"}"));
    }
    return false;
}

void gw_collectd_verb_quarantine_show(const struct gw_collectd_request *request) {
    struct shown_entry shown = {.buf = &request->collectd->answer};
    if (gw_collectd_get_number(request, "number", NUMBER_MAX, &shown.number)) {
        gw_collectd_refuse(request, GW_ERR_SCHEMA, "number: allowed: the number of an entry");
        return;
    }
    enum gw_err err =
        gw_queue_quarantine_list(request->collectd->queue, shown.number, show_one, &shown);
    if (err || !shown.is_found) {
        gw_collectd_refuse(request, err ? err : GW_ERR_NOENT, "no entry %llu in the quarantine",
                           (unsigned long long) shown.number);
        return;
    }
    gw_collectd_answer(request);
}

/* ---- changing ---- */

/* "retried:<number>" */
static struct gw_str put_retried_key(char storage[static 40], uint64_t number) {
    int len = snprintf(storage, 40, "retried:%020llu", (unsigned long long) number);
    return (struct gw_str){storage, (size_t) len};
}

static void forget_retried(struct gw_collectd *collectd, struct gw_str key) {
    struct gw_state_change change = {.key = gw_bytes_from_str(key)};
    struct gw_unit unit = {
        .state_table = GW_COLLECTD_TABLE, .changes = &change, .change_count = 1};
    /* A key left behind is harmless: numbers are not used again. */
    (void) !gw_intake_submit(&collectd->intake, &unit);
}

static struct gw_collectd_audit audit_of(const struct gw_collectd_request *request,
                                         const char *action, struct gw_str target) {
    return (struct gw_collectd_audit){
        .actor = gw_collectd_get_actor(request),
        .action = gw_str_from_cstr(action),
        .target = target,
        .outcome = GW_STR("ok"),
        .detail = gw_str_from_cstr(request->peer),
    };
}

/* Without what the doors know to be stored. */
static void sift(const struct gw_collectd *collectd, const struct gw_broker_retried *retried,
                 struct gw_observation *observation) {
    for (size_t i = 0; i < collectd->broker_count; i++) {
        if (collectd->brokers[i]) {
            (void) gw_broker_sift_retried(collectd->brokers[i], retried, observation);
        }
    }
    if (collectd->ingress) {
        (void) gw_ingress_sift_retried(collectd->ingress, retried, observation);
    }
}

static void note(const struct gw_collectd *collectd, const struct gw_broker_retried *retried,
                 const struct gw_observation *observation) {
    for (size_t i = 0; i < collectd->broker_count; i++) {
        if (collectd->brokers[i]) {
            gw_broker_note_retried(collectd->brokers[i], retried, observation);
        }
    }
    if (collectd->ingress) {
        gw_ingress_note_retried(collectd->ingress, retried, observation);
    }
}

/* Its events, but for those that are stored already, with who asked for it. */
static enum gw_err store_observed(const struct gw_collectd_request *request,
                                  struct gw_observation *observation,
                                  const struct copied_entry *entry, struct gw_str key,
                                  size_t *ret_stored) {
    struct gw_collectd *collectd = request->collectd;
    struct gw_broker_retried retried;
    gw_broker_begin_retried(entry->topic, (struct gw_bytes){entry->origin, entry->origin_len},
                            &retried);
    sift(collectd, &retried, observation);
    gw_broker_complete_origins(&retried, observation);
    static const uint8_t yes = 1;
    struct gw_state_change change = {.key = gw_bytes_from_str(key), .value = {&yes, 1}};
    struct gw_unit unit = {.events = observation->drafts,
                           .event_count = observation->count,
                           .changes = &change,
                           .change_count = 1};
    struct gw_collectd_audit audit =
        audit_of(request, "quarantine.retry", gw_str_sub(key, 8, SIZE_MAX));
    audit.outcome = observation->count > 0 ? GW_STR("ok") : GW_STR("duplicate");
    enum gw_err err = gw_collectd_audit(collectd, &audit, &unit);
    if (!err) {
        note(collectd, &retried, observation);
        *ret_stored = observation->count;
    }
    return err;
}

static enum gw_err store_again(const struct gw_collectd_request *request,
                               const struct copied_entry *entry, struct gw_str key,
                               size_t *ret_stored) {
    struct gw_collectd *collectd = request->collectd;
    struct gw_broker_devices devices = gw_collectd_devices(collectd);
    struct gw_broker_retry retry = {.topic = entry->topic,
                                    .topic_len = entry->topic_len,
                                    .payload = entry->raw,
                                    .payload_len = entry->raw_len,
                                    .received_wall_ms = entry->time_wall_ms};
    struct gw_observation observation;
    gw_buf_clear(&collectd->data);
    gw_buf_clear(&collectd->answer);
    enum gw_err err =
        gw_collectd_decode_feed_retry(collectd, &retry, &collectd->answer, &observation);
    if (err == GW_ERR_NOENT) {
        err = gw_broker_decode_retry(&devices, &retry, &collectd->retry_storage,
                                     &collectd->answer, &observation);
    }
    return err ? err : store_observed(request, &observation, entry, key, ret_stored);
}

void gw_collectd_verb_quarantine_retry(const struct gw_collectd_request *request) {
    struct gw_collectd *collectd = request->collectd;
    struct copied_entry entry;
    if (!copy_entry(request, &entry)) {
        return;
    }
    char key_storage[40], value_storage[8];
    struct gw_str key = put_retried_key(key_storage, entry.number);
    struct gw_buf value;
    gw_buf_init(&value, value_storage, sizeof value_storage);
    size_t stored = 0;
    enum gw_err err = gw_collectd_get_state(collectd, key, &value) == GW_OK
                          ? GW_OK
                          : store_again(request, &entry, key, &stored);
    if (err) {
        bool has_reason = collectd->answer.len > 0;
        gw_collectd_refuse(
            request, err == GW_ERR_PARSE || err == GW_ERR_NOENT ? GW_ERR_SCHEMA : err, "%.*s",
            GW_STR_ARG(has_reason ? gw_buf_str(&collectd->answer) : GW_STR("not stored")));
        return;
    }
    err = gw_queue_quarantine_drop(collectd->queue, entry.number);
    if (err) {
        gw_collectd_refuse(request, err, "stored, but not removed: ask again");
        return;
    }
    forget_retried(collectd, key);
    gw_buf_clear(&collectd->answer);
    gw_buf_printf(&collectd->answer, "{\"number\":%llu,\"events\":%zu}",
                  (unsigned long long) entry.number, stored);
    gw_collectd_answer(request);
}

void gw_collectd_verb_quarantine_drop(const struct gw_collectd_request *request) {
    struct gw_collectd *collectd = request->collectd;
    struct copied_entry entry;
    if (!copy_entry(request, &entry)) {
        return;
    }
    char number[24];
    (void) snprintf(number, sizeof number, "%llu", (unsigned long long) entry.number);
    struct gw_collectd_audit audit =
        audit_of(request, "quarantine.drop", gw_str_from_cstr(number));
    /* First who did it, then the deed: what cannot be audited is not done. */
    enum gw_err err = gw_collectd_audit(collectd, &audit, NULL);
    if (!err) {
        err = gw_queue_quarantine_drop(collectd->queue, entry.number);
    }
    if (err) {
        gw_collectd_refuse(request, err, "not dropped: %s", gw_err_name(err));
        return;
    }
    gw_buf_printf(&collectd->answer, "{\"number\":%s}", number);
    gw_collectd_answer(request);
}

/* ---- salvage ---- */

/* Only what the queue itself put aside, beside itself. */
static bool is_set_aside(const struct gw_collectd *collectd, struct gw_str path) {
    struct gw_str live = gw_str_from_cstr(collectd->paths.queue);
    struct gw_str rest = gw_str_sub(path, live.len, SIZE_MAX);
    return gw_str_starts_with(path, live) && gw_str_starts_with(rest, GW_STR(".aside-"))
           && gw_str_find(rest, '/', 0) == rest.len;
}

static void put_counts(struct gw_buf *buf, const char *name,
                       const uint64_t counts[static GW_CLASS_COUNT]) {
    gw_buf_printf(buf, "\"%s\":{", name);
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        gw_buf_printf(buf, "%s\"%s\":%llu", i > 0 ? "," : "",
                      gw_flow_class_name((enum gw_flow_class) i),
                      (unsigned long long) counts[i]);
    }
    gw_buf_put_char(buf, '}');
}

static void put_salvaged(struct gw_buf *buf, const struct gw_queue_salvage_result *result) {
    gw_buf_put_char(buf, '{');
    put_counts(buf, "recovered", result->recovered);
    gw_buf_put_char(buf, ',');
    put_counts(buf, "lost", result->lost);
    gw_buf_printf(buf,
                  ",\"already_acked\":%llu,\"quarantine\":{\"recovered\":%llu,\"left\":%llu,"
                  "\"damaged\":%llu},\"state_left\":%llu}",
                  (unsigned long long) result->already_acked,
                  (unsigned long long) result->quarantine_recovered,
                  (unsigned long long) result->quarantine_left,
                  (unsigned long long) result->quarantine_damaged,
                  (unsigned long long) result->state_left);
}

void gw_collectd_verb_salvage(const struct gw_collectd_request *request) {
    struct gw_collectd *collectd = request->collectd;
    struct gw_str path = {0};
    char path_text[PATH_MAX];
    if (gw_collectd_get_text(request, "path", &path) || !is_set_aside(collectd, path)
        || gw_str_copy(path, path_text, sizeof path_text)) {
        gw_collectd_refuse(request, GW_ERR_DENIED, "path: allowed: %s.aside-...",
                           collectd->paths.queue);
        return;
    }
    struct gw_collectd_audit audit = audit_of(request, "queue.salvage", path);
    enum gw_err err = gw_collectd_audit(collectd, &audit, NULL);
    if (!err) {
        err = gw_queue_commit(collectd->queue);
    }
    struct gw_queue_progress progress[GW_QUEUE_MAX_EPOCHS];
    size_t count = 0; /* stays so when linkd has not written any */
    (void) gw_queue_progress_read(collectd->paths.progress, progress, &count);
    struct gw_queue_salvage_result result = {0};
    if (!err) {
        err = gw_queue_salvage(collectd->queue, path_text, progress, count, &result);
    }
    if (err) {
        gw_collectd_refuse(request, err, "not salvaged: %s", gw_err_name(err));
        return;
    }
    gw_health_clear(collectd->health, GW_ISSUE_STORE_SET_ASIDE, (struct gw_str){0});
    /* What found no room in the quarantine lies nowhere else. */
    if (result.quarantine_left == 0 && !gw_queue_aside_mark(path_text)) {
        (void) gw_queue_asides_prune(collectd->paths.queue,
                                     gw_queue_asides_share(collectd->paths.queue));
    }
    put_salvaged(&collectd->answer, &result);
    gw_collectd_answer(request);
}
