/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/hid_keys.h"

#include <linux/input-event-codes.h>

#include "drivers/serial/hid_layout.h"
#include "firmware/base/cleanup.h"

#define PRESSED 1
#define RELEASED 0
#define ALT_NUMBER_MAX 255u
#define REPLACEMENT 0xfffdu

enum hid_modifier {
    LEFT_SHIFT = 1,
    RIGHT_SHIFT = 2,
    LEFT_CTRL = 4,
    RIGHT_CTRL = 8,
    LEFT_ALT = 16,
    RIGHT_ALT = 32,
    LEFT_META = 64,
    RIGHT_META = 128,
};
#define ANY_SHIFT ((unsigned) LEFT_SHIFT | RIGHT_SHIFT)
#define ANY_CTRL ((unsigned) LEFT_CTRL | RIGHT_CTRL)
#define ANY_ALT ((unsigned) LEFT_ALT | RIGHT_ALT)
#define ANY_META ((unsigned) LEFT_META | RIGHT_META)

void gw_hid_keys_init(struct gw_hid_keys *keys, const struct gw_profile_keyboard *keyboard,
                      bool caps_lock) {
    *keys = (struct gw_hid_keys){.keyboard = keyboard, .caps_lock = caps_lock};
}

static unsigned modifier_of(uint16_t key) {
    switch (key) {
    case KEY_LEFTSHIFT:
        return LEFT_SHIFT;
    case KEY_RIGHTSHIFT:
        return RIGHT_SHIFT;
    case KEY_LEFTCTRL:
        return LEFT_CTRL;
    case KEY_RIGHTCTRL:
        return RIGHT_CTRL;
    case KEY_LEFTALT:
        return LEFT_ALT;
    case KEY_RIGHTALT:
        return RIGHT_ALT;
    case KEY_LEFTMETA:
        return LEFT_META;
    case KEY_RIGHTMETA:
        return RIGHT_META;
    default:
        return 0;
    }
}

/* ---- output ---- */

static void put_utf8(struct gw_buf *out, uint32_t character) {
    if (character < 0x80) {
        gw_buf_put_char(out, (char) character);
    } else if (character < 0x800) {
        const char bytes[] = {(char) (0xc0 | character >> 6),
                              (char) (0x80 | (character & 0x3f))};
        gw_buf_put_str(out, (struct gw_str){bytes, sizeof bytes});
    } else {
        const char bytes[] = {(char) (0xe0 | character >> 12),
                              (char) (0x80 | (character >> 6 & 0x3f)),
                              (char) (0x80 | (character & 0x3f))};
        gw_buf_put_str(out, (struct gw_str){bytes, sizeof bytes});
    }
}

/* A character that is not a dead key; one that waits goes with it or before it. */
static void type(struct gw_hid_keys *keys, uint32_t character, struct gw_buf *out) {
    uint32_t dead = keys->dead;
    keys->dead = 0;
    if (dead != 0) {
        uint32_t composed = gw_hid_compose(dead, character);
        put_utf8(out, composed != 0 ? composed : dead);
        if (composed != 0 || character == ' ') {
            return;
        }
    }
    put_utf8(out, character);
}

/* ---- Alt and numbers ---- */

/* Right Alt is AltGr where a layout has a third level. */
static bool alt_is_held(const struct gw_hid_keys *keys) {
    return keys->held & (keys->keyboard->layout == GW_LAYOUT_US ? ANY_ALT : LEFT_ALT);
}

static bool altgr_is_held(const struct gw_hid_keys *keys) {
    if (keys->keyboard->layout == GW_LAYOUT_US) {
        return false;
    }
    /* Ctrl and Alt together are AltGr (as Windows has it). */
    return (keys->held & RIGHT_ALT) || ((keys->held & ANY_CTRL) && (keys->held & LEFT_ALT));
}

static bool take_alt_digit(struct gw_hid_keys *keys, uint16_t key) {
    uint32_t digit = gw_hid_keypad(key);
    if (!keys->keyboard->alt_codes || !alt_is_held(keys) || digit < '0' || digit > '9') {
        return false;
    }
    if (keys->alt_digits == 0) {
        keys->alt_has_zero = digit == '0';
        keys->alt_number = 0;
    }
    keys->alt_digits++;
    if (keys->alt_number <= ALT_NUMBER_MAX) {
        keys->alt_number = keys->alt_number * 10 + (digit - '0');
    }
    return true;
}

static void end_alt_number(struct gw_hid_keys *keys, struct gw_buf *out) {
    if (keys->alt_digits > 0) {
        keys->alt_digits = 0;
        type(keys,
             keys->alt_number <= ALT_NUMBER_MAX
                 ? gw_hid_alt_character(keys->alt_number, keys->alt_has_zero)
                 : REPLACEMENT,
             out);
    }
}

/* ---- typing ---- */

/* Letters, and whatever else has itself as a capital on Shift. */
static bool obeys_caps_lock(enum gw_keyboard_layout layout, uint16_t key) {
    uint32_t plain = gw_hid_character(layout, key, GW_HID_PLAIN);
    uint32_t shifted = gw_hid_character(layout, key, GW_HID_SHIFT);
    bool is_letter = (plain >= 'a' && plain <= 'z') || (plain >= 0xe0 && plain <= 0xfe);
    return is_letter && shifted == plain - 0x20;
}

static enum gw_hid_level level_of(const struct gw_hid_keys *keys, uint16_t key) {
    if (altgr_is_held(keys)) {
        return GW_HID_ALTGR;
    }
    bool is_shifted = (keys->held & ANY_SHIFT) != 0;
    if (keys->caps_lock && obeys_caps_lock(keys->keyboard->layout, key)) {
        is_shifted = !is_shifted;
    }
    return is_shifted ? GW_HID_SHIFT : GW_HID_PLAIN;
}

/* Ctrl is held for itself: with left Alt it is AltGr, with AltGr it is Ctrl. */
static bool ctrl_is_held(const struct gw_hid_keys *keys) {
    return (keys->held & ANY_CTRL) && (!altgr_is_held(keys) || (keys->held & RIGHT_ALT));
}

/* Control character of a sign (ECMA-48: columns 4 and 5 without their bit), 0 = none. */
static uint32_t control_of(uint32_t character) {
    bool is_small = character >= 'a' && character <= 'z';
    bool is_column_4_or_5 = character > '@' && character <= '_';
    return is_small || is_column_4_or_5 ? character & 0x1f : 0;
}

static uint32_t find_control(const struct gw_hid_keys *keys, uint16_t key) {
    enum gw_keyboard_layout layout = keys->keyboard->layout;
    const uint32_t candidates[] = {
        gw_hid_character(layout, key, level_of(keys, key)),
        gw_hid_character(GW_LAYOUT_US, key, GW_HID_PLAIN),
        gw_hid_character(GW_LAYOUT_US, key, GW_HID_SHIFT), /* Ctrl+6 is Ctrl+^ */
    };
    /* With AltGr the sign is meant and not the place. */
    size_t count = altgr_is_held(keys) ? 1 : GW_ARRAY_LEN(candidates);
    for (size_t i = 0; i < count; i++) {
        uint32_t control = control_of(candidates[i]);
        if (control != 0) {
            return control;
        }
    }
    return 0;
}

static void type_key(struct gw_hid_keys *keys, uint16_t key, struct gw_buf *out) {
    enum gw_keyboard_layout layout = keys->keyboard->layout;
    if (ctrl_is_held(keys)) {
        uint32_t control = find_control(keys, key);
        type(keys, control != 0 ? control : REPLACEMENT, out);
        return;
    }
    enum gw_hid_level level = level_of(keys, key);
    uint32_t character = gw_hid_character(layout, key, level);
    if (character != 0 && gw_hid_is_dead(layout, key, level)) {
        if (keys->dead != 0) {
            put_utf8(out, keys->dead);
        }
        keys->dead = character;
        return;
    }
    type(keys, character != 0 ? character : REPLACEMENT, out);
}

static bool type_named(struct gw_hid_keys *keys, uint16_t key, struct gw_buf *out) {
    static const struct {
        uint16_t key;
        char character;
    } named[] = {
        {KEY_ENTER, '\r'}, {KEY_KPENTER, '\r'}, {KEY_TAB, '\t'},
        {KEY_SPACE, ' '},  {KEY_ESC, '\x1b'},   {KEY_BACKSPACE, '\b'},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(named); i++) {
        if (named[i].key == key) {
            type(keys, (uint32_t) named[i].character, out);
            return true;
        }
    }
    return false;
}

static bool type_profile_key(const struct gw_hid_keys *keys, uint16_t key, struct gw_buf *out) {
    for (size_t i = 0; i < keys->keyboard->key_count; i++) {
        if (keys->keyboard->keys[i].key == key) {
            gw_buf_put_str(out, gw_str_from_cstr(keys->keyboard->keys[i].text));
            return true;
        }
    }
    return false;
}

static bool type_keypad(struct gw_hid_keys *keys, uint16_t key, struct gw_buf *out) {
    uint32_t keypad = gw_hid_keypad(key);
    if (keypad == 0 || ctrl_is_held(keys)) {
        return false;
    }
    type(keys, keypad, out);
    return true;
}

/* A modifier that turns every key into something else than its character. */
static bool is_spoilt(const struct gw_hid_keys *keys) {
    return (keys->held & ANY_META) || (alt_is_held(keys) && !altgr_is_held(keys));
}

static void press(struct gw_hid_keys *keys, uint16_t key, struct gw_buf *out) {
    if (key == KEY_CAPSLOCK) {
        keys->caps_lock = !keys->caps_lock;
        return;
    }
    if (gw_hid_is_silent(key) || type_profile_key(keys, key, out)
        || take_alt_digit(keys, key)) {
        return;
    }
    if (is_spoilt(keys)) {
        type(keys, REPLACEMENT, out);
    } else if (gw_hid_types(key)) {
        type_key(keys, key, out);
    } else if (!type_keypad(keys, key, out) && !type_named(keys, key, out)) {
        type(keys, REPLACEMENT, out);
    }
}

void gw_hid_keys_take(struct gw_hid_keys *keys, uint16_t key, int32_t value,
                      struct gw_buf *out) {
    unsigned modifier = modifier_of(key);
    if (modifier == 0) {
        if (value == PRESSED) {
            press(keys, key, out);
        }
        return;
    }
    if (value == PRESSED) {
        keys->held |= modifier;
    } else if (value == RELEASED) {
        bool alt_was_held = alt_is_held(keys);
        keys->held &= ~modifier;
        if (alt_was_held && !alt_is_held(keys)) {
            end_alt_number(keys, out);
        }
    }
}
