/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The origin of a record that came by MQTT: what is needed after a restart to know
 * a redelivery. 31 bytes, big-endian, and one more of a record:
 *
 *   0  u8   the door
 *   1  u32  fingerprint of the broker's name       | front door: fingerprint of
 *   5  u32  session number: counts the sessions    | device and client id, upper
 *           this broker began with us              | and lower half
 *   9  u16  packet id (0 = QoS 0)
 *  11  u64  fingerprint of topic and payload       | a record's, with its own event id:
 *                                                  | of topic and the record's text
 *  19  u64  fingerprint of device and its own event id (0 = none)
 *  27  u32  arrival: counts the stored messages with a packet id, wraps
 *  31  u8   1 = of a record in a list of them; else this byte is not there
 *
 * Packet ids mean something within one session only, so a match needs the same
 * session; the device's event id outlives sessions. A broker uses each id again
 * after at most 65,535 messages: the arrival number says how long ago one was used,
 * whatever was trimmed in between, in whichever class it lies and however the clock
 * was set.
 */
#ifndef GW_MQTT_ORIGIN_H
#define GW_MQTT_ORIGIN_H

#include "firmware/base/str.h"

#define GW_MQTT_ORIGIN_BYTES 31
#define GW_MQTT_ORIGIN_MAX_BYTES 32
#define GW_MQTT_ORIGIN_PREFIX_BYTES 5

enum gw_mqtt_door { GW_MQTT_DOOR_BROKER = 'b', GW_MQTT_DOOR_FRONT = 'i' };

struct gw_mqtt_origin {
    enum gw_mqtt_door door;
    uint32_t broker;
    uint32_t session;
    uint16_t packet_id;
    uint64_t payload;
    uint64_t event_id;
    uint32_t arrival;
    bool is_record;
};

/* Write it; the first GW_MQTT_ORIGIN_PREFIX_BYTES are the broker's. How many bytes: 31, of
 * a record 32. */
size_t gw_mqtt_origin_encode(const struct gw_mqtt_origin *origin,
                             uint8_t dst[static GW_MQTT_ORIGIN_MAX_BYTES]);
/* PARSE if it is not of this form. */
enum gw_err gw_mqtt_origin_decode(struct gw_bytes bytes, struct gw_mqtt_origin *ret_origin);

#endif
