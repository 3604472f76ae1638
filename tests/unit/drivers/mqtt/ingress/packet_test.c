/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of both versions: what a good one says, every fault with its reason, and
 * every packet cut after every byte. */
#include "drivers/mqtt/ingress/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"

#define BYTES(text) ((struct gw_bytes){(const uint8_t *) (text), sizeof(text) - 1})

/* A body as text, its version and header byte, and the fault it must have. */
struct example {
    struct gw_bytes body;
    uint8_t reason;
    uint8_t version;
    uint8_t first; /* first byte of the fixed header */
};

static struct packet_header header_of(uint8_t first, size_t body_len) {
    return (struct packet_header){
        .type = first >> 4, .flags = first & 15, .header_len = 2, .body_len = body_len};
}

/* By the type of its header, whatever it is. */
static struct packet_fault read_any(const struct packet_header *header, struct gw_bytes body,
                                    uint8_t version) {
    struct packet_connect connect;
    struct packet_publish publish;
    struct packet_filters filters;
    struct packet_disconnect disconnect;
    struct packet_ack ack;
    switch (header->type) {
    case PACKET_CONNECT:
        return packet_read_connect(body, &connect);
    case PACKET_PUBLISH:
        return packet_read_publish(header, body, version, &publish);
    case PACKET_SUBSCRIBE:
    case PACKET_UNSUBSCRIBE:
        return packet_read_subscribe(header, body, version, &filters);
    case PACKET_DISCONNECT:
        return packet_read_disconnect(body, version, &disconnect);
    default:
        return packet_read_ack(header, body, version, &ack);
    }
}

/* A copy of exactly its size: a read behind the end is seen by the address sanitizer. */
static struct packet_fault read_copy(uint8_t first, struct gw_bytes body, uint8_t version) {
    GW_CLEANUP(gw_freep) uint8_t *copy = malloc(body.len > 0 ? body.len : 1);
    assert_non_null(copy);
    memcpy(copy, body.ptr, body.len);
    struct packet_header header = header_of(first, body.len);
    return read_any(&header, (struct gw_bytes){copy, body.len}, version);
}

static void check_examples(const struct example *examples, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct example *example = &examples[i];
        struct packet_fault fault = read_copy(example->first, example->body, example->version);
        if (fault.reason != example->reason) {
            fail_msg("example %zu: found reason 0x%02x (%s), wanted 0x%02x", i,
                     (unsigned) fault.reason, fault.text ? fault.text : "none",
                     (unsigned) example->reason);
        }
        assert_true(packet_is_faulty(fault) == (fault.text != NULL));
    }
}

/* ---- fixed header ---- */

static void a_header_says_type_flags_and_length(void **state) {
    (void) state;
    struct packet_header header;
    assert_int_equal(packet_read_header(BYTES("\x3d\xc1\x02"), &header), GW_OK);
    assert_int_equal(header.type, PACKET_PUBLISH);
    assert_int_equal(header.flags, 13);
    assert_int_equal(header.header_len, 3);
    assert_int_equal(header.body_len, 321);
    assert_int_equal(packet_read_header(BYTES("\x30\xff\xff\xff\x7f"), &header), GW_OK);
    assert_int_equal(header.body_len, 268435455);
    assert_int_equal(header.header_len, 5);
    assert_int_equal(packet_read_header(BYTES("\xc0\x00"), &header), GW_OK);
    assert_int_equal(header.body_len, 0);
}

static void a_header_that_is_not_complete_is_awaited(void **state) {
    (void) state;
    struct packet_header header;
    struct gw_bytes whole = BYTES("\x30\xff\xff\xff");
    for (size_t len = 0; len <= whole.len; len++) {
        assert_int_equal(packet_read_header((struct gw_bytes){whole.ptr, len}, &header),
                         GW_ERR_RETRY);
    }
}

static void a_length_of_five_bytes_is_no_length(void **state) {
    (void) state;
    struct packet_header header;
    assert_int_equal(packet_read_header(BYTES("\x30\xff\xff\xff\xff"), &header), GW_ERR_PARSE);
    assert_int_equal(packet_read_header(BYTES("\x30\x80\x80\x80\x80\x01"), &header),
                     GW_ERR_PARSE);
}

static void every_type_has_its_flags(void **state) {
    (void) state;
    for (unsigned first = 0; first < 256; first++) {
        struct packet_header header = header_of((uint8_t) first, 0);
        unsigned type = first >> 4, flags = first & 15;
        bool is_two =
            type == PACKET_PUBREL || type == PACKET_SUBSCRIBE || type == PACKET_UNSUBSCRIBE;
        bool is_good = type == PACKET_PUBLISH || (type != 0 && flags == (is_two ? 2u : 0u));
        struct packet_fault fault = packet_check_header(&header);
        assert_int_equal(fault.reason, is_good ? REASON_SUCCESS : REASON_MALFORMED);
    }
}

/* ---- CONNECT ---- */

#define V4 "\0\4MQTT\4"
#define V5 "\0\4MQTT\5"

static void a_connect_of_version_4_says_all_it_has(void **state) {
    (void) state;
    struct packet_connect connect;
    struct packet_fault fault = packet_read_connect(
        BYTES(V4 "\xee\x01\x02\0\2id\0\3a/b\0\4gone\0\2s1\0\3\1\2\3"), &connect);
    assert_int_equal(fault.reason, 0);
    assert_int_equal(connect.version, PACKET_V3);
    assert_true(connect.clean && connect.has_will && connect.has_username
                && connect.has_password);
    assert_int_equal(connect.keep_alive_s, 258);
    assert_true(gw_str_eq(connect.client_id, GW_STR("id")));
    assert_true(gw_str_eq(connect.username, GW_STR("s1")));
    assert_int_equal(connect.password.len, 3);
    assert_memory_equal(connect.password.ptr, "\1\2\3", 3);
    assert_int_equal(connect.will.qos, 1);
    assert_true(connect.will.retain);
    assert_true(gw_str_eq(connect.will.topic, GW_STR("a/b")));
    assert_int_equal(connect.will.payload.len, 4);
}

static void a_connect_of_version_5_says_its_properties(void **state) {
    (void) state;
    struct packet_connect connect;
    struct packet_fault fault = packet_read_connect(
        BYTES(V5
              "\x04\0\0"
              "\x20\x11\0\0\1\0\x21\0\7\x27\0\0\2\0\x22\0\5\x19\1\x17\0\x26\0\1k\0\1v\x26\0\0"
              "\0\0"
              "\0\1c"
              "\x0a\x18\0\0\0\x2a\x02\0\0\0\3"
              "\0\1w\0\0"),
        &connect);
    assert_int_equal(fault.reason, 0);
    assert_int_equal(connect.version, PACKET_V5);
    assert_false(connect.clean || connect.has_username || connect.has_password);
    assert_int_equal(connect.properties.session_expiry_s, 256);
    assert_int_equal(connect.properties.receive_maximum, 7);
    assert_int_equal(connect.properties.maximum_packet, 512);
    assert_false(connect.properties.request_problem);
    assert_true(packet_has_property(&connect.properties, PROPERTY_REQUEST_RESPONSE));
    assert_false(packet_has_property(&connect.properties, PROPERTY_AUTH_METHOD));
    assert_int_equal(connect.will.properties.will_delay_s, 42);
    assert_int_equal(connect.will.properties.message_expiry_s, 3);
    assert_int_equal(connect.will.payload.len, 0);
}

static void connect_faults_have_their_reasons(void **state) {
    (void) state;
    const struct example examples[] = {
        {BYTES(""), REASON_MALFORMED, 0, 0x10},
        {BYTES("\0\4MQT"), REASON_MALFORMED, 0, 0x10},
        {BYTES("\0\4HTTP\4\2\0\0\0\0"), REASON_VERSION, 0, 0x10},
        {BYTES("\0\6MQIsdp\3\2\0\0\0\1a"), REASON_VERSION, 0, 0x10},
        {BYTES("\0\6MQIsdp\4\2\0\0\0\1a"), REASON_VERSION, 0, 0x10},
        {BYTES("\0\4MQTT\3\2\0\0\0\1a"), REASON_VERSION, 0, 0x10},
        {BYTES("\0\4MQTT\6\2\0\0\0\1a"), REASON_VERSION, 0, 0x10},
        {BYTES("\0\4MQ\xff\xff\4\2\0\0\0\1a"), REASON_MALFORMED, 0, 0x10},
        {BYTES(V4 "\x03\0\0\0\1a"), REASON_MALFORMED, 0, 0x10},      /* reserved flag */
        {BYTES(V4 "\x1e\0\0\0\1a"), REASON_MALFORMED, 0, 0x10},      /* will QoS 3 */
        {BYTES(V4 "\x0a\0\0\0\1a"), REASON_MALFORMED, 0, 0x10},      /* QoS, no will */
        {BYTES(V4 "\x22\0\0\0\1a"), REASON_MALFORMED, 0, 0x10},      /* retain, no will */
        {BYTES(V4 "\x42\0\0\0\1a\0\1p"), REASON_MALFORMED, 0, 0x10}, /* password alone */
        {BYTES(V5 "\x42\0\0\0\0\1a\0\1p"), REASON_SUCCESS, 0, 0x10}, /* allowed in 5 */
        {BYTES(V4 "\x02\0\0\0\1a\0"), REASON_MALFORMED, 0, 0x10},    /* bytes behind */
        {BYTES(V4 "\x02\0\0\0\1\0"), REASON_MALFORMED, 0, 0x10},     /* NUL in the id */
        {BYTES(V4 "\x02\0\0\0\1\xff"), REASON_MALFORMED, 0, 0x10},   /* not UTF-8 */
        {BYTES(V4 "\x82\0\0\0\1a\0\2\xc3("), REASON_MALFORMED, 0, 0x10},
        {BYTES(V4 "\x06\0\0\0\1a\0\0\0\0"), REASON_TOPIC_NAME, 0, 0x10},
        {BYTES(V4 "\x06\0\0\0\1a\0\2a+\0\0"), REASON_TOPIC_NAME, 0, 0x10},
        {BYTES(V4 "\x06\0\0\0\1a\0\2\xff\xff\0\0"), REASON_MALFORMED, 0, 0x10},
        {BYTES(V5 "\x02\0\0\x05\x11\0\0\0"), REASON_MALFORMED, 0, 0x10}, /* value cut */
        {BYTES(V5 "\x02\0\0\x0a\x11\0\0\0\1\x11\0\0\0\1\0\1a"), REASON_PROTOCOL_ERROR, 0, 0x10},
        {BYTES(V5 "\x02\0\0\x03\x21\0\0\0\1a"), REASON_PROTOCOL_ERROR, 0, 0x10},
        {BYTES(V5 "\x02\0\0\x05\x27\0\0\0\0\0\1a"), REASON_PROTOCOL_ERROR, 0, 0x10},
        {BYTES(V5 "\x02\0\0\x02\x17\2\0\1a"), REASON_PROTOCOL_ERROR, 0, 0x10},
        {BYTES(V5 "\x02\0\0\x02\x19\2\0\1a"), REASON_PROTOCOL_ERROR, 0, 0x10},
        {BYTES(V5 "\x02\0\0\x02\x01\1\0\1a"), REASON_PROTOCOL_ERROR, 0, 0x10}, /* elsewhere */
        {BYTES(V5 "\x02\0\0\x02\x7f\1\0\1a"), REASON_MALFORMED, 0, 0x10},      /* nowhere */
        {BYTES(V5 "\x06\0\0\0\0\1a\x02\x11\1\0\1w\0\0"), REASON_PROTOCOL_ERROR, 0, 0x10},
        {BYTES(V5 "\x02\0\0\x80\x80\x80\x80\x01\0\1a"), REASON_MALFORMED, 0, 0x10},
        {BYTES(V5 "\x02\0\0\x80\0\0\1a"), REASON_MALFORMED, 0, 0x10}, /* not the shortest */
    };
    check_examples(examples, GW_ARRAY_LEN(examples));
}

static void the_version_is_known_when_something_behind_it_is_wrong(void **state) {
    (void) state;
    struct packet_connect connect;
    assert_true(packet_is_faulty(packet_read_connect(BYTES(V5 "\x03\0\0"), &connect)));
    assert_int_equal(connect.version, PACKET_V5);
    assert_true(packet_is_faulty(packet_read_connect(BYTES("\0\4MQTT\x09\2"), &connect)));
    assert_int_equal(connect.version, 0);
}

/* ---- PUBLISH ---- */

static void a_publish_says_all_it_has(void **state) {
    (void) state;
    struct packet_publish publish;
    struct packet_header header = header_of(0x3b, 0);
    struct packet_fault fault =
        packet_read_publish(&header, BYTES("\0\3a/b\1\2payload"), PACKET_V3, &publish);
    assert_int_equal(fault.reason, 0);
    assert_true(publish.dup && publish.retain);
    assert_int_equal(publish.qos, 1);
    assert_int_equal(publish.packet_id, 258);
    assert_true(gw_str_eq(publish.topic, GW_STR("a/b")));
    assert_int_equal(publish.payload.len, 7);
    header = header_of(0x30, 0);
    fault = packet_read_publish(&header, BYTES("\0\1a"), PACKET_V3, &publish);
    assert_int_equal(fault.reason, 0);
    assert_int_equal(publish.packet_id, 0);
    assert_int_equal(publish.payload.len, 0);
}

static void a_publish_of_version_5_says_its_properties(void **state) {
    (void) state;
    struct packet_publish publish;
    struct packet_header header = header_of(0x34, 0);
    struct packet_fault fault =
        packet_read_publish(&header,
                            BYTES("\0\1t\0\1"
                                  "\x39\1\1\2\0\0\0\x09\3\0\1j\x08\0\1r\x09\0\2cc\x23\0\1"
                                  "\x26\0\x0btraceparent\0\1A"
                                  "\x26\0\x0btraceparent\0\1B"
                                  "x"),
                            PACKET_V5, &publish);
    assert_int_equal(fault.reason, 0);
    assert_int_equal(publish.qos, 2);
    assert_true(publish.properties.is_text);
    assert_int_equal(publish.properties.message_expiry_s, 9);
    assert_true(gw_str_eq(publish.properties.content_type, GW_STR("j")));
    assert_int_equal(publish.properties.correlation_data.len, 2);
    assert_true(packet_has_property(&publish.properties, PROPERTY_TOPIC_ALIAS));
    assert_true(gw_str_eq(publish.properties.traceparent, GW_STR("B")));
    assert_int_equal(publish.payload.len, 1);
}

static void publish_faults_have_their_reasons(void **state) {
    (void) state;
    const struct example examples[] = {
        {BYTES("\0\1t\0\1x"), REASON_MALFORMED, 4, 0x36}, /* QoS 3 */
        {BYTES("\0\1tx"), REASON_MALFORMED, 4, 0x38},     /* DUP with QoS 0 */
        {BYTES("\0\2t"), REASON_MALFORMED, 4, 0x30},      /* topic cut */
        {BYTES("\0\1t\0"), REASON_MALFORMED, 4, 0x32},    /* packet id cut */
        {BYTES("\0\1t\0\0x"), REASON_MALFORMED, 4, 0x32}, /* packet id 0 */
        {BYTES("\0\1t"), REASON_MALFORMED, 5, 0x30},      /* no properties */
        {BYTES("\0\1t\x02\1\1"), REASON_SUCCESS, 5, 0x30},
        {BYTES("\0\1t\x02\1\2"), REASON_PROTOCOL_ERROR, 5, 0x30},
        {BYTES("\0\1t\x04\x08\0\1+"), REASON_PROTOCOL_ERROR, 5, 0x30},
        {BYTES("\0\1t\x04\x08\0\1\xff"), REASON_MALFORMED, 5, 0x30},
        {BYTES("\0\1t\x02\x0b\1"), REASON_PROTOCOL_ERROR, 5, 0x30}, /* a server's only */
        {BYTES("\0\1t\x05\x26\0\1k\0"), REASON_MALFORMED, 5, 0x30}, /* half a pair */
    };
    check_examples(examples, GW_ARRAY_LEN(examples));
}

static void a_topic_name_is_text_without_wildcards(void **state) {
    (void) state;
    assert_int_equal(packet_check_topic(GW_STR("floor/s1")).reason, REASON_SUCCESS);
    assert_int_equal(packet_check_topic(GW_STR("\xc3\xa4/b")).reason, REASON_SUCCESS);
    assert_int_equal(packet_check_topic(GW_STR("")).reason, REASON_TOPIC_NAME);
    assert_int_equal(packet_check_topic(GW_STR("a/+")).reason, REASON_TOPIC_NAME);
    assert_int_equal(packet_check_topic(GW_STR("a/#")).reason, REASON_TOPIC_NAME);
    assert_int_equal(packet_check_topic((struct gw_str){"a\0b", 3}).reason, REASON_MALFORMED);
    assert_int_equal(packet_check_topic(GW_STR("a\xff")).reason, REASON_MALFORMED);
}

/* ---- the others ---- */

static void an_acknowledgement_says_what_it_is_about(void **state) {
    (void) state;
    struct packet_ack ack;
    struct packet_header header = header_of(0x62, 0);
    assert_int_equal(packet_read_ack(&header, BYTES("\1\2"), PACKET_V3, &ack).reason, 0);
    assert_int_equal(ack.packet_id, 258);
    assert_int_equal(ack.reason, 0);
    assert_int_equal(
        packet_read_ack(&header, BYTES("\1\2\x92\x08\x26\0\1k\0\2vv"), PACKET_V5, &ack).reason,
        0);
    assert_int_equal(ack.reason, 0x92);
}

static void acknowledgement_faults_have_their_reasons(void **state) {
    (void) state;
    const struct example examples[] = {
        {BYTES("\1"), REASON_MALFORMED, 4, 0x40},
        {BYTES("\0\0"), REASON_MALFORMED, 4, 0x40},
        {BYTES("\0\1\0"), REASON_MALFORMED, 4, 0x50},
        {BYTES("\0\1\0"), REASON_SUCCESS, 5, 0x62},
        {BYTES("\0\1\0\0"), REASON_SUCCESS, 5, 0x70},
        {BYTES("\0\1\0\0\0"), REASON_MALFORMED, 5, 0x70},
        {BYTES("\0\1\0\x04\x1f\0\1r"), REASON_SUCCESS, 5, 0x62},
        {BYTES("\0\1\0\x02\x01\1"), REASON_PROTOCOL_ERROR, 5, 0x62},
    };
    check_examples(examples, GW_ARRAY_LEN(examples));
}

static void a_subscribe_lists_its_filters_in_order(void **state) {
    (void) state;
    struct packet_filters filters;
    struct packet_header header = header_of(0x82, 0);
    struct gw_str filter;
    uint8_t options;
    assert_int_equal(
        packet_read_subscribe(&header, BYTES("\0\7\0\3a/b\1\0\1c\2"), PACKET_V3, &filters)
            .reason,
        0);
    assert_int_equal(filters.packet_id, 7);
    assert_true(packet_next_filter(&filters, &filter, &options));
    assert_true(gw_str_eq(filter, GW_STR("a/b")));
    assert_int_equal(options, 1);
    assert_true(packet_next_filter(&filters, &filter, &options));
    assert_true(gw_str_eq(filter, GW_STR("c")));
    assert_int_equal(options, 2);
    assert_false(packet_next_filter(&filters, &filter, &options));
    header = header_of(0xa2, 0);
    assert_int_equal(
        packet_read_subscribe(&header, BYTES("\0\7\0\0\3a/b"), PACKET_V5, &filters).reason, 0);
    assert_true(packet_next_filter(&filters, &filter, &options));
    assert_int_equal(options, 0);
    assert_false(packet_next_filter(&filters, &filter, &options));
}

static void subscribe_faults_have_their_reasons(void **state) {
    (void) state;
    const struct example examples[] = {
        {BYTES("\0"), REASON_MALFORMED, 4, 0x82},
        {BYTES("\0\0\0\1a\0"), REASON_MALFORMED, 4, 0x82},
        {BYTES("\0\1"), REASON_PROTOCOL_ERROR, 4, 0x82},
        {BYTES("\0\1"), REASON_PROTOCOL_ERROR, 4, 0xa2},
        {BYTES("\0\1\0\0\0"), REASON_MALFORMED, 4, 0x82},      /* empty filter */
        {BYTES("\0\1\0\1a"), REASON_MALFORMED, 4, 0x82},       /* no options */
        {BYTES("\0\1\0\1a\3"), REASON_MALFORMED, 4, 0x82},     /* QoS 3 */
        {BYTES("\0\1\0\1a\4"), REASON_MALFORMED, 4, 0x82},     /* an option of 5 */
        {BYTES("\0\1\0\0\1a\x04"), REASON_SUCCESS, 5, 0x82},   /* no local */
        {BYTES("\0\1\0\0\1a\x30"), REASON_MALFORMED, 5, 0x82}, /* retain handling 3 */
        {BYTES("\0\1\0\0\1a\x40"), REASON_MALFORMED, 5, 0x82}, /* reserved */
        {BYTES("\0\1\0\0\x0a$share/g/t\x04"), REASON_PROTOCOL_ERROR, 5, 0x82},
        {BYTES("\0\1\0\0\x0a$share/g/t\x01"), REASON_SUCCESS, 5, 0x82},
        {BYTES("\0\1\x02\x0b\0\0\1a\0"), REASON_PROTOCOL_ERROR, 5, 0x82}, /* id 0 */
        {BYTES("\0\1\x02\x0b\1\0\1a\0"), REASON_SUCCESS, 5, 0x82},
        {BYTES("\0\1\x02\x0b\1\0\1a"), REASON_PROTOCOL_ERROR, 5, 0xa2},
        {BYTES("\0\1\x05\x0b\x80\x80\x80\x80\0\1a\0"), REASON_MALFORMED, 5, 0x82},
    };
    check_examples(examples, GW_ARRAY_LEN(examples));
}

static void a_disconnect_says_why(void **state) {
    (void) state;
    struct packet_disconnect disconnect;
    assert_int_equal(packet_read_disconnect(BYTES(""), PACKET_V3, &disconnect).reason, 0);
    assert_int_equal(disconnect.reason, 0);
    assert_int_equal(packet_read_disconnect(BYTES(""), PACKET_V5, &disconnect).reason, 0);
    assert_int_equal(
        packet_read_disconnect(BYTES("\4\5\x11\0\0\0\x09"), PACKET_V5, &disconnect).reason, 0);
    assert_int_equal(disconnect.reason, REASON_DISCONNECT_WITH_WILL);
    assert_int_equal(disconnect.properties.session_expiry_s, 9);
    const struct example examples[] = {
        {BYTES("\0"), REASON_MALFORMED, 4, 0xe0},
        {BYTES("\0\0\0"), REASON_MALFORMED, 5, 0xe0},
        {BYTES("\0\2\x11\1"), REASON_MALFORMED, 5, 0xe0},
        {BYTES("\0\3\x21\0\1"), REASON_PROTOCOL_ERROR, 5, 0xe0},
    };
    check_examples(examples, GW_ARRAY_LEN(examples));
}

/* ---- cut ---- */

/* What is left of a good packet after every byte is refused, unless it is good too:
 * `good` is the set of such lengths. Nothing is read behind the cut. */
static void check_cuts(struct example whole, uint64_t good) {
    assert_false(packet_is_faulty(read_copy(whole.first, whole.body, whole.version)));
    for (size_t len = 0; len < whole.body.len; len++) {
        struct packet_fault fault =
            read_copy(whole.first, (struct gw_bytes){whole.body.ptr, len}, whole.version);
        bool may_be = len < 64 && (good >> len & 1);
        if (packet_is_faulty(fault) == may_be) {
            fail_msg("type %u of %zu bytes: reason 0x%02x", whole.first >> 4u, len,
                     (unsigned) fault.reason);
        }
        assert_true(may_be || fault.reason == REASON_MALFORMED
                    || fault.reason == REASON_PROTOCOL_ERROR);
    }
}

static void a_packet_that_is_cut_is_refused_wherever_it_is_cut(void **state) {
    (void) state;
    check_cuts((struct example){BYTES(V4 "\xee\x01\x02\0\2id\0\3a/b\0\4gone\0\2s1\0\3pwd"), 0,
                                0, 0x10},
               0);
    check_cuts((struct example){BYTES(V5 "\xc6\0\0\x05\x11\0\0\1\0\0\1c\x05\x18\0\0\0\x2a\0\1w"
                                         "\0\1p\0\1u\0\1s"),
                                0, 0, 0x10},
               0);
    check_cuts((struct example){BYTES("\0\3a/b\1\2"), 0, 4, 0x32}, 0);
    check_cuts((struct example){BYTES("\0\1t\0\1\x09\2\0\0\0\x09\3\0\1j"), 0, 5, 0x32}, 0);
    check_cuts((struct example){BYTES("\0\1\0\3a/b\1\0\1c\1"), 0, 4, 0x82}, 1 << 8);
    check_cuts((struct example){BYTES("\0\1\x07\x26\0\1k\0\1v\0\3a/b\1"), 0, 5, 0x82}, 0);
    check_cuts((struct example){BYTES("\0\1\0\0\3a/b\0\1c"), 0, 5, 0xa2}, 1 << 8);
    check_cuts((struct example){BYTES("\0\1\0\x04\x1f\0\1r"), 0, 5, 0x62}, 1 << 2 | 1 << 3);
    check_cuts((struct example){BYTES("\0\x05\x11\0\0\0\x09"), 0, 5, 0xe0}, 1 | 1 << 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_says_type_flags_and_length),
        cmocka_unit_test(a_header_that_is_not_complete_is_awaited),
        cmocka_unit_test(a_length_of_five_bytes_is_no_length),
        cmocka_unit_test(every_type_has_its_flags),
        cmocka_unit_test(a_connect_of_version_4_says_all_it_has),
        cmocka_unit_test(a_connect_of_version_5_says_its_properties),
        cmocka_unit_test(connect_faults_have_their_reasons),
        cmocka_unit_test(the_version_is_known_when_something_behind_it_is_wrong),
        cmocka_unit_test(a_publish_says_all_it_has),
        cmocka_unit_test(a_publish_of_version_5_says_its_properties),
        cmocka_unit_test(publish_faults_have_their_reasons),
        cmocka_unit_test(a_topic_name_is_text_without_wildcards),
        cmocka_unit_test(an_acknowledgement_says_what_it_is_about),
        cmocka_unit_test(acknowledgement_faults_have_their_reasons),
        cmocka_unit_test(a_subscribe_lists_its_filters_in_order),
        cmocka_unit_test(subscribe_faults_have_their_reasons),
        cmocka_unit_test(a_disconnect_says_why),
        cmocka_unit_test(a_packet_that_is_cut_is_refused_wherever_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
