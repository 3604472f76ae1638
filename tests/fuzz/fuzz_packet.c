/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses the version, the rest is an MQTT packet with its fixed
 * header; it may be shorter than that says. Properties: a fault has a
 * reason and a text, a packet without fault keeps what its reader promises, and
 * everything it says lies inside the bytes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "drivers/mqtt/ingress/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

/* What is said of every fault; false if there is none. */
static bool check_fault(struct packet_fault fault) {
    bool is_faulty = packet_is_faulty(fault);
    require(is_faulty == (fault.text != NULL) && (!is_faulty || fault.reason >= 0x80));
    return is_faulty;
}

static void inside(struct gw_bytes body, const void *ptr, size_t len) {
    const uint8_t *at = ptr;
    require(len == 0 || (at >= body.ptr && at + len <= body.ptr + body.len));
}

static void check_properties(struct gw_bytes body, const struct packet_properties *properties) {
    inside(body, properties->content_type.ptr, properties->content_type.len);
    inside(body, properties->correlation_data.ptr, properties->correlation_data.len);
    inside(body, properties->traceparent.ptr, properties->traceparent.len);
    require(gw_str_is_utf8(properties->content_type)
            && gw_str_is_utf8(properties->traceparent));
    require(!packet_has_property(properties, PROPERTY_RECEIVE_MAXIMUM)
            || properties->receive_maximum > 0);
    require(!packet_has_property(properties, PROPERTY_MAXIMUM_PACKET)
            || properties->maximum_packet > 0);
}

static void read_connect(struct gw_bytes body) {
    struct packet_connect connect;
    bool is_faulty = check_fault(packet_read_connect(body, &connect));
    require(connect.version == 0 || connect.version == PACKET_V3
            || connect.version == PACKET_V5);
    if (is_faulty) {
        return;
    }
    require(connect.version != 0 && connect.will.qos <= 2);
    require(connect.version == PACKET_V5 || connect.has_username || !connect.has_password);
    require(connect.version == PACKET_V5 || connect.properties.present == 0);
    inside(body, connect.client_id.ptr, connect.client_id.len);
    inside(body, connect.username.ptr, connect.username.len);
    inside(body, connect.password.ptr, connect.password.len);
    inside(body, connect.will.topic.ptr, connect.will.topic.len);
    inside(body, connect.will.payload.ptr, connect.will.payload.len);
    require(gw_str_is_utf8(connect.client_id) && gw_str_is_utf8(connect.username));
    require(connect.has_will == !packet_is_faulty(packet_check_topic(connect.will.topic)));
    check_properties(body, &connect.properties);
    check_properties(body, &connect.will.properties);
}

static void read_publish(const struct packet_header *header, struct gw_bytes body,
                         uint8_t version) {
    struct packet_publish publish;
    if (check_fault(packet_read_publish(header, body, version, &publish))) {
        return;
    }
    require(publish.qos <= 2 && (publish.qos == 0) == (publish.packet_id == 0));
    require(!publish.dup || publish.qos > 0);
    inside(body, publish.topic.ptr, publish.topic.len);
    inside(body, publish.payload.ptr, publish.payload.len);
    check_properties(body, &publish.properties);
    if (!check_fault(packet_check_topic(publish.topic))) {
        require(publish.topic.len > 0 && gw_str_is_utf8(publish.topic));
    }
}

static void read_subscribe(const struct packet_header *header, struct gw_bytes body,
                           uint8_t version) {
    struct packet_filters filters;
    if (check_fault(packet_read_subscribe(header, body, version, &filters))) {
        return;
    }
    struct gw_str filter;
    uint8_t options;
    size_t count = 0;
    require(filters.packet_id != 0);
    for (; packet_next_filter(&filters, &filter, &options); count++) {
        inside(body, filter.ptr, filter.len);
        require(filter.len > 0 && gw_str_is_utf8(filter) && (options & 3) != 3);
        require(header->type == PACKET_SUBSCRIBE || options == 0);
    }
    require(count > 0);
}

static void read_other(const struct packet_header *header, struct gw_bytes body,
                       uint8_t version) {
    struct packet_ack ack;
    struct packet_disconnect disconnect;
    if (header->type == PACKET_DISCONNECT) {
        if (!check_fault(packet_read_disconnect(body, version, &disconnect))) {
            check_properties(body, &disconnect.properties);
        }
    } else if (!check_fault(packet_read_ack(header, body, version, &ack))) {
        require(ack.packet_id != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct packet_header header;
    if (size == 0) {
        return 0;
    }
    uint8_t version = data[0] & 1 ? PACKET_V5 : PACKET_V3;
    struct gw_bytes bytes = {data + 1, size - 1};
    enum gw_err err = packet_read_header(bytes, &header);
    require(err == GW_OK || err == GW_ERR_PARSE || err == GW_ERR_RETRY);
    if (err) {
        require(err == GW_ERR_PARSE ? bytes.len > 4 : bytes.len <= 4);
        return 0;
    }
    require(header.header_len >= 2 && header.header_len <= 5 && header.header_len <= bytes.len
            && header.body_len < 1u << 28);
    if (check_fault(packet_check_header(&header))) {
        return 0;
    }
    struct gw_bytes body = {bytes.ptr + header.header_len, bytes.len - header.header_len};
    body.len = body.len < header.body_len ? body.len : header.body_len;
    if (header.type == PACKET_CONNECT) {
        read_connect(body);
    } else if (header.type == PACKET_PUBLISH) {
        read_publish(&header, body, version);
    } else if (header.type == PACKET_SUBSCRIBE || header.type == PACKET_UNSUBSCRIBE) {
        read_subscribe(&header, body, version);
    } else {
        read_other(&header, body, version);
    }
    return 0;
}
