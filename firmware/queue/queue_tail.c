/* SPDX-License-Identifier: Apache-2.0 */
/* The newest records of each class, for the sources' windows of redeliveries. */
#include <string.h>

#include "firmware/queue/queue_internal.h"

struct tail {
    struct gw_bytes prefix;
    size_t count;
    gw_intake_tail *each;
    void *context;
};

static void show(const struct tail *tail, struct gw_bytes value) {
    struct gw_record record;
    if (gw_record_decode(value, &record) || record.origin.len == 0
        || record.origin.len < tail->prefix.len
        || (tail->prefix.len > 0
            && memcmp(record.origin.ptr, tail->prefix.ptr, tail->prefix.len) != 0)) {
        return;
    }
    tail->each(tail->context, record.origin, record.class, record.sequence);
}

/* Back `count` records from the end, then forward: the window is the newest
 * records, those without an origin included, so its cost does not depend on how
 * many have one. */
static enum gw_err tail_class(struct gw_queue_writer *writer, struct gw_store_txn *txn,
                              enum gw_flow_class class, const struct tail *tail) {
    const struct class_books *books = &queue_own(&writer->committed)->classes[class];
    if (books->count == 0 || tail->count == 0) {
        return GW_OK;
    }
    uint64_t first = books->last >= tail->count ? books->last - tail->count + 1 : 1;
    first = first < books->first ? books->first : first;
    GW_CLEANUP(gw_store_cursor_closep) struct gw_store_cursor *cursor = NULL;
    enum gw_err err = gw_store_cursor_open(txn, writer->tables.logs[class], &cursor);
    if (err) {
        return err;
    }
    uint64_t from = queue_log_key(GW_EPOCH_INDEX_OWN, class, first);
    struct gw_bytes key = {0}, value;
    err = gw_store_cursor_seek(cursor, GW_SEEK_AT_OR_AFTER, gw_store_key_u64(&from), &key,
                               &value);
    while (!err) {
        show(tail, value);
        err = gw_store_cursor_seek(cursor, GW_SEEK_NEXT, (struct gw_bytes){0}, &key, &value);
    }
    return err == GW_ERR_NOENT ? GW_OK : err;
}

enum gw_err queue_tail(void *self, struct gw_bytes prefix, size_t count, gw_intake_tail *each,
                       void *context) {
    struct gw_queue_writer *writer = self;
    struct tail tail = {prefix, count, each, context};
    struct gw_store_txn *txn;
    enum gw_err err = gw_store_begin(writer->store, false, &txn);
    if (err) {
        return err;
    }
    for (int i = 0; !err && i < GW_CLASS_COUNT; i++) {
        err = tail_class(writer, txn, (enum gw_flow_class) i, &tail);
    }
    gw_store_abort(txn);
    return err;
}
