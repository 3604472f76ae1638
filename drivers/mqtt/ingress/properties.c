/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of MQTT 5 (section 2.2.2): which identifier has which kind of
 * value, where it may stand, and whether it may come twice. */
#include "drivers/mqtt/ingress/packet.h"

#include "firmware/base/cleanup.h"

enum kind { KIND_U8, KIND_U16, KIND_U32, KIND_VARINT, KIND_TEXT, KIND_BINARY, KIND_PAIR };

struct row {
    uint8_t id;
    uint8_t kind;
    uint8_t places; /* set of enum packet_place */
};

/* What only servers send is not here: it is a protocol error from a client. */
static const struct row rows[] = {
    {PROPERTY_PAYLOAD_FORMAT, KIND_U8, PLACE_PUBLISH | PLACE_WILL},
    {PROPERTY_MESSAGE_EXPIRY, KIND_U32, PLACE_PUBLISH | PLACE_WILL},
    {PROPERTY_CONTENT_TYPE, KIND_TEXT, PLACE_PUBLISH | PLACE_WILL},
    {PROPERTY_RESPONSE_TOPIC, KIND_TEXT, PLACE_PUBLISH | PLACE_WILL},
    {PROPERTY_CORRELATION_DATA, KIND_BINARY, PLACE_PUBLISH | PLACE_WILL},
    {PROPERTY_SUBSCRIPTION_ID, KIND_VARINT, PLACE_SUBSCRIBE},
    {PROPERTY_SESSION_EXPIRY, KIND_U32, PLACE_CONNECT | PLACE_DISCONNECT},
    {PROPERTY_AUTH_METHOD, KIND_TEXT, PLACE_CONNECT},
    {PROPERTY_AUTH_DATA, KIND_BINARY, PLACE_CONNECT},
    {PROPERTY_REQUEST_PROBLEM, KIND_U8, PLACE_CONNECT},
    {PROPERTY_WILL_DELAY, KIND_U32, PLACE_WILL},
    {PROPERTY_REQUEST_RESPONSE, KIND_U8, PLACE_CONNECT},
    {PROPERTY_REASON_STRING, KIND_TEXT, PLACE_ACK | PLACE_DISCONNECT},
    {PROPERTY_RECEIVE_MAXIMUM, KIND_U16, PLACE_CONNECT},
    {PROPERTY_TOPIC_ALIAS_MAXIMUM, KIND_U16, PLACE_CONNECT},
    {PROPERTY_TOPIC_ALIAS, KIND_U16, PLACE_PUBLISH},
    {PROPERTY_USER, KIND_PAIR,
     PLACE_CONNECT | PLACE_WILL | PLACE_PUBLISH | PLACE_ACK | PLACE_SUBSCRIBE
         | PLACE_UNSUBSCRIBE | PLACE_DISCONNECT},
    {PROPERTY_MAXIMUM_PACKET, KIND_U32, PLACE_CONNECT},
};

static const struct row *find_row(uint32_t id) {
    for (size_t i = 0; i < GW_ARRAY_LEN(rows); i++) {
        if (rows[i].id == id) {
            return &rows[i];
        }
    }
    return NULL;
}

struct value {
    uint32_t number;
    struct gw_bytes bytes; /* text, binary, name of a pair */
    struct gw_str second;  /* value of a pair */
};

static struct value take_value(struct packet_cursor *cursor, uint8_t kind) {
    struct value value = {0};
    switch (kind) {
    case KIND_U8:
        value.number = packet_take_u8(cursor);
        break;
    case KIND_U16:
        value.number = packet_take_u16(cursor);
        break;
    case KIND_U32:
        value.number = packet_take_u32(cursor);
        break;
    case KIND_VARINT:
        value.number = packet_take_varint(cursor);
        break;
    case KIND_BINARY:
        value.bytes = packet_take_binary(cursor);
        break;
    default:
        value.bytes = gw_bytes_from_str(packet_take_text(cursor));
        if (kind == KIND_PAIR) {
            value.second = packet_take_text(cursor);
        }
    }
    return value;
}

/* Values that are in their form and yet not allowed. */
static const char *check_value(uint32_t id, const struct value *value) {
    switch (id) {
    case PROPERTY_PAYLOAD_FORMAT:
    case PROPERTY_REQUEST_PROBLEM:
    case PROPERTY_REQUEST_RESPONSE:
        return value->number > 1 ? "property: a flag other than 0 or 1" : NULL;
    case PROPERTY_SUBSCRIPTION_ID:
        return value->number == 0 ? "property: subscription identifier 0" : NULL;
    case PROPERTY_RECEIVE_MAXIMUM:
        return value->number == 0 ? "property: receive maximum 0" : NULL;
    case PROPERTY_MAXIMUM_PACKET:
        return value->number == 0 ? "property: maximum packet size 0" : NULL;
    case PROPERTY_RESPONSE_TOPIC:
        return packet_is_faulty(packet_check_topic(gw_str_from_bytes(value->bytes)))
                   ? "property: response topic with wildcards [MQTT-3.3.2-14]"
                   : NULL;
    default:
        return NULL;
    }
}

static void keep(struct packet_properties *properties, uint32_t id, const struct value *value) {
    switch (id) {
    case PROPERTY_PAYLOAD_FORMAT:
        properties->is_text = value->number == 1;
        break;
    case PROPERTY_MESSAGE_EXPIRY:
        properties->message_expiry_s = value->number;
        break;
    case PROPERTY_CONTENT_TYPE:
        properties->content_type = gw_str_from_bytes(value->bytes);
        break;
    case PROPERTY_CORRELATION_DATA:
        properties->correlation_data = value->bytes;
        break;
    case PROPERTY_SESSION_EXPIRY:
        properties->session_expiry_s = value->number;
        break;
    case PROPERTY_REQUEST_PROBLEM:
        properties->request_problem = value->number == 1;
        break;
    case PROPERTY_WILL_DELAY:
        properties->will_delay_s = value->number;
        break;
    case PROPERTY_RECEIVE_MAXIMUM:
        properties->receive_maximum = (uint16_t) value->number;
        break;
    case PROPERTY_MAXIMUM_PACKET:
        properties->maximum_packet = value->number;
        break;
    case PROPERTY_USER:
        if (gw_str_eq(gw_str_from_bytes(value->bytes), GW_STR("traceparent"))) {
            properties->traceparent = value->second;
        }
        break;
    default:
        break;
    }
}

static struct packet_fault take_one(struct packet_cursor *cursor, enum packet_place place,
                                    struct packet_properties *properties) {
    uint32_t id = packet_take_varint(cursor);
    const struct row *row = find_row(id);
    if (!row || !(row->places & place)) {
        return (struct packet_fault){cursor->failed || !row ? REASON_MALFORMED
                                                            : REASON_PROTOCOL_ERROR,
                                     "property: an identifier that may not stand here"};
    }
    struct value value = take_value(cursor, row->kind);
    if (cursor->failed) {
        return (struct packet_fault){REASON_MALFORMED, "property: value cut or not UTF-8"};
    }
    if (row->kind != KIND_PAIR && packet_has_property(properties, (enum packet_property) id)) {
        return (struct packet_fault){REASON_PROTOCOL_ERROR, "property: given twice"};
    }
    const char *wrong = check_value(id, &value);
    if (wrong) {
        return (struct packet_fault){REASON_PROTOCOL_ERROR, wrong};
    }
    properties->present |= UINT64_C(1) << id;
    keep(properties, id, &value);
    return (struct packet_fault){0};
}

struct packet_fault packet_take_properties(struct packet_cursor *cursor,
                                           enum packet_place place,
                                           struct packet_properties *ret_properties) {
    uint32_t length = packet_take_varint(cursor);
    if (cursor->failed || (size_t) (cursor->end - cursor->at) < length) {
        cursor->failed = true;
        return (struct packet_fault){REASON_MALFORMED, "properties: the packet ends before"};
    }
    struct packet_cursor inner = {.at = cursor->at, .end = cursor->at + length};
    cursor->at = inner.end;
    while (inner.at != inner.end) {
        struct packet_fault fault = take_one(&inner, place, ret_properties);
        if (packet_is_faulty(fault)) {
            return fault;
        }
    }
    return (struct packet_fault){0};
}
