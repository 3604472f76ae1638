/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/serial/socket.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/random.h"
#include "firmware/policy/backoff.h"

#define CONNECT_MS 5000
/* A connection that stood for so long was a good one: the next attempt comes soon. */
#define GOOD_AFTER_MS 10000

static const struct gw_backoff_limits limits = {.base_ms = 500, .cap_ms = 30000};

enum phase { WAITING, CONNECTING, CONNECTED };

struct tcp_client {
    struct gw_transport_owner owner;
    struct gw_loop *loop;
    const struct gw_clock *clock;
    struct sockaddr_storage address;
    socklen_t address_len;
    char name[GW_SOCKET_NAME_BYTES];
    int fd;
    enum phase phase;
    bool is_held;
    int64_t next_mono_ms; /* attempt, or end of one; GW_NEVER_MS while connected */
    int64_t connected_mono_ms;
    uint32_t delay_ms;
};

static void on_ready(void *context, int fd, unsigned events);

static void drop_socket(struct tcp_client *client) {
    if (client->fd >= 0) {
        gw_loop_unwatch(client->loop, client->fd);
        (void) close(client->fd);
        client->fd = -1;
    }
    client->phase = WAITING;
}

/* What has come, as much as a socket can hold; who sends on without end is told to have
 * lost something. */
static void read_rest(const struct tcp_client *client) {
    const unsigned reads_max = (8U << 20) / GW_TRANSPORT_TURN_BYTES;
    for (unsigned i = 0; i < reads_max; i++) {
        if (gw_socket_receive(client->fd, &client->owner) != GW_OK) {
            return;
        }
    }
    client->owner.dropped(client->owner.context);
}

static void fail(struct tcp_client *client, const char *why) {
    if (client->phase == CONNECTED) {
        read_rest(client);
    }
    int64_t now_mono_ms = gw_clock_mono_ms(client->clock);
    bool was_good =
        client->phase == CONNECTED && now_mono_ms - client->connected_mono_ms >= GOOD_AFTER_MS;
    drop_socket(client);
    uint64_t random = 0;
    gw_random_bytes(&random, sizeof random);
    client->delay_ms = gw_backoff_next(&limits, was_good ? 0 : client->delay_ms, random);
    client->next_mono_ms = now_mono_ms + client->delay_ms;
    char detail[128];
    int len = snprintf(detail, sizeof detail, "%s: %s", client->name, why);
    client->owner.closed(client->owner.context, GW_TRANSPORT_ABSENT,
                         (struct gw_str){detail, (size_t) len});
}

static const char *ended_why(void) {
    return errno == 0 ? "the device has closed the connection" : strerrordesc_np(errno);
}

static void watch(struct tcp_client *client) {
    if (client->phase == CONNECTED && client->is_held) {
        gw_loop_unwatch(client->loop, client->fd);
        return;
    }
    unsigned events = client->phase == CONNECTING ? GW_LOOP_WRITE : GW_LOOP_READ;
    if (gw_loop_watch(client->loop, client->fd, events, on_ready, client)) {
        fail(client, "the loop has no room");
    }
}

static void finish_connecting(struct tcp_client *client) {
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
        fail(client, strerrordesc_np(error));
        return;
    }
    client->phase = CONNECTED;
    client->connected_mono_ms = gw_clock_mono_ms(client->clock);
    client->next_mono_ms = GW_NEVER_MS;
    gw_socket_watch_peer(client->fd);
    watch(client);
    if (client->phase == CONNECTED) {
        client->owner.opened(client->owner.context, gw_str_from_cstr(client->name));
    }
}

static void on_ready(void *context, int fd, unsigned events) {
    (void) events;
    struct tcp_client *client = context;
    if (client->phase == CONNECTING) {
        finish_connecting(client);
        return;
    }
    if (gw_socket_receive(fd, &client->owner) == GW_ERR_NOCONN) {
        fail(client, ended_why());
    }
}

static void start_connecting(struct tcp_client *client, int64_t now_mono_ms) {
    client->fd =
        socket(client->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0) {
        fail(client, strerrordesc_np(errno));
        return;
    }
    client->phase = CONNECTING;
    client->next_mono_ms = now_mono_ms + CONNECT_MS;
    int rc =
        connect(client->fd, (const struct sockaddr *) &client->address, client->address_len);
    if (rc != 0 && errno != EINPROGRESS) {
        fail(client, strerrordesc_np(errno));
        return;
    }
    watch(client);
}

static void tick(void *self, int64_t now_mono_ms) {
    struct tcp_client *client = self;
    if (now_mono_ms < client->next_mono_ms) {
        return;
    }
    if (client->phase == CONNECTING) {
        fail(client, "no answer");
    } else if (client->phase == WAITING) {
        start_connecting(client, now_mono_ms);
    }
}

static int64_t next_mono_ms(const void *self) {
    const struct tcp_client *client = self;
    return client->next_mono_ms;
}

static enum gw_err send_bytes(void *self, struct gw_bytes bytes) {
    struct tcp_client *client = self;
    if (client->phase != CONNECTED) {
        return GW_ERR_NOCONN;
    }
    enum gw_err err = gw_socket_send(client->fd, bytes);
    if (err) {
        fail(client, "a request could not be sent");
    }
    return err;
}

static bool hold(void *self, bool is_held) {
    struct tcp_client *client = self;
    if (client->is_held != is_held) {
        client->is_held = is_held;
        if (client->phase == CONNECTED) {
            watch(client);
        }
    }
    return true;
}

static void close_client(void *self) {
    struct tcp_client *client = self;
    if (client->phase == CONNECTED) {
        read_rest(client);
    }
    drop_socket(client);
    free(client);
}

static const struct gw_transport_ops ops = {.tick = tick,
                                            .next_mono_ms = next_mono_ms,
                                            .write = send_bytes,
                                            .hold = hold,
                                            .close = close_client};

enum gw_err gw_transport_open_tcp_client(const struct gw_transport_options *options,
                                         struct gw_transport *ret_transport) {
    GW_CLEANUP(gw_freep) struct tcp_client *client = calloc(1, sizeof *client);
    if (!client) {
        return GW_ERR_NOMEM;
    }
    client->owner = options->owner;
    client->loop = options->loop;
    client->clock = options->clock;
    client->fd = -1;
    enum gw_err err = gw_socket_parse(options->config->address, options->config->port,
                                      &client->address, &client->address_len);
    if (err) {
        return err;
    }
    gw_socket_name(&client->address, client->name);
    *ret_transport = (struct gw_transport){&ops, GW_TAKE(client)};
    return GW_OK;
}
