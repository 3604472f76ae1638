/* SPDX-License-Identifier: Apache-2.0 */
/* The quarantine of a store that was set aside comes back, within bounds and once;
 * the sources' state does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "firmware/queue/queue.h"
#include "tests/fakes/queue_fixture.h"

#define ENTRIES 20

static struct gw_queue_fixture fixture;

static void quarantine(struct gw_queue_fixture *f, unsigned number) {
    char topic[400], raw[2000];
    memset(raw, 'r', sizeof(raw));
    (void) snprintf(topic, sizeof(topic), "floor/%u/%0*u", number, number == 3 ? 300 : 3, 0u);
    struct gw_quarantine_entry entry = {
        .reason = GW_STR("odd"),
        .topic = gw_str_from_cstr(topic),
        .device = GW_STR("s1"),
        .raw = {(const uint8_t *) raw, sizeof(raw)},
        .raw_len = sizeof(raw) + number,
        .time_wall_ms = 1000 + number,
        .origin = {(const uint8_t *) "bxxxx", 5},
    };
    struct gw_unit unit = {.quarantine = &entry, .quarantine_count = 1};
    assert_int_equal(gw_intake_submit(&f->intake, &unit), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
}

static void keep_state(struct gw_queue_fixture *f) {
    struct gw_state_change change = {.key = gw_bytes_from_str(GW_STR("k")),
                                     .value = gw_bytes_from_str(GW_STR("v"))};
    struct gw_unit unit = {
        .state_table = GW_STR("broker"), .changes = &change, .change_count = 1};
    assert_int_equal(gw_intake_submit(&f->intake, &unit), GW_OK);
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
}

static int setup(void **state) {
    struct gw_queue_fixture *f = &fixture;
    gw_queue_fixture_init(f, UINT64_C(1) << 20);
    f->options.quarantine_max_bytes = 200000;
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    gw_queue_fixture_append(f, GW_CLASS_BUSINESS, 1, 10);
    for (unsigned i = 1; i <= ENTRIES; i++) {
        quarantine(f, i);
    }
    keep_state(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    gw_queue_fixture_done(*state);
    return 0;
}

static struct gw_queue_progress set_aside(struct gw_queue_fixture *f,
                                          char aside[static GW_TEMP_PATH_BYTES]) {
    struct gw_queue_progress progress = gw_queue_fixture_progress(f);
    gw_queue_fixture_close(f);
    assert_int_equal(rename(f->path, gw_temp_path(&f->folder, "aside", aside)), 0);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    return progress;
}

struct seen {
    unsigned count;
    unsigned long number_sum; /* of what quarantine() was given */
    size_t longest_topic;
};

static bool see(void *context, const struct gw_quarantine_view *view) {
    struct seen *seen = context;
    seen->count++;
    assert_int_equal(view->origin.len, view->number == 1 ? view->origin.len : 0);
    assert_int_equal(view->raw.len, 2000);
    assert_int_equal(view->time_wall_ms, (int64_t) view->raw_len - 1000);
    assert_true(gw_str_starts_with(view->topic, GW_STR("floor/")));
    assert_int_equal(view->topic_len, view->topic.len);
    seen->number_sum += view->raw_len - 2000;
    seen->longest_topic =
        view->topic_len > seen->longest_topic ? view->topic_len : seen->longest_topic;
    return true;
}

static struct seen list(struct gw_queue_fixture *f) {
    struct seen seen = {0};
    assert_int_equal(gw_queue_quarantine_list(f->writer, 0, see, &seen), GW_OK);
    return seen;
}

static void the_quarantine_comes_back_and_the_state_is_counted(void **state) {
    struct gw_queue_fixture *f = *state;
    char aside[GW_TEMP_PATH_BYTES];
    (void) set_aside(f, aside);
    quarantine(f, 100); /* what was put aside in the meantime stays */
    struct gw_queue_salvage_result result;
    assert_int_equal(gw_queue_salvage(f->writer, aside, NULL, 0, &result), GW_OK);
    assert_int_equal(result.recovered[GW_CLASS_BUSINESS], 10);
    assert_int_equal(result.quarantine_recovered, ENTRIES);
    assert_int_equal(result.quarantine_left + result.quarantine_damaged, 0);
    assert_int_equal(result.state_left, 1);
    assert_int_equal(gw_queue_fixture_open(f), GW_OK);
    assert_int_equal(f->opening.origin, GW_QUEUE_REOPENED);
    struct seen seen = list(f);
    assert_int_equal(seen.count, ENTRIES + 1);
    assert_int_equal(seen.number_sum, ENTRIES * (ENTRIES + 1) / 2 + 100);
    assert_true(seen.longest_topic > 300);
    assert_int_equal(gw_queue_fixture_figures(f).quarantine_count, ENTRIES + 1);
}

/* Its epoch is acknowledged and gone, so nothing else stands in the way. */
static void it_comes_back_once(void **state) {
    struct gw_queue_fixture *f = *state;
    char aside[GW_TEMP_PATH_BYTES];
    struct gw_queue_progress acked = set_aside(f, aside);
    struct gw_queue_salvage_result result;
    assert_int_equal(gw_queue_salvage(f->writer, aside, &acked, 1, &result), GW_OK);
    acked.acked[GW_CLASS_BUSINESS] = 10;
    gw_queue_set_progress(f->writer, &acked);
    gw_queue_fixture_append(f, GW_CLASS_AUDIT, 1, 1);
    gw_queue_fixture_append(f, GW_CLASS_AUDIT, 2, 1);
    assert_int_equal(gw_queue_salvage(f->writer, aside, &acked, 1, &result), GW_OK);
    assert_int_equal(result.quarantine_recovered, ENTRIES);
    assert_int_equal(list(f).count, ENTRIES);
}

static void a_full_quarantine_takes_no_more_and_loses_none_of_its_own(void **state) {
    struct gw_queue_fixture *f = *state;
    char aside[GW_TEMP_PATH_BYTES];
    f->options.quarantine_max_bytes = 30000;
    (void) set_aside(f, aside);
    quarantine(f, 100);
    struct gw_queue_salvage_result result;
    assert_int_equal(gw_queue_salvage(f->writer, aside, NULL, 0, &result), GW_OK);
    assert_true(result.quarantine_recovered > 3);
    assert_true(result.quarantine_left > 3);
    assert_int_equal(result.quarantine_recovered + result.quarantine_left, ENTRIES);
    assert_int_equal(list(f).count, result.quarantine_recovered + 1);
    assert_int_equal(gw_queue_fixture_figures(f).quarantine_evicted, 0);
    assert_true(gw_queue_fixture_figures(f).quarantine_bytes <= 30000);
}

static void a_damaged_entry_is_counted_and_the_others_come(void **state) {
    struct gw_queue_fixture *f = *state;
    char aside[GW_TEMP_PATH_BYTES], data[GW_TEMP_PATH_BYTES];
    (void) set_aside(f, aside);
    static uint8_t content[1 << 20];
    FILE *file = fopen(gw_temp_path(&f->folder, "aside/data.mdb", data), "rb");
    size_t len = fread(content, 1, sizeof(content), file);
    (void) fclose(file);
    const uint8_t *at = memmem(content, len, "floor/7/000", 11);
    assert_non_null(at);
    /* Every copy of it: the file keeps old pages. */
    for (; at; at = memmem(at + 1, len - (size_t) (at + 1 - content), "floor/7/000", 11)) {
        gw_temp_flip(data, (uint64_t) (at - content), 1);
    }
    struct gw_queue_salvage_result result;
    assert_int_equal(gw_queue_salvage(f->writer, aside, NULL, 0, &result), GW_OK);
    assert_int_equal(result.quarantine_recovered, ENTRIES - 1);
    assert_int_equal(result.quarantine_damaged, 1);
    assert_int_equal(result.recovered[GW_CLASS_BUSINESS], 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_quarantine_comes_back_and_the_state_is_counted),
        TEST(it_comes_back_once),
        TEST(a_full_quarantine_takes_no_more_and_loses_none_of_its_own),
        TEST(a_damaged_entry_is_counted_and_the_others_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
