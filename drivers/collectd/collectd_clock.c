/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wall time against the monotonic clock, once a second. The difference is constant
 * but for slow discipline; a step of more than a second is a correction, which the
 * centre must know of: events before it carry the old time. No timer depends on
 * wall time.
 */
#include "drivers/collectd/collectd_internal.h"

#include "firmware/base/log.h"

#define STEP_MIN_MS 1000
/* How long the notice stays. */
#define JUMP_SHOWN_MS 600000

static void put_boot_id(struct gw_buf *buf, const uint8_t boot_id[static 16]) {
    char hex[33];
    gw_hex_format((struct gw_bytes){boot_id, 16}, hex);
    gw_buf_printf(buf, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static void tell_step(struct gw_collectd *collectd, int64_t step_ms) {
    struct gw_buf *buf = &collectd->data;
    gw_buf_clear(buf);
    gw_buf_put_str(buf, GW_STR("{\"bootid\":\""));
    put_boot_id(buf, collectd->boot_id);
    gw_buf_put_str(buf, GW_STR("\",\"offsetms\":"));
    gw_buf_put_i64(buf, step_ms);
    gw_buf_put_char(buf, '}');
    struct gw_collectd_event event = {
        .type = GW_EVENT_GATEWAY_CLOCK_CORRECTED, .data = gw_buf_str(buf), .urgent = true};
    enum gw_err err = gw_collectd_submit_event(collectd, &event);
    gw_log_warning(GW_COLLECTD_ROOM, "wall time was stepped by_ms=%lld stored=%s",
                   (long long) step_ms, gw_err_name(err));
}

void gw_collectd_watch_clock(struct gw_collectd *collectd, int64_t now_mono_ms) {
    int64_t offset_ms = gw_clock_wall_ms(&collectd->clock) - now_mono_ms;
    int64_t step_ms = offset_ms - collectd->wall_minus_mono_ms;
    collectd->wall_minus_mono_ms = offset_ms;
    if (step_ms > STEP_MIN_MS || step_ms < -STEP_MIN_MS) {
        collectd->jumped_mono_ms = now_mono_ms;
        gw_health_raise(collectd->health, GW_ISSUE_CLOCK_JUMPED, (struct gw_str){0},
                        "wall time was stepped by %lld ms", (long long) step_ms);
        tell_step(collectd, step_ms);
    } else if (collectd->jumped_mono_ms != 0
               && now_mono_ms - collectd->jumped_mono_ms > JUMP_SHOWN_MS) {
        collectd->jumped_mono_ms = 0;
        gw_health_clear(collectd->health, GW_ISSUE_CLOCK_JUMPED, (struct gw_str){0});
    }
    if (collectd->clock.quality(collectd->clock.self) == GW_CLOCK_SYNCHRONISED) {
        gw_health_clear(collectd->health, GW_ISSUE_CLOCK_UNSYNCHRONISED, (struct gw_str){0});
    } else {
        gw_health_raise(collectd->health, GW_ISSUE_CLOCK_UNSYNCHRONISED, (struct gw_str){0},
                        "no time service disciplines the clock");
    }
}
