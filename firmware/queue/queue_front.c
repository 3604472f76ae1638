/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oldest end of a class: where trims, evictions and expiry take records away.
 *
 * All of them walk from the first record on, keep or drop each, and stop. The
 * books follow: count and bytes with each drop, the first sequence at the end.
 */
#include "firmware/queue/pack.h"
#include "firmware/queue/queue_internal.h"

/* Fields of the record's header (event/record.h draws it) that are read without
 * verifying the checksum of the whole: nothing but retention depends on them. */
#define RECORD_AT_KIND 5
#define RECORD_KIND_TOMBSTONE 2
#define RECORD_AT_RECORDED 32
#define RECORD_AT_EXPIRY 40

static int64_t get_i64(struct gw_bytes bytes, size_t at) {
    uint64_t value;
    memcpy(&value, bytes.ptr + at, sizeof(value));
    return (int64_t) le64toh(value);
}

struct front_record queue_front_peek(uint64_t key, struct gw_bytes bytes) {
    uint64_t sequence = queue_key_sequence(key);
    struct front_record record = {
        .sequence = sequence, .last = sequence, .len = bytes.len, .bytes = bytes};
    if (bytes.len < GW_RECORD_HEADER_BYTES) {
        return record;
    }
    record.recorded_wall_ms = get_i64(bytes, RECORD_AT_RECORDED);
    if (bytes.ptr[RECORD_AT_KIND] != RECORD_KIND_TOMBSTONE) {
        record.expiry_wall_ms = get_i64(bytes, RECORD_AT_EXPIRY);
        return record;
    }
    /* A range is believed only from a sound tombstone. */
    struct gw_record decoded;
    if (!gw_record_decode(bytes, &decoded) && decoded.sequence == sequence) {
        record.is_tombstone = true;
        record.last = decoded.last_sequence;
    }
    return record;
}

/* Take in what a seek of the cursor found. */
static enum gw_err arrive(struct queue_front *front, enum gw_err err, struct gw_bytes key,
                          struct gw_bytes value) {
    if (err && err != GW_ERR_NOENT) {
        return err;
    }
    uint64_t number = err ? 0 : queue_key_of(key);
    front->at_end = err || !queue_key_is_of(number, front->epoch->index, front->class);
    if (!front->at_end) {
        front->record = queue_front_peek(number, value);
    }
    return GW_OK;
}

enum gw_err queue_front_open(struct gw_queue_writer *writer, struct epoch_books *epoch,
                             enum gw_flow_class class, struct queue_front *ret_front) {
    struct queue_front front = {.writer = writer, .epoch = epoch, .class = class};
    enum gw_err err =
        gw_store_cursor_open(writer->txn, writer->tables.logs[class], &front.cursor);
    if (err) {
        return err;
    }
    uint64_t from = queue_log_key(epoch->index, class, epoch->classes[class].first);
    struct gw_bytes key = {0}, value = {0};
    err = gw_store_cursor_seek(front.cursor, GW_SEEK_AT_OR_AFTER, gw_store_key_u64(&from), &key,
                               &value);
    err = arrive(&front, err, key, value);
    if (err) {
        gw_store_cursor_close(front.cursor);
        return err;
    }
    *ret_front = front;
    return GW_OK;
}

static enum gw_err next(struct queue_front *front) {
    struct gw_bytes key = {0}, value = {0};
    enum gw_err err =
        gw_store_cursor_seek(front->cursor, GW_SEEK_NEXT, (struct gw_bytes){0}, &key, &value);
    return arrive(front, err, key, value);
}

enum gw_err queue_front_keep(struct queue_front *front) {
    front->kept_any = true;
    return next(front);
}

enum gw_err queue_front_drop(struct queue_front *front) {
    struct class_books *books = &front->epoch->classes[front->class];
    uint64_t cost = queue_cost(front->writer, front->record.len);
    enum gw_err err = gw_store_cursor_del(front->cursor);
    if (err) {
        return err;
    }
    books->count -= books->count > 0;
    books->bytes -= cost < books->bytes ? cost : books->bytes;
    front->epoch->changed = true;
    return next(front);
}

void queue_front_close(struct queue_front *front) {
    struct class_books *books = &front->epoch->classes[front->class];
    gw_store_cursor_close(front->cursor);
    if (front->kept_any) {
        return;
    }
    books->first = front->at_end ? books->last + 1 : front->record.sequence;
    if (front->at_end) {
        books->count = 0;
        books->bytes = 0;
    }
}
