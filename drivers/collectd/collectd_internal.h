/* SPDX-License-Identifier: Apache-2.0 */
/* gw-collectd from inside; of this room only. One file per matter. */
#ifndef GW_COLLECTD_INTERNAL_H
#define GW_COLLECTD_INTERNAL_H

#include "drivers/collectd/bus_set.h"
#include "drivers/collectd/collectd.h"
#include "drivers/collectd/issues.h"
#include "drivers/collectd/refusals.h"
#include "drivers/mqtt/broker.h"
#include "drivers/mqtt/ingress/ingress.h"
#include "drivers/serial/source.h"
#include "firmware/config/config.h"
#include "firmware/crypto/crypto.h"
#include "firmware/health/health.h"
#include "firmware/ipc/ipc.h"
#include "firmware/personal/guard.h"
#include "firmware/queue/queue.h"

#define GW_COLLECTD_ROOM "collectd"
#define GW_COLLECTD_SECOND_MS 1000
/* What ingress.max_connections may be at most (firmware/config/table.c). */
#define GW_COLLECTD_CONNECTIONS_MAX 20000

/* Head of the audit chain as of the last commit; entry 0 has no predecessor. */
struct gw_collectd_chain {
    uint64_t number;
    uint8_t hash[GW_SHA256_BYTES];
};

struct gw_collectd_paths {
    char queue[512], progress[512], doorbell[512], status[512];
    char credentials[512], personal_key[512];
    char link_socket[512], status_socket[512], control_socket[512];
};

/* What is compared second by second to raise and end issues of the store. */
struct gw_collectd_store_watch {
    uint64_t refused, evicted, failures;
    int64_t refused_mono_ms, evicted_mono_ms, failed_mono_ms; /* 0 = not lately */
    int64_t next_readers_mono_ms;
    int64_t progress_mtime_ns;
    uint64_t acked[GW_CLASS_COUNT]; /* of the own epoch, as linkd says */
};

struct gw_collectd {
    struct gw_collectd_options options;
    struct gw_clock clock;
    struct gw_config *config;
    bool fell_back;
    struct gw_collectd_paths paths;
    struct gw_loop *loop;
    struct gw_health *health;
    struct gw_queue_writer *queue;
    struct gw_queue_opening opening;
    struct gw_personal *personal; /* stands before the queue */
    struct gw_intake intake;
    uint8_t boot_id[16];
    int doorbell_fd;

    /* sources */
    bool is_started;   /* gateway.started is stored */
    unsigned unopened; /* enum gw_config_part: sources to be opened, tried each second */
    struct gw_device_activity *activities;
    struct gw_broker **brokers; /* as in the configuration; NULL = not opened yet */
    size_t broker_count;
    struct gw_ingress *ingress;        /* NULL: no listener is configured */
    struct gw_bus_set *buses;          /* NULL: the sources are not open */
    struct gw_collectd_modbus *modbus; /* writes and requests on demand */
    struct gw_feeds *feeds;            /* NULL: none is configured */
    struct gw_collectd_feed_commands *feed_commands;
    struct gw_refusals refusals;
    struct gw_issue_log issue_log;
    int64_t refused_mono_ms; /* last refusal, 0 = not lately */

    /* control */
    struct gw_ipc_server *server;
    struct gw_collectd_chain chain;

    /* timers, all monotonic */
    int64_t opened_mono_ms;
    int64_t next_second_mono_ms;
    int64_t next_heartbeat_mono_ms;
    int64_t healthy_mono_ms;   /* when to call it healthy; GW_NEVER_MS = done */
    int64_t keep_good_mono_ms; /* when to keep the configuration; GW_NEVER_MS = done */
    int heartbeat_verdict;     /* as last told */

    /* clock */
    int64_t wall_minus_mono_ms;
    int64_t jumped_mono_ms; /* 0 = not lately */

    struct gw_collectd_store_watch watch;
    struct gw_queue_figures figures;        /* of this second */
    struct gw_queue_reader *reader;         /* for the age of what is not acknowledged */
    int64_t oldest_wall_ms[GW_CLASS_COUNT]; /* when that was recorded; 0 = none */

    struct gw_buf record;        /* one record the reader copied */
    struct gw_buf data;          /* data of one event of the gateway itself */
    struct gw_buf answer;        /* body of one answer */
    struct gw_buf scratch;       /* decoding of one request */
    struct gw_buf snapshot;      /* status.json */
    struct gw_buf retry_storage; /* observation of a quarantine entry */
    uint32_t snapshot_crc;
};

/* ---- collectd_unit.c: events of the gateway itself, single commits ---- */

struct gw_collectd_event {
    enum gw_event_type type;
    struct gw_str device; /* empty = "gateway" */
    struct gw_str data;
    bool urgent;
};
/* Submit one event of now; does not wait for the commit. What intake answers. */
enum gw_err gw_collectd_submit_event(struct gw_collectd *collectd,
                                     const struct gw_collectd_event *event);
/* Submit `unit` (its completion is replaced) and commit: when this returns OK it
 * is durable. What intake or the commit answered. */
enum gw_err gw_collectd_commit_unit(struct gw_collectd *collectd, struct gw_unit *unit);

/* collectd's own state table: see collectd_audit.c for its keys. */
#define GW_COLLECTD_TABLE GW_STR("audit")
/* Append the value of `key` in it. NOENT, FULL, IO. */
enum gw_err gw_collectd_get_state(const struct gw_collectd *collectd, struct gw_str key,
                                  struct gw_buf *value);
/* Numbers as keys and values: big-endian, so that they sort. */
void gw_collectd_encode_number(uint8_t dst[static 8], uint64_t number);
uint64_t gw_collectd_decode_number(const uint8_t src[static 8]);

/* ---- collectd_queue.c: the queue and its issues ---- */

enum gw_err gw_collectd_open_queue(struct gw_collectd *collectd, struct gw_buf *errors);
/* Each second: progress of linkd, figures, issues, readers. */
void gw_collectd_watch_queue(struct gw_collectd *collectd, int64_t now_mono_ms);

/* ---- collectd_sources.c ---- */

#define GW_COLLECTD_SOURCES                                                                    \
    ((unsigned) GW_PART_BROKERS | GW_PART_INGRESS | GW_PART_BUSES | GW_PART_FEEDS)
/* Open what `parts` (enum gw_config_part) and collectd->unopened name. Each source is on its
 * own: one that cannot be opened is an issue and in `unopened` from now on, and neither closes
 * the others nor keeps them out. What the first of them said. */
enum gw_err gw_collectd_open_sources(struct gw_collectd *collectd, unsigned parts);

/* Those that are not open. */
enum gw_err gw_collectd_open_brokers(struct gw_collectd *collectd);
/* Also when they are open: those that differ from the configuration are reopened
 * (bus_set.h), which goes on after the call. */
enum gw_err gw_collectd_open_buses(struct gw_collectd *collectd);
enum gw_err gw_collectd_open_ingress(struct gw_collectd *collectd);
/* Nothing of them may be uncommitted: gw_queue_commit before. */
void gw_collectd_close_brokers(struct gw_collectd *collectd);
/* Waits for what the buses have under way (gw_modbus_bus_drain), and commits. */
void gw_collectd_close_buses(struct gw_collectd *collectd);
void gw_collectd_close_ingress(struct gw_collectd *collectd);
/* A table of activities for the devices of `config`, zeroed but for their profiles;
 * the caller frees it with gw_collectd_free_activities, or gives it to
 * `collectd->activities`. NULL without memory. */
struct gw_device_activity *gw_collectd_make_activities(const struct gw_config *config);
/* `config` is the one they were made for. NULL is allowed. */
void gw_collectd_free_activities(const struct gw_config *config,
                                 struct gw_device_activity *activities);
/* Read the profiles of the devices (again): their files may have been put right. */
void gw_collectd_open_profiles(const struct gw_config *config,
                               struct gw_device_activity *activities);
/* The device table as brokers take it; valid until the next reload. */
struct gw_broker_devices gw_collectd_devices(const struct gw_collectd *collectd);
/* Something could not be held back and is lost: a loss record will say so. */
void gw_collectd_count_refused(struct gw_collectd *collectd, const struct gw_refused *refused);
/* Write loss records that are due. */
void gw_collectd_flush_refusals(struct gw_collectd *collectd, int64_t now_mono_ms);

/* ---- collectd_personal.c ---- */

/* Put the guard before the queue: `intake` is its. NOMEM. */
enum gw_err gw_collectd_open_personal(struct gw_collectd *collectd);
/* After the queue was closed. */
void gw_collectd_close_personal(struct gw_collectd *collectd);

/* ---- collectd_feeds.c ---- */

/* Also when they are open: those that differ from the configuration are closed and opened
 * anew, the others are not touched. */
enum gw_err gw_collectd_open_feeds(struct gw_collectd *collectd);
/* Commits what they still had. */
void gw_collectd_close_feeds(struct gw_collectd *collectd);
/* Append the member "buses" of the snapshot. */
void gw_collectd_put_buses(const struct gw_collectd *collectd, struct gw_buf *buf);
/* Decode again what a feed put into the quarantine under `topic`, with the profile it
 * has today; as gw_broker_decode_retry. NOENT: no feed's. */
enum gw_err gw_collectd_decode_feed_retry(struct gw_collectd *collectd,
                                          const struct gw_broker_retry *retry,
                                          struct gw_buf *reason,
                                          struct gw_observation *ret_observation);
/* Append the member "feeds" of the snapshot. */
void gw_collectd_put_feeds(const struct gw_collectd *collectd, struct gw_buf *buf);

/* ---- collectd_heartbeat.c ---- */

/* gateway.started, durable when OK. */
enum gw_err gw_collectd_tell_started(struct gw_collectd *collectd);
/* Each second: heartbeat if due or the verdict changed. FATAL if the store cannot be
 * written any more by this process; everything else is only logged. */
enum gw_err gw_collectd_beat(struct gw_collectd *collectd, int64_t now_mono_ms);

/* ---- collectd_clock.c ---- */

/* Each second: has wall time jumped, does anybody vouch for it? */
void gw_collectd_watch_clock(struct gw_collectd *collectd, int64_t now_mono_ms);

/* ---- collectd_status.c ---- */

/* Append the snapshot. FULL. */
enum gw_err gw_collectd_put_status(struct gw_collectd *collectd, struct gw_buf *buf);
/* Each second: write status.json if anything but the time changed. */
void gw_collectd_write_status(struct gw_collectd *collectd);

/* ---- collectd_audit.c ---- */

/* Read the chain's head. */
enum gw_err gw_collectd_load_chain(struct gw_collectd *collectd);
/* Who did what; number, time and hashes are filled in here. */
struct gw_collectd_audit {
    struct gw_str actor, action, target, outcome, detail;
};
/* Append to the chain, together with the events, changes (of GW_COLLECTD_TABLE) and
 * second changes (of a table of their own) of `with` (NULL = alone), in one commit.
 * SCHEMA for texts
 * with control characters, RANGE for too long ones; else as
 * gw_collectd_commit_unit. */
#define GW_COLLECTD_WITH_EVENTS_MAX 16
#define GW_COLLECTD_WITH_CHANGES_MAX 6
enum gw_err gw_collectd_audit(struct gw_collectd *collectd,
                              const struct gw_collectd_audit *audit,
                              const struct gw_unit *with);

/* ---- collectd_reload.c ---- */

/* gw_collectd_reload, telling which parts (enum gw_config_part) changed. */
enum gw_err gw_collectd_reload_parts(struct gw_collectd *collectd, struct gw_buf *errors,
                                     unsigned *ret_changed);

/* ---- collectd_control.c ---- */

enum gw_err gw_collectd_open_control(struct gw_collectd *collectd, struct gw_buf *errors);

/* One request being answered. */
struct gw_collectd_request {
    struct gw_collectd *collectd;
    const char *peer;
    struct gw_ipc_reply_to reply_to;
    const struct gw_json *body;
};
/* Answers: the collected `answer` buffer, or an error. */
void gw_collectd_answer(const struct gw_collectd_request *request);
void gw_collectd_refuse(const struct gw_collectd_request *request, enum gw_err err,
                        const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Members of the body. Text: NOENT if absent, SCHEMA if no text. Number: the same,
 * and RANGE. */
enum gw_err gw_collectd_get_text(const struct gw_collectd_request *request, const char *name,
                                 struct gw_str *ret_text);
enum gw_err gw_collectd_get_number(const struct gw_collectd_request *request, const char *name,
                                   uint64_t max, uint64_t *ret_number);
/* The member "actor", or "<peer>" where it is absent. */
struct gw_str gw_collectd_get_actor(const struct gw_collectd_request *request);

/* ---- collectd_submit.c, collectd_quarantine.c ---- */

/* Verbs: each answers its request, now. */
void gw_collectd_verb_submit(const struct gw_collectd_request *request);
void gw_collectd_verb_quarantine_list(const struct gw_collectd_request *request);
void gw_collectd_verb_quarantine_show(const struct gw_collectd_request *request);
void gw_collectd_verb_quarantine_retry(const struct gw_collectd_request *request);
void gw_collectd_verb_quarantine_drop(const struct gw_collectd_request *request);
void gw_collectd_verb_salvage(const struct gw_collectd_request *request);

/* ---- collectd_devices.c: devices of the front door ---- */

/* Verbs, as above. */
void gw_collectd_verb_device_add(const struct gw_collectd_request *request);
void gw_collectd_verb_device_rotate(const struct gw_collectd_request *request);
void gw_collectd_verb_device_revoke(const struct gw_collectd_request *request);
void gw_collectd_verb_device_command(const struct gw_collectd_request *request);

/* ---- collectd_feed_command.c ---- */

/* NOMEM. */
enum gw_err gw_collectd_open_feed_commands(struct gw_collectd *collectd);
/* After the feeds were closed. */
void gw_collectd_close_feed_commands(struct gw_collectd *collectd);
/* Verb, answered when it was sent or refused. */
void gw_collectd_verb_feed_command(const struct gw_collectd_request *request);

/* ---- collectd_modbus.c: Modbus on demand, safe writes ---- */

/* After the queue was opened. NOMEM, IO. */
enum gw_err gw_collectd_open_modbus(struct gw_collectd *collectd);
/* After the buses were closed. */
void gw_collectd_close_modbus(struct gw_collectd *collectd);
/* The buses are open, or the configuration is another one: what may be written now. Writes
 * under way are not touched. */
void gw_collectd_point_writes(struct gw_collectd *collectd);
/* The buses are closed. */
void gw_collectd_hold_writes(struct gw_collectd *collectd);
/* When gw_collectd_tick_modbus wants to run next. */
int64_t gw_collectd_modbus_next_mono_ms(const struct gw_collectd *collectd);
void gw_collectd_tick_modbus(struct gw_collectd *collectd);
/* Verbs, as above; answered now or when the unit has answered. */
void gw_collectd_verb_modbus_list(const struct gw_collectd_request *request);
void gw_collectd_verb_modbus_read(const struct gw_collectd_request *request);
void gw_collectd_verb_modbus_scan(const struct gw_collectd_request *request);
void gw_collectd_verb_modbus_write(const struct gw_collectd_request *request);

#endif
