/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources' own tables: "state.<name>", each with a quota.
 *
 * A value is stored behind a CRC-32C over key and value. The size of a table is
 * summed up once when the store is opened (the quota keeps it small) and followed
 * from then on. A table that the open transaction created exists for that
 * transaction only until it commits.
 */
#include "firmware/queue/pack.h"
#include "firmware/queue/queue_internal.h"

#define KEY_MAX_BYTES 255
#define VALUE_MAX_BYTES 4096
#define PREFIX "state."

static bool name_is_allowed(struct gw_str name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'
              || c == '.')) {
            return false;
        }
    }
    return name.len > 0 && name.len < QUEUE_STATE_NAME_BYTES;
}

static struct queue_state_table *find_table(struct gw_queue_writer *writer,
                                            struct gw_str name) {
    for (size_t i = 0; i < writer->state_count; i++) {
        if (gw_str_eq(gw_str_from_cstr(writer->states[i].name), name)) {
            return &writer->states[i];
        }
    }
    return NULL;
}

static enum gw_err open_table(struct gw_store_txn *txn, struct queue_state_table *table) {
    char name[sizeof(PREFIX) + QUEUE_STATE_NAME_BYTES];
    (void) snprintf(name, sizeof(name), PREFIX "%s", table->name);
    return gw_store_table(txn, name, false, &table->table);
}

/* ---- checks of a unit ---- */

static uint64_t entry_bytes(size_t key_len, size_t value_len) {
    return key_len + value_len + sizeof(uint32_t);
}

static enum gw_err check_change(const struct gw_state_change *change) {
    if (change->key.len == 0 || change->key.len > KEY_MAX_BYTES
        || (change->value.ptr && change->value.len > VALUE_MAX_BYTES)) {
        return GW_ERR_RANGE;
    }
    return GW_OK;
}

/* Stored length of the entry at `key`, 0 if there is none. Inside the open
 * transaction if there is one: it may hold changes of the same group. */
static uint64_t stored_bytes(struct gw_queue_writer *writer, struct queue_state_table *table,
                             struct gw_bytes key) {
    struct gw_store_txn *txn = writer->txn;
    struct gw_bytes value;
    if (!table || (!table->committed && !txn)
        || (!txn && gw_store_begin(writer->store, false, &txn))) {
        return 0;
    }
    enum gw_err err = gw_store_get(txn, table->table, key, &value);
    if (!writer->txn) {
        gw_store_abort(txn);
    }
    return err ? 0 : key.len + value.len;
}

/* What a unit changes in one table. */
struct change_list {
    struct gw_str table;
    const struct gw_state_change *changes;
    size_t count;
};

#define LISTS 2

static void lists_of(const struct gw_unit *unit, struct change_list ret_lists[static LISTS]) {
    ret_lists[0] = (struct change_list){unit->state_table, unit->changes, unit->change_count};
    ret_lists[1] = (struct change_list){unit->second_table, unit->second_changes,
                                        unit->second_change_count};
}

/* `tables_left`: how many more tables there may be; taken from if this needs one. */
static enum gw_err check_list(struct gw_queue_writer *writer, const struct change_list *list,
                              size_t *tables_left, uint64_t *cost_total) {
    if (list->count == 0) {
        return GW_OK;
    }
    if (!name_is_allowed(list->table)) {
        return GW_ERR_RANGE;
    }
    struct queue_state_table *table = find_table(writer, list->table);
    if (!table && *tables_left == 0) {
        return GW_ERR_DENIED;
    }
    *tables_left -= table ? 0 : 1;
    uint64_t bytes = table ? table->bytes : 0, cost = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct gw_state_change *change = &list->changes[i];
        enum gw_err err = check_change(change);
        if (err) {
            return err;
        }
        uint64_t before = stored_bytes(writer, table, change->key);
        bytes -= before < bytes ? before : bytes;
        if (change->value.ptr) {
            bytes += entry_bytes(change->key.len, change->value.len);
            cost += before ? 0
                           : queue_cost_keyed(writer, change->key.len,
                                              change->value.len + sizeof(uint32_t));
        }
    }
    if (bytes > writer->options.state_table_max_bytes && bytes > (table ? table->bytes : 0)) {
        return GW_ERR_DENIED;
    }
    *cost_total += cost;
    return GW_OK;
}

enum gw_err queue_state_check(struct gw_queue_writer *writer, const struct gw_unit *unit,
                              uint64_t *ret_cost) {
    struct change_list lists[LISTS];
    lists_of(unit, lists);
    /* Each list is held against the quota of its table alone. */
    if (lists[0].count > 0 && lists[1].count > 0 && gw_str_eq(lists[0].table, lists[1].table)) {
        return GW_ERR_RANGE;
    }
    size_t tables_left = QUEUE_STATE_TABLES - writer->state_count;
    uint64_t cost = 0;
    for (size_t i = 0; i < LISTS; i++) {
        enum gw_err err = check_list(writer, &lists[i], &tables_left, &cost);
        if (err) {
            return err;
        }
    }
    *ret_cost = cost;
    return GW_OK;
}

/* ---- changes ---- */

static uint32_t entry_crc(struct gw_bytes key, struct gw_bytes value) {
    uint32_t crc = gw_crc32c(0, key);
    return value.len > 0 ? gw_crc32c(crc, value) : crc;
}

static enum gw_err table_for(struct gw_queue_writer *writer, struct gw_str name,
                             struct queue_state_table **ret_table) {
    struct queue_state_table *table = find_table(writer, name);
    if (!table) {
        table = &writer->states[writer->state_count];
        *table = (struct queue_state_table){0};
        enum gw_err err = gw_str_copy(name, table->name, sizeof(table->name));
        if (!err) {
            err = open_table(writer->txn, table);
        }
        if (err) {
            return err;
        }
        writer->state_count++;
    }
    *ret_table = table;
    return GW_OK;
}

static enum gw_err apply_change(struct gw_queue_writer *writer, struct queue_state_table *table,
                                const struct gw_state_change *change) {
    struct gw_bytes old;
    uint64_t before = 0, cost_before = 0;
    enum gw_err err = gw_store_get(writer->txn, table->table, change->key, &old);
    if (err && err != GW_ERR_NOENT) {
        return err;
    }
    if (!err) {
        before = change->key.len + old.len;
        cost_before = queue_cost_keyed(writer, change->key.len, old.len);
    }
    if (!change->value.ptr) {
        if (err == GW_ERR_NOENT) {
            return GW_OK;
        }
        table->bytes -= before;
        writer->pending.state_bytes -= cost_before;
        return gw_store_del(writer->txn, table->table, change->key);
    }
    uint8_t stored[sizeof(uint32_t) + VALUE_MAX_BYTES];
    uint32_t crc = htole32(entry_crc(change->key, change->value));
    memcpy(stored, &crc, sizeof(crc));
    if (change->value.len > 0) {
        memcpy(stored + sizeof(crc), change->value.ptr, change->value.len);
    }
    size_t len = sizeof(crc) + change->value.len;
    table->bytes += entry_bytes(change->key.len, change->value.len) - before;
    writer->pending.state_bytes += queue_cost_keyed(writer, change->key.len, len) - cost_before;
    return gw_store_put(writer->txn, table->table, change->key, (struct gw_bytes){stored, len});
}

static enum gw_err write_list(struct gw_queue_writer *writer, const struct change_list *list) {
    if (list->count == 0) {
        return GW_OK;
    }
    struct queue_state_table *table;
    enum gw_err err = table_for(writer, list->table, &table);
    for (size_t i = 0; !err && i < list->count; i++) {
        err = apply_change(writer, table, &list->changes[i]);
    }
    return err;
}

enum gw_err queue_state_write(struct gw_queue_writer *writer, const struct gw_unit *unit) {
    struct change_list lists[LISTS];
    lists_of(unit, lists);
    enum gw_err err = write_list(writer, &lists[0]);
    return err ? err : write_list(writer, &lists[1]);
}

void queue_state_settle(struct gw_queue_writer *writer, bool committed) {
    while (!committed && writer->state_count > 0
           && !writer->states[writer->state_count - 1].committed) {
        writer->state_count--;
    }
    for (size_t i = 0; i < writer->state_count; i++) {
        struct queue_state_table *table = &writer->states[i];
        if (committed) {
            table->committed = true;
            table->committed_bytes = table->bytes;
        } else {
            table->bytes = table->committed_bytes;
        }
    }
}

/* ---- reading ---- */

enum gw_err queue_state_unseal(struct gw_bytes key, struct gw_bytes stored,
                               struct gw_bytes *ret_value) {
    uint32_t crc = 0;
    if (stored.len < sizeof(crc)) {
        return GW_ERR_CORRUPT;
    }
    memcpy(&crc, stored.ptr, sizeof(crc));
    struct gw_bytes value = {stored.ptr + sizeof(crc), stored.len - sizeof(crc)};
    if (le32toh(crc) != entry_crc(key, value)) {
        return GW_ERR_CORRUPT;
    }
    *ret_value = value;
    return GW_OK;
}

enum gw_err queue_state_walk(struct gw_store_txn *txn, struct gw_str table,
                             gw_queue_state_each *each, void *context) {
    if (!name_is_allowed(table)) {
        return GW_ERR_RANGE;
    }
    struct queue_state_table found = {0};
    GW_CLEANUP(gw_store_cursor_closep) struct gw_store_cursor *cursor = NULL;
    enum gw_err err = gw_str_copy(table, found.name, sizeof(found.name));
    if (!err) {
        err = open_table(txn, &found);
    }
    if (!err) {
        err = gw_store_cursor_open(txn, found.table, &cursor);
    }
    if (err) {
        return err;
    }
    struct gw_bytes key, stored, value;
    err = gw_store_cursor_seek(cursor, GW_SEEK_FIRST, (struct gw_bytes){0}, &key, &stored);
    while (!err) {
        err = queue_state_unseal(key, stored, &value);
        if (err || !each(context, key, value)) {
            return err;
        }
        err = gw_store_cursor_seek(cursor, GW_SEEK_NEXT, (struct gw_bytes){0}, &key, &stored);
    }
    return err == GW_ERR_NOENT ? GW_OK : err;
}

enum gw_err queue_state_get(void *self, struct gw_str table, struct gw_bytes key,
                            struct gw_buf *buf) {
    struct gw_queue_writer *writer = self;
    struct queue_state_table *found = find_table(writer, table);
    if (!found || !found->committed) {
        return GW_ERR_NOENT;
    }
    struct gw_store_txn *txn;
    enum gw_err err = gw_store_begin(writer->store, false, &txn);
    if (err) {
        return err;
    }
    struct gw_bytes value;
    err = gw_store_get(txn, found->table, key, &value);
    if (!err) {
        err = queue_state_unseal(key, value, &value);
    }
    if (!err && !gw_buf_put(buf, value)) {
        err = GW_ERR_FULL;
    }
    gw_store_abort(txn);
    return err;
}

/* ---- at open ---- */

static enum gw_err sum_table(struct gw_queue_writer *writer, struct gw_store_txn *txn,
                             struct queue_state_table *table) {
    GW_CLEANUP(gw_store_cursor_closep) struct gw_store_cursor *cursor = NULL;
    enum gw_err err = gw_store_cursor_open(txn, table->table, &cursor);
    if (err) {
        return err;
    }
    struct gw_bytes key, value;
    err = gw_store_cursor_seek(cursor, GW_SEEK_FIRST, (struct gw_bytes){0}, &key, &value);
    while (!err) {
        table->bytes += key.len + value.len;
        writer->committed.state_bytes += queue_cost_keyed(writer, key.len, value.len);
        err = gw_store_cursor_seek(cursor, GW_SEEK_NEXT, (struct gw_bytes){0}, &key, &value);
    }
    table->committed_bytes = table->bytes;
    table->committed = true;
    return err == GW_ERR_NOENT ? GW_OK : err;
}

/* Names of the state tables, from the root table; opened behind the walk. */
static enum gw_err list_tables(struct gw_queue_writer *writer, struct gw_store_txn *txn) {
    GW_CLEANUP(gw_store_cursor_closep) struct gw_store_cursor *cursor = NULL;
    enum gw_err err = gw_store_cursor_open(txn, writer->tables.root, &cursor);
    if (err) {
        return err;
    }
    struct gw_bytes key, value;
    err = gw_store_cursor_seek(cursor, GW_SEEK_FIRST, (struct gw_bytes){0}, &key, &value);
    while (!err) {
        struct gw_str name = gw_str_from_bytes(key);
        if (gw_str_starts_with(name, GW_STR(PREFIX))
            && writer->state_count < QUEUE_STATE_TABLES) {
            struct queue_state_table *table = &writer->states[writer->state_count];
            *table = (struct queue_state_table){0};
            name = gw_str_sub(name, sizeof(PREFIX) - 1, name.len);
            writer->state_count += gw_str_copy(name, table->name, sizeof(table->name)) == GW_OK;
        }
        err = gw_store_cursor_seek(cursor, GW_SEEK_NEXT, (struct gw_bytes){0}, &key, &value);
    }
    return err == GW_ERR_NOENT ? GW_OK : err;
}

enum gw_err queue_state_load(struct gw_queue_writer *writer) {
    struct gw_store_txn *txn;
    enum gw_err err = gw_store_begin(writer->store, false, &txn);
    if (err) {
        return err;
    }
    writer->committed.state_bytes = 0;
    err = list_tables(writer, txn);
    for (size_t i = 0; !err && i < writer->state_count; i++) {
        err = open_table(txn, &writer->states[i]);
        if (!err) {
            err = sum_table(writer, txn, &writer->states[i]);
        }
    }
    if (err) {
        gw_store_abort(txn);
        return err;
    }
    writer->pending.state_bytes = writer->committed.state_bytes;
    return gw_store_commit(txn);
}

enum gw_err queue_state_each(void *self, struct gw_str table, gw_intake_state *each,
                             void *context) {
    struct gw_queue_writer *writer = self;
    struct queue_state_table *found = find_table(writer, table);
    if (!found || !found->committed) {
        return GW_OK;
    }
    struct gw_store_txn *txn;
    enum gw_err err = gw_store_begin(writer->store, false, &txn);
    if (err) {
        return err;
    }
    err = queue_state_walk(txn, table, each, context);
    gw_store_abort(txn);
    return err;
}
