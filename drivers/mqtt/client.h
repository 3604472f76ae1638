/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One MQTT connection on libmosquitto: the only file pair that includes it.
 *
 * A client is one connection: opened to connect, closed to drop it. It never
 * reconnects by itself. Closing sends nothing but TLS's close_notify: no
 * DISCONNECT and, above all, none of the PUBACKs that are still queued.
 *
 * Who writes when is the whole point, see client.c: only gw_mqtt_client_write
 * writes MQTT bytes to the socket.
 * Loop thread only.
 */
#ifndef GW_MQTT_CLIENT_H
#define GW_MQTT_CLIENT_H

#include "firmware/config/config.h"

struct gw_mqtt_client;

enum gw_mqtt_dup { GW_MQTT_DUP_NO, GW_MQTT_DUP_YES, GW_MQTT_DUP_UNKNOWN };

/* Views live during the callback. */
struct gw_mqtt_message {
    struct gw_str topic;
    struct gw_bytes payload;
    uint16_t packet_id; /* 0 for QoS 0 */
    bool retained;
    enum gw_mqtt_dup dup;
};

/* Called from gw_mqtt_client_read and _write. They must not close the client. */
struct gw_mqtt_handlers {
    /* CONNACK. `refusal` is empty if we are in, else why not. */
    void (*connected)(void *context, bool session_present, struct gw_str refusal);
    void (*message)(void *context, const struct gw_mqtt_message *message);
    /* SUBACK: `granted[i]` is the QoS of the i-th filter, 128 and more refused. */
    void (*subscribed)(void *context, const int *granted, size_t count);
    void *context;
};

/* Which of a name's addresses to try: the resolver's first, or the first of IPv4. */
enum gw_mqtt_family { GW_MQTT_ANY, GW_MQTT_IPV4 };

/* Start to connect; reads the password file now. `handlers` must outlive the
 * client. NOENT, DENIED, RANGE (password file), INVALID (options
 * the library refuses), NOCONN (no such host, nobody listens), NOMEM. */
enum gw_err gw_mqtt_client_open(const struct gw_config_broker *config,
                                const struct gw_mqtt_handlers *handlers,
                                enum gw_mqtt_family family, struct gw_mqtt_client **ret_client);
/* Drop the connection as said above. NULL is allowed. */
void gw_mqtt_client_close(struct gw_mqtt_client *client);

/* The socket, -1 when it is gone. */
int gw_mqtt_client_fd(const struct gw_mqtt_client *client);
/* Read and handle one packet if there is one. TLS handshakes go on here. NOCONN
 * when the connection is over (gw_mqtt_client_reason says why). */
enum gw_err gw_mqtt_client_read(struct gw_mqtt_client *client);
/* Write what is queued, PUBACKs included. NOCONN. */
enum gw_err gw_mqtt_client_write(struct gw_mqtt_client *client);
/* Something is queued. */
bool gw_mqtt_client_wants_write(const struct gw_mqtt_client *client);
/* Queue a PINGREQ if it is time; about once a second. NOCONN when the broker
 * did not answer the last one. */
enum gw_err gw_mqtt_client_keep_alive(struct gw_mqtt_client *client);
/* Queue a SUBSCRIBE (QoS 1) or UNSUBSCRIBE for `count` filters. `no_local`: what we
 * publish ourselves does not come back (MQTT 5 only). NOMEM, INVALID. */
enum gw_err gw_mqtt_client_subscribe(struct gw_mqtt_client *client, const char **filters,
                                     size_t count, bool no_local);
enum gw_err gw_mqtt_client_unsubscribe(struct gw_mqtt_client *client, char **filters,
                                       size_t count);
/* Queue a PUBLISH with QoS 0; the library takes memory for it until it is written.
 * NOMEM, INVALID (a topic or length the library refuses), NOCONN. */
enum gw_err gw_mqtt_client_publish(struct gw_mqtt_client *client, struct gw_str topic,
                                   struct gw_bytes payload);
/* Queue DISCONNECT: the orderly end, once everything is acknowledged. */
void gw_mqtt_client_disconnect(struct gw_mqtt_client *client);
/* The broker said that another client took the session over (MQTT 5 only). */
bool gw_mqtt_client_was_taken_over(const struct gw_mqtt_client *client);
/* Why the connection ended, for a technician. Lives as long as the client. */
const char *gw_mqtt_client_reason(const struct gw_mqtt_client *client);

#endif
