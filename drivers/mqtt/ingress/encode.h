/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MQTT packets as a server writes them, appended to a bounded buffer: all of a
 * packet or nothing. Pure.
 *
 * Every function answers false if there is no room (the buffer is as before, and
 * not marked failed).
 */
#ifndef GW_MQTT_INGRESS_ENCODE_H
#define GW_MQTT_INGRESS_ENCODE_H

#include "drivers/mqtt/ingress/packet.h"
#include "firmware/base/buf.h"

/* Longest acknowledgement, ping answer or disconnect. */
#define ENCODE_SHORT_MAX_BYTES 6

struct encode_connack {
    uint8_t version;
    bool session_present;
    uint8_t reason; /* enum packet_reason; told as a return code in version 4 */
    /* Version 5, told on success only */
    uint16_t receive_maximum;
    uint32_t maximum_packet;
    uint32_t session_expiry_s; /* told if it is not what was asked for */
    bool is_session_expiry_other;
    uint16_t keep_alive_s; /* the server's own, 0 = the client's holds */
    struct gw_str assigned_client_id;
};
/* CONNACK; see the struct. */
bool encode_connack(struct gw_buf *buf, const struct encode_connack *connack);
/* Return code of version 4 for a reason; 0 for a reason that has none: then the
 * connection is closed without an answer (section 3.2.2.3). */
uint8_t encode_return_code(uint8_t reason);

/* PUBACK, PUBREC, PUBCOMP by `type`. */
bool encode_ack(struct gw_buf *buf, uint8_t version, enum packet_type type, uint16_t packet_id,
                uint8_t reason);
/* SUBACK or UNSUBACK (version 4 UNSUBACK has no codes). */
bool encode_suback(struct gw_buf *buf, uint8_t version, enum packet_type type,
                   uint16_t packet_id, struct gw_bytes codes);
bool encode_pingresp(struct gw_buf *buf);
/* Version 5 only. */
bool encode_disconnect(struct gw_buf *buf, uint8_t reason);
/* A PUBLISH with QoS 0. */
bool encode_publish(struct gw_buf *buf, uint8_t version, struct gw_str topic,
                    struct gw_bytes payload);

#endif
