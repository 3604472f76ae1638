/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The origin of a record that came through a broker: what is needed after a
 * restart to know a redelivery. 27 bytes, big-endian:
 *
 *   0  u8   'b', the door
 *   1  u32  fingerprint of the broker's name
 *   5  u32  session number: counts the sessions this broker began with us
 *   9  u16  packet id (0 = QoS 0)
 *  11  u64  fingerprint of topic and payload
 *  19  u64  fingerprint of device and its own event id (0 = none)
 *
 * Packet ids mean something within one session only, so a match needs the same
 * session; the device's event id outlives sessions.
 */
#ifndef GW_MQTT_ORIGIN_H
#define GW_MQTT_ORIGIN_H

#include "firmware/base/str.h"

#define GW_MQTT_ORIGIN_BYTES 27
#define GW_MQTT_ORIGIN_PREFIX_BYTES 5

struct gw_mqtt_origin {
    uint32_t broker;
    uint32_t session;
    uint16_t packet_id;
    uint64_t payload;
    uint64_t event_id;
};

/* Write the 27 bytes; the first GW_MQTT_ORIGIN_PREFIX_BYTES are the broker's. */
void gw_mqtt_origin_encode(const struct gw_mqtt_origin *origin,
                           uint8_t dst[static GW_MQTT_ORIGIN_BYTES]);
/* PARSE if it is not of this form. */
enum gw_err gw_mqtt_origin_decode(struct gw_bytes bytes, struct gw_mqtt_origin *ret_origin);

#endif
