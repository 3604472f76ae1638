/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts: facts common to many events, stored once under a number.
 *
 * The number is drawn when the first event needs it and belongs to the open
 * transaction until that commits, like a sequence does. The key holds the epoch's
 * index too, so that salvaged records keep their bytes, and with them the number
 * they were written with.
 */
#include <string.h>

#include "firmware/queue/queue_internal.h"

#define MANY_CONTEXTS 256

static enum gw_err keep(struct gw_str text, char dst[QUEUE_TEXT_BYTES], struct gw_str *view) {
    enum gw_err err = gw_str_copy(text, dst, QUEUE_TEXT_BYTES);
    *view = (struct gw_str){dst, err ? 0 : text.len};
    return err ? GW_ERR_RANGE : GW_OK;
}

enum gw_err queue_context_set(struct gw_queue_writer *writer, struct gw_str site,
                              struct gw_str owner, struct gw_str zone) {
    struct queue_context *context = &writer->context;
    struct gw_event_context wanted = context->facts;
    wanted.site = site;
    wanted.owner = owner;
    wanted.zone = zone;
    uint8_t encoded[GW_CONTEXT_MAX_BYTES];
    size_t len;
    /* Encoded first: it refuses what could not be stored, before anything changes. */
    enum gw_err err = gw_context_encode(&wanted, encoded, sizeof(encoded), &len);
    if (err) {
        return err;
    }
    if (len == context->encoded_len && memcmp(encoded, context->encoded, len) == 0) {
        return GW_OK;
    }
    err = keep(site, context->site, &context->facts.site);
    if (!err) {
        err = keep(owner, context->owner, &context->facts.owner);
    }
    if (!err) {
        err = keep(zone, context->zone, &context->facts.zone);
    }
    if (err) {
        return err;
    }
    memcpy(context->encoded, encoded, len);
    context->encoded_len = len;
    context->stored = false;
    context->written = false;
    queue_zone_set(&writer->zone, context->facts.zone);
    return GW_OK;
}

enum gw_err queue_context_set_epoch(struct gw_queue_writer *writer, struct gw_epoch epoch) {
    struct queue_context *context = &writer->context;
    context->facts.epoch = epoch;
    context->stored = false;
    context->written = false;
    return gw_context_encode(&context->facts, context->encoded, sizeof(context->encoded),
                             &context->encoded_len);
}

enum gw_err queue_context_write(struct gw_queue_writer *writer) {
    struct queue_context *context = &writer->context;
    if (context->stored || context->written) {
        return GW_OK;
    }
    uint32_t number = writer->pending.next_context;
    uint64_t key = queue_context_key(GW_EPOCH_INDEX_OWN, number);
    enum gw_err err = gw_store_put(writer->txn, writer->tables.context, gw_store_key_u64(&key),
                                   (struct gw_bytes){context->encoded, context->encoded_len});
    if (err) {
        return err;
    }
    writer->pending.next_context++;
    writer->pending.context_bytes += queue_cost(writer, context->encoded_len);
    context->number = number;
    context->written = true;
    return GW_OK;
}

void queue_context_find(struct gw_queue_writer *writer, struct gw_store_txn *txn) {
    struct queue_context *context = &writer->context;
    if (writer->pending.next_context <= 1) {
        return;
    }
    uint32_t number = writer->pending.next_context - 1;
    uint64_t key = queue_context_key(GW_EPOCH_INDEX_OWN, number);
    struct gw_bytes value;
    if (gw_store_get(txn, writer->tables.context, gw_store_key_u64(&key), &value)
        || value.len != context->encoded_len
        || memcmp(value.ptr, context->encoded, value.len) != 0) {
        return;
    }
    context->number = number;
    context->stored = true;
}

/* Lowest number that a record of the own epoch may name: numbers rise with time,
 * so each class's oldest record tells. UINT32_MAX if there is no record. A record
 * that cannot be read, or a tombstone (younger than what follows it), tells
 * nothing: 0, and nothing is dropped. */
static enum gw_err lowest_in_use(struct gw_queue_writer *writer, uint32_t *ret_number) {
    uint32_t lowest = UINT32_MAX;
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        const struct class_books *books = &queue_own(&writer->pending)->classes[i];
        uint64_t key = queue_log_key(GW_EPOCH_INDEX_OWN, (enum gw_flow_class) i, books->first);
        if (books->count == 0) {
            continue;
        }
        struct gw_bytes value;
        struct gw_record record;
        enum gw_err err =
            gw_store_get(writer->txn, writer->tables.logs[i], gw_store_key_u64(&key), &value);
        if (err && err != GW_ERR_NOENT) {
            return err;
        }
        bool tells = !err && !gw_record_decode(value, &record) && !record.is_tombstone;
        uint32_t number = tells ? record.context_number : 0;
        lowest = number < lowest ? number : lowest;
    }
    *ret_number = lowest;
    return GW_OK;
}

enum gw_err queue_context_prune(struct gw_queue_writer *writer) {
    uint32_t lowest;
    enum gw_err err = lowest_in_use(writer, &lowest);
    if (err) {
        return err;
    }
    uint32_t keep_from = writer->pending.next_context > MANY_CONTEXTS
                             ? writer->pending.next_context - MANY_CONTEXTS
                             : 0;
    lowest = lowest < keep_from ? lowest : keep_from;
    for (uint32_t i = 0; i < 2 * MANY_CONTEXTS; i++) {
        GW_CLEANUP(gw_store_cursor_closep) struct gw_store_cursor *cursor = NULL;
        uint64_t from = queue_context_key(GW_EPOCH_INDEX_OWN, 0);
        struct gw_bytes key, value;
        err = gw_store_cursor_open(writer->txn, writer->tables.context, &cursor);
        if (!err) {
            err = gw_store_cursor_seek(cursor, GW_SEEK_AT_OR_AFTER, gw_store_key_u64(&from),
                                       &key, &value);
        }
        if (err || queue_key_of(key) >= queue_context_key(GW_EPOCH_INDEX_OWN, lowest)) {
            return err == GW_ERR_NOENT ? GW_OK : err;
        }
        uint64_t cost = queue_cost(writer, value.len);
        uint64_t *bytes = &writer->pending.context_bytes;
        *bytes -= cost < *bytes ? cost : *bytes;
        err = gw_store_cursor_del(cursor);
        if (err) {
            return err;
        }
    }
    return GW_OK;
}
