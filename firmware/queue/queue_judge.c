/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this store be used? Reasons why not, in the order they are looked at (the
 * first, damaged pages, is the open's):
 *
 *   another format of ours          a newer release wrote it
 *   another serial                  a disk out of another gateway
 *   another place                   a copy: two gateways would hand out the same
 *                                   sequences under one epoch
 *   books missing or at odds with the logs
 *   behind what a witness saw       restored from a backup: sequences that the
 *                                   centre already has would be given again
 *   too many deaths                 it opens, but something in it kills us
 *
 * Nothing is written before the verdict: a store of a newer release stays as it is.
 */
#include "firmware/queue/queue_internal.h"

enum gw_err queue_verdict_unusable(struct queue_verdict *ret_verdict, const char *reason,
                                   enum queue_past past) {
    *ret_verdict = (struct queue_verdict){reason, past};
    return GW_ERR_CORRUPT;
}

static enum gw_err judge_identity(struct gw_queue_writer *writer, struct gw_bytes value,
                                  struct queue_verdict *verdict) {
    struct queue_identity stored;
    enum gw_err err = queue_identity_decode(value, &stored);
    if (err == GW_ERR_SCHEMA) {
        return queue_verdict_unusable(verdict, "written by a newer release", QUEUE_PAST_KNOWN);
    }
    if (err) {
        return queue_verdict_unusable(verdict, "identity record is damaged", QUEUE_PAST_KNOWN);
    }
    if (!gw_str_eq(gw_str_from_cstr(stored.serial),
                   gw_str_from_cstr(writer->identity.serial))) {
        return queue_verdict_unusable(verdict, "belongs to another gateway serial",
                                      QUEUE_PAST_FOREIGN);
    }
    if (!gw_str_eq(gw_str_from_cstr(stored.partition_id),
                   gw_str_from_cstr(writer->identity.partition_id))) {
        return queue_verdict_unusable(verdict, "is a copy: partition or file is another one",
                                      QUEUE_PAST_MAY_MISS);
    }
    return GW_OK;
}

/* The log's own first and last key of a class, against the books. */
static enum gw_err judge_class(struct gw_queue_writer *writer, struct gw_store_txn *txn,
                               enum gw_flow_class class) {
    const struct class_books *books = &queue_own(&writer->pending)->classes[class];
    GW_CLEANUP(gw_store_cursor_closep) struct gw_store_cursor *cursor = NULL;
    enum gw_err err = gw_store_cursor_open(txn, writer->tables.logs[class], &cursor);
    if (err) {
        return err;
    }
    uint64_t from = queue_log_key(GW_EPOCH_INDEX_OWN, class, 0);
    struct gw_bytes key = {0}, value;
    err = gw_store_cursor_seek(cursor, GW_SEEK_AT_OR_AFTER, gw_store_key_u64(&from), &key,
                               &value);
    if (err == GW_ERR_NOENT) {
        return books->count == 0 && books->first == books->last + 1 ? GW_OK : GW_ERR_CORRUPT;
    }
    if (err) {
        return err;
    }
    if (queue_key_of(key) != queue_log_key(GW_EPOCH_INDEX_OWN, class, books->first)) {
        return GW_ERR_CORRUPT;
    }
    err = gw_store_cursor_seek(cursor, GW_SEEK_LAST, (struct gw_bytes){0}, &key, &value);
    if (err) {
        return err;
    }
    struct front_record last = queue_front_peek(queue_key_of(key), value);
    struct gw_record record;
    /* A damaged tombstone at the very end hides its range; the books know it. */
    bool hides = gw_record_decode(value, &record) && last.sequence <= books->last;
    return last.last == books->last || hides ? GW_OK : GW_ERR_CORRUPT;
}

static enum gw_err judge_books(struct gw_queue_writer *writer, struct gw_store_txn *txn,
                               struct queue_verdict *verdict) {
    enum gw_err err = queue_books_read(txn, &writer->tables, &writer->pending);
    for (int i = 0; !err && i < GW_CLASS_COUNT; i++) {
        err = judge_class(writer, txn, (enum gw_flow_class) i);
    }
    return err ? queue_verdict_unusable(verdict, "accounting is damaged", QUEUE_PAST_KNOWN)
               : GW_OK;
}

static enum gw_err judge_witness(const struct gw_queue_writer *writer,
                                 const struct gw_queue_witness *witness,
                                 struct queue_verdict *verdict) {
    const struct epoch_books *own = &writer->pending.epochs[0];
    if (!witness || !witness->known || !gw_epoch_eq(witness->epoch, own->epoch)) {
        return GW_OK;
    }
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        if (own->classes[i].last < witness->heads[i]) {
            return queue_verdict_unusable(
                verdict, "went back in time: a reader has seen more of it", QUEUE_PAST_KNOWN);
        }
    }
    return GW_OK;
}

static enum gw_err judge_deaths(struct gw_queue_writer *writer, struct gw_store_txn *txn,
                                struct queue_verdict *verdict) {
    struct gw_bytes value;
    enum gw_err err =
        gw_store_get(txn, writer->tables.root, queue_root_key(QUEUE_ROOT_MARKER), &value);
    if (!err) {
        err = queue_marker_decode(value, &writer->marker_deaths);
    }
    if (err) {
        return queue_verdict_unusable(verdict, "start marker is damaged", QUEUE_PAST_KNOWN);
    }
    return writer->marker_deaths >= GW_QUEUE_MAX_DEATHS ? queue_verdict_unusable(
               verdict, "too many deaths before the start was healthy", QUEUE_PAST_KNOWN)
                                                        : GW_OK;
}

enum gw_err queue_judge(struct gw_queue_writer *writer, const struct gw_queue_witness *witness,
                        struct gw_store_txn *txn, struct queue_verdict *verdict) {
    struct gw_bytes value;
    enum gw_err err = gw_store_table(txn, NULL, false, &writer->tables.root);
    if (!err) {
        err =
            gw_store_get(txn, writer->tables.root, queue_root_key(QUEUE_ROOT_IDENTITY), &value);
    }
    if (err) {
        return err == GW_ERR_NOENT
                   ? err
                   : queue_verdict_unusable(verdict, "root table is damaged", QUEUE_PAST_KNOWN);
    }
    err = judge_identity(writer, value, verdict);
    if (!err && queue_tables_open(txn, &writer->tables)) {
        err = queue_verdict_unusable(verdict, "tables are missing", QUEUE_PAST_KNOWN);
    }
    if (!err) {
        err = judge_books(writer, txn, verdict);
    }
    if (!err) {
        err = judge_witness(writer, witness, verdict);
    }
    if (!err) {
        err = judge_deaths(writer, txn, verdict);
    }
    if (!err) {
        err = queue_context_set_epoch(writer, queue_own(&writer->pending)->epoch);
    }
    if (!err) {
        queue_context_find(writer, txn);
    }
    return err;
}
