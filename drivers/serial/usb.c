/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/usb.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"

#define ATTRIBUTE_BYTES 1024
/* Bits of capabilities/key (linux/input-event-codes.h). */
#define KEY_ENTER_BIT 28
#define KEY_A_BIT 30

static void close_dir(DIR **dir) {
    if (*dir) {
        (void) closedir(*dir);
    }
}

/* Content of `<folder>/<name>` without the line end; empty if it is not there. */
static struct gw_str read_attribute(const char *folder, const char *name,
                                    char storage[static ATTRIBUTE_BYTES]) {
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    struct gw_buf buf;
    gw_buf_init(&buf, storage, ATTRIBUTE_BYTES);
    if (len < 0 || (size_t) len >= sizeof path || gw_file_read(path, &buf)) {
        return (struct gw_str){0};
    }
    return gw_str_trim(gw_buf_str(&buf));
}

static bool has_attribute(const char *folder, const char *name, const char *wanted) {
    char storage[ATTRIBUTE_BYTES];
    return gw_str_eq(read_attribute(folder, name, storage), gw_str_from_cstr(wanted));
}

/* The last group of hexadecimal digits holds the lowest bits. */
static uint64_t lowest_word(struct gw_str bitmap) {
    uint64_t word = 0;
    for (size_t i = 0; i < bitmap.len; i++) {
        char c = bitmap.ptr[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned) (c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned) (c - 'a') + 10
                                                : 16;
        word = digit < 16 ? word << 4 | digit : 0;
    }
    return word;
}

/* Scanners show more than one input device; the one that types has letters. */
static bool is_keyboard(const char *folder) {
    char storage[ATTRIBUTE_BYTES];
    uint64_t keys = lowest_word(read_attribute(folder, "device/capabilities/key", storage));
    return (keys >> KEY_ENTER_BIT & 1) && (keys >> KEY_A_BIT & 1);
}

static bool has_component(const char *path, const char *wanted) {
    struct gw_str rest = gw_str_from_cstr(path), part;
    while (gw_str_split(&rest, '/', &part)) {
        if (gw_str_eq(part, gw_str_from_cstr(wanted))) {
            return true;
        }
    }
    return false;
}

/* The nearest folder above that is a USB device, as a prefix of `path`; false if there
 * is none (a Bluetooth keyboard, an on-board line). */
static bool cut_to_usb_device(char *path) {
    for (char *slash = strrchr(path, '/'); slash && slash != path; slash = strrchr(path, '/')) {
        char storage[ATTRIBUTE_BYTES];
        if (read_attribute(path, "idVendor", storage).len > 0) {
            return true;
        }
        *slash = '\0';
    }
    return false;
}

static bool fits_product(const char *usb_folder, const char *product) {
    struct gw_str rest = gw_str_from_cstr(product), vendor;
    char storage[ATTRIBUTE_BYTES];
    return gw_str_split(&rest, ':', &vendor)
           && gw_str_eq(read_attribute(usb_folder, "idVendor", storage), vendor)
           && gw_str_eq(read_attribute(usb_folder, "idProduct", storage), rest);
}

static bool is_given(const char *text) {
    return text && text[0] != '\0';
}

/* `folder` is the node's, resolved: .../usb1/1-1/1-1.4/1-1.4:1.0/ttyUSB0/tty/ttyUSB0 */
static bool fits(const char *folder, const struct gw_usb_match *match) {
    char usb_folder[PATH_MAX];
    (void) snprintf(usb_folder, sizeof usb_folder, "%s", folder);
    bool is_usb = cut_to_usb_device(usb_folder);
    if (is_given(match->path) && !has_component(folder, match->path)) {
        return false;
    }
    if (is_given(match->serial)
        && !(is_usb && has_attribute(usb_folder, "serial", match->serial))
        && !has_attribute(folder, "device/uniq", match->serial)) {
        return false;
    }
    if (is_given(match->product) && !(is_usb && fits_product(usb_folder, match->product))) {
        return false;
    }
    return !is_given(match->name) || has_attribute(folder, "device/name", match->name);
}

static bool is_candidate(const char *class_folder, const char *node, bool is_input,
                         const struct gw_usb_match *match) {
    char link[PATH_MAX], folder[PATH_MAX];
    int len = snprintf(link, sizeof link, "%s/%s", class_folder, node);
    if (len < 0 || (size_t) len >= sizeof link || !realpath(link, folder)) {
        return false;
    }
    return fits(folder, match) && (!is_input || is_keyboard(folder));
}

enum gw_err gw_usb_find(const char *sys_root, const char *class,
                        const struct gw_usb_match *match,
                        char ret_node[static GW_USB_NODE_BYTES]) {
    char class_folder[PATH_MAX], found[GW_USB_NODE_BYTES] = "";
    (void) snprintf(class_folder, sizeof class_folder, "%s/class/%s", sys_root, class);
    GW_CLEANUP(close_dir) DIR *dir = opendir(class_folder);
    if (!dir) {
        return GW_ERR_NOENT;
    }
    bool is_input = strcmp(class, "input") == 0;
    const char *prefix = is_input ? "event" : "tty";
    unsigned count = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0
            && strlen(entry->d_name) < sizeof found
            && is_candidate(class_folder, entry->d_name, is_input, match)) {
            (void) snprintf(found, sizeof found, "%.*s", (int) sizeof found - 1, entry->d_name);
            count++;
        }
    }
    if (count != 1) {
        return count == 0 ? GW_ERR_NOENT : GW_ERR_DUPLICATE;
    }
    memcpy(ret_node, found, sizeof found);
    return GW_OK;
}
