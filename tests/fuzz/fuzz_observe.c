/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A payload from the floor. The first byte chooses the device, the rest is the
 * payload. What is observed must be a valid draft that keeps the text; what is
 * refused must leave the storage as it was and say why in one line of UTF-8.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/profile/observe.h"
#include "drivers/profile/topic.h"
#include "firmware/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth) {
    if (!truth) {
        abort();
    }
}

static const struct gw_config_device devices[] = {
    {.id = "text-scanner", .kind = GW_DEVICE_SCANNER, .payload = GW_PAYLOAD_TEXT},
    {.id = "json-scanner",
     .kind = GW_DEVICE_SCANNER,
     .payload = GW_PAYLOAD_JSON,
     .code_pointer = "/scan_code",
     .symbology_pointer = "/symbology",
     .time_pointer = "/time",
     .event_id_pointer = "/event_id"},
    {.id = "nested-scanner",
     .kind = GW_DEVICE_SCANNER,
     .payload = GW_PAYLOAD_JSON,
     .code_pointer = "/data/0/a~1b",
     .time_pointer = "/data/0/t",
     .event_id_pointer = "/n"},
    {.id = "scale",
     .kind = GW_DEVICE_SCALE,
     .payload = GW_PAYLOAD_JSON,
     .weight_pointer = "/w/value",
     .unit_pointer = "/w/unit",
     .state_pointer = "/state",
     .stable_word = "S"},
    {.id = "stable-scale",
     .kind = GW_DEVICE_SCALE,
     .payload = GW_PAYLOAD_JSON,
     .weight_pointer = "/w",
     .event_id_pointer = "/id"},
    {.id = "text-scale", .kind = GW_DEVICE_SCALE, .payload = GW_PAYLOAD_TEXT},
    {.id = "other", .kind = GW_DEVICE_OTHER, .payload = GW_PAYLOAD_TEXT},
    {.id = "plc",
     .kind = GW_DEVICE_PLC,
     .payload = GW_PAYLOAD_JSON,
     .weight_pointer = "/v",
     .time_pointer = "/t"},
};

static void check_observed(const struct gw_observation *observation, struct gw_str payload) {
    require(gw_event_validate_draft(&observation->draft) == GW_OK);
    if (observation->draft.type != GW_EVENT_SCAN_OBSERVED
        || !gw_str_eq(observation->draft.device, GW_STR("text-scanner"))) {
        return;
    }
    /* the text comes back from `data` exactly, but for its line end */
    static uint8_t storage[GW_OBSERVE_PAYLOAD_MAX_BYTES];
    struct gw_buf raw;
    struct gw_str quoted;
    gw_buf_init(&raw, storage, sizeof(storage));
    require(gw_json_find_raw(observation->draft.data, GW_STR("/raw"), &quoted) == GW_OK);
    require(gw_json_unescape(quoted, &raw) == GW_OK);
    struct gw_str text = gw_buf_str(&raw);
    require(gw_str_starts_with(payload, text) && payload.len - text.len <= 2);
}

static void check_refused(enum gw_err err, const struct gw_buf *reason) {
    require(err == GW_ERR_PARSE || err == GW_ERR_SCHEMA || err == GW_ERR_RANGE);
    require(reason->len > 0 && !gw_buf_failed(reason));
    struct gw_str text = gw_buf_str(reason);
    require(gw_str_is_utf8(text));
    for (size_t i = 0; i < text.len; i++) {
        require((unsigned char) text.ptr[i] >= 0x20);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t storage_bytes[GW_OBSERVE_STORAGE_BYTES];
    uint8_t reason_bytes[GW_OBSERVE_REASON_BYTES];
    if (size == 0) {
        return 0;
    }
    struct gw_buf storage, reason;
    gw_buf_init(&storage, storage_bytes, sizeof(storage_bytes));
    gw_buf_init(&reason, reason_bytes, sizeof(reason_bytes));
    struct gw_bytes payload = {data + 1, size - 1};
    struct gw_observe_input input = {
        .device = &devices[data[0] % (sizeof(devices) / sizeof(devices[0]))],
        .topic = GW_STR("floor/fuzz"),
        .payload = payload,
    };
    struct gw_observation observation;
    enum gw_err err = gw_observe_payload(&input, &storage, &reason, &observation);
    if (err) {
        check_refused(err, &reason);
        require(storage.len == 0);
    } else {
        require(reason.len == 0);
        check_observed(&observation, gw_str_from_bytes(payload));
    }
    /* any text is a topic or a filter of somebody */
    struct gw_str text = gw_str_from_bytes(payload);
    size_t half = text.len / 2;
    struct gw_str filter = gw_str_sub(text, 0, half);
    if (gw_topic_filter_is_valid(filter)) {
        (void) gw_topic_matches(filter, gw_str_sub(text, half, SIZE_MAX));
    }
    return 0;
}
