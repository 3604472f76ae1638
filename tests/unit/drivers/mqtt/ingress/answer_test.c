/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE RULE: no PUBACK or PUBREC before the commit, none for a group that failed,
 * all in the order of the PUBLISH packets, and none behind one that was withheld.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/drivers/mqtt/ingress/door_rig.h"

#define ID GW_STR("id")

/* ---- before and after the commit ---- */

static void nothing_is_acknowledged_before_the_commit(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_publish(&client, 1, 1, false, "a");
    door_publish(&client, 1, 2, false, "b");
    door_turn(rig);
    assert_int_equal(rig->fake->pending, 2);
    door_expect_silence(&client);
    door_pass(rig, 3000);
    door_expect_silence(&client);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 1);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 2);
    door_expect_silence(&client);
    door_close_client(&client);
}

static void a_failed_group_is_never_acknowledged(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_publish(&client, 1, 1, false, "a");
    door_publish(&client, 2, 2, false, "b");
    door_turn(rig);
    door_commit(rig, GW_ERR_IO);
    door_expect_end(&client);
    assert_true(door_connect(rig, &client, ID, DOOR_KEPT));
    door_expect_silence(&client);
    door_publish(&client, 1, 1, true, "a");
    door_publish(&client, 2, 2, true, "b");
    door_turn(rig);
    door_expect_silence(&client);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 1);
    assert_int_equal(door_expect(&client, PACKET_PUBREC), 2);
    assert_int_equal(door_stored(rig, "a"), 1);
    assert_int_equal(door_stored(rig, "b"), 1);
    assert_int_equal(door_count(rig, "redelivered_known"), 0);
    door_close_client(&client);
}

static void a_failed_group_ends_every_connection_in_it_and_no_other(void **state) {
    struct door_rig *rig = *state;
    struct door_client first, second, idle;
    door_connect(rig, &first, GW_STR("first"), DOOR_KEPT);
    door_connect(rig, &second, GW_STR("second"), DOOR_KEPT);
    door_connect(rig, &idle, GW_STR("idle"), DOOR_KEPT);
    door_publish(&first, 1, 1, false, "a");
    door_publish(&second, 1, 1, false, "b");
    door_turn(rig);
    door_commit(rig, GW_ERR_IO);
    door_expect_end(&first);
    door_expect_end(&second);
    door_ping(&idle);
    door_turn(rig);
    door_expect(&idle, PACKET_PINGRESP);
    door_close_client(&idle);
}

/* Known, stored and in the quarantine: one order, that of the PUBLISH packets. */
static void acknowledgements_come_in_the_order_of_the_publishes(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    for (uint16_t id = 65000; id < 65020; id++) {
        door_publish(&client, 1, id, false, "x");
    }
    door_turn(rig);
    door_commit(rig, GW_OK);
    for (uint16_t id = 65000; id < 65020; id++) {
        assert_int_equal(door_expect(&client, PACKET_PUBACK), id);
    }
    door_publish(&client, 1, 65020, false, "new");
    door_publish(&client, 1, 65015, true, "x"); /* known */
    door_publish(&client, 1, 65021, false, "\xff\xfe");
    door_publish(&client, 2, 7, false, "two");
    door_publish_to(&client, "foreign/topic", 0x32, 65022,
                    (struct gw_bytes){(const uint8_t *) "f", 1});
    door_publish(&client, 1, 65023, false, "last");
    door_turn(rig);
    assert_int_equal(door_count(rig, "redelivered_known"), 1);
    door_expect_silence(&client);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 65020);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 65015);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 65021);
    assert_int_equal(door_expect(&client, PACKET_PUBREC), 7);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 65022);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 65023);
    assert_int_equal(door_count(rig, "quarantined"), 2);
    door_close_client(&client);
}

static void version_5_is_told_why_something_went_to_the_quarantine(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    static uint8_t large[100000];
    memset(large, 'x', sizeof large);
    door_connect(rig, &client, ID, DOOR_V5);
    door_publish(&client, 1, 1, false, "\xff\xfe");
    door_publish_to(&client, "foreign/topic", 0x32, 2, (struct gw_bytes){large, 1});
    door_publish_to(&client, "floor/s1", 0x32, 3, (struct gw_bytes){large, sizeof large});
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect_reason(&client, PACKET_PUBACK), REASON_PAYLOAD_FORMAT);
    assert_int_equal(door_expect_reason(&client, PACKET_PUBACK), REASON_NOT_AUTHORISED);
    assert_int_equal(door_expect_reason(&client, PACKET_PUBACK), REASON_QUOTA);
    assert_int_equal(door_newest(rig)->raw_len, sizeof large);
    door_close_client(&client);
}

/* ---- withheld ---- */

static void a_full_store_withholds_what_follows_and_answers_pings(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_V5 | DOOR_KEPT);
    rig->fake->accept = 1;
    rig->fake->submit_err = GW_ERR_FULL;
    door_publish(&client, 1, 1, false, "a");
    door_publish(&client, 1, 2, false, "b");
    door_turn(rig);
    rig->fake->accept = -1;
    door_publish(&client, 1, 3, false, "c");
    door_ping(&client);
    door_turn(rig);
    door_expect(&client, PACKET_PINGRESP);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 1);
    door_expect_silence(&client);
    assert_int_equal(door_stored(rig, "a"), 1);
    assert_int_equal(door_stored(rig, "b") + door_stored(rig, "c"), 0);
    door_pass(rig, INGRESS_WITHHELD_MS + 250);
    assert_int_equal(door_expect_reason(&client, PACKET_DISCONNECT), REASON_QUOTA);
    door_expect_end(&client);
    assert_true(door_connect(rig, &client, ID, DOOR_V5 | DOOR_KEPT));
    door_publish(&client, 1, 2, true, "b");
    door_publish(&client, 1, 3, true, "c");
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 2);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 3);
    assert_int_equal(door_stored(rig, "b") + door_stored(rig, "c"), 2);
    door_close_client(&client);
}

static void what_is_known_is_not_acknowledged_behind_something_withheld(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_publish(&client, 2, 1, false, "two");
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBREC), 1);
    rig->fake->accept = 0;
    rig->fake->submit_err = GW_ERR_FULL;
    door_publish(&client, 1, 2, false, "b");
    door_turn(rig);
    rig->fake->accept = -1;
    door_publish(&client, 2, 1, true, "two");
    door_send_ack(&client, 0x62, 1);
    door_turn(rig);
    door_commit(rig, GW_OK);
    door_expect_silence(&client);
    door_close_client(&client);
}

static void a_known_message_waits_for_room_like_any_other(void **state) {
    struct door_rig *rig = *state;
    struct door_client client, other;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_connect(rig, &other, GW_STR("other"), DOOR_KEPT);
    door_publish(&client, 2, 1, false, "two");
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBREC), 1);
    door_publish(&other, 1, 1, false, "pending");
    door_turn(rig);
    rig->fake->accept = 0;
    rig->fake->submit_err = GW_ERR_FULL;
    door_publish(&client, 2, 1, true, "two");
    door_turn(rig);
    door_commit(rig, GW_OK);
    door_expect_silence(&client);
    assert_int_equal(door_expect(&other, PACKET_PUBACK), 1);
    door_close_client(&client);
    door_close_client(&other);
}

static void qos_0_that_finds_no_room_is_told_as_lost(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_CLEAN);
    rig->fake->accept = 0;
    rig->fake->submit_err = GW_ERR_FULL;
    door_publish(&client, 0, 0, false, "gone");
    door_turn(rig);
    assert_int_equal(rig->refused, 1);
    rig->fake->accept = -1;
    door_publish(&client, 1, 1, false, "here");
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 1);
    door_close_client(&client);
}

static void
what_the_queue_calls_wrong_goes_to_the_quarantine_or_stays_with_the_device(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    static const enum gw_err errs[] = {GW_ERR_SCHEMA, GW_ERR_IO, GW_ERR_DENIED, GW_ERR_CORRUPT};
    for (size_t i = 0; i < sizeof errs / sizeof errs[0]; i++) {
        door_connect(rig, &client, ID, DOOR_CLEAN);
        rig->fake->accept = 0;
        rig->fake->submit_err = errs[i];
        uint64_t submits = rig->fake->submits;
        door_publish(&client, 1, 1, false, "odd");
        door_turn(rig);
        assert_int_equal(rig->fake->submits - submits, errs[i] == GW_ERR_SCHEMA ? 2 : 1);
        rig->fake->accept = -1;
        door_commit(rig, GW_OK);
        door_expect_silence(&client);
        door_close_client(&client);
        door_turn(rig);
    }
}

/* ---- gone meanwhile ---- */

static void a_connection_lost_before_the_commit_stores_once(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    for (uint16_t id = 1000; id < 1020; id++) {
        door_publish(&client, 1, id, false, "x");
        door_turn(rig);
        door_commit(rig, GW_OK);
    }
    door_publish(&client, 1, 1020, false, "a");
    door_turn(rig);
    door_close_client(&client);
    door_turn(rig);
    door_open_client(rig, &client);
    door_send_connect(rig, &client, ID, DOOR_KEPT);
    door_turn(rig);
    door_expect_silence(&client); /* CONNACK waits for what is uncommitted */
    door_commit(rig, GW_OK);
    door_expect(&client, PACKET_CONNACK);
    door_publish(&client, 1, 1020, true, "a");
    door_turn(rig);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 1020);
    assert_int_equal(door_stored(rig, "a"), 1);
    door_close_client(&client);
}

/* The place of a connection is used again before the completions of the first: they
 * must not count for the second. */
static void completions_of_a_connection_that_has_gone_reach_nobody(void **state) {
    struct door_rig *rig = *state;
    struct door_client first, second;
    door_connect(rig, &first, ID, DOOR_CLEAN);
    door_publish(&first, 1, 1, false, "a");
    door_publish(&first, 1, 2, false, "b");
    door_turn(rig);
    door_close_client(&first);
    door_turn(rig);
    door_open_client(rig, &second);
    door_turn(rig);
    door_commit(rig, GW_OK);
    door_expect_silence(&second);
    door_send_connect(rig, &second, GW_STR("second"), DOOR_CLEAN);
    door_turn(rig);
    door_expect(&second, PACKET_CONNACK);
    door_publish(&second, 1, 9, false, "c");
    door_turn(rig);
    door_expect_silence(&second);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&second, PACKET_PUBACK), 9);
    door_close_client(&second);
}

/* ---- groups that end inside a submit ---- */

static void a_group_that_fails_inside_a_submit_is_not_acknowledged(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_publish(&client, 1, 1, false, "a");
    door_turn(rig);
    rig->fake->ends_group = true;
    rig->fake->group_err = GW_ERR_IO;
    door_publish(&client, 1, 2, false, "b");
    door_turn(rig);
    door_commit(rig, GW_OK);
    door_expect_end(&client);
    assert_int_equal(door_stored(rig, "a"), 0);
    assert_true(door_connect(rig, &client, ID, DOOR_KEPT));
    door_publish(&client, 1, 1, true, "a");
    door_publish(&client, 1, 2, true, "b");
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 1);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 2);
    assert_int_equal(door_stored(rig, "a"), 1);
    assert_true(door_stored(rig, "b") >= 1);
    door_close_client(&client);
}

static void a_group_that_ends_well_inside_a_submit_is_acknowledged_alone(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_publish(&client, 1, 1, false, "a");
    door_turn(rig);
    rig->fake->ends_group = true;
    rig->fake->group_err = GW_OK;
    door_publish(&client, 1, 2, false, "b");
    door_turn(rig);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 1);
    door_expect_silence(&client);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 2);
    door_close_client(&client);
}

/* The value that is kept of a session names packet ids of QoS 2. One whose event was
 * in the group that failed must not be named by the next group: its PUBLISH would be
 * taken for known, and its event never stored. */
static void an_id_whose_event_failed_is_not_kept_by_the_unit_behind_it(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    static const uint8_t firsts[] = {0x34, 0x62, 0x82};
    for (size_t i = 0; i < sizeof firsts; i++) {
        char lost[8];
        (void) snprintf(lost, sizeof lost, "lost%zu", i);
        door_connect(rig, &client, ID, DOOR_KEPT);
        door_publish(&client, 2, 1, false, "kept");
        door_turn(rig);
        door_commit(rig, GW_OK);
        door_publish(&client, 2, 50, false, lost);
        door_turn(rig);
        rig->fake->ends_group = true;
        rig->fake->group_err = GW_ERR_IO;
        if (firsts[i] == 0x34) {
            door_publish(&client, 2, 51, false, "behind");
        } else if (firsts[i] == 0x62) {
            door_send_ack(&client, 0x62, 1);
        } else {
            door_subscribe(&client, 9, "gangway/s1/receipt");
        }
        door_turn(rig);
        door_commit(rig, GW_OK);
        assert_true(door_is_ended(&client));
        door_close_client(&client);
        if (i == 0) {
            door_restart(rig);
        }
        door_connect(rig, &client, ID, DOOR_KEPT);
        door_publish(&client, 2, 50, true, lost);
        door_turn(rig);
        door_commit(rig, GW_OK);
        assert_int_equal(door_stored(rig, lost), 1);
        door_close_client(&client);
        door_open_client(rig, &client);
        door_send_connect(rig, &client, ID, DOOR_CLEAN);
        door_turn(rig);
        door_commit(rig, GW_OK);
        door_close_client(&client);
        door_turn(rig);
    }
}

/* ---- whatever fails ---- */

/* Read all there is: did the acknowledgement come? Then its message is stored. */
static bool is_acknowledged(struct door_rig *rig, struct door_client *client, uint8_t type,
                            uint16_t packet_id, const char *payload) {
    struct door_packet packet;
    bool found = false;
    while (door_next(client, &packet)) {
        found = found || (packet.type == type && packet.packet_id == packet_id);
    }
    assert_true(!found || door_stored(rig, payload) >= 1);
    return found;
}

static void reconnect(struct door_rig *rig, struct door_client *client) {
    door_close_client(client);
    door_open_client(rig, client);
    door_send_connect(rig, client, ID, DOOR_KEPT);
    door_turn(rig);
    door_commit(rig, GW_OK);
}

/* Each message is sent again until its PUBACK comes, over as many connections as it
 * takes. The first attempt is the one that finds the fault. */
static void send_until_acknowledged(struct door_rig *rig, struct door_client *client,
                                    uint8_t qos, uint16_t packet_id, const char *payload) {
    const uint8_t type = qos == 1 ? PACKET_PUBACK : PACKET_PUBREC;
    bool is_done = false;
    for (int attempt = 0; attempt < 5 && !is_done; attempt++) {
        if (client->fd < 0 || door_is_ended(client)) {
            reconnect(rig, client);
        }
        if (!door_is_ended(client)) {
            door_publish(client, qos, packet_id, attempt > 0, payload);
            door_turn(rig);
            is_done = is_acknowledged(rig, client, type, packet_id, payload);
            door_commit(rig, rig->fake->group_err);
            is_done = is_acknowledged(rig, client, type, packet_id, payload) || is_done;
        }
        rig->fake->accept = -1;
        rig->fake->group_err = GW_OK;
        if (!is_done) {
            door_pass(rig, INGRESS_WITHHELD_MS + 500);
        }
    }
    assert_true(is_done);
}

static void whichever_submit_fails_nothing_acknowledged_is_missing(void **state) {
    struct door_rig *rig = *state;
    struct door_client client = {.fd = -1};
    static const enum gw_err errs[] = {GW_ERR_FULL, GW_ERR_IO, GW_ERR_SCHEMA, GW_OK};
    uint16_t packet_id = 1;
    for (size_t kind = 0; kind < sizeof errs / sizeof errs[0]; kind++) {
        for (long nth = 0; nth < 12; nth++) {
            for (unsigned step = 0; step < 3; step++, packet_id++) {
                char payload[16];
                (void) snprintf(payload, sizeof payload, "m%u", (unsigned) packet_id);
                if (step == 0 && errs[kind]) {
                    rig->fake->accept = nth % 4;
                    rig->fake->submit_err = errs[kind];
                }
                rig->fake->group_err = step == 1 && nth % 3 == 0 ? GW_ERR_IO : GW_OK;
                rig->fake->ends_group = errs[kind] == GW_OK && nth % 2 == 0;
                send_until_acknowledged(rig, &client, step == 2 ? 2 : 1, packet_id, payload);
            }
        }
    }
    for (uint16_t id = 1; id < packet_id; id++) {
        char payload[16];
        (void) snprintf(payload, sizeof payload, "m%u", (unsigned) id);
        assert_true(door_stored(rig, payload) >= 1);
    }
    door_close_client(&client);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, door_setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(nothing_is_acknowledged_before_the_commit),
        RIG_TEST(a_failed_group_is_never_acknowledged),
        RIG_TEST(a_failed_group_ends_every_connection_in_it_and_no_other),
        RIG_TEST(acknowledgements_come_in_the_order_of_the_publishes),
        RIG_TEST(version_5_is_told_why_something_went_to_the_quarantine),
        RIG_TEST(a_full_store_withholds_what_follows_and_answers_pings),
        RIG_TEST(what_is_known_is_not_acknowledged_behind_something_withheld),
        RIG_TEST(a_known_message_waits_for_room_like_any_other),
        RIG_TEST(qos_0_that_finds_no_room_is_told_as_lost),
        RIG_TEST(what_the_queue_calls_wrong_goes_to_the_quarantine_or_stays_with_the_device),
        RIG_TEST(a_connection_lost_before_the_commit_stores_once),
        RIG_TEST(completions_of_a_connection_that_has_gone_reach_nobody),
        RIG_TEST(a_group_that_fails_inside_a_submit_is_not_acknowledged),
        RIG_TEST(a_group_that_ends_well_inside_a_submit_is_acknowledged_alone),
        RIG_TEST(an_id_whose_event_failed_is_not_kept_by_the_unit_behind_it),
        RIG_TEST(whichever_submit_fails_nothing_acknowledged_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
