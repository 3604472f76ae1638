/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Certificates are made by the openssl command for each run; none is kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/clock.h"
#include "firmware/base/file.h"
#include "firmware/crypto/crypto.h"

#define FILE_MAX_BYTES 100000

static char folder[] = "/tmp/gw-test-XXXXXX";

static const char script[] =
    "set -e; cd %s\n"
    "mkdir db; : > db/index; echo 01 > db/serial\n"
    "printf '%%s\\n' '[ca]' 'default_ca=d' '[d]' 'new_certs_dir=db' 'database=db/index' \\\n"
    "  'serial=db/serial' 'default_md=sha256' 'policy=p' '[p]' 'organizationName=optional' \\\n"
    "  'commonName=optional' '[req]' 'distinguished_name=n' '[n]' > ca.cnf\n"
    "openssl ecparam -name prime256v1 -genkey -noout -out key.pem\n"
    "make() {\n"
    "  openssl req -new -config ca.cnf -utf8 -key key.pem -subj \"$2\" -out req.pem\n"
    "  openssl ca -batch -notext -utf8 -selfsign -config ca.cnf -keyfile key.pem -in req.pem "
    "\\\n"
    "    -startdate $3 -enddate $4 -out $1.pem\n"
    "  openssl x509 -in $1.pem -outform DER -out $1.der\n"
    "}\n"
    "make leaf /O=Example/CN=gw-0001 20240229120000Z 20491231235959Z\n"
    "make far /CN=gw-\xc3\xa4 19700101000000Z 20991231235958Z\n"
    "make nameless /O=Example 20240101000000Z 20250101000000Z\n"
    "cat leaf.pem far.pem > chain.pem\n"
    "cat key.pem leaf.pem > combined.pem\n"
    "cat leaf.pem > broken_issuer.pem\n"
    "printf '%%s\\n' '-----BEGIN CERTIFICATE-----' 'AAAA' '-----END CERTIFICATE-----' >> "
    "broken_issuer.pem\n"
    "openssl x509 -in leaf.pem -text -out annotated.pem\n"
    "head -c 300 leaf.pem > cut.pem; head -c 200 leaf.der > cut.der\n"
    "head -c 70000 /dev/zero > large; : > empty\n"
    "sed 's/gw-0001/gw\\x000001/' leaf.der > nul.der\n";

static int make_certificates(void **state) {
    (void) state;
    assert_non_null(mkdtemp(folder));
    char command[4096];
    int len = snprintf(command, sizeof(command), script, folder);
    assert_true(len > 0 && (size_t) len < sizeof(command));
    char quiet[4200];
    snprintf(quiet, sizeof(quiet), "{ %s } > %s.log 2>&1", command, folder);
    if (system(quiet) != 0) {
        fprintf(stderr, "openssl failed, see %s.log\n", folder);
        return 1;
    }
    return 0;
}

static int remove_certificates(void **state) {
    (void) state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s %s.log", folder, folder);
    return system(command);
}

static enum gw_err read_named(const char *name, struct gw_certificate_facts *ret_facts) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return gw_certificate_read(path, ret_facts);
}

static int64_t moment(const char *text) {
    int64_t wall_ms = 0;
    assert_int_equal(gw_time_parse(gw_str_from_cstr(text), &wall_ms), GW_OK);
    return wall_ms;
}

static void assert_is_leaf(const char *name) {
    struct gw_certificate_facts facts = {0};
    enum gw_err err = read_named(name, &facts);
    if (err) {
        fail_msg("%s: %s", name, gw_err_name(err));
    }
    assert_string_equal(facts.subject_cn, "gw-0001");
    assert_true(facts.not_before_wall_ms == moment("2024-02-29T12:00:00Z"));
    assert_true(facts.not_after_wall_ms == moment("2049-12-31T23:59:59Z"));
}

static void facts_are_read_from_pem_and_der(void **state) {
    (void) state;
    assert_is_leaf("leaf.pem");
    assert_is_leaf("leaf.der");
    assert_is_leaf("annotated.pem");
}

static void dates_beyond_2050_and_names_beyond_ascii(void **state) {
    (void) state;
    struct gw_certificate_facts facts = {0};
    assert_int_equal(read_named("far.pem", &facts), GW_OK);
    assert_string_equal(facts.subject_cn, "gw-\xc3\xa4");
    assert_true(facts.not_before_wall_ms == 0);
    assert_true(facts.not_after_wall_ms == moment("2099-12-31T23:59:58Z"));
}

static void the_first_certificate_counts_whatever_follows(void **state) {
    (void) state;
    assert_is_leaf("chain.pem");
    assert_is_leaf("combined.pem");
    assert_is_leaf("broken_issuer.pem");
}

static void a_subject_without_a_common_name_gives_an_empty_one(void **state) {
    (void) state;
    struct gw_certificate_facts facts = {.subject_cn = "old"};
    assert_int_equal(read_named("nameless.der", &facts), GW_OK);
    assert_string_equal(facts.subject_cn, "");
}

static void what_is_no_certificate_is_refused(void **state) {
    (void) state;
    static const char *const parse[] = {"key.pem", "cut.pem", "cut.der",
                                        "large",   "empty",   "nul.der"};
    struct gw_certificate_facts facts = {.subject_cn = "untouched"};
    for (size_t i = 0; i < GW_ARRAY_LEN(parse); i++) {
        enum gw_err err = read_named(parse[i], &facts);
        if (err != GW_ERR_PARSE) {
            fail_msg("%s: %s", parse[i], gw_err_name(err));
        }
    }
    assert_int_equal(read_named("missing", &facts), GW_ERR_NOENT);
    assert_int_equal(read_named("db", &facts), GW_ERR_IO);
    assert_string_equal(facts.subject_cn, "untouched");
}

/* Each byte of a certificate changed once: any answer, no harm. */
static void damaged_certificates_do_no_harm(void **state) {
    (void) state;
    char path[128];
    snprintf(path, sizeof(path), "%s/leaf.der", folder);
    GW_CLEANUP(gw_buf_close) struct gw_buf der = {0};
    assert_int_equal(gw_buf_open(&der, FILE_MAX_BYTES), GW_OK);
    assert_int_equal(gw_file_read(path, &der), GW_OK);
    snprintf(path, sizeof(path), "%s/damaged.der", folder);
    size_t refused = 0;
    for (size_t i = 0; i < der.len; i++) {
        der.data[i] ^= 0xff;
        assert_int_equal(gw_file_replace_volatile(path, gw_buf_bytes(&der), 0600), GW_OK);
        struct gw_certificate_facts facts;
        refused += gw_certificate_read(path, &facts) != GW_OK;
        der.data[i] ^= 0xff;
    }
    assert_true(refused > der.len / 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_read_from_pem_and_der),
        cmocka_unit_test(dates_beyond_2050_and_names_beyond_ascii),
        cmocka_unit_test(the_first_certificate_counts_whatever_follows),
        cmocka_unit_test(a_subject_without_a_common_name_gives_an_empty_one),
        cmocka_unit_test(what_is_no_certificate_is_refused),
        cmocka_unit_test(damaged_certificates_do_no_harm),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
