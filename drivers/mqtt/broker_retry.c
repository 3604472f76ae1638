/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Again, from the quarantine: bytes that were put there decode with today's
 * configuration. What they become carries the origin of the entry, so that the
 * broker's redelivery of that very message stays known when the entry is gone, and
 * the device's own event id is looked for as for any other message.
 */
#include "drivers/mqtt/broker_internal.h"
#include "drivers/mqtt/fingerprint.h"
#include "drivers/mqtt/origin.h"

enum gw_err gw_broker_decode_retry(const struct gw_broker_devices *devices,
                                   const struct gw_broker_retry *retry, struct gw_buf *storage,
                                   struct gw_buf *reason,
                                   struct gw_observation *ret_observation) {
    if (retry->topic_len != retry->topic.len) {
        gw_buf_printf(reason, "only %zu of %zu bytes of the topic were kept", retry->topic.len,
                      retry->topic_len);
        return GW_ERR_RANGE;
    }
    uint32_t device = gw_broker_search_device(devices, retry->topic);
    if (device == 0) {
        gw_buf_put_str(reason, GW_STR("unknown topic: no device's filter matches"));
        return GW_ERR_NOENT;
    }
    if (retry->payload_len != retry->payload.len) {
        gw_buf_printf(reason, "only %zu of %zu bytes were kept", retry->payload.len,
                      retry->payload_len);
        return GW_ERR_RANGE;
    }
    struct gw_observe_input input = {
        .device = &devices->configs[device - 1],
        .profile = devices->activities[device - 1].profile,
        .topic = retry->topic,
        .payload = retry->payload,
        .received_wall_ms = retry->received_wall_ms,
    };
    gw_buf_clear(storage);
    return gw_observe_payload(&input, storage, reason, ret_observation);
}

void gw_broker_complete_origin(const struct gw_observation *observation, struct gw_bytes origin,
                               struct gw_broker_retried *ret_retried) {
    struct gw_mqtt_origin decoded;
    struct gw_broker_retried retried = {0};
    if (!gw_mqtt_origin_decode(origin, &decoded)) {
        decoded.event_id = gw_broker_event_id(observation);
        gw_mqtt_origin_encode(&decoded, retried.origin);
        retried.origin_len = GW_MQTT_ORIGIN_BYTES;
    }
    *ret_retried = retried;
}

static bool decode_own(const struct gw_broker *broker, const struct gw_broker_retried *retried,
                       struct gw_mqtt_origin *ret_origin) {
    struct gw_bytes bytes = {retried->origin, retried->origin_len};
    return !gw_mqtt_origin_decode(bytes, ret_origin) && ret_origin->event_id != 0
           && ret_origin->door == GW_MQTT_DOOR_BROKER
           && ret_origin->broker == broker->name_hash;
}

enum gw_broker_known gw_broker_find_retried(const struct gw_broker *broker,
                                            const struct gw_broker_retried *retried) {
    struct gw_mqtt_origin origin;
    uint64_t stored = 0;
    if (!decode_own(broker, retried, &origin)
        || !gw_window_find(&broker->windows.event_ids, origin.event_id, &stored)) {
        return GW_BROKER_NEW;
    }
    return stored == origin.payload ? GW_BROKER_STORED_ALREADY : GW_BROKER_DOUBTFUL;
}

void gw_broker_note_retried(struct gw_broker *broker, const struct gw_broker_retried *retried) {
    struct gw_mqtt_origin origin;
    /* In the middle of uncommitted pairs it could not be told from them. */
    if (broker->uncommitted == 0 && decode_own(broker, retried, &origin)) {
        gw_window_add(&broker->windows.event_ids, origin.event_id, origin.payload);
        gw_broker_set_marks(broker);
    }
}
