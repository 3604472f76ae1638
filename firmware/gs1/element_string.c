/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element strings (General Specifications, section 7.8): an AI, its value, the
 * next AI. A value of predefined length ends by itself; any other ends at the
 * separator GS (0x1d) or with the scan. What a value holds may be wrong and the
 * rest can be read all the same; an unknown AI or a value without end cannot be
 * stepped over, and reading stops there.
 *
 * A separator where none is needed is harmless and some label software writes
 * it, some readers send the FNC1 of the start as one: both are noted, not
 * refused. Two in a row stand for a value that is not there.
 */
#include <string.h>

#include "firmware/gs1/check.h"
#include "firmware/gs1/parse.h"

void gw_gs1_report(struct gw_gs1_scan *scan, const struct gw_gs1_finding *why) {
    if (scan->why.reason == GW_GS1_VALID) {
        scan->why = *why;
    }
}

struct gw_gs1_finding gw_gs1_finding_of(enum gw_gs1_reason reason, const struct gw_gs1_ai *ai,
                                        uint16_t number, size_t at) {
    struct gw_gs1_finding finding = {.reason = reason, .at = at};
    if (ai) {
        gw_gs1_ai_format(ai, number, finding.ai);
    }
    return finding;
}

bool gw_gs1_add_element(struct gw_gs1_scan *scan, const struct gw_gs1_element *element,
                        size_t value_at) {
    if (scan->element_count == GW_GS1_ELEMENTS_MAX) {
        struct gw_gs1_finding why =
            gw_gs1_finding_of(GW_GS1_TOO_MANY, element->ai, element->number, element->at);
        why.max = GW_GS1_ELEMENTS_MAX;
        gw_gs1_report(scan, &why);
        return false;
    }
    struct gw_gs1_finding wrong = {.reason = GW_GS1_VALID};
    if (element->value.len == 0) {
        wrong = gw_gs1_finding_of(GW_GS1_EMPTY, element->ai, element->number, value_at);
        gw_gs1_report(scan, &wrong);
    } else if (!gw_gs1_check_value(element->ai, element->value, &wrong)) {
        gw_gs1_ai_format(element->ai, element->number, wrong.ai);
        wrong.at += value_at;
        gw_gs1_report(scan, &wrong);
    }
    scan->elements[scan->element_count++] = *element;
    return true;
}

/* The value that begins `text`. False if it has no end. */
static bool take_value(const struct gw_gs1_ai *ai, struct gw_str text,
                       struct gw_str *ret_value) {
    size_t max = gw_gs1_ai_max(ai);
    struct gw_str window = gw_str_sub(text, 0, max + (ai->predefined ? 0 : 1));
    const char *separator =
        window.len > 0 ? memchr(window.ptr, GW_GS1_SEPARATOR, window.len) : NULL;
    size_t len = separator ? (size_t) (separator - window.ptr) : window.len;
    *ret_value = gw_str_sub(text, 0, len);
    return len <= max;
}

static void report_unknown(struct gw_gs1_scan *scan, struct gw_str text, size_t at) {
    struct gw_gs1_finding why = {.reason = GW_GS1_UNKNOWN_AI, .at = at};
    why.found = gw_str_sub(text, 0, 4);
    if (why.found.ptr[0] == GW_GS1_SEPARATOR) {
        why.reason = GW_GS1_EMPTY;
    }
    gw_gs1_report(scan, &why);
}

/* The element that begins `text`: its length with what ends it, 0 if reading
 * cannot go on. */
static size_t take_element(struct gw_str text, size_t at, struct gw_gs1_scan *scan) {
    struct gw_gs1_element element = {.at = (uint16_t) at};
    element.ai = gw_gs1_ai_find(text, &element.number);
    if (!element.ai) {
        report_unknown(scan, text, at);
        return 0;
    }
    struct gw_str rest = gw_str_sub(text, element.ai->digits, text.len);
    if (!take_value(element.ai, rest, &element.value)) {
        size_t max = gw_gs1_ai_max(element.ai);
        struct gw_gs1_finding why =
            gw_gs1_finding_of(GW_GS1_SEPARATOR_MISSING, element.ai, element.number,
                              at + element.ai->digits + max);
        why.max = (uint16_t) max;
        gw_gs1_report(scan, &why);
        return 0;
    }
    if (!gw_gs1_add_element(scan, &element, at + element.ai->digits)) {
        return 0;
    }
    size_t len = element.ai->digits + element.value.len;
    if (len < text.len && text.ptr[len] == GW_GS1_SEPARATOR) {
        len++;
        scan->notes |= len == text.len          ? GW_GS1_NOTE_TRAILING_SEPARATOR
                       : element.ai->predefined ? GW_GS1_NOTE_NEEDLESS_SEPARATOR
                                                : 0U;
    }
    return len;
}

void gw_gs1_parse_elements(struct gw_str text, size_t at, struct gw_gs1_scan *scan) {
    size_t from = 0;
    if (text.len > 0 && text.ptr[0] == GW_GS1_SEPARATOR) {
        scan->notes |= GW_GS1_NOTE_LEADING_SEPARATOR;
        from = 1;
    }
    if (from == text.len) {
        struct gw_gs1_finding why = {.reason = GW_GS1_EMPTY, .at = at + from};
        gw_gs1_report(scan, &why);
        return;
    }
    while (from < text.len) {
        size_t len = take_element(gw_str_sub(text, from, text.len), at + from, scan);
        if (len == 0) {
            return;
        }
        from += len;
    }
}
