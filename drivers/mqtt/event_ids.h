/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device event ids: which readings of a message are stored already. Both doors ask the
 * same questions here.
 *
 *   a message that is one reading   its id -> fingerprint of topic and payload
 *   a list of records               each id -> fingerprint of topic and that record's text
 *
 * The same id with the same fingerprint is one event, over sessions and restarts: it is
 * not stored again, and what stands beside it in the message is stored. The same id with
 * another fingerprint is stored and marked, for nobody can know; so is a reading without
 * an id that comes with a known one.
 *
 * Remembered are the newest readings with an id, as many of lists as of messages that
 * are one: apart, so that a reader that reports 64 tags in a message does not push
 * out what others sent. After a restart they come back from the origins of what is
 * stored (origin.h).
 *
 * As with windows, what is noted before its commit is taken back if that fails: the
 * token of a unit says how much it noted. Not thread-safe.
 */
#ifndef GW_MQTT_EVENT_IDS_H
#define GW_MQTT_EVENT_IDS_H

#include "drivers/mqtt/origin.h"
#include "drivers/mqtt/window.h"
#include "drivers/profile/observe.h"

/* Of messages that are one reading, and of records: id -> fingerprint. */
enum gw_event_ids_kind { GW_EVENT_IDS_SINGLE, GW_EVENT_IDS_RECORD, GW_EVENT_IDS_KINDS };

struct gw_event_ids {
    struct gw_window windows[GW_EVENT_IDS_KINDS];
    uint64_t marks[GW_EVENT_IDS_KINDS]; /* where they stood before the open group */
};

/* Fingerprints of a message: of its topic, and of topic and payload. */
struct gw_event_ids_message {
    uint64_t topic, payload;
};

typedef uint8_t gw_event_ids_origins[GW_OBSERVE_DRAFTS_MAX][GW_MQTT_ORIGIN_MAX_BYTES];

/* Windows of the newest `capacity` readings each. NOMEM. */
enum gw_err gw_event_ids_open(struct gw_event_ids *ids, size_t capacity);
/* Release; harmless on a zeroed struct. */
void gw_event_ids_close(struct gw_event_ids *ids);

/* Take out of the observation what is stored already, mark the drafts of which nobody
 * can know (GW_EVENT_POSSIBLE_DUPLICATE). How many were taken out; none may be left. */
size_t gw_event_ids_sift(const struct gw_event_ids *ids,
                         const struct gw_event_ids_message *message,
                         struct gw_observation *observation);
/* Give the drafts of a sifted observation their origins. `origin` is the message's, without
 * an event id; its packet id goes with one draft only. Views into `storage`. */
void gw_event_ids_set_origins(const struct gw_event_ids_message *message,
                              const struct gw_mqtt_origin *origin, gw_event_ids_origins storage,
                              struct gw_observation *observation);
/* The event id of a message that is one reading, for its origin in the quarantine; 0 = none. */
uint64_t gw_event_ids_of_single(const struct gw_observation *observation);

#define GW_EVENT_IDS_TOKEN_BITS 8
/* What the drafts add to the windows, for the token of their unit: so many bits. */
unsigned gw_event_ids_token(const struct gw_observation *observation);
/* They were submitted. */
void gw_event_ids_note(struct gw_event_ids *ids, const struct gw_event_ids_message *message,
                       const struct gw_observation *observation);
/* Their unit was committed. Units complete in submit order. */
void gw_event_ids_committed(struct gw_event_ids *ids, uint64_t token);
/* The open group failed: forget what was noted of it. */
void gw_event_ids_rollback(struct gw_event_ids *ids);

/* A record that is stored, oldest first; gw_event_ids_settle behind the last. */
void gw_event_ids_remember(struct gw_event_ids *ids, const struct gw_mqtt_origin *origin);
/* Nothing noted is uncommitted. */
void gw_event_ids_settle(struct gw_event_ids *ids);

#endif
