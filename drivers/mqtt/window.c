/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring with hash chains through it. Every pair has a position that counts up
 * for ever; its slot is position mod cap. A chain links a pair to the one before
 * it with the same hash, by position, always downwards, so a walk ends.
 *
 * Nothing is unlinked when the ring overwrites a pair: a walk that meets a slot
 * with another position than the one it came for has left the window, and
 * everything further down the chain is older still. A rollback goes from the
 * newest pair down and puts each chain's head back, which is exact.
 */
#include "drivers/mqtt/window.h"

#include <stdlib.h>
#include <string.h>

struct gw_window_pair {
    uint64_t key;
    uint64_t value;
    uint64_t position; /* plus 1; 0 = never used */
    uint64_t previous; /* plus 1; 0 = end of the chain */
};

static uint64_t head_of(const struct gw_window *window, uint64_t key) {
    return (key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (window->cap - 1);
}

enum gw_err gw_window_open(struct gw_window *window, size_t capacity) {
    uint64_t cap = 16;
    while (cap < capacity) {
        cap *= 2;
    }
    struct gw_window_pair *pairs = calloc(cap, sizeof *pairs);
    uint64_t *heads = calloc(cap, sizeof *heads);
    if (!pairs || !heads) {
        free(pairs);
        free(heads);
        return GW_ERR_NOMEM;
    }
    *window = (struct gw_window){.pairs = pairs, .heads = heads, .cap = cap, .limit = capacity};
    return GW_OK;
}

void gw_window_close(struct gw_window *window) {
    free(window->pairs);
    free(window->heads);
    *window = (struct gw_window){0};
}

void gw_window_clear(struct gw_window *window) {
    memset(window->pairs, 0, window->cap * sizeof *window->pairs);
    memset(window->heads, 0, window->cap * sizeof *window->heads);
}

void gw_window_add(struct gw_window *window, uint64_t key, uint64_t value) {
    uint64_t *head = &window->heads[head_of(window, key)];
    uint64_t position = window->next++;
    window->pairs[position & (window->cap - 1)] = (struct gw_window_pair){
        .key = key, .value = value, .position = position + 1, .previous = *head};
    *head = position + 1;
}

bool gw_window_find(const struct gw_window *window, uint64_t key, uint64_t *ret_value) {
    uint64_t at = window->heads[head_of(window, key)];
    while (at != 0) {
        const struct gw_window_pair *pair = &window->pairs[(at - 1) & (window->cap - 1)];
        if (pair->position != at || window->next - (at - 1) > window->limit) {
            return false;
        }
        if (pair->key == key) {
            *ret_value = pair->value;
            return true;
        }
        at = pair->previous;
    }
    return false;
}

void gw_window_skip(struct gw_window *window, uint64_t position) {
    window->next = position > window->next ? position : window->next;
}

uint64_t gw_window_position(const struct gw_window *window) {
    return window->next;
}

void gw_window_rollback(struct gw_window *window, uint64_t position) {
    while (window->next > position) {
        struct gw_window_pair *pair = &window->pairs[--window->next & (window->cap - 1)];
        if (pair->position == window->next + 1) {
            window->heads[head_of(window, pair->key)] = pair->previous;
            *pair = (struct gw_window_pair){0};
        }
    }
    /* Pairs that the rolled-back ones had overwritten could not put their heads
     * back. Such a head would come to point at a pair that is yet to be added. */
    for (uint64_t i = 0; i < window->cap; i++) {
        if (window->heads[i] > window->next) {
            window->heads[i] = 0;
        }
    }
}
