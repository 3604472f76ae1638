/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store that cannot be used is renamed, never deleted, and what it still says of
 * itself is read first: its epoch and heads go into the new epoch as those of its
 * predecessor. They are exact if both roots of the file are sound, because the
 * books are part of every commit; from a damaged root they may be some commits old.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/queue/queue_internal.h"

#define MAX_NAMES 100

struct examination {
    struct books books;
    bool has_books, has_epoch;
};

static bool note(void *context, struct gw_str table, struct gw_bytes key,
                 struct gw_bytes value) {
    struct examination *found = context;
    if (gw_str_eq(table, GW_STR(GW_STORE_ROOT_NAME))
        && gw_str_eq(gw_str_from_bytes(key), GW_STR(QUEUE_ROOT_BOOKS))) {
        found->has_books = queue_books_decode(value, &found->books) == GW_OK;
    }
    if (gw_str_eq(table, GW_STR("epochs")) && key.len == 1
        && key.ptr[0] == GW_EPOCH_INDEX_OWN) {
        struct epoch_books epoch = {.index = GW_EPOCH_INDEX_OWN};
        if (!queue_epoch_decode(value, &epoch)) {
            found->books.epochs[0].epoch = epoch.epoch;
            found->has_epoch = true;
        }
    }
    /* The books stand in the root table and the epochs' name sorts before all
     * logs, so the walk ends long before the bulk of the file. */
    return !(found->has_books && found->has_epoch);
}

void queue_aside_examine(const char *path, struct gw_queue_opening *opening) {
    GW_CLEANUP(gw_freep) struct examination *found = calloc(1, sizeof(*found));
    if (!found || gw_store_salvage(path, note, found) || !found->has_epoch) {
        return;
    }
    opening->has_previous = true;
    opening->previous_exact = found->has_books && gw_store_check_roots(path) == GW_OK;
    opening->previous_epoch = found->books.epochs[0].epoch;
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        opening->previous_heads[i] =
            found->has_books ? found->books.epochs[0].classes[i].last : 0;
    }
}

/* "20261123T071400Z" */
static void put_compact_time(struct gw_buf *buf, int64_t wall_ms) {
    uint8_t storage[GW_TIME_TEXT_LEN + 1];
    struct gw_buf text;
    gw_buf_init(&text, storage, sizeof(storage));
    (void) gw_time_put(&text, wall_ms);
    for (size_t i = 0; i < text.len && storage[i] != '.'; i++) {
        if (storage[i] != '-' && storage[i] != ':') {
            gw_buf_put_char(buf, (char) storage[i]);
        }
    }
    gw_buf_put_char(buf, 'Z');
}

static enum gw_err aside_name(const char *path, int64_t wall_ms, int number, char *dst,
                              size_t dst_size) {
    struct gw_buf buf;
    gw_buf_init(&buf, dst, dst_size - 1);
    gw_buf_put_str(&buf, gw_str_from_cstr(path));
    gw_buf_put_str(&buf, GW_STR(".aside-"));
    put_compact_time(&buf, wall_ms);
    if (number > 0) {
        gw_buf_put_char(&buf, '-');
        gw_buf_put_i64(&buf, number + 1);
    }
    dst[buf.len] = '\0';
    return gw_buf_failed(&buf) ? GW_ERR_RANGE : GW_OK;
}

enum gw_err queue_aside_move(const char *path, int64_t wall_ms,
                             struct gw_queue_opening *opening) {
    for (int i = 0; i < MAX_NAMES; i++) {
        char name[sizeof(opening->set_aside_path)];
        struct stat st;
        enum gw_err err = aside_name(path, wall_ms, i, name, sizeof(name));
        if (err) {
            return err;
        }
        /* rename(2) would replace an empty folder of that name. */
        if (lstat(name, &st) == 0) {
            continue;
        }
        if (rename(path, name) != 0) {
            return gw_err_from_errno(errno);
        }
        /* Made durable by the flush of the new store's parent folder. */
        memcpy(opening->set_aside_path, name, sizeof(name));
        return GW_OK;
    }
    return GW_ERR_DUPLICATE;
}
