/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/hid_layout.h"

#include <linux/input-event-codes.h>
#include <uchar.h>

#include "firmware/base/cleanup.h"

/*
 * The typing keys in the order of their codes:
 *
 *   KEY_1 .. KEY_EQUAL         12   first row
 *   KEY_Q .. KEY_RIGHTBRACE    12   second
 *   KEY_A .. KEY_GRAVE         12   third, then the key left of "1"
 *   KEY_BACKSLASH .. KEY_SLASH 11   right of the third row, then the fourth
 *   KEY_102ND                   1   between left Shift and the fourth row
 *
 * A blank means that nothing is typed.
 */
#define KEYS 48

struct layout {
    const char16_t *levels[GW_HID_LEVELS];
};

#define NOTHING_ROW u"            "

/* As engraved; the same as the symbols of xkeyboard-config us, gb, de and fr. */
static const struct layout layouts[] = {
    [GW_LAYOUT_NONE] = {{NULL, NULL, NULL}},
    [GW_LAYOUT_US] = {{u"1234567890-="
                       u"qwertyuiop[]"
                       u"asdfghjkl;'`"
                       u"\\zxcvbnm,./"
                       u"<",
                       u"!@#$%^&*()_+"
                       u"QWERTYUIOP{}"
                       u"ASDFGHJKL:\"~"
                       u"|ZXCVBNM<>?"
                       u">",
                       NOTHING_ROW NOTHING_ROW NOTHING_ROW NOTHING_ROW}},
    [GW_LAYOUT_GB] = {{u"1234567890-="
                       u"qwertyuiop[]"
                       u"asdfghjkl;'`"
                       u"#zxcvbnm,./"
                       u"\\",
                       u"!\"£$%^&*()_+"
                       u"QWERTYUIOP{}"
                       u"ASDFGHJKL:@¬"
                       u"~ZXCVBNM<>?"
                       u"|",
                       u"   €        "
                       u"  é   úíó   "
                       u"á          ¦" NOTHING_ROW}},
    [GW_LAYOUT_DE] = {{u"1234567890ß´"
                       u"qwertzuiopü+"
                       u"asdfghjklöä^"
                       u"#yxcvbnm,.-"
                       u"<",
                       u"!\"§$%&/()=?`"
                       u"QWERTZUIOPÜ*"
                       u"ASDFGHJKLÖÄ°"
                       u"'YXCVBNM;:_"
                       u">",
                       u" ²³   {[]}\\ "
                       u"@ €        ~" NOTHING_ROW u"       µ   "
                       u"|"}},
    [GW_LAYOUT_FR] = {{u"&é\"'(-è_çà)="
                       u"azertyuiop^$"
                       u"qsdfghjklmù²"
                       u"*wxcvbn,;:!"
                       u"<",
                       u"1234567890°+"
                       u"AZERTYUIOP¨£"
                       u"QSDFGHJKLM% "
                       u"µWXCVBN?./§"
                       u">",
                       u" ~#{[|`\\^@]}"
                       u"  €        ¤" NOTHING_ROW NOTHING_ROW}},
};

/* Place of a key in the rows above, KEYS = it does not type. */
static size_t place_of(uint16_t key) {
    static const struct {
        uint16_t first, last;
        size_t place;
    } ranges[] = {
        {KEY_1, KEY_EQUAL, 0},          {KEY_Q, KEY_RIGHTBRACE, 12}, {KEY_A, KEY_GRAVE, 24},
        {KEY_BACKSLASH, KEY_SLASH, 36}, {KEY_102ND, KEY_102ND, 47},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(ranges); i++) {
        if (key >= ranges[i].first && key <= ranges[i].last) {
            return ranges[i].place + (key - ranges[i].first);
        }
    }
    return KEYS;
}

bool gw_hid_types(uint16_t key) {
    return place_of(key) < KEYS;
}

bool gw_hid_is_silent(uint16_t key) {
    return key == KEY_CAPSLOCK || key == KEY_NUMLOCK || key == KEY_SCROLLLOCK
           || (key >= BTN_MISC && key < KEY_OK);
}

uint32_t gw_hid_character(enum gw_keyboard_layout layout, uint16_t key,
                          enum gw_hid_level level) {
    size_t place = place_of(key);
    if (place == KEYS || (size_t) layout >= GW_ARRAY_LEN(layouts)
        || !layouts[layout].levels[level]) {
        return 0;
    }
    char16_t character = layouts[layout].levels[level][place];
    return character == u' ' ? 0 : character;
}

bool gw_hid_is_dead(enum gw_keyboard_layout layout, uint16_t key, enum gw_hid_level level) {
    static const struct {
        enum gw_keyboard_layout layout;
        uint16_t key;
        enum gw_hid_level level;
    } dead[] = {
        {GW_LAYOUT_DE, KEY_EQUAL, GW_HID_PLAIN},
        {GW_LAYOUT_DE, KEY_EQUAL, GW_HID_SHIFT},
        {GW_LAYOUT_DE, KEY_GRAVE, GW_HID_PLAIN},
        {GW_LAYOUT_FR, KEY_LEFTBRACE, GW_HID_PLAIN},
        {GW_LAYOUT_FR, KEY_LEFTBRACE, GW_HID_SHIFT},
        {GW_LAYOUT_FR, KEY_2, GW_HID_ALTGR},
        {GW_LAYOUT_FR, KEY_7, GW_HID_ALTGR},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(dead); i++) {
        if (dead[i].layout == layout && dead[i].key == key && dead[i].level == level) {
            return true;
        }
    }
    return false;
}

uint32_t gw_hid_compose(uint32_t dead, uint32_t letter) {
    static const char16_t letters[] = u"aeiounyAEIOUNY";
    static const struct {
        char16_t dead;
        const char16_t *composed;
    } table[] = {
        {u'^', u"âêîôû  ÂÊÎÔÛ  "}, {u'´', u"áéíóú ýÁÉÍÓÚ Ý"}, {u'`', u"àèìòù  ÀÈÌÒÙ  "},
        {u'¨', u"äëïöü ÿÄËÏÖÜ  "}, {u'~', u"ã  õ ñ Ã  Õ Ñ "},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        for (size_t j = 0; table[i].dead == dead && letters[j] != 0; j++) {
            if (letters[j] == letter && table[i].composed[j] != u' ') {
                return table[i].composed[j];
            }
        }
    }
    return 0;
}

uint32_t gw_hid_keypad(uint16_t key) {
    static const struct {
        uint16_t key;
        char character;
    } keypad[] = {
        {KEY_KP0, '0'},     {KEY_KP1, '1'},        {KEY_KP2, '2'},     {KEY_KP3, '3'},
        {KEY_KP4, '4'},     {KEY_KP5, '5'},        {KEY_KP6, '6'},     {KEY_KP7, '7'},
        {KEY_KP8, '8'},     {KEY_KP9, '9'},        {KEY_KPDOT, '.'},   {KEY_KPMINUS, '-'},
        {KEY_KPPLUS, '+'},  {KEY_KPASTERISK, '*'}, {KEY_KPSLASH, '/'}, {KEY_KPEQUAL, '='},
        {KEY_KPCOMMA, ','},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(keypad); i++) {
        if (keypad[i].key == key) {
            return (uint32_t) keypad[i].character;
        }
    }
    return 0;
}
