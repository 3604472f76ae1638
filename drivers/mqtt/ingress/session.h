/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept of a device between its connections, by (device, client id): two
 * devices with the same client id do not meet.
 *
 * Durable, in the state table "ingress" of the queue's store: that the session is
 * there at all, its expiry, its subscriptions, and the packet ids of QoS 2 between
 * PUBREC and PUBREL. A value is written with the unit it belongs to, so an id is
 * exactly as durable as the event it stands for.
 *
 * In memory: what was stored last under which packet id and whether packet ids count
 * up (see is_redelivery in message.c), and the will with its delay. Loop thread only.
 */
#ifndef GW_MQTT_INGRESS_SESSION_H
#define GW_MQTT_INGRESS_SESSION_H

#include "drivers/mqtt/ingress/packet.h"
#include "firmware/intake/intake.h"

#define SESSION_TABLE GW_STR("ingress")
#define SESSION_CLIENT_ID_MAX_BYTES 120
#define SESSION_KEY_MAX_BYTES (GW_EVENT_NAME_MAX_BYTES + 1 + SESSION_CLIENT_ID_MAX_BYTES)
#define SESSION_QOS2_MAX 128
#define SESSION_WILL_TOPIC_MAX_BYTES 256
#define SESSION_WILL_PAYLOAD_MAX_BYTES 1024
#define SESSION_NEVER_EXPIRES UINT32_MAX
#define SESSION_VALUE_MAX_BYTES (8 + 2 * SESSION_QOS2_MAX)
#define SESSION_NOBODY UINT32_MAX

enum session_subscription { SESSION_RECEIPTS = 1, SESSION_COMMANDS = 2 };

struct session_will {
    bool is_set;
    uint32_t delay_s;
    uint16_t topic_len, payload_len;
    char topic[SESSION_WILL_TOPIC_MAX_BYTES];
    uint8_t payload[SESSION_WILL_PAYLOAD_MAX_BYTES];
};

/* A message of QoS 1 that was stored, or is about to be. */
struct session_sent {
    uint64_t payload;   /* fingerprint of topic and payload */
    uint16_t packet_id; /* 0 = none */
};

struct session {
    bool is_used;
    bool is_stored;        /* the state table has it */
    bool must_reload;      /* a commit failed: memory may be ahead of the table */
    bool is_doubtful;      /* the table may be wrong: it does not go on */
    uint8_t subscriptions; /* set of enum session_subscription */
    uint8_t key_len, device_len;
    char key[SESSION_KEY_MAX_BYTES]; /* device, LF, client id */
    uint64_t fingerprint;            /* of the key */
    uint32_t connection;             /* index, SESSION_NOBODY without one */
    uint32_t expiry_s;               /* after the connection ended; SESSION_NEVER_EXPIRES */
    int64_t ended_mono_ms;           /* of the last connection */
    int64_t will_mono_ms;            /* when the will is due; GW_NEVER_MS */
    uint16_t last_packet_id;         /* newest stored one, 0 = none */
    uint16_t run;                    /* so many packet ids counted up before it */
    struct session_sent *sent;       /* by packet id, modulo sessions.sent_mask + 1 */
    uint16_t most_in_flight;         /* PUBLISH with QoS > 0 unanswered at once, so far */
    uint16_t qos2_count;
    uint16_t qos2[SESSION_QOS2_MAX];
    struct session_will will;
};

struct sessions {
    struct session *all;
    struct session_sent *sent;
    size_t count;       /* of `all` */
    uint16_t sent_mask; /* of one session, less one */
};

/* `count` empty ones, each remembering `sent_count` (a power of two) messages. Of
 * sessions that are not used no memory is touched. NOMEM. */
enum gw_err sessions_open(struct sessions *sessions, size_t count, size_t sent_count);
/* Harmless on a zeroed struct. */
void sessions_close(struct sessions *sessions);
/* Read the stored ones. What the intake answers. */
enum gw_err sessions_load(struct sessions *sessions, const struct gw_intake *intake,
                          int64_t now_mono_ms);

/* Read one again from the table. What the intake answers. */
enum gw_err session_reload(struct session *session, const struct gw_intake *intake);

/* The key of a session in `dst`; its length. The lengths must be within limits. */
size_t session_make_key(struct gw_str device, struct gw_str client_id,
                        char dst[static SESSION_KEY_MAX_BYTES]);
uint64_t session_fingerprint(struct gw_str key);
/* NULL if there is none. */
struct session *sessions_find(struct sessions *sessions, struct gw_str key);
/* By fingerprint of its key; NULL. */
struct session *sessions_find_fingerprint(struct sessions *sessions, uint64_t fingerprint);
/* A new one; when all are in use, in place of the one that is not stored, has no
 * connection and ended longest ago. NULL if every one is needed. */
struct session *sessions_make(struct sessions *sessions, struct gw_str key);

/* The parts of its key; views into the session. */
struct gw_str session_device(const struct session *session);
struct gw_str session_client_id(const struct session *session);

/* Messages of QoS 1: remember one; what was stored under the packet id; forget all. */
void sessions_note_sent(const struct sessions *sessions, struct session *session,
                        uint16_t packet_id, uint64_t payload);
bool sessions_find_sent(const struct sessions *sessions, const struct session *session,
                        uint16_t packet_id, uint64_t *ret_payload);
void sessions_forget_sent(const struct sessions *sessions, struct session *session);

/* Packet ids of QoS 2. */
bool session_has_qos2(const struct session *session, uint16_t packet_id);
/* False if there are too many. */
bool session_add_qos2(struct session *session, uint16_t packet_id);
bool session_drop_qos2(struct session *session, uint16_t packet_id);

/* The change that makes the session as it is now durable, or forgets it. `storage`
 * holds the value as long as the change is used. */
struct gw_state_change session_save(const struct session *session,
                                    uint8_t storage[static SESSION_VALUE_MAX_BYTES]);
struct gw_state_change session_forget(const struct session *session);

#endif
