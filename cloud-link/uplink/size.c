/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large the next batch is. A lane grows and shrinks by itself; what a 413
 * taught is a cap for all lanes of the sink, as all of them meet the same limit.
 *
 * Such a limit is nearly always one of bytes (nginx: 1 MiB, gateways in the cloud
 * less), so bytes are capped first: a cap on the number, learned from a few large
 * events, would let small ones drip for ever. A cap only ever falls by a 413, also
 * by one that comes late, for a batch built before the cap was known; it rises
 * again when many batches that filled it were taken, as limits are lifted too.
 */
#include "cloud-link/uplink/state.h"

/* Batches are not halved below this by time-outs. */
#define LEAST_BATCH_EVENTS 8
#define LEAST_BATCH_BYTES 4096
/* Batches taken at the cap before it is doubled. */
#define BATCHES_TO_LIFT_CAP 64

static void rest(struct gw_lane *lane) {
    lane->batch_events = lane->uplink->sink->batch_events;
    lane->batch_bytes = (size_t) lane->uplink->sink->batch_kib * 1024;
}

static void grow(struct gw_lane *lane) {
    const struct gw_config_sink *sink = lane->uplink->sink;
    size_t max_bytes = (size_t) sink->batch_kib_max * 1024;
    lane->batch_events = lane->batch_events * 2 < sink->batch_events_max
                             ? lane->batch_events * 2
                             : sink->batch_events_max;
    lane->batch_bytes = lane->batch_bytes * 2 < max_bytes ? lane->batch_bytes * 2 : max_bytes;
}

void gw_lane_shrink(struct gw_lane *lane) {
    if (lane->batch_events / 2 >= LEAST_BATCH_EVENTS) {
        lane->batch_events /= 2;
    }
    if (lane->batch_bytes / 2 >= LEAST_BATCH_BYTES) {
        lane->batch_bytes /= 2;
    }
}

static bool is_capped(const struct gw_uplink *uplink) {
    return uplink->cap_events != UINT64_MAX || uplink->cap_bytes != SIZE_MAX;
}

/* A cap above what the configuration allows is none. */
static void lift_cap(struct gw_uplink *uplink) {
    uint64_t max_events = uplink->sink->batch_events_max;
    size_t max_bytes = (size_t) uplink->sink->batch_kib_max * 1024;
    uplink->cap_events =
        uplink->cap_events < max_events / 2 ? uplink->cap_events * 2 : UINT64_MAX;
    uplink->cap_bytes = uplink->cap_bytes < max_bytes / 2 ? uplink->cap_bytes * 2 : SIZE_MAX;
    uplink->taken_at_cap = 0;
}

void gw_lane_learn_cap(struct gw_lane *lane) {
    struct gw_uplink *uplink = lane->uplink;
    size_t bytes = lane->body_bytes / 2;
    uplink->taken_at_cap = 0;
    if (bytes >= LEAST_BATCH_BYTES) {
        uplink->cap_bytes = bytes < uplink->cap_bytes ? bytes : uplink->cap_bytes;
        return;
    }
    uint64_t events = lane->batch.count / 2;
    if (lane->job == GW_JOB_REPLAY) {
        lane->replay.max_slots = events; /* what is asked for holds no live event back */
        return;
    }
    uplink->cap_events = events < uplink->cap_events ? events : uplink->cap_events;
}

void gw_lane_size_after_success(struct gw_lane *lane) {
    struct gw_uplink *uplink = lane->uplink;
    if (lane->job != GW_JOB_FORWARD && lane->job != GW_JOB_REPLAY) {
        return;
    }
    if (lane->batch.was_cut) {
        grow(lane);
    } else if (lane->batch_events > uplink->sink->batch_events) {
        rest(lane);
    }
    bool is_full = lane->batch.was_cut && is_capped(uplink);
    if (is_full && ++uplink->taken_at_cap >= BATCHES_TO_LIFT_CAP) {
        lift_cap(uplink);
    }
}
