/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A middleware that costs nearly nothing, so that benchmarks measure the
 * gateway: HTTPS with a required client certificate, contract gangway-ingest v1
 * for the good case only. It keeps nothing; it checks that the sequences in each
 * body are exactly First..Last of the request and follow the last ones of that
 * class, counts, and measures latency where the events carry their send time in
 * ns as `symbology` (the bench's device settings make it so).
 *
 *   fast_sink --port P --cert F --key F --ca F --stats FILE
 *
 * The stats file is replaced five times a second with one JSON object.
 * One thread per connection (linkd opens a handful), ended by SIGTERM.
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

enum { BODY_MAX = 16 << 20, BUCKETS = 4096, CLASSES = 4 };

struct shared {
    _Atomic uint64_t events, requests, wire_bytes, body_bytes, order_errors, latencies;
    _Atomic uint64_t bucket[BUCKETS]; /* 64 per power of two of microseconds */
    _Atomic uint64_t last[CLASSES];
    SSL_CTX *tls;
};

struct connection {
    struct shared *shared;
    int fd;
};

static volatile sig_atomic_t stopping;

static void on_signal(int number) {
    (void) number;
    stopping = 1;
}

static uint64_t wall_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

static size_t bucket_of(uint64_t us) {
    if (us < 64) {
        return us;
    }
    unsigned power = 63u - (unsigned) __builtin_clzll(us);
    return (size_t) (power - 5) * 64 + (us >> (power - 6) & 63);
}

static uint64_t bucket_us(size_t bucket) {
    if (bucket < 64) {
        return bucket;
    }
    unsigned power = (unsigned) (bucket / 64) + 5;
    return (UINT64_C(1) << power) + ((uint64_t) (bucket % 64) << (power - 6));
}

static uint64_t percentile(struct shared *s, double share) {
    uint64_t total = s->latencies, seen = 0;
    for (size_t i = 0; i < BUCKETS && total; i++) {
        seen += s->bucket[i];
        if ((double) seen >= share * (double) total) {
            return bucket_us(i);
        }
    }
    return 0;
}

static void write_stats(struct shared *s, const char *path) {
    char beside[512];
    snprintf(beside, sizeof beside, "%s.new", path);
    FILE *file = fopen(beside, "w");
    if (!file) {
        return;
    }
    fprintf(file,
            "{\"events\":%lu,\"requests\":%lu,\"wire_bytes\":%lu,\"body_bytes\":%lu,"
            "\"order_errors\":%lu,\"latencies\":%lu,\"p50_us\":%lu,\"p99_us\":%lu,"
            "\"last\":[%lu,%lu,%lu,%lu],\"time_ns\":%lu}\n",
            s->events, s->requests, s->wire_bytes, s->body_bytes, s->order_errors, s->latencies,
            percentile(s, 0.50), percentile(s, 0.99), s->last[0], s->last[1], s->last[2],
            s->last[3], wall_ns());
    fclose(file);
    rename(beside, path);
}

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
    header(head, name, value, sizeof value);
    return strtoull(value, NULL, 10);
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

static void measure(struct shared *s, const char *event, const char *end, uint64_t now) {
    static const char key[] = "\"symbology\":\"";
    const char *text = memmem(event, (size_t) (end - event), key, sizeof key - 1);
    uint64_t sent = text ? strtoull(text + sizeof key - 1, NULL, 10) : 0;
    if (sent && sent < now) {
        size_t bucket = bucket_of((now - sent) / 1000);
        s->bucket[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
        s->latencies++;
    }
}

/* Walk the events of one body; number of events, order checked. */
static uint64_t walk(struct shared *s, const char *body, size_t length, uint64_t first) {
    static const char key[] = "\"sequence\":\"";
    uint64_t count = 0, now = wall_ns(), expected = first;
    const char *end = body + length, *at = body;
    while ((at = memmem(at, (size_t) (end - at), key, sizeof key - 1))) {
        at += sizeof key - 1;
        s->order_errors += strtoull(at, NULL, 10) != expected;
        expected++;
        count++;
        const char *next = memmem(at, (size_t) (end - at), key, sizeof key - 1);
        measure(s, at, next ? next : end, now);
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
    uint64_t first = header_number(head, "Gangway-First");
    unsigned number = class_number(class);
    s->order_errors += s->last[number] && first != s->last[number] + 1;
    s->events += walk(s, text, text_length, first);
    s->last[number] = header_number(head, "Gangway-Last");
    s->wire_bytes += length;
    s->body_bytes += text_length;
    s->requests++;
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

static void *run_connection(void *argument) {
    struct connection connection = *(struct connection *) argument;
    free(argument);
    int on = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL *tls = SSL_new(connection.shared->tls);
    char *in = malloc(BODY_MAX + 65536), *plain = malloc(BODY_MAX);
    SSL_set_fd(tls, connection.fd);
    if (in && plain && SSL_accept(tls) == 1) {
        serve(connection.shared, tls, in, plain);
    }
    SSL_free(tls);
    free(in);
    free(plain);
    close(connection.fd);
    return NULL;
}

static const char *option(int count, char **words, const char *name) {
    for (int i = 1; i + 1 < count; i++) {
        if (strcmp(words[i], name) == 0) {
            return words[i + 1];
        }
    }
    fprintf(stderr, "fast_sink: %s is missing\n", name);
    exit(2);
}

static int listen_on(const char *port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t) strtoul(port, NULL, 10)),
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

int main(int count, char **words) {
    static struct shared shared;
    shared.tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_verify(shared.tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    if (SSL_CTX_load_verify_locations(shared.tls, option(count, words, "--ca"), NULL) != 1
        || SSL_CTX_use_certificate_chain_file(shared.tls, option(count, words, "--cert")) != 1
        || SSL_CTX_use_PrivateKey_file(shared.tls, option(count, words, "--key"),
                                       SSL_FILETYPE_PEM)
               != 1) {
        fprintf(stderr, "fast_sink: certificate, key or CA not readable\n");
        return 1;
    }
    const char *stats = option(count, words, "--stats");
    int listener = listen_on(option(count, words, "--port"));
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    while (!stopping) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        write_stats(&shared, stats);
        if (fd < 0) {
            continue;
        }
        struct timeval none = {0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
        struct connection *connection = malloc(sizeof *connection);
        *connection = (struct connection){&shared, fd};
        pthread_t thread;
        if (pthread_create(&thread, NULL, run_connection, connection) == 0) {
            pthread_detach(thread);
        }
    }
    write_stats(&shared, stats);
    return 0;
}
