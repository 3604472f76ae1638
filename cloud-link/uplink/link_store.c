/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud-link/uplink/link_store.h"

#include <string.h>

#include "cloud-link/uplink/letter_codec.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "firmware/store/store.h"

#define MAP_BYTES (UINT64_C(32) << 20)
#define FORMAT_VERSION 1
/* Of the store, what letters may use. */
#define LETTERS_PERCENT 80

struct gw_link_store {
    struct gw_store *store;
    struct gw_store_txn *change; /* the open one, or NULL */
    struct gw_table cursors, letters, marks;
    bool is_new;
    bool is_measured; /* room is that of the open change */
    uint64_t room;    /* bytes new letters may still use */
    uint8_t value[GW_LETTER_VALUE_MAX];
};

/* ---- opening ---- */

static enum gw_err open_tables(struct gw_link_store *store, struct gw_store_txn *txn) {
    enum gw_err err = gw_store_table(txn, "cursor", false, &store->cursors);
    if (err) {
        return err;
    }
    err = gw_store_table(txn, "letter", false, &store->letters);
    if (err) {
        return err;
    }
    return gw_store_table(txn, "mark", false, &store->marks);
}

static enum gw_err check_format(struct gw_link_store *store) {
    uint64_t version;
    enum gw_err err = gw_link_store_get_mark(store, GW_STR(""), GW_STR("format"), &version);
    if (err == GW_ERR_NOENT) {
        store->is_new = true;
        return gw_link_store_put_mark(store, GW_STR(""), GW_STR("format"), FORMAT_VERSION);
    }
    if (err) {
        return err;
    }
    return version > FORMAT_VERSION ? GW_ERR_SCHEMA : GW_OK;
}

GW_DEFINE_CLEANUP(struct gw_link_store *, gw_link_store_close, closep)

enum gw_err gw_link_store_open(const char *path, struct gw_link_store **ret_store) {
    return gw_link_store_open_probed(path, NULL, ret_store);
}

enum gw_err gw_link_store_open_probed(const char *path, const struct gw_store_probe *probe,
                                      struct gw_link_store **ret_store) {
    GW_CLEANUP(closep) struct gw_link_store *store = calloc(1, sizeof(*store));
    if (!store) {
        return GW_ERR_NOMEM;
    }
    struct gw_store_options options = {
        .path = path, .map_bytes = MAP_BYTES, .max_tables = 8, .probe = probe};
    enum gw_err err = gw_store_open(&options, &store->store);
    if (err) {
        return err;
    }
    err = gw_link_store_begin(store);
    if (err) {
        return err;
    }
    err = open_tables(store, store->change);
    if (err) {
        return err;
    }
    err = check_format(store);
    if (err) {
        return err;
    }
    err = gw_link_store_commit(store);
    if (err) {
        return err;
    }
    *ret_store = GW_TAKE(store);
    return GW_OK;
}

void gw_link_store_close(struct gw_link_store *store) {
    if (store) {
        gw_link_store_abort(store);
        gw_store_close(store->store);
        free(store);
    }
}

bool gw_link_store_is_new(const struct gw_link_store *store) {
    return store->is_new;
}

/* ---- changes ---- */

enum gw_err gw_link_store_begin(struct gw_link_store *store) {
    if (store->change) {
        return GW_ERR_INVALID;
    }
    store->is_measured = false;
    return gw_store_begin(store->store, true, &store->change);
}

enum gw_err gw_link_store_commit(struct gw_link_store *store) {
    struct gw_store_txn *change = GW_TAKE(store->change);
    return change ? gw_store_commit(change) : GW_ERR_INVALID;
}

void gw_link_store_abort(struct gw_link_store *store) {
    struct gw_store_txn *change = GW_TAKE(store->change);
    if (change) {
        gw_store_abort(change);
    }
}

static void abortp(struct gw_store_txn **txn) {
    if (*txn) {
        gw_store_abort(*txn);
    }
}

/* The open change, or a read transaction that *ret_own holds for the caller. */
static enum gw_err reading(struct gw_link_store *store, struct gw_store_txn **ret_own,
                           struct gw_store_txn **ret_txn) {
    if (store->change) {
        *ret_txn = store->change;
        return GW_OK;
    }
    enum gw_err err = gw_store_begin(store->store, false, ret_own);
    if (err) {
        return err;
    }
    *ret_txn = *ret_own;
    return GW_OK;
}

/* ---- numbers ---- */

static enum gw_err get_u64(struct gw_link_store *store, struct gw_table table,
                           struct gw_bytes key, uint64_t *ret_value) {
    GW_CLEANUP(abortp) struct gw_store_txn *own = NULL;
    struct gw_store_txn *txn;
    struct gw_bytes value;
    enum gw_err err = reading(store, &own, &txn);
    if (err) {
        return err;
    }
    err = gw_store_get(txn, table, key, &value);
    if (err) {
        return err;
    }
    if (value.len != sizeof(*ret_value)) {
        return GW_ERR_CORRUPT;
    }
    memcpy(ret_value, value.ptr, sizeof(*ret_value));
    return GW_OK;
}

static enum gw_err put_u64(struct gw_link_store *store, struct gw_table table,
                           struct gw_bytes key, uint64_t value) {
    if (!store->change) {
        return GW_ERR_INVALID;
    }
    struct gw_bytes bytes = {(const uint8_t *) &value, sizeof(value)};
    return gw_store_put(store->change, table, key, bytes);
}

enum gw_err gw_link_store_get_cursor(struct gw_link_store *store,
                                     const struct gw_letter_key *key, uint64_t *ret_cursor) {
    uint8_t bytes[GW_LETTER_KEY_MAX];
    return get_u64(store, store->cursors, gw_cursor_key_encode(key, bytes), ret_cursor);
}

enum gw_err gw_link_store_put_cursor(struct gw_link_store *store,
                                     const struct gw_letter_key *key, uint64_t cursor) {
    uint8_t bytes[GW_LETTER_KEY_MAX];
    return put_u64(store, store->cursors, gw_cursor_key_encode(key, bytes), cursor);
}

enum gw_err gw_link_store_get_mark(struct gw_link_store *store, struct gw_str sink,
                                   struct gw_str name, uint64_t *ret_value) {
    uint8_t bytes[GW_LETTER_KEY_MAX];
    return get_u64(store, store->marks, gw_mark_key_encode(sink, name, bytes), ret_value);
}

enum gw_err gw_link_store_put_mark(struct gw_link_store *store, struct gw_str sink,
                                   struct gw_str name, uint64_t value) {
    uint8_t bytes[GW_LETTER_KEY_MAX];
    return put_u64(store, store->marks, gw_mark_key_encode(sink, name, bytes), value);
}

/* ---- letters ---- */

/* As of the last commit. */
static enum gw_err measure(struct gw_link_store *store, uint64_t *ret_room) {
    struct gw_store_figures figures;
    enum gw_err err = gw_store_get_figures(store->store, &figures);
    if (err) {
        return err;
    }
    uint64_t used = figures.used_bytes - figures.reusable_bytes;
    uint64_t allowed = figures.map_bytes / 100 * LETTERS_PERCENT;
    *ret_room = used < allowed ? allowed - used : 0;
    return GW_OK;
}

/* A value takes pages of its own, or at worst half of one is left empty. */
static uint64_t cost_of(size_t len) {
    return 2 * (uint64_t) len;
}

/* FULL if a new letter of `len` bytes would use what is kept for the rest. */
static enum gw_err take_room(struct gw_link_store *store, struct gw_bytes key, size_t len) {
    struct gw_bytes old;
    if (!store->is_measured) {
        enum gw_err err = measure(store, &store->room);
        if (err) {
            return err;
        }
        store->is_measured = true;
    }
    if (gw_store_get(store->change, store->letters, key, &old) == GW_OK) {
        return GW_OK;
    }
    if (store->room < cost_of(len)) {
        return GW_ERR_FULL;
    }
    store->room -= cost_of(len);
    return GW_OK;
}

bool gw_link_store_has_room(struct gw_link_store *store) {
    uint64_t room = 0;
    return !store->change && measure(store, &room) == GW_OK
           && room >= cost_of(GW_LETTER_VALUE_MAX);
}

enum gw_err gw_link_store_put_letter(struct gw_link_store *store,
                                     const struct gw_letter_key *key,
                                     const struct gw_letter *letter) {
    uint8_t bytes[GW_LETTER_KEY_MAX];
    if (!store->change) {
        return GW_ERR_INVALID;
    }
    size_t len = gw_letter_encode(letter, store->value);
    struct gw_bytes encoded = gw_letter_key_encode(key, bytes);
    enum gw_err err = take_room(store, encoded, len);
    if (err) {
        return err;
    }
    return gw_store_put(store->change, store->letters, encoded,
                        (struct gw_bytes){store->value, len});
}

static enum gw_err copy_text(struct gw_buf *storage, struct gw_str *text) {
    size_t at = storage->len;
    if (!gw_buf_put_str(storage, *text)) {
        return GW_ERR_FULL;
    }
    *text = (struct gw_str){(const char *) storage->data + at, text->len};
    return GW_OK;
}

enum gw_err gw_link_store_get_letter(struct gw_link_store *store,
                                     const struct gw_letter_key *key, struct gw_buf *storage,
                                     struct gw_letter *ret_letter) {
    GW_CLEANUP(abortp) struct gw_store_txn *own = NULL;
    struct gw_store_txn *txn;
    uint8_t bytes[GW_LETTER_KEY_MAX];
    struct gw_bytes value;
    struct gw_letter letter;
    enum gw_err err = reading(store, &own, &txn);
    if (err) {
        return err;
    }
    err = gw_store_get(txn, store->letters, gw_letter_key_encode(key, bytes), &value);
    if (err) {
        return err;
    }
    err = gw_letter_decode(value, &letter);
    if (err) {
        return err;
    }
    struct gw_str *texts[] = {&letter.type, &letter.code, &letter.detail, &letter.event};
    for (size_t i = 0; i < GW_ARRAY_LEN(texts); i++) {
        err = copy_text(storage, texts[i]);
        if (err) {
            return err;
        }
    }
    *ret_letter = letter;
    return GW_OK;
}

enum gw_err gw_link_store_del_letter(struct gw_link_store *store,
                                     const struct gw_letter_key *key) {
    uint8_t bytes[GW_LETTER_KEY_MAX];
    if (!store->change) {
        return GW_ERR_INVALID;
    }
    return gw_store_del(store->change, store->letters, gw_letter_key_encode(key, bytes));
}

static void cursor_closep(struct gw_store_cursor **cursor) {
    if (*cursor) {
        gw_store_cursor_close(*cursor);
    }
}

static enum gw_err walk(struct gw_store_cursor *cursor, const struct gw_letter_key *from,
                        gw_letter_each *each, void *context) {
    uint8_t bytes[GW_LETTER_KEY_MAX];
    struct gw_bytes start = gw_letter_key_encode(from, bytes);
    enum gw_store_seek seek = GW_SEEK_AT_OR_AFTER;
    for (;;) {
        struct gw_bytes key, value;
        struct gw_letter_key found;
        struct gw_letter letter;
        enum gw_err err = gw_store_cursor_seek(cursor, seek, start, &key, &value);
        if (err) {
            return err == GW_ERR_NOENT ? GW_OK : err;
        }
        seek = GW_SEEK_NEXT;
        err = gw_letter_key_decode(key, &found);
        if (err) {
            return err;
        }
        if (!gw_str_eq(found.sink, from->sink)) {
            return GW_OK;
        }
        err = gw_letter_decode(value, &letter);
        if (err) {
            return err;
        }
        if (!each(context, &found, &letter)) {
            return GW_OK;
        }
    }
}

enum gw_err gw_link_store_each_letter(struct gw_link_store *store,
                                      const struct gw_letter_key *from, gw_letter_each *each,
                                      void *context) {
    GW_CLEANUP(abortp) struct gw_store_txn *own = NULL;
    GW_CLEANUP(cursor_closep) struct gw_store_cursor *cursor = NULL;
    struct gw_store_txn *txn;
    enum gw_err err = reading(store, &own, &txn);
    if (err) {
        return err;
    }
    err = gw_store_cursor_open(txn, store->letters, &cursor);
    if (err) {
        return err;
    }
    return walk(cursor, from, each, context);
}
