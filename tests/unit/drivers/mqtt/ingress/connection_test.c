/* SPDX-License-Identifier: Apache-2.0 */
/* One connection between CONNECT and its end: timers, subscriptions, commands, and
 * what ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/drivers/mqtt/ingress/door_rig.h"

#define ID GW_STR("id")
#define BYTES(text) ((struct gw_bytes){(const uint8_t *) (text), sizeof(text) - 1})

/* ---- timers ---- */

static void who_does_not_connect_in_10_s_is_ended(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_open_client(rig, &client);
    door_pass(rig, 9000);
    door_send(&client, BYTES("\x10\x20\0"));
    door_pass(rig, 500);
    door_expect_silence(&client);
    door_pass(rig, 1000);
    door_expect_end(&client);
}

static void a_packet_that_does_not_get_complete_ends_its_connection(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_V5);
    door_send(&client, BYTES("\x32\x20\0\x08"));
    door_pass(rig, 10000);
    door_send(&client, BYTES("floor"));
    door_pass(rig, 9000);
    door_expect_silence(&client);
    door_pass(rig, 2000);
    assert_int_equal(door_expect_reason(&client, PACKET_DISCONNECT), REASON_UNSPECIFIED);
    door_expect_end(&client);
}

static void each_packet_has_its_own_20_s(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_CLEAN);
    for (int i = 0; i < 5; i++) {
        door_send(&client, BYTES("\xc0"));
        door_pass(rig, 15000);
        door_send(&client, BYTES("\0"));
        door_turn(rig);
        door_expect(&client, PACKET_PINGRESP);
    }
    door_close_client(&client);
}

static void silence_of_one_and_a_half_keep_alives_ends_the_connection(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_V5 | DOOR_KEEP_ALIVE);
    for (int i = 0; i < 4; i++) {
        door_pass(rig, 14500);
        door_ping(&client);
        door_turn(rig);
        door_expect(&client, PACKET_PINGRESP);
    }
    door_pass(rig, 15500);
    assert_int_equal(door_expect_reason(&client, PACKET_DISCONNECT), REASON_KEEP_ALIVE);
    door_expect_end(&client);
}

static void without_keep_alive_silence_is_no_fault(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_CLEAN);
    door_pass(rig, 600000);
    door_ping(&client);
    door_turn(rig);
    door_expect(&client, PACKET_PINGRESP);
    door_close_client(&client);
}

/* It is we who do not read. */
static void a_device_that_is_slowed_down_is_not_silent(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    rig->devices[1].max_per_second = 1;
    door_connect(rig, &client, ID, DOOR_V5 | DOOR_S2 | DOOR_KEEP_ALIVE);
    for (uint16_t id = 1; id <= 39; id++) {
        door_publish_to(&client, "floor/s2", 0x32, id, BYTES("{\"code\":\"c\"}"));
    }
    for (int i = 0; i < 50; i++) {
        door_pass(rig, 1000);
        door_commit(rig, GW_OK);
    }
    for (uint16_t id = 1; id <= 39; id++) {
        assert_int_equal(door_expect(&client, PACKET_PUBACK), id);
    }
    door_expect_silence(&client);
    door_close_client(&client);
}

/* ---- subscriptions ---- */

static void a_device_subscribes_to_its_own_two_topics_only(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    static const struct {
        const char *filter;
        uint8_t code;
    } rows[] = {
        {"gangway/s1/receipt", 0},
        {"gangway/s1/command", 0},
        {"gangway/s2/receipt", REASON_NOT_AUTHORISED},
        {"gangway/s1/other", REASON_NOT_AUTHORISED},
        {"gangway/s1/receipt/x", REASON_NOT_AUTHORISED},
        {"gangway/s1", REASON_NOT_AUTHORISED},
        {"floor/s1", REASON_NOT_AUTHORISED},
        {"gangway/+/receipt", REASON_WILDCARD},
        {"#", REASON_WILDCARD},
        {"$share/g/gangway/s1/receipt", REASON_SHARED_SUBSCRIPTION},
    };
    for (unsigned version = 0; version <= 1; version++) {
        door_connect(rig, &client, ID, version ? DOOR_V5 : DOOR_CLEAN);
        for (uint16_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct door_packet packet;
            door_subscribe(&client, (uint16_t) (i + 1), rows[i].filter);
            door_turn(rig);
            assert_true(door_next(&client, &packet));
            assert_int_equal(packet.type, PACKET_SUBACK);
            assert_int_equal(packet.packet_id, i + 1);
            uint8_t code = rows[i].code && !version ? REASON_UNSPECIFIED : rows[i].code;
            assert_int_equal(packet.reason, code);
        }
        door_close_client(&client);
        door_turn(rig);
    }
}

static void a_kept_subscription_is_durable_before_it_is_granted(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    size_t count = 0;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_publish(&client, 1, 1, false, "before");
    door_subscribe(&client, 3, "gangway/s1/command");
    door_publish(&client, 1, 2, false, "behind");
    door_turn(rig);
    door_expect_silence(&client);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 1);
    assert_int_equal(door_expect(&client, PACKET_SUBACK), 3);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 2);
    door_close_client(&client);
    door_restart(rig);
    assert_true(door_connect(rig, &client, ID, DOOR_KEPT));
    assert_int_equal(
        gw_ingress_command_device(rig->ingress, GW_STR("s1"), GW_STR("go"), &count), GW_OK);
    assert_int_equal(count, 1);
    door_close_client(&client);
}

static void a_subscription_whose_commit_failed_is_not_there(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    size_t count = 0;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_subscribe(&client, 3, "gangway/s1/command");
    door_turn(rig);
    door_commit(rig, GW_ERR_IO);
    door_expect_end(&client);
    assert_true(door_connect(rig, &client, ID, DOOR_KEPT));
    assert_int_equal(
        gw_ingress_command_device(rig->ingress, GW_STR("s1"), GW_STR("go"), &count),
        GW_ERR_NOENT);
    rig->fake->accept = 0;
    rig->fake->submit_err = GW_ERR_FULL;
    door_subscribe(&client, 3, "gangway/s1/command");
    door_turn(rig);
    door_expect_end(&client);
}

static void unsubscribing_says_whether_there_was_a_subscription(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    struct door_packet packet;
    door_connect(rig, &client, ID, DOOR_V5);
    door_subscribe(&client, 1, "gangway/s1/receipt");
    door_send(&client, BYTES("\xa2\x2b\0\2\0\0\x12gangway/s1/receipt\0\x12gangway/s1/command"));
    door_turn(rig);
    door_expect(&client, PACKET_SUBACK);
    assert_true(door_next(&client, &packet));
    assert_int_equal(packet.type, PACKET_UNSUBACK);
    assert_int_equal(packet.body_len, 5);
    assert_int_equal(packet.body[3], 0x00);
    assert_int_equal(packet.body[4], 0x11);
    door_close_client(&client);
}

static void more_than_16_filters_are_too_many(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    for (unsigned count = INGRESS_FILTERS_MAX; count <= INGRESS_FILTERS_MAX + 1; count++) {
        uint8_t bytes[128] = {0x82, (uint8_t) (3 + 4 * count), 0, 1, 0};
        for (unsigned i = 0; i < count; i++) {
            memcpy(bytes + 5 + 4 * i, "\0\1a", 4);
        }
        door_connect(rig, &client, ID, DOOR_V5);
        door_send(&client, (struct gw_bytes){bytes, 5 + 4 * count});
        door_turn(rig);
        if (count <= INGRESS_FILTERS_MAX) {
            door_expect(&client, PACKET_SUBACK);
            door_close_client(&client);
        } else {
            assert_int_equal(door_expect_reason(&client, PACKET_DISCONNECT), REASON_QUOTA);
            door_expect_end(&client);
        }
        door_turn(rig);
    }
}

/* ---- commands ---- */

static void a_command_reaches_every_connection_that_wants_it(void **state) {
    struct door_rig *rig = *state;
    struct door_client wants, wants_too, silent;
    struct door_packet packet;
    size_t count = 0;
    door_connect(rig, &wants, GW_STR("1"), DOOR_V5);
    door_connect(rig, &wants_too, GW_STR("2"), DOOR_CLEAN);
    door_connect(rig, &silent, GW_STR("3"), DOOR_CLEAN);
    assert_int_equal(
        gw_ingress_command_device(rig->ingress, GW_STR("s1"), GW_STR("beep"), &count),
        GW_ERR_NOENT);
    door_subscribe(&wants, 1, "gangway/s1/command");
    door_subscribe(&wants_too, 1, "gangway/s1/command");
    door_turn(rig);
    door_expect(&wants, PACKET_SUBACK);
    door_expect(&wants_too, PACKET_SUBACK);
    assert_int_equal(
        gw_ingress_command_device(rig->ingress, GW_STR("s1"), GW_STR("beep"), &count), GW_OK);
    assert_int_equal(count, 2);
    door_turn(rig);
    assert_true(door_next(&wants, &packet));
    assert_int_equal(packet.type, PACKET_PUBLISH);
    assert_memory_equal(packet.body, "\0\x12gangway/s1/command\0beep", 25);
    assert_true(door_next(&wants_too, &packet));
    assert_memory_equal(packet.body,
                        "\0\x12gangway/s1/command"
                        "beep",
                        24);
    door_expect_silence(&silent);
    door_close_client(&wants);
    door_close_client(&wants_too);
    door_close_client(&silent);
}

static void a_command_that_finds_no_room_says_so(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    static char text[GW_INGRESS_COMMAND_MAX_BYTES + 1];
    struct gw_str largest = {text, GW_INGRESS_COMMAND_MAX_BYTES};
    size_t count = 0;
    memset(text, 'x', sizeof text);
    door_connect(rig, &client, ID, DOOR_CLEAN);
    door_subscribe(&client, 1, "gangway/s1/command");
    door_turn(rig);
    assert_int_equal(gw_ingress_command_device(rig->ingress, GW_STR("s1"),
                                               (struct gw_str){text, sizeof text}, &count),
                     GW_ERR_RANGE);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(gw_ingress_command_device(rig->ingress, GW_STR("s1"), largest, &count),
                         GW_OK);
    }
    assert_int_equal(gw_ingress_command_device(rig->ingress, GW_STR("s1"), largest, &count),
                     GW_ERR_FULL);
    door_turn(rig);
    door_expect(&client, PACKET_SUBACK);
    for (int i = 0; i < 3; i++) {
        door_expect(&client, PACKET_PUBLISH);
    }
    door_expect_silence(&client);
    door_close_client(&client);
}

/* ---- what ends it ---- */

static void packets_that_may_not_come_here_end_the_connection(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    static const struct {
        struct gw_bytes bytes;
        uint8_t reason;
    } rows[] = {
        {{(const uint8_t *) "\x10\0", 2}, REASON_PROTOCOL_ERROR},
        {{(const uint8_t *) "\x20\2\0\0", 4}, REASON_PROTOCOL_ERROR},
        {{(const uint8_t *) "\x90\3\0\1\0", 5}, REASON_PROTOCOL_ERROR},
        {{(const uint8_t *) "\xb0\3\0\1\0", 5}, REASON_PROTOCOL_ERROR},
        {{(const uint8_t *) "\xd0\0", 2}, REASON_PROTOCOL_ERROR},
        {{(const uint8_t *) "\xf0\0", 2}, REASON_PROTOCOL_ERROR},
        {{(const uint8_t *) "\0\0", 2}, REASON_MALFORMED},
        {{(const uint8_t *) "\xc1\0", 2}, REASON_MALFORMED},
        {{(const uint8_t *) "\x60\2\0\1", 4}, REASON_MALFORMED},
        {{(const uint8_t *) "\x30\xff\xff\xff\xff\1", 6}, REASON_MALFORMED},
        {{(const uint8_t *) "\x82\2\0\0", 4}, REASON_MALFORMED},
        {{(const uint8_t *) "\xe0\3\0\0\0", 5}, REASON_MALFORMED},
        {{(const uint8_t *) "\x36\5\0\1a\0\1", 7}, REASON_MALFORMED},
        {{(const uint8_t *) "\x40\2\0\0", 4}, REASON_MALFORMED},
        {{(const uint8_t *) "\x82\x09\0\1\2\x0b\1\0\1a\0", 11}, REASON_SUBSCRIPTION_ID},
        {{(const uint8_t *) "\x82\x81\x10", 3}, REASON_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        door_connect(rig, &client, ID, DOOR_V5);
        door_send(&client, rows[i].bytes);
        door_turn(rig);
        uint8_t reason = door_expect_reason(&client, PACKET_DISCONNECT);
        if (reason != rows[i].reason) {
            fail_msg("row %zu: found 0x%02x, wanted 0x%02x", i, (unsigned) reason,
                     (unsigned) rows[i].reason);
        }
        door_expect_end(&client);
    }
    assert_int_equal(door_stored_events(rig), 0);
    assert_int_equal(door_count(rig, "protocol_errors"), sizeof rows / sizeof rows[0]);
}

static void acknowledgements_of_a_client_are_about_nothing_of_ours(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_V5);
    door_send_ack(&client, 0x40, 1);
    door_send_ack(&client, 0x50, 1);
    door_send_ack(&client, 0x70, 1);
    door_send_ack(&client, 0x62, 1);
    door_turn(rig);
    assert_int_equal(door_expect_reason(&client, PACKET_PUBCOMP), REASON_PACKET_ID_UNKNOWN);
    door_expect_silence(&client);
    door_close_client(&client);
}

/* What came before the fault in the same bytes is kept; it is not acknowledged. */
static void a_fault_ends_the_connection_and_keeps_what_came_before_it(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_V5);
    door_publish(&client, 1, 1, false, "before");
    door_send(&client, BYTES("\xf0\0"));
    door_publish(&client, 1, 2, false, "behind");
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect_reason(&client, PACKET_DISCONNECT), REASON_PROTOCOL_ERROR);
    door_expect_end(&client);
    assert_int_equal(door_stored(rig, "before"), 1);
    assert_int_equal(door_stored(rig, "behind"), 0);
}

static void a_revoked_device_is_sent_away(void **state) {
    struct door_rig *rig = *state;
    struct door_client client, other;
    char secret[GW_INGRESS_SECRET_LEN + 1];
    door_connect(rig, &client, ID, DOOR_V5);
    door_connect(rig, &other, ID, DOOR_V5 | DOOR_S2);
    assert_int_equal(gw_ingress_revoke_device(rig->ingress, GW_STR("s1")), GW_OK);
    door_turn(rig);
    assert_int_equal(door_expect_reason(&client, PACKET_DISCONNECT), REASON_NOT_AUTHORISED);
    door_expect_end(&client);
    door_expect_silence(&other);
    door_close_client(&other);
    assert_int_equal(gw_ingress_add_device(rig->ingress, GW_STR("s9"), secret), GW_ERR_NOENT);
    assert_int_equal(gw_ingress_rotate_device(rig->ingress, GW_STR("s2"), secret), GW_OK);
}

static void a_gateway_that_goes_tells_version_5(void **state) {
    struct door_rig *rig = *state;
    struct door_client told, silent, early;
    door_connect(rig, &told, GW_STR("1"), DOOR_V5);
    door_connect(rig, &silent, GW_STR("2"), DOOR_CLEAN);
    door_open_client(rig, &early);
    door_publish(&told, 1, 1, false, "last");
    door_turn(rig);
    gw_fake_intake_commit(rig->fake, GW_OK);
    door_restart(rig);
    assert_int_equal(door_expect(&told, PACKET_PUBACK), 1);
    assert_int_equal(door_expect_reason(&told, PACKET_DISCONNECT), REASON_SHUTTING_DOWN);
    door_expect_end(&told);
    door_expect_end(&silent);
    door_expect_end(&early);
}

/* The PUBLISH waited behind a CONNACK that goes out with the last words: a completion
 * of it would come when there is nobody any more. */
static void a_gateway_that_goes_submits_nothing_any_more(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_open_client(rig, &client);
    door_send_connect(rig, &client, ID, DOOR_KEPT);
    door_publish(&client, 1, 1, false, "early");
    door_turn(rig);
    gw_fake_intake_commit(rig->fake, GW_OK);
    uint64_t submits = rig->fake->submits;
    door_restart(rig);
    assert_int_equal(rig->fake->submits, submits);
    door_expect(&client, PACKET_CONNACK);
    door_expect_end(&client);
}

static void without_its_file_of_secrets_nobody_gets_in(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    char secret[GW_INGRESS_SECRET_LEN + 1];
    gw_temp_flip(rig->credentials_path, 30, 1);
    door_restart(rig);
    assert_true(
        gw_health_is_raised(rig->health, GW_ISSUE_INGRESS_CREDENTIALS, (struct gw_str){0}));
    door_open_client(rig, &client);
    door_send_connect(rig, &client, ID, DOOR_CLEAN);
    door_turn(rig);
    assert_int_equal(door_expect_reason(&client, PACKET_CONNACK), 4);
    door_expect_end(&client);
    assert_int_equal(gw_ingress_add_device(rig->ingress, GW_STR("s1"), secret), GW_ERR_CORRUPT);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, door_setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(who_does_not_connect_in_10_s_is_ended),
        RIG_TEST(a_packet_that_does_not_get_complete_ends_its_connection),
        RIG_TEST(each_packet_has_its_own_20_s),
        RIG_TEST(silence_of_one_and_a_half_keep_alives_ends_the_connection),
        RIG_TEST(without_keep_alive_silence_is_no_fault),
        RIG_TEST(a_device_that_is_slowed_down_is_not_silent),
        RIG_TEST(a_device_subscribes_to_its_own_two_topics_only),
        RIG_TEST(a_kept_subscription_is_durable_before_it_is_granted),
        RIG_TEST(a_subscription_whose_commit_failed_is_not_there),
        RIG_TEST(unsubscribing_says_whether_there_was_a_subscription),
        RIG_TEST(more_than_16_filters_are_too_many),
        RIG_TEST(a_command_reaches_every_connection_that_wants_it),
        RIG_TEST(a_command_that_finds_no_room_says_so),
        RIG_TEST(packets_that_may_not_come_here_end_the_connection),
        RIG_TEST(acknowledgements_of_a_client_are_about_nothing_of_ours),
        RIG_TEST(a_fault_ends_the_connection_and_keeps_what_came_before_it),
        RIG_TEST(a_revoked_device_is_sent_away),
        RIG_TEST(a_gateway_that_goes_tells_version_5),
        RIG_TEST(a_gateway_that_goes_submits_nothing_any_more),
        RIG_TEST(without_its_file_of_secrets_nobody_gets_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
