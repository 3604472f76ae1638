/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From MQTT payloads to observations. Pure: no clock, no heap, no I/O; the same
 * payload gives the same observation.
 *
 * Nothing is guessed and nothing is dropped: a payload either becomes a draft
 * that holds what the device sent, digit for digit, or an error with a reason
 * that a technician can act on, for the quarantine. What becomes what:
 *
 *   scanner, text   scan.observed: the payload without one trailing CR, LF or
 *                   CRLF is `raw`
 *   scanner, json   scan.observed by the device's pointers: code (text, must be
 *                   there), symbology, time, event id (may be absent)
 *   scale, json     weight.measured by pointers: the whole payload is `raw`;
 *                   `value` and `unit` only when stable
 *   scale, text     refused: scale protocols are not decoded from MQTT text
 *   plc, other      metric.sampled: the payload (text), or the member at
 *                   weight_pointer (json), as `value` if it is decimal text,
 *                   else quality "bad" without a value; `point` is the topic
 *
 * Of a device with a profile (gw_observe_profile), the payload is one frame, decoded
 * as in feed.h, each on its own: no repeats are marked, and every weight is an
 * event, since a message that could not be stored comes again and must mean the
 * same then. One payload may be several events, each with its device event id.
 *
 * Stable means: the member at state_pointer is stable_word (a JSON string, or
 * true, false, or a number written the same). Without a state_pointer the
 * profile states that the device sends stable weights only.
 */
#ifndef GW_PROFILE_OBSERVE_H
#define GW_PROFILE_OBSERVE_H

#include "firmware/config/config.h"
#include "firmware/event/event.h"

/* Larger payloads are refused. A JSON string may grow sixfold by escapes, so a
 * payload below this may still be refused for the size of its `data`. */
#define GW_OBSERVE_PAYLOAD_MAX_BYTES 65536
/* Room in `storage` that is enough for any payload, alone in it: every byte may need six,
 * codes and unescaped texts are kept beside, and what GS1 makes of each of 64 codes. */
#define GW_OBSERVE_STORAGE_BYTES (9 * GW_OBSERVE_PAYLOAD_MAX_BYTES + 64 * 4096)
/* Room in `reason` that is enough for any reason. */
#define GW_OBSERVE_REASON_BYTES 512

/* A profile for MQTT payloads. */
struct gw_observe_profile;

/* Load the profile of a device (a name in `folder`, or a path). One that cannot be
 * used is opened all the same: every payload is then refused with the reason, so
 * that it waits in the quarantine for the profile to be put right. NOMEM. */
enum gw_err gw_observe_profile_open(const char *folder, const char *name,
                                    struct gw_observe_profile **ret_profile);
/* NULL is allowed. */
void gw_observe_profile_close(struct gw_observe_profile *profile);
/* Why it cannot be used, one line; empty if it can. As long-lived as the profile. */
struct gw_str gw_observe_profile_fault(const struct gw_observe_profile *profile);

/* Most events of one payload. */
#define GW_OBSERVE_DRAFTS_MAX GW_EVENT_TOGETHER_MAX

struct gw_observe_input {
    const struct gw_config_device *device;
    struct gw_observe_profile *profile; /* NULL: the pointers of the device */
    struct gw_str topic;
    struct gw_bytes payload;
    int64_t received_wall_ms; /* `time` of the event unless the payload has one */
    unsigned flags;           /* enum gw_event_flags the transport knows of */
};

/* What a reading is known again by. */
struct gw_reading_id {
    /* The device's own key of this reading (event_id_pointer), unescaped, at most 128
     * bytes; empty if it has none. In `storage`. */
    struct gw_str event_id;
    /* The record's text in the payload, of a profile whose messages hold lists of them;
     * empty if the whole payload is the reading. */
    struct gw_str record;
};

struct gw_observation {
    /* device, class, time, flags, data, subject, partition key; origin, trace and the
     * rest stay empty. Views point into `storage`, the device's configuration and the
     * topic. */
    union {
        struct gw_event_draft draft; /* the first, and mostly the only one */
        struct gw_event_draft drafts[GW_OBSERVE_DRAFTS_MAX];
    };
    size_t count;                                    /* at least 1 */
    struct gw_reading_id ids[GW_OBSERVE_DRAFTS_MAX]; /* of each draft */
};

/* Decode one payload. Appends to `storage`, so one buffer may hold a group of
 * observations; a failed call leaves it as it was. On errors the reason is
 * appended to `reason` (what was found and what is allowed), one line of UTF-8.
 * PARSE (bytes: UTF-8, JSON), SCHEMA (members, kinds, values), RANGE (sizes),
 * FULL (storage: call again with room; no reason is written). */
enum gw_err gw_observe_payload(const struct gw_observe_input *input, struct gw_buf *storage,
                               struct gw_buf *reason, struct gw_observation *ret_observation);

/* Length of the AIM symbology identifier `code` begins with (ISO/IEC 15424:
 * ']', a letter, a letter or digit), 3, or 0. */
size_t gw_observe_aim_len(struct gw_str code);
/* UN/ECE Recommendation 20 code of a unit as scales write it ("kg" -> "KGM",
 * any case), empty if unknown. Static storage. */
struct gw_str gw_observe_unit_code(struct gw_str unit);

#endif
