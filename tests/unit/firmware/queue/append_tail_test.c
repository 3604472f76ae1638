/* SPDX-License-Identifier: Apache-2.0 */
/* The tail: the origins of the newest records, in the order they came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/firmware/queue/append_rig.h"

struct seen_tail {
    unsigned count;
    uint64_t first, last;
};

static void see_tail(void *context, struct gw_bytes origin, enum gw_flow_class class,
                     uint64_t sequence) {
    struct seen_tail *seen = context;
    assert_int_equal(class, GW_CLASS_BUSINESS);
    assert_int_equal(origin.len, 2);
    assert_int_equal(origin.ptr[0], 'm');
    seen->first = seen->count ? seen->first : sequence;
    seen->last = sequence;
    seen->count++;
}

static void the_tail_shows_origins_of_the_newest_records(void **state) {
    struct gw_queue_fixture *f = *state;
    uint8_t bytes[1024];
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    for (uint64_t i = 1; i <= 100; i++) {
        struct gw_event_draft draft = gw_queue_fixture_draft(GW_CLASS_BUSINESS, i, 0, &storage);
        uint8_t origin[2] = {i % 2 ? 'm' : 'x', (uint8_t) i};
        draft.origin = (struct gw_bytes){origin, sizeof(origin)};
        struct gw_unit unit = {.events = &draft, .event_count = 1};
        assert_int_equal(gw_intake_submit(&f->intake, &unit), GW_OK);
    }
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    struct seen_tail seen = {0};
    assert_int_equal(f->intake.tail(f->intake.self, append_bytes("m"), 20, see_tail, &seen),
                     GW_OK);
    assert_int_equal(seen.count, 10);
    assert_int_equal(seen.first, 81);
    assert_int_equal(seen.last, 99);
    seen = (struct seen_tail){0};
    assert_int_equal(
        f->intake.tail(f->intake.self, append_bytes("m"), 1000000, see_tail, &seen), GW_OK);
    assert_int_equal(seen.count, 50);
    seen = (struct seen_tail){0};
    assert_int_equal(f->intake.tail(f->intake.self, append_bytes("q"), 100, see_tail, &seen),
                     GW_OK);
    assert_int_equal(seen.count, 0);
}

struct tail_order {
    char text[64];
    size_t len;
};

static void note_order(void *context, struct gw_bytes origin, enum gw_flow_class class,
                       uint64_t sequence) {
    struct tail_order *order = context;
    assert_true(class <= GW_CLASS_COUNT && sequence > 0);
    order->text[order->len++] = (char) origin.ptr[1];
}

static void submit_with_origin(struct gw_queue_fixture *f, enum gw_flow_class class,
                               char name) {
    uint8_t bytes[1024];
    struct gw_buf storage;
    gw_buf_init(&storage, bytes, sizeof(bytes));
    uint8_t origin[2] = {'m', (uint8_t) name};
    struct gw_event_draft draft;
    struct gw_quarantine_entry entry = {.reason = GW_STR("odd"),
                                        .time_wall_ms = f->fake.wall_ms,
                                        .origin = {origin, sizeof(origin)}};
    struct gw_unit unit = {.quarantine = &entry, .quarantine_count = 1};
    if (class != GW_CLASS_COUNT) {
        draft = gw_queue_fixture_draft(class, 1, 0, &storage);
        draft.origin = entry.origin;
        unit = (struct gw_unit){.events = &draft, .event_count = 1};
    }
    assert_int_equal(gw_intake_submit(&f->intake, &unit), GW_OK);
    gw_fake_clock_advance(&f->fake, 3);
}

static void the_tail_merges_classes_and_quarantine_as_they_came(void **state) {
    struct gw_queue_fixture *f = *state;
    static const enum gw_flow_class classes[] = {
        GW_CLASS_TELEMETRY, GW_CLASS_BUSINESS,  GW_CLASS_COUNT, GW_CLASS_STATE,
        GW_CLASS_BUSINESS,  GW_CLASS_TELEMETRY, GW_CLASS_COUNT, GW_CLASS_BUSINESS};
    for (size_t i = 0; i < GW_ARRAY_LEN(classes); i++) {
        submit_with_origin(f, classes[i], (char) ('a' + i));
    }
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    struct tail_order order = {0};
    assert_int_equal(f->intake.tail(f->intake.self, append_bytes("m"), 100, note_order, &order),
                     GW_OK);
    assert_string_equal(order.text, "abcdefgh");
    order = (struct tail_order){0};
    assert_int_equal(f->intake.tail(f->intake.self, append_bytes("m"), 1, note_order, &order),
                     GW_OK);
    assert_string_equal(order.text, "dfgh"); /* the newest of each */
}

static void a_step_of_the_clock_keeps_each_log_in_order(void **state) {
    struct gw_queue_fixture *f = *state;
    submit_with_origin(f, GW_CLASS_BUSINESS, 'a');
    submit_with_origin(f, GW_CLASS_STATE, 'b');
    submit_with_origin(f, GW_CLASS_BUSINESS, 'c');
    f->fake.wall_ms -= 3600000;
    submit_with_origin(f, GW_CLASS_BUSINESS, 'd');
    submit_with_origin(f, GW_CLASS_BUSINESS, 'e');
    assert_int_equal(gw_queue_commit(f->writer), GW_OK);
    struct tail_order order = {0};
    assert_int_equal(f->intake.tail(f->intake.self, append_bytes("m"), 100, note_order, &order),
                     GW_OK);
    assert_string_equal(order.text, "abcde");
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, append_setup, append_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_tail_shows_origins_of_the_newest_records),
        RIG_TEST(the_tail_merges_classes_and_quarantine_as_they_came),
        RIG_TEST(a_step_of_the_clock_keeps_each_log_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
