/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can still be read of a damaged store.
 *
 * First along the trees: a damaged page costs what hangs below it. Then the
 * orphans of a damaged branch: leaf pages that are neither claimed by a tree nor
 * on the free list. That second step needs the whole free list, because a free
 * page may hold an event that was never committed, and its sequence may since
 * have been given to another event: an old content under a valid checksum. If
 * the free list is damaged, or the newest root was lost, there is no such step.
 */
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/store/page.h"
#include "firmware/store/store.h"

#define MAX_TREES 128
#define NAME_MAX_BYTES 64

struct named_tree {
    char name[NAME_MAX_BYTES];
    size_t name_len;
    struct page_tree tree;
};

struct salvage {
    struct page_file *file;
    gw_store_salvaged *each;
    void *context;
    struct gw_str table; /* of the walk under way */
    struct named_tree *trees;
    size_t tree_count;
    bool free_list_whole;
};

static bool hand_out(void *context, const struct page_node *node, struct gw_bytes value) {
    struct salvage *salvage = context;
    return salvage->each(salvage->context, salvage->table, node->key, value);
}

static bool root_entry(void *context, const struct page_node *node, struct gw_bytes value) {
    struct salvage *salvage = context;
    if (!(node->flags & NODE_TREE)) {
        return hand_out(context, node, value);
    }
    if (value.len == TREE_BYTES && node->key.len < NAME_MAX_BYTES
        && salvage->tree_count < MAX_TREES) {
        struct named_tree *named = &salvage->trees[salvage->tree_count++];
        memcpy(named->name, node->key.ptr, node->key.len);
        named->name_len = node->key.len;
        named->tree = gw_page_tree_parse(value.ptr);
    }
    return true;
}

static enum gw_err walk_tables(struct salvage *salvage) {
    struct page_walk walk = {.file = salvage->file,
                             .claim = true,
                             .with_big = true,
                             .entry = root_entry,
                             .context = salvage};
    salvage->table = GW_STR(GW_STORE_ROOT_NAME);
    enum gw_err err = gw_page_walk(&walk, &salvage->file->newest->tables);
    walk.entry = hand_out;
    for (size_t i = 0; !err && i < salvage->tree_count; i++) {
        struct named_tree *named = &salvage->trees[i];
        salvage->table = (struct gw_str){named->name, named->name_len};
        err = gw_page_walk(&walk, &named->tree);
    }
    return err;
}

/* ---- orphans ---- */

static bool claim_free(void *context, const struct page_node *node, struct gw_bytes value) {
    struct salvage *salvage = context;
    uint64_t count = 0, number;
    (void) node;
    if (value.len < sizeof(count)) {
        return false;
    }
    memcpy(&count, value.ptr, sizeof(count));
    if (count > value.len / sizeof(number) - 1) {
        return false;
    }
    for (uint64_t i = 1; i <= count; i++) {
        memcpy(&number, value.ptr + i * sizeof(number), sizeof(number));
        if (!gw_page_claim(salvage->file, number, 1)) {
            return false;
        }
    }
    return true;
}

/* Both roots must be there: with one of them lost this may be an older state,
 * whose free list says nothing about the pages of the lost newer one. */
static bool claim_free_list(struct salvage *salvage) {
    struct page_file *file = salvage->file;
    struct page_tree tree = file->newest->free_pages;
    tree.flags = TREE_INTEGER_KEYS;
    if (!file->roots[0].valid || !file->roots[1].valid) {
        return false;
    }
    struct page_walk walk = {.file = file, .strict = true, .claim = true};
    if (gw_page_walk(&walk, &tree)) {
        return false;
    }
    walk = (struct page_walk){.file = file,
                              .strict = true,
                              .with_big = true,
                              .entry = claim_free,
                              .context = salvage};
    return gw_page_walk(&walk, &tree) == GW_OK;
}

static enum gw_err hand_out_orphan(struct salvage *salvage, const uint8_t *page) {
    unsigned count = gw_page_node_count(page);
    for (unsigned i = 0; i < count; i++) {
        if (!gw_page_node_is_whole(page, salvage->file->page_bytes, i)) {
            continue;
        }
        struct page_node node = gw_page_node_at(page, i);
        struct gw_bytes value;
        enum gw_err err = node.flags & NODE_TREE ? GW_ERR_CORRUPT
                                                 : gw_page_value(salvage->file, &node, &value);
        if (err == GW_ERR_CORRUPT) {
            continue;
        }
        if (err) {
            return err;
        }
        if (!hand_out(salvage, &node, value)) {
            return GW_ERR_BUSY;
        }
    }
    return GW_OK;
}

static enum gw_err walk_orphans(struct salvage *salvage) {
    struct page_file *file = salvage->file;
    uint8_t *page = file->levels;
    uint64_t pages = file->file_bytes / file->page_bytes;
    uint64_t end = file->newest->last_page < pages ? file->newest->last_page + 1 : pages;
    salvage->table = (struct gw_str){0};
    for (uint64_t number = PAGE_ROOTS; number < end; number++) {
        if (gw_page_is_claimed(file, number) || gw_page_read(file, number, page)
            || gw_page_check_head(page, file->page_bytes, number)
            || gw_page_flags(page) != PAGE_LEAF) {
            continue;
        }
        enum gw_err err = hand_out_orphan(salvage, page);
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

enum gw_err gw_store_salvage(const char *path, gw_store_salvaged *each, void *context) {
    GW_CLEANUP(gw_page_file_close) struct page_file file;
    enum gw_err err = gw_page_file_open(path, false, &file);
    if (err) {
        return err;
    }
    GW_CLEANUP(gw_freep) struct named_tree *trees = calloc(MAX_TREES, sizeof(*trees));
    if (!trees) {
        return GW_ERR_NOMEM;
    }
    struct salvage salvage = {.file = &file, .each = each, .context = context, .trees = trees};
    err = walk_tables(&salvage);
    if (!err && claim_free_list(&salvage)) {
        err = walk_orphans(&salvage);
    }
    return err == GW_ERR_BUSY ? GW_OK : err;
}
