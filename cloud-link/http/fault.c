/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud-link/http/fault.h"

#include <string.h>

#include "firmware/base/cleanup.h"

static const char *const fault_names[GW_HTTP_FAULT_COUNT] = {
    [GW_HTTP_ANSWERED] = "answered",
    [GW_HTTP_UNREACHABLE] = "unreachable",
    [GW_HTTP_TIMED_OUT] = "timed_out",
    [GW_HTTP_PEER_CERTIFICATE] = "peer_certificate",
    [GW_HTTP_OWN_CERTIFICATE] = "own_certificate",
    [GW_HTTP_TLS] = "tls",
    [GW_HTTP_BAD_ANSWER] = "bad_answer",
};

const char *gw_http_fault_name(enum gw_http_fault fault) {
    return (unsigned) fault < GW_HTTP_FAULT_COUNT ? fault_names[fault] : "unknown";
}

static const struct {
    CURLcode code;
    enum gw_http_fault fault;
} faults[] = {
    {CURLE_OK, GW_HTTP_ANSWERED},
    {CURLE_OPERATION_TIMEDOUT, GW_HTTP_TIMED_OUT},
    {CURLE_PEER_FAILED_VERIFICATION, GW_HTTP_PEER_CERTIFICATE},
    {CURLE_SSL_ISSUER_ERROR, GW_HTTP_PEER_CERTIFICATE},
    {CURLE_SSL_INVALIDCERTSTATUS, GW_HTTP_PEER_CERTIFICATE},
    {CURLE_SSL_PINNEDPUBKEYNOTMATCH, GW_HTTP_PEER_CERTIFICATE},
    {CURLE_SSL_CACERT_BADFILE, GW_HTTP_OWN_CERTIFICATE},
    {CURLE_SSL_CERTPROBLEM, GW_HTTP_OWN_CERTIFICATE},
    {CURLE_SSL_CONNECT_ERROR, GW_HTTP_TLS},
    {CURLE_SSL_CIPHER, GW_HTTP_TLS},
    {CURLE_SSL_ENGINE_NOTFOUND, GW_HTTP_TLS},
    {CURLE_SSL_ENGINE_SETFAILED, GW_HTTP_TLS},
    {CURLE_USE_SSL_FAILED, GW_HTTP_TLS},
    {CURLE_WRITE_ERROR, GW_HTTP_BAD_ANSWER},
    {CURLE_WEIRD_SERVER_REPLY, GW_HTTP_BAD_ANSWER},
    {CURLE_UNSUPPORTED_PROTOCOL, GW_HTTP_BAD_ANSWER},
};

static const struct {
    const char *part;
    enum gw_http_fault fault;
} alerts[] = {
    {"alert unknown ca", GW_HTTP_OWN_CERTIFICATE},
    {"certificate", GW_HTTP_OWN_CERTIFICATE}, /* bad, expired, revoked, unknown, required */
    {"alert access denied", GW_HTTP_OWN_CERTIFICATE},
    {"alert", GW_HTTP_TLS},
};

/* A connection that broke during the handshake says nothing about certificates. */
static bool was_dropped(CURLcode code, const char *text) {
    static const char *const marks[] = {"SSL_ERROR_SYSCALL", "Connection reset by peer",
                                        "Broken pipe", "Connection timed out"};
    for (size_t i = 0; i < GW_ARRAY_LEN(marks); i++) {
        if (code == CURLE_SSL_CONNECT_ERROR && strstr(text, marks[i])) {
            return true;
        }
    }
    return false;
}

static bool may_carry_alert(CURLcode code) {
    return code == CURLE_SSL_CONNECT_ERROR || code == CURLE_RECV_ERROR
           || code == CURLE_SEND_ERROR;
}

enum gw_http_fault gw_http_fault_of(CURLcode code, const char *text) {
    if (may_carry_alert(code) && strstr(text, "alert")) {
        for (size_t i = 0; i < GW_ARRAY_LEN(alerts); i++) {
            if (strstr(text, alerts[i].part)) {
                return alerts[i].fault;
            }
        }
    }
    if (was_dropped(code, text)) {
        return GW_HTTP_UNREACHABLE;
    }
    for (size_t i = 0; i < GW_ARRAY_LEN(faults); i++) {
        if (faults[i].code == code) {
            return faults[i].fault;
        }
    }
    return GW_HTTP_UNREACHABLE;
}
