/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets in, who does not, and what the installer reads about it. */
#include "tests/unit/firmware/crypto/tls_fixture.h"

static struct gw_test_pki pki;

/* Client certificates that tools/pki does not make: name, subject, extensions. */
static const char script[] =
    "set -e; cd %s; mkdir odd\n"
    "make() {\n"
    "  openssl ecparam -name ${4:-prime256v1} -genkey -noout -out odd/$1.key\n"
    "  printf '%%s\\n' '[req]' 'distinguished_name=n' '[n]' > odd/req.cnf\n"
    "  openssl req -new -utf8 -config odd/req.cnf -key odd/$1.key -subj \"$2\" -out "
    "odd/req.csr\n"
    "  printf '%%b\\n' \"$3\" > odd/ext.cnf\n"
    "  openssl x509 -req -in odd/req.csr -CA ca.crt -CAkey ca.key -set_serial 77 -days 2 \\\n"
    "    -extfile odd/ext.cnf -out odd/$1.crt\n"
    "}\n"
    "client='keyUsage=critical,digitalSignature\\nextendedKeyUsage=clientAuth'\n"
    "long=$(printf 'x%%.0s' $(seq 64))\n"
    "make nameless /O=Example \"$client\"\n"
    "make two-names /CN=one/CN=two \"$client\"\n"
    "make umlaut '/CN=Waage-\xc3\xa4' \"$client\"\n"
    "make line-feed \"/CN=one$(printf '\\nx' )two\" \"$client\"\n"
    "make any-use /CN=any "
    "'keyUsage=digitalSignature\\nextendedKeyUsage=anyExtendedKeyUsage'\n"
    "make no-signature /CN=agree 'keyUsage=keyAgreement\\nextendedKeyUsage=clientAuth'\n"
    "make p384 /CN=p384 \"$client\" secp384r1\n";

static void run_script(void) {
    char command[4096];
    int len = snprintf(command, sizeof(command), script, pki.folder);
    assert_true(len > 0 && (size_t) len < sizeof(command));
    char quiet[4200];
    (void) snprintf(quiet, sizeof(quiet), "{ %s } > %s/odd.log 2>&1", command, pki.folder);
    if (system(quiet) != 0) {
        fail_msg("openssl failed, see %s/odd.log", pki.folder);
    }
}

static void connects(const struct client_wish *wish, const char *version) {
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    struct pair pair;
    open_pair(server, &pki, wish, &pair);
    expect_connected(&pair);
    assert_string_equal(gw_tls_stream_version(pair.stream), version);
    assert_true(gw_str_eq(gw_tls_stream_peer_cn(pair.stream), GW_STR("GW-TEST-1")));
    assert_string_equal(gw_tls_stream_reason(pair.stream), "");
    close_pair(&pair);
    gw_tls_server_close(server);
}

static void both_versions_connect_and_give_the_name_of_the_certificate(void **state) {
    (void) state;
    struct client_wish wish = {.certificate = "gateway-GW-TEST-1", .version = TLS_1_2};
    connects(&wish, "TLSv1.2");
#if HAS_TLS_1_3
    wish.version = TLS_1_3;
    connects(&wish, "TLSv1.3");
    wish.version = ANY_VERSION;
    connects(&wish, "TLSv1.3");
#endif
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
    };
    return cmocka_run_group_tests(tests, make_pki, remove_pki);
}
