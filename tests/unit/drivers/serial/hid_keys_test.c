/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <linux/input-event-codes.h>

#include "drivers/serial/hid_keys.h"
#include "drivers/serial/hid_layout.h"
#include "firmware/base/cleanup.h"

#define MARK "\xef\xbf\xbd"

struct typing {
    struct gw_profile_keyboard keyboard;
    struct gw_hid_keys keys;
    uint8_t storage[256];
    struct gw_buf out;
};

static void begin(struct typing *typing, enum gw_keyboard_layout layout) {
    memset(typing, 0, sizeof *typing);
    typing->keyboard.layout = layout;
    typing->keyboard.alt_codes = true;
    gw_hid_keys_init(&typing->keys, &typing->keyboard, false);
    gw_buf_init(&typing->out, typing->storage, sizeof typing->storage);
}

static void press(struct typing *typing, uint16_t key) {
    gw_hid_keys_take(&typing->keys, key, 1, &typing->out);
    gw_hid_keys_take(&typing->keys, key, 0, &typing->out);
}

static void press_with(struct typing *typing, uint16_t modifier, uint16_t key) {
    gw_hid_keys_take(&typing->keys, modifier, 1, &typing->out);
    press(typing, key);
    gw_hid_keys_take(&typing->keys, modifier, 0, &typing->out);
}

static void expect(struct typing *typing, const char *text) {
    struct gw_str typed = gw_buf_str(&typing->out);
    if (!gw_str_eq(typed, gw_str_from_cstr(text))) {
        fail_msg("typed \"%.*s\", wanted \"%s\"", GW_STR_ARG(typed), text);
    }
    gw_buf_clear(&typing->out);
}

static void letters_digits_and_enter_on_a_us_keyboard(void **state) {
    (void) state;
    struct typing typing;
    begin(&typing, GW_LAYOUT_US);
    press_with(&typing, KEY_LEFTSHIFT, KEY_A);
    press(&typing, KEY_B);
    press(&typing, KEY_1);
    press_with(&typing, KEY_RIGHTSHIFT, KEY_1);
    press(&typing, KEY_MINUS);
    press(&typing, KEY_SPACE);
    press(&typing, KEY_ENTER);
    expect(&typing, "Ab1!- \r");
    press(&typing, KEY_TAB);
    press(&typing, KEY_KP7);
    press(&typing, KEY_KPENTER);
    expect(&typing, "\t7\r");
}

static void the_same_places_on_a_german_and_a_french_keyboard(void **state) {
    (void) state;
    struct typing typing;
    begin(&typing, GW_LAYOUT_DE);
    press(&typing, KEY_Y);
    press(&typing, KEY_Z);
    press(&typing, KEY_SLASH);
    press_with(&typing, KEY_LEFTSHIFT, KEY_7);
    press_with(&typing, KEY_RIGHTALT, KEY_Q);
    press_with(&typing, KEY_RIGHTALT, KEY_9);
    press_with(&typing, KEY_RIGHTALT, KEY_MINUS);
    press_with(&typing, KEY_RIGHTALT, KEY_102ND);
    press(&typing, KEY_SEMICOLON);
    expect(&typing, "zy-/@]\\|ö");
    begin(&typing, GW_LAYOUT_FR);
    press(&typing, KEY_Q);
    press(&typing, KEY_1);
    press_with(&typing, KEY_LEFTSHIFT, KEY_1);
    press(&typing, KEY_2);
    press_with(&typing, KEY_RIGHTALT, KEY_0);
    press(&typing, KEY_SEMICOLON);
    expect(&typing, "a&1é@m");
    begin(&typing, GW_LAYOUT_GB);
    press_with(&typing, KEY_LEFTSHIFT, KEY_2);
    press_with(&typing, KEY_LEFTSHIFT, KEY_3);
    press(&typing, KEY_BACKSLASH);
    expect(&typing, "\"£#");
}

static void control_characters_survive_on_every_layout(void **state) {
    (void) state;
    static const enum gw_keyboard_layout layouts[] = {GW_LAYOUT_US, GW_LAYOUT_GB, GW_LAYOUT_DE,
                                                      GW_LAYOUT_FR};
    for (size_t i = 0; i < GW_ARRAY_LEN(layouts); i++) {
        struct typing typing;
        begin(&typing, layouts[i]);
        press_with(&typing, KEY_LEFTCTRL, KEY_RIGHTBRACE);
        press_with(&typing, KEY_RIGHTCTRL, KEY_B);
        press_with(&typing, KEY_LEFTCTRL, KEY_6);
        expect(&typing, "\x1d\x02\x1e");
    }
    struct typing typing;
    begin(&typing, GW_LAYOUT_US);
    press_with(&typing, KEY_LEFTCTRL, KEY_BACKSLASH);
    press_with(&typing, KEY_LEFTCTRL, KEY_MINUS);
    press_with(&typing, KEY_LEFTCTRL, KEY_LEFTBRACE);
    expect(&typing, "\x1c\x1f\x1b");
}

static void ctrl_with_altgr_is_the_control_character_of_its_sign(void **state) {
    (void) state;
    struct typing typing;
    begin(&typing, GW_LAYOUT_DE);
    gw_hid_keys_take(&typing.keys, KEY_LEFTCTRL, 1, &typing.out);
    press_with(&typing, KEY_RIGHTALT, KEY_9);
    press_with(&typing, KEY_RIGHTALT, KEY_8);
    press_with(&typing, KEY_RIGHTALT, KEY_MINUS);
    press_with(&typing, KEY_RIGHTALT, KEY_E);
    gw_hid_keys_take(&typing.keys, KEY_LEFTCTRL, 0, &typing.out);
    expect(&typing, "\x1d\x1b\x1c" MARK);
    begin(&typing, GW_LAYOUT_FR);
    gw_hid_keys_take(&typing.keys, KEY_RIGHTALT, 1, &typing.out);
    press_with(&typing, KEY_RIGHTCTRL, KEY_MINUS);
    press_with(&typing, KEY_RIGHTCTRL, KEY_9);
    gw_hid_keys_take(&typing.keys, KEY_RIGHTALT, 0, &typing.out);
    expect(&typing, "\x1d\x1e");
    begin(&typing, GW_LAYOUT_DE);
    gw_hid_keys_take(&typing.keys, KEY_LEFTCTRL, 1, &typing.out);
    press_with(&typing, KEY_LEFTALT, KEY_9);
    gw_hid_keys_take(&typing.keys, KEY_LEFTCTRL, 0, &typing.out);
    expect(&typing, "]");
}

/* Datalogic's control character emulation 01. */
static void shift_beside_ctrl_does_not_matter(void **state) {
    (void) state;
    struct typing typing;
    begin(&typing, GW_LAYOUT_US);
    gw_hid_keys_take(&typing.keys, KEY_LEFTSHIFT, 1, &typing.out);
    press_with(&typing, KEY_LEFTCTRL, KEY_RIGHTBRACE);
    press_with(&typing, KEY_LEFTCTRL, KEY_B);
    gw_hid_keys_take(&typing.keys, KEY_LEFTSHIFT, 0, &typing.out);
    press_with(&typing, KEY_LEFTCTRL, KEY_KP5);
    expect(&typing, "\x1d\x02" MARK);
}

static void caps_lock_turns_letters_and_only_letters(void **state) {
    (void) state;
    struct typing typing;
    begin(&typing, GW_LAYOUT_DE);
    press(&typing, KEY_CAPSLOCK);
    press(&typing, KEY_A);
    press_with(&typing, KEY_LEFTSHIFT, KEY_A);
    press(&typing, KEY_1);
    press(&typing, KEY_SEMICOLON);
    press(&typing, KEY_CAPSLOCK);
    press(&typing, KEY_A);
    expect(&typing, "Aa1Öa");
    gw_hid_keys_init(&typing.keys, &typing.keyboard, true);
    press(&typing, KEY_X);
    expect(&typing, "X");
}

static void dead_keys_wait_for_their_letter(void **state) {
    (void) state;
    struct typing typing;
    begin(&typing, GW_LAYOUT_DE);
    press(&typing, KEY_EQUAL);
    expect(&typing, "");
    press(&typing, KEY_E);
    press(&typing, KEY_GRAVE);
    press(&typing, KEY_SPACE);
    press(&typing, KEY_GRAVE);
    press(&typing, KEY_1);
    press(&typing, KEY_GRAVE);
    press(&typing, KEY_ENTER);
    expect(&typing, "é^^1^\r");
}

static void alt_and_the_keypad_type_a_number(void **state) {
    (void) state;
    struct typing typing;
    begin(&typing, GW_LAYOUT_US);
    static const uint16_t gs[] = {KEY_KP0, KEY_KP2, KEY_KP9};
    gw_hid_keys_take(&typing.keys, KEY_LEFTALT, 1, &typing.out);
    for (size_t i = 0; i < GW_ARRAY_LEN(gs); i++) {
        press(&typing, gs[i]);
    }
    expect(&typing, "");
    gw_hid_keys_take(&typing.keys, KEY_LEFTALT, 0, &typing.out);
    expect(&typing, "\x1d");
    static const uint16_t oem[] = {KEY_KP1, KEY_KP3, KEY_KP0},
                          ansi[] = {KEY_KP0, KEY_KP1, KEY_KP2, KEY_KP8};
    gw_hid_keys_take(&typing.keys, KEY_LEFTALT, 1, &typing.out);
    for (size_t i = 0; i < GW_ARRAY_LEN(oem); i++) {
        press(&typing, oem[i]);
    }
    gw_hid_keys_take(&typing.keys, KEY_LEFTALT, 0, &typing.out);
    gw_hid_keys_take(&typing.keys, KEY_LEFTALT, 1, &typing.out);
    for (size_t i = 0; i < GW_ARRAY_LEN(ansi); i++) {
        press(&typing, ansi[i]);
    }
    gw_hid_keys_take(&typing.keys, KEY_LEFTALT, 0, &typing.out);
    expect(&typing, "é€");
    typing.keyboard.alt_codes = false;
    press_with(&typing, KEY_LEFTALT, KEY_KP5);
    expect(&typing, MARK);
}

static void an_alt_number_that_is_no_character_is_marked(void **state) {
    (void) state;
    static const unsigned lengths[] = {3, 4, 12};
    for (size_t i = 0; i < GW_ARRAY_LEN(lengths); i++) {
        struct typing typing;
        begin(&typing, GW_LAYOUT_US);
        gw_hid_keys_take(&typing.keys, KEY_RIGHTALT, 1, &typing.out);
        for (unsigned digit = 0; digit < lengths[i]; digit++) {
            press(&typing, KEY_KP9);
        }
        gw_hid_keys_take(&typing.keys, KEY_RIGHTALT, 0, &typing.out);
        expect(&typing, MARK);
    }
}

static void whatever_else_is_pressed_with_alt_or_meta_is_marked(void **state) {
    (void) state;
    struct typing typing;
    begin(&typing, GW_LAYOUT_US);
    press(&typing, KEY_A);
    press_with(&typing, KEY_LEFTALT, KEY_X);
    press_with(&typing, KEY_RIGHTALT, KEY_ENTER);
    press_with(&typing, KEY_LEFTMETA, KEY_R);
    press_with(&typing, KEY_RIGHTMETA, KEY_1);
    press(&typing, KEY_B);
    expect(&typing, "a" MARK MARK MARK MARK "b");
    typing.keyboard.alt_codes = false;
    gw_hid_keys_take(&typing.keys, KEY_LEFTALT, 1, &typing.out);
    press(&typing, KEY_KP0);
    press(&typing, KEY_KP2);
    press(&typing, KEY_KP9);
    gw_hid_keys_take(&typing.keys, KEY_LEFTALT, 0, &typing.out);
    press(&typing, KEY_B);
    expect(&typing, MARK MARK MARK "b");
    begin(&typing, GW_LAYOUT_DE);
    press_with(&typing, KEY_LEFTALT, KEY_X);
    expect(&typing, MARK);
}

static void keys_of_the_profile_type_their_text(void **state) {
    (void) state;
    struct typing typing;
    begin(&typing, GW_LAYOUT_US);
    static const struct gw_profile_key keys[] = {{KEY_F8, "\x1d"}, {KEY_F9, "]C1"}};
    typing.keyboard.keys = keys;
    typing.keyboard.key_count = GW_ARRAY_LEN(keys);
    press(&typing, KEY_F9);
    press(&typing, KEY_0);
    press(&typing, KEY_F8);
    press(&typing, KEY_F7);
    expect(&typing, "]C10\x1d" MARK);
}

static void keys_that_are_not_understood_are_marked(void **state) {
    (void) state;
    struct typing typing;
    begin(&typing, GW_LAYOUT_US);
    static const uint16_t unknown[] = {KEY_F1,   KEY_F9,      KEY_F12,   KEY_F24,    KEY_INSERT,
                                       KEY_LEFT, KEY_DOWN,    KEY_HOME,  KEY_DELETE, KEY_PAUSE,
                                       KEY_MENU, KEY_COMPOSE, KEY_SYSRQ, KEY_UNKNOWN};
    for (size_t i = 0; i < GW_ARRAY_LEN(unknown); i++) {
        press(&typing, KEY_1);
        press(&typing, unknown[i]);
        press(&typing, KEY_2);
        expect(&typing, "1" MARK "2");
    }
}

static void locks_modifiers_and_buttons_type_nothing(void **state) {
    (void) state;
    struct typing typing;
    begin(&typing, GW_LAYOUT_US);
    static const uint16_t silent[] = {
        KEY_NUMLOCK,   KEY_SCROLLLOCK, KEY_LEFTSHIFT, KEY_RIGHTSHIFT, KEY_LEFTCTRL,
        KEY_RIGHTCTRL, KEY_LEFTALT,    KEY_RIGHTALT,  KEY_LEFTMETA,   KEY_RIGHTMETA,
        BTN_LEFT,      BTN_TRIGGER,    BTN_GEAR_UP};
    for (size_t i = 0; i < GW_ARRAY_LEN(silent); i++) {
        press(&typing, silent[i]);
    }
    press(&typing, KEY_A);
    expect(&typing, "a");
}

static void a_key_without_a_character_is_marked_and_not_left_out(void **state) {
    (void) state;
    struct typing typing;
    begin(&typing, GW_LAYOUT_DE);
    press(&typing, KEY_A);
    press_with(&typing, KEY_RIGHTALT, KEY_A);
    press(&typing, KEY_B);
    expect(&typing, "a\xef\xbf\xbd"
                    "b");
}

static void auto_repeat_types_nothing(void **state) {
    (void) state;
    struct typing typing;
    begin(&typing, GW_LAYOUT_US);
    gw_hid_keys_take(&typing.keys, KEY_A, 1, &typing.out);
    for (int i = 0; i < 5; i++) {
        gw_hid_keys_take(&typing.keys, KEY_A, 2, &typing.out);
    }
    gw_hid_keys_take(&typing.keys, KEY_A, 0, &typing.out);
    expect(&typing, "a");
}

/* Every key at every level of every layout is a character, or is known to be none. */
static void every_ascii_sign_can_be_typed_on_every_layout(void **state) {
    (void) state;
    static const enum gw_keyboard_layout layouts[] = {GW_LAYOUT_US, GW_LAYOUT_GB, GW_LAYOUT_DE,
                                                      GW_LAYOUT_FR};
    for (size_t i = 0; i < GW_ARRAY_LEN(layouts); i++) {
        for (uint32_t c = '!'; c <= '~'; c++) {
            bool is_found = false;
            for (uint16_t key = 0; key < 128 && !is_found; key++) {
                for (int level = 0; level < GW_HID_LEVELS; level++) {
                    is_found =
                        is_found
                        || gw_hid_character(layouts[i], key, (enum gw_hid_level) level) == c;
                }
            }
            if (!is_found) {
                fail_msg("layout %d cannot type %c", (int) layouts[i], (int) c);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_digits_and_enter_on_a_us_keyboard),
        cmocka_unit_test(the_same_places_on_a_german_and_a_french_keyboard),
        cmocka_unit_test(control_characters_survive_on_every_layout),
        cmocka_unit_test(caps_lock_turns_letters_and_only_letters),
        cmocka_unit_test(dead_keys_wait_for_their_letter),
        cmocka_unit_test(ctrl_with_altgr_is_the_control_character_of_its_sign),
        cmocka_unit_test(shift_beside_ctrl_does_not_matter),
        cmocka_unit_test(alt_and_the_keypad_type_a_number),
        cmocka_unit_test(an_alt_number_that_is_no_character_is_marked),
        cmocka_unit_test(whatever_else_is_pressed_with_alt_or_meta_is_marked),
        cmocka_unit_test(keys_that_are_not_understood_are_marked),
        cmocka_unit_test(locks_modifiers_and_buttons_type_nothing),
        cmocka_unit_test(keys_of_the_profile_type_their_text),
        cmocka_unit_test(a_key_without_a_character_is_marked_and_not_left_out),
        cmocka_unit_test(auto_repeat_types_nothing),
        cmocka_unit_test(every_ascii_sign_can_be_typed_on_every_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
