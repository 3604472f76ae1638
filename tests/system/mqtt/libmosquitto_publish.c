/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmosquitto_publish PORT VERSION QOS USER CLIENT_ID TOPIC PREFIX COUNT; the secret in
 * MQTT_SECRET. Publishes PREFIX-1 .. PREFIX-COUNT by the library's own thread, which
 * reconnects by itself; prints the commands it gets. Exit code 0 when every message was
 * acknowledged.
 */
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "firmware/base/str.h"

static atomic_int acknowledged, subscribed;
static char command_topic[256];

static void on_connect(struct mosquitto *client, void *context, int code) {
    (void) context;
    if (code == 0) {
        mosquitto_subscribe(client, NULL, command_topic, 0);
    }
}

static void on_subscribe(struct mosquitto *client, void *context, int id, int count,
                         const int *granted) {
    (void) client;
    (void) context;
    (void) id;
    if (count == 1 && granted[0] < 3) {
        subscribed = 1;
    }
}

static void on_publish(struct mosquitto *client, void *context, int id) {
    (void) client;
    (void) context;
    (void) id;
    acknowledged++;
}

static void on_message(struct mosquitto *client, void *context,
                       const struct mosquitto_message *message) {
    (void) client;
    (void) context;
    printf("%s %.*s\n", message->topic, message->payloadlen, (const char *) message->payload);
    fflush(stdout);
}

static void pause_ms(long ms) {
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* Whether `value` gets to `wanted` within a minute. */
static int reaches(atomic_int *value, int wanted) {
    for (int i = 0; i < 6000 && *value < wanted; i++) {
        pause_ms(10);
    }
    return *value >= wanted;
}

static int connect_to(struct mosquitto *client, int port, int version) {
    mosquitto_property *properties = NULL;
    mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, version);
    if (version == MQTT_PROTOCOL_V5) {
        mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, 3600);
    }
    int code = mosquitto_connect_bind_v5(client, "127.0.0.1", port, 30, NULL, properties);
    mosquitto_property_free_all(&properties);
    return code;
}

static bool take_number(const char *text, int max, int *ret_number) {
    uint64_t number = 0;
    if (gw_str_to_u64(gw_str_from_cstr(text), (uint64_t) max, &number) != GW_OK) {
        return false;
    }
    *ret_number = (int) number;
    return true;
}

int main(int argc, char **argv) {
    int port = 0, version = 0, qos = 0, count = 0;
    if (argc != 9 || !take_number(argv[1], 65535, &port) || !take_number(argv[2], 5, &version)
        || !take_number(argv[3], 2, &qos) || !take_number(argv[8], 1000000, &count)) {
        return 64;
    }
    snprintf(command_topic, sizeof command_topic, "gangway/%s/command", argv[4]);
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new(argv[5], false, NULL);
    mosquitto_username_pw_set(client, argv[4], getenv("MQTT_SECRET"));
    mosquitto_reconnect_delay_set(client, 1, 1, false);
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_subscribe_callback_set(client, on_subscribe);
    mosquitto_publish_callback_set(client, on_publish);
    mosquitto_message_callback_set(client, on_message);
    int code = connect_to(client, port, version);
    if (code || mosquitto_loop_start(client) || !reaches(&subscribed, 1)) {
        fprintf(stderr, "connect: %s\n", mosquitto_strerror(code));
        return 2;
    }
    for (int number = 1; number <= count; number++) {
        char payload[64];
        int len = snprintf(payload, sizeof payload, "%s-%d", argv[7], number);
        code = mosquitto_publish(client, NULL, argv[6], len, payload, qos, false);
        /* QoS 1 and 2 are kept by the library until there is a connection again. */
        if (code != MOSQ_ERR_SUCCESS && code != MOSQ_ERR_NO_CONN) {
            fprintf(stderr, "publish: %s\n", mosquitto_strerror(code));
            return 3;
        }
        if (number % 10 == 0) {
            pause_ms(5);
        }
    }
    if (!reaches(&acknowledged, count)) {
        fprintf(stderr, "acknowledged: %d of %d\n", acknowledged, count);
        return 4;
    }
    mosquitto_disconnect(client);
    mosquitto_loop_stop(client, false);
    mosquitto_destroy(client);
    return mosquitto_lib_cleanup();
}
