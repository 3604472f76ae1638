/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/config/report.h"

#include <string.h>

#include "firmware/base/cleanup.h"

#define LINE_BYTES 1024
#define SHOWN_BYTES 60
#define WORD_BYTES 32
/* Looking through what was said costs time for each finding; nobody reads so many. */
#define LOOKED_THROUGH_MAX 1000

void gw_config_report_init(struct gw_config_report *report, struct gw_buf *errors) {
    report->errors = errors;
    report->findings = 0;
    report->is_muted = false;
    gw_buf_init(&report->path, report->path_storage, sizeof report->path_storage);
}

size_t gw_config_enter(struct gw_config_report *report, struct gw_str name) {
    size_t mark = report->path.len;
    if (mark > 0) {
        (void) gw_buf_put_char(&report->path, '.');
    }
    struct gw_str shown = gw_str_sub(name, 0, SHOWN_BYTES);
    while (!gw_str_is_utf8(shown) && shown.len > 0) {
        shown.len--;
    }
    (void) gw_buf_put_str(&report->path, shown);
    return mark;
}

size_t gw_config_enter_index(struct gw_config_report *report, size_t index) {
    size_t mark = report->path.len;
    (void) gw_buf_printf(&report->path, "[%zu]", index);
    return mark;
}

void gw_config_leave(struct gw_config_report *report, size_t mark) {
    gw_buf_rewind(&report->path, mark);
}

/* A line goes out whole or not at all; control characters from the document
 * must not reach a terminal. */
static void put_line(struct gw_config_report *report, struct gw_str text) {
    if (report->is_muted) {
        return;
    }
    char storage[LINE_BYTES + GW_CONFIG_PATH_BYTES];
    struct gw_buf line;
    gw_buf_init(&line, storage, sizeof storage);
    struct gw_str path = gw_buf_str(&report->path);
    if (path.len > 0) {
        (void) gw_buf_put_str(&line, path);
        (void) gw_buf_put_str(&line, GW_STR(": "));
    }
    (void) gw_buf_put_str(&line, gw_str_sub(text, 0, gw_buf_space(&line) - 1));
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] < 0x20 || line.data[i] == 0x7f) {
            line.data[i] = '?';
        }
    }
    (void) gw_buf_put_char(&line, '\n');
    (void) gw_buf_put_str(report->errors, gw_buf_str(&line));
    report->findings++;
}

static void put_text_found(struct gw_buf *buf, struct gw_str text) {
    struct gw_str shown = gw_str_sub(text, 0, SHOWN_BYTES);
    while (!gw_str_is_utf8(shown)) {
        shown.len--;
    }
    (void) gw_buf_put_str(buf, GW_STR("text "));
    (void) gw_buf_put_json_str(buf, shown);
    if (shown.len < text.len) {
        (void) gw_buf_printf(buf, "... (%zu bytes)", text.len);
    }
}

static void put_number_found(struct gw_buf *buf, const struct gw_json *value) {
    int64_t number = 0;
    if (gw_json_get_i64(value, &number)) {
        (void) gw_buf_put_str(buf, GW_STR("a number that is not whole or too large"));
        return;
    }
    (void) gw_buf_put_str(buf, GW_STR("number "));
    (void) gw_buf_put_i64(buf, number);
}

static void put_found(struct gw_buf *buf, const struct gw_json *value) {
    struct gw_str text;
    bool flag = false;
    if (!value) {
        (void) gw_buf_put_str(buf, GW_STR("nothing"));
    } else if (gw_json_kind(value) == GW_JSON_NUMBER) {
        put_number_found(buf, value);
    } else if (!gw_json_get_str(value, &text)) {
        put_text_found(buf, text);
    } else if (!gw_json_get_bool(value, &flag)) {
        (void) gw_buf_put_str(buf, flag ? GW_STR("true") : GW_STR("false"));
    } else if (gw_json_kind(value) == GW_JSON_NULL) {
        (void) gw_buf_put_str(buf, GW_STR("null"));
    } else {
        bool is_list = gw_json_kind(value) == GW_JSON_ARRAY;
        (void) gw_buf_printf(buf, "%s of %zu %s", is_list ? "a list" : "an object",
                             gw_json_count(value), is_list ? "entries" : "members");
    }
}

void gw_config_report_value(struct gw_config_report *report, const struct gw_config_row *row,
                            const struct gw_json *value) {
    char storage[LINE_BYTES];
    struct gw_buf line;
    gw_buf_init(&line, storage, sizeof storage);
    (void) gw_buf_put_str(&line, GW_STR("found "));
    put_found(&line, value);
    (void) gw_buf_put_str(&line, GW_STR(", allowed: "));
    gw_config_put_allowed(row, &line);
    put_line(report, gw_buf_str(&line));
}

/* Levenshtein distance of two short words; longer ones are far from anything. */
static size_t distance(struct gw_str a, struct gw_str b) {
    size_t row[WORD_BYTES + 1];
    if (a.len > WORD_BYTES || b.len > WORD_BYTES) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; i < a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.len; j++) {
            size_t replace = diagonal + (a.ptr[i] != b.ptr[j] ? 1 : 0);
            size_t other = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = replace < other ? replace : other;
        }
    }
    return row[b.len];
}

static const char *nearest_key(const struct gw_config_group *group, struct gw_str name) {
    const char *nearest = NULL;
    size_t best = (name.len + 1) / 3 + 1; /* farther than that is no slip of the hand */
    for (size_t i = 0; i < group->row_count; i++) {
        size_t found = distance(name, gw_str_from_cstr(group->rows[i].name));
        if (found < best) {
            best = found;
            nearest = group->rows[i].name;
        }
    }
    return nearest;
}

/* Name of the member at the end of the path. */
static struct gw_str last_name(struct gw_str path) {
    size_t from = path.len;
    while (from > 0 && path.ptr[from - 1] != '.') {
        from--;
    }
    return gw_str_sub(path, from, path.len);
}

void gw_config_report_unknown(struct gw_config_report *report,
                              const struct gw_config_group *group) {
    char storage[LINE_BYTES];
    struct gw_buf line;
    gw_buf_init(&line, storage, sizeof storage);
    const char *nearest = nearest_key(group, last_name(gw_buf_str(&report->path)));
    (void) gw_buf_put_str(&line, GW_STR("unknown key, "));
    if (nearest) {
        (void) gw_buf_printf(&line, "did you mean \"%s\"? ", nearest);
    }
    (void) gw_buf_put_str(&line, GW_STR("allowed:"));
    for (size_t i = 0; i < group->row_count; i++) {
        (void) gw_buf_printf(&line, "%s %s", i == 0 ? "" : ",", group->rows[i].name);
    }
    put_line(report, gw_buf_str(&line));
}

void gw_config_report_text(struct gw_config_report *report, const char *format, ...) {
    char storage[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(storage, sizeof storage, format, arguments);
    va_end(arguments);
    put_line(report, len < 0 ? GW_STR("cannot be described") : gw_str_from_cstr(storage));
}

bool gw_config_is_reported(const struct gw_config_report *report, const char *member) {
    if (report->findings >= LOOKED_THROUGH_MAX) {
        return true;
    }
    char storage[GW_CONFIG_PATH_BYTES + 64];
    struct gw_buf path;
    gw_buf_init(&path, storage, sizeof storage);
    (void) gw_buf_put_str(&path, gw_buf_str(&report->path));
    (void) gw_buf_printf(&path, "%s%s", path.len > 0 && member[0] != '\0' ? "." : "", member);
    struct gw_str rest = gw_buf_str(report->errors), line;
    while (gw_str_split(&rest, '\n', &line)) {
        char next = line.len > path.len ? line.ptr[path.len] : '\0';
        bool is_inside = member[0] != '\0' && (next == '.' || next == '[');
        if (gw_str_starts_with(line, gw_buf_str(&path)) && (next == ':' || is_inside)) {
            return true;
        }
    }
    return false;
}
