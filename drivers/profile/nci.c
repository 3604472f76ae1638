/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NCI (Weigh-Tronix SCP-01 and its descendants, "ECR" at some makers):
 *
 *   LF weight unit CR LF status CR ETX     weight and status
 *   LF status CR ETX                       status alone
 *   LF ? CR ETX                            unknown command
 *
 * The weight field holds what the display shows: ^^^^ over, ____ under capacity,
 * ---- zero error. Status bytes, at least two, have bits 4 and 5 set; some makers
 * put an S before them:
 *
 *   bit   byte 1         byte 2                byte 3
 *    0    in motion      under capacity        range
 *    1    at zero        over capacity         range
 *    2    RAM error      ROM error             net
 *    3    EEPROM error   faulty calibration    initial zero error
 *    6    0              another byte follows  another byte follows
 *
 * (NCI 6702 User Manual, page 14; Ohaus Aviator 7000 Service Manual, pages 47-49;
 * Fairbanks PC2250, Appendix I; Adam MDW, page 14, where bit 3 of byte 3 is 0.)
 */
#include "drivers/profile/protocol.h"

#define STATUS_BYTES_MAX 4

static void nci_rule(const struct gw_profile *profile, struct gw_frame_rule *ret_rule) {
    (void) profile;
    *ret_rule = (struct gw_frame_rule){.has_start = true,
                                       .start = '\n',
                                       .not_after = '\r', /* LF of the second line */
                                       .ends = GW_END_BYTE,
                                       .end = '\x03'};
}

struct status {
    unsigned byte[STATUS_BYTES_MAX]; /* those not sent are 0 */
};

static bool parse_status(struct gw_str line, struct status *ret_status) {
    struct status status = {0};
    if (gw_str_starts_with(line, GW_STR("S"))) { /* 'S' itself is no status byte: bit 5 */
        line = gw_str_sub(line, 1, line.len);
    }
    if (line.len < 2 || line.len > STATUS_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < line.len; i++) {
        status.byte[i] = (unsigned char) line.ptr[i] & 0x7fU; /* without the parity */
        if ((status.byte[i] & 0x30U) != 0x30U) {
            return false;
        }
    }
    *ret_status = status;
    return true;
}

/* Without a number: the state alone may say enough. */
static void apply_status(const struct status *status, struct gw_scale_reading *reading) {
    if ((status->byte[0] & 0x0cU) != 0 || (status->byte[1] & 0x0cU) != 0
        || (status->byte[2] & 0x08U) != 0) {
        reading->state = GW_WEIGHT_ERROR;
        reading->detail = GW_STR("memory, calibration or initial zero error");
    } else if ((status->byte[1] & 0x02U) != 0) {
        reading->state = GW_WEIGHT_OVER;
    } else if ((status->byte[1] & 0x01U) != 0) {
        reading->state = GW_WEIGHT_UNDER;
    } else if ((status->byte[0] & 0x01U) != 0) {
        reading->state = GW_WEIGHT_DYNAMIC;
    }
    if ((status->byte[0] & 0x02U) != 0) {
        reading->remarks |= GW_REMARK_CENTRE_OF_ZERO;
    }
    if (status->byte[2] != 0) {
        reading->mode = (status->byte[2] & 0x04U) != 0 ? GW_MODE_NET : GW_MODE_GROSS;
    }
}

static bool is_filled_with(struct gw_str field, char c) {
    size_t count = 0;
    for (size_t i = 0; i < field.len; i++) {
        if (field.ptr[i] == c) {
            count++;
        } else if (field.ptr[i] != ' ' && field.ptr[i] != '.') {
            return false;
        }
    }
    return count >= 2;
}

static bool apply_bars(struct gw_str field, struct gw_scale_reading *reading) {
    if (is_filled_with(field, '^')) {
        reading->state = GW_WEIGHT_OVER;
    } else if (is_filled_with(field, '_')) {
        reading->state = GW_WEIGHT_UNDER;
    } else if (is_filled_with(field, '-')) {
        reading->state = GW_WEIGHT_ERROR;
        reading->detail = GW_STR("zero error");
    } else {
        return false;
    }
    return true;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "  12.34lb": the unit is the letters at the end. */
static void decode_weight(struct gw_str line, struct gw_scale_reading *reading) {
    struct gw_str text = gw_str_trim(line);
    size_t at = text.len;
    while (at > 0 && is_letter(text.ptr[at - 1])) {
        at--;
    }
    struct gw_str field = gw_str_sub(text, 0, at);
    reading->unit = gw_str_sub(text, at, text.len);
    if (apply_bars(field, reading)) {
        return;
    }
    if (gw_scale_number_parse(field, &reading->number) || reading->unit.len == 0) {
        gw_scale_refuse(reading,
                        "no number with one unit (pounds and ounces together are two)");
    }
}

/* Two lines or one. */
static void nci_decode(const struct gw_profile *profile, const struct gw_scale_frame *frame,
                       struct gw_scale_reading *ret_reading) {
    (void) profile;
    struct gw_str content = frame->content;
    size_t end = gw_str_find(content, '\r', 0);
    struct gw_str first = gw_str_sub(content, 0, end);
    struct gw_str second = gw_str_trim(gw_str_sub(content, end, content.len));
    bool has_weight = second.len > 0;
    struct status status;
    if (gw_str_eq(gw_str_trim(first), GW_STR("?"))) {
        gw_scale_tell(ret_reading, "device_error", GW_STR("?"));
        return;
    }
    if (!parse_status(has_weight ? second : first, &status)) {
        gw_scale_refuse(ret_reading, "no status bytes where they should stand");
        return;
    }
    apply_status(&status, ret_reading);
    if (has_weight) {
        bool is_plain =
            ret_reading->state == GW_WEIGHT_STABLE || ret_reading->state == GW_WEIGHT_DYNAMIC;
        if (is_plain) {
            decode_weight(first, ret_reading);
        }
    } else if (ret_reading->state == GW_WEIGHT_STABLE) {
        ret_reading->kind = GW_READING_NOTHING; /* at rest, and no weight was asked for */
    }
}

const struct gw_protocol gw_protocol_nci = {
    .rule = nci_rule, .decode = nci_decode, .frame_bytes = 20};
