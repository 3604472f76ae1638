/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/json/names.h"

#include <string.h>

#include "firmware/json/text.h"

/* Behind a name stand at least a quote, a colon and a value, but not always
 * enough to load a whole word. */
static uint64_t plain_key(struct gw_str inner, size_t readable) {
    uint8_t bytes[8] = {0};
    size_t len = inner.len < sizeof(bytes) ? inner.len : sizeof(bytes);
    memcpy(bytes, inner.ptr, readable < sizeof(bytes) ? len : sizeof(bytes));
    uint64_t key;
    memcpy(&key, bytes, sizeof(key));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    key = __builtin_bswap64(key);
#endif
    return len == 0 ? 0 : key & ~UINT64_C(0) << (64 - 8 * len);
}

static int compare(const struct gw_json_names *names, const struct gw_json_name *a,
                   const struct gw_json_name *b) {
    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    return gw_json_text_compare((struct gw_str){names->text + a->offset, a->len},
                                (struct gw_str){names->text + b->offset, b->len});
}

/* Index in [base, count] where `name` belongs; *ret_found if it stands there. */
static uint32_t find_place(const struct gw_json_names *names, uint32_t base,
                           const struct gw_json_name *name, bool *ret_found) {
    uint32_t low = base;
    uint32_t high = names->count;
    while (low < high) {
        /* The first probe is the last entry: senders often sort. */
        uint32_t probe = high == names->count ? high - 1 : low + (high - low) / 2;
        int order = compare(names, name, &names->entries[probe]);
        if (order == 0) {
            *ret_found = true;
            return probe;
        }
        if (order > 0) {
            low = probe + 1;
        } else {
            high = probe;
        }
    }
    *ret_found = false;
    return low;
}

enum gw_err gw_json_names_add(struct gw_json_names *names, uint32_t base, struct gw_str inner,
                              bool escaped) {
    if (names->count == GW_JSON_NAMES_MAX) {
        return GW_ERR_FULL;
    }
    struct gw_json_name name = {
        .key = escaped ? gw_json_text_key(inner)
                       : plain_key(inner, (size_t) (names->end - inner.ptr)),
        .offset = (uint32_t) (inner.ptr - names->text),
        .len = (uint32_t) inner.len,
    };
    bool found = false;
    uint32_t place = find_place(names, base, &name, &found);
    if (found) {
        return GW_ERR_DUPLICATE;
    }
    struct gw_json_name *entry = &names->entries[place];
    memmove(entry + 1, entry, (names->count - place) * sizeof(*entry));
    *entry = name;
    names->count++;
    return GW_OK;
}
