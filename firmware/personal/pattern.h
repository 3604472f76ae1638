/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of codes that name a person:
 *
 *   #  a digit      @  a letter (A-Z, a-z)      ?  any one character
 *   *  any characters, none included            \  the next one literally
 *
 * Everything else stands for itself. Time is at most length of pattern x length of
 * text. Pure, no heap.
 */
#ifndef GW_PERSONAL_PATTERN_H
#define GW_PERSONAL_PATTERN_H

#include "firmware/base/str.h"

/* The pattern fits the whole text. */
bool gw_pattern_fits(struct gw_str pattern, struct gw_str text);
/* It fits a piece of the text. */
bool gw_pattern_occurs(struct gw_str pattern, struct gw_str text);
/* The text is the beginning of something it fits: a code that was cut off. */
bool gw_pattern_begins(struct gw_str pattern, struct gw_str text);
#define GW_PATTERN_HEAD_MAX 32
/* Literal characters the pattern begins with: "EMP" of "EMP#####"; at most the first
 * GW_PATTERN_HEAD_MAX of them, into dst. Their number. */
size_t gw_pattern_head(struct gw_str pattern, char dst[static GW_PATTERN_HEAD_MAX]);

#endif
