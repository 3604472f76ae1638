/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of a keyboard scanner: whatever is pressed and released, what comes out is
 * UTF-8, bounded, the same for the same keys, and no press is left out.
 *
 * Input: one byte of layout and settings, then pairs of key and value.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "drivers/serial/hid_keys.h"
#include "drivers/serial/hid_layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_modifier(uint16_t key) {
    static const uint8_t modifiers[] = {29, 42, 54, 56, 97, 100, 125, 126};
    return key < 128 && memchr(modifiers, key, sizeof modifiers) != NULL;
}

static size_t type(const uint8_t *data, size_t size, uint8_t *dst, size_t cap) {
    static const struct gw_profile_key profile_keys[] = {{66, "\x1d"}, {67, "{GS}"}};
    const struct gw_profile_keyboard keyboard = {
        .layout = (enum gw_keyboard_layout)(GW_LAYOUT_US + data[0] % 4),
        .alt_codes = data[0] & 4,
        .keys = profile_keys,
        .key_count = data[0] & 8 ? 2 : 0,
    };
    struct gw_hid_keys keys;
    struct gw_buf out;
    gw_hid_keys_init(&keys, &keyboard, data[0] & 16);
    gw_buf_init(&out, dst, cap);
    for (size_t i = 1; i + 1 < size; i += 2) {
        size_t before = out.len;
        /* High bits of the value also make keys beyond 255. */
        uint16_t key = (uint16_t) (data[i] | (data[i + 1] & 0xf0) << 4);
        gw_hid_keys_take(&keys, key, data[i + 1] % 4, &out);
        assert(!gw_buf_failed(&out));
        assert(out.len - before <= GW_HID_KEY_BYTES);
        bool is_press = data[i + 1] % 4 == 1 && !is_modifier(key) && !gw_hid_is_silent(key);
        assert(!is_press || out.len > before || keys.dead != 0 || keys.alt_digits > 0);
    }
    return out.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t first[8192 * GW_HID_KEY_BYTES], second[8192 * GW_HID_KEY_BYTES];
    if (size == 0 || size > 8192) {
        return 0;
    }
    size_t len = type(data, size, first, sizeof first);
    assert(gw_str_is_utf8((struct gw_str){(const char *) first, len}));
    assert(type(data, size, second, sizeof second) == len);
    assert(memcmp(first, second, len) == 0);
    return 0;
}
