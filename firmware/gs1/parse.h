/* SPDX-License-Identifier: Apache-2.0 */
/* The parsers behind gw_gs1_parse. Private to this room. */
#ifndef GW_GS1_PARSE_H
#define GW_GS1_PARSE_H

#include "firmware/gs1/gs1.h"

#define GW_GS1_SEPARATOR '\x1d'
#define GW_GS1_HOST "id.gs1.org"

/* Each reads `text`, which begins `at` bytes into the scan, into `scan`. */
void gw_gs1_parse_elements(struct gw_str text, size_t at, struct gw_gs1_scan *scan);
void gw_gs1_parse_link(struct gw_str text, size_t at, struct gw_gs1_scan *scan);
/* True if `text` is a Web address that claims to be a Digital Link: on
 * id.gs1.org, or with a primary key in its path whose value begins with four
 * digits and goes on (Digital Link standard: URI Syntax, section 6.1). */
bool gw_gs1_is_link(struct gw_str text);

/* Keep `why` unless something is wrong already. */
void gw_gs1_report(struct gw_gs1_scan *scan, const struct gw_gs1_finding *why);
/* A finding about an AI of the table. */
struct gw_gs1_finding gw_gs1_finding_of(enum gw_gs1_reason reason, const struct gw_gs1_ai *ai,
                                        uint16_t number, size_t at);
/* Append an element after its value was checked, which is reported if it is
 * wrong. False, and TOO_MANY reported, if there is no room. */
bool gw_gs1_add_element(struct gw_gs1_scan *scan, const struct gw_gs1_element *element,
                        size_t value_at);

/* Check which elements need, exclude or repeat each other. */
void gw_gs1_check_associations(const struct gw_gs1_options *options, struct gw_gs1_scan *scan);
/* Take an AI or pattern such as "31nn" off the front of *text; its numbers. */
void gw_gs1_take_term(const char **text, uint16_t *ret_first, uint16_t *ret_last);
/* Element with an AI in [first, last] other than `but`; NULL if there is none. */
const struct gw_gs1_element *gw_gs1_find_element(const struct gw_gs1_scan *scan, uint16_t first,
                                                 uint16_t last, unsigned but);
#define GW_GS1_NO_AI UINT16_MAX

#endif
