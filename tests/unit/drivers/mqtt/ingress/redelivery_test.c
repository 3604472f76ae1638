/* SPDX-License-Identifier: Apache-2.0 */
/* Which redelivery of a PUBLISH is known and which is only said to be one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/drivers/mqtt/ingress/door_rig.h"

#define ID GW_STR("id")
#define BYTES(text) ((struct gw_bytes){(const uint8_t *) (text), sizeof(text) - 1})

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
        RIG_TEST(a_repetition_of_the_device_is_one_event),
        RIG_TEST(an_event_of_a_group_that_failed_is_not_known),
        RIG_TEST(a_repetition_of_what_fails_inside_its_submit_is_not_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
