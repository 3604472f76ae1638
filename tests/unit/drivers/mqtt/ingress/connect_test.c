/* SPDX-License-Identifier: Apache-2.0 */
/* CONNECT: who gets in, which session it meets, what it leaves behind: wills and
 * sessions that end in their time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/drivers/mqtt/ingress/door_rig.h"

#define ID GW_STR("id")
#define BYTES(text) ((struct gw_bytes){(const uint8_t *) (text), sizeof(text) - 1})

static void disconnect(struct door_rig *rig, struct door_client *client) {
    door_send(client, BYTES("\xe0\0"));
    door_turn(rig);
    assert_true(door_is_ended(client));
    door_close_client(client);
}

/* Answer of the server to a CONNECT of these bytes; 0xff = ends without a word. */
static uint8_t answer_to(struct door_rig *rig, uint8_t version, struct gw_bytes bytes) {
    struct door_client client;
    struct door_packet packet;
    door_open_client(rig, &client);
    client.version = version;
    door_send(&client, bytes);
    door_turn(rig);
    door_commit(rig, GW_OK);
    bool is_answered = door_next(&client, &packet);
    assert_true(!is_answered || packet.type == PACKET_CONNACK);
    door_close_client(&client);
    door_turn(rig);
    return is_answered ? packet.reason : 0xff;
}

/* ---- who ---- */

static void only_a_device_with_its_secret_gets_in(void **state) {
    struct door_rig *rig = *state;
    assert_int_equal(answer_to(rig, 4, BYTES("\x10\x0e\0\4MQTT\4\2\0\0\0\2id")), 4);
    assert_int_equal(answer_to(rig, 4, BYTES("\x10\x16\0\4MQTT\4\xc2\0\0\0\2id\0\2s1\0\2no")),
                     4);
    assert_int_equal(answer_to(rig, 5, BYTES("\x10\x17\0\4MQTT\5\xc2\0\0\0\0\2id\0\2s1\0\2no")),
                     REASON_BAD_CREDENTIALS);
    assert_int_equal(answer_to(rig, 5, BYTES("\x10\x13\0\4MQTT\5\x82\0\0\0\0\2id\0\2s1")),
                     REASON_BAD_CREDENTIALS);
    assert_int_equal(door_count(rig, "refused_connects"), 4);
    assert_true(gw_health_is_raised(rig->health, GW_ISSUE_DEVICE_REFUSED, GW_STR("floor")));
}

static void a_device_that_left_the_configuration_is_not_authorised(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    struct gw_broker_devices none = {rig->devices + 1, rig->activities + 1, 1};
    door_connect(rig, &client, ID, DOOR_V5);
    gw_ingress_set_config(rig->ingress, &rig->config, &none);
    door_turn(rig);
    assert_int_equal(door_expect_reason(&client, PACKET_DISCONNECT), REASON_ADMINISTRATIVE);
    door_expect_end(&client);
    door_open_client(rig, &client);
    door_send_connect(rig, &client, ID, DOOR_V5);
    door_turn(rig);
    assert_int_equal(door_expect_reason(&client, PACKET_CONNACK), REASON_NOT_AUTHORISED);
    door_expect_end(&client);
}

static void authentication_methods_are_refused(void **state) {
    struct door_rig *rig = *state;
    assert_int_equal(answer_to(rig, 5, BYTES("\x10\x13\0\4MQTT\5\2\0\0\4\x15\0\1m\0\2id")),
                     REASON_AUTH_METHOD);
    assert_int_equal(answer_to(rig, 5, BYTES("\x10\x13\0\4MQTT\5\2\0\0\4\x16\0\1d\0\2id")),
                     REASON_PROTOCOL_ERROR);
}

static void other_versions_are_told_so(void **state) {
    struct door_rig *rig = *state;
    assert_int_equal(answer_to(rig, 4, BYTES("\x10\x0e\0\4MQTT\3\2\0\0\0\2id")), 1);
    assert_int_equal(answer_to(rig, 4, BYTES("\x10\x10\0\6MQIsdp\3\2\0\0\0\2id")), 1);
}

static void what_is_no_connect_ends_without_a_word(void **state) {
    struct door_rig *rig = *state;
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {{"\xc0\0", 2},
                {"\x30\x03\0\1a", 5},
                {"GET / HTTP/1.1\r\n", 16},
                {"\x16\x03\x01\x02\0\1\0", 7},
                {"\0\0", 2},
                {"\x10\x80\x80\x80\x80\x01", 6},
                {"\x11\x0e\0\4MQTT\4\2\0\0\0\2id", 16},
                {"\x10\x0e\0\4MQTT\4\3\0\0\0\2id", 16}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gw_bytes bytes = {(const uint8_t *) rows[i].bytes, rows[i].len};
        if (answer_to(rig, 4, bytes) != 0xff) {
            fail_msg("row %zu was answered", i);
        }
    }
    assert_int_equal(door_stored_events(rig), 0);
}

static void a_client_id_has_its_rules(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    struct door_packet packet;
    char id[130];
    memset(id, 'i', sizeof id);
    for (size_t len = SESSION_CLIENT_ID_MAX_BYTES; len <= SESSION_CLIENT_ID_MAX_BYTES + 1;
         len++) {
        door_open_client(rig, &client);
        door_send_connect(rig, &client, (struct gw_str){id, len}, DOOR_V5);
        door_turn(rig);
        assert_int_equal(door_expect_reason(&client, PACKET_CONNACK),
                         len > SESSION_CLIENT_ID_MAX_BYTES ? REASON_CLIENT_ID : 0);
        door_close_client(&client);
    }
    door_open_client(rig, &client);
    door_send_connect(rig, &client, GW_STR("a\nb"), DOOR_CLEAN);
    door_turn(rig);
    assert_int_equal(door_expect_reason(&client, PACKET_CONNACK), 2);
    door_expect_end(&client);
    door_open_client(rig, &client);
    door_send_connect(rig, &client, GW_STR(""), DOOR_KEPT); /* no id, no clean session */
    door_turn(rig);
    assert_int_equal(door_expect_reason(&client, PACKET_CONNACK), 2);
    door_expect_end(&client);
    door_open_client(rig, &client);
    door_send_connect(rig, &client, GW_STR(""), DOOR_V5);
    door_turn(rig);
    assert_true(door_next(&client, &packet));
    assert_int_equal(packet.reason, 0);
    assert_non_null(memmem(packet.body, packet.body_len,
                           "\x12\0\x15"
                           "auto-",
                           8));
    door_close_client(&client);
}

static void a_device_has_so_many_connections(void **state) {
    struct door_rig *rig = *state;
    struct door_client first, second, third;
    rig->config.max_connections_per_device = 2;
    door_connect(rig, &first, GW_STR("1"), DOOR_V5);
    door_connect(rig, &second, GW_STR("2"), DOOR_V5);
    door_open_client(rig, &third);
    door_send_connect(rig, &third, GW_STR("3"), DOOR_V5);
    door_turn(rig);
    assert_int_equal(door_expect_reason(&third, PACKET_CONNACK), REASON_QUOTA);
    door_expect_end(&third);
    door_connect(rig, &third, GW_STR("2"), DOOR_V5); /* takes the place of the second */
    door_expect_silence(&first);
    door_close_client(&first);
    door_close_client(&second);
    door_close_client(&third);
}

/* ---- which session ---- */

static void a_session_is_kept_before_connack_says_so(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_open_client(rig, &client);
    door_send_connect(rig, &client, ID, DOOR_KEPT);
    door_publish(&client, 1, 1, false, "early"); /* before CONNACK: allowed */
    door_turn(rig);
    door_expect_silence(&client);
    door_commit(rig, GW_OK);
    door_expect(&client, PACKET_CONNACK);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&client, PACKET_PUBACK), 1);
    door_close_client(&client);
    door_restart(rig);
    assert_true(door_connect(rig, &client, ID, DOOR_KEPT));
    door_close_client(&client);
}

static void a_session_that_could_not_be_kept_is_not_promised(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_open_client(rig, &client);
    door_send_connect(rig, &client, ID, DOOR_KEPT);
    door_turn(rig);
    door_commit(rig, GW_ERR_IO);
    door_expect_end(&client);
    rig->fake->accept = 0;
    rig->fake->submit_err = GW_ERR_FULL;
    door_open_client(rig, &client);
    door_send_connect(rig, &client, ID, DOOR_KEPT | DOOR_V5);
    door_turn(rig);
    assert_int_equal(door_expect_reason(&client, PACKET_CONNACK), REASON_BUSY);
    door_expect_end(&client);
    rig->fake->accept = -1;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_close_client(&client);
    door_restart(rig);
    assert_true(door_connect(rig, &client, ID, DOOR_KEPT));
    door_close_client(&client);
}

static void a_clean_session_begins_and_ends_with_its_connection(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    assert_false(door_connect(rig, &client, ID, DOOR_KEPT));
    door_close_client(&client);
    door_turn(rig);
    assert_true(door_connect(rig, &client, ID, DOOR_KEPT));
    door_close_client(&client);
    door_turn(rig);
    assert_false(door_connect(rig, &client, ID, DOOR_CLEAN));
    door_close_client(&client);
    door_turn(rig);
    assert_false(door_connect(rig, &client, ID, DOOR_KEPT));
    door_close_client(&client);
}

static void version_5_says_how_long_a_session_lasts(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_V5 | DOOR_KEPT);
    door_close_client(&client);
    door_pass(rig, 3590 * 1000);
    assert_true(door_connect(rig, &client, ID, DOOR_V5 | DOOR_KEPT));
    door_close_client(&client);
    door_pass(rig, 3601 * 1000);
    door_commit(rig, GW_OK);
    door_pass(rig, 500);
    struct gw_ingress_figures figures;
    gw_ingress_get_figures(rig->ingress, &figures);
    assert_int_equal(figures.sessions, 0);
    assert_false(door_connect(rig, &client, ID, DOOR_V5 | DOOR_KEPT));
    door_close_client(&client);
    door_turn(rig);
    assert_false(door_connect(rig, &client, ID, DOOR_V5 | DOOR_KEPT | DOOR_START));
    door_close_client(&client);
}

static void an_expiry_longer_than_a_week_is_cut_and_said(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    struct door_packet packet;
    uint8_t storage[256];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    gw_buf_put(&body,
               BYTES("\x10\x3a\0\4MQTT\5\xc0\0\0\5\x11\xff\xff\xff\xff\0\2id\0\2s1\0\x20"));
    gw_buf_put_str(&body, gw_str_from_cstr(rig->secrets[0]));
    assert_int_equal(body.len, 2 + 0x3a);
    door_open_client(rig, &client);
    client.version = 5;
    door_send(&client, gw_buf_bytes(&body));
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_true(door_next(&client, &packet));
    assert_int_equal(packet.reason, 0);
    assert_non_null(memmem(packet.body, packet.body_len, "\x11\0\x09\x3a\x80", 5));
    door_close_client(&client);
}

static void disconnect_may_change_the_expiry_but_not_invent_one(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_V5 | DOOR_KEPT);
    door_send(&client, BYTES("\xe0\7\0\5\x11\0\0\0\0"));
    door_turn(rig);
    door_close_client(&client);
    door_pass(rig, 500);
    assert_false(door_connect(rig, &client, ID, DOOR_V5 | DOOR_KEPT));
    door_close_client(&client);
    door_turn(rig);
    door_connect(rig, &client, GW_STR("other"), DOOR_V5);
    door_send(&client, BYTES("\xe0\7\0\5\x11\0\0\0\x09"));
    door_turn(rig);
    assert_int_equal(door_expect_reason(&client, PACKET_DISCONNECT), REASON_PROTOCOL_ERROR);
    door_expect_end(&client);
}

static void a_second_connection_takes_the_session_over(void **state) {
    struct door_rig *rig = *state;
    struct door_client old, new;
    door_connect(rig, &old, ID, DOOR_V5 | DOOR_KEPT);
    door_publish(&old, 1, 1, false, "a");
    door_turn(rig);
    door_open_client(rig, &new);
    door_send_connect(rig, &new, ID, DOOR_V5 | DOOR_KEPT);
    door_turn(rig);
    assert_int_equal(door_expect_reason(&old, PACKET_DISCONNECT), REASON_TAKEN_OVER);
    door_expect_end(&old);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect_reason(&new, PACKET_CONNACK), 0);
    door_expect_silence(&new); /* the PUBACK was the old connection's */
    door_publish(&new, 1, 1, true, "a");
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&new, PACKET_PUBACK), 1);
    assert_true(door_stored(rig, "a") >= 1);
    assert_int_equal(door_count(rig, "taken_over"), 1);
    door_close_client(&new);
}

static void one_client_id_of_two_devices_is_two_sessions(void **state) {
    struct door_rig *rig = *state;
    struct door_client first, second;
    door_connect(rig, &first, ID, DOOR_KEPT);
    assert_false(door_connect(rig, &second, ID, DOOR_KEPT | DOOR_S2));
    door_expect_silence(&first);
    door_close_client(&first);
    door_close_client(&second);
}

/* A client that makes up an id each time must not lock the others out. */
static void endless_new_client_ids_take_no_place_of_another_device(void **state) {
    struct door_rig *rig = *state;
    struct door_client client, other;
    rig->config.max_connections_per_device = 4;
    door_connect(rig, &other, ID, DOOR_KEPT | DOOR_S2);
    door_close_client(&other);
    for (unsigned i = 0; i < 40; i++) {
        char id[16];
        (void) snprintf(id, sizeof id, "id-%u", i);
        rig->fake->state_count = rig->fake->kept_count = 1; /* room in the fake */
        door_connect(rig, &client, gw_str_from_cstr(id), DOOR_KEPT);
        door_close_client(&client);
        door_pass(rig, 1000);
        door_commit(rig, GW_OK);
    }
    struct gw_ingress_figures figures;
    gw_ingress_get_figures(rig->ingress, &figures);
    assert_true(figures.sessions <= 12);
    assert_true(door_connect(rig, &other, ID, DOOR_KEPT | DOOR_S2));
    door_close_client(&other);
}

/* What was ended waits for the next sweep; meanwhile it is not the oldest any more. */
static void not_even_faster_than_sessions_are_swept(void **state) {
    struct door_rig *rig = *state;
    struct door_client client, other;
    rig->config.max_connections_per_device = 4;
    for (size_t i = 0; i < 2 * rig->ingress->sessions.count + 9; i++) {
        char id[32];
        (void) snprintf(id, sizeof id, "id-%zu", i);
        rig->fake->state_count = rig->fake->kept_count = 1; /* room in the fake */
        rig->fake->committed = 0;
        door_connect(rig, &client, gw_str_from_cstr(id), DOOR_KEPT);
        door_close_client(&client);
        door_turn(rig);
    }
    size_t kept = 0;
    for (size_t i = 0; i < rig->ingress->sessions.count; i++) {
        const struct session *session = &rig->ingress->sessions.all[i];
        kept += session->is_used && session->is_stored;
    }
    assert_int_equal(kept, 8);
    door_connect(rig, &other, GW_STR("new"), DOOR_KEPT | DOOR_S2);
    door_close_client(&other);
}

/* ---- wills ---- */

static size_t count_wills(const struct door_rig *rig) {
    size_t count = 0;
    for (size_t i = 0; i < rig->fake->committed; i++) {
        const struct gw_fake_unit *unit = &rig->fake->units[i];
        if (unit->has_event && unit->type == GW_EVENT_DEVICE_CONDITION) {
            assert_string_equal(
                unit->data, "{\"condition\":\"will\",\"detail\":\"gangway/s1/will: gone\"}");
            assert_string_equal(unit->device, "s1");
            count++;
        }
    }
    return count;
}

static void a_lost_connection_tells_its_will(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_WILL);
    door_close_client(&client);
    door_pass(rig, 500);
    door_commit(rig, GW_OK);
    assert_int_equal(count_wills(rig), 1);
    door_pass(rig, 5000);
    door_commit(rig, GW_OK);
    assert_int_equal(count_wills(rig), 1);
}

static void an_orderly_disconnect_drops_the_will_and_another_does_not(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_WILL);
    disconnect(rig, &client);
    door_pass(rig, 500);
    door_commit(rig, GW_OK);
    assert_int_equal(count_wills(rig), 0);
    door_connect(rig, &client, ID, DOOR_WILL | DOOR_V5);
    door_send(&client, BYTES("\xe0\1\4")); /* with will */
    door_turn(rig);
    door_close_client(&client);
    door_pass(rig, 500);
    door_commit(rig, GW_OK);
    assert_int_equal(count_wills(rig), 1);
}

static void a_will_waits_its_delay_and_is_dropped_when_the_client_comes_back(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    const unsigned flags = DOOR_WILL | DOOR_WILL_DELAY | DOOR_V5 | DOOR_KEPT;
    door_connect(rig, &client, ID, flags);
    door_close_client(&client);
    door_pass(rig, 50000);
    assert_true(door_connect(rig, &client, ID, flags));
    door_close_client(&client);
    door_pass(rig, 50000);
    door_commit(rig, GW_OK);
    assert_int_equal(count_wills(rig), 0);
    door_pass(rig, 11000);
    door_commit(rig, GW_OK);
    assert_int_equal(count_wills(rig), 1);
}

static void a_session_that_ends_tells_its_will_at_once(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    const unsigned flags = DOOR_WILL | DOOR_WILL_DELAY | DOOR_V5 | DOOR_KEPT;
    door_connect(rig, &client, ID, flags);
    door_close_client(&client);
    door_pass(rig, 1000);
    assert_false(door_connect(rig, &client, ID, DOOR_V5 | DOOR_START));
    assert_int_equal(count_wills(rig), 1);
    door_close_client(&client);
}

static void a_will_that_finds_no_room_is_told_later(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_WILL);
    rig->fake->accept = 0;
    rig->fake->submit_err = GW_ERR_FULL;
    door_close_client(&client);
    door_pass(rig, 2000);
    rig->fake->accept = -1;
    door_pass(rig, 500);
    door_commit(rig, GW_OK);
    assert_int_equal(count_wills(rig), 1);
}

static void a_take_over_tells_the_will_of_the_old_connection(void **state) {
    struct door_rig *rig = *state;
    struct door_client old, new;
    door_connect(rig, &old, ID, DOOR_WILL);
    door_connect(rig, &new, ID, DOOR_CLEAN);
    door_commit(rig, GW_OK);
    assert_int_equal(count_wills(rig), 1);
    door_close_client(&old);
    door_close_client(&new);
}

/* ---- sessions that end ---- */

/* A session is not forgotten in memory before it is in the table: else it comes back
 * with the next start, with packet ids that mean something else by then. */
static void a_session_whose_end_was_not_kept_is_ended_again(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_V5 | DOOR_KEPT);
    door_close_client(&client);
    door_pass(rig, 3601 * 1000);
    assert_true(rig->fake->pending > 0);
    door_commit(rig, GW_ERR_IO);
    door_pass(rig, 1000);
    door_commit(rig, GW_OK);
    door_restart(rig);
    assert_false(door_connect(rig, &client, ID, DOOR_V5 | DOOR_KEPT));
    door_close_client(&client);
}

static void a_session_whose_end_finds_no_room_is_ended_later(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_V5 | DOOR_KEPT);
    door_close_client(&client);
    rig->fake->accept = 0;
    rig->fake->submit_err = GW_ERR_FULL;
    door_pass(rig, 3601 * 1000);
    rig->fake->accept = -1;
    door_pass(rig, 1000);
    door_commit(rig, GW_OK);
    door_restart(rig);
    assert_false(door_connect(rig, &client, ID, DOOR_V5 | DOOR_KEPT));
    door_close_client(&client);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, door_setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(only_a_device_with_its_secret_gets_in),
        RIG_TEST(a_device_that_left_the_configuration_is_not_authorised),
        RIG_TEST(authentication_methods_are_refused),
        RIG_TEST(other_versions_are_told_so),
        RIG_TEST(what_is_no_connect_ends_without_a_word),
        RIG_TEST(a_client_id_has_its_rules),
        RIG_TEST(a_device_has_so_many_connections),
        RIG_TEST(a_session_is_kept_before_connack_says_so),
        RIG_TEST(a_session_that_could_not_be_kept_is_not_promised),
        RIG_TEST(a_clean_session_begins_and_ends_with_its_connection),
        RIG_TEST(version_5_says_how_long_a_session_lasts),
        RIG_TEST(an_expiry_longer_than_a_week_is_cut_and_said),
        RIG_TEST(disconnect_may_change_the_expiry_but_not_invent_one),
        RIG_TEST(a_second_connection_takes_the_session_over),
        RIG_TEST(one_client_id_of_two_devices_is_two_sessions),
        RIG_TEST(endless_new_client_ids_take_no_place_of_another_device),
        RIG_TEST(not_even_faster_than_sessions_are_swept),
        RIG_TEST(a_lost_connection_tells_its_will),
        RIG_TEST(an_orderly_disconnect_drops_the_will_and_another_does_not),
        RIG_TEST(a_will_waits_its_delay_and_is_dropped_when_the_client_comes_back),
        RIG_TEST(a_session_that_ends_tells_its_will_at_once),
        RIG_TEST(a_will_that_finds_no_room_is_told_later),
        RIG_TEST(a_take_over_tells_the_will_of_the_old_connection),
        RIG_TEST(a_session_whose_end_was_not_kept_is_ended_again),
        RIG_TEST(a_session_whose_end_finds_no_room_is_ended_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
