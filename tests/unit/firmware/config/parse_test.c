/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"
#include "tests/unit/firmware/config/config_fixture.h"

static void example_is_taken_with_every_value_where_it_belongs(void **state) {
    (void) state;
    char storage[4096];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage);
    struct gw_config *config = NULL;
    assert_int_equal(
        gw_config_load(GW_SOURCE_DIR "/firmware/config/example.json", &errors, &config), GW_OK);
    assert_int_equal(errors.len, 0);
    assert_int_equal(config->revision, 7);
    assert_int_equal(strlen(config->hash), 64);
    assert_string_equal(config->gateway.serial, "GW-0001");
    assert_string_equal(config->gateway.zone, "Europe/Berlin");
    assert_string_equal(config->paths.run, "/run/gangway");
    assert_int_equal(config->store.size_mb, 2048);
    assert_int_equal(config->store.ring_hours, 48);
    assert_int_equal(config->classes[GW_CLASS_TELEMETRY].linger_ms, 60000);

    assert_int_equal(config->broker_count, 1);
    assert_string_equal(config->brokers[0].client_id, "gw-GW-0001");
    assert_int_equal(config->brokers[0].topic_count, 2);
    assert_string_equal(config->brokers[0].topics[1], "dock/+/scale");
    assert_true(config->brokers[0].mqtt5);

    assert_int_equal(config->device_count, 4);
    assert_int_equal(config->devices[0].payload, GW_PAYLOAD_TEXT);
    assert_int_equal(config->devices[0].max_per_second, 50);
    assert_string_equal(config->devices[1].event_id_pointer, "/event_id");
    assert_string_equal(config->devices[2].event_id_pointer, "");
    assert_int_equal(config->devices[3].kind, GW_DEVICE_SCALE);
    assert_int_equal(config->devices[3].class, GW_CLASS_BUSINESS);

    assert_int_equal(config->bus_count, 1);
    assert_int_equal(config->buses[0].port, 502);
    assert_int_equal(config->buses[0].point_count, 5);
    const struct gw_config_point *points = config->buses[0].points;
    assert_int_equal(points[0].address, 0);
    assert_int_equal(points[0].type, GW_POINT_BOOL);
    assert_int_equal(points[0].class, GW_CLASS_STATE);
    assert_int_equal(points[1].address, 4);
    assert_int_equal(points[2].address, 10);
    assert_string_equal(points[2].scale, "0.1");
    assert_int_equal(points[2].class, GW_CLASS_TELEMETRY);
    assert_int_equal(points[3].order, GW_ORDER_CDAB);
    assert_int_equal(points[3].class, GW_CLASS_BUSINESS);
    assert_int_equal(points[4].address, 100);
    assert_int_equal(points[4].type, GW_POINT_FLOAT32);

    assert_int_equal(config->sink_count, 1);
    assert_true(config->sinks[0].required);
    assert_string_equal(config->sinks[0].token_file, "");
    assert_string_equal(config->sinks[0].proxy, "");
    assert_string_equal(config->sinks[0].pin, "");
    gw_config_close(config);
}

static void class_defaults_are_those_of_the_policy(void **state) {
    (void) state;
    struct attempt attempt;
    attempt_text(&attempt, "{" SMALL_GATEWAY "}");
    assert_int_equal(attempt.err, GW_OK);
    for (unsigned i = 0; i < GW_CLASS_COUNT; i++) {
        const struct gw_flow_class_rules *rules =
            gw_flow_class_defaults((enum gw_flow_class) i);
        assert_int_equal(attempt.config->classes[i].commit_wait_ms, rules->commit_wait_ms);
        assert_int_equal(attempt.config->classes[i].linger_ms, rules->linger_ms);
        assert_int_equal(attempt.config->classes[i].link_floor_percent,
                         rules->link_floor_percent);
        assert_int_equal(attempt.config->classes[i].on_full, rules->on_full);
    }
    attempt_done(&attempt);
}

static void hash_is_that_of_the_exact_bytes(void **state) {
    (void) state;
    struct attempt a;
    attempt_text(&a, "{" SMALL_GATEWAY "}");
    struct attempt b;
    attempt_text(&b, "{" SMALL_GATEWAY "} ");
    assert_int_equal(a.err, GW_OK);
    assert_int_equal(b.err, GW_OK);
    assert_string_not_equal(a.config->hash, b.config->hash);
    attempt_done(&a);
    attempt_done(&b);
}

/* One row of the table below: the change, and what the only line must be. */
struct refusal {
    const char *old, *new, *line;
};

static const struct refusal refusals[] = {
    {"\"site\":\"x\"", "\"site\":5",
     "gateway.site: found number 5, allowed: text of 1 to 128 bytes, no control characters\n"},
    {"\"site\":\"x\"", "\"site\":null",
     "gateway.site: found null, allowed: text of 1 to 128 bytes, no control characters\n"},
    {"\"site\":\"x\"", "\"site\":\"\"",
     "gateway.site: found text \"\", allowed: text of 1 to 128 bytes, no control characters\n"},
    {"\"site\":\"x\"", "\"site\":\"a\\u001bb\"",
     "gateway.site: found text \"a\\u001bb\", allowed: text of 1 to 128 bytes, no control "
     "characters\n"},
    {",\"site\":\"x\"", "",
     "gateway.site: found nothing, allowed: text of 1 to 128 bytes, no control characters\n"},
    {"\"site\":\"x\"", "\"site\":\"x\",\"sitte\":1",
     "gateway.sitte: unknown key, did you mean \"site\"? allowed: serial, site, owner, zone\n"},
    {"\"site\":\"x\"", "\"site\":\"x\",\"colour\":1",
     "gateway.colour: unknown key, allowed: serial, site, owner, zone\n"},
    {"GW-1", "GW_1",
     "gateway.serial: found text \"GW_1\", allowed: text of 1 to 64 bytes, letters, digits and "
     "'-'\n"},
    {"\"size_mb\":64", "\"size_mb\":3",
     "store.size_mb: found number 3, allowed: a whole number from 4 to 1048576\n"},
    {"\"size_mb\":64", "\"size_mb\":-1",
     "store.size_mb: found number -1, allowed: a whole number from 4 to 1048576\n"},
    {"\"size_mb\":64", "\"size_mb\":64.5",
     "store.size_mb: found a number that is not whole or too large, allowed: a whole number "
     "from 4 to 1048576\n"},
    {"\"size_mb\":64", "\"size_mb\":\"64\"",
     "store.size_mb: found text \"64\", allowed: a whole number from 4 to 1048576\n"},
    {"\"size_mb\":64", "\"size_mb\":1e30",
     "store.size_mb: found a number that is not whole or too large, allowed: a whole number "
     "from 4 to 1048576\n"},
    {"\"classes\":{}", "\"classes\":{\"business\":{\"on_full\":\"evict\"}}",
     "classes.business.on_full: found text \"evict\", allowed: only \"refuse\"\n"},
    {"\"classes\":{}", "\"classes\":{\"audit\":{\"on_full\":\"evict\"}}",
     "classes.audit.on_full: found text \"evict\", allowed: only \"refuse\"\n"},
    {"\"classes\":{}", "\"classes\":{\"state\":{\"on_full\":\"refuse\"}}",
     "classes.state.on_full: found text \"refuse\", allowed: only \"evict\"\n"},
    {"\"classes\":{}", "\"classes\":{\"telemetry\":{\"on_full\":\"refuse\"}}",
     "classes.telemetry.on_full: found text \"refuse\", allowed: only \"evict\"\n"},
    {"\"classes\":{}", "\"classes\":[]",
     "classes: found a list of 0 entries, allowed: an object\n"},
    {"\"name\":\"b\"", "\"name\":\"b\",\"mqtt5\":1",
     "brokers[0].mqtt5: found number 1, allowed: true or false\n"},
    {"[\"floor/#\"]", "[]",
     "brokers[0].topics: found a list of 0 entries, allowed: a list of 1 to 64 different texts "
     "of 1 to 256 bytes, each an MQTT topic filter: '+' and '#' only as whole levels, '#' only "
     "at the end, not shared\n"},
    {"[\"floor/#\"]", "[\"floor/#\",\"floor/#\"]",
     "brokers[0].topics[1]: found text \"floor/#\", allowed: a list of 1 to 64 different texts "
     "of 1 to 256 bytes, each an MQTT topic filter: '+' and '#' only as whole levels, '#' only "
     "at the end, not shared\n"},
    {"[\"floor/#\"]", "[\"floor/#\",true]",
     "brokers[0].topics[1]: found true, allowed: a list of 1 to 64 different texts of 1 to 256 "
     "bytes, each an MQTT topic filter: '+' and '#' only as whole levels, '#' only at the end, "
     "not shared\n"},
    {"\"devices\":[" SMALL_DEVICE "]", "\"devices\":{}",
     "devices: found an object of 0 members, allowed: a list of 0 to 4096 objects\n"},
    {SMALL_DEVICE, SMALL_DEVICE ",3", "devices[1]: found number 3, allowed: an object\n"},
    {"\"kind\":\"scanner\"", "\"kind\":\"camera\"",
     "devices[0].kind: found text \"camera\", allowed: one of \"scanner\", \"scale\", \"plc\", "
     "\"other\"\n"},
    {"\"id\":\"d\"", "\"id\":\"d\",\"class\":\"audit\"",
     "devices[0].class: found text \"audit\", allowed: one of \"business\", \"state\", "
     "\"telemetry\"\n"},
    {"\"points\":[" SMALL_POINT "]", "\"points\":[]",
     "buses[0].points: found a list of 0 entries, allowed: a list of 1 to 1024 objects\n"},
    {",\"points\":[" SMALL_POINT "]", "",
     "buses[0].points: found nothing, allowed: a list of 1 to 1024 objects\n"},
    {"\"address\":0", "\"address\":0,\"period_ms\":9",
     "buses[0].points[0].period_ms: found number 9, allowed: a whole number from 10 to "
     "86400000\n"},
    {"\"url\":\"https://h/x\"", "\"url\":\"http://h/x\"",
     "sinks[0].url: found text \"http://h/x\", allowed: text of 9 to 512 bytes, "
     "https://host[:port][/path] without '/' at its end, user, query or fragment\n"},
    {"\"ca_file\":\"/ca\",", "",
     "sinks[0].ca_file: found nothing, allowed: text of 2 to 255 bytes, an absolute path of a "
     "file\n"},
    {",\"cert_file\":\"/c\"", "",
     "sinks[0].cert_file: found nothing, allowed: text of 2 to 255 bytes, an absolute path of "
     "a file\n"},
    {",\"key_file\":\"/k\"", "",
     "sinks[0].key_file: found nothing, allowed: text of 2 to 255 bytes, an absolute path of a "
     "file\n"},
    {"\"key_file\":\"/k\"", "\"key_file\":\"k\"",
     "sinks[0].key_file: found text \"k\", allowed: text of 2 to 255 bytes, an absolute path "
     "of a file\n"},
};

static void refusals_name_path_what_was_found_and_what_is_allowed(void **state) {
    (void) state;
    struct attempt attempt;
    attempt_text(&attempt, SMALL);
    assert_int_equal(attempt.err, GW_OK);
    attempt_done(&attempt);
    for (size_t i = 0; i < GW_ARRAY_LEN(refusals); i++) {
        attempt_changed(&attempt, SMALL, refusals[i].old, refusals[i].new);
        assert_string_equal(attempt.error_storage, refusals[i].line);
        assert_int_equal(attempt.err, GW_ERR_SCHEMA);
        assert_null(attempt.config);
    }
}

static void all_findings_are_reported_not_only_the_first(void **state) {
    (void) state;
    struct attempt attempt;
    attempt_text(&attempt, "{\"gateway\":{\"serial\":1,\"zone\":\"/x\"},\"store\":{\"a\":1,"
                           "\"size_mb\":0},\"brokers\":[" SMALL_BROKER "," SMALL_BROKER "],"
                           "\"sinks\":[{}]}");
    assert_int_equal(attempt.err, GW_ERR_SCHEMA);
    static const char *const starts[] = {
        "gateway.serial: ",    "gateway.site: ",     "gateway.zone: ",
        "store.size_mb: ",     "store.a: ",          "sinks[0].name: ",
        "sinks[0].url: ",      "sinks[0].ca_file: ", "sinks[0].cert_file: ",
        "sinks[0].key_file: ", "brokers[1].name: ",
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(starts); i++) {
        assert_non_null(strstr(attempt.error_storage, starts[i]));
    }
    assert_int_equal(count_lines(attempt.error_storage), GW_ARRAY_LEN(starts));
}

static void text_that_is_no_json_is_refused_with_its_line(void **state) {
    (void) state;
    struct attempt attempt;
    attempt_text(&attempt, "{\n\"gateway\": {,}\n}");
    assert_int_equal(attempt.err, GW_ERR_PARSE);
    assert_non_null(strstr(attempt.error_storage, "line 2: "));
    attempt_text(&attempt, "[]");
    assert_int_equal(attempt.err, GW_ERR_PARSE);
    attempt_text(&attempt, "");
    assert_int_equal(attempt.err, GW_ERR_PARSE);
    attempt_changed(&attempt, SMALL, "\"site\":\"x\"", "\"site\":\"x\",\"site\":\"y\"");
    assert_int_equal(attempt.err, GW_ERR_PARSE);
    assert_int_equal(count_lines(attempt.error_storage), 1);
}

static void comments_are_allowed(void **state) {
    (void) state;
    struct attempt attempt;
    attempt_text(&attempt, "// one\n{" SMALL_GATEWAY "/* two */}\n// three");
    assert_int_equal(attempt.err, GW_OK);
    attempt_done(&attempt);
}

struct address_case {
    const char *area, *address;
    int wire; /* -1 = refused */
};

static void addresses_are_wire_numbers_or_the_numbers_of_the_manual(void **state) {
    (void) state;
    static const struct address_case cases[] = {
        {"coil", "0", 0},
        {"holding_register", "65535", 65535},
        {"holding_register", "65536", -1},
        {"holding_register", "-1", -1},
        {"holding_register", "\"40001\"", 0},
        {"holding_register", "\"49999\"", 9998},
        {"holding_register", "\"400001\"", 0},
        {"holding_register", "\"465536\"", 65535},
        {"holding_register", "\"465537\"", -1},
        {"holding_register", "\"40000\"", -1},
        {"holding_register", "\"30001\"", -1},
        {"holding_register", "\"4001\"", -1},
        {"holding_register", "\"4000001\"", -1},
        {"holding_register", "\"4x001\"", -1},
        {"holding_register", "40001", 40001},
        {"input_register", "\"30010\"", 9},
        {"input_register", "\"40010\"", -1},
        {"discrete_input", "\"10002\"", 1},
        {"discrete_input", "\"00002\"", -1},
        {"coil", "\"00001\"", 0},
        {"coil", "\"000017\"", 16},
        {"coil", "\"10001\"", -1},
        {"coil", "\"\"", -1},
        {"coil", "true", -1},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(cases); i++) {
        char point[160];
        (void) snprintf(point, sizeof point, "{\"name\":\"p\",\"area\":\"%s\",\"address\":%s}",
                        cases[i].area, cases[i].address);
        struct attempt attempt;
        attempt_changed(&attempt, SMALL, SMALL_POINT, point);
        if (cases[i].wire < 0) {
            assert_int_equal(attempt.err, GW_ERR_SCHEMA);
            assert_non_null(strstr(attempt.error_storage, "buses[0].points[0].address: found"));
            assert_int_equal(count_lines(attempt.error_storage), 1);
        } else {
            assert_int_equal(attempt.err, GW_OK);
            assert_int_equal(attempt.config->buses[0].points[0].address, cases[i].wire);
            attempt_done(&attempt);
        }
    }
}

static void longest_lists_fit_and_one_more_is_refused(void **state) {
    (void) state;
    static char text[1 << 20];
    for (unsigned count = 4096; count <= 4097; count++) {
        struct gw_buf buf;
        gw_buf_init(&buf, text, sizeof text - 1);
        (void) gw_buf_put_str(
            &buf, GW_STR("{" SMALL_GATEWAY ",\"brokers\":[" SMALL_BROKER "],\"devices\":["));
        for (unsigned i = 0; i < count; i++) {
            (void) gw_buf_printf(
                &buf, "%s{\"id\":\"d%u\",\"kind\":\"scanner\",\"topic\":\"floor/%u\"}",
                i == 0 ? "" : ",", i, i);
        }
        (void) gw_buf_put_str(&buf, GW_STR("]}"));
        assert_false(gw_buf_failed(&buf));
        text[buf.len] = '\0';
        struct attempt attempt;
        attempt_text(&attempt, text);
        if (count == 4096) {
            assert_int_equal(attempt.err, GW_OK);
            assert_int_equal(attempt.config->device_count, 4096);
            assert_string_equal(attempt.config->devices[4095].id, "d4095");
            attempt_done(&attempt);
        } else {
            assert_int_equal(attempt.err, GW_ERR_SCHEMA);
            assert_string_equal(attempt.error_storage,
                                "devices: found a list of 4097 entries, allowed: a list of 0 "
                                "to 4096 objects\n");
        }
    }
}

static void full_error_buffer_holds_whole_lines_and_the_document_is_refused(void **state) {
    (void) state;
    char storage[100];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage);
    struct gw_config *config = NULL;
    assert_int_equal(gw_config_parse(GW_STR("{}"), &errors, &config), GW_ERR_SCHEMA);
    assert_null(config);
    assert_true(errors.len > 0);
    assert_int_equal(storage[errors.len - 1], '\n');
}

static void unreadable_files_are_named(void **state) {
    (void) state;
    char storage[512];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage);
    struct gw_config *config = NULL;
    assert_int_equal(gw_config_load("/nonexistent/config.json", &errors, &config),
                     GW_ERR_NOENT);
    assert_true(gw_str_eq(gw_buf_str(&errors),
                          GW_STR("/nonexistent/config.json: cannot be read: noent\n")));
    assert_null(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_is_taken_with_every_value_where_it_belongs),
        cmocka_unit_test(class_defaults_are_those_of_the_policy),
        cmocka_unit_test(hash_is_that_of_the_exact_bytes),
        cmocka_unit_test(refusals_name_path_what_was_found_and_what_is_allowed),
        cmocka_unit_test(all_findings_are_reported_not_only_the_first),
        cmocka_unit_test(text_that_is_no_json_is_refused_with_its_line),
        cmocka_unit_test(comments_are_allowed),
        cmocka_unit_test(addresses_are_wire_numbers_or_the_numbers_of_the_manual),
        cmocka_unit_test(longest_lists_fit_and_one_more_is_refused),
        cmocka_unit_test(full_error_buffer_holds_whole_lines_and_the_document_is_refused),
        cmocka_unit_test(unreadable_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
