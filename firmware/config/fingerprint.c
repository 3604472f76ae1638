/* SPDX-License-Identifier: Apache-2.0 */
/* What a part of the configuration says, as a digest: every value of every row in
 * the order of the tables, each behind the name of its key. */
#include <string.h>

#include "firmware/config/descriptor.h"
#include "firmware/crypto/crypto.h"

static void add_group(struct gw_sha256 *hash, const struct gw_config_group *group,
                      const void *base);

/* With its NUL, so that no two texts run into each other. */
static void add_text(struct gw_sha256 *hash, const char *text) {
    const char *known = text ? text : "";
    gw_sha256_update(hash, (struct gw_bytes){(const uint8_t *) known, strlen(known) + 1});
}

static const void *pointer_at(const void *member) {
    const void *pointer = NULL;
    memcpy(&pointer, member, sizeof pointer);
    return pointer;
}

static void add_list(struct gw_sha256 *hash, const struct gw_config_row *row, const void *base,
                     const void *member) {
    size_t count = 0;
    memcpy(&count, (const char *) base + row->count_offset, sizeof count);
    gw_sha256_update(hash, (struct gw_bytes){(const uint8_t *) &count, sizeof count});
    const char *const *texts = pointer_at(member);
    const char *entries = pointer_at(member);
    for (size_t i = 0; i < count; i++) {
        if (row->kind == GW_KIND_TEXTS) {
            add_text(hash, texts[i]);
        } else {
            add_group(hash, row->group, entries + i * row->group->bytes);
        }
    }
}

static void add_row(struct gw_sha256 *hash, const struct gw_config_row *row, const void *base) {
    const void *member = (const char *) base + row->offset;
    add_text(hash, row->name);
    switch (row->kind) {
    case GW_KIND_TEXT:
        add_text(hash, pointer_at(member));
        break;
    case GW_KIND_TEXTS:
    case GW_KIND_LIST:
        add_list(hash, row, base, member);
        break;
    case GW_KIND_GROUP:
        add_group(hash, row->group, member);
        break;
    default:
        gw_sha256_update(hash, (struct gw_bytes){member, row->size});
        break;
    }
}

static void add_group(struct gw_sha256 *hash, const struct gw_config_group *group,
                      const void *base) {
    for (size_t i = 0; i < group->row_count; i++) {
        add_row(hash, &group->rows[i], base);
    }
}

/* Of one entry of the document's list `name`. */
static void take_fingerprint(struct gw_str name, const void *entry, uint8_t digest[static 32]) {
    const struct gw_config_row *row = gw_config_find_row(&gw_config_top, name);
    struct gw_sha256 hash;
    gw_sha256_start(&hash);
    if (row) {
        add_group(&hash, row->group, entry);
    }
    gw_sha256_finish(&hash, digest);
}

void gw_config_bus_fingerprint(const struct gw_config_bus *bus, uint8_t ret_digest[static 32]) {
    take_fingerprint(GW_STR("buses"), bus, ret_digest);
}

void gw_config_feed_fingerprint(const struct gw_config_feed *feed,
                                uint8_t ret_digest[static 32]) {
    take_fingerprint(GW_STR("feeds"), feed, ret_digest);
}
