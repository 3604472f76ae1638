/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scales behind Modbus: points of a bus that together are a weight.
 *
 * The worker collects what it reads of a scale's points. When each of them has been
 * read anew, they are one line of text (drivers/profile/point_scale.c), and the profile
 * decides in the worker whether that line is something to report: one weight for each
 * load, a fault when it begins. Only those lines go to the loop, which makes an event
 * of each and keeps it until a commit that holds it has succeeded. One is under way at a
 * time: a load takes seconds, a commit milliseconds.
 *
 * The points are also reported as points, as the configuration says; that is another
 * matter.
 *
 * Threads: _take, _take_bad and _settle for the worker, the others for the loop; open and
 * close while there is no worker.
 */
#ifndef GW_MODBUS_SCALES_H
#define GW_MODBUS_SCALES_H

#include "drivers/modbus/bus.h"

/* Lines on their way to a commit, of all scales of a bus. */
#define GW_SCALES_LINES 64

struct gw_modbus_scales;

struct gw_modbus_scales_options {
    const struct gw_config_bus *config;   /* its scales and points; copied but for the points */
    const struct gw_config_point *points; /* those of the bus, as the poller has them */
    struct gw_str bus_name;
    const char *profile_folder; /* during open only */
    struct gw_intake intake;
    struct gw_loop *loop;
    const struct gw_clock *clock; /* thread-safe */
    struct gw_health *health;
    gw_modbus_refused *refused; /* may be NULL */
    void *refused_context;
};

/* Load the profiles. A scale whose profile cannot be used, or whose points the bus does
 * not have, is an issue (feed_profile) and gives no weights. NULL without scales. NOMEM,
 * IO. */
enum gw_err gw_modbus_scales_open(const struct gw_modbus_scales_options *options,
                                  struct gw_modbus_scales **ret_scales);
/* Tell what was never stored, and free. No unit of it may be uncommitted. NULL is
 * allowed. */
void gw_modbus_scales_close(struct gw_modbus_scales *scales);

/* Worker. The words of a point, or that they could not be had. NULL is allowed. */
void gw_modbus_scales_take(struct gw_modbus_scales *scales, size_t point,
                           const uint16_t *words);
void gw_modbus_scales_take_bad(struct gw_modbus_scales *scales, size_t point);
/* Worker: a block is through. Scales that have all their points anew are weighed. */
void gw_modbus_scales_settle(struct gw_modbus_scales *scales);

/* Loop. When _tick wants to run next. */
int64_t gw_modbus_scales_next_mono_ms(const struct gw_modbus_scales *scales);
/* Submit what waits. NULL is allowed. */
void gw_modbus_scales_tick(struct gw_modbus_scales *scales);
/* Submit the next line whether it is time or not. True if one waits for a commit now; what
 * is behind it comes after that. At most GW_SCALES_LINES times while the worker is gone and
 * commits succeed. NULL is allowed. */
bool gw_modbus_scales_submit_rest(struct gw_modbus_scales *scales);
/* Whether a profile's file is another one than when it was loaded. NULL is allowed. */
bool gw_modbus_scales_profiles_have_changed(const struct gw_modbus_scales *scales);
/* Device, time and count of events of scale `index`; false behind the last. */
bool gw_modbus_scales_figures(const struct gw_modbus_scales *scales, size_t index,
                              struct gw_modbus_point_figures *ret_figures);

#endif
