/* SPDX-License-Identifier: Apache-2.0 */
/* Single pages: parse and check. The layout is drawn in page.h. Nothing read from
 * the file is used as an offset, length or number before it was compared with the
 * page or the file it must lie in. */
#include "firmware/store/page.h"

#include <endian.h>
#include <string.h>

_Static_assert(sizeof(size_t) == 8, "the page format is that of a 64-bit machine");

#define AT_FLAGS 10
#define AT_LOWER 12
#define AT_UPPER 14
#define AT_NODES 16

static uint16_t get_u16(const uint8_t *src) {
    uint16_t value;
    memcpy(&value, src, sizeof(value));
    return value;
}

static uint64_t get_u64(const uint8_t *src) {
    uint64_t value;
    memcpy(&value, src, sizeof(value));
    return value;
}

/* The two halves of a node's length or page number. */
static uint32_t node_number(const uint8_t *node) {
    uint32_t first = get_u16(node), second = get_u16(node + 2);
    return BYTE_ORDER == LITTLE_ENDIAN ? first | second << 16 : second | first << 16;
}

uint16_t gw_page_flags(const uint8_t *page) {
    return get_u16(page + AT_FLAGS);
}

unsigned gw_page_node_count(const uint8_t *page) {
    return (unsigned) (get_u16(page + AT_LOWER) - PAGE_HEADER_BYTES) / 2;
}

struct page_tree gw_page_tree_parse(const uint8_t *bytes) {
    return (struct page_tree){
        .flags = get_u16(bytes + 4),
        .depth = get_u16(bytes + 6),
        .entries = get_u64(bytes + 32),
        .root = get_u64(bytes + 40),
    };
}

struct page_node gw_page_node_at(const uint8_t *page, unsigned index) {
    const uint8_t *at = page + get_u16(page + AT_NODES + 2 * index);
    uint16_t flags = get_u16(at + 4), key_len = get_u16(at + 6);
    const uint8_t *key = at + NODE_HEADER_BYTES;
    if (gw_page_flags(page) == PAGE_BRANCH) {
        return (struct page_node){
            .key = {key, key_len},
            .child = node_number(at) | (uint64_t) flags << 32,
        };
    }
    size_t len = node_number(at);
    return (struct page_node){
        .key = {key, key_len},
        .value = {key + key_len, flags & NODE_BIG ? sizeof(uint64_t) : len},
        .value_len = len,
        .flags = flags,
    };
}

/* Bytes of the node at `offset` (which has room for a node's header). */
static size_t node_bytes(const uint8_t *page, size_t offset) {
    const uint8_t *at = page + offset;
    size_t len = NODE_HEADER_BYTES + (size_t) get_u16(at + 6);
    if (gw_page_flags(page) == PAGE_LEAF) {
        len += get_u16(at + 4) & NODE_BIG ? sizeof(uint64_t) : node_number(at);
    }
    return len;
}

/* No byte of a page may belong to two nodes: LMDB moves them about by these
 * lengths when it deletes. */
static bool node_is_apart(const uint8_t *page, uint32_t page_bytes, size_t offset,
                          uint8_t *taken) {
    if (offset + NODE_HEADER_BYTES > page_bytes || offset % 2 != 0) {
        return false;
    }
    size_t len = node_bytes(page, offset);
    if (len > page_bytes - offset || memchr(taken + offset, 1, len)) {
        return false;
    }
    memset(taken + offset, 1, len);
    return true;
}

static bool node_flags_known(const uint8_t *page, size_t offset) {
    uint16_t flags = get_u16(page + offset + 4);
    return gw_page_flags(page) == PAGE_BRANCH || flags == 0 || flags == NODE_BIG
           || flags == NODE_TREE;
}

enum gw_err gw_page_check_head(const uint8_t *page, uint32_t page_bytes, uint64_t number) {
    uint16_t flags = gw_page_flags(page);
    size_t lower = get_u16(page + AT_LOWER), upper = get_u16(page + AT_UPPER);
    if (get_u64(page) != number || (flags != PAGE_BRANCH && flags != PAGE_LEAF)
        || lower < PAGE_HEADER_BYTES || lower % 2 != 0 || lower > upper || upper > page_bytes) {
        return GW_ERR_CORRUPT;
    }
    return GW_OK;
}

bool gw_page_node_is_whole(const uint8_t *page, uint32_t page_bytes, unsigned index) {
    size_t offset = get_u16(page + AT_NODES + 2 * index);
    return offset >= PAGE_HEADER_BYTES && offset + NODE_HEADER_BYTES <= page_bytes
           && node_bytes(page, offset) <= page_bytes - offset && node_flags_known(page, offset);
}

enum gw_err gw_page_check(const uint8_t *page, uint32_t page_bytes, uint64_t number,
                          uint8_t *taken) {
    enum gw_err err = gw_page_check_head(page, page_bytes, number);
    if (err) {
        return err;
    }
    unsigned count = gw_page_node_count(page);
    /* A branch without a child leads nowhere; LMDB would read its first one. */
    if (count == 0 && gw_page_flags(page) == PAGE_BRANCH) {
        return GW_ERR_CORRUPT;
    }
    memset(taken, 0, page_bytes);
    memset(taken, 1, get_u16(page + AT_UPPER));
    for (unsigned i = 0; i < count; i++) {
        size_t offset = get_u16(page + AT_NODES + 2 * i);
        if (!node_is_apart(page, page_bytes, offset, taken)
            || !node_flags_known(page, offset)) {
            return GW_ERR_CORRUPT;
        }
    }
    return GW_OK;
}

bool gw_page_is_claimed(const struct page_file *file, uint64_t number) {
    return file->claimed[number / 8] >> (number % 8) & 1;
}

bool gw_page_claim(struct page_file *file, uint64_t number, uint64_t count) {
    uint64_t last = file->newest->last_page;
    if (number < PAGE_ROOTS || number > last || count > last - number + 1) {
        return false;
    }
    for (uint64_t i = number; i < number + count; i++) {
        if (gw_page_is_claimed(file, i)) {
            return false;
        }
        file->claimed[i / 8] = (uint8_t) (file->claimed[i / 8] | 1U << (i % 8));
    }
    return true;
}
