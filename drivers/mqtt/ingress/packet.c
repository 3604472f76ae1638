/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/ingress/packet.h"

#include <string.h>

static const struct packet_fault no_fault = {REASON_SUCCESS, NULL};

static struct packet_fault malformed(const char *text) {
    return (struct packet_fault){REASON_MALFORMED, text};
}

static struct packet_fault protocol_error(const char *text) {
    return (struct packet_fault){REASON_PROTOCOL_ERROR, text};
}

/* ---- fixed header ---- */

enum gw_err packet_read_header(struct gw_bytes bytes, struct packet_header *ret_header) {
    size_t length = 0;
    for (size_t i = 1; i < bytes.len && i <= 4; i++) {
        length |= (size_t) (bytes.ptr[i] & 0x7F) << (7 * (i - 1));
        if ((bytes.ptr[i] & 0x80) == 0) {
            *ret_header = (struct packet_header){.type = bytes.ptr[0] >> 4,
                                                 .flags = bytes.ptr[0] & 0x0F,
                                                 .header_len = i + 1,
                                                 .body_len = length};
            return GW_OK;
        }
    }
    return bytes.len > 4 ? GW_ERR_PARSE : GW_ERR_RETRY;
}

struct packet_fault packet_check_header(const struct packet_header *header) {
    if (header->type == 0) {
        return malformed("packet type 0 is reserved [MQTT-2.1.2]");
    }
    if (header->type == PACKET_PUBLISH) {
        return no_fault; /* its flags mean something */
    }
    bool has_flag = header->type == PACKET_PUBREL || header->type == PACKET_SUBSCRIBE
                    || header->type == PACKET_UNSUBSCRIBE;
    if (header->flags != (has_flag ? 0x2 : 0x0)) {
        return malformed("reserved flags of the fixed header are wrong [MQTT-2.1.3-1]");
    }
    return no_fault;
}

/* ---- cursor ---- */

static const uint8_t *take(struct packet_cursor *cursor, size_t count) {
    if (cursor->failed || (size_t) (cursor->end - cursor->at) < count) {
        cursor->failed = true;
        return NULL;
    }
    const uint8_t *at = cursor->at;
    cursor->at += count;
    return at;
}

uint8_t packet_take_u8(struct packet_cursor *cursor) {
    const uint8_t *at = take(cursor, 1);
    return at ? at[0] : 0;
}

uint16_t packet_take_u16(struct packet_cursor *cursor) {
    const uint8_t *at = take(cursor, 2);
    return at ? (uint16_t) ((unsigned) at[0] << 8 | at[1]) : 0;
}

uint32_t packet_take_u32(struct packet_cursor *cursor) {
    uint32_t high = packet_take_u16(cursor);
    return high << 16 | packet_take_u16(cursor);
}

uint32_t packet_take_varint(struct packet_cursor *cursor) {
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
        uint8_t byte = packet_take_u8(cursor);
        value |= (uint32_t) (byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            /* [MQTT-1.5.5-1]: the fewest bytes that can say it */
            cursor->failed |= byte == 0 && shift > 0;
            return value;
        }
    }
    cursor->failed = true;
    return 0;
}

struct gw_bytes packet_take_binary(struct packet_cursor *cursor) {
    uint16_t len = packet_take_u16(cursor);
    const uint8_t *at = take(cursor, len);
    return at ? (struct gw_bytes){at, len} : (struct gw_bytes){0};
}

struct gw_str packet_take_text(struct packet_cursor *cursor) {
    struct gw_str text = gw_str_from_bytes(packet_take_binary(cursor));
    if (text.len > 0 && (!gw_str_is_utf8(text) || memchr(text.ptr, 0, text.len))) {
        cursor->failed = true;
    }
    return text;
}

static struct packet_cursor cursor_of(struct gw_bytes body) {
    return (struct packet_cursor){.at = body.ptr, .end = body.ptr + body.len};
}

static struct gw_bytes rest_of(const struct packet_cursor *cursor) {
    return (struct gw_bytes){cursor->at, (size_t) (cursor->end - cursor->at)};
}

/* ---- CONNECT ---- */

enum connect_flags {
    CONNECT_RESERVED = 0x01,
    CONNECT_CLEAN = 0x02,
    CONNECT_WILL = 0x04,
    CONNECT_WILL_QOS = 0x18,
    CONNECT_WILL_RETAIN = 0x20,
    CONNECT_PASSWORD = 0x40,
    CONNECT_USERNAME = 0x80
};

static struct packet_fault read_protocol(struct packet_cursor *cursor,
                                         struct packet_connect *connect) {
    struct gw_str name = packet_take_text(cursor);
    uint8_t version = packet_take_u8(cursor);
    if (cursor->failed) {
        return malformed("CONNECT: protocol name and level: the packet ends before");
    }
    bool is_old = gw_str_eq(name, GW_STR("MQIsdp"));
    if (!gw_str_eq(name, GW_STR("MQTT")) && !is_old) {
        return (struct packet_fault){REASON_VERSION, "CONNECT: protocol name: allowed: MQTT "
                                                     "[MQTT-3.1.2-1]"};
    }
    if (is_old || (version != PACKET_V3 && version != PACKET_V5)) {
        return (struct packet_fault){REASON_VERSION,
                                     "CONNECT: protocol level: allowed: 4 (3.1.1) and 5 "
                                     "[MQTT-3.1.2-2]"};
    }
    connect->version = version;
    return no_fault;
}

static struct packet_fault check_connect_flags(uint8_t flags, uint8_t version) {
    if (flags & CONNECT_RESERVED) {
        return malformed("CONNECT: the reserved flag is set [MQTT-3.1.2-3]");
    }
    if ((flags & CONNECT_WILL_QOS) == CONNECT_WILL_QOS) {
        return malformed("CONNECT: will QoS 3 [MQTT-3.1.2-12]");
    }
    if (!(flags & CONNECT_WILL) && (flags & (CONNECT_WILL_QOS | CONNECT_WILL_RETAIN))) {
        return malformed("CONNECT: will QoS or retain without a will [MQTT-3.1.2-11]");
    }
    if (version == PACKET_V3 && (flags & CONNECT_PASSWORD) && !(flags & CONNECT_USERNAME)) {
        return malformed("CONNECT: a password without a user name [MQTT-3.1.2-22]");
    }
    return no_fault;
}

static struct packet_fault read_will(struct packet_cursor *cursor, uint8_t flags,
                                     struct packet_connect *connect) {
    struct packet_will *will = &connect->will;
    connect->has_will = (flags & CONNECT_WILL) != 0;
    if (!connect->has_will) {
        return no_fault;
    }
    will->qos = (uint8_t) ((flags & CONNECT_WILL_QOS) >> 3);
    will->retain = (flags & CONNECT_WILL_RETAIN) != 0;
    if (connect->version == PACKET_V5) {
        struct packet_fault fault =
            packet_take_properties(cursor, PLACE_WILL, &will->properties);
        if (packet_is_faulty(fault)) {
            return fault;
        }
    }
    will->topic = packet_take_text(cursor);
    will->payload = packet_take_binary(cursor);
    if (cursor->failed) {
        return malformed("CONNECT: will topic or payload [MQTT-3.1.3-11]");
    }
    return packet_check_topic(will->topic);
}

static struct packet_fault read_connect_payload(struct packet_cursor *cursor, uint8_t flags,
                                                struct packet_connect *connect) {
    connect->client_id = packet_take_text(cursor);
    if (cursor->failed) {
        return malformed("CONNECT: client identifier [MQTT-3.1.3-4]");
    }
    struct packet_fault fault = read_will(cursor, flags, connect);
    if (packet_is_faulty(fault)) {
        return fault;
    }
    connect->has_username = (flags & CONNECT_USERNAME) != 0;
    if (connect->has_username) {
        connect->username = packet_take_text(cursor);
    }
    connect->has_password = (flags & CONNECT_PASSWORD) != 0;
    if (connect->has_password) {
        connect->password = packet_take_binary(cursor);
    }
    if (cursor->failed || cursor->at != cursor->end) {
        return malformed("CONNECT: user name or password do not fill the packet "
                         "[MQTT-3.1.3-12]");
    }
    return no_fault;
}

struct packet_fault packet_read_connect(struct gw_bytes body,
                                        struct packet_connect *ret_connect) {
    struct packet_connect *connect = ret_connect;
    *connect = (struct packet_connect){.properties = {.request_problem = true}};
    struct packet_cursor cursor = cursor_of(body);
    struct packet_fault fault = read_protocol(&cursor, connect);
    if (packet_is_faulty(fault)) {
        return fault;
    }
    uint8_t flags = packet_take_u8(&cursor);
    connect->keep_alive_s = packet_take_u16(&cursor);
    if (cursor.failed) {
        return malformed("CONNECT: flags and keep alive: the packet ends before");
    }
    fault = check_connect_flags(flags, connect->version);
    if (!packet_is_faulty(fault) && connect->version == PACKET_V5) {
        fault = packet_take_properties(&cursor, PLACE_CONNECT, &connect->properties);
    }
    if (packet_is_faulty(fault)) {
        return fault;
    }
    connect->clean = (flags & CONNECT_CLEAN) != 0;
    return read_connect_payload(&cursor, flags, connect);
}

/* ---- PUBLISH ---- */

struct packet_fault packet_read_publish(const struct packet_header *header,
                                        struct gw_bytes body, uint8_t version,
                                        struct packet_publish *ret_publish) {
    struct packet_publish publish = {
        .dup = (header->flags & 0x8) != 0,
        .qos = (uint8_t) (header->flags >> 1 & 0x3),
        .retain = (header->flags & 0x1) != 0,
    };
    if (publish.qos == 3) {
        return malformed("PUBLISH: QoS 3 [MQTT-3.3.1-4]");
    }
    if (publish.dup && publish.qos == 0) {
        return malformed("PUBLISH: DUP with QoS 0 [MQTT-3.3.1-2]");
    }
    struct packet_cursor cursor = cursor_of(body);
    publish.topic = gw_str_from_bytes(packet_take_binary(&cursor));
    if (publish.qos > 0) {
        publish.packet_id = packet_take_u16(&cursor);
    }
    if (cursor.failed) {
        return malformed("PUBLISH: topic or packet identifier: the packet ends before");
    }
    if (publish.qos > 0 && publish.packet_id == 0) {
        return malformed("PUBLISH: packet identifier 0 [MQTT-2.2.1-3]");
    }
    if (version == PACKET_V5) {
        struct packet_fault fault =
            packet_take_properties(&cursor, PLACE_PUBLISH, &publish.properties);
        if (packet_is_faulty(fault)) {
            return fault;
        }
    }
    publish.payload = rest_of(&cursor);
    *ret_publish = publish;
    return no_fault;
}

struct packet_fault packet_check_topic(struct gw_str topic) {
    const struct packet_fault wrong = {REASON_TOPIC_NAME,
                                       "topic name: not empty and without + # "
                                       "[MQTT-3.3.2-2]"};
    if (topic.len == 0 || memchr(topic.ptr, '+', topic.len)
        || memchr(topic.ptr, '#', topic.len)) {
        return wrong;
    }
    if (memchr(topic.ptr, 0, topic.len) || !gw_str_is_utf8(topic)) {
        return malformed("topic name: not UTF-8, or with NUL [MQTT-1.5.4-1]");
    }
    return no_fault;
}

/* ---- acknowledgements ---- */

struct packet_fault packet_read_ack(const struct packet_header *header, struct gw_bytes body,
                                    uint8_t version, struct packet_ack *ret_ack) {
    (void) header;
    struct packet_cursor cursor = cursor_of(body);
    struct packet_ack ack = {.packet_id = packet_take_u16(&cursor)};
    if (cursor.failed) {
        return malformed("acknowledgement: the packet ends before its identifier");
    }
    if (version == PACKET_V5 && cursor.at != cursor.end) {
        ack.reason = packet_take_u8(&cursor);
    }
    if (version == PACKET_V5 && cursor.at != cursor.end) {
        struct packet_properties properties = {0};
        struct packet_fault fault = packet_take_properties(&cursor, PLACE_ACK, &properties);
        if (packet_is_faulty(fault)) {
            return fault;
        }
    }
    if (cursor.at != cursor.end) {
        return malformed("acknowledgement: bytes behind its end");
    }
    if (ack.packet_id == 0) {
        return malformed("acknowledgement: packet identifier 0 [MQTT-2.2.1-3]");
    }
    *ret_ack = ack;
    return no_fault;
}

/* ---- SUBSCRIBE, UNSUBSCRIBE ---- */

static struct packet_fault check_options(uint8_t options, uint8_t version,
                                         struct gw_str filter) {
    uint8_t allowed = version == PACKET_V5 ? 0x3F : 0x03;
    if ((options & ~allowed) != 0 || (options & 0x03) == 3 || (options >> 4 & 0x03) == 3) {
        return malformed("SUBSCRIBE: reserved bits or values of the options "
                         "[MQTT-3.8.3-5]");
    }
    bool is_shared = gw_str_starts_with(filter, GW_STR("$share/"));
    if (is_shared && (options & 0x04)) {
        return protocol_error("SUBSCRIBE: no local on a shared subscription "
                              "[MQTT-3.8.3-4]");
    }
    return no_fault;
}

struct packet_fault packet_read_subscribe(const struct packet_header *header,
                                          struct gw_bytes body, uint8_t version,
                                          struct packet_filters *ret_filters) {
    struct packet_cursor cursor = cursor_of(body);
    struct packet_filters filters = {.packet_id = packet_take_u16(&cursor),
                                     .have_options = header->type == PACKET_SUBSCRIBE};
    if (cursor.failed || filters.packet_id == 0) {
        return malformed("SUBSCRIBE: packet identifier 0 or none [MQTT-2.2.1-3]");
    }
    if (version == PACKET_V5) {
        struct packet_properties properties = {0};
        struct packet_fault fault = packet_take_properties(
            &cursor, filters.have_options ? PLACE_SUBSCRIBE : PLACE_UNSUBSCRIBE, &properties);
        if (packet_is_faulty(fault)) {
            return fault;
        }
        filters.have_subscription_id =
            packet_has_property(&properties, PROPERTY_SUBSCRIPTION_ID);
    }
    filters.rest = rest_of(&cursor);
    if (filters.rest.len == 0) {
        return protocol_error("SUBSCRIBE: no topic filter [MQTT-3.8.3-2]");
    }
    while (cursor.at != cursor.end) {
        struct gw_str filter = packet_take_text(&cursor);
        uint8_t options = filters.have_options ? packet_take_u8(&cursor) : 0;
        if (cursor.failed || filter.len == 0) {
            return malformed("SUBSCRIBE: topic filter: not UTF-8, empty, or cut "
                             "[MQTT-3.8.3-1]");
        }
        struct packet_fault fault = check_options(options, version, filter);
        if (packet_is_faulty(fault)) {
            return fault;
        }
    }
    *ret_filters = filters;
    return no_fault;
}

bool packet_next_filter(struct packet_filters *filters, struct gw_str *ret_filter,
                        uint8_t *ret_options) {
    if (filters->rest.len == 0) {
        return false;
    }
    struct packet_cursor cursor = cursor_of(filters->rest);
    *ret_filter = gw_str_from_bytes(packet_take_binary(&cursor));
    *ret_options = filters->have_options ? packet_take_u8(&cursor) : 0;
    filters->rest = rest_of(&cursor);
    return true;
}

/* ---- DISCONNECT ---- */

struct packet_fault packet_read_disconnect(struct gw_bytes body, uint8_t version,
                                           struct packet_disconnect *ret_disconnect) {
    struct packet_cursor cursor = cursor_of(body);
    struct packet_disconnect disconnect = {0};
    if (version == PACKET_V5 && body.len > 0) {
        disconnect.reason = packet_take_u8(&cursor);
        if (cursor.at != cursor.end) {
            struct packet_fault fault =
                packet_take_properties(&cursor, PLACE_DISCONNECT, &disconnect.properties);
            if (packet_is_faulty(fault)) {
                return fault;
            }
        }
    }
    if (cursor.at != cursor.end) {
        return malformed("DISCONNECT: bytes behind its end");
    }
    *ret_disconnect = disconnect;
    return no_fault;
}
