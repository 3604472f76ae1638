/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked within one value. Private to this room. */
#ifndef GW_GS1_CHECK_H
#define GW_GS1_CHECK_H

#include "firmware/gs1/gs1.h"

/* True if `check` is content with `text`, which is of the right characters and
 * length already. */
bool gw_gs1_check_passes(enum gw_gs1_check check, struct gw_str text);
/* What it means if it is not: CHECK_DIGIT, CHECK_PAIR, BAD_DATE or BAD_VALUE. */
enum gw_gs1_reason gw_gs1_check_reason(enum gw_gs1_check check);

/* Check digit (General Specifications, 7.9.1) for `digits` that stand in front
 * of it. */
char gw_gs1_mod_10(struct gw_str digits);
/* Check character pair (7.9.5) for the characters in front of it; at most 97,
 * all of character set 82. */
void gw_gs1_mod_1021(struct gw_str text, char ret_pair[2]);

/* Coupon codes (8110) and (8112), see coupon.c. */
bool gw_gs1_is_coupon(struct gw_str text);
bool gw_gs1_is_coupon_offer(struct gw_str text);

/* Length of the beginning of `text` that consists of characters of `set`;
 * text.len if all of it does. */
size_t gw_gs1_span(enum gw_gs1_set set, struct gw_str text);

/* Check one value against its row: length, characters, then each part. At the
 * first thing that is wrong false, with reason, at (from the beginning of
 * `value`), found, min, max, check and character of *ret_why set. */
bool gw_gs1_check_value(const struct gw_gs1_ai *ai, struct gw_str value,
                        struct gw_gs1_finding *ret_why);

#endif
