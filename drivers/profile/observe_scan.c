/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/decoding.h"

#define AIM_LEN 3

static bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

size_t gw_observe_aim_len(struct gw_str code) {
    if (code.len < AIM_LEN || code.ptr[0] != ']' || !is_letter(code.ptr[1])) {
        return 0;
    }
    char modifier = code.ptr[2];
    return is_letter(modifier) || (modifier >= '0' && modifier <= '9') ? AIM_LEN : 0;
}

static enum gw_err put_scan(struct gw_decoding *decoding, struct gw_str raw,
                            struct gw_str symbology) {
    enum gw_err err = gw_decoding_check_raw(decoding, raw);
    if (err) {
        return err;
    }
    decoding->type = GW_EVENT_SCAN_OBSERVED;
    gw_decoding_start_data(decoding);
    gw_decoding_put_optional(decoding, "aim", gw_str_sub(raw, 0, gw_observe_aim_len(raw)));
    gw_decoding_put_optional(decoding, "deviceeventid", decoding->device_event_id);
    gw_decoding_put_text(decoding, "raw", raw);
    gw_decoding_put_optional(decoding, "symbology", symbology);
    return GW_OK;
}

enum gw_err gw_decode_scan_text(struct gw_decoding *decoding) {
    return put_scan(decoding, decoding->text, (struct gw_str){0});
}

enum gw_err gw_decode_scan_json(struct gw_decoding *decoding) {
    enum gw_err err = gw_decoding_identity(decoding);
    if (err) {
        return err;
    }
    const struct gw_config_device *device = decoding->input->device;
    struct gw_member member;
    err = gw_decoding_require(decoding, device->code_pointer, &member);
    if (err) {
        return err;
    }
    if (member.raw.ptr[0] != '"') {
        /* a code sent as a number has lost its leading zeros already */
        return gw_decoding_refuse(decoding, member.pointer, member.raw, "string");
    }
    struct gw_str code;
    err = gw_decoding_text(decoding, &member, GW_OBSERVE_PAYLOAD_MAX_BYTES, &code);
    if (err) {
        return err;
    }
    if (code.len == 0) {
        return gw_decoding_refuse(decoding, member.pointer, member.raw,
                                  "text of 1 byte or more");
    }
    struct gw_str symbology;
    member = gw_decoding_find(decoding, device->symbology_pointer);
    err = gw_decoding_text(decoding, &member, GW_DECODING_TEXT_MAX_BYTES, &symbology);
    if (err) {
        return err;
    }
    return put_scan(decoding, code, symbology);
}
