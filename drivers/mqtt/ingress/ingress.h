/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door: devices connect to gw-collectd itself by MQTT 3.1.1 or 5, so that
 * the device's own PUBACK means "on flash".
 *
 * THE RULE: PUBACK and PUBREC leave after the commit that holds the event, in the
 * order of the PUBLISH packets; PUBCOMP after the commit that forgets the packet
 * identifier; CONNACK for a session to be kept after the commit that keeps it. So
 * the daemon's round is gw_loop_wait (reads, decodes, submits) -> gw_queue_tick
 * (commits, completions) -> gw_ingress_tick (writes).
 *
 * What it is: the server side of MQTT for devices that publish. A device may
 * publish under "gangway/<device>/" and under its configured topic filter, and may
 * subscribe to "gangway/<device>/receipt" and "gangway/<device>/command". It is no
 * broker: nothing is handed from one device to another, nothing is retained.
 *
 * Whatever a PUBLISH holds, one of these happens: it is stored as an event; it is
 * kept in the quarantine with a reason (what cannot be decoded, what is published
 * to a foreign topic); it is known already (a redelivery, a device's own
 * repetition); or it is withheld, which means that no acknowledgement of this
 * connection follows any more and the device sends it again on the next one.
 *
 * Redeliveries: (session, packet id, topic and payload) are kept with each record.
 * A PUBLISH with DUP that matches is acknowledged and not stored again if the
 * session counts its packet ids up, so that the match proves something; else it is
 * stored and marked possibleduplicate.
 *
 * Limits: all memory is taken at open: max_connections connections of about 8 KiB,
 * a shared pool for large packets, one window of redeliveries. A device over its
 * rate is read more slowly, nobody else notices. What is not a CONNECT within
 * CONNECT_TIMEOUT, a packet that does not get complete and a keep-alive that runs
 * out end their connection.
 *
 * One thread: everything here runs in the loop thread.
 */
#ifndef GW_MQTT_INGRESS_H
#define GW_MQTT_INGRESS_H

#include "drivers/mqtt/broker.h"

struct gw_ingress;

/* A message of a device was taken (stored or quarantined; not known already). */
typedef void gw_ingress_taken(void *context, struct gw_str topic, struct gw_bytes payload);

struct gw_ingress_options {
    const struct gw_config_ingress *config;
    struct gw_broker_devices devices;
    const char *credentials_path; /* see credentials.h */
    struct gw_intake intake;
    struct gw_loop *loop;
    const struct gw_clock *clock;
    struct gw_health *health;
    gw_broker_refused *refused;       /* QoS 0 that the queue did not take */
    gw_broker_refused *commit_failed; /* QoS 0 of a group that failed; both may be NULL */
    void *refused_context;
    gw_ingress_taken *taken; /* NULL: nobody wants to know */
    void *taken_context;
};

/* Take the memory, read credentials and sessions, rebuild the window, listen on
 * every listener. A listener that cannot be opened is an issue and is tried again;
 * the others work. Everything in `options` but the struct itself must outlive it.
 * NOMEM, or what the intake answers (IO, CORRUPT). */
enum gw_err gw_ingress_open(const struct gw_ingress_options *options,
                            struct gw_ingress **ret_ingress);
/* Write what is due, tell version 5 clients that we go, close. Commit first: no
 * unit of it may be uncommitted. NULL is allowed. */
void gw_ingress_close(struct gw_ingress *ingress);

/* After a reload that did not change the listeners: the new documents. Connections
 * of devices that are no longer configured are closed. */
void gw_ingress_set_config(struct gw_ingress *ingress, const struct gw_config_ingress *config,
                           const struct gw_broker_devices *devices);

/* When gw_ingress_tick wants to run next; it must also run after every commit. */
int64_t gw_ingress_next_mono_ms(const struct gw_ingress *ingress);
/* Write what is due, go on with what waited, close what is over. */
void gw_ingress_tick(struct gw_ingress *ingress);

/* ---- devices, for the control socket ---- */

/* Hexadecimal digits of a secret of 128 bits. */
#define GW_INGRESS_SECRET_LEN 32

/* Make a secret for a configured device and keep its digest. It is told once, here.
 * NOENT (no such device in the configuration), DUPLICATE, FULL, IO. */
enum gw_err gw_ingress_add_device(struct gw_ingress *ingress, struct gw_str device,
                                  char ret_secret[static GW_INGRESS_SECRET_LEN + 1]);
/* A second secret beside the first, which ends when the new one is first used.
 * NOENT (it has none yet), IO. */
enum gw_err gw_ingress_rotate_device(struct gw_ingress *ingress, struct gw_str device,
                                     char ret_secret[static GW_INGRESS_SECRET_LEN + 1]);
/* Forget its secrets and end its connections. NOENT, IO. */
enum gw_err gw_ingress_revoke_device(struct gw_ingress *ingress, struct gw_str device);
/* Send `text` to "gangway/<device>/command" of every connection of the device that
 * subscribed to it (QoS 0), at most GW_INGRESS_COMMAND_MAX_BYTES. NOENT if there is
 * none, FULL if one of them does not read, RANGE. */
#define GW_INGRESS_COMMAND_MAX_BYTES 1024
enum gw_err gw_ingress_command_device(struct gw_ingress *ingress, struct gw_str device,
                                      struct gw_str text, size_t *ret_count);

/* ---- again, from the quarantine ---- */

/* Take out of the observation what this door knows, mark what is doubtful; how many drafts
 * were taken out. As gw_broker_sift_retried: an entry that came by another door is left
 * alone. */
size_t gw_ingress_sift_retried(const struct gw_ingress *ingress,
                               const struct gw_broker_retried *retried,
                               struct gw_observation *observation);
/* They are stored now. Call right after the commit. */
void gw_ingress_note_retried(struct gw_ingress *ingress,
                             const struct gw_broker_retried *retried,
                             const struct gw_observation *observation);

/* ---- figures ---- */

struct gw_ingress_figures {
    size_t listeners, listening;
    size_t connections; /* with a CONNECT that was accepted */
    size_t sessions;
    uint64_t received, uncommitted;
};
/* Figures of now. */
void gw_ingress_get_figures(const struct gw_ingress *ingress,
                            struct gw_ingress_figures *ret_figures);
/* Open connections of the device at `index` of the configuration. */
size_t gw_ingress_device_connections(const struct gw_ingress *ingress, size_t index);

#endif
