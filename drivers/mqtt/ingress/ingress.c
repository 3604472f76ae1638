/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door as the daemon sees it: memory, listeners, the tick, devices.
 *
 * The tick runs after every commit. It looks at the connections with something due
 * only; all of them are looked at a few times a second, for their timers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/mqtt/ingress/ingress_internal.h"
#include "drivers/mqtt/origin.h"
#include "firmware/base/cleanup.h"

/* Redeliveries and repetitions are looked for among so many stored messages when the
 * gateway starts. */
#define TAIL_RECORDS 65536
#define EVENT_ID_WINDOW 16384
#define LISTEN_RETRY_MS 5000
#define LISTEN_BACKLOG 512
#define ACCEPTS_PER_ROUND 64
/* Issues about refused clients stay this long after the last one. */
#define REFUSED_SHOWN_MS 600000

static int64_t now_of(const struct gw_ingress *ingress) {
    return gw_clock_mono_ms(ingress->options.clock);
}

/* ---- listeners ---- */

static struct gw_str listener_name(const struct ingress_listener *listener) {
    return gw_str_from_cstr(listener->config->name);
}

static void on_connection(void *context, int fd, unsigned events) {
    (void) events;
    struct ingress_listener *listener = context;
    for (unsigned i = 0; i < ACCEPTS_PER_ROUND; i++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0) {
            return;
        }
        ingress_wire_accept(listener, accepted);
    }
}

static bool parse_address(const struct gw_config_listener *config,
                          struct sockaddr_storage *ret_address, socklen_t *ret_len) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(config->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(config->port)};
    if (inet_pton(AF_INET, config->address, &v4.sin_addr) == 1) {
        memcpy(ret_address, &v4, sizeof(v4));
        *ret_len = sizeof(v4);
        return true;
    }
    if (inet_pton(AF_INET6, config->address, &v6.sin6_addr) == 1) {
        memcpy(ret_address, &v6, sizeof(v6));
        *ret_len = sizeof(v6);
        return true;
    }
    return false;
}

/* A listening socket, or -1 with errno. */
static int listen_on(const struct gw_config_listener *config) {
    struct sockaddr_storage address;
    socklen_t len = 0;
    if (!parse_address(config, &address, &len)) {
        errno = EINVAL;
        return -1;
    }
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (fd < 0) {
        return -1;
    }
    (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *) &address, len) != 0
        || listen(fd, LISTEN_BACKLOG) != 0) {
        int kept_errno = errno;
        (void) close(fd);
        errno = kept_errno;
        return -1;
    }
    return fd;
}

static enum gw_err open_tls(struct ingress_listener *listener, struct gw_buf *reason) {
    const struct gw_config_listener *config = listener->config;
    if (listener->tls || config->cert_file[0] == '\0') {
        return GW_OK;
    }
    struct gw_tls_server_options options = {.cert_file = config->cert_file,
                                            .key_file = config->key_file,
                                            .ca_file = config->ca_file};
    return gw_tls_server_open(&options, reason, &listener->tls);
}

static void open_listener(struct ingress_listener *listener, int64_t now_mono_ms) {
    struct gw_ingress *ingress = listener->ingress;
    listener->retry_mono_ms = now_mono_ms + LISTEN_RETRY_MS;
    gw_buf_clear(&ingress->reason);
    enum gw_err err = open_tls(listener, &ingress->reason);
    if (err) {
        gw_health_raise(ingress->options.health, GW_ISSUE_INGRESS_DOWN, listener_name(listener),
                        "TLS: %.*s", GW_STR_ARG(gw_buf_str(&ingress->reason)));
        return;
    }
    int fd = listen_on(listener->config);
    if (fd < 0) {
        gw_health_raise(ingress->options.health, GW_ISSUE_INGRESS_DOWN, listener_name(listener),
                        "%s:%u: %s", listener->config->address,
                        (unsigned) listener->config->port, strerrordesc_np(errno));
        return;
    }
    err = gw_loop_watch(ingress->options.loop, fd, GW_LOOP_READ, on_connection, listener);
    if (err) {
        (void) close(fd);
        return;
    }
    listener->fd = fd;
    gw_health_clear(ingress->options.health, GW_ISSUE_INGRESS_DOWN, listener_name(listener));
}

static void close_listener(struct ingress_listener *listener) {
    if (listener->fd >= 0) {
        gw_loop_unwatch(listener->ingress->options.loop, listener->fd);
        (void) close(listener->fd);
        listener->fd = -1;
    }
    gw_tls_server_close(listener->tls);
    listener->tls = NULL;
    gw_health_clear(listener->ingress->options.health, GW_ISSUE_INGRESS_DOWN,
                    listener_name(listener));
    gw_health_clear(listener->ingress->options.health, GW_ISSUE_DEVICE_REFUSED,
                    listener_name(listener));
}

static void sweep_listener(struct ingress_listener *listener, int64_t now_mono_ms) {
    if (listener->fd < 0 && now_mono_ms >= listener->retry_mono_ms) {
        open_listener(listener, now_mono_ms);
    }
    if (listener->refused_mono_ms != 0
        && now_mono_ms - listener->refused_mono_ms > REFUSED_SHOWN_MS) {
        listener->refused_mono_ms = 0;
        gw_health_clear(listener->ingress->options.health, GW_ISSUE_DEVICE_REFUSED,
                        listener_name(listener));
    }
}

/* ---- the tick ---- */

static void end_pauses(struct gw_ingress *ingress, int64_t now_mono_ms) {
    if (now_mono_ms < ingress->paused_until_mono_ms) {
        return;
    }
    ingress->paused_until_mono_ms = GW_NEVER_MS;
    for (uint32_t i = 0; i < ingress->connection_count; i++) {
        struct ingress_connection *connection = &ingress->connections[i];
        if (connection->paused_mono_ms == 0 || connection->phase == PHASE_FREE) {
            continue;
        }
        if (now_mono_ms >= connection->paused_mono_ms) {
            connection->paused_mono_ms = 0;
            ingress_mark_ready(connection);
        } else if (connection->paused_mono_ms < ingress->paused_until_mono_ms) {
            ingress->paused_until_mono_ms = connection->paused_mono_ms;
        }
    }
}

static void settle_rate_issues(struct gw_ingress *ingress, int64_t now_mono_ms) {
    const struct gw_broker_devices *devices = &ingress->options.devices;
    for (size_t i = 0; i < devices->count; i++) {
        struct gw_device_activity *activity = &devices->activities[i];
        if (activity->over_rate_mono_ms != 0
            && now_mono_ms - activity->over_rate_mono_ms > 60000) {
            activity->over_rate_mono_ms = 0;
            gw_health_clear(ingress->options.health, GW_ISSUE_DEVICE_RATE_LIMITED,
                            gw_str_from_cstr(devices->configs[i].id));
        }
    }
}

static void sweep(struct gw_ingress *ingress, int64_t now_mono_ms) {
    ingress->next_sweep_mono_ms = now_mono_ms + INGRESS_SWEEP_MS;
    for (size_t i = 0; i < ingress->listener_count; i++) {
        sweep_listener(&ingress->listeners[i], now_mono_ms);
    }
    for (uint32_t i = 0; i < ingress->connection_count; i++) {
        struct ingress_connection *connection = &ingress->connections[i];
        ingress_connection_sweep(connection, now_mono_ms);
        if (connection->phase == PHASE_OPEN) {
            ingress_wire_watch(connection); /* the shared pool may have room again */
        }
    }
    ingress_sweep_sessions(ingress, now_mono_ms);
    settle_rate_issues(ingress, now_mono_ms);
    if (ingress->free_head != INGRESS_NOBODY) {
        gw_health_clear(ingress->options.health, GW_ISSUE_INGRESS_FULL, (struct gw_str){0});
    }
}

/* What settling makes ready again waits for the next tick: nobody is starved. */
static void settle_ready(struct gw_ingress *ingress) {
    uint32_t index = ingress->ready_head;
    ingress->ready_head = INGRESS_NOBODY;
    while (index != INGRESS_NOBODY) {
        struct ingress_connection *connection = &ingress->connections[index];
        index = connection->next_ready;
        connection->in_ready = false;
        if (connection->phase != PHASE_FREE) {
            ingress_wire_settle(connection);
        }
    }
}

void gw_ingress_tick(struct gw_ingress *ingress) {
    int64_t now_mono_ms = now_of(ingress);
    end_pauses(ingress, now_mono_ms);
    if (now_mono_ms >= ingress->next_sweep_mono_ms) {
        sweep(ingress, now_mono_ms);
    }
    settle_ready(ingress);
}

int64_t gw_ingress_next_mono_ms(const struct gw_ingress *ingress) {
    if (ingress->ready_head != INGRESS_NOBODY) {
        return 0;
    }
    return ingress->paused_until_mono_ms < ingress->next_sweep_mono_ms
               ? ingress->paused_until_mono_ms
               : ingress->next_sweep_mono_ms;
}

/* ---- life ---- */

static void open_counters(struct gw_ingress *ingress) {
    struct ingress_counters *counters = &ingress->counters;
    const struct {
        uint64_t **counter;
        const char *name;
    } table[] = {
        {&counters->received, "front.received"},
        {&counters->stored, "front.stored"},
        {&counters->redelivered, "front.redelivered_known"},
        {&counters->redelivered_new, "front.redelivered_new"},
        {&counters->possible_duplicates, "front.possible_duplicates"},
        {&counters->device_duplicates, "front.device_duplicates"},
        {&counters->quarantined, "front.quarantined"},
        {&counters->foreign_topics, "front.foreign_topics"},
        {&counters->over_rate, "front.over_rate"},
        {&counters->withheld, "front.withheld"},
        {&counters->refused_qos0, "front.refused_qos0"},
        {&counters->connects, "front.connects"},
        {&counters->refused_connects, "front.refused_connects"},
        {&counters->taken_over, "front.taken_over"},
        {&counters->protocol_errors, "front.protocol_errors"},
        {&counters->wills, "front.wills"},
        {&counters->receipts, "front.receipts"},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        *table[i].counter = gw_health_counter(ingress->options.health, table[i].name);
    }
}

/* Smallest power of two that holds what may be in flight, receipts and SUBACKs. */
static uint32_t answers_of(const struct gw_config_ingress *config) {
    uint32_t count = 64;
    while (count < config->receive_maximum + 16u) {
        count *= 2;
    }
    return count;
}

static enum gw_err open_connections(struct gw_ingress *ingress) {
    const struct gw_config_ingress *config = ingress->options.config;
    size_t count = config->max_connections, answers = answers_of(config);
    ingress->connections = calloc(count, sizeof(struct ingress_connection));
    ingress->smalls = calloc(count, INGRESS_SMALL_BYTES);
    ingress->outs = calloc(count, INGRESS_OUT_BYTES);
    ingress->answers = calloc(count * answers, sizeof(struct ingress_answer));
    ingress->larges = calloc(INGRESS_LARGE_COUNT, INGRESS_KEPT_BYTES);
    ingress->read_bytes = calloc(1, INGRESS_KEPT_BYTES + INGRESS_READ_BYTES);
    if (!ingress->connections || !ingress->smalls || !ingress->outs || !ingress->answers
        || !ingress->larges || !ingress->read_bytes) {
        return GW_ERR_NOMEM;
    }
    ingress->larges_free = ~UINT64_C(0);
    ingress->answer_mask = (uint32_t) answers - 1;
    ingress->connection_count = (uint32_t) count;
    for (uint32_t i = 0; i < count; i++) {
        struct ingress_connection *connection = &ingress->connections[i];
        connection->ingress = ingress;
        connection->index = i;
        connection->fd = -1;
        connection->small = ingress->smalls + (size_t) i * INGRESS_SMALL_BYTES;
        connection->answers = ingress->answers + i * answers;
        gw_buf_init(&connection->out, ingress->outs + (size_t) i * INGRESS_OUT_BYTES,
                    INGRESS_OUT_BYTES);
        connection->next_free = i + 1 < count ? i + 1 : INGRESS_NOBODY;
    }
    return GW_OK;
}

static enum gw_err open_memory(struct gw_ingress *ingress) {
    enum gw_err err = open_connections(ingress);
    if (!err) {
        err = sessions_open(&ingress->sessions, 2 * (size_t) ingress->connection_count,
                            ingress->answer_mask + 1u);
    }
    if (!err) {
        err = gw_event_ids_open(&ingress->event_ids, EVENT_ID_WINDOW);
    }
    if (!err) {
        err = gw_buf_open(&ingress->storage, GW_OBSERVE_STORAGE_BYTES);
    }
    if (!err) {
        err = gw_buf_open(&ingress->reason, 4096);
    }
    return err;
}

/* Without the file nobody gets in; the rest of the gateway works. */
static void open_credentials(struct gw_ingress *ingress) {
    enum gw_err err =
        credentials_open(ingress->options.credentials_path, &ingress->credentials);
    if (err) {
        gw_health_raise(ingress->options.health, GW_ISSUE_INGRESS_CREDENTIALS,
                        (struct gw_str){0}, "%s: %s", ingress->options.credentials_path,
                        gw_err_name(err));
    }
}

static enum gw_err load(struct gw_ingress *ingress) {
    const struct gw_intake *intake = &ingress->options.intake;
    enum gw_err err = sessions_load(&ingress->sessions, intake, now_of(ingress));
    const uint8_t door[] = {GW_MQTT_DOOR_FRONT};
    if (!err) {
        err = intake->tail(intake->self, (struct gw_bytes){door, sizeof(door)}, TAIL_RECORDS,
                           ingress_remember, ingress);
    }
    gw_event_ids_settle(&ingress->event_ids);
    return err;
}

static void free_ingress(struct gw_ingress *ingress) {
    for (size_t i = 0; i < ingress->listener_count; i++) {
        close_listener(&ingress->listeners[i]);
    }
    credentials_close(ingress->credentials);
    sessions_close(&ingress->sessions);
    gw_event_ids_close(&ingress->event_ids);
    gw_buf_close(&ingress->storage);
    gw_buf_close(&ingress->reason);
    free(ingress->connections);
    free(ingress->smalls);
    free(ingress->outs);
    free(ingress->answers);
    free(ingress->larges);
    free(ingress->read_bytes);
    free(ingress);
}

GW_DEFINE_CLEANUP(struct gw_ingress *, free_ingress, free_ingressp)

enum gw_err gw_ingress_open(const struct gw_ingress_options *options,
                            struct gw_ingress **ret_ingress) {
    GW_CLEANUP(free_ingressp) struct gw_ingress *ingress = calloc(1, sizeof *ingress);
    if (!ingress) {
        return GW_ERR_NOMEM;
    }
    ingress->options = *options;
    ingress->ready_head = INGRESS_NOBODY;
    ingress->paused_until_mono_ms = GW_NEVER_MS;
    ingress->next_sweep_mono_ms = now_of(ingress);
    open_counters(ingress);
    enum gw_err err = open_memory(ingress);
    if (!err) {
        err = load(ingress);
    }
    if (err) {
        return err;
    }
    open_credentials(ingress);
    for (size_t i = 0; i < options->config->listener_count && i < INGRESS_LISTENERS_MAX; i++) {
        ingress->listeners[i] = (struct ingress_listener){
            .config = &options->config->listeners[i], .fd = -1, .ingress = ingress};
        ingress->listener_count++;
        open_listener(&ingress->listeners[i], now_of(ingress));
    }
    *ret_ingress = GW_TAKE(ingress);
    return GW_OK;
}

void gw_ingress_close(struct gw_ingress *ingress) {
    if (!ingress) {
        return;
    }
    ingress->is_going = true; /* what is submitted now would never be committed */
    settle_ready(ingress);
    for (uint32_t i = 0; i < ingress->connection_count; i++) {
        struct ingress_connection *connection = &ingress->connections[i];
        if (connection->phase == PHASE_FREE) {
            continue;
        }
        ingress_connection_fail(connection, (struct packet_fault){REASON_SHUTTING_DOWN, NULL});
        ingress_wire_settle(connection);
    }
    gw_health_clear(ingress->options.health, GW_ISSUE_INGRESS_FULL, (struct gw_str){0});
    gw_health_clear(ingress->options.health, GW_ISSUE_INGRESS_CREDENTIALS, (struct gw_str){0});
    free_ingress(ingress);
}

void gw_ingress_set_config(struct gw_ingress *ingress, const struct gw_config_ingress *config,
                           const struct gw_broker_devices *devices) {
    for (size_t i = 0; i < ingress->listener_count; i++) {
        ingress->listeners[i].config = &config->listeners[i];
    }
    ingress->options.config = config;
    ingress->options.devices = *devices;
    for (uint32_t i = 0; i < ingress->connection_count; i++) {
        struct ingress_connection *connection = &ingress->connections[i];
        connection->topic_len = 0; /* what is allowed may have changed */
        if (!connection->session) {
            continue;
        }
        connection->device = ingress_find_device(ingress, session_device(connection->session));
        if (connection->device == INGRESS_NOBODY) {
            ingress_connection_fail(connection,
                                    (struct packet_fault){REASON_ADMINISTRATIVE,
                                                          "the device left the configuration"});
        }
    }
}

/* ---- devices ---- */

static enum gw_err check_credentials(const struct gw_ingress *ingress) {
    return ingress->credentials ? GW_OK : GW_ERR_CORRUPT;
}

enum gw_err gw_ingress_add_device(struct gw_ingress *ingress, struct gw_str device,
                                  char ret_secret[static GW_INGRESS_SECRET_LEN + 1]) {
    enum gw_err err = check_credentials(ingress);
    if (!err && ingress_find_device(ingress, device) == INGRESS_NOBODY) {
        err = GW_ERR_NOENT;
    }
    return err ? err : credentials_add(ingress->credentials, device, ret_secret);
}

enum gw_err gw_ingress_rotate_device(struct gw_ingress *ingress, struct gw_str device,
                                     char ret_secret[static GW_INGRESS_SECRET_LEN + 1]) {
    enum gw_err err = check_credentials(ingress);
    return err ? err : credentials_rotate(ingress->credentials, device, ret_secret);
}

enum gw_err gw_ingress_revoke_device(struct gw_ingress *ingress, struct gw_str device) {
    enum gw_err err = check_credentials(ingress);
    if (!err) {
        err = credentials_revoke(ingress->credentials, device);
    }
    for (uint32_t i = 0; !err && i < ingress->connection_count; i++) {
        struct ingress_connection *connection = &ingress->connections[i];
        if (connection->session && gw_str_eq(session_device(connection->session), device)) {
            ingress_connection_fail(connection,
                                    (struct packet_fault){REASON_NOT_AUTHORISED,
                                                          "the device's secret was revoked"});
        }
    }
    return err;
}

enum gw_err gw_ingress_command_device(struct gw_ingress *ingress, struct gw_str device,
                                      struct gw_str text, size_t *ret_count) {
    uint8_t storage[GW_EVENT_NAME_MAX_BYTES + 32];
    struct gw_buf topic;
    gw_buf_init(&topic, storage, sizeof(storage));
    gw_buf_printf(&topic, "gangway/%.*s/command", GW_STR_ARG(device));
    if (text.len > GW_INGRESS_COMMAND_MAX_BYTES || gw_buf_failed(&topic)) {
        return GW_ERR_RANGE;
    }
    size_t count = 0, full = 0;
    for (uint32_t i = 0; i < ingress->connection_count; i++) {
        struct ingress_connection *connection = &ingress->connections[i];
        if (connection->phase != PHASE_OPEN
            || !gw_str_eq(session_device(connection->session), device)
            || !(connection->session->subscriptions & SESSION_COMMANDS)) {
            continue;
        }
        bool fits = text.len + topic.len + 8 <= connection->client_maximum_packet
                    && encode_publish(&connection->out, connection->version, gw_buf_str(&topic),
                                      gw_bytes_from_str(text));
        ingress_mark_ready(connection);
        count += fits;
        full += !fits;
    }
    if (count == 0) {
        return full > 0 ? GW_ERR_FULL : GW_ERR_NOENT;
    }
    *ret_count = count;
    return GW_OK;
}

/* ---- figures ---- */

void gw_ingress_get_figures(const struct gw_ingress *ingress,
                            struct gw_ingress_figures *ret_figures) {
    struct gw_ingress_figures figures = {.listeners = ingress->listener_count,
                                         .connections = ingress->open_count,
                                         .received = ingress->received,
                                         .uncommitted = ingress->uncommitted};
    for (size_t i = 0; i < ingress->listener_count; i++) {
        figures.listening += ingress->listeners[i].fd >= 0;
    }
    for (size_t i = 0; i < ingress->sessions.count; i++) {
        figures.sessions += ingress->sessions.all[i].is_used;
    }
    *ret_figures = figures;
}

size_t gw_ingress_device_connections(const struct gw_ingress *ingress, size_t index) {
    size_t count = 0;
    for (uint32_t i = 0; i < ingress->connection_count; i++) {
        const struct ingress_connection *connection = &ingress->connections[i];
        count += connection->session && connection->device == index;
    }
    return count;
}
