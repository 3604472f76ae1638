/* SPDX-License-Identifier: Apache-2.0 */
/* What a unit gives to quarantine: kept, listed, dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/unit/firmware/queue/append_rig.h"

struct seen_quarantine {
    unsigned count;
    uint64_t first, last;
    size_t raw_len, raw_view_len;
    char reason[64];
};

static bool see_quarantine(void *context, const struct gw_quarantine_view *view) {
    struct seen_quarantine *seen = context;
    seen->first = seen->count ? seen->first : view->number;
    seen->last = view->number;
    seen->count++;
    seen->raw_len = view->raw_len;
    seen->raw_view_len = view->raw.len;
    assert_int_equal(gw_str_copy(view->reason, seen->reason, sizeof(seen->reason)), GW_OK);
    return true;
}

static enum gw_err submit_quarantine(struct gw_queue_fixture *f, size_t raw_len) {
    static uint8_t raw[80000];
    memset(raw, 0xee, sizeof(raw));
    struct gw_quarantine_entry entry = {
        .reason = GW_STR("invalid JSON"),
        .topic = GW_STR("floor/a"),
        .device = GW_STR("scanner-1"),
        .raw = {raw, raw_len},
        .raw_len = raw_len,
        .time_wall_ms = GW_FAKE_CLOCK_WALL_MS,
    };
    struct gw_unit unit = {.quarantine = &entry, .quarantine_count = 1};
    return gw_intake_submit(&f->intake, &unit);
}

static struct seen_quarantine list_quarantine(struct gw_queue_fixture *f, uint64_t from) {
    struct seen_quarantine seen = {0};
    assert_int_equal(gw_queue_quarantine_list(f->writer, from, see_quarantine, &seen), GW_OK);
    return seen;
}

static void quarantine_keeps_raw_bytes_and_reason(void **state) {
    struct gw_queue_fixture *f = *state;
    assert_int_equal(submit_quarantine(f, 100), GW_OK);
    assert_int_equal(list_quarantine(f, 0).count, 0);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    struct seen_quarantine seen = list_quarantine(f, 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.raw_view_len, 100);
    assert_string_equal(seen.reason, "invalid JSON");
    assert_int_equal(submit_quarantine(f, 70000), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    seen = list_quarantine(f, 2);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.raw_len, 70000);
    assert_int_equal(seen.raw_view_len, 50000); /* a quarter of the quarantine */
}

struct seen_topic {
    char topic[GW_QUARANTINE_TOPIC_MAX_BYTES + 1];
    size_t topic_len, raw_len;
    uint8_t origin[8];
    size_t origin_len;
};

static bool see_topic(void *context, const struct gw_quarantine_view *view) {
    struct seen_topic *seen = context;
    assert_int_equal(gw_str_copy(view->topic, seen->topic, sizeof(seen->topic)), GW_OK);
    seen->topic_len = view->topic_len;
    seen->raw_len = view->raw.len;
    seen->origin_len = view->origin.len;
    memcpy(seen->origin, view->origin.ptr, view->origin.len);
    return true;
}

static void quarantine_keeps_long_topics_and_says_what_it_cut(void **state) {
    struct gw_queue_fixture *f = *state;
    static struct seen_topic seen;
    static char topic[6000];
    memset(topic, 't', sizeof(topic));
    static const size_t lens[] = {255, 256, 1000, GW_QUARANTINE_TOPIC_MAX_BYTES, 6000};
    for (size_t i = 0; i < GW_ARRAY_LEN(lens); i++) {
        struct gw_quarantine_entry entry = {.reason = GW_STR("odd"),
                                            .topic = {topic, lens[i]},
                                            .raw = {(const uint8_t *) "abc", 3},
                                            .raw_len = 3,
                                            .origin = {(const uint8_t *) "m12", 3}};
        struct gw_unit unit = {.quarantine = &entry, .quarantine_count = 1};
        assert_int_equal(gw_intake_submit(&f->intake, &unit), GW_OK);
        assert_int_equal(gw_queue_commit(f->writer), GW_OK);
        assert_int_equal(gw_queue_quarantine_list(f->writer, i + 1, see_topic, &seen), GW_OK);
        size_t kept =
            lens[i] < GW_QUARANTINE_TOPIC_MAX_BYTES ? lens[i] : GW_QUARANTINE_TOPIC_MAX_BYTES;
        assert_int_equal(strlen(seen.topic), kept);
        assert_int_equal(seen.topic_len, lens[i]);
        assert_int_equal(seen.raw_len, 3);
        assert_int_equal(seen.origin_len, 3);
        assert_memory_equal(seen.origin, "m12", 3);
    }
}

static void a_full_quarantine_drops_its_oldest_and_counts_them(void **state) {
    struct gw_queue_fixture *f = *state;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(submit_quarantine(f, 3000), GW_OK);
    }
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    struct gw_queue_figures figures = gw_queue_fixture_figures(f);
    assert_true(figures.quarantine_bytes <= 200000);
    assert_true(figures.quarantine_count > 40);
    assert_int_equal(figures.quarantine_evicted, 200 - figures.quarantine_count);
    struct seen_quarantine seen = list_quarantine(f, 0);
    assert_int_equal(seen.count, figures.quarantine_count);
    assert_int_equal(seen.last, 200);
    assert_int_equal(seen.first, 201 - figures.quarantine_count);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(gw_queue_fixture_figures(f).quarantine_evicted,
                     figures.quarantine_evicted);
}

static void a_quarantined_entry_can_be_dropped_once(void **state) {
    struct gw_queue_fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(submit_quarantine(f, 500), GW_OK);
    }
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    assert_int_equal(gw_queue_quarantine_drop(f->writer, 2), GW_OK);
    assert_int_equal(gw_queue_quarantine_drop(f->writer, 2), GW_ERR_NOENT);
    assert_int_equal(gw_queue_quarantine_drop(f->writer, 0), GW_ERR_NOENT);
    assert_int_equal(list_quarantine(f, 0).count, 2);
    assert_int_equal(gw_queue_fixture_figures(f).quarantine_count, 2);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, append_setup, append_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(quarantine_keeps_raw_bytes_and_reason),
        RIG_TEST(a_full_quarantine_drops_its_oldest_and_counts_them),
        RIG_TEST(a_quarantined_entry_can_be_dropped_once),
        RIG_TEST(quarantine_keeps_long_topics_and_says_what_it_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
