/* SPDX-License-Identifier: Apache-2.0 */
/* Keyboards played by FIFOs: the same reads as from an event device, without its
 * ioctls. With a real one: tests/system/test_keyboards.py. */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/drivers/serial/feeds_rig.h"

static struct feeds_rig rig;

static int begin(void **state) {
    (void) state;
    feeds_rig_begin(&rig);
    return 0;
}

static int end(void **state) {
    (void) state;
    feeds_rig_end(&rig);
    return 0;
}

/* A device node; the descriptor its keys are written to. */
static int make_keyboard(const char *name, char path[static GW_TEMP_PATH_BYTES]) {
    gw_temp_path(&rig.folder, name, path);
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void send_event(int fd, uint16_t type, uint16_t code, int32_t value) {
    struct input_event event;
    memset(&event, 0, sizeof event);
    event.type = type;
    event.code = code;
    event.value = value;
    assert_int_equal(write(fd, &event, sizeof event), sizeof event);
}

static void press(int fd, uint16_t key) {
    send_event(fd, EV_KEY, key, 1);
    send_event(fd, EV_SYN, SYN_REPORT, 0);
    send_event(fd, EV_KEY, key, 0);
    send_event(fd, EV_SYN, SYN_REPORT, 0);
}

static void type_digits(int fd, const char *digits) {
    for (; *digits; digits++) {
        press(fd, (uint16_t) (*digits == '0' ? KEY_0 : KEY_1 + (*digits - '1')));
    }
}

static void two_scanners_type_at_once_and_each_code_is_whole(void **state) {
    (void) state;
    char one[GW_TEMP_PATH_BYTES], two[GW_TEMP_PATH_BYTES];
    int first = make_keyboard("kbd-1", one), second = make_keyboard("kbd-2", two);
    feeds_rig_add(&rig, "hid-1", GW_FEED_HID)->path = one;
    feeds_rig_add(&rig, "hid-2", GW_FEED_HID)->path = two;
    feeds_rig_open(&rig);
    feeds_rig_wait_state(&rig, 0, "open");
    feeds_rig_wait_state(&rig, 1, "open");
    for (int i = 0; i < 3; i++) {
        type_digits(first, "12");
        type_digits(second, "98");
        feeds_rig_turn(&rig);
    }
    press(second, KEY_ENTER);
    feeds_rig_wait_units(&rig, 1);
    press(first, KEY_ENTER);
    feeds_rig_wait_units(&rig, 2);
    feeds_rig_expect(&rig, 0, "\"raw\":\"989898\"");
    feeds_rig_expect(&rig, 1, "\"raw\":\"121212\"");
    assert_string_equal(rig.intake->units[0].device, "hid-2");
    (void) close(first);
    (void) close(second);
}

static void a_lost_enter_does_not_glue_two_codes_together(void **state) {
    (void) state;
    char path[GW_TEMP_PATH_BYTES];
    int keyboard = make_keyboard("kbd", path);
    feeds_rig_add(&rig, "hid-1", GW_FEED_HID)->path = path;
    feeds_rig_open(&rig);
    feeds_rig_wait_state(&rig, 0, "open");
    type_digits(keyboard, "111");
    feeds_rig_turn(&rig);
    gw_fake_clock_advance(&rig.fake_clock, 600); /* idle_ms of the profile is 500 */
    feeds_rig_turn(&rig);
    feeds_rig_wait_units(&rig, 1);
    feeds_rig_expect(&rig, 0, "\"raw\":\"111\"");
    type_digits(keyboard, "222");
    press(keyboard, KEY_ENTER);
    feeds_rig_wait_units(&rig, 2);
    feeds_rig_expect(&rig, 1, "\"raw\":\"222\"");
    (void) close(keyboard);
}

static void a_keyboard_that_cannot_be_grabbed_is_not_read(void **state) {
    (void) state;
    char path[GW_TEMP_PATH_BYTES];
    int keyboard = make_keyboard("kbd", path);
    feeds_rig_add(&rig, "hid-1", GW_FEED_HID)->path = path;
    rig.grab_errno = EBUSY;
    feeds_rig_open(&rig);
    feeds_rig_wait_state(&rig, 0, "denied");
    assert_true(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DENIED, "hid-1"));
    type_digits(keyboard, "123");
    press(keyboard, KEY_ENTER);
    for (int i = 0; i < 5; i++) {
        feeds_rig_turn(&rig);
    }
    assert_int_equal(rig.intake->pending, 0);
    rig.grab_errno = 0;
    gw_fake_clock_advance(&rig.fake_clock, 5000);
    feeds_rig_wait_state(&rig, 0, "open");
    assert_false(feeds_rig_has_issue(&rig, GW_ISSUE_FEED_DENIED, "hid-1"));
    (void) close(keyboard);
}

static void events_the_kernel_dropped_leave_a_mark_in_the_code(void **state) {
    (void) state;
    char path[GW_TEMP_PATH_BYTES];
    int keyboard = make_keyboard("kbd", path);
    feeds_rig_add(&rig, "hid-1", GW_FEED_HID)->path = path;
    feeds_rig_open(&rig);
    feeds_rig_wait_state(&rig, 0, "open");
    type_digits(keyboard, "1");
    send_event(keyboard, EV_SYN, SYN_DROPPED, 0);
    send_event(keyboard, EV_KEY, KEY_5, 0);
    send_event(keyboard, EV_KEY, KEY_6, 1);
    send_event(keyboard, EV_SYN, SYN_REPORT, 0);
    type_digits(keyboard, "2");
    press(keyboard, KEY_ENTER);
    feeds_rig_wait_units(&rig, 1);
    feeds_rig_expect(&rig, 0,
                     "\"raw\":\"1\xef\xbf\xbd"
                     "2\"");
    (void) close(keyboard);
}

static void a_group_separator_typed_with_ctrl_is_in_the_code(void **state) {
    (void) state;
    char path[GW_TEMP_PATH_BYTES];
    int keyboard = make_keyboard("kbd", path);
    feeds_rig_add(&rig, "hid-1", GW_FEED_HID)->path = path;
    feeds_rig_open(&rig);
    feeds_rig_wait_state(&rig, 0, "open");
    type_digits(keyboard, "10");
    send_event(keyboard, EV_KEY, KEY_LEFTCTRL, 1);
    press(keyboard, KEY_RIGHTBRACE);
    send_event(keyboard, EV_KEY, KEY_LEFTCTRL, 0);
    type_digits(keyboard, "21");
    press(keyboard, KEY_KPENTER);
    feeds_rig_wait_units(&rig, 1);
    feeds_rig_expect(&rig, 0, "\"raw\":\"10\\u001d21\"");
    (void) close(keyboard);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(two_scanners_type_at_once_and_each_code_is_whole),
        TEST(a_lost_enter_does_not_glue_two_codes_together),
        TEST(a_keyboard_that_cannot_be_grabbed_is_not_read),
        TEST(events_the_kernel_dropped_leave_a_mark_in_the_code),
        TEST(a_group_separator_typed_with_ctrl_is_in_the_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
