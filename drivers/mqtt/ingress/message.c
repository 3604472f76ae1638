/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One PUBLISH: from payload to a unit at the intake. ingress.h says what may become
 * of it.
 */
#include <string.h>

#include "drivers/mqtt/fingerprint.h"
#include "drivers/mqtt/ingress/ingress_internal.h"
#include "drivers/mqtt/origin.h"
#include "drivers/profile/topic.h"
#include "firmware/base/base64.h"

/* So many packet ids in a row must have counted up before one of them proves which
 * message it is. */
#define PROOF_RUN 8
/* What client libraries have in flight by default is below this (mostly 20). */
#define LIKELY_IN_FLIGHT 64

/* Where one message has got to. */
struct handling {
    struct ingress_connection *connection;
    struct gw_ingress *ingress;
    const struct packet_publish *publish;
    size_t payload_len; /* original length; more than what is here if it was too large */
    const struct gw_config_device *device;
    int64_t now_wall_ms;
    unsigned flags; /* enum gw_event_flags */
    uint64_t topic; /* fingerprints */
    uint64_t payload;
    const struct gw_observation *observation; /* NULL: it is not noted by its event ids */
};

static bool is_qos(const struct handling *handling, uint8_t qos) {
    return handling->publish->qos == qos;
}

/* ---- redeliveries ---- */

/* So many ids before the newest stored one, for a client that counts to 65,535. */
static uint16_t ids_behind(const struct session *session, uint16_t packet_id) {
    unsigned last = session->last_packet_id;
    return (uint16_t) (last >= packet_id ? last - packet_id : last + UINT16_MAX - packet_id);
}

/*
 * DUP says that the client sent this packet before, not that we stored it. The
 * packet id is free again as soon as the client has our PUBACK, so the same id with
 * the same payload may be a second scan of the same label whose first sending was
 * lost. Only a client that counts its ids up shows which it is: the same id comes
 * again only 65,535 messages later. Its stored message must be in the run of ids that
 * counted up to the newest one, no further back than it may have had in flight
 * (further back: a client that was restarted and counts from 1 again).
 *
 * A run alone proves nothing. A client that takes the lowest free id, or as many ids
 * as it may have in flight in turn, counts up within each burst too and then begins
 * again below. But it uses no ids above what it may have in flight, and begins again
 * with the lowest: so the id must be above that, or the run must have come over 65,535.
 *
 * For every other client nothing is decided: the message is stored and marked.
 */
static bool is_proven(const struct handling *handling, const struct session *session) {
    uint16_t packet_id = handling->publish->packet_id;
    uint16_t behind = ids_behind(session, packet_id);
    bool is_recent = behind < LIKELY_IN_FLIGHT || behind < session->most_in_flight;
    bool counts_on = packet_id > handling->ingress->options.config->receive_maximum
                     || session->run >= session->last_packet_id;
    return behind <= session->run && is_recent && counts_on;
}

static bool is_redelivery(struct handling *handling) {
    struct session *session = handling->connection->session;
    uint16_t packet_id = handling->publish->packet_id;
    if (!handling->publish->dup) {
        return false;
    }
    uint64_t stored = 0;
    bool is_there =
        sessions_find_sent(&handling->ingress->sessions, session, packet_id, &stored);
    bool counts_up = session->run >= PROOF_RUN;
    if (counts_up && is_there && stored == handling->payload && is_proven(handling, session)) {
        return true;
    }
    uint16_t ahead = (uint16_t) (packet_id - session->last_packet_id);
    bool is_new = counts_up && !is_there && ahead != 0 && ahead < UINT16_MAX / 2;
    *handling->ingress->counters.redelivered_new += is_new;
    if (!is_new) {
        handling->flags |= GW_EVENT_POSSIBLE_DUPLICATE;
    }
    return false;
}

static struct gw_event_ids_message ids_message(const struct handling *handling) {
    return (struct gw_event_ids_message){handling->topic, handling->payload};
}

static struct gw_mqtt_origin origin_of(const struct handling *handling) {
    uint64_t session = handling->connection->session->fingerprint;
    return (struct gw_mqtt_origin){
        .door = GW_MQTT_DOOR_FRONT,
        .broker = (uint32_t) (session >> 32),
        .session = (uint32_t) session,
        .packet_id = is_qos(handling, 1) ? handling->publish->packet_id : 0,
        .payload = handling->payload,
    };
}

void ingress_remember(void *context, struct gw_bytes bytes, enum gw_flow_class class,
                      uint64_t sequence) {
    (void) class;
    (void) sequence;
    struct gw_ingress *ingress = context;
    struct gw_mqtt_origin origin;
    if (gw_mqtt_origin_decode(bytes, &origin)) {
        return;
    }
    gw_event_ids_remember(&ingress->event_ids, &origin);
    struct session *session = sessions_find_fingerprint(
        &ingress->sessions, (uint64_t) origin.broker << 32 | origin.session);
    if (session && origin.packet_id != 0) {
        sessions_note_sent(&ingress->sessions, session, origin.packet_id, origin.payload);
    }
}

/* ---- units ---- */

static bool wants_answer(const struct handling *handling) {
    return !is_qos(handling, 0)
           || (handling->connection->session->subscriptions & SESSION_RECEIPTS);
}

static unsigned token_of(const struct handling *handling) {
    unsigned ids = handling->observation ? gw_event_ids_token(handling->observation) : 0;
    return ids << TOKEN_EVENT_IDS_SHIFT | (wants_answer(handling) ? TOKEN_ANSWER : 0u)
           | (is_qos(handling, 0) ? TOKEN_QOS0 : 0u);
}

static struct ingress_answer answer_of(const struct handling *handling,
                                       enum ingress_outcome outcome, uint8_t reason) {
    static const uint8_t types[] = {0, PACKET_PUBACK, PACKET_PUBREC};
    return (struct ingress_answer){.packet_id = handling->publish->packet_id,
                                   .type = types[handling->publish->qos],
                                   .reason = reason,
                                   .outcome = (uint8_t) outcome};
}

static void answer_known(struct handling *handling) {
    if (wants_answer(handling)) {
        ingress_answer_known(handling->connection,
                             answer_of(handling, OUTCOME_KNOWN, REASON_SUCCESS));
    }
}

static void note_stored(struct handling *handling) {
    if (is_qos(handling, 1)) {
        sessions_note_sent(&handling->ingress->sessions, handling->connection->session,
                           handling->publish->packet_id, handling->payload);
    }
    if (handling->observation) {
        const struct gw_event_ids_message message = ids_message(handling);
        gw_event_ids_note(&handling->ingress->event_ids, &message, handling->observation);
    }
}

static void tell_taken(const struct handling *handling) {
    const struct gw_ingress_options *options = &handling->ingress->options;
    if (options->taken) {
        options->taken(options->taken_context, handling->publish->topic,
                       handling->publish->payload);
    }
}

/* The queue took nothing of it. */
static void withhold(struct handling *handling) {
    struct gw_ingress *ingress = handling->ingress;
    if (!is_qos(handling, 0)) {
        ingress_withhold(handling->connection);
        return;
    }
    ++*ingress->counters.refused_qos0;
    if (ingress->options.refused) {
        ingress->options.refused(ingress->options.refused_context,
                                 gw_str_from_cstr(handling->device->id),
                                 handling->device->class, 1);
    }
}

/* The unit with what QoS 2 has to keep beside it: its packet id. */
static enum gw_err submit(struct handling *handling, struct gw_unit *unit,
                          struct ingress_answer answer) {
    struct ingress_connection *connection = handling->connection;
    struct session *session = connection->session;
    *unit = (struct gw_unit){.events = unit->events,
                             .event_count = unit->event_count,
                             .quarantine = unit->quarantine,
                             .quarantine_count = unit->quarantine_count};
    struct gw_unit begun =
        ingress_begin_unit(handling->ingress, connection, token_of(handling));
    unit->completed = begun.completed;
    unit->context = begun.context;
    unit->token = begun.token;
    uint8_t storage[SESSION_VALUE_MAX_BYTES];
    struct gw_state_change change;
    bool is_qos2 = is_qos(handling, 2);
    if (is_qos2) {
        session_add_qos2(session, answer.packet_id);
        change = session_save(session, storage);
        unit->state_table = SESSION_TABLE;
        unit->changes = &change;
        unit->change_count = session->expiry_s > 0 ? 1 : 0;
    }
    enum gw_err err = is_qos2 ? ingress_submit_session(connection, unit, answer)
                              : ingress_submit(connection, unit, answer);
    if (!err) {
        note_stored(handling);
        tell_taken(handling);
    } else if (is_qos2) {
        session_drop_qos2(session, answer.packet_id);
    }
    return err;
}

static void quarantine(struct handling *handling, struct gw_str reason, uint8_t code) {
    struct gw_ingress *ingress = handling->ingress;
    const struct packet_publish *publish = handling->publish;
    uint8_t storage[GW_MQTT_ORIGIN_MAX_BYTES];
    struct gw_mqtt_origin origin = origin_of(handling);
    origin.event_id = handling->observation ? gw_event_ids_of_single(handling->observation) : 0;
    size_t kept = publish->payload.len < GW_OBSERVE_PAYLOAD_MAX_BYTES
                      ? publish->payload.len
                      : GW_OBSERVE_PAYLOAD_MAX_BYTES;
    struct gw_quarantine_entry entry = {
        .reason = reason,
        .topic = publish->topic,
        .device = gw_str_from_cstr(handling->device->id),
        .raw = {publish->payload.ptr, kept},
        .raw_len = handling->payload_len,
        .time_wall_ms = handling->now_wall_ms,
        .origin = {storage, gw_mqtt_origin_encode(&origin, storage)},
    };
    struct gw_unit unit = {.quarantine = &entry, .quarantine_count = 1};
    if (submit(handling, &unit, answer_of(handling, OUTCOME_QUARANTINED, code))) {
        withhold(handling);
        return;
    }
    ++*ingress->counters.quarantined;
    ingress->options.devices.activities[handling->connection->device].quarantined++;
    gw_health_raise(ingress->options.health, GW_ISSUE_QUARANTINE, (struct gw_str){0},
                    "device \"%s\", topic \"%.*s\": %.*s", handling->device->id,
                    GW_STR_ARG(publish->topic), GW_STR_ARG(reason));
}

/* ---- metadata of MQTT 5 that means something to the centre ---- */

static bool is_printable(struct gw_bytes bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] < 0x21 || bytes.ptr[i] > 0x7E) {
            return false;
        }
    }
    return bytes.len > 0 && bytes.len <= GW_EVENT_NAME_MAX_BYTES;
}

/* "00-<32 digits>-<16 digits>-<2 digits>" (W3C trace context); else none. */
static struct gw_trace trace_of(struct gw_str text) {
    struct gw_trace trace = {0};
    bool is_form = text.len == 55 && gw_str_starts_with(text, GW_STR("00-"))
                   && text.ptr[35] == '-' && text.ptr[52] == '-';
    if (!is_form
        || gw_hex_parse(gw_str_sub(text, 3, 32), trace.trace_id, sizeof(trace.trace_id))
        || gw_hex_parse(gw_str_sub(text, 36, 16), trace.span_id, sizeof(trace.span_id))) {
        return (struct gw_trace){0};
    }
    return trace;
}

static void put_metadata(const struct handling *handling, struct gw_event_draft *draft) {
    const struct packet_properties *properties = &handling->publish->properties;
    if (properties->present == 0) {
        return;
    }
    draft->trace = trace_of(properties->traceparent);
    if (is_printable(properties->correlation_data)) {
        draft->correlation_id = gw_str_from_bytes(properties->correlation_data);
    }
    if (packet_has_property(properties, PROPERTY_MESSAGE_EXPIRY)
        && draft->class == GW_CLASS_TELEMETRY) {
        draft->expiry_wall_ms =
            handling->now_wall_ms + (int64_t) properties->message_expiry_s * 1000;
    }
}

static void store(struct handling *handling, struct gw_observation *observation) {
    struct gw_ingress *ingress = handling->ingress;
    gw_event_ids_origins storage;
    unsigned flags = 0;
    for (size_t i = 0; i < observation->count; i++) {
        flags |= observation->drafts[i].flags |= handling->flags;
        put_metadata(handling, &observation->drafts[i]);
    }
    const struct gw_event_ids_message message = ids_message(handling);
    const struct gw_mqtt_origin origin = origin_of(handling);
    gw_event_ids_set_origins(&message, &origin, storage, observation);
    handling->observation = observation;
    struct gw_unit unit = {.events = observation->drafts, .event_count = observation->count};
    enum gw_err err =
        submit(handling, &unit, answer_of(handling, OUTCOME_STORED, REASON_SUCCESS));
    if (!err) {
        ++*ingress->counters.stored;
        *ingress->counters.possible_duplicates += (flags & GW_EVENT_POSSIBLE_DUPLICATE) != 0;
        return;
    }
    if (err == GW_ERR_RANGE || err == GW_ERR_SCHEMA || err == GW_ERR_PARSE) {
        gw_buf_clear(&ingress->reason);
        gw_buf_printf(&ingress->reason, "not a valid event: %s", gw_err_name(err));
        if (gw_event_ids_of_single(observation) == 0) {
            handling->observation = NULL; /* the entry cannot bring them back */
        }
        quarantine(handling, gw_buf_str(&ingress->reason), REASON_PAYLOAD_FORMAT);
        return;
    }
    withhold(handling);
}

/* ---- topic and rate ---- */

/* "gangway/<device>/..." */
static bool is_own_topic(struct gw_str device, struct gw_str topic) {
    const struct gw_str head = GW_STR("gangway/");
    struct gw_str rest = gw_str_sub(topic, head.len, SIZE_MAX);
    return gw_str_starts_with(topic, head) && gw_str_starts_with(rest, device)
           && rest.len > device.len + 1 && rest.ptr[device.len] == '/';
}

/* Devices use one topic: the last one that was allowed is not looked at again. */
static bool is_same_topic(const struct ingress_connection *connection, struct gw_str topic) {
    return topic.len == connection->topic_len && topic.len > 0
           && memcmp(topic.ptr, connection->topic, topic.len) == 0;
}

static bool is_allowed_topic(struct handling *handling) {
    struct ingress_connection *connection = handling->connection;
    struct gw_str topic = handling->publish->topic;
    struct gw_str device = gw_str_from_cstr(handling->device->id);
    if (!is_own_topic(device, topic)
        && !gw_topic_matches(gw_str_from_cstr(handling->device->topic), topic)) {
        return false;
    }
    /* What can be subscribed to is ours to say: so no message ever has a subscriber. */
    if (ingress_subscription_of(device, topic) != 0) {
        return false;
    }
    if (topic.len <= sizeof(connection->topic)) {
        memcpy(connection->topic, topic.ptr, topic.len);
        connection->topic_len = (uint16_t) topic.len;
        connection->topic_fingerprint =
            gw_fingerprint(GW_FINGERPRINT_START, gw_bytes_from_str(topic));
    }
    return true;
}

/* A flood slows its sender: its connection is not read until there is a token. */
static bool is_over_rate(struct ingress_connection *connection,
                         const struct gw_config_device *device) {
    struct gw_ingress *ingress = connection->ingress;
    struct gw_device_activity *activity =
        &ingress->options.devices.activities[connection->device];
    if (device->max_per_second == 0) {
        return false;
    }
    int64_t now_mono_ms = gw_clock_mono_ms(ingress->options.clock);
    if (!activity->rate_started) {
        gw_rate_limit_init(&activity->rate, device->max_per_second, now_mono_ms);
        activity->rate_started = true;
    }
    if (gw_rate_limit_take(&activity->rate, now_mono_ms)) {
        return false;
    }
    ++*ingress->counters.over_rate;
    if (activity->over_rate_mono_ms == 0) {
        gw_health_raise(ingress->options.health, GW_ISSUE_DEVICE_RATE_LIMITED,
                        gw_str_from_cstr(device->id),
                        "found more than %u messages/s; it is read more slowly",
                        (unsigned) device->max_per_second);
    }
    activity->over_rate_mono_ms = now_mono_ms;
    connection->paused_mono_ms = now_mono_ms + 1 + 1000 / device->max_per_second;
    if (connection->paused_mono_ms < ingress->paused_until_mono_ms) {
        ingress->paused_until_mono_ms = connection->paused_mono_ms;
    }
    return true;
}

/* ---- the message ---- */

static void handle_observed(struct handling *handling) {
    struct gw_ingress *ingress = handling->ingress;
    struct gw_observe_input input = {
        .device = handling->device,
        .profile = ingress->options.devices.activities[handling->connection->device].profile,
        .topic = handling->publish->topic,
        .payload = handling->publish->payload,
        .received_wall_ms = handling->now_wall_ms,
    };
    struct gw_observation observation;
    gw_buf_clear(&ingress->storage);
    gw_buf_clear(&ingress->reason);
    enum gw_err err =
        gw_observe_payload(&input, &ingress->storage, &ingress->reason, &observation);
    if (err == GW_ERR_FULL) {
        gw_buf_put_str(&ingress->reason, GW_STR("too large to decode"));
    }
    if (err) {
        quarantine(handling, gw_buf_str(&ingress->reason), REASON_PAYLOAD_FORMAT);
        return;
    }
    const struct gw_event_ids_message message = ids_message(handling);
    *ingress->counters.device_duplicates +=
        gw_event_ids_sift(&ingress->event_ids, &message, &observation);
    if (observation.count == 0) {
        answer_known(handling);
        return;
    }
    store(handling, &observation);
}

static void handle_content(struct handling *handling) {
    struct gw_ingress *ingress = handling->ingress;
    struct gw_device_activity *activity =
        &ingress->options.devices.activities[handling->connection->device];
    activity->last_wall_ms = handling->now_wall_ms;
    activity->events++;
    if (!is_same_topic(handling->connection, handling->publish->topic)
        && !is_allowed_topic(handling)) {
        ++*ingress->counters.foreign_topics;
        quarantine(handling, GW_STR("the device may not publish to this topic"),
                   REASON_NOT_AUTHORISED);
        return;
    }
    if (handling->payload_len != handling->publish->payload.len) {
        gw_buf_clear(&ingress->reason);
        gw_buf_printf(&ingress->reason, "payload: found %zu bytes, allowed: up to %u",
                      handling->payload_len, (unsigned) GW_OBSERVE_PAYLOAD_MAX_BYTES);
        quarantine(handling, gw_buf_str(&ingress->reason), REASON_QUOTA);
        return;
    }
    handle_observed(handling);
}

/* The topic's own is kept with the topic. */
static uint64_t topic_fingerprint_of(const struct ingress_connection *connection,
                                     struct gw_str topic) {
    return is_same_topic(connection, topic)
               ? connection->topic_fingerprint
               : gw_fingerprint(GW_FINGERPRINT_START, gw_bytes_from_str(topic));
}

/* What ends the connection instead of being an event. */
static struct packet_fault check(const struct ingress_connection *connection,
                                 const struct packet_publish *publish) {
    const struct gw_ingress *ingress = connection->ingress;
    bool is_v5 = connection->version == PACKET_V5;
    if (is_v5 && publish->qos == 2) {
        return (struct packet_fault){REASON_QOS, "PUBLISH: QoS 2, allowed: 0 and 1 "
                                                 "[MQTT-3.2.2-11]"};
    }
    if (packet_has_property(&publish->properties, PROPERTY_TOPIC_ALIAS)) {
        return (struct packet_fault){REASON_TOPIC_ALIAS, "PUBLISH: topic aliases are not "
                                                         "available [MQTT-3.2.2-17]"};
    }
    if (is_v5 && publish->qos > 0
        && connection->in_flight >= ingress->options.config->receive_maximum) {
        return (struct packet_fault){REASON_RECEIVE_MAXIMUM,
                                     "PUBLISH: more in flight than the receive maximum "
                                     "[MQTT-3.3.4-7]"};
    }
    return is_same_topic(connection, publish->topic) ? (struct packet_fault){0}
                                                     : packet_check_topic(publish->topic);
}

/* More packet ids of QoS 2 than are kept: what came before is answered, the rest comes
 * again on the next connection. */
static void defer(struct ingress_connection *connection) {
    ingress_withhold(connection);
    connection->deadline_mono_ms =
        gw_clock_mono_ms(connection->ingress->options.clock) + INGRESS_DEFERRED_MS;
}

/* QoS 2: false if it cannot be taken. */
static bool note_qos2(struct handling *handling, bool *ret_is_known) {
    const struct session *session = handling->connection->session;
    const struct packet_publish *publish = handling->publish;
    *ret_is_known = session_has_qos2(session, publish->packet_id);
    if (!*ret_is_known && publish->dup && !handling->connection->session_present) {
        /* Sent before, in a session that is gone: stored or not, nobody can know. */
        handling->flags |= GW_EVENT_POSSIBLE_DUPLICATE;
    }
    return *ret_is_known || session->qos2_count < SESSION_QOS2_MAX;
}

bool ingress_publish(struct ingress_connection *connection,
                     const struct packet_publish *publish, size_t payload_len) {
    struct gw_ingress *ingress = connection->ingress;
    struct packet_fault fault = check(connection, publish);
    if (packet_is_faulty(fault)) {
        ingress_connection_fail(connection, fault);
        return true;
    }
    struct handling handling = {
        .connection = connection,
        .ingress = ingress,
        .publish = publish,
        .payload_len = payload_len,
        .device = ingress_device(ingress, connection->device),
    };
    if (is_over_rate(connection, handling.device)) {
        return false;
    }
    ingress->received++;
    ++*ingress->counters.received;
    if (connection->is_withheld && publish->qos > 0) {
        return true; /* it comes again on the next connection */
    }
    handling.now_wall_ms = connection->read_wall_ms;
    handling.topic = topic_fingerprint_of(connection, publish->topic);
    handling.payload = gw_fingerprint(handling.topic, publish->payload);
    bool is_known = publish->qos != 2 && is_redelivery(&handling);
    if (publish->qos == 2 && !note_qos2(&handling, &is_known)) {
        defer(connection);
        return true;
    }
    if (is_known) {
        ++*ingress->counters.redelivered;
        answer_known(&handling);
        return true;
    }
    handle_content(&handling);
    return true;
}

void ingress_release(struct ingress_connection *connection, uint16_t packet_id) {
    struct session *session = connection->session;
    if (connection->is_withheld) {
        return; /* it comes again on the next connection */
    }
    struct ingress_answer answer = {.packet_id = packet_id, .type = PACKET_PUBCOMP};
    if (!session_drop_qos2(session, packet_id)) {
        answer.reason = REASON_PACKET_ID_UNKNOWN;
        ingress_answer_known(connection, answer);
        return;
    }
    uint8_t storage[SESSION_VALUE_MAX_BYTES];
    struct gw_state_change change = session_save(session, storage);
    struct gw_unit unit = ingress_begin_unit(connection->ingress, connection, TOKEN_ANSWER);
    unit.state_table = SESSION_TABLE;
    unit.changes = &change;
    unit.change_count = session->expiry_s > 0 ? 1 : 0;
    if (ingress_submit_session(connection, &unit, answer)) {
        (void) session_add_qos2(session, packet_id);
        ingress_withhold(connection);
    }
}

/* ---- the will ---- */

enum gw_err ingress_submit_will(struct gw_ingress *ingress, struct session *session) {
    const struct session_will *will = &session->will;
    struct gw_str payload = {(const char *) will->payload, will->payload_len};
    struct gw_buf *data = &ingress->storage;
    gw_buf_clear(data);
    gw_buf_clear(&ingress->reason);
    gw_buf_printf(&ingress->reason, "%.*s: ", (int) will->topic_len, will->topic);
    if (!gw_str_is_utf8(payload)) {
        gw_buf_put_str(&ingress->reason, GW_STR("base64 "));
        (void) gw_base64_put(&ingress->reason, gw_bytes_from_str(payload));
    } else {
        gw_buf_put_str(&ingress->reason, payload);
    }
    gw_buf_put_str(data, GW_STR("{\"condition\":\"will\",\"detail\":"));
    gw_buf_put_json_str(data, gw_buf_str(&ingress->reason));
    gw_buf_put_char(data, '}');
    if (gw_buf_failed(data) || gw_buf_failed(&ingress->reason)) {
        return GW_ERR_FULL;
    }
    struct gw_event_draft draft = {
        .type = GW_EVENT_DEVICE_CONDITION,
        .class = GW_CLASS_STATE,
        .time_wall_ms = gw_clock_wall_ms(ingress->options.clock),
        .device = session_device(session),
        .data = gw_buf_str(data),
    };
    struct gw_unit unit = ingress_begin_unit(ingress, NULL, 0);
    unit.events = &draft;
    unit.event_count = 1;
    enum gw_err err = gw_intake_submit(&ingress->options.intake, &unit);
    if (err) {
        ingress->uncommitted--;
    } else {
        ++*ingress->counters.wills;
    }
    return err;
}
