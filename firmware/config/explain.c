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

/* What is explained; only keys of the configuration have a scope. */
struct explaining {
    const struct gw_config_group *top;
    struct gw_buf *buf;
    struct gw_buf path; /* used as a stack */
};

static void put_row(const struct explaining *explaining, const struct gw_config_row *row) {
    struct gw_buf *buf = explaining->buf;
    struct gw_str path = gw_buf_str(&explaining->path);
    (void) gw_buf_put_str(buf, path);
    (void) gw_buf_put_str(buf, GW_STR("\n    "));
    (void) gw_buf_put_str(buf, gw_str_from_cstr(row->help));
    (void) gw_buf_put_str(buf, GW_STR("\n    allowed: "));
    gw_config_put_allowed(row, buf);
    if (row->kind != GW_KIND_GROUP) {
        put_default(buf, row);
    }
    if (explaining->top == &gw_config_top) {
        (void) gw_buf_printf(buf, "\n    scope: %s, a change restarts: %s",
                             gw_config_scope_name(row->scope),
                             gw_config_restart_name(row->restart));
    }
    (void) gw_buf_put_char(buf, '\n');
}

/* The row and, for objects, everything below it. */
static void explain_row(struct explaining *explaining, const struct gw_config_row *row) {
    struct gw_buf *path = &explaining->path;
    size_t mark = path->len;
    if (mark > 0) {
        (void) gw_buf_put_char(path, '.');
    }
    (void) gw_buf_put_str(path, gw_str_from_cstr(row->name));
    if (row->kind == GW_KIND_LIST) {
        (void) gw_buf_put_str(path, GW_STR("[]"));
    }
    put_row(explaining, row);
    for (size_t i = 0; row->group && i < row->group->row_count; i++) {
        explain_row(explaining, &row->group->rows[i]);
    }
    gw_buf_rewind(path, mark);
}

/* "devices[3].topic" and "devices[].topic" mean the row "devices.topic". */
static struct gw_str without_index(struct gw_str name) {
    return gw_str_ends_with(name, GW_STR("]")) ? gw_str_sub(name, 0, gw_str_find(name, '[', 0))
                                               : name;
}

static const struct gw_config_row *find_by_path(struct explaining *explaining,
                                                struct gw_str key) {
    const struct gw_config_group *group = explaining->top;
    struct gw_buf *parent = &explaining->path;
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

enum gw_err gw_config_explain_in(const struct gw_config_group *top, struct gw_str key,
                                 struct gw_buf *buf) {
    char storage[256];
    struct explaining explaining = {.top = top, .buf = buf};
    gw_buf_init(&explaining.path, storage, sizeof storage);
    size_t start = buf->len;
    if (key.len == 0) {
        for (size_t i = 0; i < top->row_count; i++) {
            explain_row(&explaining, &top->rows[i]);
        }
    } else {
        const struct gw_config_row *row = find_by_path(&explaining, key);
        if (!row) {
            return GW_ERR_NOENT;
        }
        explain_row(&explaining, row);
    }
    if (gw_buf_failed(buf)) {
        gw_buf_rewind(buf, start);
        return GW_ERR_FULL;
    }
    return GW_OK;
}

enum gw_err gw_config_explain(struct gw_str key, struct gw_buf *buf) {
    return gw_config_explain_in(&gw_config_top, key, buf);
}
