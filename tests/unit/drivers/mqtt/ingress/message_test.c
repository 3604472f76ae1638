/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a PUBLISH: which redelivery is known and which is only said to be
 * one, QoS 2, topics, what is too large or too much, and what version 5 adds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/drivers/mqtt/ingress/door_rig.h"

#define ID GW_STR("id")
#define BYTES(text) ((struct gw_bytes){(const uint8_t *) (text), sizeof(text) - 1})

/* ---- redeliveries ---- */

static uint16_t after(uint16_t id) {
    return id == UINT16_MAX ? 1 : (uint16_t) (id + 1);
}

/* `count` messages of the label "x", each stored and acknowledged. */
static void scan(struct door_rig *rig, struct door_client *client, uint16_t id,
                 unsigned count) {
    for (unsigned i = 0; i < count; i++, id = after(id)) {
        door_publish(client, 1, id, false, "x");
        if (i % 16 == 15 || i + 1 == count) {
            door_turn(rig);
            door_commit(rig, GW_OK);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        door_expect(client, PACKET_PUBACK);
    }
}

static void reconnect(struct door_rig *rig, struct door_client *client) {
    door_close_client(client);
    door_turn(rig);
    assert_true(door_connect(rig, client, ID, DOOR_KEPT));
}

/* How many events a DUP of this id with this payload adds; it is acknowledged. */
static size_t stored_by(struct door_rig *rig, struct door_client *client, uint16_t id,
                        const char *payload) {
    size_t before = door_stored_events(rig);
    door_publish(client, 1, id, true, payload);
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(client, PACKET_PUBACK), id);
    return door_stored_events(rig) - before;
}

static bool newest_is_marked(const struct door_rig *rig) {
    return (door_newest(rig)->flags & GW_EVENT_POSSIBLE_DUPLICATE) != 0;
}

static void a_redelivery_of_a_client_that_counts_up_is_known(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    scan(rig, &client, 1000, 20);
    reconnect(rig, &client);
    assert_int_equal(stored_by(rig, &client, 1018, "x"), 0);
    assert_int_equal(stored_by(rig, &client, 1019, "x"), 0);
    assert_int_equal(door_count(rig, "redelivered_known"), 2);
    assert_int_equal(door_count(rig, "possible_duplicates"), 0);
    door_close_client(&client);
}

static void without_dup_a_message_is_new_whatever_its_id(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    scan(rig, &client, 1000, 20);
    scan(rig, &client, 1019, 1);
    assert_int_equal(door_stored(rig, "x"), 21);
    assert_false(newest_is_marked(rig));
    door_close_client(&client);
}

static void another_payload_under_the_same_id_is_stored_and_marked(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    scan(rig, &client, 1000, 20);
    reconnect(rig, &client);
    assert_int_equal(stored_by(rig, &client, 1019, "y"), 1);
    assert_true(newest_is_marked(rig));
    door_close_client(&client);
}

/* The client counts up, and these never came here: nothing to doubt. */
static void ids_ahead_of_a_client_that_counts_up_are_new(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    scan(rig, &client, 1000, 20);
    reconnect(rig, &client);
    assert_int_equal(stored_by(rig, &client, 1019, "x"), 0);
    assert_int_equal(stored_by(rig, &client, 1020, "x"), 1);
    assert_false(newest_is_marked(rig));
    assert_int_equal(stored_by(rig, &client, 1021, "x"), 1);
    assert_false(newest_is_marked(rig));
    door_close_client(&client);
}

static void a_short_run_of_ids_proves_nothing(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    scan(rig, &client, 1000, 5);
    reconnect(rig, &client);
    assert_int_equal(stored_by(rig, &client, 1004, "x"), 1);
    assert_true(newest_is_marked(rig));
    door_close_client(&client);
}

/* Each a second scan of the same label with an id that was free again, whose first
 * sending was lost: it comes with DUP and must never be swallowed. */
static void a_client_with_one_id_is_never_mistaken(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    for (unsigned i = 0; i < 20; i++) {
        scan(rig, &client, 1, 1);
    }
    reconnect(rig, &client);
    assert_int_equal(stored_by(rig, &client, 1, "x"), 1);
    assert_true(newest_is_marked(rig));
    door_close_client(&client);
}

/* A burst uses ids in a row, as a client does that counts up. All were acknowledged,
 * so the lowest free one is 1 again. */
static void a_client_with_the_lowest_free_id_is_never_mistaken(void **state) {
    struct door_rig *rig = *state;
    for (unsigned burst = 2; burst <= DOOR_RECEIVE_MAXIMUM; burst += 6) {
        for (uint16_t again = 1; again <= burst; again++) {
            struct door_client client;
            char id[16];
            (void) snprintf(id, sizeof id, "b%u-%u", burst, (unsigned) again);
            door_connect(rig, &client, gw_str_from_cstr(id), DOOR_KEPT);
            scan(rig, &client, 1, burst);
            door_close_client(&client);
            door_turn(rig);
            door_connect(rig, &client, gw_str_from_cstr(id), DOOR_KEPT);
            for (uint16_t lost = 1; lost <= again && lost <= 3; lost++) {
                assert_int_equal(stored_by(rig, &client, lost, "x"), 1);
            }
            door_close_client(&client);
            /* So that there is room for the next session. */
            door_open_client(rig, &client);
            door_send_connect(rig, &client, gw_str_from_cstr(id), DOOR_CLEAN);
            door_turn(rig);
            door_commit(rig, GW_OK);
            door_close_client(&client);
            door_pass(rig, 1000);
            rig->fake->committed = 0;
            rig->fake->state_count = rig->fake->kept_count = 0;
        }
    }
}

/* Ids of a client that uses as many as it may have in flight, in turn. */
static void a_client_that_uses_its_window_in_turn_is_never_mistaken(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    for (unsigned round = 0; round < 3; round++) {
        scan(rig, &client, 1, DOOR_RECEIVE_MAXIMUM);
    }
    reconnect(rig, &client);
    for (uint16_t id = 1; id <= DOOR_RECEIVE_MAXIMUM; id++) {
        assert_int_equal(stored_by(rig, &client, id, "x"), 1);
    }
    door_close_client(&client);
}

/* Version 4 knows no receive maximum: a burst may be larger. Its lost second round
 * begins with the lowest id, as MQTT keeps the order. */
static void a_second_burst_beyond_the_window_is_never_mistaken(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    scan(rig, &client, 1, DOOR_RECEIVE_MAXIMUM + 20);
    reconnect(rig, &client);
    for (uint16_t id = 1; id <= DOOR_RECEIVE_MAXIMUM + 20; id++) {
        assert_int_equal(stored_by(rig, &client, id, "x"), 1);
    }
    door_close_client(&client);
}

/* As above, but the first half of the second round arrived. */
static void the_lost_half_of_a_second_burst_is_never_mistaken(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    scan(rig, &client, 1, DOOR_RECEIVE_MAXIMUM + 20);
    scan(rig, &client, 1, DOOR_RECEIVE_MAXIMUM + 5);
    reconnect(rig, &client);
    for (uint16_t id = DOOR_RECEIVE_MAXIMUM + 6; id <= DOOR_RECEIVE_MAXIMUM + 20; id++) {
        assert_int_equal(stored_by(rig, &client, id, "x"), 1);
    }
    door_close_client(&client);
}

static void a_client_that_was_restarted_and_counts_from_1_is_never_mistaken(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    scan(rig, &client, 1, 60);
    reconnect(rig, &client);
    for (uint16_t id = 1; id <= 20; id++) {
        assert_int_equal(stored_by(rig, &client, id, "x"), 1);
    }
    door_close_client(&client);
}

static void counting_goes_on_over_65535(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    scan(rig, &client, 65525, 16); /* the last one is 5 */
    reconnect(rig, &client);
    assert_int_equal(stored_by(rig, &client, 65534, "x"), 0);
    assert_int_equal(stored_by(rig, &client, 65535, "x"), 0);
    assert_int_equal(stored_by(rig, &client, 1, "x"), 0);
    assert_int_equal(stored_by(rig, &client, 5, "x"), 0);
    assert_int_equal(stored_by(rig, &client, 6, "x"), 1);
    assert_false(newest_is_marked(rig));
    door_close_client(&client);
}

static void a_restart_knows_what_was_stored(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    scan(rig, &client, 1000, 20);
    door_publish(&client, 1, 1020, false, "\xff\xfe"); /* to the quarantine */
    door_turn(rig);
    door_close_client(&client);
    gw_fake_intake_commit(rig->fake, GW_OK); /* and dies before the PUBACK */
    door_restart(rig);
    assert_true(door_connect(rig, &client, ID, DOOR_KEPT));
    size_t before = rig->fake->committed;
    assert_int_equal(stored_by(rig, &client, 1019, "x"), 0);
    assert_int_equal(stored_by(rig, &client, 1020, "\xff\xfe"), 0);
    assert_int_equal(rig->fake->committed, before);
    assert_int_equal(stored_by(rig, &client, 1021, "x"), 1);
    assert_false(newest_is_marked(rig));
    door_close_client(&client);
}

static void what_a_clean_session_sent_is_only_marked_after_a_restart(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_CLEAN);
    scan(rig, &client, 1000, 20);
    door_close_client(&client);
    door_restart(rig);
    assert_false(door_connect(rig, &client, ID, DOOR_CLEAN));
    assert_int_equal(stored_by(rig, &client, 1019, "x"), 1);
    assert_true(newest_is_marked(rig));
    door_close_client(&client);
}

/* Message 5 is in the quarantine, where it stays long; of the thousands after it only
 * the newest are left. The next message 5 is another one. */
static void ids_of_long_ago_mean_nothing_after_a_restart(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_publish(&client, 1, 5, false, "\xff");
    door_turn(rig);
    door_commit(rig, GW_OK);
    door_expect(&client, PACKET_PUBACK);
    scan(rig, &client, 65500, 20);
    door_close_client(&client);
    door_restart(rig);
    door_connect(rig, &client, ID, DOOR_KEPT);
    size_t before = rig->fake->committed;
    assert_int_equal(stored_by(rig, &client, 5, "\xff"), 0);
    assert_int_equal(rig->fake->committed, before + 1); /* kept again */
    door_close_client(&client);
}

static void two_clients_of_one_device_have_packet_ids_of_their_own(void **state) {
    struct door_rig *rig = *state;
    struct door_client first, second;
    door_connect(rig, &first, GW_STR("first"), DOOR_KEPT);
    door_connect(rig, &second, GW_STR("second"), DOOR_KEPT);
    scan(rig, &first, 1000, 20);
    scan(rig, &second, 2000, 20);
    assert_int_equal(stored_by(rig, &second, 1019, "x"), 1);
    assert_int_equal(stored_by(rig, &first, 1019, "x"), 0);
    door_close_client(&first);
    door_close_client(&second);
}

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

/* ---- the device's own ids ---- */

#define EVENT(id) "{\"code\":\"4006381333931\",\"id\":\"" id "\"}"

static void a_repetition_of_the_device_is_one_event(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_S2 | DOOR_KEPT);
    door_publish_to(&client, "floor/s2", 0x32, 1, BYTES(EVENT("e1")));
    door_turn(rig);
    door_commit(rig, GW_OK);
    door_publish_to(&client, "floor/s2", 0x32, 2, BYTES(EVENT("e1")));
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 1);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 2);
    assert_int_equal(door_stored_events(rig), 1);
    assert_int_equal(door_count(rig, "device_duplicates"), 1);
    door_publish_to(&client, "floor/s2", 0x32, 3, BYTES("{\"code\":\"other\",\"id\":\"e1\"}"));
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 3);
    assert_int_equal(door_stored_events(rig), 2);
    assert_true(newest_is_marked(rig));
    door_close_client(&client);
    door_restart(rig);
    door_connect(rig, &client, ID, DOOR_S2 | DOOR_KEPT);
    door_publish_to(&client, "floor/s2", 0x32, 4, BYTES("{\"code\":\"other\",\"id\":\"e1\"}"));
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 4);
    assert_int_equal(door_stored_events(rig), 2);
    door_close_client(&client);
}

static void an_event_of_a_group_that_failed_is_not_known(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_S2 | DOOR_KEPT);
    door_publish_to(&client, "floor/s2", 0x32, 1, BYTES(EVENT("e1")));
    door_turn(rig);
    door_commit(rig, GW_ERR_IO);
    door_expect_end(&client);
    door_connect(rig, &client, ID, DOOR_S2 | DOOR_KEPT);
    door_publish_to(&client, "floor/s2", 0x32, 1, BYTES(EVENT("e1")));
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 1);
    assert_int_equal(door_stored_events(rig), 1);
    door_close_client(&client);
}

/* The second connection has nothing in the group that fails; what it is about to be
 * told is known by that group alone. */
static void a_repetition_of_what_fails_inside_its_submit_is_not_acknowledged(void **state) {
    struct door_rig *rig = *state;
    struct door_client first, second;
    door_connect(rig, &first, GW_STR("first"), DOOR_S2 | DOOR_KEPT);
    door_connect(rig, &second, GW_STR("second"), DOOR_S2 | DOOR_KEPT);
    door_publish_to(&first, "floor/s2", 0x32, 1, BYTES(EVENT("e1")));
    door_turn(rig);
    rig->fake->ends_group = true;
    rig->fake->group_err = GW_ERR_IO;
    door_publish_to(&second, "floor/s2", 0x32, 1, BYTES(EVENT("e1")));
    door_turn(rig);
    door_commit(rig, GW_OK);
    door_expect_end(&first);
    door_expect_end(&second);
    assert_int_equal(door_stored_events(rig), 0);
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
        RIG_TEST(a_redelivery_of_a_client_that_counts_up_is_known),
        RIG_TEST(without_dup_a_message_is_new_whatever_its_id),
        RIG_TEST(another_payload_under_the_same_id_is_stored_and_marked),
        RIG_TEST(ids_ahead_of_a_client_that_counts_up_are_new),
        RIG_TEST(a_short_run_of_ids_proves_nothing),
        RIG_TEST(a_client_with_one_id_is_never_mistaken),
        RIG_TEST(a_client_with_the_lowest_free_id_is_never_mistaken),
        RIG_TEST(a_client_that_uses_its_window_in_turn_is_never_mistaken),
        RIG_TEST(a_second_burst_beyond_the_window_is_never_mistaken),
        RIG_TEST(the_lost_half_of_a_second_burst_is_never_mistaken),
        RIG_TEST(a_client_that_was_restarted_and_counts_from_1_is_never_mistaken),
        RIG_TEST(counting_goes_on_over_65535),
        RIG_TEST(a_restart_knows_what_was_stored),
        RIG_TEST(what_a_clean_session_sent_is_only_marked_after_a_restart),
        RIG_TEST(ids_of_long_ago_mean_nothing_after_a_restart),
        RIG_TEST(two_clients_of_one_device_have_packet_ids_of_their_own),
        RIG_TEST(qos_2_goes_its_four_steps),
        RIG_TEST(qos_2_goes_on_after_a_restart),
        RIG_TEST(a_release_that_finds_no_room_is_withheld),
        RIG_TEST(an_old_failure_does_not_make_qos_2_store_twice),
        RIG_TEST(so_many_messages_of_qos_2_may_await_their_release),
        RIG_TEST(a_repetition_of_the_device_is_one_event),
        RIG_TEST(an_event_of_a_group_that_failed_is_not_known),
        RIG_TEST(a_repetition_of_what_fails_inside_its_submit_is_not_acknowledged),
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
