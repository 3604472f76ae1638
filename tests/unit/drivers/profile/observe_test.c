/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/profile/observe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "firmware/json/json.h"

#define RECEIVED_MS INT64_C(1795418040123)

struct bench {
    struct gw_buf storage;
    struct gw_buf reason;
    struct gw_observation observation;
    char text[GW_OBSERVE_REASON_BYTES + 1];
};

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    assert_int_equal(gw_buf_open(&bench->storage, GW_OBSERVE_STORAGE_BYTES), GW_OK);
    gw_buf_init(&bench->reason, bench->text, GW_OBSERVE_REASON_BYTES);
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    gw_buf_close(&bench->storage);
    free(bench);
    return 0;
}

static struct gw_config_device device_of(enum gw_device_kind kind,
                                         enum gw_payload_kind payload) {
    return (struct gw_config_device){
        .id = "dock1",
        .kind = kind,
        .topic = "floor/#",
        .payload = payload,
        .code_pointer = "",
        .symbology_pointer = "",
        .time_pointer = "",
        .event_id_pointer = "",
        .weight_pointer = "",
        .unit_pointer = "",
        .state_pointer = "",
        .stable_word = "",
        .class = GW_CLASS_BUSINESS,
    };
}

static struct gw_config_device proglove_scanner(void) {
    struct gw_config_device device = device_of(GW_DEVICE_SCANNER, GW_PAYLOAD_JSON);
    device.code_pointer = "/scan_code";
    device.time_pointer = "/time_created";
    device.event_id_pointer = "/event_id";
    device.symbology_pointer = "/scan_code_symbology";
    return device;
}

static struct gw_config_device scale(void) {
    struct gw_config_device device = device_of(GW_DEVICE_SCALE, GW_PAYLOAD_JSON);
    device.weight_pointer = "/w/value";
    device.unit_pointer = "/w/unit";
    device.state_pointer = "/state";
    device.stable_word = "S";
    return device;
}

static enum gw_err observe(struct bench *bench, const struct gw_config_device *device,
                           struct gw_str payload) {
    struct gw_observe_input input = {
        .device = device,
        .topic = GW_STR("floor/dock1/scan"),
        .payload = gw_bytes_from_str(payload),
        .received_wall_ms = RECEIVED_MS,
    };
    gw_buf_clear(&bench->reason);
    memset(bench->text, 0, sizeof(bench->text));
    return gw_observe_payload(&input, &bench->storage, &bench->reason, &bench->observation);
}

static void assert_str(struct gw_str found, const char *expected) {
    if (!gw_str_eq(found, gw_str_from_cstr(expected))) {
        fail_msg("found %.*s, expected %s", GW_STR_ARG(found), expected);
    }
}

static void assert_observed(struct bench *bench, const struct gw_config_device *device,
                            struct gw_str payload, const char *data) {
    enum gw_err err = observe(bench, device, payload);
    if (err) {
        fail_msg("refused: %s", bench->text);
    }
    assert_str(bench->observation.draft.data, data);
    assert_int_equal(gw_event_validate_draft(&bench->observation.draft), GW_OK);
}

static void assert_refused(struct bench *bench, const struct gw_config_device *device,
                           struct gw_str payload, enum gw_err expected, const char *reason) {
    memset(&bench->observation, 0x5a, sizeof(bench->observation));
    struct gw_observation untouched = bench->observation;
    size_t before = bench->storage.len;
    assert_int_equal(observe(bench, device, payload), expected);
    assert_string_equal(bench->text, reason);
    assert_int_equal(bench->storage.len, before);
    assert_memory_equal(&untouched, &bench->observation, sizeof(untouched));
    assert_true(gw_str_is_utf8(gw_buf_str(&bench->reason)));
}

/* ---- scanners, text ---- */

static void a_plain_scan_is_kept_as_sent_but_for_its_line_end(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = device_of(GW_DEVICE_SCANNER, GW_PAYLOAD_TEXT);
    assert_observed(bench, &device, GW_STR("4006381333931"), "{\"raw\":\"4006381333931\"}");
    assert_observed(bench, &device, GW_STR("400\r\n"), "{\"raw\":\"400\"}");
    assert_observed(bench, &device, GW_STR("400\r"), "{\"raw\":\"400\"}");
    assert_observed(bench, &device, GW_STR("400\n"), "{\"raw\":\"400\"}");
    assert_observed(bench, &device, GW_STR("400\n\n"), "{\"raw\":\"400\\n\"}");
    assert_observed(bench, &device, GW_STR(" 400 \t"), "{\"raw\":\" 400 \\t\"}");
    assert_observed(bench, &device, GW_STR("\"a\\b\""), "{\"raw\":\"\\\"a\\\\b\\\"\"}");
    assert_observed(bench, &device, GW_STR("Größe"), "{\"raw\":\"Größe\"}");
    const struct gw_event_draft *draft = &bench->observation.draft;
    assert_int_equal(draft->type, GW_EVENT_SCAN_OBSERVED);
    assert_int_equal(draft->class, GW_CLASS_BUSINESS);
    assert_int_equal(draft->time_wall_ms, RECEIVED_MS);
    assert_str(draft->device, "dock1");
    assert_int_equal(bench->observation.ids[0].event_id.len, 0);
}

static void an_aim_identifier_is_named_and_stays_in_the_raw_text(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = device_of(GW_DEVICE_SCANNER, GW_PAYLOAD_TEXT);
    assert_observed(bench, &device,
                    GW_STR("]C10034012345\x1d"
                           "10LOT\r\n"),
                    "{\"aim\":\"]C1\",\"raw\":\"]C10034012345\\u001d10LOT\"}");
    assert_observed(bench, &device, GW_STR("]E04006381333931"),
                    "{\"aim\":\"]E0\",\"raw\":\"]E04006381333931\"}");
    assert_observed(bench, &device, GW_STR("]Xa1"), "{\"aim\":\"]Xa\",\"raw\":\"]Xa1\"}");
    assert_observed(bench, &device, GW_STR("]C"), "{\"raw\":\"]C\"}");
    assert_observed(bench, &device, GW_STR("]11x"), "{\"raw\":\"]11x\"}");
    assert_observed(bench, &device, GW_STR("]C-x"), "{\"raw\":\"]C-x\"}");
    assert_observed(bench, &device, GW_STR("x]C1"), "{\"raw\":\"x]C1\"}");
}

static void bytes_that_are_no_text_are_refused_with_their_place(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = device_of(GW_DEVICE_SCANNER, GW_PAYLOAD_TEXT);
    assert_refused(bench, &device, GW_STR(""), GW_ERR_PARSE, "empty payload");
    assert_refused(bench, &device, GW_STR("\r\n"), GW_ERR_PARSE,
                   "empty payload but for a line end");
    assert_refused(bench, &device, GW_STR("a\xc3\xa4\xff"), GW_ERR_PARSE,
                   "invalid UTF-8 at byte 3 (0xff)");
    assert_refused(bench, &device, GW_STR("ab\xc3"), GW_ERR_PARSE,
                   "invalid UTF-8 at byte 2 (0xc3)");
    assert_refused(bench, &device, GW_STR("a\0b"), GW_ERR_PARSE, "NUL at byte 1");
}

static void payloads_are_refused_for_size_with_the_sizes(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = device_of(GW_DEVICE_SCANNER, GW_PAYLOAD_TEXT);
    char *big = malloc(65537);
    assert_non_null(big);
    memset(big, 'x', 65537);
    assert_refused(bench, &device, (struct gw_str){big, 65537}, GW_ERR_RANGE,
                   "too large: payload of 65537 bytes, allowed: at most 65536");
    assert_refused(bench, &device, (struct gw_str){big, 65536}, GW_ERR_RANGE,
                   "too large: 65538 bytes as a JSON string, allowed: at most 55904");
    assert_int_equal(observe(bench, &device, (struct gw_str){big, 55902}), GW_OK);
    assert_int_equal(gw_event_validate_draft(&bench->observation.draft), GW_OK);
    gw_buf_clear(&bench->storage);
    for (int control = 1; control < 0x20; control++) {
        bool is_short = control >= 8 && control <= 13 && control != 11;
        memset(big, control, 9500);
        big[9499] = 'x';
        assert_int_equal(observe(bench, &device, (struct gw_str){big, 9500}) == GW_OK,
                         is_short);
        gw_buf_clear(&bench->storage);
    }
    memset(big, 0x1d, 65536);
    assert_refused(bench, &device, (struct gw_str){big, 20000}, GW_ERR_RANGE,
                   "too large: 120002 bytes as a JSON string, allowed: at most 55904");
    free(big);
}

static void a_full_storage_is_said_without_a_reason_and_left_as_it_was(void **state) {
    struct bench *bench = *state;
    struct gw_config_device devices[] = {proglove_scanner(), scale()};
    const struct gw_str payloads[] = {
        GW_STR(
            "{\"scan_code\":\"]C1123\",\"event_id\":\"e-17\",\"time_created\":1795418040000}"),
        GW_STR("{\"w\":{\"value\":\"12.340\",\"unit\":\"kg\"},\"state\":\"S\"}")};
    for (size_t i = 0; i < 2; i++) {
        bool passed = false;
        for (size_t cap = 0; cap < 400 && !passed; cap++) {
            uint8_t storage[400];
            struct gw_buf buf;
            gw_buf_init(&buf, storage, cap);
            struct gw_observe_input input = {.device = &devices[i],
                                             .payload = gw_bytes_from_str(payloads[i])};
            gw_buf_clear(&bench->reason);
            enum gw_err err =
                gw_observe_payload(&input, &buf, &bench->reason, &bench->observation);
            passed = err == GW_OK;
            if (!passed) {
                assert_int_equal(err, GW_ERR_FULL);
                assert_int_equal(buf.len, 0);
                assert_int_equal(bench->reason.len, 0);
            }
        }
        assert_true(passed);
    }
}

/* ---- scanners, JSON ---- */

static void a_json_scan_is_found_by_the_devices_pointers(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = proglove_scanner();
    assert_observed(
        bench, &device,
        GW_STR("{\"api_version\":\"1.0\",\"event_type\":\"scan\",\"event_id\":\"02114da8\","
               "\"time_created\":1795418040001,\"scan_code\":\"]C1003\\u001d7\","
               "\"scan_code_symbology\":\"CODE128\"}\n"),
        "{\"aim\":\"]C1\",\"deviceeventid\":\"02114da8\",\"raw\":\"]C1003\\u001d7\","
        "\"symbology\":\"CODE128\"}");
    assert_str(bench->observation.ids[0].event_id, "02114da8");
    assert_int_equal(bench->observation.draft.time_wall_ms, INT64_C(1795418040001));
    assert_observed(bench, &device, GW_STR("{ \"scan_code\" : \"\\u00e4\\ud83d\\ude00\" }"),
                    "{\"raw\":\"ä😀\"}");
    assert_int_equal(bench->observation.draft.time_wall_ms, RECEIVED_MS);
}

static void the_event_id_may_be_a_number_and_keeps_its_digits(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = proglove_scanner();
    assert_observed(bench, &device,
                    GW_STR("{\"scan_code\":\"1\",\"event_id\":0,\"time_created\":null}"),
                    "{\"deviceeventid\":\"0\",\"raw\":\"1\"}");
    assert_str(bench->observation.ids[0].event_id, "0");
    assert_observed(bench, &device,
                    GW_STR("{\"scan_code\":\"1\",\"event_id\":12345678901234567890}"),
                    "{\"deviceeventid\":\"12345678901234567890\",\"raw\":\"1\"}");
    assert_observed(bench, &device, GW_STR("{\"scan_code\":\"1\",\"event_id\":null}"),
                    "{\"raw\":\"1\"}");
}

static void observations_can_share_one_storage(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = proglove_scanner();
    struct gw_str payload = GW_STR("{\"scan_code\":\"A\",\"event_id\":\"one\"}");
    assert_int_equal(observe(bench, &device, payload), GW_OK);
    struct gw_observation first = bench->observation;
    payload = GW_STR("{\"scan_code\":\"B\",\"event_id\":\"two\"}");
    assert_int_equal(observe(bench, &device, payload), GW_OK);
    assert_str(first.draft.data, "{\"deviceeventid\":\"one\",\"raw\":\"A\"}");
    assert_str(first.ids[0].event_id, "one");
    assert_str(bench->observation.draft.data, "{\"deviceeventid\":\"two\",\"raw\":\"B\"}");
    assert_str(bench->observation.ids[0].event_id, "two");
    /* nothing but the two ids and the two objects is left in it */
    assert_int_equal(bench->storage.len, 2 * (3 + first.draft.data.len));
}

static void times_are_rfc_3339_or_unix(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = proglove_scanner();
    const struct {
        const char *time;
        int64_t expected;
    } cases[] = {
        {"\"2026-11-23T08:14:00.123+01:00\"", INT64_C(1795418040123)},
        {"1795418040123", INT64_C(1795418040123)},
        {"1795418040", INT64_C(1795418040000)},
        {"\"1795418040123\"", INT64_C(1795418040123)},
        {"0", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char payload[128];
        int len = snprintf(payload, sizeof(payload),
                           "{\"scan_code\":\"1\",\"time_created\":%s}", cases[i].time);
        assert_int_equal(observe(bench, &device, (struct gw_str){payload, (size_t) len}),
                         GW_OK);
        assert_int_equal(bench->observation.draft.time_wall_ms, cases[i].expected);
    }
    const char *allowed =
        ", allowed: RFC 3339 date-time, or milliseconds or seconds since 1970";
    const char *const bad[] = {
        "\"yesterday\"", "-1", "1.5", "\"\"", "99999999999999999", "\"2026-02-30T00:00:00Z\""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char payload[128], reason[256];
        int len = snprintf(payload, sizeof(payload),
                           "{\"scan_code\":\"1\",\"time_created\":%s}", bad[i]);
        snprintf(reason, sizeof(reason), "/time_created: found %s%s", bad[i], allowed);
        assert_refused(bench, &device, (struct gw_str){payload, (size_t) len}, GW_ERR_SCHEMA,
                       reason);
    }
}

static void json_that_does_not_fit_the_profile_is_refused_with_what_was_found(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = proglove_scanner();
    assert_refused(bench, &device, GW_STR("{\"scan_code\":}"), GW_ERR_PARSE,
                   "invalid JSON at byte 13, line 1: unexpected character");
    assert_refused(bench, &device, GW_STR("{\"other\":1}"), GW_ERR_SCHEMA,
                   "no member at /scan_code");
    assert_refused(bench, &device, GW_STR("{\"scan_code\":null}"), GW_ERR_SCHEMA,
                   "no member at /scan_code");
    assert_refused(bench, &device, GW_STR("{\"scan_code\":4006381333931}"), GW_ERR_SCHEMA,
                   "/scan_code: found 4006381333931, allowed: string");
    assert_refused(bench, &device, GW_STR("{\"scan_code\":\"\"}"), GW_ERR_SCHEMA,
                   "/scan_code: found \"\", allowed: text of 1 byte or more");
    assert_refused(bench, &device, GW_STR("{\"scan_code\":{\n\"a\":1}}"), GW_ERR_SCHEMA,
                   "/scan_code: found { \"a\":1}, allowed: string");
    assert_refused(bench, &device, GW_STR("{\"scan_code\":\"a\\u0000b\"}"), GW_ERR_SCHEMA,
                   "/scan_code: found \"a\\u0000b\", allowed: text without NUL");
    assert_refused(bench, &device, GW_STR("{\"scan_code\":\"1\",\"event_id\":[1]}"),
                   GW_ERR_SCHEMA, "/event_id: found [1], allowed: string or number");
    assert_refused(bench, &device, GW_STR("[1]"), GW_ERR_SCHEMA, "no member at /scan_code");
}

static void
a_long_event_id_is_refused_and_long_findings_are_cut_between_characters(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = proglove_scanner();
    char payload[512] = "{\"scan_code\":\"1\",\"event_id\":\"";
    size_t len = strlen(payload);
    memset(payload + len, 'e', 129);
    memcpy(payload + len + 129, "\"}", 3);
    assert_refused(bench, &device, gw_str_from_cstr(payload), GW_ERR_RANGE,
                   "/event_id: found 129 bytes, allowed: at most 128");
    assert_refused(bench, &device,
                   GW_STR("{\"scan_code\":[\"ääääääääääääääääääääääääääääääääääääääääää\"]}"),
                   GW_ERR_SCHEMA,
                   "/scan_code: found [\"äääääääääääääääääääääääääääääää..., allowed: string");
}

static void deep_json_is_refused(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = proglove_scanner();
    char payload[512];
    memset(payload, '[', 200);
    memset(payload + 200, ']', 200);
    assert_int_not_equal(observe(bench, &device, (struct gw_str){payload, 400}), GW_OK);
    assert_true(
        gw_str_starts_with(gw_buf_str(&bench->reason), GW_STR("invalid JSON at byte ")));
}

/* ---- scales ---- */

static void a_stable_weight_keeps_its_digits_and_gets_a_unit_code(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = scale();
    assert_observed(bench, &device,
                    GW_STR("{\"w\":{\"value\":12.340,\"unit\":\"kg\"},\"state\":\"S\"}"),
                    "{\"raw\":\"{\\\"w\\\":{\\\"value\\\":12.340,\\\"unit\\\":\\\"kg\\\"},"
                    "\\\"state\\\":\\\"S\\\"}\",\"state\":\"stable\",\"unit\":\"kg\","
                    "\"unitcode\":\"KGM\",\"value\":\"12.340\"}");
    assert_int_equal(bench->observation.draft.type, GW_EVENT_WEIGHT_MEASURED);
    assert_observed(bench, &device,
                    GW_STR("{\"state\":\"S\",\"w\":{\"value\":\"  -0.50 \",\"unit\":\"x\"}}"),
                    "{\"raw\":\"{\\\"state\\\":\\\"S\\\",\\\"w\\\":{\\\"value\\\":\\\"  -0.50 "
                    "\\\",\\\"unit\\\":\\\"x\\\"}}\",\"state\":\"stable\",\"unit\":\"x\","
                    "\"value\":\"-0.50\"}");
    assert_observed(bench, &device,
                    GW_STR("{\"state\":\"S\",\"w\":{\"value\":1,\"unit\":\"stone\"}}"),
                    "{\"raw\":\"{\\\"state\\\":\\\"S\\\",\\\"w\\\":{\\\"value\\\":1,"
                    "\\\"unit\\\":\\\"stone\\\"}}\",\"state\":\"stable\",\"unit\":\"stone\","
                    "\"value\":\"1\"}");
}

static void a_weight_is_a_number_only_when_the_scale_says_stable(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = scale();
    const char *const words[][2] = {{"D", "dynamic"},     {"s", "dynamic"},
                                    {"OVERLOAD", "over"}, {"Underload", "under"},
                                    {"error", "error"},   {"", "dynamic"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        char payload[128], data[256];
        int len = snprintf(payload, sizeof(payload), "{\"state\":\"%s\",\"w\":{\"value\":1}}",
                           words[i][0]);
        snprintf(data, sizeof(data),
                 "{\"raw\":\"{\\\"state\\\":\\\"%s\\\",\\\"w\\\":{\\\"value\\\":1}}\","
                 "\"state\":\"%s\"}",
                 words[i][0], words[i][1]);
        assert_observed(bench, &device, (struct gw_str){payload, (size_t) len}, data);
    }
}

static void the_stable_word_may_be_a_json_true_or_a_number(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = scale();
    device.stable_word = "true";
    device.unit_pointer = "/u";
    assert_observed(
        bench, &device, GW_STR("{\"state\":true,\"u\":\"x\",\"w\":{\"value\":7}}"),
        "{\"raw\":\"{\\\"state\\\":true,\\\"u\\\":\\\"x\\\",\\\"w\\\":{\\\"value\\\":7}}\","
        "\"state\":\"stable\",\"unit\":\"x\",\"value\":\"7\"}");
    assert_observed(bench, &device, GW_STR("{\"state\":false,\"w\":{\"value\":7}}"),
                    "{\"raw\":\"{\\\"state\\\":false,\\\"w\\\":{\\\"value\\\":7}}\","
                    "\"state\":\"dynamic\"}");
    device.stable_word = "1";
    assert_observed(
        bench, &device, GW_STR("{\"state\":1,\"u\":\"x\",\"w\":{\"value\":7}}"),
        "{\"raw\":\"{\\\"state\\\":1,\\\"u\\\":\\\"x\\\",\\\"w\\\":{\\\"value\\\":7}}\","
        "\"state\":\"stable\",\"unit\":\"x\",\"value\":\"7\"}");
    device.state_pointer = "";
    assert_observed(
        bench, &device, GW_STR("{\"u\":\"x\",\"w\":{\"value\":7}}"),
        "{\"raw\":\"{\\\"u\\\":\\\"x\\\",\\\"w\\\":{\\\"value\\\":7}}\",\"state\":\"stable\","
        "\"unit\":\"x\",\"value\":\"7\"}");
}

static void a_number_without_a_unit_is_an_error_and_no_weight(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = scale();
    const char *const units[] = {"", ",\"unit\":\"\"", ",\"unit\":\" \"", ",\"unit\":null"};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        char payload[128];
        int len = snprintf(payload, sizeof payload, "{\"state\":\"S\",\"w\":{\"value\":7%s}}",
                           units[i]);
        assert_int_equal(observe(bench, &device, (struct gw_str){payload, (size_t) len}),
                         GW_OK);
        struct gw_str data = bench->observation.draft.data;
        assert_true(gw_str_starts_with(data, GW_STR("{\"detail\":\"no unit was sent where ")));
        assert_true(gw_str_ends_with(data, GW_STR(",\"state\":\"error\"}")));
    }
}

static void a_stable_weight_that_is_no_decimal_is_refused(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = scale();
    assert_refused(bench, &device, GW_STR("{\"state\":\"S\",\"w\":{\"value\":\"12,34\"}}"),
                   GW_ERR_SCHEMA, "/w/value: found \"12,34\", allowed: decimal text");
    assert_refused(bench, &device, GW_STR("{\"state\":\"S\",\"w\":{\"value\":1.2e3}}"),
                   GW_ERR_SCHEMA, "/w/value: found 1.2e3, allowed: decimal text");
    assert_refused(bench, &device, GW_STR("{\"state\":\"S\"}"), GW_ERR_SCHEMA,
                   "no member at /w/value");
    assert_refused(bench, &device, GW_STR("{\"w\":{\"value\":1}}"), GW_ERR_SCHEMA,
                   "no member at /state");
    assert_refused(bench, &device, GW_STR("{\"state\":[],\"w\":{\"value\":1}}"), GW_ERR_SCHEMA,
                   "/state: found [], allowed: string or number");
    device.payload = GW_PAYLOAD_TEXT;
    assert_refused(
        bench, &device, GW_STR("12.340 kg"), GW_ERR_SCHEMA,
        "a scale's text cannot be decoded: the device's payload is \"text\", allowed "
        "for scales: \"json\"");
}

static void units_have_their_unece_codes_in_any_case(void **state) {
    (void) state;
    assert_str(gw_observe_unit_code(GW_STR("kg")), "KGM");
    assert_str(gw_observe_unit_code(GW_STR("KG")), "KGM");
    assert_str(gw_observe_unit_code(GW_STR("g")), "GRM");
    assert_str(gw_observe_unit_code(GW_STR("lb")), "LBR");
    assert_str(gw_observe_unit_code(GW_STR("t")), "TNE");
    assert_str(gw_observe_unit_code(GW_STR("oz")), "ONZ");
    assert_str(gw_observe_unit_code(GW_STR("k")), "");
    assert_str(gw_observe_unit_code(GW_STR("")), "");
}

/* ---- other devices ---- */

static void other_devices_become_samples_with_a_value_only_if_decimal(void **state) {
    struct bench *bench = *state;
    struct gw_config_device device = device_of(GW_DEVICE_OTHER, GW_PAYLOAD_TEXT);
    assert_observed(bench, &device, GW_STR("21.5\n"),
                    "{\"point\":\"floor/dock1/scan\",\"quality\":\"good\",\"raw\":\"21.5\","
                    "\"value\":\"21.5\"}");
    assert_int_equal(bench->observation.draft.type, GW_EVENT_METRIC_SAMPLED);
    assert_observed(bench, &device, GW_STR("open"),
                    "{\"point\":\"floor/dock1/scan\",\"quality\":\"bad\",\"raw\":\"open\"}");
    device = device_of(GW_DEVICE_PLC, GW_PAYLOAD_JSON);
    device.weight_pointer = "/v";
    assert_observed(bench, &device, GW_STR("{\"v\":3}"),
                    "{\"point\":\"floor/dock1/scan\",\"quality\":\"good\","
                    "\"raw\":\"{\\\"v\\\":3}\",\"value\":\"3\"}");
    assert_observed(bench, &device, GW_STR("{\"v\":[3]}"),
                    "{\"point\":\"floor/dock1/scan\",\"quality\":\"bad\","
                    "\"raw\":\"{\\\"v\\\":[3]}\"}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_plain_scan_is_kept_as_sent_but_for_its_line_end),
        TEST(an_aim_identifier_is_named_and_stays_in_the_raw_text),
        TEST(bytes_that_are_no_text_are_refused_with_their_place),
        TEST(payloads_are_refused_for_size_with_the_sizes),
        TEST(a_full_storage_is_said_without_a_reason_and_left_as_it_was),
        TEST(a_json_scan_is_found_by_the_devices_pointers),
        TEST(the_event_id_may_be_a_number_and_keeps_its_digits),
        TEST(observations_can_share_one_storage),
        TEST(times_are_rfc_3339_or_unix),
        TEST(json_that_does_not_fit_the_profile_is_refused_with_what_was_found),
        TEST(a_long_event_id_is_refused_and_long_findings_are_cut_between_characters),
        TEST(deep_json_is_refused),
        TEST(a_stable_weight_keeps_its_digits_and_gets_a_unit_code),
        TEST(a_weight_is_a_number_only_when_the_scale_says_stable),
        TEST(the_stable_word_may_be_a_json_true_or_a_number),
        TEST(a_number_without_a_unit_is_an_error_and_no_weight),
        TEST(a_stable_weight_that_is_no_decimal_is_refused),
        TEST(units_have_their_unece_codes_in_any_case),
        TEST(other_devices_become_samples_with_a_value_only_if_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
