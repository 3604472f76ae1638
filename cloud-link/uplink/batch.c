/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud-link/uplink/batch.h"

#include <stdio.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/event/render.h"
#include "firmware/json/json.h"

/* Records are read in pieces of this size, however large the batch. */
#define READ_ENTRIES 256
#define READ_BYTES (256u << 10)

_Static_assert(READ_BYTES > GW_RECORD_MAX_BYTES, "the largest record must fit");

enum gw_err gw_batch_scratch_open(struct gw_batch_scratch *scratch) {
    enum gw_err err = gw_buf_open(&scratch->storage, READ_BYTES);
    if (err) {
        return err;
    }
    err = gw_buf_open(&scratch->record, GW_RECORD_MAX_BYTES);
    if (err) {
        return err;
    }
    scratch->entry_max = READ_ENTRIES;
    scratch->entries = calloc(READ_ENTRIES, sizeof(*scratch->entries));
    return scratch->entries ? GW_OK : GW_ERR_NOMEM;
}

void gw_batch_scratch_close(struct gw_batch_scratch *scratch) {
    gw_buf_close(&scratch->storage);
    gw_buf_close(&scratch->record);
    free(scratch->entries);
    scratch->entries = NULL;
}

struct builder {
    struct gw_batch *batch;
    struct gw_batch_scratch *scratch;
    const struct gw_batch_request *request;
    struct gw_buf *text;
    uint64_t next; /* sequence the next slot must begin at */
};

static bool is_full(const struct builder *builder) {
    return builder->batch->was_cut || builder->batch->count >= builder->request->max_slots
           || builder->batch->count >= builder->batch->slot_max;
}

/* ---- what a newer release wrote ---- */

/* The batch ends before it; alone it is SCHEMA. */
static enum gw_err stop_before_unknown(struct gw_batch *batch) {
    if (batch->count > 0) {
        batch->was_cut = true;
        return GW_OK;
    }
    return GW_ERR_SCHEMA;
}

static enum gw_err stop_before_format(struct gw_batch *batch, unsigned format) {
    (void) snprintf(batch->unknown, sizeof(batch->unknown),
                    "record format %u, this release reads up to %u", format,
                    GW_RECORD_FORMAT_VERSION);
    return stop_before_unknown(batch);
}

static enum gw_event_type highest_type(void) {
    enum gw_event_type highest = GW_EVENT_TOMBSTONE;
    for (size_t i = 0; gw_event_type_at(i); i++) {
        enum gw_event_type type = gw_event_type_at(i)->type;
        highest = type > highest ? type : highest;
    }
    return highest;
}

static enum gw_err stop_before_record(struct gw_batch *batch, const struct gw_record *record) {
    if (record->renderer_version != GW_RENDERER_VERSION) {
        (void) snprintf(batch->unknown, sizeof(batch->unknown),
                        "renderer version %u, this release has %u",
                        (unsigned) record->renderer_version, GW_RENDERER_VERSION);
    } else {
        (void) snprintf(batch->unknown, sizeof(batch->unknown),
                        "event type %u, this release knows numbers up to %u",
                        (unsigned) record->type, (unsigned) highest_type());
    }
    return stop_before_unknown(batch);
}

/* Render `record` as the next slot; beyond the limits it is left for the next
 * batch. */
static enum gw_err put_slot(struct builder *builder, const struct gw_record *record,
                            const struct gw_event_context *context) {
    struct gw_batch *batch = builder->batch;
    size_t before = builder->text->len;
    if (batch->count > 0) {
        gw_buf_put_char(builder->text, ',');
    }
    enum gw_err err = gw_event_render(record, context, builder->text);
    bool is_over = builder->text->len > builder->request->max_bytes || err == GW_ERR_FULL;
    if (is_over && batch->count > 0) {
        gw_buf_rewind(builder->text, before);
        batch->was_cut = true;
        return GW_OK;
    }
    if (err == GW_ERR_SCHEMA) {
        gw_buf_rewind(builder->text, before);
        return stop_before_record(batch, record);
    }
    if (err) {
        return err;
    }
    batch->slots[batch->count++] = (struct gw_slot){
        .sequence = record->sequence,
        .span = (uint32_t) (record->last_sequence - record->sequence + 1),
        .is_tombstone = record->is_tombstone,
        .verdict = GW_SLOT_UNNAMED,
    };
    batch->events += !record->is_tombstone;
    batch->last = record->last_sequence;
    if (batch->count == 1) {
        batch->oldest_recorded_wall_ms = record->recorded_wall_ms;
    }
    builder->next = record->last_sequence + 1;
    return GW_OK;
}

struct stand_in {
    uint64_t first, last;
    struct gw_str reason;
    int64_t time_wall_ms;
    int16_t zone_offset_min;
    const struct gw_event_context *context;
};

/* A tombstone of our own making, as the next slot. */
static enum gw_err put_tombstone(struct builder *builder, const struct stand_in *stand_in) {
    const struct gw_batch_request *request = builder->request;
    struct gw_buf *bytes = &builder->scratch->record;
    struct gw_record_stamp stamp = {
        .id = gw_event_id_make(request->class, stand_in->first, request->epoch),
        .recorded_wall_ms = stand_in->time_wall_ms,
        .zone_offset_min = stand_in->zone_offset_min,
        .clock_quality = GW_CLOCK_UNSYNCHRONISED,
        .context = stand_in->context,
    };
    struct gw_record record;
    size_t len;
    enum gw_err err =
        gw_record_encode_tombstone(&stamp, stand_in->last, stand_in->last - stand_in->first + 1,
                                   stand_in->reason, bytes->data, bytes->cap, &len);
    if (err) {
        return err;
    }
    err = gw_record_decode((struct gw_bytes){bytes->data, len}, &record);
    if (err) {
        return err;
    }
    /* not a drawn one: the same slot must give the same bytes each time */
    memcpy(record.trace.trace_id, stamp.id.bytes, sizeof(record.trace.trace_id));
    memcpy(record.trace.span_id, stamp.id.bytes + 8, sizeof(record.trace.span_id));
    return put_slot(builder, &record, stand_in->context);
}

static enum gw_err put_unreadable(struct builder *builder, uint64_t last) {
    const struct gw_batch_request *request = builder->request;
    struct stand_in stand_in = {
        .first = builder->next, .last = last, .context = request->fallback};
    bool is_one;
    enum gw_err err = request->tombstone(request->context, builder->next, true,
                                         &stand_in.reason, &stand_in.time_wall_ms, &is_one);
    if (err == GW_ERR_FULL && builder->batch->count > 0) {
        builder->batch->was_cut = true; /* its letter cannot be kept: what is before it goes */
        return GW_OK;
    }
    return err ? err : put_tombstone(builder, &stand_in);
}

/* A tombstone of the store that grew after its beginning was sent: only the
 * rest goes out, under the id of the rest's first sequence. */
static enum gw_err put_rest(struct builder *builder, const struct gw_queue_entry *entry) {
    struct gw_str reason;
    enum gw_err err = gw_json_find_raw(entry->record.data, GW_STR("/reason"), &reason);
    if (err || reason.len < 2) {
        return GW_ERR_CORRUPT;
    }
    struct stand_in stand_in = {
        .first = builder->next,
        .last = entry->record.last_sequence,
        .reason = gw_str_sub(reason, 1, reason.len - 2),
        .time_wall_ms = entry->record.time_wall_ms,
        .zone_offset_min = entry->record.zone_offset_min,
        .context = &entry->context,
    };
    return put_tombstone(builder, &stand_in);
}

static enum gw_err put_event(struct builder *builder, const struct gw_queue_entry *entry) {
    const struct gw_batch_request *request = builder->request;
    const struct gw_record *record = &entry->record;
    if (record->sequence <= request->letters_until && !record->is_tombstone) {
        struct stand_in stand_in = {
            .first = record->sequence,
            .last = record->sequence,
            .zone_offset_min = record->zone_offset_min,
            .context = &entry->context,
        };
        bool is_one = false;
        enum gw_err err = request->tombstone(request->context, record->sequence, false,
                                             &stand_in.reason, &stand_in.time_wall_ms, &is_one);
        if (err) {
            return err;
        }
        if (is_one) {
            return put_tombstone(builder, &stand_in);
        }
    }
    return put_slot(builder, record, &entry->context);
}

/* Nothing stored in [next, before). Seldom a lost record, more often a trim
 * between the look at the range and this read: so it ends the batch, and only a
 * hole that outlived another look is one. */
static enum gw_err put_hole(struct builder *builder, uint64_t before) {
    if (builder->batch->count > 0) {
        builder->batch->was_cut = true;
        return GW_OK;
    }
    return builder->request->is_hole_confirmed ? put_unreadable(builder, before - 1)
                                               : GW_ERR_RETRY;
}

static enum gw_err put_entry(struct builder *builder, const struct gw_queue_entry *entry) {
    uint64_t sequence = entry->record.sequence;
    uint64_t last = entry->err ? sequence : entry->record.last_sequence;
    if (last < builder->next) {
        return GW_OK;
    }
    if (sequence > builder->next) {
        enum gw_err err = put_hole(builder, sequence);
        if (err || is_full(builder)) {
            return err;
        }
    }
    if (entry->err == GW_ERR_SCHEMA) {
        return stop_before_format(builder->batch, entry->newer_format);
    }
    if (entry->err) {
        return put_unreadable(builder, sequence);
    }
    return sequence < builder->next ? put_rest(builder, entry) : put_event(builder, entry);
}

/* One piece; *ret_count is the number of records there were. */
static enum gw_err put_piece(struct builder *builder, size_t *ret_count) {
    const struct gw_batch_request *request = builder->request;
    struct gw_batch_scratch *scratch = builder->scratch;
    uint64_t wanted = request->max_slots - builder->batch->count;
    struct gw_queue_read_request read = {
        .epoch_index = request->epoch_index,
        .class = request->class,
        .from = builder->next,
        .max_events = wanted < scratch->entry_max ? (size_t) wanted : scratch->entry_max,
        .max_bytes = scratch->storage.cap,
    };
    gw_buf_clear(&scratch->storage);
    enum gw_err err = request->source->read(request->source->self, &read, &scratch->storage,
                                            scratch->entries, scratch->entry_max, ret_count);
    if (err) {
        return err;
    }
    for (size_t i = 0; i < *ret_count && !is_full(builder); i++) {
        if (scratch->entries[i].record.sequence > request->to) {
            *ret_count = 0;
            return GW_OK;
        }
        err = put_entry(builder, &scratch->entries[i]);
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

enum gw_err gw_batch_build(struct gw_batch *batch, struct gw_batch_scratch *scratch,
                           const struct gw_batch_request *request, struct gw_buf *text) {
    struct builder builder = {batch, scratch, request, text, request->from};
    size_t count = 1;
    batch->count = 0;
    batch->events = 0;
    batch->first = request->from;
    batch->last = request->from - 1;
    batch->oldest_recorded_wall_ms = 0;
    batch->was_cut = false;
    gw_buf_clear(text);
    gw_buf_put_char(text, '[');
    while (count > 0 && builder.next <= request->to && !is_full(&builder)) {
        enum gw_err err = put_piece(&builder, &count);
        if (err) {
            return err;
        }
    }
    batch->was_cut = batch->was_cut || is_full(&builder);
    return gw_buf_put_char(text, ']') ? GW_OK : GW_ERR_RANGE;
}

enum gw_err gw_batch_find(const struct gw_batch *batch, uint64_t sequence, size_t *ret_index) {
    size_t low = 0, high = batch->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (batch->slots[middle].sequence < sequence) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == batch->count || batch->slots[low].sequence != sequence) {
        return GW_ERR_NOENT;
    }
    *ret_index = low;
    return GW_OK;
}
