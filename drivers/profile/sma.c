/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMA SCP-0499 (Scale Manufacturers Association, Scale Serial Communication
 * Protocol), the standard scale response:
 *
 *   LF s r n m f xxxxxx.xxx uuu CR
 *
 *   s  Z centre of zero, O over, U under capacity, E zero, I initial zero, T tare
 *      error (then the weight is dashes), blank
 *   r  range 1, 2, 3
 *   n  G gross, N net, T tare, g and n in high resolution
 *   m  M motion, blank = stable
 *   f  for the future
 *   ten characters of weight, three of unit
 *
 * With O and U there may be digits: they are no weight. "?" answers an unknown
 * command, "<field>:..." the commands A, B, I and N. (Read in Sartorius PR 5220 and
 * PR 5211 Instrument Manual, SMA Protocol; B-TEK T419S, 7.1.2; Cardinal 190, SMA,
 * which adds the status e: no weight is displayed.)
 */
#include "drivers/profile/protocol.h"

#define WEIGHT_AT 5
#define WEIGHT_LEN 10
#define UNIT_AT (WEIGHT_AT + WEIGHT_LEN)
#define UNIT_LEN 3

static void sma_rule(const struct gw_profile *profile, struct gw_frame_rule *ret_rule) {
    (void) profile;
    *ret_rule = (struct gw_frame_rule){
        .has_start = true, .start = '\n', .ends = GW_END_BYTE, .end = '\r'};
}

static bool decode_status(char status, char motion, struct gw_scale_reading *reading) {
    static const struct {
        char letter;
        enum gw_weight_state state;
        unsigned remarks;
    } letters[] = {
        {' ', GW_WEIGHT_STABLE, 0}, {'Z', GW_WEIGHT_STABLE, GW_REMARK_CENTRE_OF_ZERO},
        {'O', GW_WEIGHT_OVER, 0},   {'U', GW_WEIGHT_UNDER, 0},
        {'E', GW_WEIGHT_ERROR, 0},  {'I', GW_WEIGHT_ERROR, 0},
        {'T', GW_WEIGHT_ERROR, 0},  {'e', GW_WEIGHT_ERROR, 0},
    };
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        if (letters[i].letter == status) {
            reading->state = letters[i].state;
            reading->remarks |= letters[i].remarks;
            if (motion == 'M' && reading->state == GW_WEIGHT_STABLE) {
                reading->state = GW_WEIGHT_DYNAMIC;
            }
            return motion == 'M' || motion == ' ';
        }
    }
    return false;
}

static bool decode_mode(char letter, struct gw_scale_reading *reading) {
    switch (letter) {
    case 'G':
    case 'g':
        reading->mode = GW_MODE_GROSS;
        break;
    case 'N':
    case 'n':
        reading->mode = GW_MODE_NET;
        break;
    case 'T':
        reading->mode = GW_MODE_TARE;
        break;
    default:
        return false;
    }
    if (letter == 'g' || letter == 'n') {
        reading->remarks |= GW_REMARK_HIGH_RESOLUTION;
    }
    return true;
}

static void decode_standard(struct gw_str content, struct gw_scale_reading *reading) {
    if (!decode_status(content.ptr[0], content.ptr[3], reading)
        || !decode_mode(content.ptr[2], reading)) {
        gw_scale_refuse(reading, "unknown status, mode or motion character");
        return;
    }
    reading->unit = gw_str_trim(gw_str_sub(content, UNIT_AT, UNIT_LEN));
    bool has_number = reading->state == GW_WEIGHT_STABLE || reading->state == GW_WEIGHT_DYNAMIC;
    if (has_number
        && (gw_scale_number_parse(gw_str_sub(content, WEIGHT_AT, WEIGHT_LEN), &reading->number)
            || reading->unit.len == 0)) {
        gw_scale_refuse(reading, "no weight and unit where they should stand");
    }
    if (reading->state == GW_WEIGHT_ERROR) {
        reading->detail = gw_str_sub(content, 0, 1);
    }
}

static void sma_decode(const struct gw_profile *profile, const struct gw_scale_frame *frame,
                       struct gw_scale_reading *ret_reading) {
    (void) profile;
    struct gw_str content = frame->content;
    if (content.len > UNIT_AT && content.len <= UNIT_AT + UNIT_LEN) {
        decode_standard(content, ret_reading);
    } else if (gw_str_eq(content, GW_STR("?"))) {
        gw_scale_tell(ret_reading, "device_error", content);
    } else if (content.len > 3 && content.ptr[3] == ':') {
        ret_reading->kind = GW_READING_NOTHING;
    } else {
        gw_scale_refuse(ret_reading, "not 5 status characters, 10 of weight and 3 of unit");
    }
}

const struct gw_protocol gw_protocol_sma = {
    .rule = sma_rule, .decode = sma_decode, .frame_bytes = UNIT_AT + UNIT_LEN};
