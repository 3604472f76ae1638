/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/policy/flow_class.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void every_class_is_found_by_its_name_and_nothing_else_is(void **state) {
    (void) state;
    for (unsigned i = 0; i < GW_CLASS_COUNT; i++) {
        enum gw_flow_class class = GW_CLASS_COUNT;
        const char *name = gw_flow_class_name((enum gw_flow_class) i);
        assert_int_equal(gw_flow_class_parse(gw_str_from_cstr(name), &class), GW_OK);
        assert_int_equal(class, i);
        assert_string_equal(gw_flow_class_defaults(class)->name, name);
    }
    enum gw_flow_class untouched = GW_CLASS_AUDIT;
    assert_int_equal(gw_flow_class_parse(GW_STR("Business"), &untouched), GW_ERR_NOENT);
    assert_int_equal(gw_flow_class_parse(GW_STR(""), &untouched), GW_ERR_NOENT);
    assert_int_equal(untouched, GW_CLASS_AUDIT);
}

/* These numbers are on disk and in every id that was ever made. */
static void the_numbers_of_the_classes_stand_for_ever(void **state) {
    (void) state;
    assert_string_equal(gw_flow_class_name((enum gw_flow_class) 0), "business");
    assert_string_equal(gw_flow_class_name((enum gw_flow_class) 1), "state");
    assert_string_equal(gw_flow_class_name((enum gw_flow_class) 2), "telemetry");
    assert_string_equal(gw_flow_class_name((enum gw_flow_class) 3), "audit");
    assert_int_equal(GW_CLASS_COUNT, 4);
}

static void what_must_not_be_lost_is_refused_rather_than_evicted(void **state) {
    (void) state;
    assert_int_equal(gw_flow_class_defaults(GW_CLASS_BUSINESS)->on_full, GW_ON_FULL_REFUSE);
    assert_int_equal(gw_flow_class_defaults(GW_CLASS_AUDIT)->on_full, GW_ON_FULL_REFUSE);
    assert_int_equal(gw_flow_class_defaults(GW_CLASS_STATE)->on_full, GW_ON_FULL_EVICT);
    assert_int_equal(gw_flow_class_defaults(GW_CLASS_TELEMETRY)->on_full, GW_ON_FULL_EVICT);
    uint32_t floors = 0;
    for (unsigned i = 0; i < GW_CLASS_COUNT; i++) {
        floors += gw_flow_class_defaults((enum gw_flow_class) i)->link_floor_percent;
        assert_true(gw_flow_class_defaults((enum gw_flow_class) i)->link_floor_percent > 0);
    }
    assert_true(floors <= 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_is_found_by_its_name_and_nothing_else_is),
        cmocka_unit_test(the_numbers_of_the_classes_stand_for_ever),
        cmocka_unit_test(what_must_not_be_lost_is_refused_rather_than_evicted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
