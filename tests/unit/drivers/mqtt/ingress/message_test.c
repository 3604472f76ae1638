/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a PUBLISH: QoS 2, topics, what is too large or too much, and what
 * version 5 adds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/drivers/mqtt/ingress/door_rig.h"

#define ID GW_STR("id")
#define BYTES(text) ((struct gw_bytes){(const uint8_t *) (text), sizeof(text) - 1})

/* ---- QoS 2 ---- */

static void qos_2_goes_its_four_steps(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_publish(&client, 2, 9, false, "two");
    door_turn(rig);
    door_expect_silence(&client);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBREC), 9);
    door_publish(&client, 2, 9, true, "two");
    door_turn(rig);
    assert_int_equal(door_expect(&client, PACKET_PUBREC), 9);
    door_send_ack(&client, 0x62, 9);
    door_turn(rig);
    door_expect_silence(&client);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBCOMP), 9);
    door_send_ack(&client, 0x62, 9);
    door_turn(rig);
    assert_int_equal(door_expect(&client, PACKET_PUBCOMP), 9);
    assert_int_equal(door_stored(rig, "two"), 1);
    door_publish(&client, 2, 9, false, "two");
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBREC), 9);
    assert_int_equal(door_stored(rig, "two"), 2);
    door_close_client(&client);
}

static void qos_2_goes_on_after_a_restart(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_publish(&client, 2, 9, false, "two");
    door_turn(rig);
    door_close_client(&client);
    gw_fake_intake_commit(rig->fake, GW_OK);
    door_restart(rig);
    assert_true(door_connect(rig, &client, ID, DOOR_KEPT));
    door_publish(&client, 2, 9, true, "two");
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBREC), 9);
    door_send_ack(&client, 0x62, 9);
    door_turn(rig);
    door_restart(rig); /* before the commit: the id is still known */
    door_close_client(&client);
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_publish(&client, 2, 9, true, "two");
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBREC), 9);
    assert_int_equal(door_stored(rig, "two"), 1);
    door_close_client(&client);
}

static void a_release_that_finds_no_room_is_withheld(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_publish(&client, 2, 9, false, "two");
    door_turn(rig);
    door_commit(rig, GW_OK);
    door_expect(&client, PACKET_PUBREC);
    rig->fake->accept = 0;
    rig->fake->submit_err = GW_ERR_FULL;
    door_send_ack(&client, 0x62, 9);
    door_turn(rig);
    rig->fake->accept = -1;
    door_commit(rig, GW_OK);
    door_expect_silence(&client);
    door_close_client(&client);
    door_turn(rig);
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_publish(&client, 2, 9, true, "two");
    door_send_ack(&client, 0x62, 9);
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBREC), 9);
    assert_int_equal(door_expect(&client, PACKET_PUBCOMP), 9);
    assert_int_equal(door_stored(rig, "two"), 1);
    door_close_client(&client);
}

/* A reconnection before the commit must not forget the id that is about to be kept,
 * whatever failed long before. */
static void an_old_failure_does_not_make_qos_2_store_twice(void **state) {
    struct door_rig *rig = *state;
    struct door_client client, other;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_connect(rig, &other, GW_STR("other"), DOOR_KEPT);
    door_publish(&other, 1, 1, false, "o");
    door_turn(rig);
    door_commit(rig, GW_ERR_IO);
    door_expect_end(&other);
    door_publish(&client, 2, 9, false, "two");
    door_turn(rig);
    door_close_client(&client);
    door_turn(rig);
    door_open_client(rig, &client);
    door_send_connect(rig, &client, ID, DOOR_KEPT);
    door_turn(rig);
    door_commit(rig, GW_OK);
    door_expect(&client, PACKET_CONNACK);
    door_publish(&client, 2, 9, true, "two");
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBREC), 9);
    assert_int_equal(door_stored(rig, "two"), 1);
    door_close_client(&client);
}

static void so_many_messages_of_qos_2_may_await_their_release(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    for (uint16_t id = 1; id <= SESSION_QOS2_MAX; id++) {
        door_publish(&client, 2, id, false, "q");
        door_turn(rig);
        door_commit(rig, GW_OK);
        assert_int_equal(door_expect(&client, PACKET_PUBREC), id);
    }
    door_publish(&client, 2, 5, true, "q"); /* a known one needs no room */
    door_turn(rig);
    assert_int_equal(door_expect(&client, PACKET_PUBREC), 5);
    door_publish(&client, 2, SESSION_QOS2_MAX + 1, false, "q");
    door_turn(rig);
    door_commit(rig, GW_OK);
    door_pass(rig, 1000); /* not taken: it comes again on the next connection */
    door_expect_end(&client);
    assert_int_equal(door_stored(rig, "q"), SESSION_QOS2_MAX);
}

/* ---- too much, too large ---- */

static void a_device_over_its_rate_is_read_more_slowly_and_loses_nothing(void **state) {
    struct door_rig *rig = *state;
    struct door_client flood, calm;
    door_connect(rig, &flood, ID, DOOR_S2 | DOOR_KEPT);
    door_connect(rig, &calm, ID, DOOR_KEPT);
    for (uint16_t id = 1; id <= 35; id++) {
        char payload[64];
        (void) snprintf(payload, sizeof payload, "{\"code\":\"c\",\"id\":\"e%u\"}",
                        (unsigned) id);
        door_publish_to(&flood, "floor/s2", 0x32, id,
                        gw_bytes_from_str(gw_str_from_cstr(payload)));
    }
    door_publish(&calm, 1, 1, false, "calm");
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&calm, PACKET_PUBACK), 1);
    size_t first = door_stored_events(rig) - 1;
    assert_true(first < 35);
    assert_true(door_count(rig, "over_rate") > 0);
    assert_true(gw_health_is_raised(rig->health, GW_ISSUE_DEVICE_RATE_LIMITED, GW_STR("s2")));
    for (unsigned i = 0; i < 50; i++) {
        door_pass(rig, 100);
        door_commit(rig, GW_OK);
    }
    for (uint16_t id = 1; id <= 35; id++) {
        assert_int_equal(door_expect(&flood, PACKET_PUBACK), id);
    }
    assert_int_equal(door_stored_events(rig), 36);
    door_pass(rig, 61000);
    assert_false(gw_health_is_raised(rig->health, GW_ISSUE_DEVICE_RATE_LIMITED, GW_STR("s2")));
    door_close_client(&flood);
    door_close_client(&calm);
}

/* 200,000 bytes in pieces: only the front is kept, the rest passes by; the answer
 * waits for its end, and the packet behind it is found. */
static void what_is_too_large_is_kept_in_front_and_skipped_behind(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    enum { PIECE = 20000, PIECES = 10 };
    static uint8_t piece[PIECE];
    const size_t rest = 2 + 8 + 2 + (size_t) PIECE * PIECES;
    const uint8_t head[] = {0x32,
                            (uint8_t) (rest & 127) | 128,
                            (uint8_t) (rest >> 7 & 127) | 128,
                            (uint8_t) (rest >> 14),
                            0,
                            8,
                            'f',
                            'l',
                            'o',
                            'o',
                            'r',
                            '/',
                            's',
                            '1',
                            0,
                            77};
    door_connect(rig, &client, ID, DOOR_KEPT);
    memset(piece, 'x', sizeof piece);
    door_send(&client, (struct gw_bytes){head, sizeof head});
    for (unsigned i = 0; i < PIECES; i++) {
        door_expect_silence(&client);
        door_send(&client, (struct gw_bytes){piece, sizeof piece});
        door_turn(rig);
        gw_fake_intake_commit(rig->fake, GW_OK);
    }
    door_turn(rig);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 77);
    assert_true(door_newest(rig)->has_quarantine);
    assert_int_equal(door_newest(rig)->raw_len, (size_t) PIECE * PIECES);
    door_publish(&client, 1, 78, false, "next");
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 78);
    assert_int_equal(door_stored(rig, "next"), 1);
    door_close_client(&client);
}

static void more_than_max_packet_kib_ends_the_connection(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_V5);
    door_send(&client, BYTES("\x32\x81\x80\x10\0\1t"));
    door_turn(rig);
    assert_int_equal(door_expect_reason(&client, PACKET_DISCONNECT), REASON_TOO_LARGE);
    door_expect_end(&client);
}

static void version_5_keeps_to_the_receive_maximum(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_V5);
    for (uint16_t id = 1; id <= DOOR_RECEIVE_MAXIMUM; id++) {
        door_publish(&client, 1, id, false, "x");
    }
    door_turn(rig);
    door_commit(rig, GW_OK);
    for (uint16_t id = 1; id <= DOOR_RECEIVE_MAXIMUM; id++) {
        assert_int_equal(door_expect(&client, PACKET_PUBACK), id);
    }
    for (uint16_t id = 1; id <= DOOR_RECEIVE_MAXIMUM + 1; id++) {
        door_publish(&client, 1, id, false, "x");
    }
    door_turn(rig);
    assert_int_equal(door_expect_reason(&client, PACKET_DISCONNECT), REASON_RECEIVE_MAXIMUM);
    door_expect_end(&client);
}

/* Version 4 has no such number: reading stops until there is room for answers. */
static void version_4_is_read_as_far_as_there_is_room_for_answers(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    for (uint16_t id = 1; id <= 120; id++) {
        door_publish(&client, 1, id, false, "x");
    }
    door_turn(rig);
    assert_int_equal(rig->fake->pending, rig->ingress->answer_mask + 1);
    for (int i = 0; i < 10; i++) {
        door_commit(rig, GW_OK);
    }
    for (uint16_t id = 1; id <= 120; id++) {
        assert_int_equal(door_expect(&client, PACKET_PUBACK), id);
    }
    assert_int_equal(door_stored(rig, "x"), 120);
    door_close_client(&client);
}

/* ---- topics ---- */

static void a_device_publishes_under_its_own_topics_only(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    static const struct {
        const char *topic;
        bool is_own;
    } rows[] = {
        {"floor/s1", true},       {"gangway/s1/a", true}, {"gangway/s1/a/b", true},
        {"gangway/s2/a", false},  {"gangway/s1", false},  {"gangway/s1/", false},
        {"gangway/s10/a", false}, {"gangway/s", false},   {"floor/s1/x", false},
        {"floor/s2", false},      {"$SYS/a", false},      {"floor/s1", true},
    };
    door_connect(rig, &client, ID, DOOR_KEPT);
    for (uint16_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        door_publish_to(&client, rows[i].topic, 0x32, (uint16_t) (i + 1), BYTES("x"));
        door_turn(rig);
        door_commit(rig, GW_OK);
        assert_int_equal(door_expect(&client, PACKET_PUBACK), i + 1);
        if (door_newest(rig)->has_event != rows[i].is_own) {
            fail_msg("%s", rows[i].topic);
        }
    }
    assert_int_equal(door_count(rig, "foreign_topics"), 8);
    door_close_client(&client);
}

static void no_topic_name_ends_the_connection(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    static const struct {
        const char *topic;
        uint8_t reason;
    } rows[] = {{"", REASON_TOPIC_NAME},
                {"floor/+", REASON_TOPIC_NAME},
                {"floor/#", REASON_TOPIC_NAME},
                {"floor/\xff", REASON_MALFORMED}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        door_connect(rig, &client, ID, DOOR_V5);
        door_publish_to(&client, rows[i].topic, 0x32, 1, BYTES("x"));
        door_turn(rig);
        uint8_t reason = door_expect_reason(&client, PACKET_DISCONNECT);
        assert_true(reason == rows[i].reason || (i == 0 && reason == REASON_PROTOCOL_ERROR));
        door_expect_end(&client);
    }
    assert_int_equal(door_stored_events(rig), 0);
}

/* ---- version 5 ---- */

static void properties_become_metadata(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_V5 | DOOR_S2);
    static const char packet[] = "\x32\x76\0\x08"
                                 "floor/s2\0\1"
                                 "\x54\2\0\0\0\x0a\x09\0\5order"
                                 "\x26\0\x0btraceparent\0\x37"
                                 "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                                 "{\"code\":\"c\",\"id\":\"7\"}";
    assert_int_equal(sizeof packet - 1, 2 + 0x76);
    door_send(&client, (struct gw_bytes){(const uint8_t *) packet, sizeof packet - 1});
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 1);
    const struct gw_fake_unit *unit = door_newest(rig);
    assert_string_equal(unit->correlation, "order");
    assert_int_equal(unit->trace.trace_id[0], 0x0a);
    assert_int_equal(unit->trace.span_id[7], 0x31);
    assert_int_equal(unit->expiry_wall_ms, rig->fake_clock.wall_ms + 10000);
    door_close_client(&client);
}

static void metadata_of_another_form_is_left_out(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_V5);
    door_send(&client, BYTES("\x32\x2e\0\x08"
                             "floor/s1\0\1\x1f\2\0\0\0\x0a\x09\0\2a "
                             "\x26\0\x0btraceparent\0\5wrong!x"));
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 1);
    const struct gw_fake_unit *unit = door_newest(rig);
    assert_string_equal(unit->correlation, "");
    assert_int_equal(unit->trace.trace_id[0], 0);
    assert_int_equal(unit->expiry_wall_ms, 0); /* business does not expire */
    door_close_client(&client);
}

static void version_5_has_no_qos_2_and_no_topic_alias_here(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_V5);
    door_publish(&client, 2, 1, false, "x");
    door_turn(rig);
    assert_int_equal(door_expect_reason(&client, PACKET_DISCONNECT), REASON_QOS);
    door_expect_end(&client);
    door_connect(rig, &client, ID, DOOR_V5);
    door_send(&client, BYTES("\x30\x0f\0\x08"
                             "floor/s1\3\x23\0\1x"));
    door_turn(rig);
    assert_int_equal(door_expect_reason(&client, PACKET_DISCONNECT), REASON_TOPIC_ALIAS);
    door_expect_end(&client);
    assert_int_equal(door_stored_events(rig), 0);
}

/* ---- receipts ---- */

static void who_subscribed_to_receipts_is_told_what_became_of_each_message(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    struct door_packet packet;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_subscribe(&client, 3, "gangway/s1/receipt");
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_SUBACK), 3);
    door_publish(&client, 1, 5, false, "a");
    door_publish(&client, 0, 0, false, "b");
    door_publish(&client, 1, 6, false, "\xff");
    door_turn(rig);
    door_expect_silence(&client);
    door_commit(rig, GW_OK);
    static const char *const texts[] = {"{\"packetid\":5,\"result\":\"stored\"}",
                                        "{\"packetid\":0,\"result\":\"stored\"}",
                                        "{\"packetid\":6,\"result\":\"quarantined\"}"};
    for (size_t i = 0; i < 3; i++) {
        if (i != 1) {
            door_expect(&client, PACKET_PUBACK);
        }
        assert_true(door_next(&client, &packet));
        assert_int_equal(packet.type, PACKET_PUBLISH);
        size_t len = strlen(texts[i]);
        assert_memory_equal(packet.body, "\0\x12gangway/s1/receipt", 20);
        assert_int_equal(packet.body_len, 20 + len);
        assert_memory_equal(packet.body + 20, texts[i], len);
    }
    door_close_client(&client);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, door_setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(qos_2_goes_its_four_steps),
        RIG_TEST(qos_2_goes_on_after_a_restart),
        RIG_TEST(a_release_that_finds_no_room_is_withheld),
        RIG_TEST(an_old_failure_does_not_make_qos_2_store_twice),
        RIG_TEST(so_many_messages_of_qos_2_may_await_their_release),
        RIG_TEST(a_device_over_its_rate_is_read_more_slowly_and_loses_nothing),
        RIG_TEST(what_is_too_large_is_kept_in_front_and_skipped_behind),
        RIG_TEST(more_than_max_packet_kib_ends_the_connection),
        RIG_TEST(version_5_keeps_to_the_receive_maximum),
        RIG_TEST(version_4_is_read_as_far_as_there_is_room_for_answers),
        RIG_TEST(a_device_publishes_under_its_own_topics_only),
        RIG_TEST(no_topic_name_ends_the_connection),
        RIG_TEST(properties_become_metadata),
        RIG_TEST(metadata_of_another_form_is_left_out),
        RIG_TEST(version_5_has_no_qos_2_and_no_topic_alias_here),
        RIG_TEST(who_subscribed_to_receipts_is_told_what_became_of_each_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
