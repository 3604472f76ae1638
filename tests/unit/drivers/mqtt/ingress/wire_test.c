/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as sockets bring them: in any pieces, too slowly, too many; places that are
 * used up, and descriptors that come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/drivers/mqtt/ingress/door_rig.h"

#define ID GW_STR("id")
#define BYTES(text) ((struct gw_bytes){(const uint8_t *) (text), sizeof(text) - 1})

/* ---- pieces ---- */

struct script {
    uint8_t bytes[16384];
    struct gw_buf buf;
};

static void put_publish(struct gw_buf *buf, uint16_t id, size_t payload_len, char fill) {
    size_t rest = 2 + 8 + 2 + payload_len;
    gw_buf_put_char(buf, 0x32);
    if (rest > 127) {
        gw_buf_put_char(buf, (char) (rest & 127) | (char) 128);
        rest >>= 7;
    }
    gw_buf_put_char(buf, (char) rest);
    gw_buf_put(buf, BYTES("\0\x08"
                          "floor/s1"));
    gw_buf_put_char(buf, (char) (id >> 8));
    gw_buf_put_char(buf, (char) id);
    for (size_t i = 0; i < payload_len; i++) {
        gw_buf_put_char(buf, fill);
    }
}

/* CONNECT, SUBSCRIBE, short and long PUBLISH packets, a ping. */
static void write_script(const struct door_rig *rig, struct script *script) {
    struct gw_buf *buf = &script->buf;
    gw_buf_init(buf, script->bytes, sizeof script->bytes);
    gw_buf_put(buf, BYTES("\x10\x34\0\4MQTT\4\xc2\0\0\0\2id\0\2s1\0\x20"));
    gw_buf_put_str(buf, gw_str_from_cstr(rig->secrets[0]));
    gw_buf_put(buf, BYTES("\x82\x17\0\x09\0\x12gangway/s1/command\0"));
    put_publish(buf, 1, 1, 'a');
    put_publish(buf, 2, 200, 'b');
    put_publish(buf, 3, 3000, 'c'); /* longer than a connection's own place */
    put_publish(buf, 4, 2, 'd');
    gw_buf_put(buf, BYTES("\xc0\0"));
    put_publish(buf, 5, 5000, 'e');
    assert_false(gw_buf_failed(buf));
}

static void send_script(struct door_rig *rig, const struct script *script, size_t piece,
                        struct door_client *client) {
    door_open_client(rig, client);
    for (size_t at = 0; at < script->buf.len; at += piece) {
        size_t left = script->buf.len - at;
        door_send(client, (struct gw_bytes){script->bytes + at, left < piece ? left : piece});
        assert_int_equal(gw_loop_wait(rig->loop, &rig->clock, rig->fake_clock.mono_ms), GW_OK);
        gw_fake_intake_commit(rig->fake, GW_OK);
        gw_ingress_tick(rig->ingress);
    }
    for (int i = 0; i < 8; i++) {
        door_commit(rig, GW_OK);
    }
}

static void packets_are_the_same_in_pieces_of_every_size(void **state) {
    struct door_rig *rig = *state;
    static struct script script;
    write_script(rig, &script);
    static const uint8_t types[] = {PACKET_CONNACK, PACKET_SUBACK, PACKET_PUBACK,
                                    PACKET_PUBACK,  PACKET_PUBACK, PACKET_PUBACK,
                                    PACKET_PINGRESP};
    for (size_t piece = 1; piece <= script.buf.len; piece += piece < 70 ? 1 : 1 + piece / 3) {
        struct door_client client;
        struct door_packet packet;
        rig->fake->committed = 0;
        send_script(rig, &script, piece, &client);
        unsigned acknowledged = 0;
        bool is_pinged = false;
        while (door_next(&client, &packet)) {
            is_pinged = is_pinged || packet.type == PACKET_PINGRESP;
            acknowledged += packet.type == PACKET_PUBACK;
            assert_true(packet.type != PACKET_PUBACK || packet.packet_id == acknowledged);
            assert_non_null(memchr(types, packet.type, sizeof types));
        }
        assert_true(is_pinged && acknowledged == 5);
        assert_int_equal(door_stored_events(rig), 5);
        door_close_client(&client);
        door_turn(rig);
    }
}

/* A packet that is cut by the end of the connection is no message. */
static void half_a_packet_is_no_message(void **state) {
    struct door_rig *rig = *state;
    static struct script script;
    write_script(rig, &script);
    for (size_t len = 0; len < 400; len += 7) {
        struct door_client client;
        rig->fake->committed = 0;
        door_open_client(rig, &client);
        door_send(&client, (struct gw_bytes){script.bytes, len});
        door_turn(rig);
        (void) shutdown(client.fd, SHUT_WR);
        for (int i = 0; i < 4; i++) {
            door_commit(rig, GW_OK);
        }
        size_t stored = len >= 313 ? 2 : len >= 98 ? 1 : 0;
        assert_in_range(door_stored_events(rig), 0, stored);
        door_close_client(&client);
        door_turn(rig);
    }
    struct gw_ingress_figures figures;
    gw_ingress_get_figures(rig->ingress, &figures);
    assert_int_equal(figures.connections, 0);
}

/* ---- slow readers ---- */

static void a_client_that_reads_slowly_gets_everything_in_order(void **state) {
    struct door_rig *rig = *state;
    struct door_client slow, other;
    door_connect(rig, &slow, ID, DOOR_CLEAN);
    door_connect(rig, &other, GW_STR("other"), DOOR_CLEAN);
    int small = 1;
    assert_int_equal(setsockopt(rig->ingress->connections[0].fd, SOL_SOCKET, SO_SNDBUF, &small,
                                sizeof small),
                     0);
    door_subscribe(&slow, 1, "gangway/s1/receipt");
    door_turn(rig);
    door_expect(&slow, PACKET_SUBACK);
    uint16_t sent = 0;
    unsigned got = 0;
    struct door_packet packet;
    for (unsigned round = 0; round < 60; round++) {
        for (unsigned i = 0; i < 10; i++) {
            door_publish(&slow, 1, ++sent, false, "s");
        }
        door_publish(&other, 1, (uint16_t) (round + 1), false, "o");
        door_turn(rig);
        door_commit(rig, GW_OK);
        assert_int_equal(door_expect(&other, PACKET_PUBACK), round + 1);
        if (round % 12 == 11) { /* it wakes up now and then */
            for (unsigned turns = 0; turns < 20; turns++) {
                while (door_next(&slow, &packet)) {
                    got += packet.type == PACKET_PUBACK;
                    assert_true(packet.type != PACKET_PUBACK || packet.packet_id == got);
                }
                door_commit(rig, GW_OK);
            }
        }
    }
    assert_int_equal(got, sent);
    assert_int_equal(door_stored(rig, "s"), sent);
    door_close_client(&slow);
    door_close_client(&other);
}

static void a_client_that_never_reads_is_ended(void **state) {
    struct door_rig *rig = *state;
    struct door_client deaf;
    door_connect(rig, &deaf, ID, DOOR_CLEAN);
    int small = 1;
    assert_int_equal(setsockopt(rig->ingress->connections[0].fd, SOL_SOCKET, SO_SNDBUF, &small,
                                sizeof small),
                     0);
    struct gw_ingress_figures figures;
    for (unsigned i = 0; i < 90 && rig->ingress->open_count > 0; i++) {
        uint8_t pings[200];
        for (size_t at = 0; at < sizeof pings; at++) {
            pings[at] = at % 2 ? 0 : 0xc0;
        }
        (void) !send(deaf.fd, pings, sizeof pings, MSG_NOSIGNAL | MSG_DONTWAIT);
        door_pass(rig, 1000);
    }
    gw_ingress_get_figures(rig->ingress, &figures);
    assert_int_equal(figures.connections, 0);
    door_close_client(&deaf);
}

/* ---- places ---- */

static void begin_large(struct door_client *client) {
    static uint8_t bytes[3000];
    memcpy(bytes,
           "\x32\x8c\x2e\0\x08"
           "floor/s1\0\1",
           15); /* of 5,900 bytes */
    memset(bytes + 15, 'x', sizeof bytes - 15);
    door_send(client, (struct gw_bytes){bytes, sizeof bytes});
}

/* Who holds a place of the pool without getting complete is ended in its time; who
 * waits for one is read no further meanwhile, and is not blamed. */
static void with_the_pool_used_up_large_packets_wait(void **state) {
    struct door_rig *rig = *state;
    static struct door_client holders[INGRESS_LARGE_COUNT];
    static struct door_client waits;
    char id[16];
    for (unsigned i = 0; i < INGRESS_LARGE_COUNT; i++) {
        (void) snprintf(id, sizeof id, "h%u", i);
        door_connect(rig, &holders[i], gw_str_from_cstr(id), DOOR_CLEAN);
        begin_large(&holders[i]);
    }
    door_turn(rig);
    assert_int_equal(rig->ingress->larges_free, 0);
    door_connect(rig, &waits, GW_STR("w"), DOOR_CLEAN);
    door_pass(rig, 10000);
    begin_large(&waits);
    door_pass(rig, 8000);
    static uint8_t rest[2903];
    memset(rest, 'x', sizeof rest);
    door_send(&waits, (struct gw_bytes){rest, sizeof rest});
    door_pass(rig, 1500);
    door_expect_silence(&waits);
    door_pass(rig, 3000);
    for (unsigned i = 0; i < INGRESS_LARGE_COUNT; i++) {
        assert_true(door_is_ended(&holders[i]));
        door_close_client(&holders[i]);
    }
    door_commit(rig, GW_OK);
    door_commit(rig, GW_OK);
    assert_int_equal(door_expect(&waits, PACKET_PUBACK), 1);
    assert_int_equal(door_stored_events(rig), 1);
    assert_int_equal(__builtin_popcountll(rig->ingress->larges_free), INGRESS_LARGE_COUNT);
    door_close_client(&waits);
}

static void small_packets_pass_while_the_pool_is_used_up(void **state) {
    struct door_rig *rig = *state;
    static struct door_client holders[INGRESS_LARGE_COUNT];
    struct door_client client;
    char id[16];
    for (unsigned i = 0; i < INGRESS_LARGE_COUNT; i++) {
        (void) snprintf(id, sizeof id, "h%u", i);
        door_connect(rig, &holders[i], gw_str_from_cstr(id), DOOR_CLEAN);
        begin_large(&holders[i]);
    }
    door_connect(rig, &client, ID, DOOR_KEPT);
    for (uint16_t packet_id = 1; packet_id <= 120; packet_id++) {
        door_publish(&client, 1, packet_id, false, "0123456789012345678901234567890123456789");
    }
    for (int i = 0; i < 20; i++) {
        door_commit(rig, GW_OK);
    }
    for (uint16_t packet_id = 1; packet_id <= 120; packet_id++) {
        assert_int_equal(door_expect(&client, PACKET_PUBACK), packet_id);
    }
    for (unsigned i = 0; i < INGRESS_LARGE_COUNT; i++) {
        door_close_client(&holders[i]);
    }
    door_close_client(&client);
}

static void who_says_nothing_makes_room_for_who_comes(void **state) {
    struct door_rig *rig = *state;
    static struct door_client silent[100];
    struct door_client client;
    door_connect(rig, &client, GW_STR("first"), DOOR_CLEAN);
    for (unsigned i = 0; i < 100; i++) {
        door_open_client(rig, &silent[i]);
        gw_fake_clock_advance(&rig->fake_clock, 1);
    }
    door_expect_silence(&client);
    assert_true(door_is_ended(&silent[0]));
    door_close_client(&client);
    door_connect(rig, &client, GW_STR("second"), DOOR_CLEAN);
    for (unsigned i = 0; i < 100; i++) {
        door_close_client(&silent[i]);
    }
    door_close_client(&client);
}

static void when_every_connection_is_in_use_the_next_is_refused(void **state) {
    struct door_rig *rig = *state;
    static struct door_client clients[80];
    struct door_client late;
    char id[16];
    for (unsigned i = 0; i < 80; i++) {
        (void) snprintf(id, sizeof id, "c%u", i);
        door_connect(rig, &clients[i], gw_str_from_cstr(id), DOOR_CLEAN);
    }
    door_open_client(rig, &late);
    door_expect_end(&late);
    assert_true(gw_health_is_raised(rig->health, GW_ISSUE_INGRESS_FULL, (struct gw_str){0}));
    door_close_client(&clients[7]);
    door_pass(rig, 1000);
    assert_false(gw_health_is_raised(rig->health, GW_ISSUE_INGRESS_FULL, (struct gw_str){0}));
    door_connect(rig, &late, GW_STR("late"), DOOR_CLEAN);
    door_close_client(&late);
    for (unsigned i = 0; i < 80; i++) {
        door_close_client(&clients[i]);
    }
}

/* ---- ends ---- */

static void a_half_closed_connection_ends(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    door_connect(rig, &client, ID, DOOR_KEPT);
    door_publish(&client, 1, 1, false, "last");
    (void) shutdown(client.fd, SHUT_WR);
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_true(door_is_ended(&client));
    assert_int_equal(door_stored(rig, "last"), 1);
    door_close_client(&client);
}

static void a_client_that_has_gone_while_it_was_not_read_is_noticed(void **state) {
    struct door_rig *rig = *state;
    struct door_client client;
    struct gw_ingress_figures figures;
    rig->devices[1].max_per_second = 1;
    door_connect(rig, &client, ID, DOOR_S2);
    door_publish_to(&client, "floor/s2", 0x32, 1, BYTES("{\"code\":\"c\"}"));
    door_publish_to(&client, "floor/s2", 0x32, 2, BYTES("{\"code\":\"c\"}"));
    door_turn(rig);
    door_close_client(&client);
    door_turn(rig);
    gw_ingress_get_figures(rig->ingress, &figures);
    assert_int_equal(figures.connections, 0);
}

/* Every way a connection can end, many times over. */
static void no_descriptor_stays_open(void **state) {
    struct door_rig *rig = *state;
    struct door_client client, other;
    size_t before = door_open_descriptors();
    for (unsigned round = 0; round < 20; round++) {
        door_open_client(rig, &client);
        door_close_client(&client);
        door_turn(rig);
        door_open_client(rig, &client);
        door_send(&client, BYTES("\xf0\0"));
        door_turn(rig);
        door_expect_end(&client);
        door_connect(rig, &client, ID, DOOR_KEPT);
        door_connect(rig, &other, ID, DOOR_KEPT); /* taken over */
        door_expect_end(&client);
        door_publish(&other, 1, 1, false, "x");
        door_turn(rig);
        door_commit(rig, GW_ERR_IO);
        door_expect_end(&other);
        door_connect(rig, &client, ID, DOOR_KEPT);
        door_publish(&client, 1, 1, false, "x");
        door_send(&client, BYTES("\xe0\0"));
        door_turn(rig);
        door_commit(rig, GW_OK);
        door_expect_end(&client);
        door_connect(rig, &client, ID, DOOR_KEPT | DOOR_V5);
        (void) shutdown(client.fd, SHUT_WR);
        door_turn(rig);
        door_expect_end(&client);
        assert_int_equal(door_open_descriptors(), before);
    }
    door_restart(rig);
    assert_int_equal(door_open_descriptors(), before);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, door_setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(packets_are_the_same_in_pieces_of_every_size),
        RIG_TEST(half_a_packet_is_no_message),
        RIG_TEST(a_client_that_reads_slowly_gets_everything_in_order),
        RIG_TEST(a_client_that_never_reads_is_ended),
        RIG_TEST(with_the_pool_used_up_large_packets_wait),
        RIG_TEST(small_packets_pass_while_the_pool_is_used_up),
        RIG_TEST(who_says_nothing_makes_room_for_who_comes),
        RIG_TEST(when_every_connection_is_in_use_the_next_is_refused),
        RIG_TEST(a_half_closed_connection_ends),
        RIG_TEST(a_client_that_has_gone_while_it_was_not_read_is_noticed),
        RIG_TEST(no_descriptor_stays_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
