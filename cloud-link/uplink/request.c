/* SPDX-License-Identifier: Apache-2.0 */
/* One request: the batch it carries and the headers of the contract. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cloud-link/uplink/state.h"
#include "firmware/base/cleanup.h"
#include "firmware/crypto/crypto.h"

#define HEADER_MAX 12
#define VALUE_BYTES 256

struct headers {
    struct gw_http_header list[HEADER_MAX];
    size_t count;
    char text[HEADER_MAX][VALUE_BYTES];
};

static void add(struct headers *headers, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add(struct headers *headers, const char *name, const char *format, ...) {
    char *text = headers->text[headers->count];
    va_list arguments;
    va_start(arguments, format);
    (void) vsnprintf(text, VALUE_BYTES, format, arguments);
    va_end(arguments);
    headers->list[headers->count++] = (struct gw_http_header){name, gw_str_from_cstr(text)};
}

/* Heads of the epoch the batch is of. Of an epoch that is gone only this much is
 * known: it reached at least to here. */
static void add_heads(struct headers *headers, struct gw_lane *lane) {
    uint64_t heads[GW_CLASS_COUNT] = {0};
    heads[lane->class] = lane->batch.last;
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        const struct gw_track *track =
            gw_uplink_find_track(lane->uplink, lane->epoch, (enum gw_flow_class) class);
        if (track && track->range.last > heads[class]) {
            heads[class] = track->range.last;
        }
    }
    add(headers, "Gangway-Heads",
        "business=%" PRIu64 ",state=%" PRIu64 ",telemetry=%" PRIu64 ",audit=%" PRIu64,
        heads[GW_CLASS_BUSINESS], heads[GW_CLASS_STATE], heads[GW_CLASS_TELEMETRY],
        heads[GW_CLASS_AUDIT]);
}

static void add_key(struct headers *headers, const struct gw_lane *lane, const char *epoch) {
    uint8_t digest[GW_SHA256_BYTES];
    char hex[17];
    gw_sha256_of(gw_buf_bytes(&lane->uplink->text), digest);
    gw_hex_format((struct gw_bytes){digest, 8}, hex);
    add(headers, "Idempotency-Key", "%.*s-%s-%s-%" PRIu64 "-%" PRIu64 "-%s",
        GW_STR_ARG(lane->uplink->serial), epoch, gw_flow_class_name(lane->class),
        lane->batch.first, lane->batch.last, hex);
}

static void fill_headers(struct headers *headers, struct gw_lane *lane) {
    struct gw_uplink *uplink = lane->uplink;
    char epoch[GW_EPOCH_TEXT_LEN + 1];
    gw_epoch_format(lane->epoch, epoch);
    headers->count = 0;
    add(headers, "Content-Type", "application/cloudevents-batch+json");
    add(headers, "Accept", "application/json, application/problem+json");
    add(headers, "Gangway-Contract", "1");
    add(headers, "Gangway-Gateway", "%.*s", GW_STR_ARG(uplink->serial));
    add(headers, "Gangway-Epoch", "%s", epoch);
    add(headers, "Gangway-Class", "%s", gw_flow_class_name(lane->class));
    add(headers, "Gangway-First", "%" PRIu64, lane->batch.first);
    add(headers, "Gangway-Last", "%" PRIu64, lane->batch.last);
    add_heads(headers, lane);
    add_key(headers, lane, epoch);
    if (gw_lane_is_asked(lane)) {
        add(headers, "Gangway-Replay", "true");
    }
    if (uplink->token_value[0]) {
        headers->list[headers->count++] =
            (struct gw_http_header){"Authorization", gw_str_from_cstr(uplink->token_value)};
    }
}

/* ---- the batch ---- */

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static enum gw_err build_from_queue(struct gw_lane *lane, const struct gw_work *work,
                                    uint64_t max_events) {
    struct gw_uplink *uplink = lane->uplink;
    struct gw_track *track = work->track;
    uint64_t slots = least(least(lane->batch_events, uplink->cap_events), max_events);
    if (work->plan.max_slots > 0) {
        slots = least(slots, work->plan.max_slots);
    }
    uint64_t to = work->job == GW_JOB_FORWARD  ? track->range.last
                  : work->job == GW_JOB_REPLAY ? lane->replay.to
                                               : work->plan.sequence;
    struct gw_batch_request request = {
        .source = &uplink->source,
        .epoch_index = track->epoch_index,
        .class = lane->class,
        .epoch = track->epoch,
        .from = work->plan.sequence,
        .to = to,
        .is_hole_confirmed = work->job != GW_JOB_REPLAY && track->hole_at == work->plan.sequence
                             && track->hole_outlived_look,
        .max_slots = slots,
        .max_bytes = (size_t) least(lane->batch_bytes, uplink->cap_bytes),
        .letters_until = work->job == GW_JOB_REPLAY ? 0 : track->marked_until,
        .tombstone = gw_lane_tombstone,
        .context = lane,
        .fallback = uplink->context,
    };
    enum gw_err err = gw_batch_build(&lane->batch, &uplink->scratch, &request, &uplink->text);
    if (err == GW_ERR_RETRY && work->job != GW_JOB_REPLAY) {
        track->hole_at = work->plan.sequence;
        track->hole_outlived_look = false;
    }
    return err;
}

static enum gw_err build_from_letter(struct gw_lane *lane, const struct gw_work *work) {
    struct gw_uplink *uplink = lane->uplink;
    struct gw_letter_key key =
        gw_uplink_key(uplink, work->letter_epoch, lane->class, work->letter_sequence);
    struct gw_letter letter;
    lane->batch.first = key.sequence; /* also for closing it if it cannot be built */
    lane->batch.last = key.sequence;
    gw_buf_clear(&uplink->letter);
    enum gw_err err = gw_link_store_get_letter(uplink->store, &key, &uplink->letter, &letter);
    if (err) {
        return err;
    }
    gw_buf_clear(&uplink->text);
    gw_buf_put_char(&uplink->text, '[');
    gw_buf_put_str(&uplink->text, letter.event);
    if (!gw_buf_put_char(&uplink->text, ']')) {
        return GW_ERR_RANGE;
    }
    lane->batch.slots[0] =
        (struct gw_slot){.sequence = key.sequence, .span = 1, .verdict = GW_SLOT_UNNAMED};
    lane->batch.count = 1;
    lane->batch.events = 1;
    lane->batch.was_cut = false;
    return GW_OK;
}

static enum gw_err submit(struct gw_lane *lane) {
    struct gw_uplink *uplink = lane->uplink;
    struct headers headers;
    fill_headers(&headers, lane);
    struct gw_http_request request = {
        .method = GW_HTTP_POST,
        .url = gw_str_from_cstr(uplink->url),
        .headers = headers.list,
        .header_count = headers.count,
        .body = gw_buf_bytes(&uplink->text),
        .compress = uplink->sink->compress,
        .timeout_ms = uplink->sink->request_timeout_ms,
        .done = gw_lane_answered,
        .context = lane,
    };
    return uplink->transport.submit(uplink->transport.self, &request, &lane->ticket);
}

enum gw_err gw_lane_send(struct gw_lane *lane, const struct gw_work *work,
                         uint64_t max_events) {
    struct gw_uplink *uplink = lane->uplink;
    bool is_letter = work->job == GW_JOB_LETTER;
    lane->job = work->job;
    lane->track = work->track;
    lane->epoch = is_letter ? work->letter_epoch : work->track->epoch;
    enum gw_err err =
        is_letter ? build_from_letter(lane, work) : build_from_queue(lane, work, max_events);
    if (err) {
        return err;
    }
    if (lane->batch.count == 0) {
        return GW_ERR_NOENT;
    }
    err = submit(lane);
    if (err) {
        return err;
    }
    lane->in_flight = true;
    lane->waiting_since_mono_ms = -1;
    lane->body_bytes = uplink->text.len;
    gw_pace_spend(&uplink->pace, lane->batch.events);
    (*uplink->request_counter)++;
    *uplink->sent_counter += lane->batch.events;
    if (work->job == GW_JOB_FORWARD) {
        gw_lane_clear_unknown(lane, lane->track);
        lane->track->sent =
            lane->batch.last > lane->track->sent ? lane->batch.last : lane->track->sent;
    }
    return GW_OK;
}
