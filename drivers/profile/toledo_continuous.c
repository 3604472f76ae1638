/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mettler Toledo continuous output (8530 format), several frames a second:
 *
 *   STX A B C wwwwww tttttt CR [checksum]
 *
 *   A  bits 0-2  where the point is: 0 ww00, 1 ww0, 2 ww, 3 w.w, 4 w.ww, ... 7
 *      bits 3-4  increment
 *   B  bit 0 net   1 negative   2 out of range   3 motion   4 kg (else lb)
 *      bit 6 zero not captured since power-up
 *   C  bits 0-2  unit: 0 as in B, 1 g, 2 t, 3 oz, 7 none; others are not agreed on
 *      bit 3 print requested   4 expanded by ten   6 tare was keyed in (Fairbanks)
 *
 * The digits carry no point: it is put where A says. Leading zeros of the field
 * are padding. With B bit 2 the sign tells over from under. The checksum is the
 * two's complement of the sum of the seven low bits of all bytes before it, STX
 * and CR included. Expanded frames give no weight: makers do not agree on where
 * the point is then. (Mettler Toledo Wildcat User's Manual, tables 6-8 to 6-11;
 * Ohaus Defender 5000, tables 5-3 and 5-4; Kern FTC, 5.2; Fairbanks FB3000, Appendix
 * III, whose B has bit 5 clear, so that STX is content among the first three.)
 */
#include "drivers/profile/protocol.h"

#define STATUS_LEN 3
#define FIELD_LEN 6

static void continuous_rule(const struct gw_profile *profile, struct gw_frame_rule *ret_rule) {
    size_t fields = profile->weight.tare_field ? 2 : 1;
    *ret_rule = (struct gw_frame_rule){.has_start = true,
                                       .start = '\x02',
                                       .start_is_content_before = STATUS_LEN,
                                       .ends = GW_END_LENGTH,
                                       .end = '\r',
                                       .length = STATUS_LEN + fields * FIELD_LEN,
                                       .trailer = profile->weight.checksum ? 1 : 0};
}

static bool has_right_checksum(const struct gw_scale_frame *frame) {
    unsigned sum = '\x02' + '\r';
    for (size_t i = 0; i < frame->content.len; i++) {
        sum += (unsigned char) frame->content.ptr[i] & 0x7fU;
    }
    sum += (unsigned char) frame->trailer.ptr[0];
    return (sum & 0x7fU) == 0;
}

/* Digits of a field, padded on the left with zeros or blanks, as a number. */
static bool place_point(struct gw_str field, unsigned position, bool is_negative,
                        struct gw_scale_number *ret_number) {
    char text[FIELD_LEN + 5];
    struct gw_buf buf;
    gw_buf_init(&buf, text, sizeof text);
    size_t places = position > 2 ? position - 2 : 0;
    size_t whole = FIELD_LEN - places; /* at least one */
    size_t blanks = 0;
    while (blanks < field.len && field.ptr[blanks] == ' ') {
        blanks++;
    }
    size_t from = blanks;
    while (from + 1 < whole && from < field.len && field.ptr[from] == '0') {
        from++;
    }
    from = from < whole ? from : whole - 1;
    if (is_negative) {
        gw_buf_put_char(&buf, '-');
    }
    for (size_t i = from; i < field.len && blanks < field.len; i++) {
        if (i == whole) {
            gw_buf_put_char(&buf, '.');
        }
        gw_buf_put_char(&buf, i < blanks ? '0' : field.ptr[i]);
    }
    for (unsigned i = position; i < 2; i++) {
        gw_buf_put_char(&buf, '0');
    }
    bool has_blank = gw_str_find(field, ' ', blanks) < field.len;
    return !has_blank && gw_scale_number_parse(gw_buf_str(&buf), ret_number) == GW_OK;
}

static struct gw_str unit_of(unsigned b, unsigned c) {
    switch (c & 0x07U) {
    case 0:
        return (b & 0x10U) != 0 ? GW_STR("kg") : GW_STR("lb");
    case 1:
        return GW_STR("g");
    case 2:
        return GW_STR("t");
    case 3:
        return GW_STR("oz");
    default:
        return (struct gw_str){0};
    }
}

static void decode_state(unsigned b, unsigned c, struct gw_scale_reading *reading) {
    if ((b & 0x40U) != 0) {
        reading->state = GW_WEIGHT_ERROR;
        reading->detail = GW_STR("zero not captured since power-up");
    } else if ((b & 0x04U) != 0) {
        reading->state = (b & 0x02U) != 0 ? GW_WEIGHT_UNDER : GW_WEIGHT_OVER;
    } else if ((c & 0x10U) != 0) {
        reading->state = GW_WEIGHT_ERROR;
        reading->detail = GW_STR("the display is expanded by ten");
    } else if ((b & 0x08U) != 0) {
        reading->state = GW_WEIGHT_DYNAMIC;
    } else if (reading->unit.len == 0) {
        reading->state = GW_WEIGHT_ERROR;
        reading->detail = GW_STR("a unit that makers do not agree on");
    }
}

static bool is_tare(const struct gw_scale_number *number) {
    for (size_t i = 0; i < number->len; i++) {
        if (number->text[i] >= '1' && number->text[i] <= '9') {
            return true;
        }
    }
    return false;
}

static void decode_fields(struct gw_str content, unsigned a, bool is_negative,
                          struct gw_scale_reading *reading) {
    struct gw_str weight = gw_str_sub(content, STATUS_LEN, FIELD_LEN);
    struct gw_str tare = gw_str_sub(content, STATUS_LEN + FIELD_LEN, FIELD_LEN);
    if (!place_point(weight, a & 0x07U, is_negative, &reading->number)) {
        gw_scale_refuse(reading, "something else than digits in the weight");
        return;
    }
    if (gw_str_trim(tare).len > 0 && !place_point(tare, a & 0x07U, false, &reading->tare)) {
        gw_scale_refuse(reading, "something else than digits in the tare");
    }
    if (!is_tare(&reading->tare)) {
        reading->tare.len = 0;
    }
}

/* Of a scale that sends none, the next frame's STX is taken for it: each second frame is
 * without its start then. */
static void refuse_checksum(const struct gw_scale_frame *frame,
                            struct gw_scale_reading *reading) {
    if (frame->trailer.ptr[0] != '\x02') {
        gw_scale_refuse(reading, "the checksum is wrong");
        return;
    }
    gw_scale_refuse(reading, "the next frame begins where the checksum should stand");
    reading->condition = "wrong_setup";
    reading->detail = GW_STR("the scale sends no checksum: switch it on there, or set "
                             "weight.checksum of the profile to false");
}

static void continuous_decode(const struct gw_profile *profile,
                              const struct gw_scale_frame *frame,
                              struct gw_scale_reading *ret_reading) {
    if (profile->weight.checksum && !has_right_checksum(frame)) {
        refuse_checksum(frame, ret_reading);
        return;
    }
    unsigned a = (unsigned char) frame->content.ptr[0];
    unsigned b = (unsigned char) frame->content.ptr[1];
    unsigned c = (unsigned char) frame->content.ptr[2];
    ret_reading->unit = unit_of(b, c);
    ret_reading->mode = (b & 0x01U) != 0 ? GW_MODE_NET : GW_MODE_GROSS;
    ret_reading->remarks = (c & 0x40U) != 0 ? GW_REMARK_PRESET_TARE : 0;
    decode_state(b, c, ret_reading);
    if (ret_reading->state == GW_WEIGHT_STABLE || ret_reading->state == GW_WEIGHT_DYNAMIC) {
        decode_fields(frame->content, a, (b & 0x02U) != 0, ret_reading);
    }
}

const struct gw_protocol gw_protocol_toledo_continuous = {.rule = continuous_rule,
                                                          .decode = continuous_decode,
                                                          .frame_bytes =
                                                              STATUS_LEN + 2 * FIELD_LEN};
