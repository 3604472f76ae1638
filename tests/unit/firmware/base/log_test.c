/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/log.h"

/* Standard error of the calls between begin and end_capture. */
static int saved_stderr;
static int pipe_read;

static void begin_capture(void) {
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    saved_stderr = dup(STDERR_FILENO);
    assert_true(saved_stderr >= 0);
    assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
    close(fds[1]);
    pipe_read = fds[0];
}

static size_t end_capture(char *text, size_t size) {
    assert_int_equal(dup2(saved_stderr, STDERR_FILENO), STDERR_FILENO);
    close(saved_stderr);
    ssize_t n = read(pipe_read, text, size - 1);
    close(pipe_read);
    size_t len = n > 0 ? (size_t) n : 0;
    text[len] = 0;
    return len;
}

static void a_line_carries_priority_room_and_text(void **state) {
    (void) state;
    char text[256];
    begin_capture();
    gw_log_warning("uplink", "sink is silent sink=%s after_s=%d", "main", 61);
    end_capture(text, sizeof(text));
    assert_string_equal(text, "<4>uplink: sink is silent sink=main after_s=61\n");
}

static void lines_beyond_the_level_are_dropped(void **state) {
    (void) state;
    char text[256];
    begin_capture();
    gw_log_debug("a", "dropped by default");
    gw_log_info("a", "kept");
    gw_log_set_level(GW_LOG_ERROR);
    gw_log_warning("a", "dropped");
    gw_log_error("a", "kept");
    gw_log_set_level(GW_LOG_DEBUG);
    gw_log_debug("a", "kept");
    gw_log_set_level(GW_LOG_INFO);
    end_capture(text, sizeof(text));
    assert_string_equal(text, "<6>a: kept\n<3>a: kept\n<7>a: kept\n");
}

static void control_characters_cannot_forge_a_second_line(void **state) {
    (void) state;
    char text[256];
    begin_capture();
    gw_log_info("a", "device=%s", "x\n<0>kernel: on fire\r\x1b[31m\x7f");
    end_capture(text, sizeof(text));
    assert_string_equal(text, "<6>a: device=x?<0>kernel: on fire??[31m?\n");
}

static void a_long_line_is_cut_and_still_ends(void **state) {
    (void) state;
    char text[3000];
    char room[1500];
    memset(room, 'r', sizeof(room) - 1);
    room[sizeof(room) - 1] = 0;
    begin_capture();
    gw_log_info("a", "%s", room);
    size_t len = end_capture(text, sizeof(text));
    assert_int_equal(len, 1000);
    assert_int_equal(text[999], '\n');
    assert_int_equal(text[998], 'r');
    begin_capture();
    gw_log_info(room, "%s", room);
    len = end_capture(text, sizeof(text));
    assert_int_equal(len, 1000);
    assert_int_equal(text[999], '\n');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_carries_priority_room_and_text),
        cmocka_unit_test(lines_beyond_the_level_are_dropped),
        cmocka_unit_test(control_characters_cannot_forge_a_second_line),
        cmocka_unit_test(a_long_line_is_cut_and_still_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
