/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening, creating, closing.
 *
 * The gateway always starts: whatever is wrong with the old store, it is set aside
 * and a fresh epoch begins, so capture goes on and the centre hears of it. What is
 * wrong with a store, queue_judge.c says.
 *
 * Crash order of a creation: an empty store file -> one commit with identity,
 * epoch and books. A file without identity is one that was never used.
 *
 * The start marker counts up in the first commit of a start and is put back by
 * gw_queue_mark_healthy, and by an orderly close: only deaths count.
 */
#include <stdio.h>
#include <string.h>

#include "firmware/queue/queue_internal.h"

#define MIN_MAP_BYTES (UINT64_C(256) << 10)
#define OPEN_TRIES 5
#define COMPLETIONS_PER_GROUP 4

struct gw_queue_options gw_queue_options_default(void) {
    struct gw_queue_options options = {
        .map_bytes = UINT64_C(1) << 30,
        .high_water_percent = 90,
        .ring_percent = 20,
        .ring_ms = INT64_C(24) * 3600 * 1000,
        .write_budget_bytes_per_day = UINT64_C(20) << 30,
        .group_max_events = 2000,
        .quarantine_max_bytes = UINT32_C(16) << 20,
        .state_table_max_bytes = UINT32_C(1) << 20,
    };
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        const struct gw_flow_class_rules *rules =
            gw_flow_class_defaults((enum gw_flow_class) i);
        options.classes[i].commit_wait_ms = rules->commit_wait_ms;
        options.classes[i].on_full = rules->on_full;
    }
    return options;
}

/* ---- opening what is there ---- */

/* A store set aside keeps its room on the disk; a smaller new one is better than
 * a gateway that does not start. */
static enum gw_err open_store(struct gw_queue_writer *writer) {
    struct gw_store_options options = {
        .path = writer->path,
        .map_bytes = writer->options.map_bytes,
        .max_tables = QUEUE_MAX_TABLES,
        .probe = writer->options.probe,
    };
    enum gw_err err = GW_ERR_FULL;
    for (int i = 0; i < OPEN_TRIES && err == GW_ERR_FULL; i++) {
        err = gw_store_open(&options, &writer->store);
        uint64_t half = options.map_bytes / 2 / 4096 * 4096;
        options.map_bytes = half < MIN_MAP_BYTES ? MIN_MAP_BYTES : half;
    }
    return err;
}

static void close_store(struct gw_queue_writer *writer) {
    gw_store_close(writer->store);
    writer->store = NULL;
}

static enum gw_err fill_identity(struct gw_queue_writer *writer,
                                 const struct gw_queue_options *options) {
    struct queue_identity *identity = &writer->identity;
    identity->format = QUEUE_FORMAT_VERSION;
    if (options->partition_id.len > 0) {
        return gw_str_copy(options->partition_id, identity->partition_id,
                           sizeof(identity->partition_id));
    }
    return gw_store_place(writer->store, identity->partition_id,
                          sizeof(identity->partition_id));
}

static enum gw_err open_and_judge(struct gw_queue_writer *writer,
                                  const struct gw_queue_witness *witness,
                                  struct queue_verdict *verdict) {
    enum gw_err err = open_store(writer);
    if (err == GW_ERR_CORRUPT || err == GW_ERR_IO) {
        return queue_verdict_unusable(verdict, "file is damaged", QUEUE_PAST_KNOWN);
    }
    if (err == GW_ERR_SCHEMA) {
        return queue_verdict_unusable(verdict, "file is of another LMDB format",
                                      QUEUE_PAST_KNOWN);
    }
    if (err) {
        /* NOENT here is a path that leads nowhere, not a store never used. */
        return err == GW_ERR_NOENT ? GW_ERR_IO : err;
    }
    err = fill_identity(writer, &writer->options);
    struct gw_store_txn *txn = NULL;
    if (!err) {
        err = gw_store_begin(writer->store, false, &txn);
    }
    if (err) {
        return err;
    }
    err = queue_judge(writer, witness, txn, verdict);
    enum gw_err ended = gw_store_commit(txn);
    return err ? err : ended;
}

/* ---- creating ---- */

static void previous_from_witness(const struct gw_queue_witness *witness,
                                  struct gw_queue_opening *opening) {
    if (!witness || !witness->known) {
        return;
    }
    bool same = opening->has_previous && gw_epoch_eq(opening->previous_epoch, witness->epoch);
    if (opening->has_previous && !same) {
        return;
    }
    opening->has_previous = true;
    opening->previous_epoch = witness->epoch;
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        uint64_t *head = &opening->previous_heads[i];
        if (*head < witness->heads[i]) {
            *head = witness->heads[i];
            opening->previous_exact = false;
        }
    }
}

static void make_epoch(struct gw_queue_writer *writer, const struct gw_queue_opening *opening) {
    struct epoch_books own = {
        .index = GW_EPOCH_INDEX_OWN,
        .state = EPOCH_OPEN,
        .epoch = gw_epoch_draw(),
        .created_wall_ms = gw_clock_wall_ms(&writer->clock),
        .has_previous = opening->has_previous,
        .previous_exact = opening->previous_exact,
        .previous_epoch = opening->previous_epoch,
    };
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        own.classes[i] = (struct class_books){.first = 1};
        own.previous_heads[i] = opening->previous_heads[i];
    }
    writer->pending = (struct books){.epoch_count = 1,
                                     .epochs = {own},
                                     .quarantine = {.first = 1, .next = 1},
                                     .next_context = 1};
}

static enum gw_err write_identity(struct gw_queue_writer *writer, struct gw_store_txn *txn) {
    uint8_t storage[QUEUE_VALUE_MAX_BYTES];
    enum gw_err err = queue_tables_open(txn, &writer->tables);
    if (!err) {
        err = gw_store_put(txn, writer->tables.root, queue_root_key(QUEUE_ROOT_IDENTITY),
                           queue_identity_encode(&writer->identity, storage));
    }
    if (!err) {
        err = queue_epoch_write(txn, &writer->tables, queue_own(&writer->pending));
    }
    if (!err) {
        err = gw_store_put(txn, writer->tables.root, queue_root_key(QUEUE_ROOT_MARKER),
                           queue_marker_encode(0, storage));
    }
    return err ? err : queue_books_write(txn, &writer->tables, &writer->pending);
}

static enum gw_err initialise(struct gw_queue_writer *writer,
                              const struct gw_queue_opening *opening) {
    struct gw_store_txn *txn;
    make_epoch(writer, opening);
    enum gw_err err = queue_context_set_epoch(writer, queue_own(&writer->pending)->epoch);
    if (!err) {
        err = gw_store_begin(writer->store, true, &txn);
    }
    if (err) {
        return err;
    }
    err = write_identity(writer, txn);
    if (err) {
        gw_store_abort(txn);
        return err;
    }
    return gw_store_commit(txn);
}

/* ---- the way through ---- */

static enum gw_err replace_store(struct gw_queue_writer *writer,
                                 const struct gw_queue_witness *witness,
                                 const struct queue_verdict *verdict,
                                 struct gw_queue_opening *opening) {
    close_store(writer);
    writer->marker_deaths = 0; /* they go with the old store */
    opening->origin = GW_QUEUE_SET_ASIDE;
    (void) snprintf(opening->set_aside_reason, sizeof(opening->set_aside_reason), "%s",
                    verdict->reason);
    if (verdict->past != QUEUE_PAST_FOREIGN) {
        queue_aside_examine(writer->path, opening);
        opening->previous_exact = opening->previous_exact && verdict->past == QUEUE_PAST_KNOWN;
    }
    previous_from_witness(witness, opening);
    enum gw_err err = queue_aside_move(writer->path, gw_clock_wall_ms(&writer->clock), opening);
    if (!err) {
        uint64_t share = gw_queue_asides_share(writer->path);
        opening->unsalvaged_removed = gw_queue_asides_prune(writer->path, share).unsalvaged;
        err = open_store(writer);
    }
    if (!err) {
        err = fill_identity(writer, &writer->options);
    }
    return err ? err : initialise(writer, opening);
}

static enum gw_err open_or_replace(struct gw_queue_writer *writer,
                                   const struct gw_queue_witness *witness,
                                   struct gw_queue_opening *opening) {
    struct queue_verdict verdict = {0};
    enum gw_err err = open_and_judge(writer, witness, &verdict);
    if (verdict.reason) {
        return replace_store(writer, witness, &verdict, opening);
    }
    if (err == GW_ERR_NOENT) {
        opening->origin = GW_QUEUE_CREATED;
        previous_from_witness(witness, opening);
        return initialise(writer, opening);
    }
    return err;
}

static enum gw_err set_limits(struct gw_queue_writer *writer) {
    struct gw_store_figures figures;
    enum gw_err err = gw_store_get_figures(writer->store, &figures);
    if (err) {
        return err;
    }
    const uint64_t min_reserve_pages = 48;
    writer->page_bytes = figures.page_bytes;
    writer->map_bytes = figures.map_bytes;
    uint64_t reserve = writer->map_bytes / 100 * (100 - writer->options.high_water_percent);
    uint64_t least = writer->map_bytes / 20;
    least = least < min_reserve_pages * writer->page_bytes
                ? min_reserve_pages * writer->page_bytes
                : least;
    writer->reserve_bytes = reserve < least ? least : reserve;
    writer->limit_bytes = writer->map_bytes - writer->reserve_bytes;
    return GW_OK;
}

static enum gw_err write_marker(struct gw_queue_writer *writer, uint32_t deaths) {
    uint8_t storage[QUEUE_VALUE_MAX_BYTES];
    enum gw_err err = queue_begin(writer);
    if (err) {
        return err;
    }
    err = gw_store_put(writer->txn, writer->tables.root, queue_root_key(QUEUE_ROOT_MARKER),
                       queue_marker_encode(deaths, storage));
    return err ? queue_fail(writer, err) : queue_commit(writer);
}

/* The first commit: this start counts as a death until it proves otherwise. */
static enum gw_err start(struct gw_queue_writer *writer) {
    enum gw_err err = set_limits(writer);
    if (!err) {
        writer->committed = writer->pending;
        err = queue_state_load(writer);
    }
    if (!err) {
        queue_check_excess(writer, true);
        err = queue_begin(writer);
    }
    if (err) {
        return err;
    }
    err = queue_context_prune(writer);
    return err ? queue_fail(writer, err) : write_marker(writer, writer->marker_deaths + 1);
}

/* ---- the writer itself ---- */

static enum gw_err check_options(const struct gw_queue_options *options) {
    bool sound = options->path && options->clock && options->serial.len > 0
                 && options->map_bytes >= MIN_MAP_BYTES && options->high_water_percent > 0
                 && options->high_water_percent <= 100 && options->ring_percent <= 100
                 && options->group_max_events > 0;
    return sound ? GW_OK : GW_ERR_INVALID;
}

static enum gw_err take_options(struct gw_queue_writer *writer,
                                const struct gw_queue_options *options) {
    writer->options = *options;
    writer->clock = *options->clock;
    enum gw_err err =
        gw_str_copy(gw_str_from_cstr(options->path), writer->path, sizeof(writer->path));
    if (!err) {
        err = gw_str_copy(options->serial, writer->identity.serial,
                          sizeof(writer->identity.serial));
    }
    if (err) {
        return GW_ERR_RANGE;
    }
    int64_t now_ms = gw_clock_mono_ms(&writer->clock);
    writer->budget = (struct queue_budget){
        .per_day = options->write_budget_bytes_per_day,
        .left = options->write_budget_bytes_per_day / 24,
        .filled_mono_ms = now_ms,
    };
    writer->group.deadline_mono_ms = GW_NEVER_MS;
    writer->committed_mono_ms = now_ms;
    writer->trim_batch = 2000;
    writer->trace_used = QUEUE_TRACE_POOL;
    writer->completions.capacity = (uint64_t) options->group_max_events * COMPLETIONS_PER_GROUP;
    writer->completions.slots =
        calloc(writer->completions.capacity, sizeof(*writer->completions.slots));
    return writer->completions.slots ? GW_OK : GW_ERR_NOMEM;
}

/* The epoch is known only with the store; the texts are checked before it is
 * touched. */
static enum gw_err take_context(struct gw_queue_writer *writer,
                                const struct gw_queue_options *options) {
    struct queue_context *context = &writer->context;
    (void) snprintf(context->serial, sizeof(context->serial), "%s", writer->identity.serial);
    context->facts.serial = gw_str_from_cstr(context->serial);
    memcpy(context->facts.boot_id, options->boot_id, sizeof(context->facts.boot_id));
    context->encoded_len = 0;
    return queue_context_set(writer, options->site, options->owner, options->zone);
}

static void release(struct gw_queue_writer *writer) {
    gw_store_close(writer->store);
    queue_zone_close(&writer->zone);
    free(writer->completions.slots);
    free(writer);
}
GW_DEFINE_CLEANUP(struct gw_queue_writer *, release, releasep)

enum gw_err gw_queue_writer_open(const struct gw_queue_options *options,
                                 const struct gw_queue_witness *witness,
                                 struct gw_queue_opening *ret_opening,
                                 struct gw_queue_writer **ret_writer) {
    enum gw_err err = check_options(options);
    if (err) {
        return err;
    }
    GW_CLEANUP(releasep) struct gw_queue_writer *writer = calloc(1, sizeof(*writer));
    if (!writer) {
        return GW_ERR_NOMEM;
    }
    struct gw_queue_opening opening = {.origin = GW_QUEUE_REOPENED};
    err = take_options(writer, options);
    if (!err) {
        err = take_context(writer, options);
    }
    if (!err) {
        err = open_or_replace(writer, witness, &opening);
    }
    if (!err) {
        err = start(writer);
    }
    if (err) {
        return err;
    }
    *ret_opening = opening;
    *ret_writer = GW_TAKE(writer);
    return GW_OK;
}

enum gw_err gw_queue_mark_healthy(struct gw_queue_writer *writer) {
    enum gw_err err = write_marker(writer, 0);
    writer->healthy = writer->healthy || err == GW_OK;
    return err;
}

void gw_queue_writer_close(struct gw_queue_writer *writer) {
    if (!writer) {
        return;
    }
    enum gw_err err =
        writer->healthy ? gw_queue_commit(writer) : write_marker(writer, writer->marker_deaths);
    (void) err; /* completions have told it */
    release(writer);
}

enum gw_err gw_queue_set_context(struct gw_queue_writer *writer, struct gw_str site,
                                 struct gw_str owner, struct gw_str zone) {
    return queue_context_set(writer, site, owner, zone);
}
