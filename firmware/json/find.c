/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding a value in checked text without a tree. Nothing is verified again:
 * on text that was not checked the answer may be nonsense, but no byte outside
 * the text is read.
 */
#include <string.h>

#include "firmware/json/json.h"
#include "firmware/json/pointer.h"
#include "firmware/json/text.h"

struct walk {
    const uint8_t *p;
    const uint8_t *end;
};

static void skip_space(struct walk *w) {
    while (w->p < w->end && (*w->p == ' ' || *w->p == '\n' || *w->p == '\r' || *w->p == '\t')) {
        w->p++;
    }
}

static bool take(struct walk *w, char c) {
    skip_space(w);
    if (w->p < w->end && *w->p == (uint8_t) c) {
        w->p++;
        return true;
    }
    return false;
}

/* From the opening quote to behind the closing one. The inner text stands
 * between that start and end; true if it holds an escape. */
static bool skip_string(struct walk *w) {
    bool escaped = false;
    w->p = gw_json_skip_plain(w->p + 1, w->end);
    while (w->p < w->end && *w->p != '"') {
        bool is_escape = *w->p == '\\' && w->end - w->p > 1;
        escaped |= is_escape;
        w->p = gw_json_skip_plain(w->p + (is_escape ? 2 : 1), w->end);
    }
    w->p += w->p < w->end;
    return escaped;
}

static bool ends_scalar(uint8_t c) {
    return c == ',' || c == ']' || c == '}' || c <= ' ';
}

static void skip_scalar(struct walk *w) {
    while (w->p < w->end && !ends_scalar(*w->p)) {
        w->p++;
    }
}

/* Inside a container only brackets outside strings count. */
static void skip_container(struct walk *w) {
    size_t depth = 0;
    while (w->p < w->end) {
        uint8_t c = *w->p;
        if (c == '"') {
            (void) skip_string(w);
            continue;
        }
        w->p++;
        if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return;
        }
    }
}

/* The raw text of the value that comes next. */
static struct gw_str take_value(struct walk *w) {
    skip_space(w);
    const uint8_t *start = w->p;
    if (w->p < w->end && *w->p == '"') {
        (void) skip_string(w);
    } else if (w->p < w->end && (*w->p == '{' || *w->p == '[')) {
        skip_container(w);
    } else {
        skip_scalar(w);
    }
    return (struct gw_str){(const char *) start, (size_t) (w->p - start)};
}

struct token {
    struct gw_str text;
    bool is_plain; /* no ~0 or ~1 in it: names can be compared byte by byte */
};

/* Takes the name that comes next and its colon; true if it is the token's.
 * Malformed text ends the walk. */
static bool take_name(struct walk *w, const struct token *token) {
    skip_space(w);
    if (w->p == w->end || *w->p != '"') {
        w->p = w->end;
        return false;
    }
    const char *inner = (const char *) w->p + 1;
    bool escaped = skip_string(w);
    size_t len = (size_t) ((const char *) w->p - inner);
    struct gw_str name = {inner, len > 0 ? len - 1 : 0};
    bool same = token->is_plain && !escaped ? gw_str_eq(token->text, name)
                                            : gw_json_token_names(token->text, name);
    if (!take(w, ':')) {
        w->p = w->end;
        return false;
    }
    return same;
}

/* Leaves w before the value of the member. */
static enum gw_err enter_member(struct walk *w, struct gw_str token_text) {
    struct token token = {token_text, gw_str_find(token_text, '~', 0) == token_text.len};
    do {
        if (take_name(w, &token)) {
            return GW_OK;
        }
        (void) take_value(w);
    } while (take(w, ','));
    return GW_ERR_NOENT;
}

static enum gw_err enter_element(struct walk *w, struct gw_str token) {
    uint64_t index = 0;
    if (gw_json_token_index(token, &index) != GW_OK || take(w, ']')) {
        return GW_ERR_NOENT;
    }
    for (uint64_t i = 0; i < index; i++) {
        (void) take_value(w);
        if (!take(w, ',')) {
            return GW_ERR_NOENT;
        }
    }
    return GW_OK;
}

enum gw_err gw_json_find_raw(struct gw_str text, struct gw_str pointer,
                             struct gw_str *ret_raw) {
    const uint8_t *start = (const uint8_t *) (text.ptr ? text.ptr : "");
    struct walk w = {start, start + text.len};
    struct gw_str token;
    while (pointer.len > 0) {
        if (gw_json_pointer_take(&pointer, &token) != GW_OK) {
            return GW_ERR_NOENT;
        }
        enum gw_err err = GW_ERR_NOENT;
        if (take(&w, '{')) {
            err = enter_member(&w, token);
        } else if (take(&w, '[')) {
            err = enter_element(&w, token);
        }
        if (err) {
            return err;
        }
    }
    struct gw_str raw = take_value(&w);
    if (raw.len == 0) {
        return GW_ERR_NOENT;
    }
    *ret_raw = raw;
    return GW_OK;
}

/* What is not plain, at *p: a sequence beyond ASCII stays in the run of bytes to
 * be copied as they are, an escape ends the run and begins another behind it. */
static enum gw_err decode_special(const uint8_t **p, const uint8_t *end, const uint8_t **run,
                                  struct gw_buf *buf) {
    if (**p >= 0x80) {
        size_t len = gw_str_utf8_len((struct gw_str){(const char *) *p, (size_t) (end - *p)});
        *p += len;
        return len > 0 ? GW_OK : GW_ERR_PARSE;
    }
    uint32_t code_point = 0;
    size_t len = **p == '\\' ? gw_json_escape_len(*p, end, &code_point) : 0;
    if (len == 0) {
        return GW_ERR_PARSE;
    }
    uint8_t utf8[4];
    gw_buf_put(buf, (struct gw_bytes){*run, (size_t) (*p - *run)});
    gw_buf_put(buf, (struct gw_bytes){utf8, gw_json_encode_utf8(code_point, utf8)});
    *p += len;
    *run = *p;
    return GW_OK;
}

static enum gw_err decode_inner(const uint8_t *p, const uint8_t *end, struct gw_buf *buf) {
    const uint8_t *run = p;
    for (p = gw_json_skip_plain(p, end); p < end; p = gw_json_skip_plain(p, end)) {
        enum gw_err err = decode_special(&p, end, &run, buf);
        if (err) {
            return err;
        }
    }
    gw_buf_put(buf, (struct gw_bytes){run, (size_t) (end - run)});
    return gw_buf_failed(buf) ? GW_ERR_FULL : GW_OK;
}

enum gw_err gw_json_unescape(struct gw_str raw, struct gw_buf *buf) {
    if (raw.len < 2 || raw.ptr[0] != '"' || raw.ptr[raw.len - 1] != '"') {
        return GW_ERR_PARSE;
    }
    const uint8_t *inner = (const uint8_t *) raw.ptr + 1;
    size_t before = buf->len;
    enum gw_err err = decode_inner(inner, inner + raw.len - 2, buf);
    if (err) {
        buf->len = before;
    }
    return err;
}
