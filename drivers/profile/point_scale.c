/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scales behind Modbus. What the bus has read becomes one line of text, the raw of
 * the event, and that is taken apart here like any other protocol:
 *
 *   status=37 net=12.340 unit=0 age=18
 *
 * Names are those of the points, values decimal text (already scaled), "bad" for a
 * point that could not be read, `age` the milliseconds between the oldest and the
 * newest of them (left out: they came in one answer), `after_start` the remark of that
 * name (of a line that was chosen among others already). Order does not matter; points
 * that the profile does not name are ignored, so that a bus may hand over all.
 *
 * Which bit means what, and in which polarity, is in the profile: the same maker
 * has it otherwise in another block of the same device, and one maker's motion is
 * another's stable inverted. A weight needs everything to speak for it: all points
 * read, together, valid, no error, in range, and at rest.
 */
#include "drivers/profile/protocol.h"

static void points_rule(const struct gw_profile *profile, struct gw_frame_rule *ret_rule) {
    (void) profile;
    *ret_rule = (struct gw_frame_rule){.ends = GW_END_LINE};
}

/* Value of `name` in the line, empty if it is not there. */
static struct gw_str find_value(struct gw_str line, const char *name) {
    struct gw_str rest = line;
    struct gw_str word;
    struct gw_str wanted = gw_str_from_cstr(name);
    while (wanted.len > 0 && gw_str_split(&rest, ' ', &word)) {
        size_t equals = gw_str_find(word, '=', 0);
        if (equals < word.len && gw_str_eq(gw_str_sub(word, 0, equals), wanted)) {
            return gw_str_sub(word, equals + 1, word.len);
        }
    }
    return (struct gw_str){0};
}

static bool find_word(struct gw_str line, const char *name, uint64_t *ret_word) {
    return gw_str_to_u64(find_value(line, name), UINT16_MAX, ret_word) == GW_OK;
}

/* Beside the meanings: a bit of validity that is not active. */
#define NOT_VALID (1U << 31)

static unsigned meaning_of(const struct gw_profile_bit *bit, bool is_active) {
    switch (bit->meaning) {
    case GW_BIT_STABLE: /* each of them must be active */
        return is_active ? 0 : 1U << GW_BIT_MOTION;
    case GW_BIT_VALID:
        return is_active ? 0 : NOT_VALID;
    default:
        return is_active ? 1U << bit->meaning : 0;
    }
}

/* What the bits say, as a set; false if one of them was not read. */
static bool read_bits(const struct gw_profile_points *points, struct gw_str line,
                      unsigned *ret_meanings) {
    uint64_t status = 0;
    unsigned meanings = 0;
    bool has_status = find_word(line, points->status, &status);
    for (size_t i = 0; i < points->bit_count; i++) {
        const struct gw_profile_bit *bit = &points->bits[i];
        uint64_t word = status >> bit->bit;
        bool is_own = bit->point[0] != '\0';
        if (is_own ? !find_word(line, bit->point, &word) : !has_status) {
            return false;
        }
        bool is_one = is_own ? word != 0 : (word & 1) != 0;
        meanings |= meaning_of(bit, is_one == bit->active);
    }
    *ret_meanings = meanings;
    return true;
}

static void fail(struct gw_scale_reading *reading, struct gw_str detail) {
    reading->state = GW_WEIGHT_ERROR;
    reading->detail = detail;
}

static bool says(unsigned meanings, enum gw_bit_meaning meaning) {
    return (meanings & 1U << meaning) != 0;
}

static void decode_state(unsigned meanings, struct gw_scale_reading *reading) {
    if ((meanings & NOT_VALID) != 0) {
        fail(reading, GW_STR("the device says that its data are not valid"));
    } else if (says(meanings, GW_BIT_ERROR)) {
        fail(reading, GW_STR("the device says error"));
    } else if (says(meanings, GW_BIT_OVER)) {
        reading->state = GW_WEIGHT_OVER;
    } else if (says(meanings, GW_BIT_UNDER)) {
        reading->state = GW_WEIGHT_UNDER;
    } else if (says(meanings, GW_BIT_MOTION)) {
        reading->state = GW_WEIGHT_DYNAMIC;
    }
}

static bool has_bit_for(const struct gw_profile_points *points, enum gw_bit_meaning meaning) {
    for (size_t i = 0; i < points->bit_count; i++) {
        if (points->bits[i].meaning == meaning) {
            return true;
        }
    }
    return false;
}

static void decode_mode(const struct gw_profile_points *points, unsigned meanings,
                        struct gw_scale_reading *reading) {
    reading->mode = (enum gw_weight_mode) points->mode;
    if (has_bit_for(points, GW_BIT_NET)) {
        reading->mode = says(meanings, GW_BIT_NET) ? GW_MODE_NET : GW_MODE_GROSS;
    }
    if (says(meanings, GW_BIT_PRESET_TARE)) {
        reading->remarks |= GW_REMARK_PRESET_TARE;
    }
    if (says(meanings, GW_BIT_ZERO)) {
        reading->remarks |= GW_REMARK_CENTRE_OF_ZERO;
    }
}

static struct gw_str find_unit(const struct gw_profile *profile, struct gw_str line) {
    const struct gw_profile_points *points = &profile->modbus;
    uint64_t word = 0;
    if (points->unit[0] == '\0') {
        return gw_str_from_cstr(profile->weight.unit);
    }
    if (!find_word(line, points->unit, &word)) {
        return (struct gw_str){0};
    }
    unsigned shift = (unsigned) __builtin_ctz(points->unit_mask);
    uint64_t value = (word & points->unit_mask) >> shift;
    for (size_t i = 0; i < points->unit_count; i++) {
        if (points->units[i].value == value) {
            return gw_str_from_cstr(points->units[i].unit);
        }
    }
    return (struct gw_str){0};
}

/* The sign of a point that holds the absolute value is a bit of its own. */
static bool take_number(struct gw_str value, bool is_negative,
                        struct gw_scale_number *ret_number) {
    char text[GW_SCALE_NUMBER_MAX];
    struct gw_buf buf;
    gw_buf_init(&buf, text, sizeof text);
    bool has_sign = gw_str_starts_with(value, GW_STR("-"));
    if (is_negative && !has_sign) {
        gw_buf_put_char(&buf, '-');
    }
    gw_buf_put_str(&buf, value);
    return !gw_buf_failed(&buf) && gw_scale_number_parse(gw_buf_str(&buf), ret_number) == GW_OK;
}

static bool is_stale(const struct gw_profile_points *points, struct gw_str line) {
    struct gw_str age = find_value(line, "age");
    uint64_t ms = 0;
    return age.len > 0 && (gw_str_to_u64(age, UINT64_MAX, &ms) || ms > points->fresh_ms);
}

static void decode_values(const struct gw_profile *profile, struct gw_str line,
                          unsigned meanings, struct gw_scale_reading *reading) {
    const struct gw_profile_points *points = &profile->modbus;
    bool is_negative = says(meanings, GW_BIT_NEGATIVE);
    reading->unit = find_unit(profile, line);
    if (!take_number(find_value(line, points->weight), is_negative, &reading->number)) {
        fail(reading, GW_STR("the weight could not be read"));
    } else if (reading->unit.len == 0) {
        fail(reading, GW_STR("the unit could not be read"));
    }
    (void) take_number(find_value(line, points->tare), false, &reading->tare);
}

static void points_decode(const struct gw_profile *profile, const struct gw_scale_frame *frame,
                          struct gw_scale_reading *ret_reading) {
    const struct gw_profile_points *points = &profile->modbus;
    struct gw_str line = gw_str_trim(frame->content);
    unsigned meanings = 0;
    if (gw_str_find(line, '=', 0) == line.len) {
        gw_scale_refuse(ret_reading, "not \"name=value\" of points");
    } else if (is_stale(points, line)) {
        fail(ret_reading, GW_STR("points read too far apart"));
    } else if (!read_bits(points, line, &meanings)) {
        fail(ret_reading, GW_STR("the status could not be read"));
    } else {
        ret_reading->remarks =
            find_value(line, "after_start").len > 0 ? GW_REMARK_AFTER_START : 0;
        decode_state(meanings, ret_reading);
        decode_mode(points, meanings, ret_reading);
        if (ret_reading->state == GW_WEIGHT_STABLE || ret_reading->state == GW_WEIGHT_DYNAMIC) {
            decode_values(profile, line, meanings, ret_reading);
        }
    }
}

const struct gw_protocol gw_protocol_points = {.rule = points_rule, .decode = points_decode};
