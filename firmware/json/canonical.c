/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/json/json.h"
#include "firmware/json/text.h"

static enum gw_err put_value(const struct gw_json *value, struct gw_buf *buf);

/* The member that follows `previous` in order (NULL: the first). Quadratic, but
 * without memory, and the parser bounds the number of members. */
static const struct gw_json *next_in_order(const struct gw_json *object,
                                           const struct gw_json *previous) {
    const struct gw_json *best = NULL;
    for (const struct gw_json *c = gw_json_first(object); c; c = gw_json_next(c)) {
        struct gw_str name = gw_json_name(c);
        bool is_later = !previous || gw_json_plain_compare(name, gw_json_name(previous)) > 0;
        if (is_later && (!best || gw_json_plain_compare(name, gw_json_name(best)) < 0)) {
            best = c;
        }
    }
    return best;
}

static enum gw_err put_object(const struct gw_json *object, struct gw_buf *buf) {
    gw_buf_put_char(buf, '{');
    const struct gw_json *member = next_in_order(object, NULL);
    while (member) {
        gw_buf_put_json_str(buf, gw_json_name(member));
        gw_buf_put_char(buf, ':');
        enum gw_err err = put_value(member, buf);
        if (err) {
            return err;
        }
        member = next_in_order(object, member);
        if (member) {
            gw_buf_put_char(buf, ',');
        }
    }
    gw_buf_put_char(buf, '}');
    return GW_OK;
}

static enum gw_err put_array(const struct gw_json *array, struct gw_buf *buf) {
    gw_buf_put_char(buf, '[');
    const struct gw_json *element = gw_json_first(array);
    while (element) {
        enum gw_err err = put_value(element, buf);
        if (err) {
            return err;
        }
        element = gw_json_next(element);
        if (element) {
            gw_buf_put_char(buf, ',');
        }
    }
    gw_buf_put_char(buf, ']');
    return GW_OK;
}

static enum gw_err put_number(const struct gw_json *number, struct gw_buf *buf) {
    int64_t integer = 0;
    if (gw_json_get_i64(number, &integer) != GW_OK) {
        return GW_ERR_SCHEMA;
    }
    gw_buf_put_i64(buf, integer);
    return GW_OK;
}

static enum gw_err put_string(const struct gw_json *string, struct gw_buf *buf) {
    struct gw_str text;
    enum gw_err err = gw_json_get_str(string, &text);
    if (err) {
        return err;
    }
    gw_buf_put_json_str(buf, text);
    return GW_OK;
}

static enum gw_err put_bool(const struct gw_json *value, struct gw_buf *buf) {
    bool flag = false;
    enum gw_err err = gw_json_get_bool(value, &flag);
    if (err) {
        return err;
    }
    gw_buf_put_str(buf, flag ? GW_STR("true") : GW_STR("false"));
    return GW_OK;
}

static enum gw_err put_null(const struct gw_json *value, struct gw_buf *buf) {
    (void) value;
    gw_buf_put_str(buf, GW_STR("null"));
    return GW_OK;
}

/* FULL shows in the buffer's failed mark and is asked for once, at the top. */
static enum gw_err put_value(const struct gw_json *value, struct gw_buf *buf) {
    static enum gw_err (*const writers[])(const struct gw_json *, struct gw_buf *) = {
        [GW_JSON_NULL] = put_null,     [GW_JSON_BOOL] = put_bool,
        [GW_JSON_NUMBER] = put_number, [GW_JSON_STRING] = put_string,
        [GW_JSON_ARRAY] = put_array,   [GW_JSON_OBJECT_KIND] = put_object,
    };
    return writers[gw_json_kind(value)](value, buf);
}

enum gw_err gw_json_put_canonical(const struct gw_json *value, struct gw_buf *buf) {
    size_t before = buf->len;
    enum gw_err err = put_value(value, buf);
    if (!err && gw_buf_failed(buf)) {
        err = GW_ERR_FULL;
    }
    if (err) {
        buf->len = before;
    }
    return err;
}
