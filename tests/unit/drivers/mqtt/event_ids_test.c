/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/event_ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CAPACITY 16
static const struct gw_event_ids_message message = {.topic = 7, .payload = 8};

struct bench {
    struct gw_event_ids ids;
    struct gw_observation observation;
};

static int set_up(void **state) {
    static struct bench bench;
    bench = (struct bench){0};
    *state = &bench;
    return gw_event_ids_open(&bench.ids, CAPACITY) == GW_OK ? 0 : -1;
}

static int tear_down(void **state) {
    gw_event_ids_close(&((struct bench *) *state)->ids);
    return 0;
}

/* Readings as "id:record", one after the other; no id: ":record". */
static void observe(struct bench *bench, const char *readings) {
    struct gw_str rest = gw_str_from_cstr(readings);
    struct gw_str reading;
    bench->observation.count = 0;
    while (gw_str_split(&rest, ' ', &reading)) {
        struct gw_str id;
        size_t index = bench->observation.count++;
        (void) gw_str_split(&reading, ':', &id);
        bench->observation.drafts[index] = (struct gw_event_draft){
            .type = GW_EVENT_SCAN_OBSERVED, .device = GW_STR("s1"), .data = reading};
        bench->observation.ids[index] = (struct gw_reading_id){id, reading};
    }
}

static size_t sift(struct bench *bench, const char *readings) {
    observe(bench, readings);
    return gw_event_ids_sift(&bench->ids, &message, &bench->observation);
}

/* Sifts them, and notes and commits what is left. */
static size_t store(struct bench *bench, const char *readings) {
    size_t known = sift(bench, readings);
    gw_event_ids_note(&bench->ids, &message, &bench->observation);
    gw_event_ids_committed(&bench->ids, gw_event_ids_token(&bench->observation));
    return known;
}

static bool is_marked(const struct bench *bench, size_t index) {
    return (bench->observation.drafts[index].flags & GW_EVENT_POSSIBLE_DUPLICATE) != 0;
}

static void expect(const struct bench *bench, size_t index, const char *record, bool marked) {
    assert_true(index < bench->observation.count);
    assert_true(gw_str_eq(bench->observation.drafts[index].data, gw_str_from_cstr(record)));
    assert_true(gw_str_eq(bench->observation.ids[index].record, gw_str_from_cstr(record)));
    assert_int_equal(is_marked(bench, index), marked);
}

static void known_records_are_taken_out_and_the_others_stay(void **state) {
    struct bench *bench = *state;
    assert_int_equal(store(bench, "5:BB 6:CC"), 0);
    assert_int_equal(sift(bench, "4:AA 5:BB 7:DD 6:CC"), 2);
    assert_int_equal(bench->observation.count, 2);
    expect(bench, 0, "AA", false);
    expect(bench, 1, "DD", false);
    assert_int_equal(sift(bench, "6:CC 5:BB"), 2);
    assert_int_equal(bench->observation.count, 0);
}

static void the_same_id_with_another_record_is_stored_and_marked(void **state) {
    struct bench *bench = *state;
    assert_int_equal(store(bench, "5:BB 6:CC"), 0);
    assert_int_equal(sift(bench, "5:XX 7:DD"), 0);
    expect(bench, 0, "XX", true);
    expect(bench, 1, "DD", false);
}

static void a_record_twice_in_one_message_is_one_event(void **state) {
    struct bench *bench = *state;
    assert_int_equal(sift(bench, "5:BB 5:BB 5:CC"), 1);
    expect(bench, 0, "BB", false);
    expect(bench, 1, "CC", true);
}

static void a_record_without_an_id_is_stored_and_marked_beside_a_known_one(void **state) {
    struct bench *bench = *state;
    assert_int_equal(store(bench, "5:BB :XX"), 0);
    expect(bench, 1, "XX", false);
    assert_int_equal(sift(bench, "5:BB :XX 6:CC"), 1);
    expect(bench, 0, "XX", true);
    expect(bench, 1, "CC", false);
}

static void an_id_belongs_to_its_device(void **state) {
    struct bench *bench = *state;
    assert_int_equal(store(bench, "5:BB"), 0);
    observe(bench, "5:BB");
    bench->observation.draft.device = GW_STR("s2");
    assert_int_equal(gw_event_ids_sift(&bench->ids, &message, &bench->observation), 0);
    assert_false(is_marked(bench, 0));
}

/* A message that is one reading: no record. */
static void observe_single(struct bench *bench, const char *id) {
    observe(bench, ":");
    bench->observation.ids[0] = (struct gw_reading_id){.event_id = gw_str_from_cstr(id)};
}

static void lists_push_out_no_reading_that_came_alone(void **state) {
    struct bench *bench = *state;
    char text[32];
    observe_single(bench, "alone");
    gw_event_ids_note(&bench->ids, &message, &bench->observation);
    for (unsigned i = 0; i < 2 * CAPACITY; i++) {
        (void) snprintf(text, sizeof text, "%u:a %ux:b", i, i);
        assert_int_equal(store(bench, text), 0);
    }
    observe_single(bench, "alone");
    assert_int_equal(gw_event_ids_sift(&bench->ids, &message, &bench->observation), 1);
}

static void a_failed_group_is_forgotten_exactly(void **state) {
    struct bench *bench = *state;
    assert_int_equal(store(bench, "1:a 2:b"), 0);
    assert_int_equal(sift(bench, "3:c 4:d"), 0);
    gw_event_ids_note(&bench->ids, &message, &bench->observation);
    observe_single(bench, "alone");
    gw_event_ids_note(&bench->ids, &message, &bench->observation);
    gw_event_ids_rollback(&bench->ids);
    assert_int_equal(gw_event_ids_sift(&bench->ids, &message, &bench->observation), 0);
    assert_int_equal(sift(bench, "1:a 2:b 3:c 4:d"), 2);
    expect(bench, 0, "c", false);
    expect(bench, 1, "d", false);
}

/* Sift again with windows that were made of the origins alone. */
static size_t sift_after_restart(struct bench *bench, const char *readings) {
    gw_event_ids_origins storage;
    const struct gw_mqtt_origin origin = {
        .door = GW_MQTT_DOOR_FRONT, .packet_id = 9, .payload = message.payload};
    gw_event_ids_set_origins(&message, &origin, storage, &bench->observation);
    gw_event_ids_close(&bench->ids);
    assert_int_equal(gw_event_ids_open(&bench->ids, CAPACITY), GW_OK);
    for (size_t i = 0; i < bench->observation.count; i++) {
        struct gw_mqtt_origin decoded;
        struct gw_bytes bytes = bench->observation.drafts[i].origin;
        assert_int_equal(gw_mqtt_origin_decode(bytes, &decoded), GW_OK);
        assert_int_equal(decoded.packet_id, i == 0 ? 9 : 0);
        gw_event_ids_remember(&bench->ids, &decoded);
    }
    gw_event_ids_settle(&bench->ids);
    return sift(bench, readings);
}

static void origins_bring_every_record_back(void **state) {
    struct bench *bench = *state;
    assert_int_equal(store(bench, "1:a 2:b 3:c"), 0);
    assert_int_equal(sift_after_restart(bench, "3:c 2:b 1:a 4:d"), 3);
    expect(bench, 0, "d", false);
}

static void a_draft_without_an_id_carries_the_message(void **state) {
    struct bench *bench = *state;
    gw_event_ids_origins storage;
    const struct gw_mqtt_origin origin = {
        .door = GW_MQTT_DOOR_FRONT, .packet_id = 9, .payload = message.payload};
    struct gw_mqtt_origin decoded;
    observe(bench, "1:a :b :c");
    gw_event_ids_set_origins(&message, &origin, storage, &bench->observation);
    assert_int_equal(gw_mqtt_origin_decode(bench->observation.drafts[1].origin, &decoded),
                     GW_OK);
    assert_int_equal(decoded.packet_id, 9);
    assert_true(decoded.payload == message.payload && decoded.event_id == 0);
    assert_false(decoded.is_record);
    assert_int_equal(bench->observation.drafts[2].origin.len, 0);
    assert_int_equal(gw_mqtt_origin_decode(bench->observation.drafts[0].origin, &decoded),
                     GW_OK);
    assert_int_equal(decoded.packet_id, 0);
    assert_true(decoded.is_record);
}

static void a_single_reading_keeps_the_origin_it_always_had(void **state) {
    struct bench *bench = *state;
    gw_event_ids_origins storage;
    const struct gw_mqtt_origin origin = {
        .door = GW_MQTT_DOOR_BROKER, .packet_id = 9, .payload = message.payload};
    struct gw_mqtt_origin decoded;
    observe_single(bench, "e1");
    gw_event_ids_set_origins(&message, &origin, storage, &bench->observation);
    assert_int_equal(bench->observation.draft.origin.len, GW_MQTT_ORIGIN_BYTES);
    assert_int_equal(gw_mqtt_origin_decode(bench->observation.draft.origin, &decoded), GW_OK);
    assert_int_equal(decoded.packet_id, 9);
    assert_true(decoded.payload == message.payload);
    assert_true(decoded.event_id == gw_event_ids_of_single(&bench->observation));
    assert_true(decoded.event_id != 0);
}

static void the_token_counts_a_full_message(void **state) {
    struct bench *bench = *state;
    observe(bench, "1:a");
    for (size_t i = 1; i < GW_OBSERVE_DRAFTS_MAX; i++) {
        bench->observation.drafts[i] = bench->observation.draft;
        bench->observation.ids[i] = bench->observation.ids[0];
    }
    bench->observation.count = GW_OBSERVE_DRAFTS_MAX;
    unsigned token = gw_event_ids_token(&bench->observation);
    assert_true(token < 1u << GW_EVENT_IDS_TOKEN_BITS);
    gw_event_ids_committed(&bench->ids, token);
    assert_int_equal(bench->ids.marks[GW_EVENT_IDS_RECORD], GW_OBSERVE_DRAFTS_MAX);
    assert_int_equal(bench->ids.marks[GW_EVENT_IDS_SINGLE], 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(known_records_are_taken_out_and_the_others_stay),
        TEST(the_same_id_with_another_record_is_stored_and_marked),
        TEST(a_record_twice_in_one_message_is_one_event),
        TEST(a_record_without_an_id_is_stored_and_marked_beside_a_known_one),
        TEST(an_id_belongs_to_its_device),
        TEST(lists_push_out_no_reading_that_came_alone),
        TEST(a_failed_group_is_forgotten_exactly),
        TEST(origins_bring_every_record_back),
        TEST(a_draft_without_an_id_carries_the_message),
        TEST(a_single_reading_keeps_the_origin_it_always_had),
        TEST(the_token_counts_a_full_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
