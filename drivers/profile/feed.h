/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds: from the bytes of one device to observations, by its profile. Pure: no
 * I/O, no clock of its own, no heap after open.
 *
 * The promise: a byte stream means the same however it is cut into pieces. One
 * byte at a time, all at once or in between: same observations, same order.
 * Time matters only where the profile says so (idle gaps, repeats, settling,
 * polling), and comes in with each call; it must not go backwards.
 *
 * Nothing is dropped without a word. Bytes become a scan, a weight, a condition
 * of the device, or `undecodable` with the reason, for the quarantine. Silent
 * are only: empty frames (a lone CR, LF, NUL or blank between frames), motion,
 * repeated stable frames and those of an empty scale where the profile reports by
 * cycle or by settling, and answers that carry no reading.
 *
 * For the transport:
 *
 *   open           gw_feed_open, one for each device
 *   bytes came     gw_feed_push; when it took less than it was given, the sink
 *                  has asked to stop: keep the rest, push it when there is room
 *   a message came gw_feed_push_frame (MQTT: one payload = one frame)
 *   it reads no more, or goes on (back-pressure)
 *                  gw_feed_hold; no tick and no request meanwhile, and gw_feed_set_late
 *                  for what has waited
 *   at the time gw_feed_next_mono_ms says
 *                  gw_feed_tick, then gw_feed_request: bytes to write to the
 *                  device, if any are due
 *   line lost, reopened, end of file
 *                  gw_feed_end: what is left becomes an observation, then the
 *                  feed is as new
 *
 * A weight is a statement about this moment. A number is only taken from a frame that was
 * read when it was sent: one that waited somewhere (gw_feed_set_late) is reported without
 * it, "dynamic" (nobody knows) with the remark "late"; the next frame that is read in time
 * has the number. (Unless the device says the time of its reading itself.) A polled scale has
 * poll.timeout_ms; an answer looks the same whichever request it answers, so answers are
 * counted. A device answers in order and not twice: while more than one request is
 * unanswered, the next frame answers an older one and is late, and so is what comes behind
 * the time of the newest. Whether that one is still to be answered or an older one was lost
 * cannot be seen then: the next request waits until an answer has come for each, or nothing
 * for twice poll.timeout_ms; then none is expected any more. So a request that was lost costs
 * one reading and that time, and a scale that always takes longer than the time-out has no
 * numbers. Not seen is an answer that comes later than that: the time-out must be what the
 * scale needs at its slowest.
 *
 * Threads: one feed belongs to one thread; profiles may be shared.
 */
#ifndef GW_PROFILE_FEED_H
#define GW_PROFILE_FEED_H

#include "drivers/profile/profile.h"
#include "firmware/event/event.h"

enum gw_observed {
    GW_OBSERVED_SCAN,
    GW_OBSERVED_WEIGHT,
    GW_OBSERVED_CONDITION,
    GW_UNDECODABLE
};

enum gw_weight_state {
    GW_WEIGHT_STABLE,
    GW_WEIGHT_DYNAMIC, /* moving, or nobody knows */
    GW_WEIGHT_OVER,
    GW_WEIGHT_UNDER,
    GW_WEIGHT_ERROR,
    GW_WEIGHT_STATE_COUNT
};

/* What is said about an observation beside its content. A set. */
enum gw_remark {
    GW_REMARK_PREFIX_MISSING = 1,    /* the profile's prefix or suffix was not there: the */
    GW_REMARK_SUFFIX_MISSING = 2,    /* device is not set up as its page says */
    GW_REMARK_AIM_MISSING = 4,       /* "aim":"on", but none came */
    GW_REMARK_GS_REPLACED = 8,       /* substitutes became group separators in `code` */
    GW_REMARK_UNTERMINATED = 16,     /* ended by silence instead of its terminator */
    GW_REMARK_REPEATED = 32,         /* the same code again within repeat_ms: see `repeat` */
    GW_REMARK_AFTER_START = 64,      /* first load since the feed began: it may be one that was
                                        reported before a restart */
    GW_REMARK_HIGH_RESOLUTION = 128, /* more digits than the display: not the legal value */
    GW_REMARK_PRESET_TARE = 256,
    GW_REMARK_CENTRE_OF_ZERO = 512,
    GW_REMARK_CALCULATED = 1024,      /* a figure the device worked out, not weighed */
    GW_REMARK_TIME_UNREADABLE = 2048, /* the device's time was none: that of arrival counts */
    GW_REMARK_SAME_AS_BEFORE = 4096,  /* and the same value lay there, reported, when the line
                                         was lost: most likely the same load */
    GW_REMARK_LATE = 8192, /* it waited before it was read: it is not of this moment */
    GW_REMARK_COUNT = 14
};

enum gw_weight_mode { GW_MODE_UNKNOWN, GW_MODE_GROSS, GW_MODE_NET, GW_MODE_TARE };

/* One thing the device said. Views are valid during the sink's call only. */
struct gw_observed_item {
    enum gw_observed kind;
    unsigned remarks;       /* enum gw_remark */
    struct gw_bytes raw;    /* exactly as sent, without start and terminator; of a scan by
                               JSON the code's text, of a weight by JSON the record */
    int64_t time_wall_ms;   /* as the device says, 0 = it does not */
    struct gw_str event_id; /* the device's own key of the reading; for de-duplication */
    struct gw_str record;   /* its text in the frame, if the message is a list; else empty */
    uint32_t repeat;        /* 1 = second reading within the window, ...; 0 = first */
    /* scan */
    struct gw_str aim;       /* "]C1", or empty */
    struct gw_bytes code;    /* without prefix, suffix and AIM identifier, group
                                separators restored */
    struct gw_str symbology; /* name the device gives it */
    uint32_t part, parts;    /* 1 of 3: codes of one trigger; 1 of 1 else */
    enum gw_gs1_policy gs1;  /* of the profile: what gw_feed_draft takes for GS1 */
    bool no_aim;             /* of the profile: a ']' in front is data */
    /* weight; value, unit and tare exactly as sent but for padding, sign joined to
     * the digits. value is empty unless stable. */
    enum gw_weight_state state;
    enum gw_weight_mode mode;
    struct gw_str value, unit, tare;
    struct gw_str unit_code; /* UN/ECE Recommendation 20, empty if unknown */
    /* condition: "no_read", "restarted", "busy", "device_error", "command_done",
     * "command_refused", "silent", "answering", "babbling", "other_message",
     * "wrong_setup", "load_not_removed"; static storage */
    struct gw_str condition;
    /* condition: what the device said of it; undecodable: why, one line of UTF-8 */
    struct gw_str detail;
    uint64_t dropped_bytes; /* undecodable: bytes that followed raw and were too many */
};

/* Takes one observation. True = go on; false = stop after this one (it counts
 * as taken): gw_feed_push returns early. One frame may still bring up to
 * GW_FEED_BURST_MAX more. */
typedef bool gw_feed_sink(void *context, const struct gw_observed_item *item);
#define GW_FEED_BURST_MAX 64

struct gw_feed;

struct gw_feed_options {
    const struct gw_profile *profile; /* must outlive the feed */
    gw_feed_sink *sink;
    void *sink_context;
    int64_t now_mono_ms;
    bool report_all; /* every frame of a scale, as with "report":"all" */
    bool stateless;  /* and no repeats are marked: each frame means the same whatever came
                        before, so that it may be asked for again */
};

/* One heap block of about three times the profile's framing.max_bytes. NOMEM; INVALID
 * without a sink, and for a weight.rearm_below that gw_profile_parse would refuse. */
enum gw_err gw_feed_open(const struct gw_feed_options *options, struct gw_feed **ret_feed);
/* NULL is allowed. Nothing is emitted: gw_feed_end comes before. */
void gw_feed_close(struct gw_feed *feed);

/* Take bytes as they came. Returns how many were taken: all of them, unless the
 * sink asked to stop. */
size_t gw_feed_push(struct gw_feed *feed, struct gw_bytes bytes, int64_t now_mono_ms);
/* The transport reads no further, or goes on: what the device has sent meanwhile waits
 * somewhere, and no silence of that time ends a frame that has a terminator. */
void gw_feed_hold(struct gw_feed *feed, bool is_held, int64_t now_mono_ms);
/* Take one whole frame from a transport that keeps messages apart; a terminator
 * at its end is allowed. Not to be mixed with gw_feed_push on one feed. */
void gw_feed_push_frame(struct gw_feed *feed, struct gw_bytes frame, int64_t now_mono_ms);
/* When something is due without bytes, INT64_MAX if never. It may change with
 * every other call. */
int64_t gw_feed_next_mono_ms(const struct gw_feed *feed);
/* A call that comes later than this behind the end of a gap ends no frame that has a
 * terminator: its rest may have come long ago. */
#define GW_FEED_LATE_MS 250
/* Let time pass: idle gaps end frames, missing answers and silence become
 * conditions. Harmless when nothing is due. */
void gw_feed_tick(struct gw_feed *feed, int64_t now_mono_ms);
/* From now on, what is pushed waited since it came (true), or comes as it is sent. */
void gw_feed_set_late(struct gw_feed *feed, bool is_late);
/* Bytes to send to the device now (a poll), false if none are due. The view lives
 * as long as the profile. The next one is due after the answer and the period,
 * or after the time-out. */
bool gw_feed_request(struct gw_feed *feed, int64_t now_mono_ms, struct gw_bytes *ret_bytes);
/* When bytes that are no poll (a command) may go out: a time that is past = now, the end of
 * the time-out while an answer is awaited, INT64_MAX inside a frame of a device that sends
 * unasked. */
int64_t gw_feed_free_mono_ms(const struct gw_feed *feed);
/* A command went out: the next poll waits for its answer, or for the time-out. Until when the
 * device may tell by "command_done" or "command_refused" what became of it; now, if devices
 * of this kind do not tell. */
int64_t gw_feed_note_command(struct gw_feed *feed, int64_t now_mono_ms);
/* The line ended: what is left of a frame is emitted, then the feed starts anew. Half a
 * code is undecodable, unless silence is what ends frames; JSON that may be ended by
 * silence is taken if it is whole. */
void gw_feed_end(struct gw_feed *feed, int64_t now_mono_ms);

/* ---- from observations to events ---- */

/* Room that is enough for any one observation of a frame of `frame_bytes`, as an
 * event or as a line: every byte may need six, twice (raw and code), and what GS1
 * makes of a scan of GW_GS1_SCAN_BYTES_MAX. */
#define GW_FEED_DATA_BYTES(frame_bytes) (13 * (size_t) (frame_bytes) + 65536)

struct gw_feed_event {
    struct gw_str device;
    enum gw_flow_class class;
    int64_t received_wall_ms; /* `time` of the event unless the device says one */
    unsigned flags;           /* enum gw_event_flags the transport knows of */
};

/* Draft of the event that an observation is: scan.observed, weight.measured or
 * device.condition, its data appended to `storage`, and right behind it the subject
 * (of a scan that is valid GS1: Digital Link of what it names), then the partition
 * key (of an SSCC). A scan that claims to be GS1 and is
 * not valid says so with the reason, and is an event like any other. Raw bytes that are not
 * UTF-8 (or hold NUL) are written with \xHH for each such byte and \\ for a backslash, and
 * "rawencoding":"escaped" says so; any other raw is verbatim. INVALID for `undecodable`, which
 * is for the quarantine; RANGE if it is larger than an event may be (for the quarantine too);
 * FULL. `storage` is as before on errors. */
enum gw_err gw_feed_draft(const struct gw_observed_item *item,
                          const struct gw_feed_event *event, struct gw_buf *storage,
                          struct gw_event_draft *ret_draft);
/* The observation as one JSON object on one line without the line end, for people
 * and tests. FULL. */
enum gw_err gw_feed_put_json(const struct gw_observed_item *item, struct gw_buf *buf);

/* "stable", "dynamic", ...; "gross", ... ("" for unknown). Static storage. */
const char *gw_weight_state_name(enum gw_weight_state state);
const char *gw_weight_mode_name(enum gw_weight_mode mode);

#endif
