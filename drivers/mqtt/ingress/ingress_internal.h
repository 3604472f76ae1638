/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door from inside; of this room only.
 *
 *   ingress.c     memory, listeners, timers, what the daemon calls
 *   wire.c        bytes between a socket (plain or TLS) and a connection
 *   connection.c  packets: one connection as a state machine, no socket in sight
 *   connect.c     CONNECT: who it is, which session
 *   message.c     PUBLISH: from payload to a unit at the intake
 *   answer.c      acknowledgements in order, receipts, other answers
 *
 * A connection's life: FREE -> SHAKING (TLS) -> GREETING (CONNECT awaited) ->
 * KEEPING (CONNACK waits for a commit) -> OPEN -> CLOSING (closed at the end of
 * this round) -> FREE.
 */
#ifndef GW_MQTT_INGRESS_INTERNAL_H
#define GW_MQTT_INGRESS_INTERNAL_H

#include "drivers/mqtt/event_ids.h"
#include "drivers/mqtt/ingress/credentials.h"
#include "drivers/mqtt/ingress/encode.h"
#include "drivers/mqtt/ingress/ingress.h"
#include "drivers/mqtt/ingress/session.h"
#include "firmware/crypto/tls_server.h"

/* Kept of a packet at most: 64 KiB of payload and 4 KiB of topic and properties. */
#define INGRESS_KEPT_BYTES (68u << 10)
/* A packet that is no PUBLISH. */
#define INGRESS_SMALL_BYTES 2048
#define INGRESS_OUT_BYTES 4096
#define INGRESS_READ_BYTES (64u << 10)
#define INGRESS_LARGE_COUNT 64
#define INGRESS_LISTENERS_MAX 8
/* Longest CONNACK and SUBACK there is. */
#define INGRESS_CLIENT_PACKET_MIN_BYTES 64
/* Topic filters of one SUBSCRIBE. */
#define INGRESS_FILTERS_MAX 16
/* Longest time a session is kept without a connection, whatever was asked for. */
#define INGRESS_SESSION_EXPIRY_MAX_S (7u * 86400)
#define INGRESS_TOPIC_KEPT_BYTES 256
#define INGRESS_NOBODY UINT32_MAX

#define INGRESS_CONNECT_TIMEOUT_MS 10000
#define INGRESS_PACKET_TIMEOUT_MS 20000
/* A connection on which something was withheld is ended after this long, so that
 * the device sends it again. */
#define INGRESS_WITHHELD_MS 5000
/* ... and one that sent more with QoS 2 than is kept after this long. */
#define INGRESS_DEFERRED_MS 500
#define INGRESS_SWEEP_MS 250

struct ingress_counters {
    uint64_t *received, *stored, *redelivered, *redelivered_new, *possible_duplicates,
        *device_duplicates;
    uint64_t *quarantined, *foreign_topics, *over_rate, *withheld, *refused_qos0;
    uint64_t *connects, *refused_connects, *taken_over, *protocol_errors, *wills, *receipts;
};

enum ingress_phase {
    PHASE_FREE,
    PHASE_SHAKING,
    PHASE_GREETING,
    PHASE_KEEPING,
    PHASE_OPEN,
    PHASE_CLOSING
};

/* An answer in the order of its PUBLISH, PUBREL or CONNECT. */
enum ingress_outcome { OUTCOME_STORED, OUTCOME_QUARANTINED, OUTCOME_KNOWN };
struct ingress_answer {
    uint16_t packet_id;
    uint8_t type; /* enum packet_type: PUBACK, PUBREC, PUBCOMP, CONNACK; 0 = receipt only */
    uint8_t reason;
    uint8_t outcome; /* enum ingress_outcome */
};

struct ingress_listener {
    const struct gw_config_listener *config;
    int fd; /* -1 = not open */
    struct gw_tls_server *tls;
    int64_t retry_mono_ms;
    int64_t refused_mono_ms; /* last client that was refused or failed; 0 = not lately */
    struct gw_ingress *ingress;
};

struct ingress_connection {
    struct gw_ingress *ingress;
    struct ingress_listener *listener;
    struct gw_tls_stream *tls;
    int fd;
    uint32_t index;
    uint32_t generation; /* raised when the place is given up: old tokens are strangers */
    enum ingress_phase phase;
    uint8_t version; /* enum packet_version */
    bool session_present;
    bool is_withheld; /* no acknowledgement any more */
    bool in_ready;    /* on the list of connections with something due */
    unsigned watched; /* set of enum gw_loop_events */
    bool is_open;     /* its CONNECT was accepted */
    uint32_t next_ready, next_free;

    uint32_t device; /* index into the configuration; INGRESS_NOBODY */
    struct session *session;

    /* Input that is not complete: in `small`, or in a place of the shared pool. */
    uint8_t *small;
    uint32_t large; /* INGRESS_NOBODY = none */
    size_t kept_len;
    size_t skip_len; /* still to come of a packet of which enough was kept */

    /* Answers: [answered, ready) may go, [ready, asked) wait for commits. */
    struct ingress_answer *answers;
    uint32_t answered, ready, asked;
    uint32_t in_flight; /* PUBLISH with QoS > 0 not answered yet */

    struct gw_buf out;
    size_t out_from; /* bytes of `out` that are sent already */

    uint16_t topic_len; /* the last topic that was allowed: usually the next one too */
    char topic[INGRESS_TOPIC_KEPT_BYTES];
    uint64_t topic_fingerprint;

    uint16_t keep_alive_s; /* 0 = none */
    uint32_t client_maximum_packet;
    int64_t read_wall_ms;     /* when the bytes that are taken apart now were read */
    int64_t heard_mono_ms;    /* last complete packet */
    int64_t partial_mono_ms;  /* since when a packet is incomplete; 0 = none is */
    int64_t paused_mono_ms;   /* not read before; 0 = read */
    int64_t unread_mono_ms;   /* since when the client takes nothing we send; 0 = it does */
    int64_t deadline_mono_ms; /* GREETING: CONNECT; withheld: end; GW_NEVER_MS */
    bool is_orderly;          /* DISCONNECT came: no will */
    bool is_expiry_cut;       /* CONNACK tells another session expiry than was asked for */
    bool is_id_assigned;      /* CONNACK tells the client id we made */

    /* A SUBACK or UNSUBACK that waits for the commit of its session. */
    uint8_t suback_codes[INGRESS_FILTERS_MAX];
    uint8_t suback_count; /* 0 = none waits */
};

struct gw_ingress {
    struct gw_ingress_options options;
    struct ingress_counters counters;
    struct ingress_listener listeners[INGRESS_LISTENERS_MAX];
    size_t listener_count;
    struct credentials *credentials; /* NULL: the file cannot be used, nobody gets in */
    struct sessions sessions;

    struct ingress_connection *connections;
    uint32_t connection_count;
    uint32_t free_head;  /* list through next_free */
    uint32_t ready_head; /* connections with something due, through next_ready */
    uint32_t open_count;
    uint8_t *smalls, *outs, *larges;
    struct ingress_answer *answers;
    uint32_t answer_mask; /* answers of a connection, less one */
    uint64_t larges_free; /* bit set of places in `larges` */

    uint8_t *read_bytes; /* INGRESS_KEPT_BYTES + INGRESS_READ_BYTES */
    struct gw_buf storage, reason;

    struct gw_event_ids event_ids;
    uint64_t uncommitted;
    uint64_t failures; /* units of groups that failed */
    uint64_t received;

    int64_t next_sweep_mono_ms;
    int64_t paused_until_mono_ms; /* earliest end of a pause */
    bool is_going;                /* closing: nothing is read any more */
};

/* ---- wire.c ---- */

/* Take in a connection that was accepted. The descriptor is the ingress's from here
 * on, whatever becomes of it. */
void ingress_wire_accept(struct ingress_listener *listener, int fd);
/* Read what is there and take the packets. */
void ingress_wire_ready(void *context, int fd, unsigned events);
/* Go on with a connection of which something is due; gives it up if it is over. */
void ingress_wire_settle(struct ingress_connection *connection);
/* Ask the loop for what the connection wants now. */
void ingress_wire_watch(struct ingress_connection *connection);
/* Give the place of the connection up: the will, the session, the socket. */
void ingress_wire_release(struct ingress_connection *connection);

/* ---- connection.c ---- */

/* Take complete packets off the front of `bytes`; how many bytes are done with. */
size_t ingress_connection_take(struct ingress_connection *connection, struct gw_bytes bytes);
bool ingress_connection_may_take(const struct ingress_connection *connection);
/* End it, telling the client why if it can be told (before CONNACK: with a CONNACK). */
void ingress_connection_fail(struct ingress_connection *connection, struct packet_fault fault);
/* Which of the device's two topics `topic` is (enum session_subscription), or 0. */
uint8_t ingress_subscription_of(struct gw_str device, struct gw_str topic);
/* Timers of one connection. */
void ingress_connection_sweep(struct ingress_connection *connection, int64_t now_mono_ms);

/* ---- connect.c ---- */

/* Handle a CONNECT: refuse it, or ask for the CONNACK. */
void ingress_connect(struct ingress_connection *connection, struct gw_bytes body);
/* The session is durable: CONNACK. */
void ingress_connected(struct ingress_connection *connection);
/* What the configuration has at `device`; NULL for INGRESS_NOBODY. */
const struct gw_config_device *ingress_device(const struct gw_ingress *ingress,
                                              uint32_t device);
/* Index of the device in the configuration, or INGRESS_NOBODY. */
uint32_t ingress_find_device(const struct gw_ingress *ingress, struct gw_str id);
/* The connection is over: what the session keeps, whether its will is due. */
void ingress_leave_session(struct ingress_connection *connection);
/* Wills that are due, sessions that have expired. */
void ingress_sweep_sessions(struct gw_ingress *ingress, int64_t now_mono_ms);

/* ---- message.c ---- */

/* False: not now (the device is over its rate), the packet stays where it is. */
bool ingress_publish(struct ingress_connection *connection,
                     const struct packet_publish *publish, size_t payload_len);
/* PUBREL: forget the packet id, then PUBCOMP. */
void ingress_release(struct ingress_connection *connection, uint16_t packet_id);
/* The will of a session as an event. What the intake answers. */
enum gw_err ingress_submit_will(struct gw_ingress *ingress, struct session *session);
/* The record's origin belongs to a session of ours: into the window (start-up). */
void ingress_remember(void *context, struct gw_bytes origin, enum gw_flow_class class,
                      uint64_t sequence);

/* ---- answer.c ---- */

/* What a unit is about; makes its token, with gw_event_ids_token from
 * TOKEN_EVENT_IDS_SHIFT on. */
enum ingress_token { TOKEN_ANSWER = 1, TOKEN_QOS0 = 2 };
#define TOKEN_EVENT_IDS_SHIFT 2
/* A unit about to be submitted, with its completion. */
struct gw_unit ingress_begin_unit(struct gw_ingress *ingress,
                                  const struct ingress_connection *connection, unsigned token);
/* Submit it; the answer, if the token says so, waits for the commit. */
enum gw_err ingress_submit(struct ingress_connection *connection, const struct gw_unit *unit,
                           struct ingress_answer answer);
/* The same for a unit that changes what is kept of the connection's session. */
enum gw_err ingress_submit_session(struct ingress_connection *connection,
                                   const struct gw_unit *unit, struct ingress_answer answer);
/* An answer for which nothing has to be stored: it goes when what was asked before
 * it has gone, and what is uncommitted now is committed. */
void ingress_answer_known(struct ingress_connection *connection, struct ingress_answer answer);
/* Something could not be kept: no acknowledgement of this connection follows any
 * more (pings are answered), and it is ended after a while. */
void ingress_withhold(struct ingress_connection *connection);
/* Room for one more answer? */
bool ingress_may_ask(const struct ingress_connection *connection);
/* Put what may go into `out`. */
void ingress_put_answers(struct ingress_connection *connection);
/* On the list of those that the next tick looks at. */
void ingress_mark_ready(struct ingress_connection *connection);

#endif
