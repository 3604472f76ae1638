/* SPDX-License-Identifier: Apache-2.0 */
/* One feed and what all of them share. Of this room only. */
#ifndef GW_SERIAL_SOURCE_INTERNAL_H
#define GW_SERIAL_SOURCE_INTERNAL_H

#include <sys/stat.h>

#include "drivers/profile/feed.h"
#include "drivers/serial/backlog.h"
#include "drivers/serial/pace.h"
#include "drivers/serial/recent.h"
#include "drivers/serial/source.h"
#include "drivers/serial/transport.h"

#define SOURCE_REST_BYTES ((size_t) 4 * GW_TRANSPORT_TURN_BYTES)
#define SOURCE_COMMAND_BYTES 257 /* names of the configuration are not longer */

/* A command that waits for its turn. */
struct source_command {
    struct gw_feed_command asked; /* `done` NULL: none waits */
    const char *bytes;            /* of the profile */
    int64_t deadline_mono_ms;     /* of its turn; once sent, of the answer */
    bool is_sent;
    bool is_cut_off; /* the device was closed since */
};

struct source {
    struct gw_feeds *feeds;
    struct source *next_leaving;
    uint8_t fingerprint[32]; /* of its configuration */
    char device[GW_EVENT_NAME_MAX_BYTES + 1];
    const char *transport_name;
    enum gw_flow_class class;
    struct gw_profile *profile; /* NULL: it cannot be used */
    char profile_path[512];
    struct stat profile_file; /* as it was read; zeroed = it was not there */
    struct gw_feed *feed;
    struct gw_transport transport;
    struct gw_backlog backlog;
    struct recent_ids recent; /* of its own keys of what it sent */
    struct gw_pace observations, bytes_read, quarantined;

    /* taken from a device that is held back, not decoded yet */
    uint8_t rest[SOURCE_REST_BYTES];
    size_t rest_len;
    bool can_hold;         /* the transport said so */
    bool is_late;          /* what is decoded has waited since it was sent */
    int64_t fresh_mono_ms; /* nothing waits any more if nothing comes until then */
    bool is_held, is_over_rate;
    bool is_forced; /* decode everything, whatever room there is */
    int64_t held_until_mono_ms;
    int64_t retry_mono_ms;  /* submit again; GW_NEVER_MS = nothing waits */
    int64_t settle_mono_ms; /* look at the issues again */

    /* what may be sent to it, and what is to be */
    char allowed[GW_CONFIG_FEED_COMMANDS_MAX][SOURCE_COMMAND_BYTES];
    size_t allowed_count;
    struct source_command command;

    /* how it stands */
    bool is_open, is_silent, is_babbling;
    enum gw_transport_trouble trouble;
    char detail[200];
    int64_t since_wall_ms, last_wall_ms;
    int64_t over_rate_mono_ms, turned_away_mono_ms,
        shared_mono_ms; /* last time, 0 = not lately */
    int64_t babbling_said_mono_ms;
    uint64_t bytes, taken, stored, refused, undecodable, duplicates;
    uint64_t window_taken, window_undecodable; /* since the last look */
};

struct gw_feeds {
    struct gw_feeds_options options;
    struct gw_installed profiles;
    struct source **sources; /* each where it was opened: loop, transport and units know it */
    size_t count;
    struct source *leaving; /* stopped; some of their units are in no commit yet */
    struct gw_tcp_doors *doors;
    struct gw_hotplug *hotplug;
    struct gw_buf data;   /* of one observation */
    struct gw_buf reason; /* of one thing that cannot be decoded */
    bool is_stopped;
    uint64_t *counter_stored, *counter_refused, *counter_undecodable, *counter_failed;
    uint64_t *counter_duplicates;
};

/* NOMEM, INVALID. */
enum gw_err source_open(struct gw_feeds *feeds, const struct gw_config_feed *config,
                        struct source **ret_source);
/* Close the device, decode what is left, submit it; its issues are over. */
void source_stop(struct source *source);
/* Tell what is not stored, free. It is stopped, and no unit of it is uncommitted. NULL is
 * allowed. */
void source_close(struct source *source);
/* It runs as `config` says, with the profile as it stands in its file now. */
bool source_is_as_configured(const struct source *source, const struct gw_config_feed *config);
/* The file of its profile is another one by now. */
bool source_profile_has_changed(const struct source *source);
void source_tick(struct source *source, int64_t now_mono_ms);
int64_t source_next_mono_ms(const struct source *source);

/* ---- source_command.c: what changes the device ---- */

/* Which commands the configuration names. INVALID if a name is too long. */
enum gw_err source_allow_commands(struct source *source, const struct gw_config_feed *config);
/* See gw_feeds_command. */
enum gw_err source_command(struct source *source, const struct gw_feed_command *command,
                           struct gw_buf *reason);
/* What the device says of the command that was sent to it, if `item` is that. */
void source_note_answer(struct source *source, const struct gw_observed_item *item);
/* Send what waits if it is its turn, or give it up. */
void source_tick_command(struct source *source, int64_t now_mono_ms);
int64_t source_command_next_mono_ms(const struct source *source);
/* The feeds stop: what waits is not sent. */
void source_drop_command(struct source *source);

/* ---- source_intake.c: from observations to units ---- */

/* Sink of the feed. */
bool source_take_item(void *context, const struct gw_observed_item *item);
/* Submit what waits. */
void source_submit(struct source *source, int64_t now_mono_ms);
/* So many were not kept. */
void source_refuse(struct source *source, enum gw_feed_refusal why, uint64_t count);
/* True while no more may be decoded. */
bool source_is_full(const struct source *source);

/* ---- source_issues.c: how it stands ---- */

/* What the transport told. */
void source_note_opened(struct source *source, struct gw_str peer);
/* See source_note_opened. */
void source_note_closed(struct source *source, enum gw_transport_trouble trouble,
                        struct gw_str detail);
/* See source_note_opened. */
void source_note_turned_away(struct source *source, struct gw_str peer);
void source_note_shared(struct source *source, struct gw_str peer, struct gw_str other);
/* What the feed told: the device says nothing any more, or it speaks again. */
void source_note_silent(struct source *source, bool is_silent);
/* More came than may: told once, over when it has not been for a while. */
void source_note_over_rate(struct source *source);
/* Now and then: what is over, what has become too much. */
void source_settle_issues(struct source *source, int64_t now_mono_ms);
void source_clear_issues(struct source *source);

#endif
