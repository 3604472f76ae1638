/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Again, from the quarantine: bytes that were put there decode with today's
 * configuration. What they become carries the origin of the entry, so that the
 * broker's redelivery of that very message stays known when the entry is gone, and
 * the device's own event ids are looked for as for any other message.
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

void gw_broker_begin_retried(struct gw_str topic, struct gw_bytes origin,
                             struct gw_broker_retried *ret_retried) {
    *ret_retried = (struct gw_broker_retried){
        .message.topic = gw_fingerprint(GW_FINGERPRINT_START, gw_bytes_from_str(topic))};
    ret_retried->has_origin = !gw_mqtt_origin_decode(origin, &ret_retried->origin);
    ret_retried->message.payload = ret_retried->origin.payload;
    ret_retried->origin.event_id = 0;
}

static bool is_own(const struct gw_broker *broker, const struct gw_broker_retried *retried) {
    return retried->has_origin && retried->origin.door == GW_MQTT_DOOR_BROKER
           && retried->origin.broker == broker->name_hash;
}

size_t gw_broker_sift_retried(const struct gw_broker *broker,
                              const struct gw_broker_retried *retried,
                              struct gw_observation *observation) {
    return is_own(broker, retried)
               ? gw_event_ids_sift(&broker->event_ids, &retried->message, observation)
               : 0;
}

void gw_broker_complete_origins(struct gw_broker_retried *retried,
                                struct gw_observation *observation) {
    if (retried->has_origin) {
        gw_event_ids_set_origins(&retried->message, &retried->origin, retried->origins,
                                 observation);
    }
}

void gw_broker_note_retried(struct gw_broker *broker, const struct gw_broker_retried *retried,
                            const struct gw_observation *observation) {
    /* In the middle of uncommitted pairs they could not be told from them. */
    if (broker->uncommitted == 0 && is_own(broker, retried)) {
        gw_event_ids_note(&broker->event_ids, &retried->message, observation);
        gw_broker_set_marks(broker);
    }
}
