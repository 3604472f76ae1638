/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offset of the site's zone at a time, from the system's time zone files.
 *
 * Not localtime(3): its zone belongs to the whole process. A TZif file (RFC 8536)
 * is a list of transitions and, behind it, a rule for the time after the last one
 * ("CET-1CEST,M3.5.0,M10.5.0/3", POSIX TZ; only the Mm.w.d form, which all of
 * today's zones use). The answer is kept with the span it is good for, so an event
 * costs two comparisons.
 */
#include <stdio.h>

#include "firmware/base/file.h"
#include "firmware/queue/queue_internal.h"

#define ZONE_FOLDER "/usr/share/zoneinfo"
#define ZONE_FILE_MAX_BYTES 65536
#define DAY_S 86400

void queue_zone_close(struct queue_zone *zone) {
    free(zone->file);
    *zone = (struct queue_zone){0};
}

static bool name_is_safe(struct gw_str name) {
    if (name.len == 0 || name.len > 64 || name.ptr[0] == '/') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool known = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
                     || c == '/' || c == '_' || c == '-' || c == '+';
        if (!known) {
            return false;
        }
    }
    return true;
}

void queue_zone_set(struct queue_zone *zone, struct gw_str name) {
    queue_zone_close(zone);
    char path[128];
    struct gw_buf buf = {0};
    if (!name_is_safe(name) || gw_buf_open(&buf, ZONE_FILE_MAX_BYTES)) {
        return;
    }
    (void) snprintf(path, sizeof(path), ZONE_FOLDER "/%.*s", GW_STR_ARG(name));
    if (gw_file_read(path, &buf)) {
        gw_buf_close(&buf);
        return;
    }
    zone->file = buf.data;
    zone->file_len = buf.len;
}

/* ---- big-endian fields, bounds-checked ---- */

static bool get(const struct queue_zone *zone, size_t at, size_t len, int64_t *ret_value) {
    if (len > zone->file_len || at > zone->file_len - len) {
        return false;
    }
    uint64_t value = zone->file[at] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < len; i++) {
        value = value << 8 | zone->file[at + i];
    }
    *ret_value = (int64_t) value;
    return true;
}

/* The second, 64-bit, part of the file. */
struct tzif {
    size_t times, kinds, types, footer; /* offsets in the file */
    int64_t time_count, type_count;
};

static bool read_counts(const struct queue_zone *zone, size_t at, int64_t counts[6]) {
    for (size_t i = 0; i < 6; i++) {
        if (!get(zone, at + 20 + 4 * i, 4, &counts[i]) || counts[i] < 0
            || counts[i] > ZONE_FILE_MAX_BYTES) {
            return false;
        }
    }
    return zone->file[at] == 'T' && zone->file[at + 1] == 'Z' && zone->file[at + 2] == 'i'
           && zone->file[at + 3] == 'f';
}

static bool locate(const struct queue_zone *zone, struct tzif *ret_tzif) {
    int64_t n[6]; /* isut, isstd, leap, time, type, char */
    if (zone->file_len < 44 || zone->file[4] < '2' || !read_counts(zone, 0, n)) {
        return false;
    }
    int64_t second = 44 + n[3] * 5 + n[4] * 6 + n[5] + n[2] * 8 + n[1] + n[0];
    if (second + 44 > (int64_t) zone->file_len || !read_counts(zone, (size_t) second, n)) {
        return false;
    }
    struct tzif tzif = {.times = (size_t) second + 44, .time_count = n[3], .type_count = n[4]};
    tzif.kinds = tzif.times + (size_t) n[3] * 8;
    tzif.types = tzif.kinds + (size_t) n[3];
    tzif.footer = tzif.types + (size_t) (n[4] * 6 + n[5] + n[2] * 12 + n[1] + n[0]);
    *ret_tzif = tzif;
    return n[4] > 0 && tzif.footer <= zone->file_len;
}

static int64_t type_offset(const struct queue_zone *zone, const struct tzif *tzif,
                           int64_t type) {
    int64_t offset = 0;
    if (type < 0 || type >= tzif->type_count
        || !get(zone, tzif->types + (size_t) type * 6, 4, &offset)) {
        return 0;
    }
    return offset;
}

/* ---- the rule behind the last transition ---- */

struct text {
    const char *at;
    size_t left;
};

static bool take(struct text *text, char c) {
    if (text->left == 0 || *text->at != c) {
        return false;
    }
    text->at++;
    text->left--;
    return true;
}

static int64_t take_number(struct text *text) {
    int64_t value = 0;
    while (text->left > 0 && *text->at >= '0' && *text->at <= '9' && value < 10000) {
        value = value * 10 + (*text->at - '0');
        text->at++;
        text->left--;
    }
    return value;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static int64_t take_time(struct text *text) {
    int64_t sign = take(text, '-') ? -1 : 1;
    (void) take(text, '+');
    int64_t seconds = take_number(text) * 3600;
    if (take(text, ':')) {
        seconds += take_number(text) * 60;
        if (take(text, ':')) {
            seconds += take_number(text);
        }
    }
    return sign * seconds;
}

static bool take_name(struct text *text) {
    size_t before = text->left;
    if (take(text, '<')) {
        while (text->left > 0 && !take(text, '>')) {
            text->at++;
            text->left--;
        }
        return true;
    }
    while (
        text->left > 0
        && ((*text->at >= 'A' && *text->at <= 'Z') || (*text->at >= 'a' && *text->at <= 'z'))) {
        text->at++;
        text->left--;
    }
    return text->left < before;
}

/* Days since 1970-01-01 of a civil date (Howard Hinnant, "chrono-compatible
 * low-level date algorithms"). */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
           - 719468;
}

static int64_t year_of(int64_t seconds) {
    int64_t year = 1970 + seconds / (365 * DAY_S + DAY_S / 4);
    while (days_from_civil(year + 1, 1, 1) * DAY_S <= seconds) {
        year++;
    }
    while (days_from_civil(year, 1, 1) * DAY_S > seconds) {
        year--;
    }
    return year;
}

struct rule {
    int64_t month, week, weekday, at_s;
};

/* ",Mm.w.d[/time]" */
static bool take_rule(struct text *text, struct rule *ret_rule) {
    struct rule rule = {.at_s = 2 * 3600};
    if (!take(text, ',') || !take(text, 'M')) {
        return false;
    }
    rule.month = take_number(text);
    (void) take(text, '.');
    rule.week = take_number(text);
    (void) take(text, '.');
    rule.weekday = take_number(text);
    if (take(text, '/')) {
        rule.at_s = take_time(text);
    }
    *ret_rule = rule;
    return rule.month >= 1 && rule.month <= 12 && rule.week >= 1 && rule.week <= 5
           && rule.weekday <= 6;
}

/* Seconds (local clock) at which the rule holds in a year. */
static int64_t rule_time(const struct rule *rule, int64_t year) {
    int64_t first = days_from_civil(year, rule->month, 1);
    int64_t weekday = (first % 7 + 7 + 4) % 7; /* 1970-01-01 was a Thursday */
    int64_t day = first + (rule->weekday - weekday + 7) % 7 + (rule->week - 1) * 7;
    int64_t next_month = rule->month == 12 ? days_from_civil(year + 1, 1, 1)
                                           : days_from_civil(year, rule->month + 1, 1);
    while (day >= next_month) {
        day -= 7;
    }
    return day * DAY_S + rule->at_s;
}

struct span {
    int64_t from_s, until_s, offset_s;
};

/* Cut `span` to the part around `now_s` that has one offset by the two rules. The
 * file's last transition may be one in name only, so the offset is the rules'. */
static void apply_rules(struct span *span, int64_t now_s, int64_t standard_s, int64_t summer_s,
                        const struct rule rules[2]) {
    int64_t year = year_of(now_s), since_s = INT64_MIN;
    for (int64_t y = year - 1; y <= year + 1; y++) {
        const struct span changes[2] = {
            {.from_s = rule_time(&rules[0], y) - standard_s, .offset_s = summer_s},
            {.from_s = rule_time(&rules[1], y) - summer_s, .offset_s = standard_s},
        };
        for (int i = 0; i < 2; i++) {
            int64_t at_s = changes[i].from_s;
            if (at_s <= now_s && at_s >= since_s) {
                since_s = at_s;
                span->offset_s = changes[i].offset_s;
            }
            if (at_s > now_s && at_s < span->until_s) {
                span->until_s = at_s;
            }
        }
    }
    span->from_s = since_s > span->from_s ? since_s : span->from_s;
}

static void apply_footer(const struct queue_zone *zone, const struct tzif *tzif, int64_t now_s,
                         struct span *span) {
    struct text text = {(const char *) zone->file + tzif->footer,
                        zone->file_len - tzif->footer};
    if (!take(&text, '\n') || !take_name(&text)) {
        return;
    }
    int64_t standard_s = -take_time(&text), summer_s = standard_s + 3600;
    span->offset_s = standard_s;
    if (!take_name(&text)) {
        return;
    }
    if (text.left > 0 && *text.at != ',') {
        summer_s = -take_time(&text);
    }
    struct rule rules[2];
    if (take_rule(&text, &rules[0]) && take_rule(&text, &rules[1])) {
        apply_rules(span, now_s, standard_s, summer_s, rules);
    }
}

#define SPAN_MAX_S (INT64_MAX / 2000)

static struct span look_up(const struct queue_zone *zone, int64_t now_s) {
    struct span span = {-SPAN_MAX_S, SPAN_MAX_S, 0};
    struct tzif tzif;
    if (!zone->file || !locate(zone, &tzif)) {
        return span;
    }
    int64_t kind = -1, time;
    int64_t passed = 0;
    for (int64_t i = 0; i < tzif.time_count; i++) {
        if (!get(zone, tzif.times + (size_t) i * 8, 8, &time)) {
            return span;
        }
        if (time > now_s) {
            span.until_s = time < SPAN_MAX_S ? time : SPAN_MAX_S;
            break;
        }
        span.from_s = time > span.from_s ? time : span.from_s;
        passed = i + 1;
    }
    if (passed > 0) {
        (void) get(zone, tzif.kinds + (size_t) passed - 1, 1, &kind);
    }
    span.offset_s = type_offset(zone, &tzif, kind < 0 ? 0 : kind);
    if (passed == tzif.time_count) {
        apply_footer(zone, &tzif, now_s, &span);
    }
    return span;
}

int16_t queue_zone_offset_min(struct queue_zone *zone, int64_t wall_ms) {
    if (wall_ms < zone->from_wall_ms || wall_ms >= zone->until_wall_ms) {
        int64_t now_s = wall_ms / 1000 - (wall_ms % 1000 < 0);
        struct span span = look_up(zone, now_s);
        zone->from_wall_ms = span.from_s * 1000;
        zone->until_wall_ms = span.until_s * 1000;
        /* A record takes offsets below a day; a damaged file may say anything. */
        bool possible = span.offset_s > -DAY_S && span.offset_s < DAY_S;
        zone->offset_min = (int16_t) (possible ? span.offset_s / 60 : 0);
    }
    return zone->offset_min;
}
