/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/origin.h"

static void put(uint8_t *dst, uint64_t value, size_t len) {
    for (size_t i = 0; i < len; i++) {
        dst[i] = (uint8_t) (value >> (8 * (len - 1 - i)));
    }
}

static uint64_t get(const uint8_t *src, size_t len) {
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        value = value << 8 | src[i];
    }
    return value;
}

#define IS_RECORD 1

size_t gw_mqtt_origin_encode(const struct gw_mqtt_origin *origin,
                             uint8_t dst[static GW_MQTT_ORIGIN_MAX_BYTES]) {
    dst[0] = (uint8_t) origin->door;
    put(dst + 1, origin->broker, 4);
    put(dst + 5, origin->session, 4);
    put(dst + 9, origin->packet_id, 2);
    put(dst + 11, origin->payload, 8);
    put(dst + 19, origin->event_id, 8);
    put(dst + 27, origin->arrival, 4);
    if (!origin->is_record) {
        return GW_MQTT_ORIGIN_BYTES;
    }
    dst[GW_MQTT_ORIGIN_BYTES] = IS_RECORD;
    return GW_MQTT_ORIGIN_MAX_BYTES;
}

static bool is_form(struct gw_bytes bytes) {
    return bytes.len == GW_MQTT_ORIGIN_BYTES
           || (bytes.len == GW_MQTT_ORIGIN_MAX_BYTES
               && bytes.ptr[GW_MQTT_ORIGIN_BYTES] == IS_RECORD);
}

enum gw_err gw_mqtt_origin_decode(struct gw_bytes bytes, struct gw_mqtt_origin *ret_origin) {
    if (!is_form(bytes)
        || (bytes.ptr[0] != GW_MQTT_DOOR_BROKER && bytes.ptr[0] != GW_MQTT_DOOR_FRONT)) {
        return GW_ERR_PARSE;
    }
    *ret_origin = (struct gw_mqtt_origin){.door = (enum gw_mqtt_door) bytes.ptr[0],
                                          .broker = (uint32_t) get(bytes.ptr + 1, 4),
                                          .session = (uint32_t) get(bytes.ptr + 5, 4),
                                          .packet_id = (uint16_t) get(bytes.ptr + 9, 2),
                                          .payload = get(bytes.ptr + 11, 8),
                                          .event_id = get(bytes.ptr + 19, 8),
                                          .arrival = (uint32_t) get(bytes.ptr + 27, 4),
                                          .is_record = bytes.len > GW_MQTT_ORIGIN_BYTES};
    return GW_OK;
}
