/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker door against a broker of a few lines that lives in the test itself:
 * what must never be acknowledged when a commit fails or the queue is full. The
 * rest of the door is in tests/system/test_broker_door.py.
 */
#include "drivers/mqtt/broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "drivers/mqtt/broker_internal.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_intake.h"

/* ---- a broker of a few lines, MQTT 3.1.1 ---- */

struct tiny_broker {
    int listener, fd; /* fd -1 = nobody connected */
    uint16_t port;
    bool session_present;
    uint8_t in[65536];
    size_t in_len;
    unsigned connects, subscribes, disconnects;
    uint16_t acked[GW_FAKE_INTAKE_UNITS];
    size_t acked_count;
};

static void tiny_open(struct tiny_broker *tiny) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    tiny->fd = -1;
    tiny->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(tiny->listener >= 0);
    assert_int_equal(bind(tiny->listener, (struct sockaddr *) &address, sizeof address), 0);
    assert_int_equal(listen(tiny->listener, 4), 0);
    assert_int_equal(getsockname(tiny->listener, (struct sockaddr *) &address, &len), 0);
    tiny->port = ntohs(address.sin_port);
}

static void tiny_drop(struct tiny_broker *tiny) {
    if (tiny->fd >= 0) {
        (void) close(tiny->fd);
    }
    tiny->fd = -1;
    tiny->in_len = 0;
}

static void tiny_send(struct tiny_broker *tiny, const void *bytes, size_t len) {
    assert_int_equal(send(tiny->fd, bytes, len, MSG_NOSIGNAL), len);
}

static void tiny_publish_to(struct tiny_broker *tiny, const char *topic, uint16_t packet_id,
                            const char *payload, bool dup) {
    uint8_t packet[256];
    size_t payload_len = strlen(payload), topic_len = strlen(topic);
    size_t rest = 2 + topic_len + (packet_id ? 2 : 0) + payload_len;
    assert_true(rest < 128);
    size_t at = 0;
    packet[at++] = (uint8_t) (0x30 | (packet_id ? 2 : 0) | (dup ? 8 : 0));
    packet[at++] = (uint8_t) rest;
    packet[at++] = 0;
    packet[at++] = (uint8_t) topic_len;
    memcpy(packet + at, topic, topic_len);
    at += topic_len;
    if (packet_id) {
        packet[at++] = (uint8_t) (packet_id >> 8);
        packet[at++] = (uint8_t) packet_id;
    }
    memcpy(packet + at, payload, payload_len);
    tiny_send(tiny, packet, at + payload_len);
}

static void tiny_publish(struct tiny_broker *tiny, uint16_t packet_id, const char *payload,
                         bool dup) {
    tiny_publish_to(tiny, "floor/s1", packet_id, payload, dup);
}

static void tiny_handle(struct tiny_broker *tiny, const uint8_t *packet) {
    switch (packet[0] >> 4) {
    case 1:
        tiny->connects++;
        tiny_send(tiny, (uint8_t[]){0x20, 2, tiny->session_present, 0}, 4);
        break;
    case 4:
        assert_true(tiny->acked_count < GW_FAKE_INTAKE_UNITS);
        tiny->acked[tiny->acked_count++] = (uint16_t) (packet[2] << 8 | packet[3]);
        break;
    case 8:
        tiny->subscribes++;
        tiny_send(tiny, (uint8_t[]){0x90, 3, packet[2], packet[3], 1}, 5);
        break;
    case 14:
        tiny->disconnects++;
        break;
    default:
        break;
    }
}

/* Every packet of the tests is shorter than 128 bytes: one length byte. */
static void tiny_turn(struct tiny_broker *tiny) {
    int fd = accept4(tiny->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        int yes = 1;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        tiny_drop(tiny);
        tiny->fd = fd;
    }
    if (tiny->fd < 0) {
        return;
    }
    ssize_t got = recv(tiny->fd, tiny->in + tiny->in_len, sizeof tiny->in - tiny->in_len, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        tiny_drop(tiny);
        return;
    }
    tiny->in_len += got > 0 ? (size_t) got : 0;
    size_t at = 0;
    while (tiny->in_len - at >= 2 && tiny->in_len - at >= 2u + tiny->in[at + 1]) {
        tiny_handle(tiny, tiny->in + at);
        at += 2u + tiny->in[at + 1];
    }
    memmove(tiny->in, tiny->in + at, tiny->in_len - at);
    tiny->in_len -= at;
}

/* ---- the rig ---- */

struct rig {
    struct tiny_broker tiny;
    struct gw_fake_clock fake_clock;
    struct gw_clock clock;
    struct gw_fake_intake *fake;
    struct gw_loop *loop;
    struct gw_health *health;
    struct gw_config_broker config;
    struct gw_config_device device;
    struct gw_device_activity activity;
    struct gw_broker *broker;
    uint64_t refused, failed;
};

static void on_commit_failed(void *context, struct gw_str device, enum gw_flow_class class,
                             uint64_t count) {
    assert_true(gw_str_eq(device, GW_STR("s1")));
    assert_int_equal(class, GW_CLASS_BUSINESS);
    ((struct rig *) context)->failed += count;
}

static void on_refused(void *context, struct gw_str device, enum gw_flow_class class,
                       uint64_t count) {
    (void) device;
    assert_int_equal(class, GW_CLASS_BUSINESS);
    ((struct rig *) context)->refused += count;
}

static void open_broker(struct rig *rig) {
    struct gw_broker_options options = {
        .config = &rig->config,
        .devices = {&rig->device, &rig->activity, 1},
        .intake = gw_fake_intake(rig->fake),
        .loop = rig->loop,
        .clock = &rig->clock,
        .health = rig->health,
        .refused = on_refused,
        .commit_failed = on_commit_failed,
        .refused_context = rig,
    };
    assert_int_equal(gw_broker_open(&options, &rig->broker), GW_OK);
}

static int setup(void **state) {
    static const char *topics[] = {"floor/#"};
    struct rig *rig = calloc(1, sizeof *rig);
    rig->clock = gw_fake_clock_init(&rig->fake_clock);
    rig->fake = gw_fake_intake_open();
    tiny_open(&rig->tiny);
    assert_int_equal(gw_loop_open(8, &rig->loop), GW_OK);
    assert_int_equal(gw_health_open(&rig->clock, GW_STR("test"), 32, 16, &rig->health), GW_OK);
    rig->config = (struct gw_config_broker){.name = "b",
                                            .host = "127.0.0.1",
                                            .port = rig->tiny.port,
                                            .client_id = "gw-1",
                                            .username = "",
                                            .ca_file = "",
                                            .keepalive_s = 60,
                                            .receive_maximum = 1000,
                                            .topics = topics,
                                            .topic_count = 1};
    rig->device = (struct gw_config_device){.id = "s1",
                                            .kind = GW_DEVICE_SCANNER,
                                            .topic = "floor/s1",
                                            .payload = GW_PAYLOAD_TEXT,
                                            .class = GW_CLASS_BUSINESS};
    open_broker(rig);
    *state = rig;
    return 0;
}

static int teardown(void **state) {
    struct rig *rig = *state;
    gw_broker_close(rig->broker);
    gw_health_close(rig->health);
    gw_loop_close(rig->loop);
    tiny_drop(&rig->tiny);
    (void) close(rig->tiny.listener);
    gw_fake_intake_close(rig->fake);
    free(rig);
    return 0;
}

/* A few rounds of everything but the commit. The clock stands still, so a round
 * does not wait; loopback needs some rounds to deliver. */
static void turn(struct rig *rig) {
    for (int i = 0; i < 40; i++) {
        assert_int_equal(gw_loop_wait(rig->loop, &rig->clock, rig->fake_clock.mono_ms), GW_OK);
        gw_broker_tick(rig->broker);
        tiny_turn(&rig->tiny);
        if (i % 10 == 9) {
            (void) usleep(1000);
        }
    }
}

static void commit(struct rig *rig, enum gw_err err) {
    gw_fake_intake_commit(rig->fake, err);
    turn(rig);
}

/* Connected and subscribed, the session's state committed. */
static void connect_broker(struct rig *rig) {
    for (int i = 0; i < 10; i++) {
        turn(rig);
        gw_fake_intake_commit(rig->fake, GW_OK);
    }
    assert_true(rig->tiny.connects > 0);
    struct gw_broker_figures figures;
    gw_broker_get_figures(rig->broker, &figures);
    assert_int_equal(figures.state, GW_BROKER_CONNECTED);
    assert_true(figures.is_subscribed);
    assert_int_equal(figures.uncommitted, 0);
}

/* Past any back-off, until connected again. */
static void reconnect(struct rig *rig) {
    unsigned before = rig->tiny.connects;
    rig->tiny.session_present = true;
    for (int i = 0; i < 20 && rig->tiny.connects == before; i++) {
        gw_fake_clock_advance(&rig->fake_clock, 60000);
        turn(rig);
    }
    assert_int_equal(rig->tiny.connects, before + 1);
    turn(rig);
}

static size_t stored_events(const struct rig *rig) {
    size_t count = 0;
    for (size_t i = 0; i < rig->fake->committed; i++) {
        count += rig->fake->units[i].has_event;
    }
    return count;
}

/* ---- tests ---- */

static void nothing_is_acknowledged_before_the_commit(void **state) {
    struct rig *rig = *state;
    connect_broker(rig);
    tiny_publish(&rig->tiny, 1, "a", false);
    tiny_publish(&rig->tiny, 2, "b", false);
    turn(rig);
    assert_int_equal(rig->fake->pending, 2);
    assert_int_equal(rig->tiny.acked_count, 0);
    commit(rig, GW_OK);
    assert_int_equal(rig->tiny.acked_count, 2);
    assert_int_equal(rig->tiny.acked[0], 1);
    assert_int_equal(rig->tiny.acked[1], 2);
}

static void what_the_broker_has_not_answered_is_not_subscribed(void **state) {
    struct rig *rig = *state;
    for (int i = 0; i < 10; i++) {
        turn(rig); /* without the commit that SUBSCRIBE waits for */
    }
    struct gw_broker_figures figures;
    gw_broker_get_figures(rig->broker, &figures);
    assert_int_equal(figures.state, GW_BROKER_CONNECTED);
    assert_false(figures.is_subscribed);
    connect_broker(rig);
}

static void a_failed_commit_is_never_acknowledged(void **state) {
    struct rig *rig = *state;
    connect_broker(rig);
    tiny_publish(&rig->tiny, 1, "a", false);
    turn(rig);
    commit(rig, GW_ERR_IO);
    assert_int_equal(rig->tiny.acked_count, 0);
    assert_int_equal(rig->tiny.fd, -1);
    assert_int_equal(rig->tiny.disconnects, 0);
    assert_true(gw_health_is_raised(rig->health, GW_ISSUE_BROKER_DOWN, GW_STR("b")));
    reconnect(rig);
    assert_int_equal(rig->tiny.acked_count, 0);
    tiny_publish(&rig->tiny, 1, "a", true);
    turn(rig);
    commit(rig, GW_OK);
    assert_int_equal(rig->tiny.acked_count, 1);
    assert_int_equal(stored_events(rig), 1);
    assert_int_equal(*gw_health_counter(rig->health, "mqtt.redelivered_known"), 0);
}

static void only_what_was_committed_before_the_failure_is_known(void **state) {
    struct rig *rig = *state;
    connect_broker(rig);
    tiny_publish(&rig->tiny, 1, "a", false);
    turn(rig);
    commit(rig, GW_OK);
    tiny_publish(&rig->tiny, 2, "b", false);
    turn(rig);
    commit(rig, GW_ERR_IO);
    reconnect(rig);
    tiny_publish(&rig->tiny, 1, "a", true);
    tiny_publish(&rig->tiny, 2, "b", true);
    turn(rig);
    commit(rig, GW_OK);
    assert_int_equal(stored_events(rig), 2);
    assert_int_equal(*gw_health_counter(rig->health, "mqtt.redelivered_known"), 1);
}

static void a_full_queue_withholds_everything_read_on_the_connection(void **state) {
    struct rig *rig = *state;
    connect_broker(rig);
    rig->fake->accept = 1;
    rig->fake->submit_err = GW_ERR_FULL;
    tiny_publish(&rig->tiny, 1, "a", false);
    tiny_publish(&rig->tiny, 2, "b", false);
    turn(rig);
    commit(rig, GW_OK);
    assert_int_equal(rig->tiny.acked_count, 0);
    assert_int_equal(rig->tiny.fd, -1);
    rig->fake->accept = -1;
    reconnect(rig);
    tiny_publish(&rig->tiny, 1, "a", true);
    tiny_publish(&rig->tiny, 2, "b", true);
    turn(rig);
    commit(rig, GW_OK);
    assert_int_equal(rig->tiny.acked_count, 2);
    assert_int_equal(stored_events(rig), 2);
    assert_int_equal(*gw_health_counter(rig->health, "mqtt.withheld"), 1);
    assert_int_equal(*gw_health_counter(rig->health, "mqtt.redelivered_known"), 1);
}

static void a_connection_lost_before_the_commit_stores_once(void **state) {
    struct rig *rig = *state;
    connect_broker(rig);
    tiny_publish(&rig->tiny, 1, "a", false);
    turn(rig);
    tiny_drop(&rig->tiny);
    turn(rig);
    gw_fake_clock_advance(&rig->fake_clock, 60000);
    unsigned connects = rig->tiny.connects;
    turn(rig);
    assert_int_equal(rig->tiny.connects, connects); /* not while it is uncommitted */
    rig->tiny.session_present = true;
    commit(rig, GW_OK);
    assert_int_equal(rig->tiny.connects, connects + 1);
    tiny_publish(&rig->tiny, 1, "a", true);
    turn(rig);
    assert_int_equal(rig->tiny.acked_count, 1);
    assert_int_equal(stored_events(rig), 1);
}

static void qos_0_that_finds_no_room_is_told(void **state) {
    struct rig *rig = *state;
    connect_broker(rig);
    rig->fake->accept = 0;
    rig->fake->submit_err = GW_ERR_FULL;
    tiny_publish(&rig->tiny, 0, "gone", false);
    turn(rig);
    assert_int_equal(rig->refused, 1);
    assert_true(rig->tiny.fd >= 0);
}

static void qos_0_of_a_commit_that_failed_is_told(void **state) {
    struct rig *rig = *state;
    connect_broker(rig);
    tiny_publish(&rig->tiny, 0, "a", false);
    tiny_publish(&rig->tiny, 7, "b", false);
    tiny_publish(&rig->tiny, 0, "c", false);
    turn(rig);
    assert_int_equal(rig->fake->pending, 3);
    commit(rig, GW_ERR_IO);
    assert_int_equal(rig->failed, 2); /* the other one comes again */
    assert_int_equal(rig->refused, 0);
    assert_int_equal(*gw_health_counter(rig->health, "mqtt.refused_qos0"), 2);
}

static void what_cannot_be_decoded_is_kept_and_acknowledged(void **state) {
    struct rig *rig = *state;
    connect_broker(rig);
    tiny_publish(&rig->tiny, 1, "\xff\xfe", false);
    tiny_publish(&rig->tiny, 2, "", false);
    tiny_publish(&rig->tiny, 3, "good", false);
    turn(rig);
    commit(rig, GW_OK);
    assert_int_equal(rig->tiny.acked_count, 3);
    assert_int_equal(stored_events(rig), 1);
    assert_int_equal(*gw_health_counter(rig->health, "mqtt.quarantined"), 2);
}

static void an_event_the_queue_calls_wrong_goes_to_the_quarantine(void **state) {
    struct rig *rig = *state;
    connect_broker(rig);
    rig->fake->accept = 0;
    rig->fake->submit_err = GW_ERR_SCHEMA;
    tiny_publish(&rig->tiny, 1, "odd", false);
    turn(rig);
    /* The fake refuses the quarantine too: then it must stay with the broker. */
    assert_int_equal(rig->tiny.acked_count, 0);
    assert_int_equal(rig->tiny.fd, -1);
}

static void a_restart_knows_what_was_stored(void **state) {
    struct rig *rig = *state;
    connect_broker(rig);
    tiny_publish(&rig->tiny, 7, "a", false);
    turn(rig);
    gw_fake_intake_commit(rig->fake, GW_OK); /* and dies before the PUBACK */
    tiny_drop(&rig->tiny);
    gw_broker_close(rig->broker);
    open_broker(rig);
    reconnect(rig);
    tiny_publish(&rig->tiny, 7, "a", true);
    turn(rig);
    commit(rig, GW_OK);
    assert_int_equal(rig->tiny.acked_count, 1);
    assert_int_equal(stored_events(rig), 1);
    assert_int_equal(rig->tiny.subscribes, 1);
}

static void restart(struct rig *rig) {
    tiny_drop(&rig->tiny);
    gw_broker_close(rig->broker);
    open_broker(rig);
    reconnect(rig);
}

static void a_restart_knows_what_went_into_the_quarantine(void **state) {
    struct rig *rig = *state;
    connect_broker(rig);
    tiny_publish(&rig->tiny, 7, "\xff\xfe", false);
    turn(rig);
    gw_fake_intake_commit(rig->fake, GW_OK); /* and dies before the PUBACK */
    restart(rig);
    tiny_publish(&rig->tiny, 7, "\xff\xfe", true);
    turn(rig);
    commit(rig, GW_OK);
    assert_int_equal(rig->tiny.acked_count, 1);
    assert_int_equal(*gw_health_counter(rig->health, "mqtt.quarantined"), 1);
    assert_int_equal(*gw_health_counter(rig->health, "mqtt.redelivered_known"), 1);
}

static void publish_many(struct rig *rig, uint16_t from, uint16_t count) {
    for (uint16_t i = 0; i < count; i++) {
        tiny_publish(&rig->tiny, (uint16_t) (from + i), "x", false);
        if (i % 100 == 99 || i + 1 == count) {
            turn(rig);
            commit(rig, GW_OK);
        }
    }
}

/* Message 1 lies in a class of few events, the 1,099 after it in one of many, of
 * which all but the newest are trimmed. Taken for neighbours they would make the next
 * use of id 1 a redelivery, and its scan would be lost. */
static void ids_of_long_ago_mean_nothing_after_a_restart(void **state) {
    struct rig *rig = *state;
    connect_broker(rig);
    tiny_publish(&rig->tiny, 1, "a", false);
    turn(rig);
    commit(rig, GW_OK);
    size_t first = rig->fake->committed;
    publish_many(rig, 2, 1099);
    size_t kept = 10;
    memmove(&rig->fake->units[first], &rig->fake->units[rig->fake->committed - kept],
            kept * sizeof rig->fake->units[0]);
    rig->fake->committed = first + kept;
    restart(rig);
    size_t before = stored_events(rig);
    tiny_publish(&rig->tiny, 1, "a", true);
    turn(rig);
    commit(rig, GW_OK);
    assert_int_equal(stored_events(rig), before + 1);
    assert_true(rig->fake->units[rig->fake->committed - 1].flags & GW_EVENT_POSSIBLE_DUPLICATE);
    tiny_publish(&rig->tiny, 1100, "x", true);
    turn(rig);
    commit(rig, GW_OK);
    assert_int_equal(stored_events(rig), before + 1);
    assert_int_equal(*gw_health_counter(rig->health, "mqtt.redelivered_known"), 1);
}

/* Two that were in the same window are: then an id proves nothing. */
static void ids_used_twice_lately_are_noticed_after_a_restart(void **state) {
    struct rig *rig = *state;
    connect_broker(rig);
    publish_many(rig, 1, 30);
    publish_many(rig, 1, 1);
    restart(rig);
    size_t before = stored_events(rig);
    tiny_publish(&rig->tiny, 20, "x", true);
    turn(rig);
    commit(rig, GW_OK);
    assert_int_equal(stored_events(rig), before + 1);
}

static bool state_is(const struct rig *rig, const char *key, const char *value) {
    for (size_t i = 0; i < rig->fake->state_count; i++) {
        if (strcmp(rig->fake->states[i].key, key) == 0) {
            return rig->fake->states[i].len == strlen(value)
                   && memcmp(rig->fake->states[i].value, value, strlen(value)) == 0;
        }
    }
    return false;
}

static void a_session_number_that_was_not_saved_is_saved_on_the_next_connection(void **state) {
    struct rig *rig = *state;
    for (int i = 0; i < 10 && rig->fake->pending == 0; i++) {
        turn(rig);
    }
    assert_true(rig->fake->pending > 0);
    commit(rig, GW_ERR_IO);
    assert_false(state_is(rig, "broker/b", "1 1\n"));
    reconnect(rig); /* and the broker has the session now */
    turn(rig);
    gw_fake_intake_commit(rig->fake, GW_OK);
    assert_true(state_is(rig, "broker/b", "1 1\n"));
    commit(rig, GW_OK);
    commit(rig, GW_OK);
    assert_true(state_is(rig, "broker/b", "1 1\nfloor/#\n"));
    size_t units = rig->fake->committed;
    rig->tiny.session_present = true;
    tiny_drop(&rig->tiny);
    turn(rig);
    reconnect(rig);
    commit(rig, GW_OK);
    assert_int_equal(rig->fake->committed, units); /* saved once */
}

/* ---- unknown topics ---- */

static unsigned count_unknown(struct rig *rig) {
    struct gw_issue_view view;
    unsigned count = 0;
    for (size_t i = 0; gw_health_issue_at(rig->health, i, &view); i++) {
        count += view.info->code == GW_ISSUE_UNKNOWN_TOPIC;
    }
    return count;
}

static void unknown_topics_are_few_issues_that_end(void **state) {
    struct rig *rig = *state;
    connect_broker(rig);
    for (uint16_t i = 1; i <= 30; i++) {
        char topic[32];
        (void) snprintf(topic, sizeof topic, "floor/x%u", (unsigned) i);
        tiny_publish_to(&rig->tiny, topic, i, "x", false);
    }
    turn(rig);
    commit(rig, GW_OK);
    assert_int_equal(*gw_health_counter(rig->health, "mqtt.unknown_topics"), 30);
    assert_int_equal(count_unknown(rig), 9);
    assert_true(gw_health_is_raised(rig->health, GW_ISSUE_UNKNOWN_TOPIC, GW_STR("floor/x1")));
    gw_fake_clock_advance(&rig->fake_clock, 400000);
    tiny_publish_to(&rig->tiny, "floor/x2", 50, "x", false);
    turn(rig);
    commit(rig, GW_OK);
    assert_int_equal(count_unknown(rig), 9);
    gw_fake_clock_advance(&rig->fake_clock, 250000);
    turn(rig);
    assert_int_equal(count_unknown(rig), 1);
    assert_true(gw_health_is_raised(rig->health, GW_ISSUE_UNKNOWN_TOPIC, GW_STR("floor/x2")));
    gw_broker_set_config(rig->broker, &rig->config,
                         &(struct gw_broker_devices){&rig->device, &rig->activity, 1});
    assert_int_equal(count_unknown(rig), 0);
}

static bool holds_badge(void *self, struct gw_str text) {
    (void) self;
    return memmem(text.ptr, text.len, "EMP", 3) != NULL;
}

static void a_topic_that_holds_a_personal_code_is_not_shown(void **state) {
    struct rig *rig = *state;
    gw_health_set_redactor(rig->health, holds_badge, NULL);
    connect_broker(rig);
    tiny_publish_to(&rig->tiny, "floor/x/EMP4711815", 1, "x", false);
    tiny_publish_to(&rig->tiny, "floor/x/EMP4711816", 2, "x", false);
    tiny_publish_to(&rig->tiny, "floor/x/4711", 3, "x", false);
    turn(rig);
    commit(rig, GW_OK);
    assert_int_equal(count_unknown(rig), 3);
    struct gw_issue_view view;
    for (size_t i = 0; gw_health_issue_at(rig->health, i, &view); i++) {
        assert_false(holds_badge(NULL, view.subject));
    }
    assert_true(
        gw_health_is_raised(rig->health, GW_ISSUE_UNKNOWN_TOPIC, GW_STR("floor/x/4711")));
    gw_fake_clock_advance(&rig->fake_clock, 650000);
    turn(rig);
    assert_int_equal(count_unknown(rig), 0);
    gw_health_set_redactor(rig->health, NULL, NULL);
}

/* ---- records ---- */

#define TAG(number, epc) "{\"data\":{\"eventNum\":" number ",\"idHex\":\"" epc "\"}}"

static void records_are_known_by_their_event_ids_over_a_restart(void **state) {
    struct rig *rig = *state;
    struct gw_observe_profile *profile = NULL;
    assert_int_equal(gw_observe_profile_open(GW_SOURCE_DIR "/drivers/profile/profiles",
                                             "rfid-reader", &profile),
                     GW_OK);
    rig->activity.profile = profile;
    connect_broker(rig);
    tiny_publish(&rig->tiny, 1, "{\"tags\":[" TAG("5", "BB") "," TAG("6", "CC") "]}", false);
    tiny_publish(&rig->tiny, 2, "{\"tags\":[" TAG("5", "BB") "," TAG("6", "CC") "]}", false);
    tiny_publish(&rig->tiny, 3, "{\"tags\":[" TAG("6", "CC") "," TAG("7", "DD") "]}", false);
    turn(rig);
    commit(rig, GW_OK);
    assert_int_equal(rig->tiny.acked_count, 3);
    assert_int_equal(stored_events(rig), 3);
    gw_broker_close(rig->broker);
    open_broker(rig);
    reconnect(rig);
    tiny_publish(&rig->tiny, 3, "{\"tags\":[" TAG("6", "CC") "," TAG("7", "DD") "]}", true);
    tiny_publish(&rig->tiny, 4, "{\"tags\":[" TAG("5", "BB") "," TAG("8", "EE") "]}", false);
    turn(rig);
    commit(rig, GW_OK);
    assert_int_equal(rig->tiny.acked_count, 5);
    assert_int_equal(stored_events(rig), 4);
    assert_int_equal(*gw_health_counter(rig->health, "mqtt.device_duplicates"), 6);
    gw_observe_profile_close(profile);
}

/* A message of several that waited in the quarantine while some of it came another way. */
static void of_a_retried_list_only_what_is_new_is_left(void **state) {
    struct rig *rig = *state;
    struct gw_broker_retried retried;
    struct gw_observation observation = {.count = 3};
    uint8_t origin[GW_MQTT_ORIGIN_MAX_BYTES];
    const struct gw_mqtt_origin own = {
        .door = GW_MQTT_DOOR_BROKER, .broker = rig->broker->name_hash, .packet_id = 4};
    size_t len = gw_mqtt_origin_encode(&own, origin);
    static const char *const ids[] = {"5", "6", "7"};
    for (size_t i = 0; i < observation.count; i++) {
        observation.drafts[i].device = GW_STR("s1");
        observation.ids[i] =
            (struct gw_reading_id){gw_str_from_cstr(ids[i]), gw_str_from_cstr(ids[i])};
    }
    gw_broker_begin_retried(GW_STR("floor/s1"), (struct gw_bytes){origin, len}, &retried);
    struct gw_observation first = observation;
    first.count = 2;
    gw_broker_note_retried(rig->broker, &retried, &first);
    assert_int_equal(gw_broker_sift_retried(rig->broker, &retried, &observation), 2);
    gw_broker_complete_origins(&retried, &observation);
    assert_int_equal(observation.count, 1);
    assert_string_equal(observation.ids[0].event_id.ptr, "7");
    assert_int_equal(observation.draft.origin.len, GW_MQTT_ORIGIN_MAX_BYTES);
}

/* ---- again, from the quarantine ---- */

static void a_topic_that_was_cut_is_refused_with_the_reason(void **state) {
    struct rig *rig = *state;
    struct gw_broker_devices devices = {&rig->device, &rig->activity, 1};
    struct gw_broker_retry retry = {.topic = GW_STR("floor/s1"),
                                    .topic_len = 9000,
                                    .payload = {(const uint8_t *) "a", 1},
                                    .payload_len = 1};
    static uint8_t bytes[GW_OBSERVE_STORAGE_BYTES];
    char text[256];
    struct gw_buf storage, reason;
    struct gw_observation observation;
    gw_buf_init(&storage, bytes, sizeof bytes);
    gw_buf_init(&reason, text, sizeof text);
    assert_int_equal(gw_broker_decode_retry(&devices, &retry, &storage, &reason, &observation),
                     GW_ERR_RANGE);
    assert_true(
        gw_str_eq(gw_buf_str(&reason), GW_STR("only 8 of 9000 bytes of the topic were kept")));
    retry.topic_len = retry.topic.len;
    assert_int_equal(gw_broker_decode_retry(&devices, &retry, &storage, &reason, &observation),
                     GW_OK);
}

static size_t times_stored(const struct rig *rig, unsigned number) {
    char data[32];
    size_t count = 0;
    (void) snprintf(data, sizeof data, "{\"raw\":\"m%u\"}", number);
    for (size_t i = 0; i < rig->fake->committed; i++) {
        count += strcmp(rig->fake->units[i].data, data) == 0;
    }
    return count;
}

/* Every place a commit can fail at, in a stream of messages over reconnections:
 * nothing acknowledged is ever missing, nothing is stored twice. */
static void whatever_fails_nothing_acknowledged_is_missing(void **state) {
    struct rig *rig = *state;
    connect_broker(rig);
    rig->tiny.session_present = true;
    uint16_t next = 1;
    srand(99);
    while (next <= 120) {
        if (rig->tiny.fd < 0) {
            rig->fake->accept = -1;
            reconnect(rig);
        }
        uint16_t burst = (uint16_t) (1 + rand() % 5);
        size_t acked = rig->tiny.acked_count;
        rig->fake->accept = rand() % 4 == 0 ? rand() % burst : -1;
        rig->fake->submit_err = GW_ERR_FULL;
        for (uint16_t i = 0; i < burst; i++) {
            char payload[16];
            (void) snprintf(payload, sizeof payload, "m%u", (unsigned) (next + i));
            tiny_publish(&rig->tiny, (uint16_t) (next + i), payload, true);
        }
        turn(rig);
        commit(rig, rand() % 3 == 0 ? GW_ERR_IO : GW_OK);
        for (size_t i = acked; i < rig->tiny.acked_count; i++) {
            assert_int_equal(rig->tiny.acked[i], next + (i - acked));
            assert_int_equal(times_stored(rig, rig->tiny.acked[i]), 1);
        }
        next = (uint16_t) (next + (rig->tiny.acked_count - acked));
    }
    for (unsigned number = 1; number < next; number++) {
        assert_int_equal(times_stored(rig, number), 1);
    }
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(nothing_is_acknowledged_before_the_commit),
        RIG_TEST(what_the_broker_has_not_answered_is_not_subscribed),
        RIG_TEST(a_failed_commit_is_never_acknowledged),
        RIG_TEST(only_what_was_committed_before_the_failure_is_known),
        RIG_TEST(a_full_queue_withholds_everything_read_on_the_connection),
        RIG_TEST(a_connection_lost_before_the_commit_stores_once),
        RIG_TEST(qos_0_that_finds_no_room_is_told),
        RIG_TEST(qos_0_of_a_commit_that_failed_is_told),
        RIG_TEST(what_cannot_be_decoded_is_kept_and_acknowledged),
        RIG_TEST(an_event_the_queue_calls_wrong_goes_to_the_quarantine),
        RIG_TEST(a_restart_knows_what_was_stored),
        RIG_TEST(a_restart_knows_what_went_into_the_quarantine),
        RIG_TEST(ids_of_long_ago_mean_nothing_after_a_restart),
        RIG_TEST(ids_used_twice_lately_are_noticed_after_a_restart),
        RIG_TEST(a_session_number_that_was_not_saved_is_saved_on_the_next_connection),
        RIG_TEST(unknown_topics_are_few_issues_that_end),
        RIG_TEST(a_topic_that_holds_a_personal_code_is_not_shown),
        RIG_TEST(records_are_known_by_their_event_ids_over_a_restart),
        RIG_TEST(of_a_retried_list_only_what_is_new_is_left),
        RIG_TEST(a_topic_that_was_cut_is_refused_with_the_reason),
        RIG_TEST(whatever_fails_nothing_acknowledged_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
