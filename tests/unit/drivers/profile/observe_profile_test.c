/* SPDX-License-Identifier: Apache-2.0 */
/* MQTT payloads by a device profile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "drivers/profile/observe.h"

#define PROFILES GW_SOURCE_DIR "/drivers/profile/profiles"
#define RECEIVED_MS INT64_C(1795418040123)

struct bench {
    struct gw_observe_profile *profile;
    struct gw_buf storage;
    struct gw_buf reason;
    char text[GW_OBSERVE_REASON_BYTES + 1];
    struct gw_observation observation;
};

static struct bench bench;

static int set_up(void **state) {
    (void) state;
    bench = (struct bench){0};
    gw_buf_init(&bench.reason, bench.text, GW_OBSERVE_REASON_BYTES);
    return gw_buf_open(&bench.storage, GW_OBSERVE_STORAGE_BYTES) == GW_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void) state;
    gw_observe_profile_close(bench.profile);
    gw_buf_close(&bench.storage);
    return 0;
}

static void use(const char *profile) {
    gw_observe_profile_close(bench.profile);
    bench.profile = NULL;
    assert_int_equal(gw_observe_profile_open(PROFILES, profile, &bench.profile), GW_OK);
}

static enum gw_err observe_bytes(struct gw_bytes payload) {
    static const struct gw_config_device device = {
        .id = "dock1", .kind = GW_DEVICE_SCANNER, .class = GW_CLASS_BUSINESS};
    const struct gw_observe_input input = {
        .device = &device,
        .profile = bench.profile,
        .topic = GW_STR("floor/dock1"),
        .payload = payload,
        .received_wall_ms = RECEIVED_MS,
        .flags = GW_EVENT_RETAINED,
    };
    gw_buf_clear(&bench.reason);
    enum gw_err err =
        gw_observe_payload(&input, &bench.storage, &bench.reason, &bench.observation);
    bench.text[bench.reason.len] = '\0';
    for (size_t i = 0; !err && i < bench.observation.count; i++) {
        assert_int_equal(gw_event_validate_draft(&bench.observation.drafts[i]), GW_OK);
        assert_int_equal(bench.observation.drafts[i].flags, GW_EVENT_RETAINED);
    }
    return err;
}

static enum gw_err observe(const char *payload) {
    return observe_bytes(gw_bytes_from_str(gw_str_from_cstr(payload)));
}

static void expect(size_t index, enum gw_event_type type, const char *data) {
    const struct gw_event_draft *draft = &bench.observation.drafts[index];
    char copy[1024];
    assert_true(index < bench.observation.count);
    assert_int_equal(draft->type, type);
    assert_int_equal(gw_str_copy(draft->data, copy, sizeof copy), GW_OK);
    assert_string_equal(copy, data);
}

static void one_code_is_one_event(void **state) {
    (void) state;
    use("scanner-cr");
    assert_int_equal(observe("ABC\r"), GW_OK);
    assert_int_equal(bench.observation.count, 1);
    expect(0, GW_EVENT_SCAN_OBSERVED, "{\"raw\":\"ABC\"}");
    assert_int_equal(bench.observation.draft.class, GW_CLASS_BUSINESS);
    assert_int_equal(bench.observation.draft.time_wall_ms, RECEIVED_MS);
}

static void several_codes_are_several_events_and_a_no_read_is_a_state(void **state) {
    (void) state;
    use("scanner-multi-code");
    assert_int_equal(observe("A;?;B"), GW_OK);
    assert_int_equal(bench.observation.count, 3);
    expect(0, GW_EVENT_SCAN_OBSERVED, "{\"part\":1,\"parts\":3,\"raw\":\"A\"}");
    expect(1, GW_EVENT_DEVICE_CONDITION, "{\"condition\":\"no_read\",\"raw\":\"?\"}");
    assert_int_equal(bench.observation.drafts[1].class, GW_CLASS_STATE);
    expect(2, GW_EVENT_SCAN_OBSERVED, "{\"part\":3,\"parts\":3,\"raw\":\"B\"}");
}

/* A message whose commit failed comes again, and must mean the same then. */
static void a_payload_means_the_same_however_often_it_comes(void **state) {
    (void) state;
    use("scanner-cr");
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(observe("ABC"), GW_OK);
        expect(0, GW_EVENT_SCAN_OBSERVED, "{\"raw\":\"ABC\"}");
    }
    use("mt-sics");
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(observe("S S 1.0 kg\r\n"), GW_OK);
        expect(0, GW_EVENT_WEIGHT_MEASURED,
               "{\"raw\":\"S S 1.0 kg\",\"state\":\"stable\",\"unit\":\"kg\",\"unitcode\":"
               "\"KGM\",\"value\":\"1.0\"}");
    }
}

static void half_a_frame_does_not_reach_into_the_next_payload(void **state) {
    (void) state;
    use("toledo-continuous");
    assert_int_equal(observe("\x02,0   12"), GW_ERR_SCHEMA);
    assert_string_equal(bench.text, "the message ends in the middle of a frame");
    assert_int_equal(observe("\x02,0   1234     0\r"), GW_OK);
    assert_int_equal(bench.observation.count, 1);
}

static void a_bad_record_among_good_ones_is_told_beside_them(void **state) {
    (void) state;
    use("zebra-rfd-barcode");
    assert_int_equal(observe("{\"data\":[{\"decodedBarcode\":\"A\"},{\"x\":1}]}"), GW_OK);
    assert_int_equal(bench.observation.count, 2);
    expect(0, GW_EVENT_SCAN_OBSERVED, "{\"raw\":\"A\"}");
    expect(1, GW_EVENT_DEVICE_CONDITION,
           "{\"condition\":\"undecodable\",\"detail\":\"/decodedBarcode: no such member\","
           "\"raw\":\"{\\\"x\\\":1}\"}");
}

static void only_bad_records_are_for_the_quarantine(void **state) {
    (void) state;
    use("zebra-rfd-barcode");
    gw_buf_put_str(&bench.storage, GW_STR("before"));
    assert_int_equal(observe("{\"data\":[{\"x\":1},{\"y\":1}]}"), GW_ERR_SCHEMA);
    assert_string_equal(bench.text, "/decodedBarcode: no such member");
    assert_int_equal(bench.storage.len, 6);
}

static void a_message_without_a_reading_is_told_as_such(void **state) {
    (void) state;
    use("zebra-rfd-barcode");
    assert_int_equal(observe("{\"data\":[]}"), GW_OK);
    expect(0, GW_EVENT_DEVICE_CONDITION,
           "{\"condition\":\"no_reading\",\"raw\":\"{\\\"data\\\":[]}\"}");
}

static void each_reading_has_its_event_id_and_its_record(void **state) {
    (void) state;
    use("zebra-rfd-barcode");
    assert_int_equal(observe("{\"data\":[{\"decodedBarcode\":\"A\",\"eventNum\":7}]}"), GW_OK);
    assert_true(gw_str_eq(bench.observation.ids[0].event_id, GW_STR("7")));
    assert_int_equal(observe("{\"data\":[{\"decodedBarcode\":\"A\",\"eventNum\":7},"
                             "{\"decodedBarcode\":\"B\",\"eventNum\":8}]}"),
                     GW_OK);
    assert_true(gw_str_eq(bench.observation.ids[0].event_id, GW_STR("7")));
    assert_true(gw_str_eq(bench.observation.ids[1].event_id, GW_STR("8")));
    assert_true(gw_str_eq(bench.observation.ids[1].record,
                          GW_STR("{\"decodedBarcode\":\"B\",\"eventNum\":8}")));
}

static void bytes_that_are_no_text_are_kept_by_a_profile(void **state) {
    (void) state;
    use("scanner-cr");
    assert_int_equal(observe("A\xff"), GW_OK);
    expect(0, GW_EVENT_SCAN_OBSERVED, "{\"raw\":\"A\\\\xff\",\"rawencoding\":\"escaped\"}");
}

static void an_empty_payload_and_one_that_is_too_large_are_refused(void **state) {
    (void) state;
    static uint8_t large[GW_OBSERVE_PAYLOAD_MAX_BYTES + 1];
    use("scanner-cr");
    assert_int_equal(observe(""), GW_ERR_PARSE);
    assert_int_equal(observe_bytes((struct gw_bytes){large, sizeof large}), GW_ERR_RANGE);
    memset(large, 'a', sizeof large);
    assert_int_equal(observe_bytes((struct gw_bytes){large, 5000}), GW_ERR_SCHEMA);
    assert_string_equal(bench.text, "longer than framing.max_bytes");
}

static void without_room_it_is_full_and_nothing_is_left(void **state) {
    (void) state;
    use("scanner-multi-code");
    assert_int_equal(observe("A;B;C;D"), GW_OK);
    size_t needed = bench.storage.len;
    gw_buf_clear(&bench.storage);
    size_t cap = bench.storage.cap;
    for (bench.storage.cap = 0; bench.storage.cap < needed; bench.storage.cap++) {
        assert_int_equal(observe("A;B;C;D"), GW_ERR_FULL);
        assert_int_equal(bench.storage.len, 0);
        gw_buf_clear(&bench.storage);
    }
    bench.storage.cap = cap;
    assert_int_equal(observe("A;B;C;D"), GW_OK);
}

/* 64 codes that fill the message, every byte of them one that grows sixfold. */
static void the_largest_message_of_many_codes_has_room(void **state) {
    (void) state;
    static uint8_t payload[GW_OBSERVE_PAYLOAD_MAX_BYTES];
    char path[] = "/tmp/gw-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "{\"name\":\"long\",\"title\":\"long\",\"kind\":\"scanner\","
                            "\"decode\":\"text\",\"sources\":[\"a test\"],\"framing\":{"
                            "\"mode\":\"crlf\",\"max_bytes\":65536},"
                            "\"scan\":{\"code_separator\":\";\"}}")
                > 0);
    (void) close(fd);
    use(path);
    (void) unlink(path);
    memset(payload, 0x01, sizeof payload);
    for (size_t i = 1023; i < sizeof payload; i += 1024) {
        payload[i] = ';';
    }
    payload[sizeof payload - 1] = 0x01;
    assert_int_equal(observe_bytes((struct gw_bytes){payload, sizeof payload}), GW_OK);
    assert_string_equal(bench.text, "");
    assert_int_equal(bench.observation.count, 64);
    assert_true(bench.observation.drafts[63].data.len > 6 * 1023);
}

static void a_profile_that_cannot_be_used_refuses_everything_with_the_reason(void **state) {
    (void) state;
    use("no-such-profile");
    assert_true(gw_observe_profile_fault(bench.profile).len > 0);
    assert_int_equal(observe("ABC"), GW_ERR_SCHEMA);
    assert_non_null(strstr(bench.text, "the profile no-such-profile cannot be used: "));
    assert_null(strchr(bench.text, '\n'));
    use("scanner-cr");
    assert_int_equal(gw_observe_profile_fault(bench.profile).len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_code_is_one_event),
        TEST(several_codes_are_several_events_and_a_no_read_is_a_state),
        TEST(a_payload_means_the_same_however_often_it_comes),
        TEST(half_a_frame_does_not_reach_into_the_next_payload),
        TEST(a_bad_record_among_good_ones_is_told_beside_them),
        TEST(only_bad_records_are_for_the_quarantine),
        TEST(a_message_without_a_reading_is_told_as_such),
        TEST(each_reading_has_its_event_id_and_its_record),
        TEST(bytes_that_are_no_text_are_kept_by_a_profile),
        TEST(an_empty_payload_and_one_that_is_too_large_are_refused),
        TEST(without_room_it_is_full_and_nothing_is_left),
        TEST(the_largest_message_of_many_codes_has_room),
        TEST(a_profile_that_cannot_be_used_refuses_everything_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
