/* SPDX-License-Identifier: Apache-2.0 */
/* A client nobody here wrote: openssl s_client over TCP on 127.0.0.1. It says
 * "ping", hears "pong" and is closed by us. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "tests/unit/firmware/crypto/tls_fixture.h"

#define WAIT_MS 20000
#define ARGUMENTS_MAX 40

static struct gw_test_pki pki;

struct visit {
    const char *more[12]; /* arguments of s_client */
    enum gw_err err;      /* what ended it, OK after the answer was written */
    bool resumed;
    char version[16];
    char cn[128];
    char reason[320];
    char output[4096]; /* of s_client, both channels */
    int status;
};

static int listen_on_loopback(uint16_t *ret_port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *) &address, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *) &address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return listener;
}

static pid_t start_client(const struct visit *visit, uint16_t port, int in, int out) {
    char target[32];
    const char *arguments[ARGUMENTS_MAX] = {"openssl",
                                            "s_client",
                                            "-connect",
                                            target,
                                            "-quiet",
                                            "-CAfile",
                                            gw_test_pki_path(&pki, "ca.crt")};
    size_t count = 7;
    pid_t child = -1;
    posix_spawn_file_actions_t actions;
    (void) snprintf(target, sizeof(target), "127.0.0.1:%u", port);
    for (size_t i = 0; i < GW_ARRAY_LEN(visit->more) && visit->more[i]; i++) {
        arguments[count++] = visit->more[i];
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, out, 2);
    assert_int_equal(
        posix_spawnp(&child, "openssl", &actions, NULL, (char **) arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return child;
}

static bool wait_for(int fd, bool writable) {
    struct pollfd poll_fd = {.fd = fd, .events = writable ? POLLOUT : POLLIN};
    return poll(&poll_fd, 1, WAIT_MS) == 1;
}

/* One step of a listener that has this one connection. */
static enum gw_err step(struct gw_tls_stream *stream, char *heard, size_t *heard_len) {
    size_t len = 0;
    enum gw_err err = gw_tls_stream_handshake(stream);
    if (err) {
        return err;
    }
    if (*heard_len < 5) {
        err = gw_tls_stream_read(stream, (uint8_t *) heard + *heard_len, 5 - *heard_len, &len);
        *heard_len += len;
        return err ? err : *heard_len < 5 ? GW_ERR_RETRY : GW_ERR_BUSY;
    }
    return gw_tls_stream_write(stream, (struct gw_bytes){(const uint8_t *) "pong\n", 5}, &len);
}

static void serve(struct gw_tls_server *server, int fd, struct visit *visit) {
    struct gw_tls_stream *stream = NULL;
    char heard[8] = "";
    size_t heard_len = 0;
    int on = 1;
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(gw_tls_stream_open(server, fd, &stream), GW_OK);
    visit->err = GW_ERR_RETRY;
    while (visit->err == GW_ERR_RETRY || visit->err == GW_ERR_BUSY) {
        visit->err = step(stream, heard, &heard_len);
        if (visit->err == GW_ERR_RETRY && !gw_tls_stream_has_pending(stream)
            && !wait_for(fd, gw_tls_stream_wants_write(stream))) {
            fail_msg("s_client is silent");
        }
    }
    assert_true(visit->err != GW_OK || memcmp(heard, "ping\n", 5) == 0);
    visit->resumed = gw_tls_stream_is_resumed(stream);
    struct gw_str cn = gw_tls_stream_peer_cn(stream);
    (void) snprintf(visit->cn, sizeof(visit->cn), "%.*s", GW_STR_ARG(cn));
    (void) snprintf(visit->version, sizeof(visit->version), "%s",
                    gw_tls_stream_version(stream));
    (void) snprintf(visit->reason, sizeof(visit->reason), "%s", gw_tls_stream_reason(stream));
    gw_tls_stream_close(stream);
}

static void read_output(int fd, char *dst, size_t cap) {
    size_t len = 0;
    ssize_t n;
    while (len < cap - 1 && wait_for(fd, false)
           && (n = read(fd, dst + len, cap - 1 - len)) > 0) {
        len += (size_t) n;
    }
    dst[len] = 0;
}

static void visit_server(struct gw_tls_server *server, struct visit *visit) {
    uint16_t port = 0;
    int in[2];
    int out[2];
    int listener = listen_on_loopback(&port);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid_t child = start_client(visit, port, in[0], out[1]);
    (void) close(in[0]);
    (void) close(out[1]);
    assert_int_equal(write(in[1], "ping\n", 5), 5);
    assert_true(wait_for(listener, false));
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    serve(server, fd, visit);
    (void) close(fd);
    (void) close(in[1]);
    read_output(out[0], visit->output, sizeof(visit->output));
    (void) close(out[0]);
    (void) close(listener);
    assert_int_equal(waitpid(child, &visit->status, 0), child);
}

static void expect_pong(const struct visit *visit) {
    if (visit->err || !strstr(visit->output, "pong\n")) {
        fail_msg("%s '%s': %s", gw_err_name(visit->err), visit->reason, visit->output);
    }
}

#define CERTIFICATE                                                                            \
    "-cert", gw_test_pki_path(&pki, "gateway-GW-TEST-1.crt"), "-key",                          \
        gw_test_pki_path(&pki, "gateway-GW-TEST-1.key")

static void s_client_talks_in_every_version(void **state) {
    (void) state;
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    struct visit visit = {.more = {CERTIFICATE, "-tls1_2", "-verify_return_error"}};
    visit_server(server, &visit);
    expect_pong(&visit);
    assert_string_equal(visit.version, "TLSv1.2");
    assert_string_equal(visit.cn, "GW-TEST-1");
    visit = (struct visit){.more = {CERTIFICATE, "-verify_return_error"}};
    visit_server(server, &visit);
    expect_pong(&visit);
    assert_string_equal(visit.version, HAS_TLS_1_3 ? "TLSv1.3" : "TLSv1.2");
    assert_string_equal(visit.cn, "GW-TEST-1");
    gw_tls_server_close(server);
}

static void resumes_with(struct gw_tls_server *server, const char *version) {
    const char *file = gw_test_pki_path(&pki, "session.pem");
    struct visit visit = {.more = {CERTIFICATE, version, "-sess_out", file}};
    visit_server(server, &visit);
    expect_pong(&visit);
    assert_false(visit.resumed);
    visit = (struct visit){.more = {version, "-sess_in", file}};
    visit_server(server, &visit);
    expect_pong(&visit);
    assert_true(visit.resumed);
    assert_string_equal(visit.cn, "GW-TEST-1");
}

static void s_client_resumes_and_keeps_its_name(void **state) {
    (void) state;
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    resumes_with(server, "-tls1_2");
#if HAS_TLS_1_3
    resumes_with(server, "-tls1_3");
#endif
    gw_tls_server_close(server);
}

static void s_client_is_told_why_not(void **state) {
    (void) state;
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    struct visit visit = {.more = {"-tls1_2"}};
    visit_server(server, &visit);
    assert_int_equal(visit.err, GW_ERR_DENIED);
    assert_non_null(strstr(visit.reason, "the client has no certificate"));
    if (!strstr(visit.output, "alert")) {
        fail_msg("%s", visit.output);
    }
    assert_null(strstr(visit.output, "pong"));
    visit = (struct visit){
        .more = {CERTIFICATE, "-cipher", "ECDHE-ECDSA-AES128-SHA256", "-tls1_2"}};
    visit_server(server, &visit);
    assert_int_equal(visit.err, GW_ERR_DENIED);
    assert_non_null(strstr(visit.reason, "nothing in common with the client"));
    visit = (struct visit){.more = {CERTIFICATE, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}};
    visit_server(server, &visit);
    assert_int_equal(visit.err, GW_ERR_DENIED);
    assert_non_null(strstr(visit.reason, "no version that is allowed"));
    gw_tls_server_close(server);
}

static void s_client_that_does_not_trust_us_is_told_apart(void **state) {
    (void) state;
    struct gw_tls_server *server = open_server(&pki, "ca.crt");
    struct visit visit = {.more = {CERTIFICATE, "-verify_return_error", "-CAfile",
                                   gw_test_pki_path(&pki, "bad/other-ca.crt")}};
    visit_server(server, &visit);
    assert_int_equal(visit.err, GW_ERR_NOCONN);
    assert_non_null(strstr(visit.reason, "the client refused with "));
    gw_tls_server_close(server);
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
        cmocka_unit_test(s_client_talks_in_every_version),
        cmocka_unit_test(s_client_resumes_and_keeps_its_name),
        cmocka_unit_test(s_client_is_told_why_not),
        cmocka_unit_test(s_client_that_does_not_trust_us_is_told_apart),
    };
    return cmocka_run_group_tests(tests, make_pki, remove_pki);
}
