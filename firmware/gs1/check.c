/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/gs1/check.h"

#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/gs1/code_list.h"

#define PREFIX_DIGITS_MIN 4 /* the shortest GS1 Company Prefix */
#define IBAN_BYTES_MIN 11
#define IBAN_BYTES_MAX 34
#define LATITUDE_MAX UINT64_C(1800000000)
#define LONGITUDE_MAX UINT64_C(3600000000)

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static unsigned two_digits(const char *p) {
    return (unsigned) (p[0] - '0') * 10 + (unsigned) (p[1] - '0');
}

/* At most 19 digits. */
static uint64_t number_of(struct gw_str digits) {
    uint64_t number = 0;
    for (size_t i = 0; i < digits.len; i++) {
        number = number * 10 + (uint64_t) (digits.ptr[i] - '0');
    }
    return number;
}

/* ---- keys ---- */

char gw_gs1_mod_10(struct gw_str digits) {
    unsigned weighted[2] = {0, 0};
    for (size_t i = 0; i < digits.len; i++) {
        weighted[i & 1] += (unsigned) (digits.ptr[i] - '0');
    }
    size_t last = (digits.len + 1) & 1;
    unsigned sum = weighted[last] * 3 + weighted[1 - last];
    return (char) ('0' + (10 - sum % 10) % 10);
}

static bool has_mod_10(struct gw_str text) {
    struct gw_str digits = {text.ptr, text.len - 1};
    return gw_gs1_mod_10(digits) == text.ptr[text.len - 1];
}

/* Place in the standard's table of 82 characters, which is not that of ASCII only
 * where ASCII has others in between. */
static unsigned value_in_set_82(char c) {
    static const char set[] = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                              "abcdefghijklmnopqrstuvwxyz";
    unsigned value = 0;
    while (set[value] != c && set[value] != '\0') {
        value++;
    }
    return value;
}

void gw_gs1_mod_1021(struct gw_str text, char ret_pair[2]) {
    static const uint16_t primes[] = {
        2,   3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,
        61,  67,  71,  73,  79,  83,  89,  97,  101, 103, 107, 109, 113, 127, 131, 137, 139,
        149, 151, 157, 163, 167, 173, 179, 181, 191, 193, 197, 199, 211, 223, 227, 229, 233,
        239, 241, 251, 257, 263, 269, 271, 277, 281, 283, 293, 307, 311, 313, 317, 331, 337,
        347, 349, 353, 359, 367, 373, 379, 383, 389, 397, 401, 409, 419, 421, 431, 433, 439,
        443, 449, 457, 461, 463, 467, 479, 487, 491, 499, 503, 509};
    static const char set_32[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    unsigned sum = 0;
    for (size_t i = 0; i < text.len && i < GW_ARRAY_LEN(primes); i++) {
        sum += value_in_set_82(text.ptr[text.len - 1 - i]) * primes[i];
    }
    sum %= 1021;
    ret_pair[0] = set_32[sum >> 5];
    ret_pair[1] = set_32[sum & 31];
}

static bool has_mod_1021(struct gw_str text) {
    if (text.len < 2) {
        return false;
    }
    char pair[2];
    gw_gs1_mod_1021((struct gw_str){text.ptr, text.len - 2}, pair);
    return pair[0] == text.ptr[text.len - 2] && pair[1] == text.ptr[text.len - 1];
}

static bool is_prefix(struct gw_str text) {
    return text.len >= PREFIX_DIGITS_MIN
           && gw_gs1_span(GW_GS1_SET_N, gw_str_sub(text, 0, PREFIX_DIGITS_MIN))
                  == PREFIX_DIGITS_MIN;
}

static bool is_prefix_2(struct gw_str text) {
    return is_prefix(gw_str_sub(text, 1, text.len));
}

/* ---- time ---- */

/* `year` is one of the leap rule's kind: 00 stands for 2000. */
static bool is_day(unsigned year, unsigned month, unsigned day) {
    static const uint8_t days[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1) {
        return false;
    }
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= days[month] || (month == 2 && leap && day == 29);
}

static bool is_date(struct gw_str text) {
    return is_day(2000 + two_digits(text.ptr), two_digits(text.ptr + 2),
                  two_digits(text.ptr + 4));
}

static bool is_month_or_date(struct gw_str text) {
    unsigned day = two_digits(text.ptr + 4);
    return is_day(2000 + two_digits(text.ptr), two_digits(text.ptr + 2), day > 0 ? day : 1);
}

static bool is_long_date(struct gw_str text) {
    return is_day(two_digits(text.ptr) * 100 + two_digits(text.ptr + 2),
                  two_digits(text.ptr + 4), two_digits(text.ptr + 6));
}

static bool is_hour(struct gw_str text) {
    return two_digits(text.ptr) < 24;
}

static bool is_sixtieth(struct gw_str text) {
    return two_digits(text.ptr) < 60;
}

static bool is_hour_minute(struct gw_str text) {
    return is_hour(text) && two_digits(text.ptr + 2) < 60;
}

/* ---- codes ---- */

static bool is_country(struct gw_str text) {
    return gw_gs1_is_country((unsigned) number_of(text));
}

static bool is_country_or_999(struct gw_str text) {
    return is_country(text) || number_of(text) == 999;
}

static bool is_country_letters(struct gw_str text) {
    return gw_gs1_is_country_letters(text.ptr[0], text.ptr[1]);
}

static bool is_currency(struct gw_str text) {
    return gw_gs1_is_currency((unsigned) number_of(text));
}

/* ISO 13616-1: the first four characters moved to the end, letters as 10 to 35,
 * leave 1 when divided by 97. */
static bool is_iban(struct gw_str text) {
    if (text.len < IBAN_BYTES_MIN || text.len > IBAN_BYTES_MAX || !is_country_letters(text)) {
        return false;
    }
    unsigned rest = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[(i + 4) % text.len];
        if (is_digit(c)) {
            rest = (rest * 10 + (unsigned) (c - '0')) % 97;
        } else if (c >= 'A' && c <= 'Z') {
            rest = (rest * 100 + 10 + (unsigned) (c - 'A')) % 97;
        } else {
            return false;
        }
    }
    return rest == 1;
}

static bool is_media_type(struct gw_str text) {
    unsigned type = two_digits(text.ptr);
    return (type >= 1 && type <= 10) || type >= 80;
}

static bool is_package_type(struct gw_str text) {
    return gw_gs1_span(GW_GS1_SET_Y, text) == text.len && gw_gs1_is_package_type(text);
}

static bool is_one_of(struct gw_str text, const char *allowed) {
    return text.len == 1
           && gw_str_find(gw_str_from_cstr(allowed), text.ptr[0], 0) < strlen(allowed);
}

static bool is_yes_no(struct gw_str text) {
    return is_one_of(text, "01");
}

static bool is_winding(struct gw_str text) {
    return is_one_of(text, "019");
}

static bool is_sex(struct gw_str text) {
    return is_one_of(text, "0129");
}

static bool is_minus(struct gw_str text) {
    return is_one_of(text, "-");
}

static bool is_importer_index(struct gw_str text) {
    return text.ptr[0] != '=' && gw_gs1_span(GW_GS1_SET_Z, text) == text.len;
}

/* ---- numbers ---- */

static bool is_zero(struct gw_str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '0') {
            return false;
        }
    }
    return true;
}

static bool is_not_zero(struct gw_str text) {
    return !is_zero(text);
}

static bool has_no_leading_zero(struct gw_str text) {
    return text.ptr[0] != '0';
}

static bool has_non_digit(struct gw_str text) {
    return gw_gs1_span(GW_GS1_SET_N, text) < text.len;
}

static bool is_position(uint64_t position, uint64_t end) {
    return position > 0 && position <= end;
}

static bool is_piece_of_total(struct gw_str text) {
    size_t half = text.len / 2;
    return is_position(number_of(gw_str_sub(text, 0, half)),
                       number_of(gw_str_sub(text, half, half)));
}

static bool is_position_of_end(struct gw_str text) {
    size_t slash = gw_str_find(text, '/', 0);
    struct gw_str position = gw_str_sub(text, 0, slash);
    struct gw_str end = gw_str_sub(text, slash + 1, text.len);
    return position.len > 0 && end.len > 0 && !has_non_digit(position) && !has_non_digit(end)
           && has_no_leading_zero(position) && has_no_leading_zero(end)
           && is_position(number_of(position), number_of(end));
}

static bool is_latitude(struct gw_str text) {
    return number_of(text) <= LATITUDE_MAX;
}

static bool is_longitude(struct gw_str text) {
    return number_of(text) <= LONGITUDE_MAX;
}

/* ---- texts ---- */

static bool is_hex_digit(char c) {
    return is_digit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static bool is_percent_encoded(struct gw_str text) {
    for (size_t i = gw_str_find(text, '%', 0); i < text.len;
         i = gw_str_find(text, '%', i + 1)) {
        if (text.len - i < 3 || !is_hex_digit(text.ptr[i + 1])
            || !is_hex_digit(text.ptr[i + 2])) {
            return false;
        }
    }
    return true;
}

/* ---- the table ---- */

struct check {
    bool (*passes)(struct gw_str text);
    enum gw_gs1_reason reason;
    const char *name;
};

static const struct check checks[GW_GS1_CHECK_COUNT_] = {
    [GW_GS1_CHECK_NONE] = {NULL, GW_GS1_VALID, "anything"},
    [GW_GS1_CHECK_MOD_10] = {has_mod_10, GW_GS1_CHECK_DIGIT, "digits with a check digit"},
    [GW_GS1_CHECK_MOD_1021] = {has_mod_1021, GW_GS1_CHECK_PAIR,
                               "characters with a pair of check characters"},
    [GW_GS1_CHECK_PREFIX] = {is_prefix, GW_GS1_BAD_VALUE,
                             "a GS1 Company Prefix first, four digits at least"},
    [GW_GS1_CHECK_PREFIX_2] = {is_prefix_2, GW_GS1_BAD_VALUE,
                               "a GS1 Company Prefix from the second digit on"},
    [GW_GS1_CHECK_DATE] = {is_date, GW_GS1_BAD_DATE, "a date YYMMDD"},
    [GW_GS1_CHECK_MONTH_OR_DATE] = {is_month_or_date, GW_GS1_BAD_DATE,
                                    "a date YYMMDD, or YYMM00 for a month"},
    [GW_GS1_CHECK_LONG_DATE] = {is_long_date, GW_GS1_BAD_DATE, "a date YYYYMMDD"},
    [GW_GS1_CHECK_HOUR] = {is_hour, GW_GS1_BAD_DATE, "an hour, 00 to 23"},
    [GW_GS1_CHECK_SIXTIETH] = {is_sixtieth, GW_GS1_BAD_DATE, "minutes or seconds, 00 to 59"},
    [GW_GS1_CHECK_HOUR_MINUTE] = {is_hour_minute, GW_GS1_BAD_DATE,
                                  "hours and minutes, 0000 to 2359"},
    [GW_GS1_CHECK_COUNTRY] = {is_country, GW_GS1_BAD_VALUE, "a country number of ISO 3166-1"},
    [GW_GS1_CHECK_COUNTRY_OR_999] = {is_country_or_999, GW_GS1_BAD_VALUE,
                                     "a country number of ISO 3166-1, or 999"},
    [GW_GS1_CHECK_COUNTRY_LETTERS] = {is_country_letters, GW_GS1_BAD_VALUE,
                                      "two country letters of ISO 3166-1"},
    [GW_GS1_CHECK_CURRENCY] = {is_currency, GW_GS1_BAD_VALUE, "a currency number of ISO 4217"},
    [GW_GS1_CHECK_IBAN] = {is_iban, GW_GS1_BAD_VALUE,
                           "an IBAN with its country and check digits"},
    [GW_GS1_CHECK_YES_NO] = {is_yes_no, GW_GS1_BAD_VALUE, "0 (no) or 1 (yes)"},
    [GW_GS1_CHECK_ZERO] = {is_zero, GW_GS1_BAD_VALUE, "0"},
    [GW_GS1_CHECK_NOT_ZERO] = {is_not_zero, GW_GS1_BAD_VALUE, "a number above 0"},
    [GW_GS1_CHECK_NO_LEADING_ZERO] = {has_no_leading_zero, GW_GS1_BAD_VALUE,
                                      "a number that does not begin with 0"},
    [GW_GS1_CHECK_NON_DIGIT] = {has_non_digit, GW_GS1_BAD_VALUE,
                                "at least one character that is no digit"},
    [GW_GS1_CHECK_MINUS] = {is_minus, GW_GS1_BAD_VALUE, "a minus sign (-)"},
    [GW_GS1_CHECK_WINDING] = {is_winding, GW_GS1_BAD_VALUE, "a winding direction 0, 1 or 9"},
    [GW_GS1_CHECK_PIECE_OF_TOTAL] = {is_piece_of_total, GW_GS1_BAD_VALUE,
                                     "a piece number from 01 up to the total behind it"},
    [GW_GS1_CHECK_POSITION_OF_END] = {is_position_of_end, GW_GS1_BAD_VALUE,
                                      "a position such as 2/3"},
    [GW_GS1_CHECK_LATITUDE] = {is_latitude, GW_GS1_BAD_VALUE,
                               "a latitude, 0000000000 to 1800000000"},
    [GW_GS1_CHECK_LONGITUDE] = {is_longitude, GW_GS1_BAD_VALUE,
                                "a longitude, 0000000000 to 3600000000"},
    [GW_GS1_CHECK_IMPORTER_INDEX] = {is_importer_index, GW_GS1_BAD_VALUE,
                                     "a letter, a digit, - or _"},
    [GW_GS1_CHECK_MEDIA_TYPE] = {is_media_type, GW_GS1_BAD_VALUE,
                                 "a media type 01 to 10 or 80 to 99"},
    [GW_GS1_CHECK_SEX] = {is_sex, GW_GS1_BAD_VALUE, "0, 1, 2 or 9 (ISO/IEC 5218)"},
    [GW_GS1_CHECK_PERCENT_ENCODING] = {is_percent_encoded, GW_GS1_BAD_VALUE,
                                       "% only with two hexadecimal digits behind it"},
    [GW_GS1_CHECK_PACKAGE_TYPE] = {is_package_type, GW_GS1_BAD_VALUE,
                                   "a package type of UN/ECE Recommendation 21 or GS1"},
    [GW_GS1_CHECK_COUPON] = {gw_gs1_is_coupon, GW_GS1_BAD_VALUE,
                             "a North American coupon code, field by field"},
    [GW_GS1_CHECK_COUPON_OFFER] = {gw_gs1_is_coupon_offer, GW_GS1_BAD_VALUE,
                                   "format, funder, offer and serial number of a coupon"},
};

bool gw_gs1_check_passes(enum gw_gs1_check check, struct gw_str text) {
    return checks[check].passes(text);
}

enum gw_gs1_reason gw_gs1_check_reason(enum gw_gs1_check check) {
    return checks[check].reason;
}

const char *gw_gs1_check_name(enum gw_gs1_check check) {
    return checks[check].name;
}
