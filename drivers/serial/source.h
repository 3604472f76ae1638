/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds as sources: scanners and scales on serial lines, as USB keyboards and over
 * TCP. A transport brings the bytes (transport.h), a profile says what they mean
 * (drivers/profile/feed.h), the units go to the intake.
 *
 * All of it runs on the loop thread with non-blocking descriptors. A device that is
 * dead, silent or babbling is a state with an issue and its remedy; it slows nobody
 * down: each gets one read of bounded size a turn, and a limit a second.
 *
 * None of these devices waits for an acknowledgement. While the queue refuses, what
 * was decoded waits in a bounded backlog; then the device is held back where its
 * transport can do that (TCP, flow control of a line), else what comes is refused and
 * told to `refused`, for a loss record. What cannot be decoded goes to the quarantine
 * with the reason. Nothing is dropped without a word.
 *
 * A feed lives as long as its configuration and its profile stay what they are: another
 * list of feeds touches those only that are not in it as they were (gw_feeds_set_config).
 *
 * To end: _stop, commit, _close.
 */
#ifndef GW_SERIAL_SOURCE_H
#define GW_SERIAL_SOURCE_H

#include "firmware/base/loop.h"
#include "firmware/config/config.h"
#include "firmware/health/health.h"
#include "firmware/intake/intake.h"

enum gw_feed_refusal {
    GW_FEED_REFUSED_FULL,    /* no room while the queue refused */
    GW_FEED_REFUSED_RATE,    /* more than max_per_second */
    GW_FEED_REFUSED_INVALID, /* nothing can be stored of it */
    GW_FEED_REFUSED_STOPPED, /* not stored when the feed was closed */
};

/* `count` observations of `device` could not be kept: for a loss record. */
typedef void gw_feed_refused(void *context, struct gw_str device, enum gw_flow_class class,
                             enum gw_feed_refusal why, uint64_t count);

struct gw_feeds_options {
    const struct gw_config_feed *configs; /* copied as far as they are needed */
    size_t count;
    struct gw_intake intake;
    struct gw_loop *loop;
    const struct gw_clock *clock;
    struct gw_health *health;
    gw_feed_refused *refused; /* may be NULL */
    void *refused_context;
    /* NULL = the installed profiles, "/sys", "/dev", EVIOCGRAB */
    const char *profile_folder, *sys_root, *dev_root;
    int (*grab)(int fd);
};

struct gw_feeds;

/* Make all feeds; their devices are opened by the first tick. A profile, or a line, that
 * cannot be used is an issue of its device, not an error. Everything in `options` but the
 * struct itself and the configuration must outlive the feeds. NOMEM. */
enum gw_err gw_feeds_open(const struct gw_feeds_options *options, struct gw_feeds **ret_feeds);
/* Go over to another list of feeds. Those whose configuration and profile file are the same
 * go on as if nothing had happened, connection, half a code and figures included, wherever
 * they stand in the list now. The others are stopped first, as by gw_feeds_stop, and freed
 * by a later tick, when the commits that hold their observations have ended; then what is new
 * is opened, its devices by the next tick. Not from a callback of the feeds. The
 * configuration is copied as far as it is needed.
 * NOMEM: a feed could not be made; it is missing, the others run, and the same call makes it
 * later. */
enum gw_err gw_feeds_set_config(struct gw_feeds *feeds, const struct gw_config_feed *configs,
                                size_t count);
/* Close all devices, decode what is left of their bytes and submit it. Commit then. */
void gw_feeds_stop(struct gw_feeds *feeds);
/* Stop, if that was not done, and free. No unit may be uncommitted. NULL is allowed. */
void gw_feeds_close(struct gw_feeds *feeds);

/* What became of a command. */
enum gw_feed_outcome {
    GW_FEED_COMMAND_NOT_SENT, /* and it is not on record as sent */
    GW_FEED_COMMAND_FAILED,   /* the device did not take the bytes whole */
    GW_FEED_COMMAND_SENT,     /* the bytes are with the system. Devices of this profile tell no
                                 more, or this one did not in time */
    GW_FEED_COMMAND_DONE,     /* the device says that it is done */
    GW_FEED_COMMAND_REFUSED,  /* the device says that it is not; the reason is its answer */
};

/* A command of the device's profile, to be sent once. */
struct gw_feed_command {
    struct gw_str device, name; /* copied as far as they are needed */
    /* Its turn has come: put on record that it is sent. Unless this answers OK, nothing is. */
    enum gw_err (*record)(void *context);
    /* What became of it, told once; OK if it was sent or done, else a reason too. Valid during
     * the call. */
    void (*done)(void *context, enum gw_feed_outcome outcome, enum gw_err err,
                 struct gw_str reason);
    void *context;
};
/* Send a command between two polls, at the latest some seconds from now; one at a time for
 * each device. Both functions are called by a later turn, by gw_feeds_stop, or by
 * gw_feeds_set_config when the feed does not stay. When it is turned away at once neither is,
 * and `reason` gets a sentence: NOENT (no such feed, or no such command in its profile),
 * DENIED (the configuration does not name it), INVALID (hid), NOCONN (not open), BUSY. */
enum gw_err gw_feeds_command(struct gw_feeds *feeds, const struct gw_feed_command *command,
                             struct gw_buf *reason);

/* When gw_feeds_tick wants to run next. */
int64_t gw_feeds_next_mono_ms(const struct gw_feeds *feeds);
/* Open and reopen devices, poll them, submit what the queue refused before. */
void gw_feeds_tick(struct gw_feeds *feeds);

/* The file of a profile is another one than when it was read: gw_feeds_set_config would
 * open its feeds anew, although their configuration is the same. */
bool gw_feeds_profiles_have_changed(const struct gw_feeds *feeds);

struct gw_feed_figures {
    struct gw_str device;
    const char *transport; /* "serial", "hid", "tcp_client", "tcp_server" */
    const char *state;     /* "open", "absent", "denied", "ambiguous", "silent", "babbling",
                              "faulty" (its profile) */
    struct gw_str detail;  /* what it is open on, or why it is not */
    int64_t since_wall_ms; /* of being open or not */
    int64_t last_wall_ms;  /* last observation, 0 = none yet */
    uint64_t bytes, observations, stored, refused, undecodable;
    uint64_t duplicates; /* sent again with the same event id of the device: not stored again */
    size_t waiting;      /* decoded, in no commit yet */
    bool is_held;        /* the device is held back */
};
/* Feed number `index` as configured; false behind the last. Texts live until the next
 * call that changes the feeds. */
bool gw_feeds_get_figures(const struct gw_feeds *feeds, size_t index,
                          struct gw_feed_figures *ret_figures);

#endif
