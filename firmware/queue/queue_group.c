/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commit group, and why an acknowledged event is never lost.
 *
 * A unit is written straight into the open write transaction; there is no list of
 * events in memory that could differ from it. Beside the transaction stand two
 * sets of books: `committed`, what the last commit left, and `pending`, what the
 * open transaction would leave. Sequences, accounting, context numbers and state
 * quotas live in the books and nowhere else.
 *
 * Crash order of one group
 *
 *   1 submit   check -> admit -> records, state, quarantine into the transaction
 *   2 tick     trims ride along -> books into the transaction
 *   3 commit   pages written -> flush -> root page written through. One root page
 *              names everything; a crash before it leaves the old root, so nothing
 *              of the group is there, after it all of the group
 *   4 settle   committed = pending; completions with GW_OK; doorbell
 *
 * Invariants
 *
 *   - A completion with GW_OK runs only after 3 returned well. So what a device
 *     was told is behind a root page on flash.
 *   - A failure in 1, 2 or 3 ends the whole transaction: pending = committed, all
 *     units of the group hear the error, none of them is stored. The next submit
 *     begins anew and gets the same sequences; nobody has seen them, because a
 *     reader sees commits only.
 *   - Sequences of a class are contiguous in every commit: a record is put at
 *     last + 1 or nowhere, and a record leaves at the oldest end, acknowledged, or
 *     under a tombstone that covers its place.
 *   - Completions run in submit order, each once. They may submit again: what they
 *     submit belongs to the next group, as the transaction is closed by then.
 *
 * When to commit
 *
 *   - at the earliest deadline of the classes in the group
 *   - at once when the group is large or urgent
 *   - at the first tick after the loop has handled all ready input, when the group
 *     holds WORTH_EVENTS and is due within REST_MAX_MS anyway: what a commit costs
 *     beside its records is 80 bytes an event then, and senders with a window wait
 *     for us, not we for them
 *   - or early, at the first such tick, while events are rare and the write budget
 *     lasts. Rare is at most EARLY_EVENTS_PER_S: above it a group of the class's
 *     wait holds several events anyway, and early commits would write many times
 *     the bytes for a few ms.
 *
 * The budget is a token bucket of bytes that holds an hour's share of the day's. What
 * a commit writes is estimated as 20 KiB + 1.2 x appended bytes: measured with LMDB
 * 0.9.24 and 300-byte records, 22.3 kB for a commit of one record and 367 to 506 B a
 * record in groups of thousands (root, branches and free list are rewritten each time).
 */
#include "firmware/queue/queue_internal.h"

#define COMMIT_BASE_BYTES (UINT64_C(20) << 10)
#define EARLY_EVENTS_PER_S 300
#define WORTH_EVENTS 256
#define REST_MAX_MS 10
/* A group gets worth its commit within the rest: then every event counts at once. */
#define BUSY_EVENTS_PER_S (WORTH_EVENTS * 1000 / REST_MAX_MS)
#define RATE_WINDOW_MS 1000
#define TRIM_MIN_RECORDS 2000
#define TRIM_IDLE_MS 60000
#define TRIM_IDLE_RECORDS 10000
#define EXPIRY_CHECK_MS 1000
#define READER_LOOK_MS 1000
#define GROUP_MAX_BYTES (UINT64_C(8) << 20)

/* ---- write budget ---- */

static uint64_t commit_cost(const struct gw_queue_writer *writer) {
    return COMMIT_BASE_BYTES + writer->group.bytes + writer->group.bytes / 5;
}

static void refill_budget(struct gw_queue_writer *writer) {
    struct queue_budget *budget = &writer->budget;
    const int64_t day_ms = INT64_C(86400000);
    int64_t now_ms = gw_clock_mono_ms(&writer->clock);
    int64_t passed_ms = now_ms - budget->filled_mono_ms;
    if (passed_ms <= 0 || budget->per_day == 0) {
        return;
    }
    passed_ms = passed_ms > day_ms / 24 ? day_ms / 24 : passed_ms;
    uint64_t filled =
        (uint64_t) ((double) budget->per_day * (double) passed_ms / (double) day_ms);
    if (filled == 0) {
        return; /* wait until it is worth a byte, lest fractions get lost */
    }
    uint64_t capacity = budget->per_day / 24;
    budget->left = capacity - budget->left < filled ? capacity : budget->left + filled;
    budget->filled_mono_ms = now_ms;
}

static void charge_budget(struct gw_queue_writer *writer, uint64_t cost) {
    struct queue_budget *budget = &writer->budget;
    budget->left -= cost < budget->left ? cost : budget->left;
    writer->counters.estimated_written_bytes += cost;
    writer->pending_counters.estimated_written_bytes += cost;
}

/* ---- rate ---- */

/* Events of the window that runs and of the one before it. */
static void count_rate(struct gw_queue_writer *writer, uint64_t events, int64_t now_ms) {
    struct queue_rate *rate = &writer->rate;
    if (now_ms - rate->began_mono_ms >= RATE_WINDOW_MS) {
        bool follows = now_ms - rate->began_mono_ms < 2 * RATE_WINDOW_MS;
        rate->before = follows ? rate->now : 0;
        rate->now = 0;
        rate->began_mono_ms = now_ms;
    }
    rate->now += events;
}

static bool events_are_rare(const struct gw_queue_writer *writer) {
    return writer->rate.now <= EARLY_EVENTS_PER_S && writer->rate.before <= EARLY_EVENTS_PER_S;
}

/* ---- completions ---- */

bool queue_completions_have_room(const struct gw_queue_writer *writer) {
    const struct queue_completions *list = &writer->completions;
    return list->pushed - list->told < list->capacity;
}

static void decide_completions(struct gw_queue_writer *writer, enum gw_err err) {
    struct queue_completions *list = &writer->completions;
    for (; list->decided < list->pushed; list->decided++) {
        list->slots[list->decided % list->capacity].err = err;
    }
}

/* A completion may submit, and a submit may decide more completions: they are told
 * by this same loop, not by a nested one. */
static void tell_completions(struct gw_queue_writer *writer) {
    struct queue_completions *list = &writer->completions;
    if (list->telling) {
        return;
    }
    list->telling = true;
    while (list->told < list->decided) {
        struct queue_completion completion = list->slots[list->told % list->capacity];
        list->told++;
        if (completion.completed) {
            completion.completed(completion.context, completion.token, completion.err);
        }
    }
    list->telling = false;
}

/* ---- the group ---- */

static void reset_group(struct gw_queue_writer *writer) {
    writer->group = (struct queue_group){.deadline_mono_ms = GW_NEVER_MS};
}

enum gw_err queue_begin(struct gw_queue_writer *writer) {
    if (writer->txn) {
        return GW_OK;
    }
    enum gw_err err = gw_store_begin(writer->store, true, &writer->txn);
    if (err) {
        writer->txn = NULL;
        return err;
    }
    reset_group(writer);
    return GW_OK;
}

void queue_group_add(struct gw_queue_writer *writer, const struct gw_unit *unit, uint64_t bytes,
                     int64_t wait_ms) {
    struct queue_completions *list = &writer->completions;
    list->slots[list->pushed++ % list->capacity] =
        (struct queue_completion){unit->completed, unit->context, unit->token, GW_OK};
    struct queue_group *group = &writer->group;
    int64_t now_ms = gw_clock_mono_ms(&writer->clock);
    int64_t deadline = now_ms + (unit->urgent ? 0 : wait_ms);
    group->deadline_mono_ms =
        deadline < group->deadline_mono_ms ? deadline : group->deadline_mono_ms;
    group->units++;
    group->events += unit->event_count;
    group->bytes += bytes;
    count_rate(writer, unit->event_count, now_ms);
}

/* Large also by bytes: the pages of one transaction must fit the reserve. */
bool queue_group_is_large(const struct gw_queue_writer *writer) {
    const struct queue_group *group = &writer->group;
    uint64_t max_bytes = writer->reserve_bytes / 4;
    max_bytes = max_bytes > GROUP_MAX_BYTES ? GROUP_MAX_BYTES : max_bytes;
    return group->events >= writer->options.group_max_events
           || group->units >= writer->options.group_max_events || group->bytes >= max_bytes;
}

/* pending -> committed, or back. */
static void settle(struct gw_queue_writer *writer, enum gw_err err) {
    writer->txn = NULL;
    queue_state_settle(writer, err == GW_OK);
    if (err) {
        writer->pending = writer->committed;
        writer->pending_counters = writer->counters;
        writer->context.written = false;
    } else {
        writer->committed = writer->pending;
        writer->counters = writer->pending_counters;
        writer->context.stored = writer->context.stored || writer->context.written;
        writer->context.written = false;
    }
    decide_completions(writer, err);
    reset_group(writer);
}

static void count_failure(struct gw_queue_writer *writer) {
    writer->counters.commit_failures++;
    writer->pending_counters.commit_failures++;
}

enum gw_err queue_fail(struct gw_queue_writer *writer, enum gw_err err) {
    gw_store_abort(writer->txn);
    settle(writer, err);
    count_failure(writer);
    tell_completions(writer);
    return err;
}

/* ---- trims that ride along ---- */

void queue_shrink_trim(struct gw_queue_writer *writer) {
    writer->trim_batch = writer->trim_batch / 8 + 1;
}

static enum gw_err expire(struct gw_queue_writer *writer) {
    int64_t now_ms = gw_clock_mono_ms(&writer->clock);
    if (now_ms - writer->expiry_checked_mono_ms < EXPIRY_CHECK_MS) {
        return GW_OK;
    }
    writer->expiry_checked_mono_ms = now_ms;
    return queue_expire(writer, writer->trim_batch);
}

static enum gw_err trim_along(struct gw_queue_writer *writer) {
    uint64_t allowed = 2 * writer->group.events + writer->trim_batch, trimmed = 0;
    if (writer->trim_batch < TRIM_MIN_RECORDS) {
        allowed = writer->trim_batch;
    }
    enum gw_err err = queue_trim(writer, allowed, queue_is_under_pressure(writer), &trimmed);
    if (!err) {
        err = expire(writer);
    }
    if (err) {
        queue_shrink_trim(writer);
        return err;
    }
    /* More may be waiting: tick goes on as long as there is pressure. */
    writer->trim_wanted = writer->trim_wanted && trimmed > 0;
    return GW_OK;
}

/* ---- commit ---- */

static enum gw_err finish(struct gw_queue_writer *writer) {
    enum gw_err err = trim_along(writer);
    if (!err) {
        err = queue_books_write(writer->txn, &writer->tables, &writer->pending);
    }
    return err;
}

enum gw_err queue_commit(struct gw_queue_writer *writer) {
    if (!writer->txn) {
        return GW_OK;
    }
    uint64_t cost = commit_cost(writer), events = writer->group.events;
    enum gw_err err = finish(writer);
    if (err) {
        return queue_fail(writer, err);
    }
    err = gw_store_commit(writer->txn);
    settle(writer, err);
    charge_budget(writer, cost);
    if (err) {
        count_failure(writer);
        queue_shrink_trim(writer);
        tell_completions(writer);
        return err;
    }
    writer->counters.commits++;
    writer->pending_counters.commits++;
    writer->committed_mono_ms = gw_clock_mono_ms(&writer->clock);
    if (writer->trim_batch < TRIM_MIN_RECORDS) {
        writer->trim_batch *= 2;
    }
    queue_check_excess(writer, false);
    tell_completions(writer);
    if (events > 0 && writer->ring) {
        writer->ring(writer->ring_context);
    }
    return GW_OK;
}

enum gw_err gw_queue_commit(struct gw_queue_writer *writer) {
    refill_budget(writer);
    return queue_commit(writer);
}

void gw_queue_on_commit(struct gw_queue_writer *writer, void (*ring)(void *context),
                        void *context) {
    writer->ring = ring;
    writer->ring_context = context;
}

/* ---- tick ---- */

static bool may_commit_early(const struct gw_queue_writer *writer) {
    return events_are_rare(writer) && writer->budget.per_day > 0
           && writer->budget.left >= commit_cost(writer);
}

static bool group_is_due(const struct gw_queue_writer *writer) {
    const struct queue_group *group = &writer->group;
    int64_t left_ms = group->deadline_mono_ms - gw_clock_mono_ms(&writer->clock);
    bool is_worth_it = group->events >= WORTH_EVENTS && left_ms <= REST_MAX_MS;
    /* Without units: somebody had to yield, and the unit was refused all the same. */
    return group->units == 0 || left_ms <= 0 || queue_group_is_large(writer) || is_worth_it
           || may_commit_early(writer);
}

/* A commit for the trims alone: under pressure as soon as progress moves, else
 * after a long silence with much to trim. */
static bool trim_is_forced(const struct gw_queue_writer *writer) {
    return writer->trim_wanted && queue_is_under_pressure(writer);
}

static bool trim_is_idle(const struct gw_queue_writer *writer) {
    int64_t silent_ms = gw_clock_mono_ms(&writer->clock) - writer->committed_mono_ms;
    return silent_ms >= TRIM_IDLE_MS && queue_trim_waiting(writer) >= TRIM_IDLE_RECORDS;
}

/* The age of a stuck reader is only known from when it was first seen to lag; one
 * that stands on the last commit pins nothing. */
static void look_at_readers(struct gw_queue_writer *writer) {
    int64_t now_ms = gw_clock_mono_ms(&writer->clock);
    uint64_t lag = 0, oldest = 0;
    if (gw_store_reader_lag(writer->store, &lag) || lag == 0
        || gw_store_oldest_reader(writer->store, &oldest)) {
        writer->reader_lags = false;
        return;
    }
    if (!writer->reader_lags || writer->reader_txn != oldest) {
        writer->reader_lags = true;
        writer->reader_txn = oldest;
        writer->reader_seen_mono_ms = now_ms;
    }
}

/* A store that has taken so many commits is no store that kills its gateway. */
static enum gw_err commit_and_live(struct gw_queue_writer *writer) {
    enum gw_err err = queue_commit(writer);
    if (!err && !writer->healthy && writer->counters.commits >= GW_QUEUE_HEALTHY_COMMITS) {
        err = gw_queue_mark_healthy(writer);
    }
    return err;
}

enum gw_err gw_queue_tick(struct gw_queue_writer *writer) {
    refill_budget(writer);
    int64_t now_ms = gw_clock_mono_ms(&writer->clock);
    if (now_ms - writer->readers_looked_mono_ms >= READER_LOOK_MS) {
        writer->readers_looked_mono_ms = now_ms;
        look_at_readers(writer);
    }
    if (writer->txn) {
        return group_is_due(writer) ? commit_and_live(writer) : GW_OK;
    }
    if (!trim_is_forced(writer) && !trim_is_idle(writer)) {
        return GW_OK;
    }
    enum gw_err err = queue_begin(writer);
    return err ? err : queue_commit(writer);
}

int64_t gw_queue_rest_mono_ms(const struct gw_queue_writer *writer) {
    const struct queue_group *group = &writer->group;
    const struct queue_rate *rate = &writer->rate;
    if (!writer->txn || group_is_due(writer) || rate->now >= BUSY_EVENTS_PER_S
        || rate->before >= BUSY_EVENTS_PER_S) {
        return 0;
    }
    int64_t left_ms = group->deadline_mono_ms - gw_clock_mono_ms(&writer->clock);
    return left_ms <= REST_MAX_MS ? group->deadline_mono_ms : 0;
}

int64_t gw_queue_next_mono_ms(const struct gw_queue_writer *writer) {
    int64_t now_ms = gw_clock_mono_ms(&writer->clock);
    if (writer->txn) {
        return group_is_due(writer) ? now_ms : writer->group.deadline_mono_ms;
    }
    if (trim_is_forced(writer)) {
        return now_ms;
    }
    if (queue_trim_waiting(writer) >= TRIM_IDLE_RECORDS) {
        int64_t idle_at_ms = writer->committed_mono_ms + TRIM_IDLE_MS;
        return idle_at_ms > now_ms ? idle_at_ms : now_ms;
    }
    return GW_NEVER_MS;
}

unsigned gw_queue_check_readers(struct gw_queue_writer *writer) {
    unsigned cleared = 0;
    enum gw_err err = gw_store_check_readers(writer->store, &cleared);
    look_at_readers(writer);
    return err ? 0 : cleared;
}
