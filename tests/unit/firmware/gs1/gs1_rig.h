/* SPDX-License-Identifier: Apache-2.0 */
/* Scans and what they say, as C strings. Results live until the next call. */
#ifndef GW_TEST_GS1_RIG_H
#define GW_TEST_GS1_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware/gs1/gs1.h"

#define GS "\x1d"

/* Parse with the AIM identifier in front; the scan is kept. */
const struct gw_gs1_scan *scan_of(const char *text);
/* The same with options. */
const struct gw_gs1_scan *scan_with(const char *text, const struct gw_gs1_options *options);

/* "(01)...(10)..." of the last scan. */
const char *elements_of(const struct gw_gs1_scan *scan);
/* The full canonical link, "none" if there is none. */
const char *link_of(const struct gw_gs1_scan *scan);
const char *identity_of(const struct gw_gs1_scan *scan);
const char *string_of(const struct gw_gs1_scan *scan);
const char *urn_of(const struct gw_gs1_scan *scan);
const char *why_of(const struct gw_gs1_scan *scan);

/* Valid, with these elements. */
void assert_valid(const char *text, const char *elements);
/* Not valid for this reason, at this byte of `text`. */
void assert_wrong(const char *text, const char *reason, size_t at);

#endif
