/* SPDX-License-Identifier: Apache-2.0 */
/* Explain, schema, defaults and diff: all walk the table, so the table itself
 * is looked at here too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"
#include "firmware/config/descriptor.h"
#include "firmware/json/json.h"
#include "tests/unit/firmware/config/config_fixture.h"

static char storage[1 << 17];

static struct gw_buf empty_buf(void) {
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    return buf;
}

static void check_row(const struct gw_config_row *row) {
    assert_non_null(row->name);
    assert_true(strlen(row->help) > 10);
    assert_int_equal(row->help[strlen(row->help) - 1], '.');
    assert_null(strstr(row->help, "*/"));
    bool is_container = row->kind == GW_KIND_GROUP || row->kind == GW_KIND_LIST;
    assert_int_equal(row->group != NULL, is_container);
    if (!is_container && !row->initial && !row->derived) {
        assert_non_null(row->example);
    }
    if (row->kind == GW_KIND_TEXT || row->kind == GW_KIND_TEXTS) {
        assert_non_null(row->rule);
        const char *sample = row->initial ? row->initial : row->example;
        assert_true(!sample || row->rule->fits(gw_str_from_cstr(sample)));
    }
    if (row->kind == GW_KIND_CHOICE) {
        assert_true(row->choice_count > 0);
    }
}

static unsigned check_group(const struct gw_config_group *group) {
    unsigned rows = 0;
    for (size_t i = 0; i < group->row_count; i++) {
        check_row(&group->rows[i]);
        rows += 1 + (group->rows[i].group ? check_group(group->rows[i].group) : 0);
    }
    return rows;
}

static void every_row_has_help_rule_and_a_default_or_an_example(void **state) {
    (void) state;
    assert_true(check_group(&gw_config_top) > 80);
}

static void explain_tells_one_key_with_all_facts(void **state) {
    (void) state;
    static const char *const ways[] = {"brokers.port", "brokers[].port", "brokers[3].port"};
    for (size_t i = 0; i < GW_ARRAY_LEN(ways); i++) {
        struct gw_buf buf = empty_buf();
        assert_int_equal(gw_config_explain(gw_str_from_cstr(ways[i]), &buf), GW_OK);
        assert_true(gw_str_eq(
            gw_buf_str(&buf),
            GW_STR("brokers[].port\n"
                   "    TCP port of the broker; TLS brokers usually have 8883.\n"
                   "    allowed: a whole number from 1 to 65535\n"
                   "    default: 1883\n"
                   "    scope: local, a change restarts: the connection to that broker\n")));
    }
}

static void explain_of_an_object_tells_everything_below_it(void **state) {
    (void) state;
    struct gw_buf buf = empty_buf();
    assert_int_equal(gw_config_explain(GW_STR("buses"), &buf), GW_OK);
    (void) gw_buf_put_char(&buf, '\0');
    assert_non_null(strstr(storage, "buses[]\n"));
    assert_non_null(strstr(storage, "buses[].points[].address\n"));
    assert_null(strstr(storage, "sinks"));
    buf = empty_buf();
    assert_int_equal(gw_config_explain(GW_STR(""), &buf), GW_OK);
    (void) gw_buf_put_char(&buf, '\0');
    assert_non_null(strstr(storage, "\nclasses.audit.on_full\n"));
    assert_non_null(strstr(storage, "\nsinks[].dead_letters_per_hour\n"));
}

static void explain_of_an_unknown_key_is_told_apart_from_a_full_buffer(void **state) {
    (void) state;
    static const char *const unknown[] = {"brokers.prot", "x", "brokers.port.x", ".",
                                          "brokers."};
    for (size_t i = 0; i < GW_ARRAY_LEN(unknown); i++) {
        struct gw_buf buf = empty_buf();
        assert_int_equal(gw_config_explain(gw_str_from_cstr(unknown[i]), &buf), GW_ERR_NOENT);
        assert_int_equal(buf.len, 0);
    }
    char small[10];
    struct gw_buf buf;
    gw_buf_init(&buf, small, sizeof small);
    assert_int_equal(gw_config_explain(GW_STR("brokers"), &buf), GW_ERR_FULL);
    assert_int_equal(buf.len, 0);
    assert_int_equal(gw_config_schema(&buf), GW_ERR_FULL);
    assert_int_equal(buf.len, 0);
    assert_int_equal(gw_config_defaults(&buf), GW_ERR_FULL);
    assert_int_equal(buf.len, 0);
}

static void schema_is_json_and_names_every_key(void **state) {
    (void) state;
    struct gw_buf buf = empty_buf();
    assert_int_equal(gw_config_schema(&buf), GW_OK);
    const struct gw_json_limits limits = {sizeof storage, 32, GW_JSON_OBJECT};
    struct gw_json_doc *doc = NULL;
    assert_int_equal(gw_json_parse(gw_buf_str(&buf), &limits, NULL, &doc), GW_OK);
    const struct gw_json *root = gw_json_root(doc);
    const struct gw_json *address = gw_json_pointer(
        root, GW_STR("/properties/buses/items/properties/points/items/properties/address"));
    assert_non_null(address);
    assert_int_equal(gw_json_count(gw_json_member(address, "oneOf")), 2);
    int64_t most = 0;
    assert_int_equal(gw_json_get_i64(gw_json_pointer(root, GW_STR("/properties/brokers/items/"
                                                                  "properties/port/maximum")),
                                     &most),
                     GW_OK);
    assert_int_equal(most, 65535);
    struct gw_str required;
    assert_int_equal(
        gw_json_get_str(gw_json_first(gw_json_member(root, "required")), &required), GW_OK);
    assert_true(gw_str_eq(required, GW_STR("gateway")));
    gw_json_close(doc);
}

static void defaults_are_a_document_that_parses_to_the_defaults(void **state) {
    (void) state;
    struct gw_buf buf = empty_buf();
    assert_int_equal(gw_config_defaults(&buf), GW_OK);
    (void) gw_buf_put_char(&buf, '\0');
    struct attempt written;
    attempt_text(&written, storage);
    assert_string_equal(written.error_storage, "");
    assert_int_equal(written.err, GW_OK);
    struct attempt absent;
    attempt_text(&absent, "{\"gateway\":{\"serial\":\"GW-0001\",\"site\":\"site-1\"}}");
    assert_int_equal(absent.err, GW_OK);
    assert_int_equal(gw_config_diff(written.config, absent.config), 0);
    attempt_done(&written);
    attempt_done(&absent);
}

/* The entries shown in comments must be right as well: here they are let out. */
static void entries_shown_in_the_defaults_parse_too(void **state) {
    (void) state;
    struct gw_buf buf = empty_buf();
    assert_int_equal(gw_config_defaults(&buf), GW_OK);
    (void) gw_buf_put_char(&buf, '\0');
    for (char *at = storage; (at = strstr(at, "/* one entry:")) != NULL;) {
        memset(at, ' ', strlen("/* one entry:"));
    }
    for (char *at = storage; (at = strstr(at, "*/")) != NULL;) {
        memset(at, ' ', 2);
    }
    struct attempt attempt;
    attempt_text(&attempt, storage);
    assert_string_equal(attempt.error_storage, "");
    assert_int_equal(attempt.config->sink_count, 1);
    attempt_done(&attempt);
}

struct change {
    const char *old, *new;
    unsigned parts;
};

static void diff_names_the_parts_that_changed(void **state) {
    (void) state;
    static const struct change changes[] = {
        {"{\"gateway\"", "{ \"gateway\"", 0},
        {"{\"gateway\"", "{\"revision\":9,\"gateway\"", 0},
        {"\"site\":\"x\"", "\"site\":\"y\"", GW_PART_GATEWAY},
        {"\"store\"", "\"paths\":{\"run\":\"/r\"},\"store\"", GW_PART_PATHS},
        {"\"size_mb\":64", "\"size_mb\":65", GW_PART_STORE},
        {"\"classes\":{}", "\"classes\":{\"state\":{\"linger_ms\":1}}", GW_PART_CLASSES},
        {"[\"floor/#\"]", "[\"floor/+\"]", GW_PART_BROKERS},
        {"[\"floor/#\"]", "[\"floor/#\",\"x\"]", GW_PART_BROKERS},
        {"GW-1", "GW-2", GW_PART_GATEWAY | GW_PART_BROKERS}, /* the derived client id */
        {"\"id\":\"d\"", "\"id\":\"e\"", GW_PART_DEVICES},
        {SMALL_DEVICE, "", GW_PART_DEVICES},
        {"\"address\":0", "\"address\":1", GW_PART_BUSES},
        {SMALL_POINT, SMALL_POINT ",{\"name\":\"q\",\"area\":\"coil\",\"address\":0}",
         GW_PART_BUSES},
        {"\"name\":\"s\"", "\"name\":\"s\",\"required\":false", GW_PART_SINKS},
    };
    struct attempt before;
    attempt_text(&before, SMALL);
    for (size_t i = 0; i < GW_ARRAY_LEN(changes); i++) {
        struct attempt after;
        attempt_changed(&after, SMALL, changes[i].old, changes[i].new);
        assert_int_equal(after.err, GW_OK);
        assert_int_equal(gw_config_diff(before.config, after.config), changes[i].parts);
        assert_int_equal(gw_config_diff(after.config, before.config), changes[i].parts);
        attempt_done(&after);
    }
    attempt_done(&before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_help_rule_and_a_default_or_an_example),
        cmocka_unit_test(explain_tells_one_key_with_all_facts),
        cmocka_unit_test(explain_of_an_object_tells_everything_below_it),
        cmocka_unit_test(explain_of_an_unknown_key_is_told_apart_from_a_full_buffer),
        cmocka_unit_test(schema_is_json_and_names_every_key),
        cmocka_unit_test(defaults_are_a_document_that_parses_to_the_defaults),
        cmocka_unit_test(entries_shown_in_the_defaults_parse_too),
        cmocka_unit_test(diff_names_the_parts_that_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
