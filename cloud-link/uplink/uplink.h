/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uplink: one sink drains the queue over HTTPS, contract gangway-ingest v1.
 *
 * A state machine over time: it is told what the queue holds
 * (gw_uplink_set_epochs), asked to do what is due (gw_uplink_tick, again at
 * gw_uplink_next_mono_ms) and answered by its transport. It never blocks and
 * reads no clock but the one it was given.
 *
 * Order: one request in flight per class, so order per (epoch, class) is the
 * order of first acceptance. At rest an event leaves at once. While a request of
 * the sink is in flight another class waits for its connection up to the class's
 * linger, then opens one of its own; who goes first is firmware/policy/share.h.
 *
 * Truth: an event counts as taken only by the table in firmware/policy/verdict.h.
 * What becomes of the others is in the link store before the cursor passes them.
 * A crash at any point only makes events go out again under their old ids.
 */
#ifndef GW_CLOUD_LINK_UPLINK_H
#define GW_CLOUD_LINK_UPLINK_H

#include "cloud-link/http/transport.h"
#include "cloud-link/uplink/batch.h"
#include "cloud-link/uplink/link_store.h"
#include "cloud-link/uplink/pace.h"
#include "firmware/config/config.h"
#include "firmware/health/health.h"

struct gw_uplink;

struct gw_uplink_options {
    const struct gw_config_sink *sink;
    const struct gw_config_class *classes; /* GW_CLASS_COUNT of them */
    struct gw_str serial;
    struct gw_str token; /* bearer token, empty = none */
    enum gw_ack_mode ack_mode;
    /* Facts for a record that cannot be read any more. */
    const struct gw_event_context *context;
    const struct gw_clock *clock;
    struct gw_transport transport;
    struct gw_uplink_source source;
    struct gw_link_store *store;
    struct gw_health *health;
    /* Where to begin if the link store is new: what was reported before. */
    const struct gw_queue_progress *known;
    size_t known_count;
    bool starts_at_once; /* no jitter: the process has been running */
    uint64_t (*random)(void *self);
    void *random_self;
};

/* Body and answer sizes the transport must allow for this sink. */
size_t gw_uplink_max_body_bytes(const struct gw_config_sink *sink);
size_t gw_uplink_max_answer_bytes(const struct gw_config_sink *sink);
/* Requests it has in flight at most. */
#define GW_UPLINK_REQUESTS GW_CLASS_COUNT

/* Everything the options point to must outlive the uplink, `known` excepted.
 * All memory is allocated here. NOMEM; errors of the link store. */
enum gw_err gw_uplink_open(const struct gw_uplink_options *options,
                           struct gw_uplink **ret_uplink);
/* Cancel what is in flight, save the cursors. NULL is allowed. */
void gw_uplink_close(struct gw_uplink *uplink);

/* What the queue holds now. Epochs that are gone are forgotten. */
enum gw_err gw_uplink_set_epochs(struct gw_uplink *uplink,
                                 const struct gw_queue_epoch_view *epochs, size_t count);
/* Do what is due: decide, send, save. */
void gw_uplink_tick(struct gw_uplink *uplink);
int64_t gw_uplink_next_mono_ms(const struct gw_uplink *uplink);
/* Save the cursors now. Errors of the link store; an issue is raised. */
enum gw_err gw_uplink_save(struct gw_uplink *uplink);
/* True once there was no progress although a new connection was tried: the
 * process should exit and be started again. Asked for once per outage. */
bool gw_uplink_wants_restart(const struct gw_uplink *uplink);

/* Fill acked and sent of `epoch`; false if the sink knows no such epoch. */
bool gw_uplink_get_progress(const struct gw_uplink *uplink, struct gw_epoch epoch,
                            uint64_t ret_acked[static GW_CLASS_COUNT],
                            uint64_t ret_sent[static GW_CLASS_COUNT]);
/* The sink's object of the status answer (firmware/ipc/ipc.h). */
void gw_uplink_put_status(struct gw_uplink *uplink, struct gw_buf *buf);
/* How the sink is, and the text of its last error ("" = none; lives until the next
 * tick). */
enum gw_sink_state gw_uplink_get_state(const struct gw_uplink *uplink, const char **ret_error);
/* As configured; lives as long as the configuration. */
struct gw_str gw_uplink_name(const struct gw_uplink *uplink);

/* ---- asked for by a person ----
 * It never holds live events back: it waits by itself, and after five failures of its
 * own in a row it ends. Why stands in the status ("replay_refusal") or in the letter. */

/* Send [from, to] of the own epoch again, marked as replay. *ret_events: how
 * many sequences of it the store still has. NOENT: none; BUSY: a replay of the
 * class is under way. It is forgotten when the process ends. */
enum gw_err gw_uplink_replay(struct gw_uplink *uplink, enum gw_flow_class class, uint64_t from,
                             uint64_t to, uint64_t *ret_events);
/* Send a letter's event again, marked as replay; accepted, the letter goes.
 * NOENT; INVALID if its event could not be kept. */
enum gw_err gw_uplink_letter_retry(struct gw_uplink *uplink, const struct gw_letter_key *key);
/* Forget a letter. NOENT; BUSY while its tombstone has not been taken. */
enum gw_err gw_uplink_letter_drop(struct gw_uplink *uplink, const struct gw_letter_key *key);

#endif
