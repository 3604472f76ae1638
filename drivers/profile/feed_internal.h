/* SPDX-License-Identifier: Apache-2.0 */
/* What a feed is made of, for feed.c, scan.c, json_record.c and weigh.c. Of this
 * room only. */
#ifndef GW_PROFILE_FEED_INTERNAL_H
#define GW_PROFILE_FEED_INTERNAL_H

#include "drivers/profile/protocol.h"
#include "firmware/event/decimal.h"

/* Different codes that are remembered for the repeat window. */
#define GW_RECENT_CODES 16

struct gw_recent_code {
    uint64_t hash; /* 0 = no entry */
    int64_t seen_mono_ms;
    uint32_t repeat;
};

/* Whether a load was reported already. */
struct gw_weighing {
    struct gw_decimal threshold;
    struct gw_decimal candidate; /* stable value that waits for settle_ms */
    struct gw_decimal reported;
    int64_t candidate_mono_ms;
    bool has_candidate;
    bool has_reported; /* `reported` is what lies on the scale (settle) */
    bool is_armed;
    bool has_seen_empty;             /* since the start */
    bool told_late;                  /* of what lies there, without its number */
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
/* Nothing is known of what lies on the scale. INVALID for a threshold that is no
 * decimal text. */
enum gw_err gw_feed_weighing_start(struct gw_feed *feed);

#endif
