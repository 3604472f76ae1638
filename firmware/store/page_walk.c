/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over one tree, root first, in key order.
 *
 * Strict, it checks what LMDB relies on: each page is where its number says, is
 * seen once, all leaves lie equally deep, keys rise strictly through the whole
 * tree, the key that a branch keeps for a child separates it from its neighbour,
 * and the tree has as many entries as its description says. The last one also
 * finds a page that still holds an older, in itself sound, content.
 *
 * Tolerant, a page whose head is wrong is left out with all below it, a node that
 * is not whole or whose value cannot be read is left out alone. Claims end loops.
 */
#include <string.h>

#include "firmware/store/page.h"

#define KEY_MAX_BYTES 511 /* LMDB's limit as Debian builds it */

struct descent {
    struct page_walk *walk;
    const struct page_tree *tree;
    uint64_t entries;
    bool has_previous, has_bound;
    size_t previous_len, bound_len;
    uint8_t previous[KEY_MAX_BYTES]; /* last key seen */
    uint8_t bound[KEY_MAX_BYTES];    /* the next key is not below this */
};

static int compare(const struct page_tree *tree, struct gw_bytes a, struct gw_bytes b) {
    if (tree->flags & TREE_INTEGER_KEYS) {
        uint64_t x, y;
        memcpy(&x, a.ptr, sizeof(x));
        memcpy(&y, b.ptr, sizeof(y));
        return x < y ? -1 : x > y;
    }
    size_t len = a.len < b.len ? a.len : b.len;
    int order = memcmp(a.ptr, b.ptr, len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool key_is_whole(const struct page_tree *tree, struct gw_bytes key) {
    return tree->flags & TREE_INTEGER_KEYS ? key.len == sizeof(uint64_t)
                                           : key.len > 0 && key.len <= KEY_MAX_BYTES;
}

/* `key` of an entry: above the last one and not below the bound. */
static bool entry_is_in_order(struct descent *d, struct gw_bytes key) {
    struct gw_bytes previous = {d->previous, d->previous_len};
    struct gw_bytes bound = {d->bound, d->bound_len};
    if (!key_is_whole(d->tree, key) || (d->has_previous && compare(d->tree, previous, key) >= 0)
        || (d->has_bound && compare(d->tree, key, bound) < 0)) {
        return false;
    }
    memcpy(d->previous, key.ptr, key.len);
    d->previous_len = key.len;
    d->has_previous = true;
    d->has_bound = false;
    return true;
}

/* `key` of a branch for the child to come: above all before it. */
static bool bound_is_in_order(struct descent *d, struct gw_bytes key) {
    struct gw_bytes previous = {d->previous, d->previous_len};
    if (!key_is_whole(d->tree, key)
        || (d->has_previous && compare(d->tree, previous, key) >= 0)) {
        return false;
    }
    memcpy(d->bound, key.ptr, key.len);
    d->bound_len = key.len;
    d->has_bound = true;
    return true;
}

/* A fault ends a strict walk; a tolerant one counts it and goes on. */
static enum gw_err fault(struct descent *d, enum gw_err err) {
    if (d->walk->strict || (err != GW_ERR_CORRUPT && err != GW_OK)) {
        return err;
    }
    d->walk->skips++;
    return GW_OK;
}

static enum gw_err visit_entry(struct descent *d, const struct page_node *node) {
    struct page_walk *walk = d->walk;
    d->entries++;
    if (walk->strict && !entry_is_in_order(d, node->key)) {
        return GW_ERR_CORRUPT;
    }
    struct gw_bytes value = node->value;
    enum gw_err err = GW_OK;
    if (node->flags & NODE_BIG && walk->claim) {
        err = gw_page_claim_value(walk->file, node);
    }
    if (!err && walk->with_big) {
        err = gw_page_value(walk->file, node, &value);
    }
    if (err) {
        return fault(d, err);
    }
    return !walk->entry || walk->entry(walk->context, node, value) ? GW_OK : GW_ERR_BUSY;
}

/* A strict walk has checked all nodes of the page at once. */
static bool skips_node(struct descent *d, const uint8_t *page, unsigned index) {
    bool skips =
        !d->walk->strict && !gw_page_node_is_whole(page, d->walk->file->page_bytes, index);
    d->walk->skips += skips;
    return skips;
}

static enum gw_err visit_page(struct descent *d, uint64_t number, unsigned depth);

static enum gw_err visit_children(struct descent *d, const uint8_t *page, unsigned depth) {
    unsigned count = gw_page_node_count(page);
    for (unsigned i = 0; i < count; i++) {
        if (skips_node(d, page, i)) {
            continue;
        }
        struct page_node node = gw_page_node_at(page, i);
        /* The first child's key stands for "everything below" and is not used. */
        if (d->walk->strict && i > 0 && !bound_is_in_order(d, node.key)) {
            return GW_ERR_CORRUPT;
        }
        enum gw_err err = visit_page(d, node.child, depth + 1);
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

static enum gw_err visit_entries(struct descent *d, const uint8_t *page) {
    unsigned count = gw_page_node_count(page);
    for (unsigned i = 0; i < count; i++) {
        if (skips_node(d, page, i)) {
            continue;
        }
        struct page_node node = gw_page_node_at(page, i);
        enum gw_err err = visit_entry(d, &node);
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

static enum gw_err load_page(struct descent *d, uint64_t number, unsigned depth,
                             uint8_t *page) {
    struct page_file *file = d->walk->file;
    if (depth > TREE_MAX_DEPTH || number < PAGE_ROOTS || number > file->newest->last_page
        || (d->walk->claim && !gw_page_claim(file, number, 1))) {
        return GW_ERR_CORRUPT;
    }
    enum gw_err err = gw_page_read(file, number, page);
    if (err) {
        return err;
    }
    err = d->walk->strict ? gw_page_check(page, file->page_bytes, number, file->taken)
                          : gw_page_check_head(page, file->page_bytes, number);
    if (err) {
        return err;
    }
    bool leaf_level = depth == d->tree->depth;
    bool is_leaf = gw_page_flags(page) == PAGE_LEAF;
    return d->walk->strict && leaf_level != is_leaf ? GW_ERR_CORRUPT : GW_OK;
}

/* Recursion is bounded by TREE_MAX_DEPTH; each level has a page buffer. */
static enum gw_err visit_page(struct descent *d, uint64_t number, unsigned depth) {
    struct page_file *file = d->walk->file;
    if (depth > TREE_MAX_DEPTH) {
        return fault(d, GW_ERR_CORRUPT);
    }
    uint8_t *page = file->levels + (size_t) depth * file->page_bytes;
    enum gw_err err = load_page(d, number, depth, page);
    if (err) {
        return fault(d, err);
    }
    return gw_page_flags(page) == PAGE_LEAF ? visit_entries(d, page)
                                            : visit_children(d, page, depth);
}

enum gw_err gw_page_walk(struct page_walk *walk, const struct page_tree *tree) {
    bool flags_known = tree->flags == 0 || tree->flags == TREE_INTEGER_KEYS;
    if (walk->strict && !flags_known) {
        return GW_ERR_CORRUPT;
    }
    if (tree->root == TREE_EMPTY) {
        bool is_empty = tree->entries == 0 && tree->depth == 0;
        return walk->strict && !is_empty ? GW_ERR_CORRUPT : GW_OK;
    }
    struct descent d = {.walk = walk, .tree = tree};
    enum gw_err err = visit_page(&d, tree->root, 1);
    if (err) {
        return err;
    }
    return walk->strict && d.entries != tree->entries ? GW_ERR_CORRUPT : GW_OK;
}
