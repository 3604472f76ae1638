/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which readings a device has sent lately, by its own key of each: what it sends twice is
 * one event, as at the MQTT doors. The same key with another content is nobody's
 * repetition: many devices begin to count anew when they are switched on.
 *
 * Pure, no heap. Of this room only.
 */
#ifndef GW_SERIAL_RECENT_H
#define GW_SERIAL_RECENT_H

#include "drivers/profile/feed.h"

#define RECENT_IDS 64

struct recent_ids {
    struct {
        uint64_t id, content; /* fingerprints; id 0 = no entry */
    } ring[RECENT_IDS];
    uint32_t next;
};

enum recent_answer {
    RECENT_NEW,   /* or it has no key */
    RECENT_KNOWN, /* the same key, the same content */
    RECENT_OTHER, /* the same key, another content */
};

/* Whether it came before. */
enum recent_answer recent_find(const struct recent_ids *recent,
                               const struct gw_observed_item *item);
/* It is kept: the next one with its key is a repetition. */
void recent_add(struct recent_ids *recent, const struct gw_observed_item *item);

#endif
