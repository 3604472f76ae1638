/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/ingress/encode.h"

#include "firmware/base/cleanup.h"

static void put_u8(struct gw_buf *buf, uint8_t value) {
    gw_buf_put(buf, (struct gw_bytes){&value, 1});
}

static void put_u16(struct gw_buf *buf, uint16_t value) {
    put_u8(buf, (uint8_t) (value >> 8));
    put_u8(buf, (uint8_t) value);
}

static void put_u32(struct gw_buf *buf, uint32_t value) {
    put_u16(buf, (uint16_t) (value >> 16));
    put_u16(buf, (uint16_t) value);
}

static void put_varint(struct gw_buf *buf, size_t value) {
    do {
        uint8_t byte = value & 0x7F;
        value >>= 7;
        put_u8(buf, value > 0 ? byte | 0x80 : byte);
    } while (value > 0);
}

static void put_text(struct gw_buf *buf, struct gw_str text) {
    put_u16(buf, (uint16_t) text.len);
    gw_buf_put_str(buf, text);
}

static void put_header(struct gw_buf *buf, enum packet_type type, size_t body_len) {
    put_u8(buf, (uint8_t) (type << 4));
    put_varint(buf, body_len);
}

/* Take back what did not fit as a whole. */
static bool settle(struct gw_buf *buf, size_t before) {
    if (!gw_buf_failed(buf)) {
        return true;
    }
    gw_buf_rewind(buf, before);
    return false;
}

/* ---- CONNACK ---- */

uint8_t encode_return_code(uint8_t reason) {
    static const struct {
        uint8_t reason, code;
    } codes[] = {
        {REASON_VERSION, 1},     {REASON_CLIENT_ID, 2},       {REASON_BUSY, 3},
        {REASON_QUOTA, 3},       {REASON_TOO_LARGE, 3},       {REASON_SHUTTING_DOWN, 3},
        {REASON_UNAVAILABLE, 3}, {REASON_BAD_CREDENTIALS, 4}, {REASON_NOT_AUTHORISED, 5},
        {REASON_TOPIC_NAME, 5},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(codes); i++) {
        if (codes[i].reason == reason) {
            return codes[i].code;
        }
    }
    return 0;
}

/* What this server does not do is said, so that no client has to find out. */
static void put_limits(struct gw_buf *buf, const struct encode_connack *connack) {
    put_u8(buf, PROPERTY_RECEIVE_MAXIMUM);
    put_u16(buf, connack->receive_maximum);
    put_u8(buf, PROPERTY_MAXIMUM_QOS);
    put_u8(buf, 1);
    put_u8(buf, PROPERTY_MAXIMUM_PACKET);
    put_u32(buf, connack->maximum_packet);
    put_u8(buf, PROPERTY_WILDCARD_AVAILABLE);
    put_u8(buf, 0);
    put_u8(buf, PROPERTY_SUBSCRIPTION_ID_AVAILABLE);
    put_u8(buf, 0);
    put_u8(buf, PROPERTY_SHARED_AVAILABLE);
    put_u8(buf, 0);
    if (connack->is_session_expiry_other) {
        put_u8(buf, PROPERTY_SESSION_EXPIRY);
        put_u32(buf, connack->session_expiry_s);
    }
    if (connack->keep_alive_s > 0) {
        put_u8(buf, 19); /* server keep alive */
        put_u16(buf, connack->keep_alive_s);
    }
    if (connack->assigned_client_id.len > 0) {
        put_u8(buf, PROPERTY_ASSIGNED_CLIENT_ID);
        put_text(buf, connack->assigned_client_id);
    }
}

bool encode_connack(struct gw_buf *buf, const struct encode_connack *connack) {
    size_t before = buf->len;
    bool is_success = connack->reason == REASON_SUCCESS;
    uint8_t storage[256];
    struct gw_buf properties;
    gw_buf_init(&properties, storage, sizeof(storage));
    if (is_success) {
        put_limits(&properties, connack);
    }
    bool is_v5 = connack->version == PACKET_V5;
    size_t properties_len = properties.len + (properties.len > 127 ? 2 : 1);
    put_header(buf, PACKET_CONNACK, 2 + (is_v5 ? properties_len : 0));
    put_u8(buf, is_success && connack->session_present);
    put_u8(buf, is_v5 ? connack->reason : encode_return_code(connack->reason));
    if (is_v5) {
        put_varint(buf, properties.len);
        gw_buf_put(buf, gw_buf_bytes(&properties));
    }
    return settle(buf, before);
}

/* ---- the others ---- */

bool encode_ack(struct gw_buf *buf, uint8_t version, enum packet_type type, uint16_t packet_id,
                uint8_t reason) {
    bool has_reason = version == PACKET_V5 && reason != REASON_SUCCESS;
    const uint8_t bytes[] = {(uint8_t) (type << 4), has_reason ? 3 : 2,
                             (uint8_t) (packet_id >> 8), (uint8_t) packet_id, reason};
    size_t len = has_reason ? 5 : 4;
    if (gw_buf_space(buf) < len) {
        return false;
    }
    return gw_buf_put(buf, (struct gw_bytes){bytes, len});
}

bool encode_suback(struct gw_buf *buf, uint8_t version, enum packet_type type,
                   uint16_t packet_id, struct gw_bytes codes) {
    size_t before = buf->len;
    bool is_v5 = version == PACKET_V5;
    bool has_codes = is_v5 || type == PACKET_SUBACK;
    put_header(buf, type, 2 + (is_v5 ? 1u : 0u) + (has_codes ? codes.len : 0));
    put_u16(buf, packet_id);
    if (is_v5) {
        put_u8(buf, 0);
    }
    if (has_codes) {
        gw_buf_put(buf, codes);
    }
    return settle(buf, before);
}

bool encode_pingresp(struct gw_buf *buf) {
    size_t before = buf->len;
    put_header(buf, PACKET_PINGRESP, 0);
    return settle(buf, before);
}

bool encode_disconnect(struct gw_buf *buf, uint8_t reason) {
    size_t before = buf->len;
    put_header(buf, PACKET_DISCONNECT, 1);
    put_u8(buf, reason);
    return settle(buf, before);
}

bool encode_publish(struct gw_buf *buf, uint8_t version, struct gw_str topic,
                    struct gw_bytes payload) {
    size_t before = buf->len;
    put_header(buf, PACKET_PUBLISH,
               2 + topic.len + (version == PACKET_V5 ? 1u : 0u) + payload.len);
    put_text(buf, topic);
    if (version == PACKET_V5) {
        put_u8(buf, 0);
    }
    gw_buf_put(buf, payload);
    return settle(buf, before);
}
