/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check before LMDB may map a file.
 *
 * Why: LMDB 0.9 has no checksums. A flipped bit in a page header or node length
 * is an out-of-bounds copy, in a page number a write over live data, in a root a
 * step back in time. What passes here is a set of trees in which every page is
 * used exactly once, so LMDB's own arithmetic stays in bounds and nothing it
 * allocates is in use.
 *
 * Order: the trees claim their pages first, then the free list must name only
 * unclaimed ones. The cost is one read of the used part of the file: about a
 * second for a gigabyte on eMMC, less from the page cache.
 */
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/store/page.h"
#include "firmware/store/store.h"

#define MAX_TREES 128

struct tree_list {
    struct page_tree trees[MAX_TREES];
    size_t count;
    bool failed;
};

/* An entry of the table of tables: another tree, or a plain small value. */
static bool note_tree(void *context, const struct page_node *node, struct gw_bytes value) {
    struct tree_list *list = context;
    if (!(node->flags & NODE_TREE)) {
        return true;
    }
    if (value.len != TREE_BYTES || list->count == MAX_TREES) {
        list->failed = true;
        return false;
    }
    list->trees[list->count++] = gw_page_tree_parse(value.ptr);
    return true;
}

static bool refuse_tree(void *context, const struct page_node *node, struct gw_bytes value) {
    (void) context;
    (void) value;
    return !(node->flags & NODE_TREE);
}

/* One record of the free list: count, then page numbers in descending order. */
static bool claim_free(void *context, const struct page_node *node, struct gw_bytes value) {
    struct page_file *file = context;
    uint64_t count, transaction, number, above = UINT64_MAX;
    memcpy(&transaction, node->key.ptr, sizeof(transaction));
    if (value.len < sizeof(count) || transaction > file->newest->transaction) {
        return false;
    }
    memcpy(&count, value.ptr, sizeof(count));
    if (count > value.len / sizeof(number) - 1) {
        return false;
    }
    for (uint64_t i = 1; i <= count; i++) {
        memcpy(&number, value.ptr + i * sizeof(number), sizeof(number));
        if (number >= above || !gw_page_claim(file, number, 1)) {
            return false;
        }
        above = number;
    }
    return true;
}

/* A refusal by one of the callbacks above means damage. */
static enum gw_err refused_is_corrupt(enum gw_err err) {
    return err == GW_ERR_BUSY ? GW_ERR_CORRUPT : err;
}

static enum gw_err check_tables(struct page_file *file) {
    struct tree_list list = {.count = 0};
    struct page_walk walk = {
        .file = file, .strict = true, .claim = true, .entry = note_tree, .context = &list};
    enum gw_err err = gw_page_walk(&walk, &file->newest->tables);
    if (err) {
        return refused_is_corrupt(err);
    }
    walk.entry = refuse_tree;
    for (size_t i = 0; i < list.count; i++) {
        err = gw_page_walk(&walk, &list.trees[i]);
        if (err) {
            return refused_is_corrupt(err);
        }
    }
    return GW_OK;
}

static bool note_last(void *context, const struct page_node *node, struct gw_bytes value) {
    (void) value;
    memcpy(context, node->key.ptr, sizeof(uint64_t));
    return true;
}

/* Every commit but the first frees at least the former root of the table of
 * tables, so the free list of a root ends with the root's own transaction. This
 * is the one thing that tells a root whose number was flipped, and that would
 * take the store back or bring an older state to the fore. The pages of the older
 * root stand untouched until the next commit; if they are damaged, nothing but
 * their use as a witness is lost. */
static enum gw_err check_root_numbers(struct page_file *file) {
    for (int i = 0; i < PAGE_ROOTS; i++) {
        const struct page_root *root = &file->roots[i];
        struct page_tree tree = root->free_pages;
        tree.flags = TREE_INTEGER_KEYS;
        uint64_t last = 0;
        struct page_walk walk = {
            .file = file, .strict = true, .entry = note_last, .context = &last};
        if (root->transaction < 2) {
            continue;
        }
        enum gw_err err = gw_page_walk(&walk, &tree);
        if (err && err != GW_ERR_CORRUPT) {
            return err;
        }
        if (!err && last != root->transaction) {
            return GW_ERR_CORRUPT;
        }
    }
    return GW_OK;
}

static enum gw_err check_free_pages(struct page_file *file) {
    struct page_tree tree = file->newest->free_pages;
    tree.flags = TREE_INTEGER_KEYS;
    struct page_walk walk = {.file = file, .strict = true, .claim = true};
    enum gw_err err = gw_page_walk(&walk, &tree);
    if (err) {
        return err;
    }
    walk = (struct page_walk){
        .file = file, .strict = true, .with_big = true, .entry = claim_free, .context = file};
    return refused_is_corrupt(gw_page_walk(&walk, &tree));
}

enum gw_err gw_store_check_roots(const char *path) {
    GW_CLEANUP(gw_page_file_close) struct page_file file;
    enum gw_err err = gw_page_file_open(path, true, &file);
    return err ? err : check_root_numbers(&file);
}

enum gw_err gw_store_check_file(const char *folder) {
    GW_CLEANUP(gw_page_file_close) struct page_file file;
    enum gw_err err = gw_page_file_open(folder, true, &file);
    if (err) {
        return err;
    }
    err = check_root_numbers(&file);
    if (!err) {
        err = check_tables(&file);
    }
    return err ? err : check_free_pages(&file);
}
