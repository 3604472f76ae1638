/* SPDX-License-Identifier: Apache-2.0 */
/* MQTT topic filters (MQTT 3.1.1 and 5, section 4.7). Pure. */
#ifndef GW_PROFILE_TOPIC_H
#define GW_PROFILE_TOPIC_H

#include "firmware/base/str.h"

/* True if `filter` is well-formed: 1 to 65,535 bytes of UTF-8 without NUL, '+'
 * alone in its level, '#' alone in the last. */
bool gw_topic_filter_is_valid(struct gw_str filter);
/* True if the well-formed `filter` matches `topic`. "a/#" matches "a" too; a
 * filter that begins with a wildcard matches no topic that begins with '$'. */
bool gw_topic_matches(struct gw_str filter, struct gw_str topic);

#endif
