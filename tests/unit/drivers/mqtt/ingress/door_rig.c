/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/drivers/mqtt/ingress/door_rig.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_CONNECTIONS 80

/* ---- the door ---- */

static void on_refused(void *context, struct gw_str device, enum gw_flow_class class,
                       uint64_t count) {
    (void) class;
    assert_true(device.len > 0);
    ((struct door_rig *) context)->refused += count;
}

static void open_door(struct door_rig *rig) {
    struct gw_ingress_options options = {
        .config = &rig->config,
        .devices = {rig->devices, rig->activities, DOOR_DEVICES},
        .credentials_path = rig->credentials_path,
        .intake = gw_fake_intake(rig->fake),
        .loop = rig->loop,
        .clock = &rig->clock,
        .health = rig->health,
        .refused = on_refused,
        .refused_context = rig,
    };
    assert_int_equal(gw_ingress_open(&options, &rig->ingress), GW_OK);
    rig->listener = (struct ingress_listener){
        .config = &rig->listener_config, .fd = -1, .ingress = rig->ingress};
}

static void configure(struct door_rig *rig) {
    rig->listener_config = (struct gw_config_listener){.name = "floor",
                                                       .address = "127.0.0.1",
                                                       .cert_file = "",
                                                       .key_file = "",
                                                       .ca_file = ""};
    rig->config = (struct gw_config_ingress){.max_connections = MAX_CONNECTIONS,
                                             .max_connections_per_device = MAX_CONNECTIONS,
                                             .receive_maximum = DOOR_RECEIVE_MAXIMUM,
                                             .max_packet_kib = 256};
    const struct gw_config_device none = {.code_pointer = "",
                                          .symbology_pointer = "",
                                          .time_pointer = "",
                                          .event_id_pointer = "",
                                          .weight_pointer = "",
                                          .unit_pointer = "",
                                          .state_pointer = "",
                                          .stable_word = ""};
    rig->devices[0] = none;
    rig->devices[0].id = "s1";
    rig->devices[0].kind = GW_DEVICE_SCANNER;
    rig->devices[0].topic = "floor/s1";
    rig->devices[0].payload = GW_PAYLOAD_TEXT;
    rig->devices[0].class = GW_CLASS_BUSINESS;
    rig->devices[1] = none;
    rig->devices[1].id = "s2";
    rig->devices[1].kind = GW_DEVICE_SCANNER;
    rig->devices[1].topic = "floor/s2";
    rig->devices[1].payload = GW_PAYLOAD_JSON;
    rig->devices[1].code_pointer = "/code";
    rig->devices[1].event_id_pointer = "/id";
    rig->devices[1].class = GW_CLASS_TELEMETRY;
    rig->devices[1].max_per_second = 10;
}

int door_setup(void **state) {
    struct door_rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->clock = gw_fake_clock_init(&rig->fake_clock);
    rig->fake = gw_fake_intake_open();
    gw_temp_folder_open(&rig->folder);
    gw_temp_path(&rig->folder, "devices", rig->credentials_path);
    assert_int_equal(gw_loop_open(MAX_CONNECTIONS + 8, &rig->loop), GW_OK);
    assert_int_equal(gw_health_open(&rig->clock, GW_STR("test"), 32, 16, &rig->health), GW_OK);
    configure(rig);
    open_door(rig);
    for (size_t i = 0; i < DOOR_DEVICES; i++) {
        assert_int_equal(gw_ingress_add_device(rig->ingress,
                                               gw_str_from_cstr(rig->devices[i].id),
                                               rig->secrets[i]),
                         GW_OK);
    }
    *state = rig;
    return 0;
}

int door_teardown(void **state) {
    struct door_rig *rig = *state;
    gw_fake_intake_commit(rig->fake, GW_OK);
    gw_ingress_close(rig->ingress);
    gw_health_close(rig->health);
    gw_loop_close(rig->loop);
    gw_temp_folder_close(&rig->folder);
    gw_fake_intake_close(rig->fake);
    free(rig);
    return 0;
}

void door_restart(struct door_rig *rig) {
    gw_fake_intake_commit(rig->fake, GW_ERR_IO); /* nobody was told: as if it died */
    gw_ingress_close(rig->ingress);
    open_door(rig);
}

void door_turn(struct door_rig *rig) {
    for (int i = 0; i < 12; i++) {
        assert_int_equal(gw_loop_wait(rig->loop, &rig->clock, rig->fake_clock.mono_ms), GW_OK);
        gw_ingress_tick(rig->ingress);
    }
}

void door_commit(struct door_rig *rig, enum gw_err err) {
    gw_fake_intake_commit(rig->fake, err);
    door_turn(rig);
}

void door_pass(struct door_rig *rig, int64_t ms) {
    while (ms > 0) {
        int64_t step_ms = ms < INGRESS_SWEEP_MS ? ms : INGRESS_SWEEP_MS;
        gw_fake_clock_advance(&rig->fake_clock, step_ms);
        ms -= step_ms;
        assert_int_equal(gw_loop_wait(rig->loop, &rig->clock, rig->fake_clock.mono_ms), GW_OK);
        gw_ingress_tick(rig->ingress);
    }
    door_turn(rig);
}

uint64_t door_count(struct door_rig *rig, const char *name) {
    char whole[64];
    (void) snprintf(whole, sizeof whole, "front.%s", name);
    return *gw_health_counter(rig->health, whole);
}

size_t door_stored(const struct door_rig *rig, const char *raw) {
    char data[256];
    size_t count = 0;
    (void) snprintf(data, sizeof data, "{\"raw\":\"%s\"}", raw);
    for (size_t i = 0; i < rig->fake->committed; i++) {
        count += rig->fake->units[i].has_event && strcmp(rig->fake->units[i].data, data) == 0;
    }
    return count;
}

size_t door_stored_events(const struct door_rig *rig) {
    size_t count = 0;
    for (size_t i = 0; i < rig->fake->committed; i++) {
        count += rig->fake->units[i].has_event;
    }
    return count;
}

const struct gw_fake_unit *door_newest(const struct door_rig *rig) {
    assert_true(rig->fake->committed > 0);
    return &rig->fake->units[rig->fake->committed - 1];
}

size_t door_open_descriptors(void) {
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder)) {
        count++;
    }
    (void) closedir(folder);
    return count;
}

/* ---- a client ---- */

void door_open_client(struct door_rig *rig, struct door_client *client) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
                     0);
    client->fd = fds[0];
    client->version = PACKET_V3;
    client->in_len = 0;
    ingress_wire_accept(&rig->listener, fds[1]);
}

void door_close_client(struct door_client *client) {
    if (client->fd >= 0) {
        (void) close(client->fd);
    }
    client->fd = -1;
}

void door_send(struct door_client *client, struct gw_bytes bytes) {
    ssize_t sent = send(client->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
    assert_int_equal(sent, bytes.len);
}

static void put(struct gw_buf *buf, const char *bytes, size_t len) {
    assert_true(gw_buf_put(buf, (struct gw_bytes){(const uint8_t *) bytes, len}));
}

static void put_text(struct gw_buf *buf, struct gw_str text) {
    const char len[] = {(char) (text.len >> 8), (char) text.len};
    put(buf, len, 2);
    put(buf, text.ptr, text.len);
}

#define PUT(buf, literal) put(buf, "" literal, sizeof(literal) - 1)

static void send_packet(struct door_client *client, uint8_t first, const struct gw_buf *body) {
    uint8_t header[5] = {first};
    size_t len = 1, rest = body->len;
    do {
        header[len++] = (uint8_t) ((rest & 0x7f) | (rest > 127 ? 0x80 : 0));
        rest >>= 7;
    } while (rest > 0);
    door_send(client, (struct gw_bytes){header, len});
    if (body->len > 0) {
        door_send(client, gw_buf_bytes(body));
    }
}

static void put_will(struct gw_buf *body, unsigned flags) {
    if (!(flags & DOOR_WILL)) {
        return;
    }
    if ((flags & DOOR_V5) && (flags & DOOR_WILL_DELAY)) {
        PUT(body, "\x05\x18\0\0\0\x3c");
    } else if (flags & DOOR_V5) {
        PUT(body, "\0");
    }
    put_text(body, GW_STR("gangway/s1/will"));
    put_text(body, GW_STR("gone"));
}

void door_send_connect(struct door_rig *rig, struct door_client *client,
                       struct gw_str client_id, unsigned flags) {
    uint8_t storage[512];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    bool is_v5 = (flags & DOOR_V5) != 0, is_s2 = (flags & DOOR_S2) != 0;
    client->version = is_v5 ? PACKET_V5 : PACKET_V3;
    PUT(&body, "\0\4MQTT");
    bool is_clean = is_v5 ? (flags & DOOR_START) != 0 : !(flags & DOOR_KEPT);
    const char head[] = {(char) client->version,
                         (char) (0xc0 | (is_clean ? 2 : 0) | (flags & DOOR_WILL ? 4 : 0)), 0,
                         flags & DOOR_KEEP_ALIVE ? 10 : 0};
    put(&body, head, sizeof head);
    if (is_v5 && (flags & DOOR_KEPT)) {
        PUT(&body, "\x05\x11\0\0\x0e\x10");
    } else if (is_v5) {
        PUT(&body, "\0");
    }
    put_text(&body, client_id);
    put_will(&body, flags);
    put_text(&body, is_s2 ? GW_STR("s2") : GW_STR("s1"));
    put_text(&body, gw_str_from_cstr(rig->secrets[is_s2]));
    send_packet(client, 0x10, &body);
}

bool door_connect(struct door_rig *rig, struct door_client *client, struct gw_str client_id,
                  unsigned flags) {
    struct door_packet packet;
    door_open_client(rig, client);
    door_send_connect(rig, client, client_id, flags);
    door_turn(rig);
    door_commit(rig, GW_OK);
    assert_true(door_next(client, &packet));
    assert_int_equal(packet.type, PACKET_CONNACK);
    assert_int_equal(packet.reason, 0);
    return packet.session_present;
}

void door_publish_to(struct door_client *client, const char *topic, uint8_t first,
                     uint16_t packet_id, struct gw_bytes payload) {
    static uint8_t storage[300000];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    put_text(&body, gw_str_from_cstr(topic));
    if (first & 6) {
        put(&body, (const char[]){(char) (packet_id >> 8), (char) packet_id}, 2);
    }
    if (client->version == PACKET_V5) {
        PUT(&body, "\0");
    }
    put(&body, (const char *) payload.ptr, payload.len);
    send_packet(client, first, &body);
}

void door_publish(struct door_client *client, uint8_t qos, uint16_t packet_id, bool dup,
                  const char *payload) {
    door_publish_to(client, "floor/s1", (uint8_t) (0x30 | qos << 1 | (dup ? 8 : 0)), packet_id,
                    gw_bytes_from_str(gw_str_from_cstr(payload)));
}

void door_send_ack(struct door_client *client, uint8_t first, uint16_t packet_id) {
    const uint8_t bytes[] = {first, 2, (uint8_t) (packet_id >> 8), (uint8_t) packet_id};
    door_send(client, (struct gw_bytes){bytes, sizeof bytes});
}

void door_subscribe(struct door_client *client, uint16_t packet_id, const char *filter) {
    uint8_t storage[512];
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    put(&body, (const char[]){(char) (packet_id >> 8), (char) packet_id}, 2);
    if (client->version == PACKET_V5) {
        PUT(&body, "\0");
    }
    put_text(&body, gw_str_from_cstr(filter));
    PUT(&body, "\0");
    send_packet(client, 0x82, &body);
}

void door_ping(struct door_client *client) {
    door_send(client, (struct gw_bytes){(const uint8_t *) "\xc0", 2});
}

/* ---- what comes back ---- */

static void receive(struct door_client *client) {
    if (client->fd < 0) {
        return;
    }
    ssize_t got =
        recv(client->fd, client->in + client->in_len, sizeof client->in - client->in_len, 0);
    client->in_len += got > 0 ? (size_t) got : 0;
}

static void take_apart(struct door_packet *packet, uint8_t version) {
    const uint8_t *body = packet->body;
    switch (packet->type) {
    case PACKET_CONNACK:
        packet->session_present = body[0] == 1;
        packet->reason = body[1];
        break;
    case PACKET_DISCONNECT:
        packet->reason = body[0];
        break;
    case PACKET_PINGRESP:
    case PACKET_PUBLISH:
        break;
    default:
        packet->packet_id = (uint16_t) (body[0] << 8 | body[1]);
        packet->reason = packet->type == PACKET_SUBACK || packet->type == PACKET_UNSUBACK
                             ? body[version == PACKET_V5 ? 3 : 2]
                         : packet->body_len > 2 ? body[2]
                                                : 0;
    }
}

bool door_next(struct door_client *client, struct door_packet *ret_packet) {
    struct packet_header header;
    receive(client);
    struct gw_bytes in = {client->in, client->in_len};
    if (packet_read_header(in, &header) || header.header_len + header.body_len > in.len) {
        return false;
    }
    *ret_packet = (struct door_packet){
        .type = header.type, .flags = header.flags, .body_len = header.body_len};
    assert_true(header.body_len <= sizeof ret_packet->body);
    memcpy(ret_packet->body, in.ptr + header.header_len, header.body_len);
    take_apart(ret_packet, client->version);
    size_t total = header.header_len + header.body_len;
    memmove(client->in, client->in + total, client->in_len - total);
    client->in_len -= total;
    return true;
}

static struct door_packet expect(struct door_client *client, enum packet_type type) {
    struct door_packet packet;
    if (!door_next(client, &packet)) {
        fail_msg("no packet came, wanted type %u", (unsigned) type);
    }
    if (packet.type != type) {
        fail_msg("type %u (reason 0x%02x) came, wanted type %u", (unsigned) packet.type,
                 (unsigned) packet.reason, (unsigned) type);
    }
    return packet;
}

uint16_t door_expect(struct door_client *client, enum packet_type type) {
    return expect(client, type).packet_id;
}

uint8_t door_expect_reason(struct door_client *client, enum packet_type type) {
    return expect(client, type).reason;
}

static bool at_end(struct door_client *client) {
    uint8_t byte;
    ssize_t got = recv(client->fd, &byte, 1, MSG_PEEK);
    return got == 0 || (got < 0 && errno != EAGAIN);
}

void door_expect_silence(struct door_client *client) {
    struct door_packet packet;
    if (door_next(client, &packet)) {
        fail_msg("type %u came, wanted nothing", (unsigned) packet.type);
    }
    assert_int_equal(client->in_len, 0);
    assert_false(at_end(client));
}

bool door_is_ended(struct door_client *client) {
    struct door_packet packet;
    while (door_next(client, &packet)) {
    }
    return at_end(client);
}

void door_expect_end(struct door_client *client) {
    struct door_packet packet;
    if (door_next(client, &packet)) {
        fail_msg("type %u came, wanted the end", (unsigned) packet.type);
    }
    assert_true(at_end(client));
    door_close_client(client);
}
