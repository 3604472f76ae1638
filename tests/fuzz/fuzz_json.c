/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte of the input chooses flags and depth, the rest is the text.
 * Properties: what the scanner accepts the library behind it parses; canonical
 * output passes the canonical check and is a fixed point; raw text found by
 * pointer is itself acceptable, and decodes to what the tree holds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/json/json.h"

#define OUTPUT_MAX_BYTES (8U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

GW_DEFINE_CLEANUP(struct gw_json_doc *, gw_json_close, close_docp)

static void check_canonical(const struct gw_json *value) {
    GW_CLEANUP(gw_buf_close) struct gw_buf first = {0};
    GW_CLEANUP(gw_buf_close) struct gw_buf second = {0};
    require(gw_buf_open(&first, OUTPUT_MAX_BYTES) == GW_OK
            && gw_buf_open(&second, OUTPUT_MAX_BYTES) == GW_OK);
    if (gw_json_put_canonical(value, &first) != GW_OK) {
        return;
    }
    struct gw_json_limits limits = {OUTPUT_MAX_BYTES, GW_JSON_DEPTH_MAX, GW_JSON_CANONICAL};
    require(gw_json_check(gw_buf_str(&first), &limits, NULL) == GW_OK);
    GW_CLEANUP(close_docp) struct gw_json_doc *doc = NULL;
    require(gw_json_parse(gw_buf_str(&first), &limits, NULL, &doc) == GW_OK);
    require(gw_json_put_canonical(gw_json_root(doc), &second) == GW_OK);
    require(gw_str_eq(gw_buf_str(&first), gw_buf_str(&second)));
}

/* "/" and the name with ~ and / spelt ~0 and ~1. */
static bool put_pointer(struct gw_str name, struct gw_buf *buf) {
    gw_buf_put_char(buf, '/');
    for (size_t i = 0; i < name.len; i++) {
        switch (name.ptr[i]) {
        case '~':
            gw_buf_put_str(buf, GW_STR("~0"));
            break;
        case '/':
            gw_buf_put_str(buf, GW_STR("~1"));
            break;
        default:
            gw_buf_put_char(buf, name.ptr[i]);
        }
    }
    return !gw_buf_failed(buf);
}

/* A string decoded from its raw text is the string the tree holds. */
static void check_unescape(struct gw_str raw, const struct gw_json *value) {
    struct gw_str expected;
    if (gw_json_get_str(value, &expected) != GW_OK) {
        return;
    }
    GW_CLEANUP(gw_buf_close) struct gw_buf text = {0};
    require(gw_buf_open(&text, raw.len) == GW_OK);
    require(gw_json_unescape(raw, &text) == GW_OK);
    require(gw_str_eq(gw_buf_str(&text), expected));
}

static void check_find(struct gw_str text, const struct gw_json *root) {
    uint8_t storage[256];
    struct gw_buf pointer;
    for (const struct gw_json *c = gw_json_first(root); c; c = gw_json_next(c)) {
        gw_buf_init(&pointer, storage, sizeof(storage));
        if (gw_json_kind(root) != GW_JSON_OBJECT_KIND
            || !put_pointer(gw_json_name(c), &pointer)) {
            continue;
        }
        struct gw_str raw = {NULL, 0};
        require(gw_json_pointer(root, gw_buf_str(&pointer)) == c);
        require(gw_json_find_raw(text, gw_buf_str(&pointer), &raw) == GW_OK);
        struct gw_json_limits limits = {text.len, GW_JSON_DEPTH_MAX, 0};
        require(gw_json_check(raw, &limits, NULL) == GW_OK);
        check_unescape(raw, c);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct gw_str text = {(const char *) data + 1, size - 1};
    struct gw_json_limits limits = {1 << 20, data[0] >> 3, data[0] & 7};
    struct gw_json_error error = {.reason = NULL};
    enum gw_err err = gw_json_check(text, &limits, &error);
    require(!err || (error.reason && error.offset <= text.len && error.line > 0));

    struct gw_str raw;
    (void) gw_json_find_raw(text, GW_STR("/a/0/b"), &raw);
    uint8_t decoded[64];
    struct gw_buf buf;
    gw_buf_init(&buf, decoded, sizeof(decoded));
    (void) gw_json_unescape(text, &buf);
    GW_CLEANUP(close_docp) struct gw_json_doc *doc = NULL;
    enum gw_err parse_err = gw_json_parse(text, &limits, &error, &doc);
    /* The one thing the parser refuses beyond the scanner, and may meet first. */
    bool is_nul = parse_err && strcmp(error.reason, "NUL in a string") == 0;
    require(parse_err == err || is_nul);
    if (parse_err) {
        return 0;
    }
    check_canonical(gw_json_root(doc));
    if (!(limits.flags & GW_JSON_COMMENTS)) {
        check_find(text, gw_json_root(doc));
    }
    return 0;
}
