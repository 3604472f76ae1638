/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How full the store is, and who has to yield.
 *
 * LMDB itself learns that it is full when it is too late: a delete needs pages
 * too, and the pages a commit frees may be used again only two commits later. So
 * admission goes by an own sum of what entries cost in pages, kept in the same
 * commit as the entries, and stops at a limit that leaves a reserve no append may
 * touch: trims, tombstones and the books always find room there.
 *
 * The sum is an estimate. Mixed lengths waste more of a page than equal ones, a
 * stuck reader pins freed pages, long records need neighbouring pages. Once a
 * second (above half the limit) it is compared with the pages LMDB really holds;
 * what these are more is the excess and counts as used.
 *
 * Order of yielding: retention ring, oldest of the evictable classes, refusal.
 */
#include "firmware/queue/queue_internal.h"

#define PAGE_HEAD_BYTES 16
#define NODE_HEAD_BYTES 10 /* header and its offset in the page */
#define EXCESS_CHECK_MS 1000
#define READERS_CHECK_MS 1000
#define YIELD_MIN_BYTES (UINT64_C(64) << 10)
#define YIELD_MAX_BYTES (UINT64_C(1) << 20)

uint64_t queue_cost_keyed(const struct gw_queue_writer *writer, size_t key_len, size_t len) {
    uint64_t page = writer->page_bytes;
    uint64_t node = NODE_HEAD_BYTES + ((key_len + len + 1) & ~UINT64_C(1));
    uint64_t room = page - PAGE_HEAD_BYTES;
    /* LMDB wants two nodes to fit a page; a longer value gets pages of its own. */
    if (node > room / 2) {
        uint64_t pages = (PAGE_HEAD_BYTES + len + page - 1) / page;
        return pages * page + NODE_HEAD_BYTES + key_len + sizeof(uint64_t);
    }
    return page / (room / node);
}

uint64_t queue_cost(const struct gw_queue_writer *writer, size_t len) {
    return queue_cost_keyed(writer, sizeof(uint64_t), len);
}

static uint64_t books_bytes(const struct books *books) {
    uint64_t sum = books->quarantine.bytes + books->context_bytes + books->state_bytes;
    for (size_t e = 0; e < books->epoch_count; e++) {
        for (int i = 0; i < GW_CLASS_COUNT; i++) {
            sum += books->epochs[e].classes[i].bytes;
        }
    }
    return sum;
}

uint64_t queue_used(const struct gw_queue_writer *writer) {
    return books_bytes(&writer->pending) + writer->excess_bytes;
}

bool queue_is_under_pressure(const struct gw_queue_writer *writer) {
    return queue_used(writer) > writer->limit_bytes / 100 * 98;
}

/* ---- against LMDB's own pages ---- */

void queue_check_excess(struct gw_queue_writer *writer, bool now) {
    uint64_t own = books_bytes(&writer->committed);
    int64_t mono_ms = gw_clock_mono_ms(&writer->clock);
    uint64_t moved = own > writer->excess_checked_at_bytes
                         ? own - writer->excess_checked_at_bytes
                         : writer->excess_checked_at_bytes - own;
    bool due = mono_ms - writer->excess_checked_mono_ms >= EXCESS_CHECK_MS
               || moved > writer->map_bytes / 64;
    bool high = own + writer->excess_bytes > writer->limit_bytes / 2;
    if (!now && !(due && (high || writer->excess_bytes > 0))) {
        return;
    }
    struct gw_store_figures figures;
    if (gw_store_get_figures(writer->store, &figures)) {
        return; /* the estimate stands as it is */
    }
    uint64_t held = figures.used_bytes - figures.reusable_bytes;
    writer->excess_bytes = held > own ? held - own : 0;
    writer->excess_checked_at_bytes = own;
    writer->excess_checked_mono_ms = mono_ms;
}

/* Before "full" is said: slots of dead readers pin pages. */
static bool clear_dead_readers(struct gw_queue_writer *writer) {
    int64_t mono_ms = gw_clock_mono_ms(&writer->clock);
    unsigned cleared = 0;
    if (mono_ms - writer->readers_checked_mono_ms < READERS_CHECK_MS) {
        return false;
    }
    writer->readers_checked_mono_ms = mono_ms;
    if (gw_store_check_readers(writer->store, &cleared) || cleared == 0) {
        return false;
    }
    queue_check_excess(writer, true);
    return true;
}

/* ---- yielding ---- */

static uint64_t yield_bytes(const struct gw_queue_writer *writer, uint64_t need) {
    uint64_t chunk = writer->limit_bytes / 1024;
    chunk = chunk < YIELD_MIN_BYTES ? YIELD_MIN_BYTES : chunk;
    chunk = chunk > YIELD_MAX_BYTES ? YIELD_MAX_BYTES : chunk;
    return need > chunk ? need : chunk;
}

/* One step of the order; *ret_yielded is false when nobody has anything left. */
static enum gw_err yield(struct gw_queue_writer *writer, uint64_t need, bool *ret_yielded) {
    enum gw_err err = queue_begin(writer);
    if (err) {
        return err;
    }
    uint64_t trimmed = 0, freed = 0;
    err = queue_trim(writer, writer->trim_batch, true, &trimmed);
    if (!err && trimmed == 0) {
        err = queue_evict(writer, yield_bytes(writer, need), &freed);
    }
    if (err) {
        queue_shrink_trim(writer);
        return queue_fail(writer, err);
    }
    *ret_yielded = trimmed > 0 || freed > 0;
    return GW_OK;
}

enum gw_err queue_admit(struct gw_queue_writer *writer, uint64_t need) {
    while (queue_used(writer) + need > writer->limit_bytes) {
        bool yielded = false;
        enum gw_err err = yield(writer, need, &yielded);
        if (err) {
            return err;
        }
        if (!yielded && !clear_dead_readers(writer)) {
            return GW_ERR_FULL;
        }
    }
    return GW_OK;
}

/* ---- figures ---- */

static int64_t oldest_recorded(struct gw_queue_writer *writer, struct gw_store_txn *txn,
                               enum gw_flow_class class) {
    const struct class_books *books = &queue_own(&writer->committed)->classes[class];
    uint64_t key = queue_log_key(GW_EPOCH_INDEX_OWN, class, books->first);
    struct gw_bytes value;
    if (!txn || books->count == 0
        || gw_store_get(txn, writer->tables.logs[class], gw_store_key_u64(&key), &value)) {
        return 0;
    }
    return queue_front_peek(key, value).recorded_wall_ms;
}

static void fill_classes(struct gw_queue_writer *writer, struct gw_queue_figures *figures) {
    struct gw_store_txn *txn = NULL;
    if (gw_store_begin(writer->store, false, &txn)) {
        txn = NULL;
    }
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        const struct class_books *books = &queue_own(&writer->committed)->classes[i];
        figures->classes[i] = (struct gw_queue_class_figures){
            .range = {.first = books->first, .last = books->last},
            .bytes = books->bytes,
            .oldest_recorded_wall_ms = oldest_recorded(writer, txn, (enum gw_flow_class) i),
            .appended = writer->counters.appended[i],
            .refused = writer->counters.refused[i],
            .evicted = writer->counters.evicted[i],
            .trimmed = writer->counters.trimmed[i],
        };
    }
    if (txn) {
        gw_store_abort(txn);
    }
}

void gw_queue_get_figures(struct gw_queue_writer *writer,
                          struct gw_queue_figures *ret_figures) {
    struct gw_queue_figures figures = {
        .epoch = queue_own(&writer->committed)->epoch,
        .map_bytes = writer->map_bytes,
        .used_bytes = books_bytes(&writer->committed) + writer->excess_bytes,
        .commits = writer->counters.commits,
        .commit_failures = writer->counters.commit_failures,
        .budget_left_bytes = writer->budget.left,
        .estimated_written_bytes = writer->counters.estimated_written_bytes,
        .quarantine_count = writer->committed.quarantine.count,
        .quarantine_bytes = writer->committed.quarantine.bytes,
        .quarantine_evicted = writer->committed.quarantine.evicted,
    };
    fill_classes(writer, &figures);
    struct gw_store_figures store;
    if (!gw_store_get_figures(writer->store, &store)) {
        figures.free_pages_bytes = store.map_bytes - store.used_bytes + store.reusable_bytes;
    }
    if (writer->reader_lags) {
        figures.oldest_reader_age_ms =
            gw_clock_mono_ms(&writer->clock) - writer->reader_seen_mono_ms;
    }
    *ret_figures = figures;
}
