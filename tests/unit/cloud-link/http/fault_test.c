/* SPDX-License-Identifier: Apache-2.0 */
/* What a failed request says: the network, the centre's certificate, or ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cloud-link/http/fault.h"

static const struct {
    CURLcode code;
    const char *text;
    enum gw_http_fault fault;
} cases[] = {
    {CURLE_OK, "", GW_HTTP_ANSWERED},
    {CURLE_COULDNT_CONNECT, "Failed to connect", GW_HTTP_UNREACHABLE},
    {CURLE_COULDNT_RESOLVE_HOST, "Could not resolve host", GW_HTTP_UNREACHABLE},
    {CURLE_SSL_CONNECT_ERROR,
     "OpenSSL SSL_connect: Connection reset by peer in connection to centre:443",
     GW_HTTP_UNREACHABLE},
    {CURLE_SSL_CONNECT_ERROR,
     "OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to centre:443", GW_HTTP_UNREACHABLE},
    {CURLE_SSL_CONNECT_ERROR, "error:0A00010B:SSL routines::wrong version number", GW_HTTP_TLS},
    {CURLE_PEER_FAILED_VERIFICATION, "SSL certificate problem: certificate has expired",
     GW_HTTP_PEER_CERTIFICATE},
    {CURLE_RECV_ERROR,
     "OpenSSL SSL_read: error:0A000416:SSL routines::sslv3 alert certificate unknown",
     GW_HTTP_OWN_CERTIFICATE},
    {CURLE_RECV_ERROR, "Recv failure: Connection reset by peer", GW_HTTP_UNREACHABLE},
    {CURLE_OPERATION_TIMEDOUT, "Operation timed out", GW_HTTP_TIMED_OUT},
};

static void each_failure_is_told_apart(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (gw_http_fault_of(cases[i].code, cases[i].text) != cases[i].fault) {
            fail_msg("%s: found %s, wanted %s", cases[i].text,
                     gw_http_fault_name(gw_http_fault_of(cases[i].code, cases[i].text)),
                     gw_http_fault_name(cases[i].fault));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_failure_is_told_apart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
