/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protocols of scales: where a frame ends, and what one frame says. One file for
 * each; the table is in protocol.c. Of this room only.
 *
 * A decoder is a pure function of one frame. It names a number only where the
 * frame has one; whether that is a weight is decided by the state: the caller
 * drops the number unless the state is stable.
 */
#ifndef GW_PROFILE_PROTOCOL_H
#define GW_PROFILE_PROTOCOL_H

#include "drivers/profile/feed.h"
#include "drivers/profile/framer.h"

/* Longest number of a scale, with sign and point. */
#define GW_SCALE_NUMBER_MAX 47

struct gw_scale_number {
    char text[GW_SCALE_NUMBER_MAX + 1];
    uint8_t len; /* 0 = there is none */
};

enum gw_reading_kind {
    GW_READING_WEIGHT,
    GW_READING_CONDITION,
    GW_READING_NOTHING, /* an answer that carries no reading */
    GW_READING_REFUSED,
};

struct gw_scale_reading {
    enum gw_reading_kind kind;
    enum gw_weight_state state;
    enum gw_weight_mode mode;
    unsigned remarks;
    struct gw_scale_number number, tare;
    struct gw_str unit;    /* in the frame, or the profile's */
    const char *condition; /* static storage; of a refused frame: what is wrong with the
                              device, NULL = nothing that can be told */
    struct gw_str detail;  /* of a condition or an error state; in the frame or static */
    const char *reason;    /* refused: why; static storage */
};

struct gw_scale_frame {
    struct gw_str content;
    struct gw_str trailer; /* as many bytes as the rule says */
};

struct gw_protocol {
    void (*rule)(const struct gw_profile *profile, struct gw_frame_rule *ret_rule);
    /* `ret_reading` is zeroed before: a weight, stable, and nothing else. */
    void (*decode)(const struct gw_profile *profile, const struct gw_scale_frame *frame,
                   struct gw_scale_reading *ret_reading);
    /* Content of the longest frame with a weight: no profile may allow less. */
    size_t frame_bytes;
    /* A command that changes the scale is answered by "command_done" or "command_refused". */
    bool answers_commands;
};

/* The protocol behind a `decode`, NULL for text and json. */
const struct gw_protocol *gw_protocol_find(enum gw_profile_decode decode);

extern const struct gw_protocol gw_protocol_mt_sics;
extern const struct gw_protocol gw_protocol_sma;
extern const struct gw_protocol gw_protocol_nci;
extern const struct gw_protocol gw_protocol_toledo_8217;
extern const struct gw_protocol gw_protocol_toledo_continuous;
extern const struct gw_protocol gw_protocol_sartorius_sbi;
extern const struct gw_protocol gw_protocol_points;

/* ---- for the decoders ---- */

/* The number as text of firmware/event/decimal.h, digit for digit: padding before,
 * behind and between sign and digits goes, so does a plus sign and a point at the
 * end; a lone point at the front gets its zero; a decimal comma becomes a point.
 * PARSE for anything else, RANGE if it is too long. */
enum gw_err gw_scale_number_parse(struct gw_str padded, struct gw_scale_number *ret_number);
/* Make the reading a refusal. `reason` is static. */
void gw_scale_refuse(struct gw_scale_reading *reading, const char *reason);
/* Make it a condition. `condition` is static, `detail` part of the frame. */
void gw_scale_tell(struct gw_scale_reading *reading, const char *condition,
                   struct gw_str detail);

#endif
