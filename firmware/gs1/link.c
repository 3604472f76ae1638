/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digital Links: https://id.gs1.org/01/09521234543213/10/ABC?17=261231. Behind
 * any host and any beginning of a path stands a primary key with its value, then
 * qualifiers of that key in their order; the query holds other AIs and whatever
 * else the owner of the address likes (names that are no numbers are not ours).
 * The key is searched from the end, since the beginning may look like anything.
 *
 * Stricter than a browser: every character must be one of RFC 3986, every percent
 * sign an escape.
 */
#include <string.h>

#include "firmware/gs1/parse.h"

#define KEY_DIGITS_MIN 4        /* that a plausible key begins with */
#define COMPRESSED_BYTES_MIN 10 /* a compressed GTIN has as many characters of base64url */

struct link {
    struct gw_str host;
    struct gw_str path;  /* from its first slash */
    struct gw_str query; /* behind the question mark */
};

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char) (c + ('a' - 'A')) : c;
}

static bool starts_with_any_case(struct gw_str text, struct gw_str prefix) {
    for (size_t i = 0; i < prefix.len; i++) {
        if (i == text.len || lower(text.ptr[i]) != prefix.ptr[i]) {
            return false;
        }
    }
    return true;
}

static size_t find_any(struct gw_str text, const char *set) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\0' && strchr(set, text.ptr[i])) {
            return i;
        }
    }
    return text.len;
}

/* False if it is no Web address. */
static bool split_link(struct gw_str text, struct link *ret_link) {
    size_t scheme = starts_with_any_case(text, GW_STR("https://"))  ? 8
                    : starts_with_any_case(text, GW_STR("http://")) ? 7
                                                                    : 0;
    if (scheme == 0) {
        return false;
    }
    struct gw_str rest = gw_str_sub(text, scheme, text.len);
    rest = gw_str_sub(rest, 0, gw_str_find(rest, '#', 0));
    ret_link->host = gw_str_sub(rest, 0, find_any(rest, "/?"));
    rest = gw_str_sub(rest, ret_link->host.len, rest.len);
    size_t question = gw_str_find(rest, '?', 0);
    ret_link->path = gw_str_sub(rest, 0, question);
    ret_link->query = gw_str_sub(rest, question + 1, rest.len);
    return ret_link->host.len > 0;
}

/* Where the last slash of text[0, end) stands; SIZE_MAX if there is none. */
static size_t slash_before(struct gw_str text, size_t end) {
    while (end > 0 && text.ptr[end - 1] != '/') {
        end--;
    }
    return end - 1;
}

/* Offset of the slash in front of the primary key, SIZE_MAX if there is none. */
static size_t find_key(struct gw_str path) {
    size_t end = path.len;
    for (;;) {
        size_t value = slash_before(path, end);
        size_t ai = value == SIZE_MAX ? SIZE_MAX : slash_before(path, value);
        if (ai == SIZE_MAX) {
            return SIZE_MAX;
        }
        uint16_t number;
        const struct gw_gs1_ai *row =
            gw_gs1_ai_named(gw_str_sub(path, ai + 1, value - ai - 1), &number);
        if (!row || row->path) {
            return row ? ai : SIZE_MAX;
        }
        end = ai;
    }
}

static bool is_gs1_host(struct gw_str host) {
    return host.len == strlen(GW_GS1_HOST) && starts_with_any_case(host, GW_STR(GW_GS1_HOST));
}

bool gw_gs1_is_link(struct gw_str text) {
    struct link link;
    if (!split_link(text, &link)) {
        return false;
    }
    if (is_gs1_host(link.host)) {
        return true;
    }
    size_t key = find_key(link.path);
    if (key == SIZE_MAX) {
        return false;
    }
    size_t value = gw_str_find(link.path, '/', key + 1) + 1;
    size_t end = gw_str_find(link.path, '/', value);
    for (size_t i = value; i < value + KEY_DIGITS_MIN; i++) {
        if (i >= end || link.path.ptr[i] < '0' || link.path.ptr[i] > '9') {
            return false;
        }
    }
    return end > value + KEY_DIGITS_MIN;
}

static int hex_value(char c) {
    static const char digits[] = "0123456789abcdef";
    const char *found = c == '\0' ? NULL : strchr(digits, lower(c));
    return found ? (int) (found - digits) : -1;
}

/* RFC 3986, section 2: reserved and unreserved, without the percent sign. */
static const bool is_uri_character[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
    ['&' ... '/'] = true, /* & ' ( ) * + , - . / */
    ['!'] = true,         ['#'] = true,         ['$'] = true,
    [':'] = true,         [';'] = true,         ['='] = true,
    ['?'] = true,         ['@'] = true,         ['['] = true,
    [']'] = true,         ['_'] = true,         ['~'] = true,
};

static bool is_escape(struct gw_str text, size_t at) {
    return text.ptr[at] == '%' && text.len - at > 2 && hex_value(text.ptr[at + 1]) >= 0
           && hex_value(text.ptr[at + 2]) >= 0;
}

/* True if `text` is of characters of RFC 3986 and whole percent escapes. */
static bool check_characters(struct gw_str text, size_t at, struct gw_gs1_scan *scan) {
    for (size_t i = 0; i < text.len; i++) {
        if (!is_uri_character[(uint8_t) text.ptr[i]] && !is_escape(text, i)) {
            struct gw_gs1_finding why = {.reason = GW_GS1_BAD_URI, .at = at + i};
            why.found = gw_str_sub(text, i, text.ptr[i] == '%' ? 3 : 1);
            gw_gs1_report(scan, &why);
            return false;
        }
    }
    return true;
}

/* Names and addresses of hosts, with a port; no user names in front. */
static bool check_host(struct gw_str host, size_t at, struct gw_gs1_scan *scan) {
    size_t bad = find_any(host, "_~@!$&'()*+,;=%");
    if (bad < host.len) {
        struct gw_gs1_finding why = {.reason = GW_GS1_BAD_URI, .at = at + bad};
        why.found = gw_str_sub(host, bad, 1);
        gw_gs1_report(scan, &why);
    }
    return bad == host.len;
}

/* The value that `raw` stands for; without escapes it is `raw` itself. A plus in
 * a query is a space, as forms write it. */
static struct gw_str decode(struct gw_str raw, bool in_query, struct gw_gs1_scan *scan) {
    if (find_any(raw, in_query ? "%+" : "%") == raw.len) {
        return raw;
    }
    char *start = scan->decoded + scan->decoded_len;
    char *to = start;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '%') {
            c = (char) (hex_value(raw.ptr[i + 1]) * 16 + hex_value(raw.ptr[i + 2]));
            i += 2;
        } else if (c == '+' && in_query) {
            c = ' ';
        }
        *to++ = c;
    }
    scan->decoded_len += (size_t) (to - start);
    return (struct gw_str){start, (size_t) (to - start)};
}

/* "/01/0952.../10/ABC", each AI known. */
static void parse_path(struct gw_str path, size_t at, struct gw_gs1_scan *scan) {
    for (size_t from = 0; from < path.len;) {
        size_t slash = gw_str_find(path, '/', from + 1);
        size_t end = gw_str_find(path, '/', slash + 1);
        struct gw_gs1_element element = {.at = (uint16_t) (at + from + 1)};
        element.ai =
            gw_gs1_ai_named(gw_str_sub(path, from + 1, slash - from - 1), &element.number);
        element.value = decode(gw_str_sub(path, slash + 1, end - slash - 1), false, scan);
        if (!gw_gs1_add_element(scan, &element, at + slash + 1)) {
            return;
        }
        from = end;
    }
    scan->path_count = scan->element_count;
}

/* True if the qualifiers of the path, and `extra` (or GW_GS1_NO_AI), are all in
 * one list of the key, those of the path in its order. */
static bool list_holds(const char **list, const struct gw_gs1_scan *scan, uint16_t extra) {
    size_t next = 1;
    bool has_extra = extra == GW_GS1_NO_AI;
    const char *p = *list;
    while (*p != '\0' && *p != '|') {
        uint16_t number;
        uint16_t last;
        gw_gs1_take_term(&p, &number, &last);
        if (next < scan->path_count && scan->elements[next].number == number) {
            next++;
        } else {
            has_extra |= number == extra;
        }
        p += *p == ',';
    }
    *list = p + (*p == '|');
    return has_extra && next == scan->path_count;
}

static bool is_path(const struct gw_gs1_scan *scan, uint16_t extra) {
    const char *list = scan->elements[0].ai->path;
    do {
        if (list_holds(&list, scan, extra)) {
            return true;
        }
    } while (*list != '\0');
    return false;
}

static void check_attribute(const struct gw_gs1_element *element, struct gw_gs1_scan *scan) {
    enum gw_gs1_reason reason = is_path(scan, element->number) ? GW_GS1_BELONGS_IN_PATH
                                : !element->ai->attribute      ? GW_GS1_NOT_AN_ATTRIBUTE
                                                               : GW_GS1_VALID;
    if (reason != GW_GS1_VALID) {
        struct gw_gs1_finding why =
            gw_gs1_finding_of(reason, element->ai, element->number, element->at);
        gw_gs1_ai_format(scan->elements[0].ai, scan->elements[0].number, why.other);
        gw_gs1_report(scan, &why);
    }
}

static bool is_number(struct gw_str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    return text.len > 0;
}

/* One "17=261231". False if reading cannot go on. */
static bool parse_parameter(struct gw_str parameter, size_t at, struct gw_gs1_scan *scan) {
    size_t equals = gw_str_find(parameter, '=', 0);
    struct gw_str name = gw_str_sub(parameter, 0, equals);
    if (equals == parameter.len || !is_number(name)) {
        return true;
    }
    struct gw_gs1_element element = {.at = (uint16_t) at};
    element.ai = gw_gs1_ai_named(name, &element.number);
    if (!element.ai) {
        struct gw_gs1_finding why = {.reason = GW_GS1_UNKNOWN_AI, .at = at, .found = name};
        gw_gs1_report(scan, &why);
        return true;
    }
    element.value = decode(gw_str_sub(parameter, equals + 1, parameter.len), true, scan);
    check_attribute(&element, scan);
    return gw_gs1_add_element(scan, &element, at + equals + 1);
}

static void parse_query(struct gw_str query, size_t at, struct gw_gs1_scan *scan) {
    for (size_t from = 0; from < query.len;) {
        size_t end = gw_str_find(query, '&', from);
        if (!parse_parameter(gw_str_sub(query, from, end - from), at + from, scan)) {
            return;
        }
        from = end + 1;
    }
}

/* A single long piece of base64url is what compression leaves of a path. */
static enum gw_gs1_reason reason_without_key(struct gw_str path) {
    size_t len = path.len > 0 ? path.len - 1 : 0;
    bool single = len >= COMPRESSED_BYTES_MIN && gw_str_find(path, '/', 1) == path.len
                  && find_any(path, ".~!$&'()*+,;=:@%") == path.len;
    return single ? GW_GS1_COMPRESSED : GW_GS1_NO_KEY;
}

void gw_gs1_parse_link(struct gw_str text, size_t at, struct gw_gs1_scan *scan) {
    struct link link;
    if (text.len > GW_GS1_LINK_BYTES_MAX) {
        struct gw_gs1_finding why = {.reason = GW_GS1_TOO_LONG,
                                     .at = at + GW_GS1_LINK_BYTES_MAX};
        why.max = GW_GS1_LINK_BYTES_MAX;
        why.found = text;
        gw_gs1_report(scan, &why);
        return;
    }
    if (!check_characters(text, at, scan) || !split_link(text, &link)
        || !check_host(link.host, at + (size_t) (link.host.ptr - text.ptr), scan)) {
        return;
    }
    size_t path_at = at + (size_t) (link.path.ptr - text.ptr);
    size_t key = find_key(link.path);
    if (key == SIZE_MAX) {
        struct gw_gs1_finding why = {.reason = reason_without_key(link.path), .at = path_at};
        gw_gs1_report(scan, &why);
        return;
    }
    parse_path(gw_str_sub(link.path, key, link.path.len), path_at + key, scan);
    if (!is_path(scan, GW_GS1_NO_AI)) {
        const struct gw_gs1_element *second = &scan->elements[1];
        struct gw_gs1_finding why =
            gw_gs1_finding_of(GW_GS1_PATH_ORDER, second->ai, second->number, second->at);
        gw_gs1_ai_format(scan->elements[0].ai, scan->elements[0].number, why.other);
        why.needs = scan->elements[0].ai->path;
        gw_gs1_report(scan, &why);
    }
    parse_query(link.query, at + (size_t) (link.query.ptr - text.ptr), scan);
}
