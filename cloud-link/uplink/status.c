/* SPDX-License-Identifier: Apache-2.0 */
/* What the sink says of itself. */
#include <stdlib.h>
#include <string.h>

#include "cloud-link/uplink/state.h"
#include "firmware/base/cleanup.h"

#define RATE_MS 2000

bool gw_uplink_get_progress(const struct gw_uplink *uplink, struct gw_epoch epoch,
                            uint64_t ret_acked[static GW_CLASS_COUNT],
                            uint64_t ret_sent[static GW_CLASS_COUNT]) {
    for (size_t i = 0; i < GW_QUEUE_MAX_EPOCHS; i++) {
        const struct gw_track *row = uplink->tracks[i];
        if (!row[0].is_used || !gw_epoch_eq(row[0].epoch, epoch)) {
            continue;
        }
        for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
            ret_acked[class] = gw_track_cursor(&row[class]);
            ret_sent[class] = row[class].sent;
        }
        return true;
    }
    return false;
}

struct gw_str gw_uplink_name(const struct gw_uplink *uplink) {
    return uplink->name;
}

/* ---- status ---- */

/* Age of the oldest event that is not settled, 0 = none. */
static int64_t oldest_age_ms(struct gw_uplink *uplink, const struct gw_track *track) {
    struct gw_batch_scratch *scratch = &uplink->scratch;
    struct gw_queue_read_request read = {
        .epoch_index = track->epoch_index,
        .class = track->class,
        .from = gw_track_cursor(track) + 1,
        .max_events = 1,
        .max_bytes = scratch->storage.cap,
    };
    size_t count = 0;
    if (gw_track_backlog(track) == 0) {
        return 0;
    }
    gw_buf_clear(&scratch->storage);
    enum gw_err err = uplink->source.read(uplink->source.self, &read, &scratch->storage,
                                          scratch->entries, 1, &count);
    if (err || count == 0 || scratch->entries[0].err) {
        return 0;
    }
    int64_t age = gw_clock_wall_ms(uplink->clock) - scratch->entries[0].record.recorded_wall_ms;
    return age > 0 ? age : 0;
}

static void put_replay(const struct gw_replay *replay, struct gw_buf *buf) {
    if (replay->is_active) {
        gw_buf_printf(buf, ",\"replay_left\":%llu",
                      (unsigned long long) gw_replay_left(replay));
    }
    if (replay->refusal[0]) {
        gw_buf_printf(buf, ",\"replay_left_out\":%llu,\"replay_refusal\":",
                      (unsigned long long) replay->left_out);
        gw_buf_put_json_str(buf, gw_str_from_cstr(replay->refusal));
    }
}

static void put_class(struct gw_uplink *uplink, enum gw_flow_class class, struct gw_buf *buf) {
    const struct gw_track *track = gw_uplink_own_track(uplink, class);
    const struct gw_lane *lane = &uplink->lanes[class];
    gw_buf_printf(buf, "\"%s\":{\"head\":%llu,\"acked\":%llu,\"sent\":%llu,\"backlog\":%llu",
                  gw_flow_class_name(class),
                  (unsigned long long) (track ? track->range.last : 0),
                  (unsigned long long) (track ? gw_track_cursor(track) : 0),
                  (unsigned long long) (track ? track->sent : 0),
                  (unsigned long long) gw_uplink_backlog(uplink, class));
    gw_buf_printf(buf, ",\"oldest_age_ms\":%lld,\"in_flight\":%u",
                  (long long) (track ? oldest_age_ms(uplink, track) : 0),
                  lane->in_flight ? (unsigned) lane->batch.count : 0);
    put_replay(&lane->replay, buf);
    gw_buf_put_char(buf, '}');
}

static int compare_u32(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *) a, right = *(const uint32_t *) b;
    return (left > right) - (left < right);
}

static void put_latency(const struct gw_uplink *uplink, struct gw_buf *buf) {
    uint32_t sorted[GW_UPLINK_LATENCIES];
    size_t count = uplink->latency_count < GW_UPLINK_LATENCIES ? (size_t) uplink->latency_count
                                                               : GW_UPLINK_LATENCIES;
    if (count == 0) {
        return;
    }
    memcpy(sorted, uplink->latencies_ms, count * sizeof(sorted[0]));
    qsort(sorted, count, sizeof(sorted[0]), compare_u32);
    gw_buf_printf(buf, ",\"latency_p50_ms\":%u,\"latency_max_ms\":%u", sorted[count / 2],
                  sorted[count - 1]);
}

/* A sink whose centre is there but takes nothing is no better than waiting. */
static enum gw_sink_state state_of(const struct gw_uplink *uplink) {
    bool is_failing = uplink->failures > 2 && uplink->pace.state == GW_SINK_UP;
    return is_failing ? GW_SINK_WAITING : uplink->pace.state;
}

enum gw_sink_state gw_uplink_get_state(const struct gw_uplink *uplink, const char **ret_error) {
    *ret_error = uplink->error;
    return state_of(uplink);
}

/* Events accepted a second, over at least RATE_MS. */
static uint64_t rate_of(struct gw_uplink *uplink) {
    int64_t elapsed_ms = gw_uplink_now(uplink) - uplink->rate_mono_ms;
    if (elapsed_ms >= RATE_MS) {
        uint64_t events = uplink->accepted - uplink->rate_accepted;
        uplink->rate_per_s = events * 1000 / (uint64_t) elapsed_ms;
        uplink->rate_accepted = uplink->accepted;
        uplink->rate_mono_ms = gw_uplink_now(uplink);
    }
    return uplink->rate_per_s;
}

void gw_uplink_put_status(struct gw_uplink *uplink, struct gw_buf *buf) {
    enum gw_sink_state state = state_of(uplink);
    const struct gw_track *own = gw_uplink_own_track(uplink, GW_CLASS_BUSINESS);
    char epoch[GW_EPOCH_TEXT_LEN + 1] = "";
    if (state != uplink->shown_state) {
        uplink->shown_state = state;
        uplink->state_since_wall_ms = gw_clock_wall_ms(uplink->clock);
    }
    if (own) {
        gw_epoch_format(own->epoch, epoch);
    }
    gw_buf_put_str(buf, GW_STR("{\"name\":"));
    gw_buf_put_json_str(buf, uplink->name);
    gw_buf_printf(buf, ",\"state\":\"%s\",\"since\":\"", gw_sink_state_name(state));
    gw_time_put(buf, uplink->state_since_wall_ms);
    gw_buf_put_char(buf, '"');
    if (uplink->error[0]) {
        gw_buf_put_str(buf, GW_STR(",\"error\":"));
        gw_buf_put_json_str(buf, gw_str_from_cstr(uplink->error));
    }
    gw_buf_printf(buf, ",\"required\":%s,\"dead_letters\":%llu,\"accepted\":%llu",
                  uplink->sink->required ? "true" : "false",
                  (unsigned long long) uplink->letters, (unsigned long long) uplink->accepted);
    gw_buf_printf(buf, ",\"rate_per_s\":%llu", (unsigned long long) rate_of(uplink));
    put_latency(uplink, buf);
    gw_buf_printf(buf, ",\"epoch\":\"%s\",\"classes\":{", epoch);
    for (unsigned class = 0; class < GW_CLASS_COUNT; class ++) {
        if (class > 0) {
            gw_buf_put_char(buf, ',');
        }
        put_class(uplink, (enum gw_flow_class) class, buf);
    }
    gw_buf_put_str(buf, GW_STR("}}"));
}
