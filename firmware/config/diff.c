/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "firmware/config/descriptor.h"

static const void *pointer_at(const void *base, size_t offset) {
    const void *pointer = NULL;
    memcpy(&pointer, (const char *) base + offset, sizeof pointer);
    return pointer;
}

static size_t count_at(const void *base, size_t offset) {
    size_t count = 0;
    memcpy(&count, (const char *) base + offset, sizeof count);
    return count;
}

static bool is_same_texts(const struct gw_config_row *row, const void *a, const void *b) {
    size_t count = count_at(a, row->count_offset);
    const char *const *texts_a = pointer_at(a, row->offset);
    const char *const *texts_b = pointer_at(b, row->offset);
    if (count != count_at(b, row->count_offset)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(texts_a[i], texts_b[i]) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_same_group(const struct gw_config_group *group, const void *a, const void *b);

static bool is_same_list(const struct gw_config_row *row, const void *a, const void *b) {
    size_t count = count_at(a, row->count_offset);
    const char *list_a = pointer_at(a, row->offset);
    const char *list_b = pointer_at(b, row->offset);
    if (count != count_at(b, row->count_offset)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = i * row->group->bytes;
        if (!is_same_group(row->group, list_a + at, list_b + at)) {
            return false;
        }
    }
    return true;
}

static bool is_same_row(const struct gw_config_row *row, const void *a, const void *b) {
    const char *member_a = (const char *) a + row->offset;
    const char *member_b = (const char *) b + row->offset;
    switch (row->kind) {
    case GW_KIND_TEXT:
        return strcmp(pointer_at(a, row->offset), pointer_at(b, row->offset)) == 0;
    case GW_KIND_TEXTS:
        return is_same_texts(row, a, b);
    case GW_KIND_LIST:
        return is_same_list(row, a, b);
    case GW_KIND_GROUP:
        return is_same_group(row->group, member_a, member_b);
    default:
        return memcmp(member_a, member_b, row->size) == 0;
    }
}

static bool is_same_group(const struct gw_config_group *group, const void *a, const void *b) {
    for (size_t i = 0; i < group->row_count; i++) {
        if (!is_same_row(&group->rows[i], a, b)) {
            return false;
        }
    }
    return true;
}

const char *gw_config_part_name(unsigned part) {
    for (size_t i = 0; i < gw_config_top.row_count; i++) {
        if (part != 0 && gw_config_top.rows[i].part == part) {
            return gw_config_top.rows[i].name;
        }
    }
    return "unknown";
}

unsigned gw_config_diff(const struct gw_config *a, const struct gw_config *b) {
    unsigned parts = 0;
    for (size_t i = 0; i < gw_config_top.row_count; i++) {
        const struct gw_config_row *row = &gw_config_top.rows[i];
        if (row->part != 0 && !is_same_row(row, a, b)) {
            parts |= row->part;
        }
    }
    return parts;
}
