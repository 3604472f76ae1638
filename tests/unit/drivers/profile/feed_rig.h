/* SPDX-License-Identifier: Apache-2.0 */
/* A feed with a profile from text or from the ones that come with the program,
 * and a transcript of what it said: one JSON line each. */
#ifndef GW_TESTS_FEED_RIG_H
#define GW_TESTS_FEED_RIG_H

#include "drivers/profile/feed.h"

struct feed_rig {
    struct gw_profile *profile;
    struct gw_feed *feed;
    struct gw_buf transcript;
    size_t taken;   /* observations so far */
    size_t stop_at; /* the sink asks to stop after this many, 0 = never */
    bool report_all;
    bool check_drafts; /* each observation but the undecodable ones must make a valid event */
};

/* A profile of the tree by name. */
void feed_rig_open(struct feed_rig *rig, const char *name);
/* A profile from text; the test fails if it has faults. */
void feed_rig_open_text(struct feed_rig *rig, const char *document);
/* A new feed of the same profile with an empty transcript. */
void feed_rig_restart(struct feed_rig *rig);
void feed_rig_close(struct feed_rig *rig);

/* What the device sends, at that time. */
void feed_rig_push(struct feed_rig *rig, const char *text, int64_t now_mono_ms);
/* Transcript is exactly this; then it is emptied. */
void feed_rig_expect(struct feed_rig *rig, const char *lines);
/* Number of lines with `part` in them. */
size_t feed_rig_count(const struct feed_rig *rig, const char *part);

#endif
