/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Schema 2020-12 of the document, from the rows. It says what a row can
 * say; rules that need several keys are left to gw_config_parse. */
#include "firmware/base/cleanup.h"
#include "firmware/config/descriptor.h"

static void put_object(struct gw_buf *buf, const struct gw_config_group *group);

static void put_name(struct gw_buf *buf, const char *name) {
    (void) gw_buf_put_json_str(buf, gw_str_from_cstr(name));
    (void) gw_buf_put_char(buf, ':');
}

static void put_bounded_text(struct gw_buf *buf, const struct gw_config_rule *rule,
                             uint64_t shortest, uint64_t longest) {
    /* The schema counts characters, we count bytes: a text that fits in bytes
     * has no more characters, so the schema never refuses what we accept. */
    (void) gw_buf_printf(buf, "\"type\":\"string\",\"minLength\":%u,\"maxLength\":%llu",
                         shortest > 0 ? 1u : 0u, (unsigned long long) longest);
    if (rule->pattern) {
        (void) gw_buf_put_str(buf, GW_STR(",\"pattern\":"));
        (void) gw_buf_put_json_str(buf, gw_str_from_cstr(rule->pattern));
    }
}

static void put_bool(struct gw_buf *buf, const struct gw_config_row *row) {
    (void) row;
    (void) gw_buf_put_str(buf, GW_STR("\"type\":\"boolean\""));
}

static void put_number(struct gw_buf *buf, const struct gw_config_row *row) {
    (void) gw_buf_printf(buf, "\"type\":\"integer\",\"minimum\":%llu,\"maximum\":%llu",
                         (unsigned long long) row->min, (unsigned long long) row->max);
}

static void put_text(struct gw_buf *buf, const struct gw_config_row *row) {
    put_bounded_text(buf, row->rule, row->min, row->max);
}

static void put_choice(struct gw_buf *buf, const struct gw_config_row *row) {
    (void) gw_buf_put_str(buf, GW_STR("\"enum\":["));
    for (size_t i = 0; i < row->choice_count; i++) {
        (void) gw_buf_put_str(buf, i == 0 ? GW_STR("") : GW_STR(","));
        (void) gw_buf_put_json_str(buf, gw_str_from_cstr(row->choices[i].name));
    }
    (void) gw_buf_put_char(buf, ']');
}

static void put_array(struct gw_buf *buf, const struct gw_config_row *row) {
    (void) gw_buf_printf(buf,
                         "\"type\":\"array\",\"minItems\":%llu,\"maxItems\":%llu,\"items\":",
                         (unsigned long long) row->min, (unsigned long long) row->max);
}

static void put_texts(struct gw_buf *buf, const struct gw_config_row *row) {
    (void) gw_buf_put_str(buf, GW_STR("\"uniqueItems\":true,"));
    put_array(buf, row);
    (void) gw_buf_put_char(buf, '{');
    put_bounded_text(buf, row->rule, 1, GW_TEXTS_ENTRY_MAX);
    (void) gw_buf_put_char(buf, '}');
}

static void put_address(struct gw_buf *buf, const struct gw_config_row *row) {
    (void) row;
    (void) gw_buf_put_str(
        buf, GW_STR("\"oneOf\":[{\"type\":\"integer\",\"minimum\":0,\"maximum\":65535},"
                    "{\"type\":\"string\",\"pattern\":\"^[0134][0-9]{4,5}$\"}]"));
}

static void put_list(struct gw_buf *buf, const struct gw_config_row *row) {
    put_array(buf, row);
    (void) gw_buf_put_char(buf, '{');
    put_object(buf, row->group);
    (void) gw_buf_put_char(buf, '}');
}

static void put_group(struct gw_buf *buf, const struct gw_config_row *row) {
    put_object(buf, row->group);
}

static void put_default(struct gw_buf *buf, const struct gw_config_row *row) {
    if (!row->initial) {
        return;
    }
    (void) gw_buf_put_str(buf, GW_STR(",\"default\":"));
    if (row->kind == GW_KIND_TEXT || row->kind == GW_KIND_CHOICE) {
        (void) gw_buf_put_json_str(buf, gw_str_from_cstr(row->initial));
    } else {
        (void) gw_buf_put_str(buf, gw_str_from_cstr(row->initial));
    }
}

static void put_row(struct gw_buf *buf, const struct gw_config_row *row) {
    static void (*const put[GW_KIND_COUNT])(struct gw_buf *, const struct gw_config_row *) = {
        [GW_KIND_BOOL] = put_bool,   [GW_KIND_NUMBER] = put_number,
        [GW_KIND_TEXT] = put_text,   [GW_KIND_CHOICE] = put_choice,
        [GW_KIND_TEXTS] = put_texts, [GW_KIND_ADDRESS] = put_address,
        [GW_KIND_GROUP] = put_group, [GW_KIND_LIST] = put_list,
    };
    put_name(buf, row->name);
    (void) gw_buf_put_str(buf, GW_STR("{\"description\":"));
    (void) gw_buf_put_json_str(buf, gw_str_from_cstr(row->help));
    (void) gw_buf_printf(buf, ",\"x-scope\":\"%s\",\"x-restarts\":\"%s\",",
                         gw_config_scope_name(row->scope),
                         gw_config_restart_name(row->restart));
    put[row->kind](buf, row);
    put_default(buf, row);
    (void) gw_buf_put_char(buf, '}');
}

/* A group must be given if something in it must be. */
static bool is_required(const struct gw_config_row *row) {
    if (row->kind == GW_KIND_GROUP) {
        for (size_t i = 0; i < row->group->row_count; i++) {
            if (is_required(&row->group->rows[i])) {
                return true;
            }
        }
        return false;
    }
    return !row->initial && !row->derived && !(row->kind == GW_KIND_LIST && row->min == 0);
}

/* Members of a schema for the object, without braces. */
static void put_object(struct gw_buf *buf, const struct gw_config_group *group) {
    (void) gw_buf_put_str(
        buf, GW_STR("\"type\":\"object\",\"additionalProperties\":false,\"required\":["));
    const char *comma = "";
    for (size_t i = 0; i < group->row_count; i++) {
        if (is_required(&group->rows[i])) {
            (void) gw_buf_printf(buf, "%s\"%s\"", comma, group->rows[i].name);
            comma = ",";
        }
    }
    (void) gw_buf_put_str(buf, GW_STR("],\"properties\":{"));
    for (size_t i = 0; i < group->row_count; i++) {
        (void) gw_buf_put_str(buf, i == 0 ? GW_STR("\n") : GW_STR(",\n"));
        put_row(buf, &group->rows[i]);
    }
    (void) gw_buf_put_char(buf, '}');
}

enum gw_err gw_config_schema(struct gw_buf *buf) {
    size_t start = buf->len;
    (void) gw_buf_put_str(
        buf, GW_STR("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
                    "\"$id\":\"urn:gangway:schema:config:1\","
                    "\"title\":\"Configuration of a Gangway gateway\","));
    put_object(buf, &gw_config_top);
    (void) gw_buf_put_str(buf, GW_STR("}\n"));
    if (gw_buf_failed(buf)) {
        gw_buf_rewind(buf, start);
        return GW_ERR_FULL;
    }
    return GW_OK;
}
