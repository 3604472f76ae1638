/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a JSON message of a scanner, reader or scale to its records, by the
 * profile's pointers. Numbers are kept digit for digit: nothing here turns one into
 * a float.
 */
#include <string.h>

#include "drivers/profile/feed_internal.h"
#include "firmware/base/clock.h"
#include "firmware/json/json.h"

#define JSON_MAX_DEPTH 32
#define TEXT_MAX_BYTES 128
#define REASON_BYTES 256

/* One record while it is taken apart. */
struct record {
    struct gw_feed *feed;
    const struct gw_profile_json *json;
    struct gw_str text; /* checked JSON */
    struct gw_observed_item item;
    const char *pointer; /* of the member that was refused */
    const char *problem; /* static storage, NULL = none */
};

static bool refuse(struct record *record, const char *pointer, const char *problem) {
    record->pointer = pointer;
    record->problem = problem;
    return false;
}

static void emit_refusal(struct record *record) {
    char storage[REASON_BYTES];
    struct gw_buf reason;
    gw_buf_init(&reason, storage, sizeof storage);
    gw_buf_printf(&reason, "%.128s: %s", record->pointer, record->problem);
    gw_buf_put_char(&reason, '\0');
    gw_feed_refuse(record->feed, record->text,
                   gw_buf_failed(&reason) ? record->problem : storage);
}

/* ---- members ---- */

/* Raw JSON of the member; empty if there is none, or null. */
static struct gw_str find_member(const struct record *record, const char *pointer) {
    struct gw_str raw;
    struct gw_str path = gw_str_from_cstr(pointer);
    if (path.len == 0 || gw_json_find_raw(record->text, path, &raw)
        || gw_str_eq(raw, GW_STR("null"))) {
        return (struct gw_str){0};
    }
    return raw;
}

/* Text of a string, or a number or literal as written; empty if absent. */
static bool take_text(struct record *record, const char *pointer, size_t max,
                      struct gw_str *ret_text) {
    struct gw_str raw = find_member(record, pointer);
    struct gw_buf *storage = &record->feed->text;
    size_t from = storage->len;
    if (raw.len > 0 && raw.ptr[0] == '"') {
        if (gw_json_unescape(raw, storage)) {
            return refuse(record, pointer, "cannot be unescaped");
        }
        raw = gw_str_sub(gw_buf_str(storage), from, SIZE_MAX);
    } else if (raw.len > 0 && (raw.ptr[0] == '{' || raw.ptr[0] == '[')) {
        return refuse(record, pointer, "found an object or list, allowed: text or a number");
    }
    if (raw.len > max) {
        return refuse(record, pointer, "longer than 128 bytes");
    }
    *ret_text = raw;
    return true;
}

/* Milliseconds or seconds since 1970: 10^11 seconds is the year 5138, 10^11
 * milliseconds is 1973. */
static bool parse_unix_time(struct gw_str text, int64_t *ret_wall_ms) {
    const int64_t first_ms_value = INT64_C(100000000000);
    int64_t value;
    if (gw_str_to_i64(text, 0, INT64_C(253402300799999), &value)) {
        return false;
    }
    *ret_wall_ms = value < first_ms_value ? value * 1000 : value;
    return true;
}

/* RFC 3339, also with "+0000" as some readers write their offset. */
static bool parse_time(struct gw_str text, int64_t *ret_wall_ms) {
    char storage[40];
    struct gw_buf buf;
    if (!gw_time_parse(text, ret_wall_ms)) {
        return true;
    }
    size_t at = text.len > 5 ? text.len - 5 : 0;
    if (at == 0 || (text.ptr[at] != '+' && text.ptr[at] != '-')) {
        return false;
    }
    gw_buf_init(&buf, storage, sizeof storage);
    gw_buf_put_str(&buf, gw_str_sub(text, 0, at + 3));
    gw_buf_put_char(&buf, ':');
    gw_buf_put_str(&buf, gw_str_sub(text, at + 3, 2));
    return !gw_buf_failed(&buf) && !gw_time_parse(gw_buf_str(&buf), ret_wall_ms);
}

/* A reading is not worth less because its time cannot be read: then the time of
 * arrival counts, and it is remarked. */
static bool take_identity(struct record *record) {
    struct gw_str time;
    if (!take_text(record, record->json->time, TEXT_MAX_BYTES, &time)
        || !take_text(record, record->json->event_id, TEXT_MAX_BYTES, &record->item.event_id)) {
        return false;
    }
    if (time.len > 0 && !parse_time(time, &record->item.time_wall_ms)
        && !parse_unix_time(time, &record->item.time_wall_ms)) {
        record->item.remarks |= GW_REMARK_TIME_UNREADABLE;
    }
    return true;
}

/* ---- scans ---- */

static bool take_scan(struct record *record) {
    struct gw_str raw = find_member(record, record->json->code);
    if (raw.len == 0) {
        return refuse(record, record->json->code, "no such member");
    }
    if (raw.ptr[0] != '"') {
        /* a code sent as a number has lost its leading zeros already */
        return refuse(record, record->json->code, "found no string");
    }
    struct gw_str code;
    if (!take_text(record, record->json->code, SIZE_MAX, &code)
        || !take_text(record, record->json->symbology, TEXT_MAX_BYTES,
                      &record->item.symbology)) {
        return false;
    }
    if (code.len == 0) {
        return refuse(record, record->json->code, "found an empty string");
    }
    record->item.kind = GW_OBSERVED_SCAN;
    record->item.raw = gw_bytes_from_str(code);
    gw_feed_take_code(record->feed, &record->item);
    return true;
}

/* ---- weights ---- */

static enum gw_weight_state state_of(const struct gw_profile_json *json, struct gw_str word) {
    for (size_t i = 0; i < json->word_count; i++) {
        if (gw_str_eq(word, gw_str_from_cstr(json->words[i].word))) {
            return (enum gw_weight_state) json->words[i].state;
        }
    }
    return GW_WEIGHT_DYNAMIC;
}

static bool take_weight(struct record *record) {
    const struct gw_profile_json *json = record->json;
    struct gw_scale_reading reading = {.state = GW_WEIGHT_STABLE};
    struct gw_str word;
    struct gw_str number;
    if (!take_text(record, json->state, TEXT_MAX_BYTES, &word)
        || !take_text(record, json->weight, TEXT_MAX_BYTES, &number)
        || !take_text(record, json->unit, TEXT_MAX_BYTES, &reading.unit)) {
        return false;
    }
    if (json->state[0] != '\0') {
        reading.state = state_of(json, word);
    }
    bool has_number = gw_scale_number_parse(number, &reading.number) == GW_OK;
    if (reading.state == GW_WEIGHT_STABLE && !has_number) {
        return refuse(record, json->weight, "stable, but found no decimal number");
    }
    if (reading.unit.len == 0) {
        reading.unit = gw_str_from_cstr(record->feed->options.profile->weight.unit);
    }
    record->item.raw = gw_bytes_from_str(record->text);
    gw_feed_weigh(record->feed, &reading, &record->item);
    return true;
}

/* ---- records ---- */

/* Whether the record is a reading; others are told as conditions. */
static bool take_type(struct record *record, bool *ret_is_reading) {
    struct gw_str type;
    *ret_is_reading = record->json->type_count == 0;
    if (*ret_is_reading) {
        return true;
    }
    if (!take_text(record, record->json->type, TEXT_MAX_BYTES, &type)) {
        return false;
    }
    for (size_t i = 0; i < record->json->type_count; i++) {
        *ret_is_reading |= gw_str_eq(type, gw_str_from_cstr(record->json->types[i]));
    }
    if (!*ret_is_reading) {
        record->item.kind = GW_OBSERVED_CONDITION;
        record->item.condition = GW_STR("other_message");
        record->item.detail = type;
        record->item.raw = gw_bytes_from_str(record->text);
        gw_feed_emit(record->feed, &record->item);
    }
    return true;
}

static void take_record(struct gw_feed *feed, struct gw_str text, unsigned remarks,
                        bool is_listed) {
    struct record record = {
        .feed = feed,
        .json = &feed->options.profile->json,
        .text = text,
        .item = {.remarks = remarks, .record = is_listed ? text : (struct gw_str){0}},
    };
    size_t mark = feed->text.len;
    bool is_reading = false;
    bool is_good = take_identity(&record) && take_type(&record, &is_reading);
    if (is_good && is_reading) {
        is_good = feed->options.profile->kind == GW_PROFILE_SCANNER ? take_scan(&record)
                                                                    : take_weight(&record);
    }
    if (!is_good) {
        emit_refusal(&record);
    }
    gw_buf_rewind(&feed->text, mark);
}

/* End of the value at `at` in checked JSON: quotes and brackets are enough. */
static size_t end_of_value(struct gw_str text, size_t at) {
    size_t depth = 0;
    bool in_string = false;
    for (; at < text.len; at++) {
        char c = text.ptr[at];
        if (in_string) {
            at += c == '\\' ? 1 : 0;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']' || c == ',') {
            if (depth == 0) {
                break;
            }
            depth -= c == ',' ? 0 : 1;
        }
    }
    return at < text.len ? at : text.len;
}

static uint32_t count_entries(struct gw_str list) {
    uint32_t count = 0;
    for (size_t at = 1; at < list.len; at = end_of_value(list, at) + 1) {
        count++;
    }
    return count;
}

static void take_list(struct gw_feed *feed, struct gw_str list, unsigned remarks) {
    if (gw_str_trim(gw_str_sub(list, 1, list.len - 2)).len == 0) {
        return; /* an empty report: nothing was read */
    }
    if (count_entries(list) > GW_FEED_BURST_MAX) {
        gw_feed_refuse(feed, list, "more than 64 records in one message");
        return;
    }
    for (size_t at = 1; at < list.len;) {
        size_t end = end_of_value(list, at);
        take_record(feed, gw_str_trim(gw_str_sub(list, at, end - at)), remarks, true);
        at = end + 1;
    }
}

static bool is_acceptable(struct gw_feed *feed, struct gw_str text) {
    const struct gw_json_limits limits = {
        .max_bytes = GW_PROFILE_FRAME_MAX_BYTES,
        .max_depth = JSON_MAX_DEPTH,
        .flags = GW_JSON_OBJECT,
    };
    struct gw_json_error error;
    if (!gw_json_check(text, &limits, &error)) {
        return true;
    }
    char storage[REASON_BYTES];
    struct gw_buf reason;
    gw_buf_init(&reason, storage, sizeof storage);
    gw_buf_printf(&reason, "not JSON at byte %zu: %s", error.offset, error.reason);
    gw_buf_put_char(&reason, '\0');
    gw_feed_refuse(feed, text, gw_buf_failed(&reason) ? "not JSON" : storage);
    return false;
}

void gw_feed_take_json(struct gw_feed *feed, const struct gw_frame *frame) {
    const struct gw_profile_json *json = &feed->options.profile->json;
    struct gw_str text = gw_str_trim(frame->content);
    if (text.len == 0 || !is_acceptable(feed, text)) {
        return;
    }
    if (json->records[0] == '\0') {
        take_record(feed, text, frame->remarks, false);
        return;
    }
    struct gw_str list;
    if (gw_json_find_raw(text, gw_str_from_cstr(json->records), &list) || list.len < 2
        || list.ptr[0] != '[') {
        gw_feed_refuse(feed, text, "no list of records where the profile says");
        return;
    }
    take_list(feed, list, frame->remarks);
}
