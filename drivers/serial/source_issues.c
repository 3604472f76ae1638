/* SPDX-License-Identifier: Apache-2.0 */
/* How a feed stands, and what a person should do about it. */
#include <stdio.h>

#include "drivers/serial/source_internal.h"
#include "firmware/base/cleanup.h"

/* Between two looks. */
#define SETTLE_MS 5000
/* So many frames that mean nothing within a look, and more than those that do. */
#define BABBLING_FRAMES 5
/* Issues about single happenings stay this long after the last one. */
#define SHOWN_MS 60000
#define TURNED_AWAY_SHOWN_MS 600000

static struct gw_str device_of(const struct source *source) {
    return gw_str_from_cstr(source->device);
}

static struct gw_health *health_of(const struct source *source) {
    return source->feeds->options.health;
}

static int64_t now_of(const struct source *source) {
    return gw_clock_mono_ms(source->feeds->options.clock);
}

static void clear(const struct source *source, enum gw_issue_code code) {
    gw_health_clear(health_of(source), code, device_of(source));
}

static void set_open(struct source *source, bool is_open) {
    if (source->is_open != is_open) {
        source->is_open = is_open;
        source->since_wall_ms = gw_clock_wall_ms(source->feeds->options.clock);
    }
}

static const enum gw_issue_code issue_of_trouble[] = {
    [GW_TRANSPORT_ABSENT] = GW_ISSUE_FEED_DOWN,
    [GW_TRANSPORT_DENIED] = GW_ISSUE_FEED_DENIED,
    [GW_TRANSPORT_AMBIGUOUS] = GW_ISSUE_FEED_AMBIGUOUS,
};

void source_note_opened(struct source *source, struct gw_str peer) {
    set_open(source, true);
    (void) snprintf(source->detail, sizeof source->detail, "%.*s", GW_STR_ARG(peer));
    for (size_t i = 0; i < GW_ARRAY_LEN(issue_of_trouble); i++) {
        clear(source, issue_of_trouble[i]);
    }
}

void source_note_closed(struct source *source, enum gw_transport_trouble trouble,
                        struct gw_str detail) {
    set_open(source, false);
    source->trouble = trouble;
    (void) snprintf(source->detail, sizeof source->detail, "%.*s", GW_STR_ARG(detail));
    for (size_t i = 0; i < GW_ARRAY_LEN(issue_of_trouble); i++) {
        if (i != (size_t) trouble) {
            clear(source, issue_of_trouble[i]);
        }
    }
    gw_health_raise(health_of(source), issue_of_trouble[trouble], device_of(source), "%s",
                    source->detail);
    source_note_silent(source, false);
}

void source_note_turned_away(struct source *source, struct gw_str peer) {
    source->turned_away_mono_ms = now_of(source);
    gw_health_raise(health_of(source), GW_ISSUE_FEED_TURNED_AWAY, device_of(source), "%.*s",
                    GW_STR_ARG(peer));
}

void source_note_shared(struct source *source, struct gw_str peer, struct gw_str other) {
    source->shared_mono_ms = now_of(source);
    gw_health_raise(health_of(source), GW_ISSUE_FEED_SHARED, device_of(source), "%.*s and %.*s",
                    GW_STR_ARG(peer), GW_STR_ARG(other));
}

void source_note_silent(struct source *source, bool is_silent) {
    if (source->is_silent == is_silent) {
        return;
    }
    source->is_silent = is_silent;
    if (is_silent) {
        gw_health_raise(health_of(source), GW_ISSUE_FEED_SILENT, device_of(source), "%s",
                        source->detail);
    } else {
        clear(source, GW_ISSUE_FEED_SILENT);
    }
}

void source_note_over_rate(struct source *source) {
    if (source->over_rate_mono_ms == 0) {
        gw_health_raise(health_of(source), GW_ISSUE_DEVICE_RATE_LIMITED, device_of(source),
                        "more than %u a second", (unsigned) source->observations.per_second);
    }
    source->over_rate_mono_ms = now_of(source);
}

static void settle_babbling(struct source *source) {
    bool is_babbling = source->window_undecodable >= BABBLING_FRAMES
                       && source->window_undecodable > source->window_taken;
    if (is_babbling) {
        gw_health_raise(
            health_of(source), GW_ISSUE_FEED_BABBLING, device_of(source),
            "%llu of %llu frames in %d s were not understood",
            (unsigned long long) source->window_undecodable,
            (unsigned long long) (source->window_undecodable + source->window_taken),
            SETTLE_MS / 1000);
    } else if (source->is_babbling) {
        clear(source, GW_ISSUE_FEED_BABBLING);
    }
    source->is_babbling = is_babbling;
    source->window_taken = source->window_undecodable = 0;
}

void source_settle_issues(struct source *source, int64_t now_mono_ms) {
    source->settle_mono_ms = now_mono_ms + SETTLE_MS;
    settle_babbling(source);
    if (source->over_rate_mono_ms != 0 && now_mono_ms - source->over_rate_mono_ms > SHOWN_MS) {
        source->over_rate_mono_ms = 0;
        clear(source, GW_ISSUE_DEVICE_RATE_LIMITED);
    }
    if (source->turned_away_mono_ms != 0
        && now_mono_ms - source->turned_away_mono_ms > TURNED_AWAY_SHOWN_MS) {
        source->turned_away_mono_ms = 0;
        clear(source, GW_ISSUE_FEED_TURNED_AWAY);
    }
    if (source->shared_mono_ms != 0
        && now_mono_ms - source->shared_mono_ms > TURNED_AWAY_SHOWN_MS) {
        source->shared_mono_ms = 0;
        clear(source, GW_ISSUE_FEED_SHARED);
    }
}

void source_clear_issues(struct source *source) {
    static const enum gw_issue_code all[] = {
        GW_ISSUE_FEED_DOWN,    GW_ISSUE_FEED_DENIED,   GW_ISSUE_FEED_AMBIGUOUS,
        GW_ISSUE_FEED_SILENT,  GW_ISSUE_FEED_BABBLING, GW_ISSUE_FEED_TURNED_AWAY,
        GW_ISSUE_FEED_PROFILE, GW_ISSUE_FEED_SHARED,   GW_ISSUE_DEVICE_RATE_LIMITED,
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(all); i++) {
        clear(source, all[i]);
    }
}
