/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress and trimming.
 *
 * What every required sink has acknowledged is kept on as the retention ring, for
 * replays, up to a share of the map and an age; without pressure a trim deletes
 * what is beyond that, under pressure the ring itself. A salvaged epoch has no
 * ring: acknowledged whole, it disappears with its contexts.
 *
 * Trims ride in commits that happen anyway, at most twice what the commit appends
 * and a bit, so a backlog that was acknowledged melts steadily without commits of
 * its own. Wall time may jump: a record "from the future" counts as expired,
 * because an acknowledged record that goes too early costs nothing but a replay.
 */
#include "firmware/queue/queue_internal.h"

#define CHUNK_RECORDS 64

static uint64_t acked_of(const struct gw_queue_writer *writer, const struct epoch_books *epoch,
                         enum gw_flow_class class) {
    const struct queue_acks *acks =
        &writer->acks[epoch->index == GW_EPOCH_INDEX_OWN ? 0 : epoch->index + 1];
    return acks->known ? acks->acked[class] : 0;
}

/* Bytes of the acknowledged part, by the mean length of the class. */
static uint64_t acked_bytes(const struct gw_queue_writer *writer,
                            const struct epoch_books *epoch, enum gw_flow_class class) {
    const struct class_books *books = &epoch->classes[class];
    uint64_t acked = acked_of(writer, epoch, class);
    if (books->count == 0 || acked < books->first) {
        return 0;
    }
    uint64_t all = books->last - books->first + 1;
    uint64_t part = acked - books->first + 1;
    return part >= all ? books->bytes
                       : (uint64_t) ((double) books->bytes * (double) part / (double) all);
}

static uint64_t ring_bytes(const struct gw_queue_writer *writer) {
    uint64_t sum = 0;
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        sum += acked_bytes(writer, &writer->pending.epochs[0], (enum gw_flow_class) i);
    }
    return sum;
}

static uint64_t ring_limit(const struct gw_queue_writer *writer) {
    return writer->map_bytes / 100 * writer->options.ring_percent;
}

static bool is_past_ring(const struct gw_queue_writer *writer, int64_t recorded_wall_ms) {
    int64_t age_ms = gw_clock_wall_ms(&writer->clock) - recorded_wall_ms;
    return age_ms < 0 || age_ms >= writer->options.ring_ms;
}

struct trim {
    struct epoch_books *epoch;
    enum gw_flow_class class;
    uint64_t left;  /* records that may still go */
    bool only_aged; /* stop at the first record the ring still wants */
};

/* Drop from the front of one class. */
static enum gw_err trim_class(struct gw_queue_writer *writer, struct trim *trim) {
    uint64_t acked = acked_of(writer, trim->epoch, trim->class);
    if (trim->epoch->classes[trim->class].count == 0
        || acked < trim->epoch->classes[trim->class].first) {
        return GW_OK;
    }
    struct queue_front front;
    enum gw_err err = queue_front_open(writer, trim->epoch, trim->class, &front);
    if (err) {
        return err;
    }
    while (!err && !front.at_end && trim->left > 0 && front.record.last <= acked
           && (!trim->only_aged || is_past_ring(writer, front.record.recorded_wall_ms))) {
        writer->pending_counters.trimmed[trim->class] +=
            front.record.last - front.record.sequence + 1;
        trim->left--;
        err = queue_front_drop(&front);
    }
    queue_front_close(&front);
    return err;
}

/* The class of the own epoch with the most acknowledged bytes, or COUNT. */
static int largest_ring(const struct gw_queue_writer *writer) {
    int largest = GW_CLASS_COUNT;
    uint64_t most = 0;
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        uint64_t bytes =
            acked_bytes(writer, &writer->pending.epochs[0], (enum gw_flow_class) i);
        if (bytes > most) {
            most = bytes;
            largest = i;
        }
    }
    return largest;
}

/* While the ring is larger than `keep_bytes`, take from its largest class. */
static enum gw_err trim_space(struct gw_queue_writer *writer, uint64_t keep_bytes,
                              uint64_t *left) {
    while (*left > 0 && ring_bytes(writer) > keep_bytes) {
        int class = largest_ring(writer);
        uint64_t chunk = *left < CHUNK_RECORDS ? *left : CHUNK_RECORDS;
        struct trim trim = {.epoch = queue_own(&writer->pending),
                            .class = (enum gw_flow_class) class,
                            .left = chunk};
        enum gw_err err = trim_class(writer, &trim);
        if (err) {
            return err;
        }
        if (trim.left == chunk) {
            return GW_OK; /* a tombstone over the acknowledged end stays */
        }
        *left -= chunk - trim.left;
    }
    return GW_OK;
}

static enum gw_err trim_age(struct gw_queue_writer *writer, uint64_t *left) {
    for (int i = 0; i<GW_CLASS_COUNT && * left> 0; i++) {
        struct trim trim = {.epoch = queue_own(&writer->pending),
                            .class = (enum gw_flow_class) i,
                            .left = *left,
                            .only_aged = true};
        enum gw_err err = trim_class(writer, &trim);
        if (err) {
            return err;
        }
        *left = trim.left;
    }
    return GW_OK;
}

/* ---- salvaged epochs ---- */

static enum gw_err drop_contexts(struct gw_queue_writer *writer, uint8_t epoch_index) {
    GW_CLEANUP(gw_store_cursor_closep) struct gw_store_cursor *cursor = NULL;
    enum gw_err err = gw_store_cursor_open(writer->txn, writer->tables.context, &cursor);
    if (err) {
        return err;
    }
    uint64_t from = queue_context_key(epoch_index, 0);
    struct gw_bytes key = {0}, value;
    err = gw_store_cursor_seek(cursor, GW_SEEK_AT_OR_AFTER, gw_store_key_u64(&from), &key,
                               &value);
    while (!err && queue_key_of(key) >> 32 == epoch_index) {
        uint64_t cost = queue_cost(writer, value.len);
        uint64_t *bytes = &writer->pending.context_bytes;
        *bytes -= cost < *bytes ? cost : *bytes;
        err = gw_store_cursor_del(cursor);
        if (!err) {
            err =
                gw_store_cursor_seek(cursor, GW_SEEK_NEXT, (struct gw_bytes){0}, &key, &value);
        }
    }
    return err == GW_ERR_NOENT ? GW_OK : err;
}

static enum gw_err drop_epoch(struct gw_queue_writer *writer, size_t slot) {
    struct books *books = &writer->pending;
    uint8_t index = books->epochs[slot].index;
    enum gw_err err = drop_contexts(writer, index);
    if (!err) {
        err = gw_store_del(writer->txn, writer->tables.epochs, (struct gw_bytes){&index, 1});
    }
    /* One of which a salvage found nothing that is not acknowledged was never written. */
    if (err && err != GW_ERR_NOENT) {
        return err;
    }
    for (size_t i = slot; i + 1 < books->epoch_count; i++) {
        books->epochs[i] = books->epochs[i + 1];
    }
    books->epoch_count--;
    return GW_OK;
}

static bool is_empty(const struct epoch_books *epoch) {
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        if (epoch->classes[i].count > 0) {
            return false;
        }
    }
    return true;
}

static enum gw_err trim_salvaged(struct gw_queue_writer *writer, uint64_t *left) {
    for (size_t slot = 1; slot < writer->pending.epoch_count; slot++) {
        struct epoch_books *epoch = &writer->pending.epochs[slot];
        for (int i = 0; i<GW_CLASS_COUNT && * left> 0; i++) {
            struct trim trim = {.epoch = epoch, .class = (enum gw_flow_class) i, .left = *left};
            enum gw_err err = trim_class(writer, &trim);
            if (err) {
                return err;
            }
            *left = trim.left;
        }
        if (epoch->state == EPOCH_CLOSED && is_empty(epoch)) {
            enum gw_err err = drop_epoch(writer, slot--);
            if (err) {
                return err;
            }
        }
    }
    return GW_OK;
}

/* ---- the room's face ---- */

enum gw_err queue_trim(struct gw_queue_writer *writer, uint64_t max_records, bool with_ring,
                       uint64_t *ret_trimmed) {
    uint64_t left = max_records;
    enum gw_err err = trim_salvaged(writer, &left);
    if (!err) {
        err = trim_space(writer, with_ring ? 0 : ring_limit(writer), &left);
    }
    if (!err && !with_ring) {
        err = trim_age(writer, &left);
    }
    if (err) {
        return err;
    }
    *ret_trimmed = max_records - left;
    return GW_OK;
}

uint64_t queue_trim_waiting(const struct gw_queue_writer *writer) {
    uint64_t ring = ring_bytes(writer), limit = ring_limit(writer);
    uint64_t bytes = ring > limit ? ring - limit : 0, records = 0, all_bytes = 0;
    for (size_t e = 0; e < writer->pending.epoch_count; e++) {
        const struct epoch_books *epoch = &writer->pending.epochs[e];
        for (int i = 0; i < GW_CLASS_COUNT; i++) {
            records += epoch->classes[i].count;
            all_bytes += epoch->classes[i].bytes;
            bytes += e > 0 ? acked_bytes(writer, epoch, (enum gw_flow_class) i) : 0;
        }
    }
    return records == 0 ? 0 : bytes / (all_bytes / records + 1);
}

size_t queue_epoch_slot(const struct books *books, struct gw_epoch epoch) {
    size_t slot = 0;
    while (slot < books->epoch_count && !gw_epoch_eq(books->epochs[slot].epoch, epoch)) {
        slot++;
    }
    return slot;
}

void gw_queue_set_progress(struct gw_queue_writer *writer,
                           const struct gw_queue_progress *progress) {
    size_t slot = queue_epoch_slot(&writer->committed, progress->epoch);
    if (slot == writer->committed.epoch_count) {
        return;
    }
    const struct epoch_books *epoch = &writer->committed.epochs[slot];
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        if (progress->acked[i] > epoch->classes[i].last) {
            return;
        }
    }
    struct queue_acks *acks = queue_acks_of(writer, epoch->index);
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        uint64_t sent =
            progress->sent[i] > progress->acked[i] ? progress->sent[i] : progress->acked[i];
        writer->trim_wanted =
            writer->trim_wanted || !acks->known || progress->acked[i] > acks->acked[i];
        acks->sent[i] = acks->known && acks->sent[i] > sent ? acks->sent[i] : sent;
        acks->acked[i] = progress->acked[i];
    }
    acks->known = true;
}
