/* SPDX-License-Identifier: Apache-2.0 */
/* Real handshakes over a pair of memory BIOs, against a server that holds each
 * of the certificates that are wrong on purpose. */
#include "cloud-link/peercheck/peercheck.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "tests/fakes/test_pki.h"

static struct gw_test_pki pki;

struct attempt {
    const char *certificate; /* "bad/expired": .crt and .key of the server */
    const char *host;
    struct gw_bytes pin;
    const char *server_suites; /* NULL = default */
    int server_version;        /* 0 = default, else both minimum and maximum */
};

struct outcome {
    bool connected;
    char reason[320];
    size_t server_read; /* application bytes the server got */
    int version;
    char suite[64];
};

static SSL_CTX *server_context(const struct attempt *attempt) {
    char name[64];
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    (void) snprintf(name, sizeof(name), "%s.crt", attempt->certificate);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, gw_test_pki_path(&pki, name)), 1);
    (void) snprintf(name, sizeof(name), "%s.key", attempt->certificate);
    assert_int_equal(
        SSL_CTX_use_PrivateKey_file(ctx, gw_test_pki_path(&pki, name), SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_security_level(ctx, 0);
    if (attempt->server_suites) {
        assert_int_equal(SSL_CTX_set_cipher_list(ctx, attempt->server_suites), 1);
    }
    if (attempt->server_version) {
        SSL_CTX_set_min_proto_version(ctx, attempt->server_version);
        SSL_CTX_set_max_proto_version(ctx, attempt->server_version);
    }
    return ctx;
}

/* Both sides in turn until neither can go on; the client sends as soon as it may. */
static void converse(SSL *client, SSL *server, struct outcome *outcome) {
    static const char request[] = "POST /v1/events HTTP/1.1\r\n\r\n";
    char buffer[256];
    bool sent = false;
    for (int round = 0; round < 20; round++) {
        if (SSL_do_handshake(client) == 1 && !sent) {
            outcome->connected = true;
            sent = SSL_write(client, request, sizeof(request)) > 0;
        }
        int n = SSL_do_handshake(server) == 1 ? SSL_read(server, buffer, sizeof(buffer)) : 0;
        outcome->server_read += n > 0 ? (size_t) n : 0;
    }
    outcome->version = SSL_version(client);
    (void) snprintf(outcome->suite, sizeof(outcome->suite), "%s", SSL_get_cipher(client));
}

static struct outcome try(const struct attempt *attempt) {
    struct outcome outcome = {0};
    struct gw_peercheck *check = NULL;
    struct gw_peercheck_options options = {gw_str_from_cstr(attempt->host), attempt->pin};
    assert_int_equal(gw_peercheck_open(&options, &check), GW_OK);
    SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
    assert_int_equal(
        SSL_CTX_load_verify_locations(client_ctx, gw_test_pki_path(&pki, "ca.crt"), NULL), 1);
    assert_int_equal(gw_peercheck_attach(check, client_ctx), GW_OK);
    SSL_CTX *server_ctx = server_context(attempt);
    SSL *client = SSL_new(client_ctx);
    SSL *server = SSL_new(server_ctx);
    BIO *client_end, *server_end;
    assert_int_equal(BIO_new_bio_pair(&client_end, 0, &server_end, 0), 1);
    SSL_set_bio(client, client_end, client_end);
    SSL_set_bio(server, server_end, server_end);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    converse(client, server, &outcome);
    (void) snprintf(outcome.reason, sizeof(outcome.reason), "%s", gw_peercheck_reason(check));
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(client_ctx);
    SSL_CTX_free(server_ctx);
    gw_peercheck_close(check);
    return outcome;
}

static void refused(const char *certificate, const char *host, const char *reason_part) {
    struct attempt attempt = {.certificate = certificate, .host = host};
    struct outcome outcome = try(&attempt);
    if (!strstr(outcome.reason, reason_part)) {
        fail_msg("%s: reason is '%s', expected '%s'", certificate, outcome.reason, reason_part);
    }
    assert_false(outcome.connected);
    assert_int_equal(outcome.server_read, 0);
}

static void accepted(const struct attempt *attempt) {
    struct outcome outcome = try(attempt);
    assert_string_equal(outcome.reason, "");
    assert_true(outcome.connected);
    assert_true(outcome.server_read > 0);
}

static void a_right_certificate_connects_by_name_and_by_address(void **state) {
    (void) state;
    accepted(&(struct attempt){.certificate = "server", .host = "localhost"});
    accepted(&(struct attempt){.certificate = "server", .host = "127.0.0.1"});
    accepted(&(struct attempt){.certificate = "server", .host = "::1"});
}

static void a_certificate_with_only_a_common_name_is_refused(void **state) {
    (void) state;
    refused("bad/cn-only", "localhost", "certificate has no subjectAltName, only CN=localhost");
}

static void a_chain_to_another_anchor_is_refused_with_its_issuer(void **state) {
    (void) state;
    refused("bad/wrong-ca", "localhost", "issued by CN=Some other CA");
}

static void certificates_outside_their_dates_are_refused(void **state) {
    (void) state;
    refused("bad/expired", "localhost", "certificate has expired");
    refused("bad/not-yet-valid", "localhost", "certificate is not yet valid");
}

static void a_certificate_for_another_name_is_refused_with_its_names(void **state) {
    (void) state;
    refused("bad/wrong-name", "localhost",
            "certificate is not for localhost, only for DNS:receiver.invalid, IP:192.0.2.1");
    refused("server", "centre.example", "certificate is not for centre.example");
}

static void an_address_matches_only_an_address_entry(void **state) {
    (void) state;
    refused("bad/ip-as-dns", "127.0.0.1", "certificate is not for address 127.0.0.1");
}

static void the_extended_key_usage_must_name_server_auth(void **state) {
    (void) state;
    refused("bad/no-eku", "localhost", "no extendedKeyUsage");
    refused("bad/wrong-eku", "localhost", "certificate purpose");
}

static void a_ca_certificate_as_leaf_is_refused(void **state) {
    (void) state;
    refused("bad/leaf-is-ca", "localhost", "CA certificate");
}

static void server_pin(uint8_t pin[GW_PEERCHECK_PIN_BYTES]) {
    FILE *file = fopen(gw_test_pki_path(&pki, "server.crt"), "r");
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    assert_int_equal(EVP_Digest(der, (size_t) len, pin, NULL, EVP_sha256(), NULL), 1);
    OPENSSL_free(der);
    X509_free(certificate);
    (void) fclose(file);
}

static void a_pin_admits_its_key_and_no_other(void **state) {
    (void) state;
    uint8_t pin[GW_PEERCHECK_PIN_BYTES];
    server_pin(pin);
    struct attempt attempt = {
        .certificate = "server", .host = "localhost", .pin = {pin, sizeof(pin)}};
    accepted(&attempt);
    pin[0] ^= 1;
    struct outcome outcome = try(&attempt);
    assert_false(outcome.connected);
    assert_string_equal(outcome.reason, "certificate's public key is not the pinned one");
}

static void tls_1_2_is_accepted_with_an_aead_suite_only(void **state) {
    (void) state;
    struct attempt attempt = {
        .certificate = "server", .host = "localhost", .server_version = TLS1_2_VERSION};
    struct outcome outcome = try(&attempt);
    assert_true(outcome.connected);
    assert_int_equal(outcome.version, TLS1_2_VERSION);
    assert_non_null(strstr(outcome.suite, "GCM"));
    attempt.server_suites = "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA";
    outcome = try(&attempt);
    assert_false(outcome.connected);
    assert_int_equal(outcome.server_read, 0);
}

static void tls_1_1_is_refused(void **state) {
    (void) state;
    struct outcome outcome = try(&(struct attempt){
        .certificate = "server", .host = "localhost", .server_version = TLS1_1_VERSION});
    assert_false(outcome.connected);
    assert_int_equal(outcome.server_read, 0);
}

static void options_without_host_or_with_a_short_pin_are_invalid(void **state) {
    (void) state;
    struct gw_peercheck *check = NULL;
    assert_int_equal(gw_peercheck_open(&(struct gw_peercheck_options){0}, &check),
                     GW_ERR_INVALID);
    struct gw_peercheck_options options = {GW_STR("localhost"), {(const uint8_t *) "x", 1}};
    assert_int_equal(gw_peercheck_open(&options, &check), GW_ERR_INVALID);
    assert_null(check);
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
        cmocka_unit_test(a_right_certificate_connects_by_name_and_by_address),
        cmocka_unit_test(a_certificate_with_only_a_common_name_is_refused),
        cmocka_unit_test(a_chain_to_another_anchor_is_refused_with_its_issuer),
        cmocka_unit_test(certificates_outside_their_dates_are_refused),
        cmocka_unit_test(a_certificate_for_another_name_is_refused_with_its_names),
        cmocka_unit_test(an_address_matches_only_an_address_entry),
        cmocka_unit_test(the_extended_key_usage_must_name_server_auth),
        cmocka_unit_test(a_ca_certificate_as_leaf_is_refused),
        cmocka_unit_test(a_pin_admits_its_key_and_no_other),
        cmocka_unit_test(tls_1_2_is_accepted_with_an_aead_suite_only),
        cmocka_unit_test(tls_1_1_is_refused),
        cmocka_unit_test(options_without_host_or_with_a_short_pin_are_invalid),
    };
    return cmocka_run_group_tests(tests, make_pki, remove_pki);
}
