/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recursive descent over RFC 8259, one pass, no allocation. Depth is bounded
 * by the caller's limit and GW_JSON_DEPTH_MAX, and with it the recursion.
 *
 * Every function finds s->p at the first byte of its construct and leaves it
 * behind the last; on failure s->p may stand anywhere, the offence is recorded
 * by fail() and only the first counts, since each caller returns at once.
 */
#include "firmware/json/scan.h"

#include <string.h>

#include "firmware/json/names.h"
#include "firmware/json/text.h"

#define MAX_SAFE_INTEGER UINT64_C(9007199254740991) /* 2^53 - 1 */

struct scan {
    const uint8_t *p;
    const uint8_t *end;
    const uint8_t *start;
    unsigned flags;
    const uint8_t *fail_at;
    const char *fail_reason;
    struct gw_json_names names;
};

static enum gw_err fail_with(struct scan *s, const uint8_t *at, const char *reason,
                             enum gw_err err) {
    s->fail_at = at;
    s->fail_reason = reason;
    return err;
}

static enum gw_err fail(struct scan *s, const uint8_t *at, const char *reason) {
    return fail_with(s, at, reason, GW_ERR_PARSE);
}

static bool at_byte(const struct scan *s, char c) {
    return s->p < s->end && *s->p == (uint8_t) c;
}

static bool is_digit(const struct scan *s) {
    return s->p < s->end && (unsigned) *s->p - '0' <= 9;
}

/* ---- white space and comments ------------------------------------------- */

static enum gw_err scan_comment(struct scan *s) {
    const uint8_t *start = s->p;
    size_t left = (size_t) (s->end - start);
    const uint8_t *stop = NULL;
    if (left >= 2 && start[1] == '/') {
        stop = memchr(start, '\n', left);
        stop = stop ? stop : s->end;
    } else if (left >= 2 && start[1] == '*') {
        stop = memmem(start + 2, left - 2, "*/", 2);
        if (!stop) {
            return fail(s, start, "comment without end");
        }
        stop += 2;
    } else {
        return fail(s, start, "unexpected character");
    }
    struct gw_str comment = {(const char *) start, (size_t) (stop - start)};
    if (!gw_str_is_utf8(comment) || memchr(comment.ptr, 0, comment.len)) {
        return fail(s, start, "comment is not UTF-8 text");
    }
    s->p = stop;
    return GW_OK;
}

static enum gw_err skip_space_slowly(struct scan *s) {
    if (s->flags & GW_JSON_CANONICAL) {
        return GW_OK;
    }
    while (s->p < s->end) {
        uint8_t c = *s->p;
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
            s->p++;
        } else if (c == '/' && (s->flags & GW_JSON_COMMENTS)) {
            enum gw_err err = scan_comment(s);
            if (err) {
                return err;
            }
        } else {
            return GW_OK;
        }
    }
    return GW_OK;
}

static inline enum gw_err skip_space(struct scan *s) {
    if (s->p<s->end && * s->p> ' ' && *s->p != '/') {
        return GW_OK;
    }
    return skip_space_slowly(s);
}

/* ---- strings ------------------------------------------------------------- */

struct string {
    struct gw_str inner;
    bool escaped;
    bool has_nul;
};

/* RFC 8785, 3.2.2.2: two-letter escapes where they exist, \u00xx in lower case
 * for other control characters, nothing else is escaped. */
static bool is_canonical_escape(const uint8_t *p, size_t len, uint32_t code_point) {
    if (len == 2) {
        return p[1] != '/';
    }
    uint8_t storage[8];
    struct gw_buf shortest;
    gw_buf_init(&shortest, storage, sizeof(storage));
    char c = (char) code_point;
    return code_point < 0x20 && gw_buf_put_json_str(&shortest, (struct gw_str){&c, 1})
           && shortest.len == 8 && memcmp(storage + 1, p, 6) == 0;
}

static enum gw_err scan_escape(struct scan *s, struct string *string) {
    uint32_t code_point = 0;
    size_t len = gw_json_escape_len(s->p, s->end, &code_point);
    if (len == 0) {
        return fail(s, s->p, "malformed escape");
    }
    if ((s->flags & GW_JSON_CANONICAL) && !is_canonical_escape(s->p, len, code_point)) {
        return fail(s, s->p, "escape is not the shortest");
    }
    if (code_point == 0 && (s->flags & GW_JSON_NO_NUL)) {
        return fail(s, s->p, "NUL in a string");
    }
    string->has_nul |= code_point == 0;
    string->escaped = true;
    s->p += len;
    return GW_OK;
}

static enum gw_err scan_beyond_ascii(struct scan *s) {
    size_t len =
        gw_str_utf8_len((struct gw_str){(const char *) s->p, (size_t) (s->end - s->p)});
    if (len == 0) {
        return fail(s, s->p, "not UTF-8");
    }
    s->p += len;
    return GW_OK;
}

static enum gw_err scan_special(struct scan *s, struct string *string) {
    if (*s->p == '\\') {
        return scan_escape(s, string);
    }
    if (*s->p >= 0x80) {
        return scan_beyond_ascii(s);
    }
    return fail(s, s->p, "control character in a string");
}

/* Fills *string in place: handing a local out by copy stalls on the bytes just
 * written, which was a third of the time of a whole scan. */
static enum gw_err scan_string(struct scan *s, struct string *string) {
    const uint8_t *open = s->p;
    string->inner.ptr = (const char *) open + 1;
    string->escaped = false;
    string->has_nul = false;
    s->p = gw_json_skip_plain(open + 1, s->end);
    while (s->p < s->end && *s->p != '"') {
        enum gw_err err = scan_special(s, string);
        if (err) {
            return err;
        }
        s->p = gw_json_skip_plain(s->p, s->end);
    }
    if (s->p == s->end) {
        return fail(s, open, "string without end");
    }
    string->inner.len = (size_t) (s->p - open) - 1;
    s->p++;
    return GW_OK;
}

/* ---- numbers and words ---------------------------------------------------- */

static enum gw_err scan_digits(struct scan *s) {
    if (!is_digit(s)) {
        return fail(s, s->p, "digit expected");
    }
    while (is_digit(s)) {
        s->p++;
    }
    return GW_OK;
}

static enum gw_err scan_integer_part(struct scan *s) {
    const uint8_t *first = s->p;
    enum gw_err err = scan_digits(s);
    if (err) {
        return err;
    }
    return *first == '0' && s->p - first > 1 ? fail(s, first, "leading zero") : GW_OK;
}

static enum gw_err scan_fraction_and_exponent(struct scan *s) {
    if (at_byte(s, '.')) {
        s->p++;
        enum gw_err err = scan_digits(s);
        if (err) {
            return err;
        }
    }
    if (!at_byte(s, 'e') && !at_byte(s, 'E')) {
        return GW_OK;
    }
    s->p++;
    if (at_byte(s, '+') || at_byte(s, '-')) {
        s->p++;
    }
    return scan_digits(s);
}

static enum gw_err check_canonical_number(struct scan *s, const uint8_t *start,
                                          const uint8_t *integer_end) {
    if (s->p != integer_end) {
        return fail(s, start, "number is not a plain integer");
    }
    bool negative = *start == '-';
    struct gw_str digits = {(const char *) start + negative,
                            (size_t) (s->p - start) - negative};
    if (negative && digits.ptr[0] == '0') {
        return fail(s, start, "negative zero");
    }
    uint64_t magnitude = 0;
    if (gw_str_to_u64(digits, MAX_SAFE_INTEGER, &magnitude) != GW_OK) {
        return fail_with(s, start, "integer beyond 2^53-1", GW_ERR_RANGE);
    }
    return GW_OK;
}

static enum gw_err scan_number(struct scan *s) {
    const uint8_t *start = s->p;
    if (*start == '-') {
        s->p++;
    }
    enum gw_err err = scan_integer_part(s);
    if (err) {
        return err;
    }
    const uint8_t *integer_end = s->p;
    err = scan_fraction_and_exponent(s);
    if (err) {
        return err;
    }
    if (s->p - start > GW_JSON_NUMBER_MAX) {
        return fail_with(s, start, "number too long", GW_ERR_RANGE);
    }
    return s->flags & GW_JSON_CANONICAL ? check_canonical_number(s, start, integer_end) : GW_OK;
}

static enum gw_err scan_word(struct scan *s, struct gw_str word) {
    struct gw_str rest = {(const char *) s->p, (size_t) (s->end - s->p)};
    if (!gw_str_starts_with(rest, word)) {
        return fail(s, s->p, "unexpected character");
    }
    s->p += word.len;
    return GW_OK;
}

/* ---- containers ------------------------------------------------------------ */

static enum gw_err scan_value(struct scan *s, unsigned depth_left);

/* In canonical text names come in order, so comparing neighbours finds both
 * disorder and repetition, and one entry per object is enough. */
static enum gw_err add_canonical_name(struct scan *s, uint32_t base,
                                      const struct string *name) {
    struct gw_json_names *names = &s->names;
    const uint8_t *at = (const uint8_t *) name->inner.ptr - 1;
    if (names->count > base) {
        const struct gw_json_name *last = &names->entries[base];
        struct gw_str before = {names->text + last->offset, last->len};
        int order = gw_json_text_compare(before, name->inner);
        if (order >= 0) {
            return fail(s, at, order == 0 ? "duplicate member" : "members are not sorted");
        }
    }
    names->entries[base].offset = (uint32_t) (name->inner.ptr - names->text);
    names->entries[base].len = (uint32_t) name->inner.len;
    names->count = base + 1;
    return GW_OK;
}

static enum gw_err add_name(struct scan *s, uint32_t base, const struct string *name) {
    const uint8_t *at = (const uint8_t *) name->inner.ptr - 1;
    if (name->has_nul) {
        return fail(s, at, "NUL in a member name");
    }
    if (s->flags & GW_JSON_CANONICAL) {
        return add_canonical_name(s, base, name);
    }
    switch (gw_json_names_add(&s->names, base, name->inner, name->escaped)) {
    case GW_OK:
        return GW_OK;
    case GW_ERR_DUPLICATE:
        return fail(s, at, "duplicate member");
    default:
        return fail_with(s, at, "too many members", GW_ERR_RANGE);
    }
}

static enum gw_err scan_member(struct scan *s, uint32_t base, unsigned depth_left) {
    if (!at_byte(s, '"')) {
        return fail(s, s->p, "member name expected");
    }
    struct string name;
    enum gw_err err = scan_string(s, &name);
    if (err) {
        return err;
    }
    err = add_name(s, base, &name);
    if (err) {
        return err;
    }
    err = skip_space(s);
    if (err) {
        return err;
    }
    if (!at_byte(s, ':')) {
        return fail(s, s->p, "':' expected");
    }
    s->p++;
    return scan_value(s, depth_left);
}

static enum gw_err scan_object(struct scan *s, unsigned depth_left) {
    uint32_t base = s->names.count;
    s->p++;
    enum gw_err err = skip_space(s);
    if (!err && at_byte(s, '}')) {
        s->p++;
        return GW_OK;
    }
    for (unsigned members = 0; !err; members++) {
        if (members == GW_JSON_MEMBERS_MAX) {
            return fail_with(s, s->p, "too many members", GW_ERR_RANGE);
        }
        err = scan_member(s, base, depth_left);
        if (err) {
            return err;
        }
        if (at_byte(s, '}')) {
            s->p++;
            s->names.count = base;
            return GW_OK;
        }
        if (!at_byte(s, ',')) {
            return fail(s, s->p, "',' or '}' expected");
        }
        s->p++;
        err = skip_space(s);
    }
    return err;
}

static enum gw_err scan_array(struct scan *s, unsigned depth_left) {
    s->p++;
    enum gw_err err = skip_space(s);
    if (err) {
        return err;
    }
    if (at_byte(s, ']')) {
        s->p++;
        return GW_OK;
    }
    for (;;) {
        err = scan_value(s, depth_left);
        if (err) {
            return err;
        }
        if (at_byte(s, ']')) {
            s->p++;
            return GW_OK;
        }
        if (!at_byte(s, ',')) {
            return fail(s, s->p, "',' or ']' expected");
        }
        s->p++;
    }
}

static enum gw_err scan_container(struct scan *s, unsigned depth_left) {
    if (depth_left == 0) {
        return fail_with(s, s->p, "too deep", GW_ERR_RANGE);
    }
    return *s->p == '{' ? scan_object(s, depth_left - 1) : scan_array(s, depth_left - 1);
}

static enum gw_err scan_bare_value(struct scan *s, unsigned depth_left) {
    struct string string;
    switch (*s->p) {
    case '"':
        return scan_string(s, &string);
    case '{':
    case '[':
        return scan_container(s, depth_left);
    case 't':
        return scan_word(s, GW_STR("true"));
    case 'f':
        return scan_word(s, GW_STR("false"));
    case 'n':
        return scan_word(s, GW_STR("null"));
    case '-':
        return scan_number(s);
    default:
        return is_digit(s) ? scan_number(s) : fail(s, s->p, "unexpected character");
    }
}

/* A value with the white space around it. */
static enum gw_err scan_value(struct scan *s, unsigned depth_left) {
    enum gw_err err = skip_space(s);
    if (err) {
        return err;
    }
    if (s->p == s->end) {
        return fail(s, s->p, "value expected");
    }
    err = scan_bare_value(s, depth_left);
    if (err) {
        return err;
    }
    return skip_space(s);
}

/* ---- the whole text --------------------------------------------------------- */

static enum gw_err scan_text(struct scan *s, unsigned max_depth) {
    if (s->flags & GW_JSON_OBJECT) {
        enum gw_err err = skip_space(s);
        if (err) {
            return err;
        }
        if (!at_byte(s, '{')) {
            return fail(s, s->p, "not an object");
        }
    }
    enum gw_err err =
        scan_value(s, max_depth < GW_JSON_DEPTH_MAX ? max_depth : GW_JSON_DEPTH_MAX);
    if (err) {
        return err;
    }
    return s->p == s->end ? GW_OK : fail(s, s->p, "text behind the value");
}

static void report(const struct scan *s, struct gw_json_error *ret_error) {
    *ret_error = (struct gw_json_error){
        .offset = (size_t) (s->fail_at - s->start), .line = 1, .reason = s->fail_reason};
    for (const uint8_t *p = s->start; p < s->fail_at; p++) {
        ret_error->line += *p == '\n';
    }
}

static void scan_init(struct scan *s, struct gw_str text, unsigned flags) {
    /* Not zeroed as a whole: 32 kB of names would cost more than the scan. */
    const uint8_t *start = (const uint8_t *) (text.ptr ? text.ptr : "");
    s->p = start;
    s->end = start + text.len;
    s->start = start;
    s->flags = flags;
    s->fail_at = start;
    s->fail_reason = "";
    s->names.text = (const char *) start;
    s->names.end = (const char *) s->end;
    s->names.count = 0;
}

enum gw_err gw_json_scan(struct gw_str text, const struct gw_json_limits *limits,
                         struct gw_json_error *ret_error) {
    struct scan s;
    scan_init(&s, text, limits->flags);
    enum gw_err err;
    /* Offsets of names are 32 bits wide. */
    size_t max_bytes = limits->max_bytes < UINT32_MAX ? limits->max_bytes : UINT32_MAX;
    if (text.len > max_bytes) {
        err = fail_with(&s, s.start + max_bytes, "too long", GW_ERR_RANGE);
    } else {
        err = scan_text(&s, limits->max_depth);
    }
    if (err && ret_error) {
        report(&s, ret_error);
    }
    return err;
}

enum gw_err gw_json_check(struct gw_str text, const struct gw_json_limits *limits,
                          struct gw_json_error *ret_error) {
    struct gw_json_limits plain = *limits;
    plain.flags &= GW_JSON_COMMENTS | GW_JSON_CANONICAL | GW_JSON_OBJECT;
    return gw_json_scan(text, &plain, ret_error);
}
