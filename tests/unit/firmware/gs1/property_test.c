/* SPDX-License-Identifier: Apache-2.0 */
/* Properties over generated scans; the seed is fixed, so a failure comes again. */
#include "tests/unit/firmware/gs1/gs1_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/gs1/check.h"

#define ROUNDS 20000
#define VALUE_TRIES 2000

static uint64_t seed = 20261123;

static unsigned draw(unsigned below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned) ((seed >> 20) % below);
}

/* Codes that drawing would not hit. */
static void repair(enum gw_gs1_check check, char *text, size_t len) {
    switch (check) {
    case GW_GS1_CHECK_MOD_10:
        text[len - 1] = gw_gs1_mod_10((struct gw_str){text, len - 1});
        break;
    case GW_GS1_CHECK_MOD_1021:
        gw_gs1_mod_1021((struct gw_str){text, len - 2}, text + len - 2);
        break;
    case GW_GS1_CHECK_COUNTRY_LETTERS:
        memcpy(text, "DE", 2);
        break;
    case GW_GS1_CHECK_ZERO:
        text[0] = '0';
        break;
    case GW_GS1_CHECK_MINUS:
        text[0] = '-';
        break;
    case GW_GS1_CHECK_POSITION_OF_END:
        text[1] = '/';
        break;
    case GW_GS1_CHECK_DATE:
    case GW_GS1_CHECK_MONTH_OR_DATE:
        text[2] = '0';
        text[4] = '1';
        break;
    default:
        break;
    }
}

static bool draw_part(const struct gw_gs1_part *part, char *text, size_t *ret_len) {
    static const char *const sets[] = {"0123456789", "0123456789abcXYZ!\"%&'()*+,-./:;<=>?_",
                                       "0123456789ABZ#-/", "0123456789abXY-_"};
    for (int i = 0; i < VALUE_TRIES; i++) {
        size_t len = part->min + draw((unsigned) (part->max - part->min) + 1);
        len = len < 2 && part->max > 8 ? 8 : len;
        for (size_t c = 0; c < len; c++) {
            const char *set = sets[c < 5 ? 0 : part->set];
            text[c] = set[draw((unsigned) strlen(set))];
        }
        bool good = true;
        for (size_t c = 0; c < GW_GS1_CHECKS_MAX && part->checks[c]; c++) {
            repair(part->checks[c], text, len);
        }
        for (size_t c = 0; c < GW_GS1_CHECKS_MAX && part->checks[c]; c++) {
            good = good && gw_gs1_check_passes(part->checks[c], (struct gw_str){text, len});
        }
        if (good) {
            *ret_len = len;
            return true;
        }
    }
    return false;
}

/* A value that is right; false for those too rare to be drawn (an IBAN). */
static bool draw_value(const struct gw_gs1_ai *ai, char *text, size_t *ret_len) {
    size_t len = 0;
    for (size_t i = 0; i < GW_GS1_PARTS_MAX && ai->parts[i].max > 0; i++) {
        size_t part = 0;
        if (ai->parts[i].optional && draw(2)) {
            break;
        }
        if (!draw_part(&ai->parts[i], text + len, &part)) {
            return false;
        }
        len += part;
    }
    *ret_len = len;
    return true;
}

static void each_ai_takes_values_of_its_format(void **state) {
    (void) state;
    const struct gw_gs1_ai *ai;
    size_t drawn = 0;
    for (size_t i = 0; (ai = gw_gs1_ai_at(i)) != NULL; i++) {
        char text[256];
        size_t len = 0;
        struct gw_gs1_finding why = {.reason = GW_GS1_VALID};
        if (draw_value(ai, text, &len)) {
            drawn++;
            assert_true(len >= gw_gs1_ai_min(ai) && len <= gw_gs1_ai_max(ai));
            assert_true(gw_gs1_check_value(ai, (struct gw_str){text, len}, &why));
        }
    }
    /* All but those that are too rare to be drawn: an IBAN (8007) and the coupons. */
    assert_in_range(drawn, 221, 224);
}

/* Elements that may stand together because nothing is required of them. */
static size_t draw_scan(char *text, const struct gw_gs1_options **ret_options) {
    static const struct gw_gs1_options across = {.association = GW_GS1_ACROSS_SCANS};
    size_t len = 3;
    memcpy(text, "]C1", 3);
    unsigned count = 1 + draw(5);
    for (unsigned i = 0; i < count; i++) {
        const struct gw_gs1_ai *ai = gw_gs1_ai_at(draw(224));
        size_t value = 0;
        uint16_t number = (uint16_t) (ai->first + draw((unsigned) (ai->last - ai->first) + 1));
        gw_gs1_ai_format(ai, number, text + len);
        if (!draw_value(ai, text + len + ai->digits, &value)) {
            continue;
        }
        len += ai->digits + value;
        text[len++] = '\x1d';
    }
    text[len] = '\0';
    *ret_options = &across;
    return len;
}

static bool is_same(const struct gw_gs1_scan *a, const char *elements) {
    return strcmp(elements_of(a), elements) == 0;
}

static void element_strings_and_links_say_the_same(void **state) {
    (void) state;
    size_t valid = 0;
    size_t links = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char text[1024];
        const struct gw_gs1_options *options;
        if (draw_scan(text, &options) == 3) {
            continue;
        }
        const struct gw_gs1_scan *scan = scan_with(text, options);
        if (!scan->ok) {
            /* Only what is not about single values can be wrong. */
            assert_true(scan->why.reason == GW_GS1_ASSOCIATION_INVALID
                        || scan->why.reason == GW_GS1_REPEATED);
            continue;
        }
        valid++;
        size_t count = scan->element_count;
        char elements[2048];
        char link[4096];
        char again[2048] = "]d2";
        (void) snprintf(elements, sizeof(elements), "%s", elements_of(scan));
        (void) snprintf(link, sizeof(link), "]Q1%s", link_of(scan));
        (void) snprintf(again + 3, sizeof(again) - 3, "%s", string_of(scan));
        scan = scan_with(again, options);
        assert_true(scan->ok && is_same(scan, elements));
        if (strcmp(link, "]Q1none") != 0 && !(scan->notes & GW_GS1_NOTE_REPEATED)) {
            links++;
            scan = scan_with(link, options);
            assert_string_equal(why_of(scan), "");
            assert_int_equal(scan->element_count, count);
            assert_string_equal(link_of(scan), link + 3);
        }
    }
    assert_true(valid > ROUNDS / 2);
    assert_true(links > ROUNDS / 20);
}

/* Whatever bytes: an answer, and every place in it inside the scan. */
static void no_bytes_break_the_parser(void **state) {
    (void) state;
    static const char *const starts[] = {"]C1", "]d2", "]Q1https://id.gs1.org/",
                                         "]E0", "]I1", "]Q1https://a.b/01/0952",
                                         "]e3", ""};
    static const char bytes[] = "0123456789ABCabc/?&=%.-_+#()\x1d\x01\x7f\xff\xc3";
    for (int i = 0; i < ROUNDS; i++) {
        char text[128];
        int len = snprintf(text, sizeof(text), "%s", starts[draw(8)]);
        for (unsigned more = draw(60); more > 0; more--) {
            text[len++] = bytes[draw(sizeof(bytes) - 1)];
        }
        text[len] = '\0';
        const struct gw_gs1_scan *scan = scan_of(text);
        assert_true(scan->why.at <= (size_t) len);
        assert_int_equal(scan->ok, strlen(why_of(scan)) == 0);
        assert_true(strlen(urn_of(scan)) >= strlen("urn:gangway:scan:x:"));
        (void) elements_of(scan);
        (void) link_of(scan);
    }
}

/* Any single digit of a key that is changed is found. */
static void a_changed_digit_in_a_key_never_passes(void **state) {
    (void) state;
    static const char *const keys[] = {
        "]C100106141411234567897", "]C10109521234543213",
        "]C14149521321123458",     "]C18018952132112345678902",
        "]E04006381333931",        "]Q1https://id.gs1.org/01/09521234543213"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char text[64];
        size_t len = strlen(keys[i]);
        size_t first = i == 4 ? 3 : i == 5 ? len - 14 : i == 1 || i == 0 ? 5 : i == 2 ? 6 : 7;
        assert_true(scan_of(keys[i])->ok);
        for (size_t at = first; at < len; at++) {
            for (char c = '0'; c <= '9'; c++) {
                memcpy(text, keys[i], len + 1);
                text[at] = c;
                assert_int_equal(scan_of(text)->ok, c == keys[i][at]);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_ai_takes_values_of_its_format),
        cmocka_unit_test(element_strings_and_links_say_the_same),
        cmocka_unit_test(no_bytes_break_the_parser),
        cmocka_unit_test(a_changed_digit_in_a_key_never_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
