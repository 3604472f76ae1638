/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of codes that name a person:
 *
 *   #  a digit      @  a letter (A-Z, a-z)      ?  any one character
 *   *  any characters, none included            \  the next one literally
 *
 * Everything else stands for itself. Time is at most length of pattern x length of
 * text. Pure, no heap.
 *
 * Damage. A text of which some characters arrived damaged is given with a mark in the
 * place of each (reading.h makes such texts). A mark stands for none to
 * GW_PATTERN_LOST_MAX characters of any kind: a damaged one, one that was added, some
 * that were lost there. Such a text may fit a pattern
 *   - if it fits with its marks taken so,
 *   - at least half of the pattern's signs (all but *) are seen, not guessed,
 *   - and, of a pattern with a head, at least one character of the head is.
 * Without the second and third a few marks would be anything.
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
/* Bytes that no UTF-8 holds. A separator is a control character that good codes have
 * too (of GS1, or white space): only a pattern with a head takes it for damage, and for
 * one character at most; without a head it is what it is. A blank is one in a text that
 * may have had a control character there: one character at most. */
#define GW_PATTERN_DAMAGE '\xff'
#define GW_PATTERN_SEPARATOR '\xfe'
#define GW_PATTERN_BLANK '\xfd'
#define GW_PATTERN_LOST_MAX 3
enum gw_pattern_part {
    GW_PATTERN_WHOLE,
    GW_PATTERN_PIECE,     /* of the text; see gw_pattern_occurs */
    GW_PATTERN_BEGINNING, /* see gw_pattern_begins: here GW_PATTERN_HEAD_MIN signs must
                             be seen, not half of them */
};
/* The pattern may fit the part of a text with marks. True for patterns that are too
 * long to tell (more than 128 signs). */
bool gw_pattern_may_fit(struct gw_str pattern, struct gw_str text, enum gw_pattern_part part);
/* So many literal characters at the beginning tell a pattern's codes from others. */
#define GW_PATTERN_HEAD_MIN 2
#define GW_PATTERN_HEAD_MAX 32
/* Literal characters the pattern begins with: "EMP" of "EMP#####"; at most the first
 * GW_PATTERN_HEAD_MAX of them, into dst. Their number. */
size_t gw_pattern_head(struct gw_str pattern, char dst[static GW_PATTERN_HEAD_MAX]);
/* It has GW_PATTERN_HEAD_MIN of them. */
bool gw_pattern_has_head(struct gw_str pattern);

#endif
