/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker door: gw-collectd subscribes to an MQTT broker on the box or on
 * the site, with QoS 1 and a persistent session, and lets the PUBACK of a
 * message go only after the commit that holds it.
 *
 * THE RULE: nothing is written to the socket between reading a PUBLISH and the
 * commit that holds it. So the daemon's round is: gw_loop_wait (reads, decodes,
 * submits) -> gw_queue_tick (commits, completions) -> gw_broker_tick (writes).
 * If a commit fails or the queue is FULL, nothing is ever written any more on
 * that connection: it is dropped hard and the broker delivers again on the next.
 *
 * A redelivery (DUP) whose packet id and payload are in the window of what this
 * session stored is acknowledged and counted; any other DUP is stored and marked
 * possibleduplicate. Nothing is dropped on a guess: if the broker hands out
 * packet ids again quickly, the packet id proves nothing and the redelivery is
 * stored too. A device's own event id with the same payload is one event.
 *
 * Limits. Many devices share one connection, so a flood of one of them cannot be
 * slowed alone: it is accepted, counted and raised as an issue. What the broker
 * acknowledged to a device and did not hand over yet is the broker's promise.
 * Retained messages are marked; the same one is not stored twice in a run.
 * QoS 0 messages (published so) cannot be held back: what the queue refuses of
 * them is told to `refused`, what a commit that failed held to `commit_failed`.
 *
 * The room is one thread: everything here runs in the loop thread.
 */
#ifndef GW_MQTT_BROKER_H
#define GW_MQTT_BROKER_H

#include "drivers/mqtt/event_ids.h"
#include "drivers/mqtt/rate_limit.h"
#include "drivers/profile/observe.h"
#include "firmware/base/loop.h"
#include "firmware/config/config.h"
#include "firmware/health/health.h"
#include "firmware/intake/intake.h"

/* What is known of a configured device; owned by the daemon, one per device in
 * the order of the configuration, shared by all brokers. Zeroed at start. */
struct gw_device_activity {
    int64_t last_wall_ms; /* last observation, 0 = none since start */
    uint64_t events;
    uint64_t quarantined;
    struct gw_rate_limit rate;
    bool rate_started;
    int64_t over_rate_mono_ms;          /* last message over the limit; 0 = none */
    struct gw_observe_profile *profile; /* of devices[].profile, NULL = none; the daemon's */
};

struct gw_broker_devices {
    const struct gw_config_device *configs;
    struct gw_device_activity *activities;
    size_t count;
};

/* Something that could not be held back was refused: for a loss record. */
typedef void gw_broker_refused(void *context, struct gw_str device, enum gw_flow_class class,
                               uint64_t count);

struct gw_broker_options {
    const struct gw_config_broker *config;
    struct gw_broker_devices devices;
    struct gw_intake intake;
    struct gw_loop *loop;
    const struct gw_clock *clock;
    struct gw_health *health;
    gw_broker_refused *refused;
    gw_broker_refused *commit_failed; /* may be NULL, as the one before */
    void *refused_context;
};

struct gw_broker;

/* Rebuild the windows from the queue's tail and start to connect at the next
 * tick. Everything in `options` but the struct itself must outlive the broker.
 * NOMEM, or what the intake answers (IO, CORRUPT). */
enum gw_err gw_broker_open(const struct gw_broker_options *options,
                           struct gw_broker **ret_broker);
/* Orderly end: what is committed is acknowledged, then DISCONNECT; the session
 * stays. Commit first (gw_queue_commit), else the uncommitted rest comes again.
 * No unit of it may be uncommitted when the broker is freed. NULL is allowed. */
void gw_broker_close(struct gw_broker *broker);

/* The same broker after a reload that did not change it: point to the new
 * configuration, take the new device table. */
void gw_broker_set_config(struct gw_broker *broker, const struct gw_config_broker *config,
                          const struct gw_broker_devices *devices);

#define GW_BROKER_REPUBLISH_MAX 2000
/* Publish on this broker what came in by the front door, QoS 0, for flows that exist
 * there: if the configuration says so, the broker is there and no more than
 * GW_BROKER_REPUBLISH_MAX wait to be written; else it is only counted. It does not
 * come back to us (no local). */
void gw_broker_republish(struct gw_broker *broker, struct gw_str topic,
                         struct gw_bytes payload);

/* When gw_broker_tick wants to run next; it must also run after every commit. */
int64_t gw_broker_next_mono_ms(const struct gw_broker *broker);
/* Write the acknowledgements that are due, connect, keep alive, give up. */
void gw_broker_tick(struct gw_broker *broker);

/* Decode bytes that are in quarantine with today's configuration. */
struct gw_broker_retry {
    struct gw_str topic;
    size_t topic_len; /* original lengths: what was cut cannot be decoded */
    struct gw_bytes payload;
    size_t payload_len;
    int64_t received_wall_ms;
};
/* The observation they should have been, in `storage` (cleared first, at least
 * GW_OBSERVE_STORAGE_BYTES). PARSE, SCHEMA, RANGE with the reason appended to `reason`; NOENT
 * (with a reason too): no device matches the topic. */
enum gw_err gw_broker_decode_retry(const struct gw_broker_devices *devices,
                                   const struct gw_broker_retry *retry, struct gw_buf *storage,
                                   struct gw_buf *reason,
                                   struct gw_observation *ret_observation);

/* What an entry of the quarantine becomes, with the entry's own origin, if it came by MQTT. */
struct gw_broker_retried {
    struct gw_mqtt_origin origin;
    bool has_origin;
    struct gw_event_ids_message message;
    gw_event_ids_origins origins; /* of the drafts: keep it until they are submitted */
};
/* Begin with the entry's topic and `origin`. */
void gw_broker_begin_retried(struct gw_str topic, struct gw_bytes origin,
                             struct gw_broker_retried *ret_retried);
/* Take out of the observation what this broker's windows know, mark what is doubtful
 * (gw_event_ids_sift). How many drafts were taken out. */
size_t gw_broker_sift_retried(const struct gw_broker *broker,
                              const struct gw_broker_retried *retried,
                              struct gw_observation *observation);
/* Give what is left its origins. */
void gw_broker_complete_origins(struct gw_broker_retried *retried,
                                struct gw_observation *observation);
/* They are stored now. Call right after the commit. */
void gw_broker_note_retried(struct gw_broker *broker, const struct gw_broker_retried *retried,
                            const struct gw_observation *observation);

enum gw_broker_state { GW_BROKER_WAITING, GW_BROKER_CONNECTING, GW_BROKER_CONNECTED };

struct gw_broker_figures {
    const char *name;
    enum gw_broker_state state;
    bool is_subscribed; /* connected, and the broker has answered for our topics */
    bool refused;       /* the broker does not want us: credentials, ACL, client id */
    int64_t since_wall_ms;
    uint64_t received;
    uint64_t uncommitted;
};
/* Figures of now; `name` lives as long as the configuration. */
void gw_broker_get_figures(const struct gw_broker *broker,
                           struct gw_broker_figures *ret_figures);

#endif
