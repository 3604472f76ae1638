/* SPDX-License-Identifier: Apache-2.0 */
/* Elements as texts: bracketed, element string, Digital Link, URN. */
#include "firmware/gs1/parse.h"

#define CANONICAL "https://" GW_GS1_HOST

static bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
           || c == '-' || c == '.' || c == '_' || c == '~';
}

static void put_encoded(struct gw_str text, struct gw_buf *buf) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t) text.ptr[i];
        if (is_unreserved(text.ptr[i])) {
            (void) gw_buf_put_char(buf, text.ptr[i]);
        } else {
            char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
            (void) gw_buf_put_str(buf, (struct gw_str){escape, sizeof(escape)});
        }
    }
}

static void put_ai(const struct gw_gs1_element *element, struct gw_buf *buf) {
    char ai[5];
    gw_gs1_ai_format(element->ai, element->number, ai);
    (void) gw_buf_put_str(buf, gw_str_from_cstr(ai));
}

/* FULL with buf as it was, or OK. */
static enum gw_err finish(struct gw_buf *buf, size_t start) {
    if (gw_buf_failed(buf)) {
        gw_buf_rewind(buf, start);
        return GW_ERR_FULL;
    }
    return GW_OK;
}

enum gw_err gw_gs1_put_elements(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    size_t start = buf->len;
    for (size_t i = 0; i < scan->element_count; i++) {
        struct gw_str value = scan->elements[i].value;
        (void) gw_buf_put_char(buf, '(');
        put_ai(&scan->elements[i], buf);
        (void) gw_buf_put_char(buf, ')');
        for (size_t from = 0; from < value.len;) {
            size_t bracket = gw_str_find(value, '(', from);
            (void) gw_buf_put_str(buf, gw_str_sub(value, from, bracket - from));
            if (bracket < value.len) {
                (void) gw_buf_put_str(buf, GW_STR("\\("));
            }
            from = bracket + 1;
        }
    }
    return finish(buf, start);
}

enum gw_err gw_gs1_put_element_string(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    size_t start = buf->len;
    for (size_t i = 0; i < scan->element_count; i++) {
        put_ai(&scan->elements[i], buf);
        (void) gw_buf_put_str(buf, scan->elements[i].value);
        if (!scan->elements[i].ai->predefined && i + 1 < scan->element_count) {
            (void) gw_buf_put_char(buf, GW_GS1_SEPARATOR);
        }
    }
    return finish(buf, start);
}

/* ---- Digital Link ---- */

/* Elements written so far, bit 1 << index. */
static void mark(const struct gw_gs1_scan *scan, uint16_t number, uint64_t *done) {
    for (size_t i = 0; i < scan->element_count; i++) {
        if (scan->elements[i].number == number) {
            *done |= UINT64_C(1) << i;
        }
    }
}

static void put_segment(const struct gw_gs1_scan *scan, const struct gw_gs1_element *element,
                        uint64_t *done, struct gw_buf *buf) {
    (void) gw_buf_put_char(buf, '/');
    put_ai(element, buf);
    (void) gw_buf_put_char(buf, '/');
    put_encoded(element->value, buf);
    mark(scan, element->number, done);
}

/* How well the list at *list fits: qualifiers that can stand nowhere else count
 * more than all others. *list moves to the next. */
static unsigned weigh_list(const struct gw_gs1_scan *scan, const char **list) {
    unsigned weight = 0;
    const char *p = *list;
    while (*p != '\0' && *p != '|') {
        uint16_t number;
        uint16_t last;
        gw_gs1_take_term(&p, &number, &last);
        const struct gw_gs1_element *element =
            gw_gs1_find_element(scan, number, last, GW_GS1_NO_AI);
        weight += !element ? 0 : element->ai->attribute ? 1 : GW_GS1_ELEMENTS_MAX;
        p += *p == ',';
    }
    *list = p + (*p == '|');
    return weight;
}

static void put_path(const struct gw_gs1_scan *scan, const struct gw_gs1_element *key,
                     uint64_t *done, struct gw_buf *buf) {
    put_segment(scan, key, done, buf);
    const char *best = "";
    unsigned most = 0;
    for (const char *list = key->ai->path; *list != '\0';) {
        const char *this_one = list;
        unsigned weight = weigh_list(scan, &list);
        best = weight > most ? this_one : best;
        most = weight > most ? weight : most;
    }
    for (const char *p = best; *p != '\0' && *p != '|'; p += *p == ',') {
        uint16_t number;
        uint16_t last;
        gw_gs1_take_term(&p, &number, &last);
        const struct gw_gs1_element *element =
            gw_gs1_find_element(scan, number, last, GW_GS1_NO_AI);
        if (element) {
            put_segment(scan, element, done, buf);
        }
    }
}

/* Values of predefined length, or the others. False if one may not stand here. */
static bool put_query(const struct gw_gs1_scan *scan, bool predefined, uint64_t *done,
                      char *mark_before, struct gw_buf *buf) {
    for (size_t i = 0; i < scan->element_count; i++) {
        const struct gw_gs1_element *element = &scan->elements[i];
        if ((*done >> i & 1) || element->ai->predefined != predefined) {
            continue;
        }
        if (!element->ai->attribute) {
            return false;
        }
        (void) gw_buf_put_char(buf, *mark_before);
        put_ai(element, buf);
        (void) gw_buf_put_char(buf, '=');
        put_encoded(element->value, buf);
        mark(scan, element->number, done);
        *mark_before = '&';
    }
    return true;
}

enum gw_err gw_gs1_put_digital_link(const struct gw_gs1_scan *scan, enum gw_gs1_link_form form,
                                    struct gw_buf *buf) {
    const struct gw_gs1_element *key = NULL;
    for (size_t i = scan->element_count; i > 0; i--) {
        key = scan->elements[i - 1].ai->path ? &scan->elements[i - 1] : key;
    }
    if (!scan->ok || !key || (scan->notes & GW_GS1_NOTE_RESTRICTED)) {
        return GW_ERR_NOENT;
    }
    size_t start = buf->len;
    uint64_t done = 0;
    char mark_before = '?';
    (void) gw_buf_put_str(buf, GW_STR(CANONICAL));
    put_path(scan, key, &done, buf);
    if (form == GW_GS1_LINK_FULL
        && (!put_query(scan, true, &done, &mark_before, buf)
            || !put_query(scan, false, &done, &mark_before, buf))) {
        gw_buf_rewind(buf, start);
        return GW_ERR_NOENT;
    }
    return finish(buf, start);
}

enum gw_err gw_gs1_put_urn(const struct gw_gs1_scan *scan, struct gw_buf *buf) {
    size_t start = buf->len;
    (void) gw_buf_put_str(buf, GW_STR("urn:gangway:scan:"));
    (void) gw_buf_put_str(
        buf, gw_str_from_cstr(scan->carrier ? scan->carrier->symbology : "unknown"));
    (void) gw_buf_put_char(buf, ':');
    put_encoded(scan->code, buf);
    return finish(buf, start);
}
