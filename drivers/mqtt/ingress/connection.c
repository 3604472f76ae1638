/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection as a state machine over packets. No socket here: bytes come in by
 * ingress_connection_take, answers go out into `out` and the ring of answers, so
 * the whole of it can be driven by a test or a fuzzer.
 */
#include <string.h>

#include "drivers/mqtt/ingress/ingress_internal.h"

static int64_t now_of(const struct ingress_connection *connection) {
    return gw_clock_mono_ms(connection->ingress->options.clock);
}

/* ---- failing ---- */

/* What CONNACK cannot say, because it is about a connection that was accepted. */
static uint8_t connack_reason(uint8_t reason) {
    bool is_for_disconnect = reason == REASON_TAKEN_OVER || reason == REASON_SHUTTING_DOWN
                             || reason == REASON_ADMINISTRATIVE || reason == REASON_KEEP_ALIVE;
    return is_for_disconnect ? REASON_UNAVAILABLE : reason;
}

static void tell_why(struct ingress_connection *connection, uint8_t reason) {
    bool is_v5 = connection->version == PACKET_V5;
    if (connection->phase == PHASE_GREETING || connection->phase == PHASE_KEEPING) {
        reason = connack_reason(reason);
        /* What has no return code in version 4 ends without a word. */
        bool can_say = connection->version != 0 && (is_v5 || encode_return_code(reason) != 0)
                       && connection->client_maximum_packet >= ENCODE_SHORT_MAX_BYTES;
        struct encode_connack connack = {.version = connection->version, .reason = reason};
        if (can_say) {
            (void) encode_connack(&connection->out, &connack);
        }
    } else if (is_v5) {
        (void) encode_disconnect(&connection->out, reason);
    }
}

void ingress_connection_fail(struct ingress_connection *connection, struct packet_fault fault) {
    if (connection->phase == PHASE_CLOSING || connection->phase == PHASE_FREE) {
        return;
    }
    struct gw_ingress *ingress = connection->ingress;
    const struct gw_config_device *device = ingress_device(ingress, connection->device);
    bool is_refusal = connection->phase == PHASE_GREETING || connection->phase == PHASE_SHAKING;
    ++*(is_refusal ? ingress->counters.refused_connects : ingress->counters.protocol_errors);
    if (fault.text) {
        gw_health_raise(ingress->options.health, GW_ISSUE_DEVICE_REFUSED,
                        gw_str_from_cstr(connection->listener->config->name),
                        "%s%s%s (reason 0x%02x)", device ? device->id : "", device ? ": " : "",
                        fault.text, (unsigned) fault.reason);
        connection->listener->refused_mono_ms = now_of(connection);
    }
    tell_why(connection, fault.reason);
    connection->phase = PHASE_CLOSING;
    ingress_mark_ready(connection);
}

static void fail(struct ingress_connection *connection, uint8_t reason, const char *text) {
    ingress_connection_fail(connection, (struct packet_fault){reason, text});
}

/* ---- SUBSCRIBE ---- */

static uint8_t refuse_filter(const struct ingress_connection *connection, uint8_t reason) {
    return connection->version == PACKET_V5 ? reason : REASON_UNSPECIFIED;
}

uint8_t ingress_subscription_of(struct gw_str device, struct gw_str filter) {
    const struct gw_str head = GW_STR("gangway/");
    struct gw_str rest = gw_str_sub(filter, head.len, SIZE_MAX);
    if (!gw_str_starts_with(filter, head) || !gw_str_starts_with(rest, device)) {
        return 0;
    }
    rest = gw_str_sub(rest, device.len, SIZE_MAX);
    if (gw_str_eq(rest, GW_STR("/receipt"))) {
        return SESSION_RECEIPTS;
    }
    return gw_str_eq(rest, GW_STR("/command")) ? SESSION_COMMANDS : 0;
}

static uint8_t subscription_of(const struct ingress_connection *connection,
                               struct gw_str filter) {
    return ingress_subscription_of(session_device(connection->session), filter);
}

static uint8_t subscribe(struct ingress_connection *connection, struct gw_str filter) {
    uint8_t subscription = subscription_of(connection, filter);
    if (subscription != 0) {
        connection->session->subscriptions |= subscription;
        return 0x00; /* granted: QoS 0 */
    }
    if (gw_str_starts_with(filter, GW_STR("$share/"))) {
        return refuse_filter(connection, REASON_SHARED_SUBSCRIPTION);
    }
    bool is_wild = memchr(filter.ptr, '+', filter.len) || memchr(filter.ptr, '#', filter.len);
    return refuse_filter(connection, is_wild ? REASON_WILDCARD : REASON_NOT_AUTHORISED);
}

static uint8_t unsubscribe(struct ingress_connection *connection, struct gw_str filter) {
    uint8_t subscription = subscription_of(connection, filter);
    bool had = (connection->session->subscriptions & subscription) != 0;
    connection->session->subscriptions &= (uint8_t) ~subscription;
    return had ? 0x00 : 0x11; /* no subscription existed */
}

/* For a session that is kept, the answer waits until the change is kept too. */
static void answer_subscribe(struct ingress_connection *connection, enum packet_type type,
                             uint16_t packet_id) {
    struct session *session = connection->session;
    struct ingress_answer answer = {.type = (uint8_t) type, .packet_id = packet_id};
    if (!session->is_stored) {
        ingress_answer_known(connection, answer);
        return;
    }
    uint8_t storage[SESSION_VALUE_MAX_BYTES];
    struct gw_state_change change = session_save(session, storage);
    struct gw_unit unit = ingress_begin_unit(connection->ingress, connection, TOKEN_ANSWER);
    unit.state_table = SESSION_TABLE;
    unit.changes = &change;
    unit.change_count = 1;
    if (ingress_submit_session(connection, &unit, answer)) {
        fail(connection, REASON_QUOTA, "SUBSCRIBE: the session cannot be kept now");
    }
}

static void handle_subscribe(struct ingress_connection *connection,
                             const struct packet_header *header, struct gw_bytes body) {
    struct packet_filters filters;
    struct packet_fault fault =
        packet_read_subscribe(header, body, connection->version, &filters);
    if (packet_is_faulty(fault)) {
        ingress_connection_fail(connection, fault);
        return;
    }
    if (filters.have_subscription_id) {
        fail(connection, REASON_SUBSCRIPTION_ID,
             "SUBSCRIBE: subscription identifiers are not "
             "available [MQTT-3.2.2-3.3.12]");
        return;
    }
    bool is_subscribe = header->type == PACKET_SUBSCRIBE;
    struct gw_str filter;
    uint8_t options;
    size_t count = 0;
    while (packet_next_filter(&filters, &filter, &options)) {
        if (count == INGRESS_FILTERS_MAX) {
            fail(connection, REASON_QUOTA, "SUBSCRIBE: more than 16 topic filters");
            return;
        }
        connection->suback_codes[count++] =
            is_subscribe ? subscribe(connection, filter) : unsubscribe(connection, filter);
    }
    connection->suback_count = (uint8_t) count;
    answer_subscribe(connection, is_subscribe ? PACKET_SUBACK : PACKET_UNSUBACK,
                     filters.packet_id);
}

/* ---- the other packets ---- */

static void handle_disconnect(struct ingress_connection *connection, struct gw_bytes body) {
    struct packet_disconnect disconnect;
    struct packet_fault fault = packet_read_disconnect(body, connection->version, &disconnect);
    if (packet_is_faulty(fault)) {
        ingress_connection_fail(connection, fault);
        return;
    }
    struct session *session = connection->session;
    if (packet_has_property(&disconnect.properties, PROPERTY_SESSION_EXPIRY)) {
        uint32_t expiry_s = disconnect.properties.session_expiry_s;
        if (session->expiry_s == 0 && expiry_s > 0) {
            fail(connection, REASON_PROTOCOL_ERROR,
                 "DISCONNECT: a session expiry where CONNECT had none [MQTT-3.1.2-23]");
            return;
        }
        session->expiry_s =
            expiry_s > INGRESS_SESSION_EXPIRY_MAX_S ? INGRESS_SESSION_EXPIRY_MAX_S : expiry_s;
    }
    connection->is_orderly = disconnect.reason == REASON_SUCCESS; /* [MQTT-3.1.2-8] */
    connection->phase = PHASE_CLOSING;
    ingress_mark_ready(connection);
}

static void handle_ping(struct ingress_connection *connection, struct gw_bytes body) {
    if (body.len > 0) {
        fail(connection, REASON_MALFORMED, "PINGREQ: bytes behind its end");
        return;
    }
    if (!encode_pingresp(&connection->out)) {
        fail(connection, REASON_QUOTA, "the client does not read its answers");
        return;
    }
    ingress_mark_ready(connection);
}

static bool handle_publish(struct ingress_connection *connection,
                           const struct packet_header *header, struct gw_bytes body) {
    struct packet_publish publish;
    struct packet_fault fault =
        packet_read_publish(header, body, connection->version, &publish);
    if (packet_is_faulty(fault)) {
        ingress_connection_fail(connection, fault);
        return true;
    }
    size_t missing = header->body_len - body.len;
    return ingress_publish(connection, &publish, publish.payload.len + missing);
}

static void handle_ack(struct ingress_connection *connection,
                       const struct packet_header *header, struct gw_bytes body) {
    struct packet_ack ack;
    struct packet_fault fault = packet_read_ack(header, body, connection->version, &ack);
    if (packet_is_faulty(fault)) {
        ingress_connection_fail(connection, fault);
        return;
    }
    /* We send nothing with QoS 1 or 2: only PUBREL is about something of ours. */
    if (header->type == PACKET_PUBREL) {
        ingress_release(connection, ack.packet_id);
    }
}

/* False: the packet cannot be taken now. */
static bool handle_open(struct ingress_connection *connection,
                        const struct packet_header *header, struct gw_bytes body) {
    switch (header->type) {
    case PACKET_PUBLISH:
        return handle_publish(connection, header, body);
    case PACKET_PUBACK:
    case PACKET_PUBREC:
    case PACKET_PUBREL:
    case PACKET_PUBCOMP:
        handle_ack(connection, header, body);
        return true;
    case PACKET_SUBSCRIBE:
    case PACKET_UNSUBSCRIBE:
        handle_subscribe(connection, header, body);
        return true;
    case PACKET_PINGREQ:
        handle_ping(connection, body);
        return true;
    case PACKET_DISCONNECT:
        handle_disconnect(connection, body);
        return true;
    default:
        fail(connection, REASON_PROTOCOL_ERROR,
             "a packet that a client may not send here [MQTT-3.1.0-2]");
        return true;
    }
}

static bool handle(struct ingress_connection *connection, const struct packet_header *header,
                   struct gw_bytes body) {
    if (connection->phase == PHASE_OPEN) {
        return handle_open(connection, header, body);
    }
    if (header->type != PACKET_CONNECT) {
        fail(connection, REASON_PROTOCOL_ERROR,
             "the first packet is not CONNECT [MQTT-3.1.0-1]");
        return true;
    }
    ingress_connect(connection, body);
    return true;
}

/* ---- taking packets ---- */

/* Version 3.1.1 does not say that the shortest form is the only one. */
static bool is_length_padded(const struct packet_header *header) {
    return header->header_len > 2 && header->body_len >> (7 * (header->header_len - 2)) == 0;
}

static struct packet_fault check_length(const struct ingress_connection *connection,
                                        const struct packet_header *header) {
    if (connection->version == PACKET_V5 && is_length_padded(header)) {
        return (struct packet_fault){REASON_MALFORMED, "remaining length is not in its "
                                                       "shortest form [MQTT-1.5.5-1]"};
    }
    size_t total = header->header_len + header->body_len;
    bool is_publish = header->type == PACKET_PUBLISH && connection->phase == PHASE_OPEN;
    size_t most = is_publish
                      ? (size_t) connection->ingress->options.config->max_packet_kib << 10
                      : INGRESS_SMALL_BYTES;
    if (total > most) {
        return (struct packet_fault){REASON_TOO_LARGE,
                                     is_publish ? "PUBLISH: larger than max_packet_kib"
                                                : "a packet of more than 2048 bytes that is "
                                                  "no PUBLISH"};
    }
    return packet_check_header(header);
}

/* Bytes of the packet at the front that are done with; 0 = not complete, or not now. */
static size_t take_packet(struct ingress_connection *connection, struct gw_bytes bytes) {
    struct packet_header header;
    enum gw_err err = packet_read_header(bytes, &header);
    if (err == GW_ERR_RETRY) {
        return 0;
    }
    if (err) {
        fail(connection, REASON_MALFORMED, "remaining length of more than four bytes");
        return 0;
    }
    struct packet_fault fault = check_length(connection, &header);
    if (packet_is_faulty(fault)) {
        ingress_connection_fail(connection, fault);
        return 0;
    }
    size_t total = header.header_len + header.body_len;
    size_t here = total < INGRESS_KEPT_BYTES ? total : INGRESS_KEPT_BYTES;
    if (bytes.len < here) {
        return 0;
    }
    struct gw_bytes body = {bytes.ptr + header.header_len, here - header.header_len};
    connection->skip_len = total - here; /* known before an answer is asked for */
    if (!handle(connection, &header, body)) {
        connection->skip_len = 0;
        return 0;
    }
    return here;
}

bool ingress_connection_may_take(const struct ingress_connection *connection) {
    return (connection->phase == PHASE_GREETING || connection->phase == PHASE_OPEN)
           && connection->suback_count == 0 && connection->paused_mono_ms == 0
           && ingress_may_ask(connection) && !connection->ingress->is_going;
}

size_t ingress_connection_take(struct ingress_connection *connection, struct gw_bytes bytes) {
    size_t at = 0;
    int64_t now_mono_ms = now_of(connection);
    connection->read_wall_ms = gw_clock_wall_ms(connection->ingress->options.clock);
    while (at < bytes.len && ingress_connection_may_take(connection)) {
        struct gw_bytes rest = {bytes.ptr + at, bytes.len - at};
        size_t taken = rest.len < connection->skip_len ? rest.len : connection->skip_len;
        connection->skip_len -= taken;
        if (taken == 0) {
            taken = take_packet(connection, rest);
        }
        if (taken == 0) {
            break;
        }
        connection->heard_mono_ms = now_mono_ms;
        at += taken;
    }
    return at;
}

/* ---- timers ---- */

static void sweep_open(struct ingress_connection *connection, int64_t now_mono_ms) {
    if (connection->unread_mono_ms != 0
        && now_mono_ms - connection->unread_mono_ms > INGRESS_PACKET_TIMEOUT_MS) {
        fail(connection, REASON_QUOTA, "the client did not read its answers for 20 s");
        return;
    }
    if (connection->paused_mono_ms != 0 || !ingress_connection_may_take(connection)) {
        /* It is we who do not read. */
        connection->heard_mono_ms = now_mono_ms;
        connection->partial_mono_ms = 0;
        return;
    }
    int64_t silence_ms = now_mono_ms - connection->heard_mono_ms;
    if (connection->keep_alive_s > 0
        && silence_ms > (int64_t) connection->keep_alive_s * 1500) {
        fail(connection, REASON_KEEP_ALIVE,
             "silent for one and a half times its keep alive [MQTT-3.1.2-24]");
    } else if (connection->partial_mono_ms != 0
               && now_mono_ms - connection->partial_mono_ms > INGRESS_PACKET_TIMEOUT_MS) {
        fail(connection, REASON_UNSPECIFIED, "a packet did not get complete in 20 s");
    }
}

void ingress_connection_sweep(struct ingress_connection *connection, int64_t now_mono_ms) {
    if (connection->phase == PHASE_FREE || connection->phase == PHASE_CLOSING) {
        return;
    }
    if (now_mono_ms >= connection->deadline_mono_ms) {
        fail(connection, connection->is_withheld ? REASON_QUOTA : REASON_UNSPECIFIED,
             connection->is_withheld ? NULL : "no CONNECT within 10 s");
        return;
    }
    if (connection->phase == PHASE_OPEN) {
        sweep_open(connection, now_mono_ms);
    }
}
