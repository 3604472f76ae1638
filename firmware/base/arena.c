/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/base/arena.h"

#include <string.h>

void gw_arena_init(struct gw_arena *arena, void *storage, size_t cap) {
    *arena = (struct gw_arena){.data = storage, .cap = cap};
}

void gw_arena_reset(struct gw_arena *arena) {
    arena->used = 0;
}

void *gw_arena_alloc(struct gw_arena *arena, size_t size) {
    /* The storage itself may stand anywhere: align the address, not the offset. */
    uintptr_t next = (uintptr_t) arena->data + arena->used;
    size_t padding = (size_t) (-next & (_Alignof(max_align_t) - 1));
    size_t left = arena->cap - arena->used;
    if (padding > left || size > left - padding) {
        return NULL;
    }
    uint8_t *piece = arena->data + arena->used + padding;
    arena->used += padding + size;
    memset(piece, 0, size);
    return piece;
}

enum gw_err gw_arena_copy_str(struct gw_arena *arena, struct gw_str s,
                              struct gw_str *ret_copy) {
    if (s.len == SIZE_MAX) {
        return GW_ERR_FULL;
    }
    char *copy = gw_arena_alloc(arena, s.len + 1);
    if (!copy) {
        return GW_ERR_FULL;
    }
    if (s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    *ret_copy = (struct gw_str){copy, s.len};
    return GW_OK;
}
