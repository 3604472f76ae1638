/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/base/cleanup.h"
#include "firmware/config/descriptor.h"

static void put_default(struct gw_buf *buf, const struct gw_config_row *row) {
    bool is_text = row->kind == GW_KIND_TEXT || row->kind == GW_KIND_CHOICE;
    (void) gw_buf_put_str(buf, GW_STR("\n    default: "));
    if (row->derived) {
        (void) gw_buf_put_str(buf, gw_str_from_cstr(row->derived));
    } else if (row->initial) {
        (void) gw_buf_printf(buf, is_text ? "\"%s\"" : "%s", row->initial);
    } else if (row->kind == GW_KIND_LIST && row->min == 0) {
        (void) gw_buf_put_str(buf, GW_STR("[]"));
    } else {
        (void) gw_buf_put_str(buf, GW_STR("none, must be given"));
    }
}

static void put_row(struct gw_buf *buf, const struct gw_config_row *row, struct gw_str path) {
    (void) gw_buf_put_str(buf, path);
    (void) gw_buf_put_str(buf, GW_STR("\n    "));
    (void) gw_buf_put_str(buf, gw_str_from_cstr(row->help));
    (void) gw_buf_put_str(buf, GW_STR("\n    allowed: "));
    gw_config_put_allowed(row, buf);
    if (row->kind != GW_KIND_GROUP) {
        put_default(buf, row);
    }
    (void) gw_buf_printf(buf, "\n    scope: %s, a change restarts: %s\n",
                         gw_config_scope_name(row->scope),
                         gw_config_restart_name(row->restart));
}

/* The row and, for objects, everything below it. `path` is used as a stack. */
static void explain_row(struct gw_buf *buf, const struct gw_config_row *row,
                        struct gw_buf *path) {
    size_t mark = path->len;
    if (mark > 0) {
        (void) gw_buf_put_char(path, '.');
    }
    (void) gw_buf_put_str(path, gw_str_from_cstr(row->name));
    if (row->kind == GW_KIND_LIST) {
        (void) gw_buf_put_str(path, GW_STR("[]"));
    }
    put_row(buf, row, gw_buf_str(path));
    for (size_t i = 0; row->group && i < row->group->row_count; i++) {
        explain_row(buf, &row->group->rows[i], path);
    }
    gw_buf_rewind(path, mark);
}

/* "devices[3].topic" and "devices[].topic" mean the row "devices.topic". */
static struct gw_str without_index(struct gw_str name) {
    return gw_str_ends_with(name, GW_STR("]")) ? gw_str_sub(name, 0, gw_str_find(name, '[', 0))
                                               : name;
}

static const struct gw_config_row *find_by_path(struct gw_str key, struct gw_buf *parent) {
    const struct gw_config_group *group = &gw_config_top;
    const struct gw_config_row *row = NULL;
    struct gw_str name;
    while (gw_str_split(&key, '.', &name)) {
        if (row) {
            (void) gw_buf_printf(parent, "%s%s%s", parent->len > 0 ? "." : "", row->name,
                                 row->kind == GW_KIND_LIST ? "[]" : "");
        }
        row = group ? gw_config_find_row(group, without_index(name)) : NULL;
        if (!row) {
            return NULL;
        }
        group = row->group;
    }
    return row;
}

enum gw_err gw_config_explain(struct gw_str key, struct gw_buf *buf) {
    char storage[256];
    struct gw_buf path;
    gw_buf_init(&path, storage, sizeof storage);
    size_t start = buf->len;
    if (key.len == 0) {
        for (size_t i = 0; i < gw_config_top.row_count; i++) {
            explain_row(buf, &gw_config_top.rows[i], &path);
        }
    } else {
        const struct gw_config_row *row = find_by_path(key, &path);
        if (!row) {
            return GW_ERR_NOENT;
        }
        explain_row(buf, row, &path);
    }
    if (gw_buf_failed(buf)) {
        gw_buf_rewind(buf, start);
        return GW_ERR_FULL;
    }
    return GW_OK;
}
