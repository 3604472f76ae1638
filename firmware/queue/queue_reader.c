/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading, in another process than the writer.
 *
 * One read is one short transaction: find, copy, end. The copy is decoded after
 * that, so nothing here ever points into the map. Contexts are copied once into
 * memory of the reader's own and stay as long as it does; they never change under
 * their number.
 *
 * Whatever the flash did, the sequence of a place is known from its key: a record
 * that fails its checksum, or is missing where the books say there is one, becomes
 * an entry with CORRUPT and reading goes on behind it. A record of a newer format is
 * none of that (the software was rolled back): it is whole, and this release must not
 * say otherwise. It is an entry with SCHEMA.
 */
#include <stdlib.h>
#include <string.h>

#include "firmware/queue/queue_internal.h"

/* Of records and contexts alike (firmware/event/record.h). */
#define FORMAT_AT 4

struct kept_context {
    uint64_t key;
    struct kept_context *next;
    struct gw_event_context context; /* views into bytes */
    uint8_t bytes[];
};

struct gw_queue_reader {
    struct gw_store *store;
    bool owns_store;
    struct queue_tables tables;
    struct books books; /* of the transaction under way */
    struct kept_context *contexts;
};

/* ---- open ---- */

static enum gw_err check_identity(struct gw_store_txn *txn) {
    struct gw_table root;
    struct gw_bytes value;
    struct queue_identity identity;
    enum gw_err err = gw_store_table(txn, NULL, false, &root);
    if (!err) {
        err = gw_store_get(txn, root, queue_root_key(QUEUE_ROOT_IDENTITY), &value);
    }
    return err ? err : queue_identity_decode(value, &identity);
}

static enum gw_err open_tables(struct gw_queue_reader *reader) {
    struct gw_store_txn *txn;
    enum gw_err err = gw_store_begin(reader->store, false, &txn);
    if (err) {
        return err;
    }
    err = check_identity(txn);
    if (!err) {
        err = queue_tables_open(txn, &reader->tables);
    }
    if (err) {
        gw_store_abort(txn);
        return err;
    }
    return gw_store_commit(txn);
}

enum gw_err gw_queue_reader_open(const char *path, struct gw_queue_reader **ret_reader) {
    GW_CLEANUP(gw_queue_reader_closep)
    struct gw_queue_reader *reader = calloc(1, sizeof(*reader));
    if (!reader) {
        return GW_ERR_NOMEM;
    }
    struct gw_store_options options = {
        .path = path, .max_tables = QUEUE_MAX_TABLES, .read_only = true};
    reader->owns_store = true;
    enum gw_err err = gw_store_open(&options, &reader->store);
    if (!err) {
        err = open_tables(reader);
    }
    if (err) {
        return err;
    }
    *ret_reader = GW_TAKE(reader);
    return GW_OK;
}

enum gw_err gw_queue_reader_open_beside(struct gw_queue_writer *writer,
                                        struct gw_queue_reader **ret_reader) {
    struct gw_queue_reader *reader = calloc(1, sizeof(*reader));
    if (!reader) {
        return GW_ERR_NOMEM;
    }
    reader->store = writer->store;
    reader->tables = writer->tables;
    *ret_reader = reader;
    return GW_OK;
}

void gw_queue_reader_close(struct gw_queue_reader *reader) {
    if (!reader) {
        return;
    }
    while (reader->contexts) {
        struct kept_context *next = reader->contexts->next;
        free(reader->contexts);
        reader->contexts = next;
    }
    if (reader->owns_store) {
        gw_store_close(reader->store);
    }
    free(reader);
}

/* ---- epochs ---- */

static enum gw_err begin(struct gw_queue_reader *reader, struct gw_store_txn **ret_txn) {
    enum gw_err err = gw_store_check_path(reader->store);
    if (err) {
        return err;
    }
    struct gw_store_txn *txn;
    err = gw_store_begin(reader->store, false, &txn);
    if (err) {
        return err;
    }
    err = queue_books_read(txn, &reader->tables, &reader->books);
    if (err) {
        gw_store_abort(txn);
        return err;
    }
    *ret_txn = txn;
    return GW_OK;
}

static void put_view(const struct epoch_books *epoch, struct gw_queue_epoch_view *view) {
    *view = (struct gw_queue_epoch_view){.index = epoch->index, .epoch = epoch->epoch};
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        view->ranges[i].first = epoch->classes[i].first;
        view->ranges[i].last = epoch->classes[i].last;
    }
}

enum gw_err gw_queue_reader_epochs(struct gw_queue_reader *reader,
                                   struct gw_queue_epoch_view ret_epochs[GW_QUEUE_MAX_EPOCHS],
                                   size_t *ret_count) {
    struct gw_store_txn *txn;
    enum gw_err err = begin(reader, &txn);
    if (err) {
        return err;
    }
    gw_store_abort(txn);
    size_t count = 0;
    for (size_t i = 1; i < reader->books.epoch_count; i++) {
        if (reader->books.epochs[i].state == EPOCH_CLOSED) {
            put_view(&reader->books.epochs[i], &ret_epochs[count++]);
        }
    }
    put_view(&reader->books.epochs[0], &ret_epochs[count++]);
    *ret_count = count;
    return GW_OK;
}

/* ---- contexts ---- */

static const struct kept_context *find_context(const struct gw_queue_reader *reader,
                                               uint64_t key) {
    const struct kept_context *kept = reader->contexts;
    while (kept && kept->key != key) {
        kept = kept->next;
    }
    return kept;
}

/* Newest first in the list: that is the one most records name. */
static enum gw_err keep_context(struct gw_queue_reader *reader, struct gw_store_txn *txn,
                                uint64_t key, uint8_t *ret_format) {
    struct gw_bytes value;
    enum gw_err err = gw_store_get(txn, reader->tables.context, gw_store_key_u64(&key), &value);
    if (err) {
        return err == GW_ERR_NOENT ? GW_ERR_CORRUPT : err;
    }
    GW_CLEANUP(gw_freep)
    struct kept_context *kept = malloc(sizeof(*kept) + value.len);
    if (!kept) {
        return GW_ERR_NOMEM;
    }
    memcpy(kept->bytes, value.ptr, value.len);
    *ret_format = value.len > FORMAT_AT ? kept->bytes[FORMAT_AT] : 0;
    kept->key = key;
    err = gw_context_decode((struct gw_bytes){kept->bytes, value.len}, &kept->context);
    if (err) {
        return err;
    }
    kept->next = reader->contexts;
    reader->contexts = GW_TAKE(kept);
    return GW_OK;
}

/* ---- reading ---- */

struct read_run {
    struct gw_queue_reader *reader;
    struct gw_store_txn *txn;
    struct gw_store_cursor *cursor;
    const struct gw_queue_read_request *request;
    const struct epoch_books *epoch;
    struct gw_buf *storage;
    struct gw_queue_entry *entries;
    size_t max_entries, count, bytes;
    uint64_t expected; /* next sequence wanted */
};

static void put_unreadable(struct read_run *run, uint64_t sequence, enum gw_err err,
                           uint8_t newer_format) {
    run->entries[run->count++] = (struct gw_queue_entry){
        .record = {.class = run->request->class,
                   .sequence = sequence,
                   .last_sequence = sequence,
                   .epoch = run->epoch->epoch,
                   .id = gw_event_id_make(run->request->class, sequence, run->epoch->epoch)},
        .err = err,
        .newer_format = newer_format,
    };
    run->expected = sequence + 1;
}

static void put_corrupt(struct read_run *run, uint64_t sequence) {
    put_unreadable(run, sequence, GW_ERR_CORRUPT, 0);
}

static bool belongs_here(const struct read_run *run, const struct gw_record *record,
                         uint64_t sequence) {
    return record->sequence == sequence && record->class == run->request->class
           && gw_epoch_eq(record->epoch, run->epoch->epoch);
}

/* The record in the buffer, with its context; CORRUPT if either is damaged, SCHEMA if
 * either is of a newer format, which is then in the entry. */
static enum gw_err take_apart(struct read_run *run, struct gw_bytes bytes, uint64_t sequence,
                              struct gw_queue_entry *entry) {
    enum gw_err err = gw_record_decode(bytes, &entry->record);
    if (err == GW_ERR_SCHEMA) {
        entry->newer_format = bytes.ptr[FORMAT_AT];
        return err;
    }
    if (err || !belongs_here(run, &entry->record, sequence)) {
        return GW_ERR_CORRUPT;
    }
    uint64_t key = queue_context_key(run->epoch->index, entry->record.context_number);
    if (!find_context(run->reader, key)) {
        err = keep_context(run->reader, run->txn, key, &entry->newer_format);
    }
    if (err) {
        return err;
    }
    entry->context = find_context(run->reader, key)->context;
    return GW_OK;
}

/* FULL when the caller's buffer or byte limit is used up. */
static enum gw_err put_record(struct read_run *run, uint64_t sequence, struct gw_bytes value) {
    size_t max_bytes = run->request->max_bytes;
    bool beyond =
        run->count > 0 && (value.len > max_bytes || run->bytes > max_bytes - value.len);
    size_t before = run->storage->len;
    if (beyond || value.len > gw_buf_space(run->storage)) {
        return GW_ERR_FULL;
    }
    (void) gw_buf_put(run->storage, value);
    struct gw_bytes copy = {run->storage->data + before, value.len};
    struct gw_queue_entry entry = {.err = GW_OK};
    enum gw_err err = take_apart(run, copy, sequence, &entry);
    if (err == GW_ERR_CORRUPT || err == GW_ERR_SCHEMA) {
        gw_buf_rewind(run->storage, before);
        put_unreadable(run, sequence, err, err == GW_ERR_SCHEMA ? entry.newer_format : 0);
        return GW_OK;
    }
    if (err) {
        return err;
    }
    run->bytes += value.len;
    run->entries[run->count++] = entry;
    run->expected = entry.record.last_sequence + 1;
    return GW_OK;
}

static bool has_room(const struct read_run *run) {
    return run->count < run->max_entries && run->count < run->request->max_events
           && run->expected <= run->epoch->classes[run->request->class].last;
}

static enum gw_err seek(struct read_run *run, enum gw_store_seek how, uint64_t from,
                        uint64_t *ret_sequence, struct gw_bytes *ret_value) {
    struct gw_bytes key = {0};
    enum gw_err err =
        gw_store_cursor_seek(run->cursor, how, gw_store_key_u64(&from), &key, ret_value);
    if (err) {
        return err;
    }
    uint64_t number = queue_key_of(key);
    if (!queue_key_is_of(number, run->epoch->index, run->request->class)) {
        return GW_ERR_NOENT;
    }
    *ret_sequence = queue_key_sequence(number);
    return GW_OK;
}

/* A read may begin inside a range that a tombstone covers. */
static enum gw_err start_at(struct read_run *run, uint64_t *ret_sequence,
                            struct gw_bytes *ret_value) {
    uint64_t from = queue_log_key(run->epoch->index, run->request->class, run->expected);
    enum gw_err err = seek(run, GW_SEEK_AT_OR_AFTER, from, ret_sequence, ret_value);
    if ((err && err != GW_ERR_NOENT) || (!err && *ret_sequence == run->expected)) {
        return err;
    }
    uint64_t before;
    struct gw_bytes value;
    /* Behind the last key of the table a step back needs a place to step from. */
    enum gw_store_seek back = err ? GW_SEEK_LAST : GW_SEEK_PREV;
    enum gw_err stepped = seek(run, back, from, &before, &value);
    if (!stepped) {
        struct front_record record = queue_front_peek(
            queue_log_key(run->epoch->index, run->request->class, before), value);
        if (record.is_tombstone && record.last >= run->expected && before < run->expected) {
            *ret_sequence = before;
            *ret_value = value;
            return GW_OK;
        }
    }
    return seek(run, GW_SEEK_AT_OR_AFTER, from, ret_sequence, ret_value);
}

/* Copy until a limit is reached. Sequences that the books promise and the log does
 * not have are reported one by one. */
static enum gw_err copy_records(struct read_run *run) {
    uint64_t sequence = 0;
    struct gw_bytes value = {0};
    enum gw_err err = start_at(run, &sequence, &value);
    while (has_room(run)) {
        if (err && err != GW_ERR_NOENT) {
            return err;
        }
        if (err == GW_ERR_NOENT || sequence > run->expected) {
            put_corrupt(run, run->expected);
            continue;
        }
        bool covered = sequence < run->expected && run->count > 0;
        enum gw_err full = covered ? GW_OK : put_record(run, sequence, value);
        if (full) {
            return full == GW_ERR_FULL && run->count > 0 ? GW_OK : full;
        }
        err = seek(run, GW_SEEK_NEXT, 0, &sequence, &value);
    }
    return GW_OK;
}

static const struct epoch_books *find_epoch(const struct books *books, uint8_t index) {
    for (size_t i = 0; i < books->epoch_count; i++) {
        const struct epoch_books *epoch = &books->epochs[i];
        if (epoch->index == index && epoch->state != EPOCH_FILLING) {
            return epoch;
        }
    }
    return NULL;
}

static enum gw_err read_into(struct read_run *run) {
    const struct gw_queue_read_request *request = run->request;
    run->epoch = find_epoch(&run->reader->books, request->epoch_index);
    if (!run->epoch) {
        return GW_ERR_NOENT;
    }
    const struct class_books *books = &run->epoch->classes[request->class];
    run->expected = request->from < books->first ? books->first : request->from;
    if (!has_room(run)) {
        return GW_OK;
    }
    enum gw_err err =
        gw_store_cursor_open(run->txn, run->reader->tables.logs[request->class], &run->cursor);
    if (err) {
        return err;
    }
    err = copy_records(run);
    gw_store_cursor_close(run->cursor);
    return err;
}

enum gw_err gw_queue_read(struct gw_queue_reader *reader,
                          const struct gw_queue_read_request *request, struct gw_buf *storage,
                          struct gw_queue_entry *entries, size_t max_entries,
                          size_t *ret_count) {
    if ((unsigned) request->class >= GW_CLASS_COUNT) {
        return GW_ERR_INVALID;
    }
    struct read_run run = {.reader = reader,
                           .request = request,
                           .storage = storage,
                           .entries = entries,
                           .max_entries = max_entries};
    enum gw_err err = begin(reader, &run.txn);
    if (err) {
        return err;
    }
    err = read_into(&run);
    gw_store_abort(run.txn);
    if (err) {
        return err;
    }
    *ret_count = run.count;
    return GW_OK;
}

enum gw_err gw_queue_reader_state_each(struct gw_queue_reader *reader, struct gw_str table,
                                       gw_queue_state_each *each, void *context) {
    struct gw_store_txn *txn;
    enum gw_err err = begin(reader, &txn);
    if (err) {
        return err;
    }
    err = queue_state_walk(txn, table, each, context);
    gw_store_abort(txn);
    return err;
}
