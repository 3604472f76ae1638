/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/observe.h"

#include <string.h>

#include "drivers/profile/decoding.h"
#include "firmware/json/json.h"

#define TOPIC_MAX_BYTES 1024
#define JSON_MAX_DEPTH 32

/* By device kind and payload kind. */
typedef enum gw_err decoder(struct gw_decoding *decoding);
static decoder *const decoders[][2] = {
    [GW_DEVICE_SCANNER] = {gw_decode_scan_text, gw_decode_scan_json},
    [GW_DEVICE_SCALE] = {gw_decode_weight_text, gw_decode_weight_json},
    [GW_DEVICE_PLC] = {gw_decode_sample_text, gw_decode_sample_json},
    [GW_DEVICE_OTHER] = {gw_decode_sample_text, gw_decode_sample_json},
};
_Static_assert(GW_PAYLOAD_TEXT == 0 && GW_PAYLOAD_JSON == 1, "columns of the table above");

static enum gw_err check_size(const struct gw_observe_input *input, struct gw_buf *reason) {
    if (input->payload.len == 0) {
        gw_buf_put_str(reason, GW_STR("empty payload"));
        return GW_ERR_PARSE;
    }
    if (input->payload.len > GW_OBSERVE_PAYLOAD_MAX_BYTES) {
        gw_buf_printf(reason, "too large: payload of %zu bytes, allowed: at most %d",
                      input->payload.len, GW_OBSERVE_PAYLOAD_MAX_BYTES);
        return GW_ERR_RANGE;
    }
    if (input->topic.len > TOPIC_MAX_BYTES) {
        gw_buf_printf(reason, "too large: topic of %zu bytes, allowed: at most %d",
                      input->topic.len, TOPIC_MAX_BYTES);
        return GW_ERR_RANGE;
    }
    return GW_OK;
}

static enum gw_err check_text(struct gw_str text, struct gw_buf *reason) {
    if (!gw_str_is_utf8(text)) {
        size_t at = 0;
        size_t len;
        while ((len = gw_str_utf8_len(gw_str_sub(text, at, SIZE_MAX))) > 0) {
            at += len;
        }
        gw_buf_printf(reason, "invalid UTF-8 at byte %zu (0x%02x)", at,
                      (unsigned) (unsigned char) text.ptr[at]);
        return GW_ERR_PARSE;
    }
    size_t nul = gw_str_find(text, '\0', 0);
    if (nul < text.len) {
        gw_buf_printf(reason, "NUL at byte %zu", nul);
        return GW_ERR_PARSE;
    }
    return GW_OK;
}

static enum gw_err check_json(struct gw_str text, struct gw_buf *reason) {
    static const struct gw_json_limits limits = {
        .max_bytes = GW_OBSERVE_PAYLOAD_MAX_BYTES,
        .max_depth = JSON_MAX_DEPTH,
    };
    struct gw_json_error error;
    enum gw_err err = gw_json_check(text, &limits, &error);
    if (err) {
        gw_buf_printf(reason, "invalid JSON at byte %zu, line %u: %s", error.offset, error.line,
                      error.reason);
    }
    return err;
}

/* `raw` is what the device sent; the line end is its framing, not its text. */
static struct gw_str without_terminator(struct gw_str text) {
    if (gw_str_ends_with(text, GW_STR("\r\n"))) {
        return gw_str_sub(text, 0, text.len - 2);
    }
    if (gw_str_ends_with(text, GW_STR("\n")) || gw_str_ends_with(text, GW_STR("\r"))) {
        return gw_str_sub(text, 0, text.len - 1);
    }
    return text;
}

static enum gw_err check_payload(const struct gw_observe_input *input, struct gw_buf *reason,
                                 struct gw_str *ret_text) {
    enum gw_err err = check_size(input, reason);
    if (err) {
        return err;
    }
    struct gw_str text = without_terminator(gw_str_from_bytes(input->payload));
    err = check_text(text, reason);
    if (err) {
        return err;
    }
    if (text.len == 0) {
        gw_buf_put_str(reason, GW_STR("empty payload but for a line end"));
        return GW_ERR_PARSE;
    }
    if (input->device->payload == GW_PAYLOAD_JSON) {
        err = check_json(text, reason);
        if (err) {
            return err;
        }
    }
    *ret_text = text;
    return GW_OK;
}

/* Close the object and move it down over the texts that only served to make it;
 * the device event id, which stands first, stays. */
static enum gw_err finish_data(struct gw_decoding *decoding, size_t before) {
    struct gw_buf *storage = decoding->storage;
    gw_buf_put_char(storage, '}');
    if (gw_buf_failed(storage)) {
        return GW_ERR_FULL;
    }
    size_t len = storage->len - decoding->data_from;
    size_t to = before + decoding->device_event_id.len;
    memmove(storage->data + to, storage->data + decoding->data_from, len);
    gw_buf_rewind(storage, to + len);
    decoding->data_from = to;
    return GW_OK;
}

static void fill_observation(const struct gw_decoding *decoding,
                             struct gw_observation *ret_observation) {
    const struct gw_observe_input *input = decoding->input;
    ret_observation->draft = (struct gw_event_draft){
        .type = decoding->type,
        .class = input->device->class,
        .flags = input->flags,
        .time_wall_ms = decoding->time_wall_ms,
        .device = gw_str_from_cstr(input->device->id),
        .data = gw_str_sub(gw_buf_str(decoding->storage), decoding->data_from, SIZE_MAX),
    };
    ret_observation->count = 1;
    ret_observation->ids[0] = (struct gw_reading_id){.event_id = decoding->device_event_id};
}

enum gw_err gw_observe_payload(const struct gw_observe_input *input, struct gw_buf *storage,
                               struct gw_buf *reason, struct gw_observation *ret_observation) {
    struct gw_decoding decoding = {
        .input = input,
        .storage = storage,
        .reason = reason,
        .time_wall_ms = input->received_wall_ms,
    };
    enum gw_err err = input->profile ? check_size(input, reason)
                                     : check_payload(input, reason, &decoding.text);
    if (err) {
        return err;
    }
    if (gw_buf_failed(storage)) {
        return GW_ERR_FULL;
    }
    if (input->profile) {
        return gw_observe_by_profile(&decoding, ret_observation);
    }
    size_t before = storage->len;
    err = decoders[input->device->kind][input->device->payload](&decoding);
    if (!err) {
        err = finish_data(&decoding, before);
    }
    if (err) {
        gw_buf_rewind(storage, before);
        return err;
    }
    fill_observation(&decoding, ret_observation);
    return GW_OK;
}
