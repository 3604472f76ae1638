/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of gw-linkd; included by its own sources only. */
#ifndef GW_LINKD_STATE_H
#define GW_LINKD_STATE_H

#include "cloud-link/http/http.h"
#include "cloud-link/linkd/linkd.h"
#include "cloud-link/uplink/uplink.h"
#include "firmware/ipc/ipc.h"
#include "firmware/json/json.h"

#define GW_LINKD_PATH_BYTES 300
#define GW_LINKD_SINKS_MAX 8

/* A question to the centre of one sink (completeness), one at a time. */
struct gw_linkd_question {
    bool is_asked;
    uint64_t ticket;
    int64_t deadline_mono_ms;
    int64_t asked_wall_ms;
    struct gw_ipc_reply_to reply_to;
};

struct gw_linkd_certificate {
    bool is_known;
    int64_t not_after_wall_ms;
    char subject_cn[128];
};

struct gw_linkd_sink {
    struct gw_linkd *linkd;
    const struct gw_config_sink *config;
    struct gw_http *http;
    struct gw_transport transport;
    struct gw_uplink *uplink;
    struct gw_linkd_question question;
    struct gw_linkd_certificate certificate;
    char token[2048];
    enum gw_sink_state logged_state;
};

/* An action that is done only after collectd has recorded it. */
struct gw_linkd_audit {
    int fd; /* -1 = nothing under way */
    int64_t deadline_mono_ms;
    uint64_t request_id;
    struct gw_ipc_reply_to reply_to;
    struct gw_linkd_sink *sink;
    struct gw_letter_key letter; /* to be dropped; its sink's name is the sink's */
};

struct gw_linkd {
    const char *config_path;
    struct gw_clock own_clock;
    const struct gw_clock *clock;
    struct gw_config *config;
    struct gw_config *sinks_config; /* the document the sinks were opened with */
    bool fell_back;
    struct gw_loop *loop;
    struct gw_health *health;
    struct gw_event_context context;
    struct gw_link_store *store;

    char queue_path[GW_LINKD_PATH_BYTES];
    char progress_path[GW_LINKD_PATH_BYTES];
    char status_path[GW_LINKD_PATH_BYTES];
    char collectd_path[GW_LINKD_PATH_BYTES]; /* its link.sock */

    struct gw_queue_reader *reader; /* NULL = no queue (yet) */
    struct gw_queue_epoch_view epochs[GW_QUEUE_MAX_EPOCHS];
    size_t epoch_count;
    int doorbell_fd;
    bool is_rung;

    struct gw_linkd_sink sinks[GW_LINKD_SINKS_MAX];
    size_t sink_count;
    bool is_broken; /* a reload left no sinks behind: end the process */
    bool is_reload; /* sinks opened now start without the jitter of a new process */

    struct gw_ipc_server *server;
    struct gw_linkd_audit audit;

    struct gw_queue_progress progress[GW_QUEUE_MAX_EPOCHS]; /* as last written */
    size_t progress_count;
    int64_t progress_mono_ms; /* when it was written */
    int64_t housekeeping_mono_ms;
    int64_t certificates_mono_ms;
    int64_t snapshot_mono_ms; /* when it was written */
    uint64_t snapshot_revision;

    struct gw_buf snapshot; /* the last sections written */
    struct gw_buf sections;
    struct gw_buf answer; /* a body under construction */
    struct gw_buf frame;  /* GW_IPC_FRAME_MAX: talking to collectd */
    struct gw_buf letter; /* texts of one letter */
};

/* linkd.c */
/* As gw_linkd_reload; which parts changed (enum gw_config_part). */
enum gw_err gw_linkd_reload_changed(struct gw_linkd *linkd, struct gw_buf *errors,
                                    unsigned *ret_changed);
/* aside.c: rename a corrupt link store and open a fresh one. */
enum gw_err gw_linkd_set_store_aside(struct gw_linkd *linkd, const char *path);

/* source.c: the queue */
/* Look at what the queue holds and tell the sinks; opens and reopens it. */
void gw_linkd_look(struct gw_linkd *linkd);
struct gw_uplink_source gw_linkd_source(struct gw_linkd *linkd);

/* sinks.c */
/* Open those of the configuration. One line to `errors` for each that fails. */
enum gw_err gw_linkd_open_sinks(struct gw_linkd *linkd, struct gw_buf *errors);
/* Cursors are saved, what is in flight is given up. */
void gw_linkd_close_sinks(struct gw_linkd *linkd);
/* By name, or the only one if `name` is empty. NULL if there is none such. */
struct gw_linkd_sink *gw_linkd_find_sink(struct gw_linkd *linkd, struct gw_str name);
/* Log what changed since the last call. */
void gw_linkd_log_sinks(struct gw_linkd *linkd);
/* Days left of each client certificate; issues. */
void gw_linkd_check_certificates(struct gw_linkd *linkd);

/* report.c: what others read */
/* Write the progress file if it is due, or `now` anyway. */
void gw_linkd_report_progress(struct gw_linkd *linkd, bool is_end);
/* Write the snapshot if something changed. */
void gw_linkd_write_snapshot(struct gw_linkd *linkd);
/* The whole status object. FULL. */
enum gw_err gw_linkd_put_status(struct gw_linkd *linkd, struct gw_buf *buf);

/* control.c */
struct gw_linkd_request {
    struct gw_linkd *linkd;
    struct gw_ipc_reply_to reply_to;
    const struct gw_json *body;
};
enum gw_err gw_linkd_listen(struct gw_linkd *linkd, struct gw_buf *errors);
/* Answer with an error and its text. */
void gw_linkd_refuse(const struct gw_linkd_request *request, enum gw_err err,
                     const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Answer GW_OK with linkd->answer. */
void gw_linkd_answer(const struct gw_linkd_request *request);
/* The sink the body names; NULL after it was refused. */
struct gw_linkd_sink *gw_linkd_request_sink(const struct gw_linkd_request *request);

/* letters.c, question.c: verbs */
void gw_linkd_on_letter_list(const struct gw_linkd_request *request);
void gw_linkd_on_letter_show(const struct gw_linkd_request *request);
void gw_linkd_on_letter_retry(const struct gw_linkd_request *request);
void gw_linkd_on_letter_drop(const struct gw_linkd_request *request);
void gw_linkd_on_completeness(const struct gw_linkd_request *request);
/* Give up questions whose time is over. */
void gw_linkd_expire_questions(struct gw_linkd *linkd);
/* The letter's object into linkd->answer, with its event if asked for. NOENT. */
enum gw_err gw_linkd_put_letter(struct gw_linkd *linkd, const struct gw_letter_key *key,
                                bool with_event);

/* audit.c */
/* Have collectd record the drop of `letter`, then do it and answer. One at a
 * time: BUSY; NOCONN and others when collectd cannot be asked. */
enum gw_err gw_linkd_audit_drop(const struct gw_linkd_request *request,
                                struct gw_linkd_sink *sink, const struct gw_letter_key *letter,
                                struct gw_str actor);
/* Refuse the action if collectd did not answer in time. */
void gw_linkd_expire_audit(struct gw_linkd *linkd);
/* Refuse the action under way, if there is one. */
void gw_linkd_close_audit(struct gw_linkd *linkd);

#endif
