/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The holes of a salvaged epoch: every sequence up to the last known head must be
 * an event or lie under a tombstone. The head is what the old books, the reader, the
 * opening that set the store aside and the records themselves know; the start is what was
 * acknowledged, else the old books' first sequence, else the first record found.
 */
#include "firmware/queue/salvage.h"

static const struct salvage_epoch *old_by_epoch(const struct salvage *salvage,
                                                struct gw_epoch epoch) {
    for (size_t i = 0; i < GW_QUEUE_MAX_EPOCHS; i++) {
        if (salvage->old[i].has_epoch && gw_epoch_eq(salvage->old[i].books.epoch, epoch)) {
            return &salvage->old[i];
        }
    }
    return NULL;
}

/* First key of the class at or behind `from`; NOENT. */
static enum gw_err find_from(struct gw_queue_writer *writer, const struct epoch_books *epoch,
                             enum gw_flow_class class, uint64_t from,
                             struct front_record *ret_record) {
    GW_CLEANUP(gw_store_cursor_closep) struct gw_store_cursor *cursor = NULL;
    enum gw_err err = gw_store_cursor_open(writer->txn, writer->tables.logs[class], &cursor);
    if (err) {
        return err;
    }
    uint64_t wanted = queue_log_key(epoch->index, class, from);
    struct gw_bytes key = {0}, value;
    err = gw_store_cursor_seek(cursor, GW_SEEK_AT_OR_AFTER, gw_store_key_u64(&wanted), &key,
                               &value);
    if (err) {
        return err;
    }
    uint64_t number = queue_key_of(key);
    if (!queue_key_is_of(number, epoch->index, class)) {
        return GW_ERR_NOENT;
    }
    *ret_record = queue_front_peek(number, value);
    return GW_OK;
}

struct extent {
    uint64_t start, head; /* what must be there: [start, head] */
};

/* What our own epoch says of the head of the one it follows: durable, where the
 * reader's word lives only until the reader forgets that epoch. */
static uint64_t head_followed(const struct salvage *salvage, struct gw_epoch epoch,
                              enum gw_flow_class class) {
    const struct epoch_books *own = &salvage->writer->pending.epochs[0];
    bool follows = own->has_previous && gw_epoch_eq(own->previous_epoch, epoch);
    return follows ? own->previous_heads[class] : 0;
}

static uint64_t max_u64(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static struct extent extent_of(const struct salvage *salvage, const struct epoch_books *epoch,
                               enum gw_flow_class class) {
    const struct class_books *here = &epoch->classes[class];
    const struct salvage_epoch *old = old_by_epoch(salvage, epoch->epoch);
    const struct class_books *books = old && old->has_books ? &old->books.classes[class] : NULL;
    const struct gw_queue_progress *progress = salvage_progress_of(salvage, epoch->epoch);
    struct extent extent = {
        .start = here->count > 0 ? here->first : UINT64_MAX,
        .head = max_u64(here->count > 0 ? here->last : 0,
                        head_followed(salvage, epoch->epoch, class)),
    };
    if (books) {
        extent.start = books->first;
        extent.head = max_u64(extent.head, books->last);
    }
    if (progress) {
        extent.start = progress->acked[class] + 1;
        extent.head = max_u64(extent.head, progress->heads[class]);
    }
    /* A record across the start, a tombstone, belongs to it. */
    if (here->count > 0 && here->first < extent.start) {
        extent.start = here->first;
    }
    return extent;
}

/* The hole or record at `at`: a hole gets its tombstone; *ret_next is behind it. */
static enum gw_err pass_one(struct salvage *salvage, struct epoch_books *epoch,
                            enum gw_flow_class class, uint64_t at, uint64_t head,
                            uint64_t *ret_next) {
    struct front_record record = {0};
    enum gw_err err = find_from(salvage->writer, epoch, class, at, &record);
    if (err && err != GW_ERR_NOENT) {
        return err;
    }
    uint64_t gap_end = err || record.sequence > head ? head : record.sequence - 1;
    if (gap_end < at) {
        *ret_next = record.last + 1;
        return GW_OK;
    }
    err = queue_put_tombstone(salvage->writer, epoch, class, at, gap_end, GW_STR("corrupt"));
    if (err) {
        return err;
    }
    salvage->result.lost[class] += gap_end - at + 1;
    *ret_next = gap_end + 1;
    return GW_OK;
}

static enum gw_err fill_holes(struct salvage *salvage, struct gw_epoch id,
                              enum gw_flow_class class) {
    struct epoch_books *epoch;
    enum gw_err err = salvage_epoch_for(salvage, id, &epoch);
    if (err) {
        return err;
    }
    struct extent extent = extent_of(salvage, epoch, class);
    uint64_t at = extent.start;
    while (at <= extent.head) {
        err = pass_one(salvage, epoch, class, at, extent.head, &at);
        if (!err) {
            err = salvage_next_batch(salvage, 0);
        }
        /* A commit may have dropped another epoch: look again. */
        if (!err) {
            err = salvage_epoch_for(salvage, id, &epoch);
        }
        if (err) {
            return err;
        }
    }
    struct class_books *books = &epoch->classes[class];
    books->last = extent.head > books->last || books->count == 0 ? extent.head : books->last;
    books->first = books->count == 0 ? books->last + 1 : extent.start;
    epoch->changed = true;
    return GW_OK;
}

static enum gw_err close_epoch(struct salvage *salvage, struct gw_epoch id) {
    struct epoch_books *epoch;
    enum gw_err err = salvage_epoch_for(salvage, id, &epoch);
    if (!err) {
        err = salvage_put_context(salvage, epoch, QUEUE_CONTEXT_ADDED);
    }
    for (int i = 0; !err && i < GW_CLASS_COUNT; i++) {
        err = fill_holes(salvage, id, (enum gw_flow_class) i);
    }
    if (!err) {
        err = salvage_epoch_for(salvage, id, &epoch);
    }
    if (err) {
        return err;
    }
    epoch->state = EPOCH_CLOSED;
    epoch->changed = true;
    return GW_OK;
}

/* An epoch of which nothing was readable but its books: all of it is a hole. */
enum gw_err salvage_add_lost(struct salvage *salvage) {
    for (size_t i = 0; i < GW_QUEUE_MAX_EPOCHS; i++) {
        const struct salvage_epoch *old = &salvage->old[i];
        bool unacked = false;
        for (int c = 0; c < GW_CLASS_COUNT && old->has_books; c++) {
            unacked = unacked
                      || old->books.classes[c].last
                             > salvage_acked(salvage, old->books.epoch, (enum gw_flow_class) c);
        }
        struct epoch_books *epoch;
        enum gw_err err = old->has_epoch && unacked
                              ? salvage_epoch_for(salvage, old->books.epoch, &epoch)
                              : GW_OK;
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

enum gw_err salvage_close(struct salvage *salvage) {
    struct books *books = &salvage->writer->pending;
    size_t slot = 1;
    while (slot < books->epoch_count) {
        if (books->epochs[slot].state != EPOCH_FILLING) {
            slot++;
            continue;
        }
        enum gw_err err = close_epoch(salvage, books->epochs[slot].epoch);
        if (err) {
            return err;
        }
        slot = 1; /* the list may have become shorter */
    }
    return GW_OK;
}
