/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From Modbus registers and bits to observations. Pure, no heap.
 *
 * A value is exact decimal text: the integer, or the float (exact if it is whole, else the
 * shortest text that reads back the same), times the point's scale plus its offset; or the
 * text of a string. Only what goes beyond 72 places is rounded, to 0 in the end.
 * NaN, infinities, digits above 9 in BCD, unprintable text, the bits by which the
 * device says that it has no value and a failed read are quality "bad" without a value,
 * never a made-up one.
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
    bool good; /* what follows is meaningless otherwise */
    bool is_text;
    uint8_t text_len;
    union {
        struct gw_decimal number;           /* unless is_text */
        char text[GW_POINT_TEXT_MAX_BYTES]; /* UTF-8 */
    };
};

/* Most registers a point takes. */
#define GW_POINT_WORDS_MAX (GW_POINT_TEXT_MAX_BYTES / 2)

/* Registers a value of `type` takes in a register area: 1, 2 or 4; 0 for a string,
 * which has a length. */
size_t gw_point_register_count(enum gw_point_type type);
/* Registers, or bits, that the point takes on the wire. */
size_t gw_point_width(const struct gw_config_point *point);
/* The text of a value that is text; lives as long as `value`. */
struct gw_str gw_point_value_text(const struct gw_point_value *value);
/* True if the area is read bit by bit (coils, discrete inputs). */
bool gw_point_area_is_bits(enum gw_modbus_area area);
/* "coil", "discrete_input", "input_register", "holding_register". */
const char *gw_point_area_name(enum gw_modbus_area area);

/* Value of `point` from `words`: gw_point_width of them in wire order, bits as 0 or
 * not. The orders are those of config.h. A bool is 0 or 1, as its bit of the register
 * on the wire; neither it nor a string is scaled. A string ends at the first NUL;
 * spaces at its end are cut off. INVALID for a wrong count, a scale or an offset that
 * is no decimal text; RANGE if the value, or the scaled value, has more than 72 digits
 * before the point. */
enum gw_err gw_point_decode(const struct gw_config_point *point, const uint16_t *words,
                            size_t count, struct gw_point_value *ret_value);

/* Append the number that the registers show, before any scaling, to say what did not fit:
 * of a float64 that is too large "1e+300". Nothing for what is no number. */
void gw_point_put_unscaled(const struct gw_config_point *point, const uint16_t *words,
                           struct gw_buf *buf);

/* True if `now` must be reported after `before`: quality or text changed, or both are
 * numbers and the difference is outside the point's dead-band, a share ("2%") being
 * one of `before`. A dead-band that is neither counts as 0. */
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
 * metric.sampled), its data appended to `storage`. A text says so ("valuetype"). `previous`
 * (signals) and `delta` (counters, only upwards: a fall is a reset or a wrap, which are not
 * told apart) need a good reading before. FULL (storage as before). */
enum gw_err gw_point_observe(const struct gw_point_input *input, struct gw_buf *storage,
                             struct gw_event_draft *ret_draft);

#endif
