/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Burying: records that leave without having been acknowledged.
 *
 * A hole in the sequence is never ambiguous: where records were stands a
 * tombstone, at the first sequence of the range it replaces. It may grow as long
 * as no sink has seen it; beyond `sent` an eviction therefore extends the youngest
 * tombstone at the oldest end instead of adding one, so a long outage leaves one
 * tombstone and not thousands. One that a sink may have seen is stepped over and
 * never changed. As long as nobody has reported progress since the start, all of
 * them count as seen.
 *
 *     first                                      last
 *     [T sent][T sent][T unsent][r][r][r][r] ... [r]
 *       stepped over    grows over    these
 */
#include "firmware/queue/queue_internal.h"

#define EVICT_MAX_RECORDS 4000
/* Tombstones a sink has seen and not acknowledged; more of them than this means
 * that the sink takes one at a time, and it is no use to add another. */
#define STEP_OVER_MAX 256

enum gw_err queue_put_tombstone(struct gw_queue_writer *writer, struct epoch_books *epoch,
                                enum gw_flow_class class, uint64_t first, uint64_t last,
                                struct gw_str reason) {
    bool own = epoch->index == GW_EPOCH_INDEX_OWN;
    enum gw_err err = own ? queue_context_write(writer) : GW_OK;
    if (err) {
        return err;
    }
    struct gw_record_stamp stamp = queue_stamp(
        writer, gw_event_id_make(class, first, epoch->epoch), gw_clock_wall_ms(&writer->clock));
    stamp.context_number = own ? stamp.context_number : QUEUE_CONTEXT_ADDED;
    size_t len;
    err = gw_record_encode_tombstone(&stamp, last, last - first + 1, reason, writer->record,
                                     sizeof(writer->record), &len);
    if (err) {
        return err;
    }
    uint64_t key = queue_log_key(epoch->index, class, first);
    err = gw_store_put(writer->txn, writer->tables.logs[class], gw_store_key_u64(&key),
                       (struct gw_bytes){writer->record, len});
    if (err) {
        return err;
    }
    struct class_books *books = &epoch->classes[class];
    books->count++;
    books->bytes += queue_cost(writer, len);
    books->first = first < books->first ? first : books->first;
    epoch->changed = true;
    return GW_OK;
}

static bool is_unsent(const struct gw_queue_writer *writer, enum gw_flow_class class,
                      const struct front_record *record) {
    return writer->acks[0].known && record->sequence > writer->acks[0].sent[class];
}

static bool has_reason(const struct front_record *record, struct gw_str reason) {
    struct gw_record decoded;
    if (gw_record_decode(record->bytes, &decoded) || decoded.data.len < reason.len + 2) {
        return false;
    }
    /* ..."reason":"evicted"} */
    struct gw_str end = gw_str_sub(decoded.data, decoded.data.len - reason.len - 2, reason.len);
    return gw_str_eq(end, reason);
}

struct burial {
    enum gw_flow_class class;
    struct gw_str reason;
    uint64_t max_records;
    uint64_t want_bytes;       /* stop when that much was freed; 0 = no such limit */
    int64_t expired_before_ms; /* only records that expired before; 0 = any */
    uint64_t freed_bytes, buried_events;
};

/* Step over tombstones that must stay. Stands on the first record to bury. */
static enum gw_err step_over(struct gw_queue_writer *writer, struct queue_front *front) {
    for (int i = 0; i < STEP_OVER_MAX; i++) {
        if (front->at_end || !front->record.is_tombstone
            || is_unsent(writer, front->class, &front->record)) {
            return GW_OK;
        }
        enum gw_err err = queue_front_keep(front);
        if (err) {
            return err;
        }
    }
    front->at_end = true; /* gives up; kept_any leaves the first sequence alone */
    return GW_OK;
}

static bool is_wanted(const struct burial *burial, const struct front_record *record) {
    return record->is_tombstone || burial->expired_before_ms == 0
           || (record->expiry_wall_ms != 0
               && record->expiry_wall_ms < burial->expired_before_ms);
}

/* True if the burial is worth a tombstone: there is more than the one to grow, and
 * an eviction takes more than a single record, which would free nothing. */
static enum gw_err has_more(struct queue_front *front, const struct burial *burial,
                            bool *ret_more) {
    bool expiring = burial->expired_before_ms != 0;
    if (front->at_end || (expiring && !front->record.is_tombstone)) {
        *ret_more = !front->at_end && is_wanted(burial, &front->record);
        return GW_OK;
    }
    uint64_t key = queue_log_key(GW_EPOCH_INDEX_OWN, front->class, front->record.last + 1);
    struct gw_bytes value;
    enum gw_err err = gw_store_get(front->writer->txn, front->writer->tables.logs[front->class],
                                   gw_store_key_u64(&key), &value);
    struct front_record next = err ? (struct front_record){0} : queue_front_peek(key, value);
    *ret_more = !err && is_wanted(burial, &next);
    return err == GW_ERR_NOENT ? GW_OK : err;
}

static enum gw_err drop_range(struct queue_front *front, struct burial *burial,
                              uint64_t *ret_last) {
    uint64_t dropped = 0;
    enum gw_err err = GW_OK;
    while (!err && !front->at_end && dropped < burial->max_records
           && (burial->want_bytes == 0 || burial->freed_bytes < burial->want_bytes)
           && is_wanted(burial, &front->record)) {
        const struct front_record *record = &front->record;
        if (record->is_tombstone && !has_reason(record, burial->reason)) {
            burial->reason = GW_STR("evicted"); /* the stronger word for a mixed range */
        }
        burial->freed_bytes += queue_cost(front->writer, record->len);
        burial->buried_events += record->is_tombstone ? 0 : 1;
        *ret_last = record->last;
        dropped++;
        err = queue_front_drop(front);
    }
    return err;
}

static enum gw_err bury(struct gw_queue_writer *writer, struct burial *burial) {
    struct epoch_books *own = queue_own(&writer->pending);
    struct queue_front front;
    enum gw_err err = queue_front_open(writer, own, burial->class, &front);
    if (err) {
        return err;
    }
    bool more = false;
    err = step_over(writer, &front);
    if (!err) {
        err = has_more(&front, burial, &more);
    }
    if (err || !more) {
        front.kept_any = true;
        queue_front_close(&front);
        return err;
    }
    uint64_t first = front.record.sequence, last = first;
    err = drop_range(&front, burial, &last);
    queue_front_close(&front);
    if (err) {
        return err;
    }
    writer->pending_counters.evicted[burial->class] += burial->buried_events;
    return queue_put_tombstone(writer, own, burial->class, first, last, burial->reason);
}

/* The evictable class whose oldest record is the oldest, or COUNT. */
static enum gw_err oldest_class(struct gw_queue_writer *writer, unsigned tried,
                                int *ret_class) {
    int oldest = GW_CLASS_COUNT;
    int64_t since = INT64_MAX;
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        const struct class_books *books = &queue_own(&writer->pending)->classes[i];
        if (writer->options.classes[i].on_full != GW_ON_FULL_EVICT || books->count == 0
            || tried & 1U << i) {
            continue;
        }
        uint64_t key = queue_log_key(GW_EPOCH_INDEX_OWN, (enum gw_flow_class) i, books->first);
        struct gw_bytes value;
        enum gw_err err =
            gw_store_get(writer->txn, writer->tables.logs[i], gw_store_key_u64(&key), &value);
        if (err && err != GW_ERR_NOENT) {
            return err;
        }
        int64_t recorded = err ? INT64_MIN : queue_front_peek(key, value).recorded_wall_ms;
        if (oldest == GW_CLASS_COUNT || recorded < since) {
            since = recorded;
            oldest = i;
        }
    }
    *ret_class = oldest;
    return GW_OK;
}

enum gw_err queue_evict(struct gw_queue_writer *writer, uint64_t want_bytes,
                        uint64_t *ret_freed) {
    unsigned tried = 0;
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        int class;
        enum gw_err err = oldest_class(writer, tried, &class);
        if (err) {
            return err;
        }
        if (class == GW_CLASS_COUNT) {
            break;
        }
        struct burial burial = {.class = (enum gw_flow_class) class,
                                .reason = GW_STR("evicted"),
                                .max_records = EVICT_MAX_RECORDS,
                                .want_bytes = want_bytes};
        err = bury(writer, &burial);
        if (err) {
            return err;
        }
        if (burial.buried_events > 1) {
            *ret_freed = burial.freed_bytes;
            return GW_OK;
        }
        tried |= 1U << class;
    }
    *ret_freed = 0;
    return GW_OK;
}

enum gw_err queue_expire(struct gw_queue_writer *writer, uint64_t max_records) {
    struct burial burial = {.class = GW_CLASS_TELEMETRY,
                            .reason = GW_STR("expired"),
                            .max_records = max_records,
                            .expired_before_ms = gw_clock_wall_ms(&writer->clock)};
    if (queue_own(&writer->pending)->classes[GW_CLASS_TELEMETRY].count == 0) {
        return GW_OK;
    }
    return bury(writer, &burial);
}
