/* SPDX-License-Identifier: Apache-2.0 */
/* Defaults and rules that need several keys. Inside the room. */
#ifndef GW_CONFIG_CHECK_H
#define GW_CONFIG_CHECK_H

#include "firmware/config/read.h"

/* Fill what follows from other keys (rows with `derived`). */
void gw_config_derive(struct gw_config_reading *reading, struct gw_config *config);
/* The same for what a bus runs on. */
void gw_config_derive_wire(struct gw_config_bus *bus);
/* Apply every rule of the table in check.c; findings go to the report. */
void gw_config_check(struct gw_config_report *report, const struct gw_config *config);
/* One of them: which keys belong to which transport of a bus. */
void gw_config_check_wires(struct gw_config_report *report, const struct gw_config *config);
/* Of the writes of a bus (check_writes.c): the type where it was not given. */
void gw_config_derive_writes(struct gw_config_bus *bus);
/* Rules of the writes of a bus; the report stands at the bus. */
void gw_config_check_writes(struct gw_config_report *report, const struct gw_config_bus *bus);
/* Rules of one point that need several of its keys (check_points.c); the report
 * stands at the bus. */
void gw_config_check_point(struct gw_config_report *report, const struct gw_config_bus *bus,
                           size_t index);
/* The same for the transports of feeds. */
void gw_config_check_feeds(struct gw_config_report *report, const struct gw_config *config);

#endif
