/* SPDX-License-Identifier: Apache-2.0 */
/* Issues of a sink and the two ways of holding it: failing and stopping. */
#include <stdarg.h>
#include <stdio.h>

#include "cloud-link/uplink/state.h"
#include "firmware/base/cleanup.h"

/* One lost connection is everyday life; an issue begins with the second. */
#define FAILURES_TO_COMPLAIN 2

static const enum gw_issue_code disproved_by_success[] = {
    GW_ISSUE_UPLINK_UNREACHABLE, GW_ISSUE_UPLINK_TLS,        GW_ISSUE_UPLINK_STOPPED,
    GW_ISSUE_UPLINK_CONFIG,      GW_ISSUE_UPLINK_BAD_ANSWER, GW_ISSUE_UPLINK_NO_PROGRESS,
};

void gw_uplink_note_error(struct gw_uplink *uplink, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void) vsnprintf(uplink->error, sizeof(uplink->error), format, arguments);
    va_end(arguments);
}

void gw_uplink_raise(struct gw_uplink *uplink, enum gw_issue_code code) {
    gw_health_raise(uplink->health, code, uplink->name, "%s", uplink->error);
}

void gw_uplink_clear_trouble(struct gw_uplink *uplink) {
    uplink->failures = 0;
    uplink->error[0] = '\0';
    for (size_t i = 0; i < GW_ARRAY_LEN(disproved_by_success); i++) {
        gw_health_clear(uplink->health, disproved_by_success[i], uplink->name);
    }
}

void gw_uplink_stop(struct gw_uplink *uplink, enum gw_issue_code code, uint32_t at_least_ms) {
    uplink->failures++;
    (*uplink->failure_counter)++;
    gw_pace_stop(&uplink->pace, gw_uplink_now(uplink), at_least_ms, gw_uplink_random(uplink));
    gw_uplink_raise(uplink, code);
}

void gw_uplink_fail(struct gw_uplink *uplink, enum gw_issue_code code,
                    uint64_t retry_after_ms) {
    uplink->failures++;
    (*uplink->failure_counter)++;
    gw_pace_fail(&uplink->pace, gw_uplink_now(uplink), retry_after_ms,
                 gw_uplink_random(uplink));
    if (retry_after_ms > 0) {
        uplink->told_until_mono_ms = uplink->pace.not_before_mono_ms;
    }
    if (code != GW_ISSUE_UPLINK_UNREACHABLE || uplink->failures >= FAILURES_TO_COMPLAIN) {
        gw_uplink_raise(uplink, code);
    }
}
