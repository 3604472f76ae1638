/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of a slow, long, unreliable link; no sockets, and time is passed
 * in, so that tests need no clock.
 *
 * Link time is monotonic time without the stalls: it stands still while the link
 * does. Everything on the link (arrivals, resets, the opening of connections) is
 * scheduled in link time, so a stall delays all of it and loses nothing.
 *
 * A lane is one direction. It is a token bucket of one packet in its other form:
 * what is put at t begins when the packet before it has left, takes bytes / rate,
 * and arrives `delay` after its last byte left. What has not left yet is the
 * queue; it is bounded by whoever asks gw_wan_lane_has_room first.
 *
 * Stalls and resets come from a seed alone, not from what happens to pass.
 */
#ifndef GW_TESTS_BENCH_WAN_LINK_H
#define GW_TESTS_BENCH_WAN_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_WAN_NS_PER_S INT64_C(1000000000)
#define GW_WAN_NEVER_NS INT64_MAX
/* Payload of a full packet, and what IP and TCP add to each (time stamps on). */
#define GW_WAN_PACKET_BYTES 1448U
#define GW_WAN_HEADER_BYTES 52U
/* Stalls whose beginnings are kept. */
#define GW_WAN_STALLS_KEPT 256U

/* splitmix64 */
static inline uint64_t gw_wan_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* How long connection `number` lives before the link resets it: in each second of
 * its life it is reset with a chance of `per_mille`; 0 = never. Whole seconds. */
static inline int64_t gw_wan_lifetime_ns(uint64_t seed, uint64_t number, unsigned per_mille) {
    uint64_t state = seed ^ (number + 1) * UINT64_C(0xd1342543de82ef95);
    for (int64_t second = 1; per_mille > 0 && second < 10000000; second++) {
        if (gw_wan_random(&state) % 1000 < per_mille) {
            return second * GW_WAN_NS_PER_S;
        }
    }
    return GW_WAN_NEVER_NS;
}

/* ---- time ------------------------------------------------------------------------ */

struct gw_wan_time {
    int64_t stall_ns;    /* length of a stall */
    int64_t interval_ns; /* of link time from one to the next: half to one and a half of it;
                            0 = no stalls */
    uint64_t random;
    int64_t link_ns;       /* link time now, 0 at the start */
    int64_t real_ns;       /* of the last advance */
    int64_t next_stall_ns; /* link time */
    int64_t stall_end_ns;  /* real time, while is_stalled */
    bool is_stalled;
    uint64_t stalls;
    int64_t begins_ns[GW_WAN_STALLS_KEPT]; /* real time */
};

static inline void gw_wan_time_plan_stall(struct gw_wan_time *time) {
    time->next_stall_ns = GW_WAN_NEVER_NS;
    if (time->interval_ns > 0) {
        uint64_t spread = gw_wan_random(&time->random) % (uint64_t) time->interval_ns;
        time->next_stall_ns = time->link_ns + time->interval_ns / 2 + (int64_t) spread;
    }
}

/* Link time 0 is real time `now_ns`. */
static inline void gw_wan_time_start(struct gw_wan_time *time, uint64_t seed, int64_t stall_ns,
                                     int64_t interval_ns, int64_t now_ns) {
    *time = (struct gw_wan_time){
        .stall_ns = stall_ns, .interval_ns = interval_ns, .random = seed, .real_ns = now_ns};
    gw_wan_time_plan_stall(time);
}

static inline void gw_wan_time_begin_stall(struct gw_wan_time *time) {
    int64_t begin = time->real_ns + (time->next_stall_ns - time->link_ns);
    time->link_ns = time->next_stall_ns;
    time->real_ns = begin;
    time->stall_end_ns = begin + time->stall_ns;
    time->is_stalled = true;
    time->begins_ns[time->stalls++ % GW_WAN_STALLS_KEPT] = begin;
    gw_wan_time_plan_stall(time);
}

/* Move on to real time `now_ns` (never backwards), through any number of stalls. */
static inline void gw_wan_time_advance(struct gw_wan_time *time, int64_t now_ns) {
    while (time->real_ns < now_ns) {
        if (time->is_stalled && now_ns < time->stall_end_ns) {
            time->real_ns = now_ns;
        } else if (time->is_stalled) {
            time->real_ns = time->stall_end_ns;
            time->is_stalled = false;
        } else if (now_ns - time->real_ns >= time->next_stall_ns - time->link_ns) {
            gw_wan_time_begin_stall(time);
        } else {
            time->link_ns += now_ns - time->real_ns;
            time->real_ns = now_ns;
        }
    }
}

/* Real time at which to look again when something is due at link time `due_ns`:
 * not later than it happens; the end of a stall, if that is before. */
static inline int64_t gw_wan_time_wake_ns(const struct gw_wan_time *time, int64_t due_ns) {
    if (due_ns == GW_WAN_NEVER_NS) {
        return GW_WAN_NEVER_NS;
    }
    if (time->is_stalled) {
        return time->stall_end_ns;
    }
    int64_t until = due_ns < time->next_stall_ns ? due_ns : time->next_stall_ns;
    return time->real_ns + (until > time->link_ns ? until - time->link_ns : 0);
}

/* ---- lanes ------------------------------------------------------------------------- */

struct gw_wan_lane {
    uint64_t bytes_per_s; /* with headers; > 0 */
    int64_t delay_ns;     /* one way */
    uint64_t queue_bytes; /* bound of what has not left yet */
    int64_t free_ns;      /* link time at which the last packet has left */
    uint64_t packets, payload_bytes, wire_bytes;
};

static inline int64_t gw_wan_lane_time_of(const struct gw_wan_lane *lane, uint64_t bytes) {
    return (int64_t) (bytes * (uint64_t) GW_WAN_NS_PER_S / lane->bytes_per_s);
}

/* Link time from which a full packet fits into the queue. */
static inline int64_t gw_wan_lane_room_ns(const struct gw_wan_lane *lane) {
    uint64_t packet = GW_WAN_PACKET_BYTES + GW_WAN_HEADER_BYTES;
    uint64_t ahead = lane->queue_bytes > packet ? lane->queue_bytes - packet : 0;
    return lane->free_ns - gw_wan_lane_time_of(lane, ahead);
}

static inline bool gw_wan_lane_has_room(const struct gw_wan_lane *lane, int64_t link_ns) {
    return gw_wan_lane_room_ns(lane) <= link_ns;
}

/* Put a packet of `payload` bytes on the lane; the link time of its arrival. */
static inline int64_t gw_wan_lane_put(struct gw_wan_lane *lane, int64_t link_ns,
                                      size_t payload) {
    uint64_t bytes = payload + GW_WAN_HEADER_BYTES;
    lane->free_ns =
        (lane->free_ns > link_ns ? lane->free_ns : link_ns) + gw_wan_lane_time_of(lane, bytes);
    lane->packets++;
    lane->payload_bytes += payload;
    lane->wire_bytes += bytes;
    return lane->free_ns + lane->delay_ns;
}

#endif
