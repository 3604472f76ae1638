/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/backlog.h"

#include <stdlib.h>
#include <string.h>

enum gw_err gw_backlog_open(struct gw_backlog *backlog, size_t capacity, size_t byte_count) {
    struct gw_backlog_entry *slots = calloc(capacity, sizeof *slots);
    uint8_t *bytes = calloc(1, byte_count);
    if (!slots || !bytes) {
        free(slots);
        free(bytes);
        return GW_ERR_NOMEM;
    }
    *backlog = (struct gw_backlog){
        .slots = slots, .capacity = capacity, .bytes = bytes, .byte_count = byte_count};
    return GW_OK;
}

void gw_backlog_close(struct gw_backlog *backlog) {
    free(backlog->slots);
    free(backlog->bytes);
    *backlog = (struct gw_backlog){0};
}

static struct gw_backlog_entry *slot_at(const struct gw_backlog *backlog, uint64_t position) {
    return &backlog->slots[position % backlog->capacity];
}

size_t gw_backlog_count(const struct gw_backlog *backlog) {
    return (size_t) (backlog->pushed - backlog->first);
}

bool gw_backlog_has_units(const struct gw_backlog *backlog) {
    return backlog->told != backlog->submitted;
}

/* Bytes of an entry stand together: text, then raw. */
static size_t offset_of(const struct gw_backlog *backlog,
                        const struct gw_backlog_entry *entry) {
    return (size_t) ((const uint8_t *) entry->text.ptr - backlog->bytes);
}

/* Entries may change places (see above), bytes do not: the oldest bytes are those of
 * the lowest number. */
static size_t tail_of(const struct gw_backlog *backlog) {
    const struct gw_backlog_entry *oldest = slot_at(backlog, backlog->first);
    for (uint64_t at = backlog->first + 1; at < backlog->pushed; at++) {
        const struct gw_backlog_entry *entry = slot_at(backlog, at);
        oldest = entry->number < oldest->number ? entry : oldest;
    }
    return offset_of(backlog, oldest);
}

/* `len` bytes in one piece, NULL if there are none. At least one byte is kept free,
 * so that a full ring differs from an empty one. */
static uint8_t *take_bytes(struct gw_backlog *backlog, size_t len) {
    if (gw_backlog_count(backlog) == 0) {
        backlog->head = 0;
        return len < backlog->byte_count ? backlog->bytes : NULL;
    }
    size_t tail = tail_of(backlog);
    if (backlog->head >= tail) {
        if (backlog->byte_count - backlog->head > len) {
            return backlog->bytes + backlog->head;
        }
        return tail > len ? backlog->bytes : NULL;
    }
    return tail - backlog->head > len ? backlog->bytes + backlog->head : NULL;
}

enum gw_err gw_backlog_push(struct gw_backlog *backlog, const struct gw_backlog_entry *entry) {
    size_t len = entry->text.len + entry->raw.len;
    if (gw_backlog_count(backlog) == backlog->capacity) {
        return GW_ERR_FULL;
    }
    uint8_t *bytes = take_bytes(backlog, len);
    if (!bytes) {
        return GW_ERR_FULL;
    }
    if (entry->text.len > 0) {
        memcpy(bytes, entry->text.ptr, entry->text.len);
    }
    if (entry->raw.len > 0) {
        memcpy(bytes + entry->text.len, entry->raw.ptr, entry->raw.len);
    }
    backlog->head = (size_t) (bytes - backlog->bytes) + len;
    backlog->used += len;
    struct gw_backlog_entry *slot = slot_at(backlog, backlog->pushed);
    *slot = *entry;
    slot->number = backlog->pushed++;
    slot->text.ptr = (const char *) bytes;
    slot->raw.ptr = bytes + entry->text.len;
    return GW_OK;
}

const struct gw_backlog_entry *gw_backlog_next(struct gw_backlog *backlog) {
    /* All that is in units is told, and the oldest of it failed: so did all of it. */
    if (backlog->told == backlog->submitted) {
        backlog->told = backlog->submitted = backlog->first;
    }
    return backlog->submitted == backlog->pushed ? NULL : slot_at(backlog, backlog->submitted);
}

/* Put the one at `submitted` before all others. */
static void move_to_front(struct gw_backlog *backlog) {
    struct gw_backlog_entry moved = *slot_at(backlog, backlog->submitted);
    for (uint64_t at = backlog->submitted; at > backlog->first; at--) {
        *slot_at(backlog, at) = *slot_at(backlog, at - 1);
    }
    *slot_at(backlog, backlog->first) = moved;
}

void gw_backlog_submitted(struct gw_backlog *backlog) {
    if (backlog->told == backlog->first) {
        backlog->submitted++;
        return;
    }
    move_to_front(backlog);
    backlog->told = backlog->first;
    backlog->submitted = backlog->first + 1;
}

/* The one at `first` goes. */
static void pop(struct gw_backlog *backlog) {
    const struct gw_backlog_entry *entry = slot_at(backlog, backlog->first);
    backlog->used -= entry->text.len + entry->raw.len;
    backlog->first++;
}

void gw_backlog_drop(struct gw_backlog *backlog) {
    move_to_front(backlog);
    pop(backlog);
    backlog->told++;
    backlog->submitted++;
}

void gw_backlog_completed(struct gw_backlog *backlog, enum gw_err err) {
    if (!err && backlog->told == backlog->first) {
        pop(backlog);
    }
    backlog->told++;
}
