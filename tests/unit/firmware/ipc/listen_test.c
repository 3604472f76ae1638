/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets handed in by systemd, and the doorbell. What is inherited is decided
 * by the environment and the numbers of descriptors, so each case that sets
 * them runs in a child of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
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
#include "firmware/ipc/listen.h"

static int bound_socket(const char *path, int type) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void) snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, type, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) != 0) {
        _exit(99);
    }
    return fd;
}

static void put_environment(pid_t pid, const char *count, const char *names) {
    char pid_text[16];
    (void) snprintf(pid_text, sizeof pid_text, "%d", (int) pid);
    (void) setenv("LISTEN_PID", pid_text, 1);
    (void) setenv("LISTEN_FDS", count, 1);
    (void) setenv("LISTEN_FDNAMES", names, 1);
}

/* In the child: descriptors 3 (seqpacket, listening) and 4 (datagram). */
static void hand_in(const char *folder) {
    char path[96];
    (void) snprintf(path, sizeof path, "%s/a", folder);
    int stream = bound_socket(path, SOCK_SEQPACKET);
    (void) snprintf(path, sizeof path, "%s/b", folder);
    int datagram = bound_socket(path, SOCK_DGRAM);
    int high_stream = fcntl(stream, F_DUPFD, 20);
    int high_datagram = fcntl(datagram, F_DUPFD, 20);
    if (listen(high_stream, 1) || dup2(high_stream, 3) != 3 || dup2(high_datagram, 4) != 4) {
        _exit(98);
    }
}

#define EXPECT(number, condition)                                                              \
    if (!(condition)) {                                                                        \
        _exit(number);                                                                         \
    }

static void by_name(const char *folder) {
    hand_in(folder);
    put_environment(getpid(), "2", "control:doorbell");
    int fd = -1;
    EXPECT(1, gw_ipc_inherited("control", SOCK_SEQPACKET, &fd) == GW_OK && fd == 3);
    EXPECT(2, fcntl(3, F_GETFL) & O_NONBLOCK);
    EXPECT(3, fcntl(3, F_GETFD) & FD_CLOEXEC);
    EXPECT(4, gw_ipc_inherited("doorbell", SOCK_DGRAM, &fd) == GW_OK && fd == 4);
    EXPECT(5, gw_ipc_inherited("link", SOCK_SEQPACKET, &fd) == GW_ERR_NOENT);
    EXPECT(6, gw_ipc_inherited("doorbell", SOCK_SEQPACKET, &fd) == GW_ERR_INVALID);
    EXPECT(7, gw_doorbell_open("/nonexistent/doorbell", &fd) == GW_OK && fd == 4);
}

static void not_for_this_process(const char *folder) {
    hand_in(folder);
    int fd = -1;
    put_environment(getpid() + 1, "2", "control:doorbell");
    EXPECT(1, gw_ipc_inherited("control", SOCK_SEQPACKET, &fd) == GW_ERR_NOENT);
    put_environment(getpid(), "0", "control:doorbell");
    EXPECT(2, gw_ipc_inherited("control", SOCK_SEQPACKET, &fd) == GW_ERR_NOENT);
    put_environment(getpid(), "1", "control:doorbell");
    EXPECT(3, gw_ipc_inherited("doorbell", SOCK_DGRAM, &fd) == GW_ERR_NOENT);
    put_environment(getpid(), "two", "control:doorbell");
    EXPECT(4, gw_ipc_inherited("control", SOCK_SEQPACKET, &fd) == GW_ERR_NOENT);
    put_environment(getpid(), "2", "");
    EXPECT(5, gw_ipc_inherited("control", SOCK_SEQPACKET, &fd) == GW_ERR_NOENT);
    (void) unsetenv("LISTEN_FDNAMES");
    EXPECT(6, gw_ipc_inherited("control", SOCK_SEQPACKET, &fd) == GW_ERR_NOENT);
    EXPECT(7, fd == -1);
}

static bool refuse_all(struct gw_str peer_name, unsigned verb) {
    (void) peer_name;
    (void) verb;
    return false;
}

static void server_uses_it(const char *folder) {
    hand_in(folder);
    put_environment(getpid(), "2", "control:doorbell");
    struct gw_loop *loop = NULL;
    struct gw_ipc_server *server = NULL;
    EXPECT(1, gw_loop_open(8, &loop) == GW_OK);
    EXPECT(2, gw_ipc_server_open(loop, 1, refuse_all, NULL, NULL, &server) == GW_OK);
    char path[96];
    (void) snprintf(path, sizeof path, "%s/own.sock", folder);
    EXPECT(3, gw_ipc_server_listen(server, path, 0660, "control") == GW_OK);
    struct stat found;
    EXPECT(4, lstat(path, &found) != 0);
    (void) snprintf(path, sizeof path, "%s/a", folder);
    int fd = -1;
    EXPECT(5, gw_ipc_connect(path, &fd) == GW_OK);
    struct gw_clock clock = gw_clock_system();
    EXPECT(6, gw_loop_wait(loop, &clock, 0) == GW_OK);
    gw_ipc_server_close(server);
    gw_loop_close(loop);
    EXPECT(7, lstat(path, &found) == 0); /* systemd's file is not ours to remove */
}

static void in_a_child(void (*scenario)(const char *folder)) {
    char folder[] = "/tmp/gw-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    pid_t child = fork();
    if (child == 0) {
        scenario(folder);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    char path[96];
    (void) snprintf(path, sizeof path, "%s/a", folder);
    assert_int_equal(unlink(path), 0);
    (void) snprintf(path, sizeof path, "%s/b", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void handed_in_sockets_are_found_by_name_and_type(void **state) {
    (void) state;
    in_a_child(by_name);
}

static void sockets_of_another_process_or_without_names_are_left_alone(void **state) {
    (void) state;
    in_a_child(not_for_this_process);
}

static void server_takes_the_handed_in_socket_and_keeps_its_file(void **state) {
    (void) state;
    in_a_child(server_uses_it);
}

static void doorbell_rings_and_is_drained(void **state) {
    (void) state;
    char folder[] = "/tmp/gw-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[96];
    (void) snprintf(path, sizeof path, "%s/doorbell", folder);
    int ringer = -1;
    assert_int_equal(gw_doorbell_ringer(&ringer), GW_OK);
    gw_doorbell_ring(ringer, path); /* nobody there: harmless */

    int bell = -1;
    assert_int_equal(gw_doorbell_open(path, &bell), GW_OK);
    char byte;
    assert_int_equal(recv(bell, &byte, 1, MSG_DONTWAIT), -1);
    for (unsigned i = 0; i < 5000; i++) {
        gw_doorbell_ring(ringer, path); /* full: harmless */
    }
    assert_int_equal(recv(bell, &byte, 1, MSG_DONTWAIT | MSG_PEEK), 1);
    gw_doorbell_drain(bell);
    assert_int_equal(recv(bell, &byte, 1, MSG_DONTWAIT), -1);

    int second = -1;
    assert_int_equal(gw_doorbell_open(path, &second), GW_ERR_BUSY);
    close(bell);
    assert_int_equal(gw_doorbell_open(path, &second), GW_OK); /* stale file */
    gw_doorbell_ring(ringer, path);
    assert_int_equal(recv(second, &byte, 1, MSG_DONTWAIT), 1);
    close(second);
    close(ringer);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handed_in_sockets_are_found_by_name_and_type),
        cmocka_unit_test(sockets_of_another_process_or_without_names_are_left_alone),
        cmocka_unit_test(server_takes_the_handed_in_socket_and_keeps_its_file),
        cmocka_unit_test(doorbell_rings_and_is_drained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
