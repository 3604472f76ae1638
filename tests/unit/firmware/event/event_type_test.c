/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "firmware/event/event.h"

static void every_type_is_found_by_number_and_by_name(void **state) {
    (void) state;
    size_t count = 0;
    const struct gw_event_type_info *info;
    while ((info = gw_event_type_at(count)) != NULL) {
        enum gw_event_type type = GW_EVENT_TOMBSTONE;
        assert_ptr_equal(gw_event_type_find(info->type), info);
        assert_int_equal(gw_event_type_parse(gw_str_from_cstr(info->name), &type), GW_OK);
        assert_int_equal(type, info->type);
        count++;
    }
    assert_int_equal(count, 13);
    assert_null(gw_event_type_at(SIZE_MAX));
}

static void names_and_schemas_say_the_same_noun_and_verb(void **state) {
    (void) state;
    const struct gw_event_type_info *info;
    for (size_t i = 0; (info = gw_event_type_at(i)) != NULL; i++) {
        struct gw_str name = gw_str_from_cstr(info->name);
        struct gw_str schema = gw_str_from_cstr(info->schema);
        assert_true(gw_str_starts_with(name, GW_STR("io.gangway.")));
        assert_true(gw_str_ends_with(name, GW_STR(".v1")));
        assert_true(gw_str_starts_with(schema, GW_STR("urn:gangway:schema:")));
        assert_true(gw_str_ends_with(schema, GW_STR(":1.0.0")));
        assert_true(gw_str_eq(gw_str_sub(name, 11, name.len - 14),
                              gw_str_sub(schema, 19, schema.len - 25)));
        assert_true((unsigned) info->default_class < GW_CLASS_COUNT);
    }
}

/* On disk in every store that was ever made. */
static void the_numbers_of_the_types_stand_for_ever(void **state) {
    (void) state;
    const struct {
        int number;
        const char *name;
    } fixed[] = {
        {0, "io.gangway.gateway.tombstone.v1"}, {1, "io.gangway.scan.observed.v1"},
        {2, "io.gangway.weight.measured.v1"},   {3, "io.gangway.plc.signal_changed.v1"},
        {4, "io.gangway.plc.counted.v1"},       {5, "io.gangway.metric.sampled.v1"},
        {32, "io.gangway.device.condition.v1"}, {48, "io.gangway.gateway.heartbeat.v1"},
        {49, "io.gangway.gateway.started.v1"},  {50, "io.gangway.gateway.clock_corrected.v1"},
        {51, "io.gangway.capture.refused.v1"},  {52, "io.gangway.audit.recorded.v1"},
        {53, "io.gangway.command.result.v1"},
    };
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        const struct gw_event_type_info *info =
            gw_event_type_find((enum gw_event_type) fixed[i].number);
        assert_non_null(info);
        assert_string_equal(info->name, fixed[i].name);
    }
}

static void unknown_types_are_not_found(void **state) {
    (void) state;
    enum gw_event_type untouched = GW_EVENT_METRIC_SAMPLED;
    assert_null(gw_event_type_find((enum gw_event_type) 6));
    assert_null(gw_event_type_find((enum gw_event_type) 65535));
    assert_int_equal(gw_event_type_parse(GW_STR("io.gangway.scan.observed.v2"), &untouched),
                     GW_ERR_NOENT);
    assert_int_equal(gw_event_type_parse(GW_STR(""), &untouched), GW_ERR_NOENT);
    assert_int_equal(untouched, GW_EVENT_METRIC_SAMPLED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_found_by_number_and_by_name),
        cmocka_unit_test(names_and_schemas_say_the_same_noun_and_verb),
        cmocka_unit_test(the_numbers_of_the_types_stand_for_ever),
        cmocka_unit_test(unknown_types_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
