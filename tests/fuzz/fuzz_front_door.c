/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole front door from bytes to units and back: two clients on socket pairs, an
 * intake that commits or fails when the input says so, a clock that the input moves.
 *
 * The input is a list of steps: a byte (lower four bits: the step; 0x10: the second
 * client; 0x80: no round of the loop after it) and its arguments, see `steps`.
 *
 * Properties: every byte that is written belongs to a packet which a server of that
 * version may write there; no PUBACK or PUBREC without a unit that was committed, or
 * something known by one; all counts agree in the end; nothing leaks.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/mqtt/ingress/ingress_internal.h"
#include "drivers/mqtt/origin.h"
#include "firmware/base/file.h"
#include "firmware/crypto/crypto.h"
#include "tests/fakes/fake_clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS 2
#define UNITS_MAX 1024
#define STATES_MAX 8
#define STEPS_MAX 400
#define SECRET "0123456789abcdef0123456789abcdef"

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

/* ---- an intake that keeps only what is asked about ---- */

struct state {
    uint8_t key[256], value[512];
    size_t key_len, value_len; /* value_len 0 = deleted */
};

struct intake {
    struct {
        gw_unit_completed *completed;
        void *context;
        uint64_t token;
        uint16_t packet_id;
        bool is_message;
    } units[UNITS_MAX]; /* of the open group */
    size_t unit_count;
    struct state states[STATES_MAX], committed[STATES_MAX];
    uint8_t origins[UNITS_MAX][GW_MQTT_ORIGIN_BYTES]; /* ring of committed ones */
    size_t origin_count, pending_origins;
    uint64_t messages;         /* committed events and quarantine entries */
    bool has_committed[65536]; /* by packet id */
    unsigned accept;           /* submits until one is refused; 255 = never */
    enum gw_err refusal;
    bool ends_group;
};

static void commit(struct intake *intake, enum gw_err err) {
    size_t count = intake->unit_count;
    intake->unit_count = 0;
    if (err) {
        memcpy(intake->states, intake->committed, sizeof intake->states);
    } else {
        memcpy(intake->committed, intake->states, sizeof intake->states);
        intake->origin_count += intake->pending_origins;
    }
    intake->pending_origins = 0;
    for (size_t i = 0; i < count && !err; i++) {
        intake->messages += intake->units[i].is_message;
        intake->has_committed[intake->units[i].packet_id] |= intake->units[i].is_message;
    }
    for (size_t i = 0; i < count; i++) {
        intake->units[i].completed(intake->units[i].context, intake->units[i].token, err);
    }
}

static struct state *find_state(struct state *states, struct gw_bytes key, bool makes) {
    struct state *room = NULL;
    for (size_t i = 0; i < STATES_MAX; i++) {
        struct state *state = &states[i];
        if (state->value_len == 0) {
            room = state;
        } else if (state->key_len == key.len && memcmp(state->key, key.ptr, key.len) == 0) {
            return state;
        }
    }
    return makes ? room : NULL;
}

static enum gw_err change(struct intake *intake, const struct gw_state_change *wanted) {
    require(wanted->key.len >= 1 && wanted->key.len <= 255 && wanted->value.len <= 512);
    struct state *state = find_state(intake->states, wanted->key, wanted->value.ptr != NULL);
    if (!state) {
        return wanted->value.ptr ? GW_ERR_DENIED : GW_OK;
    }
    memcpy(state->key, wanted->key.ptr, wanted->key.len);
    state->key_len = wanted->key.len;
    state->value_len = wanted->value.ptr ? wanted->value.len : 0;
    memcpy(state->value, wanted->value.ptr ? wanted->value.ptr : state->value,
           state->value_len);
    return GW_OK;
}

static void note_message(struct intake *intake, struct gw_bytes bytes) {
    struct gw_mqtt_origin origin = {0};
    intake->units[intake->unit_count].is_message = true;
    if (bytes.len > 0) {
        require(bytes.len == GW_MQTT_ORIGIN_BYTES && !gw_mqtt_origin_decode(bytes, &origin)
                && origin.door == GW_MQTT_DOOR_FRONT);
        size_t at = (intake->origin_count + intake->pending_origins++) % UNITS_MAX;
        memcpy(intake->origins[at], bytes.ptr, bytes.len);
    }
    intake->units[intake->unit_count].packet_id = origin.packet_id;
}

static enum gw_err check_unit(struct intake *intake, const struct gw_unit *unit) {
    require(unit->event_count + unit->quarantine_count <= 1 && unit->change_count <= 1);
    require(unit->completed != NULL);
    if (intake->accept == 0) {
        intake->accept = 255;
        return intake->refusal;
    }
    intake->accept -= intake->accept < 255;
    return unit->event_count > 0 ? gw_event_validate_draft(&unit->events[0]) : GW_OK;
}

static enum gw_err submit(void *self, const struct gw_unit *unit) {
    struct intake *intake = self;
    if (intake->ends_group || intake->unit_count == UNITS_MAX) {
        commit(intake, intake->ends_group ? GW_ERR_IO : GW_OK);
        intake->ends_group = false;
    }
    enum gw_err err = check_unit(intake, unit);
    if (!err && unit->change_count > 0) {
        err = change(intake, &unit->changes[0]);
    }
    if (err) {
        return err;
    }
    size_t at = intake->unit_count;
    intake->units[at].completed = unit->completed;
    intake->units[at].context = unit->context;
    intake->units[at].token = unit->token;
    intake->units[at].packet_id = 0;
    intake->units[at].is_message = false;
    if (unit->event_count > 0) {
        note_message(intake, unit->events[0].origin);
    } else if (unit->quarantine_count > 0) {
        require(unit->quarantine[0].raw.len <= unit->quarantine[0].raw_len);
        note_message(intake, unit->quarantine[0].origin);
    }
    intake->unit_count++;
    return GW_OK;
}

static enum gw_err state_get(void *self, struct gw_str table, struct gw_bytes key,
                             struct gw_buf *buf) {
    struct intake *intake = self;
    require(gw_str_eq(table, SESSION_TABLE));
    const struct state *state = find_state(intake->committed, key, false);
    if (!state) {
        return GW_ERR_NOENT;
    }
    struct gw_bytes value = {state->value, state->value_len};
    return gw_buf_put(buf, value) ? GW_OK : GW_ERR_FULL;
}

static enum gw_err state_each(void *self, struct gw_str table, gw_intake_state *each,
                              void *context) {
    struct intake *intake = self;
    (void) table;
    for (size_t i = 0; i < STATES_MAX; i++) {
        const struct state *state = &intake->committed[i];
        if (state->value_len > 0) {
            (void) each(context, (struct gw_bytes){state->key, state->key_len},
                        (struct gw_bytes){state->value, state->value_len});
        }
    }
    return GW_OK;
}

static enum gw_err tail(void *self, struct gw_bytes prefix, size_t count, gw_intake_tail *each,
                        void *context) {
    struct intake *intake = self;
    (void) prefix;
    (void) count;
    size_t from = intake->origin_count > UNITS_MAX ? intake->origin_count - UNITS_MAX : 0;
    for (size_t i = from; i < intake->origin_count; i++) {
        each(context, (struct gw_bytes){intake->origins[i % UNITS_MAX], GW_MQTT_ORIGIN_BYTES},
             GW_CLASS_BUSINESS, i + 1);
    }
    return GW_OK;
}

/* ---- the door ---- */

struct client {
    int fd; /* -1 = none */
    uint8_t version;
    bool is_reading, is_accepted, is_over;
    uint8_t head[12]; /* what it sent first */
    size_t head_len;
    uint8_t in[8192];
    size_t in_len;
};

struct rig {
    struct gw_fake_clock fake_clock;
    struct gw_clock clock;
    struct intake intake;
    struct gw_loop *loop;
    struct gw_health *health;
    struct gw_config_ingress config;
    struct gw_config_listener listener_config;
    struct gw_config_device devices[2];
    struct gw_device_activity activities[2];
    struct ingress_listener listener;
    struct gw_ingress *ingress;
    struct client clients[CLIENTS];
    uint64_t acknowledged;
};

static char credentials_path[64];

static void remove_credentials(void) {
    (void) unlink(credentials_path);
}

static void put_digest(struct gw_buf *buf, const char *device) {
    uint8_t digest[GW_SHA256_BYTES];
    char hex[2 * GW_SHA256_BYTES + 1];
    gw_sha256_of(gw_bytes_from_str(GW_STR(SECRET)), digest);
    gw_hex_format((struct gw_bytes){digest, sizeof digest}, hex);
    gw_buf_printf(buf, "%s %s\n", device, hex);
}

/* Once: a file of two devices with a secret that inputs can name. */
static void make_credentials(void) {
    if (credentials_path[0] != '\0') {
        return;
    }
    char storage[512];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    gw_buf_put_str(&buf, GW_STR("gangway-credentials 1\n"));
    put_digest(&buf, "s1");
    put_digest(&buf, "s2");
    gw_file_put_checksum(&buf);
    (void) snprintf(credentials_path, sizeof credentials_path, "/tmp/gw-fuzz-%d",
                    (int) getpid());
    require(gw_file_replace(credentials_path, gw_buf_bytes(&buf), 0600) == GW_OK);
    require(atexit(remove_credentials) == 0);
}

static const struct gw_config_device configured[] = {
    {.id = "s1",
     .kind = GW_DEVICE_SCANNER,
     .topic = "floor/s1",
     .payload = GW_PAYLOAD_TEXT,
     .code_pointer = "",
     .symbology_pointer = "",
     .time_pointer = "",
     .event_id_pointer = "",
     .weight_pointer = "",
     .unit_pointer = "",
     .state_pointer = "",
     .stable_word = "",
     .class = GW_CLASS_BUSINESS},
    {.id = "s2",
     .kind = GW_DEVICE_SCANNER,
     .topic = "floor/+/s2",
     .payload = GW_PAYLOAD_JSON,
     .code_pointer = "/code",
     .symbology_pointer = "",
     .time_pointer = "",
     .event_id_pointer = "/id",
     .weight_pointer = "",
     .unit_pointer = "",
     .state_pointer = "",
     .stable_word = "",
     .class = GW_CLASS_TELEMETRY,
     .max_per_second = 5},
};

static void open_door(struct rig *rig) {
    struct gw_ingress_options options = {
        .config = &rig->config,
        .devices = {rig->devices, rig->activities, 2},
        .credentials_path = credentials_path,
        .intake = {.submit = submit,
                   .state_get = state_get,
                   .state_each = state_each,
                   .tail = tail,
                   .self = &rig->intake},
        .loop = rig->loop,
        .clock = &rig->clock,
        .health = rig->health,
    };
    require(gw_ingress_open(&options, &rig->ingress) == GW_OK);
    rig->listener = (struct ingress_listener){
        .config = &rig->listener_config, .fd = -1, .ingress = rig->ingress};
}

static struct rig *open_rig(void) {
    struct rig *rig = calloc(1, sizeof *rig);
    require(rig != NULL);
    make_credentials();
    rig->clock = gw_fake_clock_init(&rig->fake_clock);
    rig->intake.accept = 255;
    rig->listener_config = (struct gw_config_listener){.name = "floor", .cert_file = ""};
    rig->config = (struct gw_config_ingress){.max_connections = 3,
                                             .max_connections_per_device = 2,
                                             .receive_maximum = 8,
                                             .max_packet_kib = 96};
    memcpy(rig->devices, configured, sizeof rig->devices);
    require(gw_loop_open(8, &rig->loop) == GW_OK);
    require(gw_health_open(&rig->clock, GW_STR("fuzz"), 32, 16, &rig->health) == GW_OK);
    open_door(rig);
    for (size_t i = 0; i < CLIENTS; i++) {
        rig->clients[i].fd = -1;
    }
    return rig;
}

/* ---- what the server may write ---- */

static bool is_one_of(uint8_t reason, const char *set, size_t len) {
    return memchr(set, reason, len) != NULL;
}
#define ONE_OF(reason, literal) is_one_of(reason, literal, sizeof(literal) - 1)

static bool is_legal_ack(const struct client *client, uint8_t type, struct gw_bytes body) {
    bool has_reason = body.len == 3 && client->version == PACKET_V5;
    if ((body.len != 2 && !has_reason) || (body.ptr[0] | body.ptr[1]) == 0) {
        return false;
    }
    return !has_reason
           || (type == PACKET_PUBCOMP
                   ? body.ptr[2] == 0x92
                   : ONE_OF(body.ptr[2], "\x10\x80\x83\x87\x90\x91\x97\x99"));
}

static bool is_legal_connack(const struct client *client, struct gw_bytes body) {
    if (client->is_accepted || body.len < 2 || body.ptr[0] > 1) {
        return false;
    }
    if (client->version != PACKET_V5) {
        return body.len == 2 && body.ptr[1] <= 5 && (body.ptr[1] == 0 || body.ptr[0] == 0);
    }
    return body.len >= 3 && body.len == 3u + body.ptr[2]
           && (body.ptr[1] == 0
               || (body.ptr[0] == 0
                   && ONE_OF(body.ptr[1], "\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8c"
                                          "\x90\x95\x97\x99\x9a\x9b\x9c\x9d\x9f")));
}

static bool is_legal_suback(const struct client *client, uint8_t type, struct gw_bytes body) {
    size_t from = client->version == PACKET_V5 ? 3 : 2;
    bool has_codes = type == PACKET_SUBACK || client->version == PACKET_V5;
    if (body.len < from || (has_codes ? body.len == from : body.len != from)) {
        return false;
    }
    for (size_t i = from; i < body.len; i++) {
        bool is_legal = client->version != PACKET_V5 ? ONE_OF(body.ptr[i], "\0\x80")
                        : type == PACKET_SUBACK
                            ? ONE_OF(body.ptr[i], "\0\x80\x83\x87\x8f\x91\x97\x9e\xa1\xa2")
                            : ONE_OF(body.ptr[i], "\0\x11\x80\x83\x87\x8f\x91");
        if (!is_legal) {
            return false;
        }
    }
    return true;
}

static bool is_legal(const struct client *client, const struct packet_header *header,
                     struct gw_bytes body) {
    if (header->flags != 0 || client->is_over
        || (header->type != PACKET_CONNACK && !client->is_accepted)) {
        return false;
    }
    switch (header->type) {
    case PACKET_CONNACK:
        return is_legal_connack(client, body);
    case PACKET_PUBACK:
    case PACKET_PUBREC:
    case PACKET_PUBCOMP:
        return is_legal_ack(client, header->type, body);
    case PACKET_SUBACK:
    case PACKET_UNSUBACK:
        return is_legal_suback(client, header->type, body);
    case PACKET_PINGRESP:
        return body.len == 0;
    case PACKET_PUBLISH:
        return body.len > 12 && memcmp(body.ptr + 2, "gangway/s", 9) == 0;
    case PACKET_DISCONNECT:
        return client->version == PACKET_V5 && body.len == 1
               && ONE_OF(body.ptr[0], "\x80\x81\x82\x83\x87\x89\x8b\x8d\x8e\x8f\x90\x93\x94"
                                      "\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\xa0\xa1\xa2");
    default:
        return false;
    }
}

/* Known by a unit that was committed, however often it is told. */
static uint64_t known(const struct rig *rig) {
    return *rig->ingress->counters.redelivered + *rig->ingress->counters.device_duplicates;
}

static void check_acknowledged(struct rig *rig, uint8_t type, const uint8_t *body) {
    uint16_t packet_id = (uint16_t) (body[0] << 8 | body[1]);
    rig->acknowledged++;
    require(rig->acknowledged <= rig->intake.messages + known(rig));
    require(type != PACKET_PUBACK || rig->intake.has_committed[packet_id]
            || *rig->ingress->counters.device_duplicates > 0);
}

static void check_packet(struct rig *rig, struct client *client,
                         const struct packet_header *header, struct gw_bytes body) {
    require(is_legal(client, header, body));
    if (header->type == PACKET_CONNACK) {
        client->is_accepted = body.ptr[1] == 0;
        client->is_over = !client->is_accepted;
    } else if (header->type == PACKET_DISCONNECT) {
        client->is_over = true;
    } else if (header->type == PACKET_PUBACK || header->type == PACKET_PUBREC) {
        check_acknowledged(rig, header->type, body.ptr);
    }
}

/* False at the end of the connection. */
static bool read_client(struct rig *rig, struct client *client) {
    ssize_t got = recv(client->fd, client->in + client->in_len,
                       sizeof client->in - client->in_len, MSG_DONTWAIT);
    if (got <= 0) {
        return got < 0;
    }
    client->in_len += (size_t) got;
    size_t at = 0;
    struct packet_header header;
    while (!packet_read_header((struct gw_bytes){client->in + at, client->in_len - at}, &header)
           && header.header_len + header.body_len <= client->in_len - at) {
        struct gw_bytes body = {client->in + at + header.header_len, header.body_len};
        check_packet(rig, client, &header, body);
        at += header.header_len + header.body_len;
    }
    memmove(client->in, client->in + at, client->in_len - at);
    client->in_len -= at;
    return read_client(rig, client);
}

/* ---- steps ---- */

struct input {
    const uint8_t *at, *end;
};

static uint8_t take(struct input *input) {
    return input->at < input->end ? *input->at++ : 0;
}

static void close_client(struct client *client) {
    if (client->fd >= 0) {
        (void) close(client->fd);
    }
    client->fd = -1;
}

static void open_client(struct rig *rig, struct client *client) {
    int fds[2];
    close_client(client);
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    *client = (struct client){.fd = fds[0], .is_reading = true};
    ingress_wire_accept(&rig->listener, fds[1]);
}

/* The version that the server's answers will have: that of the first packet, if it is
 * a CONNECT; it may come in pieces. */
static void note_version(struct client *client, struct gw_bytes bytes) {
    for (size_t i = 0; i < bytes.len && client->head_len < sizeof client->head; i++) {
        client->head[client->head_len++] = bytes.ptr[i];
    }
    struct packet_header header;
    struct gw_bytes head = {client->head, client->head_len};
    bool is_v5 = packet_read_header(head, &header) == GW_OK && header.type == PACKET_CONNECT
                 && header.header_len + 7 <= head.len
                 && memcmp(head.ptr + header.header_len, "\0\4MQTT\5", 7) == 0;
    client->version = is_v5 ? PACKET_V5 : PACKET_V3;
}

static void send_bytes(struct rig *rig, struct client *client, struct gw_bytes bytes) {
    if (client->fd < 0) {
        open_client(rig, client);
    }
    note_version(client, bytes);
    if (send(client->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT)
        < (ssize_t) bytes.len) {
        (void) shutdown(client->fd, SHUT_WR); /* half a packet: nothing may follow */
    }
}

static void step_raw(struct rig *rig, struct client *client, struct input *input) {
    size_t len = take(input), left = (size_t) (input->end - input->at);
    len = len < left ? len : left;
    send_bytes(rig, client, (struct gw_bytes){input->at, len});
    input->at += len;
}

static void put_text(struct gw_buf *buf, const char *text) {
    size_t len = strlen(text);
    gw_buf_put_char(buf, 0);
    gw_buf_put_char(buf, (char) len);
    gw_buf_put_str(buf, (struct gw_str){text, len});
}

static void put_zero(struct gw_buf *buf) {
    gw_buf_put_char(buf, 0);
}

static void send_packet(struct rig *rig, struct client *client, uint8_t first,
                        const struct gw_buf *body) {
    uint8_t bytes[512] = {first, (uint8_t) (body->len & 127), (uint8_t) (body->len >> 7)};
    size_t head = body->len > 127 ? 3 : 2;
    bytes[1] |= head == 3 ? 128 : 0;
    memcpy(bytes + head, body->data, body->len);
    send_bytes(rig, client, (struct gw_bytes){bytes, head + body->len});
}

/* Flags: 1 version 5, 2 clean, 4 will, 8 s2, 16 expiry, 32 keep alive, 64 another client
 * id, 128 none. */
static void step_connect(struct rig *rig, struct client *client, struct input *input) {
    uint8_t storage[256], flags = take(input);
    struct gw_buf body;
    bool is_v5 = (flags & 1) != 0;
    gw_buf_init(&body, storage, sizeof storage);
    open_client(rig, client);
    put_text(&body, "MQTT");
    gw_buf_put_char(&body, is_v5 ? 5 : 4);
    gw_buf_put_char(&body, (char) (0xc0 | (flags & 2) | (flags & 4)));
    put_zero(&body);
    gw_buf_put_char(&body, flags & 32 ? 5 : 0);
    if (is_v5 && (flags & 16)) {
        gw_buf_put_str(&body, GW_STR("\5\x11\0\0\0\x3c"));
    } else if (is_v5) {
        put_zero(&body);
    }
    put_text(&body, flags & 128 ? "" : flags & 64 ? "b" : "a");
    if ((flags & 4) && is_v5) {
        gw_buf_put_str(&body, GW_STR("\5\x18\0\0\0\5"));
    }
    if (flags & 4) {
        put_text(&body, "gangway/s1/will");
        put_text(&body, flags & 64 ? "\xff" : "gone");
    }
    put_text(&body, flags & 8 ? "s2" : "s1");
    put_text(&body, SECRET);
    send_packet(rig, client, 0x10, &body);
}

/* First byte: lower four bits of the header, topic; then packet id and payload. */
static void step_publish(struct rig *rig, struct client *client, struct input *input) {
    static const char *const topics[] = {"floor/s1", "floor/x/s2", "gangway/s1/a", "foreign"};
    static const char *const payloads[] = {"x",
                                           "y",
                                           "\xff\xfe",
                                           "{\"code\":\"c\",\"id\":\"1\"}",
                                           "{\"code\":\"d\",\"id\":\"1\"}",
                                           "{\"code\":\"e\",\"id\":\"2\"}",
                                           "",
                                           "{}"};
    uint8_t storage[128], flags = take(input), id = take(input), payload = take(input);
    struct gw_buf body;
    gw_buf_init(&body, storage, sizeof storage);
    put_text(&body, topics[flags >> 4 & 3]);
    if (flags & 6) {
        gw_buf_put_char(&body, (char) (payload & 0x80 ? 0xff : 0));
        gw_buf_put_char(&body, (char) id);
    }
    if (client->version == PACKET_V5) {
        put_zero(&body);
    }
    gw_buf_put_str(&body, gw_str_from_cstr(payloads[payload & 7]));
    send_packet(rig, client, 0x30 | (flags & 15), &body);
}

/* So many messages of QoS 1 with ids that count up. */
static void step_burst(struct rig *rig, struct client *client, struct input *input) {
    unsigned id = take(input), count = take(input) & 31;
    for (unsigned i = 0; i < count; i++) {
        const uint8_t three[] = {2, (uint8_t) (id + i), 0};
        struct input one = {three, three + sizeof three};
        step_publish(rig, client, &one);
    }
}

static void step_commit(struct rig *rig, struct client *client, struct input *input) {
    (void) client;
    (void) input;
    commit(&rig->intake, GW_OK);
}

static void step_fail(struct rig *rig, struct client *client, struct input *input) {
    (void) client;
    (void) input;
    commit(&rig->intake, GW_ERR_IO);
}

static void step_refuse(struct rig *rig, struct client *client, struct input *input) {
    static const enum gw_err errs[] = {GW_ERR_FULL,    GW_ERR_IO,    GW_ERR_SCHEMA,
                                       GW_ERR_RANGE,   GW_ERR_PARSE, GW_ERR_DENIED,
                                       GW_ERR_CORRUPT, GW_ERR_FULL};
    (void) client;
    uint8_t byte = take(input);
    rig->intake.accept = byte >> 3;
    rig->intake.refusal = errs[byte & 7];
}

static void step_end_group(struct rig *rig, struct client *client, struct input *input) {
    (void) client;
    (void) input;
    rig->intake.ends_group = true;
}

static void step_time(struct rig *rig, struct client *client, struct input *input) {
    static const int64_t steps_ms[] = {1,         100,   250,   600,   1000,   5000,
                                       9000,      11000, 21000, 61000, 600000, 3600000,
                                       605000000, 1,     1,     1};
    (void) client;
    gw_fake_clock_advance(&rig->fake_clock, steps_ms[take(input) & 15]);
}

static void step_close(struct rig *rig, struct client *client, struct input *input) {
    (void) rig;
    (void) input;
    close_client(client);
}

static void step_half_close(struct rig *rig, struct client *client, struct input *input) {
    (void) rig;
    (void) input;
    if (client->fd >= 0) {
        (void) shutdown(client->fd, SHUT_WR);
    }
}

static void step_command(struct rig *rig, struct client *client, struct input *input) {
    static const char text[GW_INGRESS_COMMAND_MAX_BYTES + 8];
    size_t count, len = take(input);
    (void) client;
    (void) !gw_ingress_command_device(rig->ingress, len & 1 ? GW_STR("s2") : GW_STR("s1"),
                                      (struct gw_str){text, 4 * len + 8}, &count);
}

/* The first device leaves the configuration, or returns. */
static void step_configure(struct rig *rig, struct client *client, struct input *input) {
    (void) client;
    (void) input;
    const struct gw_config_device first = rig->devices[0];
    rig->devices[0] = rig->devices[1];
    rig->devices[1] = first;
    struct gw_broker_devices devices = {rig->devices, rig->activities,
                                        rig->devices[0].id[1] == '1' ? 2 : 1};
    gw_ingress_set_config(rig->ingress, &rig->config, &devices);
}

static void step_restart(struct rig *rig, struct client *client, struct input *input) {
    (void) input;
    commit(&rig->intake, take(input) & 1 ? GW_OK : GW_ERR_IO);
    (void) client;
    gw_ingress_close(rig->ingress);
    memcpy(rig->devices, configured, sizeof rig->devices);
    open_door(rig);
}

static void step_reading(struct rig *rig, struct client *client, struct input *input) {
    (void) rig;
    client->is_reading = (take(input) & 1) != 0;
}

/* One byte many times: large payloads. */
static void step_fill(struct rig *rig, struct client *client, struct input *input) {
    uint8_t bytes[4096], count = take(input) & 31;
    memset(bytes, take(input), sizeof bytes);
    for (unsigned i = 0; i < count; i++) {
        send_bytes(rig, client, (struct gw_bytes){bytes, sizeof bytes});
    }
}

static void (*const steps[16])(struct rig *rig, struct client *client, struct input *input) = {
    step_raw,     step_connect, step_publish,    step_commit,  step_fail,      step_refuse,
    step_time,    step_close,   step_half_close, step_command, step_configure, step_restart,
    step_reading, step_fill,    step_end_group,  step_burst,
};

/* ---- rounds ---- */

static void check_counts(const struct rig *rig) {
    const struct gw_ingress *ingress = rig->ingress;
    uint32_t open = 0, used = 0, free = 0, large = 0;
    for (uint32_t i = 0; i < ingress->connection_count; i++) {
        const struct ingress_connection *connection = &ingress->connections[i];
        bool is_used = connection->phase != PHASE_FREE;
        used += is_used;
        open += is_used && connection->is_open;
        require(connection->asked - connection->ready <= ingress->answer_mask + 1
                && connection->ready - connection->answered <= ingress->answer_mask + 1);
        large += is_used && connection->large != INGRESS_NOBODY;
    }
    for (uint32_t i = ingress->free_head; i != INGRESS_NOBODY;
         i = ingress->connections[i].next_free) {
        free++;
    }
    require(open == ingress->open_count);
    require(used + free == ingress->connection_count);
    require(large + (unsigned) __builtin_popcountll(ingress->larges_free)
            == INGRESS_LARGE_COUNT);
    require(ingress->uncommitted == rig->intake.unit_count);
}

static void turn(struct rig *rig) {
    for (int i = 0; i < 3; i++) {
        require(gw_loop_wait(rig->loop, &rig->clock, rig->fake_clock.mono_ms) == GW_OK);
        gw_ingress_tick(rig->ingress);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *client = &rig->clients[i];
        if (client->fd >= 0 && client->is_reading && !read_client(rig, client)) {
            close_client(client);
        }
    }
    check_counts(rig);
}

static void close_rig(struct rig *rig) {
    commit(&rig->intake, GW_OK);
    turn(rig);
    commit(&rig->intake, GW_OK);
    gw_ingress_close(rig->ingress);
    for (size_t i = 0; i < CLIENTS; i++) {
        close_client(&rig->clients[i]);
    }
    gw_health_close(rig->health);
    gw_loop_close(rig->loop);
    free(rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, data + size};
    struct rig *rig = open_rig();
    for (unsigned i = 0; i < STEPS_MAX && input.at < input.end; i++) {
        uint8_t step = take(&input);
        steps[step & 15](rig, &rig->clients[step >> 4 & 1], &input);
        if (!(step & 0x80)) {
            turn(rig);
        }
    }
    close_rig(rig);
    return 0;
}
