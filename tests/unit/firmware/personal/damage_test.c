/* SPDX-License-Identifier: Apache-2.0 */
/* Codes that arrived damaged, escaped, or in another place than the data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"
#include "firmware/personal/pattern.h"
#include "firmware/personal/reading.h"
#include "tests/unit/firmware/personal/guard_rig.h"

static struct gw_guard_rig rig;

static const char *const gate[] = {"gate"};
static const struct gw_config_personal_rule rules[] = {
    {.name = "badge", .pattern = "EMP#######"},
    {.name = "number",
     .pattern = "########",
     .devices = (const char **) gate,
     .device_count = 1},
};

static int begin(void **state) {
    (void) state;
    gw_guard_rig_open(&rig, rules, GW_ARRAY_LEN(rules));
    return 0;
}

static int end(void **state) {
    (void) state;
    gw_guard_rig_close(&rig);
    return 0;
}

/* Nothing of "EMP4711815" or "47118151" that two characters would be. */
static void require_hidden(const char *stored, const char *of) {
    static const char *const pieces[] = {"47", "11", "18", "81", "15", "51", "EM", "MP"};
    for (size_t i = 0; i < GW_ARRAY_LEN(pieces); i++) {
        if (strstr(stored, pieces[i])) {
            fail_msg("%s: %s is left in %s", of, pieces[i], stored);
        }
    }
}

static void require_kept(const char *stored, const char *of) {
    if (strstr(stored, "withheld") || strncmp(stored, "subject|", 8) != 0) {
        fail_msg("%s: became %s", of, stored);
    }
}

/* ---- damage ---- */

#define CODE_BYTES 32
static const struct {
    const char *name;
    struct gw_str bytes;
} damages[] = {
    {"NUL", {"\0", 1}},
    {"a byte above ASCII", {"\xff", 1}},
    {"half a character", {"\xc3", 1}},
    {"U+FFFD", {"\xef\xbf\xbd", 3}},
    {"SOH", {"\x01", 1}},
    {"DEL", {"\x7f", 1}},
    {"a C1 control", {"\xc2\x85", 2}},
    {"two of them", {"\0\xfe", 2}},
};

/* `lost` characters of the code at `at` replaced by the damage. */
static struct gw_str damage(const char *code, size_t at, size_t lost, struct gw_str by,
                            char storage[static CODE_BYTES]) {
    struct gw_buf buf;
    gw_buf_init(&buf, storage, CODE_BYTES);
    gw_buf_put_str(&buf, gw_str_sub(gw_str_from_cstr(code), 0, at));
    gw_buf_put_str(&buf, by);
    gw_buf_put_str(&buf, gw_str_sub(gw_str_from_cstr(code), at + lost, SIZE_MAX));
    return gw_buf_str(&buf);
}

static void try_damages(const char *device, const char *code, size_t lost) {
    char storage[CODE_BYTES], of[128];
    for (size_t i = 0; i < GW_ARRAY_LEN(damages); i++) {
        for (size_t at = 0; at + lost <= strlen(code); at++) {
            (void) snprintf(of, sizeof of, "%s: %zu characters of %s at %zu became %s", device,
                            lost, code, at, damages[i].name);
            struct gw_str bytes = damage(code, at, lost, damages[i].bytes, storage);
            require_hidden(gw_guard_rig_scan(&rig, device, bytes), of);
        }
    }
}

static void a_code_with_a_damaged_byte_at_any_place_is_hidden(void **state) {
    (void) state;
    try_damages("door", "EMP4711815", 1);
    try_damages("gate", "47118151", 1);
}

static void a_code_with_a_damaged_byte_added_at_any_place_is_hidden(void **state) {
    (void) state;
    try_damages("door", "EMP4711815", 0);
    try_damages("gate", "47118151", 0);
}

static void a_code_that_lost_characters_where_it_is_damaged_is_hidden(void **state) {
    (void) state;
    try_damages("door", "EMP4711815", 2);
    try_damages("gate", "47118151", 2);
    try_damages("gate", "47118151", 3);
}

/* ... but one whose beginning is lost: its digits cannot be told from others. */
static void what_is_left_without_its_beginning_stays(void **state) {
    (void) state;
    char storage[CODE_BYTES];
    struct gw_str bytes = damage("EMP4711815", 0, 3, GW_STR("\xff"), storage);
    assert_non_null(strstr(gw_guard_rig_scan(&rig, "door", bytes), "\\\\xff4711815"));
    bytes = GW_STR("\xff\xff\xff"
                   "4711815");
    assert_non_null(strstr(gw_guard_rig_scan(&rig, "door", bytes), "\\xff4711815"));
    for (size_t at = 1; at < 7; at++) {
        bytes = damage("EMP4711815", at, 3, GW_STR("\xff"), storage);
        require_hidden(gw_guard_rig_scan(&rig, "door", bytes), "three are lost");
    }
}

static void damage_everywhere_and_a_code_behind_something_are_hidden(void **state) {
    (void) state;
    static const struct {
        const char *device;
        struct gw_str bytes;
    } table[] = {
        {"door", GW_STR("]C0E\0P47\xff"
                        "11815")},
        {"door", GW_STR("E\0M\0P\0"
                        "4\0"
                        "7\0"
                        "1\0"
                        "1\0"
                        "8\0"
                        "1\0"
                        "5\0")},
        {"door", GW_STR("~S1~EM\xffP4711815#")},
        {"door", GW_STR("\xff\xff"
                        "EMP47\xff"
                        "15")}, /* cut off as well */
        {"door", GW_STR("EMP47\x1d"
                        "11815")},
        {"door", GW_STR("EMP47\t11815")},
        {"gate", GW_STR("]C0471\0"
                        "18151")},
        {"gate", GW_STR("~471\xff"
                        "18151#")},
        {"gate", GW_STR("4\0"
                        "7\0"
                        "1\0"
                        "1\0"
                        "8\0"
                        "1\0"
                        "5\0"
                        "1\0")},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        char of[32];
        (void) snprintf(of, sizeof of, "row %zu", i);
        require_hidden(gw_guard_rig_scan(&rig, table[i].device, table[i].bytes), of);
    }
}

/* A rule is no reason to lose other codes. */
static void other_codes_stay_damaged_or_not(void **state) {
    (void) state;
    static const struct {
        const char *device;
        struct gw_str bytes;
    } table[] = {
        {"door", GW_STR("]C1010401234567890110ABC123\x1d"
                        "21XYZ99")},
        {"gate", GW_STR("]C1010401234567890110ABC123\x1d"
                        "21XYZ99")},
        {"gate", GW_STR("10123\x1d"
                        "21345")}, /* eight digits, but no number */
        {"gate", GW_STR("[)>\x1e"
                        "06\x1d"
                        "P1234567\x1d"
                        "Q10\x1e\x04")},
        {"gate", GW_STR("123\t45678")},
        {"door", GW_STR("Gr\xf6\xdf"
                        "e 42")},
        {"gate", GW_STR("Gr\xf6\xdf"
                        "e 42")},
        {"door", GW_STR("\xc4NDERUNG 1234567")},
        {"door", GW_STR("EMPF\xc4NGER 1234567")},
        {"door", GW_STR("40063\xff"
                        "81333931")},
        {"door", GW_STR("K\xc4P12345")},
        {"door", GW_STR("\x83\x65\x83\x58\x83\x67\x96\xbc\x95\xf4\x82\xcc\x8c\x8e")},
        {"gate", GW_STR("\xff\xff\xff\xff\xff\xff")},
        {"door", GW_STR("C:\\temp\\EM")},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        char of[32];
        (void) snprintf(of, sizeof of, "row %zu", i);
        require_kept(gw_guard_rig_scan(&rig, table[i].device, table[i].bytes), of);
    }
}

/* ---- escapes ---- */

static const char *const escaped[] = {
    "{\"user\":\"\\u0045MP4711815\"}",
    "{\"user\":\"EMP\\u00344711815\"}",
    "{\"user\":\"\\u0045\\u004d\\u0050\\u0034\\u0037\\u0031\\u0031\\u0038\\u0031\\u0035\"}",
    "{\"user\":\"EMP47\\u000011815\"}",
    "{\"user\":\"EMP47\\ufffd11815\"}",
    "{\"user\":\"EMP47\\ud83d11815\"}",
    "{\"user\":\"EMP47\\n11815\"}",
    "{\"user\":\"EMP47\\/11815\",\"x\":\"EMP4711815\"}",
    "{\"inner\":\"{\\\"user\\\":\\\"\\\\u0045MP4711815\\\"}\"}",
    "{\"inner\":\"{\\\"user\\\":\\\"\\u005cu0045MP4711815\\\"}\"}",
    "\\x45MP4711815",
};

static const char *event_with(enum gw_event_type type, const char *member, const char *text) {
    char storage[2048];
    struct gw_buf data;
    gw_buf_init(&data, storage, sizeof storage);
    gw_buf_put_char(&data, '{');
    gw_guard_rig_put_member(&data, member, gw_str_from_cstr(text));
    gw_buf_put_char(&data, '}');
    const struct gw_event_draft draft = {
        .type = type, .device = GW_STR("door"), .data = gw_buf_str(&data)};
    return gw_guard_rig_event(&rig, &draft);
}

static void escapes_are_read_in_every_member_of_every_event(void **state) {
    (void) state;
    static const struct {
        enum gw_event_type type;
        const char *member;
    } places[] = {
        {GW_EVENT_SCAN_OBSERVED, "raw"},       {GW_EVENT_SCAN_OBSERVED, "deviceeventid"},
        {GW_EVENT_SCAN_OBSERVED, "symbology"}, {GW_EVENT_WEIGHT_MEASURED, "raw"},
        {GW_EVENT_WEIGHT_MEASURED, "detail"},  {GW_EVENT_WEIGHT_MEASURED, "deviceeventid"},
        {GW_EVENT_DEVICE_CONDITION, "raw"},    {GW_EVENT_DEVICE_CONDITION, "detail"},
        {GW_EVENT_METRIC_SAMPLED, "point"},    {GW_EVENT_METRIC_SAMPLED, "value"},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(places); i++) {
        for (size_t k = 0; k < GW_ARRAY_LEN(escaped); k++) {
            const char *stored = event_with(places[i].type, places[i].member, escaped[k]);
            if (strstr(stored, "118") || strstr(stored, "MP") || strstr(stored, "u00")) {
                fail_msg("%s of %d: %s became %s", places[i].member, (int) places[i].type,
                         escaped[k], stored);
            }
        }
    }
}

static void escapes_are_read_in_the_quarantine(void **state) {
    (void) state;
    for (size_t k = 0; k < GW_ARRAY_LEN(escaped); k++) {
        const struct gw_quarantine_entry entry = {
            .reason = GW_STR("not JSON"),
            .topic = GW_STR("floor/door"),
            .device = GW_STR("door"),
            .raw = gw_bytes_from_str(gw_str_from_cstr(escaped[k]))};
        assert_string_equal(gw_guard_rig_entry(&rig, &entry),
                            "withheld: it may hold a personal code|floor/door|\n");
    }
    const struct gw_quarantine_entry entry = {
        .reason = GW_STR("not JSON"),
        .topic = GW_STR("floor/door"),
        .device = GW_STR("door"),
        .raw = gw_bytes_from_str(GW_STR("{\"text\":\"Gr\\u00f6\\u00dfe\""))};
    assert_string_equal(gw_guard_rig_entry(&rig, &entry),
                        "not JSON|floor/door|{\"text\":\"Gr\\u00f6\\u00dfe\"\n");
}

static void damaged_codes_are_found_in_the_quarantine(void **state) {
    (void) state;
    static const struct gw_str raws[] = {
        GW_STR("EM\0P4711815"),
        GW_STR("E\xffP4711815"),
        GW_STR("\xff"
               "P4711815"),
        GW_STR("E\0M\0P\0"
               "4\0"
               "7\0"
               "1\0"),
        GW_STR("EM\xef\xbf\xbd"
               "47"),
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(raws); i++) {
        const struct gw_quarantine_entry entry = {.reason = GW_STR("invalid UTF-8"),
                                                  .topic = GW_STR("floor/door"),
                                                  .device = GW_STR("door"),
                                                  .raw = gw_bytes_from_str(raws[i])};
        require_hidden(gw_guard_rig_entry(&rig, &entry), "raw");
    }
}

/* "EMP4711815\xff" */
static void a_will_in_base64_is_read(void **state) {
    (void) state;
    const char *stored =
        event_with(GW_EVENT_DEVICE_CONDITION, "detail", "floor/door: base64 RU1QNDcxMTgxNf8=");
    assert_null(strstr(stored, "RU1"));
    stored = event_with(GW_EVENT_DEVICE_CONDITION, "detail", "floor/door: base64 R3L2");
    assert_non_null(strstr(stored, "base64 R3L2"));
}

/* ---- other places ---- */

static void the_topic_of_a_quarantined_message_is_guarded(void **state) {
    (void) state;
    static const struct {
        const char *device, *topic;
        bool is_kept;
    } table[] = {
        {"door", "floor/glove-1/EMP4711815", false},
        {"door", "EMP4711815/floor", false},
        {"door", "floor/glove-1/EMP47", false},
        {"door",
         "floor/glove-1/EM\xef\xbf\xbd"
         "4711815/x",
         false},
        {"", "floor/nobody/47118151", false},
        {"gate", "floor/gate/47118151/x", false},
        {"door", "floor/glove-1/47118151", true},
        {"door", "floor/EMPFANG/glove-1", true},
        {"door", "serial:EMPTY-line", true},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        const struct gw_quarantine_entry entry = {.reason = GW_STR("empty payload"),
                                                  .topic = gw_str_from_cstr(table[i].topic),
                                                  .device = gw_str_from_cstr(table[i].device)};
        char wanted[128];
        (void) snprintf(wanted, sizeof wanted, "empty payload|%s|\n", table[i].topic);
        assert_string_equal(
            gw_guard_rig_entry(&rig, &entry),
            table[i].is_kept ? wanted : "withheld: it may hold a personal code|(withheld)|\n");
    }
}

static void subject_keys_and_correlation_are_guarded(void **state) {
    (void) state;
    const struct gw_event_draft plain = {.type = GW_EVENT_SCAN_OBSERVED,
                                         .device = GW_STR("gate"),
                                         .subject = GW_STR("https://id.gs1.org/01/1"),
                                         .partition_key = GW_STR("004"),
                                         .correlation_id = GW_STR("47118151"),
                                         .data = GW_STR("{\"raw\":\"4006381333931\"}")};
    assert_string_equal(gw_guard_rig_event(&rig, &plain),
                        "https://id.gs1.org/01/1|004|47118151|{\"raw\":\"4006381333931\"}\n");
    static const char damaged[] = "EMP47\xef\xbf\xbd"
                                  "11815";
    static const char *const names[] = {"EMP4711815", "x/EMP4711815", "\\u0045MP4711815",
                                        damaged, "EMP47"};
    for (size_t i = 0; i < GW_ARRAY_LEN(names); i++) {
        struct gw_event_draft drafts[3] = {plain, plain, plain};
        drafts[0].subject = gw_str_from_cstr(names[i]);
        drafts[1].partition_key = gw_str_from_cstr(names[i]);
        drafts[2].correlation_id = gw_str_from_cstr(names[i]);
        for (size_t k = 0; k < GW_ARRAY_LEN(drafts); k++) {
            const char *stored = gw_guard_rig_event(&rig, &drafts[k]);
            assert_null(strstr(stored, "EMP"));
            assert_null(strstr(stored, "MP47"));
            assert_non_null(strstr(stored, "{\"raw\":\"4006381333931\"}"));
        }
    }
}

static void details_of_issues_are_read_as_well(void **state) {
    (void) state;
    static const struct {
        const char *detail;
        bool is_secret;
    } table[] = {
        {"/code: found \"\\u0045MP4711815\", allowed: text", true},
        {"/code: found E P4711815, allowed: text", true},
        {"/code: found 471 8151, allowed: text", true}, /* control characters as blanks */
        {"topic \"floor/EM\xef\xbf\xbd"
         "4711815\"",
         true},
        {"device \"door\", topic \"floor/door\": invalid JSON at byte 1, line 1", false},
        {"device \"door\", topic \"floor/door\": found 12 bytes, allowed: at most 65536",
         false},
        {"a broker of port 1883 does not answer: 111", false},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        if (gw_personal_is_secret(rig.personal, gw_str_from_cstr(table[i].detail))
            != table[i].is_secret) {
            fail_msg("%s: %d", table[i].detail, !table[i].is_secret);
        }
    }
}

/* ---- the matcher ---- */

static void patterns_and_marks(void **state) {
    (void) state;
    const struct {
        const char *pattern, *text;
        bool whole, piece, beginning;
    } table[] = {
        {"EMP###", "EMP123", true, true, true},
        {"EMP###",
         "EM\xff"
         "123",
         true, true, true},
        {"EMP###",
         "E\xff\xfe"
         "123",
         true, true, true},
        {"EMP###",
         "\xff"
         "123",
         false, false, false},
        {"EMP###",
         "\xff"
         "P123",
         true, true, true},
        {"EMP###", "EMP\xff", true, true, true}, /* half of it is there */
        {"EMP####", "EMP\xff", false, false, true},
        {"EMP###",
         "xEM\xff"
         "123y",
         false, true, false},
        {"EMP###", "EMP1\xff", true, true, true},
        {"EMP###", "E\xff", false, false, false},
        {"####",
         "1\xff"
         "4",
         true, true, true},
        {"####",
         "1\xfe"
         "4",
         false, false, false},
        {"####", "\xff", false, false, false},
        {"####", "\xff\xff\xff\xff", false, false, false},
        {"??##",
         "\xc3\xa9\xff"
         "12",
         true, true, true},
        {"A*Z",
         "A\xff"
         "xxZ",
         true, true, true},
        {"*", "\xff", true, true, true},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        struct gw_str pattern = gw_str_from_cstr(table[i].pattern);
        struct gw_str text = gw_str_from_cstr(table[i].text);
        bool whole = gw_pattern_may_fit(pattern, text, GW_PATTERN_WHOLE);
        bool piece = gw_pattern_may_fit(pattern, text, GW_PATTERN_PIECE);
        bool beginning = gw_pattern_may_fit(pattern, text, GW_PATTERN_BEGINNING);
        if (whole != table[i].whole || piece != table[i].piece
            || beginning != table[i].beginning) {
            fail_msg("row %zu: %s: %d %d %d", i, table[i].pattern, whole, piece, beginning);
        }
    }
    char longest[130];
    memset(longest, '#', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_true(gw_pattern_may_fit(gw_str_from_cstr(longest), GW_STR("x"), GW_PATTERN_WHOLE));
}

static void readings(void **state) {
    (void) state;
    static const struct {
        struct gw_str text, meant;
    } table[] = {
        {GW_STR("plain \xc3\xa9 \xf0\x9f\x98\x80"), GW_STR("plain \xc3\xa9 \xf0\x9f\x98\x80")},
        {GW_STR("a\\u0062\\x63\\/\\\""), GW_STR("abc/\"")},
        {GW_STR("\\u00e9\\u20ac"), GW_STR("\xc3\xa9\xe2\x82\xac")},
        {GW_STR("\\\\\\\\u0041"), GW_STR("A")},
        {GW_STR("\\u005cu0041\\x5cx42"), GW_STR("AB")},
        {GW_STR("\\n\t\x1d\\u001d"), GW_STR("\xfe\xfe\xfe\xfe")},
        {GW_STR("\0\x01\xff\xc3\\x00\\xe9\\u0000\\ud800\\ufffd\xef\xbf\xbd\x7f\xc2\x80"),
         GW_STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")},
        {GW_STR("C:\\path \\u12 \\x1 \\"), GW_STR("C:\\path \\u12 \\x1 \\")},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        char storage[64];
        struct gw_buf buf;
        struct gw_reading reading;
        gw_buf_init(&buf, storage, table[i].text.len);
        assert_int_equal(gw_reading_make(table[i].text, &buf, &reading), GW_OK);
        if (!gw_str_eq(reading.meant, table[i].meant)) {
            fail_msg("row %zu", i);
        }
        assert_int_equal(reading.is_changed, i > 0 && i + 1 < GW_ARRAY_LEN(table));
        assert_int_equal(reading.is_damaged,
                         gw_str_find(reading.meant, '\xff', 0) < reading.meant.len);
        gw_buf_init(&buf, storage, table[i].text.len - 1);
        assert_int_equal(gw_reading_make(table[i].text, &buf, &reading), GW_ERR_FULL);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_code_with_a_damaged_byte_at_any_place_is_hidden),
        TEST(a_code_with_a_damaged_byte_added_at_any_place_is_hidden),
        TEST(a_code_that_lost_characters_where_it_is_damaged_is_hidden),
        TEST(what_is_left_without_its_beginning_stays),
        TEST(damage_everywhere_and_a_code_behind_something_are_hidden),
        TEST(other_codes_stay_damaged_or_not),
        TEST(escapes_are_read_in_every_member_of_every_event),
        TEST(escapes_are_read_in_the_quarantine),
        TEST(damaged_codes_are_found_in_the_quarantine),
        TEST(a_will_in_base64_is_read),
        TEST(the_topic_of_a_quarantined_message_is_guarded),
        TEST(subject_keys_and_correlation_are_guarded),
        TEST(details_of_issues_are_read_as_well),
        TEST(patterns_and_marks),
        TEST(readings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
