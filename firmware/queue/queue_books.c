/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small stored values, each behind its CRC-32C (pack.h), little-endian:
 *
 *   identity  u32 format | str serial | str partition id
 *             A newer format may change all behind the first field.
 *   start     u32 starts since the last one that went well
 *   books     4 x {u64 first, last, count, bytes} | u64 quarantine first, next,
 *             count, bytes, evicted | u32 next context | u64 context bytes
 *   epoch     u8 state | u8 flags (1 has previous, 2 previous exact) | u8, u64 epoch
 *             | u64 created | u8, u64 previous epoch | 4 x u64 previous heads
 *             | 4 x {u64 first, last, count, bytes} (zeros for the own epoch)
 *
 * "str" is a length byte and the text.
 */
#include "firmware/queue/pack.h"
#include "firmware/queue/queue_internal.h"

const char *const queue_log_names[GW_CLASS_COUNT] = {
    [GW_CLASS_BUSINESS] = "log.business",
    [GW_CLASS_STATE] = "log.state",
    [GW_CLASS_TELEMETRY] = "log.telemetry",
    [GW_CLASS_AUDIT] = "log.audit",
};

uint64_t queue_key_of(struct gw_bytes key) {
    uint64_t number = 0;
    memcpy(&number, key.ptr, key.len < sizeof(number) ? key.len : sizeof(number));
    return number;
}

struct gw_bytes queue_root_key(const char *name) {
    return gw_bytes_from_str(gw_str_from_cstr(name));
}

static void pack_classes(struct pack *pack, const struct class_books *classes) {
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        pack_u64(pack, classes[i].first);
        pack_u64(pack, classes[i].last);
        pack_u64(pack, classes[i].count);
        pack_u64(pack, classes[i].bytes);
    }
}

static void unpack_classes(struct unpack *unpack, struct class_books *classes) {
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        classes[i].first = unpack_u64(unpack);
        classes[i].last = unpack_u64(unpack);
        classes[i].count = unpack_u64(unpack);
        classes[i].bytes = unpack_u64(unpack);
    }
}

static bool classes_are_possible(const struct class_books *classes) {
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        const struct class_books *c = &classes[i];
        if (c->first == 0 || c->last > GW_SEQUENCE_MAX || c->first > c->last + 1
            || c->count > c->last - c->first + 1) {
            return false;
        }
    }
    return true;
}

struct gw_bytes queue_books_encode(const struct books *books, uint8_t *dst) {
    struct pack pack = pack_start(dst, QUEUE_VALUE_MAX_BYTES);
    pack_classes(&pack, books->epochs[0].classes);
    pack_u64(&pack, books->quarantine.first);
    pack_u64(&pack, books->quarantine.next);
    pack_u64(&pack, books->quarantine.count);
    pack_u64(&pack, books->quarantine.bytes);
    pack_u64(&pack, books->quarantine.evicted);
    pack_u32(&pack, books->next_context);
    pack_u64(&pack, books->context_bytes);
    return pack_seal(&pack);
}

enum gw_err queue_books_decode(struct gw_bytes bytes, struct books *books) {
    struct unpack unpack;
    (void) unpack_start(&unpack, bytes);
    struct class_books classes[GW_CLASS_COUNT];
    unpack_classes(&unpack, classes);
    struct quarantine_books quarantine = {
        .first = unpack_u64(&unpack),
        .next = unpack_u64(&unpack),
        .count = unpack_u64(&unpack),
        .bytes = unpack_u64(&unpack),
        .evicted = unpack_u64(&unpack),
    };
    uint32_t next_context = unpack_u32(&unpack);
    uint64_t context_bytes = unpack_u64(&unpack);
    if (unpack.failed || !classes_are_possible(classes) || quarantine.first == 0
        || quarantine.next < quarantine.first
        || quarantine.count > quarantine.next - quarantine.first) {
        return GW_ERR_CORRUPT;
    }
    memcpy(books->epochs[0].classes, classes, sizeof(classes));
    books->quarantine = quarantine;
    books->next_context = next_context;
    books->context_bytes = context_bytes;
    return GW_OK;
}

static void pack_epoch(struct pack *pack, struct gw_epoch epoch) {
    pack_u8(pack, epoch.high);
    pack_u64(pack, epoch.low);
}

static struct gw_epoch unpack_epoch(struct unpack *unpack) {
    uint8_t high = unpack_u8(unpack);
    return (struct gw_epoch){.high = high, .low = unpack_u64(unpack)};
}

struct gw_bytes queue_epoch_encode(const struct epoch_books *epoch, uint8_t *dst) {
    static const struct class_books none[GW_CLASS_COUNT];
    struct pack pack = pack_start(dst, QUEUE_VALUE_MAX_BYTES);
    pack_u8(&pack, epoch->state);
    pack_u8(&pack, (uint8_t) ((epoch->has_previous ? 1 : 0) | (epoch->previous_exact ? 2 : 0)));
    pack_epoch(&pack, epoch->epoch);
    pack_u64(&pack, (uint64_t) epoch->created_wall_ms);
    pack_epoch(&pack, epoch->previous_epoch);
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        pack_u64(&pack, epoch->previous_heads[i]);
    }
    pack_classes(&pack, epoch->index == GW_EPOCH_INDEX_OWN ? none : epoch->classes);
    return pack_seal(&pack);
}

enum gw_err queue_epoch_decode(struct gw_bytes bytes, struct epoch_books *ret_epoch) {
    struct unpack unpack;
    (void) unpack_start(&unpack, bytes);
    struct epoch_books epoch = {.index = ret_epoch->index};
    epoch.state = unpack_u8(&unpack);
    uint8_t flags = unpack_u8(&unpack);
    epoch.has_previous = flags & 1;
    epoch.previous_exact = flags & 2;
    epoch.epoch = unpack_epoch(&unpack);
    epoch.created_wall_ms = (int64_t) unpack_u64(&unpack);
    epoch.previous_epoch = unpack_epoch(&unpack);
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        epoch.previous_heads[i] = unpack_u64(&unpack);
    }
    unpack_classes(&unpack, epoch.classes);
    bool own = epoch.index == GW_EPOCH_INDEX_OWN;
    if (unpack.failed || epoch.state < EPOCH_OPEN || epoch.state > EPOCH_CLOSED
        || own != (epoch.state == EPOCH_OPEN)
        || (!own && !classes_are_possible(epoch.classes))) {
        return GW_ERR_CORRUPT;
    }
    *ret_epoch = epoch;
    return GW_OK;
}

struct gw_bytes queue_identity_encode(const struct queue_identity *identity, uint8_t *dst) {
    struct pack pack = pack_start(dst, QUEUE_VALUE_MAX_BYTES);
    pack_u32(&pack, identity->format);
    pack_str(&pack, gw_str_from_cstr(identity->serial));
    pack_str(&pack, gw_str_from_cstr(identity->partition_id));
    return pack_seal(&pack);
}

enum gw_err queue_identity_decode(struct gw_bytes bytes, struct queue_identity *ret_identity) {
    struct unpack unpack;
    struct queue_identity identity = {0};
    if (!unpack_start(&unpack, bytes)) {
        return GW_ERR_CORRUPT;
    }
    identity.format = unpack_u32(&unpack);
    if (!unpack.failed && identity.format > QUEUE_FORMAT_VERSION) {
        *ret_identity = identity;
        return GW_ERR_SCHEMA;
    }
    struct gw_str serial = unpack_str(&unpack), partition = unpack_str(&unpack);
    if (unpack.failed || identity.format == 0
        || gw_str_copy(serial, identity.serial, sizeof(identity.serial))
        || gw_str_copy(partition, identity.partition_id, sizeof(identity.partition_id))) {
        return GW_ERR_CORRUPT;
    }
    *ret_identity = identity;
    return GW_OK;
}

struct gw_bytes queue_marker_encode(uint32_t deaths, uint8_t *dst) {
    struct pack pack = pack_start(dst, QUEUE_VALUE_MAX_BYTES);
    pack_u32(&pack, deaths);
    return pack_seal(&pack);
}

enum gw_err queue_marker_decode(struct gw_bytes bytes, uint32_t *ret_deaths) {
    struct unpack unpack;
    (void) unpack_start(&unpack, bytes);
    uint32_t deaths = unpack_u32(&unpack);
    if (unpack.failed) {
        return GW_ERR_CORRUPT;
    }
    *ret_deaths = deaths;
    return GW_OK;
}

/* ---- tables ---- */

enum gw_err queue_tables_open(struct gw_store_txn *txn, struct queue_tables *ret_tables) {
    struct queue_tables tables;
    const struct {
        const char *name;
        bool integer_keys;
        struct gw_table *table;
    } list[] = {
        {NULL, false, &tables.root},
        {"context", true, &tables.context},
        {"epochs", false, &tables.epochs},
        {"quarantine", true, &tables.quarantine},
        {queue_log_names[0], true, &tables.logs[0]},
        {queue_log_names[1], true, &tables.logs[1]},
        {queue_log_names[2], true, &tables.logs[2]},
        {queue_log_names[3], true, &tables.logs[3]},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(list); i++) {
        enum gw_err err =
            gw_store_table(txn, list[i].name, list[i].integer_keys, list[i].table);
        if (err) {
            return err;
        }
    }
    *ret_tables = tables;
    return GW_OK;
}

/* Own epoch first, then the salvaged ones by index. */
static enum gw_err read_epochs(struct gw_store_txn *txn, const struct queue_tables *tables,
                               struct books *books) {
    static const uint8_t order[GW_QUEUE_MAX_EPOCHS] = {
        GW_EPOCH_INDEX_OWN, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    books->epoch_count = 0;
    for (size_t i = 0; i < GW_ARRAY_LEN(order); i++) {
        struct gw_bytes value;
        enum gw_err err =
            gw_store_get(txn, tables->epochs, (struct gw_bytes){&order[i], 1}, &value);
        if (err == GW_ERR_NOENT && i > 0) {
            continue;
        }
        if (err) {
            return err == GW_ERR_NOENT ? GW_ERR_CORRUPT : err;
        }
        struct epoch_books *epoch = &books->epochs[books->epoch_count++];
        *epoch = (struct epoch_books){.index = order[i]};
        err = queue_epoch_decode(value, epoch);
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

enum gw_err queue_books_read(struct gw_store_txn *txn, const struct queue_tables *tables,
                             struct books *ret_books) {
    struct books books = {0};
    enum gw_err err = read_epochs(txn, tables, &books);
    if (err) {
        return err;
    }
    struct gw_bytes value;
    err = gw_store_get(txn, tables->root, queue_root_key(QUEUE_ROOT_BOOKS), &value);
    if (err) {
        return err == GW_ERR_NOENT ? GW_ERR_CORRUPT : err;
    }
    err = queue_books_decode(value, &books);
    if (err) {
        return err;
    }
    *ret_books = books;
    return GW_OK;
}

enum gw_err queue_epoch_write(struct gw_store_txn *txn, const struct queue_tables *tables,
                              const struct epoch_books *epoch) {
    uint8_t storage[QUEUE_VALUE_MAX_BYTES];
    return gw_store_put(txn, tables->epochs, (struct gw_bytes){&epoch->index, 1},
                        queue_epoch_encode(epoch, storage));
}

enum gw_err queue_books_write(struct gw_store_txn *txn, const struct queue_tables *tables,
                              struct books *books) {
    for (size_t i = 1; i < books->epoch_count; i++) {
        if (!books->epochs[i].changed) {
            continue;
        }
        enum gw_err err = queue_epoch_write(txn, tables, &books->epochs[i]);
        if (err) {
            return err;
        }
        books->epochs[i].changed = false;
    }
    uint8_t storage[QUEUE_VALUE_MAX_BYTES];
    return gw_store_put(txn, tables->root, queue_root_key(QUEUE_ROOT_BOOKS),
                        queue_books_encode(books, storage));
}
