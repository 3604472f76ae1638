/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to frames, one byte at a time: that is why it does not matter how a
 * stream is cut. Of this room only.
 *
 * A frame may begin with a start byte, has content, ends with an end mark, and
 * may have a fixed number of bytes behind that (a checksum). Bytes between frames
 * are noise, unless blank. A start byte in the middle of a frame means that the
 * rest of that one was lost.
 */
#ifndef GW_PROFILE_FRAMER_H
#define GW_PROFILE_FRAMER_H

#include "drivers/profile/profile.h"

enum gw_frame_end {
    GW_END_BYTE,   /* `end` */
    GW_END_PAIR,   /* CR LF */
    GW_END_LINE,   /* CR or LF */
    GW_END_LENGTH, /* `length` bytes of content, then `end` */
    GW_END_GAP,    /* silence */
};

struct gw_frame_rule {
    bool has_start;
    char start;
    char not_after; /* a start byte behind this one, inside a frame, is content; 0 = none */
    size_t start_is_content_before; /* and so it is among the first bytes: status bits */
    enum gw_frame_end ends;
    char end;
    size_t length;
    size_t trailer; /* bytes behind the end mark */
};

enum gw_framed {
    GW_FRAMED_NOTHING,  /* go on */
    GW_FRAMED_FRAME,    /* content (and trailer) are complete */
    GW_FRAMED_NOISE,    /* bytes that belong to no frame */
    GW_FRAMED_CUT,      /* a frame whose end never came */
    GW_FRAMED_OVERFLOW, /* a frame that was longer than allowed has ended; see `dropped` */
};

struct gw_framer {
    struct gw_frame_rule rule;
    char *bytes;
    size_t cap; /* content bytes; there is room for the trailer behind */
    size_t len;
    size_t content_len; /* once the end mark is seen */
    size_t trailer_left;
    uint64_t dropped; /* bytes behind `cap` */
    bool in_frame;    /* the start byte was seen, or there is none to see */
    bool in_trailer;
    bool taken; /* what the last step ended was handed out: begin anew */
    char last;
};

/* `bytes` holds `cap` + rule.trailer and outlives the framer. */
void gw_framer_init(struct gw_framer *framer, const struct gw_frame_rule *rule, char *bytes,
                    size_t cap);
/* Whether `c` must first end what stands in the framer (a start byte in the
 * middle): then hand that out with gw_framer_cut before the step. */
bool gw_framer_is_restart(const struct gw_framer *framer, char c);
/* Take one byte. After anything but NOTHING, the content stands in bytes[0,
 * content_len) and the trailer behind it, until the next step. */
enum gw_framed gw_framer_step(struct gw_framer *framer, char c);
/* End what is there without its end mark: CUT, OVERFLOW or NOISE, NOTHING if
 * there is nothing but blanks. Content as after a step. */
enum gw_framed gw_framer_cut(struct gw_framer *framer);
/* Bytes wait for the rest of their frame. */
bool gw_framer_is_waiting(const struct gw_framer *framer);
/* The frame has just become longer than allowed, by this step. */
bool gw_framer_has_burst(const struct gw_framer *framer);

#endif
