/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/fingerprint.h"
#include "drivers/mqtt/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct gw_mqtt_origin example = {.door = GW_MQTT_DOOR_BROKER,
                                              .broker = 0x01020304,
                                              .session = 0x05060708,
                                              .packet_id = 0x090a,
                                              .payload = UINT64_C(0x0b0c0d0e0f101112),
                                              .event_id = UINT64_C(0x131415161718191a),
                                              .arrival = 0x1b1c1d1e};

static void the_bytes_are_as_drawn_in_the_header(void **state) {
    (void) state;
    uint8_t bytes[GW_MQTT_ORIGIN_MAX_BYTES];
    (void) gw_mqtt_origin_encode(&example, bytes);
    assert_int_equal(bytes[0], 'b');
    for (uint8_t i = 1; i < GW_MQTT_ORIGIN_BYTES; i++) {
        assert_int_equal(bytes[i], i);
    }
}

static void decoding_gives_back_what_was_encoded(void **state) {
    (void) state;
    uint8_t bytes[GW_MQTT_ORIGIN_MAX_BYTES];
    (void) gw_mqtt_origin_encode(&example, bytes);
    struct gw_mqtt_origin origin;
    assert_int_equal(
        gw_mqtt_origin_decode((struct gw_bytes){bytes, GW_MQTT_ORIGIN_BYTES}, &origin), GW_OK);
    assert_int_equal(origin.door, example.door);
    assert_int_equal(origin.broker, example.broker);
    assert_int_equal(origin.session, example.session);
    assert_int_equal(origin.packet_id, example.packet_id);
    assert_true(origin.payload == example.payload);
    assert_true(origin.event_id == example.event_id);
    assert_int_equal(origin.arrival, example.arrival);
}

static void a_record_says_so_in_one_more_byte(void **state) {
    (void) state;
    uint8_t bytes[GW_MQTT_ORIGIN_MAX_BYTES];
    struct gw_mqtt_origin origin = example;
    assert_int_equal(gw_mqtt_origin_encode(&origin, bytes), GW_MQTT_ORIGIN_BYTES);
    origin.is_record = true;
    assert_int_equal(gw_mqtt_origin_encode(&origin, bytes), GW_MQTT_ORIGIN_MAX_BYTES);
    assert_int_equal(bytes[31], 1);
    struct gw_mqtt_origin decoded = {0};
    struct gw_bytes view = {bytes, sizeof bytes};
    assert_int_equal(gw_mqtt_origin_decode(view, &decoded), GW_OK);
    assert_true(decoded.is_record && decoded.event_id == example.event_id);
    bytes[31] = 2;
    assert_int_equal(gw_mqtt_origin_decode(view, &decoded), GW_ERR_PARSE);
}

static void origins_of_other_doors_are_refused(void **state) {
    (void) state;
    uint8_t bytes[GW_MQTT_ORIGIN_MAX_BYTES];
    (void) gw_mqtt_origin_encode(&example, bytes);
    struct gw_mqtt_origin origin;
    struct gw_bytes shorter = {bytes, GW_MQTT_ORIGIN_BYTES - 1};
    assert_int_equal(gw_mqtt_origin_decode(shorter, &origin), GW_ERR_PARSE);
    bytes[0] = 'm';
    assert_int_equal(
        gw_mqtt_origin_decode((struct gw_bytes){bytes, GW_MQTT_ORIGIN_BYTES}, &origin),
        GW_ERR_PARSE);
}

static uint64_t both(const char *a, const char *b) {
    uint64_t first =
        gw_fingerprint(GW_FINGERPRINT_START, (struct gw_bytes){(const uint8_t *) a, strlen(a)});
    return gw_fingerprint(first, (struct gw_bytes){(const uint8_t *) b, strlen(b)});
}

static void a_fingerprint_depends_on_where_parts_end(void **state) {
    (void) state;
    assert_true(both("ab", "c") != both("a", "bc"));
    assert_true(both("ab", "") != both("", "ab"));
    assert_true(both("t", "x") == both("t", "x"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_as_drawn_in_the_header),
        cmocka_unit_test(decoding_gives_back_what_was_encoded),
        cmocka_unit_test(a_record_says_so_in_one_more_byte),
        cmocka_unit_test(origins_of_other_doors_are_refused),
        cmocka_unit_test(a_fingerprint_depends_on_where_parts_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
