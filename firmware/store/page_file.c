/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file as a whole: its two roots, its size, its values.
 *
 * LMDB takes the root page with the greater transaction number and looks no
 * further. One flipped bit there would make it go back to an older state whose
 * pages were since reused. In a sound file the two roots are exactly one commit
 * apart and each stands where its parity says (both 0 in a store that never
 * committed); a strict reader asks for that here, store_check.c asks for more.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"
#include "firmware/store/page.h"

#define ROOT_MAGIC UINT32_C(0xBEEFC0DE)
#define ROOT_VERSION 1
#define ROOT_BYTES 152
#define PAGE_MIN_BYTES 512
#define PAGE_MAX_BYTES 32768

static enum gw_err read_at(int fd, uint64_t offset, uint8_t *dst, size_t len) {
    while (len > 0) {
        ssize_t n = pread(fd, dst, len, (off_t) offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            /* An unreadable block is damage to this page, not to the machine. */
            return n == 0 || errno == EIO ? GW_ERR_CORRUPT : gw_err_from_errno(errno);
        }
        dst += n;
        len -= (size_t) n;
        offset += (uint64_t) n;
    }
    return GW_OK;
}

enum gw_err gw_page_read(const struct page_file *file, uint64_t number, uint8_t *dst) {
    return read_at(file->fd, number * file->page_bytes, dst, file->page_bytes);
}

static struct page_root parse_root(const uint8_t *bytes) {
    struct page_root root = {0};
    uint32_t magic;
    memcpy(&magic, bytes + 16, sizeof(magic));
    memcpy(&root.version, bytes + 20, sizeof(root.version));
    memcpy(&root.page_bytes, bytes + 40, sizeof(root.page_bytes));
    root.free_pages = gw_page_tree_parse(bytes + 40);
    root.tables = gw_page_tree_parse(bytes + 88);
    memcpy(&root.last_page, bytes + 136, sizeof(root.last_page));
    memcpy(&root.transaction, bytes + 144, sizeof(root.transaction));
    bool size_known = root.page_bytes >= PAGE_MIN_BYTES && root.page_bytes <= PAGE_MAX_BYTES
                      && (root.page_bytes & (root.page_bytes - 1)) == 0;
    root.valid = magic == ROOT_MAGIC && gw_page_flags(bytes) == PAGE_ROOT && size_known
                 && root.last_page >= PAGE_ROOTS - 1 && root.last_page < UINT64_C(1) << 40;
    return root;
}

/* The second root stands one page behind; without a first one its place is a
 * guess: the machine's page size. */
static void read_roots(struct page_file *file) {
    uint8_t bytes[ROOT_BYTES];
    uint64_t offset = 0;
    for (int i = 0; i < PAGE_ROOTS; i++) {
        enum gw_err err = read_at(file->fd, offset, bytes, sizeof(bytes));
        file->roots[i] = err ? (struct page_root){0} : parse_root(bytes);
        offset =
            file->roots[i].valid ? file->roots[i].page_bytes : (uint64_t) sysconf(_SC_PAGESIZE);
    }
}

static enum gw_err choose_root(struct page_file *file, bool strict) {
    const struct page_root *a = &file->roots[0], *b = &file->roots[1];
    if (!a->valid && !b->valid) {
        return GW_ERR_CORRUPT;
    }
    if (a->valid && b->valid && a->version != ROOT_VERSION && b->version != ROOT_VERSION) {
        return GW_ERR_SCHEMA;
    }
    bool a_usable = a->valid && a->version == ROOT_VERSION;
    bool b_usable = b->valid && b->version == ROOT_VERSION;
    bool both = a_usable && b_usable && a->page_bytes == b->page_bytes;
    if ((strict && !both) || (!a_usable && !b_usable)) {
        return GW_ERR_CORRUPT;
    }
    bool b_newer = b_usable && (!a_usable || b->transaction > a->transaction);
    file->newest = b_newer ? b : a;
    file->page_bytes = file->newest->page_bytes;
    uint64_t older = b_newer ? a->transaction : b->transaction;
    uint64_t newer = file->newest->transaction;
    bool never_committed = newer == 0 && older == 0;
    bool in_turn = newer == older + 1 && (newer & 1) == (b_newer ? 1 : 0);
    return strict && !in_turn && !never_committed ? GW_ERR_CORRUPT : GW_OK;
}

static enum gw_err allocate(struct page_file *file) {
    file->claimed = calloc(1, file->newest->last_page / 8 + 1);
    file->levels = calloc(TREE_MAX_DEPTH + 1, file->page_bytes);
    file->taken = malloc(file->page_bytes);
    return file->claimed && file->levels && file->taken ? GW_OK : GW_ERR_NOMEM;
}

static enum gw_err open_roots(struct page_file *file, const char *path, bool strict) {
    file->fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (file->fd < 0 || fstat(file->fd, &st) != 0) {
        return gw_err_from_errno(errno);
    }
    if (!S_ISREG(st.st_mode)) {
        return GW_ERR_CORRUPT;
    }
    file->file_bytes = (uint64_t) st.st_size;
    if (file->file_bytes == 0) {
        return GW_ERR_NOENT;
    }
    read_roots(file);
    enum gw_err err = choose_root(file, strict);
    if (err) {
        return err;
    }
    /* A file cut short would be a SIGBUS under LMDB's map. */
    if (strict && file->file_bytes / file->page_bytes <= file->newest->last_page) {
        return GW_ERR_CORRUPT;
    }
    return allocate(file);
}

enum gw_err gw_page_file_open(const char *folder, bool strict, struct page_file *ret_file) {
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/data.mdb", folder);
    if (len < 0 || (size_t) len >= sizeof(path)) {
        return GW_ERR_RANGE;
    }
    *ret_file = (struct page_file){.fd = -1};
    enum gw_err err = open_roots(ret_file, path, strict);
    if (err) {
        gw_page_file_close(ret_file);
        return err;
    }
    (void) posix_fadvise(ret_file->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return GW_OK;
}

void gw_page_file_close(struct page_file *file) {
    free(file->claimed);
    free(file->levels);
    free(file->taken);
    free(file->value);
    gw_closep(&file->fd);
    *file = (struct page_file){.fd = -1};
}

/* ---- values on overflow pages ---- */

static uint64_t pages_for(const struct page_file *file, size_t value_len) {
    return (PAGE_HEADER_BYTES + value_len + file->page_bytes - 1) / file->page_bytes;
}

/* The run of overflow pages of a BIG node: its first page names itself, its kind
 * and its length. CORRUPT unless all of that agrees with the node. */
static enum gw_err find_run(const struct page_file *file, const struct page_node *node,
                            uint64_t *ret_first, uint64_t *ret_pages) {
    uint64_t first, last = file->newest->last_page;
    memcpy(&first, node->value.ptr, sizeof(first));
    if (first < PAGE_ROOTS || first > last) {
        return GW_ERR_CORRUPT;
    }
    uint8_t head[PAGE_HEADER_BYTES];
    enum gw_err err = read_at(file->fd, first * file->page_bytes, head, sizeof(head));
    if (err) {
        return err;
    }
    uint64_t number;
    uint32_t pages;
    memcpy(&number, head, sizeof(number));
    memcpy(&pages, head + 12, sizeof(pages));
    if (number != first || gw_page_flags(head) != PAGE_OVERFLOW
        || pages < pages_for(file, node->value_len) || pages > last - first + 1) {
        return GW_ERR_CORRUPT;
    }
    *ret_first = first;
    *ret_pages = pages;
    return GW_OK;
}

enum gw_err gw_page_claim_value(struct page_file *file, const struct page_node *node) {
    uint64_t first, pages;
    enum gw_err err = find_run(file, node, &first, &pages);
    if (err) {
        return err;
    }
    return gw_page_claim(file, first, pages) ? GW_OK : GW_ERR_CORRUPT;
}

enum gw_err gw_page_value(struct page_file *file, const struct page_node *node,
                          struct gw_bytes *ret_value) {
    if (!(node->flags & NODE_BIG)) {
        *ret_value = node->value;
        return GW_OK;
    }
    uint64_t first, pages;
    enum gw_err err = find_run(file, node, &first, &pages);
    if (err) {
        return err;
    }
    if (node->value_len > PAGE_VALUE_MAX_BYTES) {
        return GW_ERR_CORRUPT;
    }
    uint8_t *grown = realloc(file->value, node->value_len + 1);
    if (!grown) {
        return GW_ERR_NOMEM;
    }
    file->value = grown;
    err = read_at(file->fd, first * file->page_bytes + PAGE_HEADER_BYTES, file->value,
                  node->value_len);
    if (err) {
        return err;
    }
    *ret_value = (struct gw_bytes){file->value, node->value_len};
    return GW_OK;
}
