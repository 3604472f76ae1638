/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a rule's pattern fits what a device sent: the text as it is, and as it may
 * have been meant (reading.h). A pattern with a head means its codes wherever they
 * occur; one without can only be told as a whole, or is looked for in every piece
 * where the whole is in doubt. Pure, no heap.
 */
#ifndef GW_PERSONAL_RULES_H
#define GW_PERSONAL_RULES_H

#include "firmware/config/config.h"
#include "firmware/personal/reading.h"

/* Where a pattern without a head is looked for. */
enum gw_rule_scope {
    GW_RULE_HEADS,  /* nowhere: the text is of any kind */
    GW_RULE_WHOLE,  /* the text, with or without its AIM identifier */
    GW_RULE_PIECES, /* anywhere in the text */
};

/* The text without the AIM identifier it may begin with. Same lifetime. */
struct gw_str gw_rule_without_aim(struct gw_str text);
/* It holds for the device; for an unknown one (empty) every rule does. */
bool gw_rule_holds_for(const struct gw_config_personal_rule *rule, struct gw_str device);
/* The text holds a code of the rule, whole, cut off, run together or damaged. */
bool gw_rule_fits(const struct gw_config_personal_rule *rule, const struct gw_reading *reading,
                  enum gw_rule_scope scope);
/* So does a topic: `reading` is of all of it, and each level may be a code that was cut
 * off. */
bool gw_rule_fits_topic(const struct gw_config_personal_rule *rule,
                        const struct gw_reading *reading);
/* Bytes nobody took apart may hold one, or a piece of one: anything may for a pattern
 * without a head. */
bool gw_rule_may_be_in(const struct gw_config_personal_rule *rule,
                       const struct gw_reading *reading);

#endif
