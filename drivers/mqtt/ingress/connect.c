/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CONNECT: who is it, may it, which session. Who it is comes from what it proved:
 * the CN of its client certificate, or its user name with the secret of that
 * device. The client id only tells sessions of one device apart.
 */
#include <string.h>

#include "drivers/mqtt/ingress/ingress_internal.h"
#include "drivers/profile/topic.h"
#include "firmware/base/random.h"

#define AUTOMATIC_ID_BYTES 8
#define AUTOMATIC_PREFIX "auto-"

static int64_t now_of(const struct gw_ingress *ingress) {
    return gw_clock_mono_ms(ingress->options.clock);
}

static struct packet_fault fault_of(uint8_t reason, const char *text) {
    return (struct packet_fault){reason, text};
}

static const struct packet_fault no_fault = {REASON_SUCCESS, NULL};

const struct gw_config_device *ingress_device(const struct gw_ingress *ingress,
                                              uint32_t device) {
    return device < ingress->options.devices.count ? &ingress->options.devices.configs[device]
                                                   : NULL;
}

uint32_t ingress_find_device(const struct gw_ingress *ingress, struct gw_str id) {
    const struct gw_broker_devices *devices = &ingress->options.devices;
    for (size_t i = 0; i < devices->count; i++) {
        if (gw_str_eq(gw_str_from_cstr(devices->configs[i].id), id)) {
            return (uint32_t) i;
        }
    }
    return INGRESS_NOBODY;
}

/* ---- who ---- */

static struct packet_fault check_secret(const struct ingress_connection *connection,
                                        const struct packet_connect *connect) {
    struct credentials *credentials = connection->ingress->credentials;
    if (!connect->has_username || !connect->has_password) {
        return fault_of(REASON_BAD_CREDENTIALS, "CONNECT: user name and password: found none, "
                                                "allowed: a device and its secret");
    }
    if (!credentials || credentials_check(credentials, connect->username, connect->password)) {
        return fault_of(REASON_BAD_CREDENTIALS, "CONNECT: wrong user name or secret");
    }
    return no_fault;
}

static struct packet_fault find_out_who(struct ingress_connection *connection,
                                        const struct packet_connect *connect,
                                        struct gw_str *ret_device) {
    struct gw_str device = connect->username;
    if (packet_has_property(&connect->properties, PROPERTY_AUTH_METHOD)) {
        return fault_of(REASON_AUTH_METHOD, "CONNECT: authentication methods are not known "
                                            "here [MQTT-4.12.0-1]");
    }
    if (packet_has_property(&connect->properties, PROPERTY_AUTH_DATA)) {
        return fault_of(REASON_PROTOCOL_ERROR, "CONNECT: authentication data without method");
    }
    struct gw_str cn =
        connection->tls ? gw_tls_stream_peer_cn(connection->tls) : (struct gw_str){0};
    if (cn.len > 0) {
        device = cn;
    } else {
        struct packet_fault fault = check_secret(connection, connect);
        if (packet_is_faulty(fault)) {
            return fault;
        }
    }
    connection->device = ingress_find_device(connection->ingress, device);
    if (connection->device == INGRESS_NOBODY) {
        return fault_of(REASON_NOT_AUTHORISED,
                        "CONNECT: the device is not in the configuration");
    }
    *ret_device = device;
    return no_fault;
}

/* ---- may it ---- */

static struct packet_fault check_client_id(const struct packet_connect *connect) {
    struct gw_str id = connect->client_id;
    if (id.len == 0 && !connect->clean && connect->version == PACKET_V3) {
        return fault_of(REASON_CLIENT_ID, "CONNECT: no client identifier and no clean session "
                                          "[MQTT-3.1.3-8]");
    }
    if (id.len > SESSION_CLIENT_ID_MAX_BYTES || memchr(id.ptr, '\n', id.len)) {
        return fault_of(REASON_CLIENT_ID, "CONNECT: client identifier: allowed: up to 120 "
                                          "bytes without line feed");
    }
    return no_fault;
}

static struct packet_fault check_will(const struct packet_connect *connect) {
    const struct packet_will *will = &connect->will;
    if (!connect->has_will) {
        return no_fault;
    }
    if (will->topic.len > SESSION_WILL_TOPIC_MAX_BYTES
        || will->payload.len > SESSION_WILL_PAYLOAD_MAX_BYTES) {
        return fault_of(REASON_TOO_LARGE, "CONNECT: will: allowed: 256 bytes of topic, 1024 of "
                                          "payload");
    }
    if (connect->version == PACKET_V5 && will->qos > 1) {
        return fault_of(REASON_QOS, "CONNECT: will with QoS 2 [MQTT-3.2.2-12]");
    }
    return no_fault;
}

/* So that every CONNACK, SUBACK and acknowledgement fits without a look [MQTT-3.1.2-24]. */
static struct packet_fault check_maximum_packet(const struct packet_connect *connect) {
    const struct packet_properties *properties = &connect->properties;
    if (packet_has_property(properties, PROPERTY_MAXIMUM_PACKET)
        && properties->maximum_packet < INGRESS_CLIENT_PACKET_MIN_BYTES) {
        return fault_of(REASON_TOO_LARGE, "CONNECT: maximum packet size: allowed: 64 and more");
    }
    return no_fault;
}

/* One of its connections that the new one takes over does not count. */
static struct packet_fault check_count(const struct ingress_connection *connection,
                                       const struct session *session) {
    const struct gw_ingress *ingress = connection->ingress;
    size_t count = gw_ingress_device_connections(ingress, connection->device);
    if (session && session->connection != SESSION_NOBODY) {
        count--;
    }
    if (count >= ingress->options.config->max_connections_per_device) {
        return fault_of(REASON_QUOTA,
                        "CONNECT: the device has max_connections_per_device open");
    }
    return no_fault;
}

/* ---- which session ---- */

static void take_over(struct ingress_connection *old) {
    ++*old->ingress->counters.taken_over;
    ingress_connection_fail(old, fault_of(REASON_TAKEN_OVER, NULL));
    ingress_leave_session(old);
}

static bool is_over(const struct session *session, int64_t now_mono_ms) {
    return session->connection == SESSION_NOBODY && session->expiry_s != SESSION_NEVER_EXPIRES
           && now_mono_ms - session->ended_mono_ms >= (int64_t) session->expiry_s * 1000;
}

/* A will that waits is told when its session ends, and dropped when it goes on. */
static void settle_old_will(struct gw_ingress *ingress, struct session *session, bool goes_on) {
    bool is_due = session->will_mono_ms <= now_of(ingress);
    if (session->will.is_set && (is_due || !goes_on)) {
        (void) !ingress_submit_will(ingress, session);
    }
    session->will.is_set = false;
    session->will_mono_ms = GW_NEVER_MS;
}

static void begin_anew(const struct sessions *sessions, struct session *session) {
    session->is_doubtful = false;
    session->subscriptions = 0;
    session->qos2_count = 0;
    sessions_forget_sent(sessions, session);
}

/* In the table first, in memory when that is committed: a session that was forgotten
 * here alone would be back with the next start, with packet ids of long ago. */
static void end_session(struct gw_ingress *ingress, struct session *session) {
    if (session->must_reload && session_reload(session, &ingress->options.intake)) {
        return; /* the next sweep tries again, here and below */
    }
    if (!session->is_stored) {
        session->is_used = ingress->uncommitted > 0;
        return;
    }
    struct gw_state_change change = session_forget(session);
    struct gw_unit unit = ingress_begin_unit(ingress, NULL, 0);
    unit.state_table = SESSION_TABLE;
    unit.changes = &change;
    unit.change_count = 1;
    if (gw_intake_submit(&ingress->options.intake, &unit)) {
        ingress->uncommitted--;
        return;
    }
    session->is_stored = false;
    session->expiry_s = 0; /* over, until a failed commit brings it back */
}

/* In use or kept; not one that was ended and waits for the sweep to take it away. */
static bool is_alive(const struct session *session) {
    return session->is_used && (session->connection != SESSION_NOBODY || session->is_stored);
}

/* Sessions of one device that are kept: its connections, and as many that are away.
 * A client with a new id each time must not take the places of its neighbours: its
 * oldest session goes. */
static void make_session_room(struct gw_ingress *ingress, struct gw_str device) {
    size_t count = 0, most = 2 * (size_t) ingress->options.config->max_connections_per_device;
    struct session *oldest = NULL;
    for (size_t i = 0; i < ingress->sessions.count; i++) {
        struct session *session = &ingress->sessions.all[i];
        if (!is_alive(session) || !gw_str_eq(session_device(session), device)) {
            continue;
        }
        count++;
        if (session->connection == SESSION_NOBODY
            && (!oldest || session->ended_mono_ms < oldest->ended_mono_ms)) {
            oldest = session;
        }
    }
    if (count >= most && oldest) {
        settle_old_will(ingress, oldest, false);
        end_session(ingress, oldest);
    }
}

/* NULL with a fault. */
static struct session *find_session(struct ingress_connection *connection,
                                    const struct packet_connect *connect, struct gw_str key,
                                    struct packet_fault *ret_fault) {
    struct gw_ingress *ingress = connection->ingress;
    struct session *session = sessions_find(&ingress->sessions, key);
    *ret_fault = check_count(connection, session);
    if (packet_is_faulty(*ret_fault)) {
        return NULL;
    }
    if (session && session->connection != SESSION_NOBODY) {
        take_over(&ingress->connections[session->connection]);
    }
    if (session && session->must_reload && session_reload(session, &ingress->options.intake)) {
        *ret_fault = fault_of(REASON_BUSY, "CONNECT: the session cannot be read now");
        return NULL;
    }
    bool goes_on = session && !connect->clean && !session->is_doubtful
                   && !is_over(session, now_of(ingress));
    if (session) {
        settle_old_will(ingress, session, goes_on);
    } else {
        make_session_room(ingress,
                          gw_str_from_cstr(ingress_device(ingress, connection->device)->id));
        session = sessions_make(&ingress->sessions, key);
    }
    if (!session) {
        *ret_fault = fault_of(REASON_QUOTA, "CONNECT: no room for one more session");
        return NULL;
    }
    if (!goes_on) {
        begin_anew(&ingress->sessions, session);
    }
    connection->session_present = goes_on;
    return session;
}

static uint32_t expiry_of(const struct packet_connect *connect) {
    uint32_t expiry_s = connect->version == PACKET_V5 ? connect->properties.session_expiry_s
                        : connect->clean              ? 0
                                                      : SESSION_NEVER_EXPIRES;
    return expiry_s > INGRESS_SESSION_EXPIRY_MAX_S ? INGRESS_SESSION_EXPIRY_MAX_S : expiry_s;
}

static void keep_will(struct session *session, const struct packet_connect *connect) {
    const struct packet_will *will = &connect->will;
    session->will.is_set = connect->has_will;
    if (!connect->has_will) {
        return;
    }
    session->will.delay_s = will->properties.will_delay_s;
    session->will.topic_len = (uint16_t) will->topic.len;
    session->will.payload_len = (uint16_t) will->payload.len;
    memcpy(session->will.topic, will->topic.ptr, will->topic.len);
    if (will->payload.len > 0) {
        memcpy(session->will.payload, will->payload.ptr, will->payload.len);
    }
}

/* What the table must hold before CONNACK; false if nothing changes there. */
static bool change_of(struct session *session, bool is_same,
                      uint8_t storage[static SESSION_VALUE_MAX_BYTES],
                      struct gw_state_change *ret_change) {
    if (session->expiry_s > 0 && !(session->is_stored && is_same)) {
        *ret_change = session_save(session, storage);
        session->is_stored = true;
        return true;
    }
    if (session->expiry_s == 0 && session->is_stored) {
        *ret_change = session_forget(session);
        session->is_stored = false;
        return true;
    }
    return false;
}

static void open_session(struct ingress_connection *connection,
                         const struct packet_connect *connect, struct session *session) {
    uint32_t expiry_s = expiry_of(connect);
    bool is_same = connection->session_present && expiry_s == session->expiry_s;
    session->expiry_s = expiry_s;
    session->connection = connection->index;
    connection->session = session;
    connection->phase = PHASE_KEEPING;
    keep_will(session, connect);
    struct ingress_answer answer = {.type = PACKET_CONNACK};
    uint8_t storage[SESSION_VALUE_MAX_BYTES];
    struct gw_state_change change;
    if (!change_of(session, is_same, storage, &change)) {
        ingress_answer_known(connection, answer);
        return;
    }
    struct gw_unit unit = ingress_begin_unit(connection->ingress, connection, TOKEN_ANSWER);
    unit.state_table = SESSION_TABLE;
    unit.changes = &change;
    unit.change_count = 1;
    if (ingress_submit_session(connection, &unit, answer)) {
        session->must_reload = true;
        ingress_connection_fail(connection,
                                fault_of(REASON_BUSY, "CONNECT: the session cannot be kept"));
    }
}

/* ---- CONNECT ---- */

/* Limits of the answer that open_session, later, gives. */
static void note_limits(struct ingress_connection *connection,
                        const struct packet_connect *connect) {
    connection->keep_alive_s = connect->keep_alive_s;
    connection->client_maximum_packet =
        packet_has_property(&connect->properties, PROPERTY_MAXIMUM_PACKET)
            ? connect->properties.maximum_packet
            : UINT32_MAX;
    connection->is_expiry_cut =
        connect->version == PACKET_V5
        && connect->properties.session_expiry_s > INGRESS_SESSION_EXPIRY_MAX_S;
    connection->is_id_assigned = connect->client_id.len == 0;
}

static struct packet_fault check(struct ingress_connection *connection,
                                 const struct packet_connect *connect,
                                 struct gw_str *ret_device) {
    struct packet_fault fault = find_out_who(connection, connect, ret_device);
    if (!packet_is_faulty(fault)) {
        fault = check_client_id(connect);
    }
    if (!packet_is_faulty(fault)) {
        fault = check_will(connect);
    }
    if (!packet_is_faulty(fault)) {
        fault = check_maximum_packet(connect);
    }
    return fault;
}

static size_t make_key(struct gw_str device, struct gw_str client_id,
                       char key[static SESSION_KEY_MAX_BYTES]) {
    if (client_id.len > 0) {
        return session_make_key(device, client_id, key);
    }
    char text[sizeof(AUTOMATIC_PREFIX) + 2 * AUTOMATIC_ID_BYTES] = AUTOMATIC_PREFIX;
    uint8_t random[AUTOMATIC_ID_BYTES];
    gw_random_bytes(random, sizeof(random));
    gw_hex_format((struct gw_bytes){random, sizeof(random)},
                  text + sizeof(AUTOMATIC_PREFIX) - 1);
    return session_make_key(device, gw_str_from_cstr(text), key);
}

void ingress_connect(struct ingress_connection *connection, struct gw_bytes body) {
    struct packet_connect connect;
    struct gw_str device;
    ++*connection->ingress->counters.connects;
    struct packet_fault fault = packet_read_connect(body, &connect);
    connection->version = connect.version != 0             ? connect.version
                          : fault.reason == REASON_VERSION ? PACKET_V3
                                                           : 0;
    if (!packet_is_faulty(fault)) {
        fault = check(connection, &connect, &device);
    }
    note_limits(connection, &connect);
    if (packet_is_faulty(fault)) {
        ingress_connection_fail(connection, fault);
        return;
    }
    char key[SESSION_KEY_MAX_BYTES];
    size_t key_len = make_key(device, connect.client_id, key);
    struct session *session =
        find_session(connection, &connect, (struct gw_str){key, key_len}, &fault);
    if (!session) {
        ingress_connection_fail(connection, fault);
        return;
    }
    connection->deadline_mono_ms = GW_NEVER_MS;
    open_session(connection, &connect, session);
}

void ingress_connected(struct ingress_connection *connection) {
    const struct session *session = connection->session;
    struct encode_connack connack = {
        .version = connection->version,
        .session_present = connection->session_present,
        .receive_maximum = connection->ingress->options.config->receive_maximum,
        .maximum_packet = connection->ingress->options.config->max_packet_kib << 10,
        .session_expiry_s = session->expiry_s,
        .is_session_expiry_other = connection->is_expiry_cut,
        .assigned_client_id =
            connection->is_id_assigned ? session_client_id(session) : (struct gw_str){0},
    };
    (void) encode_connack(&connection->out, &connack);
    connection->phase = PHASE_OPEN;
    connection->is_open = true;
    connection->ingress->open_count++;
}

/* ---- leaving ---- */

void ingress_leave_session(struct ingress_connection *connection) {
    struct session *session = connection->session;
    if (!session) {
        return;
    }
    connection->session = NULL;
    session->connection = SESSION_NOBODY;
    session->ended_mono_ms = now_of(connection->ingress);
    if (connection->is_orderly) {
        session->will.is_set = false;
    }
    uint32_t delay_s =
        session->will.delay_s < session->expiry_s ? session->will.delay_s : session->expiry_s;
    session->will_mono_ms =
        session->will.is_set ? session->ended_mono_ms + (int64_t) delay_s * 1000 : GW_NEVER_MS;
}

void ingress_sweep_sessions(struct gw_ingress *ingress, int64_t now_mono_ms) {
    for (size_t i = 0; i < ingress->sessions.count; i++) {
        struct session *session = &ingress->sessions.all[i];
        if (!session->is_used || session->connection != SESSION_NOBODY) {
            continue;
        }
        if (session->will.is_set && now_mono_ms >= session->will_mono_ms
            && !ingress_submit_will(ingress, session)) {
            session->will.is_set = false;
        }
        if (!session->will.is_set && is_over(session, now_mono_ms)) {
            end_session(ingress, session);
        }
    }
}
