/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message: from PUBLISH to a unit at the intake. Whatever it holds, exactly
 * one of these happens, and its PUBACK waits until that is durable:
 *
 *   stored as an event           submitted
 *   stored in the quarantine     submitted; it never blocks what comes after it
 *   known already                nothing to store: a redelivery, a device's own
 *                                repetition, a retained message seen before.
 *                                Of several readings the others are stored
 *   withheld                     the queue took nothing: the connection is
 *                                dropped without a byte, the broker keeps it
 *
 * Only QoS 0, which nobody can hold back, may be refused, with a loss record.
 */
#include "drivers/mqtt/broker_internal.h"
#include "drivers/mqtt/fingerprint.h"
#include "drivers/mqtt/origin.h"
#include "drivers/profile/topic.h"

/* Where one message has got to. */
struct handling {
    struct gw_broker *broker;
    const struct gw_mqtt_message *message;
    uint32_t device; /* index plus 1; 0 = no device matches */
    int64_t now_wall_ms;
    unsigned flags; /* enum gw_event_flags */
    uint64_t topic; /* fingerprints */
    uint64_t payload;
    const struct gw_observation *observation; /* NULL: it is not noted by its event ids */
};

/* ---- units ---- */

void gw_broker_set_marks(struct gw_broker *broker) {
    broker->mark.sent = gw_window_position(&broker->windows.sent);
    gw_event_ids_settle(&broker->event_ids);
    broker->mark.retained = gw_window_position(&broker->windows.retained);
}

static void tell_lost(struct gw_broker *broker, gw_broker_refused *lost, uint64_t device) {
    const struct gw_broker_devices *devices = &broker->options.devices;
    const struct gw_config_device *config =
        device > 0 && device <= devices->count ? &devices->configs[device - 1] : NULL;
    ++*broker->counters.refused_qos0;
    if (lost) {
        lost(broker->options.refused_context, gw_str_from_cstr(config ? config->id : NULL),
             config ? config->class : GW_CLASS_BUSINESS, 1);
    }
}

/* May run inside the submit of a later unit, when the queue closes a group. */
static void completed(void *context, uint64_t token, enum gw_err err) {
    struct gw_broker *broker = context;
    broker->uncommitted--;
    if (token & GW_TOKEN_SESSION) {
        gw_broker_session_saved(broker, err);
    }
    if (!err) {
        broker->mark.sent += (token & GW_TOKEN_SENT) != 0;
        gw_event_ids_committed(&broker->event_ids, token >> GW_TOKEN_EVENT_IDS_SHIFT);
        broker->mark.retained += (token & GW_TOKEN_RETAINED) != 0;
        return;
    }
    /* Nothing of the group is stored. What was read on this connection must
     * never be acknowledged, so the connection has to go. */
    gw_window_rollback(&broker->windows.sent, broker->mark.sent);
    gw_event_ids_rollback(&broker->event_ids);
    gw_window_rollback(&broker->windows.retained, broker->mark.retained);
    broker->drop_err = err;
    if (token & GW_TOKEN_QOS_0) {
        tell_lost(broker, broker->options.commit_failed, token >> GW_TOKEN_DEVICE_SHIFT);
    }
}

struct gw_unit gw_broker_begin_unit(struct gw_broker *broker, uint64_t token) {
    if (broker->uncommitted++ == 0) {
        broker->uncommitted_since_mono_ms = gw_clock_mono_ms(broker->options.clock);
        broker->commit_asked = false;
    }
    uint32_t window = broker->options.config->receive_maximum;
    return (struct gw_unit){
        .completed = completed,
        .context = broker,
        .token = token,
        /* The broker sends no more until we acknowledge: waiting is for nothing. */
        .urgent = broker->uncommitted >= window || broker->uncommitted >= GW_BROKER_GROUP_MAX,
    };
}

void gw_broker_submitted(struct gw_broker *broker, enum gw_err err) {
    if (err) {
        broker->uncommitted--;
        broker->drop_err = err;
    }
}

void gw_broker_ask_commit(struct gw_broker *broker) {
    if (broker->commit_asked) {
        return;
    }
    broker->commit_asked = true;
    struct gw_unit unit = gw_broker_begin_unit(broker, 0);
    unit.urgent = true;
    gw_broker_submitted(broker, gw_intake_submit(&broker->options.intake, &unit));
}

/* ---- what it is ---- */

uint32_t gw_broker_search_device(const struct gw_broker_devices *devices, struct gw_str topic) {
    for (size_t i = 0; i < devices->count; i++) {
        if (gw_topic_matches(gw_str_from_cstr(devices->configs[i].topic), topic)) {
            return (uint32_t) i + 1;
        }
    }
    return 0;
}

/* The cache's fingerprint may lie (somebody chose a colliding topic): its answer
 * is checked against the device's own filter. */
static uint32_t find_device(struct handling *handling) {
    const struct gw_broker_devices *devices = &handling->broker->options.devices;
    struct gw_str topic = handling->message->topic;
    struct gw_topic_cache_slot *slot =
        &handling->broker->topic_cache[handling->topic % GW_BROKER_TOPIC_CACHE];
    if (slot->device != 0 && slot->topic == handling->topic
        && gw_topic_matches(gw_str_from_cstr(devices->configs[slot->device - 1].topic),
                            topic)) {
        return slot->device;
    }
    *slot = (struct gw_topic_cache_slot){.topic = handling->topic,
                                         .device = gw_broker_search_device(devices, topic)};
    return slot->device;
}

/* True if this is a redelivery of what is stored, or about to be, already. */
static bool is_known_redelivery(struct handling *handling) {
    struct gw_broker *broker = handling->broker;
    uint64_t stored = 0;
    bool id_known =
        gw_window_find(&broker->windows.sent, handling->message->packet_id, &stored);
    if (handling->message->dup == GW_MQTT_DUP_NO) {
        broker->ids_reused |= id_known;
        return false;
    }
    if (id_known && stored == handling->payload && !broker->ids_reused
        && handling->message->dup == GW_MQTT_DUP_YES) {
        ++*broker->counters.redelivered;
        return true;
    }
    if (handling->message->dup == GW_MQTT_DUP_YES || id_known) {
        handling->flags |= GW_EVENT_POSSIBLE_DUPLICATE;
    }
    return false;
}

static bool is_retained_repeat(struct handling *handling) {
    struct gw_broker *broker = handling->broker;
    if (!handling->message->retained) {
        return false;
    }
    handling->flags |= GW_EVENT_RETAINED;
    uint64_t stored = 0;
    bool known = gw_window_find(&broker->windows.retained, handling->topic, &stored)
                 && stored == handling->payload;
    *broker->counters.retained_repeats += known;
    return known;
}

static struct gw_event_ids_message ids_message(const struct handling *handling) {
    return (struct gw_event_ids_message){handling->topic, handling->payload};
}

/* ---- where it goes ---- */

static uint64_t token_of(const struct handling *handling) {
    unsigned ids = handling->observation ? gw_event_ids_token(handling->observation) : 0;
    return (uint64_t) handling->device << GW_TOKEN_DEVICE_SHIFT
           | (handling->message->packet_id != 0 ? GW_TOKEN_SENT : GW_TOKEN_QOS_0)
           | (uint64_t) ids << GW_TOKEN_EVENT_IDS_SHIFT
           | (handling->message->retained ? GW_TOKEN_RETAINED : 0u);
}

static void note_stored(struct handling *handling) {
    struct gw_broker_windows *windows = &handling->broker->windows;
    uint64_t token = token_of(handling);
    if (token & GW_TOKEN_SENT) {
        gw_window_add(&windows->sent, handling->message->packet_id, handling->payload);
    }
    if (handling->observation) {
        const struct gw_event_ids_message message = ids_message(handling);
        gw_event_ids_note(&handling->broker->event_ids, &message, handling->observation);
    }
    if (token & GW_TOKEN_RETAINED) {
        gw_window_add(&windows->retained, handling->topic, handling->payload);
    }
}

static struct gw_mqtt_origin origin_of(const struct handling *handling) {
    return (struct gw_mqtt_origin){
        .door = GW_MQTT_DOOR_BROKER,
        .broker = handling->broker->name_hash,
        .session = handling->broker->session.number,
        .packet_id = handling->message->packet_id,
        .payload = handling->payload,
        .arrival = (uint32_t) gw_window_position(&handling->broker->windows.sent),
    };
}

static const struct gw_config_device *device_of(const struct handling *handling) {
    return handling->device == 0
               ? NULL
               : &handling->broker->options.devices.configs[handling->device - 1];
}

/* The queue took nothing of it. */
static void withhold(struct handling *handling, enum gw_err err) {
    struct gw_broker *broker = handling->broker;
    if (handling->message->packet_id != 0) {
        ++*broker->counters.withheld;
        broker->drop_err = err;
        return;
    }
    tell_lost(broker,
              err == GW_ERR_FULL ? broker->options.refused : broker->options.commit_failed,
              handling->device);
}

static void quarantine(struct handling *handling, struct gw_str reason) {
    struct gw_broker *broker = handling->broker;
    const struct gw_mqtt_message *message = handling->message;
    const struct gw_config_device *device = device_of(handling);
    uint8_t storage[GW_MQTT_ORIGIN_MAX_BYTES];
    struct gw_mqtt_origin origin = origin_of(handling);
    origin.event_id = handling->observation ? gw_event_ids_of_single(handling->observation) : 0;
    size_t kept = message->payload.len < GW_OBSERVE_PAYLOAD_MAX_BYTES
                      ? message->payload.len
                      : GW_OBSERVE_PAYLOAD_MAX_BYTES;
    struct gw_quarantine_entry entry = {
        .reason = reason,
        .topic = message->topic,
        .device = gw_str_from_cstr(device ? device->id : NULL),
        .raw = {message->payload.ptr, kept},
        .raw_len = message->payload.len,
        .time_wall_ms = handling->now_wall_ms,
        .origin = {storage, gw_mqtt_origin_encode(&origin, storage)},
    };
    struct gw_unit unit = gw_broker_begin_unit(broker, token_of(handling));
    unit.quarantine = &entry;
    unit.quarantine_count = 1;
    enum gw_err err = gw_intake_submit(&broker->options.intake, &unit);
    if (err) {
        broker->uncommitted--;
        withhold(handling, err);
        return;
    }
    note_stored(handling);
    ++*broker->counters.quarantined;
    if (device) {
        broker->options.devices.activities[handling->device - 1].quarantined++;
        gw_health_raise(broker->options.health, GW_ISSUE_QUARANTINE, (struct gw_str){0},
                        "device \"%s\", topic \"%.*s\": %.*s", device->id,
                        GW_STR_ARG(message->topic), GW_STR_ARG(reason));
    }
}

static void store(struct handling *handling, struct gw_observation *observation) {
    struct gw_broker *broker = handling->broker;
    gw_event_ids_origins storage;
    unsigned flags = 0;
    for (size_t i = 0; i < observation->count; i++) {
        flags |= observation->drafts[i].flags |= handling->flags;
    }
    const struct gw_event_ids_message message = ids_message(handling);
    const struct gw_mqtt_origin origin = origin_of(handling);
    gw_event_ids_set_origins(&message, &origin, storage, observation);
    handling->observation = observation;
    struct gw_unit unit = gw_broker_begin_unit(broker, token_of(handling));
    unit.events = observation->drafts;
    unit.event_count = observation->count;
    enum gw_err err = gw_intake_submit(&broker->options.intake, &unit);
    if (!err) {
        note_stored(handling);
        ++*broker->counters.stored;
        *broker->counters.possible_duplicates += (flags & GW_EVENT_POSSIBLE_DUPLICATE) != 0;
        return;
    }
    broker->uncommitted--;
    if (err == GW_ERR_RANGE || err == GW_ERR_SCHEMA || err == GW_ERR_PARSE) {
        gw_buf_clear(&broker->reason);
        gw_buf_printf(&broker->reason, "not a valid event: %s", gw_err_name(err));
        if (gw_event_ids_of_single(observation) == 0) {
            handling->observation = NULL; /* the entry cannot bring them back */
        }
        quarantine(handling, gw_buf_str(&broker->reason));
        return;
    }
    withhold(handling, err);
}

/* ---- the device ---- */

static void note_activity(struct handling *handling) {
    struct gw_broker *broker = handling->broker;
    const struct gw_config_device *device = device_of(handling);
    struct gw_device_activity *activity =
        &broker->options.devices.activities[handling->device - 1];
    int64_t now_mono_ms = gw_clock_mono_ms(broker->options.clock);
    activity->last_wall_ms = handling->now_wall_ms;
    activity->events++;
    if (!activity->rate_started) {
        gw_rate_limit_init(&activity->rate, device->max_per_second, now_mono_ms);
        activity->rate_started = true;
    }
    if (!gw_rate_limit_take(&activity->rate, now_mono_ms)) {
        ++*broker->counters.over_rate;
        if (activity->over_rate_mono_ms == 0) {
            gw_health_raise(broker->options.health, GW_ISSUE_DEVICE_RATE_LIMITED,
                            gw_str_from_cstr(device->id),
                            "found more than %u messages/s; all of them are kept",
                            (unsigned) device->max_per_second);
        }
        activity->over_rate_mono_ms = now_mono_ms;
    }
}

static void handle_unknown(struct handling *handling) {
    struct gw_broker *broker = handling->broker;
    ++*broker->counters.unknown_topics;
    gw_broker_note_unknown(broker, handling->message->topic, handling->topic);
    quarantine(handling, GW_STR("unknown topic: no device's filter matches"));
}

static void handle_observed(struct handling *handling) {
    struct gw_broker *broker = handling->broker;
    struct gw_observe_input input = {
        .device = device_of(handling),
        .profile = broker->options.devices.activities[handling->device - 1].profile,
        .topic = handling->message->topic,
        .payload = handling->message->payload,
        .received_wall_ms = handling->now_wall_ms,
    };
    struct gw_observation observation;
    gw_buf_clear(&broker->storage);
    gw_buf_clear(&broker->reason);
    enum gw_err err =
        gw_observe_payload(&input, &broker->storage, &broker->reason, &observation);
    if (err == GW_ERR_FULL) {
        gw_buf_put_str(&broker->reason, GW_STR("too large to decode"));
    }
    if (err) {
        quarantine(handling, gw_buf_str(&broker->reason));
        return;
    }
    const struct gw_event_ids_message message = ids_message(handling);
    *broker->counters.device_duplicates +=
        gw_event_ids_sift(&broker->event_ids, &message, &observation);
    if (observation.count > 0) {
        store(handling, &observation);
    }
}

void gw_broker_on_message(void *context, const struct gw_mqtt_message *message) {
    struct gw_broker *broker = context;
    broker->handled++;
    struct handling handling = {
        .broker = broker,
        .message = message,
        .now_wall_ms = gw_clock_wall_ms(broker->options.clock),
    };
    handling.topic = gw_fingerprint(GW_FINGERPRINT_START, gw_bytes_from_str(message->topic));
    if (broker->drop_err) {
        /* This connection is lost already: the broker keeps what it can keep. */
        if (message->packet_id == 0) {
            tell_lost(broker, broker->options.commit_failed, find_device(&handling));
        }
        return;
    }
    broker->received++;
    ++*broker->counters.received;
    handling.payload = gw_fingerprint(handling.topic, message->payload);
    if (message->packet_id != 0 && is_known_redelivery(&handling)) {
        return;
    }
    if (is_retained_repeat(&handling)) {
        return;
    }
    handling.device = find_device(&handling);
    if (handling.device == 0) {
        handle_unknown(&handling);
        return;
    }
    note_activity(&handling);
    handle_observed(&handling);
}
