/* SPDX-License-Identifier: Apache-2.0 */
/* The tracks of a sink follow the epochs of the queue. */
#include <stdio.h>
#include <string.h>

#include "cloud-link/uplink/state.h"
#include "firmware/base/log.h"

struct gw_track *gw_uplink_find_track(struct gw_uplink *uplink, struct gw_epoch epoch,
                                      enum gw_flow_class class) {
    for (size_t i = 0; i < GW_QUEUE_MAX_EPOCHS; i++) {
        struct gw_track *track = &uplink->tracks[i][class];
        if (track->is_used && gw_epoch_eq(track->epoch, epoch)) {
            return track;
        }
    }
    return NULL;
}

const struct gw_track *gw_uplink_own_track(const struct gw_uplink *uplink,
                                           enum gw_flow_class class) {
    for (size_t i = 0; i < GW_QUEUE_MAX_EPOCHS; i++) {
        const struct gw_track *track = &uplink->tracks[i][class];
        if (track->is_used && track->epoch_index == GW_EPOCH_INDEX_OWN) {
            return track;
        }
    }
    return NULL;
}

uint64_t gw_uplink_backlog(const struct gw_uplink *uplink, enum gw_flow_class class) {
    uint64_t backlog = 0;
    for (size_t i = 0; i < GW_QUEUE_MAX_EPOCHS; i++) {
        if (uplink->tracks[i][class].is_used) {
            backlog += gw_track_backlog(&uplink->tracks[i][class]);
        }
    }
    return backlog;
}

/* ---- what a newer release wrote ---- */

/* How often it is looked whether that has changed. */
#define LOOK_AGAIN_MS 60000

struct gw_str gw_lane_subject(const struct gw_lane *lane, char text[static 128]) {
    (void) snprintf(text, 128, "%.100s/%s", lane->uplink->sink->name,
                    gw_flow_class_name(lane->class));
    return gw_str_from_cstr(text);
}

void gw_lane_note_unknown(struct gw_lane *lane, struct gw_track *track) {
    struct gw_uplink *uplink = lane->uplink;
    char subject[128];
    track->is_unknown = true;
    track->look_again_mono_ms = gw_uplink_now(uplink) + LOOK_AGAIN_MS;
    gw_health_raise(uplink->health, GW_ISSUE_STORE_RECORD_NEWER, gw_lane_subject(lane, subject),
                    "%s %llu: %s; it and those behind it are kept and wait",
                    gw_flow_class_name(lane->class), (unsigned long long) track->next,
                    lane->batch.unknown);
}

void gw_lane_clear_unknown(struct gw_lane *lane, struct gw_track *track) {
    char subject[128];
    if (!track->is_unknown) {
        return;
    }
    track->is_unknown = false;
    for (size_t i = 0; i < GW_QUEUE_MAX_EPOCHS; i++) {
        if (lane->uplink->tracks[i][lane->class].is_unknown) {
            return; /* of another epoch */
        }
    }
    gw_health_clear(lane->uplink->health, GW_ISSUE_STORE_RECORD_NEWER,
                    gw_lane_subject(lane, subject));
}

static size_t find_row(const struct gw_uplink *uplink, struct gw_epoch epoch) {
    size_t row = 0;
    while (row < GW_QUEUE_MAX_EPOCHS
           && !(uplink->tracks[row][0].is_used
                && gw_epoch_eq(uplink->tracks[row][0].epoch, epoch))) {
        row++;
    }
    return row;
}

static size_t find_free_row(const struct gw_uplink *uplink) {
    size_t row = 0;
    while (row < GW_QUEUE_MAX_EPOCHS && uplink->tracks[row][0].is_used) {
        row++;
    }
    return row;
}

/* ---- a new epoch ---- */

/* The link store was lost but the report to collectd was not: what every
 * required sink had taken, this one had too. */
static bool find_known(const struct gw_uplink *uplink, const struct gw_track *track,
                       uint64_t *ret_cursor) {
    if (!uplink->sink->required) {
        return false;
    }
    for (size_t i = 0; i < uplink->known_count; i++) {
        if (gw_epoch_eq(uplink->known[i].epoch, track->epoch)) {
            *ret_cursor = uplink->known[i].acked[track->class];
            return true;
        }
    }
    return false;
}

static bool mark_tombstone(void *context, const struct gw_letter_key *key,
                           const struct gw_letter *letter) {
    struct gw_track *track = context;
    if (key->class != track->class || !gw_epoch_eq(key->epoch, track->epoch)) {
        return false;
    }
    if (letter->is_tombstone) {
        track->marked_until = key->sequence;
    }
    return true;
}

static enum gw_err start_track(struct gw_uplink *uplink, struct gw_track *track) {
    uint64_t cursor = 0;
    struct gw_letter_key key = gw_uplink_key(uplink, track->epoch, track->class, 0);
    enum gw_err err = gw_link_store_get_cursor(uplink->store, &key, &cursor);
    if (err && err != GW_ERR_NOENT) {
        return err;
    }
    bool is_known = !err || find_known(uplink, track, &cursor);
    gw_track_start(track, is_known, cursor);
    key.sequence = track->next;
    return gw_link_store_each_letter(uplink->store, &key, mark_tombstone, track);
}

static enum gw_err add_row(struct gw_uplink *uplink, const struct gw_queue_epoch_view *view) {
    size_t row = find_free_row(uplink);
    if (row == GW_QUEUE_MAX_EPOCHS) {
        return GW_ERR_FULL;
    }
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        struct gw_track *track = &uplink->tracks[row][class];
        *track = (struct gw_track){
            .is_used = true,
            .epoch_index = view->index,
            .epoch = view->epoch,
            .class = (enum gw_flow_class) class,
            .range = view->ranges[class],
        };
        enum gw_err err = start_track(uplink, track);
        if (err) {
            memset(uplink->tracks[row], 0, sizeof(uplink->tracks[row]));
            return err;
        }
    }
    return GW_OK;
}

/* ---- epochs known already ---- */

static void update_row(struct gw_uplink *uplink, size_t row,
                       const struct gw_queue_epoch_view *view) {
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        struct gw_track *track = &uplink->tracks[row][class];
        struct gw_lane *lane = &uplink->lanes[class];
        track->epoch_index = view->index;
        if (lane->in_flight && lane->track == track
            && lane->batch.last > view->ranges[class].last
            && view->ranges[class].last < track->range.last) {
            gw_lane_cancel(lane); /* its answer would settle events still to come */
        }
        uint64_t skipped = gw_track_set_range(track, view->ranges[class]);
        if (skipped > 0) {
            gw_log_debug("uplink",
                         "records were trimmed before they were sent sink=%s class=%s "
                         "sequences=%llu",
                         uplink->sink->name, gw_flow_class_name(track->class),
                         (unsigned long long) skipped);
        }
    }
}

static bool is_listed(const struct gw_queue_epoch_view *epochs, size_t count,
                      struct gw_epoch epoch) {
    for (size_t i = 0; i < count; i++) {
        if (gw_epoch_eq(epochs[i].epoch, epoch)) {
            return true;
        }
    }
    return false;
}

static void drop_row(struct gw_uplink *uplink, size_t row) {
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        struct gw_lane *lane = &uplink->lanes[class];
        gw_lane_clear_unknown(lane, &uplink->tracks[row][class]);
        if (lane->in_flight && lane->track == &uplink->tracks[row][class]) {
            gw_lane_cancel(lane);
        }
        if (lane->replay.is_active
            && gw_epoch_eq(lane->replay.epoch, uplink->tracks[row][class].epoch)) {
            lane->replay.is_active = false;
        }
    }
    memset(uplink->tracks[row], 0, sizeof(uplink->tracks[row]));
}

enum gw_err gw_uplink_set_epochs(struct gw_uplink *uplink,
                                 const struct gw_queue_epoch_view *epochs, size_t count) {
    for (size_t row = 0; row < GW_QUEUE_MAX_EPOCHS; row++) {
        if (uplink->tracks[row][0].is_used
            && !is_listed(epochs, count, uplink->tracks[row][0].epoch)) {
            drop_row(uplink, row);
        }
    }
    for (size_t i = 0; i < count; i++) {
        size_t row = find_row(uplink, epochs[i].epoch);
        if (row < GW_QUEUE_MAX_EPOCHS) {
            update_row(uplink, row, &epochs[i]);
            continue;
        }
        enum gw_err err = add_row(uplink, &epochs[i]);
        if (err) {
            return err;
        }
    }
    return GW_OK;
}
