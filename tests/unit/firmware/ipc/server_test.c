/* SPDX-License-Identifier: Apache-2.0 */
/* Server and client over real sockets in a folder of the test's own; the loop
 * is turned by hand, so nothing waits for anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"
#include "firmware/ipc/ipc.h"
#include "firmware/policy/verb.h"

#define MAX_CONNECTIONS 3

struct fixture {
    char folder[64];
    char path[96];
    struct gw_loop *loop;
    struct gw_clock clock;
    struct gw_ipc_server *server;
    struct gw_buf storage;
    struct gw_buf scratch;
    /* What on_request does and saw. */
    enum { ECHO, KEEP, FAIL, BLAST } mode;
    unsigned requests;
    char peer_name[32];
    struct gw_ipc_reply_to kept[4];
    enum gw_err blast_err;
};

static char large_body[GW_IPC_BODY_MAX];

static void on_request(void *context, struct gw_ipc_peer *peer, const char *peer_name,
                       const struct gw_ipc_frame *frame) {
    struct fixture *f = context;
    struct gw_ipc_reply_to to = gw_ipc_reply_to(peer, frame);
    (void) snprintf(f->peer_name, sizeof f->peer_name, "%s", peer_name);
    if (f->mode == KEEP) {
        f->kept[f->requests % 4] = to;
    }
    f->requests++;
    if (f->mode == ECHO) {
        assert_int_equal(gw_ipc_answer(&to, GW_OK, 0, frame->body), GW_OK);
    }
    if (f->mode == FAIL) {
        assert_int_equal(
            gw_ipc_answer_error(&to, GW_ERR_NOENT, "found \"%s\", allowed: 1 to 9", "x"),
            GW_OK);
    }
    if (f->mode == BLAST) {
        struct gw_str body = {large_body, sizeof large_body};
        f->blast_err = GW_OK;
        for (unsigned i = 0; i < 100 && !f->blast_err; i++) {
            f->blast_err = gw_ipc_answer(&to, GW_OK, GW_IPC_MORE, body);
        }
    }
}

static void turn(struct fixture *f) {
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(gw_loop_wait(f->loop, &f->clock, 0), GW_OK);
    }
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    (void) snprintf(f->folder, sizeof f->folder, "/tmp/gw-test-XXXXXX");
    if (!f || !mkdtemp(f->folder)) {
        return -1;
    }
    (void) snprintf(f->path, sizeof f->path, "%s/control.sock", f->folder);
    memset(large_body, ' ', sizeof large_body);
    f->clock = gw_clock_system();
    return gw_loop_open(32, &f->loop) || gw_buf_open(&f->storage, GW_IPC_FRAME_MAX)
           || gw_buf_open(&f->scratch, GW_IPC_FRAME_MAX)
           || gw_ipc_server_open(f->loop, MAX_CONNECTIONS, gw_verb_allowed, on_request, f,
                                 &f->server);
}

static int teardown(void **state) {
    struct fixture *f = *state;
    gw_ipc_server_close(f->server);
    gw_loop_close(f->loop);
    gw_buf_close(&f->storage);
    gw_buf_close(&f->scratch);
    int left = rmdir(f->folder);
    free(f);
    return left; /* a socket file left behind is a failure */
}

static void listen_here(struct fixture *f) {
    assert_int_equal(gw_ipc_server_listen(f->server, f->path, 0660, "control"), GW_OK);
}

static int connect_here(struct fixture *f) {
    int fd = -1;
    assert_int_equal(gw_ipc_connect(f->path, &fd), GW_OK);
    turn(f);
    return fd;
}

static void ask(struct fixture *f, int fd, enum gw_ipc_verb verb, uint64_t id) {
    const struct gw_ipc_frame frame = {
        .verb = verb, .request_id = id, .body = GW_STR("{\"n\":1}")};
    assert_int_equal(gw_ipc_send(fd, &frame, &f->scratch), GW_OK);
    turn(f);
}

static void request_is_answered_on_the_socket_it_came_by(void **state) {
    struct fixture *f = *state;
    listen_here(f);
    int a = connect_here(f);
    int b = connect_here(f);
    ask(f, a, GW_IPC_HELLO, 41);
    ask(f, b, GW_IPC_STATUS, 42);
    struct gw_ipc_frame reply;
    assert_int_equal(gw_ipc_receive(a, &f->storage, &reply), GW_OK);
    assert_int_equal(reply.request_id, 41);
    assert_int_equal(reply.verb, GW_IPC_HELLO);
    assert_true(gw_str_eq(reply.body, GW_STR("{\"n\":1}")));
    assert_int_equal(gw_ipc_receive(a, &f->storage, &reply), GW_ERR_RETRY);
    assert_int_equal(gw_ipc_receive(b, &f->storage, &reply), GW_OK);
    assert_int_equal(reply.request_id, 42);
    assert_string_equal(f->peer_name, "control");
    close(a);
    close(b);
}

static void socket_file_has_its_mode_and_goes_with_the_server(void **state) {
    struct fixture *f = *state;
    assert_int_equal(gw_ipc_server_listen(f->server, f->path, 0620, "control"), GW_OK);
    struct stat found;
    assert_int_equal(lstat(f->path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0620);
    gw_ipc_server_close(f->server);
    f->server = NULL;
    assert_int_equal(lstat(f->path, &found), -1);
}

static void verb_that_the_peer_may_not_ask_never_reaches_the_daemon(void **state) {
    struct fixture *f = *state;
    assert_int_equal(gw_ipc_server_listen(f->server, f->path, 0660, "status"), GW_OK);
    int fd = connect_here(f);
    ask(f, fd, GW_IPC_QUARANTINE_DROP, 7);
    ask(f, fd, (enum gw_ipc_verb) 99, 8);
    assert_int_equal(f->requests, 0);
    struct gw_ipc_frame reply;
    assert_int_equal(gw_ipc_receive(fd, &f->storage, &reply), GW_OK);
    assert_int_equal(reply.status, GW_ERR_DENIED);
    assert_int_equal(reply.request_id, 7);
    assert_true(gw_str_starts_with(reply.body, GW_STR("{\"error\":\"found verb 13")));
    assert_int_equal(gw_ipc_receive(fd, &f->storage, &reply), GW_OK);
    assert_int_equal(reply.status, GW_ERR_DENIED);
    assert_int_equal(reply.request_id, 8);
    close(fd);
}

static void refusal_carries_what_was_found(void **state) {
    struct fixture *f = *state;
    listen_here(f);
    f->mode = FAIL;
    int fd = connect_here(f);
    ask(f, fd, GW_IPC_QUARANTINE_SHOW, 1);
    struct gw_ipc_frame reply;
    assert_int_equal(gw_ipc_receive(fd, &f->storage, &reply), GW_OK);
    assert_int_equal(reply.status, GW_ERR_NOENT);
    assert_true(
        gw_str_eq(reply.body, GW_STR("{\"error\":\"found \\\"x\\\", allowed: 1 to 9\"}")));
    close(fd);
}

static void newer_protocol_is_told_which_one_is_spoken(void **state) {
    struct fixture *f = *state;
    listen_here(f);
    int fd = connect_here(f);
    const uint8_t newer[GW_IPC_HEADER_BYTES] = {'G', 'W', 'P', '1', 9, 1, 0, 0, 5};
    assert_int_equal(send(fd, newer, sizeof newer, 0), sizeof newer);
    turn(f);
    struct gw_ipc_frame reply;
    assert_int_equal(gw_ipc_receive(fd, &f->storage, &reply), GW_OK);
    assert_int_equal(reply.status, GW_ERR_SCHEMA);
    assert_int_equal(reply.request_id, 5);
    assert_int_equal(f->requests, 0);
    close(fd);
}

static void garbage_and_oversized_datagrams_end_the_connection(void **state) {
    struct fixture *f = *state;
    listen_here(f);
    struct gw_ipc_frame reply;
    int fd = connect_here(f);
    assert_int_equal(send(fd, "hello", 5, 0), 5);
    turn(f);
    assert_int_equal(gw_ipc_receive(fd, &f->storage, &reply), GW_ERR_NOCONN);
    close(fd);

    fd = connect_here(f);
    static uint8_t oversized[GW_IPC_FRAME_MAX + 1] = {'G', 'W', 'P', '1', 1, 1};
    assert_int_equal(send(fd, oversized, sizeof oversized, 0), sizeof oversized);
    turn(f);
    assert_int_equal(gw_ipc_receive(fd, &f->storage, &reply), GW_ERR_NOCONN);
    assert_int_equal(f->requests, 0);
    close(fd);
}

static void one_connection_too_many_is_closed_and_the_others_live(void **state) {
    struct fixture *f = *state;
    listen_here(f);
    int fds[MAX_CONNECTIONS + 1];
    for (unsigned i = 0; i <= MAX_CONNECTIONS; i++) {
        fds[i] = connect_here(f);
    }
    struct gw_ipc_frame reply;
    assert_int_equal(gw_ipc_receive(fds[MAX_CONNECTIONS], &f->storage, &reply), GW_ERR_NOCONN);
    close(fds[MAX_CONNECTIONS]);
    ask(f, fds[0], GW_IPC_HELLO, 1);
    assert_int_equal(gw_ipc_receive(fds[0], &f->storage, &reply), GW_OK);

    close(fds[1]);
    turn(f);
    fds[1] = connect_here(f);
    ask(f, fds[1], GW_IPC_HELLO, 2);
    assert_int_equal(gw_ipc_receive(fds[1], &f->storage, &reply), GW_OK);
    for (unsigned i = 0; i < MAX_CONNECTIONS; i++) {
        close(fds[i]);
    }
}

static void connections_of_one_peer_do_not_starve_another(void **state) {
    struct fixture *f = *state;
    listen_here(f);
    char link_path[96];
    (void) snprintf(link_path, sizeof link_path, "%s/link.sock", f->folder);
    assert_int_equal(gw_ipc_server_listen(f->server, link_path, 0660, "link"), GW_OK);
    int fds[MAX_CONNECTIONS];
    for (unsigned i = 0; i < MAX_CONNECTIONS; i++) {
        fds[i] = connect_here(f);
    }
    int link_fd = -1;
    assert_int_equal(gw_ipc_connect(link_path, &link_fd), GW_OK);
    turn(f);
    ask(f, link_fd, GW_IPC_SUBMIT, 3);
    struct gw_ipc_frame reply;
    assert_int_equal(gw_ipc_receive(link_fd, &f->storage, &reply), GW_OK);
    assert_string_equal(f->peer_name, "link");
    for (unsigned i = 0; i < MAX_CONNECTIONS; i++) {
        close(fds[i]);
    }
    close(link_fd);
}

static void late_answer_to_a_gone_peer_reaches_nobody(void **state) {
    struct fixture *f = *state;
    listen_here(f);
    f->mode = KEEP;
    int gone = connect_here(f);
    ask(f, gone, GW_IPC_STATUS, 1);
    close(gone);
    turn(f);
    assert_int_equal(gw_ipc_answer(&f->kept[0], GW_OK, 0, GW_STR("{}")), GW_ERR_NOCONN);

    int next = connect_here(f); /* gets the same slot */
    assert_int_equal(gw_ipc_answer(&f->kept[0], GW_OK, 0, GW_STR("{}")), GW_ERR_NOCONN);
    struct gw_ipc_frame reply;
    assert_int_equal(gw_ipc_receive(next, &f->storage, &reply), GW_ERR_RETRY);
    close(next);
}

static void answers_may_come_later_and_in_another_order(void **state) {
    struct fixture *f = *state;
    listen_here(f);
    f->mode = KEEP;
    int fd = connect_here(f);
    ask(f, fd, GW_IPC_HELLO, 10);
    ask(f, fd, GW_IPC_STATUS, 11);
    assert_int_equal(gw_ipc_answer(&f->kept[1], GW_OK, 0, GW_STR("{}")), GW_OK);
    assert_int_equal(gw_ipc_answer(&f->kept[0], GW_ERR_FULL, 0, GW_STR("{}")), GW_OK);
    struct gw_ipc_frame reply;
    assert_int_equal(gw_ipc_receive(fd, &f->storage, &reply), GW_OK);
    assert_int_equal(reply.request_id, 11);
    assert_int_equal(gw_ipc_receive(fd, &f->storage, &reply), GW_OK);
    assert_int_equal(reply.request_id, 10);
    assert_int_equal(reply.status, GW_ERR_FULL);
    close(fd);
}

static void answers_wait_for_a_slow_reader_and_arrive_whole_in_order(void **state) {
    struct fixture *f = *state;
    listen_here(f);
    f->mode = KEEP;
    int fd = connect_here(f);
    ask(f, fd, GW_IPC_STATUS, 1);
    unsigned sent = 0;
    /* More than the socket takes: the last ones have to wait. */
    for (; sent < 4; sent++) {
        large_body[0] = (char) ('a' + sent);
        assert_int_equal(gw_ipc_answer(&f->kept[0], GW_OK, 0,
                                       (struct gw_str){large_body, sizeof large_body}),
                         GW_OK);
    }
    /* Not read while an answer waits. */
    const struct gw_ipc_frame frame = {.verb = GW_IPC_HELLO, .request_id = 2};
    assert_int_equal(gw_ipc_send(fd, &frame, &f->scratch), GW_OK);
    turn(f);
    assert_int_equal(f->requests, 1);
    for (unsigned i = 0; i < sent; i++) {
        struct gw_ipc_frame reply;
        assert_int_equal(gw_ipc_receive(fd, &f->storage, &reply), GW_OK);
        assert_int_equal(reply.body.len, sizeof large_body);
        assert_int_equal(reply.body.ptr[0], 'a' + (int) i);
        turn(f);
    }
    assert_int_equal(f->requests, 2);
    close(fd);
}

static void peer_that_does_not_read_is_disconnected_not_hoarded(void **state) {
    struct fixture *f = *state;
    listen_here(f);
    f->mode = BLAST;
    int fd = connect_here(f);
    ask(f, fd, GW_IPC_STATUS, 1);
    assert_int_equal(f->blast_err, GW_ERR_FULL);
    f->mode = ECHO;
    int other = connect_here(f);
    ask(f, other, GW_IPC_HELLO, 2);
    struct gw_ipc_frame reply;
    assert_int_equal(gw_ipc_receive(other, &f->storage, &reply), GW_OK);
    close(fd);
    close(other);
}

static void answer_that_is_too_long_is_refused_and_the_peer_lives(void **state) {
    struct fixture *f = *state;
    listen_here(f);
    f->mode = KEEP;
    int fd = connect_here(f);
    ask(f, fd, GW_IPC_STATUS, 1);
    char *body = test_malloc(GW_IPC_BODY_MAX + 1);
    memset(body, ' ', GW_IPC_BODY_MAX + 1);
    struct gw_str text = {body, GW_IPC_BODY_MAX + 1};
    assert_int_equal(gw_ipc_answer(&f->kept[0], GW_OK, 0, text), GW_ERR_RANGE);
    test_free(body);
    assert_int_equal(gw_ipc_answer_error(&f->kept[0], GW_ERR_RANGE, "too long"), GW_OK);
    struct gw_ipc_frame reply;
    assert_int_equal(gw_ipc_receive(fd, &f->storage, &reply), GW_OK);
    assert_int_equal(reply.status, GW_ERR_RANGE);
    close(fd);
}

static void long_error_is_cut_between_characters(void **state) {
    struct fixture *f = *state;
    listen_here(f);
    f->mode = KEEP;
    int fd = connect_here(f);
    ask(f, fd, GW_IPC_STATUS, 1);
    char text[2001];
    for (unsigned i = 0; i < 1000; i++) {
        memcpy(text + 2 * i, "\xc3\xa9", 2);
    }
    text[2000] = '\0';
    assert_int_equal(gw_ipc_answer_error(&f->kept[0], GW_ERR_PARSE, "x%s", text), GW_OK);
    struct gw_ipc_frame reply;
    assert_int_equal(gw_ipc_receive(fd, &f->storage, &reply), GW_OK);
    assert_true(gw_str_is_utf8(reply.body));
    assert_true(reply.body.len > 890);
    close(fd);
}

static void stale_socket_is_replaced_and_a_living_one_is_not(void **state) {
    struct fixture *f = *state;
    pid_t child = fork();
    if (child == 0) { /* dies without removing its file */
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        (void) snprintf(address.sun_path, sizeof address.sun_path, "%s", f->path);
        int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        _exit(bind(fd, (struct sockaddr *) &address, sizeof address) || listen(fd, 1));
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    int fd = -1;
    assert_int_equal(gw_ipc_connect(f->path, &fd), GW_ERR_NOCONN);
    listen_here(f);

    struct gw_ipc_server *second = NULL;
    assert_int_equal(gw_ipc_server_open(f->loop, 1, gw_verb_allowed, on_request, f, &second),
                     GW_OK);
    assert_int_equal(gw_ipc_server_listen(second, f->path, 0660, "control"), GW_ERR_BUSY);
    gw_ipc_server_close(second);

    f->mode = ECHO; /* the first one still stands */
    fd = connect_here(f);
    ask(f, fd, GW_IPC_HELLO, 1);
    struct gw_ipc_frame reply;
    assert_int_equal(gw_ipc_receive(fd, &f->storage, &reply), GW_OK);
    close(fd);
}

static void file_that_is_no_socket_is_not_removed(void **state) {
    struct fixture *f = *state;
    int fd = open(f->path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(gw_ipc_server_listen(f->server, f->path, 0660, "control"), GW_ERR_INVALID);
    assert_int_equal(unlink(f->path), 0);
}

static void impossible_places_are_refused(void **state) {
    struct fixture *f = *state;
    char path[200];
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    int fd = -1;
    assert_int_equal(gw_ipc_server_listen(f->server, path, 0660, "control"), GW_ERR_RANGE);
    assert_int_equal(gw_ipc_connect(path, &fd), GW_ERR_RANGE);
    assert_int_equal(gw_ipc_connect("", &fd), GW_ERR_RANGE);
    (void) snprintf(path, sizeof path, "%s/none/control.sock", f->folder);
    assert_int_equal(gw_ipc_server_listen(f->server, path, 0660, "control"), GW_ERR_NOENT);
    assert_int_equal(gw_ipc_connect(f->path, &fd), GW_ERR_NOENT);
    assert_int_equal(fd, -1);
}

/* ---- call ---- */

struct serving {
    struct fixture *f;
    atomic_bool stop;
};

static void *serve(void *context) {
    struct serving *serving = context;
    while (!atomic_load(&serving->stop)) {
        if (gw_loop_wait(serving->f->loop, &serving->f->clock,
                         gw_clock_mono_ms(&serving->f->clock) + 5)) {
            break;
        }
    }
    return NULL;
}

static void call_returns_the_answer_or_times_out(void **state) {
    struct fixture *f = *state;
    listen_here(f);
    int fd = -1;
    assert_int_equal(gw_ipc_connect(f->path, &fd), GW_OK);
    struct gw_ipc_frame reply;
    assert_int_equal(gw_ipc_call(fd, GW_IPC_HELLO, GW_STR("{}"), 20, &f->scratch, &reply),
                     GW_ERR_TIMEOUT);
    struct serving serving = {.f = f};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, serve, &serving), 0);
    /* The answer to the request that timed out comes first and is skipped. */
    enum gw_err err =
        gw_ipc_call(fd, GW_IPC_STATUS, GW_STR("{\"a\":2}"), 10000, &f->storage, &reply);
    atomic_store(&serving.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(err, GW_OK);
    assert_int_equal(reply.verb, GW_IPC_STATUS);
    assert_true(gw_str_eq(reply.body, GW_STR("{\"a\":2}")));
    gw_ipc_server_close(f->server);
    f->server = NULL;
    assert_int_equal(gw_ipc_call(fd, GW_IPC_HELLO, GW_STR("{}"), 1000, &f->storage, &reply),
                     GW_ERR_NOCONN);
    close(fd);
}

static void small_receive_storage_is_refused_before_anything_is_lost(void **state) {
    struct fixture *f = *state;
    listen_here(f);
    int fd = connect_here(f);
    ask(f, fd, GW_IPC_HELLO, 1);
    char small[64];
    struct gw_buf buf;
    gw_buf_init(&buf, small, sizeof small);
    struct gw_ipc_frame reply;
    assert_int_equal(gw_ipc_receive(fd, &buf, &reply), GW_ERR_INVALID);
    assert_int_equal(gw_ipc_receive(fd, &f->storage, &reply), GW_OK);
    close(fd);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(request_is_answered_on_the_socket_it_came_by),
        TEST(socket_file_has_its_mode_and_goes_with_the_server),
        TEST(verb_that_the_peer_may_not_ask_never_reaches_the_daemon),
        TEST(refusal_carries_what_was_found),
        TEST(newer_protocol_is_told_which_one_is_spoken),
        TEST(garbage_and_oversized_datagrams_end_the_connection),
        TEST(one_connection_too_many_is_closed_and_the_others_live),
        TEST(connections_of_one_peer_do_not_starve_another),
        TEST(late_answer_to_a_gone_peer_reaches_nobody),
        TEST(answers_may_come_later_and_in_another_order),
        TEST(answers_wait_for_a_slow_reader_and_arrive_whole_in_order),
        TEST(peer_that_does_not_read_is_disconnected_not_hoarded),
        TEST(answer_that_is_too_long_is_refused_and_the_peer_lives),
        TEST(long_error_is_cut_between_characters),
        TEST(stale_socket_is_replaced_and_a_living_one_is_not),
        TEST(file_that_is_no_socket_is_not_removed),
        TEST(impossible_places_are_refused),
        TEST(call_returns_the_answer_or_times_out),
        TEST(small_receive_storage_is_refused_before_anything_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
