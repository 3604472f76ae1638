/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/recent.h"

/* FNV-1a with 64 bits (RFC 9923): good against accident, and a device that makes two of
 * its own readings collide harms nobody but itself. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ ((const uint8_t *) bytes)[i]) * UINT64_C(0x100000001b3);
    }
    return (hash ^ len) * UINT64_C(0x100000001b3);
}

#define START UINT64_C(0xcbf29ce484222325)

static uint64_t id_of(const struct gw_observed_item *item) {
    return item->event_id.len > 0 ? mix(START, item->event_id.ptr, item->event_id.len) | 1 : 0;
}

/* All that the device said, its time included. */
static uint64_t content_of(const struct gw_observed_item *item) {
    uint64_t hash = mix(START, &item->kind, sizeof item->kind);
    hash = mix(hash, &item->time_wall_ms, sizeof item->time_wall_ms);
    hash = mix(hash, &item->part, sizeof item->part);
    hash = mix(hash, item->symbology.ptr, item->symbology.len);
    return mix(hash, item->raw.ptr, item->raw.len);
}

enum recent_answer recent_find(const struct recent_ids *recent,
                               const struct gw_observed_item *item) {
    uint64_t id = id_of(item);
    enum recent_answer answer = RECENT_NEW;
    for (size_t i = 0; id != 0 && i < RECENT_IDS; i++) {
        if (recent->ring[i].id == id) {
            answer = RECENT_OTHER;
            if (recent->ring[i].content == content_of(item)) {
                return RECENT_KNOWN;
            }
        }
    }
    return answer;
}

void recent_add(struct recent_ids *recent, const struct gw_observed_item *item) {
    uint64_t id = id_of(item);
    if (id != 0) {
        recent->ring[recent->next % RECENT_IDS].id = id;
        recent->ring[recent->next % RECENT_IDS].content = content_of(item);
        recent->next++;
    }
}
