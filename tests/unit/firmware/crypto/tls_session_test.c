/* SPDX-License-Identifier: Apache-2.0 */
/* Resumption: saves the handshake, keeps the name, forgets nothing that was
 * refused. The clocks of the test run ahead on request. */
#include "tests/unit/firmware/crypto/tls_fixture.h"

#include <sys/syscall.h>
#include <time.h>

#define DEVICE "gateway-GW-TEST-1"
#define DAY_S (24LL * 60 * 60)

static struct gw_test_pki pki;

/* ---- clocks: the library's wall time and the room's monotonic one -------- */

static struct {
    int64_t wall_s;
    int64_t mono_s;
} ahead;

time_t time(time_t *ret_time) {
    struct timespec now;
    (void) syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    time_t moment = now.tv_sec + ahead.wall_s;
    if (ret_time) {
        *ret_time = moment;
    }
    return moment;
}

int clock_gettime(clockid_t clock, struct timespec *ret_now) {
    long failed = syscall(SYS_clock_gettime, clock, ret_now);
    if (clock == CLOCK_BOOTTIME) {
        ret_now->tv_sec += ahead.mono_s;
    }
    return (int) failed;
}

/* ---- the ways to resume -------------------------------------------------- */

struct way {
    const char *name;
    struct client_wish wish;
};

static const struct way ways[] = {
    {"TLS 1.2, session id",
     {.certificate = DEVICE, .version = TLS_1_2, .no_tickets = true, .credulous = true}},
    {"TLS 1.2, ticket if there is one",
     {.certificate = DEVICE, .version = TLS_1_2, .credulous = true}},
#if HAS_TLS_1_3
    {"TLS 1.3, ticket", {.certificate = DEVICE, .version = TLS_1_3, .credulous = true}},
#endif
};

static void connect_with(struct gw_tls_server *server, const struct client_wish *wish,
                         const mbedtls_ssl_session *session, struct pair *ret_pair) {
    open_pair(server, &pki, wish, ret_pair);
    if (session) {
        assert_int_equal(mbedtls_ssl_set_session(&ret_pair->client.ssl, session), 0);
    }
    shake_hands(ret_pair);
}

/* One exchange, so that a ticket of TLS 1.3 is read, and the session of it. */
static void take_session(struct pair *pair, mbedtls_ssl_session *ret_session) {
    uint8_t byte = 0;
    size_t len = 0;
    assert_int_equal(pair->err, GW_OK);
    assert_int_equal(stream_write(pair, "x", 1, &len), GW_OK);
    assert_int_equal(client_hear(&pair->client, &byte, 1), 1);
    mbedtls_ssl_session_init(ret_session);
    assert_int_equal(mbedtls_ssl_get_session(&pair->client.ssl, ret_session), 0);
}

static void first_session(struct gw_tls_server *server, const struct client_wish *wish,
                          mbedtls_ssl_session *ret_session) {
    struct pair pair;
    connect_with(server, wish, NULL, &pair);
    assert_false(gw_tls_stream_is_resumed(pair.stream));
    take_session(&pair, ret_session);
    close_pair(&pair);
}

/* Connects, and says whether it was by resumption. */
static bool resumes(struct gw_tls_server *server, const struct client_wish *wish,
                    const mbedtls_ssl_session *session) {
    struct pair pair;
    connect_with(server, wish, session, &pair);
    if (pair.err) {
        fail_msg("%s '%s'", gw_err_name(pair.err), gw_tls_stream_reason(pair.stream));
    }
    assert_true(gw_str_eq(gw_tls_stream_peer_cn(pair.stream),
                          wish->certificate ? GW_STR("GW-TEST-1") : GW_STR("")));
    bool resumed = gw_tls_stream_is_resumed(pair.stream);
    close_pair(&pair);
    return resumed;
}

static void a_resumed_session_keeps_the_name_of_the_verified_peer(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(ways); i++) {
        struct gw_tls_server *server = open_server(&pki, "ca.crt");
        mbedtls_ssl_session session;
        first_session(server, &ways[i].wish, &session);
        /* It could not show a certificate: the name is of the session. */
        struct client_wish bare = ways[i].wish;
        struct pair pair;
        bare.certificate = NULL;
        connect_with(server, &bare, &session, &pair);
        if (pair.err || !gw_tls_stream_is_resumed(pair.stream)) {
            fail_msg("%s: not resumed, %s '%s'", ways[i].name, gw_err_name(pair.err),
                     gw_tls_stream_reason(pair.stream));
        }
        assert_true(gw_str_eq(gw_tls_stream_peer_cn(pair.stream), GW_STR("GW-TEST-1")));
        close_pair(&pair);
        mbedtls_ssl_session_free(&session);
        gw_tls_server_close(server);
    }
}

static void sessions_of_resumed_sessions_resume_as_well(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(ways); i++) {
        struct gw_tls_server *server = open_server(&pki, "ca.crt");
        mbedtls_ssl_session session;
        first_session(server, &ways[i].wish, &session);
        for (int n = 0; n < 5; n++) {
            struct pair pair;
            connect_with(server, &ways[i].wish, &session, &pair);
            assert_true(gw_tls_stream_is_resumed(pair.stream));
            mbedtls_ssl_session_free(&session);
            take_session(&pair, &session);
            close_pair(&pair);
        }
        mbedtls_ssl_session_free(&session);
        gw_tls_server_close(server);
    }
}

static void without_client_certificates_sessions_resume_without_a_name(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(ways); i++) {
        struct gw_tls_server *server = open_server(&pki, NULL);
        struct client_wish wish = ways[i].wish;
        mbedtls_ssl_session session;
        wish.certificate = NULL;
        first_session(server, &wish, &session);
        assert_true(resumes(server, &wish, &session));
        mbedtls_ssl_session_free(&session);
        gw_tls_server_close(server);
    }
}

static void a_session_is_of_one_server_only(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(ways); i++) {
        struct gw_tls_server *server = open_server(&pki, "ca.crt");
        struct gw_tls_server *other = open_server(&pki, "ca.crt");
        mbedtls_ssl_session session;
        first_session(server, &ways[i].wish, &session);
        assert_false(resumes(other, &ways[i].wish, &session));
        assert_true(resumes(server, &ways[i].wish, &session));
        mbedtls_ssl_session_free(&session);
        gw_tls_server_close(server);
        gw_tls_server_close(other);
    }
}

/* Whoever saw a session's name on the wire has not its secret. */
static void the_name_of_a_session_is_not_enough(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(ways); i++) {
        struct gw_tls_server *server = open_server(&pki, "ca.crt");
        struct client_wish bare = ways[i].wish;
        mbedtls_ssl_session session;
        struct pair pair;
        first_session(server, &ways[i].wish, &session);
#if HAS_TLS_1_3
        session.resumption_key[0] ^= 1;
#endif
        session.master[0] ^= 1;
        bare.certificate = NULL;
        connect_with(server, &bare, &session, &pair);
        assert_int_not_equal(pair.err, GW_OK);
        assert_int_equal(gw_tls_stream_peer_cn(pair.stream).len, 0);
        close_pair(&pair);
        mbedtls_ssl_session_free(&session);
        gw_tls_server_close(server);
    }
}

static void a_refused_client_leaves_no_session(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(ways); i++) {
        struct gw_tls_server *server = open_server(&pki, "ca.crt");
        struct client_wish wish = ways[i].wish;
        mbedtls_ssl_session session;
        struct pair pair;
        wish.certificate = "bad/gateway-GW-TEST-1-wrong-ca";
        connect_with(server, &wish, NULL, &pair);
        assert_int_equal(pair.err, GW_ERR_DENIED);
        mbedtls_ssl_session_init(&session);
        if (mbedtls_ssl_get_session(&pair.client.ssl, &session) == 0) {
            struct pair again;
            open_pair(server, &pki, &wish, &again);
            (void) mbedtls_ssl_set_session(&again.client.ssl, &session);
            shake_hands(&again);
            assert_int_equal(again.err, GW_ERR_DENIED);
            close_pair(&again);
        }
        close_pair(&pair);
        mbedtls_ssl_session_free(&session);
        gw_tls_server_close(server);
    }
}

static void a_session_ends_with_its_certificate(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(ways); i++) {
        struct gw_tls_server *server = open_server(&pki, "ca.crt");
        mbedtls_ssl_session session;
        struct pair pair;
        first_session(server, &ways[i].wish, &session);
        ahead.wall_s = 900 * DAY_S; /* the certificate is valid for 825 days */
        connect_with(server, &ways[i].wish, &session, &pair);
        ahead.wall_s = 0;
        assert_int_equal(pair.err, GW_ERR_DENIED);
        expect_reason(pair.stream, "CN=GW-TEST-1 has expired");
        close_pair(&pair);
        mbedtls_ssl_session_free(&session);
        gw_tls_server_close(server);
    }
}

static void a_session_ends_after_its_lifetime(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(ways); i++) {
        struct gw_tls_server *server = open_server(&pki, "ca.crt");
        mbedtls_ssl_session session;
        first_session(server, &ways[i].wish, &session);
        ahead.mono_s = DAY_S + 1;
        assert_false(resumes(server, &ways[i].wish, &session));
        ahead.mono_s = 0;
        assert_true(resumes(server, &ways[i].wish, &session));
        mbedtls_ssl_session_free(&session);
        gw_tls_server_close(server);
    }
}

static void the_oldest_session_makes_room_for_the_newest(void **state) {
    (void) state;
    struct gw_tls_server *server = open_server(&pki, NULL);
    struct client_wish wish = {.version = TLS_1_2, .no_tickets = true, .credulous = true};
    mbedtls_ssl_session first;
    mbedtls_ssl_session second;
    first_session(server, &wish, &first);
    first_session(server, &wish, &second);
    for (size_t i = 2; i < GW_TLS_SESSIONS_MAX; i++) {
        assert_false(resumes(server, &wish, NULL));
    }
    assert_true(resumes(server, &wish, &first));
    assert_false(resumes(server, &wish, NULL));
    assert_false(resumes(server, &wish, &first)); /* takes the second's place */
    assert_false(resumes(server, &wish, &second));
    mbedtls_ssl_session_free(&first);
    mbedtls_ssl_session_free(&second);
    gw_tls_server_close(server);
}

#if HAS_TLS_1_3
static void a_device_that_flaps_does_not_push_the_others_out(void **state) {
    (void) state;
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    struct client_wish wish = {.certificate = DEVICE, .version = TLS_1_3, .credulous = true};
    mbedtls_ssl_session quiet;
    mbedtls_ssl_session flapping;
    first_session(server, &wish, &quiet);
    first_session(server, &wish, &flapping);
    for (size_t i = 0; i < GW_TLS_SESSIONS_MAX + 10; i++) {
        struct pair pair;
        connect_with(server, &wish, &flapping, &pair);
        assert_true(gw_tls_stream_is_resumed(pair.stream));
        mbedtls_ssl_session_free(&flapping);
        take_session(&pair, &flapping);
        close_pair(&pair);
    }
    assert_true(resumes(server, &wish, &quiet));
    mbedtls_ssl_session_free(&quiet);
    mbedtls_ssl_session_free(&flapping);
    gw_tls_server_close(server);
}
#endif

/* ---- what it saves ------------------------------------------------------ */

static double cpu_s(void) {
    struct timespec now;
    (void) syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &now);
    return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

/* CPU of our side only, in seconds; nothing is asserted about it. */
static double server_cpu_s(struct gw_tls_server *server, const struct client_wish *wish,
                           const mbedtls_ssl_session *session, size_t handshakes) {
    double used = 0;
    for (size_t i = 0; i < handshakes; i++) {
        struct pair pair;
        double start = cpu_s();
        int other_end = open_stream(server, &pair);
        used += cpu_s() - start;
        client_open(&pair.client, &pki, wish, other_end);
        if (session) {
            (void) mbedtls_ssl_set_session(&pair.client.ssl, session);
        }
        pair.client.code = MBEDTLS_ERR_SSL_WANT_READ;
        pair.err = GW_ERR_RETRY;
        for (int n = 0; n < 100 && (pair.err || pair.client.code); n++) {
            pair.client.code = pair.client.code ? mbedtls_ssl_handshake(&pair.client.ssl) : 0;
            start = cpu_s();
            pair.err = gw_tls_stream_handshake(pair.stream);
            used += cpu_s() - start;
        }
        assert_int_equal(pair.err, GW_OK);
        close_pair(&pair);
    }
    return used;
}

static void the_cost_of_a_handshake_is_printed(void **state) {
    (void) state;
    enum { HANDSHAKES = 100 };
    for (size_t i = 0; i < GW_ARRAY_LEN(ways); i++) {
        struct gw_tls_server *server = open_server(&pki, "ca.crt");
        double full = server_cpu_s(server, &ways[i].wish, NULL, HANDSHAKES);
        double resumed = 0;
        for (int n = 0; n < HANDSHAKES; n++) { /* a ticket is good for one */
            mbedtls_ssl_session session;
            first_session(server, &ways[i].wish, &session);
            resumed += server_cpu_s(server, &ways[i].wish, &session, 1);
            mbedtls_ssl_session_free(&session);
        }
        printf("%s: %.0f full and %.0f resumed handshakes per CPU second of the server\n",
               ways[i].name, HANDSHAKES / full, HANDSHAKES / resumed);
        assert_true(full > 0 && resumed > 0);
        gw_tls_server_close(server);
    }
}

static int make_pki(void **state) {
    (void) state;
    return gw_test_pki_open(&pki, GW_SOURCE_DIR) == GW_OK ? 0 : -1;
}

static int remove_pki(void **state) {
    (void) state;
    gw_test_pki_close(&pki);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resumed_session_keeps_the_name_of_the_verified_peer),
        cmocka_unit_test(sessions_of_resumed_sessions_resume_as_well),
        cmocka_unit_test(without_client_certificates_sessions_resume_without_a_name),
        cmocka_unit_test(a_session_is_of_one_server_only),
        cmocka_unit_test(the_name_of_a_session_is_not_enough),
        cmocka_unit_test(a_refused_client_leaves_no_session),
        cmocka_unit_test(a_session_ends_with_its_certificate),
        cmocka_unit_test(a_session_ends_after_its_lifetime),
        cmocka_unit_test(the_oldest_session_makes_room_for_the_newest),
#if HAS_TLS_1_3
        cmocka_unit_test(a_device_that_flaps_does_not_push_the_others_out),
#endif
        cmocka_unit_test(the_cost_of_a_handshake_is_printed),
    };
    return cmocka_run_group_tests(tests, make_pki, remove_pki);
}
