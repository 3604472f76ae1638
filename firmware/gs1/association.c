/* SPDX-License-Identifier: Apache-2.0 */
/* Which AIs must, and which must not, stand together: General Specifications,
 * section 4.13. */
#include "firmware/gs1/parse.h"

void gw_gs1_take_term(const char **text, uint16_t *ret_first, uint16_t *ret_last) {
    unsigned first = 0;
    unsigned last = 0;
    const char *p = *text;
    for (; (*p >= '0' && *p <= '9') || *p == 'n'; p++) {
        first = first * 10 + (*p == 'n' ? 0 : (unsigned) (*p - '0'));
        last = last * 10 + (*p == 'n' ? 9 : (unsigned) (*p - '0'));
    }
    *text = p;
    *ret_first = (uint16_t) first;
    *ret_last = (uint16_t) last;
}

const struct gw_gs1_element *gw_gs1_find_element(const struct gw_gs1_scan *scan, uint16_t first,
                                                 uint16_t last, unsigned but) {
    for (size_t i = 0; i < scan->element_count; i++) {
        uint16_t number = scan->elements[i].number;
        if (number >= first && number <= last && number != but) {
            return &scan->elements[i];
        }
    }
    return NULL;
}

/* "01+21,02;30": of each list (;) one group (,) must be there whole (+). */
static bool has_what_it_needs(const struct gw_gs1_scan *scan, const char *requires,
                              uint16_t self) {
    bool group = true;
    bool list = false;
    for (const char *p = requires;; p++) {
        uint16_t first;
        uint16_t last;
        gw_gs1_take_term(&p, &first, &last);
        group = group && gw_gs1_find_element(scan, first, last, self) != NULL;
        if (*p == '+') {
            continue;
        }
        list = list || group;
        group = true;
        if (*p != ',') {
            if (!list || *p == '\0') {
                return list;
            }
            list = false;
        }
    }
}

static const struct gw_gs1_element *find_excluded(const struct gw_gs1_scan *scan,
                                                  const char *excludes, uint16_t self) {
    for (const char *p = excludes;; p++) {
        uint16_t first;
        uint16_t last;
        gw_gs1_take_term(&p, &first, &last);
        const struct gw_gs1_element *found = gw_gs1_find_element(scan, first, last, self);
        if (found || *p == '\0') {
            return found;
        }
    }
}

static void check_exclusions(const struct gw_gs1_element *element, struct gw_gs1_scan *scan) {
    const struct gw_gs1_element *other =
        element->ai->excludes ? find_excluded(scan, element->ai->excludes, element->number)
                              : NULL;
    if (other) {
        struct gw_gs1_finding why = gw_gs1_finding_of(GW_GS1_ASSOCIATION_INVALID, element->ai,
                                                      element->number, element->at);
        gw_gs1_ai_format(other->ai, other->number, why.other);
        gw_gs1_report(scan, &why);
    }
}

static void report_missing(const struct gw_gs1_options *options,
                           const struct gw_gs1_element *element, const char *needs,
                           struct gw_gs1_scan *scan) {
    if (options->association == GW_GS1_ACROSS_SCANS) {
        scan->notes |= GW_GS1_NOTE_INCOMPLETE;
        return;
    }
    struct gw_gs1_finding why = gw_gs1_finding_of(GW_GS1_ASSOCIATION_MISSING, element->ai,
                                                  element->number, element->at);
    why.needs = needs;
    gw_gs1_report(scan, &why);
}

/* A digital signature is over one thing, so keys whose serial number is a part of
 * the key must have it. */
static void check_signature(const struct gw_gs1_options *options, struct gw_gs1_scan *scan) {
    static const uint16_t keys[] = {253, 255, 8003};
    if (!gw_gs1_find_element(scan, 8030, 8030, GW_GS1_NO_AI)) {
        return;
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const struct gw_gs1_element *key =
            gw_gs1_find_element(scan, keys[i], keys[i], GW_GS1_NO_AI);
        if (key && key->value.len == gw_gs1_ai_min(key->ai)) {
            report_missing(options, key, "", scan);
        }
    }
}

/* The same AI again: fine with the same value, as when two symbols of a label are
 * read as one; never in a link. */
static void check_repetition(const struct gw_gs1_element *element, struct gw_gs1_scan *scan) {
    const struct gw_gs1_element *first =
        gw_gs1_find_element(scan, element->number, element->number, GW_GS1_NO_AI);
    if (first == element) {
        return;
    }
    if (scan->kind != GW_GS1_DIGITAL_LINK && gw_str_eq(first->value, element->value)) {
        scan->notes |= GW_GS1_NOTE_REPEATED;
        return;
    }
    struct gw_gs1_finding why =
        gw_gs1_finding_of(GW_GS1_REPEATED, element->ai, element->number, element->at);
    gw_gs1_report(scan, &why);
}

void gw_gs1_check_associations(const struct gw_gs1_options *options, struct gw_gs1_scan *scan) {
    for (size_t i = 0; i < scan->element_count; i++) {
        check_exclusions(&scan->elements[i], scan);
        check_repetition(&scan->elements[i], scan);
    }
    for (size_t i = 0; i < scan->element_count; i++) {
        const struct gw_gs1_element *element = &scan->elements[i];
        const char *requires = element->ai->requires;
        if (requires && !has_what_it_needs(scan, requires, element->number)) {
            report_missing(options, element, requires, scan);
        }
    }
    check_signature(options, scan);
}
