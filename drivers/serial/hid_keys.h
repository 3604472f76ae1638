/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From keys to the bytes that a scanner meant. Pure: key events in, UTF-8 out.
 *
 *   letters, digits, signs   by the layout, with Shift, Caps Lock and AltGr
 *   Ctrl and a key           its control character: Ctrl+] is the group separator
 *                            (1Dh), on a layout without that sign by the place the key
 *                            has on a US keyboard. With AltGr too: the control character
 *                            of the sign that AltGr types there
 *   Alt and the keypad       the character of that number (0 to 255), if the profile says
 *                            so; Ctrl and left Alt together are AltGr
 *   dead keys                with the letter that follows, or alone before a blank
 *   Enter, Tab, Esc          CR, TAB, ESC: what ends a code is up to the profile
 *   keys of the profile      their text
 *
 * Nothing is left out silently: every press that is no modifier, no lock and none of
 * these is the replacement character, so that nobody takes a shortened code for the
 * code: F keys, Insert, arrows; keys that type nothing at their level; whatever is
 * pressed with Alt or Meta (the Windows key).
 * Auto-repeat is ignored: a scanner never holds a key.
 */
#ifndef GW_SERIAL_HID_KEYS_H
#define GW_SERIAL_HID_KEYS_H

#include "drivers/profile/profile.h"

#define GW_HID_REPLACEMENT GW_STR("\xef\xbf\xbd") /* U+FFFD */
/* Room that is enough for what one event types, but for texts of the profile. */
#define GW_HID_KEY_BYTES 16

struct gw_hid_keys {
    const struct gw_profile_keyboard *keyboard;
    unsigned held; /* set of enum hid_modifier (hid_keys.c) */
    bool caps_lock;
    uint32_t alt_number;
    unsigned alt_digits;
    bool alt_has_zero; /* its first digit was 0 */
    uint32_t dead;     /* waiting for its letter, 0 = none */
};

/* No key is held. `keyboard` must outlive it. */
void gw_hid_keys_init(struct gw_hid_keys *keys, const struct gw_profile_keyboard *keyboard,
                      bool caps_lock);
/* One EV_KEY event: value 1 = pressed, 0 = released, 2 = auto-repeat. Appends what it
 * types; a full `out` is failed (gw_buf_failed). */
void gw_hid_keys_take(struct gw_hid_keys *keys, uint16_t key, int32_t value,
                      struct gw_buf *out);

#endif
