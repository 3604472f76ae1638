/* SPDX-License-Identifier: Apache-2.0 */
/* A sysfs made of folders and links, as the kernel lays it out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "drivers/serial/binding.h"
#include "drivers/serial/usb.h"
#include "firmware/base/file.h"
#include "tests/fakes/temp_folder.h"

static struct gw_temp_folder folder;

static void put(const char *path, const char *text) {
    char full[512], parent[512];
    (void) snprintf(full, sizeof full, "%s/%s", folder.path, path);
    (void) snprintf(parent, sizeof parent, "%s", full);
    *strrchr(parent, '/') = '\0';
    assert_int_equal(gw_file_make_folder(parent, 0755), GW_OK);
    assert_int_equal(
        gw_file_replace_volatile(full, gw_bytes_from_str(gw_str_from_cstr(text)), 0644), GW_OK);
}

static void link_class(const char *class, const char *node, const char *device) {
    char name[256], target[400];
    (void) snprintf(name, sizeof name, "%s/class/%s", folder.path, class);
    assert_int_equal(gw_file_make_folder(name, 0755), GW_OK);
    (void) snprintf(name, sizeof name, "%s/class/%s/%s", folder.path, class, node);
    (void) snprintf(target, sizeof target, "../../%s", device);
    assert_int_equal(symlink(target, name), 0);
}

#define HUB "devices/pci0000:00/usb1/1-1"

static void put_adapter(const char *socket, const char *node, const char *serial) {
    char path[200];
    (void) snprintf(path, sizeof path, HUB "/%s/idVendor", socket);
    put(path, "0403\n");
    (void) snprintf(path, sizeof path, HUB "/%s/idProduct", socket);
    put(path, "6001\n");
    (void) snprintf(path, sizeof path, HUB "/%s/serial", socket);
    put(path, serial);
    (void) snprintf(path, sizeof path, HUB "/%s/%s:1.0/%s/tty/%s", socket, socket, node, node);
    char uevent[220];
    (void) snprintf(uevent, sizeof uevent, "%s/uevent", path);
    put(uevent, "");
    link_class("tty", node, path);
}

static void put_input(const char *socket, const char *node, const char *keys) {
    char base[200], path[240];
    (void) snprintf(base, sizeof base, HUB "/%s/%s:1.0/0003:05E0:1200.0001/input/input7",
                    socket, socket);
    (void) snprintf(path, sizeof path, HUB "/%s/idVendor", socket);
    put(path, "05e0\n");
    (void) snprintf(path, sizeof path, HUB "/%s/idProduct", socket);
    put(path, "1200\n");
    (void) snprintf(path, sizeof path, "%s/name", base);
    put(path, "Symbol Bar Code Scanner\n");
    (void) snprintf(path, sizeof path, "%s/capabilities/key", base);
    put(path, keys);
    char event[300], device[400];
    (void) snprintf(event, sizeof event, "%s/%s", base, node);
    (void) snprintf(device, sizeof device, "%s/uevent", event);
    put(device, "");
    (void) snprintf(device, sizeof device, "%s/%s/device", folder.path, event);
    assert_int_equal(symlink("..", device), 0);
    link_class("input", node, event);
}

#define KEYBOARD "10000 7 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\n"
#define BUTTONS "c0000 400000000 0 0 0 10000\n"

static int begin(void **state) {
    (void) state;
    gw_temp_folder_open(&folder);
    put_adapter("1-1.1", "ttyUSB0", "A1B2\n");
    put_adapter("1-1.2", "ttyUSB1", "C3D4\n");
    put_input("1-1.3", "event3", KEYBOARD);
    put_input("1-1.4", "event9", KEYBOARD);
    put_input("1-1.5", "event10", BUTTONS);
    return 0;
}

static int end(void **state) {
    (void) state;
    gw_temp_folder_close(&folder);
    return 0;
}

static void expect(const char *class, const struct gw_usb_match *match, const char *node) {
    char found[GW_USB_NODE_BYTES] = "";
    assert_int_equal(gw_usb_find(folder.path, class, match, found), GW_OK);
    assert_string_equal(found, node);
}

static enum gw_err find(const char *class, const struct gw_usb_match *match) {
    char found[GW_USB_NODE_BYTES] = "untouched";
    enum gw_err err = gw_usb_find(folder.path, class, match, found);
    assert_true(err == GW_OK || strcmp(found, "untouched") == 0);
    return err;
}

static void an_adapter_is_found_by_socket_or_serial_number(void **state) {
    (void) state;
    expect("tty", &(struct gw_usb_match){.path = "1-1.2"}, "ttyUSB1");
    expect("tty", &(struct gw_usb_match){.path = "1-1.1:1.0"}, "ttyUSB0");
    expect("tty", &(struct gw_usb_match){.serial = "A1B2"}, "ttyUSB0");
    expect("tty", &(struct gw_usb_match){.serial = "C3D4", .product = "0403:6001"}, "ttyUSB1");
}

static void what_fits_twice_or_never_is_not_guessed(void **state) {
    (void) state;
    assert_int_equal(find("tty", &(struct gw_usb_match){.product = "0403:6001"}),
                     GW_ERR_DUPLICATE);
    assert_int_equal(find("tty", &(struct gw_usb_match){.serial = "A1B"}), GW_ERR_NOENT);
    assert_int_equal(find("tty", &(struct gw_usb_match){.path = "1-1"}), GW_ERR_DUPLICATE);
    assert_int_equal(find("tty", &(struct gw_usb_match){.path = "1-1.2", .serial = "A1B2"}),
                     GW_ERR_NOENT);
    assert_int_equal(find("input", &(struct gw_usb_match){.name = "Symbol Bar Code Scanner"}),
                     GW_ERR_DUPLICATE);
}

static void a_keyboard_is_found_and_what_cannot_type_is_none(void **state) {
    (void) state;
    expect("input", &(struct gw_usb_match){.path = "1-1.3", .product = "05e0:1200"}, "event3");
    expect("input", &(struct gw_usb_match){.path = "1-1.4", .name = "Symbol Bar Code Scanner"},
           "event9");
    assert_int_equal(find("input", &(struct gw_usb_match){.path = "1-1.5"}), GW_ERR_NOENT);
}

/* ---- what is to be opened (binding.h) ---- */

static struct gw_config_feed feed_at(enum gw_feed_transport transport, const char *usb_path) {
    return (struct gw_config_feed){.transport = transport,
                                   .path = "",
                                   .usb_path = usb_path,
                                   .usb_serial = "",
                                   .usb_product = "",
                                   .usb_name = ""};
}

static enum gw_err make_binding(const struct gw_config_feed *config,
                                struct gw_binding *binding) {
    const struct gw_transport_options options = {
        .config = config, .sys_root = folder.path, .dev_root = "/dev"};
    return gw_binding_init(binding, &options);
}

static void expect_path(const struct gw_config_feed *config, const char *expected) {
    struct gw_binding binding;
    char path[GW_BINDING_PATH_BYTES];
    enum gw_transport_trouble trouble;
    assert_int_equal(make_binding(config, &binding), GW_OK);
    assert_null(gw_binding_find(&binding, path, &trouble));
    assert_string_equal(path, expected);
}

static void expect_trouble(const struct gw_config_feed *config,
                           enum gw_transport_trouble expected, const char *words) {
    struct gw_binding binding;
    char path[GW_BINDING_PATH_BYTES];
    enum gw_transport_trouble trouble = GW_TRANSPORT_DENIED;
    assert_int_equal(make_binding(config, &binding), GW_OK);
    assert_non_null(gw_binding_find(&binding, path, &trouble));
    assert_int_equal(trouble, expected);
    assert_string_equal(path, words);
}

static void a_feed_has_the_node_that_its_device_has_now(void **state) {
    (void) state;
    struct gw_config_feed line = feed_at(GW_FEED_SERIAL, "1-1.2");
    struct gw_config_feed keys = feed_at(GW_FEED_HID, "1-1.3");
    expect_path(&line, "/dev/ttyUSB1");
    expect_path(&keys, "/dev/input/event3");
    line.path = "/dev/serial/by-id/x"; /* not looked at before it is opened */
    expect_path(&line, "/dev/serial/by-id/x");
}

static void a_device_that_cannot_be_chosen_is_described(void **state) {
    (void) state;
    struct gw_config_feed line = feed_at(GW_FEED_SERIAL, "1-1.9");
    expect_trouble(&line, GW_TRANSPORT_ABSENT, "USB socket 1-1.9");
    line.usb_serial = "A1B2";
    expect_trouble(&line, GW_TRANSPORT_ABSENT, "USB socket 1-1.9 serial number A1B2");
    line.usb_path = line.usb_serial = "";
    line.usb_product = "0403:6001";
    expect_trouble(&line, GW_TRANSPORT_AMBIGUOUS, "product 0403:6001");
    struct gw_config_feed keys = feed_at(GW_FEED_HID, "");
    keys.usb_name = "Symbol Bar Code Scanner";
    expect_trouble(&keys, GW_TRANSPORT_AMBIGUOUS, "name Symbol Bar Code Scanner");
}

static void what_is_too_long_for_a_device_is_invalid(void **state) {
    (void) state;
    char serial[200];
    memset(serial, 'x', sizeof serial - 1);
    serial[sizeof serial - 1] = '\0';
    struct gw_config_feed line = feed_at(GW_FEED_SERIAL, "");
    line.usb_serial = serial;
    struct gw_binding binding;
    assert_int_equal(make_binding(&line, &binding), GW_ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_adapter_is_found_by_socket_or_serial_number),
        cmocka_unit_test(what_fits_twice_or_never_is_not_guessed),
        cmocka_unit_test(a_keyboard_is_found_and_what_cannot_type_is_none),
        cmocka_unit_test(a_feed_has_the_node_that_its_device_has_now),
        cmocka_unit_test(a_device_that_cannot_be_chosen_is_described),
        cmocka_unit_test(what_is_too_long_for_a_device_is_invalid),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
