/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quarantine: bytes that could not be decoded, for a technician.
 *
 *   number -> crc | u64 time | u64 form (8 bits), original length (56) | str reason
 *             | str topic | str device | str origin | raw bytes to the end
 *   0      -> crc | u64 how many were evicted | u64 number of the last of them
 *
 * A str has at most 255 bytes. MQTT allows topics of 65,535: an entry with a longer
 * one has form 1, an empty topic there, and between origin and raw bytes
 *
 *   u32 original length of the topic | u16 length | at most 4,096 bytes of it
 *
 * Bounded in bytes; the oldest make room, and the entry at 0 says how many there
 * were: what was thrown away is counted, never forgotten.
 */
#include "firmware/queue/pack.h"
#include "firmware/queue/queue_internal.h"

#define RAW_MAX_BYTES 65536
#define TEXT_MAX_BYTES 255
#define HEAD_BYTES (4 + 8 + 8)
#define FORM_SHIFT 56
#define FORM_LONG_TOPIC 1
#define LONG_TOPIC_HEAD_BYTES (4 + 2)

struct entry_parts {
    struct gw_str reason, topic, device, origin;
    bool has_long_topic;
    size_t topic_len, raw_len; /* original */
    int64_t time_wall_ms;
    struct gw_bytes raw;
};

/* Without cutting a UTF-8 sequence apart. */
static struct gw_str shorten_to(struct gw_str text, size_t max_bytes) {
    if (text.len <= max_bytes) {
        return text;
    }
    size_t len = max_bytes;
    while (len > 0 && ((unsigned char) text.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    return gw_str_sub(text, 0, len);
}

static struct gw_str shorten(struct gw_str text) {
    return shorten_to(text, TEXT_MAX_BYTES);
}

static struct entry_parts parts_of(const struct gw_queue_writer *writer,
                                   const struct gw_quarantine_entry *entry) {
    size_t most = writer->options.quarantine_max_bytes / 4;
    most = most > RAW_MAX_BYTES ? RAW_MAX_BYTES : most;
    return (struct entry_parts){
        .reason = shorten(entry->reason),
        .topic = shorten_to(entry->topic, GW_QUARANTINE_TOPIC_MAX_BYTES),
        .has_long_topic = entry->topic.len > TEXT_MAX_BYTES,
        .topic_len = entry->topic.len,
        .raw_len = entry->raw_len,
        .time_wall_ms = entry->time_wall_ms,
        .device = shorten(entry->device),
        .origin = shorten(gw_str_from_bytes(entry->origin)),
        .raw = {entry->raw.ptr, entry->raw.len < most ? entry->raw.len : most},
    };
}

static size_t encoded_len(const struct entry_parts *parts) {
    size_t extra = parts->has_long_topic ? LONG_TOPIC_HEAD_BYTES : 0;
    return HEAD_BYTES + 4 + extra + parts->reason.len + parts->topic.len + parts->device.len
           + parts->origin.len + parts->raw.len;
}

uint64_t queue_quarantine_cost(const struct gw_queue_writer *writer,
                               const struct gw_quarantine_entry *entry) {
    struct entry_parts parts = parts_of(writer, entry);
    return queue_cost(writer, encoded_len(&parts));
}

/* ---- making room ---- */

static enum gw_err write_evicted(struct gw_queue_writer *writer, uint64_t last) {
    uint8_t storage[32];
    uint64_t key = 0;
    struct pack pack = pack_start(storage, sizeof(storage));
    pack_u64(&pack, writer->pending.quarantine.evicted);
    pack_u64(&pack, last);
    return gw_store_put(writer->txn, writer->tables.quarantine, gw_store_key_u64(&key),
                        pack_seal(&pack));
}

/* The cursor stands on an entry: take it out of table and books. */
static enum gw_err drop_here(struct gw_queue_writer *writer, struct gw_store_cursor *cursor,
                             size_t len) {
    struct quarantine_books *books = &writer->pending.quarantine;
    uint64_t cost = queue_cost(writer, len);
    books->bytes -= cost < books->bytes ? cost : books->bytes;
    books->count -= books->count > 0;
    return gw_store_cursor_del(cursor);
}

static enum gw_err evict_for(struct gw_queue_writer *writer, uint64_t need) {
    struct quarantine_books *books = &writer->pending.quarantine;
    if (books->count == 0 || books->bytes + need <= writer->options.quarantine_max_bytes) {
        return GW_OK;
    }
    GW_CLEANUP(gw_store_cursor_closep) struct gw_store_cursor *cursor = NULL;
    enum gw_err err = gw_store_cursor_open(writer->txn, writer->tables.quarantine, &cursor);
    if (err) {
        return err;
    }
    uint64_t from = books->first, last = 0;
    struct gw_bytes key = {0}, value;
    err = gw_store_cursor_seek(cursor, GW_SEEK_AT_OR_AFTER, gw_store_key_u64(&from), &key,
                               &value);
    while (!err && books->bytes + need > writer->options.quarantine_max_bytes) {
        last = queue_key_of(key);
        books->first = last + 1;
        books->evicted++;
        err = drop_here(writer, cursor, value.len);
        if (!err) {
            err =
                gw_store_cursor_seek(cursor, GW_SEEK_NEXT, (struct gw_bytes){0}, &key, &value);
        }
    }
    if (err && err != GW_ERR_NOENT) {
        return err;
    }
    return last > 0 ? write_evicted(writer, last) : GW_OK;
}

static void encode(const struct entry_parts *parts, uint8_t *place, size_t len) {
    uint64_t form = parts->has_long_topic ? FORM_LONG_TOPIC : 0;
    struct pack pack = pack_start(place, len);
    pack_u64(&pack, (uint64_t) parts->time_wall_ms);
    pack_u64(&pack, form << FORM_SHIFT | parts->raw_len);
    pack_str(&pack, parts->reason);
    pack_str(&pack, parts->has_long_topic ? (struct gw_str){0} : parts->topic);
    pack_str(&pack, parts->device);
    pack_str(&pack, parts->origin);
    if (parts->has_long_topic) {
        pack_u32(&pack, (uint32_t) parts->topic_len);
        pack_u16(&pack, (uint16_t) parts->topic.len);
        pack_raw(&pack, parts->topic.ptr, parts->topic.len);
    }
    pack_raw(&pack, parts->raw.ptr, parts->raw.len);
    (void) pack_seal(&pack);
}

static enum gw_err put(struct gw_queue_writer *writer, const struct entry_parts *parts) {
    struct quarantine_books *books = &writer->pending.quarantine;
    size_t len = encoded_len(parts);
    uint64_t number = books->next;
    uint8_t *place;
    enum gw_err err = gw_store_reserve(writer->txn, writer->tables.quarantine,
                                       gw_store_key_u64(&number), len, true, &place);
    if (err) {
        return err;
    }
    encode(parts, place, len);
    books->next = number + 1;
    books->count++;
    books->bytes += queue_cost(writer, len);
    return GW_OK;
}

enum gw_err queue_quarantine_write(struct gw_queue_writer *writer,
                                   const struct gw_quarantine_entry *entry) {
    struct entry_parts parts = parts_of(writer, entry);
    enum gw_err err = evict_for(writer, queue_cost(writer, encoded_len(&parts)));
    return err ? err : put(writer, &parts);
}

/* Its packet id and session are those of a store whose sessions are gone. */
enum gw_err queue_quarantine_adopt(struct gw_queue_writer *writer,
                                   const struct gw_quarantine_view *view, uint64_t *ret_cost) {
    struct entry_parts parts = {
        .reason = view->reason,
        .topic = view->topic,
        .device = view->device,
        .has_long_topic = view->topic_len > TEXT_MAX_BYTES,
        .topic_len = view->topic_len,
        .raw_len = view->raw_len,
        .time_wall_ms = view->time_wall_ms,
        .raw = view->raw,
    };
    uint64_t cost = queue_cost(writer, encoded_len(&parts));
    if (writer->pending.quarantine.bytes + cost > writer->options.quarantine_max_bytes) {
        return GW_ERR_FULL;
    }
    enum gw_err err = queue_admit(writer, cost);
    if (err) {
        return err;
    }
    err = put(writer, &parts);
    if (err) {
        return err == GW_ERR_FULL ? GW_ERR_IO : err; /* the transaction is lost */
    }
    *ret_cost = cost;
    return GW_OK;
}

/* ---- for the technician ---- */

bool queue_quarantine_decode(uint64_t number, struct gw_bytes value,
                             struct gw_quarantine_view *ret_view) {
    struct unpack unpack;
    if (!unpack_start(&unpack, value)) {
        return false;
    }
    struct gw_quarantine_view view = {.number = number};
    view.time_wall_ms = (int64_t) unpack_u64(&unpack);
    uint64_t form = unpack_u64(&unpack);
    view.raw_len = form & ((UINT64_C(1) << FORM_SHIFT) - 1);
    view.reason = unpack_str(&unpack);
    view.topic = unpack_str(&unpack);
    view.topic_len = view.topic.len;
    view.device = unpack_str(&unpack);
    view.origin = gw_bytes_from_str(unpack_str(&unpack));
    if (form >> FORM_SHIFT == FORM_LONG_TOPIC) {
        view.topic_len = unpack_u32(&unpack);
        size_t len = unpack_u16(&unpack);
        view.topic = (struct gw_str){(const char *) unpack_raw(&unpack, len), len};
    }
    view.raw = (struct gw_bytes){unpack.at, unpack.left};
    if (unpack.failed || form >> FORM_SHIFT > FORM_LONG_TOPIC) {
        return false;
    }
    *ret_view = view;
    return true;
}

/* A damaged entry is listed as such, so that it can be dropped. */
static bool hand_out(uint64_t number, struct gw_bytes value, gw_quarantine_each *each,
                     void *context) {
    struct gw_quarantine_view view;
    if (!queue_quarantine_decode(number, value, &view)) {
        view = (struct gw_quarantine_view){.number = number,
                                           .reason = GW_STR("stored entry is damaged")};
    }
    return each(context, &view);
}

static enum gw_err list_from(struct gw_queue_writer *writer, struct gw_store_txn *txn,
                             uint64_t from, gw_quarantine_each *each, void *context) {
    GW_CLEANUP(gw_store_cursor_closep) struct gw_store_cursor *cursor = NULL;
    enum gw_err err = gw_store_cursor_open(txn, writer->tables.quarantine, &cursor);
    if (err) {
        return err;
    }
    struct gw_bytes key = {0}, value;
    err = gw_store_cursor_seek(cursor, GW_SEEK_AT_OR_AFTER, gw_store_key_u64(&from), &key,
                               &value);
    while (!err && hand_out(queue_key_of(key), value, each, context)) {
        err = gw_store_cursor_seek(cursor, GW_SEEK_NEXT, (struct gw_bytes){0}, &key, &value);
    }
    return err == GW_ERR_NOENT ? GW_OK : err;
}

enum gw_err gw_queue_quarantine_list(struct gw_queue_writer *writer, uint64_t number,
                                     gw_quarantine_each *each, void *context) {
    struct gw_store_txn *txn;
    enum gw_err err = gw_store_begin(writer->store, false, &txn);
    if (err) {
        return err;
    }
    err = list_from(writer, txn, number > 0 ? number : 1, each, context);
    gw_store_abort(txn);
    return err;
}

static enum gw_err drop_number(struct gw_queue_writer *writer, uint64_t number) {
    GW_CLEANUP(gw_store_cursor_closep) struct gw_store_cursor *cursor = NULL;
    enum gw_err err = gw_store_cursor_open(writer->txn, writer->tables.quarantine, &cursor);
    if (err) {
        return err;
    }
    struct gw_bytes key = {0}, value;
    err = gw_store_cursor_seek(cursor, GW_SEEK_AT_OR_AFTER, gw_store_key_u64(&number), &key,
                               &value);
    if (!err && queue_key_of(key) != number) {
        err = GW_ERR_NOENT;
    }
    return err ? err : drop_here(writer, cursor, value.len);
}

enum gw_err gw_queue_quarantine_drop(struct gw_queue_writer *writer, uint64_t number) {
    if (number == 0) {
        return GW_ERR_NOENT;
    }
    enum gw_err err = queue_begin(writer);
    if (err) {
        return err;
    }
    err = drop_number(writer, number);
    if (err && err != GW_ERR_NOENT) {
        return queue_fail(writer, err);
    }
    enum gw_err committed = queue_commit(writer);
    return committed ? committed : err;
}
