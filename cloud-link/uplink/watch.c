/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud-link/uplink/watch.h"

#define STEP_WATCHING 0
#define STEP_RECONNECTED 1
#define STEP_COMPLAINED 2

void gw_watch_init(struct gw_watch *watch, int64_t now_mono_ms, int64_t limit_ms,
                   bool was_restarted) {
    *watch = (struct gw_watch){
        .limit_ms = limit_ms,
        .since_mono_ms = now_mono_ms,
        .answered_mono_ms = now_mono_ms - limit_ms - 1,
        .was_restarted = was_restarted,
    };
}

void gw_watch_progress(struct gw_watch *watch, int64_t now_mono_ms) {
    watch->since_mono_ms = now_mono_ms;
    watch->step = STEP_WATCHING;
    watch->was_restarted = false;
}

void gw_watch_answered(struct gw_watch *watch, int64_t now_mono_ms) {
    watch->answered_mono_ms = now_mono_ms;
}

bool gw_watch_is_moving(const struct gw_watch *watch) {
    return watch->step == STEP_WATCHING;
}

enum gw_watch_order gw_watch_check(struct gw_watch *watch, int64_t now_mono_ms) {
    if (watch->limit_ms == 0 || watch->step == STEP_COMPLAINED
        || now_mono_ms - watch->since_mono_ms < watch->limit_ms) {
        return GW_WATCH_GO_ON;
    }
    watch->since_mono_ms = now_mono_ms;
    if (watch->step == STEP_WATCHING) {
        watch->step = STEP_RECONNECTED;
        return GW_WATCH_RECONNECT;
    }
    watch->step = STEP_COMPLAINED;
    bool is_silent = now_mono_ms - watch->answered_mono_ms >= watch->limit_ms;
    if (!is_silent || watch->was_restarted) {
        return GW_WATCH_COMPLAIN;
    }
    watch->was_restarted = true;
    return GW_WATCH_RESTART;
}

int64_t gw_watch_next_mono_ms(const struct gw_watch *watch) {
    bool is_done = watch->limit_ms == 0 || watch->step == STEP_COMPLAINED;
    return is_done ? GW_NEVER_MS : watch->since_mono_ms + watch->limit_ms;
}
