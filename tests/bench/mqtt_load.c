/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mqtt_load: a raw MQTT 3.1.1 publisher for benchmarks and fault tests. Many
 * devices in one epoll thread, QoS 1, with its own encoder, so that no client
 * library's habits are measured in place of the server's.
 *
 * What a fault test may rely on: an event is `sent` once it was put into a
 * connection's buffer, and `acked` when its PUBACK was read; its id is written
 * to the ledger only then. With --reconnect a lost connection is taken up again
 * (clean session false) and everything unacknowledged is sent once more with
 * DUP, the same bytes, in the order of the first sending.
 *
 * Always bounded: sending ends at --count or --seconds, waiting for the last
 * PUBACKs at --drain, everything at --deadline. SIGTERM ends the sending, a
 * second one the waiting. The last line on standard output is one JSON object.
 * Exit: 0 all acknowledged, 1 not all, 2 could not start.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "firmware/base/buf.h"
#include "firmware/base/cleanup.h"
#include "firmware/base/random.h"
#include "tests/bench/histogram.h"
#include "tests/bench/ledger.h"
#include "tests/bench/mqtt_encode.h"
#include "tests/bench/options.h"
#include "tests/bench/scan_payload.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define PAYLOAD_MAX_BYTES 60000
#define ID_MAX_BYTES 96
#define TOPIC_MAX_BYTES 256
#define IN_BYTES 4096
#define KEEP_ALIVE_S 30
#define LEDGER_FLUSH_NS (50 * NS_PER_MS)

/* ---- options ---------------------------------------------------------------- */

struct options {
    const char *host, *port, *topic_format, *client_prefix, *username, *password, *ledger, *run;
    uint64_t clients, window, rate, count, seconds, payload_bytes, drain, deadline;
    bool reconnect;
};

static const struct gw_option_row option_rows[] = {
    {"host", GW_OPTION_TEXT, offsetof(struct options, host), 0, "server [127.0.0.1]"},
    {"port", GW_OPTION_TEXT, offsetof(struct options, port), 0, "[1883]"},
    {"clients", GW_OPTION_NUMBER, offsetof(struct options, clients), 20000, "connections [1]"},
    {"window", GW_OPTION_NUMBER, offsetof(struct options, window), 16384,
     "unacknowledged per client [20]"},
    {"rate", GW_OPTION_NUMBER, offsetof(struct options, rate), 100000000,
     "events/s of all, 0 = flat out [0]"},
    {"count", GW_OPTION_NUMBER, offsetof(struct options, count), INT64_MAX,
     "events of all clients"},
    {"seconds", GW_OPTION_NUMBER, offsetof(struct options, seconds), 1000000,
     "time to send [10, if no count]"},
    {"drain", GW_OPTION_NUMBER, offsetof(struct options, drain), 1000000,
     "seconds for the last PUBACKs [10]"},
    {"deadline", GW_OPTION_NUMBER, offsetof(struct options, deadline), 1000000,
     "seconds for it all [600]"},
    {"topic-format", GW_OPTION_TEXT, offsetof(struct options, topic_format), 0,
     "%d = client [scan/%d]"},
    {"payload-bytes", GW_OPTION_NUMBER, offsetof(struct options, payload_bytes),
     PAYLOAD_MAX_BYTES, "[200]"},
    {"client-prefix", GW_OPTION_TEXT, offsetof(struct options, client_prefix), 0,
     "of client ids [load-]"},
    {"username", GW_OPTION_TEXT, offsetof(struct options, username), 0, ""},
    {"password", GW_OPTION_TEXT, offsetof(struct options, password), 0, ""},
    {"ledger", GW_OPTION_TEXT, offsetof(struct options, ledger), 0,
     "file of acknowledged ids (appended)"},
    {"run", GW_OPTION_TEXT, offsetof(struct options, run), 0, "part of the ids [random]"},
    {"reconnect", GW_OPTION_FLAG, offsetof(struct options, reconnect), 0,
     "resume the session after a lost connection"},
};

static bool parse_options(int argc, char **argv, struct options *options) {
    bool good = gw_options_parse(option_rows, GW_ARRAY_LEN(option_rows), argc, argv, options);
    if (options->seconds == 0 && options->count == 0) {
        options->seconds = 10;
    }
    return good && options->clients > 0 && options->window > 0;
}

/* ---- state ---------------------------------------------------------------------- */

enum client_state {
    CLIENT_WAITING,
    CLIENT_CONNECTING,
    CLIENT_GREETING,
    CLIENT_READY,
    CLIENT_DEAD
};

/* One event under way. The payload is a function of these numbers, so a second
 * sending has the same bytes without keeping them. */
struct slot {
    uint64_t counter; /* from 1; 0 = free */
    int64_t sent_wall_ns;
    int64_t sent_mono_ns;
    uint16_t packet_id;
};

struct client {
    struct load *load;
    unsigned number;
    int fd;
    enum client_state state;
    bool want_write;
    int64_t retry_mono_ns;
    int64_t retry_delay_ns;
    int64_t heard_mono_ns;
    int64_t wrote_mono_ns;
    uint64_t last_counter;
    uint16_t last_packet_id;
    uint32_t in_flight;
    struct slot *slots; /* slot_mask + 1, by packet id */
    uint32_t *resend;   /* slots to send again, in order */
    uint32_t resend_at, resend_count;
    struct gw_buf out;
    uint8_t in[IN_BYTES];
    size_t in_len;
    char topic[TOPIC_MAX_BYTES];
};

struct load {
    struct options options;
    struct addrinfo *address;
    int epoll_fd;
    struct client *clients;
    uint32_t slot_mask;
    uint32_t next_client; /* whose turn it is */
    uint64_t sent, acked, resent, stray_acks, reconnects, refused;
    struct gw_histogram latency;
    int64_t start_ns, last_ack_ns;
    struct gw_ledger ledger;
    int64_t looked_after_ns;
    struct gw_buf payload;
    char run[32];
};

static atomic_int signals_seen;

static int64_t read_ns(clockid_t id) {
    struct timespec now;
    (void) clock_gettime(id, &now);
    return (int64_t) now.tv_sec * NS_PER_S + now.tv_nsec;
}

static int64_t mono_ns(void) {
    return read_ns(CLOCK_MONOTONIC);
}

/* ---- packets ------------------------------------------------------------------------ */

static void put_connect(struct client *client) {
    const struct options *o = &client->load->options;
    char id[ID_MAX_BYTES];
    snprintf(id, sizeof(id), "%s%u", o->client_prefix, client->number);
    struct gw_str id_text = gw_str_from_cstr(id);
    struct gw_str username = gw_str_from_cstr(o->username);
    struct gw_str password = gw_str_from_cstr(o->password);
    size_t len = 10 + 2 + id_text.len + (o->username ? 2 + username.len : 0)
                 + (o->password ? 2 + password.len : 0);
    unsigned flags =
        (o->username ? 0x80U : 0) | (o->password ? 0x40U : 0) | (o->reconnect ? 0 : 0x02U);
    gw_buf_put_char(&client->out, 0x10);
    gw_mqtt_put_remaining_length(&client->out, len);
    gw_mqtt_put_text(&client->out, GW_STR("MQTT"));
    gw_buf_put_char(&client->out, 4);
    gw_buf_put_char(&client->out, (char) flags);
    gw_mqtt_put_u16(&client->out, KEEP_ALIVE_S);
    gw_mqtt_put_text(&client->out, id_text);
    if (o->username) {
        gw_mqtt_put_text(&client->out, username);
    }
    if (o->password) {
        gw_mqtt_put_text(&client->out, password);
    }
}

static struct gw_scan_payload payload_of(const struct client *client, const struct slot *slot) {
    return (struct gw_scan_payload){.run = gw_str_from_cstr(client->load->run),
                                    .client = client->number,
                                    .counter = slot->counter,
                                    .sent_wall_ns = slot->sent_wall_ns,
                                    .wanted_bytes = client->load->options.payload_bytes};
}

/* False if the connection's buffer has no room now. */
static bool put_publish(struct client *client, const struct slot *slot, bool again) {
    struct gw_scan_payload payload = payload_of(client, slot);
    gw_buf_clear(&client->load->payload);
    gw_scan_put_payload(&payload, &client->load->payload);
    struct gw_str topic = gw_str_from_cstr(client->topic);
    size_t len = 2 + topic.len + 2 + client->load->payload.len;
    if (gw_buf_space(&client->out) < len + 5) {
        return false;
    }
    gw_buf_put_char(&client->out, again ? 0x3a : 0x32);
    gw_mqtt_put_remaining_length(&client->out, len);
    gw_mqtt_put_text(&client->out, topic);
    gw_mqtt_put_u16(&client->out, slot->packet_id);
    gw_buf_put(&client->out, gw_buf_bytes(&client->load->payload));
    return true;
}

/* ---- connections ---------------------------------------------------------------------- */

static void set_interest(struct client *client, int operation, bool want_write) {
    struct epoll_event event = {.events = EPOLLIN | (want_write ? (uint32_t) EPOLLOUT : 0),
                                .data.ptr = client};
    if (epoll_ctl(client->load->epoll_fd, operation, client->fd, &event) != 0) {
        perror("mqtt_load: epoll");
        exit(2);
    }
    client->want_write = want_write;
}

static void close_connection(struct client *client) {
    if (client->fd >= 0) {
        (void) close(client->fd);
    }
    client->fd = -1;
    gw_buf_clear(&client->out);
    client->in_len = 0;
    client->resend_at = client->resend_count = 0;
}

static void lose_connection(struct client *client) {
    close_connection(client);
    if (!client->load->options.reconnect) {
        client->state = CLIENT_DEAD;
        return;
    }
    client->state = CLIENT_WAITING;
    client->retry_mono_ns = mono_ns() + client->retry_delay_ns;
    client->retry_delay_ns *= 2;
    if (client->retry_delay_ns > NS_PER_S) {
        client->retry_delay_ns = NS_PER_S;
    }
}

static void start_connection(struct client *client) {
    const struct addrinfo *a = client->load->address;
    client->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0) {
        lose_connection(client);
        return;
    }
    int one = 1;
    (void) setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(client->fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS) {
        lose_connection(client);
        return;
    }
    client->state = CLIENT_CONNECTING;
    client->heard_mono_ns = mono_ns();
    set_interest(client, EPOLL_CTL_ADD, true);
}

static void flush(struct client *client) {
    size_t done = 0;
    while (done < client->out.len) {
        ssize_t n =
            send(client->fd, client->out.data + done, client->out.len - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            lose_connection(client);
            return;
        }
        if (n < 0 && errno == EAGAIN) {
            break;
        }
        done += n > 0 ? (size_t) n : 0;
    }
    if (done > 0) {
        client->wrote_mono_ns = mono_ns();
        memmove(client->out.data, client->out.data + done, client->out.len - done);
        client->out.len -= done;
    }
    if (client->want_write != (client->out.len > 0)) {
        set_interest(client, EPOLL_CTL_MOD, client->out.len > 0);
    }
}

static void greet(struct client *client) {
    int error_number = 0;
    socklen_t size = sizeof(error_number);
    (void) getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error_number, &size);
    if (error_number != 0) {
        lose_connection(client);
        return;
    }
    client->state = CLIENT_GREETING;
    put_connect(client);
    flush(client);
}

static int compare_resend(const void *a, const void *b, void *context) {
    const struct client *client = context;
    uint64_t x = client->slots[*(const uint32_t *) a].counter;
    uint64_t y = client->slots[*(const uint32_t *) b].counter;
    return (x > y) - (x < y);
}

static bool on_connack(struct client *client, const uint8_t *body, size_t len) {
    if (client->state != CLIENT_GREETING || len != 2 || body[1] != 0) {
        client->load->refused++;
        return false;
    }
    client->state = CLIENT_READY;
    client->retry_delay_ns = 100 * NS_PER_MS;
    for (uint32_t i = 0; i <= client->load->slot_mask; i++) {
        if (client->slots[i].counter > 0) {
            client->resend[client->resend_count++] = i;
        }
    }
    qsort_r(client->resend, client->resend_count, sizeof(*client->resend), compare_resend,
            client);
    return true;
}

static void note_acknowledged(struct client *client, const struct slot *slot) {
    struct gw_buf *line = gw_ledger_line(&client->load->ledger, ID_MAX_BYTES);
    if (line) {
        struct gw_scan_payload payload = payload_of(client, slot);
        gw_scan_put_id(&payload, line);
        gw_buf_put_char(line, '\n');
    }
}

static bool on_puback(struct client *client, const uint8_t *body, size_t len) {
    struct load *load = client->load;
    if (client->state != CLIENT_READY || len != 2) {
        return false;
    }
    uint16_t packet_id = (uint16_t) (body[0] << 8 | body[1]);
    struct slot *slot = &client->slots[packet_id & load->slot_mask];
    if (slot->counter == 0 || slot->packet_id != packet_id) {
        load->stray_acks++;
        return true;
    }
    load->last_ack_ns = client->heard_mono_ns;
    uint64_t us = (uint64_t) (load->last_ack_ns - slot->sent_mono_ns) / 1000;
    gw_histogram_add(&load->latency, us);
    load->acked++;
    note_acknowledged(client, slot);
    slot->counter = 0;
    client->in_flight--;
    return true;
}

static bool on_packet(struct client *client, uint8_t first, const uint8_t *body, size_t len) {
    switch (first) {
    case 0x20:
        return on_connack(client, body, len);
    case 0x40:
        return on_puback(client, body, len);
    case 0xd0:
        return true;
    default:
        fprintf(stderr, "mqtt_load: unexpected packet 0x%02x\n", first);
        return false;
    }
}

/* All packets expected here are shorter than 128 bytes: one byte of length. */
static bool take_packets(struct client *client) {
    size_t at = 0;
    while (client->in_len - at >= 2) {
        size_t len = client->in[at + 1];
        if (len > 127) {
            return false;
        }
        if (client->in_len - at < 2 + len) {
            break;
        }
        if (!on_packet(client, client->in[at], client->in + at + 2, len)) {
            return false;
        }
        at += 2 + len;
    }
    memmove(client->in, client->in + at, client->in_len - at);
    client->in_len -= at;
    return true;
}

static void receive(struct client *client) {
    ssize_t n = 0;
    do {
        size_t space = sizeof(client->in) - client->in_len;
        n = recv(client->fd, client->in + client->in_len, space, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        client->heard_mono_ns = mono_ns();
        client->in_len += n > 0 ? (size_t) n : 0;
        if (n <= 0 || !take_packets(client)) {
            lose_connection(client);
            return;
        }
    } while ((size_t) n == sizeof(client->in));
}

static void on_event(struct client *client, uint32_t events) {
    if (client->state == CLIENT_CONNECTING) {
        greet(client);
        return;
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        receive(client);
    }
    if (client->fd >= 0 && (events & EPOLLOUT)) {
        flush(client);
    }
}

/* ---- sending ------------------------------------------------------------------------- */

/* Packet ids count upwards as real clients' do; one whose slot is still taken
 * (acknowledgements out of order) is skipped. */
static struct slot *take_slot(struct client *client) {
    if (client->in_flight >= client->load->options.window) {
        return NULL;
    }
    for (uint32_t tries = 0; tries <= client->load->slot_mask + 1; tries++) {
        client->last_packet_id++;
        if (client->last_packet_id == 0) {
            continue;
        }
        struct slot *slot = &client->slots[client->last_packet_id & client->load->slot_mask];
        if (slot->counter == 0) {
            slot->packet_id = client->last_packet_id;
            return slot;
        }
    }
    return NULL;
}

static bool send_again(struct client *client) {
    while (client->resend_at < client->resend_count) {
        if (!put_publish(client, &client->slots[client->resend[client->resend_at]], true)) {
            return false;
        }
        client->resend_at++;
        client->load->resent++;
    }
    return true;
}

static bool send_new(struct client *client) {
    struct load *load = client->load;
    if (client->state != CLIENT_READY || client->resend_at < client->resend_count) {
        return false;
    }
    uint16_t packet_id_before = client->last_packet_id;
    struct slot *slot = take_slot(client);
    if (!slot) {
        return false;
    }
    slot->counter = client->last_counter + 1;
    slot->sent_wall_ns = read_ns(CLOCK_REALTIME);
    slot->sent_mono_ns = mono_ns();
    if (!put_publish(client, slot, false)) {
        slot->counter = 0;
        client->last_packet_id = packet_id_before;
        return false;
    }
    client->last_counter++;
    client->in_flight++;
    load->sent++;
    return true;
}

/* Events that may be sent now. After a stall at most one second's worth is made
 * up for. */
static uint64_t allowance(struct load *load, int64_t now) {
    const struct options *o = &load->options;
    uint64_t by_count = o->count == 0 ? UINT64_MAX : o->count - load->sent;
    if (o->rate == 0) {
        return by_count;
    }
    double elapsed_s = (double) (now - load->start_ns) / (double) NS_PER_S;
    uint64_t due = (uint64_t) (elapsed_s * (double) o->rate) + 1;
    uint64_t by_rate = due > load->sent ? due - load->sent : 0;
    if (by_rate > o->rate + 1) {
        load->start_ns +=
            (int64_t) ((double) (by_rate - o->rate) * (double) NS_PER_S / (double) o->rate);
        by_rate = o->rate;
    }
    return by_rate < by_count ? by_rate : by_count;
}

static void pump(struct load *load, bool sending) {
    uint64_t allowed = sending ? allowance(load, mono_ns()) : 0;
    uint64_t clients = load->options.clients;
    for (uint64_t idle = 0; allowed > 0 && idle < clients;) {
        struct client *client = &load->clients[load->next_client];
        /* Flat out a client fills its window at once: one write for all of it. */
        uint64_t turn = load->options.rate == 0 ? load->options.window : 1;
        uint64_t taken = 0;
        while (taken < turn && allowed > 0 && send_new(client)) {
            taken++;
            allowed--;
        }
        idle = taken > 0 && load->options.rate > 0 ? 0 : idle + 1;
        load->next_client = (uint32_t) ((load->next_client + 1) % clients);
    }
    for (uint64_t i = 0; i < clients; i++) {
        struct client *client = &load->clients[i];
        if (client->state != CLIENT_READY) {
            continue;
        }
        (void) send_again(client);
        if (client->out.len > 0 && !client->want_write) {
            flush(client);
        }
    }
}

/* Reconnect what waits, keep alive what is idle, drop what has gone silent. */
static void look_after(struct client *client, int64_t now) {
    if (client->state == CLIENT_WAITING && now >= client->retry_mono_ns) {
        client->load->reconnects++;
        start_connection(client);
        return;
    }
    if (client->fd < 0) {
        return;
    }
    if (now - client->heard_mono_ns > KEEP_ALIVE_S * NS_PER_S) {
        lose_connection(client);
        return;
    }
    if (client->state == CLIENT_READY
        && now - client->heard_mono_ns > KEEP_ALIVE_S * NS_PER_S / 3
        && now - client->wrote_mono_ns > KEEP_ALIVE_S * NS_PER_S / 3) {
        gw_buf_put_char(&client->out, (char) 0xc0);
        gw_buf_put_char(&client->out, 0);
        flush(client);
    }
}

/* ---- the run --------------------------------------------------------------------------- */

static void run_round(struct load *load, bool sending) {
    struct epoll_event events[256];
    int timeout_ms = sending && load->options.rate > 0 ? 1 : 10;
    int n = epoll_wait(load->epoll_fd, events, GW_ARRAY_LEN(events), timeout_ms);
    for (int i = 0; i < n; i++) {
        on_event(events[i].data.ptr, events[i].events);
    }
    pump(load, sending);
    int64_t now = mono_ns();
    if (now - load->looked_after_ns >= LEDGER_FLUSH_NS) {
        load->looked_after_ns = now;
        gw_ledger_flush(&load->ledger);
        for (uint64_t i = 0; i < load->options.clients; i++) {
            look_after(&load->clients[i], now);
        }
    }
}

static uint64_t count_clients(const struct load *load, enum client_state state) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < load->options.clients; i++) {
        count += load->clients[i].state == state;
    }
    return count;
}

static bool connect_all(struct load *load, int64_t deadline) {
    for (uint64_t i = 0; i < load->options.clients; i++) {
        start_connection(&load->clients[i]);
    }
    while (count_clients(load, CLIENT_READY) < load->options.clients) {
        if (mono_ns() >= deadline || count_clients(load, CLIENT_DEAD) > 0
            || atomic_load(&signals_seen) > 0) {
            return false;
        }
        run_round(load, false);
    }
    return true;
}

static void send_all(struct load *load, int64_t deadline) {
    const struct options *o = &load->options;
    int64_t start = mono_ns();
    int64_t stop = o->seconds > 0 ? start + (int64_t) o->seconds * NS_PER_S : INT64_MAX;
    load->start_ns = start;
    while (mono_ns() < stop && mono_ns() < deadline && atomic_load(&signals_seen) == 0
           && (o->count == 0 || load->sent < o->count)
           && count_clients(load, CLIENT_DEAD) < o->clients) {
        run_round(load, true);
    }
    int64_t drain_end = mono_ns() + (int64_t) o->drain * NS_PER_S;
    while (load->acked < load->sent && mono_ns() < drain_end && mono_ns() < deadline
           && atomic_load(&signals_seen) < 2 && count_clients(load, CLIENT_DEAD) < o->clients) {
        run_round(load, false);
    }
    load->start_ns = start;
}

static void say_goodbye(struct load *load) {
    for (uint64_t i = 0; i < load->options.clients; i++) {
        struct client *client = &load->clients[i];
        if (client->state == CLIENT_READY && client->out.len == 0) {
            gw_buf_put(&client->out, gw_bytes_from_str(GW_STR("\xe0\0")));
            flush(client);
        }
        close_connection(client);
    }
    gw_ledger_flush(&load->ledger);
}

static void print_summary(const struct load *load) {
    double seconds =
        load->acked > 0 ? (double) (load->last_ack_ns - load->start_ns) / (double) NS_PER_S : 0;
    printf(
        "{\"sent\":%llu,\"acked\":%llu,\"seconds\":%.3f,\"rate\":%.0f,\"puback_p50_us\":%llu,"
        "\"puback_p99_us\":%llu,\"puback_p999_us\":%llu,\"reconnects\":%llu,\"resent\":%llu,"
        "\"stray_acks\":%llu,\"refused\":%llu}\n",
        (unsigned long long) load->sent, (unsigned long long) load->acked, seconds,
        seconds > 0 ? (double) load->acked / seconds : 0,
        (unsigned long long) gw_histogram_percentile(&load->latency, 500),
        (unsigned long long) gw_histogram_percentile(&load->latency, 990),
        (unsigned long long) gw_histogram_percentile(&load->latency, 999),
        (unsigned long long) load->reconnects, (unsigned long long) load->resent,
        (unsigned long long) load->stray_acks, (unsigned long long) load->refused);
    fflush(stdout);
}

/* The number stands where the first %d of the format is; nothing else is
 * special, so that a format cannot reach into the program. */
static bool make_topic(struct client *client, struct gw_str format) {
    struct gw_buf buf;
    gw_buf_init(&buf, client->topic, sizeof(client->topic) - 1);
    const char *mark = memmem(format.ptr, format.len, "%d", 2);
    size_t before = mark ? (size_t) (mark - format.ptr) : format.len;
    gw_buf_put_str(&buf, gw_str_sub(format, 0, before));
    if (mark) {
        gw_buf_put_u64(&buf, client->number);
        gw_buf_put_str(&buf, gw_str_sub(format, before + 2, SIZE_MAX));
    }
    client->topic[buf.len] = 0;
    return !gw_buf_failed(&buf) && buf.len > 0;
}

static bool open_client(struct load *load, struct client *client, unsigned number) {
    size_t packet = load->options.payload_bytes + TOPIC_MAX_BYTES + ID_MAX_BYTES + 512;
    size_t out_bytes = packet * load->options.window;
    out_bytes = out_bytes > 131072 ? 131072 : out_bytes;
    client->load = load;
    client->number = number;
    client->fd = -1;
    client->retry_delay_ns = 100 * NS_PER_MS;
    client->slots = calloc(load->slot_mask + 1, sizeof(*client->slots));
    client->resend = calloc(load->slot_mask + 1, sizeof(*client->resend));
    return client->slots && client->resend
           && gw_buf_open(&client->out, out_bytes < packet ? packet : out_bytes) == GW_OK
           && make_topic(client, gw_str_from_cstr(load->options.topic_format));
}

static bool open_load(struct load *load) {
    const struct options *o = &load->options;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    load->clients = calloc(o->clients, sizeof(*load->clients));
    while (load->slot_mask + 1 < o->window) {
        load->slot_mask = load->slot_mask * 2 + 1;
    }
    uint64_t random = 0;
    gw_random_bytes(&random, sizeof(random));
    snprintf(load->run, sizeof(load->run), "%s", o->run ? o->run : "");
    if (!o->run) {
        snprintf(load->run, sizeof(load->run), "%012llx", (unsigned long long) (random >> 16));
    }
    bool good = load->epoll_fd >= 0 && gw_ledger_open(&load->ledger, o->ledger) && load->clients
                && getaddrinfo(o->host, o->port, &hints, &load->address) == 0
                && gw_buf_open(&load->payload, PAYLOAD_MAX_BYTES + 1024) == GW_OK;
    for (unsigned i = 0; good && i < o->clients; i++) {
        good = open_client(load, &load->clients[i], i);
    }
    return good;
}

static void close_load(struct load *load) {
    for (uint64_t i = 0; load->clients && i < load->options.clients; i++) {
        free(load->clients[i].slots);
        free(load->clients[i].resend);
        gw_buf_close(&load->clients[i].out);
    }
    free(load->clients);
    gw_ledger_close(&load->ledger);
    gw_buf_close(&load->payload);
    if (load->address) {
        freeaddrinfo(load->address);
    }
    gw_closep(&load->epoll_fd);
}

static void on_signal(int number) {
    (void) number;
    atomic_fetch_add(&signals_seen, 1);
}

int main(int argc, char **argv) {
    static struct load load = {.epoll_fd = -1,
                               .ledger.fd = -1,
                               .options = {.host = "127.0.0.1",
                                           .port = "1883",
                                           .topic_format = "scan/%d",
                                           .client_prefix = "load-",
                                           .clients = 1,
                                           .window = 20,
                                           .payload_bytes = 200,
                                           .drain = 10,
                                           .deadline = 600}};
    if (!parse_options(argc, argv, &load.options)) {
        gw_options_complain("mqtt_load", option_rows, GW_ARRAY_LEN(option_rows));
        return 2;
    }
    struct sigaction action = {.sa_handler = on_signal};
    (void) sigaction(SIGTERM, &action, NULL);
    (void) sigaction(SIGINT, &action, NULL);
    int64_t deadline = mono_ns() + (int64_t) load.options.deadline * NS_PER_S;
    if (!open_load(&load)) {
        perror("mqtt_load: cannot start");
        close_load(&load);
        return 2;
    }
    bool connected = connect_all(&load, deadline);
    if (connected) {
        send_all(&load, deadline);
    } else {
        fprintf(stderr, "mqtt_load: not all clients could connect\n");
    }
    say_goodbye(&load);
    print_summary(&load);
    bool complete = load.acked == load.sent && !load.ledger.failed;
    close_load(&load);
    return !connected ? 2 : complete ? 0 : 1;
}
