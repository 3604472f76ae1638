/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection of the broker door and the one place that writes to it.
 *
 * Invariant: `uncommitted` counts the units that were submitted and not yet
 * completed, and bytes are written only while it is 0. A group commits as a
 * whole, so after each commit it is 0; the PUBACKs of everything read before are
 * queued in libmosquitto, in order, and one write lets them go.
 *
 * Crash order: PUBLISH read -> unit submitted -> commit -> PUBACK written.
 *   before the commit   the broker has the message and delivers it again
 *   before the write    it delivers again with DUP; the window knows it
 *
 * A new connection is not begun while units of the last one are uncommitted:
 * the window would answer for something that may yet fail.
 */
#include "drivers/mqtt/broker_internal.h"

#include <stdlib.h>

#include "drivers/mqtt/fingerprint.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/log.h"
#include "firmware/base/random.h"
#include "firmware/policy/backoff.h"

#define CONNECT_TIMEOUT_MS 15000
#define BEAT_MS 1000
/* A handshake is poked so often; it otherwise moves with what arrives. */
#define HANDSHAKE_BEAT_MS 200
/* A connection this old was a good one: the next failure is a first failure. */
#define GOOD_AFTER_MS 10000
#define SESSION_STATE_MAX_BYTES 4096
/* How long the issue of an unknown topic outlives its last message. */
#define UNKNOWN_SHOWN_MS 600000
/* Messages read before the loop gets its turn again. */
#define READ_MAX GW_BROKER_GROUP_MAX

static const struct gw_backoff_limits reconnect_limits = {.base_ms = 200, .cap_ms = 30000};
/* Room may come back with the next acknowledgement of the centre. */
static const struct gw_backoff_limits full_limits = {.base_ms = 200, .cap_ms = 5000};
static const struct gw_backoff_limits refused_limits = {.base_ms = 2000, .cap_ms = 60000};

static struct gw_str name_of(const struct gw_broker *broker) {
    return gw_str_from_cstr(broker->options.config->name);
}

static int64_t now_of(const struct gw_broker *broker) {
    return gw_clock_mono_ms(broker->options.clock);
}

/* ---- watching ---- */

static void on_ready(void *context, int fd, unsigned events);

static void unwatch(struct gw_broker *broker) {
    if (broker->watched_fd >= 0) {
        gw_loop_unwatch(broker->options.loop, broker->watched_fd);
        broker->watched_fd = -1;
        broker->watched = 0;
    }
}

static unsigned wanted_events(const struct gw_broker *broker) {
    if (broker->state == GW_BROKER_CONNECTING) {
        /* Writable once says that TCP is through; then the beat pokes. */
        bool is_first = broker->next_beat_mono_ms == GW_NEVER_MS;
        return GW_LOOP_READ | (is_first ? GW_LOOP_WRITE : 0u);
    }
    unsigned events = 0;
    if (broker->uncommitted < GW_BROKER_GROUP_MAX) {
        events |= GW_LOOP_READ;
    }
    if (broker->uncommitted == 0 && gw_mqtt_client_wants_write(broker->client)) {
        events |= GW_LOOP_WRITE;
    }
    return events;
}

static void watch(struct gw_broker *broker) {
    if (!broker->client) {
        return;
    }
    int fd = gw_mqtt_client_fd(broker->client);
    unsigned events = wanted_events(broker);
    if (fd == broker->watched_fd && events == broker->watched) {
        return;
    }
    if (fd != broker->watched_fd) {
        unwatch(broker);
    }
    enum gw_err err = gw_loop_watch(broker->options.loop, fd, events, on_ready, broker);
    if (err) {
        broker->drop_err = err;
        return;
    }
    broker->watched_fd = fd;
    broker->watched = events;
}

/* ---- states ---- */

static void set_state(struct gw_broker *broker, enum gw_broker_state state) {
    broker->state = state;
    broker->awaits_suback = false;
    broker->since_wall_ms = gw_clock_wall_ms(broker->options.clock);
}

static void wait_to_retry(struct gw_broker *broker, const struct gw_backoff_limits *limits) {
    if (broker->state != GW_BROKER_CONNECTED) {
        broker->family = broker->family == GW_MQTT_ANY ? GW_MQTT_IPV4 : GW_MQTT_ANY;
    }
    uint64_t random = 0;
    gw_random_bytes(&random, sizeof random);
    broker->backoff_ms = gw_backoff_next(limits, broker->backoff_ms, random);
    broker->deadline_mono_ms = now_of(broker) + broker->backoff_ms;
    broker->next_beat_mono_ms = GW_NEVER_MS;
    set_state(broker, GW_BROKER_WAITING);
}

static const char *what_failed(enum gw_err err) {
    switch (err) {
    case GW_ERR_FULL:
        return "withheld: the store is full; the broker keeps the messages";
    case GW_ERR_TIMEOUT:
        return "no answer in time";
    default:
        return "withheld: the store failed; the broker keeps the messages";
    }
}

/* Two clients with one id throw each other out for ever: name it, and step back. */
static void note_twin(struct gw_broker *broker) {
    if (broker->client && gw_mqtt_client_was_taken_over(broker->client)) {
        broker->was_taken_over = true;
        broker->refused = true;
        gw_health_raise(broker->options.health, GW_ISSUE_BROKER_REFUSED, name_of(broker),
                        "another client uses our client id \"%s\": a cloned gateway?",
                        broker->options.config->client_id);
    }
}

/* Hard end: the socket goes, no byte is written, the session stays. */
static void drop(struct gw_broker *broker, enum gw_err err) {
    const struct gw_config_broker *config = broker->options.config;
    bool was_good = broker->state == GW_BROKER_CONNECTED
                    && now_of(broker) - broker->connected_mono_ms >= GOOD_AFTER_MS;
    const char *why = err == GW_ERR_NOCONN && broker->client
                          ? gw_mqtt_client_reason(broker->client)
                          : what_failed(err);
    note_twin(broker);
    if (!broker->refused) {
        gw_health_raise(broker->options.health, GW_ISSUE_BROKER_DOWN, name_of(broker),
                        "%s:%u: %s", config->host, (unsigned) config->port, why);
    }
    gw_log_debug("mqtt", "connection dropped broker=%s err=%s why=\"%s\"", config->name,
                 gw_err_name(err), why);
    unwatch(broker);
    gw_mqtt_client_close(broker->client);
    broker->client = NULL;
    broker->drop_err = GW_OK;
    broker->subscribe_due = false;
    if (was_good) {
        broker->backoff_ms = 0;
    }
    wait_to_retry(broker, broker->refused      ? &refused_limits
                          : err == GW_ERR_FULL ? &full_limits
                                               : &reconnect_limits);
}

static void connect_now(struct gw_broker *broker) {
    broker->refused = false;
    ++*broker->counters.connects;
    enum gw_err err = gw_mqtt_client_open(broker->options.config, &broker->handlers,
                                          broker->family, &broker->client);
    if (err) {
        const struct gw_config_broker *config = broker->options.config;
        gw_health_raise(
            broker->options.health, GW_ISSUE_BROKER_DOWN, name_of(broker),
            "%s:%u: cannot begin to connect: %s", config->host, (unsigned) config->port,
            err == GW_ERR_NOENT || err == GW_ERR_DENIED ? "password file" : gw_err_name(err));
        wait_to_retry(broker, &reconnect_limits);
        return;
    }
    set_state(broker, GW_BROKER_CONNECTING);
    broker->deadline_mono_ms = now_of(broker) + CONNECT_TIMEOUT_MS;
    broker->next_beat_mono_ms = GW_NEVER_MS;
    watch(broker);
}

/* ---- callbacks of the client ---- */

static void on_connected(void *context, bool session_present, struct gw_str refusal) {
    struct gw_broker *broker = context;
    broker->handled++;
    if (refusal.len > 0) {
        broker->refused = true;
        broker->drop_err = GW_ERR_DENIED;
        gw_health_raise(broker->options.health, GW_ISSUE_BROKER_REFUSED, name_of(broker),
                        "client id \"%s\": %.*s", broker->options.config->client_id,
                        GW_STR_ARG(refusal));
        return;
    }
    set_state(broker, GW_BROKER_CONNECTED);
    broker->connected_mono_ms = now_of(broker);
    broker->next_beat_mono_ms = broker->connected_mono_ms + BEAT_MS;
    gw_health_clear(broker->options.health, GW_ISSUE_BROKER_DOWN, name_of(broker));
    if (!broker->was_taken_over) {
        gw_health_clear(broker->options.health, GW_ISSUE_BROKER_REFUSED, name_of(broker));
    }
    gw_broker_session_begin(broker, session_present);
}

static void on_subscribed(void *context, const int *granted, size_t count) {
    struct gw_broker *broker = context;
    broker->handled++;
    broker->awaits_suback = false;
    gw_broker_session_subscribed(broker, granted, count);
}

/* ---- traffic ---- */

/* Until the socket is empty, the group is full or the loop should have a turn. */
static enum gw_err read_some(struct gw_broker *broker) {
    for (unsigned i = 0; i < READ_MAX; i++) {
        uint64_t handled = broker->handled;
        enum gw_err err = gw_mqtt_client_read(broker->client);
        if (err || broker->drop_err) {
            return broker->drop_err ? broker->drop_err : err;
        }
        if (broker->handled == handled || broker->uncommitted >= GW_BROKER_GROUP_MAX) {
            return GW_OK;
        }
    }
    return GW_OK;
}

/* The rule lives here. */
static enum gw_err write_if_allowed(struct gw_broker *broker) {
    if (broker->uncommitted > 0) {
        return GW_OK;
    }
    if (broker->subscribe_due) {
        enum gw_err err = gw_broker_session_subscribe(broker);
        if (err) {
            return err;
        }
    }
    if (broker->drop_err) {
        return broker->drop_err; /* a group failed: its PUBACKs are in the queue too */
    }
    return gw_mqtt_client_wants_write(broker->client) ? gw_mqtt_client_write(broker->client)
                                                      : GW_OK;
}

void gw_broker_republish(struct gw_broker *broker, struct gw_str topic,
                         struct gw_bytes payload) {
    if (!broker->options.config->republish) {
        return;
    }
    bool can = broker->state == GW_BROKER_CONNECTED && !broker->drop_err;
    if (can && !gw_mqtt_client_wants_write(broker->client)) {
        broker->republish_waiting = 0;
    }
    if (!can || broker->republish_waiting >= GW_BROKER_REPUBLISH_MAX
        || gw_mqtt_client_publish(broker->client, topic, payload)) {
        ++*broker->counters.not_republished;
        return;
    }
    broker->republish_waiting++;
    ++*broker->counters.republished;
}

/* Until CONNACK there is nothing to acknowledge, so reading and writing take
 * turns freely: the TLS handshake needs both (client.c). */
static enum gw_err shake_hands(struct gw_broker *broker) {
    broker->next_beat_mono_ms = now_of(broker) + HANDSHAKE_BEAT_MS;
    enum gw_err err = read_some(broker);
    if (err || broker->state != GW_BROKER_CONNECTING) {
        return err;
    }
    return gw_mqtt_client_write(broker->client);
}

static void on_ready(void *context, int fd, unsigned events) {
    (void) fd;
    struct gw_broker *broker = context;
    if (!broker->client) {
        return;
    }
    enum gw_err err = GW_OK;
    if (broker->state == GW_BROKER_CONNECTING) {
        err = shake_hands(broker);
    } else if (events & (GW_LOOP_READ | GW_LOOP_HANGUP)) {
        err = read_some(broker);
    }
    if (!err && broker->state == GW_BROKER_CONNECTED) {
        err = write_if_allowed(broker);
    }
    if (err) {
        drop(broker, err);
    }
    watch(broker);
}

/* ---- timers ---- */

/* The issue stays while the device is over its limit, and a minute beyond. */
static void settle_rate_issues(struct gw_broker *broker, int64_t now_mono_ms) {
    const struct gw_broker_devices *devices = &broker->options.devices;
    for (size_t i = 0; i < devices->count; i++) {
        struct gw_device_activity *activity = &devices->activities[i];
        if (activity->over_rate_mono_ms != 0
            && now_mono_ms - activity->over_rate_mono_ms > 60000) {
            activity->over_rate_mono_ms = 0;
            gw_health_clear(broker->options.health, GW_ISSUE_DEVICE_RATE_LIMITED,
                            gw_str_from_cstr(devices->configs[i].id));
        }
    }
}

static void settle_twin(struct gw_broker *broker, int64_t now_mono_ms) {
    if (broker->was_taken_over && now_mono_ms - broker->connected_mono_ms >= GOOD_AFTER_MS) {
        broker->was_taken_over = false;
        gw_health_clear(broker->options.health, GW_ISSUE_BROKER_REFUSED, name_of(broker));
    }
}

static enum gw_err beat(struct gw_broker *broker, int64_t now_mono_ms) {
    if (now_mono_ms < broker->next_beat_mono_ms) {
        return GW_OK;
    }
    if (broker->state == GW_BROKER_CONNECTING) {
        return shake_hands(broker);
    }
    broker->next_beat_mono_ms = now_mono_ms + BEAT_MS;
    settle_rate_issues(broker, now_mono_ms);
    gw_broker_settle_unknown(broker, now_mono_ms - UNKNOWN_SHOWN_MS);
    settle_twin(broker, now_mono_ms);
    /* Our silence must not outlast the broker's patience, which is half as long
     * again as the keep-alive. */
    if (broker->uncommitted > 0
        && now_mono_ms - broker->uncommitted_since_mono_ms
               >= (int64_t) broker->options.config->keepalive_s * 1000) {
        gw_broker_ask_commit(broker);
    }
    return gw_mqtt_client_keep_alive(broker->client);
}

static enum gw_err advance(struct gw_broker *broker) {
    if (broker->drop_err) {
        return broker->drop_err;
    }
    int64_t now_mono_ms = now_of(broker);
    enum gw_err err = beat(broker, now_mono_ms);
    if (err) {
        return err;
    }
    if (broker->state == GW_BROKER_CONNECTING) {
        return now_mono_ms >= broker->deadline_mono_ms ? GW_ERR_TIMEOUT : GW_OK;
    }
    return write_if_allowed(broker);
}

void gw_broker_tick(struct gw_broker *broker) {
    if (!broker->client) {
        /* A unit of the last connection that failed has nobody to be dropped. */
        broker->drop_err = GW_OK;
        if (broker->uncommitted == 0 && now_of(broker) >= broker->deadline_mono_ms) {
            connect_now(broker);
        }
        return;
    }
    enum gw_err err = advance(broker);
    if (err) {
        drop(broker, err);
    }
    watch(broker);
}

int64_t gw_broker_next_mono_ms(const struct gw_broker *broker) {
    if (!broker->client) {
        return broker->uncommitted == 0 ? broker->deadline_mono_ms : GW_NEVER_MS;
    }
    if (broker->state == GW_BROKER_CONNECTING
        && broker->deadline_mono_ms < broker->next_beat_mono_ms) {
        return broker->deadline_mono_ms;
    }
    return broker->next_beat_mono_ms;
}

/* ---- life ---- */

static void open_counters(struct gw_broker *broker) {
    const struct {
        uint64_t **counter;
        const char *name;
    } table[] = {
        {&broker->counters.received, "mqtt.received"},
        {&broker->counters.stored, "mqtt.stored"},
        {&broker->counters.redelivered, "mqtt.redelivered_known"},
        {&broker->counters.possible_duplicates, "mqtt.possible_duplicates"},
        {&broker->counters.device_duplicates, "mqtt.device_duplicates"},
        {&broker->counters.retained_repeats, "mqtt.retained_repeats"},
        {&broker->counters.quarantined, "mqtt.quarantined"},
        {&broker->counters.unknown_topics, "mqtt.unknown_topics"},
        {&broker->counters.over_rate, "mqtt.over_rate"},
        {&broker->counters.withheld, "mqtt.withheld"},
        {&broker->counters.refused_qos0, "mqtt.refused_qos0"},
        {&broker->counters.republished, "mqtt.republished"},
        {&broker->counters.not_republished, "mqtt.not_republished"},
        {&broker->counters.connects, "mqtt.connects"},
        {&broker->counters.sessions_lost, "mqtt.sessions_lost"},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        *table[i].counter = gw_health_counter(broker->options.health, table[i].name);
    }
}

static enum gw_err open_storage(struct gw_broker *broker) {
    size_t in_flight = broker->options.config->receive_maximum;
    size_t sent = in_flight > GW_BROKER_SENT_WINDOW ? in_flight : GW_BROKER_SENT_WINDOW;
    enum gw_err err =
        gw_event_ids_open(&broker->event_ids,
                          sent > GW_BROKER_EVENT_ID_WINDOW ? sent : GW_BROKER_EVENT_ID_WINDOW);
    if (err) {
        return err;
    }
    struct {
        struct gw_window *window;
        size_t capacity;
    } windows[] = {
        {&broker->windows.sent, sent},
        {&broker->windows.retained, GW_BROKER_RETAINED_WINDOW},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(windows); i++) {
        err = gw_window_open(windows[i].window, windows[i].capacity);
        if (err) {
            return err;
        }
    }
    struct {
        struct gw_buf *buf;
        size_t bytes;
    } bufs[] = {
        {&broker->storage, GW_OBSERVE_STORAGE_BYTES},
        {&broker->reason, GW_OBSERVE_REASON_BYTES},
        {&broker->session.filters, SESSION_STATE_MAX_BYTES},
        {&broker->session.scratch, SESSION_STATE_MAX_BYTES},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(bufs); i++) {
        err = gw_buf_open(bufs[i].buf, bufs[i].bytes);
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

static void free_broker(struct gw_broker *broker) {
    gw_window_close(&broker->windows.sent);
    gw_event_ids_close(&broker->event_ids);
    gw_window_close(&broker->windows.retained);
    gw_buf_close(&broker->storage);
    gw_buf_close(&broker->reason);
    gw_buf_close(&broker->session.filters);
    gw_buf_close(&broker->session.scratch);
    free(broker);
}

GW_DEFINE_CLEANUP(struct gw_broker *, free_broker, free_brokerp)

enum gw_err gw_broker_open(const struct gw_broker_options *options,
                           struct gw_broker **ret_broker) {
    GW_CLEANUP(free_brokerp) struct gw_broker *broker = calloc(1, sizeof *broker);
    if (!broker) {
        return GW_ERR_NOMEM;
    }
    broker->options = *options;
    broker->handlers = (struct gw_mqtt_handlers){.connected = on_connected,
                                                 .message = gw_broker_on_message,
                                                 .subscribed = on_subscribed,
                                                 .context = broker};
    broker->watched_fd = -1;
    broker->deadline_mono_ms = now_of(broker);
    broker->next_beat_mono_ms = GW_NEVER_MS;
    broker->name_hash =
        (uint32_t) gw_fingerprint(GW_FINGERPRINT_START, gw_bytes_from_str(name_of(broker)));
    set_state(broker, GW_BROKER_WAITING);
    open_counters(broker);
    enum gw_err err = open_storage(broker);
    if (!err) {
        err = gw_broker_session_load(broker);
    }
    if (err) {
        return err;
    }
    *ret_broker = GW_TAKE(broker);
    return GW_OK;
}

void gw_broker_close(struct gw_broker *broker) {
    if (!broker) {
        return;
    }
    unwatch(broker);
    if (broker->client && broker->state == GW_BROKER_CONNECTED && broker->uncommitted == 0
        && !broker->drop_err) {
        gw_mqtt_client_disconnect(broker->client);
        (void) !gw_mqtt_client_write(broker->client);
    }
    gw_mqtt_client_close(broker->client);
    gw_health_clear(broker->options.health, GW_ISSUE_BROKER_DOWN, name_of(broker));
    gw_health_clear(broker->options.health, GW_ISSUE_BROKER_REFUSED, name_of(broker));
    gw_broker_settle_unknown(broker, GW_NEVER_MS);
    free_broker(broker);
}

void gw_broker_set_config(struct gw_broker *broker, const struct gw_config_broker *config,
                          const struct gw_broker_devices *devices) {
    broker->options.config = config;
    broker->options.devices = *devices;
    gw_broker_settle_unknown(broker, GW_NEVER_MS); /* they may be known now */
    for (size_t i = 0; i < GW_BROKER_TOPIC_CACHE; i++) {
        broker->topic_cache[i] = (struct gw_topic_cache_slot){0};
    }
}

void gw_broker_get_figures(const struct gw_broker *broker,
                           struct gw_broker_figures *ret_figures) {
    *ret_figures = (struct gw_broker_figures){
        .name = broker->options.config->name,
        .state = broker->state,
        .is_subscribed = broker->state == GW_BROKER_CONNECTED && !broker->subscribe_due
                         && !broker->awaits_suback,
        .refused = broker->refused,
        .since_wall_ms = broker->since_wall_ms,
        .received = broker->received,
        .uncommitted = broker->uncommitted,
    };
}
