/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Civil time without the C library's time zones: days are counted in years
 * that begin on 1 March, so that the leap day is the last of its year and
 * month lengths follow (153 * m + 2) / 5 (the public-domain algorithm of
 * H. Hinnant, "chrono-compatible low-level date algorithms").
 */
#include <string.h>

#include "firmware/base/clock.h"

#define MS_PER_DAY INT64_C(86400000)
#define FIRST_MS (-INT64_C(62167219200000)) /* 0000-01-01T00:00:00.000Z */
#define LAST_MS INT64_C(253402300799999)    /* 9999-12-31T23:59:59.999Z */
/* 0000-03-01 lies this many days before 1970-01-01. */
#define EPOCH_SHIFT_DAYS 719468
#define DAYS_PER_ERA 146097 /* 400 years */

static int64_t days_from_civil(int64_t year, unsigned month, unsigned day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - EPOCH_SHIFT_DAYS;
}

static void civil_from_days(int64_t days, unsigned *ret_year, unsigned *ret_month,
                            unsigned *ret_day) {
    /* Year 0 at the earliest minus two months: the era may be -1. */
    int64_t shifted = days + EPOCH_SHIFT_DAYS;
    int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    unsigned doe = (unsigned) (shifted - era * DAYS_PER_ERA);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned month_from_march = (5 * doy + 2) / 153;
    *ret_day = doy - (153 * month_from_march + 2) / 5 + 1;
    *ret_month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    *ret_year = (unsigned) (era * 400 + yoe + (*ret_month <= 2));
}

static void write_digits(uint8_t *dst, unsigned value, int count) {
    for (int i = count - 1; i >= 0; i--) {
        dst[i] = (uint8_t) ('0' + value % 10);
        value /= 10;
    }
}

bool gw_time_put(struct gw_buf *buf, int64_t wall_ms) {
    wall_ms = wall_ms < FIRST_MS ? FIRST_MS : wall_ms > LAST_MS ? LAST_MS : wall_ms;
    int64_t days = wall_ms / MS_PER_DAY - (wall_ms % MS_PER_DAY < 0);
    unsigned ms = (unsigned) (wall_ms - days * MS_PER_DAY);
    unsigned year = 0, month = 0, day = 0;
    civil_from_days(days, &year, &month, &day);
    uint8_t text[GW_TIME_TEXT_LEN + 1] = "0000-00-00T00:00:00.000Z";
    write_digits(text, year, 4);
    write_digits(text + 5, month, 2);
    write_digits(text + 8, day, 2);
    write_digits(text + 11, ms / 3600000, 2);
    write_digits(text + 14, ms / 60000 % 60, 2);
    write_digits(text + 17, ms / 1000 % 60, 2);
    write_digits(text + 20, ms % 1000, 3);
    return gw_buf_put(buf, (struct gw_bytes){text, GW_TIME_TEXT_LEN});
}

struct moment {
    unsigned year, month, day, hour, minute, second, ms;
    int offset_minutes;
};

/* Take `count` digits off the front. */
static bool take_digits(struct gw_str *rest, size_t count, unsigned *ret_value) {
    if (rest->len < count) {
        return false;
    }
    unsigned value = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned digit = (unsigned) (unsigned char) rest->ptr[i] - '0';
        if (digit > 9) {
            return false;
        }
        value = value * 10 + digit;
    }
    *rest = gw_str_sub(*rest, count, SIZE_MAX);
    *ret_value = value;
    return true;
}

static bool take_char(struct gw_str *rest, char c) {
    if (rest->len == 0 || rest->ptr[0] != c) {
        return false;
    }
    *rest = gw_str_sub(*rest, 1, SIZE_MAX);
    return true;
}

static bool take_date(struct gw_str *rest, struct moment *moment) {
    return take_digits(rest, 4, &moment->year) && take_char(rest, '-')
           && take_digits(rest, 2, &moment->month) && take_char(rest, '-')
           && take_digits(rest, 2, &moment->day)
           && (take_char(rest, 'T') || take_char(rest, 't'));
}

/* Any number of fraction digits; what is finer than a millisecond is cut. */
static bool take_fraction(struct gw_str *rest, unsigned *ret_ms) {
    unsigned digit = 0;
    unsigned ms = 0;
    unsigned weight = 100;
    if (!take_digits(rest, 1, &digit)) {
        return false;
    }
    do {
        ms += digit * weight;
        weight /= 10;
    } while (take_digits(rest, 1, &digit));
    *ret_ms = ms;
    return true;
}

static bool take_time(struct gw_str *rest, struct moment *moment) {
    if (!take_digits(rest, 2, &moment->hour) || !take_char(rest, ':')
        || !take_digits(rest, 2, &moment->minute) || !take_char(rest, ':')
        || !take_digits(rest, 2, &moment->second)) {
        return false;
    }
    return !take_char(rest, '.') || take_fraction(rest, &moment->ms);
}

/* Sets offset_minutes, out of range (-> RANGE later) if its parts are. */
static bool take_offset(struct gw_str *rest, struct moment *moment) {
    if (take_char(rest, 'Z') || take_char(rest, 'z')) {
        return true;
    }
    bool west = take_char(rest, '-');
    unsigned hours = 0, minutes = 0;
    if ((!west && !take_char(rest, '+')) || !take_digits(rest, 2, &hours)
        || !take_char(rest, ':') || !take_digits(rest, 2, &minutes)) {
        return false;
    }
    int total = hours > 23 || minutes > 59 ? 24 * 60 : (int) (hours * 60 + minutes);
    moment->offset_minutes = west ? -total : total;
    return true;
}

static unsigned month_days(unsigned year, unsigned month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap ? 1U : 0U);
}

static bool in_range(const struct moment *moment) {
    return moment->month >= 1 && moment->month <= 12 && moment->day >= 1
           && moment->day <= month_days(moment->year, moment->month) && moment->hour <= 23
           && moment->minute <= 59 && moment->second <= 60 && moment->offset_minutes > -24 * 60
           && moment->offset_minutes < 24 * 60;
}

/* POSIX time has no leap second: 23:59:60 is the first second of the next day,
 * and 60 is refused where no leap second can stand (RFC 3339, 5.7). */
static enum gw_err to_wall_ms(const struct moment *moment, int64_t *ret_wall_ms) {
    int64_t days = days_from_civil(moment->year, moment->month, moment->day);
    int64_t minutes = days * 1440 + moment->hour * 60 + moment->minute - moment->offset_minutes;
    if (moment->second == 60 && (minutes + 1) % 1440 != 0) {
        return GW_ERR_RANGE;
    }
    int64_t wall_ms = minutes * 60000 + moment->second * 1000 + moment->ms;
    if (wall_ms < FIRST_MS || wall_ms > LAST_MS) {
        return GW_ERR_RANGE;
    }
    *ret_wall_ms = wall_ms;
    return GW_OK;
}

enum gw_err gw_time_parse(struct gw_str text, int64_t *ret_wall_ms) {
    struct moment moment = {0};
    if (!take_date(&text, &moment) || !take_time(&text, &moment) || !take_offset(&text, &moment)
        || text.len > 0) {
        return GW_ERR_PARSE;
    }
    if (!in_range(&moment)) {
        return GW_ERR_RANGE;
    }
    return to_wall_ms(&moment, ret_wall_ms);
}
