/* SPDX-License-Identifier: Apache-2.0 */
/* What a feed is made of, for feed.c, scan.c, json_record.c and weigh*.c. Of this
 * room only. */
#ifndef GW_PROFILE_FEED_INTERNAL_H
#define GW_PROFILE_FEED_INTERNAL_H

#include "drivers/profile/protocol.h"
#include "drivers/profile/threshold.h"

/* Different codes that are remembered for the repeat window. */
#define GW_RECENT_CODES 16

struct gw_recent_code {
    uint64_t hash; /* 0 = no entry */
    int64_t seen_mono_ms;
    uint32_t repeat;
};

/* A weight with what is needed to compare it with another. */
struct gw_weighed {
    struct gw_decimal value;
    struct gw_decimal gross; /* as sent, or net and tare together */
    bool has_gross;
    enum gw_weight_mode mode;
    char unit[16]; /* as much as fits */
};

/* Whether a load was reported already. */
struct gw_weighing {
    struct gw_threshold threshold;
    struct gw_decimal candidate; /* stable value that waits for settle_ms */
    int64_t candidate_mono_ms;
    bool has_candidate;
    struct gw_weighed reported; /* last weight that was */
    bool has_reported;
    struct gw_weighed lying; /* cycle: the load, as it was last shown; unless armed */
    bool is_armed;
    bool has_seen_empty;     /* since the start */
    bool told_late;          /* of what lies there, without its number */
    bool has_told_left;      /* another value over the load, in this cycle */
    struct gw_weighed tared; /* armed: the load that shows 0 because it was tared */
    bool has_tared;
    struct gw_weighed before; /* was reported and lay there when the line was lost */
    bool has_before;
    enum gw_weight_state told_state; /* of over, under, error: told once each time */
    const char *told_condition;      /* static text, NULL = none */
};

struct gw_polling {
    int64_t due_mono_ms;      /* of the next request */
    int64_t deadline_mono_ms; /* of the answer, INT64_MAX = none is expected */
    int64_t heard_mono_ms;    /* last frame, or the start */
    bool is_silent;           /* and so it was told */
    uint32_t owed;            /* requests whose answer may still come */
    int64_t quiet_mono_ms;    /* none is expected any more if nothing comes until then; 0 =
                                 nothing has come since the newest of them */
};

struct gw_feed {
    struct gw_feed_options options;
    const struct gw_protocol *protocol; /* NULL for text and json */
    struct gw_framer framer;
    struct gw_buf text; /* changed or unescaped text: room for two frames, so that both fit */
    int64_t last_byte_mono_ms;
    int64_t now_mono_ms;
    bool begins_substitute[256]; /* first bytes of scan.gs_substitutes */
    struct gw_recent_code recent[GW_RECENT_CODES];
    struct gw_weighing weighing;
    struct gw_polling polling;
    bool is_held; /* nobody reads what the device sends */
    int64_t held_mono_ms;
    bool must_stop;     /* the sink said so */
    bool is_late;       /* what is pushed has waited */
    bool is_frame_late; /* the frame is not of this moment */
};

/* One frame as it came out of the framer. */
struct gw_frame {
    struct gw_str content;
    struct gw_str trailer;
    unsigned remarks; /* GW_REMARK_UNTERMINATED */
};

/* Hand an item to the sink. */
void gw_feed_emit(struct gw_feed *feed, const struct gw_observed_item *item);
/* The frame cannot be decoded. `reason` is one line of UTF-8. */
void gw_feed_refuse(struct gw_feed *feed, struct gw_str raw, const char *reason);
/* A condition of the device with what was sent. */
void gw_feed_tell(struct gw_feed *feed, const char *condition, struct gw_str raw,
                  struct gw_str detail);

/* A frame of a text scanner (scan.c). */
void gw_feed_take_text(struct gw_feed *feed, const struct gw_frame *frame);
/* One code with what JSON said beside it; `item` has raw and remarks, and gets the
 * rest. No-read words become conditions. */
void gw_feed_take_code(struct gw_feed *feed, struct gw_observed_item *item);
/* A frame of a JSON device (json_record.c). */
void gw_feed_take_json(struct gw_feed *feed, const struct gw_frame *frame);
/* A frame of a scale protocol (weigh.c). */
void gw_feed_take_reading(struct gw_feed *feed, const struct gw_frame *frame);
/* A reading, by whatever way it came: what becomes of it by the profile's report.
 * `item` has raw, time, event id. */
void gw_feed_weigh(struct gw_feed *feed, const struct gw_scale_reading *reading,
                   struct gw_observed_item *item);
/* Nothing is known of what lies on the scale, but what lay there before. INVALID for a
 * threshold that is none. */
enum gw_err gw_feed_weighing_start(struct gw_feed *feed);

/* ---- one load, one event (weigh_cycle.c) ---- */

/* The number of a reading, with its tare, mode and unit. */
struct gw_weighed gw_feed_weighed(const struct gw_scale_reading *reading,
                                  const struct gw_decimal *value);
/* The same value, unit and mode. */
bool gw_feed_is_same_weight(const struct gw_weighed *a, const struct gw_weighed *b);
/* The load is gone: the next one is a new one. */
void gw_feed_remove_load(struct gw_weighing *weighing);
/* If it is at or below the threshold, the load is gone or was tared: true. */
bool gw_feed_note_empty(struct gw_weighing *weighing, const struct gw_weighed *now);
/* A weight above the threshold has come to rest: true if it is to be reported as a load.
 * `item` has raw; it is emitted as a condition if this one hides behind the last. */
bool gw_feed_is_new_load(struct gw_feed *feed, const struct gw_weighed *now,
                         struct gw_observed_item *item);

#endif
