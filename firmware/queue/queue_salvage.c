/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Salvage: what a store that was set aside still holds comes back under its old
 * ids, as a closed older epoch.
 *
 * gw_store_salvage() walks the damaged file by plain reads, so a bad page can cost
 * entries and nothing else. A record is believed by its own checksum and knows its
 * epoch, class and sequence; the table or key it was found under only has to
 * agree. Contexts come before the logs, as tables are walked by name.
 *
 * The epoch is FILLING until its last hole has a tombstone, and readers do not see
 * it before. A call that ends half-way leaves it so; the next call with the same
 * store goes on, and what is there already is not put again.
 */
#include <stdlib.h>
#include <string.h>

#include "firmware/event/render.h"
#include "firmware/queue/salvage.h"

#define BATCH_RECORDS 500

static struct salvage_epoch *old_by_index(struct salvage *salvage, uint8_t index) {
    if (index == GW_EPOCH_INDEX_OWN) {
        return &salvage->old[0];
    }
    return index + 1 < GW_QUEUE_MAX_EPOCHS ? &salvage->old[index + 1] : NULL;
}

/* ---- the epoch here ---- */

static bool index_is_free(const struct books *books, uint8_t index) {
    for (size_t i = 0; i < books->epoch_count; i++) {
        if (books->epochs[i].index == index) {
            return false;
        }
    }
    return true;
}

static enum gw_err add_epoch(struct gw_queue_writer *writer, struct gw_epoch epoch,
                             struct epoch_books **ret_books) {
    struct books *books = &writer->pending;
    uint8_t index = 0;
    while (index < GW_QUEUE_MAX_EPOCHS - 1 && !index_is_free(books, index)) {
        index++;
    }
    if (index == GW_QUEUE_MAX_EPOCHS - 1) {
        return GW_ERR_FULL;
    }
    struct epoch_books *added = &books->epochs[books->epoch_count++];
    *added = (struct epoch_books){.index = index,
                                  .state = EPOCH_FILLING,
                                  .epoch = epoch,
                                  .created_wall_ms = gw_clock_wall_ms(&writer->clock),
                                  .changed = true};
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        added->classes[i].first = 1;
    }
    *queue_acks_of(writer, index) = (struct queue_acks){0};
    *ret_books = added;
    return GW_OK;
}

/* The slot that is being filled with `epoch`, made if there is none. DUPLICATE if
 * that epoch is complete here, or is our own. */
enum gw_err salvage_epoch_for(struct salvage *salvage, struct gw_epoch epoch,
                              struct epoch_books **ret_books) {
    struct books *books = &salvage->writer->pending;
    size_t slot = queue_epoch_slot(books, epoch);
    if (slot == books->epoch_count) {
        return add_epoch(salvage->writer, epoch, ret_books);
    }
    if (books->epochs[slot].state != EPOCH_FILLING) {
        return GW_ERR_DUPLICATE;
    }
    *ret_books = &books->epochs[slot];
    return GW_OK;
}

const struct gw_queue_progress *salvage_progress_of(const struct salvage *salvage,
                                                    struct gw_epoch epoch) {
    for (size_t i = 0; i < salvage->progress_count; i++) {
        if (gw_epoch_eq(salvage->progress[i].epoch, epoch)) {
            return &salvage->progress[i];
        }
    }
    return NULL;
}

uint64_t salvage_acked(const struct salvage *salvage, struct gw_epoch epoch,
                       enum gw_flow_class class) {
    const struct gw_queue_progress *progress = salvage_progress_of(salvage, epoch);
    return progress ? progress->acked[class] : 0;
}

/* ---- contexts ---- */

static enum gw_err put_context(struct salvage *salvage, struct epoch_books *epoch,
                               uint32_t number, struct gw_bytes encoded) {
    struct gw_queue_writer *writer = salvage->writer;
    uint64_t key = queue_context_key(epoch->index, number);
    struct gw_bytes there;
    enum gw_err err =
        gw_store_get(writer->txn, writer->tables.context, gw_store_key_u64(&key), &there);
    if (err != GW_ERR_NOENT) {
        return err;
    }
    writer->pending.context_bytes += queue_cost(writer, encoded.len);
    return gw_store_put(writer->txn, writer->tables.context, gw_store_key_u64(&key), encoded);
}

/* Our own facts under an old epoch: for tombstones, and for records whose context
 * was lost. */
enum gw_err salvage_put_context(struct salvage *salvage, struct epoch_books *epoch,
                                uint32_t number) {
    struct gw_event_context facts = salvage->writer->context.facts;
    uint8_t encoded[GW_CONTEXT_MAX_BYTES];
    size_t len;
    facts.epoch = epoch->epoch;
    memset(facts.boot_id, 0, sizeof(facts.boot_id));
    enum gw_err err = gw_context_encode(&facts, encoded, sizeof(encoded), &len);
    return err ? err : put_context(salvage, epoch, number, (struct gw_bytes){encoded, len});
}

static enum gw_err take_context(struct salvage *salvage, uint64_t key, struct gw_bytes value) {
    struct gw_event_context context;
    struct epoch_books *epoch;
    if (gw_context_decode(value, &context)) {
        return GW_OK; /* damaged: salvage_put_context stands in */
    }
    enum gw_err err = salvage_epoch_for(salvage, context.epoch, &epoch);
    if (err == GW_ERR_DUPLICATE) {
        return GW_OK; /* of an epoch that another salvage has brought back already */
    }
    return err ? err : put_context(salvage, epoch, (uint32_t) key, value);
}

/* Make sure that the record can be rendered. NOENT if its context was lost and
 * ours gives another digest: then it is another gateway's. */
static enum gw_err settle_context(struct salvage *salvage, struct epoch_books *epoch,
                                  const struct gw_record *record) {
    struct gw_queue_writer *writer = salvage->writer;
    uint64_t key = queue_context_key(epoch->index, record->context_number);
    struct gw_bytes value;
    enum gw_err err =
        gw_store_get(writer->txn, writer->tables.context, gw_store_key_u64(&key), &value);
    if (err != GW_ERR_NOENT) {
        return err;
    }
    uint8_t digest[GW_DIGEST_BYTES];
    gw_event_digest(record, &writer->context.facts, digest);
    if (memcmp(digest, record->digest, sizeof(digest)) != 0) {
        return GW_ERR_NOENT;
    }
    return salvage_put_context(salvage, epoch, record->context_number);
}

/* ---- records ---- */

/* Batches are bounded in bytes too: what room-making freed can be used only after
 * the commit. */
enum gw_err salvage_next_batch(struct salvage *salvage, uint64_t bytes) {
    salvage->writer->group.bytes += bytes;
    if (++salvage->batch < BATCH_RECORDS && !queue_group_is_large(salvage->writer)) {
        return GW_OK;
    }
    salvage->batch = 0;
    enum gw_err err = queue_commit(salvage->writer);
    return err ? err : queue_begin(salvage->writer);
}

static void widen(struct class_books *books, uint64_t first, uint64_t last) {
    if (books->count == 0) {
        books->first = first;
        books->last = last;
        return;
    }
    books->first = first < books->first ? first : books->first;
    books->last = last > books->last ? last : books->last;
}

static enum gw_err put_record(struct salvage *salvage, struct epoch_books **epoch,
                              const struct gw_record *record, struct gw_bytes bytes) {
    struct gw_queue_writer *writer = salvage->writer;
    uint64_t cost = queue_cost(writer, bytes.len);
    uint64_t key = queue_log_key((*epoch)->index, record->class, record->sequence);
    struct gw_bytes there;
    enum gw_err err = gw_store_get(writer->txn, writer->tables.logs[record->class],
                                   gw_store_key_u64(&key), &there);
    if (err != GW_ERR_NOENT) {
        salvage->result.recovered[record->class] += !err && !record->is_tombstone;
        return err;
    }
    err = queue_admit(writer, cost);
    if (!err) {
        /* Making room may have dropped another salvaged epoch: look again. */
        err = salvage_epoch_for(salvage, record->epoch, epoch);
    }
    if (!err) {
        err = gw_store_put(writer->txn, writer->tables.logs[record->class],
                           gw_store_key_u64(&key), bytes);
    }
    if (err) {
        return err;
    }
    struct class_books *books = &(*epoch)->classes[record->class];
    widen(books, record->sequence, record->last_sequence);
    books->count++;
    books->bytes += cost;
    (*epoch)->changed = true;
    salvage->result.recovered[record->class] += !record->is_tombstone;
    return salvage_next_batch(salvage, cost);
}

static enum gw_err take_record(struct salvage *salvage, struct gw_bytes key,
                               struct gw_bytes value) {
    struct gw_record record;
    if (key.len != sizeof(uint64_t) || gw_record_decode(value, &record)) {
        return GW_OK;
    }
    uint64_t number = queue_key_of(key);
    struct salvage_epoch *old = old_by_index(salvage, (uint8_t) (number >> 56));
    bool same = old && queue_key_is_of(number, (uint8_t) (number >> 56), record.class)
                && queue_key_sequence(number) == record.sequence
                && (!old->has_epoch || gw_epoch_eq(old->books.epoch, record.epoch));
    if (!same) {
        return GW_OK;
    }
    salvage->found_any = true;
    if (record.last_sequence <= salvage_acked(salvage, record.epoch, record.class)) {
        salvage->result.already_acked += record.last_sequence - record.sequence + 1;
        return GW_OK;
    }
    struct epoch_books *epoch;
    enum gw_err err = salvage_epoch_for(salvage, record.epoch, &epoch);
    if (!err) {
        err = settle_context(salvage, epoch, &record);
    }
    if (err) {
        return err == GW_ERR_NOENT || err == GW_ERR_DUPLICATE ? GW_OK : err;
    }
    return put_record(salvage, &epoch, &record, value);
}

/* ---- the old store's own words ---- */

static enum gw_err take_root_value(struct salvage *salvage, struct gw_bytes key,
                                   struct gw_bytes value) {
    struct gw_str name = gw_str_from_bytes(key);
    if (gw_str_eq(name, GW_STR(QUEUE_ROOT_IDENTITY))) {
        struct queue_identity identity;
        enum gw_err err = queue_identity_decode(value, &identity);
        if (err) {
            return err == GW_ERR_SCHEMA ? err : GW_OK;
        }
        bool ours = strcmp(identity.serial, salvage->writer->identity.serial) == 0;
        return ours ? GW_OK : GW_ERR_DENIED;
    }
    if (gw_str_eq(name, GW_STR(QUEUE_ROOT_BOOKS))) {
        GW_CLEANUP(gw_freep) struct books *books = calloc(1, sizeof(*books));
        if (books && !queue_books_decode(value, books)) {
            memcpy(salvage->old[0].books.classes, books->epochs[0].classes,
                   sizeof(books->epochs[0].classes));
            salvage->old[0].has_books = true;
        }
    }
    return GW_OK;
}

static enum gw_err take_epoch(struct salvage *salvage, struct gw_bytes key,
                              struct gw_bytes value) {
    struct salvage_epoch *old = key.len == 1 ? old_by_index(salvage, key.ptr[0]) : NULL;
    struct epoch_books books = {.index = key.len == 1 ? key.ptr[0] : 0};
    if (!old || queue_epoch_decode(value, &books)) {
        return GW_OK;
    }
    if (old == &salvage->old[0]) {
        memcpy(books.classes, old->books.classes, sizeof(books.classes));
        /* Told now rather than after half the work. */
        size_t slot = queue_epoch_slot(&salvage->writer->pending, books.epoch);
        if (slot < salvage->writer->pending.epoch_count
            && salvage->writer->pending.epochs[slot].state != EPOCH_FILLING) {
            return GW_ERR_DUPLICATE;
        }
    } else {
        old->has_books = books.state == EPOCH_CLOSED;
    }
    old->books = books;
    old->has_epoch = true;
    return GW_OK;
}

static bool take(void *context, struct gw_str table, struct gw_bytes key,
                 struct gw_bytes value) {
    struct salvage *salvage = context;
    if (gw_str_eq(table, GW_STR(GW_STORE_ROOT_NAME))) {
        salvage->err = take_root_value(salvage, key, value);
    } else if (gw_str_eq(table, GW_STR("epochs"))) {
        salvage->err = take_epoch(salvage, key, value);
    } else if (gw_str_eq(table, GW_STR("context"))) {
        salvage->err = take_context(salvage, queue_key_of(key), value);
    } else if (table.len == 0 || gw_str_starts_with(table, GW_STR("log."))) {
        salvage->err = take_record(salvage, key, value);
    } else if (gw_str_eq(table, GW_STR("quarantine"))) {
        salvage->err = salvage_take_quarantined(salvage, queue_key_of(key), value);
    } else if (gw_str_starts_with(table, GW_STR("state."))) {
        salvage->result.state_left++;
    }
    return salvage->err == GW_OK;
}

/* ---- the whole ---- */

static enum gw_err run(struct salvage *salvage, const char *path) {
    struct gw_queue_writer *writer = salvage->writer;
    enum gw_err err = queue_begin(writer);
    if (err) {
        return err;
    }
    err = gw_store_salvage(path, take, salvage);
    if (!err) {
        err = salvage->err;
    }
    if (!err && !salvage->found_any && !salvage->old[0].has_epoch) {
        err = GW_ERR_CORRUPT;
    }
    if (!err) {
        err = salvage_add_lost(salvage);
    }
    if (!err) {
        err = salvage_close(salvage);
    }
    if (!err) {
        return queue_commit(writer);
    }
    /* What was committed stays; the rest is taken back. */
    return writer->txn ? queue_fail(writer, err) : err;
}

enum gw_err gw_queue_salvage(struct gw_queue_writer *writer, const char *path,
                             const struct gw_queue_progress *progress, size_t count,
                             struct gw_queue_salvage_result *ret_result) {
    enum gw_err err = queue_commit(writer);
    if (err) {
        return err;
    }
    GW_CLEANUP(gw_freep) struct salvage *salvage = calloc(1, sizeof(*salvage));
    if (!salvage) {
        return GW_ERR_NOMEM;
    }
    salvage->writer = writer;
    salvage->progress = progress;
    salvage->progress_count = count;
    err = run(salvage, path);
    if (err) {
        return err;
    }
    *ret_result = salvage->result;
    return GW_OK;
}
