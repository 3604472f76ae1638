/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept about the session at the broker, in the state table "broker"
 * under the broker's name: its number, and the filters the broker granted.
 *
 *   1 <number> LF { <filter> LF }
 *
 * The number goes up whenever the broker says it has no session for us. Packet
 * ids mean something within one session only, so each record's origin carries
 * the number. The change is submitted before any message of the new session, so
 * no later commit can hold such a message without it. Should that unit fail, the
 * connection is dropped, and the next one begins with it.
 */
#include "drivers/mqtt/broker_internal.h"
#include "drivers/mqtt/origin.h"

#include <string.h>

#define STATE_TABLE GW_STR("broker")

/* ---- state table ---- */

static struct gw_str name_of(const struct gw_broker *broker) {
    return gw_str_from_cstr(broker->options.config->name);
}

static void save(struct gw_broker *broker) {
    struct gw_broker_session *session = &broker->session;
    gw_buf_clear(&session->scratch);
    gw_buf_put_str(&session->scratch, GW_STR("1 "));
    gw_buf_put_u64(&session->scratch, session->number);
    gw_buf_put_char(&session->scratch, '\n');
    size_t head_len = session->scratch.len;
    if (!gw_buf_put_str(&session->scratch, gw_buf_str(&session->filters))) {
        /* Too many filters to keep: they are subscribed again at each start. */
        gw_buf_rewind(&session->scratch, head_len);
    }
    struct gw_state_change change = {.key = gw_bytes_from_str(name_of(broker)),
                                     .value = gw_buf_bytes(&session->scratch)};
    session->is_unsaved = true;
    struct gw_unit unit = gw_broker_begin_unit(broker, GW_TOKEN_SESSION);
    unit.state_table = STATE_TABLE;
    unit.changes = &change;
    unit.change_count = 1;
    unit.urgent = true;
    session->saving++;
    enum gw_err err = gw_intake_submit(&broker->options.intake, &unit);
    session->saving -= err != GW_OK;
    gw_broker_submitted(broker, err);
}

/* Only the newest unit holds all there is. */
void gw_broker_session_saved(struct gw_broker *broker, enum gw_err err) {
    struct gw_broker_session *session = &broker->session;
    session->saving--;
    if (!err && session->saving == 0) {
        session->is_unsaved = false;
    }
}

static void parse_state(struct gw_broker_session *session, struct gw_str text) {
    struct gw_str line = {0};
    uint64_t number = 0;
    if (!gw_str_split(&text, '\n', &line) || !gw_str_starts_with(line, GW_STR("1 "))
        || gw_str_to_u64(gw_str_sub(line, 2, SIZE_MAX), UINT32_MAX, &number)) {
        return;
    }
    session->number = (uint32_t) number;
    gw_buf_put_str(&session->filters, text);
}

/* ---- windows ---- */

/* Arrival numbers wrap: `newest` is the greatest of those that are near it. */
struct restoring {
    struct gw_broker *broker;
    bool has_newest;
    uint32_t newest;
};

static bool is_of_session(const struct gw_broker *broker, const struct gw_mqtt_origin *origin) {
    return origin->packet_id != 0 && origin->session == broker->session.number;
}

static void find_newest(void *context, struct gw_bytes bytes, enum gw_flow_class class,
                        uint64_t sequence) {
    (void) class;
    (void) sequence;
    struct restoring *restoring = context;
    struct gw_mqtt_origin origin;
    if (gw_mqtt_origin_decode(bytes, &origin) || !is_of_session(restoring->broker, &origin)) {
        return;
    }
    bool is_newer = (int32_t) (origin.arrival - restoring->newest) > 0;
    if (!restoring->has_newest || is_newer) {
        restoring->has_newest = true;
        restoring->newest = origin.arrival;
    }
}

/* At its old position, so that the window reaches back as far as it did before the
 * restart, and not to an earlier use of the same packet id. */
static void remember_sent(struct restoring *restoring, const struct gw_mqtt_origin *origin) {
    struct gw_window *sent = &restoring->broker->windows.sent;
    uint32_t age = restoring->newest - origin->arrival;
    if (age >= sent->limit) {
        return;
    }
    uint64_t known = 0;
    bool is_known = gw_window_find(sent, origin->packet_id, &known);
    uint64_t position = (UINT64_C(1) << 32 | restoring->newest) - age;
    if (is_known && known == origin->payload && position < gw_window_position(sent)) {
        return; /* an entry of the quarantine and the event that became of it */
    }
    restoring->broker->ids_reused |= is_known;
    gw_window_skip(sent, position);
    gw_window_add(sent, origin->packet_id, origin->payload);
}

static void remember(void *context, struct gw_bytes bytes, enum gw_flow_class class,
                     uint64_t sequence) {
    (void) class;
    (void) sequence;
    struct restoring *restoring = context;
    struct gw_broker *broker = restoring->broker;
    struct gw_mqtt_origin origin;
    if (gw_mqtt_origin_decode(bytes, &origin)) {
        return;
    }
    gw_event_ids_remember(&broker->event_ids, &origin);
    if (is_of_session(broker, &origin)) {
        remember_sent(restoring, &origin);
    }
}

static enum gw_err restore_windows(struct gw_broker *broker) {
    const struct gw_intake *intake = &broker->options.intake;
    struct restoring restoring = {.broker = broker};
    uint8_t prefix[GW_MQTT_ORIGIN_MAX_BYTES];
    struct gw_mqtt_origin own = {.door = GW_MQTT_DOOR_BROKER, .broker = broker->name_hash};
    (void) gw_mqtt_origin_encode(&own, prefix);
    struct gw_bytes key = {prefix, GW_MQTT_ORIGIN_PREFIX_BYTES};
    size_t count = broker->event_ids.windows[0].limit; /* the longer one */
    enum gw_err err = intake->tail(intake->self, key, count, find_newest, &restoring);
    if (!err) {
        err = intake->tail(intake->self, key, count, remember, &restoring);
    }
    gw_broker_set_marks(broker);
    return err;
}

enum gw_err gw_broker_session_load(struct gw_broker *broker) {
    struct gw_broker_session *session = &broker->session;
    const struct gw_intake *intake = &broker->options.intake;
    gw_buf_clear(&session->scratch);
    enum gw_err err = intake->state_get(intake->self, STATE_TABLE,
                                        gw_bytes_from_str(name_of(broker)), &session->scratch);
    if (err && err != GW_ERR_NOENT) {
        return err;
    }
    parse_state(session, gw_buf_str(&session->scratch));
    return restore_windows(broker);
}

/* ---- subscriptions ---- */

static bool lists(struct gw_str filters, struct gw_str filter) {
    struct gw_str line = {0};
    while (gw_str_split(&filters, '\n', &line)) {
        if (line.len > 0 && gw_str_eq(line, filter)) {
            return true;
        }
    }
    return false;
}

static bool wants(const struct gw_config_broker *config, struct gw_str filter) {
    for (size_t i = 0; i < config->topic_count; i++) {
        if (gw_str_eq(gw_str_from_cstr(config->topics[i]), filter)) {
            return true;
        }
    }
    return false;
}

static bool is_as_configured(const struct gw_broker *broker) {
    const struct gw_config_broker *config = broker->options.config;
    struct gw_str rest = gw_buf_str(&broker->session.filters);
    struct gw_str line = {0};
    while (gw_str_split(&rest, '\n', &line)) {
        if (line.len > 0 && !wants(config, line)) {
            return false;
        }
    }
    for (size_t i = 0; i < config->topic_count; i++) {
        if (!lists(gw_buf_str(&broker->session.filters), gw_str_from_cstr(config->topics[i]))) {
            return false;
        }
    }
    return true;
}

void gw_broker_session_begin(struct gw_broker *broker, bool session_present) {
    struct gw_broker_session *session = &broker->session;
    struct gw_health *health = broker->options.health;
    if (session_present && session->number != 0) {
        gw_health_clear(health, GW_ISSUE_BROKER_SESSION_LOST, name_of(broker));
        /* A session may be from before we published: its options come with SUBSCRIBE. */
        broker->subscribe_due = !is_as_configured(broker) || broker->options.config->republish;
        if (session->is_unsaved) {
            save(broker);
        }
        return;
    }
    if (session->number != 0) {
        ++*broker->counters.sessions_lost;
        gw_health_raise(health, GW_ISSUE_BROKER_SESSION_LOST, name_of(broker),
                        "the broker has no session for client id \"%s\"; what it had queued "
                        "for us is gone, subscribing again",
                        broker->options.config->client_id);
    }
    session->number++;
    gw_buf_clear(&session->filters);
    gw_window_clear(&broker->windows.sent);
    gw_broker_set_marks(broker); /* nothing is uncommitted before CONNACK */
    broker->ids_reused = false;
    broker->subscribe_due = true;
    save(broker);
}

static enum gw_err unsubscribe_unwanted(struct gw_broker *broker) {
    struct gw_str rest = gw_buf_str(&broker->session.filters);
    struct gw_str line = {0};
    while (gw_str_split(&rest, '\n', &line)) {
        if (line.len == 0 || wants(broker->options.config, line)) {
            continue;
        }
        gw_buf_clear(&broker->session.scratch);
        gw_buf_put_str(&broker->session.scratch, line);
        gw_buf_put_char(&broker->session.scratch, '\0');
        char *filter = (char *) broker->session.scratch.data;
        enum gw_err err = gw_mqtt_client_unsubscribe(broker->client, &filter, 1);
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

enum gw_err gw_broker_session_subscribe(struct gw_broker *broker) {
    const struct gw_config_broker *config = broker->options.config;
    broker->subscribe_due = false;
    enum gw_err err = unsubscribe_unwanted(broker);
    if (!err && config->topic_count > 0) {
        err = gw_mqtt_client_subscribe(broker->client, config->topics, config->topic_count,
                                       config->republish);
        broker->awaits_suback = true;
    }
    return err;
}

void gw_broker_session_subscribed(struct gw_broker *broker, const int *granted, size_t count) {
    const struct gw_config_broker *config = broker->options.config;
    gw_buf_clear(&broker->session.filters);
    bool all_granted = true;
    for (size_t i = 0; i < count && i < config->topic_count; i++) {
        if (granted[i] != 1) {
            all_granted = false;
            gw_health_raise(broker->options.health, GW_ISSUE_BROKER_REFUSED, name_of(broker),
                            granted[i] == 0
                                ? "subscription to \"%s\": found QoS 0, allowed: QoS 1; its "
                                  "messages may be lost"
                                : "subscription to \"%s\" refused: check the broker's ACL",
                            config->topics[i]);
            continue;
        }
        gw_buf_put_str(&broker->session.filters, gw_str_from_cstr(config->topics[i]));
        gw_buf_put_char(&broker->session.filters, '\n');
    }
    if (all_granted) {
        gw_health_clear(broker->options.health, GW_ISSUE_BROKER_REFUSED, name_of(broker));
    }
    save(broker);
}
