/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LMDB's data file read as plain bytes, with every bound checked. Of this room
 * only.
 *
 * LMDB 0.9 (data format 1) on a 64-bit machine, host byte order:
 *
 *   page     0 u64 number | 8 u16 pad | 10 u16 flags | 12 u16 lower, u16 upper
 *            (overflow: u32 pages) | 16 u16 offsets of nodes, sorted by key
 *   node     0 u16 lo, u16 hi | 4 u16 flags | 6 u16 key length | 8 key, value
 *            (big-endian machines: hi before lo). Leaf: lo, hi = value length;
 *            with BIG the value is the u64 number of its first overflow page.
 *            Branch: lo, hi, flags = child's page number
 *   tree     0 u32 pad | 4 u16 flags | 6 u16 depth | 8 u64 branch, leaf and
 *            overflow pages | 32 u64 entries | 40 u64 root (all ones = empty)
 *   root     two pages, 0 and 1, used in turn (transaction number & 1):
 *            16 u32 magic, u32 version | 24 u64 address, map size | 40 tree of
 *            free pages (its pad = page size) | 88 tree of tables | 136 u64 last
 *            page | 144 u64 transaction
 *   free     u64 transaction -> u64 count, then as many page numbers, descending
 *
 * Each page up to the last one is in one tree or on the free list, never both.
 */
#ifndef GW_STORE_PAGE_H
#define GW_STORE_PAGE_H

#include "firmware/base/str.h"

#define PAGE_HEADER_BYTES 16
#define NODE_HEADER_BYTES 8
#define TREE_BYTES 48
#define TREE_MAX_DEPTH 32
#define TREE_EMPTY UINT64_MAX
#define PAGE_ROOTS 2

enum page_flags { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_ROOT = 8 };
enum node_flags { NODE_BIG = 1, NODE_TREE = 2 };
enum tree_flags { TREE_INTEGER_KEYS = 8 };

struct page_tree {
    uint16_t flags;
    uint16_t depth;
    uint64_t entries;
    uint64_t root;
};

struct page_root {
    bool valid;
    uint32_t version;
    uint32_t page_bytes;
    struct page_tree free_pages;
    struct page_tree tables;
    uint64_t last_page;
    uint64_t transaction;
};

/* The file and what is known of its pages. */
struct page_file {
    int fd;
    uint64_t file_bytes;
    uint32_t page_bytes;
    struct page_root roots[PAGE_ROOTS];
    const struct page_root *newest;
    uint8_t *claimed; /* one bit a page: seen in a tree or on the free list */
    uint8_t *levels;  /* TREE_MAX_DEPTH + 1 page buffers, one per tree level */
    uint8_t *taken;   /* of one page: bytes that a node covers */
    uint8_t *value;   /* one value gathered from overflow pages */
};

struct page_node {
    struct gw_bytes key;
    struct gw_bytes value; /* a view into the page; for BIG the page number */
    size_t value_len;      /* true length */
    uint16_t flags;
    uint64_t child; /* of branch pages */
};

/* Largest value that is read back whole; the house stores none above 66 KB but
 * LMDB's free list may be longer. */
#define PAGE_VALUE_MAX_BYTES (UINT32_C(16) << 20)

/* Open `folder`/data.mdb and read its roots. A strict reader wants both roots
 * whole and one commit apart; a tolerant one takes what there is. NOENT (also for
 * an empty file), SCHEMA, CORRUPT, DENIED, NOMEM, IO. */
enum gw_err gw_page_file_open(const char *folder, bool strict, struct page_file *ret_file);
/* Harmless on a zeroed struct with fd -1. */
void gw_page_file_close(struct page_file *file);

/* Read page `number` whole into `dst` (page_bytes). CORRUPT, IO. */
enum gw_err gw_page_read(const struct page_file *file, uint64_t number, uint8_t *dst);
/* Number, flags and bounds of a branch or leaf page. CORRUPT. */
enum gw_err gw_page_check_head(const uint8_t *page, uint32_t page_bytes, uint64_t number);
/* Of a page whose head is right: does this node lie inside the page? */
bool gw_page_node_is_whole(const uint8_t *page, uint32_t page_bytes, unsigned index);
/* The head and every node of a page, and that no two nodes share a byte. `taken` is
 * page_bytes of scratch. CORRUPT. */
enum gw_err gw_page_check(const uint8_t *page, uint32_t page_bytes, uint64_t number,
                          uint8_t *taken);
/* enum page_flags. */
uint16_t gw_page_flags(const uint8_t *page);
/* Of a page whose head is right, a node that is whole. */
unsigned gw_page_node_count(const uint8_t *page);
struct page_node gw_page_node_at(const uint8_t *page, unsigned index);
/* A tree as stored in a root or in the value of a table's name. */
struct page_tree gw_page_tree_parse(const uint8_t *bytes);

/* Mark [number, number + count) as seen. False if outside the file's used part
 * or seen before. */
bool gw_page_claim(struct page_file *file, uint64_t number, uint64_t count);
/* Seen before? `number` must lie in the used part. */
bool gw_page_is_claimed(const struct page_file *file, uint64_t number);
/* The whole value of a leaf node; a BIG one is gathered in file->value. CORRUPT,
 * NOMEM, IO. */
enum gw_err gw_page_value(struct page_file *file, const struct page_node *node,
                          struct gw_bytes *ret_value);

/* Claim the overflow pages of a BIG node. CORRUPT, IO. */
enum gw_err gw_page_claim_value(struct page_file *file, const struct page_node *node);

/* A walk over one tree in key order. */
struct page_walk {
    struct page_file *file;
    bool strict;    /* stop with CORRUPT at the first fault, else skip the page */
    bool claim;     /* mark pages; a page marked before is a fault */
    bool with_big;  /* also read the values on overflow pages */
    uint64_t skips; /* pages and nodes left out */
    /* Called per entry; false stops the walk (GW_ERR_BUSY is returned). */
    bool (*entry)(void *context, const struct page_node *node, struct gw_bytes value);
    void *context;
};

/* BUSY if the callback stopped it, CORRUPT (strict), NOMEM, IO. */
enum gw_err gw_page_walk(struct page_walk *walk, const struct page_tree *tree);

/* The strict check of a whole file, as store.h says. */
enum gw_err gw_store_check_file(const char *folder);

#endif
