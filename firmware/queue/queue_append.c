/* SPDX-License-Identifier: Apache-2.0 */
/* A unit into the open transaction. What can be wrong with the unit itself is
 * found before anything is written, so that a bad unit costs its neighbours in the
 * group nothing. Only a failing store fails them all. */
#include <string.h>

#include "firmware/base/random.h"
#include "firmware/queue/queue_internal.h"

/* Units without events (a source's bookkeeping) are usually waited for too. */
#define QUIET_UNIT_WAIT_MS 10
/* Of one unit, as a share of what admission allows in all. */
#define UNIT_MAX_SHARE 4

struct gw_record_stamp queue_stamp(struct gw_queue_writer *writer, struct gw_event_id id,
                                   int64_t wall_ms) {
    return (struct gw_record_stamp){
        .id = id,
        .recorded_wall_ms = wall_ms,
        .zone_offset_min = queue_zone_offset_min(&writer->zone, wall_ms),
        .clock_quality = writer->clock.quality(writer->clock.self),
        .context_number = writer->context.number,
        .context = &writer->context.facts,
    };
}

/* Traces are drawn in bulk: a system call for each event is dear. */
static void complete_trace(struct gw_queue_writer *writer, struct gw_trace *trace) {
    static const struct gw_trace none;
    if (memcmp(trace, &none, sizeof(none)) != 0) {
        return;
    }
    if (writer->trace_used == QUEUE_TRACE_POOL) {
        gw_random_bytes(writer->traces, sizeof(writer->traces));
        writer->trace_used = 0;
    }
    *trace = writer->traces[writer->trace_used++];
}

static size_t record_bound(const struct gw_event_draft *draft) {
    return GW_RECORD_HEADER_BYTES + draft->device.len + draft->subject.len
           + draft->partition_key.len + draft->correlation_id.len + draft->origin.len
           + draft->data.len;
}

static enum gw_err append_event(struct gw_queue_writer *writer,
                                const struct gw_event_draft *event, int64_t wall_ms) {
    struct epoch_books *own = queue_own(&writer->pending);
    struct class_books *books = &own->classes[event->class];
    if (books->last >= GW_SEQUENCE_MAX) {
        return GW_ERR_FULL;
    }
    struct gw_event_draft draft = *event;
    complete_trace(writer, &draft.trace);
    uint64_t sequence = books->last + 1;
    struct gw_record_stamp stamp =
        queue_stamp(writer, gw_event_id_make(draft.class, sequence, own->epoch), wall_ms);
    size_t len;
    enum gw_err err =
        gw_record_encode(&draft, &stamp, writer->record, sizeof(writer->record), &len);
    if (err) {
        return err;
    }
    uint64_t key = queue_log_key(GW_EPOCH_INDEX_OWN, draft.class, sequence);
    err = gw_store_append(writer->txn, writer->tables.logs[draft.class], gw_store_key_u64(&key),
                          (struct gw_bytes){writer->record, len});
    if (err) {
        return err;
    }
    books->last = sequence;
    books->count++;
    books->bytes += queue_cost(writer, len);
    writer->pending_counters.appended[draft.class]++;
    return GW_OK;
}

static enum gw_err append_events(struct gw_queue_writer *writer, const struct gw_unit *unit) {
    if (unit->event_count == 0) {
        return GW_OK;
    }
    enum gw_err err = queue_context_write(writer);
    int64_t wall_ms = gw_clock_wall_ms(&writer->clock);
    for (size_t i = 0; !err && i < unit->event_count; i++) {
        err = append_event(writer, &unit->events[i], wall_ms);
    }
    return err;
}

static enum gw_err write_unit(struct gw_queue_writer *writer, const struct gw_unit *unit) {
    enum gw_err err = append_events(writer, unit);
    if (!err) {
        err = queue_state_write(writer, unit);
    }
    for (size_t i = 0; !err && i < unit->quarantine_count; i++) {
        err = queue_quarantine_write(writer, &unit->quarantine[i]);
    }
    return err;
}

/* ---- before anything is written ---- */

static enum gw_err check_events(const struct gw_queue_writer *writer,
                                const struct gw_unit *unit, uint64_t *cost) {
    for (size_t i = 0; i < unit->event_count; i++) {
        enum gw_err err = gw_event_validate_draft(&unit->events[i]);
        if (err) {
            return err;
        }
        *cost += queue_cost(writer, record_bound(&unit->events[i]));
    }
    return GW_OK;
}

static enum gw_err check_unit(struct gw_queue_writer *writer, const struct gw_unit *unit,
                              uint64_t *ret_cost) {
    uint64_t cost = 0, state_cost = 0;
    enum gw_err err = check_events(writer, unit, &cost);
    if (!err) {
        err = queue_state_check(writer, unit, &state_cost);
    }
    if (err) {
        return err;
    }
    cost += state_cost;
    for (size_t i = 0; i < unit->quarantine_count; i++) {
        cost += queue_quarantine_cost(writer, &unit->quarantine[i]);
    }
    if (cost > writer->limit_bytes / UNIT_MAX_SHARE) {
        return GW_ERR_RANGE;
    }
    *ret_cost = cost;
    return GW_OK;
}

static int64_t wait_of(const struct gw_queue_writer *writer, const struct gw_unit *unit) {
    int64_t wait_ms = unit->event_count > 0 ? INT64_MAX : QUIET_UNIT_WAIT_MS;
    for (size_t i = 0; i < unit->event_count; i++) {
        int64_t class_ms = writer->options.classes[unit->events[i].class].commit_wait_ms;
        wait_ms = class_ms < wait_ms ? class_ms : wait_ms;
    }
    return wait_ms;
}

static void count_refusal(struct gw_queue_writer *writer, const struct gw_unit *unit) {
    for (size_t i = 0; i < unit->event_count; i++) {
        writer->counters.refused[unit->events[i].class]++;
        writer->pending_counters.refused[unit->events[i].class]++;
    }
    writer->trim_wanted = true;
}

/* Inside a completion the group may not be committed; the ring of completions
 * bounds how much a completion can submit. */
static enum gw_err make_way(struct gw_queue_writer *writer) {
    if (writer->txn && queue_group_is_large(writer) && !writer->completions.telling) {
        enum gw_err err = queue_commit(writer);
        if (err == GW_ERR_FATAL) {
            return err;
        }
    }
    return queue_completions_have_room(writer) ? GW_OK : GW_ERR_FULL;
}

enum gw_err queue_submit(void *self, const struct gw_unit *unit) {
    struct gw_queue_writer *writer = self;
    uint64_t cost;
    enum gw_err err = check_unit(writer, unit, &cost);
    if (err) {
        return err;
    }
    err = make_way(writer);
    if (!err) {
        err = queue_admit(writer, cost);
    }
    if (err) {
        if (err == GW_ERR_FULL) {
            count_refusal(writer, unit);
        }
        return err;
    }
    err = queue_begin(writer);
    if (err) {
        return err;
    }
    err = write_unit(writer, unit);
    if (err) {
        return queue_fail(writer, err);
    }
    queue_group_add(writer, unit, cost, wait_of(writer, unit));
    return GW_OK;
}

struct gw_intake gw_queue_intake(struct gw_queue_writer *writer) {
    return (struct gw_intake){
        .submit = queue_submit,
        .state_get = queue_state_get,
        .state_each = queue_state_each,
        .tail = queue_tail,
        .self = writer,
    };
}
