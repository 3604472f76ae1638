/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/health/health.h"
#include "firmware/json/json.h"
#include "tests/fakes/fake_clock.h"

struct fixture {
    struct gw_fake_clock fake;
    struct gw_clock clock;
    struct gw_health *health;
    char text[16384];
    struct gw_json_doc *doc;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (!f) {
        return -1;
    }
    f->clock = gw_fake_clock_init(&f->fake);
    return (int) gw_health_open(&f->clock, GW_STR("gw-test"), 3, 4, &f->health);
}

static int teardown(void **state) {
    struct fixture *f = *state;
    gw_json_close(f->doc);
    gw_health_close(f->health);
    free(f);
    return 0;
}

/* Root of the snapshot, which must be strict JSON. */
static const struct gw_json *snapshot(struct fixture *f,
                                      void (*sections)(void *, struct gw_buf *)) {
    struct gw_buf buf;
    gw_buf_init(&buf, f->text, sizeof f->text);
    assert_int_equal(gw_health_put_snapshot(f->health, &buf, sections, f), GW_OK);
    const struct gw_json_limits limits = {sizeof f->text, 8, GW_JSON_OBJECT};
    gw_json_close(f->doc);
    f->doc = NULL;
    assert_int_equal(gw_json_parse(gw_buf_str(&buf), &limits, NULL, &f->doc), GW_OK);
    return gw_json_root(f->doc);
}

static void assert_text(const struct gw_json *root, const char *pointer, const char *expected) {
    struct gw_str text = {0};
    assert_int_equal(gw_json_get_str(gw_json_pointer(root, gw_str_from_cstr(pointer)), &text),
                     GW_OK);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

static void assert_number(const struct gw_json *root, const char *pointer, int64_t expected) {
    int64_t number = -1;
    assert_int_equal(gw_json_get_i64(gw_json_pointer(root, gw_str_from_cstr(pointer)), &number),
                     GW_OK);
    assert_int_equal(number, expected);
}

static void counter_of_a_name_is_one_and_stays_where_it_is(void **state) {
    struct fixture *f = *state;
    uint64_t *a = gw_health_counter(f->health, "a");
    uint64_t *b = gw_health_counter(f->health, "b");
    uint64_t *c = gw_health_counter(f->health, "c");
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(gw_health_counter(f->health, "a"), a);
    *a += 5;
    *c += 1;
    uint64_t *beyond = gw_health_counter(f->health, "d");
    assert_ptr_equal(gw_health_counter(f->health, "e"), beyond);
    const struct gw_json *root = snapshot(f, NULL);
    assert_null(gw_json_pointer(root, GW_STR("/counters/counter_overflow")));
    *beyond += 7;
    root = snapshot(f, NULL);
    assert_number(root, "/counters/a", 5);
    assert_number(root, "/counters/b", 0);
    assert_number(root, "/counters/c", 1);
    assert_number(root, "/counters/counter_overflow", 7);
    assert_int_equal(gw_json_count(gw_json_member(root, "counters")), 4);
}

static void issue_lasts_from_raise_to_clear_per_subject(void **state) {
    struct fixture *f = *state;
    assert_int_equal(gw_health_verdict(f->health), -1);
    uint64_t revision = gw_health_revision(f->health);
    gw_health_raise(f->health, GW_ISSUE_BROKER_DOWN, GW_STR("a"), "refused %d", 1);
    gw_health_raise(f->health, GW_ISSUE_BROKER_DOWN, GW_STR("b"), "timeout");
    assert_int_equal(gw_health_revision(f->health), revision + 2);
    assert_int_equal(gw_health_verdict(f->health), GW_SEVERITY_WARNING);
    gw_health_clear(f->health, GW_ISSUE_BROKER_DOWN, GW_STR("a"));
    assert_false(gw_health_is_raised(f->health, GW_ISSUE_BROKER_DOWN, GW_STR("a")));
    assert_true(gw_health_is_raised(f->health, GW_ISSUE_BROKER_DOWN, GW_STR("b")));
    assert_false(gw_health_is_raised(f->health, GW_ISSUE_BROKER_REFUSED, GW_STR("b")));
    assert_int_equal(gw_health_revision(f->health), revision + 3);
    gw_health_clear(f->health, GW_ISSUE_BROKER_DOWN, GW_STR("a"));
    assert_int_equal(gw_health_revision(f->health), revision + 3);
    gw_health_clear(f->health, GW_ISSUE_BROKER_DOWN, GW_STR("b"));
    assert_int_equal(gw_health_verdict(f->health), -1);
}

static void raising_again_keeps_the_beginning_and_takes_the_new_detail(void **state) {
    struct fixture *f = *state;
    gw_health_raise(f->health, GW_ISSUE_STORE_FULL, GW_STR(""), "first");
    uint64_t revision = gw_health_revision(f->health);
    gw_fake_clock_advance(&f->fake, 60000);
    gw_health_raise(f->health, GW_ISSUE_STORE_FULL, GW_STR(""), "second");
    assert_int_equal(gw_health_revision(f->health), revision);
    const struct gw_json *root = snapshot(f, NULL);
    assert_int_equal(gw_json_count(gw_json_member(root, "issues")), 1);
    assert_number(root, "/issues/0/code", 102);
    assert_text(root, "/issues/0/name", "store_full");
    assert_text(root, "/issues/0/severity", "critical");
    assert_text(root, "/issues/0/detail", "second");
    assert_text(root, "/issues/0/since", "2026-11-23T07:14:00.000Z");
    assert_text(root, "/time", "2026-11-23T07:15:00.000Z");
    assert_number(root, "/uptime_ms", 60000);
    assert_text(root, "/verdict", "critical");
    assert_text(root, "/program", "gw-test");
    assert_text(root, "/version", GW_VERSION);
}

static void worst_issue_comes_first_and_is_the_verdict(void **state) {
    struct fixture *f = *state;
    const struct gw_json *root = snapshot(f, NULL);
    assert_text(root, "/verdict", "ok");
    gw_health_raise(f->health, GW_ISSUE_CLOCK_JUMPED, GW_STR(""), "by 5 s");
    root = snapshot(f, NULL);
    assert_text(root, "/verdict", "notice");
    gw_health_raise(f->health, GW_ISSUE_UPLINK_TLS, GW_STR("s"), "expired");
    gw_health_raise(f->health, GW_ISSUE_QUARANTINE, GW_STR("d"), "x");
    root = snapshot(f, NULL);
    assert_text(root, "/verdict", "critical");
    assert_text(root, "/issues/0/name", "uplink_tls");
    assert_text(root, "/issues/1/name", "quarantine");
    assert_text(root, "/issues/2/name", "clock_jumped");
}

static void issues_beyond_the_room_are_counted(void **state) {
    struct fixture *f = *state;
    static const char *const subjects[] = {"a", "b", "c", "d", "e", "f"};
    for (size_t i = 0; i < 6; i++) {
        gw_health_raise(f->health, GW_ISSUE_UNKNOWN_TOPIC, gw_str_from_cstr(subjects[i]), "x");
    }
    const struct gw_json *root = snapshot(f, NULL);
    assert_int_equal(gw_json_count(gw_json_member(root, "issues")), 4);
    assert_number(root, "/issues_not_kept", 2);
    gw_health_clear(f->health, GW_ISSUE_UNKNOWN_TOPIC, GW_STR("b"));
    gw_health_raise(f->health, GW_ISSUE_UNKNOWN_TOPIC, GW_STR("e"), "x");
    assert_true(gw_health_is_raised(f->health, GW_ISSUE_UNKNOWN_TOPIC, GW_STR("e")));
}

static void a_great_issue_takes_the_place_of_a_small_one(void **state) {
    struct fixture *f = *state;
    static const char *const subjects[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < 4; i++) {
        gw_health_raise(f->health, GW_ISSUE_UNKNOWN_TOPIC, gw_str_from_cstr(subjects[i]), "x");
    }
    gw_health_raise(f->health, GW_ISSUE_STORE_FULL, GW_STR(""), "x");
    assert_true(gw_health_is_raised(f->health, GW_ISSUE_STORE_FULL, GW_STR("")));
    assert_text(snapshot(f, NULL), "/verdict", "critical");
    assert_number(snapshot(f, NULL), "/issues_not_kept", 1);
}

/* Topics and error texts of strangers end up here. */
static void strange_subjects_and_details_stay_valid_json_and_are_found_again(void **state) {
    struct fixture *f = *state;
    const struct gw_str broken = GW_STR("a\xff\x1b[31m\nb\"");
    gw_health_raise(f->health, GW_ISSUE_UNKNOWN_TOPIC, broken, "%s", "x\xc3");
    assert_true(gw_health_is_raised(f->health, GW_ISSUE_UNKNOWN_TOPIC, broken));
    const struct gw_json *root = snapshot(f, NULL);
    assert_text(root, "/issues/0/subject", "a??[31m?b\"");
    gw_health_clear(f->health, GW_ISSUE_UNKNOWN_TOPIC, broken);

    char subject[600];
    for (size_t i = 0; i < sizeof subject; i += 2) {
        memcpy(subject + i, "\xc3\xa9", 2);
    }
    struct gw_str longest = {subject, sizeof subject};
    gw_health_raise(f->health, GW_ISSUE_UNKNOWN_TOPIC, longest, "%.*s", 600, subject);
    gw_health_raise(f->health, GW_ISSUE_UNKNOWN_TOPIC, longest, "%.*s", 600, subject);
    root = snapshot(f, NULL);
    assert_int_equal(gw_json_count(gw_json_member(root, "issues")), 1);
    struct gw_str shown;
    assert_int_equal(
        gw_json_get_str(gw_json_pointer(root, GW_STR("/issues/0/subject")), &shown), GW_OK);
    assert_int_equal(shown.len, 126);
    assert_true(shown.ptr[0] == '\xc3');
    gw_health_clear(f->health, GW_ISSUE_UNKNOWN_TOPIC, longest);
    assert_int_equal(gw_health_verdict(f->health), -1);
}

static void put_sections(void *context, struct gw_buf *buf) {
    struct fixture *f = context;
    (void) gw_buf_printf(buf, ",\"queue\":{\"fake_ms\":%lld}", (long long) f->fake.mono_ms);
}

static void sections_of_the_daemon_are_members_of_the_snapshot(void **state) {
    struct fixture *f = *state;
    const struct gw_json *root = snapshot(f, put_sections);
    assert_number(root, "/queue/fake_ms", GW_FAKE_CLOCK_MONO_MS);
}

static void snapshot_that_does_not_fit_leaves_the_buffer(void **state) {
    struct fixture *f = *state;
    gw_health_raise(f->health, GW_ISSUE_STORE_FULL, GW_STR(""), "x");
    char small[200];
    for (size_t cap = 1; cap < sizeof small; cap += 13) {
        struct gw_buf buf;
        gw_buf_init(&buf, small, cap);
        (void) gw_buf_put_char(&buf, 'x');
        assert_int_equal(gw_health_put_snapshot(f->health, &buf, NULL, NULL), GW_ERR_FULL);
        assert_int_equal(buf.len, 1);
        assert_false(gw_buf_failed(&buf));
    }
}

/* A list of its own, so that a code without a row is noticed. */
static const enum gw_issue_code all_codes[] = {
    GW_ISSUE_STORE_SET_ASIDE,
    GW_ISSUE_STORE_FULL,
    GW_ISSUE_STORE_HIGH_WATER,
    GW_ISSUE_STORE_EVICTING,
    GW_ISSUE_STORE_WRITE_FAILED,
    GW_ISSUE_STORE_READER_STUCK,
    GW_ISSUE_STORE_RECORD_CORRUPT,
    GW_ISSUE_QUARANTINE,
    GW_ISSUE_CAPTURE_REFUSED,
    GW_ISSUE_DEVICE_RATE_LIMITED,
    GW_ISSUE_BROKER_DOWN,
    GW_ISSUE_BROKER_REFUSED,
    GW_ISSUE_BROKER_SESSION_LOST,
    GW_ISSUE_UNKNOWN_TOPIC,
    GW_ISSUE_MODBUS_UNIT_DOWN,
    GW_ISSUE_MODBUS_CONFIG,
    GW_ISSUE_UPLINK_UNREACHABLE,
    GW_ISSUE_UPLINK_TLS,
    GW_ISSUE_UPLINK_STOPPED,
    GW_ISSUE_UPLINK_CONFIG,
    GW_ISSUE_UPLINK_NO_PROGRESS,
    GW_ISSUE_UPLINK_CONFLICT,
    GW_ISSUE_DEAD_LETTERS,
    GW_ISSUE_UPLINK_BAD_ANSWER,
    GW_ISSUE_CERTIFICATE_EXPIRES,
    GW_ISSUE_CLOCK_UNSYNCHRONISED,
    GW_ISSUE_CLOCK_JUMPED,
    GW_ISSUE_CONFIG_REJECTED,
    GW_ISSUE_AUDIT_CHAIN,
    GW_ISSUE_INGRESS_DOWN,
    GW_ISSUE_INGRESS_CREDENTIALS,
    GW_ISSUE_INGRESS_FULL,
    GW_ISSUE_DEVICE_REFUSED,
    GW_ISSUE_STORE_RECORD_NEWER,
    GW_ISSUE_DEAD_LETTERS_FULL,
    GW_ISSUE_SOURCE_NOT_OPEN,
    GW_ISSUE_FEED_DOWN,
    GW_ISSUE_FEED_DENIED,
    GW_ISSUE_FEED_AMBIGUOUS,
    GW_ISSUE_FEED_SILENT,
    GW_ISSUE_FEED_BABBLING,
    GW_ISSUE_FEED_TURNED_AWAY,
    GW_ISSUE_FEED_PROFILE,
    GW_ISSUE_FEED_SHARED,
    GW_ISSUE_PERSONAL_KEY,
    GW_ISSUE_MODBUS_DEVICE_FAULT,
    GW_ISSUE_MODBUS_SHIFTED,
    GW_ISSUE_MODBUS_WRITE_UNCERTAIN,
};

static void each_code_has_a_name_of_its_own_a_text_and_a_remedy(void **state) {
    (void) state;
    size_t count = sizeof all_codes / sizeof all_codes[0];
    for (size_t i = 0; i < count; i++) {
        const struct gw_issue_info *info = gw_issue_find(all_codes[i]);
        assert_non_null(info);
        assert_true(strlen(info->name) > 3);
        assert_true(strlen(info->text) > 20);
        assert_true(strlen(info->remedy) > 5);
        assert_int_equal(info->remedy[strlen(info->remedy) - 1], '.');
        for (size_t j = 0; gw_issue_at(j); j++) {
            bool is_same = gw_issue_at(j) == info;
            assert_int_equal(strcmp(gw_issue_at(j)->name, info->name) == 0, is_same);
            assert_int_equal(gw_issue_at(j)->code == info->code, is_same);
        }
    }
    assert_non_null(gw_issue_at(count - 1));
    assert_null(gw_issue_at(count));
    assert_null(gw_issue_find(GW_ISSUE_NONE));
}

static void open_issues_can_be_walked_through(void **state) {
    struct fixture *f = *state;
    struct gw_issue_view view;
    assert_false(gw_health_issue_at(f->health, 0, &view));
    gw_health_raise(f->health, GW_ISSUE_BROKER_DOWN, GW_STR("a"), "one");
    gw_health_raise(f->health, GW_ISSUE_BROKER_DOWN, GW_STR("b"), "two");
    gw_health_clear(f->health, GW_ISSUE_BROKER_DOWN, GW_STR("a"));
    assert_true(gw_health_issue_at(f->health, 0, &view));
    assert_int_equal(view.info->code, GW_ISSUE_BROKER_DOWN);
    assert_true(gw_str_eq(view.subject, GW_STR("b")));
    assert_true(gw_str_eq(view.detail, GW_STR("two")));
    assert_false(gw_health_issue_at(f->health, 1, &view));
}

static void drawn_traces_differ_and_are_valid(void **state) {
    (void) state;
    struct gw_trace a;
    struct gw_trace b;
    gw_trace_draw(&a);
    gw_trace_draw(&b);
    assert_memory_not_equal(&a, &b, sizeof a);
    assert_memory_not_equal(a.trace_id, b.trace_id, sizeof a.trace_id);
    assert_memory_not_equal(a.span_id, b.span_id, sizeof a.span_id);
    assert_true(a.trace_id[0] & 1);
    assert_true(a.span_id[0] & 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(counter_of_a_name_is_one_and_stays_where_it_is),
        TEST(issue_lasts_from_raise_to_clear_per_subject),
        TEST(raising_again_keeps_the_beginning_and_takes_the_new_detail),
        TEST(worst_issue_comes_first_and_is_the_verdict),
        TEST(issues_beyond_the_room_are_counted),
        TEST(a_great_issue_takes_the_place_of_a_small_one),
        TEST(strange_subjects_and_details_stay_valid_json_and_are_found_again),
        TEST(sections_of_the_daemon_are_members_of_the_snapshot),
        TEST(open_issues_can_be_walked_through),
        TEST(snapshot_that_does_not_fit_leaves_the_buffer),
        cmocka_unit_test(each_code_has_a_name_of_its_own_a_text_and_a_remedy),
        cmocka_unit_test(drawn_traces_differ_and_are_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
