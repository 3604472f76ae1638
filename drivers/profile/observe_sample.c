/* SPDX-License-Identifier: Apache-2.0 */
/* Devices without a profile of their own: the reading is kept as sent, and is a
 * number only if it is decimal text. */
#include "drivers/profile/decoding.h"
#include "firmware/event/decimal.h"

#define VALUE_MAX_BYTES 64

static enum gw_err put_sample(struct gw_decoding *decoding, struct gw_str value) {
    enum gw_err err = gw_decoding_check_raw(decoding, decoding->text);
    if (err) {
        return err;
    }
    bool good = value.len <= VALUE_MAX_BYTES && gw_decimal_is_text(value);
    decoding->type = GW_EVENT_METRIC_SAMPLED;
    gw_decoding_start_data(decoding);
    gw_decoding_put_optional(decoding, "deviceeventid", decoding->device_event_id);
    gw_decoding_put_text(decoding, "point", decoding->input->topic);
    gw_decoding_put_text(decoding, "quality", good ? GW_STR("good") : GW_STR("bad"));
    gw_decoding_put_text(decoding, "raw", decoding->text);
    gw_decoding_put_optional(decoding, "value", good ? value : (struct gw_str){0});
    return GW_OK;
}

enum gw_err gw_decode_sample_text(struct gw_decoding *decoding) {
    return put_sample(decoding, gw_str_trim(decoding->text));
}

enum gw_err gw_decode_sample_json(struct gw_decoding *decoding) {
    enum gw_err err = gw_decoding_identity(decoding);
    if (err) {
        return err;
    }
    struct gw_member member =
        gw_decoding_find(decoding, decoding->input->device->weight_pointer);
    struct gw_str value = {0};
    if (member.raw.len > 0 && member.raw.ptr[0] != '{' && member.raw.ptr[0] != '[') {
        value = member.raw;
    }
    if (value.len > 0 && value.ptr[0] == '"') {
        err = gw_decoding_text(decoding, &member, GW_OBSERVE_PAYLOAD_MAX_BYTES, &value);
        if (err) {
            return err;
        }
    }
    return put_sample(decoding, gw_str_trim(value));
}
