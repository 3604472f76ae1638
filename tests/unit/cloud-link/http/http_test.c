/* SPDX-License-Identifier: Apache-2.0 */
/* Requests against a real TLS server (server.py) that misbehaves by path. */
#include "cloud-link/http/http.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"
#include "tests/fakes/test_pki.h"

#define REQUESTS 4
#define BODY_MAX (1u << 20)
#define ANSWER_MAX 65536u

struct server {
    pid_t pid;
    int to, from;
    unsigned port;
};

struct rig {
    struct server server;
    struct gw_loop *loop;
    struct gw_clock clock;
    struct gw_http *http;
    struct gw_transport transport;
};

/* What the last callback saw. */
struct seen {
    unsigned calls;
    struct gw_http_answer answer;
    char body[4096];
    char text[512];
    char retry_after[64];
};

static struct gw_test_pki pki;

static void start_server(struct server *server, const char *certificate) {
    int to[2], from[2];
    char script[512], line[32] = "";
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe2(to, O_CLOEXEC) | pipe2(from, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    (void) snprintf(script, sizeof(script), "%s/tests/unit/cloud-link/http/server.py",
                    GW_SOURCE_DIR);
    char *const arguments[] = {"python3", script, pki.folder, (char *) certificate, NULL};
    assert_int_equal(
        posix_spawn(&server->pid, "/usr/bin/python3", &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    (void) close(to[0]);
    (void) close(from[1]);
    server->to = to[1];
    server->from = from[0];
    ssize_t n = read(server->from, line, sizeof(line) - 1);
    assert_true(n > 1);
    uint64_t port = 0;
    struct gw_str text = gw_str_trim((struct gw_str){line, (size_t) n});
    assert_int_equal(gw_str_to_u64(text, 65535, &port), GW_OK);
    server->port = (unsigned) port;
}

/* Number of HTTP requests of which the server read anything. */
static uint64_t stop_server(struct server *server) {
    char line[32];
    int status;
    uint64_t requests = UINT64_MAX;
    (void) close(server->to);
    ssize_t n = read(server->from, line, sizeof(line) - 1);
    if (n > 0) {
        struct gw_str text = gw_str_trim((struct gw_str){line, (size_t) n});
        assert_int_equal(gw_str_to_u64(text, UINT64_MAX, &requests), GW_OK);
    }
    (void) close(server->from);
    assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
    return requests;
}

static struct gw_http_options default_options(struct rig *rig, char *url, size_t url_size) {
    (void) snprintf(url, url_size, "https://localhost:%u", rig->server.port);
    return (struct gw_http_options){
        .loop = rig->loop,
        .clock = &rig->clock,
        .url = url,
        .ca_file = gw_test_pki_path(&pki, "ca.crt"),
        .cert_file = gw_test_pki_path(&pki, "gateway-GW-TEST-1.crt"),
        .key_file = gw_test_pki_path(&pki, "gateway-GW-TEST-1.key"),
        .max_requests = REQUESTS,
        .max_body_bytes = BODY_MAX,
        .max_answer_bytes = ANSWER_MAX,
    };
}

static void open_rig_as(struct rig *rig, const char *server_certificate,
                        const char *client_certificate) {
    char url[64], name[64];
    memset(rig, 0, sizeof(*rig));
    start_server(&rig->server, server_certificate);
    rig->clock = gw_clock_system();
    assert_int_equal(gw_loop_open(32, &rig->loop), GW_OK);
    struct gw_http_options options = default_options(rig, url, sizeof(url));
    (void) snprintf(name, sizeof(name), "%s.crt", client_certificate);
    options.cert_file = gw_test_pki_path(&pki, name);
    (void) snprintf(name, sizeof(name), "%s.key", client_certificate);
    options.key_file = gw_test_pki_path(&pki, name);
    assert_int_equal(gw_http_open(&options, NULL, &rig->http), GW_OK);
    rig->transport = gw_http_transport(rig->http);
}

static void open_rig(struct rig *rig) {
    open_rig_as(rig, "server", "gateway-GW-TEST-1");
}

static uint64_t close_rig(struct rig *rig) {
    gw_http_close(rig->http);
    gw_loop_close(rig->loop);
    return stop_server(&rig->server);
}

static void on_done(void *context, const struct gw_http_answer *answer) {
    struct seen *seen = context;
    seen->calls++;
    seen->answer = *answer;
    (void) snprintf(seen->body, sizeof(seen->body), "%.*s", GW_STR_ARG(answer->body));
    (void) snprintf(seen->text, sizeof(seen->text), "%s", answer->text);
    (void) snprintf(seen->retry_after, sizeof(seen->retry_after), "%.*s",
                    GW_STR_ARG(answer->retry_after));
}

static uint64_t submit_path(struct rig *rig, const char *path, struct gw_http_request request,
                            struct seen *seen) {
    char url[256];
    uint64_t ticket = 0;
    int n = snprintf(url, sizeof(url), "https://localhost:%u%s", rig->server.port, path);
    request.url = (struct gw_str){url, (size_t) n};
    request.timeout_ms = request.timeout_ms ? request.timeout_ms : 5000;
    request.done = on_done;
    request.context = seen;
    assert_int_equal(rig->transport.submit(rig->transport.self, &request, &ticket), GW_OK);
    return ticket;
}

static void run_until(struct rig *rig, const struct seen *seen, unsigned calls,
                      int64_t within_ms) {
    int64_t end = gw_clock_mono_ms(&rig->clock) + within_ms;
    while (seen->calls < calls && gw_clock_mono_ms(&rig->clock) < end) {
        int64_t next = gw_http_next_mono_ms(rig->http);
        assert_int_equal(gw_loop_wait(rig->loop, &rig->clock, next < end ? next : end), GW_OK);
        gw_http_tick(rig->http);
    }
}

static struct seen get(struct rig *rig, const char *path) {
    struct seen seen = {0};
    (void) submit_path(rig, path, (struct gw_http_request){.method = GW_HTTP_GET}, &seen);
    run_until(rig, &seen, 1, 8000);
    assert_int_equal(seen.calls, 1);
    return seen;
}

static void holds(const struct seen *seen, const char *part) {
    if (!strstr(seen->body, part)) {
        fail_msg("'%s' is not in '%s'", part, seen->body);
    }
}

/* ---- tests ---- */

static void requests_share_one_connection(void **state) {
    (void) state;
    struct rig rig;
    open_rig(&rig);
    for (int i = 0; i < 3; i++) {
        struct seen seen = get(&rig, "/echo");
        assert_int_equal(seen.answer.status, 200);
        holds(&seen, "\"connection\": 1,");
    }
    assert_int_equal(gw_http_get_figures(rig.http).connections, 1);
    assert_int_equal(close_rig(&rig), 3);
}

static void requests_at_once_get_connections_of_their_own(void **state) {
    (void) state;
    struct rig rig;
    struct seen slow = {0};
    open_rig(&rig);
    struct gw_http_request request = {.method = GW_HTTP_GET, .timeout_ms = 500};
    (void) submit_path(&rig, "/silence", request, &slow);
    struct seen quick = get(&rig, "/echo");
    assert_int_equal(quick.answer.status, 200);
    assert_int_equal(slow.calls, 0);
    run_until(&rig, &slow, 1, 3000);
    assert_int_equal(slow.answer.fault, GW_HTTP_TIMED_OUT);
    (void) close_rig(&rig);
}

static void a_large_body_arrives_whole_compressed_and_without_waiting(void **state) {
    (void) state;
    struct rig rig;
    struct seen seen = {0};
    static uint8_t body[BODY_MAX];
    memset(body, 'e', sizeof(body));
    open_rig(&rig);
    struct gw_http_request request = {
        .method = GW_HTTP_POST, .body = {body, sizeof(body)}, .compress = true};
    (void) submit_path(&rig, "/echo", request, &seen);
    memset(body, 'x', 100); /* copied: what is sent does not change any more */
    run_until(&rig, &seen, 1, 8000);
    holds(&seen, "\"length\": 1048576");
    holds(&seen, "\"content-encoding\": \"zstd\"");
    /* sha256 of 1,048,576 times 'e' */
    holds(&seen, "58d8d1bac7272bfc");
    assert_null(strstr(seen.body, "100-continue"));
    assert_true(gw_http_get_figures(rig.http).sent_bytes < 10000);
    (void) close_rig(&rig);
}

static void headers_arrive_and_a_body_may_stay_plain(void **state) {
    (void) state;
    struct rig rig;
    struct seen seen = {0};
    open_rig(&rig);
    const struct gw_http_header headers[] = {{"Gangway-Contract", GW_STR("1")},
                                             {"Gangway-Class", GW_STR("business")}};
    struct gw_http_request request = {.method = GW_HTTP_POST,
                                      .headers = headers,
                                      .header_count = 2,
                                      .body = {(const uint8_t *) "[]", 2}};
    (void) submit_path(&rig, "/echo", request, &seen);
    run_until(&rig, &seen, 1, 8000);
    holds(&seen, "\"gangway-class\": \"business\"");
    holds(&seen, "\"wire\": 2");
    holds(&seen, "\"method\": \"POST\"");
    assert_null(strstr(seen.body, "content-encoding"));
    (void) close_rig(&rig);
}

static void a_header_with_a_line_break_is_refused(void **state) {
    (void) state;
    struct rig rig;
    uint64_t ticket;
    open_rig(&rig);
    const struct gw_http_header header = {"X", GW_STR("a\r\nEvil: b")};
    struct gw_http_request request = {.method = GW_HTTP_GET,
                                      .url = GW_STR("https://localhost:1/"),
                                      .headers = &header,
                                      .header_count = 1,
                                      .timeout_ms = 1000,
                                      .done = on_done};
    assert_int_equal(rig.transport.submit(rig.transport.self, &request, &ticket),
                     GW_ERR_INVALID);
    assert_int_equal(close_rig(&rig), 0);
}

static void statuses_and_retry_after_are_reported(void **state) {
    (void) state;
    struct rig rig;
    open_rig(&rig);
    struct seen seen = get(&rig, "/status/429");
    assert_int_equal(seen.answer.fault, GW_HTTP_ANSWERED);
    assert_int_equal(seen.answer.status, 429);
    assert_string_equal(seen.retry_after, "7");
    seen = get(&rig, "/echo");
    assert_string_equal(seen.retry_after, "");
    (void) close_rig(&rig);
}

static void redirects_are_not_followed(void **state) {
    (void) state;
    struct rig rig;
    open_rig(&rig);
    assert_int_equal(get(&rig, "/redirect").answer.status, 302);
    assert_int_equal(close_rig(&rig), 1);
}

static void broken_answers_are_faults_and_never_answers(void **state) {
    (void) state;
    struct rig rig;
    open_rig(&rig);
    static const struct {
        const char *path;
        enum gw_http_fault fault;
    } cases[] = {
        {"/half", GW_HTTP_UNREACHABLE},
        {"/cut", GW_HTTP_UNREACHABLE},
        {"/garbage", GW_HTTP_BAD_ANSWER},
        {"/large/100000", GW_HTTP_BAD_ANSWER},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        struct seen seen = get(&rig, cases[i].path);
        if (seen.answer.fault != cases[i].fault || seen.answer.status != 0) {
            fail_msg("%s: %s, status %u, %s", cases[i].path,
                     gw_http_fault_name(seen.answer.fault), seen.answer.status, seen.text);
        }
    }
    assert_int_equal(get(&rig, "/large/65536").answer.status, 200);
    (void) close_rig(&rig);
}

static void a_refused_server_certificate_names_the_reason_and_sends_nothing(void **state) {
    (void) state;
    static const struct {
        const char *certificate, *reason;
    } cases[] = {
        {"bad/cn-only", "no subjectAltName, only CN=localhost"},
        {"bad/expired", "expired"},
        {"bad/wrong-name", "not for localhost"},
        {"bad/wrong-ca", "issued by CN=Some other CA"},
        {"bad/leaf-is-ca", "CA certificate"},
        {"bad/no-eku", "extendedKeyUsage"},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        struct rig rig;
        open_rig_as(&rig, cases[i].certificate, "gateway-GW-TEST-1");
        struct seen seen = get(&rig, "/echo");
        if (seen.answer.fault != GW_HTTP_PEER_CERTIFICATE
            || !strstr(seen.text, cases[i].reason)) {
            fail_msg("%s: %s: %s", cases[i].certificate, gw_http_fault_name(seen.answer.fault),
                     seen.text);
        }
        assert_int_equal(close_rig(&rig), 0);
    }
}

static void a_certificate_of_ours_that_is_refused_is_told_apart(void **state) {
    (void) state;
    static const char *const certificates[] = {"bad/gateway-GW-TEST-1-wrong-ca",
                                               "bad/gateway-GW-TEST-1-expired", "missing"};
    for (size_t i = 0; i < GW_ARRAY_LEN(certificates); i++) {
        struct rig rig;
        open_rig_as(&rig, "server", certificates[i]);
        struct seen seen = get(&rig, "/echo");
        if (seen.answer.fault != GW_HTTP_OWN_CERTIFICATE) {
            fail_msg("%s: %s: %s", certificates[i], gw_http_fault_name(seen.answer.fault),
                     seen.text);
        }
        assert_int_equal(close_rig(&rig), 0);
    }
}

static void nobody_listening_is_unreachable(void **state) {
    (void) state;
    struct rig rig;
    open_rig(&rig);
    struct seen seen = {0};
    uint64_t ticket;
    struct gw_http_request request = {.method = GW_HTTP_GET,
                                      .url = GW_STR("https://localhost:1/"),
                                      .timeout_ms = 2000,
                                      .done = on_done,
                                      .context = &seen};
    assert_int_equal(rig.transport.submit(rig.transport.self, &request, &ticket), GW_OK);
    run_until(&rig, &seen, 1, 5000);
    assert_int_equal(seen.answer.fault, GW_HTTP_UNREACHABLE);
    (void) close_rig(&rig);
}

static void a_cancelled_request_is_never_answered_and_its_slot_is_free_again(void **state) {
    (void) state;
    struct rig rig;
    struct seen seen = {0};
    open_rig(&rig);
    struct gw_http_request request = {.method = GW_HTTP_GET, .timeout_ms = 4000};
    for (int i = 0; i < 20; i++) {
        uint64_t ticket = submit_path(&rig, "/silence", request, &seen);
        rig.transport.cancel(rig.transport.self, ticket);
        rig.transport.cancel(rig.transport.self, ticket);
    }
    assert_int_equal(get(&rig, "/echo").answer.status, 200);
    assert_int_equal(seen.calls, 0);
    (void) close_rig(&rig);
}

static void more_requests_than_slots_are_busy(void **state) {
    (void) state;
    struct rig rig;
    struct seen seen = {0};
    uint64_t ticket;
    open_rig(&rig);
    struct gw_http_request request = {.method = GW_HTTP_GET, .timeout_ms = 4000};
    for (int i = 0; i < 4; i++) {
        (void) submit_path(&rig, "/silence", request, &seen);
    }
    request.url = GW_STR("https://localhost:1/");
    assert_int_equal(rig.transport.submit(rig.transport.self, &request, &ticket), GW_ERR_BUSY);
    (void) close_rig(&rig);
}

struct renewing {
    struct rig *rig;
    struct seen first, again;
    char body[sizeof(((struct seen *) 0)->body)]; /* after the callback's own requests */
    enum gw_err submitted[REQUESTS];
    bool is_refused;
};

static void on_done_renew(void *context, const struct gw_http_answer *answer) {
    struct renewing *renewing = context;
    struct rig *rig = renewing->rig;
    char url[256];
    uint64_t ticket;
    on_done(&renewing->first, answer);
    rig->transport.renew(rig->transport.self);
    int n = snprintf(url, sizeof(url), "https://localhost:%u/echo", rig->server.port);
    struct gw_http_request request = {.method = GW_HTTP_GET,
                                      .url = {url, (size_t) n},
                                      .timeout_ms = 5000,
                                      .done = on_done,
                                      .context = &renewing->again};
    for (size_t i = 0; i < REQUESTS; i++) {
        renewing->submitted[i] = rig->transport.submit(rig->transport.self, &request, &ticket);
    }
    (void) snprintf(renewing->body, sizeof(renewing->body), "%.*s", GW_STR_ARG(answer->body));
}

static void a_callback_may_renew_and_submit_but_not_into_its_own_slot(void **state) {
    (void) state;
    struct rig rig;
    static struct renewing renewing;
    open_rig(&rig);
    memset(&renewing, 0, sizeof(renewing));
    renewing.rig = &rig;
    uint64_t ticket;
    char url[256];
    int n = snprintf(url, sizeof(url), "https://localhost:%u/echo", rig.server.port);
    struct gw_http_request request = {.method = GW_HTTP_GET,
                                      .url = {url, (size_t) n},
                                      .timeout_ms = 5000,
                                      .done = on_done_renew,
                                      .context = &renewing};
    assert_int_equal(rig.transport.submit(rig.transport.self, &request, &ticket), GW_OK);
    run_until(&rig, &renewing.first, 1, 8000);
    assert_int_equal(renewing.first.calls, 1);
    assert_string_equal(renewing.body, renewing.first.body); /* still there */
    unsigned taken = 0;
    for (size_t i = 0; i < REQUESTS; i++) {
        taken += renewing.submitted[i] == GW_OK;
        assert_true(renewing.submitted[i] == GW_OK || renewing.submitted[i] == GW_ERR_BUSY);
    }
    assert_int_equal(taken, REQUESTS - 1);
    run_until(&rig, &renewing.again, taken, 8000);
    assert_int_equal(renewing.again.calls, taken);
    assert_int_equal(renewing.again.answer.status, 200);
    /* and the slot is free again */
    assert_int_equal(get(&rig, "/echo").answer.status, 200);
    (void) close_rig(&rig);
}

static void renew_starts_on_a_new_connection(void **state) {
    (void) state;
    struct rig rig;
    open_rig(&rig);
    struct seen seen = get(&rig, "/echo");
    holds(&seen, "\"connection\": 1,");
    rig.transport.renew(rig.transport.self);
    seen = get(&rig, "/echo");
    holds(&seen, "\"connection\": 2,");
    (void) close_rig(&rig);
}

static void proxies_of_the_environment_are_not_used(void **state) {
    (void) state;
    struct rig rig;
    assert_int_equal(setenv("https_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    open_rig(&rig);
    assert_int_equal(get(&rig, "/echo").answer.status, 200);
    (void) close_rig(&rig);
    (void) unsetenv("https_proxy");
    (void) unsetenv("ALL_PROXY");
}

static void only_https_is_spoken(void **state) {
    (void) state;
    struct rig rig;
    char url[64];
    struct gw_http *http = NULL;
    open_rig(&rig);
    struct gw_http_options options = default_options(&rig, url, sizeof(url));
    options.url = "http://localhost:80";
    assert_int_equal(gw_http_open(&options, NULL, &http), GW_ERR_INVALID);
    options.url = "nonsense";
    assert_int_equal(gw_http_open(&options, NULL, &http), GW_ERR_INVALID);
    assert_null(http);
    (void) close_rig(&rig);
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
    (void) signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_share_one_connection),
        cmocka_unit_test(requests_at_once_get_connections_of_their_own),
        cmocka_unit_test(a_large_body_arrives_whole_compressed_and_without_waiting),
        cmocka_unit_test(headers_arrive_and_a_body_may_stay_plain),
        cmocka_unit_test(a_header_with_a_line_break_is_refused),
        cmocka_unit_test(statuses_and_retry_after_are_reported),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(broken_answers_are_faults_and_never_answers),
        cmocka_unit_test(a_refused_server_certificate_names_the_reason_and_sends_nothing),
        cmocka_unit_test(a_certificate_of_ours_that_is_refused_is_told_apart),
        cmocka_unit_test(nobody_listening_is_unreachable),
        cmocka_unit_test(a_cancelled_request_is_never_answered_and_its_slot_is_free_again),
        cmocka_unit_test(more_requests_than_slots_are_busy),
        cmocka_unit_test(a_callback_may_renew_and_submit_but_not_into_its_own_slot),
        cmocka_unit_test(renew_starts_on_a_new_connection),
        cmocka_unit_test(proxies_of_the_environment_are_not_used),
        cmocka_unit_test(only_https_is_spoken),
    };
    return cmocka_run_group_tests(tests, make_pki, remove_pki);
}
