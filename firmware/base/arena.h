/* SPDX-License-Identifier: Apache-2.0 */
/* A fixed arena: allocations of one task, released together by a reset. */
#ifndef GW_BASE_ARENA_H
#define GW_BASE_ARENA_H

#include "firmware/base/str.h"

struct gw_arena {
    uint8_t *data;
    size_t used;
    size_t cap;
};

/* Use `storage` of `cap` bytes; it must outlive the arena. */
void gw_arena_init(struct gw_arena *arena, void *storage, size_t cap);
/* Forget all allocations; views into them become invalid. */
void gw_arena_reset(struct gw_arena *arena);
/* `size` zeroed bytes aligned for any type, or NULL when the arena is full. */
void *gw_arena_alloc(struct gw_arena *arena, size_t size);
/* Copy of s with a NUL behind it. FULL. Lives as long as the arena's content. */
enum gw_err gw_arena_copy_str(struct gw_arena *arena, struct gw_str s, struct gw_str *ret_copy);

#endif
