/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A middleware that costs nearly nothing, so that benchmarks measure the
 * gateway: HTTPS with a required client certificate, contract gangway-ingest v1
 * for the good case only. It keeps no event, but it knows each: that the sequences
 * in a body are exactly First..Last of the request and follow the last ones of the
 * class (gaps), and for events of the bench's generator which ids have come, which
 * came again or were stored twice, and whether each device's are in order. Latency
 * is measured where the events carry their send time in ns as `symbology` (the
 * bench's device settings make it so).
 *
 *   fast_sink --port P --cert F --key F --ca F --stats FILE
 *             [--level-ms N] [--samples FILE --samples-run RUN]
 *
 * The stats file is replaced five times a second with one JSON object; its streams
 * are the runs of the generator. The first event of a stream that is younger than
 * --level-ms (250) on arrival says that it is level. --samples has a line "SENT
 * ARRIVED" in ns for each new event of one run.
 *
 * SIGUSR1: the centre is away (connections end, new ones are refused) and forgets
 * nothing; SIGUSR2: it is back, and level is asked anew. One thread per connection
 * (linkd opens a handful), ended by SIGTERM.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "firmware/base/cleanup.h"
#include "tests/bench/options.h"
#include "tests/bench/sink_ids.h"

enum { BODY_MAX = 16 << 20, CLASSES = 4, CONNECTIONS = 64 };

struct class_figures {
    char epoch[32];
    uint64_t last;     /* highest sequence of the epoch */
    uint64_t events;   /* records, repeated ones too */
    uint64_t repeated; /* sequences that had come before */
    uint64_t gaps;     /* sequences that did not follow the one before */
};

struct shared {
    pthread_mutex_t lock; /* of all below; held for a body at a time */
    struct class_figures classes[CLASSES];
    struct gw_sink_ids ids;
    struct gw_histogram latency;
    uint64_t events, requests, wire_bytes, body_bytes;
    int64_t back_ns; /* wall time since when connections are taken */
    int64_t level_ns;
    int fds[CONNECTIONS]; /* -1 = free */
    FILE *samples;
    const char *samples_run;
    SSL_CTX *tls;
};

struct connection {
    struct shared *shared;
    unsigned slot;
    int fd;
};

static atomic_int stopping, wanted_away;

static void on_signal(int number) {
    if (number == SIGUSR1 || number == SIGUSR2) {
        atomic_store(&wanted_away, number == SIGUSR1);
    } else {
        atomic_store(&stopping, 1);
    }
}

static int64_t wall_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- figures ---------------------------------------------------------------------- */

static void put_latency(FILE *file, const struct gw_histogram *latency) {
    fprintf(file, "\"latencies\":%lu,\"p50_us\":%lu,\"p99_us\":%lu,", latency->total,
            gw_histogram_percentile(latency, 500), gw_histogram_percentile(latency, 990));
}

static void put_streams(FILE *file, const struct gw_sink_ids *ids) {
    fprintf(file, "\"streams\":{");
    for (unsigned i = 0; i < GW_SINK_STREAMS && ids->streams[i].run[0]; i++) {
        const struct gw_sink_stream *stream = &ids->streams[i];
        fprintf(file, "%s\"%s\":{", i ? "," : "", stream->run);
        put_latency(file, &stream->latency);
        fprintf(file,
                "\"unique\":%lu,\"repeated\":%lu,\"stored_twice\":%lu,\"order_errors\":%lu,"
                "\"holes\":%lu,\"first_ns\":%ld,\"last_ns\":%ld,\"level_ns\":%ld}",
                stream->unique, stream->repeated, stream->stored_twice, stream->order_errors,
                stream->highest_sum - stream->unique, stream->first_ns, stream->last_ns,
                stream->level_ns);
    }
    fprintf(file, "},");
}

static void put_classes(FILE *file, const struct class_figures *classes) {
    uint64_t repeated = 0, gaps = 0;
    for (unsigned i = 0; i < CLASSES; i++) {
        fprintf(file, "%s%lu", i ? "," : "\"last\":[", classes[i].last);
        repeated += classes[i].repeated;
        gaps += classes[i].gaps;
    }
    fprintf(file, "],\"repeated\":%lu,\"gaps\":%lu,", repeated, gaps);
}

static void write_stats(struct shared *s, const char *path) {
    char beside[512];
    snprintf(beside, sizeof beside, "%s.new", path);
    FILE *file = fopen(beside, "w");
    if (!file) {
        return;
    }
    pthread_mutex_lock(&s->lock);
    fprintf(file, "{\"events\":%lu,\"requests\":%lu,\"wire_bytes\":%lu,\"body_bytes\":%lu,",
            s->events, s->requests, s->wire_bytes, s->body_bytes);
    put_latency(file, &s->latency);
    put_classes(file, s->classes);
    put_streams(file, &s->ids);
    fprintf(file, "\"unreadable\":%lu,\"back_ns\":%ld,\"time_ns\":%ld}\n", s->ids.unreadable,
            s->back_ns, wall_ns());
    if (s->samples) {
        fflush(s->samples);
    }
    pthread_mutex_unlock(&s->lock);
    fclose(file);
    rename(beside, path);
}

/* ---- events ----------------------------------------------------------------------- */

/* Value of header `name` in the NUL-terminated head; empty if absent. */
static void header(const char *head, const char *name, char *value, size_t size) {
    value[0] = 0;
    size_t length = strlen(name);
    for (const char *line = head; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *text = line + length + 1 + strspn(line + length + 1, " ");
            snprintf(value, size, "%.*s", (int) strcspn(text, "\r\n"), text);
            return;
        }
    }
}

static uint64_t header_number(const char *head, const char *name) {
    char value[64];
    uint64_t number = 0;
    header(head, name, value, sizeof value);
    return gw_str_to_u64(gw_str_from_cstr(value), UINT64_MAX, &number) ? 0 : number;
}

static unsigned class_number(const char *name) {
    static const char *const names[CLASSES] = {"business", "state", "telemetry", "audit"};
    for (unsigned i = 0; i < CLASSES; i++) {
        if (strcmp(name, names[i]) == 0) {
            return i;
        }
    }
    return 0;
}

/* The text value of `key` (with its quotes and colon) in the event; NULL without. */
static const char *text_of(const char *event, const char *end, const char *key,
                           size_t *ret_len) {
    size_t key_len = strlen(key);
    const char *text = memmem(event, (size_t) (end - event), key, key_len);
    const char *quote =
        text ? memchr(text + key_len, '"', (size_t) (end - text) - key_len) : NULL;
    if (!quote) {
        return NULL;
    }
    *ret_len = (size_t) (quote - text) - key_len;
    return text + key_len;
}

static void note_new(struct shared *s, struct gw_sink_stream *stream, int64_t sent_ns,
                     int64_t now_ns) {
    stream->first_ns = stream->first_ns ? stream->first_ns : now_ns;
    stream->last_ns = now_ns;
    if (sent_ns <= 0 || sent_ns > now_ns) {
        return;
    }
    uint64_t us = (uint64_t) (now_ns - sent_ns) / 1000;
    gw_histogram_add(&stream->latency, us);
    gw_histogram_add(&s->latency, us);
    if (!stream->level_ns && now_ns - sent_ns < s->level_ns) {
        stream->level_ns = now_ns;
    }
    if (s->samples && strcmp(stream->run, s->samples_run) == 0) {
        fprintf(s->samples, "%ld %ld\n", sent_ns, now_ns);
    }
}

static void see_event(struct shared *s, const char *event, const char *end, bool is_new,
                      int64_t now_ns) {
    size_t id_len = 0, time_len = 0;
    const char *id = text_of(event, end, "\"raw\":\"", &id_len);
    const char *sent = text_of(event, end, "\"symbology\":\"", &time_len);
    struct gw_sink_stream *stream = NULL;
    if (id && gw_sink_see(&s->ids, id, id_len, is_new, &stream) == GW_SINK_NEW) {
        int64_t sent_ns = 0;
        bool is_told =
            sent && !gw_str_to_i64((struct gw_str){sent, time_len}, 0, INT64_MAX, &sent_ns);
        note_new(s, stream, is_told ? sent_ns : 0, now_ns);
    }
}

/* Whether the sequence is new for its class. */
static bool see_sequence(struct class_figures *class, uint64_t sequence) {
    class->events++;
    if (sequence <= class->last) {
        class->repeated++;
        return false;
    }
    class->gaps += sequence != class->last + 1;
    class->last = sequence;
    return true;
}

/* The number that stands there, up to its closing quote. */
static uint64_t sequence_at(const char *text, const char *end) {
    const char *quote = memchr(text, '"', (size_t) (end - text));
    struct gw_str digits = {text, quote ? (size_t) (quote - text) : 0};
    uint64_t number = 0;
    return gw_str_to_u64(digits, UINT64_MAX, &number) ? 0 : number;
}

/* Walk the events of one body, whose sequences are to be first, first + 1, ... */
static uint64_t walk(struct shared *s, struct class_figures *class, const char *body,
                     size_t length, uint64_t first) {
    static const char key[] = "\"sequence\":\"";
    const char *end = body + length;
    const char *at = memmem(body, length, key, sizeof key - 1);
    uint64_t count = 0;
    int64_t now = wall_ns();
    while (at) {
        const char *rest = at + sizeof key - 1;
        uint64_t sequence = sequence_at(rest, end);
        at = memmem(rest, (size_t) (end - rest), key, sizeof key - 1);
        class->gaps += sequence != first + count;
        see_event(s, rest, at ? at : end, see_sequence(class, sequence), now);
        count++;
    }
    return count;
}

static int read_all(SSL *tls, char *into, size_t wanted) {
    while (wanted) {
        int got = SSL_read(tls, into, wanted > 1 << 20 ? 1 << 20 : (int) wanted);
        if (got <= 0) {
            return -1;
        }
        into += got;
        wanted -= (size_t) got;
    }
    return 0;
}

static void answer(SSL *tls, const char *head) {
    char epoch[64], class[32], body[512], reply[1024];
    header(head, "Gangway-Epoch", epoch, sizeof epoch);
    header(head, "Gangway-Class", class, sizeof class);
    int body_length = snprintf(
        body, sizeof body,
        "{\"contract\":1,\"epoch\":\"%s\",\"class\":\"%s\",\"first\":%lu,\"last\":%lu}", epoch,
        class, header_number(head, "Gangway-First"), header_number(head, "Gangway-Last"));
    int length = snprintf(reply, sizeof reply,
                          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                          "Content-Length: %d\r\n\r\n%s",
                          body_length, body);
    SSL_write(tls, reply, length);
}

static void take_body(struct shared *s, const char *head, const char *body, size_t length,
                      char *plain) {
    char encoding[16], class[32];
    header(head, "Content-Encoding", encoding, sizeof encoding);
    header(head, "Gangway-Class", class, sizeof class);
    const char *text = body;
    size_t text_length = length;
    if (strcmp(encoding, "zstd") == 0) {
        size_t got = ZSTD_decompress(plain, BODY_MAX, body, length);
        text = plain;
        text_length = ZSTD_isError(got) ? 0 : got;
    }
    struct class_figures *figures = &s->classes[class_number(class)];
    pthread_mutex_lock(&s->lock);
    char epoch[sizeof figures->epoch];
    header(head, "Gangway-Epoch", epoch, sizeof epoch);
    if (strcmp(epoch, figures->epoch) != 0) {
        memcpy(figures->epoch, epoch, sizeof epoch);
        figures->last = 0;
    }
    s->events += walk(s, figures, text, text_length, header_number(head, "Gangway-First"));
    s->wire_bytes += length;
    s->body_bytes += text_length;
    s->requests++;
    pthread_mutex_unlock(&s->lock);
}

/* One request after the other until the peer leaves. */
static void serve(struct shared *s, SSL *tls, char *in, char *plain) {
    size_t have = 0;
    for (;;) {
        char *end = memmem(in, have, "\r\n\r\n", 4);
        if (!end) {
            int got = have < 65536 ? SSL_read(tls, in + have, (int) (65536 - have)) : 0;
            if (got <= 0) {
                return;
            }
            have += (size_t) got;
            continue;
        }
        size_t head_length = (size_t) (end - in) + 4;
        static _Thread_local char head[65537];
        memcpy(head, in, head_length);
        head[head_length] = 0;
        size_t length = header_number(head, "Content-Length"), rest = have - head_length;
        if (length > BODY_MAX) {
            return;
        }
        size_t first_part = rest < length ? rest : length;
        memmove(in, in + head_length, rest);
        if (read_all(tls, in + first_part, length - first_part)) {
            return;
        }
        take_body(s, head, in, length, plain);
        answer(tls, head);
        have = rest - first_part;
        memmove(in, in + length, have);
    }
}

/* ---- connections ------------------------------------------------------------------ */

static void *run_connection(void *argument) {
    struct connection connection = *(struct connection *) argument;
    struct shared *s = connection.shared;
    free(argument);
    int on = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL *tls = SSL_new(s->tls);
    char *in = malloc(BODY_MAX + 65536), *plain = malloc(BODY_MAX);
    SSL_set_fd(tls, connection.fd);
    if (in && plain && SSL_accept(tls) == 1) {
        serve(s, tls, in, plain);
    }
    SSL_free(tls);
    free(in);
    free(plain);
    pthread_mutex_lock(&s->lock);
    s->fds[connection.slot] = -1;
    pthread_mutex_unlock(&s->lock);
    close(connection.fd);
    return NULL;
}

/* Signals are the main thread's: it waits in accept and must hear of them at once. */
static bool start_thread(void *(*run)(void *), void *argument) {
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    bool started = pthread_create(&thread, NULL, run, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started) {
        pthread_detach(thread);
    }
    return started;
}

static void take_connection(struct shared *s, int fd) {
    struct timeval none = {0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
    pthread_mutex_lock(&s->lock);
    unsigned slot = 0;
    while (slot < CONNECTIONS && s->fds[slot] >= 0) {
        slot++;
    }
    struct connection *connection = slot < CONNECTIONS ? malloc(sizeof *connection) : NULL;
    if (connection) {
        *connection = (struct connection){s, slot, fd};
        s->fds[slot] = fd;
    }
    pthread_mutex_unlock(&s->lock);
    if (!connection) {
        close(fd);
    } else if (!start_thread(run_connection, connection)) {
        fprintf(stderr, "fast_sink: no thread\n");
        exit(1);
    }
}

static void end_connections(struct shared *s) {
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        if (s->fds[i] >= 0) {
            shutdown(s->fds[i], SHUT_RDWR); /* its thread closes it */
        }
    }
    pthread_mutex_unlock(&s->lock);
}

static void note_back(struct shared *s) {
    pthread_mutex_lock(&s->lock);
    s->back_ns = wall_ns();
    for (unsigned i = 0; i < GW_SINK_STREAMS; i++) {
        s->ids.streams[i].level_ns = 0;
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- start and end ----------------------------------------------------------------- */

struct options {
    const char *cert, *key, *ca, *stats, *samples, *samples_run;
    uint64_t port, level_ms;
};

static const struct gw_option_row option_rows[] = {
    {"port", GW_OPTION_NUMBER, offsetof(struct options, port), 65535, "of 127.0.0.1"},
    {"cert", GW_OPTION_TEXT, offsetof(struct options, cert), 0, "file, chain in PEM"},
    {"key", GW_OPTION_TEXT, offsetof(struct options, key), 0, "file, PEM"},
    {"ca", GW_OPTION_TEXT, offsetof(struct options, ca), 0, "file, of the clients, PEM"},
    {"stats", GW_OPTION_TEXT, offsetof(struct options, stats), 0,
     "file, replaced five times a second"},
    {"level-ms", GW_OPTION_NUMBER, offsetof(struct options, level_ms), 3600000, "[250]"},
    {"samples", GW_OPTION_TEXT, offsetof(struct options, samples), 0, "file"},
    {"samples-run", GW_OPTION_TEXT, offsetof(struct options, samples_run), 0,
     "whose events go there"},
};

static bool parse_options(int argc, char **argv, struct options *options) {
    return gw_options_parse(option_rows, GW_ARRAY_LEN(option_rows), argc, argv, options)
           && options->port > 0 && options->cert && options->key && options->ca
           && options->stats;
}

static int listen_on(uint64_t port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t) port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct timeval wait = {.tv_usec = 200000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    if (bind(fd, (struct sockaddr *) &address, sizeof address) || listen(fd, 16)) {
        perror("fast_sink: listen");
        exit(1);
    }
    return fd;
}

static SSL_CTX *make_tls(const struct options *options) {
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    if (SSL_CTX_load_verify_locations(tls, options->ca, NULL) != 1
        || SSL_CTX_use_certificate_chain_file(tls, options->cert) != 1
        || SSL_CTX_use_PrivateKey_file(tls, options->key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "fast_sink: certificate, key or CA not readable\n");
        exit(1);
    }
    return tls;
}

/* One turn of at most 200 ms. Returns the listener, -1 while away. */
static int run_turn(struct shared *s, int listener, uint64_t port) {
    if (atomic_load(&wanted_away)) {
        if (listener >= 0) {
            close(listener);
            end_connections(s);
        }
        struct timespec nap = {.tv_nsec = 20000000};
        nanosleep(&nap, NULL);
        return -1;
    }
    if (listener < 0) {
        listener = listen_on(port);
        note_back(s);
    }
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        take_connection(s, fd);
    }
    return listener;
}

static void handle_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaction(numbers[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv) {
    static struct shared shared = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct options options = {.level_ms = 250, .samples_run = ""};
    if (!parse_options(argc, argv, &options)) {
        gw_options_complain("fast_sink", option_rows, GW_ARRAY_LEN(option_rows));
        return 2;
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        shared.fds[i] = -1;
    }
    shared.tls = make_tls(&options);
    shared.level_ns = (int64_t) options.level_ms * 1000000;
    shared.samples_run = options.samples_run;
    shared.samples = options.samples ? fopen(options.samples, "w") : NULL;
    handle_signals();
    int listener = -1;
    while (!atomic_load(&stopping)) {
        listener = run_turn(&shared, listener, options.port);
        write_stats(&shared, options.stats);
    }
    write_stats(&shared, options.stats);
    return 0;
}
