/* SPDX-License-Identifier: Apache-2.0 */
/* The broker source from inside; of this room only. broker.c: connection and
 * writing. broker_message.c: one message. broker_session.c: what is kept about
 * the session at the broker. broker_retry.c: again, from the quarantine.
 * broker_unknown.c: issues of topics that belong to nobody. */
#ifndef GW_MQTT_BROKER_INTERNAL_H
#define GW_MQTT_BROKER_INTERNAL_H

#include "drivers/mqtt/broker.h"
#include "drivers/mqtt/client.h"
#include "drivers/mqtt/event_ids.h"
#include "drivers/mqtt/window.h"
#include "drivers/profile/observe.h"

/* Redeliveries are looked for among so many stored messages at least. */
#define GW_BROKER_SENT_WINDOW 1024
#define GW_BROKER_EVENT_ID_WINDOW 4096
#define GW_BROKER_RETAINED_WINDOW 256
#define GW_BROKER_TOPIC_CACHE 256
/* Most uncommitted messages: a group this large does not get better by more. */
#define GW_BROKER_GROUP_MAX 1000

struct gw_broker_counters {
    uint64_t *received, *stored, *redelivered, *possible_duplicates, *device_duplicates;
    uint64_t *retained_repeats, *quarantined, *unknown_topics, *over_rate, *withheld;
    uint64_t *republished, *not_republished;
    uint64_t *refused_qos0, *connects, *sessions_lost;
};

/* The windows whose newest pairs may belong to an uncommitted group. */
struct gw_broker_windows {
    /* Packet id -> topic and payload. A pair's position is its arrival number. */
    struct gw_window sent;
    struct gw_window retained; /* topic -> topic and payload */
};

/* A unit's token: these flags, from bit GW_TOKEN_EVENT_IDS_SHIFT on what it adds to the
 * event ids (gw_event_ids_token), and from bit GW_TOKEN_DEVICE_SHIFT on the device (index
 * plus 1). Devices change between commits only. */
enum gw_broker_token {
    GW_TOKEN_SENT = 1,
    GW_TOKEN_RETAINED = 2,
    GW_TOKEN_QOS_0 = 4, /* nobody will send it again */
    GW_TOKEN_SESSION = 8,
};
#define GW_TOKEN_EVENT_IDS_SHIFT 8
#define GW_TOKEN_DEVICE_SHIFT (GW_TOKEN_EVENT_IDS_SHIFT + GW_EVENT_IDS_TOKEN_BITS)

struct gw_topic_cache_slot {
    uint64_t topic;  /* fingerprint */
    uint32_t device; /* index plus 1; 0 = empty */
};

struct gw_broker_session {
    uint32_t number;       /* 0 = none yet */
    bool is_unsaved;       /* number or filters are not stored as they are */
    unsigned saving;       /* units of it that are uncommitted */
    struct gw_buf filters; /* granted ones, each with '\n' behind it */
    struct gw_buf scratch; /* for the state table's value */
};

/* Topics an issue is raised of; more of them share one. */
#define GW_BROKER_UNKNOWN_TOPICS 8
#define GW_BROKER_UNKNOWN_BYTES 128 /* an issue's subject is cut at 127 */

struct gw_unknown_topic {
    char text[GW_BROKER_UNKNOWN_BYTES]; /* the subject; "" = none */
    uint64_t fingerprint;
    int64_t last_mono_ms;
};

struct gw_broker {
    struct gw_broker_options options;
    struct gw_broker_counters counters;
    struct gw_mqtt_handlers handlers;
    struct gw_mqtt_client *client; /* NULL while waiting */

    enum gw_broker_state state;
    bool refused;
    bool was_taken_over; /* by another client with our id, and not quiet since */
    int64_t since_wall_ms;
    int64_t connected_mono_ms;
    int64_t deadline_mono_ms;  /* of the state: retry, or give up connecting */
    int64_t next_beat_mono_ms; /* keep-alive, handshake poll */
    uint32_t backoff_ms;
    enum gw_mqtt_family family; /* the other one is tried after each failure */
    int watched_fd;
    unsigned watched;

    uint32_t name_hash;
    struct gw_broker_session session;
    bool subscribe_due; /* SUBSCRIBE is to be queued */
    bool awaits_suback;
    uint64_t handled; /* packets that reached a callback */
    uint64_t received;
    unsigned republish_waiting; /* at most: counted since nothing waited to be written */

    /* Units submitted and not completed. While there is one, nothing may be
     * written. `mark` is where the windows stood before the first of them; a
     * unit's token says which windows it adds to, so that completions, which come
     * in submit order, move the marks exactly. */
    uint64_t uncommitted;
    int64_t uncommitted_since_mono_ms;
    bool commit_asked;
    struct {
        uint64_t sent, retained;
    } mark;
    struct gw_broker_windows windows;
    struct gw_event_ids event_ids;
    bool ids_reused; /* packet ids come again quickly: they prove nothing */

    /* Set by callbacks, which must not close the client: drop it when back. */
    enum gw_err drop_err;

    /* The last one stands for all that found no place. */
    struct gw_unknown_topic unknown[GW_BROKER_UNKNOWN_TOPICS + 1];

    struct gw_topic_cache_slot topic_cache[GW_BROKER_TOPIC_CACHE];
    struct gw_buf storage; /* observation of one message */
    struct gw_buf reason;
};

/* ---- broker_message.c ---- */

/* The windows hold nothing uncommitted now: put the marks at their ends. */
void gw_broker_set_marks(struct gw_broker *broker);
/* gw_mqtt_handlers.message */
void gw_broker_on_message(void *context, const struct gw_mqtt_message *message);
/* Count a unit about to be submitted (`token`: enum gw_broker_token), with its
 * completion; take it back and drop the connection if the intake refused it. */
struct gw_unit gw_broker_begin_unit(struct gw_broker *broker, uint64_t token);
void gw_broker_submitted(struct gw_broker *broker, enum gw_err err);
/* Let the open group be committed at the next tick. */
void gw_broker_ask_commit(struct gw_broker *broker);

/* The first device whose filter matches (index plus 1), 0 = none. */
uint32_t gw_broker_search_device(const struct gw_broker_devices *devices, struct gw_str topic);

/* ---- broker_unknown.c ---- */

/* A message came on a topic that belongs to no device. */
void gw_broker_note_unknown(struct gw_broker *broker, struct gw_str topic,
                            uint64_t fingerprint);
/* End the issues of topics that have been quiet since `before_mono_ms`. */
void gw_broker_settle_unknown(struct gw_broker *broker, int64_t before_mono_ms);

/* ---- broker_session.c ---- */

/* A unit with GW_TOKEN_SESSION was completed. */
void gw_broker_session_saved(struct gw_broker *broker, enum gw_err err);

/* Read what is kept of the session and rebuild the windows. */
enum gw_err gw_broker_session_load(struct gw_broker *broker);
/* CONNACK: is it the session we had? Asks for SUBSCRIBE where needed. */
void gw_broker_session_begin(struct gw_broker *broker, bool session_present);
/* Queue SUBSCRIBE, and UNSUBSCRIBE for filters that are no longer wanted. */
enum gw_err gw_broker_session_subscribe(struct gw_broker *broker);
/* SUBACK. */
void gw_broker_session_subscribed(struct gw_broker *broker, const int *granted, size_t count);

#endif
