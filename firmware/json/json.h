/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON from strangers: a strict scanner first, cJSON only behind it.
 *
 * gw_json_check decides whether text is acceptable without allocating: RFC 8259
 * grammar, UTF-8, no halves of surrogate pairs, numbers of at most 63 characters,
 * depth, size, no duplicate member names ("a" and "\u0061" are the same name), no
 * NUL (\u0000) in names. A byte order mark is refused. gw_json_parse runs it before cJSON ever
 * sees a byte, since cJSON alone accepts a sixth of the invalid files of the public torture
 * suite. This is the only room that includes cJSON.
 */
#ifndef GW_JSON_JSON_H
#define GW_JSON_JSON_H

#include "firmware/base/buf.h"

enum gw_json_flags {
    GW_JSON_COMMENTS = 1,  /* allow C and C++ comments (configuration files) */
    GW_JSON_CANONICAL = 2, /* sorted members, no white space, integers within
                              +-(2^53-1) only, shortest escapes: RFC 8785 for
                              the numbers we allow */
    GW_JSON_OBJECT = 4,    /* the top value must be an object */
};

struct gw_json_limits {
    size_t max_bytes;
    unsigned max_depth; /* [] is 1 deep, a number 0; more than GW_JSON_DEPTH_MAX
                           counts as GW_JSON_DEPTH_MAX */
    unsigned flags;     /* enum gw_json_flags */
};
#define GW_JSON_DEPTH_MAX 64
/* Members of one object that can be checked for duplicates; more are RANGE, and
 * so are more than twice as many in all objects that are open at one point. */
#define GW_JSON_MEMBERS_MAX 1024

/* Where and why text was refused. */
struct gw_json_error {
    size_t offset;      /* byte offset of the offence */
    unsigned line;      /* from 1 */
    const char *reason; /* "duplicate member", static storage */
};

/* PARSE or RANGE with *ret_error filled (may be NULL); OK leaves it untouched. */
enum gw_err gw_json_check(struct gw_str text, const struct gw_json_limits *limits,
                          struct gw_json_error *ret_error);

/* A parsed document; heap, for configuration, control requests and answers. */
struct gw_json_doc;
/* A value inside a document; lives as long as the document. */
struct gw_json;

enum gw_json_kind {
    GW_JSON_NULL,
    GW_JSON_BOOL,
    GW_JSON_NUMBER,
    GW_JSON_STRING,
    GW_JSON_ARRAY,
    GW_JSON_OBJECT_KIND
};

/* The text may go away afterwards. Stricter than gw_json_check in one point: no
 * \u0000 in string values either, where cJSON's strings would end. PARSE, RANGE
 * (with ret_error), NOMEM. */
enum gw_err gw_json_parse(struct gw_str text, const struct gw_json_limits *limits,
                          struct gw_json_error *ret_error, struct gw_json_doc **ret_doc);
/* Free the document and all values in it. NULL is allowed. */
void gw_json_close(struct gw_json_doc *doc);
/* The top value, as long-lived as the document. */
const struct gw_json *gw_json_root(const struct gw_json_doc *doc);

/* NULL counts as GW_JSON_NULL. */
enum gw_json_kind gw_json_kind(const struct gw_json *value);
/* "null", "boolean", "number", ... for messages; static storage. */
const char *gw_json_kind_name(enum gw_json_kind kind);
/* Member of an object, NULL if absent or not an object. */
const struct gw_json *gw_json_member(const struct gw_json *object, const char *name);
/* By RFC 6901 pointer ("/a/0/b", "" is the value itself); NULL if absent. */
const struct gw_json *gw_json_pointer(const struct gw_json *value, struct gw_str pointer);
/* First child of an object or array, then the next sibling; NULL at the end. */
const struct gw_json *gw_json_first(const struct gw_json *container);
const struct gw_json *gw_json_next(const struct gw_json *child);
size_t gw_json_count(const struct gw_json *container);
/* Member name of a child of an object; empty view otherwise. */
struct gw_str gw_json_name(const struct gw_json *child);

/* SCHEMA if the value is NULL or of another kind; RANGE if not representable. */
enum gw_err gw_json_get_str(const struct gw_json *value, struct gw_str *ret_text);
enum gw_err gw_json_get_i64(const struct gw_json *value, int64_t *ret_number);
enum gw_err gw_json_get_bool(const struct gw_json *value, bool *ret_flag);
/* A number or numeric string as the text the sender wrote is not kept by cJSON:
 * use gw_json_find_raw on the original text where the digits matter. */
/* Raw text of the value at RFC 6901 `pointer` in checked `text` (strings with
 * their quotes and escapes, numbers digit for digit). No allocation. Time is
 * linear in what stands before the value. Comments are not understood. On text
 * that was not checked the answer may be nonsense, but stays inside the text.
 * Same lifetime as text. NOENT, also for a malformed pointer. */
enum gw_err gw_json_find_raw(struct gw_str text, struct gw_str pointer, struct gw_str *ret_raw);
/* Append a raw JSON string (with quotes), decoded to UTF-8, to buf. PARSE, FULL;
 * buf's content is as before then. */
enum gw_err gw_json_unescape(struct gw_str raw, struct gw_buf *buf);

/* Append value as canonical JSON (members sorted). SCHEMA if a number is not
 * an integer within +-(2^53-1); FULL. On an error buf's content is as before. */
enum gw_err gw_json_put_canonical(const struct gw_json *value, struct gw_buf *buf);

#endif
