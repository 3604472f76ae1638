/* SPDX-License-Identifier: Apache-2.0 */
/* A document to start from: every default written out, keys that must be given
 * with an example, and one entry of each list in a comment. */
#include "firmware/base/cleanup.h"
#include "firmware/config/descriptor.h"

#define INDENT 2

struct writer {
    struct gw_buf *buf;
    unsigned depth;
    bool in_comment;
};

static void put_object(struct writer *writer, const struct gw_config_group *group);

static void put_line_start(struct writer *writer) {
    (void) gw_buf_printf(writer->buf, "\n%*s", (int) (writer->depth * INDENT), "");
}

static void put_list(struct writer *writer, const struct gw_config_row *row) {
    (void) gw_buf_put_char(writer->buf, '[');
    bool opens_comment = row->min == 0 && !writer->in_comment;
    if (opens_comment) {
        (void) gw_buf_put_str(writer->buf, GW_STR(" /* one entry:"));
        writer->in_comment = true;
    }
    writer->depth++;
    put_line_start(writer);
    put_object(writer, row->group);
    writer->depth--;
    put_line_start(writer);
    if (opens_comment) {
        (void) gw_buf_put_str(writer->buf, GW_STR("*/ "));
        writer->in_comment = false;
    }
    (void) gw_buf_put_char(writer->buf, ']');
}

static void put_value(struct writer *writer, const struct gw_config_row *row) {
    bool is_silent = !row->initial || (row->initial[0] == '\0' && row->example);
    const char *value = !is_silent ? row->initial : row->example ? row->example : "";
    switch (row->kind) {
    case GW_KIND_GROUP:
        put_object(writer, row->group);
        break;
    case GW_KIND_LIST:
        put_list(writer, row);
        break;
    case GW_KIND_TEXT:
    case GW_KIND_CHOICE:
        (void) gw_buf_put_json_str(writer->buf, gw_str_from_cstr(value));
        break;
    case GW_KIND_TEXTS:
        (void) gw_buf_put_char(writer->buf, '[');
        (void) gw_buf_put_json_str(writer->buf, gw_str_from_cstr(value));
        (void) gw_buf_put_char(writer->buf, ']');
        break;
    default:
        (void) gw_buf_put_str(writer->buf, gw_str_from_cstr(value));
        break;
    }
}

static void put_object(struct writer *writer, const struct gw_config_group *group) {
    (void) gw_buf_put_char(writer->buf, '{');
    writer->depth++;
    const char *comma = "";
    for (size_t i = 0; i < group->row_count; i++) {
        const struct gw_config_row *row = &group->rows[i];
        if (row->derived) {
            continue; /* written out it would no longer follow the other keys */
        }
        (void) gw_buf_put_str(writer->buf, gw_str_from_cstr(comma));
        put_line_start(writer);
        (void) gw_buf_printf(writer->buf, "\"%s\": ", row->name);
        put_value(writer, row);
        comma = ",";
    }
    writer->depth--;
    put_line_start(writer);
    (void) gw_buf_put_char(writer->buf, '}');
}

enum gw_err gw_config_defaults(struct gw_buf *buf) {
    size_t start = buf->len;
    struct writer writer = {.buf = buf};
    (void) gw_buf_put_str(buf,
                          GW_STR("// Every key with its default; `gwctl config explain KEY` "
                                 "says more.\n"));
    put_object(&writer, &gw_config_top);
    (void) gw_buf_put_char(buf, '\n');
    if (gw_buf_failed(buf)) {
        gw_buf_rewind(buf, start);
        return GW_ERR_FULL;
    }
    return GW_OK;
}
