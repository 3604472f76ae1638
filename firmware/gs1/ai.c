/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/gs1/ai.h"

#include "firmware/gs1/table.h"

#define AI_DIGITS_MAX 4

const struct gw_gs1_ai *gw_gs1_ai_at(size_t index) {
    return index < gw_gs1_table_len ? &gw_gs1_table[index] : NULL;
}

/* A row for each first digit, a column for each second. */
static const char digits_by_prefix[] = "2222000000" /* 00 to 03 */
                                       "2222022200" /* 10 to 13, 15 to 17 */
                                       "2223330000" /* 20 to 22, 23 to 25 */
                                       "2444444204" /* 30, 31 to 36, 37, 39 */
                                       "3334000000" /* 40 to 42, 43 */
                                       "0000000000" /**/
                                       "0000000000" /**/
                                       "4340000000" /* 70, 71, 72 */
                                       "4440000000" /* 80 to 82 */
                                       "2222222222" /* 90 to 99 */;

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

unsigned gw_gs1_ai_digits(struct gw_str text) {
    if (text.len < 2 || !is_digit(text.ptr[0]) || !is_digit(text.ptr[1])) {
        return 0;
    }
    char digits = digits_by_prefix[(text.ptr[0] - '0') * 10 + (text.ptr[1] - '0')];
    return (unsigned) (digits - '0');
}

/* AIs as numbers of four digits keep the order they have as text. */
static unsigned key_of(unsigned number, unsigned digits) {
    static const unsigned scale[AI_DIGITS_MAX + 1] = {0, 0, 100, 10, 1};
    return number * scale[digits];
}

const struct gw_gs1_ai *gw_gs1_ai_find(struct gw_str text, uint16_t *ret_number) {
    unsigned digits = gw_gs1_ai_digits(text);
    if (digits == 0 || text.len < digits) {
        return NULL;
    }
    unsigned number = 0;
    for (unsigned i = 0; i < digits; i++) {
        if (!is_digit(text.ptr[i])) {
            return NULL;
        }
        number = number * 10 + (unsigned) (text.ptr[i] - '0');
    }
    unsigned key = key_of(number, digits);
    size_t low = 0;
    size_t high = gw_gs1_table_len;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct gw_gs1_ai *ai = &gw_gs1_table[middle];
        if (key < key_of(ai->first, ai->digits)) {
            high = middle;
        } else if (key > key_of(ai->last, ai->digits)) {
            low = middle + 1;
        } else {
            *ret_number = (uint16_t) number;
            return ai;
        }
    }
    return NULL;
}

const struct gw_gs1_ai *gw_gs1_ai_named(struct gw_str text, uint16_t *ret_number) {
    return gw_gs1_ai_digits(text) == text.len ? gw_gs1_ai_find(text, ret_number) : NULL;
}

unsigned gw_gs1_ai_min(const struct gw_gs1_ai *ai) {
    unsigned min = 0;
    for (size_t i = 0; i < GW_GS1_PARTS_MAX && ai->parts[i].max > 0; i++) {
        min += ai->parts[i].optional ? 0 : ai->parts[i].min;
    }
    return min;
}

unsigned gw_gs1_ai_max(const struct gw_gs1_ai *ai) {
    unsigned max = 0;
    for (size_t i = 0; i < GW_GS1_PARTS_MAX; i++) {
        max += ai->parts[i].max;
    }
    return max;
}

void gw_gs1_ai_format(const struct gw_gs1_ai *ai, uint16_t number, char dst[5]) {
    unsigned rest = number;
    dst[ai->digits] = '\0';
    for (unsigned i = ai->digits; i > 0; i--) {
        dst[i - 1] = (char) ('0' + rest % 10);
        rest /= 10;
    }
}

void gw_gs1_ai_put_format(const struct gw_gs1_ai *ai, struct gw_buf *buf) {
    static const char letters[] = {
        [GW_GS1_SET_N] = 'N', [GW_GS1_SET_X] = 'X', [GW_GS1_SET_Y] = 'Y', [GW_GS1_SET_Z] = 'Z'};
    for (size_t i = 0; i < GW_GS1_PARTS_MAX && ai->parts[i].max > 0; i++) {
        const struct gw_gs1_part *part = &ai->parts[i];
        const char *dots = part->min < part->max ? ".." : "";
        (void) gw_buf_printf(buf, "%s%s%c%s%u%s", part->optional ? "[" : "", i > 0 ? "+" : "",
                             letters[part->set], dots, (unsigned) part->max,
                             part->optional ? "]" : "");
    }
}

const char *gw_gs1_set_name(enum gw_gs1_set set) {
    static const char *const names[] = {
        [GW_GS1_SET_N] = "digits",
        [GW_GS1_SET_X] = "letters, digits and !\"%&'()*+,-./:;<=>?_",
        [GW_GS1_SET_Y] = "capital letters, digits and #-/",
        [GW_GS1_SET_Z] = "letters, digits, - and _, with up to two = at the end",
    };
    return names[set];
}
