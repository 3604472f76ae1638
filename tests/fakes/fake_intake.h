/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An intake that commits when the test says so, or says that it failed.
 *
 *     struct gw_fake_intake *fake = gw_fake_intake_open();
 *     struct gw_intake intake = gw_fake_intake(fake);
 *     ... the source submits ...
 *     gw_fake_intake_commit(fake, GW_OK);
 *
 * Units are kept in submit order; those of a failed commit are forgotten. State is
 * read as of the last commit, as in the queue.
 */
#ifndef GW_TESTS_FAKES_FAKE_INTAKE_H
#define GW_TESTS_FAKES_FAKE_INTAKE_H

#include "firmware/intake/intake.h"

#define GW_FAKE_INTAKE_UNITS 4096
#define GW_FAKE_INTAKE_STATES 16
#define GW_FAKE_INTAKE_DATA_BYTES 512

/* An event, or the first quarantine entry, of a unit, copied (texts cut). A unit of several
 * events is several of these. */
struct gw_fake_unit {
    bool has_event, has_quarantine, urgent;
    enum gw_event_type type;
    enum gw_flow_class class;
    unsigned flags;
    char device[GW_EVENT_NAME_MAX_BYTES + 1];
    char correlation[GW_EVENT_NAME_MAX_BYTES + 1];
    int64_t expiry_wall_ms;
    struct gw_trace trace;
    char data[GW_FAKE_INTAKE_DATA_BYTES];
    char reason[GW_FAKE_INTAKE_DATA_BYTES];
    size_t raw_len;
    uint8_t origin[GW_EVENT_ORIGIN_MAX_BYTES];
    size_t origin_len;
};

struct gw_fake_intake {
    /* Answer of submits once `accept` of them were taken (-1 = always take). */
    enum gw_err submit_err;
    long accept;
    /* The next submit finds the group too large and ends it with this, before its
     * own unit begins the next one. */
    bool ends_group;
    enum gw_err group_err;
    uint64_t submits;                                /* so many, taken or not */
    struct gw_fake_unit units[GW_FAKE_INTAKE_UNITS]; /* committed, then pending */
    size_t committed, pending;
    struct {
        gw_unit_completed *completed;
        void *context;
        uint64_t token;
    } completions[GW_FAKE_INTAKE_UNITS];
    size_t completion_count;
    struct {
        char key[300];
        uint8_t value[4096];
        size_t len;
    } states[GW_FAKE_INTAKE_STATES], /* as soon as submitted */
        kept[GW_FAKE_INTAKE_STATES]; /* what a failed commit goes back to */
    size_t state_count, kept_count;
};

/* Zeroed, takes everything; freed with _close. */
struct gw_fake_intake *gw_fake_intake_open(void);
void gw_fake_intake_close(struct gw_fake_intake *fake);
/* The seam; lives as long as the fake. */
struct gw_intake gw_fake_intake(struct gw_fake_intake *fake);
/* End the open group: completions run with `err`. */
void gw_fake_intake_commit(struct gw_fake_intake *fake, enum gw_err err);

#endif
