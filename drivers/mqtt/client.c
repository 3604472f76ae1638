/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who writes when, in libmosquitto 2.0.11 and 2.0.21 (read in its sources and
 * proved by tests/system/test_broker_door.py):
 *
 * - A received PUBLISH of QoS 1 queues its PUBACK *before* the callback. The
 *   queueing function writes at once, unless we are inside a callback or the
 *   client was declared threaded. We declare it so (and start no thread): then
 *   queueing only queues.
 * - A PINGREQ made by mosquitto_loop_misc goes the same way: it is queued behind
 *   the PUBACKs and does not push them out.
 * - Only mosquitto_loop_write writes, and always the whole queue, in order.
 * - mosquitto_loop_read continues a TLS handshake (2.0.11), reads one packet
 *   else, and never writes MQTT bytes.
 * - mosquitto_destroy closes the socket and frees the queue unwritten.
 *
 * So: no gw_mqtt_client_write between a PUBLISH and its commit, and no PUBACK
 * can be early.
 *
 * The message struct has no DUP flag. The library's debug line for each PUBLISH
 * has it, "Client <id> received PUBLISH (d<dup>, q...", the same in both
 * versions, and comes right before the callback. If it ever stops coming, dup is
 * UNKNOWN and the broker source stores rather than drops.
 *
 * Connecting is asynchronous but for the name: getaddrinfo blocks. Configure
 * addresses, or names from /etc/hosts; gw-collectd bounds the resolver. Of several
 * addresses the library tries the first only, which for "localhost" may be ::1
 * where the broker listens on 127.0.0.1. A bind address of one family makes it skip
 * the addresses of the other: that is how the caller gets at the next one.
 */
#include "drivers/mqtt/client.h"

#include <limits.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "firmware/base/buf.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"

#define PASSWORD_MAX_BYTES 1024
/* Longest topic that is published. */
#define TOPIC_MAX_BYTES 1024
/* The session outlives any outage: 0xFFFFFFFF = it does not expire (MQTT 5,
 * 3.1.2.11.2). 3.1.1 says the same with clean session 0. */
#define SESSION_NEVER_EXPIRES UINT32_MAX

struct gw_mqtt_client {
    struct mosquitto *mosq;
    const struct gw_mqtt_handlers *handlers;
    bool is_mqtt5;
    size_t log_prefix_len; /* of "Client <id> " */
    enum gw_mqtt_dup next_dup;
    char last_error[160]; /* what the library said of it, mostly TLS; "" = nothing */
    int reason;           /* MOSQ_ERR_..., or an MQTT 5 reason code from 128 on */
};

/* ---- callbacks ---- */

static void on_connect(struct mosquitto *mosq, void *object, int code, int flags,
                       const mosquitto_property *properties) {
    (void) mosq;
    (void) properties;
    struct gw_mqtt_client *client = object;
    struct gw_str refusal = {0};
    if (code != 0) {
        refusal = gw_str_from_cstr(client->is_mqtt5 ? mosquitto_reason_string(code)
                                                    : mosquitto_connack_string(code));
    }
    client->handlers->connected(client->handlers->context, flags & 1, refusal);
}

static void on_message(struct mosquitto *mosq, void *object,
                       const struct mosquitto_message *message,
                       const mosquitto_property *properties) {
    (void) mosq;
    (void) properties;
    struct gw_mqtt_client *client = object;
    struct gw_mqtt_message view = {
        .topic = gw_str_from_cstr(message->topic),
        .payload = {message->payload, (size_t) message->payloadlen},
        .packet_id = (uint16_t) message->mid,
        .retained = message->retain,
        .dup = client->next_dup,
    };
    client->next_dup = GW_MQTT_DUP_UNKNOWN;
    client->handlers->message(client->handlers->context, &view);
}

static void on_subscribe(struct mosquitto *mosq, void *object, int mid, int count,
                         const int *granted, const mosquitto_property *properties) {
    (void) mosq;
    (void) mid;
    (void) properties;
    struct gw_mqtt_client *client = object;
    client->handlers->subscribed(client->handlers->context, granted, (size_t) count);
}

/* Under the library's callback lock in 2.0.11: only take a note. */
static void on_disconnect(struct mosquitto *mosq, void *object, int reason,
                          const mosquitto_property *properties) {
    (void) mosq;
    (void) properties;
    struct gw_mqtt_client *client = object;
    client->reason = reason;
}

static void on_log(struct mosquitto *mosq, void *object, int level, const char *text) {
    (void) mosq;
    struct gw_mqtt_client *client = object;
    static const char publish[] = "received PUBLISH (d";
    if (level == MOSQ_LOG_ERR) {
        (void) snprintf(client->last_error, sizeof client->last_error, "%s", text);
        return;
    }
    if (level != MOSQ_LOG_DEBUG
        || strnlen(text, client->log_prefix_len) < client->log_prefix_len) {
        return;
    }
    const char *rest = text + client->log_prefix_len;
    if (strncmp(rest, publish, sizeof publish - 1) == 0) {
        char dup = rest[sizeof publish - 1];
        client->next_dup = dup == '0'   ? GW_MQTT_DUP_NO
                           : dup == '1' ? GW_MQTT_DUP_YES
                                        : GW_MQTT_DUP_UNKNOWN;
    }
}

/* ---- options ---- */

static enum gw_err from_mosquitto(int code) {
    switch (code) {
    case MOSQ_ERR_SUCCESS:
        return GW_OK;
    case MOSQ_ERR_NOMEM:
        return GW_ERR_NOMEM;
    case MOSQ_ERR_INVAL:
    case MOSQ_ERR_NOT_SUPPORTED:
    case MOSQ_ERR_MALFORMED_UTF8:
        return GW_ERR_INVALID;
    default:
        return GW_ERR_NOCONN;
    }
}

static bool is_set(const char *text) {
    return text && text[0] != '\0';
}

static enum gw_err set_credentials(struct gw_mqtt_client *client,
                                   const struct gw_config_broker *config) {
    if (!is_set(config->username)) {
        return GW_OK;
    }
    char storage[PASSWORD_MAX_BYTES + 1];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, PASSWORD_MAX_BYTES);
    if (is_set(config->password_file)) {
        enum gw_err err = gw_file_read(config->password_file, &buf);
        if (err) {
            return err == GW_ERR_FULL ? GW_ERR_RANGE : err;
        }
    }
    struct gw_str password = gw_str_trim(gw_buf_str(&buf));
    memmove(storage, password.ptr, password.len);
    storage[password.len] = '\0';
    int code = mosquitto_username_pw_set(client->mosq, config->username,
                                         is_set(config->password_file) ? storage : NULL);
    explicit_bzero(storage, sizeof storage);
    return from_mosquitto(code);
}

static enum gw_err set_tls(struct gw_mqtt_client *client,
                           const struct gw_config_broker *config) {
    if (!is_set(config->ca_file)) {
        return GW_OK;
    }
    int code = mosquitto_tls_set(client->mosq, config->ca_file, NULL,
                                 is_set(config->cert_file) ? config->cert_file : NULL,
                                 is_set(config->key_file) ? config->key_file : NULL, NULL);
    return from_mosquitto(code);
}

static void free_properties(mosquitto_property **properties) {
    mosquitto_property_free_all(properties);
}

/* CONNECT properties can only be given to the blocking connect. It stores them
 * before it looks at the host, and refuses a missing host: that is all we want
 * of it. Should a later version check first, sessions would be lost at each
 * reconnect, and the issue of lost sessions says so. */
static enum gw_err set_mqtt5(struct gw_mqtt_client *client,
                             const struct gw_config_broker *config) {
    if (!config->mqtt5) {
        return GW_OK;
    }
    int code = mosquitto_int_option(client->mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    if (!code) {
        code = mosquitto_int_option(client->mosq, MOSQ_OPT_RECEIVE_MAXIMUM,
                                    (int) config->receive_maximum);
    }
    GW_CLEANUP(free_properties) mosquitto_property *properties = NULL;
    if (!code) {
        code = mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                            SESSION_NEVER_EXPIRES);
    }
    if (code) {
        return from_mosquitto(code);
    }
    code = mosquitto_connect_bind_v5(client->mosq, NULL, 1883, 60, NULL, properties);
    return code == MOSQ_ERR_INVAL ? GW_OK : GW_ERR_INVALID;
}

static enum gw_err set_options(struct gw_mqtt_client *client,
                               const struct gw_config_broker *config) {
    int code = mosquitto_threaded_set(client->mosq, true);
    if (!code) {
        code = mosquitto_int_option(client->mosq, MOSQ_OPT_TCP_NODELAY, 1);
    }
    enum gw_err err = from_mosquitto(code);
    if (!err) {
        err = set_credentials(client, config);
    }
    if (!err) {
        err = set_tls(client, config);
    }
    if (!err) {
        err = set_mqtt5(client, config);
    }
    mosquitto_connect_v5_callback_set(client->mosq, on_connect);
    mosquitto_message_v5_callback_set(client->mosq, on_message);
    mosquitto_subscribe_v5_callback_set(client->mosq, on_subscribe);
    mosquitto_disconnect_v5_callback_set(client->mosq, on_disconnect);
    mosquitto_log_callback_set(client->mosq, on_log);
    return err;
}

/* ---- life ---- */

GW_DEFINE_CLEANUP(struct gw_mqtt_client *, gw_mqtt_client_close, client_closep)

enum gw_err gw_mqtt_client_open(const struct gw_config_broker *config,
                                const struct gw_mqtt_handlers *handlers,
                                enum gw_mqtt_family family,
                                struct gw_mqtt_client **ret_client) {
    if (mosquitto_lib_init()) {
        return GW_ERR_NOMEM;
    }
    GW_CLEANUP(client_closep) struct gw_mqtt_client *client = calloc(1, sizeof *client);
    if (!client) {
        (void) mosquitto_lib_cleanup();
        return GW_ERR_NOMEM;
    }
    client->is_mqtt5 = config->mqtt5;
    client->handlers = handlers;
    client->log_prefix_len = strlen("Client ") + strlen(config->client_id) + strlen(" ");
    client->next_dup = GW_MQTT_DUP_UNKNOWN;
    client->mosq = mosquitto_new(config->client_id, false, client);
    if (!client->mosq) {
        return GW_ERR_NOMEM;
    }
    enum gw_err err = set_options(client, config);
    if (err) {
        return err;
    }
    client->reason = mosquitto_connect_bind_async(client->mosq, config->host, config->port,
                                                  (int) config->keepalive_s,
                                                  family == GW_MQTT_IPV4 ? "0.0.0.0" : NULL);
    if (client->reason) {
        return from_mosquitto(client->reason);
    }
    *ret_client = GW_TAKE(client);
    return GW_OK;
}

void gw_mqtt_client_close(struct gw_mqtt_client *client) {
    if (!client) {
        return;
    }
    mosquitto_destroy(client->mosq);
    free(client);
    (void) mosquitto_lib_cleanup();
}

int gw_mqtt_client_fd(const struct gw_mqtt_client *client) {
    return mosquitto_socket(client->mosq);
}

/* ---- traffic ---- */

static enum gw_err note(struct gw_mqtt_client *client, int code) {
    if (code) {
        client->reason = code;
        return GW_ERR_NOCONN;
    }
    /* A DISCONNECT of the broker (MQTT 5) closes the socket and reports success. */
    return gw_mqtt_client_fd(client) < 0 ? GW_ERR_NOCONN : GW_OK;
}

enum gw_err gw_mqtt_client_read(struct gw_mqtt_client *client) {
    return note(client, mosquitto_loop_read(client->mosq, 1));
}

/* The library sends each PUBACK by a call of its own; corked, a group of a thousand
 * leaves in a few segments. */
static void cork(const struct gw_mqtt_client *client, int on) {
    int fd = gw_mqtt_client_fd(client);
    if (fd >= 0) {
        (void) setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
    }
}

enum gw_err gw_mqtt_client_write(struct gw_mqtt_client *client) {
    cork(client, 1);
    enum gw_err err = note(client, mosquitto_loop_write(client->mosq, 1));
    cork(client, 0);
    return err;
}

bool gw_mqtt_client_wants_write(const struct gw_mqtt_client *client) {
    return mosquitto_want_write(client->mosq);
}

enum gw_err gw_mqtt_client_keep_alive(struct gw_mqtt_client *client) {
    return note(client, mosquitto_loop_misc(client->mosq));
}

enum gw_err gw_mqtt_client_subscribe(struct gw_mqtt_client *client, const char **filters,
                                     size_t count, bool no_local) {
    /* The library reads the filters only; its prototype lacks the const. */
    return from_mosquitto(mosquitto_subscribe_multiple(
        client->mosq, NULL, (int) count, (char *const *) (uintptr_t) filters, 1,
        no_local ? MQTT_SUB_OPT_NO_LOCAL : 0, NULL));
}

enum gw_err gw_mqtt_client_publish(struct gw_mqtt_client *client, struct gw_str topic,
                                   struct gw_bytes payload) {
    char text[TOPIC_MAX_BYTES + 1];
    if (gw_str_copy(topic, text, sizeof text) || payload.len > INT_MAX) {
        return GW_ERR_INVALID;
    }
    return from_mosquitto(
        mosquitto_publish(client->mosq, NULL, text, (int) payload.len, payload.ptr, 0, false));
}

enum gw_err gw_mqtt_client_unsubscribe(struct gw_mqtt_client *client, char **filters,
                                       size_t count) {
    return from_mosquitto(
        mosquitto_unsubscribe_multiple(client->mosq, NULL, (int) count, filters, NULL));
}

void gw_mqtt_client_disconnect(struct gw_mqtt_client *client) {
    (void) mosquitto_disconnect(client->mosq);
}

bool gw_mqtt_client_was_taken_over(const struct gw_mqtt_client *client) {
    return client->reason == MQTT_RC_SESSION_TAKEN_OVER;
}

const char *gw_mqtt_client_reason(const struct gw_mqtt_client *client) {
    if (client->last_error[0] != '\0') {
        return client->last_error;
    }
    if (client->reason >= 128) { /* MQTT 5 reason code of a DISCONNECT */
        return mosquitto_reason_string(client->reason);
    }
    return client->reason ? mosquitto_strerror(client->reason) : "closed by the broker";
}
