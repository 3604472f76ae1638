/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From Modbus registers and bits to observations. Pure, no heap.
 *
 * A value is exact decimal text: the integer (or the shortest text of the
 * float32) times the point's scale. NaN, infinities and a failed read are
 * quality "bad" without a value, never a made-up number.
 */
#ifndef GW_PROFILE_REGISTERS_H
#define GW_PROFILE_REGISTERS_H

#include "firmware/config/config.h"
#include "firmware/event/decimal.h"
#include "firmware/event/event.h"

/* Room that is enough for the data of one point. */
#define GW_POINT_DATA_MAX_BYTES 1024

/* A reading of a point. */
struct gw_point_value {
    bool good;
    struct gw_decimal number; /* meaningless unless good */
};

/* Registers a value of `type` takes in a register area: 1 or 2. */
size_t gw_point_register_count(enum gw_point_type type);
/* True if the area is read bit by bit (coils, discrete inputs). */
bool gw_point_area_is_bits(enum gw_modbus_area area);
/* "coil", "discrete_input", "input_register", "holding_register". */
const char *gw_point_area_name(enum gw_modbus_area area);

/* Value of `point` from `words`: gw_point_register_count registers in wire
 * order, or for bit areas one word that is 0 or not. Byte orders BADC and DCBA
 * swap the bytes of single registers too. A bool is 0 or 1 and is not scaled.
 * INVALID for a wrong count or a scale that is no decimal text; RANGE if the
 * scaled value does not fit. */
enum gw_err gw_point_decode(const struct gw_config_point *point, const uint16_t *words,
                            size_t count, struct gw_point_value *ret_value);

/* True if `now` must be reported after `before`: quality changed, or both good
 * and the difference is outside the point's dead-band. A dead-band that is no
 * decimal text counts as 0. */
bool gw_point_has_changed(const struct gw_config_point *point,
                          const struct gw_point_value *before,
                          const struct gw_point_value *now);

struct gw_point_input {
    const struct gw_config_point *point;
    struct gw_str device;                /* "<bus>.<point>", must outlive the draft */
    const struct gw_point_value *before; /* last reported reading, NULL = none yet */
    const struct gw_point_value *now;
    int64_t time_wall_ms;
};

/* Draft of the point's event type (plc.signal_changed, plc.counted or
 * metric.sampled), its data appended to `storage`. `previous` (signals) and
 * `delta` (counters, only upwards: a fall is a reset or a wrap, which are not
 * told apart) need a good reading before. FULL (storage as before). */
enum gw_err gw_point_observe(const struct gw_point_input *input, struct gw_buf *storage,
                             struct gw_event_draft *ret_draft);

#endif
