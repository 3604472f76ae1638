/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Toledo 8217 (and 8213), asked with W:
 *
 *   STX weight CR             at rest and in range; "N" behind the digits = net
 *   STX ? status CR           otherwise
 *
 *   status bit  0 in motion        3 outside the zero capture range
 *               1 over capacity    4 centre of zero
 *               2 under zero       5 net
 *
 * The unit is not sent. A status that names no reason is taken for motion: never a
 * weight. (PSC Magellan 8500 / Mettler Toledo Diva Service Manual, 6.1.4.2 and
 * 6.1.4.3; Rice Lake BenchPro Operation Manual, 8217 format.)
 */
#include "drivers/profile/protocol.h"

static void toledo_rule(const struct gw_profile *profile, struct gw_frame_rule *ret_rule) {
    (void) profile;
    *ret_rule = (struct gw_frame_rule){
        .has_start = true, .start = '\x02', .ends = GW_END_BYTE, .end = '\r'};
}

static void decode_status(unsigned status, struct gw_scale_reading *reading) {
    if ((status & 0x02U) != 0) {
        reading->state = GW_WEIGHT_OVER;
    } else if ((status & 0x04U) != 0) {
        reading->state = GW_WEIGHT_UNDER;
    } else {
        reading->state = GW_WEIGHT_DYNAMIC;
    }
    reading->mode = (status & 0x20U) != 0 ? GW_MODE_NET : GW_MODE_GROSS;
    if ((status & 0x10U) != 0) {
        reading->remarks |= GW_REMARK_CENTRE_OF_ZERO;
    }
}

static void toledo_decode(const struct gw_profile *profile, const struct gw_scale_frame *frame,
                          struct gw_scale_reading *ret_reading) {
    struct gw_str content = frame->content;
    if (content.len >= 1 && content.ptr[0] == '?') {
        if (content.len == 2) {
            decode_status((unsigned char) content.ptr[1], ret_reading);
        } else {
            gw_scale_refuse(ret_reading, "not one status byte behind \"?\"");
        }
        return;
    }
    ret_reading->mode = GW_MODE_GROSS;
    if (gw_str_ends_with(content, GW_STR("N"))) {
        ret_reading->mode = GW_MODE_NET;
        content = gw_str_sub(content, 0, content.len - 1);
    }
    ret_reading->unit = gw_str_from_cstr(profile->weight.unit);
    if (gw_scale_number_parse(content, &ret_reading->number)) {
        gw_scale_refuse(ret_reading, "neither a weight nor \"?\" and a status byte");
    }
}

const struct gw_protocol gw_protocol_toledo_8217 = {
    .rule = toledo_rule, .decode = toledo_decode, .frame_bytes = 9};
