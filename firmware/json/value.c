/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents: cJSON behind the scanner. struct gw_json is never defined; a
 * pointer to one is a pointer to a cJSON item in disguise, so that no other
 * room sees cJSON's types.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/json/json.h"
#include "firmware/json/pointer.h"
#include "firmware/json/scan.h"

#define MAX_SAFE_INTEGER 9007199254740991.0 /* 2^53 - 1 */

struct gw_json_doc {
    cJSON *root;
};

static const cJSON *item_of(const struct gw_json *value) {
    return (const cJSON *) value;
}

static const struct gw_json *value_of(const cJSON *item) {
    return (const struct gw_json *) item;
}

/* cJSON knows no comments: they become spaces. The text is checked, so quotes
 * and comment marks stand where the grammar wants them. */
static void blank_comments(char *text, size_t len) {
    size_t i = 0;
    while (i < len) {
        if (text[i] == '"') {
            for (i++; i < len && text[i] != '"'; i++) {
                i += text[i] == '\\';
            }
            i++;
        } else if (text[i] == '/') {
            struct gw_str rest = {text + i, len - i};
            const char *stop = text[i + 1] == '/' ? memchr(rest.ptr, '\n', rest.len)
                                                  : memmem(rest.ptr + 2, rest.len - 2, "*/", 2);
            size_t end = !stop ? len : (size_t) (stop - text) + (*stop == '*' ? 2 : 0);
            memset(text + i, ' ', end - i);
            i = end;
        } else {
            i++;
        }
    }
}

static cJSON *parse_checked(struct gw_str text, unsigned flags) {
    if (!(flags & GW_JSON_COMMENTS) || !memchr(text.ptr, '/', text.len)) {
        return cJSON_ParseWithLength(text.ptr, text.len);
    }
    GW_CLEANUP(gw_freep) char *copy = malloc(text.len);
    if (!copy) {
        return NULL;
    }
    memcpy(copy, text.ptr, text.len);
    blank_comments(copy, text.len);
    return cJSON_ParseWithLength(copy, text.len);
}

enum gw_err gw_json_parse(struct gw_str text, const struct gw_json_limits *limits,
                          struct gw_json_error *ret_error, struct gw_json_doc **ret_doc) {
    struct gw_json_limits stricter = *limits;
    stricter.flags |= GW_JSON_NO_NUL;
    enum gw_err err = gw_json_scan(text, &stricter, ret_error);
    if (err) {
        return err;
    }
    struct gw_json_doc *doc = malloc(sizeof(*doc));
    if (!doc) {
        return GW_ERR_NOMEM;
    }
    /* Whatever the scanner accepts cJSON parses, unless memory is short. */
    doc->root = parse_checked(text, limits->flags);
    if (!doc->root) {
        free(doc);
        return GW_ERR_NOMEM;
    }
    *ret_doc = doc;
    return GW_OK;
}

void gw_json_close(struct gw_json_doc *doc) {
    if (doc) {
        cJSON_Delete(doc->root);
        free(doc);
    }
}

const struct gw_json *gw_json_root(const struct gw_json_doc *doc) {
    return value_of(doc->root);
}

enum gw_json_kind gw_json_kind(const struct gw_json *value) {
    const cJSON *item = item_of(value);
    if (cJSON_IsBool(item)) {
        return GW_JSON_BOOL;
    }
    if (cJSON_IsNumber(item)) {
        return GW_JSON_NUMBER;
    }
    if (cJSON_IsString(item)) {
        return GW_JSON_STRING;
    }
    if (cJSON_IsArray(item)) {
        return GW_JSON_ARRAY;
    }
    return cJSON_IsObject(item) ? GW_JSON_OBJECT_KIND : GW_JSON_NULL;
}

const char *gw_json_kind_name(enum gw_json_kind kind) {
    static const char *const names[] = {
        [GW_JSON_NULL] = "null",     [GW_JSON_BOOL] = "boolean",
        [GW_JSON_NUMBER] = "number", [GW_JSON_STRING] = "string",
        [GW_JSON_ARRAY] = "array",   [GW_JSON_OBJECT_KIND] = "object",
    };
    return (size_t) kind < GW_ARRAY_LEN(names) ? names[kind] : "unknown";
}

const struct gw_json *gw_json_member(const struct gw_json *object, const char *name) {
    if (!cJSON_IsObject(item_of(object))) {
        return NULL;
    }
    return value_of(cJSON_GetObjectItemCaseSensitive(item_of(object), name));
}

static const cJSON *step(const cJSON *item, struct gw_str token) {
    if (cJSON_IsArray(item)) {
        uint64_t index = 0;
        if (gw_json_token_index(token, &index) != GW_OK) {
            return NULL;
        }
        const cJSON *child = item->child;
        while (child && index-- > 0) {
            child = child->next;
        }
        return child;
    }
    const cJSON *child = cJSON_IsObject(item) ? item->child : NULL;
    while (child && !gw_json_token_names_plain(token, gw_str_from_cstr(child->string))) {
        child = child->next;
    }
    return child;
}

const struct gw_json *gw_json_pointer(const struct gw_json *value, struct gw_str pointer) {
    const cJSON *item = item_of(value);
    while (item && pointer.len > 0) {
        struct gw_str token;
        if (gw_json_pointer_take(&pointer, &token) != GW_OK) {
            return NULL;
        }
        item = step(item, token);
    }
    return value_of(item);
}

const struct gw_json *gw_json_first(const struct gw_json *container) {
    return container ? value_of(item_of(container)->child) : NULL;
}

const struct gw_json *gw_json_next(const struct gw_json *child) {
    return child ? value_of(item_of(child)->next) : NULL;
}

size_t gw_json_count(const struct gw_json *container) {
    size_t count = 0;
    for (const struct gw_json *c = gw_json_first(container); c; c = gw_json_next(c)) {
        count++;
    }
    return count;
}

struct gw_str gw_json_name(const struct gw_json *child) {
    return gw_str_from_cstr(child ? item_of(child)->string : NULL);
}

enum gw_err gw_json_get_str(const struct gw_json *value, struct gw_str *ret_text) {
    if (!cJSON_IsString(item_of(value))) {
        return GW_ERR_SCHEMA;
    }
    *ret_text = gw_str_from_cstr(item_of(value)->valuestring);
    return GW_OK;
}

enum gw_err gw_json_get_i64(const struct gw_json *value, int64_t *ret_number) {
    if (!cJSON_IsNumber(item_of(value))) {
        return GW_ERR_SCHEMA;
    }
    double number = item_of(value)->valuedouble;
    /* Written so that a NaN would fail too. */
    if (!(number >= -MAX_SAFE_INTEGER && number <= MAX_SAFE_INTEGER)) {
        return GW_ERR_RANGE;
    }
    int64_t integer = (int64_t) number;
    if ((double) integer < number || (double) integer > number) {
        return GW_ERR_RANGE;
    }
    *ret_number = integer;
    return GW_OK;
}

enum gw_err gw_json_get_bool(const struct gw_json *value, bool *ret_flag) {
    if (!cJSON_IsBool(item_of(value))) {
        return GW_ERR_SCHEMA;
    }
    *ret_flag = cJSON_IsTrue(item_of(value));
    return GW_OK;
}
