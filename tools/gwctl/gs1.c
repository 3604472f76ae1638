/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/gwctl/gs1.h"

#include <string.h>

#include "firmware/base/cleanup.h"
#include "tools/gwctl/gwctl.h"

/* ---- gs1 ai ---- */

/* True if `number` is a qualifier of some key. */
static bool is_qualifier(const struct gw_gs1_ai *ai) {
    char text[5];
    gw_gs1_ai_format(ai, ai->first, text);
    const struct gw_gs1_ai *key;
    for (size_t i = 0; (key = gw_gs1_ai_at(i)) != NULL; i++) {
        struct gw_str rest = gw_str_from_cstr(key->path ? key->path : "");
        struct gw_str list;
        struct gw_str name;
        while (gw_str_split(&rest, '|', &list)) {
            while (gw_str_split(&list, ',', &name)) {
                if (gw_str_eq(name, gw_str_from_cstr(text))) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* "key 22,10,21|235", "qualifier, attribute", "attribute", "-". */
static void put_link_role(const struct gw_gs1_ai *ai, struct gw_buf *buf) {
    if (ai->path) {
        (void) gw_buf_printf(buf, "key%s%s", ai->path[0] ? " " : "", ai->path);
        return;
    }
    bool qualifier = is_qualifier(ai);
    (void) gw_buf_printf(buf, "%s%s%s", qualifier ? "qualifier" : "",
                         qualifier && ai->attribute ? ", " : "",
                         ai->attribute ? "attribute" : "");
    if (buf->len == 0) {
        (void) gw_buf_put_char(buf, '-');
    }
}

/* Text with the width it has on a terminal filled up to `width`. */
static void show_column(FILE *out, struct gw_str text, size_t width) {
    size_t shown = 0;
    for (size_t i = 0; i < text.len; i++) {
        shown += ((uint8_t) text.ptr[i] & 0xc0) != 0x80;
    }
    (void) fprintf(out, "%.*s%*s", GW_STR_ARG(text), shown < width ? (int) (width - shown) : 1,
                   "");
}

static void show_row(FILE *out, const struct gw_gs1_ai *ai, uint16_t number) {
    char name[5];
    char storage[2][96];
    struct gw_buf format;
    struct gw_buf role;
    gw_gs1_ai_format(ai, number, name);
    gw_buf_init(&format, storage[0], sizeof(storage[0]));
    gw_buf_init(&role, storage[1], sizeof(storage[1]));
    gw_gs1_ai_put_format(ai, &format);
    put_link_role(ai, &role);
    show_column(out, gw_str_from_cstr(name), 6);
    show_column(out, gw_str_from_cstr(ai->title[0] ? ai->title : "-"), 32);
    show_column(out, gw_buf_str(&format), 26);
    show_column(out, ai->predefined ? GW_STR("no") : GW_STR("yes"), 11);
    show_column(out, gw_buf_str(&role), 22);
    show_column(out, gw_str_from_cstr(ai->requires ? ai->requires : "-"), 28);
    (void) fprintf(out, "%s\n", ai->excludes ? ai->excludes : "-");
}

static void put_member(struct gw_buf *buf, const char *name, const char *text) {
    (void) gw_buf_printf(buf, ",\"%s\":", name);
    if (text) {
        (void) gw_buf_put_json_str(buf, gw_str_from_cstr(text));
    } else {
        (void) gw_buf_put_str(buf, GW_STR("null"));
    }
}

static void show_row_json(FILE *out, const struct gw_gs1_ai *ai, uint16_t number) {
    char name[5];
    char storage[1024];
    struct gw_buf buf;
    gw_gs1_ai_format(ai, number, name);
    gw_buf_init(&buf, storage, sizeof(storage));
    (void) gw_buf_printf(&buf, "{\"ai\":\"%s\"", name);
    put_member(&buf, "title", ai->title);
    (void) gw_buf_put_str(&buf, GW_STR(",\"format\":\""));
    gw_gs1_ai_put_format(ai, &buf);
    (void) gw_buf_printf(&buf, "\",\"min\":%u,\"max\":%u,\"separator\":%s", gw_gs1_ai_min(ai),
                         gw_gs1_ai_max(ai), ai->predefined ? "false" : "true");
    (void) gw_buf_printf(&buf, ",\"key\":%s,\"qualifier\":%s,\"attribute\":%s",
                         ai->path ? "true" : "false", is_qualifier(ai) ? "true" : "false",
                         ai->attribute ? "true" : "false");
    put_member(&buf, "qualifiers", ai->path);
    put_member(&buf, "requires", ai->requires);
    put_member(&buf, "excludes", ai->excludes);
    (void) fprintf(out, "%.*s}\n", GW_STR_ARG(gw_buf_str(&buf)));
}

int gw_gwctl_gs1_ai(struct gw_gwctl *ctl) {
    bool json = ctl->arguments.json;
    if (!json) {
        (void) fprintf(ctl->out, "%s: %d application identifiers\n\n", GW_GS1_RELEASE,
                       GW_GS1_AI_COUNT);
        (void) fprintf(ctl->out, "%-6s%-32s%-26s%-11s%-22s%-28s%s\n", "AI", "TITLE", "FORMAT",
                       "SEPARATOR", "DIGITAL LINK", "REQUIRES", "EXCLUDES");
    }
    const struct gw_gs1_ai *ai;
    for (size_t i = 0; (ai = gw_gs1_ai_at(i)) != NULL; i++) {
        for (unsigned number = ai->first; number <= ai->last; number++) {
            (json ? show_row_json : show_row)(ctl->out, ai, (uint16_t) number);
        }
    }
    return GW_EXIT_DONE;
}

/* ---- gs1 parse ---- */

/* One piece of a JSON string, without quotes of its own. */
static void put_piece(struct gw_buf *buf, struct gw_str text) {
    size_t at = buf->len;
    if (gw_buf_put_json_str(buf, text)) {
        memmove(buf->data + at, buf->data + at + 1, buf->len - at - 2);
        buf->len -= 2;
    }
}

/* Any bytes as a JSON string: a value cut at its length may end within a character,
 * and what is no UTF-8 becomes U+FFFD. */
static void put_text(struct gw_buf *buf, struct gw_str text) {
    (void) gw_buf_put_char(buf, '"');
    while (text.len > 0) {
        size_t len = gw_str_utf8_len(text);
        put_piece(buf, len > 0 ? gw_str_sub(text, 0, len) : GW_STR("\xef\xbf\xbd"));
        text = gw_str_sub(text, len > 0 ? len : 1, text.len);
    }
    (void) gw_buf_put_char(buf, '"');
}

/* ,"name": and the text in `text`, or null after an error. */
static void put_result(struct gw_buf *answer, const char *name, enum gw_err err,
                       struct gw_buf *text) {
    (void) gw_buf_printf(answer, ",\"%s\":", name);
    if (err) {
        (void) gw_buf_put_str(answer, GW_STR("null"));
    } else {
        put_text(answer, gw_buf_str(text));
    }
    gw_buf_clear(text);
}

static void put_why(const struct gw_gs1_scan *scan, struct gw_buf *text,
                    struct gw_buf *answer) {
    const struct gw_gs1_finding *why = &scan->why;
    put_member(answer, "why", scan->ok ? NULL : gw_gs1_reason_name(why->reason));
    put_result(answer, "why_text", scan->ok ? GW_ERR_NOENT : gw_gs1_put_why(scan, text), text);
    put_member(answer, "why_ai", why->ai[0] ? why->ai : NULL);
    (void) gw_buf_put_str(answer, GW_STR(",\"why_at\":"));
    if (scan->ok) {
        (void) gw_buf_put_str(answer, GW_STR("null"));
    } else {
        (void) gw_buf_put_u64(answer, why->at);
    }
}

static void put_notes(unsigned notes, struct gw_buf *answer) {
    (void) gw_buf_put_str(answer, GW_STR(",\"notes\":["));
    for (const char *comma = ""; notes != 0; notes &= notes - 1, comma = ",") {
        (void) gw_buf_printf(answer, "%s\"%s\"", comma, gw_gs1_note_name(notes));
    }
    (void) gw_buf_put_char(answer, ']');
}

static void put_scan(const struct gw_gs1_scan *scan, struct gw_buf *text,
                     struct gw_buf *answer) {
    (void) gw_buf_printf(answer, "{\"ok\":%s", scan->ok ? "true" : "false");
    put_why(scan, text, answer);
    put_member(answer, "kind", gw_gs1_kind_name(scan->kind));
    put_member(answer, "carrier", scan->carrier ? scan->carrier->name : NULL);
    (void) gw_buf_put_str(text, scan->aim);
    put_result(answer, "aim", scan->aim.len > 0 ? GW_OK : GW_ERR_NOENT, text);
    put_result(answer, "elements", gw_gs1_put_elements(scan, text), text);
    enum gw_err no_link = gw_gs1_put_digital_link(scan, GW_GS1_LINK_FULL, text);
    put_result(answer, "digital_link", no_link, text);
    put_result(answer, "identity", gw_gs1_put_digital_link(scan, GW_GS1_LINK_IDENTITY, text),
               text);
    put_result(answer, "urn", no_link ? gw_gs1_put_urn(scan, text) : GW_ERR_NOENT, text);
    put_notes(scan->notes, answer);
    (void) gw_buf_put_char(answer, '}');
}

enum gw_err gw_gwctl_gs1_answer(struct gw_str line, const struct gw_gs1_options *options,
                                struct gw_buf *text, struct gw_buf *answer) {
    static const struct gw_json_limits limits = {GW_GWCTL_GS1_LINE_BYTES, 1, 0};
    struct gw_json_error error = {.reason = "found no string, allowed is one"};
    struct gw_gs1_scan scan;
    uint8_t code[GW_GS1_SCAN_BYTES_MAX + 1];
    struct gw_buf decoded;
    gw_buf_init(&decoded, code, sizeof(code));
    line = gw_str_trim(line);
    bool is_string = !gw_json_check(line, &limits, &error) && line.ptr[0] == '"';
    if (line.len == 0) {
        error.reason = "an empty line, allowed is a string";
    }
    if (!is_string || gw_json_unescape(line, &decoded)) {
        (void) gw_buf_put_str(answer, GW_STR("{\"ok\":false,\"why\":"));
        (void) gw_buf_put_str(answer,
                              is_string ? GW_STR("\"too_long\"") : GW_STR("\"not_json\""));
        (void) gw_buf_put_str(answer, GW_STR(",\"why_text\":"));
        (void) gw_buf_put_json_str(answer,
                                   is_string ? GW_STR("the line holds more than any symbol can")
                                             : gw_str_from_cstr(error.reason));
        (void) gw_buf_put_char(answer, '}');
        return is_string ? GW_OK : GW_ERR_PARSE;
    }
    gw_gs1_parse(gw_buf_str(&decoded), options, &scan);
    put_scan(&scan, text, answer);
    return GW_OK;
}

struct line {
    struct gw_buf bytes; /* without the line end; what did not fit is missing */
    uint64_t len;        /* of all of it */
};

/* Bytes up to a line feed or the end of the input, whichever they are; false at the end. */
static bool read_line(FILE *in, struct line *line) {
    int byte = getc(in);
    if (byte == EOF) {
        return false;
    }
    gw_buf_clear(&line->bytes);
    for (line->len = 0; byte != EOF && byte != '\n'; byte = getc(in)) {
        if (line->len++ < GW_GWCTL_GS1_LINE_BYTES) {
            (void) gw_buf_put_char(&line->bytes, (char) byte);
        }
    }
    return true;
}

/* One object, whatever the line holds. PARSE: it is none that could be taken for a scan. */
static enum gw_err answer_line(const struct line *line, const struct gw_gs1_options *options,
                               struct gw_buf *text, struct gw_buf *answer) {
    gw_buf_clear(answer);
    gw_buf_clear(text);
    if (line->len <= GW_GWCTL_GS1_LINE_BYTES) {
        return gw_gwctl_gs1_answer(gw_buf_str(&line->bytes), options, text, answer);
    }
    (void) gw_buf_printf(answer,
                         "{\"ok\":false,\"why\":\"too_long\",\"why_text\":\"a line of %llu "
                         "bytes, allowed: at most %d\"}",
                         (unsigned long long) line->len, GW_GWCTL_GS1_LINE_BYTES);
    return GW_ERR_PARSE;
}

int gw_gwctl_gs1_parse_stream(struct gw_gwctl *ctl, FILE *in) {
    struct line line = {0};
    GW_CLEANUP(gw_buf_close) struct gw_buf input = {0};
    GW_CLEANUP(gw_buf_close) struct gw_buf text = {0};
    GW_CLEANUP(gw_buf_close) struct gw_buf answer = {0};
    if (gw_buf_open(&input, GW_GWCTL_GS1_LINE_BYTES)
        || gw_buf_open(&text, GW_GWCTL_GS1_ANSWER_BYTES)
        || gw_buf_open(&answer, GW_GWCTL_GS1_ANSWER_BYTES)) {
        return gw_gwctl_fail(ctl, "out of memory");
    }
    gw_buf_init(&line.bytes, input.data, input.cap);
    struct gw_gs1_options options = {
        .assumed_aim = gw_str_from_cstr(ctl->arguments.aim),
        .association = ctl->arguments.across ? GW_GS1_ACROSS_SCANS : GW_GS1_WITHIN_SCAN,
    };
    int status = GW_EXIT_DONE;
    while (read_line(in, &line)) {
        if (answer_line(&line, &options, &text, &answer)) {
            status = GW_EXIT_FAILED;
        }
        (void) fprintf(ctl->out, "%.*s\n", GW_STR_ARG(gw_buf_str(&answer)));
        (void) fflush(ctl->out);
    }
    return status;
}

int gw_gwctl_gs1_parse(struct gw_gwctl *ctl) {
    return gw_gwctl_gs1_parse_stream(ctl, stdin);
}
