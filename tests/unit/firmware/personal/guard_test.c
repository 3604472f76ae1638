/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "firmware/personal/guard.h"
#include "firmware/personal/key.h"
#include "firmware/personal/pattern.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_intake.h"
#include "tests/fakes/temp_folder.h"

struct fixture {
    struct gw_temp_folder folder;
    char key_path[GW_TEMP_PATH_BYTES];
    struct gw_fake_clock fake_clock;
    struct gw_clock clock;
    struct gw_health *health;
    struct gw_fake_intake *queue;
    struct gw_config_personal_rule rules[2];
    struct gw_config_personal config;
    struct gw_personal *personal;
    struct gw_intake intake;
};

static struct fixture f;

static int begin(void **state) {
    (void) state;
    memset(&f, 0, sizeof f);
    gw_temp_folder_open(&f.folder);
    gw_temp_path(&f.folder, "personal.key", f.key_path);
    f.clock = gw_fake_clock_init(&f.fake_clock);
    assert_int_equal(gw_health_open(&f.clock, GW_STR("test"), 8, 8, &f.health), GW_OK);
    f.queue = gw_fake_intake_open();
    static const char *gate[] = {"gate"};
    f.rules[0] = (struct gw_config_personal_rule){.name = "badge", .pattern = "EMP#####"};
    f.rules[1] = (struct gw_config_personal_rule){
        .name = "number", .pattern = "########", .devices = gate, .device_count = 1};
    f.config = (struct gw_config_personal){f.rules, 2, 90};
    return 0;
}

static int end(void **state) {
    (void) state;
    gw_personal_close(f.personal);
    gw_fake_intake_close(f.queue);
    gw_health_close(f.health);
    gw_temp_folder_close(&f.folder);
    return 0;
}

static gw_personal_scrub *scrub;

static void open_guard(void) {
    const struct gw_personal_options options = {.config = &f.config,
                                                .intake = gw_fake_intake(f.queue),
                                                .clock = &f.clock,
                                                .health = f.health,
                                                .key_path = f.key_path,
                                                .scrub = scrub};
    assert_int_equal(gw_personal_open(&options, &f.personal), GW_OK);
    f.intake = gw_personal_intake(f.personal);
}

static const char *submit(enum gw_event_type type, const char *device, const char *data) {
    const struct gw_event_draft draft = {.type = type,
                                         .class = GW_CLASS_BUSINESS,
                                         .device = gw_str_from_cstr(device),
                                         .subject = GW_STR("https://id.gs1.org/01/x"),
                                         .origin = gw_bytes_from_str(GW_STR("origin")),
                                         .data = gw_str_from_cstr(data)};
    const struct gw_unit unit = {.events = &draft, .event_count = 1};
    assert_int_equal(gw_intake_submit(&f.intake, &unit), GW_OK);
    return f.queue->units[f.queue->pending - 1].data;
}

static const char *scan(const char *device, const char *data) {
    return submit(GW_EVENT_SCAN_OBSERVED, device, data);
}

static void a_badge_is_hashed_and_nothing_else(void **state) {
    (void) state;
    open_guard();
    const char *data = scan("door", "{\"aim\":\"]C0\",\"digitallink\":\"x/EMP12345\",\"raw\":"
                                    "\"]C0EMP12345\",\"symbology\":\"CODE128\"}");
    assert_null(strstr(data, "12345"));
    assert_non_null(strstr(data, "{\"aim\":\"]C0\",\"raw\":\"hmac-sha256:badge:k"));
    assert_non_null(strstr(data, ",\"symbology\":\"CODE128\"}"));
    assert_int_equal(f.queue->units[0].origin_len, 0);
    static const char *const others[] = {"{\"raw\":\"4006381333931\"}",
                                         "{\"raw\":\"TEMPLATE 12345\"}", "{\"raw\":\"E\"}",
                                         "{\"raw\":\"EMPTY PALLET\"}"};
    for (size_t i = 0; i < GW_ARRAY_LEN(others); i++) {
        assert_string_equal(scan("door", others[i]), others[i]);
    }
    assert_int_equal(f.queue->units[1].origin_len, 6);
}

static void blot_the_end(uint8_t *origin, size_t len, bool is_own) {
    origin[len - 1] = is_own ? '#' : '-';
}

static void an_origin_keeps_what_does_not_tell_of_the_payload(void **state) {
    (void) state;
    scrub = blot_the_end;
    open_guard();
    scrub = NULL;
    (void) scan("door", "{\"raw\":\"EMP12345\"}");
    (void) scan("door", "{\"raw\":\"4006381333931\"}");
    assert_int_equal(f.queue->units[0].origin_len, 6);
    assert_memory_equal(f.queue->units[0].origin, "origi#", 6);
    assert_memory_equal(f.queue->units[1].origin, "origin", 6);
    const struct gw_quarantine_entry entry = {.reason = GW_STR("x"),
                                              .device = GW_STR("door"),
                                              .raw = gw_bytes_from_str(GW_STR("EMP1")),
                                              .origin = gw_bytes_from_str(GW_STR("other")),
                                              .raw_len = 4};
    const struct gw_unit unit = {.quarantine = &entry, .quarantine_count = 1};
    assert_int_equal(gw_intake_submit(&f.intake, &unit), GW_OK);
    assert_memory_equal(f.queue->units[2].origin, "othe#", 5);
}

static void what_came_with_a_badge_does_not_tell_of_it(void **state) {
    (void) state;
    scrub = blot_the_end;
    open_guard();
    scrub = NULL;
    struct gw_event_draft drafts[3];
    static const char *const data[] = {"{\"raw\":\"4006381333931\"}", "{\"raw\":\"EMP12345\"}",
                                       "{\"raw\":\"4006381333948\"}"};
    for (size_t i = 0; i < GW_ARRAY_LEN(drafts); i++) {
        drafts[i] = (struct gw_event_draft){.type = GW_EVENT_SCAN_OBSERVED,
                                            .class = GW_CLASS_BUSINESS,
                                            .device = GW_STR("door"),
                                            .data = gw_str_from_cstr(data[i])};
    }
    drafts[0].origin = gw_bytes_from_str(GW_STR("origin"));
    const struct gw_unit unit = {.events = drafts, .event_count = GW_ARRAY_LEN(drafts)};
    assert_int_equal(gw_intake_submit(&f.intake, &unit), GW_OK);
    assert_memory_equal(f.queue->units[0].origin, "origi-", 6);
    assert_int_equal(f.queue->units[1].origin_len, 0);
    assert_int_equal(f.queue->units[2].origin_len, 0);
}

static void the_same_badge_gives_the_same_hash_with_any_aim_identifier(void **state) {
    (void) state;
    open_guard();
    char first[512];
    (void) snprintf(first, sizeof first, "%s", scan("door", "{\"raw\":\"EMP12345\"}"));
    assert_string_equal(scan("other", "{\"raw\":\"]A0EMP12345\"}"), first);
    assert_string_not_equal(scan("door", "{\"raw\":\"EMP12346\"}"), first);
}

/* The hash is what RFC 2104 says, under the key of the file. */
static void the_hash_is_hmac_sha256_of_the_code(void **state) {
    (void) state;
    open_guard();
    const char *data = scan("door", "{\"raw\":\"EMP12345\"}");
    struct gw_personal_key key;
    assert_int_equal(gw_personal_key_read(f.key_path, &key), GW_OK);
    uint8_t digest[GW_SHA256_BYTES];
    char hex[65], wanted[160];
    gw_hmac_sha256((struct gw_bytes){key.secret, 32}, gw_bytes_from_str(GW_STR("EMP12345")),
                   digest);
    gw_hex_format((struct gw_bytes){digest, 32}, hex);
    (void) snprintf(wanted, sizeof wanted, "{\"raw\":\"hmac-sha256:badge:%s:%s\"}", key.id,
                    hex);
    assert_string_equal(data, wanted);
    struct stat status;
    assert_int_equal(stat(f.key_path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void codes_run_together_cut_off_or_escaped_are_found(void **state) {
    (void) state;
    open_guard();
    static const char *const texts[] = {"{\"raw\":\"EMP12345EMP54321\"}",
                                        "{\"raw\":\"XXEMP12345\"}", "{\"raw\":\"EMP12\"}",
                                        "{\"raw\":\"\\u001dEMP12345\"}", "{\"raw\":\"EMP\"}"};
    for (size_t i = 0; i < GW_ARRAY_LEN(texts); i++) {
        const char *data = scan("door", texts[i]);
        if (!strstr(data, "hmac-sha256:badge:") || strstr(data, "EMP")) {
            fail_msg("%s became %s", texts[i], data);
        }
    }
    const char *data = submit(GW_EVENT_DEVICE_CONDITION, "door",
                              "{\"condition\":\"other_message\",\"detail\":\"user EMP12345\"}");
    assert_non_null(strstr(data, "\"condition\":\"other_message\""));
    assert_null(strstr(data, "12345"));
}

static void a_rule_holds_for_its_devices_only(void **state) {
    (void) state;
    open_guard();
    assert_string_equal(scan("door", "{\"raw\":\"12345678\"}"), "{\"raw\":\"12345678\"}");
    assert_null(strstr(scan("gate", "{\"raw\":\"12345678\"}"), "12345678"));
    assert_string_equal(scan("gate", "{\"raw\":\"1234567\"}"), "{\"raw\":\"1234567\"}");
}

static const char *scan_of(const char *code, const char *data) {
    const struct gw_event_draft draft = {.type = GW_EVENT_SCAN_OBSERVED,
                                         .class = GW_CLASS_BUSINESS,
                                         .device = GW_STR("gate"),
                                         .code = gw_str_from_cstr(code),
                                         .data = gw_str_from_cstr(data)};
    const struct gw_unit unit = {.events = &draft, .event_count = 1};
    assert_int_equal(gw_intake_submit(&f.intake, &unit), GW_OK);
    return f.queue->units[f.queue->pending - 1].data;
}

static void a_code_is_found_behind_what_stands_around_it(void **state) {
    (void) state;
    open_guard();
    char bare[512];
    (void) snprintf(bare, sizeof bare, "%s", scan("gate", "{\"raw\":\"47118151\"}"));
    assert_null(strstr(bare, "47118151"));
    assert_string_equal(scan_of("47118151", "{\"raw\":\"~S1~47118151#\"}"), bare);
    static const char *const doubtful[] = {
        "{\"raw\":\"47118151\\\\xff\",\"rawencoding\":\"escaped\"}",
        "{\"raw\":\"S1~47118151#\",\"remarks\":[\"prefix_missing\"]}",
        "{\"raw\":\"~S1~47118151!\",\"remarks\":[\"suffix_missing\"]}"};
    for (size_t i = 0; i < GW_ARRAY_LEN(doubtful); i++) {
        const char *data = scan_of("", doubtful[i]);
        if (strstr(data, "47118151") || !strstr(data, "hmac-sha256:number:")) {
            fail_msg("%s became %s", doubtful[i], data);
        }
    }
    const char *data = submit(GW_EVENT_DEVICE_CONDITION, "gate",
                              "{\"condition\":\"undecodable\",\"detail\":\"/code: found "
                              "47118151\",\"raw\":\"{\\\"code\\\":47118151}\"}");
    assert_null(strstr(data, "47118151"));
    assert_non_null(strstr(data, "{\"condition\":\"undecodable\",\"detail\":\"hmac"));
    const char *other = "{\"raw\":\"~S1~4006381333931#\"}";
    assert_string_equal(scan_of("4006381333931", other), other);
}

/* The largest message there can be: as many codes as it may have, each as long as data
 * may be. */
static void the_largest_message_is_taken(void **state) {
    (void) state;
    open_guard();
    static struct gw_event_draft drafts[GW_PERSONAL_EVENTS_MAX];
    static char data[GW_EVENT_DATA_MAX_BYTES];
    static const char end[] = ",\"raw\":\"EMP12345\"}";
    memset(data, '1', sizeof data);
    memcpy(data, "{\"part\":", 8);
    memcpy(data + sizeof data - strlen(end), end, strlen(end));
    for (size_t i = 0; i < GW_ARRAY_LEN(drafts); i++) {
        drafts[i] = (struct gw_event_draft){.type = GW_EVENT_SCAN_OBSERVED,
                                            .class = GW_CLASS_BUSINESS,
                                            .device = GW_STR("door"),
                                            .data = {data, sizeof data}};
    }
    const struct gw_unit unit = {.events = drafts, .event_count = GW_ARRAY_LEN(drafts)};
    assert_int_equal(gw_intake_submit(&f.intake, &unit), GW_OK);
    assert_memory_equal(f.queue->units[0].data, "{\"raw\":\"hmac-sha256:badge:", 26);
}

static void what_only_describes_a_scan_stays(void **state) {
    (void) state;
    f.rules[0].pattern = "*";
    open_guard();
    const char *data = scan("door", "{\"aim\":\"]C0\",\"deviceeventid\":\"12345678\",\"raw\":"
                                    "\"]C0X\",\"symbology\":\"CODE128\"}");
    assert_non_null(strstr(data, "{\"aim\":\"]C0\",\"deviceeventid\":\"12345678\",\"raw\":\""
                                 "hmac-sha256:badge:"));
    assert_non_null(strstr(data, ",\"symbology\":\"CODE128\"}"));
    f.rules[0].pattern = "EMP#####";
    data = scan("door", "{\"deviceeventid\":\"EMP12345-1\",\"raw\":\"401\"}");
    assert_null(strstr(data, "12345"));
    assert_non_null(strstr(data, ",\"raw\":\"401\"}"));
}

static void the_quarantine_gets_no_bytes_that_may_hold_a_code(void **state) {
    (void) state;
    open_guard();
    const struct {
        const char *device, *raw, *reason;
        bool is_kept;
    } table[] = {
        {"door", "{\"user\":\"EMP12345\"", "invalid JSON", false},
        {"door", "{\"user\":\"\\u0045MP12345\"", "invalid JSON", false},
        {"door", "plain noise", "/code: found EMP12345, allowed: string", false},
        {"door", "plain noise", "invalid UTF-8", true},
        {"gate", "plain noise", "invalid UTF-8", false}, /* no beginning to look for */
        {"", "EM then P", "invalid", false},             /* unknown: the gate's rule too */
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        const struct gw_quarantine_entry entry = {
            .reason = gw_str_from_cstr(table[i].reason),
            .device = gw_str_from_cstr(table[i].device),
            .raw = gw_bytes_from_str(gw_str_from_cstr(table[i].raw)),
            .raw_len = strlen(table[i].raw)};
        const struct gw_unit unit = {.quarantine = &entry, .quarantine_count = 1};
        assert_int_equal(gw_intake_submit(&f.intake, &unit), GW_OK);
        const struct gw_fake_unit *stored = &f.queue->units[i];
        assert_int_equal(stored->raw_len, strlen(table[i].raw));
        assert_int_equal(strcmp(stored->reason, table[i].reason) == 0, table[i].is_kept);
        assert_int_equal(strstr(stored->reason, "withheld") == NULL, table[i].is_kept);
    }
}

static void details_of_issues_are_withheld(void **state) {
    (void) state;
    open_guard();
    gw_health_set_redactor(f.health, gw_personal_is_secret, f.personal);
    gw_health_raise(f.health, GW_ISSUE_QUARANTINE, (struct gw_str){0}, "found %s", "EMP12345");
    gw_health_raise(f.health, GW_ISSUE_FEED_DOWN, GW_STR("door"), "pulled out");
    struct gw_issue_view view;
    for (size_t i = 0; gw_health_issue_at(f.health, i, &view); i++) {
        assert_true(gw_str_find(view.detail, 'E', 0) == view.detail.len);
        assert_int_equal(gw_str_eq(view.detail, GW_STR("pulled out")),
                         view.info->code == GW_ISSUE_FEED_DOWN);
    }
}

static void the_key_is_kept_over_restarts_and_replaced_after_its_time(void **state) {
    (void) state;
    open_guard();
    char first[512];
    (void) snprintf(first, sizeof first, "%s", scan("door", "{\"raw\":\"EMP12345\"}"));
    gw_personal_close(f.personal);
    open_guard();
    assert_string_equal(scan("door", "{\"raw\":\"EMP12345\"}"), first);
    gw_fake_clock_advance(&f.fake_clock, INT64_C(89) * 86400000);
    gw_personal_tick(f.personal);
    assert_string_equal(scan("door", "{\"raw\":\"EMP12345\"}"), first);
    gw_fake_clock_advance(&f.fake_clock, INT64_C(2) * 86400000);
    gw_personal_tick(f.personal);
    assert_string_not_equal(scan("door", "{\"raw\":\"EMP12345\"}"), first);
    struct gw_personal_key key;
    assert_int_equal(gw_personal_key_read(f.key_path, &key), GW_OK);
    assert_null(strstr(first, key.id));
}

static void without_a_key_codes_are_blotted_out(void **state) {
    (void) state;
    assert_int_equal(gw_file_replace(f.key_path, gw_bytes_from_str(GW_STR("damaged\n")), 0600),
                     GW_OK);
    open_guard();
    assert_true(gw_health_is_raised(f.health, GW_ISSUE_PERSONAL_KEY, (struct gw_str){0}));
    assert_string_equal(scan("door", "{\"raw\":\"EMP12345\"}"), "{\"raw\":\"withheld:badge\"}");
    assert_int_equal(unlink(f.key_path), 0);
    gw_fake_clock_advance(&f.fake_clock, 10000);
    gw_personal_tick(f.personal);
    assert_false(gw_health_is_raised(f.health, GW_ISSUE_PERSONAL_KEY, (struct gw_str){0}));
    assert_non_null(strstr(scan("door", "{\"raw\":\"EMP12345\"}"), "hmac-sha256:badge:"));
}

static void without_rules_nothing_is_touched_and_no_key_is_made(void **state) {
    (void) state;
    f.config.rule_count = 0;
    open_guard();
    gw_personal_tick(f.personal);
    assert_string_equal(scan("door", "{\"raw\":\"EMP12345\"}"), "{\"raw\":\"EMP12345\"}");
    assert_int_not_equal(access(f.key_path, F_OK), 0);
}

static void patterns(void **state) {
    (void) state;
    const struct {
        const char *pattern, *text;
        bool fits, occurs, begins;
    } table[] = {
        {"EMP###", "EMP123", true, true, true},
        {"EMP###", "EMP12", false, false, true},
        {"EMP###", "EMP1234", false, true, false},
        {"EMP###", "XEMP123Y", false, true, false},
        {"EMP###", "EMP12X", false, false, false},
        {"A*Z", "AZ", true, true, true},
        {"A*Z", "AxxZyyZ", true, true, true},
        {"A*Z", "AxxZyy", false, true, true},
        {"*", "", true, true, true},
        {"a\\*b", "a*b", true, true, true},
        {"a\\*b", "axb", false, false, false},
        {"?#",
         "\xc3\xa9"
         "1",
         true, true, true},
        {"@@", "zZ", true, true, true},
        {"@@", "z1", false, false, false},
        {"ABAB", "ABAABAB", false, true, false},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        struct gw_str pattern = gw_str_from_cstr(table[i].pattern);
        struct gw_str text = gw_str_from_cstr(table[i].text);
        if (gw_pattern_fits(pattern, text) != table[i].fits
            || gw_pattern_occurs(pattern, text) != table[i].occurs
            || gw_pattern_begins(pattern, text) != table[i].begins) {
            fail_msg("row %zu: %s against %s: %d %d %d", i, table[i].pattern, table[i].text,
                     gw_pattern_fits(pattern, text), gw_pattern_occurs(pattern, text),
                     gw_pattern_begins(pattern, text));
        }
    }
}

/* RFC 4231, test cases 1, 2 and 6. */
static void hmac_is_that_of_the_standard(void **state) {
    (void) state;
    uint8_t key[131], digest[GW_SHA256_BYTES];
    char hex[65];
    memset(key, 0x0b, 20);
    gw_hmac_sha256((struct gw_bytes){key, 20}, gw_bytes_from_str(GW_STR("Hi There")), digest);
    gw_hex_format((struct gw_bytes){digest, 32}, hex);
    assert_string_equal(hex,
                        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    gw_hmac_sha256(gw_bytes_from_str(GW_STR("Jefe")),
                   gw_bytes_from_str(GW_STR("what do ya want for nothing?")), digest);
    gw_hex_format((struct gw_bytes){digest, 32}, hex);
    assert_string_equal(hex,
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    gw_hmac_sha256(
        (struct gw_bytes){key, sizeof key},
        gw_bytes_from_str(GW_STR("Test Using Larger Than Block-Size Key - Hash Key First")),
        digest);
    gw_hex_format((struct gw_bytes){digest, 32}, hex);
    assert_string_equal(hex,
                        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_badge_is_hashed_and_nothing_else),
        TEST(an_origin_keeps_what_does_not_tell_of_the_payload),
        TEST(what_came_with_a_badge_does_not_tell_of_it),
        TEST(the_same_badge_gives_the_same_hash_with_any_aim_identifier),
        TEST(the_hash_is_hmac_sha256_of_the_code),
        TEST(codes_run_together_cut_off_or_escaped_are_found),
        TEST(a_rule_holds_for_its_devices_only),
        TEST(a_code_is_found_behind_what_stands_around_it),
        TEST(the_largest_message_is_taken),
        TEST(what_only_describes_a_scan_stays),
        TEST(the_quarantine_gets_no_bytes_that_may_hold_a_code),
        TEST(details_of_issues_are_withheld),
        TEST(the_key_is_kept_over_restarts_and_replaced_after_its_time),
        TEST(without_a_key_codes_are_blotted_out),
        TEST(without_rules_nothing_is_touched_and_no_key_is_made),
        TEST(patterns),
        TEST(hmac_is_that_of_the_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
