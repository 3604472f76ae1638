/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest records of all classes and of the quarantine, in the order in which
 * they were recorded: five logs are merged by their times.
 *
 * Within a log the order is exact whatever the clock did. Between two logs it is as
 * good as the clock, to the millisecond; where time was set back, a log's time is
 * taken to have stood still. Who needs more keeps a number in the origin.
 */
#include "firmware/queue/pack.h"
#include "firmware/queue/queue_internal.h"

#define LOGS (GW_CLASS_COUNT + 1) /* the quarantine is the last */

struct tail {
    struct gw_bytes prefix;
    gw_intake_tail *each;
    void *context;
};

/* One log, standing on its next entry. */
struct tail_log {
    struct gw_store_cursor *cursor; /* NULL = at its end */
    enum gw_flow_class class;       /* GW_CLASS_COUNT = quarantine */
    uint64_t number;
    struct gw_bytes origin; /* empty: none, or the entry is damaged */
    int64_t time_wall_ms;
};

static void close_log(struct tail_log *log) {
    if (log->cursor) {
        gw_store_cursor_close(log->cursor);
        log->cursor = NULL;
    }
}

static void note_time(struct tail_log *log, int64_t time_wall_ms) {
    log->time_wall_ms = time_wall_ms > log->time_wall_ms ? time_wall_ms : log->time_wall_ms;
}

static void note_record(struct tail_log *log, struct gw_bytes value) {
    struct gw_record record;
    if (!gw_record_decode(value, &record)) {
        log->origin = record.origin;
        log->number = record.sequence;
        note_time(log, record.recorded_wall_ms);
    }
}

static void note_quarantined(struct tail_log *log, struct gw_bytes value) {
    struct gw_quarantine_view view;
    if (queue_quarantine_decode(log->number, value, &view)) {
        log->origin = view.origin;
        note_time(log, view.time_wall_ms);
    }
}

static enum gw_err move(struct tail_log *log, enum gw_store_seek seek, struct gw_bytes wanted) {
    struct gw_bytes key = {0}, value;
    enum gw_err err = gw_store_cursor_seek(log->cursor, seek, wanted, &key, &value);
    if (err) {
        close_log(log);
        return err == GW_ERR_NOENT ? GW_OK : err;
    }
    log->origin = (struct gw_bytes){0};
    log->number = queue_key_of(key);
    if (log->class == GW_CLASS_COUNT) {
        note_quarantined(log, value);
    } else {
        note_record(log, value);
    }
    return GW_OK;
}

/* Back `count` entries from the end; those without an origin are counted too, so
 * that the cost does not depend on how many have one. */
static enum gw_err open_log(struct gw_queue_writer *writer, struct gw_store_txn *txn,
                            enum gw_flow_class class, size_t count, struct tail_log *log) {
    *log = (struct tail_log){.class = class, .time_wall_ms = INT64_MIN};
    const struct quarantine_books *kept = &writer->committed.quarantine;
    bool is_quarantine = class == GW_CLASS_COUNT;
    const struct class_books *books =
        is_quarantine ? NULL : &queue_own(&writer->committed)->classes[class];
    uint64_t first = is_quarantine ? kept->first : books->first;
    uint64_t next = is_quarantine ? kept->next : books->last + 1;
    if (count == 0 || next <= 1) {
        return GW_OK;
    }
    first = next > count && next - count > first ? next - count : first;
    first = first > 0 ? first : 1; /* 0 in the quarantine is no entry */
    uint64_t from = is_quarantine ? first : queue_log_key(GW_EPOCH_INDEX_OWN, class, first);
    enum gw_err err = gw_store_cursor_open(
        txn, is_quarantine ? writer->tables.quarantine : writer->tables.logs[class],
        &log->cursor);
    return err ? err : move(log, GW_SEEK_AT_OR_AFTER, gw_store_key_u64(&from));
}

static struct tail_log *find_oldest(struct tail_log logs[static LOGS]) {
    struct tail_log *oldest = NULL;
    for (size_t i = 0; i < LOGS; i++) {
        if (logs[i].cursor && (!oldest || logs[i].time_wall_ms < oldest->time_wall_ms)) {
            oldest = &logs[i];
        }
    }
    return oldest;
}

static void show(const struct tail *tail, const struct tail_log *log) {
    if (log->origin.len > 0 && log->origin.len >= tail->prefix.len
        && (tail->prefix.len == 0
            || memcmp(log->origin.ptr, tail->prefix.ptr, tail->prefix.len) == 0)) {
        tail->each(tail->context, log->origin, log->class, log->number);
    }
}

static enum gw_err merge(const struct tail *tail, struct tail_log logs[static LOGS]) {
    struct tail_log *oldest;
    while ((oldest = find_oldest(logs))) {
        show(tail, oldest);
        enum gw_err err = move(oldest, GW_SEEK_NEXT, (struct gw_bytes){0});
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

enum gw_err queue_tail(void *self, struct gw_bytes prefix, size_t count, gw_intake_tail *each,
                       void *context) {
    struct gw_queue_writer *writer = self;
    struct tail tail = {prefix, each, context};
    struct tail_log logs[LOGS] = {0};
    struct gw_store_txn *txn;
    enum gw_err err = gw_store_begin(writer->store, false, &txn);
    if (err) {
        return err;
    }
    for (int i = 0; !err && i < LOGS; i++) {
        err = open_log(writer, txn, (enum gw_flow_class) i, count, &logs[i]);
    }
    if (!err) {
        err = merge(&tail, logs);
    }
    for (size_t i = 0; i < LOGS; i++) {
        close_log(&logs[i]);
    }
    gw_store_abort(txn);
    return err;
}
