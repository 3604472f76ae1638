/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyboard layouts: which character a key of a keyboard types. Keys are those of
 * linux/input-event-codes.h, which are places on the keyboard, not letters. Pure.
 * Of this room only.
 */
#ifndef GW_SERIAL_HID_LAYOUT_H
#define GW_SERIAL_HID_LAYOUT_H

#include "drivers/profile/profile.h"

enum gw_hid_level { GW_HID_PLAIN, GW_HID_SHIFT, GW_HID_ALTGR, GW_HID_LEVELS };

/* Whether the key types characters at all (letters, digits, signs; not the keypad). */
bool gw_hid_types(uint16_t key);
/* Whether a press of it types nothing on any keyboard: locks, and buttons that are no keys
 * of a keyboard (mice, triggers: BTN_*). */
bool gw_hid_is_silent(uint16_t key);
/* Character of the key at that level, 0 = none. */
uint32_t gw_hid_character(enum gw_keyboard_layout layout, uint16_t key,
                          enum gw_hid_level level);
/* Whether that character is a dead key: it waits for the next letter. */
bool gw_hid_is_dead(enum gw_keyboard_layout layout, uint16_t key, enum gw_hid_level level);
/* `letter` with the accent of a dead key, 0 = there is none. */
uint32_t gw_hid_compose(uint32_t dead, uint32_t letter);
/* Character of the keypad's key, 0 = none (NumLock on). */
uint32_t gw_hid_keypad(uint16_t key);
/* Character of Alt and a number on the keypad. */
uint32_t gw_hid_alt_character(uint32_t number, bool has_leading_zero);

#endif
