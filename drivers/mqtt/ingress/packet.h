/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MQTT packets of both versions (OASIS MQTT 3.1.1 and 5.0) as a server reads them.
 * Pure: no I/O, no heap; everything is a view into the bytes given, taken apart in
 * place. Every reader checks its packet whole before it answers, so a caller that
 * gets no fault may use all members.
 *
 * A fault carries the MQTT 5 reason code a server answers with and a text that
 * names the statement of the specification that was broken.
 */
#ifndef GW_MQTT_INGRESS_PACKET_H
#define GW_MQTT_INGRESS_PACKET_H

#include "firmware/base/str.h"

enum packet_type {
    PACKET_CONNECT = 1,
    PACKET_CONNACK,
    PACKET_PUBLISH,
    PACKET_PUBACK,
    PACKET_PUBREC,
    PACKET_PUBREL,
    PACKET_PUBCOMP,
    PACKET_SUBSCRIBE,
    PACKET_SUBACK,
    PACKET_UNSUBSCRIBE,
    PACKET_UNSUBACK,
    PACKET_PINGREQ,
    PACKET_PINGRESP,
    PACKET_DISCONNECT,
    PACKET_AUTH
};

/* Protocol level of CONNECT. */
enum packet_version { PACKET_V3 = 4, PACKET_V5 = 5 };

/* MQTT 5 reason codes this server uses (section 2.4). */
enum packet_reason {
    REASON_SUCCESS = 0x00,
    REASON_DISCONNECT_WITH_WILL = 0x04,
    REASON_UNSPECIFIED = 0x80,
    REASON_MALFORMED = 0x81,
    REASON_PROTOCOL_ERROR = 0x82,
    REASON_VERSION = 0x84,
    REASON_CLIENT_ID = 0x85,
    REASON_BAD_CREDENTIALS = 0x86,
    REASON_NOT_AUTHORISED = 0x87,
    REASON_UNAVAILABLE = 0x88,
    REASON_BUSY = 0x89,
    REASON_SHUTTING_DOWN = 0x8B,
    REASON_AUTH_METHOD = 0x8C,
    REASON_KEEP_ALIVE = 0x8D,
    REASON_TAKEN_OVER = 0x8E,
    REASON_TOPIC_FILTER = 0x8F,
    REASON_TOPIC_NAME = 0x90,
    REASON_PACKET_ID_IN_USE = 0x91,
    REASON_PACKET_ID_UNKNOWN = 0x92,
    REASON_RECEIVE_MAXIMUM = 0x93,
    REASON_TOPIC_ALIAS = 0x94,
    REASON_TOO_LARGE = 0x95,
    REASON_QUOTA = 0x97,
    REASON_ADMINISTRATIVE = 0x98,
    REASON_PAYLOAD_FORMAT = 0x99,
    REASON_QOS = 0x9B,
    REASON_SHARED_SUBSCRIPTION = 0x9E,
    REASON_SUBSCRIPTION_ID = 0xA1,
    REASON_WILDCARD = 0xA2
};

struct packet_fault {
    uint8_t reason;   /* enum packet_reason; REASON_SUCCESS = no fault */
    const char *text; /* static storage, NULL without a fault */
};

static inline bool packet_is_faulty(struct packet_fault fault) {
    return fault.reason != REASON_SUCCESS;
}

/* ---- fixed header ---- */

struct packet_header {
    uint8_t type;  /* enum packet_type, or 0 */
    uint8_t flags; /* the lower four bits */
    size_t header_len;
    size_t body_len; /* "remaining length" */
};
/* The fixed header `bytes` begin with. RETRY if it is not complete; PARSE if the
 * remaining length has more than four bytes. */
enum gw_err packet_read_header(struct gw_bytes bytes, struct packet_header *ret_header);
/* Reserved types and flags (section 2.1.3), as the server's side may get them. */
struct packet_fault packet_check_header(const struct packet_header *header);

/* ---- properties (version 5) ---- */

enum packet_property {
    PROPERTY_PAYLOAD_FORMAT = 1,
    PROPERTY_MESSAGE_EXPIRY = 2,
    PROPERTY_CONTENT_TYPE = 3,
    PROPERTY_RESPONSE_TOPIC = 8,
    PROPERTY_CORRELATION_DATA = 9,
    PROPERTY_SUBSCRIPTION_ID = 11,
    PROPERTY_SESSION_EXPIRY = 17,
    PROPERTY_ASSIGNED_CLIENT_ID = 18,
    PROPERTY_AUTH_METHOD = 21,
    PROPERTY_AUTH_DATA = 22,
    PROPERTY_REQUEST_PROBLEM = 23,
    PROPERTY_WILL_DELAY = 24,
    PROPERTY_REQUEST_RESPONSE = 25,
    PROPERTY_REASON_STRING = 31,
    PROPERTY_RECEIVE_MAXIMUM = 33,
    PROPERTY_TOPIC_ALIAS_MAXIMUM = 34,
    PROPERTY_TOPIC_ALIAS = 35,
    PROPERTY_MAXIMUM_QOS = 36,
    PROPERTY_USER = 38,
    PROPERTY_MAXIMUM_PACKET = 39,
    PROPERTY_WILDCARD_AVAILABLE = 40,
    PROPERTY_SUBSCRIPTION_ID_AVAILABLE = 41,
    PROPERTY_SHARED_AVAILABLE = 42
};

/* Values of the properties that mean something here; `present` has a bit for each
 * identifier that was there. */
struct packet_properties {
    uint64_t present;
    uint32_t message_expiry_s, session_expiry_s, will_delay_s, maximum_packet;
    uint16_t receive_maximum;
    bool request_problem;
    bool is_text; /* payload format indicator 1 */
    struct gw_str content_type;
    struct gw_bytes correlation_data;
    struct gw_str traceparent; /* user property of that name, the last one */
};
static inline bool packet_has_property(const struct packet_properties *properties,
                                       enum packet_property id) {
    return (properties->present >> id & 1) != 0;
}

/* ---- packets; `body` is what follows the fixed header ---- */

struct packet_will {
    uint8_t qos;
    bool retain;
    struct gw_str topic;
    struct gw_bytes payload;
    struct packet_properties properties;
};

struct packet_connect {
    uint8_t version; /* enum packet_version */
    bool clean;      /* clean session, clean start */
    bool has_will, has_username, has_password;
    uint16_t keep_alive_s; /* 0 = none */
    struct gw_str client_id, username;
    struct gw_bytes password;
    struct packet_will will;
    struct packet_properties properties;
};
/* `ret_connect->version` is set as soon as it is known, also with a fault. */
struct packet_fault packet_read_connect(struct gw_bytes body,
                                        struct packet_connect *ret_connect);

struct packet_publish {
    bool dup, retain;
    uint8_t qos;
    uint16_t packet_id;  /* 0 with QoS 0 */
    struct gw_str topic; /* not checked yet, see packet_check_topic */
    struct gw_bytes payload;
    struct packet_properties properties;
};
/* `body` may be the front part of a body of `body_len` bytes that is too large to
 * keep: then the payload is a front part too. */
struct packet_fault packet_read_publish(const struct packet_header *header,
                                        struct gw_bytes body, uint8_t version,
                                        struct packet_publish *ret_publish);
/* A topic name one may publish to: not empty, UTF-8 without NUL, no wildcards. */
struct packet_fault packet_check_topic(struct gw_str topic);

/* PUBACK, PUBREC, PUBREL and PUBCOMP have one form. */
struct packet_ack {
    uint16_t packet_id;
    uint8_t reason;
};
/* Any of the four. */
struct packet_fault packet_read_ack(const struct packet_header *header, struct gw_bytes body,
                                    uint8_t version, struct packet_ack *ret_ack);

/* SUBSCRIBE and UNSUBSCRIBE: checked whole; `filters` is walked by packet_next_filter. */
struct packet_filters {
    uint16_t packet_id;
    bool have_options; /* SUBSCRIBE */
    bool have_subscription_id;
    struct gw_bytes rest;
};
/* By header->type. */
struct packet_fault packet_read_subscribe(const struct packet_header *header,
                                          struct gw_bytes body, uint8_t version,
                                          struct packet_filters *ret_filters);
/* False behind the last one. `ret_options` is 0 for UNSUBSCRIBE. */
bool packet_next_filter(struct packet_filters *filters, struct gw_str *ret_filter,
                        uint8_t *ret_options);

struct packet_disconnect {
    uint8_t reason;
    struct packet_properties properties;
};
/* Without a reason in the packet it is 0. */
struct packet_fault packet_read_disconnect(struct gw_bytes body, uint8_t version,
                                           struct packet_disconnect *ret_disconnect);

/* ---- reading inside a body; for properties.c ---- */

/* A cursor that fails once and for all when the bytes end. */
struct packet_cursor {
    const uint8_t *at, *end;
    bool failed;
};
/* 0 and failed when the bytes end. */
uint8_t packet_take_u8(struct packet_cursor *cursor);
uint16_t packet_take_u16(struct packet_cursor *cursor);
uint32_t packet_take_u32(struct packet_cursor *cursor);
/* Variable byte integer of at most four bytes, in its shortest form. */
uint32_t packet_take_varint(struct packet_cursor *cursor);
struct gw_bytes packet_take_binary(struct packet_cursor *cursor);
/* UTF-8 string: well-formed, without NUL, else failed. */
struct gw_str packet_take_text(struct packet_cursor *cursor);

/* The place a property set stands in: which identifiers are allowed. */
enum packet_place {
    PLACE_CONNECT = 1,
    PLACE_WILL = 2,
    PLACE_PUBLISH = 4,
    PLACE_ACK = 8,
    PLACE_SUBSCRIBE = 16,
    PLACE_UNSUBSCRIBE = 32,
    PLACE_DISCONNECT = 64
};
/* Length and properties at the cursor, which is moved behind them. */
struct packet_fault packet_take_properties(struct packet_cursor *cursor,
                                           enum packet_place place,
                                           struct packet_properties *ret_properties);

#endif
