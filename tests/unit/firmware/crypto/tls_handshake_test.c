/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets in, who does not, and what the installer reads about it. */
#include "tests/unit/firmware/crypto/tls_fixture.h"

static struct gw_test_pki pki;

#define DEVICE "gateway-GW-TEST-1"

/* Client certificates that tools/pki does not make: name, subject, extensions,
 * curve, kind of string. */
static const char script[] =
    "set -e; cd %s; mkdir odd\n"
    "make() {\n"
    "  openssl ecparam -name ${4:-prime256v1} -genkey -noout -out odd/$1.key\n"
    "  printf '%%s\\n' '[req]' \"string_mask=${5:-utf8only}\" 'distinguished_name=n' '[n]' \\\n"
    "    > odd/req.cnf\n"
    "  openssl req -new -utf8 -config odd/req.cnf -key odd/$1.key -subj \"$2\" -out "
    "odd/req.csr\n"
    "  printf '%%b\\n' \"$3\" > odd/ext.cnf\n"
    "  openssl x509 -req -in odd/req.csr -CA ca.crt -CAkey ca.key -set_serial 77 -days 2 \\\n"
    "    -extfile odd/ext.cnf -out odd/$1.crt\n"
    "}\n"
    "client='keyUsage=critical,digitalSignature\\nextendedKeyUsage=clientAuth'\n"
    "umlauts=$(printf '\xc3\xa4%%.0s' $(seq 63))\n"
    "make nameless /O=Example \"$client\"\n"
    "make two-names /CN=one/CN=two \"$client\"\n"
    "make umlauts-127 \"/CN=x$umlauts\" \"$client\"\n"
    "make umlauts-128 \"/CN=\xc3\xa4$umlauts\" \"$client\"\n"
    "make line-feed \"/CN=one$(printf '\\nx' )two\" \"$client\"\n"
    "make nul /CN=gw \"$client\" prime256v1 MASK:2048\n"
    "make any-use /CN=any 'keyUsage=digitalSignature\\nextendedKeyUsage=anyExtendedKeyUsage'\n"
    "make no-signature /CN=agree 'keyUsage=keyAgreement\\nextendedKeyUsage=clientAuth'\n"
    "make p384 /CN=p384 \"$client\" secp384r1\n";

static void run_script(void) {
    char command[4096];
    int len = snprintf(command, sizeof(command), script, pki.folder);
    assert_true(len > 0 && (size_t) len < sizeof(command));
    char quiet[4200];
    (void) snprintf(quiet, sizeof(quiet), "{ %s } > %s/odd.log 2>&1", command, pki.folder);
    if (system(quiet) != 0) {
        fprintf(stderr, "openssl failed, see %s/odd.log\n", pki.folder);
        abort();
    }
}

static const enum version versions[] = {TLS_1_2,
#if HAS_TLS_1_3
                                        TLS_1_3
#endif
};

/* ---- who gets in -------------------------------------------------------- */

static void connects_as(const struct client_wish *wish, const char *version, const char *cn) {
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    struct pair pair;
    open_pair(server, &pki, wish, &pair);
    assert_int_equal(gw_tls_stream_peer_cn(pair.stream).len, 0);
    expect_connected(&pair);
    assert_string_equal(gw_tls_stream_version(pair.stream), version);
    assert_string_equal(mbedtls_ssl_get_version(&pair.client.ssl), version);
    assert_true(gw_str_eq(gw_tls_stream_peer_cn(pair.stream), gw_str_from_cstr(cn)));
    assert_string_equal(gw_tls_stream_reason(pair.stream), "");
    assert_false(gw_tls_stream_is_resumed(pair.stream));
    assert_int_equal(gw_tls_stream_handshake(pair.stream), GW_OK);
    close_pair(&pair);
    gw_tls_server_close(server);
}

static void both_versions_connect_and_give_the_name_of_the_certificate(void **state) {
    (void) state;
    struct client_wish wish = {.certificate = DEVICE, .version = TLS_1_2};
    connects_as(&wish, "TLSv1.2", "GW-TEST-1");
    wish.version = ANY_VERSION;
    connects_as(&wish, HAS_TLS_1_3 ? "TLSv1.3" : "TLSv1.2", "GW-TEST-1");
#if HAS_TLS_1_3
    wish.version = TLS_1_3;
    connects_as(&wish, "TLSv1.3", "GW-TEST-1");
#endif
}

static void a_name_may_be_127_bytes_of_utf8(void **state) {
    (void) state;
    char name[128] = "x";
    for (size_t i = 0; i < 63; i++) {
        memcpy(name + 1 + 2 * i, "\xc3\xa4", 3);
    }
    struct client_wish wish = {.certificate = "odd/umlauts-127", .version = TLS_1_2};
    connects_as(&wish, "TLSv1.2", name);
}

static void without_a_ca_no_certificate_is_asked_for_and_no_name_is_given(void **state) {
    (void) state;
    struct gw_tls_server *server = open_server(&pki, NULL);
    for (size_t i = 0; i < GW_ARRAY_LEN(versions); i++) {
        struct pair pair;
        open_pair(server, &pki,
                  &(struct client_wish){.certificate = DEVICE, .version = versions[i]}, &pair);
        expect_connected(&pair);
        assert_int_equal(gw_tls_stream_peer_cn(pair.stream).len, 0);
        close_pair(&pair);
    }
    gw_tls_server_close(server);
}

static void a_handshake_in_single_bytes_is_a_handshake(void **state) {
    (void) state;
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    for (size_t i = 0; i < GW_ARRAY_LEN(versions); i++) {
        struct pair pair;
        size_t calls = 0;
        open_pair(server, &pki,
                  &(struct client_wish){.certificate = DEVICE, .version = versions[i]}, &pair);
        pair.client.stutters = true;
        send_script.limited = true;
        pair.client.code = MBEDTLS_ERR_SSL_WANT_READ;
        pair.err = GW_ERR_RETRY;
        while (is_waiting(pair.client.code) || pair.err == GW_ERR_RETRY) {
            assert_true(++calls < 100000);
            pair.client.code = is_waiting(pair.client.code)
                                   ? mbedtls_ssl_handshake(&pair.client.ssl)
                                   : pair.client.code;
            send_script.room = calls % 2; /* ours: one byte each second call */
            pair.err = gw_tls_stream_handshake(pair.stream);
            assert_true(pair.err == GW_OK || pair.err == GW_ERR_RETRY);
            assert_false(pair.err == GW_ERR_RETRY && gw_tls_stream_has_pending(pair.stream));
        }
        send_script.limited = false;
        assert_int_equal(pair.client.code, 0);
        assert_true(calls > 1000);
        assert_true(gw_str_eq(gw_tls_stream_peer_cn(pair.stream), GW_STR("GW-TEST-1")));
        close_pair(&pair);
    }
    gw_tls_server_close(server);
}

static void a_handshake_waits_for_the_side_of_the_socket_it_says(void **state) {
    (void) state;
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    struct pair pair;
    open_pair(server, &pki, &(struct client_wish){.certificate = DEVICE}, &pair);
    assert_int_equal(gw_tls_stream_handshake(pair.stream), GW_ERR_RETRY);
    assert_false(gw_tls_stream_wants_write(pair.stream));
    assert_true(is_waiting(mbedtls_ssl_handshake(&pair.client.ssl)));
    send_script.limited = true;
    send_script.room = 0;
    assert_int_equal(gw_tls_stream_handshake(pair.stream), GW_ERR_RETRY);
    assert_true(gw_tls_stream_wants_write(pair.stream));
    send_script.limited = false;
    assert_int_equal(gw_tls_stream_handshake(pair.stream), GW_ERR_RETRY);
    assert_false(gw_tls_stream_wants_write(pair.stream));
    expect_connected(&pair);
    close_pair(&pair);
    gw_tls_server_close(server);
}

/* ---- who does not ------------------------------------------------------- */

static void refused_by(struct gw_tls_server *server, const struct client_wish *wish,
                       const char *reason) {
    struct pair pair;
    open_pair(server, &pki, wish, &pair);
    shake_hands(&pair);
    if (pair.err != GW_ERR_DENIED) {
        fail_msg("%s: %s '%s'", wish->certificate, gw_err_name(pair.err),
                 gw_tls_stream_reason(pair.stream));
    }
    expect_reason(pair.stream, reason);
    assert_int_equal(gw_tls_stream_peer_cn(pair.stream).len, 0);
    uint8_t byte = 7;
    size_t len = 7;
    assert_int_equal(gw_tls_stream_handshake(pair.stream), GW_ERR_DENIED);
    assert_int_equal(gw_tls_stream_read(pair.stream, &byte, 1, &len), GW_ERR_DENIED);
    assert_int_equal(stream_write(&pair, "x", 1, &len), GW_ERR_DENIED);
    assert_false(gw_tls_stream_has_pending(pair.stream));
    assert_int_equal(len, 7);
    close_pair(&pair);
}

static void refused(const char *certificate, const char *reason) {
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    for (size_t i = 0; i < GW_ARRAY_LEN(versions); i++) {
        struct client_wish wish = {.certificate = certificate, .version = versions[i]};
        refused_by(server, &wish, reason);
    }
    gw_tls_server_close(server);
}

static void a_client_without_a_certificate_is_refused(void **state) {
    (void) state;
    refused(NULL, "the client has no certificate; required is one issued by "
                  "O=Gangway test, CN=Gangway test CA");
}

static void a_certificate_of_another_ca_is_refused_with_both_issuers(void **state) {
    (void) state;
    refused("bad/gateway-GW-TEST-1-wrong-ca",
            "client certificate O=Gangway test, CN=GW-TEST-1 is not issued by a CA of ca_file; "
            "issued by O=Gangway test, CN=Some other CA, allowed is O=Gangway test, "
            "CN=Gangway test CA");
}

static void an_expired_or_early_certificate_is_refused_with_its_dates(void **state) {
    (void) state;
    refused("bad/gateway-GW-TEST-1-expired", "CN=GW-TEST-1 has expired; valid from 20");
    refused("bad/not-yet-valid", "is not yet valid");
}

static void a_certificate_must_name_the_use_client_auth(void **state) {
    (void) state;
    refused("bad/gateway-GW-TEST-1-server-eku", "has no extendedKeyUsage clientAuth");
    refused("bad/no-eku", "has no extendedKeyUsage clientAuth");
    refused("odd/any-use", "has no extendedKeyUsage clientAuth");
    refused("odd/no-signature", "has a keyUsage without digitalSignature");
}

static void a_certificate_must_have_one_printable_common_name(void **state) {
    (void) state;
    static const char *const certificates[] = {"odd/nameless", "odd/two-names",
                                               "odd/umlauts-128", "odd/line-feed", "odd/nul"};
    for (size_t i = 0; i < GW_ARRAY_LEN(certificates); i++) {
        refused(certificates[i], "needs exactly one common name, 1 to 127 bytes of UTF-8");
    }
}

static void the_ca_itself_and_a_self_signed_certificate_are_no_devices(void **state) {
    (void) state;
    refused("ca", "has no extendedKeyUsage clientAuth");
    refused("bad/other-ca", "is not issued by a CA of ca_file");
}

static void suites_without_aead_and_other_curves_are_refused(void **state) {
    (void) state;
    static const int cbc[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
                              MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
                              MBEDTLS_TLS_RSA_WITH_AES_128_GCM_SHA256, 0};
    struct gw_tls_server *server = open_server(&pki, NULL);
    refused_by(server, &(struct client_wish){.version = TLS_1_2, .suites = cbc},
               "allowed are TLS 1.2");
    refused_by(server, &(struct client_wish){.version = TLS_1_2, .only_p384 = true},
               "ECDHE over P-256 or X25519");
#if HAS_TLS_1_3
    refused_by(server, &(struct client_wish){.version = TLS_1_3, .only_p384 = true},
               "ECDHE over P-256 or X25519");
#endif
    gw_tls_server_close(server);
}

static void a_certificate_with_a_key_of_another_curve_is_refused(void **state) {
    (void) state;
    refused("odd/p384", "has a key that is too short or not of curve P-256");
}

/* ---- bytes that are no TLS ---------------------------------------------- */

static enum gw_err feed(struct gw_tls_server *server, struct gw_bytes bytes, char reason[320]) {
    struct pair pair;
    int other_end = open_stream(server, &pair);
    assert_int_equal(sendto(other_end, bytes.ptr, bytes.len, MSG_NOSIGNAL, NULL, 0), bytes.len);
    enum gw_err err = gw_tls_stream_handshake(pair.stream);
    (void) snprintf(reason, 320, "%s", gw_tls_stream_reason(pair.stream));
    close_stream(&pair);
    (void) close(other_end);
    return err;
}

static void no_tls(struct gw_tls_server *server, struct gw_str bytes, const char *reason) {
    char found[320];
    assert_int_equal(feed(server, gw_bytes_from_str(bytes), found), GW_ERR_PARSE);
    if (!strstr(found, reason)) {
        fail_msg("reason is '%s', expected '%s'", found, reason);
    }
}

static void plain_mqtt_and_garbage_are_told_apart(void **state) {
    (void) state;
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    no_tls(server, GW_STR("\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02gw"),
           "the first byte is 0x10 (MQTT CONNECT without TLS?); allowed is a TLS ClientHello "
           "(0x16)");
    no_tls(server, GW_STR("\x10"), "MQTT CONNECT without TLS?");
    no_tls(server, GW_STR("GET / HTTP/1.1\r\n\r\n"), "0x47 (HTTP without TLS?)");
    no_tls(server, GW_STR("\x00"), "the first byte is 0x00; allowed");
    no_tls(server, GW_STR("\x17\x03\x03\x00\x01x"), "the first byte is 0x17; allowed");
    no_tls(server, GW_STR("\x16garbage that goes on"), "no valid TLS from the client");
    no_tls(server, GW_STR("\x16\x03\x01\xff\xff\x01"), "no valid TLS from the client");
    no_tls(server, GW_STR("\x16\x03\x01\x00\x04\x02\x00\x00\x00"),
           "no valid TLS from the client");
    gw_tls_server_close(server);
}

static void tls_1_1_is_refused_with_the_versions_that_are_allowed(void **state) {
    (void) state;
    uint8_t hello[5 + 4 + 2 + 32 + 1 + 4 + 2] = {
        0x16, 3, 1, 0, sizeof(hello) - 5, 1, 0, 0, sizeof(hello) - 9, 3, 2};
    static const uint8_t tail[] = {0, 0, 2, 0xc0, 0x09, 1, 0};
    char reason[320];
    memcpy(hello + sizeof(hello) - sizeof(tail), tail, sizeof(tail));
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    assert_int_equal(feed(server, (struct gw_bytes){hello, sizeof(hello)}, reason),
                     GW_ERR_DENIED);
    assert_non_null(strstr(reason, "no version that is allowed: TLS 1.2"));
    gw_tls_server_close(server);
}

static size_t first_hello(struct gw_tls_server *server, uint8_t *dst, size_t cap) {
    struct pair pair;
    open_pair(server, &pki, &(struct client_wish){.certificate = DEVICE}, &pair);
    assert_true(is_waiting(mbedtls_ssl_handshake(&pair.client.ssl)));
    ssize_t n = recvfrom(pair.fd, dst, cap, MSG_DONTWAIT, NULL, NULL);
    assert_true(n > 60 && (size_t) n < cap);
    close_pair(&pair);
    return (size_t) n;
}

/* Any answer, no harm, and always an answer with a reason. */
static void damaged_client_hellos_do_no_harm(void **state) {
    (void) state;
    uint8_t hello[1024];
    char reason[320];
    size_t failed = 0;
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    size_t len = first_hello(server, hello, sizeof(hello));
    for (size_t i = 0; i < len * 2; i++) {
        uint8_t mask = i < len ? 0xff : 0x01;
        hello[i % len] ^= mask;
        enum gw_err err = feed(server, (struct gw_bytes){hello, len}, reason);
        assert_int_not_equal(err, GW_OK);
        assert_true((err == GW_ERR_RETRY) == (reason[0] == 0));
        failed += err != GW_ERR_RETRY;
        hello[i % len] ^= mask;
    }
    assert_true(failed > 20);
    assert_int_equal(feed(server, (struct gw_bytes){hello, len}, reason), GW_ERR_RETRY);
    gw_tls_server_close(server);
}

/* ---- peers that go away ------------------------------------------------- */

/* The client falls silent after `budget` bytes and is gone. */
static enum gw_err vanish(struct gw_tls_server *server, enum version version, size_t budget,
                          size_t *ret_sent) {
    struct pair pair;
    open_pair(server, &pki, &(struct client_wish){.certificate = DEVICE, .version = version},
              &pair);
    pair.client.budget = budget;
    pair.client.code = MBEDTLS_ERR_SSL_WANT_READ;
    pair.err = GW_ERR_RETRY;
    for (int i = 0; i < 8; i++) {
        if (is_waiting(pair.client.code)) {
            pair.client.code = mbedtls_ssl_handshake(&pair.client.ssl);
        }
        pair.err = gw_tls_stream_handshake(pair.stream);
        assert_true(pair.err == GW_OK || pair.err == GW_ERR_RETRY);
    }
    *ret_sent = pair.client.sent;
    (void) close(pair.client.fd);
    pair.client.fd = -1;
    enum gw_err err = gw_tls_stream_handshake(pair.stream);
    if (err == GW_OK) {
        uint8_t byte;
        size_t len;
        assert_int_equal(gw_tls_stream_read(pair.stream, &byte, 1, &len), GW_ERR_NOCONN);
    } else {
        assert_int_equal(err, GW_ERR_NOCONN);
    }
    expect_reason(pair.stream, "the ");
    if (budget == 0) {
        expect_reason(pair.stream, "closed the connection before its ClientHello");
    }
    close_pair(&pair);
    return err;
}

static void a_peer_may_vanish_after_any_of_its_bytes(void **state) {
    (void) state;
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    for (size_t i = 0; i < GW_ARRAY_LEN(versions); i++) {
        size_t total = 0;
        size_t half_way = 0;
        assert_int_equal(vanish(server, versions[i], SIZE_MAX, &total), GW_OK);
        assert_true(total > 900);
        /* Signatures differ in length by a few bytes from one to the next. */
        for (size_t budget = 0; budget < total - 16; budget += budget < 8 ? 1 : 13) {
            size_t sent;
            half_way += vanish(server, versions[i], budget, &sent) == GW_ERR_NOCONN;
            assert_int_equal(sent, budget);
        }
        assert_true(half_way > 70);
    }
    gw_tls_server_close(server);
}

static void a_connection_that_breaks_gives_the_reason_of_the_kernel(void **state) {
    (void) state;
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    struct pair pair;
    open_pair(server, &pki, &(struct client_wish){.certificate = DEVICE}, &pair);
    assert_true(is_waiting(mbedtls_ssl_handshake(&pair.client.ssl)));
    send_script.error_number = EPIPE;
    assert_int_equal(gw_tls_stream_handshake(pair.stream), GW_ERR_NOCONN);
    send_script.error_number = 0;
    expect_reason(pair.stream, "the connection broke: Broken pipe");
    close_pair(&pair);
    gw_tls_server_close(server);
}

static void an_alert_of_the_client_is_named(void **state) {
    (void) state;
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    for (size_t i = 0; i < GW_ARRAY_LEN(versions); i++) {
        struct pair pair;
        struct client_wish wish = {
            .certificate = DEVICE, .version = versions[i], .distrusts = true};
        open_pair(server, &pki, &wish, &pair);
        shake_hands(&pair);
        if (pair.err == GW_ERR_RETRY) {
            pair.err = gw_tls_stream_handshake(pair.stream);
        }
        if (pair.err != GW_ERR_NOCONN) {
            fail_msg("%s '%s'", gw_err_name(pair.err), gw_tls_stream_reason(pair.stream));
        }
        expect_reason(pair.stream, "the client refused with the alert unknown_ca (48)");
        close_pair(&pair);
    }
    gw_tls_server_close(server);
}

/* ---- files -------------------------------------------------------------- */

static void open_fails(struct gw_tls_server_options options, enum gw_err err,
                       const char *reason_part) {
    char storage[256] = {0};
    struct gw_buf reason;
    struct gw_tls_server *server = NULL;
    gw_buf_init(&reason, storage, sizeof(storage) - 1);
    assert_int_equal(gw_tls_server_open(&options, &reason, &server), err);
    assert_null(server);
    if (!strstr(storage, reason_part)) {
        fail_msg("reason is '%s', expected '%s'", storage, reason_part);
    }
}

static void files_that_do_not_serve_are_refused_by_name(void **state) {
    (void) state;
    const char *cert = gw_test_pki_path(&pki, "server.crt");
    const char *key = gw_test_pki_path(&pki, "server.key");
    const char *none = gw_test_pki_path(&pki, "missing");
    const char *other = gw_test_pki_path(&pki, "ca.key");
    open_fails((struct gw_tls_server_options){NULL, key, NULL}, GW_ERR_INVALID, "needs a");
    open_fails((struct gw_tls_server_options){cert, "", NULL}, GW_ERR_INVALID, "needs a");
    open_fails((struct gw_tls_server_options){none, key, NULL}, GW_ERR_NOENT, "missing cannot");
    open_fails((struct gw_tls_server_options){cert, none, NULL}, GW_ERR_NOENT,
               "missing cannot");
    open_fails((struct gw_tls_server_options){cert, key, none}, GW_ERR_NOENT, "missing cannot");
    open_fails((struct gw_tls_server_options){key, key, NULL}, GW_ERR_PARSE,
               "server.key holds no certificate in PEM");
    open_fails((struct gw_tls_server_options){cert, cert, NULL}, GW_ERR_PARSE,
               "server.crt holds no unencrypted private key in PEM");
    open_fails((struct gw_tls_server_options){cert, other, NULL}, GW_ERR_INVALID,
               "is not the key of");
    open_fails((struct gw_tls_server_options){cert, key, key}, GW_ERR_PARSE,
               "server.key holds no certificate in PEM");
}

static int make_pki(void **state) {
    (void) state;
    if (gw_test_pki_open(&pki, GW_SOURCE_DIR) != GW_OK) {
        return -1;
    }
    run_script();
    return 0;
}

static int remove_pki(void **state) {
    (void) state;
    gw_test_pki_close(&pki);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_versions_connect_and_give_the_name_of_the_certificate),
        cmocka_unit_test(a_name_may_be_127_bytes_of_utf8),
        cmocka_unit_test(without_a_ca_no_certificate_is_asked_for_and_no_name_is_given),
        cmocka_unit_test(a_handshake_in_single_bytes_is_a_handshake),
        cmocka_unit_test(a_handshake_waits_for_the_side_of_the_socket_it_says),
        cmocka_unit_test(a_client_without_a_certificate_is_refused),
        cmocka_unit_test(a_certificate_of_another_ca_is_refused_with_both_issuers),
        cmocka_unit_test(an_expired_or_early_certificate_is_refused_with_its_dates),
        cmocka_unit_test(a_certificate_must_name_the_use_client_auth),
        cmocka_unit_test(a_certificate_must_have_one_printable_common_name),
        cmocka_unit_test(the_ca_itself_and_a_self_signed_certificate_are_no_devices),
        cmocka_unit_test(suites_without_aead_and_other_curves_are_refused),
        cmocka_unit_test(a_certificate_with_a_key_of_another_curve_is_refused),
        cmocka_unit_test(plain_mqtt_and_garbage_are_told_apart),
        cmocka_unit_test(tls_1_1_is_refused_with_the_versions_that_are_allowed),
        cmocka_unit_test(damaged_client_hellos_do_no_harm),
        cmocka_unit_test(a_peer_may_vanish_after_any_of_its_bytes),
        cmocka_unit_test(a_connection_that_breaks_gives_the_reason_of_the_kernel),
        cmocka_unit_test(an_alert_of_the_client_is_named),
        cmocka_unit_test(files_that_do_not_serve_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, make_pki, remove_pki);
}
