/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes through a stream: none lost, none doubled, whatever the socket does. */
#include "tests/unit/firmware/crypto/tls_fixture.h"

#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#define DEVICE "gateway-GW-TEST-1"
#define TOTAL ((size_t) 1 << 20)

static struct gw_test_pki pki;
static struct gw_tls_server *server;
static uint8_t pattern[TOTAL];
static uint8_t heard[TOTAL + 64];

static const enum version versions[] = {TLS_1_2,
#if HAS_TLS_1_3
                                        TLS_1_3
#endif
};

static void connect_pair(enum version version, struct pair *ret_pair) {
    struct client_wish wish = {
        .certificate = DEVICE, .version = version, .renegotiates = version == TLS_1_2};
    open_pair(server, &pki, &wish, ret_pair);
    expect_connected(ret_pair);
}

static enum gw_err read_some(struct pair *pair, void *dst, size_t cap, size_t *ret_len) {
    return gw_tls_stream_read(pair->stream, dst, cap, ret_len);
}

/* ---- reading ------------------------------------------------------------ */

static void pending_bytes_are_told_until_the_last_one_is_read(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(versions); i++) {
        struct pair pair;
        connect_pair(versions[i], &pair);
        assert_int_equal(read_some(&pair, heard, 10, &(size_t){0}), GW_ERR_RETRY);
        assert_false(gw_tls_stream_has_pending(pair.stream));
        assert_false(gw_tls_stream_wants_write(pair.stream));
        for (size_t n = 0; n < 30; n++) {
            client_say(&pair.client, pattern + n * 100, 100);
        }
        size_t total = 0;
        do {
            size_t len = 0;
            assert_int_equal(read_some(&pair, heard + total, 7, &len), GW_OK);
            assert_true(len >= 1 && len <= 7);
            total += len;
        } while (gw_tls_stream_has_pending(pair.stream));
        assert_int_equal(total, 3000);
        assert_memory_equal(heard, pattern, total);
        assert_int_equal(read_some(&pair, heard, 10, &(size_t){0}), GW_ERR_RETRY);
        close_pair(&pair);
    }
}

static void bytes_that_came_with_the_last_flight_are_pending(void **state) {
    (void) state;
    struct pair pair;
    connect_pair(TLS_1_2, &pair);
    close_pair(&pair);
#if HAS_TLS_1_3
    open_pair(server, &pki, &(struct client_wish){.certificate = DEVICE, .version = TLS_1_3},
              &pair);
    pair.err = GW_ERR_RETRY;
    for (int i = 0; i < 10; i++) {
        pair.client.code = mbedtls_ssl_handshake(&pair.client.ssl);
        if (pair.client.code == 0) {
            break;
        }
        pair.err = gw_tls_stream_handshake(pair.stream);
    }
    assert_int_equal(pair.client.code, 0);
    assert_int_equal(pair.err, GW_ERR_RETRY);
    client_say(&pair.client, "connect", 7);
    assert_int_equal(gw_tls_stream_handshake(pair.stream), GW_OK);
    assert_true(gw_tls_stream_has_pending(pair.stream));
    size_t len = 0;
    assert_int_equal(read_some(&pair, heard, 10, &len), GW_OK);
    assert_int_equal(len, 7);
    close_pair(&pair);
#endif
}

static void large_records_in_pieces_arrive_whole(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(versions); i++) {
        struct pair pair;
        size_t said = 0;
        size_t total = 0;
        connect_pair(versions[i], &pair);
        while (total < TOTAL) {
            size_t want = TOTAL - said < 20000 ? TOTAL - said : 20000;
            int n = want ? mbedtls_ssl_write(&pair.client.ssl, pattern + said, want) : 0;
            said += n > 0 ? (size_t) n : 0;
            size_t len = 0;
            enum gw_err err = read_some(&pair, heard + total, 5000, &len);
            assert_true(err == GW_OK || err == GW_ERR_RETRY);
            total += len;
        }
        assert_memory_equal(heard, pattern, TOTAL);
        close_pair(&pair);
    }
}

static void calls_before_the_handshake_and_of_no_size_are_invalid(void **state) {
    (void) state;
    struct pair pair;
    size_t len = 7;
    open_pair(server, &pki, &(struct client_wish){.certificate = DEVICE}, &pair);
    assert_int_equal(read_some(&pair, heard, 10, &len), GW_ERR_INVALID);
    assert_int_equal(stream_write(&pair, "x", 1, &len), GW_ERR_INVALID);
    assert_false(gw_tls_stream_has_pending(pair.stream));
    expect_connected(&pair);
    assert_int_equal(read_some(&pair, heard, 0, &len), GW_ERR_INVALID);
    assert_int_equal(len, 7);
    assert_int_equal(stream_write(&pair, NULL, 0, &len), GW_OK);
    assert_int_equal(len, 0);
    close_pair(&pair);
}

/* ---- writing ------------------------------------------------------------ */

/* The client reads until it would wait; returns how much. */
static size_t hear_all(struct pair *pair, size_t at) {
    size_t total = 0;
    for (;;) {
        int n = client_hear(&pair->client, heard + at + total, sizeof(heard) - at - total);
        if (n <= 0) {
            assert_true(is_waiting(n));
            return total;
        }
        total += (size_t) n;
    }
}

static void a_full_socket_loses_and_doubles_nothing(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(versions); i++) {
        struct pair pair;
        size_t offered = 1000;
        size_t written = 0;
        size_t total = 0;
        size_t retries = 0;
        connect_pair(versions[i], &pair);
        while (written < TOTAL) {
            size_t len = 0;
            enum gw_err err = stream_write(&pair, pattern + written, offered, &len);
            written += len;
            if (err == GW_OK) {
                offered -= len;
            } else {
                assert_int_equal(err, GW_ERR_RETRY);
                assert_true(gw_tls_stream_wants_write(pair.stream));
                assert_int_equal(len, 0);
                retries++;
                total += hear_all(&pair, total);
            }
            offered += gw_random_below(30000); /* more at the same start */
            offered = offered < TOTAL - written ? offered : TOTAL - written;
        }
        total += hear_all(&pair, total);
        assert_true(retries > 3);
        assert_int_equal(total, TOTAL);
        assert_memory_equal(heard, pattern, TOTAL);
        close_pair(&pair);
    }
}

static void a_write_that_waits_wants_all_of_its_bytes_again(void **state) {
    (void) state;
    struct pair pair;
    size_t len = 7;
    connect_pair(ANY_VERSION, &pair);
    (void) hear_all(&pair, 0);
    send_script.limited = true;
    send_script.room = 20;
    assert_int_equal(stream_write(&pair, "abcdef", 6, &len), GW_ERR_RETRY);
    send_script.room = 1000;
    assert_int_equal(stream_write(&pair, "abcde", 5, &len), GW_ERR_INVALID);
    assert_int_equal(len, 7);
    assert_int_equal(stream_write(&pair, "abcdefgh", 8, &len), GW_OK);
    assert_int_equal(len, 6);
    assert_int_equal(stream_write(&pair, "gh", 2, &len), GW_OK);
    assert_int_equal(len, 2);
    send_script.limited = false;
    assert_int_equal(hear_all(&pair, 0), 8);
    assert_memory_equal(heard, "abcdefgh", 8);
    close_pair(&pair);
}

/* The client asks for a renegotiation: mbedTLS has an alert to send out of a read. */
static void ask_renegotiation(struct pair *pair) {
    int code = mbedtls_ssl_renegotiate(&pair->client.ssl);
    assert_true(is_waiting(code));
}

static void renegotiation_is_refused_and_the_connection_goes_on(void **state) {
    (void) state;
    struct pair pair;
    size_t len = 0;
    connect_pair(TLS_1_2, &pair);
    ask_renegotiation(&pair);
    assert_int_equal(read_some(&pair, heard, 10, &len), GW_ERR_RETRY);
    assert_int_equal(stream_write(&pair, "after", 5, &len), GW_OK);
    assert_int_equal(client_hear(&pair.client, heard, 10), 5);
    assert_memory_equal(heard, "after", 5);
    close_pair(&pair);
}

static void an_alert_that_waits_takes_nothing_of_the_next_write(void **state) {
    (void) state;
    struct pair pair;
    size_t len = 0;
    connect_pair(TLS_1_2, &pair);
    ask_renegotiation(&pair);
    send_script.limited = true;
    send_script.room = 3;
    assert_int_equal(read_some(&pair, heard, 10, &len), GW_ERR_RETRY);
    assert_true(gw_tls_stream_wants_write(pair.stream));
    assert_int_equal(stream_write(&pair, "after", 5, &len), GW_ERR_RETRY);
    send_script.limited = false;
    assert_int_equal(stream_write(&pair, "after", 5, &len), GW_OK);
    assert_int_equal(len, 5);
    assert_int_equal(client_hear(&pair.client, heard, 10), 5);
    assert_memory_equal(heard, "after", 5);
    assert_true(is_waiting(client_hear(&pair.client, heard, 10)));
    close_pair(&pair);
}

static void a_read_that_flushes_a_waiting_write_does_not_double_it(void **state) {
    (void) state;
    struct pair pair;
    size_t len = 0;
    connect_pair(TLS_1_2, &pair);
    send_script.limited = true;
    send_script.room = 3;
    assert_int_equal(stream_write(&pair, "once", 4, &len), GW_ERR_RETRY);
    ask_renegotiation(&pair);
    send_script.room = 1000; /* the read that wants to send an alert flushes first */
    assert_int_equal(read_some(&pair, heard, 10, &len), GW_ERR_RETRY);
    assert_true(send_script.room < 1000);
    assert_int_equal(stream_write(&pair, "once", 4, &len), GW_OK);
    assert_int_equal(len, 4);
    send_script.limited = false;
    assert_int_equal(stream_write(&pair, "twice", 5, &len), GW_OK);
    assert_int_equal(client_hear(&pair.client, heard, 10), 4);
    assert_int_equal(client_hear(&pair.client, heard, 10), 5);
    assert_memory_equal(heard, "twice", 5);
    close_pair(&pair);
}

/* ---- the end ------------------------------------------------------------ */

static void close_notify_goes_both_ways(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(versions); i++) {
        struct pair pair;
        size_t len;
        connect_pair(versions[i], &pair);
        client_say(&pair.client, "last", 4);
        assert_int_equal(mbedtls_ssl_close_notify(&pair.client.ssl), 0);
        assert_int_equal(read_some(&pair, heard, 10, &len), GW_OK);
        assert_true(gw_tls_stream_has_pending(pair.stream));
        assert_int_equal(read_some(&pair, heard, 10, &len), GW_ERR_NOCONN);
        assert_string_equal(gw_tls_stream_reason(pair.stream),
                            "the peer closed the connection");
        assert_int_equal(stream_write(&pair, "x", 1, &len), GW_ERR_NOCONN);
        close_pair(&pair);

        connect_pair(versions[i], &pair);
        close_stream(&pair);
        assert_int_equal(client_hear(&pair.client, heard, 10),
                         MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
        close_pair(&pair);
    }
}

static void closing_does_not_wait_for_a_full_socket(void **state) {
    (void) state;
    struct pair pair;
    size_t len;
    connect_pair(ANY_VERSION, &pair);
    (void) hear_all(&pair, 0);
    send_script.limited = true;
    send_script.room = 10;
    assert_int_equal(stream_write(&pair, "cut off", 7, &len), GW_ERR_RETRY);
    close_stream(&pair);
    send_script.limited = false;
    assert_int_equal(client_hear(&pair.client, heard, 10), 0);
    close_pair(&pair);
}

static void what_waits_is_sent_before_close_notify(void **state) {
    (void) state;
    struct pair pair;
    size_t len;
    connect_pair(ANY_VERSION, &pair);
    (void) hear_all(&pair, 0);
    send_script.limited = true;
    send_script.room = 10;
    assert_int_equal(stream_write(&pair, "whole", 5, &len), GW_ERR_RETRY);
    send_script.limited = false;
    close_stream(&pair);
    assert_int_equal(client_hear(&pair.client, heard, 10), 5);
    assert_int_equal(client_hear(&pair.client, heard, 10), MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
    close_pair(&pair);
}

/* A connected TCP pair on 127.0.0.1 in place of the socketpair. */
static void use_tcp(int ends[2]) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *) &address, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *) &address, &len), 0);
    ends[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ends[1], (struct sockaddr *) &address, len), 0);
    ends[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(ends[0] >= 0);
    int on = 1; /* else a flight of small sends waits for a delayed ACK */
    assert_int_equal(setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    assert_int_equal(setsockopt(ends[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    (void) close(listener);
}

static void connect_tcp(enum version version, struct pair *ret_pair) {
    int ends[2];
    use_tcp(ends);
    *ret_pair = (struct pair){.server = server, .fd = ends[0]};
    client_open(&ret_pair->client, &pki,
                &(struct client_wish){.certificate = DEVICE, .version = version}, ends[1]);
    assert_int_equal(gw_tls_stream_open(server, ends[0], &ret_pair->stream), GW_OK);
    expect_connected(ret_pair);
}

static void a_reset_ends_the_stream_without_a_signal(void **state) {
    (void) state;
    struct pair pair;
    size_t len = 0;
    connect_tcp(ANY_VERSION, &pair);
    struct linger now = {.l_onoff = 1};
    assert_int_equal(setsockopt(pair.client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    (void) close(pair.client.fd);
    pair.client.fd = -1;
    enum gw_err err = GW_OK;
    for (int i = 0; i < 1000 && err == GW_OK; i++) { /* EPIPE at the latest */
        err = stream_write(&pair, pattern, 1000, &len);
    }
    assert_int_equal(err, GW_ERR_NOCONN);
    expect_reason(pair.stream, "the connection broke: ");
    assert_int_equal(read_some(&pair, heard, 10, &len), GW_ERR_NOCONN);
    close_pair(&pair);
}

static void a_record_that_does_not_decrypt_ends_the_stream(void **state) {
    (void) state;
    static const uint8_t forged[40] = {0x17, 3, 3, 0, 35};
    for (size_t i = 0; i < GW_ARRAY_LEN(versions); i++) {
        struct pair pair;
        size_t len;
        connect_pair(versions[i], &pair);
        assert_int_equal(sendto(pair.client.fd, forged, sizeof(forged), 0, NULL, 0), 40);
        assert_int_equal(read_some(&pair, heard, 10, &len), GW_ERR_PARSE);
        expect_reason(pair.stream, "no valid TLS from the client");
        assert_int_equal(read_some(&pair, heard, 10, &len), GW_ERR_PARSE);
        close_pair(&pair);
    }
}

static void a_flood_of_warnings_does_not_hold_the_thread(void **state) {
    (void) state;
    struct pair pair;
    size_t len;
    int left = 0;
    connect_tcp(TLS_1_2, &pair);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(mbedtls_ssl_send_alert_message(&pair.client.ssl,
                                                        MBEDTLS_SSL_ALERT_LEVEL_WARNING,
                                                        MBEDTLS_SSL_ALERT_MSG_USER_CANCELED),
                         0);
    }
    client_say(&pair.client, "scan", 4);
    assert_int_equal(read_some(&pair, heard, 10, &len), GW_ERR_RETRY);
    assert_false(gw_tls_stream_wants_write(pair.stream));
    assert_false(gw_tls_stream_has_pending(pair.stream));
    assert_int_equal(ioctl(pair.fd, FIONREAD, &left), 0);
    assert_true(left > 0);
    for (int i = 0; read_some(&pair, heard, 10, &len) == GW_ERR_RETRY; i++) {
        assert_true(i < 10);
    }
    assert_memory_equal(heard, "scan", 4);
    close_pair(&pair);
}

/* ---- memory ------------------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__)
size_t __sanitizer_get_current_allocated_bytes(void);
static size_t heap_bytes(void) {
    return __sanitizer_get_current_allocated_bytes();
}
#else
static size_t heap_bytes(void) {
    struct mallinfo2 now = mallinfo2();
    return now.uordblks + now.hblkhd;
}
#endif

/* Bytes our side holds after each of its handshake calls; the client's are left
 * out. The last is that of a stream at rest. */
static size_t measure(struct pair *pair, enum version version, size_t *ret_peak) {
    open_pair(server, &pki, &(struct client_wish){.certificate = DEVICE, .version = version},
              pair);
    close_stream(pair); /* once more, alone on the scale */
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    (void) close(pair->client.fd);
    pair->client.fd = ends[1];
    pair->fd = ends[0];
    size_t before = heap_bytes();
    assert_int_equal(gw_tls_stream_open(server, ends[0], &pair->stream), GW_OK);
    size_t held = heap_bytes() - before;
    *ret_peak = held;
    pair->client.code = MBEDTLS_ERR_SSL_WANT_READ;
    pair->err = GW_ERR_RETRY;
    for (int i = 0; i < 100 && (pair->err || pair->client.code); i++) {
        pair->client.code = pair->client.code ? mbedtls_ssl_handshake(&pair->client.ssl) : 0;
        before = heap_bytes();
        pair->err = gw_tls_stream_handshake(pair->stream);
        held += heap_bytes() - before;
        *ret_peak = held > *ret_peak ? held : *ret_peak;
    }
    assert_int_equal(pair->err, GW_OK);
    return held;
}

static void stream_memory_is_what_the_header_says(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(versions); i++) {
        struct pair pair;
        size_t peak = 0;
        size_t held = measure(&pair, versions[i], &peak);
        printf("TLS 1.%d: %zu bytes of heap per stream, %zu in the handshake\n",
               (int) versions[i], held, peak);
        assert_true(held > GW_TLS_STREAM_MEMORY_BYTES / 2);
        assert_true(held <= GW_TLS_STREAM_MEMORY_BYTES);
        assert_true(peak <= GW_TLS_STREAM_MEMORY_BYTES);
        close_pair(&pair);
    }
}

static int open_all(void **state) {
    (void) state;
    if (gw_test_pki_open(&pki, GW_SOURCE_DIR) != GW_OK) {
        return -1;
    }
    gw_random_bytes(pattern, sizeof(pattern));
    server = open_server(&pki, "ca.crt");
    return 0;
}

static int close_all(void **state) {
    (void) state;
    gw_tls_server_close(server);
    gw_test_pki_close(&pki);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pending_bytes_are_told_until_the_last_one_is_read),
        cmocka_unit_test(bytes_that_came_with_the_last_flight_are_pending),
        cmocka_unit_test(large_records_in_pieces_arrive_whole),
        cmocka_unit_test(calls_before_the_handshake_and_of_no_size_are_invalid),
        cmocka_unit_test(a_full_socket_loses_and_doubles_nothing),
        cmocka_unit_test(a_write_that_waits_wants_all_of_its_bytes_again),
        cmocka_unit_test(renegotiation_is_refused_and_the_connection_goes_on),
        cmocka_unit_test(an_alert_that_waits_takes_nothing_of_the_next_write),
        cmocka_unit_test(a_read_that_flushes_a_waiting_write_does_not_double_it),
        cmocka_unit_test(close_notify_goes_both_ways),
        cmocka_unit_test(closing_does_not_wait_for_a_full_socket),
        cmocka_unit_test(what_waits_is_sent_before_close_notify),
        cmocka_unit_test(a_reset_ends_the_stream_without_a_signal),
        cmocka_unit_test(a_record_that_does_not_decrypt_ends_the_stream),
        cmocka_unit_test(a_flood_of_warnings_does_not_hold_the_thread),
        cmocka_unit_test(stream_memory_is_what_the_header_says),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
